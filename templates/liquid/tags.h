/* SPDX-License-Identifier: MIT */
#ifndef TEMPLATES_LIQUID_TAGS_H
#define TEMPLATES_LIQUID_TAGS_H

#include "templates/liquid/parse.h"
#include "templates/liquid/render.h"

/* The tags' readers, for the table in tags.c. */
struct node *tag_if(struct parser *);
struct node *tag_unless(struct parser *);
struct node *tag_case(struct parser *);
struct node *tag_for(struct parser *);
struct node *tag_tablerow(struct parser *);
struct node *tag_break(struct parser *);
struct node *tag_continue(struct parser *);
struct node *tag_cycle(struct parser *);
struct node *tag_ifchanged(struct parser *);
struct node *tag_render(struct parser *);
struct node *tag_include(struct parser *);

/* What stands in a tag that closes or divides a block. */
void parse_block_end(struct parser *);

#endif
