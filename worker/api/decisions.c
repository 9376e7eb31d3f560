/* SPDX-License-Identifier: MIT */
/*
 * decisions - what operators did, with who and why. What is about a person or
 * an account is in its log; the rest, of channels and of who was forgotten, is
 * in that of QUEUE_NOBODY.
 */
#include <stdio.h>

#include "worker/api/calls.h"
#include "worker/telemetry/stats.h"

const char *
api_reason(const struct api_call *call, char out[API_REASON_SIZE])
{
	const char *actor = api_text(call, "actor");
	const char *note = api_text(call, "note");

	snprintf(out, API_REASON_SIZE, "by %s%s%s",
	    actor[0] != '\0' ? actor : "an operator",
	    note[0] != '\0' ? ": " : "", note);
	return out;
}

int
api_decide(struct turn *t, const struct api_call *call,
    const struct queue_decision *what)
{
	struct queue_decision row = *what;
	char reason[API_REASON_SIZE];

	row.at_ms = t->now_ms;
	row.reason = api_reason(call, reason);
	stats_count_later(STAT_DECISIONS, row.what, "", 1);
	return queue_decisions_add(t->queue, &row, 1);
}

json_t *
decision_value(const struct queue_decision *d)
{
	return json_pack("{s:o,s:s,s:o,s:o,s:o}", "at", time_value(d->at_ms),
	    "what", d->what, "sequence", text_value(d->sequence), "step",
	    text_value(d->step), "reason", text_value(d->reason));
}

/* Those about nobody, newest first. */
int
decisions_list(struct turn *t, struct api_call *call, const struct api_match *m)
{
	static struct queue_decision rows[API_PAGE_MAX];
	int limit = api_limit(call);
	json_t *list = json_array();
	int n = queue_decisions_of(
	    t->queue, QUEUE_NOBODY, api_cursor(call), rows, limit);

	for (int i = 0; i < n; i++)
		json_array_append_new(
		    list, json_pack("{s:o,s:s,s:o,s:s}", "at",
			      time_value(rows[i].at_ms), "what", rows[i].what,
			      "channel", text_value(rows[i].step), "reason",
			      rows[i].reason));
	api_answer(call, json_pack("{s:o}", "decisions", list));
	if (n > 0)
		api_set_cursor(call->reply, n, limit, rows[n - 1].id);
	return n < 0 ? -1 : 0;
}
