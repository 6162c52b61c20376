// SPDX-License-Identifier: MIT
#include "load/stamp.h"

#include <string.h>

#define EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

static uint64_t load64(const uint8_t *in)
{
    uint64_t word;
    memcpy(&word, in, sizeof word);
    return word;
}

// Spreads the eight nibbles over eight bytes, the highest first, and adds 'a' to each.
static uint64_t letters_of(uint32_t value)
{
    uint64_t v = value;
    v = (v | v << 16) & UINT64_C(0x0000FFFF0000FFFF);
    v = (v | v << 8) & UINT64_C(0x00FF00FF00FF00FF);
    v = (v | v << 4) & EACH_BYTE(0x0F);
    return __builtin_bswap64(v) + EACH_BYTE('a');
}

// The inverse. The lowest byte that is no letter a–p borrows from nothing below it and so shows in
// its own upper half: *bad collects that.
static uint32_t value_of(uint64_t letters, uint64_t *bad)
{
    uint64_t v = __builtin_bswap64(letters - EACH_BYTE('a'));
    *bad |= v & EACH_BYTE(0xF0);
    v = (v | v >> 4) & UINT64_C(0x00FF00FF00FF00FF);
    v = (v | v >> 8) & UINT64_C(0x0000FFFF0000FFFF);
    return (uint32_t)(v | v >> 16);
}

static void write_text(uint8_t *out, const struct stamp *stamp)
{
    uint64_t words[6] = {
        letters_of(stamp->run),
        letters_of(stamp->room),
        letters_of(stamp->publisher),
        letters_of(stamp->sequence),
        letters_of((uint32_t)(stamp->due_ns >> 32)),
        letters_of((uint32_t)stamp->due_ns),
    };
    memcpy(out, words, sizeof words);
}

static void write_binary(uint8_t *out, const struct stamp *stamp)
{
    uint32_t words[6] = {
        stamp->run,
        stamp->room,
        stamp->publisher,
        stamp->sequence,
        (uint32_t)(stamp->due_ns >> 32),
        (uint32_t)stamp->due_ns,
    };
    memcpy(out, words, sizeof words);
}

void stamp_write(uint8_t *out, const struct stamp *stamp, bool binary)
{
    if (binary)
        write_binary(out, stamp);
    else
        write_text(out, stamp);
}

static bool read_text(const uint8_t *in, uint32_t run, struct stamp *stamp)
{
    uint64_t bad = 0;
    if (load64(in) != letters_of(run))
        return false;
    stamp->run = run;
    stamp->room = value_of(load64(in + 8), &bad);
    stamp->publisher = value_of(load64(in + 16), &bad);
    stamp->sequence = value_of(load64(in + 24), &bad);
    stamp->due_ns = (uint64_t)value_of(load64(in + 32), &bad) << 32;
    stamp->due_ns |= value_of(load64(in + 40), &bad);
    return bad == 0;
}

static bool read_binary(const uint8_t *in, uint32_t run, struct stamp *stamp)
{
    uint32_t words[6];
    memcpy(words, in, sizeof words);
    *stamp = (struct stamp){
        .run = words[0],
        .room = words[1],
        .publisher = words[2],
        .sequence = words[3],
        .due_ns = (uint64_t)words[4] << 32 | words[5],
    };
    return words[0] == run;
}

bool stamp_read(const uint8_t *in, uint32_t run, bool binary, struct stamp *stamp)
{
    return binary ? read_binary(in, run, stamp) : read_text(in, run, stamp);
}

static const uint8_t *search(const uint8_t *bytes, size_t len, uint32_t run, bool binary)
{
    uint64_t letters = letters_of(run);
    return binary ? memmem(bytes, len, &run, sizeof run)
                  : memmem(bytes, len, &letters, sizeof letters);
}

bool stamp_find(const uint8_t *bytes, size_t len, uint32_t run, bool binary, uint32_t *offset_hint,
                struct stamp *stamp)
{
    size_t need = stamp_bytes(binary);
    if (*offset_hint + need <= len && stamp_read(bytes + *offset_hint, run, binary, stamp))
        return true;
    const uint8_t *at = bytes, *end = bytes + len;
    while ((at = search(at, (size_t)(end - at), run, binary))) {
        if ((size_t)(end - at) >= need && stamp_read(at, run, binary, stamp)) {
            *offset_hint = (uint32_t)(at - bytes);
            return true;
        }
        at++;
    }
    return false;
}
