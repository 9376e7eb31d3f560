/* SPDX-License-Identifier: MIT */
/*
 * fan_out - one message to an account's members becomes one a member, some at a
 * time. How far it has come stands in its data and is committed with the
 * messages made so far: a crash loses nobody and repeats nobody.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "templates/json_text.h"
#include "templates/mem.h"
#include "worker/turn/turn.h"

struct fan_out {
	struct turn *turn;
	struct queue_message *row;
	struct person *account;
	const struct template_info *info;
	int version;  /* of the sequence, that the entry goes by */
	json_t *data; /* the row's, with "topic", "after" and "count" */
	int64_t after;
	json_int_t count;
	bool is_over; /* nobody is left */
};

/* What a member's message knows of the entry. */
static const char *
data_of_member(struct fan_out *f)
{
	json_t *data = json_copy(f->data);
	const char *text;

	json_object_del(data, "topic");
	json_object_del(data, "after");
	json_object_del(data, "count");
	json_object_set_new(
	    data, "account", json_string(f->account->subject.name));
	text = turn_keep_json(f->turn, data);
	json_decref(data);
	return text;
}

/* The key has the account: a member may come to have been in two. */
static void
add(struct fan_out *f, struct person *member, const char *data)
{
	const struct queue_message *row = f->row;
	struct queue_message *m = turn_message(f->turn, member, f->info,
	    row->sequence, row->entry, row->step, RECIPIENT_MEMBER);
	const char *topic =
	    json_string_value(json_object_get(f->data, "topic"));
	struct buf role = {0};

	buf_addf(&role, "%s of %s", RECIPIENT_MEMBER, f->account->subject.name);
	turn_key(m->key, &member->subject, m->sequence, m->entry, m->step,
	    m->template_name, m->channel, role.data);
	buf_free(&role);
	if (m->topic == NULL && topic != NULL)
		m->topic = turn_keep(f->turn, topic);
	m->expires_at_ms = row->expires_at_ms;
	m->data = data;
	f->count++;
}

/* The reason is kept by the caller. */
static void
end(struct fan_out *f, enum queue_state state, const char *reason)
{
	f->row->state = state;
	f->row->reason = reason;
	f->row->settled_at_ms = f->turn->now_ms;
	if (state != QUEUE_SENT)
		turn_note(f->turn, f->account, f->row->sequence, f->row->entry,
		    f->row->step, "skipped", reason);
}

/* Members who are meant, from where it has come to. Returns how many it saw. */
static int
walk(struct fan_out *f, int max)
{
	struct turn *t = f->turn;
	int64_t *ids = xcalloc((size_t)max, sizeof *ids);
	int n = queue_members(t->queue, f->account->id, f->after, ids, max);
	const char *data = data_of_member(f);
	int meant = 0, found = n;

	if (n > 0)
		n = turn_load_first(t, ids, n);
	f->is_over = n == found && n < max;
	for (int i = 0; i < n && meant >= 0; i++) {
		struct person *member = people_by_id(&t->people, ids[i]);

		f->after = ids[i];
		if (member == NULL || member->joined != f->account)
			continue;
		meant = engine_is_meant(t->workspace->rules, f->row->sequence,
		    f->version, f->row->step, f->row->recipient,
		    &member->subject, &f->account->subject, t->now_ms);
		if (meant > 0)
			add(f, member, data);
	}
	free(ids);
	if (meant < 0)
		end(f, QUEUE_SKIPPED, "the step is no longer defined");
	return n;
}

static int
keep_position(struct fan_out *f)
{
	struct buf text = {0};
	int rc;

	json_object_set_new(f->data, "after", json_integer(f->after));
	json_object_set_new(f->data, "count", json_integer(f->count));
	json_text_write(f->data, &text);
	rc = queue_message_put_data(f->turn->queue, f->row->id, buf_str(&text));
	buf_free(&text);
	return rc;
}

static const char *
went_to(const struct fan_out *f, const char *so_far)
{
	char text[60];

	snprintf(text, sizeof text, "went to %lld member%s%s",
	    (long long)f->count, f->count == 1 ? "" : "s", so_far);
	return turn_keep(f->turn, text);
}

static int
advance(struct fan_out *f, int max)
{
	int n = walk(f, max);

	if (n < 0 || f->row->state != QUEUE_QUEUED)
		return n;
	if (f->is_over) {
		end(f, QUEUE_SENT, went_to(f, ""));
		return n;
	}
	f->row->reason = went_to(f, " so far");
	return keep_position(f) != 0 ? -1 : n;
}

/* Is it still wanted, as for any message of the account's? */
static struct engine_answer
gate(const struct fan_out *f)
{
	const struct subject *account = &f->account->subject;
	struct engine_message m = {
	    .sequence = f->row->sequence,
	    .step = f->row->step,
	    .entry = f->row->entry,
	    .created_at_ms = f->row->created_at_ms,
	    .expires_at_ms = f->row->expires_at_ms,
	};

	if (f->info == NULL)
		return engine_await(
		    &m, f->turn->now_ms, "the template is not there any more");
	return engine_gate(
	    f->turn->workspace->rules, account, account, &m, f->turn->now_ms);
}

/* Returns how many members it looked at, or -1. */
static int
fan_out(struct fan_out *f, int max)
{
	const struct place *place;
	struct engine_answer answer;
	const char *reason;

	if (turn_load_ids(f->turn, &f->row->subject, 1) != 0)
		return -1;
	f->account = people_by_id(&f->turn->people, f->row->subject);
	if (f->account == NULL)
		return -1;
	f->info = turn_template(f->turn, f->row->template_name);
	place = subject_place(&f->account->subject, f->row->sequence);
	f->version =
	    place != NULL && place->entry == f->row->entry ? place->version : 0;
	answer = gate(f);
	if (answer.gate == ENGINE_GO)
		return advance(f, max);
	reason = turn_keep(f->turn, answer.reason);
	if (answer.gate == ENGINE_SKIP) {
		bool is_late = f->row->expires_at_ms != 0 &&
			       f->turn->now_ms >= f->row->expires_at_ms;

		end(f, is_late ? QUEUE_EXPIRED : QUEUE_SKIPPED, reason);
	} else {
		f->row->next_at_ms = answer.until_ms;
		f->row->reason = reason;
	}
	return 0;
}

int
turn_fan_out(struct turn *t, int max)
{
	struct queue_message row;
	int looked = 0, n = 0;

	while (looked < max && !turn_is_full(t) &&
	       (n = queue_messages_due(
		    t->queue, CHANNEL_MEMBERS, t->now_ms, &row, 1)) > 0) {
		struct fan_out f = {.turn = t, .row = &row};

		f.data = json_text_read(row.data, strlen(row.data));
		f.after = json_integer_value(json_object_get(f.data, "after"));
		f.count = json_integer_value(json_object_get(f.data, "count"));
		n = fan_out(&f, max - looked);
		json_decref(f.data);
		if (n < 0 || queue_messages_update(t->queue, &row, 1) != 0)
			return -1;
		looked += n + 1;
	}
	return n < 0 || (looked > 0 && turn_write(t) != 0) ? -1 : looked;
}
