/* SPDX-License-Identifier: MIT */
#ifndef WORKER_TURN_PREFERENCES_H
#define WORKER_TURN_PREFERENCES_H

#include "worker/turn/turn.h"

/*
 * preferences - which topics an address gets, as its owner says at the links
 * below a mail. The owner takes back what the owner said and nothing else: what
 * a bounce, a complaint or an operator put an end to stays so, whatever is
 * ticked. Each change is in the decision log of everybody with the address.
 */

/* 0, or -1 when the store failed. Again is no change. */
int preferences_leave(struct turn *, const char *address, const char *topic);

/*
 * `wanted` is NULL to change nothing, { "all": true } to leave everything, or
 * { "topics": [...] }, those of the workspace's topics to get from now on: the
 * others are left. Gives how things stand then: the topics' names, and "" for
 * all of them together, to "on", "off" (by the owner) or "blocked". 0 or -1.
 */
int preferences_apply(struct turn *, const char *address, const json_t *wanted,
    json_t **standing);

#endif
