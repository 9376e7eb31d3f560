/* SPDX-License-Identifier: MIT */
#ifndef TESTS_WATCH_WORLD_H
#define TESTS_WATCH_WORLD_H

/*
 * Ways in that watch, through time. A world is one sequence of one step, one
 * person (and an account) and a clock; the log has who entered, who was refused
 * and what was skipped: "MM-DD HH:MM entered", with the moment that the entry
 * counts from where it is another. Between any two calls the subjects are saved
 * and loaded again. Events are kept, and replayed when a definition asks for
 * it, as the worker does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

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
static inline const char *
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

static inline void
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
static inline struct rules *
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
static inline void
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

static inline void
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

static inline struct world
world_begin(const char *sequence, const char *traits)
{
	struct world w = {
	    .zone = zone_find("Europe/Berlin"), .metrics = METRICS};

	assert_non_null(w.zone);
	world_load(&w, sequence);
	add_subject(&w, &w.user, SUBJECT_USER, traits);
	return w;
}

static inline void
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
static inline void
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
static inline int64_t
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

static inline void
log_time(struct world *w, int64_t ms)
{
	struct civil c = zone_civil(w->zone, ms / 1000);

	buf_addf(
	    &w->log, "%02d-%02d %02d:%02d", c.month, c.day, c.hour, c.minute);
}

static inline void
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

static inline void
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

static inline struct subject *
account(struct world *w)
{
	return w->has_account ? &w->account : NULL;
}

/* What the worker does before it looks at anybody. */
static inline void
replay(struct world *w, int64_t now_ms)
{
	if (!engine_wants_replay(w->rules, &w->user))
		return;
	for (int i = 0; i < w->n_events; i++) {
		struct event e = {.name = w->events[i].name,
		    .at_ms = w->events[i].at_ms,
		    .properties = w->events[i].properties};

		engine_replay(
		    w->rules, &w->user, account(w), account(w), &e, now_ms);
	}
}

static inline void
wake(struct world *w, struct subject *s, int64_t now_ms)
{
	replay(w, now_ms);
	engine_wake(w->rules, s, s == &w->user ? account(w) : NULL, now_ms,
	    &w->decisions);
	keep_decisions(w, now_ms);
}

/* Nobody was there until now; or something changed that is no event. */
static inline void
wake_at(struct world *w, const char *time)
{
	wake(w, &w->user, at(w, time));
}

/* The wake-ups that come before (or at) that time, each at its own. */
static inline void
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
static inline void
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
static inline void
event(struct world *w, const char *time, const char *name)
{
	run_until(w, time);
	tell(w, time, time, name, "{}", false);
}

static inline void
score(struct world *w, const char *time, double value)
{
	char properties[60];

	run_until(w, time);
	snprintf(properties, sizeof properties, "{'score': %g}", value);
	tell(w, time, time, "Scored", properties, false);
}

static inline void
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

#endif
