/* SPDX-License-Identifier: MIT */
/* smtp_verdict - replies and what was seen of the session, into a verdict. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker/delivery/smtp/smtp_verdict.h"

#define OK                          \
	{                           \
		250, "2.1.0 Ok\r\n" \
	}
#define QUEUED                                      \
	{                                           \
		250, "2.0.0 Ok: queued as 4ABC\r\n" \
	}
#define GO                                                 \
	{                                                  \
		354, "End data with <CR><LF>.<CR><LF>\r\n" \
	}
#define NOTHING   \
	{         \
		0 \
	}

struct expected {
	enum smtp_outcome outcome;
	enum verdict_what what;
	int code;
	const char *status;
	bool slows, dead;
};

static const struct {
	const char *name;
	struct smtp_facts facts;
	struct expected expected;
} cases[] = {
    {"MAIL 421", {.mail = {421, "4.3.2 bye"}},
	{SMTP_MAIL_REFUSED, VERDICT_RETRY, 421, "4.3.2", true, false}},
    {"MAIL 421 after other mails",
	{.mail = {421, "4.7.0 enough"}, .later = true},
	{SMTP_MAIL_REFUSED, VERDICT_RELEASED, 421, "4.7.0", false, false}},
    {"MAIL 450 after other mails", {.mail = {450, "4.3.0 busy"}, .later = true},
	{SMTP_MAIL_REFUSED, VERDICT_RETRY, 450, "4.3.0", true, false}},
    {"MAIL 450", {.mail = {450, "later"}},
	{SMTP_MAIL_REFUSED, VERDICT_RETRY, 450, "", true, false}},
    {"MAIL 550 is not about the recipient",
	{.mail = {550, "5.1.1 who are you"}},
	{SMTP_MAIL_REFUSED, VERDICT_REFUSED, 550, "5.1.1", false, false}},
    {"MAIL 530", {.mail = {530, "5.7.0 log in first"}},
	{SMTP_LOGIN_REFUSED, VERDICT_RELEASED, 530, "5.7.0", false, false}},
    {"MAIL 535", {.mail = {535, "log in first"}},
	{SMTP_LOGIN_REFUSED, VERDICT_RELEASED, 535, "", false, false}},
    {"MAIL 5xx that was never written",
	{.mail = {550, "injected"}, .wfail = true},
	{SMTP_CUT_SHORT, VERDICT_RETRY, 0, "", false, false}},

    {"RCPT 550 5.1.1, DATA 554",
	{OK, {550, "5.1.1 no such user"}, {554, "5.5.1 none"}, .sent = true},
	{SMTP_RECIPIENT_REFUSED, VERDICT_REFUSED, 550, "5.1.1", false, true}},
    {"RCPT 550, the empty message is taken",
	{OK, {550, "5.1.6 moved"}, QUEUED, .sent = true},
	{SMTP_RECIPIENT_REFUSED, VERDICT_REFUSED, 550, "5.1.6", false, true}},
    {"RCPT 550, BDAT refused",
	{OK, {550, "5.2.1 gone"}, {554, "5.5.1 none"}, .eof = true,
	    .sent = true},
	{SMTP_RECIPIENT_REFUSED, VERDICT_REFUSED, 550, "5.2.1", false, true}},
    {"RCPT 550, then the connection is lost",
	{OK, {550, "5.1.1 no such user"}, .eof = false},
	{SMTP_RECIPIENT_REFUSED, VERDICT_REFUSED, 550, "5.1.1", false, true}},
    {"RCPT 450", {OK, {450, "4.2.1 busy"}, {554, ""}, .sent = true},
	{SMTP_RECIPIENT_REFUSED, VERDICT_RETRY, 450, "4.2.1", false, false}},
    {"RCPT 451 4.7.1", {OK, {451, "4.7.1 greylisted"}, {554, ""}, .sent = true},
	{SMTP_RECIPIENT_REFUSED, VERDICT_RETRY, 451, "4.7.1", true, false}},
    {"RCPT 421", {OK, {421, "bye"}, .eof = false},
	{SMTP_RECIPIENT_REFUSED, VERDICT_RETRY, 421, "", true, false}},
    {"RCPT 452 4.5.3 with the only recipient there is",
	{OK, {452, "4.5.3 too many"}, {554, ""}, .sent = true},
	{SMTP_RECIPIENT_REFUSED, VERDICT_RETRY, 452, "4.5.3", false, false}},
    {"RCPT answered with nonsense", {OK, GO, QUEUED, .eof = true, .sent = true},
	{SMTP_RECIPIENT_REFUSED, VERDICT_RETRY, 354, "", false, false}},
    {"RCPT 550 5.7.1 is policy",
	{OK, {550, "5.7.1 not wanted"}, {554, ""}, .sent = true},
	{SMTP_RECIPIENT_REFUSED, VERDICT_REFUSED, 550, "5.7.1", false, false}},
    {"RCPT 552 5.2.2 is a full mailbox",
	{OK, {552, "5.2.2 full"}, {554, ""}, .sent = true},
	{SMTP_RECIPIENT_REFUSED, VERDICT_REFUSED, 552, "5.2.2", false, false}},
    {"RCPT 550 with the status in the text",
	{OK, {550, "5.1.1 no such user"}, {554, ""}, .sent = true},
	{SMTP_RECIPIENT_REFUSED, VERDICT_REFUSED, 550, "5.1.1", false, true}},
    {"RCPT 550 with a status of another class in the text",
	{OK, {550, "2.1.1 of nothing"}, {554, ""}, .sent = true},
	{SMTP_RECIPIENT_REFUSED, VERDICT_REFUSED, 550, "", false, false}},
    {"RCPT 550 with more than a status in the text",
	{OK, {550, "5.1.1.7 is on our list"}, {554, ""}, .sent = true},
	{SMTP_RECIPIENT_REFUSED, VERDICT_REFUSED, 550, "", false, false}},
    {"RCPT 550 with a status and no text",
	{OK, {550, "5.1.1"}, {554, ""}, .sent = true},
	{SMTP_RECIPIENT_REFUSED, VERDICT_REFUSED, 550, "5.1.1", false, true}},
    {"RCPT 550 without a status",
	{OK, {550, "No such user here"}, {554, ""}, .sent = true},
	{SMTP_RECIPIENT_REFUSED, VERDICT_REFUSED, 550, "", false, true}},
    {"RCPT 550 without a status, about us",
	{OK, {550, "Blocked for spam"}, {554, ""}, .sent = true},
	{SMTP_RECIPIENT_REFUSED, VERDICT_REFUSED, 550, "", false, false}},
    {"RCPT 554 without a status",
	{OK, {554, "No such user here"}, {554, ""}, .sent = true},
	{SMTP_RECIPIENT_REFUSED, VERDICT_REFUSED, 554, "", false, false}},

    {"accepted", {OK, OK, QUEUED, .eof = true, .sent = true},
	{SMTP_ACCEPTED, VERDICT_SENT, 250, "2.0.0", false, false}},
    {"accepted before it was sent", {OK, OK, QUEUED, .sent = true},
	{SMTP_OUT_OF_STEP, VERDICT_RETRY, 0, "", false, false}},
    {"accepted although a write failed",
	{OK, OK, QUEUED, .eof = true, .sent = true, .wfail = true},
	{SMTP_CUT_SHORT, VERDICT_RETRY, 0, "", false, false}},
    {"DATA 451", {OK, OK, {451, "4.3.0 later"}, .sent = true},
	{SMTP_TRANSFER_REFUSED, VERDICT_RETRY, 451, "4.3.0", true, false}},
    {"final 451", {OK, OK, {451, "later"}, .eof = true, .sent = true},
	{SMTP_TRANSFER_REFUSED, VERDICT_RETRY, 451, "", false, false}},
    {"final 554 5.1.1 is not at RCPT",
	{OK, OK, {554, "5.1.1 bounced"}, .eof = true, .sent = true},
	{SMTP_TRANSFER_REFUSED, VERDICT_REFUSED, 554, "5.1.1", false, false}},
    {"final 454 4.7.28",
	{OK, OK, {454, "4.7.28 slow down"}, .eof = true, .sent = true},
	{SMTP_TRANSFER_REFUSED, VERDICT_RETRY, 454, "4.7.28", true, false}},
    {"final 421", {OK, OK, {421, "bye"}, .eof = true, .sent = true},
	{SMTP_TRANSFER_REFUSED, VERDICT_RETRY, 421, "", true, false}},

    {"final 250 that could not be read to its end",
	{OK, OK, {250, NULL}, .eof = true},
	{SMTP_ACCEPTED, VERDICT_SENT, 250, "", false, false}},
    {"final 550 that could not be read to its end",
	{OK, OK, {550, NULL}, .eof = true},
	{SMTP_TRANSFER_REFUSED, VERDICT_REFUSED, 550, "", false, false}},
    {"final 451 that could not be read to its end",
	{OK, OK, {451, NULL}, .eof = true},
	{SMTP_TRANSFER_REFUSED, VERDICT_RETRY, 451, "", false, false}},
    {"RCPT 250 that could not be read to its end",
	{OK, {250, NULL}, .eof = false},
	{SMTP_CUT_SHORT, VERDICT_RETRY, 0, "", false, false}},
    {"BDAT: the 250 is of an earlier chunk",
	{OK, OK, {250, "2.0.0 3924 octets"}, .eof = true},
	{SMTP_ANSWER_LOST, VERDICT_UNSURE, 0, "", false, false}},
    {"closed after the end of data", {OK, OK, NOTHING, .eof = true},
	{SMTP_ANSWER_LOST, VERDICT_UNSURE, 0, "", false, false}},
    {"BDAT: closed after the end of data",
	{OK, OK, NOTHING, .eof = true, .sent = true},
	{SMTP_ANSWER_LOST, VERDICT_UNSURE, 0, "", false, false}},
    {"silent after the end of data", {OK, OK, GO, .eof = true},
	{SMTP_ANSWER_LOST, VERDICT_UNSURE, 0, "", false, false}},
    {"lost before the end of data", {OK, OK, GO, .eof = false},
	{SMTP_CUT_SHORT, VERDICT_RETRY, 0, "", false, false}},
    {"stalled while data was written", {OK, OK, GO, .eof = true, .wfail = true},
	{SMTP_CUT_SHORT, VERDICT_RETRY, 0, "", false, false}},
    {"lost after MAIL", {.mail = OK},
	{SMTP_CUT_SHORT, VERDICT_RETRY, 0, "", false, false}},
    {"lost before MAIL", {.mail = NOTHING},
	{SMTP_NEVER_TRIED, VERDICT_RELEASED, 0, "", false, false}},
    {"lost before MAIL, which was not written", {.wfail = true},
	{SMTP_NEVER_TRIED, VERDICT_RELEASED, 0, "", false, false}},
};

static void
check(const char *name, const struct smtp_facts *f, const struct expected *e)
{
	struct verdict v;
	enum smtp_outcome o = smtp_verdict(f, &v);

	if (o != e->outcome || v.what != e->what || v.code != e->code ||
	    strcmp(v.enhanced_status, e->status) != 0 ||
	    v.slows_channel != e->slows || v.address_is_dead != e->dead)
		fail_msg("%s: outcome %d, verdict %d %d %s \"%s\"%s%s", name, o,
		    v.what, v.code, v.enhanced_status, v.text,
		    v.slows_channel ? ", slows the channel" : "",
		    v.address_is_dead ? ", dead" : "");
	if (v.what != VERDICT_SENT && v.code == 0)
		assert_string_not_equal(v.text, "");
}

static void
test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		check(cases[i].name, &cases[i].facts, &cases[i].expected);
}

static struct verdict
refused_at_rcpt(const char *text)
{
	struct smtp_facts f = {OK, {550, text}, {554, "none"}, .sent = true};
	struct verdict v;

	smtp_verdict(&f, &v);
	assert_int_equal(v.what, VERDICT_REFUSED);
	return v;
}

/* What servers say without an enhanced code when nobody is there. */
static void
test_nobody_in_words(void **state)
{
	static const char *const texts[] = {"No such user here",
	    "no such mailbox", "User unknown",
	    "<ada@example.com>... User unknown",
	    "<a@b.example>: Recipient address rejected: User unknown in "
	    "virtual mailbox table",
	    "<a@b.example>: Recipient address rejected: User unknown in relay "
	    "recipient table",
	    "Unrouteable address", "unknown user",
	    "sorry, no mailbox here by that name. (#5.1.1)",
	    "Invalid recipient <ada@example.com>",
	    "Mailbox <ada@example.com> does not exist",
	    "User 'arthur.black@example.com' not found", "Mailbox not found",
	    "Recipient unknown", "Unknown or illegal user",
	    "dd This user doesn't have a yahoo.com account (a@b.example) [0]",
	    "The mailbox is inactive", "Account disabled",
	    "account has been deactivated", "Address unknown",
	    "This address no longer accepts mail", "Not our customer",
	    "ada@example.com is not a known user", "No such local user",
	    "Non-existent email address", NULL};

	(void)state;
	for (int i = 0; texts[i] != NULL; i++)
		if (!refused_at_rcpt(texts[i]).address_is_dead)
			fail_msg("not dead: %s", texts[i]);
}

/* ... and when it is us, or nobody knows. */
static void
test_others_in_words(void **state)
{
	static const char *const texts[] = {"Administrative prohibition",
	    "Reverse DNS lookup failed for your host", "Invalid HELO name",
	    "Callback setup failed while verifying <hello@acme.example>",
	    "Your IP is listed at b.barracudacentral.org",
	    "mailbox has exceeded its storage allocation",
	    "Message rejected: too many messages", "Service unavailable",
	    "TLS required", "Verification failed for <hello@acme.example>",
	    "Greylisted, come back", "Unable to verify address, DNS error",
	    "Requires a login", "Mail server temporarily rejected message",
	    "Recipient verification timed out",
	    "Could not verify the recipient address, unknown error",
	    "Sender verify failed: unknown user",
	    "<hello@acme.example>: Sender address does not exist",
	    "Client host rejected: no PTR, unknown address",
	    "Relaying disabled for unknown user", "Recipient rejected",
	    "Requested action not taken: mailbox unavailable",
	    "sorry, that domain isn't in my list of allowed rcpthosts",
	    "User not local; please try <b@c.example>", NULL};

	(void)state;
	for (int i = 0; texts[i] != NULL; i++)
		if (refused_at_rcpt(texts[i]).address_is_dead)
			fail_msg("dead: %s", texts[i]);
}

/* An alarm: the relay does not want our address as the sender's. */
static void
test_sender_refused(void **state)
{
	static const char *const texts[] = {
	    "5.1.8 bad domain", "5.1.7 bad address", "5.7.27 null MX"};
	struct verdict v;

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct smtp_facts f = {.mail = {550, texts[i]}};

		smtp_verdict(&f, &v);
		assert_true(v.is_policy);
		assert_false(v.address_is_dead);
		assert_false(refused_at_rcpt(texts[i]).address_is_dead);
	}
}

/* Whatever is seen: "sent" needs a 2xx to all three and the whole message. */
static void
test_never_sent_in_doubt(void **state)
{
	static const int codes[] = {0, 220, 250, 354, 421, 450, 550};
	enum { N = sizeof codes / sizeof *codes };
	struct verdict v;

	(void)state;
	for (int i = 0; i < N * N * N * 16; i++) {
		struct smtp_facts f = {
		    .mail = {codes[i % N], "m"},
		    .rcpt = {codes[i / N % N], "r"},
		    .transfer = {codes[i / N / N % N],
			i / N / N / N & 8 ? "t" : NULL},
		    .eof = i / N / N / N & 1,
		    .sent = i / N / N / N & 2,
		    .wfail = i / N / N / N & 4,
		};

		smtp_verdict(&f, &v);
		if (v.what == VERDICT_SENT)
			assert_true(f.mail.code / 100 == 2 && f.eof &&
				    f.transfer.code / 100 == 2 && !f.wfail);
		if (v.what == VERDICT_SENT && f.sent)
			assert_int_equal(f.rcpt.code / 100, 2);
		if (v.what == VERDICT_RETRY || v.what == VERDICT_RELEASED)
			assert_false(f.sent && f.eof && !f.wfail &&
				     f.mail.code / 100 == 2 &&
				     f.rcpt.code / 100 == 2 &&
				     f.transfer.code / 100 == 2);
		if (v.what == VERDICT_REFUSED)
			assert_true(f.mail.code == 550 || f.rcpt.code == 550 ||
				    f.transfer.code == 550);
	}
}

static void
test_provider_id(void **state)
{
	static const char *const texts[][2] = {
	    {"2.0.0 Ok: queued as 4ABC\r\n", "4ABC"},
	    {"OK id=1rXyZ-0001-AB", "1rXyZ-0001-AB"},
	    {"Ok 0100018f-abc-000000", "0100018f-abc-000000"},
	    {"Requested mail action okay", ""},
	    {"Ok all is well", ""},
	    {"Accepted (queued as <a b>)", "<a"},
	};
	struct verdict v;

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct smtp_facts f = {
		    OK, OK, {250, texts[i][0]}, .eof = true, .sent = true};

		smtp_verdict(&f, &v);
		assert_string_equal(v.provider_id, texts[i][1]);
	}
}

/* What is the relay's own is not the message's. */
static void
test_trouble(void **state)
{
	static const struct {
		struct smtp_reply reply;
		bool is_trouble;
	} rows[] = {{{451, "4.3.0 lookup failure"}, true},
	    {{421, "4.7.0 too many connections"}, true},
	    {{451, "4.7.1 greylisted"}, false}, {{450, "busy"}, false},
	    {{550, "5.3.0 broken"}, false}};
	struct verdict v;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct smtp_facts rcpt = {
		    OK, rows[i].reply, {554, "none"}, .sent = true};
		struct smtp_facts mail = {.mail = rows[i].reply};

		smtp_verdict(&rcpt, &v);
		assert_int_equal(v.is_trouble, rows[i].is_trouble);
		smtp_verdict(&mail, &v);
		assert_int_equal(v.is_trouble, v.what == VERDICT_RETRY);
	}
}

static void
test_lines_with_a_status(void **state)
{
	static const struct smtp_reply replies[] = {
	    {550, "5.7.1 one\r\n5.7.1 two\r\n"},
	    {550, "5.7.1 one\r\ntwo"},
	    {550, "5.7.1 one\ntwo"},
	};
	struct verdict v = {0};

	(void)state;
	for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
		smtp_quote(&replies[i], &v);
		assert_string_equal(v.enhanced_status, "5.7.1");
		assert_string_equal(v.text, "one two");
	}
}

static void
test_one_line(void **state)
{
	char out[12];

	(void)state;
	smtp_one_line(out, sizeof out, "a\r\n b\tc\x01\xc3\xa4\r\n");
	assert_string_equal(out, "a b c ??");
	smtp_one_line(out, sizeof out, "0123456789abcdef");
	assert_string_equal(out, "0123456789a");
	smtp_one_line(out, sizeof out, NULL);
	assert_string_equal(out, "");
	smtp_one_line(out, sizeof out, "\r\n");
	assert_string_equal(out, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_table),
	    cmocka_unit_test(test_nobody_in_words),
	    cmocka_unit_test(test_others_in_words),
	    cmocka_unit_test(test_sender_refused),
	    cmocka_unit_test(test_never_sent_in_doubt),
	    cmocka_unit_test(test_provider_id),
	    cmocka_unit_test(test_trouble),
	    cmocka_unit_test(test_lines_with_a_status),
	    cmocka_unit_test(test_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
