/* SPDX-License-Identifier: MIT */
#ifndef SEQUENCES_READER_H
#define SEQUENCES_READER_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "sequences/rules/rules.h"
#include "templates/buf.h"
#include "templates/error.h"
#include "templates/json.h"

/*
 * reader - a JSON document that a person wrote, read by tables: an object is a
 * table of keys, a key a row that says what JSON it takes and which function
 * reads it. The reader knows where it stands, so what it complains about has
 * file, line, column and pointer without anyone handing them around.
 *
 * Everything wrong is reported, and reading goes on.
 */
struct reader {
	const struct json_doc *doc;
	struct problems *problems;
	const struct rules_context *context;
	const char *const *metrics; /* names; NULL-terminated */
	const struct metrics *all_metrics;
	bool for_account; /* what is being read is an account's */
	/* Is this what a condition may read? NULL: what sequences may. */
	void (*check_path)(struct reader *, const char *path);
	struct buf at; /* JSON pointer of the value being read */
};

/* Reads a value into `into`, the place in the struct that its row names. */
typedef void reader_fn(struct reader *, json_t *value, void *into);

enum reader_type {
	READ_TEXT = 1,
	READ_LIST = 2,
	READ_OBJECT = 4,
	READ_COUNT = 8, /* an integer, 0 or more */
	READ_TRUE = 16,
	READ_NUMBER = 32, /* any, as a double */
};

struct reader_key {
	const char *name;
	unsigned types;	 /* READ_ bits */
	reader_fn *read; /* NULL: known, but this version cannot do it */
	size_t offset;
	bool is_required;
};

/* `keys` ends with a row without a name. */
void reader_object(
    struct reader *, json_t *object, const struct reader_key *keys, void *into);

/*
 * A list, or a single value in place of a list of one: a new array of records
 * of `size` bytes, zeroed and then read.
 */
void *reader_list(
    struct reader *, json_t *value, size_t size, reader_fn *, int *count);

bool reader_has(json_t *object, const char *key);
/* `list` is NULL-terminated and may be NULL. */
bool name_is_among(const char *name, const char *const *list);

/* The next complaints are about this member of what is being read. */
size_t reader_push(struct reader *, const char *key);
void reader_pop(struct reader *, size_t mark);

void reader_error(struct reader *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* The same about a member of what is being read. */
void reader_error_at(struct reader *, const char *key, const char *text);
/* "no template is called "x"; did you mean "y"?" under the rule unknown-name */
void reader_unknown(struct reader *, const char *what, const char *name,
    const char *const *known);
/* What the context says of a path, as a warning under unknown-name. */
void reader_check_name(struct reader *, const struct liquid_path *);
void reader_warn(struct reader *, const char *rule, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Readers of plain values. */
void read_text(struct reader *, json_t *, void *into);	   /* char **, not "" */
void read_count(struct reader *, json_t *, void *into);	   /* int * */
void read_true(struct reader *, json_t *, void *into);	   /* bool * */
void read_number(struct reader *, json_t *, void *into);   /* double * */
void read_duration(struct reader *, json_t *, void *into); /* int64_t * */
void read_period(struct reader *, json_t *, void *into);   /* ... above 0 */
void read_offset(struct reader *, json_t *, void *into);   /* ... "-3d" too */
void read_nothing(struct reader *, json_t *, void *into);

#endif
