/* SPDX-License-Identifier: MIT */
#include "tests/unit/turn_fixture.h"

#include "worker/settings/topics.h"
#include "worker/turn/preferences.h"

#define ADDRESS "u@b.example"

/* Topics: news and onboarding, the sequence's. */
static int
start_with_news(void **state)
{
	start_with("");
	write_file("templates/news.md",
	    "Subject: News\nTopic: news\n\n[Stop]({{ unsubscribe_url }})\n");
	write_file("templates/news.de.md",
	    "Subject: News\nTopic: news\n\n[Halt]({{ unsubscribe_url }})\n");
	reload();
	ingest(IDENTIFY);
	return 0;
}

/* How things stand after this, as "all news onboarding"; wanted is freed. */
static const char *
apply(json_t *wanted)
{
	static char text[60];
	json_t *standing;

	assert_int_equal(turn_begin(&b.turn, b.now), 0);
	assert_int_equal(
	    preferences_apply(&b.turn, ADDRESS, wanted, &standing), 0);
	assert_int_equal(turn_write(&b.turn), 0);
	assert_int_equal(turn_commit(&b.turn), 0);
	assert_int_equal(json_object_size(standing), 3);
	snprintf(text, sizeof text, "%s %s %s",
	    json_string_value(json_object_get(standing, "")),
	    json_string_value(json_object_get(standing, "news")),
	    json_string_value(json_object_get(standing, "onboarding")));
	json_decref(standing);
	json_decref(wanted);
	return text;
}

/* Exactly these, with a blank between. */
static const char *
tick(const char *topics)
{
	json_t *list = json_array();

	for (size_t len; *topics != '\0';
	     topics += len + (topics[len] == ' ')) {
		len = strcspn(topics, " ");
		json_array_append_new(list, json_stringn(topics, len));
	}
	return apply(json_pack("{s:o}", "topics", list));
}

static const char *
leave_all(void)
{
	return apply(json_pack("{s:b}", "all", 1));
}

static void
leave(const char *topic)
{
	assert_int_equal(turn_begin(&b.turn, b.now), 0);
	assert_int_equal(preferences_leave(&b.turn, ADDRESS, topic), 0);
	assert_int_equal(turn_write(&b.turn), 0);
	assert_int_equal(turn_commit(&b.turn), 0);
}

static void
suppress(const char *topic, const char *reason)
{
	assert_int_equal(queue_begin(b.queue), 0);
	queue_suppress(b.queue, ADDRESS, topic, reason, b.now);
	assert_int_equal(queue_commit(b.queue), 0);
}

static void
unsuppress(const char *topic)
{
	assert_int_equal(queue_begin(b.queue), 0);
	queue_unsuppress(b.queue, ADDRESS, topic);
	assert_int_equal(queue_commit(b.queue), 0);
}

/* The newest decisions about subscriptions, newest first: "-news +news". */
static const char *
decisions(void)
{
	static char text[200];
	struct queue_decision rows[20];
	int n =
	    queue_decisions_of(b.queue, id_of(QUEUE_USER_ID, "u"), 0, rows, 20);
	size_t len = 0;

	text[0] = '\0';
	for (int i = 0; i < n; i++) {
		bool is_leave = strcmp(rows[i].what, "unsubscribed") == 0;

		if (!is_leave && strcmp(rows[i].what, "subscribed") != 0)
			continue;
		len += (size_t)snprintf(text + len, sizeof text - len,
		    "%s%c%.*s", len > 0 ? " " : "", is_leave ? '-' : '+',
		    (int)strcspn(rows[i].reason, ","), rows[i].reason);
	}
	return text;
}

static void
what_is_ticked_holds(void **state)
{
	assert_string_equal(apply(NULL), "on on on");
	assert_string_equal(tick("news"), "on on off");
	assert_string_equal(tick("news"), "on on off");
	assert_string_equal(apply(NULL), "on on off");
	assert_string_equal(decisions(), "-onboarding");
	assert_string_equal(tick("onboarding"), "on off on");
	assert_string_equal(tick("onboarding news nothing"), "on on on");
	assert_string_equal(decisions(), "+news +onboarding -news -onboarding");
}

static void
everything_and_back(void **state)
{
	leave("news");
	assert_string_equal(leave_all(), "off off off");
	assert_string_equal(leave_all(), "off off off");
	assert_string_equal(decisions(), "-all topics -news");
	assert_string_equal(tick("nothing"), "off off off");
	assert_string_equal(tick("news"), "on on off");
	assert_string_equal(tick(""), "on off off");
}

static void
only_their_own_word_is_taken_back(void **state)
{
	suppress("news", "by an operator");
	assert_string_equal(apply(NULL), "on blocked on");
	assert_string_equal(tick("news onboarding"), "on blocked on");
	leave("news");
	assert_string_equal(tick("news onboarding"), "on blocked on");
	assert_string_equal(leave_all(), "off blocked off");
	assert_string_equal(tick("news onboarding"), "on blocked on");
}

/* What is said while nothing is sent counts when something is again. */
static void
a_dead_address_keeps_its_word(void **state)
{
	suppress("", "hard bounce");
	assert_string_equal(leave_all(), "blocked blocked blocked");
	assert_string_equal(tick("news onboarding"), "blocked blocked blocked");
	assert_string_equal(decisions(), "");
	leave("onboarding");
	unsuppress("");
	assert_string_equal(apply(NULL), "on on off");
}

static void
everybody_with_the_address_is_told(void **state)
{
	struct queue_decision row;

	ingest("{\"type\":\"identify\",\"userId\":\"v\",\"traits\":"
	       "{\"email\":\"U@B.example\"}},"
	       "{\"type\":\"identify\",\"userId\":\"w\",\"traits\":"
	       "{\"email\":\"" ADDRESS ".org\"}}");
	leave("news");
	assert_string_equal(decisions(), "-news");
	assert_int_equal(
	    queue_decisions_of(b.queue, id_of(QUEUE_USER_ID, "v"), 0, &row, 1),
	    1);
	assert_string_equal(row.reason, "news, by a link in a mail");
	assert_int_equal(
	    queue_decisions_of(b.queue, id_of(QUEUE_USER_ID, "w"), 0, &row, 1),
	    0);
}

static void
topics_and_their_titles(void **state)
{
	const char **topics = topics_of(b.workspace);
	struct settings s = {.topics = json_pack("{s:{s:s,s:s}}", "news",
				 "title", "<News>", "description", "Each")};
	static const struct {
		const char *topic, *title;
	} cases[] = {{"news", "<News>"}, {"product-news", "Product news"},
	    {"\xc3\xa9t\xc3\xa9", "\xc3\x89t\xc3\xa9"}, {"", ""}};

	assert_string_equal(topics[0], "news");
	assert_string_equal(topics[1], "onboarding");
	assert_null(topics[2]);
	free(topics);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf title = {0};

		topic_title(&s, cases[i].topic, &title);
		assert_string_equal(buf_str(&title), cases[i].title);
		buf_free(&title);
	}
	assert_string_equal(topic_description(&s, "news"), "Each");
	assert_null(topic_description(&s, "tips"));
	json_decref(s.topics);
}

#define NEWS(f) cmocka_unit_test_setup_teardown(f, start_with_news, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    NEWS(what_is_ticked_holds),
	    NEWS(everything_and_back),
	    NEWS(only_their_own_word_is_taken_back),
	    NEWS(a_dead_address_keeps_its_word),
	    NEWS(everybody_with_the_address_is_told),
	    NEWS(topics_and_their_titles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
