// SPDX-License-Identifier: MIT
//
// utf8_feed against utf8_feed_plain: same result and same state after every piece.
#include "codec/utf8.h"
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

// Result of both for one piece, in memory of its own.
static bool feed(struct utf8_state *utf8, const uint8_t *bytes, size_t len)
{
    uint8_t *piece = malloc(len == 0 ? 1 : len);
    CHECK(piece != NULL);
    if (len != 0)
        memcpy(piece, bytes, len);
    struct utf8_state plain = *utf8;
    bool expected = utf8_feed_plain(&plain, piece, len);
    bool found = utf8_feed(utf8, piece, len);
    free(piece);
    CHECK(found == expected);
    CHECK(!found || utf8->state == plain.state);
    return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const uint8_t *sizes;
    size_t count, taken = fuzz_take_sizes(bytes, len, &sizes, &count);
    bytes += taken;
    len -= taken;
    struct utf8_state whole = {0}, cut = {0};
    bool whole_good = feed(&whole, bytes, len), cut_good = true;
    for (size_t at = 0, piece = 0; at < len && cut_good; piece++) {
        size_t size = count == 0 || sizes[piece % count] == 0 ? 1 : sizes[piece % count];
        if (size > len - at)
            size = len - at;
        cut_good = feed(&cut, bytes + at, size);
        at += size;
    }
    CHECK(cut_good == whole_good);
    CHECK(!whole_good || cut.state == whole.state);
    CHECK(utf8_valid(bytes, len) == (whole_good && utf8_complete(&whole)));
    return 0;
}
