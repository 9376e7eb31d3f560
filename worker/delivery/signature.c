/* SPDX-License-Identifier: MIT */
/*
 * signature - HMAC-SHA256 over "id.timestamp.body", in base64. The key is what
 * the secret's base64 stands for, not its text.
 */
#include <inttypes.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "worker/delivery/signature.h"
#include "worker/log.h"

#define PREFIX	 "whsec_"
#define KEY_MIN	 24
#define KEY_MAX	 sizeof((struct signature_key *)NULL)->bytes
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

int
signature_key_parse(
    struct signature_key *key, const char *secret, struct error *e)
{
	if (strncmp(secret, PREFIX, strlen(PREFIX)) != 0)
		error_set(e, "a webhook secret begins with \"" PREFIX "\"");
	else if (decode(key, secret + strlen(PREFIX)) == -1)
		error_set(e,
		    "a webhook secret is \"" PREFIX "\" and "
		    "%d to %zu bytes in base64; this is not base64 of "
		    "that length",
		    KEY_MIN, KEY_MAX);
	else if (key->len < KEY_MIN || key->len > KEY_MAX)
		error_set(e,
		    "a webhook secret has %d to %zu bytes; this one has "
		    "%zu",
		    KEY_MIN, KEY_MAX, key->len);
	else
		return 0;
	return -1;
}

void
signature_make(const struct signature_key *keys, int n, const char *id,
    int64_t timestamp_s, const void *body, size_t len, struct buf *out)
{
	struct buf signed_text = {0};

	buf_addf(&signed_text, "%s.%" PRId64 ".", id, timestamp_s);
	buf_add(&signed_text, body, len);
	for (int i = 0; i < n; i++) {
		unsigned char mac[32], text[45];

		if (HMAC(EVP_sha256(), keys[i].bytes, (int)keys[i].len,
			(unsigned char *)signed_text.data, signed_text.len, mac,
			NULL) == NULL)
			panic("HMAC-SHA256 failed");
		EVP_EncodeBlock(text, mac, sizeof mac);
		buf_addf(out, "%sv1,%s", i != 0 ? " " : "", text);
	}
	buf_free(&signed_text);
}
