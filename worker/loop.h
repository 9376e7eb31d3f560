/* SPDX-License-Identifier: MIT */
#ifndef WORKER_LOOP_H
#define WORKER_LOOP_H

#include <event2/event.h>

#include "worker/checkpoint.h"
#include "worker/http/server.h"
#include "worker/lanes/lanes.h"
#include "worker/sweep.h"
#include "worker/settings/watch_files.h"
#include "worker/worker.h"

/*
 * loop - what the files that make up the worker share, and nobody else:
 * worker.c has the turns, load.c what they work with.
 */
struct outage {
	struct queue_error error;   /* why it is; QUEUE_OK: there is none */
	struct queue_file files[2]; /* that have all of the store */
	int64_t told_at, try_at;    /* monotonic */
	int64_t pause_ms;
};

/* What the clocks showed when a turn last looked. */
struct jump {
	int64_t now_ms, boot_ms; /* 0: it never has */
	int64_t hold_until;	 /* monotonic; 0: nothing is held up */
};

struct worker {
	const struct worker_options *options;
	struct event_base *base;
	struct event *turn_event, *gather, *timer, *signals[4];
	struct event *watchdog;
	struct server *server;
	struct workspace *workspace;
	char *store;	  /* its path, that of the start */
	char *known;	  /* the definitions that the store has; NULL: none */
	bool is_prepared; /* ... and they are those of the workspace */
	struct watch_files *files;
	struct sweep sweep;
	struct clock clock;
	struct jump jump;
	struct queue *queue; /* NULL while the store cannot be used */
	struct turn turn;
	struct checkpoint *checkpoint;
	struct lanes lanes;
	struct input *inputs, **inputs_tail;
	int64_t n_events;	     /* waiting in the inputs */
	int64_t backlog;	     /* these, or kilobytes of them */
	int arrivals, last_arrivals; /* since the last turn; before it */
	int64_t first_arrival_us;    /* monotonic */
	int64_t next_wakeup_ms;	     /* 0: none */
	int64_t next_laneless_ms;    /* of messages that no lane has; 0: none */
	int64_t trim_at;	     /* monotonic */
	bool is_trimming;	     /* a round is under way */
	struct outage outage;
	int64_t drain_until; /* monotonic; 0: not draining */
	bool must_recover;   /* the store may have messages in `sending` */
	int exit_code;
};

/* An input, a verdict or a change is there: a turn comes soon. */
void loop_want_turn(void *worker);
/* When the next wake-up and the next message that no lane has are due. */
int loop_look_ahead(struct worker *);

/*
 * load - the workspace and the store, each taken over whole or not at all; what
 * is wrong goes to the log.
 */
int load_workspace(struct worker *);		       /* the first one */
int load_store(struct worker *, struct queue_error *); /* or -1 */
void load_close_store(struct worker *);
/* Reads the workspace again. With any mistake the worker keeps what it has. */
void load_again(struct worker *, const char *why);
/* Files of the workspace are followed, or not, as its settings say. */
void load_watch(struct worker *);
/* The turn is committed: its definitions are in the store now. */
void load_committed(struct worker *);

/*
 * outage - while the store cannot be written. Nothing new is taken, calls that
 * only read are answered, and the store is tried again after growing pauses.
 */
bool outage_is_on(const struct worker *);
const char *outage_reason(const struct worker *);
/* The turn has failed and is undone. */
void outage_begin(struct worker *);
/* Tries the store again, if it is time to. */
void outage_try(struct worker *, int64_t monotonic_ms);
/* A turn was committed to a store with room. */
void outage_end(struct worker *);
/* 503 with the reason, but for what can be answered all the same. */
void outage_refuse(struct worker *, struct input *);

/*
 * jump - a clock that somebody has set. Far ahead of its time all that waits
 * would be too late and all that is kept too old, at once and for good: so what
 * is due waits some minutes, and nothing old is deleted for a day.
 */
/* At the start: against what the store was last used at. 0 or -1. */
int jump_start(struct worker *);
/* Before a turn: against the time that has passed since the last. */
void jump_look(struct worker *, int64_t monotonic_ms);
bool jump_holds(const struct worker *);

/* Tells the log how things stand. */
void status_log(struct worker *);

#endif
