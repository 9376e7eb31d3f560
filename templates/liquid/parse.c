/* SPDX-License-Identifier: MIT */
/*
 * The outer half of the parser: text, {{ }} and {% %}, blocks, white space
 * control, and where a place in the source is.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "templates/liquid/filters.h"
#include "templates/liquid/parse.h"

#define BLOCK_DEPTH_MAX 100

void
parse_fail(struct parser *p, const char *at, const char *fmt, ...)
{
	char text[sizeof p->c->error->text];
	int line, column;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	parse_where(p, at, &line, &column);
	error_at(p->c->error, p->file, line, column, NULL, "%s", text);
	longjmp(p->c->failed, 1);
}

bool
parse_is_strict(const struct parser *p)
{
	return p->c->options->context != LIQUID_VERBATIM;
}

void *
parse_alloc(struct parser *p, size_t size)
{
	void *memory = arena_alloc(&p->c->liquid->arena, size);

	return memset(memory, 0, size);
}

/* Counts on from where it last stood: nodes come in the order of the source. */
static int
line_at(struct parser *p, const char *at)
{
	const char *nl;

	if (at < p->line_pos) {
		p->line_pos = p->start;
		p->line = p->c->options->first_line - 1;
		if (p->line < 0 || p->includer != NULL || p->is_rendered)
			p->line = 0;
	}
	while ((nl = memchr(p->line_pos, '\n', (size_t)(at - p->line_pos)))) {
		p->line++;
		p->line_pos = nl + 1;
	}
	p->line_pos = at;
	return p->line + 1;
}

void
parse_where(struct parser *p, const char *at, int *line, int *column)
{
	const char *nl = memrchr(p->start, '\n', (size_t)(at - p->start));

	*column = (int)(at - (nl != NULL ? nl + 1 : p->start)) + 1;
	if (nl == NULL && p->includer == NULL &&
	    p->c->options->first_column > 0)
		*column += p->c->options->first_column - 1;
	*line = line_at(p, at);
}

void *
node_new(struct parser *p, size_t size, render_fn *render)
{
	struct node *node = parse_alloc(p, size);

	node->render = render;
	node->file = p->file;
	parse_where(p, p->tag.text != NULL ? p->tag.text : p->pos, &node->line,
	    &node->column);
	return node;
}

void
parse_unexpected(struct parser *p, const char *what)
{
	const struct lexer *l = &p->lex;
	const char *hint = hint_for_sign(l->text, l->end);

	parse_fail(p, l->text, "%s '%.*s'%s%s", what,
	    l->len > 0 ? (int)l->len : 1, l->text, hint != NULL ? ": " : "",
	    hint != NULL ? hint : "");
}

bool
parse_accept(struct parser *p, int type)
{
	if (p->lex.type != type)
		return false;
	lexer_next(&p->lex);
	return true;
}

void
parse_expect(struct parser *p, int type, const char *what)
{
	char expected[100];

	if (parse_accept(p, type))
		return;
	if (p->lex.type == TOKEN_END)
		parse_fail(p, p->lex.text, "%s is expected", what);
	snprintf(expected, sizeof expected, "%s is expected, not", what);
	parse_unexpected(p, expected);
}

bool
parse_accept_name(struct parser *p, const char *name)
{
	if (!lexer_is(&p->lex, name))
		return false;
	lexer_next(&p->lex);
	return true;
}

void
parse_tag_end(struct parser *p)
{
	if (p->lex.type == TOKEN_END)
		return;
	if (p->lex.type == '|' && *p->lex.next != '|')
		parse_fail(p, p->lex.text, "filters cannot stand here");
	parse_unexpected(p, "unexpected");
}

struct span
parse_name(struct parser *p, const char *what)
{
	struct span name = {p->lex.text, p->lex.len};

	parse_expect(p, TOKEN_NAME, what);
	return name;
}

/* --------------------------------------------------------- the next piece */

static bool
ends_with_dash(const char *from, const char *end)
{
	return end > from && end[-1] == '-';
}

static const char *
find_pair(const char *from, const char *end, char a, char b)
{
	while (from + 1 < end) {
		from = memchr(from, a, (size_t)(end - from - 1));
		if (from == NULL)
			return NULL;
		if (from[1] == b)
			return from;
		from++;
	}
	return NULL;
}

/* The next {{ or {%, or the end. */
static const char *
find_markup(const char *from, const char *end)
{
	while (from + 1 < end) {
		from = memchr(from, '{', (size_t)(end - from - 1));
		if (from == NULL)
			return end;
		if (from[1] == '{' || from[1] == '%')
			return from;
		from++;
	}
	return end;
}

/* Opens the lexer on what stands between the marks at p->pos. */
static void
open_markup(struct parser *p)
{
	const char *open = p->pos, *from = open + 2, *close;
	bool output = open[1] == '{';

	close = find_pair(from, p->end, output ? '}' : '%', '}');
	if (close == NULL)
		parse_fail(p, open, "%.2s is not closed by %s", open,
		    output ? "}}" : "%}");
	if (from < close && *from == '-')
		from++;
	p->pos = close + 2;
	p->trim = ends_with_dash(from, close);
	lexer_start(&p->lex, from, p->trim ? close - 1 : close);
	p->tag = (struct span){open, 2};
}

/* In {% liquid %} each line is a tag. False at the end. */
static bool
open_line(struct parser *p)
{
	while (p->pos < p->end) {
		const char *from = p->pos;
		const char *eol = memchr(from, '\n', (size_t)(p->end - from));

		if (eol == NULL)
			eol = p->end;
		p->pos = eol < p->end ? eol + 1 : eol;
		while (from < eol && is_space(*from))
			from++;
		if (from == eol)
			continue;
		lexer_start(&p->lex, from, eol);
		return true;
	}
	return false;
}

static void
body_add(struct body *body, struct node ***last, struct node *node)
{
	if (node == NULL)
		return;
	**last = node;
	body->is_blank = body->is_blank && node->is_blank;
	while (**last != NULL) /* {% liquid %} gives several */
		*last = &(**last)->next;
}

static void
parse_text(struct parser *p, struct body *body, struct node ***last)
{
	const char *from = p->pos, *end = find_markup(from, p->end);

	p->pos = end;
	if (p->trim)
		while (from < end && is_space(*from))
			from++;
	p->trim = false;
	if (end + 2 < p->end && end[2] == '-')
		while (end > from && is_space(end[-1]))
			end--;
	if (end > from) {
		p->tag.text = NULL;
		body_add(body, last, node_text(p, from, (size_t)(end - from)));
	}
}

/* Does the place of a value in HTML matter? */
static bool
is_html(const struct parser *p)
{
	return p->c->options->context == LIQUID_HTML ||
	       p->c->options->context == LIQUID_MARKDOWN;
}

struct node *
node_text(struct parser *p, const char *text, size_t len)
{
	struct text_node *n = node_new(p, sizeof *n, render_text_node);

	n->node.is_text = true;
	n->node.is_blank = true;
	for (size_t i = 0; i < len && n->node.is_blank; i++)
		n->node.is_blank = is_space(text[i]);
	n->text = text;
	n->len = (uint32_t)len;
	if (is_html(p))
		html_read(&p->html, text, len);
	return &n->node;
}

enum place
parse_place(struct parser *p)
{
	enum place place = PLACE_TEXT;
	const char *wrong;

	if (!is_html(p))
		return place;
	wrong = html_value(&p->html, &place);
	if (wrong != NULL)
		parse_fail(p, p->tag.text, "a value cannot stand in %s", wrong);
	return place;
}

/*
 * A last `escape` in the text of a page is what happens there anyway: the value
 * then is escaped on its way out, without a copy.
 */
static void
drop_escape(struct parser *p, struct output_node *n)
{
	int last = n->chain.n_filters - 1;

	if (p->c->options->context != LIQUID_HTML || n->place != PLACE_TEXT ||
	    last < 0 || n->chain.filters[last].filter->apply != filter_escape)
		return;
	n->chain.n_filters = last;
	n->is_text = true;
}

struct node *
parse_output(struct parser *p)
{
	struct output_node *n = node_new(p, sizeof *n, render_output);

	if (p->lex.type != TOKEN_END)
		n->chain = parse_chain(p);
	else if (parse_is_strict(p))
		parse_fail(p, p->tag.text, "there is nothing to print here");
	parse_tag_end(p);
	n->place = parse_place(p);
	drop_escape(p, n);
	return &n->node;
}

/* ------------------------------------------------------------------- tags */

bool
parse_at(const struct parser *p, const char *name)
{
	return p->tag.len == strlen(name) &&
	       memcmp(p->tag.text, name, p->tag.len) == 0;
}

static bool
is_among(struct span word, const char *words)
{
	while (words != NULL && *words != '\0') {
		size_t len = strcspn(words, " ");

		if (len == word.len && memcmp(words, word.text, len) == 0)
			return true;
		words += len + (words[len] == ' ');
	}
	return false;
}

_Noreturn static void
unknown_tag(struct parser *p, const char *stops)
{
	const char *names[64], *near, *hint;
	char word[64];
	int n = 0;

	snprintf(word, sizeof word, "%.*s", (int)p->tag.len, p->tag.text);
	for (const struct tag *t = tags; t->name != NULL && n < 62; t++)
		names[n++] = t->name;
	names[n] = NULL;
	near = suggest(word, names);
	if (strncmp(word, "end", 3) == 0 || strncmp(word, "els", 3) == 0 ||
	    strcmp(word, "when") == 0) {
		const char *close = stops != NULL ? strrchr(stops, ' ') : NULL;

		if (stops == NULL)
			parse_fail(p, p->tag.text,
			    "'%s' stands outside of a block", word);
		parse_fail(p, p->tag.text, "unexpected '%s': '%s' is expected",
		    word, close != NULL ? close + 1 : stops);
	}
	hint = hint_for_tag(p->tag);
	if (hint != NULL)
		parse_fail(
		    p, p->tag.text, "there is no tag '%s': %s", word, hint);
	if (near != NULL)
		parse_fail(p, p->tag.text,
		    "there is no tag '%s': did you mean '%s'?", word, near);
	parse_fail(p, p->tag.text, "there is no tag '%s'", word);
}

static void
read_tag_name(struct parser *p)
{
	const char *at = p->lex.text;

	p->tag = (struct span){at, p->lex.len};
	if (at < p->lex.end && *at == '#') {
		p->tag.len = 1;
		return;
	}
	if (p->lex.type == TOKEN_END)
		parse_fail(p, at, "the name of a tag is expected");
	if (p->lex.type != TOKEN_NAME)
		parse_fail(p, at, "the name of a tag is expected, not '%.*s'",
		    (int)p->lex.len, at);
	lexer_next(&p->lex);
}

/* The tag at hand. True when it is one of `stops`. */
static bool
parse_tag(
    struct parser *p, const char *stops, struct body *body, struct node ***last)
{
	const struct tag *t = tags;

	read_tag_name(p);
	if (is_among(p->tag, stops))
		return true;
	while (t->name != NULL && !parse_at(p, t->name))
		t++;
	if (t->name == NULL)
		unknown_tag(p, stops);
	if (++p->depth > BLOCK_DEPTH_MAX)
		parse_fail(p, p->tag.text, "blocks nest more than %d deep",
		    BLOCK_DEPTH_MAX);
	body_add(body, last, t->parse(p));
	p->depth--;
	return false;
}

_Noreturn static void
unclosed(struct parser *p, struct span opened, const char *stops)
{
	const char *close = strrchr(stops, ' ');

	parse_fail(p, opened.text, "'%.*s' is never closed by '%s'",
	    (int)opened.len, opened.text, close != NULL ? close + 1 : stops);
}

struct body
parse_body(struct parser *p, const char *stops)
{
	struct body body = {NULL, true};
	struct node **last = &body.first;
	struct span opened = p->tag;

	if (p->is_lines) {
		while (open_line(p))
			if (parse_tag(p, stops, &body, &last))
				return body;
	} else {
		for (;;) {
			parse_text(p, &body, &last);
			if (p->pos == p->end)
				break;
			if (p->pos[1] == '{') {
				open_markup(p);
				body_add(&body, &last, parse_output(p));
				continue;
			}
			open_markup(p);
			if (parse_tag(p, stops, &body, &last))
				return body;
		}
	}
	if (stops != NULL)
		unclosed(p, opened, stops);
	return body;
}

void
body_drop_text(struct body *body)
{
	struct node **at = &body->first;

	while (*at != NULL)
		if ((*at)->is_text)
			*at = (*at)->next;
		else
			at = &(*at)->next;
}

/* The name of the tag that opens at `at`, as `{%- name`; len 0 for none. */
static struct span
name_at(const char *at, const char *end)
{
	struct span name = {at + 2, 0};

	if (name.text < end && *name.text == '-')
		name.text++;
	while (name.text < end && is_space(*name.text))
		name.text++;
	while (name.text + name.len < end && name.text[name.len] >= 'a' &&
	       name.text[name.len] <= 'z')
		name.len++;
	return name;
}

static bool
span_is(struct span s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.text, text, s.len) == 0;
}

/* Only white space and a dash between the name and %}: its end, or NULL. */
static const char *
bare_close(struct span name, const char *end)
{
	const char *q = name.text + name.len;

	while (q < end && is_space(*q))
		q++;
	if (q < end && *q == '-')
		q++;
	return q + 1 < end && q[0] == '%' && q[1] == '}' ? q : NULL;
}

static struct span
verbatim_lines(struct parser *p, const char *name, const char *endname)
{
	const char *from = p->pos, *line = p->pos;
	int depth = 1;

	while (open_line(p)) {
		if (lexer_is(&p->lex, name))
			depth++;
		if (lexer_is(&p->lex, endname) && --depth == 0)
			return (struct span){from, (uint32_t)(line - from)};
		line = p->pos;
	}
	unclosed(p, p->tag, endname);
}

struct span
parse_verbatim(struct parser *p, const char *name, bool nests)
{
	const char *from = p->pos, *at = from, *close;
	char endname[16];
	int depth = 1;

	snprintf(endname, sizeof endname, "end%s", name);
	if (p->is_lines)
		return verbatim_lines(p, name, endname);
	for (; (at = find_pair(at, p->end, '{', '%')) != NULL; at++) {
		struct span tag = name_at(at, p->end);

		if (span_is(tag, endname) &&
		    (close = bare_close(tag, p->end)) != NULL) {
			if (--depth > 0)
				continue;
			p->pos = close + 2;
			p->trim = close[-1] == '-';
			return (struct span){from, (uint32_t)(at - from)};
		}
		if (!nests)
			continue;
		close = find_pair(at, p->end, '%', '}');
		depth += span_is(tag, name);
		if (close != NULL && span_is(tag, "raw")) {
			p->pos = close + 2;
			parse_verbatim(p, "raw", false);
			close = p->pos - 2;
		}
		if (close == NULL)
			break;
		at = close; /* what a tag holds is no markup */
	}
	unclosed(p, p->tag, endname);
}

/* Tags a line each, up to the end of this tag, as part of the body around. */
struct node *
tag_liquid(struct parser *p)
{
	const char *pos = p->pos, *end = p->end;
	bool was_lines = p->is_lines, trim = p->trim;
	struct body body;

	p->pos = p->lex.text;
	p->end = p->lex.end;
	p->is_lines = true;
	body = parse_body(p, NULL);
	p->is_lines = was_lines;
	p->pos = pos;
	p->end = end;
	p->trim = trim;
	if (body.first != NULL && !body.is_blank)
		body.first->is_blank = false;
	return body.first;
}

void
parse_join(struct parser *p, const struct html *other)
{
	if (is_html(p) && !html_join(&p->html, other))
		parse_fail(p, p->tag.text,
		    "the branches end in different places of the HTML");
}
