/* SPDX-License-Identifier: MIT */
/*
 * steps_test - what a step can be beside a message on a day: waits, splits,
 * dates, members, and definitions that are edited while people are inside.
 */
#include "tests/unit/engine_world.h"

#define METRICS                                              \
	"{'metrics': {'tasks': {'count': 'Task Succeeded'}," \
	"'meeting': {'latest': 'Meeting Planned', 'of': 'at'}}}"

/* Somebody in an account. */
static struct world
world_begin(const char *sequence)
{
	struct world w = world_make("Europe/Berlin", METRICS, sequence, NULL);

	add_account(&w, NULL);
	return w;
}

#define GO(steps) "{'enter': {'on': 'Go'}, 'steps': [" steps "]}"
#define AGAIN(steps)                                       \
	"{'enter': {'on': 'Go', 'reenter': 'after-exit'}," \
	"'exit': {'on': 'Leave'}, 'steps': [" steps "]}"

/* ------------------------------------------------------- waits */

#define WAIT(more) "{'id': 'w', 'wait': {'for': 'Done', 'until': '3d'" more "}}"
#define THANKS	   "{'id': 'z', 'after': '1h', 'send': 'thanks'}"

static void
test_wait_for_event(void **state)
{
	struct world w = world_begin(
	    GO("{'id': 'a', 'send': 'please'}," WAIT("") "," THANKS));

	event(&w, "03-02 10:00", "Go");
	expect(&w, "03-02 10:00 entered\n03-02 10:00 send a please\n");
	assert_int_equal(w.user.wake_at_ms, at(&w, "03-05 10:00"));
	event(&w, "03-03 09:00", "Undone");
	expect(&w, "");
	event(&w, "03-03 10:00", "Done");
	expect_reason(&w, "Done came");
	run_until(&w, "03-20 10:00");
	expect(&w, "03-03 10:00 waited w\n03-03 11:00 send z thanks\n"
		   "03-03 11:00 finished\n");
	world_end(&w);
}

static void
test_wait_else(void **state)
{
	static const struct {
		const char *rule, *log;
	} cases[] = {
	    {GO(WAIT("") "," THANKS),
		"03-05 10:00 waited w\n03-05 11:00 send z thanks\n"
		"03-05 11:00 finished\n"},
	    {GO(WAIT(", 'else': 'continue'") "," THANKS),
		"03-05 10:00 waited w\n03-05 11:00 send z thanks\n"
		"03-05 11:00 finished\n"},
	    {GO(WAIT(", 'else': 'stop'") "," THANKS),
		"03-05 10:00 waited w\n03-05 10:00 finished w\n"},
	    {GO(WAIT(", 'else': {'send': 'nag', 'to': ['user', 'cs-lead'],"
		     " 'stop': true}") "," THANKS),
		"03-05 10:00 waited w\n03-05 10:00 send w nag\n"
		"03-05 10:00 send w nag to cs-lead\n"
		"03-05 10:00 finished w\n"},
	    {GO(WAIT(", 'else': {'choose': [{'if': 'metric.tasks > 0',"
		     " 'send': 'x'}]}") "," THANKS),
		"03-05 10:00 waited w\n03-05 10:00 skipped w\n"
		"03-05 11:00 send z thanks\n03-05 11:00 finished\n"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct world w = world_begin(cases[i].rule);

		event(&w, "03-02 10:00", "Go");
		expect(&w, "03-02 10:00 entered\n");
		run_until(&w, "03-20 10:00");
		expect_reason(&w, "no Done within 3 days");
		expect(&w, cases[i].log);
		world_end(&w);
	}
}

/* Out of order, too early, and of the wrong kind. */
static void
test_wait_when_it_counts(void **state)
{
	struct world w =
	    world_begin(GO("{'id': 'a', 'day': 1, 'send': 'please'},"
			   "{'id': 'w', 'wait': {'for': 'Done', 'until': '3d',"
			   " 'if': \"event.how == 'well'\"}}," THANKS));

	event(&w, "03-02 10:00", "Go");
	tell(&w, "03-02 11:00", "03-02 11:00", "Done", "{'how': 'well'}");
	run_until(&w, "03-03 10:00");
	expect(&w, "03-02 10:00 entered\n03-03 10:00 send a please\n");
	/* from before the wait, however late it is told */
	tell(&w, "03-03 12:00", "03-03 09:59", "Done", "{'how': 'well'}");
	tell(&w, "03-03 12:30", "03-03 12:30", "Done", "{'how': 'badly'}");
	expect(&w, "");
	/* told two hours late: what follows counts from when it happened */
	tell(&w, "03-03 15:30", "03-03 13:00", "Done", "{'how': 'well'}");
	expect_reason(&w, "Done came; event.how == 'well' is true");
	expect(&w, "03-03 15:30 waited w\n03-03 15:30 send z thanks\n"
		   "03-03 15:30 finished\n");
	world_end(&w);
}

/* Its `if` is looked at when it begins, and not again. */
static void
test_wait_if(void **state)
{
	static const char *const rule =
	    AGAIN("{'id': 'w', 'if': 'metric.tasks < 1',"
		  " 'wait': {'for': 'Done', 'until': '3d',"
		  " 'else': {'send': 'nag'}}}");
	struct world w = world_begin(rule);

	event(&w, "03-02 10:00", "Go");
	event(&w, "03-03 10:00", "Task Succeeded");
	run_until(&w, "03-05 10:00");
	expect(&w, "03-02 10:00 entered\n03-05 10:00 waited w\n"
		   "03-05 10:00 send w nag\n03-05 10:00 finished\n");
	event(&w, "03-06 10:00", "Go");
	expect_reason(&w, "metric.tasks is 1");
	expect(&w, "03-06 10:00 entered\n03-06 10:00 skipped w\n"
		   "03-06 10:00 finished\n");
	world_end(&w);
}

static void
test_wait_exit_wins(void **state)
{
	struct world w =
	    world_begin("{'enter': {'on': 'Go'}, 'exit': {'on': 'Done'},"
			"'steps': [" WAIT("") "," THANKS "]}");

	event(&w, "03-02 10:00", "Go");
	event(&w, "03-03 10:00", "Done");
	expect(&w, "03-02 10:00 entered\n03-03 10:00 exited\n");
	world_end(&w);
}

/* A pause holds the deadline; the event ends the wait all the same. */
static void
test_wait_in_a_pause(void **state)
{
	static const char *const rule =
	    "{'enter': {'on': 'Go', 'reenter': 'after-exit'},"
	    "'pause': {'on': 'Hush', 'for': '4d'},"
	    "'steps': [" WAIT(", 'else': {'send': 'nag'}") "," THANKS "]}";
	struct world w = world_begin(rule);

	event(&w, "03-02 10:00", "Go");
	event(&w, "03-03 10:00", "Hush");
	event(&w, "03-06 10:00", "Done");
	run_until(&w, "03-10 10:00");
	expect(&w, "03-02 10:00 entered\n03-03 10:00 paused\n"
		   "03-06 10:00 waited w\n03-07 10:00 resumed\n"
		   "03-07 10:00 send z thanks\n03-07 10:00 finished\n");
	/* no event: two days late is too late for the message */
	event(&w, "04-02 10:00", "Go");
	event(&w, "04-03 10:00", "Hush");
	run_until(&w, "04-10 10:00");
	expect_reason(&w, "late by 2 days");
	expect(&w, "04-02 10:00 entered\n04-03 10:00 paused\n"
		   "04-07 10:00 resumed\n04-07 10:00 waited w\n"
		   "04-07 10:00 skipped w\n04-07 11:00 send z thanks\n"
		   "04-07 11:00 finished\n");
	world_end(&w);
}

/* Nothing is decided in a pause, not even that no step is left. */
static void
test_the_end_waits_for_the_pause(void **state)
{
	static const char *const pause =
	    "{'enter': {'on': 'Go'}, 'pause': {'on': 'Hush', 'for': '4d'},"
	    "'steps': [%s]}";
	char last[600], unasked[600], shorter[600];
	struct world w;

	snprintf(last, sizeof last, pause, WAIT(""));
	w = world_begin(last);
	event(&w, "03-02 10:00", "Go");
	event(&w, "03-03 10:00", "Hush");
	event(&w, "03-04 10:00", "Done");
	run_until(&w, "03-20 10:00");
	expect(&w, "03-02 10:00 entered\n03-03 10:00 paused\n"
		   "03-04 10:00 waited w\n03-07 10:00 resumed\n"
		   "03-07 10:00 finished\n");
	world_end(&w);

	snprintf(unasked, sizeof unasked, pause,
	    THANKS ", {'id': 'v', 'if': 'user.asked',"
		   " 'wait': {'for': 'Done', 'until': '3d'}}");
	w = world_begin(unasked);
	event(&w, "03-02 10:00", "Go");
	event(&w, "03-02 10:30", "Hush");
	world_edit(&w, unasked);
	wake(&w, "03-02 11:00");
	/* by a reload the steps that were left are gone */
	snprintf(shorter, sizeof shorter, pause, WAIT(", 'else': 'stop'"));
	event(&w, "03-03 10:00", "Done");
	world_edit(&w, shorter);
	wake(&w, "03-03 11:00");
	event(&w, "03-03 12:00", "Done");
	run_until(&w, "03-20 10:00");
	expect(&w, "03-02 10:00 entered\n03-02 10:30 paused\n"
		   "03-03 12:00 waited w\n03-06 10:30 resumed\n"
		   "03-06 10:30 finished\n");
	world_end(&w);
}

/* Nobody was there: the stop is done, the stale message is not. */
static void
test_wait_late(void **state)
{
	struct world w = world_begin(
	    GO(WAIT(", 'else': {'send': 'nag', 'stop': true}") "," THANKS));

	event(&w, "03-02 10:00", "Go");
	wake(&w, "03-09 10:00");
	expect(&w, "03-02 10:00 entered\n03-09 10:00 waited w\n"
		   "03-09 10:00 skipped w\n03-09 10:00 finished w\n");
	world_end(&w);
}

/* The deadline is exact; a message at it keeps to the window. */
static void
test_wait_window(void **state)
{
#define IN_WINDOW(step)                                         \
	"{'enter': {'on': 'Go'}, 'window': {'days': 'mon-fri'," \
	" 'from': '09:00', 'to': '11:00'}, 'steps': [" step "]}"
	struct world w = world_begin(IN_WINDOW(WAIT("")));

	event(&w, "03-05 20:00", "Go");
	run_until(&w, "03-20 10:00"); /* over on a Sunday */
	expect(&w, "03-05 20:00 entered\n03-08 20:00 waited w\n"
		   "03-08 20:00 finished\n");
	world_end(&w);

	w = world_begin(IN_WINDOW(WAIT(", 'else': {'send': 'nag'}")));
	event(&w, "03-05 20:00", "Go");
	run_until(&w, "03-20 10:00");
	expect(&w, "03-05 20:00 entered\n03-09 09:00 waited w\n"
		   "03-09 09:00 send w nag\n03-09 09:00 finished\n");
	world_end(&w);
}

/* By hand: past the step before, a wait still looks at its `if`. */
static void
test_wait_by_hand(void **state)
{
	struct world w = world_begin(
	    GO("{'id': 'a', 'day': 1, 'send': 'please'},"
	       "{'id': 'v', 'if': 'user.asked',"
	       " 'wait': {'for': 'Done', 'until': '3d'}}," WAIT("")));
	int64_t now = at(&w, "03-02 11:00");
	struct error e;

	event(&w, "03-02 10:00", "Go");
	assert_int_equal(engine_skip(w.rules, &w.user, "s", "by hand", now,
			     &w.decisions, &e),
	    0);
	keep_decisions(&w, now);
	run_until(&w, "03-02 11:00");
	assert_string_equal(w.user.places[0].step, "w");
	assert_int_equal(w.user.wake_at_ms, at(&w, "03-05 11:00"));
	assert_int_equal(engine_skip(w.rules, &w.user, "s", "by hand", now,
			     &w.decisions, &e),
	    0);
	keep_decisions(&w, now);
	expect(&w, "03-02 10:00 entered\n03-02 11:00 skipped a\n"
		   "03-02 11:00 skipped v\n03-02 11:00 skipped w\n"
		   "03-02 11:00 finished\n");
	world_end(&w);
}

/* What is behind a wait is not yet due, however late it is. */
static void
test_wait_ends_the_look_ahead(void **state)
{
	struct world w = world_begin(
	    "{'enter': {'on': 'Go'}, 'late': {'grace': '10d'}, 'steps': ["
	    "{'id': 'a', 'day': 1, 'send': 'a'}," WAIT(
		"") ","
		    "{'id': 'b', 'day': 2, 'send': 'b'}]}");

	event(&w, "03-02 10:00", "Go");
	wake(&w, "03-06 10:00");
	expect(&w, "03-02 10:00 entered\n03-06 10:00 send a a\n");
	event(&w, "03-06 12:00", "Done");
	expect(&w, "03-06 12:00 waited w\n03-06 12:00 send b b\n"
		   "03-06 12:00 finished\n");
	world_end(&w);
}

/* A stop that holds is not overtaken, and hides what is behind it. */
static void
test_stop_is_not_overtaken(void **state)
{
	struct world w = world_begin(
	    "{'enter': {'on': 'Go'}, 'late': {'grace': '1h'}, 'steps': ["
	    "{'id': 'a', 'day': 1, 'send': 'a', 'stop': true},"
	    "{'id': 'b', 'day': 4, 'send': 'b'}]}");

	event(&w, "03-02 10:00", "Go");
	wake(&w, "03-06 10:30");
	expect_reason(&w, "late by 3 days");
	expect(&w, "03-02 10:00 entered\n03-06 10:30 skipped a\n"
		   "03-06 10:30 finished a\n");
	world_end(&w);

	w = world_begin("{'enter': {'on': 'Go'}, 'late': {'grace': '10d'},"
			"'steps': [{'id': 'a', 'day': 1, 'send': 'a'},"
			"{'id': 'x', 'day': 2, 'if': 'true', 'stop': true},"
			"{'id': 'b', 'day': 3, 'send': 'b'}]}");
	event(&w, "03-02 10:00", "Go");
	wake(&w, "03-06 10:00");
	expect(&w, "03-02 10:00 entered\n03-06 10:00 send a a\n"
		   "03-06 10:00 finished x\n");
	world_end(&w);
}

/* ------------------------------------------------------ splits */

#define PEOPLE 10000

/* What everybody gets, by number: the letter of the variant, or '-'. */
static void
draw_everybody(struct world *w, char drawn[PEOPLE])
{
	struct event go = {.name = "Go", .at_ms = at(w, "03-02 10:00")};

	for (int i = 0; i < PEOPLE; i++) {
		struct subject s;
		const struct decision *d;
		char name[20];

		snprintf(name, sizeof name, "user-%d", i);
		add_subject(w, &s, SUBJECT_USER, name, NULL);
		/* twice: in, out by the last step, and in again */
		for (int k = 0; k < 2; k++) {
			engine_apply(
			    w->rules, &s, NULL, &go, go.at_ms, &w->decisions);
			assert_int_equal(w->decisions.count, 3);
			d = &w->decisions.list[1];
			if (k == 1)
				assert_int_equal(drawn[i],
				    d->send != NULL ? d->send->variant[0]
						    : '-');
			drawn[i] = d->send != NULL ? d->send->variant[0] : '-';
			decisions_clear(&w->decisions);
		}
		subject_free(&s);
	}
}

static void
assert_share(const char drawn[PEOPLE], char variant, int of_100)
{
	int n = 0;

	for (int i = 0; i < PEOPLE; i++)
		n += drawn[i] == variant;
	assert_in_range(
	    n, (of_100 - 2) * PEOPLE / 100, (of_100 + 2) * PEOPLE / 100);
}

#define SPLIT(more)                                                 \
	AGAIN("{'id': 'x', 'split': [{'share': 50, 'send': 'one'}," \
	      "{'name': 'big', 'share': 30, 'send': 'two'},"        \
	      "{'share': 20, 'send': 'three'}]" more "}")

static void
test_split(void **state)
{
	static char drawn[PEOPLE], again[PEOPLE], held[PEOPLE], more[PEOPLE];
	struct world w = world_begin(SPLIT(""));

	draw_everybody(&w, drawn);
	assert_share(drawn, 'a', 50);
	assert_share(drawn, 'b', 30);
	assert_share(drawn, 'c', 20);
	world_edit(&w, SPLIT(", 'window': 'any'"));
	draw_everybody(&w, again);
	assert_memory_equal(drawn, again, PEOPLE);

	world_edit(&w, SPLIT(", 'holdout': 10"));
	draw_everybody(&w, held);
	assert_share(held, '-', 10);
	assert_share(held, 'a', 45);
	assert_share(held, 'b', 27);
	world_edit(&w, SPLIT(", 'holdout': 30"));
	draw_everybody(&w, more);
	assert_share(more, '-', 30);
	for (int i = 0; i < PEOPLE; i++) { /* nobody moves between variants */
		assert_true(held[i] == '-' || held[i] == drawn[i]);
		assert_true(more[i] == '-' || more[i] == held[i]);
	}
	world_end(&w);
}

static void
test_split_reasons(void **state)
{
	struct world w = world_begin(
	    GO("{'id': 'x', 'split': [{'share': 0, 'send': 'one'},"
	       "{'name': 'short', 'share': 100, 'send': ['two', 'three']}]},"
	       "{'id': 'y', 'after': '1d', 'send': 'four', 'holdout': 100}"));

	run_until(&w, "03-02 10:00");
	tell(&w, "03-02 10:00", "03-02 10:00", "Go", "{}");
	expect_reason(&w, "due 2026-03-02T10:00:00+01:00; split: short (100 "
			  "of 100)");
	run_until(&w, "03-20 10:00");
	expect_reason(&w, "holdout: 100 of 100 get nothing");
	expect(&w, "03-02 10:00 entered\n03-02 10:00 send x two\n"
		   "03-02 10:00 send x three\n03-03 10:00 skipped y\n"
		   "03-03 10:00 finished\n");
	world_end(&w);
}

/* Who gets nothing of a later step is not kept from an earlier one by it. */
static void
test_holdout_overtakes_nothing(void **state)
{
	struct world w = world_begin(
	    "{'enter': {'on': 'Go'}, 'late': {'grace': '10d'}, 'steps': ["
	    "{'id': 'a', 'day': 1, 'send': 'a'},"
	    "{'id': 'b', 'day': 2, 'send': 'b', 'holdout': 100}]}");

	event(&w, "03-02 10:00", "Go");
	wake(&w, "03-05 10:00");
	expect(&w, "03-02 10:00 entered\n03-05 10:00 send a a\n"
		   "03-05 10:00 skipped b\n03-05 10:00 finished\n");
	world_end(&w);
}

/* ------------------------------------------------------- dates */

#define RENEWAL                                                 \
	"{'enter': {'on': 'Go'}, 'window': {'days': 'mon-fri'," \
	" 'from': '09:00', 'to': '11:00'}, 'steps': ["          \
	"{'id': 'a', 'at': 'user.renewal', 'offset': '-14d',"   \
	" 'send': 'soon'},"                                     \
	"{'id': 'b', 'at': 'user.renewal', 'send': 'today'}]}"

/* Not there, there, moved, gone, there again. */
static void
test_at_follows_the_date(void **state)
{
	struct world w = world_begin(RENEWAL);

	event(&w, "03-02 10:00", "Go");
	expect(&w, "03-02 10:00 entered\n");
	assert_int_equal(w.user.wake_at_ms, 0);
	identify(&w, "03-03 10:00", "{'renewal': '2026-05-01'}");
	assert_int_equal(w.user.wake_at_ms, at(&w, "04-17 09:00"));
	identify(&w, "03-04 10:00", "{'renewal': '2026-06-01'}");
	assert_int_equal(w.user.wake_at_ms, at(&w, "05-18 09:00"));
	identify(&w, "03-05 10:00", "{'renewal': '2026-04-01T08:00:00Z'}");
	assert_int_equal(w.user.wake_at_ms, at(&w, "03-18 09:00"));
	identify(&w, "03-06 10:00", "{'renewal': null}");
	assert_int_equal(w.user.wake_at_ms, 0);
	identify(&w, "03-07 10:00", "{'renewal': 1777852800}"); /* 05-04 */
	assert_int_equal(w.user.wake_at_ms, at(&w, "04-20 09:00"));
	identify(&w, "03-08 10:00", "{'renewal': 'some day'}");
	assert_int_equal(w.user.wake_at_ms, 0);
	identify(&w, "03-09 10:00", "{'renewal': '2026-05-02'}");
	run_until(&w, "06-30 10:00");
	/* 18 April is a Saturday, and so is 2 May */
	expect(&w, "04-20 09:00 send a soon\n05-04 09:00 send b today\n"
		   "05-04 09:00 finished\n");
	world_end(&w);
}

/* The date comes when its time is over. */
static void
test_at_in_the_past(void **state)
{
	struct world w = world_begin(RENEWAL);

	event(&w, "03-02 10:00", "Go");
	identify(&w, "03-10 10:00", "{'renewal': '2026-03-20'}");
	expect_reason(&w, "late by 97 hours");
	expect(&w, "03-02 10:00 entered\n03-10 10:00 skipped a\n");
	run_until(&w, "03-20 09:00");
	expect(&w, "03-20 09:00 send b today\n03-20 09:00 finished\n");
	world_end(&w);
}

/* Both are due: the later one is what matters; a moved one is seen so. */
static void
test_at_overtakes(void **state)
{
	static const char *const rule =
	    "{'enter': {'on': 'Go'}, 'late': {'grace': '10d'}, 'steps': ["
	    "{'id': 'a', 'day': 1, 'send': 'a'},"
	    "{'id': 'b', 'at': 'metric.meeting', 'offset': '-1d',"
	    " 'send': 'b'},"
	    "{'id': 'b2', 'at': 'metric.meeting', 'offset': '-1d',"
	    " 'send': 'b2', 'to': 'cs-lead'},"
	    "{'id': 'c', 'day': 30, 'send': 'c'}]}";
	struct world w = world_begin(rule);

	event(&w, "03-02 10:00", "Go");
	tell(&w, "03-02 11:00", "03-02 11:00", "Meeting Planned",
	    "{'at': '2026-03-05 12:00'}");
	wake(&w, "03-05 10:00");
	expect_reason(&w, "overtaken by b2");
	expect(&w, "03-02 10:00 entered\n03-05 10:00 skipped a\n"
		   "03-05 10:00 send b b\n"
		   "03-05 10:00 send b2 b2 to cs-lead\n");
	world_end(&w);

	w = world_begin(rule);
	event(&w, "03-02 10:00", "Go");
	wake(&w, "03-05 10:00"); /* no meeting, nothing to wait for */
	expect(&w, "03-02 10:00 entered\n03-05 10:00 send a a\n");
	assert_string_equal(w.user.places[0].step, "b");
	assert_int_equal(w.user.wake_at_ms, 0);
	world_end(&w);
}

/* ----------------------------------------------------- members */

#define SEEDS                                                      \
	"{'for': 'account', 'enter': {'on': 'Go'}, 'steps': ["     \
	"{'id': 'a', 'send': 'join', 'to': [{'members': {'all': [" \
	" 'user.seed', 'metric.tasks == 0', 'account.live']}},"    \
	" 'cs-lead', {'members': 'true'}]}]}"

static int
is_meant(struct world *w, const char *step, const char *recipient)
{
	return engine_is_meant(w->rules, "s", 0, step, recipient, &w->user,
	    &w->account, at(w, "03-02 10:00"));
}

static void
test_members(void **state)
{
	struct world w = world_begin(SEEDS);

	json_object_set_new(w.account.traits, "live", json_true());
	event(&w, "03-02 10:00", "Go");
	expect(&w, "03-02 10:00 entered\n"
		   "03-02 10:00 send a join to members:0\n"
		   "03-02 10:00 send a join to cs-lead\n"
		   "03-02 10:00 send a join to members:2\n"
		   "03-02 10:00 finished\n");
	assert_int_equal(is_meant(&w, "a", "members:0"), 0);
	assert_int_equal(is_meant(&w, "a", "members:2"), 1);
	json_object_set_new(w.user.traits, "seed", json_true());
	assert_int_equal(is_meant(&w, "a", "members:0"), 1);
	event(&w, "03-02 11:00", "Task Succeeded");
	assert_int_equal(is_meant(&w, "a", "members:0"), 0);
	assert_int_equal(is_meant(&w, "a", "members:1"), -1);
	assert_int_equal(is_meant(&w, "a", "cs-lead"), -1);
	assert_int_equal(is_meant(&w, "b", "members:0"), -1);
	world_edit(&w, NULL);
	assert_int_equal(is_meant(&w, "a", "members:2"), -1);
	world_end(&w);
}

/* In doubt nobody is written to. */
static void
test_members_undecidable(void **state)
{
	struct world w = world_begin(
	    "{'for': 'account', 'enter': {'on': 'Go'}, 'steps': [{'id': 'a',"
	    " 'send': 'join', 'to': {'members': 'user.level > 3'}}]}");

	json_object_set_new(w.user.traits, "level", json_string("high"));
	assert_int_equal(is_meant(&w, "a", "members:0"), 0);
	json_object_set_new(w.user.traits, "level", json_integer(4));
	assert_int_equal(is_meant(&w, "a", "members:0"), 1);
	world_end(&w);
}

/* ------------------------------------------------------- edits */

#define EDITION(edits, steps)                              \
	"{'enter': {'on': 'Go', 'reenter': 'after-exit'}," \
	"'exit': {'on': 'Leave'}, 'edits': '" edits "',"   \
	"'steps': [{'id': 'a', 'send': 'a'}," steps "]}"
#define DAY_5  "{'id': 'b', 'day': 5, 'send': 'b'}"
#define DAY_3  "{'id': 'b', 'day': 3, 'send': 'b2'}"
#define DAY_3C DAY_3 ",{'id': 'c', 'day': 4, 'send': 'c'}"

static void
test_follow(void **state)
{
	struct world w = world_begin(EDITION("follow", DAY_5));

	event(&w, "03-02 10:00", "Go");
	assert_int_equal(w.user.wake_at_ms, at(&w, "03-07 10:00"));
	world_edit(&w, EDITION("follow", DAY_3C));
	assert_true(engine_is_behind(w.rules, &w.user));
	wake(&w, "03-02 11:00");
	assert_false(engine_is_behind(w.rules, &w.user));
	assert_int_equal(w.user.wake_at_ms, at(&w, "03-05 10:00"));
	run_until(&w, "03-20 10:00");
	expect(&w, "03-02 10:00 entered\n03-02 10:00 send a a\n"
		   "03-05 10:00 send b b2\n03-06 10:00 send c c\n"
		   "03-06 10:00 finished\n");
	world_end(&w);
}

static void
test_pin(void **state)
{
	struct world w = world_begin(EDITION("pin", DAY_5));
	int first;

	event(&w, "03-02 10:00", "Go");
	first = w.user.places[0].version;
	assert_int_not_equal(first, 0);
	world_edit(&w, EDITION("pin", DAY_3));
	wake(&w, "03-02 11:00");
	assert_int_equal(w.user.wake_at_ms, at(&w, "03-07 10:00"));
	world_edit(&w, EDITION("pin", DAY_3C));
	wake(&w, "03-02 12:00");
	assert_int_equal(w.user.places[0].version, first);
	run_until(&w, "03-20 10:00");
	expect(&w, "03-02 10:00 entered\n03-02 10:00 send a a\n"
		   "03-07 10:00 send b b\n03-07 10:00 finished\n");
	/* who enters now gets what is there now */
	event(&w, "04-01 10:00", "Go");
	assert_int_not_equal(w.user.places[0].version, first);
	run_until(&w, "04-20 10:00");
	expect(&w, "04-01 10:00 entered\n04-01 10:00 send a a\n"
		   "04-04 10:00 send b b2\n04-05 10:00 send c c\n"
		   "04-05 10:00 finished\n");
	world_end(&w);
}

/* Back to what it was, and free to follow: neither moves who is inside. */
static void
test_pin_undone(void **state)
{
	struct world w = world_begin(EDITION("pin", DAY_5));

	event(&w, "03-02 10:00", "Go");
	world_edit(&w, EDITION("pin", DAY_3));
	world_edit(&w, EDITION("pin", DAY_5));
	wake(&w, "03-02 11:00");
	assert_int_equal(w.user.wake_at_ms, at(&w, "03-07 10:00"));
	world_edit(&w, EDITION("follow", DAY_3));
	wake(&w, "03-02 12:00");
	run_until(&w, "03-20 10:00");
	expect(&w, "03-02 10:00 entered\n03-02 10:00 send a a\n"
		   "03-07 10:00 send b b\n03-07 10:00 finished\n");
	world_end(&w);
}

/* The file is gone; who is inside goes on, by hand as well, and is sent to. */
static void
test_pin_without_a_file(void **state)
{
	struct world w = world_begin(EDITION("pin", DAY_5 "," THANKS));
	struct engine_message m = {.sequence = "s", .step = "b", .entry = 1};
	int64_t now = at(&w, "03-03 10:00");
	struct error e;

	event(&w, "03-02 10:00", "Go");
	world_edit(&w, NULL);
	world_edit(&w, NULL);
	wake(&w, "03-02 11:00");
	assert_int_equal(engine_pause(w.rules, &w.user, "s", "by hand", now + 1,
			     now, &w.decisions, &e),
	    0);
	keep_decisions(&w, now);
	run_until(&w, "03-07 10:00");
	expect(&w, "03-02 10:00 entered\n03-02 10:00 send a a\n"
		   "03-03 10:00 paused\n03-07 10:00 resumed\n"
		   "03-07 10:00 send b b\n");
	assert_int_equal(
	    engine_gate(w.rules, &w.user, NULL, &m, at(&w, "03-07 10:00")).gate,
	    ENGINE_GO);
	run_until(&w, "03-20 10:00");
	expect(&w, "03-07 11:00 send z thanks\n03-07 11:00 finished\n");
	/* outside, its last message still has a definition to go by */
	assert_int_equal(
	    engine_gate(w.rules, &w.user, NULL, &m, at(&w, "03-07 11:00")).gate,
	    ENGINE_GO);
	assert_int_equal(engine_pause(w.rules, &w.user, "s", "by hand",
			     INT64_MAX, now, &w.decisions, &e),
	    -1);
	assert_string_equal(e.text, "there is no sequence \"s\"");
	world_end(&w);
}

/* A file that is now about accounts is no user's sequence any more. */
static void
test_another_kind_of_subject(void **state)
{
	struct world w = world_begin(EDITION("follow", DAY_5));

	event(&w, "03-02 10:00", "Go");
	world_edit(&w, "{'for': 'account', 'enter': {'on': 'Go'}, 'steps': ["
		       "{'id': 'a', 'send': 'a', 'to': 'cs-lead'}]}");
	run_until(&w, "03-20 10:00");
	assert_int_equal(w.user.wake_at_ms, 0);
	expect(&w, "03-02 10:00 entered\n03-02 10:00 send a a\n");
	world_end(&w);
}

/* A message of a step that only the older version has. */
static void
test_gate_of_a_version(void **state)
{
	struct world w = world_begin(EDITION("pin", DAY_5));
	struct engine_message m = {.sequence = "s", .step = "b", .entry = 1};

	event(&w, "03-02 10:00", "Go");
	world_edit(&w, EDITION("pin", "{'id': 'c', 'day': 4, 'send': 'c'}"));
	assert_int_equal(
	    engine_gate(w.rules, &w.user, NULL, &m, at(&w, "03-07 10:00")).gate,
	    ENGINE_GO);
	m.step = "d";
	m.expires_at_ms = at(&w, "03-07 10:00");
	assert_int_equal(
	    engine_gate(w.rules, &w.user, NULL, &m, at(&w, "03-07 10:00")).gate,
	    ENGINE_SKIP);
	world_end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_wait_for_event),
	    cmocka_unit_test(test_wait_else),
	    cmocka_unit_test(test_wait_when_it_counts),
	    cmocka_unit_test(test_wait_if),
	    cmocka_unit_test(test_wait_exit_wins),
	    cmocka_unit_test(test_wait_in_a_pause),
	    cmocka_unit_test(test_the_end_waits_for_the_pause),
	    cmocka_unit_test(test_wait_late),
	    cmocka_unit_test(test_wait_window),
	    cmocka_unit_test(test_wait_by_hand),
	    cmocka_unit_test(test_wait_ends_the_look_ahead),
	    cmocka_unit_test(test_stop_is_not_overtaken),
	    cmocka_unit_test(test_split),
	    cmocka_unit_test(test_split_reasons),
	    cmocka_unit_test(test_holdout_overtakes_nothing),
	    cmocka_unit_test(test_at_follows_the_date),
	    cmocka_unit_test(test_at_in_the_past),
	    cmocka_unit_test(test_at_overtakes),
	    cmocka_unit_test(test_members),
	    cmocka_unit_test(test_members_undecidable),
	    cmocka_unit_test(test_follow),
	    cmocka_unit_test(test_pin),
	    cmocka_unit_test(test_pin_undone),
	    cmocka_unit_test(test_pin_without_a_file),
	    cmocka_unit_test(test_another_kind_of_subject),
	    cmocka_unit_test(test_gate_of_a_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
