/* SPDX-License-Identifier: MIT */
/*
 * engine - the order of work for one event: metrics of the user and of the
 * account, then for each sequence exits, pauses, waits, the goal, entering, and
 * the steps that are due. A wake-up is the same without an event. Everything
 * here goes through the sequences in the order of their names.
 */
#include <string.h>

#include "sequences/look.h"

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
		    look_is_before(l, look_event_time(l, event), p->entered_ms))
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
		place_leave(l, p, look_event_time(l, event), false);
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
		int64_t until = look_event_time(l, event) + trigger->period_ms;
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
	int64_t took = look_event_time(l, event) - p->entered_ms;
	char reason[REASON_SIZE];

	if (q->goal.n == 0 || p->goal_ms != 0 ||
	    (goal->period_ms != 0 && took > goal->period_ms) ||
	    !trigger_fires(l, goal, p, event))
		return;
	trigger_reason(l, goal, reason);
	look_decide(l, DECISION_GOAL, q, p->entry, NULL, "%s", reason);
	p->goal_ms = look_event_time(l, event);
	l->subject->state_changed = true;
	if (p->is_done)
		place_leave(l, p, p->previous_ms, true);
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

/* What an event, or (NULL) the passing of time, does to somebody inside. */
static void
place_look(struct look *l, const struct sequence *q, struct place *p,
    const struct event *event)
{
	if (take_exits(l, q, p, event) || event == NULL)
		return;
	if (!p->is_done) {
		take_pauses(l, q, p, event);
		place_take_event(l, q, p, event);
	}
	take_goal(l, q, p, event);
}

/*
 * Who is inside goes by the definition that they entered if it is pinned; who
 * enters does by the current one, `q`.
 */
static void
sequence_look(
    struct look *l, const struct sequence *q, const struct event *event)
{
	struct place *p = subject_place(l->subject, q->name);

	if (p != NULL)
		place_look(
		    l, place_sequence(l->rules, l->subject, p), p, event);
	else if (event != NULL)
		take_late_exits(l, q, event);
	p = subject_place(l->subject, q->name);
	if (event != NULL && (p == NULL || p->is_done))
		enter_by_event(l, q, event);
	watch_look(l, q, event);
	p = subject_place(l->subject, q->name);
	if (p != NULL)
		settle(l, place_sequence(l->rules, l->subject, p), p);
}

/* Calls it for each sequence of the subject's kind, in the order of names. */
static void
each_sequence(struct look *l, const struct event *event,
    void (*look)(struct look *, const struct sequence *, const struct event *))
{
	bool is_account = l->subject->kind == SUBJECT_ACCOUNT;

	for (int i = 0; i < l->rules->n_sequences; i++)
		if (l->rules->sequences[i].for_account == is_account)
			look(l, &l->rules->sequences[i], event);
}

/*
 * Places whose sequence is not the subject's any more: the older version that
 * they are pinned to goes on; others sleep, in case it comes back.
 */
static void
look_at_orphans(struct look *l, const struct event *event)
{
	struct subject *s = l->subject;

	for (int i = 0; i < s->n_places; i++) {
		struct place *p = &s->places[i];
		const struct sequence *q = place_sequence(l->rules, s, p);
		const struct sequence *now =
		    rules_sequence(l->rules, p->sequence);
		int left = s->n_places;

		if (now != NULL &&
		    now->for_account == (s->kind == SUBJECT_ACCOUNT))
			continue; /* each_sequence() looks at it */
		if (q != NULL) {
			place_look(l, q, p, event);
			if (s->n_places == left)
				settle(l, q, p);
		} else if (p->due_ms != 0) {
			p->due_ms = 0;
			s->state_changed = true;
		}
		i -= left - s->n_places; /* it may be gone */
	}
}

/* What ways in that are gone remember; else it would be due for ever. */
static void
forget_watches(const struct rules *rules, struct subject *s)
{
	for (int i = s->n_watches; i-- > 0;)
		if (!rules_has_watch(rules, s->watches[i].number))
			subject_watch_remove(s, &s->watches[i]);
}

/*
 * An event, or NULL. History moves what watches remember, and nothing else. New
 * watches of an account that waits to be brought up to date take note.
 */
static int
subject_look(const struct rules *rules, struct subject *s,
    const struct subject *account, const struct event *event, int64_t now_ms,
    struct decisions *out)
{
	struct look l = look_begin(rules, s, account, now_ms, out);

	if (s->known < rules_newest(rules)) {
		forget_watches(rules, s);
		if (event != NULL)
			each_sequence(&l, event, watch_replay);
	}
	if (event != NULL && event->is_history) {
		each_sequence(&l, event, watch_look);
		if (event->is_late)
			each_sequence(&l, event, enter_too_late);
	} else {
		look_at_orphans(&l, event);
		each_sequence(&l, event, sequence_look);
	}
	return look_end(&l);
}

static void
count_event(const struct rules *rules, struct subject *s,
    const struct subject *account, const struct event *event, int64_t now_ms,
    int above)
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

	metrics_apply(rules->metrics, s, event, &liquid, above);
	engine_scope_free(&scope);
}

/* The account's metrics of its members; returns whether they changed. */
static bool
join(const struct rules *rules, struct subject *user, struct subject *account,
    int64_t now_ms)
{
	struct engine_scope scope = {.rules = rules,
	    .subject = user,
	    .account = account,
	    .now_ms = now_ms,
	    .is_lean = true,
	    .metrics = metrics_of_members(rules->metrics)};
	struct liquid_scope liquid = {.lookup = engine_scope_lookup,
	    .arg = &scope,
	    .now_ms = now_ms,
	    .zone = engine_zone(rules, user, account),
	    .undefined_is_nil = true};
	bool changed = metrics_join(rules->metrics, user, account, &liquid);

	engine_scope_free(&scope);
	return changed;
}

/* ------------------------------------- up to date with the rules */

bool
engine_is_behind(const struct rules *rules, const struct subject *s)
{
	return s->known < rules_newest(rules) &&
	       (s->kind == SUBJECT_USER || rules_is_settled(rules));
}

static bool
watches_want_replay(const struct rules *rules, int known)
{
	for (int i = 0; i < rules->n_sequences; i++) {
		const struct triggers *enter = &rules->sequences[i].enter;

		for (int k = 0; k < enter->n; k++)
			if (enter->list[k].number > known &&
			    (enter->list[k].kind == TRIGGER_MISSING ||
				enter->list[k].kind == TRIGGER_IDLE))
				return true;
	}
	return false;
}

bool
engine_wants_replay(const struct rules *rules, const struct subject *s)
{
	return s->kind == SUBJECT_USER && engine_is_behind(rules, s) &&
	       (metrics_want_events(rules->metrics, s->known) ||
		   watches_want_replay(rules, s->known));
}

static void
replay_watches(const struct rules *rules, struct subject *s,
    const struct subject *account, const struct event *event, int64_t now_ms)
{
	struct look l = look_begin(rules, s, account, now_ms, NULL);

	each_sequence(&l, event, watch_replay);
	look_end(&l);
}

void
engine_replay(const struct rules *rules, struct subject *user,
    const struct subject *account, struct subject *of,
    const struct event *event, int64_t now_ms)
{
	count_event(rules, user, account, event, now_ms, user->known);
	replay_watches(rules, user, account, event, now_ms);
	if (of == NULL)
		return;
	count_event(rules, of, NULL, event, now_ms, user->known);
	replay_watches(rules, of, NULL, event, now_ms);
}

static void
begin_watches(
    struct look *l, const struct sequence *q, const struct event *event)
{
	struct place *p;

	watch_baseline(l, q, false);
	p = subject_place(l->subject, q->name);
	if (p != NULL)
		settle(l, place_sequence(l->rules, l->subject, p), p);
}

static void
catch_up(const struct rules *rules, struct subject *s, struct subject *account,
    int64_t now_ms, struct decisions *out)
{
	struct look l;

	if (!engine_is_behind(rules, s))
		return;
	metrics_drop_unknown(rules->metrics, s);
	forget_watches(rules, s);
	l = look_begin(rules, s, account, now_ms, out);
	each_sequence(&l, NULL, begin_watches);
	s->known = rules_newest(rules);
	s->state_changed = true;
	look_end(&l);
}

/* ------------------------------------------------------ public */

static void
bear_watches(
    struct look *l, const struct sequence *q, const struct event *event)
{
	watch_baseline(l, q, true);
}

void
engine_begin(const struct rules *rules, struct subject *s, int64_t now_ms)
{
	struct look l;

	if (!engine_is_behind(rules, s))
		return;
	l = look_begin(rules, s, NULL, now_ms, NULL);
	each_sequence(&l, NULL, bear_watches);
	s->known = rules_newest(rules);
	s->state_changed = true;
	look_end(&l);
}

int
engine_apply(const struct rules *rules, struct subject *user,
    struct subject *account, const struct event *event, int64_t now_ms,
    struct decisions *out)
{
	const struct event *its = event->is_elsewhere ? NULL : event;
	int rc;

	catch_up(rules, user, account, now_ms, out);
	count_event(rules, user, account, event, now_ms, 0);
	if (account != NULL) {
		catch_up(rules, account, NULL, now_ms, out);
		if (its != NULL)
			count_event(rules, account, NULL, its, now_ms, 0);
		join(rules, user, account, now_ms);
	}
	rc = subject_look(rules, user, account, event, now_ms, out);
	if (account != NULL &&
	    subject_look(rules, account, NULL, its, now_ms, out) != 0)
		rc = -1;
	return rc;
}

int
engine_wake(const struct rules *rules, struct subject *s,
    struct subject *account, int64_t now_ms, struct decisions *out)
{
	int rc;

	catch_up(rules, s, account, now_ms, out);
	rc = subject_look(rules, s, account, NULL, now_ms, out);
	if (account != NULL && join(rules, s, account, now_ms) &&
	    subject_look(rules, account, NULL, NULL, now_ms, out) != 0)
		rc = -1;
	return rc;
}

int
engine_leave(const struct rules *rules, struct subject *user,
    struct subject *account, int64_t now_ms, struct decisions *out)
{
	if (!metrics_leave(rules->metrics, user, account))
		return 0;
	return subject_look(rules, account, NULL, NULL, now_ms, out);
}

bool
engine_wants_recount(const struct rules *rules, const struct subject *account)
{
	return metrics_want_recount(rules->metrics, account);
}

void
engine_recount_begin(const struct rules *rules, struct subject *account)
{
	metrics_recount_begin(rules->metrics, account);
}

void
engine_recount(const struct rules *rules, struct subject *account,
    const struct subject *member)
{
	metrics_recount(rules->metrics, account, member);
}
