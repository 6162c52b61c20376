// SPDX-License-Identifier: MIT
//
// ring.h over liburing. Written against liburing 2.3 (Debian 12): what is newer is defined here.
#include "ring/ring.h"

#include "base/counter.h"
#include "ring/ring_flags.h"

#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RECV_GROUP 0

struct ring {
    struct io_uring uring;
    struct ring_features features;
    struct io_uring_buf_ring *recv_ring;
    uint8_t *recv_memory;
    uint32_t recv_buffers, recv_buffer_bytes;
    int recv_returned; // buffers added behind the ring's tail, not yet published
    bool unsubmitted;  // the last ring_enter could not submit everything
    uint64_t event_value;
    counter overflows;
};

static size_t recv_ring_bytes(const struct ring *ring)
{
    return ring->recv_buffers * sizeof(struct io_uring_buf);
}

static void *map_pages(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static int setup_recv_buffers(struct ring *ring)
{
    ring->recv_ring = map_pages(recv_ring_bytes(ring));
    ring->recv_memory = map_pages((size_t)ring->recv_buffers * ring->recv_buffer_bytes);
    if (!ring->recv_ring || !ring->recv_memory)
        return -ENOMEM;
    struct io_uring_buf_reg reg = {
        .ring_addr = (uint64_t)(uintptr_t)ring->recv_ring,
        .ring_entries = ring->recv_buffers,
        .bgid = RECV_GROUP,
    };
    int error = io_uring_register_buf_ring(&ring->uring, &reg, 0);
    if (error)
        return error;
    io_uring_buf_ring_init(ring->recv_ring);
    for (uint32_t id = 0; id < ring->recv_buffers; id++)
        ring_buffer_return(ring, (uint16_t)id);
    return 0;
}

int ring_create(struct ring **out, const struct ring_options *options)
{
    struct ring *ring = calloc(1, sizeof *ring);
    if (!ring)
        return -ENOMEM;
    ring->features = options->features;
    ring->recv_buffers = options->recv_buffers;
    ring->recv_buffer_bytes = options->recv_buffer_bytes;
    struct io_uring_params params = {.flags = RING_SETUP_FLAGS | IORING_SETUP_CQSIZE,
                                     .cq_entries = options->cq_entries};
    int error = io_uring_queue_init_params(options->sq_entries, &ring->uring, &params);
    if (error) {
        free(ring);
        return error;
    }
    // Saves a descriptor look-up per io_uring_enter; without it everything works the same.
    (void)io_uring_register_ring_fd(&ring->uring);
    error = io_uring_register_files_sparse(&ring->uring, options->files);
    if (!error)
        error = setup_recv_buffers(ring);
    if (error) {
        ring_destroy(ring);
        return error;
    }
    *out = ring;
    return 0;
}

void ring_destroy(struct ring *ring)
{
    io_uring_queue_exit(&ring->uring);
    if (ring->recv_ring)
        munmap(ring->recv_ring, recv_ring_bytes(ring));
    if (ring->recv_memory)
        munmap(ring->recv_memory, (size_t)ring->recv_buffers * ring->recv_buffer_bytes);
    free(ring);
}

int ring_fd(const struct ring *ring)
{
    return ring->uring.ring_fd;
}

int ring_register_memory(struct ring *ring, void *memory, size_t bytes, int clone_fd)
{
    if (clone_fd >= 0) {
        struct ring_clone_buffers clone = {.src_fd = (uint32_t)clone_fd};
        if (syscall(__NR_io_uring_register, ring->uring.ring_fd, RING_REGISTER_CLONE_BUFFERS,
                    &clone, 1) == 0)
            return 0;
    }
    struct iovec iov = {memory, bytes};
    return io_uring_register_buffers(&ring->uring, &iov, 1);
}

// Before every submission: a receive that is armed again must find what was returned.
static void publish_recv_buffers(struct ring *ring)
{
    if (ring->recv_returned) {
        io_uring_buf_ring_advance(ring->recv_ring, ring->recv_returned);
        ring->recv_returned = 0;
    }
}

// Never fails: a full queue is submitted on the spot. What is submitted early completes early,
// which the callers allow for; nothing here uses links, which this would break.
static struct io_uring_sqe *take_sqe(struct ring *ring)
{
    struct io_uring_sqe *sqe;
    while (!(sqe = io_uring_get_sqe(&ring->uring))) {
        publish_recv_buffers(ring);
        int error = io_uring_submit(&ring->uring);
        CHECK(error >= 0 || error == -EBUSY || error == -EAGAIN || error == -EINTR);
    }
    return sqe;
}

static void finish(struct io_uring_sqe *sqe, uint64_t user_data, unsigned flags)
{
    io_uring_sqe_set_data64(sqe, user_data);
    sqe->flags |= (uint8_t)flags;
}

bool ring_listener_has(int listen_fd)
{
    struct pollfd poll_fd = {.fd = listen_fd, .events = POLLIN};
    return poll(&poll_fd, 1, 0) == 1 && poll_fd.revents & POLLIN;
}

void ring_listener_end(int listen_fd)
{
    (void)shutdown(listen_fd, SHUT_RDWR); // not to listen is all we want
}

void ring_accept(struct ring *ring, int listen_fd, struct ring_peer *peer, uint64_t user_data)
{
    struct io_uring_sqe *sqe = take_sqe(ring);
    peer->len = sizeof peer->bytes;
    io_uring_prep_accept(sqe, listen_fd, (void *)peer->bytes, &peer->len, 0);
    sqe->file_index = IORING_FILE_INDEX_ALLOC;
    finish(sqe, user_data, 0);
}

void ring_recv(struct ring *ring, uint32_t file, uint64_t user_data)
{
    struct io_uring_sqe *sqe = take_sqe(ring);
    io_uring_prep_recv_multishot(sqe, (int)file, NULL, 0, 0);
    sqe->buf_group = RECV_GROUP;
    finish(sqe, user_data, IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT);
}

void ring_recv_once(struct ring *ring, uint32_t file, uint64_t user_data)
{
    struct io_uring_sqe *sqe = take_sqe(ring);
    io_uring_prep_recv(sqe, (int)file, NULL, 0, 0);
    sqe->buf_group = RECV_GROUP;
    finish(sqe, user_data, IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT);
}

void ring_send_inline(struct ring *ring, uint32_t file, const void *bytes, uint32_t len,
                      uint64_t user_data)
{
    struct io_uring_sqe *sqe = take_sqe(ring);
    // Without MSG_WAITALL a short send counts as a success and, with skipped CQEs, loses bytes in
    // silence.
    io_uring_prep_send(sqe, (int)file, bytes, len, MSG_DONTWAIT | MSG_WAITALL | MSG_NOSIGNAL);
    finish(sqe, user_data,
           IOSQE_FIXED_FILE | (ring->features.inline_silent ? IOSQE_CQE_SKIP_SUCCESS : 0));
}

void ring_send(struct ring *ring, uint32_t file, const void *bytes, uint32_t len,
               uint64_t user_data)
{
    struct io_uring_sqe *sqe = take_sqe(ring);
    io_uring_prep_send(sqe, (int)file, bytes, len, MSG_WAITALL | MSG_NOSIGNAL);
    finish(sqe, user_data, IOSQE_FIXED_FILE);
}

void ring_sendmsg(struct ring *ring, uint32_t file, const struct msghdr *message,
                  uint64_t user_data)
{
    struct io_uring_sqe *sqe = take_sqe(ring);
    io_uring_prep_sendmsg(sqe, (int)file, message, MSG_WAITALL | MSG_NOSIGNAL);
    finish(sqe, user_data, IOSQE_FIXED_FILE);
}

void ring_send_zc(struct ring *ring, uint32_t file, const void *bytes, uint32_t len,
                  uint64_t user_data)
{
    struct io_uring_sqe *sqe = take_sqe(ring);
    io_uring_prep_send_zc_fixed(sqe, (int)file, bytes, len, MSG_WAITALL | MSG_NOSIGNAL, 0, 0);
    finish(sqe, user_data, IOSQE_FIXED_FILE);
}

void ring_adopt(struct ring *ring, int *fd, uint64_t user_data)
{
    struct io_uring_sqe *sqe = take_sqe(ring);
    io_uring_prep_files_update(sqe, fd, 1, 0);
    sqe->off = IORING_FILE_INDEX_ALLOC;
    finish(sqe, user_data, 0);
}

void ring_socket(struct ring *ring, int domain, uint64_t user_data)
{
    struct io_uring_sqe *sqe = take_sqe(ring);
    io_uring_prep_socket_direct_alloc(sqe, domain, SOCK_STREAM, 0, 0);
    finish(sqe, user_data, 0);
}

void ring_connect(struct ring *ring, uint32_t file, const struct sockaddr *address,
                  uint32_t address_bytes, uint64_t user_data)
{
    struct io_uring_sqe *sqe = take_sqe(ring);
    io_uring_prep_connect(sqe, (int)file, address, address_bytes);
    finish(sqe, user_data, IOSQE_FIXED_FILE);
}

void ring_bind(struct ring *ring, uint32_t file, const struct sockaddr *address,
               uint32_t address_bytes, uint64_t user_data)
{
    struct io_uring_sqe *sqe = take_sqe(ring);
    io_uring_prep_rw(RING_OP_BIND, sqe, (int)file, address, 0, address_bytes);
    finish(sqe, user_data, IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS);
}

// The kernel's layout of the command (struct io_uring_sqe since 6.7): level and optname lie over
// addr, optlen over file_index, optval over addr3.
static void set_option(struct ring *ring, uint32_t file, int level, int name, const void *value,
                       uint32_t value_bytes, uint64_t user_data)
{
    struct io_uring_sqe *sqe = take_sqe(ring);
    io_uring_prep_rw(IORING_OP_URING_CMD, sqe, (int)file, NULL, 0, RING_SOCKET_OP_SETSOCKOPT);
    sqe->addr = (uint32_t)level | (uint64_t)(uint32_t)name << 32;
    sqe->file_index = value_bytes;
    sqe->addr3 = (uint64_t)(uintptr_t)value;
    finish(sqe, user_data, IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS);
}

void ring_set_option(struct ring *ring, uint32_t file, int level, int name, const int *value,
                     uint64_t user_data)
{
    set_option(ring, file, level, name, value, sizeof *value, user_data);
}

void ring_reset(struct ring *ring, uint32_t file, uint64_t user_data)
{
    static const struct linger reset = {.l_onoff = 1};
    set_option(ring, file, SOL_SOCKET, SO_LINGER, &reset, sizeof reset, user_data);
}

void ring_cancel(struct ring *ring, uint64_t target_user_data, uint64_t user_data)
{
    struct io_uring_sqe *sqe = take_sqe(ring);
    io_uring_prep_cancel64(sqe, target_user_data, 0);
    finish(sqe, user_data, 0);
}

void ring_shutdown(struct ring *ring, uint32_t file, uint64_t user_data)
{
    struct io_uring_sqe *sqe = take_sqe(ring);
    io_uring_prep_shutdown(sqe, (int)file, SHUT_WR);
    finish(sqe, user_data, IOSQE_FIXED_FILE);
}

void ring_close(struct ring *ring, uint32_t file, uint64_t user_data)
{
    struct io_uring_sqe *sqe = take_sqe(ring);
    io_uring_prep_close_direct(sqe, file);
    finish(sqe, user_data, 0);
}

void ring_wake(struct ring *ring, int peer_ring_fd, uint64_t user_data)
{
    struct io_uring_sqe *sqe = take_sqe(ring);
    io_uring_prep_msg_ring(sqe, peer_ring_fd, 0, user_data, 0);
    // A failed wake is told to us under the same user data.
    finish(sqe, user_data, IOSQE_CQE_SKIP_SUCCESS);
}

void ring_read_event(struct ring *ring, int event_fd, uint64_t user_data)
{
    struct io_uring_sqe *sqe = take_sqe(ring);
    io_uring_prep_read(sqe, event_fd, &ring->event_value, sizeof ring->event_value, 0);
    finish(sqe, user_data, 0);
}

// Errors of io_uring_enter after which the next call may succeed: a signal, a passed deadline,
// completions that have to be reaped first, or memory that was short for a moment.
static bool transient(int error)
{
    return error == -EINTR || error == -ETIME || error == -EBUSY || error == -EAGAIN ||
           error == -ENOMEM;
}

int ring_enter_ns(struct ring *ring, uint32_t completions, uint64_t wait_ns)
{
    publish_recv_buffers(ring);
    int result;
    if (wait_ns == 0) {
        // Task work runs only inside io_uring_enter with GETEVENTS (DEFER_TASKRUN).
        result = io_uring_submit_and_get_events(&ring->uring);
    } else {
        struct io_uring_cqe *cqe;
        struct __kernel_timespec limit = {.tv_sec = (long long)(wait_ns / 1000000000),
                                          .tv_nsec = (long long)(wait_ns % 1000000000)};
        result = io_uring_submit_and_wait_timeout(&ring->uring, &cqe, completions,
                                                  wait_ns == UINT64_MAX ? NULL : &limit, NULL);
    }
    ring->unsubmitted = io_uring_sq_ready(&ring->uring) > 0;
    return result >= 0 || transient(result) ? 0 : result;
}

int ring_enter(struct ring *ring, int wait_ms)
{
    return ring_enter_ns(ring, 1, wait_ms < 0 ? UINT64_MAX : (uint64_t)wait_ms * 1000000);
}

static uint32_t copy_completions(struct ring *ring, struct ring_completion *out, uint32_t max)
{
    struct io_uring_cqe *cqe;
    unsigned head;
    uint32_t count = 0;
    io_uring_for_each_cqe(&ring->uring, head, cqe)
    {
        if (count == max)
            break;
        out[count++] = (struct ring_completion){
            .user_data = cqe->user_data, .result = cqe->res, .flags = cqe->flags};
    }
    io_uring_cq_advance(&ring->uring, count);
    return count;
}

uint32_t ring_reap(struct ring *ring, struct ring_completion *out, uint32_t max)
{
    uint32_t count = copy_completions(ring, out, max);
    while (count < max) {
        // Callers free the memory of inline sends once nothing is left to reap, so what was queued
        // must have been submitted and what overflowed must have been seen. No more than that: with
        // what is queued and returned between two calls the kernel could go on without an end.
        if (io_uring_cq_has_overflow(&ring->uring)) {
            counter_add(&ring->overflows, 1);
            (void)io_uring_get_events(&ring->uring);
        } else if (ring->unsubmitted) {
            int error = io_uring_submit_and_get_events(&ring->uring);
            CHECK(error >= 0 || transient(error));
            ring->unsubmitted = io_uring_sq_ready(&ring->uring) > 0;
        } else if (!io_uring_cq_ready(&ring->uring)) {
            break;
        }
        count += copy_completions(ring, out + count, max - count);
    }
    return count;
}

uint64_t ring_overflow_count(const struct ring *ring)
{
    return counter_read(&ring->overflows);
}

uint8_t *ring_buffer(struct ring *ring, uint16_t id)
{
    CHECK_HOT(id < ring->recv_buffers);
    return ring->recv_memory + (size_t)id * ring->recv_buffer_bytes;
}

void ring_buffer_return(struct ring *ring, uint16_t id)
{
    io_uring_buf_ring_add(ring->recv_ring, ring_buffer(ring, id), ring->recv_buffer_bytes, id,
                          io_uring_buf_ring_mask(ring->recv_buffers), ring->recv_returned++);
}
