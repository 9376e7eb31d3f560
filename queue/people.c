/* SPDX-License-Identifier: MIT */
/*
 * people - subjects, the names they go by, and when each must be looked at.
 *
 * A wake-up is a column of its subject, so the two cannot disagree. A save
 * writes only the columns asked for: an index on the others is not touched.
 */
#include <stdlib.h>
#include <string.h>

#include "queue/sqlite.h"

int
queue_names_find(
    struct queue *q, const struct queue_name *names, int n, int64_t *ids)
{
	sqlite3_stmt *st = statement(q, NAME_FIND);

	if (st == NULL)
		return -1;
	for (int i = 0; i < n; i++) {
		put_int(st, 1, names[i].kind);
		put_text(st, 2, names[i].text);
		int found = statement_step(q, st);
		if (found < 0)
			return -1;
		ids[i] = found == 1 ? get_int(st, 0) : 0;
		sqlite3_reset(st);
	}
	return 0;
}

int
queue_names_bind(
    struct queue *q, const struct queue_name *names, int n, const int64_t *ids)
{
	sqlite3_stmt *st = statement(q, NAME_BIND);

	if (st == NULL)
		return -1;
	for (int i = 0; i < n; i++) {
		put_int(st, 1, names[i].kind);
		put_text(st, 2, names[i].text);
		put_int(st, 3, ids[i]);
		if (statement_run(q, st) != 0)
			return -1;
	}
	return 0;
}

int
queue_names_of(
    struct queue *q, int64_t subject, struct queue_name *out, int max)
{
	sqlite3_stmt *st = statement(q, NAMES_OF);
	int n = 0, more = 0;

	if (st == NULL)
		return -1;
	put_int(st, 1, subject);
	while (n < max && (more = statement_step(q, st)) == 1) {
		out[n].kind = (enum queue_name_kind)get_int(st, 0);
		out[n++].text = get_text(q, st, 1);
	}
	sqlite3_reset(st);
	return more < 0 ? -1 : n;
}

static void
get_subject(struct queue *q, sqlite3_stmt *st, struct queue_subject *s)
{
	*s = (struct queue_subject){
	    .id = get_int(st, 0),
	    .kind = (enum queue_subject_kind)get_int(st, 1),
	    .name = get_text(q, st, 2),
	    .email = get_text(q, st, 3),
	    .traits = get_text(q, st, 4),
	    .state = get_text(q, st, 5),
	    .account = get_int(st, 6),
	    .wake_at_ms = get_int(st, 7),
	    .created_at_ms = get_int(st, 8),
	};
}

static int64_t *
wake_hint(struct queue *q, int64_t id)
{
	return &q->wake_hints[(uint64_t)id %
			      (sizeof q->wake_hints / sizeof q->wake_hints[0])];
}

int
queue_subjects_load(
    struct queue *q, const int64_t *ids, int n, struct queue_subject *out)
{
	sqlite3_stmt *st = statement(q, SUBJECT_LOAD);

	if (st == NULL)
		return -1;
	for (int i = 0; i < n; i++) {
		put_int(st, 1, ids[i]);
		int found = statement_step(q, st);
		if (found < 0)
			return -1;
		if (found == 1)
			get_subject(q, st, &out[i]);
		else
			out[i] = (struct queue_subject){.id = 0};
		*wake_hint(q, ids[i]) = out[i].wake_at_ms;
		sqlite3_reset(st);
	}
	return 0;
}

/* Runs one of the statements that take a subject's columns as parameters. */
static int
write_subject(struct queue *q, enum statement which,
    const struct queue_subject *s, unsigned columns)
{
	sqlite3_stmt *st = statement(q, which);

	if (st == NULL)
		return -1;
	put_int(st, 1, s->id);
	if (columns & QUEUE_SAVE_TRAITS) {
		put_text(st, 3, s->name);
		put_text(st, 4, s->email);
		put_text(st, 5, s->traits);
		put_optional(st, 7, s->account);
	}
	if (columns & QUEUE_SAVE_STATE) {
		put_text(st, 6, s->state);
		put_optional(st, 8, s->wake_at_ms);
	}
	if (which == SUBJECT_ADD) {
		put_int(st, 2, s->kind);
		put_int(st, 9, s->created_at_ms);
	}
	return statement_run(q, st);
}

/*
 * Most events leave the wake-up, and so its index, alone. The hint only says
 * which of two right ways is the shorter one: the statement itself looks
 * whether the wake-up is the same.
 */
static int
save_state(struct queue *q, const struct queue_subject *s)
{
	if (*wake_hint(q, s->id) == s->wake_at_ms) {
		if (write_subject(q, SUBJECT_SAVE_STATE_ONLY, s, s->save) != 0)
			return -1;
		if (sqlite3_changes(q->db) > 0)
			return 0;
	}
	return write_subject(q, SUBJECT_SAVE_STATE, s, s->save);
}

static int
save_subject(struct queue *q, struct queue_subject *s)
{
	const unsigned all = QUEUE_SAVE_TRAITS | QUEUE_SAVE_STATE;

	if (s->id == 0) {
		if (write_subject(q, SUBJECT_ADD, s, all) != 0)
			return -1;
		s->id = sqlite3_last_insert_rowid(q->db);
		return 0;
	}
	switch (s->save & all) {
	case QUEUE_SAVE_TRAITS:
		return write_subject(q, SUBJECT_SAVE_TRAITS, s, s->save);
	case QUEUE_SAVE_STATE:
		return save_state(q, s);
	case QUEUE_SAVE_TRAITS | QUEUE_SAVE_STATE:
		return write_subject(q, SUBJECT_SAVE, s, s->save);
	}
	return 0;
}

int
queue_subjects_save(struct queue *q, struct queue_subject *subjects, int n)
{
	for (int i = 0; i < n; i++)
		if (save_subject(q, &subjects[i]) != 0)
			return -1;
	return q->has_failed ? -1 : 0;
}

/* Events of an account that is going; `into` may be 0. */
static int
move_events(struct queue *q, int64_t from, int64_t into)
{
	int64_t kind;
	sqlite3_stmt *st;

	if (statement_number(q, SUBJECT_KIND, from, &kind) != 0)
		return -1;
	if (kind != QUEUE_ACCOUNT)
		return 0;
	st = statement(q, EVENTS_MOVE_ACCOUNT);
	if (st == NULL)
		return -1;
	put_int(st, 2, into);
	return statement_run_with(q, EVENTS_MOVE_ACCOUNT, from);
}

int
queue_subject_merge(struct queue *q, int64_t from, int64_t into)
{
	static const enum statement moves[] = {
	    NAMES_MOVE,
	    MEMBERS_MOVE,
	    MESSAGES_MOVE,
	    DECISIONS_MOVE,
	};

	if (from == into)
		return 0;
	if (move_events(q, from, into) != 0 || events_move(q, from, into) != 0)
		return -1;
	for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++) {
		sqlite3_stmt *st = statement(q, moves[i]);
		if (st == NULL)
			return -1;
		put_int(st, 2, into);
		if (statement_run_with(q, moves[i], from) != 0)
			return -1;
	}
	return statement_run_with(q, SUBJECT_DELETE, from);
}

int
queue_subject_forget(struct queue *q, int64_t subject)
{
	static const enum statement parts[] = {
	    NAMES_FORGET,
	    MEMBERS_RELEASE,
	    MESSAGES_FORGET,
	    DECISIONS_FORGET,
	    SUBJECT_DELETE,
	};

	int rc = 0;

	/* Pages that become free are emptied, too. */
	sqlite3_exec(q->db, "PRAGMA secure_delete = ON", NULL, NULL, NULL);
	if (move_events(q, subject, 0) != 0 || events_forget(q, subject) != 0)
		rc = -1;
	for (size_t i = 0; rc == 0 && i < sizeof parts / sizeof parts[0]; i++)
		rc = statement_run_with(q, parts[i], subject);
	sqlite3_exec(q->db, "PRAGMA secure_delete = FAST", NULL, NULL, NULL);
	return rc;
}

/* Collects the numbers that a statement returns, at most max. Count or -1. */
static int
collect(struct queue *q, sqlite3_stmt *st, int64_t *ids, int max)
{
	int n = 0, more = 0;

	while (n < max && (more = statement_step(q, st)) == 1)
		ids[n++] = get_int(st, 0);
	sqlite3_reset(st);
	return more < 0 ? -1 : n;
}

int
queue_members(
    struct queue *q, int64_t account, int64_t after, int64_t *ids, int max)
{
	sqlite3_stmt *st = statement(q, MEMBERS);

	if (st == NULL)
		return -1;
	put_int(st, 1, account);
	put_int(st, 2, after);
	put_int(st, 3, max);
	return collect(q, st, ids, max);
}

int
queue_members_wake(struct queue *q, int64_t account, int64_t at_ms)
{
	sqlite3_stmt *st = statement(q, MEMBERS_WAKE);

	if (st == NULL)
		return -1;
	put_int(st, 2, at_ms);
	return statement_run_with(q, MEMBERS_WAKE, account);
}

int
queue_subjects_after(struct queue *q, enum queue_subject_kind kind,
    int64_t after, int64_t *ids, int max)
{
	sqlite3_stmt *st =
	    statement(q, kind == QUEUE_USER ? USERS_AFTER : ACCOUNTS_AFTER);

	if (st == NULL)
		return -1;
	put_int(st, 1, after);
	put_int(st, 2, max);
	return collect(q, st, ids, max);
}

int64_t
queue_subjects_last(struct queue *q)
{
	int64_t id;

	return statement_number(q, SUBJECTS_LAST, 0, &id) == 0 ? id : -1;
}

int
queue_wakeups_due(struct queue *q, int64_t now_ms, int64_t *ids, int max)
{
	sqlite3_stmt *st = statement(q, WAKEUPS_DUE);

	if (st == NULL)
		return -1;
	put_int(st, 1, now_ms);
	put_int(st, 2, max);
	return collect(q, st, ids, max);
}

int64_t
queue_wakeup_next(struct queue *q)
{
	int64_t at;

	return statement_number(q, WAKEUP_NEXT, INT64_MIN, &at) == 0 ? at : -1;
}

/* A search in progress: what it found, and between what texts it looks. */
struct search {
	struct queue_subject *out;
	int n, max;
	int64_t skip;	     /* so many before them */
	unsigned char *seen; /* a bit for each id there is */
	const char *from, *to;
};

/* Is it the first time that the search comes upon it? */
static bool
is_new(struct search *search, int64_t id)
{
	unsigned char *byte = &search->seen[id / 8], bit = 1 << id % 8;
	bool is_first = !(*byte & bit);

	*byte |= bit;
	return is_first;
}

/* Adds who is new among those that the statement finds (kind: of names). */
static int
search_with(
    struct queue *q, struct search *search, enum statement which, int kind)
{
	sqlite3_stmt *st = statement(q, which);
	int more = 0;

	if (st == NULL)
		return -1;
	put_int(st, 1, kind);
	put_text(st, 2, search->from);
	put_text(st, 3, search->to);
	while (search->n < search->max && (more = statement_step(q, st)) == 1) {
		int64_t id = get_int(st, 0);

		if (!is_new(search, id) || search->skip-- > 0)
			continue;
		if (queue_subjects_load(q, &id, 1, &search->out[search->n]))
			return -1;
		search->n++;
	}
	sqlite3_reset(st);
	return more < 0 ? -1 : 0;
}

static int
search_everywhere(struct queue *q, struct search *search)
{
	for (int kind = QUEUE_USER_ID; kind <= QUEUE_ACCOUNT_ID; kind++)
		if (search_with(q, search, NAMES_SEARCH, kind) != 0)
			return -1;
	return search_with(q, search, SUBJECTS_SEARCH, 0);
}

int
queue_subjects_search(struct queue *q, const char *text, int64_t skip,
    struct queue_subject *out, int max)
{
	/* Behind whatever begins with the text: the last code point. */
	char *end = sqlite3_mprintf("%s\xf4\x8f\xbf\xbf", text);
	struct search search = {
	    .out = out, .max = max, .skip = skip, .from = text, .to = text};
	int64_t last = queue_subjects_last(q);
	int result = -1;

	if (last >= 0 && end != NULL) {
		search.seen = queue_alloc((size_t)last / 8 + 1);
		result = search_everywhere(q, &search);
		search.to = end;
	}
	if (result == 0)
		result = search_everywhere(q, &search);
	free(search.seen);
	sqlite3_free(end);
	return result == 0 ? search.n : -1;
}
