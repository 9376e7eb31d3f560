/* SPDX-License-Identifier: MIT */
#ifndef TEMPLATES_BUF_H
#define TEMPLATES_BUF_H

#include <stddef.h>

/*
 * buf - bytes that grow. A zeroed struct buf is an empty one. data is NULL
 * until something was added, and from then on has a NUL behind its len bytes.
 */
struct buf {
	char *data;
	size_t len;
	size_t cap;
};

void buf_add(struct buf *, const void *, size_t len);
void buf_adds(struct buf *, const char *);
void buf_addc(struct buf *, char);
void buf_addf(struct buf *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void buf_reserve(struct buf *, size_t more); /* room for `more` bytes */
void buf_truncate(struct buf *, size_t len);
const char *buf_str(const struct buf *); /* "" when empty; never NULL */
char *buf_steal(struct buf *);		 /* caller frees; buf is empty after */
void buf_free(struct buf *);		 /* buf is empty after */

#endif
