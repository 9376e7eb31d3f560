/* SPDX-License-Identifier: MIT */
/*
 * timeline - which fact meets which expectation is a matching: as many
 * expectations as can be are met, in whatever order they were written. What is
 * left over is paired by likeness, so that a reader sees it on one line.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "templates/time/date.h"
#include "worker/scenario/timeline.h"
#include "worker/turn/turn.h"

#define NOBODY (-1)
#define PAIRED (-2) /* shown beside an expectation that it does not meet */

/* Facts are what was sent and, after these, what was decided. */
struct judging {
	struct timeline *out;
	const struct scenario *scenario;
	const struct vocabulary *known;
	const struct rehearsal *happened;
	int n_facts;
	int *fact_of; /* by expectation; or NOBODY */
	int *met_by;  /* by fact: an expectation, NOBODY or PAIRED */
	bool *seen;   /* facts, while one expectation is being placed */
};

static const char *__attribute__((format(printf, 2, 3)))
format(struct timeline *t, const char *fmt, ...)
{
	const char *kept;
	char *text;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (len < 0)
		abort();
	kept = arena_strndup(&t->arena, text, (size_t)len);
	free(text);
	return kept;
}

char *
timeline_time(int64_t ms, const struct zone *zone, char *out, size_t size)
{
	struct civil c = zone_civil(zone, ms / 1000);
	int n = snprintf(out, size, "%.3s %02d %02d:%02d",
	    date_months[c.month - 1], c.day, c.hour, c.minute);

	if (c.second != 0)
		snprintf(out + n, size - (size_t)n, ":%02d", c.second);
	return out;
}

/* A row in its place by time, after those of the same time. */
static void
add_row(struct timeline *t, const struct row *row)
{
	int i = t->n;

	t->rows = list_room(t->rows, t->n++, &t->cap, sizeof *t->rows);
	for (; i > 0 && t->rows[i - 1].at_ms > row->at_ms; i--)
		t->rows[i] = t->rows[i - 1];
	t->rows[i] = *row;
	if (row->mark == MARK_FAILED)
		t->has_failed = true;
}

/* --------------------------------------------------------------- matching */

/* Does it go to the user whose message it is? */
static bool
is_own(const struct sent *sent)
{
	return sent->actor != NULL && sent->actor->kind == SUBJECT_USER &&
	       (strcmp(sent->recipient, "user") == 0 ||
		   strcmp(sent->recipient, RECIPIENT_MEMBER) == 0);
}

static bool
goes_to(const struct sent *sent, const char *to)
{
	return strcasecmp(sent->address, to) == 0 ||
	       strcmp(sent->recipient, to) == 0 ||
	       (is_own(sent) && strcmp(sent->actor->id, to) == 0);
}

static bool
fits_sent(const struct expectation *e, const struct sent *sent)
{
	if (e->kind == EXPECT_SKIPPED)
		return sent->problem != NULL && !sent->is_held &&
		       strcmp(sent->step, e->name) == 0 &&
		       (e->because == NULL ||
			   strstr(sent->problem, e->because) != NULL);
	return e->kind == EXPECT_SEND && sent->problem == NULL &&
	       strcmp(sent->template_name, e->name) == 0 &&
	       (e->at_ms == 0 || e->at_ms == sent->at_ms) &&
	       (e->to == NULL || goes_to(sent, e->to)) &&
	       (e->contains == NULL || sent_says(sent, e->contains));
}

/* What the decision log calls it. */
static const char *
what_of(const struct expectation *e)
{
	return e->kind == EXPECT_ENTERED  ? "entered"
	       : e->kind == EXPECT_EXITED ? "exited"
					  : "skipped";
}

static bool
fits_noted(const struct expectation *e, const struct noted *n)
{
	bool is_step = e->kind == EXPECT_SKIPPED;

	if (e->kind == EXPECT_SEND || e->kind == EXPECT_METRIC)
		return false;
	return strcmp(n->what, what_of(e)) == 0 &&
	       strcmp(is_step ? n->step : n->sequence, e->name) == 0 &&
	       (e->sequence == NULL || strcmp(n->sequence, e->sequence) == 0) &&
	       (e->actor == NULL || e->actor == n->actor) &&
	       (e->at_ms == 0 || e->at_ms == n->at_ms) &&
	       (e->because == NULL || strstr(n->reason, e->because) != NULL);
}

static bool
fits(const struct judging *j, const struct expectation *e, int fact)
{
	const struct rehearsal *r = j->happened;

	return fact < r->n_sent ? fits_sent(e, &r->sent[fact])
				: fits_noted(e, &r->noted[fact - r->n_sent]);
}

/* Finds a fact for it, moving earlier ones to other facts where they must. */
static bool
place(struct judging *j, int expectation)
{
	const struct expectation *e = &j->scenario->expected[expectation];

	for (int f = 0; f < j->n_facts; f++) {
		if (j->seen[f] || !fits(j, e, f))
			continue;
		j->seen[f] = true;
		if (j->met_by[f] == NOBODY || place(j, j->met_by[f])) {
			j->met_by[f] = expectation;
			j->fact_of[expectation] = f;
			return true;
		}
	}
	return false;
}

static void
match(struct judging *j)
{
	for (int f = 0; f < j->n_facts; f++)
		j->met_by[f] = NOBODY;
	for (int i = 0; i < j->scenario->n_expected; i++) {
		memset(j->seen, 0, (size_t)j->n_facts * sizeof *j->seen);
		j->fact_of[i] = NOBODY;
		place(j, i);
	}
}

/*
 * Something sent that nobody expected and that may have been meant: the same
 * template, or the same time.
 */
static const struct sent *
likest(struct judging *j, const struct expectation *e)
{
	const struct rehearsal *r = j->happened;
	int best = NOBODY;

	for (int f = 0; f < r->n_sent; f++) {
		bool same = strcmp(r->sent[f].template_name, e->name) == 0;
		bool then = e->at_ms == r->sent[f].at_ms;

		if (j->met_by[f] != NOBODY)
			continue;
		if (same && (then || e->at_ms == 0)) {
			best = f;
			break;
		}
		if (then && best == NOBODY)
			best = f;
	}
	if (best == NOBODY)
		return NULL;
	j->met_by[best] = PAIRED;
	return &r->sent[best];
}

/* ------------------------------------------------------------------- words */

static const char *
sent_text(struct judging *j, const struct sent *sent)
{
	const char *to = sent->address;

	if (to[0] == '\0')
		to = is_own(sent) ? sent->actor->id : sent->recipient;
	if (strcmp(sent->channel, "email") == 0)
		return format(j->out, "%s to %s", sent->template_name, to);
	return format(
	    j->out, "%s to %s by %s", sent->template_name, to, sent->channel);
}

static const char *
noted_text(struct judging *j, const struct noted *n)
{
	bool is_alone = j->scenario->n_actors == 1;

	return format(j->out, "%s%s%s %s%s%s%s%s", is_alone ? "" : n->actor->id,
	    is_alone ? "" : ": ", n->what, n->sequence,
	    n->step[0] != '\0' ? " " : "", n->step,
	    n->reason[0] != '\0' ? ": " : "", n->reason);
}

/*
 * The decision about a sequence, or one of its steps, that is nearest to a time
 * (0: the newest): the actor's or their account's, or (NULL) anybody's.
 */
static const struct noted *
nearest(const struct judging *j, const char *sequence, const char *step,
    const struct actor *actor, int64_t at_ms)
{
	const struct noted *best = NULL;

	for (int i = 0; i < j->happened->n_noted; i++) {
		const struct noted *n = &j->happened->noted[i];

		if ((sequence != NULL && strcmp(n->sequence, sequence) != 0) ||
		    (step != NULL && strcmp(n->step, step) != 0) ||
		    (actor != NULL && n->actor != actor &&
			n->actor != actor->account))
			continue;
		if (best == NULL || at_ms == 0 ||
		    llabs(n->at_ms - at_ms) <= llabs(best->at_ms - at_ms))
			best = n;
	}
	return best;
}

static const char *
decision_text(struct judging *j, const struct noted *n)
{
	char when[20];

	return format(j->out, "%s %s",
	    timeline_time(n->at_ms, j->scenario->zone, when, sizeof when),
	    noted_text(j, n));
}

/* Why it was sent: what the step says. */
static const char *
why_sent(struct judging *j, const struct sent *sent)
{
	const struct noted *n =
	    nearest(j, sent->sequence, sent->step, sent->actor, sent->at_ms);

	if (sent->problem != NULL)
		return sent->problem;
	return n != NULL ? noted_text(j, n) : NULL;
}

/* What became of the steps that would have sent it. */
static const char *
why_not_sent(struct judging *j, const struct expectation *e)
{
	const struct actor *actor =
	    e->to == NULL ? NULL
			  : scenario_actor(j->scenario, SUBJECT_USER, e->to);
	const char *last = "", *sequences = NULL;

	for (int i = 0; i < j->known->n_known; i++) {
		const struct known_step *k = &j->known->known[i];
		const struct noted *n;

		if (!step_sends(k, e->name))
			continue;
		n = nearest(j, k->sequence, k->id, actor, e->at_ms);
		if (n == NULL || strcmp(n->what, "send") == 0)
			n = nearest(j, k->sequence, NULL, actor, e->at_ms);
		if (n != NULL)
			return decision_text(j, n);
		if (sequences == NULL)
			sequences = k->sequence;
		else if (strcmp(k->sequence, last) != 0)
			sequences =
			    format(j->out, "%s or %s", sequences, k->sequence);
		last = k->sequence;
	}
	if (sequences == NULL)
		return "no step of a sequence sends it";
	return format(j->out, "nobody entered %s", sequences);
}

/* What is wrong with this one for that expectation. */
static const char *
why_other(
    struct judging *j, const struct expectation *e, const struct sent *sent)
{
	if (sent->problem != NULL || strcmp(sent->template_name, e->name) != 0)
		return why_sent(j, sent);
	if (e->contains != NULL && !sent_says(sent, e->contains))
		return format(j->out, "it does not say \"%s\"%s%s%s",
		    e->contains, sent->subject[0] != '\0' ? " (\"" : "",
		    sent->subject, sent->subject[0] != '\0' ? "\")" : "");
	return format(j->out, "it goes to %s", sent->recipient);
}

/* ------------------------------------------------------------------- rows */

static void
judge_send(
    struct judging *j, const struct expectation *e, int fact, int64_t *last_ms)
{
	struct row row = {.mark = MARK_FAILED, .at_ms = e->at_ms};
	const struct sent *sent =
	    fact >= 0 ? &j->happened->sent[fact] : likest(j, e);

	row.expected = e->to == NULL
			   ? e->name
			   : format(j->out, "%s to %s", e->name, e->to);
	if (sent != NULL) {
		row.at_ms = sent->at_ms;
		row.happened = sent_text(j, sent);
	} else if (row.at_ms == 0) {
		row.at_ms = *last_ms;
	}
	if (fact >= 0)
		row.mark = MARK_MET;
	else
		row.why =
		    sent != NULL ? why_other(j, e, sent) : why_not_sent(j, e);
	*last_ms = row.at_ms;
	add_row(j->out, &row);
}

static bool
value_is(json_t *value, json_t *is)
{
	const char *text = json_string_value(value);
	const char *other = json_string_value(is);
	int64_t ms, other_ms;

	if (json_is_number(value) && json_is_number(is)) {
		double a = json_number_value(value), b = json_number_value(is);

		return fabs(a - b) <= 1e-9 * fmax(1, fabs(b));
	}
	if (text != NULL && other != NULL &&
	    date_parse_rfc3339(text, strlen(text), &ms) == 0 &&
	    date_parse_rfc3339(other, strlen(other), &other_ms) == 0)
		return ms == other_ms;
	return json_equal(value, is);
}

static bool
metric_holds(const struct expectation *e, json_t *value)
{
	double number = json_number_value(value);

	return (e->is == NULL || value_is(value, e->is)) &&
	       (e->above == NULL ||
		   (json_is_number(value) &&
		       number > json_number_value(e->above))) &&
	       (e->below == NULL || (json_is_number(value) &&
					number < json_number_value(e->below)));
}

static const char *
value_text(struct judging *j, const char *before, json_t *value)
{
	char *text;
	const char *kept;

	if (value == NULL)
		return "";
	text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
	kept = format(j->out, "%s%s", before, text);
	free(text);
	return kept;
}

static void
judge_metric(struct judging *j, const struct expectation *e, json_t *value)
{
	struct row row = {
	    .at_ms = e->at_ms,
	    .expected = format(j->out, "%s of %s%s%s%s", e->name, e->actor->id,
		value_text(j, " is ", e->is),
		value_text(j, " above ", e->above),
		value_text(j, " below ", e->below)),
	    .happened = value_text(j, "", value),
	    .mark = metric_holds(e, value) ? MARK_MET : MARK_FAILED,
	};

	add_row(j->out, &row);
}

static void
judge_decision(struct judging *j, const struct expectation *e, int fact)
{
	bool is_step = e->kind == EXPECT_SKIPPED;
	const struct rehearsal *r = j->happened;
	struct row row = {
	    .at_ms = e->at_ms,
	    .expected = format(j->out, "%s %s%s%s", what_of(e), e->name,
		e->because != NULL ? ": " : "",
		e->because != NULL ? e->because : ""),
	    .mark = fact >= 0 ? MARK_MET : MARK_FAILED,
	};
	const struct noted *n;

	if (fact >= r->n_sent) {
		n = &r->noted[fact - r->n_sent];
		row.at_ms = n->at_ms;
		row.happened = noted_text(j, n);
	} else if (fact >= 0) {
		row.at_ms = r->sent[fact].at_ms;
		row.happened = r->sent[fact].problem;
	} else {
		n = nearest(j, is_step ? e->sequence : e->name,
		    is_step ? e->name : NULL, e->actor, e->at_ms);
		row.why = n != NULL ? decision_text(j, n)
				    : "nothing was decided about it";
		if (row.at_ms == 0)
			row.at_ms =
			    n != NULL ? n->at_ms : j->scenario->until_ms;
	}
	add_row(j->out, &row);
}

static void
judge_expected(struct judging *j)
{
	int64_t last_ms = j->scenario->first_ms;

	for (int i = 0; i < j->scenario->n_expected; i++) {
		const struct expectation *e = &j->scenario->expected[i];

		if (e->kind == EXPECT_SEND)
			judge_send(j, e, j->fact_of[i], &last_ms);
		else if (e->kind == EXPECT_METRIC)
			judge_metric(j, e, j->happened->values[i]);
		else
			judge_decision(j, e, j->fact_of[i]);
	}
}

static bool
is_forbidden(const struct judging *j, const struct sent *sent)
{
	for (int i = 0; i < j->scenario->n_never; i++)
		if (fits_sent(&j->scenario->never[i], sent))
			return true;
	return false;
}

/* What was sent although nobody expected it, or though it never should be. */
static void
judge_sent(struct judging *j)
{
	for (int f = 0; f < j->happened->n_sent; f++) {
		const struct sent *sent = &j->happened->sent[f];
		bool is_never = is_forbidden(j, sent);
		bool is_stopped = sent->problem != NULL && !sent->is_held;
		struct row row = {.at_ms = sent->at_ms, .mark = MARK_FAILED};

		if (j->met_by[f] != NOBODY && !is_never)
			continue;
		if (is_stopped ||
		    (!is_never && !sent->is_held && !j->scenario->is_complete))
			row.mark = MARK_NONE;
		if (is_never)
			row.expected =
			    format(j->out, "never %s", sent->template_name);
		row.happened = sent_text(j, sent);
		row.why = why_sent(j, sent);
		add_row(j->out, &row);
	}
}

/* The story around it: what people did, and who went where. */
static void
tell(struct judging *j)
{
	static const char *const told[] = {
	    "entered", "exited", "skipped", "paused", "waited", "finished"};
	const struct scenario *s = j->scenario;

	for (int i = 0; i < s->n_happenings; i++) {
		const struct happening *h = &s->happenings[i];
		const char *who =
		    h->account != NULL ? h->account->id : h->user->id;
		struct row row = {.at_ms = h->at_ms};

		row.happened =
		    h->name != NULL
			? format(j->out, "%s: %s", who, h->name)
			: value_text(
			      j, format(j->out, "%s: traits ", who), h->body);
		add_row(j->out, &row);
	}
	for (int i = 0; i < j->happened->n_noted; i++) {
		const struct noted *n = &j->happened->noted[i];
		struct row row = {.at_ms = n->at_ms};

		if (j->met_by[j->happened->n_sent + i] != NOBODY)
			continue;
		for (size_t k = 0; k < sizeof told / sizeof told[0]; k++)
			if (strcmp(n->what, told[k]) == 0)
				row.happened = noted_text(j, n);
		if (row.happened != NULL)
			add_row(j->out, &row);
	}
}

void
timeline_judge(struct timeline *t, const struct scenario *s,
    const struct vocabulary *known, const struct rehearsal *r)
{
	struct judging j = {
	    .out = t,
	    .scenario = s,
	    .known = known,
	    .happened = r,
	    .n_facts = r->n_sent + r->n_noted,
	    .fact_of = xcalloc((size_t)s->n_expected + 1, sizeof(int)),
	};

	*t = (struct timeline){0};
	j.met_by = xcalloc((size_t)j.n_facts + 1, sizeof *j.met_by);
	j.seen = xcalloc((size_t)j.n_facts + 1, sizeof *j.seen);
	match(&j);
	tell(&j);
	judge_expected(&j);
	judge_sent(&j);
	free(j.fact_of);
	free(j.met_by);
	free(j.seen);
}

void
timeline_break(
    struct timeline *t, const struct scenario *s, const struct error *e)
{
	*t = (struct timeline){0};
	add_row(t, &(struct row){
		       .at_ms = s->first_ms,
		       .mark = MARK_FAILED,
		       .why = format(t, "%s", e->text),
		   });
}

void
timeline_free(struct timeline *t)
{
	free(t->rows);
	arena_free(&t->arena);
	*t = (struct timeline){0};
}
