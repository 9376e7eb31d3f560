/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "templates/html_escape.h"
#include "worker/http/page.h"
#include "worker/http/unsubscribe.h"
#include "worker/token.h"
#include "worker/settings/topics.h"

static void
add_topic(struct buf *b, const struct worker *w, const char *topic)
{
	struct buf title = {0};

	topic_title(worker_settings_now(w), topic, &title);
	buf_adds(b, "<b>");
	html_escape(b, buf_str(&title));
	buf_adds(b, "</b>");
	buf_free(&title);
}

/* The page of their preferences has the same token. */
static void
add_preferences(struct buf *b, const struct worker *w, const struct input *in,
    const char *words)
{
	buf_adds(b, "<p class=\"soft\"><a href=\"../p/");
	token_make(worker_token_key(w), in->address, in->topic, b);
	buf_addf(b, "\">%s</a></p>\n", words);
}

static void
ask(struct worker *w, const struct input *in)
{
	struct buf b = {0};

	page_heading(&b, "Unsubscribe?");
	buf_adds(&b, "<p>You will get no more mail of this kind: ");
	add_topic(&b, w, in->topic);
	buf_adds(&b, ".</p>\n<form method=\"post\"><p>"
		     "<button name=\"List-Unsubscribe\" value=\"One-Click\">"
		     "Unsubscribe</button></p></form>\n");
	add_preferences(&b, w, in, "Choose what you get instead");
	page_reply(in->request, 200, "Unsubscribe", &b);
}

void
unsubscribe_done(const struct input *in)
{
	struct buf b = {0};

	page_heading(&b, "You are unsubscribed");
	buf_adds(&b, "<p>You get no more mail of this kind: ");
	add_topic(&b, in->worker, in->topic);
	buf_adds(&b, ".</p>\n");
	add_preferences(
	    &b, in->worker, in, "See all that you get, or come back");
	page_reply(in->request, 200, "Unsubscribed", &b);
}

void
unsubscribe_request(
    struct worker *w, struct evhttp_request *r, const char *token)
{
	struct input *in = page_open(w, r, token);

	if (in == NULL)
		return;
	if (page_is_post(r)) {
		in->kind = INPUT_UNSUBSCRIBE;
		worker_submit(w, in);
	} else {
		ask(w, in);
		free(in);
	}
}
