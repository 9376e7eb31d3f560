/* SPDX-License-Identifier: MIT */
/*
 * The page for those who write templates: every example gives what it says, and
 * every filter and tag has one.
 */
#include "templates/html_escape.h"
#include "templates/json.h"
#include "templates/liquid/parse.h"
#include "tests/unit/liquid_fixture.h"

static char *page;

/* Behind the opening of a fenced block, and its length. */
static const char *
block(const char *opening, size_t *len)
{
	const char *at = strstr(page, opening), *end;

	if (at == NULL)
		return NULL;
	at += strlen(opening);
	end = strstr(at, "\n```");
	assert_non_null(end);
	*len = (size_t)(end - at);
	return at;
}

static const char *
partial(void *arg, const char *name, size_t *len)
{
	char opening[64];

	snprintf(opening, sizeof opening, "```liquid partial %s\n", name);
	return block(opening, len);
}

/* "\n" in what is to come out is a line end; Liquid has no such thing. */
static void
unescape(char *s)
{
	char *to = s;

	for (; *s != '\0'; s++)
		if (s[0] == '\\' && s[1] == 'n') {
			*to++ = '\n';
			s++;
		} else {
			*to++ = *s;
		}
	*to = '\0';
}

static void
trim_end(char *s)
{
	size_t len = strlen(s);

	while (len > 0 && is_space(s[len - 1]))
		s[--len] = '\0';
}

/* A value's punctuation in Markdown, as its reader makes it of that. */
static void
show_as_read(void)
{
	struct buf shown = {0};

	for (const char *p = buf_str(&out); *p != '\0'; p++) {
		char c = *p;

		if (c == '\xee') {
			c = (char)((p[1] & 1) << 6 | (p[2] & 63));
			p += 2;
		}
		if (c != *p && html_entity(c) != NULL)
			buf_adds(&shown, html_entity(c));
		else
			buf_addc(&shown, c);
	}
	buf_free(&out);
	out = shown;
}

static void
check_example(enum liquid_context context, char *source, char *expected)
{
	int rc;

	trim_end(source);
	unescape(expected);
	trim_end(expected);
	rc = run(context, source);
	if (strncmp(expected, "error: ", 7) == 0) {
		assert_int_equal(rc, -1);
		assert_non_null(strstr(error.text, expected + 7));
	} else if (strncmp(expected, "aborted: ", 9) == 0) {
		assert_int_equal(rc, LIQUID_ABORTED);
		assert_string_equal(error.text, expected + 9);
	} else {
		if (rc != 0)
			fail_msg("%s: %s", source, error.text);
		if (context == LIQUID_MARKDOWN)
			show_as_read();
		trim_end(out.data);
		assert_string_equal(buf_str(&out), expected);
	}
}

static void
examples(void **state)
{
	static const char arrow[] = "\xe2\x86\x92 ";
	enum liquid_context context = LIQUID_TEXT;
	char *copy = xstrdup(page), *rest = copy, *line, *to;
	int n = 0;

	while ((line = strsep(&rest, "\n")) != NULL) {
		if (strncmp(line, "```", 3) == 0)
			context = strstr(line, "html") != NULL ? LIQUID_HTML
				  : strstr(line, "markdown") != NULL
				      ? LIQUID_MARKDOWN
				      : LIQUID_TEXT;
		to = strstr(line, arrow);
		if (to == NULL)
			continue;
		*to = '\0';
		check_example(context, line, to + strlen(arrow));
		n++;
	}
	assert_true(n > 60);
	free(copy);
}

static void
nothing_is_left_out(void **state)
{
	char word[64];

	for (size_t i = 0; filter_name(i) != NULL; i++) {
		if (strncmp(filter_name(i), "add_", 4) == 0 ||
		    strncmp(filter_name(i), "subtract_", 9) == 0)
			continue; /* the page says how these are made */
		snprintf(word, sizeof word, "| %s", filter_name(i));
		if (strstr(page, word) == NULL)
			fail_msg("no example of the filter %s", filter_name(i));
	}
	for (const struct tag *t = tags; t->name != NULL; t++) {
		snprintf(word, sizeof word, "{%% %s ", t->name);
		if (strstr(page, word) == NULL)
			fail_msg("no example of the tag %s", t->name);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(examples),
	    cmocka_unit_test(nothing_is_left_out),
	};
	const char *json;
	size_t len;
	int failed;

	page = file_read("templates/library/README.md", &len, &error);
	if (page == NULL) {
		fprintf(stderr, "%s\n", error.text);
		return 1;
	}
	json = block("```json\n", &len);
	data = json_loadb(json, len, 0, NULL);
	keys = json_pack("{s:s}", "chat", "secret");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	json_decref(data);
	json_decref(keys);
	buf_free(&out);
	free(page);
	return failed;
}
