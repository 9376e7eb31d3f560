/* SPDX-License-Identifier: MIT */
/*
 * smtp_watch - replies, and the exchanges before mail.
 *
 * A reply is judged when the next command is written; what must not reach
 * libesmtp at all is dealt with while it is read.
 */
#include "worker/delivery/smtp/smtp_watch.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "worker/delivery/smtp/smtp_verdict.h"

void
smtp_watch_greeting(struct smtp_watch *w)
{
	w->now = SMTP_OTHER;
	w->logged_in = w->mailing = false;
	w->len = w->column = 0;
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
starts_with(const char *data, size_t len, const char *word)
{
	size_t n = strlen(word);

	return len >= n && memcmp(data, word, n) == 0;
}

/*
 * After a refused login libesmtp goes on to MAIL without one; that MAIL is not
 * let out. In the middle of AUTH the bytes are a password: they are not kept.
 */
void
smtp_watch_written(struct smtp_watch *w, const char *data, size_t len)
{
	bool goes_on = w->now == SMTP_AUTH && atoi(w->reply) == 334;

	if (w->mailing)
		return;
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
 * libesmtp's buffer says CHUNKINX, also when the word comes in pieces. Letters
 * are counted in `column`, from 4 on; SIZE_MAX: another word.
 */
static void
hide_keyword(struct smtp_watch *w, char *c)
{
	static const char *const hidden[] = {"CHUNKING", "ENHANCEDSTATUSCODES"};
	size_t letter = w->column - 4;

	if (w->column == SIZE_MAX ||
	    (letter == 0 && isspace((unsigned char)*c)))
		return;
	if (letter == 0)
		w->word = hidden[toupper((unsigned char)*c) == 'E'];
	w->column++;
	if (toupper((unsigned char)*c) != w->word[letter])
		w->column = SIZE_MAX;
	else if (w->word[letter + 1] == '\0') {
		*c = 'X';
		w->column = SIZE_MAX;
	}
}

/* A code (of three digits) and a hyphen, if more lines follow. */
static void
mend(struct smtp_watch *w, char *c)
{
	if (*c == '\n') {
		if (w->is_last)
			smtp_io_replied(w->io);
		w->column = 0;
		w->is_last = false;
		return;
	}
	if (w->column == 3) {
		if (*c == '\r')
			*c = ' ';
		w->is_last = *c != '-';
	}
	if (w->column < 4)
		w->column++;
	else
		hide_keyword(w, c);
}

/*
 * Whatever follows the reply to STARTTLS in the clear, libesmtp would take for
 * replies under TLS (CVE-2011-0411 is the same in Postfix).
 */
void
smtp_watch_read(struct smtp_watch *w, char *data, size_t len)
{
	size_t room = sizeof w->reply - 1 - w->len;
	size_t n = len < room ? len : room;
	const char *end;

	for (size_t i = 0; i < len; i++)
		mend(w, &data[i]);
	if (w->mailing)
		return;
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
