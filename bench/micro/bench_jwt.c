// SPDX-License-Identifier: MIT
//
// What a token costs: verified with each algorithm, and refused at each place where a stranger can
// have it refused. Keys and tokens are those of RFC 7515, appendix A, and RFC 8037, appendix A.
#include "base/clock.h"
#include "codec/jwt.h"

#include <stdio.h>
#include <string.h>

#define NOW_S 1300819379
#define CLAIMS                                                                                     \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl" \
    "fQ"
#define HS256_SIGNATURE ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

static const char jwks[] =
    "{\"keys\":["
    "{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4h"
    "cgUuTwjAzZr1Z9CAow\"},"
    "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\""
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4"
    "d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5re"
    "xMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxX"
    "FvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\"},"
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"},"
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}";

static const struct {
    const char *name, *token;
    enum jwt_result result;
    unsigned rounds;
} tokens[] = {
    {"HS256", "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." CLAIMS HS256_SIGNATURE, JWT_OK, 200000},
    {"RS256, 2048 bits",
     "eyJhbGciOiJSUzI1NiJ9." CLAIMS
     ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp"
     "5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHl"
     "b1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9Q"
     "OYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
     JWT_OK, 20000},
    {"ES256",
     "eyJhbGciOiJFUzI1NiJ9." CLAIMS
     ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
     JWT_OK, 5000},
    {"EdDSA",
     "eyJhbGciOiJFZERTQSJ9." CLAIMS
     "._vSpFAYzQd76KTga_fKXdhrh3C0FWu4LvjqsxWd4NRyBOrKTdBeh_PkyRQtFmRgGKgdW5upgieZM67Gbz4AtAA",
     JWT_OK, 10000},
    {"refused: ES256, bad signature",
     "eyJhbGciOiJFUzI1NiJ9." CLAIMS
     ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1A",
     JWT_SIGNATURE, 5000},
    {"refused: HS256, bad signature", "eyJhbGciOiJIUzI1NiJ9." CLAIMS HS256_SIGNATURE, JWT_SIGNATURE,
     200000},
    {"refused: none", "eyJhbGciOiJub25lIn0." CLAIMS ".", JWT_ALGORITHM, 500000},
    {"refused: not a token", "not.a.token", JWT_MALFORMED, 5000000},
};

static void bench(const struct jwt_keys *keys, size_t which)
{
    const struct jwt_options options = {.now_s = NOW_S};
    const char *token = tokens[which].token;
    size_t len = strlen(token);
    unsigned rounds = tokens[which].rounds;
    uint64_t start_ns = 0;
    // The first rounds are not counted: Debian's wolfSSL makes its table for a curve's point then.
    for (unsigned i = 0; i < rounds + 10; i++) {
        struct claims *claims;
        if (i == 10)
            start_ns = clock_thread_cpu_ns();
        CHECK(jwt_verify(token, len, keys, &options, &claims) == tokens[which].result);
        claims_destroy(claims);
    }
    double ns = (double)(clock_thread_cpu_ns() - start_ns) / rounds;
    printf("%-32s %8.0f ns/token\n", tokens[which].name, ns);
}

int main(void)
{
    struct jwt_keys *keys = jwt_keys_create();
    char error[JWT_KEYS_ERROR_BYTES];
    CHECK(keys != NULL && jwt_keys_add_jwks(keys, jwks, sizeof jwks - 1, error) == 0);
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++)
        bench(keys, i);
    jwt_keys_destroy(keys);
    return 0;
}
