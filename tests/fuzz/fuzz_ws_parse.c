// SPDX-License-Identifier: MIT
//
// ws_next at any cut against a parser that goes byte by byte: same messages, same violation, and
// found with the piece that holds the byte which shows it.
#include "fuzz/fuzz.h"
#include "support/ws_reference.h"

#define LEN_MAX 65536

static struct ws_log expected, found;

static void expect_same(const uint8_t *stream, size_t len, struct ws_cuts cuts, uint64_t max_bytes)
{
    ws_parser_run(&found, stream, len, cuts, max_bytes);
    CHECK(ws_log_differs(&expected, &found) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const uint64_t limits[] = {0, 10, 125, 300, 65535, 1 << 20, INT64_MAX, UINT64_MAX};
    if (len == 0 || len > LEN_MAX)
        return 0;
    uint64_t max_bytes = limits[bytes[0] >> 5];
    struct ws_cuts cuts;
    size_t taken = fuzz_take_sizes(bytes, len, &cuts.sizes, &cuts.count);
    bytes += taken;
    len -= taken;
    ws_reference_run(&expected, bytes, len, max_bytes);
    expect_same(bytes, len, cuts, max_bytes);
    expect_same(bytes, len, (struct ws_cuts){NULL, 0}, max_bytes);
    expect_same(bytes, len, (struct ws_cuts){(const uint8_t[]){1}, 1}, max_bytes);
    return 0;
}
