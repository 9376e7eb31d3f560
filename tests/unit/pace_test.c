/* SPDX-License-Identifier: MIT */
/* pace - a channel's speed, with time as an argument. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker/lanes/pace.h"

#define SECOND INT64_C(1000)
#define DAY    (24 * 60 * 60 * SECOND)
#define NOW    INT64_C(1796083200000) /* 2026-12-01, midnight UTC */

static struct pace *
pace_of(double rate, json_t *domains)
{
	struct channel c = {.rate = rate, .domains = domains};

	return pace_new(&c);
}

/* A message as soon as there is room, `n` times: when was the last? */
static int64_t
last_of(struct pace *p, int n)
{
	int64_t now = NOW;

	for (int i = 0; i < n; i++) {
		int64_t opens = pace_opens_at(p, now);

		if (opens > now) {
			assert_int_equal(pace_room(p, now, 100), 0);
			now = opens;
		}
		assert_true(pace_room(p, now, 100) > 0);
		pace_spend(p, now, 1);
	}
	return now - NOW;
}

static void
test_no_limit(void **state)
{
	struct pace *p = pace_of(0, NULL);

	assert_int_equal(pace_room(p, NOW, 256), 256);
	assert_int_equal(last_of(p, 1000), 0);
	assert_null(pace_memory(p));
	pace_free(p);
}

/* The first second's messages at once, then one after the other. */
static void
test_rate(void **state)
{
	struct pace *p = pace_of(50, NULL);

	assert_int_equal(pace_room(p, NOW, 256), 50);
	assert_in_range(last_of(p, 550), 10 * SECOND, 10 * SECOND + 2 * 500);
	pace_free(p);
	p = pace_of(1.0 / 60, NULL); /* "1/m" */
	assert_int_equal(pace_room(p, NOW, 256), 1);
	assert_in_range(last_of(p, 4), 180 * SECOND, 180 * SECOND + 10);
	pace_free(p);
}

/* What was not used for a day does not come as a burst. */
static void
test_no_burst_after_a_pause(void **state)
{
	struct pace *p = pace_of(50, NULL);

	pace_spend(p, NOW, 50);
	assert_int_equal(pace_room(p, NOW, 256), 0);
	assert_int_equal(pace_room(p, NOW + 100, 256), 5);
	assert_int_equal(pace_room(p, NOW + DAY, 256), 50);
	pace_free(p);
}

static void
test_what_came_back(void **state)
{
	struct pace *p = pace_of(10, NULL);

	pace_spend(p, NOW, 10);
	pace_spend(p, NOW, -4);
	assert_int_equal(pace_room(p, NOW, 256), 4);
	pace_free(p);
}

static void
test_clock_set_back(void **state)
{
	json_t *domains = json_pack("{s:s}", "gmail.com", "10/s");
	struct pace *p = pace_of(10, domains);
	int64_t back = NOW - DAY;

	pace_spend(p, NOW, 10);
	for (int i = 0; i < 20; i++)
		pace_domain_wait(p, "ada@gmail.com", NOW);
	assert_int_equal(pace_room(p, back, 256), 0);
	assert_int_equal(pace_opens_at(p, back), back + 101);
	assert_int_equal(pace_room(p, back + 101, 256), 1);
	assert_int_equal(
	    pace_domain_wait(p, "ada@gmail.com", back), back + 101);
	pace_free(p);
	json_decref(domains);
}

/* Each gets a turn of its own, a tenth of a second apart; others go. */
static void
test_domains(void **state)
{
	json_t *domains =
	    json_pack("{s:s,s:s}", "gmail.com", "10/s", "slow.example", "1/h");
	struct pace *p = pace_of(0, domains);

	for (int i = 0; i < 10; i++)
		assert_int_equal(pace_domain_wait(p, "ada@Gmail.com", NOW), 0);
	for (int i = 1; i <= 20; i++)
		assert_in_range(pace_domain_wait(p, "ada@gmail.com", NOW),
		    NOW + 100 * i, NOW + 102 * i);
	assert_int_equal(pace_domain_wait(p, "bob@example.com", NOW), 0);
	assert_int_equal(pace_domain_wait(p, "bob@mail.gmail.com", NOW), 0);
	assert_int_equal(pace_domain_wait(p, "", NOW), 0);
	assert_int_equal(pace_domain_wait(p, "a@slow.example", NOW), 0);
	assert_in_range(pace_domain_wait(p, "b@slow.example", NOW),
	    NOW + 3600 * SECOND, NOW + 3600 * SECOND + 2);
	/* at its turn it goes */
	assert_int_equal(
	    pace_domain_wait(p, "b@slow.example", NOW + 3600 * SECOND + 2), 0);
	pace_free(p);
	json_decref(domains);
}

/* Turns that nobody takes are nobody's; those that stay lose none by it. */
static void
test_turns_given_up(void **state)
{
	json_t *domains = json_pack("{s:s}", "slow.example", "1/m");
	struct pace *p = pace_of(0, domains);
	const int64_t minute = 60 * SECOND;

	(void)state;
	for (int i = 0; i < 60; i++)
		pace_domain_wait(p, "ada@slow.example", NOW);
	pace_domain_left(p, "ada@slow.example");
	pace_domain_left(p, "ada@example.com");
	assert_in_range(pace_domain_wait(p, "bob@slow.example", NOW),
	    NOW + minute, NOW + minute + 2);
	/* the first of those that had a turn comes for it, then bob */
	assert_int_equal(
	    pace_domain_wait(p, "ada@slow.example", NOW + minute + 2), 0);
	assert_in_range(
	    pace_domain_wait(p, "bob@slow.example", NOW + minute + 2),
	    NOW + 2 * minute, NOW + 2 * minute + 4);
	pace_free(p);
	json_decref(domains);
}

static struct pace *
warming(int64_t double_ms)
{
	struct channel c = {.warmup = {
				.start = "2026-12-01",
				.first = 500,
				.double_ms = double_ms,
			    }};

	return pace_new(&c);
}

static void
test_warmup(void **state)
{
	static const int limits[] = {500, 500, 500, 1000, 1000, 1000, 2000};
	struct pace *p = warming(3 * DAY);
	int64_t used, most;

	for (int day = 0; day < 7; day++) {
		int64_t now = NOW + day * DAY + 9 * 3600 * SECOND;

		assert_int_equal(pace_room(p, now, 10000), limits[day]);
		pace_spend(p, now, limits[day] - 1);
		assert_true(pace_today(p, now, &used, &most));
		assert_int_equal(used, limits[day] - 1);
		assert_int_equal(most, limits[day]);
		assert_int_equal(pace_opens_at(p, now), now);
		pace_spend(p, now, 1);
		assert_int_equal(pace_room(p, now, 10000), 0);
		assert_int_equal(pace_opens_at(p, now), NOW + (day + 1) * DAY);
	}
	assert_int_equal(pace_room(p, NOW + 1000 * DAY, 10000), 10000);
	assert_false(pace_today(p, NOW + 1000 * DAY, &used, &most));
	assert_int_equal(pace_room(p, NOW - 5 * DAY, 10000), 500);
	pace_free(p);
}

/* A restart does not begin the day anew. */
static void
test_warmup_is_remembered(void **state)
{
	struct pace *p = warming(DAY), *again = warming(DAY);

	pace_spend(p, NOW, 417);
	assert_string_equal(pace_memory(p), "20788 417");
	pace_remember(again, pace_memory(p));
	assert_int_equal(pace_room(again, NOW, 10000), 83);
	assert_int_equal(pace_room(again, NOW + DAY, 10000), 1000);
	pace_remember(again, "not a memory");
	assert_int_equal(pace_room(again, NOW, 10000), 500);
	pace_free(p);
	pace_free(again);
}

static void
check_problem(const struct channel *c, const char *at, const char *text)
{
	char pointer[300];
	const char *wrong = pace_problem(c, pointer, sizeof pointer);

	if (text == NULL) {
		assert_null(wrong);
		return;
	}
	assert_non_null(wrong);
	assert_non_null(strstr(wrong, text));
	assert_string_equal(pointer, at);
}

static void
test_problems(void **state)
{
	json_t *good = json_pack("{s:s}", "gmail.com", "20/s");
	json_t *zero = json_pack("{s:s}", "gmail.com", "0/s");
	json_t *odd = json_pack("{s:i}", "gmail.com", 20);
	json_t *name = json_pack("{s:s}", "gmail", "20/s");

	check_problem(&(struct channel){.domains = good}, "", NULL);
	check_problem(
	    &(struct channel){.domains = zero}, "/domains/gmail.com", "rate");
	check_problem(
	    &(struct channel){.domains = odd}, "/domains/gmail.com", "rate");
	check_problem(
	    &(struct channel){.domains = name}, "/domains/gmail", "domain");
	check_problem(
	    &(struct channel){.warmup.first = 500}, "/warmup", "\"start\"");
	check_problem(&(struct channel){.warmup = {"soon", 500, DAY}},
	    "/warmup/start", "date");
	check_problem(
	    &(struct channel){.warmup = {"2026-12-01", 500, DAY}}, "", NULL);
	json_decref(good);
	json_decref(zero);
	json_decref(odd);
	json_decref(name);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_no_limit),
	    cmocka_unit_test(test_rate),
	    cmocka_unit_test(test_no_burst_after_a_pause),
	    cmocka_unit_test(test_what_came_back),
	    cmocka_unit_test(test_clock_set_back),
	    cmocka_unit_test(test_domains),
	    cmocka_unit_test(test_turns_given_up),
	    cmocka_unit_test(test_warmup),
	    cmocka_unit_test(test_warmup_is_remembered),
	    cmocka_unit_test(test_problems),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
