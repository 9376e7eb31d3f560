/* SPDX-License-Identifier: MIT */
#ifndef WORKER_TELEMETRY_STATS_H
#define WORKER_TELEMETRY_STATS_H

#include <stdint.h>

#include "templates/buf.h"

/*
 * stats - what the worker counts and measures, for GET /metrics. One for the
 * process, as the log is, and only for the loop's thread.
 *
 * Labels are words that we know (a state, a channel's name, an HTTP status),
 * never a person's: no id, no address, no event's name.
 */
enum stats_what {
	STAT_BUILD,
	STAT_REQUESTS,	     /* by HTTP status */
	STAT_INPUTS,	     /* by kind */
	STAT_CONNECTIONS,    /* now */
	STAT_CLOSED,	     /* connections that we ended, by reason */
	STAT_BACKLOG,	     /* events waiting for a turn */
	STAT_EVENTS,	     /* taken, by type */
	STAT_DUPLICATES,     /* events seen before */
	STAT_DISCARDED,	     /* events left out, by reason */
	STAT_DECISIONS,	     /* by kind */
	STAT_QUEUED,	     /* messages that were made, by channel */
	STAT_VERDICTS,	     /* by channel and verdict */
	STAT_SENDING,	     /* seconds that attempts took, by channel */
	STAT_POLICY,	     /* refusals that are about us, by channel */
	STAT_CHANNEL_UP,     /* by channel */
	STAT_PAUSES,	     /* the other side wanted less, by channel */
	STAT_DEAD,	     /* addresses that bounced hard, by channel */
	STAT_MESSAGES,	     /* now, by state */
	STAT_DEPTH,	     /* waiting or on their way now, by channel */
	STAT_BEHIND,	     /* seconds that the oldest due one is late */
	STAT_WAKEUPS_BEHIND, /* likewise */
	STAT_STORE_BYTES,
	STAT_LOG_BYTES,
	STAT_CHECKPOINT_AT,
	STAT_STORE_IS_WRITABLE,
	STAT_RELOADS,	     /* by outcome */
	STAT_RELOAD_IS_GOOD, /* the last one; as Prometheus names its own */
	STAT_RELOADED_AT,
	STAT_CPU,
	STAT_RESIDENT_BYTES,
	STAT_VIRTUAL_BYTES,
	STAT_OPEN_FILES,
	STAT_MAX_FILES,
	STAT_STARTED_AT,
	STATS /* how many */
};

enum stat_time { STAT_TURN, STAT_COMMIT, STAT_TIMES };

/* Labels are "" where a statistic has fewer than two. */
void stats_count(
    enum stats_what, const char *label, const char *label2, double n);
void stats_set(
    enum stats_what, const char *label, const char *label2, double value);
void stats_clear(enum stats_what); /* forgets its labels */
void stats_observe(enum stat_time, double seconds);
/* How often it was observed, and how long that was together. */
int64_t stats_time(enum stat_time, double *seconds);

/*
 * Counts what a turn does: it becomes true with the turn's commit, or not at
 * all.
 */
void stats_count_later(
    enum stats_what, const char *label, const char *label2, double n);
void stats_commit(void);
void stats_rollback(void);

/* All of them, in the text format of Prometheus, version 0.0.4. */
#define STATS_TYPE "text/plain; version=0.0.4; charset=utf-8"
void stats_write(struct buf *out);

#endif
