/* SPDX-License-Identifier: MIT */
#ifndef WORKER_DELIVERY_TRANSPORT_H
#define WORKER_DELIVERY_TRANSPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "templates/buf.h"
#include "templates/error.h"
#include "templates/templates.h"

struct event_base;
struct channel; /* worker/settings/settings.h */

/*
 * transport - a way out: SMTP, a webhook, a folder. The loop offers it claimed
 * messages, it gives back one verdict for each. Start, offer, settle, stop: the
 * loop knows nothing else of it, and it knows nothing of the store.
 *
 * All functions here are called by the loop's thread. A transport with threads
 * of its own brings verdicts back to the loop itself.
 */

enum verdict_what {
	VERDICT_SENT,
	VERDICT_RETRY,	  /* certainly not delivered; may be tried again */
	VERDICT_REFUSED,  /* certainly not delivered; will not be */
	VERDICT_UNSURE,	  /* all was sent and the answer was lost */
	VERDICT_HELD,	  /* cannot be rendered; a person must look */
	VERDICT_SKIPPED,  /* the template asked for it (abort_message) */
	VERDICT_RELEASED, /* no fault of its own: no attempt is counted */
};
const char *verdict_name(enum verdict_what); /* "sent", "retry", ... */

struct verdict {
	enum verdict_what what;
	int code;		  /* SMTP reply or HTTP status; 0: none */
	char enhanced_status[12]; /* "5.1.1" (RFC 3463), or "" */
	char text[300];		  /* the other side's words, one line */
	char provider_id[100];	  /* what it calls our message, or "" */
	int64_t retry_after_ms;	  /* asked for by the other side; 0: none */
	bool slows_channel;   /* 421, 4.7.x, 429: the channel must wait too */
	bool address_is_dead; /* a hard bounce: never again */
	bool is_policy;	      /* refused for what we are, or what we say */
	bool is_trouble;      /* the other side's own, whatever it was sent */
};

/* One claimed message on its way. The transport's until the verdict. */
struct delivery {
	char key[27];
	int64_t id;	/* the message's in the store */
	int attempt;	/* 1 for the first */
	int64_t now_ms; /* when it was claimed: "now" for the template */
	const struct template *template;
	char *scope; /* JSON object: all that the template sees, by name */
	size_t scope_len;
	char *address;	     /* checked by the loop; "": none, webhooks only */
	char *envelope_from; /* mail: the envelope's sender, set by the loop */
	char *to_name;	     /* display name, or "" */
	struct verdict verdict;
	void *owner;	       /* the loop's own */
	int64_t offered_us;    /* monotonic */
	struct delivery *next; /* the transport's list */
};

/* What the loop is for a transport. */
struct transport_host {
	struct event_base *base;
	/* The verdict is in d->verdict; d is the loop's again. */
	void (*verdict)(void *arg, struct delivery *d);
	/*
	 * Something about the way out itself, for the log and the operator:
	 * "connection refused by 127.0.0.1:2525, next try in 8 s".
	 */
	void (*notice)(void *arg, const char *channel, const char *text);
	void (*ready)(void *arg); /* room() may have grown */
	void *arg;
};

/* How it goes with a way out, for the operator. */
enum transport_state {
	TRANSPORT_WORKING,
	TRANSPORT_SLOWED, /* by the other side, until then */
	TRANSPORT_PAUSED, /* until then, or (0) until an operator resumes it */
	TRANSPORT_TRYING, /* the next message finds out */
	TRANSPORT_OFF,	  /* until somebody says that it is mended */
};
const char *transport_state_name(enum transport_state); /* "working", ... */

struct transport_status {
	enum transport_state state;
	int64_t until_ms; /* monotonic */
	char why[400];	  /* "" where nothing is wrong */
};

struct transport;

struct transport_type {
	const char *name; /* "smtp" */
	/* NULL with the error set. The channel outlives the transport. */
	struct transport *(*start)(const struct channel *,
	    const struct transport_host *, struct error *);
	/* How many messages it would take now; the loop claims no more. */
	int (*room)(struct transport *);
	void (*offer)(struct transport *, struct delivery *);
	/*
	 * What was offered and has not begun comes back as released, so that
	 * the gates see it again. NULL: all begins at once.
	 */
	void (*take_back)(struct transport *);
	/*
	 * So many of its verdicts have been committed. A transport runs at most
	 * `unsettled` (a channel setting) a connection ahead of this.
	 */
	void (*settled)(struct transport *, int count);
	/* Into a zeroed one. NULL: it always works. */
	void (*status)(struct transport *, struct transport_status *);
	/*
	 * Somebody says that what was wrong with the other side may be mended:
	 * try again now. May be NULL.
	 */
	void (*resume)(struct transport *);
	/*
	 * Take no more; finish what is on its way or release it, within
	 * grace_ms. Verdicts for everything come before is_idle() is true.
	 */
	void (*stop)(struct transport *, int grace_ms);
	bool (*is_idle)(struct transport *);
	void (*free)(struct transport *); /* after it became idle */
};

extern const struct transport_type transport_smtp;
extern const struct transport_type transport_webhook;
extern const struct transport_type transport_capture;

/* By the channel's type; NULL when there is none. */
const struct transport_type *transport_find(const char *name);

#endif
