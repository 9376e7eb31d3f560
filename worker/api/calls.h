/* SPDX-License-Identifier: MIT */
#ifndef WORKER_API_CALLS_H
#define WORKER_API_CALLS_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/api/api.h"

/* calls - one function a call, and what they share. Only for worker/api. */

#define API_PAGE_MAX   500

#define API_VALUE_SIZE (SEGMENT_ID_MAX + 1) /* one in a path or a query */

/* In bytes; see api_reason(). */
#define API_ACTOR_MAX	64
#define API_NOTE_MAX	280
#define API_REASON_SIZE (API_ACTOR_MAX + API_NOTE_MAX + 20)

struct api_match {
	/* what stood for the stars of the path */
	char star[2][API_VALUE_SIZE];
};

/* Sets status and reply; -1 only when the store failed. */
typedef int api_fn(struct turn *, struct api_call *, const struct api_match *);

api_fn people_search, people_show, people_timeline, people_act, people_metrics,
    accounts_show, messages_list, messages_show, messages_act, messages_send,
    sequences_list, sequences_show, channels_list, channels_act, decisions_list;

void api_answer(struct api_call *, json_t *reply); /* 200 */
bool api_query(
    const struct api_call *, const char *name, char out[API_VALUE_SIZE]);
int api_limit(const struct api_call *);
int64_t api_cursor(const struct api_call *);
void api_set_cursor(json_t *reply, int count, int limit, int64_t last);
const char *api_text(const struct api_call *, const char *name); /* or "" */
/* Is the body of these members, each of its kind? If not, it is answered. */
bool api_takes(struct api_call *, const char *const *names);

/* "by jane: the relay moves": who made the call, and why. */
const char *api_reason(const struct api_call *, char out[API_REASON_SIZE]);
/*
 * The row for the decision log, of somebody who need not be loaded or of
 * QUEUE_NOBODY, with the call's reason. -1: the store failed.
 */
int api_decide(
    struct turn *, const struct api_call *, const struct queue_decision *);

json_t *time_value(int64_t ms);	   /* RFC 3339, or null for 0 */
json_t *text_value(const char *s); /* or null for "" and NULL */
json_t *message_value(struct turn *, const struct queue_message *);
json_t *decision_value(const struct queue_decision *);

#endif
