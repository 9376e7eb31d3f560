/* SPDX-License-Identifier: MIT */
#ifndef SEQUENCES_METRICS_H
#define SEQUENCES_METRICS_H

#include <stdint.h>

#include <jansson.h>

#include "sequences/event.h"
#include "sequences/subject.h"
#include "templates/error.h"
#include "templates/liquid/liquid.h"

/*
 * metrics - the numbers that sequences decide on (metrics.json, design 6.1),
 * kept up to date as events arrive, in constant space a subject. What a metric
 * must remember is in subject->metrics, one member a metric.
 */
struct metrics;

/*
 * No file: no metrics. Problems are added; never NULL. The names are there even
 * then; apply and ask for values only when problems->errors did not grow.
 */
struct metrics *metrics_load(const char *path, struct problems *);
void metrics_free(struct metrics *);
const char *const *metrics_names(const struct metrics *); /* sorted, NULL */

/*
 * An event came. Events come in any order. `scope` is what conditions (`if`)
 * see; its `event` is this one. Sets subject->state_changed if anything moved.
 * A condition that cannot be evaluated counts as false.
 */
void metrics_apply(const struct metrics *, struct subject *,
    const struct event *, const struct liquid_scope *scope);

/*
 * A new object of name to value (null where there is none yet; times as RFC
 * 3339 strings), as of `scope->now_ms`. For `metric` in conditions and
 * templates.
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

#endif
