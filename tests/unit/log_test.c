/* SPDX-License-Identifier: MIT */
/*
 * log - each test catches standard error in a pipe and looks at the lines.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "worker/log.h"

static int real_stderr, ends[2];

static void
catch_stderr(void)
{
	assert_int_equal(pipe(ends), 0);
	real_stderr = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
}

/* What was written since catch_stderr(); caller frees. */
static char *
caught(void)
{
	char *text = calloc(1, 65536);
	ssize_t n;
	size_t len = 0;

	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	while ((n = read(ends[0], text + len, 65535 - len)) > 0)
		len += (size_t)n;
	close(ends[0]);
	return text;
}

/* The message of the one JSON line that logging `text` wrote; caller frees. */
static json_t *
logged(const char *text)
{
	char *line;
	json_t *json;
	json_error_t error;

	catch_stderr();
	log_open(true, LOG_DEBUG);
	log_warn("%s", text);
	line = caught();
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	json = json_loads(line, 0, &error);
	if (json == NULL)
		fail_msg("%s: %s", error.text, line);
	free(line);
	return json;
}

static void
assert_logged(const char *text, const char *expected)
{
	json_t *json = logged(text);

	assert_string_equal(
	    json_string_value(json_object_get(json, "msg")), expected);
	json_decref(json);
}

static void
test_json_line(void **state)
{
	json_t *json = logged("a b");
	const char *ts = json_string_value(json_object_get(json, "ts"));

	assert_int_equal(json_object_size(json), 3);
	assert_int_equal(strlen(ts), strlen("2026-03-27T10:00:00.000Z"));
	assert_int_equal(ts[10], 'T');
	assert_int_equal(ts[23], 'Z');
	assert_string_equal(
	    json_string_value(json_object_get(json, "level")), "warn");
	json_decref(json);
}

static void
test_escapes(void **state)
{
	assert_logged("", "");
	assert_logged("say \"hi\" \\ there", "say \"hi\" \\ there");
	assert_logged("one\r\ntwo", "one\\x0d\\x0atwo");
	assert_logged("\033[2J\177", "\\x1b[2J\\x7f");
	assert_logged(
	    "Zo\xc3\xab \xf0\x9f\x8e\x89", "Zo\xc3\xab \xf0\x9f\x8e\x89");
	assert_logged("\xc2\x9b"
		      "1m",
	    "\\xc2\\x9b1m");				  /* C1 control */
	assert_logged("\xff\xc0\xaf", "\\xff\\xc0\\xaf"); /* never UTF-8 */
	assert_logged("\xe0\x80\xaf", "\\xe0\\x80\\xaf"); /* overlong */
	assert_logged("\xed\xa0\x80", "\\xed\\xa0\\x80"); /* surrogate */
	assert_logged("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");
	assert_logged("cut \xe2\x82", "cut \\xe2\\x82");
}

static void
test_addresses_are_masked(void **state)
{
	assert_logged("550 5.1.1 <ada.lovelace@example.com>: no such user",
	    "550 5.1.1 <***@example.com>: no such user");
	assert_logged("a@b.example,c@d.example", "***@b.example,***@d.example");
	assert_logged("to z\xc3\xb6@example.com", "to ***@example.com");
	assert_logged("<o'brien@b.example>", "<***@b.example>");
	assert_logged("to sales/x@b.example", "to ***@b.example");
	assert_logged("k|x{y}@b.example", "***@b.example");
	assert_logged("bounce+ada=example.com@b.example", "***@b.example");
	assert_logged("GET /?r=ada%40b.example", "GET ***%40b.example");
	assert_logged("smtp://me:secret@relay:25", "smtp://me:***@relay:25");
	assert_logged("@ home, a @ b, x@", "@ home, a @ b, x@");
	assert_logged("a@@b.example", "***@@b.example");
	assert_logged("", "");
}

static void
test_journal_gets_priorities(void **state)
{
	struct stat st;
	char stream[64], *line;

	catch_stderr();
	fstat(STDERR_FILENO, &st);
	snprintf(stream, sizeof stream, "%llu:%llu",
	    (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_open(true, LOG_INFO);
	log_error("x");
	line = caught();
	assert_int_equal(strncmp(line, "<3>{\"ts\":", 9), 0);
	free(line);
	setenv("JOURNAL_STREAM", "1:1", 1); /* standard error went elsewhere */
	json_decref(logged("x"));
	unsetenv("JOURNAL_STREAM");
}

static void
test_long_message_is_cut(void **state)
{
	char text[5000];
	json_t *json;

	memset(text, '\001', sizeof text - 1); /* the longest to escape */
	text[sizeof text - 1] = '\0';
	json = logged(text);
	assert_int_equal(
	    json_string_length(json_object_get(json, "msg")), 2000 * 4);
	json_decref(json);
}

static void
test_levels(void **state)
{
	char *lines;

	catch_stderr();
	log_open(true, LOG_WARN);
	log_debug("debug %d", 1);
	log_info("info %d", 2);
	errno = ENOENT;
	log_warn("warn %d", 3);
	assert_int_equal(errno, ENOENT);
	log_error("error %d", 4);
	lines = caught();
	assert_null(strstr(lines, "debug"));
	assert_null(strstr(lines, "info"));
	assert_non_null(
	    strstr(lines, "\"level\":\"warn\",\"msg\":\"warn 3\"}\n"));
	assert_non_null(
	    strstr(lines, "\"level\":\"error\",\"msg\":\"error 4\"}\n"));
	free(lines);
}

/* Text is for terminals: this one gets a terminal. */
static void
test_text(void **state)
{
	int terminal = posix_openpt(O_RDWR | O_NOCTTY), saved, slave;
	char line[64] = "";

	if (terminal < 0 || grantpt(terminal) != 0) {
		print_message("no terminal can be had here: skipped\n");
		skip();
	}
	assert_int_equal(unlockpt(terminal), 0);
	slave = open(ptsname(terminal), O_RDWR | O_NOCTTY);
	saved = dup(STDERR_FILENO);
	dup2(slave, STDERR_FILENO);
	log_open(false, LOG_INFO);
	log_info("say \"hi\" \\\n");
	dup2(saved, STDERR_FILENO);
	assert_true(read(terminal, line, sizeof line - 1) > 13);
	assert_string_equal(
	    line + strlen("12:00:00.123 "), "info  say \"hi\" \\\\x0a\r\n");
	close(saved);
	close(slave);
	close(terminal);
}

static void
end_fatal(void)
{
	log_fatal(78, "no %s", "settings");
}

static void
end_panic(void)
{
	panic("state %d", 7);
}

/* Runs end() in a process of its own; its wait status and what it wrote. */
static char *
ended(void (*end)(void), int *status)
{
	pid_t child;

	catch_stderr();
	child = fork();
	if (child == 0) {
		signal(SIGABRT, SIG_DFL);
		log_open(true, LOG_ERROR);
		end();
	}
	assert_int_equal(waitpid(child, status, 0), child);
	return caught();
}

static void
test_endings(void **state)
{
	int status;
	char *line = ended(end_fatal, &status);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 78);
	assert_non_null(
	    strstr(line, "\"level\":\"fatal\",\"msg\":\"no settings\"}\n"));
	free(line);
	line = ended(end_panic, &status);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	assert_non_null(
	    strstr(line, "\"level\":\"fatal\",\"msg\":\"state 7\"}\n"));
	free(line);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_json_line),
	    cmocka_unit_test(test_escapes),
	    cmocka_unit_test(test_addresses_are_masked),
	    cmocka_unit_test(test_journal_gets_priorities),
	    cmocka_unit_test(test_long_message_is_cut),
	    cmocka_unit_test(test_levels),
	    cmocka_unit_test(test_text),
	    cmocka_unit_test(test_endings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
