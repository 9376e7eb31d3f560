/* SPDX-License-Identifier: MIT */
/* Filters that escape, encode and decode. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "templates/liquid/filters.h"
#include "templates/mail/markdown.h"

#define MARKDOWN_WORK 128 /* besides the text; see render_step() */

static bool
is_page(const struct render *r)
{
	return r->context == LIQUID_HTML || r->context == LIQUID_MARKDOWN;
}

/* In these contexts `escape` means: for this context, and so no second time. */
static bool
escapes_itself(const struct render *r)
{
	return is_page(r) || r->context == LIQUID_SLACK ||
	       r->context == LIQUID_HEADER;
}

/* It will be, for the place in which it is printed. */
static struct value
escape_later(struct render *r, struct value v)
{
	struct gather g;

	pieces_begin(r, &g);
	escape_print(r, v, PLACE_TEXT);
	return pieces_end(r, true);
}

struct value
filter_escape(struct render *r, struct value v, const struct value *args, int n)
{
	size_t mark;

	if (v.type == VALUE_NIL)
		return v;
	v = render_text(r, v);
	if (escapes_itself(r))
		return escape_later(r, v);
	mark = render_mark(r);
	escape_html(r, v.text, v.len);
	return render_take(r, mark);
}

/* &name; or &#123; */
static bool
is_entity(const char *at, const char *end)
{
	const char *p = at + 1;
	bool number = p < end && *p == '#';

	p += number;
	at = p;
	while (p < end && (number ? *p >= '0' && *p <= '9'
				  : (*p | 32) >= 'a' && (*p | 32) <= 'z'))
		p++;
	return p > at && p < end && *p == ';';
}

struct value
filter_escape_once(
    struct render *r, struct value v, const struct value *args, int n)
{
	size_t mark;

	v = render_text(r, v);
	if ((escapes_itself(r) && r->context != LIQUID_HTML) ||
	    (is_page(r) && (v.flags & (VALUE_SAFE | VALUE_PIECES)) != 0))
		return escape_later(r, v);
	mark = render_mark(r);
	for (const char *p = v.text, *end = p + v.len; p < end; p++)
		if (*p == '&' && is_entity(p, end))
			render_write(r, p, 1);
		else
			escape_html(r, p, 1);
	v = render_take(r, mark);
	v.flags = is_page(r) ? VALUE_SAFE : 0;
	return v;
}

struct value
filter_newline_to_br(
    struct render *r, struct value v, const struct value *args, int n)
{
	bool safe = is_page(r);
	size_t mark;

	v = render_text(r, v);
	if (safe)
		v = escape_value(r, v);
	mark = render_mark(r);
	for (uint32_t i = 0; i < v.len; i++)
		if (v.text[i] == '\n')
			render_write(r, "<br />\n", 7);
		else if (v.text[i] != '\r' || i + 1 == v.len ||
			 v.text[i + 1] != '\n')
			render_write(r, v.text + i, 1);
	v = render_take(r, mark);
	v.flags = safe ? VALUE_SAFE : 0;
	return v;
}

struct value
filter_raw(struct render *r, struct value v, const struct value *args, int n)
{
	if (v.type == VALUE_NIL)
		return v;
	v = render_text(r, v);
	if ((v.flags & VALUE_PIECES) != 0)
		return escape_value(r, v);
	v.flags |= VALUE_SAFE;
	return v;
}

/*
 * Where the block that opens at p ends, with what closes it; NULL when it is no
 * block or has no end. `missing` keeps what was looked for in vain, so that the
 * whole stays linear.
 */
static const char *
block_end(const char *p, const char *end, unsigned *missing)
{
	static const struct {
		const char *open, *close;
	} blocks[] = {
	    {"<script", "</script>"}, {"<style", "</style>"}, {"<!--", "-->"}};

	for (unsigned i = 0; i < 3; i++) {
		size_t open = strlen(blocks[i].open);
		size_t close = strlen(blocks[i].close);

		if ((size_t)(end - p) < open || (*missing & 1u << i) != 0 ||
		    strncasecmp(p, blocks[i].open, open) != 0)
			continue;
		for (const char *q = p + open; (size_t)(end - q) >= close; q++)
			if (strncasecmp(q, blocks[i].close, close) == 0)
				return q + close;
		*missing |= 1u << i;
	}
	return NULL;
}

struct value
filter_strip_html(
    struct render *r, struct value v, const struct value *args, int n)
{
	const char *p, *end, *close;
	unsigned missing = 0;
	size_t mark;

	v = filter_text(r, v);
	p = v.text;
	end = p + v.len;
	mark = render_mark(r);
	while (p < end) {
		const char *tag = memchr(p, '<', (size_t)(end - p));

		if (tag == NULL)
			tag = end;
		render_write(r, p, (size_t)(tag - p));
		if (tag == end)
			break;
		close = block_end(tag, end, &missing);
		if (close == NULL) {
			close = memchr(tag, '>', (size_t)(end - tag));
			if (close == NULL) {
				render_write(r, tag, (size_t)(end - tag));
				break;
			}
			close++;
		}
		p = close;
	}
	return render_take(r, mark);
}

static int
json_sink(const char *text, size_t len, void *arg)
{
	struct render *r = arg;

	if (r->out->len - r->out_start + len > RENDER_OUTPUT_MAX)
		return -1; /* not by longjmp: jansson must clean up */
	buf_add(r->out, text, len);
	return 0;
}

struct value
filter_json(struct render *r, struct value v, const struct value *args, int n)
{
	size_t mark = render_mark(r);
	json_t *json = value_to_json(v);
	int rc = json_dump_callback(
	    json, json_sink, r, JSON_COMPACT | JSON_ENCODE_ANY);

	json_decref(json);
	if (rc != 0)
		render_fail(r, "the value is too large to be printed as JSON");
	render_step(r, 2 * (render_mark(r) - mark));
	return render_take(r, mark);
}

/*
 * A text in Markdown as HTML: its marks count, tags in it do not. Between blank
 * lines the Markdown of a body would begin anew, so there are none.
 */
struct value
filter_markdown(
    struct render *r, struct value v, const struct value *args, int n)
{
	struct buf html = {0};
	size_t mark;
	int rc;

	if (v.type == VALUE_NIL)
		return v;
	v = render_text(r, v);
	render_step(r, MARKDOWN_WORK + v.len);
	rc = markdown_html_plain(v.text, v.len, &html);
	mark = render_mark(r);
	for (size_t i = 0; i < html.len && i < RENDER_OUTPUT_MAX; i++)
		if (r->context == LIQUID_MARKDOWN && html.data[i] == '\n' &&
		    i > 0 && html.data[i - 1] == '\n')
			buf_adds(r->out, "&#10;");
		else
			buf_addc(r->out, html.data[i]);
	buf_free(&html); /* before anything leaves by longjmp */
	if (rc != 0 || r->out->len - r->out_start > RENDER_OUTPUT_MAX)
		render_fail(r, "the text is too much for the Markdown reader");
	v = render_take(r, mark);
	v.flags = is_page(r) ? VALUE_SAFE : 0;
	return v;
}

/* -------------------------------------------------------------------- URLs */

static struct value
encoded(struct render *r, struct value v, bool plus)
{
	size_t mark;

	if (v.type == VALUE_NIL)
		return v;
	v = filter_text(r, v);
	mark = render_mark(r);
	escape_percent(r, v.text, v.len, plus);
	v = render_take(r, mark);
	v.flags = VALUE_ENCODED;
	return v;
}

/* As a form does: a space is + */
struct value
filter_url_encode(
    struct render *r, struct value v, const struct value *args, int n)
{
	return encoded(r, v, true);
}

struct value
filter_url_param_escape(
    struct render *r, struct value v, const struct value *args, int n)
{
	return encoded(r, v, false);
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Bytes that data or a decoder gave are text only if they are UTF-8. */
static struct value
checked(struct render *r, size_t mark, const char *filter)
{
	struct value v = render_take(r, mark);
	json_t *test = json_stringn(v.text, v.len);

	if (test == NULL)
		render_fail(r, "%s does not give text in UTF-8", filter);
	json_decref(test);
	return v;
}

struct value
filter_url_decode(
    struct render *r, struct value v, const struct value *args, int n)
{
	size_t mark;

	if (v.type == VALUE_NIL)
		return v;
	v = filter_text(r, v);
	mark = render_mark(r);
	for (uint32_t i = 0; i < v.len; i++) {
		char c = v.text[i] == '+' ? ' ' : v.text[i];

		if (c == '%' && i + 2 < v.len &&
		    hex_digit(v.text[i + 1]) >= 0 &&
		    hex_digit(v.text[i + 2]) >= 0) {
			c = (char)(hex_digit(v.text[i + 1]) * 16 +
				   hex_digit(v.text[i + 2]));
			i += 2;
		}
		render_write(r, &c, 1);
	}
	return checked(r, mark, "url_decode");
}

/* ------------------------------------------------------------------ base64 */

static const char STANDARD[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char URL_SAFE[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static struct value
base64(struct render *r, struct value v, const char *digits)
{
	const unsigned char *s;
	size_t mark;

	v = filter_text(r, v);
	s = (const unsigned char *)v.text;
	mark = render_mark(r);
	for (size_t i = 0; i < v.len; i += 3) {
		size_t have = v.len - i < 3 ? v.len - i : 3;
		uint32_t bits = (uint32_t)s[i] << 16;
		char four[4];

		if (have > 1)
			bits |= (uint32_t)s[i + 1] << 8;
		if (have > 2)
			bits |= s[i + 2];
		for (size_t j = 0; j < 4; j++)
			four[j] =
			    j <= have ? digits[bits >> (18 - 6 * j) & 63] : '=';
		render_write(r, four, 4);
	}
	return render_take(r, mark);
}

static struct value
unbase64(struct render *r, struct value v, const char *digits, const char *name)
{
	uint32_t bits = 0;
	int have = 0;
	size_t mark;

	v = filter_text(r, v);
	mark = render_mark(r);
	for (uint32_t i = 0; i < v.len && v.text[i] != '='; i++) {
		size_t digit = 0;
		char c;

		while (digit < 64 && digits[digit] != v.text[i])
			digit++;
		if (digit == 64)
			render_fail(r, "%s: this is not base64", name);
		bits = bits << 6 | (uint32_t)digit;
		have += 6;
		if (have >= 8) {
			have -= 8;
			c = (char)(bits >> have);
			render_write(r, &c, 1);
		}
	}
	return checked(r, mark, name);
}

struct value
filter_base64_encode(
    struct render *r, struct value v, const struct value *args, int n)
{
	return base64(r, v, STANDARD);
}

struct value
filter_base64_decode(
    struct render *r, struct value v, const struct value *args, int n)
{
	return unbase64(r, v, STANDARD, "base64_decode");
}

struct value
filter_base64_url_encode(
    struct render *r, struct value v, const struct value *args, int n)
{
	return base64(r, v, URL_SAFE);
}

struct value
filter_base64_url_decode(
    struct render *r, struct value v, const struct value *args, int n)
{
	return unbase64(r, v, URL_SAFE, "base64_url_safe_decode");
}
