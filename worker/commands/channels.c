/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "worker/commands/commands.h"

static long long
number(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

static void
print_row(const char *name, const char *text)
{
	if (text[0] != '\0')
		say("  %-10s %s\n", name, text);
}

/* As people write it: 20/s, 2/m, 1/h. */
static void
print_rate(double a_second)
{
	double a_minute = a_second * 60;

	if (a_second >= 1)
		say("  %-10s %g/s\n", "rate", a_second);
	else if (a_minute >= 1)
		say("  %-10s %g/m\n", "rate", a_minute);
	else if (a_minute > 0)
		say("  %-10s %g/h\n", "rate", a_minute * 60);
}

static void
print_head(const json_t *c)
{
	const char *state = member_text(c, "state");
	const char *type = member_text(c, "type");

	say("%-16s %-8s %-8s %lld queued", member_text(c, "name"),
	    type[0] != '\0' ? type : "-", state[0] != '\0' ? state : "-",
	    number(c, "queued"));
	if (json_is_integer(json_object_get(c, "in_flight")))
		say(", %lld on their way", number(c, "in_flight"));
	say("\n");
}

static void
print_channel(const json_t *c)
{
	const json_t *warmup = json_object_get(c, "warmup");
	const json_t *keys = json_object_get(c, "public_keys");

	print_head(c);
	print_row("host", member_text(c, "host"));
	print_row("until", member_text(c, "until"));
	print_row("why", member_text(c, "why"));
	print_rate(json_number_value(json_object_get(c, "rate")));
	if (json_is_object(warmup))
		say("  %-10s %lld of %lld today\n", "warming up",
		    number(warmup, "used"), number(warmup, "most"));
	for (size_t i = 0; i < json_array_size(keys); i++)
		print_row(
		    "public key", json_string_value(json_array_get(keys, i)));
}

static void
print_all(const json_t *reply)
{
	const json_t *list = json_object_get(reply, "channels");

	for (size_t i = 0; i < json_array_size(list); i++)
		print_channel(json_array_get(list, i));
}

static int
run(const struct invocation *in)
{
	const char *what = in->n_arguments > 0 ? in->arguments[0] : "list";
	bool is_list = strcmp(what, "list") == 0;
	json_t *reply;
	int rc;

	if (!is_list && strcmp(what, "pause") != 0 &&
	    strcmp(what, "resume") != 0)
		return fail(EX_USAGE,
		    "nudge channels list, pause or resume; not \"%s\"", what);
	if (is_list != (in->n_arguments < 2))
		return fail(EX_USAGE, "usage: %s", in->command->usage);
	rc = is_list ? client_call(
			   in, "GET", "/v1/channels", "", NULL, NULL, &reply)
		     : client_act(
			   in, "/v1/channels/", in->arguments[1], what, &reply);
	if (rc != 0)
		return rc;
	if (in->json)
		print_json(reply);
	else if (is_list)
		print_all(reply);
	else
		print_channel(reply);
	json_decref(reply);
	return EX_OK;
}

static const struct option_spec options[] = {
    ACTOR_OPTIONS,
    {NULL, NULL, NULL},
};

const struct command command_channels = {
    .name = "channels",
    .summary = "List the ways out; pause or resume one",
    .usage = "nudge channels [list | pause NAME | resume NAME] [OPTIONS]",
    .examples =
	"  nudge channels -C acme\n"
	"  nudge channels pause email --actor jane --note \"the relay moves\"\n"
	"  nudge channels resume slack\n"
	"\nMessages of a channel that is paused wait, also over a restart. To "
	"resume is\nalso to say that what was wrong with the other side is "
	"mended: the next message\ntries. The state (working, slowed, paused, "
	"trying, off) is the worker's; without\none there are the counts of "
	"the queue. A channel without a type is not in nudge.json: its "
	"messages "
	"go when it\ncomes back, or end when they expire. Receivers verify "
	"signatures of a private key\n(whsk_) with the public key.\n",
    .options = options,
    .max_arguments = 2,
    .run = run,
};
