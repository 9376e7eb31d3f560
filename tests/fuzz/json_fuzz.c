/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer entry for JSON that people write, for the texts in it (times,
 * durations, tokens, webhook secrets, HTML), and for the states of subjects,
 * which must come out of a load and a save as they went in.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sequences/calendar.h"
#include "sequences/subject.h"
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

/* What is an object for jansson is one for the walk, member by member. */
static void
walk(const char *text, size_t len)
{
	json_t *all = json_loadb(text, len, 0, NULL);
	struct json_walk w = json_walk_begin(text, len);
	struct json_span key, value;

	if (json_is_object(all)) {
		json_walk_enter(&w, '{');
		while (json_walk_next(&w, '}', &key)) {
			value = json_walk_value(&w);
			if (value.len == 0 ||
			    (memchr(key.text, '\\', key.len) == NULL &&
				json_object_getn(all, key.text, key.len) ==
				    NULL))
				abort();
		}
		if (!json_walk_end(&w))
			abort();
	}
	json_decref(all);
}

static void
load_and_save(const char *text)
{
	struct buf once = {0}, twice = {0};
	struct subject s;
	struct error e;

	if (subject_load(&s, SUBJECT_USER, "ada", NULL, text, &e) != 0)
		return;
	subject_save_state(&s, &once);
	subject_free(&s);
	if (subject_load(&s, SUBJECT_USER, "ada", NULL, once.data, &e) != 0)
		abort();
	subject_save_state(&s, &twice);
	subject_free(&s);
	if (strcmp(once.data, twice.data) != 0)
		abort();
	buf_free(&once);
	buf_free(&twice);
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
	walk(text, strlen(text));
	load_and_save(text);
	read_texts(text);
	free(text);
	return 0;
}
