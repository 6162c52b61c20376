// SPDX-License-Identifier: MIT
//
// Subjects of certificates. The input is the inside of a name, put into a certificate. A text that
// is given is UTF-8 without control characters, at most so long as promised, and can be read back:
// cut at its commas and pluses that are not escaped it gives the values of the name again, in the
// opposite order, byte for byte.
#include "fuzz/fuzz.h"

#include "codec/der.h"
#include "codec/utf8.h"
#include "codec/x509_subject.h"

#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 4096

// Puts a SEQUENCE's head in front of what ends at `end`; returns where it begins.
static uint8_t *enclose(uint8_t *begin, const uint8_t *end)
{
    size_t len = (size_t)(end - begin);
    if (len >= 0x80)
        *--begin = (uint8_t)len;
    if (len >= 0x100)
        *--begin = (uint8_t)(len >> 8);
    *--begin = len < 0x80 ? (uint8_t)len : len < 0x100 ? 0x81 : 0x82;
    *--begin = DER_SEQUENCE;
    return begin;
}

// Takes the last value of the text off its end, unescaped; -1 when it is in hexadecimal digits.
static int take_value(char *text, uint8_t *value)
{
    char *begin = text;
    for (char *c = text; *c; c++) {
        if (*c == '\\')
            CHECK(*++c);
        else if (*c == ',' || *c == '+')
            begin = c + 1;
    }
    const char *from = strchr(begin, '=');
    CHECK(from && from > begin);
    int len = 0;
    for (from++; *from; from++)
        value[len++] = (uint8_t)(*from == '\\' ? *++from : *from);
    bool is_hex = strchr(begin, '=')[1] == '#';
    if (begin == text)
        *text = 0;
    else
        begin[-1] = 0;
    return is_hex ? -1 : len;
}

// The name's first element is the text's last; within an element the order is the same.
static void compare(struct der name, char *text)
{
    while (name.len) {
        struct der set, pair, values[X509_SUBJECT_MAX_BYTES];
        unsigned count = 0;
        CHECK(der_take(&name, DER_SET, &set) && set.len);
        while (set.len) {
            struct der oid;
            CHECK(der_take(&set, DER_SEQUENCE, &pair) && der_take(&pair, DER_OID, &oid));
            uint8_t tag = pair.bytes[0];
            CHECK(der_take_last(&pair, tag, &values[count++]));
        }
        while (count--) {
            uint8_t value[X509_SUBJECT_MAX_BYTES];
            int len = take_value(text, value);
            CHECK(len < 0 || ((size_t)len == values[count].len &&
                              memcmp(value, values[count].bytes, (size_t)len) == 0));
        }
    }
    CHECK(*text == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const uint8_t front[] = {0x02, 1, 7, 0x30, 0, 0x30, 0, 0x30, 0};
    static uint8_t memory[NAME_MAX_BYTES + 64];
    char text[X509_SUBJECT_MAX_BYTES + 1];
    if (len > NAME_MAX_BYTES)
        return 0;
    uint8_t *end = memory + sizeof memory, *begin = end - len;
    memcpy(begin, bytes, len);
    begin = enclose(begin, end);
    begin -= sizeof front;
    memcpy(begin, front, sizeof front);
    begin = enclose(enclose(begin, end), end);
    bool good = x509_subject(begin, (size_t)(end - begin), text);
    CHECK(good == (*text != 0));
    CHECK(utf8_valid((const uint8_t *)text, strlen(text)));
    for (const char *c = text; *c; c++)
        CHECK((uint8_t)*c >= ' ' && *c != 0x7f);
    if (good)
        compare((struct der){bytes, len}, text);
    return 0;
}
