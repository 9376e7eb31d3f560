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

#define SET 256 /* rows read at a time */

/* ----------------------------------------------------------------- replay */

/* The account of a stored event; the user's own where that was not kept. */
static struct person *
account_of(struct turn *t, struct person *user, const struct queue_event *event)
{
	return event->account < 0 ? user->joined
				  : people_by_id(&t->people, event->account);
}

static void
replay_event(struct turn *t, struct person *user, const struct queue_event *row)
{
	struct person *account = account_of(t, user, row);
	struct event event = {
	    .name = row->name,
	    .at_ms = row->at_ms,
	    .properties = json_text_read(row->body, strlen(row->body)),
	};

	engine_replay(t->workspace->rules, &user->subject,
	    account != NULL ? &account->subject : NULL, &event, t->now_ms);
	json_decref(event.properties);
	user->subject.state_changed = true;
	if (account != NULL)
		account->subject.state_changed = true;
}

static int
replay_set(
    struct turn *t, struct person *user, const struct queue_event *rows, int n)
{
	int64_t accounts[SET] = {0};

	for (int i = 0; i < n; i++)
		accounts[i] = rows[i].account > 0 ? rows[i].account : 0;
	if (people_load_ids(&t->people, accounts, n) != 0)
		return -1;
	for (int i = 0; i < n; i++)
		if (rows[i].name[0] != '\0') /* identify and group count not */
			replay_event(t, user, &rows[i]);
	return 0;
}

static int
replay(struct turn *t, struct person *user)
{
	struct queue_event *rows = xcalloc(SET, sizeof *rows);
	struct queue_mark mark = queue_mark(t->queue);
	int64_t before = 0;
	int n;

	while (
	    (n = queue_events_of(t->queue, user->id, before, rows, SET)) > 0) {
		if (replay_set(t, user, rows, n) != 0) {
			n = -1;
			break;
		}
		before = rows[n - 1].id;
		queue_release(t->queue, mark);
	}
	free(rows);
	return n;
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
		    replay(t, person) != 0)
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
	return 0;
}
