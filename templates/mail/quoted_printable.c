/* SPDX-License-Identifier: MIT */
/*
 * quoted_printable - the hot loop of composing: runs of plain characters are
 * found and copied eight at a time, everything else goes one by one.
 */
#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "templates/mail/quoted_printable.h"
#include "templates/utf8.h"

#define COLUMNS	  75 /* leaves one for the "=" of a soft line break */
#define LINE_ROOM 96 /* octets that one line can add, with room to spare */
#define ONES	  0x0101010101010101u

struct line {
	struct buf *out;
	char *at; /* end of what is written; out->len lags behind */
	size_t columns;
};

static void
begin_line(struct line *l)
{
	l->out->len = (size_t)(l->at - l->out->data);
	buf_reserve(l->out, LINE_ROOM);
	l->at = l->out->data + l->out->len;
	l->columns = 0;
}

static bool
is_plain(char c)
{
	return c >= ' ' && c <= '~' && c != '=';
}

/*
 * Copies plain characters from s to `to`, at most `max` of the `left` that are
 * there; returns how many. May write up to seven octets more.
 */
static size_t
copy_plain(char *to, const char *s, size_t max, size_t left)
{
	size_t n = 0;

	while (n < max && n + 8 <= left) {
		uint64_t x, special;

		memcpy(&x, s + n, 8);
		memcpy(to + n, &x, 8);
		/* Bit 7 of each octet: < ' ', > '~', '='. A borrow or a carry
		 * comes only from an octet that is special itself. */
		x = le64toh(x);
		special = (x | (x - ' ' * ONES) | (x + ONES) |
			      ((x ^ '=' * ONES) - ONES)) &
			  0x80 * ONES;
		if (special != 0) {
			n += (size_t)__builtin_ctzll(special) / 8;
			return n < max ? n : max;
		}
		n += 8;
	}
	for (; n < max && n < left && is_plain(s[n]); n++)
		to[n] = s[n];
	return n < max ? n : max;
}

static void
soft_break(struct line *l)
{
	memcpy(l->at, "=\r\n", 3);
	l->at += 3;
	begin_line(l);
}

/* The octets of one character, kept together. */
static void
put_escaped(struct line *l, const char *s, size_t len)
{
	static const char hex[] = "0123456789ABCDEF";

	if (l->columns + 3 * len > COLUMNS)
		soft_break(l);
	for (size_t i = 0; i < len; i++) {
		*l->at++ = '=';
		*l->at++ = hex[(unsigned char)s[i] >> 4];
		*l->at++ = hex[(unsigned char)s[i] & 15];
	}
	l->columns += 3 * len;
}

static size_t
put_special(struct line *l, const char *s, const char *end)
{
	size_t len = utf8_length(s, end);

	if (len == 0) {
		put_escaped(l, UTF8_REPLACEMENT, 3);
		return 1;
	}
	put_escaped(l, s, len);
	return len;
}

static void
end_line(struct line *l)
{
	if (l->columns > 0 && l->at[-1] == ' ') {
		l->at--;
		l->columns--;
		put_escaped(l, " ", 1);
	}
	memcpy(l->at, "\r\n", 2);
	l->at += 2;
	begin_line(l);
}

static bool
is_unsafe_start(const char *s, const char *end)
{
	return *s == '.' || (end - s >= 5 && memcmp(s, "From ", 5) == 0);
}

void
quoted_printable(const char *s, size_t len, struct buf *out)
{
	const char *end = s + len;
	struct line l = {.out = out};

	buf_reserve(out, len + len / 8 + LINE_ROOM);
	l.at = out->data + out->len;
	while (s < end) {
		size_t room = COLUMNS - l.columns, left = (size_t)(end - s), n;

		if (l.columns == 0 && is_unsafe_start(s, end)) {
			put_escaped(&l, s++, 1);
			continue;
		}
		n = copy_plain(l.at, s, room, left);
		l.at += n;
		l.columns += n;
		s += n;
		if (n == left)
			break;
		if (*s == '\r' || *s == '\n') {
			s += left - n > 1 && s[0] == '\r' && s[1] == '\n' ? 2
									  : 1;
			end_line(&l);
		} else if (n == room) {
			soft_break(&l);
		} else {
			s += put_special(&l, s, end);
		}
	}
	if (l.columns > 0)
		end_line(&l);
	out->len = (size_t)(l.at - out->data);
	out->data[out->len] = '\0';
}
