/* SPDX-License-Identifier: MIT */
/*
 * connections - evhttp (2.1) tells nobody of a connection before its first
 * request is whole, so we look on from below: the bufferevent of each is ours,
 * and a callback on its input sees the first byte of a request. To end one it
 * is enough to shut its socket down: evhttp finds that out as it finds out
 * about a client that has gone, and frees what it has.
 *
 * What evhttp cannot read, or finds too large, it answers itself, in HTML: a
 * callback on the output sees that begin, and puts our own answer before it.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>

#include "templates/mem.h"
#include "worker/http/connections.h"
#include "worker/http/discards.h"
#include "worker/http/lingering.h"
#include "worker/log.h"
#include "worker/telemetry/stats.h"

#define LOOK_EVERY_MS 500
#define OWN_FILES     256 /* for everything but connections that come in */
#define ACCEPT_MOST   8   /* before they are looked at */

enum state {
	WAITING, /* for the first byte of a request */
	READING,
	ANSWERING,
	ENDED, /* shut down; evhttp will find out */
};

struct connection {
	struct connections *all;
	struct bufferevent *bev;
	evutil_socket_t fd;
	enum state state;
	int64_t since_ms; /* monotonic; in this state */
	int64_t upload;	  /* bytes that were read of its request */
	TAILQ_ENTRY(connection) next;
};

TAILQ_HEAD(list, connection);

struct connections {
	struct worker *worker;
	struct evhttp *http;
	struct discards *discards;
	struct lingering *lingering;
	struct event *adopt, *look;
	struct list fresh; /* accepted, not yet looked at */
	int n_fresh;
	struct list list;  /* longest in their state first */
	struct connection **by_fd;
	int n_fds, count;
	int64_t uploads; /* bytes of all of them */
	int most_files;	 /* that this process lets them have */
};

static void
enter(struct connection *c, enum state state)
{
	c->all->uploads -= c->upload;
	c->upload = 0;
	TAILQ_REMOVE(&c->all->list, c, next);
	TAILQ_INSERT_TAIL(&c->all->list, c, next);
	c->state = state;
	c->since_ms = clock_monotonic_ms();
}

/* The reply is one that fits into the socket's empty buffer. */
static void
say(struct connection *c, const char *reply, size_t len)
{
	if (len > 0)
		send(c->fd, reply, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void
end(struct connection *c, const char *reply, size_t len, const char *reason)
{
	say(c, reply, len);
	shutdown(c->fd, SHUT_RDWR);
	enter(c, ENDED);
	stats_count(STAT_CLOSED, reason, "", 1);
}

/* ----------------------------------------------------------- what comes in */

/* Many small ones must not pay for few that are large. */
static void
end_largest(struct connections *all)
{
	static const char busy[] =
	    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n"
	    "Access-Control-Allow-Origin: *\r\nContent-Length: 0\r\n"
	    "Connection: close\r\n\r\n";
	struct connection *c, *largest = TAILQ_FIRST(&all->list);

	TAILQ_FOREACH(c, &all->list, next)
	if (c->upload > largest->upload)
		largest = c;
	end(largest, busy, sizeof busy - 1, "memory");
}

static void
on_input(struct evbuffer *in, const struct evbuffer_cb_info *info, void *arg)
{
	struct connection *c = arg;
	struct connections *all = c->all;
	const struct settings *s = worker_settings_now(all->worker);
	int64_t most =
	    s->max_uploads > 2 * s->max_body ? s->max_uploads : 2 * s->max_body;

	if (info->n_added > 0 && c->state == WAITING)
		enter(c, READING);
	if (c->state != READING)
		return;
	c->upload += (int64_t)info->n_added;
	all->uploads += (int64_t)info->n_added;
	if (all->uploads > most)
		end_largest(all);
}

/* ---------------------------------------------- what evhttp answers to it */

static void
refuse(struct connection *c, int status)
{
	static const struct {
		int status;
		const char *phrase, *code, *why;
	} known[] = {
	    {413, "Content Too Large", "too_large",
		"the body is too large, or its chunks cannot be read"},
	    {417, "Expectation Failed", "expectation_failed",
		"nothing but 100-continue can be expected here"},
	    {501, "Not Implemented", "not_implemented",
		"this method is not known here"},
	    {400, "Bad Request", "invalid_request",
		"this is no HTTP, or its headers are too long"},
	};
	char body[400], reply[800], code[12];
	size_t i = 0;

	while (known[i].status != 400 && known[i].status != status)
		i++;
	status = known[i].status;
	snprintf(body, sizeof body,
	    "{\"success\":false,\"code\":\"%s\",\"message\":\"%s\","
	    "\"error\":\"%s\"}",
	    known[i].code, known[i].why, known[i].why);
	snprintf(reply, sizeof reply,
	    "HTTP/1.1 %d %s\r\nAccess-Control-Allow-Origin: *\r\n"
	    "Content-Type: application/json\r\nContent-Length: %zu\r\n"
	    "Connection: close\r\n\r\n%s",
	    status, known[i].phrase, strlen(body), body);
	say(c, reply, strlen(reply));
	lingering_start(c->all->lingering, c->fd);
	enter(c, ENDED);
	snprintf(code, sizeof code, "%d", status);
	stats_count(STAT_REQUESTS, code, "", 1);
	stats_count(STAT_CLOSED, "refused", "", 1);
	if (status == 413)
		discards_add_request(
		    c->all->discards, 413, worker_now_ms(c->all->worker));
}

/* Nobody was asked for an answer: then it is evhttp's own, or a 100. */
static void
on_output(struct evbuffer *out, const struct evbuffer_cb_info *info, void *arg)
{
	struct connection *c = arg;
	char line[] = "HTTP/1.1 000";

	if (info->n_added == 0 || (c->state != WAITING && c->state != READING))
		return;
	if (evbuffer_copyout(out, line, sizeof line - 1) ==
		(ev_ssize_t)sizeof line - 1 &&
	    atoi(line + 9) >= 400)
		refuse(c, atoi(line + 9));
}

/* ------------------------------------------------------------- a new one */

static void
on_close(struct evhttp_connection *evcon, void *arg)
{
	struct connection *c = arg;

	evbuffer_remove_cb(bufferevent_get_input(c->bev), on_input, c);
	evbuffer_remove_cb(bufferevent_get_output(c->bev), on_output, c);
	c->all->uploads -= c->upload;
	TAILQ_REMOVE(&c->all->list, c, next);
	c->all->by_fd[c->fd] = NULL;
	c->all->count--;
	free(c);
}

/* The one that has waited longest gives up its place; false: none waits. */
static bool
make_room(struct connections *all)
{
	struct connection *c;

	TAILQ_FOREACH(c, &all->list, next)
	if (c->state == WAITING) {
		end(c, NULL, 0, "room");
		return true;
	}
	return false;
}

static void
keep(struct connection *c)
{
	struct connections *all = c->all;

	if (c->fd >= all->n_fds) {
		int n = c->fd + 64;

		all->by_fd =
		    xrealloc(all->by_fd, (size_t)n * sizeof(*all->by_fd));
		while (all->n_fds < n)
			all->by_fd[all->n_fds++] = NULL;
	}
	all->by_fd[c->fd] = c;
	all->count++;
}

/* evhttp has it by now: what it is called back with is its connection. */
static void
adopt(struct connections *all, struct connection *c)
{
	static const char full[] =
	    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n"
	    "Access-Control-Allow-Origin: *\r\nContent-Length: 0\r\n"
	    "Connection: close\r\n\r\n";
	int most = worker_settings_now(all->worker)->max_connections;
	bool has_room = (all->count < most && all->count < all->most_files) ||
			make_room(all);
	void *evcon = NULL;

	TAILQ_REMOVE(&all->fresh, c, next);
	bufferevent_getcb(c->bev, NULL, NULL, NULL, &evcon);
	c->fd = bufferevent_getfd(c->bev);
	if (bufferevent_decref(c->bev) || evcon == NULL || c->fd < 0) {
		free(c);
		return;
	}
	TAILQ_INSERT_TAIL(&all->list, c, next);
	keep(c);
	evhttp_connection_set_closecb(evcon, on_close, c);
	evbuffer_add_cb(bufferevent_get_input(c->bev), on_input, c);
	evbuffer_add_cb(bufferevent_get_output(c->bev), on_output, c);
	if (has_room)
		enter(c, WAITING);
	else
		end(c, full, sizeof full - 1, "full");
}

static void
look_later(struct connections *all)
{
	struct timeval tv = {0, LOOK_EVERY_MS * 1000};

	if (!event_pending(all->look, EV_TIMEOUT, NULL))
		event_add(all->look, &tv);
}

static void
accept_more(struct evhttp_bound_socket *bound, void *arg)
{
	evconnlistener_enable(evhttp_bound_socket_get_listener(bound));
}

static void
accept_none(struct evhttp_bound_socket *bound, void *arg)
{
	evconnlistener_disable(evhttp_bound_socket_get_listener(bound));
}

static void
on_adopt(evutil_socket_t fd, short what, void *arg)
{
	struct connections *all = arg;
	struct connection *c;

	while ((c = TAILQ_FIRST(&all->fresh)) != NULL)
		adopt(all, c);
	if (all->n_fresh >= ACCEPT_MOST)
		evhttp_foreach_bound_socket(all->http, accept_more, NULL);
	all->n_fresh = 0;
	look_later(all);
}

/*
 * libevent accepts all that have come in one go, which could be more than there
 * are files for: a few at a time leave us the time to end some.
 */
static struct bufferevent *
on_accept(struct event_base *base, void *arg)
{
	struct connections *all = arg;
	struct bufferevent *bev = bufferevent_socket_new(base, -1, 0);
	struct connection *c;

	if (bev == NULL)
		return NULL;
	c = xcalloc(1, sizeof *c);
	c->all = all;
	c->bev = bev;
	bufferevent_incref(bev); /* until it is adopted */
	TAILQ_INSERT_TAIL(&all->fresh, c, next);
	if (++all->n_fresh == ACCEPT_MOST)
		evhttp_foreach_bound_socket(all->http, accept_none, NULL);
	event_active(all->adopt, EV_TIMEOUT, 0);
	return bev;
}

/* ------------------------------------------------------------------ time */

static void
end_late(struct connection *c)
{
	static const char slow[] = "HTTP/1.1 408 Request Timeout\r\n"
				   "Access-Control-Allow-Origin: *\r\n"
				   "Content-Length: 0\r\n"
				   "Connection: close\r\n\r\n";

	if (c->state == READING)
		end(c, slow, sizeof slow - 1, "slow");
	else if (c->state == WAITING)
		end(c, NULL, 0, "idle");
	else if (c->state == ANSWERING)
		end(c, NULL, 0, "slow");
}

static void
on_look(evutil_socket_t fd, short what, void *arg)
{
	struct connections *all = arg;
	int64_t before =
	    clock_monotonic_ms() - worker_settings_now(all->worker)->request_ms;
	struct connection *c = TAILQ_FIRST(&all->list), *next;

	for (; c != NULL && c->since_ms <= before; c = next) {
		next = TAILQ_NEXT(c, next);
		end_late(c);
	}
	if (all->count > 0)
		look_later(all);
}

static void
on_answered(struct evhttp_request *r, void *arg)
{
	struct connection *c = arg;

	if (c->state == ANSWERING)
		enter(c, WAITING);
}

bool
connections_answering(struct connections *all, struct evhttp_request *r)
{
	struct bufferevent *bev =
	    evhttp_connection_get_bufferevent(evhttp_request_get_connection(r));
	evutil_socket_t fd = bufferevent_getfd(bev);
	struct connection *c =
	    fd >= 0 && fd < all->n_fds ? all->by_fd[fd] : NULL;

	if (c != NULL && c->state == ENDED)
		return false;
	if (c != NULL) {
		enter(c, ANSWERING);
		evhttp_request_set_on_complete_cb(r, on_answered, c);
	}
	return true;
}

/* ------------------------------------------------------------------------ */

/*
 * A connection too many can be answered; one that there is no file for cannot
 * even be accepted.
 */
static int
files_for(int connections)
{
	rlim_t wanted = (rlim_t)connections + OWN_FILES;
	struct rlimit most;

	if (getrlimit(RLIMIT_NOFILE, &most) != 0)
		return connections;
	if (most.rlim_cur < wanted) {
		most.rlim_cur = most.rlim_max < wanted ? most.rlim_max : wanted;
		setrlimit(RLIMIT_NOFILE, &most);
	}
	if (most.rlim_cur >= wanted)
		return most.rlim_cur > INT_MAX ? INT_MAX
					       : (int)most.rlim_cur - OWN_FILES;
	connections = most.rlim_cur > 2 * OWN_FILES
			  ? (int)most.rlim_cur - OWN_FILES
			  : (int)most.rlim_cur / 2;
	log_warn("this process may have %lld files open, which is enough for "
		 "%d connections of limits.connections: raise that "
		 "(LimitNOFILE, ulimit -n)",
	    (long long)most.rlim_cur, connections);
	return connections;
}

struct connections *
connections_new(struct worker *w, struct event_base *base, struct evhttp *http,
    struct discards *discards)
{
	struct connections *all = xcalloc(1, sizeof *all);

	all->worker = w;
	all->http = http;
	all->discards = discards;
	all->lingering = lingering_new(base);
	all->most_files = files_for(worker_settings_now(w)->max_connections);
	TAILQ_INIT(&all->fresh);
	TAILQ_INIT(&all->list);
	all->adopt = event_new(base, -1, 0, on_adopt, all);
	event_priority_set(all->adopt, 0); /* before anything is read */
	all->look = event_new(base, -1, 0, on_look, all);
	evhttp_set_bevcb(http, on_accept, all);
	return all;
}

int
connections_count(const struct connections *all)
{
	return all->count;
}

void
connections_free(struct connections *all)
{
	struct connection *c;

	while ((c = TAILQ_FIRST(&all->fresh)) != NULL) {
		TAILQ_REMOVE(&all->fresh, c, next);
		bufferevent_decref(c->bev);
		free(c);
	}
	lingering_free(all->lingering);
	event_free(all->adopt);
	event_free(all->look);
	free(all->by_fd);
	free(all);
}
