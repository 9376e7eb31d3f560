/* SPDX-License-Identifier: MIT */
/* transport - the ways out there are. */
#include <string.h>

#include "worker/delivery/transport.h"

static const struct transport_type *const types[] = {
    &transport_smtp,
    &transport_webhook,
    &transport_capture,
};

const struct transport_type *
transport_find(const char *name)
{
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (strcmp(types[i]->name, name) == 0)
			return types[i];
	return NULL;
}
