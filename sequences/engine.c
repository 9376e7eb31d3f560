/* SPDX-License-Identifier: MIT */
/*
 * engine - the order of work for one event: metrics, then for each sequence
 * exits, pauses, the goal, entering, and the steps that are due. A wake-up is
 * the same without an event. Everything here goes through the sequences in the
 * order of their names.
 */
#include <string.h>

#include "sequences/turn.h"

static struct turn
turn_begin(const struct rules *rules, struct subject *subject,
    const struct subject *account, int64_t now_ms, struct decisions *out)
{
	return (struct turn){.rules = rules,
	    .subject = subject,
	    .now_ms = now_ms,
	    .scope = {.rules = rules,
		.subject = subject,
		.account = account,
		.now_ms = now_ms,
		.zone = engine_zone(rules, subject, account)},
	    .out = out};
}

static int
turn_end(struct turn *t)
{
	subject_set_wake(t->subject);
	engine_scope_free(&t->scope);
	return t->failed ? -1 : 0;
}

/* When it happened; a clock that runs ahead does not count. */
static int64_t
event_time(const struct turn *t, const struct event *event)
{
	return event == NULL || event->at_ms > t->now_ms ? t->now_ms
							 : event->at_ms;
}

/*
 * Does the trigger of this place fire? What happened before the entry does not
 * touch it, however late it is told.
 */
static bool
trigger_fires(struct turn *t, const struct trigger *trigger,
    const struct place *p, const struct event *event)
{
	if (trigger->kind == TRIGGER_EVENT) {
		if (event == NULL || strcmp(trigger->on, event->name) != 0 ||
		    event_time(t, event) < p->entered_ms)
			return false;
		engine_scope_look_at(&t->scope, event->properties, p);
	} else {
		engine_scope_look_at(&t->scope, NULL, p);
	}
	return turn_tests(t, trigger->condition);
}

/* `Plan Upgraded; user.plan == 'pro' is true: user.plan is "pro"` */
static void
trigger_reason(
    struct turn *t, const struct trigger *trigger, char reason[REASON_SIZE])
{
	char why[REASON_SIZE];

	turn_holds(t, trigger->condition, why);
	if (trigger->on == NULL)
		reason_set(reason, "%s", why);
	else
		reason_set(reason, "%s%s%s", trigger->on,
		    why[0] != '\0' ? "; " : "", why);
}

/* Returns whether the place is gone. */
static bool
take_exits(struct turn *t, const struct sequence *q, struct place *p,
    const struct event *event)
{
	for (int i = 0; i < q->exit.n; i++) {
		const struct trigger *trigger = &q->exit.list[i];
		char reason[REASON_SIZE];

		if (!trigger_fires(t, trigger, p, event))
			continue;
		trigger_reason(t, trigger, reason);
		if (!p->is_done)
			turn_decide(t, DECISION_EXITED, q, p->entry, NULL, "%s",
			    reason);
		place_leave(t, p, event_time(t, event), false);
		return true;
	}
	return false;
}

/*
 * An exit after the last step: messages of that entry may still wait for their
 * hour, and must not go out any more (engine_gate()).
 */
static void
take_late_exits(
    struct turn *t, const struct sequence *q, const struct event *event)
{
	struct past *past = subject_past(t->subject, q->name);

	if (past == NULL || !past->is_finished)
		return;
	for (int i = 0; i < q->exit.n; i++) {
		struct place as_entered = {.entered_ms = past->entered_ms};

		if (q->exit.list[i].kind == TRIGGER_EVENT &&
		    trigger_fires(t, &q->exit.list[i], &as_entered, event)) {
			past->is_finished = false;
			t->subject->state_changed = true;
		}
	}
	engine_scope_look_at(&t->scope, NULL, NULL);
}

static void
take_pauses(struct turn *t, const struct sequence *q, struct place *p,
    const struct event *event)
{
	for (int i = 0; i < q->pause.n; i++) {
		const struct trigger *trigger = &q->pause.list[i];
		int64_t until = event_time(t, event) + trigger->period_ms;
		char reason[REASON_SIZE];

		if (until <= t->now_ms || until <= p->paused_until_ms ||
		    !trigger_fires(t, trigger, p, event))
			continue;
		trigger_reason(t, trigger, reason);
		place_pause(t, q, p, until, reason);
	}
}

/*
 * Once an entry. Reaching it ends nothing: whoever wants that has an exit. The
 * place is gone afterwards if it was kept for this only.
 */
static void
take_goal(struct turn *t, const struct sequence *q, struct place *p,
    const struct event *event)
{
	const struct trigger *goal = q->goal.list;
	int64_t took = event_time(t, event) - p->entered_ms;
	char reason[REASON_SIZE];

	if (q->goal.n == 0 || p->goal_ms != 0 ||
	    (goal->period_ms != 0 && took > goal->period_ms) ||
	    !trigger_fires(t, goal, p, event))
		return;
	trigger_reason(t, goal, reason);
	turn_decide(t, DECISION_GOAL, q, p->entry, NULL, "%s", reason);
	p->goal_ms = event_time(t, event);
	t->subject->state_changed = true;
	if (p->is_done)
		place_leave(t, p, p->previous_ms, true);
}

/* ---------------------------------------------------- entering */

/* What is known of the last entry: it may be done and waiting for its goal. */
static struct past
last_entry(const struct subject *s, const char *sequence)
{
	const struct place *p = subject_place(s, sequence);
	const struct past *past = subject_past(s, sequence);

	if (p != NULL)
		return (struct past){.entries = p->entry,
		    .entered_ms = p->entered_ms,
		    .exited_ms = p->previous_ms};
	return past != NULL ? *past : (struct past){0};
}

static bool
may_reenter(struct turn *t, const struct trigger *enter,
    const struct past *last, int64_t at_ms, char reason[REASON_SIZE])
{
	char entered[TIME_TEXT_SIZE], after[40];

	if (last->entries == 0)
		return true;
	turn_time(t, last->entered_ms, entered);
	if (enter->reenter == REENTER_NEVER) {
		reason_set(reason, "entered before, on %s", entered);
		return false;
	}
	if (at_ms < last->exited_ms) {
		reason_set(reason, "it happened before the last exit");
		return false;
	}
	if (enter->reenter == REENTER_AFTER &&
	    at_ms - last->entered_ms < enter->reenter_after_ms) {
		duration_text(enter->reenter_after_ms, after, sizeof after);
		reason_set(reason, "entered on %s, less than %s before",
		    entered, after);
		return false;
	}
	return true;
}

/* Nobody enters who would leave at once. */
static bool
would_exit(struct turn *t, const struct sequence *q, char reason[REASON_SIZE])
{
	for (int i = 0; i < q->exit.n; i++) {
		const struct trigger *exit = &q->exit.list[i];
		char why[REASON_SIZE];

		if (exit->kind != TRIGGER_CONDITION ||
		    !turn_holds(t, exit->condition, why))
			continue;
		reason_set(reason, "would leave at once: %s", why);
		return true;
	}
	return false;
}

static bool
may_enter(struct turn *t, const struct sequence *q,
    const struct trigger *trigger, const struct past *last,
    const struct event *event, char reason[REASON_SIZE])
{
	engine_scope_look_at(&t->scope, event->properties, NULL);
	return may_reenter(t, trigger, last, event_time(t, event), reason) &&
	       !would_exit(t, q, reason) &&
	       turn_holds(t, trigger->condition, reason);
}

static void
take_enters(struct turn *t, const struct sequence *q, const struct event *event)
{
	struct past last = last_entry(t->subject, q->name);
	char reason[REASON_SIZE];
	bool is_refused = false;

	for (int i = 0; i < q->enter.n; i++) {
		const struct trigger *trigger = &q->enter.list[i];
		struct place *p = subject_place(t->subject, q->name);

		if (trigger->kind != TRIGGER_EVENT ||
		    strcmp(trigger->on, event->name) != 0)
			continue;
		is_refused = !may_enter(t, q, trigger, &last, event, reason);
		if (is_refused)
			continue;
		if (p != NULL)
			place_leave(t, p, p->previous_ms, true);
		p = place_enter(t, q, event_time(t, event), event->properties);
		trigger_reason(t, trigger, reason);
		turn_decide(
		    t, DECISION_ENTERED, q, p->entry, NULL, "%s", reason);
		return;
	}
	if (is_refused)
		turn_decide(t, DECISION_REFUSED, q, last.entries + 1, NULL,
		    "%s; %s", event->name, reason);
}

/* ------------------------------------------- events, wake-ups */

/* Time has passed: what is due, or the end of waiting for a goal. */
static void
settle(struct turn *t, const struct sequence *q, struct place *p)
{
	if (!p->is_done)
		place_advance(t, q, p);
	else if (p->due_ms <= t->now_ms)
		place_leave(t, p, p->previous_ms, true);
}

static void
sequence_event(
    struct turn *t, const struct sequence *q, const struct event *event)
{
	struct place *p = subject_place(t->subject, q->name);

	if (p == NULL) {
		take_late_exits(t, q, event);
	} else if (!take_exits(t, q, p, event)) {
		if (!p->is_done)
			take_pauses(t, q, p, event);
		take_goal(t, q, p, event);
	}
	p = subject_place(t->subject, q->name);
	if (p == NULL || p->is_done)
		take_enters(t, q, event);
	p = subject_place(t->subject, q->name);
	if (p != NULL)
		settle(t, q, p);
}

static int
subject_event(const struct rules *rules, struct subject *s,
    const struct subject *account, const struct event *event, int64_t now_ms,
    struct decisions *out)
{
	struct turn t = turn_begin(rules, s, account, now_ms, out);
	bool is_account = s->kind == SUBJECT_ACCOUNT;

	for (int i = 0; i < rules->n_sequences; i++)
		if (rules->sequences[i].for_account == is_account)
			sequence_event(&t, &rules->sequences[i], event);
	return turn_end(&t);
}

static void
count_event(const struct rules *rules, struct subject *s,
    const struct subject *account, const struct event *event, int64_t now_ms)
{
	struct engine_scope scope = {.rules = rules,
	    .subject = s,
	    .account = account,
	    .event = event->properties,
	    .now_ms = now_ms};
	struct liquid_scope liquid = {.lookup = engine_scope_lookup,
	    .arg = &scope,
	    .now_ms = now_ms,
	    .zone = engine_zone(rules, s, account),
	    .undefined_is_nil = true};

	metrics_apply(rules->metrics, s, event, &liquid);
	engine_scope_free(&scope);
}

int
engine_apply(const struct rules *rules, struct subject *user,
    struct subject *account, const struct event *event, int64_t now_ms,
    struct decisions *out)
{
	int rc;

	count_event(rules, user, account, event, now_ms);
	if (account != NULL)
		count_event(rules, account, NULL, event, now_ms);
	if (event->is_history)
		return 0;
	rc = subject_event(rules, user, account, event, now_ms, out);
	if (account != NULL &&
	    subject_event(rules, account, NULL, event, now_ms, out) != 0)
		rc = -1;
	return rc;
}

/* A place whose sequence is gone stays, asleep, in case it comes back. */
static void
place_sleep(struct turn *t, struct place *p)
{
	t->subject->state_changed |= p->due_ms != 0;
	p->due_ms = 0;
}

int
engine_wake(const struct rules *rules, struct subject *s,
    struct subject *account, int64_t now_ms, struct decisions *out)
{
	struct turn t = turn_begin(rules, s, account, now_ms, out);

	for (int i = 0, left; i < s->n_places; i += s->n_places == left) {
		struct place *p = &s->places[i];
		const struct sequence *q = rules_sequence(rules, p->sequence);

		left = s->n_places;
		if (q == NULL)
			place_sleep(&t, p);
		else if (!take_exits(&t, q, p, NULL))
			settle(&t, q, p);
	}
	return turn_end(&t);
}

/* ----------------------------------------------------- by hand */

static const struct sequence *
find_sequence(const struct rules *rules, const char *name, struct error *e)
{
	const struct sequence *q = rules_sequence(rules, name);

	if (q == NULL)
		error_set(e, "there is no sequence \"%s\"", name);
	return q;
}

/* The place of somebody who still has steps ahead. */
static struct place *
find_place(const struct rules *rules, const struct subject *s, const char *name,
    const struct sequence **q, struct error *e)
{
	struct place *p;

	*q = find_sequence(rules, name, e);
	if (*q == NULL)
		return NULL;
	p = subject_place(s, name);
	if (p == NULL || p->is_done) {
		error_set(e, "%s is not in the sequence \"%s\"", s->name, name);
		return NULL;
	}
	return p;
}

static bool
may_enter_by_hand(struct turn *t, const struct sequence *q, struct error *e)
{
	const struct place *p = subject_place(t->subject, q->name);
	int index = (int)(q - t->rules->sequences);
	char reason[REASON_SIZE];

	if (!rules_info(t->rules, index).is_manual)
		error_set(e,
		    "nobody is put into \"%s\" by hand: it has no "
		    "{\"manual\": true} in \"enter\"",
		    q->name);
	else if (q->for_account != (t->subject->kind == SUBJECT_ACCOUNT))
		error_set(e, "\"%s\" is for %s", q->name,
		    q->for_account ? "accounts" : "users");
	else if (p != NULL && !p->is_done)
		error_set(e, "%s is in the sequence \"%s\" already",
		    t->subject->name, q->name);
	else if (would_exit(t, q, reason))
		error_set(e, "%s", reason);
	else
		return true;
	return false;
}

int
engine_enter(const struct rules *rules, struct subject *s,
    struct subject *account, const char *sequence, int64_t now_ms,
    struct decisions *out, struct error *e)
{
	const struct sequence *q = find_sequence(rules, sequence, e);
	struct turn t = turn_begin(rules, s, account, now_ms, out);
	bool enters = q != NULL && may_enter_by_hand(&t, q, e);

	if (enters) {
		struct place *p = subject_place(s, sequence);

		if (p != NULL)
			place_leave(&t, p, p->previous_ms, true);
		p = place_enter(&t, q, now_ms, NULL);
		turn_decide(&t, DECISION_ENTERED, q, p->entry, NULL, "by hand");
		place_advance(&t, q, p);
	}
	turn_end(&t);
	return enters ? 0 : -1;
}

int
engine_exit(const struct rules *rules, struct subject *s, const char *sequence,
    const char *reason, int64_t now_ms, struct decisions *out, struct error *e)
{
	const struct sequence *q;
	struct place *p = find_place(rules, s, sequence, &q, e);
	struct turn t;

	if (p == NULL)
		return -1;
	t = turn_begin(rules, s, NULL, now_ms, out);
	turn_decide(&t, DECISION_EXITED, q, p->entry, NULL, "%s", reason);
	place_leave(&t, p, now_ms, false);
	turn_end(&t);
	return 0;
}

int
engine_pause(const struct rules *rules, struct subject *s, const char *sequence,
    int64_t until_ms, int64_t now_ms, struct decisions *out, struct error *e)
{
	const struct sequence *q;
	struct place *p = find_place(rules, s, sequence, &q, e);
	struct turn t;

	if (p == NULL)
		return -1;
	if (until_ms <= now_ms) {
		error_set(e, "a pause must end later than now");
		return -1;
	}
	t = turn_begin(rules, s, NULL, now_ms, out);
	place_pause(&t, q, p, until_ms, "by hand");
	turn_end(&t);
	return 0;
}

/* The next step is looked at by the wake-up that this asks for, at once. */
static void
look_again(struct turn *t, const struct sequence *q, struct place *p)
{
	const struct step *next = place_next(q, p);

	if (next != NULL)
		place_wait(t, p, next, t->now_ms);
	else
		place_finish(t, q, p, NULL);
}

int
engine_resume(const struct rules *rules, struct subject *s,
    const char *sequence, int64_t now_ms, struct decisions *out,
    struct error *e)
{
	const struct sequence *q;
	struct place *p = find_place(rules, s, sequence, &q, e);
	struct turn t;

	if (p == NULL)
		return -1;
	if (p->paused_until_ms == 0) {
		error_set(e, "%s is not paused in \"%s\"", s->name, sequence);
		return -1;
	}
	t = turn_begin(rules, s, NULL, now_ms, out);
	place_resume(&t, q, p, now_ms, "by hand");
	look_again(&t, q, p);
	turn_end(&t);
	return 0;
}

int
engine_skip(const struct rules *rules, struct subject *s, const char *sequence,
    int64_t now_ms, struct decisions *out, struct error *e)
{
	const struct sequence *q;
	struct place *p = find_place(rules, s, sequence, &q, e);
	const struct step *step = p != NULL ? place_next(q, p) : NULL;
	struct turn t;

	if (p == NULL)
		return -1;
	if (step == NULL) {
		error_set(e, "no step of \"%s\" is left", sequence);
		return -1;
	}
	t = turn_begin(rules, s, NULL, now_ms, out);
	turn_decide(&t, DECISION_SKIPPED, q, p->entry, step, "by hand");
	place_pass(&t, p, step);
	look_again(&t, q, p);
	turn_end(&t);
	return 0;
}
