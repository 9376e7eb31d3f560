/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "templates/liquid/lexer.h"
#include "templates/liquid/value.h"

enum {
	DIGIT = 1,
	LETTER = 2, /* also _ */
	SIGN = 4,
};

static unsigned char
class_of(char c)
{
	static const unsigned char signs[128] = {['|'] = SIGN,
	    ['.'] = SIGN,
	    [':'] = SIGN,
	    [','] = SIGN,
	    ['['] = SIGN,
	    [']'] = SIGN,
	    ['('] = SIGN,
	    [')'] = SIGN,
	    ['='] = SIGN};

	if (c >= '0' && c <= '9')
		return DIGIT;
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_')
		return LETTER;
	return (c & 0x80) == 0 ? signs[(int)c] : 0;
}

void
lexer_start(struct lexer *l, const char *from, const char *end)
{
	l->next = from;
	l->end = end;
	lexer_next(l);
}

static const char *
skip_digits(const char *p, const char *end)
{
	while (p < end && class_of(*p) == DIGIT)
		p++;
	return p;
}

static const char *
read_number(struct lexer *l, const char *p)
{
	l->type = TOKEN_INT;
	p = skip_digits(p + 1, l->end);
	if (p + 1 < l->end && *p == '.' && class_of(p[1]) == DIGIT) {
		l->type = TOKEN_FLOAT;
		p = skip_digits(p + 1, l->end);
	}
	return p;
}

static const char *
read_name(struct lexer *l, const char *p)
{
	l->type = TOKEN_NAME;
	while (
	    p < l->end && ((class_of(*p) & (DIGIT | LETTER)) != 0 || *p == '-'))
		p++;
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
	return p + 1;
}

void
lexer_next(struct lexer *l)
{
	const char *p = l->next;

	while (p < l->end && is_space(*p))
		p++;
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
