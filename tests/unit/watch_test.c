/* SPDX-License-Identifier: MIT */
/*
 * watch_test - ways in that watch a metric, people who were there before them,
 * accounts, and what can be written wrong.
 */
#include <signal.h>
#include <sys/wait.h>

#include "tests/unit/watch_world.h"

/* -------------------------------------------------- thresholds */

static void
test_threshold(void **state)
{
	struct world w = world_begin(BELOW, NULL);

	event(&w, "03-02 09:00", "Something"); /* no value is not below */
	score(&w, "03-02 10:00", 62);
	score(&w, "03-02 11:00", 40); /* nor is the threshold itself */
	expect(&w, "");
	score(&w, "03-02 12:00", 38);
	expect_reason(&w, "metric.score fell to 38, below 40");
	expect(&w, "03-02 12:00 entered\n");
	assert_int_equal(
	    json_integer_value(json_object_get(w.event, "value")), 38);
	assert_int_equal(
	    json_integer_value(json_object_get(w.event, "threshold")), 40);
	assert_string_equal(
	    json_string_value(json_object_get(w.event, "metric")), "score");
	score(&w, "03-02 13:00", 20);
	score(&w, "03-02 14:00", 44.9);
	score(&w, "03-02 15:00", 39); /* not rearmed */
	expect(&w, "");
	score(&w, "03-02 16:00", 45);
	assert_int_equal(w.user.n_watches, 0); /* nothing to remember */
	score(&w, "03-02 17:00", 39.5);
	expect_reason(&w, "metric.score fell to 39.5, below 40");
	expect(&w, "03-02 17:00 entered\n");
	world_end(&w);
}

static void
test_threshold_above(void **state)
{
	struct world w = world_begin(
	    WITH("{'metric': 'score', 'above': -1.5, 'cooldown': '1s'}"), NULL);

	score(&w, "03-02 10:00", -1.5);
	expect(&w, "");
	score(&w, "03-02 11:00", 1);
	expect_reason(&w, "metric.score rose to 1, above -1.5");
	score(&w, "03-02 12:00", 0);
	score(&w, "03-02 13:00", -1.5); /* rearms where it fires */
	score(&w, "03-02 14:00", 0);
	expect(&w, "03-02 11:00 entered\n03-02 14:00 entered\n");
	world_end(&w);
}

/* What is no number neither fires nor rearms. */
static void
test_threshold_without_a_number(void **state)
{
	struct world w =
	    world_begin(WITH("{'metric': 'level', 'below': 40, 'rearm': 45}"),
		"{'level': 'low'}");

	event(&w, "03-02 10:00", "Something");
	identify(&w, "03-02 10:01", "{'level': null}");
	identify(&w, "03-02 10:02", "{'level': '1'}");
	identify(&w, "03-02 10:03", "{'level': [1]}");
	identify(&w, "03-02 10:04", "{'level': true}");
	expect(&w, "");
	identify(&w, "03-02 10:05", "{'level': 1}");
	expect(&w, "03-02 10:05 entered\n");
	identify(&w, "03-02 10:06", "{'level': null}");
	identify(&w, "03-02 10:07", "{'level': 2}");
	expect(&w, "");
	identify(&w, "03-02 10:08", "{'level': 1e308}");
	identify(&w, "03-02 10:09", "{'level': -1e308}");
	expect(&w, "03-02 10:09 entered\n");
	world_end(&w);
}

/* The k-th of many minutes. */
static const char *
minute(int k)
{
	static char text[32];

	snprintf(text, sizeof text, "03-%02d %02d:%02d", 2 + k / 1440,
	    k / 60 % 24, k % 60);
	return text;
}

static void
jitter(struct world *w)
{
	for (int k = 0; k < 1000; k++)
		score(w, minute(k), k % 2 == 0 ? 39 : 41);
}

static void
test_jitter(void **state)
{
	struct world w = world_begin(BELOW, NULL);

	jitter(&w);
	expect(&w, "03-02 00:00 entered\n");
	world_end(&w);

	w = world_begin(
	    WITH("{'metric': 'score', 'below': 40, 'dwell': '1h'}"), NULL);
	jitter(&w);
	expect(&w, "");
	score(&w, "03-02 17:00", 39);
	run_until(&w, "03-04 00:00");
	expect_reason(&w, "metric.score is 39, below 40 for 1 hour");
	expect(&w, "03-02 18:00 entered\n");
	world_end(&w);

	w = world_begin(
	    WITH("{'metric': 'score', 'below': 40, 'cooldown': '14d'}"), NULL);
	jitter(&w);
	expect_reason(&w, "metric.score fell to 39, below 40; cooldown: "
			  "entered on 2026-03-02T00:00:00+01:00, less than 14 "
			  "days before");
	expect(&w, "03-02 00:00 entered\n03-02 00:02 refused\n");
	world_end(&w);
}

static void
test_dwell(void **state)
{
	struct world w =
	    world_begin(WITH("{'metric': 'level', 'below': 40, 'rearm': 50,"
			     " 'dwell': '1h'}"),
		NULL);

	identify(&w, "03-02 10:00", "{'level': 38}");
	identify(&w, "03-02 10:30", "{'level': 40}"); /* ends the hour */
	run_until(&w, "03-02 12:00");
	identify(&w, "03-02 12:00", "{'level': 38}");
	identify(&w, "03-02 12:30", "{'level': null}"); /* so does this */
	run_until(&w, "03-02 14:00");
	expect(&w, "");
	identify(&w, "03-02 14:00", "{'level': 38}");
	identify(&w, "03-02 14:30", "{'level': 20}");
	run_until(&w, "03-02 16:00");
	expect_reason(&w, "metric.level is 20, below 40 for 1 hour");
	expect(&w, "03-02 15:00 entered\n");
	identify(&w, "03-02 16:00", "{'level': 49}");
	identify(&w, "03-02 17:00", "{'level': 38}"); /* not rearmed */
	run_until(&w, "03-02 19:00");
	expect(&w, "");
	assert_int_equal(w.user.wake_at_ms, 0);
	world_end(&w);
}

/* A crossing in the cooldown is dropped, not kept for later. */
static void
test_cooldown(void **state)
{
	struct world w = world_begin(
	    WITH("{'metric': 'score', 'below': 40, 'cooldown': '14d'}"), NULL);

	score(&w, "03-02 10:00", 38);
	score(&w, "03-10 10:00", 50);
	score(&w, "03-16 09:59", 38);
	expect(&w, "03-02 10:00 entered\n03-16 09:59 refused\n");
	score(&w, "03-20 10:00", 37);
	run_until(&w, "04-30 00:00");
	expect(&w, "");
	score(&w, "05-01 10:00", 50);
	score(&w, "05-01 11:00", 38);
	expect(&w, "05-01 11:00 entered\n");
	world_end(&w);
}

/* So is one whose condition does not hold, or that comes inside. */
static void
test_dropped_crossings(void **state)
{
	struct world w = world_begin(
	    WITH("{'metric': 'score', 'below': 40, 'rearm': 45,"
		 " 'if': \"user.plan == 'free' and event.value < 39\"}"),
	    NULL);

	score(&w, "03-02 10:00", 38);
	expect_reason(&w, "metric.score fell to 38, below 40; user.plan == "
			  "'free' and event.value < 39 is false");
	expect(&w, "03-02 10:00 refused\n");
	identify(&w, "03-02 10:01", "{'plan': 'free'}");
	score(&w, "03-02 11:00", 37);
	expect(&w, "");
	score(&w, "03-02 12:00", 45);
	score(&w, "03-02 13:00", 39);
	expect(&w, ""); /* one refusal a day is enough */
	score(&w, "03-02 14:00", 45);
	score(&w, "03-02 15:00", 38);
	expect(&w, "03-02 15:00 entered\n");
	world_end(&w);

	w = world_begin("{'enter': {'metric': 'score', 'below': 40,"
			" 'rearm': 45}, 'exit': {'if': 'user.csm'},"
			"'steps': [{'id': 'a', 'day': 9, 'send': 'a'}]}",
	    NULL);
	score(&w, "03-02 10:00", 38);
	score(&w, "03-02 11:00", 45);
	score(&w, "03-02 12:00", 38);
	run_until(&w, "03-20 00:00");
	expect(&w, "03-02 10:00 entered\n");
	identify(&w, "03-20 10:00", "{'csm': 'Bo'}");
	score(&w, "03-20 11:00", 45);
	score(&w, "03-20 12:00", 38);
	expect_reason(&w, "would leave at once");
	expect(&w, "03-20 12:00 refused\n");
	world_end(&w);
}

static void
test_reenter(void **state)
{
	struct world w =
	    world_begin(WITH("{'metric': 'score', 'below': 40, 'rearm': 45,"
			     " 'reenter': 'never'}"),
		NULL);

	score(&w, "03-02 10:00", 38);
	score(&w, "03-02 11:00", 45);
	score(&w, "03-02 12:00", 38);
	expect(&w, "03-02 10:00 entered\n");
	world_end(&w);

	w = world_begin(WITH("{'metric': 'score', 'below': 40, 'rearm': 45,"
			     " 'reenter': {'after': '30d'}}"),
	    NULL);
	score(&w, "03-02 10:00", 38);
	score(&w, "03-02 11:00", 45);
	score(&w, "03-02 12:00", 38);
	score(&w, "05-02 11:00", 45);
	score(&w, "05-02 12:00", 38);
	expect(&w, "03-02 10:00 entered\n03-02 12:00 refused\n"
		   "05-02 12:00 entered\n");
	world_end(&w);
}

/* Two that differ in nothing but their conditions. */
static void
test_same_threshold_twice(void **state)
{
	struct world w =
	    world_begin(WITH("[{'metric': 'score', 'below': 40, 'rearm': 45,"
			     "  'if': \"user.plan == 'pro'\"},"
			     " {'metric': 'score', 'below': 40, 'rearm': 45,"
			     "  'if': \"user.plan == 'free'\"}]"),
		"{'plan': 'free'}");

	score(&w, "03-02 10:00", 38);
	expect(&w, "03-02 10:00 refused\n03-02 10:00 entered\n");
	world_end(&w);
}

static void
test_threshold_out_of_order(void **state)
{
	struct world w = world_begin(BELOW, NULL);

	score(&w, "03-02 10:00", 62);
	/* an older value than the one that is known */
	tell(&w, "03-02 10:05", "03-02 09:00", "Scored", "{'score': 38}");
	expect(&w, "");
	tell(&w, "03-02 10:30", "03-02 10:10", "Scored", "{'score': 38}");
	expect(&w, "03-02 10:30 entered as of 03-02 10:10\n");
	tell(&w, "03-02 10:31", "03-02 10:10", "Scored", "{'score': 38}");
	score(&w, "03-02 11:00", 50);
	expect(&w, "");
	/* a clock that runs ahead */
	tell(&w, "03-02 11:01", "03-02 12:00", "Scored", "{'score': '38'}");
	expect(&w, "03-02 11:01 entered\n");
	world_end(&w);
}

static void
test_threshold_in_history(void **state)
{
	static const char *const rules[] = {
	    BELOW, WITH("{'metric': 'score', 'below': 40, 'rearm': 45,"
			" 'dwell': '1h'}")};

	for (int i = 0; i < 2; i++) {
		struct world w = world_begin(rules[i], NULL);

		tell_history(&w, "03-10 10:00", "03-02 10:00", "Scored",
		    "{'score': 38}");
		run_until(&w, "03-11 00:00");
		score(&w, "03-11 10:00", 37);
		run_until(&w, "03-12 00:00");
		expect(&w, "");
		tell_history(&w, "03-12 10:00", "03-11 11:00", "Scored",
		    "{'score': 50}"); /* rearms */
		score(&w, "03-12 11:00", 38);
		run_until(&w, "03-13 00:00");
		expect(&w,
		    i == 0 ? "03-12 11:00 entered\n" : "03-12 12:00 entered\n");
		world_end(&w);
	}
}

/* History does not end what had begun, nor keep it from firing. */
static void
test_history_beside_what_is_due(void **state)
{
	struct world w = world_begin(
	    WITH("{'metric': 'score', 'below': 40, 'dwell': '1h'}"), NULL);

	score(&w, "03-02 10:00", 38);
	tell_history(
	    &w, "03-02 10:30", "02-01 10:00", "Scored", "{'score': 10}");
	w.user.wake_at_ms = 0; /* the wake-up is late */
	replay(&w, 0);
	engine_apply(w.rules, &w.user, NULL,
	    &(struct event){.name = "Other",
		.at_ms = at(&w, "02-01 10:00"),
		.is_history = true},
	    at(&w, "03-02 11:30"), &w.decisions);
	assert_int_equal(w.decisions.count, 0);
	assert_int_equal(w.user.wake_at_ms, at(&w, "03-02 11:00"));
	wake(&w, "03-02 11:30");
	expect(&w, "03-02 11:30 entered as of 03-02 11:00\n");
	world_end(&w);
}

/* ---------------------------------------- people there before */

static void
test_baseline(void **state)
{
	struct world w = world_begin(NULL, NULL);

	score(&w, "03-02 10:00", 38);
	world_load(&w, BELOW);
	assert_true(engine_is_behind(w.rules, &w.user));
	wake(&w, "03-03 10:00");
	assert_false(engine_is_behind(w.rules, &w.user));
	score(&w, "03-03 11:00", 37);
	expect(&w, "");
	score(&w, "03-03 12:00", 45);
	score(&w, "03-03 13:00", 37);
	expect(&w, "03-03 13:00 entered\n");
	world_end(&w);

	w = world_begin(NULL, NULL); /* who is not past it is armed */
	score(&w, "03-02 10:00", 41);
	world_load(&w, BELOW);
	score(&w, "03-03 10:00", 38);
	expect(&w, "03-03 10:00 entered\n");
	world_end(&w);
}

#define FIRE(more) \
	WITH("{'metric': 'score', 'below': 40, 'rearm': 45, " more "}")

static void
test_baseline_fire(void **state)
{
	struct world w = world_begin(NULL, NULL);

	score(&w, "03-02 10:00", 38);
	world_load(&w, FIRE("'baseline': 'fire'"));
	wake(&w, "03-03 10:00");
	expect_reason(&w, "metric.score is 38, below 40");
	expect(&w, "03-03 10:00 entered\n");
	score(&w, "03-03 11:00", 37);
	wake(&w, "03-04 10:00");
	expect(&w, "");
	world_end(&w);

	w = world_begin(NULL, NULL);
	score(&w, "03-02 10:00", 38);
	world_load(&w, FIRE("'baseline': 'fire', 'dwell': '2h'"));
	wake(&w, "03-03 10:00");
	run_until(&w, "03-04 00:00");
	expect(&w, "03-03 12:00 entered\n");
	world_end(&w);
}

/* Another threshold is another watch; another condition is not. */
static void
test_edit_while_past(void **state)
{
	struct world w = world_begin(BELOW, NULL);

	score(&w, "03-02 10:00", 47);
	world_load(&w, WITH("{'metric': 'score', 'below': 50, 'rearm': 55}"));
	score(&w, "03-02 11:00", 46);
	expect(&w, ""); /* was there already */
	score(&w, "03-02 12:00", 55);
	score(&w, "03-02 13:00", 38);
	expect(&w, "03-02 13:00 entered\n");
	world_load(&w, BELOW);
	score(&w, "03-02 14:00", 37);
	expect(&w, ""); /* 38 is below 40, too */
	world_load(&w, FIRE("'if': 'user.vip', 'cooldown': '1s',"
			    " 'reenter': 'never', 'baseline': 'fire'"));
	wake(&w, "03-02 15:00");
	score(&w, "03-02 16:00", 38);
	expect(&w, "");
	world_load(&w, BELOW);
	assert_int_equal(w.user.n_watches, 1);
	score(&w, "03-02 17:00", 45);
	score(&w, "03-02 18:00", 38);
	expect(&w, "03-02 18:00 entered\n");
	world_end(&w);
}

/* What counts goes on counting when only the condition is edited. */
static void
test_edit_while_counting(void **state)
{
	struct world w = world_begin(FIRE("'dwell': '1h'"), NULL);

	score(&w, "03-02 10:00", 38);
	world_load(&w, FIRE("'dwell': '1h', 'if': 'metric.score > 1'"));
	wake(&w, "03-02 10:30");
	run_until(&w, "03-02 12:00");
	expect(&w, "03-02 11:00 entered\n");
	world_end(&w);

	w = world_begin(FIRE("'dwell': '1h'"), NULL);
	score(&w, "03-02 10:00", 38);
	world_load(&w, FIRE("'dwell': '2h'")); /* this is a new one */
	wake(&w, "03-02 10:30");
	run_until(&w, "03-02 23:00");
	expect(&w, "");
	assert_int_equal(w.user.n_watches, 1); /* the old one's is gone */
	world_end(&w);

	w = world_begin(FIRE("'dwell': '1h'"), NULL);
	score(&w, "03-02 10:00", 38);
	world_load(&w, WITH("{'on': 'Signed Up'}"));
	wake(&w, "03-02 11:00");
	expect(&w, "");
	assert_int_equal(w.user.n_watches, 0);
	assert_int_equal(w.user.wake_at_ms, 0);
	world_end(&w);
}

#define POINTS "{'metrics': {'score': {'latest': 'Scored', 'of': 'points'}}}"

static void
test_edit_of_the_metric(void **state)
{
	struct world w = world_begin(BELOW, NULL);

	tell(&w, "03-02 10:00", "03-02 10:00", "Scored",
	    "{'score': 60, 'points': 30}");
	w.metrics = POINTS;
	world_load(&w, BELOW);
	wake(&w, "03-02 11:00");
	tell(&w, "03-02 12:00", "03-02 12:00", "Scored", "{'points': 20}");
	expect(&w, "");
	tell(&w, "03-02 13:00", "03-02 13:00", "Scored", "{'points': 45}");
	tell(&w, "03-02 14:00", "03-02 14:00", "Scored", "{'points': 20}");
	expect(&w, "03-02 14:00 entered\n");
	world_end(&w);
}

/* What the metric once was while it was rebuilt is no crossing. */
static void
test_edit_after_a_crossing(void **state)
{
	struct world w = world_begin(BELOW, NULL);

	tell(&w, "03-02 10:00", "03-02 10:00", "Scored", "{'points': 30}");
	tell(&w, "03-02 11:00", "03-02 11:00", "Scored", "{'points': 42}");
	w.metrics = POINTS;
	world_load(&w, BELOW);
	tell(&w, "03-02 12:00", "03-02 12:00", "Scored", "{'points': 38}");
	expect(&w, "03-02 12:00 entered\n");
	world_end(&w);
}

/* Of whom nothing is known yet: no task is no news, one and none again is. */
static void
test_born_below(void **state)
{
	struct world w = world_begin(
	    WITH("{'metric': 'tasks_7d', 'below': 1, 'baseline': 'fire'}"),
	    NULL);

	w.user.known = 0;
	engine_begin(w.rules, &w.user, at(&w, "03-01 10:00"));
	event(&w, "03-01 10:00", "Seen");
	expect(&w, "");
	event(&w, "03-02 10:00", "Task Succeeded");
	run_until(&w, "03-20 10:00");
	assert_int_equal(w.user.n_watches, 1);
	expect(&w, "03-09 17:00 entered\n");
	world_end(&w);
}

/* --------------------------------------------------- accounts */

static void
test_account(void **state)
{
	struct world w = world_begin(
	    ACCOUNT_WITH("{'metric': 'team_tasks', 'above': 2, 'rearm': 0}"),
	    NULL);

	add_account(&w, NULL);
	for (int i = 0; i < 5; i++)
		event(&w, "03-02 10:00", "Task Succeeded");
	expect(&w, "03-02 10:00 entered\n");
	assert_int_equal(w.account.n_watches, 1);
	assert_int_equal(w.user.n_watches, 0);
	world_end(&w);

	w = world_begin(
	    ACCOUNT_WITH("{'metric': 'lowest', 'below': 40, 'rearm': 45}"),
	    NULL);
	add_account(&w, NULL);
	score(&w, "03-02 10:00", 60);
	score(&w, "03-02 11:00", 38);
	score(&w, "03-02 12:00", 39);
	expect_reason(&w, "metric.lowest fell to 38, below 40");
	expect(&w, "03-02 11:00 entered\n");
	engine_leave(
	    w.rules, &w.user, &w.account, at(&w, "03-02 13:00"), &w.decisions);
	keep_decisions(&w, at(&w, "03-02 13:00"));
	expect(&w, ""); /* nobody is left: no value does not rearm */
	score(&w, "03-02 14:00", 38);
	expect(&w, "");
	world_end(&w);
}

static void
test_account_events(void **state)
{
	struct world w = world_begin(
	    ACCOUNT_WITH("[{'missing': 'Kickoff', 'after': 'Signed',"
			 " 'within': '2d'},"
			 "{'date': 'account.ends', 'offset': '-1d'}]"),
	    NULL);

	add_account(&w, "{'ends': '2026-04-10'}");
	event(&w, "03-02 10:00", "Signed");
	run_until(&w, "05-02 10:00");
	expect_reason(&w, "no Kickoff within 2 days of Signed");
	expect_reason(&w, "account.ends is 2026-04-10");
	expect(&w, "03-04 10:00 entered\n04-09 00:00 entered\n");
	world_end(&w);
}

/*
 * Until all people have been brought up to date, an account's new ways in take
 * note of events and of nothing else.
 */
static void
test_account_waits(void **state)
{
	struct world w = world_begin(NULL, NULL);

	add_account(&w, NULL);
	event(&w, "03-02 10:00", "Other");
	world_load(&w,
	    ACCOUNT_WITH("[{'missing': 'Kickoff', 'after': 'Signed',"
			 "  'within': '2d', 'reenter': 'after-exit'},"
			 "{'metric': 'team_tasks', 'above': 1, 'rearm': 0}]"));
	assert_false(rules_is_settled(w.rules));
	event(&w, "03-03 10:00", "Signed");
	event(&w, "03-03 10:00", "Task Succeeded");
	event(&w, "03-03 10:00", "Task Succeeded");
	run_until(&w, "03-19 10:00"); /* no wake-up is left over */
	expect(&w, "");
	event(&w, "03-20 10:00", "Signed");
	rules_settle(w.rules);
	wake_subject(&w, &w.account, at(&w, "03-20 11:00"));
	run_until(&w, "03-30 10:00");
	expect(&w, "03-22 10:00 entered\n");
	event(&w, "03-30 10:00", "Task Succeeded");
	expect(&w, ""); /* was above it before */
	world_end(&w);
}

/* ---------------------------------------------------- the door */

/* A record that says what cannot be is a bug: the program ends at once. */
static void
test_door(void **state)
{
	struct world w = world_begin(BELOW, NULL);
	int status;
	pid_t pid;

	score(&w, "03-02 10:00", 38);
	assert_int_equal(w.user.n_watches, 1);
	w.user.watches[0].state = 7;
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		freopen("/dev/null", "w", stderr);
		signal(SIGABRT, SIG_DFL);
		engine_wake(w.rules, &w.user, NULL, at(&w, "03-02 11:00"),
		    &w.decisions);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	world_end(&w);
}

/* ----------------------------------------------------- reading */

/* The first complaint about these ways in, "POINTER RULE TEXT", or "". */
static void
complaint(const char *sequence, char *out, size_t size)
{
	struct problems problems = {0};
	struct rules *rules =
	    load(METRICS, sequence, NULL, zone_utc(), &problems);

	out[0] = '\0';
	if (problems.count > 0)
		snprintf(out, size, "%s%s%s %s", problems.list[0].at.pointer,
		    problems.list[0].rule[0] != '\0' ? " " : "",
		    problems.list[0].rule, problems.list[0].at.text);
	problems_free(&problems);
	rules_free(rules);
}

#define BAD(enter, text)                                                       \
	{                                                                      \
		"{'enter': {" enter "}, 'steps': [{'id': 'a', 'send': 'a'}]}", \
		    text                                                       \
	}
#define BAD_ACCOUNT(enter, text)                           \
	{                                                  \
		"{'for': 'account', 'enter': {" enter      \
		"}, 'steps': [{'id': 'a', 'send': 'a'}]}", \
		    text                                   \
	}

static void
test_reading(void **state)
{
	static const struct {
		const char *sequence, *text;
	} cases[] = {
	    BAD("'metric': 'score', 'below': 40, 'rearm': 40", ""),
	    BAD("'metric': 'score', 'above': 40, 'dwell': '1h'", ""),
	    BAD("'metric': 'score', 'above': 40.5, 'cooldown': '1h'", ""),
	    BAD("'metric': 'score', 'stagnant': '14d'", ""),
	    BAD("'idle': '7d', 'of': 'E'", ""),
	    BAD("'date': 'user.a.b', 'offset': '3d'", ""),
	    BAD_ACCOUNT("'date': 'account.ends'", ""),
	    BAD_ACCOUNT("'metric': 'lowest', 'stagnant': '14d'", ""),

	    BAD("'metric': 'score', 'below': 40",
		"/enter jittery-threshold a value that jitters around 40 fires "
		"again and again: add \"rearm\", \"dwell\" or \"cooldown\""),
	    BAD("'metric': 'age', 'below': 40, 'rearm': 41",
		"/enter/metric reads-now \"age\" reads the time, and changes "
		"with it unseen: it is looked at when something happens"),
	    BAD("'metric': 'scor', 'below': 40, 'rearm': 41",
		"/enter/metric unknown-name no metric is called \"scor\"; did "
		"you mean \"score\"?"),
	    BAD("'metric': 'lowest', 'below': 40, 'rearm': 41",
		"/enter/metric unknown-name no metric of a user is called "
		"\"lowest\""),
	    BAD_ACCOUNT("'metric': 'score', 'below': 40, 'rearm': 41",
		"/enter/metric unknown-name no metric of an account is called "
		"\"score\""),
	    BAD("'metric': 'score', 'below': 40, 'rearm': 39",
		"/enter/rearm it is rearmed when it has risen to this: no less "
		"than \"below\" is expected"),
	    BAD("'metric': 'score', 'above': 40, 'rearm': 40.1",
		"/enter/rearm it is rearmed when it has fallen to this: no "
		"more than \"above\" is expected"),
	    BAD("'metric': 'score', 'above': 40, 'below': 40, 'rearm': 40",
		"/enter \"below\" or \"above\", not both"),
	    BAD("'metric': 'score', 'dwell': '1h'",
		"/enter \"below\", \"above\" or \"stagnant\" is missing"),
	    BAD("'metric': 'score', 'below': '40', 'rearm': 40",
		"/enter/below a number is expected"),
	    BAD("'metric': 'score', 'below': 40, 'dwell': '0m'",
		"/enter/dwell more than 0 is expected"),
	    BAD("'metric': 'score', 'below': 40, 'cooldown': '1 h'",
		"/enter/cooldown a duration is expected, such as \"48h\" or "
		"\"14d\" (s, m, h, d, w)"),
	    BAD("'metric': 'score', 'below': 40, 'rearm': 41, 'baseline': "
		"'skp'",
		"/enter/baseline unknown-name no baseline is called \"skp\"; "
		"did you mean \"skip\"?"),
	    BAD("'metric': 'score', 'below': 40, 'rearm': 41, 'gain': 1",
		"/enter/gain unknown key \"gain\""),
	    BAD("'below': 40", "/enter/below unknown key \"below\""),
	    BAD("'metric': 'score', 'stagnant': '0d'",
		"/enter/stagnant more than 0 is expected"),
	    BAD("'metric': 'score', 'stagnant': '1d', 'gain': 0",
		"/enter/gain more than 0 is expected"),
	    BAD("'missing': 'E', 'after': 'A'", "/enter \"within\" is missing"),
	    BAD("'missing': 'E', 'within': '1d'",
		"/enter \"after\" is missing"),
	    BAD("'missing': 'E', 'after': 'A', 'within': '0s'",
		"/enter/within more than 0 is expected"),
	    BAD("'missing': 'E', 'after': 'A', 'within': '1h',"
		" 'if': 'event.plan'",
		"/enter/if no-event it is time that starts this, not an event: "
		"event.* is not set"),
	    BAD("'idle': '7d', 'since': 'score'", "/enter \"of\" is missing"),
	    BAD("'idle': '7d', 'of': 'E', 'since': 'scores'",
		"/enter/since unknown-name no metric is called \"scores\"; did "
		"you mean \"score\"?"),
	    BAD("'date': 'trial_ends_at'",
		"/enter/date a date of the user's own is expected: "
		"\"user.NAME\" or \"metric.NAME\""),
	    BAD("'date': 'account.ends'",
		"/enter/date a date of the user's own is expected: "
		"\"user.NAME\" or \"metric.NAME\""),
	    BAD("'date': 'user.ends | date'",
		"/enter/date a date of the user's own is expected: "
		"\"user.NAME\" or \"metric.NAME\""),
	    BAD("'date': 'user.'",
		"/enter/date a date of the user's own is expected: "
		"\"user.NAME\" or \"metric.NAME\""),
	    BAD_ACCOUNT("'date': 'account.metric.lowest'",
		"/enter/date a date of the account's own is expected: "
		"\"account.NAME\" or \"metric.NAME\""),
	    BAD("'date': 'metric.first_task'",
		"/enter/date unknown-name no metric is called \"first_task\"; "
		"did you mean \"first_task_at\"?"),
	    BAD("'date': 'user.ends', 'offset': '+3d'",
		"/enter/offset a duration is expected, such as \"2d\" or, for "
		"before, \"-14d\" (s, m, h, d, w)"),
	    BAD("'date': 'user.ends', 'offset': '--3d'",
		"/enter/offset a duration is expected, such as \"2d\" or, for "
		"before, \"-14d\" (s, m, h, d, w)"),
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char text[600];

		complaint(cases[i].sequence, text, sizeof text);
		if (strcmp(text, cases[i].text) != 0)
			fail_msg("%s:\n%s\nis not\n%s", cases[i].sequence, text,
			    cases[i].text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_threshold),
	    cmocka_unit_test(test_threshold_above),
	    cmocka_unit_test(test_threshold_without_a_number),
	    cmocka_unit_test(test_jitter),
	    cmocka_unit_test(test_dwell),
	    cmocka_unit_test(test_cooldown),
	    cmocka_unit_test(test_dropped_crossings),
	    cmocka_unit_test(test_reenter),
	    cmocka_unit_test(test_same_threshold_twice),
	    cmocka_unit_test(test_threshold_out_of_order),
	    cmocka_unit_test(test_threshold_in_history),
	    cmocka_unit_test(test_history_beside_what_is_due),
	    cmocka_unit_test(test_baseline),
	    cmocka_unit_test(test_baseline_fire),
	    cmocka_unit_test(test_born_below),
	    cmocka_unit_test(test_edit_while_past),
	    cmocka_unit_test(test_edit_while_counting),
	    cmocka_unit_test(test_edit_of_the_metric),
	    cmocka_unit_test(test_edit_after_a_crossing),
	    cmocka_unit_test(test_account),
	    cmocka_unit_test(test_account_events),
	    cmocka_unit_test(test_account_waits),
	    cmocka_unit_test(test_door),
	    cmocka_unit_test(test_reading),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
