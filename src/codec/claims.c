// SPDX-License-Identifier: MIT
#include "codec/claims.h"

#include "codec/utf8.h"
#include "codec/x509_subject.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct claims_pattern {
    const char *text; // behind the patterns, in the same memory
    uint8_t len;      // without the '*'
    bool is_prefix;
};

_Static_assert(X509_SUBJECT_MAX_BYTES <= CLAIMS_SUB_MAX_BYTES, "every subject has to fit");
_Static_assert(CLAIMS_NAME_MAX_BYTES <= UINT8_MAX, "a name's length must fit");

// What is to be copied.
struct source {
    const char *sub, *payload;
    size_t sub_len, payload_len;
    const json_t *read, *write; // arrays of patterns; NULL: no room
};

// --- Checking

static bool is_pattern(const json_t *value)
{
    const char *text = json_string_value(value);
    size_t len = json_string_length(value);
    if (text == NULL || len == 0)
        return false;
    return len - (text[len - 1] == '*') <= CLAIMS_NAME_MAX_BYTES;
}

// Adds the room that the texts take to *bytes.
static bool measure(const json_t *list, size_t *bytes)
{
    if (list == NULL)
        return true;
    if (!json_is_array(list) || json_array_size(list) > CLAIMS_PATTERNS_MAX)
        return false;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *value = json_array_get(list, i);
        if (!is_pattern(value))
            return false;
        *bytes += json_string_length(value);
    }
    return true;
}

// The two lists of the claim. False: it has another form.
static bool read_rooms(const json_t *rooms, struct source *source)
{
    if (!json_is_object(rooms)) {
        source->read = source->write = rooms;
        return json_is_array(rooms);
    }
    source->read = json_object_get(rooms, "read");
    source->write = json_object_get(rooms, "write");
    // A member of another name may be a misspelt limit.
    return json_object_size(rooms) ==
           (size_t)(source->read != NULL) + (size_t)(source->write != NULL);
}

static bool read_sub(const json_t *sub, struct source *source)
{
    if (sub == NULL)
        return true;
    source->sub = json_string_value(sub);
    source->sub_len = json_string_length(sub);
    return source->sub != NULL && source->sub_len <= CLAIMS_SUB_MAX_BYTES;
}

// --- Copying

// Where the next pattern and the next bytes go.
struct cursor {
    struct claims_pattern *pattern;
    char *bytes;
};

static const char *put(struct cursor *cursor, const char *text, size_t len)
{
    const char *begin = cursor->bytes;
    memcpy(cursor->bytes, text, len);
    cursor->bytes += len;
    return begin;
}

static const char *put_text(struct cursor *cursor, const char *text, size_t len)
{
    const char *begin = put(cursor, text, len);
    *cursor->bytes++ = 0;
    return begin;
}

static void put_pattern(struct cursor *cursor, const char *text, size_t len)
{
    bool is_prefix = text[len - 1] == '*';
    size_t name_len = len - is_prefix;
    *cursor->pattern++ = (struct claims_pattern){
        .text = put(cursor, text, name_len),
        .len = (uint8_t)name_len,
        .is_prefix = is_prefix,
    };
}

static struct claims_rooms put_rooms(struct cursor *cursor, const json_t *list)
{
    struct claims_rooms rooms = {cursor->pattern, (unsigned)json_array_size(list)};
    for (size_t i = 0; i < rooms.count; i++) {
        const json_t *value = json_array_get(list, i);
        put_pattern(cursor, json_string_value(value), json_string_length(value));
    }
    return rooms;
}

// Without lists (`limited` false) both get the pattern of all rooms. One list for both is kept
// once.
static enum claims_result build(struct claims **claims, const struct source *source, bool limited)
{
    const json_t *read = source->read, *write = source->write == read ? NULL : source->write;
    size_t bytes = source->sub_len + 1 + source->payload_len + 1;
    if (!measure(read, &bytes) || !measure(write, &bytes))
        return CLAIMS_BAD;
    size_t count = limited ? json_array_size(read) + json_array_size(write) : 1;
    struct claims *made = malloc(sizeof *made + count * sizeof(struct claims_pattern) + bytes);
    if (made == NULL)
        return CLAIMS_NO_MEMORY;
    struct claims_pattern *patterns = (struct claims_pattern *)(made + 1);
    struct cursor cursor = {patterns, (char *)(patterns + count)};
    *made = (struct claims){
        .sub = put_text(&cursor, source->sub, source->sub_len),
        .sub_len = source->sub_len,
        .payload = put_text(&cursor, source->payload, source->payload_len),
        .payload_len = source->payload_len,
    };
    if (limited) {
        made->read = put_rooms(&cursor, read);
        made->write = source->write == read ? made->read : put_rooms(&cursor, write);
    } else {
        put_pattern(&cursor, "*", 1);
        made->read = made->write = (struct claims_rooms){patterns, 1};
    }
    *claims = made;
    return CLAIMS_OK;
}

enum claims_result claims_create(struct claims **claims, const char *payload, size_t len,
                                 const struct json_t *object, uint64_t exp_s)
{
    struct source source = {.sub = "", .payload = payload, .payload_len = len};
    const json_t *rooms = json_object_get(object, "rooms");
    if (!read_sub(json_object_get(object, "sub"), &source) ||
        (rooms != NULL && !read_rooms(rooms, &source)))
        return CLAIMS_BAD;
    enum claims_result result = build(claims, &source, rooms != NULL);
    if (result == CLAIMS_OK)
        (*claims)->exp_s = exp_s;
    return result;
}

enum claims_result claims_from_subject(struct claims **claims, const char *subject, size_t len)
{
    if (len == 0 || len > CLAIMS_SUB_MAX_BYTES || memchr(subject, 0, len) != NULL ||
        !utf8_valid((const uint8_t *)subject, len))
        return CLAIMS_BAD;
    struct source source = {.sub = subject, .sub_len = len, .payload = ""};
    return build(claims, &source, false);
}

void claims_destroy(struct claims *claims)
{
    free(claims);
}

// --- Asking

static bool matches(const struct claims_rooms *rooms, const char *name, size_t len)
{
    for (unsigned i = 0; i < rooms->count; i++) {
        const struct claims_pattern *pattern = &rooms->patterns[i];
        if ((pattern->is_prefix ? len >= pattern->len : len == pattern->len) &&
            memcmp(name, pattern->text, pattern->len) == 0)
            return true;
    }
    return false;
}

bool claims_may_read(const struct claims *claims, const char *name, size_t len)
{
    return matches(&claims->read, name, len);
}

bool claims_may_write(const struct claims *claims, const char *name, size_t len)
{
    return matches(&claims->write, name, len);
}
