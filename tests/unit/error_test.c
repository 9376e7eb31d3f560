/* SPDX-License-Identifier: MIT */
/* error_test - what an error says can stand in JSON, whatever was put in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "templates/error.h"
#include "templates/utf8.h"

static void
assert_utf8(const char *s)
{
	assert_true(utf8_is_valid(s, strlen(s)));
}

static void
what_is_cut_ends_with_a_character(void **state)
{
	char word[1000] = "x";
	struct error e;

	while (strlen(word) + 4 < sizeof word)
		strcat(word, "\u20ac");
	for (int n = 0; n < 6; n++) {
		error_set(&e, "\"%.*s\" is none", n, word);
		assert_utf8(e.text);
		assert_string_equal(e.text + strlen(e.text) - 9, "\" is none");
		error_at(&e, word, 1, 1, word, "%s", word + n);
		assert_utf8(e.file);
		assert_utf8(e.pointer);
		assert_utf8(e.text);
	}
	error_set(&e, "%.4s", word);
	assert_string_equal(e.text, "x\u20ac");
}

static void
a_file_may_be_named_anything(void **state)
{
	struct error e;
	char text[300];

	error_at(&e, "caf\xe9.md", 2, 3, NULL, "not \xff");
	assert_string_equal(
	    error_string(&e, text, sizeof text), "caf?.md:2:3: not ?");
	error_set(&e, "\u20ac\u20ac");
	assert_string_equal(error_string(&e, text, 6), "\u20ac??");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_cut_ends_with_a_character),
	    cmocka_unit_test(a_file_may_be_named_anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
