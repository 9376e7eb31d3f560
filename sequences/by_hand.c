/* SPDX-License-Identifier: MIT */
/*
 * by_hand - what operators and the API do to a person's place. What was said by
 * hand stands against the rules of reentry, but nobody is put where an exit
 * would take them out again at once.
 */
#include "sequences/look.h"

static const struct sequence *
known(const struct sequence *q, const char *name, struct error *e)
{
	if (q == NULL)
		error_set(e, "there is no sequence \"%s\"", name);
	return q;
}

/* The place of somebody who still has steps ahead. */
static struct place *
find_place(const struct rules *rules, const struct subject *s, const char *name,
    const struct sequence **q, struct error *e)
{
	struct place *p = subject_place(s, name);

	*q = known(p != NULL ? place_sequence(rules, s, p)
			     : rules_sequence(rules, name),
	    name, e);
	if (*q == NULL)
		return NULL;
	if (p == NULL || p->is_done) {
		error_set(e, "%s is not in the sequence \"%s\"", s->name, name);
		return NULL;
	}
	return p;
}

static bool
may_enter_by_hand(struct look *l, const struct sequence *q, struct error *e)
{
	const struct place *p = subject_place(l->subject, q->name);
	int index = (int)(q - l->rules->sequences);
	char reason[REASON_SIZE];

	if (!rules_info(l->rules, index).is_manual)
		error_set(e,
		    "nobody is put into \"%s\" by hand: it has no "
		    "{\"manual\": true} in \"enter\"",
		    q->name);
	else if (q->for_account != (l->subject->kind == SUBJECT_ACCOUNT))
		error_set(e, "\"%s\" is for %s", q->name,
		    q->for_account ? "accounts" : "users");
	else if (p != NULL && !p->is_done)
		error_set(e, "%s is in the sequence \"%s\" already",
		    l->subject->name, q->name);
	else if (look_would_exit(l, q, reason))
		error_set(e, "%s", reason);
	else
		return true;
	return false;
}

int
engine_enter(const struct rules *rules, struct subject *s,
    struct subject *account, const char *sequence, const char *why,
    int64_t now_ms, struct decisions *out, struct error *e)
{
	const struct sequence *q =
	    known(rules_sequence(rules, sequence), sequence, e);
	struct look l = look_begin(rules, s, account, now_ms, out);
	bool enters = q != NULL && may_enter_by_hand(&l, q, e);

	if (enters) {
		struct place *p = subject_place(s, sequence);

		if (p != NULL)
			place_leave(&l, p, p->previous_ms, true);
		p = place_enter(&l, q, now_ms, NULL);
		look_decide(&l, DECISION_ENTERED, q, p->entry, NULL, "%s", why);
		place_advance(&l, q, p);
	}
	look_end(&l);
	return enters ? 0 : -1;
}

int
engine_exit(const struct rules *rules, struct subject *s, const char *sequence,
    const char *why, int64_t now_ms, struct decisions *out, struct error *e)
{
	const struct sequence *q;
	struct place *p = find_place(rules, s, sequence, &q, e);
	struct look l;

	if (p == NULL)
		return -1;
	l = look_begin(rules, s, NULL, now_ms, out);
	look_decide(&l, DECISION_EXITED, q, p->entry, NULL, "%s", why);
	place_leave(&l, p, now_ms, false);
	look_end(&l);
	return 0;
}

int
engine_pause(const struct rules *rules, struct subject *s, const char *sequence,
    const char *why, int64_t until_ms, int64_t now_ms, struct decisions *out,
    struct error *e)
{
	const struct sequence *q;
	struct place *p = find_place(rules, s, sequence, &q, e);
	struct look l;

	if (p == NULL)
		return -1;
	if (until_ms <= now_ms) {
		error_set(e, "a pause must end later than now");
		return -1;
	}
	l = look_begin(rules, s, NULL, now_ms, out);
	place_pause(&l, q, p, until_ms, why);
	look_end(&l);
	return 0;
}

/*
 * The next step is looked at by the wake-up that this asks for, at once. A wait
 * has not begun before its `if` was looked at.
 */
static void
look_again(struct look *l, const struct sequence *q, struct place *p)
{
	const struct step *next = place_next(q, p);

	if (next == NULL && p->paused_until_ms == 0)
		place_finish(l, q, p, NULL);
	else if (next == NULL ||
		 (next->when == STEP_WAIT && !place_waits_at(p, next)))
		place_wait(l, p, NULL, l->now_ms);
	else
		place_wait(l, p, next, l->now_ms);
}

int
engine_resume(const struct rules *rules, struct subject *s,
    const char *sequence, const char *why, int64_t now_ms,
    struct decisions *out, struct error *e)
{
	const struct sequence *q;
	struct place *p = find_place(rules, s, sequence, &q, e);
	struct look l;

	if (p == NULL)
		return -1;
	if (p->paused_until_ms == 0) {
		error_set(e, "%s is not paused in \"%s\"", s->name, sequence);
		return -1;
	}
	l = look_begin(rules, s, NULL, now_ms, out);
	place_resume(&l, q, p, why);
	look_again(&l, q, p);
	look_end(&l);
	return 0;
}

int
engine_skip(const struct rules *rules, struct subject *s, const char *sequence,
    const char *why, int64_t now_ms, struct decisions *out, struct error *e)
{
	const struct sequence *q;
	struct place *p = find_place(rules, s, sequence, &q, e);
	const struct step *step = p != NULL ? place_next(q, p) : NULL;
	struct look l;

	if (p == NULL)
		return -1;
	if (step == NULL) {
		error_set(e, "no step of \"%s\" is left", sequence);
		return -1;
	}
	l = look_begin(rules, s, NULL, now_ms, out);
	look_decide(&l, DECISION_SKIPPED, q, p->entry, step, "%s", why);
	place_pass(&l, p, step);
	look_again(&l, q, p);
	look_end(&l);
	return 0;
}
