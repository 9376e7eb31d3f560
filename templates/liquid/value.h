/* SPDX-License-Identifier: MIT */
#ifndef TEMPLATES_LIQUID_VALUE_H
#define TEMPLATES_LIQUID_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

/*
 * value - what a Liquid expression gives: 16 bytes, copied freely. Strings,
 * lists and hashes are borrowed from the template, from the data or from the
 * render's scratch memory, and outlive the render's use of them.
 */
enum value_type {
	VALUE_UNSET, /* no binding here: only in slots */
	VALUE_NIL,
	VALUE_BOOL,
	VALUE_INT,
	VALUE_WIDE, /* a whole number that needs more than 64 bits */
	VALUE_FLOAT,
	VALUE_STRING,
	VALUE_ARRAY, /* made by a filter: items */
	VALUE_LIST,  /* a JSON array */
	VALUE_HASH,  /* a JSON object */
	VALUE_RANGE, /* never expanded */
	VALUE_EMPTY, /* the words `empty` and `blank` */
	VALUE_BLANK,
	VALUE_LOOP,  /* forloop, tablerowloop */
	VALUE_GROUP, /* what group_by makes */
};

#define VALUE_SAFE	1u /* fit for the template's context as it is */
#define VALUE_ENCODED	2u /* percent-encoded already */
#define VALUE_UNDEFINED 4u /* a nil that data did not give */
#define VALUE_PIECES	8u /* a string of parts that are safe and unsafe */

struct range {
	int64_t from, to; /* both included; empty when from > to */
};

struct loop {
	const char *name; /* "item-user.items" */
	uint32_t name_len;
	bool is_table;
	int64_t length, index0;
	int64_t cols, col0, row; /* of a table */
	struct loop *parent;
};

struct group;

struct value {
	uint8_t type;
	uint8_t flags;
	uint32_t len; /* of a string (bytes) or an array (items); of a wide
		       * number the upper 32 of its 96 bits */
	union {
		bool truth;
		int64_t number;
		double real;
		const char *text;
		const struct value *items;
		json_t *json;
		const struct range *range;
		const struct loop *loop;
		const struct group *group;
	};
};

struct group {
	struct value name, items;
};

static inline struct value
value_nil(void)
{
	return (struct value){.type = VALUE_NIL};
}

static inline struct value
value_undefined(void)
{
	return (struct value){.type = VALUE_NIL, .flags = VALUE_UNDEFINED};
}

static inline struct value
value_bool(bool truth)
{
	return (struct value){.type = VALUE_BOOL, .truth = truth};
}

static inline struct value
value_int(int64_t number)
{
	return (struct value){.type = VALUE_INT, .number = number};
}

/* NIL when 96 bits are not enough. */
static inline struct value
value_whole(__int128 n)
{
	if (n >= INT64_MIN && n <= INT64_MAX)
		return value_int((int64_t)n);
	if (n >> 95 != 0 && n >> 95 != -1)
		return value_nil();
	return (struct value){.type = VALUE_WIDE,
	    .len = (uint32_t)(n >> 64),
	    .number = (int64_t)n};
}

static inline bool
value_is_whole(struct value v)
{
	return v.type == VALUE_INT || v.type == VALUE_WIDE;
}

static inline __int128
value_number(struct value v) /* of one that is whole */
{
	return v.type == VALUE_INT
		   ? v.number
		   : (__int128)(int32_t)v.len * ((__int128)1 << 64) +
			 (uint64_t)v.number;
}

static inline struct value
value_float(double real)
{
	return (struct value){.type = VALUE_FLOAT, .real = real};
}

static inline struct value
value_text(const char *text, size_t len)
{
	return (struct value){
	    .type = VALUE_STRING, .len = (uint32_t)len, .text = text};
}

static inline bool
value_truth(struct value v)
{
	return v.type != VALUE_NIL && !(v.type == VALUE_BOOL && !v.truth);
}

/* What looking at all of it costs, besides a step; of other types nothing. */
static inline size_t
value_bytes(struct value v)
{
	return v.type == VALUE_STRING ? v.len : 0;
}

static inline bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct value value_of_json(json_t *); /* borrowed; NULL is undefined */
json_t *value_to_json(struct value);  /* new reference */

bool value_is(struct value, const char *text); /* this string? */
double value_real(struct value);	       /* of a number */
/* Both add the number of values that they looked at to *looked. */
bool value_equal(struct value, struct value, size_t *looked);
bool value_contains(struct value, struct value needle, size_t *looked);
bool value_is_empty(struct value); /* "", [], {} */

/*
 * Less, equal or more as -1, 0, 1; VALUE_APART when the two have no order
 * (that is false, not an error), VALUE_MIXED for a string and a number.
 */
#define VALUE_APART 2
#define VALUE_MIXED 3
int value_compare(struct value, struct value);

/* Items of an array, list or range; 0 for what has none. */
size_t value_count(struct value);
struct value value_at(struct value, size_t i);
bool value_is_array(struct value); /* array, list or range */

/*
 * `v.name` and `v[key]`; undefined when there is none. A hash's own key wins
 * over size, first and last, which only a dot asks for. `pair` is room for what
 * `first` of a hash gives.
 */
struct value value_member(
    struct value, const char *name, size_t len, struct value pair[2]);
struct value value_index(struct value, struct value key);

/* A whole number as `limit:` and `slice:` take it: 2 or "2". 0 or -1. */
int value_integer(struct value, int64_t *out);

size_t utf8_count(const char *, size_t len); /* characters */
size_t utf8_next(const char *, size_t len);  /* bytes of the first one */
/* Bytes of the first `chars` characters, at most len. */
size_t utf8_prefix(const char *, size_t len, size_t chars);

#endif
