/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "worker/notify.h"

/* A socket bound to `path` ("@..." in the abstract namespace). */
static int
listen_at(const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	memcpy(at.sun_path, path, strlen(path));
	if (path[0] == '@')
		at.sun_path[0] = '\0';
	assert_int_equal(
	    bind(fd, (struct sockaddr *)&at,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) +
			    strlen(path))),
	    0);
	return fd;
}

static void
assert_heard_at(const char *path)
{
	char heard[64] = "";
	int fd = listen_at(path);

	setenv("NOTIFY_SOCKET", path, 1);
	assert_int_equal(notify_send("READY=1\nSTATUS=up"), 0);
	assert_int_equal(recv(fd, heard, sizeof heard - 1, MSG_DONTWAIT), 17);
	assert_string_equal(heard, "READY=1\nSTATUS=up");
	close(fd);
}

static void
test_path_and_abstract(void **state)
{
	char folder[] = "/tmp/notify-XXXXXX", path[64];

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/socket", folder);
	assert_heard_at(path);
	assert_int_equal(notify_send("READY=1"), -1); /* nobody listens now */
	assert_int_equal(errno, ECONNREFUSED);
	unlink(path);
	rmdir(folder);
	snprintf(path, sizeof path, "@nudge-notify-test-%d", (int)getpid());
	assert_heard_at(path);
}

static void
test_without_systemd(void **state)
{
	char path[200];

	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(notify_send("READY=1"), 0);
	memset(path, 'a', sizeof path - 1);
	path[sizeof path - 1] = '\0';
	setenv("NOTIFY_SOCKET", path, 1);
	assert_int_equal(notify_send("READY=1"), -1);
	assert_int_equal(errno, ENAMETOOLONG);
}

static void
test_watchdog_wants_half_of_its_time(void **state)
{
	char pid[24];

	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	assert_int_equal(notify_watchdog_us(), 0);
	setenv("WATCHDOG_USEC", "30000000", 1);
	assert_int_equal(notify_watchdog_us(), 15000000);
	snprintf(pid, sizeof pid, "%d", (int)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	assert_int_equal(notify_watchdog_us(), 15000000);
	setenv("WATCHDOG_PID", "1", 1); /* of whoever started us */
	assert_int_equal(notify_watchdog_us(), 0);
	unsetenv("WATCHDOG_PID");
	setenv("WATCHDOG_USEC", "nonsense", 1);
	assert_int_equal(notify_watchdog_us(), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_path_and_abstract),
	    cmocka_unit_test(test_without_systemd),
	    cmocka_unit_test(test_watchdog_wants_half_of_its_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
