/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "templates/error.h"
#include "templates/mem.h"
#include "templates/utf8.h"

#define SUGGEST_MAX 48 /* longer words get no suggestion */

/*
 * What was cut to fit may end within a character, and a file may be named
 * anything: such octets become '?', as JSON has no place for them.
 */
static void
make_utf8(char *s)
{
	const char *end = s + strlen(s);

	while (s < end) {
		size_t len = utf8_length(s, end);

		if (len == 0)
			*s = '?';
		s += len > 0 ? len : 1;
	}
}

void
error_set(struct error *e, const char *fmt, ...)
{
	va_list ap;

	*e = (struct error){0};
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof e->text, fmt, ap);
	va_end(ap);
	make_utf8(e->text);
}

void
error_at(struct error *e, const char *file, int line, int column,
    const char *pointer, const char *fmt, ...)
{
	va_list ap;

	*e = (struct error){.line = line, .column = column};
	snprintf(e->file, sizeof e->file, "%s", file != NULL ? file : "");
	snprintf(e->pointer, sizeof e->pointer, "%s",
	    pointer != NULL ? pointer : "");
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof e->text, fmt, ap);
	va_end(ap);
	make_utf8(e->file);
	make_utf8(e->pointer);
	make_utf8(e->text);
}

const char *
error_string(const struct error *e, char *out, size_t size)
{
	char place[sizeof e->file + 32] = "", at[sizeof e->pointer + 16] = "";

	if (e->file[0] != '\0' && e->line > 0)
		snprintf(place, sizeof place, "%s:%d:%d: ", e->file, e->line,
		    e->column);
	else if (e->file[0] != '\0')
		snprintf(place, sizeof place, "%s: ", e->file);
	if (e->pointer[0] != '\0')
		snprintf(at, sizeof at, " (at %s)", e->pointer);
	snprintf(out, size, "%s%s%s", place, e->text, at);
	make_utf8(out);
	return out;
}

static struct problem *
problems_grow(struct problems *p, const struct error *e)
{
	p->list = xrealloc(p->list, (size_t)(p->count + 1) * sizeof *p->list);
	p->list[p->count] = (struct problem){.at = *e};
	return &p->list[p->count++];
}

static bool
is_same(const struct error *a, const struct error *b)
{
	return a->line == b->line && a->column == b->column &&
	       strcmp(a->file, b->file) == 0 &&
	       strcmp(a->pointer, b->pointer) == 0 &&
	       strcmp(a->text, b->text) == 0;
}

void
problems_add_as(struct problems *p, const char *rule, const struct error *e)
{
	struct problem *error;

	for (int i = 0; i < p->count; i++)
		if (is_same(&p->list[i].at, e) && !p->list[i].is_warning)
			return;
	error = problems_grow(p, e);
	snprintf(error->rule, sizeof error->rule, "%s", rule);
	p->errors++;
}

void
problems_add(struct problems *p, const struct error *e)
{
	problems_add_as(p, "", e);
}

void
problems_warn(struct problems *p, const char *rule, const struct error *e)
{
	struct problem *warning;

	for (int i = 0; i < p->count; i++)
		if (is_same(&p->list[i].at, e) &&
		    strcmp(p->list[i].rule, rule) == 0)
			return;
	warning = problems_grow(p, e);
	warning->is_warning = true;
	snprintf(warning->rule, sizeof warning->rule, "%s", rule);
}

void
problems_forgive(struct problems *p, const char *rule)
{
	for (int i = 0; i < p->count; i++) {
		if (p->list[i].is_warning || strcmp(p->list[i].rule, rule) != 0)
			continue;
		p->list[i].is_warning = true;
		p->errors--;
	}
}

void
problems_free(struct problems *p)
{
	free(p->list);
	*p = (struct problems){0};
}

/* Edits (insert, delete, replace, swap of neighbours) between two words. */
static int
distance(const char *a, const char *b)
{
	int row[3][SUGGEST_MAX + 1];
	int *before = row[0], *last = row[1], *now = row[2], *spare;
	int n = (int)strlen(b);

	for (int j = 0; j <= n; j++)
		last[j] = j;
	for (int i = 1; a[i - 1] != '\0'; i++) {
		now[0] = i;
		for (int j = 1; j <= n; j++) {
			bool same = strncasecmp(&a[i - 1], &b[j - 1], 1) == 0;
			int best = last[j - 1] + !same;

			if (last[j] + 1 < best)
				best = last[j] + 1;
			if (now[j - 1] + 1 < best)
				best = now[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] && before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			now[j] = best;
		}
		spare = before;
		before = last;
		last = now;
		now = spare;
	}
	return last[n];
}

const char *
suggest(const char *word, const char *const *known)
{
	const char *nearest = NULL;
	int length = (int)strlen(word);
	int allowed = length <= 3 ? 1 : length <= 7 ? 2 : 3;

	if (length > SUGGEST_MAX)
		return NULL;
	for (; *known != NULL; known++) {
		int d;

		if (strlen(*known) > SUGGEST_MAX)
			continue;
		d = distance(word, *known);
		if (d <= allowed) {
			nearest = *known;
			allowed = d - 1;
		}
	}
	return nearest;
}
