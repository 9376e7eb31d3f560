/* SPDX-License-Identifier: MIT */
/*
 * preview_send - one mail through its channel's own transport, in this process:
 * a worker may be running or not, the queue knows nothing of it, and what the
 * other side said is told at once. Two gates stand here as well: the sandbox,
 * and addresses that must not be mailed.
 */
#include <fnmatch.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include <event2/event.h>
#include <event2/thread.h>
#include <openssl/rand.h>

#include "queue/queue.h"
#include "templates/json_text.h"
#include "templates/mem.h"
#include "templates/mail/mime.h"
#include "worker/clock.h"
#include "worker/commands/preview.h"
#include "worker/delivery/transport.h"
#include "worker/folders.h"

#define PATIENCE_S 60
#define GRACE_MS   2000

/* ----------------------------------------------------------------- gates */

static bool
is_in_sandbox(const struct settings *s, const char *address)
{
	char **pattern = s->sandbox;

	while (pattern != NULL && *pattern != NULL)
		if (fnmatch(*pattern++, address, FNM_CASEFOLD) == 0)
			return true;
	return s->sandbox == NULL;
}

/* Where there is no store yet, nobody has asked to be left alone. */
static int
check_suppressed(const struct previewer *p, const struct template_info *info,
    const char *address)
{
	struct queue_error error;
	struct queue *q =
	    queue_open(p->workspace->settings->store, QUEUE_READER, &error);
	const char *topic = info->topic != NULL ? info->topic : "", *why;
	int suppressed, rc = 0;

	if (q == NULL)
		return 0;
	suppressed = queue_suppressed(q, address, topic, &why);
	if (suppressed != 0)
		rc = fail(suppressed < 0 ? EX_IOERR : EX_NOPERM, "%s%s",
		    suppressed < 0 ? "" : "suppressed: ",
		    suppressed < 0 ? queue_error(q)->text : why);
	queue_close(q);
	return rc;
}

static int
check(const struct previewer *p, const struct template_info *info,
    const char *address)
{
	if (info->kind != TEMPLATE_EMAIL)
		return fail(EX_USAGE, "%s is no mail", info->file);
	if (!address_is_valid(address))
		return fail(
		    EX_USAGE, "\"%s\" is no address of a mailbox", address);
	if (!p->has_settings)
		return fail(EX_CONFIG, "nudge.json has errors");
	if (!is_in_sandbox(p->workspace->settings, address))
		return fail(EX_NOPERM, "sandbox: the address is not among "
				       "those that are mailed");
	return check_suppressed(p, info, address);
}

/* -------------------------------------------------------------- delivery */

/* What compose.h wants beside the scope, as for a message of the queue. */
static json_t *
mail_of(const struct previewer *p, const json_t *scope)
{
	const struct settings *s = p->workspace->settings;

	return json_pack("{s:s,s:s,s:s*,s:s,s:O*}", "from_name", s->sender.name,
	    "from_address", s->sender.address, "reply_to", s->sender.reply_to,
	    "timezone", zone_name(preview_zone(p)), "unsubscribe_url",
	    json_object_get(scope, "unsubscribe_url"));
}

/* Any: no message of the queue has it. */
static void
make_key(char key[27])
{
	unsigned char bytes[26];

	if (RAND_bytes(bytes, sizeof bytes) != 1)
		abort();
	for (size_t i = 0; i < sizeof bytes; i++)
		key[i] = "abcdefghijklmnopqrstuvwxyz234567"[bytes[i] & 31];
	key[26] = '\0';
}

static struct delivery *
make_delivery(const struct previewer *p, const struct template *template,
    bool is_bare, const char *address)
{
	struct delivery *d = xcalloc(1, sizeof *d);
	json_t *scope = preview_scope(p, template, is_bare);
	struct buf text = {0}, ascii = {0};
	struct error e;

	make_key(d->key);
	d->attempt = 1;
	d->now_ms = p->now_ms;
	/* somebody waits for it: until then it is not given back as stale */
	d->offered_us = clock_monotonic_us() + PATIENCE_S * 1000000LL;
	d->template = template;
	json_object_set_new(scope, "_mail", mail_of(p, scope));
	json_text_write(scope, &text);
	json_decref(scope);
	d->scope_len = text.len;
	d->scope = buf_steal(&text);
	d->address = address_to_ascii(address, &ascii, &e) == 0
			 ? buf_steal(&ascii)
			 : xstrdup(address);
	d->envelope_from = xstrdup(p->workspace->settings->sender.address);
	d->to_name = xstrdup("");
	return d;
}

static void
delivery_free(struct delivery *d)
{
	free(d->scope);
	free(d->address);
	free(d->envelope_from);
	free(d->to_name);
	free(d);
}

/* --------------------------------------------------------------- sending */

struct sending {
	const struct transport_type *type;
	struct transport *transport;
	struct delivery *delivery;
	bool is_offered, is_over, is_stopped;
	char trouble[300]; /* the first; "" for none */
};

static void
stop(struct sending *s)
{
	if (!s->is_stopped)
		s->type->stop(s->transport, GRACE_MS);
	s->is_stopped = true;
}

static void
on_verdict(void *arg, struct delivery *d)
{
	struct sending *s = arg;

	s->is_over = true;
}

/* One mail is not worth waiting until what is wrong has passed. */
static void
on_notice(void *arg, const char *channel, const char *text)
{
	struct sending *s = arg;

	if (s->trouble[0] == '\0')
		snprintf(s->trouble, sizeof s->trouble, "channel %s: %s",
		    channel, text);
}

static void
on_ready(void *arg)
{
}

static void
on_timeout(evutil_socket_t fd, short what, void *arg)
{
	stop(arg);
}

static void
turn_until_idle(struct sending *s, struct event_base *base)
{
	bool is_settled = false;

	while (!s->is_stopped || !s->type->is_idle(s->transport)) {
		if (!s->is_offered && s->type->room(s->transport) > 0) {
			s->is_offered = true;
			s->type->offer(s->transport, s->delivery);
		}
		event_base_loop(base, EVLOOP_ONCE);
		if (s->is_over && !is_settled) {
			is_settled = true;
			s->type->settled(s->transport, 1);
		}
		if (s->is_over || s->trouble[0] != '\0')
			stop(s);
	}
}

static int
send_through(const struct channel *channel, struct sending *s, struct error *e)
{
	struct timeval patience = {PATIENCE_S, 0};
	struct event_base *base;
	struct event *timer;
	struct transport_host host = {.verdict = on_verdict,
	    .notice = on_notice,
	    .ready = on_ready,
	    .arg = s};

	signal(SIGPIPE, SIG_IGN);
	evthread_use_pthreads();
	host.base = base = event_base_new();
	s->type = transport_find(channel->type);
	s->transport = s->type->start(channel, &host, e);
	if (s->transport != NULL) {
		timer = evtimer_new(base, on_timeout, s);
		event_add(timer, &patience);
		turn_until_idle(s, base);
		event_free(timer);
		s->type->free(s->transport);
	}
	event_base_free(base);
	return s->transport != NULL ? 0 : -1;
}

static int
report(const struct sending *s, const char *address)
{
	const struct verdict *v = &s->delivery->verdict;
	bool is_ours = v->what == VERDICT_RELEASED || v->text[0] == '\0';
	const char *why = is_ours ? s->trouble : v->text;

	if (s->is_over && v->what == VERDICT_SENT) {
		say("sent to %s: %s\n", address, why);
		return EX_OK;
	}
	return fail(v->what == VERDICT_HELD || v->what == VERDICT_SKIPPED
			? EX_DATAERR
			: EX_TEMPFAIL,
	    "not sent: %s", why[0] != '\0' ? why : "no answer in time");
}

int
preview_send(const struct previewer *p, const struct template *template,
    bool is_bare, const char *address)
{
	const struct template_info *info = template_info(template);
	int rc = check(p, info, address);
	const struct channel *channel;
	struct sending s = {0};
	struct error e;

	if (rc != 0)
		return rc;
	channel = settings_channel(p->workspace->settings, info->channel);
	if (strcmp(channel->type, "capture") == 0)
		folders_make(channel->folder, 0700);
	s.delivery = make_delivery(p, template, is_bare, address);
	rc = send_through(channel, &s, &e) == 0 ? report(&s, address)
						: fail(EX_CONFIG, "%s", e.text);
	delivery_free(s.delivery);
	return rc;
}
