// SPDX-License-Identifier: MIT
//
// The floor of a fan-out: what a send costs when there is no server around it. One ring sends the
// same bytes to all of its sockets, inline and without a completion, and begins the next round when
// everybody has the last one: the closed loop with one message outstanding. A second process reads
// everything and counts. The server's CPU per delivery over this figure, both taken in one run of
// bench/suite, is what the server adds to the kernel's work.
//
//   bench_floor [SOCKETS [BYTES [SECONDS]]]     default 1000 102 3; prints one line of JSON
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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SOCKETS_MAX 60000
#define TRASH_BYTES (256 * 1024)
#define EVENTS      512
#define QUEUE       1024

struct floor {
    struct ring *ring;
    uint32_t *files;
    uint8_t *message;
    uint32_t count, bytes;
    int listener, rounds_pipe[2]; // the reader writes a byte for each whole round
    pid_t reader;
    uint64_t short_sends;
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

static uint64_t thread_cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

// --- The reader's process

static void read_ready(int events_fd, uint8_t *trash, uint64_t *got)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(events_fd, events, EVENTS, -1);
    for (int i = 0; i < count; i++) {
        ssize_t len = recv(events[i].data.fd, trash, TRASH_BYTES, MSG_DONTWAIT);
        if (len == 0)
            _exit(0);
        if (len > 0)
            *got += (uint64_t)len;
    }
}

static void run_reader(const struct floor *floor, const struct sockaddr_in *address)
{
    static uint8_t trash[TRASH_BYTES];
    uint64_t got = 0, round_bytes = (uint64_t)floor->count * floor->bytes;
    int events_fd = epoll_create1(EPOLL_CLOEXEC);
    stay_on(1);
    for (uint32_t i = 0; i < floor->count; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof *address) ||
            epoll_ctl(events_fd, EPOLL_CTL_ADD, fd, &event))
            _exit(1);
    }
    for (;;) {
        read_ready(events_fd, trash, &got);
        for (; got >= round_bytes; got -= round_bytes)
            if (write(floor->rounds_pipe[1], "", 1) != 1)
                _exit(0);
    }
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
    if (floor->reader == 0)
        run_reader(floor, &address);
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

static int send_round(struct floor *floor)
{
    struct ring_completion completions[64];
    for (uint32_t i = 0; i < floor->count; i++)
        ring_send_inline(floor->ring, floor->files[i], floor->message, floor->bytes, 1);
    if (ring_enter(floor->ring, 0))
        return -1;
    for (uint32_t count = 64; count == 64;) {
        count = ring_reap(floor->ring, completions, 64);
        floor->short_sends += count; // whole ones are silent
    }
    return 0;
}

static int measure(struct floor *floor, double seconds)
{
    uint64_t rounds = 0, begun_ns = clock_monotonic_ns(), cpu_ns = thread_cpu_ns();
    uint64_t limit_ns = begun_ns + (uint64_t)(seconds * 1e9);
    for (char token; clock_monotonic_ns() < limit_ns; rounds++)
        if (send_round(floor) || read(floor->rounds_pipe[0], &token, 1) != 1)
            return -1;
    cpu_ns = thread_cpu_ns() - cpu_ns;
    double sends = (double)rounds * floor->count;
    double elapsed_s = (double)(clock_monotonic_ns() - begun_ns) / 1e9;
    printf("{\"sockets\": %u, \"bytes\": %u, \"cpu_ns_per_send\": %.1f, \"sends_per_s\": %.0f, "
           "\"short_sends\": %llu}\n",
           floor->count, floor->bytes, (double)cpu_ns / sends, sends / elapsed_s,
           (unsigned long long)floor->short_sends);
    return 0;
}

int main(int argc, char **argv)
{
    static struct floor floor;
    struct rlimit limit;
    floor.count = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1000;
    floor.bytes = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 102;
    double seconds = argc > 3 ? strtod(argv[3], NULL) : 3;
    if (!floor.count || floor.count > SOCKETS_MAX || !floor.bytes || !(seconds > 0)) {
        fprintf(stderr, "bench_floor [SOCKETS [BYTES [SECONDS]]]\n");
        return 2;
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    floor.files = calloc(floor.count, sizeof *floor.files);
    floor.message = calloc(1, floor.bytes);
    if (!floor.files || !floor.message)
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
