/* SPDX-License-Identifier: MIT */
#ifndef QUEUE_QUEUE_H
#define QUEUE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * queue - what survives a crash: people, events, wake-ups, messages.
 *
 * Everything between queue_begin() and queue_commit() becomes durable together
 * or not at all. After a failed write or commit every later call fails with the
 * same error until the store is opened again: a queue that cannot write must
 * not look as if it could.
 *
 * The queue has no clock, no thread and no idea what a sequence is. Times are
 * milliseconds since the epoch and come from the caller; 0 means none. Calls
 * take sets, so that a store behind a network answers a turn in a few round
 * trips. All calls but open return 0 (or a count) or -1 with queue_error() set.
 *
 * Strings in rows that a call returns belong to the queue and live until the
 * transaction ends (or, outside of one, until the next queue_begin()). Strings
 * that the caller passes are only read during the call. NULL and "" are the
 * same for optional text, which comes back as "".
 */
struct queue;

enum queue_failure {
	QUEUE_OK,
	QUEUE_FAILED,	 /* disk full, I/O error, no permission */
	QUEUE_HELD,	 /* another worker has the store */
	QUEUE_NEWER,	 /* written by a newer program */
	QUEUE_DAMAGED,	 /* not a store, or its checks fail */
	QUEUE_FULL,	 /* no room on the disk: see queue_recover() */
	QUEUE_READ_ONLY, /* the file system is, or has become so */
	QUEUE_MOVED,	 /* the file is not in its place any more */
};

struct queue_error {
	enum queue_failure what;
	char text[400];
};

enum queue_mode {
	QUEUE_WORKER, /* holds the store: one at a time; makes and migrates it
		       */
	QUEUE_READER, /* looks on while a worker works; writes nothing */
	QUEUE_MEMORY, /* a worker's store that is gone when closed; no path */
};

/*
 * `url` is a path (later also postgresql://). NULL on failure. A worker's open
 * checks the file quickly (header, schema version, quick structural test of a
 * store that was not closed cleanly).
 */
struct queue *queue_open(
    const char *url, enum queue_mode, struct queue_error *);
void queue_close(struct queue *);
const struct queue_error *queue_error(const struct queue *);

int queue_begin(struct queue *);
int queue_commit(struct queue *);
void queue_rollback(struct queue *);

/*
 * Rows that a long walk has read and is done with: gives back the memory of all
 * that calls have returned since the mark, within one transaction.
 */
struct queue_mark {
	void *block;
	size_t used;
};
struct queue_mark queue_mark(const struct queue *);
void queue_release(struct queue *, struct queue_mark);

/*
 * The store's named secrets and small settings; value NULL when not there, and
 * to remove one.
 */
int queue_setting_get(struct queue *, const char *name, const char **value);
int queue_setting_put(struct queue *, const char *name, const char *value);

/* ------------------------------------------------------- people, accounts */

enum queue_name_kind {
	QUEUE_USER_ID = 1,
	QUEUE_ANONYMOUS_ID = 2,
	QUEUE_ACCOUNT_ID = 3,
};

struct queue_name {
	enum queue_name_kind kind;
	const char *text;
};

enum queue_subject_kind { QUEUE_USER = 1, QUEUE_ACCOUNT = 2 };

/* Which columns a save writes; a new subject is written whole. */
#define QUEUE_SAVE_TRAITS 1u /* name, traits, email, account */
#define QUEUE_SAVE_STATE  2u /* state, wake_at_ms */

struct queue_subject {
	int64_t id; /* 0: not stored yet; filled in by the save */
	enum queue_subject_kind kind;
	const char *name;   /* userId, else anonymousId; groupId */
	const char *email;  /* for looking people up; as given */
	const char *traits; /* JSON object */
	const char *state;  /* what the engine keeps; opaque here */
	int64_t account;    /* a user's account; 0: none */
	int64_t wake_at_ms; /* 0: no wake-up */
	int64_t created_at_ms;
	unsigned save; /* in: QUEUE_SAVE_ bits */
};

/* Ids of the subjects with these names; 0 where there is none. */
int queue_names_find(
    struct queue *, const struct queue_name *, int n, int64_t *ids);
/* Names given to a subject, new or moved from another one. */
int queue_names_bind(
    struct queue *, const struct queue_name *, int n, const int64_t *ids);
/* All names of one subject. Returns how many (at most max), or -1. */
int queue_names_of(
    struct queue *, int64_t subject, struct queue_name *out, int max);

/* In the order of ids; out[i].id is 0 where there is none. */
int queue_subjects_load(
    struct queue *, const int64_t *ids, int n, struct queue_subject *out);
int queue_subjects_save(struct queue *, struct queue_subject *, int n);

/*
 * All that belongs to `from` (names, events, messages, decisions) becomes
 * `into`'s, and `from` is gone. Traits and state are the caller's to merge and
 * save before.
 */
int queue_subject_merge(struct queue *, int64_t from, int64_t into);
/*
 * Erases a subject with all that belongs to it. Suppressions stay. An account's
 * members and their events go on without one; for an account both this and the
 * merge read through all events.
 */
int queue_subject_forget(struct queue *, int64_t subject);

/* Subjects of a kind after `after` (an id), in order of id. Count or -1. */
int queue_subjects_after(struct queue *, enum queue_subject_kind, int64_t after,
    int64_t *ids, int max);
int64_t queue_subjects_last(struct queue *); /* the highest id; 0: none, -1 */

/* Users of an account after `after` (an id), in order of id. Count or -1. */
int queue_members(
    struct queue *, int64_t account, int64_t after, int64_t *ids, int max);
/* All of them are to be looked at: none has a wake-up later than that. */
int queue_members_wake(struct queue *, int64_t account, int64_t at_ms);

/*
 * Subjects of whose names (queue_names_bind) or email one is `text`, then those
 * where one begins with it. Email in any case. The first `skip` are left out,
 * for the next page. Count or -1.
 */
int queue_subjects_search(struct queue *, const char *text, int64_t skip,
    struct queue_subject *out, int max);

/*
 * A wake-up is a time at which a subject must be looked at: one a subject, the
 * earliest, kept with it (wake_at_ms). Ids of up to max subjects that are due
 * at now_ms, the longest due first. Saving the subject with another wake_at_ms
 * takes it off this list.
 */
int queue_wakeups_due(struct queue *, int64_t now_ms, int64_t *ids, int max);
int64_t queue_wakeup_next(struct queue *); /* earliest; 0: none; -1: failed */

/* ----------------------------------------------------------------- events */

struct queue_event {
	int64_t id; /* out */
	const char *message_id;
	int64_t subject;
	int64_t account;  /* that it was for; 0: none, -1: an older store did
			   * not say */
	const char *type; /* "track", "identify", ... */
	const char *name; /* of the event; "" for identify and the like */
	const char *body; /* JSON object: properties or traits */
	int64_t at_ms;	  /* when it happened */
	int64_t received_ms;
};

/*
 * Which of these messageIds have been seen since `since_ms`? A new one counts
 * as seen from now on (also for later ones in the same set).
 */
int queue_events_dedupe(struct queue *, const char *const *message_ids, int n,
    int64_t now_ms, int64_t since_ms, bool *seen);
int queue_events_add(struct queue *, struct queue_event *, int n);
/*
 * The ids of one subject's, oldest first: *ids is the caller's to free. Count
 * or -1.
 */
int queue_event_ids(struct queue *, int64_t subject, int64_t **ids);
/* In the order of ids; those that have been trimmed are left out. Count. */
int queue_events_load(
    struct queue *, const int64_t *ids, int n, struct queue_event *out);
/* One subject's, newest first: those before the event `before` (0: all). */
int queue_events_of(struct queue *, int64_t subject, int64_t before,
    struct queue_event *out, int max);

/* --------------------------------------------------------------- messages */

enum queue_state { /* design: life of a message */
	QUEUE_QUEUED,
	QUEUE_SENDING,
	QUEUE_SENT,
	QUEUE_REFUSED,
	QUEUE_UNSURE,
	QUEUE_HELD_BACK, /* shown as "held" */
	QUEUE_EXPIRED,
	QUEUE_SKIPPED,
	QUEUE_CANCELLED,
	QUEUE_STATES /* how many */
};
const char *queue_state_name(enum queue_state); /* "queued", ... "held" */
int queue_state_parse(const char *name);	/* -1: no such state */

struct queue_message {
	int64_t id;   /* out: order of creation */
	char key[27]; /* base32, unique, stable over retries */
	int64_t subject;
	const char *sequence; /* "" for a message sent by hand */
	int entry;
	const char *step;
	const char *template_name;
	const char *channel;
	const char *recipient; /* role: "user", "account.owner", contact */
	const char *topic;
	const char *data; /* JSON object: event, entry, data */
	enum queue_state state;
	int64_t created_at_ms;
	int64_t next_at_ms;    /* not before */
	int64_t expires_at_ms; /* pointless afterwards; 0: never */
	int64_t settled_at_ms; /* when it reached a final state */
	int attempts;	       /* finished ones */
	const char *reason;    /* of the state, in words; last reply */
	const char *address;   /* that it went to; set when claimed */
	const char *provider_id;
};

/* Messages whose key exists already are left as they are: duplicate[i]. */
int queue_messages_add(
    struct queue *, const struct queue_message *, int n, bool *duplicate);

/*
 * Up to max queued messages of a channel that are due at now_ms, the longest
 * due first. They stay queued until queue_messages_update() says otherwise.
 */
int queue_messages_due(struct queue *, const char *channel, int64_t now_ms,
    struct queue_message *out, int max);
int64_t queue_message_next(struct queue *, const char *channel);

/*
 * Writes state, next_at_ms, settled_at_ms, attempts, reason, address and
 * provider_id of messages known by id and key; one that is gone stays gone.
 */
int queue_messages_update(struct queue *, const struct queue_message *, int n);
/* Writes the data of one. */
int queue_message_put_data(struct queue *, int64_t id, const char *data);

/* Left in `sending` by a worker that died: their outcome is not known. */
int queue_messages_unsettled(
    struct queue *, struct queue_message *out, int max);

struct queue_message_filter {
	const char *key;      /* or NULL */
	int64_t subject;      /* or 0 */
	int state;	      /* or -1 */
	const char *sequence; /* or NULL */
	int64_t before;	      /* id, for the next page; 0: from the newest */
};
/* Newest first. Count or -1. */
int queue_messages_find(struct queue *, const struct queue_message_filter *,
    struct queue_message *out, int max);
int queue_messages_count(struct queue *, int64_t counts[QUEUE_STATES]);
/* Of the newest `newest` messages of a sequence: by step, template, state. */
struct queue_step_count {
	const char *step, *template_name;
	enum queue_state state;
	int64_t count;
};
int queue_messages_by_step(struct queue *, const char *sequence, int newest,
    struct queue_step_count *out, int max);
/* Queued messages of a channel, due or not, counted up to max. Or -1. */
int64_t queue_messages_waiting(struct queue *, const char *channel, int max);
/* The channel after this name that has queued messages; NULL: none. */
int queue_channel_next(struct queue *, const char *after, const char **name);
/*
 * How many messages with a topic this subject got since then, for caps: those
 * sent, those that may have been (unsure), and those on their way. Or -1.
 */
int queue_messages_sent_since(
    struct queue *, int64_t subject, int64_t since_ms);

/* -------------------------------------------------------------- decisions */

#define QUEUE_NOBODY 0 /* the subject of what is about no person or account */

struct queue_decision {
	int64_t id; /* out */
	int64_t subject;
	int64_t at_ms;
	const char *sequence;
	int entry;
	const char *step;
	const char *what;   /* "entered", "sent", "skipped", "exited", ... */
	const char *reason; /* in words */
	const char *values; /* JSON object: the values that made it; or NULL */
};

int queue_decisions_add(struct queue *, const struct queue_decision *, int n);
int queue_decisions_of(struct queue *, int64_t subject, int64_t before,
    struct queue_decision *out, int max);

/* ------------------------------------------------------------ suppression */

/*
 * An address that must not be mailed, for one topic or ("") for all of them.
 * Only a hash of the folded address is kept, so that a person can be forgotten
 * and still be left alone.
 */
int queue_suppress(struct queue *, const char *address, const char *topic,
    const char *reason, int64_t at_ms);
int queue_unsuppress(struct queue *, const char *address, const char *topic);
/* 1 with the reason when suppressed for the topic or for all, 0, -1. */
int queue_suppressed(struct queue *, const char *address, const char *topic,
    const char **reason);
/* The same of what was said of this very topic, or of all of them together. */
int queue_suppression(struct queue *, const char *address, const char *topic,
    const char **reason);

/* ------------------------------------------------------------ maintenance */

/*
 * Copies the write-ahead log into the file, on a connection of its own, so that
 * a thread of the caller's can do it while the worker works. The queue itself
 * never checkpoints, except when it is closed.
 */
struct queue_checkpointer;
struct queue_checkpointer *queue_checkpointer_open(
    const char *url, struct queue_error *);
/* 1: all is copied, 0: the rest must wait, as somebody still reads, or -1. */
int queue_checkpoint(struct queue_checkpointer *);
/* The same, and the log is empty then: nothing erased is left in it. */
int queue_checkpoint_wipe(struct queue_checkpointer *);
const struct queue_error *queue_checkpointer_error(
    const struct queue_checkpointer *);
void queue_checkpointer_close(struct queue_checkpointer *);
int64_t queue_log_bytes(const struct queue *); /* size of the log now */

/*
 * A file that is removed or replaced while a worker has it open is lost with
 * the worker. The next begin notices, copies all of it to PATH.rescued, takes
 * its log away from whatever has its place now, and fails with QUEUE_MOVED.
 *
 * In which files, wherever they are, all that was committed is: the store's
 * own, and the one that it was rescued to. All zero: not in that one.
 */
struct queue_file {
	uint64_t device, inode;
};
void queue_files(const struct queue *, struct queue_file out[2]);
/* Is it what is at that path? */
bool queue_file_is(const struct queue_file *, const char *path);

/*
 * A full disk. A worker's store keeps some room in reserve (PATH.reserve) to
 * finish what is in flight. When a call fails with QUEUE_FULL, the transaction
 * is lost; queue_recover() then gives that room up and takes the failure back,
 * once: 0, or -1 when there is none left or the failure is another one. From
 * then on queue_is_full() says that nothing new should be taken, until a later
 * queue_recover() has found room for a new reserve.
 */
int queue_recover(struct queue *);
bool queue_is_full(const struct queue *);

/* What the clock showed when the newest of these rows came. 0: none, or -1. */
int64_t queue_last_used(struct queue *);

/*
 * Deletes what is older: messageIds that were seen, and events, decisions and
 * settled messages; of each kind up to max rows a call. Returns how many it
 * looked at; 0 at the end of a round through all of them; or -1. To be called
 * until it is 0.
 */
int queue_trim(struct queue *, int64_t seen_before_ms, int64_t before_ms,
    int64_t now_ms, int max);

/*
 * Copies a store as it is now, beside a worker that goes on: `to` is a new
 * file, only for its owner, and appears under that name when all of it is on
 * the disk. The copy holds a snapshot, so that meanwhile the worker's log
 * grows.
 */
struct queue_backup;
struct queue_backup *queue_backup_open(
    const char *url, const char *to, struct queue_error *);
/* Up to max pages. 1: there is more, 0: done, -1 with the error. */
int queue_backup_step(struct queue_backup *, int max, struct queue_error *);
/* In bytes, of the steps so far and of all. */
void queue_backup_progress(
    const struct queue_backup *, int64_t *done, int64_t *total);
void queue_backup_close(struct queue_backup *); /* NULL is fine */

#endif
