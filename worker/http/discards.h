/* SPDX-License-Identifier: MIT */
#ifndef WORKER_HTTP_DISCARDS_H
#define WORKER_HTTP_DISCARDS_H

#include "worker/http/segment.h"

/*
 * discards - what was left out of the events that came in, and why: how many
 * since the start, for /metrics, and the last hundred, for operators. Of a
 * person they have the ids that the event came with and nothing else. They are
 * in memory only: a client that sends such events sends more of them.
 */
#define DISCARDS_KEPT 100

struct discards;

struct discards *discards_new(void);
void discards_free(struct discards *);

void discards_add(
    struct discards *, const struct segment_batch *, int64_t now_ms);
/* A whole request that was refused with this status. */
void discards_add_request(struct discards *, int status, int64_t now_ms);

/* {"discarded": [newest first], "counts": {reason: n}}; a new reference. */
json_t *discards_list(const struct discards *);

#endif
