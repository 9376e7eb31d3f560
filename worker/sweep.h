/* SPDX-License-Identifier: MIT */
#ifndef WORKER_SWEEP_H
#define WORKER_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/turn/turn.h"

/*
 * sweep - what the store knows of definitions, and bringing everybody up to
 * date when they have changed: all users by their ids, some a turn, then all
 * accounts. Whoever a turn touches meanwhile comes first.
 *
 * The setting "definitions" has the text of rules_definitions(), the setting
 * "sweep" is there while one is under way and says how far it has come. Both
 * are written in the transaction that they are true of, so that a crash neither
 * skips nor repeats anybody.
 */
struct sweep {
	bool is_on;
	bool has_ended;		 /* with the turn that is not committed yet */
	int kind;		 /* enum queue_subject_kind: whose turn it is */
	int64_t after, last;	 /* ids: done up to, and the highest */
	int64_t users, accounts; /* done */
	int64_t started_at, said_at; /* monotonic ms */
	int *versions; /* of pinned sequences that somebody is in */
	int n_versions, cap_versions;
	json_t *orphans; /* sequences that are not defined: {name: inside} */
};

/* For workspace_load(). NULL: none yet. Returns 0 or -1. */
int sweep_known(struct queue *, const char **text);

/*
 * First in the first turn with a workspace (the sweep is zeroed, or an older
 * one): puts its definitions into the
 * store, and begins a sweep or goes on with one if that is needed.
 */
int sweep_prepare(struct sweep *, struct turn *);

/* Last in a turn while is_on: the next few. */
int sweep_step(struct sweep *, struct turn *, int64_t monotonic_ms);
void sweep_committed(struct sweep *, int64_t monotonic_ms);
void sweep_free(struct sweep *);

#endif
