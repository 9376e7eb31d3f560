/* SPDX-License-Identifier: MIT */
/*
 * ingest - product events to decisions: who is meant, what they now look like,
 * and what the engine makes of it.
 *
 * Traits of a set are taken before its other events are looked at: clients
 * send identify and track side by side and promise no order.
 */
#include <stdlib.h>
#include <string.h>

#include "templates/json_text.h"
#include "worker/telemetry/stats.h"
#include "worker/turn/turn.h"

static void
want(struct turn *t, const struct segment_event *e)
{
	people_want(&t->people, QUEUE_USER_ID, e->user_id);
	people_want(&t->people, QUEUE_ANONYMOUS_ID, e->anonymous_id);
	people_want(&t->people, QUEUE_ACCOUNT_ID, e->group_id);
	if (e->type == SEGMENT_ALIAS) {
		people_want(&t->people, QUEUE_USER_ID, e->previous_id);
		people_want(&t->people, QUEUE_ANONYMOUS_ID, e->previous_id);
	}
}

/* ------------------------------------------------------------ who it is */

static struct person *
add(struct turn *t, enum subject_kind kind, const char *name)
{
	struct person *person = people_add(&t->people, kind, name, t->now_ms);

	engine_begin(t->workspace->rules, &person->subject, t->now_ms);
	return person;
}

/*
 * The visitor behind an anonymous id turns out to be this user. Nobody else's
 * history is taken over: a device that a second user signs in on only changes
 * whom its id stands for from now on.
 */
static void
join(struct turn *t, const struct segment_event *e, struct person *visitor,
    struct person *user)
{
	bool says_so = e->type == SEGMENT_IDENTIFY || e->type == SEGMENT_ALIAS;

	if (visitor != NULL && visitor != user && !visitor->is_known && says_so)
		turn_merge(t, visitor, user);
	if (visitor == NULL || visitor->is_known || says_so)
		people_bind(
		    &t->people, QUEUE_ANONYMOUS_ID, e->anonymous_id, user);
}

static struct person *
who(struct turn *t, const struct segment_event *e)
{
	struct people *p = &t->people;
	struct person *user = people_find(p, QUEUE_USER_ID, e->user_id);
	struct person *visitor =
	    people_find(p, QUEUE_ANONYMOUS_ID, e->anonymous_id);

	if (e->user_id[0] == '\0') {
		if (visitor == NULL) {
			visitor = add(t, SUBJECT_USER, e->anonymous_id);
			people_bind(
			    p, QUEUE_ANONYMOUS_ID, e->anonymous_id, visitor);
		}
		return visitor;
	}
	if (user == NULL) {
		bool says_so =
		    e->type == SEGMENT_IDENTIFY || e->type == SEGMENT_ALIAS;

		if (visitor != NULL && !visitor->is_known && says_so)
			user = visitor;
		else
			user = add(t, SUBJECT_USER, e->user_id);
		people_bind(p, QUEUE_USER_ID, e->user_id, user);
	}
	if (e->anonymous_id[0] != '\0')
		join(t, e, visitor, user);
	return user;
}

/* alias: what was known as previousId is this user. */
static void
alias(struct turn *t, const struct segment_event *e, struct person *user)
{
	struct people *p = &t->people;
	struct person *known = people_find(p, QUEUE_USER_ID, e->previous_id);
	struct person *visitor =
	    people_find(p, QUEUE_ANONYMOUS_ID, e->previous_id);

	if (known != NULL && known != user)
		turn_merge(t, known, user);
	if (visitor != NULL && visitor != user && visitor != known &&
	    !visitor->is_known)
		turn_merge(t, visitor, user);
	if (known == NULL)
		people_bind(p, QUEUE_ANONYMOUS_ID, e->previous_id, user);
}

static struct person *
account_of(struct turn *t, const struct segment_event *e, struct person *user)
{
	struct people *p = &t->people;
	struct person *account;

	if (e->group_id[0] == '\0')
		return person_now(user->account);
	account = people_find(p, QUEUE_ACCOUNT_ID, e->group_id);
	if (account == NULL) {
		account = add(t, SUBJECT_ACCOUNT, e->group_id);
		people_bind(p, QUEUE_ACCOUNT_ID, e->group_id, account);
	}
	if (user->account != account &&
	    (e->type == SEGMENT_GROUP || user->account == NULL)) {
		user->account = account;
		user->account_changed = true;
	}
	return account;
}

/* ------------------------------------------------------------------ traits */

/* Reserved traits have one spelling here; both are accepted on the way in. */
static const char *const spellings[][2] = {
    {"firstName", "first_name"},
    {"lastName", "last_name"},
    {"createdAt", "created_at"},
    {"timeZone", "timezone"},
};

/* A copy of the traits in our spelling, with a name if there are its parts. */
static json_t *
canonical(const json_t *traits)
{
	json_t *copy = json_copy((json_t *)traits);

	for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
		json_t *value = json_object_get(copy, spellings[i][0]);

		if (value == NULL)
			continue;
		if (json_object_get(copy, spellings[i][1]) == NULL)
			json_object_set(copy, spellings[i][1], value);
		json_object_del(copy, spellings[i][0]);
	}
	return copy;
}

static void
context_traits(struct subject *s, const struct segment_event *e)
{
	json_t *found =
	    e->traits != NULL ? canonical(e->traits) : json_object();

	if (e->timezone[0] != '\0' && zone_find(e->timezone) != NULL)
		json_object_set_new(
		    found, "timezone", json_string(e->timezone));
	if (e->locale[0] != '\0')
		json_object_set_new(found, "locale", json_string(e->locale));
	subject_set_traits(s, found, 0, 0);
	json_decref(found);
}

static void
take_traits(struct turn *t, const struct segment_event *e, struct person *user,
    struct person *account)
{
	struct person *who = e->type == SEGMENT_GROUP ? account : user;

	if ((e->type == SEGMENT_IDENTIFY || e->type == SEGMENT_GROUP) &&
	    e->body != NULL) {
		json_t *traits = canonical(e->body);

		if (who == account)
			who->members_wait |= rules_members_wait(
			    t->workspace->rules, who->subject.traits, traits);
		subject_set_traits(&who->subject, traits, e->at_ms, t->now_ms);
		json_decref(traits);
	}
	context_traits(&user->subject, e);
}

/* ------------------------------------------------------------------ events */

struct arrival {
	const struct segment_event *event;
	struct person *user;
	struct person *account; /* that the event is for; NULL: none */
	struct person *joined;	/* that the user is a member of by then */
};

static void
apply_to(struct turn *t, struct person *who, struct person *account,
    const struct event *event)
{
	engine_apply(t->workspace->rules, &who->subject,
	    account != NULL ? &account->subject : NULL, event, t->now_ms,
	    &t->decisions);
	turn_take(t, who, account);
}

static void
apply(struct turn *t, const struct arrival *a)
{
	const struct segment_event *e = a->event;
	struct person *user = person_now(a->user);
	struct event event = {
	    .name = e->name,
	    .at_ms = e->at_ms,
	    .properties = e->body,
	    .is_history =
		t->now_ms - e->at_ms > t->workspace->settings->max_event_age_ms,
	};

	event.is_late = event.is_history;
	if (e->name[0] == '\0')
		event.properties = NULL;
	if (user == a->user && user->joined != a->joined) {
		turn_leave(t, user);
		user->joined = a->joined;
	}
	event.is_elsewhere = a->account != user->joined;
	apply_to(t, user, user->joined, &event);
	if (event.is_elsewhere && a->account != NULL)
		apply_to(t, a->account, NULL, &event);
}

static void
remember(struct turn *t, const struct arrival *a)
{
	t->events = list_room(
	    t->events, t->n_events, &t->cap_events, sizeof *t->events);
	t->events[t->n_events++] =
	    (struct turn_event){a->user, a->account, a->event};
}

/* The events not seen before, in their order. Returns how many, or -1. */
static int
fresh(struct turn *t, const struct segment_event *const *events, int n,
    struct arrival *out)
{
	const char **ids = xcalloc((size_t)n + 1, sizeof *ids);
	bool *seen = xcalloc((size_t)n + 1, sizeof *seen);
	int kept = 0, rc;

	for (int i = 0; i < n; i++)
		ids[i] = events[i]->message_id;
	rc = queue_events_dedupe(t->queue, ids, n, t->now_ms,
	    t->now_ms - t->workspace->settings->dedupe_ms, seen);
	for (int i = 0; rc == 0 && i < n; i++)
		if (!seen[i])
			out[kept++] = (struct arrival){.event = events[i]};
	if (rc == 0)
		stats_count_later(STAT_DUPLICATES, "", "", n - kept);
	free(seen);
	free(ids);
	return rc == 0 ? kept : -1;
}

int
turn_ingest(struct turn *t, const struct segment_event *const *events, int n)
{
	struct arrival *list = xcalloc((size_t)n + 1, sizeof *list);
	int kept = fresh(t, events, n, list);

	for (int i = 0; i < kept; i++)
		want(t, list[i].event);
	if (kept > 0 && (people_load(&t->people) != 0 || turn_replay(t) != 0))
		kept = -1;
	for (int i = 0; i < kept; i++) {
		struct arrival *a = &list[i];

		a->user = who(t, a->event);
		if (a->event->type == SEGMENT_ALIAS)
			alias(t, a->event, a->user);
		a->account = account_of(t, a->event, a->user);
		a->joined = a->user->account;
		take_traits(t, a->event, a->user, a->account);
		remember(t, a);
	}
	if (kept > 0 && turn_merged(t) != 0)
		kept = -1;
	for (int i = 0; i < kept; i++)
		apply(t, &list[i]);
	free(list);
	return kept < 0 || turn_current(t) != 0 ? -1 : kept;
}

int
turn_find(
    struct turn *t, enum subject_kind kind, const char *id, struct person **out)
{
	people_want(&t->people,
	    kind == SUBJECT_ACCOUNT ? QUEUE_ACCOUNT_ID : QUEUE_USER_ID, id);
	if (kind == SUBJECT_USER)
		people_want(&t->people, QUEUE_ANONYMOUS_ID, id);
	if (people_load(&t->people) != 0 || turn_current(t) != 0)
		return -1;
	*out = people_find(&t->people,
	    kind == SUBJECT_ACCOUNT ? QUEUE_ACCOUNT_ID : QUEUE_USER_ID, id);
	if (*out == NULL && kind == SUBJECT_USER)
		*out = people_find(&t->people, QUEUE_ANONYMOUS_ID, id);
	return 0;
}

int
turn_wake(struct turn *t, int max)
{
	int64_t *ids = xcalloc((size_t)max + 1, sizeof *ids);
	int n = queue_wakeups_due(t->queue, t->now_ms, ids, max);

	if (n > 0)
		n = turn_load_first(t, ids, n);
	for (int i = 0; i < n; i++) {
		struct person *person = people_by_id(&t->people, ids[i]);

		if (person != NULL)
			turn_look(t, person_now(person));
	}
	if (n > 0 && turn_current(t) != 0)
		n = -1;
	free(ids);
	return n;
}
