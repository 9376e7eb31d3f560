/* SPDX-License-Identifier: MIT */
/*
 * stats - a table of what there is, a short list of values for each row, found
 * by its labels. Names follow Prometheus' "Metric and label naming": base
 * units, _total for what only grows. Label values known beforehand are there
 * from the start with zero, so that a rate over the first one is right.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "templates/mem.h"
#include "worker/telemetry/stats.h"

enum kind { COUNTER, GAUGE };

static const struct family {
	const char *name;
	enum kind kind;
	const char *labels[2];
	const char *known; /* values of the first label from the start */
	const char *help;
} families[STATS] = {
    [STAT_BUILD] = {"nudge_build_info", GAUGE, {"version"}, NULL,
	"A constant 1 with the program's version."},
    [STAT_REQUESTS] = {"nudge_http_requests_total", COUNTER, {"code"},
	"200 400 401 404 413 429 503", "HTTP requests answered, by status."},
    [STAT_INPUTS] = {"nudge_inputs_total", COUNTER, {"kind"},
	"events call unsubscribe preferences", "Inputs that a turn took."},
    [STAT_CONNECTIONS] = {"nudge_http_connections", GAUGE, {NULL}, NULL,
	"HTTP connections that are open."},
    [STAT_CLOSED] = {"nudge_http_connections_closed_total", COUNTER, {"reason"},
	"idle slow full room memory refused",
	"HTTP connections that the server ended: nothing came, a request or "
	"its answer took too long, there were too many, to make room, much was "
	"being read, what came was no HTTP or too large."},
    [STAT_BACKLOG] = {"nudge_backlog_events", GAUGE, {NULL}, NULL,
	"Events that wait for a turn; past limits.backlog clients get 429."},
    [STAT_EVENTS] = {"nudge_events_total", COUNTER, {"type"},
	"identify track page screen group alias", "Events taken."},
    [STAT_DUPLICATES] = {"nudge_events_duplicate_total", COUNTER, {NULL}, "",
	"Events with a messageId that was seen before."},
    [STAT_DISCARDED] = {"nudge_events_discarded_total", COUNTER, {"reason"},
	NULL, "Events left out, and requests refused; see /v1/discarded."},
    [STAT_DECISIONS] = {"nudge_decisions_total", COUNTER, {"kind"}, NULL,
	"Rows of the decision log."},
    [STAT_QUEUED] = {"nudge_messages_queued_total", COUNTER, {"channel"}, NULL,
	"Messages decided on."},
    [STAT_VERDICTS] = {"nudge_message_verdicts_total", COUNTER,
	{"channel", "verdict"}, NULL,
	"What became of attempts to send a message."},
    [STAT_SENDING] = {"nudge_message_sending_seconds_total", COUNTER,
	{"channel"}, NULL,
	"How long attempts took; by verdicts: the other side's latency."},
    [STAT_POLICY] = {"nudge_policy_refusals_total", COUNTER, {"channel"}, NULL,
	"Refusals for what we are or say (reputation, authentication, spam): "
	"alarm on any growth."},
    [STAT_CHANNEL_UP] = {"nudge_channel_up", GAUGE, {"channel"}, NULL,
	"1 while messages go out there, 0 while it is paused, off, or being "
	"tried; see /v1/channels."},
    [STAT_PAUSES] = {"nudge_channel_pauses_total", COUNTER, {"channel"}, NULL,
	"Times the other side wanted less and the whole channel waited."},
    [STAT_DEAD] = {"nudge_addresses_suppressed_total", COUNTER, {"channel"},
	NULL, "Addresses that nobody has, suppressed after a hard bounce."},
    [STAT_MESSAGES] = {"nudge_messages", GAUGE, {"state"}, NULL,
	"Messages in the store."},
    [STAT_DEPTH] = {"nudge_queue_depth", GAUGE, {"channel", "state"}, NULL,
	"Messages waiting for their time or turn, and on their way."},
    [STAT_BEHIND] = {"nudge_queue_behind_seconds", GAUGE, {"channel"}, NULL,
	"How long the oldest message that is due has been due."},
    [STAT_WAKEUPS_BEHIND] = {"nudge_wakeups_behind_seconds", GAUGE, {NULL},
	NULL, "How long the oldest wake-up that is due has been due."},
    [STAT_STORE_BYTES] = {"nudge_store_size_bytes", GAUGE, {NULL}, NULL,
	"Size of the store's file."},
    [STAT_LOG_BYTES] = {"nudge_store_log_size_bytes", GAUGE, {NULL}, NULL,
	"Size of the store's write-ahead log."},
    [STAT_CHECKPOINT_AT] = {"nudge_checkpoint_timestamp_seconds", GAUGE, {NULL},
	"",
	"When all of the write-ahead log was last copied into the file, "
	"which is wanted past 16 MB of it; 0: not since the start."},
    [STAT_STORE_IS_WRITABLE] = {"nudge_store_writable", GAUGE, {NULL}, NULL,
	"1 while new work is taken, 0 when the store cannot be written."},
    [STAT_RELOADS] = {"nudge_config_reloads_total", COUNTER, {"outcome"},
	"success failure", "Reloads of the workspace."},
    [STAT_RELOAD_IS_GOOD] = {"nudge_config_last_reload_successful", GAUGE,
	{NULL}, NULL, "1 when the definitions in force are the newest."},
    [STAT_RELOADED_AT] = {"nudge_config_last_reload_success_timestamp_seconds",
	GAUGE, {NULL}, NULL, "When the definitions in force were loaded."},
    [STAT_CPU] = {"process_cpu_seconds_total", COUNTER, {NULL}, NULL,
	"Total user and system CPU time spent in seconds."},
    [STAT_RESIDENT_BYTES] = {"process_resident_memory_bytes", GAUGE, {NULL},
	NULL, "Resident memory size in bytes."},
    [STAT_VIRTUAL_BYTES] = {"process_virtual_memory_bytes", GAUGE, {NULL}, NULL,
	"Virtual memory size in bytes."},
    [STAT_OPEN_FILES] = {"process_open_fds", GAUGE, {NULL}, NULL,
	"Number of open file descriptors."},
    [STAT_MAX_FILES] = {"process_max_fds", GAUGE, {NULL}, NULL,
	"Maximum number of open file descriptors."},
    [STAT_STARTED_AT] = {"process_start_time_seconds", GAUGE, {NULL}, NULL,
	"Start time of the process since unix epoch in seconds."},
};

struct series {
	char *labels[2];
	double value, later;
};

static struct values {
	struct series *list;
	int count, cap;
} values[STATS];

static struct series *
add(struct values *v, const char *label, size_t len, const char *label2)
{
	v->list = list_room(v->list, v->count, &v->cap, sizeof *v->list);
	v->list[v->count] =
	    (struct series){.labels = {xstrndup(label, len), xstrdup(label2)}};
	return &v->list[v->count++];
}

/* The values that are known beforehand. */
static struct values *
started(enum stats_what stat)
{
	struct values *v = &values[stat];
	const char *p = families[stat].known;

	if (v->count > 0 || p == NULL)
		return v;
	do {
		size_t len = strcspn(p, " ");

		add(v, p, len, "");
		p += len + (p[len] == ' ');
	} while (*p != '\0');
	return v;
}

static struct series *
find(enum stats_what stat, const char *label, const char *label2)
{
	struct values *v = started(stat);

	for (int i = 0; i < v->count; i++)
		if (strcmp(v->list[i].labels[0], label) == 0 &&
		    strcmp(v->list[i].labels[1], label2) == 0)
			return &v->list[i];
	return add(v, label, strlen(label), label2);
}

void
stats_count(
    enum stats_what stat, const char *label, const char *label2, double n)
{
	find(stat, label, label2)->value += n;
}

void
stats_count_later(
    enum stats_what stat, const char *label, const char *label2, double n)
{
	find(stat, label, label2)->later += n;
}

void
stats_set(
    enum stats_what stat, const char *label, const char *label2, double value)
{
	find(stat, label, label2)->value = value;
}

void
stats_clear(enum stats_what stat)
{
	struct values *v = &values[stat];

	while (v->count > 0) {
		free(v->list[--v->count].labels[0]);
		free(v->list[v->count].labels[1]);
	}
}

/* The turn is over: what it counted is taken over, or dropped. */
static void
settle(bool is_true)
{
	for (int i = 0; i < STATS; i++)
		for (int k = 0; k < values[i].count; k++) {
			struct series *s = &values[i].list[k];

			if (is_true)
				s->value += s->later;
			s->later = 0;
		}
}

void
stats_commit(void)
{
	settle(true);
}

void
stats_rollback(void)
{
	settle(false);
}

/* -------------------------------------------------------------- durations */

static const double bounds[] = {
    .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10};
#define BOUNDS (int)(sizeof bounds / sizeof bounds[0])

static struct histogram {
	const char *name, *help;
	int64_t
	    counts[BOUNDS + 1]; /* each its own; the last: over all bounds */
	double sum;
} times[STAT_TIMES] = {
    [STAT_TURN] = {.name = "nudge_turn_duration_seconds",
	.help = "Turns of the loop: gather, decide, commit, act."},
    [STAT_COMMIT] = {.name = "nudge_commit_duration_seconds",
	.help = "Commits of the store."},
};

void
stats_observe(enum stat_time which, double seconds)
{
	struct histogram *h = &times[which];
	int i = 0;

	while (i < BOUNDS && seconds > bounds[i])
		i++;
	h->counts[i]++;
	h->sum += seconds;
}

int64_t
stats_time(enum stat_time which, double *seconds)
{
	int64_t count = 0;

	for (int i = 0; i <= BOUNDS; i++)
		count += times[which].counts[i];
	*seconds = times[which].sum;
	return count;
}

/* ---------------------------------------------------------------- writing */

static void
write_head(
    struct buf *out, const char *name, const char *type, const char *help)
{
	buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void
write_label(struct buf *out, const char *name, const char *value, char before)
{
	if (name == NULL)
		return;
	buf_addf(out, "%c%s=\"", before, name);
	for (; *value != '\0'; value++) {
		if (*value == '\\' || *value == '"')
			buf_addc(out, '\\');
		if (*value == '\n')
			buf_adds(out, "\\n");
		else
			buf_addc(out, *value);
	}
	buf_addc(out, '"');
}

static void
write_family(struct buf *out, enum stats_what stat)
{
	const struct family *f = &families[stat];
	const struct values *v = started(stat);

	if (v->count == 0)
		return;
	write_head(
	    out, f->name, f->kind == COUNTER ? "counter" : "gauge", f->help);
	for (int i = 0; i < v->count; i++) {
		buf_adds(out, f->name);
		write_label(out, f->labels[0], v->list[i].labels[0], '{');
		write_label(out, f->labels[1], v->list[i].labels[1], ',');
		buf_addf(out, "%s %.15g\n", f->labels[0] != NULL ? "}" : "",
		    v->list[i].value);
	}
}

static void
write_histogram(struct buf *out, const struct histogram *h)
{
	int64_t below = 0;

	write_head(out, h->name, "histogram", h->help);
	for (int i = 0; i < BOUNDS; i++) {
		below += h->counts[i];
		buf_addf(out, "%s_bucket{le=\"%g\"} %lld\n", h->name, bounds[i],
		    (long long)below);
	}
	below += h->counts[BOUNDS];
	buf_addf(out,
	    "%s_bucket{le=\"+Inf\"} %lld\n%s_sum %.9g\n%s_count %lld\n",
	    h->name, (long long)below, h->name, h->sum, h->name,
	    (long long)below);
}

void
stats_write(struct buf *out)
{
	for (int i = 0; i < STATS; i++)
		write_family(out, (enum stats_what)i);
	for (int i = 0; i < STAT_TIMES; i++)
		write_histogram(out, &times[i]);
}
