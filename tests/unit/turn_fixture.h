/* SPDX-License-Identifier: MIT */
#ifndef TESTS_TURN_FIXTURE_H
#define TESTS_TURN_FIXTURE_H

/* Turns on a store in memory and a workspace in a folder of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/folder.h"
#include "worker/sweep.h"

#define NOW    1774602000000 /* Friday 2026-03-27 09:00 UTC */
#define MINUTE 60000
#define HOUR   (60 * MINUTE)

struct bench {
	struct queue *queue;
	struct workspace *workspace;
	struct turn turn;
	int64_t now;
	struct sweep sweep;
	int serial;
};

static struct bench b;

static const char sequence[] =
    "{\"for\":\"user\",\"topic\":\"onboarding\","
    "\"enter\":{\"on\":\"Signed Up\",\"if\":\"user.plan == 'free'\"},"
    "\"exit\":[{\"on\":\"Account Deleted\"},{\"if\":\"account.csm\"}],"
    "\"late\":{\"grace\":\"24h\"},"
    "\"steps\":[{\"id\":\"welcome\",\"day\":0,\"send\":\"welcome\"},"
    "{\"id\":\"later\",\"after\":\"48h\",\"send\":\"later\"}]}";

static inline void
load_workspace(const char *more_settings)
{
	struct problems problems = {0};
	const char *known;
	char json[1000], text[700];

	snprintf(json, sizeof json,
	    "{\"channels\":{\"email\":{\"type\":\"capture\"}},"
	    "\"sender\":{\"name\":\"Acme\",\"address\":\"a@acme.example\"}%s}",
	    more_settings);
	write_file("nudge.json", json);
	assert_int_equal(sweep_known(b.queue, &known), 0);
	b.workspace = workspace_load(folder, NULL, known, &problems, false);
	if (b.workspace == NULL)
		fail_msg("%s",
		    error_string(&problems.list[0].at, text, sizeof text));
	problems_free(&problems);
	assert_int_equal(turn_init(&b.turn, b.queue, b.workspace), 0);
	assert_int_equal(turn_begin(&b.turn, b.now), 0);
	assert_int_equal(sweep_prepare(&b.sweep, &b.turn), 0);
	assert_int_equal(turn_commit(&b.turn), 0);
}

/* As the worker does with changed files: nobody has been looked at yet. */
static inline void
reload_with(const char *more_settings)
{
	turn_free(&b.turn);
	workspace_release(b.workspace);
	load_workspace(more_settings);
}

static inline void
reload(void)
{
	reload_with("");
}

static inline void
start_with(const char *more_settings)
{
	struct queue_error error;

	folder_make();
	write_file("sequences/onboarding.json", sequence);
	write_file("metrics.json", "{\"metrics\":{\"a\":{\"count\":\"A\"}}}");
	write_file("templates/welcome.md",
	    "Subject: Hello {{ user.first_name | default: \"there\" }}\n\n"
	    "Hi.\n");
	write_file("templates/later.md", "Subject: Later\n\nHi again.\n");
	b.queue = queue_open(NULL, QUEUE_MEMORY, &error);
	assert_non_null(b.queue);
	b.now = NOW;
	load_workspace(more_settings);
}

static inline int
start(void **state)
{
	start_with("");
	return 0;
}

static inline int
stop(void **state)
{
	sweep_free(&b.sweep);
	turn_free(&b.turn);
	queue_close(b.queue);
	workspace_release(b.workspace);
	folder_drop();
	return 0;
}

/* One turn that takes in a batch, as a client posts it. */
static inline int
ingest(const char *events)
{
	struct segment_batch batch;
	struct segment_request request = {
	    .type = SEGMENT_BATCH,
	    .received_ms = b.now,
	    .serial = (uint64_t)b.serial++,
	};
	const struct segment_event *list[20];
	struct error e;
	char body[4000];
	int n;

	snprintf(body, sizeof body, "{\"batch\":[%s]}", events);
	request.body = body;
	request.len = strlen(body);
	assert_int_equal(segment_parse(&request, &batch, &e), 200);
	for (int i = 0; i < batch.count; i++)
		list[i] = &batch.events[i];
	assert_int_equal(turn_begin(&b.turn, b.now), 0);
	n = turn_ingest(&b.turn, list, batch.count);
	assert_true(n >= 0);
	assert_int_equal(turn_write(&b.turn), 0);
	assert_int_equal(turn_commit(&b.turn), 0);
	segment_batch_free(&batch);
	return n;
}

static inline struct delivery *
claim(void)
{
	struct delivery *list;
	int taken;

	assert_int_equal(turn_begin(&b.turn, b.now), 0);
	assert_true(turn_wake(&b.turn, 100) >= 0);
	assert_int_equal(turn_write(&b.turn), 0);
	assert_true(turn_claim(&b.turn, &b.workspace->settings->channels[0],
			NULL, 100, &list, &taken) >= 0);
	assert_int_equal(turn_commit(&b.turn), 0);
	return list;
}

static inline void
settle(struct delivery *d, enum verdict_what what)
{
	d->verdict.what = what;
	assert_int_equal(turn_begin(&b.turn, b.now), 0);
	assert_int_equal(turn_settle(&b.turn, &d, 1), 0);
	assert_int_equal(turn_write(&b.turn), 0);
	assert_int_equal(turn_commit(&b.turn), 0);
}

static inline void
free_all(struct delivery *list)
{
	while (list != NULL) {
		struct delivery *next = list->next;

		turn_delivery_free(list);
		list = next;
	}
}

/* The id in the store of whom a name names; 0: nobody. */
static inline int64_t
id_of(enum queue_name_kind kind, const char *text)
{
	struct queue_name name = {kind, text};
	int64_t id;

	assert_int_equal(queue_names_find(b.queue, &name, 1, &id), 0);
	return id;
}

static inline struct queue_message
message(int state)
{
	struct queue_message_filter filter = {.state = state};
	struct queue_message m = {0};

	assert_int_equal(queue_messages_find(b.queue, &filter, &m, 1), 1);
	return m;
}

static inline int
count(int state)
{
	int64_t counts[QUEUE_STATES];

	assert_int_equal(queue_messages_count(b.queue, counts), 0);
	return (int)counts[state];
}

#define IDENTIFY                                                         \
	"{\"type\":\"identify\",\"userId\":\"u\",\"anonymousId\":\"x\"," \
	"\"traits\":{\"email\":\"u@b.example\",\"plan\":\"free\","       \
	"\"firstName\":\"Uma\"}}"
#define SIGNED_UP \
	"{\"type\":\"track\",\"userId\":\"u\",\"event\":\"Signed Up\"}"

/* A metric's value now, or NULL for null; the caller's. */
static inline json_t *
value_of(enum subject_kind kind, const char *id, const char *name)
{
	struct person *person;
	json_t *scope, *value;

	assert_int_equal(turn_begin(&b.turn, b.now), 0);
	assert_int_equal(turn_find(&b.turn, kind, id, &person), 0);
	assert_non_null(person);
	scope = turn_scope(&b.turn, person, NULL, NULL, NULL);
	value = json_incref(
	    json_object_get(json_object_get(scope, "metric"), name));
	json_decref(scope);
	turn_rollback(&b.turn);
	return value;
}

static inline json_int_t
metric(const char *user, const char *name)
{
	json_t *value = value_of(SUBJECT_USER, user, name);
	json_int_t n = json_integer_value(value);

	json_decref(value);
	return n;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

#endif
