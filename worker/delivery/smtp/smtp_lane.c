/* SPDX-License-Identifier: MIT */
/*
 * smtp_lane - the lock, and what is under it.
 *
 * A message wakes one thread that may take it, and a credit the one it belongs
 * to. The loop is woken by an eventfd, written to once until it comes.
 */
#include "worker/delivery/smtp/smtp_lane.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "templates/mem.h"
#include "templates/mail/mime.h"
#include "worker/clock.h"

#define MESSAGES_PER_SLOT 4
#define FIRST_PAUSE_MS	  1000
#define LONGEST_PAUSE_MS  (5 * 60 * 1000)
#define STUCK_MS	  1000
#define GROW_PAUSE_MS	  (60 * 1000)

bool
smtp_only_curl(const struct channel *c)
{
	return c->tls == TLS_IMPLICIT || strchr(c->host, ':') != NULL ||
	       (c->auth != NULL && strcmp(c->auth, "xoauth2") == 0);
}

/* RFC 6531: an address beyond ASCII needs SMTPUTF8. */
enum smtp_way
smtp_lane_way(const struct smtp_lane *l, const struct delivery *d)
{
	bool ascii =
	    address_is_ascii(d->address) &&
	    (d->envelope_from == NULL || address_is_ascii(d->envelope_from));

	return l->only_curl || !ascii ? SMTP_CURL : SMTP_ESMTP;
}

void
smtp_lane_init(
    struct smtp_lane *l, const struct channel *c, SSL_CTX *tls, int wake_fd)
{
	pthread_condattr_t attr;

	memset(l, 0, sizeof *l);
	l->channel = c;
	l->only_curl = smtp_only_curl(c);
	l->tls = tls;
	l->wake_fd = wake_fd;
	l->last = &l->first;
	l->n_slots = c->connections > 0 ? c->connections : 1;
	l->size = MESSAGES_PER_SLOT * l->n_slots;
	l->slots = xcalloc(l->n_slots, sizeof *l->slots);
	pthread_mutex_init(&l->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	for (int i = 0; i < l->n_slots; i++) {
		l->slots[i].lane = l;
		smtp_io_init(&l->slots[i].io, c->timeout_ms);
		pthread_cond_init(&l->slots[i].go, &attr);
	}
	pthread_condattr_destroy(&attr);
}

void
smtp_lane_free(struct smtp_lane *l)
{
	for (int i = 0; i < l->n_slots; i++)
		pthread_cond_destroy(&l->slots[i].go);
	pthread_mutex_destroy(&l->lock);
	free(l->news.results);
	buf_free(&l->news.notices);
	free(l->slots);
}

/* With the lock held, down to smtp_lane_room(). */

static void
wake_loop(struct smtp_lane *l)
{
	uint64_t one = 1;

	if (l->woken)
		return;
	l->woken = true;
	if (write(l->wake_fd, &one, sizeof one) < 0)
		l->woken = false; /* the next one tries again */
}

static void
add_result(struct smtp_lane *l, struct smtp_slot *slot, struct delivery *d)
{
	struct smtp_news *n = &l->news;

	if (n->n_results == n->cap) {
		n->cap = n->cap == 0 ? 64 : 2 * n->cap;
		n->results = xrealloc(n->results, n->cap * sizeof *n->results);
	}
	n->results[n->n_results++] = (struct smtp_result){d, slot};
	wake_loop(l);
}

static void
release(struct smtp_lane *l, struct delivery *d, const char *why)
{
	memset(&d->verdict, 0, sizeof d->verdict);
	d->verdict.what = VERDICT_RELEASED;
	snprintf(d->verdict.text, sizeof d->verdict.text, "%s", why);
	add_result(l, NULL, d);
}

static struct delivery *
first_waiting(struct smtp_lane *l)
{
	struct delivery *d = l->first;

	if (d == NULL)
		return NULL;
	l->first = d->next;
	if (l->first == NULL)
		l->last = &l->first;
	d->next = NULL;
	l->waiting--;
	return d;
}

static void
release_waiting(struct smtp_lane *l, const char *why)
{
	struct delivery *d;

	while ((d = first_waiting(l)) != NULL)
		release(l, d, why);
}

bool
smtp_is_stale(const struct delivery *d)
{
	return clock_monotonic_ms() - d->offered_us / 1000 > SMTP_FRESH_MS;
}

/* Back to the gates, and next in turn: the channel takes mail all the same. */
static void
release_stale(struct smtp_lane *l)
{
	struct delivery *d;

	while ((d = l->first) != NULL && smtp_is_stale(d)) {
		first_waiting(l);
		release(l, d, "no connection was free");
		d->verdict.retry_after_ms = 1;
	}
}

static void
add_notice(struct smtp_lane *l, const char *text)
{
	buf_add(&l->news.notices, text, strlen(text) + 1);
	wake_loop(l);
}

static int64_t
pause_left(const struct smtp_lane *l)
{
	int64_t left = l->open_at_ms - clock_monotonic_ms();

	return l->failures > 0 && left > 0 ? left : 0;
}

static bool
is_paused(const struct smtp_lane *l)
{
	return pause_left(l) > 0;
}

/* "relay:25 refuses the login: 535 5.7.8", and the relay's words or none. */
static void
explain(char *out, size_t size, const char *what, const struct verdict *reply,
    const char *words)
{
	if (reply == NULL)
		snprintf(out, size, "%s", what);
	else
		snprintf(out, size, "%s: %d%s%s%s%s", what, reply->code,
		    reply->enhanced_status[0] != '\0' ? " " : "",
		    reply->enhanced_status, *words != '\0' ? " " : "", words);
}

static void
pause_lane(struct smtp_lane *l, const char *told, bool login)
{
	int64_t pause_ms = FIRST_PAUSE_MS;
	char text[500];

	for (int i = 0; i < l->failures && pause_ms < LONGEST_PAUSE_MS; i++)
		pause_ms *= 2;
	if (login || pause_ms > LONGEST_PAUSE_MS)
		pause_ms = LONGEST_PAUSE_MS;
	l->failures++;
	l->open_at_ms = clock_monotonic_ms() + pause_ms;
	release_waiting(l, l->why);
	snprintf(text, sizeof text, "%s, next try in %" PRId64 " s", told,
	    pause_ms / 1000);
	add_notice(l, text);
}

/* The relay has answered. A pause for another reason goes on to its end. */
static void
recover(struct smtp_lane *l)
{
	if (l->failures == 0 || is_paused(l))
		return;
	l->failures = 0;
	l->news.ready = true;
	add_notice(l, "the relay works again");
}

static void
stay_small(struct smtp_lane *l, const char *told)
{
	char text[500];

	l->grow_at_ms = clock_monotonic_ms() + GROW_PAUSE_MS;
	snprintf(text, sizeof text, "%s, going on with %d connection%s", told,
	    l->live, l->live == 1 ? "" : "s");
	add_notice(l, text);
}

static bool
may_take(const struct smtp_slot *slot, int in_hand)
{
	const struct smtp_lane *l = slot->lane;
	int unsettled = l->channel->unsettled > 0 ? l->channel->unsettled : 1;

	return l->first != NULL && slot->ahead + in_hand < unsettled;
}

static bool
is_of_way(const struct smtp_lane *l, enum smtp_way way)
{
	return way == SMTP_ANY_WAY || smtp_lane_way(l, l->first) == way;
}

/* Returns whether this slot is about to take one. */
static bool
wake_slot(struct smtp_slot *slot)
{
	if (!slot->waits || !may_take(slot, 0))
		return false;
	slot->waits = false;
	pthread_cond_signal(&slot->go);
	return true;
}

static void
wake_one(struct smtp_lane *l)
{
	for (int i = 0; i < l->n_slots; i++)
		if (wake_slot(&l->slots[i]))
			return;
}

/*
 * Slowly: no more connections are on their way to work than do work. What makes
 * the relay refuse one then costs one message a try, and spares the others.
 */
static bool
may_grow(const struct smtp_lane *l)
{
	int64_t now = clock_monotonic_ms();
	bool stuck = l->waiting > l->idle && now - l->took_at_ms > STUCK_MS;

	return !l->stopping && l->running < l->n_slots &&
	       (l->waiting > l->running || stuck) &&
	       (l->running == 0 ||
		   (l->running - l->live < l->live && now >= l->grow_at_ms));
}

int
smtp_lane_room(struct smtp_lane *l)
{
	int room = 0;

	pthread_mutex_lock(&l->lock);
	if (l->stopping || is_paused(l))
		room = 0;
	else if (l->failures > 0) /* one message finds out */
		room = l->waiting + l->taken == 0;
	else
		room = l->size - l->waiting;
	pthread_mutex_unlock(&l->lock);
	return room;
}

void
smtp_lane_offer(struct smtp_lane *l, struct delivery *d)
{
	d->next = NULL;
	pthread_mutex_lock(&l->lock);
	if (l->stopping || is_paused(l))
		release(l, d, "the channel takes no mail now");
	else {
		*l->last = d;
		l->last = &d->next;
		if (++l->waiting >= l->size)
			l->hungry = true;
		wake_one(l);
	}
	pthread_mutex_unlock(&l->lock);
}

void
smtp_lane_take_back(struct smtp_lane *l)
{
	pthread_mutex_lock(&l->lock);
	release_waiting(l, "the channel waits");
	pthread_mutex_unlock(&l->lock);
}

void
smtp_lane_settled(struct smtp_lane *l, struct smtp_slot *slot)
{
	if (slot == NULL)
		return;
	pthread_mutex_lock(&l->lock);
	slot->ahead--;
	wake_slot(slot);
	pthread_mutex_unlock(&l->lock);
}

void
smtp_lane_news(struct smtp_lane *l, struct smtp_news *out)
{
	struct smtp_news old = *out;

	old.n_results = 0;
	old.ready = false;
	buf_truncate(&old.notices, 0);
	pthread_mutex_lock(&l->lock);
	l->woken = false;
	*out = l->news;
	l->news = old;
	pthread_mutex_unlock(&l->lock);
}

struct smtp_slot *
smtp_lane_grow(struct smtp_lane *l, bool *join)
{
	struct smtp_slot *slot = NULL;

	pthread_mutex_lock(&l->lock);
	if (may_grow(l)) {
		for (slot = l->slots; slot->state == SLOT_RUNNING;)
			slot++;
		*join = slot->state == SLOT_ENDED;
		slot->state = SLOT_RUNNING;
		l->running++;
	}
	pthread_mutex_unlock(&l->lock);
	return slot;
}

int64_t
smtp_lane_pause_ms(struct smtp_lane *l)
{
	int64_t left;

	pthread_mutex_lock(&l->lock);
	left = pause_left(l);
	pthread_mutex_unlock(&l->lock);
	return left;
}

void
smtp_lane_status(struct smtp_lane *l, struct transport_status *s)
{
	pthread_mutex_lock(&l->lock);
	if (l->failures > 0) {
		s->state = is_paused(l) ? TRANSPORT_PAUSED : TRANSPORT_TRYING;
		s->until_ms = l->open_at_ms;
		snprintf(s->why, sizeof s->why, "%s", l->why);
	}
	pthread_mutex_unlock(&l->lock);
}

void
smtp_lane_resume(struct smtp_lane *l)
{
	pthread_mutex_lock(&l->lock);
	l->failures = 0;
	l->grow_at_ms = 0;
	pthread_mutex_unlock(&l->lock);
}

void
smtp_lane_set_tls(struct smtp_lane *l, SSL_CTX *tls)
{
	SSL_CTX *old;

	pthread_mutex_lock(&l->lock);
	old = l->tls;
	l->tls = tls;
	pthread_mutex_unlock(&l->lock);
	SSL_CTX_free(old);
}

SSL_CTX *
smtp_lane_tls(struct smtp_lane *l)
{
	SSL_CTX *tls;

	pthread_mutex_lock(&l->lock);
	tls = l->tls;
	if (tls != NULL)
		SSL_CTX_up_ref(tls);
	pthread_mutex_unlock(&l->lock);
	return tls;
}

void
smtp_lane_stop(struct smtp_lane *l)
{
	pthread_mutex_lock(&l->lock);
	l->stopping = true;
	release_waiting(l, "the channel stops");
	for (int i = 0; i < l->n_slots; i++)
		pthread_cond_signal(&l->slots[i].go);
	wake_loop(l);
	pthread_mutex_unlock(&l->lock);
}

bool
smtp_lane_is_idle(struct smtp_lane *l)
{
	bool idle;

	pthread_mutex_lock(&l->lock);
	idle = l->running == 0 && l->waiting == 0 && l->news.n_results == 0;
	pthread_mutex_unlock(&l->lock);
	return idle;
}

void
smtp_lane_cut(struct smtp_lane *l)
{
	pthread_mutex_lock(&l->lock);
	for (int i = 0; i < l->n_slots; i++) {
		struct smtp_slot *slot = &l->slots[i];

		smtp_io_cut(&slot->io);
		if (slot->lent == NULL)
			continue;
		release(l, slot->lent, "the channel stops");
		l->taken--;
		slot->lent = NULL;
		slot->is_recalled = true;
	}
	pthread_mutex_unlock(&l->lock);
}

struct delivery *
smtp_lane_take(
    struct smtp_slot *slot, enum smtp_way way, int in_hand, int wait_ms)
{
	struct smtp_lane *l = slot->lane;
	int64_t until = clock_monotonic_ms() + wait_ms;
	struct timespec ts = {until / 1000, until % 1000 * 1000000};
	struct delivery *d = NULL;
	int rc = 0;

	pthread_mutex_lock(&l->lock);
	l->idle++;
	for (;;) {
		release_stale(l);
		if (wait_ms == 0 || rc != 0 || l->stopping ||
		    may_take(slot, in_hand))
			break;
		slot->waits = true;
		rc = pthread_cond_timedwait(&slot->go, &l->lock, &ts);
	}
	slot->waits = false;
	l->idle--;
	if (!l->stopping && may_take(slot, in_hand) && is_of_way(l, way)) {
		d = first_waiting(l);
		l->took_at_ms = clock_monotonic_ms();
		l->taken++;
	}
	if (d != NULL && l->hungry && l->waiting <= l->size / 2) {
		l->hungry = false;
		l->news.ready = true;
		wake_loop(l);
	}
	pthread_mutex_unlock(&l->lock);
	return d;
}

void
smtp_lane_give(struct smtp_slot *slot, struct delivery *d)
{
	struct smtp_lane *l = slot->lane;

	pthread_mutex_lock(&l->lock);
	l->taken--;
	slot->ahead++;
	if (d->verdict.what != VERDICT_RELEASED && d->verdict.code != 0)
		recover(l);
	add_result(l, slot, d);
	pthread_mutex_unlock(&l->lock);
}

void
smtp_lane_lend(struct smtp_slot *slot, struct delivery *d)
{
	pthread_mutex_lock(&slot->lane->lock);
	slot->lent = d;
	slot->is_recalled = false;
	pthread_mutex_unlock(&slot->lane->lock);
}

bool
smtp_lane_begin(struct smtp_slot *slot)
{
	bool is_recalled;

	pthread_mutex_lock(&slot->lane->lock);
	slot->lent = NULL;
	is_recalled = slot->is_recalled;
	pthread_mutex_unlock(&slot->lane->lock);
	return !is_recalled;
}

void
smtp_lane_works(struct smtp_lane *l)
{
	pthread_mutex_lock(&l->lock);
	l->live++;
	recover(l);
	if (may_grow(l))
		wake_loop(l);
	pthread_mutex_unlock(&l->lock);
}

void
smtp_lane_closed(struct smtp_lane *l)
{
	pthread_mutex_lock(&l->lock);
	l->live--;
	pthread_mutex_unlock(&l->lock);
}

void
smtp_lane_failed(struct smtp_lane *l, const char *what,
    const struct verdict *reply, bool login)
{
	char told[400];

	explain(told, sizeof told, what, reply, "");
	pthread_mutex_lock(&l->lock);
	if (l->stopping || is_paused(l)) { /* one failure for all of them */
		;
	} else if (l->live > 0 && !login) {
		stay_small(l, told);
	} else {
		explain(l->why, sizeof l->why, what, reply,
		    reply != NULL ? reply->text : "");
		pause_lane(l, told, login);
	}
	pthread_mutex_unlock(&l->lock);
}

void
smtp_lane_notice(struct smtp_lane *l, const char *text)
{
	pthread_mutex_lock(&l->lock);
	add_notice(l, text);
	pthread_mutex_unlock(&l->lock);
}

void
smtp_lane_leave(struct smtp_slot *slot, enum smtp_slot_state state)
{
	struct smtp_lane *l = slot->lane;

	pthread_mutex_lock(&l->lock);
	slot->state = state;
	l->running--;
	wake_loop(l);
	pthread_mutex_unlock(&l->lock);
}
