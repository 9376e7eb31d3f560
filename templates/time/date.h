/* SPDX-License-Identifier: MIT */
#ifndef TEMPLATES_TIME_DATE_H
#define TEMPLATES_TIME_DATE_H

#include <stddef.h>
#include <stdint.h>

#include "templates/buf.h"
#include "templates/locale.h"
#include "templates/time/zone.h"

/* date - reading and writing moments as text. */
struct date {
	int64_t ms;		     /* since the epoch */
	int offset_s;		     /* east of UTC, as it is to be shown */
	char abbreviation[8];	     /* "CEST", "UTC"; "" if an offset is all */
	const struct locale *locale; /* of the names; NULL: English */
};

/* English names, from January and from Monday. */
extern const char *const date_months[12], *const date_days[7];

struct date date_in_zone(int64_t ms, const struct zone *);

/*
 * Reads what people and programs write: ISO 8601 with or without time, zone and
 * fraction, RFC 5322, "March 14, 2016", "now", "today", Unix seconds as digits.
 * A zone in the text is kept; without one the moment is in `zone`. Returns 0,
 * or -1 when it is not a date.
 */
int date_parse(const char *text, size_t len, const struct zone *zone,
    int64_t now_ms, struct date *out);

/* Only ISO 8601 / RFC 3339 with a time and a zone, as APIs send it. */
int date_parse_rfc3339(const char *text, size_t len, int64_t *ms);

/*
 * strftime in Ruby's reading (flags - 0 ^ # _ : and widths up to 64), with the
 * names of the date's locale. Returns 0, or -1 when the result would pass 1 KB
 * or the format asks for a width over 64.
 */
int date_format(
    const struct date *, const char *format, size_t len, struct buf *out);

/* "2026-03-27T10:00:00.000Z"; size at least 25. */
char *date_rfc3339(int64_t ms, char *out, size_t size);
/* With the zone's offset: "2026-03-30T09:00:00+02:00"; size at least 26. */
char *date_rfc3339_in(int64_t ms, const struct zone *, char *out, size_t size);
/* "Mon, 05 Jan 2026 09:00:00 +0000" (RFC 5322 section 3.3); size at least 32 */
char *date_rfc5322(int64_t ms, char *out, size_t size);

#endif
