/* SPDX-License-Identifier: MIT */
/* messages - the queue as operators see it, and a message sent by hand. */
#include <stdlib.h>
#include <string.h>

#include "templates/time/date.h"
#include "templates/mem.h"
#include "worker/api/calls.h"
#include "worker/lanes/lanes.h"

json_t *
time_value(int64_t ms)
{
	char text[32];

	return ms == 0 ? json_null()
		       : json_string(date_rfc3339(ms, text, sizeof text));
}

json_t *
text_value(const char *s)
{
	return s == NULL || s[0] == '\0' ? json_null() : json_string(s);
}

/* Why it is as it is, or else why it waits. */
static json_t *
reason_value(struct turn *t, const struct queue_message *m)
{
	bool is_told = m->reason != NULL && m->reason[0] != '\0';
	const char *stop = NULL;

	if (!is_told && m->state == QUEUE_QUEUED)
		lane_memory_get(t->queue, LANE_STOP, m->channel, &stop);
	return stop != NULL
		   ? json_sprintf("channel %s is paused %s", m->channel, stop)
		   : text_value(m->reason);
}

json_t *
message_value(struct turn *t, const struct queue_message *m)
{
	json_t *v = json_object();

	json_object_set_new(v, "key", json_string(m->key));
	json_object_set_new(
	    v, "state", json_string(queue_state_name(m->state)));
	json_object_set_new(v, "reason", reason_value(t, m));
	json_object_set_new(v, "template", json_string(m->template_name));
	json_object_set_new(v, "channel", json_string(m->channel));
	json_object_set_new(v, "recipient",
	    json_string(strcmp(m->channel, CHANNEL_MEMBERS) == 0
			    ? CHANNEL_MEMBERS
			    : m->recipient));
	json_object_set_new(v, "address", text_value(m->address));
	json_object_set_new(v, "sequence", text_value(m->sequence));
	json_object_set_new(v, "step", text_value(m->step));
	json_object_set_new(v, "topic", text_value(m->topic));
	json_object_set_new(v, "attempts", json_integer(m->attempts));
	json_object_set_new(v, "created_at", time_value(m->created_at_ms));
	json_object_set_new(v, "next_at",
	    m->state == QUEUE_QUEUED ? time_value(m->next_at_ms) : json_null());
	json_object_set_new(v, "expires_at", time_value(m->expires_at_ms));
	json_object_set_new(v, "settled_at", time_value(m->settled_at_ms));
	json_object_set_new(v, "provider_id", text_value(m->provider_id));
	return v;
}

static int
counts(struct turn *t, json_t *reply)
{
	int64_t n[QUEUE_STATES];
	json_t *all = json_object();

	json_object_set_new(reply, "counts", all);
	if (queue_messages_count(t->queue, n) < 0)
		return -1;
	for (int i = 0; i < QUEUE_STATES; i++)
		json_object_set_new(
		    all, queue_state_name(i), json_integer(n[i]));
	return 0;
}

static void
unknown_state(struct api_call *call, const char *state)
{
	const char *names[QUEUE_STATES + 1] = {NULL}, *near;

	for (int i = 0; i < QUEUE_STATES; i++)
		names[i] = queue_state_name(i);
	near = suggest(state, names);
	api_problem(call, 400, "\"%s\" is not a state of a message%s%s%s",
	    state, near != NULL ? "; did you mean \"" : "",
	    near != NULL ? near : "", near != NULL ? "\"?" : "");
}

int
messages_list(struct turn *t, struct api_call *call, const struct api_match *m)
{
	static struct queue_message rows[API_PAGE_MAX];
	struct queue_message_filter filter = {
	    .state = -1, .before = api_cursor(call)};
	char state[API_VALUE_SIZE], sequence[API_VALUE_SIZE];
	int limit = api_limit(call), n;
	json_t *list = json_array(), *reply;

	reply = json_pack("{s:o}", "messages", list);
	if (api_query(call, "state", state)) {
		filter.state = queue_state_parse(state);
		if (filter.state < 0) {
			json_decref(reply);
			unknown_state(call, state);
			return 0;
		}
	}
	if (api_query(call, "sequence", sequence))
		filter.sequence = sequence;
	n = queue_messages_find(t->queue, &filter, rows, limit);
	for (int i = 0; i < n; i++)
		json_array_append_new(list, message_value(t, &rows[i]));
	if (n > 0)
		api_set_cursor(reply, n, limit, rows[n - 1].id);
	api_answer(call, reply);
	return n < 0 ? -1 : counts(t, reply);
}

/* 1 found, 0 answered with 404, -1. */
static int
find(struct turn *t, struct api_call *call, const char *key,
    struct queue_message *row)
{
	struct queue_message_filter filter = {.key = key, .state = -1};
	int n = queue_messages_find(t->queue, &filter, row, 1);

	if (n == 0)
		api_problem(call, 404, "there is no message %s", key);
	return n;
}

int
messages_show(struct turn *t, struct api_call *call, const struct api_match *m)
{
	struct queue_message row;
	int n = find(t, call, m->star[0], &row);

	if (n == 1)
		api_answer(call, message_value(t, &row));
	return n < 0 ? -1 : 0;
}

static bool
may(const struct queue_message *row, bool is_retry)
{
	if (is_retry)
		return row->state != QUEUE_SENDING && row->state != QUEUE_SENT;
	return row->state == QUEUE_QUEUED || row->state == QUEUE_HELD_BACK ||
	       row->state == QUEUE_UNSURE;
}

/* Who comes after a message that is cancelled need not wait for its turn. */
static void
give_up_turn(const struct api_call *call, const struct queue_message *row)
{
	struct lane *lane =
	    call->lanes != NULL ? lanes_find(call->lanes, row->channel) : NULL;

	if (lane != NULL && row->address != NULL)
		pace_domain_left(lane->pace, row->address);
}

/* The message tells its last one, the log of its person or account all. */
static int
act(struct turn *t, struct api_call *call, struct queue_message *row,
    bool is_retry)
{
	const struct queue_decision decision = {
	    .subject = row->subject,
	    .sequence = row->sequence,
	    .entry = row->entry,
	    .step = row->step,
	    .what = is_retry ? "retried" : "cancelled",
	};
	char reason[API_REASON_SIZE];

	row->state = is_retry ? QUEUE_QUEUED : QUEUE_CANCELLED;
	row->reason = api_reason(call, reason);
	row->next_at_ms = t->now_ms;
	if (is_retry)
		row->attempts = 0;
	else
		give_up_turn(call, row);
	row->settled_at_ms = is_retry ? 0 : t->now_ms;
	api_answer(call, message_value(t, row));
	return queue_messages_update(t->queue, row, 1) != 0
		   ? -1
		   : api_decide(t, call, &decision);
}

int
messages_act(struct turn *t, struct api_call *call, const struct api_match *m)
{
	bool is_retry = strcmp(m->star[1], "retry") == 0;
	struct queue_message row;
	int n;

	if (!is_retry && strcmp(m->star[1], "cancel") != 0) {
		api_problem(call, 404,
		    "a message can be retried or "
		    "cancelled, not \"%s\"",
		    m->star[1]);
		return 0;
	}
	n = find(t, call, m->star[0], &row);
	if (n != 1)
		return n < 0 ? -1 : 0;
	if (!may(&row, is_retry)) {
		api_problem(call, 409, "message %s is %s and cannot be %s",
		    row.key, queue_state_name(row.state),
		    is_retry ? "retried" : "cancelled");
		return 0;
	}
	return act(t, call, &row, is_retry);
}

static bool
read_send(struct turn *t, struct api_call *call, struct turn_send *s)
{
	const char *at = api_text(call, "at");

	*s = (struct turn_send){
	    .template_name = api_text(call, "template"),
	    .idempotency_key = call->idempotency_key,
	    .recipient = api_text(call, "to"),
	    .data = json_object_get(call->body, "data"),
	    .override = json_is_true(json_object_get(call->body, "override")),
	};
	if (s->template_name[0] == '\0') {
		api_problem(call, 400, "\"template\" is missing");
		return false;
	}
	if (at[0] != '\0' &&
	    date_parse_rfc3339(at, strlen(at), &s->at_ms) != 0) {
		api_problem(call, 400,
		    "\"at\" is not a time such as "
		    "2026-03-30T09:00:00Z");
		return false;
	}
	return true;
}

static void
note_send(struct turn *t, const struct api_call *call, struct person *person,
    const struct turn_send *s)
{
	char why[API_REASON_SIZE];
	struct buf reason = {0};

	buf_addf(&reason, "%s%s, %s", s->template_name,
	    s->override ? ", with override" : "", api_reason(call, why));
	turn_note(t, person, NULL, 0, NULL, "queued", reason.data);
	buf_free(&reason);
}

int
messages_send(struct turn *t, struct api_call *call, const struct api_match *m)
{
	const char *user = api_text(call, "user");
	const char *account = api_text(call, "account");
	bool is_user = user[0] != '\0';
	struct person *person = NULL;
	struct turn_send send;
	char key[27], made[40];
	struct error e;
	int rc;

	if (!read_send(t, call, &send))
		return 0;
	if (is_user == (account[0] != '\0')) {
		api_problem(call, 400, "say a \"user\" or an \"account\"");
		return 0;
	}
	if (turn_find(t, is_user ? SUBJECT_USER : SUBJECT_ACCOUNT,
		is_user ? user : account, &person) != 0)
		return -1;
	if (person == NULL) {
		api_problem(call, 404, "there is no %s \"%s\"",
		    is_user ? "user" : "account", is_user ? user : account);
		return 0;
	}
	if (send.idempotency_key[0] == '\0') {
		turn_unique(t, made, sizeof made);
		send.idempotency_key = made;
	}
	rc = turn_send(t, person, &send, key, &e);
	if (rc < 0) {
		api_problem(call, 422, "%s", e.text);
		return 0;
	}
	if (rc == 0)
		note_send(t, call, person, &send);
	api_answer(call, json_pack("{s:s,s:b}", "key", key, "duplicate", rc));
	return 0;
}
