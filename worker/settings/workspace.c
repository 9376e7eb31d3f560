/* SPDX-License-Identifier: MIT */
/* workspace - loads the parts in the order in which they name each other. */
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "templates/mem.h"
#include "worker/turn/turn.h"
#include "worker/settings/workspace.h"

static const char **
contact_names(const struct settings *s)
{
	const char **names =
	    xcalloc(json_object_size(s->contacts) + 1, sizeof *names);
	const char *name;
	json_t *value;
	size_t n = 0;

	json_object_foreach(s->contacts, name, value) names[n++] = name;
	return names;
}

static const char **
channel_names(const struct settings *s)
{
	const char **names = xcalloc((size_t)s->n_channels + 1, sizeof *names);

	for (int i = 0; i < s->n_channels; i++)
		names[i] = s->channels[i].name;
	return names;
}

static void
check_reserved(const struct workspace *w, struct problems *problems)
{
	struct error e;

	if (settings_channel(w->settings, CHANNEL_MEMBERS) == NULL)
		return;
	error_at(&e, "nudge.json", 0, 0, "/channels/" CHANNEL_MEMBERS,
	    "this name is taken: messages to an account's members wait under "
	    "it; call the channel something else");
	problems_add(problems, &e);
}

/* A mail goes by smtp, a document by webhook, to a channel that there is. */
static void
check_channels(const struct workspace *w, struct problems *problems)
{
	/* That there is no channel at all was told once. */
	for (const char *const *name = templates_names(w->templates);
	     *name != NULL && w->settings->n_channels > 0; name++) {
		const struct template_info *info =
		    template_info(templates_find(w->templates, *name, NULL));
		const char *want =
		    info->channel != NULL ? info->channel : "email";
		const struct channel *c = settings_channel(w->settings, want);
		const char *near = suggest(want, w->channels);
		struct error e;

		if (c == NULL)
			error_at(&e, info->file, 0, 0, NULL,
			    "there is no channel \"%s\" in nudge.json%s%s%s",
			    want, near != NULL ? "; did you mean \"" : "",
			    near != NULL ? near : "",
			    near != NULL ? "\"?" : "");
		else if (strcmp(c->type, "capture") != 0 &&
			 (strcmp(c->type, "smtp") == 0) !=
			     (info->kind == TEMPLATE_EMAIL))
			error_at(&e, info->file, 0, 0, NULL,
			    "%s cannot go by channel \"%s\", which is %s",
			    info->kind == TEMPLATE_EMAIL ? "a mail"
							 : "a document",
			    want, c->type);
		else
			continue;
		problems_add(problems, &e);
	}
}

/* "RULE", or "FILE: RULE" where the file is a pattern. */
static bool
is_silenced(const struct problem *p, const char *entry)
{
	const char *colon = strstr(entry, ": ");
	char file[sizeof p->at.file];

	if (colon == NULL)
		return strcmp(entry, p->rule) == 0;
	snprintf(file, sizeof file, "%.*s", (int)(colon - entry), entry);
	return strcmp(colon + 2, p->rule) == 0 &&
	       fnmatch(file, p->at.file, 0) == 0;
}

void
workspace_silence(const struct workspace *w, struct problems *problems)
{
	int kept = 0;

	for (int i = 0; i < problems->count; i++) {
		const struct problem *p = &problems->list[i];
		bool is_off = false;

		for (char **off = w->settings->lint_off;
		     off != NULL && *off != NULL && p->is_warning; off++)
			is_off |= is_silenced(p, *off);
		if (!is_off)
			problems->list[kept++] = *p;
	}
	problems->count = kept;
}

struct rules_context
workspace_context(const struct workspace *w)
{
	return (struct rules_context){
	    .templates = w->templates,
	    .contacts = w->contacts,
	    .channels = w->channels,
	    .zone = w->settings->zone,
	};
}

struct workspace *
workspace_load(const char *folder, const char *const *overrides,
    const char *known, struct problems *problems, bool checked)
{
	struct workspace *w = xcalloc(1, sizeof *w);
	int errors = problems->errors;
	struct problems follow_ups = {0}, *all = problems;
	struct rules_context context;
	struct buf path = {0};

	w->references = 1;
	w->settings = settings_load(folder, overrides, problems);
	if (!w->settings->is_read) /* all that it names would seem wrong */
		problems = &follow_ups;
	w->contacts = contact_names(w->settings);
	w->channels = channel_names(w->settings);
	buf_addf(&path, "%s/templates", w->settings->folder);
	w->templates = templates_load_with(path.data,
	    &(struct templates_options){.keys = w->settings->template_keys,
		.forbids_raw = !w->settings->allow_raw,
		.locale = w->settings->locale},
	    problems);
	buf_free(&path);
	check_reserved(w, problems);
	check_channels(w, problems);
	context = workspace_context(w);
	context.known = known;
	w->rules = rules_load(w->settings->folder, &context, problems);
	workspace_silence(w, problems);
	problems_free(&follow_ups);
	if (all->errors == errors || checked)
		return w;
	workspace_release(w);
	return NULL;
}

struct workspace *
workspace_hold(struct workspace *w)
{
	w->references++;
	return w;
}

void
workspace_release(struct workspace *w)
{
	if (w == NULL || --w->references > 0)
		return;
	rules_free(w->rules);
	templates_free(w->templates);
	settings_free(w->settings);
	free(w->contacts);
	free(w->channels);
	free(w);
}
