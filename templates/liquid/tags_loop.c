/* SPDX-License-Identifier: MIT */
/* for, tablerow, break, continue, cycle, ifchanged. */
#include <stdio.h>
#include <string.h>

#include "templates/liquid/number.h"
#include "templates/liquid/tags.h"

struct loop_node {
	struct node node;
	int slot, loop_slot; /* the variable, and forloop */
	const struct expr *over, *limit, *offset, *cols;
	bool is_reversed, is_continued;
	struct span name; /* "item-user.items" */
	struct body body, otherwise;
};

/* The part of the items that limit and offset leave. */
struct segment {
	struct items items;
	size_t from, n;
};

static int64_t
integer_of(struct render *r, const struct expr *e, const char *what)
{
	int64_t n;

	if (value_integer(eval_expr(r, e), &n) != 0)
		render_fail_at(r, e->line, e->column,
		    "the %s must be a whole number", what);
	return n;
}

/* Without a value, as when it is not given at all: `otherwise`. */
static int64_t
optional_integer(
    struct render *r, const struct expr *e, const char *what, int64_t otherwise)
{
	if (e == NULL || eval_expr(r, e).type == VALUE_NIL)
		return otherwise;
	return integer_of(r, e, what);
}

static struct segment
cut_segment(struct render *r, struct items items, int64_t from, int64_t limit)
{
	struct segment s = {.items = items, .n = items.n};
	int64_t to;

	if (items.of.type == VALUE_STRING) /* one item, whatever is asked */
		return s;
	if (__builtin_add_overflow(from, limit, &to) || to > (int64_t)items.n)
		to = (int64_t)items.n;
	if (from < 0)
		from = 0;
	s.n = from < to ? (size_t)(to - from) : 0;
	s.from = (size_t)from;
	return s;
}

static struct segment
for_segment(struct render *r, const struct loop_node *n)
{
	struct items items = items_of(r, eval_expr(r, n->over));
	struct counter *c =
	    render_counter(r, 'o', value_text(n->name.text, n->name.len));
	int64_t from = n->is_continued
			   ? c->count
			   : optional_integer(r, n->offset, "offset", 0);
	struct segment s = cut_segment(
	    r, items, from, optional_integer(r, n->limit, "limit", INT64_MAX));

	c->count = (int64_t)(s.from + s.n);
	return s;
}

static enum flow
run_for(struct render *r, const struct loop_node *n, const struct segment *s)
{
	struct slot *slots = r->frame->slots;
	struct loop *loop = render_alloc(r, sizeof *loop);
	struct value outer = slots[n->slot].scoped;
	struct value outer_loop = slots[n->loop_slot].scoped;
	enum flow flow = FLOW_ON;

	*loop = (struct loop){.name = n->name.text,
	    .name_len = n->name.len,
	    .length = (int64_t)s->n,
	    .parent = r->loop};
	r->loop = loop;
	for (size_t i = 0; i < s->n && flow != FLOW_BREAK; i++) {
		size_t at = n->is_reversed ? s->n - 1 - i : i;

		loop->index0 = (int64_t)i;
		slots[n->loop_slot].scoped =
		    (struct value){.type = VALUE_LOOP, .loop = loop};
		slots[n->slot].scoped = items_at(&s->items, s->from + at);
		render_step(r, 0);
		flow = render_body(r, &n->body);
	}
	r->loop = loop->parent;
	slots[n->slot].scoped = outer;
	slots[n->loop_slot].scoped = outer_loop;
	return FLOW_ON;
}

static enum flow
render_for(struct render *r, const struct node *node)
{
	const struct loop_node *n = (const struct loop_node *)node;
	struct segment s = for_segment(r, n);

	return s.n == 0 ? render_body(r, &n->otherwise) : run_for(r, n, &s);
}

static void
parse_parameter(struct parser *p, struct loop_node *n, bool is_table)
{
	const struct expr **to = NULL;

	if (lexer_is(&p->lex, "limit"))
		to = &n->limit;
	else if (lexer_is(&p->lex, "offset"))
		to = &n->offset;
	else if (is_table && lexer_is(&p->lex, "cols"))
		to = &n->cols;
	else
		parse_fail(p, p->lex.text, "unexpected '%.*s'",
		    p->lex.len > 0 ? (int)p->lex.len : 1, p->lex.text);
	lexer_next(&p->lex);
	parse_expect(p, ':', "':'");
	if (to == &n->offset && parse_accept_name(p, "continue"))
		n->is_continued = true;
	else
		*to = parse_value(p);
}

/* NAME in COLLECTION, and what follows it. */
static void
parse_loop(struct parser *p, struct loop_node *n, bool is_table)
{
	struct span name = parse_name(p, "the name of the loop's variable");
	bool was_test = p->in_test;
	char *text;

	if (!parse_accept_name(p, "in"))
		parse_fail(p, p->lex.text, "'in' is expected");
	p->in_test = true; /* to loop over nothing is no error */
	n->over = parse_value(p);
	p->in_test = was_test;
	n->name.len = name.len + 1 + n->over->source.len;
	n->name.text = text = parse_alloc(p, n->name.len + 1);
	snprintf(text, n->name.len + 1, "%.*s-%.*s", (int)name.len, name.text,
	    (int)n->over->source.len, n->over->source.text);
	n->is_reversed = !is_table && parse_accept_name(p, "reversed");
	parse_accept(p, ',');
	while (p->lex.type != TOKEN_END) {
		parse_parameter(p, n, is_table);
		parse_accept(p, ',');
	}
	n->slot = slot_of(p, name);
	n->loop_slot = slot_of(p, is_table ? (struct span){"tablerowloop", 12}
					   : (struct span){"forloop", 7});
}

static void
parse_loop_body(struct parser *p, struct loop_node *n, const char *stops)
{
	struct html before = p->html;

	slot_bind(p, n->slot);
	slot_bind(p, n->loop_slot);
	n->body = parse_body(p, stops);
	parse_join(p, &before);
	slot_unbind(p, n->loop_slot);
	slot_unbind(p, n->slot);
}

struct node *
tag_for(struct parser *p)
{
	struct loop_node *n = node_new(p, sizeof *n, render_for);
	struct html before;

	n->otherwise.is_blank = true;
	parse_loop(p, n, false);
	parse_loop_body(p, n, "else endfor");
	if (parse_at(p, "else")) {
		parse_block_end(p);
		before = p->html;
		n->otherwise = parse_body(p, "endfor");
		parse_join(p, &before);
	}
	parse_block_end(p);
	n->node.is_blank = n->body.is_blank && n->otherwise.is_blank;
	if (n->node.is_blank) {
		body_drop_text(&n->body);
		body_drop_text(&n->otherwise);
	}
	return &n->node;
}

static void
table_cell(struct render *r, const struct loop_node *n, struct loop *loop,
    enum flow *flow)
{
	char text[64];

	render_write(r, text,
	    (size_t)snprintf(text, sizeof text, "<td class=\"col%lld\">",
		(long long)loop->col0 + 1));
	render_step(r, 0);
	*flow = render_body(r, &n->body);
	render_write(r, "</td>", 5);
	if (*flow == FLOW_BREAK)
		return;
	if (loop->col0 + 1 == loop->cols && loop->index0 + 1 < loop->length)
		render_write(r, text,
		    (size_t)snprintf(text, sizeof text,
			"</tr>\n<tr class=\"row%lld\">",
			(long long)loop->row + 1));
	if (loop->col0 + 1 == loop->cols) {
		loop->col0 = 0;
		loop->row++;
	} else {
		loop->col0++;
	}
}

static enum flow
render_tablerow(struct render *r, const struct node *node)
{
	const struct loop_node *n = (const struct loop_node *)node;
	struct slot *slots = r->frame->slots;
	struct value over = eval_expr(r, n->over);
	struct value outer = slots[n->slot].scoped;
	struct value outer_loop = slots[n->loop_slot].scoped;
	struct loop *loop = render_alloc(r, sizeof *loop);
	struct segment s;
	enum flow flow = FLOW_ON;

	if (!value_truth(over))
		return FLOW_ON;
	s = cut_segment(r, items_of(r, over),
	    optional_integer(r, n->offset, "offset", 0),
	    optional_integer(r, n->limit, "limit", INT64_MAX));
	*loop =
	    (struct loop){.is_table = true, .length = (int64_t)s.n, .row = 1};
	loop->cols = loop->length;
	if (n->cols != NULL)
		loop->cols = number_round(eval_expr(r, n->cols), '-', 0).number;
	slots[n->loop_slot].scoped =
	    (struct value){.type = VALUE_LOOP, .loop = loop};
	render_write(r, "<tr class=\"row1\">\n", 18);
	for (size_t i = 0; i < s.n && flow != FLOW_BREAK; i++) {
		loop->index0 = (int64_t)i;
		slots[n->slot].scoped = items_at(&s.items, s.from + i);
		table_cell(r, n, loop, &flow);
	}
	render_write(r, "</tr>\n", 6);
	slots[n->slot].scoped = outer;
	slots[n->loop_slot].scoped = outer_loop;
	return FLOW_ON;
}

struct node *
tag_tablerow(struct parser *p)
{
	struct loop_node *n = node_new(p, sizeof *n, render_tablerow);

	parse_loop(p, n, true);
	parse_place(p);
	parse_loop_body(p, n, "endtablerow");
	parse_block_end(p);
	return &n->node;
}

static enum flow
render_break(struct render *r, const struct node *node)
{
	return FLOW_BREAK;
}

static enum flow
render_continue(struct render *r, const struct node *node)
{
	return FLOW_CONTINUE;
}

struct node *
tag_break(struct parser *p)
{
	parse_tag_end(p);
	return node_new(p, sizeof(struct node), render_break);
}

struct node *
tag_continue(struct parser *p)
{
	parse_tag_end(p);
	return node_new(p, sizeof(struct node), render_continue);
}

struct cycle_node {
	struct node node;
	const struct expr *name; /* NULL: it is known by `key` */
	struct value key;
	const struct expr **values;
	int n;
	enum place place;
};

static enum flow
render_cycle(struct render *r, const struct node *node)
{
	const struct cycle_node *n = (const struct cycle_node *)node;
	struct counter *c = n->name != NULL
				? render_counter(r, 'c', eval_expr(r, n->name))
				: render_counter(r, 'C', n->key);

	if (c->count < n->n)
		escape_print(r, eval_expr(r, n->values[c->count]), n->place);
	if (++c->count >= n->n)
		c->count = 0;
	return FLOW_ON;
}

struct node *
tag_cycle(struct parser *p)
{
	struct cycle_node *n = node_new(p, sizeof *n, render_cycle);
	const char *from = p->lex.text - (p->lex.type == TOKEN_STRING);
	const struct expr *values[64];
	bool literal = true;

	values[0] = parse_value(p);
	if (parse_accept(p, ':')) {
		n->name = values[0];
		values[0] = parse_value(p);
	}
	n->n = 1;
	while (parse_accept(p, ',') && n->n < 64)
		values[n->n++] = parse_value(p);
	for (int i = 0; i < n->n; i++)
		literal = literal && values[i]->kind == EXPR_LITERAL;
	parse_tag_end(p);
	n->place = parse_place(p);
	/* with a variable in it, each tag counts for itself */
	n->key = literal ? value_text(from, (size_t)(p->lex.text - from))
			 : value_int((int64_t)(intptr_t)n);
	n->values = parse_alloc(p, (size_t)n->n * sizeof *values);
	memcpy(n->values, values, (size_t)n->n * sizeof *values);
	return &n->node;
}

struct changed_node {
	struct node node;
	struct body body;
};

static enum flow
render_ifchanged(struct render *r, const struct node *node)
{
	const struct changed_node *n = (const struct changed_node *)node;
	struct gather g;
	enum flow flow;
	struct value v;

	pieces_begin(r, &g);
	flow = render_body(r, &n->body);
	v = pieces_end(r, false);
	if (!render_equal(r, v, r->frame->changed))
		escape_print(r, v, PLACE_TEXT);
	r->frame->changed = v;
	return flow;
}

struct node *
tag_ifchanged(struct parser *p)
{
	struct changed_node *n = node_new(p, sizeof *n, render_ifchanged);
	struct html before = p->html;

	parse_tag_end(p);
	n->body = parse_body(p, "endifchanged");
	parse_block_end(p);
	parse_join(p, &before);
	n->node.is_blank = n->body.is_blank;
	return &n->node;
}
