/* SPDX-License-Identifier: MIT */
/*
 * smtp - the transport on a real event loop: streams, how far it runs ahead,
 * the end. What a relay can say is in tests/smtp, a file a case.
 */
#include <dlfcn.h>
#include <netdb.h>

#include "tests/unit/smtp_world.h"

#define assert_notice(w, text)                                      \
	do {                                                        \
		if (strstr(buf_str(&(w)->notices), (text)) == NULL) \
			fail_msg("no \"%s\" in \"%s\"", (text),     \
			    buf_str(&(w)->notices));                \
	} while (0)

static void
test_stream(void **state)
{
	struct world *w = world_new(NULL);

	(void)state;
	w->channel.connections = 2;
	w->channel.messages_per_connection = 30;
	w->server->ehlo = "250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n";
	world_start(w);
	for (int i = 0; i < 200; i++)
		add(w);
	run_until_verdicts(w, 200);
	world_stop(w);
	assert_int_equal(count(w, VERDICT_SENT), 200);
	check_received(w);
	assert_int_equal(w->server->most_open, 2);
	assert_in_range(w->server->n_connections, 200 / 30 + 1, 20);
	assert_string_equal(buf_str(&w->notices), "");
	assert_string_equal(w->deliveries[0].verdict.provider_id, "4TEST");
	assert_string_equal(w->deliveries[0].verdict.enhanced_status, "2.0.0");
	world_free(w);
}

static void
check_bytes(const char *ehlo)
{
	struct world *w = world_new(NULL);

	w->server->ehlo = ehlo;
	world_start(w);
	for (int size = 1900; size < 200000; size = size * 5 / 4) {
		struct delivery *d = add(w);
		struct buf body = {0};

		make_body(&body, size);
		free(d->scope);
		d->scope = buf_steal(&body);
	}
	run_until_verdicts(w, w->n_deliveries);
	world_stop(w);
	check_each_byte(w);
	world_free(w);
}

static void
test_bytes(void **state)
{
	(void)state;
	check_bytes("");
	check_bytes("250-PIPELINING\r\n");
	check_bytes("250-PIPELINING\r\n250-CHUNKING\r\n");
}

static void
assert_status(struct world *w, enum transport_state state, const char *why)
{
	struct transport_status s = {0};

	transport_smtp.status(w->transport, &s);
	assert_int_equal(s.state, state);
	assert_non_null(strstr(s.why, why));
}

/* One message finds out whether the relay is back. */
static void
test_refused_and_back(void **state)
{
	struct world *w = world_new(NULL);
	struct error e = {0};

	(void)state;
	w->transport = transport_smtp.start(&w->channel, &w->host, &e);
	assert_non_null(w->transport);
	add(w);
	run_until_verdicts(w, 1);
	assert_int_equal(w->deliveries[0].verdict.what, VERDICT_RELEASED);
	assert_notice(
	    w, "cannot be reached: Connection refused, next try in 1");
	assert_int_equal(transport_smtp.room(w->transport), 0);
	assert_status(w, TRANSPORT_PAUSED, "Connection refused");
	server_start(w->server);
	while (w->n_ready == 0)
		turn(w, "ready()");
	assert_int_equal(transport_smtp.room(w->transport), 1);
	assert_status(w, TRANSPORT_TRYING, "Connection refused");
	add(w);
	run_until_verdicts(w, 2);
	assert_int_equal(w->deliveries[1].verdict.what, VERDICT_SENT);
	assert_notice(w, "works again");
	assert_int_equal(transport_smtp.room(w->transport), 4);
	assert_status(w, TRANSPORT_WORKING, "");
	world_stop(w);
	world_free(w);
}

/* A login that was refused is not tried again for minutes, but on demand. */
static void
test_refused_login_and_resume(void **state)
{
	static const struct rule rules[] = {
	    {"AUTH", 1, "535 5.7.8 no such user\r\n"}, {0}};
	struct world *w = world_new(rules);

	(void)state;
	w->server->ehlo = "250-AUTH PLAIN\r\n";
	w->channel.user = w->channel.password = "nudge";
	world_start(w);
	add(w);
	run_until_verdicts(w, 1);
	assert_int_equal(w->deliveries[0].verdict.what, VERDICT_RELEASED);
	assert_int_equal(transport_smtp.room(w->transport), 0);
	assert_status(w, TRANSPORT_PAUSED, "535 5.7.8 no such user");
	w->n_ready = 0;
	transport_smtp.resume(w->transport);
	assert_int_equal(w->n_ready, 1);
	assert_status(w, TRANSPORT_WORKING, "");
	assert_int_equal(transport_smtp.room(w->transport), 4);
	add(w);
	run_until_verdicts(w, 2);
	assert_int_equal(w->deliveries[1].verdict.what, VERDICT_SENT);
	world_stop(w);
	world_free(w);
}

/*
 * A relay that takes one connection at a time is used with one. A verdict that
 * is not settled keeps the first busy until the second was refused.
 */
static void
test_one_connection_only(void **state)
{
	static const struct rule rules[] = {
	    {"GREETING", 2, "421 4.7.0 one is enough\r\n"}, {0}};
	struct world *w = world_new(rules);

	(void)state;
	w->channel.connections = 2;
	w->channel.unsettled = 1;
	w->withhold = true;
	world_start(w);
	for (int n = 0; n < 8; n++)
		add(w);
	run_until_verdicts(w, 2);
	assert_int_equal(count(w, VERDICT_SENT), 1);
	assert_int_equal(count(w, VERDICT_RELEASED), 1);
	assert_notice(w, "refuses: 421 4.7.0, going on with 1 "
			 "connection\n");
	w->withhold = false;
	settle(w);
	run_until_verdicts(w, 8);
	world_stop(w);
	check_received(w);
	assert_int_equal(count(w, VERDICT_SENT), 7);
	assert_int_equal(w->server->n_connections, 2);
	world_free(w);
}

/* Let the loop run for a moment in which nothing may happen. */
static void
linger(struct world *w)
{
	struct timeval tv = {0, 50000};

	event_base_loopexit(w->base, &tv);
	event_base_dispatch(w->base);
}

/*
 * With verdicts that are not committed a connection goes no further, so a crash
 * repeats no more than that many.
 */
static void
check_unsettled(int unsettled)
{
	struct world *w = world_new(NULL);

	w->channel.unsettled = unsettled;
	w->withhold = true;
	world_start(w);
	for (int n = 0; n < 12; n++)
		add(w);
	for (int done = 0; done < 12;) {
		int next = done + unsettled < 12 ? done + unsettled : 12;

		run_until_verdicts(w, next);
		feed(w);
		linger(w);
		assert_int_equal(server_received(w->server), next);
		transport_smtp.settled(w->transport, next - done);
		w->n_unsettled -= next - done;
		done = next;
	}
	w->withhold = false;
	world_stop(w);
	assert_int_equal(count(w, VERDICT_SENT), 12);
	assert_int_equal(w->most_unsettled, unsettled);
	assert_int_equal(w->server->n_connections, 1);
	world_free(w);
}

static void
test_unsettled(void **state)
{
	(void)state;
	check_unsettled(1);
	check_unsettled(2);
	check_unsettled(5);
}

/* Each connection by itself: one that is ahead does not take another's share.
 */
static void
test_unsettled_each(void **state)
{
	struct world *w = world_new(NULL);
	int each[2] = {0};

	(void)state;
	w->channel.connections = 2;
	w->channel.unsettled = 3;
	w->withhold = true;
	world_start(w);
	for (int n = 0; n < 20; n++)
		add(w);
	run_until_verdicts(w, 6);
	feed(w);
	linger(w);
	pthread_mutex_lock(&w->server->lock);
	assert_int_equal(w->server->n_connections, 2);
	for (int i = 0; i < w->server->n_received; i++)
		each[w->server->received[i].connection]++;
	pthread_mutex_unlock(&w->server->lock);
	assert_int_equal(each[0], 3);
	assert_int_equal(each[1], 3);
	w->withhold = false;
	settle(w);
	run_until_verdicts(w, 20);
	world_stop(w);
	check_received(w);
	world_free(w);
}

static void
test_stop(void **state)
{
	static const struct rule rules[] = {{"BODY", 2, "!silent"}, {0}};
	struct world *w = world_new(rules);

	(void)state;
	world_start(w);
	for (int n = 0; n < 5; n++)
		add(w);
	run_until_verdicts(w, 1);
	transport_smtp.stop(w->transport, 200);
	assert_int_equal(transport_smtp.room(w->transport), 0);
	run_until_idle(w);
	transport_smtp.free(w->transport);
	server_close(w->server);
	assert_int_equal(w->n_verdicts, w->offered);
	assert_int_equal(count(w, VERDICT_SENT), 1);
	assert_int_equal(count(w, VERDICT_UNSURE), 1);
	assert_int_equal(count(w, VERDICT_RELEASED), w->offered - 2);
	check_received(w);
	world_free(w);
}

/* What has waited for long goes back to the gates, and has not begun. */
static void
test_stale_in_the_list(void **state)
{
	struct world *w = world_new(NULL);

	(void)state;
	world_start(w);
	for (int n = 0; n < 4; n++)
		transport_smtp.offer(w->transport, add(w));
	w->offered = 4;
	run_until_verdicts(w, 4);
	assert_int_equal(count(w, VERDICT_RELEASED), 4);
	assert_true(w->deliveries[0].verdict.retry_after_ms > 0);
	add(w);
	run_until_verdicts(w, 5);
	world_stop(w);
	assert_int_equal(w->deliveries[4].verdict.what, VERDICT_SENT);
	assert_int_equal(w->server->n_mails, 1);
	world_free(w);
}

/* ... also behind a message that takes long, whose connection then ends. */
static void
test_stale_ahead(void **state)
{
	static const struct rule rules[] = {{"DATA", 1, "!stall"}, {0}};
	struct world *w = world_new(rules);

	(void)state;
	w->again = true;
	world_start(w);
	add(w);
	add(w);
	feed(w);
	while (transport_smtp.room(w->transport) < 4)
		linger(w);
	w->deliveries[1].offered_us = 0;
	server_resume(w->server);
	run_until_verdicts(w, 2);
	world_stop(w);
	assert_int_equal(count(w, VERDICT_SENT), 2);
	check_received(w);
	assert_int_equal(w->n_given, 3);
	assert_int_equal(w->server->n_mails, 2);
	assert_int_equal(w->server->n_connections, 2);
	world_free(w);
}

static void
test_take_back(void **state)
{
	static const struct rule rules[] = {{"DATA", 1, "!stall"}, {0}};
	struct world *w = world_new(rules);

	(void)state;
	world_start(w);
	for (int n = 0; n < 6; n++)
		add(w);
	for (feed(w); w->offered < 6; feed(w))
		linger(w);
	transport_smtp.take_back(w->transport);
	run_until_verdicts(w, 4);
	assert_int_equal(count(w, VERDICT_RELEASED), 4);
	server_resume(w->server);
	run_until_verdicts(w, 6);
	world_stop(w);
	assert_int_equal(count(w, VERDICT_SENT), 2);
	check_received(w);
	world_free(w);
}

/* A name server that does not answer until it is told to. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool is_asked, answers;
} names = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, false};

int
getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
    struct addrinfo **out)
{
	int (*real)(const char *, const char *, const struct addrinfo *,
	    struct addrinfo **);

	if (node == NULL || strcmp(node, "silent.test") != 0) {
		*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
		return real(node, service, hints, out);
	}
	pthread_mutex_lock(&names.lock);
	names.is_asked = true;
	pthread_cond_broadcast(&names.changed);
	while (!names.answers)
		pthread_cond_wait(&names.changed, &names.lock);
	pthread_mutex_unlock(&names.lock);
	return EAI_FAIL;
}

/* What has not begun is released at the end, though its thread hangs. */
static void
check_silent_names(enum channel_tls tls)
{
	struct world *w = world_new(NULL);

	names.is_asked = names.answers = false;
	w->channel.host = "silent.test";
	w->channel.tls = tls;
	world_start(w);
	add(w);
	feed(w);
	pthread_mutex_lock(&names.lock);
	while (!names.is_asked)
		pthread_cond_wait(&names.changed, &names.lock);
	pthread_mutex_unlock(&names.lock);
	transport_smtp.stop(w->transport, 0);
	run_until_verdicts(w, 1);
	assert_int_equal(w->deliveries[0].verdict.what, VERDICT_RELEASED);
	assert_false(transport_smtp.is_idle(w->transport));
	free(w->deliveries[0].address); /* the store has it back */
	w->deliveries[0].address = NULL;
	pthread_mutex_lock(&names.lock);
	names.answers = true;
	pthread_cond_broadcast(&names.changed);
	pthread_mutex_unlock(&names.lock);
	world_stop(w);
	assert_int_equal(w->n_given, 1);
	world_free(w);
}

static void
test_silent_names(void **state)
{
	(void)state;
	check_silent_names(TLS_NONE);
	check_silent_names(TLS_IMPLICIT);
}

static void
test_never_on_the_wire(void **state)
{
	struct world *w = world_new(NULL);
	struct delivery *d;

	(void)state;
	world_start(w);
	add(w);
	add_to(w, "held@example.com", "held");
	add_to(w, "a@b.example> RCPT TO:<c@d.example", "Hello\r\n");
	add_to(w, "", "Hello\r\n");
	d = add(w);
	free(d->envelope_from);
	d->envelope_from = NULL;
	add(w);
	run_until_verdicts(w, 6);
	world_stop(w);
	check_received(w);
	assert_int_equal(w->deliveries[0].verdict.what, VERDICT_SENT);
	assert_int_equal(w->deliveries[1].verdict.what, VERDICT_HELD);
	assert_int_equal(w->deliveries[2].verdict.what, VERDICT_REFUSED);
	assert_int_equal(w->deliveries[3].verdict.what, VERDICT_REFUSED);
	assert_int_equal(w->deliveries[4].verdict.what, VERDICT_HELD);
	assert_int_equal(w->deliveries[5].verdict.what, VERDICT_SENT);
	assert_int_equal(w->server->n_mails, 2);
	world_free(w);
}

/* The first of a host's addresses takes connections and says nothing. */
static void
test_next_address(void **state)
{
	struct sockaddr_in6 a = {
	    .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
	int silent = socket(AF_INET6, SOCK_STREAM, 0);
	struct world *w = world_new(NULL);

	(void)state;
	a.sin6_port = htons((uint16_t)w->server->port);
	if (bind(silent, (struct sockaddr *)&a, sizeof a) == 0)
		listen(silent, 8); /* or there is no IPv6 here */
	w->channel.host = "localhost";
	w->channel.timeout_ms = 200;
	world_start(w);
	add(w);
	run_until_verdicts(w, 1);
	world_stop(w);
	assert_int_equal(count(w, VERDICT_SENT), 1);
	check_received(w);
	close(silent);
	world_free(w);
}

static void
test_start_errors(void **state)
{
	struct world *w = world_new(NULL);
	struct error e = {0};

	(void)state;
	w->channel.tls = TLS_STARTTLS;
	w->channel.ca_file = "/does/not/exist.pem";
	assert_null(transport_smtp.start(&w->channel, &w->host, &e));
	assert_non_null(strstr(e.text, "/does/not/exist.pem"));
	server_start(w->server);
	server_close(w->server);
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_start_errors),
	    cmocka_unit_test(test_stream),
	    cmocka_unit_test(test_next_address),
	    cmocka_unit_test(test_bytes),
	    cmocka_unit_test(test_refused_and_back),
	    cmocka_unit_test(test_refused_login_and_resume),
	    cmocka_unit_test(test_one_connection_only),
	    cmocka_unit_test(test_unsettled),
	    cmocka_unit_test(test_unsettled_each),
	    cmocka_unit_test(test_stop),
	    cmocka_unit_test(test_stale_in_the_list),
	    cmocka_unit_test(test_stale_ahead),
	    cmocka_unit_test(test_take_back),
	    cmocka_unit_test(test_silent_names),
	    cmocka_unit_test(test_never_on_the_wire),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
