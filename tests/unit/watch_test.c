/* SPDX-License-Identifier: MIT */
/*
 * watch_test - ways in that watch, through time. A world is one sequence of one
 * step, one person (and an account) and a clock; the log has who entered, who
 * was refused and what was skipped: "MM-DD HH:MM entered", with the moment that
 * the entry counts from where it is another. Between any two calls the subjects
 * are saved and loaded again. Events are kept, and replayed when a definition
 * asks for it, as the worker does.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "sequences/engine.h"
#include "templates/mem.h"

#define EVENTS_MAX 64

struct stored {
	char *name;
	int64_t at_ms;
	json_t *properties;
};

struct world {
	const struct zone *zone;
	struct rules *rules;
	const char *metrics;
	char *known; /* what the store has of the definitions */
	struct subject user, account;
	bool has_account;
	struct stored events[EVENTS_MAX];
	int n_events;
	struct decisions decisions;
	struct buf log, reasons;
	json_t *event; /* of the last message */
};

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

/* JSON with ' for ", so that a test can be read. */
static const char *
json(const char *text)
{
	static char out[4][4096];
	static int next;
	char *start = out[next = (next + 1) % 4], *p = start;
	bool in_double = false;

	assert_true(strlen(text) < sizeof out[0]);
	for (; *text != '\0'; text++) {
		if (*text == '"')
			in_double = !in_double;
		*p++ = *text == '\'' && !in_double ? '"' : *text;
	}
	*p = '\0';
	return start;
}

static void
write_file(const char *folder, const char *name, const char *text)
{
	char path[300];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* Files that are read once: written in a folder of their own and removed. */
static struct rules *
load(const char *metrics, const char *sequence, const char *known,
    const struct zone *zone, struct problems *problems)
{
	static const char *const files[] = {
	    "sequences/s.json", "metrics.json", "sequences", ""};
	struct rules_context context = {.zone = zone, .known = known};
	char folder[] = "/tmp/watch_test.XXXXXX", path[100];
	struct rules *rules;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/sequences", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	if (sequence != NULL)
		write_file(folder, "sequences/s.json", json(sequence));
	write_file(folder, "metrics.json", json(metrics));
	rules = rules_load(folder, &context, problems);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		snprintf(path, sizeof path, "%s/%s", folder, files[i]);
		remove(path);
	}
	return rules;
}

/* Also after a reload: the numbers go on from those that are known. */
static void
world_load(struct world *w, const char *sequence)
{
	struct problems problems = {0};
	struct buf definitions = {0};
	char text[800];

	rules_free(w->rules);
	w->rules = load(w->metrics, sequence, w->known, w->zone, &problems);
	for (int i = 0; i < problems.count; i++)
		if (!problems.list[i].is_warning)
			fail_msg("%s", error_string(&problems.list[i].at, text,
					   sizeof text));
	problems_free(&problems);
	rules_definitions(w->rules, &definitions);
	free(w->known);
	w->known = buf_steal(&definitions);
}

static void
add_subject(struct world *w, struct subject *s, enum subject_kind kind,
    const char *traits)
{
	struct error e;

	assert_int_equal(
	    subject_load(s, kind, kind == SUBJECT_USER ? "ada" : "acme",
		traits != NULL ? json(traits) : NULL, NULL, &e),
	    0);
	s->known = rules_newest(w->rules);
}

static struct world
world_begin(const char *sequence, const char *traits)
{
	struct world w = {
	    .zone = zone_find("Europe/Berlin"), .metrics = METRICS};

	assert_non_null(w.zone);
	world_load(&w, sequence);
	add_subject(&w, &w.user, SUBJECT_USER, traits);
	return w;
}

static void
world_end(struct world *w)
{
	for (int i = 0; i < w->n_events; i++) {
		free(w->events[i].name);
		json_decref(w->events[i].properties);
	}
	rules_free(w->rules);
	free(w->known);
	subject_free(&w->user);
	subject_free(&w->account);
	decisions_free(&w->decisions);
	buf_free(&w->log);
	buf_free(&w->reasons);
	json_decref(w->event);
}

/* The store keeps the wake-up beside the state. */
static void
save_and_load(struct subject *s)
{
	struct buf state = {0}, traits = {0}, again = {0};
	enum subject_kind kind = s->kind;
	int64_t wake = s->wake_at_ms;
	char *name = xstrdup(s->name);
	struct error e;

	subject_save_state(s, &state);
	subject_save_traits(s, &traits);
	subject_free(s);
	if (subject_load(
		s, kind, name, buf_str(&traits), buf_str(&state), &e) != 0)
		fail_msg("%s in %s", e.text, buf_str(&state));
	subject_save_state(s, &again);
	assert_string_equal(buf_str(&again), buf_str(&state));
	assert_true(s->wake_at_ms == 0 || wake <= s->wake_at_ms);
	s->wake_at_ms = wake;
	buf_free(&state);
	buf_free(&traits);
	buf_free(&again);
	free(name);
}

/* "2026-03-27 10:00" or "03-27 10:00" in the zone of the world. */
static int64_t
at(const struct world *w, const char *text)
{
	struct civil c = {.year = 2026};

	if (text[2] == '-')
		assert_int_equal(sscanf(text, "%d-%d %d:%d", &c.month, &c.day,
				     &c.hour, &c.minute),
		    4);
	else
		assert_int_equal(sscanf(text, "%d-%d-%d %d:%d", &c.year,
				     &c.month, &c.day, &c.hour, &c.minute),
		    5);
	return zone_unix(w->zone, &c) * 1000;
}

static void
log_time(struct world *w, int64_t ms)
{
	struct civil c = zone_civil(w->zone, ms / 1000);

	buf_addf(
	    &w->log, "%02d-%02d %02d:%02d", c.month, c.day, c.hour, c.minute);
}

static void
log_decision(struct world *w, const struct decision *d, int64_t now_ms)
{
	const struct subject *s = d->for_account ? &w->account : &w->user;
	const struct place *p = subject_place(s, d->sequence);
	const struct past *past = subject_past(s, d->sequence);

	buf_addf(&w->reasons, "%s\n", d->reason);
	if (d->send != NULL) {
		json_decref(w->event);
		w->event = json_incref(d->send->event);
	}
	if (d->what == DECISION_SEND || d->what == DECISION_FINISHED)
		return;
	log_time(w, now_ms);
	buf_addf(&w->log, " %s", decision_name(d->what));
	if (d->what == DECISION_ENTERED &&
	    (p != NULL ? p->entered_ms : past->entered_ms) != now_ms) {
		buf_adds(&w->log, " as of ");
		log_time(w, p != NULL ? p->entered_ms : past->entered_ms);
	}
	buf_addc(&w->log, '\n');
}

static void
keep_decisions(struct world *w, int64_t now_ms)
{
	for (int i = 0; i < w->decisions.count; i++)
		log_decision(w, &w->decisions.list[i], now_ms);
	decisions_clear(&w->decisions);
	save_and_load(&w->user);
	if (w->has_account)
		save_and_load(&w->account);
	assert_true(w->user.wake_at_ms == 0 || w->user.wake_at_ms > now_ms);
}

static struct subject *
account(struct world *w)
{
	return w->has_account ? &w->account : NULL;
}

/* What the worker does before it looks at anybody. */
static void
replay(struct world *w, int64_t now_ms)
{
	if (!engine_wants_replay(w->rules, &w->user))
		return;
	for (int i = 0; i < w->n_events; i++) {
		struct event e = {.name = w->events[i].name,
		    .at_ms = w->events[i].at_ms,
		    .properties = w->events[i].properties};

		engine_replay(w->rules, &w->user, account(w), &e, now_ms);
	}
}

static void
wake(struct world *w, struct subject *s, int64_t now_ms)
{
	replay(w, now_ms);
	engine_wake(w->rules, s, s == &w->user ? account(w) : NULL, now_ms,
	    &w->decisions);
	keep_decisions(w, now_ms);
}

/* Nobody was there until now; or something changed that is no event. */
static void
wake_at(struct world *w, const char *time)
{
	wake(w, &w->user, at(w, time));
}

/* The wake-ups that come before (or at) that time, each at its own. */
static void
run_until(struct world *w, const char *time)
{
	int64_t end = at(w, time);

	for (int turns = 0;; turns++) {
		struct subject *s = &w->user;

		if (w->has_account && w->account.wake_at_ms != 0 &&
		    (s->wake_at_ms == 0 ||
			w->account.wake_at_ms < s->wake_at_ms))
			s = &w->account;
		if (s->wake_at_ms == 0 || s->wake_at_ms > end)
			return;
		assert_true(turns < 100);
		wake(w, s, s->wake_at_ms);
	}
}

/* Told at `now` what happened at `then`. */
static void
tell(struct world *w, const char *now, const char *then, const char *name,
    const char *properties, bool is_history)
{
	struct event e = {.name = name,
	    .at_ms = at(w, then),
	    .properties = json_loads(json(properties), 0, NULL),
	    .is_history = is_history};

	assert_non_null(e.properties);
	replay(w, at(w, now));
	engine_apply(
	    w->rules, &w->user, account(w), &e, at(w, now), &w->decisions);
	if (w->n_events < EVENTS_MAX)
		w->events[w->n_events++] = (struct stored){
		    xstrdup(name), e.at_ms, json_incref(e.properties)};
	json_decref(e.properties);
	keep_decisions(w, at(w, now));
}

/* It happens, after the wake-ups before it. */
static void
event(struct world *w, const char *time, const char *name)
{
	run_until(w, time);
	tell(w, time, time, name, "{}", false);
}

static void
score(struct world *w, const char *time, double value)
{
	char properties[60];

	run_until(w, time);
	snprintf(properties, sizeof properties, "{'score': %g}", value);
	tell(w, time, time, "Scored", properties, false);
}

static void
identify(struct world *w, const char *time, const char *traits)
{
	json_t *object = json_loads(json(traits), 0, NULL);

	assert_non_null(object);
	run_until(w, time);
	subject_set_traits(&w->user, object, at(w, time));
	json_decref(object);
	tell(w, time, time, "", "{}", false);
}

/* The log so far, which is then emptied. */
#define expect(w, text)                                        \
	do {                                                   \
		assert_string_equal(buf_str(&(w)->log), text); \
		buf_truncate(&(w)->log, 0);                    \
		buf_truncate(&(w)->reasons, 0);                \
	} while (0)

#define expect_reason(w, text)                                    \
	do {                                                      \
		if (strstr(buf_str(&(w)->reasons), text) == NULL) \
			fail_msg("no \"%s\" in:\n%s", text,       \
			    buf_str(&(w)->reasons));              \
	} while (0)

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

	snprintf(text, sizeof text, "2026-03-%02d %02d:%02d", 2 + k / 1440,
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
	tell(&w, "03-02 10:05", "03-02 09:00", "Scored", "{'score': 38}",
	    false); /* an older value than the one that is known */
	expect(&w, "");
	tell(
	    &w, "03-02 10:30", "03-02 10:10", "Scored", "{'score': 38}", false);
	expect(&w, "03-02 10:30 entered as of 03-02 10:10\n");
	tell(
	    &w, "03-02 10:31", "03-02 10:10", "Scored", "{'score': 38}", false);
	score(&w, "03-02 11:00", 50);
	expect(&w, "");
	tell(&w, "03-02 11:01", "03-02 12:00", "Scored", "{'score': '38'}",
	    false); /* a clock that runs ahead */
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

		tell(&w, "03-10 10:00", "03-02 10:00", "Scored",
		    "{'score': 38}", true);
		run_until(&w, "03-11 00:00");
		score(&w, "03-11 10:00", 37);
		run_until(&w, "03-12 00:00");
		expect(&w, "");
		tell(&w, "03-12 10:00", "03-11 11:00", "Scored",
		    "{'score': 50}", true); /* rearms */
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
	tell(&w, "03-02 10:30", "02-01 10:00", "Scored", "{'score': 10}", true);
	w.user.wake_at_ms = 0; /* the wake-up is late */
	replay(&w, 0);
	engine_apply(w.rules, &w.user, NULL,
	    &(struct event){.name = "Other",
		.at_ms = at(&w, "02-01 10:00"),
		.is_history = true},
	    at(&w, "03-02 11:30"), &w.decisions);
	assert_int_equal(w.decisions.count, 0);
	assert_int_equal(w.user.wake_at_ms, at(&w, "03-02 11:00"));
	wake_at(&w, "03-02 11:30");
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
	wake_at(&w, "03-03 10:00");
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
	wake_at(&w, "03-03 10:00");
	expect_reason(&w, "metric.score is 38, below 40");
	expect(&w, "03-03 10:00 entered\n");
	score(&w, "03-03 11:00", 37);
	wake_at(&w, "03-04 10:00");
	expect(&w, "");
	world_end(&w);

	w = world_begin(NULL, NULL);
	score(&w, "03-02 10:00", 38);
	world_load(&w, FIRE("'baseline': 'fire', 'dwell': '2h'"));
	wake_at(&w, "03-03 10:00");
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
	wake_at(&w, "03-02 15:00");
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
	wake_at(&w, "03-02 10:30");
	run_until(&w, "03-02 12:00");
	expect(&w, "03-02 11:00 entered\n");
	world_end(&w);

	w = world_begin(FIRE("'dwell': '1h'"), NULL);
	score(&w, "03-02 10:00", 38);
	world_load(&w, FIRE("'dwell': '2h'")); /* this is a new one */
	wake_at(&w, "03-02 10:30");
	run_until(&w, "03-02 23:00");
	expect(&w, "");
	assert_int_equal(w.user.n_watches, 1); /* the old one's is gone */
	world_end(&w);
}

#define POINTS "{'metrics': {'score': {'latest': 'Scored', 'of': 'points'}}}"

static void
test_edit_of_the_metric(void **state)
{
	struct world w = world_begin(BELOW, NULL);

	tell(&w, "03-02 10:00", "03-02 10:00", "Scored",
	    "{'score': 60, 'points': 30}", false);
	w.metrics = POINTS;
	world_load(&w, BELOW);
	wake_at(&w, "03-02 11:00");
	tell(&w, "03-02 12:00", "03-02 12:00", "Scored", "{'points': 20}",
	    false);
	expect(&w, "");
	tell(&w, "03-02 13:00", "03-02 13:00", "Scored", "{'points': 45}",
	    false);
	tell(&w, "03-02 14:00", "03-02 14:00", "Scored", "{'points': 20}",
	    false);
	expect(&w, "03-02 14:00 entered\n");
	world_end(&w);
}

/* What the metric once was while it was rebuilt is no crossing. */
static void
test_edit_after_a_crossing(void **state)
{
	struct world w = world_begin(BELOW, NULL);

	tell(&w, "03-02 10:00", "03-02 10:00", "Scored", "{'points': 30}",
	    false);
	tell(&w, "03-02 11:00", "03-02 11:00", "Scored", "{'points': 42}",
	    false);
	w.metrics = POINTS;
	world_load(&w, BELOW);
	tell(&w, "03-02 12:00", "03-02 12:00", "Scored", "{'points': 38}",
	    false);
	expect(&w, "03-02 12:00 entered\n");
	world_end(&w);
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
	wake_at(&w, "03-20 10:00");
	tell(&w, "03-25 10:00", "03-21 10:00", "Scored", "{'score': 70}", true);
	run_until(&w, "05-01 10:00");
	expect(&w, "04-08 11:00 entered\n"); /* summer time */
	world_end(&w);
}

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

		tell(&w, "03-02 10:00", cases[i].first_at, cases[i].first, "{}",
		    false);
		tell(&w, "03-02 10:01", cases[i].second_at, cases[i].second,
		    "{}", false);
		if (cases[i].third != NULL)
			tell(&w, "03-02 10:02", cases[i].third_at,
			    cases[i].third, "{}", false);
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
		    kinds & (1U << hour) ? "Started" : "Signed Up", "{}",
		    false);
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
			add_subject(
			    &missing, &missing.user, SUBJECT_USER, NULL);
			subject_free(&idle.user);
			add_subject(&idle, &idle.user, SUBJECT_USER, NULL);
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
	tell(&w, "03-20 10:05", "03-20 09:00", "Signed Up", "{}", false);
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
	tell(&w, "03-02 14:00", "03-02 10:00", "Signed Up", "{}", false);
	expect(&w, "03-02 14:00 entered as of 03-02 11:00\n");
	world_end(&w);

	w = world_begin(MISSING(""), NULL);
	tell(&w, "03-03 14:00", "03-02 10:00", "Signed Up", "{}", true);
	run_until(&w, "03-09 10:00"); /* history starts nothing */
	expect(&w, "");
	event(&w, "03-10 10:00", "Signed Up");
	tell(&w, "03-11 14:00", "03-10 11:00", "Started", "{}", true);
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
	wake_at(&w, "03-03 10:00");
	run_until(&w, "03-09 10:00");
	expect(&w, "03-04 10:00 entered\n");
	world_end(&w);

	w = world_begin(NULL, NULL);
	event(&w, "03-02 10:00", "Signed Up");
	world_load(&w, MISSING(", 'reenter': 'after-exit'"));
	wake_at(&w, "03-05 10:00");
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
	tell(&w, "03-05 11:00", "03-04 10:00", "Task Succeeded", "{}", false);
	run_until(&w, "04-09 10:00");
	expect_reason(&w, "no Task Succeeded for 7 days since "
			  "2026-03-05T10:00:00+01:00");
	expect(&w, "03-12 10:00 entered\n");
	tell(&w, "04-09 11:00", "03-03 10:00", "Task Succeeded", "{}", false);
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
	tell(&w, "03-21 11:00", "03-21 09:00", "Seen", "{}", false);
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

	tell(&w, "03-02 14:00", "03-02 10:00", "Task Succeeded", "{}", false);
	expect(&w, "03-02 14:00 entered as of 03-02 11:00\n");
	tell(&w, "03-12 14:00", "03-10 10:00", "Task Succeeded", "{}", true);
	run_until(&w, "03-19 10:00");
	expect(&w, ""); /* its hour is long over */
	world_end(&w);

	w = world_begin(IDLE, NULL); /* this week is not */
	tell(&w, "03-12 14:00", "03-10 10:00", "Task Succeeded", "{}", true);
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
		wake_at(&w, "03-05 10:00");
		run_until(&w, "03-19 10:00");
		expect(&w, "03-09 10:00 entered\n");
		world_end(&w);

		w = world_begin(NULL, NULL);
		event(&w, "03-01 10:00", "Seen");
		event(&w, "03-02 10:00", "Task Succeeded");
		world_load(&w, rules[i]);
		wake_at(&w, "03-10 10:00");
		run_until(&w, "03-19 10:00");
		expect(&w, "");
		event(&w, "03-20 10:00", "Task Succeeded");
		run_until(&w, "04-19 10:00");
		expect(&w, "03-27 10:00 entered\n");
		world_end(&w);
	}
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
	wake_at(&w, "03-19 11:00");
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
	tell(&w, "03-02 12:00", "03-02 09:00", "Task Succeeded", "{}", false);
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
	wake_at(&w, "03-17 10:00");
	run_until(&w, "04-30 10:00");
	expect(&w, ""); /* before the rule was there */
	world_end(&w);

	w = world_begin(NULL, "{'ends': '2026-03-20'}");
	world_load(&w, DATE);
	wake_at(&w, "03-16 10:00");
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
		wake_at(&w, "03-07 10:00");
		expect_reason(&w, "late by 3 days");
		expect(&w, "03-07 10:00 entered as of 03-04 10:00\n"
			   "03-07 10:00 skipped\n");
		assert_int_equal(w.user.wake_at_ms, 0);
		wake_at(&w, "03-07 11:00");
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

/* --------------------------------------------------- accounts */

static void
test_account(void **state)
{
	struct world w = world_begin(
	    ACCOUNT_WITH("{'metric': 'team_tasks', 'above': 2, 'rearm': 0}"),
	    NULL);

	w.has_account = true;
	add_subject(&w, &w.account, SUBJECT_ACCOUNT, NULL);
	for (int i = 0; i < 5; i++)
		event(&w, "03-02 10:00", "Task Succeeded");
	expect(&w, "03-02 10:00 entered\n");
	assert_int_equal(w.account.n_watches, 1);
	assert_int_equal(w.user.n_watches, 0);
	world_end(&w);

	w = world_begin(
	    ACCOUNT_WITH("{'metric': 'lowest', 'below': 40, 'rearm': 45}"),
	    NULL);
	w.has_account = true;
	add_subject(&w, &w.account, SUBJECT_ACCOUNT, NULL);
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

	w.has_account = true;
	add_subject(&w, &w.account, SUBJECT_ACCOUNT, "{'ends': '2026-04-10'}");
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

	w.has_account = true;
	add_subject(&w, &w.account, SUBJECT_ACCOUNT, NULL);
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
	wake(&w, &w.account, at(&w, "03-20 11:00"));
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
	    cmocka_unit_test(test_edit_while_past),
	    cmocka_unit_test(test_edit_while_counting),
	    cmocka_unit_test(test_edit_of_the_metric),
	    cmocka_unit_test(test_edit_after_a_crossing),
	    cmocka_unit_test(test_stagnant),
	    cmocka_unit_test(test_stagnant_without_gain),
	    cmocka_unit_test(test_stagnant_baseline_and_history),
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
	    cmocka_unit_test(test_date),
	    cmocka_unit_test(test_date_moves),
	    cmocka_unit_test(test_date_in_the_past),
	    cmocka_unit_test(test_date_forms),
	    cmocka_unit_test(test_date_of_a_metric),
	    cmocka_unit_test(test_date_baseline),
	    cmocka_unit_test(test_downtime),
	    cmocka_unit_test(test_window_falls),
	    cmocka_unit_test(test_account),
	    cmocka_unit_test(test_account_events),
	    cmocka_unit_test(test_account_waits),
	    cmocka_unit_test(test_door),
	    cmocka_unit_test(test_reading),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
