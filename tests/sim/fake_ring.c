// SPDX-License-Identifier: MIT
#include "sim/fake_ring.h"

#include "base/hash.h"
#include "base/poison.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define RINGS_MAX   64
#define FD_BASE     100000
#define PENDING_MAX 256
#define NO_FILE     UINT32_MAX

struct fifo {
    uint8_t *bytes;
    size_t head, count, allocated, limit;
};

struct fake_socket {
    struct fifo to_client, to_server;
    int listen_fd;
    struct ip from;
    bool smooth;
    bool client_fin, client_gone, client_reset; // client_gone: its end is closed
    bool server_fin, server_closed;
    bool reset_at_close;
    uint32_t notifs; // zero-copy sends that are not let go of
};

enum kind {
    K_ACCEPT,
    K_ADOPT,
    K_RECV,
    K_INLINE,
    K_SEND,
    K_SENDMSG,
    K_SEND_ZC,
    K_NOTIF,
    K_CANCEL,
    K_SHUTDOWN,
    K_RESET,
    K_CLOSE,
    K_WAKE,
    K_EVENT
};

struct op {
    enum kind kind;
    uint64_t user_data, target; // target: of a cancel
    uint32_t file;
    int fd;
    struct ring_peer *peer;
    int *adopted;
    const uint8_t *bytes;
    const struct msghdr *message;
    uint32_t len, done;
    uint64_t sum;               // of a zero-copy send's bytes at submission
    int32_t result;             // of an operation that has been executed and is only to be told
    struct fake_socket *socket; // of a notification
    bool withheld;
    bool once;      // a receive that is not multishot
    bool cancelled; // ends at the next look
    bool may_go_on; // the cancel came late
};

struct cqe {
    struct ring_completion completion;
    uint32_t file; // whose operation ends with this, or NO_FILE
};

struct file {
    struct fake_socket *socket;
    uint32_t held;         // operations of which the last completion has not been reaped
    uint32_t sends;        // slow ones in flight
    uint64_t inline_enter; // of the last inline send
    bool receiving, closing;
};

struct ring {
    uint32_t index;
    struct ring_options options;
    struct op *sq;
    uint32_t sq_count;
    struct op **ops;
    uint32_t op_count, op_capacity;
    struct cqe *cq;
    uint32_t cq_head, cq_count, cq_capacity;
    struct file *files;
    uint32_t files_open;
    uint8_t **buffers;
    uint16_t *free_buffers;
    uint32_t free_count, returned_count; // returned ones lie behind the free ones
    bool *lent;
    bool unsubmitted;
    uint64_t enters;
    uint64_t overflows;
};

static struct {
    struct rand *rand;
    struct fake_knobs knobs;
    void (*yield)(struct ring *ring, int wait_ms);
    struct ring *rings[RINGS_MAX];
    uint32_t ring_count;
    struct fake_socket *pending[PENDING_MAX]; // oldest first
    uint32_t pending_count;
    struct fake_socket *elsewhere[PENDING_MAX]; // by descriptor
    uint32_t tickets[PENDING_MAX], last_ticket; // of these
} world;

static bool chance(uint32_t percent)
{
    return rand_below(world.rand, 100) < percent;
}

// --- Queues of bytes

static size_t fifo_room(const struct fifo *fifo)
{
    return fifo->limit > fifo->count ? fifo->limit - fifo->count : 0;
}

static void fifo_put(struct fifo *fifo, const uint8_t *bytes, size_t len)
{
    if (fifo->head + fifo->count + len > fifo->allocated) {
        if (fifo->count)
            memmove(fifo->bytes, fifo->bytes + fifo->head, fifo->count);
        fifo->head = 0;
        while (fifo->count + len > fifo->allocated)
            fifo->allocated = fifo->allocated ? fifo->allocated * 2 : 512;
        fifo->bytes = realloc(fifo->bytes, fifo->allocated);
        CHECK(fifo->bytes);
    }
    if (len)
        memcpy(fifo->bytes + fifo->head + fifo->count, bytes, len);
    fifo->count += len;
}

static size_t fifo_take(struct fifo *fifo, uint8_t *bytes, size_t max)
{
    size_t len = max < fifo->count ? max : fifo->count;
    if (len)
        memcpy(bytes, fifo->bytes + fifo->head, len);
    fifo->head += len;
    fifo->count -= len;
    return len;
}

// --- The world

void fake_world_begin(struct rand *rand, const struct fake_knobs *knobs,
                      void (*yield)(struct ring *ring, int wait_ms))
{
    memset(&world, 0, sizeof world);
    world.rand = rand;
    world.knobs = *knobs;
    world.yield = yield;
}

static void release_if_over(struct fake_socket *socket)
{
    if (!socket->client_gone || !socket->server_closed || socket->notifs)
        return;
    free(socket->to_client.bytes);
    free(socket->to_server.bytes);
    free(socket);
}

void fake_world_end(void)
{
    for (uint32_t i = 0; i < world.ring_count; i++)
        CHECK(!world.rings[i]);
    for (uint32_t i = 0; i < world.pending_count; i++) {
        world.pending[i]->server_closed = true;
        release_if_over(world.pending[i]);
    }
    for (int fd = 0; fd < PENDING_MAX; fd++)
        fake_refuse_elsewhere(world.tickets[fd]);
    world.pending_count = 0;
}

// --- Clients

struct fake_socket *fake_connect(int listen_fd, uint32_t buffer_bytes, bool smooth, struct ip from)
{
    struct fake_socket *socket = calloc(1, sizeof *socket);
    CHECK(socket && world.pending_count < PENDING_MAX);
    socket->to_client.limit = socket->to_server.limit = buffer_bytes;
    socket->listen_fd = listen_fd;
    socket->smooth = smooth;
    socket->from = from;
    world.pending[world.pending_count++] = socket;
    return socket;
}

struct fake_socket *fake_connect_elsewhere(uint32_t buffer_bytes, bool smooth, int *fd,
                                           uint32_t *ticket)
{
    struct fake_socket *socket = calloc(1, sizeof *socket);
    CHECK(socket);
    socket->to_client.limit = socket->to_server.limit = buffer_bytes;
    socket->smooth = smooth;
    *fd = eventfd(0, EFD_CLOEXEC); // a real one, since it will be closed
    CHECK(*fd >= 0 && *fd < PENDING_MAX && !world.elsewhere[*fd]);
    world.elsewhere[*fd] = socket;
    world.tickets[*fd] = *ticket = ++world.last_ticket;
    return socket;
}

size_t fake_client_write(struct fake_socket *socket, const uint8_t *bytes, size_t len)
{
    CHECK(!socket->client_fin);
    if (socket->server_closed) {
        if (chance(30)) // what arrives after the close is answered by a reset
            socket->to_client.count = 0;
        return len;
    }
    size_t room = fifo_room(&socket->to_server);
    len = len < room ? len : room;
    fifo_put(&socket->to_server, bytes, len);
    return len;
}

size_t fake_client_read(struct fake_socket *socket, uint8_t *bytes, size_t max)
{
    return fifo_take(&socket->to_client, bytes, max);
}

size_t fake_client_readable(const struct fake_socket *socket)
{
    return socket->to_client.count;
}

bool fake_client_writable(const struct fake_socket *socket)
{
    return socket->server_closed || fifo_room(&socket->to_server) > 0;
}

bool fake_client_eof(const struct fake_socket *socket)
{
    return socket->to_client.count == 0 && (socket->server_fin || socket->server_closed);
}

void fake_client_shutdown(struct fake_socket *socket)
{
    socket->client_fin = true;
}

void fake_client_close(struct fake_socket *socket)
{
    socket->client_fin = socket->client_gone = true;
    release_if_over(socket);
}

void fake_client_reset(struct fake_socket *socket)
{
    socket->client_reset = true;
    if (chance(50))
        socket->to_server.count = 0;
    fake_client_close(socket);
}

// --- Completions

static void complete(struct ring *ring, uint64_t user_data, int32_t result, uint32_t flags,
                     uint32_t ended_file)
{
    if (ring->cq_head + ring->cq_count == ring->cq_capacity) {
        if (ring->cq_count)
            memmove(ring->cq, ring->cq + ring->cq_head, ring->cq_count * sizeof *ring->cq);
        ring->cq_head = 0;
        if (ring->cq_count * 2 >= ring->cq_capacity) {
            ring->cq_capacity = ring->cq_capacity ? ring->cq_capacity * 2 : 64;
            ring->cq = realloc(ring->cq, ring->cq_capacity * sizeof *ring->cq);
            CHECK(ring->cq);
        }
    }
    if (ring->cq_count >= ring->options.cq_entries)
        ring->overflows++;
    ring->cq[ring->cq_head + ring->cq_count++] = (struct cqe){
        .completion = {.user_data = user_data, .result = result, .flags = flags},
        .file = ended_file,
    };
}

static struct file *file_at(struct ring *ring, uint32_t file)
{
    CHECK(file < ring->options.files);
    return &ring->files[file];
}

static struct file *open_file(struct ring *ring, uint32_t file)
{
    struct file *f = file_at(ring, file);
    CHECK(f->socket && !f->closing);
    return f;
}

// --- Sending

static bool broken(struct fake_socket *socket)
{
    return socket->client_reset;
}

// What a send finds of room, or -errno when the peer has gone.
static int64_t send_room(struct fake_socket *socket)
{
    if (socket->server_fin || broken(socket))
        return -EPIPE;
    if (socket->client_gone) {
        // The first bytes to a closed peer are taken; the reset comes back later.
        socket->client_reset = chance(50);
        return INT32_MAX;
    }
    size_t room = fifo_room(&socket->to_client);
    if (!socket->smooth && chance(world.knobs.short_send))
        room = rand_below(world.rand, (uint32_t)room + 1);
    return (int64_t)room;
}

// Which ring_enter the operations are for that are being submitted.
static uint64_t submission(const struct ring *ring)
{
    return ring->enters + !ring->unsubmitted;
}

static void send_inline_now(struct ring *ring, const struct op *op)
{
    struct file *file = open_file(ring, op->file);
    CHECK(file->sends == 0);
    CHECK(file->inline_enter != submission(ring));
    CHECK(op->len > 0);
    file->inline_enter = submission(ring);
    int64_t room = send_room(file->socket);
    if (room < 0) {
        complete(ring, op->user_data, (int32_t)room, 0, NO_FILE);
        return;
    }
    uint32_t taken = room < op->len ? (uint32_t)room : op->len;
    if (!file->socket->client_gone)
        fifo_put(&file->socket->to_client, op->bytes, taken);
    if (taken < op->len)
        complete(ring, op->user_data, taken ? (int32_t)taken : -EAGAIN, 0, NO_FILE);
    else if (!ring->options.features.inline_silent)
        complete(ring, op->user_data, (int32_t)taken, 0, NO_FILE);
}

static uint32_t message_bytes(const struct op *op)
{
    if (op->kind != K_SENDMSG)
        return op->len;
    uint32_t len = 0;
    for (size_t i = 0; i < op->message->msg_iovlen; i++)
        len += (uint32_t)op->message->msg_iov[i].iov_len;
    return len;
}

static void put_piece(struct fake_socket *socket, const struct op *op, uint32_t len)
{
    if (op->kind != K_SENDMSG) {
        fifo_put(&socket->to_client, op->bytes + op->done, len);
        return;
    }
    uint32_t skip = op->done;
    for (size_t i = 0; i < op->message->msg_iovlen && len; i++) {
        const struct iovec *piece = &op->message->msg_iov[i];
        if (skip >= piece->iov_len) {
            skip -= (uint32_t)piece->iov_len;
            continue;
        }
        uint32_t n = (uint32_t)piece->iov_len - skip;
        n = n < len ? n : len;
        fifo_put(&socket->to_client, (const uint8_t *)piece->iov_base + skip, n);
        skip = 0;
        len -= n;
    }
}

static uint64_t checksum(const struct op *op)
{
    uint64_t sum = 1469598103934665603ULL;
    for (uint32_t i = 0; i < op->len; i++)
        sum = (sum ^ op->bytes[i]) * 1099511628211ULL;
    return sum;
}

// Returns true when the operation has left the list (or changed into its notification).
static bool finish_send(struct ring *ring, struct op *op, int32_t result)
{
    struct file *file = file_at(ring, op->file);
    file->sends--;
    if (op->kind != K_SEND_ZC || (result < 0 && chance(50))) {
        complete(ring, op->user_data, result, 0, op->file);
        return true;
    }
    complete(ring, op->user_data, result, RING_MORE, op->file);
    op->kind = K_NOTIF;
    op->socket = file->socket;
    op->socket->notifs++;
    op->file = NO_FILE;
    op->withheld = chance(world.knobs.late_notif);
    return false;
}

static bool attempt_send(struct ring *ring, struct op *op)
{
    struct fake_socket *socket = file_at(ring, op->file)->socket;
    uint32_t len = message_bytes(op);
    if (op->cancelled && !op->may_go_on)
        return finish_send(ring, op, op->done ? (int32_t)op->done : -ECANCELED);
    int64_t room = send_room(socket);
    if (room < 0)
        return finish_send(ring, op, op->done ? (int32_t)op->done : (int32_t)room);
    uint32_t left = len - op->done;
    uint32_t taken = room < left ? (uint32_t)room : left;
    if (!socket->client_gone)
        put_piece(socket, op, taken);
    op->done += taken;
    if (op->done == len)
        return finish_send(ring, op, (int32_t)len);
    op->may_go_on = false; // a cancel that was late ends what cannot go on
    return false;
}

// --- Receiving and accepting

static bool receivable(const struct fake_socket *socket)
{
    return socket->to_server.count || socket->client_fin || socket->client_reset;
}

static bool end_recv(struct ring *ring, struct op *op, int32_t result, uint32_t flags)
{
    file_at(ring, op->file)->receiving = false;
    complete(ring, op->user_data, result, flags, op->file);
    return true;
}

static bool attempt_recv(struct ring *ring, struct op *op)
{
    struct fake_socket *socket = file_at(ring, op->file)->socket;
    if (op->cancelled && (!op->may_go_on || !receivable(socket)))
        return end_recv(ring, op, -ECANCELED, 0);
    if (socket->to_server.count == 0) {
        if (socket->client_reset)
            return end_recv(ring, op, -ECONNRESET, 0);
        return socket->client_fin && end_recv(ring, op, 0, 0);
    }
    if (ring->free_count == 0)
        return end_recv(ring, op, -ENOBUFS, 0);
    uint16_t id = ring->free_buffers[--ring->free_count];
    // Returned ones lie behind the free ones.
    memmove(&ring->free_buffers[ring->free_count], &ring->free_buffers[ring->free_count + 1],
            ring->returned_count * sizeof *ring->free_buffers);
    ring->lent[id] = true;
    unpoison(ring->buffers[id], ring->options.recv_buffer_bytes);
    uint32_t max = ring->options.recv_buffer_bytes;
    if (chance(world.knobs.tiny_recv))
        max = 1 + rand_below(world.rand, max < 5 ? max : 5);
    size_t len = fifo_take(&socket->to_server, ring->buffers[id], max);
    uint32_t flags = RING_BUFFER | (uint32_t)id << 16;
    if (op->cancelled || op->once || chance(world.knobs.drop_more))
        return end_recv(ring, op, (int32_t)len, flags);
    complete(ring, op->user_data, (int32_t)len, flags | RING_MORE, NO_FILE);
    return false;
}

static int find_pending(int listen_fd)
{
    for (uint32_t i = 0; i < world.pending_count; i++)
        if (world.pending[i]->listen_fd == listen_fd)
            return (int)i;
    return -1;
}

static uint32_t choose_file(struct ring *ring)
{
    uint32_t limit = ring->options.files;
    limit = world.knobs.max_files < limit ? world.knobs.max_files : limit;
    uint32_t from = chance(world.knobs.random_file) ? rand_below(world.rand, limit) : 0;
    for (uint32_t i = 0; i < limit; i++) {
        uint32_t file = (from + i) % limit;
        if (!ring->files[file].socket)
            return file;
    }
    return NO_FILE;
}

static bool attempt_accept(struct ring *ring, struct op *op)
{
    int pending = find_pending(op->fd);
    if (op->cancelled && (pending < 0 || !op->may_go_on)) {
        complete(ring, op->user_data, -ECANCELED, 0, NO_FILE);
        return true;
    }
    if (pending < 0)
        return false;
    struct fake_socket *socket = world.pending[pending];
    memmove(&world.pending[pending], &world.pending[pending + 1],
            (--world.pending_count - (uint32_t)pending) * sizeof *world.pending);
    uint32_t file = choose_file(ring);
    if (file == NO_FILE) {
        socket->server_closed = true; // the kernel has taken it and lets it go
        release_if_over(socket);
        complete(ring, op->user_data, -ENFILE, 0, NO_FILE);
        return true;
    }
    ring->files[file] = (struct file){.socket = socket};
    ring->files_open++;
    struct sockaddr_in6 from = {.sin6_family = AF_INET6, .sin6_port = htons(1024)};
    memcpy(&from.sin6_addr, socket->from.bytes, sizeof socket->from.bytes);
    memcpy(op->peer->bytes, &from, sizeof op->peer->bytes);
    op->peer->len = sizeof from;
    complete(ring, op->user_data, (int32_t)file, 0, NO_FILE);
    return true;
}

static bool finish_adopt(struct ring *ring, struct op *op)
{
    struct fake_socket *socket = world.elsewhere[op->fd];
    uint32_t file = choose_file(ring);
    CHECK(socket);
    world.elsewhere[op->fd] = NULL;
    if (file == NO_FILE) {
        socket->server_closed = true; // its one descriptor is closed next
        release_if_over(socket);
        complete(ring, op->user_data, -ENFILE, 0, NO_FILE);
        return true;
    }
    ring->files[file] = (struct file){.socket = socket};
    ring->files_open++;
    *op->adopted = (int)file;
    complete(ring, op->user_data, 1, 0, NO_FILE);
    return true;
}

// --- Operations under way

static bool readable_event(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    return poll(&poll_fd, 1, 0) == 1;
}

static bool attempt_event(struct ring *ring, struct op *op)
{
    uint64_t value;
    if (!readable_event(op->fd))
        return false;
    CHECK(read(op->fd, &value, sizeof value) == sizeof value);
    complete(ring, op->user_data, sizeof value, 0, NO_FILE);
    return true;
}

static bool finish_close(struct ring *ring, struct op *op)
{
    struct file *file = file_at(ring, op->file);
    // Closing with bytes unread resets the connection, and the reset overtakes what was sent.
    if (file->socket->reset_at_close || (file->socket->to_server.count && chance(50)))
        file->socket->to_client.count = 0;
    file->socket->server_closed = true;
    release_if_over(file->socket);
    *file = (struct file){.socket = NULL};
    ring->files_open--;
    complete(ring, op->user_data, 0, 0, NO_FILE);
    return true;
}

static bool finish_shutdown(struct ring *ring, struct op *op)
{
    struct fake_socket *socket = file_at(ring, op->file)->socket;
    socket->server_fin = true;
    complete(ring, op->user_data, broken(socket) ? -ENOTCONN : 0, 0, op->file);
    return true;
}

static void forget_notif(const struct op *op)
{
    op->socket->notifs--;
    release_if_over(op->socket);
}

static bool attempt(struct ring *ring, struct op *op)
{
    switch (op->kind) {
    case K_ACCEPT:
        return attempt_accept(ring, op);
    case K_ADOPT:
        return finish_adopt(ring, op);
    case K_RECV:
        return attempt_recv(ring, op);
    case K_SEND:
    case K_SENDMSG:
    case K_SEND_ZC:
        return attempt_send(ring, op);
    case K_NOTIF:
        CHECK(op->sum == checksum(op)); // the memory was to stay until now
        complete(ring, op->user_data, 0, RING_NOTIF, NO_FILE);
        forget_notif(op);
        return true;
    case K_CANCEL:
        complete(ring, op->user_data, op->result, 0, op->file);
        return true;
    case K_SHUTDOWN:
        return finish_shutdown(ring, op);
    case K_CLOSE:
        return finish_close(ring, op);
    case K_EVENT:
        return attempt_event(ring, op);
    case K_INLINE:
    case K_RESET:
    case K_WAKE:
        break;
    }
    UNREACHABLE();
}

static bool let_go(const struct op *op)
{
    const struct fake_socket *socket = op->socket;
    return !op->withheld || socket->client_gone || socket->to_client.count == 0 ||
           (socket->server_closed && socket->reset_at_close);
}

static bool could_go_on(struct ring *ring, const struct op *op)
{
    const struct fake_socket *socket =
        op->file != NO_FILE && op->file < ring->options.files ? ring->files[op->file].socket : NULL;
    switch (op->kind) {
    case K_ACCEPT:
        return op->cancelled || find_pending(op->fd) >= 0;
    case K_RECV:
        return op->cancelled || receivable(socket);
    case K_SEND:
    case K_SENDMSG:
    case K_SEND_ZC:
        return op->cancelled || socket->client_gone || socket->server_fin ||
               fifo_room(&socket->to_client) > 0;
    case K_EVENT:
        return readable_event(op->fd);
    case K_NOTIF:
        return let_go(op);
    default:
        return true;
    }
}

bool fake_ring_could_progress(struct ring *ring)
{
    for (uint32_t i = 0; i < ring->op_count; i++)
        if (could_go_on(ring, ring->ops[i]))
            return true;
    return false;
}

bool fake_ring_has_completions(const struct ring *ring)
{
    return ring->cq_count > 0;
}

bool fake_ring_progress(struct ring *ring)
{
    uint32_t count = ring->op_count, before = ring->cq_count;
    uint32_t start = rand_below(world.rand, count);
    for (uint32_t i = 0; i < count; i++) {
        struct op **at = &ring->ops[(start + i) % count];
        if (!could_go_on(ring, *at) || !chance(world.knobs.attempt))
            continue;
        if (attempt(ring, *at)) {
            free(*at);
            *at = NULL;
        }
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++)
        if (ring->ops[i])
            ring->ops[kept++] = ring->ops[i];
    ring->op_count = kept;
    return ring->cq_count > before;
}

// --- Submission

static void begin_op(struct ring *ring, const struct op *op)
{
    struct op *copy = malloc(sizeof *copy);
    CHECK(copy);
    *copy = *op;
    if (ring->op_count == ring->op_capacity) {
        ring->op_capacity = ring->op_capacity ? ring->op_capacity * 2 : 64;
        ring->ops = realloc(ring->ops, ring->op_capacity * sizeof(struct op *));
        CHECK(ring->ops);
    }
    ring->ops[ring->op_count++] = copy;
}

static void submit_cancel(struct ring *ring, struct op *op)
{
    op->result = -ENOENT;
    op->file = NO_FILE;
    for (uint32_t i = 0; i < ring->op_count; i++) {
        struct op *target = ring->ops[i];
        if (target->user_data != op->target || target->kind >= K_NOTIF)
            continue;
        bool late = target->cancelled || chance(world.knobs.cancel_late);
        target->may_go_on |= late && !target->cancelled;
        target->cancelled = true;
        op->result = late ? -EALREADY : 0;
        op->file = target->file;
        if (op->file != NO_FILE)
            file_at(ring, op->file)->held++;
        break;
    }
    begin_op(ring, op);
}

static void submit_wake(const struct op *op, struct ring *ring)
{
    uint32_t index = (uint32_t)(op->fd - FD_BASE);
    CHECK(index < world.ring_count);
    if (world.rings[index] && !chance(world.knobs.lost_wake))
        complete(world.rings[index], op->user_data, 0, 0, NO_FILE);
    else
        complete(ring, op->user_data, -EBADF, 0, NO_FILE);
}

// The receive that was just begun takes what is there, up to what Linux lets it take in one go.
static void try_recv(struct ring *ring)
{
    struct op *op = ring->ops[ring->op_count - 1];
    for (int i = 0; i < 32 && could_go_on(ring, op); i++)
        if (attempt(ring, op)) {
            free(op);
            ring->op_count--;
            return;
        }
}

static void submit_one(struct ring *ring, struct op *op)
{
    struct file *file = NULL;
    switch (op->kind) {
    case K_INLINE:
        send_inline_now(ring, op);
        return;
    case K_CANCEL:
        submit_cancel(ring, op);
        return;
    case K_WAKE:
        submit_wake(op, ring);
        return;
    case K_RESET:
        file = open_file(ring, op->file);
        if (chance(world.knobs.no_reset))
            complete(ring, op->user_data, -EOPNOTSUPP, 0, NO_FILE);
        else
            file->socket->reset_at_close = true;
        return;
    case K_CLOSE:
        file = open_file(ring, op->file);
        CHECK(file->held == 0 && file->sends == 0 && !file->receiving);
        file->closing = true;
        break;
    case K_RECV:
        file = open_file(ring, op->file);
        CHECK(!file->receiving);
        file->receiving = true;
        file->held++;
        break;
    case K_SEND_ZC:
        op->sum = checksum(op);
        __attribute__((fallthrough));
    case K_SEND:
    case K_SENDMSG:
        file = open_file(ring, op->file);
        CHECK(file->sends == 0 && file->inline_enter != submission(ring));
        CHECK(message_bytes(op) > 0);
        file->sends++;
        file->held++;
        break;
    case K_SHUTDOWN:
        open_file(ring, op->file)->held++;
        break;
    default:
        break;
    }
    begin_op(ring, op);
    if (op->kind == K_RECV && chance(world.knobs.eager_recv))
        try_recv(ring);
}

static void submit(struct ring *ring)
{
    for (uint32_t i = 0; i < ring->sq_count; i++)
        submit_one(ring, &ring->sq[i]);
    ring->sq_count = 0;
}

static void publish_returned(struct ring *ring)
{
    ring->free_count += ring->returned_count;
    ring->returned_count = 0;
}

static void queue(struct ring *ring, struct op op)
{
    if (ring->sq_count == ring->options.sq_entries) {
        publish_returned(ring);
        submit(ring);
    }
    ring->sq[ring->sq_count++] = op;
}

void ring_accept(struct ring *ring, int listen_fd, struct ring_peer *peer, uint64_t user_data)
{
    queue(ring, (struct op){.kind = K_ACCEPT,
                            .fd = listen_fd,
                            .peer = peer,
                            .user_data = user_data,
                            .file = NO_FILE});
}

bool ring_listener_has(int listen_fd)
{
    return find_pending(listen_fd) >= 0;
}

// Who comes later waits for ever, which is an end as good as any for those who are not looked at.
void ring_listener_end(int listen_fd)
{
    (void)listen_fd;
}

void ring_peer_read(const struct ring_peer *peer, struct ip *address, uint16_t *port)
{
    struct sockaddr_in6 from;
    CHECK(peer->len == sizeof from);
    memcpy(&from, peer->bytes, sizeof from);
    memcpy(address->bytes, &from.sin6_addr, sizeof address->bytes);
    *port = ntohs(from.sin6_port);
}

void ring_adopt(struct ring *ring, int *fd, uint64_t user_data)
{
    queue(ring,
          (struct op){
              .kind = K_ADOPT, .fd = *fd, .adopted = fd, .user_data = user_data, .file = NO_FILE});
}

void fake_refuse_elsewhere(uint32_t ticket)
{
    for (int fd = 0; fd < PENDING_MAX; fd++) {
        struct fake_socket *socket = world.elsewhere[fd];
        if (!socket || world.tickets[fd] != ticket)
            continue;
        world.elsewhere[fd] = NULL;
        socket->server_closed = true;
        release_if_over(socket);
    }
}

void ring_recv(struct ring *ring, uint32_t file, uint64_t user_data)
{
    queue(ring, (struct op){.kind = K_RECV, .file = file, .user_data = user_data});
}

void ring_recv_once(struct ring *ring, uint32_t file, uint64_t user_data)
{
    queue(ring, (struct op){.kind = K_RECV, .once = true, .file = file, .user_data = user_data});
}

static void queue_send(struct ring *ring, enum kind kind, uint32_t file, const void *bytes,
                       uint32_t len, uint64_t user_data)
{
    queue(ring,
          (struct op){
              .kind = kind, .file = file, .bytes = bytes, .len = len, .user_data = user_data});
}

void ring_send_inline(struct ring *ring, uint32_t file, const void *bytes, uint32_t len,
                      uint64_t user_data)
{
    queue_send(ring, K_INLINE, file, bytes, len, user_data);
}

void ring_send(struct ring *ring, uint32_t file, const void *bytes, uint32_t len,
               uint64_t user_data)
{
    queue_send(ring, K_SEND, file, bytes, len, user_data);
}

void ring_send_zc(struct ring *ring, uint32_t file, const void *bytes, uint32_t len,
                  uint64_t user_data)
{
    queue_send(ring, K_SEND_ZC, file, bytes, len, user_data);
}

void ring_sendmsg(struct ring *ring, uint32_t file, const struct msghdr *message,
                  uint64_t user_data)
{
    queue(ring,
          (struct op){.kind = K_SENDMSG, .file = file, .message = message, .user_data = user_data});
}

void ring_cancel(struct ring *ring, uint64_t target_user_data, uint64_t user_data)
{
    queue(ring, (struct op){.kind = K_CANCEL, .target = target_user_data, .user_data = user_data});
}

void ring_shutdown(struct ring *ring, uint32_t file, uint64_t user_data)
{
    queue(ring, (struct op){.kind = K_SHUTDOWN, .file = file, .user_data = user_data});
}

void ring_reset(struct ring *ring, uint32_t file, uint64_t user_data)
{
    queue(ring, (struct op){.kind = K_RESET, .file = file, .user_data = user_data});
}

void ring_close(struct ring *ring, uint32_t file, uint64_t user_data)
{
    queue(ring, (struct op){.kind = K_CLOSE, .file = file, .user_data = user_data});
}

void ring_wake(struct ring *ring, int peer_ring_fd, uint64_t user_data)
{
    queue(ring,
          (struct op){.kind = K_WAKE, .fd = peer_ring_fd, .user_data = user_data, .file = NO_FILE});
}

void ring_read_event(struct ring *ring, int event_fd, uint64_t user_data)
{
    queue(ring,
          (struct op){.kind = K_EVENT, .fd = event_fd, .user_data = user_data, .file = NO_FILE});
}

// --- The tick's two ends

int ring_enter(struct ring *ring, int wait_ms)
{
    publish_returned(ring);
    ring->unsubmitted = chance(world.knobs.late_submit);
    if (!ring->unsubmitted)
        submit(ring);
    ring->enters++;
    (void)fake_ring_progress(ring);
    world.yield(ring, ring->cq_count || ring->unsubmitted ? 0 : wait_ms);
    (void)fake_ring_progress(ring);
    return 0;
}

uint32_t ring_reap(struct ring *ring, struct ring_completion *out, uint32_t max)
{
    if (ring->unsubmitted)
        submit(ring);
    ring->unsubmitted = false;
    if (chance(world.knobs.busy_reap))
        (void)fake_ring_progress(ring);
    uint32_t count = ring->cq_count < max ? ring->cq_count : max;
    for (uint32_t i = 0; i < count; i++) {
        const struct cqe *cqe = &ring->cq[ring->cq_head + i];
        out[i] = cqe->completion;
        if (cqe->file != NO_FILE)
            file_at(ring, cqe->file)->held--;
    }
    ring->cq_head += count;
    ring->cq_count -= count;
    return count;
}

uint64_t ring_overflow_count(const struct ring *ring)
{
    return ring->overflows;
}

// --- Buffers

uint8_t *ring_buffer(struct ring *ring, uint16_t id)
{
    CHECK(id < ring->options.recv_buffers && ring->lent[id]);
    return ring->buffers[id];
}

void ring_buffer_return(struct ring *ring, uint16_t id)
{
    CHECK(id < ring->options.recv_buffers && ring->lent[id]);
    ring->lent[id] = false;
    memset(ring->buffers[id], 0xA5, ring->options.recv_buffer_bytes);
    poison(ring->buffers[id], ring->options.recv_buffer_bytes);
    ring->free_buffers[ring->free_count + ring->returned_count++] = id;
}

// --- Rings

int ring_probe(struct ring_features *features, char *error, size_t error_bytes)
{
    (void)error, (void)error_bytes;
    *features = (struct ring_features){.inline_silent = true, .send_zc = true, .msg_ring = true};
    return 0;
}

int ring_create(struct ring **out, const struct ring_options *options)
{
    struct ring *ring = calloc(1, sizeof *ring);
    CHECK(ring && world.ring_count < RINGS_MAX);
    ring->options = *options;
    ring->sq = calloc(options->sq_entries, sizeof *ring->sq);
    ring->files = calloc(options->files, sizeof *ring->files);
    ring->buffers = calloc(options->recv_buffers, sizeof(uint8_t *));
    ring->free_buffers = calloc(options->recv_buffers, sizeof *ring->free_buffers);
    ring->lent = calloc(options->recv_buffers, sizeof *ring->lent);
    CHECK(ring->sq && ring->files && ring->buffers && ring->free_buffers && ring->lent);
    for (uint32_t i = 0; i < options->recv_buffers; i++) {
        ring->buffers[i] = malloc(options->recv_buffer_bytes);
        CHECK(ring->buffers[i]);
        poison(ring->buffers[i], options->recv_buffer_bytes);
        ring->free_buffers[ring->free_count++] = (uint16_t)i;
    }
    ring->index = world.ring_count;
    world.rings[world.ring_count++] = ring;
    *out = ring;
    return 0;
}

// What may still be in flight: reads of an event, notifications. Everything else must have been
// waited for.
void ring_destroy(struct ring *ring)
{
    CHECK(ring->files_open == 0);
    CHECK(ring->free_count + ring->returned_count == ring->options.recv_buffers);
    for (uint32_t i = 0; i < ring->op_count; i++) {
        if (ring->ops[i]->kind == K_NOTIF)
            forget_notif(ring->ops[i]);
        else
            CHECK(ring->ops[i]->kind == K_EVENT || ring->ops[i]->kind == K_CANCEL);
        free(ring->ops[i]);
    }
    for (uint32_t i = 0; i < ring->options.recv_buffers; i++) {
        unpoison(ring->buffers[i], ring->options.recv_buffer_bytes);
        free(ring->buffers[i]);
    }
    world.rings[ring->index] = NULL;
    free(ring->sq);
    free(ring->files);
    free(ring->buffers);
    free(ring->free_buffers);
    free(ring->lent);
    free(ring->ops);
    free(ring->cq);
    free(ring);
}

int ring_fd(const struct ring *ring)
{
    return FD_BASE + (int)ring->index;
}

int ring_register_memory(struct ring *ring, void *memory, size_t bytes, int clone_fd)
{
    (void)ring, (void)memory, (void)bytes, (void)clone_fd;
    return 0;
}

int ring_enter_ns(struct ring *ring, uint32_t completions, uint64_t wait_ns)
{
    (void)completions;
    return ring_enter(ring, wait_ns == UINT64_MAX ? -1 : (int)(wait_ns / 1000000));
}

// --- The client's side of the ring is not simulated

void ring_socket(struct ring *ring, int domain, uint64_t user_data)
{
    (void)domain;
    complete(ring, user_data, -EINVAL, 0, NO_FILE);
}

void ring_connect(struct ring *ring, uint32_t file, const struct sockaddr *address,
                  uint32_t address_bytes, uint64_t user_data)
{
    (void)file, (void)address, (void)address_bytes;
    complete(ring, user_data, -EINVAL, 0, NO_FILE);
}

void ring_bind(struct ring *ring, uint32_t file, const struct sockaddr *address,
               uint32_t address_bytes, uint64_t user_data)
{
    (void)file, (void)address, (void)address_bytes;
    complete(ring, user_data, -EINVAL, 0, NO_FILE);
}

void ring_set_option(struct ring *ring, uint32_t file, int level, int name, const int *value,
                     uint64_t user_data)
{
    (void)file, (void)level, (void)name, (void)value;
    complete(ring, user_data, -EINVAL, 0, NO_FILE);
}
