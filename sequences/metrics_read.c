/* SPDX-License-Identifier: MIT */
/*
 * metrics_read - the language of metrics.json: a kind of metric is a row of one
 * table. What can be known to be wrong is said here: names that are not there,
 * metrics that need each other in a circle, conditions whose value would hang
 * on the order of events.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sequences/calendar.h"
#include "sequences/metrics_private.h"
#include "templates/mem.h"

#define METRICS_MAX    1000
#define DEPTH_MAX      16 /* of all, any and not in one another */

#define TEXT_OR_OBJECT (READ_TEXT | READ_OBJECT)
#define NUMBER_KEYS    (METRIC_OF | METRIC_IF | METRIC_WINDOW)

/* A reader that knows whose metrics these are; readers get its first member. */
struct loader {
	struct reader reader;
	struct metrics *all;
	struct metric *metric; /* the one being read */
};

static struct loader *
loader_of(struct reader *r)
{
	return (struct loader *)r;
}

int
metric_index(const struct metrics *all, const char *name)
{
	int i = 0;

	while (i < all->n && strcmp(all->names[i], name) != 0)
		i++;
	return i < all->n ? i : -1;
}

/* -------------------------------------------- what is read from */

static bool
is_among(const char *const *list, const char *name)
{
	while (*list != NULL && strcmp(*list, name) != 0)
		list++;
	return *list != NULL;
}

/* An account's metrics see no user; those of events see no metric. */
static const char *const *
roots_of(const struct metric *m)
{
	static const char *const roots[2][2][6] = {
	    {{"account", "event", "user"}, {"account", "event"}},
	    {{"account", "metric", "now", "user"},
		{"account", "metric", "now"}}};

	return roots[m->kind->keep == NULL][m->for_account];
}

/*
 * The metric of that name, which must be a user's or an account's; -1 after an
 * error.
 */
static int
find_metric(struct reader *r, const char *path, bool for_account)
{
	const struct metrics *all = loader_of(r)->all;
	char *name = xstrndup(path, strcspn(path, "."));
	int i = metric_index(all, name);

	if (i < 0) {
		reader_unknown(r, "metric", name, all->names);
	} else if (all->list[i].for_account != for_account) {
		reader_error(r, "metric \"%s\" is %s", name,
		    for_account ? "a user's, not an account's"
				: "an account's; from a user it is "
				  "account.metric.NAME");
		i = -1;
	}
	free(name);
	return i;
}

static void
add_need(struct metric *m, int other)
{
	for (int i = 0; i < m->n_needs; i++)
		if (m->needs[i] == other)
			return;
	m->needs =
	    xrealloc(m->needs, (size_t)(m->n_needs + 1) * sizeof *m->needs);
	m->needs[m->n_needs++] = other;
}

static void
check_metric_path(struct reader *r, const char *path)
{
	struct metric *m = loader_of(r)->metric;
	int other;

	if (path[strlen("metric")] == '\0') {
		reader_error(r, "a metric is read by its name: metric.NAME");
		return;
	}
	other = find_metric(r, path + strlen("metric."), m->for_account);
	if (other >= 0)
		add_need(m, other);
}

static void
check_account_path(struct reader *r, const char *path)
{
	const struct metric *m = loader_of(r)->metric;
	const char *name = path + strlen("account.metric");

	if (strncmp(path, "account.metric", strlen("account.metric")) != 0 ||
	    (*name != '\0' && *name != '.'))
		return;
	if (m->kind->keep != NULL)
		reader_error(r, "the condition of an event sees no metrics");
	else if (m->for_account)
		reader_error(r, "an account's own metric is metric.NAME");
	else if (*name == '.')
		find_metric(r, name + 1, true);
}

/* A liquid_path_fn */
static void
check_path(void *arg, const char *path, int line, bool guarded)
{
	struct reader *r = arg;
	const char *const *roots = roots_of(loader_of(r)->metric);
	char *root = xstrndup(path, strcspn(path, "."));

	if (!is_among(roots, root))
		reader_unknown(r, "value", root, roots);
	else if (strcmp(root, "metric") == 0)
		check_metric_path(r, path);
	else if (strcmp(root, "account") == 0)
		check_account_path(r, path);
	free(root);
}

/* -------------------------------------------------- conditions */

static struct check *check_read(struct reader *, json_t *, int depth);

static void
read_liquid(struct reader *r, const char *text, struct check *c)
{
	struct error e;

	c->liquid = liquid_condition_compile(text, &e);
	if (c->liquid == NULL)
		reader_error(r, "the condition cannot be read: %s", e.text);
	else
		liquid_condition_paths(c->liquid, check_path, r);
}

static void
read_parts(struct reader *r, json_t *list, struct check *c, int depth)
{
	json_t *part;
	size_t i;

	if (json_array_size(list) == 0)
		reader_error(r, "a list of conditions is expected");
	c->parts = xcalloc(json_array_size(list) + 1, sizeof(struct check *));
	json_array_foreach(list, i, part)
	{
		char index[24];
		size_t mark;

		snprintf(index, sizeof index, "%zu", i);
		mark = reader_push(r, index);
		c->parts[c->n_parts++] = check_read(r, part, depth + 1);
		reader_pop(r, mark);
	}
}

static void
read_group(struct reader *r, json_t *value, struct check *c, int depth)
{
	static const char *const names[] = {
	    [CHECK_ALL] = "all", [CHECK_ANY] = "any", [CHECK_NOT] = "not"};
	const char *key = json_object_iter_key(json_object_iter(value));
	json_t *inner = json_object_get(value, key);
	int kind = CHECK_NOT;
	size_t mark;

	while (
	    kind > CHECK_LIQUID && key != NULL && strcmp(names[kind], key) != 0)
		kind--;
	if (json_object_size(value) != 1 || kind == CHECK_LIQUID) {
		reader_error(r,
		    "one of {\"all\": [..]}, {\"any\": [..]} and {\"not\": ..} "
		    "is expected");
		return;
	}
	c->kind = kind;
	mark = reader_push(r, key);
	if (kind == CHECK_NOT) {
		c->parts = xcalloc(1, sizeof(struct check *));
		c->parts[c->n_parts++] = check_read(r, inner, depth + 1);
	} else {
		read_parts(r, inner, c, depth);
	}
	reader_pop(r, mark);
}

static struct check *
check_read(struct reader *r, json_t *value, int depth)
{
	struct check *c = xcalloc(1, sizeof *c);

	if (depth > DEPTH_MAX)
		reader_error(
		    r, "conditions are nested more than %d deep", DEPTH_MAX);
	else if (json_is_string(value))
		read_liquid(r, json_string_value(value), c);
	else if (json_is_object(value))
		read_group(r, value, c, depth);
	else
		reader_error(
		    r, "a condition is expected: a string or an object");
	return c;
}

static void
check_free(struct check *c)
{
	if (c == NULL)
		return;
	for (int i = 0; i < c->n_parts; i++)
		check_free(c->parts[i]);
	free(c->parts);
	liquid_condition_free(c->liquid);
	free(c);
}

/* ------------------------------------------- values of the keys */

/* `into` is a struct check ** */
static void
read_check(struct reader *r, json_t *value, void *into)
{
	*(struct check **)into = check_read(r, value, 0);
}

/* Names were gone over for it before; here it is only checked. */
static void
read_for(struct reader *r, json_t *value, void *into)
{
	static const char *const names[] = {"user", "account", NULL};

	if (!is_among(names, json_string_value(value)))
		reader_unknown(
		    r, "kind of subject", json_string_value(value), names);
}

static void
read_window(struct reader *r, json_t *value, void *into)
{
	int64_t ms = -1;

	duration_parse(json_string_value(value), &ms);
	if (ms == 0)
		reader_error(r, "a window must be longer than 0");
	else
		read_duration(r, value, into);
}

static void
read_expr(struct reader *r, json_t *value, void *into)
{
	struct metric *m = loader_of(r)->metric;
	struct error e;

	m->expr = liquid_value_compile(json_string_value(value), &e);
	if (m->expr == NULL)
		reader_error(r, "the value cannot be read: %s", e.text);
	else
		liquid_value_paths(m->expr, check_path, r);
}

static void
read_milestone(struct reader *r, json_t *value, void *into)
{
	static const struct reader_key keys[] = {
	    {"name", READ_TEXT, read_text, offsetof(struct milestone, name),
		true},
	    {"if", TEXT_OR_OBJECT, read_check,
		offsetof(struct milestone, check), true},
	    {0},
	};

	reader_object(r, value, keys, into);
}

static void
read_milestones(struct reader *r, json_t *value, void *into)
{
	struct metric *m = loader_of(r)->metric;

	if (json_array_size(value) == 0)
		reader_error(r, "a list of milestones is expected");
	m->milestones = reader_list(
	    r, value, sizeof *m->milestones, read_milestone, &m->n_milestones);
}

static void
read_event(struct reader *r, json_t *value, void *into)
{
	read_text(r, value, &((struct metric *)into)->event);
}

static void
read_trait(struct reader *r, json_t *value, void *into)
{
	read_text(r, value, &((struct metric *)into)->trait);
}

/* ---------------------------------------------------- the kinds */

static const struct metric_kind kinds[] = {
    {"count", READ_TEXT, read_event, METRIC_IF | METRIC_WINDOW, 0,
	metric_keep_cell, metric_add, metric_value_count},
    {"sum", READ_TEXT, read_event, NUMBER_KEYS, METRIC_OF, metric_keep_cell,
	metric_add, metric_value_sum},
    {"min", READ_TEXT, read_event, NUMBER_KEYS, METRIC_OF, metric_keep_cell,
	fmin, metric_value_extreme},
    {"max", READ_TEXT, read_event, NUMBER_KEYS, METRIC_OF, metric_keep_cell,
	fmax, metric_value_extreme},
    {"avg", READ_TEXT, read_event, NUMBER_KEYS, METRIC_OF, metric_keep_cell,
	metric_add, metric_value_avg},
    {"latest", READ_TEXT, read_event, METRIC_OF | METRIC_IF, METRIC_OF,
	metric_keep_latest, NULL, metric_value_latest},
    {"first", READ_TEXT, read_event, METRIC_IF, 0, metric_keep_first, NULL,
	metric_value_time},
    {"last", READ_TEXT, read_event, METRIC_IF, 0, metric_keep_last, NULL,
	metric_value_time},
    {"distinct", READ_TEXT, read_event, NUMBER_KEYS, METRIC_OF,
	metric_keep_distinct, NULL, metric_value_distinct},
    {"trait", READ_TEXT, read_trait, 0, 0, NULL, NULL, metric_value_trait},
    {"expr", READ_TEXT, read_expr, 0, 0, NULL, NULL, metric_value_expr},
    {"milestones", READ_LIST, read_milestones, 0, 0, NULL, NULL,
	metric_value_milestones},
};
#define N_KINDS (sizeof kinds / sizeof *kinds)

/* What may stand beside the kind. */
static const struct {
	unsigned bit;
	struct reader_key key;
} beside[] = {
    {METRIC_OF,
	{"of", READ_TEXT, read_text, offsetof(struct metric, of), false}},
    {METRIC_IF, {"if", TEXT_OR_OBJECT, read_check,
		    offsetof(struct metric, check), false}},
    {METRIC_WINDOW, {"window", READ_TEXT, read_window,
			offsetof(struct metric, window_ms), false}},
};
#define N_BESIDE (sizeof beside / sizeof *beside)

static const struct metric_kind *
find_kind(const char *name)
{
	for (size_t i = 0; i < N_KINDS; i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

/* Says so when a metric is one that is counted over an account's members. */
static bool
is_over_members(struct reader *r, json_t *value)
{
	const char *key;
	json_t *member;

	json_object_foreach(value, key, member)
	{
		const char *text = json_string_value(member);
		const struct metric_kind *kind = find_kind(key);
		size_t mark;

		if (strcmp(key, "share") != 0 && strcmp(key, "among") != 0 &&
		    (kind == NULL || kind->keep == NULL || text == NULL ||
			strncmp(text, "metric.", strlen("metric.")) != 0))
			continue;
		mark = reader_push(r, key);
		reader_error(r,
		    "aggregates over the members of an account are not "
		    "available");
		reader_pop(r, mark);
		return true;
	}
	return false;
}

static void
complain_of_kind(struct reader *r, json_t *value)
{
	const char *names[N_KINDS + 1] = {0}, *key, *nearest = NULL;
	struct buf list = {0};
	json_t *member;

	for (size_t i = 0; i < N_KINDS; i++) {
		names[i] = kinds[i].name;
		buf_addf(&list, "%s%s", i > 0 ? ", " : "", names[i]);
	}
	json_object_foreach(value, key, member)
	{
		size_t mark = reader_push(r, key);

		if ((nearest = suggest(key, names)) != NULL)
			reader_error(r,
			    "unknown key \"%s\"; did you mean \"%s\"?", key,
			    nearest);
		reader_pop(r, mark);
		if (nearest != NULL)
			break;
	}
	if (nearest == NULL)
		reader_error(
		    r, "a metric has one of the keys %s", buf_str(&list));
	buf_free(&list);
}

/* The kind that its keys name; NULL, with an error, for none and for two. */
static const struct metric_kind *
read_kind(struct reader *r, json_t *value)
{
	const struct metric_kind *found = NULL;
	const char *key;
	json_t *member;

	if (is_over_members(r, value))
		return NULL;
	json_object_foreach(value, key, member)
	{
		const struct metric_kind *kind = find_kind(key);

		if (kind != NULL && found != NULL) {
			reader_error(r,
			    "a metric is one of \"%s\" and \"%s\", not both",
			    found->name, key);
			return NULL;
		}
		if (kind != NULL)
			found = kind;
	}
	if (found == NULL)
		complain_of_kind(r, value);
	return found;
}

static void
read_metric(struct reader *r, json_t *value, struct metric *m)
{
	struct reader_key keys[N_BESIDE + 3] = {0}, *key = keys;
	struct buf state = {0};

	loader_of(r)->metric = m;
	m->kind = read_kind(r, value);
	if (m->kind == NULL)
		return;
	*key++ = (struct reader_key){
	    m->kind->name, m->kind->types, m->kind->read, 0, true};
	*key++ = (struct reader_key){"for", READ_TEXT, read_for, 0, false};
	for (size_t i = 0; i < N_BESIDE; i++)
		if (m->kind->takes & beside[i].bit) {
			*key = beside[i].key;
			key++->is_required = m->kind->needs & beside[i].bit;
		}
	reader_object(r, value, keys, m);
	buf_addf(&state, "%s %s", m->name, m->kind->name);
	if (m->window_ms > 0)
		buf_addf(&state, " %lld", (long long)m->window_ms);
	m->key = buf_steal(&state);
}

/* ------------------------------------------------------ circles */

enum mark { MARK_NEW, MARK_OPEN, MARK_DONE };

struct walk {
	struct reader *reader;
	struct metrics *all;
	enum mark *marks;
	int *path; /* the open ones, from the first to the last */
	int n_path;
};

static void
complain_of_circle(struct walk *w, int again)
{
	struct buf circle = {0};
	int i = w->n_path;
	size_t mark;

	while (w->path[--i] != again)
		;
	for (; i < w->n_path; i++)
		buf_addf(
		    &circle, "%s, which needs ", w->all->names[w->path[i]]);
	mark = reader_push(w->reader, w->all->names[again]);
	reader_error(w->reader, "metrics need each other: %s%s",
	    buf_str(&circle), w->all->names[again]);
	reader_pop(w->reader, mark);
	buf_free(&circle);
}

static void
visit(struct walk *w, int i)
{
	const struct metric *m = &w->all->list[i];

	if (w->marks[i] == MARK_OPEN)
		complain_of_circle(w, i);
	if (w->marks[i] != MARK_NEW)
		return;
	w->marks[i] = MARK_OPEN;
	w->path[w->n_path++] = i;
	for (int need = 0; need < m->n_needs; need++)
		visit(w, m->needs[need]);
	w->n_path--;
	w->marks[i] = MARK_DONE;
}

static void
find_circles(struct reader *r, struct metrics *all)
{
	struct walk walk = {.reader = r, .all = all};

	walk.marks = xcalloc((size_t)all->n + 1, sizeof *walk.marks);
	walk.path = xcalloc((size_t)all->n + 1, sizeof *walk.path);
	for (int i = 0; i < all->n; i++)
		visit(&walk, i);
	free(walk.marks);
	free(walk.path);
}

/* ----------------------------------------------------- the file */

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool
is_name(const char *name)
{
	return strspn(name,
		   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
		   "0123456789") == strlen(name) &&
	       strspn(name, "0123456789") == 0 && *name != '\0';
}

/* Names first, and whose they are: any metric may read any other. */
static void
read_names(struct metrics *all, json_t *value)
{
	const char *name;
	json_t *one;

	json_object_foreach(value, name, one)
	{
		all->names[all->n++] = xstrdup(name);
	}
	qsort(all->names, (size_t)all->n, sizeof *all->names, compare_names);
	for (int i = 0; i < all->n; i++) {
		const char *subject = json_string_value(json_object_get(
		    json_object_get(value, all->names[i]), "for"));

		all->list[i].name = xstrdup(all->names[i]);
		all->list[i].for_account =
		    subject != NULL && strcmp(subject, "account") == 0;
	}
}

static void
read_metrics(struct reader *r, json_t *value, void *into)
{
	struct metrics *all = into;
	size_t n = json_object_size(value);
	const char *name;
	json_t *one;

	if (n > METRICS_MAX) {
		reader_error(r, "there are more than %d metrics", METRICS_MAX);
		return;
	}
	free(all->names);
	all->names = xcalloc(n + 1, sizeof *all->names);
	all->list = xcalloc(n + 1, sizeof *all->list);
	read_names(all, value);
	json_object_foreach(value, name, one)
	{
		size_t mark = reader_push(r, name);

		if (!is_name(name))
			reader_error(r,
			    "the name of a metric has letters, digits and _, "
			    "and no digit first");
		if (!json_is_object(one))
			reader_error(r, "an object is expected");
		else
			read_metric(
			    r, one, &all->list[metric_index(all, name)]);
		reader_pop(r, mark);
	}
	find_circles(r, all);
}

static void
read_file(struct metrics *all, const char *path, struct problems *problems)
{
	static const struct reader_key keys[] = {
	    {"$schema", READ_TEXT, read_nothing, 0, false},
	    {"metrics", READ_OBJECT, read_metrics, 0, true},
	    {0},
	};
	const char *slash = strrchr(path, '/');
	struct loader loader = {.reader.problems = problems, .all = all};
	struct json_doc doc;
	struct error e;

	if (json_doc_load(&doc, path, slash != NULL ? slash + 1 : path, &e) !=
	    0) {
		problems_add(problems, &e);
		return;
	}
	loader.reader.doc = &doc;
	reader_object(&loader.reader, doc.root, keys, all);
	buf_free(&loader.reader.at);
	json_doc_free(&doc);
}

struct metrics *
metrics_load(const char *path, struct problems *problems)
{
	struct metrics *all = xcalloc(1, sizeof *all);

	all->names = xcalloc(1, sizeof *all->names);
	if (access(path, F_OK) == 0 || errno != ENOENT)
		read_file(all, path, problems);
	return all;
}

void
metrics_free(struct metrics *all)
{
	if (all == NULL)
		return;
	for (int i = 0; i < all->n; i++) {
		struct metric *m = &all->list[i];

		for (int j = 0; j < m->n_milestones; j++) {
			free(m->milestones[j].name);
			check_free(m->milestones[j].check);
		}
		check_free(m->check);
		liquid_value_free(m->expr);
		free(m->milestones);
		free(m->name);
		free(m->event);
		free(m->of);
		free(m->key);
		free(m->trait);
		free(m->needs);
		free((char *)all->names[i]);
	}
	free(all->names);
	free(all->list);
	free(all);
}
