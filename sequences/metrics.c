/* SPDX-License-Identifier: MIT */
/*
 * metrics - what each kind keeps of the events, and what it shows. The order in
 * which events come makes no difference, nor does a clock that runs ahead: what
 * happens after now happens now.
 *
 * subject->metrics has one member a metric, under its name, kind and window in
 * ms, so that a state that another definition left behind is not taken for this
 * one's. It is flat because every event reads and writes it:
 *
 *	{"tasks count": [0, 5, 0], "tasks_7d count 604800000": [..]}
 *
 *	count sum min max avg	cells of [bucket, events, value], by bucket
 *	latest			[at_ms, value]
 *	first last		[at_ms]
 *	distinct		pairs of [hash of the value, newest at_ms], with
 *0 for the time where there is no window
 *
 * A window has 24 buckets: it reaches back by up to a 24th of its length more
 * than it says. Without one there is one bucket. Windows of distinct are exact.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sequences/metrics_private.h"
#include "templates/date.h"

#define BUCKETS	     24
#define DISTINCT_MAX 256
#define TEXT_MAX     256		/* of a string that `latest` keeps */
#define INTEGER_MAX  9007199254740992.0 /* 2^53: doubles count up to here */

static json_t *
number_json(double n)
{
	if (n == floor(n) && fabs(n) < INTEGER_MAX)
		return json_integer((json_int_t)n);
	return json_real(n);
}

/* Numbers, and strings that are one. */
static bool
number_of(json_t *value, double *out)
{
	const char *text = json_string_value(value);
	char *end;

	if (json_is_number(value)) {
		*out = json_number_value(value);
		return true;
	}
	if (text == NULL || *text == '\0' ||
	    text[strspn(text, "0123456789+-.eE")] != '\0')
		return false;
	*out = strtod(text, &end);
	return *end == '\0' && isfinite(*out);
}

/* The member of that name, or, dot by dot, of the members. Borrowed. */
static json_t *
path_value(json_t *object, const char *path)
{
	json_t *value = json_object_get(object, path);
	const char *dot = strchr(path, '.');

	if (value == NULL && dot != NULL)
		value = path_value(
		    json_object_getn(object, path, (size_t)(dot - path)),
		    dot + 1);
	return value;
}

static int
check_test(const struct check *c, const struct liquid_scope *scope)
{
	bool decides = c != NULL && c->kind == CHECK_ANY;
	struct error ignored;
	int holds = 1;

	if (c == NULL)
		return 1;
	if (c->kind == CHECK_LIQUID)
		return liquid_condition_test(c->liquid, scope, &ignored);
	for (int i = 0; i < c->n_parts; i++) {
		holds = check_test(c->parts[i], scope);
		if (holds < 0 || (c->kind != CHECK_NOT && holds == decides))
			return holds;
	}
	return c->kind == CHECK_NOT ? !holds : holds;
}

/* ------------------------------------------------------- cells */

static json_int_t
integer_at(const json_t *array, size_t i)
{
	return json_integer_value(json_array_get(array, i));
}

static int64_t
bucket_ms(const struct metric *m)
{
	return (m->window_ms + BUCKETS - 1) / BUCKETS;
}

static bool
is_in_window(const struct metric *m, int64_t bucket, int64_t now_ms)
{
	int64_t width = bucket_ms(m);

	return m->window_ms == 0 ||
	       ((bucket + 1) * width > now_ms - m->window_ms &&
		   bucket * width <= now_ms);
}

double
metric_add(double a, double b)
{
	return a + b;
}

static bool
merge_cell(const struct metric *m, json_t *cells, size_t i, double value)
{
	double old = json_number_value(json_array_get(cells, i + 2));
	double merged = m->kind->merge(old, value);

	if (!isfinite(merged))
		return false;
	json_array_set_new(
	    cells, i + 1, json_integer(integer_at(cells, i + 1) + 1));
	json_array_set_new(cells, i + 2, number_json(merged));
	return true;
}

/* A count's samples have no value; their cells hold 0. */
bool
metric_keep_cell(const struct metric *m, json_t *cells, const struct sample *s)
{
	int64_t bucket = m->window_ms == 0 ? 0 : s->at_ms / bucket_ms(m);
	double value = 0;
	size_t i = 0;

	if ((m->of != NULL && !number_of(s->value, &value)) ||
	    !is_in_window(m, bucket, s->now_ms))
		return false;
	while (json_array_size(cells) > 0 &&
	       !is_in_window(m, integer_at(cells, 0), s->now_ms) &&
	       integer_at(cells, 0) < bucket)
		for (int part = 0; part < 3; part++)
			json_array_remove(cells, 0);
	while (i < json_array_size(cells) && integer_at(cells, i) < bucket)
		i += 3;
	if (i < json_array_size(cells) && integer_at(cells, i) == bucket)
		return merge_cell(m, cells, i, value);
	json_array_insert_new(cells, i, json_integer(bucket));
	json_array_insert_new(cells, i + 1, json_integer(1));
	json_array_insert_new(cells, i + 2, number_json(value));
	return true;
}

struct total {
	json_int_t events;
	double value;
};

static struct total
total_of(const struct metric *m, const struct view *v)
{
	struct total t = {0};

	for (size_t i = 0; i + 2 < json_array_size(v->state); i += 3) {
		double value =
		    json_number_value(json_array_get(v->state, i + 2));

		if (!is_in_window(m, integer_at(v->state, i), v->scope->now_ms))
			continue;
		t.value =
		    t.events == 0 ? value : m->kind->merge(t.value, value);
		t.events += integer_at(v->state, i + 1);
	}
	return t;
}

json_t *
metric_value_count(const struct metric *m, const struct view *v)
{
	return json_integer(total_of(m, v).events);
}

json_t *
metric_value_sum(const struct metric *m, const struct view *v)
{
	return number_json(total_of(m, v).value);
}

json_t *
metric_value_extreme(const struct metric *m, const struct view *v)
{
	struct total t = total_of(m, v);

	return t.events > 0 ? number_json(t.value) : NULL;
}

json_t *
metric_value_avg(const struct metric *m, const struct view *v)
{
	struct total t = total_of(m, v);

	return t.events > 0 ? number_json(t.value / (double)t.events) : NULL;
}

/* ------------------------------------- latest, first, last */

/* Of two events at the same moment the one that came later. */
bool
metric_keep_latest(
    const struct metric *m, json_t *state, const struct sample *s)
{
	double number;

	if (!json_is_string(s->value) && !json_is_number(s->value) &&
	    !json_is_boolean(s->value))
		return false;
	if (json_string_length(s->value) > TEXT_MAX ||
	    (json_array_size(state) > 0 && integer_at(state, 0) > s->at_ms))
		return false;
	json_array_clear(state);
	json_array_append_new(state, json_integer(s->at_ms));
	if (number_of(s->value, &number))
		json_array_append_new(state, number_json(number));
	else
		json_array_append(state, s->value);
	return true;
}

json_t *
metric_value_latest(const struct metric *m, const struct view *v)
{
	return json_incref(json_array_get(v->state, 1));
}

static bool
keep_time(json_t *state, int64_t at_ms)
{
	json_array_clear(state);
	json_array_append_new(state, json_integer(at_ms));
	return true;
}

bool
metric_keep_first(const struct metric *m, json_t *state, const struct sample *s)
{
	if (json_array_size(state) > 0 && integer_at(state, 0) <= s->at_ms)
		return false;
	return keep_time(state, s->at_ms);
}

bool
metric_keep_last(const struct metric *m, json_t *state, const struct sample *s)
{
	if (json_array_size(state) > 0 && integer_at(state, 0) >= s->at_ms)
		return false;
	return keep_time(state, s->at_ms);
}

json_t *
metric_value_time(const struct metric *m, const struct view *v)
{
	const struct zone *zone =
	    v->scope->zone != NULL ? v->scope->zone : zone_utc();
	char text[40];

	if (json_array_size(v->state) == 0)
		return NULL;
	return json_string(
	    date_rfc3339_in(integer_at(v->state, 0), zone, text, sizeof text));
}

/* ---------------------------------------------------- distinct */

/*
 * FNV-1a of the text, never 0. The number 5 and the string "5" are one value.
 */
static int64_t
hash_of(json_t *value)
{
	uint64_t hash = UINT64_C(14695981039346656037);
	char *text =
	    json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY);
	const char *p = text != NULL ? text : json_string_value(value);
	size_t len = text != NULL ? strlen(p) : json_string_length(value);

	while (len-- > 0)
		hash = (hash ^ (unsigned char)*p++) * UINT64_C(1099511628211);
	free(text);
	return (int64_t)(hash & INT64_MAX) | 1;
}

/* Index of the pair of that hash; without one, of the oldest. */
static size_t
find_pair(const json_t *pairs, int64_t hash)
{
	size_t oldest = 0;

	for (size_t i = 0; i + 1 < json_array_size(pairs); i += 2) {
		if (integer_at(pairs, i) == hash)
			return i;
		if (integer_at(pairs, i + 1) < integer_at(pairs, oldest + 1))
			oldest = i;
	}
	return oldest;
}

/*
 * With a window, the newest 256 values are kept: a value that had to go is
 * older than 256 others, so the count is right again when fewer than these are
 * left.
 */
bool
metric_keep_distinct(
    const struct metric *m, json_t *pairs, const struct sample *s)
{
	int64_t at_ms = m->window_ms == 0 ? 0 : s->at_ms, hash;
	size_t i;

	if (s->value == NULL || json_is_null(s->value) ||
	    json_is_object(s->value) || json_is_array(s->value))
		return false;
	hash = hash_of(s->value);
	i = find_pair(pairs, hash);
	if (integer_at(pairs, i) != hash &&
	    json_array_size(pairs) < 2 * DISTINCT_MAX) {
		json_array_append_new(pairs, json_integer(hash));
		json_array_append_new(pairs, json_integer(at_ms));
		return true;
	}
	if (integer_at(pairs, i + 1) >= at_ms)
		return false;
	json_array_set_new(pairs, i, json_integer(hash));
	json_array_set_new(pairs, i + 1, json_integer(at_ms));
	return true;
}

json_t *
metric_value_distinct(const struct metric *m, const struct view *v)
{
	int64_t since = v->scope->now_ms - m->window_ms;
	json_int_t n = 0;

	for (size_t i = 0; i + 1 < json_array_size(v->state); i += 2)
		n += m->window_ms == 0 || integer_at(v->state, i + 1) > since;
	return json_integer(n);
}

/* -------------------------------- worked out from the rest */

json_t *
metric_value_trait(const struct metric *m, const struct view *v)
{
	return json_incref(path_value(v->subject->traits, m->trait));
}

json_t *
metric_value_expr(const struct metric *m, const struct view *v)
{
	struct error ignored;

	return liquid_value_eval(m->expr, v->scope, &ignored);
}

json_t *
metric_value_milestones(const struct metric *m, const struct view *v)
{
	json_t *items = json_array(), *next = NULL;
	int done = 0;

	for (int i = 0; i < m->n_milestones; i++) {
		const struct milestone *one = &m->milestones[i];
		bool is_done = check_test(one->check, v->scope) == 1;

		json_array_append_new(
		    items, json_pack("{s:s, s:b}", "name", one->name, "done",
			       (int)is_done));
		done += is_done;
		if (!is_done && next == NULL)
			next = json_string(one->name);
	}
	return json_pack("{s:i, s:i, s:i, s:o, s:o}", "done", done, "total",
	    m->n_milestones, "percent", done * 100 / m->n_milestones, "next",
	    next != NULL ? next : json_null(), "items", items);
}

/* ------------------------------------------------------ public */

static bool
is_of(const struct metric *m, const struct subject *s)
{
	return m->for_account == (s->kind == SUBJECT_ACCOUNT);
}

static json_t *
state_of(const struct metric *m, const struct subject *s)
{
	json_t *state = json_object_get(s->metrics, m->key);

	return json_is_array(state) ? state : NULL;
}

/* What other definitions of this metric left behind. */
static void
drop_states_of(const struct metric *m, struct subject *s)
{
	size_t len = strlen(m->name);
	const char *key;
	json_t *state;
	void *next;

	json_object_foreach_safe(s->metrics, next, key, state)
	{
		if (strncmp(key, m->name, len) == 0 && key[len] == ' ')
			json_object_del(s->metrics, key);
	}
}

static void
metric_apply(
    const struct metric *m, struct subject *s, const struct sample *sample)
{
	json_t *state = state_of(m, s);
	bool is_new = state == NULL;

	if (is_new)
		state = json_array();
	if (m->kind->keep(m, state, sample)) {
		s->state_changed = true;
		if (is_new) {
			drop_states_of(m, s);
			json_object_set(s->metrics, m->key, state);
		}
	}
	if (is_new)
		json_decref(state);
}

void
metrics_apply(const struct metrics *all, struct subject *s,
    const struct event *event, const struct liquid_scope *scope)
{
	struct sample sample = {.at_ms = event->at_ms, .now_ms = scope->now_ms};

	if (sample.at_ms > sample.now_ms)
		sample.at_ms = sample.now_ms;
	for (int i = 0; i < all->n; i++) {
		const struct metric *m = &all->list[i];

		if (m->kind->keep == NULL || !is_of(m, s) ||
		    strcmp(m->event, event->name) != 0 ||
		    check_test(m->check, scope) != 1)
			continue;
		sample.value =
		    m->of != NULL ? path_value(event->properties, m->of) : NULL;
		metric_apply(m, s, &sample);
	}
}

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

/* What it needs first; there are no circles (metrics_read.c). */
static void
work_out(struct work *w, const struct metric *m)
{
	struct liquid_scope scope = *w->outer;
	struct view view = {w->subject, state_of(m, w->subject), &scope};
	json_t *value;

	if (!is_of(m, w->subject) || json_object_get(w->values, m->name))
		return;
	for (int i = 0; i < m->n_needs; i++)
		work_out(w, &w->all->list[m->needs[i]]);
	scope.lookup = work_lookup;
	scope.arg = w;
	scope.undefined_is_nil = true;
	value = m->kind->value(m, &view);
	json_object_set_new(
	    w->values, m->name, value != NULL ? value : json_null());
}

void
metrics_add_values(const struct metrics *all, const struct subject *s,
    const struct liquid_scope *scope, const char *const *names, json_t *values)
{
	struct work w = {all, s, scope, values};

	if (names == NULL)
		names = all->names;
	for (; *names != NULL; names++) {
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

const char *const *
metrics_names(const struct metrics *all)
{
	return all->names;
}
