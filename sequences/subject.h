/* SPDX-License-Identifier: MIT */
#ifndef SEQUENCES_SUBJECT_H
#define SEQUENCES_SUBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "templates/buf.h"
#include "templates/error.h"
#include "templates/json_text.h"

/*
 * subject - a user or an account as the engine sees it: traits, metrics and
 * places in sequences. Loaded from two texts that the store keeps (traits and
 * state) and saved back into them.
 */

/* One passage through a sequence, from entering to the last step or an exit. */
struct place {
	char *sequence;
	int entry;   /* this subject's 1st, 2nd ... through this sequence */
	int version; /* number of a pinned definition; 0: as it is now */
	int64_t entered_ms;
	char *step;	     /* id of the step that comes next; NULL if done */
	int64_t due_ms;	     /* when it is due, or a done one ends; 0: never */
	int64_t previous_ms; /* when the step before was decided */
	int64_t paused_until_ms; /* 0: not paused; INT64_MAX: until resumed */
	int64_t goal_ms;	 /* when the goal was reached; 0: not yet */
	bool is_done;	 /* all steps decided; kept while a goal is open */
	json_t *decided; /* ids of the steps it is past, in order */
	json_t *event;	 /* properties of the event that started it, or NULL */
};

/*
 * What remains of a sequence after leaving it: enough to decide reentry, and
 * whether a message that still waits is wanted.
 */
struct past {
	char *sequence;
	int entries;
	int64_t entered_ms; /* the last time */
	int64_t exited_ms;
	bool is_finished; /* left by its end, and no exit came since */
};

/* The last event that might have started a sequence and was refused. */
struct candidate {
	char *sequence;
	char *on;	  /* the event's name */
	int64_t at_ms;	  /* when it happened */
	int64_t noted_ms; /* when a refusal was put into the log */
	int noted;	  /* enum refusal: those since, a bit each */
	json_t *event;	  /* its properties, or NULL */
};

/*
 * What a way in that watches (rules.h: numbers) remembers. None: nothing is
 * under way, the subject is armed. sequences/watch.c has the states.
 */
struct watch {
	int number;	/* of its definition */
	int state;	/* enum watch_state */
	double value;	/* stagnant: the best so far */
	int64_t at_ms;	/* the moment it counts from, or that has fired */
	int64_t due_ms; /* when it fires if nothing changes; 0: never */
};

/* What a metric keeps (metrics.c). */
struct kept {
	char *key;
	struct json_span text; /* of the value; read when it is asked for */
	json_t *value;	       /* NULL: not read yet */
	bool is_changed;       /* since its parts were put into the account */
};

enum subject_kind { SUBJECT_USER = 1, SUBJECT_ACCOUNT = 2 };

struct subject {
	enum subject_kind kind;
	char *name;	/* userId (or anonymousId), groupId */
	json_t *traits; /* its "id" is always the name */
	struct place *places;
	int n_places;
	struct past *past;
	int n_past;
	struct candidate *candidates; /* at most one a sequence */
	int n_candidates;
	struct watch *watches; /* at most one a number */
	int n_watches;
	struct kept *kept; /* at most one a key */
	int n_kept;
	char *kept_text; /* that they were loaded from */
	/*
	 * `known` when its parts of the account's metrics (members.c) were last
	 * worked out; 0: a trait has changed since, or they never were.
	 */
	int joined;
	int known; /* newest definition it is up to date with (rules.h) */
	int64_t traits_at_ms; /* when the newest identify happened */
	int64_t wake_at_ms;   /* earliest moment to look again; 0: none */
	bool traits_changed, state_changed; /* since the load */
};

/*
 * traits and state may be NULL or "": a new subject. Returns 0, or -1 with the
 * error set and nothing to free: a text that is not JSON of the right shape, or
 * a state that a newer program wrote.
 */
int subject_load(struct subject *, enum subject_kind, const char *name,
    const char *traits, const char *state, struct error *);
void subject_free(struct subject *);
void subject_save_state(const struct subject *, struct buf *out);
void subject_save_traits(const struct subject *, struct buf *out);

/*
 * Traits that an identify or group call of that time brings; null removes one.
 * A call that is older than one already taken only adds what is missing, as
 * does one without a time (0). One that was taken when a clock ran ahead, at a
 * time that is still to come, is older than any.
 */
void subject_set_traits(
    struct subject *, json_t *traits, int64_t at_ms, int64_t now_ms);

void subject_trait_changed(struct subject *); /* in another way */

/*
 * What an anonymous visitor did becomes the known user's: traits the user does
 * not have, and places in sequences that the user has never been in. Metrics
 * are worked out from the visitor's events, which the caller has.
 */
void subject_merge(struct subject *into, const struct subject *from);

/* The place or past in that sequence, or NULL; borrowed until one is added. */
struct place *subject_place(const struct subject *, const char *sequence);
struct past *subject_past(const struct subject *, const char *sequence);

/* A new place, all but the name zero. */
struct place *subject_place_add(struct subject *, const char *sequence);
/* The place is gone; what must be known of it later is in the past. */
void subject_place_remove(
    struct subject *, struct place *, int64_t exited_ms, bool is_finished);

/* The candidate for that sequence, or NULL; borrowed until one is added. */
struct candidate *subject_candidate(
    const struct subject *, const char *sequence);
/* A copy, in the place of an older one. */
void subject_candidate_set(struct subject *, const struct candidate *);
void subject_candidate_remove(struct subject *, struct candidate *);

/* The record of that number, or NULL; borrowed until one is added. */
struct watch *subject_watch(const struct subject *, int number);
/* The record of that number, zeroed if it is new. */
struct watch *subject_watch_add(struct subject *, int number);
void subject_watch_remove(struct subject *, struct watch *);

/*
 * What is kept under the key, or NULL; borrowed. Whoever changes it in place
 * sets state_changed.
 */
json_t *subject_kept(const struct subject *, const char *key);
void subject_keep(struct subject *, const char *key, json_t *); /* takes it */
void subject_drop(struct subject *, const char *key);

/* wake_at_ms: the first of places, watches and another moment (0: none). */
void subject_set_wake(struct subject *, int64_t other_ms);

#endif
