/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <sysexits.h>

#include "worker/commands/commands.h"

static void
print_list(const json_t *reply)
{
	const json_t *list = json_object_get(reply, "decisions");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *d = json_array_get(list, i);
		const char *channel = member_text(d, "channel");

		say("%s  %s%s%s, %s\n", member_text(d, "at"),
		    channel[0] != '\0' ? channel : "somebody was",
		    channel[0] != '\0' ? " was " : " ", member_text(d, "what"),
		    member_text(d, "reason"));
	}
	if (json_array_size(list) == 0)
		say("no channel was paused, and nobody was forgotten\n");
	if (member_text(reply, "next_cursor")[0] != '\0')
		say("more: --cursor %s\n", member_text(reply, "next_cursor"));
}

static int
run(const struct invocation *in)
{
	static const char *const names[] = {"limit", "cursor", NULL};
	char *query = query_of(in, names);
	json_t *reply;
	int rc =
	    client_call(in, "GET", "/v1/decisions", query, NULL, NULL, &reply);

	free(query);
	if (rc != 0)
		return rc;
	if (in->json)
		print_json(reply);
	else
		print_list(reply);
	json_decref(reply);
	return EX_OK;
}

static const struct option_spec options[] = {
    {"limit", "N", "at most so many, up to 500; default 50"},
    {"cursor", "TEXT", "the next page, as the last one said"},
    {NULL, NULL, NULL},
};

const struct command command_decisions = {
    .name = "decisions",
    .summary = "List what was done by hand and is in nobody's own log",
    .usage = "nudge decisions [OPTIONS]",
    .examples = "  nudge decisions -C acme\n"
		"  nudge decisions --json | jq '.decisions[].reason'\n"
		"\nThese are channels that were paused or resumed, and that "
		"somebody was forgotten,\nwith who did it and why. What was "
		"done for one person is in nudge person.\n",
    .options = options,
    .run = run,
};
