/* SPDX-License-Identifier: MIT */
#ifndef WORKER_COMMANDS_PREVIEW_H
#define WORKER_COMMANDS_PREVIEW_H

#include "worker/commands/commands.h"
#include "worker/commands/seen.h"
#include "worker/settings/workspace.h"

/*
 * preview - what the command's parts share: what a message sees, how it came
 * out, and where that goes.
 */
struct previewer {
	const struct invocation *in;
	struct workspace *workspace;
	bool has_settings; /* without errors */
	struct seen seen;
	json_t *person;	    /* --person: what the worker knows; NULL: made up */
	bool leaves_blanks; /* where something is undefined; else it fails */
	json_t *guess;	    /* what nobody knows of a made-up person is this */
	int64_t now_ms;
};

/*
 * What the template sees, as a new object: of the real person; of a made-up one
 * of whom everything is known that the template asks for; or (is_bare) of one
 * of whom only the address is. Links to unsubscribe change nothing.
 */
json_t *preview_scope(
    const struct previewer *, const struct template *, bool is_bare);
/* The real person's, as the engine has it, else the workspace's. */
const struct zone *preview_zone(const struct previewer *);
/* Fetches --person. 0 or an exit code, having said why. */
int preview_fetch(struct previewer *, const char *id);

/* A message as somebody would get it. */
struct preview {
	const struct template *template;
	const char *who; /* "Everything known" */
	struct email mail;
	struct buf document; /* of what is no mail */
	int result;	     /* 0, or as template_render_email() */
	struct error error;
};
void preview_render(struct preview *, const struct previewer *,
    const struct template *, bool is_bare);
void preview_free(struct preview *);
/* Why there is nothing to see: "the message would be held: ..." */
const char *preview_failure(const struct preview *, char *out, size_t size);

/* All of them on one page that needs no network. */
void preview_page(
    const struct previewer *, const struct preview *, int n, struct buf *html);

/*
 * Sends it through its channel, past the queue, and waits for the answer. 0 or
 * an exit code, having said what happened.
 */
int preview_send(const struct previewer *, const struct template *,
    bool is_bare, const char *address);

#endif
