/* SPDX-License-Identifier: MIT */
#ifndef WORKER_DELIVERY_SMTP_SMTP_RENDER_H
#define WORKER_DELIVERY_SMTP_SMTP_RENDER_H

#include "templates/buf.h"
#include "worker/delivery/transport.h"

/*
 * smtp_render - what a message needs before it goes on the wire: an envelope
 * that cannot break out of its line, and its bytes. Returns 0 with the bytes
 * (the caller frees them), or -1 with a verdict and none.
 */
int smtp_render(struct delivery *, struct buf *mime);

#endif
