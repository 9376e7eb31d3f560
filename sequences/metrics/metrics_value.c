/* SPDX-License-Identifier: MIT */
/*
 * metrics_value - what each kind keeps of the events, and what it shows. The
 * order in which events come makes no difference, nor does a clock that runs
 * ahead: what happens after now happens now. The state of a metric is a flat
 * array, because every event reads and writes it:
 *
 *	count sum min max avg	cells of [bucket, events, value], by bucket
 *	latest			[at_ms, value]
 *	first last		[at_ms]
 *	distinct		pairs of [hash of the value, newest at_ms], with
 *				0 for the time where there is no window
 *
 * Where it is not exact:
 *	- a window has 24 buckets: it reaches back by up to a 24th of its length
 *	  more than it says. Without one there is one bucket. Windows of
 *	  distinct are exact;
 *	- distinct counts up to 256 values;
 *	- sums of fractions, and beyond 2^53, are those of doubles, so that the
 *	  order of events shows in the last digits. What would bring a sum
 *	  beyond 1.8e308 is ignored; a window whose buckets together do has no
 *	  value;
 *	- of two events at one moment, `latest` has the one that came later.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sequences/metrics/metrics_private.h"
#include "templates/time/date.h"

#define BUCKETS	     24
#define DISTINCT_MAX 256
#define TEXT_MAX     256 /* of a string that `latest` keeps */

json_t *
metric_number_json(double n)
{
	if (n == floor(n) && fabs(n) < INTEGER_MAX)
		return json_integer((json_int_t)n);
	return json_real(n);
}

bool
metric_number_of(json_t *value, double *out)
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

json_t *
metric_path_value(json_t *object, const char *path)
{
	json_t *value = json_object_get(object, path);
	const char *dot = strchr(path, '.');

	if (value == NULL && dot != NULL)
		value = metric_path_value(
		    json_object_getn(object, path, (size_t)(dot - path)),
		    dot + 1);
	return value;
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

static int64_t
bucket_end_ms(const struct metric *m, int64_t bucket)
{
	return (bucket + 1) * bucket_ms(m);
}

static bool
is_in_window(const struct metric *m, int64_t bucket, int64_t now_ms)
{
	int64_t end = bucket_end_ms(m, bucket);

	return m->window_ms == 0 ||
	       (end > now_ms - m->window_ms && end - bucket_ms(m) <= now_ms);
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
	json_integer_set(
	    json_array_get(cells, i + 1), integer_at(cells, i + 1) + 1);
	json_array_set_new(cells, i + 2, metric_number_json(merged));
	return true;
}

/* A count's samples have no value; their cells hold 0. */
bool
metric_keep_cell(const struct metric *m, json_t *cells, const struct sample *s)
{
	int64_t bucket = m->window_ms == 0 ? 0 : s->at_ms / bucket_ms(m);
	double value = 0;
	size_t i = 0;

	if ((m->of != NULL && !metric_number_of(s->value, &value)) ||
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
	json_array_insert_new(cells, i + 2, metric_number_json(value));
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
	return metric_number_json(total_of(m, v).value);
}

json_t *
metric_value_extreme(const struct metric *m, const struct view *v)
{
	struct total t = total_of(m, v);

	return t.events > 0 ? metric_number_json(t.value) : NULL;
}

json_t *
metric_value_avg(const struct metric *m, const struct view *v)
{
	struct total t = total_of(m, v);

	return t.events > 0 ? metric_number_json(t.value / (double)t.events)
			    : NULL;
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
	if (metric_number_of(s->value, &number))
		json_array_append_new(state, metric_number_json(number));
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

/* Of what is no string; caller frees. 5.0 is 5. */
static char *
plain_text(json_t *value)
{
	json_t *number = json_is_real(value)
			     ? metric_number_json(json_real_value(value))
			     : json_incref(value);
	char *text = json_dumps(number, JSON_ENCODE_ANY);

	json_decref(number);
	return text;
}

/*
 * FNV-1a of the text, never 0. The number 5 and the string "5" are one value.
 */
static int64_t
hash_of(json_t *value)
{
	uint64_t hash = UINT64_C(14695981039346656037);
	char *text = json_is_string(value) ? NULL : plain_text(value);
	const char *p = text != NULL ? text : json_string_value(value);
	size_t len = text != NULL ? strlen(p) : json_string_length(value);

	while (len-- > 0)
		hash = (hash ^ (unsigned char)*p++) * UINT64_C(1099511628211);
	free(text);
	return (int64_t)(hash & INT64_MAX) | 1;
}

/* Index of the pair of that hash; without one, of the oldest. */
static size_t
find_pair(const struct metric *m, const json_t *pairs, int64_t hash)
{
	size_t oldest = 0;

	for (size_t i = 0; i + 1 < json_array_size(pairs); i += 2) {
		if (integer_at(pairs, i) == hash)
			return i;
		if (m->window_ms != 0 &&
		    integer_at(pairs, i + 1) < integer_at(pairs, oldest + 1))
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
	i = find_pair(m, pairs, hash);
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

	if (m->window_ms == 0)
		return json_integer((json_int_t)json_array_size(v->state) / 2);
	for (size_t i = 0; i + 1 < json_array_size(v->state); i += 2)
		n += integer_at(v->state, i + 1) > since;
	return json_integer(n);
}

/* ----------------------------------------------- time passes */

/* Cells leave when their bucket does, values when they are too old. */
int64_t
metric_window_moves(const struct metric *m, const json_t *state, int64_t now_ms)
{
	bool has_cells = m->kind->merge != NULL;
	size_t size = has_cells ? 3 : 2;
	int64_t first = 0;

	for (size_t i = 0; i + size <= json_array_size(state); i += size) {
		int64_t end = has_cells ? bucket_end_ms(m, integer_at(state, i))
					: integer_at(state, i + 1);
		int64_t leaves = end + m->window_ms;

		if (leaves > now_ms && (first == 0 || leaves < first))
			first = leaves;
	}
	return first;
}

/* -------------------------------- worked out from the rest */

json_t *
metric_value_trait(const struct metric *m, const struct view *v)
{
	return json_incref(metric_path_value(v->subject->traits, m->trait));
}

static bool
is_there(const struct operand *o, const struct liquid_scope *scope)
{
	json_t *value = scope->lookup(scope->arg, o->root);

	if (o->name != NULL)
		value = json_object_get(value, o->name);
	return value != NULL && !json_is_null(value);
}

json_t *
metric_expr(const struct metric *m, const struct liquid_scope *scope)
{
	struct error ignored;

	for (int i = 0; i < m->n_operands; i++)
		if (!is_there(&m->operands[i], scope))
			return NULL;
	return liquid_value_eval(m->expr, scope, &ignored);
}

json_t *
metric_value_expr(const struct metric *m, const struct view *v)
{
	return metric_expr(m, v->scope);
}

json_t *
metric_value_milestones(const struct metric *m, const struct view *v)
{
	json_t *items = json_array(), *next = NULL;
	int done = 0;

	for (int i = 0; i < m->n_milestones; i++) {
		const struct milestone *one = &m->milestones[i];
		struct error ignored;
		bool is_done =
		    condition_test_in(one->check, v->scope, &ignored) == 1;

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
