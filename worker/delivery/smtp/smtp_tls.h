/* SPDX-License-Identifier: MIT */
#ifndef WORKER_DELIVERY_SMTP_SMTP_TLS_H
#define WORKER_DELIVERY_SMTP_SMTP_TLS_H

#include <openssl/ssl.h>

#include "templates/error.h"

/*
 * smtp_tls - how a relay must prove who it is: TLS 1.2 or later, a certificate
 * for the configured host (a name, or an IP address) from an authority in
 * ca_file (PEM; NULL: the system's). The host is kept, not copied. The host's
 * name goes along (SNI), which libesmtp leaves out.
 */
SSL_CTX *smtp_tls_new(const char *host, const char *ca_file, struct error *);

/*
 * Why the last handshake of this thread refused the certificate, or NULL.
 * Asking forgets it.
 */
const char *smtp_tls_reason(void);

#endif
