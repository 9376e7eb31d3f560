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

#include "sequences/rules_private.h"
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
		struct reader reader = {.doc = &doc,
		    .problems = problems,
		    .context = context,
		    .metrics = metrics_names(rules->metrics)};
		char *name = xstrndup(file, strlen(file) - strlen(".json"));

		sequence_read(
		    &rules->sequences[rules->n_sequences++], name, &reader);
		buf_free(&reader.at);
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
	if (n < 0 && errno != ENOENT) {
		error_at(&e, "sequences", 0, 0, NULL, "cannot be read: %s",
		    strerror(errno));
		problems_add(problems, &e);
	}
	buf_free(&path);
	if (n < 0)
		return;
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

struct rules *
rules_load(const char *folder, const struct rules_context *context,
    struct problems *problems)
{
	struct rules *rules = xcalloc(1, sizeof *rules);
	struct buf path = {0};

	buf_addf(&path, "%s/metrics.json", folder);
	rules->metrics = metrics_load(buf_str(&path), problems);
	buf_free(&path);
	rules->zone = context->zone != NULL ? context->zone : zone_utc();
	load_sequences(rules, folder, context, problems);
	/* "a-b.json" comes before "a.json", "a" before "a-b". */
	if (rules->n_sequences > 0)
		qsort(rules->sequences, (size_t)rules->n_sequences,
		    sizeof *rules->sequences, compare_names);
	return rules;
}

void
rules_free(struct rules *rules)
{
	if (rules == NULL)
		return;
	for (int i = 0; i < rules->n_sequences; i++)
		sequence_free(&rules->sequences[i]);
	free(rules->sequences);
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
	    .n_steps = q->n_steps};

	for (int i = 0; i < q->enter.n; i++)
		if (q->enter.list[i].kind == TRIGGER_MANUAL)
			info.is_manual = true;
	return info;
}

int
rules_find(const struct rules *rules, const char *name)
{
	const struct sequence *q = rules_sequence(rules, name);

	return q != NULL ? (int)(q - rules->sequences) : -1;
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
