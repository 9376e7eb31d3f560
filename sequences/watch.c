/* SPDX-License-Identifier: MIT */
/*
 * watch - the ways in that watch a subject: each has a record in it, and fires
 * once for what it watches, on an event or on a wake-up; nothing is polled.
 *
 *	             begins                    due: fires
 *	  armed ─────────────► counting ─────────────────────► spent
 *	   ▲ │ ▲                 │  ▲                          │ │ ▲
 *	   │ │ └─────────────────┘  └──────────────────────────┘ │ │
 *	   │ │       ceases                  renews              │ │
 *	   │ └───────────────────────────────────────────────────┼─┘
 *	   │         passes: it is history, or long ago          │
 *	   └─────────────────────────────────────────────────────┘
 *	             rearms
 *
 * Only what was counting fires, so that an entry always has the moment at which
 * it was due. What holds at once is due at once. Each kind makes some of these
 * moves (a row below); any other is a bug.
 *
 *	           begins          renews       ceases, rearms
 *	threshold  past it         -            not past it; at rearm
 *	stagnant   a first value   a new best   -
 *	missing    after           a later one  the event, later
 *	idle       event or since  a later one  since is not known
 *	date       it is known     another one  it is not known
 *
 *	what a record keeps:
 *	due_ms       counting: when it fires; its period before that is the
 *	             moment that it counts from
 *	at_ms        the moment that it has counted from when it was spent;
 *	             missing, armed: the newest event
 *	value        stagnant: the best; idle: the newest event (ms)
 *
 * A record that is armed and has nothing to keep is not there. What happens
 * while the subject is brought up to date, and history, moves records and fires
 * nothing.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sequences/look.h"

enum watch_state { WATCH_ARMED, WATCH_COUNTING, WATCH_SPENT };

#define MOVE(from, to) (1U << (3 * (from) + (to)))
enum watch_move {
	MOVE_BEGINS = MOVE(WATCH_ARMED, WATCH_COUNTING),
	MOVE_CEASES = MOVE(WATCH_COUNTING, WATCH_ARMED),
	MOVE_FIRES = MOVE(WATCH_COUNTING, WATCH_SPENT),
	MOVE_PASSES = MOVE(WATCH_ARMED, WATCH_SPENT),
	MOVE_REARMS = MOVE(WATCH_SPENT, WATCH_ARMED),
	MOVE_RENEWS = MOVE(WATCH_SPENT, WATCH_COUNTING),
};

/* What a look is for. */
enum mode {
	MODE_NOW,     /* what is due fires */
	MODE_HISTORY, /* an old event: what it makes due is spent */
	MODE_PAST,    /* a new definition: what is due is spent */
};

/* One way in at one look at its subject. */
struct watching {
	struct look *look;
	const struct sequence *sequence;
	const struct trigger *trigger;
	const struct watch_kind *kind;
	const struct event *event; /* or NULL */
	int64_t event_ms;	   /* when it happened; now without one */
	enum mode mode;
	struct watch before, record;
};

/* A row of the table below. */
struct watch_kind {
	enum trigger_kind trigger;
	const char *name;
	unsigned moves;	    /* MOVE_ bits that it makes */
	bool counts_events; /* stored ones matter to it */
	/*
	 * What follows from what is known now: the state, with the record's
	 * values set for it. Whether it is due is not its business.
	 */
	enum watch_state (*look)(struct watching *);
	/* Why it fires, in words; a new object for `event`, or NULL. */
	json_t *(*explain)(struct watching *, char reason[REASON_SIZE]);
};

static bool
is_event(const struct watching *w, const char *name)
{
	return w->event != NULL && strcmp(w->event->name, name) == 0;
}

/* The moment that it counts from, or has counted from. */
static int64_t
counted_from(const struct watching *w)
{
	return w->record.state == WATCH_COUNTING
		   ? w->record.due_ms - w->trigger->period_ms
		   : w->record.at_ms;
}

static enum watch_state
count_from(struct watching *w, int64_t ms)
{
	w->record.due_ms = ms + w->trigger->period_ms;
	return WATCH_COUNTING;
}

/* The moment has had its turn already. */
static enum watch_state
stay_spent(struct watching *w)
{
	w->record.due_ms = 0;
	return WATCH_SPENT;
}

/* ----------------------------------------------------- metrics */

static json_t *
metric_json(struct watching *w)
{
	return engine_scope_metric(&w->look->scope, w->trigger->metric);
}

/* Only numbers are past a threshold or a best. */
static bool
metric_number(struct watching *w, double *value)
{
	json_t *json = metric_json(w);

	*value = json_number_value(json);
	return json_is_number(json);
}

static json_t *
number_json(double n)
{
	if (n == floor(n) && fabs(n) < 1e15)
		return json_integer((json_int_t)n);
	return json_real(n);
}

static bool
is_past(const struct trigger *t, double value)
{
	return t->is_above ? value > t->level : value < t->level;
}

static bool
is_at_rearm(const struct trigger *t, double value)
{
	return t->is_above ? value <= t->rearm : value >= t->rearm;
}

static enum watch_state
threshold_look(struct watching *w)
{
	const struct trigger *t = w->trigger;
	enum watch_state state = w->record.state;
	double value;
	bool is_known = metric_number(w, &value);

	if (state == WATCH_SPENT ? is_known && is_at_rearm(t, value)
				 : !is_known || !is_past(t, value)) {
		w->record.at_ms = 0;
		return WATCH_ARMED;
	}
	if (state != WATCH_ARMED)
		return state;
	if (w->mode != MODE_NOW)
		return WATCH_SPENT;
	return count_from(w, t->period_ms > 0 ? w->look->now_ms : w->event_ms);
}

static json_t *
threshold_explain(struct watching *w, char reason[REASON_SIZE])
{
	const struct trigger *t = w->trigger;
	bool is_new = t->number > w->look->subject->known; /* "fire" */
	char dwell[40] = "";
	double value;

	metric_number(w, &value);
	if (t->period_ms > 0)
		duration_text(t->period_ms, dwell, sizeof dwell);
	reason_set(reason, "metric.%s %s %.12g, %s %.12g%s%s", t->metric,
	    is_new || t->period_ms > 0 ? "is"
	    : t->is_above	       ? "rose to"
				       : "fell to",
	    value, t->is_above ? "above" : "below", t->level,
	    t->period_ms > 0 ? " for " : "", dwell);
	return json_pack("{s:s, s:O, s:o}", "metric", t->metric, "value",
	    metric_json(w), "threshold", number_json(t->level));
}

/* Decimals: 0.3 is 0.2 more than 0.1. */
static bool
is_new_best(const struct watching *w, double value)
{
	double rise = value - w->record.value, gain = w->trigger->level;

	if (w->record.state == WATCH_ARMED)
		return true;
	return gain > 0 ? rise >= gain * (1 - 1e-9) : rise > 0;
}

static enum watch_state
stagnant_look(struct watching *w)
{
	double value;

	if (!metric_number(w, &value) || !is_new_best(w, value))
		return w->record.state;
	w->record.value = value;
	return count_from(w, w->look->now_ms);
}

static json_t *
stagnant_explain(struct watching *w, char reason[REASON_SIZE])
{
	const struct trigger *t = w->trigger;
	json_t *value = metric_json(w);
	char since[TIME_TEXT_SIZE], period[40], gain[40] = "", now[40];
	double number;

	if (t->level > 0)
		snprintf(gain, sizeof gain, " by %.12g", t->level);
	if (metric_number(w, &number))
		snprintf(now, sizeof now, "%.12g", number);
	else
		snprintf(now, sizeof now, "not set");
	look_time(w->look, counted_from(w), since);
	duration_text(t->period_ms, period, sizeof period);
	reason_set(reason,
	    "metric.%s is %s: since %s it has not risen%s in %s (best %.12g)",
	    t->metric, now, since, gain, period, w->record.value);
	return json_pack("{s:s, s:O, s:o}", "metric", t->metric, "value",
	    value != NULL ? value : json_null(), "best",
	    number_json(w->record.value));
}

/* ----------------------------------------- events that do not come */

/*
 * Order of arrival makes no difference: what counts is the latest of all
 * `after`, and whether the event is known that answers it. An event that is
 * waited for after itself is no answer to itself.
 */
static enum watch_state
missing_look(struct watching *w)
{
	const struct trigger *t = w->trigger;
	bool asks = is_event(w, t->after);

	if (asks && w->event_ms > counted_from(w) && w->mode != MODE_HISTORY)
		return count_from(w, w->event_ms);
	if (asks || !is_event(w, t->on) || w->event_ms < counted_from(w))
		return w->record.state;
	w->record.at_ms = w->event_ms;
	return WATCH_ARMED;
}

static json_t *
missing_explain(struct watching *w, char reason[REASON_SIZE])
{
	const struct trigger *t = w->trigger;
	char since[TIME_TEXT_SIZE], period[40];

	reason_set(reason, "no %s within %s of %s on %s", t->on,
	    duration_text(t->period_ms, period, sizeof period), t->after,
	    look_time(w->look, counted_from(w), since));
	return NULL;
}

/* Counts from the newer of event and `since`, both of which may move. */
static enum watch_state
idle_look(struct watching *w)
{
	const struct trigger *t = w->trigger;
	int64_t newest, since = 0;

	if (is_event(w, t->on) && (double)w->event_ms > w->record.value)
		w->record.value = (double)w->event_ms;
	newest = (int64_t)w->record.value;
	if (t->metric != NULL &&
	    look_moment(w->look, metric_json(w), &since) != 0)
		return WATCH_ARMED;
	if (since > newest)
		newest = since;
	if (newest == 0)
		return WATCH_ARMED;
	return newest > w->record.at_ms ? count_from(w, newest) : stay_spent(w);
}

static json_t *
idle_explain(struct watching *w, char reason[REASON_SIZE])
{
	char since[TIME_TEXT_SIZE], period[40];

	reason_set(reason, "no %s for %s since %s", w->trigger->on,
	    duration_text(w->trigger->period_ms, period, sizeof period),
	    look_time(w->look, counted_from(w), since));
	return NULL;
}

/* ------------------------------------------------------- dates */

static int
date_ms(struct watching *w, int64_t *ms)
{
	struct look *l = w->look;
	int rc;

	if (w->trigger->metric != NULL)
		return look_moment(l, metric_json(w), ms);
	l->scope.is_lean = true; /* an account's trait, not its metrics */
	rc = look_date(l, w->trigger->date, ms);
	l->scope.is_lean = false;
	return rc;
}

static enum watch_state
date_look(struct watching *w)
{
	int64_t was_due_ms = w->record.due_ms, date;

	if (date_ms(w, &date) != 0)
		return w->record.state == WATCH_SPENT ? WATCH_SPENT
						      : WATCH_ARMED;
	if (date == w->record.at_ms)
		return stay_spent(w);
	count_from(w, date);
	if (w->record.due_ms != was_due_ms &&
	    w->record.due_ms + w->sequence->grace_ms < w->look->now_ms) {
		w->record.at_ms = date;
		return stay_spent(w);
	}
	return WATCH_COUNTING;
}

static json_t *
date_explain(struct watching *w, char reason[REASON_SIZE])
{
	int64_t offset = w->trigger->period_ms;
	char date[TIME_TEXT_SIZE], text[40];

	look_time(w->look, counted_from(w), date);
	duration_text(llabs(offset), text, sizeof text);
	if (offset == 0)
		reason_set(reason, "%s is %s", w->trigger->date_text, date);
	else
		reason_set(reason, "%s is %s, %s %s", w->trigger->date_text,
		    date, text, offset < 0 ? "before" : "after");
	return NULL;
}

/* ---------------------------------------------------- the kinds */

static const struct watch_kind kinds[] = {
    {TRIGGER_THRESHOLD, "threshold",
	MOVE_BEGINS | MOVE_CEASES | MOVE_FIRES | MOVE_PASSES | MOVE_REARMS,
	false, threshold_look, threshold_explain},
    {TRIGGER_STAGNANT, "stagnant", MOVE_BEGINS | MOVE_FIRES | MOVE_RENEWS,
	false, stagnant_look, stagnant_explain},
    {TRIGGER_MISSING, "missing",
	MOVE_BEGINS | MOVE_CEASES | MOVE_FIRES | MOVE_REARMS | MOVE_RENEWS,
	true, missing_look, missing_explain},
    {TRIGGER_IDLE, "idle",
	MOVE_BEGINS | MOVE_CEASES | MOVE_FIRES | MOVE_PASSES | MOVE_REARMS |
	    MOVE_RENEWS,
	true, idle_look, idle_explain},
    {TRIGGER_DATE, "date",
	MOVE_BEGINS | MOVE_CEASES | MOVE_FIRES | MOVE_PASSES | MOVE_RENEWS,
	false, date_look, date_explain},
};

static const struct watch_kind *
kind_of(const struct trigger *t)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (kinds[i].trigger == t->kind)
			return &kinds[i];
	return NULL;
}

static const char *
state_name(unsigned state)
{
	static const char *const names[] = {"armed", "counting", "spent"};

	return state <= WATCH_SPENT ? names[state] : "nowhere";
}

/* The door: a move that its kind does not make is a bug of the engine's. */
static void
watch_move(struct watching *w, enum watch_state to)
{
	unsigned from = (unsigned)w->record.state;

	if (from > WATCH_SPENT ||
	    (from != to && !(w->kind->moves & MOVE(from, to)))) {
		fprintf(stderr,
		    "nudge: bug: the %s watch %d of %s in %s goes from %s to "
		    "%s\n",
		    w->kind->name, w->trigger->number, w->look->subject->name,
		    w->sequence->name, state_name(from), state_name(to));
		abort();
	}
	if (to == WATCH_SPENT && w->record.due_ms != 0)
		w->record.at_ms = counted_from(w);
	if (to != WATCH_COUNTING)
		w->record.due_ms = 0;
	w->record.state = to;
}

static void
watch_keep(struct watching *w)
{
	struct subject *s = w->look->subject;
	const struct watch *r = &w->record, *b = &w->before;
	struct watch *kept = subject_watch(s, r->number);

	if (r->state == WATCH_ARMED && r->at_ms == 0 && r->value == 0) {
		if (kept != NULL)
			subject_watch_remove(s, kept);
	} else if (r->state != b->state || r->at_ms != b->at_ms ||
		   r->due_ms != b->due_ms || r->value != b->value) {
		*subject_watch_add(s, r->number) = *r;
	}
}

/* The entry counts from when it was due, however late that is noticed. */
static void
watch_fire(struct watching *w)
{
	struct look *l = w->look;
	char reason[REASON_SIZE];
	struct cause cause = {.trigger = w->trigger,
	    .at_ms = w->record.due_ms,
	    .event = w->kind->explain(w, reason),
	    .reason = reason};

	watch_move(w, WATCH_SPENT);
	watch_keep(w);
	enter_by(l, w->sequence, &cause);
	engine_scope_look_at(&l->scope, NULL, NULL);
	json_decref(cause.event);
}

/*
 * What history makes due is spent; what was due before it came fires at the
 * wake-up that is under way.
 */
static void
watch_settle(struct watching *w)
{
	bool is_due = w->record.state == WATCH_COUNTING &&
		      w->record.due_ms <= w->look->now_ms;

	if (is_due && w->mode == MODE_NOW) {
		watch_fire(w);
		return;
	}
	if (is_due &&
	    (w->mode == MODE_PAST || w->record.due_ms != w->before.due_ms))
		watch_move(w, WATCH_SPENT);
	watch_keep(w);
}

static struct watching
watch_begin(struct look *l, const struct sequence *q, const struct trigger *t,
    const struct event *event, enum mode mode)
{
	const struct watch *kept = subject_watch(l->subject, t->number);
	struct watching w = {.look = l,
	    .sequence = q,
	    .trigger = t,
	    .kind = kind_of(t),
	    .event = event,
	    .event_ms = look_event_time(l, event),
	    .mode = mode,
	    .before =
		kept != NULL ? *kept : (struct watch){.number = t->number}};

	w.record = w.before;
	return w;
}

static void
watch_one(struct look *l, const struct sequence *q, const struct trigger *t,
    const struct event *event, enum mode mode)
{
	struct watching w = watch_begin(l, q, t, event, mode);

	watch_move(&w, w.kind->look(&w));
	watch_settle(&w);
}

/*
 * An account that waits to be brought up to date is not looked at; what it
 * counts must not be due for ever.
 */
static void
watch_expire(struct look *l, const struct sequence *q, const struct trigger *t)
{
	struct watching w = watch_begin(l, q, t, NULL, MODE_PAST);

	watch_settle(&w);
}

/* ------------------------------------------------------ public */

void
watch_look(struct look *l, const struct sequence *q, const struct event *event)
{
	bool is_history = event != NULL && event->is_history;

	for (int i = 0; i < q->enter.n; i++) {
		const struct trigger *t = &q->enter.list[i];

		if (kind_of(t) == NULL)
			continue;
		if (t->number > l->subject->known)
			watch_expire(l, q, t);
		else
			watch_one(l, q, t, event,
			    is_history ? MODE_HISTORY : MODE_NOW);
	}
}

void
watch_replay(
    struct look *l, const struct sequence *q, const struct event *event)
{
	for (int i = 0; i < q->enter.n; i++) {
		const struct trigger *t = &q->enter.list[i];
		const struct watch_kind *kind = kind_of(t);

		if (kind != NULL && kind->counts_events &&
		    t->number > l->subject->known)
			watch_one(l, q, t, event, MODE_PAST);
	}
}

void
watch_baseline(struct look *l, const struct sequence *q, bool is_born)
{
	for (int i = 0; i < q->enter.n; i++) {
		const struct trigger *t = &q->enter.list[i];
		bool fires = t->fires_at_once && !is_born;

		if (kind_of(t) != NULL && t->number > l->subject->known)
			watch_one(l, q, t, NULL, fires ? MODE_NOW : MODE_PAST);
	}
}
