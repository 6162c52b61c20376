// SPDX-License-Identifier: MIT
//
// The floor of a fan-out: what a send costs when there is no server around it. One ring sends the
// same bytes to all of its sockets, inline and without a completion, and begins the next round when
// everybody has the last one: the closed loop with one message outstanding. A second process reads
// everything and counts. The server's CPU per delivery over this figure, both taken in one run of
// bench/suite, is what the server adds to the kernel's work.
//
//   bench_floor [SOCKETS [BYTES [SECONDS [READER]]]]     default 1000 102 3 epoll
//
// READER epoll: epoll_wait and recv. ring: multishot receives, set up as the load tool's are, and
// nothing done with what they bring: the floor of the load tool. Prints one line of JSON.
//
// The sender is pinned to CPU 0 and the reader to CPU 1, where there is one.
#include "base/check.h"
#include "base/clock.h"
#include "ring/ring.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SOCKETS_MAX 60000
#define TRASH_BYTES (256 * 1024)
#define EVENTS      512
#define QUEUE       1024
#define BYTES_MAX   (64 << 20)
#define STALL_NS    UINT64_C(10000000000) // a reader that takes nothing for so long is stuck

// As in load/worker.c.
#define READER_BUFFERS      512
#define READER_BUFFER_BYTES (16 * 1024 + 192)
#define READER_BATCH        256
#define GATHER_SHARE        32
#define GATHER_NS           UINT64_C(250000)

// What the reader tells of itself, once a round.
struct shared {
    _Atomic uint64_t cpu_ns, receives;
};

struct floor {
    struct ring *ring;
    uint32_t *files;
    uint8_t *message;
    uint32_t count, bytes;
    int listener, rounds_pipe[2]; // the reader writes a byte for each whole round
    pid_t reader;
    bool ring_reader;
    struct shared *shared;
    uint64_t short_sends;
    uint32_t under_way; // ordinary sends of what inline ones have left
};

static void stay_on(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    (void)sched_setaffinity(0, sizeof set, &set);
}

static int give_up(const char *what)
{
    fprintf(stderr, "bench_floor: %s: %s\n", what, strerror(errno));
    return 1;
}

// --- The reader's process

// Takes what has arrived into account, and lets the sender begin its next round.
static void count_bytes(const struct floor *floor, uint64_t receives, uint64_t bytes)
{
    static uint64_t got;
    uint64_t round_bytes = (uint64_t)floor->count * floor->bytes;
    floor->shared->receives += receives;
    for (got += bytes; got >= round_bytes; got -= round_bytes) {
        floor->shared->cpu_ns = clock_thread_cpu_ns();
        if (write(floor->rounds_pipe[1], "", 1) != 1)
            _exit(0);
    }
}

static void read_ready(const struct floor *floor, int events_fd, uint8_t *trash)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(events_fd, events, EVENTS, -1);
    uint64_t receives = 0, bytes = 0;
    for (int i = 0; i < count; i++) {
        ssize_t len = recv(events[i].data.fd, trash, TRASH_BYTES, MSG_DONTWAIT);
        if (len == 0)
            _exit(0);
        if (len > 0)
            receives++, bytes += (uint64_t)len;
    }
    count_bytes(floor, receives, bytes);
}

static void run_epoll_reader(const struct floor *floor, const struct sockaddr_in *address)
{
    static uint8_t trash[TRASH_BYTES];
    int events_fd = epoll_create1(EPOLL_CLOEXEC);
    for (uint32_t i = 0; i < floor->count; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof *address) ||
            epoll_ctl(events_fd, EPOLL_CTL_ADD, fd, &event))
            _exit(1);
    }
    for (;;)
        read_ready(floor, events_fd, trash);
}

// The result of the only operation that is under way.
static int32_t await(struct ring *ring)
{
    struct ring_completion completion;
    while (ring_reap(ring, &completion, 1) == 0)
        if (ring_enter(ring, RING_WAIT_FOREVER))
            _exit(1);
    return completion.result;
}

static struct ring *connect_ring(const struct floor *floor, const struct sockaddr_in *address)
{
    static const int zero = 0;
    struct ring *ring;
    struct ring_options options = {.sq_entries = QUEUE,
                                   .cq_entries = 8 * QUEUE,
                                   .files = floor->count,
                                   .recv_buffers = READER_BUFFERS,
                                   .recv_buffer_bytes = READER_BUFFER_BYTES};
    char error[256];
    if (ring_probe(&options.features, error, sizeof error) || ring_create(&ring, &options))
        _exit(1);
    for (uint32_t i = 0; i < floor->count; i++) {
        ring_socket(ring, AF_INET, 0);
        int32_t file = await(ring);
        if (file < 0)
            _exit(1);
        ring_connect(ring, (uint32_t)file, (const struct sockaddr *)address, sizeof *address, 0);
        if (await(ring))
            _exit(1);
        ring_set_option(ring, (uint32_t)file, IPPROTO_TCP, TCP_QUICKACK, &zero, 0);
        ring_recv(ring, (uint32_t)file, (uint64_t)file);
    }
    return ring;
}

static void run_ring_reader(const struct floor *floor, const struct sockaddr_in *address)
{
    struct ring *ring = connect_ring(floor, address);
    struct ring_completion batch[READER_BATCH];
    uint32_t worth = floor->count / GATHER_SHARE;
    while (!ring_enter_ns(ring, worth ? worth : 1, GATHER_NS)) {
        uint64_t receives = 0, bytes = 0;
        for (uint32_t count = READER_BATCH; count == READER_BATCH;) {
            count = ring_reap(ring, batch, READER_BATCH);
            for (uint32_t i = 0; i < count; i++) {
                if (batch[i].result == 0)
                    _exit(0);
                if (batch[i].flags & RING_BUFFER) {
                    receives++, bytes += (uint64_t)batch[i].result;
                    ring_buffer_return(ring, ring_completion_buffer(&batch[i]));
                }
                if (!(batch[i].flags & RING_MORE))
                    ring_recv(ring, (uint32_t)batch[i].user_data, batch[i].user_data);
            }
        }
        count_bytes(floor, receives, bytes);
    }
    _exit(1);
}

// --- The sender

static int start_reader(struct floor *floor)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t address_bytes = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    floor->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (floor->listener < 0 || bind(floor->listener, (struct sockaddr *)&address, sizeof address) ||
        listen(floor->listener, SOMAXCONN) || pipe(floor->rounds_pipe) ||
        getsockname(floor->listener, (struct sockaddr *)&address, &address_bytes))
        return -1;
    floor->reader = fork();
    if (floor->reader < 0)
        return -1;
    if (floor->reader == 0) {
        stay_on(1);
        if (floor->ring_reader)
            run_ring_reader(floor, &address);
        run_epoll_reader(floor, &address);
    }
    close(floor->rounds_pipe[1]);
    stay_on(0);
    return 0;
}

static int open_ring(struct floor *floor)
{
    struct ring_options options = {
        .sq_entries = QUEUE,
        .cq_entries = 8 * QUEUE,
        .files = floor->count,
        .recv_buffers = 1,
        .recv_buffer_bytes = 4096,
    };
    char error[256];
    int result = ring_probe(&options.features, error, sizeof error);
    if (!result)
        result = ring_create(&floor->ring, &options);
    errno = -result;
    return result ? -1 : 0;
}

static int accept_all(struct floor *floor)
{
    static const int yes = 1;
    struct ring_completion completions[64];
    struct ring_peer peer;
    ring_accept(floor->ring, floor->listener, &peer, 0);
    for (uint32_t have = 0; have < floor->count;) {
        if (ring_enter(floor->ring, 2000))
            return -1;
        uint32_t count = ring_reap(floor->ring, completions, 64);
        for (uint32_t i = 0; i < count && have < floor->count; i++) {
            errno = -completions[i].result;
            if (completions[i].result < 0)
                return -1;
            floor->files[have] = (uint32_t)completions[i].result;
            ring_set_option(floor->ring, floor->files[have++], IPPROTO_TCP, TCP_NODELAY, &yes, 0);
            if (have < floor->count)
                ring_accept(floor->ring, floor->listener, &peer, 0);
        }
        if (!count)
            return -1;
    }
    return 0;
}

#define REST (UINT64_C(1) << 63) // in a send's tag: an ordinary send of what an inline one left

// What a completion belongs to: the socket's place, and how many bytes it had before this send.
static uint64_t tag(uint32_t index, uint32_t sent)
{
    return (uint64_t)sent << 32 | index;
}

// Counts a completion, and has an ordinary send take what the socket has not got.
static int complete(struct floor *floor, const struct ring_completion *completion)
{
    uint32_t index = (uint32_t)completion->user_data;
    uint32_t sent = (uint32_t)((completion->user_data & ~REST) >> 32);
    if (completion->user_data & REST)
        floor->under_way--;
    else
        floor->short_sends++; // whole ones are silent
    if (completion->result < 0 && completion->result != -EAGAIN) {
        errno = -completion->result;
        return -1;
    }
    sent += completion->result > 0 ? (uint32_t)completion->result : 0;
    if (sent < floor->bytes) {
        floor->under_way++;
        ring_send(floor->ring, floor->files[index], floor->message + sent, floor->bytes - sent,
                  tag(index, sent) | REST);
    }
    return 0;
}

// Until every byte is in the sockets: what is left out would be waited for in vain.
static int send_round(struct floor *floor)
{
    struct ring_completion completions[64];
    for (uint32_t i = 0; i < floor->count; i++)
        ring_send_inline(floor->ring, floor->files[i], floor->message, floor->bytes, tag(i, 0));
    if (ring_enter(floor->ring, 0))
        return -1;
    for (uint64_t limit_ns = clock_monotonic_ns() + STALL_NS;;) {
        uint32_t count = ring_reap(floor->ring, completions, 64);
        for (uint32_t i = 0; i < count; i++)
            if (complete(floor, &completions[i]))
                return -1;
        if (!count && !floor->under_way)
            return 0;
        errno = ETIMEDOUT;
        if (!count && (ring_enter(floor->ring, 1000) || clock_monotonic_ns() > limit_ns))
            return -1;
    }
}

// The reader has the round. Without it this fails at once: nobody else can write into the pipe.
static int await_reader(const struct floor *floor)
{
    char token;
    ssize_t len = read(floor->rounds_pipe[0], &token, 1);
    if (len == 0)
        errno = EPIPE;
    return len == 1 ? 0 : -1;
}

static int measure(struct floor *floor, double seconds)
{
    uint64_t rounds = 0, begun_ns = clock_monotonic_ns(), cpu_ns = clock_thread_cpu_ns();
    uint64_t limit_ns = begun_ns + (uint64_t)(seconds * 1e9), reader_ns = 0, receives = 0;
    for (; clock_monotonic_ns() < limit_ns; rounds++) {
        if (send_round(floor) || await_reader(floor))
            return -1;
        if (rounds == 0) // what it took to connect is left out
            reader_ns = floor->shared->cpu_ns, receives = floor->shared->receives;
    }
    cpu_ns = clock_thread_cpu_ns() - cpu_ns;
    reader_ns = floor->shared->cpu_ns - reader_ns;
    receives = floor->shared->receives - receives;
    double sends = (double)rounds * floor->count;
    double elapsed_s = (double)(clock_monotonic_ns() - begun_ns) / 1e9;
    printf("{\"sockets\": %u, \"bytes\": %u, \"cpu_ns_per_send\": %.1f, \"sends_per_s\": %.0f, "
           "\"short_sends\": %llu, \"reader\": \"%s\", \"cpu_ns_per_receive\": %.1f}\n",
           floor->count, floor->bytes, (double)cpu_ns / sends, sends / elapsed_s,
           (unsigned long long)floor->short_sends, floor->ring_reader ? "ring" : "epoll",
           receives ? (double)reader_ns / (double)receives : 0);
    return 0;
}

int main(int argc, char **argv)
{
    static struct floor floor;
    struct rlimit limit;
    floor.count = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1000;
    floor.bytes = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 102;
    double seconds = argc > 3 ? strtod(argv[3], NULL) : 3;
    const char *reader = argc > 4 ? argv[4] : "epoll";
    floor.ring_reader = strcmp(reader, "ring") == 0;
    if (!floor.count || floor.count > SOCKETS_MAX || !floor.bytes || floor.bytes > BYTES_MAX ||
        !(seconds > 0) || (!floor.ring_reader && strcmp(reader, "epoll") != 0)) {
        fprintf(stderr, "bench_floor [SOCKETS [BYTES [SECONDS [epoll|ring]]]]\n");
        return 2;
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    floor.files = calloc(floor.count, sizeof *floor.files);
    floor.message = calloc(1, floor.bytes);
    floor.shared =
        mmap(NULL, sizeof *floor.shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (!floor.files || !floor.message || floor.shared == MAP_FAILED)
        return give_up("memory");
    int code = start_reader(&floor) ? give_up("sockets") : 0;
    if (!code)
        code = open_ring(&floor) ? give_up("io_uring") : 0;
    if (!code)
        code = accept_all(&floor) ? give_up("accept") : 0;
    if (!code)
        code = measure(&floor, seconds) ? give_up("a round") : 0;
    if (floor.reader > 0) {
        kill(floor.reader, SIGKILL);
        waitpid(floor.reader, NULL, 0);
    }
    return code;
}
