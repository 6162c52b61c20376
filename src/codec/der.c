// SPDX-License-Identifier: MIT
#include "codec/der.h"

// The length octets, in their shortest form (X.690, sections 8.1.3 and 10.1).
static bool take_length(struct der *in, size_t *len)
{
    if (in->len == 0)
        return false;
    size_t octets = 0;
    *len = in->bytes[0];
    if (*len > 0x80) {
        octets = *len & 0x7f;
        if (octets > 2 || octets > in->len - 1)
            return false;
        *len = octets == 1 ? in->bytes[1] : (size_t)(in->bytes[1] << 8 | in->bytes[2]);
        if (*len < (octets == 1 ? 0x80U : 0x100U))
            return false;
    } else if (*len == 0x80)
        return false;
    in->bytes += 1 + octets;
    in->len -= 1 + octets;
    return *len <= in->len;
}

bool der_take(struct der *in, uint8_t tag, struct der *value)
{
    if (in->len == 0 || in->bytes[0] != tag)
        return false;
    in->bytes++;
    in->len--;
    size_t len;
    if (!take_length(in, &len))
        return false;
    *value = (struct der){in->bytes, len};
    in->bytes += len;
    in->len -= len;
    return true;
}

bool der_take_last(struct der *in, uint8_t tag, struct der *value)
{
    return der_take(in, tag, value) && in->len == 0;
}
