/* SPDX-License-Identifier: MIT */
/*
 * webhook_answer - the channel's own conditions first, then the status:
 * Standard Webhooks 1.0.0, and the words by which Slack says that a webhook is
 * no more (changelog of 2016-05-17).
 */
#include <stdio.h>
#include <string.h>

#include "templates/json_text.h"
#include "templates/utf8.h"
#include "worker/delivery/webhook/webhook_answer.h"

/* ------------------------------------------------ as conditions see it */

struct seen {
	const struct webhook_answer *answer;
	json_t *status, *reply;
};

static json_t *
reply_of(const struct webhook_answer *a)
{
	json_t *reply = json_text_read(a->body, a->len);
	struct buf clean = {0};

	if (reply != NULL)
		return reply;
	utf8_clean(a->body, a->len, &clean);
	reply = json_stringn(buf_str(&clean), clean.len);
	buf_free(&clean);
	return reply;
}

static json_t *
lookup(void *arg, const char *name)
{
	struct seen *seen = arg;

	if (strcmp(name, "status") == 0)
		return seen->status;
	if (strcmp(name, "header") == 0)
		return seen->answer->headers;
	if (strcmp(name, "reply") != 0)
		return NULL;
	if (seen->reply == NULL)
		seen->reply = reply_of(seen->answer);
	return seen->reply;
}

/* A condition that fails (it compares a list with a number) does not hold. */
static bool
holds(const struct liquid_condition *condition, struct seen *seen)
{
	struct liquid_scope scope = {.lookup = lookup, .arg = seen};
	struct error e;

	return condition != NULL &&
	       liquid_condition_test(condition, &scope, &e) == 1;
}

static void
set_provider_id(
    const struct webhook_plan *plan, struct seen *seen, struct verdict *v)
{
	struct liquid_scope scope = {.lookup = lookup, .arg = seen};
	struct buf text = {0};
	struct error e;
	json_t *id;

	if (plan->provider_id == NULL)
		return;
	id = liquid_value_eval(plan->provider_id, &scope, &e);
	if (json_is_string(id))
		buf_adds(&text, json_string_value(id));
	else if (json_is_integer(id))
		json_text_write(id, &text);
	if (text.len < sizeof v->provider_id)
		strcpy(v->provider_id, buf_str(&text));
	buf_free(&text);
	json_decref(id);
}

/* --------------------------------------------------------------- statuses */

static bool
is_success(long status)
{
	return status >= 200 && status < 300;
}

/* 409: an earlier attempt with our key is still at work there. */
static bool
is_temporary(long status)
{
	return status < 400 || status == 408 || status == 409 ||
	       status == 425 || status == 429 || status >= 500;
}

static bool
is_busy(long status)
{
	return status == 429 || status == 502 || status == 503 || status == 504;
}

/* Redirects, and errors of the endpoint's own making. */
static bool
is_odd(long status)
{
	return (status >= 300 && status < 400) ||
	       (status >= 500 && !is_busy(status));
}

/* 410, and what Slack says instead. */
static bool
is_gone(const struct webhook_answer *a)
{
	static const struct {
		long status;
		const char *word;
	} slack[] = {
	    {403, "action_prohibited"},
	    {403, "posting_to_general_channel_denied"},
	    {403, "invalid_token"},
	    {404, "channel_not_found"},
	    {404, "no_service"},
	    {404, "no_team"},
	};

	for (size_t i = 0; i < sizeof slack / sizeof *slack; i++)
		if (a->status == slack[i].status &&
		    a->len == strlen(slack[i].word) &&
		    memcmp(a->body, slack[i].word, a->len) == 0)
			return true;
	return a->status == 410;
}

/* Of the endpoint rather than of what the url's values name. */
static bool
is_denied(const struct webhook_plan *plan, long status)
{
	if (status == 401 || status == 407)
		return !plan->host_varies;
	return plan->url == NULL && (status == 403 || status == 404);
}

void
verdict_set_text(struct verdict *v, const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && n + 1 < sizeof v->text && text[n] != '\0' &&
	       text[n] != '\r' && text[n] != '\n') {
		v->text[n] = text[n] < ' ' || text[n] > '~' ? '?' : text[n];
		n++;
	}
	v->text[n] = '\0';
}

static void
set_text(struct verdict *v, const char *text)
{
	verdict_set_text(v, text, strlen(text));
}

/* ---------------------------------------------------------------- verdicts */

static enum answer_means
refuse(struct verdict *v)
{
	v->what = VERDICT_REFUSED;
	return ANSWER_WORKS;
}

static enum answer_means
try_again(const struct webhook_plan *plan, const struct webhook_answer *a,
    struct verdict *v)
{
	v->what = VERDICT_RETRY;
	v->retry_after_ms = a->retry_after_ms;
	v->slows_channel = is_busy(a->status) && !plan->host_varies;
	return is_odd(a->status) ? ANSWER_ODD : ANSWER_NOTHING;
}

/* It was taken as far as HTTP goes; what the channel makes of that. */
static enum answer_means
judge_success(
    const struct webhook_plan *plan, struct seen *seen, struct verdict *v)
{
	if (plan->success == NULL || holds(plan->success, seen)) {
		v->what = VERDICT_SENT;
		set_provider_id(plan, seen, v);
	} else if (seen->answer->is_cut) {
		v->what = VERDICT_UNSURE;
		set_text(v, "the answer has no end, or is too long to judge");
	} else {
		return refuse(v);
	}
	return ANSWER_WORKS;
}

static enum answer_means
judge_failure(const struct webhook_plan *plan, const struct webhook_answer *a,
    struct verdict *v)
{
	bool gone = plan->url == NULL && is_gone(a);

	if (gone || is_denied(plan, a->status)) {
		v->what = VERDICT_RELEASED;
		return gone ? ANSWER_GONE : ANSWER_DENIED;
	}
	if (!is_temporary(a->status))
		return refuse(v);
	if (a->status < 400)
		set_text(v, "redirects are not followed");
	return try_again(plan, a, v);
}

enum answer_means
webhook_judge(const struct webhook_plan *plan, const struct webhook_answer *a,
    struct verdict *v)
{
	struct seen seen = {.answer = a, .status = json_integer(a->status)};
	enum answer_means means;

	v->code = (int)a->status;
	verdict_set_text(v, a->body, a->len);
	v->address_is_dead = holds(plan->suppress, &seen);
	if (v->address_is_dead || holds(plan->refused, &seen))
		means = refuse(v);
	else if (holds(plan->temporary, &seen))
		means = try_again(plan, a, v);
	else if (is_success(a->status))
		means = judge_success(plan, &seen, v);
	else
		means = judge_failure(plan, a, v);
	json_decref(seen.status);
	json_decref(seen.reply);
	return means;
}
