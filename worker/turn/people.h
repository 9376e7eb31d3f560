/* SPDX-License-Identifier: MIT */
#ifndef WORKER_TURN_PEOPLE_H
#define WORKER_TURN_PEOPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "queue/queue.h"
#include "sequences/subject.h"
#include "templates/mem.h"

/*
 * people - the subjects that one turn touches: each is loaded once, changed in
 * memory as often as it takes, and saved once. Loading and saving go in sets.
 *
 * All pointers live until people_reset(). Functions that ask the store return
 * 0, or -1 when it failed.
 */
struct person {
	int64_t id; /* in the store; 0 until saved */
	struct subject subject;
	struct person *account;	    /* a user's; NULL: none */
	struct person *joined;	    /* the one whose metrics it is part of */
	int64_t account_id;	    /* as stored; 0: none */
	struct person *merged_into; /* this one is gone; see person_now() */
	int64_t created_at_ms;
	int64_t stored_wake_ms; /* as it is in the store */
	bool account_changed;
	bool members_wait;  /* an account's: for what has just changed */
	bool is_gone;	    /* forgotten */
	bool is_known;	    /* a user with a userId */
	bool is_taken_over; /* merged, and its events are counted there */
};

struct people_name {
	enum queue_name_kind kind;
	char *text;
	struct person *person; /* NULL: nobody */
	bool looked_up, changed;
};

struct people {
	struct queue *queue;
	int64_t now_ms; /* of the turn */
	struct person **list;
	int count, cap;
	struct people_name *names; /* open addressing */
	int n_names, size;
	struct arena arena;
};

/* Says that a name will be needed; "" and NULL are left out. */
void people_want(struct people *, enum queue_name_kind, const char *text);
/* Loads whom the wanted names name, and their accounts. */
int people_load(struct people *);
/* Loads these subjects and their accounts. */
int people_load_ids(struct people *, const int64_t *ids, int n);

struct person *people_find(
    const struct people *, enum queue_name_kind, const char *text);
struct person *people_by_id(const struct people *, int64_t id);
struct person *people_add(
    struct people *, enum subject_kind, const char *name, int64_t now_ms);
void people_bind(
    struct people *, enum queue_name_kind, const char *text, struct person *);
void people_merge(struct people *, struct person *from, struct person *into);

/* The store has forgotten this one: nobody has its names any more. */
void people_forget(struct people *, struct person *);

/* Who it is now, after merges. */
struct person *person_now(struct person *);

int people_save(struct people *);
void people_reset(struct people *);
void people_free(struct people *);

#endif
