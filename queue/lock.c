/* SPDX-License-Identifier: MIT */
/*
 * lock - one worker a store: flock(2) on PATH.lock, in which stands the pid of
 * the holder. The kernel gives it back when the process ends, however it ends.
 *
 * It is a file of its own because SQLite's locks on the store are per process
 * and vanish when any descriptor of that file is closed. flock() does not reach
 * over the network on every NFS server; SQLite's log does not work there at
 * all, so a store belongs on a local disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "queue/sqlite.h"

static void
lock_name(const char *path, char *out, size_t size)
{
	snprintf(out, size, "%s.lock", path);
}

static int
held(int fd, const char *path, struct queue_error *error)
{
	char pid[24];
	ssize_t n = pread(fd, pid, sizeof pid - 1, 0);

	pid[n > 0 ? n : 0] = '\0';
	pid[strcspn(pid, "\n")] = '\0';
	return error_say(error, QUEUE_HELD,
	    "%s is in use by another worker (pid %s): stop that one first",
	    path, pid[0] != '\0' ? pid : "not known");
}

/* Has the file been removed by a holder who left while we waited? */
static bool
is_gone(int fd, const char *name)
{
	struct stat ours, there;

	return fstat(fd, &ours) != 0 || stat(name, &there) != 0 ||
	       ours.st_ino != there.st_ino || ours.st_dev != there.st_dev;
}

int
lock_take(const char *path, struct queue_error *error)
{
	char name[4096];
	int fd;

	lock_name(path, name, sizeof name);
	for (;;) {
		fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0)
			return error_say(error,
			    errno == EROFS ? QUEUE_READ_ONLY : QUEUE_FAILED,
			    "cannot open %s: %s", name, strerror(errno));
		if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
			held(fd, path, error);
			close(fd);
			return -1;
		}
		if (!is_gone(fd, name))
			break;
		close(fd);
	}
	if (ftruncate(fd, 0) != 0 || dprintf(fd, "%ld\n", (long)getpid()) < 0)
		/* A full disk: the lock holds all the same, without a name. */
		(void)errno;
	return fd;
}

void
lock_drop(const char *path, int lock)
{
	char name[4096];

	if (lock < 0)
		return;
	lock_name(path, name, sizeof name);
	if (!is_gone(lock, name)) /* or it is another worker's */
		unlink(name);
	close(lock);
}
