/* SPDX-License-Identifier: MIT */
#ifndef TEMPLATES_UTF8_H
#define TEMPLATES_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "templates/buf.h"

#define UTF8_REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* Octets of the character at s (RFC 3629), or 0 when it is not one. s < end. */
size_t utf8_length(const char *s, const char *end);
bool utf8_is_valid(const char *s, size_t len);
/* A copy in which what is not a character is U+FFFD, one an octet. */
void utf8_clean(const char *s, size_t len, struct buf *out);

/*
 * The first character at s in upper or lower case (Unicode's simple mapping,
 * and SS for the German sharp s). Returns the octets in `out`, and in *used
 * those of s. s < end.
 */
#define UTF8_CASE_MAX 4
size_t utf8_case(const char *s, const char *end, bool upper,
    char out[UTF8_CASE_MAX], size_t *used);

#endif
