/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_WATCH_WORLD_H
#define TESTS_UNIT_WATCH_WORLD_H

/*
 * Ways in that watch: a world whose sequence has one step, and whose log says
 * who entered, who was refused and what was skipped, not what followed.
 */
#include "tests/unit/engine_world.h"

#define METRICS                                                        \
	"{'metrics': {"                                                \
	"'score': {'latest': 'Scored', 'of': 'score'},"                \
	"'level': {'trait': 'level'},"                                 \
	"'tasks': {'count': 'Task Succeeded'},"                        \
	"'tasks_7d': {'count': 'Task Succeeded', 'window': '7d'},"     \
	"'first_task_at': {'first': 'Task Succeeded'},"                \
	"'seen_at': {'first': 'Seen'},"                                \
	"'age': {'expr': \"now | date: '%s'\"},"                       \
	"'team_tasks': {'for': 'account', 'count': 'Task Succeeded'}," \
	"'lowest': {'for': 'account', 'min': 'metric.score'}}}"

/* A sequence with these ways in. */
#define WITH(enter) "{'enter': " enter ", 'steps': [{'id': 'a', 'send': 'a'}]}"
#define ACCOUNT_WITH(enter)                  \
	"{'for': 'account', 'enter': " enter \
	", 'steps': [{'id': 'a', 'send': 'a'}]}"

#define BELOW WITH("{'metric': 'score', 'below': 40, 'rearm': 45}")

static inline struct world
world_begin(const char *sequence, const char *traits)
{
	struct world w = world_make("Europe/Berlin", METRICS, sequence, traits);

	w.is_brief = true;
	return w;
}

static inline void
score(struct world *w, const char *time, double value)
{
	char properties[60];

	run_until(w, time);
	snprintf(properties, sizeof properties, "{'score': %g}", value);
	tell(w, time, time, "Scored", properties);
}

#endif
