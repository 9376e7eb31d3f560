/* SPDX-License-Identifier: MIT */
#ifndef TEMPLATES_JSON_H
#define TEMPLATES_JSON_H

#include <stddef.h>

#include <jansson.h>

#include "templates/error.h"

/*
 * json - a JSON file that a person wrote, kept with its text, so that an error
 * about a value can name its line and column. Doubled keys are errors.
 */
struct json_doc {
	char *file; /* as shown in errors */
	char *text;
	size_t len;
	json_t *root; /* an object */
};

/* Both return 0, or -1 with the error set and nothing to free. */
int json_doc_load(
    struct json_doc *, const char *path, const char *shown, struct error *);
int json_doc_parse(struct json_doc *, const char *shown, const char *text,
    size_t len, struct error *);
void json_doc_free(struct json_doc *);

/* Line and column, from 1, of the value at a JSON pointer (RFC 6901). */
void json_doc_where(
    const struct json_doc *, const char *pointer, int *line, int *column);

/* error_at() for the value at `pointer` of this document. */
void json_doc_error(const struct json_doc *, const char *pointer,
    struct error *, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* The whole file, NUL behind it; caller frees. NULL with the error set. */
char *file_read(const char *path, size_t *len, struct error *);

#endif
