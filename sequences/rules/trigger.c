/* SPDX-License-Identifier: MIT */
/*
 * trigger - reading what makes a sequence begin, end, pause or reach its goal.
 * A new way in is a row of enter_kinds and a table of its keys.
 */
#include <stdlib.h>
#include <string.h>

#include "sequences/rules/sequence.h"
#include "templates/mem.h"

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

/* ---------------------------------------------- ways in that watch */

/* One of the subject that the sequence is for. */
static void
check_metric(struct reader *r, const char *name)
{
	const char *const *known =
	    metrics_names_for(r->all_metrics, r->for_account);

	if (!name_is_among(name, metrics_names(r->all_metrics)))
		reader_unknown(r, "metric", name, known);
	else if (!name_is_among(name, known))
		reader_unknown(r,
		    r->for_account ? "metric of an account"
				   : "metric of a user",
		    name, known);
	else if (metrics_read_now(r->all_metrics, name))
		reader_warn(r, "reads-now",
		    "\"%s\" reads the time, and changes with it unseen: it "
		    "is looked at when something happens",
		    name);
}

/* `into` is a char **. */
static void
read_metric(struct reader *r, json_t *value, void *into)
{
	read_text(r, value, into);
	check_metric(r, json_string_value(value));
}

static void
read_baseline(struct reader *r, json_t *value, void *into)
{
	static const char *const names[] = {"fire", "skip", NULL};
	const char *name = json_string_value(value);

	if (!name_is_among(name, names))
		reader_unknown(r, "baseline", name, names);
	*(bool *)into = strcmp(name, "fire") == 0;
}

static const struct reader_key threshold_keys[] = {
    {"metric", READ_TEXT, read_metric, OF_TRIGGER(metric), true},
    {"below", READ_NUMBER, read_number, OF_TRIGGER(level), false},
    {"above", READ_NUMBER, read_number, OF_TRIGGER(level), false},
    {"rearm", READ_NUMBER, read_number, OF_TRIGGER(rearm), false},
    {"dwell", READ_TEXT, read_period, OF_TRIGGER(period_ms), false},
    {"cooldown", READ_TEXT, read_period, OF_TRIGGER(cooldown_ms), false},
    {"baseline", READ_TEXT, read_baseline, OF_TRIGGER(fires_at_once), false},
    {"if", TEXT_OR_OBJECT, condition_read, OF_TRIGGER(condition), false},
    {"reenter", TEXT_OR_OBJECT, read_reenter, 0, false},
    {0},
};

static void
check_threshold(struct reader *r, json_t *value, void *into)
{
	struct trigger *t = into;

	t->is_above = reader_has(value, "above");
	if (t->is_above == reader_has(value, "below"))
		reader_error(r, t->is_above
				    ? "\"below\" or \"above\", not both"
				    : "\"below\", \"above\" or \"stagnant\" is "
				      "missing");
	if (!reader_has(value, "rearm"))
		t->rearm = t->level;
	if (t->is_above ? t->rearm > t->level : t->rearm < t->level)
		reader_error_at(r, "rearm",
		    t->is_above ? "it is rearmed when it has fallen to this: "
				  "no more than \"above\" is expected"
				: "it is rearmed when it has risen to this: no "
				  "less than \"below\" is expected");
	if (!reader_has(value, "rearm") && t->period_ms == 0 &&
	    t->cooldown_ms == 0)
		reader_warn(r, "jittery-threshold",
		    "a value that jitters around %.12g fires again and again: "
		    "add \"rearm\", \"dwell\" or \"cooldown\"",
		    t->level);
}

static void
read_gain(struct reader *r, json_t *value, void *into)
{
	if (json_number_value(value) <= 0)
		reader_error(r, "more than 0 is expected");
	read_number(r, value, into);
}

static const struct reader_key stagnant_keys[] = {
    {"metric", READ_TEXT, read_metric, OF_TRIGGER(metric), true},
    {"stagnant", READ_TEXT, read_period, OF_TRIGGER(period_ms), true},
    {"gain", READ_NUMBER, read_gain, OF_TRIGGER(level), false},
    {"if", TEXT_OR_OBJECT, condition_read, OF_TRIGGER(condition), false},
    {"reenter", TEXT_OR_OBJECT, read_reenter, 0, false},
    {0},
};

static const struct reader_key missing_keys[] = {
    {"missing", READ_TEXT, read_text, OF_TRIGGER(on), true},
    {"after", READ_TEXT, read_text, OF_TRIGGER(after), true},
    {"within", READ_TEXT, read_period, OF_TRIGGER(period_ms), true},
    {"if", TEXT_OR_OBJECT, condition_read, OF_TRIGGER(condition), false},
    {"reenter", TEXT_OR_OBJECT, read_reenter, 0, false},
    {0},
};

static const struct reader_key idle_keys[] = {
    {"idle", READ_TEXT, read_period, OF_TRIGGER(period_ms), true},
    {"since", READ_TEXT, read_metric, OF_TRIGGER(metric), false},
    {"of", READ_TEXT, read_text, OF_TRIGGER(on), true},
    {"if", TEXT_OR_OBJECT, condition_read, OF_TRIGGER(condition), false},
    {"reenter", TEXT_OR_OBJECT, read_reenter, 0, false},
    {0},
};

struct date_reading {
	struct reader *reader;
	const char *text;
	bool is_path; /* and nothing else */
};

static void
take_path(void *arg, const struct liquid_path *path)
{
	struct date_reading *d = arg;

	d->is_path = strcmp(d->text, path->text) == 0;
	reader_check_name(d->reader, path);
}

/* A trait of the subject's own; `into` is the trigger. */
static bool
read_date_trait(struct reader *r, struct trigger *t)
{
	const char *own = r->for_account ? "account." : "user.";
	struct date_reading d = {r, t->date_text, false};
	struct error e;

	if (strncmp(d.text, own, strlen(own)) != 0 ||
	    strncmp(d.text, "account.metric.", 15) == 0)
		return false;
	t->date = liquid_value_compile(d.text, &e);
	if (t->date != NULL)
		liquid_value_paths(t->date, take_path, &d);
	return d.is_path;
}

/* `into` is the trigger. */
static void
read_date(struct reader *r, json_t *value, void *into)
{
	struct trigger *t = into;

	read_text(r, value, &t->date_text);
	if (t->date_text == NULL)
		return;
	if (strncmp(t->date_text, "metric.", 7) == 0) {
		t->metric = xstrdup(t->date_text + 7);
		check_metric(r, t->metric);
	} else if (!read_date_trait(r, t)) {
		reader_error(r,
		    "a date of the %s's own is expected: \"%s.NAME\" or "
		    "\"metric.NAME\"",
		    r->for_account ? "account" : "user",
		    r->for_account ? "account" : "user");
	}
}

static const struct reader_key date_keys[] = {
    {"date", READ_TEXT, read_date, 0, true},
    {"offset", READ_TEXT, read_offset, OF_TRIGGER(period_ms), false},
    {"if", TEXT_OR_OBJECT, condition_read, OF_TRIGGER(condition), false},
    {"reenter", TEXT_OR_OBJECT, read_reenter, 0, false},
    {0},
};

/* No event is there when something does not come. */
static void
check_condition(struct reader *r, json_t *value, void *into)
{
	size_t mark = reader_push(r, "if");

	if (condition_mentions(((struct trigger *)into)->condition, "event"))
		reader_warn(r, "no-event",
		    "it is time that starts this, not an event: event.* is not "
		    "set");
	reader_pop(r, mark);
}

/* ----------------------------------------------------- ways in */

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

/* Known by the first key of these that is there. */
static const struct enter_kind {
	const char *key;
	enum trigger_kind kind;
	enum reenter reenter; /* unless it says so */
	const struct reader_key *keys;
	reader_fn *check; /* what they must be to one another, or NULL */
} enter_kinds[] = {
    {"on", TRIGGER_EVENT, REENTER_NEVER, event_keys, NULL},
    {"manual", TRIGGER_MANUAL, REENTER_NEVER, manual_keys, NULL},
    {"stagnant", TRIGGER_STAGNANT, REENTER_AFTER_EXIT, stagnant_keys, NULL},
    {"metric", TRIGGER_THRESHOLD, REENTER_AFTER_EXIT, threshold_keys,
	check_threshold},
    {"missing", TRIGGER_MISSING, REENTER_NEVER, missing_keys, check_condition},
    {"idle", TRIGGER_IDLE, REENTER_AFTER_EXIT, idle_keys, check_condition},
    {"date", TRIGGER_DATE, REENTER_AFTER_EXIT, date_keys, check_condition},
    /* "on" is what nearly everybody means who names none */
    {NULL, TRIGGER_EVENT, REENTER_NEVER, event_keys, NULL},
};

/*
 * What a record in a subject depends on: who gets in, and how often, may change
 * without it.
 */
static char *
text_of(json_t *value)
{
	static const char *const beside[] = {
	    "baseline", "cooldown", "if", "reenter"};
	json_t *rest = json_copy(value);
	char *text;

	for (size_t i = 0; i < sizeof beside / sizeof *beside; i++)
		json_object_del(rest, beside[i]);
	text = json_dumps(rest, JSON_SORT_KEYS | JSON_COMPACT);
	json_decref(rest);
	return text;
}

static void
read_enter(struct reader *r, json_t *value, void *into)
{
	struct trigger *t = into;
	const struct enter_kind *k = enter_kinds;

	while (k->key != NULL && !reader_has(value, k->key))
		k++;
	t->kind = k->kind;
	t->reenter = k->reenter;
	reader_object(r, value, k->keys, t);
	if (k->check != NULL)
		k->check(r, value, t);
	if (t->kind >= TRIGGER_THRESHOLD)
		t->text = text_of(value);
}

/* Two that differ in their conditions only have a record each. */
static void
tell_apart(struct triggers *t)
{
	for (int i = 0; i < t->n; i++)
		for (int k = 0; k < i && t->list[i].text != NULL; k++) {
			struct trigger *one = &t->list[i];
			struct buf text = {0};

			if (t->list[k].text == NULL ||
			    strcmp(one->text, t->list[k].text) != 0)
				continue;
			buf_addf(&text, "%s again", one->text);
			free(one->text);
			one->text = buf_steal(&text);
		}
}

void
read_enters(struct reader *r, json_t *value, void *into)
{
	struct triggers *t = into;

	t->list = reader_list(r, value, sizeof *t->list, read_enter, &t->n);
	if (t->n == 0)
		reader_error(r, "a way in is expected");
	tell_apart(t);
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
		struct trigger *one = &t->list[i];

		free(one->on);
		condition_free(one->condition);
		free(one->text);
		free(one->metric);
		free(one->after);
		liquid_value_free(one->date);
		free(one->date_text);
	}
	free(t->list);
}
