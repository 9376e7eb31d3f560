/* SPDX-License-Identifier: MIT */
/*
 * scenario - reads scenario files. Everything wrong is reported, with its
 * place; a scenario whose first event has no date ends there, as all other
 * times count from it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sequences/calendar.h"
#include "sequences/rules/reader.h"
#include "templates/time/date.h"
#include "templates/mem.h"
#include "worker/scenario/scenario.h"

#define DAY_MAX 3660

struct reading {
	struct reader at; /* where it stands, and the problems */
	const struct vocabulary *known;
	struct scenario *scenario;
	int64_t latest_ms; /* of all times mentioned */
};

/* ----------------------------------------------------------------- shapes */

enum member_type { TEXT, OBJECT, LIST, TRUTH, NUMBER, ANY };

struct member {
	const char *name;
	enum member_type type;
	bool is_required;
};

static void __attribute__((format(printf, 3, 4)))
wrong(struct reading *g, const char *member, const char *fmt, ...)
{
	size_t mark = reader_push(&g->at, member);
	struct error e;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(e.text, sizeof e.text, fmt, ap);
	va_end(ap);
	reader_error(&g->at, "%s", e.text);
	reader_pop(&g->at, mark);
}

static void
unknown(struct reading *g, const char *member, const char *what,
    const char *name, const char *const *known)
{
	size_t mark = reader_push(&g->at, member);

	reader_unknown(&g->at, what, name, known);
	reader_pop(&g->at, mark);
}

static const char *
text(json_t *object, const char *member)
{
	return json_string_value(json_object_get(object, member));
}

/* What is expected in place of the value, or NULL: it is that. */
static const char *
misfit(json_t *value, enum member_type type)
{
	switch (type) {
	case TEXT:
		return json_string_length(value) > 0
			   ? NULL
			   : "a string that is not empty";
	case OBJECT:
		return json_is_object(value) ? NULL : "an object";
	case LIST:
		return json_is_array(value) ? NULL : "a list";
	case TRUTH:
		return json_is_boolean(value) ? NULL : "true or false";
	case NUMBER:
		return json_is_number(value) ? NULL : "a number";
	case ANY:
		break;
	}
	return NULL;
}

static void
unknown_member(
    struct reading *g, const char *name, const struct member *members)
{
	const char *names[16], *near;
	int n = 0;

	for (; members->name != NULL; members++)
		names[n++] = members->name;
	names[n] = NULL;
	near = suggest(name, names);
	wrong(g, name, "unknown key \"%s\"%s%s%s", name,
	    near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
	    near != NULL ? "\"?" : "");
}

/* Is it an object of these members? `members` ends with one without a name. */
static bool
has_shape(struct reading *g, json_t *object, const struct member *members)
{
	int errors = g->at.problems->errors;
	const struct member *m;
	const char *name;
	json_t *value;

	if (!json_is_object(object)) {
		reader_error(&g->at, "an object is expected");
		return false;
	}
	json_object_foreach(object, name, value)
	{
		for (m = members; m->name != NULL && strcmp(m->name, name);)
			m++;
		if (m->name == NULL)
			unknown_member(g, name, members);
		else if (misfit(value, m->type) != NULL)
			wrong(
			    g, name, "%s is expected", misfit(value, m->type));
	}
	for (m = members; m->name != NULL; m++)
		if (m->is_required && json_object_get(object, m->name) == NULL)
			reader_error(&g->at, "\"%s\" is missing", m->name);
	return g->at.problems->errors == errors;
}

typedef void element_fn(struct reading *, json_t *value, int index);

/* Each element of a member that is a list. */
static void
each(struct reading *g, json_t *object, const char *member, element_fn *read)
{
	size_t outer = reader_push(&g->at, member);
	json_t *value;
	size_t i;

	json_array_foreach(json_object_get(object, member), i, value)
	{
		char index[24];
		size_t mark;

		snprintf(index, sizeof index, "%zu", i);
		mark = reader_push(&g->at, index);
		read(g, value, (int)i);
		reader_pop(&g->at, mark);
	}
	reader_pop(&g->at, outer);
}

static int
length(json_t *object, const char *member)
{
	return (int)json_array_size(json_object_get(object, member));
}

/* ------------------------------------------------------------------ times */

static int
day_parse(
    const char *text, int64_t first_ms, const struct zone *zone, int64_t *ms)
{
	struct civil c = zone_civil(zone, first_ms / 1000);
	int day, end = 0;

	if (sscanf(text, "day %4d %2d:%2d%n", &day, &c.hour, &c.minute, &end) <
		3 ||
	    text[end] != '\0' || day < 0 || day > DAY_MAX || c.hour < 0 ||
	    c.hour > 23 || c.minute < 0 || c.minute > 59)
		return -1;
	c.day += day;
	c.second = 0;
	*ms = zone_unix(zone, &c) * 1000;
	return 0;
}

int
moment_parse(
    const char *text, int64_t first_ms, const struct zone *zone, int64_t *ms)
{
	if (text[0] == '+' && duration_parse(text + 1, ms) == 0) {
		*ms += first_ms;
		return 0;
	}
	if (date_parse_rfc3339(text, strlen(text), ms) == 0)
		return 0;
	return day_parse(text, first_ms, zone, ms);
}

/* The member's time, 0 when it is not there. */
static int64_t
read_time(struct reading *g, json_t *object, const char *member,
    const struct zone *zone)
{
	const char *when = text(object, member);
	int64_t ms;

	if (when == NULL)
		return 0;
	if (moment_parse(when, g->scenario->first_ms, zone, &ms) != 0) {
		wrong(g, member,
		    "a time is expected: \"2026-03-27T10:00:00+01:00\", or "
		    "counted from the first event \"day 2 15:00\" or \"+48h\"");
		return 0;
	}
	if (ms < g->scenario->first_ms)
		wrong(g, member, "this is before the first event");
	if (ms > g->latest_ms)
		g->latest_ms = ms;
	return ms;
}

/* ----------------------------------------------------------------- actors */

struct actor *
scenario_actor(const struct scenario *s, enum subject_kind kind, const char *id)
{
	for (int i = 0; i < s->n_actors; i++) {
		struct actor *a = &s->actors[i];

		if (a->id != NULL && a->kind == kind && strcmp(a->id, id) == 0)
			return a;
	}
	return NULL;
}

/* Their ids, and what else is meant to be known; caller frees the list. */
static const char **
ids(const struct scenario *s, enum subject_kind kind, const char *const *more)
{
	const char **names;
	int n = 0, n_more = 0;

	while (more != NULL && more[n_more] != NULL)
		n_more++;
	names = xcalloc((size_t)(s->n_actors + n_more) + 1, sizeof *names);
	for (int i = 0; i < s->n_actors; i++)
		if (s->actors[i].kind == kind && s->actors[i].id != NULL)
			names[n++] = s->actors[i].id;
	for (int i = 0; i < n_more; i++)
		names[n++] = more[i];
	return names;
}

/* Whom a member "user" or "account" names; NULL: nobody, or a stranger. */
static struct actor *
read_whose(struct reading *g, json_t *object, enum subject_kind kind)
{
	const char *member = kind == SUBJECT_USER ? "user" : "account";
	const char *id = text(object, member), **known;
	struct actor *actor;

	if (id == NULL)
		return NULL;
	actor = scenario_actor(g->scenario, kind, id);
	if (actor != NULL)
		return actor;
	known = ids(g->scenario, kind, NULL);
	unknown(g, member, member, id, known);
	free(known);
	return NULL;
}

static const struct zone *
read_zone(struct reading *g, const struct actor *a)
{
	const char *name = text(a->traits, "timezone");
	const struct zone *zone = name != NULL ? zone_find(name) : NULL;

	if (name != NULL && zone == NULL)
		wrong(g, "timezone", "there is no time zone \"%s\"", name);
	if (zone == NULL && a->account != NULL)
		zone = a->account->zone;
	return zone != NULL ? zone : g->known->workspace->settings->zone;
}

static void
read_actor(
    struct reading *g, json_t *value, struct actor *a, enum subject_kind kind)
{
	const char *id = text(value, "id");

	*a = (struct actor){.kind = kind};
	if (id == NULL || id[0] == '\0')
		reader_error(&g->at, "an object with an \"id\" is expected");
	else if (scenario_actor(g->scenario, kind, id) != NULL)
		wrong(g, "id", "\"%s\" is there twice", id);
	else
		a->id = id;
	a->traits = json_is_object(value) ? json_copy(value) : json_object();
	json_object_del(a->traits, "id");
	if (kind == SUBJECT_USER) {
		a->account = read_whose(g, value, SUBJECT_ACCOUNT);
		json_object_del(a->traits, "account");
	}
	if (a->account != NULL && a->account->member == NULL)
		a->account->member = a;
	a->zone = read_zone(g, a);
}

static void
read_user(struct reading *g, json_t *value, int index)
{
	read_actor(g, value, &g->scenario->actors[index], SUBJECT_USER);
}

static void
read_account(struct reading *g, json_t *value, int index)
{
	struct scenario *s = g->scenario;

	read_actor(g, value, &s->actors[s->n_users + index], SUBJECT_ACCOUNT);
}

/* Accounts first: users name them. */
static void
read_actors(struct reading *g, json_t *root)
{
	struct scenario *s = g->scenario;
	json_t *one = json_object_get(root, "user");
	size_t mark;

	s->n_users = one != NULL ? 1 : length(root, "users");
	s->n_actors = s->n_users + length(root, "accounts");
	s->actors = xcalloc((size_t)s->n_actors + 1, sizeof *s->actors);
	if (s->n_users == 0 || (one && json_object_get(root, "users")))
		reader_error(&g->at,
		    "either \"user\" or a list of \"users\" is expected");
	each(g, root, "accounts", read_account);
	if (one != NULL) {
		mark = reader_push(&g->at, "user");
		read_user(g, one, 0);
		reader_pop(&g->at, mark);
	} else {
		each(g, root, "users", read_user);
	}
}

/* ----------------------------------------------------------------- events */

/* An account does nothing itself: one of its users does. */
static const struct actor *
read_doer(struct reading *g, json_t *value, const struct actor *account)
{
	const struct scenario *s = g->scenario;

	if (json_object_get(value, "user") != NULL)
		return read_whose(g, value, SUBJECT_USER);
	if (account != NULL && account->member != NULL)
		return account->member;
	if (s->n_users == 1)
		return &s->actors[0];
	if (account != NULL)
		reader_error(&g->at,
		    "no user belongs to %s: say with \"user\" who did it",
		    account->id);
	else
		reader_error(&g->at, "\"user\" or \"account\" is missing");
	return NULL;
}

/* The first event's time stands for itself: all others count from it. */
static bool
read_first(struct reading *g, json_t *value, const struct zone *zone)
{
	struct scenario *s = g->scenario;
	const char *when = text(value, "at");

	if (date_parse_rfc3339(when, strlen(when), &s->first_ms) != 0) {
		wrong(g, "at",
		    "the first event needs a date, such as "
		    "\"2026-03-27T10:00:00+01:00\"");
		return false;
	}
	s->zone = zone;
	return true;
}

/* In its place by time, after those of the same time. */
static void
add_happening(struct scenario *s, const struct happening *h)
{
	int i = s->n_happenings++;

	for (; i > 0 && s->happenings[i - 1].at_ms > h->at_ms; i--)
		s->happenings[i] = s->happenings[i - 1];
	s->happenings[i] = *h;
}

static void
read_event(struct reading *g, json_t *value, int index)
{
	static const struct member members[] = {{"at", TEXT, true},
	    {"user", TEXT, false}, {"account", TEXT, false},
	    {"event", TEXT, false}, {"properties", OBJECT, false},
	    {"traits", OBJECT, false}, {NULL, ANY, false}};
	struct happening h = {0};

	if (!has_shape(g, value, members))
		return;
	h.name = text(value, "event");
	h.body = json_object_get(value, h.name ? "properties" : "traits");
	if ((h.name != NULL) == (json_object_get(value, "traits") != NULL) ||
	    (h.name == NULL && json_object_get(value, "properties") != NULL)) {
		reader_error(&g->at, "either \"event\" (and \"properties\") or "
				     "\"traits\" is expected");
		return;
	}
	h.account = read_whose(g, value, SUBJECT_ACCOUNT);
	h.user = read_doer(g, value, h.account);
	if (h.user == NULL ||
	    (index == 0 && !read_first(g, value, h.user->zone)) ||
	    g->scenario->first_ms == 0)
		return;
	h.at_ms = read_time(g, value, "at", h.user->zone);
	add_happening(g->scenario, &h);
}

/* ----------------------------------------------------------- expectations */

static bool
is_recipient(const struct reading *g, const char *to)
{
	return strchr(to, '@') != NULL ||
	       scenario_actor(g->scenario, SUBJECT_USER, to) != NULL ||
	       name_is_among(to, g->known->recipients);
}

/* The template and the recipient. Returns whose time it is. */
static const struct actor *
read_send(struct reading *g, json_t *value, struct expectation *e)
{
	const char **known;

	e->to = text(value, "to");
	e->contains = text(value, "contains");
	if (!name_is_among(e->name, g->known->templates))
		unknown(g, "send", "template", e->name, g->known->templates);
	if (e->to == NULL)
		return NULL;
	if (!is_recipient(g, e->to)) {
		known = ids(g->scenario, SUBJECT_USER, g->known->recipients);
		unknown(g, "to", "recipient", e->to, known);
		free(known);
	}
	return scenario_actor(g->scenario, SUBJECT_USER, e->to);
}

/* Where nobody is named, the only one of those who have such a metric. */
static const struct actor *
only_actor(const struct reading *g, const char *metric)
{
	const struct scenario *s = g->scenario;

	if (s->n_users == 1 && name_is_among(metric, g->known->user_metrics))
		return &s->actors[0];
	if (s->n_actors - s->n_users == 1 &&
	    name_is_among(metric, g->known->account_metrics))
		return &s->actors[s->n_users];
	return NULL;
}

static void
read_metric(struct reading *g, json_t *value, struct expectation *e)
{
	char *metric = xstrndup(e->name, strcspn(e->name, "."));
	bool for_account =
	    e->actor != NULL
		? e->actor->kind == SUBJECT_ACCOUNT
		: !name_is_among(metric, g->known->user_metrics) &&
		      name_is_among(metric, g->known->account_metrics);
	const char *const *names =
	    for_account ? g->known->account_metrics : g->known->user_metrics;

	e->is = json_object_get(value, "is");
	e->above = json_object_get(value, "above");
	e->below = json_object_get(value, "below");
	if (e->is == NULL && e->above == NULL && e->below == NULL)
		reader_error(&g->at,
		    "what \"%s\" is must be said: \"is\", \"above\" or "
		    "\"below\"",
		    e->name);
	if (!name_is_among(metric, names))
		unknown(g, "metric", "metric", metric, names);
	else if (e->actor == NULL)
		e->actor = only_actor(g, metric);
	if (e->actor == NULL && name_is_among(metric, names))
		reader_error(&g->at, "say whose: \"user\" or \"account\"");
	free(metric);
}

static void
read_decision(
    struct reading *g, json_t *value, struct expectation *e, const char *member)
{
	e->because = text(value, "because");
	e->sequence = text(value, "sequence");
	if (e->kind == EXPECT_SKIPPED) {
		if (!name_is_among(e->name, g->known->steps))
			unknown(g, member, "step", e->name, g->known->steps);
	} else if (!name_is_among(e->name, g->known->sequences)) {
		unknown(g, member, "sequence", e->name, g->known->sequences);
	}
	if (e->sequence != NULL &&
	    !name_is_among(e->sequence, g->known->sequences))
		unknown(g, "sequence", "sequence", e->sequence,
		    g->known->sequences);
}

#define WHOSE                                       \
	{"at", TEXT, false}, {"user", TEXT, false}, \
	{                                           \
		"account", TEXT, false              \
	}
#define END                      \
	{                        \
		NULL, ANY, false \
	}

/* The first member says which of them it is. */
static const struct form {
	const struct member members[9];
	enum expectation_kind kind;
} forms[] = {
    {{{"send", TEXT, true}, {"at", TEXT, false}, {"to", TEXT, false},
	 {"contains", TEXT, false}, END},
	EXPECT_SEND},
    {{{"metric", TEXT, true}, WHOSE, {"is", ANY, false},
	 {"above", NUMBER, false}, {"below", NUMBER, false}, END},
	EXPECT_METRIC},
    {{{"entered", TEXT, true}, WHOSE, {"because", TEXT, false}, END},
	EXPECT_ENTERED},
    {{{"exited", TEXT, true}, WHOSE, {"because", TEXT, false}, END},
	EXPECT_EXITED},
    {{{"skipped", TEXT, true}, WHOSE, {"because", TEXT, false},
	 {"sequence", TEXT, false}, END},
	EXPECT_SKIPPED},
};

static const struct form *
form_of(struct reading *g, json_t *value)
{
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
		if (json_object_get(value, forms[i].members[0].name) != NULL)
			return &forms[i];
	reader_error(&g->at, "one of \"send\", \"metric\", \"entered\", "
			     "\"exited\" and \"skipped\" is expected");
	return NULL;
}

static void
read_expected(struct reading *g, json_t *value, int index)
{
	struct scenario *s = g->scenario;
	const struct form *form = form_of(g, value);
	const struct actor *whose = NULL;
	struct expectation e = {0};

	if (form == NULL || !has_shape(g, value, form->members))
		return;
	e.kind = form->kind;
	e.name = text(value, form->members[0].name);
	e.actor = read_whose(g, value, SUBJECT_ACCOUNT);
	if (e.actor == NULL)
		e.actor = read_whose(g, value, SUBJECT_USER);
	if (e.kind == EXPECT_SEND)
		whose = read_send(g, value, &e);
	else if (e.kind == EXPECT_METRIC)
		read_metric(g, value, &e);
	else
		read_decision(g, value, &e, form->members[0].name);
	if (whose == NULL)
		whose = e.actor;
	e.at_ms =
	    read_time(g, value, "at", whose != NULL ? whose->zone : s->zone);
	s->expected[s->n_expected++] = e;
}

static void
read_never(struct reading *g, json_t *value, int index)
{
	static const struct member members[] = {
	    {"send", TEXT, true}, {"to", TEXT, false}, END};
	struct expectation e = {.kind = EXPECT_SEND};
	json_t *object = json_is_string(value)
			     ? json_pack("{s:O}", "send", value)
			     : json_incref(value);

	if (has_shape(g, object, members)) {
		e.name = text(object, "send");
		read_send(g, object, &e);
		g->scenario->never[g->scenario->n_never++] = e;
	}
	json_decref(object);
}

/* -------------------------------------------------------------- scenarios */

/* A metric is asked for at the end, unless another time is said. */
static void
read_end(struct reading *g, json_t *root)
{
	struct scenario *s = g->scenario;
	int64_t latest_ms = g->latest_ms;

	s->until_ms = read_time(g, root, "until", s->zone);
	if (s->until_ms == 0)
		s->until_ms = latest_ms;
	else if (s->until_ms < latest_ms)
		wrong(g, "until", "a later time than this is named above");
	for (int i = 0; i < s->n_expected; i++)
		if (s->expected[i].kind == EXPECT_METRIC &&
		    s->expected[i].at_ms == 0)
			s->expected[i].at_ms = s->until_ms;
}

static void
read_scenario(struct reading *g, json_t *root)
{
	static const struct member members[] = {{"$schema", TEXT, false},
	    {"scenario", TEXT, true}, {"user", OBJECT, false},
	    {"users", LIST, false}, {"accounts", LIST, false},
	    {"events", LIST, true}, {"expect", LIST, true},
	    {"only", TRUTH, false}, {"never", LIST, false},
	    {"until", TEXT, false}, END};
	struct scenario *s = g->scenario;

	if (!has_shape(g, root, members))
		return;
	s->name = text(root, "scenario");
	s->is_complete = !json_is_false(json_object_get(root, "only"));
	s->happenings =
	    xcalloc((size_t)length(root, "events") + 1, sizeof *s->happenings);
	s->expected =
	    xcalloc((size_t)length(root, "expect") + 1, sizeof *s->expected);
	s->never = xcalloc((size_t)length(root, "never") + 1, sizeof *s->never);
	read_actors(g, root);
	if (length(root, "events") == 0)
		wrong(g, "events", "at least one event is expected");
	each(g, root, "events", read_event);
	if (s->first_ms == 0)
		return;
	each(g, root, "expect", read_expected);
	each(g, root, "never", read_never);
	read_end(g, root);
}

static void
add_scenario(struct scenarios *all, struct reading *g, json_t *root)
{
	all->list = list_room(all->list, all->n, &all->cap, sizeof *all->list);
	g->scenario = &all->list[all->n++];
	*g->scenario = (struct scenario){.file = g->at.doc->file};
	g->latest_ms = 0;
	read_scenario(g, root);
}

static void
add_list(struct scenarios *all, struct reading *g, json_t *root)
{
	static const struct member members[] = {
	    {"$schema", TEXT, false}, {"scenarios", LIST, true}, END};
	json_t *value;
	size_t i;

	if (!has_shape(g, root, members))
		return;
	json_array_foreach(json_object_get(root, "scenarios"), i, value)
	{
		buf_addf(&g->at.at, "/scenarios/%zu", i);
		add_scenario(all, g, value);
		buf_truncate(&g->at.at, 0);
	}
}

void
scenarios_read(struct scenarios *all, const char *path, const char *shown,
    const struct vocabulary *known, struct problems *problems)
{
	struct json_doc *doc = xcalloc(1, sizeof *doc);
	struct reading g = {
	    .at = {.doc = doc, .problems = problems}, .known = known};
	struct error e;

	if (json_doc_load(doc, path, shown, &e) != 0) {
		problems_add(problems, &e);
		free(doc);
		return;
	}
	all->docs = list_room(
	    all->docs, all->n_docs, &all->cap_docs, sizeof *all->docs);
	all->docs[all->n_docs++] = doc;
	if (json_object_get(doc->root, "scenarios") != NULL)
		add_list(all, &g, doc->root);
	else
		add_scenario(all, &g, doc->root);
	buf_free(&g.at.at);
}

static void
scenario_free(struct scenario *s)
{
	for (int i = 0; i < s->n_actors; i++)
		json_decref(s->actors[i].traits);
	free(s->actors);
	free(s->happenings);
	free(s->expected);
	free(s->never);
}

void
scenarios_free(struct scenarios *all)
{
	for (int i = 0; i < all->n; i++)
		scenario_free(&all->list[i]);
	for (int i = 0; i < all->n_docs; i++) {
		json_doc_free(all->docs[i]);
		free(all->docs[i]);
	}
	free(all->list);
	free(all->docs);
	*all = (struct scenarios){0};
}
