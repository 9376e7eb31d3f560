/* SPDX-License-Identifier: MIT */
/*
 * markdown - md4c's HTML, and the plain text that is read back from it: one
 * parser, one idea of what the author wrote, so the two parts of a mail cannot
 * disagree.
 *
 * A value cannot bring its own markup (the Liquid context escapes it before it
 * gets here), but it may be all of a link's target: schemes that run code are
 * taken out.
 */
#include <limits.h>
#include <md4c-html.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "templates/mail/markdown.h"

#define FLAGS                                     \
	(MD_FLAG_TABLES | MD_FLAG_STRIKETHROUGH | \
	    MD_FLAG_PERMISSIVEURLAUTOLINKS)

static void
add(const MD_CHAR *text, MD_SIZE size, void *out)
{
	buf_add(out, text, size);
}

static bool
runs_code(const char *url)
{
	return strncasecmp(url, "javascript:", 11) == 0 ||
	       strncasecmp(url, "vbscript:", 9) == 0 ||
	       strncasecmp(url, "data:", 5) == 0;
}

/*
 * Makes such a target relative and so harmless: "#javascript:". A quote stands
 * in md4c's HTML only around attributes; elsewhere it is &quot;.
 */
static void
disarm_links(const struct buf *in, struct buf *out)
{
	const char *s = in->data, *attribute;

	while ((attribute = strstr(s, "=\"")) != NULL) {
		attribute += 2;
		buf_add(out, s, (size_t)(attribute - s));
		if (runs_code(attribute))
			buf_addc(out, '#');
		s = attribute;
	}
	buf_adds(out, s);
}

static int
convert(const char *source, size_t len, unsigned flags, struct buf *out)
{
	struct buf html = {0};
	int r = -1;

	buf_reserve(&html, len + len / 2);
	buf_reserve(out, len + len / 2);
	if (len <= INT_MAX &&
	    md_html(source, (MD_SIZE)len, add, &html, flags, 0) == 0) {
		disarm_links(&html, out);
		r = 0;
	}
	buf_free(&html);
	return r;
}

int
markdown_html(const char *source, size_t len, struct buf *out)
{
	return convert(source, len, FLAGS, out);
}

int
markdown_html_plain(const char *source, size_t len, struct buf *out)
{
	return convert(source, len, FLAGS | MD_FLAG_NOHTML, out);
}
