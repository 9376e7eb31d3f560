/* SPDX-License-Identifier: MIT */
#ifndef SEQUENCES_RULES_PRIVATE_H
#define SEQUENCES_RULES_PRIVATE_H

#include "sequences/metrics/metrics.h"
#include "sequences/rules/rules.h"
#include "sequences/rules/sequence.h"

/* rules_private - the inside of struct rules, for the engine only. */
struct rules {
	struct metrics *metrics;
	struct sequence *sequences; /* sorted by name */
	int n_sequences;
	const struct zone *zone; /* the workspace's */

	struct sequence *pinned; /* older versions, in the order of numbers */
	int n_pinned;
	struct numbers numbers;
	bool is_settled;
	/* Metrics that ways in watch, or that an account's are made of, by the
	 * kind of their subject, NULL-terminated. */
	const char **watched[3];
	/* Traits of an account that its users wait for, NULL-terminated. */
	const char **followed;
	int n_followed;
};

/* Once all sequences are there. */
void rules_follow(struct rules *);
void rules_follow_free(struct rules *);

/* Has a way in that watches this number? */
bool rules_has_watch(const struct rules *, int number);
/* NULL when there is none of that name. */
const struct sequence *rules_sequence(const struct rules *, const char *name);

#endif
