/* SPDX-License-Identifier: MIT */
/*
 * policy - what a verdict means for its message. The only place that knows.
 *
 * A message whose last outcome is unknown and that cannot be tried again ends
 * as `unsure`, never as refused or expired: those two promise that it did not
 * arrive.
 */
#include <stdio.h>

#include "worker/delivery/policy.h"

#define RELEASED_MS 1000 /* until a message that was never tried is offered */

/* FNV-1a of key and attempt, its bits mixed once more for the modulo. */
static uint64_t
hash(const char *key, int attempt)
{
	uint64_t h = 0xcbf29ce484222325u ^ (uint64_t)attempt;

	for (; *key != '\0'; key++)
		h = (h ^ (unsigned char)*key) * 0x100000001b3u;
	return h ^ h >> 32;
}

static int64_t
backoff(const struct policy_input *in)
{
	int64_t wait = in->first_ms;

	for (int i = 1; i < in->attempts && wait < in->longest_ms; i++)
		wait = wait > in->longest_ms / 2 ? in->longest_ms : wait * 2;
	if (wait > in->longest_ms)
		wait = in->longest_ms;
	return wait - (int64_t)(hash(in->key, in->attempts) %
				((uint64_t)wait / 4 + 1));
}

/* "gave up after 3 attempts: 451 4.7.1 try again later" */
static void
become(struct policy_output *out, enum queue_state state, const char *what,
    const struct verdict *v)
{
	char code[12] = "";
	const char *words[] = {code, v->enhanced_status, v->text};
	const char *between = *what != '\0' ? ": " : "";
	int len = snprintf(out->reason, sizeof out->reason, "%s", what);

	out->state = state;
	if (v->code != 0)
		snprintf(code, sizeof code, "%d", v->code);
	for (int i = 0; i < 3; i++) {
		if (*words[i] == '\0')
			continue;
		len += snprintf(out->reason + len,
		    sizeof out->reason - (size_t)len, "%s%s", between,
		    words[i]);
		between = " ";
	}
}

_Static_assert(sizeof((struct policy_output *)NULL)->reason >=
		   sizeof((struct verdict *)NULL)->text + 80,
    "a reason has room for both");

/* Queued again, unless that would be one too many or too late. */
static void
again(struct policy_output *out, const struct policy_input *in, int64_t wait,
    const char *what)
{
	const struct verdict *v = in->verdict;
	bool unsure = v->what == VERDICT_UNSURE;
	char gave_up[48];

	if (v->retry_after_ms > wait)
		wait = v->retry_after_ms;
	if (wait > INT64_MAX - in->now_ms)
		wait = INT64_MAX - in->now_ms;
	out->next_at_ms = in->now_ms + wait;
	if (v->what != VERDICT_RELEASED && in->attempts >= in->max_attempts) {
		snprintf(gave_up, sizeof gave_up, "gave up after %d attempt%s",
		    in->attempts, in->attempts == 1 ? "" : "s");
		become(out, unsure ? QUEUE_UNSURE : QUEUE_REFUSED, gave_up, v);
	} else if (in->expires_at_ms != 0 &&
		   out->next_at_ms > in->expires_at_ms) {
		become(out, unsure ? QUEUE_UNSURE : QUEUE_EXPIRED,
		    "too late for another attempt", v);
	} else {
		become(out, QUEUE_QUEUED, what, v);
		return;
	}
	out->next_at_ms = 0;
}

struct policy_output
policy_decide(const struct policy_input *in)
{
	const struct verdict *v = in->verdict;
	struct policy_output out = {.attempts = in->attempts};

	switch (v->what) {
	case VERDICT_SENT:
		become(&out, QUEUE_SENT, "", v);
		break;
	case VERDICT_RETRY:
		again(&out, in, backoff(in), "to be tried again");
		break;
	case VERDICT_REFUSED:
		become(&out, QUEUE_REFUSED, "", v);
		break;
	case VERDICT_UNSURE:
		if (in->unsure_hold)
			become(&out, QUEUE_UNSURE, "outcome unknown", v);
		else
			again(&out, in, backoff(in),
			    "outcome unknown, to be tried again");
		break;
	case VERDICT_HELD:
		become(&out, QUEUE_HELD_BACK, "", v);
		break;
	case VERDICT_SKIPPED:
		become(&out, QUEUE_SKIPPED, "", v);
		break;
	case VERDICT_RELEASED:
		out.attempts--;
		again(&out, in, v->retry_after_ms > 0 ? 0 : RELEASED_MS, "");
		break;
	}
	return out;
}
