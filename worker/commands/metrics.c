/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "worker/commands/commands.h"

static void
print_metric(const json_t *m)
{
	char *value = metric_text(json_object_get(m, "value"));
	char *definition = json_dumps(
	    json_object_get(m, "definition"), JSON_COMPACT | JSON_SORT_KEYS);

	say("%-20s %-12s %s\n", member_text(m, "name"), value,
	    member_text(m, "from"));
	say("%-20s %-12s %s\n", "", "", definition);
	free(definition);
	free(value);
}

static int
run(const struct invocation *in)
{
	bool is_account = option(in, "account") != NULL;
	char *path = path_segment(is_account ? "/v1/accounts/" : "/v1/people/",
	    in->arguments[0], "/metrics");
	json_t *reply, *list;
	int rc = client_call(in, "GET", path, "", NULL, NULL, &reply);

	free(path);
	if (rc != 0)
		return rc;
	list = json_object_get(reply, "metrics");
	if (in->json) {
		print_json(reply);
	} else {
		say("%s %s\n\n", member_text(reply, "kind"),
		    member_text(reply, "id"));
		for (size_t i = 0; i < json_array_size(list); i++)
			print_metric(json_array_get(list, i));
	}
	json_decref(reply);
	return EX_OK;
}

static const struct option_spec options[] = {
    {"account", NULL, "the id is an account's"},
    {NULL, NULL, NULL},
};

const struct command command_metrics = {
    .name = "metrics",
    .summary = "Show somebody's metrics, and where each value comes from",
    .usage = "nudge metrics ID [OPTIONS]",
    .examples = "  nudge metrics -C acme ada\n"
		"  nudge metrics initech --account\n"
		"  nudge metrics ada --json | jq '.metrics[].from'\n",
    .options = options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
