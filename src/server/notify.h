// SPDX-License-Identifier: MIT
//
// Tells the service manager how we are, by the protocol of sd_notify(3): a datagram to the socket
// that NOTIFY_SOCKET names. Without one, nothing happens.
#pragma once

#include "ringcast/ringcast.h"

// Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
void notify_init(char **environment);

// One or more lines, such as "READY=1". Errors are of no consequence: there may be no manager.
void notify_send(const char *format, ...) __attribute__((format(printf, 1, 2)));

// The watchdog: a shard that has not turned its loop since the last look, though it was woken, is
// stuck, and then the manager is not told that all is well. Returns when to look again, on
// clock_monotonic_ms; UINT64_MAX when nobody watches.
uint64_t notify_watchdog(struct ringcast *rc, uint64_t now_ms);
