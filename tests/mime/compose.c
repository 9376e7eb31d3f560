/* SPDX-License-Identifier: MIT */
/*
 * compose COUNT SEED - mails by chance, for parsers that others wrote: of each
 * a line of JSON with all that went in and the number of its octets, then these
 * octets. A mail is a function of its seed alone, SEED being the first one's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "templates/mem.h"
#include "templates/mail/mime.h"

#define LENGTH(array) ((unsigned)(sizeof(array) / sizeof *(array)))
#define LONGEST	      1500 /* octets of a word, more than a line may have */

static uint64_t state;

/* SplitMix64: any seed is as good as its neighbour. */
static uint64_t
draw(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static unsigned
below(unsigned n)
{
	return (unsigned)(draw() % n);
}

static bool
one_in(unsigned n)
{
	return below(n) == 0;
}

/* Scripts, emoji, and what means something to one reader or another. */
static const char *const words[] = {"a", "Ada", "task", "Hello", "Your", "2026",
    "O'Brien", "J.", "R.", "Dr", "Jr", "x-y", "Müller", "Zoë", "naïve", "Łódź",
    "Ångström", "İstanbul", "ß", "Ελλάδα", "Привет", "Добрый", "שלום", "مرحبا",
    "بالعالم", "नमस्ते", "สวัสดี", "你好", "世界", "こんにちは", "カタカナ",
    "한국어", "ქართული", "Հայերեն", "አማርኛ", "e\u0301", "a\u0308\u0323",
    "\u00a0", "\u200b", "\u00ad", "\u200f", "\u2028", "\xc2\x85", "\ufeff",
    "\ufffd", "\U0010fffd", "😀", "👩‍👩‍👧‍👦",
    "🏴\U000e0067\U000e0062\U000e007f", "🇩🇪", "1️⃣", "👍🏽", "𝒜",
    "=?UTF-8?Q?no?=", "=?utf-8?B?bm8=?=", "=?", "?=", "=3D", "=", "==", "_",
    "__", "\"", "\"q\"", "\\", "\\\"", "(c)", "(", ")", "<b>", "<", ">",
    "<a@b.example>", "a@b.example", "@", ",", ",,", ";", ":", "::", ".", "..",
    "[x]", "{x}", "%", "%s", "%0d%0a", "&amp;", "'", "`", "~", "!", "#", "$",
    "*", "+", "/", "|", "^", "-", "--", "---", "Bcc:", "\t", "\x7f"};

/* How lines begin that a mail server or a parser may take for something. */
static const char *const starts[] = {".", "..", ". ", "From ", ">From ", "--",
    "-- ", "--=_", "> ", " ", "\t", "   ", "Subject: x", "\ufeff", "=", "."};
static const char *const ends[] = {
    " ", "\t", "  ", " \t", "=", "=20", "\u00a0", "."};
static const char *const line_ends[] = {"\n", "\n", "\r\n", "\r\n", "\r"};

static const char *
one_of(const char *const *list, unsigned n)
{
	return list[below(n)];
}

static void
add_long_word(struct buf *out)
{
	const char *of = one_in(2) ? "x" : one_of(words, LENGTH(words));
	size_t size = 1 + below(LONGEST), before = out->len;

	while (out->len - before < size)
		buf_adds(out, of);
}

static void
add_words(struct buf *out, unsigned most, bool plain_only)
{
	for (unsigned n = below(most + 1); n > 0; n--) {
		if (one_in(200))
			add_long_word(out);
		else
			buf_adds(out,
			    one_of(words, plain_only ? 12 : LENGTH(words)));
		if (n > 1 && !one_in(12))
			buf_adds(out, one_in(20) ? "  " : " ");
	}
}

/* As templates give header values: one line, no spaces around it. */
static char *
header_value(unsigned most)
{
	struct buf b = {0};
	size_t skip;
	char *value;

	add_words(&b, most, one_in(4));
	if (one_in(100))
		add_long_word(&b);
	while (b.len > 0 && b.data[b.len - 1] == ' ')
		buf_truncate(&b, b.len - 1);
	skip = strspn(buf_str(&b), " ");
	value = xstrdup(buf_str(&b) + skip);
	buf_free(&b);
	return value;
}

/* `key` is what the boundary is made of. */
static char *
body(const char *key)
{
	bool plain_only = one_in(4);
	struct buf b = {0};

	for (unsigned lines = below(one_in(20) ? 100 : 12); lines > 0;
	     lines--) {
		if (one_in(4))
			buf_adds(&b, one_of(starts, LENGTH(starts)));
		if (one_in(20))
			buf_addf(&b, "--=_%s%s", key, one_in(2) ? "--" : "");
		add_words(&b, one_in(20) ? 200 : 12, plain_only);
		if (one_in(4))
			buf_adds(&b, one_of(ends, LENGTH(ends)));
		if (lines > 1 || one_in(2))
			buf_adds(&b, one_of(line_ends, LENGTH(line_ends)));
	}
	return b.len > 0 ? buf_steal(&b) : xstrdup("");
}

static char *
address(void)
{
	static const char *const locals[] = {"ada", "a", "first.last",
	    "o'brien", "x+tag", "!#$%&'*+-/=?^_`{|}~", "bounce=ada=b.example",
	    "0"};
	static const char *const domains[] = {"example.com", "a.b.c.example",
	    "müller.example", "例え.テスト", "xn--mller-kva.example",
	    "EXAMPLE.ORG"};
	struct buf b = {0};

	if (one_in(20))
		for (unsigned n = 1 + below(64); n > 0; n--)
			buf_addc(&b, (char)('a' + below(26)));
	else
		buf_adds(&b, one_of(locals, LENGTH(locals)));
	buf_addf(&b, "@%s", one_of(domains, LENGTH(domains)));
	return buf_steal(&b);
}

static char *
link_to(unsigned longest)
{
	struct buf b = {0};

	buf_adds(&b, "https://example.com/u/");
	for (unsigned n = below(longest); n > 0; n--)
		buf_addc(&b,
		    "abcdefghijklmnopqrstuvwxyz0123456789-_.~%/?&=+,;:"[below(
			49)]);
	return buf_steal(&b);
}

/* A mail's texts, all of them its own; NULL: not in it. */
struct mail {
	char *from_name, *from, *to_name, *to, *reply_name, *reply;
	char *subject, *text, *html, *key, *id, *unsubscribe, *list, *list_id;
	char *feedback, *extra;
};

static struct mail
make(void)
{
	struct mail m = {.from_name = header_value(6), .from = address()};
	struct buf id = {0};
	unsigned parts = below(4);

	for (unsigned n = 1 + below(26); n > 0; n--)
		buf_addc(&id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[below(32)]);
	m.key = xstrdup(id.data);
	buf_adds(&id, "@mail.example.com");
	m.id = buf_steal(&id);
	m.to_name = header_value(one_in(10) ? 30 : 4);
	m.to = address();
	if (one_in(3)) {
		m.reply_name = header_value(3);
		m.reply = address();
	}
	m.subject = header_value(one_in(10) ? 120 : 12);
	if (parts != 1)
		m.text = body(m.key);
	if (parts != 0)
		m.html = body(m.key);
	if (one_in(2))
		m.unsubscribe = link_to(one_in(10) ? 900 : 120);
	if (one_in(2)) {
		struct buf b = {0};

		m.list = header_value(3);
		buf_adds(&b, "\"");
		for (const char *s = m.list; *s != '\0'; s++)
			buf_addf(&b, "%s%c",
			    *s == '"' || *s == '\\' ? "\\" : "", *s);
		buf_adds(&b, "\" <onboarding.example.com>");
		m.list_id = buf_steal(&b);
	}
	if (one_in(2))
		m.feedback = xstrdup("onboarding:day-3:email:acme");
	if (one_in(3))
		m.extra = header_value(20);
	return m;
}

static void
mail_free(struct mail *m)
{
	char *all[] = {m->from_name, m->from, m->to_name, m->to, m->reply_name,
	    m->reply, m->subject, m->text, m->html, m->key, m->id,
	    m->unsubscribe, m->list, m->list_id, m->feedback, m->extra};

	for (unsigned i = 0; i < LENGTH(all); i++)
		free(all[i]);
}

static int
compose(const struct mail *m, int64_t date_ms, struct buf *out, struct error *e)
{
	struct mime_header extra = {"X-Extra", m->extra};

	return mime_compose(
	    &(struct mime_message){
		.date_ms = date_ms,
		.from = {m->from_name, m->from},
		.to = {m->to_name, m->to},
		.reply_to = {m->reply_name, m->reply},
		.subject = m->subject,
		.message_id = m->id,
		.text = m->text,
		.html = m->html,
		.list_unsubscribe = m->unsubscribe,
		.list_unsubscribe_mailto =
		    m->unsubscribe != NULL && m->key[0] < 'M'
			? "leave@example.com"
			: NULL,
		.list_id = m->list_id,
		.feedback_id = m->feedback,
		.extra = &extra,
		.n_extra = m->extra != NULL,
	    },
	    out, e);
}

static void
print(uint64_t seed, const struct mail *m, int64_t date_ms,
    const struct buf *mail)
{
	json_t *in = json_pack(
	    "{s:I,s:I,s:[s,s],s:[s,s],s:[s?,s?],s:s,s:s,s:I,s:s?,s:s?,"
	    "s:s?,s:s?,s:s?,s:s?}",
	    "seed", (json_int_t)seed, "octets", (json_int_t)mail->len, "from",
	    m->from_name, m->from, "to", m->to_name, m->to, "reply_to",
	    m->reply_name, m->reply, "subject", m->subject, "message_id", m->id,
	    "date_ms", (json_int_t)date_ms, "text", m->text, "html", m->html,
	    "unsubscribe", m->unsubscribe, "list", m->list, "feedback",
	    m->feedback, "extra", m->extra);

	if (in == NULL)
		abort();
	json_dumpf(in, stdout, JSON_COMPACT);
	putchar('\n');
	fwrite(mail->data, 1, mail->len, stdout);
	json_decref(in);
}

int
main(int argc, char **argv)
{
	uint64_t seed;
	long count;

	if (argc != 3) {
		fprintf(stderr, "usage: compose COUNT SEED\n");
		return 64;
	}
	count = strtol(argv[1], NULL, 10);
	seed = strtoull(argv[2], NULL, 10);
	for (; count > 0; count--, seed++) {
		struct buf out = {0};
		struct error e;
		struct mail m;
		int64_t date_ms;

		state = seed;
		m = make();
		date_ms = (int64_t)(draw() % 4102444800u) * 1000;
		if (compose(&m, date_ms, &out, &e) != 0) {
			fprintf(stderr, "seed %llu: %s\n",
			    (unsigned long long)seed, e.text);
			return 1;
		}
		print(seed, &m, date_ms, &out);
		mail_free(&m);
		buf_free(&out);
	}
	return fflush(stdout) == 0 ? 0 : 74;
}
