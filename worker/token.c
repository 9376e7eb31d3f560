/* SPDX-License-Identifier: MIT */
/*
 * token - base64url(version || nonce || ciphertext || tag). AES-128-GCM over
 * "address NUL topic", the version as associated data. The nonce is a keyed
 * hash of the plaintext: it repeats only with the plaintext, which is what
 * makes a nonce of 12 bytes safe without a counter.
 *
 * There is one text for each token: bits that base64url leaves unused are zero.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/params.h>

#include "templates/mem.h"
#include "worker/log.h"
#include "worker/token.h"

#define VERSION	   1
#define NONCE_SIZE 12
#define TAG_SIZE   16
#define KEY_SIZE   16
#define HASH_SIZE  32
#define HEAD_SIZE  (1 + NONCE_SIZE)
#define TOKEN_MAX  2048 /* characters; far above what token_make() is given */

/* Contexts with their keys set: OpenSSL 3 looks algorithms up at some cost. */
struct token_key {
	EVP_MAC_CTX *nonce;
	EVP_CIPHER_CTX *cipher;
};

static EVP_MAC_CTX *
keyed_hash_new(const unsigned char *key)
{
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *c = EVP_MAC_CTX_new(hmac);
	char sha256[] = "SHA256";
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_utf8_string("digest", sha256, 0),
	    OSSL_PARAM_construct_end()};

	EVP_MAC_free(hmac);
	if (c == NULL || EVP_MAC_init(c, key, HASH_SIZE, params) != 1)
		panic("HMAC-SHA256 failed");
	return c;
}

static void
keyed_hash(
    EVP_MAC_CTX *c, const void *data, size_t len, unsigned char out[HASH_SIZE])
{
	size_t size;

	if (EVP_MAC_init(c, NULL, 0, NULL) != 1 ||
	    EVP_MAC_update(c, data, len) != 1 ||
	    EVP_MAC_final(c, out, &size, HASH_SIZE) != 1)
		panic("HMAC-SHA256 failed");
}

struct token_key *
token_key_new(const unsigned char secret[TOKEN_SECRET_SIZE])
{
	static const char nonce[] = "unsubscribe token: nonce";
	static const char encryption[] = "unsubscribe token: encryption";
	struct token_key *k = xcalloc(1, sizeof *k);
	EVP_MAC_CTX *c = keyed_hash_new(secret);
	unsigned char key[HASH_SIZE]; /* one for each use */

	keyed_hash(c, nonce, sizeof nonce - 1, key);
	k->nonce = keyed_hash_new(key);
	keyed_hash(c, encryption, sizeof encryption - 1, key);
	k->cipher = EVP_CIPHER_CTX_new();
	if (k->cipher == NULL || EVP_CipherInit_ex(k->cipher, EVP_aes_128_gcm(),
				     NULL, key, NULL, true) != 1)
		panic("AES-128-GCM failed");
	EVP_MAC_CTX_free(c);
	return k;
}

void
token_key_free(struct token_key *k)
{
	if (k == NULL)
		return;
	EVP_MAC_CTX_free(k->nonce);
	EVP_CIPHER_CTX_free(k->cipher);
	free(k);
}

static void
base64url(const unsigned char *bytes, size_t len, struct buf *out)
{
	size_t start = out->len;

	buf_reserve(out, (len + 2) / 3 * 4);
	EVP_EncodeBlock((unsigned char *)out->data + start, bytes, (int)len);
	out->len = start + (len * 8 + 5) / 6; /* without the padding */
	out->data[out->len] = '\0';
	for (char *c = out->data + start; *c != '\0'; c++)
		*c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
}

/*
 * Bytes that the text stands for, or -1. OpenSSL takes more than it should, so
 * only what encodes back to the same text is right.
 */
static int
base64url_decode(const char *text, unsigned char out[TOKEN_MAX])
{
	unsigned char padded[TOKEN_MAX];
	size_t len = strlen(text), n;
	struct buf again = {0};
	bool same;

	if (len == 0 || len > TOKEN_MAX - 4)
		return -1;
	memcpy(padded, text, len);
	for (size_t i = 0; i < len; i++)
		if (text[i] == '-')
			padded[i] = '+';
		else if (text[i] == '_')
			padded[i] = '/';
	for (n = len; n % 4 != 0; n++)
		padded[n] = '=';
	if (EVP_DecodeBlock(out, padded, (int)n) == -1)
		return -1;
	n = len * 3 / 4;
	base64url(out, n, &again);
	same = strcmp(buf_str(&again), text) == 0;
	buf_free(&again);
	return same ? (int)n : -1;
}

/*
 * Seals (or opens) len bytes with the head's nonce, from -> to. The tag is
 * written (or checked). Returns 0, or -1 when the tag is wrong.
 */
static int
crypt_text(const struct token_key *k, const unsigned char *head, bool seal,
    const unsigned char *from, unsigned char *to, int len, unsigned char *tag)
{
	EVP_CIPHER_CTX *c = k->cipher;
	int n, rc;

	if (EVP_CipherInit_ex(c, NULL, NULL, NULL, head + 1, seal) != 1 ||
	    EVP_CipherUpdate(c, NULL, &n, head, 1) != 1 ||
	    EVP_CipherUpdate(c, to, &n, from, len) != 1)
		panic("AES-128-GCM failed");
	if (!seal)
		EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG_SIZE, tag);
	rc = EVP_CipherFinal_ex(c, to + len, &n) == 1 ? 0 : -1;
	if (seal)
		EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG_SIZE, tag);
	return rc;
}

void
token_make(struct token_key *k, const char *address, const char *topic,
    struct buf *out)
{
	unsigned char nonce[HASH_SIZE], *token;
	struct buf plain = {0};
	size_t size;

	buf_add(&plain, address, strlen(address) + 1);
	buf_adds(&plain, topic);
	size = HEAD_SIZE + plain.len + TAG_SIZE;
	token = xmalloc(size);
	token[0] = VERSION;
	keyed_hash(k->nonce, plain.data, plain.len, nonce);
	memcpy(token + 1, nonce, NONCE_SIZE);
	if (crypt_text(k, token, true, (unsigned char *)plain.data,
		token + HEAD_SIZE, (int)plain.len,
		token + HEAD_SIZE + plain.len) == -1)
		panic("AES-128-GCM failed");
	base64url(token, size, out);
	free(token);
	buf_free(&plain);
}

int
token_read(struct token_key *k, const char *text, char *address,
    size_t address_size, char *topic, size_t topic_size)
{
	unsigned char token[TOKEN_MAX], plain[TOKEN_MAX];
	int size = base64url_decode(text, token), len;
	size_t address_len, topic_len;

	len = size - HEAD_SIZE - TAG_SIZE;
	if (len < 1 || token[0] != VERSION ||
	    crypt_text(k, token, false, token + HEAD_SIZE, plain, len,
		token + HEAD_SIZE + len) == -1)
		return -1;
	plain[len] = '\0';
	address_len = strlen((char *)plain);
	if ((int)address_len >=
	    len) /* no NUL in it: no token_make() wrote it */
		return -1;
	topic_len = (size_t)len - address_len - 1;
	if (address_len >= address_size || topic_len >= topic_size)
		return -1;
	memcpy(address, plain, address_len + 1);
	memcpy(topic, plain + address_len + 1, topic_len + 1);
	return 0;
}
