/* SPDX-License-Identifier: MIT */
/*
 * engine - the order of work for one event: metrics, then for each sequence
 * exits, pauses, the goal, entering, and the steps that are due. A wake-up is
 * the same without an event. Everything here goes through the sequences in the
 * order of their names.
 */
#include <string.h>

#include "sequences/look.h"

/* When it happened; a clock that runs ahead does not count. */
static int64_t
event_time(const struct look *l, const struct event *event)
{
	return event == NULL || event->at_ms > l->now_ms ? l->now_ms
							 : event->at_ms;
}

/*
 * Does the trigger of this place fire? What happened before the entry does not
 * touch it, however late it is told.
 */
static bool
trigger_fires(struct look *l, const struct trigger *trigger,
    const struct place *p, const struct event *event)
{
	if (trigger->kind == TRIGGER_EVENT) {
		if (event == NULL || strcmp(trigger->on, event->name) != 0 ||
		    event_time(l, event) < p->entered_ms)
			return false;
		engine_scope_look_at(&l->scope, event->properties, p);
	} else {
		engine_scope_look_at(&l->scope, NULL, p);
	}
	return look_tests(l, trigger->condition);
}

/* `Plan Upgraded; user.plan == 'pro' is true: user.plan is "pro"` */
static void
trigger_reason(
    struct look *l, const struct trigger *trigger, char reason[REASON_SIZE])
{
	char why[REASON_SIZE];

	look_holds(l, trigger->condition, why);
	if (trigger->on == NULL)
		reason_set(reason, "%s", why);
	else
		reason_set(reason, "%s%s%s", trigger->on,
		    why[0] != '\0' ? "; " : "", why);
}

/* Returns whether the place is gone. */
static bool
take_exits(struct look *l, const struct sequence *q, struct place *p,
    const struct event *event)
{
	for (int i = 0; i < q->exit.n; i++) {
		const struct trigger *trigger = &q->exit.list[i];
		char reason[REASON_SIZE];

		if (!trigger_fires(l, trigger, p, event))
			continue;
		trigger_reason(l, trigger, reason);
		if (!p->is_done)
			look_decide(l, DECISION_EXITED, q, p->entry, NULL, "%s",
			    reason);
		place_leave(l, p, event_time(l, event), false);
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
    struct look *l, const struct sequence *q, const struct event *event)
{
	struct past *past = subject_past(l->subject, q->name);

	if (past == NULL || !past->is_finished)
		return;
	for (int i = 0; i < q->exit.n; i++) {
		struct place as_entered = {.entered_ms = past->entered_ms};

		if (q->exit.list[i].kind == TRIGGER_EVENT &&
		    trigger_fires(l, &q->exit.list[i], &as_entered, event)) {
			past->is_finished = false;
			l->subject->state_changed = true;
		}
	}
	engine_scope_look_at(&l->scope, NULL, NULL);
}

static void
take_pauses(struct look *l, const struct sequence *q, struct place *p,
    const struct event *event)
{
	for (int i = 0; i < q->pause.n; i++) {
		const struct trigger *trigger = &q->pause.list[i];
		int64_t until = event_time(l, event) + trigger->period_ms;
		char reason[REASON_SIZE];

		if (until <= l->now_ms || until <= p->paused_until_ms ||
		    !trigger_fires(l, trigger, p, event))
			continue;
		trigger_reason(l, trigger, reason);
		place_pause(l, q, p, until, reason);
	}
}

/*
 * Once an entry. Reaching it ends nothing: whoever wants that has an exit. The
 * place is gone afterwards if it was kept for this only.
 */
static void
take_goal(struct look *l, const struct sequence *q, struct place *p,
    const struct event *event)
{
	const struct trigger *goal = q->goal.list;
	int64_t took = event_time(l, event) - p->entered_ms;
	char reason[REASON_SIZE];

	if (q->goal.n == 0 || p->goal_ms != 0 ||
	    (goal->period_ms != 0 && took > goal->period_ms) ||
	    !trigger_fires(l, goal, p, event))
		return;
	trigger_reason(l, goal, reason);
	look_decide(l, DECISION_GOAL, q, p->entry, NULL, "%s", reason);
	p->goal_ms = event_time(l, event);
	l->subject->state_changed = true;
	if (p->is_done)
		place_leave(l, p, p->previous_ms, true);
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
may_reenter(struct look *l, const struct trigger *enter,
    const struct past *last, int64_t at_ms, char reason[REASON_SIZE])
{
	char entered[TIME_TEXT_SIZE], after[40];

	if (last->entries == 0)
		return true;
	look_time(l, last->entered_ms, entered);
	if (enter->reenter == REENTER_NEVER) {
		reason[0] = '\0'; /* no news: the entry is in the log */
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

/* Returns false with the reason, or with none when there is nothing to say. */
static bool
may_enter(struct look *l, const struct sequence *q,
    const struct trigger *trigger, const struct past *last,
    const struct event *event, char reason[REASON_SIZE])
{
	engine_scope_look_at(&l->scope, event->properties, NULL);
	return may_reenter(l, trigger, last, event_time(l, event), reason) &&
	       !look_would_exit(l, q, reason) &&
	       look_holds(l, trigger->condition, reason);
}

/*
 * Not this time. The event is kept for a while: clients promise no order, and
 * an identify that makes the condition true may still be under way. Noted once
 * a day, since the same event may come often.
 */
#define CANDIDATE_MS ((int64_t)30 * 60 * 1000)
#define NOTE_MS	     ((int64_t)24 * 60 * 60 * 1000)

static void
refuse(struct look *l, const struct sequence *q, int entry,
    const struct event *event, const char *reason)
{
	const struct candidate *c = subject_candidate(l->subject, q->name);
	int64_t noted_ms = c != NULL ? c->noted_ms : 0;

	if (l->now_ms - noted_ms >= NOTE_MS) {
		noted_ms = l->now_ms;
		look_decide(l, DECISION_REFUSED, q, entry, NULL, "%s; %s",
		    event->name, reason);
	}
	subject_candidate_set(
	    l->subject, &(struct candidate){.sequence = (char *)q->name,
			    .on = (char *)event->name,
			    .at_ms = event_time(l, event),
			    .noted_ms = noted_ms,
			    .event = event->properties});
}

/* Returns whether it enters. A refusal has its reason, or none. */
static bool
take_enters(struct look *l, const struct sequence *q, const struct event *event,
    char reason[REASON_SIZE])
{
	struct past last = last_entry(l->subject, q->name);

	reason[0] = '\0';
	for (int i = 0; i < q->enter.n; i++) {
		const struct trigger *trigger = &q->enter.list[i];
		struct place *p = subject_place(l->subject, q->name);

		if (trigger->kind != TRIGGER_EVENT ||
		    strcmp(trigger->on, event->name) != 0)
			continue;
		if (!may_enter(l, q, trigger, &last, event, reason))
			continue;
		if (p != NULL)
			place_leave(l, p, p->previous_ms, true);
		p = place_enter(l, q, event_time(l, event), event->properties);
		trigger_reason(l, trigger, reason);
		look_decide(
		    l, DECISION_ENTERED, q, p->entry, NULL, "%s", reason);
		return true;
	}
	return false;
}

/* Something about the subject has changed: does it enter now? */
static void
take_candidate(struct look *l, const struct sequence *q)
{
	struct candidate *c = subject_candidate(l->subject, q->name);
	struct event event;
	char reason[REASON_SIZE];

	if (c == NULL || l->now_ms - c->at_ms > CANDIDATE_MS)
		return;
	event = (struct event){
	    .name = c->on, .at_ms = c->at_ms, .properties = c->event};
	if (take_enters(l, q, &event, reason))
		subject_candidate_remove(
		    l->subject, subject_candidate(l->subject, q->name));
}

static void
take_event(struct look *l, const struct sequence *q, const struct event *event)
{
	struct past last = last_entry(l->subject, q->name);
	char reason[REASON_SIZE];

	if (event->name[0] == '\0')
		take_candidate(l, q);
	else if (!take_enters(l, q, event, reason) && reason[0] != '\0')
		refuse(l, q, last.entries + 1, event, reason);
}

/* ------------------------------------------- events, wake-ups */

/* Time has passed: what is due, or the end of waiting for a goal. */
static void
settle(struct look *l, const struct sequence *q, struct place *p)
{
	if (!p->is_done)
		place_advance(l, q, p);
	else if (p->due_ms <= l->now_ms)
		place_leave(l, p, p->previous_ms, true);
}

static void
sequence_event(
    struct look *l, const struct sequence *q, const struct event *event)
{
	struct place *p = subject_place(l->subject, q->name);

	if (p == NULL) {
		take_late_exits(l, q, event);
	} else if (!take_exits(l, q, p, event)) {
		if (!p->is_done)
			take_pauses(l, q, p, event);
		take_goal(l, q, p, event);
	}
	p = subject_place(l->subject, q->name);
	if (p == NULL || p->is_done)
		take_event(l, q, event);
	p = subject_place(l->subject, q->name);
	if (p != NULL)
		settle(l, q, p);
}

static int
subject_event(const struct rules *rules, struct subject *s,
    const struct subject *account, const struct event *event, int64_t now_ms,
    struct decisions *out)
{
	struct look l = look_begin(rules, s, account, now_ms, out);
	bool is_account = s->kind == SUBJECT_ACCOUNT;

	for (int i = 0; i < rules->n_sequences; i++)
		if (rules->sequences[i].for_account == is_account)
			sequence_event(&l, &rules->sequences[i], event);
	return look_end(&l);
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
place_sleep(struct look *l, struct place *p)
{
	l->subject->state_changed |= p->due_ms != 0;
	p->due_ms = 0;
}

int
engine_wake(const struct rules *rules, struct subject *s,
    struct subject *account, int64_t now_ms, struct decisions *out)
{
	struct look l = look_begin(rules, s, account, now_ms, out);

	for (int i = 0, left; i < s->n_places; i += s->n_places == left) {
		struct place *p = &s->places[i];
		const struct sequence *q = rules_sequence(rules, p->sequence);

		left = s->n_places;
		if (q == NULL)
			place_sleep(&l, p);
		else if (!take_exits(&l, q, p, NULL))
			settle(&l, q, p);
	}
	return look_end(&l);
}
