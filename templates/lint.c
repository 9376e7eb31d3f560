/* SPDX-License-Identifier: MIT */
/*
 * lint - reads the sources once more, as text: a rendered mail has no lines to
 * point at. The scanner knows as much of Liquid, Markdown and HTML as it must
 * to tell a link from an example of one.
 */
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "templates/json.h"
#include "templates/lint.h"
#include "templates/template.h"

struct source {
	char *file; /* "templates/partials/signature.liquid" */
	char *text;
	bool is_markdown;
};

static void __attribute__((format(printf, 5, 0)))
vwarn(const struct lint *l, const char *rule, const struct source *s,
    const char *at, const char *fmt, va_list ap)
{
	char text[sizeof((struct error *)0)->text];
	const char *begin = at;
	struct error e;
	int line = 1;

	while (begin > s->text && begin[-1] != '\n')
		begin--;
	for (const char *c = s->text; c < begin; c++)
		line += *c == '\n';
	vsnprintf(text, sizeof text, fmt, ap);
	error_at(&e, s->file, line, (int)(at - begin) + 1, NULL, "%s", text);
	problems_warn(l->problems, rule, &e);
}

static void __attribute__((format(printf, 5, 6)))
warn(const struct lint *l, const char *rule, const struct source *s,
    const char *at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vwarn(l, rule, s, at, fmt, ap);
	va_end(ap);
}

/* Returns 0, or -1 when it is not there any more. */
static int
source_open(const struct lint *l, struct source *s, const char *file)
{
	struct buf path = {0};
	struct error e;
	size_t len;

	buf_addf(&path, "%s/%s", l->folder, file);
	*s = (struct source){.file = xstrdup(file)};
	s->text = file_read(path.data, &len, &e);
	s->is_markdown = strcmp(strrchr(file, '.'), ".md") == 0;
	buf_free(&path);
	if (s->text != NULL)
		return 0;
	free(s->file);
	return -1;
}

static void
source_close(struct source *s)
{
	free(s->file);
	free(s->text);
}

/* --------------------------------------------------------------- scanning */

static bool
begins(const char *s, const char *word)
{
	return strncasecmp(s, word, strlen(word)) == 0;
}

/* Behind the next `end`, or at the end of the text. */
static const char *
past(const char *s, const char *end)
{
	const char *found = strstr(s, end);

	return found != NULL ? found + strlen(end) : s + strlen(s);
}

/* Behind the Liquid that begins at s; a comment is one with all in it. */
static const char *
past_liquid(const char *s)
{
	const char *name = s + 2 + strspn(s + 2, "- \t\r\n");

	if (s[1] == '{')
		return past(s, "}}");
	if (begins(name, "comment"))
		return past(past(s, "endcomment"), "%}");
	return past(s, "%}");
}

/*
 * Behind the code span at s, or behind the backticks that open none: as many
 * as opened it close it, in the same paragraph (CommonMark 0.30, section 6.1).
 */
static const char *
past_span(const char *s)
{
	size_t opened = strspn(s, "`"), run;
	const char *at = s + opened;

	while (*at != '\0' && !begins(at, "\n\n")) {
		run = strspn(at, "`");
		at += run > 0 ? run : 1;
		if (run == opened)
			return at;
	}
	return s + opened;
}

/* Behind what is no text of the mail and no Liquid, or s itself. */
static const char *
past_code(const struct source *s, const char *at)
{
	if (begins(at, "<!--"))
		return past(at, "-->");
	if (!s->is_markdown || *at != '`')
		return at;
	if (begins(at, "```"))
		return past(at + 3, "```");
	return past_span(at);
}

/* The '>' of the tag at s; Liquid and quotes in it may have one, too. */
static const char *
tag_end(const char *s)
{
	char quote = '\0';

	while (*s != '\0' && (quote != '\0' || *s != '>')) {
		if (s[0] == '{' && (s[1] == '{' || s[1] == '%')) {
			s = past_liquid(s);
			continue;
		}
		if (quote == '\0' && (*s == '"' || *s == '\''))
			quote = *s;
		else if (*s == quote)
			quote = '\0';
		s++;
	}
	return s;
}

static bool
has_attribute(const char *tag, const char *end, const char *name)
{
	size_t len = strlen(name);

	for (const char *s = tag; s + len < end; s++)
		if (strchr(" \t\r\n", s[0]) != NULL && begins(s + 1, name) &&
		    strchr("= \t\r\n/>", s[1 + len]) != NULL)
			return true;
	return false;
}

/* <img> without alt. An empty one is said on purpose: for decoration. */
static void
check_image(const struct lint *l, const struct source *s, const char *at)
{
	if (begins(at, "<img") && strchr(" \t\r\n/>", at[4]) != NULL &&
	    !has_attribute(at, tag_end(at), "alt"))
		warn(l, "image-alt", s, at,
		    "an image without alt: most mail programs show that "
		    "first (alt=\"\" if it is only for decoration)");
	if (s->is_markdown && at[0] == '!' && at[1] == '[' &&
	    at[2 + strspn(at + 2, " ")] == ']')
		warn(l, "image-alt", s, at,
		    "an image without words: ![what it shows](address)");
}

bool
lint_is_insecure(const char *url)
{
	static const char *const own[] = {"localhost", "127.", "[::1]"};

	if (!begins(url, "http://"))
		return false;
	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		if (begins(url + 7, own[i]))
			return false;
	return true;
}

/* Is what stands before `at` an attribute that loads or leads somewhere? */
static bool
is_in_attribute(const char *text, const char *at)
{
	static const char *const names[] = {
	    "href=", "src=", "action=", "background=", "poster="};
	const char *end = at;

	if (end > text && (end[-1] == '"' || end[-1] == '\''))
		end--;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		size_t len = strlen(names[i]);

		if ((size_t)(end - text) > len &&
		    strchr(" \t\r\n", end[-1 - (int)len]) != NULL &&
		    begins(end - len, names[i]))
			return true;
	}
	return false;
}

static void
check_link(const struct lint *l, const struct source *s, const char *at)
{
	char before = at > s->text ? at[-1] : ' ';
	bool is_text = s->is_markdown && strchr(" \t\n<", before) != NULL;

	if (*at != 'h' && *at != 'H')
		return;
	if (lint_is_insecure(at) &&
	    (is_text || before == '(' || is_in_attribute(s->text, at)))
		warn(l, "https-links", s, at,
		    "without https, mail programs warn of it, and others on "
		    "the way can read and change it");
}

static void
scan(const struct lint *l, const struct source *s)
{
	const char *at = s->text, *next;

	while (*at != '\0') {
		if (at[0] == '{' && (at[1] == '{' || at[1] == '%')) {
			at = past_liquid(at);
		} else if ((next = past_code(s, at)) != at) {
			at = next;
		} else {
			check_image(l, s, at);
			check_link(l, s, at);
			at++;
		}
	}
}

static void
scan_file(const struct lint *l, const char *file)
{
	struct source s;

	if (source_open(l, &s, file) != 0)
		return;
	scan(l, &s);
	source_close(&s);
}

static int
is_source(const struct dirent *d)
{
	const char *dot = strrchr(d->d_name, '.');

	return d->d_name[0] != '.' && dot != NULL &&
	       (strcmp(dot, ".html") == 0 || strcmp(dot, ".liquid") == 0);
}

static void
scan_folder(const struct lint *l, const char *folder)
{
	struct buf path = {0};
	struct dirent **names;
	int n;

	buf_addf(&path, "%s/%s", l->folder, folder);
	n = scandir(path.data, &names, is_source, alphasort);
	for (int i = 0; i < n; i++) {
		buf_truncate(&path, 0);
		buf_addf(&path, "%s/%s", folder, names[i]->d_name);
		scan_file(l, path.data);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	buf_free(&path);
}

/* ------------------------------------------------------------------ names */

static void
check_path(void *arg, const struct liquid_path *path)
{
	const struct lint *l = arg;
	struct buf why = {0};
	struct error e;

	l->check(l->arg, path, &why);
	if (why.len > 0) {
		error_at(&e, path->file, path->line, path->column, NULL, "%s",
		    why.data);
		problems_warn(l->problems, "unknown-name", &e);
	}
	buf_free(&why);
}

void
lint_sources(const struct lint *l, const struct templates *set)
{
	const struct template *t;

	for (size_t i = 0; (t = templates_at(set, i)) != NULL; i++) {
		if (t->info.kind == TEMPLATE_EMAIL)
			scan_file(l, t->info.file);
		template_paths(t, check_path, (void *)l);
	}
	scan_folder(l, "templates/layouts");
	scan_folder(l, "templates/partials");
}

void
lint_header(const struct lint *l, const char *file, const char *header,
    const char *rule, const char *fmt, ...)
{
	size_t len = strlen(header);
	struct source s;
	const char *at;
	va_list ap;

	if (source_open(l, &s, file) != 0)
		return;
	for (at = s.text; *at != '\n' && *at != '\0'; at = past(at, "\n"))
		if (len > 0 && begins(at, header) && at[len] == ':') {
			at += len + 1;
			break;
		}
	if (len == 0 || *at == '\n' || *at == '\0')
		at = s.text;
	va_start(ap, fmt);
	vwarn(l, rule, &s, at + strspn(at, " \t"), fmt, ap);
	va_end(ap);
	source_close(&s);
}
