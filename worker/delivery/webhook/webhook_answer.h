/* SPDX-License-Identifier: MIT */
#ifndef WORKER_DELIVERY_WEBHOOK_WEBHOOK_ANSWER_H
#define WORKER_DELIVERY_WEBHOOK_WEBHOOK_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "worker/delivery/transport.h"
#include "worker/delivery/webhook/webhook_plan.h"

/*
 * webhook_answer - what an HTTP answer means: for its message a verdict, and
 * for the channel whether the endpoint works. Pure.
 *
 * An endpoint that does not know us (401, 403, 404) or is gone (410) is no
 * fault of the message: it is released, and waits for the endpoint. Where the
 * url holds values, 403, 404 and 410 speak of those, and so of the message.
 */
struct webhook_answer {
	long status;
	const char *body;
	size_t len;
	bool is_cut;		/* there was more, or the connection broke */
	json_t *headers;	/* by their names in lower case; may be NULL */
	int64_t retry_after_ms; /* 0: not said */
};

enum answer_means {
	ANSWER_NOTHING, /* about the endpoint */
	ANSWER_WORKS,
	ANSWER_ODD,    /* a person should look */
	ANSWER_DENIED, /* it takes nothing from us for now */
	ANSWER_GONE,   /* it wants nothing any more */
};

enum answer_means webhook_judge(const struct webhook_plan *,
    const struct webhook_answer *, struct verdict *);

/* The first line as the verdict's text; what is not plain ASCII becomes "?". */
void verdict_set_text(struct verdict *, const char *text, size_t len);

#endif
