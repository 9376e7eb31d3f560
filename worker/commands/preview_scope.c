/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "sequences/engine.h"
#include "templates/mem.h"
#include "templates/time/date.h"
#include "worker/commands/preview.h"

#define EXAMPLE_MS 1774605600000 /* 27 March 2026, 10:00 UTC */

/* Times have the person's offset, as the engine gives them. */
static json_t *
time_text(const struct previewer *p, int64_t ms)
{
	char text[40];

	return json_string(
	    date_rfc3339_in(ms, preview_zone(p), text, sizeof text));
}

static json_t *
made_up_person(void)
{
	return json_pack("{s:{s:s,s:s,s:s,s:s,s:s,s:s,s:s},s:{s:s,s:s}}",
	    "user", "id", "ada", "email", "ada@example.com", "first_name",
	    "Ada", "last_name", "Lovelace", "name", "Ada Lovelace", "company",
	    "Initech", "plan", "free", "account", "id", "initech", "name",
	    "Initech");
}

static json_t *
bare_person(void)
{
	return json_pack("{s:{s:s,s:s},s:{s:s}}", "user", "id", "ada", "email",
	    "ada@example.com", "account", "id", "initech");
}

/* ----------------------------------------------------------- real people */

static int
fetch(
    const struct previewer *p, const char *what, const char *id, json_t **reply)
{
	char *path = path_segment(what, id, "");
	int rc = client_call(p->in, "GET", path, "", NULL, NULL, reply);

	free(path);
	return rc;
}

int
preview_fetch(struct previewer *p, const char *id)
{
	json_t *reply, *account = NULL;
	const char *account_id;
	int rc = fetch(p, "/v1/people/", id, &reply);

	if (rc != 0)
		return rc;
	account_id = json_string_value(json_object_get(reply, "account"));
	p->person =
	    json_pack("{s:O,s:O}", "user", json_object_get(reply, "traits"),
		"metric", json_object_get(reply, "metrics"));
	if (account_id != NULL &&
	    (rc = fetch(p, "/v1/accounts/", account_id, &account)) == 0) {
		json_t *traits = json_object_get(account, "traits");

		json_object_set(
		    traits, "metric", json_object_get(account, "metrics"));
		json_object_set(p->person, "account", traits);
	}
	json_decref(account);
	json_decref(reply);
	return rc;
}

const struct zone *
preview_zone(const struct previewer *p)
{
	struct subject user = {.traits = json_object_get(p->person, "user")};
	struct subject account = {
	    .traits = json_object_get(p->person, "account")};

	return engine_zone(p->workspace->rules, &user, &account);
}

/* --------------------------------------------------------------- metrics */

/* Every metric of a user or an account, as nobody has any values yet. */
static json_t *
no_metrics(const struct previewer *p, enum subject_kind kind)
{
	const struct rules *rules = p->workspace->rules;
	struct subject nobody;
	struct engine_scope scope = {
	    .rules = rules, .subject = &nobody, .now_ms = p->now_ms};
	json_t *metrics;
	struct error e;

	if (subject_load(&nobody, kind, "nobody", NULL, NULL, &e) != 0)
		return json_object();
	nobody.known = rules_newest(rules); /* nothing is left to count */
	metrics = json_copy(engine_scope_lookup(&scope, "metric"));
	engine_scope_free(&scope);
	subject_free(&nobody);
	return metrics;
}

/* A message may be a user's or an account's: `metric` has those of both. */
static void
add_metrics(const struct previewer *p, json_t *scope)
{
	json_t *account = json_object_get(scope, "account");
	json_t *accounts = no_metrics(p, SUBJECT_ACCOUNT);
	json_t *users;

	if (account != NULL)
		json_object_set(account, "metric", accounts);
	if (json_object_get(scope, "metric") == NULL) {
		users = no_metrics(p, SUBJECT_USER);
		json_object_update_missing(users, accounts);
		json_object_set_new(scope, "metric", users);
	}
	json_decref(accounts);
}

/* -------------------------------------------------- what a template asks */

struct filling {
	const struct previewer *previewer;
	json_t *scope;
};

static bool
ends_with(const char *s, const char *end)
{
	size_t len = strlen(s), n = strlen(end);

	return len >= n && strcmp(s + len - n, end) == 0;
}

/* A metric that counts has a value from the beginning: it stays a number. */
static void
fill_metric(const struct previewer *p, json_t *metrics, const char *name)
{
	json_t *value = json_object_get(metrics, name);

	if (json_is_number(value) ? p->guess != NULL : json_is_null(value))
		json_object_set_new(metrics, name,
		    ends_with(name, "_at") ? time_text(p, EXAMPLE_MS)
		    : json_is_null(value) && p->guess != NULL
			? json_incref(p->guess)
			: json_integer(42));
}

/* Of the data of a message by hand nothing is known but the name. */
static void
fill_data(json_t *scope, const char *name)
{
	json_t *data = json_object_get(scope, "data");
	struct buf text = {0};

	if (data == NULL) {
		data = json_object();
		json_object_set_new(scope, "data", data);
	}
	buf_addf(&text, "[%s]", name);
	if (json_object_get(data, name) == NULL)
		json_object_set_new(data, name, json_string(text.data));
	buf_free(&text);
}

static void
fill_seen(json_t *object, json_t *seen, const char *name)
{
	json_t *example = json_object_get(seen, name);

	if (json_object_get(object, name) == NULL && example != NULL)
		json_object_set(object, name, example);
}

/*
 * What a value is, as far as its name says it, else the guess: with a number
 * for a currency no message could be sent.
 */
static json_t *
guessed(const struct previewer *p, const char *name)
{
	static const char *const known[][2] = {{"currency", "EUR"},
	    {"zone", "Europe/Berlin"}, {"locale", "en"}, {"language", "en"},
	    {"unit", "days"}};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (strcasestr(name, known[i][0]) != NULL)
			return json_string(known[i][1]);
	if (strcasestr(name, "email") != NULL)
		return json_string(p->workspace->settings->sender.address);
	if (ends_with(name, "_at") || strcasestr(name, "date") != NULL)
		return time_text(p, EXAMPLE_MS);
	return json_incref(p->guess);
}

/* "event.order.total", with all that is on the way to it. */
static void
fill_guess(const struct previewer *p, json_t *object, const char *path)
{
	size_t len = strcspn(path, ".");
	char *name = xstrndup(path, len);
	json_t *member = json_object_get(object, name);

	if (path[len] == '\0' && member == NULL) {
		json_object_set_new(object, name, guessed(p, name));
	} else if (path[len] != '\0') {
		if (!json_is_object(member))
			json_object_set_new(
			    object, name, member = json_object());
		fill_guess(p, member, path + len + 1);
	}
	free(name);
}

static void
fill_unknown(const struct filling *f, const char *root, const char *path)
{
	const struct seen *seen = &f->previewer->seen;
	json_t *object = json_object_get(f->scope, root);
	char *name;

	if (f->previewer->guess != NULL) {
		if (object == NULL)
			json_object_set_new(
			    f->scope, root, object = json_object());
		fill_guess(f->previewer, object, path);
		return;
	}
	name = xstrndup(path, strcspn(path, "."));
	if (strcmp(root, "user") == 0)
		fill_seen(object, seen->user, name);
	else if (strcmp(root, "account") == 0)
		fill_seen(object, seen->account, name);
	else if (strcmp(root, "event") == 0)
		fill_seen(object, seen->event, name);
	else
		fill_data(f->scope, name);
	free(name);
}

static void
fill_path(void *arg, const struct liquid_path *read)
{
	static const char *const unknown[] = {
	    "user", "account", "event", "data"};
	struct filling *f = arg;
	const char *path = read->text;
	size_t root = strcspn(path, ".");

	if (path[root] == '\0')
		return;
	if (strncmp(path, "account.metric.", 15) == 0) {
		fill_metric(f->previewer,
		    json_object_get(
			json_object_get(f->scope, "account"), "metric"),
		    path + 15);
		return;
	}
	if (strncmp(path, "metric.", 7) == 0)
		fill_metric(f->previewer, json_object_get(f->scope, "metric"),
		    path + 7);
	for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
		if (strlen(unknown[i]) == root &&
		    memcmp(path, unknown[i], root) == 0)
			fill_unknown(f, unknown[i], path + root + 1);
}

json_t *
preview_scope(
    const struct previewer *p, const struct template *template, bool is_bare)
{
	const struct template_info *info = template_info(template);
	const struct settings *s = p->workspace->settings;
	const char *locale = option(p->in, "locale");
	struct filling f = {p, NULL};
	json_t *user;

	if (p->person != NULL)
		f.scope = json_deep_copy(p->person);
	else
		f.scope = is_bare ? bare_person() : made_up_person();
	user = json_object_get(f.scope, "user");
	if (locale == NULL)
		locale = info->locale[0] != '\0' ? info->locale : s->locale;
	if (p->person == NULL && locale != NULL)
		json_object_set_new(user, "locale", json_string(locale));
	json_object_set_new(f.scope, "now", time_text(p, p->now_ms));
	json_object_set_new(f.scope, "entry",
	    json_pack(
		"{s:i,s:o}", "day", 0, "entered_at", time_text(p, EXAMPLE_MS)));
	json_object_set_new(f.scope, "event", json_object());
	if (p->person == NULL)
		add_metrics(p, f.scope);
	if (p->person == NULL && !is_bare)
		template_paths(template, fill_path, &f);
	json_object_update_missing(f.scope, s->variables);
	json_object_set_new(
	    f.scope, "sender_name", json_string(s->sender.name));
	json_object_set_new(
	    f.scope, "postal_address", json_string(s->sender.postal));
	if (info->topic != NULL) {
		json_object_set_new(f.scope, "preferences_url",
		    json_sprintf("%s/p/preview", s->public_url));
		json_object_set_new(f.scope, "unsubscribe_url",
		    json_sprintf("%s/u/preview", s->public_url));
	}
	return f.scope;
}
