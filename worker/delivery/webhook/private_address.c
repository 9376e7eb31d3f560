/* SPDX-License-Identifier: MIT */
/* private_address - two tables of networks, and where IPv6 carries IPv4. */
#include <stddef.h>
#include <string.h>

#include <netinet/in.h>

#include "worker/delivery/webhook/private_address.h"

struct network {
	unsigned char prefix[12];
	int bits;
};

static const struct network v4[] = {
    {{0}, 8}, {{10}, 8}, {{100, 64}, 10}, /* carriers' own (RFC 6598) */
    {{127}, 8}, {{169, 254}, 16}, {{172, 16}, 12}, {{192, 0, 0}, 24},
    {{192, 0, 2}, 24}, /* three for documents (RFC 5737) */
    {{198, 51, 100}, 24}, {{203, 0, 113}, 24}, {{192, 168}, 16},
    {{198, 18}, 15}, /* benchmarks */
    {{224}, 3},	     /* multicast, reserved, broadcast */
};

static const struct network v6[] = {
    {{0}, 96}, /* unspecified, loopback, IPv4-compatible */
    {{0x00, 0x64, 0xff, 0x9b, 0, 1}, 48}, /* local NAT64 (RFC 8215) */
    {{0x01, 0x00}, 64},			  /* discarded */
    {{0x20, 0x01, 0, 0}, 23},		  /* Teredo and other protocols */
    {{0x20, 0x01, 0x0d, 0xb8}, 32},	  /* for documents */
    {{0x3f, 0xff}, 20},			  /* for documents */
    {{0xfc}, 7},			  /* unique local */
    {{0xfe, 0x80}, 10},			  /* link-local */
    {{0xfe, 0xc0}, 10},			  /* site-local */
    {{0xff}, 8},			  /* multicast */
};

/* Networks within which an IPv4 address stands, right behind the prefix. */
static const struct network carriers[] = {
    {{[10] = 0xff, [11] = 0xff}, 96}, /* mapped */
    {{[8] = 0xff, [9] = 0xff}, 96},   /* translated (RFC 2765) */
    {{0x00, 0x64, 0xff, 0x9b}, 96},   /* NAT64 (RFC 6052) */
    {{0x20, 0x02}, 16},		      /* 6to4 */
};

static bool
is_within(const unsigned char *address, const struct network *n)
{
	size_t whole = (size_t)n->bits / 8;
	int rest = n->bits % 8;
	unsigned char mask = (unsigned char)(0xff00 >> rest);

	return memcmp(address, n->prefix, whole) == 0 &&
	       (rest == 0 || ((address[whole] ^ n->prefix[whole]) & mask) == 0);
}

static bool
is_among(const unsigned char *address, const struct network *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (is_within(address, &list[i]))
			return true;
	return false;
}

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

bool
address_is_private(const struct sockaddr *sa)
{
	const unsigned char *address;

	if (sa->sa_family == AF_INET) {
		address = (const unsigned char *)&(
		    (const struct sockaddr_in *)(const void *)sa)
			      ->sin_addr;
		return is_among(address, v4, COUNT(v4));
	}
	if (sa->sa_family != AF_INET6)
		return true;
	address =
	    ((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr.s6_addr;
	for (size_t i = 0; i < COUNT(carriers); i++)
		if (is_within(address, &carriers[i]))
			return is_among(
			    address + carriers[i].bits / 8, v4, COUNT(v4));
	return is_among(address, v6, COUNT(v6));
}
