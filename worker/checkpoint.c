/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "templates/mem.h"
#include "worker/checkpoint.h"
#include "worker/clock.h"
#include "worker/log.h"

#define AGAIN_S 10 /* where a reader needed what is to be wiped */

struct checkpoint {
	struct queue_checkpointer *store;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool is_wanted, is_over; /* under the lock */
	bool must_wipe;		 /* likewise */
	int64_t last_ms;	 /* likewise */
};

static void
wait_for_work(struct checkpoint *c)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += AGAIN_S;
	while (!c->is_wanted && !c->is_over)
		if (!c->must_wipe)
			pthread_cond_wait(&c->changed, &c->lock);
		else if (pthread_cond_timedwait(
			     &c->changed, &c->lock, &until) == ETIMEDOUT)
			return;
}

static void *
run(void *arg)
{
	const struct clock clock = {0};
	struct checkpoint *c = arg;
	bool wipes;
	int rc;

	pthread_mutex_lock(&c->lock);
	for (;;) {
		wait_for_work(c);
		if (c->is_over)
			break;
		wipes = c->must_wipe;
		c->is_wanted = c->must_wipe = false;
		pthread_mutex_unlock(&c->lock);
		rc = wipes ? queue_checkpoint_wipe(c->store)
			   : queue_checkpoint(c->store);
		if (rc < 0)
			log_warn("the store's log could not be copied into its "
				 "file, and is tried again: %s",
			    queue_checkpointer_error(c->store)->text);
		pthread_mutex_lock(&c->lock);
		c->must_wipe |= wipes && rc != 1;
		if (rc == 1)
			c->last_ms = clock_now_ms(&clock);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

struct checkpoint *
checkpoint_start(const char *store)
{
	struct checkpoint *c = xcalloc(1, sizeof *c);
	struct queue_error error;

	c->store = queue_checkpointer_open(store, &error);
	if (c->store == NULL) {
		log_warn("no checkpoints: %s", error.text);
		free(c);
		return NULL;
	}
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->changed, NULL);
	if (pthread_create(&c->thread, NULL, run, c) != 0)
		panic("a thread cannot be started");
	return c;
}

static void
tell(struct checkpoint *c, bool *what)
{
	pthread_mutex_lock(&c->lock);
	*what = true;
	pthread_cond_signal(&c->changed);
	pthread_mutex_unlock(&c->lock);
}

void
checkpoint_wanted(struct checkpoint *c)
{
	if (c != NULL)
		tell(c, &c->is_wanted);
}

void
checkpoint_wipe(struct checkpoint *c)
{
	if (c == NULL)
		return;
	pthread_mutex_lock(&c->lock);
	c->must_wipe = true;
	pthread_mutex_unlock(&c->lock);
	checkpoint_wanted(c);
}

int64_t
checkpoint_last_ms(struct checkpoint *c)
{
	int64_t last_ms;

	if (c == NULL)
		return 0;
	pthread_mutex_lock(&c->lock);
	last_ms = c->last_ms;
	pthread_mutex_unlock(&c->lock);
	return last_ms;
}

void
checkpoint_stop(struct checkpoint *c)
{
	if (c == NULL)
		return;
	tell(c, &c->is_over);
	pthread_join(c->thread, NULL);
	queue_checkpointer_close(c->store);
	pthread_mutex_destroy(&c->lock);
	pthread_cond_destroy(&c->changed);
	free(c);
}
