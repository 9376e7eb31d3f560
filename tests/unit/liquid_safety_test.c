/* SPDX-License-Identifier: MIT */
/*
 * What happened to others, and does not happen here. Each test is named for the
 * report it comes from; each fails when the protection is taken away.
 */
#include "templates/buf.h"
#include "templates/mail/mime.h"
#include "templates/templates.h"
#include "tests/unit/folder.h"
#include "tests/unit/liquid_fixture.h"

static const char *
partial(void *arg, const char *name, size_t *len)
{
	static const struct row partials[] = {
	    {"a", "{% render 'b' %}"},
	    {"b", "{% render 'a' %}"},
	};

	for (size_t i = 0; i < sizeof partials / sizeof *partials; i++)
		if (strcmp(partials[i].source, name) == 0) {
			*len = strlen(partials[i].result);
			return partials[i].result;
		}
	return NULL;
}

static void
set(const char *name, const char *value)
{
	json_object_set_new(
	    json_object_get(data, "user"), name, json_string(value));
}

/* The person is greeted by this name in every place where a mail has one. */
static void
assert_greeting(const char *name, const char *greeting)
{
	static const char source[] =
	    "Hi {{ user.first_name | default: 'there' }}";
	static const enum liquid_context contexts[] = {
	    LIQUID_HTML, LIQUID_MARKDOWN, LIQUID_HEADER};

	set("first_name", name);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(run(contexts[i], source), 0);
		assert_string_equal(buf_str(&out), greeting);
	}
	assert_int_equal(
	    run(LIQUID_HTML, "{% if user.first_name %}x{% endif %}"), 0);
	assert_int_equal(out.len, strcmp(greeting, "Hi there") != 0);
}

/* ------------------------------------------------- names that are no names */

/* mysociety/theyworkforyou#1603: a URL as the account's name */
static void
a_url_as_a_name(void **state)
{
	assert_greeting("https://pills.example/buy", "Hi there");
	assert_greeting("www.pills.test", "Hi there");
}

/* redimp/otterwiki#235: a sentence to click on */
static void
a_sentence_with_a_url(void **state)
{
	assert_greeting(
	    "Click http://x.example for discount drugs, please", "Hi there");
	assert_greeting("Click <a href=x>here</a>", "Hi there");
}

/* mysociety/alaveteli#9277: names in mail to addresses nobody confirmed */
static void
a_text_for_a_name(void **state)
{
	assert_greeting(
	    "You have won 1000 euros, call the number below today to get it, "
	    "do not wait",
	    "Hi there");
	assert_greeting("You won\r\n\r\nCall now", "Hi You won Call now");
}

/* firebase/firebaseui-web#301: a phishing link as the display name */
static void
a_display_name_that_phishes(void **state)
{
	set("display_name", "Reset it: https://evil.example/reset");
	assert_int_equal(
	    run(LIQUID_HTML, "{{ user.display_name | default: 'you' }}"), 0);
	assert_string_equal(buf_str(&out), "you");
	assert_int_equal(run(LIQUID_HTML, "{{ user.display_name }}"), -1);
	assert_non_null(strstr(error.text, "looks like a link"));
	assert_null(strstr(error.text, "evil"));
}

/* FlowFuse/flowfuse#3730: clients link whatever looks like a host */
static void
a_bare_host_as_a_name(void **state)
{
	static const char *const hosts[] = {"evil.example", "evil.com", "x.io",
	    "Ann evil.co.uk", "evil.photography", "a-b.shop/x", "EVIL.COM",
	    "evil.xn--p1ai",
	    "evil\xe3\x80\x82"
	    "com",
	    "evil\xef\xbc\x8e"
	    "com",
	    "ann@evil.test", "evil.\u0440\u0444",
	    "evil.\u043c\u043e\u0441\u043a\u0432\u0430", "a.\u4e2d\u56fd",
	    "evil.verm\u00f6gensberatung", "evil.moscow", "1.evil.attorney/x",
	    "a.link", "go.shop"};

	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
		assert_greeting(hosts[i], "Hi there");
}

/* craftcms/cms#16633: URLs in names of users; companies have names, too */
static void
companies_and_teams(void **state)
{
	static const char *const places[] = {
	    "{{ user.company | default: 'x' }}",
	    "{{ account.name | default: 'x' }}",
	    "{{ account.owner.name | default: 'x' }}",
	    "{{ event.companyName | default: 'x' }}",
	    "{{ event['team_name'] | default: 'x' }}"};
	json_t *bad = json_pack("{s:s,s:{s:s},s:s,s:s}", "name", "evil.com",
	    "owner", "name", "www.evil.test", "companyName", "http://x",
	    "team_name", "get.money now");

	set("company", "evil.com");
	json_object_set(data, "account", bad);
	json_object_set_new(data, "event", bad);
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		assert_int_equal(run(LIQUID_MARKDOWN, places[i]), 0);
		assert_string_equal(buf_str(&out), "x");
	}
}

/* OfficeForProductSafetyAndStandards#2251: spam in confirmation mails */
static void
names_of_people_stay(void **state)
{
	static const char *const names[] = {"Ada", "Zo\xc3\xab", "Jean-Luc",
	    "J. R. R. Tolkien", "J.R. Ewing", "Dr.Strange", "Nguy\xe1\xbb\x85n",
	    "Anne Marie", "St.John", "J.Smith", "J.R.R.Tolkien", "Mary-Jane.O",
	    "Acme Inc.", "Ada L.", "O'Neil", "G.M\u00fcller"};
	char greeting[64];

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		set("first_name", names[i]);
		snprintf(greeting, sizeof greeting, "Hi %s", names[i]);
		assert_int_equal(
		    run(LIQUID_HEADER, "Hi {{ user.first_name }}"), 0);
		assert_string_equal(buf_str(&out), greeting);
	}
	assert_greeting("<b>Free money</b>", "Hi there");
	assert_int_equal(
	    run(LIQUID_TEXT, "{{ 5 | plain_name }}{{ '' | plain_name | "
			     "default: '-' }}{{ 'a b' | split: ' ' | "
			     "plain_name }}"),
	    0);
	assert_string_equal(buf_str(&out), "5-[\"a\", \"b\"]");
}

/* mzrn.sh, Weightless: HTML of strangers in the welcome mail */
static void
markup_as_text(void **state)
{
	static const struct row html[] = {
	    {"{{ user.bio }}", "&lt;a href=&quot;https://evil.example&quot;&gt;"
			       "x&lt;/a&gt; [y](https://z)"},
	    {"<p title=\"{{ user.bio }}\">",
		"<p title=\"&lt;a href=&quot;https://evil.example&quot;&gt;"
		"x&lt;/a&gt; [y](https://z)\">"},
	    {"<td style=\"background: URL( '{{ user.image }}'); color: "
	     "{{ user.bio }}\">",
		"<td style=\"background: URL( 'https://a.example/"
		"i%27%29.png?a=1&amp;b'); color: a hrefhttpsevil.examplexa "
		"yhttpsz\">"},
	    {"<td style=\"background:url({{ user.site }})\">",
		"<td style=\"background:url(#)\">"},
	    {"<td style=\"background:url(https://x/?{{ user.image }})\">",
		"<td style=\"background:url(https://x/?"
		"https%3A%2F%2Fa.example%2Fi%27%29.png%3Fa%3D1%26b)\">"},
	    {"{{ user.controls }}", "azb\n"},
	};
	static const struct row markdown[] = {
	    {"{{ user.bio }}", "\\<a href\\=\\\"https\\://evil\\.example\\\"\\>"
			       "x\\</a\\> \\[y\\]\\(https\\://z\\)"},
	    {"[Go]({{ user.site }})", "[Go](#)"},
	};

	set("bio", "<a href=\"https://evil.example\">x</a> [y](https://z)");
	set("site", "javascript:alert(1)");
	set("image", "https://a.example/i').png?a=1&b");
	set("controls", "a\x1bz\xe2\x80\xae\x07"
			"b\n");
	CHECK(LIQUID_HTML, html);
	CHECK(LIQUID_MARKDOWN, markdown);
}

/* --------------------------------------------------------- header injection */

/*
 * apache/tooling-trusted-releases#603, superplanehq/superplane#6355: a value
 * brings lines of its own into a header.
 */
static void
lines_in_a_subject(void **state)
{
	static const struct row rows[] = {
	    {"About {{ user.topic }}", "About x Bcc: all@acme.example y"},
	    {"{{ user.topic | raw }}", "x Bcc: all@acme.example y"},
	    {"{% capture t %}{{ user.topic }}{% endcapture %}{{ t }}",
		"x Bcc: all@acme.example y"},
	    {"{{ 'a b' | replace: ' ', user.topic }}",
		"ax Bcc: all@acme.example yb"},
	    {"{{ 'a%0D%0AX: b' | url_decode }}", "a X: b"},
	};

	set("topic", "x\r\nBcc: all@acme.example\ny");
	CHECK(LIQUID_HEADER, rows);
}

/*
 * bbottema/simple-java-mail#88, nodemailer 8.0.9: the composer takes any value
 * for a header. Ours refuses what has a line end, wherever it stands.
 */
static void
lines_in_a_header_value(void **state)
{
	static const char bad[] = "x\r\nBcc: all@acme.example";
	const struct mime_message good = {.from = {"A", "a@acme.example"},
	    .to = {"B", "b@b.example"},
	    .subject = "s",
	    .message_id = "k@acme.example",
	    .text = "t"};
	struct mime_message all[9];

	for (size_t i = 0; i < 9; i++)
		all[i] = good;
	all[0].from.name = all[1].to.name = all[2].subject = bad;
	all[3].message_id = all[4].list_unsubscribe = all[5].list_id = bad;
	all[6].feedback_id = all[7].to.address = bad;
	all[8].reply_to = (struct mime_address){bad, "r@acme.example"};
	buf_truncate(&out, 0);
	assert_int_equal(mime_compose(&good, &out, &error), 0);
	for (size_t i = 0; i < 9; i++) {
		buf_truncate(&out, 0);
		assert_int_equal(mime_compose(&all[i], &out, &error), -1);
		assert_int_equal(out.len, 0);
	}
}

/* ------------------------------------------------------------ LiquidJS, 2026
 */

/* CVE-2026-44645: no limit in a loop whose body is empty */
static void
loops_without_a_body(void **state)
{
	static const struct row errors[] = {
	    {"{% for a in (1..9999) %}{% for b in (1..9999) %}{% endfor %}"
	     "{% endfor %}",
		"steps"},
	    {"{% for a in (1..9999) %}{% tablerow b in (1..9999) %}"
	     "{% endtablerow %}{% endfor %}",
		"larger than 1024 KB"},
	};

	CHECK_ERRORS(LIQUID_HTML, errors);
}

/* CVE-2026-45357: %9999999d in a date's format */
static void
widths_of_a_date(void **state)
{
	static const struct row errors[] = {
	    {"{{ 'now' | date: '%9999999d' }}", "too long"},
	    {"{{ 'now' | date: '%99999999999999999999d' }}", "too long"},
	    {"{{ 'now' | date: user.format }}", "too long"},
	};
	struct buf format = {0};

	for (int i = 0; i < 200; i++)
		buf_adds(&format, "%64N");
	set("format", format.data);
	buf_free(&format);
	CHECK_ERRORS(LIQUID_HTML, errors);
}

/* CVE-2026-45617: strip_html; a quadratic one would not end here */
static void
tags_without_an_end(void **state)
{
	static const char *const starts[] = {"<script", "<!--", "<style>", "<"};

	for (size_t i = 0; i < 4; i++) {
		struct buf text = {0};

		while (text.len < 300000)
			buf_adds(&text, starts[i]);
		set("text", text.data);
		buf_free(&text);
		assert_int_equal(
		    run(LIQUID_TEXT, "{{ user.text | strip_html | size }}"), 0);
	}
}

/* CVE-2026-55575: arrays that grow outside of the count of memory */
static void
arrays_that_grow(void **state)
{
	static const struct row errors[] = {
	    {"{% assign a = 'a,b,c,d' | split: ',' %}{% for i in (1..40) %}"
	     "{% assign a = a | concat: a %}{% endfor %}",
		"steps"},
	    {"{% assign a = 'a,b,c,d' | split: ',' %}{% for i in (1..9999) %}"
	     "{% assign b = (1..9999) | reverse %}{% endfor %}",
		"memory"},
	    {"{% assign s = 'xxxxxxxx' %}{% for i in (1..40) %}"
	     "{% capture s %}{{ s }}{{ s }}{% endcapture %}{% endfor %}",
		"KB"},
	};

	CHECK_ERRORS(LIQUID_HTML, errors);
}

/* CVE-2026-41311: parts that hold each other */
static void
parts_in_a_circle(void **state)
{
	static const struct row errors[] = {
	    {"{% render 'a' %}", "contains itself"},
	    {"{% include 'a' %}", "contains itself"},
	};

	CHECK_ERRORS(LIQUID_HTML, errors);
}

/* CVE-2026-35525: a partial's name that is a path out of the folder */
static void
partials_by_path(void **state)
{
	static const char *const names[] = {
	    "../secret", "/etc/passwd", "./secret", "sub/../../secret"};
	char mail[100];

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct problems problems = {0};

		folder_make();
		snprintf(mail, sizeof mail,
		    "Subject: x\n\n{%% render \"%s\" %%}", names[i]);
		write_file("a.html", mail);
		write_file("secret.liquid", "secret");
		/* so that .. leads out */
		write_file("partials/x.liquid", "");
		templates_free(templates_load(folder, &problems));
		assert_int_equal(problems.errors, 1);
		assert_non_null(strstr(problems.list[0].at.text, "no partial"));
		problems_free(&problems);
		folder_drop();
	}
}

/* CVE-2026-45618: from a value to the language underneath; data as template */
static void
no_way_out_of_the_data(void **state)
{
	static const char *const names[] = {"constructor", "__proto__", "class",
	    "to_s", "prototype", "_mail", "methods"};
	char source[200];

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(source, sizeof source,
		    "{%% assign s = 'x' %%}{{ user.%s | default: '-' }}"
		    "{{ s.%s | default: '-' }}{{ user['%s'] | default: '-' }}",
		    names[i], names[i], names[i]);
		assert_int_equal(run(LIQUID_TEXT, source), 0);
		assert_string_equal(buf_str(&out), "---");
	}
	set("text", "{{ user.email }}{% assign x = 1 %}");
	assert_int_equal(run(LIQUID_TEXT, "{{ user.text }}"), 0);
	assert_string_equal(
	    buf_str(&out), "{{ user.email }}{% assign x = 1 %}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_url_as_a_name),
	    cmocka_unit_test(a_sentence_with_a_url),
	    cmocka_unit_test(a_text_for_a_name),
	    cmocka_unit_test(a_display_name_that_phishes),
	    cmocka_unit_test(a_bare_host_as_a_name),
	    cmocka_unit_test(companies_and_teams),
	    cmocka_unit_test(names_of_people_stay),
	    cmocka_unit_test(markup_as_text),
	    cmocka_unit_test(lines_in_a_subject),
	    cmocka_unit_test(lines_in_a_header_value),
	    cmocka_unit_test(loops_without_a_body),
	    cmocka_unit_test(widths_of_a_date),
	    cmocka_unit_test(tags_without_an_end),
	    cmocka_unit_test(arrays_that_grow),
	    cmocka_unit_test(parts_in_a_circle),
	    cmocka_unit_test(partials_by_path),
	    cmocka_unit_test(no_way_out_of_the_data),
	};
	int failed;

	data = json_pack("{s:{s:s}}", "user", "email", "ada@example.com");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	json_decref(data);
	buf_free(&out);
	return failed;
}
