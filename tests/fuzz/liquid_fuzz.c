/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer entry for Liquid: the first byte picks a context, or that the rest
 * is a condition or a value; the rest is compiled and rendered with a small
 * scope. The input also is its own partial.
 */
#include <stdint.h>
#include <stdlib.h>

#include "templates/liquid/liquid.h"
#include "templates/mem.h"

static const char DATA[] =
    "{\"user\": {\"name\": \"<b>\\\"Ada\\\" & co</b>\", \"n\": 3,"
    " \"f\": 2.5, \"t\": true, \"z\": null, \"at\": \"2026-03-27T10:00:00Z\","
    " \"tags\": [\"a\", \"b\", 1, [2, null]],"
    " \"list\": [{\"x\": 1, \"y\": \"q\"}, {\"x\": 2}]},"
    " \"s\": \"http://x.example/?a=b\", \"n\": 7}";

struct input {
	const char *text;
	size_t len;
};

static const struct liquid_source *
partial(void *arg, const char *name)
{
	static struct liquid_source source;
	struct input *in = arg;

	source = (struct liquid_source){name, in->text, in->len / 2};
	return name[0] == 'p' ? &source : NULL;
}

static json_t *
lookup(void *arg, const char *name)
{
	return json_object_get(arg, name);
}

static void
run_template(struct input *in, const struct liquid_scope *scope,
    enum liquid_context context)
{
	static const char *const partials[] = {"p1", "p2", NULL};
	struct liquid_options options = {.context = context,
	    .partial = partial,
	    .arg = in,
	    .partial_names = partials};
	struct error e;
	struct buf out = {0};
	struct liquid *l = liquid_compile(in->text, in->len, &options, &e);

	if (l != NULL)
		liquid_render(l, scope, &out, &e);
	liquid_free(l);
	buf_free(&out);
}

static void
run_condition(const char *text, const struct liquid_scope *scope)
{
	struct error e;
	struct liquid_condition *c = liquid_condition_compile(text, &e);

	if (c != NULL)
		liquid_condition_test(c, scope, &e);
	liquid_condition_free(c);
}

static void
run_value(const char *text, const struct liquid_scope *scope)
{
	struct error e;
	struct liquid_value *v = liquid_value_compile(text, &e);

	if (v != NULL)
		json_decref(liquid_value_eval(v, scope, &e));
	liquid_value_free(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static json_t *root;
	struct liquid_scope scope = {.lookup = lookup};
	struct input in;
	char *text;
	int kind;

	if (size == 0)
		return 0;
	if (root == NULL)
		root = json_loads(DATA, 0, NULL);
	scope.arg = root;
	scope.undefined_is_nil = data[0] < 128;
	text = xstrndup((const char *)data + 1, size - 1);
	in = (struct input){text, size - 1};
	kind = data[0] % (LIQUID_URL + 3);
	if (kind <= LIQUID_URL)
		run_template(&in, &scope, (enum liquid_context)kind);
	else if (kind == LIQUID_URL + 1)
		run_condition(text, &scope);
	else
		run_value(text, &scope);
	free(text);
	return 0;
}
