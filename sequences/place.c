/* SPDX-License-Identifier: MIT */
/*
 * place - one passage of a subject through a sequence: its states (look.h has
 * the picture) and how one becomes another. Only these functions change state.
 *
 * Which step comes next is not stored but follows from the ids of those that
 * are past (`decided`) and the definition as it is now: the first one behind
 * the last that is past. So a step that was removed is passed over, one that
 * was put in ahead of a person comes, and one behind does not. Somebody in a
 * pinned sequence goes by the definition that they entered, as long as the
 * store has it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sequences/look.h"
#include "templates/mem.h"

enum place_state { PLACE_OUTSIDE, PLACE_WAITING, PLACE_PAUSED, PLACE_DONE };

static const char *const state_names[] = {
    "outside", "waiting", "paused", "done"};

static const bool allowed[4][4] = {
    [PLACE_OUTSIDE] = {[PLACE_WAITING] = true},
    [PLACE_WAITING] =
	{[PLACE_OUTSIDE] = true, [PLACE_PAUSED] = true, [PLACE_DONE] = true},
    [PLACE_PAUSED] =
	{[PLACE_OUTSIDE] = true, [PLACE_WAITING] = true, [PLACE_PAUSED] = true},
    [PLACE_DONE] = {[PLACE_OUTSIDE] = true},
};

static enum place_state
place_state(const struct place *p)
{
	if (p == NULL)
		return PLACE_OUTSIDE;
	if (p->is_done)
		return PLACE_DONE;
	return p->paused_until_ms != 0 ? PLACE_PAUSED : PLACE_WAITING;
}

/* The door: a move that is not in the picture is a bug of the engine's. */
static void
place_move(struct look *l, const struct place *p, enum place_state to)
{
	enum place_state from = place_state(p);

	if (!allowed[from][to]) {
		fprintf(stderr, "nudge: bug: %s in %s goes from %s to %s\n",
		    l->subject->name, p != NULL ? p->sequence : "a sequence",
		    state_names[from], state_names[to]);
		abort();
	}
	l->subject->state_changed = true;
}

struct place *
place_enter(
    struct look *l, const struct sequence *q, int64_t entered_ms, json_t *event)
{
	const struct past *past = subject_past(l->subject, q->name);
	struct place *p;

	place_move(l, subject_place(l->subject, q->name), PLACE_WAITING);
	p = subject_place_add(l->subject, q->name);
	p->entry = past != NULL ? past->entries + 1 : 1;
	p->version = q->is_pinned ? q->number : 0;
	p->entered_ms = entered_ms;
	p->previous_ms = entered_ms;
	p->event = json_incref(event);
	return p;
}

void
place_pause(struct look *l, const struct sequence *q, struct place *p,
    int64_t until_ms, const char *why)
{
	char until[TIME_TEXT_SIZE] = "it is resumed";

	place_move(l, p, PLACE_PAUSED);
	p->paused_until_ms = until_ms;
	if (until_ms != INT64_MAX)
		look_time(l, until_ms, until);
	look_decide(
	    l, DECISION_PAUSED, q, p->entry, NULL, "%s; until %s", why, until);
}

void
place_resume(
    struct look *l, const struct sequence *q, struct place *p, const char *why)
{
	place_move(l, p, PLACE_WAITING);
	p->paused_until_ms = 0;
	look_decide(l, DECISION_RESUMED, q, p->entry, NULL, "%s", why);
}

void
place_leave(struct look *l, struct place *p, int64_t at_ms, bool is_finished)
{
	place_move(l, p, PLACE_OUTSIDE);
	engine_scope_look_at(&l->scope, NULL, NULL);
	subject_place_remove(l->subject, p, at_ms, is_finished);
}

void
place_finish(struct look *l, const struct sequence *q, struct place *p,
    const struct step *stop)
{
	int64_t goal_end_ms =
	    q->goal.n > 0 ? p->entered_ms + q->goal.list[0].period_ms : 0;

	look_decide(l, DECISION_FINISHED, q, p->entry, stop, "%s",
	    stop != NULL ? "the step stops the sequence" : "no step is left");
	if (p->goal_ms != 0 || goal_end_ms <= l->now_ms) {
		place_leave(l, p, l->now_ms, true);
		return;
	}
	place_move(l, p, PLACE_DONE);
	p->is_done = true;
	p->due_ms = goal_end_ms;
	p->previous_ms = l->now_ms;
	free(p->step);
	p->step = NULL;
}

/* The version of that number, or NULL. */
static const struct sequence *
find_version(const struct rules *rules, const char *name, int number)
{
	for (int i = 0; i < rules->n_pinned; i++)
		if (rules->pinned[i].number == number &&
		    strcmp(rules->pinned[i].name, name) == 0)
			return &rules->pinned[i];
	return NULL;
}

const struct sequence *
place_sequence(
    const struct rules *rules, const struct subject *s, const struct place *p)
{
	const struct sequence *q = find_version(rules, p->sequence, p->version);

	if (q == NULL)
		q = rules_sequence(rules, p->sequence);
	return q != NULL && q->for_account == (s->kind == SUBJECT_ACCOUNT)
		   ? q
		   : NULL;
}

bool
engine_is_defined(
    const struct rules *rules, const struct subject *s, const struct place *p)
{
	return place_sequence(rules, s, p) != NULL;
}

static const struct step *
find_step(const struct sequence *q, const char *id)
{
	for (int i = 0; q != NULL && i < q->n_steps; i++)
		if (strcmp(q->steps[i].id, id) == 0)
			return &q->steps[i];
	return NULL;
}

static const struct sequence *
newest_with(const struct rules *rules, const char *name, const char *id)
{
	const struct sequence *newest = NULL;

	for (int i = 0; i < rules->n_pinned; i++) {
		const struct sequence *q = &rules->pinned[i];

		if (strcmp(q->name, name) == 0 && find_step(q, id) != NULL &&
		    (newest == NULL || q->number > newest->number))
			newest = q;
	}
	return newest;
}

const struct step *
place_find_step(const struct rules *rules, const char *sequence, int version,
    const char *id, const struct sequence **q)
{
	*q = find_version(rules, sequence, version);
	if (find_step(*q, id) == NULL)
		*q = rules_sequence(rules, sequence);
	if (find_step(*q, id) == NULL)
		*q = newest_with(rules, sequence, id);
	return find_step(*q, id);
}

static bool
is_past(const struct place *p, const char *id)
{
	for (size_t i = 0; i < json_array_size(p->decided); i++)
		if (strcmp(json_string_value(json_array_get(p->decided, i)),
			id) == 0)
			return true;
	return false;
}

const struct step *
place_next(const struct sequence *q, const struct place *p)
{
	int next = q->n_steps;

	while (next > 0 && !is_past(p, q->steps[next - 1].id))
		next--;
	return next < q->n_steps ? &q->steps[next] : NULL;
}

bool
place_waits_at(const struct place *p, const struct step *step)
{
	return p->step != NULL && strcmp(p->step, step->id) == 0;
}

void
place_wait(
    struct look *l, struct place *p, const struct step *step, int64_t due_ms)
{
	if (step == NULL || !place_waits_at(p, step)) {
		free(p->step);
		p->step = step != NULL ? xstrdup(step->id) : NULL;
		l->subject->state_changed = true;
	}
	if (p->due_ms != due_ms) {
		p->due_ms = due_ms;
		l->subject->state_changed = true;
	}
}

void
place_pass(struct look *l, struct place *p, const struct step *step)
{
	if (p->decided == NULL)
		p->decided = json_array();
	json_array_append_new(p->decided, json_string(step->id));
	p->previous_ms = l->now_ms;
	l->subject->state_changed = true;
}

/*
 * However late it is told, as long as the step waits: nobody is reminded of
 * what they have done. What follows counts from when it happened.
 */
void
place_take_event(struct look *l, const struct sequence *q, struct place *p,
    const struct event *event)
{
	const struct step *step = place_next(q, p);
	int64_t at_ms = look_event_time(l, event);
	char why[REASON_SIZE];

	if (step == NULL || step->when != STEP_WAIT ||
	    strcmp(step->wait.on, event->name) != 0 ||
	    look_is_before(l, at_ms, p->previous_ms))
		return;
	engine_scope_look_at(&l->scope, event->properties, p);
	if (!look_holds(l, step->wait.condition, why))
		return;
	look_decide(l, DECISION_WAITED, q, p->entry, step, "%s came%s%s",
	    event->name, why[0] != '\0' ? "; " : "", why);
	place_pass(l, p, step);
	p->previous_ms = at_ms;
}
