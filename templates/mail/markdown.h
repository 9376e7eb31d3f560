/* SPDX-License-Identifier: MIT */
#ifndef TEMPLATES_MAIL_MARKDOWN_H
#define TEMPLATES_MAIL_MARKDOWN_H

#include <stddef.h>

#include "templates/buf.h"

/*
 * markdown - CommonMark (with tables, strikethrough and bare-URL links) and
 * HTML to the two parts of a mail. All append to `out`; those that read
 * Markdown return 0, or -1 when md4c gave up.
 */
int markdown_html(const char *source, size_t len, struct buf *out);

/*
 * A character of a value, as it has to stand in Markdown: three bytes, one of
 * Unicode's private use characters, which mean nothing to the reader of
 * Markdown wherever they are. markdown_html() makes it the character again,
 * escaped for HTML.
 */
void markdown_literal(char c, char code[4]);

/* The same, but tags in the source are text: for what strangers wrote. */
int markdown_html_plain(const char *source, size_t len, struct buf *out);

/*
 * Readable plain text: links as "text (url)" or the bare url, lists with "- "
 * and numbers, headings underlined, quotes with "> ", paragraphs wrapped at 72
 * columns (never inside a URL), a blank line between blocks.
 */
void html_text(const char *html, size_t len, struct buf *out);

#endif
