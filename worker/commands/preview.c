/* SPDX-License-Identifier: MIT */
/*
 * preview - one template as somebody would get it: a person of the store, or a
 * made-up one. Nothing here is a message: it is in no queue, in no report, and
 * nobody can be unsubscribed by it.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "templates/mem.h"
#include "worker/clock.h"
#include "worker/commands/preview.h"
#include "worker/delivery/compose.h"
#include "worker/folders.h"

extern char **environ;

/* ------------------------------------------------------------- rendering */

static json_t *
lookup(void *arg, const char *name)
{
	return json_object_get(arg, name);
}

/* The sender of another domain is what compose.c holds a mail for. */
static int
render_mail(struct preview *v, const struct previewer *p,
    const struct liquid_scope *scope)
{
	const struct settings *s = p->workspace->settings;
	struct mime_address own = {s->sender.name, s->sender.address};
	struct buf name = {0}, address = {0};
	int r = template_render_email(v->template, scope, &v->mail, &v->error);

	if (r == 0 &&
	    (r = compose_from(&v->mail, &own, &name, &address, &v->error)) != 0)
		email_free(&v->mail);
	buf_free(&name);
	buf_free(&address);
	return r;
}

void
preview_render(struct preview *v, const struct previewer *p,
    const struct template *template, bool is_bare)
{
	json_t *data = preview_scope(p, template, is_bare);
	struct liquid_scope scope = {
	    .lookup = lookup,
	    .arg = data,
	    .now_ms = p->now_ms,
	    .zone = preview_zone(p),
	    .undefined_is_nil = p->leaves_blanks,
	};

	*v = (struct preview){.template = template};
	v->who = p->person != NULL ? option(p->in, "person")
		 : is_bare	   ? "Only the address known"
				   : "Everything known";
	v->result = template_info(template)->kind == TEMPLATE_EMAIL
			? render_mail(v, p, &scope)
			: template_render_document(
			      template, &scope, &v->document, &v->error);
	json_decref(data);
}

void
preview_free(struct preview *v)
{
	if (v->result == 0)
		email_free(&v->mail);
	buf_free(&v->document);
}

const char *
preview_failure(const struct preview *v, char *out, size_t size)
{
	char text[700];

	snprintf(out, size, "%s%s",
	    v->result == LIQUID_ABORTED ? "the template stops the message: "
					: "the message would be held: ",
	    error_string(&v->error, text, sizeof text));
	return out;
}

/* --------------------------------------------------------------- showing */

static json_t *
mail_value(const struct preview *v)
{
	const struct email *m = &v->mail;

	return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "locale",
	    template_info(v->template)->locale, "subject", buf_str(&m->subject),
	    "preheader", buf_str(&m->preheader), "from", buf_str(&m->from),
	    "reply_to", buf_str(&m->reply_to), "text", buf_str(&m->text),
	    "html", buf_str(&m->html));
}

/* The other languages that it is written in. */
static void
say_locales(const struct previewer *p, const struct template *shown)
{
	const struct templates *set = p->workspace->templates;
	const char *name = template_info(shown)->name, *before = "Also in:  ";
	const struct template *t;

	for (size_t i = 0; (t = templates_at(set, i)) != NULL; i++) {
		const struct template_info *info = template_info(t);

		if (t == shown || strcmp(info->name, name) != 0)
			continue;
		say("%s %s", before,
		    info->locale[0] != '\0' ? info->locale : "no locale");
		before = ",";
	}
	if (before[0] == ',')
		say("\n");
}

static int
show(const struct previewer *p, const struct template *template)
{
	struct preview v;
	char text[800];

	preview_render(&v, p, template, option(p->in, "bare") != NULL);
	if (v.result != 0)
		return fail(
		    EX_DATAERR, "%s", preview_failure(&v, text, sizeof text));
	if (template_info(template)->kind != TEMPLATE_EMAIL) {
		say_lines(buf_str(&v.document));
		say("\n");
	} else if (p->in->json) {
		json_t *value = mail_value(&v);

		print_json(value);
		json_decref(value);
	} else if (option(p->in, "html") != NULL) {
		say_lines(buf_str(&v.mail.html));
	} else {
		say("Subject:   %s\nPreheader: %s\n", buf_str(&v.mail.subject),
		    buf_str(&v.mail.preheader));
		say_locales(p, template);
		say("\n");
		say_lines(buf_str(&v.mail.text));
	}
	preview_free(&v);
	return EX_OK;
}

/* -------------------------------------------------------------- one page */

/* In a browser, where there is a display. */
static void
open_page(const char *path)
{
	char *const argv[] = {"xdg-open", (char *)path, NULL};
	posix_spawn_file_actions_t quiet;
	pid_t pid;

	if (getenv("DISPLAY") == NULL && getenv("WAYLAND_DISPLAY") == NULL)
		return;
	posix_spawn_file_actions_init(&quiet);
	for (int fd = 0; fd <= 2; fd++)
		posix_spawn_file_actions_addopen(
		    &quiet, fd, "/dev/null", O_RDWR, 0);
	posix_spawnp(&pid, argv[0], &quiet, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&quiet);
}

static int
write_page(const char *path, const struct buf *html)
{
	FILE *f;

	if (folders_make(path, 0777) != 0 || (f = fopen(path, "w")) == NULL)
		return -1;
	fwrite(html->data, 1, html->len, f);
	return fclose(f);
}

static void
add_preview(struct preview **list, int *n, const struct previewer *p,
    const struct template *template, bool is_bare)
{
	*list = xrealloc(*list, (size_t)(*n + 1) * sizeof **list);
	preview_render(&(*list)[(*n)++], p, template, is_bare);
}

/* A real person gets one variant; of made-up ones there are many. */
static int
collect(const struct previewer *p, const struct template *wanted,
    struct preview **list)
{
	const struct templates *set = p->workspace->templates;
	const struct template *t;
	bool is_one = p->person != NULL || option(p->in, "locale") != NULL;
	int n = 0;

	for (size_t i = 0; (t = templates_at(set, i)) != NULL; i++) {
		if (is_one ? t != wanted
			   : strcmp(template_info(t)->name,
				 template_info(wanted)->name) != 0)
			continue;
		if (option(p->in, "bare") == NULL)
			add_preview(list, &n, p, t, false);
		if (p->person == NULL)
			add_preview(list, &n, p, t, true);
	}
	return n;
}

static int
show_page(const struct previewer *p, const struct template *template)
{
	struct buf path = {0}, html = {0};
	struct preview *list = NULL;
	int n = collect(p, template, &list), rc = EX_OK;

	buf_addf(&path, "%s/data/preview/%s.html",
	    p->workspace->settings->folder, template_info(template)->name);
	preview_page(p, list, n, &html);
	if (write_page(path.data, &html) != 0) {
		rc = fail(EX_CANTCREAT, "%s cannot be written: %s", path.data,
		    strerror(errno));
	} else {
		say("%s\n", path.data);
		open_page(path.data);
	}
	for (int i = 0; i < n; i++)
		preview_free(&list[i]);
	free(list);
	buf_free(&path);
	buf_free(&html);
	return rc;
}

/* --------------------------------------------------------------- command */

static const struct template *
find(const struct previewer *p)
{
	const struct templates *set = p->workspace->templates;
	const char *name = p->in->arguments[0], *near;
	const char *locale = option(p->in, "locale");
	const struct template *t;

	if (locale == NULL)
		locale = json_string_value(json_object_get(
		    json_object_get(p->person, "user"), "locale"));
	t = templates_find(set, name, locale);
	if (t != NULL)
		return t;
	near = suggest(name, templates_names(set));
	fail(EX_NOINPUT, "there is no template \"%s\"%s%s%s", name,
	    near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
	    near != NULL ? "\"?" : "");
	return NULL;
}

static int
run_on(const struct previewer *p)
{
	const struct template *t = find(p);
	const char *address = option(p->in, "send-to");

	if (t == NULL)
		return EX_NOINPUT;
	if (address != NULL)
		return preview_send(
		    p, t, option(p->in, "bare") != NULL, address);
	return option(p->in, "open") != NULL ? show_page(p, t) : show(p, t);
}

/*
 * Does anything keep templates from being rendered? Settings do not: who writes
 * messages need not have the secrets.
 */
static bool
complain(const struct problems *problems)
{
	bool is_broken = false;
	char text[700];

	for (int i = 0; i < problems->count; i++) {
		const struct problem *at = &problems->list[i];

		if (at->is_warning)
			continue;
		fail(0, "%s", error_string(&at->at, text, sizeof text));
		is_broken |= strcmp(at->at.file, "nudge.json") != 0;
	}
	return is_broken;
}

static int
run(const struct invocation *in)
{
	const char *person = option(in, "person");
	struct problems problems = {0};
	struct clock clock = {0};
	struct previewer p = {.in = in, .now_ms = clock_now_ms(&clock)};
	int rc = 0;

	if (person != NULL && option(in, "bare") != NULL)
		return fail(EX_USAGE, "--bare is for a made-up person: say "
				      "that or --person");
	if (person != NULL && (rc = preview_fetch(&p, person)) != 0)
		return rc;
	p.workspace =
	    workspace_load(in->folder, in->overrides, NULL, &problems, true);
	p.has_settings = problems.errors == 0;
	if (complain(&problems)) {
		rc = fail(EX_CONFIG, "nothing can be shown before that");
	} else {
		seen_load(&p.seen, p.workspace->settings);
		rc = run_on(&p);
		seen_free(&p.seen);
	}
	problems_free(&problems);
	json_decref(p.person);
	workspace_release(p.workspace);
	return rc;
}

static const struct option_spec options[] = {
    {"person", "ID", "as this person would get it"},
    {"bare", NULL, "for somebody of whom only the address is known"},
    {"locale", "LOCALE", "in this language"},
    {"html", NULL, "the HTML part in place of the text"},
    {"open", NULL, "a page: phone and desktop, light and dark, and text"},
    {"send-to", "ADDRESS", "send it there, past the queue"},
    {NULL, NULL, NULL},
};

const struct command command_preview = {
    .name = "preview",
    .summary = "Show a template as somebody would get it",
    .usage = "nudge preview TEMPLATE [OPTIONS]",
    .examples =
	"  nudge preview -C acme day-00-welcome\n"
	"  nudge preview day-03-first-task --person ada\n"
	"  nudge preview day-00-welcome --open\n"
	"  nudge preview day-00-welcome --send-to me@acme.example\n"
	"  nudge preview day-00-welcome --html > mail.html\n"
	"\nWithout --person it is for a made-up person, of whom everything is "
	"known that the\ntemplate asks for; with --bare nothing but the "
	"address is. --open writes\ndata/preview/TEMPLATE.html with both, in "
	"each language, and opens it. Links to\nunsubscribe change nothing. "
	"--send-to sends the mail exactly as people would get it;\nthe sandbox "
	"and suppressed addresses hold, and no report counts it.\n",
    .options = options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
