/* SPDX-License-Identifier: MIT */
/* What the store keeps, and what it gives back: queue/queue.h from outside. */
#include "tests/unit/queue_fixture.h"

#define HOUR ((int64_t)3600 * 1000)

/* ------------------------------------------------------- people, accounts */

static void
test_subject_comes_back_as_saved(void **state)
{
	struct fixture *f = *state;
	struct queue_subject s = {
	    .kind = QUEUE_ACCOUNT,
	    .name = "acme",
	    .email = "Ops@Acme.Example",
	    .traits = "{\"plan\":\"pro\"}",
	    .state = "{\"metrics\":{}}",
	    .account = 77,
	    .wake_at_ms = 1234,
	    .created_at_ms = 99,
	};
	struct queue_subject got[2];

	assert_int_equal(queue_subjects_save(f->q, &s, 1), 0);
	reopen(f);
	const int64_t ids[] = {s.id + 1, s.id};
	assert_int_equal(queue_subjects_load(f->q, ids, 2, got), 0);
	assert_int_equal(got[0].id, 0);
	assert_int_equal(got[1].id, s.id);
	assert_int_equal(got[1].kind, QUEUE_ACCOUNT);
	assert_string_equal(got[1].name, "acme");
	assert_string_equal(got[1].email, "Ops@Acme.Example");
	assert_string_equal(got[1].traits, "{\"plan\":\"pro\"}");
	assert_string_equal(got[1].state, "{\"metrics\":{}}");
	assert_int_equal(got[1].account, 77);
	assert_int_equal(got[1].wake_at_ms, 1234);
	assert_int_equal(got[1].created_at_ms, 99);
}

static void
test_save_writes_only_what_is_asked_for(void **state)
{
	struct fixture *f = *state;
	int64_t id = add_subject(f->q, "ada", 10);
	struct queue_subject s = {
	    .id = id,
	    .kind = QUEUE_USER,
	    .name = "ada",
	    .traits = "{\"a\":1}",
	    .state = "{\"s\":1}",
	    .account = 5,
	    .wake_at_ms = 20,
	};
	struct queue_subject got;

	assert_int_equal(queue_subjects_save(f->q, &s, 1), 0); /* save: 0 */
	assert_int_equal(queue_subjects_load(f->q, &id, 1, &got), 0);
	assert_string_equal(got.traits, "{}");
	assert_string_equal(got.state, "{}");

	s.save = QUEUE_SAVE_STATE;
	assert_int_equal(queue_subjects_save(f->q, &s, 1), 0);
	assert_int_equal(queue_subjects_load(f->q, &id, 1, &got), 0);
	assert_string_equal(got.traits, "{}");
	assert_string_equal(got.state, "{\"s\":1}");
	assert_int_equal(got.wake_at_ms, 20);
	assert_int_equal(got.account, 0);

	s.state = "{\"s\":2}"; /* the same wake-up */
	assert_int_equal(queue_subjects_save(f->q, &s, 1), 0);
	assert_int_equal(queue_subjects_load(f->q, &id, 1, &got), 0);
	assert_string_equal(got.state, "{\"s\":2}");

	s.save = QUEUE_SAVE_TRAITS;
	s.state = "not saved";
	s.wake_at_ms = 30;
	assert_int_equal(queue_subjects_save(f->q, &s, 1), 0);
	assert_int_equal(queue_subjects_load(f->q, &id, 1, &got), 0);
	assert_string_equal(got.traits, "{\"a\":1}");
	assert_string_equal(got.state, "{\"s\":2}");
	assert_int_equal(got.wake_at_ms, 20);
	assert_int_equal(got.account, 5);

	s.save = QUEUE_SAVE_TRAITS | QUEUE_SAVE_STATE;
	s.account = 0;
	s.wake_at_ms = 0;
	assert_int_equal(queue_subjects_save(f->q, &s, 1), 0);
	assert_int_equal(queue_subjects_load(f->q, &id, 1, &got), 0);
	assert_string_equal(got.state, "not saved");
	assert_int_equal(got.wake_at_ms, 0);
	assert_int_equal(got.account, 0);
	assert_int_equal(queue_wakeup_next(f->q), 0);
}

static void
test_names_find_move_and_are_listed(void **state)
{
	struct fixture *f = *state;
	int64_t ada = add_subject(f->q, "ada", 0);
	int64_t bob = add_subject(f->q, "bob", 0);
	struct queue_name anonymous = {QUEUE_ANONYMOUS_ID, "ada"};
	struct queue_name names[] = {
	    {QUEUE_USER_ID, "ada"},
	    {QUEUE_ANONYMOUS_ID, "ada"},
	    {QUEUE_ACCOUNT_ID, "ada"},
	};
	int64_t ids[3];
	struct queue_name of[4];

	assert_int_equal(queue_names_bind(f->q, &anonymous, 1, &ada), 0);
	assert_int_equal(queue_names_bind(f->q, &anonymous, 1, &bob), 0);
	assert_int_equal(queue_names_find(f->q, names, 3, ids), 0);
	assert_int_equal(ids[0], ada);
	assert_int_equal(ids[1], bob);
	assert_int_equal(ids[2], 0);
	assert_int_equal(queue_names_of(f->q, bob, of, 4), 2);
	assert_string_equal(of[0].text, "bob");
	assert_int_equal(of[1].kind, QUEUE_ANONYMOUS_ID);
	assert_int_equal(queue_names_of(f->q, bob, of, 1), 1);
}

static void
test_members_come_in_pages(void **state)
{
	struct fixture *f = *state;
	int64_t first = 0, ids[2];

	for (int i = 0; i < 4; i++) {
		struct queue_subject s = {
		    .kind = QUEUE_USER, .name = "m", .account = i < 3 ? 9 : 8};
		assert_int_equal(queue_subjects_save(f->q, &s, 1), 0);
		first = first == 0 ? s.id : first;
	}
	assert_int_equal(queue_members(f->q, 9, 0, ids, 2), 2);
	assert_int_equal(ids[0], first);
	assert_int_equal(queue_members(f->q, 9, ids[1], ids, 2), 1);
	assert_int_equal(ids[0], first + 2);
	assert_int_equal(queue_members(f->q, 7, 0, ids, 2), 0);
}

static void
test_search_finds_names_and_emails(void **state)
{
	struct fixture *f = *state;
	int64_t longer = add_subject(f->q, "ada-2", 0);
	int64_t ada = add_subject(f->q, "ada", 0);
	struct queue_name other = {QUEUE_ANONYMOUS_ID, "ada-anonymous"};
	struct queue_subject bob = {
	    .kind = QUEUE_USER, .name = "b", .email = "Ada.Bob@x.example"};
	struct queue_subject out[9];

	assert_int_equal(queue_names_bind(f->q, &other, 1, &ada), 0);
	assert_int_equal(queue_subjects_save(f->q, &bob, 1), 0);
	assert_int_equal(queue_subjects_search(f->q, "ada", 0, out, 9), 3);
	assert_int_equal(out[0].id, ada); /* exact before longer, once */
	assert_int_equal(out[1].id, longer);
	assert_int_equal(out[2].id, bob.id);
	assert_int_equal(queue_subjects_search(f->q, "ada", 0, out, 1), 1);
	assert_int_equal(out[0].id, ada);
	assert_int_equal(
	    queue_subjects_search(f->q, "aDA.bob@X.example", 0, out, 9), 1);
	assert_string_equal(out[0].email, "Ada.Bob@x.example");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(
		    queue_subjects_search(f->q, "ada", i, &out[i], 1), 1);
		assert_int_equal(
		    out[i].id, ((int64_t[]){ada, longer, bob.id})[i]);
	}
	assert_int_equal(queue_subjects_search(f->q, "ada", 3, out, 9), 0);
	assert_int_equal(queue_subjects_search(f->q, "da", 0, out, 9), 0);
	assert_int_equal(queue_subjects_search(f->q, "%", 0, out, 9), 0);
}

static void
test_merge_moves_everything(void **state)
{
	struct fixture *f = *state;
	int64_t from = add_subject(f->q, "anonymous", 5);
	int64_t into = add_subject(f->q, "known", 0);
	struct queue_event event = {
	    .message_id = "m1", .subject = from, .type = "track", .body = "{}"};
	struct queue_decision decision = {.subject = from, .what = "entered"};
	struct queue_subject gone;

	assert_int_equal(queue_events_add(f->q, &event, 1), 0);
	assert_int_equal(queue_decisions_add(f->q, &decision, 1), 0);
	assert_true(add_message_to(f->q, message("k1", from, 1)));
	assert_int_equal(queue_subject_merge(f->q, from, into), 0);

	assert_int_equal(find_user(f->q, "anonymous"), into);
	assert_int_equal(queue_subjects_load(f->q, &from, 1, &gone), 0);
	assert_int_equal(gone.id, 0);
	assert_int_equal(queue_wakeup_next(f->q), 0);
	assert_int_equal(queue_events_of(f->q, into, 0, &event, 1), 1);
	assert_int_equal(queue_decisions_of(f->q, into, 0, &decision, 1), 1);
	assert_int_equal(message_with_key(f->q, "k1").subject, into);

	assert_int_equal(queue_subject_merge(f->q, into, into), 0);
	assert_int_equal(find_user(f->q, "known"), into);
}

static void
test_forget_leaves_nothing_but_the_suppression(void **state)
{
	struct fixture *f = *state;
	int64_t id = add_subject(f->q, "ada", 5);
	struct queue_event event = {
	    .message_id = "m1", .subject = id, .type = "track", .body = "{}"};
	struct queue_decision decision = {.subject = id, .what = "entered"};
	struct queue_message_filter of = {.subject = id, .state = -1};
	struct queue_message m;
	int64_t counts[QUEUE_STATES];
	const char *reason;

	assert_int_equal(queue_events_add(f->q, &event, 1), 0);
	assert_int_equal(queue_decisions_add(f->q, &decision, 1), 0);
	assert_true(add_message_to(f->q, message("k1", id, 1)));
	assert_int_equal(queue_suppress(f->q, "ada@x.example", "", "r", 1), 0);
	assert_int_equal(queue_subject_forget(f->q, id), 0);

	assert_int_equal(find_user(f->q, "ada"), 0);
	assert_int_equal(queue_events_of(f->q, id, 0, &event, 1), 0);
	assert_int_equal(queue_decisions_of(f->q, id, 0, &decision, 1), 0);
	assert_int_equal(queue_messages_find(f->q, &of, &m, 1), 0);
	assert_int_equal(queue_messages_count(f->q, counts), 0);
	assert_int_equal(counts[QUEUE_QUEUED], 0);
	assert_int_equal(
	    queue_suppressed(f->q, "ada@x.example", "", &reason), 1);
}

static int64_t
add_account(struct queue *q, const char *name)
{
	struct queue_subject s = {.kind = QUEUE_ACCOUNT, .name = name};

	assert_int_equal(queue_subjects_save(q, &s, 1), 0);
	return s.id;
}

/* A member of the account, with one event that was for it. */
static int64_t
add_member(struct queue *q, const char *name, int64_t account)
{
	struct queue_subject s = {
	    .kind = QUEUE_USER, .name = name, .account = account};
	struct queue_event event = {
	    .message_id = name, .type = "track", .account = account};

	assert_int_equal(queue_subjects_save(q, &s, 1), 0);
	event.subject = s.id;
	assert_int_equal(queue_events_add(q, &event, 1), 0);
	return s.id;
}

static void
test_an_account_goes_with_what_points_to_it(void **state)
{
	struct fixture *f = *state;
	int64_t from = add_account(f->q, "from");
	int64_t into = add_account(f->q, "into");
	int64_t ada = add_member(f->q, "ada", from), ids[2];
	struct queue_event event;
	struct queue_subject s;

	assert_int_equal(queue_subject_merge(f->q, from, into), 0);
	assert_int_equal(queue_members(f->q, into, 0, ids, 2), 1);
	assert_int_equal(queue_events_of(f->q, ada, 0, &event, 1), 1);
	assert_int_equal(event.account, into);

	assert_int_equal(queue_subject_forget(f->q, into), 0);
	assert_int_equal(queue_subjects_load(f->q, &ada, 1, &s), 0);
	assert_int_equal(s.account, 0);
	assert_int_equal(queue_events_of(f->q, ada, 0, &event, 1), 1);
	assert_int_equal(event.account, 0);
}

static void
test_subjects_are_walked_by_kind(void **state)
{
	struct fixture *f = *state;
	int64_t users[5], accounts[5], ids[5];

	assert_int_equal(queue_subjects_last(f->q), 0);
	assert_int_equal(queue_subjects_after(f->q, QUEUE_USER, 0, ids, 5), 0);
	for (int i = 0; i < 5; i++) {
		char name[8];

		snprintf(name, sizeof name, "u%d", i);
		users[i] = add_subject(f->q, name, 0);
		accounts[i] = add_account(f->q, name);
	}
	assert_int_equal(queue_subjects_last(f->q), accounts[4]);
	assert_int_equal(queue_subjects_after(f->q, QUEUE_USER, 0, ids, 3), 3);
	assert_memory_equal(ids, users, 3 * sizeof *ids);
	assert_int_equal(
	    queue_subjects_after(f->q, QUEUE_USER, ids[2], ids, 5), 2);
	assert_memory_equal(ids, users + 3, 2 * sizeof *ids);
	assert_int_equal(
	    queue_subjects_after(f->q, QUEUE_ACCOUNT, accounts[1], ids, 5), 3);
	assert_memory_equal(ids, accounts + 2, 3 * sizeof *ids);
}

static void
test_wakeups_come_longest_due_first(void **state)
{
	struct fixture *f = *state;
	int64_t ids[4];
	struct queue_subject s;

	assert_int_equal(queue_wakeup_next(f->q), 0);
	int64_t late = add_subject(f->q, "late", 300);
	int64_t early = add_subject(f->q, "early", 100);
	add_subject(f->q, "never", 0);
	add_subject(f->q, "not yet", 301);
	assert_int_equal(queue_wakeup_next(f->q), 100);
	assert_int_equal(queue_wakeups_due(f->q, 300, ids, 4), 2);
	assert_int_equal(ids[0], early);
	assert_int_equal(ids[1], late);
	assert_int_equal(queue_wakeups_due(f->q, 300, ids, 1), 1);

	assert_int_equal(queue_subjects_load(f->q, &early, 1, &s), 0);
	s.wake_at_ms = 500;
	s.save = QUEUE_SAVE_STATE;
	assert_int_equal(queue_subjects_save(f->q, &s, 1), 0);
	assert_int_equal(queue_wakeups_due(f->q, 300, ids, 4), 1);
	assert_int_equal(ids[0], late);
}

/* ----------------------------------------------------------------- events */

static void
test_dedupe_within_set_and_window(void **state)
{
	struct fixture *f = *state;
	const char *const ids[] = {"a", "b", "a"};
	bool seen[3];

	assert_int_equal(queue_begin(f->q), 0);
	assert_int_equal(
	    queue_events_dedupe(f->q, ids, 3, 100 * HOUR, 52 * HOUR, seen), 0);
	assert_false(seen[0]);
	assert_false(seen[1]);
	assert_true(seen[2]);
	assert_int_equal(queue_commit(f->q), 0);

	/* 48 hours later it is still known, a moment later it is not. */
	assert_int_equal(
	    queue_events_dedupe(f->q, ids, 1, 148 * HOUR, 100 * HOUR, seen), 0);
	assert_true(seen[0]);
	assert_int_equal(queue_events_dedupe(f->q, ids, 1, 148 * HOUR + 1,
			     100 * HOUR + 1, seen),
	    0);
	assert_false(seen[0]);
	/* From then on it counts as new again. */
	assert_int_equal(
	    queue_events_dedupe(f->q, ids, 1, 149 * HOUR, 100 * HOUR + 1, seen),
	    0);
	assert_true(seen[0]);
}

static void
test_rollback_forgets_what_was_seen(void **state)
{
	struct fixture *f = *state;
	const char *const ids[] = {"a"};
	bool seen;

	assert_int_equal(queue_begin(f->q), 0);
	assert_int_equal(queue_events_dedupe(f->q, ids, 1, 10, 0, &seen), 0);
	queue_rollback(f->q);
	assert_int_equal(queue_events_dedupe(f->q, ids, 1, 10, 0, &seen), 0);
	assert_false(seen);
}

static void
test_events_are_listed_both_ways(void **state)
{
	struct fixture *f = *state;
	int64_t ada = add_subject(f->q, "ada", 0);
	int64_t bob = add_subject(f->q, "bob", 0);
	struct queue_event events[3] = {
	    {.message_id = "m1",
		.subject = ada,
		.account = 9,
		.type = "track",
		.name = "Up",
		.body = "{\"n\":1}",
		.at_ms = 7,
		.received_ms = 8},
	    {.message_id = "m2", .subject = bob, .type = "identify"},
	    {.message_id = "m3", .subject = ada, .type = "track"},
	};
	struct queue_event out[4];

	assert_int_equal(queue_events_add(f->q, events, 3), 0);
	assert_int_equal(queue_events_of(f->q, ada, 0, out, 4), 2);
	assert_int_equal(out[0].id, events[2].id);
	assert_string_equal(out[1].message_id, "m1");
	assert_string_equal(out[1].type, "track");
	assert_string_equal(out[1].name, "Up");
	assert_string_equal(out[1].body, "{\"n\":1}");
	assert_int_equal(out[1].at_ms, 7);
	assert_int_equal(out[1].received_ms, 8);
	assert_int_equal(out[1].account, 9);
	assert_int_equal(out[0].account, 0);
	assert_string_equal(out[0].name, ""); /* was NULL */
	assert_int_equal(queue_events_of(f->q, ada, out[0].id, out, 4), 1);
	assert_int_equal(out[0].id, events[0].id);
}

/* Two people's events, in turn, and more than one each at the ends. */
static void
test_merged_events_stay_in_order(void **state)
{
	struct fixture *f = *state;
	int64_t ada = add_subject(f->q, "ada", 0);
	int64_t bob = add_subject(f->q, "bob", 0);
	const int64_t whose[] = {bob, bob, ada, bob, ada, ada, bob, bob};
	struct queue_event out[9];
	int64_t ids[8], *oldest_first;

	for (int i = 0; i < 8; i++) {
		struct queue_event e = {.subject = whose[i], .type = "track"};

		assert_int_equal(queue_events_add(f->q, &e, 1), 0);
		ids[i] = e.id;
	}
	assert_int_equal(queue_subject_merge(f->q, bob, ada), 0);
	assert_int_equal(queue_events_of(f->q, ada, 0, out, 9), 8);
	for (int i = 0; i < 8; i++) {
		assert_int_equal(out[i].id, ids[7 - i]);
		assert_int_equal(out[i].subject, ada);
	}
	assert_int_equal(queue_events_of(f->q, ada, ids[3], out, 9), 3);
	assert_int_equal(queue_event_ids(f->q, ada, &oldest_first), 8);
	assert_memory_equal(oldest_first, ids, sizeof ids);
	free(oldest_first);
	assert_int_equal(queue_events_load(f->q, ids + 6, 2, out), 2);
	assert_int_equal(out[1].id, ids[7]);
	assert_int_equal(queue_subject_forget(f->q, ada), 0);
	assert_int_equal(queue_events_of(f->q, ada, 0, out, 9), 0);
	assert_int_equal(queue_events_of(f->q, ada, ids[5], out, 9), 0);
}

/* --------------------------------------------------------------- messages */

static void
test_message_comes_back_as_added(void **state)
{
	struct fixture *f = *state;
	struct queue_message m = message("abcdefghijklmnopqrstuvwxyz", 3, 50);

	m.attempts = 2;
	assert_true(add_message_to(f->q, m));
	reopen(f);
	m = message_with_key(f->q, "abcdefghijklmnopqrstuvwxyz");
	assert_true(m.id > 0);
	assert_string_equal(m.key, "abcdefghijklmnopqrstuvwxyz");
	assert_int_equal(m.subject, 3);
	assert_string_equal(m.sequence, "onboarding");
	assert_int_equal(m.entry, 1);
	assert_string_equal(m.step, "welcome");
	assert_string_equal(m.template_name, "day-00-welcome");
	assert_string_equal(m.channel, "email");
	assert_string_equal(m.recipient, "user");
	assert_string_equal(m.topic, "onboarding");
	assert_string_equal(m.data, "{\"event\":{}}");
	assert_int_equal(m.state, QUEUE_QUEUED);
	assert_int_equal(m.created_at_ms, 5);
	assert_int_equal(m.next_at_ms, 50);
	assert_int_equal(m.expires_at_ms, 9000);
	assert_int_equal(m.settled_at_ms, 0);
	assert_int_equal(m.attempts, 2);
	assert_string_equal(m.reason, "");
	assert_string_equal(m.address, "");
	assert_string_equal(m.provider_id, "");
}

static void
test_data_is_written_alone(void **state)
{
	struct fixture *f = *state;
	struct queue_message m = message("k1", 3, 50);

	assert_true(add_message_to(f->q, m));
	m = message_with_key(f->q, "k1");
	assert_int_equal(queue_message_put_data(f->q, m.id, "{\"n\":2}"), 0);
	settle(f->q, "k1", QUEUE_SENT, 60);
	assert_string_equal(message_with_key(f->q, "k1").data, "{\"n\":2}");
}

static void
test_same_key_is_one_message(void **state)
{
	struct fixture *f = *state;
	struct queue_message two[] = {message("k", 1, 50), message("k", 1, 60)};
	bool duplicate[2];

	assert_int_equal(queue_messages_add(f->q, two, 2, duplicate), 0);
	assert_false(duplicate[0]);
	assert_true(duplicate[1]);
	settle(f->q, "k", QUEUE_SENT, 70);
	assert_false(add_message_to(f->q, message("k", 1, 80)));
	assert_int_equal(message_with_key(f->q, "k").state, QUEUE_SENT);
	assert_int_equal(message_with_key(f->q, "k").next_at_ms, 50);
}

static void
test_what_became_of_the_newest_of_a_sequence(void **state)
{
	struct fixture *f = *state;
	struct queue_message later = message("d", 1, 50), other = later;
	struct queue_step_count out[4];

	later.step = "zeal";
	other.sequence = "other";
	snprintf(other.key, sizeof other.key, "o");
	assert_true(add_message_to(f->q, message("a", 1, 50)));
	assert_true(add_message_to(f->q, message("b", 1, 50)));
	assert_true(add_message_to(f->q, message("c", 1, 50)));
	assert_true(add_message_to(f->q, later));
	assert_true(add_message_to(f->q, other));
	settle(f->q, "c", QUEUE_SENT, 60);
	assert_int_equal(
	    queue_messages_by_step(f->q, "onboarding", 4, out, 4), 3);
	assert_string_equal(out[0].step, "welcome");
	assert_string_equal(out[0].template_name, "day-00-welcome");
	assert_int_equal(out[0].state, QUEUE_QUEUED);
	assert_int_equal(out[0].count, 2);
	assert_int_equal(out[1].state, QUEUE_SENT);
	assert_int_equal(out[1].count, 1);
	assert_string_equal(out[2].step, "zeal");
	assert_int_equal(
	    queue_messages_by_step(f->q, "onboarding", 3, out, 4), 3);
	assert_int_equal(out[0].count, 1);
	assert_int_equal(
	    queue_messages_by_step(f->q, "onboarding", 4, out, 1), 1);
	assert_int_equal(queue_messages_by_step(f->q, "none", 4, out, 4), 0);
}

static void
test_claim_in_order_of_time(void **state)
{
	struct fixture *f = *state;
	struct queue_message other = message("slack", 1, 1), out[4];

	other.channel = "slack";
	assert_true(add_message_to(f->q, other));
	assert_true(add_message_to(f->q, message("c", 1, 300)));
	assert_true(add_message_to(f->q, message("a", 1, 100)));
	assert_true(add_message_to(f->q, message("b", 1, 100)));
	assert_true(add_message_to(f->q, message("d", 1, 301)));
	assert_int_equal(queue_message_next(f->q, "email"), 100);
	assert_int_equal(queue_message_next(f->q, "sms"), 0);
	assert_int_equal(queue_messages_due(f->q, "email", 99, out, 4), 0);
	assert_int_equal(queue_messages_due(f->q, "email", 300, out, 4), 3);
	assert_string_equal(out[0].key, "a");
	assert_string_equal(out[1].key, "b");
	assert_string_equal(out[2].key, "c");

	out[0].state = QUEUE_SENDING;
	out[0].address = "ada@x.example";
	out[1].next_at_ms = 400; /* a gate says later */
	out[1].reason = "quiet hours";
	assert_int_equal(queue_messages_update(f->q, out, 2), 0);
	assert_int_equal(queue_messages_due(f->q, "email", 300, out, 4), 1);
	assert_string_equal(out[0].key, "c");
	assert_string_equal(message_with_key(f->q, "b").reason, "quiet hours");
	assert_string_equal(
	    message_with_key(f->q, "a").address, "ada@x.example");
}

static void
test_a_message_due_from_the_start_has_a_next(void **state)
{
	struct fixture *f = *state;

	assert_true(add_message_to(f->q, message("a", 1, 0)));
	assert_int_equal(queue_message_next(f->q, "email"), 1);
}

static void
test_unsettled_are_those_being_sent(void **state)
{
	struct fixture *f = *state;
	struct queue_message out[4];

	assert_true(add_message_to(f->q, message("a", 1, 1)));
	assert_true(add_message_to(f->q, message("b", 1, 1)));
	assert_true(add_message_to(f->q, message("c", 1, 1)));
	settle(f->q, "a", QUEUE_SENDING, 0);
	settle(f->q, "b", QUEUE_SENDING, 0);
	settle(f->q, "b", QUEUE_SENT, 9);
	reopen(f);
	assert_int_equal(queue_messages_unsettled(f->q, out, 4), 1);
	assert_string_equal(out[0].key, "a");
}

static void
test_find_by_any_mix_of_filters(void **state)
{
	struct fixture *f = *state;
	struct queue_message churn = message("d", 2, 1), out[9];
	struct queue_message_filter any = {.state = -1}, filter;

	churn.sequence = "churn";
	assert_true(add_message_to(f->q, message("a", 1, 1)));
	assert_true(add_message_to(f->q, message("b", 2, 1)));
	assert_true(add_message_to(f->q, message("c", 2, 1)));
	assert_true(add_message_to(f->q, churn));
	settle(f->q, "b", QUEUE_HELD_BACK, 0);
	settle(f->q, "c", QUEUE_SENT, 3);

	assert_int_equal(queue_messages_find(f->q, &any, out, 9), 4);
	assert_string_equal(out[0].key, "d");
	filter = any;
	filter.before = out[1].id;
	assert_int_equal(queue_messages_find(f->q, &filter, out, 9), 2);
	assert_string_equal(out[0].key, "b");
	filter = any;
	filter.subject = 2;
	assert_int_equal(queue_messages_find(f->q, &filter, out, 9), 3);
	filter.sequence = "onboarding";
	assert_int_equal(queue_messages_find(f->q, &filter, out, 9), 2);
	filter.state = QUEUE_HELD_BACK;
	assert_int_equal(queue_messages_find(f->q, &filter, out, 9), 1);
	filter.subject = 0;
	assert_int_equal(queue_messages_find(f->q, &filter, out, 9), 1);
	assert_string_equal(out[0].key, "b");
	filter.state = QUEUE_SENT;
	assert_int_equal(queue_messages_find(f->q, &filter, out, 9), 1);
	assert_string_equal(out[0].key, "c");
	filter.key = "b";
	assert_int_equal(queue_messages_find(f->q, &filter, out, 9), 0);
}

static void
test_counts_follow_the_rows(void **state)
{
	struct fixture *f = *state;
	int64_t counts[QUEUE_STATES];

	assert_true(add_message_to(f->q, message("a", 1, 1)));
	assert_true(add_message_to(f->q, message("b", 1, 1)));
	assert_false(add_message_to(f->q, message("b", 1, 1)));
	assert_true(add_message_to(f->q, message("c", 1, 1)));
	settle(f->q, "a", QUEUE_SENDING, 0);
	settle(f->q, "a", QUEUE_SENT, 5);
	settle(f->q, "b", QUEUE_QUEUED, 0);
	assert_int_equal(queue_messages_count(f->q, counts), 0);
	assert_int_equal(counts[QUEUE_QUEUED], 2);
	assert_int_equal(counts[QUEUE_SENDING], 0);
	assert_int_equal(counts[QUEUE_SENT], 1);
	while (queue_trim(f->q, 0, 6, 100, 10) > 0)
		continue;
	assert_int_equal(queue_messages_count(f->q, counts), 0);
	assert_int_equal(counts[QUEUE_SENT], 0);
}

static void
test_caps_count_what_was_sent_on_a_topic(void **state)
{
	struct fixture *f = *state;
	struct queue_message no_topic = message("c", 1, 1);

	no_topic.topic = NULL;
	assert_true(add_message_to(f->q, message("a", 1, 1)));
	assert_true(add_message_to(f->q, message("b", 1, 1)));
	assert_true(add_message_to(f->q, no_topic));
	assert_true(add_message_to(f->q, message("d", 2, 1)));
	assert_true(add_message_to(f->q, message("e", 1, 1)));
	settle(f->q, "a", QUEUE_SENT, 100);
	settle(f->q, "b", QUEUE_SENT, 200);
	settle(f->q, "c", QUEUE_SENT, 200);
	settle(f->q, "d", QUEUE_SENT, 200);
	settle(f->q, "e", QUEUE_REFUSED, 200);
	assert_true(add_message_to(f->q, message("f", 3, 1)));
	assert_int_equal(queue_messages_sent_since(f->q, 3, 0), 0);
	settle(f->q, "f", QUEUE_SENDING, 0);
	assert_int_equal(queue_messages_sent_since(f->q, 3, 500), 1);
	settle(f->q, "f", QUEUE_UNSURE, 200);
	assert_int_equal(queue_messages_sent_since(f->q, 3, 201), 0);
	assert_int_equal(queue_messages_sent_since(f->q, 1, 101), 1);
	assert_int_equal(queue_messages_sent_since(f->q, 1, 100), 2);
	assert_int_equal(queue_messages_sent_since(f->q, 3, 200), 1);
}

static void
test_state_names_go_both_ways(void **state)
{
	for (int i = 0; i < QUEUE_STATES; i++)
		assert_int_equal(
		    queue_state_parse(queue_state_name((enum queue_state)i)),
		    i);
	assert_string_equal(queue_state_name(QUEUE_HELD_BACK), "held");
	assert_int_equal(queue_state_parse("lost"), -1);
}

/* ---------------------------------------- decisions, suppression, settings */

static void
test_decisions_come_newest_first(void **state)
{
	struct fixture *f = *state;
	struct queue_decision two[] = {
	    {.subject = 4,
		.at_ms = 10,
		.sequence = "onboarding",
		.entry = 2,
		.step = "day-7",
		.what = "skipped",
		.reason = "because",
		.values = "{\"tasks\":3}"},
	    {.subject = 4, .at_ms = 11, .what = "exited"},
	};
	struct queue_decision out[3];

	assert_int_equal(queue_decisions_add(f->q, two, 2), 0);
	assert_int_equal(queue_decisions_of(f->q, 4, 0, out, 3), 2);
	assert_string_equal(out[0].what, "exited");
	assert_string_equal(out[0].values, "");
	assert_int_equal(queue_decisions_of(f->q, 4, out[0].id, out, 3), 1);
	assert_int_equal(out[0].at_ms, 10);
	assert_string_equal(out[0].sequence, "onboarding");
	assert_int_equal(out[0].entry, 2);
	assert_string_equal(out[0].step, "day-7");
	assert_string_equal(out[0].reason, "because");
	assert_string_equal(out[0].values, "{\"tasks\":3}");
}

static void
test_suppression_by_topic_and_for_all(void **state)
{
	struct fixture *f = *state;
	const char *reason = NULL;

	assert_int_equal(queue_suppressed(f->q, "a@x", "news", &reason), 0);
	assert_int_equal(
	    queue_suppress(f->q, " Ada@X.example ", "news", "no", 1), 0);
	assert_int_equal(
	    queue_suppressed(f->q, "ada@x.EXAMPLE", "news", &reason), 1);
	assert_string_equal(reason, "no");
	assert_int_equal(
	    queue_suppressed(f->q, "ada@x.example", "tips", &reason), 0);
	assert_int_equal(
	    queue_suppressed(f->q, "ada@x.example", "", &reason), 0);

	assert_int_equal(
	    queue_suppress(f->q, "ada@x.example", "", "bounced", 2), 0);
	assert_int_equal(
	    queue_suppressed(f->q, "ada@x.example", "tips", &reason), 1);
	assert_string_equal(reason, "bounced");
	assert_int_equal(queue_unsuppress(f->q, "ADA@x.example", NULL), 0);
	assert_int_equal(
	    queue_suppressed(f->q, "ada@x.example", "tips", &reason), 0);
	assert_int_equal(
	    queue_suppressed(f->q, "ada@x.example", "news", &reason), 1);
}

static void
test_settings_are_kept(void **state)
{
	struct fixture *f = *state;
	const char *value = "untouched";

	assert_int_equal(queue_setting_get(f->q, "secret", &value), 0);
	assert_null(value);
	assert_int_equal(queue_setting_put(f->q, "secret", "one"), 0);
	assert_int_equal(queue_setting_put(f->q, "secret", "two"), 0);
	reopen(f);
	assert_int_equal(queue_setting_get(f->q, "secret", &value), 0);
	assert_string_equal(value, "two");
	assert_int_equal(queue_setting_put(f->q, "secret", NULL), 0);
	assert_int_equal(queue_setting_put(f->q, "none", NULL), 0);
	assert_int_equal(queue_setting_get(f->q, "secret", &value), 0);
	assert_null(value);
}

static void
test_long_rows_live_until_the_end(void **state)
{
	struct fixture *f = *state;
	struct queue_subject s = {.kind = QUEUE_USER, .name = "ada"}, out[3];
	char *traits = malloc(200001);

	memset(traits, 'x', 200000);
	traits[200000] = '\0';
	s.traits = traits;
	assert_int_equal(queue_subjects_save(f->q, &s, 1), 0);
	assert_int_equal(queue_begin(f->q), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(
		    queue_subjects_load(f->q, &s.id, 1, out + i), 0);
	for (int i = 0; i < 3; i++) {
		assert_string_equal(out[i].name, "ada");
		assert_string_equal(out[i].traits, traits);
	}
	assert_int_equal(queue_commit(f->q), 0);
	free(traits);
}

static void
test_trim_takes_the_old_in_slices(void **state)
{
	struct fixture *f = *state;
	bool seen;

	assert_int_equal(queue_begin(f->q), 0);
	for (int i = 0; i < 100; i++) {
		char id[20];
		const char *ids[] = {id};
		struct queue_event e = {.message_id = id,
		    .subject = 1,
		    .type = "track",
		    .at_ms = 1,
		    .received_ms = i};
		struct queue_decision d = {.subject = 1, .at_ms = i};
		snprintf(id, sizeof id, "id%d", i);
		assert_int_equal(
		    queue_events_dedupe(f->q, ids, 1, i, 0, &seen), 0);
		assert_int_equal(queue_events_add(f->q, &e, 1), 0);
		assert_int_equal(queue_decisions_add(f->q, &d, 1), 0);
		assert_true(add_message_to(f->q, message(id, 1, 1)));
		if (i % 2 == 0)
			settle(f->q, id, QUEUE_SENT, i + 1);
	}
	assert_int_equal(queue_commit(f->q), 0);

	for (int round = 0; round < 2; round++) {
		int n, calls = 0;
		while ((n = queue_trim(f->q, 30, 50, 100, 7)) > 0) {
			assert_true(n <= 4 * 7);
			calls++;
		}
		assert_int_equal(n, 0);
		assert_true(round > 0 || calls >= 100 / 7);
		assert_int_equal(rows_in(f->q, "seen"), 70);
		assert_int_equal(rows_in(f->q, "events"), 50);
		assert_int_equal(rows_in(f->q, "decisions"), 50);
		assert_int_equal(rows_in(f->q, "messages"), 75);
	}
}

static void
test_what_a_walk_has_read_is_given_back(void **state)
{
	struct fixture *f = *state;
	const char *kept, *value = NULL;
	char text[1000];
	const struct rows *block;
	struct queue_mark mark;

	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	assert_int_equal(queue_setting_put(f->q, "long", text), 0);
	assert_int_equal(queue_setting_put(f->q, "kept", "kept"), 0);
	assert_int_equal(queue_begin(f->q), 0);
	assert_int_equal(queue_setting_get(f->q, "kept", &kept), 0);
	mark = queue_mark(f->q);
	block = f->q->rows;
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(queue_setting_get(f->q, "long", &value), 0);
		if (i % 100 == 99)
			queue_release(f->q, mark);
	}
	assert_ptr_equal(f->q->rows, block);
	assert_string_equal(kept, "kept");
	assert_int_equal(queue_setting_get(f->q, "long", &value), 0);
	assert_string_equal(value, text);
	assert_int_equal(queue_commit(f->q), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_subject_comes_back_as_saved),
	    TEST(test_save_writes_only_what_is_asked_for),
	    TEST(test_names_find_move_and_are_listed),
	    TEST(test_members_come_in_pages),
	    TEST(test_search_finds_names_and_emails),
	    TEST(test_merge_moves_everything),
	    TEST(test_forget_leaves_nothing_but_the_suppression),
	    TEST(test_an_account_goes_with_what_points_to_it),
	    TEST(test_subjects_are_walked_by_kind),
	    TEST(test_wakeups_come_longest_due_first),
	    TEST(test_dedupe_within_set_and_window),
	    TEST(test_rollback_forgets_what_was_seen),
	    TEST(test_events_are_listed_both_ways),
	    TEST(test_merged_events_stay_in_order),
	    TEST(test_message_comes_back_as_added),
	    TEST(test_data_is_written_alone),
	    TEST(test_same_key_is_one_message),
	    TEST(test_what_became_of_the_newest_of_a_sequence),
	    TEST(test_claim_in_order_of_time),
	    TEST(test_a_message_due_from_the_start_has_a_next),
	    TEST(test_unsettled_are_those_being_sent),
	    TEST(test_find_by_any_mix_of_filters),
	    TEST(test_counts_follow_the_rows),
	    TEST(test_caps_count_what_was_sent_on_a_topic),
	    TEST(test_state_names_go_both_ways),
	    TEST(test_decisions_come_newest_first),
	    TEST(test_suppression_by_topic_and_for_all),
	    TEST(test_settings_are_kept),
	    TEST(test_long_rows_live_until_the_end),
	    TEST(test_trim_takes_the_old_in_slices),
	    TEST(test_what_a_walk_has_read_is_given_back),
	};

	return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
