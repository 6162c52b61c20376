// SPDX-License-Identifier: MIT
#include "sim/fiber.h"

#include "base/poison.h"

#include <stdlib.h>

#ifdef POISON_ENABLED
#include <sanitizer/common_interface_defs.h>
#endif

#define STACK_BYTES (512 * 1024)

static ucontext_t home;
static struct fiber *starting;
static const void *home_stack;
static size_t home_stack_bytes;

static void leave(void **fake_stack, const void *stack, size_t bytes)
{
#ifdef POISON_ENABLED
    __sanitizer_start_switch_fiber(fake_stack, stack, bytes);
#else
    (void)fake_stack, (void)stack, (void)bytes;
#endif
}

static void arrive(void *fake_stack, const void **from, size_t *from_bytes)
{
#ifdef POISON_ENABLED
    __sanitizer_finish_switch_fiber(fake_stack, from, from_bytes);
#else
    (void)fake_stack, (void)from, (void)from_bytes;
#endif
}

static void begin(void)
{
    struct fiber *fiber = starting;
    arrive(NULL, &home_stack, &home_stack_bytes);
    fiber->run(fiber->argument);
    fiber->done = true;
    leave(NULL, home_stack, home_stack_bytes);
    setcontext(&home);
}

void fiber_init(struct fiber *fiber, void (*run)(void *context), void *argument)
{
    *fiber = (struct fiber){.run = run, .argument = argument, .stack = malloc(STACK_BYTES)};
    CHECK(fiber->stack && getcontext(&fiber->context) == 0);
    fiber->context.uc_stack.ss_sp = fiber->stack;
    fiber->context.uc_stack.ss_size = STACK_BYTES;
    makecontext(&fiber->context, begin, 0);
}

void fiber_fini(struct fiber *fiber)
{
    CHECK(fiber->done);
    unpoison(fiber->stack, STACK_BYTES);
    free(fiber->stack);
}

void fiber_resume(struct fiber *fiber)
{
    void *fake_stack = NULL;
    CHECK(!fiber->done);
    starting = fiber;
    leave(&fake_stack, fiber->stack, STACK_BYTES);
    CHECK(swapcontext(&home, &fiber->context) == 0);
    arrive(fake_stack, NULL, NULL);
}

void fiber_yield(struct fiber *fiber)
{
    leave(&fiber->fake_stack, home_stack, home_stack_bytes);
    CHECK(swapcontext(&fiber->context, &home) == 0);
    arrive(fiber->fake_stack, &home_stack, &home_stack_bytes);
}
