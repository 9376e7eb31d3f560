/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer entry for mails: the input, cut in three, is the name, the subject
 * and the text. What is composed must be ASCII in lines of at most 998 octets
 * that end in CRLF, whatever came in.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "templates/mail/markdown.h"
#include "templates/mem.h"
#include "templates/mail/mime.h"

static void
check_lines(const struct buf *mime)
{
	const char *p = mime->data, *end = p + mime->len;

	for (size_t line = 0; p < end; p++) {
		if (*p == '\n' || *p == '\0' || (unsigned char)*p >= 128)
			abort();
		if (*p != '\r') {
			if (++line > 998)
				abort();
			continue;
		}
		if (++p == end || *p != '\n')
			abort();
		line = 0;
	}
}

static void
check_compose(const char *name, const char *subject, const char *text)
{
	struct buf html = {0}, plain = {0}, mime = {0};
	struct error e;

	markdown_html(text, strlen(text), &html);
	html_text(buf_str(&html), html.len, &plain);
	if (mime_compose(
		&(struct mime_message){
		    .from = {name, "a@example.com"},
		    .to = {name, "b@example.com"},
		    .subject = subject,
		    .message_id = "key@example.com",
		    .text = buf_str(&plain),
		    .html = buf_str(&html),
		},
		&mime, &e) == 0)
		check_lines(&mime);
	buf_free(&html);
	buf_free(&plain);
	buf_free(&mime);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xstrndup((const char *)data, size);
	size_t a = strcspn(text, "|"), b;
	struct buf name = {0}, address = {0};

	mailbox_parse(text, &name, &address);
	address_is_valid(text);
	buf_free(&name);
	buf_free(&address);
	if (text[a] == '|') {
		text[a++] = '\0';
		b = a + strcspn(text + a, "|");
		if (text[b] == '|') {
			text[b++] = '\0';
			check_compose(text, text + a, text + b);
		}
	}
	free(text);
	return 0;
}
