/* SPDX-License-Identifier: MIT */
#ifndef WORKER_DELIVERY_WEBHOOK_ENDPOINT_H
#define WORKER_DELIVERY_WEBHOOK_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * endpoint - does the other side of a webhook channel work? When it fails it is
 * left alone for a second, doubling up to five minutes, and then one message
 * finds out. One that is gone (410) is left alone until somebody says
 * otherwise. Times are monotonic ms. Zeroed: it works.
 */
struct endpoint {
	int failures; /* in a row */
	int64_t open_at_ms;
	bool is_gone;
};

/* Of `room` messages, how many may go; `busy`: so many are on their way. */
int endpoint_room(const struct endpoint *, int64_t now_ms, int room, int busy);

/* It failed. How long it is left alone, or 0: it already is. */
int64_t endpoint_failed(struct endpoint *, int64_t now_ms);

/* It answered sensibly. Were messages kept from it? */
bool endpoint_works(struct endpoint *);

#endif
