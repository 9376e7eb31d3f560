/* SPDX-License-Identifier: MIT */
#ifndef SEQUENCES_SEQUENCE_H
#define SEQUENCES_SEQUENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "sequences/calendar.h"
#include "sequences/condition.h"
#include "sequences/reader.h"

/*
 * sequence - one file of sequences/, read and checked (design 6.2). Only
 * sequence.c and the engine look inside.
 */

/* What must happen for a sequence to begin, end, pause or reach its goal. */
enum trigger_kind {
	TRIGGER_EVENT,	   /* an event of that name, and the condition holds */
	TRIGGER_CONDITION, /* the condition holds, whatever happened */
	TRIGGER_MANUAL,	   /* an operator or the API */
};

enum reenter { REENTER_NEVER, REENTER_AFTER_EXIT, REENTER_AFTER };

struct trigger {
	enum trigger_kind kind;
	char *on;		     /* name of the event */
	struct condition *condition; /* NULL: always */
	int64_t period_ms; /* pause: for; goal: within, 0: to the end */
	enum reenter reenter;
	int64_t reenter_after_ms; /* since the last entry */
};

struct triggers {
	struct trigger *list;
	int n;
};

/* trigger.c; `into` is a struct triggers *. */
reader_fn read_enters, read_exits, read_pauses, read_goals;
void triggers_free(struct triggers *);

/* When something may be sent. */
enum hours_kind { HOURS_INHERITED, HOURS_ANY, HOURS_WINDOW };

struct hours {
	enum hours_kind kind;
	struct window window;
	const struct zone *zone; /* NULL: the person's own */
};

struct names {
	char **list;
	int n;
};

/* One of several messages that a step may send; the first that holds is. */
struct option {
	struct condition *condition; /* NULL: always */
	struct names templates;
};

enum step_when { STEP_AFTER, STEP_DAY };

struct step {
	char *id;
	enum step_when when;
	int day;	  /* STEP_DAY */
	int64_t after_ms; /* STEP_AFTER: the step before; 0: with it */
	struct condition *condition; /* NULL: always */
	struct option *options;	     /* `send` is one without a condition */
	int n_options;		     /* 0: nothing is sent */
	struct names to;
	bool is_stop; /* nothing after it */
	struct hours hours;
};

struct sequence {
	char *name, *description;
	char *topic; /* NULL: none */
	bool for_account;
	struct triggers enter, exit, pause, goal; /* goal: at most one */
	struct hours hours;
	int64_t grace_ms;
	bool sends_late; /* after the grace, too */
	struct step *steps;
	int n_steps;
};

/* Reads reader->doc; what is wrong goes to the reader's problems. */
void sequence_read(struct sequence *, const char *name, struct reader *);
void sequence_free(struct sequence *);

/* A step's hours, its own or the sequence's; NULL: any. */
const struct hours *step_hours(const struct sequence *, const struct step *);

#endif
