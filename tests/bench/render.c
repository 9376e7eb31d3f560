/* SPDX-License-Identifier: MIT */
/*
 * render - mails a second of CPU time: the Liquid of the shipped welcome mail
 * and of a richer one (subject, body, layout), compiled once and compiled for
 * each, as render.rb has them; the richer one by hand in C; the welcome mail
 * with Markdown and the text part; and microseconds to compose a mail of 20 KB.
 *
 *	render SECONDS		prints all that as one JSON object
 *	render print		the richer mail's page
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "templates/json.h"
#include "templates/mem.h"
#include "templates/mail/mime.h"
#include "templates/templates.h"

static const struct mail {
	const char *name, *dir, *file, *layout, *partial;
	enum liquid_context context;
} mails[] = {
    {"welcome", "templates/library", "day-00-welcome.md",
	"layouts/default.html", "partials/signature.liquid", LIQUID_MARKDOWN},
    {"rich", "tests/bench/mail", "onboarding.html", "layouts/page.html",
	"partials/step.liquid", LIQUID_HTML},
};

enum { SUBJECT, BODY, LAYOUT, PARTIAL, PARTS };

struct sources { /* of one mail, as they stand in its files */
	const struct mail *mail;
	char *head, *texts[PARTS];
	size_t lens[PARTS];
};

struct bench {
	struct sources sources;
	struct liquid *parts[PARTIAL];
	struct liquid_scope scope;
	struct buf out[PARTIAL];
};

_Noreturn static void
give_up(const struct error *e)
{
	fprintf(stderr, "%s:%d: %s\n", e->file, e->line, e->text);
	exit(EXIT_FAILURE);
}

static char *
read_file(const char *dir, const char *name, size_t *len)
{
	char path[300];
	struct error e;
	char *text;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	text = file_read(path, len, &e);
	if (text == NULL)
		give_up(&e);
	return text;
}

static struct sources
read_sources(const struct mail *mail)
{
	struct sources s = {.mail = mail};
	size_t len;

	s.head = read_file(mail->dir, mail->file, &len);
	s.texts[SUBJECT] = strchr(s.head, ' ') + 1;
	s.lens[SUBJECT] = strcspn(s.texts[SUBJECT], "\n");
	s.texts[BODY] = strstr(s.head, "\n\n") + 2;
	s.lens[BODY] = strlen(s.texts[BODY]);
	s.texts[LAYOUT] = read_file(mail->dir, mail->layout, &s.lens[LAYOUT]);
	s.texts[PARTIAL] =
	    read_file(mail->dir, mail->partial, &s.lens[PARTIAL]);
	return s;
}

static const struct liquid_source *
partial(void *arg, const char *name)
{
	static struct liquid_source source;
	const struct sources *s = arg;

	source =
	    (struct liquid_source){name, s->texts[PARTIAL], s->lens[PARTIAL]};
	return &source;
}

static void
compile(struct bench *b)
{
	const enum liquid_context contexts[] = {
	    LIQUID_HEADER, b->sources.mail->context, LIQUID_HTML};

	for (int i = 0; i < PARTIAL; i++) {
		struct liquid_options options = {.name = "mail",
		    .context = contexts[i],
		    .partial = partial,
		    .arg = &b->sources};
		struct error e;

		b->parts[i] = liquid_compile(
		    b->sources.texts[i], b->sources.lens[i], &options, &e);
		if (b->parts[i] == NULL)
			give_up(&e);
	}
}

static void
discard(struct bench *b)
{
	for (int i = 0; i < PARTIAL; i++)
		liquid_free(b->parts[i]);
}

/* What the layout sees beside the person. */
static json_t *
lookup(void *arg, const char *name)
{
	return json_object_get(arg, name);
}

static void
render_part(struct bench *b, int part)
{
	struct error e;

	buf_truncate(&b->out[part], 0);
	if (liquid_render(b->parts[part], &b->scope, &b->out[part], &e) != 0)
		give_up(&e);
}

static void
render_mail(struct bench *b)
{
	json_t *person = b->scope.arg;

	for (int i = 0; i < LAYOUT; i++) {
		render_part(b, i);
		json_object_set_new_nocheck(person,
		    i == SUBJECT ? "subject" : "content",
		    json_stringn_nocheck(b->out[i].data, b->out[i].len));
	}
	render_part(b, LAYOUT);
}

static void
compile_and_render(struct bench *b)
{
	compile(b);
	render_mail(b);
	discard(b);
}

static double
cpu_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* How often a second. */
static double
measure(void (*run)(struct bench *), struct bench *b, double how_long)
{
	double start = cpu_seconds(), spent;
	long long count = 0;

	do {
		for (int i = 0; i < 20; i++)
			run(b);
		count += 20;
		spent = cpu_seconds() - start;
	} while (spent < how_long);
	return (double)count / spent;
}

/* ---------------------------------------------------------------- by hand */

static void
add_escaped(struct buf *out, const char *s)
{
	for (size_t run;; s += run + 1) {
		run = strcspn(s, "&<>\"'");
		buf_add(out, s, run);
		switch (s[run]) {
		case '&':
			buf_adds(out, "&amp;");
			break;
		case '<':
			buf_adds(out, "&lt;");
			break;
		case '>':
			buf_adds(out, "&gt;");
			break;
		case '"':
			buf_adds(out, "&quot;");
			break;
		case '\'':
			buf_adds(out, "&#39;");
			break;
		default:
			return;
		}
	}
}

static void
add_date(struct buf *out, const char *rfc3339)
{
	struct tm tm = {0};
	char text[40];

	strptime(rfc3339, "%Y-%m-%dT%H:%M:%S", &tm);
	buf_add(out, text, strftime(text, sizeof text, "%B %-d, %Y", &tm));
}

static const char *
string(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static void
add_step(struct buf *out, const json_t *step, size_t number)
{
	buf_adds(out, "<tr>\n<td width=\"28\" valign=\"top\">");
	if (json_is_true(json_object_get(step, "done")))
		buf_adds(out, "&#10003;");
	else
		buf_addf(out, "%zu.", number);
	buf_adds(out, "</td>\n<td valign=\"top\"><a href=\"");
	add_escaped(out, string(step, "url"));
	buf_adds(out, "\">");
	add_escaped(out, string(step, "title"));
	buf_adds(out, "</a><br><span class=\"note\">");
	add_escaped(out, string(step, "text"));
	buf_adds(out, "</span></td>\n</tr>\n");
}

static void
add_plan(struct buf *out, const json_t *person, const json_t *user)
{
	const char *plan = string(user, "plan");

	if (strcmp(plan, "free") == 0) {
		buf_addf(out,
		    "\n<p>On the free plan you have %lld tasks left in this "
		    "month. They are enough to see whether ",
		    json_integer_value(json_object_get(user, "left")));
		add_escaped(out, string(person, "product_name"));
		buf_adds(out, " is for you.</p>\n");
	} else if (strcmp(plan, "pro") == 0) {
		buf_adds(out,
		    "\n<p>On the Pro plan tasks are not counted. Thank you "
		    "for being with us.</p>\n");
	} else {
		buf_adds(out, "\n<p>Your team's plan is looked after by ");
		add_escaped(
		    out, string(json_object_get(person, "account"), "owner"));
		buf_adds(out, ".</p>\n");
	}
}

static void
add_body(struct buf *out, const json_t *person)
{
	const json_t *user = json_object_get(person, "user"), *step;
	const json_t *account = json_object_get(person, "account");
	size_t i;

	buf_adds(out, "<h1>Welcome to ");
	add_escaped(out, string(person, "product_name"));
	buf_adds(out, ", ");
	add_escaped(out, string(user, "first_name"));
	buf_adds(out, "</h1>\n<p>Your account ");
	add_escaped(out, string(user, "email"));
	buf_adds(out, " has been open since ");
	add_date(out, string(user, "created_at"));
	buf_addf(out, ". Of the first steps %lld are behind you.</p>\n",
	    json_integer_value(json_object_get(user, "done")));
	add_plan(out, person, user);
	buf_adds(out,
	    "\n<table role=\"presentation\" width=\"100%\" cellpadding=\"0\" "
	    "cellspacing=\"0\">\n");
	json_array_foreach(json_object_get(user, "steps"), i, step)
	    add_step(out, step, i + 1);
	buf_adds(out, "</table>\n<p style=\"margin:28px 0\"><a href=\"");
	add_escaped(out, string(person, "app_url"));
	buf_adds(out,
	    "/start\" class=\"button\">Go on where you stopped</a></p>\n"
	    "<p>Questions? Just reply: ");
	add_escaped(out, string(account, "owner"));
	buf_adds(out, " of ");
	add_escaped(out, string(account, "name"));
	buf_adds(out, " reads along, and so do we.</p>\n");
}

static void
add_foot(struct buf *out, const json_t *person)
{
	const char *url = string(person, "unsubscribe_url");
	const char *postal = string(person, "postal_address");

	buf_adds(out,
	    "</div>\n<div class=\"foot\">\nYou get this because you have an "
	    "account with ");
	add_escaped(out, string(person, "product_name"));
	buf_adds(out, ".\n");
	if (url != NULL) {
		buf_adds(out, "<a href=\"");
		add_escaped(out, url);
		buf_adds(out, "\">Unsubscribe</a>");
	}
	buf_adds(out, "<br>\n");
	add_escaped(out, string(person, "sender_name"));
	if (postal != NULL) {
		buf_adds(out, ", ");
		add_escaped(out, postal);
	}
	buf_adds(out, "\n</div>\n</body>\n</html>\n");
}

/* The same page into out[BODY], straight from the same data. */
static void
by_hand(struct bench *b)
{
	const json_t *person = b->scope.arg;
	const json_t *user = json_object_get(person, "user");
	const char *layout = b->sources.texts[LAYOUT];
	struct buf *subject = &b->out[SUBJECT], *out = &b->out[BODY];
	const char *title = strstr(layout, "{{ subject");
	const char *content = strstr(layout, "{{ content");

	buf_truncate(subject, 0);
	buf_truncate(out, 0);
	buf_addf(subject, "%s, %lld of %zu steps are done",
	    string(user, "first_name"),
	    json_integer_value(json_object_get(user, "done")),
	    json_array_size(json_object_get(user, "steps")));
	buf_add(out, layout, (size_t)(title - layout));
	add_escaped(out, buf_str(subject));
	title = strstr(title, "</title>");
	buf_add(out, title, (size_t)(content - title));
	add_body(out, person);
	add_foot(out, person);
}

static void
check_by_hand(struct bench *b)
{
	const struct buf *page = &b->out[LAYOUT], *own = &b->out[BODY];

	render_mail(b);
	by_hand(b);
	if (page->len == own->len &&
	    memcmp(page->data, own->data, own->len) == 0)
		return;
	fprintf(
	    stderr, "not the same:\n%s\n----\n%s", buf_str(page), buf_str(own));
	exit(EXIT_FAILURE);
}

/* ------------------------------------------------------------- whole mails */

static const struct template *welcome;

static void
whole_mail(struct bench *b)
{
	struct email mail;
	struct error e;

	if (template_render_email(welcome, &b->scope, &mail, &e) != 0)
		give_up(&e);
	email_free(&mail);
}

static struct mime_message message;

static void
compose(struct bench *b)
{
	struct error e;

	buf_truncate(&b->out[BODY], 0);
	if (mime_compose(&message, &b->out[BODY], &e) != 0)
		give_up(&e);
}

/* 20 KB of text and HTML, made of the mail as often as it takes. */
static double
compose_us(struct bench *b, double how_long)
{
	struct buf text = {0}, html = {0};
	struct email mail;
	struct error e;
	double us;

	if (template_render_email(welcome, &b->scope, &mail, &e) != 0)
		give_up(&e);
	while (text.len < 4 * 1024)
		buf_add(&text, mail.text.data, mail.text.len);
	while (text.len + html.len < 20 * 1024)
		buf_add(&html, mail.html.data, mail.html.len);
	buf_truncate(&html, 20 * 1024 - text.len);
	message = (struct mime_message){.date_ms = 1790000000000,
	    .from = {"Acme", "hello@acme.example"},
	    .to = {"Ada Lovelace", "ada@example.com"},
	    .subject = mail.subject.data,
	    .message_id = "0123456789abcdef@acme.example",
	    .text = text.data,
	    .html = html.data,
	    .list_unsubscribe = "https://nudge.acme.example/u/0123456789abcdef",
	    .list_id = "\"Onboarding\" <onboarding.acme.example>",
	    .feedback_id = "welcome:onboarding:nudge:acme"};
	us = 1e6 / measure(compose, b, how_long);
	email_free(&mail);
	buf_free(&text);
	buf_free(&html);
	return us;
}

static void
bench_close(struct bench *b)
{
	free(b->sources.head);
	free(b->sources.texts[LAYOUT]);
	free(b->sources.texts[PARTIAL]);
	for (int i = 0; i < PARTIAL; i++)
		buf_free(&b->out[i]);
	json_decref(b->scope.arg);
}

static struct bench
bench_open(const struct mail *mail)
{
	static const char *const safe[] = {"content", NULL};
	struct bench b = {.sources = read_sources(mail)};

	b.scope.lookup = lookup;
	b.scope.safe_names = safe;
	b.scope.arg = json_load_file("tests/bench/person.json", 0, NULL);
	json_object_set_new(b.scope.arg, "preheader", json_string(""));
	return b;
}

static void
bench_mail(const struct mail *mail, double how_long)
{
	struct bench b = bench_open(mail);

	printf("\"%s\": {\"each\": %.0f, ", mail->name,
	    measure(compile_and_render, &b, how_long));
	compile(&b);
	printf("\"once\": %.0f", measure(render_mail, &b, how_long));
	if (mail == &mails[1]) {
		check_by_hand(&b);
		printf(", \"bytes\": %zu, \"by_hand\": %.0f", b.out[LAYOUT].len,
		    measure(by_hand, &b, how_long));
	}
	printf("}, ");
	discard(&b);
	bench_close(&b);
}

static void
bench_whole(double how_long)
{
	struct problems problems = {0};
	struct templates *set = templates_load(mails[0].dir, &problems);
	struct bench b = bench_open(&mails[0]);

	welcome = templates_find(set, "day-00-welcome", NULL);
	printf("\"whole\": %.0f, ", measure(whole_mail, &b, how_long));
	printf("\"compose_us\": %.2f", compose_us(&b, how_long));
	bench_close(&b);
	templates_free(set);
	problems_free(&problems);
}

static void
print_page(void)
{
	struct bench b = bench_open(&mails[1]);

	compile(&b);
	check_by_hand(&b);
	fputs(b.out[LAYOUT].data, stdout);
	discard(&b);
	bench_close(&b);
}

int
main(int argc, char **argv)
{
	double how_long = argc == 2 ? atof(argv[1]) : 0;

	if (argc == 2 && strcmp(argv[1], "print") == 0) {
		print_page();
		return EXIT_SUCCESS;
	}
	if (how_long <= 0)
		return EXIT_FAILURE;
	printf("{");
	for (size_t i = 0; i < sizeof mails / sizeof *mails; i++)
		bench_mail(&mails[i], how_long);
	bench_whole(how_long);
	printf("}\n");
	return EXIT_SUCCESS;
}
