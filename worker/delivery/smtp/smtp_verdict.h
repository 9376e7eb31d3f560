/* SPDX-License-Identifier: MIT */
#ifndef WORKER_DELIVERY_SMTP_SMTP_VERDICT_H
#define WORKER_DELIVERY_SMTP_SMTP_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

#include "worker/delivery/transport.h"

/*
 * smtp_verdict - what became of one message with one recipient, from what was
 * seen of its session. Pure. In doubt the answer is never "sent".
 */
struct smtp_reply {
	int code;	  /* 0: none came */
	const char *text; /* may be NULL, may have several lines */
};

struct smtp_facts {
	struct smtp_reply mail, rcpt;
	struct smtp_reply transfer; /* to DATA, then to the end of the data */
	bool eof;   /* libesmtp has asked for more than there was */
	bool sent;  /* libesmtp says it is through with the message */
	bool wfail; /* a part of the message was not written */
	bool later; /* the connection has carried mail before */
};

enum smtp_outcome {
	SMTP_NEVER_TRIED,
	SMTP_CUT_SHORT,
	SMTP_LOGIN_REFUSED,
	SMTP_MAIL_REFUSED,
	SMTP_RECIPIENT_REFUSED,
	SMTP_ACCEPTED,
	SMTP_OUT_OF_STEP, /* accepted before it was sent: somebody meddles */
	SMTP_TRANSFER_REFUSED,
	SMTP_ANSWER_LOST,
};

enum smtp_outcome smtp_verdict(const struct smtp_facts *, struct verdict *);

/* Code, enhanced status and text of a reply, into a verdict for nothing yet. */
void smtp_quote(const struct smtp_reply *, struct verdict *);

/* Whether this reply to MAIL asks for a login (RFC 4954 section 6). */
bool smtp_is_login(int code);

/* Text of the other side in one line of printable ASCII. */
void smtp_one_line(char *out, size_t size, const char *text);

#endif
