/* SPDX-License-Identifier: MIT */
#ifndef TEMPLATES_TIME_ZONE_H
#define TEMPLATES_TIME_ZONE_H

#include <stdint.h>

/*
 * zone - IANA time zones from the system's TZif files (RFC 9636), and civil
 * time. Zones are loaded once, are immutable and are shared by threads; they
 * live as long as the process.
 *
 * Seconds are Unix seconds. Civil fields are proleptic Gregorian.
 */
struct zone;

struct civil {
	int year, month, day;	  /* month 1-12, day 1-31 */
	int hour, minute, second; /* 0-23, 0-59, 0-59 */
};

struct zone_offset {
	int seconds;		  /* east of UTC */
	const char *abbreviation; /* "CEST"; lives as long as the zone */
};

/*
 * The zone of that name, or NULL when there is none. Only names of zones are
 * taken ("Europe/Berlin", "UTC"), never paths or POSIX rules.
 */
const struct zone *zone_find(const char *name);
const struct zone *zone_utc(void);
const char *zone_name(const struct zone *);

struct civil zone_civil(const struct zone *, int64_t unix_s);
struct zone_offset zone_offset_at(const struct zone *, int64_t unix_s);

/*
 * The moment that a clock on the wall shows this, by RFC 5545 section 3.3.5: in
 * a gap with the offset before it (02:30 becomes 03:30), in an overlap the
 * first. Fields out of range carry over (day 32, minute -5).
 */
int64_t zone_unix(const struct zone *, const struct civil *);

/* Days since 1970-01-01 and back; weekday 0 is Monday. */
int64_t civil_days(int year, int month, int day);
void civil_from_days(int64_t days, int *year, int *month, int *day);
int civil_weekday(int64_t days);

#endif
