/* SPDX-License-Identifier: MIT */
/* Markdown and HTML to the two parts of a mail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "templates/mail/markdown.h"

static void
assert_text(const char *markdown, const char *expected)
{
	struct buf html = {0}, out = {0};

	assert_int_equal(markdown_html(markdown, strlen(markdown), &html), 0);
	html_text(buf_str(&html), html.len, &out);
	assert_string_equal(buf_str(&out), expected);
	buf_free(&html);
	buf_free(&out);
}

static void
assert_html(const char *markdown, const char *expected)
{
	struct buf out = {0};

	assert_int_equal(markdown_html(markdown, strlen(markdown), &out), 0);
	assert_string_equal(buf_str(&out), expected);
	buf_free(&out);
}

static void
assert_from_html(const char *html, const char *expected)
{
	struct buf out = {0};

	html_text(html, strlen(html), &out);
	assert_string_equal(buf_str(&out), expected);
	buf_free(&out);
}

static void
html_has_the_extensions(void **state)
{
	assert_html("Hi *you* ~~not~~ https://a.example/x\n",
	    "<p>Hi <em>you</em> <del>not</del> "
	    "<a href=\"https://a.example/x\">https://a.example/x</a></p>\n");
	assert_html("|a|\n|---|\n|b|\n",
	    "<table>\n<thead>\n<tr>\n<th>a</th>\n</tr>\n</thead>\n<tbody>\n"
	    "<tr>\n<td>b</td>\n</tr>\n</tbody>\n</table>\n");
	assert_html("", "");
}

/* As the Liquid context for Markdown writes a hostile value. */
static void
escaped_values_stay_text(void **state)
{
	assert_html("Hi \\*\\*Ada\\*\\* &lt;b&gt; \\[x\\]\\(y\\)\n",
	    "<p>Hi **Ada** &lt;b&gt; [x](y)</p>\n");
	assert_html("Hi https\\:\\/\\/evil\\.example\n",
	    "<p>Hi https://evil.example</p>\n");
	assert_text("Hi \\*\\*Ada\\*\\* &lt;b&gt; \\[x\\]\\(y\\)\n",
	    "Hi **Ada** <b> [x](y)\n");
}

static void
links_cannot_run_code(void **state)
{
	assert_html("[x](javascript:alert\\(1\\))",
	    "<p><a href=\"#javascript:alert(1)\">x</a></p>\n");
	assert_html("[x](JavaScript&#58;alert)",
	    "<p><a href=\"#JavaScript:alert\">x</a></p>\n");
	assert_html("![x](DATA:image/png;base64,AA)",
	    "<p><img src=\"#DATA:image/png;base64,AA\" alt=\"x\"></p>\n");
	assert_html("[x](https://a.example/?q=javascript:)",
	    "<p><a href=\"https://a.example/?q=javascript:\">x</a></p>\n");
	assert_html("say =\"javascript: no\"",
	    "<p>say =&quot;javascript: no&quot;</p>\n");
	assert_text("[x](javascript:alert)", "x\n");
}

static void
paragraphs_wrap_at_72(void **state)
{
	assert_text("one two three four five six seven eight nine ten eleven "
		    "twelve 34567890 thirteen\nfourteen\n\nNext",
	    "one two three four five six seven eight nine ten eleven twelve "
	    "34567890\nthirteen fourteen\n\nNext\n");
	assert_text("hard  \nbreak", "hard\nbreak\n");
}

/* The column counts characters: 36 two-octet letters and a space are 72. */
static void
columns_are_characters(void **state)
{
	static const char half[] = "ääääääääääääääääääääääääääääääääääää";
	struct buf source = {0}, expected = {0};

	buf_addf(&source, "%s %.*s", half, (int)sizeof half - 3, half);
	buf_addf(&expected, "%s\n", buf_str(&source));
	assert_text(buf_str(&source), buf_str(&expected));
	buf_free(&source);
	buf_free(&expected);
}

static void
urls_are_never_broken(void **state)
{
	assert_text("Read [all of it](https://a.example/a/very/long/path/that/"
		    "goes/on/and/on/beyond/the/width/of/a/line?with=query) now",
	    "Read all of it\n(https://a.example/a/very/long/path/that/goes/on/"
	    "and/on/beyond/the/width/of/a/line?with=query)\nnow\n");
}

static void
links_show_their_url_once(void **state)
{
	assert_text("[Start](https://a.example/s?a=1&b=2)!",
	    "Start (https://a.example/s?a=1&b=2)!\n");
	assert_text("<https://a.example/>, https://a.example/x",
	    "https://a.example/, https://a.example/x\n");
	assert_text("[me@a.example](mailto:me@a.example)", "me@a.example\n");
	assert_text("[a.example](https://a.example/)", "a.example\n");
	assert_text("[![Start](i.png)](https://a.example)",
	    "Start (https://a.example)\n");
	assert_text("[](https://a.example)", "https://a.example\n");
	assert_text("[up](#top)", "up\n");
	assert_from_html("<a href=x>a </a>b", "a (x) b\n");
}

static void
lists_hang(void **state)
{
	assert_text("- one\n- two\n  - nested\n- three\n\nEnd",
	    "- one\n- two\n  - nested\n- three\n\nEnd\n");
	assert_text(
	    "9. nine\n\n   more\n10. ten", "9. nine\n\n   more\n\n10. ten\n");
	assert_text("- a long item that must be wrapped because it is longer "
		    "than one line can be",
	    "- a long item that must be wrapped because it is longer than one "
	    "line\n  can be\n");
	assert_from_html("<ul><li>a<li>b</ul>c", "- a\n- b\n\nc\n");
	assert_from_html("<ol start=3><li>a</li></ol>", "3. a\n");
}

static void
blocks_have_their_marks(void **state)
{
	assert_text("# Title\n## Sub", "Title\n=====\n\nSub\n---\n");
	assert_text("> one\n>\n> two\n\nout", "> one\n>\n> two\n\nout\n");
	assert_text("> - a\n> - b", "> - a\n> - b\n");
	assert_text("```\nif (x)\n  y;\n```", "    if (x)\n      y;\n");
	assert_text("a\n\n***\n\nb",
	    "a\n\n----------------------------------------\n\nb\n");
	assert_text("|a|b|\n|---|---|\n|1|2|", "a | b\n1 | 2\n");
}

static void
html_of_the_author_is_read_too(void **state)
{
	assert_text("<div class=\"x\">\n<a href=\"https://a.example\">Go</a>\n"
		    "</div>",
	    "Go (https://a.example)\n");
	assert_text("Press <a href='https://a.example'>here</a><br>now",
	    "Press here (https://a.example)\nnow\n");
}

static void
entities_become_characters(void **state)
{
	assert_from_html("&lt;b&gt; &amp;amp; &quot;x&quot;&#39;&apos;",
	    "<b> &amp; \"x\"''\n");
	assert_from_html(
	    "&copy; &euml; &#x1F600; &#8364; &nbsp; x", "© ë 😀 € x\n");
	assert_from_html("&nosuch; AT&T &; &# &#0; &#xD800; R&D",
	    "&nosuch; AT&T &; &# \xef\xbf\xbd \xef\xbf\xbd R&D\n");
}

static void
html_hides_what_is_not_text(void **state)
{
	assert_from_html("a<script>if (1 < 2) '</p>'</script>"
			 "<STYLE>p { }</style ><!-- <p>no --><title>t</title>b",
	    "ab\n");
	assert_from_html("<!doctype html><html><head><meta x></head>"
			 "<body>1 < 2 <3</body></html>",
	    "1 < 2 <3\n");
	assert_from_html("<p title='a > b'>x</p><img src=x alt=\"A &amp; B\">",
	    "x\n\nA & B\n");
	assert_from_html("<table><tr><td><p>a</p></td><td><p>b</p></td></tr>"
			 "</table>c",
	    "a\n\nb\n\nc\n");
}

static void
html_hides_what_is_not_shown(void **state)
{
	assert_from_html("<div style=\"color:#fff; Display : NONE\">"
			 "<div>see</div> <b title='</div>'>this</b></div>a",
	    "a\n");
	assert_from_html(
	    "<p hidden>a</p><p HIDDEN=''>b 1 < 2</p><p>c</p>", "c\n");
	assert_from_html("<p>a <span style='visibility:hidden'>b</span>c<img "
			 "style=display:none src=x alt=y><br hidden>d</p>",
	    "a cd\n");
	assert_from_html(
	    "<p data-hidden title=hidden style='display:block'>a", "a\n");
	assert_from_html("<b hidden>a<b>b</b>", "");
}

static void
images_that_are_links_stay_apart(void **state)
{
	assert_from_html("<a href=https://b.example><img src=b></a>"
			 "<a href=https://c.example><img src=c></a>now",
	    "https://b.example https://c.example now\n");
	assert_from_html("x<a href=https://b.example><img alt=B></a>"
			 "<a href=https://c.example><img alt=C></a>.",
	    "xB (https://b.example) C (https://c.example).\n");
}

static void
html_that_is_not_closed_ends(void **state)
{
	assert_from_html("a<script>b", "a\n");
	assert_from_html("a<!-- b", "a\n");
	assert_from_html("a<b title=\"", "a\n");
	assert_from_html("a<", "a<\n");
	assert_from_html("</li></ul></blockquote></pre>a", "a\n");
	assert_from_html("<a href=x>a", "a (x)\n");
}

/* Nesting without end neither overruns nor multiplies the output. */
static void
depth_is_bounded(void **state)
{
	static const char *const opening[] = {"<ul><li>", "<blockquote>x",
	    "<ol start=999999999><li>y", "<a href=z>", "<pre>", "<table><td>",
	    "<b hidden><<", "<a href=z></a><"};
	struct buf html = {0}, out = {0};

	for (size_t i = 0; i < sizeof opening / sizeof *opening; i++) {
		for (int n = 0; n < 20000; n++)
			buf_adds(&html, opening[i]);
		html_text(buf_str(&html), html.len, &out);
		assert_true(out.len < 100 * 20000);
		buf_free(&html);
		buf_free(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(html_has_the_extensions),
	    cmocka_unit_test(escaped_values_stay_text),
	    cmocka_unit_test(links_cannot_run_code),
	    cmocka_unit_test(paragraphs_wrap_at_72),
	    cmocka_unit_test(columns_are_characters),
	    cmocka_unit_test(urls_are_never_broken),
	    cmocka_unit_test(links_show_their_url_once),
	    cmocka_unit_test(lists_hang),
	    cmocka_unit_test(blocks_have_their_marks),
	    cmocka_unit_test(html_of_the_author_is_read_too),
	    cmocka_unit_test(entities_become_characters),
	    cmocka_unit_test(html_hides_what_is_not_text),
	    cmocka_unit_test(html_hides_what_is_not_shown),
	    cmocka_unit_test(images_that_are_links_stay_apart),
	    cmocka_unit_test(html_that_is_not_closed_ends),
	    cmocka_unit_test(depth_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
