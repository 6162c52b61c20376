// SPDX-License-Identifier: MIT
//
// Stacks to switch between, so that a shard can really wait inside ring_enter while the rest of the
// simulated world goes on in the same thread.
#pragma once

#include "base/check.h"

#include <ucontext.h>

struct fiber {
    ucontext_t context;
    void *stack;
    void (*run)(void *context);
    void *argument;
    void *fake_stack; // AddressSanitizer's
    bool done;
};

void fiber_init(struct fiber *fiber, void (*run)(void *context), void *argument);
void fiber_fini(struct fiber *fiber);

// Runs the fiber until it yields or is done. Not from within a fiber.
void fiber_resume(struct fiber *fiber);

// Back to who resumed it.
void fiber_yield(struct fiber *fiber);
