/* SPDX-License-Identifier: MIT */
/* What bounds a template: each limit, and that its error says where it is. */
#include "tests/unit/liquid_fixture.h"

#define ROUND	"{% for a in (1..999) %}{% for b in (1..999) %}"
#define ENDS	"{% endfor %}{% endfor %}"
#define COUNTED "{% for i in (1..9999) %}"
#define HALF_MB                                                     \
	"{% assign s = 'xxxxxxxxxxxxxxxx' %}{% for i in (1..15) %}" \
	"{% assign s = s | append: s %}{% endfor %}"

static char *large; /* 300 KB */

/* The text n times, then `end`; until the next call but one. */
static const char *
times(int n, const char *text, const char *end)
{
	static struct buf bufs[2];
	static int turn;
	struct buf *b = &bufs[turn ^= 1];

	buf_truncate(b, 0);
	while (n-- > 0)
		buf_adds(b, text);
	buf_adds(b, end);
	return buf_str(b);
}

static const char *
partial(void *arg, const char *name, size_t *len)
{
	static char text[4096];
	char next[64] = "x";
	int n;

	if (strncmp(name, "large", 5) == 0) {
		*len = name[5] == '\0' ? strlen(large) : 200 * 1024;
		return large;
	}
	snprintf(text, sizeof text, "\n%s", ROUND ENDS);
	if (sscanf(name, "down-%d", &n) == 1)
		snprintf(text, sizeof text, "{%% render 'down-%d' %%}", n + 1);
	if (sscanf(name, "nest-%d", &n) == 1) {
		if (n < 20)
			snprintf(next, sizeof next, "{%% render 'nest-%d' %%}",
			    n + 1);
		snprintf(text, sizeof text, "%s",
		    times(99, "{% if true %}",
			times(1, next, times(99, "{% endif %}", ""))));
	}
	*len = strlen(text);
	return text;
}

/* The error says this, in that line. */
static void
fails(const char *source, const char *words, const char *file, int line)
{
	if (run(LIQUID_TEXT, source) != -1)
		fail_msg("no error: %.200s", source);
	if (strstr(error.text, words) == NULL)
		fail_msg("'%s' is not in '%s'", words, error.text);
	assert_string_equal(error.file, file);
	assert_int_equal(error.line, line);
	assert_int_equal(out.len, 0);
}

/* The same for templates, in their third line. */
static void
all_fail(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fails(times(2, "line\n", rows[i].source), rows[i].result,
		    "t.md", 3);
}
#define ALL_FAIL(rows) all_fail(rows, sizeof rows / sizeof *rows)

static void
sources(void **state)
{
	static const struct row rows[] = {
	    {"{% render 'large' %}", "large is larger than 256 KB"},
	    {"{% include 'large' %}", "large is larger than 256 KB"},
	    {"{% render 'large1' %}{% render 'large2' %}{% render 'large3' %}"
	     "{% render 'large4' %}{% render 'large5' %}{% render 'large6' %}",
		"larger than 1024 KB with all its partials"},
	};

	ALL_FAIL(rows);
	fails(large, "the template is larger than 256 KB", "t.md", 1);
	assert_int_equal(
	    run(LIQUID_TEXT, "{% for i in (1..5) %}{% render 'large1' %}"
			     "{% render 'large1' %}{% break %}{% endfor %}"),
	    0); /* one source, however often it stands there */
}

static void
depth(void **state)
{
	fails(times(101, "{% if true %}", ""), "more than 100 deep", "t.md", 1);
	fails(times(101, "{% for x in y %}", ""), "100 deep", "t.md", 1);
	fails(times(101, "{% capture x %}", ""), "100 deep", "t.md", 1);
	fails(
	    times(101, "{% case 1 %}{% when 1 %}", ""), "100 deep", "t.md", 1);
	fails(times(1, "{{ ", times(101, "a[", "1 }}")), "more than 100 deep",
	    "t.md", 1);
	fails(times(1, "{{ a", times(101, ".b", " }}")), "path is too long",
	    "t.md", 1);
	fails(times(1, "{{ a", times(101, " | upcase", " }}")),
	    "too many filters", "t.md", 1);
	fails("{% render 'down-1' %}", "partials nest more than 20 deep",
	    "down-20", 1);
	assert_int_equal(run(LIQUID_TEXT, times(99, "{% if true %}",
					      times(99, "{% endif %}", "x"))),
	    0);
	assert_string_equal(buf_str(&out), "x");
}

/* All of both is still little for the C stack. */
static void
depth_and_partials(void **state)
{
	assert_int_equal(run(LIQUID_TEXT, "{% render 'nest-1' %}"), 0);
	assert_string_equal(buf_str(&out), "x");
}

static void
steps(void **state)
{
	static const struct row rows[] = {
	    {ROUND ENDS, "takes more than 100000 steps"},
	    {ROUND "{% assign x = a %}" ENDS, "100000 steps"},
	    {ROUND "{% break %}" ENDS ROUND ENDS, "100000 steps"},
	    {COUNTED "{% tablerow b in (1..99) %}{% endtablerow %}{% endfor %}",
		"larger than 1024 KB"},
	    {COUNTED "{% if 1 == 2 or 1 == 3 or 1 == 4 or 1 == 5 or 1 == 6 or "
		     "1 == 7 or 1 == 8 or 1 == 9 %}{% endif %}{% endfor %}",
		"100000 steps"},
	};

	ALL_FAIL(rows);
	fails("{% render 'round' %}", "100000 steps", "round", 2);
}

/* [[[..]]] */
static json_t *
nested(int depth)
{
	json_t *array = json_array();

	while (--depth > 0)
		array = json_pack("[o]", array);
	return array;
}

/* A step over a long text is as many as the text is long. */
static void
work(void **state)
{
	static const struct row rows[] = {
	    {HALF_MB COUNTED "{% if s contains 'y' %}{% endif %}{% endfor %}",
		"100000 steps"},
	    {HALF_MB COUNTED "{% if s == blank %}{% endif %}{% endfor %}",
		"100000 steps"},
	    {HALF_MB COUNTED "{% case s %}{% when 'y' %}{% endcase %}"
			     "{% endfor %}",
		"100000 steps"},
	    {HALF_MB COUNTED "{% assign n = s.size %}{% endfor %}",
		"100000 steps"},
	    {HALF_MB COUNTED "{% assign n = s | size %}{% endfor %}",
		"100000 steps"},
	    {HALF_MB COUNTED "{% assign n = 1 | plus: s %}{% endfor %}",
		"100000 steps"},
	    {HALF_MB "{% assign l = s | split: ',' %}" COUNTED
		     "{% assign n = l | has: 'y' %}{% endfor %}",
		"100000 steps"},
	    {COUNTED "{% assign t = 'now' | date: '%c' | date: '%F' %}"
		     "{% endfor %}",
		"100000 steps"},
	    {COUNTED "{% cycle i: 1, 2 %}{% endfor %}", "100000 steps"},
	    {COUNTED "{% if user.deep == user.other %}{% endif %}{% endfor %}",
		"100000 steps"},
	    {COUNTED "{% if user.other contains user.deep %}{% endif %}"
		     "{% endfor %}",
		"100000 steps"},
	    {"{% assign l = (1..9999) | uniq %}", "100000 steps"},
	    {"{% assign l = (1..9999) | reverse | sort | reverse | sort %}",
		"100000 steps"},
	    {"{% assign l = (1..9999) | join: ',' | split: ',' %}" COUNTED
	     "{% if l contains 'y' %}{% endif %}{% endfor %}",
		"100000 steps"},
	};

	json_object_set_new(json_object_get(data, "user"), "deep", nested(90));
	json_object_set_new(json_object_get(data, "user"), "other", nested(90));
	ALL_FAIL(rows);
}

/* What a mail may well have in its data is not near the limit. */
static void
lists_of_a_thousand(void **state)
{
	static const struct row rows[] = {
	    {"{% assign l = (1..1000) | uniq %}{{ l.size }}", "1000"},
	    {"{% assign l = (1..1000) | reverse | sort %}{{ l | first }}", "1"},
	    {"{% assign l = (1..1000) | join: ',' | split: ',' %}"
	     "{% for i in (1..50) %}{% if l contains '1000' %}{% endif %}"
	     "{% endfor %}{{ l.size }}",
		"1000"},
	};

	CHECK(LIQUID_TEXT, rows);
}

/* They are looked for one by one: in a template, and in what it reads. */
static void
names(void **state)
{
	struct buf source = {0};

	for (int i = 0; i < 1001; i++)
		buf_addf(&source, "{%% assign a%d = 1 %%}", i);
	fails(source.data, "more than 1000 names", "t.md", 1);
	buf_truncate(&source, 0);
	for (int i = 0; i < 2001; i++)
		buf_addf(&source, "{{ user.a%d }}", i);
	fails(source.data, "reads more than 2000 different values", "t.md", 1);
	buf_free(&source);
}

static void
output(void **state)
{
	static const struct row rows[] = {
	    {COUNTED "{{ user.text }}{% endfor %}",
		"the output is larger than 1024 KB"},
	    {HALF_MB "{% capture t %}{{ s }}{{ s }}{% endcapture %}",
		"the output is larger than 1024 KB"},
	    {"{% assign s = user.text | replace: '', user.text %}",
		"the output is larger than 1024 KB"},
	};
	const char *text = times(2000, "x", "");

	json_object_set_new(
	    json_object_get(data, "user"), "text", json_string(text));
	ALL_FAIL(rows);
}

static void
memory(void **state)
{
	static const struct row rows[] = {
	    {HALF_MB
		"{% for i in (1..9) %}{% capture t %}{{ s }}{% endcapture %}"
		"{% endfor %}",
		"needs more than 4096 KB of memory"},
	    {"{% for i in (1..99) %}{% assign b = (1..9999) | reverse %}"
	     "{% endfor %}",
		"4096 KB of memory"},
	};

	ALL_FAIL(rows);
}

static void
ranges(void **state)
{
	static const struct row rows[] = {
	    {"{% for i in (1..10001) %}{% endfor %}",
		"the range has more than 10000 numbers"},
	    {"{% tablerow i in (1..10001) %}{% endtablerow %}", "10000"},
	    {"{% render 'round' for (1..10001) %}", "10000"},
	    {"{{ (1..1000000000) | join: '' }}", "10000"},
	    {"{{ (1..1000000000) | sum }}", "10000"},
	};
	static const struct row fine[] = {
	    {"{% assign x = (1..1000000000) %}{{ x.size }} {{ x.last }}",
		"1000000000 1000000000"},
	    {"{% assign x = (1..1000000000) %}{{ x | first }}", "1"},
	};

	ALL_FAIL(rows);
	CHECK(LIQUID_TEXT, fine);
}

static void
numbers_and_dates(void **state)
{
	static const struct row rows[] = {
	    {"{{ 9223372036854775807 | times: 9223372036854775807 }}",
		"too large a number"},
	    {"{{ 99999999999999999999999999999999999999999 }}",
		"the number is too large"},
	    {"{{ 1 | divided_by: 0 }}", "divided by 0"},
	    {"{{ 'now' | date: '%65d' }}", "too long a text"},
	    {"{{ 'now' | date: user.format }}", "too long a text"},
	};
	const char *format = times(200, "%64N", "");

	json_object_set_new(
	    json_object_get(data, "user"), "format", json_string(format));
	ALL_FAIL(rows);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sources),
	    cmocka_unit_test(depth),
	    cmocka_unit_test(depth_and_partials),
	    cmocka_unit_test(steps),
	    cmocka_unit_test(work),
	    cmocka_unit_test(lists_of_a_thousand),
	    cmocka_unit_test(names),
	    cmocka_unit_test(output),
	    cmocka_unit_test(memory),
	    cmocka_unit_test(ranges),
	    cmocka_unit_test(numbers_and_dates),
	};
	int failed;

	large = xstrdup(times(30 * 1024, "0123456789", ""));
	data = json_pack("{s:{}}", "user");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	json_decref(data);
	free(large);
	buf_free(&out);
	return failed;
}
