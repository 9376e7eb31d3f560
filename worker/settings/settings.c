/* SPDX-License-Identifier: MIT */
/*
 * settings - nudge.json as two tables, one of the worker's settings and one of
 * a channel's, and what is checked across them.
 */
#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sequences/calendar.h"
#include "templates/json.h"
#include "templates/mem.h"
#include "templates/templates.h"
#include "worker/lanes/pace.h"
#include "worker/delivery/webhook/webhook_plan.h"
#include "worker/settings/setting_table.h"
#include "worker/settings/settings.h"

#define AT(member) offsetof(struct settings, member)
#define OF(member) offsetof(struct channel, member)

static const struct setting worker_settings[] = {
    {"listen", KIND_TEXT, AT(listen), "127.0.0.1:8460", 0, 0,
	"address and port to listen on; port 0 takes a free one", NULL},
    {"public_url", KIND_URL, AT(public_url), "http://127.0.0.1:8460", 0, 0,
	"how people reach it from outside, for the links in mails", NULL},
    {"store", KIND_PATH, AT(store), "data/nudge.db", 0, 0, "the file of state",
	NULL},
    {"timezone", KIND_ZONE, AT(zone), "UTC", 0, 0,
	"for people and accounts that have none", NULL},
    {"locale", KIND_TEXT, AT(locale), NULL, 2, 31,
	"language of dates and numbers in templates that have none in their "
	"name; none: the person's",
	NULL},
    {"keys.write", KIND_SECRETS, AT(write_keys), NULL, 0, 0,
	"write keys that product events come with; none: any", NULL},
    {"keys.operator", KIND_SECRETS, AT(operator_tokens), NULL, 0, 0,
	"bearer tokens of operators; none: no operator interface", NULL},
    {"keys.metrics", KIND_SECRETS, AT(metrics_tokens), NULL, 0, 0,
	"bearer tokens for /metrics; none: whoever asks", NULL},
    {"sender.name", KIND_TEXT, AT(sender.name), "nudge", 0, 0,
	"whom mail is from", NULL},
    {"sender.address", KIND_ADDRESS, AT(sender.address),
	"nudge@localhost.example", 0, 0, "its address", NULL},
    {"sender.reply_to", KIND_ADDRESS, AT(sender.reply_to), NULL, 0, 0,
	"where answers go, if elsewhere", NULL},
    {"sender.postal", KIND_TEXT, AT(sender.postal), "", 0, 0,
	"postal address at the foot of every mail", NULL},
    {"sender.id", KIND_TEXT, AT(sender.id), "nudge", 5, 15,
	"SenderId of the Feedback-ID header, 5 to 15 characters", NULL},
    {"contacts", KIND_OBJECT, AT(contacts), NULL, 0, 0,
	"names that sequences send to: {\"email\", \"name\"} or {\"channel\"}",
	NULL},
    {"topics", KIND_OBJECT, AT(topics), NULL, 0, 0,
	"what readers see on the page of their preferences: "
	"{\"onboarding\": {\"title\", \"description\"}}",
	NULL},
    {"variables", KIND_OBJECT, AT(variables), NULL, 0, 0,
	"names for templates: app_url, product_name", NULL},
    {"template_keys", KIND_SECRET_OBJECT, AT(template_keys), NULL, 0, 0,
	"secrets that templates sign with by name: {\"intercom\": "
	"\"$INTERCOM_KEY\"} for {{ user.id | hmac_sha256: \"intercom\" }}",
	NULL},
    {"allow_raw", KIND_BOOL, AT(allow_raw), "true", 0, 0,
	"templates may let values out as they are, with the filter raw", NULL},
    {"quiet.from", KIND_TIME, AT(quiet_from_min), NULL, 0, 0,
	"quiet hours, in the person's zone", NULL},
    {"quiet.to", KIND_TIME, AT(quiet_to_min), NULL, 0, 0,
	"end of the quiet hours", NULL},
    {"sandbox.only", KIND_TEXTS, AT(sandbox), NULL, 0, 0,
	"only addresses that match are mailed: [\"*@acme.example\"]", NULL},
    {"lint.off", KIND_TEXTS, AT(lint_off), NULL, 0, 0,
	"rules of nudge check to leave out: [\"long-subject\", "
	"\"templates/logo.*: image-alt\"]",
	NULL},
    {"max_event_age", KIND_DURATION, AT(max_event_age_ms), "24h", 0, 0,
	"older events update metrics but start nothing", NULL},
    {"dedupe", KIND_DURATION, AT(dedupe_ms), "48h", 0, 0,
	"how long a messageId is remembered", NULL},
    {"retention", KIND_DURATION, AT(retention_ms), "400d", 0, 0,
	"how long events, decisions and finished messages are kept; not less "
	"than dedupe and the window of each cap",
	NULL},
    {"retry.first", KIND_DURATION, AT(retry_first_ms), "30s", 0, 0,
	"wait before the second attempt; doubles from there", NULL},
    {"retry.longest", KIND_DURATION, AT(retry_longest_ms), "1h", 0, 0,
	"the longest wait between attempts", NULL},
    {"retry.attempts", KIND_INT, AT(retry_attempts), "12", 1, 1000,
	"attempts before a message is given up", NULL},
    {"limits.body", KIND_SIZE, AT(max_body), "1048576", 1024, 1 << 30,
	"bytes of a request as sent", NULL},
    {"limits.inflated", KIND_SIZE, AT(max_inflated), "8388608", 1024, 1 << 30,
	"bytes of a request after gzip", NULL},
    {"limits.headers", KIND_SIZE, AT(max_headers), "16384", 1024, 1 << 20,
	"bytes of a request's headers", NULL},
    {"limits.depth", KIND_INT, AT(max_depth), "64", 4, 2000,
	"objects and lists inside each other in a request", NULL},
    {"limits.values", KIND_INT, AT(max_values), "200000", 100, 100000000,
	"values in a request's JSON; objects and lists count twice", NULL},
    {"limits.uploads", KIND_SIZE, AT(max_uploads), "67108864", 1024, 1LL << 40,
	"bytes of all requests that are being read; past it the largest of "
	"them gets 503",
	NULL},
    {"limits.connections", KIND_INT, AT(max_connections), "500", 1, 100000,
	"connections at a time; past it the one that waited longest makes "
	"room, or clients get 503",
	NULL},
    {"limits.time", KIND_WAIT, AT(request_ms), "30s", 1000, 3600000,
	"for a connection to send a request, to take its answer, to be idle",
	NULL},
    {"limits.backlog", KIND_SIZE, AT(max_backlog), "20000", 1, 10000000,
	"events, or kilobytes of them, waiting to be committed; past it "
	"clients get 429",
	NULL},
    {"drain", KIND_WAIT, AT(drain_ms), "30s", 0, 3600000,
	"how long SIGTERM waits for messages on their way", NULL},
    {"reload", KIND_RELOAD, AT(watches), "auto", 0, 0,
	"\"auto\": when files of the workspace change, or at SIGHUP; "
	"\"signal\": at SIGHUP only",
	NULL},
    {"log", KIND_FORMAT, AT(log_json), "text", 0, 0, "\"text\" or \"json\"",
	NULL},
};

static const struct setting channel_settings[] = {
    {"type", KIND_TEXT, OF(type), NULL, 0, 0, "smtp, webhook or capture", NULL},
    {"rate", KIND_RATE, OF(rate), "0/s", 0, 0,
	"messages a second at most; 0: no limit", NULL},
    {"connections", KIND_INT, OF(connections), "4", 1, 64,
	"at most so many at a time", "smtp webhook"},
    {"unsettled", KIND_INT, OF(unsettled), "4", 1, 100,
	"messages a connection may be ahead of the store", "smtp webhook"},
    {"timeout", KIND_WAIT, OF(timeout_ms), "30s", 1000, 3600000,
	"for one exchange with the other side", "smtp webhook"},
    {"host", KIND_TEXT, OF(host), NULL, 0, 0, "the relay's name", "smtp"},
    {"port", KIND_INT, OF(port), "587", 1, 65535, "the relay's port", "smtp"},
    {"tls", KIND_TLS, OF(tls), "starttls", 0, 0,
	"\"starttls\", \"implicit\" or \"none\"", "smtp"},
    {"ca_file", KIND_PATH, OF(ca_file), NULL, 0, 0,
	"certificates to trust in place of the system's", "smtp webhook"},
    {"user", KIND_TEXT, OF(user), NULL, 0, 0,
	"for AUTH, or for basic authentication", "smtp webhook"},
    {"password", KIND_SECRET, OF(password), NULL, 0, 0, "goes with user",
	"smtp webhook"},
    {"helo", KIND_TEXT, OF(helo), NULL, 0, 0,
	"our own name for EHLO; default the host's", "smtp"},
    {"auth", KIND_TEXT, OF(auth), "password", 0, 0,
	"\"password\", or \"xoauth2\": with a token", "smtp"},
    {"token_file", KIND_PATH, OF(token_file), NULL, 0, 0,
	"the token for xoauth2, where it is not the password; read for each "
	"connection, so that another program can renew it",
	"smtp"},
    {"messages_per_connection", KIND_INT, OF(messages_per_connection), "100", 1,
	1000, "then a new one", "smtp"},
    {"domains", KIND_OBJECT, OF(domains), NULL, 0, 0,
	"rates to domains of recipients: {\"gmail.com\": \"20/s\"}", "smtp"},
    {"warmup.start", KIND_TEXT, OF(warmup.start), NULL, 0, 0,
	"first day (UTC) of a sender that nobody knows yet: 2026-12-01",
	"smtp"},
    {"warmup.first", KIND_INT, OF(warmup.first), NULL, 1, 1000000,
	"messages on that day", "smtp"},
    {"warmup.double", KIND_DURATION, OF(warmup.double_ms), NULL, 0, 0,
	"in which their number doubles: 3d", "smtp"},
    {"url", KIND_SECRET, OF(url), NULL, 0, 0,
	"where to send it; {{ values }} are percent-encoded", "webhook"},
    {"method", KIND_TEXT, OF(method), "POST", 0, 0, "POST, PUT or PATCH",
	"webhook"},
    {"body", KIND_TEXT, OF(body), "json", 0, 0,
	"\"json\", or \"form\" (urlencoded)", "webhook"},
    {"headers", KIND_SECRET_OBJECT, OF(headers), NULL, 0, 0,
	"more request headers", "webhook"},
    {"secret", KIND_SECRETS, OF(secrets), NULL, 0, 0,
	"whsec_..., or whsk_... (a private ed25519 key), for Standard "
	"Webhooks signatures; a list while one takes the place of another: "
	"each signs",
	"webhook"},
    {"bearer", KIND_SECRET, OF(bearer), NULL, 0, 0,
	"token for Authorization: Bearer", "webhook"},
    {"aws.region", KIND_TEXT, OF(aws.region), NULL, 0, 0,
	"for AWS signatures (SigV4)", "webhook"},
    {"aws.service", KIND_TEXT, OF(aws.service), NULL, 0, 0, "such as ses",
	"webhook"},
    {"aws.key", KIND_TEXT, OF(aws.key), NULL, 0, 0, "the access key's id",
	"webhook"},
    {"aws.secret", KIND_SECRET, OF(aws.secret), NULL, 0, 0,
	"the secret access key", "webhook"},
    {"aws.session_token", KIND_SECRET, OF(aws.session_token), NULL, 0, 0,
	"of temporary keys", "webhook"},
    {"success", KIND_TEXT, OF(success), NULL, 0, 0,
	"condition on status, reply and header for a message to count as sent, "
	"such as \"reply.ok\"; default any status of 2xx",
	"webhook"},
    {"refused", KIND_TEXT, OF(refused), NULL, 0, 0,
	"condition for an answer to be final for its message", "webhook"},
    {"suppress", KIND_TEXT, OF(suppress), NULL, 0, 0,
	"condition for an answer to say that the recipient's address is dead: "
	"final, and no mail goes there any more",
	"webhook"},
    {"temporary", KIND_TEXT, OF(temporary), NULL, 0, 0,
	"condition for an answer to ask for another attempt, whatever its "
	"status",
	"webhook"},
    {"provider_id", KIND_TEXT, OF(provider_id), NULL, 0, 0,
	"value of the answer that names the message there, such as "
	"\"reply.id\"",
	"webhook"},
    {"retry", KIND_WAITS, OF(retry_ms), "5s 5m 30m 2h 5h 10h 14h 20h 24h", 0, 0,
	"waits between attempts; after the last a message is given up",
	"webhook"},
    {"connect_timeout", KIND_WAIT, OF(connect_timeout_ms), "10s", 1000, 3600000,
	"for the connection, TLS included", "webhook"},
    {"max_reply", KIND_INT, OF(max_reply), "65536", 1024, 1 << 24,
	"bytes of an answer that are read", "webhook"},
    {"allow_private", KIND_BOOL, OF(allow_private), NULL, 0, 0,
	"may a url whose host comes from data lead to private addresses",
	"webhook"},
    {"folder", KIND_PATH, OF(folder), "data/outbox", 0, 0,
	"where messages are written instead of being sent", "capture"},
};

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static void read_channels(struct setting_reader *, const json_t *);
static void read_caps(struct setting_reader *, const json_t *);

static const struct setting_part worker_parts[] = {
    {"channels", read_channels}, {"caps", read_caps}, {NULL, NULL}};

static const struct setting_table worker_table = {
    worker_settings, COUNT(worker_settings), worker_parts};
static const struct setting_table channel_table = {
    channel_settings, COUNT(channel_settings), NULL};

static const char *const types[] = {"smtp", "webhook", "capture", NULL};

static bool
is_type(const char *type)
{
	for (int i = 0; type != NULL && types[i] != NULL; i++)
		if (strcmp(types[i], type) == 0)
			return true;
	return false;
}

/* By its name, or the first of the group that has it. */
static const struct setting *
channel_setting(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < channel_table.n; i++) {
		const struct setting *row = &channel_table.rows[i];

		if (strncmp(row->name, name, len) == 0 &&
		    (row->name[len] == '\0' || row->name[len] == '.'))
			return row;
	}
	return NULL;
}

static bool
is_loopback(const char *host)
{
	return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
	       strncmp(host, "127.", 4) == 0;
}

static void
check_login(
    struct setting_reader *r, const struct channel *c, const char *pointer)
{
	bool token = c->auth != NULL && strcmp(c->auth, "xoauth2") == 0;
	const char *wrong = NULL;

	if (!token && c->auth != NULL && strcmp(c->auth, "password") != 0)
		wrong = "\"auth\" is \"password\" or \"xoauth2\"";
	else if (!token && c->token_file != NULL)
		wrong = "a token_file goes with \"auth\": \"xoauth2\"";
	else if (!token && (c->user == NULL) != (c->password == NULL))
		wrong = "user and password go together";
	else if (token && (c->user == NULL ||
			      (c->password == NULL) == (c->token_file == NULL)))
		wrong = "xoauth2 needs a user, and a token_file or a token as "
			"password";
	else if (c->host != NULL && c->user != NULL && c->tls == TLS_NONE &&
		 !is_loopback(c->host))
		wrong = "without TLS anybody on the way could read the "
			"password: \"tls\" is \"starttls\" or \"implicit\"";
	if (wrong != NULL)
		setting_complain(r, pointer, wrong);
}

static void
check_pace(
    struct setting_reader *r, const struct channel *c, const char *pointer)
{
	char at[300], inner[500];
	const char *wrong = pace_problem(c, at, sizeof at);

	snprintf(inner, sizeof inner, "%s%s", pointer, at);
	if (wrong != NULL)
		setting_complain(r, inner, wrong);
}

/* What a channel of its type must have, and must not. */
static void
check_channel(struct setting_reader *r, struct channel *c, const json_t *value,
    const char *pointer)
{
	char text[200], inner[200];
	const char *key;
	json_t *member;

	if (!is_type(c->type)) {
		const char *near =
		    c->type != NULL ? suggest(c->type, types) : NULL;

		snprintf(text, sizeof text,
		    "a channel has a type: smtp, webhook or capture%s%s%s",
		    near != NULL ? "; did you mean \"" : "",
		    near != NULL ? near : "", near != NULL ? "\"?" : "");
		setting_complain(r, pointer, text);
		return;
	}
	json_object_foreach((json_t *)value, key, member)
	{
		const struct setting *row = channel_setting(key);

		if (row == NULL || row->types == NULL ||
		    strstr(row->types, c->type) != NULL)
			continue;
		snprintf(inner, sizeof inner, "%s/%s", pointer, key);
		snprintf(text, sizeof text, "\"%s\" is for %s channels", key,
		    row->types);
		setting_complain(r, inner, text);
	}
	if (c->is_incomplete)
		return; /* what it lacks has been told */
	if (strcmp(c->type, "smtp") == 0 && c->host == NULL)
		setting_complain(
		    r, pointer, "an smtp channel needs a \"host\"");
	if (strcmp(c->type, "webhook") == 0 && c->url == NULL)
		setting_complain(
		    r, pointer, "a webhook channel needs a \"url\"");
	check_login(r, c, pointer);
	check_pace(r, c, pointer);
}

static void
read_channels(struct setting_reader *r, const json_t *channels)
{
	struct settings *s = r->arg;
	const char *name;
	json_t *value;

	if (!json_is_object(channels)) {
		setting_complain(r, "/channels", "an object is expected");
		return;
	}
	s->channels =
	    xcalloc(json_object_size(channels) + 1, sizeof *s->channels);
	json_object_foreach((json_t *)channels, name, value)
	{
		struct channel *c = &s->channels[s->n_channels];
		char pointer[200];
		int unset = r->unset;

		snprintf(pointer, sizeof pointer, "/channels/%s", name);
		if (!json_is_object(value)) {
			setting_complain(r, pointer, "an object is expected");
			continue;
		}
		s->n_channels++;
		c->name = xstrdup(name);
		setting_table_defaults(r, &channel_table, c);
		setting_table_read(r, &channel_table, c, value, pointer);
		c->is_incomplete = r->unset > unset;
		check_channel(r, c, value, pointer);
	}
}

static void
read_caps(struct setting_reader *r, const json_t *caps)
{
	struct settings *s = r->arg;
	size_t n = json_array_size(caps);

	if (!json_is_array(caps))
		setting_complain(r, "/caps", "a list is expected");
	s->caps = xcalloc(n + 1, sizeof *s->caps);
	for (size_t i = 0; i < n; i++) {
		struct cap *cap = &s->caps[s->n_caps];
		const char *window = NULL;
		char pointer[32];

		snprintf(pointer, sizeof pointer, "/caps/%zu", i);
		if (json_unpack(json_array_get(caps, i), "{s:i,s:s!}", "max",
			&cap->max, "window", &window) != 0 ||
		    cap->max < 0 ||
		    duration_parse(window, &cap->window_ms) != 0)
			setting_complain(r, pointer,
			    "{\"max\": 3, \"window\": \"7d\"} is expected");
		else
			s->n_caps++;
	}
}

/* -------------------------------------------- environment and flags */

/*
 * NUDGE_PUBLIC_URL for public_url, NUDGE_RETRY_FIRST for retry.first: the value
 * or NULL.
 */
static const char *
environment(const struct setting *row, char name[64])
{
	size_t i;

	if (row->kind >= KIND_TEXTS)
		return NULL;
	strcpy(name, "NUDGE_");
	for (i = 0; row->name[i] != '\0'; i++)
		name[6 + i] = row->name[i] == '.'
				  ? '_'
				  : (char)toupper((unsigned char)row->name[i]);
	name[6 + i] = '\0';
	return getenv(name);
}

static void
read_environment(struct setting_reader *r)
{
	for (size_t i = 0; i < COUNT(worker_settings); i++) {
		const struct setting *row = &worker_settings[i];
		char name[64], text[200];
		const char *value = environment(row, name), *wrong;

		if (value == NULL)
			continue;
		wrong = setting_set(r, row, r->arg, value);
		snprintf(text, sizeof text, "%s: %s", name,
		    wrong != NULL ? wrong : "");
		if (wrong != NULL)
			setting_complain(r, "", text);
	}
}

static void
read_flags(struct setting_reader *r, const char *const *overrides)
{
	for (; overrides != NULL && *overrides != NULL; overrides++) {
		char name[64], text[300];
		size_t len = strcspn(*overrides, "=");
		const struct setting *row;
		const char *wrong = "is not a setting";

		snprintf(name, sizeof name, "%.*s", (int)len, *overrides);
		row = setting_find(&worker_table, name);
		if (row != NULL && (*overrides)[len] == '=')
			wrong =
			    setting_set(r, row, r->arg, *overrides + len + 1);
		snprintf(text, sizeof text, "%s: %s", name,
		    wrong != NULL ? wrong : "");
		if (wrong != NULL)
			setting_complain(r, "", text);
	}
}

const char *
settings_override(
    const struct setting *row, const char *const *overrides, const char **from)
{
	size_t len = strlen(row->name);
	const char *value = NULL;
	char name[64];

	*from = "flag";
	for (; overrides != NULL && *overrides != NULL; overrides++)
		if (strncmp(*overrides, row->name, len) == 0 &&
		    (*overrides)[len] == '=')
			value = *overrides + len + 1; /* the last one counts */
	if (value != NULL)
		return value;
	*from = "environment";
	return environment(row, name);
}

/* After all else was read, as a url may have variables of the workspace. */
static void
plan_webhooks(struct setting_reader *r)
{
	struct settings *s = r->arg;

	for (int i = 0; i < s->n_channels; i++) {
		struct channel *c = &s->channels[i];
		struct problems found = {0};
		char pointer[300];

		if (c->url == NULL || c->type == NULL || c->is_incomplete ||
		    strcmp(c->type, "webhook") != 0)
			continue;
		c->plan = webhook_plan_new(c, s->variables, &found);
		for (int j = 0; j < found.count; j++) {
			const struct error *e = &found.list[j].at;

			snprintf(pointer, sizeof pointer, "/channels/%s%s",
			    c->name, e->pointer);
			setting_complain(r, pointer, e->text);
		}
		problems_free(&found);
	}
}

/* Recipients that are no contacts have their names already. */
static void
check_contact(struct setting_reader *r, const char *name)
{
	struct buf pointer = {0};

	buf_addf(&pointer, "/contacts/%s", name);
	if (strcmp(name, "user") == 0 || strcmp(name, "member") == 0 ||
	    strcmp(name, "account.owner") == 0 ||
	    strncmp(name, "members:", 8) == 0)
		setting_complain(r, pointer.data,
		    "a contact cannot be called so: \"user\", \"member\", "
		    "\"members:...\" and \"account.owner\" are recipients by "
		    "themselves");
	buf_free(&pointer);
}

static void
check_topic(struct setting_reader *r, const char *topic, json_t *value)
{
	const char *title, *description;
	struct buf pointer = {0};
	char text[40];

	buf_addf(&pointer, "/topics/%s", topic);
	snprintf(text, sizeof text, "a topic has %d bytes at most", TOPIC_MAX);
	if (strlen(topic) > TOPIC_MAX)
		setting_complain(r, pointer.data, text);
	else if (json_unpack(value, "{s?s,s?s!}", "title", &title,
		     "description", &description) != 0)
		setting_complain(r, pointer.data,
		    "{\"title\": \"...\", \"description\": \"...\"} is "
		    "expected");
	buf_free(&pointer);
}

/*
 * Caps count the messages that are kept, and a messageId or a message's key
 * that was forgotten is new again.
 */
static void
check_retention(struct setting_reader *r)
{
	struct settings *s = r->arg;
	int64_t least = s->dedupe_ms;
	const char *what = "\"dedupe\"";
	char text[200], window[40];

	for (int i = 0; i < s->n_caps; i++)
		if (s->caps[i].window_ms > least) {
			least = s->caps[i].window_ms;
			what = "the window of a cap";
		}
	if (s->retention_ms >= least && s->retention_ms > 0)
		return;
	snprintf(text, sizeof text,
	    "what is kept must last as long as %s, which is %s", what,
	    duration_text(least, window, sizeof window));
	setting_complain(r, "/retention",
	    least > 0 ? text : "a time longer than 0 is expected");
}

static void
check_settings(struct setting_reader *r)
{
	struct settings *s = r->arg;
	const char *topic, *contact;
	json_t *value;

	json_object_foreach(s->topics, topic, value)
	    check_topic(r, topic, value);
	json_object_foreach(s->contacts, contact, value)
	    check_contact(r, contact);
	if (s->n_channels == 0 && r->problems->errors == 0)
		setting_complain(r, "/channels",
		    "there is no channel to send by: \"channels\": "
		    "{ \"email\": { \"type\": \"capture\" } }");
	check_retention(r);
	if ((s->quiet_from_min < 0) != (s->quiet_to_min < 0))
		setting_complain(
		    r, "/quiet", "quiet hours have a \"from\" and a \"to\"");
	if (strchr(s->listen, ':') == NULL)
		setting_complain(r, "/listen",
		    "an address and a port are expected, "
		    "such as 127.0.0.1:8460");
}

/* Enough to ask a worker that has read a better file. */
static void
read_usual_token(const struct setting_reader *r)
{
	struct problems ignored = {0};
	struct setting_reader usual = *r;
	json_t *object = json_pack(
	    "{s:{s:[s]}}", "keys", "operator", "$NUDGE_OPERATOR_TOKEN");

	usual.problems = &ignored;
	setting_table_read(&usual, &worker_table, r->arg, object, "");
	problems_free(&ignored);
	json_decref(object);
}

struct settings *
settings_load(
    const char *folder, const char *const *overrides, struct problems *problems)
{
	struct settings *s = xcalloc(1, sizeof *s);
	struct json_doc doc = {0};
	struct setting_reader r = {.doc = &doc, .problems = problems, .arg = s};
	char *absolute = realpath(folder, NULL);
	struct buf path = {0};
	struct error e;
	size_t len;

	s->folder = absolute != NULL ? absolute : xstrdup(folder);
	r.folder = s->folder;
	s->quiet_from_min = s->quiet_to_min = -1;
	buf_addf(&path, "%s/.env", s->folder);
	r.env = file_read(path.data, &len, &e);
	if (r.env == NULL && errno != ENOENT)
		r.no_env = strerror(errno);
	buf_truncate(&path, 0);
	buf_addf(&path, "%s/nudge.json", s->folder);
	setting_table_defaults(&r, &worker_table, s);
	if (json_doc_load(&doc, path.data, "nudge.json", &e) != 0) {
		problems_add(problems, &e);
		read_usual_token(&r);
	} else {
		s->is_read = true;
		setting_table_read(&r, &worker_table, s, doc.root, "");
	}
	read_environment(&r);
	read_flags(&r, overrides);
	if (s->is_read) {
		check_settings(&r);
		plan_webhooks(&r);
	}
	if (s->contacts == NULL)
		s->contacts = json_object();
	if (s->variables == NULL)
		s->variables = json_object();
	json_doc_free(&doc);
	buf_free(&path);
	free(r.env);
	return s;
}

void
settings_free(struct settings *s)
{
	if (s == NULL)
		return;
	for (int i = 0; i < s->n_channels; i++) {
		webhook_plan_free(s->channels[i].plan);
		setting_table_free(&channel_table, &s->channels[i]);
		free(s->channels[i].name);
	}
	setting_table_free(&worker_table, s);
	free(s->channels);
	free(s->caps);
	free(s->folder);
	free(s);
}

void
settings_address(const struct settings *s, int port, char *url, size_t size)
{
	const char *colon = strrchr(s->listen, ':');
	int len = colon != NULL ? (int)(colon - s->listen) : 0;
	bool is_any = len == 0 || strncmp(s->listen, "0.0.0.0", 7) == 0;

	if (port == 0 && colon != NULL)
		port = atoi(colon + 1);
	snprintf(url, size, "http://%.*s:%d", is_any ? 9 : len,
	    is_any ? "127.0.0.1" : s->listen, port);
}

const struct channel *
settings_channel(const struct settings *s, const char *name)
{
	for (int i = 0; i < s->n_channels; i++)
		if (strcmp(s->channels[i].name, name) == 0)
			return &s->channels[i];
	return NULL;
}

bool
channel_equal(const struct channel *a, const struct channel *b)
{
	return setting_table_equal(&channel_table, a, b);
}

void
settings_each(settings_fn *take, void *arg)
{
	for (size_t i = 0; i < worker_table.n; i++)
		take(&worker_table.rows[i], false, arg);
	for (size_t i = 0; i < channel_table.n; i++)
		take(&channel_table.rows[i], true, arg);
}

void
settings_help(struct buf *out)
{
	setting_table_help(&worker_table, "", out);
	buf_adds(out,
	    "  caps\n      [{\"max\": 3, \"window\": \"7d\"}]: at most "
	    "so many messages a person\n");
	setting_table_help(&channel_table, "channels.NAME.", out);
}

json_t *
settings_schema(void)
{
	json_t *schema = setting_table_schema(&worker_table);
	json_t *channel = setting_table_schema(&channel_table);
	json_t *properties = json_object_get(schema, "properties");

	json_object_set_new(schema, "$schema",
	    json_string("https://json-schema.org/draft/2020-12/schema"));
	json_object_set_new(schema, "title",
	    json_string("Settings of a nudge workspace (nudge.json)"));
	json_object_set_new(
	    properties, "$schema", json_pack("{s:s}", "type", "string"));
	json_object_set_new(properties, "channels",
	    json_pack("{s:s,s:o}", "type", "object", "additionalProperties",
		channel));
	json_object_set_new(
	    json_object_get(json_object_get(channel, "properties"), "type"),
	    "enum", json_pack("[s,s,s]", types[0], types[1], types[2]));
	json_object_set_new(properties, "caps",
	    json_loads("{\"type\":\"array\",\"items\":{\"type\":\"object\","
		       "\"properties\":{\"max\":{\"type\":\"integer\"},"
		       "\"window\":{\"type\":\"string\"}},"
		       "\"required\":[\"max\",\"window\"]}}",
		0, NULL));
	json_object_set_new(json_object_get(properties, "topics"),
	    "additionalProperties",
	    json_loads("{\"type\":\"object\",\"properties\":{"
		       "\"title\":{\"type\":\"string\"},"
		       "\"description\":{\"type\":\"string\"}},"
		       "\"additionalProperties\":false}",
		0, NULL));
	return schema;
}
