/* SPDX-License-Identifier: MIT */
#ifndef WORKER_COMMANDS_CHECK_H
#define WORKER_COMMANDS_CHECK_H

#include "templates/lint.h"
#include "worker/commands/commands.h"
#include "worker/commands/preview.h"
#include "worker/settings/workspace.h"

/* Names of all rules, NULL-terminated. */
extern const char *const check_rules[];

/*
 * What messages read, and what they look like, against what is known of the
 * people of the workspace. It must be without errors. The problems are then in
 * order of their places.
 */
void check_messages(
    const struct invocation *, struct workspace *, struct problems *);

/* Says of a name that must be among the known ones that it is not. */
void check_certain(struct buf *why, const char *what, const char *name,
    const char *const *known);

/*
 * One template as a made-up person would get it: what would hold the message,
 * and what readers would see cut off; and its topic.
 */
void check_template(
    const struct previewer *, const struct template *, const struct lint *);

#endif
