/* SPDX-License-Identifier: MIT */
/*
 * limits - how long the slowest templates run that the limits allow, in ms of
 * CPU time, best of five. Nothing in a rendering looks at a clock: its steps
 * are what bounds it (reference: 50 ms).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "templates/liquid/liquid.h"

#define TURNS "{% for i in (1..10000) %}"
#define END   "{% endfor %}"

static const char *const sources[] = {
    TURNS "{% for j in (1..10000) %}" END END,
    TURNS "{% cycle i: 'a', 'b' %}" END,
    TURNS "{% assign x = text | replace: '', 'yy' %}" END,
    TURNS "{% assign x = text | titlecase %}" END,
    TURNS "{% assign x = text | escape_once %}" END,
    TURNS "{% assign x = 'a *b* c' | markdown %}" END,
    TURNS "{% assign x = list | json %}" END,
    TURNS "{% assign x = list | uniq %}" END,
    TURNS "{% assign x = list | sort: 'n' %}" END,
    TURNS "{% if list == other %}{% endif %}" END,
    TURNS "{% assign x = i | times: 1.1 | divided_by: 3.7 | round: 3 %}" END,
    TURNS
    "{% assign x = 'now' | time_zone: 'Europe/Berlin' | date: '%c %c' %}" END,
    TURNS "{% if nested == again %}{% endif %}" END,
};

static json_t *
scope_new(void)
{
	json_t *list = json_array(), *nested = json_array();
	char text[30001];

	for (int i = 0; i < 10000; i++)
		json_array_append_new(list,
		    json_pack("{s:i,s:i}", "n", i * 7919 % 10007, "k", i));
	for (int i = 0; i < 1000; i++)
		nested = json_pack("[o]", nested);
	memset(text, 'x', sizeof text - 1);
	for (size_t i = 0; i < sizeof text - 1; i += 7)
		text[i] = " <&\nab*_"[i % 8];
	text[sizeof text - 1] = '\0';
	return json_pack("{s:o,s:o,s:o,s:o,s:s}", "other", json_deep_copy(list),
	    "list", list, "again", json_deep_copy(nested), "nested", nested,
	    "text", text);
}

static json_t *
lookup(void *arg, const char *name)
{
	return json_object_get(arg, name);
}

static double
cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double
measure(const struct liquid *l, const struct liquid_scope *scope)
{
	double best = 0;

	for (int i = 0; i < 5; i++) {
		double start = cpu_ms(), took;
		struct buf out = {0};
		struct error e;

		liquid_render(l, scope, &out, &e);
		took = cpu_ms() - start;
		best = i == 0 || took < best ? took : best;
		buf_free(&out);
	}
	return best;
}

int
main(void)
{
	struct liquid_options options = {.name = "t", .context = LIQUID_HTML};
	json_t *root = scope_new();
	struct liquid_scope scope = {
	    .lookup = lookup, .arg = root, .undefined_is_nil = true};
	double slowest = 0;

	for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
		struct error e;
		struct liquid *l = liquid_compile(
		    sources[i], strlen(sources[i]), &options, &e);
		double took;

		if (l == NULL) {
			fprintf(stderr, "%s: %s\n", sources[i], e.text);
			return EXIT_FAILURE;
		}
		took = measure(l, &scope);
		slowest = took > slowest ? took : slowest;
		liquid_free(l);
	}
	printf("%.1f\n", slowest);
	json_decref(root);
	return EXIT_SUCCESS;
}
