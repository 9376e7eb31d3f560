/* SPDX-License-Identifier: MIT */
#ifndef WORKER_DELIVERY_SMTP_SMTP_SESSION_H
#define WORKER_DELIVERY_SMTP_SMTP_SESSION_H

#include "worker/delivery/smtp/smtp_lane.h"

/*
 * smtp_session - one connection to the relay, from its first message to QUIT.
 * Takes further messages from the lane as it goes and gives a verdict for each;
 * when it returns, it holds none.
 * Returns -1 when it never came to mail: another try now would be no better.
 */
int smtp_session_run(struct smtp_slot *, struct delivery *first);

/* How long a connection, and a thread without one, waits for a message. */
#define SMTP_IDLE_MS 5000

/* The end of the data is where a relay scans the message: so much longer. */
#define SMTP_FINAL_TIMEOUTS 5

#endif
