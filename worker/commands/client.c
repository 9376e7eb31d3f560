/* SPDX-License-Identifier: MIT */
/*
 * client - the operators' interface at a prompt. Whoever holds the store does
 * the work: a worker that runs, over HTTP, or else this process, in a turn of
 * its own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include <curl/curl.h>

#include "templates/buf.h"
#include "worker/api/api.h"
#include "worker/clock.h"
#include "worker/commands/commands.h"
#include "worker/folders.h"
#include "worker/sweep.h"
#include "worker/settings/workspace.h"

char *
path_segment(const char *prefix, const char *id, const char *suffix)
{
	char *escaped = curl_easy_escape(NULL, id, 0);
	struct buf b = {0};

	buf_addf(&b, "%s%s%s", prefix, escaped, suffix);
	curl_free(escaped);
	return buf_steal(&b);
}

char *
query_of(const struct invocation *in, const char *const *names)
{
	struct buf query = {0};

	for (; *names != NULL; names++) {
		const char *value = option(in, *names);
		char *escaped;

		if (value == NULL)
			continue;
		escaped = curl_easy_escape(NULL, value, 0);
		buf_addf(&query, "%s%s=%s", query.len > 0 ? "&" : "", *names,
		    escaped);
		curl_free(escaped);
	}
	buf_adds(&query, "");
	return buf_steal(&query);
}

/* ------------------------------------------------------------ over HTTP */

static size_t
receive(char *bytes, size_t size, size_t n, void *arg)
{
	buf_add(arg, bytes, size * n);
	return size * n;
}

static struct curl_slist *
headers(const char *token, const char *idempotency_key)
{
	struct curl_slist *list =
	    curl_slist_append(NULL, "Content-Type: application/json");
	struct buf b = {0};

	buf_addf(&b, "Authorization: Bearer %s", token);
	list = curl_slist_append(list, b.data);
	if (idempotency_key != NULL) {
		buf_truncate(&b, 0);
		buf_addf(&b, "Idempotency-Key: %s", idempotency_key);
		list = curl_slist_append(list, b.data);
	}
	buf_free(&b);
	return list;
}

static int
over_http(const char *base, const char *token, struct api_call *call,
    const char *idempotency_key)
{
	CURL *curl = curl_easy_init();
	struct curl_slist *list = headers(token, idempotency_key);
	char *body = call->body != NULL ? json_dumps(call->body, 0) : NULL;
	struct buf url = {0}, answer = {0};
	long status = 0;
	CURLcode rc;

	buf_addf(&url, "%s%s%s%s", base, call->path,
	    call->query[0] != '\0' ? "?" : "", call->query);
	curl_easy_setopt(curl, CURLOPT_URL, url.data);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, 30L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
	if (strcmp(call->method, "POST") == 0)
		curl_easy_setopt(
		    curl, CURLOPT_POSTFIELDS, body != NULL ? body : "");
	rc = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	call->status = (int)status;
	call->reply = json_loadb(buf_str(&answer), answer.len, 0, NULL);
	curl_slist_free_all(list);
	curl_easy_cleanup(curl);
	buf_free(&answer);
	buf_free(&url);
	free(body);
	if (rc != CURLE_OK)
		return fail(EX_UNAVAILABLE,
		    "the worker at %s does not "
		    "answer: %s",
		    base, curl_easy_strerror(rc));
	return 0;
}

/* Where the worker that holds the store listens; caller frees. */
static char *
worker_address(const struct settings *s)
{
	struct queue_error error;
	struct queue *q = queue_open(s->store, QUEUE_READER, &error);
	const char *address = NULL;
	char *copy = NULL;

	if (q == NULL)
		return NULL;
	if (queue_setting_get(q, "listening", &address) == 0 && address != NULL)
		copy = strdup(address);
	queue_close(q);
	return copy;
}

static int
ask_worker(const struct settings *s, struct api_call *call,
    const char *idempotency_key)
{
	const char *token =
	    s->operator_tokens != NULL ? s->operator_tokens[0] : NULL;
	char *address = worker_address(s);
	int rc;

	if (token == NULL)
		rc = fail(EX_CONFIG, "there is no operator token to talk to "
				     "the worker with: set keys.operator in "
				     "nudge.json");
	else if (address == NULL)
		rc = fail(EX_UNAVAILABLE, "no worker listens here yet; try "
					  "again when one runs");
	else
		rc = over_http(address, token, call, idempotency_key);
	free(address);
	return rc;
}

/* ------------------------------------------------------------- directly */

static int
in_a_turn(struct queue *q, struct workspace *w, struct api_call *call)
{
	struct clock clock = {0};
	struct sweep sweep = {0}; /* left to the worker */
	struct turn turn;
	int rc = turn_init(&turn, q, w);

	if (rc == 0)
		rc = turn_begin(&turn, clock_now_ms(&clock));
	if (rc == 0)
		rc = sweep_prepare(&sweep, &turn);
	if (rc == 0)
		rc = api_run(&turn, call);
	if (rc == 0)
		rc = turn_write(&turn);
	if (rc == 0)
		rc = turn_commit(&turn);
	if (rc != 0)
		rc = fail(EX_IOERR, "%s", queue_error(q)->text);
	sweep_free(&sweep);
	turn_free(&turn);
	return rc;
}

static int
look(struct queue *q, struct workspace *w, struct api_call *call)
{
	struct clock clock = {0};

	if (api_look(q, w, clock_now_ms(&clock), call) != 0)
		return fail(EX_IOERR, "%s", queue_error(q)->text);
	return 0;
}

int
refuse_workspace(const struct problems *problems)
{
	char text[700];

	for (int i = 0; i < problems->count; i++)
		if (!problems->list[i].is_warning)
			fprintf(stderr, "%s\n",
			    error_string(
				&problems->list[i].at, text, sizeof text));
	return fail(EX_CONFIG, "the workspace has errors; see nudge check");
}

static int
do_it_here(const struct invocation *in, struct queue *q, bool is_look,
    struct api_call *call)
{
	struct problems problems = {0};
	struct workspace *w = NULL;
	const char *known;
	int rc;

	if (sweep_known(q, &known) != 0)
		return fail(EX_IOERR, "%s", queue_error(q)->text);
	w = workspace_load(in->folder, in->overrides, known, &problems, false);
	if (w == NULL)
		rc = refuse_workspace(&problems);
	else
		rc = is_look ? look(q, w, call) : in_a_turn(q, w, call);
	problems_free(&problems);
	workspace_release(w);
	return rc;
}

static bool
is_get(const struct api_call *call)
{
	return strcmp(call->method, "GET") == 0;
}

/*
 * No worker has the store, and it cannot be written: that keeps nobody from
 * looking.
 */
static int
look_here(const struct invocation *in, const char *store,
    const struct queue_error *failure, struct api_call *call)
{
	struct queue_error error;
	struct queue *q = NULL;
	int rc;

	if (is_get(call) &&
	    (failure->what == QUEUE_FULL || failure->what == QUEUE_READ_ONLY))
		q = queue_open(store, QUEUE_READER, &error);
	if (q == NULL)
		return fail(failure->what == QUEUE_NEWER ||
				    failure->what == QUEUE_DAMAGED
				? EX_DATAERR
				: EX_IOERR,
		    "%s", failure->text);
	rc = do_it_here(in, q, true, call);
	queue_close(q);
	return rc;
}

static int
dispatch(const struct invocation *in, const struct settings *settings,
    struct api_call *call)
{
	struct queue_error error;
	struct queue *q;
	int rc;

	folders_make(settings->store, 0700);
	q = queue_open(settings->store, QUEUE_WORKER, &error);
	if (q != NULL) {
		rc = do_it_here(in, q, is_get(call) && queue_is_full(q), call);
		queue_close(q);
	} else if (error.what == QUEUE_HELD) {
		rc = ask_worker(settings, call,
		    call->idempotency_key[0] != '\0' ? call->idempotency_key
						     : NULL);
	} else {
		rc = look_here(in, settings->store, &error, call);
	}
	return rc;
}

static int
run_call(const struct invocation *in, struct api_call *call, bool only_worker,
    json_t **reply)
{
	struct problems problems = {0};
	struct settings *settings =
	    settings_load(in->folder, in->overrides, &problems);
	int rc = problems.errors > 0 ? refuse_workspace(&problems)
		 : only_worker	     ? ask_worker(settings, call, NULL)
				     : dispatch(in, settings, call);

	problems_free(&problems);
	settings_free(settings);
	*reply = NULL;
	if (rc == 0 && call->status >= 200 && call->status < 400) {
		*reply = call->reply;
		return 0;
	}
	if (rc == 0) {
		const char *why =
		    json_string_value(json_object_get(call->reply, "detail"));

		rc = fail(call->status == 404	? EX_NOUSER
			  : call->status == 401 ? EX_NOPERM
			  : call->status == 503 ? EX_TEMPFAIL
						: EX_DATAERR,
		    "%s", why != NULL ? why : "the worker refused");
	}
	json_decref(call->reply);
	return rc;
}

int
client_call(const struct invocation *in, const char *method, const char *path,
    const char *query, const char *idempotency_key, const json_t *body,
    json_t **reply)
{
	struct api_call call = {
	    .method = method,
	    .path = path,
	    .query = query,
	    .idempotency_key = idempotency_key != NULL ? idempotency_key : "",
	    .body = body,
	};

	return run_call(in, &call, false, reply);
}

int
client_ask(const struct invocation *in, const char *path, json_t **reply)
{
	struct api_call call = {
	    .method = "GET",
	    .path = path,
	    .query = "",
	    .idempotency_key = "",
	};

	return run_call(in, &call, true, reply);
}
