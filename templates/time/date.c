/* SPDX-License-Identifier: MIT */
/*
 * date - reading moments. It goes token by token over any of the forms that
 * people and programs write; a token that fits nowhere, or a second value for
 * the same field, and the text is not a date. Nothing is guessed: 03/04/2026
 * and "March 14" are not dates.
 */
#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "templates/time/date.h"

#define UNIX_MAX 253402300799 /* the end of the year 9999 */
#define NO_ZONE	 INT_MIN

const char *const date_months[12] = {"January", "February", "March", "April",
    "May", "June", "July", "August", "September", "October", "November",
    "December"};
const char *const date_days[7] = {"Monday", "Tuesday", "Wednesday", "Thursday",
    "Friday", "Saturday", "Sunday"};

/* What may stand for an offset: RFC 5322 section 4.3. */
static const struct {
	const char *name;
	int hours;
} zone_words[] = {{"UTC", 0}, {"GMT", 0}, {"Z", 0}, {"UT", 0}, {"EST", -5},
    {"EDT", -4}, {"CST", -6}, {"CDT", -5}, {"MST", -7}, {"MDT", -6},
    {"PST", -8}, {"PDT", -7}};

/* A text on its way to a date; a negative field was not read yet. */
struct reader {
	const char *p, *end;
	int year, month, day;
	int hour, minute, second, ms;
	int offset_s; /* or NO_ZONE */
	const char *abbreviation;
};

static int
peek(const struct reader *r, int i)
{
	return i < r->end - r->p ? (unsigned char)r->p[i] : '\0';
}

/* How many digits come next, up to 10. */
static int
digits(const struct reader *r)
{
	int n = 0;

	while (n < 10 && isdigit(peek(r, n)))
		n++;
	return n;
}

static int
take(struct reader *r, int n)
{
	int value = 0;

	while (n-- > 0)
		value = value * 10 + *r->p++ - '0';
	return value;
}

/* YYYY-MM-DD, YYYY/MM/DD, YYYY-MM, YYYYMMDD before a T */
static bool
is_iso_date(const struct reader *r)
{
	int n = digits(r), next = peek(r, n);

	if (n == 8)
		return toupper(next) == 'T';
	return n == 4 && (next == '-' || next == '/') && isdigit(peek(r, 5));
}

static bool
read_iso_date(struct reader *r)
{
	int n = digits(r), separator = peek(r, 4);

	if (r->year >= 0 || r->month >= 0 || r->day >= 0)
		return false;
	r->year = take(r, 4);
	r->p += n == 4;
	if (digits(r) < 2)
		return false;
	r->month = take(r, 2);
	if (n == 4 && r->p == r->end)
		return separator == '-';
	if (n == 4 && *r->p++ != separator)
		return false;
	if (digits(r) != 2)
		return false;
	r->day = take(r, 2);
	return true;
}

static void
read_fraction(struct reader *r)
{
	int unit = 100;

	if ((peek(r, 0) != '.' && peek(r, 0) != ',') || !isdigit(peek(r, 1)))
		return;
	for (r->p++; isdigit(peek(r, 0)); unit /= 10)
		r->ms += take(r, 1) * unit;
}

/* H:MM, HH:MM:SS.fraction; HHMM and HHMMSS behind a date and T */
static bool
is_packed_clock(const struct reader *r)
{
	int n = digits(r);

	return (n == 4 || n == 6) && r->day >= 0 && toupper(r->p[-1]) == 'T';
}

static bool
is_clock(const struct reader *r)
{
	int n = digits(r);

	return is_packed_clock(r) || ((n == 1 || n == 2) && peek(r, n) == ':');
}

static bool
read_clock(struct reader *r)
{
	bool is_packed = is_packed_clock(r);
	int n = digits(r);
	bool has_seconds = n == 6;

	if (r->hour >= 0)
		return false;
	r->hour = take(r, is_packed ? 2 : n);
	r->p += !is_packed;
	if (digits(r) < 2)
		return false;
	r->minute = take(r, 2);
	if (!is_packed && peek(r, 0) == ':') {
		r->p++;
		has_seconds = true;
	}
	if (has_seconds) {
		if (digits(r) < 2)
			return false;
		r->second = take(r, 2);
		read_fraction(r);
	}
	return !isdigit(peek(r, 0));
}

/* +02:00, -0330, +02: only behind a time */
static bool
is_offset(const struct reader *r)
{
	return r->hour >= 0 && (peek(r, 0) == '+' || peek(r, 0) == '-');
}

static bool
read_offset(struct reader *r)
{
	int sign = *r->p++ == '-' ? -1 : 1;
	int hours, minutes = 0, n = digits(r);

	if (r->offset_s != NO_ZONE || (n != 2 && n != 4))
		return false;
	hours = take(r, 2);
	if (n == 2 && peek(r, 0) == ':') {
		r->p++;
		if (digits(r) != 2)
			return false;
		n = 4;
	}
	if (n == 4)
		minutes = take(r, 2);
	r->offset_s = sign * (hours * 3600 + minutes * 60);
	return hours <= 24 && minutes < 60;
}

/* 14, 14th, 2016, or a year of two digits behind the rest of the date */
static bool
read_number(struct reader *r)
{
	static const char *const ordinals[] = {"st", "nd", "rd", "th"};
	int n = digits(r);

	if (n == 4 && r->year < 0) {
		r->year = take(r, 4);
	} else if ((n == 1 || n == 2) && r->day < 0) {
		r->day = take(r, n);
		for (int i = 0; i < 4; i++)
			if (r->end - r->p >= 2 && !isalpha(peek(r, 2)) &&
			    strncasecmp(r->p, ordinals[i], 2) == 0)
				r->p += 2;
	} else if (n == 2 && r->month > 0 && r->year < 0) {
		r->year = take(r, 2);
		r->year += r->year < 50 ? 2000 : 1900; /* RFC 5322 4.3 */
	} else {
		return false;
	}
	return !isalnum(peek(r, 0));
}

/* Index of a name, or of its first three letters or more; -1 */
static int
find_name(const char *const *names, int count, const char *word, size_t len)
{
	for (int i = 0; i < count; i++)
		if (len >= 3 && len <= strlen(names[i]) &&
		    strncasecmp(word, names[i], len) == 0)
			return i;
	return -1;
}

static bool
read_half_of_day(struct reader *r, const char *word)
{
	if (r->hour < 1 || r->hour > 12)
		return false;
	r->hour = r->hour % 12 + (tolower(*word) == 'p' ? 12 : 0);
	return true;
}

static bool
read_zone_word(struct reader *r, const char *word, size_t len)
{
	size_t count = sizeof zone_words / sizeof *zone_words;

	for (size_t i = 0; i < count; i++)
		if (strlen(zone_words[i].name) == len &&
		    strncasecmp(word, zone_words[i].name, len) == 0 &&
		    r->hour >= 0 && r->offset_s == NO_ZONE) {
			r->offset_s = zone_words[i].hours * 3600;
			r->abbreviation = zone_words[i].hours == 0
					      ? "UTC"
					      : zone_words[i].name;
			return true;
		}
	return false;
}

static bool
read_word(struct reader *r)
{
	const char *word = r->p;
	size_t len;
	int month;

	while (isalpha(peek(r, 0)))
		r->p++;
	len = (size_t)(r->p - word);
	month = find_name(date_months, 12, word, len);
	if (month >= 0 && r->month < 0) {
		r->month = month + 1;
		return true;
	}
	if (len == 2 && tolower(word[1]) == 'm' &&
	    strchr("aApP", word[0]) != NULL)
		return read_half_of_day(r, word);
	return find_name(date_days, 7, word, len) >= 0 ||
	       (len == 1 && toupper(*word) == 'T' && isdigit(peek(r, 0))) ||
	       (len == 2 && strncasecmp(word, "at", 2) == 0) ||
	       (len > 0 && read_zone_word(r, word, len));
}

/* White space, commas, the dashes of 14-Mar-2016, comments of RFC 5322 */
static bool
read_filler(struct reader *r)
{
	const char *close;
	int c = peek(r, 0);

	if (c == '(') {
		close = memchr(r->p, ')', (size_t)(r->end - r->p));
		r->p = close != NULL ? close + 1 : r->end;
		return close != NULL;
	}
	if (!isspace(c) && c != ',' && c != '.' &&
	    (c != '-' || r->hour >= 0 || r->day < 0))
		return false;
	r->p++;
	return true;
}

static bool
read_token(struct reader *r)
{
	if (isdigit(peek(r, 0)))
		return is_iso_date(r) ? read_iso_date(r)
		       : is_clock(r)  ? read_clock(r)
				      : read_number(r);
	if (isalpha(peek(r, 0)))
		return read_word(r);
	return is_offset(r) ? read_offset(r) : read_filler(r);
}

static bool
is_a_time(const struct reader *r)
{
	int64_t first;

	if (r->year < 1 || r->month < 1 || r->month > 12 || r->day < 1)
		return false;
	first = civil_days(r->year, r->month, 1);
	return r->day <= civil_days(r->year, r->month + 1, 1) - first &&
	       r->minute < 60 && r->second <= 60 &&
	       (r->hour < 24 ||
		   (r->hour == 24 && r->minute + r->second + r->ms == 0));
}

static struct reader
reader_of(const char *text, size_t len)
{
	return (struct reader){.p = text,
	    .end = text + len,
	    .year = -1,
	    .month = -1,
	    .day = -1,
	    .hour = -1,
	    .offset_s = NO_ZONE,
	    .abbreviation = ""};
}

/* What was read as a moment in that zone, its own offset aside. */
static int64_t
reader_ms(const struct reader *r, const struct zone *zone)
{
	struct civil c = {
	    r->year, r->month, r->day, r->hour, r->minute, r->second};

	return zone_unix(zone, &c) * 1000 + r->ms;
}

static bool
is_word(const char *text, size_t len, const char *word)
{
	return strlen(word) == len && strncasecmp(text, word, len) == 0;
}

static int
parse_unix(const char *text, size_t len, int64_t *ms)
{
	int64_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (!isdigit((unsigned char)text[i]))
			return -1;
		n = n * 10 + text[i] - '0';
		if (n > UNIX_MAX)
			return -1;
	}
	*ms = n * 1000;
	return len > 0 ? 0 : -1;
}

static void
abbreviate(struct date *d, const char *zone_name)
{
	size_t len = strnlen(zone_name, sizeof d->abbreviation - 1);

	memcpy(d->abbreviation, zone_name, len);
	d->abbreviation[len] = '\0';
}

int
date_parse(const char *text, size_t len, const struct zone *zone,
    int64_t now_ms, struct date *out)
{
	struct reader r = reader_of(text, len);
	int64_t ms = now_ms;

	if (is_word(text, len, "now") || is_word(text, len, "today") ||
	    parse_unix(text, len, &ms) == 0) {
		*out = date_in_zone(ms, zone);
		return 0;
	}
	while (r.p < r.end)
		if (!read_token(&r))
			return -1;
	if (r.day < 0)
		r.day = 1;
	if (r.hour < 0)
		r.hour = 0;
	if (!is_a_time(&r))
		return -1;
	if (r.offset_s == NO_ZONE) {
		*out = date_in_zone(reader_ms(&r, zone), zone);
		return 0;
	}
	out->ms = reader_ms(&r, zone_utc()) - (int64_t)r.offset_s * 1000;
	out->offset_s = r.offset_s;
	out->locale = NULL;
	abbreviate(out, r.abbreviation);
	return 0;
}

int
date_parse_rfc3339(const char *text, size_t len, int64_t *ms)
{
	struct reader r = reader_of(text, len);

	if (!is_iso_date(&r) || !read_iso_date(&r) ||
	    memchr(text, '/', len) != NULL ||
	    (toupper(peek(&r, 0)) != 'T' && peek(&r, 0) != ' '))
		return -1;
	r.p++;
	if (!is_clock(&r) || !read_clock(&r))
		return -1;
	if (toupper(peek(&r, 0)) == 'Z') {
		r.p++;
		r.offset_s = 0;
	} else if (!is_offset(&r) || !read_offset(&r)) {
		return -1;
	}
	if (r.p != r.end || !is_a_time(&r))
		return -1;
	*ms = reader_ms(&r, zone_utc()) - (int64_t)r.offset_s * 1000;
	return 0;
}

struct date
date_in_zone(int64_t ms, const struct zone *zone)
{
	struct date d = {.ms = ms};
	struct zone_offset offset =
	    zone_offset_at(zone, ms / 1000 - (ms % 1000 < 0));

	d.offset_s = offset.seconds;
	abbreviate(&d, offset.abbreviation);
	return d;
}
