// SPDX-License-Identifier: MIT
//
// Claims against a plain reading of the same JSON: accepted or not, and which rooms may be read and
// written. The input is the length of a name, the name, and a payload.
#include "codec/claims.h"
#include "codec/json_strict.h"
#include "fuzz/fuzz.h"

#include <jansson.h>
#include <string.h>

static bool pattern_good(const json_t *value)
{
    const char *text = json_string_value(value);
    if (text == NULL || text[0] == 0)
        return false;
    size_t len = strlen(text);
    return len <= 200 || (len == 201 && text[200] == '*');
}

static bool list_good(const json_t *list)
{
    bool good = json_is_array(list) && json_array_size(list) <= 64;
    for (size_t i = 0; good && i < json_array_size(list); i++)
        good = pattern_good(json_array_get(list, i));
    return good;
}

static bool rooms_good(json_t *rooms)
{
    if (!json_is_object(rooms))
        return rooms == NULL || list_good(rooms);
    const char *name;
    json_t *list;
    json_object_foreach(rooms, name, list)
    {
        if ((strcmp(name, "read") != 0 && strcmp(name, "write") != 0) || !list_good(list))
            return false;
    }
    return true;
}

static bool sub_good(const json_t *sub)
{
    return sub == NULL || (json_is_string(sub) && strlen(json_string_value(sub)) <= 256);
}

static bool may(const json_t *rooms, const char *which, const char *name, size_t len)
{
    const json_t *list = json_is_object(rooms) ? json_object_get(rooms, which) : rooms;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        size_t text_len = strlen(text);
        if (text[text_len - 1] == '*') {
            if (len >= text_len - 1 && memcmp(name, text, text_len - 1) == 0)
                return true;
        } else if (len == text_len && memcmp(name, text, len) == 0)
            return true;
    }
    return rooms == NULL;
}

static void check(json_t *object, const char *payload, size_t payload_len, const char *name,
                  size_t len)
{
    struct claims *claims = NULL;
    json_t *rooms = json_object_get(object, "rooms"), *sub = json_object_get(object, "sub");
    enum claims_result result = claims_create(&claims, payload, payload_len, object, 1);
    CHECK(result == (sub_good(sub) && rooms_good(rooms) ? CLAIMS_OK : CLAIMS_BAD));
    CHECK((claims != NULL) == (result == CLAIMS_OK));
    if (claims == NULL)
        return;
    CHECK(claims_may_read(claims, name, len) == may(rooms, "read", name, len));
    CHECK(claims_may_write(claims, name, len) == may(rooms, "write", name, len));
    CHECK(strcmp(claims->sub, sub == NULL ? "" : json_string_value(sub)) == 0);
    CHECK(claims->payload_len == payload_len && claims->payload[payload_len] == 0);
    CHECK(memcmp(claims->payload, payload, payload_len) == 0);
    claims_destroy(claims);
}

static void check_subject(const char *subject, size_t len)
{
    struct claims *claims = NULL;
    if (claims_from_subject(&claims, subject, len) != CLAIMS_OK)
        return;
    CHECK(claims->sub_len == len && strlen(claims->sub) == len);
    CHECK(memcmp(claims->sub, subject, len) == 0);
    CHECK(claims_may_read(claims, subject, len) && claims_may_write(claims, subject, len));
    claims_destroy(claims);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len == 0 || (size_t)bytes[0] + 1 > len)
        return 0;
    const char *name = (const char *)bytes + 1, *payload = name + bytes[0];
    size_t payload_len = len - 1 - bytes[0];
    check_subject(name, bytes[0]);
    json_t *object = json_strict_parse(payload, payload_len, NULL);
    if (object != NULL)
        check(object, payload, payload_len, name, bytes[0]);
    json_decref(object);
    return 0;
}
