/* SPDX-License-Identifier: MIT */
/* decision - what the engine decided, and why, in words. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "sequences/turn.h"
#include "templates/date.h"
#include "templates/mem.h"

const char *
decision_name(enum decision_what what)
{
	static const char *const names[] = {
	    [DECISION_ENTERED] = "entered",
	    [DECISION_REFUSED] = "refused",
	    [DECISION_SEND] = "send",
	    [DECISION_SKIPPED] = "skipped",
	    [DECISION_PAUSED] = "paused",
	    [DECISION_RESUMED] = "resumed",
	    [DECISION_EXITED] = "exited",
	    [DECISION_GOAL] = "goal",
	    [DECISION_FINISHED] = "finished",
	};

	return names[what];
}

static void
outgoing_free(struct outgoing *send)
{
	if (send == NULL)
		return;
	free(send->template_name);
	free(send->recipient);
	free(send->topic);
	json_decref(send->event);
	free(send);
}

void
decisions_clear(struct decisions *d)
{
	for (int i = 0; i < d->count; i++)
		outgoing_free(d->list[i].send);
	d->count = 0;
}

void
decisions_free(struct decisions *d)
{
	decisions_clear(d);
	free(d->list);
	*d = (struct decisions){0};
}

static void
reason_print(char reason[REASON_SIZE], const char *fmt, va_list ap)
{
	int len = vsnprintf(reason, REASON_SIZE, fmt, ap);

	if (len < (int)REASON_SIZE)
		return;
	/* Back to the beginning of the character that was cut. */
	for (len = REASON_SIZE - 1; (reason[len - 1] & 0xc0) == 0x80;)
		len--;
	if ((reason[len - 1] & 0x80) != 0)
		reason[len - 1] = '\0';
}

void
reason_set(char reason[REASON_SIZE], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	reason_print(reason, fmt, ap);
	va_end(ap);
}

struct decision *
turn_decide(struct turn *t, enum decision_what what, const struct sequence *q,
    int entry, const struct step *step, const char *fmt, ...)
{
	struct decisions *d = t->out;
	struct decision *last;
	va_list ap;

	if (d->count == d->cap) {
		d->cap = d->cap > 0 ? d->cap * 2 : 8;
		d->list = xrealloc(d->list, (size_t)d->cap * sizeof *d->list);
	}
	last = &d->list[d->count++];
	last->what = what;
	last->sequence = q->name;
	last->entry = entry;
	last->step = step != NULL ? step->id : NULL;
	last->send = NULL;
	va_start(ap, fmt);
	reason_print(last->reason, fmt, ap);
	va_end(ap);
	return last;
}

bool
turn_holds(struct turn *t, const struct condition *c, char reason[REASON_SIZE])
{
	struct buf text = {0};
	struct error e;
	int holds = condition_test(c, &t->scope, &e);

	reason[0] = '\0';
	if (holds < 0) {
		t->failed = true;
		reason_set(reason, "cannot be decided: %s", e.text);
	} else if (c != NULL) {
		condition_explain(c, &t->scope, holds, &text);
		reason_set(reason, "%s", buf_str(&text));
		buf_free(&text);
	}
	return holds > 0;
}

bool
turn_tests(struct turn *t, const struct condition *c)
{
	struct error e;
	int holds = condition_test(c, &t->scope, &e);

	if (holds < 0)
		t->failed = true;
	return holds > 0;
}

const char *
turn_time(const struct turn *t, int64_t ms, char out[TIME_TEXT_SIZE])
{
	return date_rfc3339_in(ms, t->scope.zone, out, TIME_TEXT_SIZE);
}
