/* SPDX-License-Identifier: MIT */
#ifndef TEMPLATES_LIQUID_HTML_H
#define TEMPLATES_LIQUID_HTML_H

#include <stdbool.h>
#include <stddef.h>

/*
 * html - where in a page (or a Markdown text with HTML in it) the author's
 * literal text has led, so that a value gets the escapes of that place. It runs
 * while compiling; a zeroed struct html is the start of a text.
 */
enum html_state {
	HTML_TEXT,
	HTML_OPEN, /* after < */
	HTML_TAG_NAME,
	HTML_TAG,	/* in a tag, between attributes */
	HTML_ATTRIBUTE, /* in its name */
	HTML_EQUALS,	/* after = */
	HTML_QUOTED,
	HTML_UNQUOTED,
	HTML_COMMENT,
	HTML_SCRIPT, /* in <script> or <style> */
	HTML_LINK,   /* Markdown: behind ]( or in https://... */
};

/* What an attribute or link holds. The order is that of html_join(). */
enum html_kind {
	HTML_PLAIN,
	HTML_URL,	/* scheme is settled */
	HTML_QUERY,	/* behind ? */
	HTML_URL_START, /* nothing of the URL is written yet */
	HTML_CSS,	/* style="" */
	HTML_EVENT,	/* onclick="" */
};

struct html {
	unsigned char state, kind;
	char quote;
	bool is_markdown;
	bool in_css;   /* the URL is one of url() in style="" */
	char name[10]; /* of the tag or attribute, lower case, cut off */
	unsigned char name_len;
	char element; /* 's' script, 't' style, 0 others */
	char last[2]; /* characters before */
};

/* Where a value may be written; the other places are errors. */
enum place {
	PLACE_TEXT,
	PLACE_ATTRIBUTE,
	PLACE_URL_START,
	PLACE_URL,
	PLACE_QUERY,
	PLACE_CSS,
};

void html_read(struct html *, const char *, size_t len);

/*
 * Where a value stands that is written here, and goes on behind it. NULL, or
 * words for the place that takes no value: "a <script> or <style>".
 */
const char *html_value(struct html *, enum place *out);

/* Two branches come together. False when they are in different places. */
bool html_join(struct html *, const struct html *other);

#endif
