/* SPDX-License-Identifier: MIT */
/*
 * channels - the ways out: how each of them does, and an operator who stops one
 * or lets it go on. What only a worker knows is null where none has the store.
 * No secret comes out: of a url the host at most.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "templates/mem.h"
#include "worker/api/calls.h"
#include "worker/clock.h"
#include "worker/delivery/webhook/webhook_plan.h"
#include "worker/lanes/lanes.h"

#define COUNT_MAX 100000 /* queued messages that are counted */

static json_t *
host_value(const struct channel *c)
{
	if (c->plan != NULL)
		return c->plan->host_varies ? json_null()
					    : json_string(c->plan->host);
	return c->host != NULL ? json_sprintf("%s:%d", c->host, c->port)
			       : json_null();
}

static json_t *
public_keys(const struct webhook_plan *plan)
{
	json_t *list = json_array();

	for (int i = 0; plan != NULL && i < plan->n_keys; i++) {
		struct buf text = {0};

		if (!plan->keys[i].is_private)
			continue;
		signature_public_key(&plan->keys[i], &text);
		json_array_append_new(list, json_string(text.data));
		buf_free(&text);
	}
	return list;
}

/* What of the day's messages is used while a sender warms up. */
static int
add_warmup(struct turn *t, const struct channel *c, json_t *v)
{
	struct pace *pace = pace_new(c);
	const char *memory = NULL;
	int64_t used, most;
	int rc = lane_memory_get(t->queue, LANE_WARMUP, c->name, &memory);

	pace_remember(pace, memory != NULL ? memory : "");
	json_object_set_new(v, "warmup",
	    pace_today(pace, t->now_ms, &used, &most)
		? json_pack("{s:I,s:I}", "used", used, "most", most)
		: json_null());
	pace_free(pace);
	return rc;
}

/* That it was stopped is known without a worker. */
static int
add_state(struct turn *t, const struct channel *c, struct lane *lane, json_t *v)
{
	struct transport_status s = {0};
	int64_t mono = clock_monotonic_ms();
	const char *stop = NULL;

	if (lane_memory_get(t->queue, LANE_STOP, c->name, &stop) != 0)
		return -1;
	if (lane != NULL)
		lane_status(lane, mono, &s);
	if (stop != NULL) {
		s = (struct transport_status){.state = TRANSPORT_PAUSED};
		snprintf(s.why, sizeof s.why, "%s", stop);
	}
	json_object_set_new(v, "state",
	    lane == NULL && stop == NULL
		? json_null()
		: json_string(transport_state_name(s.state)));
	json_object_set_new(v, "until",
	    time_value(s.until_ms > mono ? t->now_ms + s.until_ms - mono : 0));
	json_object_set_new(v, "why", text_value(s.why));
	json_object_set_new(v, "in_flight",
	    lane != NULL ? json_integer(lane->in_flight) : json_null());
	return 0;
}

/* NULL: the store failed. */
static json_t *
channel_value(
    struct turn *t, const struct api_call *call, const struct channel *c)
{
	struct lane *lane =
	    call->lanes != NULL ? lanes_find(call->lanes, c->name) : NULL;
	int64_t queued = queue_messages_waiting(t->queue, c->name, COUNT_MAX);
	json_t *v = json_pack("{s:s,s:s,s:o,s:I,s:o,s:o}", "name", c->name,
	    "type", c->type, "host", host_value(c), "queued", queued, "rate",
	    c->rate > 0 ? json_real(c->rate) : json_null(), "public_keys",
	    public_keys(c->plan));

	if (queued >= 0 && add_state(t, c, lane, v) == 0 &&
	    add_warmup(t, c, v) == 0)
		return v;
	json_decref(v);
	return NULL;
}

/* That messages wait for, and nudge.json does not have. */
static json_t *
lost_value(struct turn *t, const char *name)
{
	return json_pack("{s:s,s:n,s:n,s:I,s:n,s:[],s:n,s:n,s:s,s:n,s:n}",
	    "name", name, "type", "host", "queued",
	    queue_messages_waiting(t->queue, name, COUNT_MAX), "rate",
	    "public_keys", "state", "until", "why",
	    "there is no such channel in nudge.json", "in_flight", "warmup");
}

int
channels_list(struct turn *t, struct api_call *call, const struct api_match *m)
{
	const struct settings *s = t->workspace->settings;
	json_t *list = json_array(), *v;
	const char *lost = "";
	int rc;

	api_answer(call, json_pack("{s:o}", "channels", list));
	for (int i = 0; i < s->n_channels; i++) {
		v = channel_value(t, call, &s->channels[i]);
		if (v == NULL)
			return -1;
		json_array_append_new(list, v);
	}
	while ((rc = turn_lost_channel(t->queue, s, &lost)) == 1)
		json_array_append_new(list, lost_value(t, lost));
	return rc;
}

static void
unknown_channel(const struct turn *t, struct api_call *call, const char *wanted)
{
	const struct settings *s = t->workspace->settings;
	const char **names = xcalloc((size_t)s->n_channels + 1, sizeof *names);
	const char *near;

	for (int i = 0; i < s->n_channels; i++)
		names[i] = s->channels[i].name;
	near = suggest(wanted, names);
	api_problem(call, 404, "there is no channel \"%s\"%s%s%s", wanted,
	    near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
	    near != NULL ? "\"?" : "");
	free(names);
}

/* The lane looks into the store again, in this turn. */
static int
stop_or_resume(struct turn *t, const struct api_call *call,
    const struct channel *c, bool is_stop)
{
	struct lane *lane =
	    call->lanes != NULL ? lanes_find(call->lanes, c->name) : NULL;
	const struct queue_decision row = {
	    .subject = QUEUE_NOBODY,
	    .step = c->name,
	    .what = is_stop ? "paused" : "resumed",
	};
	char reason[API_REASON_SIZE];

	if (lane != NULL)
		lane_told(lane);
	if (lane_memory_put(t->queue, LANE_STOP, c->name,
		is_stop ? api_reason(call, reason) : NULL) != 0)
		return -1;
	return api_decide(t, call, &row);
}

int
channels_act(struct turn *t, struct api_call *call, const struct api_match *m)
{
	const struct channel *c =
	    settings_channel(t->workspace->settings, m->star[0]);
	bool is_pause = strcmp(m->star[1], "pause") == 0;
	json_t *v;

	if (!is_pause && strcmp(m->star[1], "resume") != 0) {
		api_problem(call, 404,
		    "a channel can be paused or resumed, not \"%s\"",
		    m->star[1]);
		return 0;
	}
	if (c == NULL) {
		unknown_channel(t, call, m->star[0]);
		return 0;
	}
	if (stop_or_resume(t, call, c, is_pause) != 0 ||
	    (v = channel_value(t, call, c)) == NULL)
		return -1;
	api_answer(call, v);
	return 0;
}
