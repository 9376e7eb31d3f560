/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/folder.h"
#include "worker/delivery/webhook/webhook_plan.h"
#include "worker/settings/settings.h"

static struct problems problems;

static int
make_folder(void **state)
{
	folder_make();
	return 0;
}

static int
drop_folder(void **state)
{
	problems_free(&problems);
	folder_drop();
	return 0;
}

static struct settings *
load(const char *json, const char *const *overrides)
{
	write_file("nudge.json", json);
	return settings_load(folder, overrides, &problems);
}

#define CAPTURE "\"channels\":{\"email\":{\"type\":\"capture\"}}"

static void
defaults(void **state)
{
	struct settings *s = load("{" CAPTURE "}", NULL);
	char path[128];

	assert_int_equal(problems.errors, 0);
	assert_string_equal(s->listen, "127.0.0.1:8460");
	assert_int_equal(s->dedupe_ms, 48 * 3600 * 1000);
	assert_int_equal(s->retry_attempts, 12);
	assert_int_equal(s->quiet_from_min, -1);
	assert_int_equal(s->n_channels, 1);
	snprintf(path, sizeof path, "%s/data/outbox", s->folder);
	assert_string_equal(settings_channel(s, "email")->folder, path);
	assert_null(settings_channel(s, "slack"));
	settings_free(s);
}

static void
everything(void **state)
{
	struct settings *s = load(
	    "{\"timezone\":\"Europe/Berlin\",\"public_url\":"
	    "\"https://n.example/\",\"caps\":[{\"max\":3,\"window\":\"7d\"}],"
	    "\"quiet\":{\"from\":\"21:00\",\"to\":\"08:00\"},"
	    "\"sandbox\":{\"only\":[\"*@acme.example\"]},"
	    "\"contacts\":{\"room\":{\"channel\":\"slack\"}},"
	    "\"channels\":{\"email\":{\"type\":\"smtp\",\"host\":\"h\","
	    "\"port\":25,\"tls\":\"none\",\"rate\":\"30/m\"},\"slack\":{"
	    "\"type\":\"webhook\",\"url\":\"http://x\"}}}",
	    NULL);

	assert_int_equal(problems.count, 0);
	assert_string_equal(zone_name(s->zone), "Europe/Berlin");
	assert_string_equal(s->public_url, "https://n.example");
	assert_int_equal(s->caps[0].window_ms, 7 * 86400000);
	assert_int_equal(s->quiet_from_min, 21 * 60);
	assert_string_equal(s->sandbox[0], "*@acme.example");
	assert_int_equal(settings_channel(s, "email")->tls, TLS_NONE);
	assert_true(settings_channel(s, "email")->rate == 0.5);
	assert_int_equal(settings_channel(s, "email")->connections, 4);
	settings_free(s);
}

static void
references(void **state)
{
	struct settings *s;
	char secret[128];

	write_file(".env", "T_FROM_ENV_FILE=one\nT_OTHER=two\n");
	write_file("secret", "three\n");
	snprintf(secret, sizeof secret, "%s/secret", folder);
	setenv("T_FROM_FILE_FILE", secret, 1);
	setenv("T_FROM_ENVIRONMENT", "four", 1);
	s = load(
	    "{\"keys\":{\"write\":[\"$T_FROM_ENV_FILE\","
	    "\"$T_FROM_FILE\",\"$T_FROM_ENVIRONMENT\",\"$5 off\"]}," CAPTURE
	    "}",
	    NULL);
	assert_int_equal(problems.count, 0);
	assert_string_equal(s->write_keys[0], "one");
	assert_string_equal(s->write_keys[1], "three");
	assert_string_equal(s->write_keys[2], "four");
	assert_string_equal(s->write_keys[3], "$5 off");
	settings_free(s);
}

static void
flags_over_environment_over_file(void **state)
{
	const char *const flags[] = {"retry.first=7s", NULL};
	struct settings *s;

	setenv("NUDGE_RETRY_FIRST", "6s", 1);
	setenv("NUDGE_RETRY_LONGEST", "5m", 1);
	s = load("{\"retry\":{\"first\":\"5s\",\"longest\":\"1m\"}," CAPTURE
		 "}",
	    flags);
	unsetenv("NUDGE_RETRY_FIRST");
	unsetenv("NUDGE_RETRY_LONGEST");
	assert_int_equal(problems.count, 0);
	assert_int_equal(s->retry_first_ms, 7000);
	assert_int_equal(s->retry_longest_ms, 300000);
	settings_free(s);
}

static void
expect_problem(const char *json, const char *expected)
{
	struct settings *s = load(json, NULL);
	char text[700];

	assert_true(problems.errors > 0);
	assert_string_equal(
	    error_string(&problems.list[0].at, text, sizeof text), expected);
	problems_free(&problems);
	settings_free(s);
}

/* What `. ./.env` gives in a shell. */
static void
env_file_is_read_as_by_a_shell(void **state)
{
	static const char *const expected[] = {"a b#c", "$x \"y\"", "1 # 2",
	    "plain#too", "", "second", "two\nlines", "#", "last"};
	struct settings *s;

	write_file(".env", "# T_A=no\n"
			   "T_A='a b#c' # a comment\r\n"
			   "  export T_B=\"\\$x \\\"y\\\"\"\n"
			   "export\tT_C='1 # 2'\n"
			   "T_D=plain#too \t # a comment\n"
			   "T_E= # a comment\n"
			   "T_F=first\nexported=1\nT_F=second\n"
			   "T_G='two\nlines'\nnot a line\n"
			   "T_H=#\n"
			   "T_I=last");
	s = load("{\"keys\":{\"write\":[\"$T_A\",\"$T_B\",\"$T_C\",\"$T_D\","
		 "\"$T_E\",\"$T_F\",\"$T_G\",\"$T_H\",\"$T_I\"]}," CAPTURE "}",
	    NULL);
	assert_int_equal(problems.count, 0);
	for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
		assert_string_equal(s->write_keys[i], expected[i]);
	settings_free(s);
}

static void
mistakes(void **state)
{
	expect_problem("{\n  \"lissen\": \"x:1\"}",
	    "nudge.json:2:13: \"lissen\" is not a setting; did you mean "
	    "\"listen\"? (at /lissen)");
	expect_problem("{\"timezone\":\"Mars/Olympus\"}",
	    "nudge.json:1:13: an IANA time zone is expected, such as "
	    "Europe/Berlin (at /timezone)");
	expect_problem("{\"keys\":{\"write\":[\"$T_NOT_SET\"]}}",
	    "nudge.json:1:19: $T_NOT_SET is not set: set it in the "
	    "environment, in a file that T_NOT_SET_FILE names, or in .env (at "
	    "/keys/write/0)");
	expect_problem("{\"channels\":{\"m\":{\"type\":\"smpt\"}}}",
	    "nudge.json:1:18: a channel has a type: smtp, webhook or capture; "
	    "did you mean \"smtp\"? (at /channels/m)");
	expect_problem("{\"channels\":{\"m\":{\"type\":\"capture\","
		       "\"host\":\"h\"}}}",
	    "nudge.json:1:43: \"host\" is for smtp channels (at "
	    "/channels/m/host)");
	expect_problem("{\"retry\":{\"attempts\":0}," CAPTURE "}",
	    "nudge.json:1:22: a whole number from 1 to 1000 is expected (at "
	    "/retry/attempts)");
	expect_problem("{}",
	    "nudge.json:1:1: there is no channel to send by: \"channels\": { "
	    "\"email\": { \"type\": \"capture\" } } (at /channels)");
	expect_problem(
	    "{\"retention\":\"6d\",\"caps\":[{\"max\":1,"
	    "\"window\":\"1d\"},{\"max\":3,\"window\":\"7d\"}]," CAPTURE "}",
	    "nudge.json:1:14: what is kept must last as long as the window of "
	    "a cap, which is 7 days (at /retention)");
	expect_problem("{\"retention\":\"47h\"," CAPTURE "}",
	    "nudge.json:1:14: what is kept must last as long as \"dedupe\", "
	    "which is 2 days (at /retention)");
	expect_problem("{\"retention\":\"0s\",\"dedupe\":\"0s\"," CAPTURE "}",
	    "nudge.json:1:14: a time longer than 0 is expected (at "
	    "/retention)");
	expect_problem("{ nonsense", "nudge.json:1:10: string or '}' expected "
				     "near 'nonsense'");
}

/* Names that recipients have who are no contacts. */
static void
contacts_have_names_of_their_own(void **state)
{
	static const char *const taken[] = {
	    "user", "member", "account.owner", "members:0"};

	for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
		char json[200], expected[300];

		snprintf(json, sizeof json,
		    "{" CAPTURE ",\n\"contacts\":{\"%s\":{\"email\":"
		    "\"a@b.example\"}}}",
		    taken[i]);
		snprintf(expected, sizeof expected,
		    "nudge.json:2:%d: a contact cannot be called so: "
		    "\"user\", \"member\", \"members:...\" and "
		    "\"account.owner\" are recipients by themselves (at "
		    "/contacts/%s)",
		    16 + (int)strlen(taken[i]), taken[i]);
		expect_problem(json, expected);
	}
}

#define HOOK   "\"type\":\"webhook\",\"url\":\"https://x.example/\""
#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define OTHER  "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"

static void
webhooks(void **state)
{
	struct settings *s =
	    load("{\"channels\":{"
		 "\"a\":{" HOOK ",\"secret\":\"" SECRET "\"},"
		 "\"b\":{" HOOK ",\"secret\":[\"" OTHER "\",\"" SECRET "\"],"
		 "\"retry\":[\"1s\",\"2m\"],\"allow_private\":true,"
		 "\"aws\":{\"region\":\"r\",\"service\":\"ses\",\"key\":\"k\","
		 "\"secret\":\"s\"}},"
		 "\"c\":{" HOOK ",\"retry\":[],\"user\":\"u\","
		 "\"password\":\"p\"},"
		 "\"d\":{\"type\":\"webhook\",\"url\":"
		 "\"https://x.example/{{ tenant }}\"}},"
		 "\"variables\":{\"tenant\":\"t\"}}",
		NULL);
	const struct channel *a = settings_channel(s, "a");
	const struct channel *b = settings_channel(s, "b");

	assert_int_equal(problems.count, 0);
	assert_string_equal(a->secrets[0], SECRET);
	assert_null(a->secrets[1]);
	assert_int_equal(a->retry_ms[0], 5000);
	assert_int_equal(a->retry_ms[8], 24 * 3600 * 1000);
	assert_int_equal(a->retry_ms[9], 0);
	assert_int_equal(a->timeout_ms, 30000);
	assert_int_equal(a->connect_timeout_ms, 10000);
	assert_false(a->allow_private);
	assert_non_null(a->plan);
	assert_string_equal(b->secrets[1], SECRET);
	assert_int_equal(b->retry_ms[1], 120000);
	assert_int_equal(b->retry_ms[2], 0);
	assert_true(b->allow_private);
	assert_string_equal(b->aws.service, "ses");
	assert_int_equal(settings_channel(s, "c")->retry_ms[0], 0);
	assert_string_equal(settings_channel(s, "d")->plan->reads[0], "tenant");
	settings_free(s);
}

/* Every setting that a reload must start the channel anew for. */
static void
equal_channels(void **state)
{
	static const char *const changes[] = {"\"rate\":\"1/s\"",
	    "\"secret\":\"" SECRET "\"",
	    "\"secret\":[\"" SECRET "\",\"" OTHER "\"]",
	    "\"retry\":[\"5s\",\"5m\"]", "\"retry\":[]",
	    "\"allow_private\":true", "\"method\":\"PUT\"",
	    "\"headers\":{\"X-A\":\"b\"}", "\"max_reply\":2048",
	    "\"timeout\":\"5s\"", "\"bearer\":\"b\""};
	struct settings *old = load("{\"channels\":{\"a\":{" HOOK "}}}", NULL);
	struct settings *same = load("{\"channels\":{\"a\":{" HOOK "}}}", NULL);

	assert_true(channel_equal(old->channels, same->channels));
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		char json[400];
		struct settings *new;

		snprintf(json, sizeof json,
		    "{\"channels\":{\"a\":{" HOOK ",%s}}}", changes[i]);
		new = load(json, NULL);
		assert_int_equal(problems.count, 0);
		if (channel_equal(old->channels, new->channels))
			fail_msg("equal: %s", changes[i]);
		settings_free(new);
	}
	settings_free(same);
	settings_free(old);
}

static void
webhook_mistakes(void **state)
{
	expect_problem("{\"channels\":{\"a\":{" HOOK ",\n"
		       "\"secret\":\"x\"}}}",
	    "nudge.json:2:10: a webhook secret begins with \"whsec_\", or a "
	    "private key for ed25519 with \"whsk_\" (at /channels/a/secret)");
	expect_problem(
	    "{\"channels\":{\"a\":{" HOOK ",\n"
	    "\"secret\":[\"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX\",\n"
	    "\"whsk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX\"]}}}",
	    "nudge.json:3:1: a private webhook key has 32 bytes, or 64 with "
	    "the public key; this one has 24 (at /channels/a/secret/1)");
	expect_problem("{\"channels\":{\"a\":{" HOOK ",\n"
		       "\"headers\":{\"X-A\":\"b\",\n\"host\":\"c\"}}}}",
	    "nudge.json:3:8: this header is set by nudge itself (at "
	    "/channels/a/headers/host)");
	expect_problem("{\"channels\":{\"a\":{" HOOK ",\n"
		       "\"retry\":[\"5s\",\"soon\"]}}}",
	    "nudge.json:2:9: durations are expected, such as [\"5s\", \"5m\", "
	    "\"30m\"] (at /channels/a/retry)");
	expect_problem("{\"channels\":{\"a\":{" HOOK ",\n"
		       "\"allow_private\":\"maybe\"}}}",
	    "nudge.json:2:17: true or false is expected (at "
	    "/channels/a/allow_private)");
	expect_problem("{\"channels\":{\"a\":{" HOOK ",\n"
		       "\"aws\":{\"regoin\":\"x\"}}}}",
	    "nudge.json:2:17: \"regoin\" is not a setting; did you mean "
	    "\"region\"? (at /channels/a/aws/regoin)");
	expect_problem("{\"channels\":{\"a\":{\"type\":\"capture\",\n"
		       "\"aws\":{\"region\":\"x\"}}}}",
	    "nudge.json:2:7: \"aws\" is for webhook channels (at "
	    "/channels/a/aws)");
	expect_problem("{\"channels\":{\"a\":{\"type\":\"webhook\",\n"
		       "\"url\":\"https://x.example/{{ acount.id }}\"}}}",
	    "nudge.json:2:7: there is no \"acount\" here; did you mean "
	    "\"account\"? (at /channels/a/url)");
}

static void
schema_knows_every_setting(void **state)
{
	json_t *schema = settings_schema();
	struct buf help = {0};

	assert_non_null(
	    json_object_get(json_object_get(schema, "properties"), "listen"));
	settings_help(&help);
	assert_non_null(strstr(help.data, "channels.NAME.password"));
	buf_free(&help);
	json_decref(schema);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(defaults, make_folder, drop_folder),
	    cmocka_unit_test_setup_teardown(
		everything, make_folder, drop_folder),
	    cmocka_unit_test_setup_teardown(
		references, make_folder, drop_folder),
	    cmocka_unit_test_setup_teardown(
		flags_over_environment_over_file, make_folder, drop_folder),
	    cmocka_unit_test_setup_teardown(
		env_file_is_read_as_by_a_shell, make_folder, drop_folder),
	    cmocka_unit_test_setup_teardown(mistakes, make_folder, drop_folder),
	    cmocka_unit_test_setup_teardown(
		contacts_have_names_of_their_own, make_folder, drop_folder),
	    cmocka_unit_test_setup_teardown(webhooks, make_folder, drop_folder),
	    cmocka_unit_test_setup_teardown(
		equal_channels, make_folder, drop_folder),
	    cmocka_unit_test_setup_teardown(
		webhook_mistakes, make_folder, drop_folder),
	    cmocka_unit_test(schema_knows_every_setting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
