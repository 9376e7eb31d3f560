/* SPDX-License-Identifier: MIT */
#ifndef TEMPLATES_MAIL_HEADER_H
#define TEMPLATES_MAIL_HEADER_H

#include <stddef.h>

#include "templates/buf.h"

/*
 * header - one header line of a mail, folded at its white space so that lines
 * stay within 76 columns (RFC 5322 section 2.1.1), with what is not plain ASCII
 * in encoded words (RFC 2047).
 *
 * Values hold no CR and no LF: the caller has refused them.
 */
struct header {
	struct buf *out;
	size_t value; /* where that begins in out */
	size_t line;  /* where the current line does */
};

struct header header_begin(struct buf *out, const char *name);
/* Text that anything may stand in (Subject). */
void header_text(struct header *, const char *value);
/* A display name: atoms, a quoted string or encoded words. */
void header_phrase(struct header *, const char *name);
/* ASCII that must stay as it is, without spaces: <an@address>. */
void header_token(struct header *, const char *token);
void header_end(struct header *);

#endif
