/* SPDX-License-Identifier: MIT */
#ifndef SEQUENCES_METRICS_PRIVATE_H
#define SEQUENCES_METRICS_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "sequences/metrics.h"
#include "sequences/reader.h"
#include "templates/liquid/liquid.h"

/* metrics_private - the inside of struct metrics: read in one file, used in
 * the other. */

/* A condition: Liquid, or all, any, not around such. */
struct check {
	enum { CHECK_LIQUID, CHECK_ALL, CHECK_ANY, CHECK_NOT } kind;
	struct liquid_condition *liquid;
	struct check **parts; /* not: one */
	int n_parts;
};

struct milestone {
	char *name;
	struct check *check;
};

struct metric {
	const struct metric_kind *kind;
	char *name;
	bool for_account;

	/* fed by events */
	char *event;
	char *of; /* path of a property */
	struct check *check;
	int64_t window_ms; /* 0: all time */
	char *key;	   /* what its state is filed under */

	/* worked out */
	char *trait;
	struct liquid_value *expr;
	struct milestone *milestones;
	int n_milestones;
	int *needs; /* other metrics, as indices */
	int n_needs;
};

struct metrics {
	struct metric *list; /* sorted by name */
	const char **names;  /* of the same, NULL-terminated */
	int n;
};
/* -1: there is none of that name. */
int metric_index(const struct metrics *, const char *name);

/* An event, as one metric keeps it. */
struct sample {
	int64_t at_ms, now_ms;
	json_t *value; /* of the property; NULL without `of` */
};

/* A subject, as one metric shows it. */
struct view {
	const struct subject *subject;
	json_t *state; /* what keep() kept; may be NULL */
	const struct liquid_scope *scope;
};

/* What a kind of metric is: a row of the table in metrics_read.c. */
struct metric_kind {
	const char *name;
	unsigned types;	 /* of the value under that name, READ_ bits */
	reader_fn *read; /* reads it; into is the metric */
	unsigned takes;	 /* METRIC_ bits: which other keys */
	unsigned needs;	 /* which of them must be there */
	/* Puts a sample into the state, an array; NULL: fed by no event. */
	bool (*keep)(
	    const struct metric *, json_t *state, const struct sample *);
	double (*merge)(double, double); /* of two values in one cell */
	json_t *(*value)(const struct metric *, const struct view *);
};
enum { METRIC_OF = 1, METRIC_IF = 2, METRIC_WINDOW = 4 };

double metric_add(double, double);
bool metric_keep_cell(const struct metric *, json_t *, const struct sample *);
bool metric_keep_latest(const struct metric *, json_t *, const struct sample *);
bool metric_keep_first(const struct metric *, json_t *, const struct sample *);
bool metric_keep_last(const struct metric *, json_t *, const struct sample *);
bool metric_keep_distinct(
    const struct metric *, json_t *, const struct sample *);
json_t *metric_value_count(const struct metric *, const struct view *);
json_t *metric_value_sum(const struct metric *, const struct view *);
json_t *metric_value_extreme(const struct metric *, const struct view *);
json_t *metric_value_avg(const struct metric *, const struct view *);
json_t *metric_value_latest(const struct metric *, const struct view *);
json_t *metric_value_time(const struct metric *, const struct view *);
json_t *metric_value_distinct(const struct metric *, const struct view *);
json_t *metric_value_trait(const struct metric *, const struct view *);
json_t *metric_value_expr(const struct metric *, const struct view *);
json_t *metric_value_milestones(const struct metric *, const struct view *);

#endif
