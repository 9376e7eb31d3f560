/* SPDX-License-Identifier: MIT */
#include <sysexits.h>

#include "worker/commands/check.h"
#include "worker/settings/setting_table.h"

const char *const check_rules[] = {"unknown-name", "held", "unsubscribe-link",
    "plain-greeting", "raw-value", "image-alt", "https-links", "https-webhooks",
    "shared-secret", "clipped-html", "long-subject", "unreachable-step",
    "no-upsell-before-day-4", "human-owned-accounts", "answerable-review",
    SETTING_UNSET, NULL};

static json_t *
problem_value(const struct problem *p)
{
	return json_pack("{s:s,s:s,s:i,s:i,s:s,s:s,s:s}", "level",
	    p->is_warning ? "warning" : "error", "file", p->at.file, "line",
	    p->at.line, "column", p->at.column, "pointer", p->at.pointer,
	    "rule", p->rule, "text", p->at.text);
}

static void
print_problems(const struct problems *problems)
{
	char text[700];

	for (int i = 0; i < problems->count; i++) {
		const struct problem *p = &problems->list[i];

		error_string(&p->at, text, sizeof text);
		if (p->is_warning)
			say("warning: %s [%s]\n", text, p->rule);
		else
			say("%s\n", text);
	}
}

static int
count_templates(const struct workspace *w)
{
	int n = 0;

	while (templates_names(w->templates)[n] != NULL)
		n++;
	return n;
}

static int
run(const struct invocation *in)
{
	struct problems problems = {0};
	struct workspace *w =
	    workspace_load(in->folder, in->overrides, NULL, &problems, true);
	int errors, warnings;

	problems_forgive(&problems, SETTING_UNSET); /* it is nobody's secrets */
	errors = problems.errors;
	if (errors == 0) {
		check_messages(in, w, &problems);
		workspace_silence(w, &problems);
	}
	warnings = problems.count - errors;
	if (in->json) {
		json_t *list = json_array();

		for (int i = 0; i < problems.count; i++)
			json_array_append_new(
			    list, problem_value(&problems.list[i]));
		print_json(list);
		json_decref(list);
	} else {
		print_problems(&problems);
		say("%d sequences, %d templates: %d error%s, %d warning%s\n",
		    rules_count(w->rules), count_templates(w), errors,
		    errors == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s");
	}
	problems_free(&problems);
	workspace_release(w);
	return errors == 0 ? EX_OK : 1;
}

static const struct option_spec none[] = {{NULL, NULL, NULL}};

const struct command command_check = {
    .name = "check",
    .summary = "Find what is wrong with a workspace",
    .usage = "nudge check [-C DIR]",
    .examples =
	"  nudge check -C acme\n"
	"  nudge check --json | jq '.[].text'\n"
	"\nExits with 0 when it could run, with 1 when it could not. Warnings "
	"have a rule:\n\n"
	"  unknown-name            what there is not, as far as the workspace "
	"can tell\n"
	"  held                    a message that would not go out to anybody\n"
	"  unsubscribe-link        a mail with a topic and no way out of it\n"
	"  plain-greeting          a name without a default\n"
	"  raw-value               somebody's value that goes out as it is\n"
	"  image-alt               an image that says nothing where it is not "
	"shown\n"
	"  https-links             a link or an image without https\n"
	"  https-webhooks          a webhook channel without https\n"
	"  shared-secret           one secret or password for endpoints of "
	"different\n"
	"                          people\n"
	"  clipped-html            more than the 102 KB that Gmail shows\n"
	"  long-subject            more than the 70 characters that most show\n"
	"  unreachable-step        a step that nobody ever comes to\n"
	"  no-upsell-before-day-4  an offer to somebody who has just signed "
	"up\n"
	"  human-owned-accounts    mail to people who have somebody to talk "
	"to\n"
	"  answerable-review       a review that cannot be answered Yes, "
	"Partial or No\n"
	"  unset-variable          a $NAME that is not set here; it must be "
	"where "
	"it runs\n"
	"\nTo leave some out, in nudge.json: \"lint\": { \"off\": "
	"[\"long-subject\",\n\"templates/logo.*: image-alt\"] }. What traits "
	"and events there are is taken from\nthe scenarios and, if there is "
	"one, "
	"from a sample of the store.\n",
    .options = none,
    .run = run,
};
