/* SPDX-License-Identifier: MIT */
/* decisions - why each subject got what it got: appended, never changed. */
#include "queue/sqlite.h"

int
queue_decisions_add(
    struct queue *q, const struct queue_decision *decisions, int n)
{
	sqlite3_stmt *st = statement(q, DECISION_ADD);

	if (st == NULL)
		return -1;
	for (int i = 0; i < n; i++) {
		const struct queue_decision *d = &decisions[i];
		put_int(st, 1, d->subject);
		put_int(st, 2, d->at_ms);
		put_text(st, 3, d->sequence);
		put_int(st, 4, d->entry);
		put_text(st, 5, d->step);
		put_text(st, 6, d->what);
		put_text(st, 7, d->reason);
		put_text(st, 8, d->values);
		if (statement_run(q, st) != 0)
			return -1;
	}
	return 0;
}

int
queue_decisions_of(struct queue *q, int64_t subject, int64_t before,
    struct queue_decision *out, int max)
{
	sqlite3_stmt *st = statement(q, DECISIONS_OF);
	int n = 0, more = 0;

	if (st == NULL)
		return -1;
	put_int(st, 1, subject);
	put_int(st, 2, before != 0 ? before : INT64_MAX);
	put_int(st, 3, max);
	while (n < max && (more = statement_step(q, st)) == 1)
		out[n++] = (struct queue_decision){
		    .id = get_int(st, 0),
		    .subject = get_int(st, 1),
		    .at_ms = get_int(st, 2),
		    .sequence = get_text(q, st, 3),
		    .entry = (int)get_int(st, 4),
		    .step = get_text(q, st, 5),
		    .what = get_text(q, st, 6),
		    .reason = get_text(q, st, 7),
		    .values = get_text(q, st, 8),
		};
	sqlite3_reset(st);
	return more < 0 ? -1 : n;
}
