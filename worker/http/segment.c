/* SPDX-License-Identifier: MIT */
/*
 * segment - see the header. Field rules are those of Segment's common fields
 * and of what its clients were seen to send; nothing here touches the store.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "templates/buf.h"
#include "templates/time/date.h"
#include "worker/http/body.h"
#include "worker/http/segment.h"

#define REAL_ID_MAX 1e15 /* so far %.15g says all there is */

static const char *const type_names[] = {
    "identify", "track", "page", "screen", "group", "alias", "batch"};

const char *
segment_discard_name(enum segment_discard reason)
{
	static const char *const names[DISCARD_REASONS] = {"empty_batch",
	    "not_an_object", "unknown_type", "no_user_anon_id", "id_not_string",
	    "id_too_long", "event_not_string", "properties_not_object",
	    "nul_character", "invalid_json", "invalid_request",
	    "invalid_write_key", "too_large"};

	return names[reason];
}

static int
type_of(const char *name, size_t len)
{
	for (int i = 0; i <= SEGMENT_BATCH; i++)
		if (strlen(type_names[i]) == len &&
		    strncmp(name, type_names[i], len) == 0)
			return i;
	return -1;
}

/* What a path ends with: "track", "track/", "t", "import". */
static int
call_of(const char *name)
{
	static const char letters[] = "itpsgab";
	size_t len = strlen(name);

	if (len > 0 && name[len - 1] == '/')
		len--;
	if (len == 1 && strchr(letters, name[0]) != NULL)
		return (int)(strchr(letters, name[0]) - letters);
	if (len == 6 && strncmp(name, "import", 6) == 0)
		return SEGMENT_BATCH;
	return type_of(name, len);
}

int
segment_path(const char *path)
{
	return strncmp(path, "/v1/", 4) == 0 ? call_of(path + 4) : -1;
}

int
segment_pixel_path(const char *path)
{
	return strncmp(path, "/v1/pixel/", 10) == 0 ? call_of(path + 10) : -1;
}

/* ------------------------------------------------------------------ bytes */

char *
segment_base64(const char *text, size_t *len)
{
	size_t n = strlen(text);
	char *padded = xmalloc(n + 4);
	unsigned char *plain = xmalloc(n + 4);
	size_t missing = 0; /* of the last four characters */
	int size;

	*len = 0;
	while (n > 0 && text[n - 1] == '=')
		n--;
	for (size_t i = 0; i < n; i++)
		padded[i] = text[i] == '-'   ? '+'
			    : text[i] == '_' ? '/'
					     : text[i];
	for (; n % 4 != 0; missing++)
		padded[n++] = '=';
	size = EVP_DecodeBlock(plain, (unsigned char *)padded, (int)n);
	free(padded);
	if (size < 0) {
		free(plain);
		return NULL;
	}
	*len = (size_t)size - missing; /* OpenSSL leaves out outer blanks */
	plain[*len] = '\0';
	return (char *)plain;
}

bool
segment_basic_key(const char *header, char *key, size_t size)
{
	size_t len;
	char *plain;
	bool fits;

	if (header == NULL || strncasecmp(header, "Basic ", 6) != 0)
		return false;
	plain = segment_base64(header + 6 + strspn(header + 6, " "), &len);
	if (plain == NULL)
		return false;
	len = strcspn(plain, ":");
	fits = len > 0 && len < size;
	if (fits)
		snprintf(key, size, "%.*s", (int)len, plain);
	free(plain);
	return fits;
}

/* ----------------------------------------------------------------- values */

static bool
has_nul(const json_t *v)
{
	const char *key;
	const json_t *member;
	size_t i;

	if (json_is_string(v))
		return strlen(json_string_value(v)) != json_string_length(v);
	if (json_is_array(v))
		for (i = 0; i < json_array_size(v); i++)
			if (has_nul(json_array_get(v, i)))
				return true;
	json_object_foreach(
	    (json_t *)v, key, member) if (has_nul(member)) return true;
	return false;
}

static const char *
text_of(const json_t *object, const char *name)
{
	const char *s = json_string_value(json_object_get(object, name));

	return s != NULL ? s : "";
}

static json_t *
object_of(const json_t *object, const char *name)
{
	json_t *v = json_object_get(object, name);

	return json_is_object(v) ? v : NULL;
}

/*
 * Ids are strings; numbers occur and are taken as their digits. Those of a real
 * that is as large are not all known: it could be somebody else's.
 */
static bool
read_id(struct arena *arena, const json_t *object, const char *name,
    const char **out)
{
	const json_t *v = json_object_get(object, name);
	char number[40];

	*out = "";
	if (json_is_string(v))
		*out = json_string_value(v);
	else if (json_is_real(v) && fabs(json_real_value(v)) >= REAL_ID_MAX)
		return false;
	else if (json_is_number(v)) {
		if (json_is_integer(v))
			snprintf(number, sizeof number, "%lld",
			    (long long)json_integer_value(v));
		else
			snprintf(
			    number, sizeof number, "%.15g", json_real_value(v));
		*out = arena_strndup(arena, number, strlen(number));
	} else if (v != NULL && !json_is_null(v))
		return false;
	return true;
}

/* false when there is no time. */
static bool
read_time(const json_t *v, int64_t now_ms, int64_t *ms)
{
	const char *s = json_string_value(v);
	struct date date;

	if (json_is_number(v)) {
		double n = json_number_value(v);

		if (!(fabs(n) < 1e15))
			return false;
		*ms = (int64_t)(fabs(n) < 1e11 ? n * 1000 : n);
		return true;
	}
	if (s == NULL)
		return false;
	if (date_parse_rfc3339(s, strlen(s), ms) == 0)
		return true;
	if (date_parse(s, strlen(s), zone_utc(), now_ms, &date) != 0)
		return false;
	*ms = date.ms;
	return true;
}

/*
 * timestamp = receivedAt - (sentAt - originalTimestamp): the client's clock
 * may be wrong, its differences are not. Never in the future, and never 0 or
 * before, which is no time.
 */
static int64_t
happened_at(const json_t *event, const json_t *root, int64_t received_ms)
{
	int64_t at, sent;

	if (!read_time(json_object_get(event, "timestamp"), received_ms, &at) &&
	    !read_time(
		json_object_get(event, "originalTimestamp"), received_ms, &at))
		return received_ms;
	if (read_time(json_object_get(event, "sentAt"), received_ms, &sent) ||
	    read_time(json_object_get(root, "sentAt"), received_ms, &sent))
		at = received_ms - (sent - at);
	if (at < 1)
		at = 1;
	return at > received_ms ? received_ms : at;
}

/* ----------------------------------------------------------------- events */

struct reading {
	const struct segment_request *request;
	const struct body *body;
	struct segment_batch *batch;
	json_t *context; /* of the batch, for all of its events */
	int cap_discarded;
};

static const char *
context_text(const struct reading *r, const json_t *event, const char *name)
{
	const char *s = text_of(object_of(event, "context"), name);

	return s[0] != '\0' ? s : text_of(r->context, name);
}

/* What a page or screen call is called as an event, as Segment names them. */
static const char *
page_name(struct arena *arena, const json_t *event, enum segment_type type)
{
	const char *what = type == SEGMENT_PAGE ? "Page" : "Screen";
	const char *name = text_of(event, "name");
	struct buf b = {0};
	const char *full;

	if (name[0] != '\0')
		buf_addf(&b, "Viewed %s %s", name, what);
	else
		buf_addf(&b, "Loaded a %s", what);
	full = arena_strndup(arena, b.data, b.len);
	buf_free(&b);
	return full;
}

static bool
is_too_long(const char *id)
{
	return strlen(id) > SEGMENT_ID_MAX;
}

static int
read_ids(struct reading *r, const json_t *j, struct segment_event *e)
{
	struct arena *arena = &r->batch->arena;
	bool ok = read_id(arena, j, "userId", &e->user_id) &&
		  read_id(arena, j, "anonymousId", &e->anonymous_id) &&
		  read_id(arena, j, "previousId", &e->previous_id) &&
		  read_id(arena, j, "groupId", &e->group_id) &&
		  read_id(arena, j, "messageId", &e->message_id);

	if (!ok)
		return DISCARD_ID_NOT_STRING;
	if (is_too_long(e->user_id) || is_too_long(e->anonymous_id) ||
	    is_too_long(e->previous_id) || is_too_long(e->group_id))
		return DISCARD_ID_TOO_LONG;
	if (e->user_id[0] == '\0' && e->anonymous_id[0] == '\0')
		return DISCARD_NO_ID;
	if (e->type == SEGMENT_ALIAS &&
	    (e->previous_id[0] == '\0' || e->user_id[0] == '\0'))
		return DISCARD_NO_ID;
	if (e->type == SEGMENT_GROUP && e->group_id[0] == '\0')
		return DISCARD_NO_ID;
	if (e->type != SEGMENT_GROUP &&
	    !read_id(arena, object_of(j, "context"), "groupId", &e->group_id))
		return DISCARD_ID_NOT_STRING;
	return is_too_long(e->group_id) ? DISCARD_ID_TOO_LONG : -1;
}

static int
read_body(struct reading *r, const json_t *j, struct segment_event *e)
{
	bool is_traits =
	    e->type == SEGMENT_IDENTIFY || e->type == SEGMENT_GROUP;
	json_t *body = json_object_get(j, is_traits ? "traits" : "properties");
	json_t *name = json_object_get(j, "event");

	if (body != NULL && !json_is_null(body) && !json_is_object(body))
		return DISCARD_PROPERTIES_NOT_OBJECT;
	e->body = json_is_object(body) ? body : NULL;
	e->traits = object_of(object_of(j, "context"), "traits");
	e->name = "";
	if (e->type == SEGMENT_TRACK) {
		if (!json_is_string(name) || json_string_length(name) == 0)
			return DISCARD_EVENT_NOT_STRING;
		e->name = json_string_value(name);
	} else if (e->type == SEGMENT_PAGE || e->type == SEGMENT_SCREEN) {
		e->name = page_name(&r->batch->arena, j, e->type);
	}
	return -1;
}

/* Appends one event to the batch, or returns why not; -1: appended. */
static int
read_event(struct reading *r, const json_t *j, int type)
{
	struct segment_batch *batch = r->batch;
	struct segment_event e = {0};
	const char *name = text_of(j, "type");
	char id[64];
	int wrong;

	if (!json_is_object(j))
		return DISCARD_NOT_OBJECT;
	if (type == SEGMENT_BATCH)
		type = type_of(name, strlen(name));
	if (type < 0 || type == SEGMENT_BATCH)
		return DISCARD_UNKNOWN_TYPE;
	if (r->body->may_have_nul && has_nul(j))
		return DISCARD_NUL_CHARACTER;
	e.type = (enum segment_type)type;
	if ((wrong = read_ids(r, j, &e)) >= 0 ||
	    (wrong = read_body(r, j, &e)) >= 0)
		return wrong;
	if (e.message_id[0] == '\0') {
		snprintf(id, sizeof id, "nudge-%016llx-%d",
		    (unsigned long long)r->request->serial, batch->count);
		e.message_id = arena_strndup(&batch->arena, id, strlen(id));
	}
	if (e.group_id[0] == '\0')
		e.group_id = text_of(r->context, "groupId");
	e.timezone = context_text(r, j, "timezone");
	e.locale = context_text(r, j, "locale");
	e.at_ms = happened_at(j, batch->root, r->request->received_ms);
	batch->events[batch->count++] = e;
	return -1;
}

/* Ids that are none, or hold a NUL, are left out of it. */
static void
discard(struct reading *r, const json_t *j, int reason, int place)
{
	struct segment_batch *batch = r->batch;
	struct segment_discarded *d;

	batch->discarded = list_room(batch->discarded, batch->n_discarded,
	    &r->cap_discarded, sizeof *batch->discarded);
	d = &batch->discarded[batch->n_discarded++];
	*d = (struct segment_discarded){(enum segment_discard)reason, place,
	    .type = text_of(j, "type"), .message_id = text_of(j, "messageId")};
	read_id(&batch->arena, j, "userId", &d->user_id);
	read_id(&batch->arena, j, "anonymousId", &d->anonymous_id);
}

static void
read_all(struct reading *r, enum segment_type type)
{
	struct segment_batch *batch = r->batch;
	json_t *list = json_object_get(batch->root, "batch");
	size_t n = type == SEGMENT_BATCH ? json_array_size(list) : 1;
	const bool *is_unread = r->body->is_unread;

	batch->events = xcalloc(n + 1, sizeof *batch->events);
	if (n == 0)
		discard(r, NULL, DISCARD_EMPTY_BATCH, 0);
	for (size_t i = 0; i < n; i++) {
		const json_t *j = type == SEGMENT_BATCH
				      ? json_array_get(list, i)
				      : batch->root;
		int wrong = is_unread != NULL && is_unread[i]
				? DISCARD_INVALID_JSON
				: read_event(r, j, (int)type);

		if (wrong >= 0)
			discard(r, j, wrong, (int)i);
	}
}

int
segment_parse(const struct segment_request *request,
    struct segment_batch *batch, struct error *e)
{
	struct reading r = {.request = request, .batch = batch};
	struct body body;
	int status = body_read(request, &body, e);

	*batch = (struct segment_batch){0};
	if (status != 200)
		return status;
	if (request->type == SEGMENT_BATCH &&
	    !json_is_array(json_object_get(body.root, "batch"))) {
		error_set(e, "\"batch\" is not a list of events");
		body_free(&body);
		return 400;
	}
	batch->root = json_incref(body.root);
	batch->kilobytes = body.weight;
	r.body = &body;
	r.context = request->type == SEGMENT_BATCH
			? object_of(batch->root, "context")
			: NULL;
	read_all(&r, request->type);
	body_free(&body);
	return 200;
}

void
segment_batch_free(struct segment_batch *batch)
{
	json_decref(batch->root);
	free(batch->events);
	free(batch->discarded);
	arena_free(&batch->arena);
	*batch = (struct segment_batch){0};
}
