/* SPDX-License-Identifier: MIT */
/* date - what is read as a date and what is not; strftime as Ruby has it. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "templates/time/date.h"

#define NOW INT64_C(1774605600123) /* 2026-03-27T10:00:00.123Z */

/* In a zone of its own two hours east, so that it shows when it is used. */
static const struct zone *
east(void)
{
	const struct zone *z = zone_find("Etc/GMT-2");

	return z != NULL ? z : zone_utc();
}

static const char *
format(const struct date *d, const char *f)
{
	static struct buf out;

	buf_truncate(&out, 0);
	if (date_format(d, f, strlen(f), &out) != 0)
		return "refused";
	return buf_str(&out);
}

static const char *
read_as(const char *text, const struct zone *zone)
{
	struct date d;

	if (date_parse(text, strlen(text), zone, NOW, &d) != 0)
		return "not a date";
	return format(&d, "%F %T.%L %z%Z");
}

static void
dates_are_read_in_many_forms(void **state)
{
	static const char *const cases[][2] = {
	    {"2016-03-14", "2016-03-14 00:00:00.000 +0000UTC"},
	    {"2016/03/14", "2016-03-14 00:00:00.000 +0000UTC"},
	    {"2016-03", "2016-03-01 00:00:00.000 +0000UTC"},
	    {"March 14, 2016", "2016-03-14 00:00:00.000 +0000UTC"},
	    {"Mar. 14th 2016", "2016-03-14 00:00:00.000 +0000UTC"},
	    {"14 march 2016", "2016-03-14 00:00:00.000 +0000UTC"},
	    {"14-Mar-2016", "2016-03-14 00:00:00.000 +0000UTC"},
	    {"March 2016", "2016-03-01 00:00:00.000 +0000UTC"},
	    {"Monday, March 14, 2016 at 3:30 PM",
		"2016-03-14 15:30:00.000 +0000UTC"},
	    {"March 14, 2016 12:05 am", "2016-03-14 00:05:00.000 +0000UTC"},
	    {"Mon Mar 14 01:02:03 2016", "2016-03-14 01:02:03.000 +0000UTC"},
	    {"2016-03-14 01:02:03", "2016-03-14 01:02:03.000 +0000UTC"},
	    {" 2016-03-14 1:02 ", "2016-03-14 01:02:00.000 +0000UTC"},
	    {"2016-03-14T24:00", "2016-03-15 00:00:00.000 +0000UTC"},
	    {"2016-12-31T23:59:60Z", "2017-01-01 00:00:00.000 +0000UTC"},
	    {"2016-03-14T01:02:03.4567Z", "2016-03-14 01:02:03.456 +0000UTC"},
	    {"20160314T010203Z", "2016-03-14 01:02:03.000 +0000UTC"},
	    {"20160314T0102", "2016-03-14 01:02:00.000 +0000UTC"},
	    {"2016-03-14T09:30:00+02:00", "2016-03-14 09:30:00.000 +0200"},
	    {"2016-03-14 09:30:00 -0330", "2016-03-14 09:30:00.000 -0330"},
	    {"2016-03-14 09:30:00 EST", "2016-03-14 09:30:00.000 -0500EST"},
	    {"Mon, 14 Mar 2016 09:30:00 +0000 (Greenwich)",
		"2016-03-14 09:30:00.000 +0000"},
	    {"14 Mar 16 09:30 GMT", "2016-03-14 09:30:00.000 +0000UTC"},
	    {"14 Mar 97 09:30 GMT", "1997-03-14 09:30:00.000 +0000UTC"},
	    {"1152098955", "2006-07-05 11:29:15.000 +0000UTC"},
	    {"0", "1970-01-01 00:00:00.000 +0000UTC"},
	    {"now", "2026-03-27 10:00:00.123 +0000UTC"},
	    {"Today", "2026-03-27 10:00:00.123 +0000UTC"},
	    {"2028-02-29", "2028-02-29 00:00:00.000 +0000UTC"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_string_equal(
		    read_as(cases[i][0], zone_utc()), cases[i][1]);
}

static void
other_texts_are_no_dates(void **state)
{
	static const char *const cases[] = {"", " ", "hello", "March", "May",
	    "March 14", "x", "2016-02-30", "2016-13-01", "2016-00-10",
	    "2016-03-14T25:00", "2016-03-14T10:60", "2016-03-14T24:01",
	    "2016-03-14T10:0", "2016-03-14T", "2016-3-14", "2016-03/14",
	    "2016-03-14 2016-03-15", "2016-03-14 10:00 11:00",
	    "2016-03-14 10:00 +25:00", "2016-03-14 10:00 +1:00",
	    "2016-03-14 10:00 +01:00 +01:00", "2016-03-14 +01:00",
	    "2016-03-14 10:00 CEST", "2016-03-14 13:00 pm", "03/04/2016",
	    "14.03.2016", "-5", "1.5", "99999999999999999999", "253402300800",
	    "March 14, 2016 (unclosed", "March March 14, 2016",
	    "March 12:5 2016", "0000-01-01", "2016-03-14T10:00:00Zulu"};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_string_equal(
		    read_as(cases[i], zone_utc()), "not a date");
}

static void
a_zone_is_used_only_where_none_is_written(void **state)
{
	if (east() == zone_utc())
		skip();
	assert_string_equal(read_as("2016-03-14 10:00", east()),
	    "2016-03-14 10:00:00.000 +0200+02");
	assert_string_equal(read_as("2016-03-14 10:00Z", east()),
	    "2016-03-14 10:00:00.000 +0000UTC");
	assert_string_equal(
	    read_as("0", east()), "1970-01-01 02:00:00.000 +0200+02");
}

static void
rfc3339_is_strict(void **state)
{
	static const struct {
		const char *text;
		int64_t ms; /* -1: refused */
	} cases[] = {{"2026-03-27T10:00:00.123Z", NOW},
	    {"2026-03-27T12:00:00.123+02:00", NOW},
	    {"2026-03-27t10:00:00,123456789z", NOW},
	    {"2026-03-27 10:00:00.123+0000", NOW},
	    {"2026-03-27T10:00Z", NOW - 123}, {"20260327T100000Z", NOW - 123},
	    {"1969-12-31T23:59:59.999Z", -1}, {"2026-03-27T10:00:00", -1},
	    {"2026-03-27", -1}, {"2026-03Z", -1}, {"1774605600", -1},
	    {"2026/03/27T10:00:00Z", -1}, {"2026-03-27T10:00:00Z ", -1},
	    {" 2026-03-27T10:00:00Z", -1}, {"2026-03-27T10:00:00+2", -1},
	    {"2026-02-29T10:00:00Z", -1}, {"now", -1}, {"", -1}};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t ms = -1;
		int rc = date_parse_rfc3339(
		    cases[i].text, strlen(cases[i].text), &ms);

		assert_int_equal(ms, cases[i].ms);
		assert_int_equal(rc, i > 6 ? -1 : 0);
	}
}

static void
length_ends_the_text(void **state)
{
	struct date d;
	int64_t ms;

	assert_int_equal(date_parse("2016-03-14x", 10, zone_utc(), NOW, &d), 0);
	assert_int_equal(date_parse("20", 1, zone_utc(), NOW, &d), 0);
	assert_int_equal(d.ms, 2000);
	for (size_t n = 0; n < 24; n++)
		assert_int_equal(
		    date_parse_rfc3339("2026-03-27T10:00:00.123Z", n, &ms), -1);
}

static void
formats_are_rubys(void **state)
{
	/* a Monday before ten, a Sunday in the week of the year before */
	struct date a = {INT64_C(1457945523004), 7200, "CEST", NULL};
	struct date b = {INT64_C(1483228800000) + 50400000, 0, "UTC", NULL};
	static const char *const cases[][3] = {
	    {"%Y %C %y", "2016 20 16", "2017 20 17"},
	    {"%m %-m %B %b %h %^B %^b %#a", "03 3 March Mar Mar MARCH MAR MON",
		"01 1 January Jan Jan JANUARY JAN SUN"},
	    {"%d|%e|%-d|%_d|%05d", "14|14|14|14|00014", "01| 1|1| 1|00001"},
	    {"%j %-j", "074 74", "001 1"},
	    {"%H %k %I %l %P %p %#p", "10 10 10 10 am AM am",
		"14 14 02  2 pm PM pm"},
	    {"%M %S %-S %L %N %3N %6N %1N",
		"52 03 3 004 004000000 004 004000 0",
		"00 00 0 000 000000000 000 000000 0"},
	    {"%z %:z %::z %Z %10z %#Z",
		"+0200 +02:00 +02:00:00 CEST +000000200 cest",
		"+0000 +00:00 +00:00:00 UTC +000000000 utc"},
	    {"%A %a %^A %u %w", "Monday Mon MONDAY 1 1",
		"Sunday Sun SUNDAY 7 0"},
	    {"%G %g %V %U %W", "2016 16 11 11 11", "2016 16 52 01 00"},
	    {"%s %%|%n|%t|", "1457945523 %|\n|\t|", "1483279200 %|\n|\t|"},
	    {"%c", "Mon Mar 14 10:52:03 2016", "Sun Jan  1 14:00:00 2017"},
	    {"%D %x %F", "03/14/16 03/14/16 2016-03-14",
		"01/01/17 01/01/17 2017-01-01"},
	    {"%T %X %R %r", "10:52:03 10:52:03 10:52 10:52:03 AM",
		"14:00:00 14:00:00 14:00 02:00:00 PM"},
	    {"%v", "14-MAR-2016", " 1-JAN-2017"},
	    {"%+", "Mon Mar 14 10:52:03 CEST 2016",
		"Sun Jan  1 14:00:00 UTC 2017"},
	    {"[%12B] [%-12B] [%012a] [%12F]",
		"[       March] [March] [000000000Mon] [  2016-03-14]",
		"[     January] [January] [000000000Sun] [  2017-01-01]"},
	    {"%^10Y %_6Y", "0000002016   2016", "0000002017   2017"},
	    {"%Q %-Q %:Y %", "%Q %-Q %:Y %", "%Q %-Q %:Y %"},
	    {"%5", "%5", "%5"},
	    {"", "", ""},
	    {"%%%b %d, %y", "%Mar 14, 16", "%Jan 01, 17"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_string_equal(format(&a, cases[i][0]), cases[i][1]);
		assert_string_equal(format(&b, cases[i][0]), cases[i][2]);
	}
}

static void
formats_work_before_the_epoch(void **state)
{
	struct date d = {-1, -12600, "", NULL};

	assert_string_equal(format(&d, "%F %T.%L %z %:z[%Z] %s %05s %_5s"),
	    "1969-12-31 20:29:59.999 -0330 -03:30[] -1 -0001    -1");
}

static void
formats_have_limits(void **state)
{
	struct date d = {0, 0, "UTC", NULL};
	struct buf f = {0}, out = {0};

	assert_int_equal(strlen(format(&d, "%64Y")), 64);
	assert_string_equal(format(&d, "%65Y"), "refused");
	assert_string_equal(format(&d, "%9999999d"), "refused");
	assert_string_equal(format(&d, "%99999999999999999999d"), "refused");
	while (f.len < 16 * 4)
		buf_adds(&f, "%64Y");
	assert_int_equal(strlen(format(&d, buf_str(&f))), 1024);
	buf_addc(&f, 'x');
	buf_adds(&out, "kept");
	assert_int_equal(date_format(&d, f.data, f.len, &out), -1);
	assert_string_equal(buf_str(&out), "kept");
	buf_truncate(&out, 0);
	assert_int_equal(date_format(&d, "a\0%Y%\0", 6, &out), 0);
	assert_memory_equal(out.data,
	    "a\0"
	    "1970%\0",
	    8);
	buf_free(&f);
	buf_free(&out);
}

static void
moments_are_written_as_protocols_want_them(void **state)
{
	const struct zone *z = zone_find("Asia/Kathmandu");
	char out[40];

	assert_string_equal(
	    date_rfc3339(NOW, out, sizeof out), "2026-03-27T10:00:00.123Z");
	assert_string_equal(
	    date_rfc3339(-1, out, sizeof out), "1969-12-31T23:59:59.999Z");
	assert_string_equal(date_rfc5322(NOW, out, sizeof out),
	    "Fri, 27 Mar 2026 10:00:00 +0000");
	assert_string_equal(date_rfc3339_in(NOW, zone_utc(), out, sizeof out),
	    "2026-03-27T10:00:00+00:00");
	if (z == NULL)
		skip();
	assert_string_equal(date_rfc3339_in(NOW, z, out, sizeof out),
	    "2026-03-27T15:45:00+05:45");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(dates_are_read_in_many_forms),
	    cmocka_unit_test(other_texts_are_no_dates),
	    cmocka_unit_test(a_zone_is_used_only_where_none_is_written),
	    cmocka_unit_test(rfc3339_is_strict),
	    cmocka_unit_test(length_ends_the_text),
	    cmocka_unit_test(formats_are_rubys),
	    cmocka_unit_test(formats_work_before_the_epoch),
	    cmocka_unit_test(formats_have_limits),
	    cmocka_unit_test(moments_are_written_as_protocols_want_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
