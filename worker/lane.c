/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "worker/lane.h"
#include "worker/log.h"

#define CLAIM_MAX    256
#define PAUSE_MS     5000 /* when the other side asks for less, without a time */
#define PAUSE_MAX_MS ((int64_t)15 * 60 * 1000)

static void
on_verdict(void *arg, struct delivery *d)
{
	struct lane *l = arg;

	l->verdicts = list_room(
	    l->verdicts, l->n_verdicts, &l->cap_verdicts, sizeof *l->verdicts);
	l->verdicts[l->n_verdicts++] = d;
	l->in_flight--;
	l->wake(l->arg);
}

static void
on_notice(void *arg, const char *channel, const char *text)
{
	log_warn("channel %s: %s", channel, text);
}

static void
on_ready(void *arg)
{
	struct lane *l = arg;

	l->wake(l->arg);
}

struct lane *
lane_start(struct workspace *w, const struct channel *channel,
    struct event_base *base, void (*wake)(void *), void *arg, struct error *e)
{
	struct lane *l = xcalloc(1, sizeof *l);

	l->channel = channel;
	l->wake = wake;
	l->arg = arg;
	l->host = (struct transport_host){
	    .base = base,
	    .verdict = on_verdict,
	    .notice = on_notice,
	    .ready = on_ready,
	    .arg = l,
	};
	l->type = transport_find(channel->type);
	l->transport = l->type->start(channel, &l->host, e);
	if (l->transport == NULL) {
		free(l);
		return NULL;
	}
	l->workspace = workspace_hold(w);
	return l;
}

/* A bucket of one second's messages, so that a burst is never longer. */
static void
refill(struct lane *l, int64_t now)
{
	double most = l->channel->rate < 1 ? 1 : l->channel->rate;

	l->tokens += (double)(now - l->tokens_at) / 1000 * l->channel->rate;
	if (l->tokens > most || l->tokens_at == 0)
		l->tokens = most;
	l->tokens_at = now;
}

int
lane_room(struct lane *l, int64_t now)
{
	int room;

	if (now < l->paused_until)
		return 0;
	room = l->type->room(l->transport);
	if (room > CLAIM_MAX)
		room = CLAIM_MAX;
	if (l->channel->rate > 0) {
		refill(l, now);
		if (room > (int)l->tokens)
			room = (int)l->tokens;
	}
	return room;
}

int64_t
lane_held_until(const struct lane *l, int64_t now)
{
	int64_t until = now < l->paused_until ? l->paused_until : 0;
	int64_t refilled;

	if (l->channel->rate <= 0 || l->tokens >= 1)
		return until;
	refilled = l->tokens_at +
		   (int64_t)((1 - l->tokens) / l->channel->rate * 1000) + 1;
	return refilled > until ? refilled : until;
}

/* 421, 4.7.x, 429: the other side wants less, so the whole channel waits. */
static void
slow_down(struct lane *l, int64_t now)
{
	for (int i = 0; i < l->n_verdicts; i++) {
		const struct verdict *v = &l->verdicts[i]->verdict;
		int64_t pause =
		    v->retry_after_ms > 0 ? v->retry_after_ms : PAUSE_MS;

		if (!v->slows_channel)
			continue;
		if (pause > PAUSE_MAX_MS)
			pause = PAUSE_MAX_MS;
		if (now + pause > l->paused_until)
			l->paused_until = now + pause;
	}
}

int
lane_settle(struct lane *l, struct turn *t)
{
	if (l->n_verdicts == 0)
		return 0;
	return turn_settle(t, l->verdicts, l->n_verdicts);
}

int
lane_claim(struct lane *l, struct turn *t, int64_t now)
{
	struct delivery **tail = &l->claimed;
	int room = lane_room(l, now), taken = 0;

	while (room > 0) {
		int n = turn_claim(t, l->channel, room, tail, &taken);

		if (n < 0)
			return -1;
		while (*tail != NULL)
			tail = &(*tail)->next;
		l->tokens -= n;
		if (taken < room)
			break;
		room -= n;
	}
	l->next_at_ms = queue_message_next(t->queue, l->channel->name);
	return l->next_at_ms < 0 ? -1 : 0;
}

void
lane_committed(struct lane *l, int64_t now)
{
	int settled = l->n_verdicts;
	struct delivery *d;

	slow_down(l, now);
	l->n_verdicts = 0;
	for (int i = 0; i < settled; i++)
		turn_delivery_free(l->verdicts[i]);
	while ((d = l->claimed) != NULL) {
		l->claimed = d->next;
		d->next = NULL;
		l->in_flight++;
		l->type->offer(l->transport, d);
	}
	if (settled > 0)
		l->type->settled(l->transport, settled);
}

/* What was claimed is queued again; verdicts wait for the next turn. */
void
lane_rolled_back(struct lane *l)
{
	struct delivery *d;

	while ((d = l->claimed) != NULL) {
		l->claimed = d->next;
		turn_delivery_free(d);
	}
}

void
lane_stop(struct lane *l, int grace_ms)
{
	l->type->stop(l->transport, grace_ms);
}

bool
lane_is_quiet(const struct lane *l)
{
	return l->claimed == NULL && l->in_flight == 0 && l->n_verdicts == 0;
}

bool
lane_is_idle(const struct lane *l)
{
	return lane_is_quiet(l) && l->type->is_idle(l->transport);
}

void
lane_free(struct lane *l)
{
	l->type->free(l->transport);
	for (int i = 0; i < l->n_verdicts; i++)
		turn_delivery_free(l->verdicts[i]);
	free(l->verdicts);
	workspace_release(l->workspace);
	free(l);
}
