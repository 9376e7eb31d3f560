/* SPDX-License-Identifier: MIT */
/*
 * gate - the last look before a message is sent (conventions of the field: an
 * exit counts up to the moment of sending). When in doubt nobody is written to:
 * an exit that cannot be evaluated keeps the message back.
 */
#include <string.h>

#include "sequences/look.h"

/* A pause can be ended by hand: a waiting message looks again this often. */
#define PAUSE_LOOK_MS ((int64_t)60 * 60 * 1000)
/* What has gone may come back: it may be another copy on its way in. */
#define GONE_LOOK_MS	 ((int64_t)60 * 1000)
#define GONE_PATIENCE_MS ((int64_t)7 * 24 * 60 * 60 * 1000)

static struct engine_answer
answer_skip(const char *reason)
{
	struct engine_answer a = {.gate = ENGINE_SKIP};

	reason_set(a.reason, "%s", reason);
	return a;
}

/* Still in this entry, or left it by its end. */
static bool
is_inside(const struct subject *s, const struct engine_message *m)
{
	const struct place *p = subject_place(s, m->sequence);
	const struct past *past = subject_past(s, m->sequence);

	if (p != NULL)
		return p->entry == m->entry;
	return past != NULL && past->entries == m->entry && past->is_finished;
}

/* Does an exit hold now? Then the reason says which. */
static bool
has_exit(const struct sequence *q, struct engine_scope *scope,
    char reason[REASON_SIZE])
{
	struct look l = {.scope = *scope};
	bool holds = false;

	for (int i = 0; i < q->exit.n && !holds; i++) {
		if (q->exit.list[i].kind != TRIGGER_CONDITION)
			continue;
		holds = look_holds(&l, q->exit.list[i].condition, reason) ||
			l.failed;
	}
	*scope = l.scope;
	return holds;
}

static struct engine_answer
wait_or_skip(const struct engine_message *m, int64_t until_ms, const char *what)
{
	struct engine_answer a = {.gate = ENGINE_WAIT, .until_ms = until_ms};

	if (m->expires_at_ms != 0 && until_ms > m->expires_at_ms) {
		a.gate = ENGINE_SKIP;
		reason_set(a.reason, "%s until after it expires", what);
	} else {
		reason_set(a.reason, "%s", what);
	}
	return a;
}

static struct engine_answer
check_pause(
    const struct place *p, const struct engine_message *m, int64_t now_ms)
{
	int64_t until = p->paused_until_ms;

	if (until - now_ms > PAUSE_LOOK_MS)
		until = now_ms + PAUSE_LOOK_MS;
	return wait_or_skip(m, until, "paused");
}

struct engine_answer
engine_await(const struct engine_message *m, int64_t now_ms, const char *what)
{
	struct engine_answer a = {.until_ms = now_ms + GONE_LOOK_MS};
	int64_t end = m->expires_at_ms != 0
			  ? m->expires_at_ms
			  : m->created_at_ms + GONE_PATIENCE_MS;

	a.gate = a.until_ms <= end ? ENGINE_WAIT : ENGINE_SKIP;
	reason_set(a.reason, "%s", what);
	return a;
}

struct engine_answer
engine_gate(const struct rules *rules, const struct subject *s,
    const struct subject *account, const struct engine_message *m,
    int64_t now_ms)
{
	const struct place *p = subject_place(s, m->sequence);
	int version = p != NULL && p->entry == m->entry ? p->version : 0;
	const struct sequence *q;
	const struct step *step =
	    place_find_step(rules, m->sequence, version, m->step, &q);
	struct engine_scope scope = {.rules = rules,
	    .subject = s,
	    .account = account,
	    .now_ms = now_ms,
	    .zone = engine_zone(rules, s, account),
	    .place = p};
	char reason[REASON_SIZE];
	int64_t opens;
	bool exits;

	if (step == NULL)
		return engine_await(m, now_ms, "the step is no longer defined");
	if (!is_inside(s, m))
		return answer_skip("no longer in the sequence");
	exits = has_exit(q, &scope, reason);
	engine_scope_free(&scope);
	if (exits)
		return answer_skip(reason);
	if (m->expires_at_ms != 0 && now_ms > m->expires_at_ms)
		return answer_skip("expired");
	if (p != NULL && p->paused_until_ms > now_ms)
		return check_pause(p, m, now_ms);
	opens = step_opens(q, step, scope.zone, now_ms);
	if (opens > now_ms)
		return wait_or_skip(m, opens, "outside its window");
	return (struct engine_answer){.gate = ENGINE_GO};
}
