/* SPDX-License-Identifier: MIT */
#ifndef WORKER_DELIVERY_POLICY_H
#define WORKER_DELIVERY_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "queue/queue.h"
#include "worker/delivery/transport.h"

/*
 * policy - verdict, attempts and age to what follows. Pure.
 *
 * Retries back off exponentially from `first_ms`, doubling up to `longest_ms`,
 * with a jitter of up to a quarter taken off, hashed from key and attempt, so
 * that the same message always gets the same answer. A Retry-After longer than
 * that is kept. A message whose next try would come after its expiry expires.
 */
struct policy_input {
	const struct verdict *verdict;
	const char *key;
	int attempts; /* finished ones, this one included */
	int max_attempts;
	int64_t now_ms;
	int64_t expires_at_ms; /* 0: never */
	bool unsure_hold;      /* the template says so */
	int64_t first_ms, longest_ms;
};

struct policy_output {
	enum queue_state state;
	int attempts;	    /* to store: a release counts none */
	int64_t next_at_ms; /* QUEUE_QUEUED */
	char reason[400];   /* for the operator */
};

struct policy_output policy_decide(const struct policy_input *);

#endif
