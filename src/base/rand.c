// SPDX-License-Identifier: MIT
#include "base/rand.h"

#include "base/check.h"

#include <errno.h>
#include <sys/random.h>

void rand_entropy(void *out, size_t len)
{
    uint8_t *at = out;
    while (len > 0) {
        ssize_t got = getrandom(at, len, 0);
        // A signal may end the wait for the first entropy after boot, or a request above 256 bytes.
        if (got < 0 && errno == EINTR)
            continue;
        CHECK(got > 0);
        at += got;
        len -= (size_t)got;
    }
}

// SplitMix64: spreads the seed, because xoshiro must not start from zeros and starts badly from few
// set bits.
static uint64_t splitmix(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

void rand_seed(struct rand *rand, uint64_t seed)
{
    for (unsigned i = 0; i < 4; i++)
        rand->state[i] = splitmix(&seed);
}

static uint64_t rotate_left(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

uint64_t rand_next(struct rand *rand)
{
    uint64_t *s = rand->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint32_t rand_below(struct rand *rand, uint32_t bound)
{
    // The high half of a product instead of a remainder: no division, and the bias stays below
    // bound / 2^32, which no test or jitter notices.
    return (uint32_t)((rand_next(rand) >> 32) * bound >> 32);
}
