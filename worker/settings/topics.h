/* SPDX-License-Identifier: MIT */
#ifndef WORKER_SETTINGS_TOPICS_H
#define WORKER_SETTINGS_TOPICS_H

#include "worker/settings/workspace.h"

/*
 * topics - what people subscribe to and unsubscribe from: the names that a
 * workspace's templates and sequences give, and what people read for them.
 */

/* Each once, sorted, NULL-terminated; the caller frees the list alone. */
const char **topics_of(const struct workspace *);

/*
 * The title that nudge.json gives a topic; without one its name, as words:
 * "product-news" is "Product news".
 */
void topic_title(const struct settings *, const char *topic, struct buf *out);
const char *topic_description(
    const struct settings *, const char *topic); /* NULL: none */

#endif
