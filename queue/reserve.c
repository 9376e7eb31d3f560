/* SPDX-License-Identifier: MIT */
/*
 * reserve - room to finish. A full disk must not keep the worker from recording
 * what became of messages that are already on their way: some megabytes lie in
 * PATH.reserve for that, and are given back to the file system when a write
 * finds no other room. A verdict is a few pages of log, so this is thousands.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "queue/sqlite.h"

#define RESERVE_BYTES (8 << 20)

static void
reserve_name(const char *path, char *out, size_t size)
{
	snprintf(out, size, "%s.reserve", path);
}

int
reserve_make(const char *path)
{
	char name[4096];
	int fd, result;

	reserve_name(path, name, sizeof name);
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	result = posix_fallocate(fd, 0, RESERVE_BYTES);
	close(fd);
	if (result == 0)
		return 0;
	unlink(name);
	return -1;
}

void
reserve_drop(const char *path)
{
	char name[4096];

	reserve_name(path, name, sizeof name);
	unlink(name);
}
