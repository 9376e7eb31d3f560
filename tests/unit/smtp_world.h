/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_SMTP_WORLD_H
#define TESTS_UNIT_SMTP_WORLD_H

/*
 * smtp_world - the loop as the SMTP transport sees it, on one side, and a
 * server that does as it is told on the other. The messages are composed here:
 * the scope is the body. A test uses what it needs of this.
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

#pragma GCC diagnostic ignored "-Wunused-function"
#include "tests/unit/smtp_server.h"
#include "worker/clock.h"
#include "worker/delivery/compose.h"
#include "worker/delivery/transport.h"
#include "worker/settings/settings.h"

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

enum { MAX_MESSAGES = 300, MAX_OFFERS = 10 * MAX_MESSAGES, GUARD_S = 30 };

/* The loop, as a transport sees it. */
struct world {
	struct event_base *base;
	struct channel channel;
	struct transport_host host;
	struct transport *transport;
	struct server *server;
	struct delivery deliveries[MAX_MESSAGES];
	struct delivery *line[MAX_OFFERS]; /* in the order they are offered */
	int n_deliveries, n_line, offered, n_verdicts, n_unsettled, n_ready;
	int n_given; /* verdicts, also of what is offered again */
	int most_unsettled;
	bool withhold; /* do not say that verdicts are settled */
	bool again;    /* offer what is released once more, as the store does */
	struct buf notices;
};

static void
on_verdict(void *arg, struct delivery *d)
{
	struct world *w = arg;

	assert_null(d->owner); /* one verdict each */
	w->n_given++;
	if (++w->n_unsettled > w->most_unsettled)
		w->most_unsettled = w->n_unsettled;
	if (w->again && d->verdict.what == VERDICT_RELEASED) {
		assert_true(w->n_line < MAX_OFFERS);
		w->line[w->n_line++] = d;
		return;
	}
	d->owner = w;
	w->n_verdicts++;
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
	w->line[w->n_line++] = d;
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

	for (; room > 0 && w->offered < w->n_line; room--) {
		struct delivery *d = w->line[w->offered++];

		d->offered_us = clock_monotonic_us();
		transport_smtp.offer(w->transport, d);
	}
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

/* Certificates made for the test. */
struct identity {
	EVP_PKEY *key;
	X509 *cert;
};

static struct identity
make_identity(
    const char *cn, const char *san, const struct identity *by, long until_s)
{
	struct identity id = {EVP_EC_gen("P-256"), X509_new()};
	X509_NAME *name = X509_get_subject_name(id.cert);
	X509_EXTENSION *e;

	X509_set_version(id.cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(id.cert), by == NULL ? 1 : 2);
	X509_gmtime_adj(X509_getm_notBefore(id.cert), -7200);
	X509_gmtime_adj(X509_getm_notAfter(id.cert), until_s);
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

/* A channel that trusts `authority`, and a server that it has vouched for. */
struct tls {
	struct identity authority, server;
	char ca_file[60];
};

/*
 * The server is `san`, for `until_s` from now on; the client trusts whoever
 * signed that, or someone else.
 */
static void
world_secure(
    struct world *w, struct tls *t, const char *san, bool trusted, long until_s)
{
	struct identity other = make_identity("other", NULL, NULL, 3600);
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	FILE *f;

	strcpy(t->ca_file, "/tmp/nudge-smtp-test-XXXXXX");
	f = fdopen(mkstemp(t->ca_file), "w");
	t->authority = make_identity("authority", NULL, NULL, 3600);
	t->server = make_identity("server", san, &t->authority, until_s);
	PEM_write_X509(f, trusted ? t->authority.cert : other.cert);
	fclose(f);
	free_identity(&other);
	SSL_CTX_use_certificate(ctx, t->server.cert);
	SSL_CTX_use_PrivateKey(ctx, t->server.key);
	w->server->tls = ctx;
	w->channel.tls = TLS_STARTTLS;
	w->channel.ca_file = t->ca_file;
	w->channel.host = "localhost";
}

static void
tls_free(struct tls *t)
{
	unlink(t->ca_file);
	free_identity(&t->authority);
	free_identity(&t->server);
}

#endif
