/* SPDX-License-Identifier: MIT */
#ifndef WORKER_HTTP_UNSUBSCRIBE_H
#define WORKER_HTTP_UNSUBSCRIBE_H

#include "worker/worker.h"

/*
 * unsubscribe - /u/TOKEN. GET and HEAD show a page and change nothing, since
 * scanners follow every link; POST unsubscribes, from the page's button or by
 * one click of a mail program (RFC 8058 section 3.2), whatever its body.
 */
void unsubscribe_request(
    struct worker *, struct evhttp_request *, const char *token);
/* The answer to a POST once it is durable. */
void unsubscribe_done(const struct input *);

#endif
