/* SPDX-License-Identifier: MIT */
#ifndef TESTS_QUEUE_FIXTURE_H
#define TESTS_QUEUE_FIXTURE_H

/* A store in a folder of its own for each test, and rows to put into it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "queue/sqlite.h"
#include "tests/unit/folder.h"

struct fixture {
	char path[240];
	struct queue *q;
	struct queue_error error;
};

static inline int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	folder_make();
	strcpy(f->path, path_of("nudge.db"));
	f->q = queue_open(f->path, QUEUE_WORKER, &f->error);
	*state = f;
	return f->q != NULL ? 0 : -1;
}

static inline int
teardown(void **state)
{
	struct fixture *f = *state;

	queue_close(f->q);
	free(f);
	folder_drop();
	return 0;
}

static inline void
reopen(struct fixture *f)
{
	queue_close(f->q);
	f->q = queue_open(f->path, QUEUE_WORKER, &f->error);
	if (f->q == NULL)
		fail_msg("%s", f->error.text);
}

static inline int64_t
add_subject(struct queue *q, const char *name, int64_t wake_at_ms)
{
	struct queue_subject s = {
	    .kind = QUEUE_USER,
	    .name = name,
	    .traits = "{}",
	    .state = "{}",
	    .wake_at_ms = wake_at_ms,
	    .created_at_ms = 1,
	};
	struct queue_name bound = {QUEUE_USER_ID, name};

	assert_int_equal(queue_subjects_save(q, &s, 1), 0);
	assert_int_equal(queue_names_bind(q, &bound, 1, &s.id), 0);
	assert_true(s.id > 0);
	return s.id;
}

static inline int64_t
find_user(struct queue *q, const char *name)
{
	struct queue_name wanted = {QUEUE_USER_ID, name};
	int64_t id = -1;

	assert_int_equal(queue_names_find(q, &wanted, 1, &id), 0);
	return id;
}

static inline struct queue_message
message(const char *key, int64_t subject, int64_t next_at_ms)
{
	struct queue_message m = {
	    .subject = subject,
	    .sequence = "onboarding",
	    .entry = 1,
	    .step = "welcome",
	    .template_name = "day-00-welcome",
	    .channel = "email",
	    .recipient = "user",
	    .topic = "onboarding",
	    .data = "{\"event\":{}}",
	    .created_at_ms = 5,
	    .next_at_ms = next_at_ms,
	    .expires_at_ms = 9000,
	};

	snprintf(m.key, sizeof m.key, "%s", key);
	return m;
}

static inline bool
add_message_to(struct queue *q, struct queue_message m)
{
	bool duplicate;

	assert_int_equal(queue_messages_add(q, &m, 1, &duplicate), 0);
	return !duplicate;
}

static inline struct queue_message
message_with_key(struct queue *q, const char *key)
{
	struct queue_message_filter by_key = {.key = key, .state = -1};
	struct queue_message m;

	assert_int_equal(queue_messages_find(q, &by_key, &m, 1), 1);
	return m;
}

static inline void
settle(struct queue *q, const char *key, enum queue_state state, int64_t at)
{
	struct queue_message m = message_with_key(q, key);

	m.state = state;
	m.settled_at_ms = at;
	assert_int_equal(queue_messages_update(q, &m, 1), 0);
}

static inline int64_t
rows_in(struct queue *q, const char *table)
{
	char sql[80];
	sqlite3_stmt *st;

	snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
	assert_int_equal(sqlite3_prepare_v2(q->db, sql, -1, &st, NULL), 0);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	int64_t n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return n;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
