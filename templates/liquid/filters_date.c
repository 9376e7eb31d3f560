/* SPDX-License-Identifier: MIT */
/* Filters on dates: any text that date_parse() reads, or Unix seconds. */
#include <ctype.h>
#include <string.h>

#include "templates/time/date.h"
#include "templates/liquid/filters.h"

static const struct zone *
zone_of(const struct render *r)
{
	return r->scope->zone != NULL ? r->scope->zone : zone_utc();
}

static const struct zone *
zone_named(struct render *r, struct value name)
{
	const struct zone *zone = NULL;
	char text[64];

	name = filter_text(r, name);
	if (name.len < sizeof text &&
	    memchr(name.text, '\0', name.len) == NULL) {
		memcpy(text, name.text, name.len);
		text[name.len] = '\0';
		zone = zone_find(text);
	}
	if (zone == NULL)
		render_fail(r, "there is no time zone '%.*s'", (int)name.len,
		    name.text);
	return zone;
}

/* Unix seconds that a date can have: years 1 to 9999. */
static bool
is_moment(int64_t unix_s)
{
	return unix_s >= -62135596800 && unix_s <= 253402300799;
}

#define DATE_WORK 64 /* see render_step() */

static bool
read_date(struct render *r, struct value v, struct date *d)
{
	if (v.type == VALUE_INT && is_moment(v.number)) {
		*d = date_in_zone(v.number * 1000, zone_of(r));
		return true;
	}
	if (v.type != VALUE_STRING ||
	    date_parse(v.text, v.len, zone_of(r), r->scope->now_ms, d) != 0)
		return false;
	/* Z says the moment and nothing of a place: RFC 9557 section 2.2 */
	if (v.len > 1 && (v.text[v.len - 1] | 32) == 'z' &&
	    isdigit((unsigned char)v.text[v.len - 2]))
		*d = date_in_zone(d->ms, zone_of(r));
	return true;
}

/*
 * `date: format`, `date: format, zone`, both also with `locale: "de"`. What is
 * no date stays as it is.
 */
struct value
filter_date(struct render *r, struct value v, const struct value *args, int n)
{
	const struct zone *zone =
	    n > 1 && args[1].type != VALUE_NIL ? zone_named(r, args[1]) : NULL;
	struct value format = filter_text(r, args[0]);
	struct date d = {0};
	size_t mark;

	if (format.len == 0 || !read_date(r, v, &d))
		return v;
	if (zone != NULL)
		d = date_in_zone(d.ms, zone);
	d.locale = n > 2 ? render_locale_named(r, args[2]) : render_locale(r);
	mark = render_mark(r);
	render_step(r, DATE_WORK);
	if (date_format(&d, format.text, format.len, r->out) != 0)
		render_fail(r, "the date format '%.*s' gives too long a text",
		    (int)(format.len < 60 ? format.len : 60), format.text);
	return render_take(r, mark);
}

static struct value
moment(struct render *r, int64_t ms, const struct zone *zone)
{
	char text[32];

	date_rfc3339_in(ms, zone, text, sizeof text);
	return value_text(
	    memcpy(render_alloc(r, sizeof text), text, sizeof text),
	    strlen(text));
}

/* The same moment, written in another zone, for a `date` that follows. */
struct value
filter_time_zone(
    struct render *r, struct value v, const struct value *args, int n)
{
	const struct zone *zone = zone_named(r, args[0]);
	struct date d;

	return read_date(r, v, &d) ? moment(r, d.ms, zone) : v;
}

/* "days", "day", and "-day" for backwards. */
static int64_t
read_unit(struct value *unit, int64_t n)
{
	if (unit->len > 1 && unit->text[unit->len - 1] == 's')
		unit->len--;
	if (unit->len > 0 && *unit->text == '-') {
		unit->text++;
		unit->len--;
		return -n;
	}
	return n;
}

/* Days and longer are of the local calendar, so they keep the time of day. */
static bool
add_units(const struct zone *zone, int64_t n, struct value unit, int64_t *ms)
{
	int64_t unix_s = *ms / 1000 - (*ms % 1000 < 0);
	struct civil c = zone_civil(zone, unix_s);
	int months = c.year * 12 + c.month - 1 + (int)n, day, y, m, d;

	if (value_is(unit, "second") || value_is(unit, "minute") ||
	    value_is(unit, "hour")) {
		*ms += n * (value_is(unit, "second")	  ? 1000
			       : value_is(unit, "minute") ? 60000
							  : 3600000);
		return true;
	}
	if (value_is(unit, "day") || value_is(unit, "week")) {
		c.day += (int)n * (value_is(unit, "week") ? 7 : 1);
	} else if (value_is(unit, "month") || value_is(unit, "year")) {
		if (value_is(unit, "year"))
			months = (c.year + (int)n) * 12 + c.month - 1;
		c.year = months / 12;
		c.month = months % 12 + 1;
		/* 31 January and a month is the last of February */
		civil_from_days(
		    civil_days(c.year + (c.month == 12), c.month % 12 + 1, 1) -
			1,
		    &y, &m, &day);
		d = c.day < day ? c.day : day;
		c.day = d;
	} else {
		return false;
	}
	*ms += (zone_unix(zone, &c) - unix_s) * 1000;
	return true;
}

/* add_time: 3, "days" */
struct value
filter_add_time(
    struct render *r, struct value v, const struct value *args, int n)
{
	int64_t count = filter_integer(r, args[0], "the time to add");
	struct value unit = filter_text(r, args[1]);
	struct date d;

	if (!read_date(r, v, &d))
		return v;
	if (count > 100000 || count < -100000)
		render_fail(r, "the time to add must be at most 100000");
	count = read_unit(&unit, count);
	if (!add_units(zone_of(r), count, unit, &d.ms) ||
	    !is_moment(d.ms / 1000))
		render_fail(r,
		    "cannot add %lld '%.*s': units are seconds, "
		    "minutes, hours, days, weeks, months, years",
		    (long long)count, (int)unit.len, unit.text);
	return moment(r, d.ms, zone_of(r));
}
