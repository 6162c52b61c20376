// SPDX-License-Identifier: MIT
#include "server/listen_spec.h"

#include "ring/sock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ACTIVATED "systemd"
#define BLANKS    " \t"

static bool is_word(const char *text, size_t len, const char *word)
{
    return strlen(word) == len && memcmp(text, word, len) == 0;
}

static int take_word(struct listen_spec *spec, const char *text, size_t len, char *error,
                     size_t error_bytes)
{
    bool *flag = is_word(text, len, "tls")     ? &spec->tls
                 : is_word(text, len, "proxy") ? &spec->proxy
                                               : NULL;
    if (flag && !*flag) {
        *flag = true;
        return 0;
    }
    snprintf(error, error_bytes, "'%.*s' behind %s %s", (int)(len < 40 ? len : 40), text,
             spec->address, flag ? "stands twice" : "is neither tls nor proxy");
    return -EINVAL;
}

static int check_address(struct listen_spec *spec, char *error, size_t error_bytes)
{
    struct sock_address address;
    size_t len = sizeof ACTIVATED - 1;
    if (strncmp(spec->address, ACTIVATED, len) != 0 ||
        (spec->address[len] != ':' && spec->address[len] != 0))
        return sock_parse(spec->address, &address, error, error_bytes);
    spec->activated = true;
    if (spec->address[len] != ':' || spec->address[len + 1])
        return 0;
    snprintf(error, error_bytes, "systemd: needs the name of a socket behind it, as systemd:NAME");
    return -EINVAL;
}

static int parse_item(const char *text, size_t len, struct listen_spec *spec, char *error,
                      size_t error_bytes)
{
    const char *end = text + len;
    bool first = true;
    int result = 0;
    memset(spec, 0, sizeof *spec);
    while (!result) {
        text += strspn(text, BLANKS);
        size_t word = text < end ? strcspn(text, BLANKS ",") : 0;
        if (word == 0)
            break;
        if (first && word >= sizeof spec->address) {
            snprintf(error, error_bytes, "'%.40s...' is too long for an address", text);
            return -EINVAL;
        }
        if (first)
            memcpy(spec->address, text, word);
        result = first ? check_address(spec, error, error_bytes)
                       : take_word(spec, text, word, error, error_bytes);
        first = false;
        text += word;
    }
    return first ? check_address(spec, error, error_bytes) : result; // an empty item is no address
}

int listen_specs_parse(const char *text, struct listen_spec *specs, unsigned max, char *error,
                       size_t error_bytes)
{
    unsigned count = 0;
    for (;;) {
        struct listen_spec spec;
        size_t len = strcspn(text, ",");
        if (parse_item(text, len, &spec, error, error_bytes))
            return -EINVAL;
        if (count == max) {
            snprintf(error, error_bytes, "has more than %u addresses", max);
            return -EINVAL;
        }
        specs[count++] = spec;
        if (!text[len])
            return (int)count;
        text += len + 1;
    }
}

int listen_spec_format(const struct listen_spec *spec, char *out, size_t out_bytes)
{
    return snprintf(out, out_bytes, "%s%s%s", spec->address, spec->tls ? " tls" : "",
                    spec->proxy ? " proxy" : "");
}

const char *listen_spec_socket_name(const struct listen_spec *spec)
{
    const char *colon = strchr(spec->address, ':');
    return spec->activated && colon ? colon + 1 : NULL;
}
