// SPDX-License-Identifier: MIT
//
// A small program that is linked with the installed library, in C and in C++.
#include <ringcast/ringcast.h>

#include <stdio.h>
#include <string.h>

static int fail(const char *what, const char *error)
{
    fprintf(stderr, "%s: %s\n", what, error);
    return 1;
}

int main(void)
{
    char error[256] = "", address[RINGCAST_ADDRESS_BYTES];
    struct ringcast *rc = NULL;
    struct ringcast_options options;
    struct ringcast_listener listener;
    memset(&listener, 0, sizeof listener);
    listener.address = "127.0.0.1:0";
    ringcast_options_init(&options, sizeof options);
    options.listeners = &listener;
    options.listener_count = 1;
    options.threads = 1;
    options.max_connections = 16;
    options.recv_buffers = 16;
    options.send_memory_bytes = 65536;
    if (ringcast_create(&rc, &options, error, sizeof error))
        return fail("create", error);
    if (ringcast_start(rc, error, sizeof error))
        return fail("start", error);
    if (ringcast_local_address(rc, 0, address, sizeof address))
        return fail("local_address", "has none");
    if (ringcast_broadcast_text(rc, "hello", 5))
        return fail("broadcast_text", "not taken");
    ringcast_destroy(rc);
    printf("%s %s\n", RINGCAST_VERSION, address);
    return 0;
}
