/* SPDX-License-Identifier: MIT */
/*
 * What expressions, filter chains and conditions give. A name is looked for in
 * loops and arguments, among assigned variables, counters, and then the scope.
 */
#include <math.h>
#include <string.h>

#include "templates/liquid/number.h"
#include "templates/liquid/render.h"

static bool
is_safe_name(const struct liquid_scope *scope, const char *name)
{
	const char *const *safe = scope->safe_names;

	for (; safe != NULL && *safe != NULL; safe++)
		if (strcmp(*safe, name) == 0)
			return true;
	return false;
}

static struct value
ask_scope(struct render *r, const char *name)
{
	struct value v = value_undefined();

	if (r->scope->lookup != NULL)
		v = value_of_json(r->scope->lookup(r->scope->arg, name));
	if (v.type == VALUE_STRING && is_safe_name(r->scope, name))
		v.flags |= VALUE_SAFE;
	return v;
}

static struct value
global(struct render *r, int atom)
{
	if (r->globals[atom].type == VALUE_UNSET)
		r->globals[atom] = ask_scope(r, r->liquid->atoms[atom]);
	return r->globals[atom];
}

/* The scope's language, or else that of the person. */
const struct locale *
render_locale(struct render *r)
{
	struct value v = value_nil();

	if (r->locale != NULL)
		return r->locale;
	if (r->scope->locale != NULL)
		return r->locale = locale_find(r->scope->locale);
	if (r->liquid->user_atom >= 0)
		v = value_member(
		    global(r, r->liquid->user_atom), "locale", 6, NULL);
	return r->locale = render_locale_named(r, v);
}

const struct locale *
render_locale_named(struct render *r, struct value tag)
{
	char text[32];

	if (tag.type != VALUE_STRING || tag.len >= sizeof text)
		return locale_find(NULL);
	memcpy(text, tag.text, tag.len);
	text[tag.len] = '\0';
	return locale_find(text);
}

static struct value
counted(struct render *r, const char *name)
{
	struct value key = value_text(name, strlen(name));

	for (struct counter *c = r->frame->counters; c != NULL; c = c->next) {
		render_step(r, 1);
		if (c->kind == 'i' && render_equal(r, c->key, key))
			return value_int(c->count);
	}
	return (struct value){.type = VALUE_UNSET};
}

static struct value
lookup_slot(struct render *r, int i)
{
	const struct slot *slot = &r->frame->slots[i];
	int atom = r->frame->unit->atoms[i];
	struct value v;

	if (slot->scoped.type != VALUE_UNSET)
		return slot->scoped;
	if (slot->assigned.type != VALUE_UNSET)
		return slot->assigned;
	if (r->frame->counters != NULL) {
		v = counted(r, r->liquid->atoms[atom]);
		if (v.type != VALUE_UNSET)
			return v;
	}
	return global(r, atom);
}

/* `[expr]` as a root: a name that is known only now. */
static struct value
lookup_name(struct render *r, struct value name)
{
	char *copy;

	if (name.type != VALUE_STRING)
		return value_undefined();
	for (int i = 0; i < r->frame->unit->n_slots; i++)
		if (value_is(name, r->liquid->atoms[r->frame->unit->atoms[i]]))
			return lookup_slot(r, i);
	copy = render_alloc(r, name.len + 1);
	memcpy(copy, name.text, name.len);
	copy[name.len] = '\0';
	return ask_scope(r, copy);
}

/* Room for the pair that `.first` of a hash gives; seldom needed. */
static struct value *
pair_room(struct render *r, struct value v)
{
	return v.type == VALUE_HASH ? render_alloc(r, 2 * sizeof v) : NULL;
}

static struct value
step_into(struct render *r, struct value v, const struct step *s)
{
	bool first;

	if (s->key != NULL)
		return value_index(v, eval_expr(r, s->key));
	if (v.type == VALUE_STRING) /* its size is counted */
		render_step(r, v.len);
	first = s->name.len == 5 && memcmp(s->name.text, "first", 5) == 0;
	return value_member(
	    v, s->name.text, s->name.len, first ? pair_room(r, v) : NULL);
}

static struct value
eval_path(struct render *r, const struct expr *e)
{
	struct value v = e->slot >= 0 ? lookup_slot(r, e->slot)
				      : lookup_name(r, eval_expr(r, e->root));
	uint8_t safe = v.flags & VALUE_SAFE;

	for (int i = 0; i < e->n_steps; i++)
		v = step_into(r, v, &e->steps[i]);
	if (e->n_steps == 0)
		v.flags |= safe;
	return e->is_name && v.type == VALUE_STRING ? render_name(r, v) : v;
}

static int64_t
range_end(struct render *r, const struct expr *e)
{
	struct value v = number_of(eval_expr(r, e));

	if (v.type == VALUE_INT)
		return v.number;
	return fabs(value_real(v)) < 9e18 ? (int64_t)v.real : 0;
}

struct value
eval_expr(struct render *r, const struct expr *e)
{
	struct range *range;

	switch (e->kind) {
	case EXPR_LITERAL:
		return e->literal;
	case EXPR_PATH:
		return eval_path(r, e);
	default:
		range = render_alloc(r, sizeof *range);
		range->from = range_end(r, e->from);
		range->to = range_end(r, e->to);
		return (struct value){.type = VALUE_RANGE, .range = range};
	}
}

/* Only here does an undefined value become an error: it came from `e`. */
static struct value
defined(struct render *r, struct value v, const struct expr *e, bool lenient)
{
	if ((v.flags & VALUE_UNDEFINED) != 0 && !lenient &&
	    !r->scope->undefined_is_nil)
		render_fail_at(r, e->line, e->column,
		    "%.*s has no value%s (give it one with `| default: ...`)",
		    (int)e->source.len, e->source.text,
		    e->is_name ? ", or one that looks like a link" : "");
	return v;
}

struct value
eval_chain(struct render *r, const struct chain *chain, bool lenient)
{
	bool may_lack = lenient || chain->has_default;
	struct value v = value_nil(), args[20];

	if (chain->head == NULL)
		return v;
	v = defined(r, eval_expr(r, chain->head), chain->head, may_lack);
	if (v.type == VALUE_EMPTY || v.type == VALUE_BLANK)
		v = value_text("", 0); /* outside of a comparison */
	for (int i = 0; i < chain->n_filters; i++) {
		const struct filter_call *call = &chain->filters[i];
		size_t work = value_bytes(v);

		for (int j = 0; j < call->n_args; j++) {
			args[j] = defined(r, eval_expr(r, call->args[j]),
			    call->args[j], may_lack);
			work += value_bytes(args[j]);
		}
		render_step(r, work);
		v = call->filter->apply(r, v, args, call->n_args);
	}
	/* default may have none to give; first and plain_name leave none */
	return defined(r, v, chain->head, lenient);
}

static bool
eval_test(struct render *r, const struct cond *c)
{
	struct value left = eval_expr(r, c->left), right;
	int order;

	if (c->op == IS_TRUE)
		return value_truth(left);
	right = eval_expr(r, c->right);
	render_step(r, value_bytes(left) + value_bytes(right));
	if (c->op == EQ || c->op == NE)
		return render_equal(r, left, right) == (c->op == EQ);
	if (c->op == CONTAINS) {
		if (left.type == VALUE_STRING && value_truth(right))
			right = render_text(r, right);
		return render_contains(r, left, right);
	}
	order = value_compare(left, right);
	if (order == VALUE_MIXED)
		render_fail_at(r, c->line, c->column,
		    "%.*s and %.*s cannot be compared: one is a text, the "
		    "other a number",
		    (int)c->left->source.len, c->left->source.text,
		    (int)c->right->source.len, c->right->source.text);
	if (order == VALUE_APART)
		return false;
	return c->op == LT   ? order < 0
	       : c->op == GT ? order > 0
	       : c->op == LE ? order <= 0
			     : order >= 0;
}

/* and/or have no precedence and bind to the right. */
bool
eval_cond(struct render *r, const struct cond *c)
{
	for (;; c = c->next) {
		bool truth = eval_test(r, c);

		render_step(r, 0);
		if (c->link == LINK_END || truth == (c->link == LINK_OR))
			return truth;
	}
}
