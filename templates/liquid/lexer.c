/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "templates/liquid/lexer.h"
#include "templates/utf8.h"

enum {
	SPACE = 1,
	DIGIT = 2,
	LETTER = 4, /* also _ */
	DASH = 8,
	SIGN = 16,
};

static unsigned char
class_of(char c)
{
	static const unsigned char classes[256] = {['\t' ... '\r'] = SPACE,
	    [' '] = SPACE,
	    ['0' ... '9'] = DIGIT,
	    ['A' ... 'Z'] = LETTER,
	    ['a' ... 'z'] = LETTER,
	    ['_'] = LETTER,
	    ['-'] = DASH,
	    ['|'] = SIGN,
	    ['.'] = SIGN,
	    [':'] = SIGN,
	    [','] = SIGN,
	    ['['] = SIGN,
	    [']'] = SIGN,
	    ['('] = SIGN,
	    [')'] = SIGN,
	    ['='] = SIGN};

	return classes[(unsigned char)c];
}

static const char *
skip(const char *p, const char *end, unsigned char classes)
{
	while (p < end && (class_of(*p) & classes) != 0)
		p++;
	return p;
}

void
lexer_start(struct lexer *l, const char *from, const char *end)
{
	l->next = from;
	l->end = end;
	lexer_next(l);
}

static const char *
read_number(struct lexer *l, const char *p)
{
	l->type = TOKEN_INT;
	p = skip(p + 1, l->end, DIGIT);
	if (p + 1 < l->end && *p == '.' && class_of(p[1]) == DIGIT) {
		l->type = TOKEN_FLOAT;
		p = skip(p + 1, l->end, DIGIT);
	}
	return p;
}

static const char *
read_name(struct lexer *l, const char *p)
{
	l->type = TOKEN_NAME;
	p = skip(p, l->end, LETTER | DIGIT | DASH);
	return p < l->end && *p == '?' ? p + 1 : p;
}

static const char *
read_string(struct lexer *l, const char *p)
{
	const char *close = memchr(p + 1, *p, (size_t)(l->end - p - 1));

	if (close == NULL)
		return p + 1;
	l->type = TOKEN_STRING;
	l->text = p + 1;
	l->len = (uint32_t)(close - p - 1);
	return close + 1;
}

static const char *
read_sign(struct lexer *l, const char *p)
{
	bool more = p + 1 < l->end;

	if (more && *p == '.' && p[1] == '.') {
		l->type = TOKEN_DOTDOT;
		return p + 2;
	}
	if (strchr("=!<>", *p) != NULL && more &&
	    (p[1] == '=' || (*p == '<' && p[1] == '>'))) {
		l->type = TOKEN_COMPARE;
		return p + 2;
	}
	if (*p == '<' || *p == '>')
		l->type = TOKEN_COMPARE;
	else if (class_of(*p) == SIGN)
		l->type = (unsigned char)*p;
	else if (utf8_length(p, l->end) > 0)
		return p + utf8_length(p, l->end);
	return p + 1;
}

void
lexer_next(struct lexer *l)
{
	const char *p = skip(l->next, l->end, SPACE);

	l->text = p;
	l->len = 0;
	l->type = TOKEN_END;
	if (p < l->end) {
		l->type = TOKEN_BAD;
		if (class_of(*p) == LETTER)
			p = read_name(l, p);
		else if (class_of(*p) == DIGIT ||
			 (*p == '-' && p + 1 < l->end &&
			     class_of(p[1]) == DIGIT))
			p = read_number(l, p);
		else if (*p == '"' || *p == '\'')
			p = read_string(l, p);
		else if (*p != '\0')
			p = read_sign(l, p);
		else
			p++;
		if (l->type != TOKEN_STRING)
			l->len = (uint32_t)(p - l->text);
	}
	l->next = p;
}

bool
lexer_is(const struct lexer *l, const char *name)
{
	return l->type == TOKEN_NAME && l->len == strlen(name) &&
	       memcmp(l->text, name, l->len) == 0;
}
