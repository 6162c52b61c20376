// SPDX-License-Identifier: MIT
#include "server/addresses.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int add(struct addresses *addresses, const struct listen_spec *spec, int fd, char *error,
               size_t error_bytes)
{
    if (addresses->count == RINGCAST_LISTENERS_MAX) {
        snprintf(error, error_bytes, "more than %d addresses with those of systemd",
                 RINGCAST_LISTENERS_MAX);
        return -EINVAL;
    }
    struct listen_spec *kept = &addresses->specs[addresses->count];
    *kept = *spec;
    addresses->listeners[addresses->count++] = (struct ringcast_listener){
        .address = fd < 0 ? kept->address : NULL, .fd = fd, .tls = spec->tls, .proxy = spec->proxy};
    return 0;
}

static int add_activated(struct addresses *addresses, const struct listen_spec *spec,
                         const struct activation *activation, char *error, size_t error_bytes)
{
    unsigned index = 0, before = addresses->count;
    const char *name = listen_spec_socket_name(spec);
    int fd;
    while ((fd = activation_next(activation, name, &index)) >= 0) {
        int result = add(addresses, spec, fd, error, error_bytes);
        if (result)
            return result;
    }
    if (addresses->count > before)
        return 0;
    snprintf(error, error_bytes,
             "systemd passed no socket%s%s: start ringcast by its socket unit, or listen on an "
             "address",
             name ? " named " : "", name ? name : "");
    return -EINVAL;
}

int addresses_read(struct addresses *addresses, const char *list,
                   const struct activation *activation, char *error, size_t error_bytes)
{
    struct listen_spec specs[RINGCAST_LISTENERS_MAX];
    memset(addresses, 0, sizeof *addresses);
    int count = listen_specs_parse(list, specs, RINGCAST_LISTENERS_MAX, error, error_bytes);
    int result = count < 0 ? count : 0;
    for (int i = 0; !result && i < count; i++)
        result = specs[i].activated
                     ? add_activated(addresses, &specs[i], activation, error, error_bytes)
                     : add(addresses, &specs[i], -1, error, error_bytes);
    return result;
}

bool addresses_have_tls(const char *list)
{
    struct listen_spec specs[RINGCAST_LISTENERS_MAX];
    char error[256];
    int count = listen_specs_parse(list, specs, RINGCAST_LISTENERS_MAX, error, sizeof error);
    for (int i = 0; i < count; i++)
        if (specs[i].tls)
            return true;
    return false;
}

static bool is_of_this_machine(const char *text)
{
    static const char *const begins[] = {"127.", "[::1]", "[::ffff:127.", "unix:"};
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
        if (strncmp(text, begins[i], strlen(begins[i])) == 0)
            return true;
    return false;
}

bool addresses_find_open(const struct addresses *addresses, const struct ringcast *rc,
                         char text[RINGCAST_ADDRESS_BYTES])
{
    for (unsigned i = 0; i < addresses->count; i++)
        if (!addresses->specs[i].tls && !addresses->specs[i].proxy &&
            ringcast_local_address(rc, i, text, RINGCAST_ADDRESS_BYTES) == 0 &&
            !is_of_this_machine(text))
            return true;
    return false;
}

void addresses_format(const struct addresses *addresses, const struct ringcast *rc, char *out,
                      size_t out_bytes)
{
    size_t used = 0;
    *out = 0;
    for (unsigned i = 0; i < addresses->count && used < out_bytes; i++) {
        char text[96] = "";
        const struct listen_spec *spec = &addresses->specs[i];
        (void)ringcast_local_address(rc, i, text, sizeof text);
        used += (size_t)snprintf(out + used, out_bytes - used, "%s%s%s%s%s", i ? ", " : "", text,
                                 spec->tls ? " tls" : "", spec->proxy ? " proxy" : "",
                                 spec->activated ? " (systemd)" : "");
    }
}
