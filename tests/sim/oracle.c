// SPDX-License-Identifier: MIT
//
// A room's truth is what its observer reads: it joins before all others, on a socket that never
// fills. What any other member reads must be a piece of that without gaps (but for a ?self=0
// member's own messages).
#include "sim/sim.h"

#include "codec/ws_parse.h"
#include "sim/fake_tls.h"

#include <stdlib.h>
#include <string.h>

void numbers_add(struct numbers *numbers, uint32_t number)
{
    if (numbers->count == numbers->capacity) {
        numbers->capacity = numbers->capacity ? numbers->capacity * 2 : 32;
        numbers->at = realloc(numbers->at, numbers->capacity * sizeof *numbers->at);
        CHECK(numbers->at);
    }
    numbers->at[numbers->count++] = number;
}

static void check_payload(struct sim *sim, const struct client *client, uint32_t id, uint8_t opcode,
                          const uint8_t *payload, size_t len)
{
    const struct message *message = &sim->messages[id];
    if (message->len != len || message->opcode != opcode)
        sim_fail(sim, "client %u: message %u has length %zu, opcode %u", client->index, id, len,
                 opcode);
    uint8_t *expected = malloc(len);
    CHECK(expected);
    message_write(message, id, expected);
    if (memcmp(expected, payload, len) != 0)
        sim_fail(sim, "client %u: message %u has wrong bytes", client->index, id);
    free(expected);
}

void oracle_message(struct sim *sim, struct client *client, uint8_t opcode, const uint8_t *payload,
                    size_t len)
{
    char head[9] = {0};
    if (sim->embedded && len && payload[0] == '!')
        return; // from the registry: only that it is whole is checked
    if (len < 8)
        sim_fail(sim, "client %u: a message of %zu bytes", client->index, len);
    memcpy(head, payload, 8);
    uint32_t id = (uint32_t)strtoul(head, NULL, 16);
    if (id >= sim->message_count)
        sim_fail(sim, "client %u: a message that nobody sent", client->index);
    check_payload(sim, client, id, opcode, payload, len);
    const struct client *from = &sim->clients[sim->messages[id].client];
    if (client->kind == CLIENT_ECHO) {
        if (client->received.count >= client->sent.count ||
            client->sent.at[client->received.count] != id)
            sim_fail(sim, "client %u: echo of message %u out of order", client->index, id);
    } else if (from->kind == CLIENT_ECHO || from->room != client->room) {
        sim_fail(sim, "client %u: message %u is of another room", client->index, id);
    } else if (client->without_self && from == client) {
        sim_fail(sim, "client %u: its own message %u", client->index, id);
    }
    numbers_add(&client->received, id);
}

// Slow, so it may be evicted: limits are so tight that reading is not enough.
static bool may_be_evicted(const struct sim *sim, const struct client *client)
{
    return sim->little_memory || (sim->tight && (!client->wide || sim->always_behind));
}

void oracle_closed(struct sim *sim, struct client *client, uint16_t code, const uint8_t *reason,
                   size_t reason_len)
{
    bool fine = client->misbehaved;
    if (code == 1000)
        fine |= client->close_sent || sim->embedded;
    else if (code == 1001)
        fine |= sim->stage == SIM_LEAVING;
    else if (code == 1013)
        fine |= may_be_evicted(sim, client) || client->ever_stopped || client->never_reads;
    if (!fine)
        sim_fail(sim, "client %u: closed with %u %.*s", client->index, code, (int)reason_len,
                 (const char *)reason);
    // An answer to the client's own Close has no reason; with one it is the program's wish, which
    // may have crossed the client's: what it sent behind was not for anybody any more.
    if (!client->close_sent || code != 1000 || reason_len)
        client->cut = true;
}

void oracle_eof(struct sim *sim, struct client *client)
{
    bool fine = client->misbehaved || client->close_received || sim->stage == SIM_LEAVING ||
                (client->ending && client->end == END_HALF) || client->state == CLIENT_REFUSED ||
                (client->state == CLIENT_SHAKING && sim->few_places);
    // A goodbye is for those who are open: who is asking for something gets an answer.
    if (client->state == CLIENT_SHAKING && sim->now_ms < sim->drain_until_ms)
        fine = client->misbehaved || sim->few_places;
    // Who came by another server may find no place here.
    fine |= client->elsewhere && client->received.count == 0 && client->pongs_received == 0;
    // Who reads so slowly that the goodbye takes too long is not waited for.
    uint64_t since_ms = client->ending ? client->ended_ms : SIM_START_MS;
    bool goodbye = client->ending || sim->embedded || may_be_evicted(sim, client);
    fine |= sim->little_memory; // held on to what was in flight
    fine |= goodbye && sim->now_ms - since_ms >= SIM_CLOSE_TIMEOUT_MS;
    if (!fine)
        sim_fail(sim, "client %u: cut off (state %d)", client->index, client->state);
    if (client->close_sent && client->close_received)
        return;
    // Nor is anybody told who came by another server and half-closed before there was no place.
    bool no_place = client->elsewhere && sim->few_places && client->received.count == 0;
    if (no_place || sim->little_memory ||
        !(client->ending && client->end == END_HALF && !client->close_received))
        client->cut = true;
}

// --- Orders

static struct client *observer_of(struct sim *sim, uint32_t room)
{
    for (uint32_t i = 0; i < sim->client_count; i++)
        if (sim->clients[i].kind == CLIENT_OBSERVER && sim->clients[i].room == room)
            return &sim->clients[i];
    UNREACHABLE();
}

// Sets the messages' positions; each publisher's own order must have been kept without gaps.
static void number_messages(struct sim *sim, const struct client *observer)
{
    uint32_t next[SIM_CLIENTS_MAX] = {0};
    for (uint32_t i = 0; i < observer->received.count; i++) {
        struct message *message = &sim->messages[observer->received.at[i]];
        if (message->seq != next[message->client]++)
            sim_fail(sim, "room %u: message %u of client %u is its %uth", observer->room,
                     message->seq, message->client, next[message->client] - 1);
        message->position = i + 1;
    }
}

static bool own(const struct sim *sim, const struct client *client, uint32_t id)
{
    return client->without_self && sim->messages[id].client == client->index;
}

static uint32_t skip_own(const struct sim *sim, const struct client *client,
                         const struct numbers *order, uint32_t position)
{
    while (position < order->count && own(sim, client, order->at[position]))
        position++;
    return position;
}

// Returns where in the order the next message for this client would stand.
static uint32_t check_piece(struct sim *sim, const struct client *client,
                            const struct numbers *order)
{
    uint32_t next = 0;
    for (uint32_t i = 0; i < client->received.count; i++) {
        uint32_t position = sim->messages[client->received.at[i]].position;
        if (position == 0) { // behind the end of what the observer has seen
            next = skip_own(sim, client, order, next);
            if (i && next < order->count)
                sim_fail(sim, "client %u: message %u is not in the order of room %u", client->index,
                         client->received.at[i], client->room);
            return order->count;
        }
        next = i ? skip_own(sim, client, order, next) : position - 1;
        if (next != position - 1)
            sim_fail(sim, "client %u: message %u of room %u is at %u instead of %u", client->index,
                     client->received.at[i], client->room, position - 1, next);
        next = position;
    }
    return next;
}

static bool stayed(const struct client *client)
{
    return client->state == CLIENT_OPEN && !client->cut && !client->ending &&
           !client->never_reads && !client->misbehaved && !client->close_received;
}

static void check_all_received(struct sim *sim, const struct client *client,
                               const struct numbers *order, uint32_t next)
{
    if (client->received.count) {
        next = skip_own(sim, client, order, next);
        if (next < order->count)
            sim_fail(sim, "client %u: message %u of room %u has not arrived", client->index,
                     order->at[next], client->room);
    }
    uint32_t first =
        client->received.count ? sim->messages[client->received.at[0]].position - 1 : order->count;
    for (uint32_t i = 0; i < first; i++)
        if (!own(sim, client, order->at[i]) && sim->messages[order->at[i]].begun > client->joined)
            sim_fail(sim, "client %u: message %u of room %u, sent after the join, is missing",
                     client->index, order->at[i], client->room);
}

// Everything that a client has said before it left in good order must have been published.
static void check_all_published(struct sim *sim, const struct client *client)
{
    if (client->cut || client->misbehaved || client->state == CLIENT_SHAKING ||
        client->state == CLIENT_REFUSED || client->state == CLIENT_WAITING)
        return;
    if (client->ending && client->end != END_CLOSE && client->end != END_HALF)
        return;
    if (client->ending && client->state != CLIENT_GONE)
        return; // never reads
    if (client->state == CLIENT_OPEN && !stayed(client))
        return;
    for (uint32_t i = 0; i < client->sent.count; i++)
        if (!sim->messages[client->sent.at[i]].position)
            sim_fail(sim,
                     "client %u (state %d, end %d): its message %u to room %u was not published",
                     client->index, client->state, client->end, client->sent.at[i], client->room);
}

static void check_member(struct sim *sim, const struct client *client, const struct numbers *order,
                         bool settled)
{
    uint32_t next = check_piece(sim, client, order);
    if (!settled)
        return;
    if (stayed(client))
        check_all_received(sim, client, order, next);
    check_all_published(sim, client);
}

static void check_echo(struct sim *sim, const struct client *client)
{
    if (stayed(client) && client->received.count != client->sent.count)
        sim_fail(sim, "client %u: %u echoes of %u", client->index, client->received.count,
                 client->sent.count);
}

static void check_rooms(struct sim *sim, bool settled)
{
    for (uint32_t room = 0; room < sim->room_count && !sim->takes_out; room++) {
        const struct client *observer = observer_of(sim, room);
        if (settled && !stayed(observer))
            continue;
        if (observer->cut && (sim->tight || sim->little_memory))
            continue; // too slow for these limits: nobody has seen the order
        number_messages(sim, observer);
        for (uint32_t i = 0; i < sim->client_count; i++)
            if (sim->clients[i].kind <= CLIENT_MEMBER && sim->clients[i].room == room)
                check_member(sim, &sim->clients[i], &observer->received, settled);
    }
}

void oracle_settled(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->client_count; i++) {
        const struct client *client = &sim->clients[i];
        if (!stayed(client))
            continue;
        if (client->out.begin != client->out.end)
            sim_fail(sim, "client %u: the server has stopped reading", client->index);
        if (client->pongs_received != client->pings_sent)
            sim_fail(sim, "client %u: %u pongs to %u pings", client->index, client->pongs_received,
                     client->pings_sent);
        if (client->tls && fake_tls_unanswered(client->tls))
            sim_fail(sim, "client %u: %u key updates are not answered", client->index,
                     fake_tls_unanswered(client->tls));
        if (client->kind == CLIENT_ECHO)
            check_echo(sim, client);
    }
    check_rooms(sim, true);
}

void oracle_end(struct sim *sim)
{
    check_rooms(sim, false);
}
