/* SPDX-License-Identifier: MIT */
/*
 * The table of tags, and those that are no blocks of others: variables, text,
 * comments, and the stop.
 */
#include <stdio.h>
#include <string.h>

#include "templates/liquid/tags.h"

void
parse_block_end(struct parser *p)
{
	if (parse_is_strict(p))
		parse_tag_end(p);
}

/* ---------------------------------------------------------------- variables */

struct assign_node {
	struct node node;
	int slot;
	struct chain chain;
	struct body body; /* of a capture */
};

/* A name that is given a value. Shopify takes digits too. */
static struct span
assigned_name(struct parser *p)
{
	struct span name = {p->lex.text, p->lex.len};

	if (p->lex.type == TOKEN_INT && !parse_is_strict(p)) {
		lexer_next(&p->lex);
		return name;
	}
	name = parse_name(p, "the name of a variable");
	if (name.text[name.len - 1] == '?')
		parse_fail(p, name.text, "a variable cannot end in '?'");
	return name;
}

static enum flow
render_assign(struct render *r, const struct node *node)
{
	const struct assign_node *n = (const struct assign_node *)node;

	/* an undefined variable stays one, and is an error where it is used */
	r->frame->slots[n->slot].assigned = eval_chain(
	    r, &n->chain, n->chain.n_filters == 0 || n->chain.has_default);
	return FLOW_ON;
}

static struct node *
tag_assign(struct parser *p)
{
	struct assign_node *n = node_new(p, sizeof *n, render_assign);

	n->node.is_blank = true;
	n->slot = slot_of(p, assigned_name(p));
	parse_expect(p, '=', "'='");
	n->chain = parse_chain(p);
	parse_tag_end(p);
	slot_bind(p, n->slot);
	return &n->node;
}

static enum flow
render_capture(struct render *r, const struct node *node)
{
	const struct assign_node *n = (const struct assign_node *)node;
	struct gather g;
	enum flow flow;

	pieces_begin(r, &g);
	flow = render_body(r, &n->body);
	r->frame->slots[n->slot].assigned = pieces_end(r, false);
	return flow;
}

static struct node *
tag_capture(struct parser *p)
{
	struct assign_node *n = node_new(p, sizeof *n, render_capture);
	struct html before = p->html;

	n->node.is_blank = true;
	n->slot = slot_of(p, assigned_name(p));
	parse_tag_end(p);
	p->html = (struct html){.is_markdown = before.is_markdown};
	n->body = parse_body(p, "endcapture");
	parse_block_end(p);
	if (p->html.state != HTML_TEXT)
		parse_fail(
		    p, p->tag.text, "the capture ends inside of an HTML tag");
	p->html = before;
	slot_bind(p, n->slot);
	return &n->node;
}

struct count_node {
	struct node node;
	struct value name;
	int before, after;
};

static enum flow
render_count(struct render *r, const struct node *node)
{
	const struct count_node *n = (const struct count_node *)node;
	struct counter *c = render_counter(r, 'i', n->name);

	c->count += n->before;
	render_print(r, value_int(c->count));
	c->count += n->after;
	return FLOW_ON;
}

static struct node *
count_node(struct parser *p, int before, int after)
{
	struct count_node *n = node_new(p, sizeof *n, render_count);
	struct span name = parse_name(p, "the name of a counter");

	n->name = value_text(name.text, name.len);
	n->before = before;
	n->after = after;
	slot_bind(p, slot_of(p, name));
	parse_tag_end(p);
	return &n->node;
}

static struct node *
tag_increment(struct parser *p)
{
	return count_node(p, 0, 1);
}

static struct node *
tag_decrement(struct parser *p)
{
	return count_node(p, -1, 0);
}

/* --------------------------------------------------------- text and comments
 */

static struct node *
tag_raw(struct parser *p)
{
	struct node *n;
	struct span text;

	parse_block_end(p);
	text = parse_verbatim(p, "raw", false);
	n = node_text(p, text.text, text.len);
	n->is_text = false; /* its white space stays */
	n->is_blank = text.len == 0;
	return n;
}

static struct node *
tag_comment(struct parser *p)
{
	parse_verbatim(p, "comment", true);
	return NULL;
}

static struct node *
tag_doc(struct parser *p)
{
	struct span text;

	parse_tag_end(p);
	text = parse_verbatim(p, "doc", false);
	if (memmem(text.text, text.len, "{% doc", 6) != NULL)
		parse_fail(p, p->tag.text, "a doc tag cannot hold another");
	return NULL;
}

/* {% # ... %}: each line begins with # */
static struct node *
tag_hash(struct parser *p)
{
	const char *at = p->tag.text;

	while ((at = memchr(at, '\n', (size_t)(p->lex.end - at))) != NULL) {
		while (at < p->lex.end && is_space(*at))
			at++;
		if (at < p->lex.end && *at != '#')
			parse_fail(p, at,
			    "each line of the comment must begin with '#'");
	}
	return NULL;
}

/* -------------------------------------------------------------------- others
 */

/* {% unsubscribe_url %}: the variable of the tag's name. */
static struct node *
tag_variable(struct parser *p)
{
	parse_tag_end(p);
	lexer_start(&p->lex, p->tag.text, p->tag.text + p->tag.len);
	return parse_output(p);
}

static enum flow
render_abort(struct render *r, const struct node *node)
{
	const struct output_node *n = (const struct output_node *)node;
	struct value reason = render_text(r, eval_chain(r, &n->chain, true));

	error_at(r->error, node->file, node->line, node->column, NULL, "%.*s",
	    (int)reason.len, reason.text);
	r->result = LIQUID_ABORTED;
	longjmp(r->failed, 1);
}

/* {% abort_message "reason" %}, also as ('reason') */
static struct node *
tag_abort(struct parser *p)
{
	struct output_node *n = node_new(p, sizeof *n, render_abort);
	bool parens = parse_accept(p, '(');

	n->node.is_blank = true;
	if (p->lex.type != TOKEN_END && p->lex.type != ')')
		n->chain = parse_chain(p);
	if (parens)
		parse_expect(p, ')', "')'");
	parse_tag_end(p);
	return &n->node;
}

const struct tag tags[] = {
    {"assign", tag_assign},
    {"capture", tag_capture},
    {"if", tag_if},
    {"unless", tag_unless},
    {"case", tag_case},
    {"for", tag_for},
    {"break", tag_break},
    {"continue", tag_continue},
    {"cycle", tag_cycle},
    {"ifchanged", tag_ifchanged},
    {"tablerow", tag_tablerow},
    {"render", tag_render},
    {"include", tag_include},
    {"echo", parse_output},
    {"liquid", tag_liquid},
    {"increment", tag_increment},
    {"decrement", tag_decrement},
    {"raw", tag_raw},
    {"comment", tag_comment},
    {"doc", tag_doc},
    {"#", tag_hash},
    {"abort_message", tag_abort},
    {"unsubscribe_url", tag_variable},
    {"preferences_url", tag_variable},
    {NULL, NULL},
};
