// SPDX-License-Identifier: MIT
#include "conn/address_limits.h"

#include "base/rand.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#define BUCKET_CELLS         8 // two cache lines
#define CELLS_PER_CONNECTION 4
#define POLITE               8 // connections beyond the limit that are told why
#define BURST_US             2000000
#define TRIES                16 // of a cell that others change at the same moment

//   count_and_print: | fingerprint of the address | connections |
//                    63                         32 31           0
struct cell {
    _Atomic uint64_t count_and_print;
    _Atomic uint64_t paid_until_us; // new connections are paid for up to this time (GCRA)
};

struct address_limits {
    struct address_limits_options options;
    struct hash_key key;
    struct cell *cells;
    uint64_t bucket_mask;
    size_t bytes;
};

int address_limits_create(struct address_limits **out, const struct address_limits_options *options)
{
    struct address_limits *limits = calloc(1, sizeof *limits);
    if (!limits)
        return -ENOMEM;
    uint64_t buckets = 1;
    while (buckets * BUCKET_CELLS < options->capacity * CELLS_PER_CONNECTION)
        buckets *= 2;
    limits->options = *options;
    limits->bucket_mask = buckets - 1;
    limits->bytes = buckets * BUCKET_CELLS * sizeof *limits->cells;
    rand_entropy(&limits->key, sizeof limits->key);
    // Reserved, not touched.
    limits->cells = mmap(NULL, limits->bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (limits->cells == MAP_FAILED) {
        free(limits);
        return -ENOMEM;
    }
    *out = limits;
    return 0;
}

void address_limits_destroy(struct address_limits *limits)
{
    munmap(limits->cells, limits->bytes);
    free(limits);
}

static uint32_t print_of(uint64_t word)
{
    return (uint32_t)(word >> 32);
}

static uint32_t count_of(uint64_t word)
{
    return (uint32_t)word;
}

// All accesses are relaxed: the cells are counts, nothing else is published by them.
static uint64_t read_word(const struct cell *cell)
{
    return atomic_load_explicit(&cell->count_and_print, memory_order_relaxed);
}

static bool change_word(struct cell *cell, uint64_t *from, uint64_t to)
{
    return atomic_compare_exchange_strong_explicit(&cell->count_and_print, from, to,
                                                   memory_order_relaxed, memory_order_relaxed);
}

// The address's cell, else the best one to take over: unused, or of an address that has gone and
// whose rate is of no interest any more; else of one that has just gone. NULL: all count somebody.
static struct cell *find_cell(struct cell *bucket, uint32_t print, uint64_t now_us)
{
    struct cell *best = NULL;
    bool best_is_stale = false;
    for (unsigned i = 0; i < BUCKET_CELLS; i++) {
        uint64_t word = read_word(&bucket[i]);
        if (print_of(word) == print)
            return &bucket[i];
        if (count_of(word))
            continue;
        bool stale = atomic_load_explicit(&bucket[i].paid_until_us, memory_order_relaxed) <= now_us;
        if (!best || (stale && !best_is_stale)) {
            best = &bucket[i];
            best_is_stale = stale;
        }
    }
    return best;
}

// Each new connection costs a share of a second; who has run up more than a burst has to wait.
static bool too_fast(const struct address_limits *limits, struct cell *cell, uint64_t now_us)
{
    uint32_t rate = limits->options.connections_per_second;
    if (!rate)
        return false;
    uint64_t paid = atomic_load_explicit(&cell->paid_until_us, memory_order_relaxed), next;
    do {
        uint64_t from = paid > now_us ? paid : now_us;
        next = from + 1000000 / rate;
        if (next > now_us + BURST_US)
            return true;
    } while (!atomic_compare_exchange_weak_explicit(&cell->paid_until_us, &paid, next,
                                                    memory_order_relaxed, memory_order_relaxed));
    return false;
}

static enum address_verdict judge(const struct address_limits *limits, struct cell *cell,
                                  uint32_t count, uint64_t now_us)
{
    if (limits->options.connections && count > limits->options.connections)
        return ADDRESS_TOO_MANY;
    return too_fast(limits, cell, now_us) ? ADDRESS_TOO_FAST : ADDRESS_WELCOME;
}

enum address_verdict address_limits_enter(struct address_limits *limits, struct ip address,
                                          uint64_t now_ms, uint32_t *cell_index)
{
    struct ip key = ip_limit_key(address);
    uint64_t hash = hash_bytes(&limits->key, key.bytes, sizeof key.bytes);
    uint32_t print = (uint32_t)(hash >> 32) | 1; // 0 is a cell that was never used
    struct cell *bucket = &limits->cells[(hash & limits->bucket_mask) * BUCKET_CELLS];
    uint64_t now_us = now_ms * 1000;
    uint32_t most = limits->options.connections ? limits->options.connections + POLITE : 0;
    *cell_index = ADDRESS_UNCOUNTED;
    for (unsigned tries = 0; tries < TRIES; tries++) {
        struct cell *cell = find_cell(bucket, print, now_us);
        if (!cell)
            break;
        uint64_t word = read_word(cell);
        bool ours = print_of(word) == print;
        if (!ours && count_of(word))
            continue; // somebody was quicker
        if (most && ours && count_of(word) >= most)
            return ADDRESS_ABUSIVE;
        uint32_t count = ours ? count_of(word) + 1 : 1;
        if (!change_word(cell, &word, (uint64_t)print << 32 | count))
            continue;
        if (!ours)
            atomic_store_explicit(&cell->paid_until_us, 0, memory_order_relaxed);
        *cell_index = (uint32_t)(cell - limits->cells);
        return judge(limits, cell, count, now_us);
    }
    return ADDRESS_WELCOME;
}

void address_limits_leave(struct address_limits *limits, uint32_t cell_index)
{
    if (cell_index == ADDRESS_UNCOUNTED)
        return;
    struct cell *cell = &limits->cells[cell_index];
    uint64_t before = atomic_fetch_sub_explicit(&cell->count_and_print, 1, memory_order_relaxed);
    CHECK(count_of(before) > 0);
}
