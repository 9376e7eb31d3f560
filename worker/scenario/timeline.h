/* SPDX-License-Identifier: MIT */
#ifndef WORKER_SCENARIO_TIMELINE_H
#define WORKER_SCENARIO_TIMELINE_H

#include "worker/scenario/rehearsal.h"

/*
 * timeline - what was expected against what happened, in order of time. It
 * fails if one of its rows does.
 */
enum mark {
	MARK_NONE, /* for the reader's orientation: an event */
	MARK_MET,
	MARK_FAILED,
};

/* Strings live in the timeline's arena; NULL: nothing. */
struct row {
	int64_t at_ms;
	const char *expected, *happened;
	enum mark mark;
	const char *why; /* MARK_FAILED: in words */
};

struct timeline {
	struct row *rows;
	int n, cap;
	bool has_failed;
	struct arena arena;
};

void timeline_judge(struct timeline *, const struct scenario *,
    const struct vocabulary *, const struct rehearsal *);
/* One that did not come to its end. */
void timeline_break(
    struct timeline *, const struct scenario *, const struct error *);
void timeline_free(struct timeline *);

/* "Mar 30 09:00", with seconds where there are any; size at least 20. */
char *timeline_time(int64_t ms, const struct zone *, char *out, size_t size);

#endif
