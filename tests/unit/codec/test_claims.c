// SPDX-License-Identifier: MIT
#include "codec/claims.h"

#include "codec/json_strict.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static enum claims_result create(struct claims **claims, const char *payload)
{
    json_t *object = json_strict_parse(payload, strlen(payload), NULL);
    cr_assert_not_null(object, "%s", payload);
    enum claims_result result = claims_create(claims, payload, strlen(payload), object, 7);
    json_decref(object);
    return result;
}

static const struct {
    const char *rooms;        // the claim; NULL: none
    const char *read, *write; // rooms that may be, separated by blanks
    const char *neither;
} good[] = {
    {NULL, "a b any", "a b any", ""},
    {"[]", "", "", "a"},
    {"{}", "", "", "a"},
    {"[\"a\"]", "a", "a", "b ab A"},
    {"[\"*\"]", "a b any", "a b any", ""},
    {"[\"a*\"]", "a ab a*", "a ab a*", "b ba"},
    {"[\"a\",\"b*\"]", "a b bc", "a b bc", "ab c"},
    {"[\"a*b\"]", "a*b", "a*b", "ab aab a*bc"},
    {"[\"a**\"]", "a* a*b", "a* a*b", "a ab"},
    {"[\"stra\\u00dfe*\"]",
     "stra\xc3\x9f"
     "e1",
     "stra\xc3\x9f"
     "e1",
     "stra\xc3\x9f"},
    {"{\"read\":[\"a\"]}", "a", "", "b"},
    {"{\"write\":[\"a\"]}", "", "a", "b"},
    {"{\"read\":[\"*\"],\"write\":[\"a\",\"c*\"]}", "a b cd", "a cd", ""},
    {"{\"read\":[],\"write\":[]}", "", "", "a"},
    {"[\"a\",\"a\"]", "a", "a", "b"},
};

static const char *const bad[] = {
    "null",
    "true",
    "1",
    "\"a\"",
    "[1]",
    "[null]",
    "[[\"a\"]]",
    "[\"\"]",
    "[\"a\",\"\"]",
    "{\"read\":\"a\"}",
    "{\"read\":null}",
    "{\"read\":[1]}",
    "{\"write\":{}}",
    "{\"read\":[\"a\"],\"writes\":[\"a\"]}",
    "{\"Read\":[\"a\"]}",
    "{\"read\":[\"a\"],\"write\":[\"a\"],\"admin\":[]}",
};

// Whether asking gives `expected` for every word of a text.
static void check_each(const struct claims *claims, const char *words, bool read, bool write,
                       const char *rooms)
{
    for (const char *word = words; *word != 0;) {
        size_t len = strcspn(word, " ");
        cr_expect(!read || claims_may_read(claims, word, len), "%s: read %s", rooms, word);
        cr_expect(!write || claims_may_write(claims, word, len), "%s: write %s", rooms, word);
        if (!read && !write) {
            cr_expect_not(claims_may_read(claims, word, len), "%s: read %s", rooms, word);
            cr_expect_not(claims_may_write(claims, word, len), "%s: write %s", rooms, word);
        }
        word += len + strspn(word + len, " ");
    }
}

static bool lists(const char *words, const char *word, size_t len)
{
    for (; *words != 0; words += strcspn(words, " "), words += strspn(words, " "))
        if (strcspn(words, " ") == len && memcmp(words, word, len) == 0)
            return true;
    return false;
}

Test(claims, rooms)
{
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        char payload[256];
        struct claims *claims = NULL;
        const char *rooms = good[i].rooms == NULL ? "none" : good[i].rooms;
        snprintf(payload, sizeof payload, good[i].rooms == NULL ? "{}" : "{\"rooms\":%s}",
                 good[i].rooms);
        cr_assert_eq(create(&claims, payload), CLAIMS_OK, "%s", rooms);
        check_each(claims, good[i].read, true, false, rooms);
        check_each(claims, good[i].write, false, true, rooms);
        check_each(claims, good[i].neither, false, false, rooms);
        for (const char *word = good[i].read; *word != 0;) {
            size_t len = strcspn(word, " ");
            cr_expect_eq(claims_may_write(claims, word, len), lists(good[i].write, word, len),
                         "%s: write %s", rooms, word);
            word += len + strspn(word + len, " ");
        }
        claims_destroy(claims);
    }
}

Test(claims, malformed_rooms)
{
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char payload[256];
        struct claims *claims = NULL;
        snprintf(payload, sizeof payload, "{\"rooms\":%s}", bad[i]);
        cr_expect_eq(create(&claims, payload), CLAIMS_BAD, "%s", bad[i]);
        cr_expect_null(claims, "%s", bad[i]);
    }
}

static enum claims_result create_with_name(struct claims **claims, size_t len, const char *end)
{
    char payload[512], name[256] = "";
    memset(name, 'n', len);
    snprintf(payload, sizeof payload, "{\"rooms\":[\"%s%s\"]}", name, end);
    return create(claims, payload);
}

Test(claims, length_of_names)
{
    char name[256];
    memset(name, 'n', sizeof name);
    for (size_t len = 0; len <= CLAIMS_NAME_MAX_BYTES + 1; len++) {
        struct claims *claims = NULL;
        bool fits = len <= CLAIMS_NAME_MAX_BYTES;
        cr_expect_eq(create_with_name(&claims, len, "") == CLAIMS_OK, fits && len > 0, "%zu", len);
        cr_expect(claims == NULL || claims_may_read(claims, name, len), "%zu", len);
        cr_expect(claims == NULL || !claims_may_read(claims, name, len + 1), "%zu", len);
        claims_destroy(claims);
        claims = NULL;
        cr_expect_eq(create_with_name(&claims, len, "*") == CLAIMS_OK, fits, "%zu", len);
        cr_expect(claims == NULL || claims_may_write(claims, name, len), "%zu", len);
        cr_expect(claims == NULL || claims_may_write(claims, name, len + 1), "%zu", len);
        cr_expect(claims == NULL || len == 0 || !claims_may_write(claims, name, len - 1), "%zu",
                  len);
        claims_destroy(claims);
    }
}

static enum claims_result create_with_patterns(struct claims **claims, unsigned read,
                                               unsigned write)
{
    char payload[2048];
    size_t len = 0;
    for (unsigned i = 0; i < read + write; i++)
        len += (size_t)snprintf(payload + len, sizeof payload - len, "%s\"%c%u\"",
                                i == 0      ? "{\"rooms\":{\"read\":["
                                : i == read ? "],\"write\":["
                                            : ",",
                                i < read ? 'r' : 'w', i < read ? i : i - read);
    snprintf(payload + len, sizeof payload - len, "]}}");
    return create(claims, payload);
}

Test(claims, number_of_patterns)
{
    struct claims *claims = NULL;
    cr_assert_eq(create_with_patterns(&claims, 64, 64), CLAIMS_OK);
    for (unsigned i = 0; i < 64; i++) {
        char name[8];
        size_t len = (size_t)snprintf(name, sizeof name, "r%u", i);
        cr_expect(claims_may_read(claims, name, len) && !claims_may_write(claims, name, len));
        name[0] = 'w';
        cr_expect(claims_may_write(claims, name, len) && !claims_may_read(claims, name, len));
    }
    claims_destroy(claims);
    cr_expect_eq(create_with_patterns(&claims, 65, 1), CLAIMS_BAD);
    cr_expect_eq(create_with_patterns(&claims, 1, 65), CLAIMS_BAD);
}

Test(claims, who_and_until_when)
{
    static const char payload[] = "{\"sub\":\"J\\u00f6rg\", \"x\":[1]}";
    struct claims *claims = NULL;
    cr_assert_eq(create(&claims, payload), CLAIMS_OK);
    cr_expect_str_eq(claims->sub, "J\xc3\xb6rg");
    cr_expect_eq(claims->sub_len, 5);
    cr_expect_str_eq(claims->payload, payload);
    cr_expect_eq(claims->payload_len, strlen(payload));
    cr_expect_eq(claims->exp_s, 7);
    claims_destroy(claims);
    cr_assert_eq(create(&claims, "{}"), CLAIMS_OK);
    cr_expect_str_eq(claims->sub, "");
    claims_destroy(claims);
}

Test(claims, sub)
{
    static const char *const not_strings[] = {"{\"sub\":1}", "{\"sub\":null}", "{\"sub\":[\"a\"]}"};
    struct claims *claims = NULL;
    for (size_t i = 0; i < sizeof not_strings / sizeof not_strings[0]; i++)
        cr_expect_eq(create(&claims, not_strings[i]), CLAIMS_BAD, "%s", not_strings[i]);
    for (size_t len = 250; len < 260; len++) {
        char payload[512], sub[260] = "";
        memset(sub, 's', len);
        snprintf(payload, sizeof payload, "{\"sub\":\"%s\"}", sub);
        enum claims_result result = create(&claims, payload);
        cr_expect_eq(result == CLAIMS_OK, len <= CLAIMS_SUB_MAX_BYTES, "%zu", len);
        if (result == CLAIMS_OK)
            claims_destroy(claims);
    }
}

Test(claims, from_subject)
{
    static const char subject[] = "CN=J\xc3\xb6rg,O=Example";
    static char long_subject[CLAIMS_SUB_MAX_BYTES + 1];
    memset(long_subject, 's', sizeof long_subject);
    struct claims *claims = NULL;
    cr_assert_eq(claims_from_subject(&claims, subject, strlen(subject)), CLAIMS_OK);
    cr_expect_str_eq(claims->sub, subject);
    cr_expect_str_eq(claims->payload, "");
    cr_expect_eq(claims->exp_s, 0);
    cr_expect(claims_may_read(claims, "any", 3) && claims_may_write(claims, "any", 3));
    claims_destroy(claims);

    cr_assert_eq(claims_from_subject(&claims, long_subject, CLAIMS_SUB_MAX_BYTES), CLAIMS_OK);
    claims_destroy(claims);
    cr_expect_eq(claims_from_subject(&claims, long_subject, CLAIMS_SUB_MAX_BYTES + 1), CLAIMS_BAD);
    cr_expect_eq(claims_from_subject(&claims, "", 0), CLAIMS_BAD);
    cr_expect_eq(claims_from_subject(&claims, "a\0b", 3), CLAIMS_BAD);
    cr_expect_eq(claims_from_subject(&claims, "\xff", 1), CLAIMS_BAD);
}

Test(claims, destroy_nothing)
{
    claims_destroy(NULL);
}
