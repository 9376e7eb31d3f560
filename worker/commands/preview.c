/* SPDX-License-Identifier: MIT */
/*
 * preview - one template as somebody would get it: a person of the store, or a
 * made-up one. Unsubscribe links in it are inert.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "sequences/engine.h"
#include "worker/clock.h"
#include "worker/commands/commands.h"
#include "worker/workspace.h"

static json_t *
made_up_person(void)
{
	return json_pack("{s:{s:s,s:s,s:s,s:s,s:s,s:s,s:s},s:{s:s,s:s},"
			 "s:{s:i,s:s}}",
	    "user", "id", "ada", "email", "ada@example.com", "first_name",
	    "Ada", "last_name", "Lovelace", "name", "Ada Lovelace", "plan",
	    "free", "locale", "en", "account", "id", "initech", "name",
	    "Initech", "entry", "day", 0, "entered_at",
	    "2026-03-27T10:00:00+00:00");
}

/* Somebody of the store, as the operators' interface shows them. */
static int
known_person(const struct invocation *in, const char *id, json_t **scope)
{
	char *path = path_segment("/v1/people/", id, "");
	json_t *reply;
	int rc = client_call(in, "GET", path, "", NULL, NULL, &reply);

	free(path);
	if (rc != 0)
		return rc;
	*scope = made_up_person();
	json_object_set(*scope, "user", json_object_get(reply, "traits"));
	json_object_set(*scope, "metric", json_object_get(reply, "metrics"));
	json_object_del(*scope, "account");
	json_decref(reply);
	return 0;
}

/* Adds every metric of users or of accounts, as nobody has any values yet. */
static void
add_no_metrics(
    const struct workspace *w, enum subject_kind kind, json_t *metrics)
{
	struct subject nobody;
	struct engine_scope scope = {.rules = w->rules, .subject = &nobody};
	struct clock clock = {0};
	struct error e;

	if (subject_load(&nobody, kind, "nobody", NULL, NULL, &e) != 0)
		return;
	nobody.known = rules_newest(w->rules); /* nothing is left to count */
	scope.now_ms = clock_now_ms(&clock);
	json_object_update_missing(
	    metrics, engine_scope_lookup(&scope, "metric"));
	engine_scope_free(&scope);
	subject_free(&nobody);
}

/* A message may be a user's or an account's: those of both. */
static json_t *
no_metrics(const struct workspace *w)
{
	json_t *metrics = json_object();

	add_no_metrics(w, SUBJECT_USER, metrics);
	add_no_metrics(w, SUBJECT_ACCOUNT, metrics);
	return metrics;
}

static void
complete(const struct workspace *w, json_t *scope)
{
	const struct settings *s = w->settings;

	if (json_object_get(scope, "metric") == NULL)
		json_object_set_new(scope, "metric", no_metrics(w));
	json_object_set_new(scope, "event", json_object());
	json_object_update_missing(scope, s->variables);
	json_object_set_new(scope, "sender_name", json_string(s->sender.name));
	json_object_set_new(
	    scope, "postal_address", json_string(s->sender.postal));
}

static json_t *
lookup(void *arg, const char *name)
{
	return json_object_get(arg, name);
}

static int
show_email(const struct invocation *in, const struct template *template,
    const struct liquid_scope *scope, struct error *e)
{
	struct email mail = {0};
	int rc = template_render_email(template, scope, &mail, e);

	if (rc == 0 && in->json) {
		json_t *value = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s}",
		    "subject", buf_str(&mail.subject), "preheader",
		    buf_str(&mail.preheader), "from", buf_str(&mail.from),
		    "reply_to", buf_str(&mail.reply_to), "text",
		    buf_str(&mail.text), "html", buf_str(&mail.html));

		print_json(value);
		json_decref(value);
	} else if (rc == 0 && option(in, "html") != NULL) {
		say("%s", buf_str(&mail.html));
	} else if (rc == 0) {
		say("Subject:   %s\nPreheader: %s\n\n%s",
		    buf_str(&mail.subject), buf_str(&mail.preheader),
		    buf_str(&mail.text));
	}
	email_free(&mail);
	return rc;
}

static int
show_document(const struct template *template, const struct liquid_scope *scope,
    struct error *e)
{
	struct buf json = {0};
	int rc = template_render_document(template, scope, &json, e);

	if (rc == 0)
		printf("%s\n", buf_str(&json));
	buf_free(&json);
	return rc;
}

static int
render(const struct invocation *in, const struct workspace *w, json_t *data)
{
	const char *locale = option(in, "locale");
	const char *name = in->arguments[0], *near;
	struct clock clock = {0};
	struct liquid_scope scope = {
	    .lookup = lookup,
	    .arg = data,
	    .now_ms = clock_now_ms(&clock),
	    .zone = w->settings->zone,
	};
	const struct template *template;
	char text[700];
	struct error e;
	int rc;

	if (locale == NULL)
		locale = json_string_value(
		    json_object_get(json_object_get(data, "user"), "locale"));
	template = templates_find(w->templates, name, locale);
	if (template == NULL) {
		near = suggest(name, templates_names(w->templates));
		return fail(EX_NOINPUT, "there is no template \"%s\"%s%s%s",
		    name, near != NULL ? "; did you mean \"" : "",
		    near != NULL ? near : "", near != NULL ? "\"?" : "");
	}
	if (template_info(template)->topic != NULL) {
		json_object_set_new(data, "unsubscribe_url",
		    json_sprintf("%s/u/preview", w->settings->public_url));
		json_object_set(data, "preferences_url",
		    json_object_get(data, "unsubscribe_url"));
	}
	rc = template_info(template)->kind == TEMPLATE_EMAIL
		 ? show_email(in, template, &scope, &e)
		 : show_document(template, &scope, &e);
	if (rc == 0)
		return EX_OK;
	error_string(&e, text, sizeof text);
	return fail(EX_DATAERR, "%s%s",
	    rc == LIQUID_ABORTED ? "the template stops the message: "
				 : "the message would be held: ",
	    text);
}

static int
run(const struct invocation *in)
{
	const char *person = option(in, "person");
	struct problems problems = {0};
	struct workspace *w;
	json_t *data = NULL;
	char text[700];
	int rc = 0;

	if (person != NULL)
		rc = known_person(in, person, &data);
	else
		data = made_up_person();
	if (rc != 0)
		return rc;
	w = workspace_load(in->folder, in->overrides, NULL, &problems, true);
	for (int i = 0; i < problems.count; i++)
		if (!problems.list[i].is_warning)
			fprintf(stderr, "%s\n",
			    error_string(
				&problems.list[i].at, text, sizeof text));
	problems_free(&problems);
	complete(w, data);
	rc = render(in, w, data);
	json_decref(data);
	workspace_release(w);
	return rc;
}

static const struct option_spec options[] = {
    {"person", "ID", "as this person would get it"},
    {"locale", "LOCALE", "in this language"},
    {"html", NULL, "the HTML part in place of the text"},
    {NULL, NULL, NULL},
};

const struct command command_preview = {
    .name = "preview",
    .summary = "Show a template as somebody would get it",
    .usage = "nudge preview TEMPLATE [OPTIONS]",
    .examples = "  nudge preview -C acme day-00-welcome\n"
		"  nudge preview day-03-first-task --person ada\n"
		"  nudge preview day-00-welcome --html > mail.html\n",
    .options = options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
