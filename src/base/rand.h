// SPDX-License-Identifier: MIT
//
// Entropy from the kernel, and a small seeded generator (xoshiro256**) for tests, jitter and load.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Fills with kernel entropy; aborts when the kernel has none (it always has).
void rand_entropy(void *out, size_t len);

struct rand {
    uint64_t state[4];
};

void rand_seed(struct rand *rand, uint64_t seed);
uint64_t rand_next(struct rand *rand);
uint32_t rand_below(struct rand *rand, uint32_t bound); // 0 when bound is 0
