/* SPDX-License-Identifier: MIT */
/*
 * The store from outside, through queue/queue.h: what it keeps, what it gives
 * back, and how it fails. Only the tests of migrations, query plans and damage
 * look behind the header. Each test has a folder of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "queue/queue.h"
#include "queue/sqlite.h"

#define HOUR ((int64_t)3600 * 1000)

struct fixture {
	char folder[64];
	char path[80];
	struct queue *q;
	struct queue_error error;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	strcpy(f->folder, "/tmp/nudge-queue-XXXXXX");
	if (mkdtemp(f->folder) == NULL)
		return -1;
	snprintf(f->path, sizeof f->path, "%s/nudge.db", f->folder);
	f->q = queue_open(f->path, QUEUE_WORKER, &f->error);
	*state = f;
	return f->q != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	char command[100];

	queue_close(f->q);
	snprintf(command, sizeof command, "rm -rf %s", f->folder);
	free(f);
	return system(command);
}

static void
reopen(struct fixture *f)
{
	queue_close(f->q);
	f->q = queue_open(f->path, QUEUE_WORKER, &f->error);
	if (f->q == NULL)
		fail_msg("%s", f->error.text);
}

static int64_t
add_subject(struct queue *q, const char *name, int64_t wake_at_ms)
{
	struct queue_subject s = {
	    .kind = QUEUE_USER,
	    .name = name,
	    .traits = "{}",
	    .state = "{}",
	    .wake_at_ms = wake_at_ms,
	    .created_at_ms = 1,
	};
	struct queue_name bound = {QUEUE_USER_ID, name};

	assert_int_equal(queue_subjects_save(q, &s, 1), 0);
	assert_int_equal(queue_names_bind(q, &bound, 1, &s.id), 0);
	assert_true(s.id > 0);
	return s.id;
}

static int64_t
find_user(struct queue *q, const char *name)
{
	struct queue_name wanted = {QUEUE_USER_ID, name};
	int64_t id = -1;

	assert_int_equal(queue_names_find(q, &wanted, 1, &id), 0);
	return id;
}

static struct queue_message
message(const char *key, int64_t subject, int64_t next_at_ms)
{
	struct queue_message m = {
	    .subject = subject,
	    .sequence = "onboarding",
	    .entry = 1,
	    .step = "welcome",
	    .template_name = "day-00-welcome",
	    .channel = "email",
	    .recipient = "user",
	    .topic = "onboarding",
	    .data = "{\"event\":{}}",
	    .created_at_ms = 5,
	    .next_at_ms = next_at_ms,
	    .expires_at_ms = 9000,
	};

	snprintf(m.key, sizeof m.key, "%s", key);
	return m;
}

static bool
add_message_to(struct queue *q, struct queue_message m)
{
	bool duplicate;

	assert_int_equal(queue_messages_add(q, &m, 1, &duplicate), 0);
	return !duplicate;
}

static struct queue_message
message_with_key(struct queue *q, const char *key)
{
	struct queue_message_filter by_key = {.key = key, .state = -1};
	struct queue_message m;

	assert_int_equal(queue_messages_find(q, &by_key, &m, 1), 1);
	return m;
}

static void
settle(struct queue *q, const char *key, enum queue_state state, int64_t at)
{
	struct queue_message m = message_with_key(q, key);

	m.state = state;
	m.settled_at_ms = at;
	assert_int_equal(queue_messages_update(q, &m, 1), 0);
}

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
	assert_int_equal(queue_subjects_search(f->q, "ada", out, 9), 3);
	assert_int_equal(out[0].id, ada); /* exact before longer, once */
	assert_int_equal(out[1].id, longer);
	assert_int_equal(out[2].id, bob.id);
	assert_int_equal(queue_subjects_search(f->q, "ada", out, 1), 1);
	assert_int_equal(out[0].id, ada);
	assert_int_equal(
	    queue_subjects_search(f->q, "aDA.bob@X.example", out, 9), 1);
	assert_string_equal(out[0].email, "Ada.Bob@x.example");
	assert_int_equal(queue_subjects_search(f->q, "da", out, 9), 0);
	assert_int_equal(queue_subjects_search(f->q, "%", out, 9), 0);
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
	struct queue_event events[3] = {
	    {.message_id = "m1",
		.subject = 1,
		.type = "track",
		.name = "Up",
		.body = "{\"n\":1}",
		.at_ms = 7,
		.received_ms = 8},
	    {.message_id = "m2", .subject = 2, .type = "identify"},
	    {.message_id = "m3", .subject = 1, .type = "track"},
	};
	struct queue_event out[4];

	assert_int_equal(queue_events_add(f->q, events, 3), 0);
	assert_int_equal(queue_events_of(f->q, 1, 0, out, 4), 2);
	assert_int_equal(out[0].id, events[2].id);
	assert_string_equal(out[1].message_id, "m1");
	assert_string_equal(out[1].type, "track");
	assert_string_equal(out[1].name, "Up");
	assert_string_equal(out[1].body, "{\"n\":1}");
	assert_int_equal(out[1].at_ms, 7);
	assert_int_equal(out[1].received_ms, 8);
	assert_int_equal(queue_events_of(f->q, 1, out[0].id, out, 4), 1);
	assert_int_equal(out[0].id, events[0].id);
	assert_int_equal(queue_events_after(f->q, 0, out, 2), 2);
	assert_int_equal(queue_events_after(f->q, out[1].id, out, 2), 1);
	assert_string_equal(out[0].message_id, "m3");
	assert_string_equal(out[0].name, ""); /* was NULL */
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
	while (queue_trim(f->q, 0, 6, 10) > 0)
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
	assert_int_equal(queue_messages_sent_since(f->q, 1, 101), 1);
	assert_int_equal(queue_messages_sent_since(f->q, 1, 100), 2);
	assert_int_equal(queue_messages_sent_since(f->q, 3, 0), 0);
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

/* --------------------------------------------------------- crash, failure */

static void
wait_for(pid_t pid, int signal, int code)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (signal != 0) {
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), signal);
	} else {
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), code);
	}
}

static void
commit_some_and_die(const char *path)
{
	struct queue_error error;
	struct queue *q = queue_open(path, QUEUE_WORKER, &error);
	struct queue_subject s = {.kind = QUEUE_USER, .name = "n"};
	struct queue_name kept = {QUEUE_USER_ID, "kept"};
	struct queue_name lost = {QUEUE_USER_ID, "lost"};

	if (q == NULL || queue_begin(q) != 0 ||
	    queue_subjects_save(q, &s, 1) != 0 ||
	    queue_names_bind(q, &kept, 1, &s.id) != 0 || queue_commit(q) != 0)
		_exit(1);
	if (queue_begin(q) != 0 || queue_names_bind(q, &lost, 1, &s.id) != 0)
		_exit(1);
	raise(SIGKILL);
}

static void
test_a_crash_keeps_what_was_committed(void **state)
{
	struct fixture *f = *state;
	pid_t pid;

	queue_close(f->q);
	f->q = NULL;
	if ((pid = fork()) == 0)
		commit_some_and_die(f->path);
	wait_for(pid, SIGKILL, 0);
	reopen(f);
	assert_true(queue_log_bytes(f->q) > 0);
	assert_true(find_user(f->q, "kept") > 0);
	assert_int_equal(find_user(f->q, "lost"), 0);
}

static void
test_one_worker_at_a_time(void **state)
{
	struct fixture *f = *state;
	char pid[20];

	snprintf(pid, sizeof pid, "pid %ld", (long)getpid());
	assert_null(queue_open(f->path, QUEUE_WORKER, &f->error));
	assert_int_equal(f->error.what, QUEUE_HELD);
	assert_non_null(strstr(f->error.text, pid));
	assert_non_null(strstr(f->error.text, f->path));
	assert_int_equal(queue_setting_put(f->q, "a", "b"), 0);
}

static void
test_closed_it_is_one_file(void **state)
{
	struct fixture *f = *state;
	char pattern[120];

	add_subject(f->q, "ada", 0);
	queue_close(f->q);
	f->q = NULL;
	snprintf(pattern, sizeof pattern, "test \"$(ls -A %s)\" = nudge.db",
	    f->folder);
	assert_int_equal(system(pattern), 0);
	struct stat st;
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 077, 0);
}

static void
test_a_reader_looks_on(void **state)
{
	struct fixture *f = *state;
	struct queue *reader = queue_open(f->path, QUEUE_READER, &f->error);

	assert_non_null(reader);
	assert_int_equal(queue_begin(reader), 0);
	assert_int_equal(find_user(reader, "ada"), 0);
	int64_t id = add_subject(f->q, "ada", 0);
	assert_int_equal(find_user(reader, "ada"), 0); /* one moment in time */
	assert_int_equal(queue_commit(reader), 0);
	assert_int_equal(find_user(reader, "ada"), id);
	assert_int_equal(queue_setting_put(reader, "a", "b"), -1);
	assert_int_equal(queue_error(reader)->what, QUEUE_FAILED);
	assert_int_equal(queue_setting_put(f->q, "a", "b"), 0);
	queue_close(reader);
}

static void
test_a_reader_reads_a_store_at_rest(void **state)
{
	struct fixture *f = *state;
	struct queue *reader;
	int64_t id = add_subject(f->q, "ada", 0);

	queue_close(f->q);
	f->q = NULL;
	reader = queue_open(f->path, QUEUE_READER, &f->error);
	assert_non_null(reader);
	assert_int_equal(find_user(reader, "ada"), id);
	queue_close(reader);
	strcat(f->path, ".not");
	assert_null(queue_open(f->path, QUEUE_READER, &f->error));
	assert_int_equal(f->error.what, QUEUE_FAILED);
	assert_non_null(strstr(f->error.text, "No such file"));
}

/* Of a user to whom neither the folder nor the files belong. */
static void
read_as_nobody(struct fixture *f)
{
	struct queue *reader;

	if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
		_exit(2);
	reader = queue_open(f->path, QUEUE_READER, &f->error);
	_exit(reader == NULL && f->error.what == QUEUE_FAILED &&
		      strstr(f->error.text, "not writable") != NULL
		  ? 0
		  : 1);
}

static void
test_a_reader_of_a_closed_folder_is_told(void **state)
{
	struct fixture *f = *state;
	pid_t pid;

	queue_close(f->q);
	f->q = NULL;
	assert_int_equal(chmod(f->path, 0444), 0);
	assert_int_equal(chmod(f->folder, 0555), 0);
	if ((pid = fork()) == 0)
		read_as_nobody(f);
	wait_for(pid, 0, 0);
	assert_int_equal(chmod(f->folder, 0755), 0);
}

static void
test_memory_is_gone_when_closed(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 2; i++) {
		struct queue *q = queue_open(NULL, QUEUE_MEMORY, &f->error);
		assert_non_null(q);
		assert_int_equal(find_user(q, "ada"), 0);
		assert_int_equal(queue_begin(q), 0);
		int64_t id = add_subject(q, "ada", 0);
		assert_int_equal(queue_commit(q), 0);
		assert_int_equal(find_user(q, "ada"), id);
		assert_int_equal(queue_log_bytes(q), 0);
		queue_close(q);
	}
}

/* Every file may only grow to so many bytes: a write fails, at some point. */
static void
fill_until_it_fails(struct fixture *f)
{
	struct rlimit limit = {400 * 1024, 400 * 1024};
	char text[400], name[20];
	const char *value;
	int i;

	signal(SIGXFSZ, SIG_IGN);
	f->q = queue_open(f->path, QUEUE_WORKER, &f->error);
	if (f->q == NULL || setrlimit(RLIMIT_FSIZE, &limit) != 0)
		_exit(1);
	for (i = 0; i < 10000; i++) {
		snprintf(name, sizeof name, "%d", i);
		if (queue_begin(f->q) != 0 ||
		    queue_setting_put(f->q, name, name) != 0 ||
		    queue_commit(f->q) != 0)
			break;
	}
	if (queue_error(f->q)->what != QUEUE_FAILED)
		_exit(2);
	/* There is room again, but it stays failed: every call, same words. */
	limit.rlim_cur = limit.rlim_max;
	strcpy(text, queue_error(f->q)->text);
	if (queue_begin(f->q) != -1 ||
	    queue_setting_put(f->q, "a", "b") != -1 ||
	    queue_setting_get(f->q, "0", &value) != -1 ||
	    queue_wakeup_next(f->q) != -1 || queue_commit(f->q) != -1 ||
	    strcmp(queue_error(f->q)->text, text) != 0)
		_exit(3);
	queue_rollback(f->q);
	queue_close(f->q);
	_exit(i > 10 && i < 10000 ? 0 : 4);
}

static void
test_a_failed_write_is_final(void **state)
{
	struct fixture *f = *state;
	const char *value;
	pid_t pid;

	queue_close(f->q);
	f->q = NULL;
	if ((pid = fork()) == 0)
		fill_until_it_fails(f);
	wait_for(pid, 0, 0);
	reopen(f); /* and what had been committed is there */
	assert_int_equal(queue_setting_get(f->q, "10", &value), 0);
	assert_string_equal(value, "10");
}

static void
test_a_locked_store_can_be_tried_again(void **state)
{
	struct fixture *f = *state;
	sqlite3 *shell;

	assert_int_equal(sqlite3_open(f->path, &shell), SQLITE_OK);
	assert_int_equal(
	    sqlite3_exec(shell, "BEGIN IMMEDIATE", NULL, NULL, NULL), 0);
	sqlite3_busy_timeout(f->q->db, 0);
	assert_int_equal(queue_begin(f->q), -1);
	assert_non_null(strstr(queue_error(f->q)->text, "locked"));
	assert_int_equal(sqlite3_close(shell), SQLITE_OK);
	assert_int_equal(queue_begin(f->q), 0);
	assert_int_equal(queue_commit(f->q), 0);
}

static void
set_page_limit(struct queue *q, int64_t pages)
{
	char sql[60];

	snprintf(sql, sizeof sql, "PRAGMA max_page_count = %d", (int)pages);
	assert_int_equal(sqlite3_exec(q->db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static int
put_until_full(struct queue *q)
{
	char name[20], value[3001];

	memset(value, 'x', 3000);
	value[3000] = '\0';
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof name, "%d", i);
		if (queue_begin(q) != 0 ||
		    queue_setting_put(q, name, value) != 0 ||
		    queue_commit(q) != 0)
			return i;
	}
	return -1;
}

/* SQLite's own limit of pages stands in for the disk. */
static void
test_a_full_disk_leaves_room_to_finish(void **state)
{
	struct fixture *f = *state;
	char reserve[100];

	snprintf(reserve, sizeof reserve, "%s.reserve", f->path);
	assert_false(queue_is_full(f->q));
	assert_int_equal(access(reserve, F_OK), 0);
	assert_int_equal(queue_recover(f->q), 0); /* nothing to do */
	assert_int_equal(access(reserve, F_OK), 0);

	set_page_limit(f->q, 60);
	assert_true(put_until_full(f->q) > 5);
	assert_int_equal(queue_error(f->q)->what, QUEUE_FULL);
	assert_int_equal(queue_begin(f->q), -1);

	assert_int_equal(queue_recover(f->q), 0);
	set_page_limit(f->q, 100); /* what the reserve gave back */
	assert_true(queue_is_full(f->q));
	assert_int_equal(access(reserve, F_OK), -1);
	assert_int_equal(queue_begin(f->q), 0);
	assert_int_equal(queue_setting_put(f->q, "verdict", "sent"), 0);
	assert_int_equal(queue_commit(f->q), 0);

	/* Somebody made room. */
	assert_int_equal(queue_recover(f->q), 0);
	assert_false(queue_is_full(f->q));
	assert_int_equal(access(reserve, F_OK), 0);
}

static void
test_the_reserve_is_given_up_once(void **state)
{
	struct fixture *f = *state;

	set_page_limit(f->q, 60);
	assert_true(put_until_full(f->q) > 5);
	assert_int_equal(queue_recover(f->q), 0);
	assert_int_equal(put_until_full(f->q) >= 0, 1);
	assert_int_equal(queue_error(f->q)->what, QUEUE_FULL);
	assert_int_equal(queue_recover(f->q), -1);
	assert_int_equal(queue_begin(f->q), -1);
}

/* ------------------------------------------------------- newer and damaged */

static void
run_sql(const char *path, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void
test_a_newer_store_is_left_alone(void **state)
{
	struct fixture *f = *state;

	queue_close(f->q);
	f->q = NULL;
	run_sql(f->path, "PRAGMA user_version = 4711");
	for (int mode = QUEUE_WORKER; mode <= QUEUE_READER; mode++) {
		assert_null(
		    queue_open(f->path, (enum queue_mode)mode, &f->error));
		assert_int_equal(f->error.what, QUEUE_NEWER);
		assert_non_null(strstr(f->error.text, "4711"));
		assert_non_null(strstr(f->error.text, f->path));
	}
}

static void
expect_damaged(struct fixture *f, const char *what)
{
	f->q = queue_open(f->path, QUEUE_WORKER, &f->error);
	if (f->q != NULL)
		fail_msg("%s is not noticed", what);
	assert_int_equal(f->error.what, QUEUE_DAMAGED);
	assert_non_null(strstr(f->error.text, f->path));
}

static void
test_a_foreign_database_is_refused(void **state)
{
	struct fixture *f = *state;

	queue_close(f->q);
	f->q = NULL;
	assert_int_equal(unlink(f->path), 0);
	run_sql(f->path, "CREATE TABLE t (x)");
	expect_damaged(f, "a foreign database");
}

static void
test_a_text_file_is_refused(void **state)
{
	struct fixture *f = *state;
	FILE *file;

	queue_close(f->q);
	f->q = NULL;
	file = fopen(f->path, "w");
	for (int i = 0; i < 1000; i++)
		fputs("not a database\n", file);
	fclose(file);
	expect_damaged(f, "a text file");
}

static void
test_a_truncated_store_is_refused(void **state)
{
	struct fixture *f = *state;

	queue_close(f->q);
	f->q = NULL;
	assert_int_equal(truncate(f->path, 5 * 4096), 0);
	expect_damaged(f, "truncation");
}

static void
overwrite_page(const char *path, int page)
{
	char noise[4096];
	unsigned x = 12345;
	int fd = open(path, O_WRONLY);

	for (size_t i = 0; i < sizeof noise; i++) {
		x = x * 1103515245 + 12345;
		noise[i] = (char)(x >> 16);
	}
	assert_int_equal(
	    pwrite(fd, noise, sizeof noise, (page - 1) * 4096), sizeof noise);
	close(fd);
}

static void
root_page_of(const char *path, const char *name, int *page)
{
	sqlite3 *db;
	sqlite3_stmt *st;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db,
			     "SELECT rootpage FROM sqlite_schema WHERE name=?",
			     -1, &st, NULL),
	    SQLITE_OK);
	sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	*page = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
}

static void
test_noise_in_a_tree_is_noticed(void **state)
{
	static const char *const trees[] = {"settings", "subjects",
	    "subjects_wake", "subjects_account", "subjects_email", "names",
	    "names_subject", "seen", "events", "events_subject", "messages",
	    "messages_due", "messages_state", "messages_subject",
	    "messages_sequence", "messages_settled", "message_counts",
	    "decisions", "decisions_subject", "suppressions"};
	struct fixture *f = *state;
	char whole[100], command[220];

	queue_close(f->q);
	f->q = NULL;
	snprintf(whole, sizeof whole, "%s.whole", f->path);
	snprintf(command, sizeof command, "cp %s %s", whole, f->path);
	assert_int_equal(rename(f->path, whole), 0);
	for (size_t i = 0; i < sizeof trees / sizeof trees[0]; i++) {
		int page;
		root_page_of(whole, trees[i], &page);
		assert_int_equal(system(command), 0);
		overwrite_page(f->path, page);
		expect_damaged(f, trees[i]);
	}
}

static void
test_damage_found_later_is_damage(void **state)
{
	struct fixture *f = *state;
	char name[20];
	int64_t id = 0, first;
	struct queue_subject s;

	assert_int_equal(queue_begin(f->q), 0);
	first = add_subject(f->q, "first", 0);
	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof name, "user %d", i);
		id = add_subject(f->q, name, 0);
	}
	assert_int_equal(queue_commit(f->q), 0);
	queue_close(f->q);
	struct stat st;
	assert_int_equal(stat(f->path, &st), 0);
	f->q = queue_open(f->path, QUEUE_WORKER, &f->error);
	for (int page = 40; page < st.st_size / 4096 - 20; page++)
		overwrite_page(f->path, page);
	int result = 0;
	for (; result == 0 && first <= id; first++)
		result = queue_subjects_load(f->q, &first, 1, &s);
	assert_int_equal(result, -1);
	assert_int_equal(queue_error(f->q)->what, QUEUE_DAMAGED);
}

/* ------------------------------------------------------ schema, statements */

static int
collect_schema(void *out, int n, char **values, char **names)
{
	strncat(out, values[0] != NULL ? values[0] : "-", 16000);
	strncat(out, ";\n", 3);
	return 0;
}

static void
schema_of(const char *path, char *out)
{
	sqlite3 *db;

	out[0] = '\0';
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
	    sqlite3_exec(db,
		"SELECT sql FROM sqlite_schema ORDER BY type, name",
		collect_schema, out, NULL),
	    SQLITE_OK);
	sqlite3_close(db);
}

/* A store as an older program left it, with a setting in it. */
static void
make_version(const char *path, int version)
{
	char stamp[160];
	sqlite3 *db;

	unlink(path);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	for (int i = 0; i < version; i++)
		assert_int_equal(
		    sqlite3_exec(db, schema_migrations[i], NULL, NULL, NULL),
		    SQLITE_OK);
	snprintf(stamp, sizeof stamp,
	    "PRAGMA application_id = 0x6e756467; PRAGMA user_version = %d;"
	    "INSERT INTO settings VALUES ('made by', '%d')",
	    version, version);
	assert_int_equal(sqlite3_exec(db, stamp, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void
test_every_older_version_becomes_current(void **state)
{
	struct fixture *f = *state;
	static char fresh[32768], migrated[32768];

	queue_close(f->q);
	f->q = NULL;
	schema_of(f->path, fresh);
	assert_true(schema_version >= 1);
	for (int version = 1; version <= schema_version; version++) {
		char expected[20];
		const char *value;
		make_version(f->path, version);
		if (version < schema_version) {
			assert_null(
			    queue_open(f->path, QUEUE_READER, &f->error));
			assert_int_equal(f->error.what, QUEUE_FAILED);
		}
		reopen(f);
		snprintf(expected, sizeof expected, "%d", version);
		assert_int_equal(queue_setting_get(f->q, "made by", &value), 0);
		assert_string_equal(value, expected);
		queue_close(f->q);
		f->q = NULL;
		schema_of(f->path, migrated);
		assert_string_equal(fresh, migrated);
	}
}

/* A statement that reads or sorts a whole table would stop the worker. */
static int
refuse_scan(void *sql, int n, char **values, char **names)
{
	const char *detail = values[3];

	if (strstr(detail, "TEMP B-TREE") != NULL ||
	    strncmp(detail, "SCAN", 4) == 0)
		fail_msg("%s\n%s", (const char *)sql, detail);
	return 0;
}

static void
explain(struct queue *q, const char *sql)
{
	char plan[2000];
	char *copy = strdup(sql);

	snprintf(plan, sizeof plan, "EXPLAIN QUERY PLAN %s", sql);
	assert_int_equal(
	    sqlite3_exec(q->db, plan, refuse_scan, copy, NULL), SQLITE_OK);
	free(copy);
}

/* Those that read a whole table, or its beginning, on purpose. */
static bool
may_scan(enum statement which)
{
	return which == MESSAGES_COUNT || which == MESSAGES_BY_ID ||
	       which == EVENTS_TRIM || which == DECISIONS_TRIM;
}

static void
test_every_statement_uses_an_index(void **state)
{
	struct fixture *f = *state;
	char sql[200];

	for (int i = SETTING_GET; i < STATEMENTS; i++) {
		assert_non_null(statement_text[i]);
		if (!may_scan((enum statement)i))
			explain(f->q, statement_text[i]);
	}
	for (int i = 0; schema_probes[i] != NULL; i++) {
		snprintf(sql, sizeof sql, "SELECT min(%s", schema_probes[i]);
		explain(f->q, sql);
	}
}

/* ------------------------------------------------------------ maintenance */

static int64_t
rows_in(struct queue *q, const char *table)
{
	char sql[80];
	sqlite3_stmt *st;

	snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
	assert_int_equal(sqlite3_prepare_v2(q->db, sql, -1, &st, NULL), 0);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	int64_t n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return n;
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
		while ((n = queue_trim(f->q, 30, 50, 7)) > 0) {
			assert_true(n <= 7);
			calls++;
		}
		assert_int_equal(n, 0);
		assert_true(round > 0 || calls >= (100 + 50 + 50 + 25) / 7);
		assert_int_equal(rows_in(f->q, "seen"), 70);
		assert_int_equal(rows_in(f->q, "events"), 50);
		assert_int_equal(rows_in(f->q, "decisions"), 50);
		assert_int_equal(rows_in(f->q, "messages"), 75);
	}
}

struct checkpointing {
	struct queue_checkpointer *c;
	bool stop;
	int failures;
};

static void *
checkpoint_until_stopped(void *arg)
{
	struct checkpointing *work = arg;

	while (!__atomic_load_n(&work->stop, __ATOMIC_ACQUIRE))
		if (queue_checkpoint(work->c) != 0)
			work->failures++;
	return NULL;
}

static void
test_checkpoints_beside_the_worker(void **state)
{
	struct fixture *f = *state;
	struct checkpointing work = {
	    .c = queue_checkpointer_open(f->path, &f->error)};
	char name[20];
	pthread_t thread;

	assert_non_null(work.c);
	assert_int_equal(
	    pthread_create(&thread, NULL, checkpoint_until_stopped, &work), 0);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof name, "%d", i);
		assert_int_equal(queue_begin(f->q), 0);
		add_subject(f->q, name, 0);
		assert_int_equal(queue_commit(f->q), 0);
	}
	__atomic_store_n(&work.stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	assert_int_equal(work.failures, 0);
	queue_checkpointer_close(work.c);
	reopen(f);
	assert_int_equal(rows_in(f->q, "subjects"), 300);
}

static void
test_a_checkpoint_lets_the_log_start_over(void **state)
{
	struct fixture *f = *state;
	struct queue_checkpointer *c =
	    queue_checkpointer_open(f->path, &f->error);
	int64_t before;

	assert_non_null(c);
	for (int i = 0; i < 50; i++)
		assert_int_equal(
		    queue_setting_put(f->q, "a", i % 2 == 0 ? "b" : "c"), 0);
	before = queue_log_bytes(f->q);
	assert_true(before > 50 * 4096);
	assert_int_equal(queue_checkpoint(c), 0);
	assert_int_equal(queue_setting_put(f->q, "a", "d"), 0);
	assert_true(queue_log_bytes(f->q) < before / 10);
	queue_checkpointer_close(c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

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
	    TEST(test_wakeups_come_longest_due_first),
	    TEST(test_dedupe_within_set_and_window),
	    TEST(test_rollback_forgets_what_was_seen),
	    TEST(test_events_are_listed_both_ways),
	    TEST(test_message_comes_back_as_added),
	    TEST(test_same_key_is_one_message),
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
	    TEST(test_a_crash_keeps_what_was_committed),
	    TEST(test_one_worker_at_a_time),
	    TEST(test_closed_it_is_one_file),
	    TEST(test_a_reader_looks_on),
	    TEST(test_a_reader_reads_a_store_at_rest),
	    TEST(test_a_reader_of_a_closed_folder_is_told),
	    TEST(test_memory_is_gone_when_closed),
	    TEST(test_a_failed_write_is_final),
	    TEST(test_a_locked_store_can_be_tried_again),
	    TEST(test_a_full_disk_leaves_room_to_finish),
	    TEST(test_the_reserve_is_given_up_once),
	    TEST(test_a_newer_store_is_left_alone),
	    TEST(test_a_foreign_database_is_refused),
	    TEST(test_a_text_file_is_refused),
	    TEST(test_a_truncated_store_is_refused),
	    TEST(test_noise_in_a_tree_is_noticed),
	    TEST(test_damage_found_later_is_damage),
	    TEST(test_every_older_version_becomes_current),
	    TEST(test_every_statement_uses_an_index),
	    TEST(test_trim_takes_the_old_in_slices),
	    TEST(test_checkpoints_beside_the_worker),
	    TEST(test_a_checkpoint_lets_the_log_start_over),
	};

	return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
