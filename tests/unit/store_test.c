/* SPDX-License-Identifier: MIT */
/*
 * How the store fails, and what it survives: crashes, other processes, full
 * disks, damage, older and newer programs, a checkpointer at work. Migrations,
 * query plans and damage are looked at behind the header.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/unit/queue_fixture.h"

/* --------------------------------------------------------- crash, failure */

static void
wait_for(pid_t pid, int signal, int code)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (signal != 0) {
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), signal);
	} else {
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), code);
	}
}

static void
commit_some_and_die(const char *path)
{
	struct queue_error error;
	struct queue *q = queue_open(path, QUEUE_WORKER, &error);
	struct queue_subject s = {.kind = QUEUE_USER, .name = "n"};
	struct queue_name kept = {QUEUE_USER_ID, "kept"};
	struct queue_name lost = {QUEUE_USER_ID, "lost"};

	if (q == NULL || queue_begin(q) != 0 ||
	    queue_subjects_save(q, &s, 1) != 0 ||
	    queue_names_bind(q, &kept, 1, &s.id) != 0 || queue_commit(q) != 0)
		_exit(1);
	if (queue_begin(q) != 0 || queue_names_bind(q, &lost, 1, &s.id) != 0)
		_exit(1);
	raise(SIGKILL);
}

static void
test_a_crash_keeps_what_was_committed(void **state)
{
	struct fixture *f = *state;
	pid_t pid;

	queue_close(f->q);
	f->q = NULL;
	if ((pid = fork()) == 0)
		commit_some_and_die(f->path);
	wait_for(pid, SIGKILL, 0);
	reopen(f);
	assert_true(queue_log_bytes(f->q) > 0);
	assert_true(find_user(f->q, "kept") > 0);
	assert_int_equal(find_user(f->q, "lost"), 0);
}

static void
test_one_worker_at_a_time(void **state)
{
	struct fixture *f = *state;
	char pid[20];

	snprintf(pid, sizeof pid, "pid %ld", (long)getpid());
	assert_null(queue_open(f->path, QUEUE_WORKER, &f->error));
	assert_int_equal(f->error.what, QUEUE_HELD);
	assert_non_null(strstr(f->error.text, pid));
	assert_non_null(strstr(f->error.text, f->path));
	assert_int_equal(queue_setting_put(f->q, "a", "b"), 0);
}

static void
test_closed_it_is_one_file(void **state)
{
	struct fixture *f = *state;
	char pattern[120];

	add_subject(f->q, "ada", 0);
	queue_close(f->q);
	f->q = NULL;
	snprintf(
	    pattern, sizeof pattern, "test \"$(ls -A %s)\" = nudge.db", folder);
	assert_int_equal(system(pattern), 0);
	struct stat st;
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 077, 0);
}

static void
test_a_reader_looks_on(void **state)
{
	struct fixture *f = *state;
	struct queue *reader = queue_open(f->path, QUEUE_READER, &f->error);

	assert_non_null(reader);
	assert_int_equal(queue_begin(reader), 0);
	assert_int_equal(find_user(reader, "ada"), 0);
	int64_t id = add_subject(f->q, "ada", 0);
	assert_int_equal(find_user(reader, "ada"), 0); /* one moment in time */
	assert_int_equal(queue_commit(reader), 0);
	assert_int_equal(find_user(reader, "ada"), id);
	assert_int_equal(queue_setting_put(reader, "a", "b"), -1);
	assert_int_equal(queue_error(reader)->what, QUEUE_FAILED);
	assert_int_equal(queue_setting_put(f->q, "a", "b"), 0);
	queue_close(reader);
}

static void
test_a_reader_reads_a_store_at_rest(void **state)
{
	struct fixture *f = *state;
	struct queue *reader;
	int64_t id = add_subject(f->q, "ada", 0);

	queue_close(f->q);
	f->q = NULL;
	reader = queue_open(f->path, QUEUE_READER, &f->error);
	assert_non_null(reader);
	assert_int_equal(find_user(reader, "ada"), id);
	queue_close(reader);
	strcat(f->path, ".not");
	assert_null(queue_open(f->path, QUEUE_READER, &f->error));
	assert_int_equal(f->error.what, QUEUE_FAILED);
	assert_non_null(strstr(f->error.text, "No such file"));
}

/* Of a user to whom neither the folder nor the files belong. */
static void
read_as_nobody(struct fixture *f)
{
	struct queue *reader;

	if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
		_exit(2);
	reader = queue_open(f->path, QUEUE_READER, &f->error);
	_exit(reader == NULL && f->error.what == QUEUE_FAILED &&
		      strstr(f->error.text, "not writable") != NULL
		  ? 0
		  : 1);
}

static void
test_a_reader_of_a_closed_folder_is_told(void **state)
{
	struct fixture *f = *state;
	pid_t pid;

	queue_close(f->q);
	f->q = NULL;
	assert_int_equal(chmod(f->path, 0444), 0);
	assert_int_equal(chmod(folder, 0555), 0);
	if ((pid = fork()) == 0)
		read_as_nobody(f);
	wait_for(pid, 0, 0);
	assert_int_equal(chmod(folder, 0755), 0);
}

static void
test_memory_is_gone_when_closed(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 2; i++) {
		struct queue *q = queue_open(NULL, QUEUE_MEMORY, &f->error);
		assert_non_null(q);
		assert_int_equal(find_user(q, "ada"), 0);
		assert_int_equal(queue_begin(q), 0);
		int64_t id = add_subject(q, "ada", 0);
		assert_int_equal(queue_commit(q), 0);
		assert_int_equal(find_user(q, "ada"), id);
		assert_int_equal(queue_log_bytes(q), 0);
		queue_close(q);
	}
}

/* Every file may only grow to so many bytes: a write fails, at some point. */
static void
fill_until_it_fails(struct fixture *f)
{
	struct rlimit limit = {400 * 1024, 400 * 1024};
	char text[400], name[20];
	const char *value;
	int i;

	signal(SIGXFSZ, SIG_IGN);
	f->q = queue_open(f->path, QUEUE_WORKER, &f->error);
	if (f->q == NULL || setrlimit(RLIMIT_FSIZE, &limit) != 0)
		_exit(1);
	for (i = 0; i < 10000; i++) {
		snprintf(name, sizeof name, "%d", i);
		if (queue_begin(f->q) != 0 ||
		    queue_setting_put(f->q, name, name) != 0 ||
		    queue_commit(f->q) != 0)
			break;
	}
	if (queue_error(f->q)->what != QUEUE_FAILED)
		_exit(2);
	/* There is room again, but it stays failed: every call, same words. */
	limit.rlim_cur = limit.rlim_max;
	strcpy(text, queue_error(f->q)->text);
	if (queue_begin(f->q) != -1 ||
	    queue_setting_put(f->q, "a", "b") != -1 ||
	    queue_setting_get(f->q, "0", &value) != -1 ||
	    queue_wakeup_next(f->q) != -1 || queue_commit(f->q) != -1 ||
	    strcmp(queue_error(f->q)->text, text) != 0)
		_exit(3);
	queue_rollback(f->q);
	queue_close(f->q);
	_exit(i > 10 && i < 10000 ? 0 : 4);
}

static void
test_a_failed_write_is_final(void **state)
{
	struct fixture *f = *state;
	const char *value;
	pid_t pid;

	queue_close(f->q);
	f->q = NULL;
	if ((pid = fork()) == 0)
		fill_until_it_fails(f);
	wait_for(pid, 0, 0);
	reopen(f); /* and what had been committed is there */
	assert_int_equal(queue_setting_get(f->q, "10", &value), 0);
	assert_string_equal(value, "10");
}

static void
test_a_locked_store_can_be_tried_again(void **state)
{
	struct fixture *f = *state;
	sqlite3 *shell;

	assert_int_equal(sqlite3_open(f->path, &shell), SQLITE_OK);
	assert_int_equal(
	    sqlite3_exec(shell, "BEGIN IMMEDIATE", NULL, NULL, NULL), 0);
	sqlite3_busy_timeout(f->q->db, 0);
	assert_int_equal(queue_begin(f->q), -1);
	assert_non_null(strstr(queue_error(f->q)->text, "locked"));
	assert_int_equal(sqlite3_close(shell), SQLITE_OK);
	assert_int_equal(queue_begin(f->q), 0);
	assert_int_equal(queue_commit(f->q), 0);
}

static void
set_page_limit(struct queue *q, int64_t pages)
{
	char sql[60];

	snprintf(sql, sizeof sql, "PRAGMA max_page_count = %d", (int)pages);
	assert_int_equal(sqlite3_exec(q->db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static int
put_until_full(struct queue *q)
{
	char name[20], value[3001];

	memset(value, 'x', 3000);
	value[3000] = '\0';
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof name, "%d", i);
		if (queue_begin(q) != 0 ||
		    queue_setting_put(q, name, value) != 0 ||
		    queue_commit(q) != 0)
			return i;
	}
	return -1;
}

/* SQLite's own limit of pages stands in for the disk. */
static void
test_a_full_disk_leaves_room_to_finish(void **state)
{
	struct fixture *f = *state;
	char reserve[100];

	snprintf(reserve, sizeof reserve, "%s.reserve", f->path);
	assert_false(queue_is_full(f->q));
	assert_int_equal(access(reserve, F_OK), 0);
	assert_int_equal(queue_recover(f->q), 0); /* nothing to do */
	assert_int_equal(access(reserve, F_OK), 0);

	set_page_limit(f->q, 60);
	assert_true(put_until_full(f->q) > 5);
	assert_int_equal(queue_error(f->q)->what, QUEUE_FULL);
	assert_int_equal(queue_begin(f->q), -1);

	assert_int_equal(queue_recover(f->q), 0);
	set_page_limit(f->q, 100); /* what the reserve gave back */
	assert_true(queue_is_full(f->q));
	assert_int_equal(access(reserve, F_OK), -1);
	assert_int_equal(queue_begin(f->q), 0);
	assert_int_equal(queue_setting_put(f->q, "verdict", "sent"), 0);
	assert_int_equal(queue_commit(f->q), 0);

	/* Somebody made room. */
	assert_int_equal(queue_recover(f->q), 0);
	assert_false(queue_is_full(f->q));
	assert_int_equal(access(reserve, F_OK), 0);
}

static void
test_the_reserve_is_given_up_once(void **state)
{
	struct fixture *f = *state;

	set_page_limit(f->q, 60);
	assert_true(put_until_full(f->q) > 5);
	assert_int_equal(queue_recover(f->q), 0);
	assert_int_equal(put_until_full(f->q) >= 0, 1);
	assert_int_equal(queue_error(f->q)->what, QUEUE_FULL);
	assert_int_equal(queue_recover(f->q), -1);
	assert_int_equal(queue_begin(f->q), -1);
}

/* ------------------------------------------------------- newer and damaged */

static void
run_sql(const char *path, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void
test_a_newer_store_is_left_alone(void **state)
{
	struct fixture *f = *state;

	queue_close(f->q);
	f->q = NULL;
	run_sql(f->path, "PRAGMA user_version = 4711");
	for (int mode = QUEUE_WORKER; mode <= QUEUE_READER; mode++) {
		assert_null(
		    queue_open(f->path, (enum queue_mode)mode, &f->error));
		assert_int_equal(f->error.what, QUEUE_NEWER);
		assert_non_null(strstr(f->error.text, "4711"));
		assert_non_null(strstr(f->error.text, f->path));
	}
}

static void
expect_damaged(struct fixture *f, const char *what)
{
	f->q = queue_open(f->path, QUEUE_WORKER, &f->error);
	if (f->q != NULL)
		fail_msg("%s is not noticed", what);
	assert_int_equal(f->error.what, QUEUE_DAMAGED);
	assert_non_null(strstr(f->error.text, f->path));
}

static void
test_a_foreign_database_is_refused(void **state)
{
	struct fixture *f = *state;

	queue_close(f->q);
	f->q = NULL;
	assert_int_equal(unlink(f->path), 0);
	run_sql(f->path, "CREATE TABLE t (x)");
	expect_damaged(f, "a foreign database");
}

static void
test_a_text_file_is_refused(void **state)
{
	struct fixture *f = *state;
	FILE *file;

	queue_close(f->q);
	f->q = NULL;
	file = fopen(f->path, "w");
	for (int i = 0; i < 1000; i++)
		fputs("not a database\n", file);
	fclose(file);
	expect_damaged(f, "a text file");
}

static void
test_a_truncated_store_is_refused(void **state)
{
	struct fixture *f = *state;

	queue_close(f->q);
	f->q = NULL;
	assert_int_equal(truncate(f->path, 5 * 4096), 0);
	expect_damaged(f, "truncation");
}

static void
overwrite_page(const char *path, int page)
{
	char noise[4096];
	unsigned x = 12345;
	int fd = open(path, O_WRONLY);

	for (size_t i = 0; i < sizeof noise; i++) {
		x = x * 1103515245 + 12345;
		noise[i] = (char)(x >> 16);
	}
	assert_int_equal(
	    pwrite(fd, noise, sizeof noise, (page - 1) * 4096), sizeof noise);
	close(fd);
}

static void
root_page_of(const char *path, const char *name, int *page)
{
	sqlite3 *db;
	sqlite3_stmt *st;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db,
			     "SELECT rootpage FROM sqlite_schema WHERE name=?",
			     -1, &st, NULL),
	    SQLITE_OK);
	sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	*page = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
}

static void
test_noise_in_a_tree_is_noticed(void **state)
{
	static const char *const trees[] = {"settings", "subjects",
	    "subjects_wake", "subjects_account", "subjects_email", "names",
	    "names_subject", "seen", "events", "subjects_accounts", "messages",
	    "messages_due", "messages_state", "messages_subject",
	    "messages_sequence", "messages_settled", "message_counts",
	    "decisions", "decisions_subject", "suppressions"};
	struct fixture *f = *state;
	char whole[100], command[220];

	queue_close(f->q);
	f->q = NULL;
	snprintf(whole, sizeof whole, "%s.whole", f->path);
	snprintf(command, sizeof command, "cp %s %s", whole, f->path);
	assert_int_equal(rename(f->path, whole), 0);
	for (size_t i = 0; i < sizeof trees / sizeof trees[0]; i++) {
		int page;
		root_page_of(whole, trees[i], &page);
		assert_int_equal(system(command), 0);
		overwrite_page(f->path, page);
		expect_damaged(f, trees[i]);
	}
}

static void
test_damage_found_later_is_damage(void **state)
{
	struct fixture *f = *state;
	char name[20];
	int64_t id = 0, first;
	struct queue_subject s;

	assert_int_equal(queue_begin(f->q), 0);
	first = add_subject(f->q, "first", 0);
	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof name, "user %d", i);
		id = add_subject(f->q, name, 0);
	}
	assert_int_equal(queue_commit(f->q), 0);
	queue_close(f->q);
	struct stat st;
	assert_int_equal(stat(f->path, &st), 0);
	f->q = queue_open(f->path, QUEUE_WORKER, &f->error);
	for (int page = 40; page < st.st_size / 4096 - 20; page++)
		overwrite_page(f->path, page);
	int result = 0;
	for (; result == 0 && first <= id; first++)
		result = queue_subjects_load(f->q, &first, 1, &s);
	assert_int_equal(result, -1);
	assert_int_equal(queue_error(f->q)->what, QUEUE_DAMAGED);
}

/* ------------------------------------------------------ schema, statements */

static int
collect_schema(void *out, int n, char **values, char **names)
{
	strncat(out, values[0] != NULL ? values[0] : "-", 16000);
	strncat(out, ";\n", 3);
	return 0;
}

static void
schema_of(const char *path, char *out)
{
	sqlite3 *db;

	out[0] = '\0';
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
	    sqlite3_exec(db,
		"SELECT sql FROM sqlite_schema ORDER BY type, name",
		collect_schema, out, NULL),
	    SQLITE_OK);
	sqlite3_close(db);
}

/* Something in every table that the first version had. */
static const char rows_of_version_1[] =
    "INSERT INTO subjects VALUES"
    " (1, 2, NULL, NULL, 7, 'acme', NULL, '{\"seats\":3}', '{\"a\":1}'),"
    " (2, 1, 1, 900, 7, 'ada', 'Ada@Example.com', '{}', '{\"b\":2}'),"
    " (3, 1, NULL, NULL, 8, 'bob', NULL, '{}', '{}'),"
    " (4, 1, NULL, NULL, 9, 'cleo', NULL, '{}', '{}');"
    "INSERT INTO names VALUES (1, 'ada', 2), (2, 'anon', 2), (3, 'acme', 1);"
    "INSERT INTO events VALUES"
    " (3, 2, 11, 12, 'track', 'Up', 'm1', '{\"n\":1}'),"
    " (5, 3, 13, 14, 'track', 'Up', 'm2', '{\"n\":2}'),"
    " (6, 2, 10, 15, 'identify', '', 'm3', '{\"n\":3}'),"
    " (7, 3, 16, 17, 'page', 'Home', 'm4', '{\"n\":4}'),"
    " (9, 2, 18, 19, 'track', 'Down', 'm5', '{\"n\":5}');"
    "INSERT INTO messages VALUES"
    " (1, 'k1', 2, 0, 5, 6, 0, NULL, 0, 1, 'seq', 'one', 'tpl', 'email',"
    "  'user', 'news', '', '', '', '{\"event\":{}}'),"
    " (2, 'k2', 3, 2, 5, 6, 0, 8, 1, 1, 'seq', 'one', 'tpl', 'email',"
    "  'user', 'news', 'bob@example.com', 'p2', '250 ok', '{}');"
    "INSERT INTO decisions VALUES"
    " (1, 2, 5, 1, 'entered', 'seq', '', 'Signed Up', '{\"x\":1}');"
    "INSERT INTO suppressions VALUES"
    " (x'00112233', 'news', 4, 'unsubscribed');";

/* A store as an older program left it. */
static void
make_version(const char *path, int version)
{
	char stamp[160];
	sqlite3 *db;

	unlink(path);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	for (int i = 0; i < version; i++) {
		assert_int_equal(
		    sqlite3_exec(db, schema_migrations[i], NULL, NULL, NULL),
		    SQLITE_OK);
		if (i == 0)
			assert_int_equal(sqlite3_exec(db, rows_of_version_1,
					     NULL, NULL, NULL),
			    SQLITE_OK);
	}
	snprintf(stamp, sizeof stamp,
	    "PRAGMA application_id = 0x6e756467; PRAGMA user_version = %d;"
	    "INSERT INTO settings VALUES ('made by', '%d')",
	    version, version);
	assert_int_equal(sqlite3_exec(db, stamp, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void
expect_subjects(struct queue *q)
{
	const int64_t ids[] = {1, 2};
	struct queue_subject s[2];
	int64_t found[3];

	assert_int_equal(queue_subjects_load(q, ids, 2, s), 0);
	assert_int_equal(s[0].kind, QUEUE_ACCOUNT);
	assert_string_equal(s[0].traits, "{\"seats\":3}");
	assert_string_equal(s[1].email, "Ada@Example.com");
	assert_string_equal(s[1].state, "{\"b\":2}");
	assert_int_equal(s[1].account, 1);
	assert_int_equal(s[1].wake_at_ms, 900);
	assert_int_equal(find_user(q, "ada"), 2);
	assert_int_equal(queue_wakeup_next(q), 900);
	assert_int_equal(queue_members(q, 1, 0, found, 3), 1);
	assert_int_equal(
	    queue_subjects_after(q, QUEUE_ACCOUNT, 0, found, 3), 1);
	assert_int_equal(queue_subjects_after(q, QUEUE_USER, 0, found, 3), 3);
	assert_int_equal(found[0], 2);
}

/* Its events in the order of their ids, which chains give. */
static void
expect_bodies(struct queue *q, int64_t subject, const char *bodies)
{
	struct queue_event events[5];
	int64_t *ids, before = 0;
	int n = queue_event_ids(q, subject, &ids);
	char all[100] = "";

	assert_int_equal(queue_events_load(q, ids, n, events), n);
	for (int i = 0; i < n; i++)
		strcat(all, events[i].body);
	assert_string_equal(all, bodies);
	for (int i = n - 1; i >= 0; i--) {
		assert_int_equal(
		    queue_events_of(q, subject, before, events, 1), 1);
		assert_int_equal(events[0].id, ids[i]);
		assert_int_equal(events[0].account, -1);
		before = ids[i];
	}
	free(ids);
}

static void
expect_messages(struct queue *q)
{
	int64_t counts[QUEUE_STATES];
	struct queue_decision d;
	struct queue_message m;

	m = message_with_key(q, "k2");
	assert_string_equal(m.provider_id, "p2");
	assert_int_equal(m.settled_at_ms, 8);
	assert_int_equal(queue_message_next(q, "email"), 6);
	assert_int_equal(queue_messages_count(q, counts), 0);
	assert_int_equal(counts[QUEUE_QUEUED], 1);
	assert_int_equal(counts[QUEUE_SENT], 1);
	assert_int_equal(queue_decisions_of(q, 2, INT64_MAX, &d, 1), 1);
	assert_string_equal(d.values, "{\"x\":1}");
	assert_int_equal(rows_in(q, "suppressions"), 1);
}

static void
test_every_older_version_becomes_current(void **state)
{
	struct fixture *f = *state;
	static char fresh[32768], migrated[32768];

	queue_close(f->q);
	f->q = NULL;
	schema_of(f->path, fresh);
	assert_true(schema_version >= 1);
	for (int version = 1; version <= schema_version; version++) {
		char expected[20];
		const char *value;
		make_version(f->path, version);
		if (version < schema_version) {
			assert_null(
			    queue_open(f->path, QUEUE_READER, &f->error));
			assert_int_equal(f->error.what, QUEUE_FAILED);
		}
		reopen(f);
		snprintf(expected, sizeof expected, "%d", version);
		assert_int_equal(queue_setting_get(f->q, "made by", &value), 0);
		assert_string_equal(value, expected);
		queue_close(f->q);
		f->q = NULL;
		schema_of(f->path, migrated);
		assert_string_equal(fresh, migrated);
	}
}

static void
test_rows_of_every_older_version_stay(void **state)
{
	struct fixture *f = *state;

	for (int version = 1; version <= schema_version; version++) {
		struct queue_event more = {.subject = 2, .body = "{}"};

		queue_close(f->q);
		f->q = NULL;
		make_version(f->path, version);
		reopen(f);
		expect_subjects(f->q);
		expect_bodies(f->q, 2, "{\"n\":1}{\"n\":3}{\"n\":5}");
		expect_bodies(f->q, 3, "{\"n\":2}{\"n\":4}");
		expect_bodies(f->q, 4, "");
		expect_messages(f->q);
		assert_int_equal(queue_events_add(f->q, &more, 1), 0);
		assert_int_equal(queue_events_of(f->q, 2, 0, &more, 1), 1);
		assert_int_equal(more.id, 10);
	}
}

/* A statement that reads or sorts a whole table would stop the worker. */
static int
refuse_scan(void *sql, int n, char **values, char **names)
{
	const char *detail = values[3];

	if (strstr(detail, "TEMP B-TREE") != NULL ||
	    (strncmp(detail, "SCAN", 4) == 0 && detail[5] != '('))
		fail_msg("%s\n%s", (const char *)sql, detail);
	return 0;
}

static void
explain(struct queue *q, const char *sql)
{
	char plan[2000];
	char *copy = strdup(sql);

	snprintf(plan, sizeof plan, "EXPLAIN QUERY PLAN %s", sql);
	assert_int_equal(
	    sqlite3_exec(q->db, plan, refuse_scan, copy, NULL), SQLITE_OK);
	free(copy);
}

/* Those that read a whole table, or one end of it, on purpose. */
static bool
may_scan(enum statement which)
{
	return which == MESSAGES_COUNT || which == MESSAGES_BY_ID ||
	       which == EVENTS_TRIM || which == DECISIONS_TRIM ||
	       which == EVENTS_MOVE_ACCOUNT || which == MESSAGES_BY_STEP;
}

static void
test_every_statement_uses_an_index(void **state)
{
	struct fixture *f = *state;
	char sql[200];

	for (int i = SETTING_GET; i < STATEMENTS; i++) {
		assert_non_null(statement_text[i]);
		if (!may_scan((enum statement)i))
			explain(f->q, statement_text[i]);
	}
	for (int i = 0; schema_probes[i] != NULL; i++) {
		snprintf(sql, sizeof sql, "SELECT min(%s", schema_probes[i]);
		explain(f->q, sql);
	}
}

/* ------------------------------------------------------------ maintenance */

struct checkpointing {
	struct queue_checkpointer *c;
	bool stop;
	int failures;
};

static void *
checkpoint_until_stopped(void *arg)
{
	struct checkpointing *work = arg;

	while (!__atomic_load_n(&work->stop, __ATOMIC_ACQUIRE))
		if (queue_checkpoint(work->c) < 0)
			work->failures++;
	return NULL;
}

static void
test_checkpoints_beside_the_worker(void **state)
{
	struct fixture *f = *state;
	struct checkpointing work = {
	    .c = queue_checkpointer_open(f->path, &f->error)};
	char name[20];
	pthread_t thread;

	assert_non_null(work.c);
	assert_int_equal(
	    pthread_create(&thread, NULL, checkpoint_until_stopped, &work), 0);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof name, "%d", i);
		assert_int_equal(queue_begin(f->q), 0);
		add_subject(f->q, name, 0);
		assert_int_equal(queue_commit(f->q), 0);
	}
	__atomic_store_n(&work.stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	assert_int_equal(work.failures, 0);
	queue_checkpointer_close(work.c);
	reopen(f);
	assert_int_equal(rows_in(f->q, "subjects"), 300);
}

static void
test_a_checkpoint_lets_the_log_start_over(void **state)
{
	struct fixture *f = *state;
	struct queue_checkpointer *c =
	    queue_checkpointer_open(f->path, &f->error);
	int64_t before;

	assert_non_null(c);
	for (int i = 0; i < 50; i++)
		assert_int_equal(
		    queue_setting_put(f->q, "a", i % 2 == 0 ? "b" : "c"), 0);
	before = queue_log_bytes(f->q);
	assert_true(before > 50 * 4096);
	assert_int_equal(queue_checkpoint(c), 1);
	assert_int_equal(queue_setting_put(f->q, "a", "d"), 0);
	assert_true(queue_log_bytes(f->q) < before / 10);
	queue_checkpointer_close(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_a_crash_keeps_what_was_committed),
	    TEST(test_one_worker_at_a_time),
	    TEST(test_closed_it_is_one_file),
	    TEST(test_a_reader_looks_on),
	    TEST(test_a_reader_reads_a_store_at_rest),
	    TEST(test_a_reader_of_a_closed_folder_is_told),
	    TEST(test_memory_is_gone_when_closed),
	    TEST(test_a_failed_write_is_final),
	    TEST(test_a_locked_store_can_be_tried_again),
	    TEST(test_a_full_disk_leaves_room_to_finish),
	    TEST(test_the_reserve_is_given_up_once),
	    TEST(test_a_newer_store_is_left_alone),
	    TEST(test_a_foreign_database_is_refused),
	    TEST(test_a_text_file_is_refused),
	    TEST(test_a_truncated_store_is_refused),
	    TEST(test_noise_in_a_tree_is_noticed),
	    TEST(test_damage_found_later_is_damage),
	    TEST(test_every_older_version_becomes_current),
	    TEST(test_rows_of_every_older_version_stay),
	    TEST(test_every_statement_uses_an_index),
	    TEST(test_checkpoints_beside_the_worker),
	    TEST(test_a_checkpoint_lets_the_log_start_over),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
