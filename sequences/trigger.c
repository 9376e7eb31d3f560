/* SPDX-License-Identifier: MIT */
/*
 * trigger - reading what makes a sequence begin, end, pause or reach its goal.
 * A new way in is a row of enter_kinds and a table of its keys.
 */
#include <stdlib.h>
#include <string.h>

#include "sequences/sequence.h"

#define OF_TRIGGER(member) offsetof(struct trigger, member)

#define TEXT_OR_OBJECT	   (READ_TEXT | READ_OBJECT)

static void
read_reenter_object(struct reader *r, json_t *value, struct trigger *t)
{
	static const struct reader_key keys[] = {
	    {"after", READ_TEXT, read_duration, OF_TRIGGER(reenter_after_ms),
		true},
	    {0},
	};

	t->reenter = REENTER_AFTER;
	reader_object(r, value, keys, t);
}

/* `into` is the trigger. */
static void
read_reenter(struct reader *r, json_t *value, void *into)
{
	static const char *const names[] = {"never", "after-exit", NULL};
	const char *name = json_string_value(value);
	struct trigger *t = into;

	if (json_is_object(value))
		read_reenter_object(r, value, t);
	else if (name_is_among(name, names))
		t->reenter =
		    name[0] == 'n' ? REENTER_NEVER : REENTER_AFTER_EXIT;
	else
		reader_unknown(r, "kind of reentry", name, names);
}

static const struct reader_key event_keys[] = {
    {"on", READ_TEXT, read_text, OF_TRIGGER(on), true},
    {"if", TEXT_OR_OBJECT, condition_read, OF_TRIGGER(condition), false},
    {"reenter", TEXT_OR_OBJECT, read_reenter, 0, false},
    {0},
};

static const struct reader_key manual_keys[] = {
    {"manual", READ_TRUE, read_nothing, 0, true},
    {0},
};

/* Ways in, known by the key that makes them what they are. */
static const struct enter_kind {
	const char *key;
	enum trigger_kind kind;
	const struct reader_key *keys; /* NULL: not in this version */
} enter_kinds[] = {
    {"on", TRIGGER_EVENT, event_keys},
    {"manual", TRIGGER_MANUAL, manual_keys},
    {"metric", 0, NULL},
    {"missing", 0, NULL},
    {"idle", 0, NULL},
    {"date", 0, NULL},
    {0},
};

static void
read_enter(struct reader *r, json_t *value, void *into)
{
	struct trigger *t = into;
	const struct enter_kind *k = enter_kinds;
	size_t mark;

	while (k->key != NULL && !reader_has(value, k->key))
		k++;
	if (k->key == NULL) { /* "on" is what nearly everybody means */
		reader_object(r, value, event_keys, t);
	} else if (k->keys == NULL) {
		mark = reader_push(r, k->key);
		reader_error(
		    r, "\"%s\" is not available in this version", k->key);
		reader_pop(r, mark);
	} else {
		t->kind = k->kind;
		reader_object(r, value, k->keys, t);
	}
}

void
read_enters(struct reader *r, json_t *value, void *into)
{
	struct triggers *t = into;

	t->list = reader_list(r, value, sizeof *t->list, read_enter, &t->n);
	if (t->n == 0)
		reader_error(r, "a way in is expected");
}

static void
read_exit(struct reader *r, json_t *value, void *into)
{
	static const struct reader_key keys[] = {
	    {"on", READ_TEXT, read_text, OF_TRIGGER(on), false},
	    {"if", TEXT_OR_OBJECT, condition_read, OF_TRIGGER(condition),
		false},
	    {0},
	};
	struct trigger *t = into;

	t->kind = reader_has(value, "on") ? TRIGGER_EVENT : TRIGGER_CONDITION;
	reader_object(r, value, keys, t);
	if (!reader_has(value, "on") && !reader_has(value, "if"))
		reader_error(r, "an exit needs \"on\" or \"if\"");
}

void
read_exits(struct reader *r, json_t *value, void *into)
{
	struct triggers *t = into;

	t->list = reader_list(r, value, sizeof *t->list, read_exit, &t->n);
}

static void
read_pause(struct reader *r, json_t *value, void *into)
{
	static const struct reader_key keys[] = {
	    {"on", READ_TEXT, read_text, OF_TRIGGER(on), true},
	    {"if", TEXT_OR_OBJECT, condition_read, OF_TRIGGER(condition),
		false},
	    {"for", READ_TEXT, read_duration, OF_TRIGGER(period_ms), true},
	    {0},
	};

	reader_object(r, value, keys, into);
}

void
read_pauses(struct reader *r, json_t *value, void *into)
{
	struct triggers *t = into;

	t->list = reader_list(r, value, sizeof *t->list, read_pause, &t->n);
}

static void
read_goal(struct reader *r, json_t *value, void *into)
{
	static const struct reader_key keys[] = {
	    {"on", READ_TEXT, read_text, OF_TRIGGER(on), true},
	    {"if", TEXT_OR_OBJECT, condition_read, OF_TRIGGER(condition),
		false},
	    {"within", READ_TEXT, read_duration, OF_TRIGGER(period_ms), false},
	    {0},
	};

	reader_object(r, value, keys, into);
}

void
read_goals(struct reader *r, json_t *value, void *into)
{
	struct triggers *t = into;

	t->list = reader_list(r, value, sizeof *t->list, read_goal, &t->n);
}

void
triggers_free(struct triggers *t)
{
	for (int i = 0; i < t->n; i++) {
		free(t->list[i].on);
		condition_free(t->list[i].condition);
	}
	free(t->list);
}
