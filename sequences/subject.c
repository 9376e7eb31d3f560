/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "sequences/subject.h"
#include "templates/json_text.h"
#include "templates/mem.h"

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

static void
kept_clear(struct kept *k)
{
	free(k->key);
	json_decref(k->value);
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
	for (int i = 0; i < s->n_kept; i++)
		kept_clear(&s->kept[i]);
	free(s->kept);
	free(s->kept_text);
	free(s->candidates);
	free(s->watches);
	free(s->places);
	free(s->past);
	free(s->name);
	json_decref(s->traits);
	*s = (struct subject){0};
}

void
subject_trait_changed(struct subject *s)
{
	s->traits_changed = true;
	s->state_changed |= s->joined != 0;
	s->joined = 0;
}

void
subject_set_traits(
    struct subject *s, json_t *traits, int64_t at_ms, int64_t now_ms)
{
	bool is_late = at_ms < s->traits_at_ms && s->traits_at_ms <= now_ms;
	bool is_old = is_late || at_ms == 0;
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
				subject_trait_changed(s);
		} else if (old == NULL || !json_equal(old, value)) {
			json_object_set(s->traits, key, value);
			subject_trait_changed(s);
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
		subject_trait_changed(into);
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

static struct kept *
find_kept(const struct subject *s, const char *key)
{
	for (int i = 0; i < s->n_kept; i++)
		if (strcmp(s->kept[i].key, key) == 0)
			return &s->kept[i];
	return NULL;
}

json_t *
subject_kept(const struct subject *s, const char *key)
{
	struct kept *k = find_kept(s, key);

	if (k != NULL && k->value == NULL)
		k->value = json_text_read(k->text.text, k->text.len);
	return k != NULL ? k->value : NULL;
}

void
subject_keep(struct subject *s, const char *key, json_t *value)
{
	struct kept *k = find_kept(s, key);

	s->state_changed = true;
	if (k == NULL) {
		s->kept = xrealloc(
		    s->kept, (size_t)(s->n_kept + 1) * sizeof *s->kept);
		k = &s->kept[s->n_kept++];
		*k = (struct kept){.key = xstrdup(key)};
	}
	json_decref(k->value);
	k->value = value;
	k->is_changed = true;
}

void
subject_drop(struct subject *s, const char *key)
{
	struct kept *k = find_kept(s, key), *end = s->kept + s->n_kept;

	if (k == NULL)
		return;
	kept_clear(k);
	memmove(k, k + 1, (size_t)(end - k - 1) * sizeof *k);
	s->n_kept--;
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
