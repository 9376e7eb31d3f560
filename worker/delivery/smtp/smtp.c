/* SPDX-License-Identifier: MIT */
/*
 * smtp - mail through one relay with libesmtp, which blocks: hence threads, one
 * a connection. The loop's side is here. Threads start when messages wait, and
 * end when there are none for a while; what they have to say comes through one
 * eventfd. What libesmtp cannot do (implicit TLS, XOAUTH2, IPv6 addresses,
 * SMTPUTF8) goes through libcurl in the same threads.
 */
#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <auth-client.h>
#include <curl/curl.h>
#include <event2/event.h>

#include "templates/mem.h"
#include "worker/delivery/smtp/smtp_curl.h"
#include "worker/delivery/smtp/smtp_lane.h"
#include "worker/delivery/smtp/smtp_session.h"
#include "worker/delivery/smtp/smtp_tls.h"
#include "worker/delivery/transport.h"

#define STACK_BYTES (2 * 1024 * 1024)

/* Whose verdicts the loop has and has not committed, oldest first. */
struct order {
	struct smtp_slot **slots;
	size_t head, len, cap; /* a ring */
};

struct transport {
	struct smtp_lane lane;
	struct transport_host host;
	struct order order;
	struct smtp_news news;
	int wake_fd;
	bool stopping;
	struct event *wake;  /* news of the lane */
	struct event *again; /* the pause after a failure is over */
	struct event *grace;
};

static void
order_push(struct order *o, struct smtp_slot *slot)
{
	if (o->len == o->cap) {
		size_t cap = o->cap == 0 ? 64 : 2 * o->cap;
		struct smtp_slot **slots = xcalloc(cap, sizeof *slots);

		for (size_t i = 0; i < o->len; i++)
			slots[i] = o->slots[(o->head + i) % o->cap];
		free(o->slots);
		*o = (struct order){slots, 0, o->len, cap};
	}
	o->slots[(o->head + o->len++) % o->cap] = slot;
}

static struct smtp_slot *
order_pop(struct order *o)
{
	struct smtp_slot *slot;

	assert(o->len > 0);
	slot = o->slots[o->head];
	o->head = (o->head + 1) % o->cap;
	o->len--;
	return slot;
}

static void *
run_slot(void *arg)
{
	struct smtp_slot *slot = arg;
	struct delivery *d;
	int rc = 0;

	while (rc == 0 && (d = smtp_lane_take(
			       slot, SMTP_ANY_WAY, 0, SMTP_IDLE_MS)) != NULL)
		rc = smtp_lane_way(slot->lane, d) == SMTP_CURL
			 ? smtp_curl_run(slot, d)
			 : smtp_session_run(slot, d);
	smtp_lane_leave(slot, SLOT_ENDED);
	return NULL;
}

/* Signals are for the loop's thread. Returns 0 or an errno. */
static int
start_thread(struct smtp_slot *slot)
{
	pthread_attr_t attr;
	sigset_t all, before;
	int err;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&slot->thread, &attr, run_slot, slot);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return err;
}

static void
grow(struct transport *t)
{
	struct smtp_slot *slot;
	char text[200];
	bool join;
	int err;

	while ((slot = smtp_lane_grow(&t->lane, &join)) != NULL) {
		if (join)
			pthread_join(slot->thread, NULL);
		err = start_thread(slot);
		if (err == 0)
			continue;
		smtp_lane_leave(slot, SLOT_EMPTY);
		snprintf(text, sizeof text, "cannot start a thread: %s",
		    strerror(err));
		smtp_lane_failed(&t->lane, text, NULL, false);
		return;
	}
}

static void
say_notices(struct transport *t)
{
	const struct buf *b = &t->news.notices;

	for (size_t at = 0; at < b->len; at += strlen(b->data + at) + 1)
		t->host.notice(
		    t->host.arg, t->lane.channel->name, b->data + at);
}

static void
give_verdicts(struct transport *t)
{
	struct smtp_news *n = &t->news;

	for (int i = 0; i < n->n_results; i++) {
		order_push(&t->order, n->results[i].slot);
		t->host.verdict(t->host.arg, n->results[i].delivery);
	}
	n->n_results = 0;
}

static void
arm_again(struct transport *t)
{
	int64_t ms = smtp_lane_pause_ms(&t->lane);
	struct timeval tv = {ms / 1000, ms % 1000 * 1000};

	if (ms > 0)
		event_add(t->again, &tv);
}

static void
on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct transport *t = arg;
	uint64_t count;

	(void)what;
	if (read(fd, &count, sizeof count) < 0)
		return;
	smtp_lane_news(&t->lane, &t->news);
	say_notices(t);
	give_verdicts(t);
	arm_again(t);
	grow(t);
	if (t->news.ready || t->stopping)
		t->host.ready(t->host.arg);
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	struct transport *t = arg;

	(void)fd;
	(void)what;
	arm_again(t); /* a hair too early */
	if (smtp_lane_pause_ms(&t->lane) == 0)
		t->host.ready(t->host.arg);
}

static void
on_grace(evutil_socket_t fd, short what, void *arg)
{
	struct transport *t = arg;

	(void)fd;
	(void)what;
	smtp_lane_cut(&t->lane);
}

static bool
ignores_sigpipe(void)
{
	struct sigaction sa;

	return sigaction(SIGPIPE, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN;
}

/*
 * libesmtp would take client certificates from $XDG_CONFIG_DIR (its own
 * invention), or else $HOME, and fails every TLS session when it may not look
 * there, as when a service has another user's HOME.
 */
static void
prepare_library(void)
{
	setenv("XDG_CONFIG_DIR", "/nonexistent", 1);
	auth_client_init();
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

static struct transport *
smtp_start(
    const struct channel *c, const struct transport_host *host, struct error *e)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct transport *t;
	SSL_CTX *tls = NULL;

	assert(ignores_sigpipe());
	pthread_once(&once, prepare_library);
	if (!smtp_only_curl(c) && !smtp_io_is_active(e))
		return NULL;
	if (c->tls == TLS_STARTTLS &&
	    (tls = smtp_tls_new(c->host, c->ca_file, e)) == NULL)
		return NULL;
	t = xcalloc(1, sizeof *t);
	t->host = *host;
	t->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	smtp_lane_init(&t->lane, c, tls, t->wake_fd);
	t->wake =
	    event_new(host->base, t->wake_fd, EV_READ | EV_PERSIST, on_wake, t);
	t->again = evtimer_new(host->base, on_again, t);
	t->grace = evtimer_new(host->base, on_grace, t);
	event_add(t->wake, NULL);
	return t;
}

static int
smtp_room(struct transport *t)
{
	return smtp_lane_room(&t->lane);
}

static void
smtp_offer(struct transport *t, struct delivery *d)
{
	smtp_lane_offer(&t->lane, d);
	grow(t);
}

static void
smtp_take_back(struct transport *t)
{
	smtp_lane_take_back(&t->lane);
}

static void
smtp_settled(struct transport *t, int count)
{
	while (count-- > 0)
		smtp_lane_settled(&t->lane, order_pop(&t->order));
	grow(t);
}

static void
smtp_status(struct transport *t, struct transport_status *s)
{
	smtp_lane_status(&t->lane, s);
}

/* Certificates are renewed in the file that was read at the start. */
static void
read_certificates(struct transport *t)
{
	const struct channel *c = t->lane.channel;
	struct error e;
	SSL_CTX *tls;

	if (t->lane.tls == NULL)
		return;
	tls = smtp_tls_new(c->host, c->ca_file, &e);
	if (tls != NULL)
		smtp_lane_set_tls(&t->lane, tls);
	else
		t->host.notice(t->host.arg, c->name, e.text);
}

static void
smtp_resume(struct transport *t)
{
	read_certificates(t);
	smtp_lane_resume(&t->lane);
	event_del(t->again);
	t->host.ready(t->host.arg);
}

/* Sessions end after what they have; after the grace they are cut off. */
static void
smtp_stop(struct transport *t, int grace_ms)
{
	struct timeval tv = {grace_ms / 1000, grace_ms % 1000 * 1000};

	t->stopping = true;
	smtp_lane_stop(&t->lane);
	event_add(t->grace, &tv);
}

static bool
smtp_is_idle(struct transport *t)
{
	return t->news.n_results == 0 && smtp_lane_is_idle(&t->lane);
}

static void
smtp_free(struct transport *t)
{
	for (int i = 0; i < t->lane.n_slots; i++)
		if (t->lane.slots[i].state == SLOT_ENDED)
			pthread_join(t->lane.slots[i].thread, NULL);
	event_free(t->wake);
	event_free(t->again);
	event_free(t->grace);
	close(t->wake_fd);
	SSL_CTX_free(t->lane.tls);
	smtp_lane_free(&t->lane);
	free(t->news.results);
	buf_free(&t->news.notices);
	free(t->order.slots);
	free(t);
}

const struct transport_type transport_smtp = {
    .name = "smtp",
    .start = smtp_start,
    .room = smtp_room,
    .offer = smtp_offer,
    .take_back = smtp_take_back,
    .settled = smtp_settled,
    .status = smtp_status,
    .resume = smtp_resume,
    .stop = smtp_stop,
    .is_idle = smtp_is_idle,
    .free = smtp_free,
};
