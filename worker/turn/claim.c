/* SPDX-License-Identifier: MIT */
/*
 * claim - from messages that are due to deliveries, and from verdicts to what
 * follows.
 *
 * The gates stand in the transaction that marks a message as being sent: what
 * was said a moment before (an exit, an unsubscribe) holds.
 */
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sequences/calendar.h"
#include "templates/time/date.h"
#include "templates/json_text.h"
#include "templates/mail/mime.h"
#include "worker/delivery/policy.h"
#include "worker/delivery/webhook/webhook_plan.h"
#include "worker/log.h"
#include "worker/lanes/pace.h"
#include "worker/turn/turn.h"

#define NO_ADDRESS_PATIENCE_MS ((int64_t)30 * 60 * 1000)
#define NO_ADDRESS_LOOK_MS     5000

/* What the loop must still know when the verdict comes. */
struct claimed {
	struct queue_message row; /* texts are not kept */
	struct workspace *workspace;
	const struct channel *channel; /* its lane has it */
	bool unsure_hold;
};

/* A message at the gates. */
struct due_message {
	const struct channel *channel;
	struct queue_message *row;
	struct person *person, *account;
	const struct template *template;
	const struct template_info *info;
	json_t *data;
	const char *address; /* "": none */
	const char *name;
	enum engine_gate gate;
	bool is_expired;  /* ENGINE_SKIP, for that reason */
	int64_t until_ms; /* ENGINE_WAIT */
	char reason[ENGINE_REASON_SIZE];
};

/* -------------------------------------------------------------- recipient */

static const char *
text(const json_t *object, const char *name)
{
	const char *s = json_string_value(json_object_get(object, name));

	return s != NULL ? s : "";
}

static void
set_recipient(struct turn *t, struct due_message *c, const json_t *who)
{
	const char *first = text(who, "first_name");
	const char *last = text(who, "last_name");
	struct buf both = {0};

	c->address = text(who, "email");
	c->name = text(who, "name");
	if (c->name[0] != '\0')
		return;
	buf_addf(&both, "%s%s%s", first,
	    first[0] != '\0' && last[0] != '\0' ? " " : "", last);
	c->name = arena_strndup(&t->arena, both.data, both.len);
	buf_free(&both);
}

static void
find_recipient(struct turn *t, struct due_message *c)
{
	const char *role = c->row->recipient;
	const json_t *account =
	    c->account != NULL ? c->account->subject.traits : NULL;

	if (strcmp(role, "user") == 0 || strcmp(role, RECIPIENT_MEMBER) == 0)
		set_recipient(t, c, c->person->subject.traits);
	else if (strcmp(role, "account.owner") == 0)
		set_recipient(t, c, json_object_get(account, "owner"));
	else
		set_recipient(t, c,
		    json_object_get(t->workspace->settings->contacts, role));
}

/* ------------------------------------------------------------------ gates */

static void
skip(struct due_message *c, const char *reason)
{
	c->gate = ENGINE_SKIP;
	snprintf(c->reason, sizeof c->reason, "%s", reason);
}

static void
take_answer(struct due_message *c, const struct engine_answer *answer)
{
	c->gate = answer->gate;
	c->until_ms = answer->until_ms;
	snprintf(c->reason, sizeof c->reason, "%s", answer->reason);
}

static struct engine_message
as_engine_message(const struct queue_message *row)
{
	return (struct engine_message){
	    .sequence = row->sequence,
	    .step = row->step,
	    .entry = row->entry,
	    .created_at_ms = row->created_at_ms,
	    .expires_at_ms = row->expires_at_ms,
	};
}

static void
gate_template(const struct turn *t, struct due_message *c)
{
	struct engine_message m = as_engine_message(c->row);
	struct engine_answer answer;

	c->template = templates_find(t->workspace->templates,
	    c->row->template_name, text(c->person->subject.traits, "locale"));
	if (c->template == NULL) {
		answer = engine_await(
		    &m, t->now_ms, "the template is not there any more");
		take_answer(c, &answer);
		return;
	}
	c->info = template_info(c->template);
}

/*
 * Whose place in the sequence counts: a member's message is of the account's
 * entry, and for who is still a member.
 */
static const struct person *
whose_entry(const struct due_message *c)
{
	if (strcmp(c->row->recipient, RECIPIENT_MEMBER) != 0)
		return c->person;
	if (c->account == NULL ||
	    strcmp(c->account->subject.name, text(c->data, "account")) != 0)
		return NULL;
	return c->account;
}

static bool
is_too_late(const struct turn *t, const struct queue_message *row)
{
	return row->expires_at_ms != 0 && t->now_ms >= row->expires_at_ms;
}

/* Who has left is told so, also of what would be too late by now. */
static void
gate_sequence(const struct turn *t, struct due_message *c)
{
	const struct person *who = whose_entry(c);
	struct engine_message m = as_engine_message(c->row);
	struct engine_answer answer;

	if (m.sequence == NULL || m.sequence[0] == '\0')
		return;
	if (who == NULL) {
		skip(c, "no longer a member of the account");
		return;
	}
	if (is_too_late(t, c->row))
		m.expires_at_ms = 0; /* the next gate's */
	answer = engine_gate(t->workspace->rules, &who->subject,
	    c->account != NULL ? &c->account->subject : NULL, &m, t->now_ms);
	take_answer(c, &answer);
}

static void
gate_expiry(const struct turn *t, struct due_message *c)
{
	if (!is_too_late(t, c->row))
		return;
	c->is_expired = true;
	skip(c, "too late to make sense");
}

/*
 * Somebody whose address is not known yet may identify in a moment: looked at
 * again for a while, ever less often.
 */
static void
await_address(const struct turn *t, struct due_message *c)
{
	int64_t age = t->now_ms - c->row->created_at_ms;

	if (age >= NO_ADDRESS_PATIENCE_MS) {
		skip(c, "there is no address to send to");
		return;
	}
	c->gate = ENGINE_WAIT;
	c->until_ms =
	    t->now_ms + (age > NO_ADDRESS_LOOK_MS ? age : NO_ADDRESS_LOOK_MS);
	snprintf(c->reason, sizeof c->reason, "%s has no address yet",
	    c->row->recipient);
}

/*
 * A mail needs one. Other messages may do without; one that is there is written
 * the same way, as it is by this that suppressed ones are known.
 */
static void
gate_address(struct turn *t, struct due_message *c)
{
	bool is_mail = c->info->kind == TEMPLATE_EMAIL;
	struct buf ascii = {0};
	struct error e;

	if (c->address[0] == '\0') {
		if (is_mail)
			await_address(t, c);
	} else if (address_to_ascii(c->address, &ascii, &e) == 0) {
		c->address = arena_strndup(&t->arena, ascii.data, ascii.len);
	} else if (is_mail) {
		skip(c, e.text);
	}
	buf_free(&ascii);
}

static void
gate_sandbox(const struct turn *t, struct due_message *c)
{
	char **pattern = t->workspace->settings->sandbox;

	if (pattern == NULL || c->info->kind != TEMPLATE_EMAIL)
		return;
	for (; *pattern != NULL; pattern++)
		if (fnmatch(*pattern, c->address, FNM_CASEFOLD) == 0)
			return;
	skip(c, "sandbox: the address is not among those that are mailed");
}

/* An operator may override a topic's unsubscribe, never a dead address. */
static int
gate_suppression(struct turn *t, struct due_message *c, bool override)
{
	const char *topic =
	    c->row->topic != NULL && !override ? c->row->topic : "";
	const char *why;
	int rc;

	if (c->address[0] == '\0')
		return 0;
	rc = queue_suppressed(t->queue, c->address, topic, &why);
	if (rc == 1) {
		c->gate = ENGINE_SKIP;
		snprintf(c->reason, sizeof c->reason, "suppressed: %s", why);
	}
	return rc < 0 ? -1 : 0;
}

static void
gate_channel(const struct turn *t, struct due_message *c)
{
	struct engine_message m = as_engine_message(c->row);
	struct engine_answer answer;
	char what[ENGINE_REASON_SIZE];

	if (settings_channel(t->workspace->settings, c->row->channel) != NULL)
		return;
	snprintf(what, sizeof what, "there is no channel \"%s\" in nudge.json",
	    c->row->channel);
	answer = engine_await(&m, t->now_ms, what);
	take_answer(c, &answer);
}

static int
gate_caps(struct turn *t, struct due_message *c)
{
	const struct settings *s = t->workspace->settings;

	if (c->row->topic == NULL || c->row->topic[0] == '\0')
		return 0;
	for (int i = 0; i < s->n_caps; i++) {
		int sent = queue_messages_sent_since(t->queue, c->row->subject,
		    t->now_ms - s->caps[i].window_ms);
		char window[40];

		if (sent < 0)
			return -1;
		if (sent < s->caps[i].max)
			continue;
		c->gate = ENGINE_SKIP;
		snprintf(c->reason, sizeof c->reason,
		    "cap: %d messages in %s already", sent,
		    duration_text(s->caps[i].window_ms, window, sizeof window));
		return 0;
	}
	return 0;
}

static void
gate_quiet(const struct turn *t, struct due_message *c)
{
	const struct settings *s = t->workspace->settings;
	struct window loud = {0x7f, s->quiet_to_min, s->quiet_from_min};
	const struct zone *zone;

	if (s->quiet_from_min < 0 || c->row->topic == NULL ||
	    c->row->topic[0] == '\0')
		return;
	zone = engine_zone(t->workspace->rules, &c->person->subject,
	    c->account != NULL ? &c->account->subject : NULL);
	if (window_is_open(&loud, zone, t->now_ms))
		return;
	c->gate = ENGINE_WAIT;
	c->until_ms = window_next(&loud, zone, t->now_ms);
	snprintf(c->reason, sizeof c->reason, "quiet hours");
}

/* In the order of the design; the first that does not let it through ends. */
static int
gates(struct turn *t, struct due_message *c)
{
	bool override = json_is_true(json_object_get(c->data, "override"));

	gate_template(t, c);
	if (c->gate == ENGINE_GO)
		gate_sequence(t, c);
	if (c->gate == ENGINE_GO || c->gate == ENGINE_WAIT)
		gate_expiry(t, c);
	if (c->gate == ENGINE_GO)
		gate_address(t, c);
	if (c->gate == ENGINE_GO)
		gate_sandbox(t, c);
	if (c->gate == ENGINE_GO && gate_suppression(t, c, override) != 0)
		return -1;
	if (c->gate == ENGINE_GO)
		gate_channel(t, c);
	if (override)
		return 0;
	if (c->gate == ENGINE_GO && gate_caps(t, c) != 0)
		return -1;
	if (c->gate == ENGINE_GO)
		gate_quiet(t, c);
	return 0;
}

/* ------------------------------------------------------------------ scope */

json_t *
turn_scope(struct turn *t, struct person *person, json_t *event, json_t *entry,
    const char *const *names)
{
	static const char *const all[] = {
	    "user", "account", "metric", "event", "entry", "now", NULL};
	struct person *account = person->subject.kind == SUBJECT_ACCOUNT
				     ? NULL
				     : person_now(person->account);
	struct engine_scope scope = {
	    .rules = t->workspace->rules,
	    .subject = &person->subject,
	    .account = account != NULL ? &account->subject : NULL,
	    .event = event,
	    .entry = entry,
	    .now_ms = t->now_ms,
	};
	const struct settings *s = t->workspace->settings;
	json_t *root = json_copy(s->variables);

	for (names = names != NULL ? names : all; *names != NULL; names++) {
		json_t *value = engine_scope_lookup(&scope, *names);

		if (value != NULL)
			json_object_set(root, *names, value);
	}
	engine_scope_free(&scope);
	json_object_set_new(root, "sender_name", json_string(s->sender.name));
	json_object_set_new(
	    root, "postal_address", json_string(s->sender.postal));
	return root;
}

static json_t *
entry_of(
    const struct turn *t, const struct due_message *c, const struct zone *zone)
{
	json_t *entered = json_object_get(c->data, "entered_at");
	char when[40];

	if (entered == NULL)
		return NULL;
	date_rfc3339_in(json_integer_value(entered), zone, when, sizeof when);
	return json_pack("{s:s,s:O}", "entered_at", when, "day",
	    json_object_get(c->data, "day"));
}

/* Letters, digits and hyphens of a name, for a List-Id or a Feedback-ID. */
static void
label(const char *name, char *out, size_t size)
{
	size_t n = 0;

	for (; *name != '\0' && n + 1 < size; name++)
		out[n++] = (*name >= 'a' && *name <= 'z') ||
				   (*name >= 'A' && *name <= 'Z') ||
				   (*name >= '0' && *name <= '9')
			       ? *name
			       : '-';
	out[n] = '\0';
}

static json_t *
mail_of(struct turn *t, const struct due_message *c, const struct zone *zone,
    json_t *root)
{
	const struct settings *s = t->workspace->settings;
	const char *topic = c->row->topic != NULL ? c->row->topic : "";
	const char *domain = strchr(s->sender.address, '@') + 1;
	json_t *mail = json_pack("{s:s,s:s,s:s,s:s}", "from_name",
	    s->sender.name, "from_address", s->sender.address,
	    "message_id_domain", domain, "timezone", zone_name(zone));
	char list[64], step[64], id[300];
	struct buf token = {0};
	json_t *url;

	if (s->sender.reply_to != NULL)
		json_object_set_new(
		    mail, "reply_to", json_string(s->sender.reply_to));
	label(topic, list, sizeof list);
	label(c->row->step != NULL ? c->row->step : "", step, sizeof step);
	snprintf(id, sizeof id, "%s:%s:%s:%s", list, step, c->row->channel,
	    s->sender.id);
	json_object_set_new(mail, "feedback_id", json_string(id));
	if (topic[0] == '\0')
		return mail;
	snprintf(id, sizeof id, "\"%s\" <%s.%s>", topic, list, domain);
	json_object_set_new(mail, "list_id", json_string(id));
	token_make(t->token_key, c->address, topic, &token);
	url = json_sprintf("%s/u/%s", s->public_url, token.data);
	json_object_set(mail, "unsubscribe_url", url);
	json_object_set_new(root, "unsubscribe_url", url);
	json_object_set_new(root, "preferences_url",
	    json_sprintf("%s/p/%s", s->public_url, token.data));
	buf_free(&token);
	return mail;
}

/* What the channel's url reads, beside what the template does. */
static void
add_reads(
    struct turn *t, const struct due_message *c, json_t *entry, json_t *root)
{
	json_t *more;

	if (c->channel->plan == NULL)
		return;
	more = turn_scope(t, c->person, json_object_get(c->data, "event"),
	    entry, c->channel->plan->reads);
	json_object_update_missing(root, more);
	json_decref(more);
}

static void
set_scope(struct turn *t, const struct due_message *c, struct delivery *d)
{
	const struct zone *zone =
	    engine_zone(t->workspace->rules, &c->person->subject,
		c->account != NULL ? &c->account->subject : NULL);
	json_t *entry = entry_of(t, c, zone);
	json_t *root = turn_scope(t, c->person,
	    json_object_get(c->data, "event"), entry, c->info->roots);
	json_t *data = json_object_get(c->data, "data");
	struct buf text = {0};

	add_reads(t, c, entry, root);
	if (data != NULL)
		json_object_set(root, "data", data);
	json_object_set_new(root, "_mail", mail_of(t, c, zone, root));
	json_text_write(root, &text);
	d->scope_len = text.len;
	d->scope = buf_steal(&text);
	json_decref(root);
	json_decref(entry);
}

/* --------------------------------------------------------------- claiming */

static struct delivery *
deliver(struct turn *t, const struct due_message *c)
{
	struct delivery *d = xcalloc(1, sizeof *d);
	struct claimed *claimed = xcalloc(1, sizeof *claimed);

	memcpy(d->key, c->row->key, sizeof d->key);
	d->id = c->row->id;
	d->attempt = c->row->attempts + 1;
	d->now_ms = t->now_ms;
	d->template = c->template;
	d->address = xstrdup(c->address);
	d->to_name = xstrdup(c->name);
	d->envelope_from = xstrdup(t->workspace->settings->sender.address);
	set_scope(t, c, d);
	claimed->row = (struct queue_message){
	    .id = c->row->id,
	    .subject = c->row->subject,
	    .attempts = c->row->attempts,
	    .expires_at_ms = c->row->expires_at_ms,
	};
	memcpy(claimed->row.key, c->row->key, sizeof claimed->row.key);
	claimed->channel = c->channel;
	claimed->unsure_hold = c->info->unsure_hold;
	claimed->workspace = workspace_hold(t->workspace);
	d->owner = claimed;
	return d;
}

void
turn_delivery_free(struct delivery *d)
{
	struct claimed *claimed = d->owner;

	if (claimed != NULL)
		workspace_release(claimed->workspace);
	free(claimed);
	free(d->scope);
	free(d->address);
	free(d->to_name);
	free(d->envelope_from);
	free(d);
}

/* The row as it is to be stored after the gates. */
static void
gate_row(struct turn *t, struct due_message *c)
{
	struct queue_message *row = c->row;
	bool is_new = row->reason == NULL || strcmp(row->reason, c->reason);

	row->address = c->address;
	if (c->gate == ENGINE_GO) {
		row->state = QUEUE_SENDING;
		row->reason = NULL;
		return;
	}
	row->reason = c->reason;
	if (c->gate == ENGINE_SKIP) {
		row->state = c->is_expired ? QUEUE_EXPIRED : QUEUE_SKIPPED;
		row->settled_at_ms = t->now_ms;
	} else {
		row->next_at_ms = c->until_ms;
	}
	if (is_new)
		turn_note(t, c->person, row->sequence, row->entry, row->step,
		    c->gate == ENGINE_SKIP ? "skipped" : "waiting", c->reason);
}

/* The last gate: what stops before it takes nobody's turn. */
static void
gate_pace(const struct turn *t, struct due_message *c, struct pace *pace)
{
	int64_t until = pace_domain_wait(pace, c->address, t->now_ms);

	if (until == 0)
		return;
	c->gate = ENGINE_WAIT;
	c->until_ms = until;
	snprintf(c->reason, sizeof c->reason, "the rate to %s",
	    strrchr(c->address, '@') + 1);
}

static int
pass_gates(struct turn *t, struct due_message *c, struct pace *pace,
    struct delivery ***tail)
{
	c->person = people_by_id(&t->people, c->row->subject);
	if (c->person == NULL)
		return -1;
	c->account = c->person->subject.kind == SUBJECT_ACCOUNT
			 ? c->person
			 : person_now(c->person->account);
	if (c->row->data != NULL)
		c->data = json_text_read(c->row->data, strlen(c->row->data));
	find_recipient(t, c);
	if (gates(t, c) != 0)
		return -1;
	if (c->gate == ENGINE_GO && pace != NULL)
		gate_pace(t, c, pace);
	gate_row(t, c);
	if (c->gate == ENGINE_GO) {
		**tail = deliver(t, c);
		*tail = &(**tail)->next;
	}
	return 0;
}

int
turn_claim(struct turn *t, const struct channel *channel, struct pace *pace,
    int max, struct delivery **out, int *taken)
{
	/* not cleared: there is room for many, and mostly none is due */
	struct queue_message *rows = xmalloc(((size_t)max + 1) * sizeof *rows);
	int64_t *ids = xmalloc(((size_t)max + 1) * sizeof *ids);
	int n =
	    queue_messages_due(t->queue, channel->name, t->now_ms, rows, max);
	int claimed = 0, rc = n;
	struct delivery **tail = out;

	*out = NULL;
	for (int i = 0; i < n; i++)
		ids[i] = rows[i].subject;
	if (n > 0 && turn_load_ids(t, ids, n) != 0)
		rc = -1;
	for (int i = 0; rc >= 0 && i < n; i++) {
		struct due_message c = {.channel = channel, .row = &rows[i]};

		rc = pass_gates(t, &c, pace, &tail);
		if (rc == 0)
			rc = queue_messages_update(t->queue, &rows[i], 1);
		claimed += rc == 0 && c.gate == ENGINE_GO;
		json_decref(c.data);
	}
	if (rc >= 0 && turn_write(t) != 0)
		rc = -1;
	*taken = n;
	free(ids);
	free(rows);
	return rc < 0 ? -1 : claimed;
}

/* --------------------------------------------------------------- verdicts */

/* Webhooks have their own waits between attempts, which do not double. */
static void
set_waits(struct policy_input *in, const struct channel *channel)
{
	const int64_t *wait;

	if (channel == NULL || channel->plan == NULL)
		return;
	wait = channel->retry_ms;
	for (int i = 1; i < in->attempts && *wait != 0; i++)
		wait++;
	in->first_ms = in->longest_ms = *wait;
	in->max_attempts = in->attempts + (*wait != 0);
}

static struct policy_output
decide(const struct turn *t, const struct channel *channel,
    const struct verdict *verdict, const char *key, int attempts,
    int64_t expires_at_ms, bool unsure_hold)
{
	const struct settings *s = t->workspace->settings;
	struct policy_input in = {
	    .verdict = verdict,
	    .key = key,
	    .attempts = attempts,
	    .max_attempts = s->retry_attempts,
	    .now_ms = t->now_ms,
	    .expires_at_ms = expires_at_ms,
	    .unsure_hold = unsure_hold,
	    .first_ms = s->retry_first_ms,
	    .longest_ms = s->retry_longest_ms,
	};

	set_waits(&in, channel);
	return policy_decide(&in);
}

static void
set_fate(const struct turn *t, struct queue_message *row,
    const struct policy_output *fate)
{
	row->state = fate->state;
	row->attempts = fate->attempts;
	row->next_at_ms = fate->next_at_ms;
	row->reason = fate->reason;
	row->settled_at_ms = fate->state == QUEUE_QUEUED ? 0 : t->now_ms;
}

/* A relay tells of the address itself; an API of what it knows of it. */
static int
suppress(
    struct turn *t, const struct delivery *d, const struct channel *channel)
{
	char reason[120] = "hard bounce";

	if (d->address[0] == '\0') /* nobody's: it went to a room */
		return 0;
	if (channel->plan != NULL)
		snprintf(
		    reason, sizeof reason, "by the channel %s", channel->name);
	return queue_suppress(t->queue, d->address, "", reason, t->now_ms);
}

/* Without the reason: that has the other side's words, or values. */
static void
log_ending(const struct delivery *d, const struct channel *channel,
    enum queue_state state)
{
	const struct verdict *v = &d->verdict;
	char code[16] = "";

	if (v->code != 0)
		snprintf(code, sizeof code, ", %d", v->code);
	log_warn("message %s is %s: %s by %s, attempt %d%s%s%s; nudge queue "
		 "says why",
	    d->key, queue_state_name(state), template_info(d->template)->name,
	    channel->name, d->attempt, code,
	    v->enhanced_status[0] != '\0' ? ", " : "", v->enhanced_status);
}

int
turn_settle(struct turn *t, struct delivery *const *list, int n)
{
	for (int i = 0; i < n; i++) {
		const struct delivery *d = list[i];
		struct claimed *claimed = d->owner;
		struct policy_output fate =
		    decide(t, claimed->channel, &d->verdict, d->key, d->attempt,
			claimed->row.expires_at_ms, claimed->unsure_hold);
		struct queue_message row = claimed->row;

		set_fate(t, &row, &fate);
		row.address = d->address;
		row.provider_id = d->verdict.provider_id;
		if (queue_messages_update(t->queue, &row, 1) != 0)
			return -1;
		if (d->verdict.address_is_dead &&
		    suppress(t, d, claimed->channel) != 0)
			return -1;
		if (fate.state == QUEUE_REFUSED ||
		    fate.state == QUEUE_HELD_BACK)
			log_ending(d, claimed->channel, fate.state);
	}
	return 0;
}

int
turn_recover(struct turn *t)
{
	static const struct verdict lost = {
	    .what = VERDICT_UNSURE,
	    .text = "the worker died while it was being sent",
	};
	enum { SET = 256 };
	struct queue_message rows[SET];
	int total = 0, n;

	while ((n = queue_messages_unsettled(t->queue, rows, SET)) > 0) {
		for (int i = 0; i < n; i++) {
			const struct template *template =
			    templates_find(t->workspace->templates,
				rows[i].template_name, NULL);
			struct policy_output fate = decide(t,
			    settings_channel(
				t->workspace->settings, rows[i].channel),
			    &lost, rows[i].key, rows[i].attempts + 1,
			    rows[i].expires_at_ms,
			    template != NULL &&
				template_info(template)->unsure_hold);

			log_warn("message %s may have been sent before the "
				 "worker died; it is now %s",
			    rows[i].key, queue_state_name(fate.state));
			set_fate(t, &rows[i], &fate);
			if (queue_messages_update(t->queue, &rows[i], 1) != 0)
				return -1;
		}
		total += n;
	}
	return n < 0 ? -1 : total;
}
