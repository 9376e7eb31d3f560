/* SPDX-License-Identifier: MIT */
/*
 * lint - rules about meaning, not about form. They look at what was read
 * without errors or with; what they cannot know (a date in a trait, a name that
 * is no template's) they let pass.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "sequences/rules/lint.h"

#define DAY_MS	      ((int64_t)24 * 60 * 60 * 1000)
#define FIRST_UPSELL  (4 * DAY_MS) /* after the sign-up */
#define LENGTH(array) (sizeof(array) / sizeof *(array))

static const struct template_info *
info_of(const struct reader *r, const char *name)
{
	const struct template *t =
	    r->context->templates != NULL && name != NULL
		? templates_find(r->context->templates, name, NULL)
		: NULL;

	return t != NULL ? template_info(t) : NULL;
}

static bool
has_tag(const struct template_info *info, const char *tag)
{
	return info != NULL && name_is_among(tag, info->tags);
}

/* The first template of the action that `is_it` holds for, or NULL. */
static const struct template_info *
find_template(const struct action *a, const struct reader *r,
    bool (*is_it)(const struct template_info *, const struct templates *))
{
	for (int i = 0; i < a->n_options; i++)
		for (int k = 0; k < a->options[i].templates.n; k++) {
			const struct template_info *info =
			    info_of(r, a->options[i].templates.list[k]);

			if (info != NULL && is_it(info, r->context->templates))
				return info;
		}
	return NULL;
}

static size_t
push_step(struct reader *r, int index)
{
	size_t mark = reader_push(r, "steps");
	char text[16];

	snprintf(text, sizeof text, "%d", index);
	reader_push(r, text);
	return mark;
}

/* ----------------------------------------------- unreachable steps */

static bool
always_stops(const struct step *step)
{
	return step->when != STEP_WAIT && step->action.is_stop &&
	       step->condition == NULL && step->action.n_options == 0;
}

static void
check_reach(
    const struct step *step, const struct step *earlier, struct reader *r)
{
	if (earlier->id == NULL)
		return;
	if (step->when == STEP_DAY && earlier->when == STEP_DAY &&
	    step->day < earlier->day)
		reader_warn(r, "unreachable-step",
		    "steps run in order: day %d is over when \"%s\" on day %d "
		    "is done",
		    step->day, earlier->id, earlier->day);
	if (always_stops(earlier))
		reader_warn(r, "unreachable-step",
		    "\"%s\" always stops the sequence before", earlier->id);
}

static void
check_order(const struct sequence *q, struct reader *r)
{
	for (int i = 1; i < q->n_steps; i++) {
		size_t mark = push_step(r, i);

		for (int k = 0; k < i; k++)
			check_reach(&q->steps[i], &q->steps[k], r);
		reader_pop(r, mark);
	}
}

/* ------------------------------------------------------ no upsell */

static bool
is_upsell(const struct template_info *info, const struct templates *set)
{
	return has_tag(info, "upsell");
}

/* Is that what products call it? Only letters count: "user_signed_up". */
static bool
is_sign_up(const char *event)
{
	static const char *const names[] = {"signedup", "signup",
	    "contractsigned", "registered", "accountcreated", "usercreated",
	    "trialstarted", "subscriptionstarted"};
	char letters[64];
	size_t n = 0;

	if (event == NULL)
		return false;
	for (; *event != '\0' && n + 1 < sizeof letters; event++)
		if (isalpha((unsigned char)*event))
			letters[n++] = (char)tolower((unsigned char)*event);
	letters[n] = '\0';
	for (size_t i = 0; i < LENGTH(names); i++)
		if (strstr(letters, names[i]) != NULL)
			return true;
	return false;
}

/* How long after a sign-up somebody can enter, at the earliest; -1: never. */
static int64_t
entered_after_sign_up(const struct sequence *q)
{
	int64_t earliest = -1;

	for (int i = 0; i < q->enter.n; i++) {
		const struct trigger *t = &q->enter.list[i];
		int64_t at = -1;

		if (t->kind == TRIGGER_EVENT && is_sign_up(t->on))
			at = 0;
		else if (t->kind == TRIGGER_MISSING && is_sign_up(t->after))
			at = t->period_ms;
		if (at >= 0 && (earliest < 0 || at < earliest))
			earliest = at;
	}
	return earliest;
}

/* When a step can be done at the earliest, given when the one before can. */
static int64_t
step_earliest(const struct step *step, int64_t entered, int64_t previous)
{
	int64_t day = entered + step->day * DAY_MS;

	if (step->when == STEP_AFTER)
		return previous + step->after_ms;
	return step->when == STEP_DAY && day > previous ? day : previous;
}

static void
check_upsell(const struct sequence *q, struct reader *r)
{
	int64_t entered = entered_after_sign_up(q), at = entered;

	for (int i = 0; i < q->n_steps && entered >= 0; i++) {
		const struct step *step = &q->steps[i];
		const struct template_info *info =
		    find_template(&step->action, r, is_upsell);
		int64_t sent;
		size_t mark;

		at = step_earliest(step, entered, at);
		sent = step->when == STEP_WAIT ? at + step->wait.period_ms : at;
		if (info == NULL || sent >= FIRST_UPSELL ||
		    step->when == STEP_AT)
			continue;
		mark = push_step(r, i);
		reader_warn(r, "no-upsell-before-day-4",
		    "\"%.60s\" is tagged upsell and can go out on day %d: who "
		    "has just signed up needs a first success, not an offer",
		    info->name, (int)(sent / DAY_MS));
		reader_pop(r, mark);
	}
}

/* ------------------------------------------- accounts with a human */

static bool
is_mail(const struct template_info *info, const struct templates *set)
{
	return info->kind == TEMPLATE_EMAIL;
}

static bool
is_to_user(const struct action *a)
{
	for (int i = 0; i < a->to.n; i++)
		if (a->to.list[i].name != NULL &&
		    strcmp(a->to.list[i].name, "user") == 0)
			return true;
	return false;
}

static bool
any_mentions_account(const struct triggers *t)
{
	for (int i = 0; i < t->n; i++)
		if (condition_mentions(t->list[i].condition, "account"))
			return true;
	return false;
}

static bool
mails_whoever(const struct step *step, const struct reader *r)
{
	return is_to_user(&step->action) &&
	       !condition_mentions(step->condition, "account") &&
	       find_template(&step->action, r, is_mail) != NULL;
}

/*
 * A way in that looks at the account is not enough: the human may come later.
 */
static void
check_humans(const struct sequence *q, struct reader *r)
{
	if (q->topic == NULL || q->for_account ||
	    any_mentions_account(&q->exit))
		return;
	for (int i = 0; i < q->n_steps; i++) {
		if (!mails_whoever(&q->steps[i], r))
			continue;
		reader_warn(r, "human-owned-accounts",
		    "no exit looks at the account: people whose account has a "
		    "customer success manager would get this too (add {\"if\": "
		    "\"account.csm\"})");
		return;
	}
}

/* ----------------------------------------------- the way out of a topic */

static void
note_unsubscribe(void *arg, const struct liquid_path *path)
{
	if (strcmp(path->text, "unsubscribe_url") == 0)
		*(bool *)arg = true;
}

/* Mails with a topic of their own are looked at where they are read. */
static bool
lacks_way_out(const struct template_info *info, const struct templates *set)
{
	const struct template *t;

	if (!is_mail(info, set) || info->topic != NULL)
		return false;
	for (size_t i = 0; (t = templates_at(set, i)) != NULL; i++) {
		bool has_link = false;

		if (strcmp(template_info(t)->name, info->name) != 0)
			continue;
		template_paths(t, note_unsubscribe, &has_link);
		if (!has_link)
			return true;
	}
	return false;
}

static void
check_topic(const struct sequence *q, struct reader *r)
{
	for (int i = 0; i < q->n_steps && q->topic != NULL; i++) {
		const struct template_info *info =
		    is_to_user(&q->steps[i].action)
			? find_template(&q->steps[i].action, r, lacks_way_out)
			: NULL;
		size_t mark;

		if (info == NULL)
			continue;
		mark = push_step(r, i);
		reader_warn(r, "unsubscribe-link",
		    "\"%.60s\" goes out under the topic \"%.60s\" and has no "
		    "{{ unsubscribe_url }}, in its body or its layout",
		    info->name, q->topic);
		reader_pop(r, mark);
	}
}

void
lint_sequence(const struct sequence *q, struct reader *r)
{
	check_topic(q, r);
	check_order(q, r);
	check_upsell(q, r);
	check_humans(q, r);
}

/* ---------------------------------------------- answerable reviews */

static const char *const answers[] = {"Yes", "Partial", "No"};

static bool
has_word(const char *text, size_t len, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i + n <= len; i++)
		if (strncasecmp(text + i, word, n) == 0 &&
		    (i == 0 || !isalnum((unsigned char)text[i - 1])) &&
		    (i + n == len || !isalnum((unsigned char)text[i + n])))
			return true;
	return false;
}

/*
 * A link or button offers one answer, by its words or (in other languages) by
 * its address: "Ja" leads to ?answer=yes.
 */
static void
note_answer(const char *text, size_t len, unsigned *offered)
{
	for (size_t i = 0; i < LENGTH(answers); i++)
		if (has_word(text, len, answers[i])) {
			*offered |= 1u << i;
			return;
		}
}

static void
note_links(const char *html, unsigned *offered)
{
	const char *link, *end;

	while ((link = strstr(html, "<a ")) != NULL &&
	       (end = strstr(link, "</a>")) != NULL) {
		note_answer(link, (size_t)(end - link), offered);
		html = end;
	}
}

static void
note_strings(const json_t *node, unsigned *offered)
{
	const char *key;
	json_t *child;
	size_t i;

	if (json_is_string(node))
		note_answer(
		    json_string_value(node), json_string_length(node), offered);
	json_array_foreach(node, i, child) note_strings(child, offered);
	json_object_foreach((json_t *)node, key, child)
	    note_strings(child, offered);
}

static json_t *
look_up_nothing(void *arg, const char *name)
{
	return NULL;
}

/*
 * Bits of `answers`, as somebody of whom nothing is known would get them; all
 * when such a person would get no message.
 */
static unsigned
answers_offered(const struct template *t)
{
	struct liquid_scope nobody = {
	    .lookup = look_up_nothing, .undefined_is_nil = true};
	bool is_email = template_info(t)->kind == TEMPLATE_EMAIL;
	unsigned offered = 0;
	struct email mail = {0};
	struct buf text = {0};
	struct error e;
	json_t *body;

	if ((is_email ? template_render_email(t, &nobody, &mail, &e)
		      : template_render_document(t, &nobody, &text, &e)) != 0)
		offered = ~0u;
	body = json_loadb(buf_str(&text), text.len, JSON_DECODE_ANY, NULL);
	note_strings(body, &offered);
	note_links(buf_str(&mail.html), &offered);
	json_decref(body);
	email_free(&mail);
	buf_free(&text);
	return offered;
}

static void
check_review(const struct template *t, struct problems *problems)
{
	unsigned offered = answers_offered(t);
	struct buf missing = {0};
	struct error e;

	for (size_t i = 0; i < LENGTH(answers); i++)
		if (!(offered & 1u << i))
			buf_addf(&missing, "%s%s", missing.len > 0 ? ", " : "",
			    answers[i]);
	if (missing.len > 0) {
		error_at(&e, template_info(t)->file, 1, 1, NULL,
		    "a review asks for Yes, Partial or No, each a link of its "
		    "own; missing: %s",
		    buf_str(&missing));
		problems_warn(problems, "answerable-review", &e);
	}
	buf_free(&missing);
}

void
lint_templates(const struct templates *set, struct problems *problems)
{
	for (const char *const *name = templates_names(set); *name != NULL;
	     name++) {
		const struct template *t = templates_find(set, *name, NULL);

		if (t != NULL && has_tag(template_info(t), "review"))
			check_review(t, problems);
	}
}
