/* SPDX-License-Identifier: MIT */
#ifndef WORKER_HTTP_FRAMING_H
#define WORKER_HTTP_FRAMING_H

/*
 * framing - where a request ends (RFC 9112 section 6). A proxy in front of us
 * must find the same end as evhttp has, or what it takes for one client's body
 * would be read here as another one's request.
 */
struct evhttp_request;

/*
 * What makes the end of a request doubtful; NULL: nothing. After such a one
 * the connection must be closed, and no byte behind its headers be read.
 */
const char *framing_fault(struct evhttp_request *);

#endif
