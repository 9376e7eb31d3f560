/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "worker/clock.h"
#include "worker/lanes/lane.h"
#include "worker/log.h"
#include "worker/telemetry/stats.h"

#define CLAIM_MAX 256
#define LOOK_MAX  2000 /* messages in a turn, most not to be sent now */
#define PAUSE_MS \
	INT64_C(5000) /* when the other side asks for less, without a time */
#define PAUSE_MAX_MS ((int64_t)15 * 60 * 1000)

static void
on_verdict(void *arg, struct delivery *d)
{
	struct lane *l = arg;

	l->verdicts = list_room(
	    l->verdicts, l->n_verdicts, &l->cap_verdicts, sizeof *l->verdicts);
	l->verdicts[l->n_verdicts++] = d;
	l->in_flight--;
	stats_count(STAT_SENDING, l->channel->name, "",
	    (double)(clock_monotonic_us() - d->offered_us) / 1e6);
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
	l->pace = pace_new(channel);
	l->workspace = workspace_hold(w);
	return l;
}

int
lane_room(struct lane *l, int64_t now_ms, int64_t mono)
{
	int room;

	if (l->stopped != NULL || mono < l->slowed_until)
		return 0;
	room = l->type->room(l->transport);
	return pace_room(l->pace, now_ms, room < CLAIM_MAX ? room : CLAIM_MAX);
}

int64_t
lane_next_ms(const struct lane *l, int64_t now_ms)
{
	int64_t opens;

	if (l->next_at_ms == 0 || l->stopped != NULL)
		return 0;
	opens = pace_opens_at(l->pace, now_ms);
	return opens > now_ms && opens > l->next_at_ms ? opens : l->next_at_ms;
}

/* What was offered and has not begun passes the gates again. */
static void
take_back(struct lane *l)
{
	if (l->type->take_back != NULL)
		l->type->take_back(l->transport);
}

static void
set_why(struct lane *l, const struct verdict *v)
{
	char code[16] = "";

	if (v->code != 0)
		snprintf(code, sizeof code, "%d ", v->code);
	snprintf(l->slowed_why, sizeof l->slowed_why, "%s%s", code, v->text);
}

/*
 * The longest wait that was asked for, or our own: that doubles once a pause,
 * however many of those on their way are told the same.
 */
static int64_t
pause_wanted(struct lane *l, int64_t mono)
{
	int64_t asked = 0, own = 0;

	for (int i = 0; i < l->n_verdicts; i++) {
		const struct verdict *v = &l->verdicts[i]->verdict;

		if (v->what == VERDICT_SENT)
			l->slowed = 0;
		if (!v->slows_channel)
			continue;
		set_why(l, v);
		if (v->retry_after_ms > asked)
			asked = v->retry_after_ms;
		if (v->retry_after_ms == 0 && mono >= l->slowed_until)
			own = PAUSE_MS << l->slowed;
	}
	if (own > 0 && own < PAUSE_MAX_MS)
		l->slowed++;
	if (own > asked)
		asked = own;
	return asked < PAUSE_MAX_MS ? asked : PAUSE_MAX_MS;
}

/*
 * 421, 4.7.x, 429: the other side wants less, so the whole channel waits. That
 * holds even when the turn is rolled back.
 */
static void
slow_down(struct lane *l, int64_t mono)
{
	int64_t pause = pause_wanted(l, mono);

	if (pause == 0 || mono + pause <= l->slowed_until)
		return;
	l->slowed_until = mono + pause;
	take_back(l);
	stats_count(STAT_PAUSES, l->channel->name, "", 1);
	log_warn("channel %s: paused for %d s; nudge channels says why",
	    l->channel->name, (int)((pause + 999) / 1000));
}

int
lane_memory_get(
    struct queue *q, const char *what, const char *channel, const char **value)
{
	char name[300];

	snprintf(name, sizeof name, "%s:%s", what, channel);
	return queue_setting_get(q, name, value);
}

int
lane_memory_put(
    struct queue *q, const char *what, const char *channel, const char *value)
{
	char name[300];

	snprintf(name, sizeof name, "%s:%s", what, channel);
	return queue_setting_put(q, name, value);
}

static int
remember(struct lane *l, struct turn *t)
{
	const char *name = l->channel->name, *warmup = NULL, *stop = NULL;

	if (l->remembers)
		return 0;
	if (lane_memory_get(t->queue, LANE_WARMUP, name, &warmup) != 0 ||
	    lane_memory_get(t->queue, LANE_STOP, name, &stop) != 0)
		return -1;
	pace_remember(l->pace, warmup != NULL ? warmup : "");
	free(l->stopped);
	l->stopped = stop != NULL ? xstrdup(stop) : NULL;
	l->remembers = true;
	return 0;
}

static int
spend(struct lane *l, struct turn *t, int n)
{
	const char *memory;

	if (n == 0)
		return 0;
	pace_spend(l->pace, t->now_ms, n);
	memory = pace_memory(l->pace);
	return memory == NULL ? 0
			      : lane_memory_put(t->queue, LANE_WARMUP,
				    l->channel->name, memory);
}

void
lane_status(struct lane *l, int64_t mono, struct transport_status *out)
{
	*out = (struct transport_status){0};
	if (l->type->status != NULL)
		l->type->status(l->transport, out);
	if (l->stopped != NULL) {
		*out = (struct transport_status){.state = TRANSPORT_PAUSED};
		snprintf(out->why, sizeof out->why, "%s", l->stopped);
	} else if (out->state == TRANSPORT_WORKING && mono < l->slowed_until) {
		out->state = TRANSPORT_SLOWED;
		out->until_ms = l->slowed_until;
		snprintf(out->why, sizeof out->why, "%s", l->slowed_why);
	}
}

void
lane_resume(struct lane *l)
{
	if (l->type->resume != NULL)
		l->type->resume(l->transport);
}

void
lane_told(struct lane *l)
{
	free(l->stopped);
	l->stopped = NULL;
	l->remembers = false;
	l->slowed_until = 0;
	l->slowed = 0;
	take_back(l);
	lane_resume(l);
}

/*
 * The other side's own trouble costs one message an attempt, and then none
 * until something is sent: hours of it must not be the end of all that waits.
 */
static void
forgive(struct lane *l, struct verdict *v)
{
	if (v->what == VERDICT_SENT)
		l->in_trouble = false;
	if (v->what != VERDICT_RETRY || !v->is_trouble)
		return;
	if (l->in_trouble)
		v->what = VERDICT_RELEASED;
	l->in_trouble = true;
}

static void
count_verdict(const struct lane *l, const struct verdict *v)
{
	const char *name = l->channel->name;

	stats_count_later(STAT_VERDICTS, name, verdict_name(v->what), 1);
	if (v->is_policy)
		stats_count_later(STAT_POLICY, name, "", 1);
	if (v->address_is_dead)
		stats_count_later(STAT_DEAD, name, "", 1);
}

int
lane_settle(struct lane *l, struct turn *t, int64_t mono)
{
	int released = 0;

	if (l->n_verdicts == 0)
		return 0;
	slow_down(l, mono);
	for (int i = 0; i < l->n_verdicts; i++) {
		struct verdict *v = &l->verdicts[i]->verdict;

		forgive(l, v);
		count_verdict(l, v);
		released += v->what == VERDICT_RELEASED;
	}
	if (remember(l, t) != 0 || spend(l, t, -released) != 0)
		return -1;
	return turn_settle(t, l->verdicts, l->n_verdicts);
}

int
lane_claim(struct lane *l, struct turn *t, int64_t mono)
{
	struct delivery **tail = &l->claimed;
	int room, taken = 0, looked = 0, claimed = 0;

	if (remember(l, t) != 0)
		return -1;
	room = lane_room(l, t->now_ms, mono);
	while (claimed < room && looked < LOOK_MAX) {
		int n = turn_claim(
		    t, l->channel, l->pace, room - claimed, tail, &taken);

		if (n < 0)
			return -1;
		while (*tail != NULL)
			tail = &(*tail)->next;
		looked += taken;
		if (taken < room - claimed)
			looked = LOOK_MAX; /* that was all */
		claimed += n;
	}
	if (spend(l, t, claimed) != 0)
		return -1;
	l->next_at_ms = queue_message_next(t->queue, l->channel->name);
	return l->next_at_ms < 0 ? -1 : 0;
}

void
lane_committed(struct lane *l)
{
	int settled = l->n_verdicts;
	struct delivery *d;

	l->n_verdicts = 0;
	for (int i = 0; i < settled; i++)
		turn_delivery_free(l->verdicts[i]);
	while ((d = l->claimed) != NULL) {
		l->claimed = d->next;
		d->next = NULL;
		l->in_flight++;
		d->offered_us = clock_monotonic_us();
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

	l->remembers = false;
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
	free(l->stopped);
	pace_free(l->pace);
	workspace_release(l->workspace);
	free(l);
}
