/* SPDX-License-Identifier: MIT */
#ifndef TEMPLATES_MEM_H
#define TEMPLATES_MEM_H

#include <stddef.h>

/*
 * mem - allocation that does not fail. Out of memory prints one line and ends
 * the process with abort(): state is on disk, a restart loses nothing.
 */
void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *, size_t size);
char *xstrdup(const char *);
char *xstrndup(const char *, size_t len);

/*
 * The list (of `cap` elements of `size` bytes) with room for one more than
 * `count`: list = list_room(list, count, &cap, sizeof *list).
 */
void *list_room(void *list, int count, int *cap, size_t size);

/*
 * arena - many small allocations freed together. Zeroed struct arena is an
 * empty one. Memory from it lives until arena_reset() or arena_free().
 */
struct arena_block;
struct arena {
	struct arena_block *blocks; /* newest first */
	size_t used;		    /* bytes given out since the reset */
};

void *arena_alloc(struct arena *, size_t size); /* aligned, not zeroed */
char *arena_strndup(struct arena *, const char *, size_t len);
void arena_reset(struct arena *); /* keeps one block for the next use */
void arena_free(struct arena *);

#endif
