/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "worker/commands/commands.h"

static void
print_message(const json_t *m)
{
	static const char *const rows[] = {"key", "state", "reason", "template",
	    "channel", "recipient", "address", "sequence", "step", "topic",
	    "created_at", "next_at", "expires_at", "settled_at", "provider_id"};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (member_text(m, rows[i])[0] != '\0')
			say("%-12s %s\n", rows[i], member_text(m, rows[i]));
	say("%-12s %lld\n", "attempts",
	    json_integer_value(json_object_get(m, "attempts")));
}

static void
print_list(const json_t *reply)
{
	const json_t *counts = json_object_get(reply, "counts");
	const json_t *list = json_object_get(reply, "messages");
	const char *state;
	json_t *n;

	json_object_foreach(
	    (json_t *)counts, state, n) if (json_integer_value(n) > 0)
	    say("%lld %s  ", json_integer_value(n), state);
	say("%s\n", json_array_size(list) == 0 ? "no messages" : "");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *m = json_array_get(list, i);
		const char *when = member_text(m, "next_at")[0] != '\0'
				       ? member_text(m, "next_at")
				       : member_text(m, "settled_at");
		bool has_address = member_text(m, "address")[0] != '\0';

		say("%s  %-8s %-24.24s  %-24s %s%s%s\n", member_text(m, "key"),
		    member_text(m, "state"), when, member_text(m, "template"),
		    member_text(m, has_address ? "address" : "recipient"),
		    member_text(m, "reason")[0] ? "  " : "",
		    member_text(m, "reason"));
	}
	if (member_text(reply, "next_cursor")[0] != '\0')
		say("more: --cursor %s\n", member_text(reply, "next_cursor"));
}

static int
list(const struct invocation *in, json_t **reply)
{
	static const char *const names[] = {
	    "state", "sequence", "limit", "cursor", NULL};
	char *query = query_of(in, names);
	int rc =
	    client_call(in, "GET", "/v1/messages", query, NULL, NULL, reply);

	free(query);
	return rc;
}

/* What is shown, retried or cancelled. */
static int
one(const struct invocation *in, const char *what, json_t **reply)
{
	const char *key = in->arguments[1];
	char *path;
	int rc;

	if (strcmp(what, "show") != 0)
		return client_act(in, "/v1/messages/", key, what, reply);
	path = path_segment("/v1/messages/", key, "");
	rc = client_call(in, "GET", path, "", NULL, NULL, reply);
	free(path);
	return rc;
}

static int
run(const struct invocation *in)
{
	const char *what = in->n_arguments > 0 ? in->arguments[0] : "list";
	bool is_list = strcmp(what, "list") == 0;
	json_t *reply;
	int rc;

	if (!is_list && strcmp(what, "show") != 0 &&
	    strcmp(what, "retry") != 0 && strcmp(what, "cancel") != 0)
		return fail(EX_USAGE,
		    "nudge queue list, show, retry or "
		    "cancel; not \"%s\"",
		    what);
	if (is_list != (in->n_arguments < 2))
		return fail(EX_USAGE, "usage: %s", in->command->usage);
	rc = is_list ? list(in, &reply) : one(in, what, &reply);
	if (rc != 0)
		return rc;
	if (in->json)
		print_json(reply);
	else if (is_list)
		print_list(reply);
	else
		print_message(reply);
	json_decref(reply);
	return EX_OK;
}

static const struct option_spec options[] = {
    {"state", "STATE",
	"queued, sending, sent, refused, unsure, held, "
	"expired, skipped or cancelled"},
    {"sequence", "NAME", "only messages of this sequence"},
    {"limit", "N", "at most so many, up to 500; default 50"},
    {"cursor", "TEXT", "the next page, as the last one said"},
    ACTOR_OPTIONS,
    {NULL, NULL, NULL},
};

const struct command command_queue = {
    .name = "queue",
    .summary = "List messages; show, retry or cancel one",
    .usage = "nudge queue [list | show KEY | retry KEY | cancel KEY] "
	     "[OPTIONS]",
    .examples = "  nudge queue -C acme\n"
		"  nudge queue --state held\n"
		"  nudge queue retry 4kzq2y5mxt6w3bdn7phjcr5eaf\n"
		"  nudge queue cancel 4kzq2y5mxt6w3bdn7phjcr5eaf --note "
		"\"he called\"\n",
    .options = options,
    .max_arguments = 2,
    .run = run,
};
