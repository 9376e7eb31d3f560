/* SPDX-License-Identifier: MIT */
#ifndef SEQUENCES_SUBJECT_H
#define SEQUENCES_SUBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "templates/buf.h"
#include "templates/error.h"

/*
 * subject - a user or an account as the engine sees it: traits, metrics and
 * places in sequences. Loaded from two texts that the store keeps (traits and
 * state) and saved back into them.
 */

/* One passage through a sequence, from entering to the last step or an exit. */
struct place {
	char *sequence;
	int entry; /* this subject's 1st, 2nd ... through this sequence */
	int64_t entered_ms;
	char *step;	    /* id of the step that comes next */
	int64_t due_ms;	    /* when it is due */
	int64_t previous_ms; /* when the step before was decided */
	int64_t paused_until_ms; /* 0: not paused; INT64_MAX: until resumed */
	bool is_done;	    /* all steps decided; kept while a goal is open */
	json_t *event;	    /* properties of the event that started it, or NULL */
};

/* What remains of a sequence after leaving it: enough to decide reentry. */
struct past {
	char *sequence;
	int entries;
	int64_t entered_ms; /* the last time */
	int64_t exited_ms;
};

enum subject_kind { SUBJECT_USER = 1, SUBJECT_ACCOUNT = 2 };

struct subject {
	enum subject_kind kind;
	char *name; /* userId (or anonymousId), groupId */
	json_t *traits;
	json_t *metrics; /* by name: what each metric keeps */
	struct place *places;
	int n_places;
	struct past *past;
	int n_past;
	int64_t wake_at_ms; /* earliest due_ms, or 0; the engine keeps it */
	bool traits_changed, state_changed; /* since the load */
};

/* traits and state may be NULL or "": a new subject. */
int subject_load(struct subject *, enum subject_kind, const char *name,
    const char *traits, const char *state, struct error *);
void subject_free(struct subject *);
void subject_save_state(const struct subject *, struct buf *out);
void subject_save_traits(const struct subject *, struct buf *out);

/* Traits that an identify or group call brings; null removes one. */
void subject_set_traits(struct subject *, json_t *traits);

/*
 * What an anonymous visitor did becomes the known user's: traits the user does
 * not have, and places in sequences that the user has never been in.
 */
void subject_merge(struct subject *into, const struct subject *from);

#endif
