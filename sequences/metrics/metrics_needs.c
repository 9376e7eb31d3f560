/* SPDX-License-Identifier: MIT */
/*
 * metrics_needs - who is worked out of whom, once all metrics are read: circles
 * are errors, also those through an account (a share of its members' metrics
 * that read the account's); what a metric depends on stands in its `sources`,
 * so that nobody else walks the graph.
 */
#include <stdlib.h>
#include <string.h>

#include "sequences/metrics/metrics_private.h"
#include "templates/mem.h"

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
find_circles(struct metrics *all, struct reader *r)
{
	struct walk walk = {.reader = r, .all = all};

	walk.marks = xcalloc((size_t)all->n + 1, sizeof *walk.marks);
	walk.path = xcalloc((size_t)all->n + 1, sizeof *walk.path);
	for (int i = 0; i < all->n; i++)
		visit(&walk, i);
	free(walk.marks);
	free(walk.path);
}

/* ------------------------------------------------------ sources */

static void
mark_sources(const struct metrics *all, int i, bool *is_source)
{
	if (is_source[i])
		return;
	is_source[i] = true;
	for (int need = 0; need < all->list[i].n_needs; need++)
		mark_sources(all, all->list[i].needs[need], is_source);
}

static void
find_sources(struct metrics *all)
{
	for (int i = 0; i < all->n; i++) {
		struct metric *m = &all->list[i];
		bool *is_source = xcalloc((size_t)all->n, sizeof *is_source);

		mark_sources(all, i, is_source);
		m->sources = xcalloc((size_t)all->n, sizeof *m->sources);
		for (int k = 0; k < all->n; k++)
			if (is_source[k])
				m->sources[m->n_sources++] = k;
		free(is_source);
	}
}

/* Time passes without an event, and no member is looked at for that. */
static void
warn_of_now(struct metrics *all, struct reader *r)
{
	for (int i = 0; i < all->n_of_members; i++) {
		const char *name = all->of_members[i]->name;
		size_t mark = reader_push(r, name);

		if (metrics_read_now(all, name))
			reader_warn(r, "reads-now",
			    "what members add to \"%s\" hangs on the time "
			    "(now): it is as of each member's last event",
			    name);
		reader_pop(r, mark);
	}
}

/* -------------------------------------------------------- lists */

/* Of the same event in the order of names. */
static int
compare_events(const void *a, const void *b)
{
	const struct metric *x = *(const struct metric *const *)a,
			    *y = *(const struct metric *const *)b;
	int order = strcmp(x->event, y->event);

	return order != 0 ? order : strcmp(x->name, y->name);
}

static void
list_names(struct metrics *all)
{
	int n[2] = {0};

	for (int i = 0; i < 2; i++)
		all->names_for[i] =
		    xcalloc((size_t)all->n + 1, sizeof *all->names_for[i]);
	for (int i = 0; i < all->n; i++) {
		bool for_account = all->list[i].for_account;

		all->names_for[for_account][n[for_account]++] = all->names[i];
	}
}

static void
list_metrics(struct metrics *all)
{
	size_t n = (size_t)all->n + 1;

	all->by_event = xcalloc(n, sizeof *all->by_event);
	all->of_members = xcalloc(n, sizeof *all->of_members);
	for (int i = 0; i < all->n; i++) {
		const struct metric *m = &all->list[i];

		if (m->event != NULL)
			all->by_event[all->n_by_event++] = m;
		if (m->kind != NULL && m->kind->put != NULL)
			all->of_members[all->n_of_members++] = m;
	}
	qsort(all->by_event, (size_t)all->n_by_event, sizeof *all->by_event,
	    compare_events);
}

static void
list_members_read(struct metrics *all)
{
	bool *is_read = xcalloc((size_t)all->n + 1, sizeof *is_read);
	int n = 0;

	for (int i = 0; i < all->n_of_members; i++) {
		const struct metric *m = all->of_members[i];

		for (int need = 0; need < m->n_needs; need++)
			is_read[m->needs[need]] = true;
	}
	all->members_read =
	    xcalloc((size_t)all->n + 1, sizeof *all->members_read);
	for (int i = 0; i < all->n; i++)
		if (is_read[i])
			all->members_read[n++] = all->names[i];
	free(is_read);
}

void
metrics_connect(struct metrics *all, struct reader *r)
{
	find_circles(all, r);
	find_sources(all);
	list_names(all);
	list_metrics(all);
	list_members_read(all);
	warn_of_now(all, r);
}
