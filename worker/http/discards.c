/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "templates/time/date.h"
#include "templates/mem.h"
#include "worker/http/discards.h"
#include "worker/log.h"
#include "worker/telemetry/stats.h"

#define LOG_EVERY_MS 60000 /* whatever clients send */

/* Texts of any length come in; so much of them is kept. */
struct discard {
	int64_t at_ms;
	enum segment_discard reason;
	int place; /* -1: of no event */
	char type[16], message_id[101], user_id[101], anonymous_id[101];
};

struct discards {
	struct discard list[DISCARDS_KEPT]; /* a ring */
	int64_t count;			    /* ever; the next one's place */
	int64_t counts[DISCARD_REASONS];
	int64_t logged_ms;
};

struct discards *
discards_new(void)
{
	return xcalloc(1, sizeof(struct discards));
}

void
discards_free(struct discards *d)
{
	free(d);
}

static struct discard *
add(struct discards *d, enum segment_discard reason, int64_t now_ms)
{
	struct discard *one = &d->list[d->count++ % DISCARDS_KEPT];

	*one = (struct discard){.at_ms = now_ms, .reason = reason, .place = -1};
	d->counts[reason]++;
	stats_count(STAT_DISCARDED, segment_discard_name(reason), "", 1);
	return one;
}

void
discards_add(
    struct discards *d, const struct segment_batch *batch, int64_t now_ms)
{
	for (int i = 0; i < batch->n_discarded; i++) {
		const struct segment_discarded *from = &batch->discarded[i];
		struct discard *one = add(d, from->reason, now_ms);

		one->place = from->place;
		snprintf(one->type, sizeof one->type, "%s", from->type);
		snprintf(one->message_id, sizeof one->message_id, "%s",
		    from->message_id);
		snprintf(
		    one->user_id, sizeof one->user_id, "%s", from->user_id);
		snprintf(one->anonymous_id, sizeof one->anonymous_id, "%s",
		    from->anonymous_id);
	}
	if (batch->n_discarded == 0 || now_ms - d->logged_ms < LOG_EVERY_MS)
		return;
	d->logged_ms = now_ms;
	log_warn("events were left out: %s, and maybe more; see nudge "
		 "discarded",
	    segment_discard_name(batch->discarded[0].reason));
}

void
discards_add_request(struct discards *d, int status, int64_t now_ms)
{
	add(d,
	    status == 401   ? DISCARD_INVALID_KEY
	    : status == 413 ? DISCARD_TOO_LARGE
			    : DISCARD_INVALID_REQUEST,
	    now_ms);
}

/* A text cut within a character is no JSON string: then without its end. */
static void
put_text(json_t *row, const char *name, const char *text)
{
	json_t *value = json_string(text);

	for (size_t len = strlen(text); value == NULL && len > 0; len--)
		value = json_stringn(text, len - 1);
	if (text[0] != '\0')
		json_object_set_new(row, name, value);
	else
		json_decref(value);
}

static json_t *
row_of(const struct discard *one)
{
	char at[32];
	json_t *row = json_pack("{s:s,s:s}", "at",
	    date_rfc3339(one->at_ms, at, sizeof at), "reason",
	    segment_discard_name(one->reason));

	if (one->place >= 0)
		json_object_set_new(row, "place", json_integer(one->place));
	put_text(row, "type", one->type);
	put_text(row, "message_id", one->message_id);
	put_text(row, "user_id", one->user_id);
	put_text(row, "anonymous_id", one->anonymous_id);
	return row;
}

json_t *
discards_list(const struct discards *d)
{
	json_t *list = json_array(), *counts = json_object();
	int64_t oldest =
	    d->count > DISCARDS_KEPT ? d->count - DISCARDS_KEPT : 0;

	for (int64_t i = d->count - 1; i >= oldest; i--)
		json_array_append_new(
		    list, row_of(&d->list[i % DISCARDS_KEPT]));
	for (int i = 0; i < DISCARD_REASONS; i++)
		json_object_set_new(counts,
		    segment_discard_name((enum segment_discard)i),
		    json_integer(d->counts[i]));
	return json_pack("{s:o,s:o}", "discarded", list, "counts", counts);
}
