// SPDX-License-Identifier: MIT
//
// Private to src/ring: what Debian 12's liburing 2.3 does not define yet, and the set-up flags that
// the probe and the real ring share.
#pragma once

#include <liburing.h>
#include <stdint.h>

#define RING_SETUP_FLAGS                                                                           \
    (IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL)

// Linux 6.12: share another ring's registered buffers.
#define RING_REGISTER_CLONE_BUFFERS 30

struct ring_clone_buffers {
    uint32_t src_fd, flags, src_off, dst_off, count, pad[3];
};

// Linux 6.11: bind(2) on a direct descriptor.
#define RING_OP_BIND 56

// Linux 6.7: setsockopt(2) on a direct descriptor, by IORING_OP_URING_CMD.
#define RING_SOCKET_OP_SETSOCKOPT 3
