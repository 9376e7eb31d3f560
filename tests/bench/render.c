/* SPDX-License-Identifier: MIT */
/*
 * render - the onboarding mail, compiled once and rendered for SECONDS each:
 * first its Liquid alone (subject, body, layout), as render.rb has it, then the
 * whole mail, with Markdown to HTML and the text part. Prints how many a second
 * of either.
 *
 *	render TEMPLATES SECONDS
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "templates/json.h"
#include "templates/mem.h"
#include "templates/templates.h"

static json_t *
lookup(void *arg, const char *name)
{
	return json_object_get(arg, name);
}

static double
seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void
give_up(const struct error *e)
{
	fprintf(stderr, "%s\n", e->text);
	exit(EXIT_FAILURE);
}

static char *
read_file(const char *dir, const char *name, const char *ending, size_t *len)
{
	char path[300];
	struct error e;
	char *text;

	snprintf(path, sizeof path, "%s/%s%s", dir, name, ending);
	text = file_read(path, len, &e);
	if (text == NULL)
		give_up(&e);
	return text;
}

static const char *
partial(void *arg, const char *name, size_t *len)
{
	char dir[300];

	snprintf(dir, sizeof dir, "%s/partials", (const char *)arg);
	return read_file(dir, name, ".liquid", len); /* for the whole run */
}

static struct liquid *
compile(const char *dir, const char *source, size_t len,
    enum liquid_context context)
{
	struct liquid_options options = {.name = "mail",
	    .context = context,
	    .partial = partial,
	    .arg = (void *)dir};
	struct error e;
	struct liquid *l = liquid_compile(source, len, &options, &e);

	if (l == NULL)
		give_up(&e);
	return l;
}

static void
render(
    const struct liquid *l, const struct liquid_scope *scope, struct buf *out)
{
	struct error e;

	buf_truncate(out, 0);
	if (liquid_render(l, scope, out, &e) != 0)
		give_up(&e);
}

static double
liquid_alone(const char *dir, struct liquid_scope *scope, double how_long)
{
	static const char *const safe[] = {"content", NULL};
	size_t len, layout_len;
	char *mail = read_file(dir, "day-00-welcome", ".md", &len);
	char *layout = read_file(dir, "layouts/default", ".html", &layout_len);
	char *body = strstr(mail, "\n\n") + 2;
	char *subject = strstr(mail, "Subject: ") + strlen("Subject: ");
	struct liquid *parts[3] = {
	    compile(dir, subject, strcspn(subject, "\n"), LIQUID_HEADER),
	    compile(dir, body, strlen(body), LIQUID_MARKDOWN),
	    compile(dir, layout, layout_len, LIQUID_HTML)};
	struct buf line = {0}, content = {0}, html = {0};
	double start = seconds(), spent;
	long long count = 0;

	scope->safe_names = safe;
	do {
		render(parts[0], scope, &line);
		render(parts[1], scope, &content);
		json_object_set_new(
		    scope->arg, "subject", json_stringn(line.data, line.len));
		json_object_set_new(scope->arg, "content",
		    json_stringn(content.data, content.len));
		json_object_set_new(scope->arg, "preheader", json_string(""));
		render(parts[2], scope, &html);
		count++;
		spent = seconds() - start;
	} while (spent < how_long);
	scope->safe_names = NULL;
	for (int i = 0; i < 3; i++)
		liquid_free(parts[i]);
	buf_free(&line);
	buf_free(&content);
	buf_free(&html);
	free(mail);
	free(layout);
	return (double)count / spent;
}

static double
whole_mail(const char *dir, const struct liquid_scope *scope, double how_long)
{
	struct problems problems = {0};
	struct templates *set = templates_load(dir, &problems);
	double start = seconds(), spent;
	long long count = 0;
	struct error e;

	do {
		struct email mail = {0};

		if (template_render_email(
			templates_find(set, "day-00-welcome", NULL), scope,
			&mail, &e) != 0)
			give_up(&e);
		email_free(&mail);
		count++;
		spent = seconds() - start;
	} while (spent < how_long);
	templates_free(set);
	problems_free(&problems);
	return (double)count / spent;
}

int
main(int argc, char **argv)
{
	struct liquid_scope scope = {.lookup = lookup};

	if (argc != 3)
		return EXIT_FAILURE;
	scope.arg = json_load_file("tests/bench/person.json", 0, NULL);
	printf("%.0f", liquid_alone(argv[1], &scope, atof(argv[2])));
	printf(" %.0f\n", whole_mail(argv[1], &scope, atof(argv[2])));
	json_decref(scope.arg);
	return EXIT_SUCCESS;
}
