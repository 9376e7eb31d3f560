/* SPDX-License-Identifier: MIT */
/*
 * smtp_verdict - replies into a verdict.
 *
 * First comes which of the outcomes it is, from the facts alone; what follows
 * from each stands in one place. Only a complete message that was answered with
 * 2xx counts as sent, and only a message whose end was not reached counts as
 * certainly not delivered.
 */
#include "worker/delivery/smtp/smtp_verdict.h"

#include <regex.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool
is_2xx(const struct smtp_reply *r)
{
	return r->code / 100 == 2;
}

/* libesmtp could not read all its lines; its code counts. */
static bool
is_unreadable(const struct smtp_reply *r)
{
	return r->text == NULL && (is_2xx(r) || r->code >= 400);
}

bool
smtp_is_login(int code)
{
	return code == 530 || code == 534 || code == 535 || code == 538;
}

static enum smtp_outcome
outcome(const struct smtp_facts *f)
{
	if (f->mail.code == 0)
		return SMTP_NEVER_TRIED;
	if (f->wfail)
		return SMTP_CUT_SHORT;
	if (!is_2xx(&f->mail))
		return smtp_is_login(f->mail.code) ? SMTP_LOGIN_REFUSED
						   : SMTP_MAIL_REFUSED;
	if (!is_2xx(&f->rcpt) && (f->sent || f->rcpt.code >= 400))
		return SMTP_RECIPIENT_REFUSED;
	if (f->sent && is_2xx(&f->transfer))
		return f->eof ? SMTP_ACCEPTED : SMTP_OUT_OF_STEP;
	if (f->sent && f->transfer.code >= 400)
		return SMTP_TRANSFER_REFUSED;
	/* With a text it would be the reply to DATA, or to an earlier chunk. */
	if (f->eof && is_unreadable(&f->transfer))
		return is_2xx(&f->transfer) ? SMTP_ACCEPTED
					    : SMTP_TRANSFER_REFUSED;
	return f->eof ? SMTP_ANSWER_LOST : SMTP_CUT_SHORT;
}

void
smtp_one_line(char *out, size_t size, const char *text)
{
	size_t n = 0;

	for (; text != NULL && *text != '\0' && n + 1 < size; text++) {
		unsigned char c = *text;

		if (c > ' ')
			out[n++] = c < 0x7f ? (char)c : '?';
		else if (n > 0 && out[n - 1] != ' ')
			out[n++] = ' ';
	}
	while (n > 0 && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
}

/*
 * How long the enhanced status is that a line begins with (RFC 2034 section 4),
 * announced or not. 0: there is none.
 */
static size_t
enhanced_status(const char *line, int code)
{
	size_t n = 0, digits;

	for (int part = 0; part < 3; part++) {
		if (part > 0 && line[n++] != '.')
			return 0;
		digits = strspn(line + n, "0123456789");
		if (digits == 0 || digits > (part == 0 ? 1 : 3))
			return 0;
		n += digits;
	}
	return line[0] - '0' == code / 100 && line[n] != '.' ? n : 0;
}

/*
 * What the other side calls the message: Postfix and many others "queued as X",
 * Exim "OK id=X", Amazon SES "Ok X".
 */
static void
provider_id(const char *text, char *out, size_t size)
{
	const char *at = text;
	size_t len;

	if ((at = strcasestr(text, "queued as ")) != NULL)
		at += strlen("queued as ");
	else if ((at = strstr(text, "id=")) != NULL)
		at += strlen("id=");
	else if (strncasecmp(text, "ok ", 3) == 0 &&
		 strchr(text + 3, ' ') == NULL)
		at = text + 3;
	else
		return;
	len = strcspn(at, " ,;)>");
	if (len < size)
		snprintf(out, size, "%.*s", (int)len, at);
}

/* Each line has the same status: once is enough. */
void
smtp_quote(const struct smtp_reply *r, struct verdict *v)
{
	const char *line = r->text != NULL ? r->text : "";
	size_t status = enhanced_status(line, r->code), len;
	struct buf words = {0};

	v->code = r->code;
	snprintf(v->enhanced_status, sizeof v->enhanced_status, "%.*s",
	    (int)status, line);
	for (; *line != '\0'; line += len) {
		len = strcspn(line, "\n");
		len += line[len] == '\n';
		status = enhanced_status(line, r->code);
		buf_add(&words, line + status, len - status);
	}
	smtp_one_line(v->text, sizeof v->text, buf_str(&words));
	buf_free(&words);
}

/*
 * Replies that say nobody is there. Policy (the rest of 5.7.x) is about us, not
 * about the address, and a full mailbox (5.2.2) gets emptied.
 */
static bool
is_dead_status(const char *status)
{
	static const char *const dead[] = {"5.1.1", "5.1.2", "5.1.3", "5.1.4",
	    "5.1.6", "5.1.10", "5.2.1", "5.7.13", "5.7.18", NULL};

	for (int i = 0; dead[i] != NULL; i++)
		if (strcmp(status, dead[i]) == 0)
			return true;
	return false;
}

static bool
matches(const char *text, const char *pattern)
{
	regex_t regex;
	bool found;

	if (regcomp(&regex, pattern, REG_EXTENDED | REG_ICASE | REG_NOSUB) != 0)
		return false;
	found = regexec(&regex, text, 0, NULL, 0) == 0;
	regfree(&regex);
	return found;
}

/*
 * Without an enhanced code the words have to do: here those about the sender,
 * the client and its manners, and the message.
 */
static bool
is_about_us(const char *text)
{
	return matches(text,
	    "\\<(spam|junk|block|black "
	    "?(list|hole)|listed|den(y|ied)\\>|prohibit|polic|"
	    "reputation|relaying|relay (access|not)|rcpthosts|gr[ae]y ?list|"
	    "spf\\>|dkim\\>|dmarc\\>|auth|log ?in\\>|tls\\>|encrypt|"
	    "[eh][eh]lo\\>|ptr\\>|reverse|dns\\>|hostname|client|"
	    "sender|ip address|rate\\>|limit|too many|"
	    "your (ip|host|network|server|domain|message|address))");
}

/* 5.1.7 and 5.1.8 are about the sender's address: our own. */
static bool
is_policy(const struct verdict *v)
{
	const char *status = v->enhanced_status;

	if (status[0] == '\0')
		return is_about_us(v->text);
	return strcmp(status, "5.1.7") == 0 || strcmp(status, "5.1.8") == 0 ||
	       (strncmp(status, "5.7.", 4) == 0 && !is_dead_status(status));
}

/*
 * That nobody is there, in the words of Postfix, Exim, Sendmail, qmail,
 * Exchange and others. What is not among them suppresses nobody: a message that
 * is refused again costs less than a person who is never written to again.
 */
#define WHO   "(user|mailbox|recipient|addressee|address|account|alias|person)"
#define NAMED "( [^ ]*[@<'\"([][^ ]*)?( is| was| has been)?"

static bool
says_nobody(const char *text)
{
	return matches(text,
	    "\\<(no such|unknown|unknown or illegal|invalid|non-?existent) "
	    "(e-?mail |local |virtual )?" WHO "|"
	    "\\<" WHO NAMED " (unknown|invalid|inactive|disabled|deactivated|"
	    "terminated|deleted|not found|not known|not active|not valid|"
	    "not a valid|no longer|does not exist|doesn'?t (exist|have))|"
	    "\\<no (mailbox|user|account) (here|by|with)|"
	    "\\<unroute?able address|"
	    "\\<not (a |our )?(known |local )?(user|customer)");
}

static bool
is_dead(const struct verdict *v)
{
	if (v->enhanced_status[0] != '\0')
		return is_dead_status(v->enhanced_status);
	return (v->code == 550 || v->code == 551 || v->code == 553) &&
	       says_nobody(v->text) && !is_about_us(v->text);
}

/*
 * RFC 5321 section 4.2.1: 4yz may be tried again, 5yz not. 421 and X.3.X
 * (RFC 3463 section 3.4) are about the relay, whatever it was sent.
 */
static void
refused(const struct smtp_reply *r, struct verdict *v)
{
	bool is_temporary = r->code / 100 == 4;

	smtp_quote(r, v);
	v->what = r->code / 100 == 5 ? VERDICT_REFUSED : VERDICT_RETRY;
	v->is_policy = v->what == VERDICT_REFUSED && is_policy(v);
	v->is_trouble =
	    r->code == 421 ||
	    (is_temporary && strncmp(v->enhanced_status, "4.3.", 4) == 0);
	v->slows_channel =
	    v->is_trouble ||
	    (is_temporary && strncmp(v->enhanced_status, "4.7.", 4) == 0);
}

/* So many mails a connection and no more: that says nothing about this one. */
static void
end_of_connection(struct verdict *v)
{
	v->what = VERDICT_RELEASED;
	v->slows_channel = v->is_trouble = false;
}

static void
recipient_refused(const struct smtp_reply *rcpt, struct verdict *v)
{
	refused(rcpt, v);
	v->address_is_dead = v->what == VERDICT_REFUSED && is_dead(v);
}

static void
say(struct verdict *v, enum verdict_what what, const char *text)
{
	v->what = what;
	snprintf(v->text, sizeof v->text, "%s", text);
}

enum smtp_outcome
smtp_verdict(const struct smtp_facts *f, struct verdict *v)
{
	enum smtp_outcome o = outcome(f);

	memset(v, 0, sizeof *v);
	switch (o) {
	case SMTP_NEVER_TRIED:
		say(v, VERDICT_RELEASED,
		    "the connection ended before its turn");
		break;
	case SMTP_CUT_SHORT:
		say(v, VERDICT_RETRY,
		    is_unreadable(&f->mail) || is_unreadable(&f->rcpt)
			? "the relay's reply cannot be read"
			: "the connection was lost on the way");
		break;
	case SMTP_LOGIN_REFUSED:
		smtp_quote(&f->mail, v);
		v->what = VERDICT_RELEASED;
		break;
	case SMTP_MAIL_REFUSED: /* does not know the recipient: it is us */
		refused(&f->mail, v);
		v->is_trouble = v->what == VERDICT_RETRY;
		v->slows_channel = v->is_trouble;
		if (f->mail.code == 421 && f->later)
			end_of_connection(v);
		break;
	case SMTP_RECIPIENT_REFUSED:
		recipient_refused(&f->rcpt, v);
		break;
	case SMTP_ACCEPTED:
		smtp_quote(&f->transfer, v);
		v->what = VERDICT_SENT;
		provider_id(v->text, v->provider_id, sizeof v->provider_id);
		break;
	case SMTP_OUT_OF_STEP:
		say(v, VERDICT_RETRY,
		    "accepted before it was sent: the replies "
		    "are not the server's");
		break;
	case SMTP_TRANSFER_REFUSED:
		refused(&f->transfer, v);
		break;
	case SMTP_ANSWER_LOST:
		say(v, VERDICT_UNSURE, "all was sent and no answer came");
		break;
	}
	return o;
}
