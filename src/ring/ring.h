// SPDX-License-Identifier: MIT
//
// The kernel boundary: the operations a shard asks of io_uring, and their completions. The ring
// knows files, buffers and user data; it knows nothing about connections. This header is the seam
// at which tests/sim replaces the kernel (tests/sim/fake_ring.c), so everything above it can be
// driven by a seed.
//
// Thread: a ring belongs to the thread that created it (IORING_SETUP_SINGLE_ISSUER). Only ring_fd
// may be read by others.
//
// A `file` is an index into the ring's own table of direct descriptors; it is chosen by the kernel
// at accept and is the connection's slot everywhere above.
#pragma once

#include "base/check.h"
#include "base/ip.h"

struct msghdr;
struct ring;
struct sockaddr;

struct ring_completion {
    uint64_t user_data;
    int32_t result; // bytes, a file index, or -errno
    uint32_t flags; // RING_*; buffer id in the upper 16 bits when RING_BUFFER is set
};

#define RING_BUFFER 0x1U // a provided buffer was used: ring_completion_buffer
#define RING_MORE   0x2U // the operation is still armed: the single truth about that
#define RING_NOTIF  0x8U // a zero-copy send's memory is free again

static inline uint16_t ring_completion_buffer(const struct ring_completion *c)
{
    return (uint16_t)(c->flags >> 16);
}

// What the running kernel does, found out by ring_probe rather than by its version.
struct ring_features {
    bool inline_silent; // whole inline sends complete without a CQE, short ones post their byte
                        // count
    bool send_zc;       // IORING_OP_SEND_ZC from registered buffers
    bool msg_ring;      // IORING_OP_MSG_RING to a DEFER_TASKRUN ring
};

// Tries everything on rings and socket pairs of its own. Returns 0, or -errno with a sentence in
// `error` that names the cause and the remedy.
MUST_USE int ring_probe(struct ring_features *features, char *error, size_t error_bytes);

struct ring_options {
    uint32_t sq_entries;        // power of two; when full the ring submits by itself
    uint32_t cq_entries;        // power of two
    uint32_t files;             // size of the table of direct descriptors
    uint32_t recv_buffers;      // power of two, at most 32768
    uint32_t recv_buffer_bytes; // size of each
    struct ring_features features;
};

// Returns 0 or -errno. The ring is bound to the calling thread.
MUST_USE int ring_create(struct ring **ring, const struct ring_options *options);
void ring_destroy(struct ring *ring);

// For ring_wake and ring_register_memory of other rings; valid until ring_destroy. Thread: any.
int ring_fd(const struct ring *ring);

// Registers memory for ring_send_zc: cloned from another ring of this process when clone_fd >= 0
// and the kernel can, else anew. Returns 0 or -errno (-ENOMEM: RLIMIT_MEMLOCK).
MUST_USE int ring_register_memory(struct ring *ring, void *memory, size_t bytes, int clone_fd);

// --- Operations
//
// They are queued and go to the kernel with the next ring_enter, or earlier when the submission
// queue is full. None of them fails: what goes wrong is told by a completion.

// Who connected: the kernel's form of the address.
struct ring_peer {
    uint8_t bytes[28]; // struct sockaddr_in or sockaddr_in6
    uint32_t len;
};

// Accepts one connection; the result is its file, -ENFILE when the table is full. `peer` must stay
// until the completion. A multishot accept would save the submission, but cannot say who connected;
// several of these armed at once keep up with a storm as well.
void ring_accept(struct ring *ring, int listen_fd, struct ring_peer *peer, uint64_t user_data);

// The address and port; zero when it was not IP.
void ring_peer_read(const struct ring_peer *peer, struct ip *address, uint16_t *port);

// A connection waits to be accepted. A system call.
bool ring_listener_has(int listen_fd);

// Not to listen any more: who comes from now on is refused, who still waits is reset. A system
// call.
void ring_listener_end(int listen_fd);

// Multishot into provided buffers. Result 0: end of stream. -ENOBUFS: buffers ran out, arm again.
void ring_recv(struct ring *ring, uint32_t file, uint64_t user_data);

// The same for one buffer: a multishot receive may take all there are before the next one is asked.
void ring_recv_once(struct ring *ring, uint32_t file, uint64_t user_data);

// Sends now or not at all: completes within the submission, in silence when every byte is in the
// socket; else with the count of bytes that are, or -EAGAIN. The memory must stay until the
// submission's completions have been reaped. At most one a file per submission, none while
// ring_send* is in flight.
void ring_send_inline(struct ring *ring, uint32_t file, const void *bytes, uint32_t len,
                      uint64_t user_data);

// Completes when every byte is in the socket, or with an error or the count of a cut-off send.
// The memory (and the msghdr, and what it points at) must stay until then.
void ring_send(struct ring *ring, uint32_t file, const void *bytes, uint32_t len,
               uint64_t user_data);
void ring_sendmsg(struct ring *ring, uint32_t file, const struct msghdr *message,
                  uint64_t user_data);

// Zero-copy from registered memory: a completion as of ring_send, which has RING_MORE when a second
// one with RING_NOTIF follows; the memory must stay until that.
void ring_send_zc(struct ring *ring, uint32_t file, const void *bytes, uint32_t len,
                  uint64_t user_data);

// Takes a descriptor of the process into the table. The result is 1, and *fd is the file then; or
// -errno. `fd` must stay until the completion; the descriptor stays the caller's to close.
void ring_adopt(struct ring *ring, int *fd, uint64_t user_data);

// Client's side, for the load tool: opens a socket into the ring's table (result: the file),
// connects it (address must stay until completion).
void ring_socket(struct ring *ring, int domain, uint64_t user_data);
void ring_connect(struct ring *ring, uint32_t file, const struct sockaddr *address,
                  uint32_t address_bytes, uint64_t user_data);

// The same for the steps before the connect. Silent when they succeed, told by a completion when
// not (ring_bind before Linux 6.11: -EINVAL). `address` and `value` must stay until the submission.
void ring_bind(struct ring *ring, uint32_t file, const struct sockaddr *address,
               uint32_t address_bytes, uint64_t user_data);
void ring_set_option(struct ring *ring, uint32_t file, int level, int name, const int *value,
                     uint64_t user_data);

// Asks the operation with this user data to end; its own completion tells how. Result: 0, -ENOENT,
// -EALREADY.
void ring_cancel(struct ring *ring, uint64_t target_user_data, uint64_t user_data);

// Half-closes for writing: the peer sees the end of the stream behind all bytes sent.
void ring_shutdown(struct ring *ring, uint32_t file, uint64_t user_data);

// The close that comes next resets the connection and drops what is unsent, instead of trying to
// send it. Silent; told by a completion before Linux 6.7, and then the close is an ordinary one.
void ring_reset(struct ring *ring, uint32_t file, uint64_t user_data);

// Frees the file's place in the table.
void ring_close(struct ring *ring, uint32_t file, uint64_t user_data);

// Posts a completion with this user data (result 0) into another ring and wakes its thread. Silent
// here, unless it fails: then a completion with this user data comes to this ring.
void ring_wake(struct ring *ring, int peer_ring_fd, uint64_t user_data);

// Reads an eventfd once; the value is dropped.
void ring_read_event(struct ring *ring, int event_fd, uint64_t user_data);

// --- The tick's two ends

#define RING_WAIT_FOREVER (-1)

// Submits what is queued and waits for at least one completion, at most `wait_ms` (0: not at all).
// Returns 0; or -errno when the ring is broken for good.
MUST_USE int ring_enter(struct ring *ring, int wait_ms);

// The same for `completions` of them, and with a deadline finer than a millisecond, for load that
// is due at a given time. UINT64_MAX waits for ever.
MUST_USE int ring_enter_ns(struct ring *ring, uint32_t completions, uint64_t wait_ns);

// Moves up to `max` completions out. Fewer than `max` means that no completion is left, not even in
// the kernel's overflow list, and that everything queued before the last ring_enter has been
// submitted. What is queued and which buffers are returned meanwhile is the next ring_enter's
// business (or a full submission queue's), so a loop over ring_reap ends whatever peers send.
uint32_t ring_reap(struct ring *ring, struct ring_completion *out, uint32_t max);

// How often the completion queue overflowed (nothing is lost, but it is slow). Thread: any.
uint64_t ring_overflow_count(const struct ring *ring);

// --- Provided receive buffers

// The bytes of a completion that has RING_BUFFER. The buffer is the caller's until it is returned.
uint8_t *ring_buffer(struct ring *ring, uint16_t id);

// Gives the buffer back; the kernel sees it at the next ring_enter.
void ring_buffer_return(struct ring *ring, uint16_t id);
