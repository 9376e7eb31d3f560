/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "templates/buf.h"
#include "worker/commands/commands.h"

static char *
trait_text(const json_t *value)
{
	return json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
}

static void
print_values(
    const char *title, const json_t *values, char *text_of(const json_t *value))
{
	const char *name;
	json_t *value;

	if (json_object_size(values) == 0)
		return;
	say("\n%s\n", title);
	json_object_foreach((json_t *)values, name, value)
	{
		char *shown = text_of(value);

		say("  %-20s %s\n", name, shown);
		free(shown);
	}
}

/* One line for each row of a list: its named members, side by side. */
static void
print_rows(const char *title, const json_t *list, const char *const *columns)
{
	if (json_array_size(list) > 0)
		say("\n%s\n", title);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *row = json_array_get(list, i);

		say(" ");
		for (const char *const *c = columns; *c != NULL; c++)
			if (member_text(row, *c)[0] != '\0')
				say(" %s", member_text(row, *c));
		say("\n");
	}
}

void
print_subject(const json_t *p)
{
	static const char *const places[] = {
	    "sequence", "next_step", "due_at", NULL};
	static const char *const messages[] = {"created_at", "state",
	    "template", "recipient", "address", "reason", "key", NULL};
	static const char *const decisions[] = {
	    "at", "what", "sequence", "step", "reason", NULL};

	say("%s %s%s%s\n", member_text(p, "kind"), member_text(p, "id"),
	    member_text(p, "account")[0] != '\0' ? ", of account " : "",
	    member_text(p, "account"));
	print_values("traits", json_object_get(p, "traits"), trait_text);
	print_values("metrics", json_object_get(p, "metrics"), metric_text);
	print_rows("sequences", json_object_get(p, "sequences"), places);
	print_rows("messages", json_object_get(p, "messages"), messages);
	print_rows("decisions", json_object_get(p, "decisions"), decisions);
}

static const char *const actions[] = {"enter", "exit", "pause", "resume",
    "skip", "suppress", "unsuppress", "forget"};

static json_t *
action_body(const struct invocation *in, const char *action)
{
	const char *value = option(in, action);
	json_t *body = json_object();

	if (strstr(action, "suppress") == NULL && strcmp(action, "forget") != 0)
		json_object_set_new(body, "sequence", json_string(value));
	set_text(body, "topic", option(in, "topic"));
	set_text(body, "for", option(in, "for"));
	set_actor(in, body);
	return body;
}

/* What is to be done, NULL: only shown. 0, or an exit code. */
static int
read_action(const struct invocation *in, const char **action)
{
	char what[400];

	*action = NULL;
	for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
		if (option(in, actions[i]) == NULL)
			continue;
		if (*action != NULL)
			return fail(EX_USAGE, "--%s and --%s: one at a time",
			    *action, actions[i]);
		*action = actions[i];
	}
	if (*action == NULL || strcmp(*action, "forget") != 0)
		return 0;
	snprintf(what, sizeof what, "erase %.300s with all messages and events",
	    in->arguments[0]);
	return confirm(in, what, in->arguments[0]);
}

/*
 * The id of who is meant by an id or an address; the caller frees it. Else an
 * exit code, where several have that address.
 */
static int
find(const struct invocation *in, const char *text, char **id)
{
	const char *found = NULL, *another = NULL;
	bool is_id = false;
	char *query = path_segment("q=", text, "");
	json_t *reply, *row;
	size_t i;
	int rc =
	    client_call(in, "GET", "/v1/people", query, NULL, NULL, &reply);

	free(query);
	if (rc != 0)
		return rc;
	json_array_foreach(json_object_get(reply, "people"), i, row)
	{
		const char *name = member_text(row, "id");

		if (strcmp(member_text(row, "kind"), "user") != 0)
			continue;
		is_id |= strcmp(name, text) == 0;
		if (strcasecmp(member_text(row, "email"), text) != 0)
			continue;
		another = found;
		found = name;
	}
	if (is_id || found == NULL)
		found = text;
	else if (another != NULL)
		rc = fail(EX_DATAERR, "%s is the address of %s and %s", text,
		    another, found);
	*id = strdup(found);
	json_decref(reply);
	return rc;
}

static int
call_for(const struct invocation *in, const char *id, const char *action,
    json_t **reply)
{
	json_t *body = action != NULL ? action_body(in, action) : NULL;
	char suffix[16], *path;
	int rc;

	snprintf(suffix, sizeof suffix, "%s%s", action != NULL ? "/" : "",
	    action != NULL ? action : "");
	path = path_segment(
	    option(in, "account") != NULL ? "/v1/accounts/" : "/v1/people/", id,
	    suffix);
	rc = client_call(
	    in, action != NULL ? "POST" : "GET", path, "", NULL, body, reply);
	free(path);
	json_decref(body);
	return rc;
}

static int
call(const struct invocation *in, const char *action, json_t **reply)
{
	bool is_address = strchr(in->arguments[0], '@') != NULL &&
			  option(in, "account") == NULL;
	char *id = NULL;
	int rc = is_address ? find(in, in->arguments[0], &id) : 0;

	if (rc == 0)
		rc = call_for(
		    in, id != NULL ? id : in->arguments[0], action, reply);
	free(id);
	return rc;
}

static int
run(const struct invocation *in)
{
	const char *action;
	json_t *reply;
	int rc = read_action(in, &action);

	if (rc == 0)
		rc = call(in, action, &reply);
	if (rc != 0)
		return rc;
	if (in->json)
		print_json(reply);
	else if (json_is_true(json_object_get(reply, "forgotten")))
		say("%s is forgotten\n", member_text(reply, "id"));
	else
		print_subject(reply);
	json_decref(reply);
	return EX_OK;
}

static const struct option_spec options[] = {
    {"account", NULL, "the id is an account's"},
    {"enter", "SEQUENCE", "put into a sequence that has a manual way in"},
    {"exit", "SEQUENCE", "take out of a sequence"},
    {"pause", "SEQUENCE", "hold; with --for 3d for so long"},
    {"resume", "SEQUENCE", "go on"},
    {"skip", "SEQUENCE", "pass over the next step"},
    {"suppress", NULL, "mail no more; with --topic only that topic"},
    {"unsuppress", NULL, "mail again"},
    {"forget", NULL, "erase all but the suppression of the address; asks"},
    {"yes", NULL, "of --forget: do it without being asked"},
    {"for", "DURATION", "how long to pause"},
    {"topic", "TOPIC", "of --suppress and --unsuppress"},
    ACTOR_OPTIONS,
    {NULL, NULL, NULL},
};

const struct command command_person = {
    .name = "person",
    .summary = "Show a person: traits, sequences, messages, and why",
    .usage = "nudge person ID|ADDRESS [OPTIONS]",
    .examples = "  nudge person -C acme ada\n"
		"  nudge person ada@example.com --json | jq .decisions\n"
		"  nudge person ada --exit self-serve-onboarding --actor jane "
		"--note \"bought\"\n"
		"  nudge person ada --pause self-serve-onboarding --for 3d\n"
		"  nudge person ada --forget --yes --note \"ticket 4711\"\n"
		"  nudge person initech --account\n"
		"\nWhat is done by hand is among the decisions, with who and "
		"why. Of somebody who\nis forgotten only that remains, without "
		"who it was: see nudge decisions.\n",
    .options = options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
