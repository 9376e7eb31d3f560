/* SPDX-License-Identifier: MIT */
/* api - which call is meant, and the answers that calls share. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "templates/buf.h"
#include "worker/api/calls.h"

static const struct {
	const char *method, *path; /* "*" stands for one segment */
	api_fn *run;
} calls[] = {
    {"GET", "/v1/people", people_search},
    {"GET", "/v1/people/*", people_show},
    {"GET", "/v1/people/*/timeline", people_timeline},
    {"GET", "/v1/people/*/metrics", people_metrics},
    {"POST", "/v1/people/*/*", people_act},
    {"GET", "/v1/accounts/*", accounts_show},
    {"GET", "/v1/accounts/*/metrics", people_metrics},
    {"POST", "/v1/accounts/*/*", people_act},
    {"GET", "/v1/messages", messages_list},
    {"GET", "/v1/messages/*", messages_show},
    {"POST", "/v1/messages/*/*", messages_act},
    {"POST", "/v1/send", messages_send},
    {"GET", "/v1/sequences", sequences_list},
    {"GET", "/v1/channels", channels_list},
    {"POST", "/v1/channels/*/*", channels_act},
};

#define CALLS (sizeof calls / sizeof calls[0])

/* Percent-decodes n bytes; false when they do not fit or hold a NUL. */
static bool
decode(const char *p, size_t n, bool is_query, char *out, size_t size)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned code = (unsigned char)p[i];

		if (p[i] == '%' && i + 2 < n &&
		    sscanf(p + i + 1, "%2x", &code) == 1)
			i += 2;
		else if (is_query && p[i] == '+')
			code = ' ';
		if (code == 0 || len + 1 >= size)
			return false;
		out[len++] = (char)code;
	}
	out[len] = '\0';
	return true;
}

/* Does the path fit? Decodes what stands for each star. */
static bool
fits(const char *pattern, const char *path, struct api_match *m)
{
	int star = 0;

	while (*pattern != '\0' && *path != '\0') {
		size_t len = strcspn(path, "/");

		if (*pattern != '*') {
			if (*pattern++ != *path++)
				return false;
			continue;
		}
		if (len == 0 || !decode(path, len, false, m->star[star++],
				    sizeof m->star[0]))
			return false;
		pattern++;
		path += len;
	}
	return *pattern == '\0' && *path == '\0';
}

/* The call, or NULL; what its stars stand for. */
static api_fn *
find(const char *method, const char *path, struct api_match *m)
{
	for (size_t i = 0; i < CALLS; i++)
		if (strcmp(calls[i].method, method) == 0 &&
		    fits(calls[i].path, path, m))
			return calls[i].run;
	return NULL;
}

bool
api_has(const char *method, const char *path)
{
	struct api_match m;

	return find(method, path, &m) != NULL;
}

int
api_run(struct turn *t, struct api_call *call)
{
	struct api_match m = {0};
	api_fn *run = find(call->method, call->path, &m);

	if (run != NULL)
		return run(t, call, &m);
	api_problem(call, 404, "there is nothing at %s", call->path);
	return 0;
}

int
api_look(
    struct queue *q, struct workspace *w, int64_t now_ms, struct api_call *call)
{
	struct turn turn;
	int rc = turn_init(&turn, q, w);

	if (rc == 0)
		rc = turn_begin(&turn, now_ms);
	if (rc == 0)
		rc = api_run(&turn, call);
	turn_free(&turn);
	return rc;
}

void
api_problem(struct api_call *call, int status, const char *fmt, ...)
{
	static const struct {
		int status;
		const char *title;
	} titles[] = {{400, "Bad request"}, {401, "Unauthorized"},
	    {404, "Not found"}, {405, "Method not allowed"}, {409, "Conflict"},
	    {422, "Cannot be done"}, {503, "Unavailable"}};
	const char *title = "Error";
	char detail[600];
	va_list ap;

	for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++)
		if (titles[i].status == status)
			title = titles[i].title;
	va_start(ap, fmt);
	vsnprintf(detail, sizeof detail, fmt, ap);
	va_end(ap);
	json_decref(call->reply);
	call->status = status;
	call->reply = json_pack("{s:s,s:s,s:i,s:s}", "type", "about:blank",
	    "title", title, "status", status, "detail", detail);
}

void
api_answer(struct api_call *call, json_t *reply)
{
	json_decref(call->reply);
	call->status = 200;
	call->reply = reply;
}

bool
api_query(const struct api_call *call, const char *name, char *out, size_t size)
{
	size_t len = strlen(name);
	const char *p = call->query;

	while (*p != '\0') {
		size_t part = strcspn(p, "&");

		if (part > len && strncmp(p, name, len) == 0 && p[len] == '=')
			return decode(
			    p + len + 1, part - len - 1, true, out, size);
		p += part + (p[part] == '&');
	}
	return false;
}

int
api_limit(const struct api_call *call)
{
	char text[16];
	int limit;

	if (!api_query(call, "limit", text, sizeof text))
		return 50;
	limit = atoi(text);
	return limit < 1 ? 1 : limit > API_PAGE_MAX ? API_PAGE_MAX : limit;
}

int64_t
api_cursor(const struct api_call *call)
{
	char text[24];

	return api_query(call, "cursor", text, sizeof text) ? atoll(text) : 0;
}

void
api_set_cursor(json_t *reply, int count, int limit, int64_t last)
{
	char text[24];

	if (count < limit)
		return;
	snprintf(text, sizeof text, "%lld", (long long)last);
	json_object_set_new(reply, "next_cursor", json_string(text));
}

bool
api_unknown_member(struct api_call *call, const char *const *known)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)call->body, name, value)
	{
		const char *const *k = known;
		const char *near;

		while (*k != NULL && strcmp(*k, name) != 0)
			k++;
		if (*k != NULL)
			continue;
		near = suggest(name, known);
		api_problem(call, 400, "\"%s\" is not known here%s%s%s", name,
		    near != NULL ? "; did you mean \"" : "",
		    near != NULL ? near : "", near != NULL ? "\"?" : "");
		return true;
	}
	return false;
}

const char *
api_text(const struct api_call *call, const char *name)
{
	const char *s = json_string_value(json_object_get(call->body, name));

	return s != NULL ? s : "";
}
