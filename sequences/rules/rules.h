/* SPDX-License-Identifier: MIT */
#ifndef SEQUENCES_RULES_H
#define SEQUENCES_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "sequences/calendar.h"
#include "sequences/metrics/metrics.h"
#include "templates/buf.h"
#include "templates/error.h"
#include "templates/liquid/liquid.h"
#include "templates/templates.h"

/*
 * rules - the definitions of a workspace (metrics.json, sequences/NAME.json),
 * checked and compiled. Immutable once loaded. Design 6.1 and 6.2 are the
 * language.
 */
struct rules;

/*
 * Settings of the workspace that definitions refer to. NULL-terminated lists of
 * names, NULL for none; borrowed until rules_free().
 */
struct rules_context {
	const struct templates *templates; /* NULL: names are not checked */
	const char *const *contacts;
	const char *const *channels;
	const struct zone *zone; /* the workspace's */
	/*
	 * What rules_definitions() gave when definitions were last loaded for
	 * this store; NULL or "": a new store.
	 */
	const char *known;
	/*
	 * Says of a path that a definition reads ("user.frist_name") what is
	 * wrong with it, or nothing: a warning, for whoever knows what traits
	 * there are. May be NULL.
	 */
	void (*check)(void *arg, const struct liquid_path *, struct buf *why);
	void *arg;
};

/*
 * Everything that is wrong is added to the problems; the rules are usable only
 * when problems->errors did not grow. Never NULL. `folder` is the workspace,
 * with a sequences/ in it: one that is not there is on its way in or out.
 */
struct rules *rules_load(
    const char *folder, const struct rules_context *, struct problems *);
void rules_free(struct rules *);

/*
 * Numbers. A definition that leaves something behind in subjects (a metric fed
 * by events or by members, a way in that watches, a sequence, a time zone that
 * is not UTC) has a number, and keeps it as long as it says the same; one that
 * is new or changed gets the next. A subject remembers the newest number it
 * knows (subject->known): one that is behind must be brought up to date before
 * anybody looks at it (engine.h).
 *
 * The text is to be kept with the store: it has the numbers, and the
 * definitions of pinned sequences that people may still be in.
 */
void rules_definitions(const struct rules *, struct buf *out);
/*
 * Everybody has been looked at, and these are the versions (place->version)
 * that somebody is in: the text leaves out the other older ones from now on.
 */
void rules_keep_versions(struct rules *, const int *versions, int n);
int rules_newest(const struct rules *); /* the highest number */

/*
 * Accounts can be brought up to date only after all users have been: their
 * metrics are made of users' events and metrics. True after rules_load() when
 * no definition is new.
 */
bool rules_is_settled(const struct rules *);
void rules_settle(struct rules *);
void rules_unsettle(struct rules *); /* it had not been finished */

/*
 * An account has these traits and gets those: do its users wait for any of them
 * that is another? Then all of them must be looked at.
 */
bool rules_members_wait(
    const struct rules *, const json_t *traits, const json_t *changes);

/* What the rest of the program may know of a sequence. */
struct sequence_info {
	const char *name;
	const char *description;
	const char *topic; /* NULL: none */
	bool for_account;
	bool is_manual; /* has { "manual": true } among its ways in */
	int n_steps;
	const char *definition; /* the file as canonical JSON */
};
int rules_count(const struct rules *); /* in the order of names */
struct sequence_info rules_info(const struct rules *, int index);

#endif
