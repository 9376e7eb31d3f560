/* SPDX-License-Identifier: MIT */
/*
 * status - one line of the log for whoever asks a running worker, with SIGUSR1,
 * how things stand: what waits, how each channel does, how long turns take.
 */
#include "templates/time/date.h"
#include "worker/log.h"
#include "worker/loop.h"
#include "worker/telemetry/stats.h"

static void
add_messages(struct queue *q, struct buf *out)
{
	int64_t counts[QUEUE_STATES];
	const char *between = "messages: ";

	if (queue_messages_count(q, counts) < 0)
		return;
	for (int i = 0; i < QUEUE_STATES; i++) {
		if (counts[i] == 0)
			continue;
		buf_addf(out, "%s%lld %s", between, (long long)counts[i],
		    queue_state_name((enum queue_state)i));
		between = ", ";
	}
	buf_adds(out, between[0] == ',' ? "" : "no messages");
}

static void
add_lane(struct lane *l, struct buf *out)
{
	struct transport_status s = {0};

	lane_status(l, clock_monotonic_ms(), &s);
	buf_addf(out, "; channel %s: %s%s, %d on their way", l->channel->name,
	    l->is_retiring ? "ending, " : "", transport_state_name(s.state),
	    l->in_flight);
}

static void
add_time(enum stat_time which, const char *name, struct buf *out)
{
	double seconds;
	int64_t n = stats_time(which, &seconds);

	buf_addf(out, "; %s: %lld, %.1f ms on average", name, (long long)n,
	    n > 0 ? seconds * 1000 / (double)n : 0.0);
}

void
status_log(struct worker *w)
{
	struct buf line = {0};
	char time[32];

	if (outage_is_on(w))
		buf_addf(&line, "%s; ", outage_reason(w));
	if (w->queue != NULL)
		add_messages(w->queue, &line);
	for (int i = 0; i < w->lanes.count; i++)
		add_lane(w->lanes.list[i], &line);
	buf_addf(&line, "; %lld events wait for a turn; next wake-up: %s",
	    (long long)w->backlog,
	    w->next_wakeup_ms > 0
		? date_rfc3339(w->next_wakeup_ms, time, sizeof time)
		: "none");
	add_time(STAT_TURN, "turns", &line);
	add_time(STAT_COMMIT, "commits", &line);
	log_info("status: %s", line.data);
	buf_free(&line);
}
