/* SPDX-License-Identifier: MIT */
#include <locale.h>
#include <pthread.h>
#include <string.h>
#include <wctype.h>

#include "templates/utf8.h"

size_t
utf8_length(const char *text, const char *end)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t left = (size_t)(end - text), len;
	unsigned char low = 0x80, high = 0xbf; /* of the second octet */

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	len = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (s[0] == 0xe0)
		low = 0xa0; /* no longer form than needed */
	else if (s[0] == 0xed)
		high = 0x9f; /* no surrogates */
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f; /* up to U+10FFFF */
	if (left < len || s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

bool
utf8_is_valid(const char *s, size_t len)
{
	const char *end = s + len;

	while (s < end) {
		size_t n = utf8_length(s, end);

		if (n == 0)
			return false;
		s += n;
	}
	return true;
}

void
utf8_clean(const char *s, size_t len, struct buf *out)
{
	const char *end = s + len;

	while (s < end) {
		size_t n = utf8_length(s, end);

		if (n > 0)
			buf_add(out, s, n);
		else
			buf_adds(out, UTF8_REPLACEMENT);
		s += n > 0 ? n : 1;
	}
}

/* The C library knows Unicode in this locale, whatever the process has. */
static locale_t unicode;

static void
open_unicode(void)
{
	unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

static uint32_t
decode(const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	uint32_t c = len == 1 ? s[0] : s[0] & (0x7fu >> len);

	for (size_t i = 1; i < len; i++)
		c = c << 6 | (s[i] & 0x3f);
	return c;
}

static size_t
encode(uint32_t c, char out[UTF8_CASE_MAX])
{
	size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (size_t i = len - 1; i > 0; i--, c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(len == 1 ? c : (0xf00u >> len & 0xf0) | c);
	return len;
}

size_t
utf8_case(const char *s, const char *end, bool upper, char out[UTF8_CASE_MAX],
    size_t *used)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	uint32_t c;

	*used = utf8_length(s, end);
	if (*used < 2) {
		out[0] = upper && *s >= 'a' && *s <= 'z'    ? (char)(*s - 32)
			 : !upper && *s >= 'A' && *s <= 'Z' ? (char)(*s + 32)
							    : *s;
		return *used = 1;
	}
	if (upper && memcmp(s, "\xc3\x9f", 2) == 0) {
		memcpy(out, "SS", 2);
		return 2;
	}
	pthread_once(&once, open_unicode);
	c = decode(s, *used);
	if (unicode != (locale_t)0)
		c = upper ? towupper_l(c, unicode) : towlower_l(c, unicode);
	return encode(c, out);
}
