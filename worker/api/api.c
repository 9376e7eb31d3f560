/* SPDX-License-Identifier: MIT */
/* api - which call is meant, and the answers that calls share. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "templates/buf.h"
#include "templates/utf8.h"
#include "worker/api/calls.h"

#define NAMES(...)                \
	(const char *const[])     \
	{                         \
		__VA_ARGS__, NULL \
	}

static const struct call {
	const char *method, *path; /* "*" stands for one segment */
	api_fn *run;
	/*
	 * Parameters of a GET's query, members of a POST's body. NULL: what it
	 * is told is the action's, and looked at by it.
	 */
	const char *const *takes;
} calls[] = {
    {"GET", "/v1/people", people_search, NAMES("q", "limit", "cursor")},
    {"GET", "/v1/people/*", people_show, NAMES(NULL)},
    {"GET", "/v1/people/*/timeline", people_timeline, NAMES("limit", "cursor")},
    {"GET", "/v1/people/*/metrics", people_metrics, NAMES(NULL)},
    {"POST", "/v1/people/*/*", people_act, NULL},
    {"GET", "/v1/accounts/*", accounts_show, NAMES("limit", "cursor")},
    {"GET", "/v1/accounts/*/metrics", people_metrics, NAMES(NULL)},
    {"POST", "/v1/accounts/*/*", people_act, NULL},
    {"GET", "/v1/messages", messages_list,
	NAMES("state", "sequence", "limit", "cursor")},
    {"GET", "/v1/messages/*", messages_show, NAMES(NULL)},
    {"POST", "/v1/messages/*/*", messages_act, NAMES("actor", "note")},
    {"POST", "/v1/send", messages_send,
	NAMES("user", "account", "template", "data", "at", "to", "override",
	    "actor", "note")},
    {"GET", "/v1/sequences", sequences_list, NAMES(NULL)},
    {"GET", "/v1/sequences/*", sequences_show, NAMES(NULL)},
    {"GET", "/v1/channels", channels_list, NAMES(NULL)},
    {"POST", "/v1/channels/*/*", channels_act, NAMES("actor", "note")},
    {"GET", "/v1/decisions", decisions_list, NAMES("limit", "cursor")},
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
static const struct call *
find(const char *method, const char *path, struct api_match *m)
{
	for (size_t i = 0; i < CALLS; i++)
		if (strcmp(calls[i].method, method) == 0 &&
		    fits(calls[i].path, path, m))
			return &calls[i];
	return NULL;
}

bool
api_has(const char *method, const char *path)
{
	struct api_match m;

	return find(method, path, &m) != NULL;
}

/* ------------------------------------------------ what a call is told */

/* Is the name one of a list? If not, it is answered. */
static bool
is_known(struct api_call *call, const char *name, const char *const *known)
{
	const char *near = suggest(name, known);

	for (const char *const *k = known; *k != NULL; k++)
		if (strcmp(*k, name) == 0)
			return true;
	api_problem(call, 400, "\"%.100s\" is not known here%s%s%s", name,
	    near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
	    near != NULL ? "\"?" : "");
	return false;
}

static bool
is_limit(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	return digits > 0 && digits < 9 && text[digits] == '\0' &&
	       atoi(text) >= 1 && atoi(text) <= API_PAGE_MAX;
}

/* The same of a value, wherever there is a parameter of that name. */
static bool
is_value(struct api_call *call, const char *name, const char *value)
{
	if (strcmp(name, "limit") == 0 && !is_limit(value))
		api_problem(call, 400,
		    "\"limit\" is a whole number from 1 to %d", API_PAGE_MAX);
	else if (strcmp(name, "cursor") == 0 &&
		 (strspn(value, "0123456789") == 0 ||
		     value[strspn(value, "0123456789-")] != '\0'))
		api_problem(call, 400,
		    "\"cursor\" is what an answer called next_cursor");
	else
		return true;
	return false;
}

static bool
takes_query(const struct call *found, struct api_call *call)
{
	static const char *const none[] = {NULL};
	bool is_get = strcmp(found->method, "GET") == 0;
	char name[API_VALUE_SIZE], value[API_VALUE_SIZE];

	for (const char *p = call->query; *p != '\0';) {
		size_t part = strcspn(p, "&"), len = strcspn(p, "=&");
		size_t skip = len + (len < part);

		snprintf(name, sizeof name, "%.*s", (int)len, p);
		if (part > 0 &&
		    !is_known(call, name, is_get ? found->takes : none))
			return false;
		if (!decode(p + skip, part - skip, true, value, sizeof value)) {
			api_problem(call, 400, "\"%s\" is too long", name);
			return false;
		}
		if (!is_value(call, name, value))
			return false;
		p += part + (p[part] == '&');
	}
	return true;
}

/* What a member of that name is, wherever there is one; NULL: it is that. */
static const char *
wrong_kind(const char *name, const json_t *value)
{
	if (json_is_null(value))
		return NULL;
	if (strcmp(name, "data") == 0)
		return json_is_object(value) ? NULL : "an object";
	if (strcmp(name, "override") == 0)
		return json_is_boolean(value) ? NULL : "true or false";
	return json_is_string(value) ? NULL : "a string";
}

/* Longer ones would not fit into a decision. */
static bool
fits_decision(struct api_call *call, const char *name, size_t most)
{
	if (strlen(api_text(call, name)) <= most)
		return true;
	api_problem(call, 400, "\"%s\" has %zu bytes at most", name, most);
	return false;
}

bool
api_takes(struct api_call *call, const char *const *names)
{
	const char *name, *kind;
	json_t *value;

	json_object_foreach((json_t *)call->body, name, value)
	{
		if (!is_known(call, name, names))
			return false;
		kind = wrong_kind(name, value);
		if (kind != NULL) {
			api_problem(call, 400, "\"%s\" is %s", name, kind);
			return false;
		}
	}
	return fits_decision(call, "actor", API_ACTOR_MAX) &&
	       fits_decision(call, "note", API_NOTE_MAX);
}

int
api_run(struct turn *t, struct api_call *call)
{
	struct api_match m = {0};
	const struct call *found = find(call->method, call->path, &m);

	if (found == NULL)
		api_problem(call, 404, "there is nothing at %s", call->path);
	else if (takes_query(found, call) &&
		 (found->takes == NULL || api_takes(call, found->takes)))
		return found->run(t, call, &m);
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
	struct buf text = {0};
	char detail[600]; /* with what was asked for, and may be cut */
	va_list ap;

	for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++)
		if (titles[i].status == status)
			title = titles[i].title;
	va_start(ap, fmt);
	vsnprintf(detail, sizeof detail, fmt, ap);
	va_end(ap);
	utf8_clean(detail, strlen(detail), &text);
	json_decref(call->reply);
	call->status = status;
	call->reply = json_pack("{s:s,s:s,s:i,s:s}", "type", "about:blank",
	    "title", title, "status", status, "detail", buf_str(&text));
	buf_free(&text);
}

void
api_answer(struct api_call *call, json_t *reply)
{
	json_decref(call->reply);
	call->status = 200;
	call->reply = reply;
}

bool
api_query(
    const struct api_call *call, const char *name, char out[API_VALUE_SIZE])
{
	size_t len = strlen(name);
	const char *p = call->query;

	while (*p != '\0') {
		size_t part = strcspn(p, "&");

		if (part > len && strncmp(p, name, len) == 0 && p[len] == '=')
			return decode(p + len + 1, part - len - 1, true, out,
			    API_VALUE_SIZE);
		p += part + (p[part] == '&');
	}
	return false;
}

int
api_limit(const struct api_call *call)
{
	char text[API_VALUE_SIZE];

	return api_query(call, "limit", text) ? atoi(text) : 50;
}

int64_t
api_cursor(const struct api_call *call)
{
	char text[API_VALUE_SIZE];

	return api_query(call, "cursor", text) ? atoll(text) : 0;
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

const char *
api_text(const struct api_call *call, const char *name)
{
	const char *s = json_string_value(json_object_get(call->body, name));

	return s != NULL ? s : "";
}
