/* SPDX-License-Identifier: MIT */
#ifndef WORKER_DELIVERY_WEBHOOK_PRIVATE_ADDRESS_H
#define WORKER_DELIVERY_WEBHOOK_PRIVATE_ADDRESS_H

#include <stdbool.h>

#include <sys/socket.h>

/*
 * private_address - is this an address that the public internet does not reach:
 * loopback, private and link-local networks (cloud metadata is there), and all
 * else that IANA's special-purpose registries (RFC 6890) hold back? IPv6
 * addresses that carry an IPv4 one count as that. What is neither IPv4 nor IPv6
 * is private.
 */
bool address_is_private(const struct sockaddr *);

#endif
