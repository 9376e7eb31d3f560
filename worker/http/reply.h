/* SPDX-License-Identifier: MIT */
#ifndef WORKER_HTTP_REPLY_H
#define WORKER_HTTP_REPLY_H

#include <stddef.h>

#include <jansson.h>

struct evhttp_request;

/*
 * reply - one answer to one request. The body of a HEAD request is left out,
 * its length is not; the request's X-Request-Id comes back. JSON values are
 * given away.
 */
void reply_header(struct evhttp_request *, const char *name, const char *value);
void reply_bytes(struct evhttp_request *, int status, const char *type,
    const void *body, size_t len);
void reply_text(
    struct evhttp_request *, int status, const char *type, const char *body);
void reply_json(struct evhttp_request *, int status, json_t *body);
/* application/problem+json, RFC 9457 */
void reply_problem(struct evhttp_request *, int status, json_t *body);

/* From now on each answer is the last of its connection. */
void reply_ends_connections(void);

#endif
