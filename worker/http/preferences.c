/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>

#include "templates/html_escape.h"
#include "templates/mem.h"
#include "worker/http/page.h"
#include "worker/http/preferences.h"
#include "worker/settings/topics.h"

/* -------------------------------------------------------------- the form */

static bool
is_form(struct evhttp_request *r)
{
	static const char type[] = "application/x-www-form-urlencoded";
	const char *given = evhttp_find_header(
	    evhttp_request_get_input_headers(r), "Content-Type");

	return given != NULL && strncasecmp(given, type, sizeof type - 1) == 0;
}

/* What turn/preferences.h takes, or NULL: it cannot be read. */
static json_t *
read_form(struct evhttp_request *r)
{
	struct evbuffer *body = evhttp_request_get_input_buffer(r);
	size_t len = evbuffer_get_length(body);
	struct evkeyvalq fields;
	json_t *wanted, *topics;
	char *text;

	if (!is_form(r))
		return NULL;
	text = xcalloc(len + 1, 1);
	evbuffer_copyout(body, text, len);
	if (evhttp_parse_query_str(text, &fields) != 0) {
		free(text);
		return NULL;
	}
	free(text);
	wanted = json_pack("{s:b,s:[]}", "all",
	    evhttp_find_header(&fields, "all") != NULL, "topics");
	topics = json_object_get(wanted, "topics");
	for (struct evkeyval *f = fields.tqh_first; f != NULL;
	     f = f->next.tqe_next)
		if (strcmp(f->key, "topic") == 0)
			json_array_append_new(topics, json_string(f->value));
	evhttp_clear_headers(&fields);
	return wanted;
}

void
preferences_request(
    struct worker *w, struct evhttp_request *r, const char *token)
{
	struct input *in = page_open(w, r, token);
	struct buf b = {0};

	if (in == NULL)
		return;
	in->kind = INPUT_PREFERENCES;
	if (page_is_post(r) && (in->wanted = read_form(r)) == NULL) {
		free(in);
		page_heading(&b, "Nothing has been changed");
		buf_adds(&b, "<p>This page takes its own form only.</p>\n");
		page_reply(r, 415, "Nothing has been changed", &b);
		return;
	}
	worker_submit(w, in);
}

/* -------------------------------------------------------------- the page */

static bool
is_topic(const struct input *in, const char *topic, const char *standing)
{
	const char *s = json_string_value(json_object_get(in->standing, topic));

	return s != NULL && strcmp(s, standing) == 0;
}

/* "a***@example.com": enough for whoever has the address to know it. */
static void
add_masked(struct buf *b, const char *address)
{
	char first[2] = {address[0], '\0'};

	if ((unsigned char)first[0] < 0x80)
		html_escape(b, first);
	buf_adds(b, "***");
	html_escape(b, strrchr(address, '@'));
}

static void
add_sender(struct buf *b, const struct settings *s)
{
	const char *to =
	    s->sender.reply_to != NULL ? s->sender.reply_to : s->sender.address;

	buf_adds(b, "<a href=\"mailto:");
	html_escape(b, to);
	buf_adds(b, "\">");
	html_escape(b, to);
	buf_adds(b, "</a>");
}

static void
add_details(struct buf *b, const struct input *in, const char *topic)
{
	const struct settings *s = worker_settings_now(in->worker);
	const char *description = topic_description(s, topic);
	bool is_blocked = is_topic(in, topic, "blocked");

	if (description == NULL && !is_blocked)
		return;
	buf_adds(b, "<small>");
	html_escape(b, description != NULL ? description : "");
	if (is_blocked) {
		buf_adds(
		    b, " Stopped by the sender; to change that, write to ");
		add_sender(b, s);
		buf_adds(b, ".");
	}
	buf_adds(b, "</small>");
}

static void
add_topic(struct buf *b, const struct input *in, const char *topic)
{
	struct buf title = {0};

	topic_title(worker_settings_now(in->worker), topic, &title);
	buf_adds(b, "<label><input type=\"checkbox\" name=\"topic\" value=\"");
	html_escape(b, topic);
	buf_addf(b, "\"%s%s><span><b>",
	    is_topic(in, topic, "on") ? " checked" : "",
	    is_topic(in, topic, "blocked") ? " disabled" : "");
	html_escape(b, buf_str(&title));
	buf_adds(b, "</b>");
	add_details(b, in, topic);
	buf_adds(b, "</span></label>\n");
	buf_free(&title);
}

/* That of the mail whose link it was comes first. */
static void
add_form(struct buf *b, const struct input *in)
{
	const char *topic;
	json_t *standing;

	buf_adds(b, "<form method=\"post\">\n<fieldset>\n");
	if (json_object_get(in->standing, in->topic) != NULL)
		add_topic(b, in, in->topic);
	json_object_foreach(in->standing, topic, standing)
	{
		if (*topic != '\0' && strcmp(topic, in->topic) != 0)
			add_topic(b, in, topic);
	}
	buf_adds(b, "</fieldset>\n<button name=\"save\" value=\"1\">Save"
		    "</button>\n");
	if (!is_topic(in, "", "off"))
		buf_adds(b, "<button class=\"plain\" name=\"all\" value=\"1\">"
			    "Unsubscribe from all</button>\n");
	buf_adds(b, "</form>\n");
}

static void
add_state(struct buf *b, const struct input *in)
{
	const char *name = worker_settings_now(in->worker)->sender.name;
	bool is_post = page_is_post(in->request);

	if (is_topic(in, "", "off")) {
		buf_addf(b,
		    "<p role=\"status\">%sYou are unsubscribed from "
		    "all mail from ",
		    is_post ? "Saved. " : "");
		html_escape(b, name);
		buf_adds(b, ". Tick what you want to get again.</p>\n");
	} else if (is_post) {
		buf_adds(b, "<p role=\"status\">Saved. You get what is ticked "
			    "here.</p>\n");
	}
}

static void
add_blocked(struct buf *b, const struct settings *s)
{
	buf_adds(b, "<p>This address gets no mail from ");
	html_escape(b, s->sender.name);
	buf_adds(b, ", whatever is chosen here. To change that, write to ");
	add_sender(b, s);
	buf_adds(b, ".</p>\n");
}

void
preferences_done(const struct input *in)
{
	const struct settings *s = worker_settings_now(in->worker);
	struct buf b = {0}, title = {0};

	buf_addf(&title, "Your mail from %s", s->sender.name);
	page_heading(&b, title.data);
	buf_adds(&b, "<p class=\"soft\">What is sent to ");
	add_masked(&b, in->address);
	buf_adds(&b, "</p>\n");
	if (is_topic(in, "", "blocked")) {
		add_blocked(&b, s);
	} else {
		add_state(&b, in);
		add_form(&b, in);
	}
	page_reply(in->request, 200, title.data, &b);
	buf_free(&title);
}
