/* SPDX-License-Identifier: MIT */
#ifndef WORKER_HTTP_CONNECTIONS_H
#define WORKER_HTTP_CONNECTIONS_H

#include <stdbool.h>

#include "worker/worker.h"

/*
 * connections - how many there may be, and how long each may take.
 *
 * A connection waits for a request, sends one, or is being answered, and is in
 * none of these for longer than `limits.time`, whatever trickles in: a byte a
 * second buys nobody more. Past `limits.connections` the one that has waited
 * longest makes room; when none waits, the newcomer gets a 503. So does the
 * largest of the requests that are being read when together they are past
 * `limits.uploads`.
 */
struct discards;
struct evhttp;
struct connections;

struct connections *connections_new(
    struct worker *, struct event_base *, struct evhttp *, struct discards *);
/* A request has come in whole. false: its connection was ended before that. */
bool connections_answering(struct connections *, struct evhttp_request *);
int connections_count(const struct connections *);
void connections_free(struct connections *); /* after the evhttp */

#endif
