/* SPDX-License-Identifier: MIT */
#ifndef SEQUENCES_CALENDAR_H
#define SEQUENCES_CALENDAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "templates/time/zone.h"

/*
 * calendar - durations, sending windows and "day N". Times are ms since the
 * epoch; local time is a zone's. No clock is read.
 */

/* "90s 15m 48h 14d 2w", one number and one unit. 0 or -1. */
int duration_parse(const char *text, int64_t *ms);
/* "14 days", "36 hours", "90 seconds": the largest unit that fits exactly. */
const char *duration_text(int64_t ms, char *out, size_t size);

/*
 * A window is open on some days of the week between two times of the local
 * day. The end is exclusive. from > to wraps midnight and belongs to the day it
 * begins on; from == to is open all day. A start in a gap is the end of the
 * gap.
 */
struct window {
	uint8_t days;	      /* bit 0 is Monday; 0x7f every day */
	int from_min, to_min; /* minutes of the local day, 0-1440 */
};

/* "mon-fri", "mon,wed,fri", "sat-sun", "any". 0 or -1. */
int window_parse_days(const char *text, uint8_t *days);
/* "09:00", "24:00" only as an end. 0 or -1. */
int window_parse_time(const char *text, int *minutes);

bool window_is_open(const struct window *, const struct zone *, int64_t t_ms);
/*
 * The first moment at or after t_ms in which it is open, or -1 when there is
 * none within 400 days.
 */
int64_t window_next(const struct window *, const struct zone *, int64_t t_ms);

/*
 * When step `day: N` of an entry is due: on the entry's local date + N, when
 * the window opens (the next opening if it is closed on that date; never before
 * the entry itself). Without a window (NULL): at the entry's local time of day;
 * for day 0 that is the entry itself.
 */
int64_t calendar_day(
    const struct zone *, int64_t entered_ms, int day, const struct window *);

#endif
