/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <strings.h>

#include "templates/mem.h"
#include "worker/delivery/webhook/endpoint.h"
#include "worker/delivery/webhook/hosts.h"

#define HOSTS_MAX	256 /* above all connections: one can always go */
#define FIRST_CALL_MS	100 /* taken for the length of a call until one ended */
#define LONGEST_WAIT_MS 60000

struct host {
	char *name; /* NULL: a free place */
	struct endpoint endpoint;
	int busy;	 /* calls on their way */
	int64_t call_ms; /* how long the last one took */
	int64_t turn_ms; /* the last turn that was given */
	int64_t asked_ms;
};

struct hosts {
	int share; /* connections */
	struct host list[HOSTS_MAX];
};

struct hosts *
hosts_new(int connections)
{
	struct hosts *h = xcalloc(1, sizeof *h);

	h->share = connections > 1 ? connections / 2 : 1;
	return h;
}

void
hosts_free(struct hosts *h)
{
	for (int i = 0; h != NULL && i < HOSTS_MAX; i++)
		free(h->list[i].name);
	free(h);
}

void
hosts_resume(struct hosts *h)
{
	for (int i = 0; i < HOSTS_MAX; i++)
		h->list[i].endpoint = (struct endpoint){0};
}

/* One that is not known takes the place of whom nobody asked for longest. */
static struct host *
find(struct hosts *h, const char *name)
{
	struct host *oldest = NULL;

	for (struct host *x = h->list; x < h->list + HOSTS_MAX; x++) {
		if (x->name != NULL && strcasecmp(x->name, name) == 0)
			return x;
		if (x->busy == 0 &&
		    (oldest == NULL || x->asked_ms < oldest->asked_ms))
			oldest = x;
	}
	free(oldest->name);
	*oldest =
	    (struct host){.name = xstrdup(name), .call_ms = FIRST_CALL_MS};
	return oldest;
}

/* Calls to hosts that fail. */
static int
trials(const struct hosts *h)
{
	int n = 0;

	for (int i = 0; i < HOSTS_MAX; i++)
		if (h->list[i].endpoint.failures > 0)
			n += h->list[i].busy;
	return n;
}

/* Turns are as far apart as the host's calls have been lately. */
static int64_t
next_turn(const struct hosts *h, struct host *x, int64_t now_ms)
{
	int64_t open_ms = x->endpoint.open_at_ms;
	int64_t from_ms = open_ms > now_ms ? open_ms : now_ms;

	if (x->turn_ms < from_ms)
		x->turn_ms = from_ms;
	x->turn_ms += x->call_ms / h->share + 1;
	if (x->turn_ms > from_ms + LONGEST_WAIT_MS)
		x->turn_ms = from_ms + LONGEST_WAIT_MS;
	return x->turn_ms;
}

struct host *
hosts_take(struct hosts *h, const char *name, int64_t now_ms, int64_t *wait_ms)
{
	struct host *x = find(h, name);
	int busy = x->endpoint.failures > 0 ? trials(h) : x->busy;

	x->asked_ms = now_ms;
	if (endpoint_room(&x->endpoint, now_ms, h->share - busy, x->busy) <=
	    0) {
		*wait_ms = next_turn(h, x, now_ms) - now_ms;
		return NULL;
	}
	x->busy++;
	return x;
}

void
hosts_give(struct host *x, int64_t now_ms, int64_t took_ms, bool has_answer)
{
	x->busy--;
	if (!has_answer) {
		endpoint_failed(&x->endpoint, now_ms);
		return;
	}
	x->call_ms = took_ms;
	if (endpoint_works(&x->endpoint))
		x->turn_ms = now_ms;
}
