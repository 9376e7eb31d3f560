/* SPDX-License-Identifier: MIT */
/*
 * check_messages - a trait is nowhere declared, so a name is only found to be
 * wrong by evidence: it is nearly one that there is, or many people have been
 * seen and nobody has it. Metrics, variables and the names at the root are
 * known for certain.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sequences/rules/reader.h"
#include "templates/json.h"
#include "templates/lint.h"
#include "templates/mem.h"
#include "worker/commands/check.h"
#include "worker/commands/preview.h"
#include "worker/delivery/webhook/webhook_plan.h"
#include "worker/scenario/vocabulary.h"
#include "worker/settings/topics.h"

#define TYPO_MIN 5   /* shorter names are often alike */
#define MANY	 100 /* people: enough to say that a rare trait is none */

struct naming {
	struct previewer previewer;
	struct vocabulary vocabulary;
	const char **roots;
	const char **user, **account, **event;
};

/* ------------------------------------------------------------------ names */

/* What Segment's specification has, in our spelling, and what we add. */
static const char *const user_names[] = {"id", "email", "name", "first_name",
    "last_name", "phone", "title", "company", "plan", "locale", "timezone",
    "created_at", "username", "avatar", "address", "age", "birthday",
    "description", "gender", "website", NULL};
static const char *const account_names[] = {"id", "name", "email", "phone",
    "plan", "industry", "employees", "website", "address", "avatar",
    "description", "created_at", "timezone", "owner", "metric", NULL};
static const char *const root_names[] = {"user", "account", "metric", "event",
    "entry", "data", "now", "sender_name", "postal_address", "unsubscribe_url",
    "preferences_url", NULL};
static const char *const entry_names[] = {"day", "entered_at", NULL};

/* Both together, NULL-terminated; the strings are borrowed. */
static const char **
joined(const char *const *names, json_t *object)
{
	const char **all;
	const char *name;
	json_t *value;
	size_t n = 0;

	while (names[n] != NULL)
		n++;
	all = xcalloc(n + json_object_size(object) + 1, sizeof *all);
	memcpy(all, names, n * sizeof *all);
	json_object_foreach(object, name, value) all[n++] = name;
	return all;
}

static void
unknown(struct buf *why, const char *what, const char *name,
    const char *const *known)
{
	const char *near = suggest(name, known);

	buf_addf(why, "%s is called \"%.80s\"", what, name);
	if (near != NULL)
		buf_addf(why, "; did you mean \"%s\"?", near);
}

void
check_certain(struct buf *why, const char *what, const char *name,
    const char *const *known)
{
	if (!name_is_among(name, known))
		unknown(why, what, name, known);
}

static void
check_seen(const struct naming *n, const char *what, const char *name,
    const char *const *known, bool is_guarded, struct buf *why)
{
	int people = n->previewer.seen.people;

	if (name_is_among(name, known))
		return;
	if (strlen(name) >= TYPO_MIN && suggest(name, known) != NULL)
		unknown(why, what, name, known);
	else if (people >= (is_guarded ? MANY : 1))
		buf_addf(why, "%s is called \"%.80s\", of %d people looked at",
		    what, name, people);
}

static void
check_member(const struct naming *n, const char *root, const char *name,
    bool is_guarded, struct buf *why)
{
	const struct vocabulary *v = &n->vocabulary;

	if (strcmp(root, "user") == 0)
		check_seen(
		    n, "no trait of a user", name, n->user, is_guarded, why);
	else if (strcmp(root, "account") == 0)
		check_seen(n, "no trait of an account", name, n->account,
		    is_guarded, why);
	else if (strcmp(root, "event") == 0)
		check_seen(n, "no property of an event", name, n->event,
		    is_guarded, why);
	else if (strcmp(root, "entry") == 0)
		check_certain(why, "no value of an entry", name, entry_names);
	else if (strcmp(root, "metric") == 0 &&
		 !name_is_among(name, v->account_metrics))
		check_certain(why, "no metric", name, v->user_metrics);
}

/* A liquid_path that a template reads, or a definition. */
static void
check_name(void *arg, const struct liquid_path *read, struct buf *why)
{
	const struct naming *n = arg;
	const char *path = read->text;
	bool is_metric = strncmp(path, "account.metric.", 15) == 0;
	size_t root_len = strcspn(path, ".");
	char *root = xstrndup(path, root_len), *name;

	path += is_metric ? 15 : root_len + (path[root_len] == '.');
	name = xstrndup(path, strcspn(path, "."));
	if (!name_is_among(root, n->roots))
		unknown(why, "nothing that a message sees", root, n->roots);
	else if (is_metric)
		check_certain(why, "no metric of an account", name,
		    n->vocabulary.account_metrics);
	else if (*name != '\0')
		check_member(n, root, name, read->is_guarded, why);
	free(root);
	free(name);
}

/* The definitions were found to be right: they are only read once more. */
static void
check_definitions(struct naming *n, struct problems *problems)
{
	const struct workspace *w = n->previewer.workspace;
	struct rules_context context = workspace_context(w);

	context.check = check_name;
	context.arg = n;
	rules_free(rules_load(w->settings->folder, &context, problems));
}

/* -------------------------------------------------------------- nudge.json */

static void
warn_member(struct problems *problems, const struct json_doc *doc,
    const char *object, const char *name, const char *rule, const char *text)
{
	struct buf pointer = {0};
	struct error e;

	buf_addf(&pointer, "/%s/%s", object, name);
	json_doc_error(doc, pointer.data, &e, "%s", text);
	problems_warn(problems, rule, &e);
	buf_free(&pointer);
}

/* A link is often a variable: {{ app_url }}/start. */
static void
check_variables(const struct json_doc *doc, struct problems *problems)
{
	const char *name;
	json_t *value;

	json_object_foreach(
	    json_object_get(doc->root, "variables"), name, value)
	{
		if (json_is_string(value) &&
		    lint_is_insecure(json_string_value(value)))
			warn_member(problems, doc, "variables", name,
			    "https-links", "links with it have no https");
	}
}

static void
check_topics(const struct json_doc *doc, const struct workspace *w,
    struct problems *problems)
{
	const char **known = topics_of(w), *name;
	struct buf why = {0};
	json_t *value;

	json_object_foreach(json_object_get(doc->root, "topics"), name, value)
	{
		check_certain(
		    &why, "no topic of a template or sequence", name, known);
		if (why.len > 0)
			warn_member(problems, doc, "topics", name,
			    "unknown-name", why.data);
		buf_truncate(&why, 0);
	}
	buf_free(&why);
	free(known);
}

static bool
has_shared_secret(const struct webhook_plan *plan)
{
	for (int i = 0; i < plan->n_keys; i++)
		if (!plan->keys[i].is_private)
			return true;
	return false;
}

/* From the environment, as secrets are: not what only names a kind. */
static bool
is_credential(const char *header, const json_t *value)
{
	return json_string_value(value)[0] == '$' ||
	       strcasecmp(header, "authorization") == 0;
}

/* What shows who we are, of a channel whose hosts are data's choice. */
static void
check_credentials(
    const struct json_doc *doc, const char *channel, struct problems *problems)
{
	static const char *const members[] = {"bearer", "password", "aws"};
	static const char told[] =
	    "everybody who is called is given this, and could act for you "
	    "with it: a secret that only signs (whsk_) is not given away";
	json_t *written =
	    json_object_get(json_object_get(doc->root, "channels"), channel);
	char member[300];
	const char *name;
	json_t *value;

	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		if (json_object_get(written, members[i]) == NULL)
			continue;
		snprintf(member, sizeof member, "%s/%s", channel, members[i]);
		warn_member(
		    problems, doc, "channels", member, "shared-secret", told);
	}
	json_object_foreach(json_object_get(written, "headers"), name, value)
	{
		if (!is_credential(name, value))
			continue;
		snprintf(member, sizeof member, "%s/headers/%s", channel, name);
		warn_member(
		    problems, doc, "channels", member, "shared-secret", told);
	}
}

/* Standard Webhooks 1.0.0: https, and a secret for each endpoint. */
static void
check_channels(const struct json_doc *doc, const struct settings *s,
    struct problems *problems)
{
	char member[200];

	for (int i = 0; i < s->n_channels; i++) {
		const struct channel *c = &s->channels[i];

		if (c->plan == NULL)
			continue;
		snprintf(member, sizeof member, "%s/url", c->name);
		if (lint_is_insecure(c->url))
			warn_member(problems, doc, "channels", member,
			    "https-webhooks",
			    "without https others on the way can read and "
			    "change what is sent");
		snprintf(member, sizeof member, "%s/secret", c->name);
		if (c->plan->host_varies && has_shared_secret(c->plan))
			warn_member(problems, doc, "channels", member,
			    "shared-secret",
			    "everybody who is called has the same secret, and "
			    "could sign for the others: a private key "
			    "(whsk_) would not be theirs");
		if (c->plan->host_varies)
			check_credentials(doc, c->name, problems);
	}
}

static void
check_file(const struct workspace *w, struct problems *problems)
{
	struct buf path = {0};
	struct json_doc doc;
	struct error e;

	buf_addf(&path, "%s/nudge.json", w->settings->folder);
	if (json_doc_load(&doc, path.data, "nudge.json", &e) == 0) {
		check_variables(&doc, problems);
		check_topics(&doc, w, problems);
		check_channels(&doc, w->settings, problems);
		json_doc_free(&doc);
	}
	buf_free(&path);
}

static void
check_silenced(const struct settings *s, struct problems *problems)
{
	struct buf why = {0};
	struct error e;

	for (char **off = s->lint_off; off != NULL && *off != NULL; off++) {
		const char *colon = strstr(*off, ": ");

		check_certain(&why, "no rule", colon != NULL ? colon + 2 : *off,
		    check_rules);
		if (why.len > 0) {
			error_at(&e, "nudge.json", 0, 0, "/lint/off", "%s",
			    why.data);
			problems_warn(problems, "unknown-name", &e);
		}
		buf_truncate(&why, 0);
	}
	buf_free(&why);
}

static int
by_place(const void *a, const void *b)
{
	const struct error *x = &((const struct problem *)a)->at;
	const struct error *y = &((const struct problem *)b)->at;
	int r = strcmp(x->file, y->file);

	if (r == 0)
		r = x->line - y->line;
	return r != 0 ? r : x->column - y->column;
}

void
check_messages(
    const struct invocation *in, struct workspace *w, struct problems *problems)
{
	struct naming n = {
	    .previewer = {
		.in = in, .workspace = w, .now_ms = 1, .leaves_blanks = true}};
	struct lint lint = {.folder = w->settings->folder,
	    .check = check_name,
	    .arg = &n,
	    .problems = problems};
	struct seen *seen = &n.previewer.seen;
	const struct template *t;

	seen_load(seen, w->settings);
	vocabulary_load(&n.vocabulary, w);
	n.roots = joined(root_names, w->settings->variables);
	n.user = joined(user_names, seen->user);
	n.account = joined(account_names, seen->account);
	n.event = joined((const char *const[]){NULL}, seen->event);
	lint_sources(&lint, w->templates);
	check_definitions(&n, problems);
	for (size_t i = 0; (t = templates_at(w->templates, i)) != NULL; i++)
		check_template(&n.previewer, t, &lint);
	check_file(w, problems);
	check_silenced(w->settings, problems);
	if (problems->count > 0)
		qsort(problems->list, (size_t)problems->count,
		    sizeof *problems->list, by_place);
	free(n.roots);
	free(n.user);
	free(n.account);
	free(n.event);
	vocabulary_free(&n.vocabulary);
	seen_free(seen);
}
