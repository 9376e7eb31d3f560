/* SPDX-License-Identifier: MIT */
#ifndef WORKER_DELIVERY_SMTP_SMTP_CURL_H
#define WORKER_DELIVERY_SMTP_SMTP_CURL_H

#include "worker/delivery/smtp/smtp_lane.h"

/*
 * smtp_curl - the same as smtp_session with TLS from the first byte on (port
 * 465, RFC 8314 section 3.3), which libesmtp cannot do. An easy handle of the
 * thread's own: the multi interface would block in the middle of SMTP.
 */
int smtp_curl_run(struct smtp_slot *, struct delivery *first);

#endif
