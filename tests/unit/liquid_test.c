/* SPDX-License-Identifier: MIT */
/*
 * Liquid: each context and place, the safe mark, undefined values, errors with
 * their line, conditions, values, paths, and the golden cases.
 */
#include "tests/unit/liquid_fixture.h"

static const char DATA[] =
    "{\"name\": \"<b>\\\"A\\\" & 'B'</b>\", \"plain\": \"Ada\","
    " \"html\": \"<p>x</p>\", \"evil\": \"evil.example\","
    " \"js\": \"JavaScript:alert(1)\", \"url\": \"https://a.example/?x=1&y=2\","
    " \"q\": \"a b&c=d/é\", \"none\": null, \"void\": \"\","
    " \"lines\": \"a\\r\\nBcc: x@y.example\\u0000\\tz\","
    " \"md\": \"*x* [l](http://e) # _y_ Jean-Luc\","
    " \"bidi\": \"a\\u202eb\\u0007\\nc\","
    " \"user\": {\"plan\": \"free\", \"tags\": [\"x\", \"<y>\"],"
    "  \"n\": 3, \"ratio\": 0.5},"
    " \"metric\": {\"tasks\": 0, \"done\": 3, \"total\": 4},"
    " \"rows\": [{\"t\": \"one\"}, {\"t\": \"two\"}],"
    " \"content\": \"<p>body</p>\"}";

static const char *
partial(void *arg, const char *name, size_t *len)
{
	static const struct {
		const char *name, *source;
	} partials[] = {
	    {"row", "<li>{{ row.t }} {{ forloop.index }}</li>"},
	    {"a", "{% render 'b' %}"},
	    {"b", "{% include 'a' %}"},
	    {"bad", "line one\n{{ missing }}"},
	    {"link", "https://x.example/{{ plain }}"},
	    {"includes", "{% include 'row' %}"},
	};

	for (size_t i = 0; i < sizeof partials / sizeof *partials; i++)
		if (strcmp(partials[i].name, name) == 0) {
			*len = strlen(partials[i].source);
			return partials[i].source;
		}
	return NULL;
}

static void
html(void **state)
{
	static const struct row rows[] = {
	    {"{{ name }}",
		"&lt;b&gt;&quot;A&quot; &amp; &#39;B&#39;&lt;/b&gt;"},
	    {"<a title=\"{{ html }}\">", "<a title=\"&lt;p&gt;x&lt;/p&gt;\">"},
	    {"{{ 1.5 }}{{ true }}{{ user.tags }}", "1.5truex&lt;y&gt;"},
	    {"<a href=\"{{ js }}\">", "<a href=\"#\">"},
	    {"<a href='{{ url }}'>",
		"<a href='https://a.example/?x=1&amp;y=2'>"},
	    {"<a href=\"{{ js | raw }}\">", "<a href=\"#\">"},
	    {"<a href=\"/p/{{ q }}\">", "<a href=\"/p/a%20b&amp;c=d/%C3%A9\">"},
	    {"<a href=\"/p?x={{ q }}\">",
		"<a href=\"/p?x=a%20b%26c%3Dd%2F%C3%A9\">"},
	    {"<a href=\"/p?x={{ q | url_encode }}\">",
		"<a href=\"/p?x=a+b%26c%3Dd%2F%C3%A9\">"},
	    {"<a href=\"{{ url }}&z={{ q }}\">",
		"<a href=\"https://a.example/?x=1&amp;y=2&z="
		"a%20b%26c%3Dd%2F%C3%A9\">"},
	    {"<b style=\"color: {{ name }}\">", "<b style=\"color: bA  Bb\">"},
	    {"<script>var x;</script>{{ html }}",
		"<script>var x;</script>&lt;p&gt;x&lt;/p&gt;"},
	    {"<!-- x -->{{ html }}", "<!-- x -->&lt;p&gt;x&lt;/p&gt;"},
	    {"<td {% if plain %}class=\"a\"{% endif %}>{{ plain }}",
		"<td class=\"a\">Ada"},
	    {"<a href=\"{% render 'link' %}\">",
		"<a href=\"https://x.example/Ada\">"},
	};
	static const struct row errors[] = {
	    {"<a title={{ name }}>", "an attribute without quotes"},
	    {"<script>x = '{{ name }}'</script>", "<script> or <style>"},
	    {"<style>{{ name }}</style>", "<script> or <style>"},
	    {"<a onclick=\"f('{{ name }}')\">", "holds a script"},
	    {"<!-- {{ name }} -->", "a comment"},
	    {"<{{ name }}>", "the name of a tag"},
	    {"<a {{ name }}>", "outside of a quoted attribute"},
	    {"<img src={% if plain %}\"x\"{% endif %}>", "different places"},
	    {"<a {% if plain %}href=\"{% else %}href='{% endif %}",
		"different places"},
	    {"{% capture x %}<a href=\"{% endcapture %}", "ends inside"},
	};

	CHECK(LIQUID_HTML, rows);
	CHECK_ERRORS(LIQUID_HTML, errors);
}

static void
safe_marks(void **state)
{
	static const struct row rows[] = {
	    {"{{ '<br>' }}", "<br>"},
	    {"{{ html | raw }}", "<p>x</p>"},
	    {"{{ html | escape }}", "&lt;p&gt;x&lt;/p&gt;"},
	    {"{{ html | escape | escape }}", "&lt;p&gt;x&lt;/p&gt;"},
	    {"{{ html | escape_once }}", "&lt;p&gt;x&lt;/p&gt;"},
	    {"{{ 'a &amp; b' | escape_once }}", "a &amp; b"},
	    {"{{ lines | newline_to_br | truncate: 9 }}", "a&lt;br /..."},
	    {"{{ html | newline_to_br }}", "&lt;p&gt;x&lt;/p&gt;"},
	    {"{% capture c %}<i>{{ html }}</i>{% endcapture %}{{ c }}",
		"<i>&lt;p&gt;x&lt;/p&gt;</i>"},
	    {"{{ '<b>' | append: html }}", "<b>&lt;p&gt;x&lt;/p&gt;"},
	    {"{{ html | prepend: '<b>' }}", "<b>&lt;p&gt;x&lt;/p&gt;"},
	    {"{{ html | replace: 'x', '<br>' }}", "&lt;p&gt;<br>&lt;/p&gt;"},
	    {"{{ html | remove: 'x' }}", "&lt;p&gt;&lt;/p&gt;"},
	    {"{{ user.tags | join: '<br>' }}", "x<br>&lt;y&gt;"},
	    {"{{ '<b>' | upcase }}", "&lt;B&gt;"},
	    {"{{ html | strip_html }}", "x"},
	    {"{{ '<b>' | strip_html | append: html }}", "&lt;p&gt;x&lt;/p&gt;"},
	    {"{{ none | default: '<i>' }}", "<i>"},
	    {"{{ content }}", "<p>body</p>"},
	    {"{% assign x = html %}{{ x }}", "&lt;p&gt;x&lt;/p&gt;"},
	    {"{% cycle html, 'b' %}", "&lt;p&gt;x&lt;/p&gt;"},
	};

	CHECK(LIQUID_HTML, rows);
}

static void
other_contexts(void **state)
{
	static const struct row text[] = {
	    {"{{ html }}", "<p>x</p>"}, {"{{ bidi }}", "ab\nc"}};
	static const struct row header[] = {
	    {"{{ lines }}", "a Bcc: x@y.example z"},
	    {"{{ lines | raw }}", "a Bcc: x@y.example z"},
	    {"{{ bidi }}", "ab c"}};
	static const struct row json[] = {
	    {"{{ name }}", "<b>\\\"A\\\" & 'B'</b>"},
	    {"{{ lines }}", "a\\r\\nBcc: x@y.example\\u0000\\tz"},
	    {"{{ 'say \"x\"' }}", "say \\\"x\\\""}};
	static const struct row url[] = {
	    {"https://x/{{ q }}", "https://x/a%20b%26c%3Dd%2F%C3%A9"},
	    {"{{ 'https://x/' }}{{ plain | url_encode }}", "https://x/Ada"}};
	static const struct row markdown[] = {
	    {"{{ html }}", "\\<p\\>x\\</p\\>"},
	    {"{{ md }}",
		"\\*x\\* \\[l\\]\\(http\\://e\\) \\# \\_y\\_ Jean\\-Luc"},
	    {"{{ md | escape | truncate: 3, '' }}", "\\*x\\*"},
	    {"{{ evil }}", "evil\\.example"},
	    {"[go]({{ url }})", "[go](https://a.example/?x=1&y=2)"},
	    {"[go]({{ js }})", "[go](#)"},
	    {"[go](https://x/?q={{ q }})",
		"[go](https://x/?q=a%20b%26c%3Dd%2F%C3%A9)"},
	    {"at https://x/{{ q }}. {{ evil }}",
		"at https://x/a%20b&c=d/%C3%A9. evil\\.example"},
	    {"<a title=\"{{ name | escape }}\">",
		"<a title=\"\\<b\\>\\\"A\\\" \\& \\'B\\'\\</b\\>\">"},
	    {"<{{ url }}>", "<https://a.example/?x=1&y=2>"},
	    {"<a href=\"{{ js }}\" title=\"{{ name }}\">",
		"<a href=\"#\" title=\"\\<b\\>\\\"A\\\" \\& "
		"\\'B\\'\\</b\\>\">"},
	    {"{{ '**b**' }} {{ md | raw | truncate: 4, '' }}",
		"**b** \\*x\\* "},
	};

	CHECK(LIQUID_TEXT, text);
	CHECK(LIQUID_HEADER, header);
	CHECK(LIQUID_JSON, json);
	CHECK(LIQUID_URL, url);
	CHECK(LIQUID_MARKDOWN, markdown);
}

/* What strangers put into a name so that our mail carries it to others. */
static void
names_as_links(void **state)
{
	static const char *const names[] = {"https://spam.example/offer",
	    "Click http://x.co for drugs", "www.evil.test", "evil.example",
	    "Ann evil.com Smith", "<a href=x>Ann</a>",
	    "evil\xe3\x80\x82"
	    "com",
	    "a very long name that goes on and on, to sell what nobody ever "
	    "asked for"};
	static const char *const good[] = {
	    "Ada", "J.R. Smith", "Jean-Luc", "O'Neil", "Zoë Å.", "Dr. No"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		json_object_set_new(data, "bad", json_string(names[i]));
		assert_int_equal(
		    run(LIQUID_TEXT,
			"Hi {{ bad | plain_name | default: 'there' }}"),
		    0);
		assert_string_equal(buf_str(&out), "Hi there");
	}
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		json_object_set_new(data, "bad", json_string(good[i]));
		assert_int_equal(run(LIQUID_TEXT, "{{ bad | plain_name }}"), 0);
		assert_string_equal(buf_str(&out), good[i]);
	}
	json_object_del(data, "bad");
}

static void
undefined(void **state)
{
	static const struct row errors[] = {
	    {"a\n b {{ user.nick }}", "user.nick has no value"},
	    {"{{ missing | upcase }}", "missing has no value"},
	    {"{{ none }}", "none has no value"},
	    {"{{ 'Hi ' | append: missing }}", "missing has no value"},
	    {"{% assign x = missing %}{{ x }}", "x has no value"},
	    {"{{ evil | plain_name | append: missing }}", "missing"},
	    {"{% for r in rows %}{{ r.nope }}{% endfor %}", "r.nope"},
	    {"{{ evil | plain_name }}", "evil has no value"},
	};
	static const struct row rows[] = {
	    {"{{ missing | default: 'there' }}", "there"},
	    {"{{ missing | upcase | default: 'x' }}", "x"},
	    {"{{ void | default: 'there' }}", "there"},
	    {"{% if missing %}a{% else %}b{% endif %}", "b"},
	    {"{% if missing.x == blank %}b{% endif %}", "b"},
	    {"{% for x in missing %}{{ x }}{% else %}none{% endfor %}", "none"},
	    {"{% assign x = missing %}{{ x | default: 'd' }}", "d"},
	    {"{{ nil }}", ""},
	};

	CHECK_ERRORS(LIQUID_TEXT, errors);
	assert_int_equal(run(LIQUID_TEXT, "a\n b {{ user.nick }}"), -1);
	assert_string_equal(error.file, "t.md");
	assert_int_equal(error.line, 2);
	assert_int_equal(error.column, 7);
	CHECK(LIQUID_TEXT, rows);
}

static void
aborting(void **state)
{
	assert_int_equal(
	    run(LIQUID_TEXT, "a{% if user.n > 2 %}{% abort_message "
			     "\"enough\" %}{% endif %}"),
	    LIQUID_ABORTED);
	assert_string_equal(error.text, "enough");
	assert_int_equal(out.len, 0);
	assert_int_equal(
	    run(LIQUID_TEXT, "{% abort_message('why') %}"), LIQUID_ABORTED);
	assert_string_equal(error.text, "why");
}

static void
compile_errors(void **state)
{
	static const struct row errors[] = {
	    {"{{ x | upcas }}", "no filter 'upcas': did you mean 'upcase'?"},
	    {"{% fro x in y %}", "no tag 'fro': did you mean 'for'?"},
	    {"{{ x | append }}", "append takes 1 argument, not 0"},
	    {"{{ x | truncate: 1, 'a', 2 }}", "truncate takes 0 to 2"},
	    {"{{ x y }}", "unexpected 'y'"},
	    {"{{ ${x} }}", "write {{ user.x }}"},
	    {"{% if a = b %}{% endif %}", "write '=='"},
	    {"{% if a %}", "'if' is never closed by 'endif'"},
	    {"{% if a %}{% else if b %}{% endif %}", "'elsif'"},
	    {"{% for x in y %}{% endif %}", "'endfor' is expected"},
	    {"{% endif %}", "outside of a block"},
	    {"{{ 'a }}", "the string has no end"},
	    {"{{ a", "not closed by }}"},
	    {"{{ }}", "nothing to print"},
	    {"{% render 'nope' %}", "no partial 'nope'"},
	    {"{% include 'a' %}", "cannot stand in"},
	    {"{% render 'includes' %}", "cannot stand in"},
	    {"{% include plain %}", "name of a partial"},
	    {"{% case a %}{% when 1 and 2 %}{% endcase %}", "unexpected"},
	};

	CHECK_ERRORS(LIQUID_TEXT, errors);
	assert_int_equal(run(LIQUID_TEXT, "1\n2\n  {% if a %}\n{{ x | }}"), -1);
	assert_int_equal(error.line, 4);
	assert_int_equal(error.column, 8);
	assert_int_equal(run(LIQUID_TEXT, "\n{% render 'bad' %}"), -1);
	assert_string_equal(error.file, "bad");
	assert_int_equal(error.line, 2);
}

/* What is typed by habit is told in terms of what there is. */
static void
habits_of_other_languages(void **state)
{
	static const struct row errors[] = {
	    {"{{ x | default: \u201cthere\u201d }}",
		"not '\u201c': write \" or ' around a string"},
	    {"{{ x | default: 'a' \u2019 }}", "unexpected '\u2019': write"},
	    {"{{ \u00e9 }}", "not '\u00e9'"},
	    {"{% if a && b %}{% endif %}", "'&': write `and`"},
	    {"{% if a || b %}{% endif %}", "'|': write `or`"},
	    {"{% if !a %}{% endif %}", "'!': write {% unless %}"},
	    {"{% if not a %}{% endif %}", "there is no `not`"},
	    {"{% if b and not a %}{% endif %}", "there is no `not`"},
	    {"{% if (a or b) and c %}{% endif %}", "have no parentheses"},
	    {"{% if (a == 1) %}{% endif %}", "have no parentheses"},
	    {"{{ 2 | plus 1 }}", "a colon is missing: write plus: 1"},
	    {"{{ x | default 'a' }}", "is missing: write default: 'a'"},
	    {"{% if a | upcase %}{% endif %}", "filters cannot stand here"},
	};
	static const struct row rows[] = {
	    {"{% assign not = 1 %}{% if not == 1 and not %}y{% endif %}", "y"},
	};

	CHECK_ERRORS(LIQUID_TEXT, errors);
	CHECK(LIQUID_TEXT, rows);
}

/* What a filter leaves nothing of is told where it stands, as it stands. */
static void
a_literal_without_value(void **state)
{
	assert_int_equal(
	    run(LIQUID_HTML, "a\n {{ 'go to evil.com' | plain_name }}"), -1);
	assert_int_equal(error.line, 2);
	assert_int_equal(error.column, 5);
	assert_non_null(strstr(error.text, "'go to evil.com' has no value"));
}

/* A body that begins at line 6 of its file. */
static void
lines_of_the_file(void **state)
{
	struct liquid_options options = {.name = "t.md", .first_line = 6};
	struct liquid_scope scope = {.lookup = lookup};
	struct liquid *l =
	    liquid_compile("a\n{{ missing }}", 15, &options, &error);

	assert_int_equal(liquid_render(l, &scope, &out, &error), -1);
	assert_int_equal(error.line, 7);
	liquid_free(l);
	assert_null(liquid_compile("a\n{% x %}", 9, &options, &error));
	assert_int_equal(error.line, 7);
	assert_int_equal(error.column, 4);
}

static void
partials(void **state)
{
	static const struct row rows[] = {
	    {"{% render 'row' for rows %}", "<li>one 1</li><li>two 2</li>"},
	    {"{% for row in rows %}{% include 'row' %}{% endfor %}",
		"<li>one 1</li><li>two 2</li>"},
	    {"{% for r in rows %}{% render 'row', row: r, forloop: forloop %}"
	     "{% endfor %}",
		"<li>one 1</li><li>two 2</li>"},
	    {"{% unsubscribe_url %}", "https://u.example/1"},
	};

	json_object_set_new(
	    data, "unsubscribe_url", json_string("https://u.example/1"));
	CHECK(LIQUID_HTML, rows);
	assert_int_equal(
	    run(LIQUID_TEXT, "{{ user.n }}{{ user.plan }}{% for i in (1..3) %}"
			     "{{ user.ratio }}{% endfor %}"),
	    0);
	assert_int_equal(lookups, 1);
}

static void
filters(void **state)
{
	static const struct row rows[] = {
	    {"{{ 3 | pluralize: 'item', 'items' }}", "3 items"},
	    {"{{ 1 | pluralize: 'item' }}", "1 item"},
	    {"{{ 'ada lovelace-king' | titlecase }}", "Ada Lovelace-King"},
	    {"{{ 'é ÿ ж ω ß ệ' | upcase }}", "É Ÿ Ж Ω SS Ệ"},
	    {"{{ 'ÉŽЖ' | downcase }}", "éžж"},
	    {"{{ 'a,b,c' | split: ',' | sentence }}", "a, b and c"},
	    {"{{ '  a \n b ' | squish }}", "a b"},
	    {"{{ user | json }}",
		"{\"plan\":\"free\",\"tags\":[\"x\",\"<y>\"],\"n\":3,"
		"\"ratio\":0.5}"},
	    {"{{ user.tags }} {{ rows }}",
		"x<y> {\"t\"=>\"one\"}{\"t\"=>\"two\"}"},
	    {"{{ 0.1 | plus: 0.2 }} {{ 1.1 | times: 3 }}", "0.3 3.3"},
	    {"{{ -7 | divided_by: 2 }} {{ -7 | modulo: 3 }}", "-4 2"},
	    {"{{ 7 | modulo: -3 }} {{ 2.5 | round }} {{ -2.5 | round }}",
		"-2 3 -3"},
	    {"{{ 100000000000000000.0 }} {{ 0.00001 }}", "1.0e+17 1.0e-05"},
	    {"{{ 'q<script>x</script><b>y' | strip_html }}", "qy"},
	    {"{{ 'ab' | replace: '', '-' }}", "-a-b-"},
	    {"{{ 'äöü' | slice: 1, 2 }} {{ 'äöü' | size }}", "öü 3"},
	    {"{{ 'now' | date: '%Y-%m-%d %H:%M' }}", "2026-03-27 10:00"},
	    {"{{ 'now' | date: '%H:%M %Z', 'Europe/Berlin' }}", "11:00 CET"},
	    {"{{ 'now' | time_zone: 'Asia/Tokyo' | date: '%H:%M' }}", "19:00"},
	    {"{{ '2026-01-31T09:00:00Z' | add_time: 1, 'month' }}",
		"2026-02-28T09:00:00+00:00"},
	    {"{{ '2026-03-01T09:00:00Z' | add_time: -1, 'day' }}",
		"2026-02-28T09:00:00+00:00"},
	};

	CHECK(LIQUID_VERBATIM, rows);
}

static int
test(const char *text)
{
	struct liquid_scope scope = {.lookup = lookup};
	struct liquid_condition *c = liquid_condition_compile(text, &error);
	int rc;

	assert_non_null(c);
	rc = liquid_condition_test(c, &scope, &error);
	liquid_condition_free(c);
	return rc;
}

static void
conditions(void **state)
{
	assert_int_equal(test("user.plan == 'free' and metric.tasks < 1"), 1);
	assert_int_equal(test("user.plan == 'pro' or metric.tasks > 0"), 0);
	assert_int_equal(test("missing"), 0);
	assert_int_equal(test("missing < 1"), 0);
	assert_int_equal(test("user.tags contains 'x'"), 1);
	assert_int_equal(test("true or false and false"), 1);
	assert_int_equal(test("false and false or true"), 0);
	assert_int_equal(test("user.plan < 1"), -1);
	assert_non_null(strstr(error.text, "user.plan and 1"));
	assert_null(liquid_condition_compile("a ==", &error));
	assert_null(liquid_condition_compile("a | size", &error));
	assert_null(liquid_condition_compile("", &error));
	assert_null(liquid_condition_compile("a b", &error));
	assert_int_equal(error.column, 3);
}

static void
values(void **state)
{
	struct liquid_scope scope = {.lookup = lookup};
	struct liquid_value *v = liquid_value_compile(
	    "metric.done | times: 100 | divided_by: metric.total", &error);
	json_t *result;

	assert_non_null(v);
	result = liquid_value_eval(v, &scope, &error);
	assert_int_equal(json_integer_value(result), 75);
	json_decref(result);
	liquid_value_free(v);
	v = liquid_value_compile("missing", &error);
	result = liquid_value_eval(v, &scope, &error);
	assert_true(json_is_null(result));
	json_decref(result);
	liquid_value_free(v);
	v = liquid_value_compile("user.tags | reverse", &error);
	result = liquid_value_eval(v, &scope, &error);
	assert_int_equal(json_array_size(result), 2);
	json_decref(result);
	liquid_value_free(v);
	assert_null(liquid_value_compile("a |", &error));
}

static void
add_path(void *arg, const struct liquid_path *path)
{
	buf_addf(arg, "%s:%d:%d%s ", path->text, path->line, path->column,
	    path->is_guarded ? "?" : "");
}

static void
paths(void **state)
{
	static const char source[] =
	    "{{ user.first_name | default: 'x' }}\n"
	    "{{ user.last_name }}{{ user.tags[0].name }}\n"
	    "{% if account.name %}{{ account.name }}{% endif %}"
	    "{% for r in rows %}{{ r.t }}{{ forloop.index }}{% endfor %}\n"
	    "{% assign z = q %}{{ z }}{{ user.first_name }}"
	    "{% render 'row', row: user.n %}";
	struct liquid_options options = {
	    .context = LIQUID_HTML, .partial = find_partial};
	struct liquid_condition *c;
	struct buf list = {0};
	struct liquid *l;

	l = liquid_compile(source, strlen(source), &options, &error);
	assert_non_null(l);
	liquid_paths(l, add_path, &list);
	liquid_free(l);
	assert_string_equal(buf_str(&list),
	    "user.first_name:4:29 user.last_name:2:4 user.tags:2:24 "
	    "account.name:3:7? rows:3:63? q:4:15 user.n:4:69 "
	    "forloop.index:1:20 ");
	buf_truncate(&list, 0);
	c = liquid_condition_compile("user.plan == plans[user.x]", &error);
	liquid_condition_paths(c, add_path, &list);
	liquid_condition_free(c);
	assert_string_equal(
	    buf_str(&list), "user.plan:1:1? user.x:1:20? plans:1:14? ");
	buf_free(&list);
}

/* The conformance cases, where they are at hand. */
static void
golden(void **state)
{
	const char *shared = getenv("NUDGE_SHARED");
	char path[400];
	json_t *root, *item;
	size_t i, passed = 0;

	snprintf(path, sizeof path, "%s/golden-liquid/cases.json",
	    shared != NULL ? shared : "../shared");
	if (access(path, R_OK) != 0) {
		print_message("%s is not there: skipped\n", path);
		skip();
	}
	root = json_load_file(path, 0, NULL);
	json_array_foreach(json_object_get(root, "tests"), i, item)
	{
		const char *source =
		    json_string_value(json_object_get(item, "template"));
		struct liquid_options options = {.context = LIQUID_VERBATIM};
		struct liquid_scope scope = {.undefined_is_nil = true};
		struct liquid *l;
		const char *result =
		    json_string_value(json_object_get(item, "result"));

		if (result == NULL || json_object_get(item, "data") != NULL ||
		    json_object_get(item, "templates") != NULL)
			continue; /* all of them: liquid_cases */
		buf_truncate(&out, 0);
		l = liquid_compile(source, strlen(source), &options, &error);
		if (l == NULL || liquid_render(l, &scope, &out, &error) != 0)
			fail_msg("%s: %s", source, error.text);
		assert_string_equal(buf_str(&out), result);
		liquid_free(l);
		passed++;
	}
	json_decref(root);
	assert_true(passed > 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(html),
	    cmocka_unit_test(safe_marks),
	    cmocka_unit_test(other_contexts),
	    cmocka_unit_test(names_as_links),
	    cmocka_unit_test(undefined),
	    cmocka_unit_test(aborting),
	    cmocka_unit_test(compile_errors),
	    cmocka_unit_test(habits_of_other_languages),
	    cmocka_unit_test(a_literal_without_value),
	    cmocka_unit_test(lines_of_the_file),
	    cmocka_unit_test(partials),
	    cmocka_unit_test(filters),
	    cmocka_unit_test(conditions),
	    cmocka_unit_test(values),
	    cmocka_unit_test(paths),
	    cmocka_unit_test(golden),
	};
	int failed;

	/* a NUL in data, as no JSON from a client may bring one */
	data = json_loads(DATA, JSON_ALLOW_NUL, NULL);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	json_decref(data);
	buf_free(&out);
	return failed;
}
