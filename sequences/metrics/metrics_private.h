/* SPDX-License-Identifier: MIT */
#ifndef SEQUENCES_METRICS_PRIVATE_H
#define SEQUENCES_METRICS_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "sequences/rules/condition.h"
#include "sequences/metrics/metrics.h"
#include "sequences/rules/reader.h"
#include "templates/liquid/liquid.h"

/* metrics_private - the inside of struct metrics: read in one file, used in
 * the others. */

struct milestone {
	char *name;
	struct condition *check;
};

struct metric {
	const struct metric_kind *kind;
	char *name;
	bool for_account;
	char *text; /* of its definition: canonical JSON */
	int number; /* of the same (rules.h); 0: leaves nothing in subjects */
	char *key;  /* what its state is filed under: name and number */

	/* Which events, or which members, count; NULL: all. */
	struct condition *check;

	/* fed by events */
	char *event;
	char *of;	   /* path of a property */
	int64_t window_ms; /* 0: all time */

	/* worked out; of members: what each adds */
	char *trait;
	struct liquid_value *expr;
	struct milestone *milestones;
	int n_milestones;
	struct condition *among; /* of members: which are looked at */

	bool reads_now, reads_account;
	struct operand *operands; /* of expr, that it cannot do without */
	int n_operands;
	int *needs; /* metrics that it reads, as indices */
	int n_needs;
	int *sources; /* it and all that it is worked out of, the same */
	int n_sources;
};

/* A value that an expression reads without a default: user.seats, now. */
struct operand {
	char *root, *name; /* the name may be NULL */
};

struct metrics {
	struct metric *list; /* sorted by name */
	const char **names;  /* of the same, NULL-terminated */
	int n;
	const char **names_for[2];	/* a user's, an account's */
	const struct metric **by_event; /* those fed by events, sorted by it */
	int n_by_event;
	const struct metric **of_members;
	int n_of_members;
	const char **members_read; /* names of what these are made of */
};
/* -1: there is none of that name. */
int metric_index(const struct metrics *, const char *name);

bool metric_is_of(const struct metric *, const struct subject *);
/* What it keeps in the subject, an array, or NULL; borrowed. */
json_t *metric_state(const struct metric *, const struct subject *);

#define INTEGER_MAX 9007199254740992.0 /* 2^53: doubles count up to here */
json_t *metric_number_json(double);    /* NULL unless finite */
/* Numbers, and strings that are one. */
bool metric_number_of(json_t *, double *out);

/*
 * What the metric's expression says; NULL when something that it reads without
 * a default is not there: nil would be taken for 0.
 */
json_t *metric_expr(const struct metric *, const struct liquid_scope *);

/* The member of that name, or, dot by dot, of the members. Borrowed. */
json_t *metric_path_value(json_t *object, const char *path);

/* An event, as one metric keeps it. */
struct sample {
	int64_t at_ms, now_ms;
	json_t *value; /* of the property; NULL without `of` */
};

/* A subject, as one metric shows it. */
struct view {
	const struct subject *subject;
	json_t *state; /* what keep() or put() kept; may be NULL */
	const struct liquid_scope *scope;
};

/* What a kind of metric is: a row of the table in metrics_read.c. */
struct metric_kind {
	const char *name;
	unsigned types;	 /* of the value under that name, READ_ bits */
	reader_fn *read; /* reads it; into is the metric */
	unsigned takes;	 /* METRIC_ bits: which other keys */
	unsigned needs;	 /* which of them must be there */
	json_t *(*value)(const struct metric *, const struct view *);

	/* Fed by events: puts a sample into the state; NULL: it is not. */
	bool (*keep)(
	    const struct metric *, json_t *state, const struct sample *);
	double (*merge)(double, double); /* of two values in one cell; of
					  * members: min, max */

	/* Over members: puts one's part into the account's state, or (-1)
	 * takes it away; NULL: it is not. */
	void (*put)(
	    const struct metric *, json_t *state, double part, int sign);
	/* A member's part; false: it has none. */
	bool (*part)(
	    const struct metric *, const struct liquid_scope *, double *part);
};
enum { METRIC_OF = 1, METRIC_IF = 2, METRIC_WINDOW = 4, METRIC_AMONG = 8 };

/* metrics_value.c */
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
/* When the first of what is in the window leaves it; 0: nothing is in it. */
int64_t metric_window_moves(
    const struct metric *, const json_t *state, int64_t now_ms);

/* members.c */
bool member_part_share(
    const struct metric *, const struct liquid_scope *, double *);
bool member_part_count(
    const struct metric *, const struct liquid_scope *, double *);
bool member_part_number(
    const struct metric *, const struct liquid_scope *, double *);
void member_put_sum(const struct metric *, json_t *, double, int sign);
void member_put_extreme(const struct metric *, json_t *, double, int sign);
json_t *member_value_count(const struct metric *, const struct view *);
json_t *member_value_sum(const struct metric *, const struct view *);
json_t *member_value_avg(const struct metric *, const struct view *);
json_t *member_value_extreme(const struct metric *, const struct view *);
/* Must the members be counted again before it has a value? */
bool member_wants_recount(const json_t *state);

/*
 * metrics_needs.c: all of them are read, so who needs whom is known. The reader
 * is NULL when there are none.
 */
void metrics_connect(struct metrics *, struct reader *);

#endif
