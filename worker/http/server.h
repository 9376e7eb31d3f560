/* SPDX-License-Identifier: MIT */
#ifndef WORKER_HTTP_SERVER_H
#define WORKER_HTTP_SERVER_H

#include "templates/error.h"
#include "worker/worker.h"

/*
 * server - HTTP on the loop: requests become inputs for the next turn, or are
 * answered at once when they need no store (health, the unsubscribe page, what
 * is refused at the door).
 */
struct server;

/* Listens on settings->listen. NULL with the error set. */
struct server *server_start(struct worker *, struct event_base *,
    const struct settings *, struct error *);
int server_port(const struct server *);
void server_refuse_new(struct server *); /* closes the listening socket */
void server_free(struct server *);

/* Answers the request of an input and frees the input. */
void input_reply(struct input *);

#endif
