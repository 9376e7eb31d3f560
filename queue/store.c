/* SPDX-License-Identifier: MIT */
/*
 * store - opening and closing, transactions, and what becomes of a failure.
 *
 * The worker's connection is the only one that writes. The log (-wal) is synced
 * at each commit (synchronous = FULL) and copied into the file by a
 * checkpointer's connection; closing the last connection removes it, so a store
 * at rest is one file.
 *
 * Diagnostics: everything that SQLite reports is a failure and stays one, but
 * for a begin that finds the store locked, as nothing is lost by trying again.
 * A begin also fails when the file is not in its place any more.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "queue/sqlite.h"

/*
 * Only a checkpoint that restarts the log, or somebody's sqlite3 shell, keeps
 * the worker from writing; both are short.
 */
#define BUSY_MS 10000

int
error_say(
    struct queue_error *error, enum queue_failure what, const char *fmt, ...)
{
	va_list ap;

	error->what = what;
	va_start(ap, fmt);
	vsnprintf(error->text, sizeof error->text, fmt, ap);
	va_end(ap);
	return -1;
}

/* A commit does not pass on what the system said; the log's file knows it. */
static int
errno_of(sqlite3 *db)
{
	int error = sqlite3_system_errno(db);
	sqlite3_file *log = NULL;

	if (error != 0 || db == NULL ||
	    sqlite3_file_control(
		db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) != SQLITE_OK ||
	    log == NULL || log->pMethods == NULL)
		return error;
	log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &error);
	return error;
}

int
error_from(struct queue_error *error, sqlite3 *db, const char *path, int code)
{
	const char *file = path != NULL ? path : "the store in memory";
	int system_error = errno_of(db);

	if ((code & 0xff) == SQLITE_IOERR &&
	    (system_error == ENOSPC || system_error == EDQUOT))
		code = SQLITE_FULL;
	switch (code & 0xff) {
	case SQLITE_NOMEM:
		fprintf(stderr, "nudge: out of memory (%s)\n", file);
		abort();
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return error_say(error, QUEUE_DAMAGED,
		    "%s is damaged or not a nudge store (%s): keep a copy of "
		    "it, then restore a backup, or see what `sqlite3 %s "
		    ".recover` can save",
		    file, sqlite3_errmsg(db), file);
	case SQLITE_FULL:
		return error_say(
		    error, QUEUE_FULL, "no room on the disk for %s", file);
	case SQLITE_BUSY:
		return error_say(error, QUEUE_FAILED,
		    "%s is locked by another program", file);
	default:
		return error_say(error,
		    system_error == EROFS ? QUEUE_READ_ONLY : QUEUE_FAILED,
		    "%s: %s%s%s", file, sqlite3_errmsg(db),
		    system_error != 0 ? ": " : "",
		    system_error != 0 ? strerror(system_error) : "");
	}
}

int
queue_fail(struct queue *q, int code)
{
	error_from(&q->error, q->db, q->path, code);
	q->has_failed = (code & 0xff) != SQLITE_BUSY;
	if (!sqlite3_get_autocommit(q->db))
		sqlite3_exec(q->db, "ROLLBACK", NULL, NULL, NULL);
	return -1;
}

sqlite3 *
store_connect(const char *path, int flags, struct queue_error *error)
{
	sqlite3 *db = NULL;
	int code = sqlite3_open_v2(path, &db,
	    flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);

	if (code == SQLITE_OK) {
		sqlite3_busy_timeout(db, BUSY_MS);
		return db;
	}
	error_from(error, db, path, code);
	sqlite3_close(db);
	return NULL;
}

/* What an earlier worker left in the log; -wal is gone after a clean close. */
static int64_t
log_left_over(const char *path)
{
	char name[4096];
	struct stat st;

	snprintf(name, sizeof name, "%s-wal", path);
	return stat(name, &st) == 0 ? st.st_size : 0;
}

/* Called after each commit with the number of pages in the log. */
static int
committed(void *arg, sqlite3 *db, const char *name, int pages)
{
	struct queue *q = arg;

	q->log_bytes = 32 + pages * (int64_t)(24 + 4096);
	return SQLITE_OK;
}

/*
 * The order matters: the page size is fixed by the first write, which is the
 * change to WAL. The hook also takes the place of SQLite's own checkpoints.
 */
static int
prepare_worker(struct queue *q)
{
	static const char pragmas[] = "PRAGMA page_size = 4096;"
				      "PRAGMA journal_mode = WAL;"
				      "PRAGMA synchronous = FULL;"
				      "PRAGMA journal_size_limit = 67108864;"
				      "PRAGMA cache_size = -65536;"
				      "PRAGMA temp_store = MEMORY;"
				      "PRAGMA secure_delete = FAST;"
				      "PRAGMA cell_size_check = ON";
	int code = sqlite3_exec(q->db, pragmas, NULL, NULL, NULL);

	if (code != SQLITE_OK)
		return queue_fail(q, code);
	sqlite3_wal_hook(q->db, committed, q);
	return 0;
}

/* Personal data: the file is its owner's, and the log takes after the file. */
static void
create_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
}

static int
connect_worker(struct queue *q)
{
	q->lock = lock_take(q->path, &q->error);
	if (q->lock < 0)
		return -1;
	create_file(q->path);
	q->log_bytes = log_left_over(q->path);
	q->has_reserve = reserve_make(q->path) == 0;
	q->db = store_connect(q->path, SQLITE_OPEN_READWRITE, &q->error);
	return q->db != NULL ? prepare_worker(q) : -1;
}

static int
connect_reader(struct queue *q)
{
	char folder[4096], *slash;

	if (access(q->path, R_OK) != 0)
		return error_say(&q->error, QUEUE_FAILED, "cannot read %s: %s",
		    q->path, strerror(errno));
	q->db = store_connect(q->path, SQLITE_OPEN_READONLY, &q->error);
	if (q->db == NULL)
		return -1;
	/* Readers of a log share an index of it beside the store. */
	snprintf(folder, sizeof folder, "%s-shm", q->path);
	if (access(folder, R_OK) == 0)
		return 0;
	slash = strrchr(folder, '/');
	if (slash != NULL)
		*slash = '\0';
	if (access(slash != NULL ? folder : ".", W_OK) == 0)
		return 0;
	return error_say(&q->error,
	    errno == EROFS ? QUEUE_READ_ONLY : QUEUE_FAILED,
	    "cannot read %s: no worker has it open, and its folder is not "
	    "writable for you; a copy in a folder of yours can be read",
	    q->path);
}

/*
 * A store at rest of which readers find no place for the index: it is read
 * without one, as a file that nobody changes. On a disk on which nothing can be
 * written nobody does.
 */
static int
connect_frozen(struct queue *q)
{
	char uri[3 * 4096], *p = uri;

	if ((q->error.what != QUEUE_FULL && q->error.what != QUEUE_READ_ONLY) ||
	    log_left_over(q->path) > 0)
		return -1;
	p += sprintf(p, "file:");
	for (const char *s = q->path; *s != '\0' && p < uri + sizeof uri - 32;
	     s++)
		p += sprintf(p, strchr("%?#", *s) ? "%%%02x" : "%c", *s);
	sprintf(p, "?immutable=1");
	sqlite3_close(q->db);
	q->has_failed = false;
	q->db = store_connect(
	    uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, &q->error);
	return q->db != NULL ? 0 : -1;
}

static int
connect_memory(struct queue *q)
{
	q->db = store_connect(
	    ":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &q->error);
	return q->db != NULL ? 0 : -1;
}

struct queue *
queue_open(const char *url, enum queue_mode mode, struct queue_error *error)
{
	static int (*const connect[])(struct queue *) = {
	    [QUEUE_WORKER] = connect_worker,
	    [QUEUE_READER] = connect_reader,
	    [QUEUE_MEMORY] = connect_memory,
	};
	struct queue *q = queue_alloc(sizeof *q);

	/*
	 * Counting its memory costs SQLite a fifth of its time. This has an
	 * effect only before anything else of it is used.
	 */
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	q->mode = mode;
	q->lock = -1;
	q->trimmed = INT64_MIN;
	if (mode != QUEUE_MEMORY) {
		q->path = queue_alloc(strlen(url) + 1);
		strcpy(q->path, url);
	}
	if (connect[mode](q) == 0 && schema_ready(q) == 0) {
		if (mode == QUEUE_WORKER) {
			q->file = file_at(url, "");
			q->log = file_at(url, "-wal");
		}
		return q;
	}
	if (mode == QUEUE_READER && connect_frozen(q) == 0 &&
	    schema_ready(q) == 0)
		return q;
	*error = q->error;
	queue_close(q);
	return NULL;
}

void
queue_close(struct queue *q)
{
	if (q == NULL)
		return;
	for (int i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(q->statements[i]);
	sqlite3_close(q->db);
	if (q->has_reserve)
		reserve_drop(q->path);
	lock_drop(q->path, q->lock);
	rows_free(q);
	EVP_MD_CTX_free(q->sha256);
	free(q->path);
	free(q);
}

const struct queue_error *
queue_error(const struct queue *q)
{
	return &q->error;
}

/* What is written to a file without a name is gone when it is closed. */
static bool
has_moved(const struct queue *q)
{
	int moved = 0;

	sqlite3_file_control(q->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
	return moved != 0;
}

int
queue_begin(struct queue *q)
{
	bool reads = q->mode == QUEUE_READER;

	rows_reset(q);
	if (q->mode == QUEUE_WORKER && !q->has_failed && has_moved(q)) {
		q->has_failed = true;
		return backup_rescue(q);
	}
	/* Lets a checkpointer have the write lock that it is waiting for. */
	if (q->log_bytes > 2 * LOG_LIMIT)
		sqlite3_sleep(2);

	return statement_run(
	    q, statement(q, reads ? BEGIN_READING : BEGIN_WRITING));
}

int
queue_commit(struct queue *q)
{
	rows_reset(q);
	return statement_run(q, statement(q, COMMIT));
}

void
queue_rollback(struct queue *q)
{
	rows_reset(q);
	if (!sqlite3_get_autocommit(q->db))
		sqlite3_exec(q->db, "ROLLBACK", NULL, NULL, NULL);
}

int
queue_recover(struct queue *q)
{
	if (q->mode != QUEUE_WORKER)
		return -1;
	if (!q->has_failed) {
		q->has_reserve = q->has_reserve || reserve_make(q->path) == 0;
		return 0;
	}
	if (q->error.what != QUEUE_FULL || !q->has_reserve)
		return -1;
	reserve_drop(q->path);
	q->has_reserve = false;
	q->has_failed = false;
	return 0;
}

bool
queue_is_full(const struct queue *q)
{
	return q->mode == QUEUE_WORKER && !q->has_reserve;
}

int
queue_setting_get(struct queue *q, const char *name, const char **value)
{
	sqlite3_stmt *st = statement(q, SETTING_GET);
	int found;

	*value = NULL;
	if (st == NULL)
		return -1;
	put_text(st, 1, name);
	found = statement_step(q, st);
	if (found == 1)
		*value = get_text(q, st, 0);
	sqlite3_reset(st);
	return found < 0 ? -1 : 0;
}

int
queue_setting_put(struct queue *q, const char *name, const char *value)
{
	sqlite3_stmt *st =
	    statement(q, value != NULL ? SETTING_PUT : SETTING_REMOVE);

	if (st == NULL)
		return -1;
	put_text(st, 1, name);
	if (value != NULL)
		put_text(st, 2, value);
	return statement_run(q, st);
}
