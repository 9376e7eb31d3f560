/* SPDX-License-Identifier: MIT */
/*
 * Changed definitions meet people who were there before; members meet the
 * metrics of their accounts and the messages to all of them.
 */
#include "tests/unit/turn_fixture.h"

static void
define(const char *metrics)
{
	char text[2000];

	snprintf(text, sizeof text, "{\"metrics\":{%s}}", metrics);
	write_file("metrics.json", text);
	reload();
}

/* The value of an account's metric; -1: it has none. */
static double
of_account(const char *id, const char *name)
{
	json_t *value = value_of(SUBJECT_ACCOUNT, id, name);
	double n = json_is_number(value) ? json_number_value(value) : -1;

	json_decref(value);
	return n;
}

static void
track_with(const char *user, const char *event, const char *more)
{
	char text[400];

	snprintf(text, sizeof text,
	    "{\"type\":\"track\",\"userId\":\"%s\",\"event\":\"%s\"%s}", user,
	    event, more);
	ingest(text);
}

static void
track(const char *user, const char *event)
{
	track_with(user, event, "");
}

static void
group(const char *user, const char *account)
{
	char text[200];

	snprintf(text, sizeof text,
	    "{\"type\":\"group\",\"userId\":\"%s\",\"groupId\":\"%s\"}", user,
	    account);
	ingest(text);
}

static void
identify(const char *user, const char *traits)
{
	char text[300];

	snprintf(text, sizeof text,
	    "{\"type\":\"identify\",\"userId\":\"%s\",\"traits\":{%s}}", user,
	    traits);
	ingest(text);
}

/* Slices until the sweep has ended; returns how many. */
static int
sweep(void)
{
	int n = 0;

	while (b.sweep.is_on) {
		assert_int_equal(turn_begin(&b.turn, b.now), 0);
		assert_int_equal(sweep_step(&b.sweep, &b.turn, ++n), 0);
		assert_int_equal(turn_commit(&b.turn), 0);
		sweep_committed(&b.sweep, n);
	}
	return n;
}

static void
expect_setting(const char *name, const char *expected)
{
	const char *value;

	assert_int_equal(queue_setting_get(b.queue, name, &value), 0);
	if (expected == NULL)
		assert_null(value);
	else
		assert_string_equal(value, expected);
}

/* ------------------------------------------------------------- definitions */

/* How often A came, for three people and their accounts of the time. */
static void
three_people(void)
{
	group("u", "g");
	group("v", "g");
	track("u", "A");
	track("u", "A");
	track("v", "A");
	track("w", "A"); /* of no account */
	group("v", "h");
	track("v", "A");
	group("w", "h");
	track_with("u", "A", ",\"context\":{\"groupId\":\"h\"}");
}

#define AS   "\"as\":{\"count\":\"A\"}"
#define OF_G ",\"all\":{\"for\":\"account\",\"count\":\"A\"}"
#define BIG  ",\"big\":{\"count\":\"A\",\"if\":\"event.n > 1\"}"

static void
a_new_metric_counts_what_was_before(void **state)
{
	three_people();
	define(AS OF_G);
	assert_true(b.sweep.is_on);
	assert_int_equal(metric("u", "as"), 3);
	assert_true(of_account("g", "all") < 0); /* not all users are done */
	sweep();
	expect_setting("sweep", NULL);
	assert_int_equal(metric("u", "as"), 3);
	assert_int_equal(metric("v", "as"), 2);
	assert_int_equal(metric("w", "as"), 1);
	assert_true(of_account("g", "all") == 3);
	assert_true(of_account("h", "all") == 2);
}

static void
what_comes_meanwhile_counts_once(void **state)
{
	three_people();
	define(AS OF_G);
	track("u", "A");
	track("x", "A"); /* somebody new */
	group("x", "h");
	track("x", "A");
	sweep();
	track("u", "A");
	assert_int_equal(metric("u", "as"), 5);
	assert_int_equal(metric("x", "as"), 2);
	assert_true(of_account("g", "all") == 5);
	assert_true(of_account("h", "all") == 3);
}

static void
a_changed_metric_begins_anew_the_others_stay(void **state)
{
	define(AS ",\"big\":{\"count\":\"A\"}");
	track_with("u", "A", ",\"properties\":{\"n\":1}");
	track_with("u", "A", ",\"properties\":{\"n\":2}");
	assert_int_equal(metric("u", "big"), 2);
	define(AS BIG);
	assert_int_equal(metric("u", "big"), 1);
	assert_int_equal(metric("u", "as"), 2);
	sweep();
	define(AS BIG); /* the same: nobody is looked at */
	assert_false(b.sweep.is_on);
	track_with("u", "A", ",\"properties\":{\"n\":3}");
	assert_int_equal(metric("u", "big"), 2);
	assert_int_equal(metric("u", "as"), 3);
}

static void
the_worker_that_merely_looks_counts_once(void **state)
{
	struct person *person;

	track("u", "A");
	define(AS);
	for (int i = 0; i < 3; i++) { /* as GET /v1/people/u does */
		assert_int_equal(turn_begin(&b.turn, b.now), 0);
		assert_int_equal(
		    turn_find(&b.turn, SUBJECT_USER, "u", &person), 0);
		assert_int_equal(turn_write(&b.turn), 0);
		assert_int_equal(turn_commit(&b.turn), 0);
	}
	sweep();
	assert_int_equal(metric("u", "as"), 1);
}

static void
a_visitor_of_before_is_merged_and_counted(void **state)
{
	track("u", "A");
	ingest("{\"type\":\"track\",\"anonymousId\":\"x\",\"event\":\"A\"}");
	define(AS);
	ingest(IDENTIFY);
	assert_int_equal(metric("u", "as"), 2);
	sweep();
	assert_int_equal(metric("u", "as"), 2);
	define(AS ",\"more\":{\"count\":\"A\"}");
	sweep();
	assert_int_equal(metric("u", "more"), 2);
}

static void
nothing_fires_for_the_past(void **state)
{
	ingest(IDENTIFY);
	track("u", "A");
	write_file("sequences/many.json",
	    "{\"for\":\"user\",\"enter\":{\"metric\":\"as\",\"above\":0,"
	    "\"rearm\":0},\"steps\":[{\"id\":\"s\",\"day\":0,\"send\":"
	    "\"later\"}]}");
	define(AS);
	sweep();
	assert_int_equal(metric("u", "as"), 1);
	assert_null(claim());
	track("u", "A");
	assert_null(claim());
	identify("w", "\"email\":\"w@b.example\"");
	track("w", "A");
	free_all(claim());
	assert_string_equal(message(QUEUE_SENDING).address, "w@b.example");
}

static void
an_empty_store_is_not_swept(void **state)
{
	define(AS OF_G);
	assert_false(b.sweep.is_on);
	expect_setting("sweep", NULL);
	group("u", "g");
	track("u", "A");
	assert_true(of_account("g", "all") == 1);
}

/* ------------------------------------------------------------------- sweep */

static void
many_people(int n)
{
	for (int i = 0; i < n; i++) {
		char text[300], id[20];

		snprintf(id, sizeof id, "p%d", i);
		snprintf(text, sizeof text,
		    "{\"type\":\"group\",\"userId\":\"%s\",\"groupId\":"
		    "\"g\"},{\"type\":\"track\",\"userId\":\"%s\",\"event\":"
		    "\"A\"}",
		    id, id);
		ingest(text);
	}
}

static void
a_sweep_goes_on_where_it_was(void **state)
{
	many_people(450);
	define(AS OF_G);
	assert_int_equal(turn_begin(&b.turn, b.now), 0);
	assert_int_equal(sweep_step(&b.sweep, &b.turn, 1), 0);
	assert_int_equal(turn_commit(&b.turn), 0);
	assert_int_equal(b.sweep.users, 200);
	/* the next slice is lost, and with it the worker */
	assert_int_equal(turn_begin(&b.turn, b.now), 0);
	assert_int_equal(sweep_step(&b.sweep, &b.turn, 2), 0);
	turn_rollback(&b.turn);
	reload();
	assert_true(b.sweep.is_on);
	assert_int_equal(b.sweep.users, 200);
	assert_true(of_account("g", "all") < 0);
	/* 2 slices of users, 1 of accounts, the end of each */
	assert_int_equal(sweep(), 5);
	assert_int_equal(b.sweep.users, 450);
	assert_int_equal(b.sweep.accounts, 1);
	assert_true(of_account("g", "all") == 450);
}

/* That many of A, each. */
static void
busy_people(int people, int events)
{
	struct buf batch = {0};

	for (int i = 0; i < people * events; i++) {
		buf_addf(&batch,
		    "%s{\"type\":\"track\",\"userId\":\"u%d\","
		    "\"event\":\"A\"}",
		    batch.len > 0 ? "," : "", i % people);
		if (i % 20 == 19) {
			ingest(buf_str(&batch));
			buf_truncate(&batch, 0);
		}
	}
	buf_free(&batch);
}

/* What a turn does is bounded by events, wherever they are. */
static void
who_has_done_much_makes_a_slice_short(void **state)
{
	busy_people(5, 2000);
	define(AS);
	assert_int_equal(sweep(), 3 + 2); /* two, two, one; the ends */
	assert_int_equal(metric("u0", "as"), 2000);
	assert_int_equal(metric("u4", "as"), 2000);
}

/* A wake-up that finds no room in its turn is still due in the next. */
static void
who_has_done_much_is_woken_in_turns(void **state)
{
	busy_people(5, 2000);
	for (int i = 0; i < 5; i++) {
		char user[20];

		snprintf(user, sizeof user, "u%d", i);
		identify(user, "\"plan\":\"free\"");
		track(user, "Signed Up");
	}
	b.now += 48 * HOUR;
	define(AS);
	for (int woken = 0, n = 0; woken < 5; woken += n) {
		assert_int_equal(turn_begin(&b.turn, b.now), 0);
		n = turn_wake(&b.turn, 100);
		assert_in_range(n, 1, 2);
		assert_int_equal(turn_write(&b.turn), 0);
		assert_int_equal(turn_commit(&b.turn), 0);
	}
	assert_int_equal(count(QUEUE_QUEUED), 10);
	assert_int_equal(metric("u4", "as"), 2000);
}

static void
a_sweep_that_had_all_users_goes_on_with_accounts(void **state)
{
	many_people(3);
	define(AS OF_G);
	for (int i = 0; i < 2; i++) { /* all users, and their end */
		assert_int_equal(turn_begin(&b.turn, b.now), 0);
		assert_int_equal(sweep_step(&b.sweep, &b.turn, 1), 0);
		assert_int_equal(turn_commit(&b.turn), 0);
	}
	reload();
	assert_true(rules_is_settled(b.workspace->rules));
	assert_int_equal(sweep(), 2);
	assert_true(of_account("g", "all") == 3);
}

/* How many versions of pinned sequences the store keeps. */
static size_t
versions_kept(void)
{
	const char *text;
	json_t *all;
	size_t n;

	assert_int_equal(queue_setting_get(b.queue, "definitions", &text), 0);
	all = json_loads(text, 0, NULL);
	n = json_object_size(json_object_get(all, "versions"));
	json_decref(all);
	return n;
}

static void
pin(const char *days)
{
	char text[300];

	snprintf(text, sizeof text,
	    "{\"edits\":\"pin\",\"enter\":{\"on\":\"Go\"},\"steps\":[{\"id\":"
	    "\"later\",\"after\":\"%s\",\"send\":\"later\"}]}",
	    days);
	write_file("sequences/pinned.json", text);
	reload();
	sweep();
}

static void
versions_that_nobody_is_in_are_forgotten(void **state)
{
	pin("10d");
	track("u", "Go");
	pin("20d");
	track("v", "Go");
	pin("30d");
	assert_int_equal(versions_kept(), 3);
	b.now += 11 * 24 * HOUR; /* one is done */
	assert_int_equal(turn_begin(&b.turn, b.now), 0);
	assert_int_equal(turn_wake(&b.turn, 10), 1);
	assert_int_equal(turn_write(&b.turn), 0);
	assert_int_equal(turn_commit(&b.turn), 0);
	pin("40d");
	assert_int_equal(versions_kept(), 2);
}

static void
another_change_on_the_way_begins_again(void **state)
{
	many_people(250);
	define(AS);
	assert_int_equal(turn_begin(&b.turn, b.now), 0);
	assert_int_equal(sweep_step(&b.sweep, &b.turn, 1), 0);
	assert_int_equal(turn_commit(&b.turn), 0);
	define(AS OF_G ",\"more\":{\"count\":\"A\"}");
	sweep();
	assert_int_equal(b.sweep.users, 250);
	assert_int_equal(metric("p0", "as"), 1);
	assert_int_equal(metric("p0", "more"), 1);
	assert_true(of_account("g", "all") == 250);
}

/* ----------------------------------------------------------------- members */

#define SHARE ",\"share\":{\"for\":\"account\",\"share\":\"metric.as > 0\"}"
#define LOWEST                                                         \
	",\"score\":{\"latest\":\"Scored\",\"of\":\"n\"},\"lowest\":{" \
	"\"for\":\"account\",\"min\":\"metric.score\"}"

static void
members_come_move_and_go(void **state)
{
	struct person *person;

	define(AS SHARE);
	group("u", "g");
	group("v", "g");
	track("u", "A");
	assert_true(of_account("g", "share") == 0.5);
	group("v", "h"); /* moves */
	assert_true(of_account("g", "share") == 1);
	assert_true(of_account("h", "share") == 0);
	track("v", "A");
	assert_true(of_account("h", "share") == 1);
	assert_int_equal(turn_begin(&b.turn, b.now), 0);
	assert_int_equal(turn_find(&b.turn, SUBJECT_USER, "v", &person), 0);
	assert_int_equal(turn_forget(&b.turn, person), 0);
	assert_int_equal(turn_write(&b.turn), 0);
	assert_int_equal(turn_commit(&b.turn), 0);
	assert_int_equal(id_of(QUEUE_USER_ID, "v"), 0);
	assert_true(of_account("h", "share") < 0); /* of nobody */
}

static void
a_move_within_a_batch_takes_the_part_along(void **state)
{
	define(AS SHARE);
	group("v", "g");
	ingest("{\"type\":\"group\",\"userId\":\"u\",\"groupId\":\"g\"},"
	       "{\"type\":\"track\",\"userId\":\"u\",\"event\":\"A\"},"
	       "{\"type\":\"group\",\"userId\":\"u\",\"groupId\":\"h\"},"
	       "{\"type\":\"track\",\"userId\":\"u\",\"event\":\"A\"}");
	assert_true(of_account("g", "share") == 0);
	assert_true(of_account("h", "share") == 1);
}

static void
who_is_merged_is_a_member_once(void **state)
{
	define(AS SHARE ",\"heads\":{\"for\":\"account\",\"count\":"
			"\"metric.as > 0\"}");
	group("u", "g");
	track("u", "A");
	ingest("{\"type\":\"group\",\"anonymousId\":\"x\",\"groupId\":\"g\"},"
	       "{\"type\":\"track\",\"anonymousId\":\"x\",\"event\":\"A\"}");
	assert_true(of_account("g", "heads") == 2);
	ingest(IDENTIFY);
	assert_true(of_account("g", "heads") == 1);
	assert_int_equal(metric("u", "as"), 2);
	/* a visitor brings its account to who has none */
	ingest("{\"type\":\"group\",\"anonymousId\":\"y\",\"groupId\":\"g\"},"
	       "{\"type\":\"track\",\"anonymousId\":\"y\",\"event\":\"A\"}");
	track("w", "B");
	ingest("{\"type\":\"identify\",\"userId\":\"w\","
	       "\"anonymousId\":\"y\"}");
	assert_true(of_account("g", "heads") == 2);
	assert_true(of_account("g", "share") == 1);
}

static void
an_event_for_another_account_counts_there(void **state)
{
	define(AS SHARE OF_G);
	group("u", "g");
	group("v", "h");
	track_with("u", "A", ",\"context\":{\"groupId\":\"h\"}");
	assert_int_equal(metric("u", "as"), 1);
	assert_true(of_account("g", "all") <= 0);
	assert_true(of_account("h", "all") == 1);
	assert_true(of_account("g", "share") == 1);
	assert_true(of_account("h", "share") == 0);
}

static void
score(const char *user, int n)
{
	char more[60];

	snprintf(more, sizeof more, ",\"properties\":{\"n\":%d}", n);
	track_with(user, "Scored", more);
}

static void
an_extreme_that_is_lost_is_found_again(void **state)
{
	char id[20];

	define(AS LOWEST);
	for (int i = 0; i < 300; i++) {
		snprintf(id, sizeof id, "m%d", i);
		group(id, "g");
		score(id, i);
	}
	assert_true(of_account("g", "lowest") == 0);
	for (int i = 0; i < 256; i++) { /* all that the account keeps */
		snprintf(id, sizeof id, "m%d", i);
		score(id, 1000 + i);
	}
	assert_true(of_account("g", "lowest") == 256);
	group("m256", "h");
	assert_true(of_account("g", "lowest") == 257);
}

/* --------------------------------------- what a user has from the account */

static void
account_is(const char *user, const char *traits)
{
	char text[300];

	snprintf(text, sizeof text,
	    "{\"type\":\"group\",\"userId\":\"%s\",\"groupId\":\"g\","
	    "\"traits\":{%s}}",
	    user, traits);
	ingest(text);
}

/* How many were due; the rest of it as the worker does it. */
static int
wake(int max)
{
	int n;

	assert_int_equal(turn_begin(&b.turn, b.now), 0);
	n = turn_wake(&b.turn, max);
	assert_int_equal(turn_write(&b.turn), 0);
	assert_int_equal(turn_commit(&b.turn), 0);
	return n;
}

/* u has entered by A, v has not; both are of g. */
static void
define_and_enter(const char *more_settings, const char *steps)
{
	char text[400];

	snprintf(text, sizeof text,
	    "{\"for\":\"user\",\"enter\":{\"on\":\"A\"},%s}", steps);
	write_file("sequences/waits.json", text);
	reload_with(more_settings);
	group("u", "g");
	group("v", "g");
	track("u", "A");
}

static void
a_date_of_the_account_is_followed(void **state)
{
	define_and_enter("",
	    "\"steps\":[{\"id\":\"renew\",\"at\":\"account.renews_at\","
	    "\"send\":\"later\"}]");
	assert_int_equal(queue_wakeup_next(b.queue), 0);
	account_is("v", "\"name\":\"G\"");
	assert_int_equal(wake(9), 0);
	account_is("v", "\"renews_at\":\"2026-03-28T09:00:00Z\"");
	assert_int_equal(wake(1), 1); /* some at a time */
	assert_int_equal(wake(9), 1);
	assert_int_equal(wake(9), 0);
	assert_int_equal(queue_wakeup_next(b.queue), NOW + 24 * HOUR);
	account_is("v", "\"renews_at\":\"2026-03-28T09:00:00Z\"");
	assert_int_equal(wake(9), 0); /* nothing new */
	account_is("v", "\"renews_at\":\"2026-03-27T11:00:00Z\"");
	assert_int_equal(wake(9), 2);
	b.now += 2 * HOUR;
	assert_int_equal(wake(9), 1);
	assert_int_equal(count(QUEUE_QUEUED), 1);
}

#define AT_NINE                                             \
	"\"window\":{\"from\":\"09:00\",\"to\":\"10:00\"}," \
	"\"steps\":[{\"id\":\"note\",\"day\":1,\"send\":\"later\"}]"

/* Nine o'clock, there, is midnight here. */
static void
the_zone_of_the_account_is_followed(void **state)
{
	define_and_enter("", AT_NINE);
	assert_int_equal(queue_wakeup_next(b.queue), NOW + 24 * HOUR);
	account_is("v", "\"timezone\":\"Asia/Tokyo\"");
	while (wake(9) > 0)
		;
	assert_int_equal(queue_wakeup_next(b.queue), NOW + 15 * HOUR);
	account_is("v", "\"timezone\":null");
	while (wake(9) > 0)
		;
	assert_int_equal(queue_wakeup_next(b.queue), NOW + 24 * HOUR);
}

static void
the_zone_of_the_workspace_is_followed(void **state)
{
	define_and_enter("", AT_NINE);
	reload_with(",\"timezone\":\"Asia/Tokyo\"");
	sweep();
	assert_int_equal(queue_wakeup_next(b.queue), NOW + 15 * HOUR);
	reload_with(",\"timezone\":\"Asia/Tokyo\"");
	assert_false(b.sweep.is_on);
	reload();
	assert_true(b.sweep.is_on);
}

/* ----------------------------------------------------------------- fan-out */

static void
define_news(void)
{
	write_file("sequences/news.json",
	    "{\"for\":\"account\",\"topic\":\"news\",\"enter\":{\"on\":"
	    "\"Signed\"},\"exit\":[{\"if\":\"account.lost\"}],\"steps\":["
	    "{\"id\":\"tell\",\"day\":0,\"send\":\"later\",\"to\":{"
	    "\"members\":\"user.seat\"}}]}");
	reload();
}

static void
members_of_g(int n)
{
	for (int i = 0; i < n; i++) {
		char id[20], traits[80];

		snprintf(id, sizeof id, "p%d", i);
		snprintf(traits, sizeof traits,
		    "\"email\":\"p%d@b.example\",\"seat\":%s", i,
		    i % 3 != 0 ? "true" : "false");
		identify(id, traits);
		group(id, "g");
	}
}

static int
fan_out(int max)
{
	int n;

	assert_int_equal(turn_begin(&b.turn, b.now), 0);
	n = turn_fan_out(&b.turn, max);
	assert_true(n >= 0);
	assert_int_equal(turn_commit(&b.turn), 0);
	return n;
}

static struct queue_message
to_all(void)
{
	struct queue_message_filter filter = {
	    .subject = id_of(QUEUE_ACCOUNT_ID, "g"), .state = -1};
	struct queue_message m = {0};

	assert_int_equal(queue_messages_find(b.queue, &filter, &m, 1), 1);
	return m;
}

static void
each_member_who_is_meant_gets_one(void **state)
{
	struct delivery *d;
	int n = 0;

	define_news();
	members_of_g(10);
	track("p0", "Signed");
	assert_string_equal(to_all().recipient, "members:0");
	assert_true(fan_out(4) >= 4);
	/* the next few are lost with a crash, and made again */
	assert_int_equal(turn_begin(&b.turn, b.now), 0);
	assert_true(turn_fan_out(&b.turn, 4) >= 4);
	turn_rollback(&b.turn);
	while (fan_out(4) > 0)
		;
	assert_int_equal(to_all().state, QUEUE_SENT);
	assert_string_equal(to_all().reason, "went to 6 members");
	assert_int_equal(count(QUEUE_QUEUED), 6);
	d = claim();
	for (const struct delivery *i = d; i != NULL; i = i->next)
		n++;
	assert_int_equal(n, 6);
	assert_string_equal(d->address, "p1@b.example");
	assert_string_equal(message(QUEUE_SENDING).recipient, "member");
	assert_string_equal(message(QUEUE_SENDING).topic, "news");
	free_all(d);
	assert_int_equal(
	    queue_messages_sent_since(b.queue, id_of(QUEUE_ACCOUNT_ID, "g"), 0),
	    0);
}

static void
who_is_no_member_any_more_gets_none(void **state)
{
	define_news();
	members_of_g(3);
	track("p0", "Signed");
	while (fan_out(100) > 0)
		;
	group("p1", "h");
	free_all(claim());
	assert_string_equal(message(QUEUE_SENDING).address, "p2@b.example");
	assert_string_equal(
	    message(QUEUE_SKIPPED).reason, "no longer a member of the account");
}

static void
an_exit_holds_for_all_members(void **state)
{
	define_news();
	members_of_g(4);
	track("p0", "Signed");
	fan_out(2); /* some of them */
	ingest("{\"type\":\"group\",\"userId\":\"p0\",\"groupId\":\"g\","
	       "\"traits\":{\"lost\":true}}");
	while (fan_out(100) > 0)
		;
	assert_int_equal(to_all().state, QUEUE_SKIPPED);
	assert_null(claim());
	assert_int_equal(count(QUEUE_QUEUED), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_new_metric_counts_what_was_before),
	    TEST(what_comes_meanwhile_counts_once),
	    TEST(a_changed_metric_begins_anew_the_others_stay),
	    TEST(the_worker_that_merely_looks_counts_once),
	    TEST(a_visitor_of_before_is_merged_and_counted),
	    TEST(nothing_fires_for_the_past),
	    TEST(an_empty_store_is_not_swept),
	    TEST(a_sweep_goes_on_where_it_was),
	    TEST(who_has_done_much_makes_a_slice_short),
	    TEST(who_has_done_much_is_woken_in_turns),
	    TEST(a_sweep_that_had_all_users_goes_on_with_accounts),
	    TEST(versions_that_nobody_is_in_are_forgotten),
	    TEST(versions_that_nobody_is_in_are_forgotten),
	    TEST(another_change_on_the_way_begins_again),
	    TEST(members_come_move_and_go),
	    TEST(a_move_within_a_batch_takes_the_part_along),
	    TEST(who_is_merged_is_a_member_once),
	    TEST(an_event_for_another_account_counts_there),
	    TEST(an_extreme_that_is_lost_is_found_again),
	    TEST(a_date_of_the_account_is_followed),
	    TEST(the_zone_of_the_account_is_followed),
	    TEST(the_zone_of_the_workspace_is_followed),
	    TEST(each_member_who_is_meant_gets_one),
	    TEST(who_is_no_member_any_more_gets_none),
	    TEST(an_exit_holds_for_all_members),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
