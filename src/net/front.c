// SPDX-License-Identifier: MIT
#include "net/front.h"

#include "codec/proxy_parse.h"
#include "net/backlog.h"
#include "net/net.h"
#include "net/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BACKLOG_SEAL_BYTES (2 * TLS_RECORD_MAX_BYTES) // of plaintext in one send of a backlog

static struct front *front_of(const struct net *net, const struct link *link)
{
    return net->fronts[link->slot];
}

static int fill(struct net *net, struct front *front, const struct link_entry *entry)
{
    front->stage = entry->proxy ? FRONT_PROXY : FRONT_HANDSHAKE;
    if (entry->proxy && !(front->proxy = malloc(sizeof *front->proxy)))
        return -ENOMEM;
    if (entry->proxy)
        proxy_parser_init(front->proxy);
    if (entry->tls && !(front->tls = tls_session_create(net->tls, NULL)))
        return -ENOMEM;
    if (entry->tls)
        counter_add(&net->counters.tls_connections, 1);
    return 0;
}

int front_create(struct net *net, struct link *link, const struct link_entry *entry)
{
    struct front *front = calloc(1, sizeof *front);
    if (!front)
        return -ENOMEM;
    front->link = link;
    link->front = true;
    net->fronts[link->slot] = front;
    return fill(net, front, entry); // what is there is dropped with the link
}

bool front_has_pending(const struct net *net, const struct link *link)
{
    const struct front *front = link->front ? front_of(net, link) : NULL;
    return front && front->tls && tls_pending_bytes(front->tls) > 0;
}

uint64_t front_held_bytes(const struct net *net, const struct link *link)
{
    return front_of(net, link)->waiting_capacity;
}

const char *net_subject(const struct net *net, const struct link *link)
{
    const struct front *front = link->front ? front_of(net, link) : NULL;
    return front && front->tls ? tls_session_subject(front->tls) : NULL;
}

uint64_t net_subject_expires_s(const struct net *net, const struct link *link)
{
    const struct front *front = link->front ? front_of(net, link) : NULL;
    return front && front->tls ? tls_session_subject_expires_s(front->tls) : 0;
}

static void stop_waiting(struct net *net, struct front *front)
{
    net->held_bytes -= front->waiting_capacity;
    if (list_linked(&front->node))
        list_remove(&front->node);
    free(front->waiting);
    front->waiting = NULL;
    front->waiting_len = front->waiting_capacity = 0;
}

void front_drop(struct net *net, struct link *link)
{
    if (!link->front)
        return;
    struct front *front = front_of(net, link);
    stop_waiting(net, front);
    free(front->proxy);
    if (front->tls) {
        tls_session_destroy(front->tls);
        counter_add(&net->counters.tls_connections, (uint64_t)-1);
    }
    free(front);
    net->fronts[link->slot] = NULL;
    link->front = false;
}

// --- In

// What the session has to say for itself needs a send, which only the flush prepares.
static void say_pending(struct net *net, struct front *front)
{
    size_t pending = tls_pending_bytes(front->tls);
    if (pending > FRONT_PENDING_MAX_BYTES)
        link_abort(net, front->link, CLOSE_REASON_TLS);
    else if (pending)
        output_touch(net, front->link);
}

static void fail(struct net *net, struct front *front)
{
    front->failed = true;
    counter_add(front->stage == FRONT_OPEN ? &net->counters.tls_errors
                                           : &net->counters.tls_handshakes_failed,
                1);
    net->ops->on_failed(net->context, front->link, CLOSE_REASON_TLS, tls_session_error(front->tls));
}

static void read_records(struct net *net, struct front *front, const uint8_t *cursor,
                         const uint8_t *end)
{
    struct link *link = front->link;
    while (link_receives(link) && !front->failed) {
        size_t len;
        switch (tls_read(front->tls, &cursor, end, net->plain, TLS_RECORD_MAX_BYTES, &len)) {
        case TLS_DATA:
            link_give(net, link, net->plain, len);
            continue;
        case TLS_CLOSED:
            link_end_of_stream(net, link);
            break;
        case TLS_FAILED:
            fail(net, front);
            break;
        case TLS_WANT_INPUT:
        case TLS_DONE:
            break;
        }
        break;
    }
}

static void step(struct net *net, struct front *front, const uint8_t *bytes, size_t len)
{
    const uint8_t *cursor = bytes, *end = bytes + len;
    net->handshake_budget--;
    front->begun = true;
    switch (tls_handshake(front->tls, &cursor, end)) {
    case TLS_DONE:
        front->stage = FRONT_OPEN;
        counter_add(&net->counters.tls_handshakes, 1);
        if (tls_session_resumed(front->tls))
            counter_add(&net->counters.tls_resumed, 1);
        read_records(net, front, cursor, end);
        break;
    case TLS_FAILED:
        fail(net, front);
        break;
    case TLS_WANT_INPUT:
    case TLS_DATA:
    case TLS_CLOSED:
        break;
    }
    say_pending(net, front);
}

static bool keep_waiting(struct net *net, struct front *front, const uint8_t *bytes, size_t len)
{
    if (front->waiting_len + len > FRONT_WAITING_MAX_BYTES)
        return false;
    if (front->waiting_len + len > front->waiting_capacity) {
        uint32_t capacity = front->waiting_len + (uint32_t)len + 1024;
        uint8_t *larger = realloc(front->waiting, capacity);
        if (!larger)
            return false;
        net->held_bytes += capacity - front->waiting_capacity;
        front->waiting = larger;
        front->waiting_capacity = capacity;
    }
    memcpy(front->waiting + front->waiting_len, bytes, len);
    front->waiting_len += (uint32_t)len;
    return true;
}

static void receive_tls(struct net *net, struct front *front, const uint8_t *bytes, size_t len)
{
    struct link *link = front->link;
    if (front->stage == FRONT_OPEN) {
        read_records(net, front, bytes, bytes + len);
        say_pending(net, front);
    } else if (net->handshake_budget && list_empty(&net->hellos) && list_empty(&net->handshakes)) {
        step(net, front, bytes, len);
    } else if (keep_waiting(net, front, bytes, len)) {
        counter_add(&net->counters.tls_handshakes_deferred, 1);
        if (!list_linked(&front->node))
            list_push_back(front->begun ? &net->handshakes : &net->hellos, &front->node);
    } else {
        link_abort(net, link, CLOSE_REASON_OVERLOADED);
    }
}

// True when the header is whole and has been accepted.
static bool read_proxy(struct net *net, struct front *front, const uint8_t **cursor,
                       const uint8_t *end)
{
    const char *error = "";
    struct link *link = front->link;
    switch (proxy_parse(front->proxy, cursor, end, &error)) {
    case PROXY_INCOMPLETE:
        return false;
    case PROXY_BAD:
        counter_add(&net->counters.proxy_headers_refused, 1);
        net->ops->on_failed(net->context, link, CLOSE_REASON_PROXY, error);
        return false;
    case PROXY_COMPLETE:
        break;
    }
    counter_add(&net->counters.proxy_headers, 1);
    net->ops->on_proxied(net->context, link, &front->proxy->endpoints);
    free(front->proxy);
    front->proxy = NULL;
    front->stage = FRONT_HANDSHAKE;
    return link_receives(link);
}

void front_receive(struct net *net, struct link *link, uint8_t *bytes, size_t len)
{
    struct front *front = front_of(net, link);
    const uint8_t *cursor = bytes;
    // After our close_notify nothing is said any more (RFC 8446, section 6.1), and an answer to
    // what still comes would be: all we wait for is the end of the stream.
    if (!link_receives(link) || front->failed || front->closed)
        return;
    if (front->stage == FRONT_PROXY && !read_proxy(net, front, &cursor, bytes + len))
        return;
    size_t rest = (size_t)(bytes + len - cursor);
    if (front->tls) {
        if (rest)
            receive_tls(net, front, cursor, rest);
        return;
    }
    front_drop(net, link); // it has done its work
    if (rest)
        link_give(net, link, bytes + len - rest, rest);
}

static struct list_node *whose_turn(const struct net *net)
{
    bool begun = net->handshake_budget % 2 == 0;
    struct list_node *node = list_first(begun ? &net->handshakes : &net->hellos);
    return node ? node : list_first(begun ? &net->hellos : &net->handshakes);
}

void net_handshakes(struct net *net)
{
    struct list_node *node;
    while (net->handshake_budget && (node = whose_turn(net))) {
        struct front *front = CONTAINER_OF(node, struct front, node);
        uint8_t *bytes = front->waiting;
        uint32_t len = front->waiting_len;
        front->waiting = NULL;
        stop_waiting(net, front);
        if (link_receives(front->link))
            step(net, front, bytes, len);
        free(bytes);
    }
}

// --- Out

static void broken(struct net *net, struct link *link)
{
    counter_add(&net->counters.tls_errors, 1);
    link_abort(net, link, CLOSE_REASON_TLS);
}

const uint8_t *front_seal(struct net *net, struct link *link, const uint8_t *bytes, size_t len,
                          uint32_t *sealed_len)
{
    struct tls_session *tls = front_of(net, link)->tls;
    if (front_of(net, link)->failed)
        len = 0; // only the alert still goes out
    uint8_t *out = arena_alloc(net->arena, tls_write_max(tls, len), 1);
    *sealed_len = out ? (uint32_t)tls_write(tls, bytes, len, out) : 0;
    if (*sealed_len)
        return out;
    if (!out)
        output_out_of_memory(net, link);
    else if (len)
        broken(net, link);
    return NULL;
}

// The next piece of the backlog: a large run's own bytes, or small ones laid end to end.
static const uint8_t *next_plain(struct net *net, const struct backlog *backlog, size_t *len)
{
    size_t skip = backlog->head_sent_bytes;
    const struct run *head = backlog_at(backlog, 0)->run;
    size_t first = run_len(head) - skip;
    if (first >= TLS_RECORD_MAX_BYTES || backlog->count == 1) {
        *len = first < BACKLOG_SEAL_BYTES ? first : BACKLOG_SEAL_BYTES;
        return run_bytes(head) + skip;
    }
    *len = 0;
    for (uint32_t i = 0; i < backlog->count && *len < TLS_RECORD_MAX_BYTES; i++) {
        const struct run *run = backlog_at(backlog, i)->run;
        size_t room = TLS_RECORD_MAX_BYTES - *len, have = run_len(run) - skip;
        size_t take = have < room ? have : room;
        memcpy(net->plain + *len, run_bytes(run) + skip, take);
        *len += take;
        skip = 0;
    }
    return net->plain;
}

static void drop_plain(struct net *net, struct backlog *backlog)
{
    while (backlog->count)
        backlog_advance(backlog, run_len(backlog_at(backlog, 0)->run) - backlog->head_sent_bytes,
                        net->runs);
}

struct run *front_seal_backlog(struct net *net, struct link *link)
{
    struct tls_session *tls = front_of(net, link)->tls;
    struct backlog *backlog = link->backlog;
    if (front_of(net, link)->failed)
        drop_plain(net, backlog); // only the alert still goes out
    size_t len = 0;
    const uint8_t *plain = backlog->count ? next_plain(net, backlog, &len) : NULL;
    if (!len && !tls_pending_bytes(tls)) {
        if (front_of(net, link)->failed)
            link_abort(net, link, CLOSE_REASON_TLS);
        return NULL;
    }
    struct frame *frame = frame_create(net->runs->frames, (uint32_t)tls_write_max(tls, len));
    struct run *run = frame ? run_create(net->runs, frame, 0) : NULL;
    if (!run) {
        if (frame)
            frame_unref(net->runs->frames, frame);
        output_out_of_memory(net, link);
        return NULL;
    }
    frame->len = (uint32_t)tls_write(tls, plain, len, frame->data);
    if (!frame->len) {
        run_unref(net->runs, run);
        broken(net, link);
        return NULL;
    }
    if (len)
        backlog_advance(backlog, (uint32_t)len, net->runs);
    return run;
}

bool front_close(struct net *net, struct link *link)
{
    struct front *front = link->front ? front_of(net, link) : NULL;
    if (!front || front->stage != FRONT_OPEN || front->closed || front->failed)
        return false;
    front->closed = true;
    tls_close(front->tls);
    say_pending(net, front);
    return true;
}
