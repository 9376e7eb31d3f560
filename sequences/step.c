/* SPDX-License-Identifier: MIT */
/*
 * step - when a step of an entry is due, and what is decided then.
 *
 * A step is decided at its due time, or later if nobody looked: after downtime,
 * when a pause ended, or because its window was closed. If that is more than
 * the grace later it is skipped (or sent all the same, `"then": "send"`). And
 * when several are due at once, only the last that would send anything does, so
 * that a person never gets two at once; steps that the definition puts at the
 * same time (the same day, or "after": "0s") belong together and are all
 * decided.
 */
#include <stdio.h>

#include "sequences/look.h"
#include "templates/mem.h"

#define SECOND ((int64_t)1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)

struct moment {
	int64_t due_ms; /* when it should be decided */
	int64_t at_ms;	/* when it can be: now at the earliest, window open */
	bool is_late;	/* more than the grace between them */
};

int64_t
step_opens(const struct sequence *q, const struct step *step,
    const struct zone *zone, int64_t t_ms)
{
	const struct hours *hours = step_hours(q, step);
	int64_t next;

	if (hours == NULL)
		return t_ms;
	next = window_next(
	    &hours->window, hours->zone != NULL ? hours->zone : zone, t_ms);
	return next >= 0 ? next : t_ms;
}

static int64_t
day_due(const struct look *l, const struct sequence *q, const struct place *p,
    const struct step *step)
{
	const struct hours *hours = step_hours(q, step);

	if (hours == NULL)
		return calendar_day(
		    l->scope.zone, p->entered_ms, step->day, NULL);
	return calendar_day(hours->zone != NULL ? hours->zone : l->scope.zone,
	    p->entered_ms, step->day, &hours->window);
}

static int64_t
step_due(const struct look *l, const struct sequence *q, const struct place *p,
    const struct step *step)
{
	if (step->when == STEP_DAY)
		return day_due(l, q, p, step);
	return step_opens(
	    q, step, l->scope.zone, p->previous_ms + step->after_ms);
}

static struct moment
step_moment(const struct look *l, const struct sequence *q,
    const struct place *p, const struct step *step)
{
	struct moment m = {.due_ms = step_due(l, q, p, step)};

	m.at_ms = m.due_ms;
	if (m.due_ms < l->now_ms)
		m.at_ms = step_opens(q, step, l->scope.zone, l->now_ms);
	m.is_late = !q->sends_late && m.at_ms - m.due_ms > q->grace_ms;
	return m;
}

/* The option that is to be sent, or NULL with the reason. */
static const struct option *
step_option(struct look *l, const struct step *step, char reason[REASON_SIZE])
{
	for (int i = 0; i < step->action.n_options; i++)
		if (look_holds(l, step->action.options[i].condition, reason))
			return &step->action.options[i];
	if (step->action.n_options > 1)
		reason_set(reason, "no choice matches");
	return NULL;
}

static bool
would_send(struct look *l, const struct step *step)
{
	char reason[REASON_SIZE];

	return look_holds(l, step->condition, reason) &&
	       step_option(l, step, reason) != NULL;
}

static bool
is_together(const struct step *a, const struct step *b)
{
	if (b->when == STEP_AFTER)
		return b->after_ms == 0;
	return a->when == STEP_DAY && a->day == b->day;
}

/* The last of the later steps that is due as well and would send. */
static const struct step *
step_overtaker(struct look *l, const struct sequence *q, const struct place *p,
    const struct step *step)
{
	const struct step *overtaker = NULL, *end = q->steps + q->n_steps;

	for (const struct step *later = step + 1; later < end; later++) {
		struct moment m;

		if (is_together(step, later))
			continue;
		if (later->when == STEP_AFTER)
			break; /* counts from a step not yet decided */
		m = step_moment(l, q, p, later);
		if (m.at_ms > l->now_ms)
			break;
		if (!m.is_late && would_send(l, later))
			overtaker = later;
	}
	return overtaker;
}

static void
late_reason(int64_t late_ms, char reason[REASON_SIZE])
{
	int64_t unit = late_ms >= 48 * HOUR  ? HOUR
		       : late_ms >= 2 * HOUR ? MINUTE
					     : SECOND;
	char text[40];

	reason_set(reason, "late by %s",
	    duration_text(late_ms - late_ms % unit, text, sizeof text));
}

static void
send_one(struct look *l, const struct sequence *q, const struct place *p,
    const struct step *step, const struct moment *m, const char *template_name,
    const char *recipient, const char *reason)
{
	struct outgoing *send = xcalloc(1, sizeof *send);

	send->template_name = xstrdup(template_name);
	send->recipient = xstrdup(recipient);
	send->topic = q->topic != NULL ? xstrdup(q->topic) : NULL;
	send->not_before_ms = m->due_ms;
	send->expires_at_ms = q->sends_late ? 0 : m->due_ms + q->grace_ms;
	send->event = json_incref(p->event);
	send->entered_ms = p->entered_ms;
	send->day = engine_scope_day(&l->scope);
	look_decide(l, DECISION_SEND, q, p->entry, step, "%s", reason)->send =
	    send;
}

static void
send_all(struct look *l, const struct sequence *q, const struct place *p,
    const struct step *step, const struct moment *m,
    const struct option *option, const char *why)
{
	char due[TIME_TEXT_SIZE], reason[REASON_SIZE];

	look_time(l, m->due_ms, due);
	reason_set(reason, "due %s%s%s", due, why[0] != '\0' ? "; " : "", why);
	for (int i = 0; i < option->templates.n; i++)
		for (int k = 0; k < step->action.to.n; k++)
			send_one(l, q, p, step, m, option->templates.list[i],
			    step->action.to.list[k].name, reason);
}

/* Sends, or says in `reason` why not. A step that only stops does neither. */
static bool
step_act(struct look *l, const struct sequence *q, const struct place *p,
    const struct step *step, const struct moment *m, char reason[REASON_SIZE])
{
	char why[REASON_SIZE];
	const struct option *option;
	const struct step *overtaker;

	if (m->is_late) {
		late_reason(m->at_ms - m->due_ms, reason);
		return false;
	}
	if (!look_holds(l, step->condition, reason))
		return false;
	if (step->action.n_options == 0)
		return true;
	option = step_option(l, step, why);
	if (option == NULL) {
		reason_set(reason, "%s", why);
		return false;
	}
	overtaker = step_overtaker(l, q, p, step);
	if (overtaker != NULL) {
		reason_set(reason, "overtaken by %s", overtaker->id);
		return false;
	}
	send_all(l, q, p, step, m, option, why[0] != '\0' ? why : reason);
	return true;
}

/* Returns whether the sequence goes on. */
static bool
step_decide(struct look *l, const struct sequence *q, struct place *p,
    const struct step *step, const struct moment *m)
{
	char reason[REASON_SIZE];
	bool is_done;

	engine_scope_look_at(&l->scope, NULL, p);
	is_done = step_act(l, q, p, step, m, reason);
	if (!is_done)
		look_decide(
		    l, DECISION_SKIPPED, q, p->entry, step, "%s", reason);
	place_pass(l, p, step);
	return !(is_done && step->action.is_stop);
}

void
place_advance(struct look *l, const struct sequence *q, struct place *p)
{
	const struct step *step;

	if (p->paused_until_ms != 0 && p->paused_until_ms <= l->now_ms)
		place_resume(l, q, p, "the pause is over");
	while ((step = place_next(q, p)) != NULL) {
		struct moment m = step_moment(l, q, p, step);
		bool is_paused = p->paused_until_ms != 0;

		if (is_paused || (m.at_ms > l->now_ms && !m.is_late)) {
			place_wait(l, p, step, is_paused ? m.due_ms : m.at_ms);
			return;
		}
		if (!step_decide(l, q, p, step, &m))
			break;
	}
	place_finish(l, q, p, step);
}
