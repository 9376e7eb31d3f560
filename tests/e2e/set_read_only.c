/* SPDX-License-Identifier: MIT */
/*
 * set_read_only - as LD_PRELOAD: while the file SET_READ_ONLY is there, what
 * lies in that file's folder is on a file system that has become read-only, for
 * files that are open already, too. These are the calls by which a store
 * writes; there is no mount(2) that could take one away from a program at work
 * and give it back.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As these calls return: -1 with EROFS, or 0 when they may go on. */
static int
refuse(const char *path)
{
	const char *flag = getenv("SET_READ_ONLY");
	size_t folder = (size_t)(strrchr(flag, '/') + 1 - flag);

	if (strncmp(path, flag, folder) != 0 || access(flag, F_OK) != 0)
		return 0;
	errno = EROFS;
	return -1;
}

static int
refuse_open_file(int fd)
{
	char name[40], path[PATH_MAX];
	ssize_t len;

	snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	len = readlink(name, path, sizeof path - 1);
	path[len > 0 ? len : 0] = '\0';
	return refuse(path);
}

static int
open_file(const char *path, int flags, va_list ap)
{
	mode_t mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;

	if ((flags & (O_ACCMODE | O_CREAT)) != O_RDONLY && refuse(path) != 0)
		return -1;
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int
open(const char *path, int flags, ...)
{
	va_list ap;
	int fd;

	va_start(ap, flags);
	fd = open_file(path, flags, ap);
	va_end(ap);
	return fd;
}

int
open64(const char *path, int flags, ...)
{
	va_list ap;
	int fd;

	va_start(ap, flags);
	fd = open_file(path, flags, ap);
	va_end(ap);
	return fd;
}

ssize_t
pwrite64(int fd, const void *bytes, size_t n, off64_t at)
{
	if (refuse_open_file(fd) != 0)
		return -1;
	return syscall(SYS_pwrite64, fd, bytes, n, at);
}

int
ftruncate64(int fd, off64_t len)
{
	if (refuse_open_file(fd) != 0)
		return -1;
	return (int)syscall(SYS_ftruncate, fd, len);
}

int
unlink(const char *path)
{
	if (refuse(path) != 0)
		return -1;
	return (int)syscall(SYS_unlink, path);
}
