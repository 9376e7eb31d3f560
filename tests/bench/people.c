/* SPDX-License-Identifier: MIT */
/*
 * people - fills a workspace's store with people who signed up at a given time,
 * or decides all of their wake-ups that are due, as the worker would.
 *
 *	people sign-up WORKSPACE COUNT TIME_MS
 *	people wake WORKSPACE TIME_MS		prints wake-ups a second
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "templates/buf.h"
#include "templates/mem.h"
#include "worker/turn/turn.h"
#include "worker/workspace.h"

#define SET 1000

static void
die(const char *why)
{
	fprintf(stderr, "people: %s\n", why);
	exit(EXIT_FAILURE);
}

static void
open_all(const char *folder, struct turn *t)
{
	const char *const none[] = {NULL};
	struct problems problems = {0};
	struct queue_error error;
	struct workspace *w = workspace_load(folder, none, NULL, &problems, false);
	struct queue *q;

	if (w == NULL)
		die(problems.list[0].at.text);
	q = queue_open(w->settings->store, QUEUE_WORKER, &error);
	if (q == NULL)
		die(error.text);
	if (turn_init(t, q, w) != 0)
		die(queue_error(q)->text);
}

static void
sign_up(struct turn *t, int first, int count, int64_t now_ms)
{
	struct segment_request request = {
	    .type = SEGMENT_BATCH,
	    .max_inflated = 1 << 30,
	    .received_ms = now_ms,
	};
	struct segment_batch events;
	const struct segment_event **list;
	struct buf body = {0};
	const char *why;

	buf_adds(&body, "{\"batch\":[");
	for (int i = first; i < first + count; i++)
		buf_addf(&body,
		    "%s{\"type\":\"identify\",\"userId\":\"u%d\","
		    "\"messageId\":\"i%d\",\"traits\":{\"email\":"
		    "\"u%d@example.com\",\"first_name\":\"Ada\",\"plan\":"
		    "\"free\",\"timezone\":\"Europe/Berlin\"}},"
		    "{\"type\":\"track\",\"userId\":\"u%d\",\"event\":"
		    "\"Signed Up\",\"messageId\":\"s%d\"}",
		    i > first ? "," : "", i, i, i, i, i);
	buf_adds(&body, "]}");
	request.body = body.data;
	request.len = body.len;
	if (segment_parse(&request, &events, &why) != 200)
		die(why);
	list = xcalloc((size_t)events.count, sizeof *list);
	for (int i = 0; i < events.count; i++)
		list[i] = &events.events[i];
	t->received_ms = now_ms;
	if (turn_begin(t, now_ms) != 0 ||
	    turn_ingest(t, list, events.count) < 0 || turn_write(t) != 0 ||
	    turn_commit(t) != 0)
		die(queue_error(t->queue)->text);
	free(list);
	segment_batch_free(&events);
	buf_free(&body);
}

static double
seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void
wake(struct turn *t, int64_t now_ms)
{
	double start = seconds();
	long long total = 0;
	int n;

	do {
		if (turn_begin(t, now_ms) != 0 || (n = turn_wake(t, SET)) < 0 ||
		    turn_write(t) != 0 || turn_commit(t) != 0)
			die(queue_error(t->queue)->text);
		total += n;
	} while (n > 0);
	printf("%.0f\n", (double)total / (seconds() - start));
}

int
main(int argc, char **argv)
{
	struct workspace *w;
	struct queue *q;
	struct turn t;

	if (argc == 5 && strcmp(argv[1], "sign-up") == 0) {
		open_all(argv[2], &t);
		for (int i = 0; i < atoi(argv[3]); i += SET)
			sign_up(&t, i, SET, atoll(argv[4]));
	} else if (argc == 4 && strcmp(argv[1], "wake") == 0) {
		open_all(argv[2], &t);
		wake(&t, atoll(argv[3]));
	} else {
		die("sign-up WORKSPACE COUNT TIME_MS, or wake WORKSPACE "
		    "TIME_MS");
	}
	w = t.workspace;
	q = t.queue;
	turn_free(&t);
	queue_close(q);
	workspace_release(w);
	return EXIT_SUCCESS;
}
