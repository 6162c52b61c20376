// SPDX-License-Identifier: MIT
#include "codec/x509_subject.h"

#include "codec/der.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define T61_STRING 0x14
#define BMP_STRING 0x1e

#define CN    "\x55\x04\x03"
#define ORG   "\x55\x04\x0a"
#define UNIT  "\x55\x04\x0b"
#define DC    "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19"
#define EMAIL "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01"

// One attribute; `joined`: in the set of the one before.
struct attribute {
    const char *oid;
    uint8_t tag;
    const char *value;
    size_t len; // 0: of the string
    bool joined;
};

struct bytes {
    uint8_t at[4096];
    size_t len;
};

static void add(struct bytes *out, const void *bytes, size_t len)
{
    cr_assert_leq(out->len + len, sizeof out->at);
    memcpy(out->at + out->len, bytes, len);
    out->len += len;
}

static void element(struct bytes *out, uint8_t tag, const void *bytes, size_t len)
{
    uint8_t head[] = {tag, 0x82, (uint8_t)(len >> 8), (uint8_t)len};
    if (len < 0x80)
        head[1] = (uint8_t)len;
    else if (len < 0x100)
        head[1] = 0x81, head[2] = (uint8_t)len;
    add(out, head, len < 0x80 ? 2 : len < 0x100 ? 3 : 4);
    add(out, bytes, len);
}

static void put_set(struct bytes *name, struct bytes *set)
{
    if (set->len)
        element(name, DER_SET, set->at, set->len);
    set->len = 0;
}

static struct bytes name_of(const struct attribute *attributes, size_t count)
{
    struct bytes name = {.len = 0}, set = {.len = 0};
    for (size_t i = 0; i < count && attributes[i].oid; i++) {
        const struct attribute *from = &attributes[i];
        struct bytes pair = {.len = 0};
        element(&pair, DER_OID, from->oid, strlen(from->oid));
        element(&pair, from->tag, from->value, from->len ? from->len : strlen(from->value));
        if (!from->joined)
            put_set(&name, &set);
        element(&set, DER_SEQUENCE, pair.at, pair.len);
    }
    put_set(&name, &set);
    return name;
}

// What stands around a name; the rest of a certificate is not looked at.
static struct bytes certificate_of(const struct bytes *name, bool versioned)
{
    struct bytes body = {.len = 0}, whole = {.len = 0}, out = {.len = 0};
    if (versioned)
        element(&body, DER_CONTEXT_0, "\x02\x01\x02", 3);
    element(&body, DER_INTEGER, "\x07", 1);
    for (int i = 0; i < 3; i++)
        element(&body, DER_SEQUENCE, "", 0);
    element(&body, DER_SEQUENCE, name->at, name->len);
    element(&whole, DER_SEQUENCE, body.at, body.len);
    element(&out, DER_SEQUENCE, whole.at, whole.len);
    return out;
}

#define SIXTY "123456789012345678901234567890123456789012345678901234567890"

#define TEXT(oid, tag, value)                                                                      \
    {                                                                                              \
        oid, tag, value, 0, false                                                                  \
    }
static const struct {
    struct attribute attributes[5];
    const char *text; // NULL: refused
} cases[] = {
    {{TEXT(ORG, DER_UTF8_STRING, "ringcast"), TEXT(CN, DER_UTF8_STRING, "alice")},
     "CN=alice,O=ringcast"},
    {{TEXT(CN, DER_PRINTABLE_STRING, "alice")}, "CN=alice"},
    {{TEXT(DC, DER_IA5_STRING, "org"), TEXT(DC, DER_IA5_STRING, "example")}, "DC=example,DC=org"},
    {{TEXT(CN, DER_UTF8_STRING, "a"), {UNIT, DER_UTF8_STRING, "b", 0, true}}, "CN=a+OU=b"},
    {{TEXT(CN, DER_UTF8_STRING, "J\xc3\xb6rg")}, "CN=J\xc3\xb6rg"},
    // What would read as another name.
    {{TEXT(ORG, DER_UTF8_STRING, "o/CN=alice")}, "O=o/CN\\=alice"},
    {{TEXT(ORG, DER_UTF8_STRING, "o,CN=alice")}, "O=o\\,CN\\=alice"},
    {{TEXT(ORG, DER_UTF8_STRING, "o+CN=alice")}, "O=o\\+CN\\=alice"},
    {{TEXT(ORG, DER_UTF8_STRING, "o\\"), TEXT(CN, DER_UTF8_STRING, "b")}, "CN=b,O=o\\\\"},
    {{TEXT(CN, DER_UTF8_STRING, " a b ")}, "CN=\\ a b\\ "},
    {{TEXT(CN, DER_UTF8_STRING, " ")}, "CN=\\ "},
    {{TEXT(CN, DER_UTF8_STRING, "#130131")}, "CN=\\#130131"},
    {{TEXT(CN, DER_UTF8_STRING, "a#\"<>;")}, "CN=a#\\\"\\<\\>\\;"},
    // Attributes without a short name.
    {{TEXT(EMAIL, DER_IA5_STRING, "a@b")}, "1.2.840.113549.1.9.1=#1603614062"},
    {{{EMAIL, DER_IA5_STRING, "a\0b", 3, false}}, "1.2.840.113549.1.9.1=#1603610062"},
    {{TEXT("\x88\x37", DER_UTF8_STRING, "x")}, "2.999=#0c0178"},
    {{TEXT("\x27", DER_UTF8_STRING, "x")}, "0.39=#0c0178"},
    {{TEXT("\x80\x01", DER_UTF8_STRING, "x")}, NULL},
    {{TEXT("\x55\x84", DER_UTF8_STRING, "x")}, NULL},
    {{TEXT("\x55\xff\xff\xff\xff\xff\xff\xff\x7f", DER_UTF8_STRING, "x")}, NULL},
    // Values that cannot be written.
    {{{CN, DER_UTF8_STRING, "alice\0.evil", 11, false}}, NULL},
    {{{CN, DER_PRINTABLE_STRING, "alice\0", 6, false}}, NULL},
    {{TEXT(CN, DER_UTF8_STRING, "alice\n")}, NULL},
    {{TEXT(CN, DER_UTF8_STRING, "alice\x7f")}, NULL},
    {{TEXT(CN, DER_UTF8_STRING, "alice\xc2\x85")}, NULL},
    {{TEXT(CN, DER_UTF8_STRING, "\xff")}, NULL},
    {{TEXT(CN, DER_UTF8_STRING, "a\xc3")}, NULL},
    {{TEXT(CN, DER_PRINTABLE_STRING, "J\xc3\xb6rg")}, NULL},
    {{TEXT(CN, T61_STRING, "alice")}, NULL},
    {{{CN, BMP_STRING, "\0a", 2, false}}, NULL},
    {{TEXT(CN, DER_UTF8_STRING, "")}, NULL},
    // Lengths: 253 of a value are the last that fit behind CN=.
    {{TEXT(UNIT, DER_UTF8_STRING, SIXTY SIXTY SIXTY SIXTY "1234567"),
      TEXT(CN, DER_UTF8_STRING, "a")},
     "CN=a,OU=" SIXTY SIXTY SIXTY SIXTY "1234567"},
    {{TEXT(CN, DER_UTF8_STRING, SIXTY SIXTY SIXTY SIXTY "1234567890123")},
     "CN=" SIXTY SIXTY SIXTY SIXTY "1234567890123"},
    {{TEXT(CN, DER_UTF8_STRING, SIXTY SIXTY SIXTY SIXTY "12345678901234")}, NULL},
    {{TEXT(CN, DER_UTF8_STRING, SIXTY SIXTY SIXTY SIXTY "123456789012,")}, NULL},
    {{TEXT(ORG, DER_UTF8_STRING, SIXTY SIXTY SIXTY SIXTY "1234567890123"),
      TEXT(CN, DER_UTF8_STRING, "a")},
     NULL},
};

Test(x509_subject, one_text_for_one_name)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int versioned = 0; versioned < 2; versioned++) {
            struct bytes name = name_of(cases[i].attributes, 5);
            struct bytes whole = certificate_of(&name, versioned);
            char text[X509_SUBJECT_MAX_BYTES + 1] = "?";
            cr_expect_eq(x509_subject(whole.at, whole.len, text), cases[i].text != NULL,
                         "row %zu: %s", i, text);
            cr_expect_str_eq(text, cases[i].text ? cases[i].text : "", "row %zu", i);
        }
}

Test(x509_subject, no_subject)
{
    char text[X509_SUBJECT_MAX_BYTES + 1] = "?";
    struct bytes empty = {.len = 0}, whole = certificate_of(&empty, true);
    cr_expect_not(x509_subject(whole.at, whole.len, text));
    cr_expect_str_eq(text, "");
    struct bytes no_attribute = {.at = {DER_SET, 0}, .len = 2};
    whole = certificate_of(&no_attribute, true);
    cr_expect_not(x509_subject(whole.at, whole.len, text));
}

Test(x509_subject, at_most_32_elements)
{
    struct attribute many[X509_SUBJECT_MAX_ELEMENTS + 1];
    for (size_t i = 0; i < sizeof many / sizeof *many; i++)
        many[i] = (struct attribute){CN, DER_UTF8_STRING, "a", 0, false};
    for (size_t more = 0; more < 2; more++) {
        char text[X509_SUBJECT_MAX_BYTES + 1];
        struct bytes name = name_of(many, X509_SUBJECT_MAX_ELEMENTS + more);
        struct bytes whole = certificate_of(&name, true);
        cr_expect_eq(x509_subject(whole.at, whole.len, text), more == 0);
        cr_expect_eq(strlen(text), more ? 0 : X509_SUBJECT_MAX_ELEMENTS * 5 - 1);
    }
}

// Cut anywhere: refused, and nothing is read beyond the cut (the sanitizers look).
Test(x509_subject, cut)
{
    static const struct attribute alice[] = {{ORG, DER_UTF8_STRING, "o", 0, false},
                                             {CN, DER_UTF8_STRING, "alice", 0, false}};
    struct bytes name = name_of(alice, 2), whole = certificate_of(&name, true);
    for (size_t len = 0; len < whole.len; len++) {
        char text[X509_SUBJECT_MAX_BYTES + 1] = "?";
        uint8_t *bytes = malloc(len ? len : 1);
        memcpy(bytes, whole.at, len);
        cr_expect_not(x509_subject(bytes, len, text), "%zu", len);
        cr_expect_str_eq(text, "");
        free(bytes);
    }
}
