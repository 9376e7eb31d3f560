/* SPDX-License-Identifier: MIT */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "templates/templates.h"
#include "worker/api/api.h"
#include "worker/clock.h"
#include "worker/http/segment.h"
#include "worker/settings/workspace.h"

struct evhttp_request;
struct event_base;

/*
 * worker - the running program: one loop that owns all state. A turn gathers
 * what arrived, decides, commits, and only then acts: answers requests and
 * hands messages to their channels.
 */
struct worker;

struct worker_options {
	const char *folder;	      /* the workspace */
	const char *const *overrides; /* settings from flags; NULL-terminated */
	int64_t test_clock_ms;	      /* 0: the real clock */
	/* Called once it listens, with the address it got. May be NULL. */
	void (*ready)(const struct settings *, int port);
};

/* Runs until told to stop. Returns an exit code of sysexits.h. */
int worker_run(const struct worker_options *);

/*
 * What the HTTP side hands in. It is answered with input_reply() after the
 * commit of the turn that took it.
 */
enum input_kind {
	INPUT_EVENTS,
	INPUT_CALL,
	INPUT_UNSUBSCRIBE,
	INPUT_PREFERENCES
};
struct input {
	struct input *next;
	enum input_kind kind;
	struct evhttp_request *request;
	struct segment_batch batch; /* INPUT_EVENTS */
	bool is_pixel;		    /* they came with an image's URL */
	struct api_call call;	    /* INPUT_CALL: with copies of its own */
	char *path, *query, *key;
	json_t *body;
	char address[256], topic[TOPIC_MAX + 1]; /* of a link below a mail */
	json_t *wanted;	       /* INPUT_PREFERENCES: turn/preferences.h */
	json_t *standing;      /* out */
	struct worker *worker; /* out: that took it */
	int status;	       /* out: 200, or 503 when the store failed */
	const char *why;       /* out, of 503 */
};

void worker_submit(struct worker *, struct input *);

/*
 * How many events wait for a turn, or kilobytes of them if that is more;
 * clients are told to wait past a bound.
 */
int64_t worker_backlog(const struct worker *);
/*
 * What must be so for it to take work, one after the other: the name of a check
 * (NULL: there are no more) with NULL or why it fails.
 */
const char *worker_check(const struct worker *, int i, const char **why);
/* What /metrics shows of how things stand: see gauges.h. */
void worker_gauges(struct worker *);
const struct settings *worker_settings_now(const struct worker *);
/* NULL while the store cannot be used. */
struct token_key *worker_token_key(const struct worker *);
int64_t worker_now_ms(const struct worker *);

#endif
