/* SPDX-License-Identifier: MIT */
/*
 * turn - rows of a turn, and their way into the store. Decisions and messages
 * refer to people, who may have no id before people_save(): turn_write() is the
 * one place where rows get their subject.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "templates/buf.h"
#include "templates/json_text.h"
#include "worker/log.h"
#include "worker/telemetry/stats.h"
#include "worker/turn/turn.h"

#define SECRET	   "unsubscribe-secret"
#define TO_MEMBERS "members:" /* engine.h, struct outgoing */

/* ----------------------------------------------------------------- secret */

static int
secret_make(struct queue *q, unsigned char secret[TOKEN_SECRET_SIZE])
{
	char text[2 * TOKEN_SECRET_SIZE + 1];

	if (RAND_bytes(secret, TOKEN_SECRET_SIZE) != 1)
		panic("the system gives no random numbers");
	for (size_t i = 0; i < TOKEN_SECRET_SIZE; i++)
		snprintf(text + 2 * i, 3, "%02x", secret[i]);
	if (queue_begin(q) != 0)
		return -1;
	if (queue_setting_put(q, SECRET, text) == 0)
		return queue_commit(q);
	queue_rollback(q);
	return -1;
}

static int
secret_load(struct queue *q, unsigned char secret[TOKEN_SECRET_SIZE])
{
	const char *text;

	if (queue_setting_get(q, SECRET, &text) != 0)
		return -1;
	if (text == NULL)
		return secret_make(q, secret);
	for (size_t i = 0; i < TOKEN_SECRET_SIZE; i++)
		if (sscanf(text + 2 * i, "%2hhx", &secret[i]) != 1)
			return -1;
	return 0;
}

int
turn_init(struct turn *t, struct queue *queue, struct workspace *workspace)
{
	unsigned char secret[TOKEN_SECRET_SIZE];

	*t = (struct turn){.queue = queue, .workspace = workspace};
	t->people.queue = queue;
	if (secret_load(queue, secret) != 0)
		return -1;
	t->token_key = token_key_new(secret);
	return 0;
}

static void
clear(struct turn *t)
{
	people_reset(&t->people);
	decisions_clear(&t->decisions);
	arena_reset(&t->arena);
	t->n_events = t->n_decided = t->n_messages = 0;
	t->n_doubles = t->n_replayed = t->n_current = t->n_history = 0;
	t->is_open = false;
}

void
turn_free(struct turn *t)
{
	if (t->is_open)
		turn_rollback(t);
	people_free(&t->people);
	decisions_free(&t->decisions);
	arena_free(&t->arena);
	free(t->events);
	free(t->decided);
	free(t->messages);
	free(t->doubles);
	token_key_free(t->token_key);
	*t = (struct turn){0};
}

int
turn_begin(struct turn *t, int64_t now_ms)
{
	t->now_ms = t->people.now_ms = now_ms;
	t->is_open = true;
	return queue_begin(t->queue);
}

int
turn_commit(struct turn *t)
{
	int rc = queue_commit(t->queue);

	if (rc == 0)
		stats_commit();
	else
		stats_rollback();
	clear(t);
	return rc;
}

void
turn_rollback(struct turn *t)
{
	queue_rollback(t->queue);
	stats_rollback();
	clear(t);
}

/* ------------------------------------------------------------------- rows */

const char *
turn_keep(struct turn *t, const char *text)
{
	return text == NULL ? NULL
			    : arena_strndup(&t->arena, text, strlen(text));
}

const char *
turn_keep_json(struct turn *t, const json_t *value)
{
	struct buf text = {0};
	const char *kept;

	json_text_write(value, &text);
	kept = arena_strndup(&t->arena, text.data, text.len);
	buf_free(&text);
	return kept;
}

void
turn_note(struct turn *t, struct person *person, const char *sequence,
    int entry, const char *step, const char *what, const char *reason)
{
	t->decided = list_room(
	    t->decided, t->n_decided, &t->cap_decided, sizeof *t->decided);
	t->decided[t->n_decided].person = person;
	t->decided[t->n_decided++].row = (struct queue_decision){
	    .at_ms = t->now_ms,
	    .sequence = turn_keep(t, sequence),
	    .entry = entry,
	    .step = turn_keep(t, step),
	    .what = what,
	    .reason = turn_keep(t, reason),
	};
}

/* 26 characters of RFC 4648 base32, lower case: 130 of SHA-256's bits. */
static void
hash_key(char key[27], const struct buf *what)
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
	unsigned char sum[EVP_MAX_MD_SIZE];
	int bit = 0;

	EVP_Digest(what->data, what->len, sum, NULL, EVP_sha256(), NULL);
	for (int i = 0; i < 26; i++, bit += 5) {
		unsigned two = (unsigned)sum[bit / 8] << 8 | sum[bit / 8 + 1];

		key[i] = digits[two >> (11 - bit % 8) & 31];
	}
	key[26] = '\0';
}

void
turn_key(char key[27], const struct subject *s, const char *sequence, int entry,
    const char *step, const char *template_name, const char *channel,
    const char *recipient)
{
	struct buf b = {0};

	buf_addf(&b, "%d/%s%c%s/%d/%s/%s/%s/%s", (int)s->kind, s->name, '\0',
	    sequence, entry, step, template_name, channel, recipient);
	hash_key(key, &b);
	buf_free(&b);
}

/* The channel a message goes by: the contact's own, else the template's. */
static const char *
channel_of(const struct turn *t, const struct template_info *info,
    const char *recipient)
{
	const char *own = json_string_value(json_object_get(
	    json_object_get(t->workspace->settings->contacts, recipient),
	    "channel"));

	if (own != NULL)
		return own;
	if (strncmp(recipient, TO_MEMBERS, strlen(TO_MEMBERS)) == 0)
		return CHANNEL_MEMBERS;
	return info->channel != NULL ? info->channel : "email";
}

const struct template_info *
turn_template(const struct turn *t, const char *name)
{
	const struct template *template =
	    templates_find(t->workspace->templates, name, NULL);

	return template != NULL ? template_info(template) : NULL;
}

struct queue_message *
turn_message(struct turn *t, struct person *person,
    const struct template_info *info, const char *sequence, int entry,
    const char *step, const char *recipient)
{
	const char *channel = channel_of(t, info, recipient);
	struct turn_message *m;

	t->messages = list_room(
	    t->messages, t->n_messages, &t->cap_messages, sizeof *t->messages);
	m = &t->messages[t->n_messages++];
	m->person = person;
	m->row = (struct queue_message){
	    .sequence = turn_keep(t, sequence),
	    .entry = entry,
	    .step = turn_keep(t, step),
	    .template_name = turn_keep(t, info->name),
	    .channel = turn_keep(t, channel),
	    .recipient = turn_keep(t, recipient),
	    .topic = info->topic,
	    .created_at_ms = t->now_ms,
	    .next_at_ms = t->now_ms,
	};
	turn_key(m->row.key, &person->subject, sequence, entry, step,
	    info->name, channel, recipient);
	return &m->row;
}

/*
 * What the message remembers of what it was decided on; `topic` is for those
 * that it is passed on to, NULL otherwise.
 */
static const char *
send_data(struct turn *t, const struct outgoing *o, const char *topic)
{
	struct buf text = {0};
	const char *kept;

	buf_addf(&text, "{\"entered_at\":%lld,\"day\":%d",
	    (long long)o->entered_ms, o->day);
	if (topic != NULL) {
		buf_adds(&text, ",\"topic\":");
		json_text_write_string(topic, strlen(topic), &text);
	}
	if (o->event != NULL) {
		buf_adds(&text, ",\"event\":");
		json_text_write(o->event, &text);
	}
	buf_addc(&text, '}');
	kept = arena_strndup(&t->arena, text.data, text.len);
	buf_free(&text);
	return kept;
}

static void
take_send(struct turn *t, struct person *person, const struct decision *d)
{
	const struct outgoing *o = d->send;
	const struct template_info *info = turn_template(t, o->template_name);
	struct queue_message *m;

	if (info == NULL) /* the rules were checked against these templates */
		panic("template %s is not loaded", o->template_name);
	m = turn_message(
	    t, person, info, d->sequence, d->entry, d->step, o->recipient);
	if (m->topic == NULL)
		m->topic = turn_keep(t, o->topic);
	m->next_at_ms = o->not_before_ms;
	m->expires_at_ms = o->expires_at_ms;
	if (strcmp(m->channel, CHANNEL_MEMBERS) != 0) {
		m->data = send_data(t, o, NULL);
	} else {
		m->data = send_data(t, o, m->topic);
		m->topic = NULL; /* nobody's mail: no cap counts it */
	}
}

void
turn_take(struct turn *t, struct person *person, struct person *account)
{
	for (int i = 0; i < t->decisions.count; i++) {
		const struct decision *d = &t->decisions.list[i];
		struct person *who =
		    d->for_account && account != NULL ? account : person;

		turn_note(t, who, d->sequence, d->entry, d->step,
		    decision_name(d->what), d->reason);
		if (d->what == DECISION_SEND)
			take_send(t, who, d);
	}
	decisions_clear(&t->decisions);
}

void
turn_unique(const struct turn *t, char *out, size_t size)
{
	uint64_t random;

	if (RAND_bytes((unsigned char *)&random, sizeof random) != 1)
		panic("the system gives no random numbers");
	snprintf(out, size, "%llx-%016llx", (long long)t->now_ms,
	    (unsigned long long)random);
}

/* There is no such one among those, if it is so, in words. */
static int
check_name(const char *what, const char *name, const char *const *known,
    struct error *e)
{
	const char *near = suggest(name, known);

	for (const char *const *k = known; *k != NULL; k++)
		if (strcmp(*k, name) == 0)
			return 0;
	error_set(e, "there is no %s \"%s\"%s%s%s", what, name,
	    near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
	    near != NULL ? "\"?" : "");
	return -1;
}

static int
check_recipient(const struct turn *t, const char *name, struct error *e)
{
	const char *const *contacts = t->workspace->contacts;
	const char **known;
	size_t n = 0;
	int rc;

	while (contacts[n] != NULL)
		n++;
	known = xcalloc(n + 3, sizeof *known);
	memcpy(known, contacts, n * sizeof *known);
	known[n++] = "user";
	known[n++] = "account.owner";
	rc = check_name("recipient", name, known, e);
	free(known);
	return rc;
}

/* What a message sent by hand is told, as its row has it. */
static const char *
hand_data(struct turn *t, const struct turn_send *s)
{
	json_t *data = json_object();
	const char *text;

	if (s->data != NULL)
		json_object_set(data, "data", s->data);
	if (s->override)
		json_object_set_new(data, "override", json_true());
	if (s->at_ms != 0)
		json_object_set_new(data, "at_ms", json_integer(s->at_ms));
	text = turn_keep_json(t, data);
	json_decref(data);
	return text;
}

/* The same key is the same message, whatever else was asked for with it. */
static void
hand_key(char key[27], const char *idempotency_key)
{
	struct buf b = {0};

	buf_addf(&b, "by hand/%s", idempotency_key);
	hash_key(key, &b);
	buf_free(&b);
}

static bool
is_same(const struct queue_message *a, const struct queue_message *b)
{
	json_t *x, *y;
	bool same;

	if (strcmp(a->template_name, b->template_name) != 0 ||
	    strcmp(a->recipient, b->recipient) != 0)
		return false;
	x = json_loads(a->data, 0, NULL);
	y = json_loads(b->data, 0, NULL);
	same = json_equal(x, y);
	json_decref(x);
	json_decref(y);
	return same;
}

/* Is there one with the key, of this turn or of the store, and is it this? */
static bool
has_key(struct turn *t, const struct person *person,
    const struct queue_message *m, bool *same)
{
	struct queue_message_filter filter = {.key = m->key, .state = -1};
	struct queue_message stored;

	for (int i = 0; i < t->n_messages; i++) {
		const struct turn_message *x = &t->messages[i];

		if (strcmp(x->row.key, m->key) != 0)
			continue;
		*same = person_now(x->person) == person && is_same(&x->row, m);
		return true;
	}
	if (queue_messages_find(t->queue, &filter, &stored, 1) <= 0)
		return false;
	*same = stored.subject == person->id && is_same(&stored, m);
	return true;
}

static int
check_send(const struct turn *t, const struct queue_message *m, struct error *e)
{
	return check_name("template", m->template_name,
		   templates_names(t->workspace->templates), e) == 0
		   ? check_recipient(t, m->recipient, e)
		   : -1;
}

int
turn_send(struct turn *t, struct person *person, const struct turn_send *s,
    char key[27], struct error *e)
{
	struct queue_message wanted = {
	    .template_name = s->template_name,
	    .recipient = s->recipient != NULL && s->recipient[0] != '\0'
			     ? s->recipient
			     : "user",
	    .data = hand_data(t, s),
	};
	struct queue_message *m;
	bool same;

	if (check_send(t, &wanted, e) != 0)
		return -1;
	hand_key(wanted.key, s->idempotency_key);
	memcpy(key, wanted.key, sizeof wanted.key);
	if (has_key(t, person, &wanted, &same)) {
		error_set(e, "this key was used for another message, %s", key);
		return same ? 1 : -1;
	}
	m = turn_message(t, person, turn_template(t, s->template_name), "", 0,
	    s->idempotency_key, wanted.recipient);
	memcpy(m->key, key, sizeof m->key);
	m->data = wanted.data;
	if (s->at_ms > m->next_at_ms)
		m->next_at_ms = s->at_ms;
	return 0;
}

/* ---------------------------------------------------------------- writing */

static int
write_events(struct turn *t)
{
	struct queue_event *rows =
	    xcalloc((size_t)t->n_events + 1, sizeof *rows);
	int rc;

	for (int i = 0; i < t->n_events; i++) {
		const struct segment_event *e = t->events[i].event;
		const struct person *account = t->events[i].account;
		static const char *const types[] = {
		    "identify", "track", "page", "screen", "group", "alias"};

		rows[i] = (struct queue_event){
		    .message_id = e->message_id,
		    .subject = person_now(t->events[i].person)->id,
		    .account = account != NULL ? account->id : 0,
		    .type = types[e->type],
		    .name = e->name,
		    .body = e->body != NULL ? turn_keep_json(t, e->body) : "{}",
		    .at_ms = e->at_ms,
		    .received_ms = t->now_ms,
		};
		stats_count_later(STAT_EVENTS, rows[i].type, "", 1);
	}
	rc = t->n_events == 0 ? 0
			      : queue_events_add(t->queue, rows, t->n_events);
	free(rows);
	return rc;
}

static int
write_decisions(struct turn *t)
{
	struct queue_decision *rows =
	    xcalloc((size_t)t->n_decided + 1, sizeof *rows);
	int rc;

	for (int i = 0; i < t->n_decided; i++) {
		rows[i] = t->decided[i].row;
		rows[i].subject = person_now(t->decided[i].person)->id;
		stats_count_later(STAT_DECISIONS, rows[i].what, "", 1);
	}
	rc = t->n_decided == 0
		 ? 0
		 : queue_decisions_add(t->queue, rows, t->n_decided);
	free(rows);
	return rc;
}

static int
write_messages(struct turn *t)
{
	struct queue_message *rows =
	    xcalloc((size_t)t->n_messages + 1, sizeof *rows);
	bool *duplicate = xcalloc((size_t)t->n_messages + 1, sizeof *duplicate);
	int rc;

	for (int i = 0; i < t->n_messages; i++) {
		rows[i] = t->messages[i].row;
		rows[i].subject = person_now(t->messages[i].person)->id;
	}
	rc = t->n_messages == 0
		 ? 0
		 : queue_messages_add(t->queue, rows, t->n_messages, duplicate);
	for (int i = 0; rc == 0 && i < t->n_messages; i++)
		if (!duplicate[i])
			stats_count_later(STAT_QUEUED, rows[i].channel, "", 1);
	free(duplicate);
	free(rows);
	return rc;
}

int
turn_write(struct turn *t)
{
	if (turn_recount(t) != 0 || people_save(&t->people) != 0 ||
	    write_events(t) != 0 || write_messages(t) != 0 ||
	    write_decisions(t) != 0)
		return -1;
	t->n_events = t->n_messages = t->n_decided = 0;
	return 0;
}
