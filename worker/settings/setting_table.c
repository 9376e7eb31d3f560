/* SPDX-License-Identifier: MIT */
/* setting_table - an object read, compared and described by its rows. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "templates/mem.h"
#include "worker/settings/setting_table.h"
#include "worker/settings/settings.h"

static void
complain_as(struct setting_reader *r, const char *rule, const char *pointer,
    const char *what)
{
	struct error e;

	if (r->doc->root != NULL)
		json_doc_error(r->doc, pointer, &e, "%s", what);
	else
		error_at(&e, "nudge.json", 0, 0, pointer, "%s", what);
	problems_add_as(r->problems, rule, &e);
}

void
setting_complain(
    struct setting_reader *r, const char *pointer, const char *what)
{
	complain_as(r, "", pointer, what);
}

/* ------------------------------------------------------- $NAME references */

/*
 * What a shell takes for the value that begins there, without expansions: in
 * quotes, or up to the line's end or a comment. Moves `at` behind it.
 */
static char *
env_value(const char **at)
{
	const char *s = *at;
	char quote = *s == '"' || *s == '\'' ? *s : '\0';
	struct buf value = {0};

	if (quote != '\0') {
		for (s++; *s != '\0' && *s != quote; s++) {
			if (quote == '"' && *s == '\\' && s[1] != '\0' &&
			    strchr("\"\\$`", s[1]) != NULL)
				s++;
			buf_addc(&value, *s);
		}
	} else {
		while (
		    *s != '\0' && *s != '\n' &&
		    (*s != '#' || s == *at || !isblank((unsigned char)s[-1])))
			buf_addc(&value, *s++);
		while (value.len > 0 &&
		       isspace((unsigned char)value.data[value.len - 1]))
			buf_truncate(&value, value.len - 1);
	}
	*at = s;
	return buf_steal(&value);
}

/* Of several lines that set it the last counts, as in a shell. */
static char *
env_file_value(const struct setting_reader *r, const char *name)
{
	const char *p = r->env;
	size_t len = strlen(name);
	char *found = NULL, *value;

	while (p != NULL && *p != '\0') {
		p += strspn(p, " \t\r\n");
		if (strncmp(p, "export", 6) == 0 &&
		    isblank((unsigned char)p[6]))
			p += 6 + strspn(p + 6, " \t");
		if (p[strcspn(p, "=# \t\r\n")] == '=') {
			bool is_it =
			    strncmp(p, name, len) == 0 && p[len] == '=';

			p += strcspn(p, "=") + 1;
			value = env_value(&p);
			free(is_it ? found : value);
			if (is_it)
				found = value;
		}
		p += strcspn(p, "\n");
	}
	return found;
}

/* What $NAME stands for; caller frees. NULL, and why, when there is nothing. */
static char *
reference(const struct setting_reader *r, const char *name, struct error *why)
{
	char file_name[128];
	const char *value = getenv(name), *path;
	size_t len;
	char *text;

	if (value != NULL)
		return xstrdup(value);
	snprintf(file_name, sizeof file_name, "%s_FILE", name);
	path = getenv(file_name);
	if (path != NULL) {
		text = file_read(path, &len, why);
		while (text != NULL && len > 0 &&
		       isspace((unsigned char)text[len - 1]))
			text[--len] = '\0';
		return text;
	}
	if (r->no_env != NULL)
		error_at(
		    why, ".env", 0, 0, NULL, "cannot be read: %s", r->no_env);
	else
		error_set(why,
		    "set it in the environment, in a file that %s names, or in "
		    ".env",
		    file_name);
	return env_file_value(r, name);
}

static bool
is_reference(const char *s)
{
	return s[0] == '$' && (isupper((unsigned char)s[1]) || s[1] == '_') &&
	       s[1 + strspn(s + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] ==
		   '\0';
}

/* The string itself or what it refers to; caller frees; NULL: complained. */
static char *
resolve(struct setting_reader *r, const char *pointer, const char *s)
{
	char text[300], reason[700];
	struct error why;
	char *value;

	if (!is_reference(s))
		return xstrdup(s);
	value = reference(r, s + 1, &why);
	if (value == NULL) {
		snprintf(text, sizeof text, "%s is not set: %s", s,
		    error_string(&why, reason, sizeof reason));
		complain_as(r, SETTING_UNSET, pointer, text);
		r->unset++;
	}
	return value;
}

/* --------------------------------------------------------------- values */

static void
texts_free(char **list)
{
	for (char **s = list; s != NULL && *s != NULL; s++)
		free(*s);
	free(list);
}

static void
set_texts(struct setting_reader *r, char ***at, const json_t *value,
    const char *pointer)
{
	bool is_list = json_is_array(value);
	size_t n = is_list ? json_array_size(value) : 1, used = 0;
	char **list = xcalloc(n + 1, sizeof *list);

	for (size_t i = 0; i < n; i++) {
		const char *s = json_string_value(
		    is_list ? json_array_get(value, i) : value);
		char element[200];

		snprintf(element, sizeof element, is_list ? "%s/%zu" : "%s",
		    pointer, i);
		if (s == NULL)
			setting_complain(r, element, "a string is expected");
		else if ((list[used] = resolve(r, element, s)) != NULL)
			used++;
	}
	texts_free(*at);
	*at = list;
}

/* A copy in which strings that are references are resolved. */
static json_t *
resolve_object(
    struct setting_reader *r, const json_t *value, const char *pointer)
{
	json_t *copy = json_deep_copy(value), *member;
	const char *name;
	void *next;

	json_object_foreach_safe(copy, next, name, member)
	{
		char inner[200];
		const char *s = json_string_value(member);
		char *text;

		snprintf(inner, sizeof inner, "%s/%s", pointer, name);
		if (json_is_object(member))
			json_object_set_new(
			    copy, name, resolve_object(r, member, inner));
		if (s == NULL || (text = resolve(r, inner, s)) == NULL)
			continue;
		json_object_set_new(copy, name, json_string(text));
		free(text);
	}
	return copy;
}

/* The strings of a list with blanks between them, as set_waits() reads them. */
static char *
joined(const json_t *list)
{
	struct buf text = {0};

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *s = json_string_value(json_array_get(list, i));

		buf_addf(&text, "%s%s", i > 0 ? " " : "", s != NULL ? s : "?");
	}
	return text.len > 0 ? buf_steal(&text) : xstrdup("");
}

static void
set_value(struct setting_reader *r, const struct setting *row, void *base,
    const json_t *value, const char *pointer)
{
	bool is_list = row->kind == KIND_TEXTS || row->kind == KIND_SECRETS;
	bool is_object = row->kind >= KIND_OBJECT;
	void *at = (char *)base + row->offset;
	const char *wrong = NULL;
	char number[32];
	char *text = NULL;

	if (is_list && (json_is_array(value) || json_is_string(value))) {
		set_texts(r, at, value, pointer);
		return;
	}
	if (is_object && json_is_object(value)) {
		json_decref(*(json_t **)at);
		*(json_t **)at = resolve_object(r, value, pointer);
		return;
	}
	if (is_list || is_object) {
		wrong =
		    is_list ? "a list is expected" : "an object is expected";
	} else if (row->kind == KIND_WAITS && json_is_array(value)) {
		text = joined(value);
		wrong = setting_set(r, row, base, text);
	} else if (row->kind == KIND_BOOL && json_is_boolean(value)) {
		wrong = setting_set(
		    r, row, base, json_is_true(value) ? "true" : "false");
	} else if (json_is_string(value)) {
		text = resolve(r, pointer, json_string_value(value));
		if (text != NULL)
			wrong = setting_set(r, row, base, text);
	} else if (json_is_number(value) &&
		   (row->kind == KIND_INT || row->kind == KIND_SIZE ||
		       row->kind == KIND_RATE)) {
		snprintf(
		    number, sizeof number, "%.17g", json_number_value(value));
		wrong = setting_set(r, row, base, number);
	} else {
		wrong = row->kind == KIND_BOOL ? "true or false is expected"
					       : "a string is expected";
	}
	if (wrong != NULL)
		setting_complain(r, pointer, wrong);
	free(text);
}

/* --------------------------------------------------- reading an object */

const struct setting *
setting_find(const struct setting_table *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->rows[i].name, name) == 0)
			return &t->rows[i];
	return NULL;
}

static bool
is_group(const struct setting_table *t, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < t->n; i++)
		if (strncmp(t->rows[i].name, name, len) == 0 &&
		    t->rows[i].name[len] == '.')
			return true;
	return false;
}

static void
unknown_key(struct setting_reader *r, const struct setting_table *t,
    const char *prefix, const char *key, const char *pointer)
{
	const char *known[64], *near;
	char names[64][32], text[200];
	size_t count = 0;

	for (size_t i = 0; i < t->n && count < 56; i++) {
		if (strncmp(t->rows[i].name, prefix, strlen(prefix)) != 0)
			continue;
		snprintf(names[count], sizeof names[count], "%.*s",
		    (int)strcspn(t->rows[i].name + strlen(prefix), "."),
		    t->rows[i].name + strlen(prefix));
		known[count] = names[count];
		count++;
	}
	if (t->parts != NULL && prefix[0] == '\0')
		for (int i = 0; t->parts[i].name != NULL; i++)
			known[count++] = t->parts[i].name;
	known[count] = NULL;
	near = suggest(key, known);
	snprintf(text, sizeof text, "\"%.60s\" is not a setting%s%s%s", key,
	    near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
	    near != NULL ? "\"?" : "");
	setting_complain(r, pointer, text);
}

static const struct setting_part *
find_part(const struct setting_table *t, const char *name)
{
	const struct setting_part *p = t->parts;

	while (p != NULL && p->name != NULL && strcmp(p->name, name) != 0)
		p++;
	return p != NULL && p->name != NULL ? p : NULL;
}

static void
read_group(struct setting_reader *r, const struct setting_table *t, void *base,
    const json_t *object, const char *prefix, const char *pointer)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)object, key, value)
	{
		char name[128], inner[200];
		const struct setting_part *part;
		const struct setting *row;

		snprintf(name, sizeof name, "%s%s", prefix, key);
		snprintf(inner, sizeof inner, "%s/%s", pointer, key);
		row = setting_find(t, name);
		part = find_part(t, name);
		if (row != NULL) {
			set_value(r, row, base, value, inner);
		} else if (part != NULL) {
			part->read(r, value);
		} else if (is_group(t, name) && json_is_object(value)) {
			snprintf(name, sizeof name, "%s%s.", prefix, key);
			read_group(r, t, base, value, name, inner);
		} else if (is_group(t, name)) {
			setting_complain(r, inner, "an object is expected");
		} else if (strcmp(key, "$schema") != 0) {
			unknown_key(r, t, prefix, key, inner);
		}
	}
}

void
setting_table_read(struct setting_reader *r, const struct setting_table *t,
    void *base, const json_t *object, const char *pointer)
{
	read_group(r, t, base, object, "", pointer);
}

void
setting_table_defaults(
    const struct setting_reader *r, const struct setting_table *t, void *base)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->rows[i].fallback != NULL)
			setting_set(r, &t->rows[i], base, t->rows[i].fallback);
}

void
setting_table_free(const struct setting_table *t, void *base)
{
	for (size_t i = 0; i < t->n; i++) {
		void *at = (char *)base + t->rows[i].offset;

		switch (t->rows[i].kind) {
		case KIND_TEXT:
		case KIND_SECRET:
		case KIND_PATH:
		case KIND_URL:
		case KIND_ADDRESS:
		case KIND_WAITS:
			free(*(void **)at);
			break;
		case KIND_TEXTS:
		case KIND_SECRETS:
			texts_free(*(char ***)at);
			break;
		case KIND_OBJECT:
		case KIND_SECRET_OBJECT:
			json_decref(*(json_t **)at);
			break;
		default:
			break;
		}
	}
}

static bool
text_equal(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool
texts_equal(char *const *a, char *const *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	for (; *a != NULL && *b != NULL; a++, b++)
		if (strcmp(*a, *b) != 0)
			return false;
	return *a == *b;
}

static bool
waits_equal(const int64_t *a, const int64_t *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	while (*a != 0 && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

static bool
value_equal(const struct setting *row, const void *a, const void *b)
{
	switch (row->kind) {
	case KIND_INT:
	case KIND_WAIT:
		return *(const int *)a == *(const int *)b;
	case KIND_RATE:
		return *(const double *)a == *(const double *)b;
	case KIND_SIZE:
	case KIND_DURATION:
		return *(const int64_t *)a == *(const int64_t *)b;
	case KIND_TLS:
		return *(const enum channel_tls *)a ==
		       *(const enum channel_tls *)b;
	case KIND_BOOL:
		return *(const bool *)a == *(const bool *)b;
	case KIND_WAITS:
		return waits_equal(*(int64_t *const *)a, *(int64_t *const *)b);
	case KIND_TEXTS:
	case KIND_SECRETS:
		return texts_equal(*(char **const *)a, *(char **const *)b);
	case KIND_OBJECT:
	case KIND_SECRET_OBJECT:
		return *(json_t *const *)a == *(json_t *const *)b ||
		       json_equal(*(json_t *const *)a, *(json_t *const *)b);
	default:
		return text_equal(*(char *const *)a, *(char *const *)b);
	}
}

bool
setting_table_equal(const struct setting_table *t, const void *a, const void *b)
{
	for (size_t i = 0; i < t->n; i++)
		if (!value_equal(&t->rows[i],
			(const char *)a + t->rows[i].offset,
			(const char *)b + t->rows[i].offset))
			return false;
	return true;
}

/* ------------------------------------------------- help, schema, config */

static void
hide(json_t *value)
{
	const char *name, *s = json_string_value(value);
	json_t *member;
	size_t i;

	if (s != NULL && !is_reference(s))
		json_string_set(value, "********");
	json_array_foreach(value, i, member) hide(member);
	json_object_foreach(value, name, member) hide(member);
}

json_t *
setting_show(const struct setting *row, const json_t *value)
{
	json_t *shown = value != NULL ? json_deep_copy(value) : json_null();

	if (row->kind == KIND_SECRET || row->kind == KIND_SECRETS ||
	    row->kind == KIND_SECRET_OBJECT)
		hide(shown);
	return shown;
}

void
setting_table_help(
    const struct setting_table *t, const char *prefix, struct buf *out)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct setting *row = &t->rows[i];

		buf_addf(out, "  %s%s\n      %s", prefix, row->name, row->help);
		if (row->types != NULL)
			buf_addf(out, " (%s)", row->types);
		if (row->fallback != NULL && row->fallback[0] != '\0')
			buf_addf(out, "; default %s", row->fallback);
		buf_adds(out, "\n");
	}
}

static json_t *
row_schema(const struct setting *row)
{
	json_t *schema = json_object();

	if (row->kind == KIND_TEXTS || row->kind == KIND_SECRETS ||
	    row->kind == KIND_WAITS) {
		json_object_set_new(
		    schema, "type", json_pack("[s,s]", "array", "string"));
		json_object_set_new(
		    schema, "items", json_pack("{s:s}", "type", "string"));
	} else if (row->kind == KIND_BOOL)
		json_object_set_new(schema, "type", json_string("boolean"));
	else if (row->kind >= KIND_OBJECT)
		json_object_set_new(schema, "type", json_string("object"));
	else if (row->kind == KIND_INT || row->kind == KIND_SIZE ||
		 row->kind == KIND_RATE)
		json_object_set_new(
		    schema, "type", json_pack("[s,s]", "number", "string"));
	else
		json_object_set_new(schema, "type", json_string("string"));
	json_object_set_new(schema, "description", json_string(row->help));
	if (row->fallback != NULL)
		json_object_set_new(
		    schema, "default", json_string(row->fallback));
	return schema;
}

json_t *
setting_table_schema(const struct setting_table *t)
{
	json_t *schema = json_pack("{s:s,s:{},s:b}", "type", "object",
	    "properties", "additionalProperties", 0);
	json_t *properties = json_object_get(schema, "properties");

	for (size_t i = 0; i < t->n; i++) {
		const char *name = t->rows[i].name;
		const char *dot = strchr(name, '.');
		json_t *into = properties;

		if (dot != NULL) {
			char group[32];

			snprintf(group, sizeof group, "%.*s", (int)(dot - name),
			    name);
			if (json_object_get(properties, group) == NULL)
				json_object_set_new(properties, group,
				    json_pack("{s:s,s:{},s:b}", "type",
					"object", "properties",
					"additionalProperties", 0));
			into = json_object_get(
			    json_object_get(properties, group), "properties");
			name = dot + 1;
		}
		json_object_set_new(into, name, row_schema(&t->rows[i]));
	}
	return schema;
}
