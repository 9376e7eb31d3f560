/* SPDX-License-Identifier: MIT */
/* A mail as bytes: headers, encoded words, quoted-printable, addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "templates/mail/header.h"
#include "templates/mail/mime.h"
#include "templates/mail/quoted_printable.h"
#include "templates/utf8.h"

static struct mime_message
sample(void)
{
	return (struct mime_message){
	    .date_ms = 1767603600000,
	    .from = {"Acme", "hello@acme.example"},
	    .to = {"Ada Lovelace", "ada@example.com"},
	    .subject = "Welcome",
	    .message_id = "k7m@acme.example",
	    .text = "Hi\n",
	    .html = "<p>Hi</p>\n",
	};
}

static void
assert_composed(const struct mime_message *m, const char *expected)
{
	struct buf out = {0};
	struct error e;

	assert_int_equal(mime_compose(m, &out, &e), 0);
	assert_string_equal(buf_str(&out), expected);
	buf_free(&out);
}

static void
assert_has(const struct mime_message *m, const char *expected)
{
	struct buf out = {0};
	struct error e;

	assert_int_equal(mime_compose(m, &out, &e), 0);
	if (strstr(buf_str(&out), expected) == NULL)
		assert_string_equal(buf_str(&out), expected);
	buf_free(&out);
}

static void
assert_refused(const struct mime_message *m, const char *reason)
{
	struct buf out = {0};
	struct error e = {0};

	buf_adds(&out, "kept");
	assert_int_equal(mime_compose(m, &out, &e), -1);
	assert_string_equal(buf_str(&out), "kept");
	if (strstr(e.text, reason) == NULL)
		assert_string_equal(e.text, reason);
	buf_free(&out);
}

static void
a_whole_mail(void **state)
{
	struct mime_message m = sample();

	assert_composed(&m,
	    "Date: Mon, 05 Jan 2026 09:00:00 +0000\r\n"
	    "From: Acme <hello@acme.example>\r\n"
	    "To: Ada Lovelace <ada@example.com>\r\n"
	    "Subject: Welcome\r\n"
	    "Message-ID: <k7m@acme.example>\r\n"
	    "MIME-Version: 1.0\r\n"
	    "Auto-Submitted: auto-generated\r\n"
	    "X-Auto-Response-Suppress: OOF, AutoReply\r\n"
	    "Content-Type: multipart/alternative;\r\n boundary=\"=_k7m\"\r\n"
	    "\r\n"
	    "--=_k7m\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n"
	    "\r\n"
	    "Hi\r\n"
	    "\r\n--=_k7m\r\n"
	    "Content-Type: text/html; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n"
	    "\r\n"
	    "<p>Hi</p>\r\n"
	    "\r\n--=_k7m--\r\n");
}

static void
one_part_needs_no_multipart(void **state)
{
	struct mime_message m = sample();

	m.html = NULL;
	assert_has(&m, "AutoReply\r\n"
		       "Content-Type: text/plain; charset=utf-8\r\n"
		       "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
		       "Hi\r\n");
	m.html = m.text;
	m.text = NULL;
	assert_has(&m, "Content-Type: text/html; charset=utf-8\r\n");
}

static void
list_headers(void **state)
{
	struct mime_message m = sample();
	struct mime_header extra = {"X-Campaign", "größer"};

	m.list_unsubscribe = "https://app.acme.example/u/abc";
	m.list_id = "\"Onboarding, daily\" <onboarding.acme.example>";
	m.feedback_id = "onboarding:day3:lifecycle:nudge01";
	m.reply_to = (struct mime_address){NULL, "help@acme.example"};
	m.extra = &extra;
	m.n_extra = 1;
	assert_has(&m, "Reply-To: <help@acme.example>\r\n");
	assert_has(&m,
	    "List-Unsubscribe: <https://app.acme.example/u/abc>\r\n"
	    "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
	    "Precedence: bulk\r\n"
	    "List-Id: \"Onboarding, daily\" <onboarding.acme.example>\r\n"
	    "Feedback-ID: onboarding:day3:lifecycle:nudge01\r\n"
	    "X-Campaign: =?UTF-8?B?Z3LDtsOfZXI=?=\r\n");
	m.list_unsubscribe_mailto = "unsub+abc@acme.example";
	assert_has(&m,
	    "List-Unsubscribe: <https://app.acme.example/u/abc>,\r\n"
	    " <mailto:unsub+abc@acme.example?subject=unsubscribe>\r\n"
	    "List-Unsubscribe-Post: ");
}

static void
no_header_can_be_smuggled_in(void **state)
{
	struct mime_message m = sample();
	struct mime_header extra = {"Subject", "twice"};

	m.subject = "a\r\nBcc: x@evil.example";
	assert_refused(&m, "a line break in Subject");
	m = sample();
	m.to.name = "a\nBcc: x@evil.example";
	assert_refused(&m, "a line break in To");
	m = sample();
	m.to.address = "a@b.example>\r\nBcc: <x@evil.example";
	assert_refused(&m, "is not a mail address");
	m = sample();
	m.message_id = "a b@c";
	assert_refused(&m, "cannot stand in Message-ID");
	m = sample();
	m.list_unsubscribe = "https://a.example/ x";
	assert_refused(&m, "cannot stand in List-Unsubscribe");
	m.list_unsubscribe = "javascript:x";
	assert_refused(&m, "is not an https URL");
	m = sample();
	m.list_id = "no id";
	assert_refused(&m, "cannot stand in List-Id");
	m = sample();
	m.extra = &extra;
	m.n_extra = 1;
	assert_refused(&m, "the header Subject cannot be added");
	extra.name = "X-A: b\r\nX";
	assert_refused(&m, "cannot stand in a header's name");
	extra.name = "X-A:";
	assert_refused(&m, "the header X-A: cannot be added");
}

static void
lines_past_998_are_refused(void **state)
{
	struct mime_message m = sample();
	char url[1200] = "https://a.example/";

	memset(url + strlen(url), 'x', sizeof url - strlen(url) - 1);
	m.list_unsubscribe = url;
	assert_refused(&m, "a header is too long");
}

/* ------------------------------------------------------------- headers */

static void
assert_text(const char *value, const char *expected)
{
	struct buf out = {0};
	struct header h = header_begin(&out, "Subject");

	header_text(&h, value);
	header_end(&h);
	assert_string_equal(buf_str(&out), expected);
	buf_free(&out);
}

static void
assert_phrase(const char *name, const char *expected)
{
	struct buf out = {0};
	struct header h = header_begin(&out, "To");

	header_phrase(&h, name);
	assert_string_equal(buf_str(&out), expected);
	buf_free(&out);
}

static void
headers_fold_at_spaces(void **state)
{
	assert_text("", "Subject:\r\n");
	assert_text("   ", "Subject:\r\n");
	assert_text("a  b ", "Subject: a  b\r\n");
	assert_text("one two three four five six seven eight nine ten eleven "
		    "twelve  thirteen",
	    "Subject: =?UTF-8?Q?one_two_three_four_five_six_seven_eight_nine_"
	    "ten_eleven?=\r\n =?UTF-8?Q?_twelve__thirteen?=\r\n");
}

static void
words_are_encoded_together(void **state)
{
	assert_text("Hi Zoë, and Ada", "Subject: Hi =?UTF-8?B?Wm/Dqyw=?= "
				       "and Ada\r\n");
	assert_text("é b é", "Subject: =?UTF-8?B?w6kgYiDDqQ==?=\r\n");
	assert_text("Привет мир",
	    "Subject: =?UTF-8?B?0J/RgNC40LLQtdGCINC80LjRgA==?=\r\n");
	assert_text("=?x?=", "Subject: =?UTF-8?B?PT94Pz0=?=\r\n");
	assert_text("a\x01", "Subject: =?UTF-8?Q?a=01?=\r\n");
	assert_text("a\xff", "Subject: =?UTF-8?B?Ye+/vQ==?=\r\n");
}

/* RFC 2047: 75 a word, 76 a line, whole characters only. */
static void
assert_words_are_legal(const char *out)
{
	const char *line = out, *s = out;

	while ((s = strstr(s, "=?UTF-8?")) != NULL) {
		const char *end = strstr(s + 10, "?=");

		assert_non_null(end);
		assert_in_range(end + 2 - s, 12, 75);
		s = end + 2;
	}
	while (*line != '\0') {
		size_t len = strcspn(line, "\r");

		assert_in_range(len, 1, 76);
		assert_true(strspn(line, " ") < len);
		line += len + 2;
	}
}

static void
long_words_are_split_between_characters(void **state)
{
	static const char *const letters[] = {"x", "ü", "€", "😀"};
	struct buf value = {0}, out = {0};
	struct header h;

	for (size_t i = 0; i < 4; i++)
		for (int n = 1; n < 500; n += 7) {
			for (int k = 0; k < n; k++)
				buf_adds(&value, letters[i]);
			buf_adds(&value, " é ");
			h = header_begin(&out, "Subject");
			header_text(&h, buf_str(&value));
			header_end(&h);
			if (i > 0 || n > 400)
				assert_words_are_legal(buf_str(&out));
			assert_null(strstr(buf_str(&out), "=EF=BF=BD"));
			buf_free(&value);
			buf_free(&out);
		}
	assert_text("üüüüüüüüüüüüüüüü",
	    "Subject: =?UTF-8?B?w7zDvMO8w7zDvMO8w7zDvMO8w7zDvMO8w7zDvMO8w7w=?="
	    "\r\n");
}

static void
names_are_quoted_when_they_must(void **state)
{
	assert_phrase("Ada Lovelace", "To: Ada Lovelace");
	assert_phrase("Lovelace, Ada", "To: \"Lovelace, Ada\"");
	assert_phrase("a \"b\" \\c", "To: \"a \\\"b\\\" \\\\c\"");
	assert_phrase("a  b", "To: \"a  b\"");
	assert_phrase("O'Neil", "To: O'Neil");
	assert_phrase("Zoë, x", "To: =?UTF-8?B?Wm/DqywgeA==?=");
	assert_phrase("=?utf-8?q?x?=", "To: =?UTF-8?B?PT91dGYtOD9xP3g/PQ==?=");
	assert_phrase("", "To:");
}

/* -------------------------------------------------------------- bodies */

static void
assert_qp(const char *text, const char *expected)
{
	struct buf out = {0};

	quoted_printable(text, strlen(text), &out);
	assert_string_equal(buf_str(&out), expected);
	assert_int_equal(strlen(expected), out.len);
	buf_free(&out);
}

static void
quoted_printable_escapes(void **state)
{
	assert_qp("", "");
	assert_qp("a", "a\r\n");
	assert_qp("a=b é\x01\x7f", "a=3Db =C3=A9=01=7F\r\n");
	assert_qp("a\nb\r\nc\rd\n\n", "a\r\nb\r\nc\r\nd\r\n\r\n");
	assert_qp("a \nb\t\n \n", "a=20\r\nb=09\r\n=20\r\n");
	assert_qp("a ", "a=20\r\n");
	assert_qp(".\n..\nx.", "=2E\r\n=2E.\r\nx.\r\n");
	assert_qp("From here\nFrom\n From \nFromage",
	    "=46rom here\r\nFrom\r\n From=20\r\nFromage\r\n");
	assert_qp(
	    "a\xc3(\xed\xa0\x80", "a=EF=BF=BD(=EF=BF=BD=EF=BF=BD=EF=BF=BD\r\n");
}

#define TEN "0123456789"

static void
quoted_printable_breaks_lines(void **state)
{
	assert_qp(TEN TEN TEN TEN TEN TEN TEN "01234\n",
	    TEN TEN TEN TEN TEN TEN TEN "01234\r\n");
	assert_qp(TEN TEN TEN TEN TEN TEN TEN "012345",
	    TEN TEN TEN TEN TEN TEN TEN "01234=\r\n5\r\n");
	assert_qp(TEN TEN TEN TEN TEN TEN TEN "01234.",
	    TEN TEN TEN TEN TEN TEN TEN "01234=\r\n=2E\r\n");
	assert_qp(TEN TEN TEN TEN TEN TEN TEN "0123 \n",
	    TEN TEN TEN TEN TEN TEN TEN "0123=\r\n=20\r\n");
	assert_qp(TEN TEN TEN TEN TEN TEN TEN "é",
	    TEN TEN TEN TEN TEN TEN TEN "=\r\n=C3=A9\r\n");
}

static int
hex_digit(char c)
{
	return c >= 'A' ? c - 'A' + 10 : c - '0';
}

/* A decoder of our own, CRLF to LF; checks the form on its way. */
static void
decode(const char *s, struct buf *out)
{
	size_t columns = 0;

	for (; *s != '\0'; s++) {
		assert_true(columns > 0 || *s != '.');
		if (s[0] == '\r' && s[1] == '\n') {
			buf_addc(out, '\n');
			s++;
			columns = 0;
		} else if (s[0] == '=' && s[1] == '\r') {
			s += 2;
			columns = 0;
		} else if (s[0] == '=') {
			buf_addc(out,
			    (char)(hex_digit(s[1]) << 4 | hex_digit(s[2])));
			s += 2;
			columns += 3;
		} else {
			assert_in_range(*s, ' ', '~');
			assert_true(*s != ' ' || s[1] != '\r');
			buf_addc(out, *s);
			columns++;
		}
		assert_in_range(columns, 0, 76);
	}
}

/* Any octets survive as their clean UTF-8, whatever their mix. */
static void
quoted_printable_round_trips(void **state)
{
	static const char *const pieces[] = {"a", " ", ".", "=", "é", "€", "😀",
	    "\n", "\r\n", "From ", "\x80", "\t", "\x7f", "\x01",
	    "A longer run of words that is plain "};
	struct buf text = {0}, encoded = {0}, decoded = {0}, expected = {0};

	srand(7);
	for (int n = 0; n < 3000; n++) {
		for (int k = rand() % 60; k > 0; k--) {
			const char *piece = pieces[rand() % 15];

			buf_adds(&text, piece);
			if (strcmp(piece, "\r\n") == 0)
				buf_addc(&expected, '\n');
			else
				utf8_clean(piece, strlen(piece), &expected);
		}
		if (expected.len > 0 && expected.data[expected.len - 1] != '\n')
			buf_addc(&expected, '\n');
		quoted_printable(buf_str(&text), text.len, &encoded);
		decode(buf_str(&encoded), &decoded);
		assert_string_equal(buf_str(&decoded), buf_str(&expected));
		buf_truncate(&text, 0);
		buf_truncate(&encoded, 0);
		buf_truncate(&decoded, 0);
		buf_truncate(&expected, 0);
	}
	buf_free(&text);
	buf_free(&encoded);
	buf_free(&decoded);
	buf_free(&expected);
}

static void
utf8_is_strict(void **state)
{
	static const char *const bad[] = {"\x80", "\xc0\xaf", "\xc1\xbf",
	    "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
	    "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82", "\xff"};
	static const char *const good[] = {"", "a", "\xc2\x80", "\xe0\xa0\x80",
	    "\xed\x9f\xbf", "\xee\x80\x80", "\xf0\x90\x80\x80",
	    "\xf4\x8f\xbf\xbf"};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(utf8_is_valid(bad[i], strlen(bad[i])));
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(utf8_is_valid(good[i], strlen(good[i])));
}

/* ----------------------------------------------------------- addresses */

static void
addresses(void **state)
{
	static const char *const good[] = {"a@b.example", "a.b+c@d-e.example",
	    "o'neil@x.y.example", "jürgen@b.example", "a@[192.0.2.1]",
	    "a@[IPv6:2001:db8::1]",
	    "1234567890123456789012345678901234567890123456789012345678901234"
	    "@b.example"};
	static const char *const bad[] = {"", "a", "@b.example", "a@", "a@b",
	    "a@b.example\r\n", "a b@c.example", "a@b@c.example",
	    "\"a\"@b.example", "<a@b.example>", ".a@b.example", "a.@b.example",
	    "a..b@c.example", "a@-b.example", "a@b-.example", "a@b..example",
	    "a@b.example.", "a@[192.0.2]", "a@[IPv6:zz]", "a@[192.0.2.1",
	    "a@[192.0.2.1]x", "a@é.example", "\xc2\x85@b.example",
	    "\xff@b.example", "a,b@c.example",
	    "12345678901234567890123456789012345678901234567890123456789012345"
	    "@b.example"};

	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(address_is_valid(good[i]));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(address_is_valid(bad[i]));
}

static void
other_scripts_become_a_labels(void **state)
{
	struct buf out = {0};
	struct error e;

	assert_int_equal(address_to_ascii("a@bücher.example", &out, &e), 0);
	assert_string_equal(out.data, "a@xn--bcher-kva.example");
	buf_truncate(&out, 0);
	assert_int_equal(address_to_ascii("a@faß.example", &out, &e), 0);
	assert_string_equal(out.data, "a@xn--fa-hia.example");
	buf_truncate(&out, 0);
	assert_int_equal(address_to_ascii("ä@bücher.example", &out, &e), 0);
	assert_string_equal(out.data, "ä@xn--bcher-kva.example");
	buf_truncate(&out, 0);
	assert_int_equal(address_to_ascii("a@b\xff.example", &out, &e), -1);
	assert_int_equal(out.len, 0);
	buf_free(&out);
}

static void
assert_mailbox(const char *text, const char *name, const char *address)
{
	struct buf n = {0}, a = {0};

	assert_int_equal(mailbox_parse(text, &n, &a), 0);
	assert_string_equal(buf_str(&n), name);
	assert_string_equal(buf_str(&a), address);
	buf_free(&n);
	buf_free(&a);
}

static void
mailboxes(void **state)
{
	struct buf n = {0}, a = {0};

	assert_mailbox("Ada <a@b.example>", "Ada", "a@b.example");
	assert_mailbox("\"Ada \\\"L\\\", x\" <a@b.example> ", "Ada \"L\", x",
	    "a@b.example");
	assert_mailbox("a@b.example", "", "a@b.example");
	assert_mailbox("Ada L", "Ada L", "");
	assert_mailbox("\"", "\"", "");
	assert_mailbox("", "", "");
	assert_int_equal(mailbox_parse("a@b.example, c@d.example", &n, &a), -1);
	assert_int_equal(mailbox_parse("a>", &n, &a), -1);
	buf_free(&n);
	buf_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_whole_mail),
	    cmocka_unit_test(one_part_needs_no_multipart),
	    cmocka_unit_test(list_headers),
	    cmocka_unit_test(no_header_can_be_smuggled_in),
	    cmocka_unit_test(lines_past_998_are_refused),
	    cmocka_unit_test(headers_fold_at_spaces),
	    cmocka_unit_test(words_are_encoded_together),
	    cmocka_unit_test(long_words_are_split_between_characters),
	    cmocka_unit_test(names_are_quoted_when_they_must),
	    cmocka_unit_test(quoted_printable_escapes),
	    cmocka_unit_test(quoted_printable_breaks_lines),
	    cmocka_unit_test(quoted_printable_round_trips),
	    cmocka_unit_test(utf8_is_strict),
	    cmocka_unit_test(addresses),
	    cmocka_unit_test(other_scripts_become_a_labels),
	    cmocka_unit_test(mailboxes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
