/* SPDX-License-Identifier: MIT */
/*
 * lost - messages whose channel is not in nudge.json: it was taken out, or has
 * another name now. No lane claims them. They pass the gates all the same, of
 * which the last keeps them until the name comes back.
 */
#include <string.h>

#include "worker/turn/turn.h"

int
turn_lost_channel(struct queue *q, const struct settings *s, const char **name)
{
	do
		if (queue_channel_next(q, *name, name) != 0)
			return -1;
	while (*name != NULL && (strcmp(*name, CHANNEL_MEMBERS) == 0 ||
				    settings_channel(s, *name) != NULL));
	return *name != NULL;
}

int64_t
turn_lost_next(struct queue *q, const struct settings *s)
{
	const char *name = "";
	int64_t first = 0, at;
	int rc;

	while ((rc = turn_lost_channel(q, s, &name)) == 1) {
		at = queue_message_next(q, name);
		if (at < 0)
			return -1;
		if (first == 0 || at < first)
			first = at;
	}
	return rc < 0 ? -1 : first;
}

int
turn_look_at_lost(struct turn *t, int max)
{
	const char *name = "";
	struct delivery *none;
	int taken, rc;

	while ((rc = turn_lost_channel(
		    t->queue, t->workspace->settings, &name)) == 1) {
		const struct channel lost = {.name = (char *)name};

		if (turn_claim(t, &lost, NULL, max, &none, &taken) < 0)
			return -1;
	}
	return rc;
}
