/* SPDX-License-Identifier: MIT */
#ifndef WORKER_HTTP_PAGE_H
#define WORKER_HTTP_PAGE_H

#include "templates/buf.h"
#include "worker/worker.h"

/*
 * page - what people see behind the links below a mail, /u/TOKEN and /p/TOKEN.
 * A page has no script, loads nothing, and stands in no frame, cache or index.
 * Mails are passed on, links with them: nothing on it says who the reader is.
 */

/*
 * The address and topic of the token, with the request, as an input of no kind
 * yet, to be submitted or freed. NULL: it has been answered, as the link is
 * none, is a preview's (TOKEN "preview"), or cannot be looked at now.
 */
struct input *page_open(
    struct worker *, struct evhttp_request *, const char *token);

/* Answers with the page, whose body is HTML; it is freed. */
void page_reply(
    struct evhttp_request *, int status, const char *title, struct buf *body);
/* The store cannot be used: to be tried again. */
void page_unavailable(struct evhttp_request *);

/* "<h1>...</h1>" with the text escaped. */
void page_heading(struct buf *, const char *text);

bool page_is_post(const struct evhttp_request *);

#endif
