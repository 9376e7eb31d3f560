/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "templates/buf.h"
#include "worker/commands/commands.h"
#include "worker/settings/settings.h"

static const struct option_spec none[] = {{NULL, NULL, NULL}};

void
command_usage(const struct command *c)
{
	printf("%s\n\nUsage: %s\n\n%s", c->summary, c->usage, c->examples);
	if (c->options[0].name != NULL)
		printf("\nOptions:\n");
	for (const struct option_spec *o = c->options; o->name != NULL; o++) {
		char left[40];

		snprintf(left, sizeof left, "--%s %s", o->name,
		    o->argument != NULL ? o->argument : "");
		printf("  %-24s %s\n", left, o->help);
	}
	printf("\n  %-24s %s\n  %-24s %s\n  %-24s %s\n  %-24s %s\n  %-24s %s\n",
	    "-C DIR", "the workspace; the current folder by default", "--json",
	    "output for machines", "-q, --quiet",
	    "no output: errors and the exit code say it all",
	    "--set NAME=VALUE", "a setting in place of the one in nudge.json",
	    "-h, --help", "this text");
}

static void
overview(void)
{
	printf("nudge sends people the right next message in their first "
	       "weeks.\n\nUsage: nudge COMMAND [ARGUMENTS]\n\n");
	for (const struct command *const *c = commands; *c != NULL; c++)
		printf("  %-10s %s\n", (*c)->name, (*c)->summary);
	printf("\nExamples:\n"
	       "  nudge init acme             make a workspace\n"
	       "  nudge test -C acme          play what must happen to whom\n"
	       "  nudge run -C acme           start the worker\n"
	       "  nudge person -C acme ada    what happened to ada, and why\n"
	       "\nnudge help COMMAND says more; nudge help settings lists what "
	       "nudge.json takes.\n");
}

static int
run(const struct invocation *in)
{
	const char *name = in->n_arguments > 0 ? in->arguments[0] : NULL;
	struct buf text = {0};

	if (name == NULL) {
		overview();
	} else if (strcmp(name, "settings") == 0) {
		settings_help(&text);
		printf("Settings of nudge.json. NUDGE_NAME in the environment "
		       "and --set NAME=VALUE come before it.\n\n%s",
		    buf_str(&text));
		buf_free(&text);
	} else if (manual_print(name)) {
		return EX_OK;
	} else if (command_find(name) != NULL) {
		command_usage(command_find(name));
	} else {
		return unknown_command(name);
	}
	return EX_OK;
}

const struct command command_help = {
    .name = "help",
    .summary = "Say how a command is used",
    .usage = "nudge help [COMMAND | settings | nudge.1 | nudge.json.5]",
    .examples = "  nudge help send\n  nudge help settings\n"
		"  nudge help nudge.1 | man -l -\n"
		"\nnudge.1 and nudge.json.5 are the manual pages, in mdoc.\n",
    .options = none,
    .max_arguments = 1,
    .run = run,
};

static int
version(const struct invocation *in)
{
	if (in->json)
		printf("{\"version\":\"%s\"}\n", NUDGE_VERSION);
	else
		printf("nudge %s\n", NUDGE_VERSION);
	return EX_OK;
}

const struct command command_version = {
    .name = "version",
    .summary = "Print the version",
    .usage = "nudge version",
    .examples = "  nudge version\n",
    .options = none,
    .run = version,
};
