/* SPDX-License-Identifier: MIT */
#ifndef WORKER_DELIVERY_WEBHOOK_WEBHOOK_PLAN_H
#define WORKER_DELIVERY_WEBHOOK_WEBHOOK_PLAN_H

#include <stdbool.h>

#include <jansson.h>

#include "templates/error.h"
#include "templates/liquid/liquid.h"
#include "worker/delivery/webhook/signature.h"

struct channel; /* worker/settings/settings.h */
struct curl_slist;

/*
 * webhook_plan - what the settings of a webhook channel mean, worked out once
 * when they are loaded. Immutable.
 *
 * A url that holds {{ values }} is filled in for each message. Where they begin
 * before the host has ended, data decides who is called: such a channel may not
 * reach private addresses, and as each message may go somewhere else, what is
 * wrong with one endpoint is no matter of the channel's: see hosts.h.
 */
struct webhook_plan {
	struct liquid *url; /* NULL: the channel's as it is */
	bool host_varies;
	char *host;	    /* with the port, for people */
	const char **reads; /* roots of the scope that the url has */
	bool is_form;
	struct curl_slist *headers; /* the same for all messages */
	struct signature_key *keys;
	int n_keys;
	/* of an answer; or NULL */
	struct liquid_condition *success, *refused, *suppress, *temporary;
	struct liquid_value *provider_id; /* or NULL */
};

/*
 * Adds what is wrong to the problems, each with the member as its pointer
 * ("/headers/X-Env"), and then gives NULL. `variables`: the workspace's, which
 * a url may read. No text has a secret in it; neither has the host.
 */
struct webhook_plan *webhook_plan_new(
    const struct channel *, const json_t *variables, struct problems *);
void webhook_plan_free(struct webhook_plan *); /* NULL is fine */

/*
 * The host, with the port, of a URL that can be called; the caller frees it.
 * NULL with what is wrong with the URL.
 */
char *webhook_url_host(const char *url, struct error *);

#endif
