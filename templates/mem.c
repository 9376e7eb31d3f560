/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "templates/mem.h"

#define ARENA_BLOCK ((size_t)16 * 1024)

struct arena_block {
	struct arena_block *next;
	size_t size, used;
	_Alignas(max_align_t) unsigned char data[];
};

static void *
checked(void *p, size_t size)
{
	if (p == NULL && size != 0) {
		fprintf(stderr, "nudge: out of memory (%zu bytes)\n", size);
		abort();
	}
	return p;
}

void *
xmalloc(size_t size)
{
	return checked(malloc(size), size);
}

void *
xcalloc(size_t count, size_t size)
{
	return checked(calloc(count, size), count * size);
}

void *
xrealloc(void *p, size_t size)
{
	return checked(realloc(p, size), size);
}

char *
xstrdup(const char *s)
{
	return xstrndup(s, strlen(s));
}

char *
xstrndup(const char *s, size_t len)
{
	char *copy = xmalloc(len + 1);

	memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

void *
list_room(void *list, int count, int *cap, size_t size)
{
	if (count < *cap)
		return list;
	*cap = *cap == 0 ? 16 : *cap * 2;
	return xrealloc(list, (size_t)*cap * size);
}

void *
arena_alloc(struct arena *a, size_t size)
{
	struct arena_block *b = a->blocks;

	size =
	    (size + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
	if (b == NULL || b->size - b->used < size) {
		size_t room = size > ARENA_BLOCK ? size : ARENA_BLOCK;

		b = xmalloc(sizeof *b + room);
		b->size = room;
		b->used = 0;
		b->next = a->blocks;
		a->blocks = b;
	}
	b->used += size;
	a->used += size;
	return b->data + b->used - size;
}

char *
arena_strndup(struct arena *a, const char *s, size_t len)
{
	char *copy = arena_alloc(a, len + 1);

	memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

void
arena_reset(struct arena *a)
{
	struct arena_block *b = a->blocks;

	while (b != NULL && (b->next != NULL || b->size > ARENA_BLOCK)) {
		a->blocks = b->next;
		free(b);
		b = a->blocks;
	}
	if (b != NULL)
		b->used = 0;
	a->used = 0;
}

void
arena_free(struct arena *a)
{
	struct arena_block *b;

	while ((b = a->blocks) != NULL) {
		a->blocks = b->next;
		free(b);
	}
	a->used = 0;
}
