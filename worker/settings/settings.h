/* SPDX-License-Identifier: MIT */
#ifndef WORKER_SETTINGS_SETTINGS_H
#define WORKER_SETTINGS_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "templates/buf.h"
#include "templates/error.h"
#include "templates/time/zone.h"

/*
 * settings - nudge.json, the environment (NUDGE_LISTEN ...) and flags, in one
 * table: name, type, range, default, help. Immutable once loaded.
 *
 * A string "$NAME" is taken from the environment, from the file that NAME_FILE
 * names, or from the workspace's .env file, in this order.
 */

enum channel_tls { TLS_NONE, TLS_STARTTLS, TLS_IMPLICIT };

struct webhook_plan; /* worker/delivery/webhook/webhook_plan.h */

/* A way out. Which members count depends on the type. */
struct channel {
	char *name;
	char *type;	       /* "smtp", "webhook", "capture" */
	bool is_incomplete;    /* a variable of it is not set */
	double rate;	       /* messages a second; 0: no limit */
	int connections;       /* at most so many */
	int unsettled;	       /* verdicts a connection may be ahead */
	int timeout_ms;	       /* for one exchange with the other side */
	char *user, *password; /* NULL: no AUTH, no basic authentication */
	/* smtp */
	char *host;
	int port;
	enum channel_tls tls;
	char *ca_file; /* PEM; NULL: the system's; also of webhooks */
	char *helo;    /* NULL: the host's name */
	int messages_per_connection;
	char *auth;	  /* "password", or "xoauth2": with a token */
	char *token_file; /* where it is; NULL: it is the password */
	json_t *domains;  /* of recipients, to rates; may be NULL */
	struct {
		char *start; /* "2026-12-01"; NULL: no warming up */
		int first;   /* messages on that day */
		int64_t double_ms;
	} warmup;
	/* webhook */
	char *url;	 /* with Liquid, filled in for each message */
	char *method;	 /* "POST" */
	char *body;	 /* "json" or "form" */
	char **secrets;	 /* "whsec_..." or "whsk_...", each signs; or NULL */
	json_t *headers; /* name to value; may be NULL */
	char *bearer;	 /* token; may be NULL */
	struct {
		char *region, *service, *key, *secret, *session_token;
	} aws; /* NULL: not signed for AWS */
	/* conditions on an answer; may be NULL */
	char *success, *refused, *suppress, *temporary;
	char *provider_id; /* value of an answer; may be NULL */
	int64_t *retry_ms; /* waits between attempts; 0 ends them */
	int connect_timeout_ms;
	int max_reply;	    /* bytes of an answer */
	bool allow_private; /* addresses, for a url that comes from data */
	struct webhook_plan *plan; /* what all this means */
	/* capture */
	char *folder; /* absolute */
};

struct cap {
	int max;
	int64_t window_ms;
};

struct settings {
	char *folder;	  /* the workspace, absolute */
	char *listen;	  /* "127.0.0.1:8460" */
	char *public_url; /* no slash at the end */
	char *store;	  /* absolute path */
	const struct zone *zone;
	char *locale; /* of templates without one */
	char **write_keys, **operator_tokens; /* NULL-terminated */
	char **metrics_tokens;
	struct {
		char *name, *address, *postal, *reply_to, *id;
	} sender;
	struct channel *channels;
	int n_channels;
	json_t *contacts;      /* name to { email, channel, name } */
	json_t *topics;	       /* name to { title, description }; may be NULL */
	json_t *variables;     /* names for templates: app_url ... */
	json_t *template_keys; /* name to secret, for hmac_sha256 */
	bool allow_raw;	       /* in templates */
	struct cap *caps;
	int n_caps;
	int quiet_from_min, quiet_to_min; /* -1: no quiet hours */
	char **sandbox;			  /* patterns; NULL: no sandbox */
	char **lint_off; /* "RULE" or "FILE: RULE"; NULL: all are on */
	int64_t max_event_age_ms, dedupe_ms, retention_ms;
	int64_t retry_first_ms, retry_longest_ms;
	int retry_attempts;
	int64_t max_body, max_inflated; /* bytes of a request */
	int64_t max_headers;		/* bytes */
	int64_t max_backlog; /* inputs waiting for a turn: then 429 */
	int64_t max_uploads; /* bytes of all requests being read: then 503 */
	int max_depth;	     /* of a request's JSON */
	int max_values;	     /* of it; objects and lists count twice */
	int max_connections, request_ms;
	int drain_ms;
	bool is_read; /* nudge.json is JSON: what it says is in here */
	bool watches; /* its files, to read them again when they change */
	bool log_json;
};

/*
 * `overrides` is a NULL-terminated list of "name=value" from flags. Everything
 * that is wrong is added to the problems. Never NULL. Of a file that is no JSON
 * there are the defaults, and the operator token as `nudge init` names it.
 */
struct settings *settings_load(
    const char *folder, const char *const *overrides, struct problems *);
/*
 * Where it listens, as one of this machine reaches it; a port of 0 is that of
 * `listen`.
 */
void settings_address(
    const struct settings *, int port, char *url, size_t size);
void settings_free(struct settings *);

const struct channel *settings_channel(
    const struct settings *, const char *name);
/* Are all settings of two channels the same? */
bool channel_equal(const struct channel *, const struct channel *);

/* Every row of nudge.json, then every row of a channel. */
struct setting; /* worker/settings/setting_table.h */
typedef void settings_fn(const struct setting *, bool of_channel, void *arg);
void settings_each(settings_fn *, void *arg);
/*
 * What a flag or the environment says in place of nudge.json, and which of the
 * two; NULL: neither. Not for rows of a channel.
 */
const char *settings_override(
    const struct setting *, const char *const *overrides, const char **from);

/* The table as text, for `nudge help settings`, and as a JSON Schema. */
void settings_help(struct buf *out);
json_t *settings_schema(void);

#endif
