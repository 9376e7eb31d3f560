/* SPDX-License-Identifier: MIT */
#ifndef TEMPLATES_HTML_ESCAPE_H
#define TEMPLATES_HTML_ESCAPE_H

#include "templates/buf.h"

/* html_escape - text in a page: between tags and in quoted attributes alike. */
void html_escape(struct buf *out, const char *text);

/* What stands for the character, or NULL when it stands for itself. */
const char *html_entity(char);

#endif
