/* SPDX-License-Identifier: MIT */
#ifndef SEQUENCES_EVENT_H
#define SEQUENCES_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

/* What happened in the product, as the engine sees it. */
struct event {
	const char *name;   /* "Signed Up"; "" for identify and group */
	int64_t at_ms;	    /* when it happened, clock corrected */
	json_t *properties; /* object; may be NULL */
	bool is_history;    /* too old to start anything: metrics only */
	bool is_late;	    /* history that has just come: who asks is told */
	bool is_elsewhere;  /* for another account than the user's own */
};

#endif
