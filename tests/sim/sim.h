// SPDX-License-Identifier: MIT
//
// The simulated world: shards over fake rings, virtual clients, and what must hold between them.
//
//   sim.c     the world: shards as fibers, the clock, the phases of a run
//   client.c  one virtual client: what it does, and what it reads
//   oracle.c  what must be true of everything that was read
#pragma once

#include "base/rand.h"
#include "shard/shard.h"
#include "sim/fake_ring.h"
#include "sim/fiber.h"

#define SIM_SHARDS_MAX       4
#define SIM_ROOMS_MAX        6
#define SIM_CLIENTS_MAX      64
#define SIM_CLOSE_TIMEOUT_MS 20000
#define SIM_START_MS         1000000
#define SIM_TICK_BYTES       20000 // of bookkeeping and the like that a tick may take
#define SIM_LISTEN_FD        5000
#define SIM_LISTEN_TLS_FD    5100
#define SIM_LISTEN_PROXY_FD  200 // on top of either

// A key, and a token that never ends.
#define SIM_KEYS                                                                                   \
    "{\"keys\":[{\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":"                                         \
    "\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"}]}"
#define SIM_TOKEN                                                                                  \
    "eyJhbGciOiJIUzI1NiJ9"                                                                         \
    ".eyJleHAiOjk5OTk5OTk5OTk5fQ"                                                                  \
    ".fDjGf30apWuTM7CaTKboSPiiivcGL_gL19IUEI07Yss"

enum client_kind { CLIENT_OBSERVER, CLIENT_MEMBER, CLIENT_ECHO, CLIENT_NOISE };
enum client_state { CLIENT_WAITING, CLIENT_SHAKING, CLIENT_OPEN, CLIENT_REFUSED, CLIENT_GONE };
enum client_end { END_STAY, END_CLOSE, END_HALF, END_RESET, END_ABANDON, END_GARBAGE, END_COUNT };

struct bytes {
    uint8_t *at;
    size_t begin, end, capacity;
};

struct numbers {
    uint32_t *at;
    uint32_t count, capacity;
};

// One text or binary message that a client sends.
struct message {
    uint32_t client, seq, len;
    uint8_t opcode;
    uint64_t begun;    // event at which the client began to send it
    uint32_t position; // from 1, in the order of its room; 0: not there
};

struct client {
    uint32_t index;
    enum client_kind kind;
    enum client_state state;
    enum client_end end;
    uint32_t room, shard;
    bool without_self; // ?self=0
    bool wide;         // a socket that never fills
    bool reckless;     // may go at any time
    bool eager;        // does not wait for the 101
    bool never_reads;  // from the handshake on
    bool stubborn;     // not even when all leave
    bool has_tls, has_proxy, has_token;
    bool elsewhere; // connects to another server, which hands it over
    uint32_t stops; // how often it will stop reading for a while
    uint64_t stopped_until;
    bool ever_stopped;
    uint32_t actions_left;
    struct fake_socket *socket;
    struct bytes out, in;
    struct tls_session *tls;        // once connected, when it has TLS
    bool tls_done, tls_closed;      // the handshake is complete; the server has said goodbye
    struct bytes early;             // what it wants to say once the handshake is complete
    size_t out_total, out_written;  // bytes
    struct numbers sent, sent_ends; // messages, and where they end in what is written
    uint32_t sent_written;          // of them, wholly in the socket
    struct numbers received;
    uint32_t pings_sent, pongs_received;
    uint64_t joined; // event at which it read the 101
    bool ending;     // has begun to leave
    uint64_t ended_ms;
    bool close_sent, close_received;
    bool misbehaved; // sent what a server may refuse
    bool cut;        // the server ended it, or may have
    uint16_t close_code;
};

struct sim_shard {
    struct shard shard;
    struct fiber fiber;
    struct sim *sim;
    void *memory;
    bool sleeping;
    uint64_t wake_ms;
};

enum sim_stage { SIM_ACTIVE, SIM_SETTLING, SIM_LEAVING };

struct sim {
    uint64_t seed;
    struct rand rand;
    uint64_t now_ms;
    uint64_t event; // grows with everything that clients do
    enum sim_stage stage;
    bool tight;         // limits that a narrow client may hit though it reads
    bool always_behind; // even a wide client has a backlog for a while
    bool little_memory; // whoever holds the most may be evicted at any time
    bool few_places;    // connections or rooms may be refused
    bool takes_out;     // and takes clients out of their rooms, which the oracle does not follow
    bool embedded;      // the program around the shards uses the registry
    bool tls;           // some clients have TLS
    bool tokens;        // some have a token
    struct tls_context *client_tls;
    uint32_t lent, released; // payloads of the program's
    uint64_t drain_until_ms; // who has asked for something is answered until then
    bool interrupted;        // the shards were told to stop while clients were active
    uint32_t max_message;
    struct ip_nets proxies;
    struct address_limits *addresses; // or NULL
    struct shard_group group;
    struct sim_shard *shards[SIM_SHARDS_MAX];
    uint32_t room_count, client_count;
    struct client clients[SIM_CLIENTS_MAX];
    struct message *messages;
    uint32_t message_count, message_capacity;
    uint64_t steps;
};

// Runs one seed; what fails ends the process with a message that names the seed.
void sim_run(uint64_t seed);

_Noreturn void sim_fail(const struct sim *sim, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static inline bool sim_chance(struct sim *sim, uint32_t percent)
{
    return rand_below(&sim->rand, 100) < percent;
}

void numbers_add(struct numbers *numbers, uint32_t number);

// Hands a client over that is connected elsewhere, as this descriptor.
void sim_adopt(struct sim *sim, struct client *client, int fd, uint32_t ticket);

// --- client.c

// Returns true when the client did something.
bool client_step(struct sim *sim, struct client *client);
bool client_could_step(const struct sim *sim, const struct client *client);
void client_connect(struct sim *sim, struct client *client);
void client_free(struct client *client);
// Writes the payload that a message must have.
void message_write(const struct message *message, uint32_t id, uint8_t *payload);

// --- oracle.c

// A frame that the client has read.
void oracle_message(struct sim *sim, struct client *client, uint8_t opcode, const uint8_t *payload,
                    size_t len);
void oracle_closed(struct sim *sim, struct client *client, uint16_t code, const uint8_t *reason,
                   size_t reason_len);
// The server has ended the stream.
void oracle_eof(struct sim *sim, struct client *client);
// Nothing moves any more and the shards still run: everything must have arrived.
void oracle_settled(struct sim *sim);
// At the end: orders.
void oracle_end(struct sim *sim);
