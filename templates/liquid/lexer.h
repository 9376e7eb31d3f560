/* SPDX-License-Identifier: MIT */
#ifndef TEMPLATES_LIQUID_LEXER_H
#define TEMPLATES_LIQUID_LEXER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * lexer - words and signs between {{ }} or {% %}. A sign of one character is
 * its own token type; the others are below. The text of a string has no quotes.
 */
enum token {
	TOKEN_END = 256,
	TOKEN_NAME,
	TOKEN_INT,
	TOKEN_FLOAT,
	TOKEN_STRING,
	TOKEN_DOTDOT,
	TOKEN_COMPARE, /* == != <> < > <= >= */
	TOKEN_BAD,     /* a character of no token, or a string without end */
};

struct lexer {
	const char *next, *end; /* what is still to be read */
	int type;
	const char *text; /* of the token at hand; borrowed */
	uint32_t len;
};

void lexer_start(struct lexer *, const char *from, const char *end);
void lexer_next(struct lexer *);
bool lexer_is(const struct lexer *, const char *name); /* this name? */

#endif
