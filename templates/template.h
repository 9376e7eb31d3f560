/* SPDX-License-Identifier: MIT */
#ifndef TEMPLATES_TEMPLATE_H
#define TEMPLATES_TEMPLATE_H

#include "templates/mem.h"
#include "templates/templates.h"

/*
 * template - what templates.c, email.c and document.c share: one compiled
 * template. Not for others. Strings are in the set's arena.
 */

/* Header lines of an email; the first ones are Liquid. */
enum head {
	HEAD_SUBJECT,
	HEAD_PREHEADER,
	HEAD_FROM,
	HEAD_REPLY_TO,
	HEAD_LIQUID,
	HEAD_LAYOUT = HEAD_LIQUID,
	HEAD_TOPIC,
	HEAD_TAGS,
	HEAD_CHANNEL,
	HEAD_UNSURE,
	HEAD_COUNT,
};

struct layout {
	const char *name; /* "none" for the one that adds nothing */
	struct liquid *liquid;
};

struct document;

struct template
{
	struct template_info info;
	const char *language; /* its locale or the workspace's; or NULL */
	/* email */
	struct liquid *head[HEAD_LIQUID]; /* NULL: the line is not there */
	struct {
		int line, column;
	} head_at[HEAD_LIQUID];
	struct liquid *body;
	bool is_markdown;
	const struct layout *layout;
	/* document */
	struct document *document;
};

/* What compiling needs of the set that is being loaded. */
struct loading {
	struct arena *memory;
	struct problems *problems;
	const struct layout *layouts; /* the first is "none" */
	int n_layouts;
	struct liquid_options options; /* with the partials */
};

/*
 * Both fill in the template from a file; what is wrong is added to the
 * problems, and leaves a template that can be freed.
 */
void email_compile(
    struct template *, const char *text, size_t len, const struct loading *);
void document_compile(
    struct template *, const char *path, const struct loading *);

/*
 * The scope with the language that the template is written in, where that is
 * known, in the person's own way of it: "de-AT" for welcome.de.md.
 */
struct liquid_scope template_scope(
    const struct template *, const struct liquid_scope *);

/* "hold" or "retry" into the info. False: neither. */
bool set_unsure(struct template_info *, const char *word);

void document_free(struct document *);
void document_paths(const struct document *, liquid_path_fn *, void *arg);

#endif
