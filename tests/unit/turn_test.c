/* SPDX-License-Identifier: MIT */
/*
 * Turns: events to people, messages past their gates, verdicts to fates.
 */
#include "tests/unit/turn_fixture.h"

/* ------------------------------------------------------------------ people */

static void
identify_beside_track_counts_in_any_order(void **state)
{
	struct delivery *d;

	assert_int_equal(ingest(SIGNED_UP "," IDENTIFY), 2);
	d = claim();
	assert_non_null(d);
	assert_null(d->next);
	assert_string_equal(d->address, "u@b.example");
	assert_string_equal(d->to_name, "Uma");
	assert_non_null(strstr(d->scope, "\"first_name\":\"Uma\""));
	assert_null(strstr(d->scope, "\"metric\"")); /* not read by it */
	settle(d, VERDICT_SENT);
	assert_int_equal(count(QUEUE_SENT), 1);
	free_all(d);
}

static void
duplicates_have_no_effect(void **state)
{
	const char *event = "{\"type\":\"track\",\"userId\":\"u\",\"event\":"
			    "\"A\",\"messageId\":\"m1\"}";

	assert_int_equal(ingest(event), 1);
	assert_int_equal(ingest(event), 0);
	b.now += 47 * HOUR;
	assert_int_equal(ingest(event), 0);
}

static void
a_visitor_becomes_the_user(void **state)
{
	int64_t visitor;

	ingest("{\"type\":\"page\",\"anonymousId\":\"x\",\"name\":\"Home\","
	       "\"context\":{\"timezone\":\"Europe/Berlin\"}}");
	visitor = id_of(QUEUE_ANONYMOUS_ID, "x");
	assert_true(visitor != 0);
	ingest(IDENTIFY);
	assert_int_equal(id_of(QUEUE_USER_ID, "u"), visitor);
	assert_int_equal(id_of(QUEUE_ANONYMOUS_ID, "x"), visitor);
}

static void
two_histories_become_one(void **state)
{
	struct queue_event events[10];
	int64_t user;

	ingest("{\"type\":\"track\",\"userId\":\"u\",\"event\":\"A\"},"
	       "{\"type\":\"track\",\"anonymousId\":\"x\",\"event\":\"A\"}");
	assert_true(
	    id_of(QUEUE_USER_ID, "u") != id_of(QUEUE_ANONYMOUS_ID, "x"));
	ingest(IDENTIFY);
	user = id_of(QUEUE_USER_ID, "u");
	assert_int_equal(id_of(QUEUE_ANONYMOUS_ID, "x"), user);
	assert_int_equal(queue_events_of(b.queue, user, 0, events, 10), 3);
	assert_int_equal(metric("u", "a"), 2);
	ingest(IDENTIFY); /* again: nothing is counted twice */
	assert_int_equal(metric("u", "a"), 2);
}

static void
a_shared_device_takes_nobody_over(void **state)
{
	ingest(IDENTIFY);
	ingest("{\"type\":\"identify\",\"userId\":\"v\","
	       "\"anonymousId\":\"x\"}");
	assert_true(id_of(QUEUE_USER_ID, "u") != id_of(QUEUE_USER_ID, "v"));
	assert_int_equal(
	    id_of(QUEUE_ANONYMOUS_ID, "x"), id_of(QUEUE_USER_ID, "v"));
}

static void
alias_joins_what_was_known_before(void **state)
{
	ingest("{\"type\":\"track\",\"userId\":\"old\",\"event\":\"A\"}");
	ingest("{\"type\":\"alias\",\"previousId\":\"old\","
	       "\"userId\":\"new\"}");
	assert_true(id_of(QUEUE_USER_ID, "new") != 0);
	assert_int_equal(
	    id_of(QUEUE_USER_ID, "old"), id_of(QUEUE_USER_ID, "new"));
	ingest("{\"type\":\"track\",\"anonymousId\":\"y\",\"event\":\"A\"},"
	       "{\"type\":\"alias\",\"previousId\":\"y\","
	       "\"userId\":\"new\"}");
	assert_int_equal(
	    id_of(QUEUE_ANONYMOUS_ID, "y"), id_of(QUEUE_USER_ID, "new"));
}

static void
a_name_that_is_new_survives_a_merge(void **state)
{
	ingest("{\"type\":\"track\",\"userId\":\"old\",\"event\":\"A\"}");
	ingest("{\"type\":\"identify\",\"userId\":\"old\","
	       "\"anonymousId\":\"y\"},"
	       "{\"type\":\"alias\",\"previousId\":\"old\","
	       "\"userId\":\"new\"}");
	assert_int_equal(
	    id_of(QUEUE_ANONYMOUS_ID, "y"), id_of(QUEUE_USER_ID, "new"));
	assert_true(id_of(QUEUE_USER_ID, "new") != 0);
}

#define FREE "\"traits\":{\"plan\":\"free\"}"

static void
sign_up(const char *key, const char *id)
{
	char text[300];

	snprintf(text, sizeof text,
	    "{\"type\":\"identify\",\"%s\":\"%s\"," FREE "},"
	    "{\"type\":\"track\",\"%s\":\"%s\",\"event\":\"Signed Up\"}",
	    key, id, key, id);
	ingest(text);
}

/* The newest decision of this user's is that a welcome is skipped for that. */
static void
expect_skipped(const char *user, const char *reason)
{
	struct queue_decision d[1];

	assert_int_equal(
	    queue_decisions_of(b.queue, id_of(QUEUE_USER_ID, user), 0, d, 1),
	    1);
	assert_string_equal(d[0].what, "skipped");
	assert_string_equal(d[0].step, "welcome");
	assert_string_equal(d[0].reason, reason);
	assert_string_equal(message(QUEUE_SKIPPED).reason, reason);
}

/* Of a sequence that both were in, one passage goes on. */
static void
who_is_merged_gets_no_step_twice(void **state)
{
	sign_up("anonymousId", "x");
	sign_up("userId", "u");
	assert_int_equal(count(QUEUE_QUEUED), 2);
	ingest(IDENTIFY);
	expect_skipped("u", "merged with x: already in the sequence");
	assert_int_equal(count(QUEUE_SKIPPED), 1);
	free_all(claim());
	assert_int_equal(count(QUEUE_SENDING), 1);
	assert_int_equal(count(QUEUE_QUEUED), 0);
}

/* ... nor by way of a third, which had not been in it; nor for a past one. */
static void
nor_who_is_merged_with_two(void **state)
{
	sign_up("userId", "u");
	ingest("{\"type\":\"track\",\"userId\":\"u\","
	       "\"event\":\"Account Deleted\"}");
	b.now += 30 * MINUTE; /* so long the address is waited for */
	assert_null(claim());
	assert_int_equal(count(QUEUE_SKIPPED), 1);
	sign_up("anonymousId", "x");
	ingest("{\"type\":\"track\",\"userId\":\"v\",\"event\":\"A\"}");
	assert_int_equal(count(QUEUE_QUEUED), 1);
	ingest("{\"type\":\"alias\",\"previousId\":\"x\",\"userId\":\"v\"},"
	       "{\"type\":\"alias\",\"previousId\":\"v\",\"userId\":\"u\"}");
	expect_skipped("u", "merged with x: already in the sequence");
	assert_int_equal(count(QUEUE_SKIPPED), 2);
}

/* What is due just then is not decided for both either. */
static void
nor_what_is_due_at_the_merge(void **state)
{
	sign_up("anonymousId", "x");
	sign_up("userId", "u");
	b.now += 48 * HOUR;
	write_file("metrics.json", "{\"metrics\":{\"b\":{\"count\":\"B\"}}}");
	reload(); /* x and u are behind: they are looked at before all else */
	ingest(IDENTIFY);
	assert_int_equal(count(QUEUE_QUEUED), 2);
	assert_int_equal(count(QUEUE_SKIPPED), 2);
}

static void
group_sets_the_account(void **state)
{
	int64_t account, members[4];

	ingest("{\"type\":\"group\",\"userId\":\"u\",\"groupId\":\"g\","
	       "\"traits\":{\"csm\":\"sam\"}}");
	account = id_of(QUEUE_ACCOUNT_ID, "g");
	assert_int_equal(queue_members(b.queue, account, 0, members, 4), 1);
	assert_int_equal(members[0], id_of(QUEUE_USER_ID, "u"));
	/* the account has a CSM: nobody of it enters */
	ingest(IDENTIFY "," SIGNED_UP);
	assert_null(claim());
	/* a track that names another account moves nobody */
	ingest("{\"type\":\"track\",\"userId\":\"u\",\"event\":\"A\","
	       "\"context\":{\"groupId\":\"h\"}}");
	assert_int_equal(queue_members(b.queue, account, 0, members, 4), 1);
	/* nor does it hide that their own account has a CSM */
	ingest("{\"type\":\"track\",\"userId\":\"u\",\"event\":\"Signed Up\","
	       "\"context\":{\"groupId\":\"h\"}}");
	assert_null(claim());
}

static void
an_account_has_its_own_sequences(void **state)
{
	struct queue_decision d[4];

	write_file("sequences/handoff.json",
	    "{\"for\":\"account\",\"enter\":{\"on\":\"Signed\"},"
	    "\"steps\":[{\"id\":\"note\",\"day\":0,\"send\":\"welcome\","
	    "\"to\":\"account.owner\"}]}");
	reload();
	ingest("{\"type\":\"group\",\"userId\":\"u\",\"groupId\":\"g\","
	       "\"traits\":{\"owner\":{\"email\":\"o@acme.example\"}}},"
	       "{\"type\":\"track\",\"userId\":\"u\",\"event\":\"Signed\"}");
	assert_int_equal(
	    queue_decisions_of(b.queue, id_of(QUEUE_ACCOUNT_ID, "g"), 0, d, 4),
	    3);
	assert_int_equal(
	    queue_decisions_of(b.queue, id_of(QUEUE_USER_ID, "u"), 0, d, 4), 0);
	assert_int_equal(
	    message(QUEUE_QUEUED).subject, id_of(QUEUE_ACCOUNT_ID, "g"));
	free_all(claim());
	assert_string_equal(message(QUEUE_SENDING).address, "o@acme.example");
}

static void
old_events_start_nothing(void **state)
{
	ingest(IDENTIFY ",{\"type\":\"track\",\"userId\":\"u\",\"event\":"
			"\"Signed Up\",\"timestamp\":"
			"\"2026-03-20T09:00:00Z\"}");
	assert_null(claim());
}

/* ------------------------------------------------------------------- gates */

static void
an_address_may_come_later(void **state)
{
	struct delivery *d;

	ingest("{\"type\":\"identify\",\"userId\":\"u\",\"traits\":{"
	       "\"plan\":\"free\"}}," SIGNED_UP);
	assert_null(claim());
	assert_string_equal(
	    message(QUEUE_QUEUED).reason, "user has no address yet");
	ingest(IDENTIFY);
	b.now += MINUTE;
	d = claim();
	assert_non_null(d);
	free_all(d);
}

static void
no_address_for_long_is_skipped(void **state)
{
	ingest("{\"type\":\"identify\",\"userId\":\"u\",\"traits\":{"
	       "\"plan\":\"free\"}}," SIGNED_UP);
	b.now += HOUR;
	assert_null(claim());
	assert_string_equal(
	    message(QUEUE_SKIPPED).reason, "there is no address to send to");
}

static void
what_happened_a_moment_before_holds(void **state)
{
	ingest(IDENTIFY "," SIGNED_UP);
	ingest("{\"type\":\"track\",\"userId\":\"u\",\"event\":"
	       "\"Account Deleted\"}");
	assert_null(claim());
	assert_string_equal(
	    message(QUEUE_SKIPPED).reason, "no longer in the sequence");
}

/* A deployment may take a folder away before it brings the next. */
static void
what_is_gone_for_a_moment_costs_no_message(void **state)
{
	static const char *const gone[] = {
	    "sequences/onboarding.json", "templates/welcome.md"};
	struct delivery *d;

	ingest(IDENTIFY "," SIGNED_UP);
	remove_file(gone[0]);
	reload();
	assert_null(claim());
	assert_string_equal(
	    message(QUEUE_QUEUED).reason, "the step is no longer defined");
	remove_file(gone[1]);
	reload();
	b.now += MINUTE;
	assert_null(claim());
	assert_string_equal(
	    message(QUEUE_QUEUED).reason, "the template is not there any more");
	write_file(gone[0], sequence);
	write_file(gone[1], "Subject: Again\n\nHi.\n");
	reload();
	b.now += MINUTE;
	d = claim();
	assert_non_null(d);
	free_all(d);
}

static void
what_stays_away_ends_the_message(void **state)
{
	ingest(IDENTIFY "," SIGNED_UP);
	remove_file("sequences/onboarding.json");
	reload();
	b.now += 24 * HOUR - MINUTE / 2;
	assert_null(claim());
	assert_string_equal(
	    message(QUEUE_SKIPPED).reason, "the step is no longer defined");
}

static void
the_unsubscribed_and_the_dead_get_nothing(void **state)
{
	ingest(IDENTIFY "," SIGNED_UP);
	assert_int_equal(queue_begin(b.queue), 0);
	queue_suppress(
	    b.queue, "U@b.example", "onboarding", "unsubscribed", b.now);
	assert_int_equal(queue_commit(b.queue), 0);
	assert_null(claim());
	assert_string_equal(
	    message(QUEUE_SKIPPED).reason, "suppressed: unsubscribed");
}

static void
too_late_is_expired(void **state)
{
	ingest(IDENTIFY "," SIGNED_UP);
	b.now += 25 * HOUR;
	assert_null(claim());
	assert_int_equal(count(QUEUE_EXPIRED), 1);
}

/* The gates' order: who has left is told so. */
static void
who_has_left_is_not_too_late(void **state)
{
	ingest(IDENTIFY "," SIGNED_UP);
	b.now += 25 * HOUR;
	ingest("{\"type\":\"track\",\"messageId\":\"d1\",\"userId\":\"u\","
	       "\"event\":\"Account Deleted\"}");
	assert_null(claim());
	assert_int_equal(count(QUEUE_EXPIRED), 0);
	assert_string_equal(
	    message(QUEUE_SKIPPED).reason, "no longer in the sequence");
}

/* Once a day, whatever comes of a history that is brought in. */
static void
what_came_too_late_says_so(void **state)
{
	struct queue_decision d[4];

	ingest(IDENTIFY);
	for (int i = 0; i < 3; i++) {
		char json[300];

		snprintf(json, sizeof json,
		    "{\"type\":\"track\",\"messageId\":\"l%d\",\"userId\":"
		    "\"u\",\"event\":\"Signed Up\",\"timestamp\":"
		    "\"2026-01-0%dT00:00:00Z\"}",
		    i, i + 1);
		ingest(json);
	}
	assert_int_equal(
	    queue_decisions_of(b.queue, id_of(QUEUE_USER_ID, "u"), 0, d, 4), 1);
	assert_string_equal(d[0].what, "refused");
	assert_non_null(strstr(d[0].reason, "Signed Up; it came "));
	assert_non_null(strstr(d[0].reason, "max_event_age starts nothing"));
}

static void
sandbox_cap_and_quiet_hours(void **state)
{
	stop(NULL);
	start_with(",\"sandbox\":{\"only\":[\"*@acme.example\"]}");
	ingest(IDENTIFY "," SIGNED_UP);
	assert_null(claim());
	assert_int_equal(count(QUEUE_SKIPPED), 1);

	stop(NULL);
	start_with(",\"caps\":[{\"max\":0,\"window\":\"7d\"}]");
	ingest(IDENTIFY "," SIGNED_UP);
	assert_null(claim());
	assert_string_equal(
	    message(QUEUE_SKIPPED).reason, "cap: 0 messages in 7 days already");

	stop(NULL);
	start_with(",\"quiet\":{\"from\":\"08:00\",\"to\":\"09:30\"}");
	ingest(IDENTIFY "," SIGNED_UP);
	assert_null(claim());
	assert_int_equal(message(QUEUE_QUEUED).next_at_ms, NOW + 30 * MINUTE);
	b.now += 30 * MINUTE;
	free_all(claim());
	assert_int_equal(count(QUEUE_SENDING), 1);
}

/* ---------------------------------------------------------------- verdicts */

static void
a_retry_keeps_the_key(void **state)
{
	struct delivery *d;
	char key[27];

	ingest(IDENTIFY "," SIGNED_UP);
	d = claim();
	memcpy(key, d->key, sizeof key);
	settle(d, VERDICT_RETRY);
	free_all(d);
	assert_int_equal(message(QUEUE_QUEUED).attempts, 1);
	assert_null(claim());
	b.now += MINUTE;
	d = claim();
	assert_string_equal(d->key, key);
	assert_int_equal(d->attempt, 2);
	settle(d, VERDICT_SENT);
	free_all(d);
}

static void
a_dead_address_is_suppressed(void **state)
{
	struct delivery *d;
	const char *why;

	ingest(IDENTIFY "," SIGNED_UP);
	d = claim();
	d->verdict.address_is_dead = true;
	settle(d, VERDICT_REFUSED);
	free_all(d);
	assert_int_equal(queue_suppressed(b.queue, "u@b.example", "", &why), 1);
}

/* A room of a chat has none. */
static void
no_address_is_not_suppressed(void **state)
{
	struct delivery *d;
	const char *why;

	ingest(IDENTIFY "," SIGNED_UP);
	d = claim();
	d->address[0] = '\0';
	d->verdict.address_is_dead = true;
	settle(d, VERDICT_REFUSED);
	free_all(d);
	assert_int_equal(queue_suppressed(b.queue, "", "", &why), 0);
}

static void
what_a_crash_left_is_sent_again(void **state)
{
	struct delivery *d;

	ingest(IDENTIFY "," SIGNED_UP);
	free_all(claim()); /* and the worker is gone */
	assert_int_equal(turn_begin(&b.turn, b.now), 0);
	assert_int_equal(turn_recover(&b.turn), 1);
	assert_int_equal(turn_commit(&b.turn), 0);
	b.now += HOUR;
	d = claim();
	assert_non_null(d);
	assert_int_equal(d->attempt, 2);
	free_all(d);
}

/* ----------------------------------------------------------------- by hand */

static int
send(const struct turn_send *s, char key[27], struct error *e)
{
	struct person *person;
	int rc;

	assert_int_equal(turn_begin(&b.turn, b.now), 0);
	assert_int_equal(turn_find(&b.turn, SUBJECT_USER, "u", &person), 0);
	rc = turn_send(&b.turn, person, s, key, e);
	assert_int_equal(turn_write(&b.turn), 0);
	assert_int_equal(turn_commit(&b.turn), 0);
	return rc;
}

static void
one_template_to_one_person(void **state)
{
	struct turn_send s = {
	    .template_name = "welcome", .idempotency_key = "k1"};
	char key[27], again[27];
	struct delivery *d;
	struct error e;

	ingest(IDENTIFY);
	assert_int_equal(send(&s, key, &e), 0);
	assert_int_equal(send(&s, again, &e), 1);
	assert_string_equal(key, again);
	s.template_name = "welcom";
	assert_int_equal(send(&s, key, &e), -1);
	assert_string_equal(e.text, "there is no template \"welcom\"; did "
				    "you mean \"welcome\"?");
	d = claim();
	assert_non_null(d);
	assert_null(d->next);
	free_all(d);
}

static void
keys_differ_in_every_part(void **state)
{
	struct subject s = {.kind = SUBJECT_USER, .name = (char *)"u"};
	struct subject other = {.kind = SUBJECT_ACCOUNT, .name = (char *)"u"};
	char a[27], c[27];

	turn_key(a, &s, "q", 1, "step", "t", "email", "user");
	assert_int_equal(strlen(a), 26);
	turn_key(c, &s, "q", 1, "step", "t", "email", "user");
	assert_string_equal(a, c);
	turn_key(c, &other, "q", 1, "step", "t", "email", "user");
	assert_string_not_equal(a, c);
	turn_key(c, &s, "q", 2, "step", "t", "email", "user");
	assert_string_not_equal(a, c);
	turn_key(c, &s, "q", 1, "step", "t", "slack", "user");
	assert_string_not_equal(a, c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(identify_beside_track_counts_in_any_order),
	    TEST(duplicates_have_no_effect),
	    TEST(a_visitor_becomes_the_user),
	    TEST(two_histories_become_one),
	    TEST(a_shared_device_takes_nobody_over),
	    TEST(alias_joins_what_was_known_before),
	    TEST(a_name_that_is_new_survives_a_merge),
	    TEST(who_is_merged_gets_no_step_twice),
	    TEST(nor_who_is_merged_with_two),
	    TEST(nor_what_is_due_at_the_merge),
	    TEST(group_sets_the_account),
	    TEST(an_account_has_its_own_sequences),
	    TEST(old_events_start_nothing),
	    TEST(an_address_may_come_later),
	    TEST(no_address_for_long_is_skipped),
	    TEST(what_happened_a_moment_before_holds),
	    TEST(what_is_gone_for_a_moment_costs_no_message),
	    TEST(what_stays_away_ends_the_message),
	    TEST(the_unsubscribed_and_the_dead_get_nothing),
	    TEST(too_late_is_expired),
	    TEST(who_has_left_is_not_too_late),
	    TEST(what_came_too_late_says_so),
	    TEST(sandbox_cap_and_quiet_hours),
	    TEST(a_retry_keeps_the_key),
	    TEST(a_dead_address_is_suppressed),
	    TEST(no_address_is_not_suppressed),
	    TEST(what_a_crash_left_is_sent_again),
	    TEST(one_template_to_one_person),
	    cmocka_unit_test(keys_differ_in_every_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
