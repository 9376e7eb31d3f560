/* SPDX-License-Identifier: MIT */
/*
 * zone - against known clock changes, against the cases that another program
 * (python's zoneinfo) worked out, and against files made here: each odd footer,
 * each kind of damage.
 */
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>

#include "templates/buf.h"
#include "templates/time/zone.h"
#include "tests/unit/folder.h"

static void
add_number(struct buf *b, int64_t n, int size)
{
	while (size-- > 0)
		buf_addc(b, (char)(n >> size * 8));
}

static void
add_header(struct buf *b, int times, int types, int chars)
{
	buf_add(b, "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
	add_number(b, 0, 8);
	add_number(b, 0, 4);
	add_number(b, times, 4);
	add_number(b, types, 4);
	add_number(b, chars, 4);
}

/* A slim file: one transition at 0 from "ONE" (+1 h) to "TWO" (+2 h). */
static void
make(struct buf *b, const char *footer)
{
	*b = (struct buf){0};
	add_header(b, 0, 0, 0);
	add_header(b, 1, 2, 8);
	add_number(b, 0, 8);
	add_number(b, 1, 1);
	add_number(b, 3600, 4);
	add_number(b, 0, 2);
	add_number(b, 7200, 4);
	add_number(b, 0x104, 2);
	buf_add(b, "ONE\0TWO", 8);
	buf_addf(b, "\n%s\n", footer);
}

static void
save(struct buf *b, const char *name)
{
	write_bytes(name, buf_str(b), b->len);
	buf_free(b);
}

/* The zone of a footer; a name is loaded once, so each gets its own. */
static const struct zone *
zone_of(const char *footer)
{
	static int number;
	char name[30];
	struct buf b;

	make(&b, footer);
	snprintf(name, sizeof name, "Made/%d", ++number);
	save(&b, name);
	return zone_find(name);
}

static int64_t
unix_of(const struct zone *z, const char *text)
{
	struct civil c = {0};

	assert_true(sscanf(text, "%d-%d-%dT%d:%d:%d", &c.year, &c.month, &c.day,
			&c.hour, &c.minute, &c.second) >= 3);
	return zone_unix(z, &c);
}

/* The moment in UTC shows, in the zone, this time and abbreviation. */
static void
shows(const struct zone *z, const char *utc, const char *expected)
{
	int64_t t = unix_of(zone_utc(), utc);
	struct civil c = zone_civil(z, t);
	char text[100];

	snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d %s", c.year,
	    c.month, c.day, c.hour, c.minute, c.second,
	    zone_offset_at(z, t).abbreviation);
	assert_string_equal(text, expected);
}

static const struct zone *
system_zone(const char *name)
{
	const struct zone *z;

	unsetenv("TZDIR");
	z = zone_find(name);
	setenv("TZDIR", folder, 1);
	if (z == NULL) {
		print_message("skipped: this system has no %s\n", name);
		skip();
	}
	return z;
}

static void
civil_days_go_there_and_back(void **state)
{
	int year, month, day;
	int64_t days;

	assert_int_equal(civil_days(1970, 1, 1), 0);
	assert_int_equal(civil_days(2000, 3, 1) - civil_days(2000, 2, 28), 2);
	assert_int_equal(civil_days(1900, 3, 1) - civil_days(1900, 2, 28), 1);
	assert_int_equal(civil_days(2026, 13, 32), civil_days(2027, 2, 1));
	assert_int_equal(civil_days(2026, 0, 0), civil_days(2025, 11, 30));
	assert_int_equal(civil_weekday(0), 3); /* a Thursday */
	assert_int_equal(civil_weekday(-4), 6);
	for (days = -800000; days < 800000; days += 17) {
		civil_from_days(days, &year, &month, &day);
		assert_int_equal(civil_days(year, month, day), days);
		assert_in_range(month, 1, 12);
		assert_in_range(day, 1, 31);
	}
}

static void
utc_needs_no_files(void **state)
{
	assert_ptr_equal(zone_find("UTC"), zone_utc());
	assert_string_equal(zone_name(zone_utc()), "UTC");
	shows(zone_utc(), "2026-03-27T10:11:12", "2026-03-27T10:11:12 UTC");
	shows(zone_utc(), "1969-12-31T23:59:59", "1969-12-31T23:59:59 UTC");
}

static void
only_names_of_zones_are_taken(void **state)
{
	static const char *const refused[] = {"", "/etc/passwd", "../zone",
	    "Europe/../UTC", "EST5EDT4", "Europe", "Europe/", "Europe//Berlin",
	    "europe berlin", "posix/UTC", "right/UTC", "posixrules",
	    "localtime", "zone.tab", "tzdata.zi", "leapseconds",
	    "Europe/Atlantis", "<+03>-3",
	    "A/very/long/name/that/goes/on/and/on/and/on/and/on/and/on/and/on"};

	unsetenv("TZDIR");
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
		assert_null(zone_find(refused[i]));
	setenv("TZDIR", folder, 1);
}

static void
a_zone_is_loaded_once(void **state)
{
	const struct zone *z = system_zone("Europe/Berlin");

	assert_ptr_equal(zone_find("Europe/Berlin"), z);
	assert_string_equal(zone_name(z), "Europe/Berlin");
	shows(z, "2026-03-29T00:59:59", "2026-03-29T01:59:59 CET");
	shows(z, "2026-03-29T01:00:00", "2026-03-29T03:00:00 CEST");
	shows(z, "2060-07-01T00:00:00", "2060-07-01T02:00:00 CEST");
	shows(z, "1800-01-01T00:00:00", "1800-01-01T00:53:28 LMT");
}

static void
fields_out_of_range_carry_over(void **state)
{
	const struct zone *z = system_zone("Europe/Berlin");
	struct civil c = {.year = 2026, .month = 14, .day = 32, .minute = -5};

	assert_int_equal(zone_unix(z, &c), unix_of(z, "2027-03-03T23:55:00"));
	c = (struct civil){.year = INT_MAX, .month = INT_MAX, .day = INT_MAX};
	zone_unix(z, &c);
	zone_civil(z, INT64_MAX);
	zone_civil(z, INT64_MIN);
}

static void
every_second_around_a_change_comes_back(void **state)
{
	static const struct {
		const char *zone, *around;
	} cases[] = {{"Europe/Berlin", "2026-03-29T01:00:00"},
	    {"Europe/Berlin", "2045-10-29T01:00:00"},
	    {"Australia/Lord_Howe", "2026-10-03T15:30:00"},
	    {"Pacific/Apia", "2011-12-30T10:00:00"},
	    {"America/St_Johns", "2010-11-07T02:31:00"}};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct zone *z = system_zone(cases[i].zone);
		int64_t middle = unix_of(zone_utc(), cases[i].around);

		for (int64_t t = middle - 9000; t < middle + 9000; t += 7) {
			struct civil c = zone_civil(z, t);
			int64_t back = zone_unix(z, &c);

			/* or the first of two that look the same */
			assert_true(back <= t);
			if (back != t)
				assert_true(zone_offset_at(z, back).seconds >
					    zone_offset_at(z, t).seconds);
		}
	}
}

static void
footers_rule_after_the_last_transition(void **state)
{
	const struct zone *z = zone_of("EST5EDT,M3.2.0,M11.1.0");

	shows(z, "1969-12-31T23:00:00", "1970-01-01T00:00:00 ONE");
	shows(z, "2026-03-08T06:59:59", "2026-03-08T01:59:59 EST");
	shows(z, "2026-03-08T07:00:00", "2026-03-08T03:00:00 EDT");
	shows(z, "2026-11-01T05:59:59", "2026-11-01T01:59:59 EDT");
	shows(z, "2026-11-01T06:00:00", "2026-11-01T01:00:00 EST");
	assert_int_equal(unix_of(z, "2026-03-08T02:30:00"), 1772955000);
	assert_int_equal(unix_of(z, "2026-11-01T01:30:00"), 1793511000);

	/* south of the equator summer spans the new year */
	z = zone_of("AEST-10AEDT,M10.1.0,M4.1.0/3");
	shows(z, "2025-12-31T13:00:00", "2026-01-01T00:00:00 AEDT");
	shows(z, "2026-04-04T16:00:00", "2026-04-05T02:00:00 AEST");

	/* Dublin: "summer" time is the winter's, an hour back */
	z = zone_of("IST-1GMT0,M10.5.0,M3.5.0/1");
	shows(z, "2026-07-01T00:00:00", "2026-07-01T01:00:00 IST");
	shows(z, "2026-10-25T01:00:00", "2026-10-25T01:00:00 GMT");
	shows(z, "2026-03-29T01:00:00", "2026-03-29T02:00:00 IST");
}

static void
footers_have_odd_forms(void **state)
{
	const struct zone *z = zone_of("<+0330>-3:30");

	shows(z, "2026-01-01T00:00:00", "2026-01-01T03:30:00 +0330");

	/* Nuuk: hours before midnight; Gaza: past the next day */
	z = zone_of("<-02>2<-01>,M3.5.0/-1,M10.5.0/0");
	shows(z, "2026-03-29T00:59:59", "2026-03-28T22:59:59 -02");
	shows(z, "2026-03-29T01:00:00", "2026-03-29T00:00:00 -01");
	z = zone_of("EET-2EEST,M3.4.4/50,M10.4.4/50");
	shows(z, "2026-03-27T23:59:59", "2026-03-28T01:59:59 EET");
	shows(z, "2026-03-28T00:00:00", "2026-03-28T03:00:00 EEST");

	/* Jn does not count leap days, n does, from 0 */
	z = zone_of("AAA0BBB,J60/0,300/0");
	shows(z, "2028-02-29T12:00:00", "2028-02-29T12:00:00 AAA");
	shows(z, "2028-03-01T00:00:00", "2028-03-01T01:00:00 BBB");
	shows(z, "2027-03-01T00:00:00", "2027-03-01T01:00:00 BBB");
	shows(z, "2027-10-27T22:59:59", "2027-10-27T23:59:59 BBB");
	shows(z, "2027-10-27T23:00:00", "2027-10-27T23:00:00 AAA");
	shows(z, "2028-10-26T22:59:59", "2028-10-26T23:59:59 BBB");
	shows(z, "2028-10-26T23:00:00", "2028-10-26T23:00:00 AAA");

	/* summer time all year (RFC 9636 section 3.3) */
	z = zone_of("XXX3EDT4,0/0,J365/23");
	shows(z, "2026-01-01T04:00:00", "2026-01-01T00:00:00 EDT");
	shows(z, "2026-12-31T23:59:59", "2026-12-31T19:59:59 EDT");

	z = zone_of("");
	shows(z, "2100-01-01T00:00:00", "2100-01-01T02:00:00 TWO");
}

static void
wrong_footers_are_no_zone(void **state)
{
	static const char *const wrong[] = {"E", "EST", "EST25", "EST5x",
	    "<+03-3", "EST5EDT", "EST5EDT,M3.2.0", "EST5EDT,M3.2.0,M13.1.0",
	    "EST5EDT,M3.6.0,M11.1.0", "EST5EDT,M3.2.7,M11.1.0",
	    "EST5EDT,J0,J366", "EST5EDT,M3.2.0/168,M11.1.0",
	    "EST5EDT,M3.2.0,M11.1.0 ", "EST5:60", "EST99999999999999999999",
	    "<ANAMEFARTOOLONGTOPRINT>5"};

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_null(zone_of(wrong[i]));
}

static void
damaged_files_are_no_zone(void **state)
{
	struct buf whole, b;
	char name[30];

	make(&whole, "EST5");
	for (size_t len = 0; len < whole.len; len++) {
		b = (struct buf){0};
		buf_add(&b, whole.data, len);
		snprintf(name, sizeof name, "Cut/%zu", len);
		save(&b, name);
		assert_null(zone_find(name));
	}
	/* any one byte: no crash; counts and indices: no zone */
	for (size_t i = 0; i < whole.len; i++) {
		const struct zone *z;

		b = (struct buf){0};
		buf_add(&b, whole.data, whole.len);
		b.data[i] = (char)0xff;
		snprintf(name, sizeof name, "Bad/%zu", i);
		save(&b, name);
		z = zone_find(name);
		if (i < 4 || (i >= 64 && i < 88) || i == 96)
			assert_null(z);
		if (z != NULL)
			assert_non_null(
			    zone_offset_at(z, 1000000000).abbreviation);
	}
	buf_free(&whole);
}

static void *
find_many(void *arg)
{
	for (int i = 0; i < 2000; i++) {
		char name[30];

		snprintf(name, sizeof name, "Cut/%d", i % 200);
		zone_find(name);
		assert_non_null(zone_find("Made/1"));
	}
	return (void *)zone_find("Made/1");
}

static void
threads_share_zones(void **state)
{
	pthread_t thread[4];
	void *found;

	zone_of("EST5");
	for (int i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, find_many, NULL);
	for (int i = 0; i < 4; i++) {
		pthread_join(thread[i], &found);
		assert_ptr_equal(found, zone_find("Made/1"));
	}
}

/* Gaps, overlaps and skipped days of 17 zones. */
static void
agrees_with_zoneinfo(void **state)
{
	const char *shared = getenv("NUDGE_SHARED");
	struct buf path = {0};
	json_t *all, *one;
	size_t i;

	buf_addf(&path, "%s/reference/wire/vectors.json",
	    shared != NULL ? shared : "../shared");
	all = json_load_file(buf_str(&path), 0, NULL);
	if (all == NULL) {
		print_message("skipped: no %s\n", buf_str(&path));
		buf_free(&path);
		skip();
	}
	buf_free(&path);
	json_array_foreach(
	    json_object_get(
		json_object_get(all, "local_time_rfc5545"), "cases"),
	    i, one)
	{
		const struct zone *z = system_zone(
		    json_string_value(json_object_get(one, "zone")));

		assert_int_equal(unix_of(z, json_string_value(
						json_object_get(one, "local"))),
		    json_integer_value(json_object_get(one, "rfc5545_epoch")));
	}
	assert_true(i > 0);
	json_decref(all);
}

static int
make_folder(void **state)
{
	folder_make();
	return setenv("TZDIR", folder, 1);
}

static int
drop_folder(void **state)
{
	folder_drop();
	return 0;
}

/* More names that are no zone's than are remembered. */
static void
unknown_names_are_no_zones(void **state)
{
	char name[30];

	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 1200; i++) {
			snprintf(name, sizeof name, "Nowhere/Place_%d", i);
			assert_null(zone_find(name));
		}
	assert_non_null(zone_find("Europe/Berlin"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(civil_days_go_there_and_back),
	    cmocka_unit_test(utc_needs_no_files),
	    cmocka_unit_test(only_names_of_zones_are_taken),
	    cmocka_unit_test(a_zone_is_loaded_once),
	    cmocka_unit_test(fields_out_of_range_carry_over),
	    cmocka_unit_test(every_second_around_a_change_comes_back),
	    cmocka_unit_test(footers_rule_after_the_last_transition),
	    cmocka_unit_test(footers_have_odd_forms),
	    cmocka_unit_test(wrong_footers_are_no_zone),
	    cmocka_unit_test(damaged_files_are_no_zone),
	    cmocka_unit_test(threads_share_zones),
	    cmocka_unit_test(agrees_with_zoneinfo),
	    cmocka_unit_test(unknown_names_are_no_zones),
	};

	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
