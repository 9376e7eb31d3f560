/* SPDX-License-Identifier: MIT */
/*
 * verdicts - counts and a list. A delivery is `taken` from the offer until the
 * loop has its verdict, and `unsettled` from then until the commit.
 */
#include <event2/event.h>

#include "worker/delivery/verdicts.h"
#include "worker/log.h"

static void
tell_ready(const struct verdicts *v)
{
	if (verdicts_room(v) > 0)
		v->host.ready(v->host.arg);
}

static void
on_later(evutil_socket_t fd, short what, void *arg)
{
	struct verdicts *v = arg;
	struct delivery *d = v->first, *next;

	v->first = NULL;
	v->last = &v->first;
	for (; d != NULL; d = next) {
		next = d->next;
		d->next = NULL;
		v->taken--;
		v->unsettled++;
		v->host.verdict(v->host.arg, d);
	}
	tell_ready(v);
}

void
verdicts_open(struct verdicts *v, const struct transport_host *host,
    const char *channel, int at_once, int ahead)
{
	*v = (struct verdicts){.host = *host,
	    .channel = channel,
	    .at_once = at_once,
	    .ahead = ahead};
	v->last = &v->first;
	v->later = event_new(host->base, -1, 0, on_later, v);
	if (v->later == NULL)
		panic("channel %s: no event", channel);
}

void
verdicts_close(struct verdicts *v)
{
	if (!verdicts_is_idle(v))
		panic("channel %s: closed with %d messages on their way",
		    v->channel, v->taken);
	event_free(v->later);
}

int
verdicts_room(const struct verdicts *v)
{
	int free_now = v->at_once - v->taken;
	int may_settle = v->ahead - v->unsettled - v->taken;
	int room = free_now < may_settle ? free_now : may_settle;

	return v->stopped || room < 0 ? 0 : room;
}

void
verdicts_take(struct verdicts *v)
{
	if (verdicts_room(v) == 0)
		panic("channel %s: offered more than its room", v->channel);
	v->taken++;
}

void
verdicts_give(struct verdicts *v, struct delivery *d)
{
	d->next = NULL;
	*v->last = d;
	v->last = &d->next;
	event_active(v->later, EV_TIMEOUT, 0);
}

void
verdicts_settled(struct verdicts *v, int count)
{
	if (count > v->unsettled)
		panic("channel %s: %d verdicts settled of %d", v->channel,
		    count, v->unsettled);
	v->unsettled -= count;
	tell_ready(v);
}

bool
verdicts_is_idle(const struct verdicts *v)
{
	return v->taken == 0;
}

void
verdicts_trouble(struct verdicts *v, const char *text)
{
	if (!v->in_trouble)
		v->host.notice(v->host.arg, v->channel, text);
	v->in_trouble = true;
}

void
verdicts_well(struct verdicts *v)
{
	v->in_trouble = false;
}
