/* SPDX-License-Identifier: MIT */
/*
 * events - what happened, appended and never changed, and which messageIds have
 * been seen.
 *
 * A chain may lead to an event that has been trimmed: there it ends. So an id
 * must never be given again, and SQLite gives the highest one plus one: the
 * newest row stays, blanked when its subject is forgotten.
 *
 * Of a messageId only 64 bits of its SHA-256 are kept, as the key of its row. A
 * new event is taken for an old one when its bits equal those of one of the n
 * ids in the window: n / 2^64, which is 1e-12 with 20 million of them. Losing
 * an event in 10^12 costs less than three times the store.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "queue/sqlite.h"

void
hash_text(
    struct queue *q, const char *text, size_t text_len, void *out, size_t len)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	const EVP_MD *type = q->sha256 == NULL ? EVP_sha256() : NULL;

	if (q->sha256 == NULL)
		q->sha256 = EVP_MD_CTX_new();
	/* Fails only when the library has no SHA-256 or no memory. */
	if (EVP_DigestInit_ex(q->sha256, type, NULL) != 1 ||
	    EVP_DigestUpdate(q->sha256, text, text_len) != 1 ||
	    EVP_DigestFinal_ex(q->sha256, digest, NULL) != 1)
		abort();
	memcpy(out, digest, len);
}

int
queue_events_dedupe(struct queue *q, const char *const *message_ids, int n,
    int64_t now_ms, int64_t since_ms, bool *seen)
{
	sqlite3_stmt *st = statement(q, SEEN_ADD);

	if (st == NULL)
		return -1;
	for (int i = 0; i < n; i++) {
		int64_t hash;
		hash_text(q, message_ids[i], strlen(message_ids[i]), &hash,
		    sizeof hash);
		put_int(st, 1, hash);
		put_int(st, 2, now_ms);
		put_int(st, 3, since_ms);
		if (statement_run(q, st) != 0)
			return -1;
		seen[i] = sqlite3_changes(q->db) == 0;
	}
	return 0;
}

/* ------------------------------------------------------- chain */

static int
set_last(struct queue *q, int64_t subject, int64_t id)
{
	sqlite3_stmt *st = statement(q, EVENT_SET_LAST);

	if (st == NULL)
		return -1;
	put_int(st, 1, subject);
	put_optional(st, 2, id);
	return statement_run(q, st);
}

/* One step back; 0: the chain ends, or what comes before has been trimmed. */
static int
step_back(struct queue *q, int64_t *id)
{
	return statement_number(q, EVENT_BEFORE, *id, id);
}

static int
link_event(struct queue *q, int64_t id, int64_t subject, int64_t previous)
{
	sqlite3_stmt *st = statement(q, EVENT_LINK);

	if (st == NULL)
		return -1;
	put_int(st, 1, id);
	put_int(st, 2, subject);
	put_optional(st, 3, previous);
	return statement_run(q, st);
}

/* Two chains, newest first, become one: each time the newer end goes on. */
int
events_move(struct queue *q, int64_t from, int64_t into)
{
	int64_t a, b, newer, older;

	if (statement_number(q, EVENT_LAST, from, &a) != 0 ||
	    statement_number(q, EVENT_LAST, into, &b) != 0 ||
	    set_last(q, into, a > b ? a : b) != 0)
		return -1;
	while (a != 0) {
		newer = older = a > b ? a : b;
		if (step_back(q, &older) != 0)
			return -1;
		if (newer == a)
			a = older;
		else
			b = older;
		if (link_event(q, newer, into, a > b ? a : b) != 0)
			return -1;
	}
	return 0;
}

int
events_forget(struct queue *q, int64_t subject)
{
	int64_t id, before;

	if (statement_number(q, EVENT_LAST, subject, &id) != 0)
		return -1;
	for (; id != 0; id = before) {
		before = id;
		if (step_back(q, &before) != 0 ||
		    statement_run_with(q, EVENT_FORGET, id) != 0 ||
		    statement_run_with(q, EVENT_BLANK, id) != 0)
			return -1;
	}
	return 0;
}

/* ------------------------------------------------------ events */

int
queue_events_add(struct queue *q, struct queue_event *events, int n)
{
	sqlite3_stmt *st = statement(q, EVENT_ADD);

	if (st == NULL)
		return -1;
	for (int i = 0; i < n; i++) {
		struct queue_event *e = &events[i];
		int64_t last;

		if (statement_number(q, EVENT_LAST, e->subject, &last) != 0)
			return -1;
		put_optional(st, 9, last);
		put_text(st, 1, e->message_id);
		put_int(st, 2, e->subject);
		put_text(st, 3, e->type);
		put_text(st, 4, e->name);
		put_text(st, 5, e->body);
		put_int(st, 6, e->at_ms);
		put_int(st, 7, e->received_ms);
		put_int(st, 8, e->account);
		if (statement_run(q, st) != 0)
			return -1;
		e->id = sqlite3_last_insert_rowid(q->db);
		if (set_last(q, e->subject, e->id) != 0)
			return -1;
	}
	return 0;
}

static void
get_event(struct queue *q, sqlite3_stmt *st, struct queue_event *e)
{
	*e = (struct queue_event){
	    .id = get_int(st, 0),
	    .message_id = get_text(q, st, 1),
	    .subject = get_int(st, 2),
	    .type = get_text(q, st, 3),
	    .name = get_text(q, st, 4),
	    .body = get_text(q, st, 5),
	    .at_ms = get_int(st, 6),
	    .received_ms = get_int(st, 7),
	    .account =
		sqlite3_column_type(st, 8) == SQLITE_NULL ? -1 : get_int(st, 8),
	};
}

int
queue_events_load(
    struct queue *q, const int64_t *ids, int n, struct queue_event *out)
{
	sqlite3_stmt *st = statement(q, EVENT_LOAD);
	int loaded = 0, found = 1;

	if (st == NULL)
		return -1;
	for (int i = 0; i < n && found >= 0; i++) {
		put_int(st, 1, ids[i]);
		found = statement_step(q, st);
		if (found == 1)
			get_event(q, st, &out[loaded++]);
		sqlite3_reset(st);
	}
	return found < 0 ? -1 : loaded;
}

int
queue_event_ids(struct queue *q, int64_t subject, int64_t **ids)
{
	int64_t id, *list = NULL, swap;
	int n = 0, room = 0;

	*ids = NULL;
	if (statement_number(q, EVENT_LAST, subject, &id) != 0)
		return -1;
	while (id != 0) {
		if (n == room) {
			room = room == 0 ? 64 : 2 * room;
			list = queue_resize(list, (size_t)room * sizeof *list);
		}
		list[n++] = id;
		if (step_back(q, &id) != 0) {
			free(list);
			return -1;
		}
	}
	for (int i = 0; i < n / 2; i++) {
		swap = list[i];
		list[i] = list[n - 1 - i];
		list[n - 1 - i] = swap;
	}
	*ids = list;
	return n;
}

int
queue_events_of(struct queue *q, int64_t subject, int64_t before,
    struct queue_event *out, int max)
{
	int64_t id = before;
	int n = 0, loaded = 1;

	if ((before != 0 ? step_back(q, &id)
			 : statement_number(q, EVENT_LAST, subject, &id)) != 0)
		return -1;
	while (n < max && id != 0 &&
	       (loaded = queue_events_load(q, &id, 1, &out[n])) == 1) {
		n++;
		if (step_back(q, &id) != 0)
			return -1;
	}
	return loaded < 0 ? -1 : n;
}
