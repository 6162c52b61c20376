// SPDX-License-Identifier: MIT
#include "stress/stress.h"

#include "codec/ws_write.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define POLL_MS 20

struct client clients[SLOTS];
_Atomic bool receiving = true, staying = true;

// Places to be filled again, and the ends of sockets that were registered for them.
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool free_slots[SLOTS];
static int fresh[SLOTS]; // -1: none

static void send_frame(const struct client *client, enum ws_opcode opcode, const void *bytes,
                       size_t len)
{
    static const uint8_t mask[4];
    uint8_t frame[14 + 125];
    size_t head = ws_client_header_write(frame, opcode, true, len, mask);
    memcpy(frame + head, bytes, len);
    (void)send(client->fd, frame, head + len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

// --- What a message says

static void check_direct(struct client *client, unsigned poster, uint64_t number, uint64_t id,
                         enum ws_opcode opcode)
{
    if (opcode != (number % 2 ? WS_BINARY : WS_TEXT))
        fail("message %llu has become opcode %d", (unsigned long long)number, (int)opcode);
    if (id != client->id)
        fail("message for %016llx reached %016llx", (unsigned long long)id,
             (unsigned long long)client->id);
    if (number != client->direct[poster] + 1)
        fail("poster %u to one connection: %llu after %llu", poster, (unsigned long long)number,
             (unsigned long long)client->direct[poster]);
    client->direct[poster] = number;
}

static void check_broadcast(struct client *client, unsigned poster, uint64_t number)
{
    uint64_t before = client->broadcast[poster];
    bool first = before == 0 && client->slot >= STABLE;
    if (number != before + 1 && !first)
        fail("poster %u to everybody: %llu after %llu", poster, (unsigned long long)number,
             (unsigned long long)before);
    client->broadcast[poster] = number;
}

static void check_room(struct client *client, unsigned poster, uint64_t number, unsigned room)
{
    uint64_t before = client->room[room][poster];
    if (client->slot < STABLE ? number != before + 1 : number <= before)
        fail("poster %u to room %u: %llu after %llu at client %u", poster, room,
             (unsigned long long)number, (unsigned long long)before, client->slot);
    client->room[room][poster] = number;
    client->order[room] = (client->order[room] ^ (poster << 20) ^ number) * 0x9E3779B97F4A7C15;
    client->messages[room]++;
}

static void look_at(struct client *client, enum ws_opcode opcode, const char *text)
{
    unsigned poster = 0, room = 0;
    unsigned long long number = 0, id = 0;
    if (sscanf(text, "I %llx", &id) == 1)
        client->id = id;
    else if (sscanf(text, "D %u %llu %llx", &poster, &number, &id) == 3 && poster < POSTERS)
        check_direct(client, poster, number, id, opcode);
    else if (opcode != WS_TEXT)
        fail("a text that has become opcode %d", (int)opcode);
    else if (sscanf(text, "B %u %llu", &poster, &number) == 2 && poster < POSTERS)
        check_broadcast(client, poster, number);
    else if (sscanf(text, "R %u %llu %u", &poster, &number, &room) == 3 && poster < POSTERS &&
             room < ROOMS)
        check_room(client, poster, number, room);
    else if (sscanf(text, "J %llu %llx", &number, &id) == 2 && id == client->id)
        atomic_store(&probe_seen, number);
    else if (sscanf(text, "J %llu %llx", &number, &id) == 2)
        ; // it has not left yet
    else
        fail("a message that nobody sent: %.60s", text);
    if (client->slot == 0 && (*text == 'B' || *text == 'R'))
        atomic_fetch_add(&arrived, 1);
}

// --- Frames

static void take_frame(struct client *client, unsigned opcode, const uint8_t *bytes, size_t len)
{
    char text[MESSAGE_MAX + 1];
    if (client->close_seen)
        fail("a frame behind the Close frame");
    if (opcode == WS_CLOSE) {
        client->close_seen = true;
        send_frame(client, WS_CLOSE, bytes, len < 2 ? 0 : 2);
        return;
    }
    if (opcode == WS_PING) {
        send_frame(client, WS_PONG, bytes, len);
        return;
    }
    if ((opcode != WS_TEXT && opcode != WS_BINARY) || len > MESSAGE_MAX)
        fail("a frame that nobody sent: opcode %u, %zu bytes", opcode, len);
    memcpy(text, bytes, len);
    text[len] = 0;
    look_at(client, (enum ws_opcode)opcode, text);
}

// All of them are short.
static void take_frames(struct client *client)
{
    size_t at = 0;
    while (client->have - at >= 2) {
        const uint8_t *frame = client->bytes + at;
        size_t len = frame[1];
        if (len > 125)
            fail("a frame that is too long");
        if (client->have - at < 2 + len)
            break;
        take_frame(client, frame[0] & 15, frame + 2, len);
        at += 2 + len;
    }
    client->have -= at;
    memmove(client->bytes, client->bytes + at, client->have);
}

static void end(struct client *client)
{
    if (client->slot < STABLE && staying)
        fail("client %u was to stay", client->slot);
    close(client->fd);
    client->fd = -1;
    pthread_mutex_lock(&lock);
    free_slots[client->slot] = true;
    pthread_mutex_unlock(&lock);
}

// Some say something, and some leave by themselves: with a Close frame, or without a word.
static void act(struct client *client)
{
    if (rand() % 20 == 0)
        send_frame(client, WS_TEXT, "?", 1);
    if (rand() % 2000)
        return;
    if (rand() % 2)
        send_frame(client, WS_CLOSE, "\x03\xe8", 2);
    else
        end(client);
}

static void receive(struct client *client)
{
    ssize_t got =
        recv(client->fd, client->bytes + client->have, CLIENT_BYTES - client->have, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        end(client);
        return;
    }
    client->have += (size_t)got;
    take_frames(client);
    if (client->slot >= STABLE && staying && !client->close_seen)
        act(client);
}

// --- Coming

static void take_fresh(void)
{
    pthread_mutex_lock(&lock);
    for (unsigned slot = 0; slot < SLOTS; slot++) {
        struct client *client = &clients[slot];
        if (fresh[slot] < 0 || client->fd >= 0)
            continue;
        memset(client, 0, offsetof(struct client, bytes));
        client->slot = slot;
        client->fd = fresh[slot];
        fresh[slot] = -1;
    }
    pthread_mutex_unlock(&lock);
}

static bool take_slot(unsigned slot)
{
    static bool begun;
    pthread_mutex_lock(&lock);
    for (unsigned i = 0; !begun && i < SLOTS; i++) {
        free_slots[i] = true;
        fresh[i] = -1;
        clients[i].fd = -1;
    }
    begun = true;
    bool taken = free_slots[slot];
    free_slots[slot] = false;
    pthread_mutex_unlock(&lock);
    return taken;
}

static void give_slot(unsigned slot, int fd)
{
    pthread_mutex_lock(&lock);
    free_slots[slot] = fd < 0;
    fresh[slot] = fd;
    pthread_mutex_unlock(&lock);
}

void clients_forget(void)
{
    for (unsigned slot = 0; slot < SLOTS; slot++) {
        if (fresh[slot] >= 0)
            close(fresh[slot]);
        fresh[slot] = -1;
        free_slots[slot] = true;
    }
}

bool clients_connect(unsigned slot)
{
    // What the others say first is there when they open.
    static const uint8_t early[] = {0x81, 0x81, 0, 0, 0, 0, '?'};
    struct ringcast_decision decision = {.connection = (void *)(uintptr_t)(slot + 1)};
    struct ringcast_registration registration = {.decision = &decision};
    int pair[2];
    if (!take_slot(slot))
        return false;
    for (unsigned room = 0; room < (slot < STABLE ? ROOMS : slot % ROOMS); room++) {
        char name = (char)('a' + room);
        (void)ringcast_decision_join(&decision, &name, 1);
    }
    if (slot % 4 == 3 && slot >= STABLE) {
        registration.early = early;
        registration.early_bytes = sizeof early;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
        fail("socketpair: %s", strerror(errno));
    int result = ringcast_register(rc, pair[1], &registration);
    if (result && result != -EAGAIN)
        fail("register: %s", strerror(-result));
    if (result) {
        close(pair[0]);
        close(pair[1]);
    }
    give_slot(slot, result ? -1 : pair[0]);
    return result == 0;
}

void *receive_until_ended(void *nothing)
{
    struct pollfd fds[SLOTS];
    unsigned live = 1;
    while (receiving || live) {
        take_fresh();
        live = 0;
        for (unsigned slot = 0; slot < SLOTS; slot++) {
            fds[slot] = (struct pollfd){.fd = clients[slot].fd, .events = POLLIN};
            live += clients[slot].fd >= 0;
        }
        (void)poll(fds, SLOTS, POLL_MS);
        for (unsigned slot = 0; slot < SLOTS; slot++)
            if (fds[slot].revents)
                receive(&clients[slot]);
    }
    return nothing;
}
