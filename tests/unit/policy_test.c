/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "worker/delivery/policy.h"

#define NOW INT64_C(1774602000000)
#define KEY "abcdefghijklmnopqrstuvwxyz"

static struct policy_output
decide(const struct policy_input *changes, struct verdict v)
{
	struct policy_input in = *changes;

	in.verdict = &v;
	if (in.key == NULL)
		in.key = KEY;
	in.max_attempts = 5;
	in.now_ms = NOW;
	in.first_ms = 1000;
	in.longest_ms = 60000;
	return policy_decide(&in);
}

#define INPUT(...)   (&(struct policy_input){__VA_ARGS__})
#define VERDICT(...) ((struct verdict){__VA_ARGS__})

static void
test_final_verdicts(void **state)
{
	static const struct {
		enum verdict_what what;
		enum queue_state becomes;
	} rows[] = {
	    {VERDICT_SENT, QUEUE_SENT},
	    {VERDICT_REFUSED, QUEUE_REFUSED},
	    {VERDICT_HELD, QUEUE_HELD_BACK},
	    {VERDICT_SKIPPED, QUEUE_SKIPPED},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct policy_output out = decide(INPUT(.attempts = 2),
		    VERDICT(.what = rows[i].what, .code = 250,
			.enhanced_status = "2.0.0", .text = "as queued"));

		assert_int_equal(out.state, rows[i].becomes);
		assert_int_equal(out.attempts, 2);
		assert_int_equal(out.next_at_ms, 0);
		assert_string_equal(out.reason, "250 2.0.0 as queued");
	}
}

static void
test_retry_backs_off(void **state)
{
	/* The longest wait of each attempt; a quarter of it may go. */
	static const int64_t waits[] = {1000, 2000, 4000, 8000};

	for (int i = 0; i < 4; i++) {
		struct policy_output out = decide(INPUT(.attempts = i + 1),
		    VERDICT(.what = VERDICT_RETRY, .code = 451,
			.text = "later"));

		assert_int_equal(out.state, QUEUE_QUEUED);
		assert_int_equal(out.attempts, i + 1);
		assert_in_range(
		    out.next_at_ms, NOW + waits[i] * 3 / 4, NOW + waits[i]);
		assert_string_equal(out.reason, "to be tried again: 451 later");
	}
}

static void
test_backoff_has_a_longest(void **state)
{
	struct verdict v = {.what = VERDICT_RETRY};
	struct policy_input in = {.verdict = &v,
	    .key = KEY,
	    .now_ms = NOW,
	    .first_ms = 1000,
	    .longest_ms = 60000,
	    .attempts = 200,
	    .max_attempts = 1000};

	assert_in_range(
	    policy_decide(&in).next_at_ms, NOW + 45000, NOW + 60000);
	in.longest_ms = INT64_MAX;
	assert_true(policy_decide(&in).next_at_ms > NOW);
	in.first_ms = 1000;
	in.longest_ms = 10;
	assert_in_range(policy_decide(&in).next_at_ms, NOW + 7, NOW + 10);
}

static void
test_jitter_is_of_key_and_attempt(void **state)
{
	struct verdict retry = {.what = VERDICT_RETRY};
	int64_t first = decide(INPUT(.attempts = 4), retry).next_at_ms;
	int64_t low = first, high = first;

	for (int i = 0; i < 200; i++) {
		char key[27];
		int64_t at;

		snprintf(key, sizeof key, "message-%d", i);
		at = decide(INPUT(.attempts = 4, .key = key), retry).next_at_ms;
		assert_int_equal(at,
		    decide(INPUT(.attempts = 4, .key = key), retry).next_at_ms);
		low = at < low ? at : low;
		high = at > high ? at : high;
	}
	assert_true(low >= NOW + 6000 && high <= NOW + 8000);
	assert_true(high - low > 1500); /* of 2,000: well spread */
}

static void
test_retry_after(void **state)
{
	struct policy_output out = decide(INPUT(.attempts = 1),
	    VERDICT(.what = VERDICT_RETRY, .retry_after_ms = 90000));

	assert_int_equal(out.next_at_ms, NOW + 90000); /* over longest_ms */
	out = decide(INPUT(.attempts = 4),
	    VERDICT(.what = VERDICT_RETRY, .retry_after_ms = 10));
	assert_in_range(out.next_at_ms, NOW + 6000, NOW + 8000);
	out = decide(INPUT(.attempts = 1),
	    VERDICT(.what = VERDICT_RETRY, .retry_after_ms = INT64_MAX));
	assert_true(out.next_at_ms == INT64_MAX);
}

static void
test_gives_up(void **state)
{
	struct policy_output out = decide(INPUT(.attempts = 5),
	    VERDICT(.what = VERDICT_RETRY, .enhanced_status = "4.4.1",
		.text = "no answer"));

	assert_int_equal(out.state, QUEUE_REFUSED);
	assert_int_equal(out.attempts, 5);
	assert_int_equal(out.next_at_ms, 0);
	assert_string_equal(
	    out.reason, "gave up after 5 attempts: 4.4.1 no answer");
}

static void
test_expires(void **state)
{
	struct verdict v = {
	    .what = VERDICT_RETRY, .retry_after_ms = 70000, .text = "busy"};
	struct policy_output out =
	    decide(INPUT(.attempts = 1, .expires_at_ms = NOW + 69999), v);

	assert_int_equal(out.state, QUEUE_EXPIRED);
	assert_int_equal(out.next_at_ms, 0);
	assert_string_equal(out.reason, "too late for another attempt: busy");
	out = decide(INPUT(.attempts = 1, .expires_at_ms = NOW + 70000), v);
	assert_int_equal(out.state, QUEUE_QUEUED);
	assert_int_equal(out.next_at_ms, NOW + 70000);
	/* What went out before its expiry was not too late. */
	out = decide(INPUT(.attempts = 1, .expires_at_ms = NOW - 1),
	    VERDICT(.what = VERDICT_SENT));
	assert_int_equal(out.state, QUEUE_SENT);
}

static void
test_unsure(void **state)
{
	struct verdict v = {.what = VERDICT_UNSURE, .text = "reply lost"};
	struct policy_output out = decide(INPUT(.attempts = 1), v);

	assert_int_equal(out.state, QUEUE_QUEUED);
	assert_in_range(out.next_at_ms, NOW + 750, NOW + 1000);
	assert_string_equal(
	    out.reason, "outcome unknown, to be tried again: reply lost");
	out = decide(INPUT(.attempts = 1, .unsure_hold = true), v);
	assert_int_equal(out.state, QUEUE_UNSURE);
	assert_int_equal(out.next_at_ms, 0);
	assert_string_equal(out.reason, "outcome unknown: reply lost");
	/* Refused and expired would say that it did not arrive. */
	out = decide(INPUT(.attempts = 5), v);
	assert_int_equal(out.state, QUEUE_UNSURE);
	out = decide(INPUT(.attempts = 1, .expires_at_ms = NOW + 1), v);
	assert_int_equal(out.state, QUEUE_UNSURE);
}

static void
test_hold_is_only_for_unsure(void **state)
{
	struct policy_output out =
	    decide(INPUT(.attempts = 1, .unsure_hold = true),
		VERDICT(.what = VERDICT_RETRY));

	assert_int_equal(out.state, QUEUE_QUEUED);
}

static void
test_released(void **state)
{
	struct policy_output out = decide(INPUT(.attempts = 5),
	    VERDICT(.what = VERDICT_RELEASED, .text = "stopping"));

	assert_int_equal(out.state, QUEUE_QUEUED);
	assert_int_equal(out.attempts, 4);
	assert_int_equal(out.next_at_ms, NOW + 1000);
	assert_string_equal(out.reason, "stopping");
	out = decide(INPUT(.attempts = 1),
	    VERDICT(.what = VERDICT_RELEASED, .retry_after_ms = 200));
	assert_int_equal(out.attempts, 0);
	assert_int_equal(out.next_at_ms, NOW + 200);
	out = decide(INPUT(.attempts = 1, .expires_at_ms = NOW + 10),
	    VERDICT(.what = VERDICT_RELEASED));
	assert_int_equal(out.state, QUEUE_EXPIRED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_final_verdicts),
	    cmocka_unit_test(test_retry_backs_off),
	    cmocka_unit_test(test_backoff_has_a_longest),
	    cmocka_unit_test(test_jitter_is_of_key_and_attempt),
	    cmocka_unit_test(test_retry_after),
	    cmocka_unit_test(test_gives_up),
	    cmocka_unit_test(test_expires),
	    cmocka_unit_test(test_unsure),
	    cmocka_unit_test(test_hold_is_only_for_unsure),
	    cmocka_unit_test(test_released),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
