/* SPDX-License-Identifier: MIT */
#ifndef WORKER_SETTINGS_SETTING_TABLE_H
#define WORKER_SETTINGS_SETTING_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "templates/buf.h"
#include "templates/error.h"
#include "templates/json.h"

/*
 * setting_table - a JSON object whose members are settings, as a table: a row
 * knows a setting's name, type, range, default and help. Reading, errors,
 * comparing, `nudge help settings` and the JSON Schema all come from it.
 */
enum setting_kind {
	KIND_TEXT,
	KIND_SECRET,  /* a text that is shown to nobody; see setting_show() */
	KIND_PATH,    /* relative to the workspace */
	KIND_URL,     /* http or https, no slash at the end */
	KIND_ADDRESS, /* of mail */
	KIND_ZONE,
	KIND_INT,
	KIND_SIZE,     /* int64_t, bytes or a count */
	KIND_DURATION, /* int64_t ms: "24h" */
	KIND_WAIT,     /* int ms: "30s" */
	KIND_RATE,     /* double a second: "50/s", "10/m" */
	KIND_TIME,     /* int minutes of the day: "21:00" */
	KIND_TLS,
	KIND_FORMAT, /* bool: "json" or "text" */
	KIND_RELOAD, /* bool: "auto" or "signal" */
	KIND_BOOL,
	KIND_WAITS, /* int64_t ms, 0 behind the last: ["5s", "5m"] */
	/* Not from text: */
	KIND_TEXTS,	   /* list of strings, or one */
	KIND_SECRETS,	   /* the same, shown to nobody */
	KIND_OBJECT,	   /* kept as it is, strings resolved */
	KIND_SECRET_OBJECT /* the same, its strings shown to nobody */
};

struct setting {
	const char *name; /* dotted below the table's object */
	enum setting_kind kind;
	size_t offset;
	const char *fallback; /* as text; NULL: none */
	int64_t min, max;
	const char *help;
	const char *types; /* of channels: which ones have it; NULL: all */
};

struct setting_reader;

/* A member that is no plain setting: it is read by a function of its own. */
struct setting_part {
	const char *name;
	void (*read)(struct setting_reader *, const json_t *);
};

struct setting_table {
	const struct setting *rows;
	size_t n;
	const struct setting_part *parts; /* ends with a NULL name; or NULL */
};

/* Where values come from, and where complaints go. */
struct setting_reader {
	const struct json_doc *doc;
	struct problems *problems;
	const char *folder; /* relative paths begin here */
	char *env;	    /* text of .env, or NULL: */
	const char *no_env; /* it is there, and why it cannot be read */
	int unset;	    /* references without a value so far */
	void *arg;	    /* for the parts */
};

/* The rule of a problem: a $NAME stands for nothing here (problems_forgive). */
#define SETTING_UNSET "unset-variable"

/* A problem at that place of the document. */
void setting_complain(
    struct setting_reader *, const char *pointer, const char *what);

/* "50/s", "10/m", "500/h": messages a second. 0 or -1. */
int setting_rate(const char *text, double *per_second);

const struct setting *setting_find(
    const struct setting_table *, const char *name);
/* From text (of the environment, a flag, a default): NULL, or what is wrong. */
const char *setting_set(const struct setting_reader *, const struct setting *,
    void *base, const char *text);
void setting_table_defaults(
    const struct setting_reader *, const struct setting_table *, void *base);
/* Every member of the object; those that are not known are problems. */
void setting_table_read(struct setting_reader *, const struct setting_table *,
    void *base, const json_t *object, const char *pointer);
/*
 * A value as it stands in the file, without secrets: of one, the $NAME that it
 * is kept under, or asterisks. New; `value` may be NULL.
 */
json_t *setting_show(const struct setting *, const json_t *value);
bool setting_table_equal(
    const struct setting_table *, const void *, const void *);
void setting_table_free(const struct setting_table *, void *base);

void setting_table_help(
    const struct setting_table *, const char *prefix, struct buf *out);
json_t *setting_table_schema(const struct setting_table *);

#endif
