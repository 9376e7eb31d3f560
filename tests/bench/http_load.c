/* SPDX-License-Identifier: MIT */
/*
 * http_load - posts events as fast as they are answered, over connections that
 * stay open, and prints how many events a second were.
 *
 *	http_load PORT CONNECTIONS SECONDS EVENTS_A_REQUEST PEOPLE WRITE_KEY
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/tcp.h>

#include "templates/buf.h"
#include "templates/mem.h"

struct connection {
	int fd;
	char reply[1024];
	size_t len;
};

static int batch, people;
static const char *key;
static long long posted, answered, serial;

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void
die(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

static void
add_event(struct buf *b)
{
	long long n = serial++;

	buf_addf(b,
	    "{\"type\":\"track\",\"userId\":\"u%lld\",\"event\":"
	    "\"Task Succeeded\",\"messageId\":\"load-%d-%lld\","
	    "\"properties\":{\"workflow\":\"w%lld\"}",
	    n * 7919 % people, (int)getpid(), n, n % 5);
}

static void
post(struct connection *c)
{
	struct buf body = {0}, request = {0};

	if (batch > 1)
		buf_adds(&body, "{\"batch\":[");
	for (int i = 0; i < batch; i++) {
		if (i > 0)
			buf_adds(&body, "},");
		add_event(&body);
	}
	buf_addf(&body, "%s,\"writeKey\":\"%s\"}", batch > 1 ? "}]" : "", key);
	buf_addf(&request,
	    "POST /v1/%s HTTP/1.1\r\nHost: 127.0.0.1\r\n"
	    "Content-Type: application/json\r\n"
	    "Content-Length: %zu\r\n\r\n%s",
	    batch > 1 ? "batch" : "track", body.len, body.data);
	for (size_t at = 0; at < request.len;) {
		ssize_t n = send(
		    c->fd, request.data + at, request.len - at, MSG_NOSIGNAL);

		if (n < 0)
			die("send");
		at += (size_t)n;
	}
	posted += batch;
	buf_free(&body);
	buf_free(&request);
}

/* A whole answer is there when its body has come: "{...}" is all it is. */
static void
receive(struct connection *c)
{
	ssize_t n =
	    recv(c->fd, c->reply + c->len, sizeof c->reply - 1 - c->len, 0);

	if (n <= 0)
		die("recv");
	c->len += (size_t)n;
	c->reply[c->len] = '\0';
	if (strstr(c->reply, "\r\n\r\n") == NULL || c->reply[c->len - 1] != '}')
		return;
	if (strncmp(c->reply, "HTTP/1.1 200", 12) != 0) {
		fprintf(stderr, "%s\n", c->reply);
		exit(EXIT_FAILURE);
	}
	answered += batch;
	c->len = 0;
	post(c);
}

static void
open_connection(struct connection *c, int epoll, int port)
{
	struct sockaddr_in to = {
	    .sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct epoll_event wanted = {.events = EPOLLIN, .data.ptr = c};
	int on = 1;

	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(c->fd, (struct sockaddr *)&to, sizeof to) != 0)
		die("connect");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &wanted);
	post(c);
}

int
main(int argc, char **argv)
{
	int epoll = epoll_create1(0), count, seconds;
	struct connection *list;
	int64_t start, spent;

	if (argc != 7) {
		fprintf(stderr, "usage: http_load PORT CONNECTIONS SECONDS "
				"EVENTS_A_REQUEST PEOPLE WRITE_KEY\n");
		return EXIT_FAILURE;
	}
	count = atoi(argv[2]);
	seconds = atoi(argv[3]);
	batch = atoi(argv[4]);
	people = atoi(argv[5]);
	key = argv[6];
	list = xcalloc((size_t)count, sizeof *list);
	start = now_ms();
	for (int i = 0; i < count; i++)
		open_connection(&list[i], epoll, atoi(argv[1]));
	while ((spent = now_ms() - start) < seconds * 1000) {
		struct epoll_event ready[64];
		int n = epoll_wait(epoll, ready, 64, 100);

		for (int i = 0; i < n; i++)
			receive(ready[i].data.ptr);
	}
	printf("%.0f\n", (double)answered * 1000 / (double)spent);
	return EXIT_SUCCESS;
}
