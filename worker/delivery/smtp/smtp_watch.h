/* SPDX-License-Identifier: MIT */
#ifndef WORKER_DELIVERY_SMTP_SMTP_WATCH_H
#define WORKER_DELIVERY_SMTP_SMTP_WATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "worker/delivery/smtp/smtp_io.h"

/*
 * smtp_watch - reads along on the way to the first MAIL, for what libesmtp
 * neither tells nor minds: a refused login, replies smuggled in before TLS, and
 * the words of a relay that wants nothing of us. Breaks the connection off
 * where it must, and hides CHUNKING from libesmtp, which crashes with it.
 */
enum smtp_exchange { SMTP_OTHER, SMTP_STARTTLS, SMTP_AUTH };

struct smtp_watch {
	struct smtp_io *io;
	bool must_log_in; /* no MAIL goes out before a login */
	enum smtp_exchange now;
	char reply[400]; /* to what was said last, as far as it came */
	size_t len;
	size_t keyword; /* letters of CHUNKING in this line; see .c */
	bool logged_in;
	/* what was found */
	bool login_refused, injected;
	char refusal[300]; /* the last reply of 400 or more, or "" */
};

/* A connection begins; what earlier ones said is kept. */
void smtp_watch_greeting(struct smtp_watch *);

/* These bytes are about to be written. */
void smtp_watch_written(struct smtp_watch *, const char *data, size_t len);

/* These were read, and libesmtp has not seen them yet. */
void smtp_watch_read(struct smtp_watch *, char *data, size_t len);

/* Nothing more comes. */
void smtp_watch_close(struct smtp_watch *);

#endif
