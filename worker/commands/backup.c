/* SPDX-License-Identifier: MIT */
/*
 * backup - a copy of the store, with or without a worker at work. Half of the
 * time belongs to that one: after each slice we pause as long as it took, so
 * that its disk is not ours alone.
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "queue/queue.h"
#include "worker/clock.h"
#include "worker/commands/commands.h"
#include "worker/settings/settings.h"

#define SLICE 64		  /* pages: a quarter of a megabyte */
#define BIG   ((int64_t)16 << 20) /* bytes, for which one waits */
#define BAR   30

static double
megabytes(int64_t bytes)
{
	return (double)bytes / 1e6;
}

/* Over what stood there before. */
static void
show_progress(int64_t done, int64_t total)
{
	static const char bar[BAR + 1] = "##############################";

	if (total < BIG || !isatty(STDERR_FILENO))
		return;
	fprintf(stderr, "\r[%-*.*s] %.0f of %.0f MB ", BAR,
	    (int)(done * BAR / total), bar, megabytes(done), megabytes(total));
	if (done == total)
		fputc('\n', stderr);
}

static int
copy(struct queue_backup *b, int64_t *total, struct queue_error *error)
{
	int64_t from_us, done;
	int rc;

	do {
		from_us = clock_monotonic_us();
		rc = queue_backup_step(b, SLICE, error);
		queue_backup_progress(b, &done, total);
		show_progress(done, *total);
		if (rc > 0)
			usleep((useconds_t)(clock_monotonic_us() - from_us));
	} while (rc > 0);
	return rc;
}

/*
 * Where the store is. A secret that is not set here, as in a job at night,
 * keeps nobody from a backup; but the store must be the one that is meant.
 */
static int
find_store(const struct invocation *in, struct settings **settings)
{
	struct problems problems = {0};
	int rc;

	*settings = settings_load(in->folder, in->overrides, &problems);
	rc = refuse_place(&problems);
	problems_free(&problems);
	return rc;
}

static int
say_done(const struct invocation *in, const char *to, int64_t bytes)
{
	json_t *answer;

	if (!in->json) {
		say("%s: %.1f MB\n", to, megabytes(bytes));
		return EX_OK;
	}
	answer = json_pack("{s:s,s:I}", "file", to, "bytes", (json_int_t)bytes);
	print_json(answer);
	json_decref(answer);
	return EX_OK;
}

static int
run(const struct invocation *in)
{
	const char *to = in->arguments[0];
	struct queue_backup *b = NULL;
	struct queue_error error;
	struct settings *settings;
	int64_t bytes = 0;
	int rc = find_store(in, &settings);

	if (rc == EX_OK) {
		b = queue_backup_open(settings->store, to, &error);
		if (b == NULL || copy(b, &bytes, &error) != 0)
			rc = fail(EX_IOERR, "%s", error.text);
		else
			rc = say_done(in, to, bytes);
	}
	queue_backup_close(b);
	settings_free(settings);
	return rc;
}

static const struct option_spec none[] = {{NULL, NULL, NULL}};

const struct command command_backup = {
    .name = "backup",
    .summary = "Copy the store, also while a worker uses it",
    .usage = "nudge backup FILE [-C DIR]",
    .examples =
	"  nudge backup -C acme /var/backups/nudge-$(date +%F).db\n"
	"  nudge backup copy.db --json | jq .bytes\n"
	"\nThe copy is a whole store, of the moment at which it was begun. To "
	"put it back,\nstop the worker, remove nudge.db, nudge.db-wal and "
	"nudge.db-shm, and put the copy\nin the place of nudge.db. Messages "
	"that were sent since are then sent again.\n",
    .options = none,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
