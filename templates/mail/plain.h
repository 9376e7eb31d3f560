/* SPDX-License-Identifier: MIT */
#ifndef TEMPLATES_MAIL_PLAIN_H
#define TEMPLATES_MAIL_PLAIN_H

#include <stdbool.h>
#include <stddef.h>

#include "templates/buf.h"

/*
 * plain - writes readable plain text: wrapped paragraphs, quotes and lists with
 * hanging indents, links as "text (url)". The reader of HTML drives it.
 *
 * Inline text gathers in `block` until the block ends; only then are its lines
 * known and written. Everything is linear in the input: what nests deeper than
 * PLAIN_DEPTH is written without a further indent.
 */
#define PLAIN_DEPTH 12

struct plain {
	struct buf *out;
	size_t origin;	  /* of our text in out */
	struct buf block; /* words, one space between; '\n' is a hard break */
	bool is_verbatim; /* keep white space and lines (pre) */

	/* What begins a line: the next one, and those after it. */
	char first[80], rest[80];
	size_t indent;		     /* length of both */
	size_t indents[PLAIN_DEPTH]; /* what it was before each level */
	int depth;

	int gap;	   /* line ends wanted before the next block: 0-2 */
	size_t gap_indent; /* least indent since the last line */

	struct buf url;	 /* of the open link; empty when none is */
	size_t link_at;	 /* where its text begins in block */
	size_t link_end; /* where the last one ends there */
};

void plain_text(struct plain *, const char *, size_t len);
void plain_break(struct plain *); /* next line; two in a row, an empty one */

/* Ends the block, if one is open. The next one follows after `gap` line ends.
 */
void plain_end(struct plain *, int gap);
/* The same for a heading: a line of `mark` under it. */
void plain_end_heading(struct plain *, char mark);
void plain_rule(struct plain *);

/*
 * Until plain_outdent(), lines begin with `rest`, the very next with `first`.
 * Both are equally long ASCII.
 */
void plain_indent(struct plain *, const char *first, const char *rest);
void plain_outdent(struct plain *);

void plain_link(struct plain *, const char *url, size_t len);
void plain_link_end(struct plain *);

void plain_free(struct plain *); /* ends the last block; out stays */

#endif
