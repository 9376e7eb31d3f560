/* SPDX-License-Identifier: MIT */
/*
 * events - what happened, appended and never changed, and which messageIds have
 * been seen.
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

int
queue_events_add(struct queue *q, struct queue_event *events, int n)
{
	sqlite3_stmt *st = statement(q, EVENT_ADD);

	if (st == NULL)
		return -1;
	for (int i = 0; i < n; i++) {
		struct queue_event *e = &events[i];
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
	}
	return 0;
}

static int
get_events(struct queue *q, sqlite3_stmt *st, struct queue_event *out, int max)
{
	int n = 0, more = 0;

	while (n < max && (more = statement_step(q, st)) == 1)
		out[n++] = (struct queue_event){
		    .id = get_int(st, 0),
		    .message_id = get_text(q, st, 1),
		    .subject = get_int(st, 2),
		    .type = get_text(q, st, 3),
		    .name = get_text(q, st, 4),
		    .body = get_text(q, st, 5),
		    .at_ms = get_int(st, 6),
		    .received_ms = get_int(st, 7),
		    .account = sqlite3_column_type(st, 8) == SQLITE_NULL
				   ? -1
				   : get_int(st, 8),
		};
	sqlite3_reset(st);
	return more < 0 ? -1 : n;
}

int
queue_events_of(struct queue *q, int64_t subject, int64_t before,
    struct queue_event *out, int max)
{
	sqlite3_stmt *st = statement(q, EVENTS_OF);

	if (st == NULL)
		return -1;
	put_int(st, 1, subject);
	put_int(st, 2, before != 0 ? before : INT64_MAX);
	put_int(st, 3, max);
	return get_events(q, st, out, max);
}

int
queue_events_after(
    struct queue *q, int64_t after, struct queue_event *out, int max)
{
	sqlite3_stmt *st = statement(q, EVENTS_AFTER);

	if (st == NULL)
		return -1;
	put_int(st, 1, after);
	put_int(st, 2, max);
	return get_events(q, st, out, max);
}
