/* SPDX-License-Identifier: MIT */
/*
 * rows - the memory of rows that calls have returned: given out bit by bit,
 * taken back all at once when the transaction ends. Large texts get a block to
 * themselves.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "queue/sqlite.h"

#define BLOCK_SIZE (64 * 1024)

struct rows {
	struct rows *older;
	size_t used, size;
	char bytes[];
};

void *
queue_alloc(size_t size)
{
	void *p = calloc(1, size);

	if (p == NULL) {
		fprintf(stderr, "nudge: out of memory (%zu bytes)\n", size);
		abort();
	}
	return p;
}

void *
queue_resize(void *old, size_t size)
{
	void *p = realloc(old, size);

	if (p == NULL) {
		fprintf(stderr, "nudge: out of memory (%zu bytes)\n", size);
		abort();
	}
	return p;
}

static void
add_block(struct queue *q, size_t needed)
{
	size_t size = needed > BLOCK_SIZE ? needed : BLOCK_SIZE;
	struct rows *block = queue_alloc(sizeof *block + size);

	block->older = q->rows;
	block->size = size;
	q->rows = block;
}

const char *
rows_copy(struct queue *q, const void *text, size_t len)
{
	if (q->rows == NULL || q->rows->size - q->rows->used <= len)
		add_block(q, len + 1);
	char *copy = q->rows->bytes + q->rows->used;
	memcpy(copy, text, len);
	copy[len] = '\0';
	q->rows->used += len + 1;
	return copy;
}

struct queue_mark
queue_mark(const struct queue *q)
{
	return (struct queue_mark){
	    q->rows, q->rows != NULL ? q->rows->used : 0};
}

void
queue_release(struct queue *q, struct queue_mark mark)
{
	while (q->rows != NULL && q->rows != mark.block) {
		struct rows *block = q->rows;
		q->rows = block->older;
		free(block);
	}
	if (q->rows != NULL)
		q->rows->used = mark.used;
}

/* Keeps one block of the usual size for the next transaction. */
void
rows_reset(struct queue *q)
{
	struct rows *keep = NULL;

	while (q->rows != NULL) {
		struct rows *block = q->rows;
		q->rows = block->older;
		if (keep == NULL && block->size == BLOCK_SIZE)
			keep = block;
		else
			free(block);
	}
	if (keep != NULL) {
		keep->older = NULL;
		keep->used = 0;
	}
	q->rows = keep;
}

void
rows_free(struct queue *q)
{
	rows_reset(q);
	free(q->rows);
	q->rows = NULL;
}
