/* SPDX-License-Identifier: MIT */
/*
 * people - fills a workspace's store with people who signed up at a given time,
 * or decides all of their wake-ups that are due, as the worker would.
 *
 *	people sign-up WORKSPACE COUNT TIME_MS
 *	people wake WORKSPACE TIME_MS		prints wake-ups a second
 *	people events WORKSPACE COUNT TIME_MS	prints events a second and the
 *						microseconds of CPU each took
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "templates/buf.h"
#include "templates/mem.h"
#include "worker/turn/turn.h"
#include "worker/settings/workspace.h"

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
	struct workspace *w =
	    workspace_load(folder, none, NULL, &problems, false);
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
	struct error e;

	buf_adds(&body, "{\"batch\":[");
	for (int i = first; i < first + count; i++)
		buf_addf(&body,
		    "%s{\"type\":\"identify\",\"userId\":\"u%d\","
		    "\"messageId\":\"i%d\",\"traits\":{\"email\":"
		    "\"u%d@example.com\",\"first_name\":\"Ada\",\"plan\":"
		    "\"free\",\"timezone\":\"Europe/Berlin\"}},"
		    "{\"type\":\"group\",\"userId\":\"u%d\",\"messageId\":"
		    "\"g%d\",\"groupId\":\"a%d\"},"
		    "{\"type\":\"track\",\"userId\":\"u%d\",\"event\":"
		    "\"Signed Up\",\"messageId\":\"s%d\"}",
		    i > first ? "," : "", i, i, i, i, i, i / 20, i, i);
	buf_adds(&body, "]}");
	request.body = body.data;
	request.len = body.len;
	if (segment_parse(&request, &events, &e) != 200)
		die(e.text);
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

/*
 * Events of people at random, TURN a turn, for SECONDS; the log is copied into
 * the file meanwhile, in a thread, as the worker does.
 */
#define TURN	500
#define SECONDS 5
#define LOG_MAX (16 << 20)

struct copier {
	struct queue_checkpointer *checkpointer;
	pthread_t thread;
	atomic_bool is_running, is_over;
};

static void *
copy(void *arg)
{
	struct copier *c = arg;

	queue_checkpoint(c->checkpointer);
	c->is_running = false;
	return NULL;
}

static void
copy_if_long(struct copier *c, struct queue *q)
{
	static bool was_started;

	if (c->is_running || queue_log_bytes(q) < LOG_MAX)
		return;
	if (was_started)
		pthread_join(c->thread, NULL);
	was_started = true;
	c->is_running = true;
	pthread_create(&c->thread, NULL, copy, c);
}

static void
post_events(struct turn *t, uint64_t serial, int people, int64_t now_ms)
{
	struct segment_request request = {
	    .type = SEGMENT_BATCH,
	    .max_inflated = 1 << 30,
	    .received_ms = now_ms,
	};
	struct segment_batch events;
	const struct segment_event *list[TURN];
	struct buf body = {0};
	struct error e;

	buf_adds(&body, "{\"batch\":[");
	for (int i = 0; i < TURN; i++, serial++)
		buf_addf(&body,
		    "%s{\"type\":\"track\",\"userId\":\"u%llu\",\"event\":"
		    "\"%s\",\"messageId\":\"load-%lld-%llu\","
		    "\"properties\":{\"workflow\":\"w%llu\",\"score\":%llu}}",
		    i > 0 ? "," : "",
		    (unsigned long long)(serial * UINT64_C(2654435761) %
					 (unsigned)people),
		    serial % 2 ? "Task Succeeded" : "Adoption Score Updated",
		    (long long)now_ms, (unsigned long long)serial,
		    (unsigned long long)(serial % 5),
		    (unsigned long long)(serial * 7919 % 101));
	buf_adds(&body, "]}");
	request.body = body.data;
	request.len = body.len;
	if (segment_parse(&request, &events, &e) != 200)
		die(e.text);
	for (int i = 0; i < events.count; i++)
		list[i] = &events.events[i];
	t->received_ms = now_ms;
	if (turn_begin(t, now_ms) != 0 ||
	    turn_ingest(t, list, events.count) < 0 || turn_write(t) != 0 ||
	    turn_commit(t) != 0)
		die(queue_error(t->queue)->text);
	segment_batch_free(&events);
	buf_free(&body);
}

static void
post_all(struct turn *t, int people, int64_t now_ms)
{
	struct queue_error error;
	struct copier copier = {.checkpointer = queue_checkpointer_open(
				    t->workspace->settings->store, &error)};
	double start = seconds();
	clock_t cpu = clock();
	uint64_t serial = 0;

	for (; seconds() - start < SECONDS; serial += TURN) {
		post_events(t, serial, people, now_ms);
		copy_if_long(&copier, t->queue);
	}
	while (copier.is_running)
		usleep(1000);
	printf("%.0f %.1f\n", (double)serial / (seconds() - start),
	    (double)(clock() - cpu) * 1e6 / CLOCKS_PER_SEC / (double)serial);
	queue_checkpointer_close(copier.checkpointer);
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
	} else if (argc == 5 && strcmp(argv[1], "events") == 0) {
		open_all(argv[2], &t);
		post_all(&t, atoi(argv[3]), atoll(argv[4]));
	} else {
		die("sign-up WORKSPACE COUNT TIME_MS, wake WORKSPACE "
		    "TIME_MS, or events WORKSPACE COUNT TIME_MS");
	}
	w = t.workspace;
	q = t.queue;
	turn_free(&t);
	queue_close(q);
	workspace_release(w);
	return EXIT_SUCCESS;
}
