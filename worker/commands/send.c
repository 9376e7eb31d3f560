/* SPDX-License-Identifier: MIT */
#include <sysexits.h>

#include "worker/commands/commands.h"

static int
run(const struct invocation *in)
{
	const char *data = option(in, "data");
	const char *person = in->n_arguments > 1 ? in->arguments[1] : NULL;
	json_t *body = json_object(), *reply, *value;
	json_error_t at;
	int rc;

	if ((person == NULL) == (option(in, "account") == NULL)) {
		json_decref(body);
		return fail(EX_USAGE, "say one person, or --account ID");
	}
	set_text(body, "template", in->arguments[0]);
	set_text(body, "user", person);
	set_text(body, "account", option(in, "account"));
	set_text(body, "to", option(in, "to"));
	set_text(body, "at", option(in, "at"));
	set_actor(in, body);
	if (option(in, "override") != NULL)
		json_object_set_new(body, "override", json_true());
	if (data != NULL) {
		value = json_loads(data, 0, &at);
		if (!json_is_object(value)) {
			json_decref(value);
			json_decref(body);
			return fail(EX_USAGE, "--data is not a JSON object");
		}
		json_object_set_new(body, "data", value);
	}
	rc = client_call(
	    in, "POST", "/v1/send", "", option(in, "key"), body, &reply);
	json_decref(body);
	if (rc != 0)
		return rc;
	if (in->json)
		print_json(reply);
	else if (json_is_true(json_object_get(reply, "duplicate")))
		say("message %s is there already; nothing was queued\n",
		    json_string_value(json_object_get(reply, "key")));
	else
		say("message %s is queued; nudge queue show %s tells what "
		    "becomes of it\n",
		    json_string_value(json_object_get(reply, "key")),
		    json_string_value(json_object_get(reply, "key")));
	json_decref(reply);
	return EX_OK;
}

static const struct option_spec options[] = {
    {"account", "ID", "about an account, in place of a person"},
    {"to", "WHOM", "user, account.owner or a contact; default user"},
    {"data", "JSON", "an object that the template sees as data"},
    {"at", "TIME", "not before: 2026-03-30T09:00:00Z"},
    {"key", "TEXT",
	"sent once with it while \"retention\" keeps it; another is refused"},
    {"override", NULL, "past unsubscribes, caps and quiet hours; recorded"},
    ACTOR_OPTIONS,
    {NULL, NULL, NULL},
};

const struct command command_send = {
    .name = "send",
    .summary = "Send one template to one person",
    .usage = "nudge send TEMPLATE PERSON [OPTIONS]",
    .examples =
	"  nudge send -C acme day-00-welcome ada\n"
	"  nudge send day-21-invite ada --at 2026-03-30T09:00:00+02:00\n"
	"  nudge send outage-note --account initech --to account.owner\n",
    .options = options,
    .min_arguments = 1,
    .max_arguments = 2,
    .run = run,
};
