/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "worker/lanes/lanes.h"

struct lane *
lanes_find(const struct lanes *ls, const char *name)
{
	for (int i = 0; i < ls->count; i++)
		if (!ls->list[i]->is_retiring &&
		    strcmp(ls->list[i]->channel->name, name) == 0)
			return ls->list[i];
	return NULL;
}

static void
retire(struct lane *l, int grace_ms)
{
	l->is_retiring = true;
	lane_stop(l, grace_ms);
}

/* Frees what is retired and done. */
static void
sweep(struct lanes *ls)
{
	int kept = 0;

	for (int i = 0; i < ls->count; i++) {
		struct lane *l = ls->list[i];

		if (l->is_retiring && lane_is_idle(l))
			lane_free(l);
		else
			ls->list[kept++] = l;
	}
	ls->count = kept;
}

int
lanes_follow(
    struct lanes *ls, struct workspace *w, int grace_ms, struct error *e)
{
	const struct settings *s = w->settings;
	struct lane **fresh = xcalloc((size_t)s->n_channels + 1, sizeof *fresh);
	int n = 0, rc = 0;

	for (int i = 0; i < s->n_channels && rc == 0; i++) {
		struct lane *old = lanes_find(ls, s->channels[i].name);

		if (old != NULL && channel_equal(old->channel, &s->channels[i]))
			continue;
		fresh[n] = lane_start(
		    w, &s->channels[i], ls->base, ls->wake, ls->arg, e);
		rc = fresh[n] != NULL ? 0 : -1;
		n += rc == 0;
	}
	for (int i = 0; rc == 0 && i < ls->count; i++) {
		const struct channel *now =
		    settings_channel(s, ls->list[i]->channel->name);

		if (!ls->list[i]->is_retiring &&
		    (now == NULL || !channel_equal(ls->list[i]->channel, now)))
			retire(ls->list[i], grace_ms);
	}
	for (int i = 0; i < n; i++) {
		if (rc != 0)
			retire(fresh[i], 0);
		ls->list =
		    list_room(ls->list, ls->count, &ls->cap, sizeof *ls->list);
		ls->list[ls->count++] = fresh[i];
	}
	free(fresh);
	return rc;
}

void
lanes_resume(struct lanes *ls)
{
	for (int i = 0; i < ls->count; i++)
		if (!ls->list[i]->is_retiring)
			lane_resume(ls->list[i]);
}

int
lanes_settle(struct lanes *ls, struct turn *t, int64_t mono)
{
	for (int i = 0; i < ls->count; i++)
		if (lane_settle(ls->list[i], t, mono) != 0)
			return -1;
	return 0;
}

int
lanes_claim(struct lanes *ls, struct turn *t, int64_t mono)
{
	for (int i = 0; i < ls->count; i++)
		if (!ls->list[i]->is_retiring &&
		    lane_claim(ls->list[i], t, mono) != 0)
			return -1;
	return 0;
}

void
lanes_committed(struct lanes *ls)
{
	for (int i = 0; i < ls->count; i++)
		lane_committed(ls->list[i]);
	sweep(ls);
}

void
lanes_rolled_back(struct lanes *ls)
{
	for (int i = 0; i < ls->count; i++)
		lane_rolled_back(ls->list[i]);
}

bool
lanes_have_verdicts(const struct lanes *ls)
{
	for (int i = 0; i < ls->count; i++)
		if (ls->list[i]->n_verdicts > 0)
			return true;
	return false;
}

bool
lanes_have_due(struct lanes *ls, int64_t now_ms, int64_t mono)
{
	for (int i = 0; i < ls->count; i++) {
		struct lane *l = ls->list[i];

		if (!l->is_retiring && l->next_at_ms != 0 &&
		    l->next_at_ms <= now_ms && lane_room(l, now_ms, mono) > 0)
			return true;
	}
	return false;
}

int64_t
lanes_next_ms(const struct lanes *ls, int64_t now_ms)
{
	int64_t next = 0;

	for (int i = 0; i < ls->count; i++) {
		int64_t at = lane_next_ms(ls->list[i], now_ms);

		if (!ls->list[i]->is_retiring && at != 0 &&
		    (next == 0 || at < next))
			next = at;
	}
	return next;
}

int64_t
lanes_wait(const struct lanes *ls, int64_t now_ms, int64_t mono,
    bool is_test_clock, int64_t longest)
{
	int64_t wait = longest;

	for (int i = 0; i < ls->count; i++) {
		const struct lane *l = ls->list[i];
		int64_t due = lane_next_ms(l, now_ms) - now_ms;
		int64_t held = l->slowed_until - mono;

		if (l->is_retiring || l->next_at_ms == 0 ||
		    (is_test_clock && due > 0))
			continue;
		if (due <= 0 && held <= 0)
			continue; /* no room: the transport says when */
		if (held > due)
			due = held;
		if (due < wait)
			wait = due;
	}
	return wait;
}

void
lanes_look(struct lanes *ls, struct queue *q)
{
	for (int i = 0; i < ls->count; i++)
		ls->list[i]->next_at_ms =
		    queue_message_next(q, ls->list[i]->channel->name);
}

bool
lanes_are_quiet(const struct lanes *ls)
{
	for (int i = 0; i < ls->count; i++)
		if (!lane_is_quiet(ls->list[i]))
			return false;
	return true;
}

bool
lanes_are_idle(const struct lanes *ls)
{
	for (int i = 0; i < ls->count; i++)
		if (!lane_is_idle(ls->list[i]))
			return false;
	return true;
}

void
lanes_stop(struct lanes *ls, int grace_ms)
{
	for (int i = 0; i < ls->count; i++)
		if (!ls->list[i]->is_retiring)
			lane_stop(ls->list[i], grace_ms);
}

void
lanes_free(struct lanes *ls)
{
	for (int i = 0; i < ls->count; i++)
		lane_free(ls->list[i]);
	free(ls->list);
	*ls = (struct lanes){0};
}
