// SPDX-License-Identifier: MIT
//
// Marks memory that nobody may touch, so that AddressSanitizer reports the use of a released slot
// or of scratch memory after its reset, which malloc cannot see. Nothing in other builds.
#pragma once

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define POISON_ENABLED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POISON_ENABLED 1
#endif
#endif

#ifdef POISON_ENABLED
#include <sanitizer/asan_interface.h>
#endif

static inline void poison(void *memory, size_t bytes)
{
#ifdef POISON_ENABLED
    __asan_poison_memory_region(memory, bytes);
#else
    (void)memory, (void)bytes;
#endif
}

static inline void unpoison(void *memory, size_t bytes)
{
#ifdef POISON_ENABLED
    __asan_unpoison_memory_region(memory, bytes);
#else
    (void)memory, (void)bytes;
#endif
}
