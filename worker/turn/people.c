/* SPDX-License-Identifier: MIT */
/*
 * people - see the header. The names table is open addressing over (kind,
 * text); a name that was looked up and belongs to nobody stays in it, so that
 * it is not asked for again.
 */
#include <stdlib.h>
#include <string.h>

#include "templates/buf.h"
#include "worker/log.h"
#include "worker/turn/people.h"

#define LOAD_SET   512	/* subjects asked for at a time */
#define NAMES_KEPT 1024 /* slots kept from turn to turn */

static uint64_t
hash(enum queue_name_kind kind, const char *text)
{
	uint64_t h = 14695981039346656037u ^ (uint64_t)kind; /* FNV-1a */

	for (; *text != '\0'; text++)
		h = (h ^ (unsigned char)*text) * 1099511628211u;
	return h;
}

/* The name's slot, or the free one where it belongs. */
static struct people_name *
slot(const struct people *p, enum queue_name_kind kind, const char *text)
{
	uint64_t i = hash(kind, text);

	for (;; i++) {
		struct people_name *n = &p->names[i & (uint64_t)(p->size - 1)];

		if (n->text == NULL ||
		    (n->kind == kind && strcmp(n->text, text) == 0))
			return n;
	}
}

static void
grow(struct people *p)
{
	struct people_name *old = p->names;
	int size = p->size;

	p->size = size == 0 ? 64 : size * 2;
	p->names = xcalloc((size_t)p->size, sizeof *p->names);
	for (int i = 0; i < size; i++)
		if (old[i].text != NULL)
			*slot(p, old[i].kind, old[i].text) = old[i];
	free(old);
}

static struct people_name *
name_of(struct people *p, enum queue_name_kind kind, const char *text)
{
	struct people_name *n;

	if (p->n_names * 2 >= p->size)
		grow(p);
	n = slot(p, kind, text);
	if (n->text == NULL) {
		n->kind = kind;
		n->text = arena_strndup(&p->arena, text, strlen(text));
		p->n_names++;
	}
	return n;
}

void
people_want(struct people *p, enum queue_name_kind kind, const char *text)
{
	if (text != NULL && text[0] != '\0')
		name_of(p, kind, text);
}

static struct person *
append(struct people *p)
{
	struct person *person = arena_alloc(&p->arena, sizeof *person);

	p->list = list_room(p->list, p->count, &p->cap, sizeof *p->list);
	*person = (struct person){0};
	return p->list[p->count++] = person;
}

/*
 * Ids stand in the same table, as names of kind 0: six bits a character, as
 * snprintf() would cost more than all the rest of a look-up.
 */
static const char *
id_text(int64_t id, char text[12])
{
	char *p = text;

	for (uint64_t rest = (uint64_t)id; rest != 0; rest >>= 6)
		*p++ = (char)('0' + (rest & 63));
	*p = '\0';
	return text;
}

struct person *
people_by_id(const struct people *p, int64_t id)
{
	struct people_name *n;
	char text[12];

	if (id == 0 || p->size == 0)
		return NULL;
	n = slot(p, 0, id_text(id, text));
	return n->text != NULL ? n->person : NULL;
}

static void
index_id(struct people *p, struct person *person)
{
	char text[12];

	name_of(p, 0, id_text(person->id, text))->person = person;
}

static int
take(struct people *p, const struct queue_subject *row)
{
	struct person *person = append(p);
	struct error e;

	if (subject_load(&person->subject, (enum subject_kind)row->kind,
		row->name, row->traits, row->state, &e) != 0) {
		log_error("subject %lld cannot be read: %s", (long long)row->id,
		    e.text);
		p->count--;
		return -1;
	}
	person->id = row->id;
	person->account_id = row->account;
	person->created_at_ms = row->created_at_ms;
	person->subject.wake_at_ms = row->wake_at_ms;
	person->stored_wake_ms = row->wake_at_ms;
	index_id(p, person);
	return 0;
}

static int
load_set(struct people *p, const int64_t *ids, int n)
{
	struct queue_subject rows[LOAD_SET];
	int64_t missing[LOAD_SET];
	int m = 0;

	for (int i = 0; i < n; i++)
		if (ids[i] != 0 && people_by_id(p, ids[i]) == NULL)
			missing[m++] = ids[i];
	if (m > 0 && queue_subjects_load(p->queue, missing, m, rows) != 0)
		return -1;
	for (int i = 0; i < m; i++)
		if (rows[i].id != 0 && people_by_id(p, rows[i].id) == NULL &&
		    take(p, &rows[i]) != 0)
			return -1;
	return 0;
}

static int
load_ids(struct people *p, const int64_t *ids, int n)
{
	for (int done = 0; done < n; done += LOAD_SET)
		if (load_set(p, ids + done,
			n - done < LOAD_SET ? n - done : LOAD_SET) != 0)
			return -1;
	return 0;
}

int
people_load_ids(struct people *p, const int64_t *ids, int n)
{
	int first = p->count, users, accounts = 0, rc = -1;
	int64_t *wanted;

	if (load_ids(p, ids, n) != 0)
		return -1;
	users = p->count;
	wanted = xcalloc((size_t)(users - first) + 1, sizeof *wanted);
	for (int i = first; i < users; i++)
		if (p->list[i]->account_id != 0)
			wanted[accounts++] = p->list[i]->account_id;
	if (load_ids(p, wanted, accounts) == 0) {
		for (int i = first; i < users; i++) {
			struct person *user = p->list[i];

			user->account = people_by_id(p, user->account_id);
			user->joined = user->account;
		}
		rc = 0;
	}
	free(wanted);
	return rc;
}

/* Whoever goes by a userId is known, by whatever name they came up. */
static int
find_known(struct people *p)
{
	struct queue_name *names = xcalloc((size_t)p->count + 1, sizeof *names);
	struct person **who = xcalloc((size_t)p->count + 1, sizeof *who);
	int64_t *ids = xcalloc((size_t)p->count + 1, sizeof *ids);
	int n = 0, rc;

	for (int i = 0; i < p->count; i++) {
		struct person *person = p->list[i];

		if (person->is_known || person->id == 0 ||
		    person->subject.kind != SUBJECT_USER)
			continue;
		names[n] =
		    (struct queue_name){QUEUE_USER_ID, person->subject.name};
		who[n++] = person;
	}
	rc = n == 0 ? 0 : queue_names_find(p->queue, names, n, ids);
	for (int i = 0; rc == 0 && i < n; i++)
		who[i]->is_known = ids[i] == who[i]->id;
	free(ids);
	free(who);
	free(names);
	return rc;
}

int
people_load(struct people *p)
{
	struct queue_name *names =
	    xcalloc((size_t)p->n_names + 1, sizeof *names);
	int64_t *ids = xcalloc((size_t)p->n_names + 1, sizeof *ids);
	int n = 0, rc;

	for (int i = 0; i < p->size; i++) {
		struct people_name *s = &p->names[i];

		if (s->text == NULL || s->kind == 0 || s->looked_up)
			continue;
		names[n] = (struct queue_name){s->kind, s->text};
		ids[n++] = 0;
	}
	rc = n == 0 ? 0 : queue_names_find(p->queue, names, n, ids);
	if (rc == 0)
		rc = people_load_ids(p, ids, n);
	for (int i = 0; rc == 0 && i < n; i++) {
		struct people_name *s = slot(p, names[i].kind, names[i].text);

		s->looked_up = true;
		s->person = people_by_id(p, ids[i]);
		if (s->kind == QUEUE_USER_ID && s->person != NULL)
			s->person->is_known = true;
	}
	free(names);
	free(ids);
	return rc == 0 ? find_known(p) : rc;
}

struct person *
person_now(struct person *person)
{
	while (person != NULL && person->merged_into != NULL)
		person = person->merged_into;
	return person;
}

struct person *
people_find(const struct people *p, enum queue_name_kind kind, const char *text)
{
	struct people_name *n;

	if (text == NULL || text[0] == '\0' || p->size == 0)
		return NULL;
	n = slot(p, kind, text);
	return n->text != NULL ? person_now(n->person) : NULL;
}

struct person *
people_add(
    struct people *p, enum subject_kind kind, const char *name, int64_t now_ms)
{
	struct person *person = append(p);
	struct error e;

	if (subject_load(&person->subject, kind, name, NULL, NULL, &e) != 0)
		panic("a new subject cannot be made: %s", e.text);
	person->subject.traits_changed = true;
	person->created_at_ms = now_ms;
	return person;
}

void
people_bind(struct people *p, enum queue_name_kind kind, const char *text,
    struct person *person)
{
	struct people_name *n = name_of(p, kind, text);

	if (person_now(n->person) == person)
		return;
	n->person = person;
	n->changed = n->looked_up = true;
	if (kind != QUEUE_USER_ID || person->is_known)
		return;
	person->is_known = true; /* an anonymous visitor says who they are */
	free(person->subject.name);
	person->subject.name = xstrdup(text);
	subject_trait_changed(&person->subject);
}

void
people_merge(struct people *p, struct person *from, struct person *into)
{
	subject_merge(&into->subject, &from->subject);
	into->subject.traits_changed = into->subject.state_changed = true;
	if (into->account == NULL && from->account != NULL) {
		into->account = from->account;
		into->account_changed = true;
	}
	from->merged_into = into;
	for (int i = 0; i < p->size; i++)
		if (p->names[i].kind != 0 && p->names[i].person == from) {
			p->names[i].person = into;
			p->names[i].changed |= from->id == 0;
		}
}

void
people_forget(struct people *p, struct person *person)
{
	for (int i = 0; i < p->size; i++)
		if (p->names[i].person == person)
			p->names[i].person = NULL;
	person->is_gone = true;
}

/* ----------------------------------------------------------------- saving */

struct texts {
	struct buf traits, state;
};

static const char *
email_of(const struct subject *s)
{
	return json_string_value(json_object_get(s->traits, "email"));
}

/*
 * A wake-up that is stored and still to come stays when a later one would do:
 * what an absence counts from moves with every event, and the index need not.
 */
static int64_t
wake_to_store(const struct people *p, const struct person *person)
{
	int64_t stored = person->stored_wake_ms;
	int64_t wanted = person->subject.wake_at_ms;

	return stored > p->now_ms && wanted != 0 && stored < wanted ? stored
								    : wanted;
}

static void
row_of(const struct people *p, struct person *person, struct texts *texts,
    struct queue_subject *row)
{
	struct subject *s = &person->subject;

	*row = (struct queue_subject){
	    .id = person->id,
	    .kind = (enum queue_subject_kind)s->kind,
	    .name = s->name,
	    .email = email_of(s),
	    .account = person->account != NULL ? person->account->id : 0,
	    .wake_at_ms = wake_to_store(p, person),
	    .created_at_ms = person->created_at_ms,
	};
	if (s->traits_changed || person->account_changed || person->id == 0) {
		subject_save_traits(s, &texts->traits);
		row->traits = buf_str(&texts->traits);
		row->save |= QUEUE_SAVE_TRAITS;
	}
	if (s->state_changed || person->id == 0) {
		subject_save_state(s, &texts->state);
		row->state = buf_str(&texts->state);
		row->save |= QUEUE_SAVE_STATE;
	}
}

/* Accounts first: a new member's row names its account's id. */
static int
save_kind(struct people *p, enum subject_kind kind)
{
	struct queue_subject *rows =
	    xcalloc((size_t)p->count + 1, sizeof *rows);
	struct person **saved = xcalloc((size_t)p->count + 1, sizeof *saved);
	struct texts *texts = xcalloc((size_t)p->count + 1, sizeof *texts);
	int n = 0, rc;

	for (int i = 0; i < p->count; i++) {
		struct person *person = p->list[i];

		if (person->subject.kind != kind || person->is_gone ||
		    person->merged_into != NULL)
			continue;
		row_of(p, person, &texts[n], &rows[n]);
		if (rows[n].save != 0)
			saved[n++] = person;
	}
	rc = n == 0 ? 0 : queue_subjects_save(p->queue, rows, n);
	for (int i = 0; i < n; i++) {
		if (rc == 0) {
			struct subject *s = &saved[i]->subject;

			if (saved[i]->id == 0) {
				saved[i]->id = rows[i].id;
				index_id(p, saved[i]);
			}
			saved[i]->stored_wake_ms = rows[i].wake_at_ms;
			s->traits_changed = s->state_changed = false;
			saved[i]->account_changed = false;
		}
		buf_free(&texts[i].traits);
		buf_free(&texts[i].state);
	}
	free(texts);
	free(saved);
	free(rows);
	return rc;
}

static int
save_names(struct people *p)
{
	struct queue_name *names =
	    xcalloc((size_t)p->n_names + 1, sizeof *names);
	int64_t *ids = xcalloc((size_t)p->n_names + 1, sizeof *ids);
	int n = 0, rc;

	for (int i = 0; i < p->size; i++) {
		struct people_name *s = &p->names[i];

		if (s->text == NULL || !s->changed)
			continue;
		names[n] = (struct queue_name){s->kind, s->text};
		ids[n++] = person_now(s->person)->id;
		s->changed = false;
	}
	rc = n == 0 ? 0 : queue_names_bind(p->queue, names, n, ids);
	free(names);
	free(ids);
	return rc;
}

/* The next turns look at them, as at all whose time has come. */
static int
wake_members(struct people *p)
{
	for (int i = 0; i < p->count; i++) {
		struct person *account = p->list[i];

		if (account->members_wait &&
		    queue_members_wake(p->queue, account->id, p->now_ms) != 0)
			return -1;
		account->members_wait = false;
	}
	return 0;
}

int
people_save(struct people *p)
{
	if (save_kind(p, SUBJECT_ACCOUNT) != 0 ||
	    save_kind(p, SUBJECT_USER) != 0 || save_names(p) != 0 ||
	    wake_members(p) != 0)
		return -1;
	for (int i = 0; i < p->count; i++) {
		struct person *from = p->list[i];

		if (from->merged_into == NULL || from->id == 0)
			continue;
		if (queue_subject_merge(
			p->queue, from->id, person_now(from)->id) != 0)
			return -1;
		from->id = 0;
	}
	return 0;
}

void
people_reset(struct people *p)
{
	for (int i = 0; i < p->count; i++)
		subject_free(&p->list[i]->subject);
	if (p->size > NAMES_KEPT) {
		free(p->names);
		p->names = NULL;
		p->size = 0;
	} else if (p->n_names > 0) {
		memset(p->names, 0, (size_t)p->size * sizeof *p->names);
	}
	p->count = p->n_names = 0;
	arena_reset(&p->arena);
}

void
people_free(struct people *p)
{
	people_reset(p);
	arena_free(&p->arena);
	free(p->names);
	free(p->list);
	*p = (struct people){0};
}
