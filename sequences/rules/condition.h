/* SPDX-License-Identifier: MIT */
#ifndef SEQUENCES_CONDITION_H
#define SEQUENCES_CONDITION_H

#include <stdbool.h>

#include <jansson.h>

#include "sequences/engine.h"
#include "sequences/rules/reader.h"
#include "templates/buf.h"

/*
 * condition - "user.plan == 'free'", or {"all": [..]}, {"any": [..]} and
 * {"not": ..} around such. Checked against the known names when it is read, or
 * by reader->check_path; can say in words why it holds or does not.
 */
struct condition;

/* A reader_fn; `into` is a struct condition **. */
void condition_read(struct reader *, json_t *value, void *into);
void condition_free(struct condition *);

/* 1, 0, or -1 with the error set. NULL always holds. */
int condition_test(
    const struct condition *, struct engine_scope *, struct error *);
/* The same for who has another scope than the engine's. */
int condition_test_in(
    const struct condition *, const struct liquid_scope *, struct error *);

/*
 * The part that made it so, with the values it read: "user.plan == 'free' is
 * false: user.plan is \"pro\"". `holds` is what the test said.
 */
void condition_explain(const struct condition *, struct engine_scope *,
    bool holds, struct buf *out);

/* Complains of a path with a name that is not known: "metric.tsks". */
void reader_check_path(struct reader *, const char *path);

/* Does it read anything of that root ("account")? */
bool condition_mentions(const struct condition *, const char *root);

#endif
