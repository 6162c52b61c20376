// SPDX-License-Identifier: MIT
#include "codec/sha1.h"

#include <sha1.h>

void sha1(const void *bytes, size_t len, uint8_t digest[SHA1_BYTES])
{
    SHA1_CTX context;
    SHA1Init(&context);
    SHA1Update(&context, bytes, len);
    SHA1Final(digest, &context);
}
