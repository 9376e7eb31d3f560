/* SPDX-License-Identifier: MIT */
/*
 * smtp_tls - one SSL_CTX a relay, shared by its threads. libesmtp has one of
 * its own, which it frees while sessions still use it.
 */
#include "worker/delivery/smtp/smtp_tls.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

static __thread const char *reason;

const char *
smtp_tls_reason(void)
{
	const char *r = reason;

	reason = NULL;
	return r;
}

static int
on_certificate(int ok, X509_STORE_CTX *store)
{
	if (!ok)
		reason = X509_verify_cert_error_string(
		    X509_STORE_CTX_get_error(store));
	return ok;
}

/* libesmtp makes the SSL object itself: this is the one moment to reach it. */
static void
on_handshake(const SSL *ssl, int where, int ret)
{
	const char *host = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	if (where & SSL_CB_HANDSHAKE_START)
		SSL_set_tlsext_host_name((SSL *)ssl, host);
}

static bool
is_ip(const char *host)
{
	struct in6_addr ip;

	return inet_pton(AF_INET, host, &ip) == 1;
}

static bool
set_host(SSL_CTX *ctx, const char *host)
{
	X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ctx);

	if (is_ip(host)) /* RFC 6066 section 3: no SNI for addresses */
		return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
	SSL_CTX_set_app_data(ctx, (void *)host);
	SSL_CTX_set_info_callback(ctx, on_handshake);
	X509_VERIFY_PARAM_set_hostflags(
	    param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1;
}

static bool
set_authorities(SSL_CTX *ctx, const char *ca_file)
{
	if (ca_file == NULL)
		return SSL_CTX_set_default_verify_paths(ctx) == 1;
	return SSL_CTX_load_verify_locations(ctx, ca_file, NULL) == 1;
}

SSL_CTX *
smtp_tls_new(const char *host, const char *ca_file, struct error *e)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (ctx != NULL && set_host(ctx, host) &&
	    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
	    set_authorities(ctx, ca_file)) {
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, on_certificate);
		return ctx;
	}
	error_set(e, "TLS cannot be set up with %s: %s",
	    ca_file != NULL ? ca_file : "the system's certificates",
	    ERR_reason_error_string(ERR_peek_last_error()));
	ERR_clear_error();
	SSL_CTX_free(ctx);
	return NULL;
}
