/* SPDX-License-Identifier: MIT */
/*
 * A small reading of HTML (WHATWG section 13.2.5, without character references
 * and CDATA): enough to know text, tag, attribute, comment and script. Where
 * branches of a template disagree on a URL, the stricter place wins.
 */
#include <string.h>
#include <strings.h>

#include "templates/liquid/html.h"
#include "templates/liquid/value.h"

static bool
is_letter(char c)
{
	return (c | 32) >= 'a' && (c | 32) <= 'z';
}

static void
name_add(struct html *h, char c)
{
	if (h->name_len < sizeof h->name - 1) {
		h->name[h->name_len++] =
		    c >= 'A' && c <= 'Z' ? (char)(c | 32) : c;
		h->name[h->name_len] = '\0';
	}
}

static void
name_begin(struct html *h, char c)
{
	h->name_len = 0;
	name_add(h, c);
}

static enum html_kind
attribute_kind(const char *name)
{
	static const char *const urls[] = {"href", "src", "action",
	    "formactio" /* cut off */, "backgroun", "cite", "poster", "data",
	    "longdesc", "xlink:hre", "srcset"};

	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++)
		if (*name == *urls[i] && strcmp(name, urls[i]) == 0)
			return HTML_URL_START;
	if (strcmp(name, "style") == 0)
		return HTML_CSS;
	return strncmp(name, "on", 2) == 0 ? HTML_EVENT : HTML_PLAIN;
}

static void
tag_end(struct html *h)
{
	h->state = h->element != 0 ? HTML_SCRIPT : HTML_TEXT;
}

static void
css_read(struct html *h, char c)
{
	if (h->kind == HTML_CSS && c == '(' && (h->last[0] | 32) == 'r' &&
	    (h->last[1] | 32) == 'l') {
		h->in_css = true;
		h->kind = HTML_URL_START;
	} else if (h->in_css && c == ')') {
		h->in_css = false;
		h->kind = HTML_CSS;
	}
}

static void
url_read(struct html *h, char c)
{
	if (h->in_css && (c == '"' || c == '\'' || c == '('))
		return;
	if (h->kind == HTML_URL_START && !is_space(c) && c != '<')
		h->kind = HTML_URL;
	if (h->kind == HTML_URL && (c == '?' || c == '&'))
		h->kind = HTML_QUERY;
}

static void
in_text(struct html *h, char c)
{
	if (c == '<') {
		h->state = HTML_OPEN;
		h->element = 0;
	} else if (h->is_markdown && c == '/' && h->last[0] == ':' &&
		   h->last[1] == '/') {
		h->state = HTML_LINK;
		h->kind = HTML_URL;
	} else if (h->is_markdown && h->last[1] == ']' &&
		   (c == '(' || c == ':')) {
		h->state = HTML_LINK;
		h->kind = HTML_URL_START;
	}
}

static void
in_open(struct html *h, char c)
{
	h->state = HTML_TEXT;
	if (c == '!' || c == '?') {
		h->state = HTML_TAG_NAME;
		name_begin(h, c);
	} else if (is_letter(c) || c == '/') {
		h->state = HTML_TAG_NAME;
		name_begin(h, c);
	} else if (c == '<') {
		h->state = HTML_OPEN;
	}
}

static void
in_tag_name(struct html *h, char c)
{
	if (is_space(c) || c == '>' || c == '/') {
		h->element = strcmp(h->name, "script") == 0  ? 's'
			     : strcmp(h->name, "style") == 0 ? 't'
							     : 0;
		h->state = HTML_TAG;
		if (c == '>')
			tag_end(h);
	} else if (h->is_markdown && (c == ':' || c == '@')) {
		h->state = HTML_LINK;
		h->kind = HTML_URL;
	} else {
		name_add(h, c);
		if (c == '-' && strcmp(h->name, "!--") == 0)
			h->state = HTML_COMMENT;
	}
}

static void
in_tag(struct html *h, char c)
{
	if (c == '>') {
		tag_end(h);
	} else if (c == '=' && h->state == HTML_ATTRIBUTE) {
		h->state = HTML_EQUALS;
		h->kind = attribute_kind(h->name);
		h->in_css = false;
	} else if (is_space(c) || c == '/') {
		/* "href =" still is an attribute and its = */
		if (h->state == HTML_ATTRIBUTE && c == '/')
			h->state = HTML_TAG;
	} else if (h->state == HTML_TAG || is_space(h->last[1])) {
		h->state = HTML_ATTRIBUTE;
		name_begin(h, c);
	} else {
		name_add(h, c);
	}
}

static void
in_equals(struct html *h, char c)
{
	if (c == '"' || c == '\'') {
		h->state = HTML_QUOTED;
		h->quote = c;
	} else if (c == '>') {
		tag_end(h);
	} else if (!is_space(c)) {
		h->state = HTML_UNQUOTED;
	}
}

static void
in_value(struct html *h, char c)
{
	if (h->state == HTML_UNQUOTED && c == '>')
		tag_end(h);
	else if (h->state == HTML_QUOTED ? c == h->quote : is_space(c))
		h->state = HTML_TAG;
	else {
		css_read(h, c);
		url_read(h, c);
	}
}

static void
in_link(struct html *h, char c)
{
	bool begins = h->kind == HTML_URL_START;

	if (c == ')' || c == '>' || c == '\n' || (is_space(c) && !begins) ||
	    (c == '<' && !begins)) {
		h->state = HTML_TEXT;
		in_text(h, c);
	} else {
		url_read(h, c);
	}
}

static bool
ends_script(const struct html *h, const char *p, size_t len)
{
	const char *name = h->element == 's' ? "</script" : "</style";

	return strncasecmp(p, name, len < 8 ? len : strlen(name)) == 0 &&
	       len >= strlen(name);
}

/* The next byte that in_text() looks at in Markdown. */
static const char *
next_mark(const char *p, const char *end)
{
	while (p < end && *p != '<' && *p != '(' && *p != ':' && *p != '/')
		p++;
	return p;
}

static const char *
next_in_css(const char *p, const char *end, char quote)
{
	while (p < end && *p != quote && *p != '(')
		p++;
	return p;
}

/* The next byte that can matter: p, or further on. */
static const char *
skip(struct html *h, const char *p, const char *end)
{
	bool in_url = h->kind == HTML_URL_START || h->kind == HTML_URL;
	const char *next;

	if (h->state == HTML_TEXT && h->is_markdown)
		next = next_mark(p, end);
	else if (h->state == HTML_TEXT || h->state == HTML_SCRIPT)
		next = memchr(p, '<', (size_t)(end - p));
	else if (h->state == HTML_COMMENT)
		next = memchr(p, '>', (size_t)(end - p));
	else if (h->state == HTML_QUOTED && h->kind == HTML_CSS)
		next = next_in_css(p, end, h->quote);
	else if (h->state == HTML_QUOTED && !in_url && !h->in_css)
		next = memchr(p, h->quote, (size_t)(end - p));
	else
		return p;
	if (next == NULL)
		next = end;
	if (next > p) {
		h->last[0] = next - p > 1 ? next[-2] : h->last[1];
		h->last[1] = next[-1];
	}
	return next;
}

void
html_read(struct html *h, const char *p, size_t len)
{
	const char *end = p + len;

	for (; (p = skip(h, p, end)) < end; p++) {
		char c = *p;

		switch ((enum html_state)h->state) {
		case HTML_TEXT:
			in_text(h, c);
			break;
		case HTML_OPEN:
			in_open(h, c);
			break;
		case HTML_TAG_NAME:
			in_tag_name(h, c);
			break;
		case HTML_TAG:
		case HTML_ATTRIBUTE:
			in_tag(h, c);
			break;
		case HTML_EQUALS:
			in_equals(h, c);
			break;
		case HTML_QUOTED:
		case HTML_UNQUOTED:
			in_value(h, c);
			break;
		case HTML_COMMENT:
			if (c == '>' && h->last[1] == '-' && h->last[0] == '-')
				h->state = HTML_TEXT;
			break;
		case HTML_SCRIPT:
			if (c == '<' && ends_script(h, p, (size_t)(end - p))) {
				h->state = HTML_OPEN;
				h->element = 0;
			}
			break;
		case HTML_LINK:
			in_link(h, c);
			break;
		}
		h->last[0] = h->last[1];
		h->last[1] = c;
	}
}

static enum place
url_place(struct html *h)
{
	if (h->kind == HTML_QUERY)
		return PLACE_QUERY;
	if (h->kind == HTML_URL)
		return PLACE_URL;
	h->kind = HTML_URL;
	return PLACE_URL_START;
}

const char *
html_value(struct html *h, enum place *out)
{
	h->last[0] = h->last[1] = 'x';
	*out = PLACE_TEXT;
	switch ((enum html_state)h->state) {
	case HTML_TEXT:
		return NULL;
	case HTML_OPEN:
		if (!h->is_markdown)
			return "the name of a tag";
		h->state = HTML_LINK;
		h->kind = HTML_URL;
		*out = PLACE_URL_START;
		return NULL;
	case HTML_LINK:
		*out = url_place(h);
		return NULL;
	case HTML_QUOTED:
		if (h->kind == HTML_EVENT)
			return "an attribute that holds a script";
		*out = h->kind == HTML_CSS     ? PLACE_CSS
		       : h->kind == HTML_PLAIN ? PLACE_ATTRIBUTE
					       : url_place(h);
		return NULL;
	case HTML_TAG_NAME:
		return "the name of a tag";
	case HTML_EQUALS:
	case HTML_UNQUOTED:
		return "an attribute without quotes";
	case HTML_COMMENT:
		return "a comment";
	case HTML_SCRIPT:
		return "a <script> or <style>";
	default:
		return "a tag, outside of a quoted attribute";
	}
}

bool
html_join(struct html *h, const struct html *other)
{
	/* `<a {% if x %}class="y"{% endif %}>`: both are between attributes */
	bool same = h->state == other->state && h->element == other->element;

	if (h->state == HTML_QUOTED)
		same = same && h->quote == other->quote &&
		       h->in_css == other->in_css;
	if (h->state == HTML_QUOTED || h->state == HTML_LINK) {
		bool url = h->kind >= HTML_URL && h->kind <= HTML_URL_START;

		same = same && (h->kind == other->kind ||
				   (url && other->kind >= HTML_URL &&
				       other->kind <= HTML_URL_START));
		if (same && other->kind > h->kind)
			h->kind = other->kind;
	}
	if (h->last[1] != other->last[1])
		h->last[0] = h->last[1] = 'x';
	return same;
}
