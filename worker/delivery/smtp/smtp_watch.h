/* SPDX-License-Identifier: MIT */
#ifndef WORKER_DELIVERY_SMTP_SMTP_WATCH_H
#define WORKER_DELIVERY_SMTP_SMTP_WATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "worker/delivery/smtp/smtp_io.h"

/*
 * smtp_watch - reads along what the relay says before libesmtp sees it, and
 * mends what that cannot take: it crashes with CHUNKING, gives up on a reply
 * whose lines do not all have an enhanced status (so the status is ours to
 * read), and on one that is a bare code (RFC 5321 section 4.2).
 *
 * On the way to the first MAIL also for what libesmtp neither tells nor minds:
 * a refused login, replies smuggled in before TLS, and the words of a relay
 * that wants nothing of us. Breaks the connection off where it must.
 */
enum smtp_exchange { SMTP_OTHER, SMTP_STARTTLS, SMTP_AUTH };

struct smtp_watch {
	struct smtp_io *io;
	bool must_log_in; /* no MAIL goes out before a login */
	enum smtp_exchange now;
	char reply[400]; /* to what was said last, as far as it came */
	size_t len;
	size_t column;	  /* of this line; see .c */
	bool is_last;	  /* line of a reply */
	const char *word; /* that may be hidden in this line */
	bool mailing;	  /* the way to the first MAIL is behind us */
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
