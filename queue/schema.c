/* SPDX-License-Identifier: MIT */
/*
 * schema - the tables, and how an older store becomes a current one.
 *
 * Migrations only go forward, and each is one transaction that also sets
 * user_version: a store is always of one whole version. A text in the list is
 * never edited once released; a change is a further text at the end.
 */
#include <stdio.h>

#include "queue/sqlite.h"

/*
 * Narrow columns stand before the long texts, which may continue on overflow
 * pages. An index without the id still has it: it ends in the rowid. Optional
 * times and references are NULL, so that partial indexes leave them out.
 *
 * message_counts is kept by triggers, so that the size of the queue is known
 * without counting millions of rows.
 */
static const char version_1[] =
    "CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL)"
    " WITHOUT ROWID;"

    "CREATE TABLE subjects (id INTEGER PRIMARY KEY,"
    " kind INTEGER NOT NULL, account INTEGER, wake_at INTEGER,"
    " created_at INTEGER NOT NULL, name TEXT NOT NULL,"
    " email TEXT COLLATE NOCASE, traits TEXT NOT NULL, state TEXT NOT NULL);"
    "CREATE INDEX subjects_wake ON subjects (wake_at)"
    " WHERE wake_at IS NOT NULL;"
    "CREATE INDEX subjects_account ON subjects (account)"
    " WHERE account IS NOT NULL;"
    "CREATE INDEX subjects_email ON subjects (email)"
    " WHERE email IS NOT NULL;"

    "CREATE TABLE names (kind INTEGER, text TEXT, subject INTEGER NOT NULL,"
    " PRIMARY KEY (kind, text)) WITHOUT ROWID;"
    "CREATE INDEX names_subject ON names (subject);"

    "CREATE TABLE seen (hash INTEGER PRIMARY KEY, at INTEGER NOT NULL);"
    "CREATE TABLE events (id INTEGER PRIMARY KEY,"
    " subject INTEGER NOT NULL, at INTEGER NOT NULL,"
    " received INTEGER NOT NULL, type TEXT NOT NULL, name TEXT NOT NULL,"
    " message_id TEXT NOT NULL, body TEXT NOT NULL);"
    "CREATE INDEX events_subject ON events (subject);"

    "CREATE TABLE messages (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE,"
    " subject INTEGER NOT NULL, state INTEGER NOT NULL,"
    " created_at INTEGER NOT NULL, next_at INTEGER NOT NULL,"
    " expires_at INTEGER NOT NULL, settled_at INTEGER,"
    " attempts INTEGER NOT NULL, entry INTEGER NOT NULL,"
    " sequence TEXT NOT NULL, step TEXT NOT NULL, template TEXT NOT NULL,"
    " channel TEXT NOT NULL, recipient TEXT NOT NULL, topic TEXT NOT NULL,"
    " address TEXT NOT NULL, provider_id TEXT NOT NULL,"
    " reason TEXT NOT NULL, data TEXT NOT NULL);"
    "CREATE INDEX messages_due ON messages (channel, next_at)"
    " WHERE state = 0;"
    "CREATE INDEX messages_state ON messages (state);"
    "CREATE INDEX messages_subject ON messages (subject);"
    "CREATE INDEX messages_sequence ON messages (sequence);"
    "CREATE INDEX messages_settled ON messages (settled_at)"
    " WHERE settled_at IS NOT NULL;"

    "CREATE TABLE message_counts (state INTEGER PRIMARY KEY,"
    " count INTEGER NOT NULL);"
    "INSERT INTO message_counts VALUES"
    " (0,0), (1,0), (2,0), (3,0), (4,0), (5,0), (6,0), (7,0), (8,0);"
    "CREATE TRIGGER messages_added AFTER INSERT ON messages BEGIN"
    " UPDATE message_counts SET count = count + 1 WHERE state = new.state;"
    " END;"
    "CREATE TRIGGER messages_moved AFTER UPDATE OF state ON messages"
    " WHEN old.state <> new.state BEGIN"
    " UPDATE message_counts SET count = count - 1 WHERE state = old.state;"
    " UPDATE message_counts SET count = count + 1 WHERE state = new.state;"
    " END;"
    "CREATE TRIGGER messages_deleted AFTER DELETE ON messages BEGIN"
    " UPDATE message_counts SET count = count - 1 WHERE state = old.state;"
    " END;"

    "CREATE TABLE decisions (id INTEGER PRIMARY KEY,"
    " subject INTEGER NOT NULL, at INTEGER NOT NULL, entry INTEGER NOT NULL,"
    " what TEXT NOT NULL, sequence TEXT NOT NULL, step TEXT NOT NULL,"
    " reason TEXT NOT NULL, evidence TEXT NOT NULL);"
    "CREATE INDEX decisions_subject ON decisions (subject);"

    "CREATE TABLE suppressions (hash BLOB, topic TEXT,"
    " at INTEGER NOT NULL, reason TEXT NOT NULL,"
    " PRIMARY KEY (hash, topic)) WITHOUT ROWID;";

/*
 * The account that an event was for, which need not be its user's of today: 0
 * is none, NULL an event from before this column. Users are walked by their
 * ids; for the accounts that are spread among them there is an index.
 *
 * A subject's events are a chain, each naming the one before: with hundreds of
 * thousands of people, an index would cost every event a page of its own.
 */
static const char version_2[] =
    "ALTER TABLE events ADD COLUMN account INTEGER;"
    "ALTER TABLE events ADD COLUMN previous INTEGER;"
    "ALTER TABLE subjects ADD COLUMN last_event INTEGER;"
    "UPDATE events SET previous = (SELECT max(e.id) FROM events AS e"
    " WHERE e.subject = events.subject AND e.id < events.id);"
    "UPDATE subjects SET last_event = (SELECT max(id) FROM events"
    " WHERE events.subject = subjects.id);"
    "DROP INDEX events_subject;"
    "CREATE INDEX subjects_accounts ON subjects (kind) WHERE kind = 2;";

const char *const schema_migrations[] = {version_1, version_2};
const int schema_version =
    sizeof schema_migrations / sizeof schema_migrations[0];

/*
 * What min() and max() of these find stands in the first and the last leaf of
 * each tree: cheap at any size. (Both in one query would read all of it.)
 */
const char *const schema_probes[] = {
    "name) FROM settings",
    "id) FROM subjects",
    "wake_at) FROM subjects WHERE wake_at > 0",
    "account) FROM subjects WHERE account > 0",
    "kind) FROM subjects INDEXED BY subjects_accounts WHERE kind = 2",
    "email) FROM subjects WHERE email > ''",
    "kind) FROM names NOT INDEXED",
    "subject) FROM names",
    "hash) FROM seen",
    "id) FROM events",
    "id) FROM messages",
    "key) FROM messages",
    "channel) FROM messages INDEXED BY messages_due WHERE state = 0",
    "state) FROM messages",
    "subject) FROM messages",
    "sequence) FROM messages",
    "settled_at) FROM messages WHERE settled_at > 0",
    "state) FROM message_counts",
    "id) FROM decisions",
    "subject) FROM decisions",
    "hash) FROM suppressions",
    NULL,
};

static int
execute(struct queue *q, const char *sql)
{
	int code = sqlite3_exec(q->db, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? 0 : queue_fail(q, code);
}

static int
read_number(struct queue *q, const char *sql, int64_t *out)
{
	sqlite3_stmt *st = NULL;
	int code = sqlite3_prepare_v2(q->db, sql, -1, &st, NULL);

	if (code == SQLITE_OK && (code = sqlite3_step(st)) == SQLITE_ROW) {
		*out = sqlite3_column_int64(st, 0);
		code = SQLITE_OK;
	}
	/* The failure is read before finalize forgets it. */
	int result = code == SQLITE_OK ? 0 : queue_fail(q, code);
	sqlite3_finalize(st);
	return result;
}

static int
migrate(struct queue *q, int from)
{
	char stamp[120];

	if (execute(q, "BEGIN IMMEDIATE") != 0 ||
	    execute(q, schema_migrations[from]) != 0)
		return -1;
	snprintf(stamp, sizeof stamp,
	    "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
	    APPLICATION_ID, from + 1);
	return execute(q, stamp);
}

/* What kind of file is this, going by its header? */
static int
check_header(struct queue *q, int64_t *version)
{
	int64_t application, objects;

	if (read_number(q, "PRAGMA application_id", &application) != 0 ||
	    read_number(q, "PRAGMA user_version", version) != 0 ||
	    read_number(q, "SELECT count(*) FROM sqlite_schema", &objects) != 0)
		return -1;
	if (application != APPLICATION_ID && (objects > 0 || *version > 0))
		return error_say(&q->error, QUEUE_DAMAGED,
		    "%s is an SQLite database of another program, not a nudge "
		    "store: name another file as the store",
		    q->path);
	if (*version > schema_version)
		return error_say(&q->error, QUEUE_NEWER,
		    "%s was written by a newer nudge (store version %d, this "
		    "program knows up to %d): run that nudge, or restore the "
		    "copy made before it was installed",
		    q->path, (int)*version, schema_version);
	if (*version < schema_version && q->mode == QUEUE_READER)
		return error_say(&q->error, QUEUE_FAILED,
		    "%s is of store version %d, this program reads %d: start "
		    "the worker once, it will bring the store up to date",
		    q->path, (int)*version, schema_version);
	return 0;
}

static int
probe(struct queue *q)
{
	char sql[200];

	for (const char *const *tree = schema_probes; *tree != NULL; tree++) {
		snprintf(sql, sizeof sql, "SELECT min(%s; SELECT max(%s", *tree,
		    *tree);
		if (execute(q, sql) != 0)
			return -1;
	}
	return 0;
}

int
schema_ready(struct queue *q)
{
	int64_t version;

	if (check_header(q, &version) != 0)
		return -1;
	for (; version < schema_version; version++)
		if (migrate(q, (int)version) != 0)
			return -1;
	return probe(q);
}
