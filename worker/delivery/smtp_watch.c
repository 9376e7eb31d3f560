/* SPDX-License-Identifier: MIT */
/*
 * smtp_watch - the exchanges before mail.
 *
 * A reply is looked at when the next command is written; only what must not
 * reach libesmtp at all is looked at while it is read.
 */
#include "worker/delivery/smtp_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "worker/delivery/smtp_verdict.h"

void
smtp_watch_greeting(struct smtp_watch *w)
{
	w->now = SMTP_OTHER;
	w->logged_in = false;
	w->len = 0;
	w->reply[0] = '\0';
}

void
smtp_watch_close(struct smtp_watch *w)
{
	int code = atoi(w->reply);

	if (code >= 400)
		smtp_one_line(w->refusal, sizeof w->refusal, w->reply);
	if (w->now == SMTP_AUTH && code / 100 == 2)
		w->logged_in = true;
}

static bool
starts_with(const char *data, int len, const char *word)
{
	size_t n = strlen(word);

	return (size_t)len >= n && memcmp(data, word, n) == 0;
}

/*
 * After a refused login libesmtp goes on to MAIL without one; that MAIL is not
 * let out. In the middle of AUTH the bytes are a password: they are not kept.
 */
static void
written(struct smtp_watch *w, const char *data, int len)
{
	bool goes_on = w->now == SMTP_AUTH && atoi(w->reply) == 334;

	smtp_watch_close(w);
	w->len = 0;
	w->reply[0] = '\0';
	if (goes_on)
		return;
	w->now = SMTP_OTHER;
	if (starts_with(data, len, "STARTTLS"))
		w->now = SMTP_STARTTLS;
	else if (starts_with(data, len, "AUTH "))
		w->now = SMTP_AUTH;
	else if (starts_with(data, len, "MAIL ") && w->must_log_in &&
		 !w->logged_in) {
		w->login_refused = true;
		smtp_io_abort(w->io, EACCES);
	}
}

/*
 * Whatever follows the reply to STARTTLS in the clear, libesmtp would take for
 * replies under TLS (CVE-2011-0411 is the same in Postfix).
 */
static void
read_reply(struct smtp_watch *w, const char *data, int len)
{
	size_t room = sizeof w->reply - 1 - w->len;
	size_t n = (size_t)len < room ? (size_t)len : room;
	const char *end;

	memcpy(w->reply + w->len, data, n);
	w->len += n;
	w->reply[w->len] = '\0';
	if (w->now != SMTP_STARTTLS)
		return;
	end = memchr(w->reply, '\n', w->len);
	if (n == room || (end != NULL && end + 1 < w->reply + w->len)) {
		w->injected = true;
		smtp_io_abort(w->io, EPROTO);
	}
}

void
smtp_watch(struct smtp_watch *w, const char *data, int len, bool writing)
{
	if (writing)
		written(w, data, len);
	else
		read_reply(w, data, len);
}
