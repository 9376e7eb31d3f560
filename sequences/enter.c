/* SPDX-License-Identifier: MIT */
/*
 * enter - who gets into a sequence: an event or a watch gives the cause, and
 * reentry, exits and the condition say whether it counts. Every refusal is said
 * in the log, each of these at most once a day and sequence, since what causes
 * it may come often.
 */
#include <string.h>

#include "sequences/look.h"

#define DAY_MS	     ((int64_t)24 * 60 * 60 * 1000)
#define CANDIDATE_MS ((int64_t)30 * 60 * 1000)

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
entered_within(struct look *l, const struct past *last, int64_t at_ms,
    int64_t period_ms, const char *what, char reason[REASON_SIZE])
{
	char entered[TIME_TEXT_SIZE], period[40];

	if (period_ms == 0 || last->entries == 0 ||
	    last->entered_ms > l->now_ms || /* a clock ran ahead */
	    at_ms - last->entered_ms >= period_ms)
		return false;
	look_time(l, last->entered_ms, entered);
	duration_text(period_ms, period, sizeof period);
	reason_set(reason, "%sentered on %s, less than %s before", what,
	    entered, period);
	return true;
}

/* No news is no reason: somebody inside, or in once and for all, is known. */
static bool
may_reenter(struct look *l, const struct sequence *q, const struct cause *cause,
    char reason[REASON_SIZE])
{
	const struct trigger *t = cause->trigger;
	const struct place *p = subject_place(l->subject, q->name);
	struct past last = last_entry(l->subject, q->name);

	reason[0] = '\0';
	if (p != NULL && !p->is_done)
		return false;
	if (entered_within(
		l, &last, cause->at_ms, t->cooldown_ms, "cooldown: ", reason))
		return false;
	if (last.entries == 0)
		return true;
	if (t->reenter == REENTER_NEVER)
		return false;
	if (look_is_before(l, cause->at_ms, last.exited_ms)) {
		reason_set(reason, "it happened before the last exit");
		return false;
	}
	return t->reenter != REENTER_AFTER ||
	       !entered_within(
		   l, &last, cause->at_ms, t->reenter_after_ms, "", reason);
}

/* Why somebody does not get in. */
enum refusal {
	NONE,
	NOT_AGAIN = 1,
	WOULD_EXIT = 2,
	DOES_NOT_HOLD = 4,
	TOO_LATE = 8,
};

static enum refusal
refusal_of(struct look *l, const struct sequence *q, const struct cause *cause,
    char reason[REASON_SIZE])
{
	engine_scope_look_at(&l->scope, cause->event, NULL);
	if (!may_reenter(l, q, cause, reason))
		return NOT_AGAIN;
	if (look_would_exit(l, q, reason))
		return WOULD_EXIT;
	return look_holds(l, cause->trigger->condition, reason) ? NONE
								: DOES_NOT_HOLD;
}

static void
enter(struct look *l, const struct sequence *q, const struct cause *cause,
    const char *why)
{
	struct place *p = subject_place(l->subject, q->name);

	if (p != NULL)
		place_leave(l, p, p->previous_ms, true);
	p = place_enter(l, q, cause->at_ms, cause->event);
	look_decide(l, DECISION_ENTERED, q, p->entry, NULL, "%s%s%s",
	    cause->reason, why[0] != '\0' ? "; " : "", why);
}

/*
 * Says so unless that was said today. Into `c`, which has the sequence, goes
 * what has been said of it.
 */
static void
note_refusal(struct look *l, const struct sequence *q, const char *cause,
    enum refusal what, const char *reason, struct candidate *c)
{
	const struct candidate *before = subject_candidate(l->subject, q->name);
	struct past last = last_entry(l->subject, q->name);
	bool is_today = before != NULL && l->now_ms - before->noted_ms < DAY_MS;

	c->noted_ms = is_today ? before->noted_ms : l->now_ms;
	c->noted = is_today ? before->noted : NONE;
	if ((c->noted & what) == 0)
		look_decide(l, DECISION_REFUSED, q, last.entries + 1, NULL,
		    "%s; %s", cause, reason);
	c->noted |= what;
}

/* Not to be tried again; what waits to be stays. */
static void
refuse_for_good(struct look *l, const struct sequence *q, const char *cause,
    enum refusal what, const char *reason)
{
	struct candidate *before, new = {.sequence = q->name};

	note_refusal(l, q, cause, what, reason, &new);
	before = subject_candidate(l->subject, q->name);
	if (before == NULL) {
		subject_candidate_set(l->subject, &new);
	} else if (before->noted_ms != new.noted_ms ||
		   before->noted != new.noted) {
		before->noted_ms = new.noted_ms;
		before->noted = new.noted;
		l->subject->state_changed = true;
	}
}

bool
enter_by(struct look *l, const struct sequence *q, const struct cause *cause)
{
	char reason[REASON_SIZE];
	enum refusal what = refusal_of(l, q, cause, reason);

	if (what == NONE)
		enter(l, q, cause, reason);
	else if (reason[0] != '\0')
		refuse_for_good(l, q, cause->reason, what, reason);
	return what == NONE;
}

/* ------------------------------------------------------ events */

/*
 * Not this time. The event is kept for a while: clients promise no order, and
 * an identify that makes the condition true may still be under way.
 */
static void
refuse(struct look *l, const struct sequence *q, const struct event *event,
    enum refusal what, const char *reason)
{
	struct candidate c = {.sequence = q->name,
	    .on = (char *)event->name,
	    .at_ms = look_event_time(l, event),
	    .event = event->properties};

	note_refusal(l, q, event->name, what, reason, &c);
	subject_candidate_set(l->subject, &c);
}

/* A refusal has its reason, or none. NOT_AGAIN also: it has no such way in. */
static enum refusal
try_event(struct look *l, const struct sequence *q, const struct event *event,
    char reason[REASON_SIZE])
{
	enum refusal what = NOT_AGAIN;

	reason[0] = '\0';
	for (int i = 0; i < q->enter.n; i++) {
		struct cause cause = {.trigger = &q->enter.list[i],
		    .at_ms = look_event_time(l, event),
		    .event = event->properties,
		    .reason = event->name};

		if (cause.trigger->kind != TRIGGER_EVENT ||
		    strcmp(cause.trigger->on, event->name) != 0)
			continue;
		what = refusal_of(l, q, &cause, reason);
		if (what == NONE) {
			enter(l, q, &cause, reason);
			break;
		}
	}
	return what;
}

/* Something about the subject has changed: does it enter now? */
static void
try_candidate(struct look *l, const struct sequence *q)
{
	struct candidate *c = subject_candidate(l->subject, q->name);
	struct event event;
	char reason[REASON_SIZE];

	if (c == NULL || c->on == NULL || l->now_ms - c->at_ms > CANDIDATE_MS)
		return;
	event = (struct event){
	    .name = c->on, .at_ms = c->at_ms, .properties = c->event};
	if (try_event(l, q, &event, reason) == NONE)
		subject_candidate_remove(
		    l->subject, subject_candidate(l->subject, q->name));
}

void
enter_by_event(
    struct look *l, const struct sequence *q, const struct event *event)
{
	char reason[REASON_SIZE];
	enum refusal what;

	if (event->name[0] == '\0') {
		try_candidate(l, q);
		return;
	}
	what = try_event(l, q, event, reason);
	if (what != NONE && reason[0] != '\0')
		refuse(l, q, event, what, reason);
}

void
enter_too_late(
    struct look *l, const struct sequence *q, const struct event *event)
{
	char reason[REASON_SIZE], age[40];
	bool is_way_in = false;

	for (int i = 0; i < q->enter.n; i++)
		is_way_in |= q->enter.list[i].kind == TRIGGER_EVENT &&
			     strcmp(q->enter.list[i].on, event->name) == 0;
	if (!is_way_in)
		return;
	reason_set(reason,
	    "it came %s late, and longer than max_event_age starts nothing",
	    duration_text(l->now_ms - event->at_ms, age, sizeof age));
	refuse_for_good(l, q, event->name, TOO_LATE, reason);
}
