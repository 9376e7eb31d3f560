/* SPDX-License-Identifier: MIT */
#ifndef WORKER_CHECKPOINT_H
#define WORKER_CHECKPOINT_H

#include <stdint.h>

#include "queue/queue.h"

/*
 * checkpoint - the thread that copies the store's log into its file, so that no
 * turn waits for it.
 */
struct checkpoint;

/* NULL when there can be none; then the log grows until the store is closed. */
struct checkpoint *checkpoint_start(const char *store);
void checkpoint_wanted(struct checkpoint *); /* returns at once */
/* Likewise; what was erased is to be gone from the log as well. */
void checkpoint_wipe(struct checkpoint *);
/* When the last one was done; 0: none yet. */
int64_t checkpoint_last_ms(struct checkpoint *);
void checkpoint_stop(struct checkpoint *); /* waits for one that runs */

#endif
