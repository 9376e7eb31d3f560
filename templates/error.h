/* SPDX-License-Identifier: MIT */
#ifndef TEMPLATES_ERROR_H
#define TEMPLATES_ERROR_H

#include <stdbool.h>
#include <stddef.h>

/*
 * error - what went wrong, for a person to read: where in what they wrote, what
 * was expected, and the nearest known name. All of it is UTF-8, whatever of
 * the user's was put into it.
 */
struct error {
	char file[160];	   /* as the user knows it; "" when there is none */
	int line, column;  /* from 1; 0 when not known */
	char pointer[120]; /* JSON pointer (RFC 6901); "" when not JSON */
	char text[400];	   /* one sentence, no full stop */
};

void error_set(struct error *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3))); /* text only; the place is cleared */
void error_at(struct error *, const char *file, int line, int column,
    const char *pointer, const char *fmt, ...)
    __attribute__((format(printf, 6, 7))); /* pointer may be NULL */

/* "file:3:14: text (at /steps/0/if)", as far as the place is known. */
const char *error_string(const struct error *, char *out, size_t size);

/*
 * problems - everything that is wrong with a set of files, so that one run of
 * `nudge check` shows all of it. A warning has the name of a rule; warnings do
 * not keep definitions from being loaded, errors do.
 */
struct problem {
	struct error at;
	bool is_warning;
	char rule[32]; /* "unsubscribe-link"; "" for plain errors */
};

struct problems {
	struct problem *list;
	int count;
	int errors; /* of them, those that are not warnings */
};

/* The same at the same place, as of a partial that many use, is kept once. */
void problems_add(struct problems *, const struct error *);
void problems_warn(struct problems *, const char *rule, const struct error *);
/* An error with a rule, which problems_forgive() makes a warning. */
void problems_add_as(struct problems *, const char *rule, const struct error *);
void problems_forgive(struct problems *, const char *rule);
void problems_free(struct problems *);

/*
 * The name in `known` (NULL-terminated) that a person who wrote `word` most
 * likely meant, or NULL when none is near.
 */
const char *suggest(const char *word, const char *const *known);

#endif
