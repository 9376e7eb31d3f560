/* SPDX-License-Identifier: MIT */
#ifndef WORKER_NOTIFY_H
#define WORKER_NOTIFY_H

#include <stdint.h>

/*
 * notify - tells systemd how the worker is (sd_notify(3)): "READY=1",
 * "RELOADING=1", "STOPPING=1", "STATUS=...", "WATCHDOG=1", several with
 * newlines between them. Does nothing where $NOTIFY_SOCKET is not set. Returns
 * 0, or -1 with errno set, which nobody has to mind.
 */
int notify_send(const char *state);

/*
 * How often systemd wants to hear "WATCHDOG=1": half of what it asks for (us,
 * sd_watchdog_enabled(3)), or 0 when it wants nothing of this process.
 */
int64_t notify_watchdog_us(void);

#endif
