// SPDX-License-Identifier: MIT
//
// ws_close_parse on any payload, and ws_close_write of what it accepted: a reason comes out whole
// or cut at a character's border, and the result parses again.
#include "codec/ws_write.h"
#include "fuzz/fuzz.h"

#include <string.h>

static void check_accepted(const uint8_t *payload, size_t len, uint16_t code)
{
    char reason[1024] = "";
    if (len < 2 || len - 2 >= sizeof reason || memchr(payload + 2, '\0', len - 2) != NULL)
        return;
    memcpy(reason, payload + 2, len - 2);
    uint8_t out[2 + WS_CONTROL_MAX_BYTES];
    size_t bytes = ws_close_write(out, code, reason);
    CHECK(bytes >= 4 && bytes <= sizeof out && out[0] == 0x88 && out[1] == bytes - 2);
    CHECK(memcmp(out + 2, payload, bytes - 2) == 0);
    CHECK(len <= WS_CONTROL_MAX_BYTES ? bytes - 2 == len : bytes - 2 > WS_CONTROL_MAX_BYTES - 4);
    uint16_t again;
    CHECK(ws_close_parse(out + 2, bytes - 2, &again) == CLOSE_REASON_NONE && again == code);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    uint16_t code = 0;
    switch (ws_close_parse(bytes, len, &code)) {
    case CLOSE_REASON_NONE:
        CHECK(len == 0 ? code == 1005 : code >= 1000 && code <= 4999);
        check_accepted(bytes, len, code);
        break;
    case CLOSE_REASON_PROTOCOL:
        CHECK(len != 0);
        break;
    case CLOSE_REASON_NOT_UTF8:
        CHECK(len > 2 && !utf8_valid(bytes + 2, len - 2));
        break;
    default:
        UNREACHABLE();
    }
    return 0;
}
