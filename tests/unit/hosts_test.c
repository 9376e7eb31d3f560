/* SPDX-License-Identifier: MIT */
/* hosts - one that is slow or fails, and the connections of the others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "worker/delivery/webhook/hosts.h"

#define NOW 1000000

static struct hosts *hosts;
static int64_t wait_ms;

static int
open_hosts(void **state)
{
	hosts = hosts_new(4);
	return 0;
}

static int
close_hosts(void **state)
{
	hosts_free(hosts);
	return 0;
}

static struct host *
take(const char *name, int64_t now_ms)
{
	return hosts_take(hosts, name, now_ms, &wait_ms);
}

/* Calls it, and it fails. */
static void
breaks(const char *name, int64_t now_ms)
{
	struct host *x = take(name, now_ms);

	assert_non_null(x);
	hosts_give(x, now_ms, 30000, false);
}

static void
test_half_is_for_others(void **state)
{
	struct host *x = take("a.example", NOW);

	assert_non_null(x);
	assert_ptr_equal(take("A.example", NOW), x);
	assert_null(take("a.example", NOW));
	assert_non_null(take("b.example", NOW));
	hosts_give(x, NOW, 50, true);
	assert_non_null(take("a.example", NOW));
}

static void
test_one_connection_is_for_all(void **state)
{
	struct hosts *one = hosts_new(1);
	struct host *x = hosts_take(one, "a.example", NOW, &wait_ms);

	assert_non_null(x);
	assert_null(hosts_take(one, "a.example", NOW, &wait_ms));
	hosts_give(x, NOW, 50, true);
	assert_non_null(hosts_take(one, "b.example", NOW, &wait_ms));
	hosts_free(one);
}

/* As far apart as its calls allow, but nobody waits for more than a minute. */
static void
test_turns(void **state)
{
	struct host *x;
	int64_t before = 0;

	hosts_give(take("a.example", NOW), NOW, 2000, true);
	x = take("a.example", NOW);
	take("a.example", NOW);
	for (int i = 0; i < 59; i++) {
		assert_null(take("a.example", NOW));
		assert_in_range(wait_ms, before + 1000, before + 1001);
		before = wait_ms;
	}
	assert_null(take("a.example", NOW));
	assert_int_equal(wait_ms, 60000);
	hosts_give(x, NOW, 2000, true);
	assert_non_null(take("a.example", NOW));
}

static void
test_a_failure_is_left_alone(void **state)
{
	struct host *x;

	breaks("a.example", NOW);
	assert_null(take("a.example", NOW + 999));
	assert_in_range(wait_ms, 1, 1000);
	breaks("a.example", NOW + 1000);
	assert_null(take("a.example", NOW + 2999));
	assert_non_null(take("b.example", NOW));
	x = take("a.example", NOW + 3000); /* one finds out */
	assert_non_null(x);
	assert_null(take("a.example", NOW + 3000));
	hosts_give(x, NOW + 3001, 1, true);
	assert_non_null(take("a.example", NOW + 3001));
	assert_non_null(take("a.example", NOW + 3001));
}

static void
test_all_that_fail_have_half_together(void **state)
{
	breaks("a.example", NOW);
	breaks("b.example", NOW);
	breaks("c.example", NOW);
	assert_non_null(take("a.example", NOW + 1000));
	assert_non_null(take("b.example", NOW + 1000));
	assert_null(take("c.example", NOW + 1000));
	assert_non_null(take("works.example", NOW + 1000));
}

static void
test_resumed(void **state)
{
	breaks("a.example", NOW);
	hosts_resume(hosts);
	assert_non_null(take("a.example", NOW));
}

/* Whom nobody asked for longest is forgotten, but not while it is called. */
static void
test_many_hosts(void **state)
{
	struct host *called = take("called.example", NOW - 2);
	char name[40];

	breaks("failed.example", NOW - 1);
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof name, "%d.example", i);
		hosts_give(take(name, NOW + i), NOW + i, 1, true);
	}
	assert_non_null(take("failed.example", NOW));
	assert_ptr_equal(take("called.example", NOW), called);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_hosts, close_hosts)
	const struct CMUnitTest tests[] = {
	    TEST(test_half_is_for_others),
	    TEST(test_one_connection_is_for_all),
	    TEST(test_turns),
	    TEST(test_a_failure_is_left_alone),
	    TEST(test_all_that_fail_have_half_together),
	    TEST(test_resumed),
	    TEST(test_many_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
