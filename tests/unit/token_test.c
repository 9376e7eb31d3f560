/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker/token.h"

static const unsigned char secret[TOKEN_SECRET_SIZE] =
    "thirty-two bytes of great chance";
static const unsigned char other[TOKEN_SECRET_SIZE] =
    "thirty-two bytes of other chance";

static struct token_key *key, *other_key;
static char address[255], topic[64];

static int
make_keys(void **state)
{
	key = token_key_new(secret);
	other_key = token_key_new(other);
	return 0;
}

static int
free_keys(void **state)
{
	token_key_free(key);
	token_key_free(other_key);
	return 0;
}

static int
read_with(struct token_key *k, const char *token)
{
	return token_read(
	    k, token, address, sizeof address, topic, sizeof topic);
}

static void
assert_round_trip(const char *who, const char *what)
{
	struct buf token = {0};

	token_make(key, who, what, &token);
	assert_int_equal(
	    strspn(token.data,
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		"0123456789-_"),
	    token.len);
	assert_int_equal(read_with(key, token.data), 0);
	assert_string_equal(address, who);
	assert_string_equal(topic, what);
	buf_free(&token);
}

static void
test_round_trip(void **state)
{
	char longest[255];

	assert_round_trip("ada@example.com", "onboarding");
	assert_round_trip("ada@example.com", "");
	assert_round_trip("", "onboarding");
	assert_round_trip("", "");
	for (size_t len = 1; len < sizeof longest; len++) {
		memset(longest, 'a', len);
		longest[len] = '\0';
		assert_round_trip(longest, "news");
	}
}

static void
test_appends(void **state)
{
	struct buf url = {0};

	buf_adds(&url, "https://x/u/+/=");
	token_make(key, "ada@example.com", "onboarding", &url);
	assert_memory_equal(url.data, "https://x/u/+/=", 15);
	assert_int_equal(read_with(key, url.data + 15), 0);
	buf_free(&url);
}

static void
test_same_link_every_time(void **state)
{
	struct buf a = {0}, b = {0}, c = {0}, d = {0};

	token_make(key, "ada@example.com", "onboarding", &a);
	token_make(key, "ada@example.com", "onboarding", &b);
	token_make(key, "ada@example.com", "news", &c);
	token_make(key, "ada@example.co", "monboarding", &d);
	assert_string_equal(a.data, b.data);
	assert_string_not_equal(a.data, c.data);
	assert_string_not_equal(a.data, d.data);
	assert_null(strstr(a.data, "ada"));
	buf_free(&a);
	buf_free(&b);
	buf_free(&c);
	buf_free(&d);
}

static void
test_every_flipped_bit_is_refused(void **state)
{
	struct buf token = {0};

	/* Three lengths: each way that base64 can end. */
	for (int more = 0; more < 3; more++) {
		buf_truncate(&token, 0);
		token_make(key, &"xxada@example.com"[more], "news", &token);
		for (size_t bit = 0; bit < token.len * 8; bit++) {
			token.data[bit / 8] ^= (char)(1 << bit % 8);
			assert_int_equal(read_with(key, token.data), -1);
			token.data[bit / 8] ^= (char)(1 << bit % 8);
		}
		assert_int_equal(read_with(key, token.data), 0);
	}
	buf_free(&token);
}

static void
test_cut_and_longer_tokens(void **state)
{
	struct buf token = {0};

	token_make(key, "ada@example.com", "news", &token);
	buf_addc(&token, 'A');
	assert_int_equal(read_with(key, token.data), -1);
	for (size_t len = token.len - 1; len-- > 0;) {
		buf_truncate(&token, len);
		assert_int_equal(read_with(key, token.data), -1);
	}
	for (int i = 0; i < 5000; i++) {
		buf_addc(&token, 'A');
		assert_int_equal(read_with(key, token.data), -1);
	}
	buf_free(&token);
}

static void
test_other_secret_and_small_room(void **state)
{
	struct buf token = {0};
	char small[4];

	token_make(key, "ada@example.com", "news", &token);
	assert_int_equal(read_with(other_key, token.data), -1);
	assert_int_equal(
	    token_read(key, token.data, address, 15, topic, sizeof topic), -1);
	assert_int_equal(
	    token_read(key, token.data, address, 16, topic, sizeof topic), 0);
	assert_int_equal(
	    token_read(key, token.data, address, 16, small, sizeof small), -1);
	buf_free(&token);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_appends),
	    cmocka_unit_test(test_same_link_every_time),
	    cmocka_unit_test(test_every_flipped_bit_is_refused),
	    cmocka_unit_test(test_cut_and_longer_tokens),
	    cmocka_unit_test(test_other_secret_and_small_room),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
