// SPDX-License-Identifier: MIT
//
// What a timer costs: arming, moving (the idle timer of a connection that has just spoken),
// disarming, handing out, and asking how long to sleep.
#include "base/clock.h"
#include "base/rand.h"
#include "base/wheel.h"

#include <stdio.h>

#define NODES  100000
#define ROUNDS 10

static struct wheel wheel;
static struct wheel_node nodes[NODES];
static struct rand rng;

static uint64_t due_ms(uint64_t now_ms)
{
    return now_ms + 1000 + rand_below(&rng, 60000);
}

static void report(const char *name, uint64_t start_ns, uint64_t count)
{
    double ns = (double)(clock_thread_cpu_ns() - start_ns);
    printf("%-24s %8.2f ns/op\n", name, ns / (double)count);
}

static void bench_arm_and_disarm(void)
{
    uint64_t start_ns = clock_thread_cpu_ns();
    for (uint32_t i = 0; i < NODES; i++)
        wheel_arm(&wheel, &nodes[i], due_ms(0));
    report("arm", start_ns, NODES);

    start_ns = clock_thread_cpu_ns();
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint32_t i = 0; i < NODES; i++)
            wheel_arm(&wheel, &nodes[i], due_ms(0));
    }
    report("move", start_ns, NODES * ROUNDS);

    start_ns = clock_thread_cpu_ns();
    for (uint32_t i = 0; i < NODES; i++)
        wheel_disarm(&wheel, &nodes[i]);
    report("disarm", start_ns, NODES);
}

// Ten minutes of a clock that ticks every 8 ms; each node is armed again when it comes due.
static void bench_running(void)
{
    for (uint32_t i = 0; i < NODES; i++)
        wheel_arm(&wheel, &nodes[i], due_ms(0));
    uint64_t popped = 0;
    uint64_t start_ns = clock_thread_cpu_ns();
    for (uint64_t now_ms = 0; now_ms < 600000; now_ms += WHEEL_SLOT_MS) {
        struct wheel_node *node;
        while ((node = wheel_pop_due(&wheel, now_ms)) != NULL) {
            wheel_arm(&wheel, node, due_ms(now_ms));
            popped++;
        }
    }
    report("pop and arm again", start_ns, popped);
}

static void bench_idle(void)
{
    uint64_t sum = 0;
    const uint64_t count = UINT64_C(1) << 20;
    uint64_t start_ns = clock_thread_cpu_ns();
    for (uint64_t i = 0; i < count; i++)
        sum += wheel_next_ms(&wheel) + i;
    report("next", start_ns, count);
    // Printed, so that the compiler has to compute it.
    fprintf(stderr, "%s", sum == 0 ? " " : "");
}

int main(void)
{
    rand_seed(&rng, 1);
    wheel_init(&wheel, 0);
    bench_arm_and_disarm();
    bench_running();
    bench_idle();
    return 0;
}
