/* SPDX-License-Identifier: MIT */
#ifndef SEQUENCES_RULES_PRIVATE_H
#define SEQUENCES_RULES_PRIVATE_H

#include "sequences/metrics.h"
#include "sequences/rules.h"
#include "sequences/sequence.h"

/* rules_private - the inside of struct rules, for the engine only. */
struct rules {
	struct metrics *metrics;
	struct sequence *sequences; /* sorted by name */
	int n_sequences;
	const struct zone *zone; /* the workspace's */
};

/* NULL when there is none of that name. */
const struct sequence *rules_sequence(const struct rules *, const char *name);

#endif
