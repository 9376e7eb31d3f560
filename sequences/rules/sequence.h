/* SPDX-License-Identifier: MIT */
#ifndef SEQUENCES_SEQUENCE_H
#define SEQUENCES_SEQUENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "sequences/calendar.h"
#include "sequences/rules/condition.h"
#include "sequences/rules/reader.h"

/*
 * sequence - one file of sequences/, read and checked (design 6.2). Only
 * sequence.c and the engine look inside.
 */

/* What must happen for a sequence to begin, end, pause or reach its goal. */
enum trigger_kind {
	TRIGGER_EVENT,	   /* an event of that name, and the condition holds */
	TRIGGER_CONDITION, /* the condition holds, whatever happened */
	TRIGGER_MANUAL,	   /* an operator or the API */
	/* Ways in that watch (watch.c): each subject has a record. */
	TRIGGER_THRESHOLD, /* a metric crosses a value */
	TRIGGER_STAGNANT,  /* a metric's best has not risen for a while */
	TRIGGER_MISSING,   /* an event has not come in time after another */
	TRIGGER_IDLE,	   /* no such event for a while */
	TRIGGER_DATE,	   /* a moment that a trait names */
};

enum reenter { REENTER_NEVER, REENTER_AFTER_EXIT, REENTER_AFTER };

struct trigger {
	enum trigger_kind kind;
	/* Name of the event; missing, idle: the one that is waited for. */
	char *on;
	struct condition *condition; /* NULL: always */
	/*
	 * pause: for; goal: within, 0: to the end; threshold: dwell; stagnant,
	 * missing, idle: that long; date: offset, may be negative
	 */
	int64_t period_ms;
	enum reenter reenter;
	int64_t reenter_after_ms; /* since the last entry */

	/* Ways in that watch. */
	int number;	     /* of the definition (rules.h); 0: not one */
	char *text;	     /* what the number stands for, without it */
	char *metric;	     /* threshold, stagnant; idle: since, or NULL */
	bool is_above;	     /* threshold; else below */
	double level, rearm; /* threshold; stagnant: level is the gain */
	int64_t cooldown_ms; /* threshold */
	bool fires_at_once;  /* baseline: "fire" */
	char *after;	     /* missing: the event that it counts from */
	struct liquid_value *date; /* date */
	char *date_text;	   /* the same, as written */
};

struct triggers {
	struct trigger *list;
	int n;
};

/* trigger.c; `into` is a struct triggers *. */
reader_fn read_enters, read_exits, read_pauses, read_goals;
void triggers_free(struct triggers *);

/* When something may be sent; read_hours() reads one. */
enum hours_kind { HOURS_INHERITED, HOURS_ANY, HOURS_WINDOW };

struct hours {
	enum hours_kind kind;
	struct window window;
	const struct zone *zone; /* NULL: the person's own */
};

reader_fn read_hours;

struct names {
	char **list;
	int n;
};

/*
 * One of several messages that a step may send: the first whose condition holds
 * (choose), or the one that the person is drawn for (split).
 */
struct option {
	struct condition *condition; /* NULL: always */
	char *variant;		     /* split: its name */
	int share;		     /* split: of 100 who are in it */
	struct names templates;
};

/* Who gets it: "user", "account.owner", a contact, or an account's members. */
struct recipient {
	char *name;		   /* "members:K" for the K-th of the list */
	struct condition *members; /* which members; NULL: not members */
};

struct recipients {
	struct recipient *list;
	int n;
};

/* What a step does. */
struct action {
	struct option *options; /* `send` is one without a condition */
	int n_options;		/* 0: nothing is sent */
	bool is_split;		/* options are variants */
	int holdout;		/* of 100 who get nothing of it */
	struct recipients to;
	bool is_stop; /* nothing after it */
};

enum step_when { STEP_AFTER, STEP_DAY, STEP_AT, STEP_WAIT };

struct step {
	char *id;
	enum step_when when;
	int day;		     /* STEP_DAY */
	int64_t after_ms;	     /* STEP_AFTER: the step before; 0: with it;
				      * STEP_AT: offset, may be negative */
	struct liquid_value *at;     /* STEP_AT: the date */
	char *at_text;		     /* the same, as written */
	struct trigger wait;	     /* STEP_WAIT: the event, and how long */
	struct condition *condition; /* NULL: always */
	struct action action;	     /* STEP_WAIT: when it has not come */
	struct hours hours;
};

struct sequence {
	char *name, *description;
	char *topic; /* NULL: none */
	bool for_account;
	bool is_pinned; /* edits: people inside finish what they entered */
	int number;	/* of this definition (rules.h) */
	char *text;	/* canonical JSON of the file */
	bool is_unused; /* an older version that nobody is in */
	struct triggers enter, exit, pause, goal; /* goal: at most one */
	struct hours hours;
	int64_t grace_ms;
	bool sends_late; /* after the grace, too */
	struct step *steps;
	int n_steps;
};

/* step_read.c; `into` is the sequence. */
reader_fn read_steps;
void steps_free(struct sequence *);

/* Reads reader->doc; what is wrong goes to the reader's problems. */
void sequence_read(struct sequence *, const char *name, struct reader *);
void sequence_free(struct sequence *);

/* A step's hours, its own or the sequence's; NULL: any. */
const struct hours *step_hours(const struct sequence *, const struct step *);

#endif
