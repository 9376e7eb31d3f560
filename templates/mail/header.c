/* SPDX-License-Identifier: MIT */
/*
 * header - folding and encoded words. A value is a row of words; a line is
 * broken before the space between two, so that unfolding gives the value back.
 * From the first word that needs it to the last, words are encoded together:
 * between encoded words white space would vanish. So are several spaces in a
 * row in a value that must be folded: at a fold many readers make one of them.
 */
#include <stdbool.h>
#include <string.h>

#include "templates/mail/header.h"
#include "templates/utf8.h"

#define FOLD	     76 /* RFC 2047 section 2: a line with encoded words */
#define ENCODED_WORD 75
#define FRAME	     12	 /* "=?UTF-8?Q?" and "?=" */
#define WORD_MAX     400 /* longer ones are encoded: no line passes 998 */

struct text {
	const char *s;
	size_t len;
};

static size_t
column(const struct header *h)
{
	return h->out->len - h->line;
}

struct header
header_begin(struct buf *out, const char *name)
{
	struct header h = {.out = out, .line = out->len};

	buf_addf(out, "%s:", name);
	h.value = out->len;
	return h;
}

void
header_end(struct header *h)
{
	buf_add(h->out, "\r\n", 2);
}

/* Spaces, on a new line when `need` more columns would not fit. */
static void
put_spaces(struct header *h, struct text spaces, size_t need)
{
	if (column(h) + spaces.len + need > FOLD) {
		buf_add(h->out, "\r\n", 2);
		h->line = h->out->len;
	}
	buf_add(h->out, spaces.s, spaces.len);
}

/*
 * The first word stays beside the name: after a line with nothing but that some
 * readers take the line break for a space of the value.
 */
static void
put_word(struct header *h, struct text spaces, struct text word)
{
	put_spaces(h, spaces, h->out->len > h->value ? word.len : 0);
	buf_add(h->out, word.s, word.len);
}

void
header_token(struct header *h, const char *token)
{
	put_word(h, (struct text){" ", 1}, (struct text){token, strlen(token)});
}

/* The next word of *rest with the spaces before it. False: there is none. */
static bool
next_word(struct text *rest, struct text *spaces, struct text *word)
{
	const char *end = rest->s + rest->len, *s = rest->s;

	spaces->s = s;
	while (s < end && *s == ' ')
		s++;
	spaces->len = (size_t)(s - spaces->s);
	word->s = s;
	while (s < end && *s != ' ')
		s++;
	word->len = (size_t)(s - word->s);
	*rest = (struct text){s, (size_t)(end - s)};
	return word->len > 0;
}

static void
put_words(struct header *h, struct text t)
{
	struct text spaces, word;

	while (next_word(&t, &spaces, &word))
		put_word(
		    h, spaces.len > 0 ? spaces : (struct text){" ", 1}, word);
}

/* ------------------------------------------------------- encoded words */

/* What may stand for itself in a Q word, wherever that is (section 5 (3)). */
static bool
is_q_literal(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || strchr("!*+-/", c) != NULL;
}

static size_t
q_columns(const char *s, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += s[i] == ' ' || is_q_literal((unsigned char)s[i]) ? 1 : 3;
	return n;
}

static size_t
b_columns(size_t len)
{
	return (len + 2) / 3 * 4;
}

static void
put_q(struct buf *out, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] == ' ')
			buf_addc(out, '_');
		else if (is_q_literal((unsigned char)s[i]))
			buf_addc(out, s[i]);
		else
			buf_addf(out, "=%02X", (unsigned char)s[i]);
}

static void
put_b(struct buf *out, const char *text, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *s = (const unsigned char *)text;

	for (; len > 0; s += 3) {
		unsigned bits = (unsigned)s[0] << 16 |
				(unsigned)(len > 1 ? s[1] : 0) << 8 |
				(unsigned)(len > 2 ? s[2] : 0);

		buf_addc(out, digits[bits >> 18]);
		buf_addc(out, digits[bits >> 12 & 63]);
		buf_addc(out, len > 1 ? digits[bits >> 6 & 63] : '=');
		buf_addc(out, len > 2 ? digits[bits & 63] : '=');
		len -= len < 3 ? len : 3;
	}
}

/* How many octets of whole characters fit into so many columns. */
static size_t
fitting(struct text t, bool is_b, size_t room)
{
	size_t n = 0, used = 0;

	while (n < t.len) {
		size_t len = utf8_length(t.s + n, t.s + t.len);

		used =
		    is_b ? b_columns(n + len) : used + q_columns(t.s + n, len);
		if (used > room)
			break;
		n += len;
	}
	return n;
}

static void
put_encoded(struct header *h, struct text spaces, struct text t)
{
	bool is_b = b_columns(t.len) < q_columns(t.s, t.len);

	while (t.len > 0) {
		size_t room, n;

		put_spaces(h, spaces, FRAME + 24);
		room = FOLD - column(h);
		if (room > ENCODED_WORD)
			room = ENCODED_WORD;
		n = fitting(t, is_b, room - FRAME);
		buf_addf(h->out, "=?UTF-8?%c?", is_b ? 'B' : 'Q');
		(is_b ? put_b : put_q)(h->out, t.s, n);
		buf_add(h->out, "?=", 2);
		t = (struct text){t.s + n, t.len - n};
		spaces = (struct text){" ", 1};
	}
}

static bool
needs_encoding(struct text word)
{
	if (word.len > WORD_MAX || memmem(word.s, word.len, "=?", 2) != NULL)
		return true;
	for (size_t i = 0; i < word.len; i++)
		if (word.s[i] < 0x21 || word.s[i] > 0x7e)
			return true;
	return false;
}

/*
 * From the first word that needs encoding to the last; len 0: none does. All of
 * it where several spaces in a row might meet a fold.
 */
static struct text
encoded_part(struct text t, bool is_folded)
{
	struct text part = {t.s, 0}, spaces, word, rest = t;

	while (next_word(&rest, &spaces, &word)) {
		if (!needs_encoding(word))
			continue;
		if (part.len == 0)
			part.s = word.s;
		part.len = (size_t)(word.s + word.len - part.s);
	}
	if ((is_folded || part.len > 0) && memmem(t.s, t.len, "  ", 2) != NULL)
		return t;
	return part;
}

static bool
is_longer(const struct header *h, size_t len)
{
	return column(h) + 1 + len > FOLD;
}

/* Valid UTF-8 without spaces around it; `copy` owns it where it had to change.
 */
static struct text
clean(const char *value, struct buf *copy)
{
	struct text t = {value, strlen(value)};

	if (!utf8_is_valid(t.s, t.len)) {
		utf8_clean(t.s, t.len, copy);
		t = (struct text){copy->data, copy->len};
	}
	while (t.len > 0 && *t.s == ' ')
		t = (struct text){t.s + 1, t.len - 1};
	while (t.len > 0 && t.s[t.len - 1] == ' ')
		t.len--;
	return t;
}

void
header_text(struct header *h, const char *value)
{
	struct buf copy = {0};
	struct text t = clean(value, &copy), spaces;
	struct text part = encoded_part(t, is_longer(h, t.len));
	const char *end = t.s + t.len;

	if (part.len == 0) {
		put_words(h, t);
		buf_free(&copy);
		return;
	}
	spaces.s = part.s;
	while (spaces.s > t.s && spaces.s[-1] == ' ')
		spaces.s--;
	spaces.len = (size_t)(part.s - spaces.s);
	put_words(h, (struct text){t.s, (size_t)(spaces.s - t.s)});
	put_encoded(h, spaces.len > 0 ? spaces : (struct text){" ", 1}, part);
	part.s += part.len;
	put_words(h, (struct text){part.s, (size_t)(end - part.s)});
	buf_free(&copy);
}

static bool
is_atoms(struct text t)
{
	for (size_t i = 0; i < t.len; i++)
		if (strchr("()<>[]:;@\\,.\"", t.s[i]) != NULL ||
		    (t.s[i] == ' ' && t.s[i + 1] == ' '))
			return false;
	return true;
}

static void
put_quoted(struct header *h, struct text t)
{
	struct buf quoted = {0};

	buf_addc(&quoted, '"');
	for (size_t i = 0; i < t.len; i++) {
		if (t.s[i] == '"' || t.s[i] == '\\')
			buf_addc(&quoted, '\\');
		buf_addc(&quoted, t.s[i]);
	}
	buf_addc(&quoted, '"');
	put_words(h, (struct text){quoted.data, quoted.len});
	buf_free(&quoted);
}

void
header_phrase(struct header *h, const char *name)
{
	struct buf copy = {0};
	struct text t = clean(name, &copy);

	/* in quotes each character may become two */
	if (encoded_part(t, is_longer(h, 2 + 2 * t.len)).len > 0)
		put_encoded(h, (struct text){" ", 1}, t);
	else if (is_atoms(t))
		put_words(h, t);
	else
		put_quoted(h, t);
	buf_free(&copy);
}
