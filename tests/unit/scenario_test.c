/* SPDX-License-Identifier: MIT */
/* The times that scenarios are told in. Whole scenarios: tests/e2e. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "templates/time/date.h"
#include "worker/scenario/scenario.h"

#define FIRST "2026-03-27T10:00:30+01:00"

static int64_t
ms_of(const char *rfc3339)
{
	int64_t ms;

	assert_int_equal(date_parse_rfc3339(rfc3339, strlen(rfc3339), &ms), 0);
	return ms;
}

static void
is(const char *text, const char *zone, const char *expected)
{
	int64_t ms;

	assert_int_equal(
	    moment_parse(text, ms_of(FIRST), zone_find(zone), &ms), 0);
	assert_int_equal(ms, ms_of(expected));
}

static void
dates_stand_for_themselves(void **state)
{
	is("2026-01-01T00:00:00Z", "UTC", "2026-01-01T00:00:00Z");
	is("2026-04-01T09:00:00+02:00", "Asia/Tokyo", "2026-04-01T07:00:00Z");
}

static void
durations_count_from_the_first_event(void **state)
{
	is("+0s", "UTC", FIRST);
	is("+48h", "Europe/Berlin", "2026-03-29T11:00:30+02:00");
	is("+2w", "America/New_York", "2026-04-10T09:00:30Z");
}

static void
days_are_local(void **state)
{
	is("day 0 10:00", "Europe/Berlin", "2026-03-27T10:00:00+01:00");
	is("day 3 09:00", "Europe/Berlin", "2026-03-30T09:00:00+02:00");
	is("day 40 00:00", "Europe/Berlin", "2026-05-06T00:00:00+02:00");
	/* it is later in Tokyo, and earlier in New York */
	is("day 1 08:00", "Asia/Tokyo", "2026-03-28T08:00:00+09:00");
	is("day 0 23:59", "America/New_York", "2026-03-27T23:59:00-04:00");
}

/* RFC 5545 section 3.3.5: a time that is not there is read as if before. */
static void
a_gap_and_an_overlap(void **state)
{
	is("day 2 02:30", "Europe/Berlin", "2026-03-29T03:30:00+02:00");
	is("day 212 02:30", "Europe/Berlin", "2026-10-25T02:30:00+02:00");
}

static void
nothing_else_is_a_time(void **state)
{
	static const char *const texts[] = {"", "day", "day 2", "day 2 9", "+",
	    "+48", "+48 h", "48h", "-48h", "day -1 09:00", "day 2 24:00",
	    "day 2 09:60", "day 2 09:-1", "day 2 09:00 ", "day 9999 09:00",
	    "day 2 09:00:00", "2026-03-27", "2026-03-27T10:00:00", "noon"};
	int64_t ms;

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		if (moment_parse(texts[i], ms_of(FIRST), zone_utc(), &ms) == 0)
			fail_msg("\"%s\" is no time", texts[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(dates_stand_for_themselves),
	    cmocka_unit_test(durations_count_from_the_first_event),
	    cmocka_unit_test(days_are_local),
	    cmocka_unit_test(a_gap_and_an_overlap),
	    cmocka_unit_test(nothing_else_is_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
