/* SPDX-License-Identifier: MIT */
/* if, unless, case. A block that can print nothing loses its white space. */
#include <string.h>

#include "templates/liquid/tags.h"

struct branch {
	const struct cond *cond; /* NULL: else */
	bool negate;
	const struct expr **values; /* of when */
	int n_values;
	struct body body;
	struct branch *next;
};

struct branch_node {
	struct node node;
	const struct expr *subject; /* of case */
	struct branch *branches;
};

static void
parse_else(struct parser *p)
{
	if (!parse_is_strict(p) || p->lex.type == TOKEN_END)
		return;
	if (lexer_is(&p->lex, "if"))
		parse_fail(p, p->lex.text, "'else if' is written 'elsif'");
	parse_tag_end(p);
}

/* White space goes when no branch prints. */
static void
settle_blank(struct branch_node *n)
{
	n->node.is_blank = true;
	for (struct branch *b = n->branches; b != NULL; b = b->next)
		n->node.is_blank = n->node.is_blank && b->body.is_blank;
	if (n->node.is_blank)
		for (struct branch *b = n->branches; b != NULL; b = b->next)
			body_drop_text(&b->body);
}

/* The body of a branch, which begins where all of them begin. */
static struct body
branch_body(struct parser *p, const char *stops, const struct html *before,
    struct html *after)
{
	struct body body;

	p->html = *before;
	body = parse_body(p, stops);
	parse_join(p, after);
	*after = p->html;
	return body;
}

static enum flow
render_if(struct render *r, const struct node *node)
{
	const struct branch_node *n = (const struct branch_node *)node;

	for (const struct branch *b = n->branches; b != NULL; b = b->next)
		if (b->cond == NULL || eval_cond(r, b->cond) != b->negate)
			return render_body(r, &b->body);
	return FLOW_ON;
}

static struct node *
parse_if(struct parser *p, const char *stops, const char *end, bool negate)
{
	struct branch_node *n = node_new(p, sizeof *n, render_if);
	struct branch **last = &n->branches;
	struct html before = p->html, after = before;
	int tested = p->n_tested;
	bool has_else = false;

	while (!parse_at(p, end)) {
		struct branch *b = *last = parse_alloc(p, sizeof *b);

		last = &b->next;
		b->negate = negate;
		negate = false;
		if (parse_at(p, "else")) {
			parse_else(p);
			has_else = true;
		} else {
			b->cond = parse_cond(p);
			parse_tag_end(p);
		}
		if (b == n->branches) {
			b->body = parse_body(p, stops);
			after = p->html;
		} else {
			b->body = branch_body(p, stops, &before, &after);
		}
	}
	parse_block_end(p);
	if (!has_else)
		parse_join(p, &before);
	p->n_tested = tested;
	settle_blank(n);
	return &n->node;
}

struct node *
tag_if(struct parser *p)
{
	return parse_if(p, "elsif else endif", "endif", false);
}

struct node *
tag_unless(struct parser *p)
{
	return parse_if(p, "elsif else endunless", "endunless", true);
}

/* The subject is looked at each time: a body may have assigned it. */
static bool
is_match(struct render *r, const struct expr *subject, const struct expr *value)
{
	struct value v = eval_expr(r, subject);

	if (v.type == VALUE_EMPTY || v.type == VALUE_BLANK)
		v = value_text("", 0);
	render_step(r, value_bytes(v));
	return render_equal(r, v, eval_expr(r, value));
}

/* Every `when` that matches runs; `else` if nothing before it did. */
static enum flow
render_case(struct render *r, const struct node *node)
{
	const struct branch_node *n = (const struct branch_node *)node;
	bool matched = false;
	enum flow flow = FLOW_ON;

	for (const struct branch *b = n->branches; b != NULL && flow == FLOW_ON;
	     b = b->next) {
		if (b->n_values == 0 && !matched)
			flow = render_body(r, &b->body);
		for (int i = 0; i < b->n_values && flow == FLOW_ON; i++)
			if (is_match(r, n->subject, b->values[i])) {
				matched = true;
				flow = render_body(r, &b->body);
			}
	}
	return flow;
}

static void
parse_when(struct parser *p, struct branch *b)
{
	const struct expr *values[64];

	do {
		if (b->n_values == 64)
			parse_fail(p, p->lex.text, "too many values");
		values[b->n_values++] = parse_value(p);
	} while (parse_accept(p, ',') || parse_accept_name(p, "or"));
	parse_block_end(p);
	b->values = parse_alloc(p, (size_t)b->n_values * sizeof *values);
	memcpy(b->values, values, (size_t)b->n_values * sizeof *values);
}

struct node *
tag_case(struct parser *p)
{
	struct branch_node *n = node_new(p, sizeof *n, render_case);
	struct branch **last = &n->branches;
	struct html before = p->html, after = before;
	bool was_test = p->in_test;
	int tested = p->n_tested;

	p->in_test = true;
	n->subject = parse_value(p);
	p->in_test = was_test;
	parse_tag_end(p);
	parse_body(p, "when else endcase"); /* is dropped */
	while (!parse_at(p, "endcase")) {
		struct branch *b = *last = parse_alloc(p, sizeof *b);

		last = &b->next;
		if (parse_at(p, "else"))
			parse_else(p);
		else
			parse_when(p, b);
		b->body = branch_body(p, "when else endcase", &before, &after);
	}
	parse_block_end(p);
	p->html = after;
	p->n_tested = tested;
	settle_blank(n);
	return &n->node;
}
