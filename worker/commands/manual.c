/* SPDX-License-Identifier: MIT */
/*
 * manual - the manual pages nudge.1 and nudge.json.5, in mdoc(7). What the
 * program knows of itself in tables (commands, options, settings) comes out of
 * these; what is said only here stands below as prose.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "worker/commands/commands.h"
#include "worker/settings/setting_table.h"
#include "worker/settings/settings.h"

#define WIDTH 76

static const char head_1[] =
    ".Dd November 22, 2026\n"
    ".Dt NUDGE 1\n"
    ".Os\n"
    ".Sh NAME\n"
    ".Nm nudge\n"
    ".Nd send people the right next message in their first weeks\n"
    ".Sh SYNOPSIS\n"
    ".Nm\n"
    ".Ar command\n"
    ".Op Fl C Ar folder\n"
    ".Op Ar options\n"
    ".Op Ar arguments\n"
    ".Sh DESCRIPTION\n"
    ".Nm\n"
    "watches what people do in a product and sends each of them the right\n"
    "next message, at the right local hour, once.\n"
    "Product events come in over Segment's HTTP API;\n"
    "mail goes out over SMTP, everything else as signed webhooks.\n"
    "What to send, to whom and when stands in a\n"
    ".Em workspace :\n"
    "a folder of JSON and Markdown that lives in version control.\n"
    ".Pp\n"
    "While a worker\n"
    ".Pq Nm Cm run\n"
    "has the workspace, commands that need its state ask it over HTTP, with\n"
    "the operator's token; without one they open the state themselves.\n"
    ".Pp\n"
    "All commands take these options:\n"
    ".Bl -tag -width Ds\n"
    ".It Fl C Ar folder\n"
    "The workspace; the current folder by default.\n"
    ".It Fl -json\n"
    "Output for machines.\n"
    ".It Fl q , -quiet\n"
    "No output: errors, and the exit code, say it all.\n"
    ".It Fl -set Ar name Ns = Ns Ar value\n"
    "A setting in place of the one in\n"
    ".Xr nudge.json 5 .\n"
    ".It Fl h , -help\n"
    "Say how the command is used.\n"
    ".El\n"
    ".Ss Commands\n"
    ".Bl -tag -width Ds\n";

static const char tail_1[] =
    ".El\n"
    ".Ss Signals\n"
    "The worker finishes what is on its way and ends on\n"
    ".Dv SIGTERM\n"
    "and\n"
    ".Dv SIGINT ;\n"
    "a second one ends it at once.\n"
    "On\n"
    ".Dv SIGHUP\n"
    "it reads the workspace again: all of it, or none of it if anything in\n"
    "it is wrong.\n"
    "On\n"
    ".Dv SIGUSR1\n"
    "it tells its log how things stand: messages by state, how each channel\n"
    "does, how long turns take.\n"
    ".Dv SIGUSR2\n"
    "is ignored.\n"
    ".Sh ENVIRONMENT\n"
    ".Bl -tag -width Ds\n"
    ".It Ev NUDGE_NAME\n"
    "The setting of that name, in capitals and with underscores for dots:\n"
    ".Ev NUDGE_LISTEN ,\n"
    ".Ev NUDGE_RETRY_FIRST .\n"
    "Comes before\n"
    ".Xr nudge.json 5 ;\n"
    ".Fl -set\n"
    "comes before both.\n"
    ".It Ev NOTIFY_SOCKET , WATCHDOG_USEC\n"
    "Set by\n"
    ".Xr systemd 1 :\n"
    "it is told of start, reload and end, and that the loop still turns.\n"
    ".El\n"
    ".Sh FILES\n"
    ".Bl -tag -width Ds\n"
    ".It Pa nudge.json\n"
    "Settings; see\n"
    ".Xr nudge.json 5 .\n"
    ".It Pa .env\n"
    "Secrets that settings refer to, a\n"
    ".Ar NAME Ns = Ns Ar value\n"
    "a line.\n"
    ".It Pa metrics.json\n"
    "The numbers that sequences decide on.\n"
    ".It Pa sequences/*.json\n"
    "Who gets what when.\n"
    ".It Pa templates/*.md , templates/*.json\n"
    "Mails, and messages by webhook.\n"
    ".It Pa scenarios/*.json\n"
    "What must happen to whom, as tests.\n"
    ".It Pa schema/*.json\n"
    "JSON Schemas of all of these, for editors.\n"
    ".It Pa data/nudge.db\n"
    "The state.\n"
    ".El\n"
    ".Sh EXIT STATUS\n"
    "Those of\n"
    ".Xr sysexits 3 :\n"
    "0 for success, 1 for findings of\n"
    ".Cm check\n"
    "and\n"
    ".Cm test ,\n"
    "64 for a wrong command line, 65 for wrong data, 66 for a missing file,\n"
    "67 for somebody or something unknown, 69 when a worker or its address\n"
    "cannot be had, 74 for a store that cannot be written, 75 to try again\n"
    "later, 77 for a wrong token, 78 for a workspace with mistakes.\n"
    ".Sh EXAMPLES\n"
    "Make a workspace, look for mistakes in it, and start the worker:\n"
    ".Bd -literal -offset indent\n"
    "nudge init acme\n"
    "nudge check -C acme\n"
    "nudge run -C acme\n"
    ".Ed\n"
    ".Pp\n"
    "What happened to somebody, and why:\n"
    ".Pp\n"
    ".Dl nudge person -C acme ada\n"
    ".Sh SEE ALSO\n"
    ".Xr nudge.json 5\n";

static const char head_5[] =
    ".Dd November 22, 2026\n"
    ".Dt NUDGE.JSON 5\n"
    ".Os\n"
    ".Sh NAME\n"
    ".Nm nudge.json\n"
    ".Nd settings of a nudge workspace\n"
    ".Sh DESCRIPTION\n"
    ".Nm\n"
    "is a JSON object.\n"
    "A dot in the names below stands for an object in it:\n"
    ".Ic sender.name\n"
    "is\n"
    ".Ql \\&{ \\(dqsender\\(dq: { \\(dqname\\(dq: \\(dqAcme\\(dq } \\&} .\n"
    "Keys that are not known are errors.\n"
    ".Pp\n"
    "A string\n"
    ".Ql $NAME\n"
    "is taken from the environment, from the file that\n"
    ".Ev NAME_FILE\n"
    "names, or from the workspace's\n"
    ".Pa .env ,\n"
    "in this order.\n"
    "Durations are\n"
    ".Ql 90s ,\n"
    ".Ql 15m ,\n"
    ".Ql 48h ,\n"
    ".Ql 14d\n"
    "or\n"
    ".Ql 2w .\n"
    ".Bl -tag -width Ds\n";

static const char tail_5[] = ".El\n"
			     ".Sh SEE ALSO\n"
			     ".Xr nudge 1\n";

/* Text between macros: backslashes, and what a macro would begin with. */
static void
put_word(const char *word, size_t len, bool is_first)
{
	if (is_first && (word[0] == '.' || word[0] == '\''))
		fputs("\\&", stdout);
	for (size_t i = 0; i < len; i++)
		if (word[i] == '\\')
			fputs("\\e", stdout);
		else
			putchar(word[i]);
}

/* Filled text: a new line after WIDTH, and for every sentence. */
static void
put_text(const char *text)
{
	size_t column = 0;

	while (*(text += strspn(text, " \n")) != '\0') {
		size_t len = strcspn(text, " \n");
		bool ends = strchr(".!?:", text[len - 1]) != NULL;

		if (column > 0 && column + len > WIDTH) {
			putchar('\n');
			column = 0;
		} else if (column > 0) {
			putchar(' ');
		}
		put_word(text, len, column == 0);
		column += len + 1;
		text += len;
		if (ends) {
			putchar('\n');
			column = 0;
		}
	}
	if (column > 0)
		putchar('\n');
}

/* A display makes room for itself. */
static void
put_prose(const char *line, bool is_before_example)
{
	if (line[0] != '\0')
		put_text(line);
	else if (!is_before_example)
		puts(".Pp");
}

/* Lines with an indent are examples and stay as they are; the rest is prose. */
static void
put_lines(const char *text)
{
	bool is_open = false;

	while (*text != '\0') {
		size_t len = strcspn(text, "\n");
		bool is_example = strncmp(text, "  ", 2) == 0;
		char line[200];

		snprintf(line, sizeof line, "%.*s", (int)len, text);
		if (is_example != is_open)
			puts(is_open ? ".Ed" : ".Bd -literal -offset indent");
		is_open = is_example;
		if (is_example) {
			put_word(line + 2, len - 2, true);
			putchar('\n');
		} else {
			put_prose(line, strncmp(text + len, "\n  ", 3) == 0);
		}
		text += len + (text[len] == '\n');
	}
	if (is_open)
		puts(".Ed");
}

static void
put_command(const struct command *c)
{
	printf(".It Cm %s\n", c->name);
	printf("%s.\n", c->summary);
	puts(".Pp");
	printf(".D1 ");
	for (const char *p = c->usage; *p != '\0'; p++)
		printf(*p == '|' ? "\\*(Ba" : *p == '-' ? "\\-" : "%c", *p);
	putchar('\n');
	if (c->options[0].name != NULL)
		puts(".Bl -tag -width Ds");
	for (const struct option_spec *o = c->options; o->name != NULL; o++) {
		printf(".It Fl -%s%s%s\n", o->name,
		    o->argument != NULL ? " Ar " : "",
		    o->argument != NULL ? o->argument : "");
		put_text(o->help);
	}
	if (c->options[0].name != NULL)
		puts(".El");
	put_lines(c->examples);
}

static void
put_setting(const struct setting *row, bool of_channel, void *arg)
{
	printf(".It Ic %s%s\n", of_channel ? "channels.NAME." : "", row->name);
	put_text(row->help);
	if (row->types != NULL)
		printf(".Pq %s channels\n", row->types);
	if (row->fallback != NULL && row->fallback[0] != '\0')
		printf(".Pq default Ql %s\n", row->fallback);
}

bool
manual_print(const char *page)
{
	if (strcmp(page, "nudge.1") == 0) {
		fputs(head_1, stdout);
		for (const struct command *const *c = commands; *c != NULL; c++)
			put_command(*c);
		fputs(tail_1, stdout);
	} else if (strcmp(page, "nudge.json.5") == 0) {
		fputs(head_5, stdout);
		settings_each(put_setting, NULL);
		fputs(tail_5, stdout);
	} else {
		return false;
	}
	return true;
}
