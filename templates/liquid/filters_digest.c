/* SPDX-License-Identifier: MIT */
/* Filters that hash: in hexadecimal digits, as links and APIs take them. */
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "templates/liquid/filters.h"

static struct value
hexadecimal(struct render *r, const unsigned char *bytes, unsigned len)
{
	static const char digits[] = "0123456789abcdef";
	char *text = render_alloc(r, 2 * (size_t)len);

	for (unsigned i = 0; i < len; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	return value_text(text, 2 * (size_t)len);
}

static struct value
digest(struct render *r, struct value v, const EVP_MD *kind)
{
	unsigned char bytes[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (v.type == VALUE_NIL)
		return v;
	v = filter_text(r, v);
	render_step(r, v.len);
	if (EVP_Digest(v.text, v.len, bytes, &len, kind, NULL) != 1)
		render_fail(r, "this hash is not to be had");
	return hexadecimal(r, bytes, len);
}

/* For pictures by address (Gravatar); for nothing that must be secret. */
struct value
filter_md5(struct render *r, struct value v, const struct value *args, int n)
{
	return digest(r, v, EVP_md5());
}

struct value
filter_sha256(struct render *r, struct value v, const struct value *args, int n)
{
	return digest(r, v, EVP_sha256());
}

/* The parser has put the secret in the place of the key's name. */
struct value
filter_hmac_sha256(
    struct render *r, struct value v, const struct value *args, int n)
{
	unsigned char bytes[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (v.type == VALUE_NIL)
		return v;
	v = filter_text(r, v);
	render_step(r, v.len);
	HMAC(EVP_sha256(), args[0].text, (int)args[0].len,
	    (const unsigned char *)v.text, v.len, bytes, &len);
	return hexadecimal(r, bytes, len);
}
