// SPDX-License-Identifier: MIT
//
// Values of the configuration and listening addresses: whatever is written there, the answer is a
// value that reads back as itself, or a sentence that says what to write instead.
#include "base/check.h"
#include "ring/sock.h"
#include "server/config.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_option(const struct option_row *row, const char *text)
{
    union {
        char list[CONFIG_TEXT_MAX_BYTES];
        uint64_t number;
    } value, again;
    char error[OPTION_ERROR_BYTES] = "", written[OPTION_TEXT_BYTES];
    memset(&value, 0, sizeof value);
    if (option_parse(row, text, &value, error)) {
        CHECK(strlen(error) > 0);
        return;
    }
    option_format(row, &value, written);
    memset(&again, 0, sizeof again);
    CHECK(option_parse(row, written, &again, error) == 0);
    if (option_is_text(row->kind))
        CHECK(strcmp(value.list, again.list) == 0);
    else
        CHECK(value.number == again.number);
}

static void check_address(const char *text)
{
    struct sock_address address, again;
    char error[160] = "", written[SOCK_TEXT_BYTES];
    if (sock_parse(text, &address, error, sizeof error)) {
        CHECK(strlen(error) > 0);
        return;
    }
    sock_format(&address, written);
    CHECK(sock_parse(written, &again, error, sizeof error) == 0);
    CHECK(address.bytes == again.bytes);
    CHECK(memcmp(&address.storage, &again.storage, address.bytes) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[512];
    if (size == 0 || size >= sizeof text)
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = 0;
    check_option(&config_rows[data[0] % config_row_count], text);
    check_address(text);
    return 0;
}
