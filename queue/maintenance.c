/* SPDX-License-Identifier: MIT */
/*
 * maintenance - the log into the file, and old rows out of it.
 *
 * A checkpoint copies committed pages from the log into the file beside the
 * running worker (PASSIVE takes no lock that a writer wants). The log starts
 * over by itself at the next write if all of it had been copied by then. Under
 * steady load that moment never comes; then the checkpoint takes the write lock
 * for the few pages that arrived meanwhile (RESTART), and the worker's begin
 * waits for it: that is what its busy timeout is for.
 */
#include <stdlib.h>
#include <string.h>

#include "queue/sqlite.h"

#define LOG_PAGES     (LOG_LIMIT / 4096)
#define FEW_PAGES     512 /* a few milliseconds to copy */
#define ROUNDS	      8
#define RESTART_TRIES 50 /* one a millisecond */

struct queue_checkpointer {
	sqlite3 *db;
	char *path;
	struct queue_error error;
};

/*
 * Waits for the write lock, and, holding it, for readers of the log's end. So
 * the limit is also how long a reader can make the worker wait.
 */
static int
wait_briefly(void *arg, int tries)
{
	sqlite3_sleep(1);
	return tries < RESTART_TRIES;
}

struct queue_checkpointer *
queue_checkpointer_open(const char *url, struct queue_error *error)
{
	sqlite3 *db = store_connect(url, SQLITE_OPEN_READWRITE, error);

	if (db == NULL)
		return NULL;
	/* Its cache is of no use: pages go from file to file. */
	sqlite3_exec(db, "PRAGMA cache_size = 16", NULL, NULL, NULL);
	sqlite3_busy_handler(db, wait_briefly, NULL);
	struct queue_checkpointer *c = queue_alloc(sizeof *c);
	c->db = db;
	c->path = queue_alloc(strlen(url) + 1);
	strcpy(c->path, url);
	return c;
}

/* 1: all is copied, 0: the rest must wait for the next time, -1. */
static int
checkpoint(struct queue_checkpointer *c, int how, int *in_log)
{
	int copied;
	int code = sqlite3_wal_checkpoint_v2(c->db, NULL, how, in_log, &copied);

	if ((code & 0xff) == SQLITE_BUSY)
		return 0;
	if (code != SQLITE_OK)
		return error_from(&c->error, c->db, c->path, code);
	return copied == *in_log; /* else a reader needs the older pages */
}

/*
 * Each round copies what was written during the one before, until that is so
 * little that the worker may wait for the rest.
 */
int
queue_checkpoint(struct queue_checkpointer *c)
{
	int before = 0, in_log = 0, result;

	for (int i = 0; i < ROUNDS; i++) {
		result = checkpoint(c, SQLITE_CHECKPOINT_PASSIVE, &in_log);
		if (result <= 0 || in_log < LOG_PAGES)
			return result;
		if (in_log - before < FEW_PAGES)
			break;
		before = in_log;
	}
	return checkpoint(c, SQLITE_CHECKPOINT_RESTART, &in_log);
}

int
queue_checkpoint_wipe(struct queue_checkpointer *c)
{
	int in_log, result = checkpoint(c, SQLITE_CHECKPOINT_PASSIVE, &in_log);

	return result < 0 ? -1
			  : checkpoint(c, SQLITE_CHECKPOINT_TRUNCATE, &in_log);
}

const struct queue_error *
queue_checkpointer_error(const struct queue_checkpointer *c)
{
	return &c->error;
}

void
queue_checkpointer_close(struct queue_checkpointer *c)
{
	if (c == NULL)
		return;
	sqlite3_close(c->db);
	free(c->path);
	free(c);
}

int64_t
queue_log_bytes(const struct queue *q)
{
	return q->log_bytes;
}

int64_t
queue_last_used(struct queue *q)
{
	int64_t event_ms, decision_ms;

	if (statement_number(q, EVENTS_LAST, 0, &event_ms) != 0 ||
	    statement_number(q, DECISIONS_LAST, 0, &decision_ms) != 0)
		return -1;
	return event_ms > decision_ms ? event_ms : decision_ms;
}

/*
 * Keys of seen are hashes and have no order in time. An index on the time would
 * cost as much as the table, so the table is walked, max rows a call. Returns
 * how many it looked at, 0 with the last of them, or -1.
 */
static int
trim_seen(struct queue *q, int64_t before_ms, int max)
{
	sqlite3_stmt *slice = statement(q, SEEN_SLICE);
	sqlite3_stmt *trim = statement(q, SEEN_TRIM);
	int64_t last = INT64_MAX;
	int found;

	if (slice == NULL || trim == NULL)
		return -1;
	put_int(slice, 1, q->trimmed);
	put_int(slice, 2, max);
	found = statement_step(q, slice);
	if (found == 1)
		last = get_int(slice, 0);
	sqlite3_reset(slice);
	if (found < 0)
		return -1;
	put_int(trim, 1, q->trimmed);
	put_int(trim, 2, last);
	put_int(trim, 3, before_ms);
	q->trimmed = found == 1 ? last : INT64_MIN;
	return statement_run(q, trim) != 0 ? -1 : found * max;
}

static int
trim_rows(struct queue *q, enum statement which, int64_t before_ms,
    int64_t now_ms, int max)
{
	sqlite3_stmt *st = statement(q, which);

	if (st == NULL)
		return -1;
	put_int(st, 1, before_ms);
	put_int(st, 2, max);
	if (which != MESSAGES_TRIM)
		put_int(st, 3, now_ms);
	return statement_run(q, st) != 0 ? -1 : sqlite3_changes(q->db);
}

int
queue_trim(struct queue *q, int64_t seen_before_ms, int64_t before_ms,
    int64_t now_ms, int max)
{
	static const enum statement trims[] = {
	    EVENTS_TRIM,
	    DECISIONS_TRIM,
	    MESSAGES_TRIM,
	};
	int total = trim_seen(q, seen_before_ms, max);

	for (size_t i = 0; i < sizeof trims / sizeof *trims && total >= 0;
	     i++) {
		int n = trim_rows(q, trims[i], before_ms, now_ms, max);

		total = n < 0 ? -1 : total + n;
	}
	return total;
}
