/* SPDX-License-Identifier: MIT */
/*
 * sequence - the language of sequences/NAME.json as tables; trigger.c and
 * step_read.c have those of its ways in and its steps.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sequences/rules/lint.h"
#include "sequences/rules/sequence.h"
#include "templates/mem.h"
#include "templates/templates.h"

#define GRACE_MS	    ((int64_t)24 * 60 * 60 * 1000)

#define OF_HOURS(member)    offsetof(struct hours, member)
#define OF_SEQUENCE(member) offsetof(struct sequence, member)

#define TEXT_OR_OBJECT	    (READ_TEXT | READ_OBJECT)
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

void
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

/* ---------------------------------------------------- sequence */

static void
read_topic(struct reader *r, json_t *value, void *into)
{
	if (json_string_length(value) > TOPIC_MAX)
		reader_error(r, "a topic has %d bytes at most", TOPIC_MAX);
	read_text(r, value, into);
}

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

	if (!name_is_among(name, names))
		reader_unknown(r, "way to take edits", name, names);
	*(bool *)into = strcmp(name, "pin") == 0;
}

static const struct reader_key sequence_keys[] = {
    {"$schema", READ_TEXT, read_nothing, 0, false},
    {"description", READ_TEXT, read_text, OF_SEQUENCE(description), false},
    {"for", READ_TEXT, read_for, OF_SEQUENCE(for_account), false},
    {"topic", READ_TEXT, read_topic, OF_SEQUENCE(topic), false},
    {"enter", OBJECT_OR_LIST, read_enters, OF_SEQUENCE(enter), true},
    {"exit", OBJECT_OR_LIST, read_exits, OF_SEQUENCE(exit), false},
    {"pause", OBJECT_OR_LIST, read_pauses, OF_SEQUENCE(pause), false},
    {"goal", READ_OBJECT, read_goals, OF_SEQUENCE(goal), false},
    {"window", TEXT_OR_OBJECT, read_hours, OF_SEQUENCE(hours), false},
    {"late", READ_OBJECT, read_late, 0, false},
    {"edits", READ_TEXT, read_edits, OF_SEQUENCE(is_pinned), false},
    {"steps", READ_LIST, read_steps, 0, true},
    {0},
};

void
sequence_read(struct sequence *q, const char *name, struct reader *r)
{
	const char *kind =
	    json_string_value(json_object_get(r->doc->root, "for"));

	*q = (struct sequence){.name = xstrdup(name), .grace_ms = GRACE_MS};
	r->for_account = kind != NULL && strcmp(kind, "account") == 0;
	reader_object(r, r->doc->root, sequence_keys, q);
	q->text = json_dumps(r->doc->root, JSON_SORT_KEYS | JSON_COMPACT);
	lint_sequence(q, r);
}

void
sequence_free(struct sequence *q)
{
	steps_free(q);
	triggers_free(&q->enter);
	triggers_free(&q->exit);
	triggers_free(&q->pause);
	triggers_free(&q->goal);
	free(q->name);
	free(q->description);
	free(q->topic);
	free(q->text);
}

const struct hours *
step_hours(const struct sequence *q, const struct step *step)
{
	const struct hours *hours =
	    step->hours.kind == HOURS_INHERITED ? &q->hours : &step->hours;

	return hours->kind == HOURS_WINDOW ? hours : NULL;
}
