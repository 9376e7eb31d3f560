/* SPDX-License-Identifier: MIT */
#ifndef WORKER_SETTINGS_WATCH_FILES_H
#define WORKER_SETTINGS_WATCH_FILES_H

#include <event2/event.h>

/*
 * watch_files - tells when somebody has changed the files of a workspace, once
 * they have come to rest: editors write a file in several steps, and git many
 * of them. Watched are nudge.json, metrics.json, .env, and what is in sequences
 * and in templates; files elsewhere, such as secrets, are not.
 */
struct watch_files;

/* What is there now is known; nothing is watched yet. */
struct watch_files *watch_files_new(const char *folder, struct event_base *,
    void (*changed)(void *arg), void *arg);
/*
 * Says in the log when it cannot. Watching already: what is at these paths now.
 */
void watch_files_start(struct watch_files *);
void watch_files_stop(struct watch_files *);
/* They are about to be read: as they are now they need not be told of. */
void watch_files_seen(struct watch_files *);
void watch_files_free(struct watch_files *); /* NULL is fine */

#endif
