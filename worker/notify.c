/* SPDX-License-Identifier: MIT */
/*
 * notify - one datagram to the socket that systemd named. A name beginning with
 * "@" is in the abstract namespace (unix(7)), where the "@" stands for a NUL.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "worker/notify.h"

int
notify_send(const char *state)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len = path != NULL ? strlen(path) : 0;
	ssize_t sent;
	int fd;

	if (len == 0)
		return 0;
	if (len > sizeof to.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(to.sun_path, path, len);
	if (path[0] == '@')
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	sent = sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
	    (struct sockaddr *)&to,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
	return sent == -1 ? -1 : 0;
}

int64_t
notify_watchdog_us(void)
{
	const char *us = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");

	if (us == NULL || (pid != NULL && atol(pid) != (long)getpid()))
		return 0;
	return atoll(us) > 0 ? atoll(us) / 2 : 0;
}
