/* SPDX-License-Identifier: MIT */
/*
 * backup - a copy of a store while a worker uses it.
 *
 * All of it is of one moment: a read transaction holds the snapshot, which
 * keeps no writer waiting. The copy grows as PATH.part and takes its name when
 * it is whole and on the disk, so that no file under that name is half a store.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "queue/sqlite.h"

#define PAGE_BYTES 4096 /* as a worker makes a store */

struct queue_backup {
	char *url, *to, *part;
	sqlite3 *from, *into;
	sqlite3_backup *copy;
	int64_t done, total; /* bytes */
	bool has_part;	     /* to be removed, unless it is done */
};

static char *
copy_text(const char *text, const char *ending)
{
	char *copy = queue_alloc(strlen(text) + strlen(ending) + 1);

	strcpy(copy, text);
	strcat(copy, ending);
	return copy;
}

static int
say_errno(struct queue_error *error, const char *what, const char *path)
{
	return error_say(error, errno == ENOSPC ? QUEUE_FULL : QUEUE_FAILED,
	    "cannot %s %s: %s", what, path, strerror(errno));
}

static int
read_number(void *out, int n, char **values, char **names)
{
	*(int *)out = atoi(values[0]);
	return 0;
}

static struct queue_backup *
backup_new(const char *url, const char *to)
{
	struct queue_backup *b = queue_alloc(sizeof *b);

	b->url = copy_text(url, "");
	b->to = copy_text(to, "");
	b->part = copy_text(to, ".part");
	return b;
}

/* The transaction begins with what is read first. */
static int
open_source(struct queue_backup *b, struct queue_error *error)
{
	int application = 0, code;

	if (access(b->url, R_OK) != 0)
		return say_errno(error, "read", b->url);
	b->from = store_connect(b->url, SQLITE_OPEN_READONLY, error);
	if (b->from == NULL)
		return -1;
	code = sqlite3_exec(b->from, "BEGIN; PRAGMA application_id",
	    read_number, &application, NULL);
	if (code != SQLITE_OK)
		return error_from(error, b->from, b->url, code);
	if (application != APPLICATION_ID)
		return error_say(
		    error, QUEUE_DAMAGED, "%s is not a nudge store", b->url);
	return 0;
}

/* The copy is worth nothing before its end, which syncs it. */
static int
open_copy(struct queue_backup *b, struct queue_error *error)
{
	int fd, code;

	if (access(b->to, F_OK) == 0) {
		errno = EEXIST;
		return say_errno(error, "write", b->to);
	}
	fd = open(b->part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 && errno == EEXIST)
		return error_say(error, QUEUE_FAILED,
		    "%s is there already: another backup is making it, or one "
		    "was cut off; then remove it",
		    b->part);
	if (fd < 0)
		return say_errno(error, "write", b->part);
	close(fd);
	b->has_part = true;
	b->into = store_connect(b->part, SQLITE_OPEN_READWRITE, error);
	if (b->into == NULL)
		return -1;
	code = sqlite3_exec(b->into,
	    "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF", NULL, NULL,
	    NULL);
	b->copy = sqlite3_backup_init(b->into, "main", b->from, "main");
	if (code != SQLITE_OK || b->copy == NULL)
		return error_from(
		    error, b->into, b->part, sqlite3_errcode(b->into));
	return 0;
}

struct queue_backup *
queue_backup_open(const char *url, const char *to, struct queue_error *error)
{
	struct queue_backup *b = backup_new(url, to);

	if (open_source(b, error) == 0 && open_copy(b, error) == 0)
		return b;
	queue_backup_close(b);
	return NULL;
}

static int
sync_file(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);
	int result = fd < 0 ? -1 : fsync(fd);

	if (fd >= 0)
		close(fd);
	return result;
}

static int
sync_folder(const char *path)
{
	char *folder = copy_text(path, "");
	char *slash = strrchr(folder, '/');
	int result;

	if (slash != NULL)
		slash[slash == folder] = '\0';
	result = sync_file(slash != NULL ? folder : ".", O_RDONLY);
	free(folder);
	return result;
}

/* From here on it has its name. */
static int
finish(struct queue_backup *b, struct queue_error *error)
{
	int code = sqlite3_backup_finish(b->copy);

	b->copy = NULL;
	if (code != SQLITE_OK)
		return error_from(error, b->into, b->part, code);
	sqlite3_close(b->into);
	b->into = NULL;
	if (sync_file(b->part, O_RDWR) != 0 || rename(b->part, b->to) != 0)
		return say_errno(error, "write", b->to);
	b->has_part = false;
	return sync_folder(b->to) == 0 ? 0 : say_errno(error, "write", b->to);
}

int
queue_backup_step(struct queue_backup *b, int max, struct queue_error *error)
{
	int code = sqlite3_backup_step(b->copy, max);

	b->total = (int64_t)sqlite3_backup_pagecount(b->copy) * PAGE_BYTES;
	b->done =
	    b->total - (int64_t)sqlite3_backup_remaining(b->copy) * PAGE_BYTES;
	if (code == SQLITE_OK)
		return 1;
	if (code == SQLITE_DONE)
		return finish(b, error);
	return error_from(error, b->into, b->part, code);
}

void
queue_backup_progress(
    const struct queue_backup *b, int64_t *done, int64_t *total)
{
	*done = b->done;
	*total = b->total;
}

void
queue_backup_close(struct queue_backup *b)
{
	if (b == NULL)
		return;
	sqlite3_backup_finish(b->copy);
	sqlite3_close(b->into);
	sqlite3_close(b->from);
	if (b->has_part)
		unlink(b->part);
	free(b->part);
	free(b->to);
	free(b->url);
	free(b);
}

/* ----------------------------------------------------------------- rescue */

/* PATH.rescued, or the first of PATH.rescued-2 ... that is not there. */
static char *
free_name(const char *path)
{
	char ending[24] = ".rescued";
	char *name = copy_text(path, ending);

	for (int i = 2; access(name, F_OK) == 0 && i < 1000; i++) {
		free(name);
		snprintf(ending, sizeof ending, ".rescued-%d", i);
		name = copy_text(path, ending);
	}
	return name;
}

static void
make_folder(const char *path)
{
	char *folder = copy_text(path, "");
	char *slash = strrchr(folder, '/');

	if (slash != NULL && slash != folder) {
		*slash = '\0';
		mkdir(folder, 0700); /* or it is there */
	}
	free(folder);
}

struct queue_file
file_at(const char *path, const char *ending)
{
	char *name = copy_text(path, ending);
	struct queue_file file = {0};
	struct stat st;

	if (stat(name, &st) == 0)
		file = (struct queue_file){st.st_dev, st.st_ino};
	free(name);
	return file;
}

bool
queue_file_is(const struct queue_file *file, const char *path)
{
	struct queue_file there = file_at(path, "");

	return file->inode != 0 && file->inode == there.inode &&
	       file->device == there.device;
}

void
queue_files(const struct queue *q, struct queue_file out[2])
{
	out[0] = q->file;
	out[1] = q->rescued;
}

/*
 * SQLite knows a log by its name only: beside another file it would be taken
 * for that one's. First all of it is copied into the file that it is of.
 */
static void
take_log_away(struct queue *q)
{
	char *log = copy_text(q->path, "-wal"), *kept;
	char *index = copy_text(q->path, "-shm");
	bool is_whole =
	    sqlite3_wal_checkpoint_v2(q->db, NULL, SQLITE_CHECKPOINT_TRUNCATE,
		NULL, NULL) == SQLITE_OK;

	if (!is_whole)
		q->file = (struct queue_file){0};
	if (queue_file_is(&q->log, log)) {
		kept = copy_text(q->path, ".lost-wal");
		if (is_whole || q->rescued.inode != 0)
			unlink(log);
		else
			rename(log, kept);
		unlink(index);
		free(kept);
	}
	free(log);
	free(index);
}

int
backup_rescue(struct queue *q)
{
	struct queue_error error;
	char *name = free_name(q->path);
	struct queue_backup *b = backup_new(q->path, name);
	int rc;

	make_folder(name);
	b->from = q->db;
	rc = open_copy(b, &error);
	if (rc == 0)
		rc = queue_backup_step(b, -1, &error);
	b->from = NULL; /* it is the queue's */
	queue_backup_close(b);
	if (rc == 0)
		q->rescued = file_at(name, "");
	take_log_away(q);
	if (rc == 0)
		error_say(&q->error, QUEUE_MOVED,
		    "%s was removed or replaced while it was in use; all that "
		    "was in it is in %s now: to go on, move that to its place; "
		    "to go on with another file there, restart",
		    q->path, name);
	else
		error_say(&q->error, QUEUE_MOVED,
		    "%s was removed or replaced while it was in use, and what "
		    "was in it cannot be saved: %s; to go on with the file "
		    "that is there now, restart",
		    q->path, error.text);
	free(name);
	return -1;
}
