/* SPDX-License-Identifier: MIT */
#ifndef WORKER_TOKEN_H
#define WORKER_TOKEN_H

#include <stddef.h>

#include "templates/buf.h"

/*
 * token - the secret part of the links below a mail, /u/ and /p/: says to us
 * alone whose mail it was and of which topic, and cannot be made by anybody
 * else. The same address and topic always give the same token, so that every
 * mail has the same links.
 */
#define TOKEN_SECRET_SIZE 32

/* What tokens are made with; for one thread. Derived from the secret once. */
struct token_key;
struct token_key *token_key_new(const unsigned char secret[TOKEN_SECRET_SIZE]);
void token_key_free(struct token_key *); /* NULL is fine */

/* Appends the token: letters, digits, "-" and "_". */
void token_make(struct token_key *, const char *address, const char *topic,
    struct buf *out);

/* Returns 0, or -1 when it is not a token of ours or does not fit. */
int token_read(struct token_key *, const char *token, char *address,
    size_t address_size, char *topic, size_t topic_size);

#endif
