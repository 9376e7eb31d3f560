/* SPDX-License-Identifier: MIT */
/* body - see the header. The texts here have a NUL behind them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "templates/buf.h"
#include "templates/json_text.h"
#include "worker/http/body.h"

#define VALUES_A_KILOBYTE 50 /* in memory: as many as an event has */
#define KEY_MAX		  300

/* ---------------------------------------------------------------- unpacking */

/* All of its members (RFC 1952 section 2.2). 200, 400 or 413. */
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
		else if (rc == Z_STREAM_END && z.avail_in == 0)
			status = 200;
		else if (rc == Z_STREAM_END)
			rc = inflateReset(&z);
	} while (rc == Z_OK && status != 413);
	out->data[out->len] = '\0';
	inflateEnd(&z);
	return status;
}

static int
unpack_gzip(const struct segment_request *request, bool has_magic,
    struct buf *plain, struct error *e)
{
	int status = inflate_body(
	    request->body, request->len, request->max_inflated, plain);

	if (status == 413)
		error_set(e, "the body is too large once inflated");
	else if (status != 200 && has_magic)
		error_set(e, "the body is not valid gzip: it ends too early, "
			     "or is damaged");
	else if (status != 200)
		error_set(e, "Content-Encoding says gzip, but the body does "
			     "not begin as gzip does");
	return status;
}

/* 200, or a status with the error set. */
static int
unpack(
    const struct segment_request *request, struct buf *plain, struct error *e)
{
	const unsigned char *bytes = request->body;
	bool has_magic =
	    request->len > 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;

	if (request->is_base64) {
		plain->data = segment_base64(request->body, &plain->len);
		if (plain->data == NULL)
			error_set(e, "the data is not base64");
		return plain->data != NULL ? 200 : 400;
	}
	if (request->is_gzip || has_magic)
		return unpack_gzip(request, has_magic, plain, e);
	buf_add(plain, bytes, request->len);
	return 200;
}

/* -------------------------------------------------------------------- shape */

/*
 * Counts what opens, closes and parts values outside of strings. An object or
 * list counts twice: empty ones are what takes the most memory for its bytes.
 */
static int
check_shape(const struct segment_request *request, const struct buf *plain,
    int *values, struct error *e)
{
	bool in_string = false;
	int depth = 0;

	*values = 0;
	for (size_t i = 0; i < plain->len; i++) {
		char c = plain->data[i];

		if (in_string && c == '\\')
			i++;
		else if (c == '"')
			in_string = !in_string;
		else if (!in_string && (c == '{' || c == '['))
			depth++, ++*values;
		else if (!in_string && (c == '}' || c == ']'))
			depth--;
		else if (!in_string && c == ',')
			++*values;
		if (request->max_depth > 0 && depth > request->max_depth) {
			error_set(e, "the body is nested too deeply");
			return 400;
		}
		if (request->max_values > 0 && *values > request->max_values) {
			error_set(e, "the body has more than %d values",
			    request->max_values);
			return 413;
		}
	}
	return 200;
}

/* ---------------------------------------------------------------------- key */

static bool
is_named(struct json_span name, const char *wanted)
{
	return name.len == strlen(wanted) &&
	       memcmp(name.text, wanted, name.len) == 0;
}

/* Does it have a key that is wanted? What is no JSON may: it is told so. */
static bool
may_have_key(const struct segment_request *request, const struct buf *plain)
{
	struct json_walk w = json_walk_begin(buf_str(plain), plain->len);
	struct json_span name, value;
	bool found = request->has_key == NULL;
	char key[KEY_MAX];

	if (!found && json_walk_enter(&w, '{'))
		while (json_walk_next(&w, '}', &name)) {
			value = json_walk_value(&w);
			if (!is_named(name, "writeKey") || value.len < 2 ||
			    value.len > sizeof key || value.text[0] != '"')
				continue;
			memcpy(key, value.text + 1, value.len - 2);
			key[value.len - 2] = '\0';
			found |= request->has_key(request->keys, key);
		}
	return found || w.is_broken;
}

/* ------------------------------------------------------------------ mending */

/* The unit (RFC 8259 section 7) of a \uXXXX at p, or -1. */
static int
unit_at(const char *p)
{
	int unit = 0;

	if (p[0] != '\\' || p[1] != 'u')
		return -1;
	for (int i = 2; i < 6; i++) {
		const char *digits = "0123456789abcdef0123456789ABCDEF";
		const char *d = p[i] != '\0' ? strchr(digits, p[i]) : NULL;

		if (d == NULL)
			return -1;
		unit = unit * 16 + (int)(d - digits) % 16;
	}
	return unit;
}

/* Takes an escape; half of a pair, as of an emoji, becomes U+FFFD. */
static size_t
mend_escape(const char *p, struct buf *out)
{
	int unit = unit_at(p);
	int next = unit >= 0xd800 && unit <= 0xdbff ? unit_at(p + 6) : -1;
	size_t len = unit < 0 ? 1 + (p[1] != '\0') : 6;

	if (next >= 0xdc00 && next <= 0xdfff)
		len = 12;
	if (unit >= 0xd800 && unit <= 0xdfff && len == 6)
		buf_adds(out, "\\ufffd");
	else
		buf_add(out, p, len);
	return len;
}

/* Takes a number; a whole one that does not fit becomes a real. */
static size_t
mend_number(const char *p, struct buf *out)
{
	size_t len = strspn(p, "0123456789.eE+-");
	bool is_whole = strspn(p + 1, "0123456789") == len - 1;

	buf_add(out, p, len);
	errno = 0;
	strtoll(p, NULL, 10);
	if (is_whole && errno == ERANGE)
		buf_adds(out, ".0");
	return len;
}

/* What jansson does not read though it does no harm. */
static void
mend(const struct buf *plain, struct buf *out)
{
	const char *p = buf_str(plain), *end = p + plain->len;
	bool in_string = false;

	buf_reserve(out, plain->len);
	while (p < end) {
		if (in_string && *p == '\\') {
			p += mend_escape(p, out);
		} else if (!in_string && *p != '\0' &&
			   strchr("-0123456789", *p) != NULL) {
			p += mend_number(p, out);
		} else {
			in_string ^= *p == '"';
			buf_addc(out, *p++);
		}
	}
}

/* -------------------------------------------------------- each event alone */

static json_t *
read_alone(struct json_span span)
{
	return json_loadb(
	    span.text, span.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
}

/* What an event that cannot be read can be found by at its source. */
static json_t *
read_names(struct json_span event)
{
	struct json_walk w = json_walk_begin(event.text, event.len);
	json_t *names = json_object();
	struct json_span name;

	if (json_walk_enter(&w, '{'))
		while (json_walk_next(&w, '}', &name)) {
			struct json_span value = json_walk_value(&w);

			if (is_named(name, "type") ||
			    is_named(name, "messageId") ||
			    is_named(name, "userId") ||
			    is_named(name, "anonymousId"))
				json_object_setn_new(names, name.text, name.len,
				    read_alone(value));
		}
	return names;
}

/* NULL when it is no list, whatever its elements are. */
static json_t *
read_events(struct body *body, struct json_span list)
{
	struct json_walk w = json_walk_begin(list.text, list.len);
	json_t *events = json_array();
	int count = 0, cap = 0;

	if (json_walk_enter(&w, '['))
		while (json_walk_next(&w, ']', NULL)) {
			struct json_span span = json_walk_value(&w);
			json_t *event = read_alone(span);

			body->is_unread = list_room(body->is_unread, count,
			    &cap, sizeof *body->is_unread);
			body->is_unread[count++] = event == NULL;
			json_array_append_new(
			    events, event != NULL ? event : read_names(span));
		}
	if (!w.is_broken)
		return events;
	json_decref(events);
	return NULL;
}

/* NULL when it is no object, whatever its members are. */
static json_t *
read_apart(struct body *body, const struct buf *text)
{
	struct json_walk w = json_walk_begin(buf_str(text), text->len);
	json_t *root = json_object();
	struct json_span name, span;

	if (json_walk_enter(&w, '{'))
		while (json_walk_next(&w, '}', &name)) {
			bool is_batch = is_named(name, "batch") &&
					json_object_get(root, "batch") == NULL;

			span = json_walk_value(&w);
			json_object_setn_new(root, name.text, name.len,
			    is_batch ? read_events(body, span)
				     : read_alone(span));
		}
	if (json_walk_end(&w) && json_object_get(root, "batch") != NULL)
		return root;
	json_decref(root);
	return NULL;
}

/* ------------------------------------------------------------------ reading */

static json_t *
read_mended(
    struct body *body, const struct buf *plain, bool is_batch, struct error *e)
{
	struct buf text = {0};
	json_error_t at;
	json_t *root;

	mend(plain, &text);
	root = json_loadb(buf_str(&text), text.len, JSON_ALLOW_NUL, &at);
	if (root == NULL)
		error_set(e, "the body is not JSON: line %d, column %d: %s",
		    at.line, at.column, at.text);
	if (root == NULL && is_batch)
		root = read_apart(body, &text);
	buf_free(&text);
	return root;
}

static int
read_json(
    struct body *body, const struct buf *plain, bool is_batch, struct error *e)
{
	body->may_have_nul =
	    memmem(buf_str(plain), plain->len, "\\u0000", 6) != NULL;
	if (!body->may_have_nul)
		body->root = json_text_read(buf_str(plain), plain->len);
	if (body->root == NULL)
		body->root = read_mended(body, plain, is_batch, e);
	if (body->root == NULL)
		return 400;
	if (json_is_object(body->root))
		return 200;
	error_set(e, "the body is not a JSON object");
	return 400;
}

int
body_read(
    const struct segment_request *request, struct body *body, struct error *e)
{
	struct buf plain = {0};
	int status = unpack(request, &plain, e), values;

	*body = (struct body){0};
	if (status == 200)
		status = check_shape(request, &plain, &values, e);
	if (status == 200 && !may_have_key(request, &plain)) {
		error_set(e, "the write key is missing or is not one of ours");
		status = 401;
	}
	if (status == 200) {
		body->weight = (int)(plain.len / 1024);
		if (body->weight < values / VALUES_A_KILOBYTE)
			body->weight = values / VALUES_A_KILOBYTE;
		status =
		    read_json(body, &plain, request->type == SEGMENT_BATCH, e);
	}
	buf_free(&plain);
	if (status != 200)
		body_free(body);
	return status;
}

void
body_free(struct body *body)
{
	json_decref(body->root);
	free(body->is_unread);
	*body = (struct body){0};
}
