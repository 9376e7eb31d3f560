/* SPDX-License-Identifier: MIT */
#ifndef WORKER_LANES_LANES_H
#define WORKER_LANES_LANES_H

#include "worker/lanes/lane.h"

/*
 * lanes - all channels at work. A lane lives as long as its channel stays as it
 * was: a reload keeps it, or retires it and starts another in its place. One
 * that retires claims nothing, finishes what is on its way and is freed.
 */
struct lanes {
	struct lane **list;
	int count, cap;
	struct event_base *base;
	void (*wake)(void *arg);
	void *arg;
};

/*
 * Makes the lanes those of this workspace: those that are as they were stay.
 * -1 with the error when one cannot start; the old ones then go on.
 */
int lanes_follow(
    struct lanes *, struct workspace *, int grace_ms, struct error *);

/* The lane at work for a channel, or NULL. */
struct lane *lanes_find(const struct lanes *, const char *channel);
/* Whoever reloads may have mended what was wrong with the other side. */
void lanes_resume(struct lanes *);

/* Steps of a turn; see lane.h. Retiring ones only settle. */
int lanes_settle(struct lanes *, struct turn *, int64_t monotonic_ms);
int lanes_claim(struct lanes *, struct turn *, int64_t monotonic_ms);
void lanes_committed(struct lanes *);
void lanes_rolled_back(struct lanes *);

bool lanes_have_verdicts(const struct lanes *);
/* Is a message due that there is room for? */
bool lanes_have_due(struct lanes *, int64_t now_ms, int64_t monotonic_ms);
/* The earliest time at which one is due and may go; 0: none. */
int64_t lanes_next_ms(const struct lanes *, int64_t now_ms);
/* Ms until one is due or may go again, at most `longest`. */
int64_t lanes_wait(const struct lanes *, int64_t now_ms, int64_t monotonic_ms,
    bool is_test_clock, int64_t longest);
void lanes_look(struct lanes *, struct queue *); /* the store was opened */

bool lanes_are_quiet(const struct lanes *);
bool lanes_are_idle(const struct lanes *);
void lanes_stop(struct lanes *, int grace_ms);
void lanes_free(struct lanes *);

#endif
