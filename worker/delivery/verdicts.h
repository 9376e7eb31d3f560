/* SPDX-License-Identifier: MIT */
#ifndef WORKER_DELIVERY_VERDICTS_H
#define WORKER_DELIVERY_VERDICTS_H

#include <stdbool.h>

#include "worker/delivery/transport.h"

struct event;

/*
 * verdicts - the loop's side of a transport that has no threads: how much it
 * takes, and its verdicts, which reach the loop from an event of their own, so
 * that nobody is called back from within a call of theirs.
 */
struct verdicts {
	struct transport_host host;
	const char *channel;
	struct event *later;
	struct delivery *first, **last; /* given, on their way to the loop */
	int at_once;			/* so many may be without a verdict */
	int ahead;     /* so many may be without a settled verdict */
	int taken;     /* offered, the loop has no verdict yet */
	int unsettled; /* the loop has the verdict, not yet committed */
	bool stopped;
	bool in_trouble;
};

/* The channel's name outlives it; the host is copied. */
void verdicts_open(struct verdicts *, const struct transport_host *,
    const char *channel, int at_once, int ahead);
void verdicts_close(struct verdicts *);

int verdicts_room(const struct verdicts *);
void verdicts_take(struct verdicts *); /* a delivery was offered */
void verdicts_give(struct verdicts *, struct delivery *);
void verdicts_settled(struct verdicts *, int count);
bool verdicts_is_idle(const struct verdicts *);

/*
 * The way out does not work: one notice to the operator, and the next one only
 * after it was well again.
 */
void verdicts_trouble(struct verdicts *, const char *text);
void verdicts_well(struct verdicts *);

#endif
