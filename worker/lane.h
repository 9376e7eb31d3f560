/* SPDX-License-Identifier: MIT */
#ifndef WORKER_LANE_H
#define WORKER_LANE_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/delivery/transport.h"
#include "worker/turn/turn.h"

/*
 * lane - a channel at work: its transport, its pace, and the deliveries that
 * stand between the store and the transport. Moments are monotonic ms unless
 * they are named otherwise.
 *
 *	claim ──► claimed ──commit──► offered ──verdict──► verdicts ──commit──►
 *gone
 */
struct lane {
	struct workspace *workspace; /* that the channel is of; held */
	const struct channel *channel;
	bool is_retiring; /* another has taken its place, or none */
	const struct transport_type *type;
	struct transport *transport;
	struct transport_host host;
	void (*wake)(void *arg); /* something changed: a turn is wanted */
	void *arg;
	struct delivery *claimed; /* of this turn, not yet committed */
	struct delivery **verdicts;
	int n_verdicts, cap_verdicts;
	int in_flight; /* offered, no verdict yet */
	double tokens; /* what `rate` allows now */
	int64_t tokens_at, paused_until;
	int64_t next_at_ms; /* when a message is due; wall clock, 0 none */
};

/* NULL with the error set. */
struct lane *lane_start(struct workspace *, const struct channel *,
    struct event_base *, void (*wake)(void *), void *arg, struct error *);

/* How many messages may be claimed now. */
int lane_room(struct lane *, int64_t monotonic_ms);
/* When there will be room again as far as pace goes; 0: now. */
int64_t lane_held_until(const struct lane *, int64_t monotonic_ms);

/* Steps of a turn: the first two inside the transaction. */
int lane_settle(struct lane *, struct turn *);
int lane_claim(struct lane *, struct turn *, int64_t monotonic_ms);
void lane_committed(struct lane *, int64_t monotonic_ms);
void lane_rolled_back(struct lane *);

void lane_stop(struct lane *, int grace_ms);
/* Nothing claimed, on its way or to be settled; the line may be open. */
bool lane_is_quiet(const struct lane *);
/* ... and the transport has ended, after lane_stop(). */
bool lane_is_idle(const struct lane *);
void lane_free(struct lane *);

#endif
