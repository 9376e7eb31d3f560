/* SPDX-License-Identifier: MIT */
/*
 * smtp - the transport on a real event loop, against a scripted server. The
 * messages are composed here: the scope is the body.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "tests/unit/smtp_server.h"
#include "worker/delivery/compose.h"
#include "worker/delivery/transport.h"
#include "worker/settings.h"

int
compose_mail(struct delivery *d, struct buf *mime)
{
	if (strcmp(d->scope, "held") == 0) {
		d->verdict.what = VERDICT_HELD;
		return -1;
	}
	buf_addf(mime,
	    "Date: Mon, 05 Jan 2026 09:00:00 +0000\r\n"
	    "From: <%s>\r\nTo: <%s>\r\nMessage-ID: <%s@acme.example>\r\n"
	    "Subject: test\r\n\r\n",
	    d->envelope_from, d->address, d->key);
	buf_adds(mime, d->scope);
	return 0;
}

enum { MAX_MESSAGES = 300, GUARD_S = 30 };

/* The loop, as a transport sees it. */
struct world {
	struct event_base *base;
	struct channel channel;
	struct transport_host host;
	struct transport *transport;
	struct server *server;
	struct delivery deliveries[MAX_MESSAGES];
	int n_deliveries, offered, n_verdicts, n_unsettled, n_ready;
	int most_unsettled;
	bool withhold; /* do not say that verdicts are settled */
	struct buf notices;
};

static void
on_verdict(void *arg, struct delivery *d)
{
	struct world *w = arg;

	assert_null(d->owner); /* one verdict each */
	d->owner = w;
	w->n_verdicts++;
	if (++w->n_unsettled > w->most_unsettled)
		w->most_unsettled = w->n_unsettled;
}

static void
on_notice(void *arg, const char *channel, const char *text)
{
	struct world *w = arg;

	assert_string_equal(channel, "email");
	buf_addf(&w->notices, "%s\n", text);
}

static void
on_ready(void *arg)
{
	((struct world *)arg)->n_ready++;
}

static void
on_guard(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	fail_msg("%s did not happen", (const char *)arg);
}

static struct world *
world_new(const struct rule *rules)
{
	struct world *w = xcalloc(1, sizeof *w);

	w->base = event_base_new();
	w->server = server_open(rules);
	w->channel = (struct channel){.name = "email",
	    .type = "smtp",
	    .connections = 1,
	    .unsettled = 4,
	    .timeout_ms = 10000,
	    .host = "127.0.0.1",
	    .port = w->server->port,
	    .helo = "client.test",
	    .messages_per_connection = 100};
	w->host = (struct transport_host){
	    w->base, on_verdict, on_notice, on_ready, w};
	return w;
}

static void
world_start(struct world *w)
{
	struct error e = {0};

	server_start(w->server);
	w->transport = transport_smtp.start(&w->channel, &w->host, &e);
	if (w->transport == NULL)
		fail_msg("%s", e.text);
}

static struct delivery *
add_to(struct world *w, const char *address, const char *body)
{
	struct delivery *d = &w->deliveries[w->n_deliveries];

	assert_true(w->n_deliveries < MAX_MESSAGES);
	snprintf(d->key, sizeof d->key, "key%d", ++w->n_deliveries);
	d->address = xstrdup(address);
	d->envelope_from = xstrdup("hello@acme.example");
	d->scope = xstrdup(body);
	d->scope_len = strlen(body);
	return d;
}

static struct delivery *
add(struct world *w)
{
	char address[40];

	snprintf(
	    address, sizeof address, "user%d@example.com", w->n_deliveries + 1);
	return add_to(w, address, "Hello\r\n");
}

static void
feed(struct world *w)
{
	int room = transport_smtp.room(w->transport);

	for (; room > 0 && w->offered < w->n_deliveries; room--)
		transport_smtp.offer(
		    w->transport, &w->deliveries[w->offered++]);
}

static void
settle(struct world *w)
{
	int n = w->n_unsettled;

	w->n_unsettled = 0;
	transport_smtp.settled(w->transport, n);
}

static void
turn(struct world *w, const char *goal)
{
	struct timeval tv = {GUARD_S, 0};
	struct event *guard = evtimer_new(w->base, on_guard, (void *)goal);

	event_add(guard, &tv);
	event_base_loop(w->base, EVLOOP_ONCE);
	event_free(guard);
	if (!w->withhold)
		settle(w);
}

static void
run_until_verdicts(struct world *w, int n)
{
	feed(w);
	while (w->n_verdicts < n) {
		turn(w, "the verdict");
		feed(w);
	}
}

static void
run_until_idle(struct world *w)
{
	while (!transport_smtp.is_idle(w->transport))
		turn(w, "the end");
}

/* Stops all; the server can be looked at afterwards. */
static void
world_stop(struct world *w)
{
	transport_smtp.stop(w->transport, 5000);
	run_until_idle(w);
	transport_smtp.free(w->transport);
	w->transport = NULL;
	server_close(w->server);
}

static void
world_free(struct world *w)
{
	for (int i = 0; i < w->n_deliveries; i++) {
		free(w->deliveries[i].address);
		free(w->deliveries[i].envelope_from);
		free(w->deliveries[i].scope);
	}
	server_free(w->server);
	event_base_free(w->base);
	buf_free(&w->notices);
	free(w);
}

static int
count(const struct world *w, enum verdict_what what)
{
	int n = 0;

	for (int i = 0; i < w->n_deliveries; i++)
		n += w->deliveries[i].owner != NULL &&
		     w->deliveries[i].verdict.what == what;
	return n;
}

static int
times_received(const struct world *w, const struct delivery *d)
{
	int n = 0;

	for (int i = 0; i < w->server->n_received; i++)
		n += strcmp(w->server->received[i].to, d->address) == 0;
	return n;
}

/* Whoever was told "sent" got it once, the others did not. */
static void
check_received(const struct world *w)
{
	for (int i = 0; i < w->n_deliveries; i++)
		assert_int_equal(times_received(w, &w->deliveries[i]),
		    w->deliveries[i].verdict.what == VERDICT_SENT);
}

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

/* Bodies with every trap there is, around the size of libesmtp's buffer. */
static void
make_body(struct buf *out, size_t size)
{
	static const char *const lines[] = {
	    ".\r\n", "..\r\n", ".dot\r\n", "\r\n", "From here\r\n", "=2E\r\n"};

	for (int i = 0; out->len < size; i++) {
		buf_adds(out, lines[i % 6]);
		buf_addf(out, "%0*d\r\n", 1 + i * 7 % 70, i);
	}
}

static void
check_each_byte(const struct world *w)
{
	assert_int_equal(w->server->n_received, w->n_deliveries);
	for (int i = 0; i < w->n_deliveries; i++) {
		const struct received *r = &w->server->received[i];
		int n = atoi(r->to + strlen("user"));
		struct buf expected = {0};

		compose_mail(
		    (struct delivery *)&w->deliveries[n - 1], &expected);
		assert_int_equal(r->len, expected.len);
		assert_memory_equal(r->data, expected.data, r->len);
		buf_free(&expected);
	}
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

/* Three messages on one connection; something happens to the second. */
static const struct {
	const char *name;
	struct rule rule;
	enum verdict_what what;
	int code;
	bool slows, dead;
} refusals[] = {
    {"RCPT 550", {"RCPT", 2, "550 5.1.1 nobody\r\n"}, VERDICT_REFUSED, 550,
	false, true},
    {"RCPT 450", {"RCPT", 2, "450-4.2.1 busy\r\n450 4.2.1 still\r\n"},
	VERDICT_RETRY, 450, false, false},
    {"MAIL 450", {"MAIL", 2, "450 4.3.0 later\r\n"}, VERDICT_RETRY, 450, true,
	false},
    {"MAIL 550", {"MAIL", 2, "550 5.7.1 not you\r\n"}, VERDICT_REFUSED, 550,
	false, false},
    {"MAIL 421", {"MAIL", 2, "421 4.3.2 enough\r\n"}, VERDICT_RETRY, 421, true,
	false},
    {"DATA 451", {"DATA", 2, "451 4.3.0 later\r\n"}, VERDICT_RETRY, 451, false,
	false},
    {"final 451", {"BODY", 2, "451 4.7.1 later\r\n"}, VERDICT_RETRY, 451, true,
	false},
    {"final 554", {"BODY", 2, "554 5.7.1 spam\r\n"}, VERDICT_REFUSED, 554,
	false, false},
    {"closes at MAIL", {"MAIL", 2, "!close"}, VERDICT_RELEASED, 0, false,
	false},
    {"closes at RCPT", {"RCPT", 2, "!close"}, VERDICT_RETRY, 0, false, false},
    {"final 250 with a line that cannot be read",
	{"BODY", 2, "250-2.0.0 ok\r\n250 2.1.0 odd\r\n"}, VERDICT_SENT, 250,
	false, false},
    {"closes after the final dot", {"BODY", 2, "!close"}, VERDICT_UNSURE, 0,
	false, false},
};

static void
check_refusal(size_t i, struct world *w)
{
	const struct verdict *v;

	world_start(w);
	for (int n = 0; n < 3; n++)
		add(w);
	run_until_verdicts(w, 3);
	world_stop(w);
	check_received(w);
	v = &w->deliveries[1].verdict;
	if (v->what != refusals[i].what || v->code != refusals[i].code ||
	    v->slows_channel != refusals[i].slows ||
	    v->address_is_dead != refusals[i].dead)
		fail_msg("%s: %d %d \"%s\"", refusals[i].name, v->what, v->code,
		    v->text);
	if (count(w, VERDICT_SENT) + count(w, VERDICT_RELEASED) < 2)
		fail_msg("%s: the others suffer", refusals[i].name);
	assert_string_equal(buf_str(&w->notices), "");
}

static void
test_refusals(void **state)
{
	static const char *const ehlos[] = {"250-ENHANCEDSTATUSCODES\r\n",
	    "250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n",
	    "250-PIPELINING\r\n250-CHUNKING\r\n250-ENHANCEDSTATUSCODES\r\n"};

	(void)state;
	for (size_t i = 0; i < 3 * sizeof refusals / sizeof *refusals; i++) {
		const struct rule rules[] = {refusals[i / 3].rule, {0}};
		struct world *w = world_new(rules);

		w->server->ehlo = ehlos[i % 3];
		check_refusal(i / 3, w);
		world_free(w);
	}
}

/* Without look-ahead, and the server gives up each connection in its own way.
 */
static void
test_server_that_ends_connections(void **state)
{
	static const char *const replies[] = {"421 4.3.2 enough\r\n", "!close"};

	(void)state;
	for (int i = 0; i < 2; i++) {
		const struct rule rules[] = {
		    {"MAIL", 4, replies[i]}, {"MAIL", 9, replies[i]}, {0}};
		struct world *w = world_new(rules);

		world_start(w);
		for (int n = 0; n < 20; n++)
			add(w);
		run_until_verdicts(w, 20);
		world_stop(w);
		check_received(w);
		assert_in_range(count(w, VERDICT_SENT), 16, 18);
		assert_int_equal(count(w, VERDICT_RETRY), i == 0 ? 2 : 0);
		assert_int_equal(w->server->n_connections, 3);
		world_free(w);
	}
}

/* The client gives the message up; when the server reads on, it has no end. */
static void
test_stall(void **state)
{
	static const struct rule rules[] = {{"DATA", 1, "!stall"}, {0}};
	struct world *w = world_new(rules);
	struct buf body = {0};
	int bytes = 16 * 1024 * 1024;

	(void)state;
	w->channel.timeout_ms = 1000;
	world_start(w);
	buf_reserve(&body, bytes);
	while (body.len < (size_t)bytes)
		buf_adds(&body, "0123456789012345678901234567890123456789\r\n");
	add_to(w, "slow@example.com", body.data);
	buf_free(&body);
	run_until_verdicts(w, 1);
	assert_int_equal(w->deliveries[0].verdict.what, VERDICT_RETRY);
	server_resume(w->server);
	add(w);
	run_until_verdicts(w, 2);
	assert_int_equal(w->deliveries[1].verdict.what, VERDICT_SENT);
	world_stop(w);
	check_received(w);
	world_free(w);
}

/* The channel fails before any mail: everything comes back, with the reason. */
static void
check_broken(struct world *w, const char *notice)
{
	world_start(w);
	add(w);
	add(w);
	run_until_verdicts(w, 1);
	assert_int_equal(transport_smtp.room(w->transport), 0);
	world_stop(w);
	assert_int_equal(count(w, VERDICT_RELEASED), w->n_verdicts);
	assert_int_equal(w->server->n_received, 0);
	assert_notice(w, notice);
	world_free(w);
}

static void
test_broken(void **state)
{
	static const struct rule silent[] = {{"GREETING", 0, "!silent"}, {0}};
	static const struct rule closes[] = {{"GREETING", 0, "!close"}, {0}};
	static const struct rule refuses[] = {
	    {"GREETING", 0, "554 5.7.1 go\r\n"}, {0}};
	static const struct rule ehlo[] = {
	    {"EHLO", 0, "421 4.3.2 no\r\n"}, {0}};
	static const struct rule first[] = {{"MAIL", 0, "!close"}, {0}};
	struct world *w = world_new(silent);

	(void)state;
	w->channel.timeout_ms = 1000;
	check_broken(w, "does not answer within 1 s, next try in 1 s");
	check_broken(world_new(closes), "closes the connection");
	check_broken(world_new(refuses), "refuses: 554 5.7.1 go");
	check_broken(world_new(ehlo), "refuses: 421 4.3.2 no");
	check_broken(world_new(first), "closes the connection");
	w = world_new(NULL);
	w->channel.host = "does-not-exist.invalid";
	check_broken(w, "does-not-exist.invalid");
	w = world_new(NULL);
	w->channel.tls = TLS_STARTTLS;
	check_broken(w, "does not offer STARTTLS");
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
	server_start(w->server);
	while (w->n_ready == 0)
		turn(w, "ready()");
	assert_int_equal(transport_smtp.room(w->transport), 1);
	add(w);
	run_until_verdicts(w, 2);
	assert_int_equal(w->deliveries[1].verdict.what, VERDICT_SENT);
	assert_notice(w, "works again");
	assert_int_equal(transport_smtp.room(w->transport), 4);
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
	assert_notice(w, "refuses: 421 4.7.0 one is enough, going on with 1 "
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

static void
test_login(void **state)
{
	static const struct rule wrong[] = {
	    {"AUTH", 0, "535 5.7.8 wrong\r\n"}, {0}};
	static const struct rule right[] = {
	    {"AUTH PLAIN AG51ZGdlAHNlY3JldA==", 0, "235 2.7.0 welcome\r\n"},
	    {0}};
	static const struct rule required[] = {
	    {"MAIL", 0, "530 5.7.0 log in\r\n"}, {0}};
	struct world *w = world_new(wrong);

	(void)state;
	w->channel.user = "nudge";
	w->channel.password = "secret";
	w->server->ehlo = "250-AUTH PLAIN LOGIN\r\n";
	world_start(w);
	add(w);
	run_until_verdicts(w, 1);
	assert_int_equal(w->deliveries[0].verdict.what, VERDICT_RELEASED);
	assert_notice(w, "refuses the login: 535 5.7.8 wrong, "
			 "next try in 300 s");
	world_stop(w);
	assert_int_equal(w->server->n_mails, 0);
	world_free(w);

	w = world_new(right);
	w->channel.user = "nudge";
	w->channel.password = "secret";
	w->server->ehlo = "250-AUTH PLAIN\r\n";
	world_start(w);
	add(w);
	run_until_verdicts(w, 1);
	assert_int_equal(w->deliveries[0].verdict.what, VERDICT_SENT);
	world_stop(w);
	world_free(w);

	w = world_new(NULL);
	w->channel.user = "nudge";
	w->channel.password = "secret";
	w->server->ehlo = "250-AUTH XOAUTH2\r\n";
	check_broken(w, "refuses the login: it offers no PLAIN");

	check_broken(world_new(required), "wants a login: 5.7.0 log in");
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

/* Certificates made for the test. */
struct identity {
	EVP_PKEY *key;
	X509 *cert;
};

static struct identity
make_identity(const char *cn, const char *san, const struct identity *by)
{
	struct identity id = {EVP_EC_gen("P-256"), X509_new()};
	X509_NAME *name = X509_get_subject_name(id.cert);
	X509_EXTENSION *e;

	X509_set_version(id.cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(id.cert), by == NULL ? 1 : 2);
	X509_gmtime_adj(X509_getm_notBefore(id.cert), -60);
	X509_gmtime_adj(X509_getm_notAfter(id.cert), 3600);
	X509_set_pubkey(id.cert, id.key);
	X509_NAME_add_entry_by_txt(
	    name, "CN", MBSTRING_ASC, (const unsigned char *)cn, -1, -1, 0);
	X509_set_issuer_name(
	    id.cert, by == NULL ? name : X509_get_subject_name(by->cert));
	e = X509V3_EXT_conf_nid(NULL, NULL,
	    by == NULL ? NID_basic_constraints : NID_subject_alt_name,
	    by == NULL ? "critical,CA:TRUE" : san);
	X509_add_ext(id.cert, e, -1);
	X509_EXTENSION_free(e);
	X509_sign(id.cert, by == NULL ? id.key : by->key, EVP_sha256());
	return id;
}

static void
free_identity(struct identity *id)
{
	EVP_PKEY_free(id->key);
	X509_free(id->cert);
}

struct tls_world {
	struct world *world;
	struct identity authority, server;
	char ca_file[60];
};

/* The server is `san`; the client trusts whoever signed it, or someone else. */
static struct tls_world
tls_world_new(const struct rule *rules, const char *san, bool trusted)
{
	struct tls_world t = {.world = world_new(rules),
	    .ca_file = "/tmp/nudge-smtp-test-XXXXXX"};
	struct identity other = make_identity("other", NULL, NULL);
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	FILE *f = fdopen(mkstemp(t.ca_file), "w");

	t.authority = make_identity("authority", NULL, NULL);
	t.server = make_identity("server", san, &t.authority);
	PEM_write_X509(f, trusted ? t.authority.cert : other.cert);
	fclose(f);
	free_identity(&other);
	SSL_CTX_use_certificate(ctx, t.server.cert);
	SSL_CTX_use_PrivateKey(ctx, t.server.key);
	t.world->server->tls = ctx;
	t.world->channel.tls = TLS_STARTTLS;
	t.world->channel.ca_file = xstrdup(t.ca_file);
	t.world->channel.host = "localhost";
	return t;
}

static void
tls_world_free(struct tls_world *t)
{
	unlink(t->ca_file);
	free_identity(&t->authority);
	free_identity(&t->server);
}

/* Many handshakes: the second used to crash, and tickets to cause a stall. */
static void
test_tls(void **state)
{
	struct tls_world t = tls_world_new(NULL, "DNS:localhost", true);
	struct world *w = t.world;

	(void)state;
	w->channel.messages_per_connection = 2;
	w->channel.connections = 2;
	world_start(w);
	for (int n = 0; n < 100; n++)
		add(w);
	run_until_verdicts(w, 100);
	world_stop(w);
	assert_int_equal(count(w, VERDICT_SENT), 100);
	check_received(w);
	assert_string_equal(w->server->sni, "localhost");
	assert_string_equal(buf_str(&w->notices), "");
	free(w->channel.ca_file);
	world_free(w);
	tls_world_free(&t);
}

static void
test_tls_by_address(void **state)
{
	struct tls_world t = tls_world_new(NULL, "IP:127.0.0.1", true);
	struct world *w = t.world;

	(void)state;
	w->channel.host = "127.0.0.1";
	world_start(w);
	add(w);
	run_until_verdicts(w, 1);
	world_stop(w);
	assert_int_equal(count(w, VERDICT_SENT), 1);
	assert_string_equal(w->server->sni, "");
	free(w->channel.ca_file);
	world_free(w);
	tls_world_free(&t);
}

static void
check_tls_broken(
    const struct rule *rules, const char *san, bool trusted, const char *notice)
{
	struct tls_world t = tls_world_new(rules, san, trusted);
	char *ca_file = t.world->channel.ca_file;

	check_broken(t.world, notice);
	free(ca_file);
	tls_world_free(&t);
}

static void
test_tls_broken(void **state)
{
	/* What follows would be the answers to EHLO, MAIL and so on. */
	static const struct rule injects[] = {
	    {"STARTTLS", 0,
		"220 go on\r\n250 us\r\n250 ok\r\n250 ok\r\n354 go\r\n"
		"250 ok\r\n"},
	    {0}};
	static const struct rule refuses[] = {
	    {"STARTTLS", 0, "454 4.7.0 not now\r\n"}, {0}};

	(void)state;
	check_tls_broken(NULL, "DNS:other.example", true, "hostname mismatch");
	check_tls_broken(NULL, "DNS:localhost", false,
	    "has a bad certificate: unable to get local issuer");
	check_tls_broken(injects, "DNS:localhost", true, "meddles");
	check_tls_broken(
	    refuses, "DNS:localhost", true, "refuses: 454 4.7.0 not now");
}

/* Through libcurl: the same transport otherwise. */
static struct tls_world
implicit_world_new(const struct rule *rules, const char *san)
{
	struct tls_world t = tls_world_new(rules, san, true);

	t.world->channel.tls = TLS_IMPLICIT;
	t.world->server->implicit = true;
	return t;
}

static void
implicit_world_free(struct tls_world *t)
{
	free(t->world->channel.ca_file);
	world_free(t->world);
	tls_world_free(t);
}

static void
test_implicit_tls(void **state)
{
	struct tls_world t = implicit_world_new(NULL, "DNS:localhost");
	struct world *w = t.world;

	(void)state;
	w->channel.connections = 2;
	w->channel.messages_per_connection = 10;
	world_start(w);
	for (int i = 0; i < 60; i++) {
		struct delivery *d = add(w);
		struct buf body = {0};

		make_body(&body, 100 + i * i * 20);
		free(d->scope);
		d->scope = buf_steal(&body);
	}
	run_until_verdicts(w, 60);
	world_stop(w);
	assert_string_equal(buf_str(&w->notices), "");
	assert_int_equal(count(w, VERDICT_SENT), 60);
	check_received(w);
	check_each_byte(w);
	assert_string_equal(w->server->sni, "localhost");
	assert_in_range(w->server->n_connections, 6, 12);
	assert_string_equal(w->deliveries[0].verdict.provider_id, "4TEST");
	implicit_world_free(&t);
}

static void
test_implicit_refusals(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
		const struct rule rules[] = {refusals[i].rule, {0}};
		struct tls_world t = implicit_world_new(rules, "DNS:localhost");

		check_refusal(i, t.world);
		free(t.world->channel.ca_file);
		world_free(t.world);
		tls_world_free(&t);
	}
}

static void
check_implicit_broken(
    const struct rule *rules, const char *san, bool login, const char *notice)
{
	struct tls_world t = implicit_world_new(rules, san);
	char *ca_file = t.world->channel.ca_file;

	if (login) {
		t.world->channel.user = "nudge";
		t.world->channel.password = "secret";
		t.world->server->ehlo = "250-AUTH PLAIN\r\n";
	}
	check_broken(t.world, notice);
	free(ca_file);
	tls_world_free(&t);
}

static void
test_implicit_broken(void **state)
{
	static const struct rule refuses[] = {
	    {"GREETING", 0, "554 5.7.1 go\r\n"}, {0}};
	static const struct rule wrong[] = {
	    {"AUTH", 0, "535 5.7.8 wrong\r\n"}, {0}};

	(void)state;
	check_implicit_broken(
	    NULL, "DNS:other.example", false, "cannot be used");
	check_implicit_broken(refuses, "DNS:localhost", false,
	    "refuses: 554 5.7.1 go, next try in 1 s");
	check_implicit_broken(wrong, "DNS:localhost", true,
	    "refuses the login: 535 5.7.8 wrong, next try in 300 s");
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
	w->channel.tls = TLS_NONE;
	w->channel.host = "::1";
	assert_null(transport_smtp.start(&w->channel, &w->host, &e));
	assert_non_null(strstr(e.text, "IPv6"));
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
	    cmocka_unit_test(test_bytes),
	    cmocka_unit_test(test_refusals),
	    cmocka_unit_test(test_server_that_ends_connections),
	    cmocka_unit_test(test_stall),
	    cmocka_unit_test(test_broken),
	    cmocka_unit_test(test_refused_and_back),
	    cmocka_unit_test(test_one_connection_only),
	    cmocka_unit_test(test_login),
	    cmocka_unit_test(test_unsettled),
	    cmocka_unit_test(test_unsettled_each),
	    cmocka_unit_test(test_stop),
	    cmocka_unit_test(test_never_on_the_wire),
	    cmocka_unit_test(test_tls),
	    cmocka_unit_test(test_tls_by_address),
	    cmocka_unit_test(test_tls_broken),
	    cmocka_unit_test(test_implicit_tls),
	    cmocka_unit_test(test_implicit_refusals),
	    cmocka_unit_test(test_implicit_broken),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
