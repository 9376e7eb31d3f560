/* SPDX-License-Identifier: MIT */
#ifndef WORKER_SCENARIO_REHEARSAL_H
#define WORKER_SCENARIO_REHEARSAL_H

#include "templates/mem.h"
#include "worker/scenario/scenario.h"

/*
 * rehearsal - a scenario acted out: the worker's own turns on a store in memory
 * and a clock that jumps from one moment at which something is due to the next.
 * Every channel takes everything at once; nothing leaves the process.
 */
struct sent {
	int64_t at_ms;
	const struct actor *actor; /* whose message it is */
	const char *template_name, *channel;
	const char *sequence, *step;
	int entry;
	const char *recipient; /* "user", "account.owner", a contact ... */
	const char *address;   /* "" for what is no mail */
	const char *subject;   /* a mail's; else "" */
	const char *words;     /* all that it says, one space between words */
	const char *problem;   /* NULL, or why it was not sent after all */
	bool is_held;	       /* the problem is a template's, and a failure */
};

/* What the decision log says of an actor. */
struct noted {
	int64_t id, at_ms;
	const struct actor *actor;
	const char *sequence, *step, *what, *reason;
	int entry;
};

/* Everything in order of time; strings live in the arena. */
struct rehearsal {
	struct sent *sent;
	struct noted *noted;
	json_t **values; /* of the expected metrics, by expectation */
	int n_sent, cap_sent, n_noted, cap_noted, n_values;
	struct arena arena;
};

/* Returns 0, or -1 with the error set: it did not come to its end. */
int rehearse(const struct scenario *, struct workspace *, struct rehearsal *,
    struct error *);
void rehearsal_free(struct rehearsal *);

/* Does it say so? Spaces and line breaks are the same. */
bool sent_says(const struct sent *, const char *text);

#endif
