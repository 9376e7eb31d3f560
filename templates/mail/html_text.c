/* SPDX-License-Identifier: MIT */
/*
 * html_text - the words of an HTML mail as plain text. A reader of tags, not of
 * documents: it knows no tree, takes any nesting, and looks at each byte a
 * bounded number of times (what is never closed ends the text).
 */
#include <md4c-html.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "templates/mail/markdown.h"
#include "templates/mail/plain.h"

enum element {
	BLOCK,	   /* begins and ends a line */
	PARAGRAPH, /* apart by a blank line */
	HEADING1,
	HEADING,
	UNORDERED,
	ORDERED,
	ITEM,
	QUOTE,
	PREFORMATTED,
	CELL,
	LINE_BREAK,
	RULE,
	LINK,
	IMAGE,
	HIDDEN, /* not for reading, nor is what stands in it */
	INLINE, /* all others */
};

struct row {
	const char *name;
	enum element element;
};

static const struct row elements[] = {
    /* sorted */
    {"a", LINK},
    {"address", BLOCK},
    {"article", BLOCK},
    {"aside", BLOCK},
    {"blockquote", QUOTE},
    {"br", LINE_BREAK},
    {"center", BLOCK},
    {"dd", BLOCK},
    {"div", BLOCK},
    {"dl", PARAGRAPH},
    {"dt", BLOCK},
    {"footer", BLOCK},
    {"h1", HEADING1},
    {"h2", HEADING},
    {"h3", HEADING},
    {"h4", HEADING},
    {"h5", HEADING},
    {"h6", HEADING},
    {"header", BLOCK},
    {"hr", RULE},
    {"img", IMAGE},
    {"li", ITEM},
    {"main", BLOCK},
    {"nav", BLOCK},
    {"ol", ORDERED},
    {"p", PARAGRAPH},
    {"pre", PREFORMATTED},
    {"script", HIDDEN},
    {"section", BLOCK},
    {"style", HIDDEN},
    {"table", PARAGRAPH},
    {"tbody", BLOCK},
    {"td", CELL},
    {"template", HIDDEN},
    {"th", CELL},
    {"thead", BLOCK},
    {"title", HIDDEN},
    {"tr", BLOCK},
    {"ul", UNORDERED},
};

struct list {
	bool is_ordered, has_item; /* an <li> is open */
	int number;
};

struct reader {
	const char *s, *end;
	struct plain plain;
	struct list lists[PLAIN_DEPTH];
	int depth; /* may pass PLAIN_DEPTH: the rest shares the last */
};

struct tag {
	char name[12]; /* lower or upper case, as written; cut */
	bool is_end;
	const char *attributes, *end; /* end: at the '>' */
};

static int
compare_row(const void *name, const void *row)
{
	return strcasecmp(name, ((const struct row *)row)->name);
}

static enum element
find_element(const char *name)
{
	const struct row *row = bsearch(name, elements,
	    sizeof elements / sizeof *elements, sizeof *elements, compare_row);

	return row != NULL ? row->element : INLINE;
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_name(char c)
{
	return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* ----------------------------------------------------------- entities */

static void
add_utf8(struct buf *out, unsigned long c)
{
	if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		c = 0xfffd;
	if (c < 0x80) {
		buf_addc(out, (char)c);
		return;
	}
	if (c < 0x800) {
		buf_addc(out, (char)(0xc0 | c >> 6));
	} else if (c < 0x10000) {
		buf_addc(out, (char)(0xe0 | c >> 12));
		buf_addc(out, (char)(0x80 | (c >> 6 & 0x3f)));
	} else {
		buf_addc(out, (char)(0xf0 | c >> 18));
		buf_addc(out, (char)(0x80 | (c >> 12 & 0x3f)));
		buf_addc(out, (char)(0x80 | (c >> 6 & 0x3f)));
	}
	buf_addc(out, (char)(0x80 | (c & 0x3f)));
}

static void
add_bytes(const MD_CHAR *text, MD_SIZE size, void *out)
{
	buf_add(out, text, size);
}

/* A named entity by md4c's table: "&copy;" comes back as "<p>\302\251</p>". */
static bool
add_named(struct buf *out, const char *entity, size_t len)
{
	struct buf html = {0};
	bool known;

	md_html(entity, (MD_SIZE)len, add_bytes, &html, 0, 0);
	known = html.len > 8 && html.data[3] != '&';
	if (known)
		buf_add(out, html.data + 3, html.len - 8);
	buf_free(&html);
	return known;
}

/* s is at a '&'. Adds what stands for and returns how long it is, or 0. */
static size_t
add_entity(struct buf *out, const char *s, const char *end)
{
	static const struct {
		const char *entity, *text;
	} common[] = {{"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"},
	    {"&quot;", "\""}, {"&nbsp;", " "}, {"&mdash;", "\u2014"},
	    {"&ndash;", "\u2013"}, {"&rsquo;", "\u2019"},
	    {"&hellip;", "\u2026"}, {"&copy;", "\u00a9"}};
	size_t len = 1;

	for (size_t i = 0; i < sizeof common / sizeof *common; i++)
		if (strncmp(s, common[i].entity, strlen(common[i].entity)) ==
		    0) {
			buf_adds(out, common[i].text);
			return strlen(common[i].entity);
		}
	while (len < 34 && s + len < end && (is_name(s[len]) || s[len] == '#'))
		len++;
	if (len < 3 || s + len >= end || s[len] != ';')
		return 0;
	len++;
	if (s[1] != '#')
		return add_named(out, s, len) ? len : 0;
	if (s[2] == 'x' || s[2] == 'X')
		add_utf8(out, strtoul(s + 3, NULL, 16));
	else
		add_utf8(out, strtoul(s + 2, NULL, 10));
	return len;
}

/* Text without tags, its entities replaced. */
static void
decode(struct buf *out, const char *s, const char *end)
{
	while (s < end) {
		const char *and = memchr(s, '&', (size_t)(end - s));
		size_t taken;

		buf_add(out, s, (size_t)((and != NULL ? and : end) - s));
		if (and == NULL)
			return;
		taken = add_entity(out, and, end);
		if (taken == 0)
			buf_addc(out, '&');
		s = and+(taken > 0 ? taken : 1);
	}
}

static void
add_decoded(struct plain *p, const char *s, const char *end)
{
	struct buf text = {0};

	decode(&text, s, end);
	plain_text(p, buf_str(&text), text.len);
	buf_free(&text);
}

/* --------------------------------------------------------------- tags */

/* Reads the tag at s ('<'). False: it is not one, or is never closed. */
static bool
read_tag(const char *s, const char *end, struct tag *tag)
{
	size_t n = 0;
	char quote = '\0';

	*tag = (struct tag){.is_end = s + 1 < end && s[1] == '/'};
	for (s += 1 + tag->is_end; s < end && is_name(*s); s++)
		if (n < sizeof tag->name - 1)
			tag->name[n++] = *s;
	tag->attributes = s;
	for (; s < end && (quote != '\0' || *s != '>'); s++) {
		if (quote != '\0')
			quote = *s == quote ? '\0' : quote;
		else if ((*s == '"' || *s == '\'') && s[-1] == '=')
			quote = *s;
	}
	tag->end = s;
	return s < end;
}

/* As written; the value is empty where there is none. */
struct attribute {
	const char *name, *value;
	size_t name_len, value_len;
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* Reads the next one from *s on. False: there are no more. */
static bool
next_attribute(const char **s, const char *end, struct attribute *a)
{
	const char *at = *s;
	char quote;

	while (at < end && !is_name(*at))
		at++;
	*a = (struct attribute){.name = at};
	while (at < end && is_name(*at))
		at++;
	a->name_len = (size_t)(at - a->name);
	while (at < end && is_blank(*at))
		at++;
	*s = at;
	if (at == end || *at != '=')
		return a->name_len > 0;
	for (at++; at < end && is_blank(*at);)
		at++;
	quote = at < end && (*at == '"' || *at == '\'') ? *at++ : '\0';
	a->value = at;
	while (at < end && (quote != '\0' ? *at != quote : !is_blank(*at)))
		at++;
	a->value_len = (size_t)(at - a->value);
	*s = at + (quote != '\0' && at < end);
	return true;
}

static bool
is_named(const struct attribute *a, const char *name)
{
	return a->name_len == strlen(name) &&
	       strncasecmp(a->name, name, a->name_len) == 0;
}

/* The decoded value of an attribute; empty when there is none. */
static struct buf
attribute(const struct tag *tag, const char *name)
{
	const char *s = tag->attributes;
	struct buf value = {0};
	struct attribute a;

	while (next_attribute(&s, tag->end, &a))
		if (is_named(&a, name)) {
			decode(&value, a.value, a.value + a.value_len);
			break;
		}
	return value;
}

/* Does the style, white space aside, have the declaration? */
static bool
declares(const struct attribute *style, const char *declaration)
{
	struct buf text = {0};
	bool found;

	for (size_t i = 0; i < style->value_len; i++)
		if (!is_blank(style->value[i]))
			buf_addc(&text, style->value[i]);
	found = strcasestr(buf_str(&text), declaration) != NULL;
	buf_free(&text);
	return found;
}

/* Not shown, as what previews a mail in a list of mails. */
static bool
is_hidden(const struct tag *tag)
{
	const char *s = tag->attributes;
	struct attribute a;

	while (next_attribute(&s, tag->end, &a))
		if (is_named(&a, "hidden") ||
		    (is_named(&a, "style") &&
			(declares(&a, "display:none") ||
			    declares(&a, "visibility:hidden"))))
			return true;
	return false;
}

static struct list *
top_list(struct reader *r)
{
	int level = r->depth < PLAIN_DEPTH ? r->depth : PLAIN_DEPTH;

	return level > 0 ? &r->lists[level - 1] : NULL;
}

static void
end_item(struct reader *r)
{
	struct list *list = top_list(r);

	if (list != NULL && list->has_item) {
		plain_outdent(&r->plain);
		list->has_item = false;
	}
}

static void
begin_item(struct reader *r)
{
	static const char spaces[] = "              ";
	struct list *list = top_list(r);
	char mark[16] = "- ";

	end_item(r);
	if (list == NULL) {
		plain_end(&r->plain, 1);
		return;
	}
	if (list->is_ordered)
		snprintf(mark, sizeof mark, "%d. ", list->number++);
	plain_end(&r->plain, 1);
	plain_indent(
	    &r->plain, mark, spaces + sizeof spaces - 1 - strlen(mark));
	list->has_item = true;
}

static void
begin_list(struct reader *r, const struct tag *tag, bool is_ordered)
{
	struct buf start = attribute(tag, "start");

	plain_end(&r->plain, r->depth > 0 ? 1 : 2);
	if (r->depth++ < PLAIN_DEPTH)
		*top_list(r) = (struct list){.is_ordered = is_ordered,
		    .number = start.len > 0 ? atoi(start.data) : 1};
	buf_free(&start);
}

static void
end_list(struct reader *r)
{
	if (r->depth == 0)
		return;
	if (r->depth <= PLAIN_DEPTH)
		end_item(r);
	r->depth--;
	plain_end(&r->plain, r->depth > 0 ? 1 : 2);
}

static void
begin_link(struct reader *r, const struct tag *tag)
{
	struct buf href = attribute(tag, "href");

	plain_link(&r->plain, buf_str(&href), href.len);
	buf_free(&href);
}

static void
add_image(struct reader *r, const struct tag *tag)
{
	struct buf alt = attribute(tag, "alt");

	plain_text(&r->plain, buf_str(&alt), alt.len);
	buf_free(&alt);
}

static void
begin_cell(struct reader *r)
{
	if (r->plain.block.len > 0)
		plain_text(&r->plain, " | ", 3);
}

/* Past the end tag of an element whose content is no markup. */
static const char *
skip_raw(const struct tag *tag, const char *end)
{
	size_t len = strlen(tag->name);
	const char *s = tag->end;

	while ((s = memchr(s, '<', (size_t)(end - s))) != NULL) {
		s++;
		if ((size_t)(end - s) > len && *s == '/' &&
		    strncasecmp(s + 1, tag->name, len) == 0) {
			s = memchr(s, '>', (size_t)(end - s));
			return s != NULL ? s + 1 : end;
		}
	}
	return end;
}

/* Past the end tag of an element that may have others of its kind in it. */
static const char *
skip_element(const struct tag *tag, const char *end)
{
	const char *s = tag->end;
	struct tag inner;
	int depth = 1;

	while (depth > 0) {
		s = memchr(s, '<', (size_t)(end - s));
		if (s == NULL || s + 1 == end)
			return end;
		if (!is_letter(s[1]) && s[1] != '/') {
			s++; /* a comment, or less-than */
			continue;
		}
		if (!read_tag(s, end, &inner))
			return end;
		if (strcasecmp(inner.name, tag->name) == 0)
			depth += inner.is_end ? -1 : 1;
		s = inner.end + 1;
	}
	return s;
}

/* Elements without content (HTML Living Standard, section 13.1.2). */
static bool
is_void(const char *name)
{
	static const char *const names[] = {"area", "base", "br", "col",
	    "embed", "hr", "img", "input", "link", "meta", "source", "track",
	    "wbr"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcasecmp(name, names[i]) == 0)
			return true;
	return false;
}

static void
begin_element(struct reader *r, const struct tag *tag, enum element element)
{
	struct plain *p = &r->plain;

	switch (element) {
	case BLOCK:
		plain_end(p, 1);
		break;
	case PARAGRAPH:
	case HEADING1:
	case HEADING:
		plain_end(p, 2);
		break;
	case UNORDERED:
	case ORDERED:
		begin_list(r, tag, element == ORDERED);
		break;
	case ITEM:
		begin_item(r);
		break;
	case QUOTE:
		plain_end(p, 2);
		plain_indent(p, "> ", "> ");
		break;
	case PREFORMATTED:
		plain_end(p, 2);
		plain_indent(p, "    ", "    ");
		p->is_verbatim = true;
		break;
	case CELL:
		begin_cell(r);
		break;
	case LINE_BREAK:
		plain_break(p);
		break;
	case RULE:
		plain_rule(p);
		break;
	case LINK:
		begin_link(r, tag);
		break;
	case IMAGE:
		add_image(r, tag);
		break;
	case HIDDEN:
		r->s = skip_raw(tag, r->end);
		break;
	case INLINE:
		break;
	}
}

static void
end_element(struct reader *r, enum element element)
{
	struct plain *p = &r->plain;

	switch (element) {
	case BLOCK:
		plain_end(p, 1);
		break;
	case PARAGRAPH:
		plain_end(p, 2);
		break;
	case HEADING1:
		plain_end_heading(p, '=');
		break;
	case HEADING:
		plain_end_heading(p, '-');
		break;
	case UNORDERED:
	case ORDERED:
		end_list(r);
		break;
	case ITEM:
		end_item(r);
		break;
	case QUOTE:
		plain_outdent(p);
		plain_end(p, 2);
		break;
	case PREFORMATTED:
		if (p->is_verbatim) {
			plain_outdent(p);
			p->is_verbatim = false;
			plain_end(p, 2);
		}
		break;
	case LINK:
		plain_link_end(p);
		break;
	case CELL:
	case LINE_BREAK:
	case RULE:
	case IMAGE:
	case HIDDEN:
	case INLINE:
		break;
	}
}

/* At a '<': a tag, a comment, or just a less-than sign. */
static void
read_markup(struct reader *r)
{
	const char *next = r->s + 1;
	struct tag tag;

	if (r->end - r->s >= 4 && memcmp(r->s, "<!--", 4) == 0) {
		const char *close =
		    memmem(r->s + 4, (size_t)(r->end - r->s - 4), "-->", 3);

		r->s = close != NULL ? close + 3 : r->end;
	} else if (next >= r->end || (!is_letter(*next) && *next != '/' &&
					 *next != '!' && *next != '?')) {
		plain_text(&r->plain, "<", 1);
		r->s = next;
	} else if (!read_tag(r->s, r->end, &tag)) {
		r->s = r->end;
	} else {
		r->s = tag.end + 1;
		if (tag.is_end)
			end_element(r, find_element(tag.name));
		else if (!is_hidden(&tag))
			begin_element(r, &tag, find_element(tag.name));
		else if (!is_void(tag.name))
			r->s = skip_element(&tag, r->end);
	}
}

void
html_text(const char *html, size_t len, struct buf *out)
{
	struct reader r = {.s = html, .end = html + len};

	r.plain.out = out;
	r.plain.origin = out->len;
	while (r.s < r.end) {
		const char *markup = memchr(r.s, '<', (size_t)(r.end - r.s));
		const char *stop = markup != NULL ? markup : r.end;

		add_decoded(&r.plain, r.s, stop);
		r.s = stop;
		if (markup != NULL)
			read_markup(&r);
	}
	plain_free(&r.plain);
}
