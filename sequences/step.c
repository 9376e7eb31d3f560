/* SPDX-License-Identifier: MIT */
/*
 * step - when a step of an entry is due, and what is decided then.
 *
 * A step is decided at its due time, or later if nobody looked: after downtime,
 * when a pause ended, or because its window was closed. If that is more than
 * the grace later it is skipped (or sent all the same, `"then": "send"`). And
 * when several are due at once, only the last that would send anything does, so
 * that a person never gets two at once; steps that the definition puts at the
 * same time (the same day or date, or "after": "0s") belong together and are
 * all decided. Being late is a matter of messages: a stop stops all the same.
 *
 * A wait is due at its deadline, and what it does then is its `else`. Its
 * condition is looked at when it begins, at the first look at which it comes
 * next (place_waits_at() from then on); the event ends it in place.c.
 */
#include <stdio.h>
#include <string.h>

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

/* What sends nothing needs no window. */
static int64_t
opens(const struct look *l, const struct sequence *q, const struct step *step,
    int64_t t_ms)
{
	return step->action.n_options > 0
		   ? step_opens(q, step, l->scope.zone, t_ms)
		   : t_ms;
}

/* 0: not known, the date that it goes by is not set. */
static int64_t
step_due(struct look *l, const struct sequence *q, const struct place *p,
    const struct step *step)
{
	int64_t date_ms;

	switch (step->when) {
	case STEP_DAY:
		return day_due(l, q, p, step);
	case STEP_AT:
		if (look_date(l, step->at, &date_ms) != 0)
			return 0;
		return opens(l, q, step, date_ms + step->after_ms);
	case STEP_WAIT:
		return opens(l, q, step, p->previous_ms + step->wait.period_ms);
	case STEP_AFTER:
		break;
	}
	return opens(l, q, step, p->previous_ms + step->after_ms);
}

static struct moment
step_moment(struct look *l, const struct sequence *q, const struct place *p,
    const struct step *step)
{
	struct moment m = {.due_ms = step_due(l, q, p, step)};

	m.at_ms = m.due_ms;
	if (m.due_ms != 0 && m.due_ms < l->now_ms)
		m.at_ms = opens(l, q, step, l->now_ms);
	m.is_late = !q->sends_late && m.at_ms - m.due_ms > q->grace_ms;
	return m;
}

/* ------------------------------------------------ what to send */

/*
 * Drawn for a person, a sequence and a step once and for all: 64 bits (FNV-1a,
 * then MurmurHash3's finalizer, for FNV's are not even enough).
 */
static uint64_t
draw(const struct look *l, const struct sequence *q, const struct step *step)
{
	const char *parts[] = {l->subject->name, q->name, step->id};
	uint64_t h = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		for (const char *c = parts[i];; c++) {
			h ^= (unsigned char)*c;
			h *= UINT64_C(1099511628211);
			if (*c == '\0')
				break;
		}
	h = (h ^ (h >> 33)) * UINT64_C(0xff51afd7ed558ccd);
	h = (h ^ (h >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ (h >> 33);
}

static const struct option *
drawn_option(const struct action *a, uint64_t drawn, char reason[REASON_SIZE])
{
	const struct option *option = a->options;
	int upto = option->share, of_100 = (int)(drawn % 100);

	while (of_100 >= upto)
		upto += (++option)->share;
	reason_set(
	    reason, "split: %s (%d of 100)", option->variant, option->share);
	return option;
}

/*
 * The option that is to be sent, or NULL with the reason. Holdout and variant
 * are drawn from different bits: another holdout moves nobody to another
 * variant.
 */
static const struct option *
step_option(struct look *l, const struct sequence *q, const struct step *step,
    char reason[REASON_SIZE])
{
	const struct action *a = &step->action;
	uint64_t drawn = draw(l, q, step);

	if ((int)((drawn >> 32) % 100) < a->holdout) {
		reason_set(
		    reason, "holdout: %d of 100 get nothing", a->holdout);
		return NULL;
	}
	if (a->is_split)
		return drawn_option(a, drawn & UINT32_MAX, reason);
	for (int i = 0; i < a->n_options; i++)
		if (look_holds(l, a->options[i].condition, reason))
			return &a->options[i];
	if (a->n_options > 1)
		reason_set(reason, "no choice matches");
	return NULL;
}

static bool
would_send(struct look *l, const struct sequence *q, const struct step *step)
{
	char reason[REASON_SIZE];

	return step->action.n_options > 0 && look_tests(l, step->condition) &&
	       step_option(l, q, step, reason) != NULL;
}

static bool
is_together(const struct step *a, const struct step *b)
{
	if (b->when == STEP_AFTER)
		return b->after_ms == 0;
	if (a->when != b->when)
		return false;
	if (b->when == STEP_AT)
		return a->after_ms == b->after_ms &&
		       strcmp(a->at_text, b->at_text) == 0;
	return b->when == STEP_DAY && a->day == b->day;
}

/*
 * The last of the later steps that is due as well and would send. There is
 * nothing to see behind a step whose time is not known yet, or that stops.
 */
static const struct step *
step_overtaker(struct look *l, const struct sequence *q, const struct place *p,
    const struct step *step)
{
	const struct step *overtaker = NULL, *end = q->steps + q->n_steps;

	if (step->action.is_stop)
		return NULL;
	for (const struct step *later = step + 1; later < end; later++) {
		struct moment m;

		if (later->when == STEP_WAIT)
			break;
		if (!is_together(step, later)) {
			if (later->when == STEP_AFTER)
				break; /* counts from one not yet decided */
			m = step_moment(l, q, p, later);
			if (m.due_ms == 0 || m.at_ms > l->now_ms)
				break;
			if (!m.is_late && would_send(l, q, later))
				overtaker = later;
		}
		if (later->action.is_stop && look_tests(l, later->condition))
			break;
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
    const struct step *step, const struct moment *m,
    const struct option *option, int template, int recipient,
    const char *reason)
{
	struct outgoing *send = xcalloc(1, sizeof *send);

	send->template_name = xstrdup(option->templates.list[template]);
	send->recipient = xstrdup(step->action.to.list[recipient].name);
	send->variant =
	    option->variant != NULL ? xstrdup(option->variant) : NULL;
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
			send_one(l, q, p, step, m, option, i, k, reason);
}

/* Sends, or says in `reason` (so far why the step is decided) why not. */
static bool
step_send(struct look *l, const struct sequence *q, const struct place *p,
    const struct step *step, const struct moment *m, char reason[REASON_SIZE])
{
	char why[REASON_SIZE];
	const struct option *option;
	const struct step *overtaker;

	if (m->is_late) {
		late_reason(m->at_ms - m->due_ms, reason);
		return false;
	}
	option = step_option(l, q, step, why);
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

/* Does what the step does apply? A wait's `else` does, now that it is over. */
static bool
step_applies(struct look *l, const struct sequence *q, const struct place *p,
    const struct step *step, char reason[REASON_SIZE])
{
	char period[40];

	if (step->when != STEP_WAIT)
		return look_holds(l, step->condition, reason);
	duration_text(step->wait.period_ms, period, sizeof period);
	reason_set(reason, "no %s within %s", step->wait.on, period);
	look_decide(l, DECISION_WAITED, q, p->entry, step, "%s", reason);
	return true;
}

/* Returns whether the sequence goes on. */
static bool
step_decide(struct look *l, const struct sequence *q, struct place *p,
    const struct step *step, const struct moment *m)
{
	char reason[REASON_SIZE];
	bool applies = step_applies(l, q, p, step, reason);

	if (!applies || (step->action.n_options > 0 &&
			    !step_send(l, q, p, step, m, reason)))
		look_decide(
		    l, DECISION_SKIPPED, q, p->entry, step, "%s", reason);
	place_pass(l, p, step);
	return !(applies && step->action.is_stop);
}

/* A wait that would begin now, and does not: its condition does not hold. */
static bool
pass_over(struct look *l, const struct sequence *q, struct place *p,
    const struct step *step)
{
	char reason[REASON_SIZE];

	if (step->when != STEP_WAIT || place_waits_at(p, step) ||
	    look_holds(l, step->condition, reason))
		return false;
	look_decide(l, DECISION_SKIPPED, q, p->entry, step, "%s", reason);
	place_pass(l, p, step);
	return true;
}

/*
 * Nothing is decided during a pause, not even that no step is left or that a
 * wait begins; only what a wait waits for may come.
 */
static void
wait_for_resume(struct look *l, const struct sequence *q, struct place *p)
{
	const struct step *step = place_next(q, p);

	engine_scope_look_at(&l->scope, NULL, p);
	if (step == NULL ||
	    (step->when == STEP_WAIT && !place_waits_at(p, step)))
		place_wait(l, p, NULL, p->paused_until_ms);
	else
		place_wait(l, p, step, step_moment(l, q, p, step).due_ms);
}

void
place_advance(struct look *l, const struct sequence *q, struct place *p)
{
	const struct step *step;

	if (p->paused_until_ms != 0 && p->paused_until_ms <= l->now_ms)
		place_resume(l, q, p, "the pause is over");
	if (p->paused_until_ms != 0) {
		wait_for_resume(l, q, p);
		return;
	}
	while ((step = place_next(q, p)) != NULL) {
		struct moment m;

		engine_scope_look_at(&l->scope, NULL, p);
		if (pass_over(l, q, p, step))
			continue;
		m = step_moment(l, q, p, step);
		if (m.due_ms == 0 || (m.at_ms > l->now_ms && !m.is_late)) {
			place_wait(l, p, step, m.at_ms);
			return;
		}
		if (!step_decide(l, q, p, step, &m))
			break;
	}
	place_finish(l, q, p, step);
}
