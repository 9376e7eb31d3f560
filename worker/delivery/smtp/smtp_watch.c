/* SPDX-License-Identifier: MIT */
/*
 * smtp_watch - the exchanges before mail.
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
	w->logged_in = false;
	w->len = w->keyword = 0;
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
 * With BDAT libesmtp awaits three replies at once. When one of them is not what
 * it should be, or the connection ends, it reads on after it has decided to
 * stop and calls the handler of state -1. So its buffer says CHUNKINX instead,
 * also when the word comes in pieces. `keyword` counts the line's bytes up to
 * the word (4: a code and a hyphen), then the letters of it; SIZE_MAX: another
 * word.
 */
static void
hide_chunking(struct smtp_watch *w, char *c)
{
	static const char word[] = "CHUNKING";
	size_t letter = w->keyword - 4;

	if (*c == '\n')
		w->keyword = 0;
	else if (w->keyword == SIZE_MAX ||
		 (w->keyword == 4 && isspace((unsigned char)*c)))
		;
	else if (w->keyword < 4)
		w->keyword++;
	else if (toupper((unsigned char)*c) != word[letter])
		w->keyword = SIZE_MAX;
	else if (word[letter + 1] != '\0')
		w->keyword++;
	else {
		*c = 'X';
		w->keyword = SIZE_MAX;
	}
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
		hide_chunking(w, &data[i]);
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
