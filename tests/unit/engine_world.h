/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_ENGINE_WORLD_H
#define TESTS_UNIT_ENGINE_WORLD_H

/*
 * Sequences through time. A world is one sequence, one person, perhaps an
 * account, and a clock; what is decided becomes a log of lines, "MM-DD HH:MM
 * what step template", in the zone of the world. Times are told in the same
 * way, all of them in 2026; JSON is told with ' for ".
 *
 * Between any two calls the subjects are saved and loaded again, so that
 * whatever the state forgets, a test notices. Events are kept, and replayed
 * when a definition asks for it, as the worker does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sequences/engine.h"
#include "templates/mem.h"
#include "tests/unit/folder.h"

struct world {
	const struct zone *zone;
	const char *metrics;
	struct rules *rules;
	char *known; /* what the store has of the definitions */
	struct subject user, account; /* the latter after add_account() */
	json_t *events;		      /* of [name, ms, properties] */
	struct decisions decisions;
	bool is_brief; /* the log leaves out sends and ends */
	struct buf log, reasons;
	json_t *event; /* these are of the last message */
	int64_t expires_ms;
	int day;
};

/* JSON with ' for ", but not within ". */
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

static inline json_t *
parse(const char *text)
{
	json_t *value = json_loads(json(text), 0, NULL);

	assert_non_null(value);
	return value;
}

/* Definitions that are read once. No sequence: an empty folder. */
static inline struct rules *
load(const char *metrics, const char *sequence, const char *known,
    const struct zone *zone, struct problems *problems)
{
	static const char *const contacts[] = {"cs-lead", "cs-room", NULL};
	struct rules_context context = {
	    .contacts = contacts, .zone = zone, .known = known};
	struct rules *rules;

	folder_make();
	write_file("sequences/README", "");
	if (sequence != NULL)
		write_file("sequences/s.json", json(sequence));
	write_file("metrics.json", json(metrics));
	rules = rules_load(folder, &context, problems);
	folder_drop();
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

/* A reload, and everybody has been looked at. */
static inline void
world_edit(struct world *w, const char *sequence)
{
	world_load(w, sequence);
	rules_settle(w->rules);
}

static inline void
add_subject(struct world *w, struct subject *s, enum subject_kind kind,
    const char *name, const char *traits)
{
	struct error e;

	assert_int_equal(subject_load(s, kind, name,
			     traits != NULL ? json(traits) : NULL, NULL, &e),
	    0);
	s->known = rules_newest(w->rules);
}

static inline void
add_user(struct world *w, const char *traits)
{
	add_subject(w, &w->user, SUBJECT_USER, "ada", traits);
}

static inline void
add_account(struct world *w, const char *traits)
{
	add_subject(w, &w->account, SUBJECT_ACCOUNT, "acme", traits);
}

static inline struct world
world_make(const char *zone, const char *metrics, const char *sequence,
    const char *traits)
{
	struct world w = {.zone = zone_find(zone),
	    .metrics = metrics,
	    .events = json_array()};

	assert_non_null(w.zone);
	world_load(&w, sequence);
	add_user(&w, traits);
	return w;
}

static inline void
world_end(struct world *w)
{
	rules_free(w->rules);
	free(w->known);
	subject_free(&w->user);
	subject_free(&w->account);
	json_decref(w->events);
	decisions_free(&w->decisions);
	buf_free(&w->log);
	buf_free(&w->reasons);
	json_decref(w->event);
}

static inline struct subject *
account(struct world *w)
{
	return w->account.name != NULL ? &w->account : NULL;
}

/* "03-27 10:00" of 2026 in the zone of the world. */
static inline int64_t
at(const struct world *w, const char *text)
{
	struct civil c = {.year = 2026};

	assert_int_equal(
	    sscanf(text, "%d-%d %d:%d", &c.month, &c.day, &c.hour, &c.minute),
	    4);
	return zone_unix(w->zone, &c) * 1000;
}

/* The store keeps the wake-up beside the state. */
static inline void
save_and_load(const struct world *w, struct subject *s)
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
	if (strstr(w->metrics, "'window'") == NULL) /* may end sooner */
		assert_int_equal(s->wake_at_ms, wake);
	assert_true(s->wake_at_ms == 0 || wake <= s->wake_at_ms);
	s->wake_at_ms = wake;
	buf_free(&state);
	buf_free(&traits);
	buf_free(&again);
	free(name);
}

static inline void
log_time(struct world *w, int64_t ms)
{
	struct civil c = zone_civil(w->zone, ms / 1000);

	buf_addf(
	    &w->log, "%02d-%02d %02d:%02d", c.month, c.day, c.hour, c.minute);
}

/* With the moment that the entry counts from, where it is another. */
static inline void
log_entry(struct world *w, const struct decision *d, int64_t now_ms)
{
	const struct subject *s = d->for_account ? &w->account : &w->user;
	const struct place *p = subject_place(s, d->sequence);
	int64_t ms = p != NULL ? p->entered_ms
			       : subject_past(s, d->sequence)->entered_ms;

	if (ms != now_ms) {
		buf_adds(&w->log, " as of ");
		log_time(w, ms);
	}
}

static inline void
log_message(struct world *w, const struct outgoing *m)
{
	buf_addf(&w->log, " %s", m->template_name);
	if (strcmp(m->recipient, "user") != 0)
		buf_addf(&w->log, " to %s", m->recipient);
}

static inline void
log_decision(struct world *w, const struct decision *d, int64_t now_ms)
{
	buf_addf(&w->reasons, "%s\n", d->reason);
	if (d->send != NULL) {
		json_decref(w->event);
		w->event = json_incref(d->send->event);
		w->expires_ms = d->send->expires_at_ms;
		w->day = d->send->day;
	}
	if (w->is_brief &&
	    (d->what == DECISION_SEND || d->what == DECISION_FINISHED))
		return;
	log_time(w, now_ms);
	buf_addf(&w->log, " %s", decision_name(d->what));
	if (d->what == DECISION_ENTERED)
		log_entry(w, d, now_ms);
	if (d->step != NULL)
		buf_addf(&w->log, " %s", d->step);
	if (d->send != NULL)
		log_message(w, d->send);
	buf_addc(&w->log, '\n');
}

static inline void
keep_decisions(struct world *w, int64_t now_ms)
{
	for (int i = 0; i < w->decisions.count; i++)
		log_decision(w, &w->decisions.list[i], now_ms);
	decisions_clear(&w->decisions);
	save_and_load(w, &w->user);
	if (account(w) != NULL)
		save_and_load(w, &w->account);
	assert_true(w->user.wake_at_ms == 0 || w->user.wake_at_ms >= now_ms);
}

/* What the worker does before it looks at anybody. */
static inline void
replay(struct world *w, int64_t now_ms)
{
	json_t *one;
	size_t i;

	if (!engine_wants_replay(w->rules, &w->user))
		return;
	json_array_foreach(w->events, i, one)
	{
		struct event e = {
		    .name = json_string_value(json_array_get(one, 0)),
		    .at_ms = json_integer_value(json_array_get(one, 1)),
		    .properties = json_array_get(one, 2)};

		engine_replay(
		    w->rules, &w->user, account(w), account(w), &e, now_ms);
	}
}

static inline void
wake_subject(struct world *w, struct subject *s, int64_t now_ms)
{
	replay(w, now_ms);
	engine_wake(w->rules, s, s == &w->user ? account(w) : NULL, now_ms,
	    &w->decisions);
	keep_decisions(w, now_ms);
	assert_true(w->user.wake_at_ms != now_ms);
}

/* Nobody was there until now; or something changed that is no event. */
static inline void
wake(struct world *w, const char *time)
{
	wake_subject(w, &w->user, at(w, time));
}

/* The wake-ups that come before (or at) that time, each at its own. */
static inline void
run_until(struct world *w, const char *time)
{
	int64_t end = at(w, time);

	for (int turns = 0;; turns++) {
		struct subject *s = &w->user;

		if (w->account.wake_at_ms != 0 &&
		    (s->wake_at_ms == 0 ||
			w->account.wake_at_ms < s->wake_at_ms))
			s = &w->account;
		if (s->wake_at_ms == 0 || s->wake_at_ms > end)
			return;
		assert_true(turns < 100);
		wake_subject(w, s, s->wake_at_ms);
	}
}

static inline int
apply(struct world *w, const char *now, const struct event *e)
{
	int rc;

	replay(w, at(w, now));
	rc = engine_apply(
	    w->rules, &w->user, account(w), e, at(w, now), &w->decisions);
	json_array_append_new(
	    w->events, json_pack("[s, I, o]", e->name, (json_int_t)e->at_ms,
			   e->properties));
	keep_decisions(w, at(w, now));
	assert_true(w->user.wake_at_ms != at(w, now));
	return rc;
}

/* Told at `now` what happened at `then`. */
static inline int
tell(struct world *w, const char *now, const char *then, const char *name,
    const char *properties)
{
	return apply(w, now,
	    &(struct event){.name = name,
		.at_ms = at(w, then),
		.properties = parse(properties)});
}

static inline void
tell_history(struct world *w, const char *now, const char *then,
    const char *name, const char *properties)
{
	apply(w, now,
	    &(struct event){.name = name,
		.at_ms = at(w, then),
		.properties = parse(properties),
		.is_history = true});
}

/* It happens, after the wake-ups before it. */
static inline void
event(struct world *w, const char *time, const char *name)
{
	run_until(w, time);
	tell(w, time, time, name, "{}");
}

static inline void
identify(struct world *w, const char *time, const char *traits)
{
	json_t *object = parse(traits);

	run_until(w, time);
	subject_set_traits(&w->user, object, at(w, time), at(w, time));
	json_decref(object);
	tell(w, time, time, "", "{}");
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
