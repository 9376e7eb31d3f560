/* SPDX-License-Identifier: MIT */
/*
 * sweep - see the header. Accounts come only after all users: their metrics are
 * made of what users did and of what users are (rules.h, rules_is_settled()).
 */
#include <stdlib.h>
#include <string.h>

#include "templates/buf.h"
#include "templates/json_text.h"
#include "templates/mem.h"
#include "worker/log.h"
#include "worker/sweep.h"

#define DEFINITIONS "definitions"
#define SWEEP	    "sweep"
#define SET	    200 /* subjects a turn, at most */
#define SAY_MS	    5000
#define BRINGING                                           \
	"bringing %s up to date with changed metrics and " \
	"sequences: "

int
sweep_known(struct queue *q, const char **text)
{
	return queue_setting_get(q, DEFINITIONS, text);
}

static void
note_version(struct sweep *s, int version)
{
	for (int i = 0; i < s->n_versions; i++)
		if (s->versions[i] == version)
			return;
	s->versions = list_room(
	    s->versions, s->n_versions, &s->cap_versions, sizeof *s->versions);
	s->versions[s->n_versions++] = version;
}

static void
note_places(
    struct sweep *s, const struct rules *rules, const struct subject *subject)
{
	for (int i = 0; i < subject->n_places; i++) {
		const struct place *p = &subject->places[i];
		json_t *so_far = json_object_get(s->orphans, p->sequence);

		if (p->version != 0)
			note_version(s, p->version);
		if (!engine_is_defined(rules, subject, p))
			json_object_set_new(s->orphans, p->sequence,
			    json_integer(json_integer_value(so_far) + 1));
	}
}

/* Returns 0, or -1; `is_there` says whether one is under way. */
static int
load_position(struct sweep *s, struct queue *q, bool *is_there)
{
	const char *text;
	json_t *at, *version;
	size_t i;

	if (queue_setting_get(q, SWEEP, &text) != 0)
		return -1;
	*is_there = text != NULL;
	at = text != NULL ? json_text_read(text, strlen(text)) : NULL;
	s->kind = (int)json_integer_value(json_object_get(at, "kind"));
	s->after = json_integer_value(json_object_get(at, "after"));
	s->users = json_integer_value(json_object_get(at, "users"));
	s->accounts = json_integer_value(json_object_get(at, "accounts"));
	json_decref(s->orphans);
	s->orphans = json_deep_copy(json_object_get(at, "orphans"));
	if (s->orphans == NULL)
		s->orphans = json_object();
	s->n_versions = 0;
	json_array_foreach(json_object_get(at, "versions"), i, version)
	{
		note_version(s, (int)json_integer_value(version));
	}
	json_decref(at);
	return 0;
}

static int
save_position(const struct sweep *s, struct queue *q)
{
	struct buf text = {0};
	int rc;

	buf_addf(&text,
	    "{\"kind\":%d,\"after\":%lld,\"users\":%lld,\"accounts\":%lld,"
	    "\"versions\":[",
	    s->kind, (long long)s->after, (long long)s->users,
	    (long long)s->accounts);
	for (int i = 0; i < s->n_versions; i++)
		buf_addf(&text, "%s%d", i > 0 ? "," : "", s->versions[i]);
	buf_adds(&text, "],\"orphans\":");
	json_text_write(s->orphans, &text);
	buf_addc(&text, '}');
	rc = queue_setting_put(q, SWEEP, text.data);
	buf_free(&text);
	return rc;
}

/* Returns 0, or -1; `is_new` says whether any is new to the store. */
static int
keep_definitions(struct queue *q, const struct rules *rules, bool *is_new)
{
	struct buf text = {0};
	const char *known;
	int rc = sweep_known(q, &known);

	rules_definitions(rules, &text);
	*is_new = known == NULL;
	if (rc == 0 && (*is_new || strcmp(known, buf_str(&text)) != 0)) {
		*is_new |= !rules_is_settled(rules);
		rc = queue_setting_put(q, DEFINITIONS, buf_str(&text));
	}
	buf_free(&text);
	return rc;
}

static int
begin(struct sweep *s, struct queue *q)
{
	sweep_free(s);
	s->is_on = true;
	s->kind = QUEUE_USER;
	s->orphans = json_object();
	return save_position(s, q);
}

int
sweep_prepare(struct sweep *s, struct turn *t)
{
	struct rules *rules = t->workspace->rules;
	int64_t last = queue_subjects_last(t->queue);
	bool is_new, is_there;

	sweep_free(s);
	if (last < 0 || keep_definitions(t->queue, rules, &is_new) != 0 ||
	    load_position(s, t->queue, &is_there) != 0)
		return -1;
	s->is_on = last > 0 && (is_new || is_there);
	if (!s->is_on || (!is_new && s->kind == QUEUE_ACCOUNT))
		rules_settle(rules);
	else
		rules_unsettle(rules);
	return s->is_on && is_new ? begin(s, t->queue) : 0;
}

/* All of one kind are done. */
static int
next_kind(struct sweep *s, struct turn *t)
{
	bool is_new;

	if (s->kind == QUEUE_USER) {
		rules_settle(t->workspace->rules);
		s->kind = QUEUE_ACCOUNT;
		s->after = 0;
		return save_position(s, t->queue);
	}
	s->has_ended = true;
	rules_keep_versions(t->workspace->rules, s->versions, s->n_versions);
	if (keep_definitions(t->queue, t->workspace->rules, &is_new) != 0)
		return -1;
	return queue_setting_put(t->queue, SWEEP, NULL);
}

int
sweep_step(struct sweep *s, struct turn *t, int64_t now)
{
	int64_t ids[SET];
	bool is_there;
	int n;

	s->has_ended = false;
	if (s->started_at == 0)
		s->started_at = s->said_at = now;
	if (load_position(s, t->queue, &is_there) != 0)
		return -1;
	s->last = queue_subjects_last(t->queue);
	n = queue_subjects_after(
	    t->queue, (enum queue_subject_kind)s->kind, s->after, ids, SET);
	if (n < 0 || s->last < 0)
		return -1;
	if (n == 0)
		return next_kind(s, t);
	n = turn_load_first(t, ids, n);
	if (n < 0 || turn_write(t) != 0)
		return -1;
	for (int i = 0; i < n; i++)
		note_places(s, t->workspace->rules,
		    &people_by_id(&t->people, ids[i])->subject);
	s->after = ids[n - 1];
	*(s->kind == QUEUE_USER ? &s->users : &s->accounts) += n;
	return save_position(s, t->queue);
}

/* How many there are is not known without counting, but where they stand. */
static void
say_progress(const struct sweep *s)
{
	bool is_user = s->kind == QUEUE_USER;
	double part = s->last > 0 ? (double)s->after / (double)s->last : 1;
	int64_t done = is_user ? s->users : s->accounts;

	log_info(BRINGING "%.0f%% (%lld of about %.0f)",
	    is_user ? "people" : "accounts", 100 * part, (long long)done,
	    part > 0 ? (double)done / part : (double)done);
}

static void
say_orphans(const struct sweep *s)
{
	const char *name;
	json_t *n;

	json_object_foreach(s->orphans, name, n)
	    log_warn("%lld are in the sequence %s, which is not defined: they "
		     "wait there for it to come back",
		json_integer_value(n), name);
}

void
sweep_committed(struct sweep *s, int64_t now)
{
	if (!s->is_on || s->started_at == 0)
		return;
	if (s->has_ended) {
		s->is_on = false;
		log_info(BRINGING "done: %lld people, %lld accounts in %lld s",
		    "people", (long long)s->users, (long long)s->accounts,
		    (long long)(now - s->started_at) / 1000);
		say_orphans(s);
	} else if (now - s->said_at >= SAY_MS) {
		s->said_at = now;
		say_progress(s);
	}
}

void
sweep_free(struct sweep *s)
{
	json_decref(s->orphans);
	free(s->versions);
	*s = (struct sweep){0};
}
