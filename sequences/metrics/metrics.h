/* SPDX-License-Identifier: MIT */
#ifndef SEQUENCES_METRICS_H
#define SEQUENCES_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "sequences/event.h"
#include "sequences/rules/numbers.h"
#include "sequences/subject.h"
#include "templates/error.h"
#include "templates/liquid/liquid.h"

/*
 * metrics - the numbers that sequences decide on (metrics.json, design 6.1),
 * kept up to date as events arrive, in constant space a subject. What a metric
 * must remember is in subject->kept.
 */
struct metrics;
struct rules_context; /* rules.h */

/*
 * No file: no metrics. Problems are added; never NULL. The names are there even
 * then; apply and ask for values only when problems->errors did not grow.
 */
struct metrics *metrics_load(
    const char *path, const struct rules_context *, struct problems *);
void metrics_free(struct metrics *);
const char *const *metrics_names(const struct metrics *); /* sorted, NULL */
/* Of those, a user's or an account's. */
const char *const *metrics_names_for(const struct metrics *, bool for_account);

/*
 * Gives those that leave something in subjects their numbers (numbers.h). To be
 * called once, before anything below.
 */
void metrics_number(struct metrics *, struct numbers *);
/*
 * Adds " NAME NUMBER" of each metric that this one is worked out of, itself
 * included, or its definition if it has no number: what a definition that reads
 * it depends on.
 */
void metrics_sources(const struct metrics *, const char *name, struct buf *out);
/* Is any with a number above this one fed by events? */
bool metrics_want_events(const struct metrics *, int above);
/* The state of definitions that are not there any more is dropped. */
void metrics_drop_unknown(const struct metrics *, struct subject *);

/*
 * An event came. Events come in any order. `scope` is what conditions (`if`)
 * see; its `event` is this one. Only metrics with a number above `above` take
 * note (0: all). Sets subject->state_changed if anything moved. A condition
 * that cannot be evaluated counts as false.
 */
void metrics_apply(const struct metrics *, struct subject *,
    const struct event *, const struct liquid_scope *scope, int above);

/*
 * A new object of name to value (null where there is none yet; times as RFC
 * 3339 strings), as of `scope->now_ms`. For `metric` in conditions and
 * templates. An account's metric with a number above account->known has no
 * value.
 */
json_t *metrics_values(const struct metrics *, const struct subject *,
    const struct liquid_scope *scope);

/*
 * Adds to such an object those of these metrics (NULL-terminated; NULL: all)
 * that are not in it yet, and what they are worked out of: most conditions read
 * one of many.
 */
void metrics_add_values(const struct metrics *, const struct subject *,
    const struct liquid_scope *scope, const char *const *names, json_t *values);

/*
 * The first moment after now at which the passing of time alone may change one
 * of these (NULL-terminated): a window moves on by a bucket. 0: never.
 */
int64_t metrics_next_change(const struct metrics *, const struct subject *,
    const char *const *names, int64_t now_ms);
/* Does it, or what it is worked out of, read the time (`now`)? */
bool metrics_read_now(const struct metrics *, const char *name);

/* ----------------------------------------- over an account's members */

/* The users' metrics that these read, NULL-terminated. */
const char *const *metrics_of_members(const struct metrics *);

/*
 * What a user adds to the metrics of its account, brought up to date. `scope`
 * is the user's. O(1), however many members there are. Returns whether the
 * account's values changed.
 */
bool metrics_join(const struct metrics *, struct subject *user,
    struct subject *account, const struct liquid_scope *scope);
/* Takes away what the user added. */
bool metrics_leave(
    const struct metrics *, struct subject *user, struct subject *account);

/*
 * min and max keep the 256 most extreme values of the members. When these have
 * all gone and there are others, the metric has no value until a recount:
 * begin, then every member once, with no join or leave in between.
 */
bool metrics_want_recount(const struct metrics *, const struct subject *);
void metrics_recount_begin(const struct metrics *, struct subject *);
void metrics_recount(const struct metrics *, struct subject *account,
    const struct subject *member);

#endif
