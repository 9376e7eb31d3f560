/* SPDX-License-Identifier: MIT */
/* main - reads the command line and runs one command. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include <curl/curl.h>
#include <jansson.h>

#include "templates/error.h"
#include "worker/commands/commands.h"

const struct command *const commands[] = {&command_init, &command_run,
    &command_check, &command_test, &command_preview, &command_person,
    &command_account, &command_metrics, &command_queue, &command_channels,
    &command_send, &command_backup, &command_decisions, &command_discarded,
    &command_config, &command_completion, &command_help, &command_version,
    NULL};

const struct command *
command_find(const char *name)
{
	for (const struct command *const *c = commands; *c != NULL; c++)
		if (strcmp((*c)->name, name) == 0)
			return *c;
	return NULL;
}

int
unknown_command(const char *name)
{
	const char *names[32];
	const char *near;
	int n = 0;

	for (const struct command *const *c = commands; *c != NULL; c++)
		names[n++] = (*c)->name;
	names[n] = NULL;
	near = suggest(name, names);
	if (near != NULL)
		return fail(EX_USAGE,
		    "there is no command \"%s\"; did you mean \"%s\"?", name,
		    near);
	return fail(
	    EX_USAGE, "there is no command \"%s\"; see nudge help", name);
}

const char *
option(const struct invocation *in, const char *name)
{
	for (int i = 0; in->command->options[i].name != NULL; i++)
		if (strcmp(in->command->options[i].name, name) == 0)
			return in->values[i];
	return NULL;
}

static int
unknown_option(const struct invocation *in, const char *name)
{
	const char *names[OPTIONS_MAX + 5] = {"json", "quiet", "set", "help"};
	const char *near;
	int n = 4;

	for (int i = 0; in->command->options[i].name != NULL; i++)
		names[n++] = in->command->options[i].name;
	near = suggest(name, names);
	return fail(EX_USAGE, "nudge %s has no option --%s%s%s%s",
	    in->command->name, name, near != NULL ? "; did you mean --" : "",
	    near != NULL ? near : "", near != NULL ? "?" : "");
}

/* The value of an option that needs one: behind "=" or the next word. */
static const char *
value_of(char **argv, int argc, int *i, const char *equals)
{
	if (equals != NULL)
		return equals + 1;
	return *i + 1 < argc ? argv[++*i] : NULL;
}

static int
own_option(struct invocation *in, const char *name, size_t len, char **argv,
    int argc, int *i, const char *equals)
{
	const struct option_spec *o = in->command->options;
	char text[64];

	for (int k = 0; o[k].name != NULL; k++) {
		if (strlen(o[k].name) != len ||
		    strncmp(o[k].name, name, len) != 0)
			continue;
		if (o[k].argument == NULL && equals != NULL)
			return fail(EX_USAGE, "--%s takes no value", o[k].name);
		in->values[k] = o[k].argument == NULL
				    ? ""
				    : value_of(argv, argc, i, equals);
		if (in->values[k] == NULL)
			return fail(EX_USAGE, "--%s needs a value: %s",
			    o[k].name, o[k].argument);
		return 0;
	}
	snprintf(text, sizeof text, "%.*s", (int)len, name);
	return unknown_option(in, text);
}

/* 0, an exit code, or -1 when help was asked for and given. */
static int
read_option(
    struct invocation *in, char **argv, int argc, int *i, int *overrides)
{
	const char *word = argv[*i];
	const char *equals = strchr(word, '=');
	size_t len = equals != NULL ? (size_t)(equals - word) : strlen(word);

	if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0) {
		command_usage(in->command);
		return -1;
	}
	if (strcmp(word, "--json") == 0) {
		in->json = true;
		return 0;
	}
	if (strcmp(word, "-q") == 0 || strcmp(word, "--quiet") == 0) {
		in->is_quiet = true;
		return 0;
	}
	if (strcmp(word, "-C") == 0) {
		in->folder = value_of(argv, argc, i, NULL);
		return in->folder != NULL ? 0
					  : fail(EX_USAGE, "-C needs a folder");
	}
	if (len == 5 && strncmp(word, "--set", 5) == 0) {
		const char *value = value_of(argv, argc, i, equals);

		if (value == NULL || strchr(value, '=') == NULL ||
		    *overrides == OVERRIDES_MAX)
			return fail(EX_USAGE, "--set needs NAME=VALUE");
		in->overrides[(*overrides)++] = value;
		return 0;
	}
	if (strncmp(word, "--", 2) != 0)
		return fail(EX_USAGE, "nudge %s has no option %s",
		    in->command->name, word);
	return own_option(in, word + 2, len - 2, argv, argc, i, equals);
}

static int
read_arguments(struct invocation *in, int argc, char **argv)
{
	bool only_arguments = false;
	int overrides = 0;

	in->arguments = argv;
	for (int i = 0; i < argc; i++) {
		int rc;

		if (only_arguments || argv[i][0] != '-' || argv[i][1] == '\0') {
			argv[in->n_arguments++] = argv[i];
		} else if (strcmp(argv[i], "--") == 0) {
			only_arguments = true;
		} else {
			rc = read_option(in, argv, argc, &i, &overrides);
			if (rc != 0)
				return rc;
		}
	}
	if (in->n_arguments < in->command->min_arguments ||
	    in->n_arguments > in->command->max_arguments)
		return fail(EX_USAGE, "usage: %s\nSee nudge help %s.",
		    in->command->usage, in->command->name);
	return 0;
}

/* Whoever reads the output must not take a part of it for all. */
static int
finish(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	return fail(
	    EX_IOERR, "the output cannot be written: %s", strerror(errno));
}

int
main(int argc, char **argv)
{
	struct invocation in = {.folder = "."};
	int first = 1, rc;

	json_object_seed(0);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	if (argc > 3 && strcmp(argv[1], "-C") == 0) { /* nudge -C DIR run */
		in.folder = argv[2];
		first = 3;
	}
	if (argc <= first) {
		command_help.run(&in);
		return EX_USAGE;
	}
	if (strcmp(argv[first], "-h") == 0 ||
	    strcmp(argv[first], "--help") == 0)
		in.command = &command_help;
	else if (strcmp(argv[first], "--version") == 0)
		in.command = &command_version;
	else
		in.command = command_find(argv[first]);
	if (in.command == NULL)
		return unknown_command(argv[first]);
	rc = read_arguments(&in, argc - first - 1, argv + first + 1);
	if (rc != 0)
		return rc < 0 ? finish(EX_OK) : rc;
	if (in.is_quiet && freopen("/dev/null", "w", stdout) == NULL)
		return fail(EX_OSERR, "/dev/null: %s", strerror(errno));
	return finish(in.command->run(&in));
}
