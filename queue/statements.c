/* SPDX-License-Identifier: MIT */
/*
 * statements - all SQL that runs once the store is open, in one table, and how
 * it is run. Each statement is prepared when first used and kept. Whoever steps
 * one either reaches its end or resets it: a statement left standing would hold
 * a snapshot, and with it the log.
 *
 * Messages have triggers. OR FAIL keeps SQLite from copying pages so that it
 * could undo the one statement: a failure ends the transaction here anyway.
 */
#include <string.h>

#include "queue/sqlite.h"

#define SUBJECT                                                          \
	"SELECT id, kind, name, email, traits, state, account, wake_at," \
	" created_at FROM subjects "
#define EVENT                                                             \
	"SELECT id, message_id, subject, type, name, body, at, received," \
	" account"                                                        \
	" FROM events "
#define MESSAGE                                                              \
	"SELECT id, key, subject, sequence, entry, step, template, channel," \
	" recipient, topic, data, state, created_at, next_at, expires_at,"   \
	" settled_at, attempts, reason, address, provider_id FROM messages "
/* A unary plus keeps a condition from choosing the index. */
#define MESSAGE_MATCH                                                \
	" AND (?2 = 0 OR +subject = ?2) AND (?3 < 0 OR +state = ?3)" \
	" AND (?4 IS NULL OR +sequence = ?4) AND id < ?5"            \
	" ORDER BY id DESC"
#define DECISION                                                       \
	"SELECT id, subject, at, sequence, entry, step, what, reason," \
	" evidence FROM decisions "
/*
 * Of the first ?2 rows those before the first that is to be kept, and before
 * `end`. Ids are in the order of arrival: what came before an old row is old as
 * well, also where its time is past the present (?3) as the clock was ahead
 * then. Without an old row in front nothing goes: it may be that the clock is
 * behind now.
 */
#define TRIM(table, time, end)                                              \
	"DELETE FROM " table " WHERE id <= (SELECT max(id) FROM (SELECT id" \
	" FROM " table " ORDER BY id LIMIT ?2)) AND id < coalesce(("        \
	"SELECT min(id) FROM (SELECT id, " time " AS t FROM " table         \
	" ORDER BY id LIMIT ?2) WHERE t BETWEEN ?1 AND ?3), " end ")"       \
	" AND (SELECT " time " FROM " table " WHERE " time " <= ?3"         \
	" ORDER BY id LIMIT 1) < ?1"
#define NEWEST_EVENT "(SELECT max(id) FROM events)"
#define NO_END	     "9223372036854775807"

const char *const statement_text[STATEMENTS] = {
    [BEGIN_READING] = "BEGIN",
    [BEGIN_WRITING] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",

    [SETTING_GET] = "SELECT value FROM settings WHERE name = ?1",
    [SETTING_PUT] = "INSERT INTO settings VALUES (?1, ?2)"
		    " ON CONFLICT DO UPDATE SET value = excluded.value",
    [SETTING_REMOVE] = "DELETE FROM settings WHERE name = ?1",

    [NAME_FIND] = "SELECT subject FROM names WHERE kind = ?1 AND text = ?2",
    [NAME_BIND] = "INSERT INTO names VALUES (?1, ?2, ?3)"
		  " ON CONFLICT DO UPDATE SET subject = excluded.subject"
		  " WHERE subject <> excluded.subject",
    [NAMES_OF] = "SELECT kind, text FROM names WHERE subject = ?1"
		 " ORDER BY kind, text",
    [NAMES_MOVE] = "UPDATE names SET subject = ?2 WHERE subject = ?1",
    [NAMES_FORGET] = "DELETE FROM names WHERE subject = ?1",
    [NAMES_SEARCH] = "SELECT subject FROM names WHERE kind = ?1"
		     " AND text BETWEEN ?2 AND ?3 ORDER BY text",

    [SUBJECT_LOAD] = SUBJECT "WHERE id = ?1",
    [SUBJECT_ADD] =
	"INSERT INTO subjects (kind, name, email, traits, state, account,"
	" wake_at, created_at) VALUES (?2, ?3, nullif(?4, ''), ?5, ?6, ?7, ?8,"
	" ?9)",
    [SUBJECT_SAVE] =
	"UPDATE subjects SET name = ?3, email = nullif(?4, ''), traits = ?5,"
	" account = ?7, state = ?6, wake_at = ?8 WHERE id = ?1",
    [SUBJECT_SAVE_TRAITS] =
	"UPDATE subjects SET name = ?3, email = nullif(?4, ''), traits = ?5,"
	" account = ?7 WHERE id = ?1",
    [SUBJECT_SAVE_STATE] =
	"UPDATE subjects SET state = ?6, wake_at = ?8 WHERE id = ?1",
    [SUBJECT_SAVE_STATE_ONLY] =
	"UPDATE subjects SET state = ?6 WHERE id = ?1 AND wake_at IS ?8",
    [SUBJECT_DELETE] = "DELETE FROM subjects WHERE id = ?1",
    [SUBJECT_KIND] = "SELECT kind FROM subjects WHERE id = ?1",
    [SUBJECTS_LAST] = "SELECT id FROM subjects WHERE id > ?1"
		      " ORDER BY id DESC LIMIT 1",
    [USERS_AFTER] = "SELECT id FROM subjects WHERE kind = 1 AND id > ?1"
		    " ORDER BY id LIMIT ?2",
    [ACCOUNTS_AFTER] = "SELECT id FROM subjects WHERE kind = 2 AND id > ?1"
		       " ORDER BY id LIMIT ?2",
    [SUBJECTS_SEARCH] = "SELECT id FROM subjects"
			" WHERE email BETWEEN ?2 AND ?3 ORDER BY email",
    [MEMBERS] = "SELECT id FROM subjects WHERE account = ?1 AND id > ?2"
		" ORDER BY id LIMIT ?3",
    [MEMBERS_WAKE] = "UPDATE subjects SET wake_at = ?2 WHERE account = ?1"
		     " AND coalesce(wake_at > ?2, true)",
    [MEMBERS_MOVE] = "UPDATE subjects SET account = ?2 WHERE account = ?1",
    [MEMBERS_RELEASE] = "UPDATE subjects SET account = NULL"
			" WHERE account = ?1",
    [WAKEUPS_DUE] = "SELECT id FROM subjects WHERE wake_at <= ?1"
		    " ORDER BY wake_at LIMIT ?2",
    [WAKEUP_NEXT] = "SELECT wake_at FROM subjects WHERE wake_at > ?1"
		    " ORDER BY wake_at LIMIT 1",

    [SEEN_ADD] = "INSERT INTO seen VALUES (?1, ?2)"
		 " ON CONFLICT DO UPDATE SET at = excluded.at WHERE at < ?3",
    [SEEN_SLICE] = "SELECT hash FROM seen WHERE hash > ?1"
		   " ORDER BY hash LIMIT 1 OFFSET ?2 - 1",
    [SEEN_TRIM] = "DELETE FROM seen WHERE hash > ?1 AND hash <= ?2 AND at < ?3",

    [EVENT_ADD] =
	"INSERT INTO events (message_id, subject, type, name, body, at,"
	" received, account, previous)"
	" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    [EVENT_LAST] = "SELECT last_event FROM subjects WHERE id = ?1",
    [EVENT_SET_LAST] = "UPDATE subjects SET last_event = ?2 WHERE id = ?1",
    [EVENT_BEFORE] = "SELECT previous FROM events WHERE id = ?1",
    [EVENT_LOAD] = EVENT "WHERE id = ?1",
    [EVENT_LINK] =
	"UPDATE events SET subject = ?2, previous = ?3 WHERE id = ?1",
    [EVENT_FORGET] = "DELETE FROM events WHERE id = ?1"
		     " AND id < " NEWEST_EVENT,
    [EVENT_BLANK] = "UPDATE events SET subject = 0, account = 0,"
		    " previous = NULL, type = '', name = '', message_id = '',"
		    " body = '{}' WHERE id = ?1",
    [EVENTS_MOVE_ACCOUNT] = "UPDATE events SET account = ?2 WHERE account = ?1",
    [EVENTS_LAST] = "SELECT received FROM events WHERE id > ?1"
		    " ORDER BY id DESC LIMIT 1",
    [EVENTS_TRIM] = TRIM("events", "received", NEWEST_EVENT),

    [MESSAGE_ADD] =
	"INSERT OR FAIL INTO messages (key, subject, sequence, entry, step,"
	" template, channel, recipient, topic, data, state, created_at,"
	" next_at, expires_at, settled_at, attempts, reason, address,"
	" provider_id)"
	" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13,"
	" ?14, ?15, ?16, ?17, ?18, ?19) ON CONFLICT (key) DO NOTHING",
    [MESSAGE_UPDATE] =
	"UPDATE OR FAIL messages SET state = ?2, next_at = ?3, settled_at = ?4,"
	" attempts = ?5, reason = ?6, address = ?7, provider_id = ?8"
	" WHERE id = ?1 AND key = ?9",
    [MESSAGE_PUT_DATA] = "UPDATE OR FAIL messages SET data = ?2 WHERE id = ?1",
    [MESSAGES_DUE] =
	MESSAGE "WHERE state = 0 AND channel = ?1 AND next_at <= ?2"
		" ORDER BY next_at, id LIMIT ?3",
    [MESSAGE_NEXT] = "SELECT max(next_at, 1) FROM messages WHERE state = 0"
		     " AND channel = ?1 ORDER BY next_at LIMIT 1",
    [MESSAGES_BY_KEY] = MESSAGE "WHERE key = ?1" MESSAGE_MATCH,
    [MESSAGES_BY_SUBJECT] = MESSAGE "WHERE subject = ?2" MESSAGE_MATCH,
    [MESSAGES_BY_STATE] = MESSAGE "WHERE state = ?3" MESSAGE_MATCH,
    [MESSAGES_BY_SEQUENCE] = MESSAGE "WHERE sequence = ?4" MESSAGE_MATCH,
    [MESSAGES_BY_ID] = MESSAGE "WHERE true" MESSAGE_MATCH,
    [MESSAGES_UNSETTLED] = MESSAGE "WHERE state = 1 ORDER BY id LIMIT ?1",
    [MESSAGES_COUNT] = "SELECT state, count FROM message_counts",
    [MESSAGES_BY_STEP] =
	"SELECT step, template, state, count(*) FROM (SELECT step, template,"
	" state FROM messages WHERE sequence = ?1 ORDER BY id DESC LIMIT ?2)"
	" GROUP BY 1, 2, 3",
    [MESSAGES_WAITING] =
	"SELECT count(*) FROM (SELECT 1 FROM messages WHERE state = 0"
	" AND channel = ?2 LIMIT ?1)",
    [CHANNEL_NEXT] = "SELECT channel FROM messages INDEXED BY messages_due"
		     " WHERE state = 0 AND channel > ?1"
		     " ORDER BY channel LIMIT 1",
    [MESSAGES_SENT_SINCE] =
	"SELECT count(*) FROM messages WHERE subject = ?1 AND topic <> ''"
	" AND (+state = 1 OR (+state IN (2, 4) AND +settled_at >= ?2))",
    [MESSAGES_MOVE] = "UPDATE messages SET subject = ?2 WHERE subject = ?1",
    [MESSAGES_FORGET] = "DELETE FROM messages WHERE subject = ?1",
    [MESSAGES_TRIM] =
	"DELETE FROM messages WHERE id IN (SELECT id FROM messages"
	" WHERE settled_at < ?1 ORDER BY settled_at LIMIT ?2)",

    [DECISION_ADD] =
	"INSERT INTO decisions (subject, at, sequence, entry, step, what,"
	" reason, evidence) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [DECISIONS_OF] = DECISION "WHERE subject = ?1 AND id < ?2"
			      " ORDER BY id DESC LIMIT ?3",
    [DECISIONS_MOVE] = "UPDATE decisions SET subject = ?2 WHERE subject = ?1",
    [DECISIONS_FORGET] = "DELETE FROM decisions WHERE subject = ?1",
    [DECISIONS_LAST] = "SELECT at FROM decisions WHERE id > ?1"
		       " ORDER BY id DESC LIMIT 1",
    [DECISIONS_TRIM] = TRIM("decisions", "at", NO_END),

    [SUPPRESS] = "INSERT INTO suppressions VALUES (?1, ?2, ?3, ?4)"
		 " ON CONFLICT DO UPDATE SET at = excluded.at,"
		 " reason = excluded.reason",
    [UNSUPPRESS] = "DELETE FROM suppressions WHERE hash = ?1 AND topic = ?2",
    [SUPPRESSED] = "SELECT reason FROM suppressions WHERE hash = ?1"
		   " AND (+topic = '' OR +topic = ?2) ORDER BY topic LIMIT 1",
    [SUPPRESSION] = "SELECT reason FROM suppressions WHERE hash = ?1"
		    " AND topic = ?2",
};

sqlite3_stmt *
statement(struct queue *q, enum statement which)
{
	sqlite3_stmt **st = &q->statements[which];

	if (q->has_failed)
		return NULL;
	if (*st == NULL) {
		int code = sqlite3_prepare_v3(q->db, statement_text[which], -1,
		    SQLITE_PREPARE_PERSISTENT, st, NULL);
		if (code != SQLITE_OK)
			queue_fail(q, code);
	}
	return *st;
}

int
statement_step(struct queue *q, sqlite3_stmt *st)
{
	int code = sqlite3_step(st);

	if (code == SQLITE_ROW)
		return 1;
	sqlite3_reset(st);
	return code == SQLITE_DONE ? 0 : queue_fail(q, code);
}

int
statement_run(struct queue *q, sqlite3_stmt *st)
{
	return st != NULL ? statement_step(q, st) : -1;
}

int
statement_run_with(struct queue *q, enum statement which, int64_t number)
{
	sqlite3_stmt *st = statement(q, which);

	if (st == NULL)
		return -1;
	put_int(st, 1, number);
	return statement_run(q, st);
}

int
statement_number(
    struct queue *q, enum statement which, int64_t in, int64_t *out)
{
	sqlite3_stmt *st = statement(q, which);
	int found;

	if (st == NULL)
		return -1;
	put_int(st, 1, in);
	found = statement_step(q, st);
	*out = found == 1 ? get_int(st, 0) : 0;
	sqlite3_reset(st);
	return found < 0 ? -1 : 0;
}

void
put_text(sqlite3_stmt *st, int parameter, const char *text)
{
	sqlite3_bind_text(
	    st, parameter, text != NULL ? text : "", -1, SQLITE_STATIC);
}

void
put_int(sqlite3_stmt *st, int parameter, int64_t value)
{
	sqlite3_bind_int64(st, parameter, value);
}

void
put_optional(sqlite3_stmt *st, int parameter, int64_t value)
{
	if (value != 0)
		sqlite3_bind_int64(st, parameter, value);
	else
		sqlite3_bind_null(st, parameter);
}

int64_t
get_int(sqlite3_stmt *st, int column)
{
	return sqlite3_column_int64(st, column);
}

const char *
get_text(struct queue *q, sqlite3_stmt *st, int column)
{
	const void *text = sqlite3_column_blob(st, column);
	int len = sqlite3_column_bytes(st, column);

	return len > 0 ? rows_copy(q, text, (size_t)len) : "";
}
