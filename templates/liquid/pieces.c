/* SPDX-License-Identifier: MIT */
/*
 * pieces - a text that is partly the author's and partly data, as append,
 * replace, join and capture make it. As a text it is what a reader sees, so
 * comparisons and filters need not know; only when it is printed is each piece
 * escaped for where it stands then, just as if the author had written it there.
 */
#include <string.h>

#include "templates/liquid/render.h"

struct piece {
	uint32_t len;
	uint8_t flags, place;
};

/* Right before the text stands a pointer to these. */
struct pieces {
	uint32_t n;
	struct piece list[];
};

static const struct pieces *
pieces_of(struct value v)
{
	const struct pieces *p;

	memcpy(&p, v.text - sizeof p, sizeof p);
	return p;
}

/* ----------------------------------------------------------------- making */

void
pieces_begin(struct render *r, struct gather *g)
{
	*g = (struct gather){.mark = render_mark(r), .outer = r->gather};
	r->gather = g;
}

static void
add(struct render *r, struct piece piece)
{
	struct gather *g = r->gather;

	if (g->n == g->cap) {
		struct piece *old = g->list;

		g->cap = g->n == 0 ? 8 : 2 * g->n;
		g->list = render_alloc(r, g->cap * sizeof *g->list);
		if (g->n > 0)
			memcpy(g->list, old, g->n * sizeof *old);
	}
	g->list[g->n++] = piece;
	g->end += piece.len;
}

/* What was written without a word is the author's. */
static void
add_author(struct render *r)
{
	size_t len = render_mark(r) - r->gather->mark - r->gather->end;

	if (len > 0)
		add(r, (struct piece){(uint32_t)len, VALUE_SAFE, PLACE_TEXT});
}

void
pieces_add(struct render *r, struct value v, enum place place)
{
	if (v.len == 0)
		return;
	if ((v.flags & VALUE_SAFE) == 0) {
		add_author(r);
		add(r, (struct piece){v.len, v.flags, (uint8_t)place});
	}
	render_write(r, v.text, v.len);
}

/* Is all of it the same? */
static bool
is_plain(const struct gather *g)
{
	for (uint32_t i = 0; i < g->n; i++)
		if (g->list[i].place != PLACE_TEXT ||
		    g->list[i].flags != g->list[0].flags)
			return false;
	return true;
}

static struct value
in_pieces(struct render *r, const struct gather *g)
{
	struct pieces *p = render_alloc(r, sizeof *p + g->n * sizeof *p->list);
	char *text = render_alloc(r, sizeof p + g->end);
	struct value v = value_text(text + sizeof p, g->end);

	p->n = g->n;
	memcpy(p->list, g->list, g->n * sizeof *p->list);
	memcpy(text, &p, sizeof p);
	memcpy(text + sizeof p, r->out->data + g->mark, g->end);
	buf_truncate(r->out, g->mark);
	v.flags = VALUE_PIECES;
	return v;
}

struct value
pieces_end(struct render *r, bool escapes)
{
	struct gather *g = r->gather;
	struct value v;

	add_author(r);
	r->gather = g->outer;
	if (g->n > 0 && (escapes || !is_plain(g)))
		return in_pieces(r, g);
	v = render_take(r, g->mark);
	v.flags = g->n > 0 ? g->list[0].flags : VALUE_SAFE;
	return v;
}

/* --------------------------------------------------------------- printing */

/* A URL goes on, and is a query behind the author's ? */
static enum place
place_behind(enum place place, struct value v)
{
	bool is_query = (v.flags & VALUE_SAFE) != 0 &&
			(memchr(v.text, '?', v.len) != NULL ||
			    memchr(v.text, '&', v.len) != NULL);

	if (place == PLACE_URL_START || place == PLACE_URL)
		return is_query ? PLACE_QUERY : PLACE_URL;
	return place;
}

static void
print_range(
    struct render *r, struct value v, size_t from, size_t to, enum place place)
{
	const struct pieces *p = pieces_of(v);
	size_t at = 0;

	for (uint32_t i = 0; i < p->n && at < to; at += p->list[i++].len) {
		size_t begin = at > from ? at : from;
		size_t end = at + p->list[i].len;
		struct value x;

		if (end > to)
			end = to;
		if (begin >= end)
			continue;
		x = value_text(v.text + begin, end - begin);
		x.flags = p->list[i].flags;
		escape_print(r, x,
		    place == PLACE_TEXT ? (enum place)p->list[i].place : place);
		place = place_behind(place, x);
	}
}

void
pieces_print(struct render *r, struct value v, enum place place)
{
	size_t from = 0, to = v.len;

	if (place >= PLACE_URL_START && place <= PLACE_QUERY) {
		while (from < to && is_space(v.text[from]))
			from++;
		while (to > from && is_space(v.text[to - 1]))
			to--;
	}
	print_range(r, v, from, to, place);
}

void
pieces_print_range(struct render *r, struct value v, size_t from, size_t to)
{
	struct value x = value_text(v.text + from, to - from);

	x.flags = v.flags;
	if ((v.flags & VALUE_PIECES) != 0)
		print_range(r, v, from, to, PLACE_TEXT);
	else
		escape_print(r, x, PLACE_TEXT);
}
