/* SPDX-License-Identifier: MIT */
/* A folder of messages: what loads, what is refused, what comes out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "templates/templates.h"
#include "tests/unit/folder.h"

/* Of each test, beside its folder; the messages are in `templates` there. */
struct workspace {
	struct problems problems;
	struct templates *set;
	json_t *scope;
};

static int
setup(void **state)
{
	static struct workspace w;

	w = (struct workspace){0};
	folder_make();
	w.scope =
	    json_loads("{\"user\": {\"first_name\": \"Ada\", \"evil\": "
		       "\"<b>*x* & [y](z)\","
		       "  \"empty\": null, \"tags\": [1, \"<\"]},"
		       " \"metric\": {\"tasks\": 3, \"is_done\": true},"
		       " \"app_url\": \"https://app.example/\","
		       " \"postal_address\": \"1 Main Street\","
		       " \"unsubscribe_url\": \"https://app.example/u/abc_d\"}",
		0, NULL);
	assert_non_null(w.scope);
	*state = &w;
	return 0;
}

static int
teardown(void **state)
{
	struct workspace *w = *state;

	templates_free(w->set);
	problems_free(&w->problems);
	json_decref(w->scope);
	folder_drop();
	return 0;
}

static void
put(const char *name, const char *text)
{
	char path[100];

	snprintf(path, sizeof path, "templates/%s", name);
	write_file(path, text);
}

static void
load(struct workspace *w)
{
	w->set = templates_load(path_of("templates"), &w->problems);
}

static void
assert_problem(const struct workspace *w, int i, const char *expected)
{
	char text[800];

	assert_in_range(i, 0, w->problems.count - 1);
	assert_string_equal(
	    error_string(&w->problems.list[i].at, text, sizeof text), expected);
}

static void
load_clean(struct workspace *w)
{
	load(w);
	if (w->problems.count > 0)
		assert_problem(w, 0, "no problem");
}

static json_t *
lookup(void *arg, const char *name)
{
	return json_object_get(arg, name);
}

static struct liquid_scope
scope_of(struct workspace *w)
{
	return (struct liquid_scope){
	    .lookup = lookup, .arg = w->scope, .now_ms = 1767603600000};
}

static struct email
render(struct workspace *w, const char *name, const char *locale)
{
	const struct template *t = templates_find(w->set, name, locale);
	struct liquid_scope scope = scope_of(w);
	struct email m;
	struct error e = {0};

	assert_non_null(t);
	if (template_render_email(t, &scope, &m, &e) != 0)
		assert_string_equal(e.text, "");
	return m;
}

static void
assert_document(struct workspace *w, const char *name, const char *expected)
{
	const struct template *t = templates_find(w->set, name, NULL);
	struct liquid_scope scope = scope_of(w);
	struct buf json = {0};
	struct error e = {0};

	assert_non_null(t);
	if (template_render_document(t, &scope, &json, &e) != 0)
		assert_string_equal(e.text, "");
	assert_string_equal(buf_str(&json), expected);
	buf_free(&json);
}

/* ---------------------------------------------------------------- emails */

static void
a_mail_with_everything(void **state)
{
	struct workspace *w = *state;
	const struct template_info *info;
	struct email m;

	put("layouts/default.html",
	    "<title>{{ subject }}</title><i>{{ preheader }}</i>\n"
	    "{{ content }}<a href=\"{{ unsubscribe_url }}\">Stop</a>\n");
	put("partials/bye.liquid", "Bye, {{ from }}");
	put("welcome.md",
	    "Subject: Hi {{ user.first_name | default: \"there\" }},\n"
	    "  welcome\n"
	    "Preheader: R&D takes two minutes\n"
	    "from: Acme <a@acme.example>\r\n"
	    "Reply-To: help@acme.example\n"
	    "Topic: onboarding\n"
	    "Tags: welcome, first upsell\n"
	    "Unsure: hold\n"
	    "\n"
	    "Hi {{ user.evil }}\n\n"
	    "[Start]({{ app_url }}start)\n\n"
	    "{% render \"bye\", from: \"us\" %}\n");
	load_clean(w);
	info = template_info(templates_find(w->set, "welcome", "de"));
	assert_string_equal(info->name, "welcome");
	assert_string_equal(info->file, "templates/welcome.md");
	assert_string_equal(info->channel, "email");
	assert_string_equal(info->topic, "onboarding");
	assert_string_equal(info->tags[2], "upsell");
	assert_null(info->tags[3]);
	assert_true(info->unsure_hold);
	m = render(w, "welcome", NULL);
	assert_string_equal(buf_str(&m.subject), "Hi Ada, welcome");
	assert_string_equal(buf_str(&m.preheader), "R&D takes two minutes");
	assert_string_equal(buf_str(&m.from), "Acme <a@acme.example>");
	assert_string_equal(buf_str(&m.reply_to), "help@acme.example");
	assert_string_equal(buf_str(&m.html),
	    "<title>Hi Ada, welcome</title><i>R&amp;D takes two minutes</i>\n"
	    "<p>Hi &lt;b&gt;*x* &amp; [y](z)</p>\n"
	    "<p><a href=\"https://app.example/start\">Start</a></p>\n"
	    "<p>Bye, us</p>\n"
	    "<a href=\"https://app.example/u/abc_d\">Stop</a>\n");
	assert_string_equal(buf_str(&m.text),
	    "Hi <b>*x* & [y](z)\n\n"
	    "Start (https://app.example/start)\n\n"
	    "Bye, us\n\n"
	    "-- \n"
	    "1 Main Street\n"
	    "Unsubscribe: https://app.example/u/abc_d\n");
	email_free(&m);
}

static void
html_mails_escape_for_html(void **state)
{
	struct workspace *w = *state;
	struct email m;

	put("note.html",
	    "Subject: Note\n\n<h1>Hi {{ user.evil }}</h1>\n<p>x</p>\n");
	load_clean(w);
	m = render(w, "note", NULL);
	assert_string_equal(buf_str(&m.html),
	    "<h1>Hi &lt;b&gt;*x* &amp; [y](z)</h1>\n<p>x</p>\n");
	assert_string_equal(buf_str(&m.text),
	    "Hi <b>*x* & [y](z)\n==================\n\nx\n\n"
	    "-- \n1 Main Street\n"
	    "Unsubscribe: https://app.example/u/abc_d\n");
	email_free(&m);
}

/* Only a message with a topic has the link; a body may offer it by itself. */
static void
the_footer_adds_what_is_missing(void **state)
{
	struct workspace *w = *state;
	struct email m;

	put("own.md", "Subject: x\nTopic: t\n\n"
		      "[Stop]({{ unsubscribe_url }})\n");
	load_clean(w);
	m = render(w, "own", NULL);
	assert_string_equal(buf_str(&m.text),
	    "Stop (https://app.example/u/abc_d)\n\n-- \n1 Main Street\n");
	email_free(&m);
	json_object_del(w->scope, "postal_address");
	m = render(w, "own", NULL);
	assert_string_equal(
	    buf_str(&m.text), "Stop (https://app.example/u/abc_d)\n");
	email_free(&m);
}

static void
layouts_are_chosen(void **state)
{
	struct workspace *w = *state;
	struct email m;

	put("layouts/default.html", "D{{ content }}");
	put("layouts/plain.html", "P{{ content }}");
	put("a.md", "Subject: x\n\na");
	put("b.md", "Subject: x\nLayout: plain\n\nb");
	put("c.md", "Subject: x\nLayout: none\nPreheader: <now>\n\nc");
	load_clean(w);
	m = render(w, "a", NULL);
	assert_string_equal(buf_str(&m.html), "D<p>a</p>\n");
	email_free(&m);
	m = render(w, "b", NULL);
	assert_string_equal(buf_str(&m.html), "P<p>b</p>\n");
	email_free(&m);
	m = render(w, "c", NULL);
	assert_string_equal(buf_str(&m.html),
	    "<div style=\"display:none;max-height:0;overflow:hidden\">"
	    "&lt;now&gt;</div>\n<p>c</p>\n");
	email_free(&m);
}

static void
locales_fall_back(void **state)
{
	struct workspace *w = *state;
	static const struct {
		const char *asked, *given;
	} cases[] = {{NULL, ""}, {"", ""}, {"de", "de"}, {"de-AT", "de-AT"},
	    {"de_AT", "de-AT"}, {"DE-at", "de-AT"}, {"de-CH", "de"},
	    {"fr-CA", ""}, {"zh-Hant-TW", "zh-Hant"}, {"zh", ""}, {"-", ""},
	    {"a-very-long-locale-that-nobody-ever-had-anywhere", ""}};

	put("a.md", "Subject: x\n\na");
	put("a.de.md", "Subject: x\n\na");
	put("a.de_AT.html", "Subject: x\n\na");
	put("a.zh-Hant.md", "Subject: x\n\na");
	put("b.json", "{\"body\": {}}");
	load_clean(w);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_string_equal(
		    template_info(templates_find(w->set, "a", cases[i].asked))
			->locale,
		    cases[i].given);
	assert_null(templates_find(w->set, "c", NULL));
	assert_string_equal(templates_names(w->set)[0], "a");
	assert_string_equal(templates_names(w->set)[1], "b");
	assert_null(templates_names(w->set)[2]);
}

/* The variant's language, in the person's own way of it. */
static void
dates_are_in_the_templates_language(void **state)
{
	struct workspace *w = *state;
	static const struct {
		const char *person, *template, *date;
	} cases[] = {{"de-CH", "de", "März 1’000"}, {"fr", "de", "März 1.000"},
	    {"de", NULL, "März 1.000"}, {"xx", NULL, "March 1,000"},
	    {NULL, "de", "März 1.000"}, {"den", "de", "März 1.000"}};

	put("a.md", "Subject: {{ '2026-03-01' | date: '%B' }}\n\nx");
	put("a.de.md",
	    "Subject: {{ '2026-03-01' | date: '%B' }} {{ 1000 | number }}\n\n"
	    "x");
	put("b.md",
	    "Subject: {{ '2026-03-01' | date: '%B' }} {{ 1000 | number }}\n\n"
	    "x");
	load_clean(w);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct email m;
		json_t *user = json_object_get(w->scope, "user");

		json_object_del(user, "locale");
		if (cases[i].person != NULL)
			json_object_set_new(
			    user, "locale", json_string(cases[i].person));
		m = render(w, cases[i].template != NULL ? "a" : "b",
		    cases[i].template);
		assert_string_equal(buf_str(&m.subject), cases[i].date);
		email_free(&m);
	}
}

/* One without a locale is in the language that the workspace says. */
static void
those_without_a_locale_have_the_workspaces(void **state)
{
	struct workspace *w = *state;
	struct templates_options german = {.locale = "de"};
	static const char *const people[][2] = {{"en", "März 1.000"},
	    {"de-CH", "März 1’000"}, {"fr", "März 1.000"}};

	put("a.md", "Subject: {{ '2026-03-01' | date: '%B' }} "
		    "{{ 1000 | number }}\n\nx");
	w->set =
	    templates_load_with(path_of("templates"), &german, &w->problems);
	for (size_t i = 0; i < sizeof people / sizeof *people; i++) {
		struct email m;

		json_object_set_new(json_object_get(w->scope, "user"), "locale",
		    json_string(people[i][0]));
		m = render(w, "a", NULL);
		assert_string_equal(buf_str(&m.subject), people[i][1]);
		email_free(&m);
	}
}

/* A mail without a subject, or from nobody in particular, is held. */
static void
headers_that_values_spoil(void **state)
{
	struct workspace *w = *state;
	static const struct {
		const char *from, *reply_to, *error;
	} cases[] = {{"", "", NULL}, {"Bo at Acme", "", NULL},
	    {"Bö <bo@acme.example>", "h@b\u00fccher.example", NULL},
	    {"a@b.example, c@d.example", "",
		"2:7: \"a@b.example, c@d.example\""
		" cannot stand in From"},
	    {"Bo <bo>", "", "2:7: \"Bo <bo>\" cannot stand in From"},
	    {"", "not an address",
		"3:11: \"not an address\" cannot stand in Reply-To"},
	    {"", "a@b", "3:11: \"a@b\" cannot stand in Reply-To"}};
	struct liquid_scope scope = scope_of(w);
	struct error e = {0};
	struct email m;
	char text[300];

	put("a.md", "Subject: x\nFrom: {{ user.from }}\n"
		    "Reply-To: {{ user.reply }}\n\nx");
	put("b.md", "Tags: x\nSubject: {{ user.from }} {{ user.reply }}\n\nx");
	load_clean(w);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		json_t *user = json_object_get(w->scope, "user");

		json_object_set_new(user, "from", json_string(cases[i].from));
		json_object_set_new(
		    user, "reply", json_string(cases[i].reply_to));
		if (cases[i].error == NULL) {
			m = render(w, "a", NULL);
			email_free(&m);
			continue;
		}
		assert_int_equal(
		    template_render_email(
			templates_find(w->set, "a", NULL), &scope, &m, &e),
		    -1);
		assert_string_equal(error_string(&e, text, sizeof text) +
					strlen("templates/a.md:"),
		    cases[i].error);
	}
	json_object_set_new(
	    json_object_get(w->scope, "user"), "reply", json_string(" "));
	assert_int_equal(template_render_email(
			     templates_find(w->set, "b", NULL), &scope, &m, &e),
	    -1);
	assert_string_equal(error_string(&e, text, sizeof text),
	    "templates/b.md:2:10: \"\" cannot stand in Subject");
}

static void
header_mistakes_are_named(void **state)
{
	struct workspace *w = *state;

	put("a.md", "Subjekt: x\nTags: a\ntags: b\nUnsure: maybe\n"
		    "Layout: defautl\n\nbody");
	put("b.md", "Subject: x\nno header\n");
	put("c.md", "Subject: \xff\n\nx");
	put("layouts/default.html", "{{ content }}");
	put("layouts/empty.html", "nothing");
	load(w);
	assert_problem(w, 0,
	    "templates/layouts/empty.html: a layout must write {{ content }}");
	assert_problem(w, 1,
	    "templates/a.md:1:1: there is no header "
	    "\"Subjekt\"; is \"Subject\" meant?");
	assert_problem(
	    w, 2, "templates/a.md:3:1: the header \"Tags\" is here twice");
	assert_problem(
	    w, 3, "templates/a.md:4:1: Unsure is \"retry\" or \"hold\"");
	assert_problem(w, 4,
	    "templates/a.md:5:1: there is no "
	    "layouts/defautl.html; is \"default\" meant?");
	assert_problem(w, 5, "templates/a.md:1:1: an email needs a Subject");
	assert_problem(w, 6,
	    "templates/b.md:2:1: a header line (Key: value) is expected, or "
	    "the empty line that ends them");
	assert_problem(w, 7,
	    "templates/b.md:3:1: the body is missing: it "
	    "begins after an empty line");
	assert_problem(w, 8, "templates/c.md:1:1: the file is not UTF-8");
	assert_int_equal(w->problems.count, 9);
	assert_int_equal(w->problems.errors, 9);
}

static void
names_must_be_one_template_each(void **state)
{
	struct workspace *w = *state;

	put("a.md", "Subject: x\n\nx");
	put("a.html", "Subject: x\n\nx");
	put("b.de.md", "Subject: x\n\nx");
	put("c.md", "Subject: x\n\nx");
	put("c.final.md", "Subject: x\n\nx");
	put("notes.txt", "not a template");
	put(".hidden.md", "nor this");
	load(w);
	assert_problem(w, 0,
	    "templates/c.final.md: \"final\" is not a locale "
	    "(NAME.de.md, NAME.de-AT.md)");
	assert_int_equal(w->problems.errors, 3);
	assert_non_null(
	    strstr(w->problems.list[1].at.text, "the same name as"));
	assert_problem(w, 2,
	    "templates/b.de.md: there is no \"b\" without a "
	    "locale beside it");
}

static void
lines_are_those_of_the_file(void **state)
{
	struct workspace *w = *state;
	struct liquid_scope scope = scope_of(w);
	struct email m;
	struct error e;

	put("a.md", "Subject: x\n\none\ntwo {{ user.nothing }}\n");
	put("b.md", "Tags: t\nSubject: {{ | }}\n\nx");
	load(w);
	assert_int_equal(w->problems.errors, 1);
	assert_string_equal(w->problems.list[0].at.file, "templates/b.md");
	assert_int_equal(w->problems.list[0].at.line, 2);
	assert_int_equal(template_render_email(
			     templates_find(w->set, "a", NULL), &scope, &m, &e),
	    -1);
	assert_string_equal(e.file, "templates/a.md");
	assert_int_equal(e.line, 4);
	assert_int_equal(e.column, 8);
	assert_non_null(strstr(e.text, "user.nothing"));
	assert_null(m.subject.data);
}

/* A held message says where, in the file that somebody can open. */
static void
places_are_those_of_the_files(void **state)
{
	static const struct {
		const char *name, *place;
	} rows[] = {
	    {"a", "templates/a.md:2:20: "},
	    {"b", "templates/partials/p.liquid:2:4: "},
	    {"c", "templates/layouts/l.html:1:17: "},
	    {"d", "templates/d.json:2:18: "},
	    {"e", "templates/partials/p.liquid:2:4: "},
	    {"f", "templates/f.md:3:8: "},
	};
	struct workspace *w = *state;
	struct liquid_scope scope = scope_of(w);

	put("partials/p.liquid", "\n{{ nothing }}");
	put("layouts/l.html", "{{ content }}{{ nothing }}");
	put("a.md", "Tags: t\nSubject:  Hello {{ nothing }}\n\nx");
	put("b.md", "Subject: x\n\n{% render 'p' %}");
	put("c.md", "Subject: x\nLayout: l\n\nx");
	put("d.json",
	    "{ \"body\":\n [ \"x\", { \"y\\n\": \"\\n{{ nothing }}\" } ] }");
	put("e.json", "{ \"body\": \"{% render 'p' %}\" }");
	put("f.md", "Subject: x\n\n{% if 'a' < 1 %}{% endif %}");
	load_clean(w);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct template *t =
		    templates_find(w->set, rows[i].name, NULL);
		struct buf json = {0};
		struct email m;
		struct error e;
		char text[700];

		assert_int_equal(
		    template_info(t)->kind == TEMPLATE_EMAIL
			? template_render_email(t, &scope, &m, &e)
			: template_render_document(t, &scope, &json, &e),
		    -1);
		error_string(&e, text, sizeof text);
		if (strncmp(text, rows[i].place, strlen(rows[i].place)) != 0)
			fail_msg("%s is not at %s", text, rows[i].place);
		buf_free(&json);
	}
}

static void
raw_values(void **state)
{
	const struct templates_options options = {.forbids_raw = true};
	struct workspace *w = *state;

	put("a.md",
	    "Subject: x\n\n{{ product_name | raw }}\n"
	    "Hi {{ event.note | raw }}{{ user.x | upcase | raw | size }}");
	load(w);
	assert_int_equal(w->problems.errors, 0);
	assert_int_equal(w->problems.count, 2);
	assert_string_equal(w->problems.list[0].rule, "raw-value");
	assert_problem(w, 0,
	    "templates/a.md:4:7: {{ event.note | raw }} lets out any markup "
	    "that somebody sent: leave `raw` out, or take the tags off with "
	    "`strip_html`");
	problems_free(&w->problems);
	w->problems = (struct problems){0};
	templates_free(w->set);
	w->set =
	    templates_load_with(path_of("templates"), &options, &w->problems);
	assert_int_equal(w->problems.errors, 1);
	assert_problem(w, 0,
	    "templates/a.md:3:19: raw is not allowed in this workspace "
	    "(\"allow_raw\" in nudge.json)");
}

static void
lint_warns(void **state)
{
	struct workspace *w = *state;

	put("layouts/default.html", "{{ content }}");
	put("a.md", "Subject: x\nTopic: t\n\nHi {{ user.first_name }}");
	put("b.md", "Subject: x\n\nHi {{ user.first_name | default: '' }}"
		    "{{ user.plan | default: '' }}{{ metric.tasks }}");
	load(w);
	assert_int_equal(w->problems.errors, 0);
	assert_int_equal(w->problems.count, 2);
	assert_string_equal(w->problems.list[0].rule, "plain-greeting");
	assert_int_equal(w->problems.list[0].at.line, 4);
	assert_string_equal(w->problems.list[1].rule, "unsubscribe-link");
	assert_problem(w, 1,
	    "templates/a.md:2:1: a mail with a topic needs {{ unsubscribe_url "
	    "}}: neither its body nor the layout \"default\" has it");
}

static void
aborting_skips(void **state)
{
	struct workspace *w = *state;
	struct liquid_scope scope = scope_of(w);
	struct email m;
	struct error e;

	put("a.md",
	    "Subject: x\n\n{% abort_message \"has finished already\" %}");
	load_clean(w);
	assert_int_equal(template_render_email(
			     templates_find(w->set, "a", NULL), &scope, &m, &e),
	    LIQUID_ABORTED);
	assert_string_equal(e.text, "has finished already");
}

static void
note_path(void *arg, const struct liquid_path *path)
{
	buf_addf(arg, "%s ", path->text);
}

static void
paths_cover_all_parts(void **state)
{
	struct workspace *w = *state;
	struct buf paths = {0};

	put("layouts/default.html", "{{ subject }}{{ content }}{{ site }}");
	put("a.md", "Subject: {{ metric.tasks }}\n\n{{ app_url }}");
	put("b.json", "{\"body\": [\"{{ metric.seats }}\"]}");
	load_clean(w);
	template_paths(templates_find(w->set, "a", NULL), note_path, &paths);
	template_paths(templates_find(w->set, "b", NULL), note_path, &paths);
	assert_string_equal(
	    buf_str(&paths), "metric.tasks app_url site metric.seats ");
	buf_free(&paths);
}

/* ------------------------------------------------------------- documents */

static void
documents_keep_their_shape(void **state)
{
	struct workspace *w = *state;

	json_object_set_new(w->scope, "quote",
	    json_string("\", \"admin\": true, \"x\": \"\n{{ app_url }}"));
	put("a.json",
	    "{\"channel\": \"in-app\", \"topic\": \"tips\", \"tags\": "
	    "[\"t\"],\n"
	    " \"unsure\": \"hold\",\n"
	    " \"body\": {\"text\": \"Hi {{ user.evil }}, {{ quote }}\",\n"
	    "   \"n\": \"{{ metric.tasks }}\", \"s\": \"n={{ metric.tasks "
	    "}}\",\n"
	    "   \"b\": \"{{- metric.is_done -}}\", \"l\": \"{{ user.tags "
	    "}}\",\n"
	    "   \"z\": \"{{ user.empty | default: 0 }}\", \"{{ k }}\": [1, "
	    "null, \"x\"],\n"
	    "   \"two\": \"{{ metric.tasks }}{{ metric.tasks }}\"}}");
	load_clean(w);
	assert_document(w, "a",
	    "{\"text\":\"Hi <b>*x* & [y](z), \\\", \\\"admin\\\": true, "
	    "\\\"x\\\": \\\"\\n{{ app_url }}\","
	    "\"n\":3,\"s\":\"n=3\",\"b\":true,\"l\":[1,\"<\"],\"z\":0,"
	    "\"{{ k }}\":[1,null,\"x\"],\"two\":\"33\"}");
	assert_string_equal(
	    template_info(templates_find(w->set, "a", NULL))->channel,
	    "in-app");
	assert_true(
	    template_info(templates_find(w->set, "a", NULL))->unsure_hold);
}

static void
slack_values_cannot_mention_or_link(void **state)
{
	struct workspace *w = *state;

	json_object_set_new(
	    w->scope, "who", json_string("<!channel> & \"co\""));
	put("a.json",
	    "{\"escape\": \"slack\", \"body\": {\"text\":"
	    " \"<https://a.example|Open> *{{ who }}* {{- metric.tasks -}} \","
	    " \"lone\": \"{{ who }}\", \"n\": \"{{ metric.tasks }}\","
	    " \"own\": \"{% capture l %}<#C1|{{ who }}>{% endcapture %}{{ l "
	    "}}\"}}");
	load_clean(w);
	assert_document(w, "a",
	    "{\"text\":\"<https://a.example|Open> *&lt;!channel&gt; &amp; "
	    "\\\"co\\\"*3\",\"lone\":\"&lt;!channel&gt; &amp; \\\"co\\\"\","
	    "\"n\":3,\"own\":\"<#C1|&lt;!channel&gt; &amp; \\\"co\\\">\"}");
}

static void
document_mistakes_are_named(void **state)
{
	struct workspace *w = *state;

	put("a.json", "{ \"chanel\": \"x\",\n  \"unsure\": \"no\",\n"
		      "  \"tags\": \"t\",\n  \"escape\": \"html\" }");
	put("b.json", "{ \"body\": { \"a/b\": [ 1,\n \"{{ | }}\" ] } }");
	put("c.json", "[]");
	load(w);
	assert_problem(w, 0,
	    "templates/a.json:1:13: there is no \"chanel\" in "
	    "a template; is \"channel\" meant? (at /chanel)");
	assert_problem(w, 1,
	    "templates/a.json:1:1: \"body\" is missing: what "
	    "is to be sent");
	assert_problem(w, 2,
	    "templates/a.json:3:11: a list of strings is "
	    "expected (at /tags)");
	assert_problem(w, 3,
	    "templates/a.json:2:13: \"retry\" or \"hold\" is "
	    "expected (at /unsure)");
	assert_problem(w, 4,
	    "templates/a.json:4:13: \"slack\" or \"none\" is "
	    "expected (at /escape)");
	assert_string_equal(w->problems.list[5].at.file, "templates/b.json");
	assert_int_equal(w->problems.list[5].at.line, 2);
	assert_string_equal(w->problems.list[5].at.pointer, "/body/a~1b/1");
	assert_problem(
	    w, 6, "templates/c.json:1:1: a JSON object is expected: { ... }");
	assert_int_equal(w->problems.count, 7);
}

static void
undefined_values_hold_a_document(void **state)
{
	struct workspace *w = *state;
	struct liquid_scope scope = scope_of(w);
	struct buf json = {0};
	struct error e;

	put("a.json", "{\"body\":\n{\"a\": [\"{{ user.nothing }}\"]}}");
	load_clean(w);
	assert_int_equal(
	    template_render_document(
		templates_find(w->set, "a", NULL), &scope, &json, &e),
	    -1);
	assert_int_equal(e.line, 2);
	assert_non_null(strstr(e.text, "user.nothing"));
	assert_int_equal(json.len, 0);
	buf_free(&json);
}

static void
no_folder_is_an_empty_set(void **state)
{
	struct problems problems = {0};
	struct templates *set = templates_load("/nonexistent", &problems);

	assert_int_equal(problems.count, 0);
	assert_null(templates_names(set)[0]);
	assert_null(templates_find(set, "a", NULL));
	templates_free(set);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_mail_with_everything),
	    TEST(html_mails_escape_for_html),
	    TEST(the_footer_adds_what_is_missing),
	    TEST(layouts_are_chosen),
	    TEST(locales_fall_back),
	    TEST(dates_are_in_the_templates_language),
	    TEST(those_without_a_locale_have_the_workspaces),
	    TEST(headers_that_values_spoil),
	    TEST(header_mistakes_are_named),
	    TEST(names_must_be_one_template_each),
	    TEST(lines_are_those_of_the_file),
	    TEST(places_are_those_of_the_files),
	    TEST(raw_values),
	    TEST(lint_warns),
	    TEST(aborting_skips),
	    TEST(paths_cover_all_parts),
	    TEST(documents_keep_their_shape),
	    TEST(slack_values_cannot_mention_or_link),
	    TEST(document_mistakes_are_named),
	    TEST(undefined_values_hold_a_document),
	    cmocka_unit_test(no_folder_is_an_empty_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
