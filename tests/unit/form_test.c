/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "templates/form.h"

static void
test_fields(void **state)
{
	static const struct {
		const char *json, *form;
	} rows[] = {
	    {"{\"a\":\"b\"}", "a=b"},
	    {"{\"a b\":\"c d\"}", "a%20b=c%20d"},
	    {"{\"x\":\"a&b=c+d%\",\"y\":\"-._~\"}",
		"x=a%26b%3Dc%2Bd%25&y=-._~"},
	    {"{\"n\":12,\"f\":0.5,\"t\":true,\"no\":null}",
		"n=12&f=0.5&t=true"},
	    {"{\"o:tag\":[\"a\",null,2]}", "o%3Atag=a&o%3Atag=2"},
	    {"{\"a\":\"\",\"b\":[]}", "a="},
	    {"{\"a\":\"Zo\\u00eb\\n\"}", "a=Zo%C3%AB%0A"},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf out = {0};
		struct error e;

		assert_int_equal(form_from_json(rows[i].json,
				     strlen(rows[i].json), &out, &e),
		    0);
		assert_string_equal(buf_str(&out), rows[i].form);
		buf_free(&out);
	}
}

static void
test_no_forms(void **state)
{
	static const struct {
		const char *json, *says;
	} rows[] = {
	    {"[]", "an object"},
	    {"\"a\"", "an object"},
	    {"{}", "an object"},
	    {"{\"a\":null}", "an object"},
	    {"{\"a\":1,\"b\":{\"c\":1}}", "the field \"b\""},
	    {"{\"a\":[[1]]}", "the field \"a\""},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf out = {0};
		struct error e;

		assert_int_equal(form_from_json(rows[i].json,
				     strlen(rows[i].json), &out, &e),
		    -1);
		assert_non_null(strstr(e.text, rows[i].says));
		buf_free(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_fields),
	    cmocka_unit_test(test_no_forms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
