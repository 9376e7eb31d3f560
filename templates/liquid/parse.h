/* SPDX-License-Identifier: MIT */
#ifndef TEMPLATES_LIQUID_PARSE_H
#define TEMPLATES_LIQUID_PARSE_H

#include <setjmp.h>

#include "templates/liquid/lexer.h"
#include "templates/liquid/tree.h"

/*
 * parse - source to tree. An error leaves by longjmp, out of any depth, to
 * where the compiling began; everything built stands in the arena, so nothing
 * needs to be taken back.
 */
struct compiler { /* one a liquid_compile() */
	struct liquid *liquid;
	const struct liquid_options *options;
	struct unit *units;
	const char **atoms;
	int atoms_room;
	struct use *uses, *raws;
	int n_uses; /* of both */
	size_t source_bytes;
	struct error *error;
	jmp_buf failed;
};

struct scope_name { /* a slot while compiling */
	struct span name;
	int atom;
	int bound; /* loops and arguments that bind it, plus assigns so far */
};

struct scope_names {
	struct scope_name *list;
	int n, room;
};

struct parser { /* one a source */
	struct compiler *c;
	struct unit *unit;
	struct scope_names *names;
	const char *file, *name; /* name: of the partial */
	const char *start, *pos, *end;
	const char *line_pos; /* line `line` has been counted up to here */
	int line;
	bool is_lines;	  /* in {% liquid %}: a tag a line */
	bool trim;	  /* the last tag ended in -%} */
	bool is_rendered; /* by `render`: no include inside */
	struct lexer lex; /* of the tag or output at hand */
	struct span tag;  /* its name */
	struct html html;
	int depth, partial_depth;
	struct span tested[32]; /* paths that blocks around test */
	int n_tested;
	bool in_test; /* a path read now is a test */
	const struct parser *includer;
};

struct tag {
	const char *name;
	/*
	 * Reads the rest of the tag and, of a block, up to its end. NULL when
	 * it leaves nothing to render.
	 */
	struct node *(*parse)(struct parser *);
};

extern const struct tag tags[]; /* name NULL at the end */
const struct filter *filter_named(struct span name);
const char *filter_suggest(const char *word);
const char *filter_name(size_t i); /* NULL behind the last */

/*
 * What to write in place of a word of Braze's, Customer.io's or Shopify's own
 * dialect, or NULL: hints.c.
 */
const char *hint_for_tag(struct span name);
const char *hint_for_filter(struct span name);
const char *hint_for_name(struct span root);
/* For what begins with a sign that is none of Liquid's: && || “ */
const char *hint_for_sign(const char *text, const char *end);

_Noreturn void parse_fail(struct parser *, const char *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The token at hand cannot stand here: `what`, "a value is expected, not". */
_Noreturn void parse_unexpected(struct parser *, const char *what);
void parse_where(struct parser *, const char *at, int *line, int *column);
bool parse_is_strict(const struct parser *);

/* Zeroed memory of the template. */
void *parse_alloc(struct parser *, size_t size);
/* A node at the tag at hand; `size` is that of the struct it begins. */
void *node_new(struct parser *, size_t size, render_fn *);

/* The token at hand; with a type, it must be of that type. */
bool parse_accept(struct parser *, int type);
void parse_expect(struct parser *, int type, const char *what);
bool parse_accept_name(struct parser *, const char *name);
void parse_tag_end(struct parser *); /* nothing may follow */
struct span parse_name(struct parser *, const char *what);

const struct expr *parse_value(struct parser *);
struct chain parse_chain(struct parser *);
const struct cond *parse_cond(struct parser *);

/*
 * Up to one of the tags in `stops` ("elsif else endif"), which is then the tag
 * at hand, or with NULL to the end of the source.
 */
struct body parse_body(struct parser *, const char *stops);
bool parse_at(const struct parser *, const char *tag_name);
void body_drop_text(struct body *); /* of a block that prints nothing */

/* Up to {% endNAME %}, unread: for comment, doc, raw. */
struct span parse_verbatim(struct parser *, const char *name, bool nests);

int slot_of(struct parser *, struct span name);
void parse_uses_locale(struct parser *);
void slot_bind(struct parser *, int slot);
void slot_unbind(struct parser *, int slot);

/* Where a value that is written here stands. */
enum place parse_place(struct parser *);
struct node *node_text(struct parser *, const char *, size_t len);
struct node *parse_output(struct parser *);
struct node *tag_liquid(struct parser *);

/* Text that a branch left in another place than its sibling is an error. */
void parse_join(struct parser *, const struct html *other);

struct unit *compile_unit(
    struct parser *, struct span name, const struct span *arguments, int n);
struct body compile_include(struct parser *, struct span name);

#endif
