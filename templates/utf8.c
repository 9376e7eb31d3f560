/* SPDX-License-Identifier: MIT */
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
