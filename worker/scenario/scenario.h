/* SPDX-License-Identifier: MIT */
#ifndef WORKER_SCENARIO_SCENARIO_H
#define WORKER_SCENARIO_SCENARIO_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "sequences/subject.h"
#include "templates/error.h"
#include "templates/json.h"
#include "templates/time/zone.h"
#include "worker/scenario/vocabulary.h"

/*
 * scenario - what must happen to somebody, told as events and messages (design
 * 6.4), read and checked: every time is a moment, every name is known. Texts
 * and values belong to the file, which lives as long.
 */
struct actor { /* a user or an account of the scenario */
	enum subject_kind kind;
	const char *id;
	json_t *traits;	       /* without id and account; owned */
	struct actor *account; /* a user's; NULL: none */
	struct actor *member;  /* an account's first user; NULL: none yet */
	const struct zone *zone;
};

/* An event, or (name NULL) traits that change. */
struct happening {
	int64_t at_ms;
	const struct actor *user;
	const struct actor *account; /* named by it, or NULL */
	const char *name;
	json_t *body; /* properties or traits; or NULL */
};

enum expectation_kind {
	EXPECT_SEND,	/* name is a template */
	EXPECT_METRIC,	/* name is a metric, or a member of one:
			   "activation.done" */
	EXPECT_ENTERED, /* name is a sequence */
	EXPECT_EXITED,
	EXPECT_SKIPPED, /* name is a step */
};

/* What is not said (NULL, 0) is not checked. */
struct expectation {
	enum expectation_kind kind;
	const char *name;
	int64_t at_ms;		    /* a metric always has one */
	const struct actor *actor;  /* whose; a metric always has one */
	const char *to, *contains;  /* EXPECT_SEND */
	const char *sequence;	    /* EXPECT_SKIPPED */
	const char *because;	    /* in the reason of the decision */
	json_t *is, *above, *below; /* EXPECT_METRIC */
};

struct scenario {
	const char *file, *name;
	struct actor *actors; /* users, then accounts */
	int n_users, n_actors;
	struct happening *happenings; /* in order of time */
	int n_happenings;
	struct expectation *expected, *never;
	int n_expected, n_never;
	bool is_complete; /* no other message may come */
	int64_t first_ms, until_ms;
	const struct zone *zone; /* of whom the first event is about */
};

/* All scenarios of all files. */
struct scenarios {
	struct json_doc **docs;
	struct scenario *list;
	int n_docs, n, cap_docs, cap;
};

/*
 * Adds the scenario of a file, or all of its list ({"scenarios": [..]}). What
 * is wrong is added to the problems; the scenarios may be run only when there
 * are none.
 */
void scenarios_read(struct scenarios *, const char *path, const char *shown,
    const struct vocabulary *, struct problems *);
void scenarios_free(struct scenarios *);

/* The actor of that kind and id, or NULL. */
struct actor *scenario_actor(
    const struct scenario *, enum subject_kind, const char *id);

/*
 * "2026-03-27T10:00:00+01:00", "day 2 15:00" (local days after first_ms),
 * "+48h" (after first_ms). Returns 0, or -1 when it is none of these.
 */
int moment_parse(
    const char *text, int64_t first_ms, const struct zone *, int64_t *ms);

#endif
