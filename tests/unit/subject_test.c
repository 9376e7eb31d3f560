/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "sequences/subject.h"

#define STATE                                                                 \
	"{\"places\":[{\"sequence\":\"on\\\"boarding\",\"entry\":2,"          \
	"\"entered\":1774602000000,\"step\":\"day-7\",\"due\":1774850400000," \
	"\"previous\":1774602000001,\"paused_until\":9223372036854775807,"    \
	"\"goal\":-1,\"done\":true,"                                          \
	"\"decided\":[\"a\",\"b\"],\"event\":{\"plan\":\"fr\xc3\xa9\"}},"     \
	"{\"sequence\":\"b\",\"due\":7}],"                                    \
	"\"past\":[{\"sequence\":\"on\\\"boarding\",\"entries\":1,"           \
	"\"entered\":1,\"exited\":2,\"finished\":true}],"                     \
	"\"candidates\":[{\"sequence\":\"c\",\"on\":\"Signed Up\","           \
	"\"at\":3,\"noted\":4,\"event\":{}}],\"traits_at\":5,"                \
	"\"metrics\":{\"tasks\":3,\"days\":[1,2]}}"

static void
load(struct subject *s, const char *name, const char *traits, const char *state)
{
	struct error e;

	if (subject_load(s, SUBJECT_USER, name, traits, state, &e) != 0)
		fail_msg("%s", e.text);
}

static void
test_new(void **unused)
{
	struct subject s;
	struct buf out = {0};

	load(&s, "ada", NULL, "");
	assert_string_equal(s.name, "ada");
	subject_save_state(&s, &out);
	assert_string_equal(buf_str(&out), "{}");
	buf_truncate(&out, 0);
	subject_save_traits(&s, &out);
	assert_string_equal(buf_str(&out), "{\"id\":\"ada\"}");
	assert_false(s.state_changed);
	buf_free(&out);
	subject_free(&s);
}

static void
test_round_trip(void **unused)
{
	struct subject s;
	struct buf out = {0};

	load(&s, "ada", "{\"plan\":\"free\"}", STATE);
	assert_int_equal(s.n_places, 2);
	assert_string_equal(s.places[0].sequence, "on\"boarding");
	assert_int_equal(s.places[0].paused_until_ms, INT64_MAX);
	assert_true(s.places[0].is_done);
	assert_int_equal(s.places[0].goal_ms, -1);
	assert_int_equal(s.wake_at_ms, 7); /* the first has no wake-up */
	assert_false(s.state_changed);
	assert_true(s.past[0].is_finished);
	subject_save_state(&s, &out);
	assert_string_equal(buf_str(&out), STATE);
	buf_free(&out);
	subject_free(&s);
}

static void
test_bad_texts(void **unused)
{
	static const struct {
		const char *traits, *state, *error;
	} cases[] = {
	    {"[]", "{}", "the traits of a subject cannot be read"},
	    {"{", "{}", "the traits of a subject cannot be read"},
	    {"{}", "{\"places\"", "damaged: it has no end"},
	    {"{}", "{\"places\": [1, ]}", "an object is expected"},
	    {"{}", "[]", "damaged: it is no object"},
	    {"{}", "{\"past\": [{\"sequence\": \"\xff\"}]}", "not UTF-8"},
	    {"{}", "{} {}", "damaged: it has no end"},
	    {"{}", "{\"future\": 1}",
		"\"future\", which this version does not"},
	    {"{}", "{\"places\": {}}", "a list is expected"},
	    {"{}", "{\"places\": [1]}", "an object is expected"},
	    {"{}", "{\"places\": [{}]}", "what a record is of is missing"},
	    {"{}", "{\"past\": [{\"sequence\": \"a\", \"x\": 1}]}", "\"x\""},
	    {"{}",
		"{\"places\": [{\"sequence\": \"a\"},"
		" {\"sequence\": \"b\", \"step\": \"s\", \"due\": \"now\"}]}",
		"damaged: due"},
	    {"{}", "{\"metrics\": []}", "damaged: metrics"},
	    {"{}", "{\"metrics\": {\"a\": [1, 2}}", "damaged: it has no end"},
	    {"{}", "{\"metrics\": {\"a\": [1]}, \"metrics\": {\"a\": [2]}}",
		"damaged: metrics are there twice"},
	    {"{}", "{\"past\": [{\"sequence\": \"a\", \"sequence\": \"b\"}]}",
		"damaged: sequence"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct subject s;
		struct error e;

		assert_int_equal(subject_load(&s, SUBJECT_USER, "ada",
				     cases[i].traits, cases[i].state, &e),
		    -1);
		if (strstr(e.text, cases[i].error) == NULL)
			fail_msg(
			    "\"%s\" has no \"%s\"", e.text, cases[i].error);
	}
}

static void
set_traits_at(
    struct subject *s, const char *text, int64_t at_ms, int64_t now_ms)
{
	json_t *traits = json_loads(text, 0, NULL);

	assert_non_null(traits);
	s->traits_changed = false;
	subject_set_traits(s, traits, at_ms, now_ms);
	json_decref(traits);
}

static void
set_traits(struct subject *s, const char *text, int64_t at_ms)
{
	set_traits_at(s, text, at_ms, 1000);
}

static void
test_traits(void **unused)
{
	struct subject s;

	load(&s, "ada", "{\"plan\":\"free\",\"age\":3}", NULL);
	set_traits(&s, "{\"plan\":\"free\",\"name\":null}", 10);
	assert_false(s.traits_changed);
	set_traits(&s, "{\"id\":\"eve\"}", 10);
	assert_false(s.traits_changed);
	set_traits(&s, "{\"plan\":\"pro\",\"age\":null}", 20);
	assert_true(s.traits_changed);
	assert_string_equal(
	    json_string_value(json_object_get(s.traits, "plan")), "pro");
	assert_null(json_object_get(s.traits, "age"));
	assert_string_equal(
	    json_string_value(json_object_get(s.traits, "id")), "ada");
	/* an older call, and one without a time, only add what is missing */
	set_traits(&s, "{\"plan\":\"old\",\"city\":\"Bern\"}", 15);
	set_traits(&s, "{\"plan\":null,\"locale\":\"de\"}", 0);
	assert_int_equal(s.traits_at_ms, 20);
	assert_string_equal(
	    json_string_value(json_object_get(s.traits, "plan")), "pro");
	assert_non_null(json_object_get(s.traits, "city"));
	assert_non_null(json_object_get(s.traits, "locale"));
	subject_free(&s);
}

/* After a clock that ran ahead was set right, what comes is news all the same.
 */
static void
test_traits_of_the_future(void **unused)
{
	struct subject s;

	load(&s, "ada", NULL, NULL);
	set_traits_at(&s, "{\"plan\":\"free\"}", 900, 900);
	set_traits_at(&s, "{\"plan\":\"pro\"}", 50, 60);
	assert_string_equal(
	    json_string_value(json_object_get(s.traits, "plan")), "pro");
	assert_int_equal(s.traits_at_ms, 50);
	set_traits_at(&s, "{\"plan\":\"old\"}", 40, 60);
	assert_string_equal(
	    json_string_value(json_object_get(s.traits, "plan")), "pro");
	subject_free(&s);
}

static void
test_wake(void **unused)
{
	struct subject s;

	load(&s, "ada", NULL,
	    "{\"places\":[{\"sequence\":\"a\",\"due\":50},"
	    "{\"sequence\":\"b\",\"due\":10,\"paused_until\":70},"
	    "{\"sequence\":\"c\"}]}");
	assert_int_equal(s.wake_at_ms, 50);
	subject_place_remove(&s, subject_place(&s, "a"), 20, false);
	subject_set_wake(&s, 0);
	assert_int_equal(s.wake_at_ms, 70);
	assert_true(s.state_changed);
	assert_int_equal(subject_past(&s, "a")->exited_ms, 20);
	assert_null(subject_place(&s, "a"));
	assert_non_null(subject_place(&s, "c"));
	subject_free(&s);
}

static void
test_merge(void **unused)
{
	struct subject into, from;
	struct buf out = {0};

	load(&into, "ada", "{\"plan\":\"pro\"}",
	    "{\"places\":[{\"sequence\":\"both\",\"entry\":1,\"due\":90}],"
	    "\"past\":[{\"sequence\":\"been\",\"entries\":1}],"
	    "\"metrics\":{\"tasks\":3}}");
	load(&from, "anon", "{\"plan\":\"free\",\"ref\":\"ad\"}",
	    "{\"places\":[{\"sequence\":\"both\",\"entry\":1,\"due\":1},"
	    "{\"sequence\":\"been\",\"entry\":2,\"due\":2},"
	    "{\"sequence\":\"new\",\"entry\":2,\"step\":\"x\",\"due\":40,"
	    "\"decided\":[\"w\"],\"event\":{\"a\":1}}],"
	    "\"past\":[{\"sequence\":\"new\",\"entries\":1,\"exited\":5},"
	    "{\"sequence\":\"gone\",\"entries\":1}],"
	    "\"metrics\":{\"tasks\":9,\"views\":2}}");
	subject_merge(&into, &from);
	subject_free(&from);
	assert_true(into.traits_changed);
	assert_true(into.state_changed);
	assert_int_equal(into.wake_at_ms, 40);
	subject_save_state(&into, &out);
	assert_string_equal(buf_str(&out),
	    "{\"places\":[{\"sequence\":\"both\",\"entry\":1,\"due\":90},"
	    "{\"sequence\":\"new\",\"entry\":2,\"step\":\"x\",\"due\":40,"
	    "\"decided\":[\"w\"],\"event\":{\"a\":1}}],"
	    "\"past\":[{\"sequence\":\"been\",\"entries\":1},"
	    "{\"sequence\":\"new\",\"entries\":1,\"exited\":5},"
	    "{\"sequence\":\"gone\",\"entries\":1}],"
	    "\"metrics\":{\"tasks\":3}}");
	buf_truncate(&out, 0);
	subject_save_traits(&into, &out);
	assert_string_equal(
	    buf_str(&out), "{\"plan\":\"pro\",\"id\":\"ada\",\"ref\":\"ad\"}");
	buf_free(&out);
	subject_free(&into);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_new),
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_bad_texts),
	    cmocka_unit_test(test_traits),
	    cmocka_unit_test(test_traits_of_the_future),
	    cmocka_unit_test(test_wake),
	    cmocka_unit_test(test_merge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
