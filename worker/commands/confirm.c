/* SPDX-License-Identifier: MIT */
/*
 * confirm - before what cannot be undone: --yes says it beforehand, whoever
 * sits at a terminal is asked to type the name, and a script without --yes is
 * refused, as nobody could answer for it.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "worker/commands/commands.h"

static bool
is_typed(const char *name)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t len = getline(&line, &size, stdin);
	bool same;

	if (len > 0 && line[len - 1] == '\n')
		line[--len] = '\0';
	same = len >= 0 && strcmp(line, name) == 0;
	free(line);
	return same;
}

int
confirm(const struct invocation *in, const char *what, const char *name)
{
	if (option(in, "yes") != NULL)
		return 0;
	if (!isatty(STDIN_FILENO))
		return fail(EX_USAGE,
		    "this would %s, which cannot be undone: add --yes if that "
		    "is meant",
		    what);
	hint("This would %s, which cannot be undone.\nType %s to go on: ", what,
	    name);
	return is_typed(name) ? 0 : fail(1, "nothing was done");
}
