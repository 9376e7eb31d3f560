/* SPDX-License-Identifier: MIT */
/*
 * framing - evhttp (2.1) finds "Content-Length : 5" to be another header, takes
 * the first of two lengths, and reads no body of HEAD whatever is announced. It
 * stops reading until a request is answered, so that all this can be looked at
 * then.
 */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include <sys/queue.h>

#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>

#include "worker/http/framing.h"

#define DIGITS_MAX 18 /* of a length that fits into 64 bits */

/* What was seen of the headers that say where the body ends. */
struct framing {
	const char *length; /* or NULL */
	bool is_chunked;
};

/* RFC 9110 section 8.6: digits. A tab may stand in front of them. */
static const char *
see_length(struct framing *f, const char *value)
{
	size_t digits;

	value += strspn(value, "\t");
	digits = strspn(value, "0123456789");
	if (digits == 0 || digits > DIGITS_MAX || value[digits] != '\0')
		return "Content-Length is not a number of bytes";
	if (f->length != NULL && strcmp(f->length, value) != 0)
		return "there are two values of Content-Length";
	f->length = value;
	return NULL;
}

/* RFC 9112 section 6.1; any other coding would have to be undone. */
static const char *
see_coding(struct framing *f, const char *value)
{
	if (f->is_chunked || strcasecmp(value, "chunked") != 0)
		return "the only Transfer-Encoding that is read is chunked";
	f->is_chunked = true;
	return NULL;
}

/* Section 5.1: no blank before the colon. Section 2.2: no CR but at the end. */
static const char *
see_header(struct framing *f, const struct evkeyval *header)
{
	const char *name = header->key;

	if (name[0] == '\0' || name[strcspn(name, " \t\r")] != '\0')
		return "there is a blank in the name of a header";
	if (strchr(header->value, '\r') != NULL)
		return "there is a bare CR in a header";
	if (strcasecmp(name, "Content-Length") == 0)
		return see_length(f, header->value);
	if (strcasecmp(name, "Transfer-Encoding") == 0)
		return see_coding(f, header->value);
	return NULL;
}

const char *
framing_fault(struct evhttp_request *r)
{
	bool is_head = evhttp_request_get_command(r) == EVHTTP_REQ_HEAD;
	bool is_old = r->major < 1 || (r->major == 1 && r->minor < 1);
	struct framing f = {0};
	const struct evkeyval *header;
	const char *fault;

	TAILQ_FOREACH(header, evhttp_request_get_input_headers(r), next)
	if ((fault = see_header(&f, header)) != NULL)
		return fault;
	if (f.is_chunked && f.length != NULL)
		return "Content-Length and Transfer-Encoding exclude each "
		       "other";
	if (f.is_chunked && is_old)
		return "HTTP/1.0 knows no Transfer-Encoding";
	if (is_head &&
	    (f.is_chunked ||
		(f.length != NULL && strspn(f.length, "0") < strlen(f.length))))
		return "HEAD has no body";
	return NULL;
}
