/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sequences/calendar.h"
#include "sequences/rules/reader.h"
#include "templates/mem.h"

size_t
reader_push(struct reader *r, const char *key)
{
	size_t mark = r->at.len;

	buf_addc(&r->at, '/');
	for (; *key != '\0'; key++) {
		if (*key == '~' || *key == '/')
			buf_adds(&r->at, *key == '~' ? "~0" : "~1");
		else
			buf_addc(&r->at, *key);
	}
	return mark;
}

void
reader_pop(struct reader *r, size_t mark)
{
	buf_truncate(&r->at, mark);
}

static void __attribute__((format(printf, 3, 0))) reader_place(
    const struct reader *r, struct error *e, const char *fmt, va_list ap)
{
	char text[sizeof e->text];

	vsnprintf(text, sizeof text, fmt, ap);
	json_doc_error(r->doc, buf_str(&r->at), e, "%s", text);
}

void
reader_error(struct reader *r, const char *fmt, ...)
{
	struct error e;
	va_list ap;

	va_start(ap, fmt);
	reader_place(r, &e, fmt, ap);
	va_end(ap);
	problems_add(r->problems, &e);
}

void
reader_error_at(struct reader *r, const char *key, const char *text)
{
	size_t mark = reader_push(r, key);

	reader_error(r, "%s", text);
	reader_pop(r, mark);
}

void
reader_warn(struct reader *r, const char *rule, const char *fmt, ...)
{
	struct error e;
	va_list ap;

	va_start(ap, fmt);
	reader_place(r, &e, fmt, ap);
	va_end(ap);
	problems_warn(r->problems, rule, &e);
}

void
reader_unknown(struct reader *r, const char *what, const char *name,
    const char *const *known)
{
	const char *nearest = known != NULL ? suggest(name, known) : NULL;
	struct problem *last;

	if (nearest != NULL)
		reader_error(r, "no %s is called \"%s\"; did you mean \"%s\"?",
		    what, name, nearest);
	else
		reader_error(r, "no %s is called \"%s\"", what, name);
	last = &r->problems->list[r->problems->count - 1];
	snprintf(last->rule, sizeof last->rule, "unknown-name");
}

void
reader_check_name(struct reader *r, const struct liquid_path *path)
{
	const struct rules_context *c = r->context;
	struct buf why = {0};

	if (c == NULL || c->check == NULL)
		return;
	c->check(c->arg, path, &why);
	if (why.len > 0)
		reader_warn(r, "unknown-name", "%s", why.data);
	buf_free(&why);
}

/* What stands in the file against what a row allows. */
static bool
type_is(json_t *value, unsigned types)
{
	switch (json_typeof(value)) {
	case JSON_STRING:
		return types & READ_TEXT;
	case JSON_ARRAY:
		return types & READ_LIST;
	case JSON_OBJECT:
		return types & READ_OBJECT;
	case JSON_INTEGER:
		return types & READ_NUMBER ||
		       (types & READ_COUNT && json_integer_value(value) >= 0 &&
			   json_integer_value(value) <= INT_MAX);
	case JSON_REAL:
		return types & READ_NUMBER;
	case JSON_TRUE:
		return types & READ_TRUE;
	default:
		return false;
	}
}

static void
type_complain(struct reader *r, unsigned types)
{
	static const struct {
		enum reader_type type;
		const char *name;
	} names[] = {
	    {READ_TEXT, "a string"},
	    {READ_LIST, "a list"},
	    {READ_OBJECT, "an object"},
	    {READ_COUNT, "a whole number, 0 or more"},
	    {READ_TRUE, "true"},
	    {READ_NUMBER, "a number"},
	};
	struct buf text = {0};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (types & names[i].type)
			buf_addf(&text, "%s%s", text.len > 0 ? " or " : "",
			    names[i].name);
	reader_error(r, "%s is expected", buf_str(&text));
	buf_free(&text);
}

static void
complain_of_key(
    struct reader *r, const struct reader_key *keys, const char *name)
{
	const char *known[32], *nearest;
	int n = 0;

	for (; keys->name != NULL; keys++)
		known[n++] = keys->name;
	known[n] = NULL;
	nearest = suggest(name, known);
	if (nearest != NULL)
		reader_error(r, "unknown key \"%s\"; did you mean \"%s\"?",
		    name, nearest);
	else
		reader_error(r, "unknown key \"%s\"", name);
}

void
reader_object(
    struct reader *r, json_t *object, const struct reader_key *keys, void *into)
{
	const struct reader_key *k;
	const char *name;
	json_t *value;

	if (!json_is_object(object)) {
		type_complain(r, READ_OBJECT);
		return;
	}
	json_object_foreach(object, name, value)
	{
		size_t mark = reader_push(r, name);

		for (k = keys; k->name != NULL && strcmp(k->name, name) != 0;)
			k++;
		if (k->name == NULL)
			complain_of_key(r, keys, name);
		else if (k->read == NULL)
			reader_error(
			    r, "\"%s\" is not available in this version", name);
		else if (!type_is(value, k->types))
			type_complain(r, k->types);
		else
			k->read(r, value, (char *)into + k->offset);
		reader_pop(r, mark);
	}
	for (k = keys; k->name != NULL; k++)
		if (k->is_required && json_object_get(object, k->name) == NULL)
			reader_error(r, "\"%s\" is missing", k->name);
}

void *
reader_list(
    struct reader *r, json_t *value, size_t size, reader_fn *read, int *count)
{
	size_t n = json_is_array(value) ? json_array_size(value) : 1;
	char *list = xcalloc(n + 1, size);

	*count = (int)n;
	if (!json_is_array(value))
		read(r, value, list);
	for (size_t i = 0; json_is_array(value) && i < n; i++) {
		char index[24];
		size_t mark;

		snprintf(index, sizeof index, "%zu", i);
		mark = reader_push(r, index);
		read(r, json_array_get(value, i), list + i * size);
		reader_pop(r, mark);
	}
	return list;
}

bool
reader_has(json_t *object, const char *key)
{
	return json_object_get(object, key) != NULL;
}

bool
name_is_among(const char *name, const char *const *list)
{
	for (; list != NULL && *list != NULL; list++)
		if (strcmp(*list, name) == 0)
			return true;
	return false;
}

void
read_text(struct reader *r, json_t *value, void *into)
{
	if (!json_is_string(value) || json_string_length(value) == 0)
		reader_error(r, "a string that is not empty is expected");
	else
		*(char **)into = xstrdup(json_string_value(value));
}

void
read_count(struct reader *r, json_t *value, void *into)
{
	*(int *)into = (int)json_integer_value(value);
}

void
read_true(struct reader *r, json_t *value, void *into)
{
	*(bool *)into = true;
}

void
read_number(struct reader *r, json_t *value, void *into)
{
	*(double *)into = json_number_value(value);
}

void
read_duration(struct reader *r, json_t *value, void *into)
{
	if (duration_parse(json_string_value(value), into) != 0)
		reader_error(r,
		    "a duration is expected, such as \"48h\" or \"14d\" (s, m, "
		    "h, d, w)");
}

void
read_period(struct reader *r, json_t *value, void *into)
{
	int64_t ms = -1;

	if (duration_parse(json_string_value(value), &ms) == 0 && ms == 0)
		reader_error(r, "more than 0 is expected");
	else
		read_duration(r, value, into);
}

void
read_offset(struct reader *r, json_t *value, void *into)
{
	const char *text = json_string_value(value);
	bool is_before = text[0] == '-';

	if (duration_parse(text + is_before, into) != 0)
		reader_error(r,
		    "a duration is expected, such as \"2d\" or, for before, "
		    "\"-14d\" (s, m, h, d, w)");
	else if (is_before)
		*(int64_t *)into = -*(int64_t *)into;
}

void
read_nothing(struct reader *r, json_t *value, void *into)
{
}
