/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "templates/json_text.h"
#include "worker/delivery/compose.h"
#include "worker/scenario/rehearsal.h"
#include "worker/turn/turn.h"

#define SET	256  /* wake-ups and messages a turn */
#define TURNS	4096 /* at one moment: more is a circle */
#define LOG_SET 256

/* A play under way. */
struct stage {
	const struct scenario *scenario;
	struct workspace *workspace;
	struct rehearsal *out;
	struct queue *queue;
	struct turn turn;
	int64_t now_ms;
	int turns;	/* at this moment */
	int serial;	/* of events */
	bool *is_known; /* accounts, by actor */
	struct error *error;
};

static int
failed(struct stage *s)
{
	error_set(s->error, "%s", queue_error(s->queue)->text);
	if (s->turn.is_open)
		turn_rollback(&s->turn);
	return -1;
}

static const char *
keep(struct stage *s, const char *text)
{
	if (text == NULL)
		text = "";
	return arena_strndup(&s->out->arena, text, strlen(text));
}

/* --------------------------------------------------------------- messages */

static json_t *
lookup(void *root, const char *name)
{
	return name[0] == '_' ? NULL : json_object_get(root, name);
}

/* Text with every run of white space as one space: lines break anywhere. */
static void
add_words(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++) {
		bool is_space = strchr(" \t\r\n", *text) != NULL;

		if (!is_space)
			buf_addc(out, *text);
		else if (out->len > 0 && out->data[out->len - 1] != ' ')
			buf_addc(out, ' ');
	}
	buf_addc(out, ' ');
}

bool
sent_says(const struct sent *sent, const char *text)
{
	struct buf words = {0};
	bool says;

	add_words(&words, text);
	buf_truncate(&words, words.len - 1);
	says = strstr(sent->words, buf_str(&words)) != NULL;
	buf_free(&words);
	return says;
}

/* The strings of a document as their reader sees them. */
static void
add_strings(struct buf *out, json_t *value)
{
	const char *name;
	json_t *inner;
	size_t i;

	if (json_is_string(value))
		add_words(out, json_string_value(value));
	json_object_foreach(value, name, inner) add_strings(out, inner);
	json_array_foreach(value, i, inner) add_strings(out, inner);
}

/* A mail that could be composed can be rendered. */
static void
read_mail(struct delivery *d, struct buf *subject, struct buf *words)
{
	json_t *root = json_text_read(d->scope, d->scope_len);
	json_t *mail = json_object_get(root, "_mail");
	const char *zone = json_string_value(json_object_get(mail, "timezone"));
	struct liquid_scope scope = {
	    .lookup = lookup,
	    .arg = root,
	    .now_ms = d->now_ms,
	    .zone = zone != NULL ? zone_find(zone) : NULL,
	};
	struct email m;
	struct error e;

	if (template_render_email(d->template, &scope, &m, &e) == 0) {
		buf_adds(subject, buf_str(&m.subject));
		add_words(words, buf_str(&m.subject));
		add_words(words, buf_str(&m.text));
		add_words(words, buf_str(&m.html));
		email_free(&m);
	}
	json_decref(root);
}

/* The verdict of a channel that takes everything, and what it was given. */
static void
perform(struct delivery *d, struct buf *subject, struct buf *words)
{
	struct buf bytes = {0};
	json_t *root;

	d->verdict = (struct verdict){.what = VERDICT_SENT};
	if (template_info(d->template)->kind == TEMPLATE_DOCUMENT) {
		if (compose_document(d, &bytes) == 0) {
			root = json_text_read(bytes.data, bytes.len);
			add_words(words, bytes.data);
			add_strings(words, root);
			json_decref(root);
		}
	} else if (compose_mail(d, &bytes) == 0) {
		read_mail(d, subject, words);
	}
	buf_free(&bytes);
}

static const struct actor *
actor_of(struct stage *s, int64_t subject)
{
	const struct person *p = people_by_id(&s->turn.people, subject);

	return p == NULL ? NULL
			 : scenario_actor(
			       s->scenario, p->subject.kind, p->subject.name);
}

static int
record(struct stage *s, struct delivery *d)
{
	struct queue_message_filter same = {.key = d->key, .state = -1};
	struct buf subject = {0}, words = {0};
	struct rehearsal *out = s->out;
	struct queue_message m;

	if (queue_messages_find(s->queue, &same, &m, 1) != 1)
		return -1;
	perform(d, &subject, &words);
	out->sent = list_room(
	    out->sent, out->n_sent, &out->cap_sent, sizeof *out->sent);
	out->sent[out->n_sent++] = (struct sent){
	    .at_ms = s->now_ms,
	    .actor = actor_of(s, m.subject),
	    .template_name = keep(s, m.template_name),
	    .channel = keep(s, m.channel),
	    .sequence = keep(s, m.sequence),
	    .step = keep(s, m.step),
	    .entry = m.entry,
	    .recipient = keep(s, m.recipient),
	    .address = keep(s, d->address),
	    .subject = keep(s, buf_str(&subject)),
	    .words = keep(s, buf_str(&words)),
	    .problem = d->verdict.what == VERDICT_SENT
			   ? NULL
			   : keep(s, d->verdict.text),
	    .is_held = d->verdict.what == VERDICT_HELD,
	};
	buf_free(&subject);
	buf_free(&words);
	return 0;
}

static int
claim(struct stage *s, const struct channel *channel)
{
	struct delivery *d, *next;
	int taken, rc;

	rc = turn_claim(&s->turn, channel, NULL, SET, &d, &taken);
	for (; d != NULL; d = next) {
		next = d->next;
		if (rc >= 0 &&
		    (record(s, d) != 0 || turn_settle(&s->turn, &d, 1) != 0))
			rc = -1;
		turn_delivery_free(d);
	}
	return rc < 0 ? -1 : 0;
}

/* ------------------------------------------------------------------ turns */

/* A turn as the worker takes it, with some events at most. */
static int
take_turn(struct stage *s, const struct segment_event *const *events, int n)
{
	const struct settings *settings = s->workspace->settings;
	struct turn *t = &s->turn;

	if (turn_begin(t, s->now_ms) != 0)
		return failed(s);
	t->received_ms = s->now_ms;
	if ((n > 0 && turn_ingest(t, events, n) < 0) || turn_write(t) != 0 ||
	    turn_wake(t, SET) < 0 || turn_write(t) != 0 ||
	    turn_fan_out(t, SET) < 0)
		return failed(s);
	for (int i = 0; i < settings->n_channels; i++)
		if (claim(s, &settings->channels[i]) != 0)
			return failed(s);
	return turn_commit(t) == 0 ? 0 : failed(s);
}

/* The next moment at which something is due: 0: none, -1: the store failed. */
static int64_t
next_due(struct stage *s)
{
	const struct settings *settings = s->workspace->settings;
	int64_t next = queue_wakeup_next(s->queue);

	for (int i = -1; next >= 0 && i < settings->n_channels; i++) {
		int64_t due = queue_message_next(s->queue,
		    i < 0 ? CHANNEL_MEMBERS : settings->channels[i].name);

		if (due < 0 || (due > 0 && (next == 0 || due < next)))
			next = due;
	}
	return next;
}

/* Lets all happen that is due up to then, and sets the clock to it. */
static int
advance(struct stage *s, int64_t to_ms)
{
	int64_t next;

	while ((next = next_due(s)) > 0 && next <= to_ms) {
		s->turns = next > s->now_ms ? 0 : s->turns + 1;
		if (next > s->now_ms)
			s->now_ms = next;
		if (s->turns > TURNS) {
			error_set(s->error,
			    "something is due again and again at one moment");
			return -1;
		}
		if (take_turn(s, NULL, 0) != 0)
			return -1;
	}
	if (next < 0)
		return failed(s);
	if (to_ms > s->now_ms)
		s->now_ms = to_ms;
	return 0;
}

/* ----------------------------------------------------------------- events */

static int
post(struct stage *s, struct segment_event *e)
{
	const struct segment_event *list[] = {e};
	char id[32];

	snprintf(id, sizeof id, "scenario-%d", ++s->serial);
	e->message_id = id;
	e->at_ms = s->now_ms;
	e->anonymous_id = e->previous_id = e->timezone = e->locale = "";
	return take_turn(s, list, 1);
}

/* The first who belongs to an account brings what is known of it. */
static int
join(struct stage *s, const struct actor *user, const struct actor *account)
{
	bool *is_known = &s->is_known[account - s->scenario->actors];
	struct segment_event e = {
	    .type = SEGMENT_GROUP,
	    .user_id = user->id,
	    .group_id = account->id,
	    .name = "",
	    .body = *is_known ? NULL : account->traits,
	};

	*is_known = true;
	return post(s, &e);
}

/* Everybody as they are when the scenario begins. */
static int
introduce(struct stage *s)
{
	for (int i = 0; i < s->scenario->n_users; i++) {
		const struct actor *a = &s->scenario->actors[i];
		struct segment_event e = {
		    .type = SEGMENT_IDENTIFY,
		    .user_id = a->id,
		    .group_id = "",
		    .name = "",
		    .body = a->traits,
		};

		if ((a->account != NULL && join(s, a, a->account) != 0) ||
		    post(s, &e) != 0)
			return -1;
	}
	return 0;
}

static int
happen(struct stage *s, const struct happening *h)
{
	const struct actor *account = h->account;
	struct segment_event e = {
	    .type = SEGMENT_TRACK,
	    .user_id = h->user->id,
	    .group_id = account != NULL ? account->id : "",
	    .name = h->name,
	    .body = h->body,
	};

	if (h->name == NULL) {
		e.type = account != NULL ? SEGMENT_GROUP : SEGMENT_IDENTIFY;
		e.name = "";
	}
	s->now_ms = h->at_ms;
	if (account != NULL && !s->is_known[account - s->scenario->actors] &&
	    join(s, h->user, account) != 0)
		return -1;
	return post(s, &e);
}

/* ---------------------------------------------------------------- metrics */

static json_t *
member_at(json_t *values, const char *path)
{
	for (; values != NULL; path++) {
		size_t len = strcspn(path, ".");

		values = json_object_getn(values, path, len);
		path += len;
		if (*path == '\0')
			break;
	}
	return json_incref(values);
}

/* The metric's value as it is now; null for somebody not yet known. */
static int
ask(struct stage *s, const struct expectation *e, json_t **value)
{
	static const char *const names[] = {"metric", NULL};
	struct person *person;
	json_t *scope;

	if (turn_begin(&s->turn, s->now_ms) != 0 ||
	    turn_find(&s->turn, e->actor->kind, e->actor->id, &person) != 0)
		return failed(s);
	if (person != NULL) {
		scope = turn_scope(&s->turn, person, NULL, NULL, names);
		*value = member_at(json_object_get(scope, "metric"), e->name);
		json_decref(scope);
	}
	if (*value == NULL)
		*value = json_null();
	turn_rollback(&s->turn);
	return 0;
}

/* The earliest that is not answered yet and is asked up to then, or -1. */
static int
next_question(const struct stage *s, int64_t to_ms)
{
	const struct expectation *list = s->scenario->expected;
	int first = -1;

	for (int i = 0; i < s->scenario->n_expected; i++)
		if (list[i].kind == EXPECT_METRIC && list[i].at_ms <= to_ms &&
		    s->out->values[i] == NULL &&
		    (first < 0 || list[i].at_ms < list[first].at_ms))
			first = i;
	return first;
}

/* Goes on until then, and looks at metrics after all that happens at a time. */
static int
pass(struct stage *s, int64_t to_ms)
{
	const struct expectation *list = s->scenario->expected;
	int i;

	while ((i = next_question(s, to_ms)) >= 0)
		if (advance(s, list[i].at_ms) != 0 ||
		    ask(s, &list[i], &s->out->values[i]) != 0)
			return -1;
	return advance(s, to_ms);
}

/* --------------------------------------------------------------- decisions */

static int
read_log(struct stage *s, const struct actor *actor, int64_t subject)
{
	struct queue_decision rows[LOG_SET];
	struct rehearsal *out = s->out;
	int64_t before = 0;
	int n;

	while ((n = queue_decisions_of(
		    s->queue, subject, before, rows, LOG_SET)) > 0) {
		for (int i = 0; i < n; i++) {
			out->noted = list_room(out->noted, out->n_noted,
			    &out->cap_noted, sizeof *out->noted);
			out->noted[out->n_noted++] = (struct noted){
			    .id = rows[i].id,
			    .at_ms = rows[i].at_ms,
			    .actor = actor,
			    .sequence = keep(s, rows[i].sequence),
			    .entry = rows[i].entry,
			    .step = keep(s, rows[i].step),
			    .what = keep(s, rows[i].what),
			    .reason = keep(s, rows[i].reason),
			};
		}
		before = rows[n - 1].id;
	}
	return n;
}

static int
by_id(const void *a, const void *b)
{
	const struct noted *one = a, *other = b;

	return (one->id > other->id) - (one->id < other->id);
}

static int
read_logs(struct stage *s)
{
	if (turn_begin(&s->turn, s->now_ms) != 0)
		return failed(s);
	for (int i = 0; i < s->scenario->n_actors; i++) {
		const struct actor *a = &s->scenario->actors[i];
		struct person *person;

		if (turn_find(&s->turn, a->kind, a->id, &person) != 0 ||
		    (person != NULL && read_log(s, a, person->id) != 0))
			return failed(s);
	}
	turn_rollback(&s->turn);
	qsort(s->out->noted, (size_t)s->out->n_noted, sizeof *s->out->noted,
	    by_id);
	return 0;
}

/* ------------------------------------------------------------------- play */

static int
play(struct stage *s)
{
	const struct scenario *scenario = s->scenario;

	s->now_ms = scenario->first_ms;
	if (introduce(s) != 0)
		return -1;
	for (int i = 0; i < scenario->n_happenings; i++) {
		const struct happening *h = &scenario->happenings[i];

		if (pass(s, h->at_ms - 1) != 0 || happen(s, h) != 0)
			return -1;
	}
	return pass(s, scenario->until_ms) == 0 ? read_logs(s) : -1;
}

int
rehearse(const struct scenario *scenario, struct workspace *workspace,
    struct rehearsal *out, struct error *e)
{
	struct stage s = {.scenario = scenario,
	    .workspace = workspace,
	    .out = out,
	    .error = e};
	struct queue_error why;
	int rc = -1;

	*out = (struct rehearsal){.n_values = scenario->n_expected};
	out->values = xcalloc((size_t)out->n_values + 1, sizeof *out->values);
	s.queue = queue_open(NULL, QUEUE_MEMORY, &why);
	if (s.queue == NULL) {
		error_set(e, "%s", why.text);
		return -1;
	}
	s.is_known =
	    xcalloc((size_t)scenario->n_actors + 1, sizeof *s.is_known);
	if (turn_init(&s.turn, s.queue, workspace) != 0)
		failed(&s);
	else
		rc = play(&s);
	turn_free(&s.turn);
	queue_close(s.queue);
	free(s.is_known);
	return rc;
}

void
rehearsal_free(struct rehearsal *r)
{
	for (int i = 0; i < r->n_values; i++)
		json_decref(r->values[i]);
	free(r->values);
	free(r->sent);
	free(r->noted);
	arena_free(&r->arena);
	*r = (struct rehearsal){0};
}
