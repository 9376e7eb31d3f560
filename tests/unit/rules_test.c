/* SPDX-License-Identifier: MIT */
/*
 * rules_test - what is said about definitions that are wrong, word for word:
 * these texts are what a marketing person works with.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sequences/rules/rules.h"
#include "templates/buf.h"
#include "tests/unit/folder.h"

static int
make_workspace(void **state)
{
	folder_make();
	write_file("templates/hello.md",
	    "Subject: Hello\n\nHi!\n\n[Off]({{ unsubscribe_url }})\n");
	write_file("templates/survey.md", "Subject: Well?\n\nWell?\n");
	write_file("metrics.json",
	    "{\"metrics\": {\"tasks\": {\"count\": \"Task Succeeded\"}}}");
	return 0;
}

static int
drop_workspace(void **state)
{
	folder_drop();
	return 0;
}

/* Loads the workspace; every problem becomes a line of `out`. */
static struct rules *
load(struct buf *out)
{
	static const char *const contacts[] = {"cs-lead", NULL};
	struct problems problems = {0}, templates_problems = {0};
	struct rules_context context = {.contacts = contacts};
	struct templates *templates;
	struct rules *rules;
	char text[800];

	templates = templates_load(path_of("templates"), &templates_problems);
	assert_int_equal(templates_problems.errors, 0);
	problems_free(&templates_problems);
	context.templates = templates;
	rules = rules_load(folder, &context, &problems);
	for (int i = 0; i < problems.count; i++) {
		const struct problem *p = &problems.list[i];

		buf_addf(out, "%s%s%s%s\n", p->is_warning ? "warning: " : "",
		    p->rule, p->rule[0] != '\0' ? ": " : "",
		    error_string(&p->at, text, sizeof text));
	}
	problems_free(&problems);
	templates_free(templates);
	return rules;
}

static void
expect(const char *sequence, const char *expected)
{
	struct buf out = {0};

	write_json("sequences/x.json", sequence);
	rules_free(load(&out));
	remove_file("sequences/x.json");
	assert_string_equal(buf_str(&out), expected);
	buf_free(&out);
}

#define STEPS "'steps': [{'id': 'a', 'send': 'hello'}]"
#define ENTER "'enter': {'on': 'Go'},"

static void
test_good(void **state)
{
	struct buf out = {0};
	struct rules *rules;
	struct sequence_info info;

	write_file("sequences/b-2.json",
	    "{\"enter\": {\"manual\": true}, \"description\": \"two\","
	    "\"for\": \"account\", \"topic\": \"news\","
	    "\"steps\": [{\"id\": \"a\", \"send\": \"hello\"}]}");
	write_file("sequences/b.json",
	    "{\"$schema\": \"x\", \"enter\": [{\"on\": \"Go\"}],"
	    "\"steps\": [{\"id\": \"a\", \"send\": \"hello\"}]}");
	write_file("sequences/notes.txt", "not a sequence");
	rules = load(&out);
	assert_string_equal(buf_str(&out), "");
	assert_int_equal(rules_count(rules), 2);
	info = rules_info(rules, 1);
	assert_string_equal(info.name, "b-2");
	assert_string_equal(info.description, "two");
	assert_string_equal(info.topic, "news");
	assert_true(info.for_account);
	assert_true(info.is_manual);
	assert_int_equal(info.n_steps, 1);
	info = rules_info(rules, 0);
	assert_string_equal(info.name, "b");
	assert_false(info.is_manual);
	rules_free(rules);
	buf_free(&out);
	remove_file("sequences/b.json");
	remove_file("sequences/b-2.json");
	remove_file("sequences/notes.txt");
}

static void
test_no_folder(void **state)
{
	struct buf out = {0};

	remove_file("sequences");
	rules_free(load(&out));
	assert_string_equal(buf_str(&out),
	    "sequences: cannot be read: No such file or directory; where "
	    "there are no sequences it is an empty folder\n");
	buf_free(&out);
}

static void
test_shape(void **state)
{
	expect("{",
	    "sequences/x.json:1:1: string or '}' expected near end of file\n");
	expect("{}", "sequences/x.json:1:1: \"enter\" is missing\n"
		     "sequences/x.json:1:1: \"steps\" is missing\n");
	expect("{\n  " ENTER "\n  'exits': [],\n  'topic': 3,\n  " STEPS "\n}",
	    "sequences/x.json:3:12: unknown key \"exits\"; did you mean "
	    "\"exit\"? (at /exits)\n"
	    "sequences/x.json:4:12: a string is expected (at /topic)\n");
	expect("{" ENTER "'steps': []}",
	    "sequences/x.json:1:33: a sequence needs at least one step (at "
	    "/steps)\n");
	expect("{" ENTER "'steps': [7, {'id': 'a', 'after': '1d',"
	       " 'sned': 'hello'}]}",
	    "sequences/x.json:1:34: an object is expected (at /steps/0)\n"
	    "sequences/x.json:1:72: unknown key \"sned\"; did you mean "
	    "\"send\"? (at /steps/1/sned)\n"
	    "sequences/x.json:1:37: a step needs \"send\", \"choose\", "
	    "\"split\", \"wait\" or \"stop\" (at /steps/1)\n");
}

static void
test_names(void **state)
{
	expect("{" ENTER "'steps': [{'id': 'a', 'send': 'helo',"
	       " 'to': ['user', 'cs-led']}]}",
	    "unknown-name: sequences/x.json:1:54: no template is called "
	    "\"helo\"; did you mean \"hello\"? (at /steps/0/send)\n"
	    "unknown-name: sequences/x.json:1:77: no recipient is called "
	    "\"cs-led\"; did you mean \"cs-lead\"? (at /steps/0/to/1)\n");
	expect("{'for': 'account'," ENTER
	       "'steps': [{'id': 'a', 'send': 'hello', 'to': 'user'}]}",
	    "unknown-name: sequences/x.json:1:86: no recipient is called "
	    "\"user\" (at /steps/0/to)\n");
	expect("{'enter': {'on': 'Go', 'if': 'metric.task > 1'},"
	       "'exit': {'if': {'any': ['usr.x', {'not':"
	       " 'account.metric.tsks'}]}}," STEPS "}",
	    "unknown-name: sequences/x.json:1:30: no metric is called "
	    "\"task\"; did you mean \"tasks\"? (at /enter/if)\n"
	    "unknown-name: sequences/x.json:1:73: no value is called \"usr\"; "
	    "did you mean \"user\"? (at /exit/if/any/0)\n"
	    "unknown-name: sequences/x.json:1:90: no metric is called "
	    "\"tsks\" (at /exit/if/any/1/not)\n");
	expect("{'enter': {'on': 'Go', 'reenter': 'always'}," STEPS "}",
	    "unknown-name: sequences/x.json:1:35: no kind of reentry is called "
	    "\"always\" (at /enter/reenter)\n");
}

static void
test_values(void **state)
{
	expect("{" ENTER "'late': {'grace': '1 day'},"
	       "'window': {'days': 'mo-fri', 'from': '9'}," STEPS "}",
	    "sequences/x.json:1:42: a duration is expected, such as \"48h\" or "
	    "\"14d\" (s, m, h, d, w) (at /late/grace)\n"
	    "sequences/x.json:1:70: days are expected, such as \"mon-fri\", "
	    "\"tue,thu\" or \"any\" (at /window/days)\n"
	    "sequences/x.json:1:88: a time of day is expected, such as "
	    "\"09:00\" (at /window/from)\n"
	    "sequences/x.json:1:61: \"from\" and \"to\" come together (at "
	    "/window)\n");
	expect("{" ENTER "'window': {'timezone': 'Berlin'}," STEPS "}",
	    "sequences/x.json:1:47: \"user\" or a time zone is expected, such "
	    "as \"Europe/Berlin\"; \"Berlin\" is none (at /window/timezone)\n");
	expect("{" ENTER "'exit': [{}], 'pause': [{'on': 'X'}]," STEPS "}",
	    "sequences/x.json:1:33: an exit needs \"on\" or \"if\" (at "
	    "/exit/0)\n"
	    "sequences/x.json:1:48: \"for\" is missing (at /pause/0)\n");
	expect("{" ENTER "'exit': {'if': {'all': []}}," STEPS "}",
	    "sequences/x.json:1:47: a list of conditions is expected (at "
	    "/exit/if/all)\n");
	expect("{" ENTER "'exit': {'if': {'none': []}}," STEPS "}",
	    "sequences/x.json:1:39: one of {\"all\": [..]}, {\"any\": [..]} "
	    "and {\"not\": ..} is expected (at /exit/if)\n");
}

static void
test_steps(void **state)
{
	expect("{" ENTER "'steps': [{'id': 'a', 'send': 'hello', 'day': 1,"
	       " 'after': '2d'}, {'id': 'a', 'choose': [{'send': 'hello'},"
	       " {'if': 'user.x', 'send': 'survey'}], 'send': 'hello'}]}",
	    "sequences/x.json:1:34: a step has \"day\" or \"after\", not both "
	    "(at /steps/0)\n"
	    "sequences/x.json:1:111: only the last choice can do without "
	    "\"if\": those after it would never be taken (at "
	    "/steps/1/choose)\n"
	    "sequences/x.json:1:89: a step has \"send\" or \"choose\", not "
	    "both (at /steps/1)\n"
	    "sequences/x.json:1:89: a step after the first needs \"day\", "
	    "\"after\", \"at\" or \"wait\" (at /steps/1)\n"
	    "sequences/x.json:1:96: \"a\" is the id of two steps (at "
	    "/steps/1/id)\n");
}

static void
test_lint(void **state)
{
	expect("{" ENTER "'topic': 'onboarding', 'steps': ["
	       "{'id': 'a', 'day': 7, 'send': 'hello'},\n"
	       "{'id': 'b', 'day': 3, 'send': 'hello'},\n"
	       "{'id': 'c', 'day': 9, 'stop': true},\n"
	       "{'id': 'd', 'day': 9, 'send': 'hello'}]}",
	    "warning: unreachable-step: sequences/x.json:2:1: steps run in "
	    "order: day 3 is over when \"a\" on day 7 is done (at /steps/1)\n"
	    "warning: unreachable-step: sequences/x.json:4:1: \"c\" always "
	    "stops the sequence before (at /steps/3)\n"
	    "warning: human-owned-accounts: sequences/x.json:1:1: no exit "
	    "looks at the account: people whose account has a customer success "
	    "manager would get this too (add {\"if\": \"account.csm\"})\n");
	expect("{" ENTER "'topic': 'onboarding', 'exit': {'if':"
	       " {'all': ['account.csm != nil']}}," STEPS "}",
	    "");
}

static void
test_empty(void **state)
{
	expect("{'enter': [], 'steps': [{'id': 'a', 'send': []},"
	       "{'id': 'b', 'after': '1d', 'choose': []}]}",
	    "sequences/x.json:1:11: a way in is expected (at /enter)\n"
	    "sequences/x.json:1:45: a template is expected (at "
	    "/steps/0/send)\n"
	    "sequences/x.json:1:86: a list of choices is expected (at "
	    "/steps/1/choose)\n");
}

static void
test_split(void **state)
{
	expect("{" ENTER "'steps': [\n"
	       "{'id': 'a', 'split': [{'share': 50, 'send': 'hello'},"
	       " {'share': 40, 'send': 'helo'}], 'holdout': 101},\n"
	       "{'id': 'b', 'after': '1d', 'split': [{'share': 100,"
	       " 'send': 'hello'}]},\n"
	       "{'id': 'c', 'after': '1d', 'split': ["
	       "{'name': 'b', 'share': 50, 'send': 'hello'},"
	       " {'share': 50, 'sent': 'hello'}], 'send': 'survey'},\n"
	       "{'id': 'd', 'after': '1d', 'stop': true, 'holdout': 5}]}",
	    "unknown-name: sequences/x.json:2:77: no template is called "
	    "\"helo\"; did you mean \"hello\"? (at /steps/0/split/1/send)\n"
	    "sequences/x.json:2:22: the shares add up to 90, not to 100 (at "
	    "/steps/0/split)\n"
	    "sequences/x.json:2:98: of 100 at most 100 can get nothing (at "
	    "/steps/0/holdout)\n"
	    "sequences/x.json:3:37: 2 to 26 variants are expected (at "
	    "/steps/1/split)\n"
	    "sequences/x.json:4:105: unknown key \"sent\"; did you mean "
	    "\"send\"? (at /steps/2/split/1/sent)\n"
	    "sequences/x.json:4:83: \"send\" is missing (at /steps/2/split/1)\n"
	    "sequences/x.json:4:37: two variants are called \"b\" (at "
	    "/steps/2/split)\n"
	    "sequences/x.json:4:1: a step has \"send\" or \"split\", not both "
	    "(at /steps/2)\n"
	    "sequences/x.json:5:53: there is nothing here that could be sent "
	    "(at /steps/3/holdout)\n");
}

static void
test_wait(void **state)
{
	expect("{" ENTER "'steps': [\n"
	       "{'id': 'a', 'wait': {'for': 'Done'}},\n"
	       "{'id': 'b', 'day': 3, 'wait': {'for': 'Done', 'until': '0s',"
	       " 'else': 'contine'}, 'send': 'hello'},\n"
	       "{'id': 'c', 'wait': {'for': 'Done', 'until': '2d',"
	       " 'else': {'send': 'helo', 'choose': [{'send': 'hello'}],"
	       " 'to': 'usr'}}},\n"
	       "{'id': 'd', 'wait': {'for': 'Done', 'until': '2d',"
	       " 'if': 'metric.task', 'else': {}}}]}",
	    "sequences/x.json:2:21: \"until\" is missing (at /steps/0/wait)\n"
	    "sequences/x.json:3:56: more than 0 is expected (at "
	    "/steps/1/wait/until)\n"
	    "unknown-name: sequences/x.json:3:70: no way to go on is called "
	    "\"contine\"; did you mean \"continue\"? (at /steps/1/wait/else)\n"
	    "sequences/x.json:3:20: beside \"wait\" there can be \"id\", "
	    "\"if\" and \"window\"; what is to be done stands in its \"else\" "
	    "(at /steps/1/day)\n"
	    "sequences/x.json:3:90: beside \"wait\" there can be \"id\", "
	    "\"if\" and \"window\"; what is to be done stands in its \"else\" "
	    "(at /steps/1/send)\n"
	    "unknown-name: sequences/x.json:4:69: no template is called "
	    "\"helo\"; did you mean \"hello\"? (at /steps/2/wait/else/send)\n"
	    "unknown-name: sequences/x.json:4:114: no recipient is called "
	    "\"usr\"; did you mean \"user\"? (at /steps/2/wait/else/to)\n"
	    "sequences/x.json:4:60: a step has \"send\" or \"choose\", not "
	    "both (at /steps/2/wait/else)\n"
	    "unknown-name: sequences/x.json:5:58: no metric is called "
	    "\"task\"; did you mean \"tasks\"? (at /steps/3/wait/if)\n"
	    "sequences/x.json:5:81: \"else\" needs \"send\", \"choose\", "
	    "\"split\" or \"stop\" (at /steps/3/wait/else)\n");
}

static void
test_at(void **state)
{
	expect("{" ENTER "'steps': [\n"
	       "{'id': 'a', 'at': 'usr.renewal', 'offset': '3', 'send':"
	       " 'hello'},\n"
	       "{'id': 'b', 'at': 'metric.task', 'day': 1, 'send': 'hello'},\n"
	       "{'id': 'c', 'day': 2, 'offset': '1d', 'send': 'hello'},\n"
	       "{'id': 'd', 'at': 'user.x |', 'send': 'hello'}]}",
	    "unknown-name: sequences/x.json:2:19: no value is called \"usr\"; "
	    "did you mean \"user\"? (at /steps/0/at)\n"
	    "sequences/x.json:2:44: a duration is expected, such as \"2d\" or, "
	    "for before, \"-14d\" (s, m, h, d, w) (at /steps/0/offset)\n"
	    "unknown-name: sequences/x.json:3:19: no metric is called "
	    "\"task\"; did you mean \"tasks\"? (at /steps/1/at)\n"
	    "sequences/x.json:3:1: a step has \"day\" or \"at\", not both (at "
	    "/steps/1)\n"
	    "sequences/x.json:4:33: an offset is one from \"at\" (at "
	    "/steps/2/offset)\n"
	    "sequences/x.json:5:19: the date cannot be read: the name of a "
	    "filter is expected (at /steps/3/at)\n");
	/* whoever an account's metric changes for is not looked at */
	expect("{" ENTER "'steps': [{'id': 'a', 'send': 'hello',"
	       " 'at': 'account.metric.renewal'}]}",
	    "unknown-name: sequences/x.json:1:69: no metric is called "
	    "\"renewal\" (at /steps/0/at)\n"
	    "sequences/x.json:1:69: a user's step cannot wait for a metric of "
	    "the account: a trait of it is expected (\"account.NAME\"), or "
	    "what is the user's own (at /steps/0/at)\n");
}

static void
test_members(void **state)
{
	expect("{" ENTER "'steps': [{'id': 'a', 'send': 'hello',"
	       " 'to': ['user', {'members': 'user.seed'}]}]}",
	    "sequences/x.json:1:90: members are an account's: the sequence "
	    "needs \"for\": \"account\" (at /steps/0/to/1/members)\n");
	expect("{'for': 'account'," ENTER "'steps': [{'id': 'a',"
	       " 'send': 'hello', 'to': {'members': 'usr.seed'}},\n"
	       "{'id': 'b', 'after': '1d', 'send': 'hello', 'to':"
	       " [{'memers': 'user.seed'}, {'members': {'all':"
	       " ['metric.tasks > 0']}}, 'account.owne']}]}",
	    "unknown-name: sequences/x.json:1:98: no value is called \"usr\"; "
	    "did you mean \"user\"? (at /steps/0/to/members)\n"
	    "sequences/x.json:2:63: unknown key \"memers\"; did you mean "
	    "\"members\"? (at /steps/1/to/0/memers)\n"
	    "sequences/x.json:2:52: \"members\" is missing (at /steps/1/to/0)\n"
	    "unknown-name: sequences/x.json:2:121: no recipient is called "
	    "\"account.owne\"; did you mean \"account.owner\"? (at "
	    "/steps/1/to/2)\n");
	expect("{" ENTER "'steps': [{'id': 'a', 'send': 'hello', 'to': []}]}",
	    "sequences/x.json:1:69: a recipient is expected (at "
	    "/steps/0/to)\n");
}

static void
test_edits(void **state)
{
	expect("{" ENTER "'edits': 'pin'," STEPS "}", "");
	expect("{" ENTER "'edits': 'pinned'," STEPS "}",
	    "unknown-name: sequences/x.json:1:33: no way to take edits is "
	    "called \"pinned\" (at /edits)\n");
}

/* Nothing of this keeps a step from coming. */
static void
test_reachable(void **state)
{
	expect("{" ENTER "'steps': [{'id': 'a', 'wait': {'for': 'Done',"
	       " 'until': '10d', 'else': 'stop'}},"
	       "{'id': 'b', 'day': 3, 'send': 'hello'},"
	       "{'id': 'c', 'at': 'user.renewal', 'offset': '-1d',"
	       " 'send': 'hello'},"
	       "{'id': 'd', 'day': 4, 'send': 'hello'}]}",
	    "");
}

static void
test_conditions(void **state)
{
	struct buf out = {0};

	write_file("sequences/x.json",
	    "{\"enter\": {\"on\": \"Go\", \"if\": \"user.plan ==\"},"
	    "\"steps\": [{\"id\": \"a\", \"send\": \"hello\"}]}");
	rules_free(load(&out));
	remove_file("sequences/x.json");
	if (strstr(buf_str(&out),
		"sequences/x.json:1:30: the condition cannot be read: ") ==
	    NULL)
		fail_msg("%s", buf_str(&out));
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_good),
	    cmocka_unit_test(test_no_folder),
	    cmocka_unit_test(test_shape),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_values),
	    cmocka_unit_test(test_steps),
	    cmocka_unit_test(test_lint),
	    cmocka_unit_test(test_empty),
	    cmocka_unit_test(test_split),
	    cmocka_unit_test(test_wait),
	    cmocka_unit_test(test_at),
	    cmocka_unit_test(test_members),
	    cmocka_unit_test(test_edits),
	    cmocka_unit_test(test_reachable),
	    cmocka_unit_test(test_conditions),
	};

	return cmocka_run_group_tests(tests, make_workspace, drop_workspace);
}
