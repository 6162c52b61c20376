// SPDX-License-Identifier: MIT
//
// Reading DER (X.690, section 10) strictly, one element after the other: tags of one octet, lengths
// in their shortest form and below 64 KiB. Nothing is copied; nothing is read beyond the length.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DER_INTEGER          0x02
#define DER_BIT_STRING       0x03
#define DER_OID              0x06
#define DER_UTF8_STRING      0x0c
#define DER_PRINTABLE_STRING 0x13
#define DER_IA5_STRING       0x16
#define DER_SEQUENCE         0x30
#define DER_SET              0x31
#define DER_CONTEXT_0        0xa0

// Bytes that remain to be read.
struct der {
    const uint8_t *bytes;
    size_t len;
};

// Takes the next element, whose tag is this. False: it is not that, or no DER; *in is spoilt then.
bool der_take(struct der *in, uint8_t tag, struct der *value);

// The same of the only element that is left.
bool der_take_last(struct der *in, uint8_t tag, struct der *value);
