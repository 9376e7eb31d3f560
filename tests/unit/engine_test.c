/* SPDX-License-Identifier: MIT */
/* engine_test - ways in, days, windows, pauses, exits, lateness, and gates. */
#include "tests/unit/engine_world.h"

#define METRICS                                                       \
	"{'metrics': {'tasks': {'count': 'Task Succeeded'},"          \
	"'all_tasks': {'for': 'account', 'count': 'Task Succeeded'}," \
	"'share': {'expr': 'metric.tasks | times: 100"                \
	" | divided_by: account.metric.all_tasks'}}}"

static struct world
world_begin(const char *zone, const char *traits, const char *sequence)
{
	return world_make(zone, METRICS, sequence, traits);
}

#define ONBOARDING                                                        \
	"{'topic': 'onboarding', 'enter': {'on': 'Signed Up',"            \
	" 'if': \"user.plan == 'free' or user.plan == 'lite'\"},"         \
	"'exit': [{'on': 'Account Deleted'}, {'if': 'account.csm'}],"     \
	"'pause': [{'on': 'Support Contacted', 'for': '3d'}],"            \
	"'goal': {'on': 'Task Succeeded', 'within': '30d'},"              \
	"'window': {'days': 'mon-fri', 'from': '09:00', 'to': '11:00'},"  \
	"'steps': ["                                                      \
	"{'id': 'welcome', 'day': 0, 'send': 'hello', 'window': 'any'},"  \
	"{'id': 'first', 'day': 3, 'choose': ["                           \
	" {'if': 'metric.tasks > 0', 'send': 'next'}, {'send': 'try'}]}," \
	"{'id': 'day-7', 'day': 7, 'send': 'tips'},"                      \
	"{'id': 'day-14', 'day': 14, 'send': 'habit',"                    \
	" 'if': 'metric.tasks < 2'},"                                     \
	"{'id': 'day-30', 'day': 30, 'send': 'survey'}]}"

/* Over the night of 2026-03-29, when Berlin's clocks go forward. */
static void
test_thirty_days(void **state)
{
	struct world w =
	    world_begin("Europe/Berlin", "{'plan': 'free'}", ONBOARDING);

	event(&w, "03-27 10:30", "Signed Up");
	expect(&w, "03-27 10:30 entered\n03-27 10:30 send welcome hello\n");
	run_until(&w, "05-30 00:00");
	expect(&w, "03-30 09:00 send first try\n"
		   "04-03 09:00 send day-7 tips\n"
		   "04-10 09:00 send day-14 habit\n"
		   "04-27 09:00 send day-30 survey\n" /* day 30 is a Sunday */
		   "04-27 09:00 finished\n");
	assert_int_equal(w.day, 31);
	assert_int_equal(w.expires_ms, at(&w, "04-28 09:00"));
	assert_int_equal(w.user.n_places, 0);
	assert_int_equal(w.user.wake_at_ms, 0);
	world_end(&w);
}

static void
test_variant_and_goal(void **state)
{
	struct world w =
	    world_begin("America/New_York", "{'plan': 'lite'}", ONBOARDING);

	event(&w, "10-29 23:50", "Signed Up");
	event(&w, "10-30 12:00", "Task Succeeded");
	event(&w, "10-30 13:00", "Task Succeeded");
	expect(&w, "10-29 23:50 entered\n"
		   "10-29 23:50 send welcome hello\n"
		   "10-30 12:00 goal\n");
	run_until(&w, "12-30 00:00");
	expect_reason(&w, "metric.tasks > 0 is true: metric.tasks is 2");
	expect_reason(&w, "metric.tasks < 2 is false: metric.tasks is 2");
	expect(&w,
	    "11-02 09:00 send first next\n" /* after the change of clocks */
	    "11-05 09:00 send day-7 tips\n"
	    "11-12 09:00 skipped day-14\n"
	    "11-30 09:00 send day-30 survey\n"
	    "11-30 09:00 finished\n");
	world_end(&w);
}

/* Another reason is said on the same day, the same one is not. */
static void
test_each_reason_is_said(void **state)
{
	struct world w = world_begin("UTC", "{'plan': 'pro'}",
	    "{'enter': {'on': 'Go', 'if': \"user.plan == 'free'\"},"
	    "'exit': {'if': 'user.gone'},"
	    "'steps': [{'id': 'a', 'send': 'a'}]}");

	event(&w, "03-02 10:00", "Go");
	expect_reason(&w, "user.plan is \"pro\"");
	event(&w, "03-02 10:10", "Go");
	expect(&w, "03-02 10:00 refused\n");
	identify(&w, "03-02 11:00", "{'gone': true}");
	event(&w, "03-02 11:01", "Go");
	expect_reason(&w, "user.gone");
	event(&w, "03-02 11:02", "Go");
	expect(&w, "03-02 11:01 refused\n");
	identify(&w, "03-02 12:00", "{'gone': false}");
	event(&w, "03-02 12:01", "Go");
	expect(&w, "");
	event(&w, "03-03 12:01", "Go");
	expect(&w, "03-03 12:01 refused\n");
	world_end(&w);
}

static void
test_who_enters(void **state)
{
	struct world w = world_begin("UTC", "{'plan': 'pro'}", ONBOARDING);

	event(&w, "03-02 10:00", "Signed Up");
	expect_reason(&w, "user.plan is \"pro\"");
	expect(&w, "03-02 10:00 refused\n");
	event(&w, "03-02 10:00", "Signed Down");
	expect(&w, "");
	identify(&w, "03-02 11:01", "{'plan': 'free'}");
	event(&w, "03-02 11:02", "Signed Up");
	expect(&w, "03-02 11:02 entered\n03-02 11:02 send welcome hello\n");
	event(&w, "03-02 11:03", "Signed Up");
	expect(&w, "");
	event(&w, "03-02 11:04", "Account Deleted");
	event(&w, "03-02 11:05", "Signed Up");
	/* once only, and the log has it: nothing new to say */
	expect(&w, "03-02 11:04 exited\n");
	assert_int_equal(w.user.wake_at_ms, 0);
	world_end(&w);
}

static void
test_account_exits(void **state)
{
	struct world w = world_begin("UTC", "{'plan': 'free'}", ONBOARDING);

	add_account(&w, NULL);
	event(&w, "03-02 10:00", "Signed Up");
	expect(&w, "03-02 10:00 entered\n03-02 10:00 send welcome hello\n");
	json_object_set_new(w.account.traits, "csm", json_string("Bo"));
	run_until(&w, "04-30 00:00");
	expect_reason(&w, "account.csm is true: account.csm is \"Bo\"");
	expect(&w, "03-05 09:00 exited\n");
	world_end(&w);

	w = world_begin("UTC", "{'plan': 'free'}", ONBOARDING);
	add_account(&w, "{'csm': 'Bo'}");
	event(&w, "03-02 10:00", "Signed Up");
	expect_reason(&w, "would leave at once");
	expect(&w, "03-02 10:00 refused\n");
	world_end(&w);
}

/* The condition names neither of the metrics that its metric is made of. */
static void
test_metric_of_metrics(void **state)
{
	struct world w = world_begin("UTC", "{}",
	    "{'enter': {'on': 'Go', 'if': 'metric.share == 50'},"
	    " 'steps': [{'id': 'a', 'day': 0, 'send': 'hello'}]}");

	add_account(&w, NULL);
	event(&w, "03-02 10:00", "Task Succeeded");
	subject_keep(
	    &w.account, "all_tasks 1", json_pack("[i, i, i]", 0, 2, 0));
	event(&w, "03-02 10:01", "Go");
	expect_reason(&w, "metric.share is 50");
	expect(&w, "03-02 10:01 entered\n03-02 10:01 send a hello\n"
		   "03-02 10:01 finished\n");
	world_end(&w);
}

/* What a client sends first arrives last. */
static void
test_identify_after_the_event(void **state)
{
	struct world w = world_begin("UTC", "{}", ONBOARDING);

	event(&w, "03-02 10:00", "Signed Up");
	expect(&w, "03-02 10:00 refused\n");
	identify(&w, "03-02 10:01", "{'name': 'Ada'}");
	event(&w, "03-02 10:02", "Signed Up");
	expect(&w, ""); /* one refusal a day is enough */
	identify(&w, "03-02 10:03", "{'plan': 'free'}");
	expect(&w, "03-02 10:03 entered as of 03-02 10:02\n"
		   "03-02 10:03 send welcome hello\n");
	assert_int_equal(
	    subject_place(&w.user, "s")->entered_ms, at(&w, "03-02 10:02"));
	assert_int_equal(w.user.n_candidates, 0);
	world_end(&w);
}

static void
test_identify_too_late_for_the_event(void **state)
{
	struct world w = world_begin("UTC", "{}", ONBOARDING);

	event(&w, "03-02 10:00", "Signed Up");
	identify(&w, "03-02 10:31", "{'plan': 'free'}");
	expect(&w, "03-02 10:00 refused\n");
	world_end(&w);
}

/* The pause ends on a Saturday: what it held back is too late by Monday. */
static void
test_pause(void **state)
{
	struct world w = world_begin("UTC", "{'plan': 'free'}", ONBOARDING);

	event(&w, "03-02 10:00", "Signed Up");
	event(&w, "03-03 10:00", "Support Contacted");
	event(&w, "03-04 10:00", "Support Contacted");
	expect_reason(&w, "Support Contacted; until 2026-03-07T10:00");
	expect(&w, "03-02 10:00 entered\n03-02 10:00 send welcome hello\n"
		   "03-03 10:00 paused\n03-04 10:00 paused\n");
	run_until(&w, "03-10 00:00");
	expect_reason(&w, "late by");
	expect(&w, "03-07 10:00 resumed\n"
		   "03-07 10:00 skipped first\n"
		   "03-09 09:00 send day-7 tips\n");
	world_end(&w);
}

static void
test_pause_by_hand(void **state)
{
	struct world w = world_begin("UTC", "{'plan': 'free'}", ONBOARDING);
	struct error e;

	assert_int_equal(
	    engine_pause(w.rules, &w.user, "s", "by hand", INT64_MAX,
		at(&w, "03-02 09:00"), &w.decisions, &e),
	    -1);
	assert_string_equal(e.text, "ada is not in the sequence \"s\"");
	event(&w, "03-02 10:00", "Signed Up");
	assert_int_equal(
	    engine_pause(w.rules, &w.user, "s", "by hand", INT64_MAX,
		at(&w, "03-02 11:00"), &w.decisions, &e),
	    0);
	keep_decisions(&w, at(&w, "03-02 11:00"));
	assert_int_equal(w.user.wake_at_ms, 0);
	event(&w, "03-20 09:30", "Something");
	assert_int_equal(engine_resume(w.rules, &w.user, "s", "by hand",
			     at(&w, "03-20 10:00"), &w.decisions, &e),
	    0);
	keep_decisions(&w, at(&w, "03-20 10:00"));
	run_until(&w, "03-20 10:00");
	expect(&w, "03-02 10:00 entered\n03-02 10:00 send welcome hello\n"
		   "03-02 11:00 paused\n"
		   "03-20 10:00 resumed\n"
		   "03-20 10:00 skipped first\n"
		   "03-20 10:00 skipped day-7\n"
		   "03-20 10:00 skipped day-14\n");
	assert_int_equal(engine_resume(w.rules, &w.user, "s", "by hand",
			     at(&w, "03-20 10:00"), &w.decisions, &e),
	    -1);
	world_end(&w);
}

static void
test_late(void **state)
{
	struct world w = world_begin("UTC", "{'plan': 'free'}", ONBOARDING);

	event(&w, "03-02 10:00", "Signed Up");
	/* Down since then. Thursday's window is closed; Friday is in time. */
	wake(&w, "03-05 12:00");
	expect(&w, "03-02 10:00 entered\n03-02 10:00 send welcome hello\n");
	assert_int_equal(w.user.wake_at_ms, at(&w, "03-06 09:00"));
	run_until(&w, "03-06 09:00");
	expect(&w, "03-06 09:00 send first try\n");
	assert_int_equal(w.expires_ms, at(&w, "03-06 09:00"));
	/* Day 7 is Monday; on Tuesday afternoon it is too late. */
	wake(&w, "03-10 12:00");
	expect_reason(&w, "late by 2 days"); /* it could go on Wednesday */
	expect(&w, "03-10 12:00 skipped day-7\n");
	run_until(&w, "03-16 09:00");
	expect(&w, "03-16 09:00 send day-14 habit\n");
	world_end(&w);
}

static void
test_overtaken(void **state)
{
	struct world w = world_begin("UTC", NULL,
	    "{'enter': {'on': 'Go'}, 'late': {'grace': '10d'}, 'steps': ["
	    "{'id': 'a', 'day': 1, 'send': 'a'},"
	    "{'id': 'b', 'day': 2, 'send': 'b'},"
	    "{'id': 'b2', 'day': 2, 'send': 'b2', 'to': 'cs-room'},"
	    "{'id': 'c', 'day': 3, 'send': 'c', 'if': 'false'},"
	    "{'id': 'd', 'day': 9, 'send': 'd'}]}");

	event(&w, "03-02 10:00", "Go");
	wake(&w, "03-05 12:00");
	/* c would not send, so b is the last that does, and b2 with it. */
	expect_reason(&w, "overtaken by b2");
	expect(&w, "03-02 10:00 entered\n"
		   "03-05 12:00 skipped a\n"
		   "03-05 12:00 send b b\n"
		   "03-05 12:00 send b2 b2 to cs-room\n"
		   "03-05 12:00 skipped c\n");
	world_end(&w);
}

static void
test_late_then_send(void **state)
{
	struct world w = world_begin("UTC", NULL,
	    "{'enter': {'on': 'Go'}, 'late': {'grace': '1h',"
	    " 'then': 'send'}, 'steps': ["
	    "{'id': 'a', 'day': 1, 'send': 'a'}]}");

	event(&w, "03-02 10:00", "Go");
	wake(&w, "04-05 12:00");
	expect(&w, "03-02 10:00 entered\n04-05 12:00 send a a\n"
		   "04-05 12:00 finished\n");
	assert_int_equal(w.expires_ms, 0);
	world_end(&w);
}

/* Day 0 in a window waits for it, at the weekend until Monday. */
static void
test_day_zero(void **state)
{
	static const char *const text =
	    "{'enter': {'on': 'Go', 'reenter': 'after-exit'},"
	    "'exit': {'on': 'Leave'},"
	    "'window': {'days': 'mon-fri', 'from': '09:00', 'to': '17:00'},"
	    "'steps': [{'id': 'a', 'day': 0, 'send': 'a'}]}";
	struct world w = world_begin("Europe/Berlin", NULL, text);

	event(&w, "03-25 08:59", "Go");
	run_until(&w, "03-25 10:00");
	event(&w, "03-25 16:59", "Go");
	event(&w, "03-25 17:00", "Go");
	run_until(&w, "03-26 10:00");
	event(&w, "03-27 18:00", "Go"); /* the clocks change meanwhile */
	run_until(&w, "04-01 10:00");
	expect(&w,
	    "03-25 08:59 entered\n03-25 09:00 send a a\n03-25 09:00 finished\n"
	    "03-25 16:59 entered\n03-25 16:59 send a a\n03-25 16:59 finished\n"
	    "03-25 17:00 entered\n03-26 09:00 send a a\n03-26 09:00 finished\n"
	    "03-27 18:00 entered\n03-30 09:00 send a a\n"
	    "03-30 09:00 finished\n");
	world_end(&w);
}

static void
test_after(void **state)
{
	struct world w = world_begin("Europe/Berlin", NULL,
	    "{'enter': {'on': 'Go'}, 'steps': ["
	    "{'id': 'a', 'send': ['a', 'a2'], 'to': ['user', 'cs-lead']},"
	    "{'id': 'b', 'after': '48h', 'send': 'b'},"
	    "{'id': 'c', 'after': '1d', 'send': 'c',"
	    " 'window': {'days': 'tue', 'from': '22:00', 'to': '02:00',"
	    " 'timezone': 'America/New_York'}}]}");

	/* 48 hours are 48 hours: the clock on the wall moves by one. */
	event(&w, "03-28 10:00", "Go");
	run_until(&w, "05-01 00:00");
	expect(&w, "03-28 10:00 entered\n"
		   "03-28 10:00 send a a\n03-28 10:00 send a a to cs-lead\n"
		   "03-28 10:00 send a a2\n03-28 10:00 send a a2 to cs-lead\n"
		   "03-30 11:00 send b b\n"
		   "04-01 04:00 send c c\n" /* Tuesday, 22:00 in New York */
		   "04-01 04:00 finished\n");
	world_end(&w);
}

static void
test_reenter_after(void **state)
{
	struct world w = world_begin("UTC", NULL,
	    "{'enter': [{'on': 'Go', 'reenter': {'after': '90d'}},"
	    "{'on': 'Come Back', 'reenter': 'after-exit'}],"
	    "'steps': [{'id': 'a', 'send': 'a'}]}");

	event(&w, "01-01 10:00", "Go");
	event(&w, "02-01 10:00", "Go");
	expect_reason(&w, "less than 90 days before");
	event(&w, "02-01 11:00", "Come Back");
	event(&w, "05-01 10:00", "Go");
	event(&w, "05-03 10:00", "Go");
	expect(&w,
	    "01-01 10:00 entered\n01-01 10:00 send a a\n01-01 10:00 finished\n"
	    "02-01 10:00 refused\n"
	    "02-01 11:00 entered\n02-01 11:00 send a a\n02-01 11:00 finished\n"
	    "05-01 10:00 refused\n"
	    "05-03 10:00 entered\n05-03 10:00 send a a\n"
	    "05-03 10:00 finished\n");
	assert_int_equal(w.user.past[0].entries, 3);
	world_end(&w);
}

/* One event that is both an exit and a way in. */
static void
test_exit_before_enter(void **state)
{
	struct world w = world_begin("UTC", NULL,
	    "{'enter': {'on': 'Go', 'reenter': 'after-exit'},"
	    "'exit': {'on': 'Go'}, 'steps': ["
	    "{'id': 'a', 'day': 1, 'send': 'a'}]}");

	event(&w, "03-02 10:00", "Go");
	event(&w, "03-02 12:00", "Go");
	run_until(&w, "03-10 00:00");
	expect(&w, "03-02 10:00 entered\n"
		   "03-02 12:00 exited\n03-02 12:00 entered\n"
		   "03-03 12:00 send a a\n03-03 12:00 finished\n");
	world_end(&w);
}

static void
test_out_of_order(void **state)
{
	struct world w = world_begin("UTC", "{'plan': 'free'}",
	    "{'enter': {'on': 'Go', 'reenter': 'after-exit'},"
	    "'exit': {'on': 'Leave'},"
	    "'steps': [{'id': 'a', 'day': 0, 'send': 'a'},"
	    "{'id': 'b', 'day': 1, 'send': 'b'}]}");

	/* It is told an hour late: the entry counts from when it happened. */
	tell(&w, "03-02 11:00", "03-02 10:00", "Go", "{}");
	/* An exit from before the entry is none of this entry's. */
	tell(&w, "03-02 11:05", "03-02 09:00", "Leave", "{}");
	run_until(&w, "03-02 23:00");
	assert_int_equal(w.user.wake_at_ms, at(&w, "03-03 10:00"));
	tell(&w, "03-02 11:10", "03-02 11:00", "Leave", "{}");
	/* And a way in from before the exit is none after it. */
	tell(&w, "03-02 11:15", "03-02 10:30", "Go", "{}");
	expect_reason(&w, "before the last exit");
	expect(&w, "03-02 11:00 entered as of 03-02 10:00\n"
		   "03-02 11:00 send a a\n"
		   "03-02 11:10 exited\n03-02 11:15 refused\n");
	world_end(&w);
}

/*
 * A clock that ran a month ahead was set right: what happens now happens after
 * the entry and the exit that are said to be still to come.
 */
static void
test_a_clock_that_ran_ahead(void **state)
{
	struct world w = world_begin("UTC", NULL,
	    "{'enter': {'on': 'In', 'reenter': {'after': '1h'}},"
	    "'exit': [{'on': 'Out'}],"
	    "'steps': [{'id': 'a', 'wait': {'for': 'Did', 'until': '5d'}},"
	    " {'id': 'b', 'after': '1d', 'send': 'x'}]}");

	tell(&w, "05-01 10:00", "05-01 10:00", "In", "{}");
	tell(&w, "04-01 10:00", "04-01 09:00", "Did", "{}");
	tell(&w, "04-01 10:05", "04-01 10:00", "Out", "{}");
	expect(&w, "05-01 10:00 entered\n"
		   "04-01 10:00 waited a\n"
		   "04-01 10:05 exited\n");
	tell(&w, "04-01 10:10", "04-01 10:10", "In", "{}");
	expect(&w, "04-01 10:10 entered\n");
	tell(&w, "05-01 10:00", "05-01 10:00", "Out", "{}");
	tell(&w, "04-01 12:00", "04-01 11:30", "In", "{}");
	tell(&w, "04-01 13:00", "04-01 11:00", "Out", "{}"); /* of before */
	expect(&w, "05-01 10:00 exited\n"
		   "04-01 12:00 entered as of 04-01 11:30\n");
	world_end(&w);
}

static void
test_history(void **state)
{
	struct world w = world_begin("UTC", "{'plan': 'free'}", ONBOARDING);

	tell_history(&w, "03-05 10:00", "03-02 10:00", "Signed Up", "{}");
	tell_history(&w, "03-05 10:00", "03-02 11:00", "Task Succeeded", "{}");
	expect(&w, "");
	assert_int_equal(w.user.n_places, 0);
	/* It was counted: the variant for those who succeeded comes. */
	event(&w, "03-05 10:00", "Signed Up");
	run_until(&w, "03-09 10:00");
	expect(&w, "03-05 10:00 entered\n03-05 10:00 send welcome hello\n"
		   "03-09 09:00 send first next\n");
	world_end(&w);
}

static void
test_zone_change(void **state)
{
	struct world w = world_begin(
	    "UTC", "{'plan': 'free', 'timezone': 'Europe/Berlin'}", ONBOARDING);

	event(&w, "03-02 08:00", "Signed Up");
	assert_int_equal(w.user.wake_at_ms, at(&w, "03-05 08:00"));
	identify(&w, "03-03 08:00", "{'timezone': 'America/New_York'}");
	assert_int_equal(w.user.wake_at_ms, at(&w, "03-05 14:00"));
	identify(&w, "03-03 09:00", "{'timezone': 'Moon/Crater'}");
	assert_int_equal(w.user.wake_at_ms, at(&w, "03-05 09:00"));
	add_account(&w, "{'timezone': 'Asia/Tokyo'}");
	identify(&w, "03-03 10:00", "{'timezone': null}");
	assert_int_equal(w.user.wake_at_ms, at(&w, "03-05 00:00"));
	world_end(&w);
}

#define EDIT(steps)                                                  \
	"{'enter': {'on': 'Go'}, 'exit': {'on': 'Leave'}, 'steps': " \
	"[" steps "]}"
#define STEP_A "{'id': 'a', 'day': 0, 'send': 'a'}"
#define STEP_B "{'id': 'b', 'day': 3, 'send': 'b'}"
#define STEP_C "{'id': 'c', 'day': 7, 'send': 'c'}"
#define STEP_N "{'id': 'n', 'day': 2, 'send': 'n'}"

static void
test_removed_step(void **state)
{
	struct world w =
	    world_begin("UTC", NULL, EDIT(STEP_A "," STEP_B "," STEP_C));

	event(&w, "03-02 10:00", "Go");
	world_edit(&w, EDIT(STEP_A "," STEP_C));
	run_until(&w, "03-20 00:00");
	expect(&w, "03-02 10:00 entered\n03-02 10:00 send a a\n"
		   "03-09 10:00 send c c\n03-09 10:00 finished\n");
	world_end(&w);

	/* The step that was decided last is gone as well. */
	w = world_begin("UTC", NULL, EDIT(STEP_A "," STEP_B "," STEP_C));
	event(&w, "03-02 10:00", "Go");
	run_until(&w, "03-05 10:00");
	world_edit(&w, EDIT(STEP_A "," STEP_N "," STEP_C));
	run_until(&w, "03-20 00:00");
	expect_reason(&w, "late by");
	expect(&w, "03-02 10:00 entered\n03-02 10:00 send a a\n"
		   "03-05 10:00 send b b\n"
		   "03-09 10:00 skipped n\n03-09 10:00 send c c\n"
		   "03-09 10:00 finished\n");
	world_end(&w);
}

static void
test_added_step(void **state)
{
	struct world w = world_begin("UTC", NULL, EDIT(STEP_A "," STEP_C));

	/* Ahead of the person: it comes. */
	event(&w, "03-02 10:00", "Go");
	world_edit(&w, EDIT(STEP_A "," STEP_N "," STEP_C));
	event(&w, "03-02 11:00", "Something");
	run_until(&w, "03-05 00:00");
	/* Behind: it does not. */
	world_edit(&w, EDIT("{'id': 'm', 'day': 1, 'send': 'm'}," STEP_A
			    "," STEP_N "," STEP_C));
	event(&w, "03-05 11:00", "Something");
	run_until(&w, "03-20 00:00");
	expect(&w, "03-02 10:00 entered\n03-02 10:00 send a a\n"
		   "03-04 10:00 send n n\n"
		   "03-09 10:00 send c c\n03-09 10:00 finished\n");
	world_end(&w);
}

static enum engine_gate
gate_at(struct world *w, const struct engine_message *m, const char *time)
{
	return engine_gate(w->rules, &w->user, NULL, m, at(w, time)).gate;
}

static void
test_vanished_sequence(void **state)
{
	struct world w = world_begin("UTC", NULL, EDIT(STEP_A "," STEP_B));
	struct engine_message m = {.sequence = "s", .step = "a", .entry = 1};

	event(&w, "03-02 10:00", "Go");
	world_edit(&w, NULL);
	run_until(&w, "03-20 00:00");
	assert_int_equal(w.user.wake_at_ms, 0);
	assert_int_equal(w.user.n_places, 1);
	m.created_at_ms = at(&w, "03-10 10:00");
	assert_int_equal(gate_at(&w, &m, "03-17 09:59"), ENGINE_WAIT);
	assert_int_equal(gate_at(&w, &m, "03-17 10:00"), ENGINE_SKIP);
	m.expires_at_ms = at(&w, "03-12 10:00");
	assert_int_equal(gate_at(&w, &m, "03-12 09:59"), ENGINE_WAIT);
	assert_int_equal(gate_at(&w, &m, "03-12 10:00"), ENGINE_SKIP);
	assert_false(engine_is_defined(w.rules, &w.user, w.user.places));
	world_edit(&w, EDIT(STEP_A "," STEP_B "," STEP_C));
	assert_true(engine_is_defined(w.rules, &w.user, w.user.places));
	event(&w, "03-06 11:00", "Something");
	run_until(&w, "03-20 00:00");
	expect(&w, "03-02 10:00 entered\n03-02 10:00 send a a\n"
		   "03-06 11:00 skipped b\n"
		   "03-09 10:00 send c c\n03-09 10:00 finished\n");
	world_end(&w);
}

static void
test_stop(void **state)
{
	struct world w = world_begin("UTC", NULL,
	    "{'enter': {'on': 'Go'}, 'steps': ["
	    "{'id': 'a', 'day': 0, 'send': 'a'},"
	    "{'id': 'b', 'day': 1, 'stop': true,"
	    " 'if': 'metric.tasks > 0'},"
	    "{'id': 'c', 'day': 2, 'send': 'c', 'stop': true},"
	    "{'id': 'd', 'day': 3, 'send': 'd'}]}");

	event(&w, "03-02 10:00", "Go");
	run_until(&w, "03-20 00:00");
	expect(&w, "03-02 10:00 entered\n03-02 10:00 send a a\n"
		   "03-03 10:00 skipped b\n"
		   "03-04 10:00 send c c\n03-04 10:00 finished c\n");
	world_end(&w);
}

static void
test_goal_after_last_step(void **state)
{
	static const char *const text =
	    "{'enter': {'on': 'Go', 'reenter': 'after-exit'},"
	    "'goal': {'on': 'Win', 'within': '10d'},"
	    "'steps': [{'id': 'a', 'send': 'a'}]}";
	struct world w = world_begin("UTC", NULL, text);

	event(&w, "03-02 10:00", "Go");
	assert_int_equal(w.user.n_places, 1);
	assert_int_equal(w.user.wake_at_ms, at(&w, "03-12 10:00"));
	event(&w, "03-05 10:00", "Win");
	assert_int_equal(w.user.n_places, 0);
	event(&w, "03-06 10:00", "Go");
	event(&w, "03-07 10:00", "Go"); /* done, waiting for the goal */
	run_until(&w, "04-01 10:00");
	event(&w, "04-01 10:00", "Win");
	assert_int_equal(w.user.n_places, 0);
	expect(&w,
	    "03-02 10:00 entered\n03-02 10:00 send a a\n03-02 10:00 finished\n"
	    "03-05 10:00 goal\n"
	    "03-06 10:00 entered\n03-06 10:00 send a a\n03-06 10:00 finished\n"
	    "03-07 10:00 entered\n03-07 10:00 send a a\n"
	    "03-07 10:00 finished\n");
	world_end(&w);
}

static void
test_bad_condition(void **state)
{
	struct world w = world_begin("UTC", "{'age': 'old'}",
	    "{'enter': {'on': 'Go'}, 'steps': ["
	    "{'id': 'a', 'send': 'a', 'if': 'user.age < 30'},"
	    "{'id': 'b', 'after': '0s', 'send': 'b'}]}");

	assert_int_equal(
	    tell(&w, "03-02 10:00", "03-02 10:00", "Go", "{}"), -1);
	expect_reason(&w, "cannot be decided: ");
	expect(&w, "03-02 10:00 entered\n03-02 10:00 skipped a\n"
		   "03-02 10:00 send b b\n03-02 10:00 finished\n");
	world_end(&w);
}

static void
test_by_hand(void **state)
{
	struct world w = world_begin("UTC", NULL,
	    "{'enter': [{'manual': true}, {'on': 'Go'}],"
	    "'exit': {'if': 'user.gone'},"
	    "'steps': [{'id': 'a', 'send': 'a'},"
	    "{'id': 'b', 'after': '1d', 'send': 'b'},"
	    "{'id': 'c', 'after': '1d', 'send': 'c'}]}");
	int64_t now = at(&w, "03-02 10:00");
	struct error e;

	assert_int_equal(engine_enter(w.rules, &w.user, NULL, "t", "by hand",
			     now, &w.decisions, &e),
	    -1);
	assert_string_equal(e.text, "there is no sequence \"t\"");
	assert_int_equal(engine_enter(w.rules, &w.user, NULL, "s", "by hand",
			     now, &w.decisions, &e),
	    0);
	keep_decisions(&w, now);
	assert_int_equal(engine_enter(w.rules, &w.user, NULL, "s", "by hand",
			     now, &w.decisions, &e),
	    -1);
	assert_string_equal(e.text, "ada is in the sequence \"s\" already");
	assert_int_equal(engine_skip(w.rules, &w.user, "s", "by hand", now,
			     &w.decisions, &e),
	    0);
	keep_decisions(&w, now);
	run_until(&w, "03-02 10:00");
	assert_int_equal(w.user.wake_at_ms, at(&w, "03-03 10:00"));
	assert_int_equal(engine_exit(w.rules, &w.user, "s", "asked for it", now,
			     &w.decisions, &e),
	    0);
	keep_decisions(&w, now);
	expect_reason(&w, "asked for it");
	expect(&w, "03-02 10:00 entered\n03-02 10:00 send a a\n"
		   "03-02 10:00 skipped b\n03-02 10:00 exited\n");
	identify(&w, "03-02 11:00", "{'gone': true}");
	assert_int_equal(engine_enter(w.rules, &w.user, NULL, "s", "by hand",
			     now, &w.decisions, &e),
	    -1);
	assert_string_equal(e.text,
	    "would leave at once: user.gone is true: user.gone is true");
	world_end(&w);
}

static void
test_account_sequence(void **state)
{
	struct world w = world_begin("UTC", NULL,
	    "{'for': 'account', 'enter': {'on': 'Tier Cap Hit',"
	    " 'if': 'account.seats > 3 and metric.all_tasks > 1'},"
	    "'steps': [{'id': 'a', 'send': 'alert'},"
	    "{'id': 'b', 'day': 1, 'send': 'alert', 'to': 'cs-room'}]}");

	add_account(&w, "{'seats': 5}");
	event(&w, "03-02 09:00", "Task Succeeded");
	event(&w, "03-02 09:30", "Task Succeeded");
	event(&w, "03-02 10:00", "Tier Cap Hit");
	expect(&w,
	    "03-02 10:00 entered\n03-02 10:00 send a alert to account.owner\n");
	assert_int_equal(w.user.n_places, 0);
	assert_int_equal(w.account.wake_at_ms, at(&w, "03-03 10:00"));
	world_end(&w);
}

static void
test_gate(void **state)
{
	struct world w = world_begin("UTC", "{'plan': 'free'}", ONBOARDING);
	struct engine_message m = {.sequence = "s",
	    .step = "first",
	    .entry = 1,
	    .expires_at_ms = at(&w, "03-06 09:00")};
	struct engine_answer a;

#define GATE(time)                                                         \
	(a = engine_gate(w.rules, &w.user, account(&w), &m, at(&w, time)), \
	    a.gate)
	event(&w, "03-02 10:00", "Signed Up");
	run_until(&w, "03-05 09:00");
	assert_int_equal(GATE("03-05 09:00"), ENGINE_GO);
	assert_int_equal(GATE("03-06 09:01"), ENGINE_SKIP);
	assert_string_equal(a.reason, "expired");
	assert_int_equal(GATE("03-05 11:00"), ENGINE_WAIT);
	assert_int_equal(a.until_ms, at(&w, "03-06 09:00"));
	m.expires_at_ms--;
	assert_int_equal(GATE("03-05 11:00"), ENGINE_SKIP);
	m.step = "welcome";
	assert_int_equal(GATE("03-05 11:00"), ENGINE_GO);
	m.step = "gone";
	assert_int_equal(GATE("03-05 11:00"), ENGINE_WAIT);
	m.step = "first";
	m.entry = 2;
	assert_int_equal(GATE("03-05 09:00"), ENGINE_SKIP);
	m.entry = 1;

	add_account(&w, "{'csm': 'Bo'}");
	assert_int_equal(GATE("03-05 09:00"), ENGINE_SKIP);
	assert_string_equal(
	    a.reason, "account.csm is true: account.csm is \"Bo\"");
	json_object_del(w.account.traits, "csm");

	event(&w, "03-05 09:30", "Support Contacted");
	m.expires_at_ms = 0;
	assert_int_equal(GATE("03-05 09:40"), ENGINE_WAIT);
	assert_int_equal(a.until_ms, at(&w, "03-05 10:40"));
	assert_string_equal(a.reason, "paused");
	event(&w, "03-05 10:00", "Account Deleted");
	assert_int_equal(GATE("03-05 10:00"), ENGINE_SKIP);
	world_end(&w);
}

/* The last message waits for its hour when the sequence is over. */
static void
test_gate_after_the_end(void **state)
{
	struct world w = world_begin("UTC", NULL,
	    "{'enter': {'on': 'Go'}, 'exit': {'on': 'Leave'},"
	    "'steps': [{'id': 'a', 'send': 'a'}]}");
	struct engine_message m = {.sequence = "s", .step = "a", .entry = 1};
	struct engine_answer a;

	event(&w, "03-02 10:00", "Go");
	assert_int_equal(w.user.n_places, 0);
	assert_int_equal(GATE("03-02 10:00"), ENGINE_GO);
	event(&w, "03-02 10:01", "Leave");
	assert_int_equal(GATE("03-02 10:02"), ENGINE_SKIP);
	world_end(&w);
}

static void
test_scope(void **state)
{
	struct world w = world_begin(
	    "Europe/Berlin", "{'plan': 'x'}", EDIT(STEP_A "," STEP_B));
	struct engine_scope scope;

	add_account(&w, "{'owner': {'email': 'bo@example.com'}}");
	tell(&w, "03-27 23:30", "03-27 23:30", "Go", "{'plan': 'free'}");
	scope = (struct engine_scope){.rules = w.rules,
	    .subject = &w.user,
	    .account = &w.account,
	    .place = &w.user.places[0],
	    .now_ms = at(&w, "03-30 00:30")};
#define SCOPE(name)	  engine_scope_lookup(&scope, name)
#define TEXT(object, key) json_string_value(json_object_get(object, key))
	assert_string_equal(TEXT(SCOPE("user"), "id"), "ada");
	assert_string_equal(TEXT(SCOPE("user"), "plan"), "x");
	assert_string_equal(TEXT(SCOPE("event"), "plan"), "free");
	assert_string_equal(TEXT(SCOPE("account"), "id"), "acme");
	assert_string_equal(
	    TEXT(json_object_get(SCOPE("account"), "owner"), "email"),
	    "bo@example.com");
	assert_non_null(json_object_get(SCOPE("account"), "metric"));
	assert_string_equal(
	    TEXT(SCOPE("entry"), "entered_at"), "2026-03-27T23:30:00+01:00");
	assert_int_equal(
	    json_integer_value(json_object_get(SCOPE("entry"), "day")), 3);
	assert_string_equal(
	    json_string_value(SCOPE("now")), "2026-03-30T00:30:00+02:00");
	assert_non_null(SCOPE("metric"));
	assert_null(SCOPE("password"));
	engine_scope_free(&scope);
	world_end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_thirty_days),
	    cmocka_unit_test(test_variant_and_goal),
	    cmocka_unit_test(test_who_enters),
	    cmocka_unit_test(test_each_reason_is_said),
	    cmocka_unit_test(test_account_exits),
	    cmocka_unit_test(test_metric_of_metrics),
	    cmocka_unit_test(test_identify_after_the_event),
	    cmocka_unit_test(test_identify_too_late_for_the_event),
	    cmocka_unit_test(test_pause),
	    cmocka_unit_test(test_pause_by_hand),
	    cmocka_unit_test(test_late),
	    cmocka_unit_test(test_overtaken),
	    cmocka_unit_test(test_late_then_send),
	    cmocka_unit_test(test_day_zero),
	    cmocka_unit_test(test_after),
	    cmocka_unit_test(test_reenter_after),
	    cmocka_unit_test(test_exit_before_enter),
	    cmocka_unit_test(test_out_of_order),
	    cmocka_unit_test(test_a_clock_that_ran_ahead),
	    cmocka_unit_test(test_history),
	    cmocka_unit_test(test_zone_change),
	    cmocka_unit_test(test_removed_step),
	    cmocka_unit_test(test_added_step),
	    cmocka_unit_test(test_vanished_sequence),
	    cmocka_unit_test(test_stop),
	    cmocka_unit_test(test_goal_after_last_step),
	    cmocka_unit_test(test_bad_condition),
	    cmocka_unit_test(test_by_hand),
	    cmocka_unit_test(test_account_sequence),
	    cmocka_unit_test(test_gate),
	    cmocka_unit_test(test_gate_after_the_end),
	    cmocka_unit_test(test_scope),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
