/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include <event2/http.h>

#include "templates/buf.h"
#include "worker/http/reply.h"
#include "worker/http/unsubscribe.h"
#include "worker/token.h"

static const char page_head[] =
    "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n"
    "<meta name=\"robots\" content=\"noindex\">\n"
    "<meta name=\"color-scheme\" content=\"light dark\">\n"
    "<title>Unsubscribe</title>\n<style>\n"
    "body{font:18px/1.5 system-ui,sans-serif;max-width:32em;margin:15vh auto;"
    "padding:0 1.2em}\n"
    "button{font:inherit;padding:.6em 1.2em;border-radius:.4em;border:0;"
    "background:#1d4ed8;color:#fff;cursor:pointer}\n"
    "</style>\n</head>\n<body>\n";

/* A topic is a name from a template; what is not plain is left out. */
static void
add_topic(struct buf *b, const char *topic)
{
	for (; *topic != '\0'; topic++)
		if (strchr("<>&\"'", *topic) == NULL)
			buf_addc(b, *topic);
}

static void
page(struct evhttp_request *r, int status, struct buf *body)
{
	struct buf all = {0};

	buf_adds(&all, page_head);
	buf_add(&all, body->data, body->len);
	buf_adds(&all, "</body>\n</html>\n");
	reply_header(r, "Cache-Control", "no-store");
	reply_header(r, "X-Content-Type-Options", "nosniff");
	reply_header(r, "Referrer-Policy", "no-referrer");
	reply_bytes(r, status, "text/html; charset=utf-8", all.data, all.len);
	buf_free(&all);
	buf_free(body);
}

static void
ask(struct evhttp_request *r, const char *topic)
{
	struct buf b = {0};

	buf_adds(&b, "<h1>Unsubscribe?</h1>\n<p>You will get no more ");
	add_topic(&b, topic);
	buf_adds(&b, " messages.</p>\n<form method=\"post\">"
		     "<button name=\"List-Unsubscribe\" value=\"One-Click\">"
		     "Unsubscribe</button></form>\n");
	page(r, 200, &b);
}

void
unsubscribe_done(struct evhttp_request *r, const char *topic)
{
	struct buf b = {0};

	buf_adds(&b, "<h1>You are unsubscribed</h1>\n<p>No more ");
	add_topic(&b, topic);
	buf_adds(&b, " messages will be sent to you.</p>\n");
	page(r, 200, &b);
}

void
unsubscribe_request(
    struct worker *w, struct evhttp_request *r, const char *token)
{
	enum evhttp_cmd_type method = evhttp_request_get_command(r);
	struct token_key *key = worker_token_key(w);
	struct input *in = xcalloc(1, sizeof *in);
	struct buf b = {0};

	if (key == NULL) {
		buf_adds(&b, "<h1>Please try again in a moment</h1>\n");
		page(r, 503, &b);
	} else if (token_read(key, token, in->address, sizeof in->address,
		       in->topic, sizeof in->topic) != 0) {
		buf_adds(&b, "<h1>This link does not work</h1>\n"
			     "<p>It may have been cut off. Please copy the "
			     "whole link from the mail.</p>\n");
		page(r, 404, &b);
	} else if (method == EVHTTP_REQ_POST) {
		in->kind = INPUT_UNSUBSCRIBE;
		in->request = r;
		worker_submit(w, in);
		return;
	} else if (method == EVHTTP_REQ_GET || method == EVHTTP_REQ_HEAD) {
		ask(r, in->topic);
	} else {
		reply_header(r, "Allow", "GET, HEAD, POST");
		reply_text(r, 405, "text/plain", "");
	}
	free(in);
}
