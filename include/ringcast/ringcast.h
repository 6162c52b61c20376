// SPDX-License-Identifier: MIT
//
// ringcast as a library: a WebSocket server (RFC 6455) inside a program, with its connection
// registry as the program's. Linux 6.1 or newer, io_uring.
//
// An instance has a number of shards, each a thread with a ring, connections and rooms of its own.
// Several instances can live in one process; none survives fork(). The library does not print,
// exit, install signal handlers or change limits: raise RLIMIT_NOFILE for more than about 900
// connections on a shard. It aborts, with a line on stderr, for a bug of its own and when malloc
// fails for the queue between two shards; else out of memory ends the connections it concerns.
//
// Threads. Callbacks run on the thread of the shard that owns the connection and must not block; a
// short lock is all right, also around calls of the library: no function runs a callback before it
// returns, but for log, the release of what was lent, on_room_end (by leaving and closing), and
// what ringcast_destroy hands back. Every function says who may call it:
//
//   Thread: any      from anywhere, at any time between create and destroy; never blocks. On the
//                    shard that owns the connection it acts at once, elsewhere it posts a command
//                    to the shard's inbox and returns -EAGAIN when that is full.
//   Thread: shard    only from callbacks, on the shard that owns the connection or room.
//   Thread: control  one thread at a time, none of the shards': who creates and destroys.
//
// Order. What one thread posts to one connection arrives in that order, and so does what one thread
// posts to one room; all members of a room see the same order. Between what is sent to a
// connection, what is published to its rooms and what is broadcast to everybody there is none. A
// join that has been acknowledged (on_open for rooms of the decision, on_joined otherwise) is seen
// by every later publish.
//
// Ids are values: copy and keep them as you like. An id is stale from the moment that its
// connection begins to close, whoever closes it, and so in its on_close already. A stale id is
// recognised and never means another connection of its instance: -ESTALE where that is known at
// once (on the owning shard), nothing happens elsewhere. To another instance it means nothing.
//
// Errors are negative errno values; unless it says otherwise, a function that fails has changed
// nothing. -EAGAIN asks to try again later, or to leave it out. A room that is crowded holds up the
// inbox of the shard that orders its messages, and so whatever else is posted there meanwhile.
// Owner: what a function takes and who frees it, per outcome; nothing said: it has copied all that
// it needs when it returns.
//
// Structures keep their layout as long as the library keeps its soname. version.h has the macros
// RINGCAST_VERSION (a text), RINGCAST_VERSION_MAJOR, _MINOR and _PATCH.
#ifndef RINGCAST_RINGCAST_H
#define RINGCAST_RINGCAST_H

#include "ringcast/version.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RINGCAST_API __attribute__((visibility("default")))

// --- Values

struct ringcast;         // one server
struct ringcast_request; // an HTTP request, during on_upgrade and on_http

// Names a connection.
typedef struct ringcast_id {
    uint64_t value; // 0: nobody
} ringcast_id;

// What a message is (RFC 6455, section 5.6). Text is UTF-8.
enum ringcast_kind { RINGCAST_TEXT = 1, RINGCAST_BINARY = 2 };

// Where a connection's messages go: to on_message; to all members of its first room, without asking
// the program; or back to itself.
enum ringcast_mode { RINGCAST_TO_PROGRAM, RINGCAST_TO_ROOM, RINGCAST_ECHO };

#define RINGCAST_THREADS_MAX         64         // of an instance
#define RINGCAST_LISTENERS_MAX       8          // of an instance
#define RINGCAST_CERTIFICATES_MAX    16         // of an instance
#define RINGCAST_ROOM_NAME_MAX_BYTES 200        // of UTF-8, at least 1
#define RINGCAST_ROOMS_AT_ONCE       16         // of a decision; joined later: any number
#define RINGCAST_MESSAGE_MAX_BYTES   (1U << 30) // that is sent; received: max_message_bytes
#define RINGCAST_ADDRESS_BYTES       56         // of a text like "[2001:db8::1]:1234", with its end

// A room's name. Rooms exist while they have members; nobody creates them.
struct ringcast_room_name {
    uint8_t len;                              // at least 1
    char bytes[RINGCAST_ROOM_NAME_MAX_BYTES]; // not terminated
};

// --- Decisions and answers

// What becomes of a request for a WebSocket. Zeroed: it is opened, in no room, with all its
// messages for on_message. A client whose token has a list of rooms is refused by itself (403) when
// a room of the decision is not in it.
struct ringcast_decision {
    int status; // 0: open it; else refuse it with this HTTP status (400 to 599)
    // The body of a refusal, usually a literal: copied once the callback has returned. At most 250
    // bytes; NULL: "not here".
    const char *reason;
    enum ringcast_mode mode;
    bool exclude_self; // RINGCAST_TO_ROOM: own messages do not come back
    // The program's pointer for this connection, handed to its callbacks; also when it is never
    // opened: on_close gives it back. A request that is refused by status takes no pointer.
    void *connection;
    size_t room_count; // joined before the handshake is answered; RINGCAST_TO_ROOM needs one
    struct ringcast_room_name rooms[RINGCAST_ROOMS_AT_ONCE];
};

// What an HTTP request that is no upgrade gets. Zeroed but for status 404.
struct ringcast_answer {
    int status;               // 200 to 599
    const char *content_type; // NULL: text/plain; charset=utf-8
    const char *headers;      // further lines, each ended by "\r\n", or NULL; at most 512 bytes
    const void *body;         // copied once the callback has returned: must be good until then
    size_t body_bytes;
    void *owned; // given to free() after that, or NULL: memory that the texts above lie in
};

// Why a connection ended.
struct ringcast_end {
    uint16_t code; // of the Close frame, whoever sent it (RFC 6455, section 7.4); 1006: none
    // The metric label, static. "normal": the client closed; "server": the program did;
    // "draining": ringcast_stop; "peer_eof", "peer_reset": the client went without a Close frame;
    // "protocol", "not_utf8", "too_big", "message_timeout", "rate", "not_writable",
    // "token_expired": what it did or is; "idle", "slow_frames", "slow_bytes", "slow_age",
    // "overloaded": not kept; "internal". With id 0: "not_adopted", "not_opened". There may be
    // more.
    const char *reason;
};

// --- Callbacks

// All may be NULL. None may call ringcast_destroy, ringcast_wait or ringcast_run.
struct ringcast_callbacks {
    // A good request for a WebSocket, which ringcast_set_access lets in. NULL: /room/NAME joins
    // that room and /echo echoes, as the ringcast server does; other paths get 404.
    void (*on_upgrade)(struct ringcast *rc, const struct ringcast_request *request,
                       struct ringcast_decision *decision);

    // Any other request, whatever its method: look at it before doing anything. Other methods than
    // GET and HEAD get 405 unless the answer's status is 400 or more; a body is not read. NULL:
    // 404.
    void (*on_http)(struct ringcast *rc, const struct ringcast_request *request,
                    struct ringcast_answer *answer);

    // Open, and a member of the decision's rooms.
    void (*on_open)(struct ringcast *rc, ringcast_id id, void *connection);

    // A whole message of a connection whose mode is RINGCAST_TO_PROGRAM. Text is valid UTF-8.
    // `bytes` are good during the call, and not terminated. Returns -EAGAIN or -ENOMEM for "not
    // now": the connection is not read from meanwhile, and the same message is offered again, about
    // every millisecond, by calling this again: so what may be refused comes first, before anything
    // that must not be done twice. Anything else: done with. So the result of
    // ringcast_broadcast_room_text can be handed on: a crowded room then holds its publishers.
    // NULL: messages are dropped.
    int (*on_message)(struct ringcast *rc, ringcast_id id, void *connection,
                      enum ringcast_kind kind, const void *bytes, size_t len);

    // The answer to ringcast_join_room; one for all that were asked for the same room before it
    // came, and none when the room was left meanwhile. Not accepted: there is no place for another
    // room.
    void (*on_joined)(struct ringcast *rc, ringcast_id id, void *connection, const char *room,
                      size_t room_len, bool accepted);

    // The last callback of a connection; it is in no room any more, but is still counted. With id 0
    // it hands back the `connection` of a decision whose connection was never opened: of each
    // socket given to ringcast_register that could not be taken in ("not_adopted"; also from within
    // ringcast_destroy, on its thread), and of each request that on_upgrade accepted with a pointer
    // other than NULL and that came to nothing ("not_opened": no place in a room, a token that does
    // not open it, or the client has gone).
    void (*on_close)(struct ringcast *rc, ringcast_id id, void *connection,
                     const struct ringcast_end *end);

    // Once in each turn of a shard's loop, before it sends; see tick_interval_ms. now_ms is of
    // clock_ms.
    void (*on_tick)(struct ringcast *rc, unsigned shard, uint64_t now_ms);

    // The last member of the room on this shard has left, and the room has a pointer there
    // (ringcast_set_room). Must not call ringcast functions but those of "The instance".
    void (*on_room_end)(struct ringcast *rc, const char *room, size_t room_len, void *pointer);

    void *reserved[7]; // for callbacks to come: NULL
};

// --- Options

// An address to listen on.
struct ringcast_listener {
    const char *address; // "127.0.0.1:8080", "[::1]:0", "*:8443"; NULL: fd is given
    int fd;              // a listening stream socket. Owner: the program's; must stay until destroy
    bool tls;            // needs ringcast_set_tls before ringcast_start
    bool proxy;          // each connection begins with a PROXY header: from proxy_networks only,
                         // or by a unix socket with a path, which its permissions guard
};

// How much a log is told.
enum ringcast_level { RINGCAST_DEBUG, RINGCAST_INFO, RINGCAST_WARN, RINGCAST_ERROR, RINGCAST_OFF };

// Filled by ringcast_options_init. All that is pointed at is copied by ringcast_create, but for
// user pointers.
struct ringcast_options {
    size_t size; // of this structure, as the program was compiled with
    const struct ringcast_listener *listeners;
    size_t listener_count; // at most 8; 0: only ringcast_register brings connections
    const struct ringcast_callbacks *callbacks; // or NULL
    void *user;                                 // for ringcast_user

    unsigned threads;         // 0: one per CPU that the process may run on; at most 64
    bool pin;                 // each thread to a CPU of its own, when there are enough
    uint64_t max_connections; // on all shards; 0: what RLIMIT_NOFILE allows
    uint32_t max_rooms;       // on each shard; default 1,048,576

    uint64_t max_message_bytes; // received; default 1 MiB
    uint32_t outbound_messages; // may wait for a slow client, else it is evicted; default 1,024
    uint64_t outbound_bytes;    // the same in bytes; default 4 MiB
    uint32_t outbound_age_ms;   // how long one may wait; 0: any time; default 10,000

    uint32_t ping_interval_ms; // silence after which a client is pinged; 0: never; default 30,000
    uint32_t idle_timeout_ms;  // silence after which it is reaped; 0: never; default 90,000
    uint32_t handshake_timeout_ms; // for the whole handshake; default 10,000
    uint32_t close_timeout_ms;     // for the answer to a Close frame; default 5,000
    uint32_t tick_interval_ms; // on_tick at least so often; 0: only when there is something to do

    uint32_t messages_per_second;            // from one connection; 0: any number
    uint64_t bytes_per_second;               // the same, with frame headers
    uint32_t address_connections;            // at once from one client address; 0: any number
    uint32_t address_connections_per_second; // new ones; 0: any number
    const char *proxy_networks; // load balancers: "10.0.0.0/8,::1"; default "127.0.0.0/8,::1"

    uint32_t inbox_commands; // posted to one shard and not yet carried out; default 65,536
    uint64_t inbox_bytes;    // the same in bytes; default 64 MiB

    uint32_t recv_buffers;      // on each shard, a power of two up to 32,768; default 1,024
    uint32_t recv_buffer_bytes; // each; default 4,096
    uint64_t send_memory_bytes; // on each shard, for messages on their way; default 4 MiB
    // Sends of at least this size do not copy; 0, the default: never.
    uint32_t zerocopy_threshold_bytes;

    // Lines for a log, escaped, without time and line end; NULL: they are dropped. Any thread.
    void (*log)(void *log_user, enum ringcast_level level, const char *text);
    void *log_user;
    enum ringcast_level log_level; // default RINGCAST_INFO

    // Milliseconds of a monotonic clock; NULL: the system's. Any thread.
    uint64_t (*clock_ms)(void);
    // Milliseconds since 1970; NULL: the system's. Any thread.
    uint64_t (*clock_unix_ms)(void);

    uint32_t message_timeout_ms; // for a message, once it has begun; 0: any time; default 60,000
    // What clients may make all shards hold: messages that wait for slow ones, messages that have
    // not wholly arrived. Above it those who hold the most are evicted (1013). 0: half of what the
    // machine or the control group has, but at least 256 MiB.
    uint64_t client_memory_bytes;
};

// Fills in the defaults. options_bytes is sizeof *options, so that a program runs with later
// libraries too, whose options are more. Thread: any.
RINGCAST_API void ringcast_options_init(struct ringcast_options *options, size_t options_bytes);

// --- Life

// Makes an instance and binds its addresses; nothing runs yet. Returns 0, or -errno with a sentence
// in error that says what to change; -ENOSYS: io_uring does not work here. Owner: *rc is set on 0
// only, and is the caller's to destroy. Thread: control.
RINGCAST_API int ringcast_create(struct ringcast **rc, const struct ringcast_options *options,
                                 char *error, size_t error_bytes);

// Starts the shards' threads, which take no signals; connections are served when it returns 0. On
// an error (a sentence in error) the instance can only be destroyed. Thread: control.
RINGCAST_API int ringcast_start(struct ringcast *rc, char *error, size_t error_bytes);

// Begins the end: who waits to be accepted still is, then nobody; clients are told to go (1001),
// evenly over four fifths of deadline_ms; requests that have begun are answered (503 to those for a
// WebSocket) unless they fall silent for a second; and what is left at the deadline is cut off.
// With deadline_ms 0, at once. May be called again: the earliest end counts. Before ringcast_start,
// it ends as soon as it is started. In a child of the process nothing happens. Thread: any, and
// from signal handlers (if clock_ms may be).
RINGCAST_API void ringcast_stop(struct ringcast *rc, uint32_t deadline_ms);

// Returns when all shards have ended after ringcast_stop, or when none was started. Thread:
// control.
RINGCAST_API void ringcast_wait(struct ringcast *rc);

// No shard runs (any more): ringcast_wait would not wait. Thread: any.
RINGCAST_API bool ringcast_ended(const struct ringcast *rc);

// ringcast_start, then ringcast_wait. Returns as the former. Thread: control.
RINGCAST_API int ringcast_run(struct ringcast *rc, char *error, size_t error_bytes);

// Stops at once if need be (ringcast_wait before it gives clients the time of ringcast_stop),
// waits, and frees everything; what is still in an inbox is dropped, what was lent is released on
// this thread. No other thread may use the instance any more. Nothing happens to NULL. Thread:
// control.
RINGCAST_API void ringcast_destroy(struct ringcast *rc);

// --- The instance
//
// Thread: any.

// The program's pointer from the options.
RINGCAST_API void *ringcast_user(const struct ringcast *rc);

// How many threads there are; shards are counted from 0.
RINGCAST_API unsigned ringcast_shard_count(const struct ringcast *rc);

// The shard of this instance whose thread is calling, or -1.
RINGCAST_API int ringcast_shard(const struct ringcast *rc);

// The shard that owns a connection, also one that has ended.
RINGCAST_API unsigned ringcast_shard_of(ringcast_id id);

// "127.0.0.1:8080": where the n-th listener listens, with the port that the kernel chose. A text
// of RINGCAST_ADDRESS_BYTES holds it; what does not fit is cut. Returns 0, or -ENOENT.
RINGCAST_API int ringcast_local_address(const struct ringcast *rc, size_t listener, char *text,
                                        size_t text_bytes);

// Every loop has turned since the last call; wakes them all for the next one. For a watchdog. True
// from ringcast_stop on.
// Thread: any, but one at a time.
RINGCAST_API bool ringcast_alive(struct ringcast *rc);

// All figures in Prometheus' text format, terminated; *len is its length. Returns NULL: no memory.
// Owner: the caller frees it with ringcast_free.
RINGCAST_API char *ringcast_metrics(const struct ringcast *rc, size_t *len);
RINGCAST_API void ringcast_free(void *memory);

// Connections that there is place for, on all shards.
RINGCAST_API uint64_t ringcast_capacity(const struct ringcast *rc);

// What options.log is told from now on.
RINGCAST_API void ringcast_set_log_level(struct ringcast *rc, enum ringcast_level level);

// --- TLS and who gets in
//
// Thread: control, also while the instance runs: what is new holds for new handshakes. The two
// setters return 0, or -errno with a sentence in error; then nothing has changed. With rc NULL it
// is only looked whether what they are given is right. Owner: everything is copied.

// A certificate and its key, as texts rather than files.
struct ringcast_certificate {
    const char *name;  // for error messages
    const char *chain; // PEM, the server's own certificate first
    size_t chain_bytes;
    const char *key; // PEM
    size_t key_bytes;
};

// What listeners with `tls` speak: TLS 1.3, and 1.2 unless tls13_only.
struct ringcast_tls {
    const struct ringcast_certificate *certificates; // the first serves who asks for no known name
    size_t certificate_count;                        // 1 to 16
    const char *client_ca; // PEM of who may sign clients' certificates; NULL: none are asked for
    size_t client_ca_bytes;
    bool client_required;
    bool tls13_only;
    uint32_t ticket_lifetime_s; // how often the tickets' key changes; 0: no tickets
    const void *ticket_key;     // at least 32 bytes shared with other servers; NULL: our own
    size_t ticket_key_bytes;
};

// Sets the certificates; needed before ringcast_start by an instance whose listeners have TLS,
// -EINVAL without such a listener.
RINGCAST_API int ringcast_set_tls(struct ringcast *rc, const struct ringcast_tls *tls, char *error,
                                  size_t error_bytes);

// When the first of the certificates ends, in seconds since 1970; 0: unknown, or no TLS. Thread:
// any.
RINGCAST_API uint64_t ringcast_tls_expires_s(const struct ringcast *rc);

// TLS (and with it tokens) is built in; and with the processor's AES. Thread: any.
RINGCAST_API bool ringcast_tls_available(void);
RINGCAST_API bool ringcast_tls_accelerated(void);

// Whether a client has to show a token.
enum ringcast_auth { RINGCAST_AUTH_OFF, RINGCAST_AUTH_OPTIONAL, RINGCAST_AUTH_REQUIRED };

// What a key's text is. What is neither a JWK set (which may hold secrets) nor a public key in PEM
// has to be marked as a secret: taken for one by mistake, a public key would let everybody sign.
enum ringcast_key_kind {
    RINGCAST_KEY_PUBLIC, // a JWK set, or a public key in PEM
    RINGCAST_KEY_SECRET, // for HS256, 32 to 1024 bytes; line ends behind it do not count
};

// What tokens are verified with.
struct ringcast_key {
    const char *name; // for error messages
    const char *text;
    size_t text_bytes;
    enum ringcast_key_kind kind;
};

// Who may open a WebSocket. Zeroed: everybody.
struct ringcast_access {
    // Of web pages: "https://example.org,https://*.example.org,same"; NULL: all.
    const char *origins;
    enum ringcast_auth auth; // JSON Web Tokens: Authorization: Bearer, or ?token=
    const struct ringcast_key *keys;
    size_t key_count;
    const char *audience; // what `aud` has to name; NULL: tokens must not have one
    const char *issuer;   // what `iss` has to be; NULL: anything
    uint32_t leeway_s;    // for clocks that differ
};

// Sets who gets in. Tokens need ringcast_tls_available.
RINGCAST_API int ringcast_set_access(struct ringcast *rc, const struct ringcast_access *access,
                                     char *error, size_t error_bytes);

// --- Requests
//
// Thread: shard, within the callback that was given the request. Texts are as sent (so still
// percent-encoded), not terminated but for the last two, and good until the callback returns.

// The method, the path ("/room/a%20b") and the query ("self=0", without its question mark, or "").
RINGCAST_API const char *ringcast_request_method(const struct ringcast_request *request,
                                                 size_t *len);
RINGCAST_API const char *ringcast_request_path(const struct ringcast_request *request, size_t *len);
RINGCAST_API const char *ringcast_request_query(const struct ringcast_request *request,
                                                size_t *len);

// The value of the first header of this name, whatever its case; NULL: there is none.
RINGCAST_API const char *ringcast_request_header(const struct ringcast_request *request,
                                                 const char *name, size_t *len);

// The value of a query parameter, percent-decoded into `value`, terminated. Returns its length,
// -ENOENT, or -EINVAL: badly encoded, or longer than value_bytes - 1. The bytes may be anything:
// ringcast_decision_join looks whether a name is UTF-8.
RINGCAST_API int ringcast_request_parameter(const struct ringcast_request *request,
                                            const char *name, char *value, size_t value_bytes);

// Percent-decodes, terminated; a plus stays one. Returns the length, or -EINVAL as above. Thread:
// any.
RINGCAST_API int ringcast_percent_decode(const char *text, size_t len, char *out, size_t out_bytes);

// The client's address, behind a PROXY header the real one: "10.0.0.1:1234". Returns text.
RINGCAST_API const char *ringcast_request_peer(const struct ringcast_request *request,
                                               char text[RINGCAST_ADDRESS_BYTES]);

// Who the client is, from its token or TLS certificate: `sub`, or the certificate's subject as RFC
// 4514 writes it ("CN=alice,O=Example"); and the token's payload as JSON ("" for a certificate).
// Terminated. NULL: nobody knows, as always in on_http, which is not guarded, and before
// ringcast_set_access (zeroed will do).
RINGCAST_API const char *ringcast_request_subject(const struct ringcast_request *request);
RINGCAST_API const char *ringcast_request_claims(const struct ringcast_request *request);

// Adds a room to the decision. Returns 0, -EINVAL (not 1 to 200 bytes of UTF-8) or -ENOSPC (16
// rooms). Thread: any.
RINGCAST_API int ringcast_decision_join(struct ringcast_decision *decision, const char *room,
                                        size_t room_len);

// --- The registry
//
// Thread: any.

// Connections that have been opened and whose on_close has not returned, on all shards. O(shards),
// no locks.
RINGCAST_API uint64_t ringcast_connection_count(const struct ringcast *rc);

// A WebSocket that another server has accepted and upgraded, without TLS and without extensions
// such as permessage-deflate. NULL in its place: all zero.
struct ringcast_registration {
    const struct ringcast_decision *decision; // NULL: all zero. status must be 0
    // Who the client is: JSON like a token's payload ("sub", "rooms", "exp"), or NULL.
    const char *claims;
    // What the other server has read behind the handshake, or NULL; at most inbox_bytes.
    const void *early;
    size_t early_bytes;
};

// Takes a connected stream socket over, blocking or not. It gets a shard, joins the decision's
// rooms, and on_open tells its id (on_upgrade is not asked); or on_close with id 0 tells that it
// was not taken in: no place, no place in a room, over the limits of its address, its claims have
// expired, or the instance ends. Returns 0; -EAGAIN (the
// inboxes are full), -ENOMEM; -EINVAL: not a connected stream socket, or decision or claims are
// wrong. Owner: on 0 the descriptor is the library's, which closes it (before on_open: a connection
// needs none), else it and the decision's pointer stay the caller's.
RINGCAST_API int ringcast_register(struct ringcast *rc, int fd,
                                   const struct ringcast_registration *registration);

// Closes with a Close frame (1000 for unregister). It gets nothing that is published later;
// on_close comes when the client has answered, or after close_timeout_ms. Returns 0, -ESTALE,
// -EAGAIN, -ENOMEM; -EINVAL: not a code that may be sent, or the reason is no UTF-8 of at most 123
// bytes (NULL: none).
RINGCAST_API int ringcast_unregister(struct ringcast *rc, ringcast_id id);
RINGCAST_API int ringcast_close(struct ringcast *rc, ringcast_id id, uint16_t code,
                                const char *reason);

// Closes every open connection. Returns ringcast_connection_count of that moment; -EAGAIN, -ENOMEM:
// none is closed, or -EINVAL as above.
RINGCAST_API int64_t ringcast_close_all(struct ringcast *rc, uint16_t code, const char *reason);

// Counts as heard from: puts off pings and the idle timeout. Returns 0, -ESTALE, -EAGAIN, -ENOMEM.
RINGCAST_API int ringcast_touch(struct ringcast *rc, ringcast_id id);

// Ids of connections that were reaped for being idle since the last call, each once, to one caller
// only; at most `max`. The shards reap by themselves; up to 65,536 ids are remembered. Returns how
// many.
RINGCAST_API size_t ringcast_sweep_idle(struct ringcast *rc, ringcast_id *ids, size_t max);

// Joining is answered by on_joined, also for who is a member already; a token's list of rooms is
// not asked. Returns 0; -ESTALE, -EAGAIN, -ENOMEM; -EINVAL: not a name. Leaving: the same, and on
// the owning shard -ENOENT when it was not in it.
RINGCAST_API int ringcast_join_room(struct ringcast *rc, ringcast_id id, const char *room,
                                    size_t room_len);
RINGCAST_API int ringcast_leave_room(struct ringcast *rc, ringcast_id id, const char *room,
                                     size_t room_len);

// --- Messages
//
// Thread: any. All return 0; -ESTALE; -EAGAIN: the inbox is full, the room is crowded, or too much
// of the kind still waits to be sent: try again, or leave it out; -ENOMEM; -EINVAL: a text that is
// not UTF-8, a message above 1 GiB, not a room's name.

// To one connection. Who is too slow for it is evicted. The payload is copied.
RINGCAST_API int ringcast_send_text(struct ringcast *rc, ringcast_id id, const char *text,
                                    size_t len);
RINGCAST_API int ringcast_send_binary(struct ringcast *rc, ringcast_id id, const void *bytes,
                                      size_t len);

// To every open connection, whatever its rooms. The payload is copied.
RINGCAST_API int ringcast_broadcast_text(struct ringcast *rc, const char *text, size_t len);
RINGCAST_API int ringcast_broadcast_binary(struct ringcast *rc, const void *bytes, size_t len);

// To all members of a room, on all shards; a room without members is no error. `except` gets
// nothing ({0}: everybody does). The payload is copied.
RINGCAST_API int ringcast_broadcast_room_text(struct ringcast *rc, const char *room,
                                              size_t room_len, const char *text, size_t len,
                                              ringcast_id except);
RINGCAST_API int ringcast_broadcast_room_binary(struct ringcast *rc, const char *room,
                                                size_t room_len, const void *bytes, size_t len,
                                                ringcast_id except);

// A message that is lent: a thread that is no shard's copies nothing, the shard that orders the
// message does, once.
struct ringcast_payload {
    enum ringcast_kind kind;
    const void *bytes; // must be good until `release` is called
    size_t len;
    void (*release)(void *context); // must not be NULL
    void *context;
};

// As above with a lent payload. On 0, release(context) is called exactly once, whatever becomes of
// the message: on a shard's thread, or in ringcast_destroy; from a shard's own thread, before the
// function returns. On an error it is not called.
RINGCAST_API int ringcast_send_lent(struct ringcast *rc, ringcast_id id,
                                    const struct ringcast_payload *payload);
RINGCAST_API int ringcast_broadcast_room_lent(struct ringcast *rc, const char *room,
                                              size_t room_len,
                                              const struct ringcast_payload *payload,
                                              ringcast_id except);

// --- Connections and rooms of the calling shard
//
// Thread: shard. Elsewhere: NULL, or -EPERM.

// The program's pointer for a connection; NULL also when the id is stale. Setting: -ESTALE then.
RINGCAST_API void *ringcast_connection(struct ringcast *rc, ringcast_id id);
RINGCAST_API int ringcast_set_connection(struct ringcast *rc, ringcast_id id, void *connection);

// As of the request, or the registration. Terminated, good until the callback returns. NULL: as
// there, or the id is stale.
RINGCAST_API const char *ringcast_subject(struct ringcast *rc, ringcast_id id);
RINGCAST_API const char *ringcast_claims(struct ringcast *rc, ringcast_id id);
RINGCAST_API const char *ringcast_peer(struct ringcast *rc, ringcast_id id,
                                       char text[RINGCAST_ADDRESS_BYTES]);

// The program's pointer for a room on this shard, while it has members here; on_room_end hands it
// back. Setting: -ENOENT when it has none.
RINGCAST_API void *ringcast_room(struct ringcast *rc, const char *room, size_t room_len);
RINGCAST_API int ringcast_set_room(struct ringcast *rc, const char *room, size_t room_len,
                                   void *pointer);

// Calls visit for each member of the room on this shard (each shard knows its own), until it
// returns false; visit must not join or leave rooms, nor close. Returns how many were visited.
RINGCAST_API int ringcast_room_each(struct ringcast *rc, const char *room, size_t room_len,
                                    bool (*visit)(void *context, ringcast_id id, void *connection),
                                    void *context);

#ifdef __cplusplus
}
#endif

#endif
