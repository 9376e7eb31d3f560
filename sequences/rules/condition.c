/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "sequences/rules/condition.h"
#include "templates/liquid/liquid.h"
#include "templates/mem.h"

#define DEPTH_MAX      16 /* of all, any and not in one another */
#define VALUE_TEXT_MAX 60 /* of a value in an explanation */

enum condition_kind {
	CONDITION_LIQUID,
	CONDITION_ALL,
	CONDITION_ANY,
	CONDITION_NOT
};

struct condition {
	enum condition_kind kind;
	struct condition **parts; /* all, any: n of them; not: one */
	int n_parts;
	struct liquid_condition *liquid;
	char *text;
	char **paths; /* that the Liquid reads; n of them */
	int n_paths;
	char **metrics; /* whose values it reads, NULL-terminated */
	int n_metrics;
	bool reads_any_metric; /* one that a value names: metric[event.of] */
	bool reads_account_metric;
};

static const char *const roots[] = {
    "account", "entry", "event", "metric", "now", "user", NULL};
static const char *const entry_names[] = {"day", "entered_at", NULL};

/* The segment that `path` begins with; *rest is what follows it, or NULL. */
static char *
path_head(const char *path, const char **rest)
{
	size_t len = strcspn(path, ".");

	*rest = path[len] == '.' ? path + len + 1 : NULL;
	return xstrndup(path, len);
}

static void
check_entry(struct reader *r, const char *path)
{
	const char *rest;
	char *name = path_head(path, &rest);

	if (!name_is_among(name, entry_names))
		reader_unknown(r, "value of an entry", name, entry_names);
	free(name);
}

static void
check_metric(struct reader *r, const char *path, bool for_account)
{
	const char *const *known =
	    metrics_names_for(r->all_metrics, for_account);
	const char *rest;
	char *name = path_head(path, &rest);
	bool is_known = name_is_among(name, metrics_names(r->all_metrics));

	if (is_known && !name_is_among(name, known))
		reader_unknown(r,
		    for_account ? "metric of an account" : "metric of a user",
		    name, known);
	else if (!is_known)
		reader_unknown(r, "metric", name, known);
	free(name);
}

/* What sequences may read. */
void
reader_check_path(struct reader *r, const char *path)
{
	const char *rest;
	char *root = path_head(path, &rest);

	if (!name_is_among(root, roots))
		reader_unknown(r, "value", root, roots);
	else if (rest != NULL && strcmp(root, "metric") == 0)
		check_metric(r, rest, r->for_account);
	else if (rest != NULL && strcmp(root, "entry") == 0)
		check_entry(r, rest);
	else if (strncmp(path, "account.metric.", 15) == 0)
		check_metric(r, path + 15, true);
	free(root);
}

struct path_reading {
	struct reader *reader;
	struct condition *condition;
};

static void
keep_metric(struct condition *c, const char *path)
{
	const char *rest;

	c->metrics = xrealloc(
	    c->metrics, (size_t)(c->n_metrics + 2) * sizeof *c->metrics);
	c->metrics[c->n_metrics++] = path_head(path, &rest);
	c->metrics[c->n_metrics] = NULL;
}

static void
keep_path(void *arg, const struct liquid_path *read)
{
	const char *path = read->text;
	struct path_reading *reading = arg;
	struct condition *c = reading->condition;
	struct reader *r = reading->reader;

	(r->check_path != NULL ? r->check_path : reader_check_path)(r, path);
	reader_check_name(r, read);
	if (strncmp(path, "account.metric", 14) == 0)
		c->reads_account_metric = true;
	else if (strcmp(path, "metric") == 0)
		c->reads_any_metric = true;
	else if (strncmp(path, "metric.", 7) == 0)
		keep_metric(c, path + 7);
	c->paths =
	    xrealloc(c->paths, (size_t)(c->n_paths + 1) * sizeof *c->paths);
	c->paths[c->n_paths++] = xstrdup(path);
}

static void
read_liquid(struct reader *r, struct condition *c, const char *text)
{
	struct path_reading reading = {.reader = r, .condition = c};
	struct error e;

	c->kind = CONDITION_LIQUID;
	c->text = xstrdup(text);
	c->liquid = liquid_condition_compile(text, &e);
	if (c->liquid == NULL)
		reader_error(r, "the condition cannot be read: %s", e.text);
	else
		liquid_condition_paths(c->liquid, keep_path, &reading);
}

static void condition_read_at(
    struct reader *, json_t *, struct condition **, int depth);

static void
read_parts(struct reader *r, json_t *value, struct condition *c, int depth)
{
	bool is_not = c->kind == CONDITION_NOT;

	if (is_not ? json_is_array(value) : json_array_size(value) == 0) {
		reader_error(r, is_not ? "one condition is expected"
				       : "a list of conditions is expected");
		return;
	}
	c->n_parts = is_not ? 1 : (int)json_array_size(value);
	c->parts = xcalloc((size_t)c->n_parts, sizeof(struct condition *));
	if (is_not)
		condition_read_at(r, value, &c->parts[0], depth + 1);
	for (int i = 0; !is_not && i < c->n_parts; i++) {
		char index[16];
		size_t mark;

		snprintf(index, sizeof index, "%d", i);
		mark = reader_push(r, index);
		condition_read_at(r, json_array_get(value, (size_t)i),
		    &c->parts[i], depth + 1);
		reader_pop(r, mark);
	}
}

static void
read_group(struct reader *r, json_t *value, struct condition *c, int depth)
{
	static const char *const names[] = {"all", "any", "not", NULL};
	const char *key = json_object_iter_key(json_object_iter(value));
	size_t mark;

	if (json_object_size(value) != 1 || !name_is_among(key, names)) {
		reader_error(r,
		    "one of {\"all\": [..]}, {\"any\": [..]} and {\"not\": ..} "
		    "is expected");
		return;
	}
	c->kind = key[1] == 'l'	  ? CONDITION_ALL
		  : key[1] == 'n' ? CONDITION_ANY
				  : CONDITION_NOT;
	mark = reader_push(r, key);
	read_parts(r, json_object_get(value, key), c, depth);
	reader_pop(r, mark);
}

static void
condition_read_at(
    struct reader *r, json_t *value, struct condition **into, int depth)
{
	struct condition *c = *into = xcalloc(1, sizeof *c);

	if (depth > DEPTH_MAX)
		reader_error(
		    r, "conditions are nested more than %d deep", DEPTH_MAX);
	else if (json_is_string(value))
		read_liquid(r, c, json_string_value(value));
	else if (json_is_object(value))
		read_group(r, value, c, depth);
	else
		reader_error(
		    r, "a condition is expected: a string or an object");
}

void
condition_read(struct reader *r, json_t *value, void *into)
{
	condition_read_at(r, value, into, 0);
}

void
condition_free(struct condition *c)
{
	if (c == NULL)
		return;
	for (int i = 0; i < c->n_parts; i++)
		condition_free(c->parts[i]);
	for (int i = 0; i < c->n_paths; i++)
		free(c->paths[i]);
	for (int i = 0; i < c->n_metrics; i++)
		free(c->metrics[i]);
	liquid_condition_free(c->liquid);
	free(c->parts);
	free(c->paths);
	free(c->metrics);
	free(c->text);
	free(c);
}

/* The scope need not make more than this condition reads. */
static void
narrow(struct engine_scope *scope, const struct condition *c)
{
	scope->is_lean = !c->reads_account_metric;
	scope->metrics =
	    c->reads_any_metric ? NULL : (const char *const *)c->metrics;
}

static void
widen(struct engine_scope *scope)
{
	scope->is_lean = false;
	scope->metrics = NULL;
}

/* `own` is the engine's, if the Liquid scope is made of one. */
static int
test_liquid(const struct condition *c, struct engine_scope *own,
    const struct liquid_scope *liquid, struct error *e)
{
	int holds;

	if (own != NULL)
		narrow(own, c);
	holds = liquid_condition_test(c->liquid, liquid, e);
	if (own != NULL)
		widen(own);
	return holds;
}

static int
test(const struct condition *c, struct engine_scope *own,
    const struct liquid_scope *liquid, struct error *e)
{
	int holds = c->kind != CONDITION_ANY;

	if (c->kind == CONDITION_LIQUID)
		return test_liquid(c, own, liquid, e);
	for (int i = 0; i < c->n_parts; i++) {
		holds = test(c->parts[i], own, liquid, e);
		if (holds < 0)
			return -1;
		if (c->kind != CONDITION_NOT &&
		    holds == (c->kind == CONDITION_ANY))
			break;
	}
	return c->kind == CONDITION_NOT ? !holds : holds;
}

int
condition_test_in(const struct condition *c, const struct liquid_scope *scope,
    struct error *e)
{
	return c == NULL ? 1 : test(c, NULL, scope, e);
}

int
condition_test(
    const struct condition *c, struct engine_scope *scope, struct error *e)
{
	struct liquid_scope liquid = {.lookup = engine_scope_lookup,
	    .arg = scope,
	    .now_ms = scope->now_ms,
	    .zone = scope->zone,
	    .undefined_is_nil = true};

	return c == NULL ? 1 : test(c, scope, &liquid, e);
}

/* The value at a dotted path of the scope, borrowed, or NULL. */
static json_t *
path_value(struct engine_scope *scope, const char *path)
{
	const char *rest;
	char *name = path_head(path, &rest);
	json_t *value = engine_scope_lookup(scope, name);

	free(name);
	while (value != NULL && rest != NULL) {
		name = path_head(rest, &rest);
		value = json_object_get(value, name);
		free(name);
	}
	return value;
}

static void
explain_value(const char *path, json_t *value, struct buf *out)
{
	char *text;

	if (value == NULL || json_is_null(value)) {
		buf_addf(out, "%s is not set", path);
		return;
	}
	text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	if (text != NULL && strlen(text) > VALUE_TEXT_MAX)
		buf_addf(out, "%s is %.*s...", path, VALUE_TEXT_MAX, text);
	else
		buf_addf(out, "%s is %s", path, text != NULL ? text : "?");
	free(text);
}

static void
explain_liquid(const struct condition *c, struct engine_scope *scope,
    bool holds, struct buf *out)
{
	narrow(scope, c);
	buf_addf(out, "%s is %s", c->text, holds ? "true" : "false");
	for (int i = 0; i < c->n_paths; i++) {
		buf_adds(out, i == 0 ? ": " : ", ");
		explain_value(c->paths[i], path_value(scope, c->paths[i]), out);
	}
	widen(scope);
}

/*
 * "All" that fails and "any" that holds have one part that decided; otherwise
 * every part did.
 */
static void
explain_parts(const struct condition *c, struct engine_scope *scope, bool holds,
    struct buf *out)
{
	bool one_decides = holds == (c->kind == CONDITION_ANY);

	for (int i = 0, n = 0; i < c->n_parts; i++) {
		struct error e;

		if (one_decides &&
		    condition_test(c->parts[i], scope, &e) != holds)
			continue;
		if (n++ > 0)
			buf_adds(out, "; ");
		condition_explain(c->parts[i], scope, holds, out);
		if (one_decides)
			break;
	}
}

void
condition_explain(const struct condition *c, struct engine_scope *scope,
    bool holds, struct buf *out)
{
	if (c->kind == CONDITION_LIQUID)
		explain_liquid(c, scope, holds, out);
	else if (c->kind == CONDITION_NOT)
		condition_explain(c->parts[0], scope, !holds, out);
	else
		explain_parts(c, scope, holds, out);
}

bool
condition_mentions(const struct condition *c, const char *root)
{
	size_t len = strlen(root);

	if (c == NULL)
		return false;
	for (int i = 0; i < c->n_parts; i++)
		if (condition_mentions(c->parts[i], root))
			return true;
	for (int i = 0; i < c->n_paths; i++)
		if (strncmp(c->paths[i], root, len) == 0 &&
		    (c->paths[i][len] == '.' || c->paths[i][len] == '\0'))
			return true;
	return false;
}
