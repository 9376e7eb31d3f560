/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include <event2/http.h>

#include "templates/html_escape.h"
#include "templates/mem.h"
#include "worker/http/page.h"
#include "worker/http/reply.h"
#include "worker/token.h"

/* The colours are those of the layout of the mails that we ship. */
static const char head[] =
    "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, "
    "initial-scale=1\">\n"
    "<meta name=\"robots\" content=\"noindex\">\n"
    "<meta name=\"color-scheme\" content=\"light dark\">\n<style>\n"
    ":root{--page:#f3f5f8;--card:#fff;--line:#d5dae1;--text:#1f2933;"
    "--soft:#5a6572;--link:#1d4ed8;--on-link:#fff;--told:#eaf1ff}\n"
    "@media (prefers-color-scheme:dark){:root{--page:#14171b;--card:#1e2329;"
    "--line:#3a424c;--text:#e4e7eb;--soft:#a3acb8;--link:#8fb4ff;"
    "--on-link:#0d1b33;--told:#24324a}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;padding:max(24px,9vh) 16px 40px;background:var(--page);"
    "color:var(--text);font:17px/1.5 -apple-system,system-ui,'Segoe UI',"
    "Roboto,Helvetica,Arial,sans-serif;overflow-wrap:break-word}\n"
    "main{max-width:34em;margin:0 auto;padding:36px;background:var(--card);"
    "border:1px solid var(--line);border-radius:12px}\n"
    "h1{margin:0 0 8px;font-size:26px;line-height:1.25}\n"
    "p{margin:0 0 20px}\nmain>p:last-child{margin-bottom:0}\n"
    "small,.soft{color:var(--soft);font-size:15px}\na{color:var(--link)}\n"
    "[role=status]{margin:0 0 24px;padding:12px 16px;border-radius:8px;"
    "background:var(--told)}\n"
    "fieldset{margin:0 0 28px;padding:0;border:0}\n"
    "label{display:flex;gap:14px;padding:16px 0;"
    "border-top:1px solid var(--line);cursor:pointer}\n"
    "label:last-child{border-bottom:1px solid var(--line)}\n"
    "label small,label b{display:block}\n"
    "input{flex:none;width:22px;height:22px;margin:2px 0 0;"
    "accent-color:var(--link)}\n"
    "input:disabled~span b{color:var(--soft);font-weight:400}\n"
    "button{padding:12px 24px;border:1px solid var(--link);border-radius:8px;"
    "background:var(--link);color:var(--on-link);font:inherit;"
    "font-weight:600;cursor:pointer}\n"
    "button.plain{border-color:var(--line);background:none;"
    "color:var(--link);font-weight:400}\n"
    ":focus-visible{outline:3px solid var(--link);outline-offset:2px}\n"
    "@media (max-width:480px){body{padding:0;background:var(--card)}"
    "main{padding:32px 20px;border:0}button{display:block;width:100%}"
    "button+button{margin-top:12px}}\n"
    "</style>\n<title>";

void
page_heading(struct buf *b, const char *text)
{
	buf_adds(b, "<h1>");
	html_escape(b, text);
	buf_adds(b, "</h1>\n");
}

void
page_reply(
    struct evhttp_request *r, int status, const char *title, struct buf *body)
{
	struct buf all = {0};

	buf_adds(&all, head);
	html_escape(&all, title);
	buf_adds(&all, "</title>\n</head>\n<body>\n<main>\n");
	buf_add(&all, body->data, body->len);
	buf_adds(&all, "</main>\n</body>\n</html>\n");
	reply_header(r, "Cache-Control", "no-store");
	reply_header(r, "Content-Security-Policy",
	    "default-src 'none'; style-src 'unsafe-inline'; "
	    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'");
	reply_header(r, "X-Content-Type-Options", "nosniff");
	reply_header(r, "X-Robots-Tag", "noindex");
	reply_header(r, "Referrer-Policy", "no-referrer");
	reply_bytes(r, status, "text/html; charset=utf-8", all.data, all.len);
	buf_free(&all);
	buf_free(body);
}

/* A page of a heading and a sentence. */
static void
tell(struct evhttp_request *r, int status, const char *title, const char *text)
{
	struct buf b = {0};

	page_heading(&b, title);
	buf_addf(&b, "<p>%s</p>\n", text);
	page_reply(r, status, title, &b);
}

void
page_unavailable(struct evhttp_request *r)
{
	reply_header(r, "Retry-After", "5");
	tell(r, 503, "Please try again in a moment",
	    "Nothing has been changed yet.");
}

bool
page_is_post(const struct evhttp_request *r)
{
	return evhttp_request_get_command(r) == EVHTTP_REQ_POST;
}

struct input *
page_open(struct worker *w, struct evhttp_request *r, const char *token)
{
	struct token_key *key = worker_token_key(w);
	struct input *in = xcalloc(1, sizeof *in);

	in->request = r;
	if (strcmp(token, "preview") == 0) {
		tell(r, 200, "This is a preview",
		    "In a mail that is sent to somebody, this link leads to a "
		    "page of their own. Here it changes nothing.");
	} else if (key == NULL) {
		page_unavailable(r);
	} else if (token_read(key, token, in->address, sizeof in->address,
		       in->topic, sizeof in->topic) != 0) {
		tell(r, 404, "This link does not work",
		    "It may have been cut off. Please copy the whole link from "
		    "the mail.");
	} else {
		return in;
	}
	free(in);
	return NULL;
}
