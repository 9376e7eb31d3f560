/* SPDX-License-Identifier: MIT */
/*
 * test - runs scenarios, and shows those that fail on a timeline. Nothing is
 * run unless all of them can be read: a wrong name is not a failure.
 */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "templates/time/date.h"
#include "worker/commands/commands.h"
#include "worker/log.h"
#include "worker/scenario/timeline.h"
#include "worker/settings/setting_table.h"

#define COLUMN_MIN 8
#define COLUMN_MAX 44

/* How this run of the command shows things. */
struct report {
	bool json, has_colour, shows_all;
	json_t *list;
	int passed, failed;
};

/* ----------------------------------------------------------------- showing */

/* ECMA-48 graphic rendition, on a terminal only. */
static void
colour(const struct report *r, const char *code)
{
	if (r->has_colour)
		printf("\033[%sm", code);
}

static int
width(const char *text)
{
	int n = 0;

	for (; *text != '\0'; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static int
column_width(const struct timeline *t)
{
	int widest = COLUMN_MIN;

	for (int i = 0; i < t->n; i++) {
		int n = t->rows[i].expected ? width(t->rows[i].expected) : 0;

		if (n > widest)
			widest = n;
	}
	return widest < COLUMN_MAX ? widest : COLUMN_MAX;
}

static void
show_row(const struct report *r, const struct row *row, const struct zone *zone,
    int column)
{
	static const char *const marks[] = {"\u00b7", "=", "\u2717"};
	static const char *const colours[] = {"2", "0", "31"};
	const char *expected = row->expected != NULL ? row->expected : "";
	int gap = column - width(expected);
	char when[20];

	colour(r, colours[row->mark]);
	say("  %-15s  %s%*s  %s  %s\n",
	    timeline_time(row->at_ms, zone, when, sizeof when), expected,
	    gap > 0 ? gap : 0, "", marks[row->mark],
	    row->happened != NULL ? row->happened : "");
	colour(r, "0");
	if (row->mark != MARK_FAILED || row->why == NULL)
		return;
	colour(r, "2");
	say("  %-15s  %*s     why: %s\n", "", column, "", row->why);
	colour(r, "0");
}

static void
show_timeline(
    const struct report *r, const struct timeline *t, const struct scenario *s)
{
	int column = column_width(t);

	say("  %-15s  %-*s     happened (times of %s)\n", "", column,
	    "expected", zone_name(s->zone));
	for (int i = 0; i < t->n; i++)
		show_row(r, &t->rows[i], s->zone, column);
	say("\n");
}

static void
show(const struct report *r, const struct timeline *t, const struct scenario *s)
{
	colour(r, t->has_failed ? "1;31" : "32");
	fputs(t->has_failed ? "FAIL" : "ok  ", stdout);
	colour(r, "0");
	say("  %s  %s\n", s->file, s->name);
	if (t->has_failed || r->shows_all)
		show_timeline(r, t, s);
	fflush(stdout);
}

static json_t *
row_value(const struct row *row, const struct zone *zone)
{
	char when[40];
	json_t *value = json_pack("{s:s,s:s?,s:s?,s:s?}", "at",
	    date_rfc3339_in(row->at_ms, zone, when, sizeof when), "expected",
	    row->expected, "happened", row->happened, "why", row->why);

	json_object_set_new(value, "met",
	    row->mark == MARK_NONE ? json_null()
				   : json_boolean(row->mark == MARK_MET));
	return value;
}

static void
note(const struct report *r, const struct timeline *t, const struct scenario *s)
{
	json_t *rows = json_array();

	for (int i = 0; i < t->n; i++)
		json_array_append_new(rows, row_value(&t->rows[i], s->zone));
	json_array_append_new(
	    r->list, json_pack("{s:s,s:s,s:b,s:o}", "file", s->file, "scenario",
			 s->name, "passed", !t->has_failed, "timeline", rows));
}

/* ----------------------------------------------------------------- finding */

static int
is_scenario(const struct dirent *d)
{
	const char *dot = strrchr(d->d_name, '.');

	return d->d_name[0] != '.' && dot != NULL && strcmp(dot, ".json") == 0;
}

/* All of the workspace, in order of their names. */
static void
read_folder(struct scenarios *all, const struct vocabulary *known,
    struct problems *problems)
{
	struct dirent **names;
	struct buf folder = {0}, path = {0}, shown = {0};
	int n;

	buf_addf(&folder, "%s/scenarios", known->workspace->settings->folder);
	n = scandir(folder.data, &names, is_scenario, alphasort);
	for (int i = 0; i < n; i++) {
		buf_truncate(&path, 0);
		buf_truncate(&shown, 0);
		buf_addf(&path, "%s/%s", folder.data, names[i]->d_name);
		buf_addf(&shown, "scenarios/%s", names[i]->d_name);
		scenarios_read(all, path.data, shown.data, known, problems);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	buf_free(&folder);
	buf_free(&path);
	buf_free(&shown);
}

static void
read_scenarios(const struct invocation *in, struct scenarios *all,
    const struct vocabulary *known, struct problems *problems)
{
	for (int i = 0; i < in->n_arguments; i++)
		scenarios_read(
		    all, in->arguments[i], in->arguments[i], known, problems);
	if (in->n_arguments == 0)
		read_folder(all, known, problems);
}

/* ----------------------------------------------------------------- running */

static void
run_one(struct report *r, const struct scenario *s, struct workspace *w,
    const struct vocabulary *known)
{
	struct rehearsal happened;
	struct timeline t;
	struct error e;

	if (rehearse(s, w, &happened, &e) == 0)
		timeline_judge(&t, s, known, &happened);
	else
		timeline_break(&t, s, &e);
	if (t.has_failed)
		r->failed++;
	else
		r->passed++;
	if (r->json)
		note(r, &t, s);
	else
		show(r, &t, s);
	timeline_free(&t);
	rehearsal_free(&happened);
}

static void
run_all(struct report *r, const struct scenarios *all, struct workspace *w,
    const struct vocabulary *known)
{
	json_t *value;

	for (int i = 0; i < all->n; i++)
		run_one(r, &all->list[i], w, known);
	if (!r->json) {
		say("%d passed, %d failed\n", r->passed, r->failed);
		return;
	}
	value = json_pack("{s:i,s:i,s:O}", "passed", r->passed, "failed",
	    r->failed, "scenarios", r->list);
	print_json(value);
	json_decref(value);
}

static void
complain(const struct problems *problems)
{
	char text[700];

	for (int i = 0; i < problems->count; i++)
		if (!problems->list[i].is_warning)
			fail(0, "%s",
			    error_string(
				&problems->list[i].at, text, sizeof text));
}

/* Nobody is mailed: the sandbox is for those who might be. */
static int
run_workspace(const struct invocation *in, struct workspace *w)
{
	char **sandbox = w->settings->sandbox;
	struct report report = {
	    .json = in->json,
	    .has_colour = !in->json && shows_colours(),
	    .shows_all = option(in, "timeline") != NULL,
	    .list = json_array(),
	};
	struct problems problems = {0};
	struct scenarios all = {0};
	struct vocabulary known;
	int rc = EX_DATAERR;

	w->settings->sandbox = NULL;
	rules_settle(w->rules); /* new stores: nobody is behind */
	vocabulary_load(&known, w);
	read_scenarios(in, &all, &known, &problems);
	if (problems.errors == 0) {
		run_all(&report, &all, w, &known);
		rc = report.failed == 0 ? EX_OK : 1;
	}
	complain(&problems);
	problems_free(&problems);
	scenarios_free(&all);
	vocabulary_free(&known);
	json_decref(report.list);
	w->settings->sandbox = sandbox;
	return rc;
}

static int
run(const struct invocation *in)
{
	struct problems problems = {0};
	struct workspace *w =
	    workspace_load(in->folder, in->overrides, NULL, &problems, true);
	int rc = EX_CONFIG;

	log_open(false, LOG_FATAL); /* the timeline says it better */
	problems_forgive(&problems, SETTING_UNSET); /* nothing is sent */
	if (problems.errors == 0)
		rc = run_workspace(in, w);
	else
		complain(&problems);
	problems_free(&problems);
	workspace_release(w);
	return rc;
}

static const struct option_spec options[] = {
    {"timeline", NULL, "show what happened in those that pass, too"},
    {NULL, NULL, NULL},
};

const struct command command_test = {
    .name = "test",
    .summary = "Run scenarios: what must happen to whom, in a moment",
    .usage = "nudge test [FILE...]",
    .examples =
	"  nudge test -C acme\n"
	"  nudge test scenarios/upgrades.json --timeline\n"
	"  nudge test --json | jq '.scenarios[] | select(.passed | not)'\n"
	"\nExits with 0 when all passed, with 1 when one failed, with 65 when "
	"one cannot be\nread. Thirty days take milliseconds; nothing is "
	"sent.\n",
    .options = options,
    .max_arguments = INT_MAX,
    .run = run,
};
