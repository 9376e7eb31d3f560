/* SPDX-License-Identifier: MIT */
/*
 * subject - loading and saving. The state is one JSON text:
 *
 *	{"places": [{"sequence": "onboarding", "entry": 1, "entered": MS,
 *	    "step": "day-7", "due": MS, "previous": MS, "paused_until": MS,
 *	    "goal": MS, "done": true, "decided": ["welcome", "day-3"],
 *	    "event": {"plan": "free"}}],
 *	 "past": [{"sequence": "trial", "entries": 2, "entered": MS,
 *	    "exited": MS, "finished": true}],
 *	 "candidates": [{"sequence": "trial", "on": "Signed Up", "at": MS,
 *	    "noted": MS, "event": {}}],
 *	 "watches": [{"number": 3, "state": 1, "value": 62.0, "at": MS,
 *	    "due": MS}],
 *	 "known": 7,
 *	 "traits_at": MS,
 *	 "metrics": {"tasks": ...}}
 *
 * MS is ms since the epoch. What is empty, zero or false is left out, and
 * nothing else: a save of what was loaded gives the same text. A member that is
 * not known was written by a newer program and must not be dropped: an error.
 */
#include <stdlib.h>
#include <string.h>

#include "sequences/subject.h"
#include "templates/json_text.h"
#include "templates/mem.h"

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

/* Returns false when the value is of another type than the field. */
static bool
field_load(const struct field *f, json_t *value, void *record)
{
	void *at = (char *)record + f->offset;

	switch (f->type) {
	case FIELD_TEXT:
		if (json_is_string(value))
			*(char **)at = xstrdup(json_string_value(value));
		return json_is_string(value);
	case FIELD_INT:
		*(int *)at = (int)json_integer_value(value);
		return json_is_integer(value);
	case FIELD_MS:
		*(int64_t *)at = json_integer_value(value);
		return json_is_integer(value);
	case FIELD_REAL:
		*(double *)at = json_number_value(value);
		return json_is_number(value);
	case FIELD_BOOL:
		*(bool *)at = json_is_true(value);
		return json_is_boolean(value);
	case FIELD_JSON:
		if (json_typeof(value) == f->json)
			*(json_t **)at = json_incref(value);
		return json_typeof(value) == f->json;
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
record_load(
    const struct field *fields, json_t *object, void *record, struct error *e)
{
	const char *key;
	json_t *value;

	if (!json_is_object(object)) {
		error_set(e, "the state is damaged: an object is expected");
		return -1;
	}
	json_object_foreach(object, key, value)
	{
		const struct field *f = fields;

		while (f->name != NULL && strcmp(f->name, key) != 0)
			f++;
		if (f->name == NULL) {
			error_set(e,
			    "the state has \"%s\", which this version does not "
			    "know: a newer one wrote it",
			    key);
			return -1;
		}
		if (!field_load(f, value, record)) {
			error_set(e, "the state is damaged: \"%s\"", key);
			return -1;
		}
	}
	if (field_is_empty(fields, (char *)record + fields->offset)) {
		error_set(e, "the state is damaged: no \"%s\"", fields->name);
		return -1;
	}
	return 0;
}

/* The list as an array of records; *count grows with what must be freed. */
static int
records_load(const struct field *fields, size_t size, json_t *list,
    void *records, int *count, struct error *e)
{
	size_t n = json_array_size(list);
	char *all = n > 0 ? xcalloc(n, size) : NULL;

	*(char **)records = all;
	if (!json_is_array(list)) {
		error_set(e, "the state is damaged: a list is expected");
		return -1;
	}
	for (size_t i = 0; i < n; i++) {
		*count = (int)i + 1;
		if (record_load(fields, json_array_get(list, i), all + i * size,
			e) != 0)
			return -1;
	}
	return 0;
}

static int
state_load(struct subject *s, json_t *state, struct error *e)
{
	const char *key;
	json_t *value;

	json_object_foreach(state, key, value)
	{
		int rc = 0;

		if (strcmp(key, "places") == 0) {
			rc = records_load(place_fields, sizeof *s->places,
			    value, &s->places, &s->n_places, e);
		} else if (strcmp(key, "past") == 0) {
			rc = records_load(past_fields, sizeof *s->past, value,
			    &s->past, &s->n_past, e);
		} else if (strcmp(key, "candidates") == 0) {
			rc = records_load(candidate_fields,
			    sizeof *s->candidates, value, &s->candidates,
			    &s->n_candidates, e);
		} else if (strcmp(key, "watches") == 0) {
			rc = records_load(watch_fields, sizeof *s->watches,
			    value, &s->watches, &s->n_watches, e);
		} else if (strcmp(key, "known") == 0 &&
			   json_is_integer(value)) {
			s->known = (int)json_integer_value(value);
		} else if (strcmp(key, "traits_at") == 0 &&
			   json_is_integer(value)) {
			s->traits_at_ms = json_integer_value(value);
		} else if (strcmp(key, "metrics") == 0 &&
			   json_is_object(value)) {
			s->metrics = json_incref(value);
		} else {
			error_set(e,
			    "the state has \"%s\", which this version does not "
			    "know: a newer one wrote it",
			    key);
			rc = -1;
		}
		if (rc != 0)
			return -1;
	}
	return 0;
}

/* A new reference to the object in `text`, or NULL with the error set. */
static json_t *
object_parse(const char *what, const char *text, struct error *e)
{
	json_t *object;

	if (text == NULL || text[0] == '\0')
		return json_object();
	object = json_text_read(text, strlen(text));
	if (!json_is_object(object)) {
		error_set(e, "the %s of a subject cannot be read", what);
		json_decref(object);
		return NULL;
	}
	return object;
}

int
subject_load(struct subject *s, enum subject_kind kind, const char *name,
    const char *traits, const char *state, struct error *e)
{
	json_t *kept = object_parse("state", state, e);
	const char *id;
	int rc = -1;

	*s = (struct subject){.kind = kind, .name = xstrdup(name)};
	s->traits = object_parse("traits", traits, e);
	if (kept != NULL && s->traits != NULL)
		rc = state_load(s, kept, e);
	json_decref(kept);
	if (rc != 0) {
		subject_free(s);
		return -1;
	}
	id = json_string_value(json_object_get(s->traits, "id"));
	if (id == NULL || strcmp(id, name) != 0)
		json_object_set_new(s->traits, "id", json_string(name));
	if (s->metrics == NULL)
		s->metrics = json_object();
	subject_set_wake(s, 0);
	s->state_changed = false;
	return 0;
}

static void
place_clear(struct place *p)
{
	free(p->sequence);
	free(p->step);
	json_decref(p->decided);
	json_decref(p->event);
}

static void
candidate_clear(struct candidate *c)
{
	free(c->sequence);
	free(c->on);
	json_decref(c->event);
}

void
subject_free(struct subject *s)
{
	for (int i = 0; i < s->n_places; i++)
		place_clear(&s->places[i]);
	for (int i = 0; i < s->n_past; i++)
		free(s->past[i].sequence);
	for (int i = 0; i < s->n_candidates; i++)
		candidate_clear(&s->candidates[i]);
	free(s->candidates);
	free(s->watches);
	free(s->places);
	free(s->past);
	free(s->name);
	json_decref(s->traits);
	json_decref(s->metrics);
	*s = (struct subject){0};
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
	if (s->traits_at_ms != 0) {
		member_save("traits_at", out);
		json_text_write_integer(s->traits_at_ms, out);
	}
	if (json_object_size(s->metrics) > 0) {
		member_save("metrics", out);
		json_text_write(s->metrics, out);
	}
	buf_addc(out, '}');
}

void
subject_save_traits(const struct subject *s, struct buf *out)
{
	json_text_write(s->traits, out);
}

void
subject_set_traits(struct subject *s, json_t *traits, int64_t at_ms)
{
	bool is_old = at_ms < s->traits_at_ms || at_ms == 0;
	const char *key;
	json_t *value;

	if (!is_old && at_ms != s->traits_at_ms) {
		s->traits_at_ms = at_ms;
		s->state_changed = true;
	}

	json_object_foreach(traits, key, value)
	{
		json_t *old = json_object_get(s->traits, key);

		if (strcmp(key, "id") == 0 || (is_old && old != NULL))
			continue;
		if (json_is_null(value)) {
			if (json_object_del(s->traits, key) == 0)
				s->traits_changed = true;
		} else if (old == NULL || !json_equal(old, value)) {
			json_object_set(s->traits, key, value);
			s->traits_changed = true;
		}
	}
}

/* Returns whether `into` got anything that it did not have. */
static bool
merge_missing(json_t *into, json_t *from)
{
	size_t before = json_object_size(into);

	json_object_update_missing(into, from);
	return json_object_size(into) > before;
}

static struct past *
past_add(struct subject *s, const char *sequence)
{
	s->past = xrealloc(s->past, (size_t)(s->n_past + 1) * sizeof *s->past);
	s->past[s->n_past] = (struct past){.sequence = xstrdup(sequence)};
	return &s->past[s->n_past++];
}

static void
place_copy(struct place *to, const struct place *from)
{
	char *sequence = to->sequence;

	*to = *from;
	to->sequence = sequence;
	to->step = from->step != NULL ? xstrdup(from->step) : NULL;
	to->decided = json_copy(from->decided);
	to->event = json_incref(from->event);
}

static void
past_copy(struct past *to, const struct past *from)
{
	char *sequence = to->sequence;

	*to = *from;
	to->sequence = sequence;
}

/* Place and past together: they count entries for one another. */
static void
merge_sequence(
    struct subject *into, const struct subject *from, const char *sequence)
{
	const struct place *place = subject_place(from, sequence);
	const struct past *past = subject_past(from, sequence);

	if (subject_place(into, sequence) != NULL ||
	    subject_past(into, sequence) != NULL)
		return;
	if (place != NULL)
		place_copy(subject_place_add(into, sequence), place);
	if (past != NULL)
		past_copy(past_add(into, sequence), past);
	into->state_changed = true;
}

void
subject_merge(struct subject *into, const struct subject *from)
{
	for (int i = 0; i < from->n_places; i++)
		merge_sequence(into, from, from->places[i].sequence);
	for (int i = 0; i < from->n_past; i++)
		merge_sequence(into, from, from->past[i].sequence);
	for (int i = 0; i < from->n_candidates; i++)
		if (subject_candidate(into, from->candidates[i].sequence) ==
		    NULL)
			subject_candidate_set(into, &from->candidates[i]);
	for (int i = 0; i < from->n_watches; i++)
		if (subject_watch(into, from->watches[i].number) == NULL)
			*subject_watch_add(into, from->watches[i].number) =
			    from->watches[i];
	if (merge_missing(into->traits, from->traits))
		into->traits_changed = true;
	subject_set_wake(into, into->wake_at_ms);
}

struct place *
subject_place(const struct subject *s, const char *sequence)
{
	for (int i = 0; i < s->n_places; i++)
		if (strcmp(s->places[i].sequence, sequence) == 0)
			return &s->places[i];
	return NULL;
}

struct past *
subject_past(const struct subject *s, const char *sequence)
{
	for (int i = 0; i < s->n_past; i++)
		if (strcmp(s->past[i].sequence, sequence) == 0)
			return &s->past[i];
	return NULL;
}

struct place *
subject_place_add(struct subject *s, const char *sequence)
{
	s->places =
	    xrealloc(s->places, (size_t)(s->n_places + 1) * sizeof *s->places);
	s->places[s->n_places] = (struct place){.sequence = xstrdup(sequence)};
	s->state_changed = true;
	return &s->places[s->n_places++];
}

void
subject_place_remove(
    struct subject *s, struct place *place, int64_t exited_ms, bool is_finished)
{
	struct past *past = subject_past(s, place->sequence);
	struct place *end = s->places + s->n_places;

	if (past == NULL)
		past = past_add(s, place->sequence);
	past->entries = place->entry;
	past->entered_ms = place->entered_ms;
	past->exited_ms = exited_ms;
	past->is_finished = is_finished;
	place_clear(place);
	memmove(place, place + 1, (size_t)(end - place - 1) * sizeof *place);
	s->n_places--;
	s->state_changed = true;
}

struct candidate *
subject_candidate(const struct subject *s, const char *sequence)
{
	for (int i = 0; i < s->n_candidates; i++)
		if (strcmp(s->candidates[i].sequence, sequence) == 0)
			return &s->candidates[i];
	return NULL;
}

void
subject_candidate_set(struct subject *s, const struct candidate *from)
{
	struct candidate *c = subject_candidate(s, from->sequence);

	if (c == NULL) {
		s->candidates = xrealloc(s->candidates,
		    (size_t)(s->n_candidates + 1) * sizeof *s->candidates);
		c = &s->candidates[s->n_candidates++];
	} else {
		candidate_clear(c);
	}
	*c = *from;
	c->sequence = xstrdup(from->sequence);
	c->on = from->on != NULL ? xstrdup(from->on) : NULL;
	json_incref(c->event);
	s->state_changed = true;
}

void
subject_candidate_remove(struct subject *s, struct candidate *c)
{
	candidate_clear(c);
	*c = s->candidates[--s->n_candidates];
	s->state_changed = true;
}

struct watch *
subject_watch(const struct subject *s, int number)
{
	for (int i = 0; i < s->n_watches; i++)
		if (s->watches[i].number == number)
			return &s->watches[i];
	return NULL;
}

struct watch *
subject_watch_add(struct subject *s, int number)
{
	struct watch *w = subject_watch(s, number);

	s->state_changed = true;
	if (w != NULL)
		return w;
	s->watches = xrealloc(
	    s->watches, (size_t)(s->n_watches + 1) * sizeof *s->watches);
	s->watches[s->n_watches] = (struct watch){.number = number};
	return &s->watches[s->n_watches++];
}

void
subject_watch_remove(struct subject *s, struct watch *w)
{
	struct watch *end = s->watches + s->n_watches;

	memmove(w, w + 1, (size_t)(end - w - 1) * sizeof *w);
	s->n_watches--;
	s->state_changed = true;
}

static int64_t
earlier(int64_t a_ms, int64_t b_ms)
{
	return a_ms == 0 || (b_ms != 0 && b_ms < a_ms) ? b_ms : a_ms;
}

/* A pause of a place holds its due step back. */
static int64_t
place_wake(const struct place *p)
{
	int64_t at = p->due_ms != 0 && p->paused_until_ms > p->due_ms
			 ? p->paused_until_ms
			 : p->due_ms;

	return at == INT64_MAX ? 0 : at;
}

void
subject_set_wake(struct subject *s, int64_t other_ms)
{
	int64_t wake = other_ms;

	for (int i = 0; i < s->n_places; i++)
		wake = earlier(wake, place_wake(&s->places[i]));
	for (int i = 0; i < s->n_watches; i++)
		wake = earlier(wake, s->watches[i].due_ms);
	if (wake != s->wake_at_ms)
		s->state_changed = true;
	s->wake_at_ms = wake;
}
