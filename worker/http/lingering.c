/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <unistd.h>

#include <sys/queue.h>
#include <sys/socket.h>

#include <event2/event.h>

#include "templates/mem.h"
#include "worker/clock.h"
#include "worker/http/lingering.h"

#define LINGER_MS   2000
#define LINGER_MOST 32
#define READ_SIZE   65536

struct guest {
	struct lingering *all;
	struct event *event;
	int fd;
	int64_t until_ms; /* monotonic */
	LIST_ENTRY(guest) next;
};

struct lingering {
	struct event_base *base;
	LIST_HEAD(, guest) guests;
	int count;
};

static void
leave(struct guest *g)
{
	g->all->count--;
	LIST_REMOVE(g, next);
	event_free(g->event);
	close(g->fd);
	free(g);
}

static void
on_bytes(evutil_socket_t fd, short what, void *arg)
{
	char thrown_away[READ_SIZE];
	struct guest *g = arg;

	if ((what & EV_TIMEOUT) || clock_monotonic_ms() >= g->until_ms ||
	    recv(fd, thrown_away, sizeof thrown_away, MSG_DONTWAIT) <= 0)
		leave(g);
}

void
lingering_start(struct lingering *all, int fd)
{
	struct timeval most = {LINGER_MS / 1000, 0};
	struct guest *g;
	int own = all->count < LINGER_MOST ? dup(fd) : -1;

	shutdown(fd, SHUT_WR);
	if (own < 0)
		return;
	g = xcalloc(1, sizeof *g);
	g->all = all;
	g->fd = own;
	g->until_ms = clock_monotonic_ms() + LINGER_MS;
	g->event = event_new(all->base, own, EV_READ | EV_PERSIST, on_bytes, g);
	event_add(g->event, &most);
	LIST_INSERT_HEAD(&all->guests, g, next);
	all->count++;
}

struct lingering *
lingering_new(struct event_base *base)
{
	struct lingering *all = xcalloc(1, sizeof *all);

	all->base = base;
	return all;
}

void
lingering_free(struct lingering *all)
{
	struct guest *g;

	while ((g = LIST_FIRST(&all->guests)) != NULL)
		leave(g);
	free(all);
}
