// SPDX-License-Identifier: MIT
#include "base/arena.h"
#include "codec/ws_mask.h"
#include "codec/ws_write.h"
#include "load/client.h"
#include "load/secure.h"
#include "load/template.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OUT_MAX_BYTES (UINT32_C(1) << 30) // of a client in one tick

struct buffer {
    uint8_t *bytes;
    size_t len, capacity;
};

struct client_backlog {
    struct buffer going; // one send in flight, of everything behind `gone`
    struct buffer next;  // gathered meanwhile
    size_t gone;
};

void client_out_begin_tick(struct worker *worker)
{
    // The last tick's sends are settled only when its completions have been reaped, so their
    // memory stays one tick longer.
    worker->arena_now ^= 1;
    arena_reset(&worker->arenas[worker->arena_now]);
}

void client_touch(struct worker *worker, struct client *client)
{
    if (!client->dirty) {
        client->dirty = true;
        worker->dirty[worker->dirty_count++] = client;
    }
}

// Makes place for `need` bytes. Twice what there was when it has to move, as every further message
// would have it moved again where several clients send by turns.
static bool reserve(struct worker *worker, struct client *client, uint32_t need)
{
    struct arena *arena = &worker->arenas[worker->arena_now];
    if (client->out && need <= client->out_capacity)
        return true;
    if (client->out &&
        arena_extend(arena, client->out + client->out_capacity, need - client->out_capacity)) {
        client->out_capacity = need;
        return true;
    }
    uint32_t twice = 2 * client->out_bytes, capacity = need > twice ? need : twice;
    uint8_t *fresh = arena_alloc(arena, capacity, 1);
    if (!fresh)
        return false;
    if (client->out)
        memcpy(fresh, client->out, client->out_bytes);
    client->out = fresh;
    client->out_capacity = capacity;
    return true;
}

uint8_t *client_out(struct worker *worker, struct client *client, uint32_t bytes)
{
    if (bytes > OUT_MAX_BYTES - client->out_bytes) {
        client_end(worker, client, "over 1 GiB to send at once: give a smaller --window or --size");
        return NULL;
    }
    if (!reserve(worker, client, client->out_bytes + bytes)) {
        client_end(worker, client, "out of memory");
        return NULL;
    }
    uint8_t *out = client->out + client->out_bytes;
    client->out_bytes += bytes;
    client_touch(worker, client);
    return out;
}

static void draw_mask(struct worker *worker, uint8_t mask[4])
{
    uint32_t random = (uint32_t)rand_next(&worker->rand);
    memcpy(mask, &random, 4);
}

void client_send_text(struct worker *worker, struct client *client, const uint8_t *text, size_t len)
{
    uint32_t header = len < 126 ? 6 : len < 65536 ? 8 : 14;
    uint8_t *out = client_out(worker, client, (uint32_t)(header + len)), mask[4];
    if (!out)
        return;
    draw_mask(worker, mask);
    ws_client_header_write(out, WS_TEXT, true, len, mask);
    memcpy(out + header, text, len);
    ws_mask(out + header, len, mask, 0);
}

void client_send_template(struct worker *worker, struct client *client, const char *template,
                          const uint8_t *payload, size_t payload_len)
{
    struct template_values values = {client->room, client->id, payload, payload_len};
    size_t max = 2 * strlen(template) + 64 + payload_len;
    uint8_t *text = malloc(max);
    size_t len = text ? template_expand(text, max, template, &values) : 0;
    if (len)
        client_send_text(worker, client, text, len);
    else
        client_end(worker, client, "the template cannot be expanded");
    free(text);
}

static void send_wrapped(struct worker *worker, struct client *client, const struct stamp *stamp)
{
    const struct options *options = &worker->bench->options;
    uint8_t *payload = malloc(options->size_bytes);
    if (!payload) {
        client_end(worker, client, "out of memory");
        return;
    }
    stamp_write(payload, stamp, false);
    memset(payload + STAMP_TEXT_BYTES, STAMP_FILLER, options->size_bytes - STAMP_TEXT_BYTES);
    client_send_template(worker, client, options->publish, payload, options->size_bytes);
    free(payload);
}

void client_send_stamp(struct worker *worker, struct client *client, const struct stamp *stamp)
{
    const struct options *options = &worker->bench->options;
    if (options->publish) {
        send_wrapped(worker, client, stamp);
        return;
    }
    uint32_t size = options->size_bytes, header = size < 126 ? 6 : size < 65536 ? 8 : 14;
    uint8_t *out = client_out(worker, client, header + size), mask[4];
    if (!out)
        return;
    draw_mask(worker, mask);
    ws_client_header_write(out, options->binary ? WS_BINARY : WS_TEXT, true, size, mask);
    size_t stamp_len = stamp_bytes(options->binary);
    stamp_write(out + header, stamp, options->binary);
    memset(out + header + stamp_len, STAMP_FILLER, size - stamp_len);
    ws_mask(out + header, size, mask, 0);
}

void client_send_control(struct worker *worker, struct client *client, enum ws_opcode opcode,
                         const uint8_t *bytes, size_t len)
{
    uint8_t *out = client_out(worker, client, (uint32_t)(6 + len)), mask[4];
    if (!out)
        return;
    draw_mask(worker, mask);
    ws_client_header_write(out, opcode, true, len, mask);
    if (len)
        memcpy(out + 6, bytes, len);
    ws_mask(out + 6, len, mask, 0);
}

static bool append(struct buffer *buffer, const uint8_t *bytes, size_t len)
{
    if (buffer->len + len > buffer->capacity) {
        size_t capacity = (buffer->len + len) * 2;
        uint8_t *grown = realloc(buffer->bytes, capacity);
        if (!grown)
            return false;
        buffer->bytes = grown;
        buffer->capacity = capacity;
    }
    memcpy(buffer->bytes + buffer->len, bytes, len);
    buffer->len += len;
    return true;
}

static void add_to_backlog(struct worker *worker, struct client *client, const uint8_t *bytes,
                           size_t len)
{
    if (!client->backlog)
        client->backlog = calloc(1, sizeof *client->backlog);
    if (!client->backlog || !append(&client->backlog->next, bytes, len))
        client_end(worker, client, "out of memory");
}

// Sends what is left, or what has been gathered; without either the backlog is over.
static void go_on(struct worker *worker, struct client *client)
{
    struct client_backlog *backlog = client->backlog;
    if (backlog->gone == backlog->going.len) {
        struct buffer done = backlog->going;
        done.len = 0;
        backlog->going = backlog->next;
        backlog->next = done;
        backlog->gone = 0;
    }
    if (backlog->going.len == 0) {
        client_out_drop(client);
        return;
    }
    client->armed |= CLIENT_ARMED_SEND;
    worker_count(worker, sends, 1);
    ring_send(worker->ring, client->file, backlog->going.bytes + backlog->gone,
              (uint32_t)(backlog->going.len - backlog->gone),
              client_tag(CLIENT_OP_SEND, client->index));
}

void client_out_drop(struct client *client)
{
    if (client->backlog) {
        free(client->backlog->going.bytes);
        free(client->backlog->next.bytes);
        free(client->backlog);
        client->backlog = NULL;
    }
}

// An inline send that was not silent: short, refused or broken.
static void settle(struct worker *worker, struct client *client, int32_t result)
{
    uint32_t gone = result > 0 ? (uint32_t)result : 0;
    if (result < 0 && result != -EAGAIN)
        client_end(worker, client, strerror(-result));
    else if (gone < client->sent_bytes)
        add_to_backlog(worker, client, client->sent + gone, client->sent_bytes - gone);
    if (client->backlog && client->state < CLIENT_CLOSING && !(client->armed & CLIENT_ARMED_SEND))
        go_on(worker, client);
}

void client_out_complete(struct worker *worker, struct client *client,
                         const struct ring_completion *completion)
{
    bool is_inline = completion->user_data >> 56 == CLIENT_OP_INLINE;
    if (!is_inline)
        client->armed &= (uint8_t)~CLIENT_ARMED_SEND;
    if (client->state >= CLIENT_CLOSING)
        return;
    if (is_inline) {
        settle(worker, client, completion->result);
    } else if (completion->result < 0) {
        client_end(worker, client, strerror(-completion->result));
    } else {
        client->backlog->gone += (size_t)completion->result;
        go_on(worker, client);
    }
}

static void flush_client(struct worker *worker, struct client *client)
{
    const uint8_t *bytes = client->out;
    uint32_t len = client->out_bytes;
    if (client->tls && !(bytes = secure_seal(worker, client, &len)))
        return;
    if (client->backlog) {
        add_to_backlog(worker, client, bytes, len);
        return;
    }
    client->sent = bytes;
    client->sent_bytes = len;
    worker_count(worker, sends, 1);
    ring_send_inline(worker->ring, client->file, bytes, len,
                     client_tag(CLIENT_OP_INLINE, client->index));
}

void client_out_flush(struct worker *worker)
{
    for (uint32_t i = 0; i < worker->dirty_count; i++) {
        struct client *client = worker->dirty[i];
        if (client->state >= CLIENT_SECURING && client->state <= CLIENT_LEAVING)
            flush_client(worker, client);
        client->dirty = false;
        client->out = NULL;
        client->out_bytes = client->out_capacity = 0;
    }
    worker->dirty_count = 0;
}
