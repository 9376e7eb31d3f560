/* SPDX-License-Identifier: MIT */
/*
 * sequence - the language of sequences/NAME.json as tables. A new kind of
 * trigger or a new key of a step is a row here and a case in the engine. Rows
 * without a function are words of the language that this version cannot do:
 * whoever writes them is told so, and not that they are misspelt.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sequences/sequence.h"
#include "templates/mem.h"

#define GRACE_MS	    ((int64_t)24 * 60 * 60 * 1000)

#define OF_HOURS(member)    offsetof(struct hours, member)
#define OF_OPTION(member)   offsetof(struct option, member)
#define OF_STEP(member)	    offsetof(struct step, member)
#define OF_SEQUENCE(member) offsetof(struct sequence, member)

#define TEXT_OR_OBJECT	    (READ_TEXT | READ_OBJECT)
#define TEXT_OR_LIST	    (READ_TEXT | READ_LIST)
#define OBJECT_OR_LIST	    (READ_OBJECT | READ_LIST)

/* ------------------------------------------------------- hours */

static void
read_days(struct reader *r, json_t *value, void *into)
{
	if (window_parse_days(json_string_value(value), into) != 0)
		reader_error(r,
		    "days are expected, such as \"mon-fri\", \"tue,thu\" or "
		    "\"any\"");
}

static void
read_minutes(struct reader *r, json_t *value, void *into)
{
	if (window_parse_time(json_string_value(value), into) != 0)
		reader_error(r, "a time of day is expected, such as \"09:00\"");
}

static void
read_zone(struct reader *r, json_t *value, void *into)
{
	const struct zone **zone = into;
	const char *name = json_string_value(value);

	if (strcmp(name, "user") == 0)
		return;
	*zone = zone_find(name);
	if (*zone == NULL)
		reader_error(r,
		    "\"user\" or a time zone is expected, such as "
		    "\"Europe/Berlin\"; \"%s\" is none",
		    name);
}

static void
read_hours(struct reader *r, json_t *value, void *into)
{
	static const struct reader_key keys[] = {
	    {"days", READ_TEXT, read_days, OF_HOURS(window.days), false},
	    {"from", READ_TEXT, read_minutes, OF_HOURS(window.from_min), false},
	    {"to", READ_TEXT, read_minutes, OF_HOURS(window.to_min), false},
	    {"timezone", READ_TEXT, read_zone, OF_HOURS(zone), false},
	    {0},
	};
	struct hours *hours = into;

	hours->kind = HOURS_ANY;
	if (json_is_object(value)) {
		*hours = (struct hours){HOURS_WINDOW, {.days = 0x7f}, NULL};
		reader_object(r, value, keys, hours);
		if (reader_has(value, "from") != reader_has(value, "to"))
			reader_error(r, "\"from\" and \"to\" come together");
	} else if (strcmp(json_string_value(value), "any") != 0) {
		reader_error(r, "\"any\" or an object is expected");
	}
}

/* ------------------------------------------------------- steps */

static void
read_template(struct reader *r, json_t *value, void *into)
{
	const struct templates *templates = r->context->templates;
	const char *name = json_string_value(value);

	read_text(r, value, into);
	if (name != NULL && templates != NULL &&
	    !name_is_among(name, templates_names(templates)))
		reader_unknown(r, "template", name, templates_names(templates));
}

static void
read_templates(struct reader *r, json_t *value, void *into)
{
	struct names *names = into;

	names->list = reader_list(
	    r, value, sizeof *names->list, read_template, &names->n);
	if (names->n == 0)
		reader_error(r, "a template is expected");
}

static void
read_recipient(struct reader *r, json_t *value, void *into)
{
	static const struct reader_key later[] = {
	    {"members", TEXT_OR_OBJECT, NULL, 0, false},
	    {0},
	};
	const char *const *contacts = r->context->contacts;
	const char *name = json_string_value(value), **known;
	int n = 0;

	if (json_is_object(value)) {
		reader_object(r, value, later, into);
		return;
	}
	read_text(r, value, into);
	if (name == NULL || name_is_among(name, contacts))
		return;
	while (contacts != NULL && contacts[n] != NULL)
		n++;
	known = xcalloc((size_t)n + 3, sizeof *known);
	for (int i = 0; i < n; i++)
		known[i] = contacts[i];
	known[n++] = "account.owner";
	if (!r->for_account)
		known[n++] = "user";
	if (!name_is_among(name, known))
		reader_unknown(r, "recipient", name, known);
	free(known);
}

static void
read_recipients(struct reader *r, json_t *value, void *into)
{
	struct recipients *to = into;

	to->list =
	    reader_list(r, value, sizeof *to->list, read_recipient, &to->n);
}

/* `into` is the step: a plain `send` is its only option. */
static void
read_send(struct reader *r, json_t *value, void *into)
{
	struct step *step = into;

	if (step->action.options != NULL)
		return; /* beside `choose`: the step complains */
	step->action.options = xcalloc(1, sizeof *step->action.options);
	step->action.n_options = 1;
	read_templates(r, value, &step->action.options[0].templates);
}

static void
read_option(struct reader *r, json_t *value, void *into)
{
	static const struct reader_key keys[] = {
	    {"if", TEXT_OR_OBJECT, condition_read, OF_OPTION(condition), false},
	    {"send", TEXT_OR_LIST, read_templates, OF_OPTION(templates), true},
	    {0},
	};

	reader_object(r, value, keys, into);
}

/* `into` is the step. */
static void
read_choose(struct reader *r, json_t *value, void *into)
{
	struct step *step = into;
	size_t last = json_array_size(value);

	if (step->action.options != NULL)
		return; /* beside `send`: the step complains */
	step->action.options = reader_list(
	    r, value, sizeof *step->action.options, read_option, &step->action.n_options);
	if (last == 0)
		reader_error(r, "a list of choices is expected");
	for (size_t i = 0; i + 1 < last; i++)
		if (!reader_has(json_array_get(value, i), "if"))
			reader_error(r,
			    "only the last choice can do without \"if\": those "
			    "after it would never be taken");
}

static const struct reader_key step_keys[] = {
    {"id", READ_TEXT, read_text, OF_STEP(id), true},
    {"day", READ_COUNT, read_count, OF_STEP(day), false},
    {"after", READ_TEXT, read_duration, OF_STEP(after_ms), false},
    {"at", READ_TEXT, NULL, 0, false},
    {"offset", READ_TEXT, NULL, 0, false},
    {"if", TEXT_OR_OBJECT, condition_read, OF_STEP(condition), false},
    {"send", TEXT_OR_LIST, read_send, 0, false},
    {"to", TEXT_OR_LIST | READ_OBJECT, read_recipients, OF_STEP(action.to),
	false},
    {"choose", READ_LIST, read_choose, 0, false},
    {"split", READ_LIST, NULL, 0, false},
    {"holdout", READ_COUNT, NULL, 0, false},
    {"wait", READ_OBJECT, NULL, 0, false},
    {"stop", READ_TRUE, read_true, OF_STEP(action.is_stop), false},
    {"window", TEXT_OR_OBJECT, read_hours, OF_STEP(hours), false},
    {0},
};

static void
read_step(struct reader *r, json_t *value, void *into)
{
	struct step *step = into;

	reader_object(r, value, step_keys, step);
	step->when = reader_has(value, "day") ? STEP_DAY : STEP_AFTER;
	if (reader_has(value, "day") && reader_has(value, "after"))
		reader_error(r, "a step has \"day\" or \"after\", not both");
	if (reader_has(value, "send") && reader_has(value, "choose"))
		reader_error(r, "a step has \"send\" or \"choose\", not both");
	if (json_is_object(value) && !reader_has(value, "send") &&
	    !reader_has(value, "choose") && !reader_has(value, "stop") &&
	    !reader_has(value, "split") && !reader_has(value, "wait"))
		reader_error(
		    r, "a step needs \"send\", \"choose\" or \"stop\"");
}

/* `into` is the sequence. */
static void
read_steps(struct reader *r, json_t *value, void *into)
{
	struct sequence *q = into;

	if (json_array_size(value) == 0)
		reader_error(r, "a sequence needs at least one step");
	q->steps =
	    reader_list(r, value, sizeof *q->steps, read_step, &q->n_steps);
	for (int i = 1; i < q->n_steps; i++) {
		json_t *step = json_array_get(value, (size_t)i);
		char index[16];
		size_t mark;

		snprintf(index, sizeof index, "%d", i);
		mark = reader_push(r, index);
		if (!reader_has(step, "day") && !reader_has(step, "after") &&
		    !reader_has(step, "at") && !reader_has(step, "wait"))
			reader_error(r,
			    "a step after the first needs \"day\" or "
			    "\"after\"");
		reader_pop(r, mark);
	}
}

/* ---------------------------------------------------- sequence */

static void
read_late_then(struct reader *r, json_t *value, void *into)
{
	static const char *const names[] = {"send", "skip", NULL};
	const char *name = json_string_value(value);

	if (!name_is_among(name, names))
		reader_unknown(r, "way to be late", name, names);
	*(bool *)into = strcmp(name, "send") == 0;
}

/* `into` is the sequence. */
static void
read_late(struct reader *r, json_t *value, void *into)
{
	static const struct reader_key keys[] = {
	    {"grace", READ_TEXT, read_duration, OF_SEQUENCE(grace_ms), false},
	    {"then", READ_TEXT, read_late_then, OF_SEQUENCE(sends_late), false},
	    {0},
	};

	reader_object(r, value, keys, into);
}

static void
read_for(struct reader *r, json_t *value, void *into)
{
	static const char *const names[] = {"account", "user", NULL};
	const char *name = json_string_value(value);

	if (!name_is_among(name, names))
		reader_unknown(r, "kind of subject", name, names);
	*(bool *)into = strcmp(name, "account") == 0;
}

static void
read_edits(struct reader *r, json_t *value, void *into)
{
	static const char *const names[] = {"follow", "pin", NULL};
	const char *name = json_string_value(value);

	if (strcmp(name, "pin") == 0)
		reader_error(r, "\"pin\" is not available in this version");
	else if (!name_is_among(name, names))
		reader_unknown(r, "way to take edits", name, names);
}

static const struct reader_key sequence_keys[] = {
    {"$schema", READ_TEXT, read_nothing, 0, false},
    {"description", READ_TEXT, read_text, OF_SEQUENCE(description), false},
    {"for", READ_TEXT, read_for, OF_SEQUENCE(for_account), false},
    {"topic", READ_TEXT, read_text, OF_SEQUENCE(topic), false},
    {"enter", OBJECT_OR_LIST, read_enters, OF_SEQUENCE(enter), true},
    {"exit", OBJECT_OR_LIST, read_exits, OF_SEQUENCE(exit), false},
    {"pause", OBJECT_OR_LIST, read_pauses, OF_SEQUENCE(pause), false},
    {"goal", READ_OBJECT, read_goals, OF_SEQUENCE(goal), false},
    {"window", TEXT_OR_OBJECT, read_hours, OF_SEQUENCE(hours), false},
    {"late", READ_OBJECT, read_late, 0, false},
    {"edits", READ_TEXT, read_edits, 0, false},
    {"steps", READ_LIST, read_steps, 0, true},
    {0},
};

static void
default_recipient(const struct sequence *q, struct step *step)
{
	struct recipients *to = &step->action.to;

	if (to->n > 0)
		return;
	to->list = xcalloc(1, sizeof *to->list);
	to->list[0].name = xstrdup(q->for_account ? "account.owner" : "user");
	to->n = 1;
}

static void
check_step(const struct sequence *q, int index, struct reader *r)
{
	const struct step *step = &q->steps[index];

	for (int i = 0; i < index; i++) {
		const struct step *earlier = &q->steps[i];

		if (step->id != NULL && earlier->id != NULL &&
		    strcmp(step->id, earlier->id) == 0) {
			size_t mark = reader_push(r, "id");

			reader_error(
			    r, "\"%s\" is the id of two steps", step->id);
			reader_pop(r, mark);
		}
		if (step->when == STEP_DAY && earlier->when == STEP_DAY &&
		    step->day < earlier->day)
			reader_warn(r, "unreachable-step",
			    "steps run in order: day %d is over when \"%s\" on "
			    "day %d is done",
			    step->day, earlier->id, earlier->day);
		if (earlier->action.is_stop && earlier->condition == NULL &&
		    earlier->action.n_options == 0)
			reader_warn(r, "unreachable-step",
			    "\"%s\" always stops the sequence before",
			    earlier->id);
	}
}

static void
check_steps(struct sequence *q, struct reader *r)
{
	size_t steps = reader_push(r, "steps");

	for (int i = 0; i < q->n_steps; i++) {
		char index[16];
		size_t mark;

		snprintf(index, sizeof index, "%d", i);
		mark = reader_push(r, index);
		default_recipient(q, &q->steps[i]);
		check_step(q, i, r);
		reader_pop(r, mark);
	}
	reader_pop(r, steps);
}

/* Accounts that have a human are the human's: the playbook's first rule. */
static void
check_humans(const struct sequence *q, struct reader *r)
{
	if (q->topic == NULL || strcmp(q->topic, "onboarding") != 0 ||
	    q->for_account)
		return;
	for (int i = 0; i < q->exit.n; i++)
		if (condition_mentions(q->exit.list[i].condition, "account"))
			return;
	reader_warn(r, "human-owned-accounts",
	    "no exit looks at the account: people whose account has a customer "
	    "success manager would get this too (add {\"if\": "
	    "\"account.csm\"})");
}

void
sequence_read(struct sequence *q, const char *name, struct reader *r)
{
	const char *kind =
	    json_string_value(json_object_get(r->doc->root, "for"));

	*q = (struct sequence){.name = xstrdup(name), .grace_ms = GRACE_MS};
	r->for_account = kind != NULL && strcmp(kind, "account") == 0;
	reader_object(r, r->doc->root, sequence_keys, q);
	check_steps(q, r);
	check_humans(q, r);
}

static void
names_free(struct names *names)
{
	for (int i = 0; i < names->n; i++)
		free(names->list[i]);
	free(names->list);
}

static void
step_free(struct step *step)
{
	for (int i = 0; i < step->action.n_options; i++) {
		condition_free(step->action.options[i].condition);
		names_free(&step->action.options[i].templates);
	}
	free(step->action.options);
	for (int i = 0; i < step->action.to.n; i++) {
		free(step->action.to.list[i].name);
		condition_free(step->action.to.list[i].members);
	}
	free(step->action.to.list);
	condition_free(step->condition);
	free(step->id);
}

void
sequence_free(struct sequence *q)
{
	for (int i = 0; i < q->n_steps; i++)
		step_free(&q->steps[i]);
	free(q->steps);
	triggers_free(&q->enter);
	triggers_free(&q->exit);
	triggers_free(&q->pause);
	triggers_free(&q->goal);
	free(q->name);
	free(q->description);
	free(q->topic);
}

const struct hours *
step_hours(const struct sequence *q, const struct step *step)
{
	const struct hours *hours =
	    step->hours.kind == HOURS_INHERITED ? &q->hours : &step->hours;

	return hours->kind == HOURS_WINDOW ? hours : NULL;
}
