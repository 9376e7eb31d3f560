/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer entry for requests of the tracking API: the first byte picks the
 * path's type, and whether the rest is said to be gzip, or is a pixel's text.
 * What is taken must have an id, and no event may be lost: each is kept or
 * counted.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "worker/http/segment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct segment_request request = {
	    .body = data + 1,
	    .len = size - 1,
	    .max_inflated = 1 << 20,
	    .max_depth = 100,
	    .max_values = 10000,
	    .received_ms = 1790000000000,
	};
	struct segment_batch batch;
	struct error e = {.text = ""};
	char *text = NULL;
	int status;

	if (size == 0)
		return 0;
	request.type = (enum segment_type)(data[0] % (SEGMENT_BATCH + 1));
	request.is_gzip = data[0] >= 128;
	request.is_base64 = data[0] % 128 >= 64;
	if (request.is_base64) {
		text = strndup((const char *)data + 1, size - 1);
		request.body = text;
		request.len = strlen(text);
	}
	status = segment_parse(&request, &batch, &e);
	free(text);
	if (status != 200)
		return e.text[0] == '\0' ? abort(), 0 : 0;
	for (int i = 0; i < batch.count; i++) {
		const struct segment_event *e = &batch.events[i];

		if (e->user_id[0] == '\0' && e->anonymous_id[0] == '\0')
			abort();
		if (e->message_id[0] == '\0')
			abort();
	}
	segment_batch_free(&batch);
	return 0;
}
