/* SPDX-License-Identifier: MIT */
/*
 * subject_text - loading and saving. The state is one JSON text:
 *
 *	{"places": [{"sequence": "onboarding", "entry": 1, "entered": MS,
 *	    "step": "day-7", "due": MS, "previous": MS, "paused_until": MS,
 *	    "goal": MS, "done": true, "decided": ["welcome", "day-3"],
 *	    "event": {"plan": "free"}}],
 *	 "past": [{"sequence": "trial", "entries": 2, "entered": MS,
 *	    "exited": MS, "finished": true}],
 *	 "candidates": [{"sequence": "trial", "on": "Signed Up", "at": MS,
 *	    "noted": MS, "reasons": N, "event": {}}],
 *	 "watches": [{"number": 3, "state": 1, "value": 62.0, "at": MS,
 *	    "due": MS}],
 *	 "known": 7,
 *	 "joined": 7,
 *	 "traits_at": MS,
 *	 "metrics": {"tasks": ...}}
 *
 * MS is ms since the epoch. What is empty, zero or false is left out, and
 * nothing else: a save of what was loaded gives the same text. A member that is
 * not known was written by a newer program and must not be dropped: an error.
 *
 * A subject is loaded on each event and wake-up, so no JSON values are made on
 * the way: a walk over the text fills the records, and what a metric keeps
 * stays text until somebody asks for it.
 */
#include <stdlib.h>
#include <string.h>

#include "sequences/subject.h"
#include "templates/json_text.h"
#include "templates/mem.h"
#include "templates/utf8.h"

enum field_type {
	FIELD_TEXT,
	FIELD_INT,
	FIELD_MS,
	FIELD_REAL,
	FIELD_BOOL,
	FIELD_JSON
};

struct field {
	const char *name;
	enum field_type type;
	json_type json; /* of FIELD_JSON */
	size_t offset;
};

#define PLACE(name, type, member)                                             \
	{                                                                     \
		name, FIELD_##type, JSON_NULL, offsetof(struct place, member) \
	}
#define PAST(name, type, member)                                             \
	{                                                                    \
		name, FIELD_##type, JSON_NULL, offsetof(struct past, member) \
	}
#define CANDIDATE(name, type, member)                  \
	{                                              \
		name, FIELD_##type, JSON_NULL,         \
		    offsetof(struct candidate, member) \
	}

#define WATCH(name, type, member)                                             \
	{                                                                     \
		name, FIELD_##type, JSON_NULL, offsetof(struct watch, member) \
	}

static const struct field place_fields[] = {
    PLACE("sequence", TEXT, sequence),
    PLACE("entry", INT, entry),
    PLACE("version", INT, version),
    PLACE("entered", MS, entered_ms),
    PLACE("step", TEXT, step),
    PLACE("due", MS, due_ms),
    PLACE("previous", MS, previous_ms),
    PLACE("paused_until", MS, paused_until_ms),
    PLACE("goal", MS, goal_ms),
    PLACE("done", BOOL, is_done),
    {"decided", FIELD_JSON, JSON_ARRAY, offsetof(struct place, decided)},
    {"event", FIELD_JSON, JSON_OBJECT, offsetof(struct place, event)},
    {0},
};

static const struct field past_fields[] = {
    PAST("sequence", TEXT, sequence),
    PAST("entries", INT, entries),
    PAST("entered", MS, entered_ms),
    PAST("exited", MS, exited_ms),
    PAST("finished", BOOL, is_finished),
    {0},
};

static const struct field candidate_fields[] = {
    CANDIDATE("sequence", TEXT, sequence),
    CANDIDATE("on", TEXT, on),
    CANDIDATE("at", MS, at_ms),
    CANDIDATE("noted", MS, noted_ms),
    CANDIDATE("reasons", INT, noted),
    {"event", FIELD_JSON, JSON_OBJECT, offsetof(struct candidate, event)},
    {0},
};

static const struct field watch_fields[] = {
    WATCH("number", INT, number),
    WATCH("state", INT, state),
    WATCH("value", REAL, value),
    WATCH("at", MS, at_ms),
    WATCH("due", MS, due_ms),
    {0},
};

static bool
is_quoted(struct json_span value)
{
	return value.text[0] == '"';
}

static char *
text_of(struct json_span value)
{
	char *text;
	json_t *string;

	if (memchr(value.text, '\\', value.len) == NULL)
		return xstrndup(value.text + 1, value.len - 2);
	string = json_text_read(value.text, value.len);
	text = xstrdup(string != NULL ? json_string_value(string) : "");
	json_decref(string);
	return text;
}

/* The whole of it must be a number; the text goes on behind it. */
static bool
read_integer(struct json_span value, int64_t *out)
{
	char *end;

	*out = strtoll(value.text, &end, 10);
	return value.len > 0 && end == value.text + value.len;
}

static bool
read_real(struct json_span value, double *out)
{
	char *end;

	*out = strtod(value.text, &end);
	return value.len > 0 && end == value.text + value.len;
}

static bool
span_is(struct json_span value, const char *text)
{
	return strlen(text) == value.len &&
	       memcmp(text, value.text, value.len) == 0;
}

/* Returns false when the value is of another type than the field. */
static bool
field_load(const struct field *f, struct json_span value, void *record)
{
	void *at = (char *)record + f->offset;
	int64_t number;
	json_t *json;

	switch (f->type) {
	case FIELD_TEXT:
		if (is_quoted(value))
			*(char **)at = text_of(value);
		return is_quoted(value);
	case FIELD_INT:
		if (!read_integer(value, &number))
			return false;
		*(int *)at = (int)number;
		return true;
	case FIELD_MS:
		return read_integer(value, at);
	case FIELD_REAL:
		return read_real(value, at);
	case FIELD_BOOL:
		*(bool *)at = span_is(value, "true");
		return *(bool *)at || span_is(value, "false");
	case FIELD_JSON:
		json = json_text_read(value.text, value.len);
		if (json != NULL && json_typeof(json) == f->json) {
			*(json_t **)at = json;
			return true;
		}
		json_decref(json);
		return false;
	}
	return false;
}

static bool
field_is_empty(const struct field *f, const void *at)
{
	switch (f->type) {
	case FIELD_TEXT:
		return *(char *const *)at == NULL;
	case FIELD_INT:
		return *(const int *)at == 0;
	case FIELD_MS:
		return *(const int64_t *)at == 0;
	case FIELD_REAL:
		return *(const double *)at == 0;
	case FIELD_BOOL:
		return !*(const bool *)at;
	case FIELD_JSON:
		return *(json_t *const *)at == NULL;
	}
	return true;
}

static int
is_damaged(struct error *e, const char *how)
{
	error_set(e, "the state of a subject is damaged: %s", how);
	return -1;
}

static int
is_unknown(struct error *e, struct json_span key)
{
	error_set(e,
	    "the state has \"%.*s\", which this version does not know: a newer "
	    "one wrote it",
	    (int)key.len, key.text);
	return -1;
}

static int
record_load(const struct field *fields, struct json_walk *w, void *record,
    struct error *e)
{
	struct json_span key;

	if (!json_walk_enter(w, '{'))
		return is_damaged(e, "an object is expected");
	while (json_walk_next(w, '}', &key)) {
		const struct field *f = fields;

		while (f->name != NULL && !span_is(key, f->name))
			f++;
		if (f->name == NULL)
			return is_unknown(e, key);
		if (!field_is_empty(f, (char *)record + f->offset) ||
		    !field_load(f, json_walk_value(w), record))
			return is_damaged(e, f->name); /* or there twice */
	}
	if (w->is_broken)
		return is_damaged(e, "an object has no end");
	if (field_is_empty(fields, (char *)record + fields->offset))
		return is_damaged(e, "what a record is of is missing");
	return 0;
}

/* The list as an array of records; *count grows with what must be freed. */
static int
records_load(const struct field *fields, size_t size, struct json_walk *w,
    void *records, int *count, struct error *e)
{
	int room = *count;

	if (!json_walk_enter(w, '['))
		return is_damaged(e, "a list is expected");
	while (json_walk_next(w, ']', NULL)) {
		char *all = list_room(*(void **)records, *count, &room, size);
		char *record = all + (size_t)*count * size;

		*(void **)records = all;
		memset(record, 0, size);
		++*count;
		if (record_load(fields, w, record, e) != 0)
			return -1;
	}
	return w->is_broken ? is_damaged(e, "a list has no end") : 0;
}

/* From the copy of its text, which stays with the subject. */
static int
kept_load(struct subject *s, struct json_span object, struct error *e)
{
	struct json_span key;
	struct json_walk w;
	int room = s->n_kept;

	if (s->kept_text != NULL)
		return is_damaged(e, "metrics are there twice");
	s->kept_text = xstrndup(object.text, object.len);
	w = json_walk_begin(s->kept_text, object.len);
	json_walk_enter(&w, '{');
	while (json_walk_next(&w, '}', &key)) {
		s->kept = list_room(s->kept, s->n_kept, &room, sizeof *s->kept);
		s->kept[s->n_kept++] =
		    (struct kept){.key = xstrndup(key.text, key.len),
			.text = json_walk_value(&w)};
	}
	return json_walk_end(&w) ? 0 : is_damaged(e, "metrics");
}

static int
member_load(struct subject *s, struct json_span key, struct json_walk *w,
    struct error *e)
{
	int64_t number;

	if (span_is(key, "places"))
		return records_load(place_fields, sizeof *s->places, w,
		    &s->places, &s->n_places, e);
	if (span_is(key, "past"))
		return records_load(
		    past_fields, sizeof *s->past, w, &s->past, &s->n_past, e);
	if (span_is(key, "candidates"))
		return records_load(candidate_fields, sizeof *s->candidates, w,
		    &s->candidates, &s->n_candidates, e);
	if (span_is(key, "watches"))
		return records_load(watch_fields, sizeof *s->watches, w,
		    &s->watches, &s->n_watches, e);
	if (span_is(key, "metrics"))
		return kept_load(s, json_walk_value(w), e);
	if (span_is(key, "known") &&
	    read_integer(json_walk_value(w), &number)) {
		s->known = (int)number;
		return 0;
	}
	if (span_is(key, "joined") &&
	    read_integer(json_walk_value(w), &number)) {
		s->joined = (int)number;
		return 0;
	}
	if (span_is(key, "traits_at") &&
	    read_integer(json_walk_value(w), &s->traits_at_ms))
		return 0;
	return is_unknown(e, key);
}

static int
state_load(struct subject *s, const char *state, struct error *e)
{
	size_t len = strlen(state);
	struct json_walk w = json_walk_begin(state, len);
	struct json_span key;

	if (!utf8_is_valid(state, len))
		return is_damaged(e, "it is not UTF-8");
	if (!json_walk_enter(&w, '{'))
		return is_damaged(e, "it is no object");
	while (json_walk_next(&w, '}', &key))
		if (member_load(s, key, &w, e) != 0)
			return -1;
	return json_walk_end(&w) ? 0 : is_damaged(e, "it has no end");
}

/* A new reference, or NULL with the error set. */
static json_t *
traits_load(const char *text, struct error *e)
{
	json_t *object;

	if (text == NULL || text[0] == '\0')
		return json_object();
	object = json_text_read(text, strlen(text));
	if (!json_is_object(object)) {
		error_set(e, "the traits of a subject cannot be read");
		json_decref(object);
		return NULL;
	}
	return object;
}

int
subject_load(struct subject *s, enum subject_kind kind, const char *name,
    const char *traits, const char *state, struct error *e)
{
	const char *id;

	*s = (struct subject){.kind = kind, .name = xstrdup(name)};
	s->traits = traits_load(traits, e);
	if (s->traits == NULL || (state != NULL && state[0] != '\0' &&
				     state_load(s, state, e) != 0)) {
		subject_free(s);
		return -1;
	}
	id = json_string_value(json_object_get(s->traits, "id"));
	if (id == NULL || strcmp(id, name) != 0)
		json_object_set_new(s->traits, "id", json_string(name));
	subject_set_wake(s, 0);
	s->state_changed = false;
	return 0;
}

static void
field_save(const struct field *f, const void *at, struct buf *out)
{
	const char *text;
	json_t *real;

	buf_addc(out, '"');
	buf_adds(out, f->name);
	buf_add(out, "\":", 2);
	switch (f->type) {
	case FIELD_TEXT:
		text = *(char *const *)at;
		json_text_write_string(text, strlen(text), out);
		break;
	case FIELD_INT:
		json_text_write_integer(*(const int *)at, out);
		break;
	case FIELD_MS:
		json_text_write_integer(*(const int64_t *)at, out);
		break;
	case FIELD_REAL:
		real = json_real(*(const double *)at);
		json_text_write(real, out);
		json_decref(real);
		break;
	case FIELD_BOOL:
		buf_adds(out, "true");
		break;
	case FIELD_JSON:
		json_text_write(*(json_t *const *)at, out);
		break;
	}
}

static void
member_save(const char *name, struct buf *out)
{
	if (out->data[out->len - 1] != '{')
		buf_addc(out, ',');
	buf_addc(out, '"');
	buf_adds(out, name);
	buf_add(out, "\":", 2);
}

static void
records_save(const char *name, const struct field *fields, size_t size,
    const void *records, int count, struct buf *out)
{
	const char *record = records;

	member_save(name, out);
	buf_addc(out, '[');
	for (int i = 0; i < count; i++, record += size) {
		buf_adds(out, i > 0 ? ",{" : "{");
		for (const struct field *f = fields; f->name != NULL; f++) {
			if (field_is_empty(f, record + f->offset))
				continue;
			if (f != fields)
				buf_addc(out, ',');
			field_save(f, record + f->offset, out);
		}
		buf_addc(out, '}');
	}
	buf_addc(out, ']');
}

static void
kept_save(const struct subject *s, struct buf *out)
{
	member_save("metrics", out);
	buf_addc(out, '{');
	for (int i = 0; i < s->n_kept; i++) {
		const struct kept *k = &s->kept[i];

		member_save(k->key, out);
		if (k->value != NULL)
			json_text_write(k->value, out);
		else
			buf_add(out, k->text.text, k->text.len);
	}
	buf_addc(out, '}');
}

/* Some that are not in the account's metrics yet. */
static bool
has_changes(const struct subject *s)
{
	for (int i = 0; i < s->n_kept; i++)
		if (s->kept[i].is_changed)
			return true;
	return false;
}

void
subject_save_state(const struct subject *s, struct buf *out)
{
	buf_addc(out, '{');
	if (s->n_places > 0)
		records_save("places", place_fields, sizeof *s->places,
		    s->places, s->n_places, out);
	if (s->n_past > 0)
		records_save("past", past_fields, sizeof *s->past, s->past,
		    s->n_past, out);
	if (s->n_candidates > 0)
		records_save("candidates", candidate_fields,
		    sizeof *s->candidates, s->candidates, s->n_candidates, out);
	if (s->n_watches > 0)
		records_save("watches", watch_fields, sizeof *s->watches,
		    s->watches, s->n_watches, out);
	if (s->known != 0) {
		member_save("known", out);
		json_text_write_integer(s->known, out);
	}
	if (s->joined != 0 && !has_changes(s)) {
		member_save("joined", out);
		json_text_write_integer(s->joined, out);
	}
	if (s->traits_at_ms != 0) {
		member_save("traits_at", out);
		json_text_write_integer(s->traits_at_ms, out);
	}
	if (s->n_kept > 0)
		kept_save(s, out);
	buf_addc(out, '}');
}

void
subject_save_traits(const struct subject *s, struct buf *out)
{
	json_text_write(s->traits, out);
}
