/* SPDX-License-Identifier: MIT */
#ifndef WORKER_TURN_TURN_H
#define WORKER_TURN_TURN_H

#include <stdbool.h>
#include <stdint.h>

#include "queue/queue.h"
#include "sequences/engine.h"
#include "worker/delivery/transport.h"
#include "worker/token.h"
#include "worker/turn/people.h"
#include "worker/http/segment.h"
#include "worker/settings/workspace.h"

/*
 * turn - one turn of the worker on its store: what came in is decided and
 * becomes durable in one transaction. No sockets and no clock: the loop and
 * the commands call the same functions.
 *
 *	turn_begin
 *	  turn_ingest, turn_wake, turn_settle, turn_enter ...   in any order
 *	  turn_write      what they decided goes to the store
 *	  turn_fan_out    messages to an account's members
 *	  turn_claim      messages that are due, past their gates
 *	turn_commit       or turn_rollback: nothing of all this happened
 *
 * Functions return a count or 0, or -1 when the store failed: then only
 * turn_rollback() may follow, and queue_error() says why.
 */

struct pace; /* worker/lanes/pace.h */

/* Rows decided in this turn that wait for their subjects' ids. */
struct turn_event {
	struct person *person, *account;
	const struct segment_event *event;
};
struct turn_decision {
	struct person *person;
	struct queue_decision row;
};
struct turn_message {
	struct person *person;
	struct queue_message row;
};

/* Was merged with somebody who had been in that sequence. */
struct turn_double {
	struct person *person;
	const char *sequence;
};

struct turn {
	struct queue *queue;
	struct workspace *workspace;
	struct token_key *token_key; /* for the links below a mail */
	int64_t now_ms;
	int64_t received_ms; /* of the events being taken in */
	struct people people;
	struct arena arena; /* texts of the rows */
	struct decisions decisions;
	struct turn_event *events;
	struct turn_decision *decided;
	struct turn_message *messages;
	struct turn_double *doubles;
	int n_events, n_decided, n_messages, n_doubles;
	int cap_events, cap_decided, cap_messages, cap_doubles;
	int n_replayed, n_current; /* people that have been looked at for it */
	int n_history;		   /* stored events gone through */
	bool is_open;
	bool has_forgotten; /* somebody, who is still in the store's log */
};

/* Makes the store's secret when it has none. -1: the store failed. */
int turn_init(struct turn *, struct queue *, struct workspace *);
void turn_free(struct turn *);

int turn_begin(struct turn *, int64_t now_ms);
int turn_write(struct turn *);
int turn_commit(struct turn *);
void turn_rollback(struct turn *);

/*
 * Product events, in the order in which they happened. Duplicates are left
 * out; the rest has its effect. They must live until the turn ends.
 */
int turn_ingest(struct turn *, const struct segment_event *const *, int n);

/* Looks at up to max subjects whose wake-up is due. Returns how many. */
int turn_wake(struct turn *, int max);

/*
 * Everybody that a turn touches is brought up to date with the definitions
 * before anything looks at them. Loads these subjects and does so; the rest is
 * for the turn's own files.
 */
int turn_load_ids(struct turn *, const int64_t *ids, int n);
/*
 * The same for the first of many: one by one until the turn has gone through so
 * many stored events that others have waited long enough. Returns how many, at
 * least one of them.
 */
int turn_load_first(struct turn *, const int64_t *ids, int n);
bool turn_is_full(const struct turn *);

/*
 * Calls it with each stored event of that subject, oldest first, and with
 * `person`; anything but 0 ends it and is returned.
 */
typedef int history_fn(struct turn *, struct person *,
    const struct queue_event *, const struct event *);
int turn_history(struct turn *, int64_t subject, struct person *, history_fn *);
int turn_replay(struct turn *);	 /* stored events of those just loaded */
int turn_current(struct turn *); /* and all else */
void turn_catch_up(struct turn *, struct person *);
/* Time has passed, or something changed: the engine looks. */
void turn_look(struct turn *, struct person *);

/* `from` is `into`. */
void turn_merge(struct turn *, struct person *from, struct person *into);
/* After all merges: what they did counts, what they had waiting does not. */
int turn_merged(struct turn *);

/* The user is no member of an account any more, as far as metrics go. */
void turn_leave(struct turn *, struct person *);
/* Metrics that must go through all members once more. */
int turn_recount(struct turn *);

/* Erases a user with all that belongs to them; suppressions stay. */
int turn_forget(struct turn *, struct person *);

/* A person or account by id, anonymous id or account id; NULL: none. */
int turn_find(
    struct turn *, enum subject_kind, const char *id, struct person **out);

/*
 * Takes note of what the engine decided for this person, and for the account
 * whose sequences the same event touched (NULL: none).
 */
void turn_take(struct turn *, struct person *, struct person *account);
/* One row for the decision log. Texts but `what` are copied. */
void turn_note(struct turn *, struct person *, const char *sequence, int entry,
    const char *step, const char *what, const char *reason);

/* A message sent by hand. */
struct turn_send {
	const char *template_name;
	const char *idempotency_key; /* same key, same message */
	const char *recipient;	     /* "user" by default */
	int64_t at_ms;		     /* not before; 0: now */
	json_t *data;		     /* or NULL */
	bool override;		     /* past unsubscribes, caps, quiet hours */
};
/*
 * Queues it. 0 with the key, 1 when the same was queued with that key already,
 * -1 with the error when it cannot be: there is no such template or recipient,
 * or the key was used for something else.
 */
int turn_send(struct turn *, struct person *, const struct turn_send *,
    char key[27], struct error *);

/*
 * A message to an account's members ("members:K") waits on this channel, which
 * is none. Each member that is meant gets a message of its own, of the
 * account's entry: recipient RECIPIENT_MEMBER, the account's name in its data.
 */
#define CHANNEL_MEMBERS	 "members"
#define RECIPIENT_MEMBER "member"
/* Looks at up to max members of due ones. Returns how many, or -1. */
int turn_fan_out(struct turn *, int max);

/*
 * Takes up to max due messages of a channel through their gates. Those that
 * pass are marked as being sent and come back as a list of deliveries that the
 * caller frees with turn_delivery_free(); the others are moved or skipped. The
 * pace (NULL: none) says whether it is the turn of a recipient's domain.
 * `taken` is how many messages were looked at: less than max means that no more
 * are due.
 */
int turn_claim(struct turn *, const struct channel *, struct pace *, int max,
    struct delivery **out, int *taken);

/*
 * Channels that messages wait for and nudge.json does not have. 1 with the one
 * after `*name` (at first ""), 0, or -1.
 */
int turn_lost_channel(
    struct queue *, const struct settings *, const char **name);
/* When the first of their messages is to be looked at; 0: none, or -1. */
int64_t turn_lost_next(struct queue *, const struct settings *);
/* Up to max of each: some end at the gates, none is sent. 0 or -1. */
int turn_look_at_lost(struct turn *, int max);

/* Verdicts of deliveries that turn_claim() gave. */
int turn_settle(struct turn *, struct delivery *const *, int n);
void turn_delivery_free(struct delivery *);

/* What a crash left in `sending`: each gets its fate. Returns how many. */
int turn_recover(struct turn *);

/* A row of a message to this person, queued for now, to be completed. */
struct queue_message *turn_message(struct turn *, struct person *,
    const struct template_info *, const char *sequence, int entry,
    const char *step, const char *recipient);
const struct template_info *turn_template(
    const struct turn *, const char *name); /* NULL: none */
/* Copies that live until the turn ends. */
const char *turn_keep(struct turn *, const char *);
const char *turn_keep_json(struct turn *, const json_t *);

/*
 * What a template sees of this person, as a new object: the names given, or
 * (NULL) all of them.
 */
json_t *turn_scope(struct turn *, struct person *, json_t *event, json_t *entry,
    const char *const *names);

/* A key that no other message sent by hand has. */
void turn_unique(const struct turn *, char *out, size_t size);

/* A message's key: the hash of what makes it this one. */
void turn_key(char key[27], const struct subject *, const char *sequence,
    int entry, const char *step, const char *template_name, const char *channel,
    const char *recipient);

#endif
