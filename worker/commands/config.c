/* SPDX-License-Identifier: MIT */
/*
 * config - the settings in force, and where each is from: a flag, the
 * environment, the file, or its default, in this order. No secret comes out: a
 * $NAME is shown as that, whatever it stands for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "worker/commands/commands.h"
#include "worker/settings/setting_table.h"
#include "worker/settings/settings.h"

struct config {
	const char *const *overrides;
	const json_t *object; /* that the rows are members of, in the file */
	const char *channel, *type; /* NULL: the rows are the worker's */
	json_t *list;
};

/* What "sender.name" is in the file; NULL: not there. */
static const json_t *
member_at(const json_t *object, const char *dotted)
{
	char name[64];
	size_t len = strcspn(dotted, ".");

	snprintf(name, sizeof name, "%.*s", (int)len, dotted);
	object = json_object_get(object, name);
	return dotted[len] == '.' ? member_at(object, dotted + len + 1)
				  : object;
}

static void
add_row(const struct setting *row, bool of_channel, void *arg)
{
	struct config *c = arg;
	const json_t *in_file = member_at(c->object, row->name);
	const char *from = "file", *text = NULL;
	json_t *value;

	if (of_channel != (c->channel != NULL) ||
	    (of_channel && row->types != NULL &&
		strstr(row->types, c->type) == NULL))
		return;
	if (!of_channel)
		text = settings_override(row, c->overrides, &from);
	if (text == NULL)
		from = in_file != NULL ? "file" : "default";
	if (text == NULL && in_file == NULL)
		text = row->fallback;
	value = text != NULL ? json_string(text) : NULL;
	json_array_append_new(c->list,
	    json_pack("{s:o,s:o,s:s}", "name",
		of_channel
		    ? json_sprintf("channels.%s.%s", c->channel, row->name)
		    : json_string(row->name),
		"value", setting_show(row, value != NULL ? value : in_file),
		"from", from));
	json_decref(value);
}

/* All of them, from a file that was found to have no mistakes. */
static json_t *
effective(const struct invocation *in, const json_t *root)
{
	struct config c = {
	    .overrides = in->overrides, .object = root, .list = json_array()};
	const json_t *caps = json_object_get(root, "caps");
	json_t *channel;

	settings_each(add_row, &c);
	json_array_append_new(
	    c.list, json_pack("{s:s,s:o,s:s}", "name", "caps", "value",
			caps != NULL ? json_deep_copy(caps) : json_array(),
			"from", caps != NULL ? "file" : "default"));
	json_object_foreach(
	    json_object_get(root, "channels"), c.channel, channel)
	{
		c.object = channel;
		c.type = member_text(channel, "type");
		settings_each(add_row, &c);
	}
	return json_pack("{s:o}", "settings", c.list);
}

static void
print_settings(const json_t *reply)
{
	const json_t *list = json_object_get(reply, "settings"), *row;
	size_t i;

	json_array_foreach(list, i, row)
	{
		const json_t *value = json_object_get(row, "value");
		char *text;

		if (json_is_null(value)) /* not set */
			continue;
		text = json_is_string(value)
			   ? strdup(json_string_value(value))
			   : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
		say("%-36s %-12s %s\n", member_text(row, "name"),
		    member_text(row, "from"), text);
		free(text);
	}
}

static int
show(const struct invocation *in, const char *folder)
{
	struct json_doc doc = {0};
	struct buf path = {0};
	struct error e;
	json_t *reply;
	int rc;

	buf_addf(&path, "%s/nudge.json", folder);
	rc = json_doc_load(&doc, path.data, "nudge.json", &e);
	buf_free(&path);
	if (rc != 0)
		return fail(EX_CONFIG, "%s", e.text);
	reply = effective(in, doc.root);
	if (in->json)
		print_json(reply);
	else
		print_settings(reply);
	json_decref(reply);
	json_doc_free(&doc);
	return EX_OK;
}

static int
run(const struct invocation *in)
{
	struct problems problems = {0};
	struct settings *settings =
	    settings_load(in->folder, in->overrides, &problems);
	int rc;

	problems_forgive(&problems, SETTING_UNSET); /* they are not shown */
	rc = problems.errors > 0 ? refuse_workspace(&problems)
				 : show(in, settings->folder);
	problems_free(&problems);
	settings_free(settings);
	return rc;
}

static const struct option_spec none[] = {{NULL, NULL, NULL}};

const struct command command_config = {
    .name = "config",
    .summary = "Show the settings in force, and where each is from",
    .usage = "nudge config [-C DIR]",
    .examples =
	"  nudge config -C acme\n"
	"  nudge config --set listen=0.0.0.0:8460\n"
	"  nudge config --json | jq '.settings[] | select(.from != "
	"\"default\")'\n"
	"\nA setting is from a flag (--set), the environment (NUDGE_NAME), the "
	"file\n(nudge.json), or its default, in this order. Secrets are not "
	"shown: a $NAME stays\na $NAME, and what stands in the file itself "
	"becomes asterisks. What is not set\nis left out, or null with "
	"--json.\n",
    .options = none,
    .run = run,
};
