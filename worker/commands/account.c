/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <sysexits.h>

#include "worker/commands/commands.h"

static void
print_members(const json_t *reply)
{
	const json_t *members = json_object_get(reply, "members");

	if (json_array_size(members) > 0)
		say("\nmembers\n");
	for (size_t i = 0; i < json_array_size(members); i++)
		say("  %s\n", json_string_value(json_array_get(members, i)));
	if (member_text(reply, "next_cursor")[0] != '\0')
		say("  more: --cursor %s\n", member_text(reply, "next_cursor"));
}

static int
run(const struct invocation *in)
{
	static const char *const names[] = {"limit", "cursor", NULL};
	char *path = path_segment("/v1/accounts/", in->arguments[0], "");
	char *query = query_of(in, names);
	json_t *reply;
	int rc = client_call(in, "GET", path, query, NULL, NULL, &reply);

	free(query);
	free(path);
	if (rc != 0)
		return rc;
	if (in->json) {
		print_json(reply);
	} else {
		print_subject(reply);
		print_members(reply);
	}
	json_decref(reply);
	return EX_OK;
}

static const struct option_spec options[] = {
    {"limit", "N", "at most so many members, up to 500; default 50"},
    {"cursor", "TEXT", "the next members, as the last page said"},
    {NULL, NULL, NULL},
};

const struct command command_account = {
    .name = "account",
    .summary = "Show an account: members, metrics, sequences, messages",
    .usage = "nudge account ID [OPTIONS]",
    .examples = "  nudge account -C acme initech\n"
		"  nudge account initech --json | jq .members\n"
		"  nudge metrics initech --account\n",
    .options = options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
