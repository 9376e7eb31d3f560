/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer entry for JSON that people write, and for the texts in it: times,
 * durations, tokens, webhook secrets, HTML.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sequences/calendar.h"
#include "templates/time/date.h"
#include "templates/json.h"
#include "templates/mail/markdown.h"
#include "templates/mem.h"
#include "templates/time/zone.h"
#include "worker/delivery/webhook/signature.h"
#include "worker/token.h"

static void
read_texts(const char *text)
{
	static const unsigned char secret[TOKEN_SECRET_SIZE];
	struct token_key *token_key = token_key_new(secret);
	char address[256], topic[80];
	struct signature_key key;
	struct buf out = {0};
	struct date date;
	struct error e;
	int64_t ms;

	duration_parse(text, &ms);
	date_parse_rfc3339(text, strlen(text), &ms);
	date_parse(text, strlen(text), zone_find("Europe/Berlin"), 0, &date);
	if (token_read(token_key, text, address, sizeof address, topic,
		sizeof topic) == 0)
		abort(); /* nobody can make one */
	signature_key_parse(&key, text, &e);
	html_text(text, strlen(text), &out);
	token_key_free(token_key);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xstrndup((const char *)data, size);
	struct json_doc doc = {0};
	struct error e;

	if (json_doc_parse(&doc, "fuzz.json", text, strlen(text), &e) == 0)
		json_doc_error(&doc, "/steps/0/send", &e, "wrong");
	json_doc_free(&doc);
	read_texts(text);
	free(text);
	return 0;
}
