/* SPDX-License-Identifier: MIT */
/*
 * render - the onboarding mail, parsed once and rendered for SECONDS; prints
 * how many a second. What ruby-liquid does of it is in render.rb; here Markdown
 * and the text part come on top.
 *
 *	render TEMPLATES SECONDS
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <jansson.h>

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

int
main(int argc, char **argv)
{
	struct problems problems = {0};
	struct templates *set;
	struct liquid_scope scope = {.lookup = lookup};
	double start, spent;
	long long count = 0;
	struct error e;

	if (argc != 3)
		return EXIT_FAILURE;
	set = templates_load(argv[1], &problems);
	scope.arg = json_load_file("tests/bench/person.json", 0, NULL);
	start = seconds();
	do {
		struct email mail = {0};

		if (template_render_email(
			templates_find(set, "day-00-welcome", NULL), &scope,
			&mail, &e) != 0) {
			fprintf(stderr, "%s\n", e.text);
			return EXIT_FAILURE;
		}
		email_free(&mail);
		count++;
		spent = seconds() - start;
	} while (spent < atof(argv[2]));
	printf("%.0f\n", (double)count / spent);
	json_decref(scope.arg);
	templates_free(set);
	problems_free(&problems);
	return EXIT_SUCCESS;
}
