// SPDX-License-Identifier: MIT
//
// A server's TLS session, with certificates from the folder RINGCAST_CERTIFICATES. The first byte
// chooses what happens to it:
//
//   STRANGER  the input comes in place of a hello
//   INTRUDER  the input comes into an open session, without its keys
//   HANDSHAKE a client's own flights come, changed as the input says
//   SEALED    a client's own records come, changed as the input says
//
// Input that is fed at any cut gives the same result as at once. A session has at most so much to
// say for itself as was sent to it, and a constant; after a failure it stays failed. Nothing is
// read that the client has not sent, in that order, and nobody without the keys can end a session
// in order.
#include "fuzz/fuzz.h"
#include "support/tls_pair.h"

#include <stdlib.h>
#include <string.h>

enum scene { STRANGER, INTRUDER, HANDSHAKE, SEALED };

#define SCENE_MASK       0x03
#define CLIENT_1_2       0x04 // in the first byte: of what the client is
#define AUTHENTICATED    0x08 // the server asks for a certificate
#define FLIGHT_MAX_BYTES 65536
#define CHANGES_MAX      8
#define PLAIN_MAX_BYTES  (128 * 1024)

// A server's flight with a certificate and a ticket, or an alert.
#define SAYS_MAX_BYTES 8192

static struct tls_context *servers[2], *clients[2]; // plain and AUTHENTICATED; 1.3 and 1.2

struct feed {
    const uint8_t *sizes; // of the pieces; count 0: all at once
    size_t count;
    enum tls_result result;
    bool open;      // the handshake is complete
    uint8_t *plain; // what was read, PLAIN_MAX_BYTES
    size_t plain_len;
};

static void make_contexts(void)
{
    static const char *const names[] = {"server-ec", "other"};
    char error[256];
    servers[0] = tls_pair_server_context(names, 2, NULL, error);
    servers[1] = tls_pair_server_context(names, 1, "ca.pem", error);
    struct tls_certificate certificate = tls_pair_certificate("client");
    for (int old = 0; old < 2; old++)
        clients[old] = tls_pair_client_context(&(struct tls_client_options){
            .certificate = &certificate, .tls12_only = old, .tls13_only = !old});
    CHECK(servers[0] && servers[1]);
    tls_pair_certificate_free(&certificate);
}

// --- Feeding

static void read_all(struct feed *feed, struct tls_session *session, const uint8_t **cursor,
                     const uint8_t *end)
{
    do {
        size_t len;
        CHECK(feed->plain_len + TLS_RECORD_MAX_BYTES <= PLAIN_MAX_BYTES);
        feed->result = tls_read(session, cursor, end, feed->plain + feed->plain_len,
                                TLS_RECORD_MAX_BYTES, &len);
        CHECK(len <= TLS_RECORD_MAX_BYTES && (len > 0) == (feed->result == TLS_DATA));
        feed->plain_len += len;
    } while (feed->result == TLS_DATA);
}

static bool over(const struct feed *feed)
{
    return feed->result == TLS_FAILED || feed->result == TLS_CLOSED;
}

// One piece, in memory of its own so that a sanitizer sees reads beyond it.
static void feed_piece(struct feed *feed, struct tls_session *session, const uint8_t *bytes,
                       size_t len)
{
    uint8_t *piece = malloc(len);
    CHECK(piece);
    memcpy(piece, bytes, len);
    const uint8_t *cursor = piece, *end = piece + len;
    if (!feed->open) {
        feed->result = tls_handshake(session, &cursor, end);
        feed->open = feed->result == TLS_DONE;
    }
    if (feed->open)
        read_all(feed, session, &cursor, end);
    CHECK(cursor >= piece && cursor <= end);
    CHECK(over(feed) || (feed->result == TLS_WANT_INPUT && cursor == end));
    free(piece);
}

static void feed_all(struct feed *feed, struct tls_session *session, const uint8_t *bytes,
                     size_t len)
{
    size_t before = tls_pending_bytes(session);
    for (size_t piece = 0, at = 0; at < len && !over(feed); piece++) {
        size_t size = feed->count == 0 ? len : feed->sizes[piece % feed->count];
        size = size == 0 ? 1 : size > len - at ? len - at : size;
        feed_piece(feed, session, bytes + at, size);
        at += size;
    }
    CHECK(tls_pending_bytes(session) <= before + SAYS_MAX_BYTES + len);
}

// What is pending comes out, once; a failed session takes and gives nothing any more.
static void check_end(struct feed *feed, struct tls_session *session)
{
    static const uint8_t bytes[] = {1, 2, 3};
    size_t pending = tls_pending_bytes(session), room = tls_write_max(session, sizeof bytes);
    uint8_t *out = malloc(room);
    CHECK(out && room >= pending + sizeof bytes);
    CHECK(tls_write(session, NULL, 0, out) == pending && tls_pending_bytes(session) == 0);
    if (feed->result == TLS_FAILED) {
        const uint8_t *cursor = bytes;
        size_t len;
        CHECK(tls_handshake(session, &cursor, bytes + sizeof bytes) == TLS_FAILED);
        CHECK(tls_read(session, &cursor, bytes + sizeof bytes, out, room, &len) == TLS_FAILED);
        CHECK(len == 0 && tls_write(session, bytes, sizeof bytes, out) == 0);
        CHECK(tls_pending_bytes(session) == 0);
    } else if (feed->open) {
        size_t sealed = tls_write(session, bytes, sizeof bytes, out);
        CHECK(sealed > sizeof bytes && sealed <= room);
        tls_close(session);
    }
    free(out);
}

// --- Without keys

static void open_pair(struct tls_pair *pair, unsigned steer)
{
    tls_pair_init(pair, servers[(steer & AUTHENTICATED) != 0], clients[(steer & CLIENT_1_2) != 0],
                  "localhost", SIZE_MAX);
    if ((steer & SCENE_MASK) != STRANGER && (steer & SCENE_MASK) != HANDSHAKE)
        CHECK(tls_pair_handshake(pair) == TLS_DONE);
}

static void run_raw(unsigned steer, const uint8_t *sizes, size_t count, const uint8_t *bytes,
                    size_t len)
{
    struct tls_pair pairs[2];
    struct feed feeds[2] = {{.count = 0}, {.sizes = sizes, .count = count}};
    for (int i = 0; i < 2; i++) {
        open_pair(&pairs[i], steer);
        feeds[i].open = (steer & SCENE_MASK) == INTRUDER;
        feeds[i].result = TLS_WANT_INPUT;
        CHECK((feeds[i].plain = malloc(PLAIN_MAX_BYTES)));
        feed_all(&feeds[i], pairs[i].server, bytes, len);
        CHECK(feeds[i].plain_len == 0 && feeds[i].result != TLS_CLOSED);
        CHECK(feeds[i].open == ((steer & SCENE_MASK) == INTRUDER));
    }
    CHECK(feeds[0].result == feeds[1].result);
    CHECK(strcmp(tls_session_error(pairs[0].server), tls_session_error(pairs[1].server)) == 0);
    CHECK((tls_pending_bytes(pairs[0].server) > 0) == (tls_pending_bytes(pairs[1].server) > 0));
    for (int i = 0; i < 2; i++) {
        check_end(&feeds[i], pairs[i].server);
        tls_pair_fini(&pairs[i]);
        free(feeds[i].plain);
    }
}

// --- With them

struct script {
    const uint8_t *at, *end;
};

static unsigned take(struct script *script)
{
    return script->at < script->end ? *script->at++ : 0;
}

// Changes a flight as the script says, up to its next full stop (0). False: it did not.
static bool change(struct script *script, uint8_t *flight, size_t *len)
{
    bool changed = false;
    for (unsigned i = 0, what; i < CHANGES_MAX && *len && (what = take(script)) != 0; i++) {
        size_t where = (take(script) << 8 | take(script)) % *len, rest = *len - where;
        changed = true;
        if (what == 1) {
            *len = where;
        } else if (what == 2) {
            memmove(flight + where, flight + where + 1, --rest);
            --*len;
        } else if (what == 3 && *len + rest <= FLIGHT_MAX_BYTES) {
            memcpy(flight + *len, flight + where, rest);
            *len += rest;
        } else {
            flight[where] ^= (uint8_t)what;
        }
    }
    return changed;
}

static size_t drain(struct tls_session *session, uint8_t *out)
{
    CHECK(tls_write_max(session, 0) <= FLIGHT_MAX_BYTES);
    return tls_write(session, NULL, 0, out);
}

static void hand_back(struct tls_pair *pair, enum tls_result *client, uint8_t *flight)
{
    size_t len = drain(pair->server, flight), plain_len;
    const uint8_t *cursor = flight;
    static uint8_t plain[TLS_RECORD_MAX_BYTES];
    if (*client == TLS_WANT_INPUT)
        *client = tls_handshake(pair->client, &cursor, flight + len);
    if (*client == TLS_DONE && cursor < flight + len)
        (void)tls_read(pair->client, &cursor, flight + len, plain, sizeof plain, &plain_len);
}

static void run_handshake(struct tls_pair *pair, struct feed *feed, struct script *script)
{
    const uint8_t *none = NULL;
    uint8_t *flight = malloc(FLIGHT_MAX_BYTES);
    CHECK(flight);
    enum tls_result client = tls_handshake(pair->client, &none, NULL);
    bool changed = false;
    for (int round = 0; round < 4 && !over(feed); round++) {
        size_t len = drain(pair->client, flight);
        changed |= change(script, flight, &len);
        feed_all(feed, pair->server, flight, len);
        hand_back(pair, &client, flight);
    }
    CHECK(changed || (feed->open && client == TLS_DONE));
    CHECK(feed->plain_len == 0);
    free(flight);
}

// A few messages whose sizes the script chooses; how much of them is read is where it broke.
static void run_sealed(struct tls_pair *pair, struct feed *feed, struct script *script)
{
    static uint8_t sent[FLIGHT_MAX_BYTES];
    size_t sent_len = 0, len = 0;
    uint8_t *flight = malloc(FLIGHT_MAX_BYTES);
    CHECK(flight);
    for (unsigned count = take(script) & 7; count > 0; count--) {
        size_t size = 1 + take(script) * 29;
        if (len + size + 64 > FLIGHT_MAX_BYTES / 2)
            break;
        for (size_t i = 0; i < size; i++)
            sent[sent_len + i] = (uint8_t)((sent_len + i) * 7);
        len += tls_write(pair->client, sent + sent_len, size, flight + len);
        sent_len += size;
    }
    bool changed = change(script, flight, &len);
    feed_all(feed, pair->server, flight, len);
    CHECK(feed->plain_len <= sent_len && memcmp(feed->plain, sent, feed->plain_len) == 0);
    CHECK(feed->result != TLS_CLOSED);
    CHECK(changed || (feed->result == TLS_WANT_INPUT && feed->plain_len == sent_len));
    free(flight);
}

static void run_changed(unsigned steer, const uint8_t *sizes, size_t count, const uint8_t *bytes,
                        size_t len)
{
    struct tls_pair pair;
    struct script script = {bytes, bytes + len};
    struct feed feed = {.sizes = sizes, .count = count, .result = TLS_WANT_INPUT};
    CHECK((feed.plain = malloc(PLAIN_MAX_BYTES)));
    open_pair(&pair, steer);
    feed.open = (steer & SCENE_MASK) == SEALED;
    if (feed.open)
        run_sealed(&pair, &feed, &script);
    else
        run_handshake(&pair, &feed, &script);
    check_end(&feed, pair.server);
    tls_pair_fini(&pair);
    free(feed.plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const uint8_t *sizes;
    size_t count;
    if (!servers[0])
        make_contexts();
    if (len == 0 || len > FLIGHT_MAX_BYTES / 2)
        return 0;
    unsigned steer = *bytes++;
    size_t used = fuzz_take_sizes(bytes, --len, &sizes, &count);
    bytes += used;
    len -= used;
    if ((steer & SCENE_MASK) < HANDSHAKE)
        run_raw(steer, sizes, count, bytes, len);
    else
        run_changed(steer, sizes, count, bytes, len);
    return 0;
}
