// SPDX-License-Identifier: MIT
//
// ring/ring.h without a kernel: sockets are byte queues in memory, and everything that a kernel may
// do sooner or later, whole or in part, is decided by a seed. It is stricter than a kernel: what
// ring.h forbids is a CHECK here, and memory is read as late as it may be.
//
// One world at a time; all of its rings and clients live in one thread.
#pragma once

#include "base/rand.h"
#include "ring/ring.h"

// All in percent.
struct fake_knobs {
    uint32_t attempt;     // that an operation which could go on does so when it is looked at
    uint32_t short_send;  // that a send finds less room than there is
    uint32_t tiny_recv;   // that a receive brings very few bytes
    uint32_t late_notif;  // that zero-copy memory is held until the peer has read or has gone
    uint32_t no_reset;    // that a close cannot be told to reset
    uint32_t drop_more;   // that a multishot operation ends though nothing is wrong
    uint32_t eager_recv;  // that a receive is tried at its submission, as Linux does
    uint32_t late_submit; // that an enter fails for a moment and the reap submits
    uint32_t busy_reap;   // that more completes while completions are reaped
    uint32_t cancel_late; // that a cancel comes too late: the operation completes as it would have
    uint32_t lost_wake;   // that another ring cannot be woken
    uint32_t random_file; // that an accept takes any free place instead of the lowest
    uint32_t max_files;   // the table is full above this many, whatever ring_create was told
};

struct fake_socket;

// `yield` is called by ring_enter and returns when the ring's shard may go on; wait_ms as there.
void fake_world_begin(struct rand *rand, const struct fake_knobs *knobs,
                      void (*yield)(struct ring *ring, int wait_ms));
// All rings must have been destroyed.
void fake_world_end(void);

// Lets the kernel work. Returns true when something happened.
bool fake_ring_progress(struct ring *ring);
bool fake_ring_could_progress(struct ring *ring);
bool fake_ring_has_completions(const struct ring *ring);

// --- The other side: clients

// In the queue of this listener until the ring accepts it. A `smooth` one never sees a short send
// while there is room.
struct fake_socket *fake_connect(int listen_fd, uint32_t buffer_bytes, bool smooth, struct ip from);

// A connection that another server has accepted, and this process's descriptor of it, for
// ring_adopt. Descriptors are used again; the ticket is not.
struct fake_socket *fake_connect_elsewhere(uint32_t buffer_bytes, bool smooth, int *fd,
                                           uint32_t *ticket);

// The server has closed that descriptor without adopting it. Nothing when it has.
void fake_refuse_elsewhere(uint32_t ticket);

// Both return how many bytes were taken.
size_t fake_client_write(struct fake_socket *socket, const uint8_t *bytes, size_t len);
size_t fake_client_read(struct fake_socket *socket, uint8_t *bytes, size_t max);
size_t fake_client_readable(const struct fake_socket *socket);
bool fake_client_writable(const struct fake_socket *socket);
// The server has ended its stream (or reset it) and all of it has been read.
bool fake_client_eof(const struct fake_socket *socket);
void fake_client_shutdown(struct fake_socket *socket);
// Ends the client's side; the socket must not be used any more.
void fake_client_close(struct fake_socket *socket);
void fake_client_reset(struct fake_socket *socket);
