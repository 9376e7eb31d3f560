/* SPDX-License-Identifier: MIT */
#ifndef QUEUE_SQLITE_H
#define QUEUE_SQLITE_H

#include <openssl/types.h>
#include <sqlite3.h>

#include "queue/queue.h"

/*
 * The SQLite store, for the files of queue/ only. One connection, the
 * statements of statements.c prepared when first used, and the memory of the
 * rows that the running transaction has returned.
 *
 * Every failure ends the transaction and sets has_failed, by which statement()
 * refuses all later calls.
 */
enum statement {
	BEGIN_READING,
	BEGIN_WRITING,
	COMMIT,
	SETTING_GET,
	SETTING_PUT,
	SETTING_REMOVE,
	NAME_FIND,
	NAME_BIND,
	NAMES_OF,
	NAMES_MOVE,
	NAMES_FORGET,
	NAMES_SEARCH,
	SUBJECT_LOAD,
	SUBJECT_ADD,
	SUBJECT_SAVE,
	SUBJECT_SAVE_TRAITS,
	SUBJECT_SAVE_STATE,
	SUBJECT_SAVE_STATE_ONLY,
	SUBJECT_DELETE,
	SUBJECT_KIND,
	SUBJECTS_LAST,
	USERS_AFTER,
	ACCOUNTS_AFTER,
	SUBJECTS_SEARCH,
	MEMBERS,
	MEMBERS_WAKE,
	MEMBERS_MOVE,
	MEMBERS_RELEASE,
	WAKEUPS_DUE,
	WAKEUP_NEXT,
	SEEN_ADD,
	SEEN_SLICE,
	SEEN_TRIM,
	EVENT_ADD,
	EVENT_LAST,
	EVENT_SET_LAST,
	EVENT_BEFORE,
	EVENT_LOAD,
	EVENT_LINK,
	EVENT_FORGET,
	EVENT_BLANK,
	EVENTS_MOVE_ACCOUNT,
	EVENTS_LAST,
	EVENTS_TRIM,
	MESSAGE_ADD,
	MESSAGE_UPDATE,
	MESSAGE_PUT_DATA,
	MESSAGES_DUE,
	MESSAGE_NEXT,
	MESSAGES_BY_KEY,
	MESSAGES_BY_SUBJECT,
	MESSAGES_BY_STATE,
	MESSAGES_BY_SEQUENCE,
	MESSAGES_BY_ID,
	MESSAGES_UNSETTLED,
	MESSAGES_COUNT,
	MESSAGES_BY_STEP,
	MESSAGES_WAITING,
	CHANNEL_NEXT,
	MESSAGES_SENT_SINCE,
	MESSAGES_MOVE,
	MESSAGES_FORGET,
	MESSAGES_TRIM,
	DECISION_ADD,
	DECISIONS_OF,
	DECISIONS_MOVE,
	DECISIONS_FORGET,
	DECISIONS_LAST,
	DECISIONS_TRIM,
	SUPPRESS,
	UNSUPPRESS,
	SUPPRESSED,
	SUPPRESSION,
	STATEMENTS /* how many */
};
extern const char *const statement_text[STATEMENTS];

struct rows;

struct queue {
	sqlite3 *db;
	sqlite3_stmt *statements[STATEMENTS];
	char *path; /* NULL: in memory */
	enum queue_mode mode;
	int lock; /* descriptor; -1: none */
	struct queue_error error;
	bool has_failed; /* for good, with that error */
	struct rows *rows;
	int64_t log_bytes;
	struct queue_file file, log, rescued;
	bool has_reserve;	  /* PATH.reserve is there */
	int64_t wake_hints[4096]; /* by id % 4096: wake_at when last loaded */
	int64_t trimmed;    /* seen.hash up to which this round has looked */
	EVP_MD_CTX *sha256; /* looking it up costs more than a hash */
};

/*
 * The statement, ready for its values; NULL when the queue has failed. To be
 * run to its end with statement_step() or statement_run(), or reset.
 */
sqlite3_stmt *statement(struct queue *, enum statement);
int statement_step(struct queue *, sqlite3_stmt *); /* 1: a row, 0: end, -1 */
int statement_run(struct queue *, sqlite3_stmt *);  /* no rows: 0 or -1 */
/* Binds one number, runs it. 0 or -1. */
int statement_run_with(struct queue *, enum statement, int64_t);
/* One number in (?1), one out: that of the first row, 0 without one. 0 or -1.
 */
int statement_number(struct queue *, enum statement, int64_t in, int64_t *out);

/* Parameters count from 1, columns from 0. */
void put_text(sqlite3_stmt *, int parameter, const char *); /* NULL as "" */
void put_int(sqlite3_stmt *, int parameter, int64_t);
void put_optional(sqlite3_stmt *, int parameter, int64_t); /* 0 as NULL */
int64_t get_int(sqlite3_stmt *, int column);		   /* NULL as 0 */
const char *get_text(struct queue *, sqlite3_stmt *, int column); /* or "" */

/* Text that lives until the transaction ends. */
const char *rows_copy(struct queue *, const void *, size_t len);
void rows_reset(struct queue *);
void rows_free(struct queue *);

/* Says what went wrong on this connection to this file; -1. */
int error_from(struct queue_error *, sqlite3 *, const char *path, int code);
int error_say(struct queue_error *, enum queue_failure, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same, and rolls back. For good, unless the store was only locked. */
int queue_fail(struct queue *, int code);

/* Zeroed; what grows is not. Out of memory ends the process. */
void *queue_alloc(size_t size);
void *queue_resize(void *, size_t size);

/* A subject's chain of events: becomes another one's, in order; or goes. */
int events_move(struct queue *, int64_t from, int64_t into);
int events_forget(struct queue *, int64_t subject);

/*
 * The store's file has gone from its place, but is whole as long as it is open:
 * copies it beside that place. Sets q->error, and returns -1.
 */
int backup_rescue(struct queue *q);
/* What is at PATH and this ending: all zero if there is nothing. */
struct queue_file file_at(const char *path, const char *ending);

/* An open connection (pragmas set, nothing read yet), or NULL. */
sqlite3 *store_connect(const char *path, int flags, struct queue_error *);

/* In the file's header: that it is a store. "nudg" */
#define APPLICATION_ID 0x6e756467

/* Migrations in order: the first makes the first version of the store. */
extern const char *const schema_migrations[];
extern const int schema_version;	  /* how many there are */
extern const char *const schema_probes[]; /* NULL-terminated */
/* Makes, migrates or checks the store behind q->db; 0, or -1 with q->error. */
int schema_ready(struct queue *);

/* From here on the log must start over; at twice that, the worker helps. */
#define LOG_LIMIT (32 << 20)

/* The worker's claim to a store. A descriptor, or -1 with the error set. */
int lock_take(const char *path, struct queue_error *);
void lock_drop(const char *path, int lock);

/* Room set aside for a full disk. 0, or -1 when there is none to set aside. */
int reserve_make(const char *path);
void reserve_drop(const char *path);

/* The first 8 * len bits of the SHA-256 of a text. */
void hash_text(
    struct queue *, const char *text, size_t text_len, void *out, size_t len);

#endif
