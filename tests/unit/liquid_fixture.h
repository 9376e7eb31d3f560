/* SPDX-License-Identifier: MIT */
/*
 * What tests of Liquid share: templates by the row, each with what comes out or
 * with words of its error. The test has `partial` and sets `data`.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "templates/liquid/liquid.h"
#include "templates/mem.h"

static const char *partial(void *arg, const char *name, size_t *len);

static inline const struct liquid_source *
find_partial(void *arg, const char *name)
{
	static struct liquid_source source;

	source.file = name;
	source.text = partial(arg, name, &source.len);
	return source.text != NULL ? &source : NULL;
}

static json_t *data;
static int lookups;

static json_t *
lookup(void *arg, const char *name)
{
	lookups++;
	return json_object_get(data, name);
}

static const char *const safe_names[] = {"content", NULL};
static json_t *keys; /* of hmac_sha256 */
static const char *locale, *zone;
static bool undefined_is_nil;
static struct error error;
static struct buf out;

static int
run(enum liquid_context context, const char *source)
{
	struct liquid_options options = {.name = "t.md",
	    .context = context,
	    .partial = find_partial,
	    .keys = keys};
	struct liquid_scope scope = {.lookup = lookup,
	    .now_ms = 1774605600000, /* 27 March 2026, 10:00 UTC */
	    .locale = locale,
	    .zone = zone != NULL ? zone_find(zone) : NULL,
	    .undefined_is_nil = undefined_is_nil,
	    .safe_names = safe_names};
	struct liquid *l;
	int rc = -1;

	error = (struct error){0};
	buf_truncate(&out, 0);
	lookups = 0;
	l = liquid_compile(source, strlen(source), &options, &error);
	if (l != NULL)
		rc = liquid_render(l, &scope, &out, &error);
	liquid_free(l);
	return rc;
}

/* Rows of template and output. */
struct row {
	const char *source, *result;
};

/* A value's punctuation in Markdown (markdown_literal) is shown as \x. */
static inline void
show_disguised(void)
{
	char *to = out.data;

	for (const char *p = out.data; p != NULL && *p != '\0'; p++)
		if (p[0] == '\xee' && (p[1] & 0xfe) == 0x80) {
			*to++ = '\\';
			*to++ = (char)((p[1] & 1) << 6 | (p[2] & 63));
			p += 2;
		} else {
			*to++ = *p;
		}
	if (to != NULL)
		buf_truncate(&out, (size_t)(to - out.data));
}

static inline void
check(enum liquid_context context, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (run(context, rows[i].source) != 0)
			fail_msg("%s: %s", rows[i].source, error.text);
		if (context == LIQUID_MARKDOWN)
			show_disguised();
		assert_string_equal(buf_str(&out), rows[i].result);
	}
}
#define CHECK(context, rows) check(context, rows, sizeof rows / sizeof *rows)

/* Rows of template and part of the error's text. */
static inline void
check_errors(enum liquid_context context, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (run(context, rows[i].source) != -1)
			fail_msg("no error: %.200s", rows[i].source);
		if (strstr(error.text, rows[i].result) == NULL)
			fail_msg("%.200s: '%s' is not in '%s'", rows[i].source,
			    rows[i].result, error.text);
		assert_int_equal(out.len, 0);
	}
}
#define CHECK_ERRORS(context, rows) \
	check_errors(context, rows, sizeof rows / sizeof *rows)
