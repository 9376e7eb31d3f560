/* SPDX-License-Identifier: MIT */
/*
 * messages - what is to be sent, is being sent, and was sent. Which state may
 * follow which is the caller's to know; here a key exists once, and the counts
 * agree with the rows.
 */
#include <stdio.h>
#include <string.h>

#include "queue/sqlite.h"

/* The names stand in queue.h, the numbers in the store: never renumber. */
static const char *const state_names[QUEUE_STATES] = {
    [QUEUE_QUEUED] = "queued",
    [QUEUE_SENDING] = "sending",
    [QUEUE_SENT] = "sent",
    [QUEUE_REFUSED] = "refused",
    [QUEUE_UNSURE] = "unsure",
    [QUEUE_HELD_BACK] = "held",
    [QUEUE_EXPIRED] = "expired",
    [QUEUE_SKIPPED] = "skipped",
    [QUEUE_CANCELLED] = "cancelled",
};

const char *
queue_state_name(enum queue_state state)
{
	return state_names[state];
}

int
queue_state_parse(const char *name)
{
	for (int i = 0; i < QUEUE_STATES; i++)
		if (strcmp(state_names[i], name) == 0)
			return i;
	return -1;
}

static int
add_message(struct queue *q, sqlite3_stmt *st, const struct queue_message *m)
{
	put_text(st, 1, m->key);
	put_int(st, 2, m->subject);
	put_text(st, 3, m->sequence);
	put_int(st, 4, m->entry);
	put_text(st, 5, m->step);
	put_text(st, 6, m->template_name);
	put_text(st, 7, m->channel);
	put_text(st, 8, m->recipient);
	put_text(st, 9, m->topic);
	put_text(st, 10, m->data);
	put_int(st, 11, m->state);
	put_int(st, 12, m->created_at_ms);
	put_int(st, 13, m->next_at_ms);
	put_int(st, 14, m->expires_at_ms);
	put_optional(st, 15, m->settled_at_ms);
	put_int(st, 16, m->attempts);
	put_text(st, 17, m->reason);
	put_text(st, 18, m->address);
	put_text(st, 19, m->provider_id);
	return statement_run(q, st);
}

int
queue_messages_add(struct queue *q, const struct queue_message *messages, int n,
    bool *duplicate)
{
	sqlite3_stmt *st = statement(q, MESSAGE_ADD);

	if (st == NULL)
		return -1;
	for (int i = 0; i < n; i++) {
		if (add_message(q, st, &messages[i]) != 0)
			return -1;
		duplicate[i] = sqlite3_changes(q->db) == 0;
	}
	return 0;
}

int
queue_messages_update(
    struct queue *q, const struct queue_message *messages, int n)
{
	sqlite3_stmt *st = statement(q, MESSAGE_UPDATE);

	if (st == NULL)
		return -1;
	for (int i = 0; i < n; i++) {
		const struct queue_message *m = &messages[i];
		put_int(st, 1, m->id);
		put_int(st, 2, m->state);
		put_int(st, 3, m->next_at_ms);
		put_optional(st, 4, m->settled_at_ms);
		put_int(st, 5, m->attempts);
		put_text(st, 6, m->reason);
		put_text(st, 7, m->address);
		put_text(st, 8, m->provider_id);
		put_text(st, 9, m->key);
		if (statement_run(q, st) != 0)
			return -1;
	}
	return 0;
}

int
queue_message_put_data(struct queue *q, int64_t id, const char *data)
{
	sqlite3_stmt *st = statement(q, MESSAGE_PUT_DATA);

	if (st == NULL)
		return -1;
	put_int(st, 1, id);
	put_text(st, 2, data);
	return statement_run(q, st);
}

static void
get_message(struct queue *q, sqlite3_stmt *st, struct queue_message *m)
{
	*m = (struct queue_message){
	    .id = get_int(st, 0),
	    .subject = get_int(st, 2),
	    .sequence = get_text(q, st, 3),
	    .entry = (int)get_int(st, 4),
	    .step = get_text(q, st, 5),
	    .template_name = get_text(q, st, 6),
	    .channel = get_text(q, st, 7),
	    .recipient = get_text(q, st, 8),
	    .topic = get_text(q, st, 9),
	    .data = get_text(q, st, 10),
	    .state = (enum queue_state)get_int(st, 11),
	    .created_at_ms = get_int(st, 12),
	    .next_at_ms = get_int(st, 13),
	    .expires_at_ms = get_int(st, 14),
	    .settled_at_ms = get_int(st, 15),
	    .attempts = (int)get_int(st, 16),
	    .reason = get_text(q, st, 17),
	    .address = get_text(q, st, 18),
	    .provider_id = get_text(q, st, 19),
	};
	snprintf(m->key, sizeof m->key, "%s", get_text(q, st, 1));
}

static int
get_messages(
    struct queue *q, sqlite3_stmt *st, struct queue_message *out, int max)
{
	int n = 0, more = 0;

	while (n < max && (more = statement_step(q, st)) == 1)
		get_message(q, st, &out[n++]);
	sqlite3_reset(st);
	return more < 0 ? -1 : n;
}

int
queue_messages_due(struct queue *q, const char *channel, int64_t now_ms,
    struct queue_message *out, int max)
{
	sqlite3_stmt *st = statement(q, MESSAGES_DUE);

	if (st == NULL)
		return -1;
	put_text(st, 1, channel);
	put_int(st, 2, now_ms);
	put_int(st, 3, max);
	return get_messages(q, st, out, max);
}

int64_t
queue_message_next(struct queue *q, const char *channel)
{
	sqlite3_stmt *st = statement(q, MESSAGE_NEXT);
	int64_t at = 0;
	int found;

	if (st == NULL)
		return -1;
	put_text(st, 1, channel);
	found = statement_step(q, st);
	if (found == 1)
		at = get_int(st, 0);
	sqlite3_reset(st);
	return found < 0 ? -1 : at;
}

int
queue_messages_unsettled(struct queue *q, struct queue_message *out, int max)
{
	sqlite3_stmt *st = statement(q, MESSAGES_UNSETTLED);

	if (st == NULL)
		return -1;
	put_int(st, 1, max);
	return get_messages(q, st, out, max);
}

/* The index that leaves the fewest rows to look at. */
static enum statement
find_by(const struct queue_message_filter *filter)
{
	if (filter->key != NULL)
		return MESSAGES_BY_KEY;
	if (filter->subject != 0)
		return MESSAGES_BY_SUBJECT;
	if (filter->sequence != NULL &&
	    (filter->state < 0 || filter->state == QUEUE_SENT))
		return MESSAGES_BY_SEQUENCE;
	return filter->state >= 0 ? MESSAGES_BY_STATE : MESSAGES_BY_ID;
}

int
queue_messages_find(struct queue *q, const struct queue_message_filter *filter,
    struct queue_message *out, int max)
{
	sqlite3_stmt *st = statement(q, find_by(filter));

	if (st == NULL)
		return -1;
	sqlite3_bind_text(st, 1, filter->key, -1, SQLITE_STATIC);
	put_int(st, 2, filter->subject);
	put_int(st, 3, filter->state);
	sqlite3_bind_text(st, 4, filter->sequence, -1, SQLITE_STATIC);
	put_int(st, 5, filter->before != 0 ? filter->before : INT64_MAX);
	return get_messages(q, st, out, max);
}

int
queue_messages_count(struct queue *q, int64_t counts[QUEUE_STATES])
{
	sqlite3_stmt *st = statement(q, MESSAGES_COUNT);
	int more;

	memset(counts, 0, QUEUE_STATES * sizeof counts[0]);
	if (st == NULL)
		return -1;
	while ((more = statement_step(q, st)) == 1) {
		int64_t state = get_int(st, 0);
		if (state >= 0 && state < QUEUE_STATES)
			counts[state] = get_int(st, 1);
	}
	return more;
}

int
queue_messages_by_step(struct queue *q, const char *sequence, int newest,
    struct queue_step_count *out, int max)
{
	sqlite3_stmt *st = statement(q, MESSAGES_BY_STEP);
	int n = 0, more = 0;

	if (st == NULL)
		return -1;
	put_text(st, 1, sequence);
	put_int(st, 2, newest);
	for (; n < max && (more = statement_step(q, st)) == 1; n++)
		out[n] = (struct queue_step_count){
		    .step = get_text(q, st, 0),
		    .template_name = get_text(q, st, 1),
		    .state = (enum queue_state)get_int(st, 2),
		    .count = get_int(st, 3),
		};
	sqlite3_reset(st);
	return more < 0 ? -1 : n;
}

int64_t
queue_messages_waiting(struct queue *q, const char *channel, int max)
{
	sqlite3_stmt *st = statement(q, MESSAGES_WAITING);
	int64_t n;

	if (st == NULL)
		return -1;
	put_text(st, 2, channel);
	return statement_number(q, MESSAGES_WAITING, max, &n) != 0 ? -1 : n;
}

int
queue_channel_next(struct queue *q, const char *after, const char **name)
{
	sqlite3_stmt *st = statement(q, CHANNEL_NEXT);
	int found;

	*name = NULL;
	if (st == NULL)
		return -1;
	put_text(st, 1, after);
	found = statement_step(q, st);
	if (found == 1)
		*name = get_text(q, st, 0);
	sqlite3_reset(st);
	return found < 0 ? -1 : 0;
}

int
queue_messages_sent_since(struct queue *q, int64_t subject, int64_t since_ms)
{
	sqlite3_stmt *st = statement(q, MESSAGES_SENT_SINCE);
	int64_t n;

	if (st == NULL)
		return -1;
	put_int(st, 2, since_ms);
	if (statement_number(q, MESSAGES_SENT_SINCE, subject, &n) != 0)
		return -1;
	return (int)n;
}
