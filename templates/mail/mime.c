/* SPDX-License-Identifier: MIT */
/*
 * mime - puts a mail together. Only mime_compose() writes header lines; each
 * value passes header.c, which folds and encodes it, and is_one_line() before.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "templates/time/date.h"
#include "templates/mail/header.h"
#include "templates/mail/mime.h"
#include "templates/mail/quoted_printable.h"

#define LINE_OCTETS_MAX 998 /* RFC 5322 section 2.1.1 */

/* Each stands at most once, and only this file writes it. */
static const char *const own_headers[] = {"Date", "From", "To", "Reply-To",
    "Subject", "Message-ID", "MIME-Version", "Auto-Submitted",
    "X-Auto-Response-Suppress", "Precedence", "List-Unsubscribe",
    "List-Unsubscribe-Post", "List-Id", "Feedback-ID", "Content-Type",
    "Content-Transfer-Encoding", "Sender", "Cc", "Bcc"};

static int
check_line(const char *name, const char *value, struct error *e)
{
	if (strpbrk(value, "\r\n") == NULL)
		return 0;
	error_set(e, "a line break in %s", name);
	return -1;
}

/* For what can be neither folded nor encoded: printable, no space or <>. */
static int
check_token(const char *name, const char *value, struct error *e)
{
	const char *s = value;

	while (*s > ' ' && *s <= '~' && *s != '<' && *s != '>')
		s++;
	if (s != value && *s == '\0')
		return 0;
	error_set(e, "\"%.200s\" cannot stand in %s", value, name);
	return -1;
}

static int
add_text(struct buf *out, const char *name, const char *value, struct error *e)
{
	struct header h;

	if (check_line(name, value, e) != 0)
		return -1;
	h = header_begin(out, name);
	header_text(&h, value);
	header_end(&h);
	return 0;
}

static int
add_mailbox(struct buf *out, const char *name, const struct mime_address *who,
    struct error *e)
{
	const char *display = who->name != NULL ? who->name : "";
	struct buf token = {0};
	struct header h;
	int r = check_line(name, display, e);

	buf_addc(&token, '<');
	if (r == 0)
		r = address_to_ascii(who->address, &token, e);
	buf_addc(&token, '>');
	if (r == 0) {
		h = header_begin(out, name);
		header_phrase(&h, display);
		header_token(&h, token.data);
		header_end(&h);
	}
	buf_free(&token);
	return r;
}

static int
add_message_id(struct buf *out, const char *id, struct error *e)
{
	if (check_token("Message-ID", id, e) != 0)
		return -1;
	buf_addf(out, "Message-ID: <%s>\r\n", id);
	return 0;
}

/* RFC 2369 and RFC 8058: both ways in one header, the link first. */
static int
add_unsubscribe(struct buf *out, const struct mime_message *m, struct error *e)
{
	struct header h = header_begin(out, "List-Unsubscribe");
	struct buf token = {0};
	int r = check_token("List-Unsubscribe", m->list_unsubscribe, e);

	if (r == 0 && strncmp(m->list_unsubscribe, "https://", 8) != 0 &&
	    strncmp(m->list_unsubscribe, "http://", 7) != 0) {
		error_set(
		    e, "\"%.200s\" is not an https URL", m->list_unsubscribe);
		r = -1;
	}
	buf_addf(&token, "<%s>%s", m->list_unsubscribe,
	    m->list_unsubscribe_mailto != NULL ? "," : "");
	header_token(&h, token.data);
	buf_truncate(&token, 0);
	if (r == 0 && m->list_unsubscribe_mailto != NULL) {
		buf_adds(&token, "<mailto:");
		r = address_to_ascii(m->list_unsubscribe_mailto, &token, e);
		buf_adds(&token, "?subject=unsubscribe>");
		header_token(&h, token.data);
	}
	header_end(&h);
	buf_adds(out, "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
		      "Precedence: bulk\r\n");
	buf_free(&token);
	return r;
}

/* RFC 2919: a phrase, and the identifier in brackets. */
static int
add_list_id(struct buf *out, const char *value, struct error *e)
{
	struct buf name = {0}, id = {0}, token = {0};
	struct header h;
	int r = check_line("List-Id", value, e);

	if (r == 0 && mailbox_parse(value, &name, &id) != 0) {
		error_set(e, "\"%.200s\" cannot stand in List-Id", value);
		r = -1;
	}
	if (r == 0)
		r = check_token("List-Id", buf_str(&id), e);
	if (r == 0) {
		buf_addf(&token, "<%s>", id.data);
		h = header_begin(out, "List-Id");
		header_phrase(&h, buf_str(&name));
		header_token(&h, token.data);
		header_end(&h);
	}
	buf_free(&name);
	buf_free(&id);
	buf_free(&token);
	return r;
}

static int
add_extra(struct buf *out, const struct mime_header *extra, struct error *e)
{
	bool is_refused = strchr(extra->name, ':') != NULL;

	if (check_token("a header's name", extra->name, e) != 0)
		return -1;
	for (size_t i = 0; i < sizeof own_headers / sizeof *own_headers; i++)
		is_refused |= strcasecmp(own_headers[i], extra->name) == 0;
	if (is_refused) {
		error_set(e, "the header %s cannot be added", extra->name);
		return -1;
	}
	return add_text(out, extra->name, extra->value, e);
}

static int
add_list_headers(struct buf *out, const struct mime_message *m, struct error *e)
{
	if (m->list_unsubscribe != NULL && add_unsubscribe(out, m, e) != 0)
		return -1;
	if (m->list_id != NULL && add_list_id(out, m->list_id, e) != 0)
		return -1;
	if (m->feedback_id != NULL &&
	    add_text(out, "Feedback-ID", m->feedback_id, e) != 0)
		return -1;
	for (int i = 0; i < m->n_extra; i++)
		if (add_extra(out, &m->extra[i], e) != 0)
			return -1;
	return 0;
}

static int
add_headers(struct buf *out, const struct mime_message *m, struct error *e)
{
	char date[40];

	buf_addf(
	    out, "Date: %s\r\n", date_rfc5322(m->date_ms, date, sizeof date));
	if (add_mailbox(out, "From", &m->from, e) != 0 ||
	    add_mailbox(out, "To", &m->to, e) != 0 ||
	    (m->reply_to.address != NULL &&
		add_mailbox(out, "Reply-To", &m->reply_to, e) != 0) ||
	    add_text(out, "Subject", m->subject, e) != 0 ||
	    add_message_id(out, m->message_id, e) != 0)
		return -1;
	buf_adds(out, "MIME-Version: 1.0\r\n"
		      "Auto-Submitted: auto-generated\r\n"
		      "X-Auto-Response-Suppress: OOF, AutoReply\r\n");
	return add_list_headers(out, m, e);
}

/* No server on the way takes a longer line, or it cuts it. */
static int
check_lengths(const struct buf *out, size_t from, struct error *e)
{
	const char *s = out->data + from, *end = out->data + out->len, *next;

	for (; s < end; s = next + 2) {
		next = memmem(s, (size_t)(end - s), "\r\n", 2);
		if (next - s > LINE_OCTETS_MAX) {
			error_set(e, "a header is too long: %.60s...", s);
			return -1;
		}
	}
	return 0;
}

static void
add_part(struct buf *out, const char *type, const char *text)
{
	buf_addf(out,
	    "Content-Type: text/%s; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n\r\n",
	    type);
	quoted_printable(text, strlen(text), out);
}

/*
 * "=_" cannot stand in quoted-printable text, so no part holds the boundary.
 * RFC 2046 section 5.1.1: at most 70 characters.
 */
static void
make_boundary(const char *message_id, char *out, size_t size)
{
	size_t n = 2;

	memcpy(out, "=_", 2);
	for (const char *s = message_id; *s != '\0' && *s != '@'; s++)
		if (((*s >= '0' && *s <= '9') || (*s >= 'A' && *s <= 'Z') ||
			(*s >= 'a' && *s <= 'z')) &&
		    n < size - 1)
			out[n++] = *s;
	out[n] = '\0';
}

/* RFC 2046 section 5.1.4: the best part comes last. */
static void
add_alternatives(struct buf *out, const struct mime_message *m)
{
	char boundary[64];

	make_boundary(m->message_id, boundary, sizeof boundary);
	buf_addf(out,
	    "Content-Type: multipart/alternative;\r\n boundary=\"%s\"\r\n\r\n"
	    "--%s\r\n",
	    boundary, boundary);
	add_part(out, "plain", m->text);
	buf_addf(out, "\r\n--%s\r\n", boundary);
	add_part(out, "html", m->html);
	buf_addf(out, "\r\n--%s--\r\n", boundary);
}

int
mime_compose(const struct mime_message *m, struct buf *out, struct error *e)
{
	size_t before = out->len;

	if (add_headers(out, m, e) != 0 || check_lengths(out, before, e) != 0) {
		buf_truncate(out, before);
		return -1;
	}
	if (m->text != NULL && m->html != NULL)
		add_alternatives(out, m);
	else if (m->html != NULL)
		add_part(out, "html", m->html);
	else
		add_part(out, "plain", m->text);
	return 0;
}
