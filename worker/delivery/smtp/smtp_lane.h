/* SPDX-License-Identifier: MIT */
#ifndef WORKER_DELIVERY_SMTP_SMTP_LANE_H
#define WORKER_DELIVERY_SMTP_SMTP_LANE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <openssl/types.h>

#include "worker/delivery/smtp/smtp_io.h"
#include "worker/delivery/transport.h"
#include "worker/settings/settings.h"

/*
 * smtp_lane - one relay as the loop's thread and the SMTP threads share it:
 * messages in, verdicts out, how far each connection may run ahead, and whether
 * the relay works at all. Everything is under one lock; nothing here calls out.
 *
 * Invariant: a connection starts a message only while it has given fewer
 * verdicts than `unsettled` that are not committed. The count belongs to the
 * slot and survives the thread in it, so that new threads gain nothing.
 */
/* What carries a message: libesmtp, or libcurl where that cannot. */
enum smtp_way { SMTP_ANY_WAY, SMTP_ESMTP, SMTP_CURL };

enum smtp_slot_state { SLOT_EMPTY, SLOT_RUNNING, SLOT_ENDED };

/* Room for one connection and the thread that has it. */
struct smtp_slot {
	struct smtp_lane *lane;
	enum smtp_slot_state state;
	pthread_t thread;
	pthread_cond_t go; /* a message that it may take, or the end */
	bool waits;	   /* for that */
	bool is_slow;	   /* the last message took long: see SMTP_FRESH_MS */
	int ahead;	   /* verdicts given and not settled */
	struct delivery *lent; /* see smtp_lane_lend() */
	bool is_recalled;      /* what was lent */
	struct smtp_io io;
};

struct smtp_result {
	struct delivery *delivery;
	struct smtp_slot *slot; /* NULL: it never was with a connection */
};

/* Things for the loop, taken out in one go. */
struct smtp_news {
	struct smtp_result *results; /* in the order they were given */
	int n_results, cap;
	struct buf notices; /* each with a NUL behind it */
	bool ready;	    /* there is room again */
};

struct smtp_lane {
	const struct channel *channel;
	bool only_curl; /* for all that goes to this relay */
	SSL_CTX *tls;	/* NULL: none; under the lock */
	pthread_mutex_t lock;
	int wake_fd; /* eventfd of the loop */
	struct delivery *first, **last;
	int waiting; /* in the list */
	int taken;   /* with connections */
	int size;    /* of the list, at most */
	struct smtp_slot *slots;
	int n_slots, running;
	int live;	    /* connections that have mail accepted */
	int idle;	    /* threads that wait for a message */
	int64_t took_at_ms; /* when the last one was taken */
	struct smtp_news news;
	bool woken;  /* wake_fd was written to, the loop is to come */
	bool hungry; /* the list was full */
	bool stopping;
	int failures;	    /* of the relay, in a row */
	int64_t open_at_ms; /* after a failure: try again then */
	char why[300];	    /* of the last one */
	int64_t grow_at_ms; /* no more connections before that */
};

/*
 * What was said at the gates holds for so long: a message that was offered
 * before does not begin, except as the first of a connection.
 */
#define SMTP_FRESH_MS 2000
bool smtp_is_stale(const struct delivery *);

/* Monotonic milliseconds. */

void smtp_lane_init(
    struct smtp_lane *, const struct channel *, SSL_CTX *tls, int wake_fd);
void smtp_lane_free(struct smtp_lane *);

/* For the loop's thread. */
int smtp_lane_room(struct smtp_lane *);
void smtp_lane_offer(struct smtp_lane *, struct delivery *);
/* Those that wait are released. */
void smtp_lane_take_back(struct smtp_lane *);
void smtp_lane_settled(struct smtp_lane *, struct smtp_slot *);
/* `out` is zeroed or had before; its space is used again. */
void smtp_lane_news(struct smtp_lane *, struct smtp_news *out);
/*
 * A slot to start a thread in, counted as running, or NULL. join: the thread
 * that was there before has ended and is to be joined.
 */
struct smtp_slot *smtp_lane_grow(struct smtp_lane *, bool *join);
/* How long the relay is to be left alone; 0: it is not. */
int64_t smtp_lane_pause_ms(struct smtp_lane *);
void smtp_lane_status(struct smtp_lane *, struct transport_status *);
/* Somebody says that the relay works again. */
void smtp_lane_resume(struct smtp_lane *);
/* No more messages start; those that wait are released. */
void smtp_lane_stop(struct smtp_lane *);
bool smtp_lane_is_idle(struct smtp_lane *);
/* Sessions end at once; what is lent is released, whatever they wait for. */
void smtp_lane_cut(struct smtp_lane *);

/* From now on; the old one ends with the sessions that have it. */
void smtp_lane_set_tls(struct smtp_lane *, SSL_CTX *);

/* For the threads. */

/* To be freed by the caller. NULL: none. */
SSL_CTX *smtp_lane_tls(struct smtp_lane *);
/* Whether all mail of the channel goes through libcurl. */
bool smtp_only_curl(const struct channel *);
enum smtp_way smtp_lane_way(const struct smtp_lane *, const struct delivery *);
/*
 * The next message, or NULL when there was none for so long, none is to start,
 * or the next one goes another way. in_hand: messages that this slot has and
 * will give verdicts for.
 */
struct delivery *smtp_lane_take(
    struct smtp_slot *, enum smtp_way, int in_hand, int wait_ms);
void smtp_lane_give(struct smtp_slot *, struct delivery *);
/*
 * The thread is about to look the relay up, which nothing can end: until it
 * begins, the lane may recall the message. It has then had its verdict, is not
 * the thread's any more, and smtp_lane_begin() says false.
 */
void smtp_lane_lend(struct smtp_slot *, struct delivery *);
bool smtp_lane_begin(struct smtp_slot *);

/* A connection has had a first sensible answer to MAIL; that one has ended. */
void smtp_lane_works(struct smtp_lane *);
void smtp_lane_closed(struct smtp_lane *);

/*
 * A connection failed before any mail: the relay does not work. It is left
 * alone for 1 s, doubling up to 5 min, at once when it refuses the login.
 * Where other connections work, only no more are opened for a minute. The reply
 * is what the relay said, or NULL; its words are not for the log.
 */
void smtp_lane_failed(struct smtp_lane *, const char *what,
    const struct verdict *reply, bool login);
void smtp_lane_notice(struct smtp_lane *, const char *text);

/* The thread in the slot ends, or could not be started. */
void smtp_lane_leave(struct smtp_slot *, enum smtp_slot_state);

#endif
