/* SPDX-License-Identifier: MIT */
/*
 * smtp_curl - one message after the other through one libcurl handle, which
 * keeps the connection.
 *
 * libcurl tells only the last code. The replies are read from what it says for
 * debugging, and judged as those of smtp_session are; its own result decides
 * nothing but whether bytes of the message were lost.
 */
#include "worker/delivery/smtp_curl.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include <curl/curl.h>

#include "templates/mem.h"
#include "worker/delivery/smtp_render.h"
#include "worker/delivery/smtp_session.h"
#include "worker/delivery/smtp_verdict.h"

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
	size_t given; /* of its bytes */
	bool eof;     /* and more was asked for */
	struct heard mail, rcpt, transfer, other;
	struct heard *now; /* the command that waits for a reply */
	bool works;	   /* MAIL was answered */
};

/* How long an answer may take: so many of the channel's timeouts. */
static void
set_patience(struct session *s, int timeouts)
{
	long seconds = (long)timeouts * s->channel->timeout_ms / 1000;

	curl_easy_setopt(s->curl, CURLOPT_SERVER_RESPONSE_TIMEOUT, seconds);
}

static size_t
on_read(char *out, size_t size, size_t n, void *arg)
{
	struct session *s = arg;
	size_t len = s->mime.len - s->given;

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
	if (len >= 4 && strncasecmp(line, "MAIL", 4) == 0)
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
	return 0;
}

static void
set_url(struct session *s)
{
	const struct channel *c = s->channel;
	bool ip6 = strchr(c->host, ':') != NULL;
	struct buf url = {0};

	buf_addf(&url, "smtps://%s%s%s:%d/%s", ip6 ? "[" : "", c->host,
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

static void
session_open(struct session *s)
{
	CURL *curl = s->curl = curl_easy_init();

	if (curl == NULL)
		abort(); /* out of memory */
	set_url(s);
	set_timeouts(s);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
	if (s->channel->ca_file != NULL)
		curl_easy_setopt(curl, CURLOPT_CAINFO, s->channel->ca_file);
	if (s->channel->user != NULL && s->channel->password != NULL) {
		curl_easy_setopt(curl, CURLOPT_USERNAME, s->channel->user);
		curl_easy_setopt(curl, CURLOPT_PASSWORD, s->channel->password);
	}
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
}

static CURLcode
perform(struct session *s, const struct delivery *d)
{
	struct curl_slist *to = curl_slist_append(NULL, d->address);
	CURLcode rc;

	set_patience(s, 1);
	s->given = 0;
	s->eof = false;
	s->why[0] = '\0';
	s->mail = s->rcpt = s->transfer = s->other = (struct heard){0};
	s->now = &s->other;
	curl_easy_setopt(s->curl, CURLOPT_MAIL_FROM, d->envelope_from);
	curl_easy_setopt(s->curl, CURLOPT_MAIL_RCPT, to);
	curl_easy_setopt(
	    s->curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)s->mime.len);
	rc = curl_easy_perform(s->curl);
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
	};

	return smtp_verdict(&f, v);
}

static void
blame_lane(struct session *s, CURLcode rc, bool login)
{
	const struct heard *h = s->mail.code >= 400 ? &s->mail : &s->other;
	char text[400], words[200];

	smtp_one_line(words, sizeof words, h->code >= 400 ? h->text : s->why);
	if (rc == CURLE_OPERATION_TIMEDOUT)
		snprintf(text, sizeof text,
		    "%.100s:%d does not answer within %d s", s->channel->host,
		    s->channel->port, s->channel->timeout_ms / 1000);
	else if (h->code >= 400)
		snprintf(text, sizeof text, "%.100s:%d %s: %d %s",
		    s->channel->host, s->channel->port,
		    login ? "refuses the login" : "refuses", h->code, words);
	else
		snprintf(text, sizeof text, "%.100s:%d %s: %s",
		    s->channel->host, s->channel->port,
		    login ? "wants a login" : "cannot be used", words);
	smtp_lane_failed(s->slot->lane, text, login);
}

/* Returns 0 when the connection is fit for another message. */
static int
send_one(struct session *s, struct delivery *d)
{
	CURLcode rc = perform(s, d);
	enum smtp_outcome o = judge(s, &d->verdict);
	bool login = rc == CURLE_LOGIN_DENIED || o == SMTP_LOGIN_REFUSED;

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

int
smtp_curl_run(struct smtp_slot *slot, struct delivery *first)
{
	struct session s = {.slot = slot, .channel = slot->lane->channel};
	int left = s.channel->messages_per_connection;
	struct delivery *d = first;
	int rc = 0;

	session_open(&s);
	do {
		if (smtp_render(d, &s.mime) < 0)
			smtp_lane_give(slot, d);
		else
			rc = send_one(&s, d);
	} while (rc == 0 && --left > 0 &&
		 (d = smtp_lane_take(slot, 0, SMTP_IDLE_MS)) != NULL);
	if (s.works)
		smtp_lane_closed(slot->lane);
	session_close(&s);
	return rc == 0 || s.works ? 0 : -1;
}
