/* SPDX-License-Identifier: MIT */
/* Where the values of metrics come from, in words, as the interface says it. */
#include "tests/unit/turn_fixture.h"
#include "worker/api/api.h"

static void
define(const char *metrics)
{
	char text[2000];

	snprintf(text, sizeof text, "{\"metrics\":{%s}}", metrics);
	write_file("metrics.json", text);
	reload();
}

static json_t *
ask(const char *path)
{
	struct api_call call = {
	    .method = "GET", .path = path, .query = "", .idempotency_key = ""};

	assert_int_equal(turn_begin(&b.turn, b.now), 0);
	assert_int_equal(api_run(&b.turn, &call), 0);
	turn_rollback(&b.turn);
	assert_int_equal(call.status, 200);
	return call.reply;
}

/* What is said of the metric, and that its kind and definition are shown. */
static void
expect(const char *path, const char *name, const char *kind, const char *from)
{
	json_t *reply = ask(path), *list = json_object_get(reply, "metrics");
	const json_t *m = NULL;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);

		if (strcmp(json_string_value(json_object_get(one, "name")),
			name) == 0)
			m = one;
	}
	assert_non_null(m);
	assert_string_equal(
	    json_string_value(json_object_get(m, "kind")), kind);
	assert_string_equal(
	    json_string_value(json_object_get(m, "from")), from);
	assert_non_null(
	    json_object_get(json_object_get(m, "definition"), kind));
	json_decref(reply);
}

#define U "/v1/people/u/metrics"
#define G "/v1/accounts/g/metrics"

static void
a_users(void **state)
{
	define(
	    "\"n\":{\"count\":\"A\"},\"n7\":{\"sum\":\"A\",\"of\":\"v\","
	    "\"window\":\"7d\"},\"v\":{\"latest\":\"A\",\"of\":\"v\"},"
	    "\"first\":{\"first\":\"A\"},\"none\":{\"last\":\"B\"},"
	    "\"different\":{\"distinct\":\"A\",\"of\":\"v\"},"
	    "\"plan\":{\"trait\":\"plan\"},"
	    "\"more\":{\"expr\":\"metric.n | plus: metric.n7\"},"
	    "\"steps\":{\"milestones\":[{\"name\":\"One\",\"if\":"
	    "\"metric.n > 0\"},{\"name\":\"Two\",\"if\":\"metric.n > 5\"}]}");
	for (int i = 1; i <= 3; i++)
		ingest("{\"type\":\"track\",\"userId\":\"u\",\"event\":\"A\","
		       "\"timestamp\":\"2026-03-27T09:00:00Z\","
		       "\"properties\":{\"v\":4}}");
	expect(U, "n", "count", "3 events A");
	expect(U, "n7", "sum", "3 events A, in the last 7 days");
	expect(U, "v", "latest", "A on 2026-03-27T09:00:00+00:00");
	expect(U, "first", "first", "A on 2026-03-27T09:00:00+00:00");
	expect(U, "none", "last", "no B yet");
	expect(U, "different", "distinct", "1 value of v in A");
	expect(U, "plan", "trait", "trait plan");
	expect(U, "more", "expr", "metric.n 3, metric.n7 12");
	expect(U, "steps", "milestones", "1 of 2 done, next: Two");
	b.now += 10 * 24 * HOUR;
	expect(U, "n7", "sum", "0 events A, in the last 7 days");
}

static void
an_accounts(void **state)
{
	define("\"n\":{\"count\":\"A\"},"
	       "\"all\":{\"for\":\"account\",\"count\":\"A\"},"
	       "\"share\":{\"for\":\"account\",\"share\":\"metric.n > 0\"},"
	       "\"heads\":{\"for\":\"account\",\"count\":\"metric.n > 0\"},"
	       "\"most\":{\"for\":\"account\",\"max\":\"metric.n\"},"
	       "\"seats\":{\"for\":\"account\",\"sum\":\"user.seats\"}");
	for (int i = 0; i < 3; i++) {
		char event[160];

		snprintf(event, sizeof event,
		    "{\"type\":\"group\",\"userId\":\"%c\",\"groupId\":\"g\"}",
		    'u' + i);
		ingest(event);
	}
	ingest("{\"type\":\"track\",\"userId\":\"u\",\"event\":\"A\"}");
	expect(G, "all", "count", "1 event A");
	expect(G, "share", "share", "1 of 3 members");
	expect(G, "heads", "count", "1 member");
	expect(G, "most", "max", "3 members");
	expect(G, "seats", "sum", "no member counts");
	/* a new one waits until all members are done */
	define("\"n\":{\"count\":\"A\"},"
	       "\"least\":{\"for\":\"account\",\"min\":\"metric.n\"}");
	expect(
	    G, "least", "min", "everybody is being brought up to date first");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_users),
	    TEST(an_accounts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
