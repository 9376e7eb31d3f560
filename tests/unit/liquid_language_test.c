/* SPDX-License-Identifier: MIT */
/*
 * What nudge adds to Liquid: dates, numbers and money as a language writes
 * them, arithmetic on dates, hashes, keys, Markdown of values, and what it says
 * to those who come from other products.
 */
#include "templates/locale.h"
#include "tests/unit/liquid_fixture.h"

static const char DATA[] =
    "{\"user\": {\"locale\": \"de-AT\", \"id\": \"ada\"},"
    " \"at\": \"2026-03-05T17:04:00Z\", \"n\": 1234567.5, \"text\": \"12 abc\","
    " \"list\": [\"a\", \"b\", \"c\"],"
    " \"md\": \"*a* <b>x</b> [l](javascript:x)\\n\\n    c\\n\\n    d\"}";

static const char *
partial(void *arg, const char *name, size_t *len)
{
	return NULL;
}

#define NB  "\xc2\xa0"
#define NNB "\xe2\x80\xaf"

static void
months_and_days(void **state)
{
	static const struct {
		const char *locale, *date;
	} rows[] = {{"en", "Thursday Thu 5 March Mar MARCH"},
	    {"en-GB", "Thursday Thu 5 March Mar MARCH"},
	    {"de", "Donnerstag Do. 5 März März MÄRZ"},
	    {"de_CH.UTF-8", "Donnerstag Do. 5 März März MÄRZ"},
	    {"fr-FR", "jeudi jeu. 5 mars mars MARS"},
	    {"es", "jueves jue 5 marzo mar MARZO"},
	    {"it", "giovedì gio 5 marzo mar MARZO"},
	    {"pt-BR", "quinta-feira qui. 5 março mar. MARÇO"},
	    {"nl", "donderdag do 5 maart mrt MAART"},
	    {"nld", "Thursday Thu 5 March Mar MARCH"},
	    {"", "Thursday Thu 5 March Mar MARCH"}};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		locale = rows[i].locale;
		assert_int_equal(
		    run(LIQUID_TEXT, "{{ at | date: '%A %a %-d %B %b %^B' }}"),
		    0);
		assert_string_equal(buf_str(&out), rows[i].date);
	}
	locale = NULL;
}

/* Nobody has said a language: then it is the person's. */
static void
the_persons_language(void **state)
{
	static const struct row rows[] = {
	    {"{{ at | date: '%B' }}", "März"},
	    {"{{ at | date: '%B', locale: 'fr' }}", "mars"},
	    {"{{ at | date: '%R %Z', 'Asia/Tokyo', locale: 'fr' }}",
		"02:04 JST"},
	    {"{{ list | sentence }}, {{ list | sentence: 'or' }}",
		"a, b und c, a, b or c"},
	    {"{% assign user = 1 %}{{ at | date: '%B' }}", "März"},
	    {"{{ n | number }}", "1.234.567,5"},
	};
	json_t *user = json_incref(json_object_get(data, "user"));

	CHECK(LIQUID_TEXT, rows);
	json_object_del(data, "user");
	assert_int_equal(run(LIQUID_TEXT, "{{ at | date: '%B' }}"), 0);
	assert_string_equal(buf_str(&out), "March");
	json_object_set_new(data, "user", user);
}

static void
add_path(void *arg, const struct liquid_path *path)
{
	buf_addf(arg, "%s%s ", path->text, path->is_guarded ? "?" : "");
}

static void
the_language_is_read_from_the_scope(void **state)
{
	struct liquid_options options = {0};
	struct buf list = {0};
	struct liquid *l =
	    liquid_compile("{{ at | date: '%B' }}", 21, &options, &error);

	liquid_paths(l, add_path, &list);
	assert_string_equal(buf_str(&list), "at user.locale? ");
	liquid_free(l);
	buf_free(&list);
}

static void
numbers(void **state)
{
	static const struct row rows[] = {
	    {"{{ n | number: 'en' }}", "1,234,567.5"},
	    {"{{ n | number: 'de-CH' }}", "1’234’567.5"},
	    {"{{ n | number: 'fr' }}", "1" NNB "234" NNB "567,5"},
	    {"{{ 1234 | number: 'es' }} {{ 12345 | number: 'es' }}",
		"1234 12.345"},
	    {"{{ -1000 | number: 'en' }} {{ 999 | number: 'en' }} "
	     "{{ 5.0 | number: 'en' }} {{ '1000' | number: 'en' }}",
		"-1,000 999 5 1,000"},
	    {"{{ 0.25 | number: 'nl' }}", "0,25"},
	};
	static const struct row errors[] = {
	    {"{{ text | number }}", "number needs a number, not '12 abc'"},
	    {"{{ list | number }}", "needs a number"},
	    {"{{ true | number }}", "needs a number"},
	};

	CHECK(LIQUID_TEXT, rows);
	CHECK_ERRORS(LIQUID_TEXT, errors);
}

static void
money(void **state)
{
	static const struct row rows[] = {
	    {"{{ 1234.5 | currency: 'EUR', 'en' }}", "€1,234.50"},
	    {"{{ 1234.5 | currency: 'EUR', 'de' }}", "1.234,50" NB "€"},
	    {"{{ 1234.5 | currency: 'EUR', 'nl' }}", "€" NB "1.234,50"},
	    {"{{ 1234.5 | currency: 'BRL', 'pt-BR' }}", "R$" NB "1.234,50"},
	    {"{{ -9.995 | currency: 'USD', 'en' }}", "-$10.00"},
	    {"{{ '19.99' | currency: 'GBP', 'en' }}", "£19.99"},
	    {"{{ 1234 | currency: 'JPY', 'en' }}", "¥1,234"},
	    {"{{ 5 | currency: 'CHF', 'en' }}", "CHF" NB "5.00"},
	    {"{{ 5 | currency: 'XAF', 'fr' }}", "5,00" NB "XAF"},
	    {"{{ 5 | currency: 'EUR' }}", "5,00" NB "€"},
	};
	static const struct row errors[] = {
	    {"{{ 5 | currency: 'en', 'EUR' }}", "is not a currency"},
	    {"{{ text | currency: 'EUR' }}", "needs a number"},
	    {"{{ 5 | currency }}", "takes 1 to 2"},
	    {"{{ 1e16 | times: 1 }}", "unexpected"},
	    {"{{ 10000000000000000.0 | currency: 'EUR' }}", "too large"},
	};

	CHECK(LIQUID_TEXT, rows);
	CHECK_ERRORS(LIQUID_TEXT, errors);
}

static void
time_is_added(void **state)
{
	static const struct row rows[] = {
	    {"{{ at | add_time: 3, 'days' }}", "2026-03-08T17:04:00+00:00"},
	    {"{{ at | add_day: 1 | date: '%F' }}", "2026-03-06"},
	    {"{{ at | add_days: 3 | date: '%F' }}", "2026-03-08"},
	    {"{{ at | add_weeks: 2 | date: '%F' }}", "2026-03-19"},
	    {"{{ '2026-01-31' | add_month: 1 | date: '%F' }}", "2026-02-28"},
	    {"{{ '2024-02-29' | add_years: 1 | date: '%F' }}", "2025-02-28"},
	    {"{{ at | add_hours: 8 | date: '%F %R' }}", "2026-03-06 01:04"},
	    {"{{ at | add_minutes: -5 | date: '%R' }}", "16:59"},
	    {"{{ at | subtract_day: 5 | date: '%F' }}", "2026-02-28"},
	    {"{{ at | subtract_months: 1 | date: '%F' }}", "2026-02-05"},
	    {"{{ at | subtract_seconds: 61 | date: '%T' }}", "17:02:59"},
	    {"{{ 'now' | time_zone: 'America/New_York' | date: '%R' }}",
		"06:00"},
	};
	static const struct row errors[] = {
	    {"{{ at | add_days }}", "takes 1 argument, not 0"},
	    {"{{ at | add_days: 1, 2 }}", "takes 1 argument, not 2"},
	    {"{{ at | add_days: 'x' }}", "whole number"},
	    {"{{ at | add_time: 1, 'moons' }}", "units are seconds"},
	    {"{{ at | add_years: 99999 }}", "cannot add"},
	    {"{{ at | time_zone: 'Moon' }}", "no time zone 'Moon'"},
	};

	CHECK(LIQUID_TEXT, rows);
	CHECK_ERRORS(LIQUID_TEXT, errors);
}

/* What says no zone is shown in the person's. */
static void
the_persons_zone(void **state)
{
	static const struct row rows[] = {
	    {"{{ at | date: '%R %Z' }}", "18:04 CET"},
	    {"{{ 1772730240 | date: '%R' }}", "18:04"},
	    {"{{ 'now' | date: '%R' }}", "11:00"},
	    {"{{ '2026-03-05T17:04:00+02:00' | date: '%R %z' }}",
		"17:04 +0200"},
	    {"{{ '2026-03-05T17:04:00+00:00' | date: '%R' }}", "17:04"},
	    {"{{ '2026-03-05 17:04' | date: '%R %z' }}", "17:04 +0100"},
	    {"{{ at | time_zone: 'UTC' | date: '%R' }}", "17:04"},
	    {"{{ at | date: '%R', 'UTC' }}", "17:04"},
	    {"{{ '2026-03-28T09:00:00Z' | add_days: 1 | date: '%R %z' }}",
		"10:00 +0200"},
	};

	zone = "Europe/Berlin";
	CHECK(LIQUID_TEXT, rows);
	zone = NULL;
}

static void
hashes(void **state)
{
	static const struct row rows[] = {
	    {"{{ 'abc' | md5 }}", "900150983cd24fb0d6963f7d28e17f72"},
	    {"{{ 'abc' | sha256 }}",
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015"
		"ad"},
	    /* RFC 4231, test case 2 */
	    {"{{ 'what do ya want for nothing?' | hmac_sha256: 'chat' }}",
		"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec38"
		"43"},
	    {"{{ 'a b/c?' | url_param_escape }}", "a%20b%2Fc%3F"},
	};
	static const struct row errors[] = {
	    {"{{ user.id | hmac_sha256: 'caht' }}", "no key \"caht\""},
	    {"{{ user.id | hmac_sha256: user.id }}", "in quotes"},
	    {"{{ user.id | hmac_sha256 }}", "takes 1 argument"},
	    {"{{ 'chat' | hmac_sha256: chat }}", "in quotes"},
	};

	CHECK(LIQUID_TEXT, rows);
	CHECK_ERRORS(LIQUID_TEXT, errors);
}

/* No expression leads to a key, nor do errors show one. */
static void
keys_stay_where_they_are(void **state)
{
	static const char *const tries[] = {"{{ template_keys | json }}",
	    "{{ keys | json }}", "{{ chat }}", "{{ ['chat'] }}",
	    "{% assign k = 'chat' %}{{ [k] | json }}",
	    "{{ missing | hmac_sha256: 'chat' }}",
	    "{{ user | json }}{{ user.id | hmac_sha256: 'chat' | json }}"};

	for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
		run(LIQUID_TEXT, tries[i]);
		assert_null(strstr(buf_str(&out), "Jefe"));
		assert_null(strstr(error.text, "Jefe"));
	}
}

static void
markdown_of_values(void **state)
{
	static const struct row html[] = {
	    {"{{ md | markdown }}", "<p><em>a</em> &lt;b&gt;x&lt;/b&gt; <a "
				    "href=\"#javascript:x\">l</a></p>\n"
				    "<pre><code>c\n\nd\n</code></pre>\n"},
	    {"{{ '*x*' | markdown | strip_html }}", "x\n"},
	    {"{{ nil | markdown }}", ""},
	};
	static const struct row markdown[] = {
	    {"{{ md | markdown }}", "<p><em>a</em> &lt;b&gt;x&lt;/b&gt; <a "
				    "href=\"#javascript:x\">l</a></p>\n"
				    "<pre><code>c\n&#10;d\n</code></pre>\n"},
	};

	CHECK(LIQUID_HTML, html);
	CHECK(LIQUID_MARKDOWN, markdown);
}

static void
other_products(void **state)
{
	static const struct row errors[] = {
	    {"{{${first_name}}}", "write {{ user.first_name }}"},
	    {"{{ ${email_address} | default: 'x' }}",
		"write {{ user.email_address }}"},
	    {"{{custom_attribute.${plan}}}", "write {{ user.plan }}"},
	    {"{{event_properties.${amount}}}", "write {{ event.amount }}"},
	    {"{{api_trigger_properties.${x}}}", "write {{ event.x }}"},
	    {"{{content_blocks.${footer}}}", "write {% render \"footer\" %}"},
	    {"{{${set_user_to_unsubscribed_url}}}",
		"write {{ unsubscribe_url }}"},
	    {"{% assign x = {{y}} %}", "without braces"},
	    {"{% connected_content https://a.example :save x %}",
		"fetches nothing"},
	    {"{{ customer.first_name }}", "the person is `user`"},
	    {"{% if customer.plan %}{% endif %}", "the person is `user`"},
	    {"{{ snippets.footer }}", "{% render \"name\" %}"},
	    {"{{ trigger.x }}", "{{ event.name }}"},
	    {"{% unsubscribe %}", "{{ unsubscribe_url }}"},
	    {"{% manage_subscription_preferences_url %}", "preferences_url"},
	    {"{% view_in_browser_url %}", "not kept"},
	    {"{% random 100 %}", "split"},
	    {"{% if a %}{% else if b %}{% endif %}", "elsif"},
	    {"{{ x | format_number: 'fr' }}", "use number"},
	    {"{{ x | to_json }}", "use json"},
	    {"{{ x | cgi_escape }}", "use url_encode"},
	    {"{{ x | money }}", "use currency"},
	};
	static const struct row fine[] = {
	    {"{% for customer in list %}{{ customer }}{% endfor %}", "abc"},
	    {"{% assign trigger = 1 %}{{ trigger }}", "1"},
	};

	CHECK_ERRORS(LIQUID_HTML, errors);
	CHECK(LIQUID_HTML, fine);
	assert_null(liquid_condition_compile("customer.plan == 'x'", &error));
	assert_int_equal(
	    run(LIQUID_TEXT, "{% abort_message() %}"), LIQUID_ABORTED);
}

static void
groups(void **state)
{
	static const struct row rows[] = {
	    {"{% for g in groups %}{{ g.name | default: '-' }}={{ g.items | "
	     "map: 'n' | join }}"
	     "({{ g.size }}) {% endfor %}",
		"b&lt;=1 3(2) a=2(1) -=4(1) "},
	    {"{{ groups | map: 'name' | join: ',' }}", "b&lt;,a,"},
	    {"{{ groups | sort: 'name' | map: 'size' | join }}", "1 2 1"},
	    {"{{ groups | where: 'name', 'a' | first | json }}",
		"{&quot;name&quot;:&quot;a&quot;,&quot;items&quot;:"
		"[{&quot;k&quot;:&quot;a&quot;,&quot;n&quot;:2}]}"},
	    {"{{ groups[1] }}",
		"{&quot;name&quot;=&gt;&quot;a&quot;, &quot;items&quot;=&gt;"
		"[{&quot;k&quot;=&gt;&quot;a&quot;, &quot;n&quot;=&gt;2}]}"},
	    {"{% if groups[0] == groups[0] and groups[0] != groups[1] %}y"
	     "{% endif %}{{ groups[1]['items'].size }}",
		"y1"},
	    {"{{ missing | default: '' | group_by: 'k' | size }}", "1"},
	};
	static const struct row errors[] = {
	    {"{{ list | group_by }}", "group_by takes 1 argument"},
	    {"{{ (1..3) | group_by: 'x' }}", "'x' is asked of a number"},
	};

	json_object_set_new(data, "rows",
	    json_pack("[{s:s,s:i},{s:s,s:i},{s:s,s:i},{s:i}]", "k", "b<", "n",
		1, "k", "a", "n", 2, "k", "b<", "n", 3, "n", 4));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char source[400];

		snprintf(source, sizeof source,
		    "{%% assign groups = rows | group_by: 'k' %%}%s",
		    rows[i].source);
		if (run(LIQUID_HTML, source) != 0)
			fail_msg("%s: %s", source, error.text);
		assert_string_equal(buf_str(&out), rows[i].result);
	}
	CHECK_ERRORS(LIQUID_HTML, errors);
}

static void
note_path(void *arg, const struct liquid_path *path)
{
	buf_addf(arg, "%s:%d ", path->text, path->line);
}

static void
raw_can_be_forbidden(void **state)
{
	static const char source[] =
	    "{{ user.a }}\n{{ user.b | upcase | raw }}"
	    "{% assign x = user.c | raw %}{{ x | raw }}{{ 'y' | raw }}"
	    "{% raw %}{{ z | raw }}{% endraw %}";
	struct liquid_options options = {.context = LIQUID_HTML};
	struct buf paths = {0};
	struct liquid *l =
	    liquid_compile(source, sizeof source - 1, &options, &error);

	assert_non_null(l);
	liquid_raw_paths(l, note_path, &paths);
	assert_string_equal(buf_str(&paths), "user.b:2 user.c:2 ");
	liquid_free(l);
	buf_free(&paths);
	options.forbids_raw = true;
	assert_null(
	    liquid_compile(source, sizeof source - 1, &options, &error));
	assert_int_equal(error.line, 2);
	assert_int_equal(error.column, 22);
	assert_non_null(strstr(error.text, "\"allow_raw\""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(months_and_days),
	    cmocka_unit_test(the_persons_language),
	    cmocka_unit_test(the_language_is_read_from_the_scope),
	    cmocka_unit_test(numbers),
	    cmocka_unit_test(money),
	    cmocka_unit_test(time_is_added),
	    cmocka_unit_test(the_persons_zone),
	    cmocka_unit_test(hashes),
	    cmocka_unit_test(keys_stay_where_they_are),
	    cmocka_unit_test(markdown_of_values),
	    cmocka_unit_test(groups),
	    cmocka_unit_test(raw_can_be_forbidden),
	    cmocka_unit_test(other_products),
	};
	int failed;

	data = json_loads(DATA, 0, NULL);
	keys = json_pack("{s:s}", "chat", "Jefe");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	json_decref(data);
	json_decref(keys);
	buf_free(&out);
	return failed;
}
