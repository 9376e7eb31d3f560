/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "worker/delivery/webhook/signature.h"

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define OTHER  "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"

/* RFC 8032 section 7.1, TEST 1. */
#define SEED	"nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="
#define PUBLIC	"whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
#define PRIVATE "whsk_" SEED
#define PRIVATE_AND_PUBLIC                                         \
	"whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2DXWpgBgrE" \
	"Kt9VL/tPJZAc6DuFy89qmIyWvAhpo9wdRGg=="

static void
assert_signs(const char *secret, const char *id, int64_t timestamp,
    const char *body, const char *expected)
{
	struct signature_key key;
	struct buf out = {0};
	struct error e;

	assert_int_equal(signature_key_parse(&key, secret, &e), 0);
	signature_make(&key, 1, id, timestamp, body, strlen(body), &out);
	assert_string_equal(buf_str(&out), expected);
	buf_free(&out);
}

static void
test_vectors(void **state)
{
	assert_signs(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330,
	    "{\"test\": 2432232314}",
	    "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
	assert_signs(SECRET, "msg_empty", 1700000000, "",
	    "v1,LrOGikvEp3ovC4ipwU5sfXzzFy9SMN1tDL3jPPGtLmc=");
	assert_signs(SECRET, "msg_utf8", 1700000000,
	    "{\"name\":\"Zo\xc3\xab \xf0\x9f\x8e\x89\"}",
	    "v1,QxtCKvRkszYkBnwHJeMPL7TL/CvcP+L0JG4CHvvYllQ=");
}

/* Worked out with another implementation of RFC 8032. */
static void
test_private_keys(void **state)
{
	static const char *const secrets[] = {PRIVATE, PRIVATE_AND_PUBLIC};

	for (int i = 0; i < 2; i++) {
		struct signature_key key;
		struct buf public = {0};
		struct error e;

		assert_signs(secrets[i], "msg_p5jXN8AQM9LWM0D4loKWxJek",
		    1614265330, "{\"test\": 2432232314}",
		    "v1a,fldxM4gAKugP6nnt1hdz3sgGfZ6d99nzrMFnZOELIxbzEHoVmAb2"
		    "ADpkJK7zgPePmPsle0zV9jSeGlHFG2NVAw==");
		assert_signs(secrets[i], "msg_empty", 1700000000, "",
		    "v1a,UN0cXfw1QoEd+Iv+yjPvsJhTtkSS5Eu7MJrP8J6acr7H12Wtgi0d"
		    "9DZuWephkj4eUHLXzV/CjhOInoZErWWnCA==");
		assert_int_equal(signature_key_parse(&key, secrets[i], &e), 0);
		signature_public_key(&key, &public);
		assert_string_equal(public.data, PUBLIC);
		buf_free(&public);
	}
}

/* The same, from the collection of vectors that other parts are tested with. */
static void
test_shared_vectors(void **state)
{
	const char *shared = getenv("NUDGE_SHARED");
	char path[512];
	json_t *root, *hooks, *c;
	size_t i;

	snprintf(path, sizeof path, "%s/reference/wire/vectors.json",
	    shared != NULL ? shared : "../shared");
	root = json_load_file(path, 0, NULL);
	if (root == NULL) {
		print_message("skipped: no %s\n", path);
		skip();
	}
	hooks = json_object_get(root, "standard_webhooks");
	assert_true(json_array_size(json_object_get(hooks, "cases")) > 0);
	json_array_foreach(json_object_get(hooks, "cases"), i, c)
	    assert_signs(json_string_value(json_object_get(hooks, "secret")),
		json_string_value(json_object_get(c, "id")),
		json_integer_value(json_object_get(c, "timestamp")),
		json_string_value(json_object_get(c, "body")),
		json_string_value(json_object_get(c, "signature")));
	json_decref(root);
}

static void
test_two_secrets(void **state)
{
	struct signature_key keys[2];
	struct buf out = {0};
	struct error e;

	assert_int_equal(signature_key_parse(&keys[0], OTHER, &e), 0);
	assert_int_equal(signature_key_parse(&keys[1], SECRET, &e), 0);
	signature_make(keys, 2, "msg_empty", 1700000000, "", 0, &out);
	assert_int_equal(out.len, 2 * 47 + 1);
	assert_memory_equal(out.data, "v1,", 3);
	assert_string_equal(
	    out.data + 47, " v1,LrOGikvEp3ovC4ipwU5sfXzzFy9SMN1tDL3jPPGtLmc=");
	buf_free(&out);
}

/* Whoever has the old secret and whoever has the new public key take it. */
static void
test_both_kinds(void **state)
{
	struct signature_key keys[2];
	struct buf out = {0};
	struct error e;

	assert_int_equal(signature_key_parse(&keys[0], PRIVATE, &e), 0);
	assert_int_equal(signature_key_parse(&keys[1], SECRET, &e), 0);
	signature_make(keys, 2, "msg_empty", 1700000000, "", 0, &out);
	assert_string_equal(out.data,
	    "v1a,UN0cXfw1QoEd+Iv+yjPvsJhTtkSS5Eu7MJrP8J6acr7H12Wtgi0d9DZuWeph"
	    "kj4eUHLXzV/CjhOInoZErWWnCA== "
	    "v1,LrOGikvEp3ovC4ipwU5sfXzzFy9SMN1tDL3jPPGtLmc=");
	buf_free(&out);
}

static void
test_bad_secrets(void **state)
{
	static const struct {
		const char *secret, *says;
	} rows[] = {
	    {"", "begins with"},
	    {"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "begins with"},
	    {"whsec_", "not base64"},
	    {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "not base64"},
	    {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa w", "not base64"},
	    {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa-_", "not base64"},
	    {"whsec_ MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa", "not base64"},
	    /* a stray bit behind the last byte */
	    {"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGB==", "not base64"},
	    {"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRY=", "this one has 23"},
	    {"whsec_"
	     "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4v"
	     "MDEyMzQ1Njc4OTo7PD0+P0A=",
		"this one has 65"},
	    {PUBLIC, "begins with"},
	    {"whsk_", "not base64"},
	    {"whsk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX", "this one has 24"},
	    {"whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A", "not base64"},
	    {"whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2DYWpgBgrEKt9VL/"
	     "tPJZAc6DuFy89qmIyWvAhpo9wdRGg==",
		"another's"},
	};
	struct signature_key key;
	struct error e;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(
		    signature_key_parse(&key, rows[i].secret, &e), -1);
		if (strstr(e.text, rows[i].says) == NULL)
			fail_msg("\"%s\": %s", rows[i].secret, e.text);
		assert_null(strstr(e.text, "MfKQ"));
		assert_null(strstr(e.text, "nWGx"));
	}
}

static void
test_key_sizes(void **state)
{
	struct signature_key key;
	struct error e;

	assert_int_equal(signature_key_parse(&key, OTHER, &e), 0);
	assert_int_equal(key.len, 24);
	assert_int_equal(key.bytes[23], 23);
	assert_int_equal(signature_key_parse(&key,
			     "whsec_"
			     "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJ"
			     "CUmJygpKissLS4v"
			     "MDEyMzQ1Njc4OTo7PD0+Pw==",
			     &e),
	    0);
	assert_int_equal(key.len, 64);
	assert_int_equal(key.bytes[63], 63);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_vectors),
	    cmocka_unit_test(test_private_keys),
	    cmocka_unit_test(test_shared_vectors),
	    cmocka_unit_test(test_two_secrets),
	    cmocka_unit_test(test_both_kinds),
	    cmocka_unit_test(test_bad_secrets),
	    cmocka_unit_test(test_key_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
