/* SPDX-License-Identifier: MIT */
/*
 * members - an account's metrics over its members, whatever these do, are what
 * one would find by asking all of them.
 */
#include "tests/unit/metrics_fixture.h"

static const char all_kinds[] =
    "\"tasks\": {\"count\": \"Task\"}, \"score\": {\"trait\": \"score\"},"
    "\"active\": {\"for\": \"account\", \"count\": \"metric.tasks > 0\"},"
    "\"share\": {\"for\": \"account\", \"share\": \"metric.tasks > 0\","
    "            \"among\": \"user.seed\"},"
    "\"sum\": {\"for\": \"account\", \"sum\": \"metric.score\"},"
    "\"avg\": {\"for\": \"account\", \"avg\": \"user.score\", \"among\": "
    "         {\"not\": \"user.seed\"}},"
    "\"min\": {\"for\": \"account\", \"min\": \"metric.score\"},"
    "\"max\": {\"for\": \"account\", \"max\": \"metric.score\"}";

#define N_MEMBERS 1000

struct world {
	struct metrics *metrics;
	struct subject accounts[2];
	struct subject members[N_MEMBERS];
	int account_of[N_MEMBERS]; /* -1: of none */
	int asked; /* how often a member's metrics were worked out */
};

static void
subject_open(struct subject *s, enum subject_kind kind)
{
	*s = (struct subject){
	    .kind = kind, .known = INT_MAX, .traits = json_object()};
}

static struct world *
world_open(const char *definitions)
{
	struct world *w = xcalloc(1, sizeof *w);

	w->metrics = metrics_of(definitions);
	for (int i = 0; i < 2; i++)
		subject_open(&w->accounts[i], SUBJECT_ACCOUNT);
	for (int i = 0; i < N_MEMBERS; i++)
		subject_open(&w->members[i], SUBJECT_USER);
	return w;
}

static void
world_close(struct world *w)
{
	for (int i = 0; i < N_MEMBERS; i++)
		subject_free(&w->members[i]);
	for (int i = 0; i < 2; i++)
		subject_free(&w->accounts[i]);
	metrics_free(w->metrics);
	free(w);
}

/* What a member's conditions see. */
struct view {
	struct world *w;
	const struct subject *member, *account;
	struct liquid_scope scope;
	json_t *values;
};

static json_t *
look_up(void *arg, const char *name)
{
	struct view *v = arg;

	if (strcmp(name, "user") == 0)
		return v->member->traits;
	if (strcmp(name, "account") == 0)
		return v->account->traits;
	if (strcmp(name, "metric") != 0)
		return NULL;
	v->w->asked++;
	if (v->values == NULL)
		v->values = metrics_values(v->w->metrics, v->member, &v->scope);
	return v->values;
}

static bool
joins(struct world *w, int member, int account)
{
	struct view v = {.w = w,
	    .member = &w->members[member],
	    .account = &w->accounts[account],
	    .scope = {.lookup = look_up, .arg = &v, .now_ms = NOW}};
	bool changed;

	w->account_of[member] = account;
	changed = metrics_join(
	    w->metrics, &w->members[member], &w->accounts[account], &v.scope);
	json_decref(v.values);
	return changed;
}

static bool
leaves(struct world *w, int member)
{
	return metrics_leave(w->metrics, &w->members[member],
	    &w->accounts[w->account_of[member]]);
}

/* Traits as JSON; what else a member is known by stays. */
static void
has(struct world *w, int member, const char *traits)
{
	json_t *value = json_loads(traits, 0, NULL);

	assert_non_null(value);
	subject_set_traits(&w->members[member], value, NOW, NOW);
	json_decref(value);
}

static void
does_a_task(struct world *w, int member)
{
	struct event e = {.name = "Task", .at_ms = NOW};
	struct liquid_scope scope = {.now_ms = NOW};

	metrics_apply(w->metrics, &w->members[member], &e, &scope, 0);
}

/* To the last bit. */
static void
shows(struct world *w, int account, const char *expected)
{
	struct liquid_scope scope = {.now_ms = NOW};
	json_t *values =
	    metrics_values(w->metrics, &w->accounts[account], &scope);
	json_t *wanted = json_loads(expected, 0, NULL);

	if (!json_equal(values, wanted)) {
		char *text = json_dumps(values, JSON_COMPACT | JSON_SORT_KEYS);

		assert_string_equal(text, expected);
	}
	json_decref(wanted);
	json_decref(values);
}

static void
keeps(const struct subject *s, const char *expected)
{
	char *text = state_text(s);

	assert_string_equal(text, expected);
	free(text);
}

static const char nobody[] = "{\"active\":0,\"avg\":null,\"max\":null,"
			     "\"min\":null,\"share\":null,\"sum\":0}";

static void
members_add_up(void **state)
{
	struct world *w = world_open(all_kinds);

	shows(w, 0, nobody);
	has(w, 0, "{\"score\": 40}");
	has(w, 1, "{\"score\": \"62\", \"seed\": true}");
	has(w, 2, "{\"score\": 7.5, \"seed\": true}");
	does_a_task(w, 0);
	does_a_task(w, 1);
	for (int i = 0; i < 4; i++)
		assert_int_equal(joins(w, i, 0), i < 3);
	shows(w, 0,
	    "{\"active\":2,\"avg\":40,\"max\":62,\"min\":7.5,\"share\":0.5,"
	    "\"sum\":109.5}");
	keeps(&w->members[3], "{}");
	keeps(&w->members[0], "{\"active 2\":[1],\"avg 3\":[40],\"max 4\":[40],"
			      "\"min 5\":[40],\"sum 7\":[40],"
			      "\"tasks 1\":[0,1,0]}");
	world_close(w);
}

static void
a_member_changes(void **state)
{
	struct world *w = world_open(all_kinds);

	has(w, 0, "{\"score\": 40, \"seed\": true}");
	has(w, 1, "{\"score\": 60, \"seed\": true}");
	joins(w, 0, 0);
	joins(w, 1, 0);
	shows(w, 0,
	    "{\"active\":0,\"avg\":null,\"max\":60,\"min\":40,\"share\":0,"
	    "\"sum\":100}");
	does_a_task(w, 1);
	joins(w, 1, 0);
	has(w, 0, "{\"score\": 70}");
	joins(w, 0, 0);
	shows(w, 0,
	    "{\"active\":1,\"avg\":null,\"max\":70,\"min\":60,\"share\":0.5,"
	    "\"sum\":130}");
	has(w, 1, "{\"seed\": false}"); /* among flips */
	joins(w, 1, 0);
	shows(w, 0,
	    "{\"active\":1,\"avg\":60,\"max\":70,\"min\":60,\"share\":0,"
	    "\"sum\":130}");
	has(w, 1, "{\"score\": \"n/a\"}"); /* no number any more */
	joins(w, 1, 0);
	shows(w, 0,
	    "{\"active\":1,\"avg\":null,\"max\":70,\"min\":70,\"share\":0,"
	    "\"sum\":70}");
	world_close(w);
}

static void
a_member_who_leaves_takes_everything_along(void **state)
{
	struct world *w = world_open(all_kinds);

	has(w, 0, "{\"score\": 0.1, \"seed\": true}");
	has(w, 1, "{\"score\": 0.2}");
	for (int i = 0; i < 2; i++) {
		does_a_task(w, i);
		joins(w, i, 0);
	}
	assert_true(leaves(w, 0));
	joins(w, 0, 1);
	shows(w, 0,
	    "{\"active\":1,\"avg\":0.2,\"max\":0.2,\"min\":0.2,\"share\":null,"
	    "\"sum\":0.2}");
	shows(w, 1,
	    "{\"active\":1,\"avg\":null,\"max\":0.1,\"min\":0.1,\"share\":1,"
	    "\"sum\":0.1}");
	assert_true(leaves(w, 0));
	assert_true(leaves(w, 1));
	assert_false(leaves(w, 1));
	for (int i = 0; i < 2; i++) {
		shows(w, i, nobody);
		keeps(&w->accounts[i], "{}");
		keeps(&w->members[i], "{\"tasks 1\":[0,1,0]}");
	}
	world_close(w);
}

static void
nothing_is_written_when_nothing_changed(void **state)
{
	struct world *w = world_open(all_kinds);

	has(w, 0, "{\"score\": 0.3, \"seed\": true}");
	assert_true(joins(w, 0, 0));
	assert_true(w->accounts[0].state_changed);
	assert_true(w->members[0].state_changed);
	store_and_load(&w->accounts[0]);
	store_and_load(&w->members[0]);
	w->accounts[0].state_changed = w->members[0].state_changed = false;
	assert_false(joins(w, 0, 0));
	assert_false(w->accounts[0].state_changed);
	assert_false(w->members[0].state_changed);
	world_close(w);
}

static void
without_such_metrics_nobody_is_asked(void **state)
{
	struct world *w = world_open("\"tasks\": {\"count\": \"Task\"}");

	assert_false(joins(w, 0, 0));
	assert_false(leaves(w, 0));
	assert_int_equal(w->asked, 0);
	assert_null(metrics_of_members(w->metrics)[0]);
	world_close(w);
}

/* By what it keeps, a trait, its account, or what time takes out of a window.
 */
static void
only_a_member_who_may_have_changed_is_asked(void **state)
{
	struct world *w =
	    world_open("\"tasks\": {\"count\": \"Task\"},"
		       "\"logins\": {\"count\": \"Login\"},"
		       "\"week\": {\"count\": \"Task\", \"window\": \"7d\"},"
		       "\"logged\": {\"for\": \"account\", \"count\": "
		       "\"metric.logins > 0\"},"
		       "\"weekly\": {\"for\": \"account\", \"count\": "
		       "\"metric.week > 0\"}");

	joins(w, 0, 0);
	assert_int_equal(w->asked, 2);
	joins(w, 0, 0);
	assert_int_equal(w->asked, 2);
	does_a_task(w, 0);
	joins(w, 0, 0);
	assert_int_equal(w->asked, 3); /* the week, not the logins */
	joins(w, 0, 0);
	assert_int_equal(w->asked, 4); /* it may have left the week */
	has(w, 0, "{\"a\": 1}");
	joins(w, 0, 0);
	assert_int_equal(w->asked, 6);
	leaves(w, 0);
	joins(w, 0, 1);
	assert_int_equal(w->asked, 8);
	shows(w, 1, "{\"logged\":0,\"weekly\":1}");
	world_close(w);
}

/* The member has not changed: its account has. */
static void
who_reads_the_account_is_always_asked(void **state)
{
	struct world *w = world_open(
	    "\"big\": {\"for\": \"account\", \"count\": \"user.seed\", "
	    "\"among\": \"account.size > 10\"}");
	json_t *traits = json_pack("{s:i}", "size", 20);

	has(w, 0, "{\"seed\": true}");
	joins(w, 0, 0);
	shows(w, 0, "{\"big\":0}");
	subject_set_traits(&w->accounts[0], traits, NOW, NOW);
	joins(w, 0, 0);
	shows(w, 0, "{\"big\":1}");
	json_decref(traits);
	world_close(w);
}

/* 0.1 + 0.2 - 0.2 is not 0.1 in doubles. */
static void
sums_of_fractions_leave_no_trace(void **state)
{
	struct world *w = world_open(all_kinds);
	char traits[60];

	has(w, 0, "{\"score\": 0.1}");
	joins(w, 0, 0);
	for (int i = 0; i < 3000; i++) {
		int member = 1 + i % 100;

		snprintf(traits, sizeof traits, "{\"score\": %d.%02d}",
		    i * 7919 % 100000, i % 100);
		has(w, member, traits);
		joins(w, member, 0);
		store_and_load(&w->accounts[0]);
	}
	has(w, 1, "{\"score\": 9e12}");
	joins(w, 1, 0);
	for (int i = 1; i <= 100; i++)
		leaves(w, i);
	shows(w, 0,
	    "{\"active\":0,\"avg\":0.1,\"max\":0.1,\"min\":0.1,\"share\":null,"
	    "\"sum\":0.1}");
	world_close(w);
}

static void
what_is_no_number_has_no_part(void **state)
{
	static const char *const values[] = {"1e308", "-1e308", "1e16",
	    "\"1e400\"", "\"NaN\"", "\"\"", "null", "true", "[1]", "{\"a\": 1}",
	    "9223372036854775807", "\"gold\""};
	struct world *w = world_open(all_kinds);

	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		char traits[60];

		snprintf(traits, sizeof traits, "{\"score\": %s}", values[i]);
		has(w, (int)i, traits);
		assert_false(joins(w, (int)i, 0));
	}
	shows(w, 0, nobody);
	world_close(w);
}

/* A condition that cannot be decided does not hold. */
static void
a_condition_may_be_broken(void **state)
{
	struct world *w = world_open(
	    "\"a\": {\"for\": \"account\", \"share\": \"user.x < 5\"},"
	    "\"b\": {\"for\": \"account\", \"share\": \"user.y\", \"among\": "
	    "\"user.x < 5\"},"
	    "\"c\": {\"for\": \"account\", \"sum\": \"user.x | divided_by: "
	    "0\"}");

	has(w, 0, "{\"x\": \"text\", \"y\": 1}");
	joins(w, 0, 0);
	shows(w, 0, "{\"a\":0,\"b\":null,\"c\":0}");
	has(w, 0, "{\"x\": 4}");
	joins(w, 0, 0);
	shows(w, 0, "{\"a\":1,\"b\":1,\"c\":0}");
	world_close(w);
}

/* An event's name or a condition: see the message of reading the kind. */
static void
kinds_are_told_apart_by_what_they_read(void **state)
{
	struct world *w = world_open(
	    "\"a\": {\"for\": \"account\", \"count\": \"Task\"},"
	    "\"b\": {\"for\": \"account\", \"count\": {\"all\": "
	    "[\"user.x\"]}},"
	    "\"c\": {\"for\": \"account\", \"sum\": \"user.paid\", \"of\": "
	    "\"n\"},"
	    "\"d\": {\"count\": \"user.paid\"},"
	    "\"e\": {\"for\": \"account\", \"expr\": \"metric.b | times: "
	    "2\"}");
	struct event e = {.name = "user.paid", .at_ms = NOW};
	struct liquid_scope scope = {.now_ms = NOW};

	e.properties = json_pack("{s:i}", "n", 12);
	has(w, 0, "{\"x\": true}");
	metrics_apply(w->metrics, &w->members[0], &e, &scope, 0);
	metrics_apply(w->metrics, &w->accounts[0], &e, &scope, 0);
	json_decref(e.properties);
	joins(w, 0, 0);
	shows(w, 0, "{\"a\":0,\"b\":1,\"c\":12,\"e\":2}");
	keeps(&w->members[0], "{\"b 2\":[1],\"d 4\":[0,1,0]}");
	world_close(w);
}

static void
recount(struct world *w, int account)
{
	metrics_recount_begin(w->metrics, &w->accounts[account]);
	for (int i = 0; i < N_MEMBERS; i++)
		if (w->account_of[i] == account)
			metrics_recount(
			    w->metrics, &w->accounts[account], &w->members[i]);
}

static const char lowest[] =
    "\"low\": {\"for\": \"account\", \"min\": \"user.score\"},"
    "\"half\": {\"for\": \"account\", \"expr\": \"metric.low | divided_by: "
    "2.0\"}";

static void
a_minimum_keeps_256_values(void **state)
{
	struct world *w = world_open(lowest);
	char traits[40], expected[60], *text;

	for (int i = 0; i < N_MEMBERS; i++) {
		snprintf(traits, sizeof traits, "{\"score\": %d}",
		    i * 7919 % N_MEMBERS);
		has(w, i, traits);
		joins(w, i, 0);
	}
	text = state_text(&w->accounts[0]);
	assert_in_range(strlen(text), 256 * 4, 256 * 7);
	free(text);
	for (int low = 0; low < 300; low++) {
		int i = 0;

		assert_int_equal(
		    metrics_want_recount(w->metrics, &w->accounts[0]),
		    low == 256);
		if (low == 256) {
			shows(w, 0, "{\"half\":null,\"low\":null}");
			recount(w, 0);
			assert_false(
			    metrics_want_recount(w->metrics, &w->accounts[0]));
		}
		snprintf(expected, sizeof expected,
		    "{\"half\":%d.%d,\"low\":%d}", low / 2, low % 2 * 5, low);
		shows(w, 0, expected);
		while (i * 7919 % N_MEMBERS != low)
			i++;
		leaves(w, i);
		w->account_of[i] = -1;
	}
	world_close(w);
}

/* The one that is left of those that were kept sinks even lower. */
static void
a_new_minimum_needs_no_recount(void **state)
{
	struct world *w = world_open(lowest);
	char traits[40];

	for (int i = 0; i < 300; i++) {
		snprintf(traits, sizeof traits, "{\"score\": %d}", i);
		has(w, i, traits);
		joins(w, i, 0);
	}
	for (int i = 0; i < 255; i++)
		leaves(w, i);
	shows(w, 0, "{\"half\":127.5,\"low\":255}");
	has(w, 255, "{\"score\": 254}");
	joins(w, 255, 0);
	assert_false(metrics_want_recount(w->metrics, &w->accounts[0]));
	shows(w, 0, "{\"half\":127.0,\"low\":254}");
	has(w, 255, "{\"score\": 256}");
	joins(w, 255, 0);
	assert_true(metrics_want_recount(w->metrics, &w->accounts[0]));
	world_close(w);
}

static void
a_hundred_thousand_members(void **state)
{
	enum { N = 100000 };
	struct world *w = world_open(all_kinds);
	struct subject *all = xcalloc(N, sizeof *all);
	struct subject *one = &w->members[0], fresh;
	int changes = 0;

	has(w, 0, "{\"seed\": true}");
	fresh = *one; /* they share its traits */
	for (int i = 0; i < 2 * N; i++) {
		bool first = i < N;

		*one = first ? fresh : all[i % N];
		if (!first)
			does_a_task(w, 0);
		json_object_set_new(one->traits, "score",
		    json_real(i % 100 + (first ? 0 : 0.25)));
		subject_trait_changed(one);
		changes += joins(w, 0, 0);
		all[i % N] = *one;
		if (i % 20000 == 0 || i == 2 * N - 1) {
			char *text = state_text(&w->accounts[0]);

			assert_in_range(strlen(text), 10, 2 * 256 * 16);
			free(text);
			store_and_load(&w->accounts[0]);
		}
		if (i == N + N / 2 - 1)
			shows(w, 0,
			    "{\"active\":50000,\"avg\":null,\"max\":99.25,"
			    "\"min\":0,\"share\":0.5,\"sum\":4962500}");
	}
	assert_int_equal(changes, 2 * N);
	shows(w, 0,
	    "{\"active\":100000,\"avg\":null,\"max\":99.25,\"min\":0.25,"
	    "\"share\":1,\"sum\":4975000}");
	for (int i = 0; i < N; i++) {
		all[i].traits = NULL;
		subject_free(&all[i]);
	}
	free(all);
	*one = fresh;
	world_close(w);
}

/* ------------------------------------------ against a slow model */

static uint64_t
draw(uint64_t *seed, uint64_t below)
{
	*seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (*seed >> 33) % below;
}

static json_t *
number(double n)
{
	return n == (double)(json_int_t)n ? json_integer((json_int_t)n)
					  : json_real(n);
}

/* Asks everybody. */
static json_t *
ask_all(struct world *w, int account)
{
	double sum = 0, low = 0, high = 0, others = 0;
	int scores = 0, active = 0, seeds = 0, busy = 0, n_others = 0;

	for (int i = 0; i < N_MEMBERS; i++) {
		const struct subject *s = &w->members[i];
		json_t *score = json_object_get(s->traits, "score");
		bool is_active = subject_kept(s, "tasks 1") != NULL;
		bool is_seed = json_is_true(json_object_get(s->traits, "seed"));
		double n = json_number_value(score);

		if (w->account_of[i] != account)
			continue;
		active += is_active;
		seeds += is_seed;
		busy += is_seed && is_active;
		if (!json_is_number(score))
			continue;
		low = scores == 0 || n < low ? n : low;
		high = scores == 0 || n > high ? n : high;
		scores++;
		sum += n;
		n_others += !is_seed;
		others += is_seed ? 0 : n;
	}
	return json_pack("{s:i, s:o, s:o, s:o, s:o, s:o}", "active", active,
	    "avg", n_others ? number(others / n_others) : json_null(), "max",
	    scores ? number(high) : json_null(), "min",
	    scores ? number(low) : json_null(), "share",
	    seeds ? number((double)busy / seeds) : json_null(), "sum",
	    number(sum));
}

static void
something_happens(struct world *w, uint64_t *seed)
{
	int i = (int)draw(seed, N_MEMBERS);
	char traits[60];

	switch (draw(seed, 8)) {
	case 0:
		does_a_task(w, i);
		break;
	case 1:
		has(w, i,
		    draw(seed, 2) ? "{\"seed\": true}" : "{\"seed\": false}");
		break;
	case 2:
		has(w, i, "{\"score\": null}");
		break;
	case 3: /* to the other account, or away */
		if (w->account_of[i] < 0)
			break;
		leaves(w, i);
		w->account_of[i] = -1;
		break;
	default: /* quarters: exact in any order */
		snprintf(traits, sizeof traits, "{\"score\": %d.%s}",
		    (int)draw(seed, 400), draw(seed, 2) ? "25" : "5");
		has(w, i, traits);
	}
	if (w->account_of[i] >= 0)
		joins(w, i, w->account_of[i]);
	else if (draw(seed, 2))
		joins(w, i, (int)draw(seed, 2));
}

static void
compare(struct world *w, int account)
{
	json_t *expected = ask_all(w, account);
	char *text = json_dumps(expected, JSON_COMPACT | JSON_SORT_KEYS);

	if (metrics_want_recount(w->metrics, &w->accounts[account]))
		recount(w, account);
	shows(w, account, text);
	free(text);
	json_decref(expected);
}

static void
it_is_what_asking_everybody_finds(void **state)
{
	for (uint64_t start = 1; start <= 5; start++) {
		struct world *w = world_open(all_kinds);
		uint64_t seed = start;

		print_message("seed %d\n", (int)start);
		for (int i = 0; i < N_MEMBERS; i++)
			w->account_of[i] = -1;
		for (int i = 0; i < 4000; i++) {
			something_happens(w, &seed);
			if (i % 100 == 0)
				store_and_load(&w->accounts[i / 100 % 2]);
			if (i % 50 == 0)
				compare(w, i / 50 % 2);
		}
		for (int i = 0; i < N_MEMBERS; i++)
			if (w->account_of[i] >= 0)
				leaves(w, i);
		keeps(&w->accounts[0], "{}");
		keeps(&w->accounts[1], "{}");
		world_close(w);
	}
}

static void
a_damaged_state_does_no_harm(void **state)
{
	static const char *const states[] = {"1", "{}", "[]", "[0]", "[5]",
	    "[0, 5]", "[\"x\", null, {}, 1]", "[-7, 1, 2]", "[0, 1, 2, 3]"};
	static const char *const keys[] = {
	    "active 2", "avg 3", "max 4", "min 5", "share 6", "sum 7"};

	for (size_t i = 0; i < sizeof states / sizeof *states * 2; i++) {
		struct world *w = world_open(all_kinds);
		struct subject *s = i % 2 ? &w->members[0] : &w->accounts[0];
		struct liquid_scope scope = {.now_ms = NOW};

		for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
			subject_keep(s, keys[k],
			    json_loads(states[i / 2], JSON_DECODE_ANY, NULL));
		for (int score = 0; score < 5; score++) {
			char traits[40];

			snprintf(
			    traits, sizeof traits, "{\"score\": %d}", score);
			has(w, 0, traits);
			joins(w, 0, 0);
			json_decref(metrics_values(
			    w->metrics, &w->accounts[0], &scope));
		}
		leaves(w, 0);
		recount(w, 0);
		world_close(w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(members_add_up),
	    cmocka_unit_test(a_member_changes),
	    cmocka_unit_test(a_member_who_leaves_takes_everything_along),
	    cmocka_unit_test(nothing_is_written_when_nothing_changed),
	    cmocka_unit_test(without_such_metrics_nobody_is_asked),
	    cmocka_unit_test(who_reads_the_account_is_always_asked),
	    cmocka_unit_test(only_a_member_who_may_have_changed_is_asked),
	    cmocka_unit_test(sums_of_fractions_leave_no_trace),
	    cmocka_unit_test(what_is_no_number_has_no_part),
	    cmocka_unit_test(a_condition_may_be_broken),
	    cmocka_unit_test(kinds_are_told_apart_by_what_they_read),
	    cmocka_unit_test(a_minimum_keeps_256_values),
	    cmocka_unit_test(a_new_minimum_needs_no_recount),
	    cmocka_unit_test(a_hundred_thousand_members),
	    cmocka_unit_test(it_is_what_asking_everybody_finds),
	    cmocka_unit_test(a_damaged_state_does_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
