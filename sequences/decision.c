/* SPDX-License-Identifier: MIT */
/* decision - what the engine decided, and why, in words. */
#include <stdlib.h>

#include "sequences/engine.h"

const char *
decision_name(enum decision_what what)
{
	static const char *const names[] = {
	    [DECISION_ENTERED] = "entered",
	    [DECISION_REFUSED] = "refused",
	    [DECISION_SEND] = "send",
	    [DECISION_SKIPPED] = "skipped",
	    [DECISION_WAITED] = "waited",
	    [DECISION_PAUSED] = "paused",
	    [DECISION_RESUMED] = "resumed",
	    [DECISION_EXITED] = "exited",
	    [DECISION_GOAL] = "goal",
	    [DECISION_FINISHED] = "finished",
	};

	return names[what];
}

static void
outgoing_free(struct outgoing *send)
{
	if (send == NULL)
		return;
	free(send->template_name);
	free(send->recipient);
	free(send->variant);
	free(send->topic);
	json_decref(send->event);
	free(send);
}

void
decisions_clear(struct decisions *d)
{
	for (int i = 0; i < d->count; i++)
		outgoing_free(d->list[i].send);
	d->count = 0;
}

void
decisions_free(struct decisions *d)
{
	decisions_clear(d);
	free(d->list);
	*d = (struct decisions){0};
}
