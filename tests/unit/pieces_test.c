/* SPDX-License-Identifier: MIT */
/*
 * Texts that are partly the author's and partly data: escaped where they are
 * printed, compared and cut as what they say. And values in Markdown, up to
 * the page that a reader sees.
 */
#include "tests/unit/liquid_fixture.h"
#include "templates/mail/markdown.h"

static const char *
partial(void *arg, const char *name, size_t *len)
{
	return NULL;
}

static void
prepare(void)
{
	json_decref(data);
	data = json_pack("{s:s,s:s,s:s,s:s,s:s,s:[s,s]}", "name",
	    "O'Neil & <b>", "plan", "pro_plus", "app", "https://a.example",
	    "js", "javascript:x", "q", "a&admin=1", "list", "<1>", "2");
}

static void
printed_for_their_place(void **state)
{
	static const struct row html[] = {
	    {"{{ name | append: '<br>' }}", "O&#39;Neil &amp; &lt;b&gt;<br>"},
	    {"{{ name | append: ' ' | append: name | size }}", "25"},
	    {"{{ name | prepend: '<i>' | upcase }}",
		"&lt;I&gt;O&#39;NEIL &amp; &lt;B&gt;"},
	    {"{{ name | append: ' <br> ' | strip }}|",
		"O&#39;Neil &amp; &lt;b&gt; <br>|"},
	    {"{{ name | replace: '&', '<br>' }}", "O&#39;Neil <br> &lt;b&gt;"},
	    {"{{ '<br>' | replace: 'r', name }}",
		"<bO&#39;Neil &amp; &lt;b&gt;>"},
	    {"{{ name | escape | append: '<br>' | replace: 'O', '<o>' }}",
		"<o>&#39;Neil &amp; &lt;b&gt;<br>"},
	    {"{{ list | join: '<br>' }} {{ list | join: js }}",
		"&lt;1&gt;<br>2 &lt;1&gt;javascript:x2"},
	    {"{{ name | escape | raw }} {{ name | append: '<' | raw }}",
		"O&#39;Neil &amp; &lt;b&gt; O&#39;Neil &amp; &lt;b&gt;<"},
	    {"<a href=\"{{ app | append: '/?q=' | append: q }}\">",
		"<a href=\"https://a.example/?q=a%26admin%3D1\">"},
	    {"<a href=\"{{ 'https://b/' | append: q }}\">",
		"<a href=\"https://b/a&amp;admin=1\">"},
	    {"<a href=\"{{ js | append: '/x' }}\">", "<a href=\"#/x\">"},
	    {"<a title=\"{{ name | append: '<\"' }}\">",
		"<a title=\"O&#39;Neil &amp; &lt;b&gt;&lt;&quot;\">"},
	    {"<a href=\"https://x/?{{ q | append: '!' }}\">",
		"<a href=\"https://x/?a%26admin%3D1!\">"},
	};
	static const struct row text[] = {
	    {"{{ name | append: '<br>' }} {{ list | join: ', ' }}",
		"O'Neil & <b><br> <1>, 2"}};
	static const struct row json[] = {
	    {"{{ 'a\"' | append: '\"b' | append: name }}",
		"a\\\"\\\"bO'Neil & <b>"},
	    {"{% capture c %}[\"{{ 'x\"' }}\"]{% endcapture %}{{ c }}",
		"[\"x\\\"\"]"}};
	static const struct row slack[] = {
	    {"{{ name | escape }} {{ name | append: '<x>' }}",
		"O'Neil &amp; &lt;b&gt; O'Neil &amp; &lt;b&gt;<x>"}};
	static const struct row header[] = {
	    {"{{ name | escape }}", "O'Neil & <b>"}};

	prepare();
	CHECK(LIQUID_HTML, html);
	CHECK(LIQUID_TEXT, text);
	CHECK(LIQUID_JSON, json);
	CHECK(LIQUID_SLACK, slack);
	CHECK(LIQUID_HEADER, header);
}

#define PLAN "{% capture p %}{{ plan }}{% endcapture %}"
#define LINK "{% capture l %} {{ app }}/?q={{ q }} {% endcapture %}"

static void
captures(void **state)
{
	static const struct row both[] = {
	    {PLAN "{% if p == 'pro_plus' %}same{% endif %}", "same"},
	    {PLAN "{{ p | sha256 | slice: 0, 8 }}", "57875c8d"},
	    {PLAN "{{ p | size }} {{ p | upcase | split: '_' | first }}",
		"8 PRO"},
	    {LINK "<a href=\"{{ l }}\">",
		"<a href=\"https://a.example/?q=a%26admin%3D1\">"},
	    {"{% capture a %}<a href=\"{{ js }}\">x</a>{% endcapture %}{{ a }}",
		"<a href=\"#\">x</a>"},
	    {"{% capture a %}{{ app }}{% endcapture %}{% capture b %}<a "
	     "href=\"{{ a }}\">{% endcapture %}{{ b }}",
		"<a href=\"https://a.example\">"},
	    {"{% capture a %}1{% ifchanged %}{{ plan }}{% endifchanged %}"
	     "{% ifchanged %}{{ plan }}{% endifchanged %}2{% endcapture %}"
	     "{{ a | size }}",
		"10"},
	};
	static const struct row html[] = {
	    {"{% capture a %}<b>{{ name }}</b>{% endcapture %}{{ a }}{{ a | "
	     "size }}",
		"<b>O&#39;Neil &amp; &lt;b&gt;</b>19"},
	    {"{% capture a %} <b>{{ name }}</b>\n{% endcapture %}{{ a | strip "
	     "}}{{ a | escape }}",
		"<b>O&#39;Neil &amp; &lt;b&gt;</b> "
		"<b>O&#39;Neil &amp; &lt;b&gt;</b>\n"},
	    {"{% capture a %}{{ name | escape_once }}{{ list | join: '<br>' }}"
	     "{% endcapture %}{{ a }}",
		"O&#39;Neil &amp; &lt;b&gt;&lt;1&gt;<br>2"},
	};
	static const struct row markdown[] = {
	    {LINK "[go]({{ l }})", "[go](https://a.example/?q=a%26admin%3D1)"},
	    {"[go]({{ app | append: '/start' }}) [x]({{ app | escape }})",
		"[go](https://a.example/start) [x](https://a.example)"},
	    {PLAN "*{{ p | append: '*' }}", "*pro\\_plus*"},
	};

	prepare();
	CHECK(LIQUID_HTML, both);
	CHECK(LIQUID_MARKDOWN, both);
	CHECK(LIQUID_HTML, html);
	CHECK(LIQUID_MARKDOWN, markdown);
}

/* What a reader of the mail has before him. */
static void
assert_page(const char *source, const char *value, const char *expected)
{
	struct buf html = {0};

	json_object_set_new(data, "v", json_string(value));
	assert_int_equal(run(LIQUID_MARKDOWN, source), 0);
	assert_int_equal(markdown_html(buf_str(&out), out.len, &html), 0);
	assert_string_equal(buf_str(&html), expected);
	buf_free(&html);
}

static void
values_bring_no_markdown(void **state)
{
	static const char evil[] =
	    "Q\n# Go [x](https://e.example)\n\n![i](https://e.example/i)";

	prepare();
	assert_page("<img src=\"https://a.example/x.png\" alt=\"{{ v }}\">\n",
	    evil,
	    "<img src=\"https://a.example/x.png\" alt=\"Q # Go "
	    "[x](https://e.example)  ![i](https://e.example/i)\">\n");
	assert_page("{{ v }}\n", evil,
	    "<p>Q\n# Go [x](https://e.example)</p>\n"
	    "<p>![i](https://e.example/i)</p>\n");
	assert_page("<td>{{ v }}</td>\n", "Initech, Inc. <b>_x_ & \"y\"",
	    "<td>Initech, Inc. &lt;b&gt;_x_ &amp; &quot;y&quot;</td>\n");
	assert_page("`{{ v }}`\n", "sk_live_`x`*",
	    "<p><code>sk_live_`x`*</code></p>\n");
	assert_page("```\ncurl {{ v }}\n```\n", "https://e.example/?a=<b>\n```",
	    "<pre><code>curl https://e.example/?a=&lt;b&gt;\n```\n"
	    "</code></pre>\n");
	assert_page("**{{ v }}**s [{{ v }}](https://a \"{{ v }}\")\n",
	    "(a)](\"",
	    "<p><strong>(a)](&quot;</strong>s <a href=\"https://a\" "
	    "title=\"(a)](&quot;\">(a)](&quot;</a></p>\n");
	assert_page("{{ v }}\n", "1. x", "<p>1. x</p>\n");
	assert_page("{{ v }}\n",
	    "\xee\x80\xbc"
	    "b>",
	    "<p>&lt;b&gt;</p>\n");
}

/* The tags of a page by their names, and nothing else. */
static char *
skeleton(const char *source, const char *value)
{
	struct buf html = {0}, tags = {0};

	json_object_set_new(data, "v", json_string(value));
	if (run(LIQUID_MARKDOWN, source) != 0)
		return NULL;
	assert_int_equal(markdown_html(buf_str(&out), out.len, &html), 0);
	for (const char *p = buf_str(&html); (p = strchr(p, '<')) != NULL; p++)
		buf_add(&tags, p,
		    1 + strspn(p + 1, "/abcdefghijklmnopqrstuvwxyz123456"));
	buf_free(&html);
	return buf_str(&tags)[0] == '\0' ? xstrdup("") : buf_steal(&tags);
}

/* Wherever a value stands, but for a URL that has no end, it makes no tag. */
static void
values_bring_no_tags(void **state)
{
	static const char *const parts[] = {"{{ v }}", "{{ v }}", "{{ v }}",
	    "# ", "`", "``", "```\n", "<td>", "</td>", "<img alt=\"{{ v }}\">",
	    "<a href='{{ v }}'>", "</a>", "[", "]({{ v }})", ")", "| ",
	    "|---|---|\n", "\n", "\n", "\n\n", "- ", "1. ", "> ", "    ", "x ",
	    " https://a.example/{{ v }} ", "&", "\\", "===", "![", "\""};
	static const char *const values[] = {"](https://e.example) ![i](x",
	    "\"><img src='https://e.example'>", "'><a href=x>", "` <b> ``` ~~~",
	    "# x", "- x", "1. x", "| a | b |", "<b>x</b>",
	    "<https://e.example>", "&lt;&#60;b&#62;",
	    "[x]: https://e.example \"t\"", "\\`\\<b>\\", "-->",
	    "===", "    x"};
	char source[400];
	int same = 0;

	srand(1);
	prepare();
	for (int i = 0; i < 20000; i++) {
		const char *value =
		    values[rand() % (int)(sizeof values / sizeof *values)];
		char *plain, *hostile;

		source[0] = '\0';
		for (int n = 2 + rand() % 14; n > 0; n--)
			strcat(source, parts[rand() % (int)(sizeof parts /
							    sizeof *parts)]);
		plain = skeleton(source, "xy");
		hostile = skeleton(source, value);
		if (plain != NULL && hostile != NULL &&
		    strlen(hostile) > strlen(plain))
			fail_msg(
			    "%s\n%s\n%s\n%s", source, value, plain, hostile);
		same += plain != NULL && strstr(source, "{{") != NULL;
		free(plain);
		free(hostile);
	}
	assert_true(same > 5000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(printed_for_their_place),
	    cmocka_unit_test(captures),
	    cmocka_unit_test(values_bring_no_markdown),
	    cmocka_unit_test(values_bring_no_tags),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	json_decref(data);
	buf_free(&out);
	return failed;
}
