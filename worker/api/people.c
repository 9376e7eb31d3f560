/* SPDX-License-Identifier: MIT */
/* people - who somebody is, what happened to them, and what a hand may do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sequences/calendar.h"
#include "sequences/metrics/describe.h"
#include "templates/time/date.h"
#include "templates/mem.h"
#include "templates/mail/mime.h"
#include "worker/api/calls.h"
#include "worker/settings/topics.h"

#define ROWS 100 /* of each kind in one answer */

/* 1 found, 0 answered with 404 (which says if it is the other kind's), -1. */
static int
find(struct turn *t, struct api_call *call, enum subject_kind kind,
    const char *id, struct person **out)
{
	bool is_user = kind == SUBJECT_USER;
	struct person *other;

	if (turn_find(t, kind, id, out) != 0)
		return -1;
	if (*out != NULL)
		return 1;
	if (turn_find(
		t, is_user ? SUBJECT_ACCOUNT : SUBJECT_USER, id, &other) != 0)
		return -1;
	api_problem(call, 404, "there is no %s \"%s\"%s",
	    is_user ? "user" : "account", id,
	    other == NULL ? ""
	    : is_user	  ? "; the id is an account's"
			  : "; the id is a user's");
	return 0;
}

int
people_search(struct turn *t, struct api_call *call, const struct api_match *m)
{
	static struct queue_subject rows[API_PAGE_MAX];
	json_t *list = json_array();
	char text[API_VALUE_SIZE];
	int64_t before = api_cursor(call);
	int limit = api_limit(call), n;

	if (!api_query(call, "q", text) || text[0] == '\0') {
		json_decref(list);
		api_problem(call, 400, "say whom to look for: ?q=ada");
		return 0;
	}
	n = queue_subjects_search(t->queue, text, before, rows, limit);
	for (int i = 0; i < n; i++)
		json_array_append_new(list,
		    json_pack("{s:s,s:s,s:o,s:o}", "kind",
			rows[i].kind == QUEUE_USER ? "user" : "account", "id",
			rows[i].name, "email", text_value(rows[i].email),
			"first_seen_at", time_value(rows[i].created_at_ms)));
	api_answer(call, json_pack("{s:o}", "people", list));
	if (n > 0)
		api_set_cursor(call->reply, n, limit, before + n);
	return n < 0 ? -1 : 0;
}

static json_t *
places_value(const struct subject *s)
{
	json_t *list = json_array();

	for (int i = 0; i < s->n_places; i++) {
		const struct place *p = &s->places[i];

		json_array_append_new(list,
		    json_pack("{s:s,s:i,s:o,s:o,s:o,s:o}", "sequence",
			p->sequence, "entry", p->entry, "entered_at",
			time_value(p->entered_ms), "next_step",
			text_value(p->is_done ? "" : p->step), "due_at",
			time_value(p->is_done ? 0 : p->due_ms), "paused_until",
			p->paused_until_ms == INT64_MAX
			    ? json_string("resumed")
			    : time_value(p->paused_until_ms)));
	}
	return list;
}

static json_t *
event_value(const struct queue_event *e)
{
	json_t *body = json_loads(e->body, 0, NULL);

	return json_pack("{s:o,s:s,s:o,s:o}", "at", time_value(e->at_ms),
	    "type", e->type, "event", text_value(e->name), "properties",
	    body != NULL ? body : json_object());
}

static int
add_messages(struct turn *t, int64_t subject, json_t *reply)
{
	static struct queue_message rows[ROWS];
	struct queue_message_filter filter = {.subject = subject, .state = -1};
	json_t *list = json_array();
	int n = queue_messages_find(t->queue, &filter, rows, ROWS);

	for (int i = 0; i < n; i++)
		json_array_append_new(list, message_value(t, &rows[i]));
	json_object_set_new(reply, "messages", list);
	return n < 0 ? -1 : 0;
}

static int
add_decisions(struct turn *t, int64_t subject, json_t *reply)
{
	static struct queue_decision rows[ROWS];
	json_t *list = json_array();
	int n = queue_decisions_of(t->queue, subject, 0, rows, ROWS);

	for (int i = 0; i < n; i++)
		json_array_append_new(list, decision_value(&rows[i]));
	json_object_set_new(reply, "decisions", list);
	return n < 0 ? -1 : 0;
}

static int
add_names(struct turn *t, int64_t subject, json_t *reply)
{
	struct queue_name names[ROWS];
	json_t *list = json_array();
	int n = queue_names_of(t->queue, subject, names, ROWS);

	for (int i = 0; i < n; i++)
		if (names[i].kind == QUEUE_ANONYMOUS_ID)
			json_array_append_new(list, json_string(names[i].text));
	json_object_set_new(reply, "anonymous_ids", list);
	return n < 0 ? -1 : 0;
}

/* Traits, metrics, places: what templates and conditions see. */
static json_t *
subject_value(struct turn *t, struct person *person)
{
	const struct subject *s = &person->subject;
	json_t *scope = turn_scope(t, person, NULL, NULL, NULL);
	json_t *metrics = json_incref(json_object_get(scope, "metric"));
	struct person *account = person_now(person->account);

	json_decref(scope);
	return json_pack("{s:s,s:s,s:O,s:o,s:o,s:o,s:o,s:o}", "kind",
	    s->kind == SUBJECT_USER ? "user" : "account", "id", s->name,
	    "traits", s->traits, "metrics",
	    metrics != NULL ? metrics : json_object(), "sequences",
	    places_value(s), "account",
	    text_value(account != NULL ? account->subject.name : NULL),
	    "first_seen_at", time_value(person->created_at_ms), "next_look_at",
	    time_value(s->wake_at_ms));
}

static int
show(struct turn *t, struct api_call *call, enum subject_kind kind,
    const char *id)
{
	struct person *person;
	int n = find(t, call, kind, id, &person);

	if (n != 1)
		return n;
	api_answer(call, subject_value(t, person));
	if (add_names(t, person->id, call->reply) != 0 ||
	    add_messages(t, person->id, call->reply) != 0)
		return -1;
	return add_decisions(t, person->id, call->reply);
}

int
people_show(struct turn *t, struct api_call *call, const struct api_match *m)
{
	return show(t, call, SUBJECT_USER, m->star[0]);
}

/* Members in pages, by id. */
static int
add_members(struct turn *t, struct api_call *call, int64_t account)
{
	int64_t ids[API_PAGE_MAX];
	int limit = api_limit(call);
	json_t *list = json_array();
	int n = queue_members(t->queue, account, api_cursor(call), ids, limit);

	json_object_set_new(call->reply, "members", list);
	if (n < 0 || turn_load_ids(t, ids, n) != 0)
		return -1;
	for (int i = 0; i < n; i++)
		json_array_append_new(
		    list, json_string(
			      people_by_id(&t->people, ids[i])->subject.name));
	if (n > 0)
		api_set_cursor(call->reply, n, limit, ids[n - 1]);
	return 0;
}

int
accounts_show(struct turn *t, struct api_call *call, const struct api_match *m)
{
	struct person *account;
	int n = find(t, call, SUBJECT_ACCOUNT, m->star[0], &account);

	if (n != 1)
		return n;
	if (show(t, call, SUBJECT_ACCOUNT, m->star[0]) != 0)
		return -1;
	return add_members(t, call, account->id);
}

static bool
is_about_users(const struct api_call *call)
{
	return strncmp(call->path, "/v1/people/", 11) == 0;
}

int
people_metrics(struct turn *t, struct api_call *call, const struct api_match *m)
{
	bool is_user = is_about_users(call);
	struct person *person, *account;
	int n = find(t, call, is_user ? SUBJECT_USER : SUBJECT_ACCOUNT,
	    m->star[0], &person);

	if (n != 1)
		return n;
	account = person_now(person->account);
	api_answer(call,
	    json_pack("{s:s,s:s,s:o}", "kind", is_user ? "user" : "account",
		"id", person->subject.name, "metrics",
		describe_metrics(t->workspace->rules, &person->subject,
		    account != NULL ? &account->subject : NULL, t->now_ms)));
	return 0;
}

/* Events and decisions, newest first, and how far they have been shown. */
struct timeline {
	struct queue_event events[API_PAGE_MAX];
	struct queue_decision decisions[API_PAGE_MAX];
	int n_events, n_decisions;
	long long event, decision; /* ids of the last ones shown; 0: none */
};

static int
load_timeline(struct turn *t, const struct api_call *call, int64_t person,
    struct timeline *l)
{
	char cursor[API_VALUE_SIZE] = "";
	int limit = api_limit(call);

	l->event = l->decision = 0;
	if (api_query(call, "cursor", cursor))
		sscanf(cursor, "%lld-%lld", &l->event, &l->decision);
	l->n_events =
	    queue_events_of(t->queue, person, l->event, l->events, limit);
	l->n_decisions = queue_decisions_of(
	    t->queue, person, l->decision, l->decisions, limit);
	return l->n_events < 0 || l->n_decisions < 0 ? -1 : 0;
}

/* The newest of both together. What an event led to came after it. */
static void
answer_timeline(struct api_call *call, struct timeline *l)
{
	json_t *events = json_array(), *decisions = json_array();
	int limit = api_limit(call), e = 0, d = 0;

	while (e + d < limit && (e < l->n_events || d < l->n_decisions)) {
		const struct queue_event *event = &l->events[e];
		const struct queue_decision *decision = &l->decisions[d];

		if (d == l->n_decisions ||
		    (e < l->n_events && event->received_ms > decision->at_ms)) {
			json_array_append_new(events, event_value(event));
			l->event = event->id;
			e++;
		} else {
			json_array_append_new(
			    decisions, decision_value(decision));
			l->decision = decision->id;
			d++;
		}
	}
	api_answer(call,
	    json_pack("{s:o,s:o}", "events", events, "decisions", decisions));
	if (e + d == limit)
		json_object_set_new(call->reply, "next_cursor",
		    json_sprintf("%lld-%lld", l->event, l->decision));
}

int
people_timeline(
    struct turn *t, struct api_call *call, const struct api_match *m)
{
	static struct timeline timeline;
	struct person *person;
	int n = find(t, call, SUBJECT_USER, m->star[0], &person);

	if (n != 1)
		return n;
	if (load_timeline(t, call, person->id, &timeline) != 0)
		return -1;
	answer_timeline(call, &timeline);
	return 0;
}

/* ---------------------------------------------------------------- by hand */

struct action {
	struct turn *turn;
	struct person *person;
	const char *sequence;
	char why[API_REASON_SIZE]; /* and who */
	struct api_call *call;
	struct error error;
	int status; /* of the answer that tells the error */
};

static int
enter(struct action *a)
{
	struct person *account = person_now(a->person->account);

	return engine_enter(a->turn->workspace->rules, &a->person->subject,
	    account != NULL ? &account->subject : NULL, a->sequence, a->why,
	    a->turn->now_ms, &a->turn->decisions, &a->error);
}

static int
leave(struct action *a)
{
	return engine_exit(a->turn->workspace->rules, &a->person->subject,
	    a->sequence, a->why, a->turn->now_ms, &a->turn->decisions,
	    &a->error);
}

static int
pause_sequence(struct action *a)
{
	const char *length = api_text(a->call, "for");
	int64_t ms = 0;

	if (length[0] != '\0' &&
	    (duration_parse(length, &ms) != 0 || ms == 0)) {
		error_set(&a->error, "\"for\" is a duration such as 3d");
		a->status = 400;
		return -1;
	}
	return engine_pause(a->turn->workspace->rules, &a->person->subject,
	    a->sequence, a->why, ms == 0 ? INT64_MAX : a->turn->now_ms + ms,
	    a->turn->now_ms, &a->turn->decisions, &a->error);
}

static int
resume(struct action *a)
{
	return engine_resume(a->turn->workspace->rules, &a->person->subject,
	    a->sequence, a->why, a->turn->now_ms, &a->turn->decisions,
	    &a->error);
}

static int
skip(struct action *a)
{
	return engine_skip(a->turn->workspace->rules, &a->person->subject,
	    a->sequence, a->why, a->turn->now_ms, &a->turn->decisions,
	    &a->error);
}

/* The address as it is when a message goes out: with its domain in ASCII. */
static int
set_suppressed(
    struct action *a, const char *email, const char *topic, bool is_on)
{
	struct queue *q = a->turn->queue;
	struct buf ascii = {0};
	struct error e;
	int rc;

	if (address_to_ascii(email, &ascii, &e) == 0)
		email = ascii.data;
	rc = is_on ? queue_suppress(
			 q, email, topic, "by an operator", a->turn->now_ms)
		   : queue_unsuppress(q, email, topic);
	if (rc != 0)
		error_set(&a->error, "%s", queue_error(q)->text);
	buf_free(&ascii);
	return rc;
}

/* A misspelt one would keep nothing back. */
static int
check_topic(struct action *a, const char *topic)
{
	const char **known = topics_of(a->turn->workspace);
	const char *near = suggest(topic, known);
	bool is_known = topic[0] == '\0';

	for (const char **k = known; *k != NULL; k++)
		is_known |= strcmp(*k, topic) == 0;
	if (!is_known) {
		error_set(&a->error, "there is no topic \"%.100s\"%s%s%s",
		    topic, near != NULL ? "; did you mean \"" : "",
		    near != NULL ? near : "", near != NULL ? "\"?" : "");
		a->status = 422;
	}
	free(known);
	return is_known ? 0 : -1;
}

static int
suppression(struct action *a, bool is_on)
{
	const char *email = json_string_value(
	    json_object_get(a->person->subject.traits, "email"));
	const char *topic = api_text(a->call, "topic");
	struct buf reason = {0};

	if (check_topic(a, topic) != 0)
		return -1;
	if (email == NULL) {
		error_set(&a->error, "there is no address to %s",
		    is_on ? "suppress" : "allow again");
		return -1;
	}
	if (set_suppressed(a, email, topic, is_on) != 0)
		return -1;
	buf_addf(
	    &reason, "%s, %s", topic[0] != '\0' ? topic : "all topics", a->why);
	turn_note(a->turn, a->person, NULL, 0, NULL,
	    is_on ? "suppressed" : "unsuppressed", reason.data);
	buf_free(&reason);
	return 0;
}

static int
suppress(struct action *a)
{
	return suppression(a, true);
}

static int
unsuppress(struct action *a)
{
	return suppression(a, false);
}

/* Who it was is forgotten, too. */
static int
forget(struct action *a)
{
	static const struct queue_decision row = {
	    .subject = QUEUE_NOBODY, .what = "forgotten"};

	if (a->person->subject.kind != SUBJECT_USER) {
		error_set(&a->error, "only people can be forgotten");
		return -1;
	}
	if (turn_forget(a->turn, a->person) == 0 &&
	    api_decide(a->turn, a->call, &row) == 0)
		return 0;
	error_set(&a->error, "%s", queue_error(a->turn->queue)->text);
	return -1;
}

#define AND_WHO "actor", "note", NULL
static const char *const takes_sequence[] = {"sequence", AND_WHO};
static const char *const takes_pause[] = {"sequence", "for", AND_WHO};
static const char *const takes_topic[] = {"topic", AND_WHO};
static const char *const takes_nothing[] = {AND_WHO};

static const struct {
	const char *name;
	int (*run)(struct action *);
	const char *const *takes;
	bool has_sequence;
} actions[] = {
    {"enter", enter, takes_sequence, true},
    {"exit", leave, takes_sequence, true},
    {"pause", pause_sequence, takes_pause, true},
    {"resume", resume, takes_sequence, true},
    {"skip", skip, takes_sequence, true},
    {"suppress", suppress, takes_topic, false},
    {"unsuppress", unsuppress, takes_topic, false},
    {"forget", forget, takes_nothing, false},
};

int
people_act(struct turn *t, struct api_call *call, const struct api_match *m)
{
	bool is_user = is_about_users(call);
	struct action a = {.turn = t, .call = call, .status = 409};
	size_t i = 0, n = sizeof actions / sizeof actions[0];
	int found;

	while (i < n && strcmp(actions[i].name, m->star[1]) != 0)
		i++;
	if (i == n) {
		api_problem(
		    call, 404, "\"%s\" cannot be done to somebody", m->star[1]);
		return 0;
	}
	if (!api_takes(call, actions[i].takes))
		return 0;
	found = find(t, call, is_user ? SUBJECT_USER : SUBJECT_ACCOUNT,
	    m->star[0], &a.person);
	if (found != 1)
		return found;
	a.sequence = api_text(call, "sequence");
	api_reason(call, a.why);
	if (actions[i].has_sequence && a.sequence[0] == '\0') {
		api_problem(call, 400, "\"sequence\" is missing");
		return 0;
	}
	if (actions[i].run(&a) != 0) {
		decisions_clear(&t->decisions);
		api_problem(call, a.status, "%s", a.error.text);
		return 0;
	}
	if (a.person->is_gone) {
		api_answer(call, json_pack("{s:s,s:s,s:b}", "kind", "user",
				     "id", m->star[0], "forgotten", true));
		return 0;
	}
	a.person->subject.state_changed = true;
	turn_take(t, a.person, NULL);
	api_answer(call, subject_value(t, a.person));
	return 0;
}
