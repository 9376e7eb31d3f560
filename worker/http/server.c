/* SPDX-License-Identifier: MIT */
/*
 * server - evhttp at the rim. A handler looks at one request and either answers
 * it or makes an input of it; it never touches the store.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <arpa/inet.h>
#include <openssl/crypto.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>

#include "templates/buf.h"
#include "worker/http/connections.h"
#include "worker/http/discards.h"
#include "worker/http/framing.h"
#include "worker/http/page.h"
#include "worker/http/preferences.h"
#include "worker/http/reply.h"
#include "worker/http/server.h"
#include "worker/http/unsubscribe.h"
#include "worker/log.h"
#include "worker/telemetry/stats.h"

#define READS (EVHTTP_REQ_GET | EVHTTP_REQ_HEAD)

/* One transparent point. */
static const unsigned char pixel_gif[] = {'G', 'I', 'F', '8', '9', 'a', 1, 0, 1,
    0, 0x80, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0x21, 0xf9, 4, 1, 0, 0, 0, 0,
    0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0, 0x3b};

struct server {
	struct worker *worker;
	struct evhttp *http;
	struct evhttp_bound_socket *socket;
	struct connections *connections;
	struct discards *discards;
	uint64_t serial; /* of requests, for messageIds that are missing */
	int port;
};

/* ------------------------------------------------------------------ keys */

static bool
is_one_of(char *const *keys, const char *key)
{
	bool found = false;
	size_t len = strlen(key);

	for (; keys != NULL && *keys != NULL; keys++)
		if (strlen(*keys) == len && CRYPTO_memcmp(*keys, key, len) == 0)
			found = true;
	return found;
}

/* Without a look at the body? */
static bool
may_write(const struct settings *s, const char *header)
{
	char key[300];

	if (s->write_keys == NULL || s->write_keys[0] == NULL)
		return true;
	return segment_basic_key(header, key, sizeof key) &&
	       is_one_of(s->write_keys, key);
}

static bool
is_write_key(const void *keys, const char *key)
{
	return is_one_of(keys, key);
}

static bool
has_bearer(char *const *tokens, const char *header)
{
	return header != NULL && strncasecmp(header, "Bearer ", 7) == 0 &&
	       is_one_of(tokens, header + 7);
}

static const char *
header(struct evhttp_request *r, const char *name)
{
	return evhttp_find_header(evhttp_request_get_input_headers(r), name);
}

static void
body_of(struct evhttp_request *r, const char **bytes, size_t *len)
{
	struct evbuffer *body = evhttp_request_get_input_buffer(r);

	*len = evbuffer_get_length(body);
	*bytes = *len > 0 ? (const char *)evbuffer_pullup(body, -1) : "";
}

/* ---------------------------------------------------------------- events */

/* What clients of the tracking API read: all of its error members at once. */
static void
refuse_events(
    struct evhttp_request *r, int status, const char *code, const char *why)
{
	json_t *body = json_pack("{s:b,s:s,s:s,s:s}", "success", 0, "code",
	    code, "message", why, "error", why);

	reply_json(r, status, body);
}

/* For what a retry cannot help; operators can look it up. */
static void
refuse_for_good(
    struct server *s, struct evhttp_request *r, int status, const char *why)
{
	discards_add_request(s->discards, status, worker_now_ms(s->worker));
	if (status == 401)
		reply_header(r, "WWW-Authenticate", "Basic realm=\"nudge\"");
	if (status == 415)
		reply_header(r, "Accept-Encoding", "gzip");
	refuse_events(r, status,
	    status == 401   ? "invalid_write_key"
	    : status == 413 ? "too_large"
	    : status == 415 ? "unsupported_encoding"
			    : "invalid_request",
	    why);
}

/* Answers with CORS headers what the preflight has allowed. */
static void
allow_browsers(struct evhttp_request *r)
{
	reply_header(r, "Access-Control-Allow-Origin", "*");
	reply_header(r, "Access-Control-Expose-Headers", "Retry-After");
}

static void
submit_events(struct server *s, struct evhttp_request *r,
    const struct segment_batch *batch, bool is_pixel)
{
	struct input *in = xcalloc(1, sizeof *in);

	in->kind = INPUT_EVENTS;
	in->request = r;
	in->batch = *batch;
	in->is_pixel = is_pixel;
	worker_submit(s->worker, in);
}

/* As segment_parse(). What can be read is, whatever its coding is called. */
static int
parse_events(const struct settings *s, const struct segment_request *request,
    const char *coding, struct segment_batch *batch, struct error *e)
{
	int status;

	error_set(e, "the body is too large");
	if ((int64_t)request->len > s->max_body)
		return 413;
	status = segment_parse(request, batch, e);
	if (status != 400 || coding == NULL || request->is_gzip ||
	    strcasecmp(coding, "identity") == 0)
		return status;
	error_set(e, "the body can be packed with gzip, and in no other way");
	return 415;
}

/* The events of a body, or of a pixel's URL. */
static void
take_events(struct server *s, struct evhttp_request *r, enum segment_type type,
    const char *bytes, size_t len, bool is_pixel)
{
	const struct settings *settings = worker_settings_now(s->worker);
	const char *coding = header(r, "Content-Encoding");
	struct segment_request request = {
	    .type = type,
	    .body = bytes,
	    .len = len,
	    .is_base64 = is_pixel,
	    .is_gzip = coding != NULL && strcasecmp(coding, "gzip") == 0,
	    .max_inflated = (size_t)settings->max_inflated,
	    .max_depth = settings->max_depth,
	    .max_values = settings->max_values,
	    .has_key = may_write(settings, header(r, "Authorization"))
			   ? NULL
			   : is_write_key,
	    .keys = settings->write_keys,
	    .received_ms = worker_now_ms(s->worker),
	    .serial = (uint64_t)worker_now_ms(s->worker) << 20 | s->serial++,
	};
	struct segment_batch batch;
	struct error e;
	int status;

	allow_browsers(r);
	if (worker_backlog(s->worker) > settings->max_backlog) {
		reply_header(r, "Retry-After", "1");
		refuse_events(r, 429, "too_many_requests",
		    "too many events are waiting; try again in a second");
		return;
	}
	status = parse_events(settings, &request, coding, &batch, &e);
	if (status != 200) {
		refuse_for_good(s, r, status, e.text);
	} else {
		discards_add(s->discards, &batch, request.received_ms);
		submit_events(s, r, &batch, is_pixel);
	}
}

static void
take_body(struct server *s, struct evhttp_request *r, enum segment_type type)
{
	const char *bytes;
	size_t len;

	body_of(r, &bytes, &len);
	take_events(s, r, type, bytes, len, false);
}

static void
reply_pixel(struct evhttp_request *r)
{
	reply_bytes(r, 200, "image/gif", pixel_gif, sizeof pixel_gif);
}

/* GET /v1/pixel/track?data=BASE64: an event where only images go. */
static void
take_pixel(struct server *s, struct evhttp_request *r, enum segment_type type)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(r);
	const char *query = evhttp_uri_get_query(uri), *data;
	struct evkeyvalq pairs;

	evhttp_parse_query_str(query != NULL ? query : "", &pairs);
	data = evhttp_find_header(&pairs, "data");
	data = data != NULL ? data : "";
	take_events(s, r, type, data, strlen(data), true);
	evhttp_clear_headers(&pairs);
}

/* Any header may come: what counts is the key, and browsers keep no secret. */
static void
preflight(struct evhttp_request *r)
{
	const char *wanted = header(r, "Access-Control-Request-Headers");

	allow_browsers(r);
	reply_header(r, "Access-Control-Allow-Methods", "POST, GET, OPTIONS");
	reply_header(r, "Access-Control-Allow-Headers",
	    wanted != NULL ? wanted
			   : "authorization, content-type, x-retry-count");
	reply_header(r, "Access-Control-Max-Age", "86400");
	reply_text(r, 200, "text/plain", "");
}

/* ------------------------------------------------------------- operators */

static void
problem(struct evhttp_request *r, int status, const char *detail)
{
	struct api_call call = {0};

	api_problem(&call, status, "%s", detail);
	reply_problem(r, status, call.reply);
}

/* Has it one of these tokens? If not, it is answered. */
static bool
is_allowed(struct evhttp_request *r, char *const *tokens, const char *whose)
{
	char why[60];

	if (has_bearer(tokens, header(r, "Authorization")))
		return true;
	reply_header(r, "WWW-Authenticate", "Bearer realm=\"nudge\"");
	snprintf(why, sizeof why, "%s bearer token is needed", whose);
	problem(r, 401, why);
	return false;
}

static void
take_call(struct server *s, struct evhttp_request *r)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(r);
	const char *query = evhttp_uri_get_query(uri);
	bool is_post = evhttp_request_get_command(r) == EVHTTP_REQ_POST;
	const char *key = header(r, "Idempotency-Key");
	json_error_t at;
	struct input *in;
	const char *bytes;
	char why[200];
	size_t len;
	json_t *body = NULL;

	body_of(r, &bytes, &len);
	if (is_post && len > 0) {
		body = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, &at);
		if (!json_is_object(body)) {
			snprintf(why, sizeof why,
			    "the body is not a JSON object: %s",
			    body == NULL ? at.text : "another kind of value");
			json_decref(body);
			problem(r, 400, why);
			return;
		}
	}
	in = xcalloc(1, sizeof *in);
	in->kind = INPUT_CALL;
	in->request = r;
	in->path = xstrdup(evhttp_uri_get_path(uri));
	in->query = xstrdup(query != NULL ? query : "");
	in->key = xstrdup(key != NULL ? key : "");
	in->body = body;
	in->call = (struct api_call){
	    .method = is_post ? "POST" : "GET",
	    .path = in->path,
	    .query = in->query,
	    .idempotency_key = in->key,
	    .body = body,
	};
	worker_submit(s->worker, in);
}

/* ----------------------------------------------------------------- routes */

/*
 * /healthz: the loop turns. /readyz: work is taken, or else why not; both say
 * more with ?verbose.
 */
static void
health(struct server *s, struct evhttp_request *r, const char *path)
{
	const char *query =
	    evhttp_uri_get_query(evhttp_request_get_evhttp_uri(r));
	bool is_ready = true,
	     is_verbose = query != NULL && strcmp(query, "verbose") == 0;
	struct buf text = {0};
	const char *name, *why;

	for (int i = 0; (name = worker_check(s->worker, i, &why)) != NULL;
	     i++) {
		if (is_verbose)
			buf_addf(&text, "[%c]%s %s\n", why == NULL ? '+' : '-',
			    name, why == NULL ? "ok" : why);
		else if (why != NULL)
			buf_addf(&text, "%s\n", why);
		is_ready = is_ready && why == NULL;
	}
	if (strcmp(path, "/readyz") != 0)
		is_ready = true;
	if (is_ready && !is_verbose) {
		buf_truncate(&text, 0);
		buf_adds(&text, "ok\n");
	}
	reply_header(r, "Cache-Control", "no-store");
	reply_bytes(r, is_ready ? 200 : 503, "text/plain; charset=utf-8",
	    text.data, text.len);
	buf_free(&text);
}

static void
metrics(struct server *s, struct evhttp_request *r)
{
	const struct settings *settings = worker_settings_now(s->worker);
	struct buf text = {0};

	if (settings->metrics_tokens != NULL &&
	    settings->metrics_tokens[0] != NULL &&
	    !is_allowed(r, settings->metrics_tokens, "a metrics"))
		return;
	worker_gauges(s->worker);
	stats_set(STAT_CONNECTIONS, "", "", connections_count(s->connections));
	stats_write(&text);
	reply_bytes(r, 200, STATS_TYPE, text.data, text.len);
	buf_free(&text);
}

static bool
is_health(const char *path)
{
	return strcmp(path, "/healthz") == 0 || strcmp(path, "/livez") == 0 ||
	       strcmp(path, "/readyz") == 0;
}

static bool
is_page(const char *path)
{
	return strncmp(path, "/u/", 3) == 0 || strncmp(path, "/p/", 3) == 0;
}

static bool
is_looked_at(const char *path)
{
	return is_health(path) || segment_pixel_path(path) >= 0 ||
	       strcmp(path, "/metrics") == 0 ||
	       strcmp(path, "/v1/discarded") == 0;
}

/* Which methods are for a path; 0: there is nothing. */
static int
methods_of(const char *path, const char *raw)
{
	if (segment_path(path) >= 0)
		return EVHTTP_REQ_POST | EVHTTP_REQ_OPTIONS;
	if (is_looked_at(path))
		return READS;
	if (is_page(path))
		return READS | EVHTTP_REQ_POST;
	if (strcmp(path, "/v1/clock") == 0)
		return EVHTTP_REQ_POST;
	return (api_has("GET", raw) ? READS : 0) |
	       (api_has("POST", raw) ? EVHTTP_REQ_POST : 0);
}

static void
not_allowed(struct evhttp_request *r, int methods)
{
	static const struct {
		int method;
		const char *name;
	} known[] = {{EVHTTP_REQ_GET, "GET"}, {EVHTTP_REQ_HEAD, "HEAD"},
	    {EVHTTP_REQ_POST, "POST"}, {EVHTTP_REQ_OPTIONS, "OPTIONS"}};
	char allow[40] = "";

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (methods & known[i].method) {
			strcat(allow, allow[0] != '\0' ? ", " : "");
			strcat(allow, known[i].name);
		}
	reply_header(r, "Allow", allow);
	problem(r, 405, "this method is not for this path");
}

/* What only operators may ask. */
static void
route_operator(struct server *s, struct evhttp_request *r, const char *path)
{
	char **tokens = worker_settings_now(s->worker)->operator_tokens;

	if (!is_allowed(r, tokens, "an operator's"))
		return;
	if (strcmp(path, "/v1/discarded") != 0)
		take_call(s, r);
	else if (evhttp_uri_get_query(evhttp_request_get_evhttp_uri(r)) != NULL)
		problem(r, 400, "this list is short and has no parameters");
	else
		reply_json(r, 200, discards_list(s->discards));
}

static void
route(struct server *s, struct evhttp_request *r, const char *path)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(r);
	int method = evhttp_request_get_command(r);
	int methods = methods_of(path, evhttp_uri_get_path(uri));
	int type = segment_path(path);
	int pixel = segment_pixel_path(path);

	if (methods == 0)
		problem(r, 404, "there is nothing at this path");
	else if ((methods & method) == 0)
		not_allowed(r, methods);
	else if (method == EVHTTP_REQ_OPTIONS)
		preflight(r);
	else if (type >= 0)
		take_body(s, r, (enum segment_type)type);
	else if (pixel >= 0 && method == EVHTTP_REQ_HEAD)
		reply_pixel(r); /* nobody has seen it: no event */
	else if (pixel >= 0)
		take_pixel(s, r, (enum segment_type)pixel);
	else if (is_health(path))
		health(s, r, path);
	else if (strcmp(path, "/metrics") == 0)
		metrics(s, r);
	else if (strncmp(path, "/u/", 3) == 0)
		unsubscribe_request(s->worker, r, path + 3);
	else if (strncmp(path, "/p/", 3) == 0)
		preferences_request(s->worker, r, path + 3);
	else
		route_operator(s, r, path);
}

/*
 * Bodies a little too large are read all the same, so that their clients get an
 * answer they understand; the others are cut off.
 */
static void
set_limits(struct evhttp *http, const struct settings *settings)
{
	evhttp_set_max_body_size(http, 2 * settings->max_body);
	evhttp_set_max_headers_size(http, settings->max_headers);
	evhttp_set_timeout(http, settings->request_ms / 1000 + 1);
}

static void
on_request(struct evhttp_request *r, void *arg)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(r);
	const char *raw = uri != NULL ? evhttp_uri_get_path(uri) : NULL;
	struct server *s = arg;
	size_t len = 0;
	char *path = raw != NULL ? evhttp_uridecode(raw, 0, &len) : NULL;
	const char *fault = framing_fault(r);

	set_limits(s->http, worker_settings_now(s->worker));
	if (!connections_answering(s->connections, r)) {
		problem(r, 503, "the connection was ended");
	} else if (fault != NULL) {
		reply_header(r, "Connection", "close");
		problem(r, 400, fault);
	} else if (path == NULL || strlen(path) != len)
		problem(r, 400, "the path cannot be read");
	else
		route(s, r, path);
	free(path);
}

static void
refuse_input(struct input *in)
{
	char why[100];

	if (in->kind == INPUT_UNSUBSCRIBE || in->kind == INPUT_PREFERENCES) {
		page_unavailable(in->request);
		return;
	}
	reply_header(in->request, "Retry-After", "5");
	if (in->kind == INPUT_EVENTS) {
		snprintf(why, sizeof why, "%s; nothing was taken", in->why);
		refuse_events(in->request, 503, "unavailable", why);
	} else {
		snprintf(why, sizeof why, "%s; nothing was done", in->why);
		problem(in->request, 503, why);
	}
}

void
input_reply(struct input *in)
{
	if (in->status != 200) {
		refuse_input(in);
	} else if (in->is_pixel) {
		reply_pixel(in->request);
	} else if (in->kind == INPUT_EVENTS) {
		reply_bytes(in->request, 200, "application/json",
		    "{\"success\":true}", 16);
	} else if (in->kind == INPUT_UNSUBSCRIBE) {
		unsubscribe_done(in);
	} else if (in->kind == INPUT_PREFERENCES) {
		preferences_done(in);
	} else if (in->call.status >= 400) {
		reply_problem(in->request, in->call.status, in->call.reply);
	} else {
		reply_json(in->request, in->call.status, in->call.reply);
	}
	if (in->status != 200)
		json_decref(in->call.reply);
	segment_batch_free(&in->batch);
	json_decref(in->body);
	json_decref(in->wanted);
	json_decref(in->standing);
	free(in->path);
	free(in->query);
	free(in->key);
	free(in);
}

/* ------------------------------------------------------------------ socket */

static int
bound_port(struct evhttp_bound_socket *socket)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof ss;

	if (getsockname(evhttp_bound_socket_get_fd(socket),
		(struct sockaddr *)&ss, &len) != 0)
		return 0;
	return ntohs(ss.ss_family == AF_INET6
			 ? ((struct sockaddr_in6 *)&ss)->sin6_port
			 : ((struct sockaddr_in *)&ss)->sin_port);
}

struct server *
server_start(struct worker *w, struct event_base *base,
    const struct settings *settings, struct error *e)
{
	struct server *s = xcalloc(1, sizeof *s);
	char host[256];
	const char *colon = strrchr(settings->listen, ':');
	const char *start = settings->listen;
	int len = (int)(colon - start);

	if (start[0] == '[' && len > 1) { /* [::1]:8460 */
		start++;
		len -= 2;
	}
	snprintf(host, sizeof host, "%.*s", len, start);
	s->worker = w;
	s->http = evhttp_new(base);
	s->discards = discards_new();
	s->connections = connections_new(w, base, s->http, s->discards);
	set_limits(s->http, settings);
	evhttp_set_allowed_methods(
	    s->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD |
			 EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PUT |
			 EVHTTP_REQ_DELETE | EVHTTP_REQ_PATCH);
	evhttp_set_gencb(s->http, on_request, s);
	s->socket = evhttp_bind_socket_with_handle(
	    s->http, host, (ev_uint16_t)atoi(colon + 1));
	if (s->socket == NULL) {
		error_set(e, "%s cannot be listened on: %s", settings->listen,
		    strerror(EVUTIL_SOCKET_ERROR()));
		server_free(s);
		return NULL;
	}
	s->port = bound_port(s->socket);
	return s;
}

int
server_port(const struct server *s)
{
	return s->port;
}

void
server_refuse_new(struct server *s)
{
	if (s->socket != NULL)
		evhttp_del_accept_socket(s->http, s->socket);
	s->socket = NULL;
	reply_ends_connections();
}

void
server_free(struct server *s)
{
	evhttp_free(s->http);
	connections_free(s->connections);
	discards_free(s->discards);
	free(s);
}
