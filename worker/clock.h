/* SPDX-License-Identifier: MIT */
#ifndef WORKER_CLOCK_H
#define WORKER_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/*
 * clock - the one place that asks what time it is. A test clock stands still
 * until it is moved (`run --test-clock`, POST /v1/clock).
 */
struct clock {
	bool is_test;
	int64_t test_ms;
};

int64_t clock_now_ms(const struct clock *); /* since the epoch */
int64_t clock_monotonic_ms(void);
int64_t clock_monotonic_us(void);
int64_t clock_boot_ms(void); /* goes on while the machine sleeps */

#endif
