// SPDX-License-Identifier: MIT
#include "base/check.h"
#include "codec/sha1.h"

#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/sha.h>

void sha1(const void *bytes, size_t len, uint8_t digest[SHA1_BYTES])
{
    wc_Sha sha;
    int error = wc_InitSha(&sha);
    if (!error)
        error = wc_ShaUpdate(&sha, bytes, (word32)len);
    if (!error)
        error = wc_ShaFinal(&sha, digest);
    CHECK(!error); // takes no memory and cannot fail
}
