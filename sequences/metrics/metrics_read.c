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
#include "sequences/rules/condition.h"
#include "sequences/metrics/metrics_private.h"
#include "templates/mem.h"

#define METRICS_MAX    1000

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

/* -------------------------------------------- what is read from */

/* Does its `metric` mean the account's? Members' parts are of a user. */
static bool
sees_account(const struct metric *m)
{
	return m->for_account && m->kind->put == NULL;
}

/* An account's metrics see no user; those of events see no metric. */
static const char *const *
roots_of(const struct metric *m)
{
	static const char *const roots[2][2][6] = {
	    {{"account", "event", "user"}, {"account", "event"}},
	    {{"account", "metric", "now", "user"},
		{"account", "metric", "now"}}};

	return roots[m->kind->keep == NULL][sees_account(m)];
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
	other = find_metric(r, path + strlen("metric."), sees_account(m));
	if (other >= 0)
		add_need(m, other);
}

static void
check_account_path(struct reader *r, const char *path)
{
	struct metric *m = loader_of(r)->metric;
	const char *name = path + strlen("account.metric");
	int other;

	if (strncmp(path, "account.metric", strlen("account.metric")) != 0 ||
	    (*name != '\0' && *name != '.'))
		return;
	if (m->kind->keep != NULL) {
		reader_error(r, "the condition of an event sees no metrics");
	} else if (m->kind->put != NULL) {
		reader_error(r, "what is over the members sees none of the "
				"account's metrics");
	} else if (m->for_account) {
		reader_error(r, "an account's own metric is metric.NAME");
	} else if (*name == '\0') {
		reader_error(
		    r, "a metric is read by its name: account.metric.NAME");
	} else {
		other = find_metric(r, name + 1, true);
		if (other >= 0)
			add_need(m, other);
	}
}

static void
check_path(struct reader *r, const char *path)
{
	struct metric *m = loader_of(r)->metric;
	const char *const *roots = roots_of(m);
	char *root = xstrndup(path, strcspn(path, "."));

	m->reads_account |= strcmp(root, "account") == 0;
	if (!name_is_among(root, roots))
		reader_unknown(r, "value", root, roots);
	else if (strcmp(root, "metric") == 0)
		check_metric_path(r, path);
	else if (strcmp(root, "account") == 0)
		check_account_path(r, path);
	else if (strcmp(root, "now") == 0)
		m->reads_now = true;
	free(root);
}

/* Of "user.team.size" it is the team that must be there. */
static void
add_operand(struct metric *m, const char *path)
{
	size_t root = strcspn(path, ".");
	const char *name = path[root] == '.' ? path + root + 1 : NULL;
	struct operand *o;

	m->operands = xrealloc(
	    m->operands, (size_t)(m->n_operands + 1) * sizeof *m->operands);
	o = &m->operands[m->n_operands++];
	o->root = xstrndup(path, root);
	o->name = name != NULL ? xstrndup(name, strcspn(name, ".")) : NULL;
}

/* A liquid_path_fn */
static void
check_value_path(void *arg, const struct liquid_path *path)
{
	check_path(arg, path->text);
	reader_check_name(arg, path);
	if (!path->is_guarded)
		add_operand(loader_of(arg)->metric, path->text);
}

/* ------------------------------------------- values of the keys */

/* Names were gone over for it before; here it is only checked. */
static void
read_for(struct reader *r, json_t *value, void *into)
{
	static const char *const names[] = {"user", "account", NULL};

	if (!name_is_among(json_string_value(value), names))
		reader_unknown(
		    r, "kind of subject", json_string_value(value), names);
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
		liquid_value_paths(m->expr, check_value_path, r);
}

static void
read_milestone(struct reader *r, json_t *value, void *into)
{
	static const struct reader_key keys[] = {
	    {"name", READ_TEXT, read_text, offsetof(struct milestone, name),
		true},
	    {"if", TEXT_OR_OBJECT, condition_read,
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
read_check(struct reader *r, json_t *value, void *into)
{
	condition_read(r, value, &((struct metric *)into)->check);
}

static void
read_trait(struct reader *r, json_t *value, void *into)
{
	struct metric *m = into;
	struct buf path = {0};

	read_text(r, value, &m->trait);
	buf_addf(&path, "%s.%s", m->for_account ? "account" : "user",
	    json_string_value(value));
	reader_check_name(
	    r, &(struct liquid_path){.text = path.data, .is_guarded = true});
	buf_free(&path);
}

/* ---------------------------------------------------- the kinds */

/* Those over members come last: they have the names of others. */
static const struct metric_kind kinds[] = {
    {"count", READ_TEXT, read_event, METRIC_IF | METRIC_WINDOW, 0,
	metric_value_count, .keep = metric_keep_cell, .merge = metric_add},
    {"sum", READ_TEXT, read_event, NUMBER_KEYS, METRIC_OF, metric_value_sum,
	.keep = metric_keep_cell, .merge = metric_add},
    {"min", READ_TEXT, read_event, NUMBER_KEYS, METRIC_OF, metric_value_extreme,
	.keep = metric_keep_cell, .merge = fmin},
    {"max", READ_TEXT, read_event, NUMBER_KEYS, METRIC_OF, metric_value_extreme,
	.keep = metric_keep_cell, .merge = fmax},
    {"avg", READ_TEXT, read_event, NUMBER_KEYS, METRIC_OF, metric_value_avg,
	.keep = metric_keep_cell, .merge = metric_add},
    {"latest", READ_TEXT, read_event, METRIC_OF | METRIC_IF, METRIC_OF,
	metric_value_latest, .keep = metric_keep_latest},
    {"first", READ_TEXT, read_event, METRIC_IF, 0, metric_value_time,
	.keep = metric_keep_first},
    {"last", READ_TEXT, read_event, METRIC_IF, 0, metric_value_time,
	.keep = metric_keep_last},
    {"distinct", READ_TEXT, read_event, NUMBER_KEYS, METRIC_OF,
	metric_value_distinct, .keep = metric_keep_distinct},
    {"trait", READ_TEXT, read_trait, 0, 0, .value = metric_value_trait},
    {"expr", READ_TEXT, read_expr, 0, 0, .value = metric_value_expr},
    {"milestones", READ_LIST, read_milestones, 0, 0,
	.value = metric_value_milestones},

    {"share", TEXT_OR_OBJECT, read_check, METRIC_AMONG, 0, member_value_avg,
	.put = member_put_sum, .part = member_part_share},
    {"count", TEXT_OR_OBJECT, read_check, METRIC_AMONG, 0, member_value_count,
	.put = member_put_sum, .part = member_part_count},
    {"sum", READ_TEXT, read_expr, METRIC_AMONG, 0, member_value_sum,
	.put = member_put_sum, .part = member_part_number},
    {"avg", READ_TEXT, read_expr, METRIC_AMONG, 0, member_value_avg,
	.put = member_put_sum, .part = member_part_number},
    {"min", READ_TEXT, read_expr, METRIC_AMONG, 0, member_value_extreme,
	.put = member_put_extreme, .merge = fmin, .part = member_part_number},
    {"max", READ_TEXT, read_expr, METRIC_AMONG, 0, member_value_extreme,
	.put = member_put_extreme, .merge = fmax, .part = member_part_number},
};
#define N_KINDS (sizeof kinds / sizeof *kinds)

/* What may stand beside the kind. */
static const struct {
	unsigned bit;
	struct reader_key key;
} beside[] = {
    {METRIC_OF,
	{"of", READ_TEXT, read_text, offsetof(struct metric, of), false}},
    {METRIC_IF, {"if", TEXT_OR_OBJECT, condition_read,
		    offsetof(struct metric, check), false}},
    {METRIC_WINDOW, {"window", READ_TEXT, read_period,
			offsetof(struct metric, window_ms), false}},
    {METRIC_AMONG, {"among", TEXT_OR_OBJECT, condition_read,
		       offsetof(struct metric, among), false}},
};
#define N_BESIDE (sizeof beside / sizeof *beside)

/*
 * Is the kind one over the members of an account? Then it reads something of a
 * member; else it is the name of an event.
 */
static bool
is_over_members(const struct metric *m, json_t *value, const char *key)
{
	json_t *read = json_object_get(value, key);
	const char *text = json_string_value(read);

	if (strcmp(key, "share") == 0)
		return true;
	if (!m->for_account || reader_has(value, "of"))
		return false;
	return json_is_object(read) ||
	       (text != NULL && (strstr(text, "metric.") != NULL ||
				    strstr(text, "user.") != NULL));
}

static const struct metric_kind *
find_kind(const struct metric *m, json_t *value, const char *key)
{
	bool is_over = is_over_members(m, value, key);
	const struct metric_kind *found = NULL;

	for (size_t i = 0; i < N_KINDS; i++)
		if (strcmp(kinds[i].name, key) == 0 &&
		    (kinds[i].put == NULL || is_over))
			found = &kinds[i];
	return found;
}

static void
complain_of_kind(struct reader *r, json_t *value)
{
	const char *names[N_KINDS + 1] = {0}, *key, *nearest = NULL;
	struct buf list = {0};
	json_t *member;

	for (size_t i = 0, n = 0; i < N_KINDS; i++) {
		if (name_is_among(kinds[i].name, names))
			continue;
		names[n] = kinds[i].name;
		buf_addf(&list, "%s%s", n++ > 0 ? ", " : "", kinds[i].name);
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
read_kind(struct reader *r, const struct metric *m, json_t *value)
{
	const struct metric_kind *found = NULL;
	const char *key;
	json_t *member;

	json_object_foreach(value, key, member)
	{
		const struct metric_kind *kind = find_kind(m, value, key);

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

	loader_of(r)->metric = m;
	m->kind = read_kind(r, m, value);
	if (m->kind == NULL)
		return;
	if (m->kind->put != NULL && !m->for_account)
		reader_error(r,
		    "a share is over the members of an account: \"for\": "
		    "\"account\" is missing");
	*key++ = (struct reader_key){
	    m->kind->name, m->kind->types, m->kind->read, 0, true};
	*key++ = (struct reader_key){"for", READ_TEXT, read_for, 0, false};
	for (size_t i = 0; i < N_BESIDE; i++)
		if (m->kind->takes & beside[i].bit) {
			*key = beside[i].key;
			key++->is_required = m->kind->needs & beside[i].bit;
		}
	reader_object(r, value, keys, m);
	m->text = json_dumps(value, JSON_SORT_KEYS | JSON_COMPACT);
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
		all->names[all->n++] = name;
	}
	qsort(all->names, (size_t)all->n, sizeof *all->names, compare_names);
	for (int i = 0; i < all->n; i++) {
		const char *subject = json_string_value(json_object_get(
		    json_object_get(value, all->names[i]), "for"));

		all->list[i].name = xstrdup(all->names[i]);
		all->names[i] = all->list[i].name;
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
	metrics_connect(all, r);
}

static void
read_file(struct metrics *all, const char *path,
    const struct rules_context *context, struct problems *problems)
{
	static const struct reader_key keys[] = {
	    {"$schema", READ_TEXT, read_nothing, 0, false},
	    {"metrics", READ_OBJECT, read_metrics, 0, true},
	    {0},
	};
	const char *slash = strrchr(path, '/');
	struct loader loader = {.reader = {.problems = problems,
				    .context = context,
				    .check_path = check_path},
	    .all = all};
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
metrics_load(const char *path, const struct rules_context *context,
    struct problems *problems)
{
	struct metrics *all = xcalloc(1, sizeof *all);

	if (access(path, F_OK) == 0 || errno != ENOENT)
		read_file(all, path, context, problems);
	if (all->names == NULL) { /* there are none */
		all->names = xcalloc(1, sizeof *all->names);
		metrics_connect(all, NULL);
	}
	return all;
}

static void
metric_free(struct metric *m)
{
	for (int i = 0; i < m->n_milestones; i++) {
		free(m->milestones[i].name);
		condition_free(m->milestones[i].check);
	}
	for (int i = 0; i < m->n_operands; i++) {
		free(m->operands[i].root);
		free(m->operands[i].name);
	}
	free(m->operands);
	condition_free(m->check);
	condition_free(m->among);
	liquid_value_free(m->expr);
	free(m->milestones);
	free(m->name);
	free(m->text);
	free(m->key);
	free(m->event);
	free(m->of);
	free(m->trait);
	free(m->needs);
	free(m->sources);
}

void
metrics_free(struct metrics *all)
{
	if (all == NULL)
		return;
	for (int i = 0; i < all->n; i++)
		metric_free(&all->list[i]);
	free(all->list);
	free(all->names);
	free(all->names_for[0]);
	free(all->names_for[1]);
	free(all->by_event);
	free(all->of_members);
	free(all->members_read);
	free(all);
}
