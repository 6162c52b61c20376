// SPDX-License-Identifier: MIT
//
// Whom a certificate (RFC 5280) is for, as a text that stands for one name only: the string of RFC
// 4514, section 2. Programs decide by it what a client may do, so two names never have one text,
// and nothing is left out: what cannot be written in whole is refused.
//
//   CN=alice,OU=people+L=here,O=Example\, Inc.
//
// The last element of the name comes first, as the RFC wants it. Its nine short names are used: CN,
// L, ST, O, OU, C, STREET, DC, UID; another attribute is a dotted number and the hexadecimal digits
// of its DER, "2.5.4.5=#130131". Values of the nine have to be a UTF8String, a PrintableString or
// an IA5String, not empty, without control characters.
//
// Memory: none. Thread: any.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define X509_SUBJECT_MAX_BYTES    256
#define X509_SUBJECT_MAX_ELEMENTS 32

// Writes the subject of a certificate in DER, UTF-8 that ends with NUL. False: it has none, it is
// longer than that, or has something in it that the above does not allow; text is "" then. Nothing
// is said of who signed it.
bool x509_subject(const uint8_t *certificate, size_t len, char text[X509_SUBJECT_MAX_BYTES + 1]);
