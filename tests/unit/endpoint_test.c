/* SPDX-License-Identifier: MIT */
/* endpoint and private_address - who is called, and how often when it fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cmocka.h>

#include "worker/delivery/webhook/endpoint.h"
#include "worker/delivery/webhook/private_address.h"

static void
test_pauses_double(void **state)
{
	static const int64_t seconds[] = {
	    1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300};
	struct endpoint e = {0};
	int64_t now = 1000000;

	assert_int_equal(endpoint_room(&e, now, 4, 0), 4);
	for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++) {
		assert_int_equal(endpoint_failed(&e, now), seconds[i] * 1000);
		assert_int_equal(endpoint_room(&e, now, 4, 0), 0);
		/* others that were on their way count as the same failure */
		assert_int_equal(endpoint_failed(&e, now + 1), 0);
		now += seconds[i] * 1000;
		assert_int_equal(endpoint_room(&e, now - 1, 4, 0), 0);
		assert_int_equal(endpoint_room(&e, now, 4, 0), 1);
		assert_int_equal(endpoint_room(&e, now, 4, 1), 0);
		assert_int_equal(endpoint_room(&e, now, 0, 0), 0);
	}
	assert_true(endpoint_works(&e));
	assert_int_equal(endpoint_room(&e, now, 4, 0), 4);
	assert_false(endpoint_works(&e));
	assert_int_equal(endpoint_failed(&e, now), 1000);
}

static void
test_gone_stays_gone(void **state)
{
	struct endpoint e = {.is_gone = true};

	assert_false(endpoint_works(&e));
	assert_int_equal(endpoint_failed(&e, 5), 0);
	assert_int_equal(endpoint_room(&e, INT64_MAX, 4, 0), 0);
}

static bool
is_private(const char *text)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
		return address_is_private((struct sockaddr *)&v4);
	assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
	return address_is_private((struct sockaddr *)&v6);
}

static void
test_private_addresses(void **state)
{
	static const char *const private[] = {"0.0.0.0", "0.1.2.3", "10.0.0.1",
	    "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1",
	    "127.255.255.254", "169.254.169.254", "172.16.0.1",
	    "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.168.0.1",
	    "192.168.255.255", "198.18.0.1", "198.19.255.255", "198.51.100.7",
	    "203.0.113.9", "224.0.0.1", "240.0.0.1", "255.255.255.255",
	    "::", "::1", "::10.0.0.1", "::ffff:127.0.0.1",
	    "::ffff:169.254.169.254", "::ffff:0:127.0.0.1", "64:ff9b::10.0.0.1",
	    "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1",
	    "2002:a00:1::", "2002:7f00:1::1", "3fff::1", "fc00::1",
	    "fd00:ec2::254", "fe80::1", "febf::1", "fec0::1", "ff02::1"};
	static const char *const public[] = {"1.1.1.1", "8.8.8.8", "9.255.0.1",
	    "11.0.0.1", "100.63.255.255", "100.128.0.0", "126.255.255.255",
	    "128.0.0.1", "169.253.0.1", "169.255.0.1", "172.15.255.255",
	    "172.32.0.0", "192.0.1.1", "192.167.0.1", "192.169.0.1",
	    "198.17.255.255", "198.20.0.0", "223.255.255.255",
	    "2606:4700:4700::1111", "2001:4860:4860::8888", "2a00:1450::1",
	    "::ffff:8.8.8.8", "::ffff:0:8.8.8.8", "64:ff9b::8.8.8.8",
	    "2002:808:808::1"};
	struct sockaddr_un local = {.sun_family = AF_UNIX};

	for (size_t i = 0; i < sizeof private / sizeof *private; i++)
		if (!is_private(private[i]))
			fail_msg("%s is private", private[i]);
	for (size_t i = 0; i < sizeof public / sizeof *public; i++)
		if (is_private(public[i]))
			fail_msg("%s is public", public[i]);
	assert_true(address_is_private((struct sockaddr *)&local));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_pauses_double),
	    cmocka_unit_test(test_gone_stays_gone),
	    cmocka_unit_test(test_private_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
