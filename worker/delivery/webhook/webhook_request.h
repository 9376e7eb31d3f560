/* SPDX-License-Identifier: MIT */
#ifndef WORKER_DELIVERY_WEBHOOK_WEBHOOK_REQUEST_H
#define WORKER_DELIVERY_WEBHOOK_WEBHOOK_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include <netinet/in.h>
#include <sys/queue.h>

#include <curl/curl.h>

#include "templates/buf.h"
#include "worker/delivery/transport.h"
#include "worker/settings/settings.h"

/*
 * webhook_request - one message as curl has it: the url, the headers, the body,
 * and what comes back.
 *
 * The body is sent once at most. Curl would send it again on its own when a
 * connection that was used before closes without an answer, if it had all of it
 * at hand; so it has to ask for each piece.
 */
struct exchange {
	struct transport *transport;
	const struct channel *channel;
	struct delivery *delivery;
	CURL *easy; /* NULL until exchange_prepare() */
	struct curl_slist *headers;
	struct buf url;	   /* where it differs from message to message */
	char *host_name;   /* the url's then, or NULL */
	struct host *host; /* where it varies, and a call to it is on its way */
	struct buf body;
	size_t body_read; /* by curl */
	struct buf reply; /* at most the channel's max_reply */
	size_t header_len;
	bool is_cut;	 /* there was more of an answer */
	bool was_opened; /* a socket, to an address that may be called */
	char private_address[INET6_ADDRSTRLEN]; /* that may not, or "" */
	char problem[CURL_ERROR_SIZE];
	LIST_ENTRY(exchange) link;
};

/* Renders url and body. 0, or -1 with the delivery's verdict. */
int exchange_fill_in(struct exchange *);
/* The easy handle, all set. The exchange must not move from here on. */
void exchange_prepare(struct exchange *);
/* Frees what it holds, but not the delivery. */
void exchange_free(struct exchange *);

#endif
