/* SPDX-License-Identifier: MIT */
/*
 * smtp_curl - one message after the other through one libcurl handle, which
 * keeps the connection.
 *
 * libcurl tells only the last code. The replies are read from what it says for
 * debugging, and judged as those of smtp_session are; its own result decides
 * nothing but whether bytes of the message were lost.
 */
#include "worker/delivery/smtp/smtp_curl.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include <curl/curl.h>

#include "templates/json.h"
#include "templates/mem.h"
#include "templates/mail/mime.h"
#include "worker/delivery/smtp/smtp_render.h"
#include "worker/delivery/smtp/smtp_session.h"
#include "worker/delivery/smtp/smtp_verdict.h"

/* To a command, as far as it came. */
struct heard {
	int code;
	char text[400]; /* without the codes, lines run together */
};

struct session {
	struct smtp_slot *slot;
	const struct channel *channel;
	CURL *curl;
	char why[CURL_ERROR_SIZE];
	/* the message under way */
	struct buf mime;
	size_t given;	  /* of its bytes */
	bool eof;	  /* and more was asked for */
	bool is_recalled; /* see smtp_lane_lend() */
	struct heard mail, rcpt, transfer, other;
	struct heard *now; /* the command that waits for a reply */
	bool works;	   /* MAIL was answered */
	bool carried;	   /* a mail was accepted by this connection */
	bool takes_utf8;   /* SMTPUTF8 was in the answer to EHLO */
};

/* How long an answer may take: so many of the channel's timeouts. */
static void
set_patience(struct session *s, int timeouts)
{
	long seconds = (long)timeouts * s->channel->timeout_ms / 1000;

	curl_easy_setopt(s->curl, CURLOPT_SERVER_RESPONSE_TIMEOUT, seconds);
}

/* What was lent is the thread's, or has been recalled. */
static void
keep(struct session *s)
{
	s->is_recalled = !smtp_lane_begin(s->slot);
}

static size_t
on_read(char *out, size_t size, size_t n, void *arg)
{
	struct session *s = arg;
	size_t len = s->mime.len - s->given;

	if (s->given == 0)
		keep(s);
	if (s->is_recalled)
		return CURL_READFUNC_ABORT;
	if (len > size * n)
		len = size * n;
	s->eof = len == 0;
	memcpy(out, s->mime.data + s->given, len);
	s->given += len;
	if (s->given == s->mime.len)
		set_patience(s, SMTP_FINAL_TIMEOUTS);
	return len;
}

static int
on_progress(void *arg, curl_off_t dltotal, curl_off_t dlnow, curl_off_t ultotal,
    curl_off_t ulnow)
{
	struct session *s = arg;

	(void)dltotal;
	(void)dlnow;
	(void)ultotal;
	(void)ulnow;
	return atomic_load(&s->slot->io.cut); /* not 0: give up */
}

static void
on_command(struct session *s, const char *line, size_t len)
{
	s->now = &s->other;
	if (len >= 4 && strncasecmp(line, "EHLO", 4) == 0)
		s->takes_utf8 = s->carried = false;
	else if (len >= 4 && strncasecmp(line, "MAIL", 4) == 0)
		s->now = &s->mail;
	else if (len >= 4 && strncasecmp(line, "RCPT", 4) == 0)
		s->now = &s->rcpt;
	else if (len >= 4 && strncasecmp(line, "DATA", 4) == 0)
		s->now = &s->transfer;
}

/* A line of a reply; the end of the data is answered to the same command. */
static void
on_reply(struct heard *h, const char *line, size_t len)
{
	size_t at = strlen(h->text);
	char code[4] = "";

	if (len < 4 || !isdigit((unsigned char)line[0]))
		return;
	memcpy(code, line, 3);
	if (h->code != atoi(code))
		at = 0;
	h->code = atoi(code);
	snprintf(
	    h->text + at, sizeof h->text - at, "%.*s", (int)len - 4, line + 4);
}

static int
on_debug(CURL *curl, curl_infotype type, char *data, size_t len, void *arg)
{
	struct session *s = arg;

	(void)curl;
	if (type == CURLINFO_HEADER_OUT)
		on_command(s, data, len);
	else if (type == CURLINFO_HEADER_IN)
		on_reply(s->now, data, len);
	if (type == CURLINFO_HEADER_IN && len >= 4 + strlen("SMTPUTF8") &&
	    strncasecmp(data + 4, "SMTPUTF8", strlen("SMTPUTF8")) == 0)
		s->takes_utf8 = true;
	return 0;
}

static void
set_url(struct session *s)
{
	const struct channel *c = s->channel;
	bool ip6 = strchr(c->host, ':') != NULL;
	struct buf url = {0};

	buf_addf(&url, "smtp%s://%s%s%s:%d/%s",
	    c->tls == TLS_IMPLICIT ? "s" : "", ip6 ? "[" : "", c->host,
	    ip6 ? "]" : "", c->port, c->helo != NULL ? c->helo : "");
	curl_easy_setopt(s->curl, CURLOPT_URL, url.data);
	buf_free(&url);
}

static void
set_timeouts(struct session *s)
{
	long ms = s->channel->timeout_ms;

	curl_easy_setopt(s->curl, CURLOPT_CONNECTTIMEOUT_MS, ms);
	curl_easy_setopt(
	    s->curl, CURLOPT_LOW_SPEED_TIME, SMTP_FINAL_TIMEOUTS * ms / 1000);
	curl_easy_setopt(s->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
}

static bool
has_token(const struct channel *c)
{
	return c->auth != NULL && strcmp(c->auth, "xoauth2") == 0;
}

/* Tokens live for an hour or so: another program renews the file. */
static int
set_token(struct session *s)
{
	const char *path = s->channel->token_file;
	struct error e;
	size_t len;
	char *token = path != NULL ? file_read(path, &len, &e)
				   : xstrdup(s->channel->password);

	if (token == NULL) {
		error_string(&e, s->why, sizeof s->why);
		return -1;
	}
	token[strcspn(token, " \t\r\n")] = '\0';
	curl_easy_setopt(s->curl, CURLOPT_USERNAME, s->channel->user);
	curl_easy_setopt(s->curl, CURLOPT_XOAUTH2_BEARER, token);
	curl_easy_setopt(s->curl, CURLOPT_LOGIN_OPTIONS, "AUTH=XOAUTH2");
	memset(token, 0, strlen(token));
	free(token);
	return 0;
}

static int
set_login(struct session *s)
{
	const struct channel *c = s->channel;

	if (has_token(c))
		return set_token(s);
	if (c->user != NULL && c->password != NULL) {
		curl_easy_setopt(s->curl, CURLOPT_USERNAME, c->user);
		curl_easy_setopt(s->curl, CURLOPT_PASSWORD, c->password);
	}
	return 0;
}

/* -1 with `why` when there is nothing to log in with. */
static int
session_open(struct session *s)
{
	CURL *curl = s->curl = curl_easy_init();

	if (curl == NULL)
		abort(); /* out of memory */
	set_url(s);
	set_timeouts(s);
	if (s->channel->tls != TLS_NONE)
		curl_easy_setopt(curl, CURLOPT_USE_SSL, CURLUSESSL_ALL);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
	if (s->channel->ca_file != NULL)
		curl_easy_setopt(curl, CURLOPT_CAINFO, s->channel->ca_file);
	curl_easy_setopt(curl, CURLOPT_SASL_IR, 1L); /* saves a round trip */
	curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
	curl_easy_setopt(curl, CURLOPT_READDATA, s);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, s);
	curl_easy_setopt(curl, CURLOPT_VERBOSE, 1L);
	curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, on_debug);
	curl_easy_setopt(curl, CURLOPT_DEBUGDATA, s);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, s->why);
	return set_login(s);
}

static void
begin(struct session *s)
{
	set_patience(s, 1);
	s->given = 0;
	s->eof = false;
	s->why[0] = '\0';
	s->mail = s->rcpt = s->transfer = s->other = (struct heard){0};
	s->now = &s->other;
}

static CURLcode
run(struct session *s, struct delivery *d)
{
	CURLcode rc;

	smtp_lane_lend(s->slot, d);
	rc = curl_easy_perform(s->curl);
	keep(s);
	return rc;
}

/*
 * libcurl sends an address beyond ASCII to whoever takes the connection. So the
 * relay is asked for something else first: its answer to EHLO tells.
 */
static CURLcode
ask_for_utf8(struct session *s, struct delivery *d)
{
	CURLcode rc;

	begin(s);
	curl_easy_setopt(s->curl, CURLOPT_UPLOAD, 0L);
	curl_easy_setopt(s->curl, CURLOPT_NOBODY, 1L);
	curl_easy_setopt(s->curl, CURLOPT_CUSTOMREQUEST, "NOOP");
	rc = run(s, d);
	curl_easy_setopt(s->curl, CURLOPT_CUSTOMREQUEST, NULL);
	curl_easy_setopt(s->curl, CURLOPT_NOBODY, 0L);
	curl_easy_setopt(s->curl, CURLOPT_UPLOAD, 1L);
	return rc;
}

static CURLcode
perform(struct session *s, struct delivery *d)
{
	struct curl_slist *to = curl_slist_append(NULL, d->address);
	CURLcode rc;

	begin(s);
	curl_easy_setopt(s->curl, CURLOPT_MAIL_FROM, d->envelope_from);
	curl_easy_setopt(s->curl, CURLOPT_MAIL_RCPT, to);
	curl_easy_setopt(
	    s->curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)s->mime.len);
	rc = run(s, d);
	curl_easy_setopt(s->curl, CURLOPT_MAIL_RCPT, NULL);
	curl_slist_free_all(to);
	return rc;
}

static struct smtp_reply
reply_of(const struct heard *h)
{
	return (struct smtp_reply){.code = h->code, .text = h->text};
}

/* 354 asks for the data; any other answer is the end of the message. */
static enum smtp_outcome
judge(const struct session *s, struct verdict *v)
{
	struct smtp_facts f = {
	    .mail = reply_of(&s->mail),
	    .rcpt = reply_of(&s->rcpt),
	    .transfer = reply_of(&s->transfer),
	    .eof = s->eof || (s->given > 0 && s->given == s->mime.len),
	    .sent = s->transfer.code != 0 && s->transfer.code != 354,
	    .wfail = s->transfer.code == 354 && s->given < s->mime.len,
	    .later = s->carried,
	};

	return smtp_verdict(&f, v);
}

static void
blame_lane(struct session *s, CURLcode rc, bool login)
{
	const struct heard *h = s->mail.code >= 400 ? &s->mail : &s->other;
	const struct smtp_reply reply = reply_of(h);
	struct verdict said = {0};
	bool is_refused = h->code >= 400 && rc != CURLE_OPERATION_TIMEDOUT;
	char what[400];
	int n = snprintf(what, sizeof what, "%.100s:%d ", s->channel->host,
	    s->channel->port);
	char *out = what + n;
	size_t size = sizeof what - (size_t)n;

	smtp_quote(&reply, &said);
	if (rc == CURLE_OPERATION_TIMEDOUT)
		snprintf(out, size, "does not answer within %d s",
		    s->channel->timeout_ms / 1000);
	else if (is_refused)
		snprintf(out, size, login ? "refuses the login" : "refuses");
	else
		snprintf(out, size, "%s: %s",
		    login ? "wants a login" : "cannot be used", s->why);
	/* A token is renewed, a password is not. */
	smtp_lane_failed(s->slot->lane, what, is_refused ? &said : NULL,
	    login && !has_token(s->channel));
}

/* Nothing of it was said. */
static int
release(struct session *s, struct delivery *d)
{
	buf_free(&s->mime);
	d->verdict = (struct verdict){.what = VERDICT_RELEASED};
	smtp_one_line(d->verdict.text, sizeof d->verdict.text, s->why);
	smtp_lane_give(s->slot, d);
	return -1;
}

static int
refuse_utf8(struct session *s, struct delivery *d)
{
	buf_free(&s->mime);
	d->verdict = (struct verdict){.what = VERDICT_REFUSED,
	    .enhanced_status = "5.6.7", /* RFC 6531 section 3.5 */
	    .text = "the relay takes no addresses beyond ASCII (SMTPUTF8)"};
	smtp_lane_give(s->slot, d);
	return 0;
}

/* It has had its verdict. */
static int
forget(struct session *s)
{
	buf_free(&s->mime);
	return -1;
}

/* Returns 0 when the connection is fit for another message. */
static int
send_one(struct session *s, struct delivery *d)
{
	CURLcode rc = perform(s, d);
	enum smtp_outcome o;
	bool login;

	if (s->is_recalled)
		return forget(s);
	o = judge(s, &d->verdict);
	login = rc == CURLE_LOGIN_DENIED || o == SMTP_LOGIN_REFUSED;
	s->carried = s->carried || o == SMTP_ACCEPTED;
	if (!s->works && o != SMTP_NEVER_TRIED && !login) {
		s->works = true;
		smtp_lane_works(s->slot->lane);
	}
	if (login || !s->works)
		blame_lane(s, rc, login);
	buf_free(&s->mime);
	smtp_lane_give(s->slot, d);
	return o == SMTP_NEVER_TRIED || login ? -1 : 0;
}

static int
send_utf8(struct session *s, struct delivery *d)
{
	CURLcode rc = ask_for_utf8(s, d);

	if (s->is_recalled)
		return forget(s);
	if (rc == CURLE_OK)
		return s->takes_utf8 ? send_one(s, d) : refuse_utf8(s, d);
	if (!s->works)
		blame_lane(s, rc, rc == CURLE_LOGIN_DENIED);
	return release(s, d);
}

/* QUIT is said; curl would wait two minutes for the answer, which is none. */
static void
session_close(struct session *s)
{
	curl_socket_t fd = CURL_SOCKET_BAD;

	curl_easy_getinfo(s->curl, CURLINFO_ACTIVESOCKET, &fd);
	if (fd != CURL_SOCKET_BAD)
		shutdown(fd, SHUT_RD);
	curl_easy_cleanup(s->curl);
}

static int
send_any(struct session *s, struct delivery *d)
{
	if (smtp_render(d, &s->mime) < 0) {
		smtp_lane_give(s->slot, d);
		return 0;
	}
	return address_is_ascii(d->address) &&
		       address_is_ascii(d->envelope_from)
		   ? send_one(s, d)
		   : send_utf8(s, d);
}

static int
send_all(struct session *s, struct delivery *first)
{
	int left = s->channel->messages_per_connection, rc;
	struct delivery *d = first;

	do
		rc = send_any(s, d);
	while (
	    rc == 0 && --left > 0 &&
	    (d = smtp_lane_take(s->slot, SMTP_CURL, 0, SMTP_IDLE_MS)) != NULL);
	return rc;
}

int
smtp_curl_run(struct smtp_slot *slot, struct delivery *first)
{
	struct session s = {.slot = slot, .channel = slot->lane->channel};
	int rc;

	if (session_open(&s) == 0) {
		rc = send_all(&s, first);
	} else {
		blame_lane(&s, CURLE_OK, true);
		rc = release(&s, first);
	}
	if (s.works)
		smtp_lane_closed(slot->lane);
	session_close(&s);
	return rc == 0 || s.works ? 0 : -1;
}
