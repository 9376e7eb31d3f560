/* SPDX-License-Identifier: MIT */
/*
 * metrics - events put into the state of metrics, and values worked out of it.
 *
 * subject->kept has one array a metric that leaves something behind, under
 * its name and number, so that what another definition left is never taken for
 * this one's: {"tasks 3": [0, 5, 0], "tasks_7d 4": [..]}. What is in it is the
 * kind's own affair: metrics_value.c, members.c.
 */
#include <stdlib.h>
#include <string.h>

#include "sequences/metrics/metrics_private.h"
#include "templates/mem.h"

static int
compare_name(const void *name, const void *one)
{
	return strcmp(name, *(const char *const *)one);
}

int
metric_index(const struct metrics *all, const char *name)
{
	const char **found = bsearch(
	    name, all->names, (size_t)all->n, sizeof *all->names, compare_name);

	return found != NULL ? (int)(found - all->names) : -1;
}

bool
metric_is_of(const struct metric *m, const struct subject *s)
{
	return m->for_account == (s->kind == SUBJECT_ACCOUNT);
}

json_t *
metric_state(const struct metric *m, const struct subject *s)
{
	json_t *state = m->key != NULL ? subject_kept(s, m->key) : NULL;

	return json_is_array(state) ? state : NULL;
}

const char *const *
metrics_names(const struct metrics *all)
{
	return all->names;
}

const char *const *
metrics_names_for(const struct metrics *all, bool for_account)
{
	return all->names_for[for_account];
}

const char *const *
metrics_of_members(const struct metrics *all)
{
	return all->members_read;
}

/* ----------------------------------------------------- numbers */

static void
add_source(const struct metric *m, struct buf *out)
{
	if (m->number > 0)
		buf_addf(out, " %s %d", m->name, m->number);
	else
		buf_addf(out, " %s %s", m->name, m->text);
}

/* One over members is another one when what it is made of is. */
static void
number_metric(struct metrics *all, struct metric *m, struct numbers *numbers)
{
	struct buf what = {0}, text = {0}, key = {0};

	if (m->number > 0 || (m->kind->keep == NULL && m->kind->put == NULL))
		return;
	buf_adds(&text, m->text);
	for (int i = 0; i < m->n_sources; i++) {
		struct metric *source = &all->list[m->sources[i]];

		if (source == m)
			continue;
		number_metric(all, source, numbers);
		add_source(source, &text);
	}
	buf_addf(&what, "metric %s", m->name);
	m->number = numbers_take(numbers, buf_str(&what), buf_str(&text));
	buf_addf(&key, "%s %d", m->name, m->number);
	m->key = buf_steal(&key);
	buf_free(&what);
	buf_free(&text);
}

void
metrics_number(struct metrics *all, struct numbers *numbers)
{
	for (int i = 0; i < all->n; i++)
		number_metric(all, &all->list[i], numbers);
}

void
metrics_sources(const struct metrics *all, const char *name, struct buf *out)
{
	int index = metric_index(all, name);
	const struct metric *m = index >= 0 ? &all->list[index] : NULL;

	for (int i = 0; m != NULL && i < m->n_sources; i++)
		add_source(&all->list[m->sources[i]], out);
}

bool
metrics_want_events(const struct metrics *all, int above)
{
	for (int i = 0; i < all->n_by_event; i++)
		if (all->by_event[i]->number > above)
			return true;
	return false;
}

/* Of those over members, a user keeps its part. */
static bool
is_known_key(
    const struct metrics *all, const struct subject *s, const char *key)
{
	char *name = xstrndup(key, strcspn(key, " "));
	int index = metric_index(all, name);
	const struct metric *m = index >= 0 ? &all->list[index] : NULL;

	free(name);
	return m != NULL && m->key != NULL && strcmp(m->key, key) == 0 &&
	       (metric_is_of(m, s) || m->kind->put != NULL);
}

void
metrics_drop_unknown(const struct metrics *all, struct subject *s)
{
	for (int i = s->n_kept; i-- > 0;)
		if (!is_known_key(all, s, s->kept[i].key))
			subject_drop(s, s->kept[i].key);
}

/* ------------------------------------------------------ events */

/* Index of the first that this event feeds, or of one that another does. */
static int
first_of_event(const struct metrics *all, const char *event)
{
	int low = 0, high = all->n_by_event;

	while (low < high) {
		int middle = low + (high - low) / 2;

		if (strcmp(all->by_event[middle]->event, event) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void
metric_apply(
    const struct metric *m, struct subject *s, const struct sample *sample)
{
	json_t *state = metric_state(m, s);
	bool is_new = state == NULL;

	if (is_new)
		state = json_array();
	if (m->kind->keep(m, state, sample))
		subject_keep(s, m->key, json_incref(state));
	if (is_new)
		json_decref(state);
}

void
metrics_apply(const struct metrics *all, struct subject *s,
    const struct event *event, const struct liquid_scope *scope, int above)
{
	struct sample sample = {.at_ms = event->at_ms, .now_ms = scope->now_ms};
	struct error ignored;

	if (sample.at_ms > sample.now_ms)
		sample.at_ms = sample.now_ms;
	for (int i = first_of_event(all, event->name); i < all->n_by_event;
	     i++) {
		const struct metric *m = all->by_event[i];

		if (strcmp(m->event, event->name) != 0)
			break;
		if (!metric_is_of(m, s) || m->number <= above ||
		    condition_test_in(m->check, scope, &ignored) != 1)
			continue;
		sample.value = m->of != NULL
				   ? metric_path_value(event->properties, m->of)
				   : NULL;
		metric_apply(m, s, &sample);
	}
}

/* ------------------------------------------------------ values */

/*
 * Values being worked out. Conditions of metrics see the caller's scope, but
 * for `metric`, which is what is there so far.
 */
struct work {
	const struct metrics *all;
	const struct subject *subject;
	const struct liquid_scope *outer;
	json_t *values;
};

static json_t *
work_lookup(void *arg, const char *name)
{
	const struct work *w = arg;

	if (strcmp(name, "metric") == 0)
		return w->values;
	return w->outer->lookup(w->outer->arg, name);
}

/*
 * An account's metric has no value before all that it is made of is counted: a
 * nil would be taken for 0.
 */
static bool
is_uncounted(const struct work *w, const struct metric *m)
{
	if (!m->for_account)
		return false;
	for (int i = 0; i < m->n_sources; i++) {
		const struct metric *source = &w->all->list[m->sources[i]];

		if (!source->for_account)
			continue;
		if (source->number > w->subject->known ||
		    (source->kind->put != NULL &&
			member_wants_recount(metric_state(source, w->subject))))
			return true;
	}
	return false;
}

/* What it needs first; there are no circles (metrics_needs.c). */
static void
work_out(struct work *w, const struct metric *m)
{
	struct liquid_scope scope = *w->outer;
	struct view view = {w->subject, metric_state(m, w->subject), &scope};
	json_t *value = NULL;

	if (!metric_is_of(m, w->subject) ||
	    json_object_get(w->values, m->name) != NULL)
		return;
	for (int i = 0; i < m->n_needs; i++)
		work_out(w, &w->all->list[m->needs[i]]);
	scope.lookup = work_lookup;
	scope.arg = w;
	scope.undefined_is_nil = true;
	if (!is_uncounted(w, m))
		value = m->kind->value(m, &view);
	json_object_set_new(
	    w->values, m->name, value != NULL ? value : json_null());
}

void
metrics_add_values(const struct metrics *all, const struct subject *s,
    const struct liquid_scope *scope, const char *const *names, json_t *values)
{
	struct work w = {all, s, scope, values};

	for (int i = 0; names == NULL && i < all->n; i++)
		work_out(&w, &all->list[i]);
	for (; names != NULL && *names != NULL; names++) {
		int i = metric_index(all, *names);

		if (i >= 0)
			work_out(&w, &all->list[i]);
	}
}

json_t *
metrics_values(const struct metrics *all, const struct subject *s,
    const struct liquid_scope *scope)
{
	json_t *values = json_object();

	metrics_add_values(all, s, scope, NULL, values);
	return values;
}

/* ------------------------------------------------- time passes */

static int64_t
metric_next_change(const struct metrics *all, const struct metric *m,
    const struct subject *s, int64_t now_ms)
{
	int64_t first = 0;

	for (int i = 0; i < m->n_sources; i++) {
		const struct metric *source = &all->list[m->sources[i]];
		int64_t next = 0;

		if (source->window_ms > 0 && metric_is_of(source, s))
			next = metric_window_moves(
			    source, metric_state(source, s), now_ms);
		if (next != 0 && (first == 0 || next < first))
			first = next;
	}
	return first;
}

int64_t
metrics_next_change(const struct metrics *all, const struct subject *s,
    const char *const *names, int64_t now_ms)
{
	int64_t first = 0;

	for (; *names != NULL; names++) {
		int i = metric_index(all, *names);
		int64_t next =
		    i >= 0 ? metric_next_change(all, &all->list[i], s, now_ms)
			   : 0;

		if (next != 0 && (first == 0 || next < first))
			first = next;
	}
	return first;
}

bool
metrics_read_now(const struct metrics *all, const char *name)
{
	int index = metric_index(all, name);
	const struct metric *m = index >= 0 ? &all->list[index] : NULL;

	for (int i = 0; m != NULL && i < m->n_sources; i++)
		if (all->list[m->sources[i]].reads_now)
			return true;
	return false;
}
