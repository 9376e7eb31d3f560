/* SPDX-License-Identifier: MIT */
#ifndef WORKER_DELIVERY_SIGNATURE_H
#define WORKER_DELIVERY_SIGNATURE_H

#include <stddef.h>
#include <stdint.h>

#include "templates/buf.h"
#include "templates/error.h"

/*
 * signature - proves to the receiver of a webhook that it comes from us:
 * Standard Webhooks 1.0.0, symmetric (v1).
 */
struct signature_key {
	unsigned char bytes[64];
	size_t len;
};

/*
 * A secret as people write it: "whsec_" and 24 to 64 bytes in base64. Returns
 * 0, or -1 with the error set. The error never shows the secret.
 */
int signature_key_parse(
    struct signature_key *, const char *secret, struct error *);

/*
 * Appends the value of the webhook-signature header, one signature for each key
 * (two while a secret is being replaced). The timestamp, in Unix seconds, is
 * the attempt's; the id is the same on every attempt.
 */
void signature_make(const struct signature_key *keys, int n, const char *id,
    int64_t timestamp_s, const void *body, size_t len, struct buf *out);

#endif
