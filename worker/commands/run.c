/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "templates/time/date.h"
#include "worker/commands/commands.h"
#include "worker/worker.h"

/* A line to try, when nobody is mailed by it. */
static void
suggest_event(const struct settings *s, int port)
{
	const struct channel *email = settings_channel(s, "email");
	const char *key = s->write_keys != NULL && s->write_keys[0] != NULL
			      ? s->write_keys[0]
			      : "any";

	if (email == NULL || strcmp(email->type, "capture") != 0)
		return;
	printf("\nMail is captured, nobody is mailed. To sign somebody up:\n\n"
	       "  curl -u %s: http://127.0.0.1:%d/v1/batch -d '{\"batch\": ["
	       "{\"type\": \"identify\", \"userId\": \"ada\", \"traits\": "
	       "{\"email\": \"ada@example.com\", \"firstName\": \"Ada\", "
	       "\"plan\": \"free\"}}, {\"type\": \"track\", \"userId\": "
	       "\"ada\", \"event\": \"Signed Up\"}]}'\n\n"
	       "The Day 0 mail is then in %s\n",
	    key, port, email->folder);
}

static void
ready(const struct settings *s, int port)
{
	printf("nudge %s listens on http://%.*s:%d\nworkspace %s\n",
	    NUDGE_VERSION, (int)(strrchr(s->listen, ':') - s->listen),
	    s->listen, port, s->folder);
	suggest_event(s, port);
	fflush(stdout);
}

static int
run(const struct invocation *in)
{
	const char *at = option(in, "test-clock");
	struct worker_options options = {
	    .folder = in->folder,
	    .overrides = in->overrides,
	    .ready = ready,
	};

	if (at != NULL &&
	    date_parse_rfc3339(at, strlen(at), &options.test_clock_ms) != 0)
		return fail(EX_USAGE, "--test-clock needs a time such as "
				      "2026-03-27T10:00:00Z");
	return worker_run(&options);
}

static const struct option_spec options[] = {
    {"test-clock", "TIME", "time stands still; POST /v1/clock moves it"},
    {NULL, NULL, NULL},
};

const struct command command_run = {
    .name = "run",
    .summary = "Start the worker",
    .usage = "nudge run [-C DIR] [OPTIONS]",
    .examples = "  nudge run -C acme\n"
		"  nudge run -C acme --set listen=0.0.0.0:8460 --set log=json\n"
		"\nSIGTERM finishes what is on its way and ends; a second one "
		"ends at once.\nWhen a file of the workspace changes, and at "
		"SIGHUP, the definitions are read\nagain: all of them are "
		"taken, or none. SIGUSR1 tells the log how things stand.\n",
    .options = options,
    .run = run,
};
