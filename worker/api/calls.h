/* SPDX-License-Identifier: MIT */
#ifndef WORKER_API_CALLS_H
#define WORKER_API_CALLS_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/api/api.h"

/* calls - one function a call, and what they share. Only for worker/api. */

#define API_PAGE_MAX 500

struct api_match {
	char star[2][256]; /* what stood for the stars of the path */
};

/* Sets status and reply; -1 only when the store failed. */
typedef int api_fn(struct turn *, struct api_call *, const struct api_match *);

api_fn people_search, people_show, people_timeline, people_act, people_metrics,
    accounts_show, messages_list, messages_show, messages_act, messages_send,
    sequences_list, channels_list, channels_act;

void api_answer(struct api_call *, json_t *reply); /* 200 */
bool api_query(
    const struct api_call *, const char *name, char *out, size_t size);
int api_limit(const struct api_call *);
int64_t api_cursor(const struct api_call *);
void api_set_cursor(json_t *reply, int count, int limit, int64_t last);
/* Answers 400 when the body has a member that is not known. */
bool api_unknown_member(struct api_call *, const char *const *known);
const char *api_text(const struct api_call *, const char *name); /* or "" */

json_t *time_value(int64_t ms);	   /* RFC 3339, or null for 0 */
json_t *text_value(const char *s); /* or null for "" and NULL */
json_t *message_value(const struct queue_message *);

#endif
