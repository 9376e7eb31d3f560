/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <strings.h>

#include "templates/mail/plain.h"

#define WIDTH 72

static bool
is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f';
}

/* Columns that UTF-8 text takes: its characters. */
static int
columns(const char *s, size_t len)
{
	int n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)s[i] & 0xc0) != 0x80;
	return n;
}

void
plain_text(struct plain *p, const char *s, size_t len)
{
	struct buf *b = &p->block;

	if (p->is_verbatim) {
		buf_add(b, s, len);
		return;
	}
	for (size_t i = 0, run; i < len; i += run) {
		for (run = 0; i + run < len && is_space(s[i + run]);)
			run++;
		if (run > 0 && b->len > 0 && !is_space(b->data[b->len - 1]))
			buf_addc(b, ' ');
		i += run;
		for (run = 0; i + run < len && !is_space(s[i + run]);)
			run++;
		buf_add(b, s + i, run);
	}
}

void
plain_break(struct plain *p)
{
	const struct buf *b = &p->block;

	if (b->len > 0 && (b->len < 2 || b->data[b->len - 1] != '\n' ||
			      b->data[b->len - 2] != '\n'))
		buf_addc(&p->block, '\n');
}

static void
trim_line(struct buf *out, size_t from)
{
	while (out->len > from && out->data[out->len - 1] == ' ')
		buf_truncate(out, out->len - 1);
}

/* The gap before a block: line ends, and within a quote its mark. */
static void
write_gap(struct plain *p)
{
	size_t at = p->out->len;

	if (p->gap == 2 && at > p->origin) {
		buf_add(p->out, p->rest, p->gap_indent);
		trim_line(p->out, at);
		buf_addc(p->out, '\n');
	}
	p->gap = 0;
	p->gap_indent = p->indent;
}

/* Begins a line. Returns the column. */
static int
begin_line(struct plain *p)
{
	buf_add(p->out, p->first, p->indent);
	memcpy(p->first, p->rest, p->indent);
	return (int)p->indent;
}

static void
end_line(struct plain *p)
{
	trim_line(p->out, p->origin);
	buf_addc(p->out, '\n');
}

/* One line of the block, wrapped. Returns the widest line's text columns. */
static int
write_wrapped(struct plain *p, const char *s, const char *end)
{
	int column = begin_line(p), widest = 0, indent = (int)p->indent;

	while (s < end) {
		const char *space = memchr(s, ' ', (size_t)(end - s));
		size_t len = (size_t)((space != NULL ? space : end) - s);
		int width = columns(s, len);

		if (column > indent && column + 1 + width > WIDTH) {
			end_line(p);
			column = begin_line(p);
		} else if (column > indent) {
			buf_addc(p->out, ' ');
			column++;
		}
		buf_add(p->out, s, len);
		column += width;
		if (column - indent > widest)
			widest = column - indent;
		s += len + (space != NULL);
	}
	end_line(p);
	return widest;
}

static void
write_verbatim(struct plain *p, const char *s, const char *end)
{
	begin_line(p);
	buf_add(p->out, s, (size_t)(end - s));
	end_line(p);
}

/* Writes what the block holds. Returns its width; 0 when there was nothing. */
static int
flush(struct plain *p)
{
	struct buf *b = &p->block;
	const char *s = b->data, *end;
	int widest = 0;

	while (b->len > 0 && is_space(b->data[b->len - 1]))
		buf_truncate(b, b->len - 1);
	if (b->len == 0)
		return 0;
	write_gap(p);
	for (end = s + b->len; s < end;) {
		const char *newline = memchr(s, '\n', (size_t)(end - s));
		const char *stop = newline != NULL ? newline : end;
		int width = 0;

		if (p->is_verbatim)
			write_verbatim(p, s, stop);
		else
			width = write_wrapped(p, s, stop);
		if (width > widest)
			widest = width;
		s = stop + (newline != NULL);
	}
	buf_truncate(b, 0);
	p->link_at = p->link_end = 0;
	return widest;
}

static void
want_gap(struct plain *p, int gap)
{
	if (gap > p->gap)
		p->gap = gap;
	if (p->indent < p->gap_indent)
		p->gap_indent = p->indent;
}

void
plain_end(struct plain *p, int gap)
{
	flush(p);
	want_gap(p, gap);
}

void
plain_end_heading(struct plain *p, char mark)
{
	int width = flush(p);

	if (width > 0) {
		begin_line(p);
		while (width-- > 0)
			buf_addc(p->out, mark);
		end_line(p);
	}
	want_gap(p, 2);
}

void
plain_rule(struct plain *p)
{
	plain_end(p, 2);
	plain_text(p, "----------------------------------------", 40);
	plain_end(p, 2);
}

void
plain_indent(struct plain *p, const char *first, const char *rest)
{
	size_t len = strlen(first);
	int level = p->depth++;

	if (level >= PLAIN_DEPTH)
		return;
	p->indents[level] = p->indent;
	if (p->indent + len > sizeof p->first)
		return;
	memcpy(p->first + p->indent, first, len);
	memcpy(p->rest + p->indent, rest, len);
	p->indent += len;
}

void
plain_outdent(struct plain *p)
{
	if (p->depth == 0)
		return;
	flush(p);
	if (--p->depth < PLAIN_DEPTH)
		p->indent = p->indents[p->depth];
	want_gap(p, 1);
}

/* Images side by side have no space between them: links in text need one. */
static void
keep_apart(struct buf *b)
{
	if (b->len > 0 && !is_space(b->data[b->len - 1]))
		buf_addc(b, ' ');
}

void
plain_link(struct plain *p, const char *url, size_t len)
{
	plain_link_end(p);
	if (p->link_end == p->block.len)
		keep_apart(&p->block);
	for (size_t i = 0; i < len; i++)
		if (!is_space(url[i]))
			buf_addc(&p->url, url[i]);
	p->link_at = p->block.len;
}

/* Does the text show the url already, if only without its scheme? */
static bool
shows_url(const char *text, size_t len, const char *url)
{
	static const char *const schemes[] = {
	    "", "https://", "http://", "mailto:", "tel:"};
	size_t all = strlen(url);

	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
		size_t skip = strlen(schemes[i]);

		if (strncasecmp(url, schemes[i], skip) == 0 &&
		    (all - skip == len ||
			(all - skip == len + 1 && url[all - 1] == '/')) &&
		    memcmp(url + skip, text, len) == 0)
			return true;
	}
	return false;
}

void
plain_link_end(struct plain *p)
{
	struct buf *b = &p->block;
	size_t at = p->link_at, spaces;

	if (p->url.len == 0 || p->url.data[0] == '#') {
		buf_truncate(&p->url, 0);
		return;
	}
	while (at < b->len && is_space(b->data[at]))
		at++;
	spaces = b->len;
	trim_line(b, at);
	spaces -= b->len; /* spaces that belong behind the url */
	if (b->len == at) {
		keep_apart(b);
		buf_add(b, p->url.data, p->url.len);
		spaces = 1;
	} else if (!shows_url(b->data + at, b->len - at, p->url.data))
		buf_addf(b, " (%s)", p->url.data);
	p->link_end = b->len;
	if (spaces > 0)
		buf_addc(b, ' ');
	buf_truncate(&p->url, 0);
}

void
plain_free(struct plain *p)
{
	plain_link_end(p);
	flush(p);
	buf_free(&p->block);
	buf_free(&p->url);
}
