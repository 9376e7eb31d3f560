/* SPDX-License-Identifier: MIT */
#ifndef WORKER_LANES_LANE_H
#define WORKER_LANES_LANE_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/delivery/transport.h"
#include "worker/lanes/pace.h"
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
	struct pace *pace;
	bool remembers;	      /* what the store knows of it was read */
	char *stopped;	      /* by an operator, and why; or NULL */
	int64_t slowed_until; /* the other side wanted less */
	char slowed_why[sizeof((struct verdict *)NULL)->text];
	int slowed;	    /* pauses in a row, with nothing sent between */
	bool in_trouble;    /* the other side, with nothing sent since */
	int64_t next_at_ms; /* when a message is due; wall clock, 0 none */
};

/* NULL with the error set. */
struct lane *lane_start(struct workspace *, const struct channel *,
    struct event_base *, void (*wake)(void *), void *arg, struct error *);

/*
 * What the store knows of a channel, so that it survives the program: a setting
 * of this name, for the channel's.
 */
#define LANE_WARMUP "warmup" /* pace_memory() */
#define LANE_STOP   "stop"   /* an operator has stopped it: why */
int lane_memory_get(
    struct queue *, const char *what, const char *channel, const char **value);
int lane_memory_put(struct queue *, const char *what, const char *channel,
    const char *value); /* NULL: it is forgotten */

/* How it goes, into `out`; moments are monotonic. */
void lane_status(
    struct lane *, int64_t monotonic_ms, struct transport_status *out);
/* What was wrong with the other side may be mended: the next message tries. */
void lane_resume(struct lane *);
/* An operator has stopped it, or lets it go on at once: see LANE_STOP. */
void lane_told(struct lane *);

/* How many messages may be claimed now. */
int lane_room(struct lane *, int64_t now_ms, int64_t monotonic_ms);
/* When one is due that the pace lets go; wall clock, 0: none. */
int64_t lane_next_ms(const struct lane *, int64_t now_ms);

/* Steps of a turn: the first two inside the transaction. */
int lane_settle(struct lane *, struct turn *, int64_t monotonic_ms);
int lane_claim(struct lane *, struct turn *, int64_t monotonic_ms);
void lane_committed(struct lane *);
void lane_rolled_back(struct lane *);

void lane_stop(struct lane *, int grace_ms);
/* Nothing claimed, on its way or to be settled; the line may be open. */
bool lane_is_quiet(const struct lane *);
/* ... and the transport has ended, after lane_stop(). */
bool lane_is_idle(const struct lane *);
void lane_free(struct lane *);

#endif
