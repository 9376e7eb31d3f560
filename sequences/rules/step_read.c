/* SPDX-License-Identifier: MIT */
/*
 * step_read - the language of a sequence's steps as tables. What a step does
 * (an action) has rows of its own: the `else` of a wait is one as well.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sequences/rules/sequence.h"
#include "templates/mem.h"

#define OF_OPTION(member)    offsetof(struct option, member)
#define OF_RECIPIENT(member) offsetof(struct recipient, member)
#define OF_STEP(member)	     offsetof(struct step, member)

#define TEXT_OR_OBJECT	     (READ_TEXT | READ_OBJECT)
#define TEXT_OR_LIST	     (READ_TEXT | READ_LIST)

#define VARIANTS_MAX	     26 /* they are called "a" to "z" */

static size_t
push_index(struct reader *r, int index)
{
	char text[16];

	snprintf(text, sizeof text, "%d", index);
	return reader_push(r, text);
}

/* Two that do not go together: the first of the names, and another, or none. */
static void
check_one_of(struct reader *r, json_t *value, const char *const *names)
{
	const char *first = NULL;

	for (; *names != NULL; names++) {
		if (!reader_has(value, *names))
			continue;
		if (first != NULL)
			reader_error(r, "a step has \"%s\" or \"%s\", not both",
			    first, *names);
		else
			first = *names;
	}
}

/* --------------------------------------------------- templates */

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

/* -------------------------------------------------- recipients */

/* Members are users, whoever the sequence is for. */
static void
read_members(struct reader *r, json_t *value, void *into)
{
	static const struct reader_key keys[] = {
	    {"members", TEXT_OR_OBJECT, condition_read, OF_RECIPIENT(members),
		true},
	    {0},
	};
	bool for_account = r->for_account;

	if (!for_account)
		reader_error_at(r, "members",
		    "members are an account's: the sequence needs \"for\": "
		    "\"account\"");
	r->for_account = false;
	reader_object(r, value, keys, into);
	r->for_account = for_account;
}

static void
check_recipient(struct reader *r, const char *name)
{
	const char *const *contacts = r->context->contacts;
	const char **known;
	int n = 0;

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
read_recipient(struct reader *r, json_t *value, void *into)
{
	struct recipient *recipient = into;

	if (json_is_object(value)) {
		read_members(r, value, recipient);
		return;
	}
	read_text(r, value, &recipient->name);
	if (recipient->name != NULL)
		check_recipient(r, recipient->name);
}

static void
read_recipients(struct reader *r, json_t *value, void *into)
{
	struct recipients *to = into;
	struct buf name = {0};

	to->list =
	    reader_list(r, value, sizeof *to->list, read_recipient, &to->n);
	for (int i = 0; i < to->n; i++) {
		if (to->list[i].members == NULL)
			continue;
		buf_addf(&name, "members:%d", i);
		to->list[i].name = xstrdup(buf_str(&name));
		buf_truncate(&name, 0);
	}
	buf_free(&name);
	if (to->n == 0)
		reader_error(r, "a recipient is expected");
}

static void
default_recipient(struct recipients *to, bool for_account)
{
	if (to->n > 0)
		return;
	free(to->list);
	to->list = xcalloc(1, sizeof *to->list);
	to->list[0].name = xstrdup(for_account ? "account.owner" : "user");
	to->n = 1;
}

/* ----------------------------------------------------- actions */

/*
 * What to send is an action's `send`, `choose` or `split`; where there are two
 * of them the step complains. A plain `send` is a choice without alternative.
 */
static void
read_send(struct reader *r, json_t *value, void *into)
{
	struct action *action = into;

	if (action->options != NULL)
		return;
	action->options = xcalloc(1, sizeof *action->options);
	action->n_options = 1;
	read_templates(r, value, &action->options[0].templates);
}

static void
read_choice(struct reader *r, json_t *value, void *into)
{
	static const struct reader_key keys[] = {
	    {"if", TEXT_OR_OBJECT, condition_read, OF_OPTION(condition), false},
	    {"send", TEXT_OR_LIST, read_templates, OF_OPTION(templates), true},
	    {0},
	};

	reader_object(r, value, keys, into);
}

static void
read_choose(struct reader *r, json_t *value, void *into)
{
	struct action *action = into;
	size_t last = json_array_size(value);

	if (action->options != NULL)
		return;
	action->options = reader_list(
	    r, value, sizeof *action->options, read_choice, &action->n_options);
	if (last == 0)
		reader_error(r, "a list of choices is expected");
	for (size_t i = 0; i + 1 < last; i++)
		if (!reader_has(json_array_get(value, i), "if"))
			reader_error(r,
			    "only the last choice can do without \"if\": those "
			    "after it would never be taken");
}

static void
read_variant(struct reader *r, json_t *value, void *into)
{
	static const struct reader_key keys[] = {
	    {"name", READ_TEXT, read_text, OF_OPTION(variant), false},
	    {"share", READ_COUNT, read_count, OF_OPTION(share), true},
	    {"send", TEXT_OR_LIST, read_templates, OF_OPTION(templates), true},
	    {0},
	};

	reader_object(r, value, keys, into);
}

/* Those without a name are "a", "b", "c" by their place in the list. */
static void
name_variants(struct reader *r, struct action *action)
{
	for (int i = 0; i < action->n_options && i < VARIANTS_MAX; i++) {
		struct option *option = &action->options[i];
		char letter[2] = {(char)('a' + i), '\0'};

		if (option->variant == NULL)
			option->variant = xstrdup(letter);
		for (int k = 0; k < i; k++)
			if (strcmp(option->variant,
				action->options[k].variant) == 0)
				reader_error(r,
				    "two variants are called \"%s\"",
				    option->variant);
	}
}

static void
read_split(struct reader *r, json_t *value, void *into)
{
	struct action *action = into;
	int64_t sum = 0;

	if (action->options != NULL)
		return;
	action->is_split = true;
	action->options = reader_list(r, value, sizeof *action->options,
	    read_variant, &action->n_options);
	name_variants(r, action);
	for (int i = 0; i < action->n_options; i++)
		sum += action->options[i].share;
	if (action->n_options < 2 || action->n_options > VARIANTS_MAX)
		reader_error(r, "2 to %d variants are expected", VARIANTS_MAX);
	else if (sum != 100)
		reader_error(
		    r, "the shares add up to %lld, not to 100", (long long)sum);
}

static void
read_holdout(struct reader *r, json_t *value, void *into)
{
	read_count(r, value, into);
	if (*(int *)into > 100)
		reader_error(r, "of 100 at most 100 can get nothing");
}

/* Rows of an action that is `at` bytes into what is read. */
#define ACTION_KEYS(at)                                            \
	{"send", TEXT_OR_LIST, read_send, (at), false},            \
	    {"choose", READ_LIST, read_choose, (at), false},       \
	    {"split", READ_LIST, read_split, (at), false},         \
	    {"holdout", READ_COUNT, read_holdout,                  \
		(at) + offsetof(struct action, holdout), false},   \
	    {"to", TEXT_OR_LIST | READ_OBJECT, read_recipients,    \
		(at) + offsetof(struct action, to), false},        \
	{                                                          \
		"stop", READ_TRUE, read_true,                      \
		    (at) + offsetof(struct action, is_stop), false \
	}

static bool
sends_something(json_t *value)
{
	return reader_has(value, "send") || reader_has(value, "choose") ||
	       reader_has(value, "split");
}

/* `what` is missing when it does nothing at all. */
static void
check_action(struct reader *r, json_t *value, const char *what)
{
	static const char *const names[] = {"send", "choose", "split", NULL};

	check_one_of(r, value, names);
	if (!sends_something(value) && !reader_has(value, "stop"))
		reader_error(r, "%s", what);
	if (!sends_something(value) && reader_has(value, "holdout"))
		reader_error_at(
		    r, "holdout", "there is nothing here that could be sent");
}

/* ------------------------------------------------------- waits */

/* `into` is the action. */
static void
read_else(struct reader *r, json_t *value, void *into)
{
	static const char *const names[] = {"continue", "stop", NULL};
	static const struct reader_key keys[] = {ACTION_KEYS(0), {0}};
	const char *name = json_string_value(value);
	struct action *action = into;

	if (json_is_object(value)) {
		reader_object(r, value, keys, action);
		check_action(r, value,
		    "\"else\" needs \"send\", \"choose\", \"split\" or "
		    "\"stop\"");
	} else if (!name_is_among(name, names)) {
		reader_unknown(r, "way to go on", name, names);
	} else {
		action->is_stop = strcmp(name, "stop") == 0;
	}
}

/* `into` is the step. */
static void
read_wait(struct reader *r, json_t *value, void *into)
{
	static const struct reader_key keys[] = {
	    {"for", READ_TEXT, read_text, OF_STEP(wait.on), true},
	    {"if", TEXT_OR_OBJECT, condition_read, OF_STEP(wait.condition),
		false},
	    {"until", READ_TEXT, read_period, OF_STEP(wait.period_ms), true},
	    {"else", TEXT_OR_OBJECT, read_else, OF_STEP(action), false},
	    {0},
	};

	reader_object(r, value, keys, into);
}

/* It begins when the step before is decided, and acts only by its `else`. */
static void
check_wait(struct reader *r, json_t *value)
{
	static const char *const others[] = {"day", "after", "at", "offset",
	    "send", "choose", "split", "holdout", "to", "stop", NULL};

	for (int i = 0; others[i] != NULL; i++)
		if (reader_has(value, others[i]))
			reader_error_at(r, others[i],
			    "beside \"wait\" there can be \"id\", \"if\" and "
			    "\"window\"; what is to be done stands in its "
			    "\"else\"");
}

/* ------------------------------------------------------- steps */

static void
check_date_path(void *arg, const struct liquid_path *path)
{
	struct reader *r = arg;

	reader_check_path(r, path->text);
	reader_check_name(r, path);
	if (!r->for_account && strncmp(path->text, "account.metric", 14) == 0)
		reader_error(r,
		    "a user's step cannot wait for a metric of the account: a "
		    "trait of it is expected (\"account.NAME\"), or what is "
		    "the user's own");
}

/* `into` is the step. */
static void
read_at(struct reader *r, json_t *value, void *into)
{
	struct step *step = into;
	struct error e;

	read_text(r, value, &step->at_text);
	if (step->at_text == NULL)
		return;
	step->at = liquid_value_compile(step->at_text, &e);
	if (step->at == NULL)
		reader_error(r, "the date cannot be read: %s", e.text);
	else
		liquid_value_paths(step->at, check_date_path, r);
}

static const struct reader_key step_keys[] = {
    {"id", READ_TEXT, read_text, OF_STEP(id), true},
    {"day", READ_COUNT, read_count, OF_STEP(day), false},
    {"after", READ_TEXT, read_duration, OF_STEP(after_ms), false},
    {"at", READ_TEXT, read_at, 0, false},
    {"offset", READ_TEXT, read_offset, OF_STEP(after_ms), false},
    {"if", TEXT_OR_OBJECT, condition_read, OF_STEP(condition), false},
    {"wait", READ_OBJECT, read_wait, 0, false},
    {"window", TEXT_OR_OBJECT, read_hours, OF_STEP(hours), false},
    ACTION_KEYS(OF_STEP(action)),
    {0},
};

static enum step_when
when_of(json_t *value)
{
	return reader_has(value, "wait")  ? STEP_WAIT
	       : reader_has(value, "day") ? STEP_DAY
	       : reader_has(value, "at")  ? STEP_AT
					  : STEP_AFTER;
}

static void
read_step(struct reader *r, json_t *value, void *into)
{
	static const char *const whens[] = {"day", "after", "at", NULL};
	struct step *step = into;

	reader_object(r, value, step_keys, step);
	if (!json_is_object(value))
		return;
	step->when = when_of(value);
	default_recipient(&step->action.to, r->for_account);
	if (step->when == STEP_WAIT) {
		check_wait(r, value);
		return;
	}
	check_one_of(r, value, whens);
	if (reader_has(value, "offset") && step->when != STEP_AT)
		reader_error_at(r, "offset", "an offset is one from \"at\"");
	check_action(r, value,
	    "a step needs \"send\", \"choose\", \"split\", \"wait\" or "
	    "\"stop\"");
}

/* The same id twice, and nobody knows which step somebody waits for. */
static void
check_id(struct reader *r, const struct step *step, const struct step *earlier)
{
	size_t mark = reader_push(r, "id");

	if (step->id != NULL && earlier->id != NULL &&
	    strcmp(step->id, earlier->id) == 0)
		reader_error(r, "\"%s\" is the id of two steps", step->id);
	reader_pop(r, mark);
}

static void
check_when(struct reader *r, json_t *step)
{
	if (json_is_object(step) && !reader_has(step, "day") &&
	    !reader_has(step, "after") && !reader_has(step, "at") &&
	    !reader_has(step, "wait"))
		reader_error(r,
		    "a step after the first needs \"day\", \"after\", \"at\" "
		    "or \"wait\"");
}

void
read_steps(struct reader *r, json_t *value, void *into)
{
	struct sequence *q = into;

	if (json_array_size(value) == 0)
		reader_error(r, "a sequence needs at least one step");
	q->steps =
	    reader_list(r, value, sizeof *q->steps, read_step, &q->n_steps);
	for (int i = 1; i < q->n_steps; i++) {
		size_t mark = push_index(r, i);

		check_when(r, json_array_get(value, (size_t)i));
		for (int k = 0; k < i; k++)
			check_id(r, &q->steps[i], &q->steps[k]);
		reader_pop(r, mark);
	}
}

/* -------------------------------------------------------- free */

static void
option_free(struct option *option)
{
	condition_free(option->condition);
	for (int i = 0; i < option->templates.n; i++)
		free(option->templates.list[i]);
	free(option->templates.list);
	free(option->variant);
}

static void
action_free(struct action *action)
{
	for (int i = 0; i < action->n_options; i++)
		option_free(&action->options[i]);
	for (int i = 0; i < action->to.n; i++) {
		free(action->to.list[i].name);
		condition_free(action->to.list[i].members);
	}
	free(action->options);
	free(action->to.list);
}

void
steps_free(struct sequence *q)
{
	for (int i = 0; i < q->n_steps; i++) {
		struct step *step = &q->steps[i];

		action_free(&step->action);
		condition_free(step->condition);
		condition_free(step->wait.condition);
		liquid_value_free(step->at);
		free(step->wait.on);
		free(step->at_text);
		free(step->id);
	}
	free(q->steps);
}
