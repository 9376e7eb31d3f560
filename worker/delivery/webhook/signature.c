/* SPDX-License-Identifier: MIT */
/*
 * signature - HMAC-SHA256 or ed25519 over "id.timestamp.body", in base64. The
 * key is what the secret's base64 stands for, not its text.
 */
#include <inttypes.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "worker/delivery/webhook/signature.h"
#include "worker/log.h"

#define SECRET	 "whsec_"
#define PRIVATE	 "whsk_"
#define PUBLIC	 "whpk_"
#define KEY_MIN	 24
#define KEY_MAX	 sizeof((struct signature_key *)NULL)->bytes
#define HALF	 32 /* bytes of an ed25519 seed, and of a public key */
#define TEXT_MAX ((KEY_MAX + 2) / 3 * 4)

/*
 * Decodes into a key. OpenSSL takes more than it should (blanks, stray bits),
 * so only what encodes back to the same text is right.
 */
static int
decode(struct signature_key *key, const char *text)
{
	unsigned char bytes[TEXT_MAX], again[TEXT_MAX + 1];
	size_t len = strlen(text);
	int n;

	if (len == 0 || len > TEXT_MAX || len % 4 != 0)
		return -1;
	n = EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)len);
	if (n < 0)
		return -1;
	n -= (text[len - 1] == '=') + (text[len - 2] == '=');
	EVP_EncodeBlock(again, bytes, n);
	if (memcmp(again, text, len + 1) != 0)
		return -1;
	key->len = (size_t)n;
	memcpy(key->bytes, bytes, key->len < KEY_MAX ? key->len : KEY_MAX);
	return 0;
}

static int
parse_shared(struct signature_key *key, const char *text, struct error *e)
{
	key->is_private = false;
	if (decode(key, text) == -1)
		error_set(e,
		    "a webhook secret is \"" SECRET "\" and %d to %zu bytes in "
		    "base64; this is not base64 of that length",
		    KEY_MIN, KEY_MAX);
	else if (key->len < KEY_MIN || key->len > KEY_MAX)
		error_set(e,
		    "a webhook secret has %d to %zu bytes; this one has %zu",
		    KEY_MIN, KEY_MAX, key->len);
	else
		return 0;
	return -1;
}

static EVP_PKEY *
private_key(const struct signature_key *key)
{
	EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(
	    EVP_PKEY_ED25519, NULL, key->bytes, HALF);

	if (pkey == NULL)
		panic("no ed25519 key");
	return pkey;
}

/* The public key behind the seed: what is there must be just that. */
static int
complete(struct signature_key *key)
{
	EVP_PKEY *pkey = private_key(key);
	unsigned char half[HALF];
	size_t len = sizeof half;
	bool fits;

	if (EVP_PKEY_get_raw_public_key(pkey, half, &len) != 1)
		panic("no ed25519 public key");
	EVP_PKEY_free(pkey);
	fits = key->len == HALF ||
	       CRYPTO_memcmp(key->bytes + HALF, half, HALF) == 0;
	memcpy(key->bytes + HALF, half, HALF);
	key->len = 2 * HALF;
	return fits ? 0 : -1;
}

static int
parse_private(struct signature_key *key, const char *text, struct error *e)
{
	key->is_private = true;
	if (decode(key, text) == -1)
		error_set(e,
		    "a private webhook key is \"" PRIVATE "\" and %d or %d "
		    "bytes in base64; this is not base64 of that length",
		    HALF, 2 * HALF);
	else if (key->len != HALF && key->len != 2 * HALF)
		error_set(e,
		    "a private webhook key has %d bytes, or %d with the public "
		    "key; this one has %zu",
		    HALF, 2 * HALF, key->len);
	else if (complete(key) == -1)
		error_set(e, "the second half of a private webhook key is its "
			     "public key; this one's is another's");
	else
		return 0;
	return -1;
}

int
signature_key_parse(
    struct signature_key *key, const char *secret, struct error *e)
{
	if (strncmp(secret, SECRET, strlen(SECRET)) == 0)
		return parse_shared(key, secret + strlen(SECRET), e);
	if (strncmp(secret, PRIVATE, strlen(PRIVATE)) == 0)
		return parse_private(key, secret + strlen(PRIVATE), e);
	error_set(e,
	    "a webhook secret begins with \"" SECRET "\", or a private "
	    "key for ed25519 with \"" PRIVATE "\"");
	return -1;
}

static void
add_base64(struct buf *out, const unsigned char *bytes, size_t len)
{
	unsigned char text[TEXT_MAX + 1];

	EVP_EncodeBlock(text, bytes, (int)len);
	buf_adds(out, (const char *)text);
}

void
signature_public_key(const struct signature_key *key, struct buf *out)
{
	buf_adds(out, PUBLIC);
	add_base64(out, key->bytes + HALF, HALF);
}

static void
sign_shared(
    const struct signature_key *key, const struct buf *text, struct buf *out)
{
	unsigned char mac[32];

	if (HMAC(EVP_sha256(), key->bytes, (int)key->len,
		(unsigned char *)text->data, text->len, mac, NULL) == NULL)
		panic("HMAC-SHA256 failed");
	buf_adds(out, "v1,");
	add_base64(out, mac, sizeof mac);
}

static void
sign_private(
    const struct signature_key *key, const struct buf *text, struct buf *out)
{
	EVP_PKEY *pkey = private_key(key);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char signature[64];
	size_t len = sizeof signature;

	if (ctx == NULL ||
	    EVP_DigestSignInit(ctx, NULL, NULL, NULL, pkey) != 1 ||
	    EVP_DigestSign(ctx, signature, &len, (unsigned char *)text->data,
		text->len) != 1)
		panic("ed25519 failed");
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	buf_adds(out, "v1a,");
	add_base64(out, signature, len);
}

void
signature_make(const struct signature_key *keys, int n, const char *id,
    int64_t timestamp_s, const void *body, size_t len, struct buf *out)
{
	struct buf text = {0};

	buf_addf(&text, "%s.%" PRId64 ".", id, timestamp_s);
	buf_add(&text, body, len);
	for (int i = 0; i < n; i++) {
		if (i > 0)
			buf_addc(out, ' ');
		if (keys[i].is_private)
			sign_private(&keys[i], &text, out);
		else
			sign_shared(&keys[i], &text, out);
	}
	buf_free(&text);
}
