/* SPDX-License-Identifier: MIT */
/*
 * merge - two people turn out to be one. Who is merged hands on what they were
 * in and what they did; of a sequence that both were in only one passage goes
 * on, and nobody gets a step twice: what the other still had waiting is skipped
 * before it becomes somebody's who has it already.
 */
#include <string.h>

#include "worker/turn/turn.h"

#define SET 100 /* messages looked at at a time */

static void
double_add(struct turn *t, struct person *person, const char *sequence)
{
	t->doubles = list_room(
	    t->doubles, t->n_doubles, &t->cap_doubles, sizeof *t->doubles);
	t->doubles[t->n_doubles++] =
	    (struct turn_double){person, turn_keep(t, sequence)};
}

/* Of this one, and of all that were merged with them in this turn. */
static void
doubles_of(struct turn *t, struct person *from, const char *sequence,
    const struct subject *into)
{
	if (subject_place(into, sequence) == NULL &&
	    subject_past(into, sequence) == NULL)
		return;
	for (int i = 0; i < t->people.count; i++)
		if (person_now(t->people.list[i]) == from)
			double_add(t, t->people.list[i], sequence);
}

static void
find_doubles(struct turn *t, struct person *from, const struct subject *into)
{
	const struct subject *s = &from->subject;

	for (int i = 0; i < s->n_places; i++)
		doubles_of(t, from, s->places[i].sequence, into);
	for (int i = 0; i < s->n_past; i++)
		doubles_of(t, from, s->past[i].sequence, into);
}

void
turn_merge(struct turn *t, struct person *from, struct person *into)
{
	turn_catch_up(t, from);
	turn_catch_up(t, into);
	turn_leave(t, from);
	find_doubles(t, from, &into->subject);
	people_merge(&t->people, from, into);
}

/* ----------------------------------------------------------------- messages */

static void
skip(struct turn *t, struct person *person, struct queue_message *row)
{
	struct buf reason = {0};

	buf_addf(&reason, "merged with %s: already in the sequence",
	    person->subject.name);
	row->state = QUEUE_SKIPPED;
	row->reason = turn_keep(t, buf_str(&reason));
	row->settled_at_ms = t->now_ms;
	turn_note(t, person, row->sequence, row->entry, row->step, "skipped",
	    row->reason);
	buf_free(&reason);
}

static int
skip_stored(struct turn *t, const struct turn_double *d)
{
	const struct queue_message_filter waiting = {.subject = d->person->id,
	    .state = QUEUE_QUEUED,
	    .sequence = d->sequence};
	struct queue_message rows[SET];
	struct queue_mark mark = queue_mark(t->queue);
	int n = 0;

	while (d->person->id != 0 &&
	       (n = queue_messages_find(t->queue, &waiting, rows, SET)) > 0) {
		for (int i = 0; i < n; i++)
			skip(t, d->person, &rows[i]);
		if (queue_messages_update(t->queue, rows, n) != 0)
			return -1;
		queue_release(t->queue, mark);
	}
	return n;
}

/* What this turn decided before it knew. */
static void
skip_decided(struct turn *t, const struct turn_double *d)
{
	for (int i = 0; i < t->n_messages; i++) {
		struct turn_message *m = &t->messages[i];

		if (m->person == d->person && m->row.state == QUEUE_QUEUED &&
		    strcmp(m->row.sequence, d->sequence) == 0)
			skip(t, d->person, &m->row);
	}
}

static int
skip_doubles(struct turn *t)
{
	for (int i = 0; i < t->n_doubles; i++) {
		skip_decided(t, &t->doubles[i]);
		if (skip_stored(t, &t->doubles[i]) != 0)
			return -1;
	}
	t->n_doubles = 0;
	return 0;
}

/* ------------------------------------------------------------------- events */

/*
 * The events of somebody who was merged count for whoever it is now, as events
 * of old: they start nothing.
 */
static int
take_over_event(struct turn *t, struct person *into,
    const struct queue_event *row, const struct event *event)
{
	struct event old = *event;

	old.is_history = true;
	engine_apply(t->workspace->rules, &into->subject, NULL, &old, t->now_ms,
	    &t->decisions);
	return 0;
}

static int
take_over(struct turn *t, struct person *from)
{
	from->is_taken_over = true;
	return turn_history(t, from->id, person_now(from), take_over_event);
}

int
turn_merged(struct turn *t)
{
	if (skip_doubles(t) != 0)
		return -1;
	for (int i = 0; i < t->people.count; i++) {
		struct person *from = t->people.list[i];

		if (from->merged_into != NULL && from->id != 0 &&
		    !from->is_taken_over && take_over(t, from) != 0)
			return -1;
	}
	return 0;
}
