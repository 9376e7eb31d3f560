/* SPDX-License-Identifier: MIT */
#include <stdint.h>

#include "sequences/rules/numbers.h"

void
numbers_load(struct numbers *n, const json_t *saved)
{
	*n = (struct numbers){
	    .known = json_incref(json_object_get(saved, "numbers")),
	    .now = json_object(),
	    .last = (int)json_integer_value(json_object_get(saved, "last")),
	};
}

json_t *
numbers_save(const struct numbers *n)
{
	return json_pack("{s:i, s:O}", "last", n->last, "numbers", n->now);
}

void
numbers_free(struct numbers *n)
{
	json_decref(n->known);
	json_decref(n->now);
	*n = (struct numbers){0};
}

/* FNV-1a, 64 bits. */
static uint64_t
hash(const char *text)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (; *text != '\0'; text++)
		h = (h ^ (unsigned char)*text) * UINT64_C(1099511628211);
	return h;
}

int
numbers_take(struct numbers *n, const char *what, const char *text)
{
	struct buf key = {0};
	json_t *number;
	int taken;

	buf_addf(&key, "%s %016llx", what, (unsigned long long)hash(text));
	number = json_object_get(n->now, buf_str(&key)); /* the same twice */
	if (number == NULL)
		number = json_object_get(n->known, buf_str(&key));
	n->is_new |= number == NULL;
	taken = number != NULL ? (int)json_integer_value(number) : ++n->last;
	json_object_set_new(n->now, buf_str(&key), json_integer(taken));
	buf_free(&key);
	return taken;
}

void
numbers_end(struct numbers *n)
{
	const char *key;
	json_t *number;
	bool is_gone = false;

	json_object_foreach(n->known, key, number)
	{
		is_gone |= json_object_get(n->now, key) == NULL;
	}
	n->is_new |= is_gone;
	n->last += is_gone;
}
