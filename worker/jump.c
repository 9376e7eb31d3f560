/* SPDX-License-Identifier: MIT */
/*
 * jump - see loop.h. Which of two times is right nobody here can know; but what
 * was done at the wrong one cannot be undone, and what waits can be done later.
 * A machine that sleeps is not a clock that was set: CLOCK_BOOTTIME goes on.
 */
#include "worker/log.h"
#include "worker/loop.h"

#define HOUR_MS ((int64_t)3600 * 1000)
#define DAY_MS	(24 * HOUR_MS)
#define HOLD_MS ((int64_t)10 * 60 * 1000)

/* Until then whoever set it can set it right. */
static void
keep_old(struct worker *w, int64_t mono)
{
	w->is_trimming = false;
	w->trim_at = mono + DAY_MS;
}

int
jump_start(struct worker *w)
{
	int64_t last = queue_last_used(w->queue), now = clock_now_ms(&w->clock);

	if (last < 0)
		return -1;
	if (last - now > HOUR_MS)
		log_warn("the clock is %.1f hours behind the newest rows of "
			 "the store: is it right?",
		    (double)(last - now) / HOUR_MS);
	if (last - now > HOUR_MS ||
	    (!w->clock.is_test && last != 0 && now - last > DAY_MS))
		keep_old(w, clock_monotonic_ms());
	return 0;
}

void
jump_look(struct worker *w, int64_t mono)
{
	struct jump *j = &w->jump;
	int64_t now = clock_now_ms(&w->clock), boot = clock_boot_ms();
	int64_t by =
	    j->boot_ms != 0 ? now - j->now_ms - (boot - j->boot_ms) : 0;
	double hours = (double)(by < 0 ? -by : by) / HOUR_MS;

	j->now_ms = now;
	j->boot_ms = boot;
	if (w->clock.is_test || (by < HOUR_MS && by > -HOUR_MS))
		return;
	keep_old(w, mono);
	if (by <= DAY_MS) {
		log_warn("the clock was set %.1f hours %s", hours,
		    by < 0 ? "back" : "ahead");
		j->hold_until = by < 0 ? 0 : j->hold_until;
		return;
	}
	log_warn("the clock was set %.1f hours ahead: is it right? Nothing is "
		 "sent for %d minutes; a restart sends at once",
	    hours, (int)(HOLD_MS / 60000));
	j->hold_until = mono + HOLD_MS;
}

bool
jump_holds(const struct worker *w)
{
	return w->jump.hold_until != 0 &&
	       clock_monotonic_ms() < w->jump.hold_until;
}
