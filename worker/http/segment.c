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
#include <zlib.h>

#include "templates/buf.h"
#include "templates/time/date.h"
#include "templates/json_text.h"
#include "worker/http/segment.h"

static const char *const type_names[] = {
    "identify", "track", "page", "screen", "group", "alias", "batch"};

const char *
segment_discard_name(enum segment_discard reason)
{
	static const char *const names[DISCARD_REASONS] = {"empty_batch",
	    "not_an_object", "unknown_type", "no_user_anon_id", "id_not_string",
	    "event_not_string", "properties_not_object", "nul_character",
	    "invalid_request", "invalid_write_key", "too_large"};

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

static int
inflate_body(const void *body, size_t len, size_t max, struct buf *out)
{
	z_stream z = {.next_in = (Bytef *)body, .avail_in = (uInt)len};
	int rc, status = 400;

	if (inflateInit2(&z, 15 + 32) != Z_OK)
		return 400;
	do {
		buf_reserve(out, len * 4 > 65536 ? 65536 : len * 4 + 1024);
		z.next_out = (Bytef *)out->data + out->len;
		z.avail_out = (uInt)(out->cap - out->len - 1);
		rc = inflate(&z, Z_NO_FLUSH);
		out->len = out->cap - 1 - z.avail_out;
		if (out->len > max)
			status = 413;
	} while (rc == Z_OK && status != 413);
	if (rc == Z_STREAM_END && status != 413)
		status = 200;
	out->data[out->len] = '\0';
	inflateEnd(&z);
	return status;
}

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

/* Ids are strings; numbers occur and are taken as their digits. */
static bool
read_id(struct arena *arena, const json_t *object, const char *name,
    const char **out)
{
	const json_t *v = json_object_get(object, name);
	char number[40];

	*out = "";
	if (json_is_string(v))
		*out = json_string_value(v);
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
	struct segment_batch *batch;
	json_t *context; /* of the batch, for all of its events */
	bool may_have_nul;
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
	return -1;
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
	if (r->may_have_nul && has_nul(j))
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

	batch->events = xcalloc(n + 1, sizeof *batch->events);
	if (n == 0)
		discard(r, NULL, DISCARD_EMPTY_BATCH, 0);
	for (size_t i = 0; i < n; i++) {
		const json_t *j = type == SEGMENT_BATCH
				      ? json_array_get(list, i)
				      : batch->root;
		int wrong = read_event(r, j, (int)type);

		if (wrong >= 0)
			discard(r, j, wrong, (int)i);
	}
}

/* Counts what opens and closes outside of strings. */
static bool
is_too_deep(const char *text, size_t len, int max)
{
	bool in_string = false;
	int depth = 0;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (in_string && c == '\\')
			i++;
		else if (c == '"')
			in_string = !in_string;
		else if (!in_string && (c == '{' || c == '['))
			depth++;
		else if (!in_string && (c == '}' || c == ']'))
			depth--;
		if (depth > max)
			return true;
	}
	return false;
}

/* The body as plain text. 200, or a status and why. */
static int
unpack(
    const struct segment_request *request, struct buf *plain, const char **why)
{
	const unsigned char *bytes = request->body;
	bool has_magic =
	    request->len > 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
	int status;

	if (request->is_base64) {
		*why = "the data is not base64";
		plain->data = segment_base64((const char *)bytes, &plain->len);
		return plain->data != NULL ? 200 : 400;
	}
	if (!request->is_gzip && !has_magic) {
		buf_add(plain, bytes, request->len);
		return 200;
	}
	status =
	    inflate_body(bytes, request->len, request->max_inflated, plain);
	*why = status == 413 ? "the body is too large once inflated"
			     : "the body is not valid gzip";
	return status;
}

/* The body as JSON. 200, or a status and why. */
static int
read_root(struct reading *r, const char **why)
{
	const struct segment_request *request = r->request;
	struct buf plain = {0};
	int status = unpack(request, &plain, why);
	const char *text = buf_str(&plain);

	r->batch->kilobytes = (int)(plain.len / 1024);
	if (status == 200 && request->max_depth > 0 &&
	    is_too_deep(text, plain.len, request->max_depth)) {
		*why = "the body is nested too deeply";
		status = 400;
	}
	if (status == 200) {
		r->may_have_nul = memmem(text, plain.len, "\\u0000", 6) != NULL;
		r->batch->root =
		    r->may_have_nul
			? json_loadb(text, plain.len, JSON_ALLOW_NUL, NULL)
			: json_text_read(text, plain.len); /* twice as fast */
	}
	buf_free(&plain);
	return status;
}

int
segment_parse(const struct segment_request *request,
    struct segment_batch *batch, const char **why)
{
	struct reading r = {.request = request, .batch = batch};
	int status;

	*batch = (struct segment_batch){.write_key = ""};
	status = read_root(&r, why);
	if (status == 200 && !json_is_object(batch->root)) {
		*why = "the body is not a JSON object";
		status = 400;
	} else if (status == 200 && request->type == SEGMENT_BATCH &&
		   !json_is_array(json_object_get(batch->root, "batch"))) {
		*why = "\"batch\" is not a list of events";
		status = 400;
	}
	if (status != 200) {
		segment_batch_free(batch);
		return status;
	}
	batch->write_key = text_of(batch->root, "writeKey");
	r.context = request->type == SEGMENT_BATCH
			? object_of(batch->root, "context")
			: NULL;
	read_all(&r, request->type);
	return 200;
}

void
segment_batch_free(struct segment_batch *batch)
{
	json_decref(batch->root);
	free(batch->events);
	free(batch->discarded);
	arena_free(&batch->arena);
	*batch = (struct segment_batch){.write_key = ""};
}
