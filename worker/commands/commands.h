/* SPDX-License-Identifier: MIT */
#ifndef WORKER_COMMANDS_COMMANDS_H
#define WORKER_COMMANDS_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

/*
 * commands - one file a subcommand. A command says its name, a line about
 * itself, its usage with examples, and its own options; reading the command
 * line and --help are done once for all of them.
 */
struct option_spec {
	const char *name;     /* long, without dashes */
	const char *argument; /* "ID"; NULL: a switch */
	const char *help;
};

#define OPTIONS_MAX   16
#define OVERRIDES_MAX 32

/* What the command line said. */
struct invocation {
	const struct command *command;
	const char *folder; /* -C; "." by default */
	bool json;
	bool is_quiet;			 /* nothing on standard output */
	const char *values[OPTIONS_MAX]; /* by the command's options; or NULL */
	const char *overrides[OVERRIDES_MAX + 1]; /* --set; NULL-terminated */
	char **arguments;			  /* what is left */
	int n_arguments;
};

struct command {
	const char *name;
	const char *summary;
	const char *usage;    /* "nudge send TEMPLATE PERSON [OPTIONS]" */
	const char *examples; /* lines; the manual in small */
	const struct option_spec *options; /* ends with a NULL name */
	int min_arguments, max_arguments;
	int (*run)(const struct invocation *); /* an exit code of sysexits.h */
};

extern const struct command command_init, command_run, command_check,
    command_test, command_preview, command_person, command_account,
    command_metrics, command_queue, command_channels, command_send,
    command_backup, command_decisions, command_discarded, command_config,
    command_completion, command_help, command_version;

/* All of them, in the order of `nudge help`; ends with NULL. */
extern const struct command *const commands[];
const struct command *command_find(const char *name);
void command_usage(const struct command *);
/* "nudge.1" or "nudge.json.5", in mdoc; false: there is no such page. */
bool manual_print(const char *page);

/* The value of one of the command's options, or NULL. */
const char *option(const struct invocation *, const char *name);

/* Says which command was meant; EX_USAGE. */
int unknown_command(const char *name);

/* Standard output is a terminal that may show colours; no-color.org. */
bool shows_colours(void);
/*
 * printf() that lets no stranger's text act on the terminal: control characters
 * in values come out as \uXXXX, ends of lines included.
 */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* A text of several lines, in which only those ends and tabs are let out. */
void say_lines(const char *text);
/* The same on standard error: what is for whoever sits there. */
void hint(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* What is wrong with the workspace, on standard error; EX_CONFIG. */
struct problems;
int refuse_workspace(const struct problems *);
/* 0 if none of them is about where the store is; else it is said. */
int refuse_place(const struct problems *);
/* "nudge: ..." on standard error; returns the code. */
int fail(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * Is what cannot be undone meant? `what` goes on from "this would". 0, or an
 * exit code, having said why. The command has an option --yes.
 */
int confirm(const struct invocation *, const char *what, const char *name);

/* The text of that name in an answer, or "". */
const char *member_text(const json_t *object, const char *name);
/* A member of what is asked for; NULL: none. */
void set_text(json_t *object, const char *name, const char *text);
/*
 * Who asks and why, of --actor and --note; without the first, the login name.
 * The command has both.
 */
void set_actor(const struct invocation *, json_t *body);
#define ACTOR_OPTIONS                                                  \
	{"actor", "NAME", "who does it; by default who is logged in"}, \
	{                                                              \
		"note", "TEXT", "why; kept with it in the decisions"   \
	}

/*
 * A metric's value; of milestones, how many are reached in percent. Caller
 * frees.
 */
char *metric_text(const json_t *value);

/* What the operators' interface shows of a user or an account. */
void print_subject(const json_t *);

/* Standard output, indented for a person or compact for a machine. */
void print_json(const json_t *);

/*
 * A call of the operators' interface: over HTTP when a worker has the store,
 * directly when none has. 0 with the reply (status below 400), or an exit code,
 * having said why. The reply is the caller's.
 */
int client_call(const struct invocation *, const char *method, const char *path,
    const char *query, const char *idempotency_key, const json_t *body,
    json_t **reply);
/* POST prefix ID/action, with who does it and why. */
int client_act(const struct invocation *, const char *prefix, const char *id,
    const char *action, json_t **reply);
/* What only a worker knows. */
int client_ask(const struct invocation *, const char *path, json_t **reply);

/* Percent-encodes one segment of a path; caller frees. */
char *path_segment(const char *prefix, const char *id, const char *suffix);
/* "limit=10&cursor=5" of the options that were given; caller frees. */
char *query_of(const struct invocation *, const char *const *names);

/* A file that is part of the program. */
struct shipped_file {
	const char *name; /* "templates/library/day-00-welcome.md" */
	const char *data;
	size_t size;
};
extern const struct shipped_file shipped_files[]; /* ends with a NULL name */

#endif
