// SPDX-License-Identifier: MIT
//
// What this kernel lets us do, tried on rings and sockets of our own.
#include "ring/ring.h"

#include "ring/ring_flags.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#define PIECE_BYTES (96 * 1024)
#define PIECES      16

static int read_sysctl(const char *path)
{
    char text[16] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t len = read(fd, text, sizeof text - 1);
    close(fd);
    return len > 0 ? (int)strtol(text, NULL, 10) : -1;
}

static void explain(int error, char *out, size_t out_bytes)
{
    struct utsname host = {.release = "?"};
    (void)uname(&host);
    int disabled = read_sysctl("/proc/sys/kernel/io_uring_disabled");
    if (error == -ENOSYS)
        snprintf(out, out_bytes,
                 "this kernel (%s) has no io_uring, or a seccomp profile hides it: "
                 "Linux 6.1 or newer is needed",
                 host.release);
    else if (error == -EPERM && disabled > 0)
        snprintf(out, out_bytes,
                 "io_uring is switched off: sysctl kernel.io_uring_disabled is %d; "
                 "set it to 0 (sysctl -w kernel.io_uring_disabled=0)%s",
                 disabled, disabled == 1 ? ", or put this user into kernel.io_uring_group" : "");
    else if (error == -EPERM || error == -EACCES)
        snprintf(out, out_bytes,
                 "io_uring is forbidden, most likely by a container's seccomp profile "
                 "(Docker's default one forbids it): allow io_uring_setup, io_uring_enter and "
                 "io_uring_register, e.g. --security-opt seccomp=PROFILE");
    else if (error == -EINVAL)
        snprintf(out, out_bytes,
                 "this kernel (%s) lacks io_uring features that ringcast needs "
                 "(SINGLE_ISSUER, DEFER_TASKRUN): Linux 6.1 or newer is needed",
                 host.release);
    else if (error == -ENOMEM)
        snprintf(
            out, out_bytes,
            "no memory for an io_uring: raise the locked-memory limit (ulimit -l, LimitMEMLOCK=)");
    else if (error == -EMFILE || error == -ENFILE)
        snprintf(out, out_bytes, "no file descriptor for an io_uring: raise ulimit -n");
    else
        snprintf(out, out_bytes, "io_uring does not work here: %s", strerror(-error));
}

// Reads the byte counts of all completions: those of short sends are all that may come.
static uint64_t reap_bytes(struct io_uring *uring, unsigned *silent)
{
    struct io_uring_cqe *cqe;
    unsigned head, seen = 0;
    uint64_t bytes = 0;
    io_uring_for_each_cqe(uring, head, cqe)
    {
        seen++;
        if (cqe->res > 0)
            bytes += (uint64_t)cqe->res;
        if (cqe->res == PIECE_BYTES)
            *silent = 0; // a whole send that was not silent: the fall-back is safer
    }
    io_uring_cq_advance(uring, seen);
    *silent -= *silent ? seen : 0;
    return bytes;
}

static uint64_t drain_socket(int fd, uint8_t *trash)
{
    uint64_t total = 0;
    ssize_t got;
    while ((got = recv(fd, trash, PIECE_BYTES, MSG_DONTWAIT)) > 0)
        total += (uint64_t)got;
    return total;
}

// Sends into a socket that nobody reads until it is full. The promise holds when the receiver then
// finds exactly the bytes of the silent sends plus what the completions reported.
static bool inline_is_silent(struct io_uring *uring)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
        return false;
    uint8_t *piece = calloc(1, PIECE_BYTES);
    unsigned silent = PIECES;
    uint64_t reported = 0;
    for (unsigned i = 0; piece && i < PIECES; i += 8) {
        for (unsigned k = 0; k < 8; k++) {
            struct io_uring_sqe *sqe = io_uring_get_sqe(uring);
            io_uring_prep_send(sqe, pair[0], piece, PIECE_BYTES,
                               MSG_DONTWAIT | MSG_WAITALL | MSG_NOSIGNAL);
            sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
        }
        (void)io_uring_submit_and_get_events(uring);
        reported += reap_bytes(uring, &silent);
    }
    bool holds = piece && silent > 0 && silent < PIECES &&
                 drain_socket(pair[1], piece) == (uint64_t)silent * PIECE_BYTES + reported;
    free(piece);
    close(pair[0]);
    close(pair[1]);
    return holds;
}

static bool wake_works(struct io_uring *uring)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(uring);
    io_uring_prep_msg_ring(sqe, uring->ring_fd, 0, 1, 0);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    struct io_uring_cqe *cqe;
    if (io_uring_submit_and_wait(uring, 1) < 0 || io_uring_peek_cqe(uring, &cqe))
        return false;
    bool works = cqe->res == 0 && cqe->user_data == 1;
    io_uring_cqe_seen(uring, cqe);
    return works;
}

static bool knows(const struct io_uring_probe *probe, int operation)
{
    return probe && io_uring_opcode_supported(probe, operation);
}

int ring_probe(struct ring_features *features, char *error, size_t error_bytes)
{
    struct io_uring uring;
    struct io_uring_params params = {.flags = RING_SETUP_FLAGS};
    int result = io_uring_queue_init_params(16, &uring, &params);
    if (result) {
        explain(result, error, error_bytes);
        return result;
    }
    struct io_uring_probe *probe = io_uring_get_probe_ring(&uring);
    *features = (struct ring_features){
        .inline_silent = inline_is_silent(&uring),
        .send_zc = knows(probe, IORING_OP_SEND_ZC),
        .msg_ring = knows(probe, IORING_OP_MSG_RING) && wake_works(&uring),
    };
    io_uring_free_probe(probe);
    io_uring_queue_exit(&uring);
    return 0;
}
