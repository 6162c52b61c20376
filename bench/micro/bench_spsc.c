// SPDX-License-Identifier: MIT
//
// What an item through the queue between two shards costs: the instructions alone (one thread), and
// with the cache lines that travel between two cores.
#include "base/clock.h"
#include "base/spsc.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#define CAPACITY  1024
#define BATCH_MAX 64
#define ITEMS     (UINT64_C(1) << 22)

static struct spsc queue;

static void report(const char *name, uint32_t batch, uint64_t ns)
{
    printf("%-24s batch %2u %8.2f ns/op\n", name, batch, (double)ns / (double)ITEMS);
}

static void push_batch(uint64_t first, uint32_t batch)
{
    for (uint32_t i = 0; i < batch; i++) {
        const struct spsc_item item = {{first + i}};
        while (!spsc_push(&queue, &item)) {
            spsc_publish(&queue);
            sched_yield();
        }
    }
    spsc_publish(&queue);
}

static void bench_one_thread(uint32_t batch)
{
    struct spsc_item out[BATCH_MAX];
    uint64_t start_ns = clock_thread_cpu_ns();
    for (uint64_t done = 0; done < ITEMS; done += batch) {
        push_batch(done, batch);
        CHECK(spsc_pop(&queue, out, batch) == batch);
    }
    report("one thread", batch, clock_thread_cpu_ns() - start_ns);
}

static void *produce(void *arg)
{
    uint32_t batch = *(const uint32_t *)arg;
    uint64_t start_ns = clock_thread_cpu_ns();
    for (uint64_t done = 0; done < ITEMS; done += batch)
        push_batch(done, batch);
    report("two threads, producer", batch, clock_thread_cpu_ns() - start_ns);
    return NULL;
}

static void bench_two_threads(uint32_t batch)
{
    struct spsc_item out[BATCH_MAX];
    pthread_t producer;
    CHECK(pthread_create(&producer, NULL, produce, &batch) == 0);
    uint64_t start_ns = clock_thread_cpu_ns();
    for (uint64_t done = 0; done < ITEMS;) {
        uint32_t count = spsc_pop(&queue, out, BATCH_MAX);
        CHECK(count == 0 || out[0].word[0] == done);
        done += count;
        if (count == 0)
            sched_yield();
    }
    uint64_t ns = clock_thread_cpu_ns() - start_ns;
    CHECK(pthread_join(producer, NULL) == 0);
    report("two threads, consumer", batch, ns);
}

int main(void)
{
    const uint32_t batches[] = {1, 8, 64};
    CHECK(spsc_init(&queue, CAPACITY) == 0);
    for (size_t i = 0; i < sizeof(batches) / sizeof(*batches); i++) {
        bench_one_thread(batches[i]);
        bench_two_threads(batches[i]);
    }
    spsc_fini(&queue);
    return 0;
}
