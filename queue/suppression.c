/* SPDX-License-Identifier: MIT */
/*
 * suppression - addresses that must be left alone, as 128 bits of the SHA-256
 * of the folded address: enough to recognise one, useless as an address book,
 * and at 2^-128 never anybody else's.
 *
 * Folding trims white space and lowers A-Z. RFC 5321 section 2.4 lets a host
 * tell upper from lower case before the @; none that matters does, and mailing
 * somebody who said no is the worse mistake.
 */
#include <stdlib.h>
#include <string.h>

#include "queue/sqlite.h"

#define KEY_SIZE 16

static void
address_key(struct queue *q, const char *address, unsigned char key[KEY_SIZE])
{
	static const char space[] = " \t\r\n";
	const char *start = address + strspn(address, space);
	size_t len = strlen(start);
	char *folded;

	while (len > 0 && strchr(space, start[len - 1]) != NULL)
		len--;
	folded = queue_alloc(len + 1);
	for (size_t i = 0; i < len; i++)
		folded[i] = start[i] >= 'A' && start[i] <= 'Z'
				? (char)(start[i] - 'A' + 'a')
				: start[i];
	hash_text(q, folded, len, key, KEY_SIZE);
	free(folded);
}

/* Binds address and topic, as ?1 and ?2; SQLite takes a copy of the key. */
static sqlite3_stmt *
statement_for(struct queue *q, enum statement which, const char *address,
    const char *topic)
{
	sqlite3_stmt *st = statement(q, which);
	unsigned char key[KEY_SIZE];

	if (st == NULL)
		return NULL;
	address_key(q, address, key);
	sqlite3_bind_blob(st, 1, key, KEY_SIZE, SQLITE_TRANSIENT);
	put_text(st, 2, topic);
	return st;
}

int
queue_suppress(struct queue *q, const char *address, const char *topic,
    const char *reason, int64_t at_ms)
{
	sqlite3_stmt *st = statement_for(q, SUPPRESS, address, topic);

	if (st == NULL)
		return -1;
	put_int(st, 3, at_ms);
	put_text(st, 4, reason);
	return statement_run(q, st);
}

int
queue_unsuppress(struct queue *q, const char *address, const char *topic)
{
	return statement_run(q, statement_for(q, UNSUPPRESS, address, topic));
}

static int
find(struct queue *q, enum statement which, const char *address,
    const char *topic, const char **reason)
{
	sqlite3_stmt *st = statement_for(q, which, address, topic);
	int found;

	if (st == NULL)
		return -1;
	found = statement_step(q, st);
	if (found == 1)
		*reason = get_text(q, st, 0);
	sqlite3_reset(st);
	return found;
}

int
queue_suppressed(struct queue *q, const char *address, const char *topic,
    const char **reason)
{
	return find(q, SUPPRESSED, address, topic, reason);
}

int
queue_suppression(struct queue *q, const char *address, const char *topic,
    const char **reason)
{
	return find(q, SUPPRESSION, address, topic, reason);
}
