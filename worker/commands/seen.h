/* SPDX-License-Identifier: MIT */
#ifndef WORKER_COMMANDS_SEEN_H
#define WORKER_COMMANDS_SEEN_H

#include <jansson.h>

#include "worker/settings/settings.h"

/*
 * seen - the traits and event properties that there are, as far as a workspace
 * can tell: those that its scenarios have, and those of some thousand people
 * and accounts of its store, if there is one. Each name has an example.
 */
struct seen {
	json_t *user, *account, *event; /* name to a value of it */
	int people;			/* of the store that were looked at */
};

void seen_load(struct seen *, const struct settings *);
void seen_free(struct seen *);

#endif
