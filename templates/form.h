/* SPDX-License-Identifier: MIT */
#ifndef TEMPLATES_FORM_H
#define TEMPLATES_FORM_H

#include <stddef.h>

#include "templates/buf.h"
#include "templates/error.h"

/*
 * form - a JSON object as application/x-www-form-urlencoded: a member is a
 * field, a list one field for each of its items, null none. Returns 0, or -1
 * with the error set: what is nested deeper is no form, and neither is nothing.
 */
int form_from_json(
    const char *json, size_t len, struct buf *out, struct error *);

#endif
