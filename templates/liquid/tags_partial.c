/* SPDX-License-Identifier: MIT */
/*
 * render and include. A rendered partial is a unit with variables of its own;
 * an included one shares those around it and is compiled into the same unit.
 */
#include <string.h>

#include "templates/liquid/tags.h"

#define ARGUMENTS_MAX 32

struct argument {
	int slot; /* of the callee; -1: it does not look at it */
	const struct expr *value;
};

struct choice { /* what an include may include */
	struct span name;
	struct body body;
	int slot; /* of the variable named as the partial */
	struct choice *next;
};

struct partial_node {
	struct node node;
	const struct unit *unit; /* of render */
	const struct expr *name; /* of include, when it is a value */
	struct choice *choices;
	const struct expr *bound; /* with, for */
	bool is_loop;		  /* for */
	int bound_slot, loop_slot;
	struct argument args[ARGUMENTS_MAX];
	int n_args;
};

/* What the tag says, before the partial is known. */
struct call {
	struct span alias;
	struct span names[ARGUMENTS_MAX + 2];
	const struct expr *values[ARGUMENTS_MAX];
	int n;
};

static void
parse_binding(struct parser *p, struct partial_node *n, struct call *call)
{
	if (parse_accept_name(p, "for"))
		n->is_loop = true;
	else if (!parse_accept_name(p, "with"))
		return;
	n->bound = parse_value(p);
	if (parse_accept_name(p, "as"))
		call->alias = parse_name(p, "a name");
}

static void
parse_call(struct parser *p, struct partial_node *n, struct call *call)
{
	parse_binding(p, n, call);
	parse_accept(p, ',');
	while (p->lex.type != TOKEN_END) {
		if (call->n == ARGUMENTS_MAX)
			parse_fail(p, p->lex.text, "too many arguments");
		call->names[call->n] = parse_name(p, "the name of an argument");
		parse_expect(p, ':', "':'");
		call->values[call->n++] = parse_value(p);
		if (p->lex.type != TOKEN_END)
			parse_expect(p, ',', "','");
	}
}

/* "product" of "shop/product" */
static struct span
last_part(struct span name)
{
	const char *slash = memrchr(name.text, '/', name.len);

	if (slash == NULL)
		return name;
	return (struct span){
	    slash + 1, (uint32_t)(name.text + name.len - slash - 1)};
}

/* ----------------------------------------------------------------- render */

static enum flow
run_render(struct render *r, const struct partial_node *n, struct value bound,
    struct value *values, int *slots, int given)
{
	struct items items = items_of(r, bound);
	struct loop *loop;

	slots[given] = n->bound_slot;
	values[given++] = bound;
	if (!n->is_loop || items.of.type == VALUE_STRING ||
	    (items.n == 0 && !value_is_array(items.of) &&
		items.of.type != VALUE_HASH)) {
		render_unit(r, n->unit, values, slots,
		    given - (bound.type == VALUE_NIL));
		return FLOW_ON;
	}
	loop = render_alloc(r, sizeof *loop);
	*loop = (struct loop){.name = n->unit->name,
	    .name_len = (uint32_t)strlen(n->unit->name),
	    .length = (int64_t)items.n};
	values[given] = (struct value){.type = VALUE_LOOP, .loop = loop};
	slots[given] = n->loop_slot;
	for (size_t i = 0; i < items.n; i++) {
		loop->index0 = (int64_t)i;
		values[given - 1] = items_at(&items, i);
		render_step(r, 0);
		render_unit(r, n->unit, values, slots, given + 1);
	}
	return FLOW_ON;
}

static enum flow
render_render(struct render *r, const struct node *node)
{
	const struct partial_node *n = (const struct partial_node *)node;
	struct value values[ARGUMENTS_MAX + 2];
	int slots[ARGUMENTS_MAX + 2], given = 0;

	for (int i = 0; i < n->n_args; i++) {
		if (n->args[i].slot < 0)
			continue;
		slots[given] = n->args[i].slot;
		values[given++] = eval_expr(r, n->args[i].value);
	}
	if (n->bound != NULL)
		return run_render(
		    r, n, eval_expr(r, n->bound), values, slots, given);
	render_unit(r, n->unit, values, slots, given);
	return FLOW_ON;
}

static int
callee_slot(struct parser *p, const struct unit *unit, struct span name)
{
	for (int i = 0; i < unit->n_slots; i++) {
		const char *known = p->c->atoms[unit->atoms[i]];

		if (strncmp(known, name.text, name.len) == 0 &&
		    known[name.len] == '\0')
			return i;
	}
	return -1;
}

struct node *
tag_render(struct parser *p)
{
	struct partial_node *n = node_new(p, sizeof *n, render_render);
	struct call call = {0};
	struct span name = {p->lex.text, p->lex.len};

	parse_expect(p, TOKEN_STRING, "the name of a partial, in quotes,");
	call.alias = last_part(name);
	parse_call(p, n, &call);
	call.names[call.n] = call.alias;
	call.names[call.n + 1] = (struct span){"forloop", 7};
	n->unit = compile_unit(
	    p, name, call.names, call.n + (n->bound != NULL) + n->is_loop);
	if (n->bound != NULL)
		n->bound_slot = callee_slot(p, n->unit, call.alias);
	if (n->is_loop)
		n->loop_slot =
		    callee_slot(p, n->unit, (struct span){"forloop", 7});
	for (int i = 0; i < call.n; i++)
		n->args[i] = (struct argument){
		    callee_slot(p, n->unit, call.names[i]), call.values[i]};
	n->n_args = call.n;
	return &n->node;
}

/* ---------------------------------------------------------------- include */

static const struct choice *
choose(struct render *r, const struct partial_node *n)
{
	struct value name;

	if (n->name == NULL)
		return n->choices;
	name = eval_expr(r, n->name);
	for (const struct choice *c = n->choices; c != NULL; c = c->next)
		if (render_equal(
			r, name, value_text(c->name.text, c->name.len)))
			return c;
	name = render_text(r, name);
	render_fail(r, "there is no partial '%.*s' to include here",
	    (int)name.len, name.text);
}

static enum flow
run_include(
    struct render *r, const struct partial_node *n, const struct choice *c)
{
	int slot = n->bound_slot >= 0 ? n->bound_slot : c->slot;
	struct slot *slots = r->frame->slots;
	struct value outer = slots[slot].scoped, v;
	enum flow flow = FLOW_ON;

	if (n->bound == NULL)
		return render_body(r, &c->body);
	v = eval_expr(r, n->bound);
	if (!value_is_array(v) || v.type == VALUE_RANGE) {
		slots[slot].scoped = v;
		flow = render_body(r, &c->body);
	} else {
		struct items items = items_of(r, v);

		for (size_t i = 0; i < items.n && flow == FLOW_ON; i++) {
			slots[slot].scoped = items_at(&items, i);
			render_step(r, 0);
			flow = render_body(r, &c->body);
		}
	}
	slots[slot].scoped = outer;
	return flow;
}

static enum flow
render_include(struct render *r, const struct node *node)
{
	const struct partial_node *n = (const struct partial_node *)node;
	const struct choice *c = choose(r, n);
	struct value outer[ARGUMENTS_MAX], values[ARGUMENTS_MAX];
	struct slot *slots = r->frame->slots;
	enum flow flow;

	for (int i = 0; i < n->n_args; i++)
		values[i] = eval_expr(r, n->args[i].value);
	for (int i = 0; i < n->n_args; i++) {
		outer[i] = slots[n->args[i].slot].scoped;
		slots[n->args[i].slot].scoped = values[i];
	}
	flow = run_include(r, n, c);
	for (int i = n->n_args; i-- > 0;)
		slots[n->args[i].slot].scoped = outer[i];
	return flow;
}

static void
add_choice(struct parser *p, struct partial_node *n, struct span name,
    const struct html *before)
{
	struct choice *c = parse_alloc(p, sizeof *c);
	struct html after = p->html;
	bool is_first = n->choices == NULL;

	c->name = name;
	c->slot = slot_of(p, last_part(name));
	p->html = *before;
	if (n->bound != NULL)
		slot_bind(p, n->bound_slot >= 0 ? n->bound_slot : c->slot);
	c->body = compile_include(p, name);
	if (n->bound != NULL)
		slot_unbind(p, n->bound_slot >= 0 ? n->bound_slot : c->slot);
	if (!is_first)
		parse_join(p, &after);
	c->next = n->choices;
	n->choices = c;
}

static bool
is_open(const struct parser *p, const char *name)
{
	for (; p->includer != NULL; p = p->includer)
		if (strcmp(p->name, name) == 0)
			return true;
	return false;
}

/* The name is a value: any of the partials, but those that we are in. */
static void
add_all_choices(
    struct parser *p, struct partial_node *n, const struct html *before)
{
	const char *const *names = p->c->options->partial_names;

	if (names == NULL)
		parse_fail(p, p->tag.text,
		    "the name of a partial is expected, in quotes");
	for (; names != NULL && *names != NULL; names++)
		if (!is_open(p, *names))
			add_choice(p, n,
			    (struct span){arena_strndup(&p->c->liquid->arena,
					      *names, strlen(*names)),
				(uint32_t)strlen(*names)},
			    before);
}

struct node *
tag_include(struct parser *p)
{
	struct partial_node *n = node_new(p, sizeof *n, render_include);
	struct call call = {0};
	struct html before = p->html;
	const struct expr *name;

	if (p->is_rendered)
		parse_fail(p, p->tag.text,
		    "include cannot stand in a partial that is rendered: "
		    "use render");
	name = parse_value(p);
	parse_call(p, n, &call);
	n->bound_slot = call.alias.len > 0 ? slot_of(p, call.alias) : -1;
	n->n_args = call.n;
	for (int i = 0; i < call.n; i++) {
		n->args[i] = (struct argument){
		    slot_of(p, call.names[i]), call.values[i]};
		slot_bind(p, n->args[i].slot);
	}
	if (name->kind == EXPR_LITERAL && name->literal.type == VALUE_STRING) {
		add_choice(p, n,
		    (struct span){name->literal.text, name->literal.len},
		    &before);
	} else {
		n->name = name;
		add_all_choices(p, n, &before);
	}
	for (int i = 0; i < call.n; i++)
		slot_unbind(p, n->args[i].slot);
	return &n->node;
}
