/* SPDX-License-Identifier: MIT */
/*
 * Rendering: memory, limits, output, and the nodes that are no tags.
 *
 * Limits: steps, output and scratch memory. There is no limit of time, as
 * nothing here reads a clock: each step does a bounded amount of work, so the
 * steps bound the time too (tests/bench/limits.c).
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "templates/liquid/number.h"
#include "templates/liquid/render.h"

/*
 * In pieces: measured on an AMD processor, 2 KB and more at once took twice the
 * time. memmove(), as the compiler has memcpy() of so little done by the very
 * instruction that is slow.
 */
#define COPY_MAX ((size_t)1024)

static void __attribute__((format(printf, 4, 0)))
fail_text(struct render *r, int line, int column, const char *fmt, va_list ap)
{
	char text[sizeof r->error->text];

	vsnprintf(text, sizeof text, fmt, ap);
	error_at(r->error, r->at != NULL ? r->at->file : r->liquid->name, line,
	    column, NULL, "%s", text);
}

void
render_fail(struct render *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fail_text(r, r->at != NULL ? r->at->line : 0,
	    r->at != NULL ? r->at->column : 0, fmt, ap);
	va_end(ap);
	longjmp(r->failed, 1);
}

void
render_fail_at(struct render *r, int line, int column, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fail_text(r, line, column, fmt, ap);
	va_end(ap);
	longjmp(r->failed, 1);
}

void *
render_alloc(struct render *r, size_t size)
{
	struct scratch *s = &r->scratch;
	void *memory = s->next;

	size = (size + 15) & ~(size_t)15;
	if ((s->used += size) > RENDER_SCRATCH_MAX)
		render_fail(r, "the template needs more than %zu KB of memory",
		    RENDER_SCRATCH_MAX / 1024);
	if (size > (size_t)(s->end - s->next))
		return arena_alloc(&s->arena, size);
	s->next += size;
	return memory;
}

void
render_step(struct render *r, size_t work)
{
	r->steps += 1 + (int)(work / RENDER_WORK_STEP);
	if (r->steps > RENDER_STEPS_MAX)
		render_fail(r, "the template takes more than %d steps",
		    RENDER_STEPS_MAX);
}

/* Single values cost nothing beside the step that compares them. */
static void
count_looks(struct render *r, size_t looked)
{
	if (looked > 1)
		render_step(r, looked * 4);
}

bool
render_equal(struct render *r, struct value a, struct value b)
{
	size_t looked = 0;
	bool is_equal = value_equal(a, b, &looked);

	count_looks(r, looked);
	return is_equal;
}

bool
render_contains(struct render *r, struct value v, struct value needle)
{
	size_t looked = 0;
	bool is_there = value_contains(v, needle, &looked);

	count_looks(r, looked);
	return is_there;
}

void
render_write(struct render *r, const char *text, size_t len)
{
	struct buf *out = r->out;

	if (out->len - r->out_start + len > RENDER_OUTPUT_MAX)
		render_fail(r, "the output is larger than %zu KB",
		    RENDER_OUTPUT_MAX / 1024);
	if (out->cap - out->len <= len)
		buf_reserve(out, len);
	while (len > 0) {
		size_t n = len < COPY_MAX ? len : COPY_MAX;

		memmove(out->data + out->len, text, n);
		out->len += n;
		text += n;
		len -= n;
	}
	out->data[out->len] = '\0';
}

size_t
render_mark(const struct render *r)
{
	return r->out->len;
}

struct value
render_take(struct render *r, size_t mark)
{
	size_t len = r->out->len - mark;
	char *copy = render_alloc(r, len);

	if (len > 0)
		memcpy(copy, r->out->data + mark, len);
	buf_truncate(r->out, mark);
	return value_text(copy, len);
}

/* -------------------------------------------------------------- printing */

static void print_inspected(struct render *, struct value, int depth);

static void
print_int(struct render *r, int64_t n)
{
	char text[24], *p = text + sizeof text;
	uint64_t left = n < 0 ? -(uint64_t)n : (uint64_t)n;

	do {
		*--p = (char)('0' + left % 10);
		left /= 10;
	} while (left != 0);
	if (n < 0)
		*--p = '-';
	render_write(r, p, (size_t)(text + sizeof text - p));
}

static void
print_quoted(struct render *r, struct value v)
{
	render_write(r, "\"", 1);
	for (uint32_t i = 0; i < v.len; i++) {
		const char *at = strchr("\"\\\n\t\r", v.text[i]);

		if (v.text[i] != '\0' && at != NULL) {
			static const char *const escapes[] = {
			    "\\\"", "\\\\", "\\n", "\\t", "\\r"};

			render_write(r, escapes[at - "\"\\\n\t\r"], 2);
		} else {
			render_write(r, v.text + i, 1);
		}
	}
	render_write(r, "\"", 1);
}

static void
print_hash(struct render *r, json_t *hash, int depth)
{
	const char *key, *comma = "";
	json_t *item;

	render_write(r, "{", 1);
	json_object_foreach(hash, key, item)
	{
		render_write(r, comma, strlen(comma));
		print_quoted(r, value_text(key, strlen(key)));
		render_write(r, "=>", 2);
		print_inspected(r, value_of_json(item), depth);
		comma = ", ";
	}
	render_write(r, "}", 1);
}

static void
print_group(struct render *r, const struct group *g, int depth)
{
	render_write(r, "{\"name\"=>", 9);
	print_inspected(r, g->name, depth);
	render_write(r, ", \"items\"=>", 11);
	print_inspected(r, g->items, depth);
	render_write(r, "}", 1);
}

/* As Ruby's inspect: what stands within a printed hash. */
static void
print_inspected(struct render *r, struct value v, int depth)
{
	render_step(r, 0);
	if (depth > 100)
		render_fail(r, "the value is nested too deep to be printed");
	if (v.type == VALUE_STRING) {
		print_quoted(r, v);
	} else if (v.type == VALUE_NIL) {
		render_write(r, "nil", 3);
	} else if (v.type == VALUE_HASH) {
		print_hash(r, v.json, depth + 1);
	} else if (v.type == VALUE_GROUP) {
		print_group(r, v.group, depth + 1);
	} else if (v.type == VALUE_ARRAY || v.type == VALUE_LIST) {
		render_write(r, "[", 1);
		for (size_t i = 0; i < value_count(v); i++) {
			if (i > 0)
				render_write(r, ", ", 2);
			print_inspected(r, value_at(v, i), depth + 1);
		}
		render_write(r, "]", 1);
	} else {
		render_print(r, v);
	}
}

void
render_print(struct render *r, struct value v)
{
	char text[NUMBER_SIZE];

	switch (v.type) {
	case VALUE_STRING:
		render_write(r, v.text, v.len);
		break;
	case VALUE_INT:
		print_int(r, v.number);
		break;
	case VALUE_WIDE:
		render_write(
		    r, text, number_print_whole(value_number(v), text));
		break;
	case VALUE_FLOAT:
		render_write(r, text, number_print(v.real, text));
		break;
	case VALUE_BOOL:
		render_write(r, v.truth ? "true" : "false", v.truth ? 4 : 5);
		break;
	case VALUE_HASH:
		print_hash(r, v.json, 1);
		break;
	case VALUE_GROUP:
		print_group(r, v.group, 1);
		break;
	case VALUE_RANGE:
		print_int(r, v.range->from);
		render_write(r, "..", 2);
		print_int(r, v.range->to);
		break;
	case VALUE_ARRAY:
	case VALUE_LIST:
		for (size_t i = 0; i < value_count(v); i++) {
			render_step(r, 0);
			if (++r->depth > 200)
				render_fail(r, "an array is nested too deep");
			render_print(r, value_at(v, i));
			r->depth--;
		}
		break;
	default:
		break;
	}
}

struct value
render_text(struct render *r, struct value v)
{
	size_t mark = render_mark(r);

	if (v.type == VALUE_STRING)
		return v;
	if (v.type == VALUE_ARRAY || v.type == VALUE_LIST)
		print_inspected(r, v, 1);
	else
		render_print(r, v);
	return render_take(r, mark);
}

/* ------------------------------------------------------------------ nodes */

enum flow
render_body(struct render *r, const struct body *body)
{
	const struct node *before = r->at;
	enum flow flow = FLOW_ON;

	for (const struct node *n = body->first; n != NULL; n = n->next) {
		r->at = n;
		render_step(r, 0);
		flow = n->render(r, n);
		if (flow != FLOW_ON)
			break;
	}
	r->at = before;
	return flow;
}

enum flow
render_text_node(struct render *r, const struct node *node)
{
	const struct text_node *n = (const struct text_node *)node;

	render_write(r, n->text, n->len);
	return FLOW_ON;
}

enum flow
render_output(struct render *r, const struct node *node)
{
	const struct output_node *n = (const struct output_node *)node;
	struct value v = eval_chain(r, &n->chain, false);

	if (n->is_text && v.type != VALUE_NIL)
		v = render_text(r, v);
	escape_print(r, v, n->place);
	return FLOW_ON;
}

struct counter *
render_counter(struct render *r, char kind, struct value key)
{
	struct counter **at = &r->frame->counters;
	size_t passed = 0;

	for (; *at != NULL; at = &(*at)->next, passed++)
		if ((*at)->kind == kind && render_equal(r, (*at)->key, key))
			break;
	render_step(r, passed);
	if (*at != NULL)
		return *at;
	*at = render_alloc(r, sizeof **at);
	**at = (struct counter){.key = key, .kind = kind};
	return *at;
}

enum flow
render_unit(struct render *r, const struct unit *unit,
    const struct value *values, const int *slots, int n)
{
	size_t size = (size_t)unit->n_slots * sizeof **r->slots;
	struct frame frame = {.unit = unit, .caller = r->frame};
	struct loop *loop = r->loop;
	enum flow flow;

	render_step(r, size / 8);
	if (r->slots[unit->index] == NULL)
		r->slots[unit->index] = render_alloc(r, size);
	frame.slots = r->slots[unit->index];
	memset(frame.slots, 0, size);
	for (int i = 0; i < n; i++)
		if (slots[i] >= 0)
			frame.slots[slots[i]].scoped = values[i];
	r->frame = &frame;
	r->loop = NULL;
	flow = render_body(r, &unit->body);
	r->loop = loop;
	r->frame = frame.caller;
	return flow;
}

int
render_run(struct render *r, const struct liquid *liquid,
    const struct liquid_scope *scope, struct buf *out, struct error *e,
    void (*run)(struct render *, void *), void *arg)
{
	memset(r, 0, offsetof(struct render, failed));
	r->liquid = liquid;
	r->scope = scope;
	r->context = liquid->context;
	r->out = out;
	r->out_start = out->len;
	r->error = e;
	r->scratch.next = r->scratch.first;
	r->scratch.end = r->scratch.first + sizeof r->scratch.first;
	r->scratch.used = 0;
	r->scratch.arena = (struct arena){0};
	r->result = -1;
	if (setjmp(r->failed) == 0) {
		size_t globals = (size_t)liquid->n_atoms * sizeof *r->globals;
		size_t slots = (size_t)liquid->n_units * sizeof *r->slots;

		r->globals = render_alloc(r, globals);
		memset(r->globals, 0, globals);
		r->slots = render_alloc(r, slots);
		memset(r->slots, 0, slots);
		run(r, arg);
		r->result = 0;
	}
	if (r->result != 0)
		buf_truncate(out, r->out_start);
	if (r->scratch.arena.blocks != NULL)
		arena_free(&r->scratch.arena);
	return r->result;
}

struct items
items_of(struct render *r, struct value v)
{
	struct items items = {.of = v};
	void *at;

	if (value_is_array(v)) {
		items.n = value_count(v);
	} else if (v.type == VALUE_STRING) {
		items.n = v.len > 0;
	} else if (v.type == VALUE_HASH) {
		size_t n = json_object_size(v.json), i = 0;

		items.n = n;
		items.pairs = render_alloc(r, 2 * n * sizeof v);
		for (at = json_object_iter(v.json); at != NULL && i < 2 * n;
		     at = json_object_iter_next(v.json, at)) {
			items.pairs[i++] = value_text(json_object_iter_key(at),
			    json_object_iter_key_len(at));
			items.pairs[i++] =
			    value_of_json(json_object_iter_value(at));
		}
	}
	if (v.type == VALUE_RANGE && items.n > RENDER_RANGE_MAX)
		render_fail(
		    r, "the range has more than %d numbers", RENDER_RANGE_MAX);
	return items;
}

struct value
items_at(const struct items *items, size_t i)
{
	if (items->pairs != NULL)
		return (struct value){.type = VALUE_ARRAY,
		    .len = 2,
		    .items = items->pairs + 2 * i};
	if (items->of.type == VALUE_STRING)
		return items->of;
	return value_at(items->of, i);
}
