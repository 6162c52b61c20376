// SPDX-License-Identifier: MIT
//
// Sockets that another server has accepted and upgraded.
#include "embed/embed.h"

#include "codec/jwt.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

// The address of its other end; false: it has none, since it is not connected.
static bool read_peer(int fd, struct inbox_adopt *adopt)
{
    struct ring_peer peer = {.len = sizeof peer.bytes};
    if (getpeername(fd, (struct sockaddr *)(void *)peer.bytes, &peer.len))
        return false;
    ring_peer_read(&peer, &adopt->address, &adopt->port);
    return true;
}

static int read_claims(const char *text, struct claims **claims)
{
    switch (jwt_read_payload(text, strlen(text), claims)) {
    case JWT_OK:
        return 0;
    case JWT_NO_MEMORY:
        return -ENOMEM;
    default:
        return -EINVAL;
    }
}

static int fill(struct inbox_adopt *adopt, int fd, const struct ringcast_registration *registration)
{
    static const struct ringcast_decision nothing;
    const struct ringcast_decision *decision =
        registration->decision ? registration->decision : &nothing;
    if (decision->status || embed_decide(decision, &adopt->decision) || !read_peer(fd, adopt))
        return -EINVAL;
    adopt->early_bytes = registration->early_bytes;
    return registration->claims ? read_claims(registration->claims, &adopt->claims) : 0;
}

static bool is_stream(int fd)
{
    int type = 0;
    socklen_t len = sizeof type;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM;
}

static int make_command(struct inbox_command **command, int fd,
                        const struct ringcast_registration *registration)
{
    struct inbox_adopt *adopt = calloc(1, sizeof *adopt);
    if (!adopt)
        return -ENOMEM;
    adopt->fd = -1; // still the caller's
    int result = fill(adopt, fd, registration);
    *command = result ? NULL
                      : inbox_command_create(INBOX_ADOPT, 0, NULL, 0, registration->early,
                                             registration->early_bytes);
    if (*command) {
        (*command)->adopt = adopt;
        return 0;
    }
    claims_destroy(adopt->claims);
    free(adopt);
    return result ? result : -ENOMEM;
}

// Round and round, as the kernel spreads what it accepts; a full inbox is passed over.
static int post_somewhere(struct ringcast *rc, struct inbox_command *command)
{
    int result = -EAGAIN;
    for (uint16_t tried = 0; result && tried < rc->group.count; tried++) {
        // Relaxed: any shard will do.
        unsigned turn = atomic_fetch_add_explicit(&rc->next_registered, 1, memory_order_relaxed);
        result = inbox_post(rc->group.shards[turn % rc->group.count], command);
    }
    return result;
}

int ringcast_register(struct ringcast *rc, int fd, const struct ringcast_registration *registration)
{
    static const struct ringcast_registration nothing;
    static const int one = 1;
    struct inbox_command *command;
    if (!registration)
        registration = &nothing;
    if (!is_stream(fd) || registration->early_bytes > rc->options.inbox_bytes)
        return -EINVAL;
    int result = make_command(&command, fd, registration);
    if (result)
        return result;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); // no harm where it is not TCP
    command->adopt->fd = fd;
    result = post_somewhere(rc, command);
    if (result) {
        command->adopt->fd = -1;
        inbox_command_destroy(command);
    }
    return result;
}
