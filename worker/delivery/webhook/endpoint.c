/* SPDX-License-Identifier: MIT */
#include "worker/delivery/webhook/endpoint.h"

#define FIRST_PAUSE_MS	 1000
#define LONGEST_PAUSE_MS (5 * 60 * 1000)

int
endpoint_room(const struct endpoint *e, int64_t now_ms, int room, int busy)
{
	if (e->is_gone || now_ms < e->open_at_ms)
		return 0;
	if (e->failures > 0 && room > 0)
		return busy == 0;
	return room;
}

int64_t
endpoint_failed(struct endpoint *e, int64_t now_ms)
{
	int64_t pause_ms = FIRST_PAUSE_MS;

	if (e->is_gone || now_ms < e->open_at_ms)
		return 0;
	for (int i = 0; i < e->failures && pause_ms < LONGEST_PAUSE_MS; i++)
		pause_ms *= 2;
	if (pause_ms > LONGEST_PAUSE_MS)
		pause_ms = LONGEST_PAUSE_MS;
	e->failures++;
	e->open_at_ms = now_ms + pause_ms;
	return pause_ms;
}

/* What was on its way when it was found to be gone changes nothing. */
bool
endpoint_works(struct endpoint *e)
{
	if (e->is_gone || e->failures == 0)
		return false;
	*e = (struct endpoint){0};
	return true;
}
