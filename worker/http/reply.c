/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/http.h>

#include "worker/http/reply.h"
#include "worker/telemetry/stats.h"

#define ID_MAX 200

static bool ends_connections;

void
reply_header(struct evhttp_request *r, const char *name, const char *value)
{
	evhttp_add_header(evhttp_request_get_output_headers(r), name, value);
}

static const char *
phrase(int status)
{
	static const struct {
		int status;
		const char *phrase;
	} known[] = {{200, "OK"}, {201, "Created"}, {202, "Accepted"},
	    {400, "Bad Request"}, {401, "Unauthorized"}, {404, "Not Found"},
	    {405, "Method Not Allowed"}, {409, "Conflict"},
	    {413, "Content Too Large"}, {415, "Unsupported Media Type"},
	    {422, "Unprocessable Content"}, {429, "Too Many Requests"},
	    {503, "Service Unavailable"}};

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (known[i].status == status)
			return known[i].phrase;
	return "Status";
}

/* By which a proxy's log and the client's find each other. */
static void
echo_id(struct evhttp_request *r)
{
	const char *id = evhttp_find_header(
	    evhttp_request_get_input_headers(r), "X-Request-Id");

	if (id != NULL && strlen(id) <= ID_MAX)
		reply_header(r, "X-Request-Id", id);
}

void
reply_ends_connections(void)
{
	ends_connections = true;
}

void
reply_bytes(struct evhttp_request *r, int status, const char *type,
    const void *body, size_t len)
{
	struct evbuffer *out = evhttp_request_get_output_buffer(r);
	char code[12];

	reply_header(r, "Content-Type", type);
	echo_id(r);
	if (ends_connections)
		reply_header(r, "Connection", "close");
	if (evhttp_request_get_command(r) == EVHTTP_REQ_HEAD) {
		char length[24];

		snprintf(length, sizeof length, "%zu", len);
		reply_header(r, "Content-Length", length);
	} else {
		evbuffer_add(out, body, len);
	}
	snprintf(code, sizeof code, "%d", status);
	stats_count(STAT_REQUESTS, code, "", 1);
	evhttp_send_reply(r, status, phrase(status), NULL);
}

void
reply_text(
    struct evhttp_request *r, int status, const char *type, const char *body)
{
	reply_bytes(r, status, type, body, strlen(body));
}

static void
reply_dumped(
    struct evhttp_request *r, int status, const char *type, json_t *body)
{
	char *text = json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY);

	reply_text(r, status, type, text != NULL ? text : "null");
	free(text);
	json_decref(body);
}

void
reply_json(struct evhttp_request *r, int status, json_t *body)
{
	reply_dumped(r, status, "application/json", body);
}

void
reply_problem(struct evhttp_request *r, int status, json_t *body)
{
	reply_dumped(r, status, "application/problem+json", body);
}
