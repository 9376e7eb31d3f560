/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "worker/http/segment.h"

#define RECEIVED 1795309662000 /* 2026-11-22T01:07:42Z */

static struct segment_batch batch;
static struct error why;

static int
parse_bytes(enum segment_type type, const void *body, size_t len)
{
	struct segment_request request = {
	    .type = type,
	    .body = body,
	    .len = len,
	    .max_inflated = 100000,
	    .max_depth = 20,
	    .received_ms = RECEIVED,
	    .serial = 7,
	};

	return segment_parse(&request, &batch, &why);
}

static int
parse(enum segment_type type, const char *body)
{
	return parse_bytes(type, body, strlen(body));
}

static int
clean(void **state)
{
	segment_batch_free(&batch);
	return 0;
}

static void
paths(void **state)
{
	assert_int_equal(segment_path("/v1/track"), SEGMENT_TRACK);
	assert_int_equal(segment_path("/v1/track/"), SEGMENT_TRACK);
	assert_int_equal(segment_path("/v1/i"), SEGMENT_IDENTIFY);
	assert_int_equal(segment_path("/v1/g"), SEGMENT_GROUP);
	assert_int_equal(segment_path("/v1/a"), SEGMENT_ALIAS);
	assert_int_equal(segment_path("/v1/b"), SEGMENT_BATCH);
	assert_int_equal(segment_path("/v1/import/"), SEGMENT_BATCH);
	assert_int_equal(segment_path("/v1/people"), -1);
	assert_int_equal(segment_path("/v1/"), -1);
	assert_int_equal(segment_path("/v2/track"), -1);
	assert_int_equal(segment_path("/"), -1);
	assert_int_equal(segment_path("/v1/pixel/track"), -1);
	assert_int_equal(segment_pixel_path("/v1/pixel/track"), SEGMENT_TRACK);
	assert_int_equal(segment_pixel_path("/v1/track"), -1);
}

static void
single_track(void **state)
{
	assert_int_equal(
	    parse(SEGMENT_TRACK, "{\"userId\":\"u1\",\"event\":\"Signed Up\","
				 "\"messageId\":\"m1\",\"writeKey\":\"k\","
				 "\"properties\":{\"plan\":\"free\"},"
				 "\"context\":{\"groupId\":\"g1\","
				 "\"timezone\":\"Europe/Berlin\","
				 "\"traits\":{\"email\":\"a@b.example\"}}}"),
	    200);
	assert_int_equal(batch.count, 1);
	assert_string_equal(batch.events[0].user_id, "u1");
	assert_string_equal(batch.events[0].name, "Signed Up");
	assert_string_equal(batch.events[0].message_id, "m1");
	assert_string_equal(batch.events[0].group_id, "g1");
	assert_string_equal(batch.events[0].timezone, "Europe/Berlin");
	assert_non_null(batch.events[0].traits);
	assert_int_equal(batch.events[0].at_ms, RECEIVED);
}

/* The event at this place of the batch, which are all but the first and last */
static void
assert_left_out(int place, enum segment_discard reason, const char *type,
    const char *user_id)
{
	const struct segment_discarded *d = &batch.discarded[place - 1];

	assert_int_equal(d->place, place);
	assert_string_equal(
	    segment_discard_name(d->reason), segment_discard_name(reason));
	assert_string_equal(d->type, type);
	assert_string_equal(d->user_id, user_id);
	assert_string_equal(d->anonymous_id, "");
}

static void
one_bad_event_does_not_fail_the_batch(void **state)
{
	assert_int_equal(
	    parse(SEGMENT_BATCH,
		"{\"batch\":[{\"type\":\"track\",\"userId\":1,"
		"\"event\":\"A\"},5,{\"type\":\"tarck\",\"userId\":\"u\"},"
		"{\"type\":\"track\",\"event\":\"B\"},"
		"{\"type\":\"track\",\"userId\":\"u\",\"event\":7},"
		"{\"type\":\"track\",\"userId\":{},\"event\":\"C\"},"
		"{\"type\":\"track\",\"userId\":\"u\",\"event\":\"D\","
		"\"properties\":[]},"
		"{\"type\":\"identify\",\"userId\":\"a\\u0000b\"},"
		"{\"type\":\"page\",\"anonymousId\":\"x\","
		"\"name\":\"Pricing\"}]}"),
	    200);
	assert_int_equal(batch.count, 2);
	assert_string_equal(batch.events[0].user_id, "1");
	assert_string_equal(batch.events[1].name, "Viewed Pricing Page");
	assert_left_out(1, DISCARD_NOT_OBJECT, "", "");
	assert_left_out(2, DISCARD_UNKNOWN_TYPE, "tarck", "u");
	assert_left_out(3, DISCARD_NO_ID, "track", "");
	assert_left_out(4, DISCARD_EVENT_NOT_STRING, "track", "u");
	assert_left_out(5, DISCARD_ID_NOT_STRING, "track", "");
	assert_left_out(6, DISCARD_PROPERTIES_NOT_OBJECT, "track", "u");
	assert_left_out(7, DISCARD_NUL_CHARACTER, "identify", "a");
	assert_int_equal(batch.n_discarded, 7);
}

/* A good event, one with this in its properties, and another good one. */
static void
parse_between(const char *properties)
{
	char body[1000];

	segment_batch_free(&batch);
	snprintf(body, sizeof body,
	    "{\"sentAt\":\"2026-11-22T01:07:42Z\",\"batch\":["
	    "{\"type\":\"track\",\"userId\":\"u\",\"event\":\"A\"},"
	    "{\"type\":\"track\",\"userId\":\"v\",\"messageId\":\"m2\","
	    "\"event\":\"B\",\"properties\":%s},"
	    "{\"type\":\"track\",\"userId\":\"w\",\"event\":\"C\"}]}",
	    properties);
	assert_int_equal(parse(SEGMENT_BATCH, body), 200);
}

static void
assert_mended(const char *properties, const char *as)
{
	char *text;

	parse_between(properties);
	assert_int_equal(batch.count, 3);
	assert_int_equal(batch.n_discarded, 0);
	text = json_dumps(batch.events[1].body, JSON_COMPACT);
	assert_string_equal(text, as);
	free(text);
}

static void
what_does_no_harm_is_mended(void **state)
{
	assert_mended(
	    "{\"a\":\"cut \\ud83c\"}", "{\"a\":\"cut \xef\xbf\xbd\"}");
	assert_mended(
	    "{\"a\":\"\\uDF89\\\\\\\"\"}", "{\"a\":\"\xef\xbf\xbd\\\\\\\"\"}");
	assert_mended("{\"a\":\"\\ud83c\\ud83c\\udf89\"}",
	    "{\"a\":\"\xef\xbf\xbd\xf0\x9f\x8e\x89\"}");
	assert_mended("{\"\\ud83c\":1}", "{\"\xef\xbf\xbd\":1}");
	assert_mended(
	    "{\"a\":18446744073709551616}", "{\"a\":1.8446744073709552e19}");
	assert_mended("{\"a\":[-9223372036854775809,9223372036854775807,"
		      "0.12345678901234567890123,\"99999999999999999999\"]}",
	    "{\"a\":[-9.2233720368547758e18,9223372036854775807,"
	    "0.12345678901234568,\"99999999999999999999\"]}");
}

static void
an_event_that_is_no_json_takes_no_other_with_it(void **state)
{
	static const char *const bad[] = {"{\"a\":1e400}", "{\"a\":NaN}",
	    "{\"a\\u0000b\":1}", "{\"a\":\"\xff\"}", "{\"a\":01}", "{,}",
	    "{\"a\":\"\\q\"}", "{\"a\":\"\n\"}", "[1}", "undefined"};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		parse_between(bad[i]);
		assert_int_equal(batch.count, 2);
		assert_string_equal(batch.events[0].name, "A");
		assert_string_equal(batch.events[1].name, "C");
		assert_int_equal(batch.n_discarded, 1);
		assert_left_out(1, DISCARD_INVALID_JSON, "track", "v");
		assert_string_equal(batch.discarded[0].message_id, "m2");
	}
	segment_batch_free(&batch);
	assert_int_equal(
	    parse(SEGMENT_BATCH,
		"{\"context\":{\"a\":NaN},\"batch\":[NaN,{\"type\":\"page\","
		"\"userId\":\"u\"}]}"),
	    200);
	assert_int_equal(batch.count, 1);
	assert_int_equal(batch.discarded[0].reason, DISCARD_INVALID_JSON);
}

static void
ids_are_not_rounded(void **state)
{
	assert_int_equal(
	    parse(SEGMENT_BATCH,
		"{\"batch\":[{\"type\":\"page\",\"userId\":1.5},"
		"{\"type\":\"page\",\"userId\":12345678901234567890123}]}"),
	    200);
	assert_string_equal(batch.events[0].user_id, "1.5");
	assert_int_equal(batch.count, 1);
	assert_left_out(1, DISCARD_ID_NOT_STRING, "page", "");
}

static void
ids_have_a_bound(void **state)
{
	static const char *const forms[] = {"{\"type\":\"page\",\"userId\":\"",
	    "{\"type\":\"page\",\"anonymousId\":\"",
	    "{\"type\":\"alias\",\"userId\":\"u\",\"previousId\":\"",
	    "{\"type\":\"group\",\"userId\":\"u\",\"groupId\":\"",
	    "{\"type\":\"page\",\"userId\":\"u\",\"context\":"
	    "{\"groupId\":\""};
	char id[SEGMENT_ID_MAX + 2], body[600];

	for (size_t i = 0; i < 2 * sizeof forms / sizeof forms[0]; i++) {
		bool is_long = i % 2;

		memset(id, 'x', SEGMENT_ID_MAX + is_long);
		id[SEGMENT_ID_MAX + is_long] = '\0';
		snprintf(body, sizeof body, "{\"batch\":[%s%s\"}%s]}",
		    forms[i / 2], id, i / 2 == 4 ? "}" : "");
		assert_int_equal(parse(SEGMENT_BATCH, body), 200);
		assert_int_equal(batch.count, !is_long);
		if (is_long)
			assert_int_equal(
			    batch.discarded[0].reason, DISCARD_ID_TOO_LONG);
		segment_batch_free(&batch);
	}
}

static void
clock_is_corrected(void **state)
{
	/* the client's clock is an hour ahead; the event was 10 s old */
	assert_int_equal(
	    parse(SEGMENT_BATCH,
		"{\"sentAt\":\"2026-11-22T02:07:42.000Z\",\"batch\":["
		"{\"type\":\"track\",\"userId\":\"u\",\"event\":\"E\","
		"\"timestamp\":\"2026-11-22T02:07:32.000Z\"},"
		"{\"type\":\"track\",\"userId\":\"u\",\"event\":\"E\","
		"\"timestamp\":\"2099-01-01T00:00:00Z\"},"
		"{\"type\":\"track\",\"userId\":\"u\",\"event\":\"E\","
		"\"originalTimestamp\":\"2026-11-22T02:07:41Z\"},"
		"{\"type\":\"track\",\"userId\":\"u\",\"event\":\"E\"}]}"),
	    200);
	assert_int_equal(batch.events[0].at_ms, RECEIVED - 10000);
	assert_int_equal(batch.events[1].at_ms, RECEIVED);
	assert_int_equal(batch.events[2].at_ms, RECEIVED - 1000);
	assert_int_equal(batch.events[3].at_ms, RECEIVED);
}

static void
without_sent_at_the_time_stands(void **state)
{
	assert_int_equal(
	    parse(SEGMENT_TRACK, "{\"userId\":\"u\",\"event\":\"E\","
				 "\"timestamp\":\"2026-11-21T01:07:42Z\"}"),
	    200);
	assert_int_equal(batch.events[0].at_ms, RECEIVED - 86400000);
}

static void
missing_message_ids_are_made_up(void **state)
{
	assert_int_equal(
	    parse(SEGMENT_BATCH,
		"{\"batch\":[{\"type\":\"track\",\"userId\":\"u\","
		"\"event\":\"E\"},{\"type\":\"track\",\"userId\":\"u\","
		"\"event\":\"E\"}]}"),
	    200);
	assert_string_not_equal(batch.events[0].message_id, "");
	assert_string_not_equal(
	    batch.events[0].message_id, batch.events[1].message_id);
}

static void
context_of_the_batch(void **state)
{
	assert_int_equal(parse(SEGMENT_BATCH,
			     "{\"context\":{\"locale\":\"de-AT\"},\"batch\":["
			     "{\"type\":\"identify\",\"userId\":\"u\"},"
			     "{\"type\":\"identify\",\"userId\":\"v\","
			     "\"context\":{\"locale\":\"fr\"}}]}"),
	    200);
	assert_string_equal(batch.events[0].locale, "de-AT");
	assert_string_equal(batch.events[1].locale, "fr");
}

static size_t
gzip(const char *text, size_t len, unsigned char *out, size_t size)
{
	z_stream z = {.next_in = (Bytef *)text,
	    .avail_in = (uInt)len,
	    .next_out = out,
	    .avail_out = (uInt)size};

	assert_int_equal(
	    deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY),
	    Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return z.total_out;
}

static void
gzip_whatever_the_headers_say(void **state)
{
	const char *body = "{\"userId\":\"u\",\"event\":\"E\"}";
	unsigned char packed[2000];
	static char zeros[200000];
	size_t len = gzip(body, strlen(body), packed, sizeof packed);

	assert_int_equal(parse_bytes(SEGMENT_TRACK, packed, len), 200);
	assert_int_equal(batch.count, 1);
	segment_batch_free(&batch);
	assert_int_equal(parse_bytes(SEGMENT_TRACK, packed, len - 9), 400);
	packed[len] = '}';
	assert_int_equal(parse_bytes(SEGMENT_TRACK, packed, len + 1), 400);
	len = gzip(body, 10, packed, sizeof packed);
	len += gzip(
	    body + 10, strlen(body) - 10, packed + len, sizeof packed - len);
	assert_int_equal(parse_bytes(SEGMENT_TRACK, packed, len), 200);
	assert_string_equal(batch.events[0].name, "E");
	segment_batch_free(&batch);
	memset(zeros, ' ', sizeof zeros);
	len = gzip(zeros, sizeof zeros, packed, sizeof packed);
	assert_int_equal(parse_bytes(SEGMENT_TRACK, packed, len), 413);
}

static void
plain_text_that_is_called_gzip(void **state)
{
	struct segment_request request = {
	    .type = SEGMENT_TRACK, .body = "{}", .len = 2, .is_gzip = true};

	assert_int_equal(segment_parse(&request, &batch, &why), 400);
	assert_non_null(strstr(why.text, "Content-Encoding says gzip"));
}

/* What each costs as a value is 30 times its bytes. */
static void
values_are_bounded(void **state)
{
	static char body[6000] = "{\"userId\":\"u\",\"event\":\"E\","
				 "\"properties\":{\"a\":[0";
	size_t len = strlen(body);
	struct segment_request request = {
	    .type = SEGMENT_TRACK, .body = body, .max_values = 1000};

	for (int i = 0; i < 495; i++)
		strcpy(body + len + 3 * (size_t)i, ",{}");
	strcat(body, "]}}");
	request.len = strlen(body);
	assert_int_equal(segment_parse(&request, &batch, &why), 200);
	assert_true(batch.kilobytes >= 1000 / 60);
	segment_batch_free(&batch);
	request.max_values = 990;
	assert_int_equal(segment_parse(&request, &batch, &why), 413);
	assert_non_null(strstr(why.text, "more than 990 values"));
}

static bool
is_good_key(const void *keys, const char *key)
{
	return strcmp(keys, key) == 0;
}

static void
keys_of_the_body(void **state)
{
	static const struct {
		const char *body;
		int status;
	} cases[] = {
	    {"{\"userId\":\"u\",\"event\":\"E\",\"writeKey\":\"k1\"}", 200},
	    {"{\"writeKey\":\"k1\",\"userId\":\"u\",\"event\":\"E\"}", 200},
	    {"{\"userId\":\"u\",\"event\":\"E\",\"writeKey\":\"k2\"}", 401},
	    {"{\"userId\":\"u\",\"event\":\"E\",\"writeKey\":\"\"}", 401},
	    {"{\"userId\":\"u\",\"event\":\"E\",\"writeKey\":11}", 401},
	    {"{\"userId\":\"u\",\"event\":\"E\",\"a\":{\"writeKey\":\"k1\"}}",
		401},
	    {"{}", 401},
	    {"{\"userId\":\"u\"", 400},
	    {"[]", 400},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct segment_request request = {.type = SEGMENT_TRACK,
		    .body = cases[i].body,
		    .len = strlen(cases[i].body),
		    .has_key = is_good_key,
		    .keys = "k1"};

		assert_int_equal(
		    segment_parse(&request, &batch, &why), cases[i].status);
		segment_batch_free(&batch);
	}
}

static void
bad_json(void **state)
{
	assert_int_equal(parse(SEGMENT_BATCH, "{\n\"batch\":[{},]}"), 400);
	assert_string_equal(why.text, "the body is not JSON: line 2, column "
				      "13: unexpected token near ']'");
	assert_int_equal(parse(SEGMENT_TRACK, "{\"event\":1e400}"), 400);
	assert_non_null(strstr(why.text, "real number overflow"));
	assert_int_equal(parse(SEGMENT_BATCH, "{\"batch\":[{]}]}"), 400);
	assert_int_equal(parse(SEGMENT_BATCH, "{\"batch\":[NaN]} {}"), 400);
	assert_int_equal(parse(SEGMENT_BATCH, "{\"batch\":NaN}"), 400);
	assert_int_equal(parse(SEGMENT_BATCH, "{\"batch\":["), 400);
	assert_int_equal(parse(SEGMENT_BATCH, ""), 400);
	assert_int_equal(parse(SEGMENT_BATCH, "[]"), 400);
	assert_int_equal(parse(SEGMENT_BATCH, "{\"batch\":\"\xff\"}"), 400);
	assert_int_equal(parse(SEGMENT_BATCH, "{}"), 400);
	assert_int_equal(parse(SEGMENT_BATCH, "{\"batch\":1}"), 400);
	assert_int_equal(parse(SEGMENT_BATCH, "{\"batch\":[]}"), 200);
	assert_int_equal(batch.count, 0);
	assert_int_equal(batch.n_discarded, 1);
	assert_int_equal(batch.discarded[0].reason, DISCARD_EMPTY_BATCH);
}

static void
deep_json_is_refused_not_followed(void **state)
{
	static char deep[20001];

	memset(deep, '[', 20000);
	assert_int_equal(parse(SEGMENT_TRACK, deep), 400);
	/* 20 is the bound of these tests; what stands in strings is no depth */
	assert_int_equal(
	    parse(SEGMENT_TRACK, "{\"userId\":\"u\",\"event\":\"\\\"[[[[[[[[["
				 "[[[[[[[[[[[[[[[\",\"properties\":{\"a\":"
				 "[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]}}"),
	    200);
	segment_batch_free(&batch);
	assert_int_equal(
	    parse(SEGMENT_TRACK, "{\"properties\":{\"a\":[[[[[[[[[["
				 "[[[[[[[[[]]]]]]]]]]]]]]]]]]]}}"),
	    400);
}

static void
basic_keys(void **state)
{
	char key[40];

	assert_true(segment_basic_key("Basic V1JJVEVLRVkxMjM6", key, 40));
	assert_string_equal(key, "WRITEKEY123");
	assert_true(segment_basic_key("basic V1JJVEVLRVkxMjM=", key, 40));
	assert_string_equal(key, "WRITEKEY123");
	assert_true(segment_basic_key("Basic V1JJVEVLRVkxMjM6", key, 12));
	assert_false(segment_basic_key("Basic V1JJVEVLRVkxMjM6", key, 11));
	assert_false(segment_basic_key("Basic ???", key, 40));
	assert_false(segment_basic_key("Basic ", key, 40));
	assert_false(segment_basic_key("Bearer abc", key, 40));
	assert_false(segment_basic_key(NULL, key, 40));
}

static int
parse_pixel(const char *text)
{
	struct segment_request request = {
	    .type = SEGMENT_TRACK,
	    .body = text,
	    .len = strlen(text),
	    .is_base64 = true,
	    .received_ms = RECEIVED,
	};

	return segment_parse(&request, &batch, &why);
}

static void
pixels(void **state)
{
	assert_int_equal(
	    parse_pixel("eyJ1c2VySWQiOiJ1IiwiZXZlbnQiOiJFIn0"), 200);
	assert_string_equal(batch.events[0].user_id, "u");
	segment_batch_free(&batch);
	assert_int_equal(parse_pixel(""), 400);
	assert_int_equal(parse_pixel("no base64, which is longer"), 400);
}

static void
base64_of_a_pixel(void **state)
{
	size_t len;
	char *text = segment_base64("eyJhIjoi8J-YgCJ9", &len);

	assert_string_equal(text, "{\"a\":\"\xf0\x9f\x98\x80\"}");
	assert_int_equal(len, strlen(text));
	free(text);
	text = segment_base64("eyJhIjoxfQ", &len);
	assert_string_equal(text, "{\"a\":1}");
	free(text);
	assert_null(segment_base64("e!", &len));
	assert_int_equal(len, 0);
	text = segment_base64("    eyJhIjoxfQ", &len);
	assert_string_equal(text, "{\"a\":1}");
	assert_int_equal(len, 7);
	free(text);
	text = segment_base64("", &len);
	assert_string_equal(text, "");
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(paths),
	    cmocka_unit_test_teardown(single_track, clean),
	    cmocka_unit_test_teardown(
		one_bad_event_does_not_fail_the_batch, clean),
	    cmocka_unit_test_teardown(what_does_no_harm_is_mended, clean),
	    cmocka_unit_test_teardown(
		an_event_that_is_no_json_takes_no_other_with_it, clean),
	    cmocka_unit_test_teardown(ids_are_not_rounded, clean),
	    cmocka_unit_test_teardown(ids_have_a_bound, clean),
	    cmocka_unit_test_teardown(clock_is_corrected, clean),
	    cmocka_unit_test_teardown(without_sent_at_the_time_stands, clean),
	    cmocka_unit_test_teardown(missing_message_ids_are_made_up, clean),
	    cmocka_unit_test_teardown(context_of_the_batch, clean),
	    cmocka_unit_test_teardown(gzip_whatever_the_headers_say, clean),
	    cmocka_unit_test_teardown(plain_text_that_is_called_gzip, clean),
	    cmocka_unit_test_teardown(values_are_bounded, clean),
	    cmocka_unit_test_teardown(keys_of_the_body, clean),
	    cmocka_unit_test_teardown(bad_json, clean),
	    cmocka_unit_test_teardown(deep_json_is_refused_not_followed, clean),
	    cmocka_unit_test(basic_keys),
	    cmocka_unit_test_teardown(pixels, clean),
	    cmocka_unit_test(base64_of_a_pixel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
