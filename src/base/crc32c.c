// SPDX-License-Identifier: MIT
#include "base/crc32c.h"

#define POLYNOMIAL UINT32_C(0x82F63B78) // 0x1EDC6F41 with its bits reversed

uint32_t crc32c_update(uint32_t crc, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    crc = ~crc;
    for (size_t i = 0; i < len; i++) {
        crc ^= at[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (POLYNOMIAL & (0 - (crc & 1)));
    }
    return ~crc;
}
