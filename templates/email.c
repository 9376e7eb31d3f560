/* SPDX-License-Identifier: MIT */
/*
 * email - a template that looks like an email: header lines, an empty line, the
 * body. The body is rendered once; HTML and plain text both come from that one
 * rendering, so what was escaped for one is escaped for the other.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "templates/lint.h"
#include "templates/mail/markdown.h"
#include "templates/mail/mime.h"
#include "templates/template.h"
#include "templates/utf8.h"

static const char *const head_names[] = {[HEAD_SUBJECT] = "Subject",
    [HEAD_PREHEADER] = "Preheader",
    [HEAD_FROM] = "From",
    [HEAD_REPLY_TO] = "Reply-To",
    [HEAD_LAYOUT] = "Layout",
    [HEAD_TOPIC] = "Topic",
    [HEAD_TAGS] = "Tags",
    [HEAD_CHANNEL] = "Channel",
    [HEAD_UNSURE] = "Unsure",
    [HEAD_COUNT] = NULL};

/* A value as it stands in the file, folded lines and all. */
struct field {
	const char *text; /* NULL: not there */
	size_t len;
	int line, column;
};

/* A file on its way to a template. */
struct source {
	struct template *template;
	const struct loading *loading;
	const char *text;
	struct field head[HEAD_COUNT];
	struct field body;
};

static void __attribute__((format(printf, 3, 4)))
complain(const struct source *s, int line, const char *fmt, ...)
{
	char text[sizeof((struct error *)0)->text];
	struct error e;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	error_at(&e, s->template->info.file, line, 1, NULL, "%s", text);
	problems_add(s->loading->problems, &e);
}

static int
find_head(const char *name, size_t len)
{
	for (int i = 0; i < HEAD_COUNT; i++)
		if (strlen(head_names[i]) == len &&
		    strncasecmp(head_names[i], name, len) == 0)
			return i;
	return -1;
}

static void
complain_unknown(const struct source *s, int line, const char *name, size_t len)
{
	char *word = xstrndup(name, len);
	const char *near = suggest(word, head_names);

	complain(s, line, "there is no header \"%.60s\"%s%s%s", word,
	    near != NULL ? "; is \"" : "", near != NULL ? near : "",
	    near != NULL ? "\" meant?" : "");
	free(word);
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct field
trimmed(const char *text, const char *end, int line)
{
	while (text < end && is_blank(*text))
		text++;
	while (text < end && is_blank(end[-1]))
		end--;
	return (struct field){text, (size_t)(end - text), line, 1};
}

/* "Key: value". Returns the field it is, for lines that continue it. */
static struct field *
read_head_line(struct source *s, const char *text, const char *end, int line)
{
	const char *colon = memchr(text, ':', (size_t)(end - text));
	size_t len = colon != NULL ? (size_t)(colon - text) : 0;
	int i = find_head(text, len);

	if (colon == NULL)
		complain(s, line,
		    "a header line (Key: value) is expected, or "
		    "the empty line that ends them");
	else if (i < 0)
		complain_unknown(s, line, text, len);
	else if (s->head[i].text != NULL)
		complain(
		    s, line, "the header \"%s\" is here twice", head_names[i]);
	else {
		s->head[i] = trimmed(colon + 1, end, line);
		s->head[i].column = (int)(s->head[i].text - text) + 1;
	}
	return i >= 0 ? &s->head[i] : NULL;
}

static void
read_source(struct source *s, const char *text, size_t len)
{
	const char *end = text + len, *next;
	struct field *last = NULL;
	int line = 1;

	for (; text < end; text = next, line++) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		struct field content;

		stop = stop != NULL ? stop : end;
		next = stop < end ? stop + 1 : end;
		content = trimmed(text, stop, line);
		if (content.len == 0) {
			s->body = (struct field){
			    next, (size_t)(end - next), line + 1, 1};
			return;
		}
		if (*text != ' ' && *text != '\t')
			last = read_head_line(s, text, stop, line);
		else if (last != NULL)
			last->len =
			    (size_t)(content.text + content.len - last->text);
	}
	complain(s, line, "the body is missing: it begins after an empty line");
}

static struct liquid *
compile(const struct source *s, const struct field *f, enum liquid_context c)
{
	struct liquid_options options = s->loading->options;
	struct liquid *liquid;
	struct error e;

	options.name = s->template->info.file;
	options.first_line = f->line;
	options.first_column = f->column;
	options.context = c;
	liquid = liquid_compile(f->text, f->len, &options, &e);
	if (liquid == NULL)
		problems_add(s->loading->problems, &e);
	return liquid;
}

static const char *
head_string(const struct source *s, enum head i, const char *otherwise)
{
	const struct field *f = &s->head[i];

	if (f->text == NULL || f->len == 0)
		return otherwise;
	return arena_strndup(s->loading->memory, f->text, f->len);
}

/* "default" need not exist when no template names it. */
static const struct layout *
choose_layout(const struct source *s)
{
	const struct loading *l = s->loading;
	const char *wanted = head_string(s, HEAD_LAYOUT, "default");
	const char **names = xcalloc((size_t)l->n_layouts + 1, sizeof *names);
	const struct layout *found = NULL;
	const char *near;

	for (int i = 0; i < l->n_layouts; i++) {
		names[i] = l->layouts[i].name;
		if (strcmp(names[i], wanted) == 0)
			found = &l->layouts[i];
	}
	near = suggest(wanted, names);
	if (found == NULL && s->head[HEAD_LAYOUT].text != NULL)
		complain(s, s->head[HEAD_LAYOUT].line,
		    "there is no layouts/%.60s.html%s%s%s", wanted,
		    near != NULL ? "; is \"" : "", near != NULL ? near : "",
		    near != NULL ? "\" meant?" : "");
	free(names);
	return found != NULL ? found : &l->layouts[0];
}

static const char *const *
split_words(const char *text, struct arena *memory)
{
	static const char between[] = ", \t\r\n";
	size_t most = strlen(text) / 2 + 2;
	const char **words = arena_alloc(memory, most * sizeof *words);
	int n = 0;

	while (*(text += strspn(text, between)) != '\0') {
		size_t len = strcspn(text, between);

		words[n++] = arena_strndup(memory, text, len);
		text += len;
	}
	words[n] = NULL;
	return words;
}

bool
set_unsure(struct template_info *info, const char *word)
{
	info->unsure_hold = strcmp(word, "hold") == 0;
	return info->unsure_hold || strcmp(word, "retry") == 0;
}

static void
read_info(struct source *s)
{
	struct template_info *info = &s->template->info;

	info->kind = TEMPLATE_EMAIL;
	info->channel = head_string(s, HEAD_CHANNEL, "email");
	info->topic = head_string(s, HEAD_TOPIC, NULL);
	info->tags =
	    split_words(head_string(s, HEAD_TAGS, ""), s->loading->memory);
	if (s->head[HEAD_TOPIC].len > TOPIC_MAX)
		complain(s, s->head[HEAD_TOPIC].line,
		    "a topic has %d bytes at most", TOPIC_MAX);
	if (!set_unsure(info, head_string(s, HEAD_UNSURE, "retry")))
		complain(s, s->head[HEAD_UNSURE].line,
		    "Unsure is \"retry\" or \"hold\"");
}

/* ------------------------------------------------------------------ lint */

static void
note_unsubscribe(void *arg, const struct liquid_path *path)
{
	if (strcmp(path->text, "unsubscribe_url") == 0)
		*(bool *)arg = true;
}

static void __attribute__((format(printf, 4, 5)))
warn_at(const struct source *s, const struct liquid_path *path,
    const char *rule, const char *fmt, ...)
{
	char text[sizeof((struct error *)0)->text];
	struct error e;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	error_at(&e, path->file, path->line, path->column, NULL, "%s", text);
	problems_warn(s->loading->problems, rule, &e);
}

/* A person without a name must not be greeted with a hole. */
static void
check_greeting(void *arg, const struct liquid_path *path)
{
	size_t len = strlen(path->text);

	if (path->is_guarded || strncmp(path->text, "user.", 5) != 0 ||
	    len < 9 || strcmp(path->text + len - 4, "name") != 0)
		return;
	warn_at(arg, path, "plain-greeting",
	    "{{ %.100s }} may be missing: say what to write then, as in "
	    "{{ %.100s | default: \"there\" }}",
	    path->text, path->text);
}

/* What comes with events is of anybody's making. */
static void
check_raw(void *arg, const struct liquid_path *path)
{
	static const char *const roots[] = {
	    "user.", "account.", "event.", "data.", NULL};

	for (int i = 0; roots[i] != NULL; i++)
		if (strncmp(path->text, roots[i], strlen(roots[i])) == 0)
			warn_at(arg, path, "raw-value",
			    "{{ %.100s | raw }} lets out any markup that "
			    "somebody sent: leave `raw` out, or take the "
			    "tags off with `strip_html`",
			    path->text);
}

static void
lint(struct source *s)
{
	struct template *t = s->template;
	bool has_link = false;
	struct error e;

	for (int i = 0; i < HEAD_LIQUID; i++)
		if (t->head[i] != NULL)
			liquid_paths(t->head[i], check_greeting, s);
	liquid_paths(t->body, check_greeting, s);
	liquid_raw_paths(t->body, check_raw, s);
	liquid_paths(t->body, note_unsubscribe, &has_link);
	if (t->layout->liquid != NULL)
		liquid_paths(t->layout->liquid, note_unsubscribe, &has_link);
	if (t->info.topic == NULL || has_link)
		return;
	error_at(&e, t->info.file, s->head[HEAD_TOPIC].line, 1, NULL,
	    "a mail with a topic needs {{ unsubscribe_url }}: neither its body "
	    "nor the layout \"%.60s\" has it",
	    t->layout->name);
	problems_warn(s->loading->problems, "unsubscribe-link", &e);
}

void
email_compile(struct template *t, const char *text, size_t len,
    const struct loading *loading)
{
	struct source s = {.template = t, .loading = loading, .text = text};
	size_t bom = len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

	if (!utf8_is_valid(text, len)) {
		complain(&s, 1, "the file is not UTF-8");
		return;
	}
	read_source(&s, text + bom, len - bom);
	read_info(&s);
	t->layout = choose_layout(&s);
	if (s.head[HEAD_SUBJECT].text == NULL)
		complain(&s, 1, "an email needs a Subject");
	for (int i = 0; i < HEAD_LIQUID; i++)
		if (s.head[i].text != NULL) {
			t->head[i] = compile(&s, &s.head[i], LIQUID_HEADER);
			t->head_at[i].line = s.head[i].line;
			t->head_at[i].column = s.head[i].column;
		}
	if (s.body.text != NULL)
		t->body = compile(&s, &s.body,
		    t->is_markdown ? LIQUID_MARKDOWN : LIQUID_HTML);
	if (t->body != NULL)
		lint(&s);
}

/* ---------------------------------------------------------------- render */

void
email_free(struct email *m)
{
	buf_free(&m->subject);
	buf_free(&m->preheader);
	buf_free(&m->from);
	buf_free(&m->reply_to);
	buf_free(&m->text);
	buf_free(&m->html);
}

/* White space of any kind becomes one space, none at the ends. */
static void
make_one_line(struct buf *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->len; i++) {
		char c = is_blank(b->data[i]) ? ' ' : b->data[i];

		if (c != ' ' || (n > 0 && b->data[n - 1] != ' '))
			b->data[n++] = c;
	}
	buf_truncate(b, n > 0 && b->data[n - 1] == ' ' ? n - 1 : n);
}

/* One mailbox; in From somebody's name will do. */
static bool
is_sender(const char *text, bool is_from)
{
	struct buf name = {0}, address = {0}, ascii = {0};
	bool is_one = mailbox_parse(text, &name, &address) == 0;
	struct error e;

	if (is_one && address.len > 0)
		is_one = address_to_ascii(address.data, &ascii, &e) == 0;
	else
		is_one = is_one && is_from;
	buf_free(&name);
	buf_free(&address);
	buf_free(&ascii);
	return is_one;
}

/* What only the values decide; a sender that is not given is the workspace's.
 */
static int
check_head(const struct template *t, enum head i, const struct buf *value,
    struct error *e)
{
	const char *text = buf_str(value);

	if (i == HEAD_SUBJECT ? *text != '\0'
			      : i == HEAD_PREHEADER || *text == '\0' ||
				    is_sender(text, i == HEAD_FROM))
		return 0;
	error_at(e, t->info.file, t->head_at[i].line, t->head_at[i].column,
	    NULL, "\"%.200s\" cannot stand in %s", text, head_names[i]);
	return -1;
}

static int
render_head(const struct template *t, const struct liquid_scope *scope,
    struct email *m, struct error *e)
{
	struct buf *const out[HEAD_LIQUID] = {[HEAD_SUBJECT] = &m->subject,
	    [HEAD_PREHEADER] = &m->preheader,
	    [HEAD_FROM] = &m->from,
	    [HEAD_REPLY_TO] = &m->reply_to};

	for (int i = 0; i < HEAD_LIQUID; i++) {
		int r = 0;

		if (t->head[i] != NULL)
			r = liquid_render(t->head[i], scope, out[i], e);
		make_one_line(out[i]);
		if (r == 0)
			r = check_head(t, (enum head)i, out[i], e);
		if (r != 0)
			return r;
	}
	return 0;
}

static int
render_body(const struct template *t, const struct liquid_scope *scope,
    struct buf *html, struct error *e)
{
	struct buf markdown = {0};
	int r =
	    liquid_render(t->body, scope, t->is_markdown ? &markdown : html, e);

	if (r == 0 && t->is_markdown &&
	    markdown_html(buf_str(&markdown), markdown.len, html) != 0) {
		error_at(e, t->info.file, 0, 0, NULL,
		    "the body is too much for the Markdown reader");
		r = -1;
	}
	buf_free(&markdown);
	return r;
}

/* What the layout sees beside everything else. */
struct layout_scope {
	const struct liquid_scope *outer;
	json_t *content, *subject, *preheader;
};

static json_t *
layout_lookup(void *arg, const char *name)
{
	struct layout_scope *l = arg;

	if (strcmp(name, "content") == 0)
		return l->content;
	if (strcmp(name, "subject") == 0)
		return l->subject;
	if (strcmp(name, "preheader") == 0)
		return l->preheader;
	return l->outer->lookup(l->outer->arg, name);
}

static json_t *
string_of(const struct buf *b)
{
	return json_stringn_nocheck(buf_str(b), b->len);
}

static int
render_layout(const struct template *t, const struct liquid_scope *scope,
    const struct buf *content, struct email *m, struct error *e)
{
	static const char *const safe[] = {"content", NULL};
	struct layout_scope l = {scope, string_of(content),
	    string_of(&m->subject), string_of(&m->preheader)};
	struct liquid_scope inner = *scope;
	int r;

	inner.lookup = layout_lookup;
	inner.arg = &l;
	inner.safe_names = safe;
	r = liquid_render(t->layout->liquid, &inner, &m->html, e);
	json_decref(l.content);
	json_decref(l.subject);
	json_decref(l.preheader);
	return r;
}

static const char *
scope_string(const struct liquid_scope *scope, const char *name)
{
	const char *s = json_string_value(scope->lookup(scope->arg, name));

	return s != NULL ? s : "";
}

/* Who sent this, and the way out of it, below the line of a signature. */
static void
add_footer(const struct liquid_scope *scope, struct buf *text)
{
	const char *postal = scope_string(scope, "postal_address");
	const char *url = scope_string(scope, "unsubscribe_url");
	const char *preferences = scope_string(scope, "preferences_url");

	if (strstr(buf_str(text), url) != NULL)
		url = "";
	if (strstr(buf_str(text), preferences) != NULL)
		preferences = "";
	if (*postal == '\0' && *url == '\0')
		return;
	buf_adds(text, "\n-- \n");
	if (*postal != '\0')
		buf_addf(text, "%s\n", postal);
	if (*url != '\0')
		buf_addf(text, "Unsubscribe: %s\n", url);
	if (*url != '\0' && *preferences != '\0')
		buf_addf(text, "Choose what you get: %s\n", preferences);
}

int
template_render_email(const struct template *t,
    const struct liquid_scope *outer, struct email *m, struct error *e)
{
	struct liquid_scope scope = template_scope(t, outer);
	struct buf content = {0};
	int r;

	*m = (struct email){0};
	r = render_head(t, &scope, m, e);
	if (r == 0)
		r = render_body(t, &scope, &content, e);
	if (r == 0) {
		html_text(buf_str(&content), content.len, &m->text);
		add_footer(&scope, &m->text);
		r = render_layout(t, &scope, &content, m, e);
	}
	buf_free(&content);
	if (r != 0)
		email_free(m);
	return r;
}
