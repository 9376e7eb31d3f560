/* SPDX-License-Identifier: MIT */
/* webhook_plan - a function a member; each adds what is wrong with it. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <curl/curl.h>

#include "templates/mem.h"
#include "worker/delivery/webhook/webhook_plan.h"
#include "worker/log.h"
#include "worker/settings/settings.h"

struct planning {
	struct webhook_plan *plan;
	const struct channel *channel;
	struct problems *problems;
	/* of what is being compiled */
	const char *member;
	const char **known; /* names that it may read */
	const char **reads; /* those that it does; NULL: nobody asks */
	int n_reads;
};

static void __attribute__((format(printf, 3, 4)))
complain(struct planning *p, const char *member, const char *fmt, ...)
{
	char text[400];
	struct error e;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	error_at(&e, "", 0, 0, member, "%s", text);
	problems_add(p->problems, &e);
}

/* ------------------------------------------------------------ what it reads */

/* A liquid_path_fn: the root of a path must be known; it is noted once. */
static void
read_path(void *arg, const struct liquid_path *path)
{
	struct planning *p = arg;
	char root[64];
	const char *near;
	int i = 0;

	snprintf(root, sizeof root, "%.*s", (int)strcspn(path->text, ".["),
	    path->text);
	while (p->known[i] != NULL && strcmp(p->known[i], root) != 0)
		i++;
	if (p->known[i] == NULL) {
		near = suggest(root, p->known);
		complain(p, p->member, "there is no \"%s\" here%s%s%s", root,
		    near != NULL ? "; did you mean \"" : "",
		    near != NULL ? near : "", near != NULL ? "\"?" : "");
		return;
	}
	for (int j = 0; j < p->n_reads; j++)
		if (p->reads[j] == p->known[i])
			return;
	if (p->reads != NULL)
		p->reads[p->n_reads++] = p->known[i];
}

static const char *const url_names[] = {
    "account", "data", "entry", "event", "metric", "now", "user"};
#define N_URL_NAMES (sizeof url_names / sizeof *url_names)

/* The names that a url may read live as long as the settings. */
static void
know_url_names(struct planning *p, const json_t *variables)
{
	size_t n = N_URL_NAMES + json_object_size(variables) + 1;
	const char *name;
	json_t *value;
	size_t i = N_URL_NAMES;

	p->plan->reads = p->reads = xcalloc(n, sizeof *p->reads);
	p->known = xcalloc(n, sizeof *p->known);
	memcpy(p->known, url_names, sizeof url_names);
	json_object_foreach((json_t *)variables, name, value) p->known[i++] =
	    name;
}

/* ---------------------------------------------------------------- the url */

/* "host:port" of a URL, or NULL with the error set. */
static char *
host_of(const char *url, struct error *e)
{
	char *scheme = NULL, *name = NULL, *port = NULL;
	CURLU *parts = curl_url();
	struct buf host = {0};

	if (curl_url_set(parts, CURLUPART_URL, url, 0) != CURLUE_OK ||
	    curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
		error_set(e, "the url is malformed");
	else if (strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0)
		error_set(e, "the url must begin with https:// or http://");
	else if (curl_url_get(parts, CURLUPART_HOST, &name, 0) != CURLUE_OK)
		error_set(e, "the url names no host");
	else
		buf_adds(&host, name);
	if (host.len > 0 &&
	    curl_url_get(parts, CURLUPART_PORT, &port, 0) == CURLUE_OK)
		buf_addf(&host, ":%s", port);
	curl_free(scheme);
	curl_free(name);
	curl_free(port);
	curl_url_cleanup(parts);
	return host.len > 0 ? buf_steal(&host) : NULL;
}

/* A segment of the path that is "." or "..", which a server would resolve. */
static bool
has_dot_segment(const char *url)
{
	const char *end = url + strcspn(url, "?#");

	for (const char *s = strchr(url, '/'); s != NULL && s < end;
	     s = strchr(s + 1, '/')) {
		size_t len = strcspn(s + 1, "/?#");

		if ((len == 1 || len == 2) && strncmp(s + 1, "..", len) == 0)
			return true;
	}
	return false;
}

char *
webhook_url_host(const char *url, struct error *e)
{
	char *host = host_of(url, e);

	if (host == NULL || !has_dot_segment(url))
		return host;
	error_set(e, "a value makes \".\" or \"..\" of the url's path");
	free(host);
	return NULL;
}

/* Where the first value is; NULL when there is none. */
static const char *
first_value(const char *url)
{
	const char *output = strstr(url, "{{"), *tag = strstr(url, "{%");

	if (output == NULL || (tag != NULL && tag < output))
		return tag;
	return output;
}

/* "{{ account.webhook_url }}" and nothing else. */
static bool
is_lone_value(const char *url)
{
	const char *close = strstr(url, "}}");

	return strncmp(url, "{{", 2) == 0 && close != NULL && close[2] == '\0';
}

static void
compile_url(struct planning *p, const char *url)
{
	struct liquid_options options = {.name = "", .context = LIQUID_URL};
	struct error e;

	if (is_lone_value(url)) {
		options.context = LIQUID_TEXT;
	} else if (strncmp(url, "https://", 8) != 0 &&
		   strncmp(url, "http://", 7) != 0) {
		complain(p, "/url",
		    "a url is one {{ value }}, or it begins with https:// or "
		    "http://");
		return;
	}
	p->plan->url = liquid_compile(url, strlen(url), &options, &e);
	if (p->plan->url == NULL)
		complain(p, "/url", "%s", e.text);
	else
		liquid_paths(p->plan->url, read_path, p);
}

/* Whether data comes before the end of what says who is called. */
static bool
varies_in_host(const char *url, const char *value)
{
	const char *authority = strstr(url, "://");

	return authority == NULL || authority > value ||
	       authority + 3 + strcspn(authority + 3, "/?#") >= value;
}

static void
plan_url(struct planning *p)
{
	const char *url = p->channel->url;
	const char *value = first_value(url);
	struct webhook_plan *plan = p->plan;
	char *fixed;
	struct error e;

	p->member = "/url";
	if (value != NULL) {
		compile_url(p, url);
		plan->host_varies = varies_in_host(url, value);
	}
	if (plan->host_varies) {
		plan->host = xstrdup("the endpoint");
		return;
	}
	fixed =
	    value != NULL ? xstrndup(url, (size_t)(value - url)) : xstrdup(url);
	plan->host = host_of(fixed, &e);
	if (plan->host == NULL)
		complain(p, "/url", "%s", e.text);
	free(fixed);
}

/* ---------------------------------------------------------------- headers */

/* These are set here, or by curl. */
static const char *const reserved[] = {"Connection", "Content-Length", "Expect",
    "Host", "Idempotency-Key", "Transfer-Encoding", "webhook-id",
    "webhook-signature", "webhook-timestamp", NULL};

static void
add_line(struct webhook_plan *plan, const char *line)
{
	struct curl_slist *longer = curl_slist_append(plan->headers, line);

	if (longer == NULL)
		panic("out of memory");
	plan->headers = longer;
}

static void
add_header(struct webhook_plan *plan, const char *name, const char *value)
{
	struct buf line = {0};

	buf_addf(&line, "%s: %s", name, value);
	add_line(plan, line.data);
	buf_free(&line);
}

static bool
has_control(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return true;
	return false;
}

/* A name is a token (RFC 9110 section 5.1), a value visible characters. */
static const char *
wrong_header(const char *name, const json_t *value)
{
	const char *s = json_string_value(value);

	if (*name == '\0' ||
	    name[strspn(name,
		"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ")] != '\0')
		return "this is not the name of a header";
	for (int i = 0; reserved[i] != NULL; i++)
		if (strcasecmp(name, reserved[i]) == 0)
			return "this header is set by nudge itself";
	if (s == NULL || *s == '\0' || strlen(s) != json_string_length(value))
		return "a header needs a text";
	if (has_control(s))
		return "there is a control character (a line end?) in it";
	return NULL;
}

static bool
has_header(const struct channel *c, const char *wanted)
{
	const char *name;
	json_t *value;
	bool found = false;

	json_object_foreach(c->headers, name, value)
	{
		found = found || strcasecmp(name, wanted) == 0;
	}
	return found;
}

static void
plan_headers(struct planning *p)
{
	const char *name, *wrong;
	char member[120];
	json_t *value;

	if (!has_header(p->channel, "Content-Type"))
		add_header(p->plan, "Content-Type",
		    p->plan->is_form ? "application/x-www-form-urlencoded"
				     : "application/json");
	/*
	 * Curl must not wait for a 100. For AWS it may: it would sign the line
	 * and not send it.
	 */
	if (p->channel->aws.region == NULL)
		add_line(p->plan, "Expect:");
	json_object_foreach(p->channel->headers, name, value)
	{
		wrong = wrong_header(name, value);
		snprintf(member, sizeof member, "/headers/%s", name);
		if (wrong != NULL)
			complain(p, member, "%s", wrong);
		else
			add_header(p->plan, name, json_string_value(value));
	}
}

/* ------------------------------------------------------------- who we are */

static void
plan_aws(struct planning *p)
{
	const struct channel *c = p->channel;

	if (c->aws.region == NULL && c->aws.service == NULL &&
	    c->aws.key == NULL && c->aws.secret == NULL &&
	    c->aws.session_token == NULL)
		return;
	if (c->aws.region == NULL || c->aws.service == NULL ||
	    c->aws.key == NULL || c->aws.secret == NULL)
		complain(
		    p, "/aws", "region, service, key and secret go together");
	if (c->aws.session_token != NULL && has_control(c->aws.session_token))
		complain(p, "/aws/session_token",
		    "there is a control character (a line end?) in it");
	else if (c->aws.session_token != NULL)
		add_header(
		    p->plan, "X-Amz-Security-Token", c->aws.session_token);
}

static void
plan_auth(struct planning *p)
{
	const struct channel *c = p->channel;
	struct buf value = {0};
	int ways = (c->bearer != NULL) + (c->user != NULL) +
		   (c->aws.region != NULL) + has_header(c, "Authorization");

	if (ways > 1)
		complain(p, "",
		    "one of bearer, user and password, aws, or an "
		    "Authorization header is enough");
	if (c->user != NULL && strchr(c->user, ':') != NULL)
		complain(p, "/user",
		    "a colon cannot stand in the user's name (RFC 7617)");
	if (c->bearer != NULL && (*c->bearer == '\0' || has_control(c->bearer)))
		complain(p, "/bearer",
		    "a token is expected, without line ends or other control "
		    "characters");
	else if (c->bearer != NULL) {
		buf_addf(&value, "Bearer %s", c->bearer);
		add_header(p->plan, "Authorization", value.data);
		buf_free(&value);
	}
	plan_aws(p);
}

static void
plan_secrets(struct planning *p)
{
	struct webhook_plan *plan = p->plan;
	char **secrets = p->channel->secrets;
	char member[32] = "/secret";
	struct error e;
	int n = 0;

	while (secrets != NULL && secrets[n] != NULL)
		n++;
	plan->keys = xcalloc((size_t)n + 1, sizeof *plan->keys);
	for (int i = 0; i < n; i++) {
		if (n > 1)
			snprintf(member, sizeof member, "/secret/%d", i);
		if (signature_key_parse(
			&plan->keys[plan->n_keys++], secrets[i], &e) != 0)
			complain(p, member, "%s", e.text);
	}
}

/* -------------------------------------------------------------- the answer */

static const char *answer_names[] = {"header", "reply", "status", NULL};

static struct liquid_condition *
plan_condition(struct planning *p, const char *text, const char *member)
{
	struct liquid_condition *condition;
	struct error e;

	if (text == NULL)
		return NULL;
	p->member = member;
	condition = liquid_condition_compile(text, &e);
	if (condition == NULL)
		complain(p, member, "%s", e.text);
	else
		liquid_condition_paths(condition, read_path, p);
	return condition;
}

static void
plan_answer(struct planning *p)
{
	struct error e;

	p->known = answer_names;
	p->reads = NULL;
	p->n_reads = 0;
	p->plan->success = plan_condition(p, p->channel->success, "/success");
	p->plan->refused = plan_condition(p, p->channel->refused, "/refused");
	p->plan->suppress =
	    plan_condition(p, p->channel->suppress, "/suppress");
	p->plan->temporary =
	    plan_condition(p, p->channel->temporary, "/temporary");
	p->member = "/provider_id";
	if (p->channel->provider_id != NULL) {
		p->plan->provider_id =
		    liquid_value_compile(p->channel->provider_id, &e);
		if (p->plan->provider_id == NULL)
			complain(p, p->member, "%s", e.text);
		else
			liquid_value_paths(p->plan->provider_id, read_path, p);
	}
}

/* One of two or three words. */
static void
check_word(struct planning *p, const char *member, const char *word,
    const char *const *words, const char *expected)
{
	while (*words != NULL)
		if (strcmp(*words++, word) == 0)
			return;
	complain(p, member, "%s is expected", expected);
}

static void
check_rest(struct planning *p)
{
	static const char *const methods[] = {"POST", "PUT", "PATCH", NULL};
	static const char *const bodies[] = {"json", "form", NULL};
	const struct channel *c = p->channel;

	check_word(p, "/method", c->method, methods, "POST, PUT or PATCH");
	check_word(p, "/body", c->body, bodies, "\"json\" or \"form\"");
	if (c->ca_file != NULL && access(c->ca_file, R_OK) != 0)
		complain(p, "/ca_file", "this file cannot be read");
}

struct webhook_plan *
webhook_plan_new(const struct channel *channel, const json_t *variables,
    struct problems *problems)
{
	struct webhook_plan *plan = xcalloc(1, sizeof *plan);
	struct planning p = {
	    .plan = plan, .channel = channel, .problems = problems};
	int errors = problems->errors;

	plan->is_form = strcmp(channel->body, "form") == 0;
	know_url_names(&p, variables);
	plan_url(&p);
	free(p.known);
	plan_headers(&p);
	plan_auth(&p);
	plan_secrets(&p);
	plan_answer(&p);
	check_rest(&p);
	if (problems->errors == errors)
		return plan;
	webhook_plan_free(plan);
	return NULL;
}

void
webhook_plan_free(struct webhook_plan *plan)
{
	if (plan == NULL)
		return;
	liquid_free(plan->url);
	free(plan->host);
	free(plan->reads);
	curl_slist_free_all(plan->headers);
	free(plan->keys);
	liquid_condition_free(plan->success);
	liquid_condition_free(plan->refused);
	liquid_condition_free(plan->suppress);
	liquid_condition_free(plan->temporary);
	liquid_value_free(plan->provider_id);
	free(plan);
}
