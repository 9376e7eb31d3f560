/* SPDX-License-Identifier: MIT */
#ifndef WORKER_API_API_H
#define WORKER_API_API_H

#include <stdbool.h>

#include <jansson.h>

#include "worker/turn/turn.h"

struct lanes; /* worker/lanes/lanes.h */

/*
 * api - what operators ask and tell: the calls of the HTTP interface, run
 * inside a turn. The commands use the same calls, over HTTP when a worker has
 * the store and directly when none has.
 *
 * Errors are problem documents (RFC 9457): type, title, status, detail. Lists
 * have `next_cursor` when there is more.
 */
struct api_call {
	const char *method;	     /* "GET", "POST" */
	const char *path;	     /* "/v1/people/ada", percent-encoded */
	const char *query;	     /* "state=held&limit=10", or "" */
	const char *idempotency_key; /* header, or "" */
	const json_t *body;	     /* object or NULL */
	const struct lanes *lanes;   /* NULL: no worker has the store */
	/* out */
	int status;
	json_t *reply; /* owned by the call */
};

/*
 * Sets status and reply. 0, or -1 when the store failed (then the turn must be
 * rolled back). Changes become durable with the turn; the reply is true only
 * after its commit.
 */
int api_run(struct turn *, struct api_call *);

/*
 * A call that only reads, where nothing can be written: whoever is behind the
 * definitions is up to date in the answer, and as before in the store. Returns
 * like api_run().
 */
int api_look(
    struct queue *, struct workspace *, int64_t now_ms, struct api_call *);

/* Is there such a call? */
bool api_has(const char *method, const char *path);

/* Answers with a problem document. */
void api_problem(struct api_call *, int status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
