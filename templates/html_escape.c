/* SPDX-License-Identifier: MIT */
#include "templates/html_escape.h"

const char *
html_entity(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

void
html_escape(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++) {
		const char *entity = html_entity(*text);

		if (entity != NULL)
			buf_adds(out, entity);
		else
			buf_addc(out, *text);
	}
}
