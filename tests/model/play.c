/* SPDX-License-Identifier: MIT */
/*
 * play - plays histories through the engine as the worker would, with a clock
 * that jumps from one due moment to the next. Reads one history a line
 * (model.mjs has its shape), writes a line of JSON for every call of the
 * engine, and "{}" behind each history.
 *
 * Between any two calls a subject is what was saved of it, and it is saved only
 * when it says that it has changed: what the state forgets shows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sequences/engine.h"
#include "templates/buf.h"
#include "templates/mem.h"
#include "tests/unit/folder.h"

#define AGE_MAX_MS ((int64_t)24 * 60 * 60 * 1000) /* older is history */
#define WAKES_MAX  1000				  /* between two arrivals */

struct stored { /* an event that has come */
	const char *name;
	int64_t at_ms;
	json_t *properties; /* borrowed from the history, as is the name */
	struct person *account;
};

struct person {
	const char *name; /* borrowed from the history */
	enum subject_kind kind;
	char *traits, *state; /* as the store has them */
	int64_t wake_at_ms;
	struct person *account; /* of a user, or NULL */
	struct stored *events;
	int n_events;
	bool is_gone;
	bool is_replayed;	/* in this step, and not yet caught up */
	struct subject subject; /* while it is open */
	bool is_open;
};

struct world {
	json_t *history;
	const struct zone *zone;
	struct rules *rules;
	char *known;		/* rules_definitions() */
	bool is_sweeping;	/* not everybody is up to date yet */
	struct person **people; /* in the order of their coming */
	int n_people;
	int64_t now_ms;
	struct decisions decisions;
};

static void
die(const char *what, const char *detail)
{
	fflush(stdout);
	fprintf(stderr, "play: %s: %s\n", what, detail);
	exit(2);
}

static const char *
text_of(json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static int64_t
ms_of(json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

/* -------------------------------------------------- definitions */

static void
write_definitions(json_t *definitions)
{
	char path[300];
	const char *name;
	json_t *text;

	write_file("metrics.json", text_of(definitions, "metrics"));
	json_object_foreach(
	    json_object_get(definitions, "sequences"), name, text)
	{
		snprintf(path, sizeof path, "sequences/%s.json", name);
		write_file(path, json_string_value(text));
	}
}

static struct rules *
load_rules(const struct world *w, json_t *definitions)
{
	static const char *const contacts[] = {"lead", "room", NULL};
	struct rules_context context = {
	    .contacts = contacts, .zone = w->zone, .known = w->known};
	struct problems problems = {0};
	char text[800];
	struct rules *rules;

	folder_make();
	write_file("sequences/README", "");
	write_definitions(definitions);
	rules = rules_load(folder, &context, &problems);
	folder_drop();
	for (int i = 0; i < problems.count; i++)
		if (!problems.list[i].is_warning)
			die("definitions", error_string(&problems.list[i].at,
					       text, sizeof text));
	problems_free(&problems);
	return rules;
}

static void
reload(struct world *w, size_t index)
{
	struct rules *rules = load_rules(w,
	    json_array_get(json_object_get(w->history, "definitions"), index));
	struct buf known = {0};

	rules_free(w->rules);
	w->rules = rules;
	if (w->is_sweeping)
		rules_unsettle(rules);
	w->is_sweeping = !rules_is_settled(rules);
	rules_definitions(rules, &known);
	free(w->known);
	w->known = buf_steal(&known);
}

/* ------------------------------------------------------- people */

static struct person *
find(const struct world *w, enum subject_kind kind, const char *name)
{
	for (int i = 0; i < w->n_people; i++)
		if (w->people[i]->kind == kind && !w->people[i]->is_gone &&
		    strcmp(w->people[i]->name, name) == 0)
			return w->people[i];
	return NULL;
}

static void
save(struct person *p)
{
	struct buf text = {0};

	if (p->subject.traits_changed || p->traits == NULL) {
		subject_save_traits(&p->subject, &text);
		free(p->traits);
		p->traits = buf_steal(&text);
	}
	if (p->subject.state_changed || p->state == NULL) {
		subject_save_state(&p->subject, &text);
		free(p->state);
		p->state = buf_steal(&text);
		p->wake_at_ms = p->subject.wake_at_ms;
	}
}

static struct subject *
open_person(struct person *p)
{
	struct error e;

	if (p == NULL)
		return NULL;
	if (p->is_open)
		return &p->subject;
	if (subject_load(
		&p->subject, p->kind, p->name, p->traits, p->state, &e) != 0)
		die(p->name, e.text);
	p->subject.wake_at_ms = p->wake_at_ms;
	p->is_open = true;
	return &p->subject;
}

static void
close_person(struct person *p)
{
	if (p == NULL || !p->is_open)
		return;
	save(p);
	subject_free(&p->subject);
	p->is_open = false;
}

static struct person *
find_or_add(struct world *w, enum subject_kind kind, const char *name)
{
	struct person *p = find(w, kind, name);

	if (p != NULL)
		return p;
	p = xcalloc(1, sizeof *p);
	p->kind = kind;
	p->name = name;
	engine_begin(w->rules, open_person(p), w->now_ms);
	close_person(p);
	w->people = xrealloc(
	    w->people, (size_t)(w->n_people + 1) * sizeof(struct person *));
	w->people[w->n_people++] = p;
	return p;
}

static void
store_event(struct world *w, struct person *p, struct person *account,
    const struct event *e)
{
	p->events =
	    xrealloc(p->events, (size_t)(p->n_events + 1) * sizeof *p->events);
	p->events[p->n_events++] = (struct stored){e->name,
	    e->at_ms < w->now_ms ? e->at_ms : w->now_ms, e->properties,
	    account};
}

/* ------------------------------------------------------- output */

static json_t *
meant(const struct world *w, const struct decision *d, struct person *account)
{
	const struct place *p = subject_place(&account->subject, d->sequence);
	json_t *names = json_array();

	for (int i = 0; i < w->n_people; i++) {
		struct person *member = w->people[i];
		bool was_open = member->is_open;

		if (member->is_gone || member->account != account)
			continue;
		if (engine_is_meant(w->rules, d->sequence,
			p != NULL ? p->version : 0, d->step, d->send->recipient,
			open_person(member), &account->subject, w->now_ms) == 1)
			json_array_append_new(names, json_string(member->name));
		if (!was_open) {
			subject_free(&member->subject);
			member->is_open = false;
		}
	}
	return names;
}

static void
add_send(const struct world *w, const struct decision *d,
    struct person *account, json_t *out)
{
	const struct outgoing *send = d->send;

	json_object_update_new(out,
	    json_pack("{s:s, s:s, s:s?, s:s?, s:I, s:I, s:O?, s:I, s:i}",
		"template", send->template_name, "to", send->recipient,
		"variant", send->variant, "topic", send->topic, "due",
		(json_int_t)send->not_before_ms, "expires",
		(json_int_t)send->expires_at_ms, "event", send->event,
		"entered", (json_int_t)send->entered_ms, "day", send->day));
	if (account != NULL && strncmp(send->recipient, "members:", 8) == 0)
		json_object_set_new(out, "meant", meant(w, d, account));
}

static json_t *
decision_json(
    const struct world *w, const struct decision *d, struct person *account)
{
	json_t *out = json_pack("{s:s, s:b, s:s, s:i, s:s?, s:s}", "what",
	    decision_name(d->what), "for_account", (int)d->for_account,
	    "sequence", d->sequence, "entry", d->entry, "step", d->step,
	    "reason", d->reason);

	if (d->send != NULL)
		add_send(w, d, d->for_account ? account : NULL, out);
	return out;
}

static json_t *
subject_json(const struct world *w, const struct person *p)
{
	struct engine_scope scope = {.rules = w->rules,
	    .subject = &p->subject,
	    .account = p->account != NULL ? &p->account->subject : NULL,
	    .now_ms = w->now_ms};
	json_t *metrics = engine_scope_lookup(&scope, "metric");
	json_t *out = json_pack("{s:O, s:I}", "metrics", metrics, "wake",
	    (json_int_t)p->subject.wake_at_ms);

	engine_scope_free(&scope);
	return out;
}

/* What a call did to these two, who are closed with it; `account` or NULL. */
static void
show(
    struct world *w, const char *call, struct person *p, struct person *account)
{
	json_t *list = json_array(), *subjects = json_object(), *line;

	for (int i = 0; i < w->decisions.count; i++)
		json_array_append_new(
		    list, decision_json(w, &w->decisions.list[i],
			      p->kind == SUBJECT_ACCOUNT ? p : account));
	decisions_clear(&w->decisions);
	close_person(p);
	close_person(account);
	open_person(account);
	open_person(p);
	json_object_set_new(subjects, p->name, subject_json(w, p));
	if (account != NULL)
		json_object_set_new(
		    subjects, account->name, subject_json(w, account));
	line = json_pack("{s:I, s:s, s:s, s:o, s:o, s:s}", "now",
	    (json_int_t)w->now_ms, "call", call, "who", p->name, "decisions",
	    list, "subjects", subjects, "state", p->state);
	json_dumpf(line, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(line);
	close_person(p);
	close_person(account);
}

/* ----------------------------------------- what the worker does */

static void
replay(struct world *w, struct person *p)
{
	for (int i = 0; i < p->n_events; i++) {
		const struct stored *s = &p->events[i];
		struct event e = {.name = s->name,
		    .at_ms = s->at_ms,
		    .properties = s->properties};

		engine_replay(w->rules, &p->subject, open_person(p->account),
		    open_person(s->account), &e, w->now_ms);
		if (s->account != p->account)
			close_person(s->account);
	}
}

/* Both are open, and p is up to date, afterwards. */
static void
open_pair(struct world *w, struct person *p)
{
	open_person(p);
	open_person(p->account);
	if (!p->is_replayed && engine_wants_replay(w->rules, &p->subject))
		replay(w, p);
	p->is_replayed = true;
}

/* A minimum or maximum that is not known is worked out in the same call. */
static void
recount(struct world *w, struct person *account)
{
	if (account == NULL ||
	    !engine_wants_recount(w->rules, &account->subject))
		return;
	engine_recount_begin(w->rules, &account->subject);
	for (int i = 0; i < w->n_people; i++) {
		struct person *member = w->people[i];
		bool was_open = member->is_open;

		if (member->account != account || member->is_gone)
			continue;
		engine_recount(
		    w->rules, &account->subject, open_person(member));
		if (!was_open)
			close_person(member);
	}
	engine_wake(
	    w->rules, &account->subject, NULL, w->now_ms, &w->decisions);
}

static void
wake(struct world *w, struct person *p, const char *call)
{
	open_pair(w, p);
	engine_wake(w->rules, &p->subject,
	    p->account != NULL ? &p->account->subject : NULL, w->now_ms,
	    &w->decisions);
	p->subject.state_changed = true;
	recount(w, p->kind == SUBJECT_ACCOUNT ? p : p->account);
	show(w, call, p, p->account);
}

/* Who is due first, by that time; of several the one who came first. */
static struct person *
first_due(const struct world *w, int64_t by_ms)
{
	struct person *first = NULL;

	for (int i = 0; i < w->n_people; i++) {
		struct person *p = w->people[i];

		if (!p->is_gone && p->wake_at_ms != 0 &&
		    p->wake_at_ms <= by_ms &&
		    (first == NULL || p->wake_at_ms < first->wake_at_ms))
			first = p;
	}
	return first;
}

/* Wake-ups until then, each at its time, or all of them late. */
static void
run_until(struct world *w, int64_t until_ms, bool is_down)
{
	struct person *p;
	int wakes = 0;

	if (is_down)
		w->now_ms = until_ms;
	while ((p = first_due(w, until_ms)) != NULL) {
		if (++wakes > WAKES_MAX)
			die(p->name, "wakes for ever");
		if (p->wake_at_ms > w->now_ms)
			w->now_ms = p->wake_at_ms;
		wake(w, p, "wake");
	}
	w->now_ms = until_ms;
}

static void
sweep(struct world *w)
{
	for (int i = 0; i < w->n_people; i++) {
		struct person *p = w->people[i];

		if (p->is_gone || p->kind != SUBJECT_USER ||
		    !engine_is_behind(w->rules, open_person(p)))
			close_person(p);
		else
			wake(w, p, "sweep");
	}
	rules_settle(w->rules);
	w->is_sweeping = false;
	for (int i = 0; i < w->n_people; i++) {
		struct person *p = w->people[i];

		if (p->kind != SUBJECT_ACCOUNT ||
		    !engine_is_behind(w->rules, open_person(p)))
			close_person(p);
		else
			wake(w, p, "sweep");
	}
}

/* Out of the account that the user is in, if any. */
static void
leave(struct world *w, struct person *p)
{
	struct person *account = p->account;

	if (account == NULL)
		return;
	open_pair(w, p);
	engine_leave(
	    w->rules, &p->subject, &account->subject, w->now_ms, &w->decisions);
	p->account = NULL;
	recount(w, account);
	show(w, "leave", account, NULL);
	close_person(p);
}

static void
set_traits(
    const struct world *w, struct person *p, json_t *traits, int64_t at_ms)
{
	if (traits == NULL)
		return;
	subject_set_traits(open_person(p), traits,
	    at_ms < w->now_ms ? at_ms : w->now_ms, w->now_ms);
	close_person(p);
}

static void
apply(struct world *w, struct person *p, const struct event *e)
{
	open_pair(w, p);
	engine_apply(w->rules, &p->subject,
	    p->account != NULL ? &p->account->subject : NULL, e, w->now_ms,
	    &w->decisions);
	recount(w, p->account);
	show(w, "apply", p, p->account);
}

static void
track(struct world *w, struct person *p, struct event *e, const char *account)
{
	struct person *of = p->account;

	if (account != NULL)
		of = find_or_add(w, SUBJECT_ACCOUNT, account);
	if (p->account == NULL)
		p->account = of;
	e->is_elsewhere = of != p->account;
	apply(w, p, e);
	if (e->is_elsewhere)
		apply(w, of, e);
	store_event(w, p, of, e);
}

static void
group(struct world *w, struct person *p, struct event *e, json_t *step)
{
	struct person *account =
	    find_or_add(w, SUBJECT_ACCOUNT, text_of(step, "group"));

	set_traits(w, account, json_object_get(step, "traits"), e->at_ms);
	if (p->account != account)
		leave(w, p);
	p->account = account;
	apply(w, p, e);
}

/* An event, or an identify or group call, which are events without a name. */
static void
arrive(struct world *w, json_t *step)
{
	struct person *p = find_or_add(w, SUBJECT_USER, text_of(step, "user"));
	const char *name = text_of(step, "event");
	struct event e = {.name = name != NULL ? name : "",
	    .at_ms = ms_of(step, "at"),
	    .properties = json_object_get(step, "properties")};

	e.is_history = w->now_ms - e.at_ms > AGE_MAX_MS;
	if (name != NULL) {
		track(w, p, &e, text_of(step, "account"));
	} else if (json_object_get(step, "group") != NULL) {
		group(w, p, &e, step);
	} else {
		set_traits(w, p, json_object_get(step, "traits"), e.at_ms);
		apply(w, p, &e);
	}
}

static void
forget(struct world *w, const char *name)
{
	struct person *p = find(w, SUBJECT_USER, name);

	if (p == NULL)
		return;
	leave(w, p);
	p->is_gone = true;
}

static void
play_step(struct world *w, json_t *step)
{
	json_t *index = json_object_get(step, "reload");

	for (int i = 0; i < w->n_people; i++)
		w->people[i]->is_replayed = false;
	run_until(
	    w, ms_of(step, "now"), json_is_true(json_object_get(step, "down")));
	if (index != NULL)
		reload(w, (size_t)json_integer_value(index));
	else if (json_object_get(step, "sweep") != NULL)
		sweep(w);
	else if (json_object_get(step, "forget") != NULL)
		forget(w, text_of(step, "forget"));
	else if (json_object_get(step, "user") != NULL)
		arrive(w, step);
}

static void
play(json_t *history)
{
	struct world w = {
	    .history = history, .zone = zone_find(text_of(history, "zone"))};
	json_t *step;
	size_t i;

	reload(&w, 0);
	json_array_foreach(json_object_get(history, "steps"), i, step)
	{
		play_step(&w, step);
	}
	puts("{}");
	fflush(stdout);
	for (int k = 0; k < w.n_people; k++) {
		free(w.people[k]->traits);
		free(w.people[k]->state);
		free(w.people[k]->events);
		free(w.people[k]);
	}
	free(w.people);
	free(w.known);
	decisions_free(&w.decisions);
	rules_free(w.rules);
}

int
main(void)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t len;

	while ((len = getline(&line, &size, stdin)) > 0) {
		json_error_t e;
		json_t *history = json_loadb(line, (size_t)len, 0, &e);

		if (history == NULL)
			die("not a history", e.text);
		play(history);
		json_decref(history);
	}
	free(line);
	return 0;
}
