/* SPDX-License-Identifier: MIT */
/*
 * liquid_cases FILE - runs a file of Liquid cases in the form of golden-liquid:
 * {"tests": [{"name", "template", "data", "templates", "result" or "results" or
 * "invalid"}]}. Prints what fails, then `N passed, N failed`; exits 1 when any
 * did.
 *
 * Output is compared as Shopify's: nothing is escaped and what is undefined is
 * nil. Cases tagged `strict2` are compiled as our own templates are.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "templates/liquid/liquid.h"
#include "templates/mem.h"

static const struct liquid_source *
partial(void *arg, const char *name)
{
	static struct liquid_source source;
	json_t *text = json_object_get(arg, name);

	source = (struct liquid_source){
	    name, json_string_value(text), json_string_length(text)};
	return text != NULL ? &source : NULL;
}

static json_t *
lookup(void *arg, const char *name)
{
	return json_object_get(arg, name);
}

static bool
has_tag(json_t *test, const char *tag)
{
	json_t *item;
	size_t i;

	json_array_foreach(json_object_get(test, "tags"), i,
	    item) if (strcmp(json_string_value(item), tag) == 0) return true;
	return false;
}

static const char **
names_of(json_t *templates)
{
	const char **names =
	    xcalloc(json_object_size(templates) + 1, sizeof *names);
	const char *name;
	json_t *item;
	size_t n = 0;

	json_object_foreach(templates, name, item) names[n++] = name;
	return names;
}

static int
render(json_t *test, struct buf *out, struct error *e)
{
	json_t *source = json_object_get(test, "template");
	json_t *templates = json_object_get(test, "templates");
	const char **names = names_of(templates);
	struct liquid_options options = {
	    .context = has_tag(test, "strict2") ? LIQUID_TEXT : LIQUID_VERBATIM,
	    .partial = partial,
	    .arg = templates,
	    .partial_names = names,
	};
	struct liquid_scope scope = {
	    .lookup = lookup,
	    .arg = json_object_get(test, "data"),
	    .undefined_is_nil = true,
	};
	struct liquid *l = liquid_compile(
	    json_string_value(source), json_string_length(source), &options, e);
	int rc = l != NULL ? liquid_render(l, &scope, out, e) : -1;

	liquid_free(l);
	free(names);
	return rc;
}

static bool
is_result(const struct buf *out, json_t *result)
{
	return json_is_string(result) &&
	       json_string_length(result) == out->len &&
	       memcmp(json_string_value(result), buf_str(out), out->len) == 0;
}

static bool
is_expected(json_t *test, int rc, const struct buf *out)
{
	json_t *item;
	size_t i;

	if (json_is_true(json_object_get(test, "invalid")))
		return rc != 0;
	if (rc != 0)
		return false;
	json_array_foreach(json_object_get(test, "results"), i,
	    item) if (is_result(out, item)) return true;
	return is_result(out, json_object_get(test, "result"));
}

static bool
run(json_t *test)
{
	struct error e = {0};
	struct buf out = {0};
	char text[700];
	int rc = render(test, &out, &e);
	bool passed = is_expected(test, rc, &out);

	if (!passed) {
		printf("failed: ");
		json_dumpf(test, stdout, 0);
		printf("\n  %s: %s\n", rc != 0 ? "error" : "output",
		    rc != 0 ? error_string(&e, text, sizeof text)
			    : buf_str(&out));
	}
	buf_free(&out);
	return passed;
}

int
main(int argc, char **argv)
{
	json_error_t at;
	json_t *root, *test;
	size_t i;
	int counts[2] = {0, 0};

	if (argc != 2) {
		fprintf(stderr, "usage: liquid_cases FILE\n");
		return 64;
	}
	root = json_load_file(argv[1], 0, &at);
	if (root == NULL) {
		fprintf(stderr, "%s:%d: %s\n", argv[1], at.line, at.text);
		return 65;
	}
	json_array_foreach(json_object_get(root, "tests"), i, test)
	    counts[run(test)]++;
	json_decref(root);
	printf("%d passed, %d failed\n", counts[1], counts[0]);
	return counts[0] > 0 || counts[1] == 0;
}
