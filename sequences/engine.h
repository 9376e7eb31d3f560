/* SPDX-License-Identifier: MIT */
#ifndef SEQUENCES_ENGINE_H
#define SEQUENCES_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "sequences/event.h"
#include "sequences/rules/rules.h"
#include "sequences/subject.h"
#include "templates/error.h"
#include "templates/liquid/liquid.h"

/*
 * engine - the pure core: rules, a subject, what happened, and now, to
 * decisions. It reads and changes only what it is given. Same inputs, same
 * decisions: no clock, no randomness, no order of addresses.
 *
 * The worker, simulate, backtest and test all call these functions.
 */

/* In words. Of what is longer so much is kept; an operator's note fits. */
#define ENGINE_REASON_SIZE 400

enum decision_what {
	DECISION_ENTERED,
	DECISION_REFUSED, /* did not enter although the event came */
	DECISION_SEND,	  /* a message is to be queued */
	DECISION_SKIPPED, /* a step passed over */
	DECISION_WAITED,  /* what a step waited for has come, or not */
	DECISION_PAUSED,
	DECISION_RESUMED,
	DECISION_EXITED,
	DECISION_GOAL,
	DECISION_FINISHED, /* the last step is done */
};
const char *decision_name(enum decision_what); /* "entered", ... */

/* A message that a step asks for; DECISION_SEND only. */
struct outgoing {
	char *template_name;
	/*
	 * "user", "account.owner", a contact's name, or "members:K": every
	 * member of the account for whom engine_is_meant() says so.
	 */
	char *recipient;
	char *variant; /* of a split, or NULL */
	char *topic;   /* of the sequence, or NULL */
	int64_t not_before_ms;
	int64_t expires_at_ms; /* 0: never */
	json_t *event;	       /* what started the entry, or NULL; owned */
	int64_t entered_ms;
	int day; /* local days since the entry */
};

struct decision {
	enum decision_what what;
	bool for_account; /* the account's, not the user's whose event came */
	const char *sequence; /* lives as long as the rules */
	int entry;
	const char *step; /* id, or NULL; lives as long as the rules */
	char reason[ENGINE_REASON_SIZE]; /* with the values that made it */
	struct outgoing *send;
};

/* What one call decided, in order. Zeroed: empty. */
struct decisions {
	struct decision *list;
	int count, cap;
};
void decisions_free(struct decisions *);
void decisions_clear(struct decisions *); /* keeps the room */

/*
 * First of all for a subject that is new, before its traits: it is up to date,
 * and what holds of somebody of whom nothing is known (no task yet is below 5)
 * fires only when it holds again. An account is left behind while the rules are
 * not settled.
 */
void engine_begin(const struct rules *, struct subject *, int64_t now_ms);

/*
 * An event came (identify and group calls come as events without a name, after
 * their traits were set). `account` is the user's, or NULL. Both subjects may
 * change; their wake_at_ms is right afterwards. A decision about a sequence for
 * accounts (rules_info()) is the account's, all others are the user's. Returns
 * 0, or -1 when a condition cannot be evaluated ("a" < 1): nothing else is
 * lost, the decision says so.
 */
int engine_apply(const struct rules *, struct subject *user,
    struct subject *account, const struct event *, int64_t now_ms,
    struct decisions *out);

/*
 * A subject's wake-up came, or something about it changed that is no event.
 * `account` as above (NULL if `s` is one); it may change as well: decisions
 * about sequences for accounts are the account's.
 */
int engine_wake(const struct rules *, struct subject *s,
    struct subject *account, int64_t now_ms, struct decisions *out);

/*
 * Is the subject behind the definitions (rules.h)? Then each of a user's stored
 * events goes through engine_replay() first, oldest first, with the user's
 * account and the one that the event was for (NULL: none); after that,
 * engine_apply() and engine_wake() do the rest. An account is behind only once
 * rules_is_settled().
 */
bool engine_is_behind(const struct rules *, const struct subject *);
/* ... and is there anything new that events feed? */
bool engine_wants_replay(const struct rules *, const struct subject *);
void engine_replay(const struct rules *, struct subject *user,
    const struct subject *account, struct subject *of, const struct event *,
    int64_t now_ms);

/*
 * The user is no longer a member of the account: what it adds to the account's
 * metrics is taken away. Decisions are the account's.
 */
int engine_leave(const struct rules *, struct subject *user,
    struct subject *account, int64_t now_ms, struct decisions *out);

/*
 * A minimum or maximum over the members has lost all values that the account
 * keeps: begin, give every member, then engine_wake() the account.
 */
bool engine_wants_recount(const struct rules *, const struct subject *account);
void engine_recount_begin(const struct rules *, struct subject *account);
void engine_recount(const struct rules *, struct subject *account,
    const struct subject *member);

/*
 * Is this member of the account meant by the recipient "members:K" of the step?
 * 1, 0, or -1 when the step or the recipient is no longer defined.
 */
int engine_is_meant(const struct rules *, const char *sequence, int version,
    const char *step, const char *recipient, const struct subject *member,
    const struct subject *account, int64_t now_ms);

/*
 * By hand; `why` says whose, and goes into the decision. Each returns 0, or -1
 * with the reason as the error: no such sequence, not manual, already inside,
 * not inside. After a resume or a skip the subject's wake-up is now: what is
 * due then is decided by engine_wake().
 */
int engine_enter(const struct rules *, struct subject *,
    struct subject *account, const char *sequence, const char *why,
    int64_t now_ms, struct decisions *out, struct error *);
int engine_exit(const struct rules *, struct subject *, const char *sequence,
    const char *why, int64_t now_ms, struct decisions *out, struct error *);
int engine_pause(const struct rules *, struct subject *, const char *sequence,
    const char *why, int64_t until_ms, int64_t now_ms, struct decisions *out,
    struct error *);
int engine_resume(const struct rules *, struct subject *, const char *sequence,
    const char *why, int64_t now_ms, struct decisions *out, struct error *);
int engine_skip(const struct rules *, struct subject *, const char *sequence,
    const char *why, int64_t now_ms, struct decisions *out, struct error *);

/*
 * A message of a sequence is about to be sent: is it still wanted? Looks at
 * exits again, and at pauses, expiry and the step's window. Changes nothing.
 */
enum engine_gate { ENGINE_GO, ENGINE_SKIP, ENGINE_WAIT };
struct engine_message {
	const char *sequence, *step;
	int entry;
	int64_t created_at_ms, expires_at_ms;
};
struct engine_answer {
	enum engine_gate gate;
	int64_t until_ms; /* ENGINE_WAIT: not before */
	char reason[ENGINE_REASON_SIZE];
};
struct engine_answer engine_gate(const struct rules *, const struct subject *,
    const struct subject *account, const struct engine_message *,
    int64_t now_ms);
/*
 * Something that the message needs is not defined: it waits for that to come
 * back, until it expires, or for a week if it never does.
 */
struct engine_answer engine_await(
    const struct engine_message *, int64_t now_ms, const char *what);
/* Or else who is there sleeps until the sequence comes back. */
bool engine_is_defined(
    const struct rules *, const struct subject *, const struct place *);

/*
 * What conditions and templates of this subject see: user, account, metric,
 * event, entry, now. The lookup's argument is a struct engine_scope *.
 */
struct engine_scope {
	const struct rules *rules;
	const struct subject *subject, *account; /* account may be NULL */
	json_t *event;				 /* may be NULL */
	json_t *entry;				 /* may be NULL */
	int64_t now_ms;
	/* The rest may stay zero. */
	const struct zone *zone;   /* the person's; found when needed */
	const struct place *place; /* gives entry and event if these are NULL */
	bool is_lean;		   /* account without its metric */
	const char *const *metrics; /* that `metric` must have; NULL: all */
	json_t *made[4]; /* built on demand; freed by engine_scope_free() */
	const char *const *made_for; /* `metrics` that `metric` has by now */
};
json_t *engine_scope_lookup(void *scope, const char *name);
/* The value of one metric of the subject, or NULL; borrowed from the scope. */
json_t *engine_scope_metric(struct engine_scope *, const char *name);
void engine_scope_free(struct engine_scope *);

/* The subject's time zone: its own, its account's, the workspace's. */
const struct zone *engine_zone(const struct rules *, const struct subject *,
    const struct subject *account);

#endif
