/* SPDX-License-Identifier: MIT */
/*
 * date - writing moments: strftime as Ruby reads it, and the formats of RFC
 * 3339 and RFC 5322. The process's locale has no say. What is no conversion is
 * written as it stands.
 */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "templates/time/date.h"
#include "templates/utf8.h"

#define FORMAT_MAX 1024 /* bytes that a format may give */
#define WIDTH_MAX  64

/* A date taken apart, as it is shown. */
struct parts {
	const struct date *date;
	struct civil c;
	int64_t unix_s, days;
	int ms, of_year; /* days since January 1 */
};

/* %[flags][width]conversion */
struct spec {
	char conversion;
	char pad; /* '-' none, '0', '_' spaces, 0: as the conversion does */
	bool is_upper, is_swapped;
	int colons, width;
};

static const struct {
	char conversion, pad;
	int width;
} numbers[] = {{'Y', '0', 4}, {'C', '0', 2}, {'y', '0', 2}, {'m', '0', 2},
    {'d', '0', 2}, {'e', '_', 2}, {'j', '0', 3}, {'H', '0', 2}, {'k', '_', 2},
    {'I', '0', 2}, {'l', '_', 2}, {'M', '0', 2}, {'S', '0', 2}, {'s', '0', 1},
    {'u', '0', 1}, {'w', '0', 1}, {'G', '0', 4}, {'g', '0', 2}, {'V', '0', 2},
    {'U', '0', 2}, {'W', '0', 2}};

static const struct {
	char conversion;
	const char *format;
} composites[] = {{'c', "%a %b %e %H:%M:%S %Y"}, {'D', "%m/%d/%y"},
    {'x', "%m/%d/%y"}, {'F', "%Y-%m-%d"}, {'T', "%H:%M:%S"}, {'X', "%H:%M:%S"},
    {'R', "%H:%M"}, {'r', "%I:%M:%S %p"}, {'v', "%e-%^b-%Y"},
    {'+', "%a %b %e %H:%M:%S %Z %Y"}};

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static struct parts
parts_of(const struct date *d)
{
	struct parts p = {.date = d, .unix_s = floor_div(d->ms, 1000)};

	p.ms = (int)(d->ms - p.unix_s * 1000);
	p.c = zone_civil(zone_utc(), p.unix_s + d->offset_s);
	p.days = civil_days(p.c.year, p.c.month, p.c.day);
	p.of_year = (int)(p.days - civil_days(p.c.year, 1, 1));
	return p;
}

/* The year and week that a day's Thursday is in (ISO 8601). */
static void
iso_week(int64_t days, int *year, int *week)
{
	int64_t thursday = days - civil_weekday(days) + 3;
	int month, day;

	civil_from_days(thursday, year, &month, &day);
	*week = (int)(thursday - civil_days(*year, 1, 1)) / 7 + 1;
}

static int64_t
number_value(const struct parts *p, char conversion)
{
	int monday = civil_weekday(p->days), sunday = (monday + 1) % 7;
	int year, week;

	iso_week(p->days, &year, &week);
	switch (conversion) {
	case 'Y':
		return p->c.year;
	case 'C':
		return floor_div(p->c.year, 100);
	case 'y':
		return p->c.year - floor_div(p->c.year, 100) * 100;
	case 'G':
		return year;
	case 'g':
		return year - floor_div(year, 100) * 100;
	case 'V':
		return week;
	case 'U':
		return (p->of_year + 7 - sunday) / 7;
	case 'W':
		return (p->of_year + 7 - monday) / 7;
	case 'u':
		return monday + 1;
	case 'w':
		return sunday;
	case 'm':
		return p->c.month;
	case 'd':
	case 'e':
		return p->c.day;
	case 'j':
		return p->of_year + 1;
	case 'H':
	case 'k':
		return p->c.hour;
	case 'I':
	case 'l':
		return (p->c.hour + 11) % 12 + 1;
	case 'M':
		return p->c.minute;
	case 'S':
		return p->c.second;
	default:
		return p->unix_s;
	}
}

/* Returns what is behind the conversion, or NULL when there is none. */
static const char *
read_spec(const char *p, const char *end, struct spec *spec)
{
	*spec = (struct spec){0};
	for (; p < end && *p != '\0' && strchr("-0^#_:", *p) != NULL; p++) {
		if (*p == '^')
			spec->is_upper = true;
		else if (*p == '#')
			spec->is_swapped = true;
		else if (*p == ':')
			spec->colons++;
		else
			spec->pad = *p;
	}
	for (; p < end && isdigit((unsigned char)*p); p++)
		if (spec->width <= WIDTH_MAX)
			spec->width = spec->width * 10 + *p - '0';
	if (p == end)
		return NULL;
	spec->conversion = *p;
	return p + 1;
}

static void
put_padding(struct buf *out, size_t len, char pad, int width)
{
	for (; pad != '-' && len < (size_t)width; len++)
		buf_addc(out, pad == '0' ? '0' : ' ');
}

static void
put_padded(struct buf *out, const char *text, size_t len, char pad, int width)
{
	put_padding(out, len, pad, width);
	buf_add(out, text, len);
}

/* Zeros go behind the sign, spaces before it. */
static void
put_number(
    struct buf *out, const struct spec *spec, int64_t n, char pad, int width)
{
	char text[24], *end = text + sizeof text, *p = end;
	uint64_t left = n < 0 ? -(uint64_t)n : (uint64_t)n;

	if (spec->pad != '\0')
		pad = spec->pad;
	if (spec->width > 0)
		width = spec->width;
	do
		*--p = (char)('0' + left % 10);
	while ((left /= 10) != 0);
	if (n < 0 && pad == '0') {
		buf_addc(out, '-');
		width--;
	} else if (n < 0) {
		*--p = '-';
	}
	put_padded(out, p, (size_t)(end - p), pad, width);
}

static void
put_text(struct buf *out, const struct spec *spec, const char *text, size_t len)
{
	bool is_lower =
	    spec->is_swapped && strchr("pZ", spec->conversion) != NULL;
	const char *end = text + len;
	char other[UTF8_CASE_MAX];
	size_t used;

	if (!is_lower && !spec->is_upper && !spec->is_swapped) {
		put_padded(out, text, len, spec->pad, spec->width);
		return;
	}
	put_padding(out, len, spec->pad, spec->width);
	for (; text < end; text += used)
		buf_add(
		    out, other, utf8_case(text, end, !is_lower, other, &used));
}

/* %L, %N: the width is how many digits of the fraction are shown. */
static void
put_fraction(struct buf *out, const struct spec *spec, int ms)
{
	char text[WIDTH_MAX + 1];
	int width = spec->width > 0	      ? spec->width
		    : spec->conversion == 'L' ? 3
					      : 9;

	memset(text, '0', sizeof text);
	text[0] = (char)('0' + ms / 100);
	text[1] = (char)('0' + ms / 10 % 10);
	text[2] = (char)('0' + ms % 10);
	buf_add(out, text, (size_t)width);
}

static void
put_offset(struct buf *out, const struct spec *spec, int offset_s)
{
	static const int lengths[] = {4, 5, 8}; /* hhmm, hh:mm, hh:mm:ss */
	int s = abs(offset_s), colons = spec->colons > 2 ? 2 : spec->colons;
	int width = spec->width - lengths[colons] + 1;
	struct spec hours = {.pad = '0', .width = width < 2 ? 2 : width};

	buf_addc(out, offset_s < 0 ? '-' : '+');
	put_number(out, &hours, s / 3600, '0', 2);
	buf_addf(out, "%s%02d", colons > 0 ? ":" : "", s / 60 % 60);
	if (colons == 2)
		buf_addf(out, ":%02d", s % 60);
}

static const char *
text_value(const struct parts *p, char conversion)
{
	const struct locale_names *names =
	    (p->date->locale != NULL ? p->date->locale : locale_find("en"))
		->names;
	bool is_morning = p->c.hour < 12;

	switch (conversion) {
	case 'A':
		return names->days[civil_weekday(p->days)];
	case 'a':
		return names->short_days[civil_weekday(p->days)];
	case 'B':
		return names->months[p->c.month - 1];
	case 'b':
	case 'h':
		return names->short_months[p->c.month - 1];
	case 'p':
		return is_morning ? "AM" : "PM";
	case 'P':
		return is_morning ? "am" : "pm";
	case 'Z':
		return p->date->abbreviation;
	case 'n':
		return "\n";
	case 't':
		return "\t";
	case '%':
		return "%";
	default:
		return NULL;
	}
}

static bool write_format(
    const struct parts *, const char *format, size_t len, struct buf *out);

/* Returns false when there is no such conversion. */
static bool
put_conversion(const struct parts *p, const struct spec *spec, struct buf *out)
{
	const char *text = text_value(p, spec->conversion);

	if (text != NULL) {
		put_text(out, spec, text, strlen(text));
		return true;
	}
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		if (numbers[i].conversion == spec->conversion) {
			put_number(out, spec, number_value(p, spec->conversion),
			    numbers[i].pad, numbers[i].width);
			return true;
		}
	for (size_t i = 0; i < sizeof composites / sizeof *composites; i++)
		if (composites[i].conversion == spec->conversion) {
			struct spec whole = *spec;
			struct buf inner = {0};

			whole.is_swapped = false; /* of a name alone */
			text = composites[i].format;
			write_format(p, text, strlen(text), &inner);
			put_text(out, &whole, buf_str(&inner), inner.len);
			buf_free(&inner);
			return true;
		}
	if (spec->conversion == 'L' || spec->conversion == 'N')
		put_fraction(out, spec, p->ms);
	else if (spec->conversion == 'z')
		put_offset(out, spec, p->date->offset_s);
	else
		return false;
	return true;
}

/* What is no conversion stays as it is. False: a limit was hit. */
static bool
write_format(
    const struct parts *p, const char *format, size_t len, struct buf *out)
{
	const char *end = format + len, *next;
	size_t start = out->len;
	struct spec spec;

	for (; format < end && out->len - start <= FORMAT_MAX; format = next) {
		next = format + 1;
		if (*format == '%')
			next = read_spec(format + 1, end, &spec);
		if (next == NULL)
			next = end;
		else if (*format == '%' && spec.width > WIDTH_MAX)
			return false;
		else if (*format == '%' &&
			 (spec.colons == 0 || spec.conversion == 'z') &&
			 put_conversion(p, &spec, out))
			continue;
		buf_add(out, format, (size_t)(next - format));
	}
	return out->len - start <= FORMAT_MAX;
}

int
date_format(
    const struct date *d, const char *format, size_t len, struct buf *out)
{
	struct parts p = parts_of(d);
	size_t start = out->len;

	if (write_format(&p, format, len, out))
		return 0;
	buf_truncate(out, start);
	return -1;
}

char *
date_rfc3339(int64_t ms, char *out, size_t size)
{
	struct civil c = zone_civil(zone_utc(), floor_div(ms, 1000));

	snprintf(out, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", c.year,
	    c.month, c.day, c.hour, c.minute, c.second,
	    (int)(ms - floor_div(ms, 1000) * 1000));
	return out;
}

/* RFC 3339 knows no seconds in an offset; local mean times lose theirs. */
char *
date_rfc3339_in(int64_t ms, const struct zone *zone, char *out, size_t size)
{
	int64_t unix_s = floor_div(ms, 1000);
	int minutes = zone_offset_at(zone, unix_s).seconds / 60;
	struct civil c = zone_civil(zone_utc(), unix_s + minutes * 60);

	snprintf(out, size, "%04d-%02d-%02dT%02d:%02d:%02d%c%02d:%02d", c.year,
	    c.month, c.day, c.hour, c.minute, c.second, minutes < 0 ? '-' : '+',
	    abs(minutes) / 60, abs(minutes) % 60);
	return out;
}

char *
date_rfc5322(int64_t ms, char *out, size_t size)
{
	int64_t unix_s = floor_div(ms, 1000);
	struct civil c = zone_civil(zone_utc(), unix_s);

	snprintf(out, size, "%.3s, %02d %.3s %04d %02d:%02d:%02d +0000",
	    date_days[civil_weekday(floor_div(unix_s, 86400))], c.day,
	    date_months[c.month - 1], c.year, c.hour, c.minute, c.second);
	return out;
}
