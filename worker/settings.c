/* SPDX-License-Identifier: MIT */
/*
 * settings - one table a JSON object of nudge.json. A row knows a setting's
 * name, type, range, default and help; reading, errors, `nudge help settings`
 * and the JSON Schema all come from it.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sequences/calendar.h"
#include "templates/json.h"
#include "templates/mem.h"
#include "templates/mime.h"
#include "worker/settings.h"

enum kind {
	KIND_TEXT,
	KIND_PATH,     /* relative to the workspace */
	KIND_URL,      /* http or https, no slash at the end */
	KIND_ADDRESS,  /* of mail */
	KIND_ZONE,
	KIND_INT,
	KIND_SIZE,     /* int64_t, bytes or a count */
	KIND_DURATION, /* int64_t ms: "24h" */
	KIND_WAIT,     /* int ms: "30s" */
	KIND_RATE,     /* double a second: "50/s", "10/m" */
	KIND_TIME,     /* int minutes of the day: "21:00" */
	KIND_TLS,
	KIND_FORMAT,   /* bool: "json" or "text" */
	KIND_TEXTS,    /* list of strings */
	KIND_OBJECT,   /* kept as it is, strings resolved */
};

struct setting {
	const char *name; /* dotted below the table's object */
	enum kind kind;
	size_t offset;
	const char *fallback; /* as text; NULL: none */
	int64_t min, max;
	const char *help;
	const char *types; /* of channels: which ones have it; NULL: all */
};

#define AT(member) offsetof(struct settings, member)
#define OF(member) offsetof(struct channel, member)

static const struct setting worker_settings[] = {
    {"listen", KIND_TEXT, AT(listen), "127.0.0.1:8460", 0, 0,
	"address and port to listen on; port 0 takes a free one", NULL},
    {"public_url", KIND_URL, AT(public_url), "http://127.0.0.1:8460", 0, 0,
	"how people reach it from outside, for unsubscribe links", NULL},
    {"store", KIND_PATH, AT(store), "data/nudge.db", 0, 0,
	"the file of state", NULL},
    {"timezone", KIND_ZONE, AT(zone), "UTC", 0, 0,
	"for people and accounts that have none", NULL},
    {"keys.write", KIND_TEXTS, AT(write_keys), NULL, 0, 0,
	"write keys that product events come with; none: any", NULL},
    {"keys.operator", KIND_TEXTS, AT(operator_tokens), NULL, 0, 0,
	"bearer tokens of operators; none: no operator interface", NULL},
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
    {"variables", KIND_OBJECT, AT(variables), NULL, 0, 0,
	"names for templates: app_url, product_name", NULL},
    {"quiet.from", KIND_TIME, AT(quiet_from_min), NULL, 0, 0,
	"quiet hours, in the person's zone", NULL},
    {"quiet.to", KIND_TIME, AT(quiet_to_min), NULL, 0, 0,
	"end of the quiet hours", NULL},
    {"sandbox.only", KIND_TEXTS, AT(sandbox), NULL, 0, 0,
	"only addresses that match are mailed: [\"*@acme.example\"]", NULL},
    {"max_event_age", KIND_DURATION, AT(max_event_age_ms), "24h", 0, 0,
	"older events update metrics but start nothing", NULL},
    {"dedupe", KIND_DURATION, AT(dedupe_ms), "48h", 0, 0,
	"how long a messageId is remembered", NULL},
    {"retention", KIND_DURATION, AT(retention_ms), "400d", 0, 0,
	"how long events, decisions and finished messages are kept", NULL},
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
    {"limits.backlog", KIND_SIZE, AT(max_backlog), "20000", 1, 10000000,
	"events waiting to be committed; past it clients get 429", NULL},
    {"drain", KIND_WAIT, AT(drain_ms), "30s", 0, 3600000,
	"how long SIGTERM waits for messages on their way", NULL},
    {"log", KIND_FORMAT, AT(log_json), "text", 0, 0,
	"\"text\" or \"json\"", NULL},
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
    {"user", KIND_TEXT, OF(user), NULL, 0, 0, "for AUTH", "smtp"},
    {"password", KIND_TEXT, OF(password), NULL, 0, 0, "for AUTH", "smtp"},
    {"helo", KIND_TEXT, OF(helo), NULL, 0, 0,
	"our own name for EHLO; default the host's", "smtp"},
    {"messages_per_connection", KIND_INT, OF(messages_per_connection), "100",
	1, 1000, "then a new one", "smtp"},
    {"url", KIND_TEXT, OF(url), NULL, 0, 0, "where to POST", "webhook"},
    {"secret", KIND_TEXT, OF(secret), NULL, 0, 0,
	"whsec_..., for Standard Webhooks signatures", "webhook"},
    {"old_secret", KIND_TEXT, OF(old_secret), NULL, 0, 0,
	"signs too while secrets rotate", "webhook"},
    {"headers", KIND_OBJECT, OF(headers), NULL, 0, 0,
	"more request headers", "webhook"},
    {"folder", KIND_PATH, OF(folder), "data/outbox", 0, 0,
	"where messages are written instead of being sent", "capture"},
};

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

struct reader {
	struct settings *settings;
	const struct json_doc *doc;
	struct problems *problems;
	char *env; /* text of .env, or NULL */
};

static void
complain(struct reader *r, const char *pointer, const char *what)
{
	struct error e;

	if (r->doc->root != NULL)
		json_doc_error(r->doc, pointer, &e, "%s", what);
	else
		error_at(&e, "nudge.json", 0, 0, pointer, "%s", what);
	problems_add(r->problems, &e);
}

/* ------------------------------------------------------- $NAME references */

static char *
env_file_value(const struct reader *r, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = r->env; p != NULL && *p != '\0';) {
		size_t line = strcspn(p, "\n");

		if (line > len && strncmp(p, name, len) == 0 && p[len] == '=') {
			while (line > len && isspace((unsigned char)p[line - 1]))
				line--;
			return xstrndup(p + len + 1, line - len - 1);
		}
		p += line + (p[line] == '\n');
	}
	return NULL;
}

/* What $NAME stands for; caller frees. NULL when it is set nowhere. */
static char *
reference(const struct reader *r, const char *name)
{
	char file_name[128];
	const char *value = getenv(name), *path;
	struct error e;
	size_t len;
	char *text;

	if (value != NULL)
		return xstrdup(value);
	snprintf(file_name, sizeof file_name, "%s_FILE", name);
	path = getenv(file_name);
	if (path == NULL)
		return env_file_value(r, name);
	text = file_read(path, &len, &e);
	if (text != NULL)
		while (len > 0 && isspace((unsigned char)text[len - 1]))
			text[--len] = '\0';
	return text;
}

static bool
is_reference(const char *s)
{
	return s[0] == '$' && (isupper((unsigned char)s[1]) || s[1] == '_') &&
	    s[1 + strspn(s + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] ==
	    '\0';
}

/* The string itself or what it refers to; caller frees; NULL: complained. */
static char *
resolve(struct reader *r, const char *pointer, const char *s)
{
	char text[300];
	char *value;

	if (!is_reference(s))
		return xstrdup(s);
	value = reference(r, s + 1);
	if (value == NULL) {
		snprintf(text, sizeof text,
		    "%s is not set: set it in the environment, in a file that "
		    "%s_FILE names, or in .env",
		    s, s + 1);
		complain(r, pointer, text);
	}
	return value;
}

/* ----------------------------------------------------- reading one value */

static char *
workspace_path(const struct reader *r, const char *path)
{
	struct buf b = {0};

	if (path[0] != '/')
		buf_addf(&b, "%s/", r->settings->folder);
	buf_adds(&b, path);
	return buf_steal(&b);
}

static int
parse_number(const char *text, int64_t min, int64_t max, int64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoll(text, &end, 10);
	return errno == 0 && end != text && *end == '\0' && *out >= min &&
		*out <= max
	    ? 0
	    : -1;
}

static int
parse_rate(const char *text, double *out)
{
	char *end;

	*out = strtod(text, &end);
	if (end == text || *out < 0 || *out > 1e6)
		return -1;
	if (strcmp(end, "/m") == 0)
		*out /= 60;
	else if (strcmp(end, "/h") == 0)
		*out /= 3600;
	else if (strcmp(end, "/s") != 0 && *end != '\0')
		return -1;
	return 0;
}

/* NULL, or what was expected. `text` is resolved already. */
static const char *
set_text(const struct reader *r, const struct setting *row, void *at,
    const char *text)
{
	static const char *const tls_names[] = {"none", "starttls", "implicit"};
	static char expected[80];
	int64_t n = 0;

	switch (row->kind) {
	case KIND_ADDRESS:
		if (!address_is_valid(text))
			return "a mail address is expected";
		/* FALLTHROUGH */
	case KIND_TEXT:
		if (row->max > 0 && ((int64_t)strlen(text) < row->min ||
					(int64_t)strlen(text) > row->max)) {
			snprintf(expected, sizeof expected,
			    "%d to %d characters are expected", (int)row->min,
			    (int)row->max);
			return expected;
		}
		free(*(char **)at);
		*(char **)at = xstrdup(text);
		return NULL;
	case KIND_PATH:
		free(*(char **)at);
		*(char **)at = workspace_path(r, text);
		return NULL;
	case KIND_URL:
		if (strncmp(text, "http://", 7) != 0 &&
		    strncmp(text, "https://", 8) != 0)
			return "a URL with http:// or https:// is expected";
		free(*(char **)at);
		*(char **)at = xstrdup(text);
		for (size_t len = strlen(text); (*(char **)at)[len - 1] == '/';)
			(*(char **)at)[--len] = '\0';
		return NULL;
	case KIND_ZONE:
		*(const struct zone **)at = zone_find(text);
		return *(const struct zone **)at != NULL
		    ? NULL
		    : "an IANA time zone is expected, such as Europe/Berlin";
	case KIND_INT:
	case KIND_SIZE:
		if (parse_number(text, row->min, row->max, &n) != 0) {
			snprintf(expected, sizeof expected,
			    "a whole number from %lld to %lld is expected",
			    (long long)row->min, (long long)row->max);
			return expected;
		}
		if (row->kind == KIND_INT)
			*(int *)at = (int)n;
		else
			*(int64_t *)at = n;
		return NULL;
	case KIND_DURATION:
		return duration_parse(text, at) == 0
		    ? NULL
		    : "a duration is expected, such as 90s, 48h or 14d";
	case KIND_WAIT:
		if (duration_parse(text, &n) != 0 || n < row->min ||
		    n > row->max)
			return "a duration is expected, such as 30s";
		*(int *)at = (int)n;
		return NULL;
	case KIND_RATE:
		return parse_rate(text, at) == 0
		    ? NULL
		    : "a rate is expected, such as 50/s or 10/m";
	case KIND_TIME:
		return window_parse_time(text, at) == 0
		    ? NULL
		    : "a time of day is expected, such as 21:00";
	case KIND_TLS:
		for (int i = 0; i < 3; i++)
			if (strcmp(text, tls_names[i]) == 0) {
				*(enum channel_tls *)at = (enum channel_tls)i;
				return NULL;
			}
		return "\"starttls\", \"implicit\" or \"none\" is expected";
	case KIND_FORMAT:
		*(bool *)at = strcmp(text, "json") == 0;
		return *(bool *)at || strcmp(text, "text") == 0
		    ? NULL
		    : "\"text\" or \"json\" is expected";
	case KIND_TEXTS:
	case KIND_OBJECT:
		break;
	}
	return "this cannot be set from text";
}

static void
texts_free(char **list)
{
	for (char **s = list; s != NULL && *s != NULL; s++)
		free(*s);
	free(list);
}

static void
set_texts(struct reader *r, char ***at, const json_t *value,
    const char *pointer)
{
	size_t n = json_array_size(value), used = 0;
	char **list = xcalloc(n + 1, sizeof *list);

	for (size_t i = 0; i < n; i++) {
		const char *s = json_string_value(json_array_get(value, i));
		char element[200];

		snprintf(element, sizeof element, "%s/%zu", pointer, i);
		if (s == NULL)
			complain(r, element, "a string is expected");
		else if ((list[used] = resolve(r, element, s)) != NULL)
			used++;
	}
	texts_free(*at);
	*at = list;
}

/* A copy in which strings that are references are resolved. */
static json_t *
resolve_object(struct reader *r, const json_t *value, const char *pointer)
{
	json_t *copy = json_deep_copy(value), *member;
	const char *name;
	void *next;

	json_object_foreach_safe (copy, next, name, member) {
		char inner[200];
		const char *s = json_string_value(member);
		char *text;

		snprintf(inner, sizeof inner, "%s/%s", pointer, name);
		if (json_is_object(member))
			json_object_set_new(copy, name,
			    resolve_object(r, member, inner));
		if (s == NULL || (text = resolve(r, inner, s)) == NULL)
			continue;
		json_object_set_new(copy, name, json_string(text));
		free(text);
	}
	return copy;
}

static void
set_value(struct reader *r, const struct setting *row, void *base,
    const json_t *value, const char *pointer)
{
	void *at = (char *)base + row->offset;
	const char *wrong = NULL;
	char number[32];
	char *text = NULL;

	if (row->kind == KIND_TEXTS && json_is_array(value)) {
		set_texts(r, at, value, pointer);
		return;
	}
	if (row->kind == KIND_OBJECT && json_is_object(value)) {
		json_decref(*(json_t **)at);
		*(json_t **)at = resolve_object(r, value, pointer);
		return;
	}
	if (row->kind == KIND_TEXTS || row->kind == KIND_OBJECT) {
		wrong = row->kind == KIND_TEXTS ? "a list is expected"
						: "an object is expected";
	} else if (json_is_string(value)) {
		text = resolve(r, pointer, json_string_value(value));
		if (text != NULL)
			wrong = set_text(r, row, at, text);
	} else if (json_is_number(value) &&
	    (row->kind == KIND_INT || row->kind == KIND_SIZE ||
		row->kind == KIND_RATE)) {
		snprintf(number, sizeof number, "%.17g",
		    json_number_value(value));
		wrong = set_text(r, row, at, number);
	} else {
		wrong = "a string is expected";
	}
	if (wrong != NULL)
		complain(r, pointer, wrong);
	free(text);
}

/* --------------------------------------------------- reading an object */

static const struct setting *
find_row(const struct setting *table, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}

static bool
is_group(const struct setting *table, size_t n, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < n; i++)
		if (strncmp(table[i].name, name, len) == 0 &&
		    table[i].name[len] == '.')
			return true;
	return false;
}

static void
unknown_key(struct reader *r, const struct setting *table, size_t n,
    const char *prefix, const char *key, const char *pointer)
{
	const char *known[64];
	char names[64][32];
	char text[200];
	size_t count = 0;
	const char *near;

	for (size_t i = 0; i < n && count < 60; i++) {
		if (strncmp(table[i].name, prefix, strlen(prefix)) != 0)
			continue;
		snprintf(names[count], sizeof names[count], "%.*s",
		    (int)strcspn(table[i].name + strlen(prefix), "."),
		    table[i].name + strlen(prefix));
		known[count] = names[count];
		count++;
	}
	if (prefix[0] == '\0' && table == worker_settings) {
		known[count++] = "channels";
		known[count++] = "caps";
	}
	known[count] = NULL;
	near = suggest(key, known);
	snprintf(text, sizeof text, "\"%.60s\" is not a setting%s%s%s", key,
	    near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
	    near != NULL ? "\"?" : "");
	complain(r, pointer, text);
}

static void read_channels(struct reader *, const json_t *);
static void read_caps(struct reader *, const json_t *);

static void
read_object(struct reader *r, const struct setting *table, size_t n,
    void *base, const json_t *object, const char *prefix,
    const char *pointer)
{
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)object, key, value) {
		char name[128], inner[200];
		const struct setting *row;

		snprintf(name, sizeof name, "%s%s", prefix, key);
		snprintf(inner, sizeof inner, "%s/%s", pointer, key);
		row = find_row(table, n, name);
		if (row != NULL) {
			set_value(r, row, base, value, inner);
		} else if (is_group(table, n, name) && json_is_object(value)) {
			strcat(name, ".");
			read_object(r, table, n, base, value, name, inner);
		} else if (is_group(table, n, name)) {
			complain(r, inner, "an object is expected");
		} else if (table == worker_settings && prefix[0] == '\0' &&
		    strcmp(key, "channels") == 0) {
			read_channels(r, value);
		} else if (table == worker_settings && prefix[0] == '\0' &&
		    strcmp(key, "caps") == 0) {
			read_caps(r, value);
		} else if (strcmp(key, "$schema") != 0) {
			unknown_key(r, table, n, prefix, key, inner);
		}
	}
}

static void
set_defaults(struct reader *r, const struct setting *table, size_t n,
    void *base)
{
	for (size_t i = 0; i < n; i++)
		if (table[i].fallback != NULL)
			set_text(r, &table[i],
			    (char *)base + table[i].offset, table[i].fallback);
}

/* What a channel of its type must have, and must not. */
static void
check_channel(struct reader *r, struct channel *c, const json_t *value,
    const char *pointer)
{
	static const char *const types[] = {"smtp", "webhook", "capture", NULL};
	char text[200], inner[200];
	const char *key;
	json_t *member;

	if (c->type == NULL || strcmp(c->type, "smtp") * strcmp(c->type,
		"webhook") * strcmp(c->type, "capture") != 0) {
		const char *near = c->type ? suggest(c->type, types) : NULL;

		snprintf(text, sizeof text,
		    "a channel has a type: smtp, webhook or capture%s%s%s",
		    near != NULL ? "; did you mean \"" : "",
		    near != NULL ? near : "", near != NULL ? "\"?" : "");
		complain(r, pointer, text);
		return;
	}
	json_object_foreach ((json_t *)value, key, member) {
		const struct setting *row =
		    find_row(channel_settings, COUNT(channel_settings), key);

		if (row == NULL || row->types == NULL ||
		    strstr(row->types, c->type) != NULL)
			continue;
		snprintf(inner, sizeof inner, "%s/%s", pointer, key);
		snprintf(text, sizeof text, "\"%s\" is for %s channels", key,
		    row->types);
		complain(r, inner, text);
	}
	if (strcmp(c->type, "smtp") == 0 && c->host == NULL)
		complain(r, pointer, "an smtp channel needs a \"host\"");
	if (strcmp(c->type, "webhook") == 0 && c->url == NULL)
		complain(r, pointer, "a webhook channel needs a \"url\"");
	if ((c->user == NULL) != (c->password == NULL))
		complain(r, pointer, "user and password go together");
}

static void
read_channels(struct reader *r, const json_t *channels)
{
	struct settings *s = r->settings;
	const char *name;
	json_t *value;

	if (!json_is_object(channels)) {
		complain(r, "/channels", "an object is expected");
		return;
	}
	s->channels =
	    xcalloc(json_object_size(channels) + 1, sizeof *s->channels);
	json_object_foreach ((json_t *)channels, name, value) {
		struct channel *c = &s->channels[s->n_channels];
		char pointer[200];

		snprintf(pointer, sizeof pointer, "/channels/%s", name);
		if (!json_is_object(value)) {
			complain(r, pointer, "an object is expected");
			continue;
		}
		s->n_channels++;
		c->name = xstrdup(name);
		set_defaults(r, channel_settings, COUNT(channel_settings), c);
		read_object(r, channel_settings, COUNT(channel_settings), c,
		    value, "", pointer);
		check_channel(r, c, value, pointer);
	}
}

static void
read_caps(struct reader *r, const json_t *caps)
{
	struct settings *s = r->settings;
	size_t n = json_array_size(caps);

	if (!json_is_array(caps))
		complain(r, "/caps", "a list is expected");
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
			complain(r, pointer,
			    "{\"max\": 3, \"window\": \"7d\"} is expected");
		else
			s->n_caps++;
	}
}

/* -------------------------------------------- environment and flags */

/* NUDGE_PUBLIC_URL for public_url, NUDGE_RETRY_FIRST for retry.first. */
static void
read_environment(struct reader *r)
{
	for (size_t i = 0; i < COUNT(worker_settings); i++) {
		const struct setting *row = &worker_settings[i];
		char name[64] = "NUDGE_", text[200];
		const char *wrong;
		char *value;

		if (row->kind >= KIND_TEXTS)
			continue;
		for (size_t j = 0; row->name[j] != '\0'; j++)
			name[6 + j] = row->name[j] == '.'
			    ? '_'
			    : (char)toupper((unsigned char)row->name[j]);
		value = getenv(name) != NULL ? xstrdup(getenv(name)) : NULL;
		if (value == NULL)
			continue;
		wrong = set_text(r, row, (char *)r->settings + row->offset,
		    value);
		snprintf(text, sizeof text, "%s: %s", name,
		    wrong != NULL ? wrong : "");
		if (wrong != NULL)
			complain(r, "", text);
		free(value);
	}
}

static void
read_flags(struct reader *r, const char *const *overrides)
{
	for (; overrides != NULL && *overrides != NULL; overrides++) {
		char name[64], text[300];
		size_t len = strcspn(*overrides, "=");
		const struct setting *row;
		const char *wrong = "is not a setting";

		snprintf(name, sizeof name, "%.*s", (int)len, *overrides);
		row = find_row(worker_settings, COUNT(worker_settings), name);
		if (row != NULL && (*overrides)[len] == '=')
			wrong = set_text(r, row,
			    (char *)r->settings + row->offset,
			    *overrides + len + 1);
		snprintf(text, sizeof text, "%s: %s", name,
		    wrong != NULL ? wrong : "");
		if (wrong != NULL)
			complain(r, "", text);
	}
}

static void
check_settings(struct reader *r)
{
	struct settings *s = r->settings;

	if (s->n_channels == 0 && r->problems->errors == 0)
		complain(r, "", "there is no channel to send by: \"channels\": "
			       "{ \"email\": { \"type\": \"capture\" } }");
	if ((s->quiet_from_min < 0) != (s->quiet_to_min < 0))
		complain(r, "/quiet", "quiet hours have a \"from\" and a \"to\"");
	if (strchr(s->listen, ':') == NULL)
		complain(r, "/listen", "an address and a port are expected, "
				      "such as 127.0.0.1:8460");
}

struct settings *
settings_load(const char *folder, const char *const *overrides,
    struct problems *problems)
{
	struct settings *s = xcalloc(1, sizeof *s);
	struct json_doc doc = {0};
	struct reader r = {.settings = s, .doc = &doc, .problems = problems};
	char *absolute = realpath(folder, NULL);
	struct buf path = {0};
	struct error e;
	size_t len;

	s->folder = absolute != NULL ? absolute : xstrdup(folder);
	s->quiet_from_min = s->quiet_to_min = -1;
	buf_addf(&path, "%s/.env", s->folder);
	r.env = file_read(path.data, &len, &e);
	buf_truncate(&path, 0);
	buf_addf(&path, "%s/nudge.json", s->folder);
	set_defaults(&r, worker_settings, COUNT(worker_settings), s);
	if (json_doc_load(&doc, path.data, "nudge.json", &e) != 0) {
		problems_add(problems, &e);
	} else {
		read_object(&r, worker_settings, COUNT(worker_settings), s,
		    doc.root, "", "");
		read_environment(&r);
		read_flags(&r, overrides);
		check_settings(&r);
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

static void
free_row_values(const struct setting *table, size_t n, void *base)
{
	for (size_t i = 0; i < n; i++) {
		void *at = (char *)base + table[i].offset;

		switch (table[i].kind) {
		case KIND_TEXT:
		case KIND_PATH:
		case KIND_URL:
		case KIND_ADDRESS:
			free(*(char **)at);
			break;
		case KIND_TEXTS:
			texts_free(*(char ***)at);
			break;
		case KIND_OBJECT:
			json_decref(*(json_t **)at);
			break;
		default:
			break;
		}
	}
}

void
settings_free(struct settings *s)
{
	if (s == NULL)
		return;
	for (int i = 0; i < s->n_channels; i++) {
		free_row_values(channel_settings, COUNT(channel_settings),
		    &s->channels[i]);
		free(s->channels[i].name);
	}
	free_row_values(worker_settings, COUNT(worker_settings), s);
	free(s->channels);
	free(s->caps);
	free(s->folder);
	free(s);
}

const struct channel *
settings_channel(const struct settings *s, const char *name)
{
	for (int i = 0; i < s->n_channels; i++)
		if (strcmp(s->channels[i].name, name) == 0)
			return &s->channels[i];
	return NULL;
}

static bool
text_equal(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool
value_equal(const struct setting *row, const void *a, const void *b)
{
	switch (row->kind) {
	case KIND_INT:
	case KIND_WAIT:
		return *(const int *)a == *(const int *)b;
	case KIND_RATE:
		return *(const double *)a == *(const double *)b;
	case KIND_TLS:
		return *(const enum channel_tls *)a ==
		    *(const enum channel_tls *)b;
	case KIND_OBJECT:
		return *(json_t *const *)a == *(json_t *const *)b ||
		    json_equal(*(json_t *const *)a, *(json_t *const *)b);
	default:
		return text_equal(*(char *const *)a, *(char *const *)b);
	}
}

bool
channel_equal(const struct channel *a, const struct channel *b)
{
	for (size_t i = 0; i < COUNT(channel_settings); i++)
		if (!value_equal(&channel_settings[i],
			(const char *)a + channel_settings[i].offset,
			(const char *)b + channel_settings[i].offset))
			return false;
	return true;
}

/* ------------------------------------------------------ help and schema */

static void
help_table(const struct setting *table, size_t n, const char *prefix,
    struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		buf_addf(out, "  %s%s\n      %s", prefix, table[i].name,
		    table[i].help);
		if (table[i].types != NULL)
			buf_addf(out, " (%s)", table[i].types);
		if (table[i].fallback != NULL && table[i].fallback[0] != '\0')
			buf_addf(out, "; default %s", table[i].fallback);
		buf_adds(out, "\n");
	}
}

void
settings_help(struct buf *out)
{
	help_table(worker_settings, COUNT(worker_settings), "", out);
	buf_adds(out, "  caps\n      [{\"max\": 3, \"window\": \"7d\"}]: at most "
		      "so many messages a person\n");
	help_table(channel_settings, COUNT(channel_settings),
	    "channels.NAME.", out);
}

static json_t *
row_schema(const struct setting *row)
{
	json_t *schema = json_object();

	if (row->kind == KIND_TEXTS)
		json_object_set_new(schema, "type", json_string("array"));
	else if (row->kind == KIND_OBJECT)
		json_object_set_new(schema, "type", json_string("object"));
	else if (row->kind == KIND_INT || row->kind == KIND_SIZE ||
	    row->kind == KIND_RATE)
		json_object_set_new(schema, "type",
		    json_pack("[s,s]", "number", "string"));
	else
		json_object_set_new(schema, "type", json_string("string"));
	json_object_set_new(schema, "description", json_string(row->help));
	if (row->fallback != NULL)
		json_object_set_new(schema, "default",
		    json_string(row->fallback));
	return schema;
}

static json_t *
table_schema(const struct setting *table, size_t n)
{
	json_t *schema = json_pack("{s:s,s:{},s:b}", "type", "object",
	    "properties", "additionalProperties", 0);
	json_t *properties = json_object_get(schema, "properties");

	for (size_t i = 0; i < n; i++) {
		const char *dot = strchr(table[i].name, '.');
		json_t *into = properties;
		const char *name = table[i].name;

		if (dot != NULL) {
			char group[32];

			snprintf(group, sizeof group, "%.*s",
			    (int)(dot - name), name);
			if (json_object_get(properties, group) == NULL)
				json_object_set_new(properties, group,
				    json_pack("{s:s,s:{},s:b}", "type",
					"object", "properties",
					"additionalProperties", 0));
			into = json_object_get(
			    json_object_get(properties, group), "properties");
			name = dot + 1;
		}
		json_object_set_new(into, name, row_schema(&table[i]));
	}
	return schema;
}

json_t *
settings_schema(void)
{
	json_t *schema = table_schema(worker_settings, COUNT(worker_settings));
	json_t *properties = json_object_get(schema, "properties");

	json_object_set_new(schema, "$schema",
	    json_string("https://json-schema.org/draft/2020-12/schema"));
	json_object_set_new(schema, "title",
	    json_string("Settings of a nudge workspace (nudge.json)"));
	json_object_set_new(properties, "$schema",
	    json_pack("{s:s}", "type", "string"));
	json_object_set_new(properties, "channels",
	    json_pack("{s:s,s:o}", "type", "object", "additionalProperties",
		table_schema(channel_settings, COUNT(channel_settings))));
	json_object_set_new(properties, "caps",
	    json_loads("{\"type\":\"array\",\"items\":{\"type\":\"object\","
		       "\"properties\":{\"max\":{\"type\":\"integer\"},"
		       "\"window\":{\"type\":\"string\"}},"
		       "\"required\":[\"max\",\"window\"]}}",
		0, NULL));
	return schema;
}
