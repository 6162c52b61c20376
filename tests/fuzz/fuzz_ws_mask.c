// SPDX-License-Identifier: MIT
//
// ws_mask in pieces against ws_mask_plain over the whole: same bytes, and none beside them.
#include "codec/ws_mask.h"
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#define STEER_BYTES 5 // the mask and an alignment

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const uint8_t *sizes;
    size_t count, taken = fuzz_take_sizes(bytes, len, &sizes, &count);
    bytes += taken;
    len -= taken;
    if (len < STEER_BYTES)
        return 0;
    const uint8_t *mask = bytes, *payload = bytes + STEER_BYTES;
    size_t align = bytes[4] & 31, payload_bytes = len - STEER_BYTES;

    uint8_t *expected = malloc(align + payload_bytes + 1),
            *found = malloc(align + payload_bytes + 1);
    CHECK(expected != NULL && found != NULL);
    memset(expected, 0xA5, align);
    memcpy(expected + align, payload, payload_bytes);
    memcpy(found, expected, align + payload_bytes);
    uint8_t expected_phase = ws_mask_plain(expected + align, payload_bytes, mask, 0), phase = 0;
    for (size_t at = 0, piece = 0; at < payload_bytes; piece++) {
        size_t size = count == 0 ? payload_bytes : sizes[piece % count];
        size = size == 0 ? 1 : size;
        if (size > payload_bytes - at)
            size = payload_bytes - at;
        phase = ws_mask(found + align + at, size, mask, phase);
        at += size;
    }
    CHECK(phase == expected_phase);
    CHECK(memcmp(found, expected, align + payload_bytes) == 0);
    free(expected);
    free(found);
    return 0;
}
