/* SPDX-License-Identifier: MIT */
/*
 * smtp_conversation - plays the cases of tests/smtp: what a relay says, and
 * what becomes of the mail. tests/smtp/README tells how one is written.
 *
 * Each case is a process of its own for each way that mail can go, several at a
 * time: most of them only wait for a timeout. With names of files, only those.
 */
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <sys/wait.h>

#include "tests/unit/smtp_world.h"

#include "templates/json.h"

enum { AT_ONCE = 16, LINES = 80, PATIENCE_S = 60, ANY = -1 };

struct lines {
	const char *list[LINES];
	int n;
};

static const char *const verdict_names[] = {
    "sent", "retry", "refused", "unsure", "held", "skipped", "released"};

struct expected {
	int what;
	int code;	   /* 0: whatever it is */
	char enhanced[12]; /* "": the same */
	bool slows, dead, policy;
};

struct conversation {
	const char *file;
	char *text; /* of the file, in pieces */
	const char *ways;
	struct rule rules[MAX_RULES + 1];
	struct buf replies[MAX_RULES], ehlo;
	int n_rules;
	const char *certificate;
	const char *to[MAX_MESSAGES]; /* NULL: user1@example.com and so on */
	int mails, sizes[MAX_MESSAGES];
	struct channel channel; /* what is not 0 counts */
	char *tls;		/* "starttls" though the server has none */
	char *token;		/* what stands in the channel's token_file */
	struct expected expected[MAX_MESSAGES];
	struct lines notices, says, unsaid;
	int connections, segments;
};

/* How mail can go. */
static const struct way {
	const char *name;
	const char *ehlo;
	enum channel_tls tls;
	const char *host, *san;
} ways[] = {
    {"plain", "", TLS_NONE, "127.0.0.1", NULL},
    {"pipelining", "250-PIPELINING\r\n", TLS_NONE, "127.0.0.1", NULL},
    {"chunking", "250-PIPELINING\r\n250-CHUNKING\r\n", TLS_NONE, "127.0.0.1",
	NULL},
    {"starttls", "250-PIPELINING\r\n", TLS_STARTTLS, "localhost",
	"DNS:localhost"},
    {"starttls-ip4", "", TLS_STARTTLS, "127.0.0.1", "IP:127.0.0.1"},
    {"implicit", "", TLS_IMPLICIT, "localhost", "DNS:localhost"},
    {"ip6", "", TLS_NONE, "::1", NULL},
    {"starttls-ip6", "", TLS_STARTTLS, "::1", "IP:::1"},
};

/* ------------------------------------------------------- reading a file */

static void __attribute__((noreturn, format(printf, 2, 3)))
bad(const char *file, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fprintf(stderr, "%s: ", file);
	vfprintf(stderr, format, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(2);
}

static char *
trim(char *s)
{
	char *end = s + strlen(s);

	while (end > s && strchr(" \t\r", end[-1]) != NULL)
		*--end = '\0';
	return s + strspn(s, " \t");
}

/* "refused 550 5.1.1 dead" */
static struct expected
read_verdict(const struct conversation *c, char *text)
{
	struct expected x = {.what = ANY};

	for (char *w = strtok(text, " ,"); w != NULL; w = strtok(NULL, " ,")) {
		int what = ANY;

		for (int i = 0; i < 7; i++)
			if (strcmp(w, verdict_names[i]) == 0)
				what = i;
		if (what != ANY)
			x.what = what;
		else if (strcmp(w, "slows") == 0)
			x.slows = true;
		else if (strcmp(w, "dead") == 0)
			x.dead = true;
		else if (strcmp(w, "policy") == 0)
			x.policy = true;
		else if (strspn(w, "0123456789.") != strlen(w))
			bad(c->file, "\"%s\" is not of a verdict", w);
		else if (strchr(w, '.') != NULL)
			snprintf(x.enhanced, sizeof x.enhanced, "%s", w);
		else
			x.code = atoi(w);
	}
	return x;
}

/* "close" and the like are things to do; the rest is said as it is. */
static void
add_reply(struct buf *b, const char *text)
{
	static const char *const deeds[] = {
	    "close", "reset", "silent", "stall", "cut", "deaf"};

	for (size_t i = 0; i < sizeof deeds / sizeof *deeds; i++)
		if (strcmp(text, deeds[i]) == 0) {
			buf_addf(b, "!%s", text);
			return;
		}
	buf_addf(b, "%s\r\n", text);
}

/* "RCPT 2": the second RCPT; "RCPT": each; "AUTH PLAIN AG4=": as it begins. */
static void
add_rule(struct conversation *c, char *at, const char *reply)
{
	struct rule *r = &c->rules[c->n_rules];
	char *last = strrchr(at, ' ');

	if (c->n_rules == MAX_RULES)
		bad(c->file, "more than %d replies", MAX_RULES);
	if (last != NULL &&
	    strspn(last + 1, "0123456789") == strlen(last + 1)) {
		r->nth = atoi(last + 1);
		*last = '\0';
	}
	r->at = at;
	add_reply(&c->replies[c->n_rules], reply);
	r->reply = c->replies[c->n_rules++].data;
}

static int
mail_number(const struct conversation *c, const char *text)
{
	int n = atoi(text);

	if (n < 1 || n > MAX_MESSAGES)
		bad(c->file, "\"%s\" is not the number of a mail", text);
	return n - 1;
}

/* What a line's name means: `of` is what stands behind it. */

static void
read_at(struct conversation *c, char *of, char *value)
{
	add_rule(c, of, value);
}

static void
read_more(struct conversation *c, char *of, char *value)
{
	int last = c->n_rules - 1;

	if (last < 0)
		bad(c->file, "there is no reply that this goes on with");
	add_reply(&c->replies[last], value);
	c->rules[last].reply = c->replies[last].data;
}

static void
read_set(struct conversation *c, char *of, char *value)
{
	struct channel *ch = &c->channel;
	const struct {
		const char *name;
		int *number;
		char **text;
	} settings[] = {
	    {"connections", &ch->connections, NULL},
	    {"unsettled", &ch->unsettled, NULL},
	    {"messages_per_connection", &ch->messages_per_connection, NULL},
	    {"timeout", &ch->timeout_ms, NULL}, /* in ms */
	    {"auth", NULL, &ch->auth},
	    {"token_file", NULL, &c->token},
	    {"tls", NULL, &c->tls},
	    {"host", NULL, &ch->host},
	    {"user", NULL, &ch->user},
	    {"password", NULL, &ch->password},
	};

	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
		if (strcmp(of, settings[i].name) != 0)
			continue;
		if (settings[i].number != NULL)
			*settings[i].number = atoi(value);
		else
			*settings[i].text = value;
		return;
	}
	bad(c->file, "\"%s\" is not a setting here", of);
}

static void
read_expected(struct conversation *c, char *of, char *value)
{
	struct expected x = read_verdict(c, value);

	for (int i = *of == '\0' ? 0 : mail_number(c, of); i < MAX_MESSAGES;
	     i++) {
		c->expected[i] = x;
		if (*of != '\0')
			return;
	}
}

static void
read_to(struct conversation *c, char *of, char *value)
{
	c->to[mail_number(c, of)] = value;
}

static void
read_ways(struct conversation *c, char *of, char *value)
{
	c->ways = value;
}

static void
read_ehlo(struct conversation *c, char *of, char *value)
{
	buf_addf(&c->ehlo, "250-%s\r\n", value);
}

static void
read_mails(struct conversation *c, char *of, char *value)
{
	c->mails = mail_number(c, value) + 1;
}

static void
read_size(struct conversation *c, char *of, char *value)
{
	for (int i = *of == '\0' ? 0 : mail_number(c, of); i < MAX_MESSAGES;
	     i++) {
		c->sizes[i] = atoi(value);
		if (*of != '\0')
			return;
	}
}

static void
read_certificate(struct conversation *c, char *of, char *value)
{
	c->certificate = value;
}

static void
add_line(const struct conversation *c, struct lines *l, const char *text)
{
	if (l->n == LINES)
		bad(c->file, "more than %d such lines", LINES);
	l->list[l->n++] = text;
}

static void
read_notice(struct conversation *c, char *of, char *value)
{
	add_line(c, &c->notices, value);
}

static void
read_client(struct conversation *c, char *of, char *value)
{
	add_line(c, &c->says, value);
}

static void
read_unsaid(struct conversation *c, char *of, char *value)
{
	add_line(c, &c->unsaid, value);
}

static void
read_connections(struct conversation *c, char *of, char *value)
{
	c->connections = atoi(value);
}

static void
read_segments(struct conversation *c, char *of, char *value)
{
	c->segments = atoi(value);
}

static const struct {
	const char *name;
	void (*read)(struct conversation *, char *of, char *value);
} keys[] = {
    {"ways", read_ways},
    {"ehlo", read_ehlo},
    {"certificate", read_certificate},
    {"set", read_set},
    {"mails", read_mails},
    {"size", read_size},
    {"to", read_to},
    {"at", read_at},
    {"+", read_more},
    {"verdict", read_expected},
    {"notice", read_notice},
    {"C", read_client},
    {"unsaid", read_unsaid},
    {"connections", read_connections},
    {"segments", read_segments},
};

/* "verdict 2: refused 550"; "+ 250 go on" has no colon. */
static void
read_line(struct conversation *c, char *line)
{
	char *value = *line == '+' ? line + 1 : strstr(line, ": ");
	char *of = line + strcspn(line, " :");

	if (value == NULL)
		bad(c->file, "\"%s\" is not \"name: value\"", line);
	*value++ = '\0';
	if (*of != '\0')
		*of++ = '\0';
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (strcmp(line[0] != '\0' ? line : "+", keys[i].name) == 0) {
			keys[i].read(c, trim(of), trim(value));
			return;
		}
	bad(c->file, "\"%s\" is not known here", line);
}

static void
conversation_read(struct conversation *c, const char *file)
{
	struct error e;
	size_t len;
	char *line, *rest;

	*c = (struct conversation){.file = file,
	    .ways = "plain pipelining starttls implicit",
	    .certificate = "good",
	    .mails = 1,
	    .connections = ANY,
	    .segments = ANY};
	c->text = rest = file_read(file, &len, &e);
	if (rest == NULL)
		bad(file, "%s", e.text);
	if (strncmp(rest, "# ", 2) != 0)
		bad(file, "the first line says what it is about: \"# ...\"");
	while ((line = strsep(&rest, "\n")) != NULL) {
		line = trim(line);
		if (line[0] != '#' && line[0] != '\0')
			read_line(c, line);
	}
	if (c->ehlo.len == 0)
		buf_adds(&c->ehlo, "250-ENHANCEDSTATUSCODES\r\n");
}

static void
conversation_free(struct conversation *c)
{
	for (int i = 0; i < c->n_rules; i++)
		buf_free(&c->replies[i]);
	buf_free(&c->ehlo);
	free(c->text);
}

/* ------------------------------------------------------------ playing it */

static const struct way *
find_way(const char *file, const char *name)
{
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
		if (strcmp(ways[i].name, name) == 0)
			return &ways[i];
	bad(file, "\"%s\" is not a way", name);
}

static void
secure(struct world *w, struct tls *tls, const struct way *way,
    const char *certificate)
{
	bool wrong = strcmp(certificate, "wrong name") == 0;
	bool trusted = strcmp(certificate, "unknown issuer") != 0;
	long until_s = strcmp(certificate, "expired") == 0 ? -3600 : 3600;

	if (way->san == NULL)
		return;
	world_secure(
	    w, tls, wrong ? "DNS:other.example" : way->san, trusted, until_s);
	w->server->implicit = way->tls == TLS_IMPLICIT;
}

static void
set_channel(struct channel *c, const struct channel *with)
{
	if (with->connections > 0)
		c->connections = with->connections;
	if (with->unsettled > 0)
		c->unsettled = with->unsettled;
	if (with->messages_per_connection > 0)
		c->messages_per_connection = with->messages_per_connection;
	if (with->timeout_ms > 0)
		c->timeout_ms = with->timeout_ms;
	if (with->host != NULL)
		c->host = with->host;
	c->auth = with->auth;
	c->user = with->user;
	c->password = with->password;
}

/* "none": there is no such file. */
static char *
token_file(const char *token)
{
	static char path[60];
	FILE *f;

	if (strcmp(token, "none") == 0)
		return "/does/not/exist";
	strcpy(path, "/tmp/nudge-smtp-test-XXXXXX");
	f = fdopen(mkstemp(path), "w");
	fprintf(f, "%s\n", token);
	fclose(f);
	return path;
}

static void
add_mails(struct world *w, const struct conversation *c)
{
	for (int i = 0; i < c->mails; i++) {
		struct delivery *d =
		    c->to[i] != NULL ? add_to(w, c->to[i], "") : add(w);
		struct buf body = {0};

		make_body(&body, c->sizes[i]);
		free(d->scope);
		d->scope = buf_steal(&body);
	}
}

/*
 * Until each mail has a verdict that stands, or the lane has paused and nothing
 * is on its way. A relay that stalls goes on after the first verdict.
 */
static void
play(struct world *w)
{
	for (feed(w); w->n_verdicts < w->n_deliveries; feed(w)) {
		if (transport_smtp.room(w->transport) == 0 &&
		    w->offered == w->n_given)
			return;
		turn(w, "the verdict");
		if (w->n_verdicts > 0)
			server_resume(w->server);
	}
}

/* ------------------------------------------------------------ looking back */

/* What is not as it should be, a line each. */
static void
check_verdicts(
    struct buf *wrong, const struct conversation *c, const struct world *w)
{
	for (int i = 0; i < c->mails; i++) {
		const struct verdict *v = &w->deliveries[i].verdict;
		const struct expected *x = &c->expected[i];

		if ((int)v->what == x->what &&
		    (x->code == 0 || v->code == x->code) &&
		    (x->enhanced[0] == '\0' ||
			strcmp(v->enhanced_status, x->enhanced) == 0) &&
		    v->slows_channel == x->slows &&
		    v->address_is_dead == x->dead && v->is_policy == x->policy)
			continue;
		buf_addf(wrong, "mail %d: %s %d %s%s%s%s \"%s\"\n", i + 1,
		    verdict_names[v->what], v->code, v->enhanced_status,
		    v->slows_channel ? " slows" : "",
		    v->address_is_dead ? " dead" : "",
		    v->is_policy ? " policy" : "", v->text);
	}
}

/* Whoever was told "sent" got it once, every byte of it; the others did not. */
static void
check_mails(struct buf *wrong, const struct conversation *c, struct world *w)
{
	for (int i = 0; i < c->mails; i++) {
		struct delivery *d = &w->deliveries[i];
		struct buf bytes = {0};
		int n = 0;

		compose_mail(d, &bytes);
		for (int j = 0; j < w->server->n_received; j++) {
			const struct received *r = &w->server->received[j];

			if (strcmp(r->to, d->address) != 0)
				continue;
			n++;
			if (r->len != bytes.len ||
			    memcmp(r->data, bytes.data, r->len) != 0)
				buf_addf(
				    wrong, "mail %d: other bytes\n", i + 1);
		}
		if (n != (d->verdict.what == VERDICT_SENT))
			buf_addf(
			    wrong, "mail %d: received %d times\n", i + 1, n);
		buf_free(&bytes);
	}
}

static void
check_notices(
    struct buf *wrong, const struct conversation *c, const struct world *w)
{
	const char *said = buf_str(&w->notices);

	for (int i = 0; i < c->notices.n; i++)
		if (strstr(said, c->notices.list[i]) == NULL)
			buf_addf(
			    wrong, "no notice \"%s\"\n", c->notices.list[i]);
	if (c->notices.n == 0 && said[0] != '\0')
		buf_addf(wrong, "a notice\n");
}

static void
check_said(
    struct buf *wrong, const struct conversation *c, const struct world *w)
{
	char *text = xstrdup(buf_str(&w->server->said)), *rest = text, *line;
	int n = 0;

	while ((line = strsep(&rest, "\n")) != NULL && *line != '\0') {
		for (int i = 0; i < c->unsaid.n; i++)
			if (fnmatch(c->unsaid.list[i], line, 0) == 0)
				buf_addf(wrong, "said: %s\n", line);
		if (c->says.n > 0 &&
		    (n >= c->says.n || fnmatch(c->says.list[n], line, 0) != 0))
			buf_addf(wrong, "line %d: \"%s\" for \"%s\"\n", n + 1,
			    line, n < c->says.n ? c->says.list[n] : "");
		n++;
	}
	if (n < c->says.n)
		buf_addf(wrong, "not said: %s\n", c->says.list[n]);
	free(text);
}

static void
check_counts(
    struct buf *wrong, const struct conversation *c, const struct world *w)
{
	const struct server *s = w->server;

	if (c->connections != ANY && s->n_connections != c->connections)
		buf_addf(wrong, "%d connections\n", s->n_connections);
	if (c->segments != ANY && s->segments > c->segments)
		buf_addf(wrong, "%d segments\n", s->segments);
}

/* In a process of its own. Returns whether all was as it should be. */
static bool
converse(struct conversation *c, const struct way *way)
{
	struct world *w = world_new(c->rules);
	struct buf wrong = {0};
	struct tls tls;
	bool ok;

	alarm(PATIENCE_S);
	w->again = true;
	if (strcmp(way->host, "::1") == 0 &&
	    server_bind(w->server, AF_INET6) < 0) {
		printf("%s (%s): skipped, no IPv6\n", c->file, way->name);
		return true;
	}
	buf_adds(&c->ehlo, way->ehlo);
	w->server->ehlo = c->ehlo.data;
	secure(w, &tls, way, c->certificate);
	w->channel.port = w->server->port;
	w->channel.tls = way->tls;
	w->channel.host = (char *)way->host;
	set_channel(&w->channel, &c->channel);
	if (c->tls != NULL && strcmp(c->tls, "starttls") == 0)
		w->channel.tls = TLS_STARTTLS;
	if (c->token != NULL)
		w->channel.token_file = token_file(c->token);
	add_mails(w, c);
	world_start(w);
	play(w);
	world_stop(w);
	check_verdicts(&wrong, c, w);
	check_mails(&wrong, c, w);
	check_notices(&wrong, c, w);
	check_said(&wrong, c, w);
	check_counts(&wrong, c, w);
	ok = wrong.len == 0;
	if (!ok)
		fprintf(stderr,
		    "%s (%s):\n%s--- the client said:\n%s--- notices:\n%s\n",
		    c->file, way->name, wrong.data, buf_str(&w->server->said),
		    buf_str(&w->notices));
	if (way->san != NULL)
		tls_free(&tls);
	if (c->token != NULL)
		unlink(w->channel.token_file);
	buf_free(&wrong);
	world_free(w);
	return ok;
}

/* --------------------------------------------------------- all of them */

struct results {
	int running, played, failed;
};

static void
wait_for_one(struct results *r)
{
	int status;

	if (wait(&status) < 0)
		return;
	r->running--;
	r->played++;
	r->failed += status != 0;
	if (WIFSIGNALED(status))
		fprintf(stderr, "one died of signal %d\n", WTERMSIG(status));
}

static void
start_one(struct results *r, const char *file, const char *name)
{
	struct conversation c;
	bool ok;

	while (r->running >= AT_ONCE)
		wait_for_one(r);
	fflush(NULL);
	r->running++;
	if (fork() != 0)
		return;
	conversation_read(&c, file);
	ok = converse(&c, find_way(file, name));
	conversation_free(&c);
	exit(ok ? 0 : 1);
}

static void
start_all_ways(struct results *r, const char *file)
{
	struct conversation c;
	char name[40];
	size_t len;

	conversation_read(&c, file);
	for (const char *way = c.ways; *way != '\0'; way += strspn(way, " ")) {
		len = strcspn(way, " ");
		snprintf(name, sizeof name, "%.*s", (int)len, way);
		start_one(r, file, name);
		way += len;
	}
	conversation_free(&c);
}

static int
is_conversation(const struct dirent *entry)
{
	return fnmatch("*.conv", entry->d_name, 0) == 0;
}

static void
start_folder(struct results *r, const char *folder)
{
	struct dirent **list;
	int n = scandir(folder, &list, is_conversation, alphasort);

	if (n <= 0)
		bad(folder, "no conversations; start this at the top folder");
	for (int i = 0; i < n; i++) {
		char path[512];

		snprintf(path, sizeof path, "%s/%s", folder, list[i]->d_name);
		start_all_ways(r, path);
		free(list[i]);
	}
	free(list);
}

int
main(int argc, char **argv)
{
	struct results r = {0};

	signal(SIGPIPE, SIG_IGN);
	if (argc == 1)
		start_folder(&r, "tests/smtp");
	for (int i = 1; i < argc; i++)
		start_all_ways(&r, argv[i]);
	while (r.running > 0)
		wait_for_one(&r);
	printf("%d conversations, %d failed\n", r.played, r.failed);
	return r.failed > 0;
}
