/* SPDX-License-Identifier: MIT */
/*
 * smtp_session - a stream of messages through one libesmtp session.
 *
 * libesmtp runs until its list of messages is at its end, so each message is
 * put on the list while the one before it is under way: one ahead, not more, or
 * while the session would have nothing to do.
 *
 * Invariants: each message gets one verdict, at the event that decides it or
 * after the session. libesmtp's return value and errors decide nothing; they
 * only help to say why. Callbacks leave errno 0, which libesmtp reads.
 */
#include "worker/delivery/smtp/smtp_session.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <auth-client.h>
#include <libesmtp.h>

#include "templates/mem.h"
#include "worker/clock.h"
#include "worker/delivery/smtp/smtp_render.h"
#include "worker/delivery/smtp/smtp_tls.h"
#include "worker/delivery/smtp/smtp_verdict.h"
#include "worker/delivery/smtp/smtp_watch.h"

#define LONGEST_SESSION_MS (5 * 60 * 1000)
#define QUIT_MS		   2000

/* A message of this session. */
struct job {
	struct delivery *delivery; /* NULL: it has had its verdict, or was
				      recalled */
	struct smtp_io *io;
	struct buf mime;
	smtp_message_t message;
	smtp_recipient_t recipient;
	bool given;	  /* the bytes were handed over */
	bool eof;	  /* and more was asked for */
	bool sent;	  /* MESSAGESENT came */
	int64_t began_ms; /* MAIL was said; 0: not yet */
};

struct session {
	struct smtp_slot *slot;
	const struct channel *channel;
	smtp_session_t smtp;
	auth_context_t auth;
	SSL_CTX *tls; /* NULL: none */
	struct smtp_watch watch;
	struct job *jobs;
	int n_jobs, max_jobs;
	int64_t started_ms;
	bool connected, no_starttls;
	bool works;   /* MAIL was answered, and not with "who are you" */
	bool carried; /* a mail was accepted */
	bool blamed;  /* the lane knows what is wrong */
};

static void *
have(void *p)
{
	if (p == NULL) {
		fputs("libesmtp is out of memory\n", stderr);
		abort();
	}
	return p;
}

/* Messages. */

static const char *
on_body(void **ctx, int *len, void *arg)
{
	struct job *j = arg;

	(void)ctx;
	errno = 0;
	if (len == NULL) {
		smtp_io_message(j->io);
		j->given = j->eof = false;
		return NULL;
	}
	smtp_io_more(j->io);
	*len = j->given ? 0 : (int)j->mime.len;
	j->eof = j->given;
	j->given = true;
	return j->eof ? NULL : j->mime.data;
}

static void
session_add(struct session *s, struct delivery *d)
{
	struct job *j = &s->jobs[s->n_jobs++];

	j->delivery = d;
	j->io = &s->slot->io;
	j->message = have(smtp_add_message(s->smtp));
	j->recipient = have(smtp_add_recipient(j->message, d->address));
	smtp_set_reverse_path(j->message, d->envelope_from);
	smtp_set_messagecb(j->message, on_body, j);
	smtp_size_set_estimate(j->message, j->mime.len);
}

static bool
may_add(const struct session *s)
{
	return s->n_jobs < s->max_jobs && s->slot->io.err == 0 &&
	       clock_monotonic_ms() - s->started_ms < LONGEST_SESSION_MS;
}

/* Put one more message on the list, if there is one. Returns whether. */
static bool
session_next(struct session *s, int in_hand, int wait_ms)
{
	struct delivery *d;

	while (may_add(s) && (d = smtp_lane_take(s->slot, SMTP_ESMTP, in_hand,
				  wait_ms)) != NULL) {
		if (smtp_render(d, &s->jobs[s->n_jobs].mime) == 0) {
			session_add(s, d);
			return true;
		}
		smtp_lane_give(s->slot, d);
	}
	return false;
}

/* Verdicts. */

static struct smtp_reply
reply_of(const smtp_status_t *status)
{
	struct smtp_reply r = {0};

	if (status != NULL) {
		r.code = status->code;
		r.text = status->text;
	}
	return r;
}

static enum smtp_outcome
job_judge(const struct session *s, struct job *j)
{
	struct smtp_facts f = {
	    .mail = reply_of(smtp_reverse_path_status(j->message)),
	    .rcpt = reply_of(smtp_recipient_status(j->recipient)),
	    .transfer = reply_of(smtp_message_transfer_status(j->message)),
	    .eof = j->eof,
	    .sent = j->sent,
	    .wfail = s->slot->io.wfail,
	    .later = s->carried,
	};

	return smtp_verdict(&f, &j->delivery->verdict);
}

static void
job_give(struct session *s, struct job *j)
{
	struct delivery *d = j->delivery;

	buf_free(&j->mime);
	j->delivery = NULL;
	smtp_lane_give(s->slot, d);
}

static void
login_failed(struct session *s, const struct verdict *reply)
{
	char what[400];

	s->blamed = true;
	snprintf(what, sizeof what, "%s:%d %s%s", s->channel->host,
	    s->channel->port,
	    s->auth != NULL ? "refuses the login" : "wants a login",
	    reply == NULL ? ": it offers no PLAIN, LOGIN or CRAM-MD5" : "");
	smtp_lane_failed(s->slot->lane, what, reply, true);
}

/*
 * The verdict for a message that is over. Returns whether the connection is fit
 * for another. The lane is told first, so that it takes nothing back at once.
 */
static bool
job_end(struct session *s, struct job *j)
{
	enum smtp_outcome o = job_judge(s, j);
	struct verdict v = j->delivery->verdict;

	s->carried = s->carried || o == SMTP_ACCEPTED;
	if (o == SMTP_LOGIN_REFUSED)
		login_failed(s, &v);
	if (o == SMTP_OUT_OF_STEP) {
		smtp_io_abort(&s->slot->io, EPROTO);
		smtp_lane_notice(s->slot->lane, v.text);
	}
	job_give(s, j);
	return v.code != 421 &&
	       (o == SMTP_ACCEPTED || o == SMTP_MAIL_REFUSED ||
		   o == SMTP_RECIPIENT_REFUSED || o == SMTP_TRANSFER_REFUSED);
}

/* Events. */

/* Only the last two on the list can still be without a verdict. */
static struct job *
job_of(struct session *s, smtp_message_t message)
{
	for (int i = s->n_jobs - 1; i >= 0 && s->jobs[i].delivery != NULL; i--)
		if (s->jobs[i].message == message)
			return &s->jobs[i];
	return NULL;
}

static bool
is_last(const struct session *s, const struct job *j)
{
	return j == &s->jobs[s->n_jobs - 1];
}

static void
wait_for_next(struct session *s, bool fit)
{
	if (!fit || !session_next(s, 0, SMTP_IDLE_MS))
		s->slot->io.cap_ms = QUIT_MS; /* comes now */
}

/* What comes out of a connection that was given up is not the relay's. */
static void
distrust(struct session *s, const smtp_status_t *reply)
{
	if (s->slot->io.err != 0 && reply->code != 0)
		s->slot->io.wfail = true;
}

/* The answer to MAIL. A refusal is the last that libesmtp tells about it. */
static void
on_mail(struct session *s, struct job *j)
{
	const smtp_status_t *reply = smtp_reverse_path_status(j->message);
	bool last = is_last(s, j), fit;

	distrust(s, reply);
	s->watch.mailing = true;
	if (!s->works && s->slot->io.err == 0 && !smtp_is_login(reply->code)) {
		s->works = true;
		smtp_lane_works(s->slot->lane);
	}
	if (reply->code / 100 == 2) {
		if (!s->slot->is_slow)
			session_next(s, 1, 0);
		return;
	}
	fit = job_end(s, j);
	if (last)
		wait_for_next(s, fit);
}

/*
 * libesmtp is through with a message. When DATA was refused it has looked at
 * its list already: what is put there now would never be sent.
 */
static void
on_sent(struct session *s, struct job *j)
{
	bool last = is_last(s, j), eof = j->eof, fit;

	j->sent = true;
	s->slot->is_slow =
	    clock_monotonic_ms() - j->began_ms > SMTP_FRESH_MS / 2;
	distrust(s, smtp_message_transfer_status(j->message));
	fit = job_end(s, j);
	if (last)
		wait_for_next(s, fit && eof);
}

static void
on_message_event(struct session *s, int event, smtp_message_t message)
{
	struct job *j = job_of(s, message);

	if (j == NULL)
		return;
	if (event == SMTP_EV_MAILSTATUS)
		on_mail(s, j);
	else
		on_sent(s, j);
}

static void
on_event(smtp_session_t smtp, int event, void *arg, ...)
{
	struct session *s = arg;
	va_list ap;

	(void)smtp;
	va_start(ap, arg);
	switch (event) {
	case SMTP_EV_CONNECT:
		s->connected = true;
		smtp_watch_greeting(&s->watch);
		break;
	case SMTP_EV_MAILSTATUS:
		(void)va_arg(ap, const char *); /* the sender */
		on_message_event(s, event, va_arg(ap, smtp_message_t));
		break;
	case SMTP_EV_MESSAGESENT:
		on_message_event(s, event, va_arg(ap, smtp_message_t));
		break;
	case SMTP_EV_EXTNA_STARTTLS:
		s->no_starttls = true;
		break;
	case SMTP_EV_WRONG_PEER_CERTIFICATE:
		/*
		 * libesmtp compares with the name that DNS ends at. OpenSSL
		 * has compared with the one in the settings: see smtp_tls.c.
		 */
		*va_arg(ap, int *) = 1;
		break;
	case SMTP_EV_DISCONNECT:
		smtp_io_closed(&s->slot->io);
		break;
	}
	va_end(ap);
	errno = 0;
}

/* What was lent to the session is the thread's, or has been recalled. */
static void
keep_first(struct session *s)
{
	struct job *first = &s->jobs[0];

	if (smtp_lane_begin(s->slot))
		return;
	first->delivery = NULL;
	smtp_io_abort(&s->slot->io, ECANCELED);
}

/*
 * MAIL is about to be said. A message that was taken while the one before it
 * was under way, and that took long: nobody knows whether it is still wanted.
 */
static void
begin(struct session *s)
{
	struct job *j = &s->jobs[s->n_jobs - 1];

	if (j->began_ms != 0 || (s->n_jobs > 1 && j[-1].delivery != NULL))
		return; /* a line of the body */
	j->began_ms = clock_monotonic_ms();
	if (!s->watch.mailing)
		keep_first(s);
	else if (smtp_is_stale(j->delivery))
		smtp_io_abort(&s->slot->io, ECANCELED);
}

/* What was read stands in libesmtp's own buffer, not in a constant. */
static void
on_wire(const char *data, int len, int writing, void *arg)
{
	struct session *s = arg;

	if (writing)
		smtp_watch_written(&s->watch, data, len);
	else
		smtp_watch_read(&s->watch, (char *)data, len);
	if (writing && len > 5 && memcmp(data, "MAIL ", 5) == 0)
		begin(s);
	errno = 0;
}

/* Fills in the fields that a login mechanism asks for. */
static int
on_login(auth_client_request_t request, char **result, int fields, void *arg)
{
	const struct channel *c = arg;

	for (int i = 0; i < fields; i++)
		if (request[i].flags & AUTH_USER)
			result[i] = c->user;
		else if (request[i].flags & AUTH_PASS)
			result[i] = c->password;
		else
			result[i] = NULL;
	return 1;
}

/* The session as a whole. */

static void
set_timeouts(smtp_session_t smtp, int ms)
{
	static const int waits[] = {
	    Timeout_GREETING, Timeout_ENVELOPE, Timeout_DATA, Timeout_TRANSFER};

	for (size_t i = 0; i < sizeof waits / sizeof *waits; i++)
		smtp_set_timeout(
		    smtp, waits[i] | Timeout_OVERRIDE_RFC2822_MINIMUM, ms);
	smtp_set_timeout(smtp, Timeout_DATA2 | Timeout_OVERRIDE_RFC2822_MINIMUM,
	    (long)ms * SMTP_FINAL_TIMEOUTS);
}

static void
set_login(struct session *s)
{
	if (s->channel->user == NULL || s->channel->password == NULL)
		return;
	s->auth = have(auth_create_context());
	auth_set_mechanism_flags(s->auth, AUTH_PLUGIN_PLAIN, 0);
	auth_set_interact_cb(s->auth, on_login, (void *)s->channel);
	smtp_auth_set_context(s->smtp, s->auth);
}

static void
session_open(struct session *s)
{
	const struct channel *c = s->channel;
	char server[300];

	s->smtp = have(smtp_create_session());
	snprintf(server, sizeof server, "%s:%d", c->host, c->port);
	smtp_set_server(s->smtp, server);
	if (c->helo != NULL)
		smtp_set_hostname(s->smtp, c->helo);
	set_timeouts(s->smtp, c->timeout_ms);
	smtp_set_eventcb(s->smtp, on_event, s);
	smtp_set_monitorcb(s->smtp, on_wire, s, 0);
	s->tls = smtp_lane_tls(s->slot->lane);
	if (s->tls != NULL) {
		smtp_starttls_set_ctx(s->smtp, s->tls);
		smtp_starttls_enable(s->smtp, Starttls_REQUIRED);
	}
	set_login(s);
	s->watch.io = &s->slot->io;
	s->watch.must_log_in = s->auth != NULL;
}

/*
 * Why it never came to MAIL, in words for the operator. Returns whether it is
 * what the relay has replied.
 */
static bool
explain(struct session *s, char *out, size_t size)
{
	const struct smtp_watch *w = &s->watch;
	const char *certificate = smtp_tls_reason();
	char text[200] = "";
	int n = snprintf(
	    out, size, "%.255s:%d ", s->channel->host, s->channel->port);

	out += n;
	size -= n;
	if (!s->connected)
		snprintf(out, size, "cannot be reached: %s",
		    smtp_strerror(smtp_errno(), text, sizeof text));
	else if (w->injected)
		snprintf(out, size,
		    "sends more than a reply to STARTTLS: "
		    "somebody meddles with the connection");
	else if (certificate != NULL)
		snprintf(out, size, "has a bad certificate: %s", certificate);
	else if (s->no_starttls)
		snprintf(out, size, "does not offer STARTTLS");
	else if (w->refusal[0] != '\0') {
		snprintf(out, size, "refuses");
		return true;
	} else if (w->now == SMTP_STARTTLS)
		snprintf(out, size, "cannot agree on TLS");
	else if (s->slot->io.err == ETIMEDOUT)
		snprintf(out, size, "does not answer within %d s",
		    s->channel->timeout_ms / 1000);
	else
		snprintf(out, size, "closes the connection");
	return false;
}

static void
session_failed(struct session *s)
{
	const char *refusal = s->watch.refusal, *words;
	struct verdict reply = {0};
	bool is_refused;
	char what[400];

	smtp_watch_close(&s->watch);
	words = refusal + strcspn(refusal, " -");
	if (*words != '\0')
		words++;
	if (refusal[0] != '\0')
		smtp_quote(&(struct smtp_reply){atoi(refusal), words}, &reply);
	if (s->watch.login_refused) {
		login_failed(s, refusal[0] != '\0' ? &reply : NULL);
		return;
	}
	is_refused = explain(s, what, sizeof what);
	smtp_lane_failed(
	    s->slot->lane, what, is_refused ? &reply : NULL, false);
}

static void
session_close(struct session *s)
{
	smtp_destroy_session(s->smtp);
	if (s->auth != NULL)
		auth_destroy_context(s->auth);
	SSL_CTX_free(s->tls);
	ERR_clear_error();
	smtp_tls_reason();
	smtp_io_closed(&s->slot->io);
	smtp_io_enter(NULL); /* the next message may be libcurl's */
	for (int i = 0; i < s->n_jobs; i++)
		buf_free(&s->jobs[i].mime);
	free(s->jobs);
}

int
smtp_session_run(struct smtp_slot *slot, struct delivery *first)
{
	const struct channel *c = slot->lane->channel;
	struct session s = {.slot = slot, .channel = c};

	s.max_jobs =
	    c->messages_per_connection > 0 ? c->messages_per_connection : 100;
	s.jobs = xcalloc(s.max_jobs, sizeof *s.jobs);
	if (smtp_render(first, &s.jobs[0].mime) < 0) {
		smtp_lane_give(slot, first);
		free(s.jobs);
		return 0;
	}
	s.started_ms = clock_monotonic_ms();
	smtp_io_enter(&slot->io);
	session_open(&s);
	session_add(&s, first);
	smtp_lane_lend(slot, first);
	smtp_start_session(s.smtp);
	keep_first(&s);
	if (s.works)
		smtp_lane_closed(slot->lane);
	else if (!s.blamed)
		session_failed(&s);
	for (int i = 0; i < s.n_jobs; i++)
		if (s.jobs[i].delivery != NULL)
			job_end(&s, &s.jobs[i]);
	session_close(&s);
	return s.works ? 0 : -1;
}
