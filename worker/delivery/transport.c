/* SPDX-License-Identifier: MIT */
/* transport - the ways out there are. */
#include <string.h>

#include "worker/delivery/transport.h"

static const struct transport_type *const types[] = {
    &transport_smtp,
    &transport_webhook,
    &transport_capture,
};

const char *
verdict_name(enum verdict_what what)
{
	static const char *const names[] = {
	    [VERDICT_SENT] = "sent",
	    [VERDICT_RETRY] = "retry",
	    [VERDICT_REFUSED] = "refused",
	    [VERDICT_UNSURE] = "unsure",
	    [VERDICT_HELD] = "held",
	    [VERDICT_SKIPPED] = "skipped",
	    [VERDICT_RELEASED] = "released",
	};

	return names[what];
}

const char *
transport_state_name(enum transport_state state)
{
	static const char *const names[] = {
	    [TRANSPORT_WORKING] = "working",
	    [TRANSPORT_SLOWED] = "slowed",
	    [TRANSPORT_PAUSED] = "paused",
	    [TRANSPORT_TRYING] = "trying",
	    [TRANSPORT_OFF] = "off",
	};

	return names[state];
}

const struct transport_type *
transport_find(const char *name)
{
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (strcmp(types[i]->name, name) == 0)
			return types[i];
	return NULL;
}
