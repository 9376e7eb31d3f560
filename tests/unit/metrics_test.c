/* SPDX-License-Identifier: MIT */
/* metrics - what each kind makes of events, in any order; what is refused. */
#include "tests/unit/metrics_fixture.h"

/* A world: one subject, and what its metrics' conditions see. */
struct world {
	struct metrics *metrics;
	struct subject subject;
	json_t *roots;
	struct liquid_scope scope;
};

static json_t *
look_up(void *arg, const char *name)
{
	struct world *w = arg;

	return json_object_get(w->roots, name);
}

static void
world_open(struct world *w, const char *definitions, const char *roots)
{
	*w = (struct world){.metrics = metrics_of(definitions),
	    .roots = json_loads(roots, 0, NULL),
	    .scope = {.lookup = look_up, .now_ms = NOW}};
	assert_non_null(w->roots);
	w->scope.arg = w;
	w->subject.kind = SUBJECT_USER;
	w->subject.known = INT_MAX;
	w->subject.traits = json_incref(json_object_get(w->roots, "user"));
}

static void
world_close(struct world *w)
{
	metrics_free(w->metrics);
	subject_free(&w->subject);
	json_decref(w->roots);
}

/* Returns whether anything moved. */
static bool
happens(struct world *w, const char *name, int64_t at_ms, const char *with)
{
	struct event e = {.name = name, .at_ms = at_ms};

	e.properties = json_loads(with, 0, NULL);
	assert_non_null(e.properties);
	json_object_set(w->roots, "event", e.properties);
	w->subject.state_changed = false;
	metrics_apply(w->metrics, &w->subject, &e, &w->scope, 0);
	json_object_del(w->roots, "event");
	json_decref(e.properties);
	return w->subject.state_changed;
}

static void
shows(struct world *w, const char *expected)
{
	json_t *values = metrics_values(w->metrics, &w->subject, &w->scope);
	char *text = json_dumps(values, JSON_COMPACT | JSON_SORT_KEYS);

	assert_string_equal(text, expected);
	free(text);
	json_decref(values);
}

static const char all_kinds[] =
    "\"count\": {\"count\": \"E\"}, \"sum\": {\"sum\": \"E\", \"of\": \"n\"},"
    "\"min\": {\"min\": \"E\", \"of\": \"n\"},"
    "\"max\": {\"max\": \"E\", \"of\": \"n\"},"
    "\"avg\": {\"avg\": \"E\", \"of\": \"n\"},"
    "\"latest\": {\"latest\": \"E\", \"of\": \"n\"},"
    "\"first\": {\"first\": \"E\"}, \"last\": {\"last\": \"E\"},"
    "\"distinct\": {\"distinct\": \"E\", \"of\": \"n\"},"
    "\"count_2d\": {\"count\": \"E\", \"window\": \"2d\"},"
    "\"max_2d\": {\"max\": \"E\", \"of\": \"n\", \"window\": \"2d\"},"
    "\"distinct_2d\": {\"distinct\": \"E\", \"of\": \"n\", "
    "\"window\": \"2d\"}";

static void
nothing_has_come_yet(void **state)
{
	struct world w;

	world_open(&w, all_kinds, "{}");
	assert_false(happens(&w, "F", NOW, "{\"n\": 1}"));
	assert_int_equal(w.subject.n_kept, 0);
	shows(&w,
	    "{\"avg\":null,\"count\":0,\"count_2d\":0,\"distinct\":0,"
	    "\"distinct_2d\":0,\"first\":null,\"last\":null,\"latest\":null,"
	    "\"max\":null,\"max_2d\":null,\"min\":null,\"sum\":0}");
	world_close(&w);
}

static void
the_order_of_events_makes_no_difference(void **state)
{
	static const struct {
		int64_t at_ms;
		const char *with;
	} events[4] = {{NOW - 5 * DAY, "{\"n\": 7}"},
	    {NOW - DAY, "{\"n\": \"2.5\"}"}, {NOW - HOUR, "{\"n\": 3}"},
	    {NOW - 2 * HOUR, "{\"n\": 3}"}};

	for (int order = 0; order < 256; order++) {
		int at[4] = {
		    order & 3, order >> 2 & 3, order >> 4 & 3, order >> 6 & 3};
		struct world w;

		if ((1 << at[0] | 1 << at[1] | 1 << at[2] | 1 << at[3]) != 15)
			continue;
		world_open(&w, all_kinds, "{}");
		for (int i = 0; i < 4; i++) {
			assert_true(happens(
			    &w, "E", events[at[i]].at_ms, events[at[i]].with));
			store_and_load(&w.subject);
		}
		shows(&w,
		    "{\"avg\":3.875,\"count\":4,\"count_2d\":3,\"distinct\":3,"
		    "\"distinct_2d\":2,"
		    "\"first\":\"2026-03-22T10:00:00+00:00\","
		    "\"last\":\"2026-03-27T09:00:00+00:00\",\"latest\":3,"
		    "\"max\":7,\"max_2d\":3,\"min\":2.5,\"sum\":15.5}");
		world_close(&w);
	}
}

static void
what_is_no_number_is_ignored(void **state)
{
	static const char *const ignored[] = {"{}", "{\"n\": null}",
	    "{\"n\": true}", "{\"n\": \"\"}", "{\"n\": \"x\"}",
	    "{\"n\": \"nan\"}", "{\"n\": \"inf\"}", "{\"n\": \"0x10\"}",
	    "{\"n\": \"1e999\"}", "{\"n\": \"1 \"}", "{\"n\": [1]}",
	    "{\"n\": \"1-\"}", "{\"m\": 1}"};
	struct world w;

	world_open(&w, "\"sum\": {\"sum\": \"E\", \"of\": \"n\"}", "{}");
	for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
		assert_false(happens(&w, "E", NOW, ignored[i]));
	assert_true(happens(&w, "E", NOW, "{\"n\": \"-1.5e1\"}"));
	shows(&w, "{\"sum\":-15}");
	assert_true(happens(&w, "E", NOW, "{\"n\": -1e308}"));
	assert_false(happens(&w, "E", NOW, "{\"n\": -1e308}"));
	world_close(&w);
}

static void
properties_have_paths(void **state)
{
	struct world w;

	world_open(&w,
	    "\"a\": {\"sum\": \"E\", \"of\": \"cart.total.net\"},"
	    "\"b\": {\"sum\": \"E\", \"of\": \"order total\"},"
	    "\"c\": {\"sum\": \"E\", \"of\": \"x.y\"}",
	    "{}");
	happens(&w, "E", NOW,
	    "{\"cart\": {\"total\": {\"net\": 5}}, \"order total\": 6,"
	    "\"x.y\": 7}");
	shows(&w, "{\"a\":5,\"b\":6,\"c\":7}");
	world_close(&w);
}

static void
latest_keeps_any_plain_value(void **state)
{
	char long_text[400];
	struct world w;

	world_open(&w, "\"v\": {\"latest\": \"E\", \"of\": \"v\"}", "{}");
	assert_true(happens(&w, "E", NOW - 9, "{\"v\": \"gold\"}"));
	shows(&w, "{\"v\":\"gold\"}");
	assert_false(happens(&w, "E", NOW - 10, "{\"v\": \"old\"}"));
	assert_true(happens(&w, "E", NOW - 9, "{\"v\": false}"));
	shows(&w, "{\"v\":false}");
	assert_true(happens(&w, "E", NOW - 8, "{\"v\": \"38\"}"));
	shows(&w, "{\"v\":38}");
	assert_false(happens(&w, "E", NOW, "{\"v\": {}}"));
	assert_false(happens(&w, "E", NOW, "{\"v\": null}"));
	snprintf(long_text, sizeof long_text, "{\"v\": \"%0300d\"}", 1);
	assert_false(happens(&w, "E", NOW, long_text));
	shows(&w, "{\"v\":38}");
	world_close(&w);
}

static void
windows_move_on(void **state)
{
	struct world w;

	world_open(&w,
	    "\"n\": {\"count\": \"E\", \"window\": \"24h\"},"
	    "\"d\": {\"distinct\": \"E\", \"of\": \"v\", \"window\": \"24h\"}",
	    "{}");
	happens(&w, "E", NOW - 30 * HOUR, "{\"v\": 1}");
	happens(&w, "E", NOW - 23 * HOUR, "{\"v\": 1}");
	happens(&w, "E", NOW - HOUR, "{\"v\": 2}");
	shows(&w, "{\"d\":2,\"n\":2}");
	/* buckets of an hour: up to one more than the window counts */
	w.scope.now_ms = NOW + HOUR - 1;
	shows(&w, "{\"d\":2,\"n\":2}");
	w.scope.now_ms = NOW + HOUR;
	shows(&w, "{\"d\":1,\"n\":2}");
	w.scope.now_ms = NOW + 2 * HOUR;
	shows(&w, "{\"d\":1,\"n\":1}");
	w.scope.now_ms = NOW + 40 * HOUR;
	shows(&w, "{\"d\":0,\"n\":0}");
	world_close(&w);
}

static void
what_happens_after_now_happens_now(void **state)
{
	struct world w;

	world_open(&w,
	    "\"n\": {\"count\": \"E\", \"window\": \"1h\"},"
	    "\"last\": {\"last\": \"E\"},"
	    "\"v\": {\"latest\": \"E\", \"of\": \"v\"}",
	    "{}");
	happens(&w, "E", NOW + 900 * DAY, "{\"v\": 1}");
	shows(&w, "{\"last\":\"2026-03-27T10:00:00+00:00\",\"n\":1,\"v\":1}");
	w.scope.now_ms = NOW + DAY;
	happens(&w, "E", NOW + DAY, "{\"v\": 2}");
	shows(&w, "{\"last\":\"2026-03-28T10:00:00+00:00\",\"n\":1,\"v\":2}");
	world_close(&w);
}

static void
distinct_is_exact_to_256(void **state)
{
	char with[40], *text;
	struct world w;

	world_open(&w,
	    "\"all\": {\"distinct\": \"E\", \"of\": \"v\"},"
	    "\"day\": {\"distinct\": \"E\", \"of\": \"v\", \"window\": \"1d\"}",
	    "{}");
	for (int i = 0; i < 5000; i++) {
		snprintf(with, sizeof with, "{\"v\": \"value %d\"}", i);
		happens(&w, "E", NOW - DAY / 2 + i, with);
		happens(&w, "E", NOW - DAY / 2 + i, with);
		if (i == 254)
			shows(&w, "{\"all\":255,\"day\":255}");
	}
	shows(&w, "{\"all\":256,\"day\":256}");
	text = state_text(&w.subject);
	assert_in_range(strlen(text), 256 * 40, 256 * 60);
	free(text);
	/* within the day there are only the last ten now */
	w.scope.now_ms = NOW + DAY / 2 + 4989;
	shows(&w, "{\"all\":256,\"day\":10}");
	world_close(&w);
}

static void
distinct_values_have_types_but_numbers(void **state)
{
	struct world w;

	world_open(&w, "\"n\": {\"distinct\": \"E\", \"of\": \"v\"}", "{}");
	assert_true(happens(&w, "E", NOW, "{\"v\": 5}"));
	assert_false(happens(&w, "E", NOW, "{\"v\": \"5\"}"));
	assert_true(happens(&w, "E", NOW, "{\"v\": true}"));
	assert_true(happens(&w, "E", NOW, "{\"v\": \"\"}"));
	assert_false(happens(&w, "E", NOW, "{\"v\": null}"));
	assert_false(happens(&w, "E", NOW, "{\"v\": {\"a\": 1}}"));
	shows(&w, "{\"n\":3}");
	world_close(&w);
}

static void
the_state_stays_small(void **state)
{
	struct world w;
	char with[40], *text;

	world_open(&w, all_kinds, "{}");
	for (int i = 0; i < 3000; i++) {
		w.scope.now_ms = NOW + i * HOUR / 2;
		snprintf(with, sizeof with, "{\"n\": %d}", i * 7919 % 3000);
		happens(&w, "E", w.scope.now_ms - i % 50 * HOUR, with);
	}
	text = state_text(&w.subject);
	assert_in_range(strlen(text), 1000, 20000);
	free(text);
	world_close(&w);
}

static void
conditions_choose_events(void **state)
{
	struct world w;

	world_open(&w,
	    "\"failed\": {\"count\": \"E\", \"if\": \"event.status == "
	    "'failed'\"},"
	    "\"paid\": {\"count\": \"E\", \"if\": {\"all\": [\"user.plan == "
	    "'pro'\", {\"any\": [\"event.n > 5\", {\"not\": \"event.n\"}]}]}},"
	    "\"broken\": {\"count\": \"E\", \"if\": {\"not\": \"event.status "
	    "< 1\"}}",
	    "{\"user\": {\"plan\": \"pro\"}}");
	happens(&w, "E", NOW, "{\"status\": \"failed\", \"n\": 9}");
	happens(&w, "E", NOW, "{\"status\": \"fine\", \"n\": 2}");
	happens(&w, "E", NOW, "{\"status\": \"failed\"}");
	/* a string is not less than a number: neither true nor false */
	shows(&w, "{\"broken\":0,\"failed\":2,\"paid\":2}");
	world_close(&w);
}

static void
metrics_are_worked_out_of_others(void **state)
{
	struct world w;

	world_open(&w,
	    "\"a_ratio\": {\"expr\": \"metric.z_done | times: 100 | "
	    "divided_by: metric.started\"},"
	    "\"b_twice\": {\"expr\": \"metric.a_ratio | times: 2\"},"
	    "\"c_broken\": {\"expr\": \"1 | divided_by: 0\"},"
	    "\"started\": {\"count\": \"Started\"},"
	    "\"z_done\": {\"count\": \"Done\"},"
	    "\"steps\": {\"milestones\": ["
	    "{\"name\": \"Start\", \"if\": \"metric.started > 0\"},"
	    "{\"name\": \"Profile\", \"if\": \"user.profile\"},"
	    "{\"name\": \"Half\", \"if\": {\"any\": [\"metric.a_ratio >= "
	    "50\"]}}]},"
	    "\"score\": {\"expr\": \"metric.steps.percent\"},"
	    "\"seats\": {\"trait\": \"company.seats\"},"
	    "\"none\": {\"trait\": \"nothing\"}",
	    "{\"user\": {\"company\": {\"seats\": 12}},"
	    "\"account\": {}}");
	shows(&w, "{\"a_ratio\":null,\"b_twice\":null,\"c_broken\":null,"
		  "\"none\":null,\"score\":0,\"seats\":12,\"started\":0,"
		  "\"steps\":{\"done\":0,\"items\":["
		  "{\"done\":false,\"name\":\"Start\"},"
		  "{\"done\":false,\"name\":\"Profile\"},"
		  "{\"done\":false,\"name\":\"Half\"}],"
		  "\"next\":\"Start\",\"percent\":0,\"total\":3},"
		  "\"z_done\":0}");
	happens(&w, "Started", NOW, "{}");
	happens(&w, "Started", NOW, "{}");
	happens(&w, "Done", NOW, "{}");
	shows(&w, "{\"a_ratio\":50,\"b_twice\":100,\"c_broken\":null,"
		  "\"none\":null,\"score\":66,\"seats\":12,\"started\":2,"
		  "\"steps\":{\"done\":2,\"items\":["
		  "{\"done\":true,\"name\":\"Start\"},"
		  "{\"done\":false,\"name\":\"Profile\"},"
		  "{\"done\":true,\"name\":\"Half\"}],"
		  "\"next\":\"Profile\",\"percent\":66,\"total\":3},"
		  "\"z_done\":1}");
	world_close(&w);
}

static void
account_metrics_are_fed_by_accounts(void **state)
{
	struct world w;

	world_open(&w,
	    "\"mine\": {\"count\": \"E\"},"
	    "\"ours\": {\"for\": \"account\", \"count\": \"E\", \"if\": "
	    "\"account.plan == 'pro'\"},"
	    "\"many\": {\"for\": \"account\", \"expr\": \"metric.ours | "
	    "times: 10\"},"
	    "\"theirs\": {\"for\": \"user\", \"expr\": "
	    "\"account.metric.ours\"}",
	    "{\"user\": {}, \"account\": {\"plan\": \"pro\", \"metric\": "
	    "{\"ours\": 77}}}");
	happens(&w, "E", NOW, "{}");
	shows(&w, "{\"mine\":1,\"theirs\":77}");
	w.subject.kind = SUBJECT_ACCOUNT;
	happens(&w, "E", NOW, "{}");
	happens(&w, "E", NOW, "{}");
	shows(&w, "{\"many\":20,\"ours\":2}");
	world_close(&w);
}

static void
times_are_shown_in_the_zone(void **state)
{
	struct world w;

	world_open(&w, "\"at\": {\"first\": \"E\"}", "{}");
	w.scope.zone = zone_find("Asia/Kathmandu");
	if (w.scope.zone != NULL) {
		happens(&w, "E", NOW, "{}");
		shows(&w, "{\"at\":\"2026-03-27T15:45:00+05:45\"}");
	}
	world_close(&w);
}

/* A definition's number is that of its text; what it kept goes with it. */
static void
a_changed_definition_starts_from_nothing(void **state)
{
	struct numbers first, second;
	struct metrics *week, *day;
	struct subject s = {.kind = SUBJECT_USER};
	struct liquid_scope scope = {.now_ms = NOW};
	struct event e = {.name = "E", .at_ms = NOW};
	json_t *saved;
	char *text;

	numbers_load(&first, NULL);
	week = metrics_numbered("\"a\": {\"count\": \"E\"}, \"m\": "
				"{\"count\": \"E\", \"window\": \"7d\"}",
	    &first);
	metrics_apply(week, &s, &e, &scope, 0);
	saved = numbers_save(&first);
	numbers_load(&second, saved);
	day = metrics_numbered("\"m\": {\"window\": \"1d\", \"count\": \"E\"},"
			       "\"a\": {\"count\": \"E\"}",
	    &second);
	assert_false(metrics_want_events(week, 2));
	assert_true(metrics_want_events(day, 2));
	/* what was counted before is not counted again */
	metrics_apply(day, &s, &e, &scope, 2);
	metrics_drop_unknown(day, &s);
	text = state_text(&s);
	assert_string_equal(text, "{\"a 1\":[0,1,0],\"m 3\":[492946,1,0]}");
	free(text);
	json_decref(saved);
	subject_free(&s);
	numbers_free(&first);
	numbers_free(&second);
	metrics_free(week);
	metrics_free(day);
}

static void
says(const struct metrics *m, const char *name, const char *expected)
{
	struct buf out = {0};

	metrics_sources(m, name, &out);
	assert_string_equal(buf_str(&out), expected);
	buf_free(&out);
}

static void
what_it_is_worked_out_of_is_known(void **state)
{
	struct metrics *m = metrics_of(
	    "\"a\": {\"count\": \"E\"}, \"b\": {\"count\": \"F\"},"
	    "\"seats\": {\"trait\": \"seats\"},"
	    "\"x\": {\"expr\": \"metric.a | plus: metric.b\"},"
	    "\"y\": {\"milestones\": [{\"name\": \"N\", \"if\": "
	    "{\"any\": [\"metric.x > 1\", \"now > user.end\"]}}]},"
	    "\"z\": {\"expr\": \"account.metric.s\"},"
	    "\"s\": {\"for\": \"account\", \"share\": \"metric.x > 0\"}");

	says(m, "a", " a 1");
	says(m, "seats", " seats {\"trait\":\"seats\"}");
	says(m, "x", " a 1 b 2 x {\"expr\":\"metric.a | plus: metric.b\"}");
	says(m, "z",
	    " a 1 b 2 s 3 x {\"expr\":\"metric.a | plus: metric.b\"}"
	    " z {\"expr\":\"account.metric.s\"}");
	says(m, "none", "");
	assert_true(metrics_read_now(m, "y"));
	assert_false(metrics_read_now(m, "x"));
	assert_false(metrics_read_now(m, "none"));
	assert_string_equal(metrics_of_members(m)[0], "x");
	assert_null(metrics_of_members(m)[1]);
	metrics_free(m);
}

/* It starts anew when what it is made of is not the same any more. */
static void
a_metric_of_members_hangs_on_theirs(void **state)
{
	static const char share[] =
	    "\"s\": {\"for\": \"account\", \"share\": \"metric.x\"},"
	    "\"x\": {\"expr\": \"metric.a | times: 2\"},";
	struct numbers numbers;
	struct metrics *m;
	struct buf text = {0};

	numbers_load(&numbers, NULL);
	for (int i = 0; i < 3; i++) {
		buf_truncate(&text, 0);
		buf_addf(&text, "%s\"a\": {\"count\": \"%s\"}", share,
		    i < 2 ? "E" : "F");
		m = metrics_numbered(buf_str(&text), &numbers);
		metrics_free(m);
		assert_int_equal(numbers.last, i < 2 ? 2 : 4);
	}
	buf_free(&text);
	numbers_free(&numbers);
}

static void
an_account_shows_nothing_that_is_not_counted(void **state)
{
	struct world w;

	world_open(&w,
	    "\"ours\": {\"for\": \"account\", \"count\": \"E\"},"
	    "\"seats\": {\"for\": \"account\", \"trait\": \"seats\"},"
	    "\"yours\": {\"for\": \"account\", \"count\": \"E\"},"
	    "\"ratio\": {\"for\": \"account\", \"expr\": \"metric.yours | "
	    "plus: 1\"}",
	    "{\"user\": {\"seats\": 9}}");
	w.subject.kind = SUBJECT_ACCOUNT;
	w.subject.known = 1;
	happens(&w, "E", NOW, "{}");
	shows(&w, "{\"ours\":1,\"ratio\":null,\"seats\":9,\"yours\":null}");
	w.subject.known = 2;
	shows(&w, "{\"ours\":1,\"ratio\":2,\"seats\":9,\"yours\":1}");
	world_close(&w);
}

static int64_t
next(struct world *w, const char *name)
{
	const char *const names[] = {"no such metric", name, NULL};

	return metrics_next_change(
	    w->metrics, &w->subject, names, w->scope.now_ms);
}

/* Until the moment that is told nothing changes; then it does. */
static void
the_end_of_a_window_is_known(void **state)
{
	struct world w;
	int64_t at;

	world_open(&w,
	    "\"n\": {\"count\": \"E\", \"window\": \"24h\"},"
	    "\"d\": {\"distinct\": \"E\", \"of\": \"v\", \"window\": \"24h\"},"
	    "\"all\": {\"count\": \"E\"}, \"last\": {\"last\": \"E\"},"
	    "\"twice\": {\"expr\": \"metric.n | times: 2\"}",
	    "{}");
	assert_int_equal(next(&w, "n"), 0);
	happens(&w, "E", NOW - 23 * HOUR + 5, "{\"v\": 1}");
	happens(&w, "E", NOW - HOUR / 2, "{\"v\": 2}");
	assert_int_equal(next(&w, "all"), 0);
	assert_int_equal(next(&w, "last"), 0);
	assert_int_equal(next(&w, "d"), NOW + HOUR + 5);
	at = next(&w, "twice");
	assert_int_equal(at, NOW + 2 * HOUR);
	w.scope.now_ms = at - 1;
	shows(&w, "{\"all\":2,\"d\":1,\"last\":\"2026-03-27T09:30:00+00:00\","
		  "\"n\":2,\"twice\":4}");
	w.scope.now_ms = at;
	shows(&w, "{\"all\":2,\"d\":1,\"last\":\"2026-03-27T09:30:00+00:00\","
		  "\"n\":1,\"twice\":2}");
	w.scope.now_ms = next(&w, "twice");
	assert_int_equal(w.scope.now_ms, NOW + 24 * HOUR);
	shows(&w, "{\"all\":2,\"d\":0,\"last\":\"2026-03-27T09:30:00+00:00\","
		  "\"n\":0,\"twice\":0}");
	assert_int_equal(next(&w, "twice"), 0);
	assert_int_equal(next(&w, "d"), 0);
	world_close(&w);
}

static void
any_json_may_be_a_property(void **state)
{
	static const char *const values[] = {"1e308", "-1e308", "1e308",
	    "9223372036854775807", "-9223372036854775808", "\"1e308\"",
	    "\"9e999\"", "\"NaN\"", "\"Infinity\"", "\"-\"", "\"38\"", "38",
	    "38.0", "true", "false", "null", "[]", "{}", "[1e308]",
	    "{\"n\": 1}", "\"gold\""};
	struct world w;
	json_t *shown;

	world_open(&w, all_kinds, "{}");
	for (int round = 0; round < 3; round++)
		for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
			char with[60];

			snprintf(with, sizeof with, "{\"n\": %s}", values[i]);
			happens(&w, "E", NOW - round * DAY, with);
			store_and_load(&w.subject);
		}
	shown = metrics_values(w.metrics, &w.subject, &w.scope);
	assert_int_equal(
	    json_integer_value(json_object_get(shown, "count")), 63);
	assert_int_equal(
	    json_integer_value(json_object_get(shown, "distinct")), 12);
	assert_string_equal(
	    json_string_value(json_object_get(shown, "latest")), "gold");
	json_decref(shown);
	world_close(&w);
}

/* Each bucket holds a number; together they would be beyond all. */
static void
a_sum_is_never_beyond_numbers(void **state)
{
	struct world w;

	world_open(&w,
	    "\"all\": {\"sum\": \"E\", \"of\": \"n\"},"
	    "\"day\": {\"sum\": \"E\", \"of\": \"n\", \"window\": \"1d\"},"
	    "\"mean\": {\"avg\": \"E\", \"of\": \"n\", \"window\": \"1d\"}",
	    "{}");
	happens(&w, "E", NOW - 9 * HOUR, "{\"n\": 1e308}");
	happens(&w, "E", NOW, "{\"n\": 1e308}");
	shows(&w, "{\"all\":1e308,\"day\":null,\"mean\":null}");
	w.scope.now_ms = NOW + 20 * HOUR;
	shows(&w, "{\"all\":1e308,\"day\":1e308,\"mean\":1e308}");
	world_close(&w);
}

static void
a_damaged_state_does_no_harm(void **state)
{
	static const char *const states[] = {"1", "{}", "[]", "[0]",
	    "[0, \"x\", {}]", "[1]", "[\"x\"]", "[null, 2, 3, 4]", "[1, 2]"};
	char key[60];
	struct world w;

	for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
		world_open(&w, all_kinds, "{}");
		for (int n = 0; metrics_names(w.metrics)[n] != NULL; n++) {
			snprintf(key, sizeof key, "%s %d",
			    metrics_names(w.metrics)[n], n + 1);
			subject_keep(&w.subject, key,
			    json_loads(states[i], JSON_DECODE_ANY, NULL));
		}
		metrics_drop_unknown(w.metrics, &w.subject);
		assert_int_equal(w.subject.n_kept, 12);
		json_decref(metrics_values(w.metrics, &w.subject, &w.scope));
		metrics_next_change(w.metrics, &w.subject,
		    metrics_names(w.metrics), w.scope.now_ms);
		happens(&w, "E", NOW, "{\"n\": 1}");
		json_decref(metrics_values(w.metrics, &w.subject, &w.scope));
		world_close(&w);
	}
}

static void
no_file_means_no_metrics(void **state)
{
	struct problems problems = {0};
	struct metrics *m =
	    metrics_load("/nonexistent/metrics.json", NULL, &problems);
	struct subject s = {.kind = SUBJECT_USER};
	struct liquid_scope scope = {.now_ms = NOW};
	json_t *values = metrics_values(m, &s, &scope);

	assert_int_equal(problems.count, 0);
	assert_null(metrics_names(m)[0]);
	assert_int_equal(json_object_size(values), 0);
	json_decref(values);
	metrics_free(m);
}

static void
names_are_sorted(void **state)
{
	struct metrics *m = metrics_of("\"b\": {\"count\": \"E\"},"
				       "\"a_1\": {\"count\": \"E\"},"
				       "\"B\": {\"count\": \"E\"}");
	const char *const *names = metrics_names(m);

	assert_ptr_equal(metrics_names_for(m, true)[0], NULL);
	assert_string_equal(metrics_names_for(m, false)[2], "b");
	assert_string_equal(names[0], "B");
	assert_string_equal(names[1], "a_1");
	assert_string_equal(names[2], "b");
	assert_null(names[3]);
	metrics_free(m);
}

static void
mistakes_are_named(void **state)
{
	static const char *const cases[][2] = {
	    {"{}", "metrics.json:1:1: \"metrics\" is missing"},
	    {"{\"metrics\": []}",
		"metrics.json:1:13: an object is expected (at /metrics)"},
	    {"{\"metric\": {}}",
		"metrics.json:1:12: unknown key \"metric\"; did you mean "
		"\"metrics\"? (at /metric)"},
	    {"{\"metrics\": {\n  \"tasks\": {\n    \"count\": \"E\",\n"
	     "    \"window\": \"7 days\"}}}",
		"metrics.json:4:15: a duration is expected, such as \"48h\" or "
		"\"14d\" (s, m, h, d, w) (at /metrics/tasks/window)"},
	    {"{\"metrics\": {\"a b\": {\"count\": \"E\"}}}",
		"the name of a metric has letters, digits and _"},
	    {"{\"metrics\": {\"1a\": {\"count\": \"E\"}}}",
		"the name of a metric has letters, digits and _"},
	    {"{\"metrics\": {\"a\": 5}}", "an object is expected"},
	    {"{\"metrics\": {\"a\": {}}}",
		"a metric has one of the keys count, sum, min"},
	    {"{\"metrics\": {\"a\": {\"window\": \"7d\"}}}",
		"a metric has one of the keys count, sum, min"},
	    {"{\"metrics\": {\"a\": {\"cuont\": \"E\"}}}",
		"unknown key \"cuont\"; did you mean \"count\"? (at "
		"/metrics/a/cuont)"},
	    {"{\"metrics\": {\"a\": {\"count\": \"E\", \"sum\": \"E\"}}}",
		"a metric is one of \"count\" and \"sum\", not both"},
	    {"{\"metrics\": {\"a\": {\"count\": 5}}}",
		"a string is expected (at /metrics/a/count)"},
	    {"{\"metrics\": {\"a\": {\"count\": \"\"}}}",
		"a string that is not empty is expected"},
	    {"{\"metrics\": {\"a\": {\"sum\": \"E\"}}}",
		"\"of\" is missing (at /metrics/a)"},
	    {"{\"metrics\": {\"a\": {\"count\": \"E\", \"of\": \"n\"}}}",
		"unknown key \"of\""},
	    {"{\"metrics\": {\"a\": {\"first\": \"E\", \"window\": \"7d\"}}}",
		"unknown key \"window\" (at /metrics/a/window)"},
	    {"{\"metrics\": {\"a\": {\"count\": \"E\", \"windw\": \"7d\"}}}",
		"unknown key \"windw\"; did you mean \"window\"?"},
	    {"{\"metrics\": {\"a\": {\"count\": \"E\", \"window\": \"0s\"}}}",
		"more than 0 is expected"},
	    {"{\"metrics\": {\"a\": {\"count\": \"E\", \"for\": \"acount\"}}}",
		"no kind of subject is called \"acount\"; did you mean "
		"\"account\"? (at /metrics/a/for)"},
	    {"{\"metrics\": {\"a\": {\"count\": \"E\", \"if\": \"a ==\"}}}",
		"the condition cannot be read: "},
	    {"{\"metrics\": {\"a\": {\"count\": \"E\", \"if\": "
	     "\"evnt.a == 1\"}}}",
		"no value is called \"evnt\"; did you mean \"event\"? (at "
		"/metrics/a/if)"},
	    {"{\"metrics\": {\"a\": {\"count\": \"E\", \"if\": "
	     "{\"all\": [\"user.a\", {\"not\": \"usr.b\"}]}}}}",
		"did you mean \"user\"? (at /metrics/a/if/all/1/not)"},
	    {"{\"metrics\": {\"a\": {\"count\": \"E\", \"if\": {}}}}",
		"one of {\"all\": [..]}, {\"any\": [..]} and {\"not\": ..}"},
	    {"{\"metrics\": {\"a\": {\"count\": \"E\", \"if\": "
	     "{\"some\": []}}}}",
		"one of {\"all\": [..]}, {\"any\": [..]} and {\"not\": ..}"},
	    {"{\"metrics\": {\"a\": {\"count\": \"E\", \"if\": "
	     "{\"any\": []}}}}",
		"a list of conditions is expected (at /metrics/a/if/any)"},
	    {"{\"metrics\": {\"a\": {\"count\": \"E\", \"if\": "
	     "\"metric.a > 1\"}}}",
		"no value is called \"metric\""},
	    {"{\"metrics\": {\"a\": {\"count\": \"E\", \"if\": "
	     "\"account.metric.a > 1\"}}}",
		"the condition of an event sees no metrics"},
	    {"{\"metrics\": {\"a\": {\"expr\": \"event.n\"}}}",
		"no value is called \"event\""},
	    {"{\"metrics\": {\"a\": {\"expr\": \"metric.bb\"}, "
	     "\"b\": {\"count\": \"E\"}}}",
		"no metric is called \"bb\"; did you mean \"b\"? (at "
		"/metrics/a/expr)"},
	    {"{\"metrics\": {\"a\": {\"expr\": \"metric\"}}}",
		"a metric is read by its name: metric.NAME"},
	    {"{\"metrics\": {\"a\": {\"expr\": \"metric.b\"}, "
	     "\"b\": {\"for\": \"account\", \"count\": \"E\"}}}",
		"metric \"b\" is an account's; from a user it is "
		"account.metric.NAME"},
	    {"{\"metrics\": {\"a\": {\"expr\": \"account.metric.b\"}, "
	     "\"b\": {\"count\": \"E\"}}}",
		"metric \"b\" is a user's, not an account's"},
	    {"{\"metrics\": {\"a\": {\"for\": \"account\", \"expr\": "
	     "\"account.metric.a\"}}}",
		"an account's own metric is metric.NAME"},
	    {"{\"metrics\": {\"a\": {\"for\": \"account\", \"expr\": "
	     "\"user.x\"}}}",
		"no value is called \"user\""},
	    {"{\"metrics\": {\"a\": {\"expr\": \"metric.a\"}}}",
		"metrics need each other: a, which needs a (at /metrics/a)"},
	    {"{\"metrics\": {\"x\": {\"expr\": \"metric.c\"}, "
	     "\"b\": {\"expr\": \"metric.c\"}, \"c\": {\"milestones\": "
	     "[{\"name\": \"N\", \"if\": \"metric.d.x > 1\"}]}, "
	     "\"d\": {\"expr\": \"metric.b\"}}}",
		"metrics need each other: b, which needs c, which needs d, "
		"which needs b (at /metrics/b)"},
	    {"{\"metrics\": {\"a\": {\"milestones\": []}}}",
		"a list of milestones is expected (at /metrics/a/milestones)"},
	    {"{\"metrics\": {\"a\": {\"milestones\": [{\"nme\": \"x\", "
	     "\"name\": \"N\", \"if\": \"user.a\"}]}}}",
		"did you mean \"name\"? (at /metrics/a/milestones/0/nme)"},
	    {"{\"metrics\": {\"a\": {\"milestones\": [{\"name\": \"N\"}]}}}",
		"\"if\" is missing (at /metrics/a/milestones/0)"},
	    {"{\"metrics\": {\"a\": {\"share\": \"user.seed\"}}}",
		"a share is over the members of an account: \"for\": "
		"\"account\" is missing (at /metrics/a)"},
	    {"{\"metrics\": {\"a\": {\"for\": \"account\", \"share\": "
	     "\"metric.b > 0\", \"amung\": \"user.seed\"}, \"b\": {\"count\": "
	     "\"E\"}}}",
		"unknown key \"amung\"; did you mean \"among\"? (at "
		"/metrics/a/amung)"},
	    {"{\"metrics\": {\"a\": {\"for\": \"account\", \"share\": "
	     "\"metric.b > 0\", \"among\": \"usr.seed\"}, \"b\": {\"count\": "
	     "\"E\"}}}",
		"did you mean \"user\"? (at /metrics/a/among)"},
	    {"{\"metrics\": {\"a\": {\"for\": \"account\", \"min\": "
	     "\"metric.b\", \"window\": \"7d\"}, \"b\": {\"count\": \"E\"}}}",
		"unknown key \"window\""},
	    {"{\"metrics\": {\"a\": {\"for\": \"account\", \"min\": "
	     "\"metric.b\"}, \"b\": {\"for\": \"account\", \"count\": "
	     "\"E\"}}}",
		"metric \"b\" is an account's; from a user it is "
		"account.metric.NAME"},
	    {"{\"metrics\": {\"a\": {\"for\": \"account\", \"share\": "
	     "\"account.metric.a > metric.b\"}, \"b\": {\"count\": \"E\"}}}",
		"what is over the members sees none of the account's metrics"},
	    {"{\"metrics\": {\"a\": {\"for\": \"account\", \"share\": "
	     "\"metric.b > 0\"}, \"b\": {\"expr\": \"account.metric.a\"}}}",
		"metrics need each other: a, which needs b, which needs a"},
	    {"{\"metrics\": {\"a\": {\"for\": \"account\", \"share\": "
	     "\"event.x and user.y\"}}}",
		"no value is called \"event\""},
	    {"{\"metrics\": {\"a\": {\"expr\": \"account.metric[user.x]\"}}}",
		"a metric is read by its name: account.metric.NAME"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct problems problems = {0};
		struct metrics *m = load(cases[i][0], &problems);
		bool is_named = false;
		char text[700];

		for (int j = 0; j < problems.count; j++) {
			error_string(&problems.list[j].at, text, sizeof text);
			is_named |= strstr(text, cases[i][1]) != NULL;
		}
		assert_true(problems.errors > 0);
		if (!is_named)
			assert_string_equal(text, cases[i][1]);
		problems_free(&problems);
		metrics_free(m);
	}
}

static void
a_metric_of_members_that_reads_the_time_is_warned_of(void **state)
{
	struct problems problems = {0};
	struct metrics *m =
	    load("{\"metrics\": {\"late\": {\"expr\": \"now\"},"
		 "\"a\": {\"for\": \"account\", \"max\": \"metric.late\"},"
		 "\"b\": {\"for\": \"account\", \"share\": \"user.x\"}}}",
		&problems);

	assert_int_equal(problems.count, 1);
	assert_int_equal(problems.errors, 0);
	assert_string_equal(problems.list[0].rule, "reads-now");
	assert_string_equal(problems.list[0].at.pointer, "/metrics/a");
	problems_free(&problems);
	metrics_free(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_has_come_yet),
	    cmocka_unit_test(the_order_of_events_makes_no_difference),
	    cmocka_unit_test(what_is_no_number_is_ignored),
	    cmocka_unit_test(properties_have_paths),
	    cmocka_unit_test(latest_keeps_any_plain_value),
	    cmocka_unit_test(windows_move_on),
	    cmocka_unit_test(what_happens_after_now_happens_now),
	    cmocka_unit_test(distinct_is_exact_to_256),
	    cmocka_unit_test(distinct_values_have_types_but_numbers),
	    cmocka_unit_test(the_state_stays_small),
	    cmocka_unit_test(conditions_choose_events),
	    cmocka_unit_test(metrics_are_worked_out_of_others),
	    cmocka_unit_test(account_metrics_are_fed_by_accounts),
	    cmocka_unit_test(times_are_shown_in_the_zone),
	    cmocka_unit_test(a_changed_definition_starts_from_nothing),
	    cmocka_unit_test(what_it_is_worked_out_of_is_known),
	    cmocka_unit_test(a_metric_of_members_hangs_on_theirs),
	    cmocka_unit_test(an_account_shows_nothing_that_is_not_counted),
	    cmocka_unit_test(the_end_of_a_window_is_known),
	    cmocka_unit_test(any_json_may_be_a_property),
	    cmocka_unit_test(a_sum_is_never_beyond_numbers),
	    cmocka_unit_test(a_damaged_state_does_no_harm),
	    cmocka_unit_test(no_file_means_no_metrics),
	    cmocka_unit_test(names_are_sorted),
	    cmocka_unit_test(mistakes_are_named),
	    cmocka_unit_test(
		a_metric_of_members_that_reads_the_time_is_warned_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
