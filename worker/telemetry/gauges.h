/* SPDX-License-Identifier: MIT */
#ifndef WORKER_TELEMETRY_GAUGES_H
#define WORKER_TELEMETRY_GAUGES_H

#include "worker/lanes/lanes.h"
#include "worker/settings/settings.h"

/*
 * gauges - what /metrics tells of how things stand now, as against what was
 * counted on the way: read when somebody asks.
 */
struct gauges {
	struct queue *queue; /* NULL while the store cannot be used */
	const struct lanes *lanes;
	const struct settings *settings;
	int64_t now_ms;
	int64_t backlog;	/* events waiting for a turn */
	int64_t next_wakeup_ms; /* 0: none */
	int64_t checkpoint_ms;	/* the last one; 0: none */
	bool is_writable;
};

/* Zeros for what will be counted under names that other parts know. */
void gauges_start(int64_t now_ms);
void gauges_read(const struct gauges *);

/* The workspace was read again, and taken over or not. */
void gauges_reloaded(bool is_good, int64_t now_ms);

#endif
