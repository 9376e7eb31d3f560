/* SPDX-License-Identifier: MIT */
/*
 * webhook - a message as an HTTP request: webhooks (Standard Webhooks 1.0.0),
 * Slack, in-app, the APIs of mail providers. libcurl's multi interface on the
 * loop's own events; it never blocks, and never calls back from within offer().
 *
 * Two things decide a verdict: the answer, once there is one, and otherwise
 * whether the whole body had been handed to the connection. If not, the other
 * side cannot have taken the message; if so, nobody knows.
 *
 * The URL is a secret (Slack's is all the secret there is): notices and
 * verdicts have the host only.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <curl/curl.h>
#include <event2/event.h>

#include "templates/mem.h"
#include "worker/clock.h"
#include "worker/delivery/webhook/endpoint.h"
#include "worker/delivery/webhook/hosts.h"
#include "worker/delivery/verdicts.h"
#include "worker/delivery/webhook/webhook_answer.h"
#include "worker/delivery/webhook/webhook_plan.h"
#include "worker/delivery/webhook/webhook_request.h"
#include "worker/log.h"
#include "worker/settings/settings.h"

#define RETRY_AFTER_MAX_S (24 * 60 * 60)

struct transport {
	struct verdicts verdicts;
	const struct channel *channel;
	const struct webhook_plan *plan; /* the channel's */
	struct endpoint endpoint;
	struct hosts *hosts; /* where they vary; NULL: see endpoint */
	CURLM *multi;
	struct event *timer;  /* curl's */
	struct event *grace;  /* runs after stop() */
	struct event *reopen; /* the endpoint was left alone for long enough */
	bool out_of_grace;
	char why[sizeof((struct transport_status *)NULL)->why]; /* the last
								   trouble */
	LIST_HEAD(exchange_list, exchange) exchanges;
};

/* ----------------------------------------------------------- the endpoint */

/*
 * "app.example:8080 answers with 404, next try in 4 s": what it says besides
 * may be about people, and is not for the log.
 */
static void
trouble(struct transport *t, const char *what, const char *text,
    const char *what_now)
{
	struct buf notice = {0};

	snprintf(t->why, sizeof t->why, "%s%s%s", what,
	    *text != '\0' ? ": " : "", text);
	buf_addf(&notice, "%s %s%s", t->plan->host, what, what_now);
	verdicts_trouble(&t->verdicts, notice.data);
	buf_free(&notice);
}

static void
leave_alone(struct transport *t, const char *what, const char *text)
{
	int64_t pause_ms = endpoint_failed(&t->endpoint, clock_monotonic_ms());
	struct timeval tv = {pause_ms / 1000, pause_ms % 1000 * 1000};
	char what_now[60];

	if (pause_ms == 0)
		return;
	snprintf(what_now, sizeof what_now, ", next try in %" PRId64 " s",
	    pause_ms / 1000);
	trouble(t, what, text, what_now);
	event_add(t->reopen, &tv);
}

static void
give_up(struct transport *t, const char *what, const char *text)
{
	if (t->endpoint.is_gone)
		return;
	t->endpoint.is_gone = true;
	verdicts_well(&t->verdicts); /* this is told in any case */
	trouble(t, what, text,
	    "; nothing is sent there until nudge channels resume, a reload or "
	    "a restart");
}

static void
works(struct transport *t)
{
	struct verdicts *v = &t->verdicts;
	struct buf notice = {0};

	verdicts_well(v);
	if (!endpoint_works(&t->endpoint))
		return;
	buf_addf(&notice, "%s works again", t->plan->host);
	v->host.notice(v->host.arg, v->channel, notice.data);
	buf_free(&notice);
	v->host.ready(v->host.arg);
}

/* ------------------------------------------------------------- the answer */

static int64_t
retry_after_ms(CURL *easy)
{
	curl_off_t s = 0;

	curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &s);
	if (s > RETRY_AFTER_MAX_S)
		s = RETRY_AFTER_MAX_S;
	return s > 0 ? s * INT64_C(1000) : 0;
}

/* By their names in lower case; of equal ones the last. */
static json_t *
headers_of_answer(CURL *easy)
{
	json_t *headers = json_object();
	struct curl_header *h = NULL;

	while ((h = curl_easy_nextheader(easy, CURLH_HEADER, -1, h)) != NULL) {
		char *name = xstrdup(h->name);

		for (char *c = name; *c != '\0'; c++)
			if (*c >= 'A' && *c <= 'Z')
				*c = (char)(*c - 'A' + 'a');
		json_object_set_new(headers, name, json_string(h->value));
		free(name);
	}
	return headers;
}

static void
judge_answer(struct exchange *x, long status, CURLcode result)
{
	struct transport *t = x->transport;
	struct verdict *v = &x->delivery->verdict;
	struct webhook_answer answer = {
	    .status = status,
	    .body = buf_str(&x->reply),
	    .len = x->reply.len,
	    .is_cut = x->is_cut || result != CURLE_OK,
	    .headers = headers_of_answer(x->easy),
	    .retry_after_ms = retry_after_ms(x->easy),
	};
	enum answer_means means = webhook_judge(t->plan, &answer, v);
	char what[40];

	json_decref(answer.headers);
	if (t->plan->host_varies)
		return; /* the next message goes to somebody else */
	snprintf(what, sizeof what, "answers with %ld", status);
	if (means == ANSWER_WORKS)
		works(t);
	else if (means == ANSWER_ODD)
		trouble(t, what, v->text, "");
	else if (means == ANSWER_DENIED)
		leave_alone(t, what, v->text);
	else if (means == ANSWER_GONE)
		give_up(t, what, v->text);
}

/*
 * Nothing of the message was sent: it is the endpoint that fails. A part of it
 * was: it may be the message.
 */
static void
judge_unsent(struct exchange *x, bool in_part)
{
	struct transport *t = x->transport;
	struct verdict *v = &x->delivery->verdict;
	char what[sizeof v->text + 24];

	if (t->out_of_grace) {
		v->what = VERDICT_RELEASED;
	} else if (x->private_address[0] != '\0' && !x->was_opened) {
		v->what = VERDICT_REFUSED;
		snprintf(v->text, sizeof v->text,
		    "the url leads to %s, which is private: a url that comes "
		    "from data may not",
		    x->private_address);
	} else if (t->plan->host_varies) {
		v->what = VERDICT_RETRY;
	} else {
		v->what = in_part ? VERDICT_RETRY : VERDICT_RELEASED;
		snprintf(what, sizeof what, "cannot be reached: %s", v->text);
		leave_alone(t, what, "");
	}
}

static void
judge_failure(struct exchange *x, CURLcode failure)
{
	struct verdict *v = &x->delivery->verdict;
	curl_off_t sent = 0;
	const char *text =
	    x->problem[0] != '\0' ? x->problem : curl_easy_strerror(failure);

	curl_easy_getinfo(x->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
	if (x->transport->out_of_grace)
		text = "the worker stopped";
	verdict_set_text(v, text, strlen(text));
	/*
	 * SEND_FAIL_REWIND: a connection that was used before died under the
	 * message, after some of it was sent. The count is gone by then.
	 */
	if (sent >= (curl_off_t)x->body.len ||
	    failure == CURLE_SEND_FAIL_REWIND)
		v->what = VERDICT_UNSURE;
	else
		judge_unsent(x, sent > 0);
}

/* The one end of an exchange; never called from within a callback of curl's. */
static void
finish(struct exchange *x)
{
	struct transport *t = x->transport;

	if (x->easy != NULL) {
		LIST_REMOVE(x, link);
		curl_multi_remove_handle(t->multi, x->easy);
	}
	verdicts_give(&t->verdicts, x->delivery);
	exchange_free(x);
}

/* That an address may not be called is not the host's failure. */
static void
judge_host(struct exchange *x, bool has_answer)
{
	bool was_called = x->was_opened || x->private_address[0] == '\0';
	curl_off_t took_us = 0;

	curl_easy_getinfo(x->easy, CURLINFO_TOTAL_TIME_T, &took_us);
	hosts_give(x->host, clock_monotonic_ms(), took_us / 1000,
	    has_answer || !was_called);
}

static void
judge(struct exchange *x, CURLcode result)
{
	long status = 0;

	curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
	if (x->host != NULL)
		judge_host(x, status >= 200);
	if (status >= 200)
		judge_answer(x, status, result);
	else
		judge_failure(x, result);
	finish(x);
}

/* ------------------------------------------------------ curl on the loop */

static void
drive(struct transport *t, curl_socket_t fd, int ready)
{
	struct exchange *x;
	CURLMsg *message;
	int n;

	curl_multi_socket_action(t->multi, fd, ready, &n);
	while ((message = curl_multi_info_read(t->multi, &n)) != NULL) {
		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &x);
		judge(x, message->data.result);
	}
}

static void
on_socket(evutil_socket_t fd, short what, void *arg)
{
	drive(arg, fd,
	    (what & EV_READ ? CURL_CSELECT_IN : 0) |
		(what & EV_WRITE ? CURL_CSELECT_OUT : 0));
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	drive(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int
watch_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *watch)
{
	struct transport *t = arg;
	struct event *e = watch;
	short events = EV_PERSIST;

	if (e != NULL)
		event_free(e);
	if (what == CURL_POLL_REMOVE)
		return 0;
	events |= what & CURL_POLL_IN ? EV_READ : 0;
	events |= what & CURL_POLL_OUT ? EV_WRITE : 0;
	e = event_new(t->verdicts.host.base, fd, events, on_socket, t);
	curl_multi_assign(t->multi, fd, e);
	return e == NULL || event_add(e, NULL) == -1 ? -1 : 0;
}

static int
set_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct transport *t = arg;
	struct timeval tv = {timeout_ms / 1000, timeout_ms % 1000 * 1000};

	if (timeout_ms < 0)
		return event_del(t->timer);
	return event_add(t->timer, &tv);
}

/* --------------------------------------------------------- start and stop */

/* Where the host varies: if not now, the message is put off. */
static bool
may_call(struct exchange *x)
{
	struct verdict *v = &x->delivery->verdict;

	if (x->transport->hosts == NULL)
		return true;
	x->host = hosts_take(x->transport->hosts, x->host_name,
	    clock_monotonic_ms(), &v->retry_after_ms);
	if (x->host != NULL)
		return true;
	v->what = VERDICT_RELEASED;
	snprintf(v->text, sizeof v->text,
	    "%.150s does not answer, or not fast enough for its messages",
	    x->host_name);
	return false;
}

static void
webhook_offer(struct transport *t, struct delivery *d)
{
	struct exchange *x = xcalloc(1, sizeof *x);

	verdicts_take(&t->verdicts);
	d->verdict = (struct verdict){0};
	x->transport = t;
	x->channel = t->channel;
	x->delivery = d;
	if (exchange_fill_in(x) == -1 || !may_call(x)) {
		finish(x);
		return;
	}
	exchange_prepare(x);
	LIST_INSERT_HEAD(&t->exchanges, x, link);
	if (curl_multi_add_handle(t->multi, x->easy) != CURLM_OK)
		judge(x, CURLE_FAILED_INIT);
}

static void
on_grace(evutil_socket_t fd, short what, void *arg)
{
	struct transport *t = arg;

	t->out_of_grace = true;
	while (!LIST_EMPTY(&t->exchanges))
		judge(LIST_FIRST(&t->exchanges), CURLE_ABORTED_BY_CALLBACK);
}

static void
on_reopen(evutil_socket_t fd, short what, void *arg)
{
	struct transport *t = arg;

	t->verdicts.host.ready(t->verdicts.host.arg);
}

static void
webhook_free(struct transport *t)
{
	verdicts_close(&t->verdicts);
	curl_multi_cleanup(t->multi);
	event_free(t->timer);
	event_free(t->grace);
	event_free(t->reopen);
	hosts_free(t->hosts);
	free(t);
}

static struct transport *
webhook_start(const struct channel *channel, const struct transport_host *host,
    struct error *e)
{
	struct transport *t = xcalloc(1, sizeof *t);

	t->channel = channel;
	t->plan = channel->plan;
	if (t->plan->host_varies)
		t->hosts = hosts_new(channel->connections);
	LIST_INIT(&t->exchanges);
	verdicts_open(&t->verdicts, host, channel->name, channel->connections,
	    channel->connections * channel->unsettled);
	t->timer = evtimer_new(host->base, on_timer, t);
	t->grace = evtimer_new(host->base, on_grace, t);
	t->reopen = evtimer_new(host->base, on_reopen, t);
	t->multi = curl_multi_init();
	if (t->timer == NULL || t->grace == NULL || t->reopen == NULL ||
	    t->multi == NULL)
		panic("channel %s: no events", channel->name);
	curl_multi_setopt(t->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	curl_multi_setopt(t->multi, CURLMOPT_SOCKETDATA, t);
	curl_multi_setopt(t->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(t->multi, CURLMOPT_TIMERDATA, t);
	curl_multi_setopt(t->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS,
	    (long)channel->connections);
	return t;
}

static int
webhook_room(struct transport *t)
{
	return endpoint_room(&t->endpoint, clock_monotonic_ms(),
	    verdicts_room(&t->verdicts), t->verdicts.taken);
}

/* Whatever was wrong may be mended: the next message finds out. */
static void
webhook_resume(struct transport *t)
{
	t->endpoint = (struct endpoint){0};
	if (t->hosts != NULL)
		hosts_resume(t->hosts);
	verdicts_well(&t->verdicts);
	event_del(t->reopen);
	t->verdicts.host.ready(t->verdicts.host.arg);
}

static void
webhook_status(struct transport *t, struct transport_status *s)
{
	const struct endpoint *e = &t->endpoint;

	if (e->is_gone) {
		s->state = TRANSPORT_OFF;
	} else if (e->failures > 0) {
		s->state = clock_monotonic_ms() < e->open_at_ms
			       ? TRANSPORT_PAUSED
			       : TRANSPORT_TRYING;
		s->until_ms = e->open_at_ms;
	}
	if (s->state != TRANSPORT_WORKING || t->verdicts.in_trouble)
		snprintf(s->why, sizeof s->why, "%s", t->why);
}

static void
webhook_settled(struct transport *t, int count)
{
	verdicts_settled(&t->verdicts, count);
}

static void
webhook_stop(struct transport *t, int grace_ms)
{
	struct timeval tv = {grace_ms / 1000, grace_ms % 1000 * 1000};

	t->verdicts.stopped = true;
	event_del(t->reopen);
	event_add(t->grace, &tv);
}

static bool
webhook_is_idle(struct transport *t)
{
	return verdicts_is_idle(&t->verdicts);
}

const struct transport_type transport_webhook = {
    .name = "webhook",
    .start = webhook_start,
    .room = webhook_room,
    .offer = webhook_offer,
    .settled = webhook_settled,
    .status = webhook_status,
    .resume = webhook_resume,
    .stop = webhook_stop,
    .is_idle = webhook_is_idle,
    .free = webhook_free,
};
