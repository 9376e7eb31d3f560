/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <sysexits.h>

#include "worker/commands/commands.h"

static void
print_row(const json_t *row)
{
	static const char *const names[] = {
	    "type", "message_id", "user_id", "anonymous_id"};
	const json_t *place = json_object_get(row, "place");

	say("%s  %-22s", member_text(row, "at"), member_text(row, "reason"));
	if (place != NULL)
		say("  place %lld", json_integer_value(place));
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (member_text(row, names[i])[0] != '\0')
			say("  %s %s", names[i], member_text(row, names[i]));
	say("\n");
}

static void
print_all(const json_t *reply)
{
	const json_t *list = json_object_get(reply, "discarded");
	const char *reason;
	json_t *n;

	json_object_foreach(json_object_get(reply, "counts"), reason, n)
	{
		if (json_integer_value(n) > 0)
			say("%lld %s  ", json_integer_value(n), reason);
	}
	say("%s\n", json_array_size(list) == 0
			? "nothing was left out since the worker started"
			: "");
	for (size_t i = 0; i < json_array_size(list); i++)
		print_row(json_array_get(list, i));
}

static int
run(const struct invocation *in)
{
	json_t *reply;
	int rc = client_ask(in, "/v1/discarded", &reply);

	if (rc != 0)
		return rc;
	if (in->json)
		print_json(reply);
	else
		print_all(reply);
	json_decref(reply);
	return EX_OK;
}

static const struct option_spec none[] = {{NULL, NULL, NULL}};

const struct command command_discarded = {
    .name = "discarded",
    .summary = "List events that were left out, and why",
    .usage = "nudge discarded [-C DIR]",
    .examples =
	"  nudge discarded -C acme\n"
	"  nudge discarded --json\n"
	"\nThe worker keeps the last hundred since it started. A reply of 200 "
	"means that\na request was received; an event in it that cannot be "
	"understood ends up here.\n",
    .options = none,
    .run = run,
};
