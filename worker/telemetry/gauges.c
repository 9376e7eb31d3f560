/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/resource.h>
#include <sys/stat.h>

#include "worker/clock.h"
#include "worker/telemetry/gauges.h"
#include "worker/http/segment.h"
#include "worker/telemetry/stats.h"

#define DEPTH_MAX 100000 /* so that a scrape never holds a turn up for long */

void
gauges_start(int64_t now_ms)
{
	stats_set(STAT_STARTED_AT, "", "", (double)now_ms / 1000);
	stats_set(STAT_BUILD, NUDGE_VERSION, "", 1);
	stats_set(STAT_RELOAD_IS_GOOD, "", "", 1);
	stats_set(STAT_RELOADED_AT, "", "", (double)now_ms / 1000);
	for (int i = 0; i < DISCARD_REASONS; i++)
		stats_count(STAT_DISCARDED,
		    segment_discard_name((enum segment_discard)i), "", 0);
	for (int i = DECISION_ENTERED; i <= DECISION_FINISHED; i++)
		stats_count(STAT_DECISIONS,
		    decision_name((enum decision_what)i), "", 0);
}

static void
read_lane(const struct gauges *g, struct lane *l)
{
	const char *name = l->channel->name;
	int64_t waiting = queue_messages_waiting(g->queue, name, DEPTH_MAX);
	double behind = (double)(g->now_ms - l->next_at_ms) / 1000;
	struct transport_status status;

	lane_status(l, clock_monotonic_ms(), &status);
	stats_set(STAT_CHANNEL_UP, name, "", status.state <= TRANSPORT_SLOWED);
	stats_set(STAT_DEPTH, name, "queued", (double)waiting);
	stats_set(STAT_DEPTH, name, "sending", l->in_flight);
	stats_set(STAT_BEHIND, name, "",
	    l->next_at_ms == 0 || behind < 0 ? 0 : behind);
	for (int i = 0; i <= VERDICT_RELEASED; i++)
		stats_count(
		    STAT_VERDICTS, name, verdict_name((enum verdict_what)i), 0);
	stats_count(STAT_QUEUED, name, "", 0);
	stats_count(STAT_SENDING, name, "", 0);
	stats_count(STAT_POLICY, name, "", 0);
	stats_count(STAT_PAUSES, name, "", 0);
	stats_count(STAT_DEAD, name, "", 0);
}

/* What nobody sends, as its channel is not in nudge.json. */
static void
read_lost(const struct gauges *g)
{
	const char *name = "";

	while (turn_lost_channel(g->queue, g->settings, &name) == 1) {
		int64_t at = queue_message_next(g->queue, name);

		stats_set(STAT_CHANNEL_UP, name, "", 0);
		stats_set(STAT_DEPTH, name, "queued",
		    (double)queue_messages_waiting(g->queue, name, DEPTH_MAX));
		stats_set(STAT_BEHIND, name, "",
		    at < g->now_ms ? (double)(g->now_ms - at) / 1000 : 0);
	}
}

static void
read_store(const struct gauges *g)
{
	int64_t counts[QUEUE_STATES];
	struct stat st;

	if (queue_messages_count(g->queue, counts) == 0)
		for (int i = 0; i < QUEUE_STATES; i++)
			stats_set(STAT_MESSAGES,
			    queue_state_name((enum queue_state)i), "",
			    (double)counts[i]);
	for (int i = 0; i < g->lanes->count; i++)
		if (!g->lanes->list[i]->is_retiring)
			read_lane(g, g->lanes->list[i]);
	read_lost(g);
	stats_set(STAT_LOG_BYTES, "", "", (double)queue_log_bytes(g->queue));
	if (stat(g->settings->store, &st) == 0)
		stats_set(STAT_STORE_BYTES, "", "", (double)st.st_size);
}

/* Virtual and resident pages; proc(5). */
static void
read_memory(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	double page = (double)sysconf(_SC_PAGESIZE);
	long long size, resident;

	if (f == NULL)
		return;
	if (fscanf(f, "%lld %lld", &size, &resident) == 2) {
		stats_set(STAT_VIRTUAL_BYTES, "", "", (double)size * page);
		stats_set(STAT_RESIDENT_BYTES, "", "", (double)resident * page);
	}
	fclose(f);
}

static void
read_files(void)
{
	DIR *folder = opendir("/proc/self/fd");
	struct rlimit most;
	int n = -3; /* ".", ".." and the folder itself */

	while (folder != NULL && readdir(folder) != NULL)
		n++;
	if (folder != NULL) {
		closedir(folder);
		stats_set(STAT_OPEN_FILES, "", "", n);
	}
	if (getrlimit(RLIMIT_NOFILE, &most) == 0)
		stats_set(STAT_MAX_FILES, "", "", (double)most.rlim_cur);
}

static double
seconds(const struct timeval *t)
{
	return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

static void
read_process(void)
{
	struct rusage used;

	getrusage(RUSAGE_SELF, &used);
	stats_set(STAT_CPU, "", "",
	    seconds(&used.ru_utime) + seconds(&used.ru_stime));
	read_memory();
	read_files();
}

void
gauges_read(const struct gauges *g)
{
	double behind = (double)(g->now_ms - g->next_wakeup_ms) / 1000;

	stats_clear(STAT_CHANNEL_UP);
	stats_clear(STAT_DEPTH);
	stats_clear(STAT_BEHIND);
	stats_set(STAT_BACKLOG, "", "", (double)g->backlog);
	stats_set(STAT_WAKEUPS_BEHIND, "", "",
	    g->next_wakeup_ms == 0 || behind < 0 ? 0 : behind);
	stats_set(STAT_STORE_IS_WRITABLE, "", "", g->is_writable);
	if (g->checkpoint_ms != 0)
		stats_set(STAT_CHECKPOINT_AT, "", "",
		    (double)g->checkpoint_ms / 1000);
	if (g->queue != NULL)
		read_store(g);
	read_process();
}

void
gauges_reloaded(bool is_good, int64_t now_ms)
{
	stats_count(STAT_RELOADS, is_good ? "success" : "failure", "", 1);
	stats_set(STAT_RELOAD_IS_GOOD, "", "", is_good);
	if (is_good)
		stats_set(STAT_RELOADED_AT, "", "", (double)now_ms / 1000);
}
