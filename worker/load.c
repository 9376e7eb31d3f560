/* SPDX-License-Identifier: MIT */
/*
 * load - what the turns work with. A workspace is read anew when its files
 * change or when SIGHUP says so, and also when the store turns out to know
 * other definitions than it was read with: somebody else may have used it.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "templates/mem.h"
#include "worker/folders.h"
#include "worker/telemetry/gauges.h"
#include "worker/log.h"
#include "worker/loop.h"
#include "worker/notify.h"

#define LOST_MAX 100000 /* messages of a channel that are counted */

/* -------------------------------------------------------------- workspace */

static struct workspace *
load(const struct worker_options *options, const char *known, bool quietly)
{
	struct problems problems = {0};
	struct workspace *workspace = workspace_load(
	    options->folder, options->overrides, known, &problems, false);
	char text[700];

	for (int i = 0; i < problems.count; i++) {
		const struct problem *p = &problems.list[i];

		error_string(&p->at, text, sizeof text);
		if (!p->is_warning)
			log_error("%s", text);
		else if (!quietly)
			log_warn("%s [%s]", text, p->rule);
	}
	problems_free(&problems);
	return workspace;
}

/* Takes the fresh workspace over, unless its channels cannot start. */
static int
follow(struct worker *w, struct workspace *fresh)
{
	struct error e;

	if (lanes_follow(&w->lanes, fresh, fresh->settings->drain_ms, &e) !=
	    0) {
		log_error("%s", e.text);
		workspace_release(fresh);
		return -1;
	}
	workspace_release(w->workspace);
	w->workspace = w->turn.workspace = fresh;
	w->is_prepared = false;
	return 0;
}

/* The address to listen on and the store are those of the start. */
static void
warn_fixed(const struct settings *old, const struct settings *new)
{
	if (strcmp(old->listen, new->listen) != 0)
		log_warn("\"listen\" changes with the next start only");
	if (strcmp(old->store, new->store) != 0)
		log_warn("\"store\" changes with the next start only");
}

/* All or nothing: with any mistake the worker keeps what it has. */
static int
reload(struct worker *w)
{
	struct workspace *fresh;

	watch_files_seen(w->files);
	fresh = load(w->options, w->known, false);
	if (fresh == NULL) {
		log_error("reload: the definitions have mistakes; those from "
			  "before stay in force");
		return -1;
	}
	warn_fixed(w->workspace->settings, fresh->settings);
	if (follow(w, fresh) != 0) {
		log_error("reload: the definitions from before stay in force");
		return -1;
	}
	if (w->queue != NULL)
		lanes_look(&w->lanes, w->queue);
	lanes_resume(&w->lanes);
	log_info("reload: new definitions are in force");
	loop_want_turn(w);
	return 0;
}

void
load_again(struct worker *w, const char *why)
{
	bool is_good;

	if (w->drain_until != 0)
		return;
	log_info("reload: %s", why);
	notify_send("RELOADING=1");
	is_good = reload(w) == 0;
	gauges_reloaded(is_good, clock_now_ms(&w->clock));
	notify_send(is_good ? "READY=1\nSTATUS=Running"
			    : "READY=1\nSTATUS=Running; the last reload "
			      "failed, see the log");
	load_watch(w);
}

static void
on_files(void *arg)
{
	load_again(arg, "the workspace's files have changed");
}

/* Also what is wrong with the workspace is told in the form that it asks for.
 */
static void
open_log(const struct worker_options *options)
{
	struct problems problems = {0};
	struct settings *settings =
	    settings_load(options->folder, options->overrides, &problems);

	log_open(settings->log_json, LOG_INFO);
	problems_free(&problems);
	settings_free(settings);
}

/* What was there before it was read is known: nothing in between is missed. */
int
load_workspace(struct worker *w)
{
	open_log(w->options);
	w->files = watch_files_new(w->options->folder, w->base, on_files, w);
	w->workspace = load(w->options, NULL, false);
	return w->workspace != NULL ? 0 : -1;
}

void
load_watch(struct worker *w)
{
	if (w->workspace->settings->watches)
		watch_files_start(w->files);
	else
		watch_files_stop(w->files);
}

/* At the start, and after each reload. */
static void
warn_lost(const struct worker *w)
{
	const char *name = "";

	while (turn_lost_channel(w->queue, w->workspace->settings, &name) == 1)
		log_warn("%lld messages wait for the channel \"%s\", which is "
			 "not in nudge.json",
		    (long long)queue_messages_waiting(w->queue, name, LOST_MAX),
		    name);
}

/* The next workspace counts on from there. */
void
load_committed(struct worker *w)
{
	struct buf text = {0};

	if (w->is_prepared)
		return;
	rules_definitions(w->workspace->rules, &text);
	free(w->known);
	w->known = buf_steal(&text);
	w->is_prepared = true;
	warn_lost(w);
}

/* ------------------------------------------------------------------ store */

static int
exit_code_of(enum queue_failure what)
{
	switch (what) {
	case QUEUE_HELD:
		return EX_TEMPFAIL;
	case QUEUE_NEWER:
	case QUEUE_DAMAGED:
		return EX_DATAERR;
	default:
		return EX_IOERR;
	}
}

void
load_close_store(struct worker *w)
{
	turn_free(&w->turn);
	sweep_free(&w->sweep);
	checkpoint_stop(w->checkpoint);
	w->checkpoint = NULL;
	queue_close(w->queue);
	w->queue = NULL;
}

static int
lost_store(struct worker *w, struct queue_error *e)
{
	*e = *queue_error(w->queue);
	w->exit_code = EX_IOERR;
	return -1;
}

/*
 * The workspace was loaded without knowing what this store has of definitions,
 * or somebody else has used the store since: it is loaded again.
 */
static int
know_store(struct worker *w, struct queue_error *e)
{
	struct workspace *fresh;
	const char *text;

	w->is_prepared = false;
	if (sweep_known(w->queue, &text) != 0)
		return lost_store(w, e);
	if (text == NULL || (w->known != NULL && strcmp(w->known, text) == 0))
		return 0;
	fresh = load(w->options, text, true);
	if (fresh == NULL || follow(w, fresh) != 0) {
		w->exit_code = EX_CONFIG;
		*e = (struct queue_error){QUEUE_FAILED,
		    "the workspace does not go with its definitions"};
		return -1;
	}
	free(w->known);
	w->known = xstrdup(text);
	return 0;
}

static int
begin_turns(struct worker *w, struct queue_error *e)
{
	if (turn_init(&w->turn, w->queue, w->workspace) != 0)
		return lost_store(w, e);
	return 0;
}

int
load_store(struct worker *w, struct queue_error *e)
{
	folders_make(w->store, 0700); /* or opening it says what is wrong */
	w->queue = queue_open(w->store, QUEUE_WORKER, e);
	if (w->queue == NULL) {
		w->exit_code = exit_code_of(e->what);
		return -1;
	}
	if (know_store(w, e) != 0 || begin_turns(w, e) != 0) {
		load_close_store(w);
		return -1;
	}
	w->exit_code = EX_OK;
	w->must_recover = true;
	w->checkpoint = checkpoint_start(w->store);
	loop_look_ahead(w);
	lanes_look(&w->lanes, w->queue);
	loop_want_turn(w);
	return 0;
}
