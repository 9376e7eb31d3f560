/* SPDX-License-Identifier: MIT */
/*
 * worker - the loop. What the HTTP side and the transports bring is only noted
 * when it comes; an event of the lowest priority then runs one turn for all of
 * it: gather, decide, commit, act. Nothing that anyone outside can see happens
 * before the commit that records it.
 *
 * A store that failed a write is closed. Until it opens again nothing new is
 * taken or sent, and verdicts wait in memory: see outage.c.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <curl/curl.h>
#include <event2/thread.h>

#include "templates/time/date.h"
#include "templates/mem.h"
#include "worker/telemetry/gauges.h"
#include "worker/log.h"
#include "worker/loop.h"
#include "worker/notify.h"
#include "worker/telemetry/stats.h"
#include "worker/turn/preferences.h"

#define WAKE_SET	1000  /* wake-ups looked at in one turn */
#define MEMBERS_SET	500   /* members that messages go to in one turn */
#define LOST_SET	100   /* messages of each channel that is not there */
#define TRIM_SET	100   /* old rows of each kind in one slice */
#define TRIM_US		1000  /* of slices in a turn, or half of the rest */
#define TRIM_PAUSE_MS	50    /* when there is nothing else to do */
#define TRIM_EVERY_MS	60000 /* from the end of a round to the next */
#define CLOSING_MS	200   /* looks at whether the end has come */
#define GATHER_US	1000
#define LOG_MAX		((int64_t)16 * 1024 * 1024) /* then a checkpoint */
#define LONGEST_WAIT_MS ((int64_t)60 * 1000)

/* ------------------------------------------------------ what others see */

const struct settings *
worker_settings_now(const struct worker *w)
{
	return w->workspace->settings;
}

struct token_key *
worker_token_key(const struct worker *w)
{
	return w->turn.token_key;
}

int64_t
worker_now_ms(const struct worker *w)
{
	return clock_now_ms(&w->clock);
}

int64_t
worker_backlog(const struct worker *w)
{
	return w->backlog;
}

void
worker_gauges(struct worker *w)
{
	const struct gauges g = {
	    .queue = w->queue,
	    .lanes = &w->lanes,
	    .settings = w->workspace->settings,
	    .now_ms = clock_now_ms(&w->clock),
	    .backlog = w->backlog,
	    .next_wakeup_ms = w->next_wakeup_ms,
	    .checkpoint_ms = checkpoint_last_ms(w->checkpoint),
	    .is_writable = !outage_is_on(w),
	};

	gauges_read(&g);
}

const char *
worker_check(const struct worker *w, int i, const char **why)
{
	const struct {
		const char *name;
		bool fails;
		const char *why;
	} checks[] = {
	    {"store", w->queue == NULL, outage_reason(w)},
	    {"disk", w->queue != NULL && queue_is_full(w->queue),
		outage_reason(w)},
	    {"running", w->drain_until != 0, "draining"},
	};

	if (i >= (int)(sizeof checks / sizeof checks[0]))
		return NULL;
	*why = checks[i].fails ? checks[i].why : NULL;
	return checks[i].name;
}

void
loop_want_turn(void *arg)
{
	struct worker *w = arg;

	if (w->arrivals++ == 0)
		w->first_arrival_us = clock_monotonic_us();
	event_active(w->turn_event, EV_TIMEOUT, 0);
}

void
worker_submit(struct worker *w, struct input *in)
{
	in->next = NULL;
	in->worker = w;
	in->call.lanes = &w->lanes;
	*w->inputs_tail = in;
	w->inputs_tail = &in->next;
	w->n_events += in->batch.count;
	w->backlog += in->batch.count > in->batch.kilobytes
			  ? in->batch.count
			  : in->batch.kilobytes;
	loop_want_turn(w);
}

/* ----------------------------------------------------------------- a turn */

/* Nothing new is started: only what is on its way is finished. */
static bool
is_closing(const struct worker *w)
{
	return w->drain_until != 0 || w->must_recover ||
	       queue_is_full(w->queue) || jump_holds(w);
}

/*
 * What the store calls `sending` when nothing is on its way here was left so by
 * a crash, or by a commit that failed and was durable all the same.
 */
static bool
can_recover(const struct worker *w)
{
	return w->must_recover && lanes_are_quiet(&w->lanes);
}

static int
recover(struct worker *w)
{
	int n = turn_recover(&w->turn);

	if (n > 0)
		log_warn("%d messages were on their way when the store was "
			 "last used",
		    n);
	w->must_recover = n < 0;
	return n < 0 ? -1 : 0;
}

static bool
is_due(int64_t at_ms, int64_t now_ms)
{
	return at_ms != 0 && at_ms <= now_ms;
}

static bool
has_work(struct worker *w, int64_t now_ms, int64_t mono)
{
	if (w->inputs != NULL || can_recover(w) ||
	    lanes_have_verdicts(&w->lanes))
		return true;
	if (is_closing(w))
		return false;
	return w->outage.error.what != QUEUE_OK || !w->is_prepared ||
	       w->sweep.is_on || mono >= w->trim_at ||
	       is_due(w->next_wakeup_ms, now_ms) ||
	       is_due(w->next_laneless_ms, now_ms) ||
	       lanes_have_due(&w->lanes, now_ms, mono);
}

/* An event and its place among all that arrived: equal times keep it. */
struct arrived {
	const struct segment_event *event;
	int place;
};

static int
by_time(const void *a, const void *b)
{
	const struct arrived *x = a, *y = b;

	if (x->event->at_ms != y->event->at_ms)
		return x->event->at_ms < y->event->at_ms ? -1 : 1;
	return x->place - y->place;
}

/* All events that wait, in the order in which they happened. */
static int
take_events(struct worker *w, struct input *inputs)
{
	size_t size = (size_t)w->n_events + 1;
	struct arrived *sorted = xcalloc(size, sizeof *sorted);
	const struct segment_event **list = xcalloc(size, sizeof *list);
	int n = 0, rc;

	for (struct input *in = inputs; in != NULL; in = in->next)
		for (int i = 0; i < in->batch.count; i++, n++)
			sorted[n] = (struct arrived){&in->batch.events[i], n};
	qsort(sorted, (size_t)n, sizeof *sorted, by_time);
	for (int i = 0; i < n; i++)
		list[i] = sorted[i].event;
	rc = n == 0 ? 0 : turn_ingest(&w->turn, list, n);
	free(sorted);
	free(list);
	return rc;
}

/*
 * The next time at which something is due, at most `to_ms`; the time as it is
 * while something is still to be done or on its way.
 */
static int64_t
next_moment(struct worker *w, int64_t to_ms)
{
	int64_t now = clock_now_ms(&w->clock), next = to_ms;
	const int64_t moments[] = {lanes_next_ms(&w->lanes, now),
	    w->next_wakeup_ms, w->next_laneless_ms};

	if (has_work(w, now, clock_monotonic_ms()) ||
	    !lanes_are_quiet(&w->lanes))
		return now;
	for (size_t i = 0; i < sizeof moments / sizeof *moments; i++)
		if (moments[i] != 0 && moments[i] < next)
			next = moments[i];
	return next > now ? next : now;
}

/* POST /v1/clock: moves a test clock; only there when it is one. */
static bool
clock_call(struct worker *w, struct api_call *call)
{
	const char *to = json_string_value(json_object_get(call->body, "to"));
	int64_t to_ms, now = clock_now_ms(&w->clock);
	char text[32];
	bool idle;

	if (!w->clock.is_test || strcmp(call->path, "/v1/clock") != 0)
		return false;
	if (to == NULL || date_parse_rfc3339(to, strlen(to), &to_ms) != 0 ||
	    to_ms < now) {
		api_problem(call, 400, "\"to\" must be a time from now on");
		return true;
	}
	w->clock.test_ms = next_moment(w, to_ms);
	idle = w->clock.test_ms == to_ms && now == to_ms &&
	       lanes_are_quiet(&w->lanes);
	call->status = 200;
	call->reply = json_pack("{s:s,s:b}", "now",
	    date_rfc3339(w->clock.test_ms, text, sizeof text), "idle", idle);
	loop_want_turn(w);
	return true;
}

static int
take_calls(struct worker *w, struct input *inputs)
{
	static const char *const kinds[] = {
	    "events", "call", "unsubscribe", "preferences"};
	int rc = 0;

	for (struct input *in = inputs; rc == 0 && in != NULL; in = in->next) {
		stats_count_later(STAT_INPUTS, kinds[in->kind], "", 1);
		if (in->kind == INPUT_UNSUBSCRIBE)
			rc =
			    preferences_leave(&w->turn, in->address, in->topic);
		else if (in->kind == INPUT_PREFERENCES)
			rc = preferences_apply(
			    &w->turn, in->address, in->wanted, &in->standing);
		else if (in->kind == INPUT_CALL && !clock_call(w, &in->call))
			rc = api_run(&w->turn, &in->call);
	}
	return rc;
}

/*
 * Old rows go a little in each turn, more of them the more a turn does, so that
 * as many can go as come.
 */
static int
trim(struct worker *w, int64_t mono, int64_t began_us)
{
	const struct settings *s = w->workspace->settings;
	int64_t now_ms = w->turn.now_ms, now_us = clock_monotonic_us();
	int64_t share = (now_us - began_us) / 2;
	int n;

	if (!w->is_trimming && mono < w->trim_at)
		return 0;
	do
		n = queue_trim(w->queue, now_ms - s->dedupe_ms,
		    now_ms - s->retention_ms, now_ms, TRIM_SET);
	while (n > 0 && clock_monotonic_us() - now_us <
			    (share > TRIM_US ? share : TRIM_US));
	w->is_trimming = n > 0;
	w->trim_at = mono + (n > 0 ? TRIM_PAUSE_MS : TRIM_EVERY_MS);
	return n;
}

/* New definitions are the store's before anybody is looked at with them. */
static int
prepare(struct worker *w)
{
	return w->is_prepared || queue_is_full(w->queue)
		   ? 0
		   : sweep_prepare(&w->sweep, &w->turn);
}

/* Messages go out before people who nothing happened to are looked at. */
static int
send_and_sweep(struct worker *w, int64_t mono)
{
	if (turn_fan_out(&w->turn, MEMBERS_SET) < 0 ||
	    turn_look_at_lost(&w->turn, LOST_SET) < 0 ||
	    lanes_claim(&w->lanes, &w->turn, mono) != 0)
		return -1;
	return w->sweep.is_on ? sweep_step(&w->sweep, &w->turn, mono) : 0;
}

int
loop_look_ahead(struct worker *w)
{
	int64_t lost = turn_lost_next(w->queue, w->workspace->settings);

	w->next_wakeup_ms = queue_wakeup_next(w->queue);
	w->next_laneless_ms = queue_message_next(w->queue, CHANNEL_MEMBERS);
	if (lost != 0 &&
	    (w->next_laneless_ms == 0 || lost < w->next_laneless_ms))
		w->next_laneless_ms = lost;
	return w->next_wakeup_ms < 0 || w->next_laneless_ms < 0 ? -1 : 0;
}

static double
seconds_since(int64_t monotonic_us)
{
	return (double)(clock_monotonic_us() - monotonic_us) / 1e6;
}

static int
commit(struct worker *w)
{
	int64_t began = clock_monotonic_us();
	int rc = turn_commit(&w->turn);

	stats_observe(STAT_COMMIT, seconds_since(began));
	return rc;
}

/* Everything of a turn that stands in its transaction. */
static int
transact(struct worker *w, struct input *inputs, int64_t mono)
{
	int64_t began_us = clock_monotonic_us();
	struct turn *t = &w->turn;
	bool closing;

	if (turn_begin(t, clock_now_ms(&w->clock)) != 0 || prepare(w) != 0 ||
	    (can_recover(w) && recover(w) != 0) || take_events(w, inputs) < 0 ||
	    take_calls(w, inputs) != 0 || lanes_settle(&w->lanes, t, mono) != 0)
		return -1;
	closing = is_closing(w);
	if ((!closing && turn_wake(t, WAKE_SET) < 0) || turn_write(t) != 0 ||
	    (!closing &&
		(send_and_sweep(w, mono) != 0 || trim(w, mono, began_us) < 0)))
		return -1;
	return loop_look_ahead(w) != 0 ? -1 : commit(w);
}

static void
answer(struct input *inputs)
{
	struct input *next;

	for (struct input *in = inputs; in != NULL; in = next) {
		next = in->next;
		in->status = 200;
		input_reply(in);
	}
}

static struct input *
take_inputs(struct worker *w)
{
	struct input *inputs = w->inputs;

	w->inputs = NULL;
	w->inputs_tail = &w->inputs;
	return inputs;
}

/* When the loop must look again without being told to. */
static int64_t
next_look(struct worker *w, int64_t now_ms, int64_t mono)
{
	int64_t wait = LONGEST_WAIT_MS;

	if (outage_is_on(w))
		return w->outage.try_at > mono ? w->outage.try_at - mono : 1;
	if (is_closing(w))
		return CLOSING_MS;
	if (w->trim_at - mono < wait)
		wait = w->trim_at - mono;
	if (!w->clock.is_test && w->next_wakeup_ms != 0 &&
	    w->next_wakeup_ms - now_ms < wait)
		wait = w->next_wakeup_ms - now_ms;
	if (!w->clock.is_test && w->next_laneless_ms != 0 &&
	    w->next_laneless_ms - now_ms < wait)
		wait = w->next_laneless_ms - now_ms;
	wait = lanes_wait(&w->lanes, now_ms, mono, w->clock.is_test, wait);
	return wait < 1 ? 1 : wait;
}

static void
set_timer(struct worker *w)
{
	int64_t ms =
	    next_look(w, clock_now_ms(&w->clock), clock_monotonic_ms());
	struct timeval tv = {ms / 1000, ms % 1000 * 1000};

	event_add(w->timer, &tv);
}

static void
finish_drain(struct worker *w, int64_t mono)
{
	bool idle = w->inputs == NULL && lanes_are_idle(&w->lanes);

	if (idle || mono >= w->drain_until + 2000)
		event_base_loopexit(w->base, NULL);
}

/* Gather, decide, commit, act. */
static void
one_turn(struct worker *w, int64_t mono)
{
	int64_t began = clock_monotonic_us();
	struct input *inputs = take_inputs(w);
	bool failed = transact(w, inputs, mono) != 0;

	w->n_events = w->backlog = 0;
	if (failed) {
		outage_begin(w);
		outage_refuse(w, inputs);
		return;
	}
	if (!queue_is_full(w->queue)) {
		outage_end(w);
		load_committed(w);
	}
	sweep_committed(&w->sweep, mono);
	lanes_committed(&w->lanes);
	answer(inputs);
	stats_observe(STAT_TURN, seconds_since(began));
	if (queue_log_bytes(w->queue) > LOG_MAX)
		checkpoint_wanted(w->checkpoint);
	if (w->turn.has_forgotten)
		checkpoint_wipe(w->checkpoint);
	w->turn.has_forgotten = false;
}

/*
 * Turns that follow at once must not be all there is: libevent asks for what
 * has come (requests, mail, signals) only when its list of active events is
 * empty, or when it is told to.
 */
static void
want_another(struct worker *w)
{
	loop_want_turn(w);
	event_base_loopcontinue(w->base);
}

static void
run_turn(struct worker *w)
{
	int64_t mono = clock_monotonic_ms();

	jump_look(w, mono);
	if (outage_is_on(w))
		outage_try(w, mono);
	if (outage_is_on(w)) {
		outage_refuse(w, take_inputs(w));
		w->n_events = w->backlog = 0;
	}
	if (w->queue != NULL && has_work(w, clock_now_ms(&w->clock), mono))
		one_turn(w, mono);
	if (w->drain_until != 0)
		finish_drain(w, mono);
	if (w->queue != NULL && has_work(w, clock_now_ms(&w->clock), mono))
		want_another(w);
	else
		set_timer(w);
}

/*
 * A commit costs the same for one input as for a hundred. Where several came
 * together the last time, a turn waits a moment for twice as many; a lone input
 * after a lone one does not wait.
 */
static bool
is_gathering(const struct worker *w)
{
	return w->arrivals != 0 && w->last_arrivals > 1 &&
	       w->arrivals < 2 * w->last_arrivals &&
	       clock_monotonic_us() - w->first_arrival_us < GATHER_US;
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct timeval moment = {0, GATHER_US};
	struct worker *w = arg;

	if (is_gathering(w)) {
		if (!event_pending(w->gather, EV_TIMEOUT, NULL))
			event_add(w->gather, &moment);
		return;
	}
	event_del(w->gather);
	w->last_arrivals = w->arrivals;
	w->arrivals = 0;
	run_turn(w);
}

/* ---------------------------------------------------------- start and end */

static void
on_signal(evutil_socket_t number, short what, void *arg)
{
	struct worker *w = arg;
	int grace = w->workspace->settings->drain_ms;

	if (w->drain_until != 0) {
		log_warn("stopping at once");
		event_base_loopexit(w->base, NULL);
		return;
	}
	log_info("stopping: %s", strsignal((int)number));
	notify_send("STOPPING=1");
	w->drain_until = clock_monotonic_ms() + grace;
	server_refuse_new(w->server);
	lanes_stop(&w->lanes, grace);
	loop_want_turn(w);
}

static void
on_reload(evutil_socket_t number, short what, void *arg)
{
	load_again(arg, "SIGHUP");
}

static void
on_status(evutil_socket_t number, short what, void *arg)
{
	status_log(arg);
}

/* That the loop turns is what it says. */
static void
on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	notify_send("WATCHDOG=1");
}

static void
start_watchdog(struct worker *w)
{
	int64_t us = notify_watchdog_us();
	struct timeval tv = {us / 1000000, us % 1000000};

	w->watchdog = event_new(w->base, -1, EV_PERSIST, on_watchdog, w);
	event_priority_set(w->watchdog, 0);
	if (us > 0)
		event_add(w->watchdog, &tv);
}

static void
start_signals(struct worker *w)
{
	static const struct {
		int number;
		event_callback_fn on;
	} signals[] = {{SIGTERM, on_signal}, {SIGINT, on_signal},
	    {SIGHUP, on_reload}, {SIGUSR1, on_status}};

	signal(SIGPIPE, SIG_IGN);
	signal(SIGUSR2, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a write that fails is handled as one */
	for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
		w->signals[i] =
		    evsignal_new(w->base, signals[i].number, signals[i].on, w);
		event_priority_set(w->signals[i], 0);
		event_add(w->signals[i], NULL);
	}
}

static int
start_loop(struct worker *w)
{
	struct event_config *config;

	evthread_use_pthreads();
	curl_global_init(CURL_GLOBAL_DEFAULT);
	config = event_config_new();
	/* evhttp turns reading off and on for each request: no call for it */
	event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
	event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
	w->base = event_base_new_with_config(config);
	event_config_free(config);
	if (w->base == NULL)
		return -1;
	event_base_priority_init(w->base, 2);
	w->turn_event = event_new(w->base, -1, 0, on_turn, w);
	event_priority_set(w->turn_event, 1);
	w->gather = event_new(w->base, -1, 0, on_turn, w);
	event_priority_set(w->gather, 1);
	w->timer = event_new(w->base, -1, 0, on_turn, w);
	event_priority_set(w->timer, 1);
	start_signals(w);
	start_watchdog(w);
	return 0;
}

/* For commands that find the store held: where to ask instead. */
static int
publish_address(struct worker *w)
{
	char url[300];

	settings_address(
	    w->workspace->settings, server_port(w->server), url, sizeof url);
	if (queue_begin(w->queue) != 0 ||
	    queue_setting_put(w->queue, "listening", url) != 0)
		return -1;
	return queue_commit(w->queue);
}

static int
start(struct worker *w)
{
	struct queue_error failure;
	struct error e;

	w->lanes =
	    (struct lanes){.base = w->base, .wake = loop_want_turn, .arg = w};
	if (load_store(w, &failure) != 0) {
		log_error("%s", failure.text);
		return -1;
	}
	if (lanes_follow(&w->lanes, w->workspace, 0, &e) != 0) {
		log_error("%s", e.text);
		w->exit_code = EX_CONFIG;
		return -1;
	}
	lanes_look(&w->lanes, w->queue);
	if (jump_start(w) != 0) {
		log_error("%s", queue_error(w->queue)->text);
		w->exit_code = EX_IOERR;
		return -1;
	}
	w->server = server_start(w, w->base, w->workspace->settings, &e);
	if (w->server == NULL) {
		log_error("%s", e.text);
		w->exit_code = EX_UNAVAILABLE;
		return -1;
	}
	if (publish_address(w) != 0) {
		log_error("%s", queue_error(w->queue)->text);
		w->exit_code = EX_IOERR;
		return -1;
	}
	load_watch(w);
	return 0;
}

/* A file that was removed is noticed, and rescued, when a turn begins. */
static void
look_for_store(struct worker *w)
{
	if (queue_begin(w->queue) == 0) {
		queue_rollback(w->queue);
	} else {
		log_error("%s", queue_error(w->queue)->text);
		w->exit_code = EX_IOERR;
	}
}

static void
stop(struct worker *w)
{
	bool is_idle = lanes_are_idle(&w->lanes);

	if (w->queue != NULL) {
		look_for_store(w);
		load_close_store(w);
	}
	if (!is_idle) /* threads still use what would be freed */
		_exit(w->exit_code);
	lanes_free(&w->lanes);
	if (w->server != NULL)
		server_free(w->server);
	for (size_t i = 0; i < sizeof w->signals / sizeof *w->signals; i++)
		if (w->signals[i] != NULL)
			event_free(w->signals[i]);
	if (w->watchdog != NULL)
		event_free(w->watchdog);
	if (w->turn_event != NULL)
		event_free(w->turn_event);
	if (w->gather != NULL)
		event_free(w->gather);
	if (w->timer != NULL)
		event_free(w->timer);
	watch_files_free(w->files);
	if (w->base != NULL)
		event_base_free(w->base);
	workspace_release(w->workspace);
	free(w->known);
	free(w->store);
}

int
worker_run(const struct worker_options *options)
{
	struct worker w = {.options = options, .inputs_tail = &w.inputs};

	if (start_loop(&w) != 0)
		return EX_OSERR;
	if (load_workspace(&w) != 0) {
		stop(&w);
		return EX_CONFIG;
	}
	w.store = xstrdup(w.workspace->settings->store);
	if (options->test_clock_ms != 0)
		w.clock = (struct clock){true, options->test_clock_ms};
	gauges_start(clock_now_ms(&w.clock));
	if (start(&w) == 0) {
		if (options->ready != NULL)
			options->ready(
			    w.workspace->settings, server_port(w.server));
		notify_send("READY=1\nSTATUS=Running");
		run_turn(&w);
		event_base_dispatch(w.base);
		log_info("stopped");
	}
	stop(&w);
	return w.exit_code;
}
