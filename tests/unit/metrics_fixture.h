/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_METRICS_FIXTURE_H
#define TESTS_UNIT_METRICS_FIXTURE_H

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sequences/metrics/metrics.h"
#include "templates/buf.h"
#include "templates/mem.h"
#include "tests/unit/folder.h"

/* Definitions from a text, a subject, what its conditions see. */

#define NOW  INT64_C(1774605600000) /* 2026-03-27T10:00:00Z */
#define HOUR INT64_C(3600000)
#define DAY  (24 * HOUR)

/* The file is gone again when this returns. */
static inline struct metrics *
load(const char *text, struct problems *problems)
{
	struct metrics *m;

	folder_make();
	write_file("metrics.json", text);
	m = metrics_load(path_of("metrics.json"), NULL, problems);
	folder_drop();
	return m;
}

/* Definitions as they stand within {"metrics": { }}. */
static inline struct metrics *
metrics_numbered(const char *definitions, struct numbers *numbers)
{
	struct problems problems = {0};
	struct buf text = {0};
	struct metrics *m;
	char reason[700];

	buf_addf(&text, "{\"metrics\": {%s}}", definitions);
	m = load(buf_str(&text), &problems);
	for (int i = 0; i < problems.count; i++)
		print_error("%s\n",
		    error_string(&problems.list[i].at, reason, sizeof reason));
	assert_int_equal(problems.count, 0);
	metrics_number(m, numbers);
	buf_free(&text);
	return m;
}

static inline struct metrics *
metrics_of(const char *definitions)
{
	struct numbers numbers;
	struct metrics *m;

	numbers_load(&numbers, NULL);
	m = metrics_numbered(definitions, &numbers);
	numbers_free(&numbers);
	return m;
}

/* What a subject keeps, as text; caller frees. */
static inline char *
state_text(const struct subject *s)
{
	json_t *all = json_object();
	char *text;

	for (int i = 0; i < s->n_kept; i++)
		json_object_set(
		    all, s->kept[i].key, subject_kept(s, s->kept[i].key));
	text = json_dumps(all, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(all);
	return text;
}

/* Through the store and back. */
static inline void
store_and_load(struct subject *s)
{
	struct subject loaded, old = *s;
	struct buf state = {0};
	struct error e;

	subject_save_state(s, &state);
	assert_int_equal(
	    subject_load(&loaded, s->kind, "x", NULL, state.data, &e), 0);
	s->kept = loaded.kept;
	s->n_kept = loaded.n_kept;
	s->kept_text = loaded.kept_text;
	loaded.kept = old.kept;
	loaded.n_kept = old.n_kept;
	loaded.kept_text = old.kept_text;
	subject_free(&loaded);
	buf_free(&state);
}

#endif
