/* SPDX-License-Identifier: MIT */
/* A delivery to bytes: who it is from, which list headers, what holds it. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/folder.h"
#include "worker/delivery/compose.h"

#define MAIL                                                              \
	"\"from_name\":\"Acme\",\"from_address\":\"hello@acme.example\"," \
	"\"message_id_domain\":\"acme.example\","                         \
	"\"list_id\":\"onboarding <onboarding.acme.example>\","           \
	"\"feedback_id\":\"onboarding:welcome:mail:nudge01\","            \
	"\"unsubscribe_url\":\"https://app.example/u/1\""
#define SCOPE                                               \
	"{\"user\":{\"name\":\"Ada\"},\"unsubscribe_url\":" \
	"\"https://app.example/u/1\",\"_mail\":{" MAIL "}}"

static const struct {
	const char *name, *text;
} files[] = {
    {"list.md", "Subject: Hi {{ user.name | default: 'you' }}\nTopic: t\n\n"
		"Hi. [Stop]({{ unsubscribe_url }})"},
    {"plain.md", "Subject: x\nFrom: {{ from }}\nReply-To: {{ reply }}\n\nx"},
    {"own.md", "Subject: x\n\nx"},
    {"abort.md", "Subject: x\n\n{% abort_message 'done' %}"},
    {"secret.md", "Subject: x\n\n{{ _mail.from_name }}"},
    {"now.md", "Subject: {{ 'now' | date: '%H:%M %Z' }}\n\nx"},
    {"doc.json", "{\"body\":{\"n\":\"{{ user.name }}\"}}"},
};

static struct templates *set;

static int
setup(void **state)
{
	struct problems problems = {0};

	folder_make();
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		write_file(files[i].name, files[i].text);
	set = templates_load(folder, &problems);
	folder_drop();
	if (problems.errors > 0)
		assert_string_equal(problems.list[0].at.text, "");
	problems_free(&problems);
	return 0;
}

static int
teardown(void **state)
{
	templates_free(set);
	return 0;
}

static struct delivery
delivery_of(const char *name, const char *scope)
{
	return (struct delivery){
	    .key = "k7m2",
	    .now_ms = 1767603600000,
	    .template = templates_find(set, name, NULL),
	    .scope = (char *)scope,
	    .scope_len = strlen(scope),
	    .address = "ada@example.com",
	    .to_name = "Ada",
	};
}

static void
assert_mail(const char *name, const char *scope, const char *expected)
{
	struct delivery d = delivery_of(name, scope);
	struct buf mime = {0};

	if (compose_mail(&d, &mime) != 0)
		assert_string_equal(d.verdict.text, "");
	if (strstr(buf_str(&mime), expected) == NULL)
		assert_string_equal(buf_str(&mime), expected);
	buf_free(&mime);
}

static void
assert_held(const char *name, const char *scope, const char *reason)
{
	struct delivery d = delivery_of(name, scope);
	struct buf mime = {0};

	assert_int_equal(compose_mail(&d, &mime), -1);
	assert_int_equal(d.verdict.what, VERDICT_HELD);
	if (strstr(d.verdict.text, reason) == NULL)
		assert_string_equal(d.verdict.text, reason);
	assert_int_equal(mime.len, 0);
	buf_free(&mime);
}

static void
a_list_mail(void **state)
{
	assert_mail("list", SCOPE,
	    "Date: Mon, 05 Jan 2026 09:00:00 +0000\r\n"
	    "From: Acme <hello@acme.example>\r\n"
	    "To: Ada <ada@example.com>\r\n"
	    "Subject: Hi Ada\r\n"
	    "Message-ID: <k7m2@acme.example>\r\n");
	assert_mail("list", SCOPE,
	    "List-Unsubscribe: <https://app.example/u/1>\r\n"
	    "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
	    "Precedence: bulk\r\n"
	    "List-Id: onboarding <onboarding.acme.example>\r\n"
	    "Feedback-ID: onboarding:welcome:mail:nudge01\r\n");
}

static void
without_a_topic_no_list(void **state)
{
	struct delivery d = delivery_of(
	    "own", "{\"_mail\":{\"from_address\":\"hello@acme.example\"}}");
	struct buf mime = {0};

	assert_int_equal(compose_mail(&d, &mime), 0);
	assert_null(strstr(mime.data, "List-"));
	assert_null(strstr(mime.data, "Precedence"));
	buf_free(&mime);
}

static void
a_name_that_looks_like_a_link_is_none(void **state)
{
	static const char *const names[] = {"win at evil.example",
	    "Eve\r\nBcc: x@evil.example", "https://evil.example", "<b>Eve"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct delivery d = delivery_of("own", SCOPE);
		struct buf mime = {0};

		d.to_name = (char *)names[i];
		assert_int_equal(compose_mail(&d, &mime), 0);
		if (strstr(mime.data, "\r\nTo: <ada@example.com>\r\n") == NULL)
			fail_msg("%s", mime.data);
		buf_free(&mime);
	}
}

#define FROM(from) "{\"from\":\"" from "\",\"reply\":\"\",\"_mail\":{" MAIL "}}"
#define REPLY(reply) \
	"{\"from\":\"\",\"reply\":\"" reply "\",\"_mail\":{" MAIL "}}"

static void
senders(void **state)
{
	assert_mail("plain", FROM(""), "From: Acme <hello@acme.example>\r\n");
	assert_mail("plain", FROM("Bo at Acme"),
	    "From: Bo at Acme <hello@acme.example>\r\n");
	assert_mail("plain", FROM("Bo <bo@ACME.example>"),
	    "From: Bo <bo@ACME.example>\r\n");
	assert_mail("plain", FROM("bo@acme.example"),
	    "From: Acme <bo@acme.example>\r\n");
	assert_held("plain", FROM("bo@evil.example"),
	    "From is bo@evil.example, but the sender's domain is acme.example");
	assert_held("plain", FROM("a@acme.example, b@acme.example"),
	    "cannot stand in From");
	assert_held("own", "{\"_mail\":{}}", "no sender address is set");
	assert_mail("plain", REPLY("Help <h@other.example>"),
	    "Reply-To: Help <h@other.example>\r\n");
	assert_held("plain", REPLY("Help"), "cannot stand in Reply-To");
	assert_mail("own",
	    "{\"_mail\":{\"from_address\":\"a@b.example\","
	    "\"reply_to\":\"r@b.example\"}}",
	    "Reply-To: <r@b.example>\r\n");
}

static void
what_cannot_be_sent_is_held(void **state)
{
	struct delivery d = delivery_of("own", SCOPE);
	struct buf mime = {0};

	assert_held("own", "{", "the message's data cannot be read");
	assert_held("plain", SCOPE, "plain.md:2:");
	assert_held("secret", SCOPE, "_mail");
	d.address = "ada@example.com\r\nRCPT TO:<x@evil.example>";
	assert_int_equal(compose_mail(&d, &mime), -1);
	assert_int_equal(d.verdict.what, VERDICT_HELD);
	assert_int_equal(mime.len, 0);
	buf_free(&mime);
}

static void
an_abort_skips(void **state)
{
	struct delivery d = delivery_of("abort", SCOPE);
	struct buf mime = {0};

	assert_int_equal(compose_mail(&d, &mime), -1);
	assert_int_equal(d.verdict.what, VERDICT_SKIPPED);
	assert_string_equal(d.verdict.text, "done");
	buf_free(&mime);
}

static void
times_are_in_the_persons_zone(void **state)
{
	assert_mail("now", SCOPE, "Subject: 09:00 UTC\r\n");
	assert_mail("now",
	    "{\"_mail\":{" MAIL ",\"timezone\":\"Europe/Berlin\"}}",
	    "Subject: 10:00 CET\r\n");
	assert_mail("now", "{\"_mail\":{" MAIL ",\"timezone\":\"No/Where\"}}",
	    "Subject: 09:00 UTC\r\n");
}

static void
documents(void **state)
{
	struct delivery d = delivery_of("doc", SCOPE);
	struct buf json = {0};

	assert_int_equal(compose_document(&d, &json), 0);
	assert_string_equal(json.data, "{\"n\":\"Ada\"}");
	buf_free(&json);
	d = delivery_of("doc", "{}");
	assert_int_equal(compose_document(&d, &json), -1);
	assert_int_equal(d.verdict.what, VERDICT_HELD);
	buf_free(&json);
}

static void *
compose_often(void *expected)
{
	struct buf mime = {0};

	for (int i = 0; i < 300; i++) {
		struct delivery d = delivery_of("list", SCOPE);
		struct delivery doc = delivery_of("doc", SCOPE);

		buf_truncate(&mime, 0);
		if (compose_mail(&d, &mime) != 0 ||
		    strcmp(buf_str(&mime), expected) != 0)
			return "another mail";
		buf_truncate(&mime, 0);
		if (compose_document(&doc, &mime) != 0 ||
		    strcmp(buf_str(&mime), "{\"n\":\"Ada\"}") != 0)
			return "another document";
	}
	buf_free(&mime);
	return NULL;
}

static void
threads_do_not_disturb_each_other(void **state)
{
	struct delivery d = delivery_of("list", SCOPE);
	struct buf mime = {0};
	pthread_t threads[4];

	assert_int_equal(compose_mail(&d, &mime), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, compose_often, mime.data),
		    0);
	for (int i = 0; i < 4; i++) {
		void *wrong;

		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_null(wrong);
	}
	buf_free(&mime);
}

/* A value is percent-encoded, and what only this file reads is not there. */
static void
urls(void **state)
{
	static const struct {
		const char *source, *url; /* NULL: held */
	} rows[] = {
	    {"https://x/{{ user.name }}", "https://x/A%2F%C3%AB"},
	    {"https://x/?{% if user.name %}n={{ user.name }}{% endif %}",
		"https://x/?n=A%2F%C3%AB"},
	    {"https://x/{{ user.nobody }}", NULL},
	    {"https://x/{{ _mail.from_name }}", NULL},
	};
	char scope[] =
	    "{\"user\":{\"name\":\"A/\u00eb\"},\"_mail\":{" MAIL "}}";
	struct liquid_options options = {.name = "", .context = LIQUID_URL};
	struct error e;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct delivery d = {
		    .scope = scope, .scope_len = strlen(scope)};
		struct liquid *source = liquid_compile(
		    rows[i].source, strlen(rows[i].source), &options, &e);
		struct buf url = {0};

		assert_non_null(source);
		assert_int_equal(compose_url(&d, source, &url),
		    rows[i].url != NULL ? 0 : -1);
		if (rows[i].url != NULL) {
			assert_string_equal(url.data, rows[i].url);
		} else {
			assert_int_equal(d.verdict.what, VERDICT_HELD);
			assert_memory_equal(
			    d.verdict.text, "the channel's url: ", 19);
		}
		buf_free(&url);
		liquid_free(source);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_list_mail),
	    cmocka_unit_test(without_a_topic_no_list),
	    cmocka_unit_test(a_name_that_looks_like_a_link_is_none),
	    cmocka_unit_test(senders),
	    cmocka_unit_test(what_cannot_be_sent_is_held),
	    cmocka_unit_test(an_abort_skips),
	    cmocka_unit_test(times_are_in_the_persons_zone),
	    cmocka_unit_test(documents),
	    cmocka_unit_test(urls),
	    cmocka_unit_test(threads_do_not_disturb_each_other),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
