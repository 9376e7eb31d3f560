/* SPDX-License-Identifier: MIT */
#ifndef TEMPLATES_LIQUID_RENDER_H
#define TEMPLATES_LIQUID_RENDER_H

#include <setjmp.h>

#include "templates/liquid/tree.h"
#include "templates/locale.h"

/*
 * render - one rendering of a tree: variables, scratch memory, output, limits.
 *
 * An error or an abort leaves by longjmp from any depth to where the rendering
 * began: scratch memory is freed there and the output cut back, so nobody in
 * between has anything to undo.
 *
 * Text is only ever built at the end of the output buffer: what is not output
 * (a capture, what a filter makes) is copied to scratch memory and cut off.
 */
#define RENDER_STEPS_MAX   100000
#define RENDER_WORK_STEP   16 /* bytes looked at, or as much work */
#define RENDER_OUTPUT_MAX  ((size_t)1024 * 1024)
#define RENDER_SCRATCH_MAX ((size_t)4 * 1024 * 1024)
#define RENDER_RANGE_MAX   10000

struct slot {
	struct value scoped;   /* by a loop, or an argument */
	struct value assigned; /* below it: assign and capture */
};

struct counter { /* cycle, increment, offset: continue; by what they name */
	struct value key;
	char kind; /* 'c', 'i', 'o' */
	int64_t count;
	struct counter *next;
};

struct frame { /* a unit while it is rendered */
	const struct unit *unit;
	struct slot *slots;
	struct counter *counters;
	struct value changed; /* what ifchanged saw last */
	struct frame *caller;
};

struct scratch {
	char *next, *end;
	struct arena arena; /* when the first block is full */
	size_t used;
	_Alignas(16) char first[8192];
};

struct gather {		    /* of pieces, while a text is made of them */
	size_t mark;	    /* where the text begins in the output */
	struct piece *list; /* what is known of its first `end` bytes */
	uint32_t n, cap;
	size_t end;
	struct gather *outer;
};

struct render {
	const struct liquid *liquid;
	const struct liquid_scope *scope;
	enum liquid_context context;
	struct buf *out;
	size_t out_start;
	struct frame *frame;
	struct slot **slots;   /* by unit: one frame at a time is active */
	struct value *globals; /* by atom; VALUE_UNSET: not asked yet */
	const struct node *at; /* for errors */
	const struct locale *locale; /* NULL: not asked yet */
	int steps, depth;
	struct loop *loop;     /* innermost forloop of the frame */
	struct gather *gather; /* values are not escaped yet */
	struct error *error;
	int result; /* of liquid_render(), when it ends by longjmp */
	jmp_buf failed;
	struct scratch scratch;
};

_Noreturn void render_fail(struct render *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
_Noreturn void render_fail_at(struct render *, int line, int column,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

void *render_alloc(struct render *, size_t size); /* scratch; not zeroed */
void render_step(struct render *, size_t work);	  /* one, and for the work */
/* value_equal() and value_contains(), with steps for lists and hashes. */
bool render_equal(struct render *, struct value, struct value);
bool render_contains(struct render *, struct value, struct value needle);

/* Output, checked against its limit. */
void render_write(struct render *, const char *, size_t len);
void render_print(struct render *, struct value); /* as {{ }} in plain text */

/* What was written since `mark` as a string, off the output. */
size_t render_mark(const struct render *);
struct value render_take(struct render *, size_t mark);

/* As text, for a filter: a string itself, an array as ["a", 1], all else as it
 * is printed. */
struct value render_text(struct render *, struct value);

enum flow render_body(struct render *, const struct body *);
/* Arguments go to the unit's slots; -1: it does not look at this one. */
enum flow render_unit(struct render *, const struct unit *,
    const struct value *values, const int *slots, int n);

/* The language of dates and numbers; by a tag such as "de-AT". */
const struct locale *render_locale(struct render *);
const struct locale *render_locale_named(struct render *, struct value tag);
/* A name somebody gave, in one line; undefined when it looks like a link. */
struct value render_name(struct render *, struct value);

struct value eval_expr(struct render *, const struct expr *);
/* Undefined values without `default` are errors, unless `lenient`. */
struct value eval_chain(struct render *, const struct chain *, bool lenient);
bool eval_cond(struct render *, const struct cond *);
struct counter *render_counter(struct render *, char kind, struct value key);

/*
 * What a loop goes over: items of an array, pairs of a hash, a string as one
 * item. loop_item() may be called with i < n.
 */
struct items {
	struct value of;
	size_t n;
	struct value *pairs; /* of a hash */
};
struct items items_of(struct render *, struct value);
struct value items_at(const struct items *, size_t i);

struct text_node {
	struct node node;
	const char *text;
	uint32_t len;
};
struct output_node {
	struct node node;
	struct chain chain;
	enum place place;
	bool is_text; /* an array prints as text, as for a filter */
};
enum flow render_output(struct render *, const struct node *);
enum flow render_text_node(struct render *, const struct node *);

/*
 * Prints a value for the context and place, escaped unless it is safe. These
 * are the only ways of data into output.
 */
void escape_print(struct render *, struct value, enum place);
/* The same as a string, marked safe. */
struct value escape_value(struct render *, struct value);
void escape_html(struct render *, const char *, size_t len);
void escape_percent(struct render *, const char *, size_t len, bool plus);

/*
 * Between begin and end escape_print() keeps values as they are, and what else
 * is written counts as the author's. The end takes it all off the output; with
 * `escapes` even a text that is all data will not be escaped a second time.
 */
void pieces_begin(struct render *, struct gather *);
struct value pieces_end(struct render *, bool escapes);
void pieces_add(struct render *, struct value, enum place);
void pieces_print(struct render *, struct value, enum place);
/* A part of any string, with its marks. */
void pieces_print_range(struct render *, struct value, size_t from, size_t to);

int render_run(struct render *, const struct liquid *,
    const struct liquid_scope *, struct buf *, struct error *,
    void (*run)(struct render *, void *), void *arg);

#endif
