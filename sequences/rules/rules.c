/* SPDX-License-Identifier: MIT */
/*
 * rules - finding the files of a workspace's definitions and holding what they
 * say. A file that is not a sequence's by its name is left alone, so that notes
 * can lie beside; one that is and cannot be read is an error.
 */
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "sequences/rules/lint.h"
#include "sequences/rules/rules_private.h"
#include "templates/mem.h"

static int
is_definition(const struct dirent *entry)
{
	return fnmatch("?*.json", entry->d_name, FNM_PERIOD) == 0;
}

/* File names in the order of bytes, whatever the locale. */
static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void
read_sequence(const struct rules *rules, struct sequence *q, const char *name,
    const struct json_doc *doc, const struct rules_context *context,
    struct problems *problems)
{
	struct reader reader = {.doc = doc,
	    .problems = problems,
	    .context = context,
	    .metrics = metrics_names(rules->metrics),
	    .all_metrics = rules->metrics};

	sequence_read(q, name, &reader);
	buf_free(&reader.at);
}

static void
load_file(struct rules *rules, const char *folder, const char *file,
    const struct rules_context *context, struct problems *problems)
{
	struct buf path = {0}, shown = {0};
	struct json_doc doc;
	struct error e;

	buf_addf(&shown, "sequences/%s", file);
	buf_addf(&path, "%s/%s", folder, buf_str(&shown));
	if (json_doc_load(&doc, buf_str(&path), buf_str(&shown), &e) != 0) {
		problems_add(problems, &e);
	} else {
		char *name = xstrndup(file, strlen(file) - strlen(".json"));

		read_sequence(rules, &rules->sequences[rules->n_sequences++],
		    name, &doc, context, problems);
		free(name);
		json_doc_free(&doc);
	}
	buf_free(&path);
	buf_free(&shown);
}

static void
load_sequences(struct rules *rules, const char *folder,
    const struct rules_context *context, struct problems *problems)
{
	struct buf path = {0};
	struct dirent **files;
	struct error e;
	int n;

	buf_addf(&path, "%s/sequences", folder);
	n = scandir(buf_str(&path), &files, is_definition, by_name);
	buf_free(&path);
	if (n < 0) {
		error_at(&e, "sequences", 0, 0, NULL, "cannot be read: %s%s",
		    strerror(errno),
		    errno == ENOENT ? "; where there are no sequences it is an "
				      "empty folder"
				    : "");
		problems_add(problems, &e);
		return;
	}
	rules->sequences = xcalloc((size_t)n + 1, sizeof *rules->sequences);
	for (int i = 0; i < n; i++) {
		load_file(rules, folder, files[i]->d_name, context, problems);
		free(files[i]);
	}
	free(files);
}

static int
compare_names(const void *a, const void *b)
{
	const struct sequence *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* ----------------------------------------------------- numbers */

/* A way in is another one when a metric that it reads is. */
static void
number_watches(struct rules *rules, struct sequence *q)
{
	for (int i = 0; i < q->enter.n; i++) {
		struct trigger *t = &q->enter.list[i];
		struct buf what = {0}, text = {0};

		if (t->text == NULL)
			continue;
		buf_addf(&what, "watch %s", q->name);
		buf_adds(&text, t->text);
		if (t->metric != NULL)
			metrics_sources(rules->metrics, t->metric, &text);
		t->number = numbers_take(
		    &rules->numbers, buf_str(&what), buf_str(&text));
		buf_free(&what);
		buf_free(&text);
	}
}

static void
number_sequence(struct rules *rules, struct sequence *q)
{
	struct buf what = {0};

	buf_addf(&what, "sequence %s", q->name);
	q->number = numbers_take(&rules->numbers, buf_str(&what), q->text);
	buf_free(&what);
	number_watches(rules, q);
}

/* An older version that people may be in: "NAME NUMBER" and its file's text. */
static void
load_version(struct rules *rules, const char *key, json_t *kept,
    const struct rules_context *context, struct problems *problems)
{
	const char *space = strrchr(key, ' ');
	char *name = xstrndup(key, space != NULL ? (size_t)(space - key) : 0);
	int number = space != NULL ? atoi(space + 1) : 0;
	const struct sequence *current = rules_sequence(rules, name);
	char *text = json_dumps(kept, JSON_COMPACT | JSON_SORT_KEYS);
	struct buf shown = {0};
	struct json_doc doc;
	struct error e;

	buf_addf(&shown, "sequences/%s.json, version %d", name, number);
	if (current != NULL && current->number == number) {
		/* nothing has changed */
	} else if (json_doc_parse(
		       &doc, buf_str(&shown), text, strlen(text), &e) != 0) {
		problems_add(problems, &e);
	} else {
		struct sequence *q = &rules->pinned[rules->n_pinned++];

		read_sequence(rules, q, name, &doc, context, problems);
		q->number = number;
		json_doc_free(&doc);
	}
	buf_free(&shown);
	free(text);
	free(name);
}

static int
compare_numbers(const void *a, const void *b)
{
	const struct sequence *x = a, *y = b;

	return x->number - y->number;
}

static void
load_versions(struct rules *rules, json_t *versions,
    const struct rules_context *context, struct problems *problems)
{
	const char *key;
	json_t *kept;

	rules->pinned =
	    xcalloc(json_object_size(versions) + 1, sizeof *rules->pinned);
	json_object_foreach(versions, key, kept)
	{
		load_version(rules, key, kept, context, problems);
	}
	if (rules->n_pinned > 0)
		qsort(rules->pinned, (size_t)rules->n_pinned,
		    sizeof *rules->pinned, compare_numbers);
}

/* By it days and windows are told; UTC is what there is without one. */
static void
number_zone(struct rules *rules)
{
	const char *name = zone_name(rules->zone);

	if (strcmp(name, "UTC") != 0)
		numbers_take(&rules->numbers, "timezone", name);
}

/* Definitions must be right before they can be numbered. */
static void
number_all(struct rules *rules, const struct rules_context *context,
    struct problems *problems)
{
	json_t *known =
	    context->known != NULL ? json_loads(context->known, 0, NULL) : NULL;

	numbers_load(&rules->numbers, known);
	metrics_number(rules->metrics, &rules->numbers);
	for (int i = 0; i < rules->n_sequences; i++)
		number_sequence(rules, &rules->sequences[i]);
	number_zone(rules);
	numbers_end(&rules->numbers);
	load_versions(
	    rules, json_object_get(known, "versions"), context, problems);
	rules->is_settled = known == NULL || !rules->numbers.is_new;
	json_decref(known);
}

static void
add_version(json_t *versions, const struct sequence *q)
{
	struct buf key = {0};

	buf_addf(&key, "%s %d", q->name, q->number);
	json_object_set_new(
	    versions, buf_str(&key), json_loads(q->text, 0, NULL));
	buf_free(&key);
}

void
rules_definitions(const struct rules *rules, struct buf *out)
{
	json_t *all = numbers_save(&rules->numbers), *versions = json_object();
	char *text;

	for (int i = 0; i < rules->n_sequences; i++)
		if (rules->sequences[i].is_pinned)
			add_version(versions, &rules->sequences[i]);
	for (int i = 0; i < rules->n_pinned; i++)
		if (!rules->pinned[i].is_unused)
			add_version(versions, &rules->pinned[i]);
	json_object_set_new(all, "versions", versions);
	text = json_dumps(all, JSON_COMPACT | JSON_SORT_KEYS);
	buf_adds(out, text);
	free(text);
	json_decref(all);
}

void
rules_keep_versions(struct rules *rules, const int *versions, int n)
{
	for (int i = 0; i < rules->n_pinned; i++) {
		struct sequence *q = &rules->pinned[i];

		q->is_unused = true;
		for (int k = 0; k < n; k++)
			q->is_unused &= q->number != versions[k];
	}
}

int
rules_newest(const struct rules *rules)
{
	return rules->numbers.last;
}

bool
rules_is_settled(const struct rules *rules)
{
	return rules->is_settled;
}

void
rules_settle(struct rules *rules)
{
	rules->is_settled = true;
}

void
rules_unsettle(struct rules *rules)
{
	rules->is_settled = false;
}

bool
rules_has_watch(const struct rules *rules, int number)
{
	for (int i = 0; i < rules->n_sequences; i++)
		for (int k = 0; k < rules->sequences[i].enter.n; k++)
			if (rules->sequences[i].enter.list[k].number == number)
				return true;
	return false;
}

/* ----------------------------------------------------- loading */

/* Metrics whose change by time alone somebody must notice. */
static void
find_watched(struct rules *rules)
{
	const char *const *members = metrics_of_members(rules->metrics);
	int n[3] = {0}, most = 1;

	for (int i = 0; i < rules->n_sequences; i++)
		most += rules->sequences[i].enter.n;
	for (int i = 0; members[i] != NULL; i++)
		most++;
	for (int kind = SUBJECT_USER; kind <= SUBJECT_ACCOUNT; kind++)
		rules->watched[kind] =
		    xcalloc((size_t)most, sizeof *rules->watched[kind]);
	for (int i = 0; members[i] != NULL; i++)
		rules->watched[SUBJECT_USER][n[SUBJECT_USER]++] = members[i];
	for (int i = 0; i < rules->n_sequences; i++) {
		const struct sequence *q = &rules->sequences[i];
		int kind = q->for_account ? SUBJECT_ACCOUNT : SUBJECT_USER;

		for (int k = 0; k < q->enter.n; k++)
			if (q->enter.list[k].metric != NULL)
				rules->watched[kind][n[kind]++] =
				    q->enter.list[k].metric;
	}
}

struct rules *
rules_load(const char *folder, const struct rules_context *context,
    struct problems *problems)
{
	struct rules *rules = xcalloc(1, sizeof *rules);
	struct buf path = {0};
	struct problems follow_ups = {0};
	int errors = problems->errors;
	bool is_blind;

	buf_addf(&path, "%s/metrics.json", folder);
	rules->metrics = metrics_load(buf_str(&path), context, problems);
	buf_free(&path);
	/* Every use of a metric would seem wrong. */
	is_blind = problems->errors > errors &&
		   metrics_names(rules->metrics)[0] == NULL;
	rules->zone = context->zone != NULL ? context->zone : zone_utc();
	load_sequences(
	    rules, folder, context, is_blind ? &follow_ups : problems);
	problems_free(&follow_ups);
	/* "a-b.json" comes before "a.json", "a" before "a-b". */
	if (rules->n_sequences > 0)
		qsort(rules->sequences, (size_t)rules->n_sequences,
		    sizeof *rules->sequences, compare_names);
	if (problems->errors == errors) {
		number_all(rules, context, problems);
		find_watched(rules);
		rules_follow(rules);
	}
	if (problems->errors == 0 && context->templates != NULL)
		lint_templates(context->templates, problems);
	return rules;
}

void
rules_free(struct rules *rules)
{
	if (rules == NULL)
		return;
	for (int i = 0; i < rules->n_sequences; i++)
		sequence_free(&rules->sequences[i]);
	for (int i = 0; i < rules->n_pinned; i++)
		sequence_free(&rules->pinned[i]);
	free(rules->sequences);
	free(rules->pinned);
	free(rules->watched[SUBJECT_USER]);
	free(rules->watched[SUBJECT_ACCOUNT]);
	rules_follow_free(rules);
	numbers_free(&rules->numbers);
	metrics_free(rules->metrics);
	free(rules);
}

int
rules_count(const struct rules *rules)
{
	return rules->n_sequences;
}

struct sequence_info
rules_info(const struct rules *rules, int index)
{
	const struct sequence *q = &rules->sequences[index];
	struct sequence_info info = {.name = q->name,
	    .description = q->description,
	    .topic = q->topic,
	    .for_account = q->for_account,
	    .n_steps = q->n_steps,
	    .definition = q->text};

	for (int i = 0; i < q->enter.n; i++)
		if (q->enter.list[i].kind == TRIGGER_MANUAL)
			info.is_manual = true;
	return info;
}

const struct sequence *
rules_sequence(const struct rules *rules, const char *name)
{
	struct sequence key = {.name = (char *)name};

	if (rules->n_sequences == 0)
		return NULL;
	return bsearch(&key, rules->sequences, (size_t)rules->n_sequences,
	    sizeof key, compare_names);
}
