/* SPDX-License-Identifier: MIT */
#ifndef TEMPLATES_JSON_TEXT_H
#define TEMPLATES_JSON_TEXT_H

#include <stddef.h>

#include <jansson.h>

#include "templates/buf.h"

/*
 * json_text - JSON that programs write for programs, read and written at speed:
 * what is stored with every subject passes through here on each wake-up, and
 * jansson's own reader and writer would cost more than all the rest. The values
 * are jansson's, and so is everything unusual: numbers that are not whole,
 * escapes, texts over the depth limit.
 */

/*
 * A new reference, or NULL where jansson's json_loads() would fail, too; that
 * then says why.
 */
json_t *json_text_read(const char *text, size_t len);

/* Compact, in the order of insertion, as json_dumps() has it. */
void json_text_write(const json_t *, struct buf *out);
void json_text_write_string(const char *, size_t len, struct buf *out);
void json_text_write_integer(json_int_t, struct buf *out);

#endif
