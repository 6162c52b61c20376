// SPDX-License-Identifier: MIT
#include "codec/ws_mask.h"

#include <string.h>

// Generic vectors instead of intrinsics: these are SSE2 or NEON registers. Never larger than the
// target has: gcc 12 would move them through the stack.
typedef uint64_t block __attribute__((vector_size(16)));

uint8_t ws_mask_plain(uint8_t *bytes, size_t len, const uint8_t mask[4], uint8_t phase)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] ^= mask[(phase + i) & 3];
    return (uint8_t)((phase + len) & 3);
}

// The mask as it applies from mask[phase] on, repeated to eight bytes in memory order.
static uint64_t mask_from(const uint8_t mask[4], size_t phase)
{
    uint32_t word;
    memcpy(&word, mask, sizeof word);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    unsigned shift = (unsigned)(8 * (phase & 3));
#else
    unsigned shift = (unsigned)(8 * (-phase & 3));
#endif
    uint64_t twice = (uint64_t)word << 32 | word;
    return twice >> shift | twice << ((64 - shift) & 63);
}

// In words of eight bytes, at least one. The last word overlaps the one before it, which saves a
// loop over the rest: it is read before anything is written, so that no byte is unmasked twice.
static void xor_words(uint8_t *bytes, size_t len, uint64_t head_mask, uint64_t tail_mask)
{
    uint64_t tail;
    memcpy(&tail, bytes + len - sizeof tail, sizeof tail);
    tail ^= tail_mask;
    for (size_t i = 0; i + sizeof tail < len; i += sizeof tail) {
        uint64_t middle;
        memcpy(&middle, bytes + i, sizeof middle);
        middle ^= head_mask;
        memcpy(bytes + i, &middle, sizeof middle);
    }
    memcpy(bytes + len - sizeof tail, &tail, sizeof tail);
}

// The same in blocks of 16 bytes.
static void xor_blocks(uint8_t *bytes, size_t len, uint64_t head_mask, uint64_t tail_mask)
{
    block head = {head_mask, head_mask};
    block tail;
    memcpy(&tail, bytes + len - sizeof tail, sizeof tail);
    tail ^= (block){tail_mask, tail_mask};
    for (size_t i = 0; i + sizeof head < len; i += sizeof head) {
        block middle;
        memcpy(&middle, bytes + i, sizeof middle);
        middle ^= head;
        memcpy(bytes + i, &middle, sizeof middle);
    }
    memcpy(bytes + len - sizeof tail, &tail, sizeof tail);
}

#ifdef __x86_64__

#define WIDE_MIN_BYTES 64

// The same in blocks of 32 bytes.
__attribute__((target("avx2"))) static void xor_wide(uint8_t *bytes, size_t len, uint64_t head_mask,
                                                     uint64_t tail_mask)
{
    typedef uint64_t wide __attribute__((vector_size(32)));
    wide head = {head_mask, head_mask, head_mask, head_mask};
    wide tail;
    memcpy(&tail, bytes + len - sizeof tail, sizeof tail);
    tail ^= (wide){tail_mask, tail_mask, tail_mask, tail_mask};
    for (size_t i = 0; i + sizeof head < len; i += sizeof head) {
        wide middle;
        memcpy(&middle, bytes + i, sizeof middle);
        middle ^= head;
        memcpy(bytes + i, &middle, sizeof middle);
    }
    memcpy(bytes + len - sizeof tail, &tail, sizeof tail);
}

static void xor_long(uint8_t *bytes, size_t len, uint64_t head_mask, uint64_t tail_mask)
{
    if (len >= WIDE_MIN_BYTES && __builtin_cpu_supports("avx2"))
        xor_wide(bytes, len, head_mask, tail_mask);
    else
        xor_blocks(bytes, len, head_mask, tail_mask);
}

#else

static void xor_long(uint8_t *bytes, size_t len, uint64_t head_mask, uint64_t tail_mask)
{
    xor_blocks(bytes, len, head_mask, tail_mask);
}

#endif

uint8_t ws_mask(uint8_t *bytes, size_t len, const uint8_t mask[4], uint8_t phase)
{
    if (len < sizeof(uint64_t))
        return ws_mask_plain(bytes, len, mask, phase);

    // Blocks and words are multiples of the mask's four bytes: the tail's phase is that of the end.
    uint64_t head_mask = mask_from(mask, phase);
    uint64_t tail_mask = mask_from(mask, phase + len);
    if (len < sizeof(block))
        xor_words(bytes, len, head_mask, tail_mask);
    else
        xor_long(bytes, len, head_mask, tail_mask);
    return (uint8_t)((phase + len) & 3);
}
