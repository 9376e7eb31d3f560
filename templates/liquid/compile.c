/* SPDX-License-Identifier: MIT */
/*
 * liquid.h: templates, conditions and values, compiled and run.
 *
 * The tree, the source and the names stand in one arena; struct liquid holds
 * it. Nothing in it changes after compiling.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "templates/liquid/parse.h"
#include "templates/liquid/render.h"

#define SOURCE_MAX	  ((size_t)256 * 1024)
#define SOURCES_MAX	  ((size_t)1024 * 1024)
#define PARTIAL_DEPTH_MAX 20
#define NAMES_MAX	  1000 /* they are looked for one by one */

/* ------------------------------------------------------------------ names */

static int
atom_of(struct compiler *c, struct span name)
{
	struct liquid *l = c->liquid;
	int i;

	for (i = 0; i < l->n_atoms; i++)
		if (strncmp(c->atoms[i], name.text, name.len) == 0 &&
		    c->atoms[i][name.len] == '\0')
			return i;
	if (l->n_atoms == c->atoms_room) {
		c->atoms_room = c->atoms_room * 2 + 32;
		c->atoms = xrealloc(
		    c->atoms, (size_t)c->atoms_room * sizeof *c->atoms);
	}
	c->atoms[i] = arena_strndup(&l->arena, name.text, name.len);
	return l->n_atoms++;
}

int
slot_of(struct parser *p, struct span name)
{
	struct scope_names *names = p->names;

	for (int i = 0; i < names->n; i++)
		if (names->list[i].name.len == name.len &&
		    memcmp(names->list[i].name.text, name.text, name.len) == 0)
			return i;
	if (names->n == names->room) {
		struct scope_name *old = names->list;

		names->room = names->room * 2 + 16;
		names->list =
		    parse_alloc(p, (size_t)names->room * sizeof *names->list);
		if (names->n > 0)
			memcpy(
			    names->list, old, (size_t)names->n * sizeof *old);
	}
	names->list[names->n] =
	    (struct scope_name){.name = name, .atom = atom_of(p->c, name)};
	if (p->c->liquid->n_atoms > NAMES_MAX)
		parse_fail(p, name.text, "the template has more than %d names",
		    NAMES_MAX);
	return names->n++;
}

void
parse_uses_locale(struct parser *p)
{
	p->c->liquid->user_atom = atom_of(p->c, (struct span){"user", 4});
}

void
slot_bind(struct parser *p, int slot)
{
	p->names->list[slot].bound++;
}

void
slot_unbind(struct parser *p, int slot)
{
	p->names->list[slot].bound--;
}

/* ---------------------------------------------------------------- sources */

static void
parser_open(struct parser *p, const char *text, size_t len)
{
	p->start = p->pos = p->line_pos = text;
	p->end = text + len;
	if (p->includer == NULL && p->c->options->first_line > 0)
		p->line = p->c->options->first_line - 1;
}

/* The copy of a source that the tree points into. */
static const char *
keep_source(struct parser *p, const char *text, size_t len, const char *what)
{
	if (len > SOURCE_MAX)
		parse_fail(p, p->tag.text, "%s is larger than %zu KB", what,
		    SOURCE_MAX / 1024);
	p->c->source_bytes += len;
	if (p->c->source_bytes > SOURCES_MAX)
		parse_fail(p, p->tag.text,
		    "the template is larger than %zu KB with all its partials",
		    SOURCES_MAX / 1024);
	return arena_strndup(&p->c->liquid->arena, text, len);
}

static void
check_partial(struct parser *p, struct span name)
{
	for (const struct parser *q = p; q != NULL; q = q->includer)
		if (q->includer != NULL && strlen(q->name) == name.len &&
		    memcmp(q->name, name.text, name.len) == 0)
			parse_fail(p, p->tag.text,
			    "the partial '%.*s' contains itself", (int)name.len,
			    name.text);
	if (p->partial_depth >= PARTIAL_DEPTH_MAX)
		parse_fail(p, p->tag.text, "partials nest more than %d deep",
		    PARTIAL_DEPTH_MAX);
}

/* A parser of the partial's source, within p. */
static struct parser
partial_parser(struct parser *p, struct span name)
{
	const struct liquid_options *o = p->c->options;
	struct parser q = {.c = p->c, .includer = p, .html = p->html};
	const struct liquid_source *source = NULL;
	struct arena *arena = &p->c->liquid->arena;

	check_partial(p, name);
	q.partial_depth = p->partial_depth + 1;
	q.name = arena_strndup(arena, name.text, name.len);
	if (o->partial != NULL)
		source = o->partial(o->arg, q.name);
	if (source == NULL)
		parse_fail(p, p->tag.text, "there is no partial '%s'", q.name);
	q.file = arena_strndup(arena, source->file, strlen(source->file));
	parser_open(
	    &q, keep_source(p, source->text, source->len, q.name), source->len);
	return q;
}

static void
unit_finish(struct parser *p)
{
	int *atoms = parse_alloc(p, (size_t)p->names->n * sizeof *atoms + 1);

	for (int i = 0; i < p->names->n; i++)
		atoms[i] = p->names->list[i].atom;
	p->unit->atoms = atoms;
	p->unit->n_slots = p->names->n;
	p->unit->after = p->html;
}

static struct unit *
unit_new(struct parser *p, const char *name)
{
	struct unit *unit = parse_alloc(p, sizeof *unit);

	unit->name = name;
	unit->index = p->c->liquid->n_units++;
	unit->before = p->html;
	unit->next = p->c->units;
	p->c->units = unit;
	return unit;
}

/* The same partial at the same place of the HTML is compiled once. */
struct unit *
compile_unit(
    struct parser *p, struct span name, const struct span *arguments, int n)
{
	struct scope_names names = {0};
	struct parser q;
	struct unit *u;

	for (u = p->c->units; u != NULL; u = u->next)
		if (strlen(u->name) == name.len && u->index != 0 &&
		    memcmp(u->name, name.text, name.len) == 0 &&
		    u->before.state == p->html.state &&
		    u->before.kind == p->html.kind &&
		    u->before.quote == p->html.quote) {
			check_partial(p, name);
			p->html = u->after;
			return u;
		}
	q = partial_parser(p, name);
	q.is_rendered = true;
	q.names = &names;
	q.unit = u = unit_new(&q, q.name);
	for (int i = 0; i < n; i++)
		slot_bind(&q, slot_of(&q, arguments[i]));
	u->body = parse_body(&q, NULL);
	unit_finish(&q);
	p->html = u->after;
	return u;
}

struct body
compile_include(struct parser *p, struct span name)
{
	struct parser q = partial_parser(p, name);
	struct body body;

	q.names = p->names;
	q.unit = p->unit;
	body = parse_body(&q, NULL);
	p->html = q.html;
	return body;
}

/* -------------------------------------------------------------- compiling */

enum what { TEMPLATE, CONDITION, VALUE };

static void
compile_root(struct parser *p, enum what what, const char *text, size_t len)
{
	struct liquid *l = p->c->liquid;

	parser_open(p, text, len); /* for an error about its size */
	p->tag = (struct span){text, 0};
	parser_open(p, keep_source(p, text, len, "the template"), len);
	p->html.is_markdown = l->context == LIQUID_MARKDOWN;
	p->unit = unit_new(p, l->name);
	l->unit = p->unit;
	if (what == TEMPLATE) {
		p->unit->body = parse_body(p, NULL);
	} else {
		p->tag = (struct span){p->pos, 0};
		lexer_start(&p->lex, p->pos, p->end);
		if (what == CONDITION)
			l->cond = parse_cond(p);
		else
			l->chain = parse_chain(p);
		parse_tag_end(p);
	}
	unit_finish(p);
}

/* Where parse_fail() leads to. */
static int
compile_guarded(struct parser *p, enum what what, const char *text, size_t len)
{
	if (setjmp(p->c->failed) != 0)
		return -1;
	compile_root(p, what, text, len);
	return 0;
}

static struct liquid *
compile(enum what what, const char *text, size_t len,
    const struct liquid_options *options, struct error *e)
{
	struct liquid *l = xcalloc(1, sizeof *l);
	struct compiler c = {.liquid = l, .options = options, .error = e};
	struct scope_names names = {0};
	struct parser p = {.c = &c, .names = &names};
	const char *name = options->name != NULL ? options->name : "";

	l->context = options->context;
	l->user_atom = -1;
	l->name = arena_strndup(&l->arena, name, strlen(name));
	p.file = l->name;
	if (compile_guarded(&p, what, text, len) != 0) {
		free(c.atoms);
		liquid_free(l);
		return NULL;
	}
	l->atoms = c.atoms;
	l->uses = c.uses;
	l->raws = c.raws;
	return l;
}

struct liquid *
liquid_compile(const char *source, size_t len,
    const struct liquid_options *options, struct error *e)
{
	return compile(TEMPLATE, source, len, options, e);
}

void
liquid_free(struct liquid *l)
{
	if (l == NULL)
		return;
	arena_free(&l->arena);
	free((void *)l->atoms);
	free(l);
}

void
liquid_paths(const struct liquid *l, liquid_path_fn *fn, void *arg)
{
	for (const struct use *u = l->uses; u != NULL; u = u->next)
		fn(arg, &u->path);
}

void
liquid_raw_paths(const struct liquid *l, liquid_path_fn *fn, void *arg)
{
	for (const struct use *u = l->raws; u != NULL; u = u->next)
		fn(arg, &u->path);
}

/* ---------------------------------------------------------------- running */

static void
run_unit(struct render *r, void *arg)
{
	(void)arg;
	render_unit(r, r->liquid->unit, NULL, NULL, 0);
}

int
liquid_render(const struct liquid *l, const struct liquid_scope *scope,
    struct buf *out, struct error *e)
{
	struct render r;

	return render_run(&r, l, scope, out, e, run_unit, NULL);
}

/* A frame for an expression that stands alone. */
static void
bare_frame(struct render *r, struct frame *frame)
{
	size_t size = (size_t)r->liquid->unit->n_slots * sizeof *frame->slots;

	*frame = (struct frame){.unit = r->liquid->unit};
	frame->slots = render_alloc(r, size);
	memset(frame->slots, 0, size);
	r->frame = frame;
}

struct liquid_condition {
	struct liquid liquid; /* the only member: the type is a name */
};

struct liquid_condition *
liquid_condition_compile(const char *text, struct error *e)
{
	struct liquid_options options = {.context = LIQUID_TEXT};

	return (struct liquid_condition *)compile(
	    CONDITION, text, strlen(text), &options, e);
}

static void
run_condition(struct render *r, void *arg)
{
	struct frame frame;

	bare_frame(r, &frame);
	*(bool *)arg = eval_cond(r, r->liquid->cond);
}

int
liquid_condition_test(const struct liquid_condition *c,
    const struct liquid_scope *scope, struct error *e)
{
	struct render r;
	struct buf out = {0};
	bool truth = false;
	int rc =
	    render_run(&r, &c->liquid, scope, &out, e, run_condition, &truth);

	buf_free(&out);
	return rc == 0 ? truth : -1;
}

void
liquid_condition_free(struct liquid_condition *c)
{
	liquid_free((struct liquid *)c);
}

void
liquid_condition_paths(
    const struct liquid_condition *c, liquid_path_fn *fn, void *arg)
{
	liquid_paths(&c->liquid, fn, arg);
}

struct liquid_value {
	struct liquid liquid;
};

struct liquid_value *
liquid_value_compile(const char *text, struct error *e)
{
	struct liquid_options options = {.context = LIQUID_TEXT};

	return (struct liquid_value *)compile(
	    VALUE, text, strlen(text), &options, e);
}

static void
run_value(struct render *r, void *arg)
{
	struct frame frame;

	bare_frame(r, &frame);
	*(json_t **)arg = value_to_json(eval_chain(r, &r->liquid->chain, true));
}

json_t *
liquid_value_eval(const struct liquid_value *v,
    const struct liquid_scope *scope, struct error *e)
{
	struct render r;
	struct buf out = {0};
	json_t *json = NULL;

	render_run(&r, &v->liquid, scope, &out, e, run_value, &json);
	buf_free(&out);
	return json;
}

void
liquid_value_free(struct liquid_value *v)
{
	liquid_free((struct liquid *)v);
}

void
liquid_value_paths(const struct liquid_value *v, liquid_path_fn *fn, void *arg)
{
	liquid_paths(&v->liquid, fn, arg);
}
