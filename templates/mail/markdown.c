/* SPDX-License-Identifier: MIT */
/*
 * markdown - md4c's HTML, and the plain text that is read back from it: one
 * parser, one idea of what the author wrote, so the two parts of a mail cannot
 * disagree.
 *
 * A value cannot bring its own markup: its punctuation comes here in disguise,
 * and is itself again when all is HTML. But a value may be all of a link's
 * target: schemes that run code are taken out.
 */
#include <limits.h>
#include <md4c-html.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "templates/html_escape.h"
#include "templates/mail/markdown.h"

#define FLAGS                                     \
	(MD_FLAG_TABLES | MD_FLAG_STRIKETHROUGH | \
	    MD_FLAG_PERMISSIVEURLAUTOLINKS)

static void
add(const MD_CHAR *text, MD_SIZE size, void *out)
{
	buf_add(out, text, size);
}

/* U+E020 to U+E07E: UTF-8 has the low six bits in the last byte. */
void
markdown_literal(char c, char code[4])
{
	memcpy(code,
	    (char[]){
		'\xee', (char)(0x80 | c >> 6), (char)(0x80 | (c & 63)), '\0'},
	    4);
}

/* The character that a disguised one stands for, or 0. */
static char
undisguised(const char *s)
{
	bool is_one = (s[1] & 0xfe) == 0x80 && (s[2] & 0xc0) == 0x80;
	char c = is_one ? (char)((s[1] & 1) << 6 | (s[2] & 63)) : '\0';

	return c >= ' ' && c < 0x7f ? c : '\0';
}

static void
add_html(struct buf *out, const char *s, size_t len)
{
	const char *end = s + len, *at;

	while ((at = memchr(s, 0xee, (size_t)(end - s))) != NULL) {
		char c = undisguised(at);

		buf_add(out, s, (size_t)(at - s));
		s = at + (c != '\0' ? 3 : 1);
		if (c == '\0')
			buf_addc(out, *at);
		else if (html_entity(c) != NULL)
			buf_adds(out, html_entity(c));
		else
			buf_addc(out, c);
	}
	buf_add(out, s, (size_t)(end - s));
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
		add_html(out, s, (size_t)(attribute - s));
		if (runs_code(attribute))
			buf_addc(out, '#');
		s = attribute;
	}
	add_html(out, s, strlen(s));
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
