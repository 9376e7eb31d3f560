/* SPDX-License-Identifier: MIT */
/*
 * Expressions, filter chains and conditions by recursive descent. Two entry
 * points: what has a value (no operators) and what has a truth (no filters).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "templates/liquid/number.h"
#include "templates/liquid/parse.h"
#include "templates/name.h"

#define DEPTH_MAX     100
#define PATHS_MAX     2000 /* they are compared with each other */
#define ARGUMENTS_MAX 16

static const struct expr *parse_expr(struct parser *);

static void
deeper(struct parser *p)
{
	if (++p->depth > DEPTH_MAX)
		parse_fail(
		    p, p->lex.text, "nested more than %d deep", DEPTH_MAX);
}

static struct expr *
expr_new(struct parser *p, enum expr_kind kind, const char *from)
{
	struct expr *e = parse_alloc(p, sizeof *e);

	e->kind = kind;
	e->source = (struct span){from, (uint32_t)(p->lex.text - from)};
	while (e->source.len > 0 && is_space(from[e->source.len - 1]))
		e->source.len--;
	return e;
}

static const struct expr *
literal_new(struct parser *p, const char *from, struct value v)
{
	struct expr *e = expr_new(p, EXPR_LITERAL, from);

	e->literal = v;
	return e;
}

/* One whose place an error may have to name. */
static const struct expr *
literal_at(struct parser *p, const char *from, struct value v)
{
	struct expr *e = expr_new(p, EXPR_LITERAL, from);

	e->literal = v;
	parse_where(p, from, &e->line, &e->column);
	return e;
}

/* nil, true, empty and so on, unless a member is asked of it. */
static bool
literal_word(struct span name, struct value *v)
{
	static const struct {
		const char *word;
		struct value v;
	} words[] = {
	    {"nil", {.type = VALUE_NIL}},
	    {"null", {.type = VALUE_NIL}},
	    {"true", {.type = VALUE_BOOL, .truth = true}},
	    {"false", {.type = VALUE_BOOL}},
	    {"empty", {.type = VALUE_EMPTY}},
	    {"blank", {.type = VALUE_BLANK}},
	};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (value_is(value_text(name.text, name.len), words[i].word)) {
			*v = words[i].v;
			return true;
		}
	return false;
}

/* Braze's ${name}, bare or behind `root.`: what it is called here. */
_Noreturn static void
braze_name(struct parser *p, struct span root)
{
	const char *at = p->lex.text, *from = at + 2;
	struct value name = value_text("name", 4);
	struct value of = value_text(root.text, root.len);
	const char *end = from;

	while (end < p->lex.end && *end != '}' && !is_space(*end))
		end++;
	if (end > from)
		name = value_text(from, (size_t)(end - from));
	if (value_is(name, "set_user_to_unsubscribed_url"))
		parse_fail(p, at, "write {{ unsubscribe_url }}");
	if (value_is(of, "content_blocks"))
		parse_fail(p, at, "write {%% render \"%.*s\" %%}",
		    (int)name.len, name.text);
	parse_fail(p, at, "'${' is not Liquid: write {{ %s.%.*s }}",
	    of.len == 0 || value_is(of, "custom_attribute") ? "user" : "event",
	    (int)name.len, name.text);
}

/* .name and [key], as many as there are. */
static void
parse_steps(struct parser *p, struct expr *e, struct span root)
{
	struct step steps[DEPTH_MAX], *copy;
	int n = 0;

	while (p->lex.type == '.' || p->lex.type == '[') {
		struct step s = {{NULL, 0}, NULL};

		if (n == DEPTH_MAX)
			parse_fail(p, p->lex.text, "the path is too long");
		if (parse_accept(p, '.')) {
			if (p->lex.text[0] == '$')
				braze_name(p, root);
			s.name = parse_name(p, "a name behind the dot");
		} else {
			lexer_next(&p->lex);
			s.key = parse_expr(p);
			parse_expect(p, ']', "']'");
		}
		if (s.key != NULL && s.key->kind == EXPR_LITERAL &&
		    s.key->literal.type == VALUE_STRING) {
			s.name.text = s.key->literal.text;
			s.name.len = s.key->literal.len;
		}
		steps[n++] = s;
	}
	copy = parse_alloc(p, (size_t)n * sizeof *copy);
	if (n > 0)
		memcpy(copy, steps, (size_t)n * sizeof *copy);
	e->steps = copy;
	e->n_steps = n;
}

/* "user.tags" of user.tags[0].name: as far as it is literal. */
static char *
path_text(struct parser *p, const struct expr *e)
{
	struct span root = p->names->list[e->slot].name;
	size_t len = root.len;
	char *path, *to;

	for (int i = 0; i < e->n_steps && e->steps[i].name.text != NULL; i++)
		len += 1 + e->steps[i].name.len;
	to = path = parse_alloc(p, len + 1);
	memcpy(to, root.text, root.len);
	to += root.len;
	for (int i = 0; i < e->n_steps && e->steps[i].name.text != NULL; i++) {
		*to++ = '.';
		memcpy(to, e->steps[i].name.text, e->steps[i].name.len);
		to += e->steps[i].name.len;
	}
	return path;
}

static bool
is_tested(const struct parser *p, const char *path)
{
	for (; p != NULL; p = p->includer)
		for (int i = 0; i < p->n_tested; i++)
			if (strlen(path) == p->tested[i].len &&
			    memcmp(path, p->tested[i].text, p->tested[i].len) ==
				0)
				return true;
	return false;
}

static void
note_use(struct parser *p, struct use **at, const char *path, int line,
    int column, bool is_guarded)
{
	while (*at != NULL && strcmp((*at)->path.text, path) != 0)
		at = &(*at)->next;
	if (*at == NULL && p->c->n_uses++ == PATHS_MAX)
		parse_fail(p, p->lex.text,
		    "the template reads more than %d different values",
		    PATHS_MAX);
	if (*at == NULL)
		*at = parse_alloc(p, sizeof **at);
	else if (is_guarded || !(*at)->path.is_guarded)
		return;
	(*at)->path =
	    (struct liquid_path){path, p->file, line, column, is_guarded};
}

static void
path_used(struct parser *p, const struct expr *e)
{
	const struct scope_name *root = &p->names->list[e->slot];
	const char *hint;
	char *path;

	if (root->bound > 0)
		return;
	hint = parse_is_strict(p) ? hint_for_name(root->name) : NULL;
	if (hint != NULL)
		parse_fail(p, e->source.text, "%s", hint);
	path = path_text(p, e);
	if (p->in_test && p->n_tested < 32)
		p->tested[p->n_tested++] =
		    (struct span){path, (uint32_t)strlen(path)};
	note_use(p, &p->c->uses, path, e->line, e->column,
	    p->in_test || is_tested(p, path));
}

/* Is it a name that somebody gave, and the place one where mail shows it? */
static bool
is_name(struct parser *p, const struct expr *e)
{
	enum liquid_context context = p->c->options->context;
	const struct step *last = &e->steps[e->n_steps - 1];
	struct span root;

	if ((context != LIQUID_HTML && context != LIQUID_MARKDOWN &&
		context != LIQUID_HEADER) ||
	    e->n_steps == 0 || e->slot < 0 || last->name.text == NULL)
		return false;
	root = p->names->list[e->slot].name;
	return name_is_given(
	    root.text, root.len, last->name.text, last->name.len);
}

static const struct expr *
parse_path(struct parser *p)
{
	const char *from = p->lex.text;
	struct span name = {p->lex.text, p->lex.len};
	struct expr *e = expr_new(p, EXPR_PATH, from);
	struct value v;

	parse_where(p, from, &e->line, &e->column);
	e->slot = -1;
	if (parse_accept(p, '[')) {
		e->root = parse_expr(p);
		parse_expect(p, ']', "']'");
		if (e->root->kind == EXPR_LITERAL &&
		    e->root->literal.type == VALUE_STRING)
			e->slot =
			    slot_of(p, (struct span){e->root->literal.text,
					   e->root->literal.len});
	} else {
		if (lexer_is(&p->lex, "contains") &&
		    is_space(name.text[name.len]))
			parse_fail(
			    p, from, "a value is expected, not 'contains'");
		lexer_next(&p->lex);
		if (p->lex.type != '.' && p->lex.type != '[' &&
		    literal_word(name, &v))
			return literal_at(p, from, v);
		e->slot = slot_of(p, name);
	}
	parse_steps(p, e, name);
	e->source.len = (uint32_t)(p->lex.text - from);
	while (is_space(from[e->source.len - 1]))
		e->source.len--;
	e->is_name = is_name(p, e);
	if (e->slot >= 0)
		path_used(p, e);
	return e;
}

static bool
is_link(const struct lexer *l)
{
	return lexer_is(l, "and") || lexer_is(l, "or") ||
	       lexer_is(l, "contains");
}

static const struct expr *
parse_range(struct parser *p)
{
	const char *from = p->lex.text;
	const struct expr *low, *high;
	struct expr *e;

	lexer_next(&p->lex);
	low = parse_expr(p);
	if (is_link(&p->lex) || p->lex.type == TOKEN_COMPARE ||
	    p->lex.type == ')')
		parse_fail(p, from,
		    "conditions have no parentheses: put one {%% if %%} into "
		    "another");
	parse_expect(p, TOKEN_DOTDOT, "'..'");
	high = parse_expr(p);
	parse_expect(p, ')', "')'");
	e = expr_new(p, EXPR_RANGE, from);
	e->from = low;
	e->to = high;
	return e;
}

static struct value
number_literal(struct parser *p)
{
	char digits[64];
	struct value n;

	if (p->lex.len >= sizeof digits)
		parse_fail(p, p->lex.text, "the number is too long");
	memcpy(digits, p->lex.text, p->lex.len);
	digits[p->lex.len] = '\0';
	if (p->lex.type == TOKEN_FLOAT)
		return value_float(strtod(digits, NULL));
	n = number_read_whole(digits);
	if (n.type == VALUE_NIL)
		parse_fail(p, p->lex.text, "the number is too large");
	return n;
}

/* What an author wrote is safe, but in JSON a quote must be escaped anyway. */
static struct value
string_literal(struct parser *p)
{
	struct value v = value_text(p->lex.text, p->lex.len);

	if (p->c->options->context != LIQUID_JSON)
		v.flags = VALUE_SAFE | VALUE_ENCODED;
	return v;
}

static const struct expr *
parse_expr(struct parser *p)
{
	const char *from = p->lex.text;
	const struct expr *e;
	struct value v;

	deeper(p);
	switch (p->lex.type) {
	case TOKEN_NAME:
	case '[':
		e = parse_path(p);
		break;
	case '(':
		e = parse_range(p);
		break;
	case TOKEN_INT:
	case TOKEN_FLOAT:
		v = number_literal(p);
		lexer_next(&p->lex);
		e = literal_at(p, from, v);
		break;
	case TOKEN_STRING:
		v = string_literal(p);
		from--;
		lexer_next(&p->lex);
		e = literal_at(p, from, v);
		break;
	case TOKEN_END:
		parse_fail(p, from, "a value is expected");
	default:
		if (*from == '$')
			braze_name(p, (struct span){from, 0});
		if (*from == '{')
			parse_fail(p, from,
			    "within {{ }} and {%% %%} names stand alone, "
			    "without braces");
		if (*from == '"' || *from == '\'')
			parse_fail(p, from, "the string has no end");
		parse_unexpected(p, "a value is expected, not");
	}
	p->depth--;
	return e;
}

const struct expr *
parse_value(struct parser *p)
{
	return parse_expr(p);
}

static const struct filter *
parse_filter_name(struct parser *p)
{
	const char *at = p->lex.text, *near;
	struct span name = parse_name(p, "the name of a filter");
	const struct filter *f = filter_named(name);
	char word[64];

	if (f != NULL)
		return f;
	snprintf(word, sizeof word, "%.*s", (int)name.len, name.text);
	near = hint_for_filter(name);
	if (near != NULL)
		parse_fail(p, at, "there is no filter '%s': %s", word, near);
	near = filter_suggest(word);
	if (near != NULL)
		parse_fail(p, at, "there is no filter '%s': did you mean '%s'?",
		    word, near);
	parse_fail(p, at, "there is no filter '%s'", word);
}

/* Is the token at hand NAME, with a colon behind it? */
static bool
at_keyword(const struct parser *p)
{
	struct lexer ahead = p->lex;

	if (ahead.type != TOKEN_NAME)
		return false;
	lexer_next(&ahead);
	return ahead.type == ':';
}

static void
check_arguments(struct parser *p, const char *at, const struct filter *f, int n)
{
	if (n >= f->min && n <= f->max)
		return;
	if (f->min == f->max)
		parse_fail(p, at, "%s takes %d argument%s, not %d", f->name,
		    f->min, f->min == 1 ? "" : "s", n);
	parse_fail(p, at, "%s takes %d to %d arguments, not %d", f->name,
	    f->min, f->max, n);
}

/*
 * The secret of the key that the argument names, in its place: no path, no
 * scope and no other filter leads to it.
 */
static const struct expr *
key_argument(struct parser *p, const char *at, const struct expr *name)
{
	const json_t *keys = p->c->options->keys;
	const char *secret = NULL;
	struct value v = name->literal;
	char *copy;

	if (name->kind != EXPR_LITERAL || v.type != VALUE_STRING)
		parse_fail(p, at, "the name of a key is expected, in quotes");
	if (keys != NULL)
		secret =
		    json_string_value(json_object_getn(keys, v.text, v.len));
	if (secret == NULL)
		parse_fail(p, at,
		    "there is no key \"%.*s\" among the \"template_keys\" of "
		    "nudge.json",
		    (int)v.len, v.text);
	copy = arena_strndup(&p->c->liquid->arena, secret, strlen(secret));
	return literal_new(p, at, value_text(copy, strlen(secret)));
}

static void
parse_arguments(struct parser *p, const char *at, struct filter_call *call)
{
	const struct expr *args[ARGUMENTS_MAX + 2], *keyword = NULL;
	const struct expr **copy;
	int n = 0;

	do {
		if (at_keyword(p)) {
			if (call->filter->keyword == NULL ||
			    !lexer_is(&p->lex, call->filter->keyword))
				parse_fail(p, p->lex.text,
				    "%s takes no argument named '%.*s'",
				    call->filter->name, (int)p->lex.len,
				    p->lex.text);
			lexer_next(&p->lex);
			lexer_next(&p->lex);
			keyword = parse_expr(p);
		} else if (n < ARGUMENTS_MAX) {
			args[n++] = parse_expr(p);
		} else {
			parse_fail(p, p->lex.text, "too many arguments");
		}
	} while (parse_accept(p, ','));
	check_arguments(p, at, call->filter, n);
	if (keyword != NULL) {
		while (n < call->filter->max)
			args[n++] = literal_new(p, p->lex.text, value_nil());
		args[n++] = keyword;
	}
	if (call->filter->takes_key)
		args[0] = key_argument(p, at, args[0]);
	if (call->filter->with != NULL)
		args[n++] = literal_new(p, at,
		    value_text(call->filter->with, strlen(call->filter->with)));
	copy = parse_alloc(p, (size_t)n * sizeof *copy);
	memcpy(copy, args, (size_t)n * sizeof *copy);
	call->args = copy;
	call->n_args = n;
}

/* `| plus 1` */
static void
check_colon(struct parser *p, const struct filter *f)
{
	const struct lexer *l = &p->lex;
	const char *from = l->type == TOKEN_STRING ? l->text - 1 : l->text;

	if (f->max > 0 && (l->type == TOKEN_STRING || l->type == TOKEN_INT ||
			      l->type == TOKEN_FLOAT))
		parse_fail(p, from, "a colon is missing: write %s: %.*s",
		    f->name, (int)(l->next - from), from);
}

static struct filter_call
parse_filter(struct parser *p)
{
	const char *at = p->lex.text;
	struct filter_call call = {.filter = parse_filter_name(p)};

	parse_where(p, at, &call.line, &call.column);
	if (call.filter->is_raw && p->c->options->forbids_raw)
		parse_fail(p, at,
		    "raw is not allowed in this workspace (\"allow_raw\" in "
		    "nudge.json)");
	if (call.filter->is_local) {
		parse_uses_locale(p);
		note_use(p, &p->c->uses, "user.locale", call.line, call.column,
		    true);
	}
	check_colon(p, call.filter);
	if (parse_accept(p, ':'))
		parse_arguments(p, at, &call);
	else
		check_arguments(p, at, call.filter, 0);
	return call;
}

/* A look ahead for `| default`, so that paths before it count as guarded. */
static bool
has_default(struct lexer ahead)
{
	while (ahead.type != TOKEN_END) {
		bool pipe = ahead.type == '|';

		lexer_next(&ahead);
		if (pipe && lexer_is(&ahead, "default"))
			return true;
	}
	return false;
}

/* What data gave and `raw` lets out, for lint. */
static void
note_raw(struct parser *p, const struct chain *chain)
{
	const struct expr *e = chain->head;

	if (e->kind != EXPR_PATH || e->slot < 0 ||
	    p->names->list[e->slot].bound > 0)
		return;
	for (int i = 0; i < chain->n_filters; i++)
		if (chain->filters[i].filter->is_raw)
			note_use(p, &p->c->raws, path_text(p, e), e->line,
			    e->column, false);
}

struct chain
parse_chain(struct parser *p)
{
	struct filter_call calls[DEPTH_MAX], *copy;
	struct chain chain = {.has_default = has_default(p->lex)};
	bool was_test = p->in_test;
	int tested = p->n_tested, n = 0;

	p->in_test = was_test || chain.has_default;
	chain.head = parse_expr(p);
	while (parse_accept(p, '|')) {
		if (n < DEPTH_MAX)
			calls[n++] = parse_filter(p);
		else
			parse_fail(p, p->lex.text, "too many filters");
	}
	p->in_test = was_test;
	if (!was_test)
		p->n_tested = tested;
	copy = parse_alloc(p, (size_t)n * sizeof *copy);
	if (n > 0)
		memcpy(copy, calls, (size_t)n * sizeof *copy);
	chain.filters = copy;
	chain.n_filters = n;
	note_raw(p, &chain);
	return chain;
}

static enum compare
parse_operator(struct parser *p)
{
	static const char *const signs[] = {[EQ] = "==",
	    [NE] = "!=",
	    [LT] = "<",
	    [GT] = ">",
	    [LE] = "<=",
	    [GE] = ">="};
	struct span sign = {p->lex.text, p->lex.len};

	/* only before white space is it the operator */
	if (is_space(sign.text[sign.len]) && parse_accept_name(p, "contains"))
		return CONTAINS;
	if (p->lex.type == '=')
		parse_fail(p, sign.text, "to compare, write '=='");
	if (!parse_accept(p, TOKEN_COMPARE))
		return IS_TRUE;
	for (int i = EQ; i <= GE; i++)
		if (sign.len == strlen(signs[i]) &&
		    memcmp(sign.text, signs[i], sign.len) == 0)
			return (enum compare)i;
	return NE; /* <> */
}

static struct cond *
parse_test(struct parser *p)
{
	struct cond *cond = parse_alloc(p, sizeof *cond);
	struct lexer ahead = p->lex;

	lexer_next(&ahead);
	if (lexer_is(&p->lex, "not") && ahead.type == TOKEN_NAME &&
	    !is_link(&ahead))
		parse_fail(p, p->lex.text,
		    "there is no `not`: write {%% unless %%}, or `== false`");
	parse_where(p, p->lex.text, &cond->line, &cond->column);
	cond->left = parse_expr(p);
	cond->op = parse_operator(p);
	if (cond->op != IS_TRUE)
		cond->right = parse_expr(p);
	return cond;
}

const struct cond *
parse_cond(struct parser *p)
{
	bool was_test = p->in_test;
	struct cond *first, *last;

	p->in_test = true;
	first = last = parse_test(p);
	for (;;) {
		if (parse_accept_name(p, "and"))
			last->link = LINK_AND;
		else if (parse_accept_name(p, "or"))
			last->link = LINK_OR;
		else
			break;
		last->next = parse_test(p);
		last = (struct cond *)last->next;
	}
	p->in_test = was_test;
	return first;
}
