// SPDX-License-Identifier: MIT
#include "codec/x509_subject.h"

#include "codec/der.h"
#include "codec/utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    uint8_t len, oid[10];
} short_names[] = {
    {"CN", 3, {0x55, 4, 3}},
    {"L", 3, {0x55, 4, 7}},
    {"ST", 3, {0x55, 4, 8}},
    {"O", 3, {0x55, 4, 10}},
    {"OU", 3, {0x55, 4, 11}},
    {"C", 3, {0x55, 4, 6}},
    {"STREET", 3, {0x55, 4, 9}},
    {"DC", 10, {0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25}},
    {"UID", 10, {0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1}},
};

struct writer {
    char *text;
    size_t len;
    bool full;
};

static void put(struct writer *out, const char *bytes, size_t len)
{
    out->full |= len > X509_SUBJECT_MAX_BYTES - out->len;
    if (out->full)
        return;
    memcpy(out->text + out->len, bytes, len);
    out->len += len;
}

static void put_hex(struct writer *out, const uint8_t *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len && !out->full; i++) {
        char pair[] = {digits[bytes[i] >> 4], digits[bytes[i] & 15]};
        put(out, pair, sizeof pair);
    }
}

// --- Values

static bool has_controls(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bool is_c1 = bytes[i] == 0xc2 && i + 1 < len && bytes[i + 1] < 0xa0;
        if (bytes[i] < ' ' || bytes[i] == 0x7f || is_c1)
            return true;
    }
    return false;
}

static bool is_ascii(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i] >= 0x80)
            return false;
    return true;
}

// RFC 4514, section 2.4.
static void put_escaped(struct writer *out, const char *value, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bool first = i == 0, last = i == len - 1;
        if (strchr("\"+,;<>\\=", value[i]) || (value[i] == ' ' && (first || last)) ||
            (value[i] == '#' && first))
            put(out, "\\", 1);
        put(out, value + i, 1);
    }
}

static bool put_string(struct writer *out, struct der in)
{
    struct der value;
    uint8_t tag = in.len ? in.bytes[0] : 0;
    if (tag != DER_UTF8_STRING && tag != DER_PRINTABLE_STRING && tag != DER_IA5_STRING)
        return false;
    if (!der_take_last(&in, tag, &value) || value.len == 0 || has_controls(value.bytes, value.len))
        return false;
    if (tag == DER_UTF8_STRING ? !utf8_valid(value.bytes, value.len)
                               : !is_ascii(value.bytes, value.len))
        return false;
    put_escaped(out, (const char *)value.bytes, value.len);
    return true;
}

// --- Types

// X.690, section 8.19: base 128, each number in its shortest form, the first one holds two.
static bool put_oid(struct writer *out, struct der oid)
{
    char text[32];
    uint64_t number = 0;
    bool inside = false, first = true;
    for (size_t i = 0; i < oid.len; i++) {
        if ((!inside && oid.bytes[i] == 0x80) || number >> 32)
            return false;
        number = number << 7 | (oid.bytes[i] & 0x7f);
        inside = oid.bytes[i] & 0x80;
        if (inside)
            continue;
        uint64_t top = number < 80 ? number / 40 : 2;
        int len = first
                      ? snprintf(text, sizeof text, "%" PRIu64 ".%" PRIu64, top, number - 40 * top)
                      : snprintf(text, sizeof text, ".%" PRIu64, number);
        put(out, text, (size_t)len);
        number = 0;
        first = false;
    }
    return oid.len > 0 && !inside;
}

static bool put_attribute(struct writer *out, struct der attribute)
{
    struct der oid, value, inner;
    if (!der_take(&attribute, DER_OID, &oid))
        return false;
    value = attribute;
    if (value.len == 0 || !der_take_last(&attribute, value.bytes[0], &inner))
        return false;
    for (size_t i = 0; i < sizeof short_names / sizeof *short_names; i++)
        if (oid.len == short_names[i].len && memcmp(oid.bytes, short_names[i].oid, oid.len) == 0) {
            put(out, short_names[i].name, strlen(short_names[i].name));
            put(out, "=", 1);
            return put_string(out, value);
        }
    if (!put_oid(out, oid))
        return false;
    put(out, "=#", 2);
    put_hex(out, value.bytes, value.len);
    return true;
}

// --- Names

// One element: a set of attributes, mostly of one.
static bool put_element(struct writer *out, struct der set)
{
    struct der attribute;
    size_t before = set.len;
    while (set.len) {
        if (set.len != before)
            put(out, "+", 1);
        if (!der_take(&set, DER_SEQUENCE, &attribute) || !put_attribute(out, attribute))
            return false;
    }
    return before > 0;
}

static bool put_name(struct writer *out, struct der name)
{
    struct der elements[X509_SUBJECT_MAX_ELEMENTS];
    unsigned count = 0;
    while (name.len)
        if (count == X509_SUBJECT_MAX_ELEMENTS || !der_take(&name, DER_SET, &elements[count++]))
            return false;
    for (unsigned i = count; i-- > 0;) {
        if (!put_element(out, elements[i]))
            return false;
        if (i)
            put(out, ",", 1);
    }
    return count > 0 && !out->full;
}

// RFC 5280, section 4.1: what stands in front of the subject, and the subject.
static bool find_subject(struct der in, struct der *subject)
{
    struct der certificate, body, skipped;
    if (!der_take_last(&in, DER_SEQUENCE, &certificate) ||
        !der_take(&certificate, DER_SEQUENCE, &body))
        return false;
    if (body.len && body.bytes[0] == DER_CONTEXT_0 && !der_take(&body, DER_CONTEXT_0, &skipped))
        return false;
    return der_take(&body, DER_INTEGER, &skipped) &&  // serial number
           der_take(&body, DER_SEQUENCE, &skipped) && // algorithm of the signature
           der_take(&body, DER_SEQUENCE, &skipped) && // issuer
           der_take(&body, DER_SEQUENCE, &skipped) && // validity
           der_take(&body, DER_SEQUENCE, subject);
}

bool x509_subject(const uint8_t *certificate, size_t len, char text[X509_SUBJECT_MAX_BYTES + 1])
{
    struct der subject;
    struct writer out = {.text = text};
    bool good = find_subject((struct der){certificate, len}, &subject) && put_name(&out, subject);
    text[good ? out.len : 0] = 0;
    return good;
}
