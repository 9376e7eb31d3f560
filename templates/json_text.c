/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "templates/json_text.h"

#define DEPTH_MAX  128
#define DIGITS_MAX 19 /* of a number that fits into 64 bits */

struct cursor {
	const char *p, *end;
	int depth;
};

static json_t *read_value(struct cursor *);

static void
skip_space(struct cursor *c)
{
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\n' ||
				    *c->p == '\t' || *c->p == '\r'))
		c->p++;
}

/* Is this character next? Then it is taken. */
static bool
take(struct cursor *c, char wanted)
{
	skip_space(c);
	if (c->p == c->end || *c->p != wanted)
		return false;
	c->p++;
	return true;
}

enum plainness { PLAIN_ASCII, PLAIN_UTF8, NOT_PLAIN };

/*
 * From the opening quote to behind the closing one; false when there is none.
 * What is not plain has escapes, or is wrong.
 */
static bool
scan_string(struct cursor *c, enum plainness *plainness)
{
	*plainness = PLAIN_ASCII;
	for (c->p++; c->p < c->end && *c->p != '"'; c->p++) {
		unsigned char byte = (unsigned char)*c->p;

		if (byte >= 0x80 && *plainness == PLAIN_ASCII)
			*plainness = PLAIN_UTF8;
		if (byte == '\\') {
			c->p++;
			*plainness = NOT_PLAIN;
		} else if (byte < 0x20) {
			*plainness = NOT_PLAIN;
		}
	}
	if (c->p >= c->end) {
		c->p = c->end; /* a backslash goes past it */
		return false;
	}
	c->p++;
	return true;
}

static json_t *
ask_jansson(const char *start, const struct cursor *c)
{
	return json_loadb(start, (size_t)(c->p - start), JSON_DECODE_ANY, NULL);
}

static json_t *
read_string(struct cursor *c)
{
	const char *start = c->p;
	enum plainness plainness;

	if (!scan_string(c, &plainness))
		return NULL;
	if (plainness == NOT_PLAIN)
		return ask_jansson(start, c);
	if (plainness == PLAIN_UTF8)
		return json_stringn(start + 1, (size_t)(c->p - start - 2));
	return json_stringn_nocheck(start + 1, (size_t)(c->p - start - 2));
}

static json_t *
read_number(struct cursor *c)
{
	const char *start = c->p;
	bool is_negative = *c->p == '-', is_plain;
	uint64_t number = 0;
	const char *digits = start + is_negative;

	for (c->p = digits; c->p < c->end && *c->p >= '0' && *c->p <= '9';
	     c->p++)
		if (c->p - digits < DIGITS_MAX)
			number = number * 10 + (uint64_t)(*c->p - '0');
	is_plain = c->p > digits && c->p - digits <= DIGITS_MAX &&
		   (*digits != '0' || c->p - digits == 1) &&
		   number <= INT64_MAX;
	if (is_plain && (c->p == c->end || strchr(".eE", *c->p) == NULL))
		return json_integer(
		    is_negative ? -(json_int_t)number : (json_int_t)number);
	while (c->p < c->end && *c->p != '\0' &&
	       strchr("0123456789.eE+-", *c->p) != NULL)
		c->p++;
	return ask_jansson(start, c);
}

static json_t *
read_word(struct cursor *c)
{
	static const struct {
		const char *word;
		size_t len;
		json_t *(*make)(void);
	} words[] = {
	    {"true", 4, json_true},
	    {"false", 5, json_false},
	    {"null", 4, json_null},
	};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if ((size_t)(c->end - c->p) >= words[i].len &&
		    memcmp(c->p, words[i].word, words[i].len) == 0) {
			c->p += words[i].len;
			return words[i].make();
		}
	return NULL;
}

/* One member, comma excluded; false when it is not one. */
static bool
read_member(struct cursor *c, json_t *object)
{
	const char *key;
	enum plainness plainness;
	size_t len;
	json_t *value;

	skip_space(c);
	key = c->p + 1;
	if (c->p == c->end || *c->p != '"' || !scan_string(c, &plainness))
		return false;
	len = (size_t)(c->p - key) - 1;
	if (plainness != PLAIN_ASCII || !take(c, ':'))
		return false;
	value = read_value(c);
	return value != NULL &&
	       json_object_setn_new_nocheck(object, key, len, value) == 0;
}

static bool
read_element(struct cursor *c, json_t *array)
{
	json_t *value = read_value(c);

	return value != NULL && json_array_append_new(array, value) == 0;
}

static json_t *
read_container(struct cursor *c)
{
	bool is_object = *c->p == '{', is_good = ++c->depth <= DEPTH_MAX;
	json_t *all = is_object ? json_object() : json_array();
	char end = is_object ? '}' : ']';

	c->p++;
	if (is_good && !take(c, end)) {
		do
			is_good = is_object ? read_member(c, all)
					    : read_element(c, all);
		while (is_good && take(c, ','));
		is_good = is_good && take(c, end);
	}
	c->depth--;
	if (is_good)
		return all;
	json_decref(all);
	return NULL;
}

static json_t *
read_value(struct cursor *c)
{
	skip_space(c);
	if (c->p == c->end)
		return NULL;
	switch (*c->p) {
	case '{':
	case '[':
		return read_container(c);
	case '"':
		return read_string(c);
	case '-':
	case '0':
	case '1':
	case '2':
	case '3':
	case '4':
	case '5':
	case '6':
	case '7':
	case '8':
	case '9':
		return read_number(c);
	default:
		return read_word(c);
	}
}

json_t *
json_text_read(const char *text, size_t len)
{
	struct cursor c = {.p = text, .end = text + len};
	json_t *value = read_value(&c);

	skip_space(&c);
	if (value != NULL && c.p == c.end)
		return value;
	json_decref(value);
	return json_loadb(text, len, JSON_DECODE_ANY, NULL);
}

/* ------------------------------------------------------------------ walking */

/* Past the bracket that closes the one at hand; false when there is none. */
static bool
skip_container(struct cursor *c)
{
	enum plainness plainness;
	int depth = 0;

	while (c->p < c->end) {
		if (*c->p == '"') {
			if (!scan_string(c, &plainness))
				return false;
			continue;
		}
		depth += *c->p == '{' || *c->p == '[';
		depth -= *c->p == '}' || *c->p == ']';
		c->p++;
		if (depth == 0)
			return true;
	}
	return false;
}

static bool
skip_value(struct cursor *c)
{
	const char *start = c->p;
	enum plainness plainness;

	if (c->p == c->end)
		return false;
	if (*c->p == '"')
		return scan_string(c, &plainness);
	if (*c->p == '{' || *c->p == '[')
		return skip_container(c);
	while (c->p < c->end && *c->p != ',' && *c->p != ']' && *c->p != '}' &&
	       (unsigned char)*c->p > ' ')
		c->p++;
	return c->p > start;
}

struct json_walk
json_walk_begin(const char *text, size_t len)
{
	return (struct json_walk){.at = text, .end = text + len};
}

/* The walk goes on from where the cursor is, if all was well. */
static bool
walk_on(struct json_walk *w, const struct cursor *c, bool is_good)
{
	w->at = c->p;
	w->is_broken |= !is_good;
	return !w->is_broken;
}

bool
json_walk_enter(struct json_walk *w, char open)
{
	struct cursor c = {.p = w->at, .end = w->end};

	w->is_first = true;
	return walk_on(w, &c, take(&c, open));
}

static bool
take_key(struct cursor *c, struct json_span *key)
{
	enum plainness plainness;

	skip_space(c);
	key->text = c->p + 1;
	if (c->p == c->end || *c->p != '"' || !scan_string(c, &plainness))
		return false;
	key->len = (size_t)(c->p - key->text) - 1;
	return take(c, ':');
}

bool
json_walk_next(struct json_walk *w, char close, struct json_span *key)
{
	struct cursor c = {.p = w->at, .end = w->end};
	bool is_over = take(&c, close), is_good = true;

	if (!is_over && !w->is_first)
		is_good = take(&c, ',');
	if (!is_over && is_good && close == '}')
		is_good = take_key(&c, key);
	w->is_first = false;
	return walk_on(w, &c, is_good) && !is_over;
}

struct json_span
json_walk_value(struct json_walk *w)
{
	struct cursor c = {.p = w->at, .end = w->end};
	struct json_span value;

	skip_space(&c);
	value.text = c.p;
	if (!walk_on(w, &c, skip_value(&c)))
		return (struct json_span){"", 0};
	value.len = (size_t)(c.p - value.text);
	return value;
}

bool
json_walk_end(struct json_walk *w)
{
	struct cursor c = {.p = w->at, .end = w->end};

	skip_space(&c);
	return walk_on(w, &c, c.p == c.end);
}

/* ------------------------------------------------------------------ writing */

static int
add_to_buf(const char *data, size_t len, void *out)
{
	buf_add(out, data, len);
	return 0;
}

static void
write_by_jansson(const json_t *value, struct buf *out)
{
	json_dump_callback(
	    value, add_to_buf, out, JSON_COMPACT | JSON_ENCODE_ANY);
}

void
json_text_write_string(const char *text, size_t len, struct buf *out)
{
	size_t i = 0;

	while (i < len && (unsigned char)text[i] >= 0x20 && text[i] != '"' &&
	       text[i] != '\\' && text[i] != 0x7f)
		i++;
	if (i < len) {
		json_t *string = json_stringn(text, len);

		write_by_jansson(string, out);
		json_decref(string);
		return;
	}
	buf_reserve(out, len + 2);
	buf_addc(out, '"');
	buf_add(out, text, len);
	buf_addc(out, '"');
}

void
json_text_write_integer(json_int_t number, struct buf *out)
{
	char digits[24], *p = digits + sizeof digits;
	unsigned long long rest = (unsigned long long)number;

	if (number < 0)
		rest = -rest;
	do
		*--p = (char)('0' + rest % 10);
	while ((rest /= 10) != 0);
	if (number < 0)
		*--p = '-';
	buf_add(out, p, (size_t)(digits + sizeof digits - p));
}

static void
write_object(const json_t *value, struct buf *out)
{
	json_t *object = (json_t *)value; /* jansson's iterators want it so */
	char before = '{';

	if (json_object_size(object) == 0)
		buf_addc(out, '{');
	for (void *i = json_object_iter(object); i != NULL;
	     i = json_object_iter_next(object, i)) {
		buf_addc(out, before);
		json_text_write_string(
		    json_object_iter_key(i), json_object_iter_key_len(i), out);
		buf_addc(out, ':');
		json_text_write(json_object_iter_value(i), out);
		before = ',';
	}
	buf_addc(out, '}');
}

static void
write_array(const json_t *array, struct buf *out)
{
	buf_addc(out, '[');
	for (size_t i = 0; i < json_array_size(array); i++) {
		if (i > 0)
			buf_addc(out, ',');
		json_text_write(json_array_get(array, i), out);
	}
	buf_addc(out, ']');
}

void
json_text_write(const json_t *value, struct buf *out)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		write_object(value, out);
		break;
	case JSON_ARRAY:
		write_array(value, out);
		break;
	case JSON_STRING:
		json_text_write_string(
		    json_string_value(value), json_string_length(value), out);
		break;
	case JSON_INTEGER:
		json_text_write_integer(json_integer_value(value), out);
		break;
	default:
		write_by_jansson(value, out);
	}
}
