/* SPDX-License-Identifier: MIT */
#ifndef SEQUENCES_LOOK_H
#define SEQUENCES_LOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "sequences/engine.h"
#include "sequences/rules/rules_private.h"

/*
 * look - the engine at work on one subject in one call: what it knows, and the
 * words in which it says what it did. Shared by the engine's own files.
 */
struct look {
	const struct rules *rules;
	struct subject *subject;
	int64_t now_ms;
	struct engine_scope scope;
	struct decisions *out;
	bool failed; /* a condition could not be evaluated */
};

struct look look_begin(const struct rules *, struct subject *,
    const struct subject *account, int64_t now_ms, struct decisions *);
/* 0, or -1 when a condition could not be evaluated. */
int look_end(struct look *);

/* When it happened; a clock that runs ahead does not count. NULL: now. */
int64_t look_event_time(const struct look *, const struct event *);
/*
 * Is it before what the subject remembers? A time that is still to come was
 * remembered when a clock ran ahead: nothing is before it.
 */
bool look_is_before(const struct look *, int64_t ms, int64_t remembered_ms);

/* The scope sees this event and this place from now on; both may be NULL. */
void engine_scope_look_at(
    struct engine_scope *, json_t *event, const struct place *);
/* Local days between the entry at which the scope looks and now. */
int engine_scope_day(struct engine_scope *);

/* As much of the words as fits, cut between characters. */
#define REASON_SIZE ENGINE_REASON_SIZE
void reason_set(char reason[REASON_SIZE], const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Does it hold? The reason says why or why not, or what is wrong with it. */
bool look_holds(
    struct look *, const struct condition *, char reason[REASON_SIZE]);

/* The same without a reason, for what seldom holds. */
bool look_tests(struct look *, const struct condition *);

/* Does an exit hold that needs no event? Who it holds for never enters. */
bool look_would_exit(
    struct look *, const struct sequence *, char reason[REASON_SIZE]);

/* Adds a decision, with its reason in words. */
struct decision *look_decide(struct look *, enum decision_what,
    const struct sequence *, int entry, const struct step *, const char *fmt,
    ...) __attribute__((format(printf, 6, 7)));

/* "2026-03-30T09:00:00+02:00" in the person's zone. */
#define TIME_TEXT_SIZE 40
const char *look_time(
    const struct look *, int64_t ms, char out[TIME_TEXT_SIZE]);

/*
 * A value as a moment, in the person's zone where it does not say: a string
 * that date_parse() reads, but no word for the present; a number as Unix
 * seconds, or ms above 1e11. 0, or -1 when it is none.
 */
int look_moment(const struct look *, json_t *value, int64_t *ms);
int look_date(struct look *, const struct liquid_value *, int64_t *ms);

/* ------------------------------------------------------- enter */

/* What starts an entry. */
struct cause {
	const struct trigger *trigger;
	int64_t at_ms;	    /* when: the entry counts from it */
	json_t *event;	    /* properties, or NULL; borrowed */
	const char *reason; /* in words, without the condition's */
};

/*
 * Enters if reentry, exits and the trigger's condition allow it, and decides so
 * (not yet the steps). Else says why not, each reason in a decision at most
 * once a day and sequence. Returns whether it entered.
 */
bool enter_by(struct look *, const struct sequence *, const struct cause *);

/* An event that may start the sequence, as TRIGGER_EVENT ways in say. */
void enter_by_event(
    struct look *, const struct sequence *, const struct event *);
/* One that would have, had it come in time: says so. */
void enter_too_late(
    struct look *, const struct sequence *, const struct event *);

/* ------------------------------------------------------- watch */

/*
 * Looks at the ways in of the sequence that watch, because something may have
 * changed or time has passed: an event (NULL: none), traits, metrics. Those
 * that fire enter. History (event->is_history) moves records and fires nothing.
 */
void watch_look(struct look *, const struct sequence *, const struct event *);

/*
 * A stored event of a subject that is behind: ways in with a number above
 * subject->known take note.
 */
void watch_replay(struct look *, const struct sequence *, const struct event *);

/*
 * The first look of ways in with a number above subject->known: what holds
 * already has happened before they were there (baseline). What holds of a
 * subject that is born just now, of whom nothing is known yet, is no news.
 */
void watch_baseline(struct look *, const struct sequence *, bool is_born);

/* ------------------------------------------------------- place */

/*
 * A place's life. Whatever is not drawn does not happen: place.c checks it.
 *
 *	            enter
 *	(outside) ─────────► waiting ◄──────► paused
 *	    ▲                  │ │               │
 *	    │  exit, last step │ │ last step,    │ exit
 *	    ├──────────────────┘ │ goal open     │
 *	    ├────────────────────┼───────────────┘
 *	    │  goal, its end,    ▼
 *	    └─────────────────  done
 *	       exit
 *
 * Waiting: `step` comes next, at `due_ms`. Paused: the same, and nothing is
 * decided before `paused_until_ms`. Done: no step is left; the goal may still
 * be reached until `due_ms`.
 */
struct place *place_enter(
    struct look *, const struct sequence *, int64_t entered_ms, json_t *event);
void place_pause(struct look *, const struct sequence *, struct place *,
    int64_t until_ms, const char *why);
void place_resume(
    struct look *, const struct sequence *, struct place *, const char *why);
/* The last step is decided: done, or outside. The place may be gone. */
void place_finish(struct look *, const struct sequence *, struct place *,
    const struct step *stop);
/* Outside; the caller says so in a decision if it is one. */
void place_leave(
    struct look *, struct place *, int64_t at_ms, bool is_finished);

/*
 * The definition that the place goes by, or NULL when it is gone. One for the
 * other kind of subject is none.
 */
const struct sequence *place_sequence(
    const struct rules *, const struct subject *, const struct place *);
/*
 * A step by its id, in that version, or else as it is now, or else in the
 * newest older version that has it; *q is the definition. NULL: gone.
 */
const struct step *place_find_step(const struct rules *, const char *sequence,
    int version, const char *id, const struct sequence **q);

/* If the place is at a wait for this event, that step is past. */
void place_take_event(struct look *, const struct sequence *, struct place *,
    const struct event *);

/* The step that comes next, or NULL. */
const struct step *place_next(const struct sequence *, const struct place *);
/* It waits until then; step NULL: a look must say at which step. */
void place_wait(
    struct look *, struct place *, const struct step *, int64_t due_ms);
bool place_waits_at(const struct place *, const struct step *);
/* It is past this step. */
void place_pass(struct look *, struct place *, const struct step *);

/* -------------------------------------------------------- step */

/* The first moment from t_ms on in its window; `zone` is the person's. */
int64_t step_opens(const struct sequence *, const struct step *,
    const struct zone *zone, int64_t t_ms);

/*
 * Decides the steps that are due, in order, and leaves due_ms right. The place
 * may be gone afterwards.
 */
void place_advance(struct look *, const struct sequence *, struct place *);

#endif
