/* SPDX-License-Identifier: MIT */
/*
 * Escaping: the ways of a value into output, one a context and place. A value
 * marked safe was written by the author or escaped already, and is left alone,
 * except that no context ever lets through what would break it: a line end in a
 * header, a control in text, a scheme such as javascript: at the start of a
 * URL.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "templates/html_escape.h"
#include "templates/liquid/render.h"
#include "templates/mail/markdown.h"

/* Who looks at a byte: for all others it stands for itself. */
enum reader {
	HTML = 1,
	TEXT = 2,
	LINE = 4, /* of a header */
	MARKDOWN = 8,
	JSON = 16,
	PARAMETER = 32, /* RFC 3986 section 2.3 keeps -._~ */
	URL = 64, /* what HTML or Markdown would read of section 2.2, too */
	CSS = 128,
};

#define CONTROL (HTML | LINE | TEXT | MARKDOWN | JSON | PARAMETER | URL | CSS)
#define SPACE	(CONTROL & ~(HTML | TEXT | MARKDOWN))
#define ENCODED (PARAMETER | URL)

static const unsigned char readers[256] = {[0 ... 8] = CONTROL,
    ['\t'] = SPACE | MARKDOWN,
    ['\n'] = SPACE,
    [11 ... 31] = CONTROL,
    [' '] = MARKDOWN | ENCODED,
    ['!'] = MARKDOWN | PARAMETER | CSS,
    ['"'] = HTML | MARKDOWN | JSON | ENCODED | CSS,
    ['#'] = MARKDOWN | PARAMETER,
    ['$'] = MARKDOWN | PARAMETER | CSS,
    ['%'] = PARAMETER,
    ['&'] = HTML | MARKDOWN | PARAMETER | CSS,
    ['\''] = HTML | MARKDOWN | ENCODED | CSS,
    ['('] = MARKDOWN | ENCODED | CSS,
    [')'] = MARKDOWN | ENCODED | CSS,
    ['*'] = MARKDOWN | PARAMETER | CSS,
    ['+'] = MARKDOWN | PARAMETER | CSS,
    [','] = PARAMETER,
    ['-'] = MARKDOWN,
    ['.'] = MARKDOWN,
    ['/'] = PARAMETER | CSS,
    [':'] = MARKDOWN | PARAMETER | CSS,
    [';'] = PARAMETER | CSS,
    ['<'] = HTML | MARKDOWN | ENCODED | CSS,
    ['='] = MARKDOWN | PARAMETER | CSS,
    ['>'] = HTML | MARKDOWN | ENCODED | CSS,
    ['?'] = PARAMETER | CSS,
    ['@'] = MARKDOWN | PARAMETER | CSS,
    ['['] = MARKDOWN | ENCODED | CSS,
    ['\\'] = MARKDOWN | JSON | ENCODED | CSS,
    [']'] = MARKDOWN | ENCODED | CSS,
    ['^'] = ENCODED | CSS,
    ['_'] = MARKDOWN,
    ['`'] = MARKDOWN | ENCODED | CSS,
    ['{'] = MARKDOWN | ENCODED | CSS,
    ['|'] = MARKDOWN | ENCODED | CSS,
    ['}'] = MARKDOWN | ENCODED | CSS,
    ['~'] = MARKDOWN | CSS,
    [0x7f] = CONTROL & ~JSON,
    [0x80 ... 0xd7] = ENCODED | CSS,
    [0xd8] = CONTROL & ~JSON, /* may begin a bidirectional control */
    [0xd9 ... 0xe1] = ENCODED | CSS,
    [0xe2] = CONTROL & ~JSON, /* so may this */
    [0xe3 ... 0xff] = ENCODED | CSS};

/* The next byte that the reader looks at, or the end. Four at a time pay. */
static const char *
skip(const char *p, const char *end, unsigned reader)
{
	const unsigned char *u = (const unsigned char *)p;
	const unsigned char *last = (const unsigned char *)end;

	while (last - u >= 4 && ((readers[u[0]] | readers[u[1]] |
				     readers[u[2]] | readers[u[3]]) &
				    reader) == 0)
		u += 4;
	while (u < last && (readers[*u] & reader) == 0)
		u++;
	return (const char *)u;
}

struct bytes { /* where a reader stands */
	const char *at, *start, *end;
	size_t used;  /* bytes from `at` that are replaced, or stay */
	char code[8]; /* room for what replaces them */
};

/* What stands for the bytes, or NULL when they stand for themselves. */
typedef const char *replace_fn(struct bytes *);

/* Runs of bytes that stay are written at once. */
static void
replace_bytes(struct render *r, const char *s, size_t len, unsigned reader,
    replace_fn *replace)
{
	struct bytes b = {.at = s, .start = s, .end = s + len};
	const char *run = s, *other;

	for (;;) {
		b.at = skip(b.at, b.end, reader);
		if (b.at == b.end)
			break;
		b.used = 1;
		other = replace(&b);
		if (other != NULL) {
			render_write(r, run, (size_t)(b.at - run));
			render_write(r, other, strlen(other));
			run = b.at + b.used;
		}
		b.at += b.used;
	}
	render_write(r, run, (size_t)(b.end - run));
}

static const char *
entity(struct bytes *b)
{
	return html_entity(*b->at);
}

/* What is safe as text still must not end an attribute. */
static const char *
attribute_entity(struct bytes *b)
{
	return *b->at == '&' ? NULL : entity(b);
}

void
escape_html(struct render *r, const char *s, size_t len)
{
	replace_bytes(r, s, len, HTML, entity);
}

/* Bidirectional controls: U+061C, U+200E-F, U+202A-E, U+2066-9. */
static bool
is_bidi(const char *at, const char *end)
{
	const unsigned char *u = (const unsigned char *)at;

	if (end - at >= 2 && u[0] == 0xd8)
		return u[1] == 0x9c;
	if (end - at < 3 || u[0] != 0xe2)
		return false;
	if (u[1] == 0x80)
		return u[2] == 0x8e || u[2] == 0x8f ||
		       (u[2] >= 0xaa && u[2] <= 0xae);
	return u[1] == 0x81 && u[2] >= 0xa6 && u[2] <= 0xa9;
}

static const char *
drop_control(struct bytes *b)
{
	unsigned char c = (unsigned char)*b->at;

	if (c >= 0xd8 && !is_bidi(b->at, b->end))
		return NULL;
	b->used = c == 0xd8 ? 2 : c == 0xe2 ? 3 : 1;
	return "";
}

static const char *
html_escape_byte(struct bytes *b)
{
	unsigned char c = (unsigned char)*b->at;

	return c < ' ' || c >= 0x7f ? drop_control(b) : entity(b);
}

/* Slack's documentation, "Escaping text": these three and no others. */
static const char *
slack_entity(struct bytes *b)
{
	if (*b->at == '"' || *b->at == '\'')
		return NULL;
	return *b->at < ' ' || *b->at > '>' ? drop_control(b) : entity(b);
}

static const char *
one_line(struct bytes *b)
{
	if ((unsigned char)*b->at >= 0xd8)
		return drop_control(b);
	while (b->at + b->used < b->end && (unsigned char)b->at[b->used] < ' ')
		b->used++;
	return " ";
}

/* A space means something only where a line begins. */
static const char *
markdown_escape(struct bytes *b)
{
	unsigned char c = (unsigned char)*b->at;
	bool begins = b->at == b->start || b->at[-1] == '\n';

	if ((c == ' ' || c == '\t') && !begins)
		return NULL;
	if (c != '\t' && (c < ' ' || c >= 0x7f))
		return drop_control(b);
	markdown_literal(c == '\t' ? ' ' : (char)c, b->code);
	return b->code;
}

/* A line that ends in a tag could be the end of the tag. */
static const char *
markdown_attribute(struct bytes *b)
{
	return *b->at == '\n' || *b->at == '\r' ? " " : markdown_escape(b);
}

/* RFC 8259 section 7. */
static const char *
json_escape(struct bytes *b)
{
	static const char letters[] = "btn?fr"; /* from \b on */
	unsigned char c = (unsigned char)*b->at;

	if (c >= '\b' && c <= '\r' && c != '\v')
		c = (unsigned char)letters[c - '\b'];
	if (c >= ' ')
		snprintf(b->code, sizeof b->code, "\\%c", c);
	else
		snprintf(b->code, sizeof b->code, "\\u%04x", c);
	return b->code;
}

static const char *
percent(struct bytes *b)
{
	static const char hex[] = "0123456789ABCDEF";
	unsigned char c = (unsigned char)*b->at;

	memcpy(b->code, (char[]){'%', hex[c >> 4], hex[c & 15], '\0'}, 4);
	return b->code;
}

/* As a form does: a space is + */
static const char *
percent_plus(struct bytes *b)
{
	return *b->at == ' ' ? "+" : percent(b);
}

static const char *
percent_html(struct bytes *b)
{
	return *b->at == '&' ? entity(b) : percent(b);
}

/* Nothing that could end a declaration or call a function. */
static const char *
drop(struct bytes *b)
{
	return "";
}

void
escape_percent(struct render *r, const char *s, size_t len, bool plus)
{
	replace_bytes(r, s, len, PARAMETER, plus ? percent_plus : percent);
}

/* ------------------------------------------------------------- HTML places */

static bool
has_good_scheme(const char *s, size_t len)
{
	static const char *const schemes[] = {
	    "https://", "http://", "mailto:", "tel:"};

	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
		if (len >= strlen(schemes[i]) &&
		    strncasecmp(s, schemes[i], strlen(schemes[i])) == 0)
			return true;
	return false;
}

static void
print_url(struct render *r, struct value v, enum place place)
{
	while (v.len > 0 && is_space(*v.text)) {
		v.text++;
		v.len--;
	}
	if (place == PLACE_URL_START && !has_good_scheme(v.text, v.len)) {
		render_write(r, "#", v.len > 0);
		return;
	}
	if ((v.flags & VALUE_SAFE) != 0)
		replace_bytes(r, v.text, v.len, HTML, attribute_entity);
	else if (place == PLACE_QUERY && (v.flags & VALUE_ENCODED) == 0)
		escape_percent(r, v.text, v.len, false);
	else if (r->context == LIQUID_HTML)
		replace_bytes(r, v.text, v.len, URL | HTML, percent_html);
	else
		replace_bytes(r, v.text, v.len, URL, percent);
}

static void
print_place(struct render *r, struct value v, enum place place)
{
	bool safe = (v.flags & VALUE_SAFE) != 0;

	if (place >= PLACE_URL_START && place <= PLACE_QUERY)
		print_url(r, v, place);
	else if (safe && place == PLACE_TEXT)
		render_write(r, v.text, v.len);
	else if (safe)
		replace_bytes(r, v.text, v.len, HTML, attribute_entity);
	else if (place == PLACE_CSS)
		replace_bytes(r, v.text, v.len, CSS, drop);
	else if (r->context == LIQUID_HTML)
		replace_bytes(r, v.text, v.len, HTML, html_escape_byte);
	else if (place == PLACE_ATTRIBUTE)
		replace_bytes(
		    r, v.text, v.len, MARKDOWN | LINE, markdown_attribute);
	else
		replace_bytes(r, v.text, v.len, MARKDOWN, markdown_escape);
}

static void
print_escaped(struct render *r, struct value v, enum place place)
{
	bool safe = (v.flags & VALUE_SAFE) != 0;

	switch (r->context) {
	case LIQUID_HTML:
	case LIQUID_MARKDOWN:
		print_place(r, v, place);
		break;
	case LIQUID_TEXT:
		replace_bytes(r, v.text, v.len, TEXT, drop_control);
		break;
	case LIQUID_SLACK:
		replace_bytes(
		    r, v.text, v.len, safe ? TEXT : TEXT | HTML, slack_entity);
		break;
	case LIQUID_HEADER:
		replace_bytes(r, v.text, v.len, LINE, one_line);
		break;
	case LIQUID_JSON:
		if (safe)
			render_write(r, v.text, v.len);
		else
			replace_bytes(r, v.text, v.len, JSON, json_escape);
		break;
	case LIQUID_URL:
		if (safe || (v.flags & VALUE_ENCODED) != 0)
			render_write(r, v.text, v.len);
		else
			escape_percent(r, v.text, v.len, false);
		break;
	case LIQUID_VERBATIM:
		render_write(r, v.text, v.len);
		break;
	}
}

static void
print_string(struct render *r, struct value v, enum place place)
{
	if ((v.flags & VALUE_PIECES) != 0)
		pieces_print(r, v, place);
	else if (r->gather != NULL)
		pieces_add(r, v, place);
	else
		print_escaped(r, v, place);
}

/* Items of an array one by one, as each has its own safe mark. */
static void
print_items(struct render *r, struct value v, enum place place)
{
	for (size_t i = 0; i < value_count(v); i++) {
		render_step(r, 0);
		if (++r->depth > 200)
			render_fail(r, "an array is nested too deep");
		escape_print(r, value_at(v, i), place);
		r->depth--;
	}
}

void
escape_print(struct render *r, struct value v, enum place place)
{
	if (v.type == VALUE_STRING)
		print_string(r, v, place);
	else if (v.type == VALUE_INT && place != PLACE_URL_START)
		render_print(r, v);
	else if (v.type == VALUE_ARRAY || v.type == VALUE_LIST)
		print_items(r, v, place);
	else if (v.type != VALUE_NIL)
		print_string(r, render_text(r, v), place);
}

struct value
escape_value(struct render *r, struct value v)
{
	struct gather *outer = r->gather;
	size_t mark;

	if ((v.flags & VALUE_SAFE) != 0)
		return v;
	r->gather = NULL;
	mark = render_mark(r);
	escape_print(r, v, PLACE_TEXT);
	v = render_take(r, mark);
	v.flags = VALUE_SAFE;
	r->gather = outer;
	return v;
}
