/* SPDX-License-Identifier: MIT */
/*
 * describe - see the header. Reads what the kinds of metrics_value.c and
 * members.c keep; what it says is for people only.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "sequences/metrics/describe.h"
#include "sequences/look.h"
#include "sequences/metrics/metrics_private.h"
#include "templates/time/date.h"

struct description {
	const struct metrics *all;
	const struct metric *metric;
	const json_t *values; /* of all metrics of the subject */
	struct view view;
	struct buf words;
};

static void __attribute__((format(printf, 2, 3)))
say(struct description *d, const char *fmt, ...)
{
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	buf_adds(&d->words, text);
}

static void
say_count(struct description *d, json_int_t n, const char *what)
{
	say(d, "%lld %s%s", (long long)n, what, n == 1 ? "" : "s");
}

static void
say_time(struct description *d, json_int_t at_ms)
{
	char text[40];

	say(d, " on %s",
	    date_rfc3339_in(at_ms, d->view.scope->zone, text, sizeof text));
}

static json_int_t
kept(const struct description *d, size_t i)
{
	return json_integer_value(json_array_get(d->view.state, i));
}

/* ------------------------------------------------ fed by events */

static void
say_events(struct description *d)
{
	json_t *n = metric_value_count(d->metric, &d->view);

	say_count(d, json_integer_value(n), "event");
	json_decref(n);
	say(d, " %s", d->metric->event);
}

static void
say_distinct(struct description *d)
{
	say_count(d, (json_int_t)json_array_size(d->view.state) / 2, "value");
	say(d, " of %s in %s", d->metric->of, d->metric->event);
}

static void
describe_events(struct description *d)
{
	const struct metric *m = d->metric;
	char window[40];

	if (json_array_size(d->view.state) == 0) {
		say(d, "no %s yet", m->event);
	} else if (m->kind->merge != NULL) {
		say_events(d);
	} else if (m->kind->value == metric_value_distinct) {
		say_distinct(d);
	} else {
		say(d, "%s", m->event);
		say_time(d, kept(d, 0));
	}
	if (m->window_ms != 0)
		say(d, ", in the last %s",
		    duration_text(m->window_ms, window, sizeof window));
}

/* ------------------------------------------------- over members */

static json_int_t
members_in_pairs(const struct description *d)
{
	json_int_t n = kept(d, 0); /* outside */

	for (size_t i = 2; i < json_array_size(d->view.state); i += 2)
		n += kept(d, i);
	return n;
}

static void
describe_members(struct description *d)
{
	const struct metric *m = d->metric;
	bool is_extreme = m->kind->put == member_put_extreme;
	json_int_t n = is_extreme ? members_in_pairs(d) : kept(d, 0);

	if (is_extreme && member_wants_recount(d->view.state)) {
		say(d, "the members are being counted again");
	} else if (n == 0) {
		say(d, "no member counts");
	} else {
		if (m->kind->part == member_part_share)
			say(d, "%.0f of ",
			    json_number_value(
				json_array_get(d->view.state, 1)));
		say_count(d, n, "member");
	}
}

/* -------------------------------- worked out from the rest */

static void
describe_needs(struct description *d)
{
	for (int i = 0; i < d->metric->n_needs; i++) {
		const char *name = d->all->list[d->metric->needs[i]].name;
		json_t *value = json_object_get(d->values, name);
		char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

		if (json_is_object(value) || text == NULL)
			say(d, "%smetric.%s", i > 0 ? ", " : "", name);
		else
			say(d, "%smetric.%s %s", i > 0 ? ", " : "", name, text);
		free(text);
	}
	if (d->metric->n_needs == 0)
		say(d, "worked out of traits");
}

static void
describe_milestones(struct description *d)
{
	const json_t *value = json_object_get(d->values, d->metric->name);
	const char *next = json_string_value(json_object_get(value, "next"));

	say(d, "%lld of %d done",
	    json_integer_value(json_object_get(value, "done")),
	    d->metric->n_milestones);
	if (next != NULL)
		say(d, ", next: %s", next);
}

static void
describe(struct description *d)
{
	const struct metric *m = d->metric;

	if (m->number > d->view.subject->known)
		say(d, "everybody is being brought up to date first");
	else if (m->kind->keep != NULL)
		describe_events(d);
	else if (m->kind->put != NULL)
		describe_members(d);
	else if (m->trait != NULL)
		say(d, "trait %s", m->trait);
	else if (m->n_milestones > 0)
		describe_milestones(d);
	else
		describe_needs(d);
}

static json_t *
description_value(struct description *d)
{
	const struct metric *m = d->metric;
	json_t *value = json_object_get(d->values, m->name);

	d->view.state = metric_state(m, d->view.subject);
	describe(d);
	value = json_pack("{s:s, s:s, s:O, s:s, s:o}", "name", m->name, "kind",
	    m->kind->name, "value", value != NULL ? value : json_null(), "from",
	    buf_str(&d->words), "definition", json_loads(m->text, 0, NULL));
	buf_free(&d->words);
	return value;
}

json_t *
describe_metrics(const struct rules *rules, const struct subject *s,
    const struct subject *account, int64_t now_ms)
{
	struct engine_scope scope = {.rules = rules,
	    .subject = s,
	    .account = account,
	    .now_ms = now_ms,
	    .is_lean = s->kind == SUBJECT_ACCOUNT};
	struct liquid_scope liquid = {.lookup = engine_scope_lookup,
	    .arg = &scope,
	    .now_ms = now_ms,
	    .zone = engine_zone(rules, s, account),
	    .undefined_is_nil = true};
	json_t *list = json_array(),
	       *values = metrics_values(rules->metrics, s, &liquid);

	for (int i = 0; i < rules->metrics->n; i++) {
		struct description d = {.all = rules->metrics,
		    .metric = &rules->metrics->list[i],
		    .values = values,
		    .view = {.subject = s, .scope = &liquid}};

		if (metric_is_of(d.metric, s))
			json_array_append_new(list, description_value(&d));
	}
	json_decref(values);
	engine_scope_free(&scope);
	return list;
}
