/* SPDX-License-Identifier: MIT */
/*
 * check_templates - each template rendered as somebody would get it. An error
 * counts when it comes whatever the values are that nobody has said: a message
 * is then held for everybody.
 */
#include <stdlib.h>
#include <string.h>

#include "sequences/rules/rules.h"
#include "templates/mem.h"
#include "worker/commands/check.h"

#define SUBJECT_MAX 70		 /* characters that most lists of mails show */
#define HTML_MAX    (102 * 1024) /* Gmail shows no more */

static int
characters(const char *s)
{
	int n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static void
check_size(const struct email *m, const struct template_info *info,
    const struct lint *lint)
{
	int subject = characters(buf_str(&m->subject));

	if (subject > SUBJECT_MAX)
		lint_header(lint, info->file, "Subject", "long-subject",
		    "%d characters, for somebody called Ada: most mail "
		    "programs show %d",
		    subject, SUBJECT_MAX);
	if (m->html.len > HTML_MAX)
		lint_header(lint, info->file, "", "clipped-html",
		    "%zu KB of HTML: Gmail cuts off what comes after %d KB, "
		    "the link to unsubscribe with it",
		    m->html.len / 1024, HTML_MAX / 1024);
}

/* Does the same fail if all that nobody has said is this? */
static bool
fails_with(
    const struct previewer *p, const struct preview *failed, json_t *guess)
{
	struct previewer other = *p;
	const struct error *e = &failed->error;
	struct preview v;
	bool is_same;

	other.guess = guess;
	preview_render(&v, &other, failed->template, false);
	is_same = v.result == -1 && v.error.line == e->line &&
		  v.error.column == e->column &&
		  strcmp(v.error.file, e->file) == 0;
	preview_free(&v);
	json_decref(guess);
	return is_same;
}

/* With nothing, a number, a text; names that tell what they are do so. */
static bool
fails_always(const struct previewer *p, const struct preview *failed)
{
	const char *address = p->workspace->settings->sender.address;

	return fails_with(p, failed, json_null()) &&
	       fails_with(p, failed, json_integer(42)) &&
	       fails_with(p, failed, json_string(address));
}

static void
warn_held(const struct error *why, const struct template_info *info,
    const struct lint *lint)
{
	struct error e;

	if (why->file[0] == '\0') {
		lint_header(lint, info->file, "From", "held",
		    "the message would be held: %s", why->text);
		return;
	}
	error_at(&e, why->file, why->line, why->column, why->pointer,
	    "the message would be held: %s", why->text);
	problems_warn(lint->problems, "held", &e);
}

/* A topic need not be declared: it is wrong when it is nearly one that is. */
static void
check_topic(const struct workspace *w, const struct template_info *info,
    const struct lint *lint)
{
	json_t *topics = w->settings->topics, *declared;
	const char **known, *topic;
	struct buf why = {0};
	struct error e;
	int n = 0;

	if (info->topic == NULL || json_object_size(topics) == 0)
		return;
	known = xcalloc(
	    json_object_size(topics) + (size_t)rules_count(w->rules) + 1,
	    sizeof *known);
	json_object_foreach(topics, topic, declared) known[n++] = topic;
	for (int i = 0; i < rules_count(w->rules); i++)
		if ((topic = rules_info(w->rules, i).topic) != NULL)
			known[n++] = topic;
	if (suggest(info->topic, known) != NULL)
		check_certain(&why, "no topic of nudge.json or a sequence",
		    info->topic, known);
	if (why.len > 0 && info->kind == TEMPLATE_EMAIL) {
		lint_header(
		    lint, info->file, "Topic", "unknown-name", "%s", why.data);
	} else if (why.len > 0) {
		error_at(&e, info->file, 0, 0, "/topic", "%s", why.data);
		problems_warn(lint->problems, "unknown-name", &e);
	}
	buf_free(&why);
	free(known);
}

void
check_template(const struct previewer *p, const struct template *t,
    const struct lint *lint)
{
	const struct template_info *info = template_info(t);
	struct preview v;

	preview_render(&v, p, t, false);
	if (v.result == 0 && info->kind == TEMPLATE_EMAIL)
		check_size(&v.mail, info, lint);
	if (v.result == -1 && fails_always(p, &v))
		warn_held(&v.error, info, lint);
	preview_free(&v);
	check_topic(p->workspace, info, lint);
}
