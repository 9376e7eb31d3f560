/* SPDX-License-Identifier: MIT */
/* webhook_request - curl's callbacks, and what it is told. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <arpa/inet.h>
#include <sys/socket.h>

#include <openssl/evp.h>

#include "templates/form.h"
#include "worker/delivery/compose.h"
#include "worker/delivery/webhook/private_address.h"
#include "worker/delivery/webhook/signature.h"
#include "worker/delivery/webhook/webhook_plan.h"
#include "worker/delivery/webhook/webhook_request.h"
#include "worker/log.h"

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
	const struct webhook_plan *plan = x->channel->plan;
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
	if (x->channel->aws.region != NULL)
		add_aws_hash(x);
	for (struct curl_slist *h = plan->headers; h != NULL; h = h->next)
		x->headers = curl_slist_append(x->headers, h->data);
}

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
	size_t most = (size_t)x->channel->max_reply;
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
	x->is_cut = x->header_len > (size_t)x->channel->max_reply;
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

	if (x->channel->plan->host_varies && !x->channel->allow_private &&
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
	const struct channel *channel = x->channel;
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
	if (x->channel->plan->host_varies) /* its address is looked at here */
		curl_easy_setopt(c, CURLOPT_PROXY, "");
}

static void
set_request(struct exchange *x)
{
	const struct channel *channel = x->channel;
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

/* With the url's value up to the host: what is behind it may be a secret. */
static int
hold_url(struct exchange *x, const struct error *e)
{
	const char *url = buf_str(&x->url), *host = strstr(url, "://");
	size_t len;

	host = host != NULL ? host + 3 : url;
	len = (size_t)(host - url) + strcspn(host, ":/?#@");
	x->delivery->verdict.what = VERDICT_HELD;
	snprintf(x->delivery->verdict.text, sizeof x->delivery->verdict.text,
	    "the channel's url: %s: \"%.*s\"", e->text,
	    (int)(len < 100 ? len : 100), url);
	return -1;
}

int
exchange_fill_in(struct exchange *x)
{
	const struct webhook_plan *plan = x->channel->plan;
	struct delivery *d = x->delivery;
	struct buf json = {0};
	struct error e;
	int rc;

	if (plan->url != NULL) {
		if (compose_url(d, plan->url, &x->url) != 0)
			return -1;
		x->host_name = webhook_url_host(buf_str(&x->url), &e);
		if (x->host_name == NULL)
			return hold_url(x, &e);
	}
	if (!plan->is_form)
		return compose_document(d, &x->body);
	rc = compose_document(d, &json);
	if (rc == 0 && form_from_json(json.data, json.len, &x->body, &e) != 0)
		rc = hold(d, &e);
	buf_free(&json);
	return rc;
}

void
exchange_prepare(struct exchange *x)
{
	add_headers(x);
	x->easy = curl_easy_init();
	if (x->easy == NULL)
		panic("out of memory");
	set_connection(x);
	set_request(x);
}

void
exchange_free(struct exchange *x)
{
	curl_easy_cleanup(x->easy);
	curl_slist_free_all(x->headers);
	buf_free(&x->url);
	free(x->host_name);
	buf_free(&x->body);
	buf_free(&x->reply);
	free(x);
}
