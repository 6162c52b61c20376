// SPDX-License-Identifier: MIT
//
// Assertions. CHECK guards what can only be our own bug; it is always on, because a server that
// goes on with broken invariants sends somebody else's bytes. What a peer or the environment can
// cause is never a CHECK: it is data (a close reason) or an error code. One exception: when malloc
// fails for the queue to another shard (shard/mailbox.c: some 200 KiB at the most), which must not
// lose what it carries. CHECK_HOT is for
// per-message places and exists only in debug, sanitizer and simulation builds.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Writes one line that names the place and the condition to stderr and aborts.
_Noreturn void check_failed(const char *file, int line, const char *condition);

#define CHECK(condition)                                                                           \
    (__builtin_expect(!!(condition), 1) ? (void)0 : check_failed(__FILE__, __LINE__, #condition))

#ifdef RINGCAST_CHECK_HOT
#define CHECK_HOT(condition) CHECK(condition)
#else
#define CHECK_HOT(condition) ((void)sizeof(condition))
#endif

#define UNREACHABLE() check_failed(__FILE__, __LINE__, "unreachable")

#define MUST_USE __attribute__((warn_unused_result))

#define CACHE_LINE_BYTES 64

// The object that holds `member`, given a pointer to that member.
#define CONTAINER_OF(pointer, type, member)                                                        \
    ((type *)(void *)((uint8_t *)(pointer)-offsetof(type, member)))
