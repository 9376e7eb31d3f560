/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_FOLDER_H
#define TESTS_UNIT_FOLDER_H

/*
 * A test's folder of its own, one at a time, and the files in it by their names
 * there ("sequences/s.json"). It goes with all that is in it. What cannot be
 * done ends the program: no test can go on without its files.
 */
#include <err.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char folder[200];

static inline void
folder_make(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(folder, sizeof folder, "%s/nudge-test-XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(folder) == NULL)
		err(2, "%s", folder);
}

/* Where a file is; good until the next call. */
static inline char *
path_of(const char *name)
{
	static char path[400];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	return path;
}

/* With the folders on its way. */
static inline void
write_bytes(const char *name, const char *bytes, size_t len)
{
	char *path = path_of(name), *slash = path + strlen(folder);
	FILE *f;

	while ((slash = strchr(slash + 1, '/')) != NULL) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
	f = fopen(path, "w");
	if (f == NULL || fwrite(bytes, 1, len, f) != len || fclose(f) != 0)
		err(2, "%s", path);
}

static inline void
write_file(const char *name, const char *text)
{
	write_bytes(name, text, strlen(text));
}

/* JSON with ' for " and ` for '. */
static inline void
write_json(const char *name, const char *text)
{
	char *json = strdup(text);

	for (char *p = json; *p != '\0'; p++)
		*p = *p == '\'' ? '"' : *p == '`' ? '\'' : *p;
	write_file(name, json);
	free(json);
}

static inline void
remove_file(const char *name)
{
	if (remove(path_of(name)) != 0)
		err(2, "%s", path_of(name));
}

static inline int
remove_one(const char *path, const struct stat *s, int kind, struct FTW *at)
{
	return remove(path);
}

static inline void
folder_drop(void)
{
	if (nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS) != 0 &&
	    errno != ENOENT)
		err(2, "%s", folder);
}

#endif
