/* SPDX-License-Identifier: MIT */
/*
 * webhook - against a server in the same loop that answers with the bytes a
 * test gives it. A double composes: a delivery's scope is its body, and "held"
 * cannot be rendered. Every text that the loop gets is searched for the URL's
 * secret.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <arpa/inet.h>

#include <cmocka.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "templates/mem.h"
#include "worker/delivery/compose.h"
#include "worker/delivery/webhook/signature.h"
#include "worker/delivery/webhook/webhook_plan.h"
#include "worker/settings/settings.h"

#define KEY	   "abcdefghijklmnopqrstuvwxyz"
#define SECRET	   "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define OLD_SECRET "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
#define OK	   "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/* What the server does with a request, beside answering with some bytes. */
#define HANG_UP NULL
#define SILENCE ""

static struct {
	struct event_base *base;
	struct evconnlistener *listener;
	int port;
	const char *answers[8]; /* one a request, in order */
	bool deaf;		/* the server reads nothing */
	int requests, connections;
	struct buf request; /* the last one */
	struct bufferevent *clients[8];

	struct channel channel;
	char url[128];
	char *secrets[3];
	json_t *variables; /* names that a url may read */
	struct transport *transport;
	bool in_offer;
	int verdicts, notices, readies;
	char notice[400];
} w;

int
compose_document(struct delivery *d, struct buf *json)
{
	if (strcmp(d->scope, "held") == 0) {
		d->verdict.what = VERDICT_HELD;
		return -1;
	}
	buf_adds(json, d->scope);
	return 0;
}

/* The scope is the channel's, as JSON: what the url reads. */
static json_t *
lookup(void *arg, const char *name)
{
	return json_object_get(arg, name);
}

int
compose_url(struct delivery *d, const struct liquid *liquid, struct buf *text)
{
	json_t *root = json_loads(d->scope, 0, NULL);
	struct liquid_scope scope = {.lookup = lookup, .arg = root};
	struct error e;
	int rc = liquid_render(liquid, &scope, text, &e);

	assert_non_null(root);
	json_decref(root);
	if (rc != 0)
		d->verdict.what = VERDICT_HELD;
	return rc;
}

const struct template_info *
template_info(const struct template *t)
{
	static const struct template_info info = {.file = "templates/t.json"};

	return &info;
}

/* -------------------------------------------------------------- the server */

static void
on_written(struct bufferevent *client, void *arg)
{
	bufferevent_disable(client, EV_WRITE | EV_READ);
	shutdown(bufferevent_getfd(client), SHUT_RDWR);
}

static void
answer(struct bufferevent *client)
{
	const char *bytes = w.answers[w.requests++];

	if (bytes == HANG_UP) {
		on_written(client, NULL);
		return;
	}
	evbuffer_add(bufferevent_get_output(client), bytes, strlen(bytes));
	if (strstr(bytes, "Connection: close") != NULL)
		bufferevent_setcb(client, NULL, on_written, NULL, NULL);
}

/* Takes a request when its head and all of its body are there. */
static void
on_readable(struct bufferevent *client, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(client);
	size_t len = evbuffer_get_length(in), whole;
	const char *bytes = (char *)evbuffer_pullup(in, -1);
	const char *head_end = memmem(bytes, len, "\r\n\r\n", 4), *field;

	if (head_end == NULL)
		return;
	field = memmem(bytes, len, "Content-Length: ", 16);
	assert_non_null(field);
	whole = (size_t)(head_end + 4 - bytes) + strtoul(field + 16, NULL, 10);
	if (len < whole)
		return;
	buf_truncate(&w.request, 0);
	buf_add(&w.request, bytes, whole);
	evbuffer_drain(in, whole);
	answer(client);
}

static void
on_connection(struct evconnlistener *l, evutil_socket_t fd,
    struct sockaddr *from, int len, void *arg)
{
	struct bufferevent *client =
	    bufferevent_socket_new(w.base, fd, BEV_OPT_CLOSE_ON_FREE);

	bufferevent_setcb(client, on_readable, NULL, NULL, NULL);
	if (!w.deaf)
		bufferevent_enable(client, EV_READ | EV_WRITE);
	w.clients[w.connections++] = client;
}

static void
server_start(void)
{
	struct sockaddr_in at = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof at;

	w.listener = evconnlistener_new_bind(w.base, on_connection, NULL,
	    LEV_OPT_CLOSE_ON_FREE, 8, (struct sockaddr *)&at, sizeof at);
	assert_non_null(w.listener);
	getsockname(
	    evconnlistener_get_fd(w.listener), (struct sockaddr *)&at, &len);
	w.port = ntohs(at.sin_port);
}

/* ---------------------------------------------------------------- the loop */

static void
on_verdict(void *arg, struct delivery *d)
{
	assert_false(w.in_offer);
	assert_null(strstr(d->verdict.text, "s3cret"));
	w.verdicts++;
}

static void
on_notice(void *arg, const char *channel, const char *text)
{
	assert_string_equal(channel, "hook");
	assert_null(strstr(text, "s3cret"));
	snprintf(w.notice, sizeof w.notice, "%s", text);
	w.notices++;
}

static void
on_ready(void *arg)
{
	w.readies++;
}

static struct transport *
start(void)
{
	struct transport_host host = {.base = w.base,
	    .verdict = on_verdict,
	    .notice = on_notice,
	    .ready = on_ready};
	struct problems problems = {0};
	struct error e;

	w.channel.plan = webhook_plan_new(&w.channel, w.variables, &problems);
	if (w.channel.plan == NULL)
		fail_msg("%s", problems.list[0].at.text);
	return transport_webhook.start(&w.channel, &host, &e);
}

static int
setup(void **state)
{
	memset(&w, 0, sizeof w);
	w.base = event_base_new();
	server_start();
	snprintf(w.url, sizeof w.url, "http://127.0.0.1:%d/s3cret", w.port);
	w.variables = json_pack("{s:n,s:n,s:n}", "id", "to", "url");
	w.channel = (struct channel){.name = "hook",
	    .type = "webhook",
	    .url = w.url,
	    .method = "POST",
	    .body = "json",
	    .connections = 2,
	    .unsettled = 4,
	    .timeout_ms = 10000,
	    .connect_timeout_ms = 10000,
	    .max_reply = 65536};
	return 0;
}

static void
on_stuck(evutil_socket_t fd, short what, void *arg)
{
	fail_msg("stuck with %d verdicts", w.verdicts);
}

/* Runs the loop until `*count` is `wanted`. */
static void
run_until(const int *count, int wanted)
{
	struct event *guard = evtimer_new(w.base, on_stuck, NULL);
	struct timeval tv = {20, 0};

	event_add(guard, &tv);
	while (*count < wanted)
		event_base_loop(w.base, EVLOOP_ONCE);
	event_free(guard);
}

static int
teardown(void **state)
{
	if (w.transport != NULL) {
		transport_webhook.stop(w.transport, 0);
		while (!transport_webhook.is_idle(w.transport))
			event_base_loop(w.base, EVLOOP_ONCE);
		transport_webhook.free(w.transport);
	}
	for (int i = 0; i < w.connections; i++)
		bufferevent_free(w.clients[i]);
	if (w.listener != NULL)
		evconnlistener_free(w.listener);
	event_base_free(w.base);
	buf_free(&w.request);
	webhook_plan_free(w.channel.plan);
	json_decref(w.channel.headers);
	json_decref(w.variables);
	return 0;
}

static void
offer(struct delivery *d, const char *body)
{
	if (w.transport == NULL)
		w.transport = start();
	*d = (struct delivery){.key = KEY,
	    .scope = (char *)body,
	    .verdict = {.code = 1, .text = "stale"}};
	w.in_offer = true;
	transport_webhook.offer(w.transport, d);
	w.in_offer = false;
}

/* Posts `body` to a server that answers so; the verdict. */
static struct verdict
post_body(const char *body, const char *reply)
{
	struct delivery d;

	w.answers[w.requests] = reply;
	offer(&d, body);
	run_until(&w.verdicts, w.verdicts + 1);
	transport_webhook.settled(w.transport, 1);
	return d.verdict;
}

static struct verdict
post(const char *reply)
{
	return post_body("{\"a\":1}", reply);
}

/* ----------------------------------------------------------------- statuses */

static void
test_statuses(void **state)
{
	static const struct {
		const char *reply;
		enum verdict_what what;
		int code;
		const char *text;
		int64_t retry_after_ms;
		bool slows;
		const char *notice; /* part of it; NULL: none */
	} rows[] = {
	    {OK, VERDICT_SENT, 200, "ok", 0, false, NULL},
	    {"HTTP/1.1 204 No Content\r\n\r\n", VERDICT_SENT, 204, "", 0, false,
		NULL},
	    {"HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: "
	     "2\r\n\r\nhi",
		VERDICT_RETRY, 302, "redirects are not followed", 0, false,
		" answers with 302"},
	    {"HTTP/1.1 400 Bad Request\r\nContent-Length: 21\r\n\r\n"
	     "invalid_payload\nmore\n",
		VERDICT_REFUSED, 400, "invalid_payload", 0, false, NULL},
	    {"HTTP/1.1 400 Bad Request\r\nContent-Length: 7\r\n\r\n"
	     "a\033[2J\xc3\xab",
		VERDICT_REFUSED, 400, "a?[2J??", 0, false, NULL},
	    {"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
		VERDICT_RELEASED, 401, "", 0, false, " answers with 401, next"},
	    {"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
		VERDICT_RELEASED, 403, "", 0, false,
		" answers with 403, next try in 1 s"},
	    {"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nwhat?",
		VERDICT_RELEASED, 404, "what?", 0, false,
		" answers with 404, next try in 1 s"},
	    {"HTTP/1.1 404 Not Found\r\nContent-Length: 10\r\n\r\nno_service",
		VERDICT_RELEASED, 404, "no_service", 0, false,
		" answers with 404; nothing is sent there until"},
	    {"HTTP/1.1 408 Timeout\r\nContent-Length: 0\r\n\r\n", VERDICT_RETRY,
		408, "", 0, false, NULL},
	    {"HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\n\r\n",
		VERDICT_RETRY, 409, "", 0, false, NULL},
	    {"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n", VERDICT_RELEASED,
		410, "", 0, false, " answers with 410; nothing is sent there"},
	    {"HTTP/1.1 422 No\r\nContent-Length: 0\r\nRetry-After: 9\r\n\r\n",
		VERDICT_REFUSED, 422, "", 0, false, NULL},
	    {"HTTP/1.1 425 Early\r\nContent-Length: 0\r\n\r\n", VERDICT_RETRY,
		425, "", 0, false, NULL},
	    {"HTTP/1.1 429 Slow\r\nRetry-After: 30\r\nContent-Length: "
	     "12\r\n\r\nrate_limited",
		VERDICT_RETRY, 429, "rate_limited", 30000, true, NULL},
	    {"HTTP/1.1 429 Slow\r\nRetry-After: soon\r\nContent-Length: "
	     "0\r\n\r\n",
		VERDICT_RETRY, 429, "", 0, true, NULL},
	    {"HTTP/1.1 429 Slow\r\nRetry-After: -5\r\nContent-Length: "
	     "0\r\n\r\n",
		VERDICT_RETRY, 429, "", 0, true, NULL},
	    {"HTTP/1.1 503 Down\r\nRetry-After: 99999999999\r\nContent-Length: "
	     "0\r\n\r\n",
		VERDICT_RETRY, 503, "", 86400000, true, NULL},
	    {"HTTP/1.1 429 Slow\r\nRetry-After: Thu, 01 Jan 1998 00:00:00 GMT"
	     "\r\nContent-Length: 0\r\n\r\n",
		VERDICT_RETRY, 429, "", 0, true, NULL},
	    {"HTTP/1.1 500 Oops\r\nContent-Length: 12\r\n\r\nrollup_error",
		VERDICT_RETRY, 500, "rollup_error", 0, false,
		"answers with 500"},
	    {"HTTP/1.1 502 Bad\r\nContent-Length: 0\r\n\r\n", VERDICT_RETRY,
		502, "", 0, true, NULL},
	    {"HTTP/1.1 504 Late\r\nContent-Length: 0\r\n\r\n", VERDICT_RETRY,
		504, "", 0, true, NULL},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct verdict v;

		w.requests = 0;
		post(OK);
		transport_webhook.resume(w.transport);
		w.notices = 0;
		v = post(rows[i].reply);
		assert_int_equal(v.code, rows[i].code);
		assert_int_equal(v.what, rows[i].what);
		assert_string_equal(v.text, rows[i].text);
		assert_int_equal(v.retry_after_ms, rows[i].retry_after_ms);
		assert_int_equal(v.slows_channel, rows[i].slows);
		assert_int_equal(w.notices, rows[i].notice != NULL);
		if (rows[i].notice != NULL)
			assert_non_null(strstr(w.notice, rows[i].notice));
	}
	assert_int_equal(w.connections, 1); /* kept over all of them */
}

static void
test_retry_after_date(void **state)
{
	char reply[200], date[40];
	time_t then = time(NULL) + 3600;
	struct verdict v;

	strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime(&then));
	snprintf(reply, sizeof reply,
	    "HTTP/1.1 503 Down\r\nRetry-After: %s\r\nContent-Length: 0\r\n\r\n",
	    date);
	v = post(reply);
	assert_int_equal(v.what, VERDICT_RETRY);
	assert_in_range(v.retry_after_ms, 3500000, 3600000);
}

#define GONE   "HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"
#define DENIED "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"

static int
room(void)
{
	return transport_webhook.room(w.transport);
}

static void
assert_status(enum transport_state state, const char *why)
{
	struct transport_status s = {0};

	transport_webhook.status(w.transport, &s);
	assert_int_equal(s.state, state);
	assert_string_equal(s.why, why);
	assert_true((s.until_ms != 0) ==
		    (state == TRANSPORT_PAUSED || state == TRANSPORT_TRYING));
}

/* 410: nobody is asked any more until somebody says otherwise. */
static void
test_gone(void **state)
{
	char expected[128];

	assert_int_equal(post(GONE).what, VERDICT_RELEASED);
	assert_int_equal(room(), 0);
	snprintf(expected, sizeof expected,
	    "127.0.0.1:%d answers with 410; nothing is sent there until "
	    "nudge channels resume, a reload or a restart",
	    w.port);
	assert_string_equal(w.notice, expected);
	assert_int_equal(w.notices, 1);
	assert_status(TRANSPORT_OFF, "answers with 410");
	w.readies = 0;
	transport_webhook.resume(w.transport);
	assert_int_equal(w.readies, 1);
	assert_int_equal(room(), 2);
	assert_status(TRANSPORT_WORKING, "");
	post(GONE);
	assert_int_equal(w.notices, 2);
}

/* What was on its way when the endpoint went changes nothing. */
static void
test_gone_among_others(void **state)
{
	struct delivery d[2];

	w.answers[0] = GONE;
	w.answers[1] = OK;
	offer(&d[0], "{}");
	offer(&d[1], "{}");
	run_until(&w.verdicts, 2);
	transport_webhook.settled(w.transport, 2);
	assert_int_equal(room(), 0);
}

/* The lane waits, one message finds out, and the lane goes on. */
static void
test_denied(void **state)
{
	assert_int_equal(post(DENIED).what, VERDICT_RELEASED);
	assert_int_equal(w.notices, 1);
	assert_int_equal(room(), 0);
	assert_status(TRANSPORT_PAUSED, "answers with 403");
	run_until(&w.readies, w.readies + 1);
	assert_int_equal(room(), 1);
	assert_status(TRANSPORT_TRYING, "answers with 403");
	post(DENIED);
	assert_int_equal(w.notices, 1); /* told once */
	assert_int_equal(room(), 0);
	assert_int_equal(post(OK).what, VERDICT_SENT);
	assert_int_equal(w.notices, 2);
	assert_non_null(strstr(w.notice, " works again"));
	assert_int_equal(room(), 2);
}

/* It goes on, and says what a person should look at. */
static void
test_errors_of_its_own(void **state)
{
	static const char *const oops =
	    "HTTP/1.1 500 Oops\r\nContent-Length: 3\r\n\r\nsql";

	post(oops);
	post(oops);
	assert_int_equal(w.notices, 1);
	assert_status(TRANSPORT_WORKING, "answers with 500: sql");
	post(OK);
	assert_status(TRANSPORT_WORKING, "");
}

/* The status was there: what is wrong with the rest changes nothing. */
static void
test_long_and_broken_answers(void **state)
{
	struct buf reply = {0};
	struct verdict v;

	buf_adds(&reply, "HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n");
	for (int i = 0; i < 300000; i++)
		buf_addc(&reply, 'x');
	v = post(reply.data);
	assert_int_equal(v.what, VERDICT_SENT);
	assert_int_equal(strlen(v.text), sizeof v.text - 1);
	buf_truncate(&reply, 0);
	buf_adds(&reply, "HTTP/1.1 200 OK\r\nX-Long: ");
	for (int i = 0; i < 70000; i++)
		buf_addc(&reply, 'x');
	buf_adds(&reply, "\r\nContent-Length: 2\r\n\r\nok");
	v = post(reply.data);
	assert_int_equal(v.what, VERDICT_SENT);
	assert_string_equal(v.text, "");
	buf_truncate(&reply, 0);
	buf_adds(&reply, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n"
			 "Connection: close\r\n\r\nok");
	v = post(reply.data);
	assert_int_equal(v.what, VERDICT_SENT);
	assert_string_equal(v.text, "ok");
	buf_free(&reply);
}

/* -------------------------------------------------------------- no answer */

static void
test_refused_connection(void **state)
{
	char expected[64];
	struct verdict v;

	evconnlistener_free(w.listener);
	w.listener = NULL;
	v = post(OK);
	assert_int_equal(v.what, VERDICT_RELEASED);
	assert_int_equal(v.code, 0);
	assert_int_equal(room(), 0);
	snprintf(expected, sizeof expected,
	    "127.0.0.1:%d cannot be reached: ", w.port);
	assert_non_null(strstr(w.notice, expected));
}

static void
test_hang_up(void **state)
{
	struct verdict v = post(HANG_UP);

	assert_int_equal(v.what, VERDICT_UNSURE);
	assert_int_equal(v.code, 0);
	assert_string_equal(v.text, "Empty reply from server");
	assert_int_equal(w.notices, 0);
}

/* Curl must not post a second time on its own. */
static void
test_hang_up_of_a_kept_connection(void **state)
{
	post(OK);
	assert_int_equal(post(HANG_UP).what, VERDICT_UNSURE);
	assert_int_equal(w.requests, 2);
	assert_int_equal(post(OK).what, VERDICT_SENT);
}

static void
test_cut_status_line(void **state)
{
	assert_int_equal(post("HTTP/1.1 2\r\nConnection: close\r\n\r\n").what,
	    VERDICT_UNSURE);
}

static void
test_timeout_after_the_body(void **state)
{
	struct verdict v;

	w.channel.timeout_ms = 1000;
	v = post(SILENCE);
	assert_int_equal(w.requests, 1);
	assert_int_equal(v.what, VERDICT_UNSURE);
	assert_non_null(strstr(v.text, "timed out"));
}

/* More than the sockets' buffers hold, to a server that does not read. */
static char *
big_body(void)
{
	size_t len = 32 * 1024 * 1024;
	char *body = xmalloc(len + 1);

	memset(body, 'x', len);
	body[len] = '\0';
	return body;
}

static void
test_timeout_within_the_body(void **state)
{
	char *body = big_body();
	struct verdict v;

	w.channel.timeout_ms = 150;
	w.deaf = true;
	v = post_body(body, SILENCE);
	assert_int_equal(v.what, VERDICT_RETRY);
	assert_int_equal(room(), 0);
	assert_int_equal(w.notices, 1);
	free(body);
}

static void
test_tls_that_fails(void **state)
{
	struct verdict v;

	w.channel.timeout_ms = 150;
	snprintf(w.url, sizeof w.url, "https://127.0.0.1:%d/s3cret", w.port);
	v = post(OK);
	assert_int_equal(v.what, VERDICT_RELEASED);
	assert_int_equal(w.requests, 0);
}

/* ------------------------------------------------------------- the request */

/* The value of a header of the last request; caller frees. NULL: none. */
static char *
header(const char *name)
{
	char line[64];
	const char *at;

	snprintf(line, sizeof line, "\r\n%s: ", name);
	at = strcasestr(buf_str(&w.request), line);
	if (at == NULL)
		return NULL;
	at += strlen(line);
	return xstrndup(at, strcspn(at, "\r"));
}

static void
assert_header(const char *name, const char *expected)
{
	char *value = header(name);

	assert_non_null(value);
	assert_string_equal(value, expected);
	free(value);
}

static void
test_request(void **state)
{
	char *timestamp;

	w.channel.headers = json_pack("{s:s}", "Authorization", "Bearer abc");
	post_body("{\"text\":\"Zo\xc3\xab\"}", OK);
	assert_memory_equal(w.request.data, "POST /s3cret HTTP/1.1\r\n", 23);
	assert_header("Content-Type", "application/json");
	assert_header("Content-Length", "15");
	assert_header("Idempotency-Key", KEY);
	assert_header("webhook-id", KEY);
	assert_header("User-Agent", "nudge/" NUDGE_VERSION);
	assert_header("Authorization", "Bearer abc");
	assert_null(header("webhook-signature"));
	assert_null(header("Expect"));
	timestamp = header("webhook-timestamp");
	assert_in_range(atoll(timestamp), time(NULL) - 100, time(NULL));
	free(timestamp);
	assert_string_equal(strstr(w.request.data, "\r\n\r\n") + 4,
	    "{\"text\":\"Zo\xc3\xab\"}");
}

static void
test_big_body_arrives_whole(void **state)
{
	char *body = big_body();

	body[3 * 1024 * 1024] = '\0';
	assert_int_equal(post_body(body, OK).what, VERDICT_SENT);
	assert_string_equal(strstr(w.request.data, "\r\n\r\n") + 4, body);
	free(body);
}

static void
test_form_and_method(void **state)
{
	w.channel.body = "form";
	w.channel.method = "PUT";
	post_body("{\"to\":\"Zo\u00eb <z@x>\",\"tag\":[\"a\",\"b\"]}", OK);
	assert_memory_equal(w.request.data, "PUT /s3cret HTTP/1.1\r\n", 22);
	assert_header("Content-Type", "application/x-www-form-urlencoded");
	assert_string_equal(strstr(w.request.data, "\r\n\r\n") + 4,
	    "to=Zo%C3%AB%20%3Cz%40x%3E&tag=a&tag=b");
}

static void
test_what_is_no_form(void **state)
{
	struct verdict v;

	w.channel.body = "form";
	v = post_body("{\"to\":{\"a\":1}}", OK);
	assert_int_equal(v.what, VERDICT_HELD);
	assert_non_null(strstr(v.text, "templates/t.json: the field \"to\""));
	assert_int_equal(w.connections, 0);
}

static void
test_authentication(void **state)
{
	w.channel.user = "api";
	w.channel.password = "key-xyz";
	post_body("{}", OK);
	assert_header("Authorization", "Basic YXBpOmtleS14eXo=");
}

static void
test_bearer(void **state)
{
	w.channel.bearer = "abc";
	post_body("{}", OK);
	assert_header("Authorization", "Bearer abc");
}

/* --------------------------------------------------------- urls with values */

static void
set_path(const char *path)
{
	snprintf(w.url, sizeof w.url, "http://127.0.0.1:%d%s", w.port, path);
}

static void
test_values_in_the_path(void **state)
{
	set_path("/s3cret/{{ id }}?to={{ to }}");
	post_body("{\"id\":\"a/b?c#d\",\"to\":\"x&y=z\"}", OK);
	assert_memory_equal(w.request.data,
	    "POST /s3cret/a%2Fb%3Fc%23d?to=x%26y%3Dz HTTP/1.1\r\n", 50);
	assert_int_equal(
	    post_body("{\"id\":\"..\",\"to\":1}", OK).what, VERDICT_HELD);
	assert_int_equal(post_body("{\"to\":1}", OK).what, VERDICT_HELD);
	assert_int_equal(w.requests, 1);
}

/* The resource is not there, or is gone: that says nothing of the channel. */
static void
test_values_that_are_not_found(void **state)
{
	set_path("/s3cret/{{ id }}");
	assert_int_equal(post_body("{\"id\":1}", DENIED).what, VERDICT_REFUSED);
	assert_int_equal(post_body("{\"id\":1}", GONE).what, VERDICT_REFUSED);
	assert_int_equal(room(), 2);
	assert_int_equal(w.notices, 0);
}

static void
test_private_addresses(void **state)
{
	static const char *const hosts[] = {"127.0.0.1", "localhost", "[::1]",
	    "[::ffff:127.0.0.1]", "0x7f.1", "2130706433", "0"};
	char body[100];
	struct verdict v;

	w.channel.url = "{{ url }}";
	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
		snprintf(body, sizeof body, "{\"url\":\"http://%s:%d/s3cret\"}",
		    hosts[i], w.port);
		v = post_body(body, OK);
		assert_int_equal(v.what, VERDICT_REFUSED);
		assert_non_null(strstr(v.text, "which is private"));
	}
	assert_int_equal(w.connections, 0);
	assert_int_equal(w.notices, 0);
}

static void
test_private_addresses_that_are_allowed(void **state)
{
	char body[100];

	w.channel.url = "{{ url }}";
	w.channel.allow_private = true;
	snprintf(body, sizeof body, "{\"url\":\"http://127.0.0.1:%d/s3cret\"}",
	    w.port);
	assert_int_equal(post_body(body, OK).what, VERDICT_SENT);
	/* another one's failure is not the channel's */
	assert_int_equal(post_body(body, GONE).what, VERDICT_REFUSED);
	assert_int_equal(
	    post_body("{\"url\":\"http://127.0.0.1:1/\"}", OK).what,
	    VERDICT_RETRY);
	assert_int_equal(room(), 2);
	assert_int_equal(w.notices, 0);
}

static void
test_values_that_are_no_url(void **state)
{
	static const char *const urls[] = {"", "a.example/s3cret",
	    "file:///s3cret", "http://", "http://a b/s3cret",
	    "gopher://127.0.0.1/"};
	char body[100];

	w.channel.url = "{{ url }}";
	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
		snprintf(body, sizeof body, "{\"url\":\"%s\"}", urls[i]);
		assert_int_equal(post_body(body, OK).what, VERDICT_HELD);
	}
}

/* -------------------------------------------------------- the channel's rules
 */

#define JSON(text)                                 \
	"HTTP/1.1 200 OK\r\nX-Message-Id: m-1\r\n" \
	"Connection: close\r\n\r\n" text

static void
test_rules(void **state)
{
	struct verdict v;

	w.channel.success = "reply.ok";
	w.channel.provider_id = "header['x-message-id']";
	v = post(JSON("{\"ok\":true}"));
	assert_int_equal(v.what, VERDICT_SENT);
	assert_string_equal(v.provider_id, "m-1");
	v = post(JSON("{\"ok\":false,\"error\":\"no_text\"}"));
	assert_int_equal(v.what, VERDICT_REFUSED);
	assert_string_equal(v.text, "{\"ok\":false,\"error\":\"no_text\"}");
	assert_string_equal(v.provider_id, "");
}

/* It was taken, but how? */
static void
test_rules_on_a_broken_answer(void **state)
{
	w.channel.success = "reply.ok";
	assert_int_equal(post("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n"
			      "Connection: close\r\n\r\n{\"ok")
			     .what,
	    VERDICT_UNSURE);
}

static void
test_signature(void **state)
{
	struct signature_key keys[2];
	struct buf expected = {0};
	struct error e;
	char *timestamp;

	w.secrets[0] = SECRET;
	w.secrets[1] = OLD_SECRET;
	w.channel.secrets = w.secrets;
	post_body("{\"a\":1}", OK);
	signature_key_parse(&keys[0], SECRET, &e);
	signature_key_parse(&keys[1], OLD_SECRET, &e);
	timestamp = header("webhook-timestamp");
	signature_make(
	    keys, 2, KEY, atoll(timestamp), "{\"a\":1}", 7, &expected);
	assert_header("webhook-signature", expected.data);
	free(timestamp);
	buf_free(&expected);
}

/* ------------------------------------------------------------------ limits */

static void
test_room_waits_for_settled(void **state)
{
	struct delivery d[2];

	w.channel.unsettled = 1;
	w.answers[0] = w.answers[1] = OK;
	offer(&d[0], "{}");
	assert_int_equal(transport_webhook.room(w.transport), 1);
	offer(&d[1], "{}");
	assert_int_equal(transport_webhook.room(w.transport), 0);
	run_until(&w.verdicts, 2);
	assert_int_equal(transport_webhook.room(w.transport), 0);
	assert_int_equal(w.readies, 0);
	transport_webhook.settled(w.transport, 1);
	assert_int_equal(transport_webhook.room(w.transport), 1);
	assert_int_equal(w.readies, 1);
}

static void
test_room_is_connections(void **state)
{
	struct delivery d[2];

	w.answers[0] = w.answers[1] = OK;
	offer(&d[0], "{}");
	offer(&d[1], "{}");
	assert_int_equal(transport_webhook.room(w.transport), 0);
	run_until(&w.verdicts, 2);
	assert_int_equal(w.connections, 2);
	assert_int_equal(transport_webhook.room(w.transport), 2);
	assert_true(w.readies > 0);
}

static void
test_held(void **state)
{
	assert_int_equal(post_body("held", OK).what, VERDICT_HELD);
	assert_int_equal(w.connections, 0);
}

/* -------------------------------------------------------------------- stop */

static void
test_stop_lets_finish(void **state)
{
	struct delivery d;

	w.answers[0] = OK;
	offer(&d, "{}");
	transport_webhook.stop(w.transport, 20000);
	assert_int_equal(transport_webhook.room(w.transport), 0);
	assert_false(transport_webhook.is_idle(w.transport));
	run_until(&w.verdicts, 1);
	assert_int_equal(d.verdict.what, VERDICT_SENT);
	assert_true(transport_webhook.is_idle(w.transport));
	assert_int_equal(w.readies, 0);
}

static void
test_stop_ends_what_does_not(void **state)
{
	struct delivery d;

	w.answers[0] = SILENCE;
	offer(&d, "{}");
	run_until(&w.requests, 1);
	transport_webhook.stop(w.transport, 10);
	run_until(&w.verdicts, 1);
	assert_int_equal(d.verdict.what, VERDICT_UNSURE);
	assert_string_equal(d.verdict.text, "the worker stopped");
}

static void
test_stop_releases_what_was_not_sent(void **state)
{
	char *body = big_body();
	struct delivery d;

	w.deaf = true;
	offer(&d, body);
	run_until(&w.connections, 1);
	transport_webhook.stop(w.transport, 10);
	run_until(&w.verdicts, 1);
	assert_int_equal(d.verdict.what, VERDICT_RELEASED);
	assert_int_equal(w.notices, 0);
	free(body);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_statuses),
	    TEST(test_retry_after_date),
	    TEST(test_gone),
	    TEST(test_gone_among_others),
	    TEST(test_denied),
	    TEST(test_errors_of_its_own),
	    TEST(test_long_and_broken_answers),
	    TEST(test_refused_connection),
	    TEST(test_hang_up),
	    TEST(test_hang_up_of_a_kept_connection),
	    TEST(test_cut_status_line),
	    TEST(test_timeout_after_the_body),
	    TEST(test_timeout_within_the_body),
	    TEST(test_tls_that_fails),
	    TEST(test_request),
	    TEST(test_big_body_arrives_whole),
	    TEST(test_form_and_method),
	    TEST(test_what_is_no_form),
	    TEST(test_authentication),
	    TEST(test_bearer),
	    TEST(test_values_in_the_path),
	    TEST(test_values_that_are_not_found),
	    TEST(test_private_addresses),
	    TEST(test_private_addresses_that_are_allowed),
	    TEST(test_values_that_are_no_url),
	    TEST(test_rules),
	    TEST(test_rules_on_a_broken_answer),
	    TEST(test_signature),
	    TEST(test_room_waits_for_settled),
	    TEST(test_room_is_connections),
	    TEST(test_held),
	    TEST(test_stop_lets_finish),
	    TEST(test_stop_ends_what_does_not),
	    TEST(test_stop_releases_what_was_not_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
