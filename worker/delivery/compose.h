/* SPDX-License-Identifier: MIT */
#ifndef WORKER_DELIVERY_COMPOSE_H
#define WORKER_DELIVERY_COMPOSE_H

#include "templates/buf.h"
#include "templates/error.h"
#include "templates/mail/mime.h"
#include "worker/delivery/transport.h"

/*
 * compose - a claimed message into bytes. May be called by any thread: it
 * reads the delivery and the channel, both of which stand still.
 *
 * The scope (JSON) has, beside what the template sees, an object "_mail" that
 * only this file reads: from_name, from_address, reply_to, unsubscribe_url,
 * list_id, feedback_id, message_id_domain, timezone. Only from_address must
 * be there.
 */

/*
 * Whom a mail is from: the template may say who writes, but not from where, as
 * only the sender's own domain is authenticated (SPF, DKIM). 0, or -1 with the
 * error set: it is from elsewhere. Both buffers are appended to.
 */
int compose_from(const struct email *, const struct mime_address *own,
    struct buf *name, struct buf *address, struct error *);

/* Returns 0, or -1 with d->verdict set (held, skipped). */
int compose_mail(struct delivery *d, struct buf *mime);
int compose_document(struct delivery *d, struct buf *json);
/* The channel's url, with what the template sees. */
int compose_url(struct delivery *d, const struct liquid *, struct buf *url);

#endif
