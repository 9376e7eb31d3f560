/* SPDX-License-Identifier: MIT */
/*
 * webhook - a message as a POST of JSON: webhooks (Standard Webhooks 1.0.0),
 * Slack, in-app, the APIs of mail providers. libcurl's multi interface on the
 * loop's own events; it never blocks, and never calls back from within offer().
 *
 * Two things decide a verdict: the status, once there is one, and otherwise
 * whether the whole body had been handed to the connection. If not, the other
 * side cannot have taken the message; if so, nobody knows.
 *
 * The URL is a secret (Slack's is all the secret there is): notices and
 * verdicts have the host only.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <time.h>

#include <curl/curl.h>
#include <event2/event.h>

#include "templates/mem.h"
#include "worker/delivery/compose.h"
#include "worker/delivery/signature.h"
#include "worker/delivery/verdicts.h"
#include "worker/log.h"
#include "worker/settings.h"

#define REPLY_MAX	  (64 * 1024) /* bytes that we read of an answer */
#define REPLY_KEPT	  512	      /* of them, for the verdict's text */
#define RETRY_AFTER_MAX_S (24 * 60 * 60)

/* One message being posted. */
struct exchange {
	struct transport *transport;
	struct delivery *delivery;
	CURL *easy;
	struct curl_slist *headers;
	struct buf body;
	size_t body_read; /* by curl */
	struct buf reply; /* the first REPLY_KEPT bytes */
	size_t reply_len;
	char problem[CURL_ERROR_SIZE];
	LIST_ENTRY(exchange) link;
};

struct transport {
	struct verdicts verdicts;
	const struct channel *channel;
	char *host; /* with the port, for people */
	struct signature_key keys[2];
	int n_keys;
	struct curl_slist *headers; /* the same for all messages */
	CURLM *multi;
	struct event *timer; /* curl's */
	struct event *grace; /* runs after stop() */
	bool out_of_grace;
	LIST_HEAD(exchange_list, exchange) exchanges;
};

/* ------------------------------------------------------------- the answer */

static bool
is_success(long status)
{
	return status >= 200 && status < 300;
}

/* 409: an earlier attempt with our key is still at work there. */
static bool
is_temporary(long status)
{
	return status < 400 || status == 408 || status == 409 ||
	       status == 425 || status == 429 || status >= 500;
}

/* Statuses that speak of the channel rather than of the message. */
static bool
is_trouble(long status)
{
	return status < 400 || status == 401 || status == 403 ||
	       status == 404 || status == 410;
}

static bool
is_busy(long status)
{
	return status == 429 || status == 502 || status == 503 || status == 504;
}

/* The first line of it; what is not plain ASCII becomes "?". */
static void
set_text(struct verdict *v, const char *s)
{
	size_t len = strcspn(s, "\r\n");

	if (len >= sizeof v->text)
		len = sizeof v->text - 1;
	for (size_t i = 0; i < len; i++)
		v->text[i] = (char)(s[i] < ' ' || s[i] > '~' ? '?' : s[i]);
	v->text[len] = '\0';
}

static int64_t
retry_after_ms(CURL *easy)
{
	curl_off_t s = 0;

	curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &s);
	if (s > RETRY_AFTER_MAX_S)
		s = RETRY_AFTER_MAX_S;
	return s > 0 ? s * INT64_C(1000) : 0;
}

static void
trouble(struct transport *t, const char *what, const char *text)
{
	struct buf notice = {0};

	buf_addf(&notice, "%s %s%s%s", t->host, what, *text != '\0' ? ": " : "",
	    text);
	verdicts_trouble(&t->verdicts, notice.data);
	buf_free(&notice);
}

static void
judge_status(struct exchange *x, long status)
{
	struct transport *t = x->transport;
	struct verdict *v = &x->delivery->verdict;
	char what[40];

	v->code = (int)status;
	set_text(v, status >= 300 && status < 400 ? "redirects are not followed"
						  : buf_str(&x->reply));
	if (is_success(status)) {
		v->what = VERDICT_SENT;
		verdicts_well(&t->verdicts);
		return;
	}
	v->what = is_temporary(status) ? VERDICT_RETRY : VERDICT_REFUSED;
	if (v->what == VERDICT_RETRY)
		v->retry_after_ms = retry_after_ms(x->easy);
	v->slows_channel = is_busy(status);
	snprintf(what, sizeof what, "answers with %ld", status);
	if (is_trouble(status))
		trouble(t, what, v->text);
}

static void
judge_failure(struct exchange *x, CURLcode failure)
{
	struct transport *t = x->transport;
	struct verdict *v = &x->delivery->verdict;
	curl_off_t sent = 0;

	curl_easy_getinfo(x->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
	if (t->out_of_grace)
		set_text(v, "the worker stopped");
	else if (x->problem[0] != '\0')
		set_text(v, x->problem);
	else
		set_text(v, curl_easy_strerror(failure));
	/*
	 * SEND_FAIL_REWIND: a connection that was used before died under the
	 * message, after some of it was sent. The count is gone by then.
	 */
	if (sent >= (curl_off_t)x->body.len ||
	    failure == CURLE_SEND_FAIL_REWIND) {
		v->what = VERDICT_UNSURE;
	} else if (t->out_of_grace) {
		v->what = VERDICT_RELEASED;
	} else {
		v->what = VERDICT_RETRY;
		v->slows_channel = true;
		trouble(t, "cannot be reached", v->text);
	}
}

/* The one end of an exchange; never called from within a callback of curl's. */
static void
finish(struct exchange *x, CURLcode result)
{
	struct transport *t = x->transport;
	long status = 0;

	curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status >= 200)
		judge_status(x, status);
	else
		judge_failure(x, result);
	LIST_REMOVE(x, link);
	curl_multi_remove_handle(t->multi, x->easy);
	curl_easy_cleanup(x->easy);
	curl_slist_free_all(x->headers);
	verdicts_give(&t->verdicts, x->delivery);
	buf_free(&x->body);
	buf_free(&x->reply);
	free(x);
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
		finish(x, message->data.result);
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

/* ------------------------------------------------------------ the request */

static void
add_line(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*list, line);

	if (longer == NULL)
		panic("out of memory");
	*list = longer;
}

static void
add_header(struct curl_slist **list, const char *name, const char *value)
{
	struct buf line = {0};

	buf_addf(&line, "%s: %s", name, value);
	add_line(list, line.data);
	buf_free(&line);
}

static struct curl_slist *
headers_of(const struct transport *t, const struct exchange *x)
{
	const char *key = x->delivery->key;
	int64_t now_s = time(NULL);
	struct curl_slist *list = NULL;
	struct buf signature = {0};
	char timestamp[24];

	for (struct curl_slist *h = t->headers; h != NULL; h = h->next)
		add_line(&list, h->data);
	snprintf(timestamp, sizeof timestamp, "%" PRId64, now_s);
	add_header(&list, "Idempotency-Key", key);
	add_header(&list, "webhook-id", key);
	add_header(&list, "webhook-timestamp", timestamp);
	if (t->n_keys > 0) {
		signature_make(t->keys, t->n_keys, key, now_s,
		    buf_str(&x->body), x->body.len, &signature);
		add_header(&list, "webhook-signature", signature.data);
		buf_free(&signature);
	}
	return list;
}

/*
 * Curl reads the body through this because it then cannot send it a second time
 * on its own, which it does with POSTFIELDS when a connection that was used
 * before closes without an answer.
 */
static size_t
read_body(char *to, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;
	size_t len = x->body.len - x->body_read;

	if (len > size * n)
		len = size * n;
	memcpy(to, buf_str(&x->body) + x->body_read, len);
	x->body_read += len;
	return len;
}

static size_t
take_reply(char *from, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;
	size_t len = size * n, keep = REPLY_KEPT - x->reply.len;

	x->reply_len += len;
	buf_add(&x->reply, from, len < keep ? len : keep);
	return x->reply_len > REPLY_MAX ? 0 : len;
}

static void
set_options(struct exchange *x)
{
	const struct channel *channel = x->transport->channel;
	long timeout_ms = channel->timeout_ms;
	CURL *c = x->easy;

	curl_easy_setopt(c, CURLOPT_PRIVATE, x);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, x->problem);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_URL, channel->url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, timeout_ms);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "nudge/" NUDGE_VERSION);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, x->headers);
	curl_easy_setopt(c, CURLOPT_POST, 1L);
	curl_easy_setopt(
	    c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)x->body.len);
	curl_easy_setopt(c, CURLOPT_READFUNCTION, read_body);
	curl_easy_setopt(c, CURLOPT_READDATA, x);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_reply);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, x);
}

static void
webhook_offer(struct transport *t, struct delivery *d)
{
	struct exchange *x;
	struct buf body = {0};

	verdicts_take(&t->verdicts);
	d->verdict = (struct verdict){0};
	if (compose_document(d, &body) == -1) {
		buf_free(&body);
		verdicts_give(&t->verdicts, d);
		return;
	}
	x = xcalloc(1, sizeof *x);
	x->transport = t;
	x->delivery = d;
	x->body = body;
	x->headers = headers_of(t, x);
	x->easy = curl_easy_init();
	if (x->easy == NULL)
		panic("out of memory");
	set_options(x);
	LIST_INSERT_HEAD(&t->exchanges, x, link);
	if (curl_multi_add_handle(t->multi, x->easy) != CURLM_OK)
		finish(x, CURLE_FAILED_INIT);
}

/* ------------------------------------------------------------ start, stop */

/* Ours alone: they say what the message is and where it ends. */
static const char *const reserved[] = {"Connection", "Content-Length",
    "Content-Type", "Expect", "Idempotency-Key", "Transfer-Encoding",
    "webhook-id", "webhook-signature", "webhook-timestamp", NULL};

/* A name is a token (RFC 9110 section 5.1), a value visible characters. */
static int
check_header(const char *name, const json_t *value, struct error *e)
{
	const char *s = json_string_value(value);

	if (*name == '\0' ||
	    name[strspn(name,
		"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ")] != '\0') {
		error_set(e, "\"%s\" is not the name of a header", name);
		return -1;
	}
	for (int i = 0; reserved[i] != NULL; i++)
		if (strcasecmp(name, reserved[i]) == 0) {
			error_set(e, "the header \"%s\" is set by nudge itself",
			    name);
			return -1;
		}
	if (s == NULL || *s == '\0' || strlen(s) != json_string_length(value)) {
		error_set(e, "the header \"%s\" needs a text", name);
		return -1;
	}
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f) {
			error_set(e,
			    "the header \"%s\" has a control "
			    "character (a line end?) in its text",
			    name);
			return -1;
		}
	return 0;
}

static int
prepare_headers(struct transport *t, struct error *e)
{
	const char *name;
	json_t *value;

	add_header(&t->headers, "Content-Type", "application/json");
	add_line(&t->headers, "Expect:"); /* curl must not wait for a 100 */
	json_object_foreach(t->channel->headers, name, value)
	{
		if (check_header(name, value, e) == -1)
			return -1;
		add_header(&t->headers, name, json_string_value(value));
	}
	return 0;
}

static int
prepare_keys(struct transport *t, struct error *e)
{
	const char *secrets[] = {t->channel->secret, t->channel->old_secret};

	for (int i = 0; i < 2; i++)
		if (secrets[i] != NULL &&
		    signature_key_parse(&t->keys[t->n_keys++], secrets[i], e) !=
			0)
			return -1;
	return 0;
}

static int
prepare_url(struct transport *t, struct error *e)
{
	const char *url = t->channel->url != NULL ? t->channel->url : "";
	char *scheme = NULL, *name = NULL, *port = NULL;
	CURLU *parts = curl_url();
	struct buf host = {0};
	int rc = -1;

	if (curl_url_set(parts, CURLUPART_URL, url, 0) != CURLUE_OK ||
	    curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
		error_set(e, "the url is missing or malformed");
	else if (strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0)
		error_set(e, "the url must begin with https:// or http://");
	else if (curl_url_get(parts, CURLUPART_HOST, &name, 0) != CURLUE_OK)
		error_set(e, "the url names no host");
	else
		rc = 0;
	curl_url_get(parts, CURLUPART_PORT, &port, 0);
	buf_addf(&host, "%s%s%s", name != NULL ? name : "",
	    port != NULL ? ":" : "", port != NULL ? port : "");
	t->host = buf_steal(&host);
	curl_free(scheme);
	curl_free(name);
	curl_free(port);
	curl_url_cleanup(parts);
	return rc;
}

static void
on_grace(evutil_socket_t fd, short what, void *arg)
{
	struct transport *t = arg;

	t->out_of_grace = true;
	while (!LIST_EMPTY(&t->exchanges))
		finish(LIST_FIRST(&t->exchanges), CURLE_ABORTED_BY_CALLBACK);
}

static void
webhook_free(struct transport *t)
{
	verdicts_close(&t->verdicts);
	curl_multi_cleanup(t->multi);
	event_free(t->timer);
	event_free(t->grace);
	curl_slist_free_all(t->headers);
	free(t->host);
	free(t);
}

static struct transport *
webhook_start(const struct channel *channel, const struct transport_host *host,
    struct error *e)
{
	struct transport *t = xcalloc(1, sizeof *t);

	t->channel = channel;
	LIST_INIT(&t->exchanges);
	verdicts_open(&t->verdicts, host, channel->name, channel->connections,
	    channel->connections * channel->unsettled);
	t->timer = evtimer_new(host->base, on_timer, t);
	t->grace = evtimer_new(host->base, on_grace, t);
	t->multi = curl_multi_init();
	if (t->timer == NULL || t->grace == NULL || t->multi == NULL)
		panic("channel %s: no events", channel->name);
	curl_multi_setopt(t->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	curl_multi_setopt(t->multi, CURLMOPT_SOCKETDATA, t);
	curl_multi_setopt(t->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(t->multi, CURLMOPT_TIMERDATA, t);
	curl_multi_setopt(t->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS,
	    (long)channel->connections);
	if (prepare_url(t, e) == -1 || prepare_keys(t, e) == -1 ||
	    prepare_headers(t, e) == -1) {
		webhook_free(t);
		return NULL;
	}
	return t;
}

static int
webhook_room(struct transport *t)
{
	return verdicts_room(&t->verdicts);
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
    .stop = webhook_stop,
    .is_idle = webhook_is_idle,
    .free = webhook_free,
};
