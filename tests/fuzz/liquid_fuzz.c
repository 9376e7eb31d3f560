/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer entry for templates: the first byte picks the context, the rest is
 * compiled and rendered with a small scope. The input also is its own partial.
 */
#include <stdint.h>

#include "templates/liquid/liquid.h"

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

static const char *
partial(void *arg, const char *name, size_t *len)
{
	struct input *in = arg;

	*len = in->len / 2;
	return name[0] == 'p' ? in->text : NULL;
}

static json_t *
lookup(void *arg, const char *name)
{
	return json_object_get(arg, name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static json_t *root;
	struct input in = {(const char *)data + 1, size - 1};
	struct liquid_options options = {.partial = partial, .arg = &in};
	struct liquid_scope scope = {
	    .lookup = lookup, .undefined_is_nil = true};
	struct error e = {0};
	struct buf out = {0};
	struct liquid *l;

	if (size == 0)
		return 0;
	if (root == NULL)
		root = json_loads(DATA, 0, NULL);
	scope.arg = root;
	options.context = (enum liquid_context)(data[0] % (LIQUID_URL + 1));
	l = liquid_compile(in.text, in.len, &options, &e);
	if (l != NULL)
		liquid_render(l, &scope, &out, &e);
	liquid_free(l);
	buf_free(&out);
	return 0;
}
