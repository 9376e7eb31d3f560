/* SPDX-License-Identifier: MIT */
/*
 * capture - with doubles for what composes and for what knows a template: a
 * delivery's scope is its bytes, and "held" cannot be rendered.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "templates/json.h"
#include "tests/unit/folder.h"
#include "worker/delivery/compose.h"
#include "worker/settings/settings.h"

#define KEY "abcdefghijklmnopqrstuvwxyz"

static struct {
	struct event_base *base;
	struct transport *transport;
	char outbox[240];
	struct channel channel;
	bool in_offer;
	int verdicts, notices, readies;
	struct delivery *last;
} w;

static struct template_info info;

const struct template_info *
template_info(const struct template *t)
{
	return &info;
}

static int
compose(struct delivery *d, const char *head, struct buf *out)
{
	if (strcmp(d->scope, "held") == 0) {
		d->verdict.what = VERDICT_HELD;
		return -1;
	}
	buf_addf(out, "%s%s", head, d->scope);
	return 0;
}

int
compose_mail(struct delivery *d, struct buf *mime)
{
	return compose(d, "mail: ", mime);
}

int
compose_document(struct delivery *d, struct buf *json)
{
	return compose(d, "document: ", json);
}

static void
on_verdict(void *arg, struct delivery *d)
{
	assert_false(w.in_offer);
	w.verdicts++;
	w.last = d;
}

static void
on_notice(void *arg, const char *channel, const char *text)
{
	assert_string_equal(channel, "outbox");
	assert_non_null(strstr(text, w.outbox));
	w.notices++;
}

static void
on_ready(void *arg)
{
	w.readies++;
}

static int
setup(void **state)
{
	struct transport_host host = {
	    .verdict = on_verdict, .notice = on_notice, .ready = on_ready};
	struct error e;

	memset(&w, 0, sizeof w);
	folder_make();
	strcpy(w.outbox, path_of("data/outbox"));
	w.base = host.base = event_base_new();
	w.channel = (struct channel){.name = "outbox",
	    .type = "capture",
	    .folder = w.outbox,
	    .connections = 1,
	    .unsettled = 1};
	info = (struct template_info){.kind = TEMPLATE_EMAIL};
	w.transport = transport_capture.start(&w.channel, &host, &e);
	assert_non_null(w.transport);
	return 0;
}

static int
teardown(void **state)
{
	transport_capture.stop(w.transport, 0);
	assert_int_equal(transport_capture.room(w.transport), 0);
	assert_true(transport_capture.is_idle(w.transport));
	transport_capture.free(w.transport);
	event_base_free(w.base);
	folder_drop();
	return 0;
}

static void
offer(struct delivery *d, const char *scope)
{
	*d = (struct delivery){.key = KEY,
	    .scope = (char *)scope,
	    .verdict = {.what = VERDICT_UNSURE, .code = 1}};
	w.in_offer = true;
	transport_capture.offer(w.transport, d);
	w.in_offer = false;
	assert_false(transport_capture.is_idle(w.transport));
}

static void
assert_holds(const char *name, const char *expected)
{
	char path[200], *text;
	struct error e;
	size_t len;

	snprintf(path, sizeof path, "%s/%s", w.outbox, name);
	text = file_read(path, &len, &e);
	assert_non_null(text);
	assert_string_equal(text, expected);
	free(text);
	snprintf(path, sizeof path, "%s/.%s", w.outbox, name);
	assert_int_equal(access(path, F_OK), -1);
}

static void
test_mail_and_document(void **state)
{
	struct delivery d;

	offer(&d, "one");
	event_base_loop(w.base, EVLOOP_NONBLOCK);
	assert_int_equal(w.verdicts, 1);
	assert_ptr_equal(w.last, &d);
	assert_int_equal(d.verdict.what, VERDICT_SENT);
	assert_int_equal(d.verdict.code, 0);
	assert_string_equal(d.verdict.text, "captured as " KEY ".eml");
	assert_holds(KEY ".eml", "mail: one");
	info.kind = TEMPLATE_DOCUMENT;
	offer(&d, "two");
	event_base_loop(w.base, EVLOOP_NONBLOCK);
	assert_int_equal(d.verdict.what, VERDICT_SENT);
	assert_holds(KEY ".json", "document: two");
	assert_int_equal(w.notices, 0);
}

static void
test_second_attempt_replaces(void **state)
{
	struct delivery d;

	offer(&d, "a long first attempt");
	event_base_loop(w.base, EVLOOP_NONBLOCK);
	offer(&d, "short");
	event_base_loop(w.base, EVLOOP_NONBLOCK);
	assert_int_equal(w.verdicts, 2);
	assert_holds(KEY ".eml", "mail: short");
}

static void
test_held(void **state)
{
	struct delivery d;

	offer(&d, "held");
	event_base_loop(w.base, EVLOOP_NONBLOCK);
	assert_int_equal(w.verdicts, 1);
	assert_int_equal(d.verdict.what, VERDICT_HELD);
	assert_int_equal(access(w.outbox, F_OK), -1);
}

/* A file is where the folder should be: not even root can write there. */
static void
test_unwritable_folder(void **state)
{
	struct delivery d;

	write_file("data/outbox", "");
	for (int i = 1; i <= 2; i++) {
		offer(&d, "one");
		event_base_loop(w.base, EVLOOP_NONBLOCK);
		assert_int_equal(w.verdicts, i);
		assert_int_equal(d.verdict.what, VERDICT_RETRY);
		assert_true(d.verdict.slows_channel);
		assert_non_null(strstr(d.verdict.text, "Not a directory"));
		assert_int_equal(w.notices, 1); /* once */
	}
	unlink(w.outbox);
	offer(&d, "one");
	event_base_loop(w.base, EVLOOP_NONBLOCK);
	assert_int_equal(d.verdict.what, VERDICT_SENT);
	assert_holds(KEY ".eml", "mail: one");
}

static void
test_room(void **state)
{
	struct delivery d[2];
	int room = transport_capture.room(w.transport);

	assert_true(room > 2);
	offer(&d[0], "one");
	offer(&d[1], "two");
	assert_int_equal(transport_capture.room(w.transport), room - 2);
	assert_int_equal(w.verdicts, 0);
	event_base_loop(w.base, EVLOOP_NONBLOCK);
	assert_int_equal(w.verdicts, 2);
	assert_ptr_equal(w.last, &d[1]); /* in order */
	assert_int_equal(w.readies, 1);
	assert_int_equal(transport_capture.room(w.transport), room);
	transport_capture.settled(w.transport, 2);
	assert_int_equal(transport_capture.room(w.transport), room);
}

static void
test_verdict_after_stop(void **state)
{
	struct delivery d;

	offer(&d, "one");
	transport_capture.stop(w.transport, 0);
	assert_int_equal(transport_capture.room(w.transport), 0);
	assert_false(transport_capture.is_idle(w.transport));
	event_base_loop(w.base, EVLOOP_NONBLOCK);
	assert_int_equal(d.verdict.what, VERDICT_SENT);
	assert_int_equal(w.readies, 0);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_mail_and_document),
	    TEST(test_second_attempt_replaces),
	    TEST(test_held),
	    TEST(test_unwritable_folder),
	    TEST(test_room),
	    TEST(test_verdict_after_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
