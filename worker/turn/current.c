/* SPDX-License-Identifier: MIT */
/*
 * current - whoever a turn touches is up to date with the definitions before
 * anything looks at them, and an account's metrics are those of its members.
 *
 * A stored event counts once for a new definition: when its user is replayed,
 * for the user and for the account that it was for. The user catches up within
 * the same turn, so that a replay is never saved without it.
 */
#include <stdlib.h>
#include <string.h>

#include "templates/json_text.h"
#include "templates/mem.h"
#include "worker/log.h"
#include "worker/turn/turn.h"

#define SET	    256	 /* rows read at a time */
#define HISTORY_MAX 4000 /* stored events after which a turn is full */

/* ----------------------------------------------------------------- replay */

/*
 * Oldest first, as they came; a clock that ran ahead when an event came did not
 * count then, and does not now.
 */
static int
history_set(struct turn *t, const struct queue_event *rows, int n,
    struct person *person, history_fn *take)
{
	int64_t old_ms = t->workspace->settings->max_event_age_ms;
	int rc = 0;

	for (int i = 0; rc == 0 && i < n; i++) {
		const struct queue_event *row = &rows[i];
		struct event event = {
		    .name = row->name,
		    .at_ms = row->at_ms < row->received_ms ? row->at_ms
							   : row->received_ms,
		    .properties = json_text_read(row->body, strlen(row->body)),
		    .is_history = row->received_ms - row->at_ms > old_ms,
		};

		rc = take(t, person, row, &event);
		json_decref(event.properties);
	}
	return rc;
}

int
turn_history(
    struct turn *t, int64_t subject, struct person *person, history_fn *take)
{
	struct queue_event *rows = xcalloc(SET, sizeof *rows);
	struct queue_mark mark = queue_mark(t->queue);
	int64_t *ids;
	int total = queue_event_ids(t->queue, subject, &ids), rc = 0;

	t->n_history += total > 0 ? total : 0;
	for (int at = 0; rc == 0 && at < total; at += SET) {
		int n = queue_events_load(t->queue, ids + at,
		    total - at < SET ? total - at : SET, rows);

		rc = n < 0 ? -1 : history_set(t, rows, n, person, take);
		queue_release(t->queue, mark);
	}
	free(ids);
	free(rows);
	return total < 0 ? -1 : rc;
}

/* The account of a stored event; the user's own where that was not kept. */
static int
account_of(struct turn *t, struct person *user, const struct queue_event *row,
    struct person **account)
{
	int64_t id = row->account;

	if (id > 0 && people_load_ids(&t->people, &id, 1) != 0)
		return -1;
	*account = id < 0 ? user->joined : people_by_id(&t->people, id);
	return 0;
}

/* identify and group calls count for nothing. */
static int
replay_event(struct turn *t, struct person *user, const struct queue_event *row,
    const struct event *event)
{
	struct person *of;

	if (event->name[0] == '\0')
		return 0;
	if (account_of(t, user, row, &of) != 0)
		return -1;
	engine_replay(t->workspace->rules, &user->subject,
	    user->joined != NULL ? &user->joined->subject : NULL,
	    of != NULL ? &of->subject : NULL, event, t->now_ms);
	user->subject.state_changed = true;
	if (of != NULL)
		of->subject.state_changed = true;
	return 0;
}

static bool
is_here(const struct person *person)
{
	return person->merged_into == NULL && !person->is_gone;
}

int
turn_replay(struct turn *t)
{
	for (; t->n_replayed < t->people.count; t->n_replayed++) {
		struct person *person = t->people.list[t->n_replayed];

		if (person->id != 0 && is_here(person) &&
		    engine_wants_replay(
			t->workspace->rules, &person->subject) &&
		    turn_history(t, person->id, person, replay_event) != 0)
			return -1;
	}
	return 0;
}

void
turn_look(struct turn *t, struct person *person)
{
	struct person *account = person->joined;

	engine_wake(t->workspace->rules, &person->subject,
	    account != NULL ? &account->subject : NULL, t->now_ms,
	    &t->decisions);
	person->subject.state_changed = true;
	turn_take(t, person, account);
}

void
turn_catch_up(struct turn *t, struct person *person)
{
	if (engine_is_behind(t->workspace->rules, &person->subject))
		turn_look(t, person);
}

int
turn_current(struct turn *t)
{
	if (turn_replay(t) != 0)
		return -1;
	for (; t->n_current < t->people.count; t->n_current++)
		if (is_here(t->people.list[t->n_current]))
			turn_catch_up(t, t->people.list[t->n_current]);
	return 0;
}

int
turn_load_ids(struct turn *t, const int64_t *ids, int n)
{
	return people_load_ids(&t->people, ids, n) != 0 ? -1 : turn_current(t);
}

bool
turn_is_full(const struct turn *t)
{
	return t->n_history >= HISTORY_MAX;
}

int
turn_load_first(struct turn *t, const int64_t *ids, int n)
{
	int loaded = 0;

	while (loaded < n && (loaded == 0 || !turn_is_full(t)))
		if (turn_load_ids(t, &ids[loaded++], 1) != 0)
			return -1;
	return loaded;
}

/* ---------------------------------------------------------------- members */

void
turn_leave(struct turn *t, struct person *user)
{
	struct person *account = user->joined;

	user->joined = NULL;
	if (account == NULL)
		return;
	engine_leave(t->workspace->rules, &user->subject, &account->subject,
	    t->now_ms, &t->decisions);
	turn_take(t, account, account);
}

static int
recount_row(
    struct turn *t, struct person *account, const struct queue_subject *row)
{
	struct subject member;
	struct error e;

	if (row->id == 0 || people_by_id(&t->people, row->id) != NULL)
		return 0; /* counted as it is in this turn */
	if (subject_load(&member, SUBJECT_USER, row->name, row->traits,
		row->state, &e) != 0) {
		log_error("subject %lld cannot be read: %s", (long long)row->id,
		    e.text);
		return -1;
	}
	engine_recount(t->workspace->rules, &account->subject, &member);
	subject_free(&member);
	return 0;
}

/* Members that the turn has not touched: as the store has them. */
static int
recount_stored(struct turn *t, struct person *account)
{
	struct queue_subject *rows = xcalloc(SET, sizeof *rows);
	struct queue_mark mark = queue_mark(t->queue);
	int64_t ids[SET], after = 0;
	int n = 0, rc = 0;

	while (
	    rc == 0 && account->id != 0 &&
	    (n = queue_members(t->queue, account->id, after, ids, SET)) > 0) {
		rc = queue_subjects_load(t->queue, ids, n, rows);
		for (int i = 0; rc == 0 && i < n; i++)
			rc = recount_row(t, account, &rows[i]);
		after = ids[n - 1];
		queue_release(t->queue, mark);
	}
	free(rows);
	return n < 0 ? -1 : rc;
}

static int
recount(struct turn *t, struct person *account)
{
	engine_recount_begin(t->workspace->rules, &account->subject);
	for (int i = 0; i < t->people.count; i++) {
		struct person *member = t->people.list[i];

		if (is_here(member) && member->joined == account)
			engine_recount(t->workspace->rules, &account->subject,
			    &member->subject);
	}
	if (recount_stored(t, account) != 0)
		return -1;
	turn_look(t, account);
	return 0;
}

int
turn_recount(struct turn *t)
{
	for (int i = 0; i < t->people.count; i++) {
		struct person *account = t->people.list[i];

		if (account->subject.kind == SUBJECT_ACCOUNT &&
		    account->subject.state_changed &&
		    engine_wants_recount(
			t->workspace->rules, &account->subject) &&
		    recount(t, account) != 0)
			return -1;
	}
	return 0;
}

int
turn_forget(struct turn *t, struct person *user)
{
	turn_leave(t, user);
	if (turn_write(t) != 0 || queue_subject_forget(t->queue, user->id) != 0)
		return -1;
	people_forget(&t->people, user);
	t->has_forgotten = true;
	return 0;
}
