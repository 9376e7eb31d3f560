/* SPDX-License-Identifier: MIT */
/*
 * scope - what conditions and templates see. Nothing is built before it is
 * asked for: most conditions read one trait.
 */
#include <string.h>

#include "sequences/engine.h"
#include "sequences/look.h"
#include "templates/time/date.h"
#include "templates/time/zone.h"

enum made { MADE_ACCOUNT, MADE_METRIC, MADE_ENTRY, MADE_NOW };

static const struct zone *
zone_of(const struct subject *s)
{
	const char *name =
	    s != NULL
		? json_string_value(json_object_get(s->traits, "timezone"))
		: NULL;

	return name != NULL ? zone_find(name) : NULL;
}

const struct zone *
engine_zone(const struct rules *rules, const struct subject *s,
    const struct subject *account)
{
	const struct zone *zone = zone_of(s);

	if (zone == NULL)
		zone = zone_of(account);
	return zone != NULL ? zone : rules->zone;
}

static const struct zone *
scope_zone(struct engine_scope *scope)
{
	if (scope->zone == NULL)
		scope->zone =
		    engine_zone(scope->rules, scope->subject, scope->account);
	return scope->zone;
}

/* An account's sequences have the account itself as `account`. */
static const struct subject *
scope_account(const struct engine_scope *scope)
{
	return scope->subject->kind == SUBJECT_ACCOUNT ? scope->subject
						       : scope->account;
}

static json_t *
time_text(struct engine_scope *scope, int64_t ms)
{
	char text[40];

	return json_string(
	    date_rfc3339_in(ms, scope_zone(scope), text, sizeof text));
}

/* Adds what is not there yet. Its metrics see the account with its own. */
static void
add_metrics(
    struct engine_scope *scope, const char *const *names, json_t *values)
{
	bool is_lean = scope->is_lean;
	struct liquid_scope liquid = {.lookup = engine_scope_lookup,
	    .arg = scope,
	    .now_ms = scope->now_ms,
	    .zone = scope_zone(scope),
	    .undefined_is_nil = true};

	scope->is_lean = scope->subject->kind == SUBJECT_ACCOUNT;
	metrics_add_values(
	    scope->rules->metrics, scope->subject, &liquid, names, values);
	scope->is_lean = is_lean;
}

static json_t *
look_up_metrics(struct engine_scope *scope, const char *const *names)
{
	if (scope->made[MADE_METRIC] == NULL)
		scope->made[MADE_METRIC] = json_object();
	add_metrics(scope, names, scope->made[MADE_METRIC]);
	return scope->made[MADE_METRIC];
}

/* Conditions ask for the same names again and again. */
static json_t *
look_up_metric(struct engine_scope *scope)
{
	if (scope->metrics != NULL && scope->metrics == scope->made_for)
		return scope->made[MADE_METRIC];
	scope->made_for = scope->metrics;
	return look_up_metrics(scope, scope->metrics);
}

json_t *
engine_scope_metric(struct engine_scope *scope, const char *name)
{
	const char *const names[] = {name, NULL};

	return json_object_get(look_up_metrics(scope, names), name);
}

static json_t *
make_account(struct engine_scope *scope)
{
	const struct subject *account = scope_account(scope);
	struct engine_scope own = {
	    .rules = scope->rules, .subject = account, .now_ms = scope->now_ms};
	json_t *all = json_copy(account->traits);

	json_object_set(all, "metric", look_up_metric(&own));
	engine_scope_free(&own);
	return all;
}

static int64_t
local_day(const struct zone *zone, int64_t ms)
{
	struct civil c = zone_civil(zone, ms / 1000);

	return civil_days(c.year, c.month, c.day);
}

int
engine_scope_day(struct engine_scope *scope)
{
	const struct zone *zone = scope_zone(scope);

	return (int)(local_day(zone, scope->now_ms) -
		     local_day(zone, scope->place->entered_ms));
}

static json_t *
make_entry(struct engine_scope *scope)
{
	if (scope->place == NULL)
		return NULL;
	return json_pack("{s:o, s:i}", "entered_at",
	    time_text(scope, scope->place->entered_ms), "day",
	    engine_scope_day(scope));
}

static json_t *
look_up_account(struct engine_scope *scope)
{
	if (scope_account(scope) == NULL)
		return NULL;
	if (scope->is_lean)
		return scope_account(scope)->traits;
	if (scope->made[MADE_ACCOUNT] == NULL)
		scope->made[MADE_ACCOUNT] = make_account(scope);
	return scope->made[MADE_ACCOUNT];
}

static json_t *
look_up_entry(struct engine_scope *scope)
{
	if (scope->entry != NULL)
		return scope->entry;
	if (scope->made[MADE_ENTRY] == NULL)
		scope->made[MADE_ENTRY] = make_entry(scope);
	return scope->made[MADE_ENTRY];
}

static json_t *
look_up_event(struct engine_scope *scope)
{
	if (scope->event == NULL && scope->place != NULL)
		return scope->place->event;
	return scope->event;
}

static json_t *
look_up_now(struct engine_scope *scope)
{
	if (scope->made[MADE_NOW] == NULL)
		scope->made[MADE_NOW] = time_text(scope, scope->now_ms);
	return scope->made[MADE_NOW];
}

static json_t *
look_up_user(struct engine_scope *scope)
{
	return scope->subject->kind == SUBJECT_USER ? scope->subject->traits
						    : NULL;
}

json_t *
engine_scope_lookup(void *arg, const char *name)
{
	static const struct {
		const char *name;
		json_t *(*look_up)(struct engine_scope *);
	} roots[] = {
	    {"user", look_up_user},
	    {"metric", look_up_metric},
	    {"account", look_up_account},
	    {"event", look_up_event},
	    {"entry", look_up_entry},
	    {"now", look_up_now},
	};

	for (size_t i = 0; i < sizeof roots / sizeof *roots; i++)
		if (strcmp(roots[i].name, name) == 0)
			return roots[i].look_up(arg);
	return NULL;
}

void
engine_scope_look_at(
    struct engine_scope *scope, json_t *event, const struct place *place)
{
	scope->event = event;
	scope->place = place;
	json_decref(scope->made[MADE_ENTRY]);
	scope->made[MADE_ENTRY] = NULL;
}

void
engine_scope_free(struct engine_scope *scope)
{
	for (size_t i = 0; i < sizeof scope->made / sizeof *scope->made; i++) {
		json_decref(scope->made[i]);
		scope->made[i] = NULL;
	}
	scope->made_for = NULL;
}
