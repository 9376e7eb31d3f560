/* SPDX-License-Identifier: MIT */
#ifndef WORKER_SETTINGS_WORKSPACE_H
#define WORKER_SETTINGS_WORKSPACE_H

#include "sequences/rules/rules.h"
#include "templates/templates.h"
#include "worker/settings/settings.h"

/*
 * workspace - settings, templates and rules of a folder, loaded all or nothing
 * and immutable. Messages on their way hold a reference, so that a reload never
 * takes a template away from under them. References are counted by the loop's
 * thread alone.
 */
struct workspace {
	struct settings *settings;
	struct templates *templates;
	struct rules *rules;
	int references;
	/* names for the rules, NULL-terminated */
	const char **contacts, **channels;
};

/*
 * NULL when anything is wrong (the problems say what); warnings do not count.
 * With `checked` set the workspace is returned all the same, for `check` and
 * `preview` to look at; never run one that has errors. `known` is what the
 * store has of definitions (sweep.h); NULL: nothing, or there is no
 * store.
 */
struct workspace *workspace_load(const char *folder,
    const char *const *overrides, const char *known, struct problems *,
    bool checked);
/* Takes out the warnings that its settings do not want (lint.off). */
void workspace_silence(const struct workspace *, struct problems *);
/* What its rules are loaded with. */
struct rules_context workspace_context(const struct workspace *);
struct workspace *workspace_hold(struct workspace *);
void workspace_release(struct workspace *); /* NULL is fine */

#endif
