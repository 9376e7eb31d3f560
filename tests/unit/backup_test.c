/* SPDX-License-Identifier: MIT */
/* A copy of a store that is written to all the while. */
#include <sys/stat.h>

#include "tests/unit/queue_fixture.h"

static void
fill(struct queue *q, int from, int n)
{
	char name[20];

	assert_int_equal(queue_begin(q), 0);
	for (int i = from; i < from + n; i++) {
		snprintf(name, sizeof name, "user %d", i);
		add_subject(q, name, 0);
	}
	assert_int_equal(queue_commit(q), 0);
}

static const char *
copy_of(const struct fixture *f)
{
	static char path[100];

	snprintf(path, sizeof path, "%s/copy.db", folder);
	return path;
}

static void
test_it_is_of_one_moment(void **state)
{
	struct fixture *f = *state;
	struct queue_checkpointer *c =
	    queue_checkpointer_open(f->path, &f->error);
	struct queue_backup *b;
	int64_t done = 0, before, total;
	int rc, from = 1000, pages = 0;
	struct stat st;

	fill(f->q, 0, 1000);
	b = queue_backup_open(f->path, copy_of(f), &f->error);
	assert_non_null(b);
	while ((rc = queue_backup_step(b, 2, &f->error)) > 0) {
		before = done;
		queue_backup_progress(b, &done, &total);
		assert_true(done > before && done <= total);
		assert_int_not_equal(access(copy_of(f), F_OK), 0);
		fill(f->q, from, 20);
		assert_int_equal(queue_checkpoint(c), 0);
		from += 20;
		pages += 2;
	}
	assert_int_equal(rc, 0);
	assert_true(pages > 20);
	queue_backup_close(b);
	assert_int_equal(stat(copy_of(f), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(rows_in(f->q, "subjects"), from);
	queue_checkpointer_close(c);
	queue_close(f->q);
	f->q = queue_open(copy_of(f), QUEUE_WORKER, &f->error);
	assert_non_null(f->q);
	assert_int_equal(rows_in(f->q, "subjects"), 1000);
	assert_true(find_user(f->q, "user 999") > 0);
}

static void
test_one_that_is_given_up_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct queue_backup *b;
	char part[120];

	fill(f->q, 0, 1000);
	snprintf(part, sizeof part, "%s.part", copy_of(f));
	b = queue_backup_open(f->path, copy_of(f), &f->error);
	assert_int_equal(queue_backup_step(b, 4, &f->error), 1);
	assert_int_equal(access(part, F_OK), 0);
	assert_null(queue_backup_open(f->path, copy_of(f), &f->error));
	assert_non_null(strstr(f->error.text, "copy.db.part"));
	assert_int_equal(access(part, F_OK), 0);
	queue_backup_close(b);
	assert_int_not_equal(access(part, F_OK), 0);
	assert_int_not_equal(access(copy_of(f), F_OK), 0);
}

static void
test_nothing_is_written_over(void **state)
{
	struct fixture *f = *state;
	FILE *file = fopen(copy_of(f), "w");

	fputs("mine", file);
	fclose(file);
	assert_null(queue_backup_open(f->path, copy_of(f), &f->error));
	assert_non_null(strstr(f->error.text, "copy.db"));
	assert_null(queue_backup_open(copy_of(f), "/tmp/none", &f->error));
	assert_null(queue_backup_open("/nowhere/nudge.db", "x", &f->error));
	assert_non_null(strstr(f->error.text, "/nowhere/nudge.db"));
}

/* Nobody has it open. */
static void
test_a_store_at_rest(void **state)
{
	struct fixture *f = *state;
	struct queue_backup *b;

	fill(f->q, 0, 10);
	queue_close(f->q);
	f->q = NULL;
	b = queue_backup_open(f->path, copy_of(f), &f->error);
	assert_int_equal(queue_backup_step(b, -1, &f->error), 0);
	queue_backup_close(b);
	f->q = queue_open(copy_of(f), QUEUE_WORKER, &f->error);
	assert_int_equal(rows_in(f->q, "subjects"), 10);
}

/* Removed while it is open; with its folder, even. */
static void
test_a_store_that_was_removed_is_saved(void **state)
{
	struct fixture *f = *state;
	char name[120], command[200];

	for (int i = 1; i <= 2; i++) {
		fill(f->q, i * 10, 10);
		snprintf(command, sizeof command,
		    i == 1 ? "rm %s*" : "rm -r %s*", i == 1 ? f->path : folder);
		assert_int_equal(system(command), 0);
		assert_int_equal(queue_begin(f->q), -1);
		assert_int_equal(queue_begin(f->q), -1);
		snprintf(name, sizeof name, "%s.rescued", f->path);
		assert_non_null(strstr(queue_error(f->q)->text, name));
		assert_int_not_equal(queue_recover(f->q), 0);
		queue_close(f->q);
		assert_int_equal(rename(name, f->path), 0);
		f->q = queue_open(f->path, QUEUE_WORKER, &f->error);
		assert_non_null(f->q);
		assert_int_equal(rows_in(f->q, "subjects"), i * 10);
	}
}

/* Another store takes the place: neither becomes a part of the other. */
static void
test_a_store_that_was_replaced_is_saved(void **state)
{
	struct fixture *f = *state;
	struct queue_file files[2];
	struct queue_backup *b;
	char rescued[120], log[120];

	fill(f->q, 0, 10);
	b = queue_backup_open(f->path, copy_of(f), &f->error);
	assert_int_equal(queue_backup_step(b, -1, &f->error), 0);
	queue_backup_close(b);
	fill(f->q, 10, 1000);
	queue_files(f->q, files);
	assert_true(queue_file_is(&files[0], f->path));
	assert_int_equal(files[1].inode, 0);
	assert_int_equal(rename(copy_of(f), f->path), 0);
	assert_int_equal(queue_begin(f->q), -1);
	assert_int_equal(queue_error(f->q)->what, QUEUE_MOVED);
	queue_files(f->q, files);
	snprintf(rescued, sizeof rescued, "%s.rescued", f->path);
	snprintf(log, sizeof log, "%s-wal", f->path);
	assert_true(files[0].inode != 0);
	assert_false(queue_file_is(&files[0], f->path));
	assert_true(queue_file_is(&files[1], rescued));
	assert_int_not_equal(access(log, F_OK), 0);
	reopen(f);
	assert_int_equal(rows_in(f->q, "subjects"), 10);
	assert_int_equal(rename(rescued, f->path), 0);
	reopen(f);
	assert_int_equal(rows_in(f->q, "subjects"), 1010);
}

/* ... and comes back: all of it is in it, also what only the log had. */
static void
test_a_store_that_was_away_is_whole(void **state)
{
	struct fixture *f = *state;
	char away[120];

	fill(f->q, 0, 10);
	snprintf(away, sizeof away, "%s.away", f->path);
	assert_int_equal(rename(f->path, away), 0);
	assert_int_equal(queue_begin(f->q), -1);
	assert_int_equal(rename(away, f->path), 0);
	reopen(f);
	assert_int_equal(rows_in(f->q, "subjects"), 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_it_is_of_one_moment),
	    TEST(test_one_that_is_given_up_leaves_nothing),
	    TEST(test_nothing_is_written_over),
	    TEST(test_a_store_at_rest),
	    TEST(test_a_store_that_was_removed_is_saved),
	    TEST(test_a_store_that_was_replaced_is_saved),
	    TEST(test_a_store_that_was_away_is_whole),
	};

	return cmocka_run_group_tests_name("backup", tests, NULL, NULL);
}
