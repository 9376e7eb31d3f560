/* SPDX-License-Identifier: MIT */
#ifndef SEQUENCES_NUMBERS_H
#define SEQUENCES_NUMBERS_H

#include <stdbool.h>

#include <jansson.h>

#include "templates/buf.h"

/*
 * numbers - which definition has which number in a store (rules.h). One that
 * says what it said the last time keeps its number; any other gets the next
 * one. Numbers are never given twice, so what they stand for in a subject is
 * never something else.
 */
struct numbers {
	json_t *known; /* of the last time: {"metric tasks HASH": 3} */
	json_t *now;   /* those in use, the same */
	int last;      /* the highest ever given */
	bool is_new;   /* any that was not known */
};

/* From the text of numbers_save(); NULL, "" or anything else: none known. */
void numbers_load(struct numbers *, const json_t *saved);
json_t *numbers_save(const struct numbers *); /* a new object */
void numbers_free(struct numbers *);

/* `what` ("metric tasks") says what it is, `text` is what it says. */
int numbers_take(struct numbers *, const char *what, const char *text);
/*
 * All are taken. If one that was known is gone, that has a number, too:
 * subjects must forget what it left behind.
 */
void numbers_end(struct numbers *);

#endif
