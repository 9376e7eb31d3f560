/* SPDX-License-Identifier: MIT */
/*
 * client - the operators' interface at a prompt. Whoever holds the store does
 * the work: a worker that runs, over HTTP, or else this process, in a turn of
 * its own. To ask a worker takes the store's place and the operator token, and
 * none of the other settings.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>

#include "templates/buf.h"
#include "worker/api/api.h"
#include "worker/clock.h"
#include "worker/commands/commands.h"
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

/*
 * Where the worker that holds the store listens: as the store says, or for who
 * may not read that, nudge.json.
 */
static void
worker_address(const struct settings *s, char *url, size_t size)
{
	struct queue_error error;
	struct queue *q = queue_open(s->store, QUEUE_READER, &error);
	const char *address = NULL;

	if (q != NULL && queue_setting_get(q, "listening", &address) == 0 &&
	    address != NULL)
		snprintf(url, size, "%s", address);
	else
		settings_address(s, 0, url, size);
	queue_close(q);
}

static int
ask_worker(const struct settings *s, const struct problems *problems,
    struct api_call *call)
{
	char url[300];

	if (s->operator_tokens == NULL || s->operator_tokens[0] == NULL) {
		if (problems->errors > 0)
			return refuse_workspace(problems);
		return fail(EX_CONFIG, "there is no operator token to talk to "
				       "the worker with: set keys.operator in "
				       "nudge.json");
	}
	worker_address(s, url, sizeof url);
	return over_http(url, s->operator_tokens[0], call,
	    call->idempotency_key[0] != '\0' ? call->idempotency_key : NULL);
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

int
refuse_place(const struct problems *problems)
{
	char text[700];

	for (int i = 0; i < problems->count; i++) {
		const struct error *at = &problems->list[i].at;

		if (at->pointer[0] == '\0' ||
		    strcmp(at->pointer, "/store") == 0)
			return fail(EX_CONFIG, "%s",
			    error_string(at, text, sizeof text));
	}
	return 0;
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

/* Only a worker makes a store: here it would be an empty one beside it. */
static int
no_store(const struct settings *settings, const struct problems *problems)
{
	if (!settings->is_read)
		return refuse_workspace(problems);
	return fail(EX_NOINPUT,
	    "there is no store %s: nudge run makes it; if there was one, "
	    "\"store\" has changed since",
	    settings->store);
}

/* Who may not open the store may still ask the one who does. */
static int
ask_instead(const struct settings *settings, const struct problems *problems,
    struct api_call *call)
{
	int rc = ask_worker(settings, problems, call);

	return rc != EX_UNAVAILABLE ? rc
				    : fail(EX_NOPERM, "%s: %s", settings->store,
					  strerror(EACCES));
}

static int
dispatch(const struct invocation *in, const struct settings *settings,
    const struct problems *problems, struct api_call *call)
{
	struct queue_error error;
	struct queue *q;
	int rc;

	if (access(settings->store, R_OK | W_OK) != 0) {
		if (errno == ENOENT)
			return no_store(settings, problems);
		if (errno == EACCES)
			return ask_instead(settings, problems, call);
	}
	q = queue_open(settings->store, QUEUE_WORKER, &error);
	if (q != NULL) {
		rc = do_it_here(in, q, is_get(call) && queue_is_full(q), call);
		queue_close(q);
	} else if (error.what == QUEUE_HELD) {
		rc = ask_worker(settings, problems, call);
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
	int rc = settings->is_read ? refuse_place(&problems) : 0;

	if (rc == 0)
		rc = only_worker ? ask_worker(settings, &problems, call)
				 : dispatch(in, settings, &problems, call);
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
