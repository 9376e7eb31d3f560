/* SPDX-License-Identifier: MIT */
/*
 * pace - buckets that fill with time, each with a second's messages at most, so
 * that no pause ends in a burst; and a count of the day for warming up.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "sequences/calendar.h"
#include "templates/time/date.h"
#include "templates/mem.h"
#include "worker/lanes/pace.h"
#include "worker/settings/setting_table.h"

#define DAY_MS	    ((int64_t)24 * 60 * 60 * 1000)
#define WARM_ENOUGH 1e9 /* messages a day: as good as no limit */

struct bucket {
	double rate;	 /* a second */
	double tokens;	 /* messages that may go */
	int64_t at_ms;	 /* the tokens are of then */
	int64_t turn_ms; /* the last turn that was given; domains only */
};

struct domain {
	const char *name; /* the channel's */
	struct bucket bucket;
};

struct pace {
	struct bucket all;
	struct domain *domains;
	int n_domains;
	int64_t start_ms, double_ms; /* of warming up; double_ms 0: none */
	double first;		     /* messages on its first day */
	int64_t day;		     /* that `used` is of */
	int64_t used;
	char memory[48];
};

/* ------------------------------------------------------------- settings */

/* Midnight of that day, UTC. */
static int
warmup_start(const struct channel *c, int64_t *ms)
{
	char text[40];
	int len =
	    snprintf(text, sizeof text, "%.20sT00:00:00Z", c->warmup.start);

	return date_parse_rfc3339(text, (size_t)len, ms);
}

static const char *
warmup_problem(const struct channel *c, char *at, size_t size)
{
	int64_t ms;

	snprintf(at, size, "/warmup");
	if (c->warmup.start == NULL && c->warmup.first == 0 &&
	    c->warmup.double_ms == 0)
		return NULL;
	if (c->warmup.start == NULL || c->warmup.first == 0 ||
	    c->warmup.double_ms == 0)
		return "warming up has a \"start\", messages on the \"first\" "
		       "day, and a time in which they \"double\"";
	snprintf(at, size, "/warmup/start");
	return warmup_start(c, &ms) != 0
		   ? "a date is expected, such as 2026-12-01"
		   : NULL;
}

const char *
pace_problem(const struct channel *c, char *at, size_t size)
{
	const char *name;
	json_t *value;
	double rate;

	json_object_foreach(c->domains, name, value)
	{
		snprintf(at, size, "/domains/%.200s", name);
		if (strchr(name, '.') == NULL || strchr(name, '@') != NULL)
			return "a domain is expected, such as gmail.com";
		if (!json_is_string(value) ||
		    setting_rate(json_string_value(value), &rate) != 0 ||
		    rate <= 0)
			return "a rate is expected, such as 20/s or 500/h";
	}
	return warmup_problem(c, at, size);
}

struct pace *
pace_new(const struct channel *c)
{
	struct pace *p = xcalloc(1, sizeof *p);
	const char *name;
	json_t *value;

	p->all.rate = c->rate;
	p->domains =
	    xcalloc(json_object_size(c->domains) + 1, sizeof *p->domains);
	json_object_foreach(c->domains, name, value)
	{
		struct domain *d = &p->domains[p->n_domains++];

		d->name = name;
		setting_rate(json_string_value(value), &d->bucket.rate);
	}
	if (c->warmup.start != NULL && warmup_start(c, &p->start_ms) == 0) {
		p->first = c->warmup.first;
		p->double_ms = c->warmup.double_ms;
	}
	return p;
}

void
pace_free(struct pace *p)
{
	free(p->domains);
	free(p);
}

/* --------------------------------------------------------------- buckets */

static double
tokens_at(const struct bucket *b, int64_t now_ms)
{
	double most = b->rate < 1 ? 1 : b->rate, tokens;

	if (b->at_ms == 0)
		return most;
	tokens = b->tokens;
	if (now_ms > b->at_ms)
		tokens += (double)(now_ms - b->at_ms) / 1000 * b->rate;
	return tokens < most ? tokens : most;
}

/* When there is a whole one. */
static int64_t
opens_at(const struct bucket *b, int64_t now_ms)
{
	double missing = 1 - tokens_at(b, now_ms);

	return missing <= 0 ? now_ms
			    : now_ms + (int64_t)(missing / b->rate * 1000) + 1;
}

/* A clock that was set back starts again with what there is. */
static void
heed_clock(struct bucket *b, int64_t now_ms)
{
	if (now_ms >= b->at_ms)
		return;
	b->at_ms = now_ms;
	b->turn_ms = 0;
}

static void
spend(struct bucket *b, int64_t now_ms, int n)
{
	b->tokens = tokens_at(b, now_ms) - n;
	b->at_ms = now_ms;
}

/* ------------------------------------------------------------ warming up */

static int64_t
day_of(int64_t ms)
{
	return ms / DAY_MS - (ms % DAY_MS < 0);
}

/* Messages that may go on the day of now_ms. */
static double
allowance(const struct pace *p, int64_t now_ms)
{
	int64_t age = (day_of(now_ms) - day_of(p->start_ms)) * DAY_MS;
	double limit = p->first;

	for (; age >= p->double_ms && limit < WARM_ENOUGH; age -= p->double_ms)
		limit *= 2;
	return limit;
}

static int64_t
used_on(const struct pace *p, int64_t now_ms)
{
	return p->day == day_of(now_ms) ? p->used : 0;
}

static double
left_today(const struct pace *p, int64_t now_ms)
{
	if (p->double_ms == 0)
		return WARM_ENOUGH;
	return allowance(p, now_ms) - (double)used_on(p, now_ms);
}

bool
pace_today(const struct pace *p, int64_t now_ms, int64_t *used, int64_t *most)
{
	if (p->double_ms == 0 || allowance(p, now_ms) >= WARM_ENOUGH)
		return false;
	*used = used_on(p, now_ms);
	*most = (int64_t)allowance(p, now_ms);
	return true;
}

const char *
pace_memory(struct pace *p)
{
	if (p->double_ms == 0)
		return NULL;
	snprintf(p->memory, sizeof p->memory, "%" PRId64 " %" PRId64, p->day,
	    p->used);
	return p->memory;
}

void
pace_remember(struct pace *p, const char *memory)
{
	if (sscanf(memory, "%" SCNd64 " %" SCNd64, &p->day, &p->used) != 2)
		p->day = p->used = 0;
}

/* ------------------------------------------------------------- the whole */

int
pace_room(struct pace *p, int64_t now_ms, int wanted)
{
	double room = left_today(p, now_ms);

	heed_clock(&p->all, now_ms);
	if (p->all.rate > 0 && tokens_at(&p->all, now_ms) < room)
		room = tokens_at(&p->all, now_ms);
	if (room < 0)
		room = 0;
	return room < wanted ? (int)room : wanted;
}

int64_t
pace_opens_at(const struct pace *p, int64_t now_ms)
{
	if (left_today(p, now_ms) < 1)
		return (day_of(now_ms) + 1) * DAY_MS;
	return p->all.rate > 0 ? opens_at(&p->all, now_ms) : now_ms;
}

void
pace_spend(struct pace *p, int64_t now_ms, int n)
{
	if (p->all.rate > 0)
		spend(&p->all, now_ms, n);
	p->used = used_on(p, now_ms) + n;
	if (p->used < 0) /* they went yesterday */
		p->used = 0;
	p->day = day_of(now_ms);
}

static struct bucket *
bucket_of(struct pace *p, const char *address)
{
	const char *at = strrchr(address, '@');

	for (int i = 0; at != NULL && i < p->n_domains; i++)
		if (strcasecmp(p->domains[i].name, at + 1) == 0)
			return &p->domains[i].bucket;
	return NULL;
}

int64_t
pace_domain_wait(struct pace *p, const char *address, int64_t now_ms)
{
	struct bucket *b = bucket_of(p, address);
	int64_t turn;

	if (b == NULL)
		return 0;
	heed_clock(b, now_ms);
	turn = opens_at(b, now_ms);
	if (turn <= now_ms) {
		spend(b, now_ms, 1);
		return 0;
	}
	if (turn <= b->turn_ms)
		turn = b->turn_ms + (int64_t)(1000 / b->rate) + 1;
	b->turn_ms = turn;
	return turn;
}

void
pace_domain_left(struct pace *p, const char *address)
{
	struct bucket *b = bucket_of(p, address);

	if (b != NULL)
		b->turn_ms = 0;
}
