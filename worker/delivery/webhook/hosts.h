/* SPDX-License-Identifier: MIT */
#ifndef WORKER_DELIVERY_WEBHOOK_HOSTS_H
#define WORKER_DELIVERY_WEBHOOK_HOSTS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * hosts - who is called by a channel whose urls name the host themselves, so
 * that one that fails or is slow keeps no message to another waiting: a host
 * has half of the connections at most, and all that fail have half together.
 * Each that fails is left alone like the endpoint of a channel. As many are
 * known as were called lately. Pure: times are monotonic ms.
 */
struct hosts;
struct host;

/* For a channel of so many connections, fewer than 100. */
struct hosts *hosts_new(int connections);
void hosts_free(struct hosts *); /* NULL is fine */
/* Somebody says that those that failed may be mended. */
void hosts_resume(struct hosts *);

/*
 * The host ("app.example:8080"), one call to which begins. NULL: not now, but
 * in wait_ms; each that asks in vain is given a later turn.
 */
struct host *hosts_take(
    struct hosts *, const char *name, int64_t now_ms, int64_t *wait_ms);
/* The call took so long and has an answer, or (false) the host failed. */
void hosts_give(
    struct host *, int64_t now_ms, int64_t took_ms, bool has_answer);

#endif
