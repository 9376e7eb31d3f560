/* SPDX-License-Identifier: MIT */
#ifndef TEMPLATES_JSON_TEXT_H
#define TEMPLATES_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "templates/buf.h"

/*
 * json_text - JSON that programs write for programs, read and written at speed:
 * what is stored with every subject passes through here on each wake-up, and
 * jansson's own reader and writer would cost more than all the rest. The values
 * are jansson's, and so is everything unusual: numbers that are not whole,
 * escapes, texts over the depth limit.
 */

/*
 * A new reference, or NULL where jansson's json_loads() would fail, too; that
 * then says why.
 */
json_t *json_text_read(const char *text, size_t len);

/*
 * A walk through a text, once and from its beginning, that makes no values: of
 * what is kept with a subject most is only passed on.
 *
 *	if (json_walk_enter(&w, '{'))
 *		while (json_walk_next(&w, '}', &key))
 *			...enter it, or json_walk_value()
 *	if (w.is_broken) ...
 *
 * A text that is not as it should be breaks the walk, and ends each loop.
 */
struct json_span {
	const char *text;
	size_t len;
};
struct json_walk {
	const char *at, *end;
	bool is_first; /* nothing of the container at hand was read yet */
	bool is_broken;
};

struct json_walk json_walk_begin(const char *text, size_t len);
/* Is an object ('{') or array ('[') next? Then what follows is in it. */
bool json_walk_enter(struct json_walk *, char open);
/*
 * Is there another member (close '}') or element (']')? Else it was left. The
 * key is as it stands between its quotes; of an element it is not set.
 */
bool json_walk_next(struct json_walk *, char close, struct json_span *key);
/*
 * The value that is next, as it stands. It goes as far as its quotes and
 * brackets say: what is within has not been looked at. Empty if there is none.
 */
struct json_span json_walk_value(struct json_walk *);
/* Nothing else follows, and nothing was wrong. */
bool json_walk_end(struct json_walk *);

/* Compact, in the order of insertion, as json_dumps() has it. */
void json_text_write(const json_t *, struct buf *out);
void json_text_write_string(const char *, size_t len, struct buf *out);
void json_text_write_integer(json_int_t, struct buf *out);

#endif
