/* SPDX-License-Identifier: MIT */
/* sequences - what there is for people and accounts to be in. */
#include <stdlib.h>
#include <string.h>

#include "templates/mem.h"
#include "worker/api/calls.h"

#define NEWEST 20000 /* messages of a sequence that are counted */
#define COUNTS 2000  /* steps times templates times states */

static json_t *
sequence_value(const struct sequence_info *info)
{
	return json_pack("{s:s,s:o,s:s,s:i}", "name", info->name, "description",
	    text_value(info->description), "for",
	    info->for_account ? "account" : "user", "steps", info->n_steps);
}

int
sequences_list(struct turn *t, struct api_call *call, const struct api_match *m)
{
	const struct rules *rules = t->workspace->rules;
	json_t *list = json_array();

	for (int i = 0; i < rules_count(rules); i++) {
		struct sequence_info info = rules_info(rules, i);

		json_array_append_new(list, sequence_value(&info));
	}
	api_answer(call, json_pack("{s:o}", "sequences", list));
	return 0;
}

static void
unknown_sequence(
    const struct rules *rules, struct api_call *call, const char *wanted)
{
	const char **names =
	    xcalloc((size_t)rules_count(rules) + 1, sizeof *names);
	const char *near;

	for (int i = 0; i < rules_count(rules); i++)
		names[i] = rules_info(rules, i).name;
	near = suggest(wanted, names);
	api_problem(call, 404, "there is no sequence \"%s\"%s%s%s", wanted,
	    near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
	    near != NULL ? "\"?" : "");
	free(names);
}

/* The member that is an object, made if there is none. NULL: not in UTF-8. */
static json_t *
object_in(json_t *object, const char *name)
{
	json_t *member = json_object_get(object, name);

	if (member != NULL)
		return member;
	member = json_object();
	return json_object_set_new(object, name, member) == 0 ? member : NULL;
}

/* {"welcome": {"day-00-welcome": {"sent": 12}}}, or NULL: the store failed. */
static json_t *
messages_value(struct turn *t, const char *sequence)
{
	static struct queue_step_count counts[COUNTS];
	json_t *steps = json_object();
	int n =
	    queue_messages_by_step(t->queue, sequence, NEWEST, counts, COUNTS);

	for (int i = 0; i < n; i++) {
		const struct queue_step_count *c = &counts[i];
		json_t *step = object_in(steps, c->step);

		json_object_set_new(object_in(step, c->template_name),
		    queue_state_name(c->state), json_integer(c->count));
	}
	if (n >= 0)
		return steps;
	json_decref(steps);
	return NULL;
}

int
sequences_show(struct turn *t, struct api_call *call, const struct api_match *m)
{
	const struct rules *rules = t->workspace->rules;
	struct sequence_info info;
	json_t *messages;
	int i = 0, n = rules_count(rules);

	while (i < n && strcmp(rules_info(rules, i).name, m->star[0]) != 0)
		i++;
	if (i == n) {
		unknown_sequence(rules, call, m->star[0]);
		return 0;
	}
	messages = messages_value(t, m->star[0]);
	if (messages == NULL)
		return -1;
	info = rules_info(rules, i);
	api_answer(call, sequence_value(&info));
	json_object_set_new(
	    call->reply, "definition", json_loads(info.definition, 0, NULL));
	json_object_set_new(call->reply, "messages", messages);
	return 0;
}
