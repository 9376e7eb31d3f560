/* SPDX-License-Identifier: MIT */
/*
 * calendar - when a step may go out. A day's window is a stretch of real time:
 * from the first moment at which the wall shows its start, or later, to the
 * first at which it shows its end, or later. So a bound in a gap is the end of
 * the gap, a bound in an overlap is the first of the two, a window that lies
 * within a gap (or on a day that was skipped) does not open, and no window
 * opens twice.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sequences/calendar.h"

#define DAY_MIN		1440
#define HORIZON_DAYS	400
#define MINUTE_MS	INT64_C(60000)
#define HOUR_MS		(60 * MINUTE_MS)
#define DAY_MS		(24 * HOUR_MS)
#define DURATION_DIGITS 9 /* keeps sums far from overflow */

int
duration_parse(const char *text, int64_t *ms)
{
	static const struct {
		char unit;
		int64_t ms;
	} units[] = {{'s', 1000}, {'m', MINUTE_MS}, {'h', HOUR_MS},
	    {'d', DAY_MS}, {'w', 7 * DAY_MS}};
	size_t n = strspn(text, "0123456789");

	if (n == 0 || n > DURATION_DIGITS)
		return -1;
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (text[n] == units[i].unit && text[n + 1] == '\0') {
			*ms = atoll(text) * units[i].ms;
			return 0;
		}
	return -1;
}

const char *
duration_text(int64_t ms, char *out, size_t size)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = {{"day", DAY_MS}, {"hour", HOUR_MS}, {"minute", MINUTE_MS},
	    {"second", 1000}, {"millisecond", 1}};
	int i = ms == 0 ? 3 : 0;
	long long n;

	while (ms % units[i].ms != 0)
		i++;
	n = ms / units[i].ms;
	snprintf(out, size, "%lld %s%s", n, units[i].name,
	    n == 1 || n == -1 ? "" : "s");
	return out;
}

/* Moves past "mon"; its number, or -1. */
static int
read_day(const char **p)
{
	static const char names[7][4] = {
	    "mon", "tue", "wed", "thu", "fri", "sat", "sun"};

	for (int i = 0; i < 7; i++)
		if (strncasecmp(*p, names[i], 3) == 0) {
			*p += 3;
			return i;
		}
	return -1;
}

int
window_parse_days(const char *text, uint8_t *days)
{
	unsigned found = 0;
	int first, last;

	if (strcmp(text, "any") == 0) {
		*days = 0x7f;
		return 0;
	}
	do {
		text += strspn(text, " ");
		if ((first = last = read_day(&text)) < 0)
			return -1;
		if (*text == '-' && (text++, last = read_day(&text)) < 0)
			return -1;
		for (; first != last; first = (first + 1) % 7)
			found |= 1u << first;
		found |= 1u << last;
		text += strspn(text, " ");
	} while (*text++ == ',');
	if (text[-1] != '\0')
		return -1;
	*days = (uint8_t)found;
	return 0;
}

int
window_parse_time(const char *text, int *minutes)
{
	int n;

	for (int i = 0; i < 5; i++)
		if (i == 2 ? text[i] != ':' : !isdigit((unsigned char)text[i]))
			return -1;
	n = atoi(text) * 60 + atoi(text + 3);
	if (text[5] != '\0' || n > DAY_MIN || atoi(text + 3) > 59)
		return -1;
	*minutes = n;
	return 0;
}

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static int64_t
local_day(const struct zone *zone, int64_t t_ms)
{
	struct civil c = zone_civil(zone, floor_div(t_ms, 1000));

	return civil_days(c.year, c.month, c.day);
}

/* What the wall shows, as seconds. */
static int64_t
local_seconds(const struct zone *zone, int64_t unix_s)
{
	return unix_s + zone_offset_at(zone, unix_s).seconds;
}

/*
 * The first moment, in seconds, at which the wall shows that minute of that day
 * or a later time. In a gap zone_unix() answers with the time since the gap
 * began added, so the end of the gap is looked for before that.
 */
static int64_t
wall_moment(const struct zone *zone, int64_t day, int minutes)
{
	int64_t local = (day * DAY_MIN + minutes) * 60, low, high;
	struct civil c = {.minute = minutes};

	civil_from_days(day, &c.year, &c.month, &c.day);
	high = zone_unix(zone, &c);
	low = high - (local_seconds(zone, high) - local);
	while (low < high) {
		int64_t middle = low + (high - low) / 2;

		if (local_seconds(zone, middle) >= local)
			high = middle;
		else
			low = middle + 1;
	}
	return high;
}

/* The stretch of a window that begins on that local day; empty if start == end.
 */
struct stretch {
	int64_t start_ms, end_ms;
};

static struct stretch
window_on(const struct window *w, const struct zone *zone, int64_t day)
{
	int from = w->from_min, to = w->to_min;
	struct stretch s;

	if (from == to) {
		from = 0;
		to = DAY_MIN;
	}
	s.start_ms = wall_moment(zone, day, from) * 1000;
	s.end_ms = wall_moment(zone, day + (to < from), to) * 1000;
	return s;
}

/* The first moment at or after t_ms in the window of `day` or a later one. */
static int64_t
first_open(
    const struct window *w, const struct zone *zone, int64_t day, int64_t t_ms)
{
	int64_t last = day + HORIZON_DAYS + 1;

	for (; day <= last; day++) {
		struct stretch s;

		if ((w->days >> civil_weekday(day) & 1) == 0)
			continue;
		s = window_on(w, zone, day);
		if (s.start_ms < s.end_ms && t_ms < s.end_ms)
			return t_ms > s.start_ms ? t_ms : s.start_ms;
	}
	return -1;
}

int64_t
window_next(const struct window *w, const struct zone *zone, int64_t t_ms)
{
	return first_open(w, zone, local_day(zone, t_ms) - 1, t_ms);
}

bool
window_is_open(const struct window *w, const struct zone *zone, int64_t t_ms)
{
	return window_next(w, zone, t_ms) == t_ms;
}

/*
 * Someone who enters while the window is open gets day 0 at once, even if that
 * window began the evening before.
 */
int64_t
calendar_day(const struct zone *zone, int64_t entered_ms, int day,
    const struct window *w)
{
	int64_t entered_s = floor_div(entered_ms, 1000);
	struct civil c;

	if (day == 0)
		return w != NULL ? window_next(w, zone, entered_ms)
				 : entered_ms;
	if (w != NULL)
		return first_open(
		    w, zone, local_day(zone, entered_ms) + day, entered_ms);
	c = zone_civil(zone, entered_s);
	c.day += day;
	return zone_unix(zone, &c) * 1000 + entered_ms - entered_s * 1000;
}
