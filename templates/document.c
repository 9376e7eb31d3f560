/* SPDX-License-Identifier: MIT */
/*
 * document - a JSON template. Its strings are rendered one by one and put into
 * a new tree, so whatever a value holds, it stays inside its string. A string
 * that is one {{ output }} and nothing else keeps the value's type.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "templates/json.h"
#include "templates/template.h"
#include "templates/utf8.h"

/* One string of the body, in the order of a walk through it. */
struct slot {
	struct liquid *text;
	struct liquid_value *value; /* of a lone output; else NULL */
	char *pointer;		    /* where it stands in the file */
	int line, column;
};

struct document {
	const char *file;
	json_t *body;
	struct slot *slots;
	size_t n;
};

struct compiling {
	struct document *document;
	const struct loading *loading;
	const struct json_doc *doc;
	struct liquid_options options;
	struct buf pointer; /* where in the file we are (RFC 6901) */
};

/*
 * JSON writes a text in its own way, so lines and columns of the text are not
 * those of the file. What is in another file, a partial, has its own.
 */
static void
place_error(const struct document *d, const struct slot *slot, struct error *e)
{
	char text[sizeof e->text];

	if (strcmp(e->file, d->file) != 0 && e->file[0] != '\0')
		return;
	memcpy(text, e->text, sizeof text);
	error_at(
	    e, d->file, slot->line, slot->column, slot->pointer, "%s", text);
}

/* ----------------------------------------------------------- compiling */

/* What stands in the braces, if the text is one output and nothing else. */
static char *
lone_output(const char *text)
{
	size_t len = strlen(text);
	const char *close = strstr(text, "}}");

	if (strncmp(text, "{{", 2) != 0 || close != text + len - 2)
		return NULL;
	text += 2 + (text[2] == '-');
	len = (size_t)(close - text);
	return xstrndup(text, len - (len > 0 && text[len - 1] == '-'));
}

static void
compile_string(struct compiling *c, const char *text)
{
	char *expression = lone_output(text);
	struct slot slot = {.pointer = xstrdup(buf_str(&c->pointer))};
	struct error e;

	json_doc_where(c->doc, slot.pointer, &slot.line, &slot.column);
	slot.text = liquid_compile(text, strlen(text), &c->options, &e);
	if (slot.text != NULL && expression != NULL)
		slot.value = liquid_value_compile(expression, &e);
	if (slot.text == NULL || (expression != NULL && slot.value == NULL)) {
		place_error(c->document, &slot, &e);
		problems_add(c->loading->problems, &e);
	}
	c->document->slots =
	    xrealloc(c->document->slots, (c->document->n + 1) * sizeof slot);
	c->document->slots[c->document->n++] = slot;
	free(expression);
}

static void
add_segment(struct buf *pointer, const char *key)
{
	buf_addc(pointer, '/');
	for (; *key != '\0'; key++)
		if (*key == '~' || *key == '/')
			buf_adds(pointer, *key == '~' ? "~0" : "~1");
		else
			buf_addc(pointer, *key);
}

static void
compile_node(struct compiling *c, json_t *node)
{
	size_t before = c->pointer.len, i;
	const char *key;
	json_t *child;

	if (json_is_string(node))
		compile_string(c, json_string_value(node));
	json_array_foreach(node, i, child)
	{
		buf_addf(&c->pointer, "/%zu", i);
		compile_node(c, child);
		buf_truncate(&c->pointer, before);
	}
	json_object_foreach(node, key, child)
	{
		add_segment(&c->pointer, key);
		compile_node(c, child);
		buf_truncate(&c->pointer, before);
	}
}

static void __attribute__((format(printf, 4, 5)))
complain(const struct json_doc *doc, const struct loading *l,
    const char *pointer, const char *fmt, ...)
{
	char text[300];
	struct error e;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	json_doc_error(doc, pointer, &e, "%s", text);
	problems_add(l->problems, &e);
}

static void
check_members(const struct json_doc *doc, const struct loading *l)
{
	static const char *const known[] = {"$schema", "description", "channel",
	    "topic", "tags", "unsure", "escape", "body", NULL};
	const char *key;
	json_t *value;

	json_object_foreach(doc->root, key, value)
	{
		struct buf pointer = {0};
		const char *near = suggest(key, known);
		int i = 0;

		while (known[i] != NULL && strcmp(known[i], key) != 0)
			i++;
		add_segment(&pointer, key);
		if (known[i] == NULL)
			complain(doc, l, pointer.data,
			    "there is no \"%.60s\" in a template%s%s%s", key,
			    near != NULL ? "; is \"" : "",
			    near != NULL ? near : "",
			    near != NULL ? "\" meant?" : "");
		else if (strcmp(key, "tags") != 0 && strcmp(key, "body") != 0 &&
			 !json_is_string(value))
			complain(doc, l, pointer.data, "a string is expected");
		buf_free(&pointer);
	}
	if (json_object_get(doc->root, "body") == NULL)
		complain(doc, l, "", "\"body\" is missing: what is to be sent");
}

static const char *
member(const struct json_doc *doc, const char *name, const struct loading *l)
{
	json_t *s = json_object_get(doc->root, name);

	return !json_is_string(s)
		   ? NULL
		   : arena_strndup(l->memory, json_string_value(s),
			 json_string_length(s));
}

static const char *const *
read_tags(const struct json_doc *doc, const struct loading *l)
{
	json_t *tags = json_object_get(doc->root, "tags"), *tag;
	const char **out =
	    arena_alloc(l->memory, (json_array_size(tags) + 1) * sizeof *out);
	size_t i, n = 0;

	if (tags != NULL && !json_is_array(tags))
		complain(doc, l, "/tags", "a list of strings is expected");
	json_array_foreach(tags, i, tag)
	{
		if (json_is_string(tag))
			out[n++] = arena_strndup(l->memory,
			    json_string_value(tag), json_string_length(tag));
		else
			complain(doc, l, "/tags", "tags are strings");
	}
	out[n] = NULL;
	return out;
}

static void
read_info(struct template_info *info, const struct json_doc *doc,
    const struct loading *l)
{
	const char *unsure = member(doc, "unsure", l);
	const char *escape = member(doc, "escape", l);

	info->channel = member(doc, "channel", l);
	info->topic = member(doc, "topic", l);
	info->tags = read_tags(doc, l);
	if (info->topic != NULL && strlen(info->topic) > TOPIC_MAX)
		complain(doc, l, "/topic", "a topic has %d bytes at most",
		    TOPIC_MAX);
	if (unsure != NULL && !set_unsure(info, unsure))
		complain(
		    doc, l, "/unsure", "\"retry\" or \"hold\" is expected");
	if (escape != NULL && strcmp(escape, "slack") != 0 &&
	    strcmp(escape, "none") != 0)
		complain(
		    doc, l, "/escape", "\"slack\" or \"none\" is expected");
}

static bool
is_for_slack(const struct json_doc *doc)
{
	const char *escape =
	    json_string_value(json_object_get(doc->root, "escape"));

	return escape != NULL && strcmp(escape, "slack") == 0;
}

void
document_compile(
    struct template *t, const char *path, const struct loading *loading)
{
	struct json_doc doc;
	struct error e;
	struct compiling c = {
	    .loading = loading, .doc = &doc, .options = loading->options};

	t->info.kind = TEMPLATE_DOCUMENT;
	if (json_doc_load(&doc, path, t->info.file, &e) != 0) {
		problems_add(loading->problems, &e);
		return;
	}
	check_members(&doc, loading);
	read_info(&t->info, &doc, loading);
	c.document = t->document = xcalloc(1, sizeof *t->document);
	c.document->file = t->info.file;
	c.document->body = json_incref(json_object_get(doc.root, "body"));
	c.options.name = t->info.file;
	c.options.context = is_for_slack(&doc) ? LIQUID_SLACK : LIQUID_TEXT;
	buf_adds(&c.pointer, "/body");
	compile_node(&c, c.document->body);
	buf_free(&c.pointer);
	json_doc_free(&doc);
}

void
document_free(struct document *d)
{
	if (d == NULL)
		return;
	for (size_t i = 0; i < d->n; i++) {
		liquid_free(d->slots[i].text);
		liquid_value_free(d->slots[i].value);
		free(d->slots[i].pointer);
	}
	free(d->slots);
	json_decref(d->body);
	free(d);
}

struct path_placing {
	const struct document *document;
	const struct slot *slot;
	liquid_path_fn *each;
	void *arg;
};

static void
place_path(void *arg, const struct liquid_path *path)
{
	const struct path_placing *p = arg;
	struct liquid_path placed = *path;

	if (strcmp(path->file, p->document->file) == 0) {
		placed.line = p->slot->line;
		placed.column = p->slot->column;
	}
	p->each(p->arg, &placed);
}

void
document_paths(const struct document *d, liquid_path_fn *each, void *arg)
{
	struct path_placing p = {d, d->slots, each, arg};

	for (; p.slot < d->slots + d->n; p.slot++)
		liquid_paths(p.slot->text, place_path, &p);
}

/* ----------------------------------------------------------- rendering */

struct rendering {
	const struct document *document;
	const struct slot *slot; /* of the string that comes next */
	const struct liquid_scope *scope;
	struct error *error;
	int result; /* of the first string that failed */
};

static json_t *
string_of(const struct buf *text)
{
	struct buf clean = {0};
	json_t *s = json_stringn(buf_str(text), text->len);

	if (s == NULL) {
		utf8_clean(buf_str(text), text->len, &clean);
		s = json_stringn(buf_str(&clean), clean.len);
		buf_free(&clean);
	}
	return s;
}

/*
 * The text is rendered also for a lone output: that is what finds an undefined
 * variable, and it is the value when the value is a string.
 */
static json_t *
render_string(struct rendering *r)
{
	const struct slot *slot = r->slot++;
	struct buf text = {0};
	json_t *value = NULL;

	r->result = liquid_render(slot->text, r->scope, &text, r->error);
	if (r->result == 0 && slot->value != NULL) {
		value = liquid_value_eval(slot->value, r->scope, r->error);
		if (value == NULL)
			r->result = -1;
	}
	if (r->result == -1)
		place_error(r->document, slot, r->error);
	if (json_is_string(value)) {
		json_decref(value);
		value = NULL;
	}
	if (r->result == 0 && value == NULL)
		value = string_of(&text);
	buf_free(&text);
	return value;
}

/* A new tree, or NULL once something failed. */
static json_t *
render_node(struct rendering *r, json_t *node)
{
	json_t *copy, *child;
	const char *key;
	size_t i;

	if (r->result != 0)
		return NULL;
	if (json_is_string(node))
		return render_string(r);
	copy = json_copy(node);
	json_array_foreach(node, i, child)
	    json_array_set_new(copy, i, render_node(r, child));
	json_object_foreach(node, key, child)
	    json_object_set_new(copy, key, render_node(r, child));
	return copy;
}

static int
add(const char *bytes, size_t len, void *out)
{
	buf_add(out, bytes, len);
	return 0;
}

int
template_render_document(const struct template *t,
    const struct liquid_scope *outer, struct buf *json, struct error *e)
{
	struct liquid_scope scope = template_scope(t, outer);
	const struct document *d = t->document;
	struct rendering r = {d, d->slots, &scope, e, 0};
	json_t *body = render_node(&r, d->body);

	if (r.result == 0 && json_dump_callback(body, add, json,
				 JSON_COMPACT | JSON_ENCODE_ANY) != 0) {
		error_at(e, t->info.file, 0, 0, NULL,
		    "the result cannot be written as JSON");
		r.result = -1;
	}
	json_decref(body);
	return r.result;
}
