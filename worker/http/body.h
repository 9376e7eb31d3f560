/* SPDX-License-Identifier: MIT */
#ifndef WORKER_HTTP_BODY_H
#define WORKER_HTTP_BODY_H

#include "templates/error.h"
#include "worker/http/segment.h"

/*
 * body - what a request of the tracking API came with, as JSON: unpacked, and
 * within its bounds. Nothing that costs more than its bytes is made of a body
 * before its shape and its key were looked at.
 *
 * A batch is many people's: half of an emoji and a number past 64 bits are
 * mended, and where that is not enough each event is read alone, so that one
 * that is no JSON takes no other with it.
 */
struct body {
	json_t *root;
	bool *is_unread; /* by place in "batch"; NULL: all could be read */
	int weight;	 /* what it takes in memory, in events of a kilobyte */
	bool may_have_nul;
};

/*
 * 200; or 400, 401 or 413, with the error set and nothing to free. Of an event
 * that could not be read its ids are there, as far as they could be.
 */
int body_read(const struct segment_request *, struct body *, struct error *);
void body_free(struct body *);

#endif
