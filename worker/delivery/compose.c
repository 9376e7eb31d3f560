/* SPDX-License-Identifier: MIT */
/*
 * compose - what the loop handed over (a scope as JSON, a template, a
 * recipient) into the bytes of a mail or a document. No state: threads call it
 * side by side. Whatever is wrong holds the message, in words for a person.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

#include "templates/json_text.h"
#include "templates/name.h"
#include "templates/time/zone.h"
#include "worker/delivery/compose.h"

struct composing {
	struct delivery *d;
	json_t *root, *mail; /* the scope, and its _mail */
	struct liquid_scope scope;
};

static json_t *
lookup(void *arg, const char *name)
{
	const struct composing *c = arg;

	return name[0] == '_' ? NULL : json_object_get(c->root, name);
}

/* A string of _mail, or NULL when it is missing or empty. */
static const char *
mail_string(const struct composing *c, const char *name)
{
	const char *s = json_string_value(json_object_get(c->mail, name));

	return s != NULL && *s != '\0' ? s : NULL;
}

static int
begin(struct composing *c, struct delivery *d, struct error *e)
{
	const char *zone;

	*c = (struct composing){.d = d};
	c->root = json_text_read(d->scope, d->scope_len);
	if (c->root == NULL) {
		error_set(e, "the message's data cannot be read");
		return -1;
	}
	c->mail = json_object_get(c->root, "_mail");
	zone = mail_string(c, "timezone");
	c->scope = (struct liquid_scope){.lookup = lookup,
	    .arg = c,
	    .now_ms = d->now_ms,
	    .zone = zone != NULL ? zone_find(zone) : NULL};
	return 0;
}

/* Turns what went wrong into the verdict; passes 0 on. */
static int
finish(struct composing *c, int r, const struct error *e)
{
	struct verdict *v = &c->d->verdict;

	json_decref(c->root);
	if (r == 0)
		return 0;
	*v = (struct verdict){.what = VERDICT_HELD};
	if (r == LIQUID_ABORTED) {
		v->what = VERDICT_SKIPPED;
		snprintf(v->text, sizeof v->text, "%s", e->text);
	} else {
		error_string(e, v->text, sizeof v->text);
	}
	return -1;
}

static const char *
domain_of(const char *address)
{
	const char *at = strrchr(address, '@');

	return at != NULL ? at + 1 : "";
}

int
compose_from(const struct email *m, const struct mime_address *own,
    struct buf *name, struct buf *address, struct error *e)
{
	mailbox_parse(buf_str(&m->from), name, address);
	if (address->len == 0)
		buf_adds(address, own->address);
	if (name->len == 0 && own->name != NULL)
		buf_adds(name, own->name);
	if (strcasecmp(domain_of(address->data), domain_of(own->address)) == 0)
		return 0;
	error_set(e, "From is %.100s, but the sender's domain is %.100s",
	    address->data, domain_of(own->address));
	return -1;
}

static int
choose_from(const struct composing *c, const struct email *m, struct buf *name,
    struct buf *address, struct error *e)
{
	const struct mime_address own = {
	    mail_string(c, "from_name"), mail_string(c, "from_address")};

	if (own.address != NULL)
		return compose_from(m, &own, name, address, e);
	error_set(e, "no sender address is set");
	return -1;
}

static void
choose_reply_to(const struct composing *c, const struct email *m,
    struct buf *name, struct buf *address)
{
	const char *own = mail_string(c, "reply_to");
	const char *text = m->reply_to.len > 0 ? m->reply_to.data : own;

	if (text != NULL)
		mailbox_parse(text, name, address);
}

/* A name that a mail client would turn into a link is none. */
static const char *
to_name(const struct delivery *d)
{
	return name_is_plain(d->to_name, strlen(d->to_name)) ? d->to_name
							     : NULL;
}

static int
compose(const struct composing *c, const struct email *m,
    const struct mime_address *from, const struct mime_address *reply_to,
    struct buf *mime, struct error *e)
{
	const struct delivery *d = c->d;
	const char *domain = mail_string(c, "message_id_domain");
	struct buf id = {0};
	int r;

	buf_addf(&id, "%s@%s", d->key,
	    domain != NULL ? domain : domain_of(from->address));
	r = mime_compose(
	    &(struct mime_message){
		.date_ms = d->now_ms,
		.from = *from,
		.to = {to_name(d), d->address},
		.reply_to = *reply_to,
		.subject = buf_str(&m->subject),
		.message_id = id.data,
		.text = buf_str(&m->text),
		.html = buf_str(&m->html),
		.list_unsubscribe = mail_string(c, "unsubscribe_url"),
		.list_id = mail_string(c, "list_id"),
		.feedback_id = mail_string(c, "feedback_id"),
	    },
	    mime, e);
	buf_free(&id);
	return r;
}

static int
address_and_compose(const struct composing *c, const struct email *m,
    struct buf *mime, struct error *e)
{
	struct buf name = {0}, address = {0};
	struct buf reply_name = {0}, reply_address = {0};
	int r = choose_from(c, m, &name, &address, e);

	choose_reply_to(c, m, &reply_name, &reply_address);
	if (r == 0)
		r = compose(c, m,
		    &(struct mime_address){name.data, address.data},
		    &(struct mime_address){reply_name.data, reply_address.data},
		    mime, e);
	buf_free(&name);
	buf_free(&address);
	buf_free(&reply_name);
	buf_free(&reply_address);
	return r;
}

int
compose_mail(struct delivery *d, struct buf *mime)
{
	struct composing c;
	struct email m;
	struct error e;
	int r = begin(&c, d, &e);

	if (r == 0)
		r = template_render_email(d->template, &c.scope, &m, &e);
	if (r == 0) {
		r = address_and_compose(&c, &m, mime, &e);
		if (r != 0)
			snprintf(e.file, sizeof e.file, "%s",
			    template_info(d->template)->file);
		email_free(&m);
	}
	return finish(&c, r, &e);
}

int
compose_document(struct delivery *d, struct buf *json)
{
	struct composing c;
	struct error e;
	int r = begin(&c, d, &e);

	if (r == 0)
		r = template_render_document(d->template, &c.scope, json, &e);
	return finish(&c, r, &e);
}

int
compose_url(struct delivery *d, const struct liquid *liquid, struct buf *text)
{
	struct composing c;
	struct error e;
	int r = begin(&c, d, &e);

	if (r == 0)
		r = liquid_render(liquid, &c.scope, text, &e);
	if (r == -1) {
		snprintf(e.file, sizeof e.file, "the channel's url");
		e.line = 0;
	}
	return finish(&c, r, &e);
}
