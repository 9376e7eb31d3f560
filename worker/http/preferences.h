/* SPDX-License-Identifier: MIT */
#ifndef WORKER_HTTP_PREFERENCES_H
#define WORKER_HTTP_PREFERENCES_H

#include "worker/worker.h"

/*
 * preferences - /p/TOKEN: the topics as checkboxes. GET and HEAD change
 * nothing; POST (application/x-www-form-urlencoded) has a field `topic` for
 * each that is ticked, or `all` to leave everything.
 */
void preferences_request(
    struct worker *, struct evhttp_request *, const char *token);
/* The answer, once what was chosen is durable. */
void preferences_done(const struct input *);

#endif
