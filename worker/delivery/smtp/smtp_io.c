/* SPDX-License-Identifier: MIT */
/*
 * smtp_io - connect(), poll() and write() as libesmtp needs them.
 *
 * The executable's definitions win over libc's for every shared library, as
 * long as they are exported; smtp_io_is_active() sees to it that they were. Raw
 * system calls stand underneath, because there is no libc function left to
 * call.
 *
 * Invariant: after smtp_io.err is set, not a byte goes out. libesmtp itself
 * would drop a block that it could not write, and go on with the next.
 */
#include "worker/delivery/smtp/smtp_io.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <libesmtp.h>

#include "worker/clock.h"

/* libesmtp writes its buffer when it is full: more of the same follows. */
#define LIBESMTP_BUFFER 2048

static __thread struct smtp_io *smtp_io;

void
smtp_io_init(struct smtp_io *io, int timeout_ms)
{
	memset(io, 0, sizeof *io);
	io->fd = -1;
	io->connect_ms = io->write_ms = timeout_ms;
	atomic_init(&io->cut, false);
	atomic_init(&io->cut_fd, -1);
}

static void
begin(struct smtp_io *io)
{
	io->wfail = io->asked = io->corked = io->spoke = false;
	io->until_ms = 0;
}

void
smtp_io_enter(struct smtp_io *io)
{
	smtp_io = io;
	if (io == NULL)
		return;
	io->fd = -1;
	io->err = io->cap_ms = 0;
	begin(io);
}

void
smtp_io_abort(struct smtp_io *io, int err)
{
	if (io->err == 0)
		io->err = err;
	shutdown(io->fd, SHUT_RDWR);
}

/*
 * Whoever takes the duplicate out of cut_fd owns it, so that no thread ever
 * holds the number of a descriptor that another one may close.
 */
static void
publish(struct smtp_io *io, int fd)
{
	int old = atomic_exchange(&io->cut_fd, fd);

	if (old >= 0)
		close(old);
}

void
smtp_io_cut(struct smtp_io *io)
{
	int fd;

	atomic_store(&io->cut, true);
	fd = atomic_exchange(&io->cut_fd, -1);
	if (fd >= 0) {
		shutdown(fd, SHUT_RDWR);
		close(fd);
	}
}

void
smtp_io_message(struct smtp_io *io)
{
	io->wfail = io->asked = false;
}

void
smtp_io_more(struct smtp_io *io)
{
	io->asked = false;
}

void
smtp_io_replied(struct smtp_io *io)
{
	io->until_ms = 0;
}

void
smtp_io_closed(struct smtp_io *io)
{
	io->fd = -1;
	publish(io, -1);
}

static int
raw_poll(struct pollfd *fds, nfds_t n, int ms)
{
	struct timespec ts = {ms / 1000, ms % 1000 * 1000000L};

	return syscall(SYS_ppoll, fds, n, ms < 0 ? NULL : &ts, NULL, 8);
}

/* Returns 1 when writable, 0 when the time is over, -1 with errno. */
static int
wait_writable(int fd, int ms)
{
	struct pollfd p = {fd, POLLOUT, 0};
	int rc;

	do
		rc = raw_poll(&p, 1, ms);
	while (rc < 0 && errno == EINTR);
	return rc;
}

static bool
is_tcp(int fd, const struct sockaddr *address)
{
	int type = 0;
	socklen_t len = sizeof type;

	if (address->sa_family != AF_INET && address->sa_family != AF_INET6)
		return false;
	getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len);
	return type == SOCK_STREAM; /* not the resolver's */
}

/* Nothing is left of an earlier address of the same host. */
static void
take_over(struct smtp_io *io, int fd)
{
	int one = 1;

	io->fd = fd;
	io->err = 0;
	begin(io);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	publish(io, fcntl(fd, F_DUPFD_CLOEXEC, 3));
	/* smtp_io_cut() sets, then takes; this publishes, then looks. */
	if (atomic_load(&io->cut))
		io->err = ECONNABORTED;
}

/* Returns 0 or an errno. */
static int
finish_connect(struct smtp_io *io)
{
	int rc = wait_writable(io->fd, io->connect_ms), err = 0;
	socklen_t len = sizeof err;

	if (rc <= 0)
		return rc == 0 ? ETIMEDOUT : errno;
	getsockopt(io->fd, SOL_SOCKET, SO_ERROR, &err, &len);
	return atomic_load(&io->cut) ? ECONNABORTED : err;
}

int
connect(int fd, const struct sockaddr *address, socklen_t len)
{
	struct smtp_io *io = smtp_io;
	int err;

	if (io == NULL || !is_tcp(fd, address))
		return syscall(SYS_connect, fd, address, len);
	take_over(io, fd);
	err = io->err;
	if (err == 0 && syscall(SYS_connect, fd, address, len) < 0)
		err = errno == EINPROGRESS ? finish_connect(io) : errno;
	if (err == 0)
		return 0;
	smtp_io_closed(io);
	errno = err;
	return -1;
}

/* What MSG_MORE held back goes out now: an answer is wanted. */
static void
uncork(struct smtp_io *io)
{
	int one = 1;

	if (!io->corked)
		return;
	setsockopt(io->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	io->corked = false;
}

/*
 * libesmtp asks for both directions when it has something to send, and reads
 * first when both are ready. After a TLS 1.3 handshake the session tickets make
 * that a wait for the reply to a command that it has not sent.
 */
static int
write_first(struct pollfd *fds, nfds_t n, int rc)
{
	if (rc != 2 || n != 2 || fds[0].fd != fds[1].fd ||
	    fds[0].events != POLLIN || fds[1].events != POLLOUT ||
	    !(fds[1].revents & POLLOUT))
		return rc;
	fds[0].revents = 0;
	return 1;
}

/* What was waited for the beginning of a reply is gone. */
static int
time_left(struct smtp_io *io, int *ms)
{
	int64_t now = clock_monotonic_ms(), left;

	if (io->until_ms == 0)
		io->until_ms = now + *ms;
	left = io->until_ms - now;
	if (left < *ms)
		*ms = left > 0 ? (int)left : 0;
	return *ms;
}

/*
 * Nothing may follow a timeout. libesmtp goes on to the host's next address if
 * the greeting is the end of a file.
 */
static int
time_out(struct smtp_io *io, struct pollfd *fds)
{
	smtp_io_abort(io, ETIMEDOUT);
	if (io->spoke)
		return 0;
	fds[0].revents = POLLIN;
	return 1;
}

/*
 * poll() by another name: glibc declares that it only writes to fds, and gcc
 * would warn of every look at them.
 */
int smtp_io_poll(struct pollfd *, nfds_t, int ms) __asm__("poll");

int
smtp_io_poll(struct pollfd *fds, nfds_t n, int ms)
{
	struct smtp_io *io = smtp_io;
	int rc;

	if (io == NULL || n == 0 || fds[0].fd != io->fd)
		return raw_poll(fds, n, ms);
	if (io->err != 0) {
		errno = io->err;
		return -1;
	}
	uncork(io);
	if (io->cap_ms > 0 && (ms < 0 || ms > io->cap_ms))
		ms = io->cap_ms;
	if (n == 1 && fds[0].events == POLLIN && ms > 0) {
		io->asked = true;
		if (time_left(io, &ms) == 0)
			return time_out(io, fds);
	}
	rc = raw_poll(fds, n, ms);
	return rc == 0 && ms != 0 ? time_out(io, fds) : write_first(fds, n, rc);
}

/* libesmtp takes any error but EAGAIN as the end, which this is. */
static ssize_t
write_failed(struct smtp_io *io, int err)
{
	smtp_io_abort(io, err);
	if (!io->asked)
		io->wfail = true;
	errno = EPIPE;
	return -1;
}

/*
 * Waits here until the bytes are taken. A success leaves errno as it was: while
 * it sends a body libesmtp looks at errno, not at what write() returned.
 */
ssize_t
write(int fd, const void *data, size_t n)
{
	struct smtp_io *io = smtp_io;
	int flags = MSG_NOSIGNAL, before = errno;
	ssize_t sent;

	if (io == NULL || fd != io->fd)
		return syscall(SYS_write, fd, data, n);
	if (n == LIBESMTP_BUFFER)
		flags |= MSG_MORE;
	if (io->err != 0)
		return write_failed(io, io->err);
	while ((sent = send(fd, data, n, flags)) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return write_failed(io, errno);
		if (wait_writable(fd, io->write_ms) <= 0)
			return write_failed(io, ETIMEDOUT);
	}
	io->corked = (flags & MSG_MORE) != 0;
	io->spoke = true;
	io->until_ms = 0;
	errno = before;
	return sent;
}

/* The other end of the session that tries this file out. */
struct self_test {
	struct smtp_io io;
	int listener;
	bool seen; /* connect() came here */
	char heard[100];
};

static const char *
test_body(void **ctx, int *len, void *arg)
{
	(void)ctx;
	(void)arg;
	if (len != NULL)
		*len = 0;
	return NULL;
}

/*
 * Both ends are this thread: what the server will say is said at once, and what
 * it heard is read when the client has gone.
 */
static void
test_event(smtp_session_t session, int event, void *arg, ...)
{
	static const char words[] = "220 us\r\n250-us\r\n250 SIZE 1\r\n"
				    "550 that was all\r\n221 bye\r\n";
	struct self_test *t = arg;
	int fd;

	(void)session;
	if (event == SMTP_EV_CONNECT) {
		t->seen = t->io.fd >= 0;
		fd = accept(t->listener, NULL, NULL);
		close(t->listener);
		t->listener = fd;
		send(fd, words, sizeof words - 1, MSG_NOSIGNAL);
	} else if (event == SMTP_EV_DISCONNECT)
		recv(t->listener, t->heard, sizeof t->heard - 1, MSG_DONTWAIT);
	errno = 0;
}

static int
test_listen(struct self_test *t, char *server, size_t size)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t len = sizeof a;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	t->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (t->listener < 0 ||
	    bind(t->listener, (struct sockaddr *)&a, sizeof a) < 0 ||
	    listen(t->listener, 1) < 0 ||
	    getsockname(t->listener, (struct sockaddr *)&a, &len) < 0)
		return -1;
	snprintf(server, size, "127.0.0.1:%d", ntohs(a.sin_port));
	return 0;
}

static void
test_session(struct self_test *t, const char *server)
{
	smtp_session_t session = smtp_create_session();
	smtp_message_t message = smtp_add_message(session);

	smtp_set_server(session, server);
	smtp_set_hostname(session, "localhost");
	smtp_set_eventcb(session, test_event, t);
	smtp_set_messagecb(message, test_body, NULL);
	smtp_add_recipient(message, "nobody@localhost");
	smtp_io_enter(&t->io);
	smtp_start_session(session);
	smtp_io_enter(NULL);
	smtp_io_closed(&t->io);
	smtp_destroy_session(session);
}

static struct error test_result;
static bool test_passed;

static void
self_test(void)
{
	struct self_test t = {.listener = -1};
	char server[40];

	if (dlsym(RTLD_DEFAULT, "connect") != (void *)connect ||
	    dlsym(RTLD_DEFAULT, "poll") != (void *)poll ||
	    dlsym(RTLD_DEFAULT, "write") != (void *)write) {
		error_set(&test_result,
		    "this build does not export its "
		    "connect, poll and write to libesmtp; link it with "
		    "-rdynamic");
		return;
	}
	smtp_io_init(&t.io, 1000);
	if (test_listen(&t, server, sizeof server) < 0)
		error_set(&test_result, "cannot listen on the loopback: %s",
		    strerror(errno));
	else
		test_session(&t, server);
	if (t.listener >= 0)
		close(t.listener);
	test_passed = t.seen && strncmp(t.heard, "EHLO ", 5) == 0;
	if (!test_passed && test_result.text[0] == '\0')
		error_set(&test_result,
		    "libesmtp's sockets do not go "
		    "through this program's connect, poll and write");
}

bool
smtp_io_is_active(struct error *e)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, self_test);
	if (!test_passed)
		*e = test_result;
	return test_passed;
}
