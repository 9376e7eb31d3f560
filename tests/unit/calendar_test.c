/* SPDX-License-Identifier: MIT */
/*
 * calendar - windows minute by minute over weeks in which clocks change,
 * against what the wall shows; and "day N" by example.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "sequences/calendar.h"

#define MON_FRI 0x1f
#define ANY	0x7f
#define MINUTE	60000

static const struct zone *
zone_of(const char *name)
{
	const struct zone *z = zone_find(name);

	if (z == NULL) {
		print_message("skipped: this system has no %s\n", name);
		skip();
	}
	return z;
}

static int64_t
ms_of(const struct zone *z, const char *text)
{
	struct civil c = {0};
	int ms = 0;

	assert_true(sscanf(text, "%d-%d-%d %d:%d:%d.%d", &c.year, &c.month,
			&c.day, &c.hour, &c.minute, &c.second, &ms) >= 5);
	return zone_unix(z, &c) * 1000 + ms;
}

static const char *
text_of(const struct zone *z, int64_t ms)
{
	static char out[64];
	struct civil c = zone_civil(z, ms / 1000);

	if (ms < 0)
		return "never";
	snprintf(out, sizeof out, "%04d-%02d-%02d %02d:%02d", c.year, c.month,
	    c.day, c.hour, c.minute);
	return out;
}

static void
durations_are_one_number_and_one_unit(void **state)
{
	static const char *const wrong[] = {"", "d", "1", "1 d", "1.5h", "-3d",
	    "+3d", "1h30m", "3x", "3dd", "1000000000d", "3D", " 3d"};
	static const struct {
		const char *text, *words;
		int64_t ms;
	} right[] = {{"90s", "90 seconds", 90000},
	    {"15m", "15 minutes", 900000}, {"48h", "2 days", 172800000},
	    {"36h", "36 hours", 129600000}, {"14d", "14 days", 1209600000},
	    {"2w", "14 days", 1209600000}, {"1d", "1 day", 86400000},
	    {"60m", "1 hour", 3600000}, {"0s", "0 seconds", 0}};
	char out[40];
	int64_t ms;

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_int_equal(duration_parse(wrong[i], &ms), -1);
	for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
		assert_int_equal(duration_parse(right[i].text, &ms), 0);
		assert_int_equal(ms, right[i].ms);
		assert_string_equal(
		    duration_text(ms, out, sizeof out), right[i].words);
	}
	assert_string_equal(
	    duration_text(-259200000, out, sizeof out), "-3 days");
	assert_string_equal(
	    duration_text(1500, out, sizeof out), "1500 milliseconds");
}

static void
days_are_names_lists_and_ranges(void **state)
{
	static const char *const wrong[] = {"", "mo", "monday", "mon,", ",mon",
	    "mon-", "mon fri", "mon--fri", "any,mon", "weekdays", "mon-fri x"};
	static const struct {
		const char *text;
		int days;
	} right[] = {{"any", ANY}, {"mon-fri", MON_FRI}, {"sat-sun", 0x60},
	    {"mon,wed,fri", 0x15}, {"fri-mon", 0x71}, {"sun", 0x40},
	    {"mon-tue, Sat", 0x23}, {"wed-wed", 4}, {"tue-mon", ANY}};
	uint8_t days;

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_int_equal(window_parse_days(wrong[i], &days), -1);
	for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
		assert_int_equal(window_parse_days(right[i].text, &days), 0);
		assert_int_equal(days, right[i].days);
	}
}

static void
times_have_two_digits_each(void **state)
{
	static const char *const wrong[] = {"", "9:00", "09:60", "24:01",
	    "25:00", "09:00 ", "0900", "09.00", "09:0", "-1:00", "09:00:00"};
	int minutes;

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_int_equal(window_parse_time(wrong[i], &minutes), -1);
	assert_int_equal(window_parse_time("00:00", &minutes), 0);
	assert_int_equal(minutes, 0);
	assert_int_equal(window_parse_time("09:05", &minutes), 0);
	assert_int_equal(minutes, 545);
	assert_int_equal(window_parse_time("24:00", &minutes), 0);
	assert_int_equal(minutes, 1440);
}

/* Whether the window is open, from what the wall shows and nothing else. */
static bool
wall_says_open(const struct window *w, const struct zone *z, int64_t t_ms)
{
	struct civil c = zone_civil(z, t_ms / 1000);
	int today = civil_weekday(civil_days(c.year, c.month, c.day));
	int yesterday = (today + 6) % 7;
	int minute = c.hour * 60 + c.minute;
	bool is_today = w->days >> today & 1;

	if (w->from_min == w->to_min)
		return is_today;
	if (w->from_min < w->to_min)
		return is_today && minute >= w->from_min && minute < w->to_min;
	return (is_today && minute >= w->from_min) ||
	       ((w->days >> yesterday & 1) && minute < w->to_min);
}

/*
 * Backwards, so that the next open minute is known: window_next() gives an open
 * moment, never one before t, and none in between is open.
 */
static void
scan(const struct window *w, const struct zone *z, int64_t from, int days)
{
	int64_t next = window_next(w, z, from + days * INT64_C(86400000));

	for (int64_t i = days * INT64_C(1440) - 1; i >= 0; i--) {
		int64_t t = from + i * MINUTE;

		if (wall_says_open(w, z, t))
			next = t;
		assert_int_equal(window_is_open(w, z, t), next == t);
		assert_string_equal(
		    text_of(z, window_next(w, z, t)), text_of(z, next));
		assert_int_equal(window_next(w, z, t), next);
		if (next == t)
			assert_int_equal(
			    window_next(w, z, t + MINUTE - 1), t + MINUTE - 1);
	}
}

static void
windows_follow_the_wall_while_clocks_change(void **state)
{
	/* Bounds stay out of overlaps; gaps may have them. */
	static const struct window windows[] = {{MON_FRI, 540, 660},
	    {ANY, 1320, 360}, {0x20, 1320, 360}, {0x10, 1350, 1349},
	    {0x60, 0, 0}, {ANY, 0, 1440}, {0x40, 600, 600}};
	static const struct {
		const char *zone, *from;
		struct window in_gap[3];
	} weeks[] = {
	    {"Europe/Berlin", "2026-03-26 00:00",
		{{ANY, 150, 300}, {ANY, 60, 150}, {ANY, 130, 170}}},
	    {"Europe/Berlin", "2026-10-22 00:00", {{ANY, 60, 240}}},
	    {"America/New_York", "2026-03-05 00:00",
		{{ANY, 150, 300}, {ANY, 1380, 150}, {0x40, 121, 179}}},
	    {"Australia/Lord_Howe", "2026-10-01 00:00",
		{{ANY, 135, 300}, {ANY, 60, 145}, {ANY, 125, 140}}},
	    {"America/Santiago", "2026-09-03 00:00",
		{{ANY, 0, 480}, {ANY, 1320, 30}, {0x40, 10, 50}}},
	    {"Pacific/Apia", "2011-12-27 00:00", {{0x10, 540, 660}}},
	};

	for (size_t i = 0; i < sizeof weeks / sizeof *weeks; i++) {
		const struct zone *z = zone_of(weeks[i].zone);
		int64_t from = ms_of(z, weeks[i].from);

		for (size_t j = 0; j < sizeof windows / sizeof *windows; j++)
			scan(&windows[j], z, from, 7);
		for (int j = 0; j < 3 && weeks[i].in_gap[j].days != 0; j++)
			scan(&weeks[i].in_gap[j], z, from, 7);
	}
}

static void
a_bound_in_an_overlap_is_the_first_of_two(void **state)
{
	const struct zone *z = zone_of("Europe/Berlin");
	struct window ends = {ANY, 60, 150}, starts = {ANY, 150, 240};
	/* 02:30 the first time; an hour later the wall shows it again */
	int64_t first = ms_of(z, "2026-10-25 02:30");

	assert_true(window_is_open(&ends, z, first - 1));
	assert_false(window_is_open(&ends, z, first));
	assert_false(window_is_open(&ends, z, first + 40 * MINUTE));
	assert_false(window_is_open(&starts, z, first - 1));
	assert_true(window_is_open(&starts, z, first));
	assert_true(window_is_open(&starts, z, first + 40 * MINUTE));
}

static void
an_end_is_exclusive(void **state)
{
	const struct zone *z = zone_utc();
	struct window w = {MON_FRI, 540, 660};

	assert_true(window_is_open(&w, z, ms_of(z, "2026-03-27 09:00")));
	assert_true(window_is_open(&w, z, ms_of(z, "2026-03-27 10:59:59.999")));
	assert_false(window_is_open(&w, z, ms_of(z, "2026-03-27 11:00")));
	assert_string_equal(
	    text_of(z, window_next(&w, z, ms_of(z, "2026-03-27 11:00"))),
	    "2026-03-30 09:00");
}

static void
a_window_may_never_open(void **state)
{
	struct window none = {0, 540, 660};

	assert_int_equal(window_next(&none, zone_utc(), 0), -1);
	assert_false(window_is_open(&none, zone_utc(), 0));
	assert_int_equal(calendar_day(zone_utc(), 0, 3, &none), -1);
}

static void
day_n_is_counted_on_the_calendar(void **state)
{
	static const struct window office = {MON_FRI, 540, 660},
				   night = {ANY, 1320, 360},
				   all = {MON_FRI, 600, 600},
				   morning = {ANY, 0, 480};
	static const struct {
		const char *zone, *entered;
		int day;
		const struct window *window;
		const char *due;
	} cases[] = {
	    /* a Friday; clocks change on Sunday */
	    {"Europe/Berlin", "2026-03-27 10:00", 0, NULL, "2026-03-27 10:00"},
	    {"Europe/Berlin", "2026-03-27 10:00", 3, NULL, "2026-03-30 10:00"},
	    {"Europe/Berlin", "2026-03-27 02:30", 2, NULL, "2026-03-29 03:30"},
	    {"Europe/Berlin", "2026-03-27 10:00", 30, NULL, "2026-04-26 10:00"},
	    {"Europe/Berlin", "2026-03-27 10:00", 3, &office,
		"2026-03-30 09:00"},
	    {"Europe/Berlin", "2026-03-27 23:59", 1, &office,
		"2026-03-30 09:00"},
	    {"Europe/Berlin", "2026-03-27 10:00", 7, &office,
		"2026-04-03 09:00"},
	    /* day 0: at once while it is open, else the next opening */
	    {"Europe/Berlin", "2026-03-27 10:30", 0, &office,
		"2026-03-27 10:30"},
	    {"Europe/Berlin", "2026-03-27 08:00", 0, &office,
		"2026-03-27 09:00"},
	    {"Europe/Berlin", "2026-03-27 11:00", 0, &office,
		"2026-03-30 09:00"},
	    /* over midnight: open still, or that day's own opening */
	    {"Europe/Berlin", "2026-03-27 02:00", 0, &night,
		"2026-03-27 02:00"},
	    {"Europe/Berlin", "2026-03-27 02:00", 1, &night,
		"2026-03-28 22:00"},
	    {"Europe/Berlin", "2026-03-27 10:00", 3, &all, "2026-03-30 00:00"},
	    /* midnight that is skipped, and a day that is */
	    {"America/Santiago", "2026-09-05 10:00", 1, &morning,
		"2026-09-06 01:00"},
	    {"Pacific/Apia", "2011-12-29 10:00", 1, NULL, "2011-12-31 10:00"},
	    {"Pacific/Apia", "2011-12-29 10:00", 1, &office,
		"2012-01-02 09:00"},
	    {"Pacific/Apia", "2011-12-29 10:00", 2, NULL, "2011-12-31 10:00"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct zone *z = zone_of(cases[i].zone);

		assert_string_equal(
		    text_of(z, calendar_day(z, ms_of(z, cases[i].entered),
				   cases[i].day, cases[i].window)),
		    cases[i].due);
	}
}

static void
day_n_keeps_milliseconds(void **state)
{
	const struct zone *z = zone_utc();
	int64_t entered = ms_of(z, "2026-03-27 10:00:07.123");

	assert_int_equal(calendar_day(z, entered, 0, NULL), entered);
	assert_int_equal(
	    calendar_day(z, entered, 2, NULL), entered + 2 * 86400000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(durations_are_one_number_and_one_unit),
	    cmocka_unit_test(days_are_names_lists_and_ranges),
	    cmocka_unit_test(times_have_two_digits_each),
	    cmocka_unit_test(windows_follow_the_wall_while_clocks_change),
	    cmocka_unit_test(a_bound_in_an_overlap_is_the_first_of_two),
	    cmocka_unit_test(an_end_is_exclusive),
	    cmocka_unit_test(a_window_may_never_open),
	    cmocka_unit_test(day_n_is_counted_on_the_calendar),
	    cmocka_unit_test(day_n_keeps_milliseconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
