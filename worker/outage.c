/* SPDX-License-Identifier: MIT */
/*
 * outage - a store that cannot be written: closed, or full. It begins with a
 * turn that fails and is over with one that does not. Meanwhile the reason is
 * told when it is another one, and else once a minute.
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "worker/log.h"
#include "worker/loop.h"

#define PAUSE_MS     1000
#define PAUSE_MAX_MS 30000
#define TELL_MS	     60000

bool
outage_is_on(const struct worker *w)
{
	return w->queue == NULL || queue_is_full(w->queue);
}

/* In words for everybody: the store's own have its path. */
const char *
outage_reason(const struct worker *w)
{
	if (w->queue != NULL || w->outage.error.what == QUEUE_FULL)
		return "the disk is full";
	if (w->outage.error.what == QUEUE_READ_ONLY)
		return "the disk is read-only";
	return "the store cannot be written";
}

static void
tell(struct worker *w, const struct queue_error *e)
{
	struct outage *o = &w->outage;
	int64_t mono = clock_monotonic_ms();
	bool is_new =
	    e->what != o->error.what ||
	    (e->what == QUEUE_FAILED && strcmp(e->text, o->error.text) != 0);

	if (is_new || mono - o->told_at >= TELL_MS) {
		log_error("the store cannot be written: %s; new events are "
			  "refused",
		    e->text);
		o->told_at = mono;
	}
	if (is_new)
		o->error = *e;
}

/* To the next try: twice as long as to this one. */
static void
wait_longer(struct outage *o, int64_t mono)
{
	o->pause_ms = o->pause_ms == 0		       ? PAUSE_MS
		      : o->pause_ms < PAUSE_MAX_MS / 2 ? 2 * o->pause_ms
						       : PAUSE_MAX_MS;
	o->try_at = mono + o->pause_ms;
}

/*
 * A full disk leaves a store that can still settle what is in flight; any other
 * failure one that must be opened again.
 */
void
outage_begin(struct worker *w)
{
	tell(w, queue_error(w->queue));
	queue_files(w->queue, w->outage.files);
	turn_rollback(&w->turn);
	lanes_rolled_back(&w->lanes);
	if (w->outage.error.what != QUEUE_FULL ||
	    queue_recover(w->queue) != 0) {
		load_close_store(w);
		w->exit_code = EX_IOERR;
	}
	wait_longer(&w->outage, clock_monotonic_ms());
}

/*
 * A store that was removed is not made anew: that would look as if nothing had
 * ever been sent. Nor is another one taken for it that has its place.
 */
static bool
is_in_place(const struct worker *w)
{
	return w->queue != NULL ||
	       queue_file_is(&w->outage.files[0], w->store) ||
	       queue_file_is(&w->outage.files[1], w->store);
}

/* Put there while it was closed. */
static void
say_another(const struct worker *w, struct queue_error *e)
{
	if (e->what == QUEUE_MOVED || access(w->store, F_OK) != 0)
		return;
	e->what = QUEUE_MOVED;
	snprintf(e->text, sizeof e->text,
	    "%s is another file now than the one that was in use; to go on "
	    "with it, stop the worker, remove %s-wal and %s-shm, and start it",
	    w->store, w->store, w->store);
}

void
outage_try(struct worker *w, int64_t mono)
{
	struct queue_error e = w->outage.error;

	if (mono < w->outage.try_at)
		return;
	if (w->queue != NULL)
		queue_recover(w->queue);
	else if (is_in_place(w))
		load_store(w, &e);
	else
		say_another(w, &e);
	if (w->queue != NULL && queue_is_full(w->queue))
		e = (struct queue_error){QUEUE_FULL, "no room on the disk"};
	if (outage_is_on(w)) {
		tell(w, &e);
		wait_longer(&w->outage, mono);
	}
}

void
outage_end(struct worker *w)
{
	if (w->outage.error.what != QUEUE_OK)
		log_info("the store can be written again");
	w->outage = (struct outage){0};
}

static bool
is_look(const struct input *in)
{
	return in->kind == INPUT_CALL && strcmp(in->call.method, "GET") == 0;
}

void
outage_refuse(struct worker *w, struct input *inputs)
{
	struct queue *reader = NULL;
	struct queue_error e;
	struct input *next;

	for (struct input *in = inputs; in != NULL; in = next) {
		next = in->next;
		in->status = 503;
		in->why = outage_reason(w);
		if (is_look(in) && reader == NULL && is_in_place(w))
			reader = queue_open(w->store, QUEUE_READER, &e);
		if (is_look(in) && reader != NULL &&
		    api_look(
			reader, w->workspace, worker_now_ms(w), &in->call) == 0)
			in->status = 200;
		input_reply(in);
	}
	queue_close(reader);
}
