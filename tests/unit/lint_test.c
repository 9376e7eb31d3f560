/* SPDX-License-Identifier: MIT */
/*
 * lint_test - which definitions the guard rails warn of, and which they let
 * pass. A test writes one sequence or one message and reads the names of the
 * rules that spoke, with the step each is about.
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
	write_file(
	    "templates/offer.md", "Subject: Buy\nTags: upsell\n\nMore!\n");
	write_file("templates/tip.md",
	    "Subject: Tip\n\nTry it. {{ unsubscribe_url }}\n");
	write_json(
	    "templates/note.json", "{'channel': 'in-app', 'body': 'Try it.'}");
	return 0;
}

static int
drop_workspace(void **state)
{
	folder_drop();
	return 0;
}

/* Of every problem the rule, its pointer and what it says is missing. */
static void
check(const char *expected)
{
	struct problems problems = {0};
	struct rules_context context = {0};
	struct templates *templates;
	struct buf out = {0};

	templates = templates_load(path_of("templates"), &problems);
	context.templates = templates;
	rules_free(rules_load(folder, &context, &problems));
	for (int i = 0; i < problems.count; i++) {
		const struct problem *p = &problems.list[i];
		const char *missing = strstr(p->at.text, "missing: ");

		buf_addf(&out, "%s%s%s%s ", p->rule, p->at.pointer,
		    p->is_warning ? "" : p->at.text,
		    missing != NULL ? missing + strlen("missing:") : "");
	}
	problems_free(&problems);
	templates_free(templates);
	assert_string_equal(buf_str(&out), expected);
	buf_free(&out);
}

static void
expect(const char *sequence, const char *expected)
{
	write_json("sequences/x.json", sequence);
	check(expected);
	remove_file("sequences/x.json");
}

#define SIGN_UP "{'enter': {'on': 'Signed Up'}, 'steps': "
#define OFFER	"'send': 'offer'"
#define TIP	"'send': 'tip'"
#define UPSELL	"no-upsell-before-day-4"

static void
test_upsell_days(void **state)
{
	expect(
	    SIGN_UP "[{'id': 'a', 'day': 0, " OFFER "}]}", UPSELL "/steps/0 ");
	expect(
	    SIGN_UP "[{'id': 'a', 'day': 3, " OFFER "}]}", UPSELL "/steps/0 ");
	expect(SIGN_UP "[{'id': 'a', 'day': 4, " OFFER "}]}", "");
	expect(SIGN_UP "[{'id': 'a', 'day': 3, " TIP "}]}", "");
	expect(SIGN_UP "[{'id': 'a', " TIP "},"
		       "{'id': 'b', 'after': '95h', " OFFER "}]}",
	    UPSELL "/steps/1 ");
	expect(SIGN_UP "[{'id': 'a', 'after': '2d', " TIP "},"
		       "{'id': 'b', 'after': '48h', " OFFER "}]}",
	    "");
	expect(SIGN_UP "[{'id': 'a', 'day': 3, " TIP "},"
		       "{'id': 'b', 'after': '1d', " OFFER "}]}",
	    "");
}

static void
test_upsell_choices(void **state)
{
	expect(SIGN_UP "[{'id': 'a', 'day': 1, 'choose': ["
		       "{'if': 'user.x', " TIP "}, {" OFFER "}]}]}",
	    UPSELL "/steps/0 ");
	expect(SIGN_UP "[{'id': 'a', 'day': 1, 'send': ['tip', 'offer']}]}",
	    UPSELL "/steps/0 ");
}

/* What a wait sends, it sends at its end; what follows may come at once. */
static void
test_upsell_waits(void **state)
{
	expect(SIGN_UP "[{'id': 'a', 'wait': {'for': 'E', 'until': '3d',"
		       "'else': {" OFFER "}}}]}",
	    UPSELL "/steps/0 ");
	expect(SIGN_UP "[{'id': 'a', 'wait': {'for': 'E', 'until': '4d',"
		       "'else': {" OFFER "}}},"
		       "{'id': 'b', 'after': '3d', " OFFER "}]}",
	    UPSELL "/steps/1 ");
	expect(SIGN_UP "[{'id': 'a', 'at': 'user.renews_at', " OFFER "}]}", "");
}

static void
enters(const char *enter, const char *expected)
{
	struct buf text = {0};

	buf_addf(
	    &text, "{'enter': %s, 'steps': [{'id': 'a', " OFFER "}]}", enter);
	expect(buf_str(&text), expected);
	buf_free(&text);
}

static void
test_upsell_entries(void **state)
{
	enters("{'on': 'user_signed_up'}", UPSELL "/steps/0 ");
	enters("{'on': 'Contract Signed'}", UPSELL "/steps/0 ");
	enters(
	    "[{'manual': true}, {'on': 'Trial Started'}]", UPSELL "/steps/0 ");
	enters("{'on': 'Signed In'}", "");
	enters("{'on': 'Plan Limit Reached'}", "");
	enters("{'manual': true}", "");
	enters("{'missing': 'E', 'after': 'Signed Up', 'within': '48h'}",
	    UPSELL "/steps/0 ");
	enters("{'missing': 'E', 'after': 'Signed Up', 'within': '4d'}", "");
}

#define ONBOARDING "{'topic': 'onboarding', 'enter': {'on': 'Go'}, "
#define HUMANS	   "human-owned-accounts "

static void
test_humans(void **state)
{
	expect(ONBOARDING "'steps': [{'id': 'a', " TIP "}]}", HUMANS);
	expect(ONBOARDING "'exit': {'on': 'Gone'},"
			  "'steps': [{'id': 'a', " TIP "}]}",
	    HUMANS);
	expect(ONBOARDING "'exit': [{'on': 'Gone'}, {'if': 'account.csm'}],"
			  "'steps': [{'id': 'a', " TIP "}]}",
	    "");
	expect(ONBOARDING
	    "'steps': [{'id': 'a', 'if': {'not': 'account.csm'}," TIP "}]}",
	    "");
	expect("{'topic': 'news', 'enter': {'on': 'Go'}, 'steps': ["
	       "{'id': 'a', 'send': 'note'}, {'id': 'b', 'day': 1, " TIP "}]}",
	    HUMANS);
}

/* An app's own words, a human's, and mail that has to be sent are no mailing.
 */
static void
test_humans_are_spared(void **state)
{
	expect(ONBOARDING "'steps': [{'id': 'a', 'send': 'note'}]}", "");
	expect(ONBOARDING "'steps': [{'id': 'a', 'to': 'account.owner', " TIP
			  "}]}",
	    "");
	expect("{'enter': {'on': 'Go'}, 'steps': [{'id': 'a', " TIP "}]}", "");
	expect("{'for': 'account', 'topic': 'onboarding', 'enter': {'on': 'Go'}"
	       ", 'steps': [{'id': 'a', " TIP "}]}",
	    "");
}

/* The topic is the sequence's; the mail does not know of it. */
static void
test_way_out(void **state)
{
	static const char file[] = "templates/offer.md";

	expect("{'topic': 'news', 'exit': {'if': 'account.csm'}, "
	       "'enter': {'on': 'Go'}, 'steps': [{'id': 'a', " TIP "},"
	       "{'id': 'b', 'day': 5, 'send': 'offer'},"
	       "{'id': 'c', 'day': 6, 'send': 'offer', 'to': 'account.owner'},"
	       "{'id': 'd', 'day': 7, 'send': 'note'}]}",
	    "unsubscribe-link/steps/1 ");
	write_file(file, "Subject: Buy\nTopic: news\n\nMore!\n");
	expect(
	    "{'topic': 'news', 'exit': {'if': 'account.csm'}, "
	    "'enter': {'on': 'Go'}, 'steps': [{'id': 'b', 'send': 'offer'}]}",
	    "unsubscribe-link ");
	write_file(file, "Subject: Buy\nTags: upsell\n\nMore!\n");
}

static void
review(const char *name, const char *text, const char *expected)
{
	write_json(name, text);
	check(expected);
	remove_file(name);
}

#define REVIEW "Subject: Well?\nTags: review\n\n"

static void
test_review_mail(void **state)
{
	static const char file[] = "templates/review.md";

	review(
	    file, REVIEW "Did it work?", "answerable-review Yes, Partial, No ");
	review(file, REVIEW "Yes, Partial or No?",
	    "answerable-review Yes, Partial, No ");
	review(file,
	    REVIEW "[Yes](https://a.example/1) [No](https://a.example/2)",
	    "answerable-review Partial ");
	review(file, REVIEW "[Yes, Partial or No](https://a.example/)",
	    "answerable-review Partial, No ");
	review(file,
	    REVIEW "[Yes, it did](https://a.example/1)\n\n"
		   "**[Partial: some](https://a.example/2)**\n\n"
		   "[No](https://a.example/3)",
	    "");
	review(file,
	    REVIEW "[Ja](https://a.example/?answer=yes)\n"
		   "[Teils](https://a.example/?answer=partial)\n"
		   "[Nein](https://a.example/?answer=no)",
	    "");
	review(file, REVIEW "[Nothing](https://a.example/yesterday)",
	    "answerable-review Yes, Partial, No ");
	review(file, "Subject: Well?\nTags: survey\n\nDid it work?", "");
}

static void
test_review_document(void **state)
{
	static const char file[] = "templates/review.json";

	review(file,
	    "{'tags': ['review'], 'body': {'text': 'Well?', 'buttons': ["
	    "{'text': 'Yes'}, {'text': 'Partial'}, {'text': 'No'}]}}",
	    "");
	review(file,
	    "{'tags': ['review'], 'body': {'text': 'Well?', 'buttons': ["
	    "{'text': 'Yes'}, {'text': 'No'}]}}",
	    "answerable-review Partial ");
}

/* Nothing is known of the person who is made up for looking. */
static void
test_review_of_nobody(void **state)
{
	review("templates/review.md",
	    REVIEW "{% if user.x == nil %}{% abort_message(`no x`) %}"
		   "{% endif %}Well?",
	    "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_upsell_days),
	    cmocka_unit_test(test_upsell_choices),
	    cmocka_unit_test(test_upsell_waits),
	    cmocka_unit_test(test_upsell_entries),
	    cmocka_unit_test(test_humans),
	    cmocka_unit_test(test_humans_are_spared),
	    cmocka_unit_test(test_way_out),
	    cmocka_unit_test(test_review_mail),
	    cmocka_unit_test(test_review_document),
	    cmocka_unit_test(test_review_of_nobody),
	};

	return cmocka_run_group_tests(tests, make_workspace, drop_workspace);
}
