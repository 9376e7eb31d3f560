/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sequences/look.h"
#include "templates/time/date.h"
#include "templates/mem.h"

struct look
look_begin(const struct rules *rules, struct subject *subject,
    const struct subject *account, int64_t now_ms, struct decisions *out)
{
	return (struct look){.rules = rules,
	    .subject = subject,
	    .now_ms = now_ms,
	    .scope = {.rules = rules,
		.subject = subject,
		.account = account,
		.now_ms = now_ms,
		.zone = engine_zone(rules, subject, account)},
	    .out = out};
}

int
look_end(struct look *l)
{
	struct subject *s = l->subject;

	subject_set_wake(s, metrics_next_change(l->rules->metrics, s,
				l->rules->watched[s->kind], l->now_ms));
	engine_scope_free(&l->scope);
	return l->failed ? -1 : 0;
}

int64_t
look_event_time(const struct look *l, const struct event *event)
{
	return event == NULL || event->at_ms > l->now_ms ? l->now_ms
							 : event->at_ms;
}

bool
look_is_before(const struct look *l, int64_t ms, int64_t remembered_ms)
{
	return ms < remembered_ms && remembered_ms <= l->now_ms;
}

static void __attribute__((format(printf, 2, 0)))
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
look_decide(struct look *l, enum decision_what what, const struct sequence *q,
    int entry, const struct step *step, const char *fmt, ...)
{
	struct decisions *d = l->out;
	struct decision *last;
	va_list ap;

	d->list = list_room(d->list, d->count, &d->cap, sizeof *d->list);
	last = &d->list[d->count++];
	last->what = what;
	last->for_account = l->subject->kind == SUBJECT_ACCOUNT;
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
look_holds(struct look *l, const struct condition *c, char reason[REASON_SIZE])
{
	struct buf text = {0};
	struct error e;
	int holds = condition_test(c, &l->scope, &e);

	reason[0] = '\0';
	if (holds < 0) {
		l->failed = true;
		reason_set(reason, "cannot be decided: %s", e.text);
	} else if (c != NULL) {
		condition_explain(c, &l->scope, holds, &text);
		reason_set(reason, "%s", buf_str(&text));
		buf_free(&text);
	}
	return holds > 0;
}

bool
look_tests(struct look *l, const struct condition *c)
{
	struct error e;
	int holds = condition_test(c, &l->scope, &e);

	if (holds < 0)
		l->failed = true;
	return holds > 0;
}

const char *
look_time(const struct look *l, int64_t ms, char out[TIME_TEXT_SIZE])
{
	return date_rfc3339_in(ms, l->scope.zone, out, TIME_TEXT_SIZE);
}

/* The end of the year 9999. */
#define MS_MAX INT64_C(253402300799000)

int
look_moment(const struct look *l, json_t *value, int64_t *ms)
{
	const char *text = json_string_value(value);
	double n = json_number_value(value);
	struct date date = {0};

	if (text != NULL && text[strcspn(text, "0123456789")] != '\0' &&
	    date_parse(text, strlen(text), l->scope.zone, l->now_ms, &date) ==
		0)
		*ms = date.ms;
	else if (n > 0 && n <= (double)MS_MAX)
		*ms = (int64_t)(n > 1e11 ? n : n * 1000);
	else
		return -1;
	return 0;
}

int
look_date(struct look *l, const struct liquid_value *date, int64_t *ms)
{
	struct liquid_scope liquid = {.lookup = engine_scope_lookup,
	    .arg = &l->scope,
	    .now_ms = l->now_ms,
	    .zone = l->scope.zone,
	    .undefined_is_nil = true};
	struct error ignored;
	json_t *value = liquid_value_eval(date, &liquid, &ignored);
	int rc = look_moment(l, value, ms);

	json_decref(value);
	return rc;
}

bool
look_would_exit(
    struct look *l, const struct sequence *q, char reason[REASON_SIZE])
{
	for (int i = 0; i < q->exit.n; i++) {
		const struct trigger *exit = &q->exit.list[i];
		char why[REASON_SIZE];

		if (exit->kind != TRIGGER_CONDITION ||
		    !look_holds(l, exit->condition, why))
			continue;
		reason_set(reason, "would leave at once: %s", why);
		return true;
	}
	return false;
}
