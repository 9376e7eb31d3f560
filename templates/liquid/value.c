/* SPDX-License-Identifier: MIT */
/*
 * Values of Liquid: made from JSON, looked into, compared. Nothing here
 * allocates, and nothing here knows of templates.
 */
#include <string.h>

#include "templates/liquid/value.h"

struct value
value_of_json(json_t *json)
{
	if (json == NULL)
		return value_undefined();
	switch (json_typeof(json)) {
	case JSON_OBJECT:
		return (struct value){.type = VALUE_HASH, .json = json};
	case JSON_ARRAY:
		return (struct value){.type = VALUE_LIST, .json = json};
	case JSON_STRING:
		return value_text(
		    json_string_value(json), json_string_length(json));
	case JSON_INTEGER:
		return value_int(json_integer_value(json));
	case JSON_REAL:
		return value_float(json_real_value(json));
	case JSON_TRUE:
	case JSON_FALSE:
		return value_bool(json_is_true(json));
	default:
		return value_undefined();
	}
}

json_t *
value_to_json(struct value v)
{
	json_t *json;

	switch (v.type) {
	case VALUE_BOOL:
		return json_boolean(v.truth);
	case VALUE_INT:
		return json_integer(v.number);
	case VALUE_WIDE:
	case VALUE_FLOAT:
		json = json_real(value_real(v)); /* NULL for infinity */
		return json != NULL ? json : json_null();
	case VALUE_STRING:
		json = json_stringn(v.text, v.len); /* NULL if not UTF-8 */
		return json != NULL ? json : json_null();
	case VALUE_HASH:
		return json_incref(v.json);
	case VALUE_ARRAY:
	case VALUE_LIST:
	case VALUE_RANGE:
		json = json_array();
		for (size_t i = 0; i < value_count(v); i++)
			json_array_append_new(
			    json, value_to_json(value_at(v, i)));
		return json;
	case VALUE_GROUP:
		return json_pack("{s:o, s:o}", "name",
		    value_to_json(v.group->name), "items",
		    value_to_json(v.group->items));
	default:
		return json_null();
	}
}

bool
value_is(struct value v, const char *text)
{
	return v.type == VALUE_STRING && v.len == strlen(text) &&
	       memcmp(v.text, text, v.len) == 0;
}

bool
value_is_array(struct value v)
{
	return v.type == VALUE_ARRAY || v.type == VALUE_LIST ||
	       v.type == VALUE_RANGE;
}

size_t
value_count(struct value v)
{
	switch (v.type) {
	case VALUE_ARRAY:
		return v.len;
	case VALUE_LIST:
		return json_array_size(v.json);
	case VALUE_RANGE:
		if (v.range->from > v.range->to)
			return 0;
		return (size_t)v.range->to - (size_t)v.range->from + 1;
	default:
		return 0;
	}
}

struct value
value_at(struct value v, size_t i)
{
	if (v.type == VALUE_ARRAY)
		return v.items[i];
	if (v.type == VALUE_RANGE)
		return value_int(v.range->from + (int64_t)i);
	return value_of_json(json_array_get(v.json, i));
}

bool
value_is_empty(struct value v)
{
	if (v.type == VALUE_STRING)
		return v.len == 0;
	if (v.type == VALUE_HASH)
		return json_object_size(v.json) == 0;
	return value_is_array(v) && v.type != VALUE_RANGE &&
	       value_count(v) == 0;
}

static bool
is_blank(struct value v)
{
	if (v.type == VALUE_STRING) {
		for (uint32_t i = 0; i < v.len; i++)
			if (!is_space(v.text[i]))
				return false;
		return true;
	}
	return !value_truth(v) || value_is_empty(v);
}

static bool
equal_arrays(struct value a, struct value b, size_t *looked)
{
	size_t n = value_count(a);

	if (n != value_count(b) ||
	    (a.type == VALUE_RANGE) != (b.type == VALUE_RANGE))
		return false;
	if (a.type == VALUE_RANGE)
		return n == 0 || a.range->from == b.range->from;
	for (size_t i = 0; i < n; i++)
		if (!value_equal(value_at(a, i), value_at(b, i), looked))
			return false;
	return true;
}

static bool
equal_hashes(json_t *a, json_t *b, size_t *looked)
{
	const char *key;
	json_t *item;

	if (a == b)
		return true;
	if (json_object_size(a) != json_object_size(b))
		return false;
	json_object_foreach(a, key, item)
	{
		json_t *other = json_object_get(b, key);

		if (other == NULL || !value_equal(value_of_json(item),
					 value_of_json(other), looked))
			return false;
	}
	return true;
}

double
value_real(struct value v)
{
	return value_is_whole(v) ? (double)value_number(v) : v.real;
}

static bool
is_number(struct value v)
{
	return value_is_whole(v) || v.type == VALUE_FLOAT;
}

bool
value_equal(struct value a, struct value b, size_t *looked)
{
	++*looked;
	if (a.type == VALUE_EMPTY || a.type == VALUE_BLANK) {
		struct value swap = a;

		a = b;
		b = swap;
	}
	if (b.type == VALUE_EMPTY)
		return value_is_empty(a);
	if (b.type == VALUE_BLANK)
		return a.type != VALUE_EMPTY && is_blank(a);
	if (a.type == VALUE_INT && b.type == VALUE_INT)
		return a.number == b.number;
	if (value_is_whole(a) && value_is_whole(b))
		return value_number(a) == value_number(b);
	if (is_number(a) && is_number(b))
		return value_real(a) == value_real(b);
	if (value_is_array(a) && value_is_array(b))
		return equal_arrays(a, b, looked);
	if (a.type != b.type)
		return false;
	switch (a.type) {
	case VALUE_BOOL:
		return a.truth == b.truth;
	case VALUE_STRING:
		return a.len == b.len && memcmp(a.text, b.text, a.len) == 0;
	case VALUE_HASH:
		return equal_hashes(a.json, b.json, looked);
	case VALUE_LOOP:
		return a.loop == b.loop;
	case VALUE_GROUP:
		return a.group == b.group;
	default:
		return true;
	}
}

int
value_compare(struct value a, struct value b)
{
	if (a.type == VALUE_INT && b.type == VALUE_INT)
		return (a.number > b.number) - (a.number < b.number);
	if (value_is_whole(a) && value_is_whole(b))
		return (value_number(a) > value_number(b)) -
		       (value_number(a) < value_number(b));
	if (is_number(a) && is_number(b))
		return (value_real(a) > value_real(b)) -
		       (value_real(a) < value_real(b));
	if (a.type == VALUE_STRING && b.type == VALUE_STRING) {
		uint32_t n = a.len < b.len ? a.len : b.len;
		int order = memcmp(a.text, b.text, n);

		return order != 0 ? (order > 0) - (order < 0)
				  : (a.len > b.len) - (a.len < b.len);
	}
	if ((a.type == VALUE_STRING && is_number(b)) ||
	    (is_number(a) && b.type == VALUE_STRING))
		return VALUE_MIXED;
	return VALUE_APART;
}

bool
value_contains(struct value v, struct value needle, size_t *looked)
{
	if (!value_truth(needle))
		return false;
	if (v.type == VALUE_STRING && needle.type == VALUE_STRING)
		return memmem(v.text, v.len, needle.text, needle.len) != NULL;
	if (v.type == VALUE_HASH && needle.type == VALUE_STRING)
		return json_object_getn(v.json, needle.text, needle.len) !=
		       NULL;
	if (v.type == VALUE_RANGE)
		return needle.type == VALUE_INT &&
		       needle.number >= v.range->from &&
		       needle.number <= v.range->to;
	for (size_t i = 0; i < value_count(v); i++)
		if (value_equal(value_at(v, i), needle, looked))
			return true;
	return false;
}

static struct value
loop_member(const struct loop *l, struct value name)
{
	int64_t left = l->length - l->index0;

	if (value_is(name, "index"))
		return value_int(l->index0 + 1);
	if (value_is(name, "index0"))
		return value_int(l->index0);
	if (value_is(name, "rindex"))
		return value_int(left);
	if (value_is(name, "rindex0"))
		return value_int(left - 1);
	if (value_is(name, "first"))
		return value_bool(l->index0 == 0);
	if (value_is(name, "last"))
		return value_bool(left == 1);
	if (value_is(name, "length"))
		return value_int(l->length);
	if (!l->is_table && value_is(name, "name"))
		return value_text(l->name, l->name_len);
	if (!l->is_table && value_is(name, "parentloop"))
		return l->parent == NULL ? value_nil()
					 : (struct value){.type = VALUE_LOOP,
					       .loop = l->parent};
	if (!l->is_table)
		return value_undefined();
	if (value_is(name, "col"))
		return value_int(l->col0 + 1);
	if (value_is(name, "col0"))
		return value_int(l->col0);
	if (value_is(name, "row"))
		return value_int(l->row);
	if (value_is(name, "col_first"))
		return value_bool(l->col0 == 0);
	if (value_is(name, "col_last"))
		return value_bool(l->col0 + 1 == l->cols);
	return value_undefined();
}

static struct value
group_member(const struct group *g, struct value name)
{
	if (value_is(name, "name"))
		return g->name;
	if (value_is(name, "items"))
		return g->items;
	if (value_is(name, "size"))
		return value_int((int64_t)value_count(g->items));
	return value_undefined();
}

static struct value
first_pair(struct value v, struct value pair[2])
{
	void *at = json_object_iter(v.json);

	if (at == NULL)
		return value_nil();
	pair[0] =
	    value_text(json_object_iter_key(at), json_object_iter_key_len(at));
	pair[1] = value_of_json(json_object_iter_value(at));
	return (struct value){.type = VALUE_ARRAY, .len = 2, .items = pair};
}

static struct value
size_of(struct value v)
{
	switch (v.type) {
	case VALUE_STRING:
		return value_int((int64_t)utf8_count(v.text, v.len));
	case VALUE_HASH:
		return value_int((int64_t)json_object_size(v.json));
	case VALUE_INT:
		return value_int(8); /* bytes, as Ruby's Integer#size */
	case VALUE_WIDE:
		return value_int(v.len + 1 <= 1 ? 8 : 16);
	default:
		return value_is_array(v) ? value_int((int64_t)value_count(v))
					 : value_undefined();
	}
}

struct value
value_member(struct value v, const char *text, size_t len, struct value pair[2])
{
	struct value name = value_text(text, len);
	json_t *found;

	if (v.type == VALUE_HASH) {
		found = json_object_getn(v.json, text, len);
		if (found != NULL)
			return value_of_json(found);
	} else if (v.type == VALUE_LOOP) {
		return loop_member(v.loop, name);
	} else if (v.type == VALUE_GROUP) {
		return group_member(v.group, name);
	}
	if (value_is(name, "size"))
		return size_of(v);
	if (value_is(name, "first") && v.type == VALUE_HASH)
		return first_pair(v, pair);
	if (value_is(name, "first") && v.type == VALUE_RANGE)
		return value_int(v.range->from);
	if (value_is(name, "last") && v.type == VALUE_RANGE)
		return value_int(v.range->to);
	if (value_count(v) != 0 && value_is(name, "first"))
		return value_at(v, 0);
	if (value_count(v) != 0 && value_is(name, "last"))
		return value_at(v, value_count(v) - 1);
	return value_undefined();
}

struct value
value_index(struct value v, struct value key)
{
	int64_t n = (int64_t)value_count(v), i;

	if (key.type == VALUE_STRING && v.type == VALUE_HASH)
		return value_of_json(
		    json_object_getn(v.json, key.text, key.len));
	if (key.type == VALUE_STRING && v.type == VALUE_LOOP)
		return loop_member(v.loop, key);
	if (key.type == VALUE_STRING && v.type == VALUE_GROUP)
		return group_member(v.group, key);
	if (key.type != VALUE_INT || v.type == VALUE_RANGE)
		return value_undefined();
	i = key.number < 0 ? key.number + n : key.number;
	return i >= 0 && i < n ? value_at(v, (size_t)i) : value_undefined();
}

int
value_integer(struct value v, int64_t *out)
{
	uint32_t i = 0;
	bool negative = false;

	if (v.type == VALUE_INT) {
		*out = v.number;
		return 0;
	}
	if (v.type != VALUE_STRING)
		return -1;
	if (v.len > 1 && (v.text[0] == '-' || v.text[0] == '+'))
		negative = v.text[i++] == '-';
	if (v.len - i == 0 || v.len - i > 18)
		return -1;
	for (*out = 0; i < v.len; i++) {
		if (v.text[i] < '0' || v.text[i] > '9')
			return -1;
		*out = *out * 10 + (v.text[i] - '0');
	}
	if (negative)
		*out = -*out;
	return 0;
}

size_t
utf8_count(const char *s, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)s[i] & 0xc0) != 0x80;
	return n;
}

size_t
utf8_next(const char *s, size_t len)
{
	size_t n = 1;

	while (n < len && ((unsigned char)s[n] & 0xc0) == 0x80)
		n++;
	return len == 0 ? 0 : n;
}

size_t
utf8_prefix(const char *s, size_t len, size_t chars)
{
	size_t n = 0;

	while (chars-- > 0 && n < len)
		n += utf8_next(s + n, len - n);
	return n;
}
