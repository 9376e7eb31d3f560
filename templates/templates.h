/* SPDX-License-Identifier: MIT */
#ifndef TEMPLATES_TEMPLATES_H
#define TEMPLATES_TEMPLATES_H

#include <stdbool.h>
#include <stdint.h>

#include "templates/buf.h"
#include "templates/error.h"
#include "templates/liquid/liquid.h"

/*
 * templates - the messages of a workspace, compiled. Loaded from a folder:
 *
 *	NAME.md, NAME.html	email (header lines, blank line, body)
 *	NAME.LOCALE.md		the same in another language
 *	NAME.json		webhook, Slack, in-app
 *	layouts/NAME.html	around an email's HTML; has {{ content }}
 *	partials/NAME.liquid	for {% render "NAME" %}
 *	README.md		is none of these
 *
 * A loaded set is immutable and shared by threads. It has no reference count:
 * whoever loaded it keeps it until nobody renders any more.
 */
struct templates;
struct template;

/*
 * Everything that is wrong is added to the problems; what is right is loaded
 * all the same, so that a second look (sequences naming templates) can go on.
 * Never NULL; use the set only when problems->errors did not grow.
 */
struct templates *templates_load(const char *dir, struct problems *);
/* What a workspace says of its templates; see liquid_options. */
struct templates_options {
	const json_t *keys; /* for hmac_sha256, name to secret; may be NULL */
	bool forbids_raw;
	const char *locale; /* of templates without one; NULL: English */
};
struct templates *templates_load_with(
    const char *dir, const struct templates_options *, struct problems *);
void templates_free(struct templates *);

/*
 * By name ("day-00-welcome"). With a locale ("de-AT", "de_AT") the nearest
 * variant is taken: de-AT, de, then the one without a locale. NULL: none.
 */
const struct template *templates_find(
    const struct templates *, const char *name, const char *locale);
const char *const *templates_names(const struct templates *); /* sorted, NULL */
/* All with their variants, in order of name and locale; NULL behind the last.
 */
const struct template *templates_at(const struct templates *, size_t index);

/* Bytes of a topic's name: what the links below a mail can carry. */
#define TOPIC_MAX 79

enum template_kind { TEMPLATE_EMAIL, TEMPLATE_DOCUMENT };

/* What the header lines (or the members beside "body") say. */
struct template_info {
	const char *name;   /* without locale and ending */
	const char *file;   /* "templates/day-00-welcome.md" */
	const char *locale; /* "" for the default one */
	enum template_kind kind;
	const char *channel; /* default "email" for mails; NULL if none said */
	const char *topic; /* NULL: not a subscription topic (transactional) */
	const char *const *tags; /* NULL-terminated */
	bool unsure_hold;	 /* Unsure: hold */
	/*
	 * Names at the root of the scope that it reads ("user", "app_url"), as
	 * far as they are written out: nothing else need be in the scope.
	 */
	const char *const
	    *roots; /* NULL-terminated; NULL if there are errors */
};
const struct template_info *template_info(const struct template *);

/*
 * What an email template gives. Header values are single lines of UTF-8, not
 * yet encoded; "" where the template says nothing. text and html are complete
 * parts (html: the layout around it, preheader in it).
 */
struct email {
	struct buf subject, preheader, from, reply_to, text, html;
};
void email_free(struct email *);

/*
 * Both return 0, -1 with the error set (the message must be held), or
 * LIQUID_ABORTED (skip it; the reason is the text). The scope's lookup must
 * know `unsubscribe_url`, `postal_address` and `sender_name` beside the names
 * of the design; a template may set none of them. A document is one JSON text.
 */
int template_render_email(const struct template *, const struct liquid_scope *,
    struct email *, struct error *);
int template_render_document(const struct template *,
    const struct liquid_scope *, struct buf *json, struct error *);

/* All paths that the template reads, partials and layout included. */
void template_paths(const struct template *, liquid_path_fn *, void *arg);

#endif
