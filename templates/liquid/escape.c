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

#include "templates/liquid/render.h"

static const char HEX[] = "0123456789ABCDEF";

/* Letters and digits of ASCII stand for themselves everywhere. */
static bool
is_alnum(unsigned char c)
{
	return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

/* What stands for a byte, or NULL when it stands for itself. */
typedef const char *replace_fn(
    const char *at, const char *start, const char *end, size_t *used);

/* Runs of bytes that stay are written at once. */
static void
replace_bytes(struct render *r, const char *s, size_t len, replace_fn *replace)
{
	const char *end = s + len, *start = s, *run = s;

	while (s < end) {
		size_t used = 1;
		const char *other;

		if (is_alnum((unsigned char)*s) || *s == ' ') {
			s++;
			continue;
		}
		other = replace(s, start, end, &used);
		if (other != NULL) {
			render_write(r, run, (size_t)(s - run));
			render_write(r, other, strlen(other));
			run = s + used;
		}
		s += used;
	}
	render_write(r, run, (size_t)(s - run));
}

static const char *
html_entity(const char *at, const char *start, const char *end, size_t *used)
{
	switch (*at) {
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

/* What is safe as text still must not end an attribute. */
static const char *
attribute_entity(
    const char *at, const char *start, const char *end, size_t *used)
{
	return *at == '&' ? NULL : html_entity(at, start, end, used);
}

void
escape_html(struct render *r, const char *s, size_t len)
{
	replace_bytes(r, s, len, html_entity);
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
drop_control(const char *at, const char *start, const char *end, size_t *used)
{
	unsigned char c = (unsigned char)*at;

	if ((c < ' ' && c != '\n' && c != '\t') || c == 0x7f)
		return "";
	if (c < 0xd8 || !is_bidi(at, end))
		return NULL;
	*used = c == 0xd8 ? 2 : 3;
	return "";
}

static const char *
one_line(const char *at, const char *start, const char *end, size_t *used)
{
	unsigned char c = (unsigned char)*at;

	if (c >= ' ' && c != 0x7f)
		return c < 0xd8 ? NULL : drop_control(at, start, end, used);
	while (at + *used < end && (unsigned char)at[*used] < ' ')
		++*used;
	return " ";
}

/*
 * CommonMark section 2.4: any ASCII punctuation may have a backslash. Those
 * that mean something only at the start of a line get it where a word does not
 * stand before them.
 */
static const char *
markdown_escape(
    const char *at, const char *start, const char *end, size_t *used)
{
	static const char marks[] = "\\`*_{}[]()!|~.:@\"$";
	static const char *const escaped[] = {"\\\\", "\\`", "\\*", "\\_",
	    "\\{", "\\}", "\\[", "\\]", "\\(", "\\)", "\\!", "\\|", "\\~",
	    "\\.", "\\:", "\\@", "\\\"", "\\$"};
	bool in_word = at > start && is_alnum((unsigned char)at[-1]);
	const char *mark;

	if (is_alnum((unsigned char)*at) || *at == ' ')
		return NULL;
	mark = *at != '\0' ? strchr(marks, *at) : NULL;
	if (mark != NULL)
		return escaped[mark - marks];
	switch (*at) {
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '&':
		return "&amp;";
	case '-':
		return in_word ? NULL : "\\-";
	case '+':
		return in_word ? NULL : "\\+";
	case '#':
		return in_word ? NULL : "\\#";
	case '=':
		return in_word ? NULL : "\\=";
	default:
		return drop_control(at, start, end, used);
	}
}

/* RFC 8259 section 7. */
static void
print_json(struct render *r, const char *s, size_t len)
{
	static const char letters[] = "btn?fr"; /* from \b on */
	char code[8];

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c >= ' ' && c != '"' && c != '\\') {
			render_write(r, s + i, 1);
			continue;
		}
		if (c >= ' ')
			snprintf(code, sizeof code, "\\%c", c);
		else if (c >= '\b' && c <= '\r' && c != '\v')
			snprintf(code, sizeof code, "\\%c", letters[c - '\b']);
		else
			snprintf(code, sizeof code, "\\u%04x", c);
		render_write(r, code, strlen(code));
	}
}

void
escape_percent(
    struct render *r, const char *s, size_t len, const char *keep, bool plus)
{
	const char *end = s + len, *run = s;

	for (; s < end; s++) {
		unsigned char c = (unsigned char)*s;
		char code[3] = {'%', HEX[c >> 4], HEX[c & 15]};

		if (is_alnum(c) || (c != '\0' && strchr(keep, c) != NULL))
			continue;
		render_write(r, run, (size_t)(s - run));
		run = s + 1;
		if (c == ' ' && plus)
			render_write(r, "+", 1);
		else
			render_write(r, code, 3);
	}
	render_write(r, run, (size_t)(s - run));
}

/* ------------------------------------------------------------- HTML places */

#define URL_UNRESERVED "-._~"
/* All of RFC 3986 but quotes and brackets that HTML or Markdown would read. */
#define URL_LEGAL "-._~:/?#@!$&*+,;=%"

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
	size_t mark;

	while (v.len > 0 && is_space(*v.text)) {
		v.text++;
		v.len--;
	}
	if (place == PLACE_URL_START && !has_good_scheme(v.text, v.len)) {
		render_write(r, "#", v.len > 0);
		return;
	}
	if ((v.flags & VALUE_SAFE) != 0) {
		replace_bytes(r, v.text, v.len, attribute_entity);
		return;
	}
	mark = render_mark(r);
	if (place == PLACE_QUERY && (v.flags & VALUE_ENCODED) == 0)
		escape_percent(r, v.text, v.len, URL_UNRESERVED, false);
	else
		escape_percent(r, v.text, v.len, URL_LEGAL, false);
	if (r->context == LIQUID_HTML) {
		v = render_take(r, mark);
		escape_html(r, v.text, v.len);
	}
}

/* Nothing that could end the declaration or call a function. */
static void
print_css(struct render *r, struct value v)
{
	for (uint32_t i = 0; i < v.len; i++)
		if (is_alnum((unsigned char)v.text[i]) ||
		    (v.text[i] != '\0' && strchr(" #%.,_-", v.text[i]) != NULL))
			render_write(r, v.text + i, 1);
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
		replace_bytes(r, v.text, v.len, attribute_entity);
	else if (place == PLACE_CSS)
		print_css(r, v);
	else if (place == PLACE_ATTRIBUTE || r->context == LIQUID_HTML)
		escape_html(r, v.text, v.len);
	else
		replace_bytes(r, v.text, v.len, markdown_escape);
}

static void
print_string(struct render *r, struct value v, enum place place)
{
	bool safe = (v.flags & VALUE_SAFE) != 0;

	switch (r->context) {
	case LIQUID_HTML:
	case LIQUID_MARKDOWN:
		print_place(r, v, place);
		break;
	case LIQUID_TEXT:
		replace_bytes(r, v.text, v.len, drop_control);
		break;
	case LIQUID_HEADER:
		replace_bytes(r, v.text, v.len, one_line);
		break;
	case LIQUID_JSON:
		if (safe)
			render_write(r, v.text, v.len);
		else
			print_json(r, v.text, v.len);
		break;
	case LIQUID_URL:
		if (safe || (v.flags & VALUE_ENCODED) != 0)
			render_write(r, v.text, v.len);
		else
			escape_percent(r, v.text, v.len, URL_UNRESERVED, false);
		break;
	case LIQUID_VERBATIM:
		render_write(r, v.text, v.len);
		break;
	}
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
	size_t mark;

	if ((v.flags & VALUE_SAFE) != 0)
		return v;
	mark = render_mark(r);
	escape_print(r, v, PLACE_TEXT);
	v = render_take(r, mark);
	v.flags = VALUE_SAFE;
	return v;
}
