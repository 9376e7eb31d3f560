/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker/telemetry/stats.h"

static void
assert_line(const char *line, bool is_there)
{
	struct buf text = {0}, whole = {0};

	stats_write(&text);
	buf_addf(&whole, "\n%s\n", line);
	if ((strstr(buf_str(&text), buf_str(&whole)) != NULL) != is_there)
		fail_msg("%s: %s", line, buf_str(&text));
	buf_free(&whole);
	buf_free(&text);
}

static void
known_labels_are_there_from_the_start(void **state)
{
	assert_line("nudge_events_total{type=\"track\"} 0", true);
	assert_line("nudge_events_duplicate_total 0", true);
	assert_line("# TYPE nudge_decisions_total counter", false);
}

static void
what_a_turn_counts_waits_for_its_commit(void **state)
{
	stats_count_later(STAT_EVENTS, "track", "", 2);
	assert_line("nudge_events_total{type=\"track\"} 0", true);
	stats_rollback();
	stats_count_later(STAT_EVENTS, "track", "", 3);
	stats_commit();
	stats_commit();
	assert_line("nudge_events_total{type=\"track\"} 3", true);
	stats_count(STAT_EVENTS, "track", "", 1);
	assert_line("nudge_events_total{type=\"track\"} 4", true);
}

static void
labels_are_escaped_and_can_be_cleared(void **state)
{
	stats_set(STAT_DEPTH, "a\\b\"c\nd", "queued", 1.5);
	assert_line("nudge_queue_depth{channel=\"a\\\\b\\\"c\\nd\","
		    "state=\"queued\"} 1.5",
	    true);
	stats_clear(STAT_DEPTH);
	assert_line("# TYPE nudge_queue_depth gauge", false);
	stats_set(STAT_DEPTH, "email", "queued", 1e15);
	assert_line("nudge_queue_depth{channel=\"email\",state=\"queued\"} "
		    "1e+15",
	    true);
}

static void
a_histogram_adds_up(void **state)
{
	double seconds;

	stats_observe(STAT_TURN, 0.001); /* the bound belongs to its bucket */
	stats_observe(STAT_TURN, 0.002);
	stats_observe(STAT_TURN, 100);
	assert_line(
	    "nudge_turn_duration_seconds_bucket{le=\"0.0005\"} 0", true);
	assert_line("nudge_turn_duration_seconds_bucket{le=\"0.001\"} 1", true);
	assert_line("nudge_turn_duration_seconds_bucket{le=\"10\"} 2", true);
	assert_line("nudge_turn_duration_seconds_bucket{le=\"+Inf\"} 3", true);
	assert_line("nudge_turn_duration_seconds_sum 100.003", true);
	assert_line("nudge_turn_duration_seconds_count 3", true);
	assert_int_equal(stats_time(STAT_TURN, &seconds), 3);
	assert_true(seconds > 100 && seconds < 101);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(known_labels_are_there_from_the_start),
	    cmocka_unit_test(what_a_turn_counts_waits_for_its_commit),
	    cmocka_unit_test(labels_are_escaped_and_can_be_cleared),
	    cmocka_unit_test(a_histogram_adds_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
