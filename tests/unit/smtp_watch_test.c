/* SPDX-License-Identifier: MIT */
/* smtp_watch - what is found, and hidden, before the first MAIL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker/delivery/smtp/smtp_watch.h"

static struct smtp_io io;
static struct smtp_watch w;

static int
setup(void **state)
{
	(void)state;
	smtp_io_init(&io, 1000);
	w = (struct smtp_watch){.io = &io};
	smtp_watch_greeting(&w);
	return 0;
}

static void
say(const char *line)
{
	smtp_watch_written(&w, line, strlen(line));
}

static void
hear(const char *line)
{
	char copy[500];

	strcpy(copy, line);
	smtp_watch_read(&w, copy, strlen(copy));
}

/* However the reply is cut into reads, the word does not get through. */
static void
test_hidden_words(void **state)
{
	static const char reply[] =
	    "250-us\r\n250-CHUNKINGX\r\n250-Chunking\r\n250-CHUNK\r\n"
	    "250-EnhancedStatusCodes\r\n250-ENHANCED\r\n250\r\n"
	    "250- CHUNKING 1\r\n250-SIZE CHUNKING\r\n250 chunking\r\n";
	static const char hidden[] =
	    "250-us\r\n250-CHUNKINXX\r\n250-ChunkinX\r\n250-CHUNK\r\n"
	    "250-EnhancedStatusCodeX\r\n250-ENHANCED\r\n250 \n"
	    "250- CHUNKINX 1\r\n250-SIZE CHUNKING\r\n250 chunkinX\r\n";
	char copy[sizeof reply];

	(void)state;
	for (size_t cut = 0; cut < sizeof reply - 1; cut++) {
		strcpy(copy, reply);
		say("EHLO me\r\n");
		smtp_watch_read(&w, copy, cut);
		smtp_watch_read(&w, copy + cut, sizeof reply - 1 - cut);
		assert_string_equal(copy, hidden);
	}
	assert_int_equal(io.err, 0);
}

static void
test_login(void **state)
{
	(void)state;
	w.must_log_in = true;
	say("AUTH PLAIN\r\n");
	hear("334 \r\n");
	say("MAIL is what the password begins with\r\n");
	hear("235 2.7.0 welcome\r\n");
	say("MAIL FROM:<a@b.example>\r\n");
	assert_int_equal(io.err, 0);
	assert_false(w.login_refused);
}

static void
test_login_refused(void **state)
{
	(void)state;
	w.must_log_in = true;
	say("AUTH PLAIN AAAA\r\n");
	hear("535-5.7.8 wrong\r\n");
	hear("535 5.7.8 very\r\n");
	say("MAIL FROM:<a@b.example>\r\n");
	assert_true(w.login_refused);
	assert_int_not_equal(io.err, 0);
	assert_string_equal(w.refusal, "535-5.7.8 wrong 535 5.7.8 very");
}

static void
test_login_not_offered(void **state)
{
	(void)state;
	w.must_log_in = true;
	say("EHLO me\r\n");
	hear("250 us\r\n");
	say("MAIL FROM:<a@b.example>\r\n");
	assert_true(w.login_refused);
}

static void
test_starttls(void **state)
{
	(void)state;
	say("STARTTLS\r\n");
	hear("220 go ");
	hear("on\r\n");
	say("EHLO me\r\n");
	hear("250-us\r\n250 SIZE\r\n");
	assert_false(w.injected);
	assert_int_equal(io.err, 0);
}

static void
test_starttls_injection(void **state)
{
	(void)state;
	say("STARTTLS\r\n");
	hear("220 go on\r");
	hear("\n2");
	assert_true(w.injected);
	assert_int_not_equal(io.err, 0);
}

static void
test_endless_reply(void **state)
{
	(void)state;
	say("STARTTLS\r\n");
	for (int i = 0; i < 100; i++)
		hear("220 go on and on and on");
	assert_true(w.injected);
}

/* Only the last line ends a reply, and with it the time for it. */
static void
test_end_of_reply(void **state)
{
	(void)state;
	w.mailing = true;
	io.until_ms = 1;
	hear("250-2.1.0 one\r\n250-");
	hear("\r\n25");
	assert_int_equal(io.until_ms, 1);
	hear("0");
	hear("\r");
	assert_int_equal(io.until_ms, 1);
	hear("\n");
	assert_int_equal(io.until_ms, 0);
	io.until_ms = 1;
	hear("354 go on\r\n");
	assert_int_equal(io.until_ms, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_hidden_words, setup),
	    cmocka_unit_test_setup(test_login, setup),
	    cmocka_unit_test_setup(test_login_refused, setup),
	    cmocka_unit_test_setup(test_login_not_offered, setup),
	    cmocka_unit_test_setup(test_starttls, setup),
	    cmocka_unit_test_setup(test_starttls_injection, setup),
	    cmocka_unit_test_setup(test_endless_reply, setup),
	    cmocka_unit_test_setup(test_end_of_reply, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
