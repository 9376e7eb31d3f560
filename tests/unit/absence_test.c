/* SPDX-License-Identifier: MIT */
/*
 * absence_test - ways in that watch what does not come (an event, a new best),
 * dates, and time that passes while nobody looks.
 */
#include "tests/unit/watch_world.h"

/* --------------------------------------------------- absence */

#define MISSING(more)                                       \
	WITH("{'missing': 'Started', 'after': 'Signed Up'," \
	     " 'within': '48h'" more "}")

static void
test_missing(void **state)
{
	struct world w = world_begin(MISSING(""), NULL);

	event(&w, "03-02 10:00", "Signed Up");
	assert_int_equal(w.user.wake_at_ms, at(&w, "03-04 10:00"));
	run_until(&w, "03-09 10:00");
	expect_reason(&w, "no Started within 2 days of Signed Up on "
			  "2026-03-02T10:00:00+01:00");
	expect(&w, "03-04 10:00 entered\n");
	event(&w, "03-10 10:00", "Signed Up"); /* never again */
	run_until(&w, "03-19 10:00");
	expect(&w, "");
	world_end(&w);

	w = world_begin(MISSING(""), NULL);
	event(&w, "03-02 10:00", "Signed Up");
	event(&w, "03-04 09:59", "Started");
	assert_int_equal(w.user.wake_at_ms, 0);
	run_until(&w, "03-19 10:00");
	expect(&w, "");
	world_end(&w);
}

static void
test_missing_if(void **state)
{
	struct world w = world_begin(
	    MISSING(", 'if': \"user.plan == 'free'\""), "{'plan': 'free'}");

	event(&w, "03-02 10:00", "Signed Up");
	identify(&w, "03-03 10:00", "{'plan': 'pro'}");
	run_until(&w, "03-09 10:00"); /* looked at when it is due */
	expect_reason(&w, "user.plan == 'free' is false");
	expect(&w, "03-04 10:00 refused\n");
	world_end(&w);
}

/* In any order of arrival: the latest question, and whether it is answered. */
static void
test_missing_out_of_order(void **state)
{
	static const struct {
		const char *first, *first_at, *second, *second_at, *third,
		    *third_at, *log;
	} cases[] = {
	    {"Started", "03-02 09:00", "Signed Up", "03-02 08:00", NULL, NULL,
		""}, /* the answer arrives before its question */
	    {"Started", "03-02 08:00", "Signed Up", "03-02 09:00", NULL, NULL,
		"03-04 09:00 entered\n"}, /* an answer to something else */
	    {"Signed Up", "03-02 09:00", "Started", "03-02 08:00", NULL, NULL,
		"03-04 09:00 entered\n"},
	    {"Signed Up", "03-02 09:00", "Started", "03-02 09:00", NULL, NULL,
		""},
	    {"Started", "03-02 09:00", "Signed Up", "03-02 09:00", NULL, NULL,
		""},
	    {"Signed Up", "03-02 07:00", "Signed Up", "03-02 09:00", "Started",
		"03-02 08:00", "03-04 09:00 entered\n"},
	    {"Signed Up", "03-02 09:00", "Signed Up", "03-02 07:00", "Started",
		"03-02 08:00", "03-04 09:00 entered\n"},
	    {"Signed Up", "03-02 09:00", "Started", "03-02 08:00", "Signed Up",
		"03-02 07:00", "03-04 09:00 entered\n"},
	    {"Started", "03-02 08:00", "Signed Up", "03-02 07:00", "Signed Up",
		"03-02 09:00", "03-04 09:00 entered\n"},
	    {"Started", "03-02 08:00", "Started", "03-02 09:30", "Signed Up",
		"03-02 09:00", ""},
	    {"Started", "03-02 09:30", "Started", "03-02 08:00", "Signed Up",
		"03-02 09:00", ""},
	    {"Signed Up", "03-02 09:00", "Signed Up", "03-02 09:00", NULL, NULL,
		"03-04 09:00 entered\n"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct world w = world_begin(MISSING(""), NULL);

		tell(
		    &w, "03-02 10:00", cases[i].first_at, cases[i].first, "{}");
		tell(&w, "03-02 10:01", cases[i].second_at, cases[i].second,
		    "{}");
		if (cases[i].third != NULL)
			tell(&w, "03-02 10:02", cases[i].third_at,
			    cases[i].third, "{}");
		run_until(&w, "03-19 10:00");
		expect(&w, cases[i].log);
		world_end(&w);
	}
}

/* Four events at 1:00 to 4:00, told in the order of the k-th permutation. */
static void
tell_permuted(struct world *w, unsigned kinds, int k)
{
	int left[] = {1, 2, 3, 4};

	for (int n = 4; n > 0; k /= n--) {
		int hour = left[k % n];
		char time[32];

		left[k % n] = left[n - 1];
		snprintf(time, sizeof time, "03-02 0%d:00", hour);
		tell(w, "03-02 10:00", time,
		    kinds & (1U << hour) ? "Started" : "Signed Up", "{}");
	}
}

/* The hour of the last one of these, 0 for none. */
static int
last_of(unsigned kinds, bool is_started)
{
	int hour = 4;

	while (hour > 0 && !!(kinds & (1U << hour)) != is_started)
		hour--;
	return hour;
}

/* Whatever the events and their order of arrival, the outcome is the same. */
static void
test_any_order(void **state)
{
	struct world missing = world_begin(MISSING(""), NULL),
		     idle = world_begin(
			 WITH("{'idle': '7d', 'of': 'Started'}"), NULL);
	int64_t midnight = at(&idle, "03-02 00:00"), hour = 3600000;

	for (unsigned kinds = 0; kinds < 32; kinds += 2)
		for (int k = 0; k < 24; k++) {
			int asked = last_of(kinds, false);
			int came = last_of(kinds, true);

			tell_permuted(&missing, kinds, k);
			assert_int_equal(missing.user.wake_at_ms,
			    asked > came ? midnight + (48 + asked) * hour : 0);
			tell_permuted(&idle, kinds, k);
			assert_int_equal(idle.user.wake_at_ms,
			    came > 0 ? midnight + (7 * 24 + came) * hour : 0);
			subject_free(&missing.user);
			add_user(&missing, NULL);
			subject_free(&idle.user);
			add_user(&idle, NULL);
		}
	world_end(&missing);
	world_end(&idle);
}

static void
test_missing_again(void **state)
{
	struct world w =
	    world_begin(MISSING(", 'reenter': 'after-exit'"), NULL);

	event(&w, "03-02 10:00", "Signed Up");
	event(&w, "03-03 10:00", "Signed Up"); /* counts anew */
	run_until(&w, "03-09 10:00");
	expect(&w, "03-05 10:00 entered\n");
	event(&w, "03-10 10:00", "Signed Up");
	event(&w, "03-11 10:00", "Started");
	event(&w, "03-12 10:00", "Signed Up");
	run_until(&w, "03-19 10:00");
	expect(&w, "03-14 10:00 entered\n");
	event(&w, "03-20 10:00", "Started");
	tell(&w, "03-20 10:05", "03-20 09:00", "Signed Up", "{}");
	run_until(&w, "03-29 10:00");
	expect(&w, "");
	world_end(&w);
}

static void
test_missing_late_and_history(void **state)
{
	struct world w =
	    world_begin(WITH("{'missing': 'Started', 'after': 'Signed Up',"
			     " 'within': '1h'}"),
		NULL);

	/* told after its deadline: at once, for when it was due */
	tell(&w, "03-02 14:00", "03-02 10:00", "Signed Up", "{}");
	expect(&w, "03-02 14:00 entered as of 03-02 11:00\n");
	world_end(&w);

	w = world_begin(MISSING(""), NULL);
	tell_history(&w, "03-03 14:00", "03-02 10:00", "Signed Up", "{}");
	run_until(&w, "03-09 10:00"); /* history starts nothing */
	expect(&w, "");
	event(&w, "03-10 10:00", "Signed Up");
	tell_history(&w, "03-11 14:00", "03-10 11:00", "Started", "{}");
	run_until(&w, "03-19 10:00"); /* but it answers */
	expect(&w, "");
	world_end(&w);
}

static void
test_missing_after_itself(void **state)
{
	struct world w = world_begin(
	    WITH("{'missing': 'Login', 'after': 'Login', 'within': '7d'}"),
	    NULL);

	event(&w, "03-02 10:00", "Login");
	event(&w, "03-05 10:00", "Login");
	event(&w, "03-05 10:00", "Login"); /* no answer to the other */
	run_until(&w, "03-19 10:00");
	expect(&w, "03-12 10:00 entered\n");
	world_end(&w);
}

/* A new rule knows what was stored; nothing fires for the past. */
static void
test_missing_replayed(void **state)
{
	struct world w = world_begin(NULL, NULL);

	event(&w, "03-02 10:00", "Signed Up");
	world_load(&w, MISSING(""));
	wake(&w, "03-03 10:00");
	run_until(&w, "03-09 10:00");
	expect(&w, "03-04 10:00 entered\n");
	world_end(&w);

	w = world_begin(NULL, NULL);
	event(&w, "03-02 10:00", "Signed Up");
	world_load(&w, MISSING(", 'reenter': 'after-exit'"));
	wake(&w, "03-05 10:00");
	run_until(&w, "03-09 10:00");
	expect(&w, ""); /* was due before the rule was there */
	event(&w, "03-10 10:00", "Signed Up");
	run_until(&w, "03-19 10:00");
	expect(&w, "03-12 10:00 entered\n");
	world_end(&w);

	w = world_begin(NULL, NULL);
	event(&w, "03-02 10:00", "Signed Up");
	event(&w, "03-02 11:00", "Started");
	world_load(&w, MISSING(""));
	event(&w, "03-02 12:00", "Other");
	run_until(&w, "03-19 10:00");
	expect(&w, "");
	world_end(&w);
}

/* --------------------------------------------------- idleness */

#define IDLE WITH("{'idle': '7d', 'of': 'Task Succeeded'}")
#define IDLE_SINCE \
	WITH("{'idle': '7d', 'since': 'seen_at', 'of': 'Task Succeeded'}")

static void
test_idle(void **state)
{
	struct world w = world_begin(IDLE, NULL);

	event(&w, "03-02 10:00", "Something");
	assert_int_equal(w.user.wake_at_ms, 0); /* from the first on */
	event(&w, "03-02 11:00", "Task Succeeded");
	event(&w, "03-05 10:00", "Task Succeeded");
	tell(&w, "03-05 11:00", "03-04 10:00", "Task Succeeded", "{}");
	run_until(&w, "04-09 10:00");
	expect_reason(&w, "no Task Succeeded for 7 days since "
			  "2026-03-05T10:00:00+01:00");
	expect(&w, "03-12 10:00 entered\n");
	tell(&w, "04-09 11:00", "03-03 10:00", "Task Succeeded", "{}");
	run_until(&w, "04-19 10:00");
	expect(&w, ""); /* older than what has fired */
	event(&w, "04-20 10:00", "Task Succeeded");
	run_until(&w, "05-30 10:00");
	expect(&w, "04-27 10:00 entered\n");
	world_end(&w);
}

static void
test_idle_since(void **state)
{
	struct world w = world_begin(IDLE_SINCE, NULL);

	event(&w, "03-02 10:00", "Task Succeeded");
	run_until(&w, "03-20 10:00");
	expect(&w, ""); /* nothing to count from yet */
	event(&w, "03-21 10:00", "Seen");
	assert_int_equal(w.user.wake_at_ms, at(&w, "03-28 10:00"));
	tell(&w, "03-21 11:00", "03-21 09:00", "Seen", "{}");
	assert_int_equal(w.user.wake_at_ms, at(&w, "03-28 09:00"));
	event(&w, "03-22 10:00", "Task Succeeded");
	run_until(&w, "04-20 10:00");
	expect(&w, "03-29 11:00 entered\n"); /* summer time */
	world_end(&w);

	w = world_begin(IDLE_SINCE, NULL); /* no task at all */
	event(&w, "03-21 10:00", "Seen");
	run_until(&w, "04-20 10:00");
	expect_reason(&w, "since 2026-03-21T10:00:00+01:00");
	expect(&w, "03-28 10:00 entered\n");
	world_end(&w);
}

/* `since` is a trait that comes, goes, and moves. */
static void
test_idle_since_moves(void **state)
{
	struct world w = world_begin(
	    WITH("{'idle': '7d', 'since': 'level', 'of': 'Task Succeeded'}"),
	    NULL);

	identify(&w, "03-02 10:00", "{'level': '2026-03-02'}");
	identify(&w, "03-03 10:00", "{'level': null}");
	assert_int_equal(w.user.wake_at_ms, 0);
	run_until(&w, "03-20 10:00");
	expect(&w, "");
	identify(&w, "03-20 10:00", "{'level': '2026-03-19'}");
	run_until(&w, "03-30 10:00");
	expect(&w, "03-26 00:00 entered\n");
	identify(&w, "03-31 10:00", "{'level': null}");
	identify(&w, "03-31 11:00", "{'level': '2026-03-19'}");
	identify(&w, "03-31 12:00", "{'level': '2026-03-10'}");
	run_until(&w, "04-10 10:00");
	expect(&w, ""); /* that one has fired */
	identify(&w, "04-11 10:00", "{'level': '2026-04-11'}");
	run_until(&w, "05-10 10:00");
	expect(&w, "04-18 00:00 entered\n");
	world_end(&w);
}

static void
test_idle_late_and_history(void **state)
{
	struct world w =
	    world_begin(WITH("{'idle': '1h', 'of': 'Task Succeeded'}"), NULL);

	tell(&w, "03-02 14:00", "03-02 10:00", "Task Succeeded", "{}");
	expect(&w, "03-02 14:00 entered as of 03-02 11:00\n");
	tell_history(&w, "03-12 14:00", "03-10 10:00", "Task Succeeded", "{}");
	run_until(&w, "03-19 10:00");
	expect(&w, ""); /* its hour is long over */
	world_end(&w);

	w = world_begin(IDLE, NULL); /* this week is not */
	tell_history(&w, "03-12 14:00", "03-10 10:00", "Task Succeeded", "{}");
	run_until(&w, "03-30 10:00");
	expect(&w, "03-17 10:00 entered\n");
	world_end(&w);
}

static void
test_idle_replayed(void **state)
{
	static const char *const rules[] = {IDLE, IDLE_SINCE};

	for (int i = 0; i < 2; i++) {
		struct world w = world_begin(NULL, NULL);

		event(&w, "03-01 10:00", "Seen");
		event(&w, "03-02 10:00", "Task Succeeded");
		event(&w, "03-01 10:00", "Task Succeeded");
		world_load(&w, rules[i]);
		wake(&w, "03-05 10:00");
		run_until(&w, "03-19 10:00");
		expect(&w, "03-09 10:00 entered\n");
		world_end(&w);

		w = world_begin(NULL, NULL);
		event(&w, "03-01 10:00", "Seen");
		event(&w, "03-02 10:00", "Task Succeeded");
		world_load(&w, rules[i]);
		wake(&w, "03-10 10:00");
		run_until(&w, "03-19 10:00");
		expect(&w, "");
		event(&w, "03-20 10:00", "Task Succeeded");
		run_until(&w, "04-19 10:00");
		expect(&w, "03-27 10:00 entered\n");
		world_end(&w);
	}
}

/* --------------------------------------------------- stagnation */

#define STAGNANT WITH("{'metric': 'score', 'stagnant': '14d', 'gain': 5}")

static void
test_stagnant(void **state)
{
	struct world w = world_begin(STAGNANT, NULL);

	event(&w, "03-01 10:00", "Something");
	assert_int_equal(w.user.n_watches, 0);
	score(&w, "03-02 10:00", 60);
	score(&w, "03-05 10:00", 64.9); /* not a new best */
	score(&w, "03-09 10:00", 65);
	score(&w, "03-20 10:00", 41);
	expect(&w, "");
	run_until(&w, "03-31 10:00");
	expect_reason(&w, "metric.score is 41: since 2026-03-09T10:00:00+01:00 "
			  "it has not risen by 5 in 14 days (best 65)");
	expect(&w, "03-23 10:00 entered\n");
	assert_int_equal(
	    json_integer_value(json_object_get(w.event, "best")), 65);
	assert_int_equal(
	    json_integer_value(json_object_get(w.event, "value")), 41);
	score(&w, "04-20 10:00", 69);
	run_until(&w, "05-30 10:00");
	expect(&w, ""); /* once, until there is a new best */
	score(&w, "06-01 10:00", 70);
	run_until(&w, "06-30 10:00");
	expect(&w, "06-15 10:00 entered\n");
	world_end(&w);
}

static void
test_stagnant_without_gain(void **state)
{
	struct world w =
	    world_begin(WITH("{'metric': 'level', 'stagnant': '1d'}"), NULL);

	identify(&w, "03-02 10:00", "{'level': 0}");
	identify(&w, "03-02 22:00", "{'level': 0.1}");
	identify(&w, "03-03 12:00", "{'level': 0.1}"); /* is not more */
	identify(&w, "03-03 13:00", "{'level': null}");
	run_until(&w, "03-09 10:00");
	expect_reason(&w, "metric.level is not set: since "
			  "2026-03-02T22:00:00+01:00 it has not risen in 1 day "
			  "(best 0.1)");
	expect(&w, "03-03 22:00 entered\n");
	world_end(&w);

	w = world_begin(WITH("{'metric': 'level', 'stagnant': '1d',"
			     " 'gain': 0.2}"),
	    NULL);
	identify(&w, "03-02 10:00", "{'level': 0.1}");
	identify(&w, "03-02 22:00", "{'level': 0.3}"); /* 0.2 more */
	run_until(&w, "03-09 10:00");
	expect(&w, "03-03 22:00 entered\n");
	world_end(&w);
}

static void
test_stagnant_baseline_and_history(void **state)
{
	struct world w = world_begin(NULL, NULL);

	score(&w, "03-02 10:00", 60);
	world_load(&w, STAGNANT);
	wake(&w, "03-20 10:00");
	tell_history(
	    &w, "03-25 10:00", "03-21 10:00", "Scored", "{'score': 70}");
	run_until(&w, "05-01 10:00");
	expect(&w, "04-08 11:00 entered\n"); /* summer time */
	world_end(&w);
}

/* ------------------------------------------------------- dates */

#define DATE WITH("{'date': 'user.ends', 'offset': '-3d'}")

static void
test_date(void **state)
{
	struct world w = world_begin(DATE, NULL);

	event(&w, "03-01 10:00", "Something");
	identify(&w, "03-02 10:00", "{'ends': '2026-03-20'}");
	run_until(&w, "03-19 00:00"); /* midnight of the person's own zone */
	expect_reason(&w, "user.ends is 2026-03-20T00:00:00+01:00, 3 days "
			  "before");
	expect(&w, "03-17 00:00 entered\n");
	identify(&w, "03-19 10:00", "{'ends': '2026-03-20T00:00:00+01:00'}");
	wake(&w, "03-19 11:00");
	expect(&w, ""); /* the same moment */
	assert_int_equal(w.user.wake_at_ms, 0);
	world_end(&w);
}

static void
test_date_moves(void **state)
{
	struct world w = world_begin(DATE, "{'ends': '2026-03-20'}");

	event(&w, "03-01 10:00", "Something");
	assert_int_equal(w.user.wake_at_ms, at(&w, "03-17 00:00"));
	identify(&w, "03-02 10:00", "{'ends': '2026-03-25'}");
	assert_int_equal(w.user.wake_at_ms, at(&w, "03-22 00:00"));
	identify(&w, "03-03 10:00", "{'ends': '2026-03-10'}");
	assert_int_equal(w.user.wake_at_ms, at(&w, "03-07 00:00"));
	identify(&w, "03-04 10:00", "{'ends': null}");
	assert_int_equal(w.user.wake_at_ms, 0);
	assert_int_equal(w.user.n_watches, 0);
	identify(&w, "03-05 10:00", "{'ends': '2026-03-10'}");
	run_until(&w, "03-08 10:00");
	expect(&w, "03-07 00:00 entered\n");
	identify(&w, "03-08 11:00", "{'ends': null}");
	identify(&w, "03-08 12:00", "{'ends': '2026-03-10'}");
	run_until(&w, "03-09 10:00");
	expect(&w, ""); /* it comes back, and has fired */
	identify(&w, "03-09 11:00", "{'ends': '2026-04-10'}");
	identify(&w, "03-09 12:00", "{'ends': '2026-03-10'}");
	identify(&w, "03-09 13:00", "{'ends': '2026-04-12'}");
	run_until(&w, "05-01 10:00");
	expect(&w, "04-09 00:00 entered\n");
	world_end(&w);
}

/* Past already when it is first seen: in the grace it is still news. */
static void
test_date_in_the_past(void **state)
{
	struct world w = world_begin(DATE, NULL);

	identify(&w, "03-20 10:00", "{'ends': '2026-03-22T10:30'}");
	expect(&w, "03-20 10:00 entered as of 03-19 10:30\n");
	identify(&w, "04-20 10:00", "{'ends': '2026-04-22T09:30'}");
	identify(&w, "04-20 10:00", "{'ends': '2019-01-01'}");
	expect(&w, "");
	assert_int_equal(w.user.wake_at_ms, 0);
	identify(&w, "04-20 11:00", "{'ends': '2026-05-10'}");
	run_until(&w, "06-01 10:00");
	expect(&w, "05-07 00:00 entered\n");
	world_end(&w);
}

static void
test_date_forms(void **state)
{
	static const struct {
		const char *traits, *due; /* NULL: no date */
	} cases[] = {
	    {"{'ends': '2026-03-20 14:30'}", "03-20 14:30"},
	    {"{'ends': '2026-03-20T14:30:00Z'}", "03-20 15:30"},
	    {"{'ends': '2026-03-20', 'timezone': 'America/New_York'}",
		"03-20 05:00"},
	    {"{'ends': 'Fri, 20 Mar 2026 13:30:00 GMT'}", "03-20 14:30"},
	    {"{'ends': 1774013400}", "03-20 14:30"},
	    {"{'ends': 1774013400000}", "03-20 14:30"},
	    {"{'ends': 1774013400.0}", "03-20 14:30"},
	    {"{'ends': '1774013400'}", "03-20 14:30"},
	    {"{'ends': 'tomorrow'}", NULL},
	    {"{'ends': 'now'}", NULL},
	    {"{'ends': ''}", NULL},
	    {"{'ends': 0}", NULL},
	    {"{'ends': -5}", NULL},
	    {"{'ends': 1e300}", NULL},
	    {"{'ends': true}", NULL},
	    {"{'ends': {'at': '2026-03-20'}}", NULL},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct world w =
		    world_begin(WITH("{'date': 'user.ends'}"), cases[i].traits);

		event(&w, "03-01 10:00", "Something");
		assert_int_equal(w.user.wake_at_ms,
		    cases[i].due != NULL ? at(&w, cases[i].due) : 0);
		if (cases[i].due != NULL) {
			run_until(&w, "03-30 10:00");
			expect_reason(&w, "user.ends is 2026-03-20T");
		}
		world_end(&w);
	}
}

static void
test_date_of_a_metric(void **state)
{
	struct world w = world_begin(
	    WITH("{'date': 'metric.first_task_at', 'offset': '2d'}"), NULL);

	event(&w, "03-02 10:00", "Task Succeeded");
	tell(&w, "03-02 12:00", "03-02 09:00", "Task Succeeded", "{}");
	run_until(&w, "03-30 10:00");
	expect_reason(&w, "metric.first_task_at is 2026-03-02T09:00:00+01:00, "
			  "2 days after");
	expect(&w, "03-04 09:00 entered\n");
	world_end(&w);
}

static void
test_date_baseline(void **state)
{
	struct world w = world_begin(NULL, "{'ends': '2026-03-20'}");

	world_load(&w, DATE); /* 17th */
	wake(&w, "03-17 10:00");
	run_until(&w, "04-30 10:00");
	expect(&w, ""); /* before the rule was there */
	world_end(&w);

	w = world_begin(NULL, "{'ends': '2026-03-20'}");
	world_load(&w, DATE);
	wake(&w, "03-16 10:00");
	run_until(&w, "04-30 10:00");
	expect(&w, "03-17 00:00 entered\n");
	world_end(&w);
}

/* ---------------------------------------- time passes unseen */

/* The entry counts from when it was due, so its message is too late. */
static void
test_downtime(void **state)
{
	static const char *const rules[] = {
	    WITH("{'metric': 'level', 'below': 40, 'dwell': '2d'}"),
	    WITH("{'metric': 'level', 'stagnant': '2d'}"), MISSING(""),
	    WITH("{'idle': '2d', 'of': 'Signed Up'}"),
	    WITH("{'date': 'user.level', 'offset': '1d'}")};

	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
		struct world w = world_begin(rules[i], NULL);

		identify(&w, "03-02 10:00",
		    i < 4 ? "{'level': 1}" : "{'level': '2026-03-03 10:00'}");
		event(&w, "03-02 10:00", "Signed Up");
		assert_int_equal(w.user.wake_at_ms, at(&w, "03-04 10:00"));
		wake(&w, "03-07 10:00");
		expect_reason(&w, "late by 3 days");
		expect(&w, "03-07 10:00 entered as of 03-04 10:00\n"
			   "03-07 10:00 skipped a\n");
		assert_int_equal(w.user.wake_at_ms, 0);
		wake(&w, "03-07 11:00");
		expect(&w, "");
		world_end(&w);
	}
}

/* A window moves on by the clock alone. */
static void
test_window_falls(void **state)
{
	struct world w = world_begin(
	    WITH("{'metric': 'tasks_7d', 'below': 2, 'rearm': 2}"), NULL);

	event(&w, "03-02 10:00", "Task Succeeded");
	expect(&w, "03-02 10:00 entered\n"); /* 1 is below 2 */
	event(&w, "03-02 10:00", "Task Succeeded");
	event(&w, "03-02 10:00", "Task Succeeded");
	run_until(&w, "03-09 10:00");
	expect(&w, ""); /* 3 of them, in this window */
	run_until(&w, "03-30 10:00");
	expect_reason(&w, "metric.tasks_7d fell to 0, below 2");
	assert_memory_equal(buf_str(&w.log), "03-09 ", 6);
	assert_int_equal(
	    strlen(buf_str(&w.log)), strlen("03-09 00:00 entered\n"));
	assert_int_equal(w.user.wake_at_ms, 0);
	world_end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_missing),
	    cmocka_unit_test(test_missing_if),
	    cmocka_unit_test(test_missing_out_of_order),
	    cmocka_unit_test(test_any_order),
	    cmocka_unit_test(test_missing_again),
	    cmocka_unit_test(test_missing_late_and_history),
	    cmocka_unit_test(test_missing_after_itself),
	    cmocka_unit_test(test_missing_replayed),
	    cmocka_unit_test(test_idle),
	    cmocka_unit_test(test_idle_since),
	    cmocka_unit_test(test_idle_since_moves),
	    cmocka_unit_test(test_idle_late_and_history),
	    cmocka_unit_test(test_idle_replayed),
	    cmocka_unit_test(test_stagnant),
	    cmocka_unit_test(test_stagnant_without_gain),
	    cmocka_unit_test(test_stagnant_baseline_and_history),
	    cmocka_unit_test(test_date),
	    cmocka_unit_test(test_date_moves),
	    cmocka_unit_test(test_date_in_the_past),
	    cmocka_unit_test(test_date_forms),
	    cmocka_unit_test(test_date_of_a_metric),
	    cmocka_unit_test(test_date_baseline),
	    cmocka_unit_test(test_downtime),
	    cmocka_unit_test(test_window_falls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
