/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_SMTP_SERVER_H
#define TESTS_UNIT_SMTP_SERVER_H

/*
 * smtp_server - an SMTP server in threads of the test, that does as it is told.
 * It accepts everything, except where a rule says otherwise, and writes down
 * what it was told. All functions are static: a test includes the whole of it.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/tcp.h>
#include <netinet/in.h>

#include <openssl/ssl.h>

#include "templates/buf.h"
#include "templates/mem.h"

/*
 * `at` is how a line of the client begins, or "GREETING" or "BODY" (the final
 * dot). nth: which one of these, over all connections, from 1; 0: each. The
 * reply has its line ends; or it is something to do: "!close"; "!reset": the
 * same with a RST; "!silent": read on, never answer; "!stall": answer 354, but
 * read the data only after server_resume(); "!cut": answer 354 and hang up in
 * the middle of the data; "!deaf": a good answer, and nothing after it (to
 * STARTTLS: no handshake).
 */
struct rule {
	const char *at;
	int nth;
	const char *reply;
};

struct received {
	char *to, *data;
	size_t len;
	int connection;
};

enum { MAX_RECEIVED = 20000, MAX_CONNECTIONS = 1000, MAX_RULES = 16 };

struct server {
	const struct rule *rules; /* ends with an empty one; may be NULL */
	const char *ehlo;	  /* further lines of the answer to EHLO */
	SSL_CTX *tls;		  /* for STARTTLS */
	bool implicit;		  /* TLS before the greeting instead */
	int port;
	/* private */
	int listener;
	pthread_t thread, threads[MAX_CONNECTIONS];
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int seen[MAX_RULES];
	bool resumed, closing;
	int fds[MAX_CONNECTIONS]; /* -1: closed */
	/* to look at, after server_close() or by the functions below */
	int n_connections, open, most_open, n_received, n_mails;
	struct received *received;
	char sni[100];
	struct buf said; /* lines of the clients; "(message)" for one */
	int segments;	 /* that carried data, of connections that ended */
};

struct peer {
	struct server *server;
	int fd, number;
	SSL *ssl;
	char to[300];
	char in[4096];
	size_t at, len;
	bool left;
};

static int
peer_fill(struct peer *p)
{
	int n = p->ssl != NULL ? SSL_read(p->ssl, p->in, sizeof p->in)
			       : (int)read(p->fd, p->in, sizeof p->in);

	p->at = 0;
	p->len = n > 0 ? n : 0;
	return n > 0 ? 0 : -1;
}

static int
peer_byte(struct peer *p)
{
	if (p->at == p->len && peer_fill(p) < 0)
		return -1;
	return (unsigned char)p->in[p->at++];
}

/* With its line end. Returns -1 when there is none. */
static int
peer_line(struct peer *p, struct buf *out)
{
	int c;

	buf_truncate(out, 0);
	while ((c = peer_byte(p)) >= 0) {
		buf_addc(out, c);
		if (c == '\n')
			return 0;
	}
	return -1;
}

/* After 421 the server hangs up (RFC 5321 section 3.8). */
static int
peer_say(struct peer *p, const char *text)
{
	int len = strlen(text);
	int sent = p->ssl != NULL ? SSL_write(p->ssl, text, len)
				  : send(p->fd, text, len, MSG_NOSIGNAL);

	return sent == len && strncmp(text, "421", 3) != 0 ? 0 : -1;
}

static void
server_note(struct server *s, const char *line)
{
	pthread_mutex_lock(&s->lock);
	buf_addf(&s->said, "%.*s\n", (int)strcspn(line, "\r\n"), line);
	pthread_mutex_unlock(&s->lock);
}

static const char *
server_reply(struct server *s, const char *line, const char *usual)
{
	pthread_mutex_lock(&s->lock);
	for (int i = 0; s->rules != NULL && s->rules[i].at != NULL; i++) {
		const struct rule *r = &s->rules[i];

		if (strncasecmp(line, r->at, strlen(r->at)) == 0 &&
		    (++s->seen[i] == r->nth || r->nth == 0))
			usual = r->reply;
	}
	pthread_mutex_unlock(&s->lock);
	return usual;
}

/* The connection is at its end, one way or the other. */
static int
peer_misbehave(struct peer *p, const char *how)
{
	struct linger at_once = {1, 0};

	if (strcmp(how, "!silent") == 0)
		while (peer_fill(p) == 0)
			;
	else if (strcmp(how, "!reset") == 0)
		setsockopt(
		    p->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	return -1;
}

/* Returns -1 when the connection is at its end. */
static int
peer_answer(struct peer *p, const char *line, const char *usual)
{
	const char *reply = server_reply(p->server, line, usual);

	return reply[0] == '!' ? peer_misbehave(p, reply) : peer_say(p, reply);
}

static void
server_take(struct peer *p, struct buf *data)
{
	struct server *s = p->server;
	struct received r = {xstrdup(p->to), NULL, data->len, p->number};

	r.data = buf_steal(data);
	pthread_mutex_lock(&s->lock);
	if (s->n_received < MAX_RECEIVED)
		s->received[s->n_received++] = r;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

static void
server_wait_resumed(struct server *s)
{
	pthread_mutex_lock(&s->lock);
	while (!s->resumed && !s->closing)
		pthread_cond_wait(&s->changed, &s->lock);
	pthread_mutex_unlock(&s->lock);
}

/* A message counts as received when "250" was said to it. */
static int
peer_body(struct peer *p, struct buf *data)
{
	const char *usual = "250 2.0.0 Ok: queued as 4TEST\r\n";
	const char *reply = server_reply(p->server, "BODY", usual);

	server_note(p->server, "(message)");
	if (strncmp(reply, "250", 3) == 0)
		server_take(p, data);
	return reply[0] == '!' ? peer_misbehave(p, reply) : peer_say(p, reply);
}

static int
peer_data(struct peer *p)
{
	const char *usual = p->to[0] != '\0'
				? "354 go on\r\n"
				: "554 5.5.1 no valid recipients\r\n";
	const char *reply = server_reply(p->server, "DATA", usual);
	struct buf line = {0}, data = {0};
	int rc = 0;

	bool stalls = strcmp(reply, "!stall") == 0;
	bool cuts = strcmp(reply, "!cut") == 0;

	if (reply[0] == '!' && !stalls && !cuts)
		return peer_misbehave(p, reply);
	if (peer_say(p, reply[0] == '!' ? usual : reply) < 0)
		return -1;
	if (stalls)
		server_wait_resumed(p->server);
	else if (cuts)
		return peer_line(p, &line), buf_free(&line), -1;
	else if (strstr(reply, "354") == NULL)
		return 0;
	while (
	    (rc = peer_line(p, &line)) == 0 && strcmp(line.data, ".\r\n") != 0)
		buf_adds(&data, line.data + (line.data[0] == '.'));
	if (rc == 0)
		rc = peer_body(p, &data);
	buf_free(&line);
	buf_free(&data);
	return rc;
}

static int
peer_secure(struct peer *p)
{
	const char *name;

	p->ssl = SSL_new(p->server->tls);
	SSL_set_fd(p->ssl, p->fd);
	if (SSL_accept(p->ssl) != 1)
		return -1;
	name = SSL_get_servername(p->ssl, TLSEXT_NAMETYPE_host_name);
	pthread_mutex_lock(&p->server->lock);
	snprintf(p->server->sni, sizeof p->server->sni, "%s",
	    name != NULL ? name : "");
	pthread_mutex_unlock(&p->server->lock);
	return 0;
}

static int
peer_starttls(struct peer *p)
{
	static const char go[] = "220 go on\r\n";
	const char *reply = server_reply(p->server, "STARTTLS", go);

	if (strcmp(reply, "!deaf") == 0)
		return peer_say(p, go), peer_misbehave(p, "!silent");
	if (reply[0] == '!')
		return peer_misbehave(p, reply);
	if (peer_say(p, reply) < 0)
		return -1;
	return reply[0] == '2' ? peer_secure(p) : 0;
}

static int
peer_ehlo(struct peer *p)
{
	char reply[400];

	snprintf(reply, sizeof reply, "250-test\r\n%s%s250 SIZE 10000000\r\n",
	    p->server->tls != NULL && p->ssl == NULL ? "250-STARTTLS\r\n" : "",
	    p->server->ehlo != NULL ? p->server->ehlo : "");
	return peer_answer(p, "EHLO", reply);
}

static int
peer_mail(struct peer *p, const char *line)
{
	pthread_mutex_lock(&p->server->lock);
	p->server->n_mails++;
	p->to[0] = '\0';
	pthread_mutex_unlock(&p->server->lock);
	return peer_answer(p, line, "250 2.1.0 Ok\r\n");
}

static int
peer_rcpt(struct peer *p, const char *line)
{
	const char *reply = server_reply(p->server, line, "250 2.1.5 Ok\r\n");

	if (reply[0] == '2')
		snprintf(p->to, sizeof p->to, "%.*s",
		    (int)strcspn(line + 9, ">"), line + 9);
	return reply[0] == '!' ? peer_misbehave(p, reply) : peer_say(p, reply);
}

/* Before the client can know of it, and open another. */
static void
peer_leave(struct peer *p)
{
	pthread_mutex_lock(&p->server->lock);
	p->server->open -= !p->left;
	p->left = true;
	pthread_mutex_unlock(&p->server->lock);
}

static int
peer_quit(struct peer *p)
{
	peer_leave(p);
	peer_answer(p, "QUIT", "221 bye\r\n");
	return -1;
}

static int
peer_command(struct peer *p, const char *line)
{
	server_note(p->server, line);
	if (strncmp(line, "EHLO", 4) == 0)
		return peer_ehlo(p);
	if (strncmp(line, "STARTTLS", 8) == 0)
		return peer_starttls(p);
	if (strncmp(line, "MAIL", 4) == 0)
		return peer_mail(p, line);
	if (strncmp(line, "DATA", 4) == 0)
		return peer_data(p);
	if (strncmp(line, "QUIT", 4) == 0)
		return peer_quit(p);
	if (strncmp(line, "RCPT", 4) == 0)
		return peer_rcpt(p, line);
	if (strncmp(line, "AUTH", 4) == 0)
		return peer_answer(p, line, "235 2.7.0 welcome\r\n");
	return peer_answer(p, line, "250 2.0.0 Ok\r\n");
}

static void *
peer_run(void *arg)
{
	struct peer *p = arg;
	struct server *s = p->server;
	struct tcp_info tcp = {0};
	socklen_t tcp_len = sizeof tcp;
	struct buf line = {0};

	if ((!s->implicit || peer_secure(p) == 0) &&
	    peer_answer(p, "GREETING", "220 test\r\n") == 0)
		while (
		    peer_line(p, &line) == 0 && peer_command(p, line.data) == 0)
			;
	buf_free(&line);
	SSL_free(p->ssl);
	peer_leave(p);
	getsockopt(p->fd, IPPROTO_TCP, TCP_INFO, &tcp, &tcp_len);
	pthread_mutex_lock(&s->lock);
	s->segments += (int)tcp.tcpi_data_segs_in;
	s->fds[p->number] = -1;
	pthread_mutex_unlock(&s->lock);
	close(p->fd);
	free(p);
	return NULL;
}

static void
server_accept(struct server *s, int fd)
{
	struct peer *p = xcalloc(1, sizeof *p);
	int one = 1;

	p->server = s;
	p->fd = fd;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	pthread_mutex_lock(&s->lock);
	p->number = s->n_connections++;
	s->fds[p->number] = fd;
	if (++s->open > s->most_open)
		s->most_open = s->open;
	pthread_mutex_unlock(&s->lock);
	pthread_create(&s->threads[p->number], NULL, peer_run, p);
}

static void *
server_run(void *arg)
{
	struct server *s = arg;
	int fd;

	while ((fd = accept(s->listener, NULL, NULL)) >= 0)
		server_accept(s, fd);
	return NULL;
}

/*
 * A port of the loopback, which refuses until listen(). Small buffers: a stall
 * is soon felt. Returns -1 when there is no such loopback.
 */
static int
server_bind(struct server *s, int family)
{
	union {
		struct sockaddr any;
		struct sockaddr_in ip4;
		struct sockaddr_in6 ip6;
	} a = {.any.sa_family = (sa_family_t)family};
	socklen_t len = family == AF_INET ? sizeof a.ip4 : sizeof a.ip6;
	int bytes = 16 * 1024;

	if (family == AF_INET)
		a.ip4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		a.ip6.sin6_addr = in6addr_loopback;
	if (s->listener > 0)
		close(s->listener);
	s->listener = socket(family, SOCK_STREAM, 0);
	setsockopt(s->listener, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
	if (bind(s->listener, &a.any, len) < 0 ||
	    getsockname(s->listener, &a.any, &len) < 0)
		return -1;
	s->port = ntohs(a.ip4.sin_port); /* at the same place in both */
	return 0;
}

static struct server *
server_open(const struct rule *rules)
{
	struct server *s = xcalloc(1, sizeof *s);

	s->rules = rules;
	s->received = xcalloc(MAX_RECEIVED, sizeof *s->received);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->changed, NULL);
	if (server_bind(s, AF_INET) < 0)
		abort();
	return s;
}

/* After the members above were filled in. */
static void
server_start(struct server *s)
{
	listen(s->listener, 64);
	pthread_create(&s->thread, NULL, server_run, s);
}

static void
server_resume(struct server *s)
{
	pthread_mutex_lock(&s->lock);
	s->resumed = true;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

static int
server_received(struct server *s)
{
	int n;

	pthread_mutex_lock(&s->lock);
	n = s->n_received;
	pthread_mutex_unlock(&s->lock);
	return n;
}

/* Ends all connections; what was received can be looked at. */
static void
server_close(struct server *s)
{
	shutdown(s->listener, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->listener);
	pthread_mutex_lock(&s->lock);
	s->closing = true;
	pthread_cond_broadcast(&s->changed);
	for (int i = 0; i < s->n_connections; i++)
		if (s->fds[i] >= 0)
			shutdown(s->fds[i], SHUT_RDWR);
	pthread_mutex_unlock(&s->lock);
	for (int i = 0; i < s->n_connections; i++)
		pthread_join(s->threads[i], NULL);
}

static void
server_free(struct server *s)
{
	for (int i = 0; i < s->n_received; i++) {
		free(s->received[i].to);
		free(s->received[i].data);
	}
	free(s->received);
	buf_free(&s->said);
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
	SSL_CTX_free(s->tls);
	free(s);
}

#endif
