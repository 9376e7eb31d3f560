/* SPDX-License-Identifier: MIT */
#ifndef WORKER_LANES_PACE_H
#define WORKER_LANES_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/settings/settings.h"

/*
 * pace - how fast a channel's messages may follow each other: in all (`rate`),
 * to a domain (`domains`), and in a day while a new sender makes itself known
 * (`warmup`). Pure: moments are the caller's, ms since the epoch, and a clock
 * that is set back only costs what was saved up.
 */
struct pace;

struct pace *pace_new(const struct channel *);
void pace_free(struct pace *);

/* How many messages may go now, at most `wanted`. */
int pace_room(struct pace *, int64_t now_ms, int wanted);
/* When the next one may go: not after now_ms when there is room. */
int64_t pace_opens_at(const struct pace *, int64_t now_ms);
/* So many went; or (negative) came back without having gone. */
void pace_spend(struct pace *, int64_t now_ms, int n);

/*
 * May a message go to this address now, as far as its domain goes? 0: yes, and
 * it counts. Otherwise when its turn is: each that asks in vain gets a turn of
 * its own.
 */
int64_t pace_domain_wait(struct pace *, const char *address, int64_t now_ms);

/*
 * One that waited for its turn does not want it any more. Nobody knows which,
 * so turns are given from the next one on again; of two that have the same, one
 * gets another.
 */
void pace_domain_left(struct pace *, const char *address);

/*
 * While warming up: the messages of this day, and how many it may have. False:
 * there is no such limit.
 */
bool pace_today(
    const struct pace *, int64_t now_ms, int64_t *used, int64_t *most);

/*
 * What warming up has used of its day is to survive the program: "20790 417",
 * the day since the epoch (UTC) and the messages. NULL: nothing to be kept.
 */
const char *pace_memory(struct pace *);
void pace_remember(struct pace *, const char *memory);

/*
 * A channel's settings of this kind, before pace_new(): NULL, or what is wrong
 * with the member whose JSON pointer (below the channel) is put in `at`.
 */
const char *pace_problem(const struct channel *, char *at, size_t size);

#endif
