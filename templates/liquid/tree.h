/* SPDX-License-Identifier: MIT */
#ifndef TEMPLATES_LIQUID_TREE_H
#define TEMPLATES_LIQUID_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "templates/liquid/html.h"
#include "templates/liquid/liquid.h"
#include "templates/liquid/value.h"
#include "templates/mem.h"

/*
 * tree - a compiled template. All of it stands in the template's arena, with
 * the source, and never changes after compiling: threads share it.
 *
 * A unit is what has variables of its own: the template, and each partial that
 * `render` calls. A slot is a variable of a unit; an atom is a name of the
 * template, under which all units find the same value of the scope.
 */
struct render;
struct node;

enum flow { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE };

struct span {
	const char *text;
	uint32_t len;
};

/* One step of user.tags[0]: a name, or what stands in brackets. */
struct step {
	struct span name;	/* also of ["name"] */
	const struct expr *key; /* NULL: .name */
};

enum expr_kind { EXPR_LITERAL, EXPR_PATH, EXPR_RANGE };

struct expr {
	enum expr_kind kind;
	int line, column;
	struct span source; /* as written, for errors */
	struct value literal;
	bool is_name;		 /* of a person or company: see name.h */
	int slot;		 /* of a path's root, or -1: `root` names it */
	const struct expr *root; /* `[name]` */
	const struct step *steps;
	int n_steps;
	const struct expr *from, *to; /* of a range */
};

typedef struct value filter_fn(
    struct render *, struct value input, const struct value *args, int n);

struct filter {
	const char *name;
	filter_fn *apply;
	int min, max;	     /* arguments */
	const char *keyword; /* the only one that it takes, as last argument */
	const char *with;    /* a text that follows the arguments */
	bool is_local;	     /* reads the language */
	bool is_raw;	     /* a workspace may forbid it */
	bool takes_key;	     /* its argument names one of the keys */
};

struct filter_call {
	const struct filter *filter;
	const struct expr *const *args;
	int n_args;
	int line, column;
};

/* What stands in {{ }}: an expression and its filters. */
struct chain {
	const struct expr *head; /* NULL: {{ }} */
	const struct filter_call *filters;
	int n_filters;
	bool has_default; /* undefined values are fine */
};

enum compare { IS_TRUE, EQ, NE, LT, GT, LE, GE, CONTAINS };

/* Tests in the order written; `link` joins a test with all behind it. */
struct cond {
	const struct expr *left, *right;
	enum compare op;
	enum { LINK_END, LINK_AND, LINK_OR } link;
	const struct cond *next;
	int line, column;
};

typedef enum flow render_fn(struct render *, const struct node *);

struct node { /* first member of what a tag makes */
	render_fn *render;
	struct node *next;
	const char *file; /* for errors */
	int line, column;
	bool is_text;  /* literal text: goes where a block prints nothing */
	bool is_blank; /* prints nothing but white space */
};

struct body {
	struct node *first;
	bool is_blank;
};

struct unit {
	int index;
	const char *name; /* of the partial, or of the template */
	struct html before, after;
	struct body body;
	const int *atoms; /* by slot */
	int n_slots;
	struct unit *next;
};

struct use { /* of the scope, for liquid_paths() */
	struct liquid_path path;
	struct use *next;
};

struct liquid {
	struct arena arena;
	const char *name;
	enum liquid_context context;
	const struct unit *unit;
	int n_units;
	const char *const *atoms; /* names */
	int n_atoms;
	int user_atom;		       /* for the language; -1: not read */
	const struct use *uses, *raws; /* all, and those with `raw` */
	const struct cond *cond;       /* of a condition */
	struct chain chain;	       /* of a value */
};

#endif
