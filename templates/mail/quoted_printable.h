/* SPDX-License-Identifier: MIT */
#ifndef TEMPLATES_MAIL_QUOTED_PRINTABLE_H
#define TEMPLATES_MAIL_QUOTED_PRINTABLE_H

#include <stddef.h>

#include "templates/buf.h"

/*
 * Appends UTF-8 text as quoted-printable (RFC 2045 section 6.7): lines of at
 * most 76 octets that end in CRLF, also the last. Any line end of the input
 * (LF, CRLF, CR) is a line end. No line begins with a dot or "From ", for the
 * sake of what stands on the way, and no character is split between two lines.
 */
void quoted_printable(const char *text, size_t len, struct buf *out);

#endif
