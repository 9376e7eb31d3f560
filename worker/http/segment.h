/* SPDX-License-Identifier: MIT */
#ifndef WORKER_HTTP_SEGMENT_H
#define WORKER_HTTP_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "templates/error.h"
#include "templates/mem.h"

/*
 * segment - requests of Segment's HTTP Tracking API to checked events. Pure:
 * bytes in, events out. What the clients send is decided by the body, never by
 * the Content-Type (browsers say text/plain, RudderStack says a form).
 *
 * One bad event never fails its batch: it is left out and counted by reason.
 */
enum segment_type {
	SEGMENT_IDENTIFY,
	SEGMENT_TRACK,
	SEGMENT_PAGE,
	SEGMENT_SCREEN,
	SEGMENT_GROUP,
	SEGMENT_ALIAS,
	SEGMENT_BATCH, /* only as a path */
};

/* Bytes of an id: who came with a longer one could not be asked for. */
#define SEGMENT_ID_MAX 255

/* Strings and values live as long as the batch. Missing text is "". */
struct segment_event {
	enum segment_type type;
	const char *message_id;
	const char *user_id, *anonymous_id, *previous_id;
	const char *group_id; /* of a group call, or context.groupId */
	const char *name;     /* track: the event; page: "Viewed X Page" */
	json_t *body;	      /* properties or traits; object or NULL */
	json_t *traits;	      /* context.traits; object or NULL */
	const char *timezone, *locale; /* of the context */
	int64_t at_ms;		       /* when it happened, clock corrected */
};

enum segment_discard {
	DISCARD_EMPTY_BATCH,
	DISCARD_NOT_OBJECT,
	DISCARD_UNKNOWN_TYPE,
	DISCARD_NO_ID,
	DISCARD_ID_NOT_STRING,
	DISCARD_ID_TOO_LONG,
	DISCARD_EVENT_NOT_STRING,
	DISCARD_PROPERTIES_NOT_OBJECT,
	DISCARD_NUL_CHARACTER,
	DISCARD_INVALID_JSON,
	/* whole requests, by the status that they were refused with */
	DISCARD_INVALID_REQUEST, /* 400 */
	DISCARD_INVALID_KEY,	 /* 401 */
	DISCARD_TOO_LARGE,	 /* 413 */
	DISCARD_REASONS		 /* how many */
};
const char *segment_discard_name(enum segment_discard);

/* An event that was left out: what is needed to find it at its source. */
struct segment_discarded {
	enum segment_discard reason;
	int place; /* in the batch, from 0 */
	const char *type, *message_id, *user_id, *anonymous_id; /* or "" */
};

struct segment_batch {
	struct segment_event *events;
	int count;
	int kilobytes; /* of the body as plain text, or as much of values */
	struct segment_discarded *discarded;
	int n_discarded;
	json_t *root;
	struct arena arena;
};

/*
 * The type that a path asks for ("/v1/t", "/v1/track/", "/v1/batch", "/v1/b",
 * "/v1/import"), or -1 when it is not one of the API's.
 */
int segment_path(const char *path);
int segment_pixel_path(const char *path); /* "/v1/pixel/track" */

struct segment_request {
	enum segment_type type; /* of the path */
	const void *body;
	size_t len;
	bool is_base64;	     /* a text, as tracking pixels carry it */
	bool is_gzip;	     /* Content-Encoding; a gzip header counts too */
	size_t max_inflated; /* bytes */
	int max_depth;	     /* of objects and lists; 0: no bound of ours */
	int max_values;	     /* objects and lists count twice; 0: no bound */
	/* Is the body's writeKey one of `keys`? NULL: it needs none. */
	bool (*has_key)(const void *keys, const char *write_key);
	const void *keys;
	int64_t received_ms;
	uint64_t serial; /* for messageIds that are missing: unique */
};

/* 200; or 400, 401 or 413 with the error set, and nothing is kept. */
int segment_parse(
    const struct segment_request *, struct segment_batch *, struct error *);
void segment_batch_free(struct segment_batch *);

/*
 * What a base64 text (with + and / or - and _, padded or not) stands for, with
 * a NUL behind it; caller frees. NULL, of no length, when it is not base64.
 */
char *segment_base64(const char *text, size_t *len);

/*
 * The write key of an Authorization header: "Basic base64(key:)". false when
 * there is none in it.
 */
bool segment_basic_key(const char *header, char *key, size_t size);

#endif
