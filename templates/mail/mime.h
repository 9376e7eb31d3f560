/* SPDX-License-Identifier: MIT */
#ifndef TEMPLATES_MAIL_MIME_H
#define TEMPLATES_MAIL_MIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "templates/buf.h"
#include "templates/error.h"

/*
 * mime - a mail as bytes: RFC 5322 headers, RFC 2047 words, RFC 2045 parts.
 * The output has CRLF line ends only, no line over 998 octets (bodies are
 * quoted-printable, 76), ends in CRLF, and is pure ASCII, but for local parts
 * of addresses that are not (RFC 6532). Same input, same bytes: the boundary
 * comes from the message id.
 *
 * CR, LF and NUL in a header value are an error here; templates turn them into
 * spaces before.
 */
struct mime_address {
	const char *name;    /* UTF-8; NULL or "" for none */
	const char *address; /* a domain in other scripts becomes A-labels */
};

struct mime_header {
	const char *name, *value; /* value: UTF-8, encoded where it must be */
};

struct mime_message {
	int64_t date_ms;
	struct mime_address from, to,
	    reply_to;		/* reply_to.address may be NULL */
	const char *subject;	/* UTF-8 */
	const char *message_id; /* "key@domain", without angle brackets */
	const char *text;	/* UTF-8, any line ends; may be NULL */
	const char *html; /* UTF-8, any line ends; may be NULL, not both */
	const char *list_unsubscribe; /* https URL; adds the -Post header too */
	const char *list_unsubscribe_mailto; /* address; may be NULL */
	const char *list_id; /* `"Onboarding" <onboarding.example.com>` */
	const char *feedback_id;
	const struct mime_header *extra; /* more headers */
	int n_extra;
};

int mime_compose(const struct mime_message *, struct buf *out, struct error *);

/*
 * One address as SMTP can carry it: local part up to 64 octets, 254 in all, no
 * CR LF NUL < > space or quote, a domain with a dot or an address literal. RFC
 * 5321 section 4.1.2, minus quoted local parts; a local part beyond ASCII is
 * for relays with SMTPUTF8 (RFC 6531) only.
 */
bool address_is_valid(const char *address);
bool address_is_ascii(const char *address);

/*
 * Appends the address with its domain as SMTP carries it: A-labels (IDNA2008)
 * for one in other scripts, else as it is. The local part stays. Returns 0, or
 * -1 with `out` as it was and the error set when that is not a valid address.
 */
int address_to_ascii(const char *address, struct buf *out, struct error *);

/*
 * Takes `Ada <ada@example.com>`, `"Ada" <..>`, `ada@example.com` or just
 * `Ada` apart. The address is not checked; it stays empty when there is none.
 * Returns 0, or -1 when there is more than one or the brackets do not close.
 */
int mailbox_parse(const char *text, struct buf *name, struct buf *address);

#endif
