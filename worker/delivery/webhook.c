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
#include <time.h>

#include <arpa/inet.h>
#include <sys/socket.h>

#include <curl/curl.h>
#include <event2/event.h>
#include <openssl/evp.h>

#include "templates/form.h"
#include "templates/mem.h"
#include "worker/delivery/compose.h"
#include "worker/delivery/endpoint.h"
#include "worker/delivery/private_address.h"
#include "worker/delivery/signature.h"
#include "worker/delivery/verdicts.h"
#include "worker/delivery/webhook_answer.h"
#include "worker/delivery/webhook_plan.h"
#include "worker/log.h"
#include "worker/settings.h"

#define RETRY_AFTER_MAX_S (24 * 60 * 60)

/* One message on its way. */
struct exchange {
	struct transport *transport;
	struct delivery *delivery;
	CURL *easy;
	struct curl_slist *headers;
	struct buf url; /* where it differs from message to message */
	struct buf body;
	size_t body_read; /* by curl */
	struct buf reply; /* at most the channel's max_reply */
	size_t header_len;
	bool is_cut;	 /* there was more of an answer */
	bool was_opened; /* a socket, to an address that may be called */
	char private_address[INET6_ADDRSTRLEN]; /* that may not, or "" */
	char problem[CURL_ERROR_SIZE];
	LIST_ENTRY(exchange) link;
};

struct transport {
	struct verdicts verdicts;
	const struct channel *channel;
	const struct webhook_plan *plan; /* the channel's */
	struct endpoint endpoint;
	CURLM *multi;
	struct event *timer;  /* curl's */
	struct event *grace;  /* runs after stop() */
	struct event *reopen; /* the endpoint was left alone for long enough */
	bool out_of_grace;
	LIST_HEAD(exchange_list, exchange) exchanges;
};

/* ----------------------------------------------------------- the endpoint */

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* "app.example:8080 answers with 404: no such hook, next try in 4 s" */
static void
trouble(struct transport *t, const char *what, const char *text,
    const char *what_now)
{
	struct buf notice = {0};

	buf_addf(&notice, "%s %s%s%s%s", t->plan->host, what,
	    *text != '\0' ? ": " : "", text, what_now);
	verdicts_trouble(&t->verdicts, notice.data);
	buf_free(&notice);
}

static void
leave_alone(struct transport *t, const char *what, const char *text)
{
	int64_t pause_ms = endpoint_failed(&t->endpoint, now_ms());
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
	    "; nothing is sent there until a reload (SIGHUP) or a restart");
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
		leave_alone(t, "cannot be reached", v->text);
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
		curl_easy_cleanup(x->easy);
	}
	curl_slist_free_all(x->headers);
	verdicts_give(&t->verdicts, x->delivery);
	buf_free(&x->url);
	buf_free(&x->body);
	buf_free(&x->reply);
	free(x);
}

static void
judge(struct exchange *x, CURLcode result)
{
	long status = 0;

	curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
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

/* ------------------------------------------------------------ the request */

static void
add_header(struct exchange *x, const char *name, const char *value)
{
	struct curl_slist *longer;
	struct buf line = {0};

	buf_addf(&line, "%s: %s", name, value);
	longer = curl_slist_append(x->headers, line.data);
	if (longer == NULL)
		panic("out of memory");
	x->headers = longer;
	buf_free(&line);
}

/* Curl would hash a body only if it had it as a whole. */
static void
add_aws_hash(struct exchange *x)
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned int len;
	struct buf hex = {0};

	if (EVP_Digest(buf_str(&x->body), x->body.len, hash, &len, EVP_sha256(),
		NULL) != 1)
		panic("SHA-256 failed");
	for (unsigned int i = 0; i < len; i++)
		buf_addf(&hex, "%02x", hash[i]);
	add_header(x, "x-amz-content-sha256", hex.data);
	buf_free(&hex);
}

/* Those of this attempt; the channel's come behind them. */
static void
add_headers(struct exchange *x)
{
	const struct webhook_plan *plan = x->transport->plan;
	const char *key = x->delivery->key;
	int64_t now_s = time(NULL);
	struct buf signature = {0};
	char timestamp[24];

	snprintf(timestamp, sizeof timestamp, "%" PRId64, now_s);
	add_header(x, "Idempotency-Key", key);
	add_header(x, "webhook-id", key);
	add_header(x, "webhook-timestamp", timestamp);
	if (plan->n_keys > 0) {
		signature_make(plan->keys, plan->n_keys, key, now_s,
		    buf_str(&x->body), x->body.len, &signature);
		add_header(x, "webhook-signature", signature.data);
		buf_free(&signature);
	}
	if (x->transport->channel->aws.region != NULL)
		add_aws_hash(x);
	for (struct curl_slist *h = plan->headers; h != NULL; h = h->next)
		x->headers = curl_slist_append(x->headers, h->data);
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
	size_t most = (size_t)x->transport->channel->max_reply;
	size_t len = size * n, keep = most - x->reply.len;

	x->is_cut = len > keep;
	buf_add(&x->reply, from, x->is_cut ? keep : len);
	return x->is_cut ? 0 : len;
}

static size_t
count_header(char *from, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;

	x->header_len += size * n;
	x->is_cut = x->header_len > (size_t)x->transport->channel->max_reply;
	return x->is_cut ? 0 : size * n;
}

/* The address is the one that is called, whatever a name stood for before. */
static curl_socket_t
open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
	struct exchange *x = arg;
	char *text = x->private_address;
	const void *address =
	    to->family == AF_INET
		? (void *)&((struct sockaddr_in *)(void *)&to->addr)->sin_addr
		: (void *)&((struct sockaddr_in6 *)(void *)&to->addr)
		      ->sin6_addr;

	if (x->transport->plan->host_varies &&
	    !x->transport->channel->allow_private &&
	    address_is_private(&to->addr)) {
		inet_ntop(to->family, address, text, INET6_ADDRSTRLEN);
		return CURL_SOCKET_BAD;
	}
	x->was_opened = true;
	return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

static void
set_auth(CURL *c, const struct channel *channel)
{
	const char *user = channel->user, *password = channel->password;
	struct buf scheme = {0};

	if (channel->aws.region != NULL) {
		buf_addf(&scheme, "aws:amz:%s:%s", channel->aws.region,
		    channel->aws.service);
		curl_easy_setopt(c, CURLOPT_AWS_SIGV4, scheme.data);
		buf_free(&scheme);
		user = channel->aws.key;
		password = channel->aws.secret;
	}
	if (user == NULL)
		return;
	curl_easy_setopt(c, CURLOPT_USERNAME, user);
	curl_easy_setopt(c, CURLOPT_PASSWORD, password);
}

static void
set_connection(struct exchange *x)
{
	const struct channel *channel = x->transport->channel;
	CURL *c = x->easy;

	curl_easy_setopt(
	    c, CURLOPT_URL, x->url.len > 0 ? x->url.data : channel->url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)channel->timeout_ms);
	curl_easy_setopt(
	    c, CURLOPT_CONNECTTIMEOUT_MS, (long)channel->connect_timeout_ms);
	curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, x);
	if (channel->ca_file != NULL)
		curl_easy_setopt(c, CURLOPT_CAINFO, channel->ca_file);
	if (x->transport->plan->host_varies) /* its address is looked at here */
		curl_easy_setopt(c, CURLOPT_PROXY, "");
}

static void
set_request(struct exchange *x)
{
	const struct channel *channel = x->transport->channel;
	CURL *c = x->easy;

	curl_easy_setopt(c, CURLOPT_PRIVATE, x);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, x->problem);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "nudge/" NUDGE_VERSION);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, x->headers);
	curl_easy_setopt(c, CURLOPT_POST, 1L);
	curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, channel->method);
	curl_easy_setopt(
	    c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)x->body.len);
	curl_easy_setopt(c, CURLOPT_READFUNCTION, read_body);
	curl_easy_setopt(c, CURLOPT_READDATA, x);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_reply);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, x);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, count_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, x);
	set_auth(c, channel);
}

static int
hold(struct delivery *d, const struct error *e)
{
	d->verdict.what = VERDICT_HELD;
	snprintf(d->verdict.text, sizeof d->verdict.text, "%s: %s",
	    template_info(d->template)->file, e->text);
	return -1;
}

/* Url and body of this message. 0, or -1 with its verdict. */
static int
fill_in(struct exchange *x)
{
	const struct webhook_plan *plan = x->transport->plan;
	struct delivery *d = x->delivery;
	struct buf json = {0};
	struct error e;
	int rc;

	if (plan->url != NULL && compose_text(d, plan->url, &x->url) != 0)
		return -1;
	if (plan->url != NULL && webhook_url_check(x->url.data, &e) != 0)
		return hold(d, &e);
	if (!plan->is_form)
		return compose_document(d, &x->body);
	rc = compose_document(d, &json);
	if (rc == 0 && form_from_json(json.data, json.len, &x->body, &e) != 0)
		rc = hold(d, &e);
	buf_free(&json);
	return rc;
}

static void
webhook_offer(struct transport *t, struct delivery *d)
{
	struct exchange *x = xcalloc(1, sizeof *x);

	verdicts_take(&t->verdicts);
	d->verdict = (struct verdict){0};
	x->transport = t;
	x->delivery = d;
	if (fill_in(x) == -1) {
		finish(x);
		return;
	}
	add_headers(x);
	x->easy = curl_easy_init();
	if (x->easy == NULL)
		panic("out of memory");
	set_connection(x);
	set_request(x);
	LIST_INSERT_HEAD(&t->exchanges, x, link);
	if (curl_multi_add_handle(t->multi, x->easy) != CURLM_OK)
		judge(x, CURLE_FAILED_INIT);
}

/* --------------------------------------------------------- start and stop */

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
	free(t);
}

static struct transport *
webhook_start(const struct channel *channel, const struct transport_host *host,
    struct error *e)
{
	struct transport *t = xcalloc(1, sizeof *t);

	t->channel = channel;
	t->plan = channel->plan;
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
	return endpoint_room(&t->endpoint, now_ms(),
	    verdicts_room(&t->verdicts), t->verdicts.taken);
}

/* Whatever was wrong may be mended: the next message finds out. */
static void
webhook_resume(struct transport *t)
{
	t->endpoint = (struct endpoint){0};
	verdicts_well(&t->verdicts);
	event_del(t->reopen);
	t->verdicts.host.ready(t->verdicts.host.arg);
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
    .resume = webhook_resume,
    .stop = webhook_stop,
    .is_idle = webhook_is_idle,
    .free = webhook_free,
};
