/* SPDX-License-Identifier: MIT */
#ifndef WORKER_DELIVERY_WEBHOOK_SIGNATURE_H
#define WORKER_DELIVERY_WEBHOOK_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "templates/buf.h"
#include "templates/error.h"

/*
 * signature - proves to the receiver of a webhook that it comes from us:
 * Standard Webhooks 1.0.0, with a secret that the receiver has too (v1), or
 * with a private key of ours (v1a).
 */
struct signature_key {
	bool is_private; /* ed25519: the seed and the public key; else HMAC */
	unsigned char bytes[64];
	size_t len;
};

/*
 * A secret as people write it: "whsec_" and 24 to 64 bytes in base64, or
 * "whsk_" and an ed25519 private key: its seed, alone or with the public key
 * behind it. Returns 0, or -1 with the error set. The error never shows the
 * secret.
 */
int signature_key_parse(
    struct signature_key *, const char *secret, struct error *);

/* Appends "whpk_...", by which receivers verify what a private key signs. */
void signature_public_key(const struct signature_key *, struct buf *out);

/*
 * Appends the value of the webhook-signature header, one signature for each key
 * (two while a secret is being replaced). The timestamp, in Unix seconds, is
 * the attempt's; the id is the same on every attempt.
 */
void signature_make(const struct signature_key *keys, int n, const char *id,
    int64_t timestamp_s, const void *body, size_t len, struct buf *out);

#endif
