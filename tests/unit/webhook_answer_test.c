/* SPDX-License-Identifier: MIT */
/* webhook_plan, webhook_answer - what settings say, and what an answer means.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker/delivery/webhook/webhook_answer.h"
#include "worker/settings/settings.h"

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

static struct channel channel;

static int
setup(void **state)
{
	channel = (struct channel){.name = "hook",
	    .type = "webhook",
	    .url = "https://app.example/s3cret",
	    .method = "POST",
	    .body = "json"};
	return 0;
}

static int
teardown(void **state)
{
	webhook_plan_free(channel.plan);
	json_decref(channel.headers);
	return 0;
}

/* ------------------------------------------------------------------ answers */

static struct webhook_plan *
plan(void)
{
	struct problems problems = {0};

	webhook_plan_free(channel.plan);
	channel.plan = webhook_plan_new(&channel, NULL, &problems);
	if (channel.plan == NULL)
		fail_msg("%s", problems.list[0].at.text);
	return channel.plan;
}

static enum answer_means
judge(long status, const char *body, struct verdict *v)
{
	struct webhook_answer answer = {.status = status,
	    .body = body,
	    .len = strlen(body),
	    .retry_after_ms = 7000};
	enum answer_means means;

	*v = (struct verdict){0};
	answer.headers = json_pack("{s:s}", "x-message-id", "m-1");
	means = webhook_judge(channel.plan, &answer, v);
	json_decref(answer.headers);
	return means;
}

struct row {
	long status;
	const char *body;
	enum verdict_what what;
	enum answer_means means;
};

static void
assert_rows(const struct row *rows, size_t n)
{
	struct verdict v;

	for (size_t i = 0; i < n; i++) {
		enum answer_means means =
		    judge(rows[i].status, rows[i].body, &v);

		if (v.what != rows[i].what || means != rows[i].means)
			fail_msg("%ld %s: %s, %d", rows[i].status, rows[i].body,
			    v.text, (int)means);
		assert_int_equal(v.code, rows[i].status);
		assert_int_equal(
		    v.retry_after_ms, v.what == VERDICT_RETRY ? 7000 : 0);
	}
}
#define ASSERT_ROWS(rows) assert_rows(rows, sizeof rows / sizeof *rows)

/* Slack's changelog of 2016-05-17. */
static void
test_slack(void **state)
{
	static const struct row rows[] = {
	    {200, "ok", VERDICT_SENT, ANSWER_WORKS},
	    {400, "invalid_payload", VERDICT_REFUSED, ANSWER_WORKS},
	    {400, "user_not_found", VERDICT_REFUSED, ANSWER_WORKS},
	    {400, "no_text", VERDICT_REFUSED, ANSWER_WORKS},
	    {400, "invalid_blocks", VERDICT_REFUSED, ANSWER_WORKS},
	    {400, "too_many_attachments", VERDICT_REFUSED, ANSWER_WORKS},
	    {403, "action_prohibited", VERDICT_RELEASED, ANSWER_GONE},
	    {403, "posting_to_general_channel_denied", VERDICT_RELEASED,
		ANSWER_GONE},
	    {403, "invalid_token", VERDICT_RELEASED, ANSWER_GONE},
	    {403, "something else", VERDICT_RELEASED, ANSWER_DENIED},
	    {404, "channel_not_found", VERDICT_RELEASED, ANSWER_GONE},
	    {404, "no_service", VERDICT_RELEASED, ANSWER_GONE},
	    {404, "no_service here", VERDICT_RELEASED, ANSWER_DENIED},
	    {404, "no_team", VERDICT_RELEASED, ANSWER_GONE},
	    {410, "channel_is_archived", VERDICT_RELEASED, ANSWER_GONE},
	    {429, "rate_limited", VERDICT_RETRY, ANSWER_NOTHING},
	    {500, "rollup_error", VERDICT_RETRY, ANSWER_ODD},
	};

	plan();
	ASSERT_ROWS(rows);
}

static void
test_statuses(void **state)
{
	static const struct row rows[] = {
	    {202, "", VERDICT_SENT, ANSWER_WORKS},
	    {301, "", VERDICT_RETRY, ANSWER_ODD},
	    {307, "", VERDICT_RETRY, ANSWER_ODD},
	    {401, "", VERDICT_RELEASED, ANSWER_DENIED},
	    {402, "", VERDICT_REFUSED, ANSWER_WORKS},
	    {407, "", VERDICT_RELEASED, ANSWER_DENIED},
	    {408, "", VERDICT_RETRY, ANSWER_NOTHING},
	    {409, "", VERDICT_RETRY, ANSWER_NOTHING},
	    {413, "", VERDICT_REFUSED, ANSWER_WORKS},
	    {422, "", VERDICT_REFUSED, ANSWER_WORKS},
	    {425, "", VERDICT_RETRY, ANSWER_NOTHING},
	    {502, "", VERDICT_RETRY, ANSWER_NOTHING},
	    {599, "", VERDICT_RETRY, ANSWER_ODD},
	};
	struct verdict v;

	plan();
	ASSERT_ROWS(rows);
	judge(301, "moved", &v);
	assert_string_equal(v.text, "redirects are not followed");
	judge(429, "", &v);
	assert_true(v.slows_channel);
	judge(500, "", &v);
	assert_false(v.slows_channel);
}

/* 403, 404 and 410 are of what the values name. */
static void
test_statuses_where_the_path_varies(void **state)
{
	static const struct row rows[] = {
	    {401, "", VERDICT_RELEASED, ANSWER_DENIED},
	    {403, "", VERDICT_REFUSED, ANSWER_WORKS},
	    {404, "no_service", VERDICT_REFUSED, ANSWER_WORKS},
	    {410, "", VERDICT_REFUSED, ANSWER_WORKS},
	};

	channel.url = "https://app.example/{{ user.id }}";
	assert_false(plan()->host_varies);
	ASSERT_ROWS(rows);
}

static void
test_statuses_where_the_host_varies(void **state)
{
	static const struct row rows[] = {
	    {401, "", VERDICT_REFUSED, ANSWER_WORKS},
	    {410, "", VERDICT_REFUSED, ANSWER_WORKS},
	    {503, "", VERDICT_RETRY, ANSWER_NOTHING},
	};
	struct verdict v;

	channel.url = "{{ account.webhook_url }}";
	assert_true(plan()->host_varies);
	ASSERT_ROWS(rows);
	judge(503, "", &v);
	assert_false(v.slows_channel);
}

static void
test_success(void **state)
{
	static const struct row rows[] = {
	    {200, "{\"ok\":true}", VERDICT_SENT, ANSWER_WORKS},
	    {200, "{\"ok\":false,\"error\":\"x\"}", VERDICT_REFUSED,
		ANSWER_WORKS},
	    {200, "ok", VERDICT_REFUSED, ANSWER_WORKS},
	    {200, "", VERDICT_REFUSED, ANSWER_WORKS},
	    {500, "{\"ok\":true}", VERDICT_RETRY, ANSWER_ODD},
	};
	static const struct row statuses[] = {
	    {200, "", VERDICT_SENT, ANSWER_WORKS},
	    {202, "", VERDICT_SENT, ANSWER_WORKS},
	    {204, "", VERDICT_REFUSED, ANSWER_WORKS},
	};

	channel.success = "reply.ok == true";
	plan();
	ASSERT_ROWS(rows);
	channel.success = "status == 200 or status == 202";
	plan();
	ASSERT_ROWS(statuses);
}

static void
test_refused(void **state)
{
	static const struct row rows[] = {
	    {404, "", VERDICT_REFUSED, ANSWER_WORKS},
	    {200, "{\"error\":\"bad\"}", VERDICT_REFUSED, ANSWER_WORKS},
	    {500, "{\"error\":\"bad\"}", VERDICT_REFUSED, ANSWER_WORKS},
	    {403, "", VERDICT_RELEASED, ANSWER_DENIED},
	    {200, "{}", VERDICT_SENT, ANSWER_WORKS},
	};

	channel.refused = "status == 404 or reply.error == 'bad'";
	plan();
	ASSERT_ROWS(rows);
}

/* Postmark says so of a recipient that it does not mail any more. */
static void
test_suppress(void **state)
{
	static const struct row rows[] = {
	    {422, "{\"ErrorCode\":406}", VERDICT_REFUSED, ANSWER_WORKS},
	    {422, "{\"ErrorCode\":300}", VERDICT_REFUSED, ANSWER_WORKS},
	    {200, "{\"ErrorCode\":0}", VERDICT_SENT, ANSWER_WORKS},
	    {503, "", VERDICT_RETRY, ANSWER_NOTHING},
	};
	struct verdict v;

	channel.suppress = "status == 422 and reply.ErrorCode == 406";
	channel.temporary = "status == 422";
	channel.refused = "reply.ErrorCode == 300";
	plan();
	ASSERT_ROWS(rows);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		judge(rows[i].status, rows[i].body, &v);
		assert_int_equal(v.address_is_dead, i == 0);
	}
}

static void
test_temporary(void **state)
{
	static const struct row rows[] = {
	    {200, "{\"error\":\"busy\"}", VERDICT_RETRY, ANSWER_NOTHING},
	    {400, "{\"error\":\"busy\"}", VERDICT_RETRY, ANSWER_NOTHING},
	    {401, "{\"error\":\"busy\"}", VERDICT_RETRY, ANSWER_NOTHING},
	    {400, "{\"error\":\"bad\"}", VERDICT_REFUSED, ANSWER_WORKS},
	    {200, "{}", VERDICT_SENT, ANSWER_WORKS},
	};

	channel.temporary = "reply.error == 'busy'";
	plan();
	ASSERT_ROWS(rows);
}

static void
test_answers_that_are_cut(void **state)
{
	struct webhook_answer answer = {
	    .status = 200, .body = "{\"ok", .len = 4, .is_cut = true};
	struct verdict v = {0};

	plan();
	webhook_judge(channel.plan, &answer, &v);
	assert_int_equal(v.what, VERDICT_SENT);
	channel.success = "reply.ok";
	plan();
	webhook_judge(channel.plan, &answer, &v);
	assert_int_equal(v.what, VERDICT_UNSURE);
}

/* Where providers say how they call our message. */
static void
test_provider_ids(void **state)
{
	static const struct {
		const char *path, *reply, *id;
	} rows[] = {
	    {"reply.MessageID",
		"{\"MessageID\":\"0a129aee-e1cd\",\"ErrorCode\":0}",
		"0a129aee-e1cd"},
	    {"reply.data[0].id", "{\"data\":[{\"id\":17}]}", "17"},
	    {"header['x-message-id']", "", "m-1"},
	    {"reply.id", "{\"id\":{}}", ""},
	    {"reply.id", "not JSON", ""},
	    {"reply", "queued as 7", "queued as 7"},
	};
	char long_id[160] = "{\"id\":\"";
	struct verdict v;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		channel.provider_id = (char *)rows[i].path;
		plan();
		judge(200, rows[i].reply, &v);
		assert_int_equal(v.what, VERDICT_SENT);
		assert_string_equal(v.provider_id, rows[i].id);
	}
	memset(long_id + 7, 'x', 120);
	strcpy(long_id + 127, "\"}");
	channel.provider_id = "reply.id";
	plan();
	judge(200, long_id, &v);
	assert_string_equal(v.provider_id, "");
}

/* ----------------------------------------------------------------- settings */

static void
assert_wrong(const char *pointer, const char *says)
{
	struct problems problems = {0};

	assert_null(webhook_plan_new(&channel, NULL, &problems));
	assert_true(problems.errors > 0);
	assert_string_equal(problems.list[0].at.pointer, pointer);
	if (strstr(problems.list[0].at.text, says) == NULL)
		fail_msg(
		    "\"%s\" is not in: %s", says, problems.list[0].at.text);
	assert_null(strstr(problems.list[0].at.text, "s3cret"));
	problems_free(&problems);
}

static void
test_bad_urls(void **state)
{
	static const struct {
		const char *url, *says;
	} rows[] = {
	    {"", "malformed"},
	    {"s3cret", "malformed"},
	    {"127.0.0.1/s3cret", "malformed"},
	    {"http://", "malformed"},
	    {"http://a b/s3cret", "malformed"},
	    {"file:///s3cret", "must begin with https:// or http://"},
	    {"ftp://s3cret/", "must begin with https:// or http://"},
	    {"s3cret/{{ user.id }}", "or it begins with https://"},
	    {"{{ account.url }}/s3cret", "or it begins with https://"},
	    {"https://a.example/{{ usr.id }}",
		"there is no \"usr\" here; did you mean \"user\"?"},
	    {"https://a.example/{{ user.id", ""},
	    {"https://a b/{{ user.id }}", "malformed"},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		channel.url = (char *)rows[i].url;
		assert_wrong("/url", rows[i].says);
	}
}

static void
test_urls(void **state)
{
	static const struct {
		const char *url;
		bool host_varies;
		const char *host;
	} rows[] = {
	    {"https://app.example/s3cret", false, "app.example"},
	    {"http://127.0.0.1:8080", false, "127.0.0.1:8080"},
	    {"https://app.example/{{ user.id }}", false, "app.example"},
	    {"https://app.example?to={{ user.id }}", false, "app.example"},
	    {"https://app.example#{{ user.id }}", false, "app.example"},
	    {"https://app.example{{ user.id }}", true, "the endpoint"},
	    {"https://{{ account.slug }}.example/", true, "the endpoint"},
	    {"https://{% if user.a %}a{% endif %}/x", true, "the endpoint"},
	    {"https://u:p@a.example\\{{ user.id }}/", true, "the endpoint"},
	    {"{{ account.url }}", true, "the endpoint"},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		channel.url = (char *)rows[i].url;
		assert_int_equal(plan()->host_varies, rows[i].host_varies);
		assert_string_equal(channel.plan->host, rows[i].host);
	}
	channel.url = "https://a.example/{{ user.id }}/{{ account.id }}/"
		      "{{ user.x }}";
	assert_string_equal(plan()->reads[0], "user");
	assert_string_equal(channel.plan->reads[1], "account");
	assert_null(channel.plan->reads[2]);
}

static void
test_urls_that_are_filled_in(void **state)
{
	static const char *const bad[] = {"https://a.example/x/../y",
	    "https://a.example/..", "https://a.example/./", "gopher://a/", "x",
	    ""};
	static const char *const good[] = {"https://a.example/x/...",
	    "https://a.example/a..b/.c", "https://a.example/?q=/../",
	    "https://a.example/#/../"};
	struct error e;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_null(webhook_url_host(bad[i], &e));
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		char *host = webhook_url_host(good[i], &e);

		assert_string_equal(host, "a.example");
		free(host);
	}
}

static void
test_bad_headers(void **state)
{
	static const struct {
		const char *name, *value, *says;
	} rows[] = {
	    {"X-A", "b\r\nX-C: d", "control character"},
	    {"X-A", "b\nX-C: d", "control character"},
	    {"X-A", "b\r", "control character"},
	    {"X-A\r\nX-C", "b", "not the name of a header"},
	    {"X-A: b", "c", "not the name of a header"},
	    {"", "b", "not the name of a header"},
	    {"X-A", "", "needs a text"},
	    {"webhook-ID", "b", "set by nudge itself"},
	    {"content-length", "1", "set by nudge itself"},
	    {"Host", "x", "set by nudge itself"},
	};
	char pointer[40];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		channel.headers =
		    json_pack("{s:s}", rows[i].name, rows[i].value);
		snprintf(pointer, sizeof pointer, "/headers/%s", rows[i].name);
		assert_wrong(pointer, rows[i].says);
		json_decref(channel.headers);
	}
	channel.headers = json_pack("{s:i}", "X-A", 1);
	assert_wrong("/headers/X-A", "needs a text");
	json_decref(channel.headers);
	channel.headers = json_pack("{s:s%}", "X-A", "b\0c", (size_t)3);
	assert_wrong("/headers/X-A", "needs a text");
}

static void
test_bad_members(void **state)
{
	char *secrets[] = {SECRET, "s3cret", NULL};

	channel.secrets = secrets;
	assert_wrong("/secret/1", "whsec_");
	channel.secrets = secrets + 1;
	assert_wrong("/secret", "whsk_");
	setup(NULL);
	channel.method = "GET";
	assert_wrong("/method", "POST, PUT or PATCH");
	setup(NULL);
	channel.body = "xml";
	assert_wrong("/body", "\"json\" or \"form\"");
	setup(NULL);
	channel.ca_file = "/nowhere/ca.pem";
	assert_wrong("/ca_file", "cannot be read");
	setup(NULL);
	channel.success = "reply.ok ==";
	assert_wrong("/success", "");
	channel.success = "replay.ok";
	assert_wrong("/success", "did you mean \"reply\"?");
	setup(NULL);
	channel.refused = "user.id == 1";
	assert_wrong("/refused", "there is no \"user\" here");
	channel.refused = NULL;
	channel.suppress = "repl.code == 1";
	assert_wrong("/suppress", "did you mean \"reply\"?");
	channel.suppress = NULL;
	channel.temporary = "(";
	assert_wrong("/temporary", "");
	setup(NULL);
	channel.provider_id = "reply.id |";
	assert_wrong("/provider_id", "");
	channel.provider_id = "stat";
	assert_wrong("/provider_id", "did you mean \"status\"?");
}

static void
test_bad_authentication(void **state)
{
	channel.bearer = "a\r\nb";
	assert_wrong("/bearer", "without line ends");
	channel.bearer = "";
	assert_wrong("/bearer", "a token is expected");
	channel.bearer = "a";
	channel.user = channel.password = "b";
	assert_wrong("", "is enough");
	channel.bearer = NULL;
	channel.user = "a:b";
	assert_wrong("/user", "colon");
	channel.user = NULL;
	channel.aws.region = "eu-west-1";
	channel.aws.service = "ses";
	channel.aws.key = "AKIDEXAMPLE";
	assert_wrong("/aws", "go together");
	channel.aws.secret = "x";
	channel.aws.session_token = "a\nb";
	assert_wrong("/aws/session_token", "control character");
	channel.aws.session_token = NULL;
	channel.headers = json_pack("{s:s}", "authorization", "x");
	assert_wrong("", "is enough");
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_slack),
	    TEST(test_statuses),
	    TEST(test_statuses_where_the_path_varies),
	    TEST(test_statuses_where_the_host_varies),
	    TEST(test_success),
	    TEST(test_refused),
	    TEST(test_suppress),
	    TEST(test_temporary),
	    TEST(test_answers_that_are_cut),
	    TEST(test_provider_ids),
	    TEST(test_bad_urls),
	    TEST(test_urls),
	    TEST(test_urls_that_are_filled_in),
	    TEST(test_bad_headers),
	    TEST(test_bad_members),
	    TEST(test_bad_authentication),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
