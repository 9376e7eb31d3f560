/* SPDX-License-Identifier: MIT */
#ifndef WORKER_HTTP_LINGERING_H
#define WORKER_HTTP_LINGERING_H

/*
 * lingering - a client that is told no in the middle of its request goes on
 * sending for a while. Were its connection closed, what it sends would be
 * answered with a reset, and that can overtake the answer (RFC 9112 section
 * 9.6). So what still comes is read, and thrown away: for a short time, and of
 * a few clients at a time.
 */
struct event_base;
struct lingering;

struct lingering *lingering_new(struct event_base *);
/* Nothing more is sent here; the caller's own descriptor may be closed. */
void lingering_start(struct lingering *, int fd);
void lingering_free(struct lingering *);

#endif
