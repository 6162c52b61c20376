// SPDX-License-Identifier: MIT
#include "base/crc32c.h"

#include <criterion/criterion.h>
#include <string.h>

// A SCSI read command (RFC 3720, appendix B.4).
static const uint8_t scsi_read[48] = {
    0x01, 0xC0, [16] = 0x14, [22] = 0x04, [27] = 0x14, [31] = 0x18, 0x28, [40] = 0x02,
};

static uint32_t crc(const void *bytes, size_t len)
{
    return crc32c_update(0, bytes, len);
}

Test(crc32c, published_values)
{
    cr_expect_eq(crc("", 0), 0);
    cr_expect_eq(crc("123456789", 9), 0xE3069283, "the check value of the catalogue of CRCs");
    // RFC 3720, appendix B.4, where the bytes stand in the order in which iSCSI sends them.
    uint8_t bytes[32] = {0};
    cr_expect_eq(crc(bytes, 32), 0x8A9136AA);
    memset(bytes, 0xFF, 32);
    cr_expect_eq(crc(bytes, 32), 0x62A8AB43);
    for (uint8_t i = 0; i < 32; i++)
        bytes[i] = i;
    cr_expect_eq(crc(bytes, 32), 0x46DD794E);
    for (uint8_t i = 0; i < 32; i++)
        bytes[i] = 31 - i;
    cr_expect_eq(crc(bytes, 32), 0x113FDB5C);
    cr_expect_eq(crc(scsi_read, 48), 0xD9963A56);
}

Test(crc32c, goes_on_at_any_cut)
{
    uint32_t whole = crc(scsi_read, sizeof scsi_read);
    for (size_t cut = 0; cut <= sizeof scsi_read; cut++)
        cr_expect_eq(crc32c_update(crc(scsi_read, cut), scsi_read + cut, sizeof scsi_read - cut),
                     whole, "%zu", cut);
}

Test(crc32c, each_bit_matters)
{
    uint8_t bytes[sizeof scsi_read];
    memcpy(bytes, scsi_read, sizeof bytes);
    for (unsigned bit = 0; bit < 8 * sizeof bytes; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        cr_expect_neq(crc(bytes, sizeof bytes), 0xD9963A56, "bit %u", bit);
        bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
}
