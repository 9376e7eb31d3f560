/* SPDX-License-Identifier: MIT */
#ifndef WORKER_COMMANDS_CHECK_H
#define WORKER_COMMANDS_CHECK_H

#include "worker/commands/commands.h"
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

#endif
