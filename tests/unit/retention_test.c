/* SPDX-License-Identifier: MIT */
/* What is left of a store when the old has gone: whole chains, nobody else's.
 */
#include "tests/unit/queue_fixture.h"

static int64_t
add_event(struct queue *q, int64_t subject, int64_t received_ms)
{
	struct queue_event e = {
	    .subject = subject,
	    .type = "track",
	    .name = "Task Succeeded",
	    .body = "{}",
	    .at_ms = received_ms,
	    .received_ms = received_ms,
	};

	assert_int_equal(queue_events_add(q, &e, 1), 0);
	return e.id;
}

static void
trim_all(struct queue *q, int64_t before_ms, int64_t now_ms)
{
	int n;

	while ((n = queue_trim(q, 0, before_ms, now_ms, 7)) > 0)
		continue;
	assert_int_equal(n, 0);
}

/* A subject's events both ways: oldest first by their ids, newest first. */
static void
expect_events(struct queue *q, int64_t subject, const int64_t *ids, int n)
{
	struct queue_event *out = calloc((size_t)n + 2, sizeof *out);
	int64_t *chain, before = 0;
	int in_chain;

	assert_int_equal(queue_begin(q), 0);
	in_chain = queue_event_ids(q, subject, &chain);
	assert_true(in_chain >= 0);
	assert_true(in_chain <= n + 1); /* one more: where it ends */
	assert_int_equal(queue_events_load(q, chain, in_chain, out), n);
	for (int i = 0; i < n; i++) {
		assert_int_equal(out[i].id, ids[i]);
		assert_int_equal(out[i].subject, subject);
	}
	for (int i = n - 1; i >= 0; i--) {
		assert_int_equal(
		    queue_events_of(q, subject, before, out, 1), 1);
		assert_int_equal(out[0].id, ids[i]);
		before = out[0].id;
	}
	assert_int_equal(queue_events_of(q, subject, before, out, 1), 0);
	assert_int_equal(queue_commit(q), 0);
	free(chain);
	free(out);
}

static void
test_a_chain_ends_where_it_was_trimmed(void **state)
{
	struct fixture *f = *state;
	int64_t ada = add_subject(f->q, "ada", 0);
	int64_t bob = add_subject(f->q, "bob", 0);
	int64_t ids[20];

	for (int i = 0; i < 20; i++) {
		ids[i] = add_event(f->q, ada, i);
		add_event(f->q, bob, i);
	}
	expect_events(f->q, ada, ids, 20);
	trim_all(f->q, 13, 100);
	expect_events(f->q, ada, ids + 13, 7);
	reopen(f);
	expect_events(f->q, ada, ids + 13, 7);
	ids[19] = add_event(f->q, ada, 30);
	trim_all(f->q, 25, 100);
	expect_events(f->q, ada, ids + 19, 1);
	expect_events(f->q, bob, NULL, 0);
}

/* An id that was given again would lead from one's chain to another's event. */
static void
test_no_event_becomes_anothers(void **state)
{
	struct fixture *f = *state;
	int64_t ada = add_subject(f->q, "ada", 0);
	int64_t bob = add_subject(f->q, "bob", 0);
	int64_t cleo = add_subject(f->q, "cleo", 0);
	int64_t last = 0, id;

	for (int i = 0; i < 10; i++)
		add_event(f->q, ada, 1);
	for (int i = 0; i < 10; i++)
		last = add_event(f->q, bob, 2);
	trim_all(f->q, 2, 100);
	assert_int_equal(queue_subject_forget(f->q, bob), 0);
	trim_all(f->q, 50, 100);
	assert_int_equal(rows_in(f->q, "events"), 1);
	reopen(f);
	id = add_event(f->q, cleo, 60);
	assert_true(id > last);
	expect_events(f->q, ada, NULL, 0);
	expect_events(f->q, cleo, &id, 1);
	trim_all(f->q, 50, 100);
	assert_int_equal(rows_in(f->q, "events"), 1);
}

static void
test_of_a_forgotten_person_nothing_is_left(void **state)
{
	struct fixture *f = *state;
	int64_t ada = add_subject(f->q, "ada", 0);
	struct queue_event e = {.subject = ada,
			       .account = 77,
			       .type = "track",
			       .name = "secret name",
			       .message_id = "secret id",
			       .body = "{\"secret\":1}"},
			   left;

	assert_int_equal(queue_events_add(f->q, &e, 1), 0);
	assert_int_equal(queue_subject_forget(f->q, ada), 0);
	assert_int_equal(queue_events_load(f->q, &e.id, 1, &left), 1);
	assert_int_equal(left.subject, 0);
	assert_int_equal(left.account, 0);
	assert_string_equal(left.name, "");
	assert_string_equal(left.message_id, "");
	assert_string_equal(left.body, "{}");
}

static void
test_chains_that_were_trimmed_can_be_merged(void **state)
{
	struct fixture *f = *state;
	int64_t ada = add_subject(f->q, "ada", 0);
	int64_t anonymous = add_subject(f->q, "anonymous", 0);
	int64_t kept[8], other;
	int n = 0;

	for (int i = 0; i < 8; i++) {
		int64_t id = add_event(f->q, i % 2 ? ada : anonymous, i);

		if (i >= 3)
			kept[n++] = id;
	}
	trim_all(f->q, 3, 100);
	assert_int_equal(queue_subject_merge(f->q, anonymous, ada), 0);
	expect_events(f->q, ada, kept, n);
	trim_all(f->q, 100, 200);
	other = add_subject(f->q, "other", 0);
	assert_int_equal(queue_subject_merge(f->q, ada, other), 0);
	expect_events(f->q, other, kept + n - 1, 1);
}

/* Events that came while the clock was wrong go with those around them. */
static void
test_a_wrong_clock_keeps_nothing_and_takes_nothing(void **state)
{
	enum { FUTURE = 1000000, NOW = 1000 };
	static const int64_t received[] = {
	    10, FUTURE, FUTURE, 20, 500, 1, 501, FUTURE, 502};
	struct fixture *f = *state;
	int64_t ada = add_subject(f->q, "ada", 0), ids[9];

	for (int i = 0; i < 9; i++)
		ids[i] = add_event(f->q, ada, received[i]);
	trim_all(f->q, 400, NOW);
	expect_events(f->q, ada, ids + 4, 5);
	trim_all(f->q, 501, NOW);
	expect_events(f->q, ada, ids + 6, 3);
}

/*
 * A machine that begins its life in the past, and one that was in the future
 * for a while: all of the present stays, and goes when it is old.
 */
static void
test_a_clock_that_is_behind_takes_nothing(void **state)
{
	enum { PAST = 1000, PRESENT = 1000000, FUTURE = 2000000, KEPT = 500 };
	struct fixture *f = *state;
	int64_t ada = add_subject(f->q, "ada", 0), ids[40];
	struct queue_decision d = {
	    .subject = ada, .at_ms = PRESENT, .what = "sent"};

	for (int i = 0; i < 20; i++) {
		ids[i] = add_event(f->q, ada, PRESENT + i);
		assert_int_equal(queue_decisions_add(f->q, &d, 1), 0);
	}
	assert_int_equal(queue_last_used(f->q), PRESENT + 19);
	trim_all(f->q, PAST - KEPT, PAST);
	expect_events(f->q, ada, ids, 20);
	for (int i = 20; i < 40; i++)
		ids[i] = add_event(f->q, ada, i < 30 ? PAST : FUTURE);
	trim_all(f->q, PAST - KEPT, PAST);
	trim_all(f->q, PRESENT + 100 - KEPT, PRESENT + 100);
	expect_events(f->q, ada, ids, 40);
	assert_int_equal(rows_in(f->q, "decisions"), 20);
	trim_all(f->q, PRESENT + 10, PRESENT + 10 + KEPT);
	expect_events(f->q, ada, ids + 10, 30);
	assert_int_equal(rows_in(f->q, "decisions"), 0);
}

static void
test_a_store_without_rows_was_never_used(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(queue_last_used(f->q), 0);
}

static int64_t
random_below(int64_t n)
{
	static uint64_t x = 42;

	x = x * 6364136223846793005u + 1442695040888963407u;
	return (int64_t)(x >> 33) % n;
}

/*
 * Many people, and the old going all the while that new comes: what each has
 * left is what a list has that knows nothing of chains.
 */
static void
test_a_big_store_beside_a_list(void **state)
{
	enum { EVENTS = 30000, PEOPLE = 200, KEEP = 5000 };
	struct fixture *f = *state;
	int64_t people[PEOPLE], *ids = calloc(EVENTS, sizeof *ids);
	int64_t *mine = calloc(EVENTS, sizeof *mine);
	int *whose = calloc(EVENTS, sizeof *whose);
	char name[20];

	assert_int_equal(queue_begin(f->q), 0);
	for (int i = 0; i < PEOPLE; i++) {
		snprintf(name, sizeof name, "user %d", i);
		people[i] = add_subject(f->q, name, 0);
	}
	for (int i = 0; i < EVENTS; i++) {
		whose[i] = (int)random_below(PEOPLE);
		ids[i] = add_event(f->q, people[whose[i]], i);
		if (i % 50 != 0)
			continue;
		assert_int_equal(queue_commit(f->q), 0);
		assert_int_equal(queue_begin(f->q), 0);
		assert_true(queue_trim(f->q, 0, i - KEEP, i, 40) >= 0);
	}
	assert_int_equal(queue_commit(f->q), 0);
	assert_true(rows_in(f->q, "events") < KEEP + EVENTS / 5);
	trim_all(f->q, EVENTS - KEEP, EVENTS);
	assert_int_equal(rows_in(f->q, "events"), KEEP);
	for (int i = 0; i < PEOPLE; i++) {
		int n = 0;

		for (int k = EVENTS - KEEP; k < EVENTS; k++)
			if (whose[k] == i)
				mine[n++] = ids[k];
		expect_events(f->q, people[i], mine, n);
	}
	free(ids);
	free(mine);
	free(whose);
}

/* The verdict on a mail whose person was forgotten while it was on its way. */
static void
test_a_verdict_for_nobody_is_nobody_elses(void **state)
{
	struct fixture *f = *state;
	int64_t ada = add_subject(f->q, "ada", 0);
	int64_t bob = add_subject(f->q, "bob", 0);
	struct queue_message m, other;

	assert_true(add_message_to(f->q, message("a", ada, 1)));
	m = message_with_key(f->q, "a");
	assert_int_equal(queue_subject_forget(f->q, ada), 0);
	assert_true(add_message_to(f->q, message("b", bob, 1)));
	m.state = QUEUE_SENT;
	m.settled_at_ms = 5;
	assert_int_equal(queue_messages_update(f->q, &m, 1), 0);
	other = message_with_key(f->q, "b");
	assert_int_equal(other.state, QUEUE_QUEUED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_a_chain_ends_where_it_was_trimmed),
	    TEST(test_no_event_becomes_anothers),
	    TEST(test_of_a_forgotten_person_nothing_is_left),
	    TEST(test_chains_that_were_trimmed_can_be_merged),
	    TEST(test_a_wrong_clock_keeps_nothing_and_takes_nothing),
	    TEST(test_a_clock_that_is_behind_takes_nothing),
	    TEST(test_a_store_without_rows_was_never_used),
	    TEST(test_a_big_store_beside_a_list),
	    TEST(test_a_verdict_for_nobody_is_nobody_elses),
	};

	return cmocka_run_group_tests_name("retention", tests, NULL, NULL);
}
