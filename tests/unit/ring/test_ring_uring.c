// SPDX-License-Identifier: MIT
//
// What ring.h promises, asked of the real kernel: above all that no byte is lost in silence.
#include "ring/ring.h"

#include "ring/sock.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#define FILES 16

struct pair {
    struct ring *ring;
    int listener, client;
    uint32_t file; // the client's other end
};

static struct ring_features probed(void)
{
    struct ring_features features;
    char error[256];
    cr_assert(ring_probe(&features, error, sizeof error) == 0, "%s", error);
    return features;
}

static struct ring *new_ring_of(uint32_t sq_entries, uint32_t cq_entries)
{
    struct ring *ring;
    struct ring_options options = {.sq_entries = sq_entries,
                                   .cq_entries = cq_entries,
                                   .files = FILES,
                                   .recv_buffers = 8,
                                   .recv_buffer_bytes = 256,
                                   .features = probed()};
    cr_assert(ring_create(&ring, &options) == 0);
    return ring;
}

static struct ring *new_ring(void)
{
    return new_ring_of(64, 256);
}

// The next completion, within two seconds.
static struct ring_completion next(struct ring *ring)
{
    struct ring_completion c;
    for (int i = 0; i < 200; i++) {
        if (ring_reap(ring, &c, 1) == 1)
            return c;
        cr_assert(ring_enter(ring, 10) == 0);
    }
    cr_assert(false, "no completion came");
    return c;
}

static int client_of(int listener)
{
    struct sock_address address;
    cr_assert(sock_local(listener, &address) == 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(connect(fd, (const void *)&address.storage, address.bytes) == 0);
    return fd;
}

static struct pair new_pair_on(struct ring *ring)
{
    struct sock_address address;
    char error[160];
    struct pair p = {.ring = ring};
    cr_assert(sock_parse("127.0.0.1:0", &address, error, sizeof error) == 0);
    p.listener = sock_listen(&address, 16);
    cr_assert(p.listener >= 0);
    struct ring_peer peer;
    ring_accept(p.ring, p.listener, &peer, 1);
    p.client = client_of(p.listener);
    struct ring_completion c = next(p.ring);
    cr_assert(c.user_data == 1 && c.result >= 0 && !(c.flags & RING_MORE));
    p.file = (uint32_t)c.result;
    struct ip from;
    uint16_t port;
    char text[IP_TEXT_BYTES];
    ring_peer_read(&peer, &from, &port);
    cr_assert_str_eq(ip_format(from, text), "127.0.0.1");
    cr_assert(sock_local(p.client, &address) == 0);
    cr_assert_eq(port, ntohs(((struct sockaddr_in *)(void *)&address.storage)->sin_port));
    return p;
}

static struct pair new_pair(void)
{
    return new_pair_on(new_ring());
}

static void free_pair(struct pair *p)
{
    ring_destroy(p->ring);
    close(p->listener);
    close(p->client);
}

static size_t read_all(int fd)
{
    static char trash[1 << 16];
    size_t total = 0;
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    while (poll(&poll_fd, 1, 100) == 1) {
        ssize_t got = recv(fd, trash, sizeof trash, MSG_DONTWAIT);
        if (got <= 0)
            break;
        total += (size_t)got;
    }
    return total;
}

Test(ring_uring, inline_sends_lose_nothing_in_silence)
{
    struct pair p = new_pair();
    size_t piece = 1 << 20, reported = 0, silent = 64;
    char *bytes = calloc(1, piece);
    for (uint64_t i = 0; i < 64; i++) {
        struct ring_completion c;
        ring_send_inline(p.ring, p.file, bytes, (uint32_t)piece, 100 + i);
        cr_assert(ring_enter(p.ring, 0) == 0);
        while (ring_reap(p.ring, &c, 1) == 1) {
            cr_assert(c.user_data == 100 + i);
            cr_assert(c.result == -EAGAIN || (c.result > 0 && (size_t)c.result < piece));
            reported += c.result > 0 ? (size_t)c.result : 0;
            silent--;
        }
    }
    cr_assert(silent > 0 && silent < 64);
    cr_assert(read_all(p.client) == silent * piece + reported);
    free(bytes);
    free_pair(&p);
}

Test(ring_uring, receive_is_multishot_and_buffers_come_back)
{
    struct pair p = new_pair();
    ring_recv(p.ring, p.file, 7);
    cr_assert(ring_enter(p.ring, 0) == 0);
    // Many more times than there are buffers.
    for (int i = 0; i < 100; i++) {
        cr_assert(send(p.client, &i, sizeof i, 0) == sizeof i);
        struct ring_completion c = next(p.ring);
        cr_assert(c.user_data == 7 && c.result == sizeof i && (c.flags & RING_MORE));
        uint16_t id = ring_completion_buffer(&c);
        cr_assert(memcmp(ring_buffer(p.ring, id), &i, sizeof i) == 0);
        ring_buffer_return(p.ring, id);
    }
    free_pair(&p);
}

Test(ring_uring, receive_ends_without_buffers_and_can_be_armed_again)
{
    struct pair p = new_pair();
    char bytes[256 * 10];
    memset(bytes, 'x', sizeof bytes);
    ring_recv(p.ring, p.file, 7);
    cr_assert(ring_enter(p.ring, 0) == 0);
    cr_assert(send(p.client, bytes, sizeof bytes, 0) == sizeof bytes);
    size_t got = 0;
    uint16_t ids[8];
    int held = 0;
    struct ring_completion c;
    for (;;) {
        c = next(p.ring);
        if (c.result < 0)
            break;
        got += (size_t)c.result;
        ids[held++] = ring_completion_buffer(&c);
    }
    cr_assert(c.result == -ENOBUFS && !(c.flags & RING_MORE) && held == 8);
    while (held)
        ring_buffer_return(p.ring, ids[--held]);
    ring_recv(p.ring, p.file, 8);
    while (got < sizeof bytes) {
        c = next(p.ring);
        cr_assert(c.user_data == 8 && c.result > 0);
        got += (size_t)c.result;
        ring_buffer_return(p.ring, ring_completion_buffer(&c));
    }
    free_pair(&p);
}

Test(ring_uring, receives_one_buffer_when_asked_for_one)
{
    struct pair p = new_pair();
    char bytes[256 * 3];
    memset(bytes, 'x', sizeof bytes);
    cr_assert(send(p.client, bytes, sizeof bytes, 0) == sizeof bytes);
    for (int i = 0; i < 3; i++) {
        ring_recv_once(p.ring, p.file, 7);
        struct ring_completion c = next(p.ring);
        cr_assert(c.result == 256 && (c.flags & RING_BUFFER) && !(c.flags & RING_MORE));
        ring_buffer_return(p.ring, ring_completion_buffer(&c));
    }
    ring_recv_once(p.ring, p.file, 8);
    cr_assert_eq(shutdown(p.client, SHUT_WR), 0);
    struct ring_completion c = next(p.ring);
    cr_assert(c.user_data == 8 && c.result == 0);
    free_pair(&p);
}

// Otherwise one tick would go on for as long as peers send.
Test(ring_uring, reaping_ends_though_receives_are_armed_again)
{
    struct pair p = new_pair();
    char bytes[256 * 64];
    memset(bytes, 'x', sizeof bytes);
    cr_assert(send(p.client, bytes, sizeof bytes, 0) == sizeof bytes);
    ring_recv(p.ring, p.file, 7);
    cr_assert(ring_enter(p.ring, 1000) == 0);
    unsigned received = 0;
    struct ring_completion c;
    while (ring_reap(p.ring, &c, 1) == 1) {
        if (c.flags & RING_BUFFER) {
            received++;
            ring_buffer_return(p.ring, ring_completion_buffer(&c));
        }
        if (!(c.flags & RING_MORE))
            ring_recv(p.ring, p.file, 7);
    }
    cr_assert_eq(received, 8, "%u of 8 buffers", received);
    cr_assert(next(p.ring).result == 256);
    free_pair(&p);
}

Test(ring_uring, cancel_close_and_reuse_of_a_file)
{
    struct pair p = new_pair();
    ring_recv(p.ring, p.file, 7);
    ring_cancel(p.ring, 7, 8);
    bool cancelled = false, ended = false;
    while (!cancelled || !ended) {
        struct ring_completion c = next(p.ring);
        cancelled |= c.user_data == 8;
        ended |= c.user_data == 7 && c.result == -ECANCELED && !(c.flags & RING_MORE);
    }
    ring_close(p.ring, p.file, 9);
    struct ring_completion c = next(p.ring);
    cr_assert(c.user_data == 9 && c.result == 0);
    char byte;
    cr_assert(recv(p.client, &byte, 1, 0) == 0, "the peer must see the end of the stream");
    free_pair(&p);
}

Test(ring_uring, zero_copy_tells_when_the_memory_is_free)
{
    struct pair p = new_pair();
    size_t bytes = 1 << 16;
    void *memory = aligned_alloc(4096, bytes);
    memset(memory, 'z', bytes);
    if (!probed().send_zc || ring_register_memory(p.ring, memory, bytes, -1)) {
        free_pair(&p);
        cr_skip_test("no zero-copy, or too little lockable memory");
    }
    ring_send_zc(p.ring, p.file, memory, (uint32_t)bytes, 5);
    bool sent = false, free_again = false;
    cr_assert(ring_enter(p.ring, 0) == 0);
    size_t received = read_all(p.client);
    while (!sent || !free_again) {
        struct ring_completion c = next(p.ring);
        cr_assert(c.user_data == 5);
        if (c.flags & RING_NOTIF) {
            free_again = true;
        } else {
            cr_assert(c.result == (int)bytes && (c.flags & RING_MORE));
            sent = true;
        }
    }
    cr_assert(received + read_all(p.client) == bytes);
    ring_destroy(p.ring);
    free(memory);
    close(p.listener);
    close(p.client);
}

// A peer that reads nothing holds the memory of a zero-copy send for as long as it answers probes.
Test(ring_uring, a_reset_frees_zero_copy_memory_at_once)
{
    struct pair p = new_pair();
    size_t bytes = 8 << 20;
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert(memory != MAP_FAILED);
    if (!probed().send_zc || ring_register_memory(p.ring, memory, bytes, -1)) {
        free_pair(&p);
        cr_skip_test("no zero-copy, or too little lockable memory");
    }
    ring_send_zc(p.ring, p.file, memory, (uint32_t)bytes, 5);
    ring_cancel(p.ring, 5, 6);
    struct ring_completion c;
    bool sent = false, cancelled = false;
    while (!sent || !cancelled) {
        c = next(p.ring);
        cr_assert(!(c.flags & RING_NOTIF));
        sent |= c.user_data == 5;
        cancelled |= c.user_data == 6;
    }
    ring_reset(p.ring, p.file, 7);
    ring_close(p.ring, p.file, 8);
    bool closed = false, free_again = false, refused = false;
    while (!closed || (!free_again && !refused)) {
        c = next(p.ring);
        refused |= c.user_data == 7; // before Linux 6.7
        closed |= c.user_data == 8;
        free_again |= c.user_data == 5 && (c.flags & RING_NOTIF);
    }
    ssize_t got;
    while ((got = recv(p.client, memory, bytes, 0)) > 0 || (got < 0 && errno == EINTR))
        ;
    cr_assert(refused || (got < 0 && errno == ECONNRESET));
    free_pair(&p);
    munmap(memory, bytes);
}

// --- Queues that are full

#define MANY 200

// Each of them fails, and has to be told once.
static void cancel_many(struct ring *ring)
{
    for (uint64_t i = 0; i < MANY; i++)
        ring_cancel(ring, 1000000, 100 + i);
}

static void expect_many(struct ring *ring, uint32_t batch)
{
    struct ring_completion c[MANY + 1];
    bool seen[MANY] = {false};
    uint32_t count, total = 0;
    cr_assert(ring_enter(ring, 0) == 0);
    do {
        count = ring_reap(ring, c, batch);
        for (uint32_t i = 0; i < count; i++, total++) {
            uint64_t n = c[i].user_data - 100;
            cr_assert(n < MANY && !seen[n] && c[i].result == -ENOENT);
            seen[n] = true;
        }
    } while (count == batch);
    cr_assert_eq(total, MANY);
}

Test(ring_uring, a_full_submission_queue_is_submitted)
{
    struct ring *ring = new_ring_of(4, 256);
    cancel_many(ring);
    expect_many(ring, MANY + 1);
    cr_assert_eq(ring_overflow_count(ring), 0);
    cancel_many(ring);
    expect_many(ring, 7);
    ring_destroy(ring);
}

Test(ring_uring, completions_that_overflow_are_not_lost)
{
    static const uint32_t batches[] = {1, 7, 8, 16, MANY};
    struct ring *ring = new_ring_of(4, 8);
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
        uint64_t before = ring_overflow_count(ring);
        cancel_many(ring);
        expect_many(ring, batches[i]);
        cr_assert_gt(ring_overflow_count(ring), before);
    }
    ring_destroy(ring);
}

// What falls short of an inline send must be known even then.
Test(ring_uring, inline_sends_that_overflow_are_told)
{
    struct pair p = new_pair_on(new_ring_of(4, 8));
    size_t piece = 1 << 18, reported = 0, silent = MANY;
    char *bytes = calloc(1, piece);
    struct ring_completion c;
    for (uint64_t i = 0; i < MANY; i++)
        ring_send_inline(p.ring, p.file, bytes, (uint32_t)piece, 100 + i);
    cr_assert(ring_enter(p.ring, 0) == 0);
    while (ring_reap(p.ring, &c, 1) == 1) {
        reported += c.result > 0 ? (size_t)c.result : 0;
        silent--;
    }
    cr_assert_gt(ring_overflow_count(p.ring), 0);
    cr_assert(silent > 0 && silent < MANY);
    cr_assert(read_all(p.client) == silent * piece + reported);
    free(bytes);
    free_pair(&p);
}

// --- Sends that do not come to their end

#define LARGE_BYTES (16U << 20)

// What the send told is what the peer gets, and it was not all.
static void cut_off(struct pair *p)
{
    bool ended = false, cancelled = false;
    int32_t sent = 0;
    cr_assert(ring_enter(p->ring, 0) == 0);
    ring_cancel(p->ring, 5, 6);
    while (!ended || !cancelled) {
        struct ring_completion c = next(p->ring);
        if (c.user_data == 5)
            ended = true, sent = c.result;
        else
            cancelled = true;
    }
    cr_assert(sent > 0 && sent < (int32_t)LARGE_BYTES, "%d", sent);
    cr_assert_eq(read_all(p->client), (size_t)sent);
    // The file goes on.
    ring_send(p->ring, p->file, "x", 1, 7);
    cr_assert_eq(next(p->ring).result, 1);
    free_pair(p);
}

Test(ring_uring, a_cancelled_send_tells_how_far_it_came)
{
    struct pair p = new_pair();
    char *bytes = calloc(1, LARGE_BYTES);
    ring_send(p.ring, p.file, bytes, LARGE_BYTES, 5);
    cut_off(&p);
    free(bytes);
}

Test(ring_uring, a_cancelled_sendmsg_tells_how_far_it_came)
{
    struct pair p = new_pair();
    char *bytes = calloc(1, LARGE_BYTES);
    struct iovec pieces[] = {{bytes, 1000}, {bytes + 1000, LARGE_BYTES - 1000}};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
    ring_sendmsg(p.ring, p.file, &message, 5);
    cut_off(&p);
    free(bytes);
}

Test(ring_uring, a_send_to_who_has_reset_fails)
{
    struct pair p = new_pair();
    char *bytes = calloc(1, LARGE_BYTES);
    struct linger reset = {.l_onoff = 1};
    ring_send(p.ring, p.file, bytes, LARGE_BYTES, 5);
    cr_assert(ring_enter(p.ring, 0) == 0);
    cr_assert_eq(setsockopt(p.client, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
    close(p.client);
    struct ring_completion c = next(p.ring);
    cr_assert(c.user_data == 5 && c.result < (int32_t)LARGE_BYTES);
    ring_send(p.ring, p.file, "x", 1, 6);
    c = next(p.ring);
    cr_assert(c.user_data == 6 && (c.result == -EPIPE || c.result == -ECONNRESET));
    p.client = -1;
    free_pair(&p);
    free(bytes);
}

Test(ring_uring, wakes_another_ring)
{
    struct ring *from = new_ring(), *to = new_ring();
    ring_wake(from, ring_fd(to), 42);
    cr_assert(ring_enter(from, 0) == 0);
    struct ring_completion c = next(to);
    cr_assert(c.user_data == 42 && c.result == 0);
    cr_assert(ring_reap(from, &c, 1) == 0, "a wake that worked is silent");
    ring_destroy(from);
    ring_destroy(to);
}

Test(ring_uring, wakes_on_an_eventfd_and_on_time)
{
    struct ring *ring = new_ring();
    int fd = eventfd(0, EFD_CLOEXEC);
    uint64_t one = 1;
    ring_read_event(ring, fd, 3);
    cr_assert(ring_enter(ring, 1) == 0, "a deadline is no error");
    cr_assert(write(fd, &one, sizeof one) == sizeof one);
    struct ring_completion c = next(ring);
    cr_assert(c.user_data == 3 && c.result == sizeof one);
    ring_destroy(ring);
    close(fd);
}

Test(ring_uring, adopts_a_descriptor_of_the_process)
{
    struct ring *ring = new_ring();
    int pair[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    int fd = pair[0];
    ring_adopt(ring, &fd, 5);
    struct ring_completion c = next(ring);
    cr_assert(c.user_data == 5 && c.result == 1, "%d", c.result);
    close(pair[0]); // the ring's table holds it
    ring_send(ring, (uint32_t)fd, "x", 1, 6);
    c = next(ring);
    cr_assert(c.user_data == 6 && c.result == 1);
    char got;
    cr_assert_eq(read(pair[1], &got, 1), 1);
    cr_assert_eq(got, 'x');
    ring_close(ring, (uint32_t)fd, 7);
    cr_assert_eq(next(ring).result, 0);
    cr_assert_eq(read(pair[1], &got, 1), 0, "closed");
    fd = -1;
    ring_adopt(ring, &fd, 8);
    cr_assert_lt(next(ring).result, 0);
    close(pair[1]);
    ring_destroy(ring);
}

Test(ring_uring, a_listener_says_whether_somebody_waits_and_ends)
{
    struct sock_address address;
    char error[160];
    cr_assert(sock_parse("127.0.0.1:0", &address, error, sizeof error) == 0);
    int listener = sock_listen(&address, 16);
    cr_assert(!ring_listener_has(listener));
    int client = client_of(listener);
    cr_assert(ring_listener_has(listener));
    close(accept(listener, NULL, NULL));
    cr_assert(!ring_listener_has(listener));
    cr_assert(sock_local(listener, &address) == 0);
    ring_listener_end(listener);
    cr_assert(!ring_listener_has(listener));
    int refused = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert(connect(refused, (const void *)&address.storage, address.bytes) == -1);
    close(refused);
    close(client);
    close(listener);
}
