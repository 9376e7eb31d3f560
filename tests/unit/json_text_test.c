/* SPDX-License-Identifier: MIT */
/* json_text_test - whatever jansson says of a text, json_text says, too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "templates/json_text.h"

static void
compare(const char *text, size_t len)
{
	json_t *ours = json_text_read(text, len);
	json_t *theirs = json_loadb(text, len, JSON_DECODE_ANY, NULL);
	struct buf out = {0};
	char *dump;

	if ((ours == NULL) != (theirs == NULL) ||
	    (ours != NULL && !json_equal(ours, theirs)))
		fail_msg("read in another way: %.*s", (int)len, text);
	if (ours != NULL) {
		dump = json_dumps(theirs, JSON_COMPACT | JSON_ENCODE_ANY);
		json_text_write(ours, &out);
		assert_string_equal(buf_str(&out), dump);
		free(dump);
	}
	buf_free(&out);
	json_decref(ours);
	json_decref(theirs);
}

static const char *const texts[] = {"{}", "[]", " { } ", "[ 1 , 2 ]",
    "{\"a\":{\"b\":[true,false,null]}}", "0", "-0", "-1", "01", "1.5", "-2e3",
    "1E+2", "1.", "-", "--1", "1-2", "999999999999999999",
    "9223372036854775807", "-9223372036854775808", "9223372036854775808",
    "123456789012345678901", "[1 2]", "[1,]", "{,}", "{\"a\":1,}", "{\"a\" 1}",
    "{\"a\":}", "{a:1}", "{1:1}", "[\"a\"", "{\"a\":1", "\"", "\"a\\",
    "\"\\u00e9\\n\\\"\"", "\"\\x\"", "\"a\nb\"", "\"\xc3\xa9\"", "\"\xc3\"",
    "\"\xff\"", "\"\x7f\"", "\"/\"", "{\"\\u0061\":1}", "{\"\xc3\xa9\":1}",
    "{\"\xff\":1}", "{\"a\":1,\"a\":2}", "tru", "truex", "nul", "", " ", "1 1",
    "{} {}", "[\"\\u0000\"]",
    "{\"id\":\"ada\",\"score\":41.5,\"list\":[[],{},[{}]],\"n\":-12}"};

static void
test_like_jansson(void **state)
{
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		compare(texts[i], strlen(texts[i]));
}

/* Every text cut short, and with every byte changed in a few ways. */
static void
test_damaged(void **state)
{
	static const char bytes[] = "\"\\{}[],:0-e \x01\xc3";

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		size_t len = strlen(texts[i]);

		for (size_t at = 0; at < len; at++) {
			char *copy = malloc(len);

			compare(texts[i], at);
			memcpy(copy, texts[i], len);
			for (size_t b = 0; b < sizeof bytes; b++) {
				copy[at] = bytes[b];
				compare(copy, len);
			}
			free(copy);
		}
	}
}

static void
test_deep(void **state)
{
	char text[6000];

	memset(text, '[', 1000);
	memset(text + 1000, ']', 1000);
	compare(text, 2000);
	memset(text, '[', 3000);
	memset(text + 3000, ']', 3000);
	compare(text, 6000);
}

/* Each member as KEY=VALUE, deeper ones in brackets. */
static void
walk_through(struct json_walk *w, struct buf *out)
{
	struct json_span key, value;

	if (!json_walk_enter(w, '{'))
		return;
	while (json_walk_next(w, '}', &key)) {
		buf_addf(out, "%.*s=", (int)key.len, key.text);
		if (key.text[0] == 'o') {
			buf_addc(out, '(');
			walk_through(w, out);
			buf_addc(out, ')');
			continue;
		}
		value = json_walk_value(w);
		buf_addf(out, "%.*s ", (int)value.len, value.text);
	}
}

static void
test_walk(void **state)
{
	static const struct {
		const char *text, *seen;
		bool is_whole;
	} rows[] = {
	    {"{}", "", true},
	    {" { \"a\" : 1 , \"b\":\"x,\\\"}\"} ", "a=1 b=\"x,\\\"}\" ", true},
	    {"{\"a\":[1,{\"b\":\"]\"}],\"c\":null}",
		"a=[1,{\"b\":\"]\"}] c=null ", true},
	    {"{\"o\":{\"a\":1,\"o\":{}},\"b\":{}}", "o=(a=1 o=())b={} ", true},
	    {"{\"a\":1,}", "a=1 ", false},
	    {"{\"a\":}", "a= ", false},
	    {"{\"a\" 1}", "", false},
	    {"{\"a\":1", "a=1 ", false},
	    {"{\"a\":\"1}", "a= ", false},
	    {"{\"a\":\"1\\", "a= ", false},
	    {"{\"a\":[1}", "a=[1} ", false},
	    {"{\"a\":1}}", "a=1 ", false},
	    {"{\"o\":[]}", "o=()", false},
	    {"[1]", "", false},
	    {"", "", false},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct json_walk w =
		    json_walk_begin(rows[i].text, strlen(rows[i].text));
		struct buf out = {0};

		walk_through(&w, &out);
		assert_string_equal(buf_str(&out), rows[i].seen);
		if (json_walk_end(&w) != rows[i].is_whole)
			fail_msg("%s", rows[i].text);
		buf_free(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_like_jansson),
	    cmocka_unit_test(test_damaged),
	    cmocka_unit_test(test_walk),
	    cmocka_unit_test(test_deep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
