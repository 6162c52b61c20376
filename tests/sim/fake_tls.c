// SPDX-License-Identifier: MIT
#include "sim/fake_tls.h"

#include <stdlib.h>
#include <string.h>

#define HEADER_BYTES 4 // type, length, low byte of the sequence number
#define EXTRA_BYTES  16
#define HELLO_BYTES  60
#define ANSWER_BYTES 200 // as of a server with its certificate

enum type {
    HELLO = 1, // client's
    ANSWER,    // server's
    FINISHED,  // client's
    TICKET,    // server's, behind the handshake
    DATA,
    UPDATE_REQUEST,
    UPDATE,
    CLOSE,
    ALERT
};

struct tls_context {
    uint32_t refs;
    bool is_client;
};

struct tls_session {
    struct tls_context *context;
    bool is_client, done, failed, closing, begun;
    uint32_t requests, answers;           // updates
    uint32_t sent, received;              // records
    uint8_t record[HEADER_BYTES + 65536]; // as far as it has arrived
    uint32_t have;                        // of it
    uint32_t opened;                      // of its plaintext handed out already
    uint8_t *pending;
    uint32_t pending_len;
};

// --- Contexts

bool tls_available(void)
{
    return true;
}

bool tls_accelerated(void)
{
    return true;
}

int tls_global_init(void)
{
    return 0;
}

static struct tls_context *create(bool is_client)
{
    struct tls_context *context = calloc(1, sizeof *context);
    CHECK(context);
    context->refs = 1;
    context->is_client = is_client;
    return context;
}

int tls_context_create(struct tls_context **context, const struct tls_options *options,
                       uint64_t now_s, char *error, size_t error_bytes)
{
    (void)options, (void)now_s, (void)error, (void)error_bytes;
    *context = create(false);
    return 0;
}

int tls_client_context_create(struct tls_context **context,
                              const struct tls_client_options *options, char *error,
                              size_t error_bytes)
{
    (void)options, (void)error, (void)error_bytes;
    *context = create(true);
    return 0;
}

void tls_context_destroy(struct tls_context *context)
{
    if (--context->refs == 0)
        free(context);
}

void tls_context_set_time(struct tls_context *context, uint64_t now_s)
{
    (void)context, (void)now_s;
}

void tls_context_inherit(struct tls_context *context, const struct tls_context *before)
{
    (void)context, (void)before;
}

uint64_t tls_context_expires_s(const struct tls_context *context)
{
    (void)context;
    return 0;
}

// --- Records

static uint8_t key(uint32_t number, uint32_t at)
{
    return (uint8_t)(number * 31 + at * 7 + 0x5A);
}

static size_t put_record(struct tls_session *session, enum type type, const uint8_t *bytes,
                         size_t len, uint8_t *out)
{
    uint32_t number = session->sent++;
    out[0] = (uint8_t)type;
    out[1] = (uint8_t)(len >> 8);
    out[2] = (uint8_t)len;
    out[3] = (uint8_t)number;
    for (size_t i = 0; i < len; i++)
        out[HEADER_BYTES + i] = (uint8_t)((bytes ? bytes[i] : 0) ^ key(number, (uint32_t)i));
    return HEADER_BYTES + len;
}

static void say(struct tls_session *session, enum type type, size_t len)
{
    session->pending = realloc(session->pending, session->pending_len + HEADER_BYTES + len);
    CHECK(session->pending);
    session->pending_len +=
        (uint32_t)put_record(session, type, NULL, len, session->pending + session->pending_len);
}

static uint32_t body_bytes(const struct tls_session *session)
{
    return (uint32_t)session->record[1] << 8 | session->record[2];
}

static bool whole(const struct tls_session *session)
{
    return session->have >= HEADER_BYTES && session->have == HEADER_BYTES + body_bytes(session);
}

static bool fail(struct tls_session *session)
{
    if (!session->failed)
        say(session, ALERT, 2);
    session->failed = true;
    return false;
}

// Collects one record; true when it is whole.
static bool collect(struct tls_session *session, const uint8_t **cursor, const uint8_t *end)
{
    while (*cursor < end && !whole(session)) {
        session->record[session->have++] = *(*cursor)++;
        CHECK(session->have <= sizeof session->record);
        if (session->record[0] < HELLO || session->record[0] > ALERT)
            return fail(session);
    }
    return whole(session);
}

// Checks and opens the record that has been collected. False: it is not what had to come.
static bool open_record(struct tls_session *session)
{
    uint32_t number = session->received;
    if (session->record[3] != (uint8_t)number)
        return false;
    for (uint32_t i = 0; i < body_bytes(session); i++)
        session->record[HEADER_BYTES + i] ^= key(number, i);
    session->received++;
    return true;
}

// --- Sessions

struct tls_session *tls_session_create(struct tls_context *context, const char *host)
{
    (void)host;
    struct tls_session *session = calloc(1, sizeof *session);
    CHECK(session);
    session->context = context;
    session->is_client = context->is_client;
    context->refs++;
    return session;
}

static void handshake_over(struct tls_session *session)
{
    if (session->context)
        tls_context_destroy(session->context);
    session->context = NULL;
}

void tls_session_destroy(struct tls_session *session)
{
    handshake_over(session);
    free(session->pending);
    free(session);
}

static enum tls_result finish(struct tls_session *session)
{
    session->have = 0;
    session->done = true;
    handshake_over(session);
    return TLS_DONE;
}

enum tls_result tls_handshake(struct tls_session *session, const uint8_t **cursor,
                              const uint8_t *end)
{
    if (session->failed)
        return TLS_FAILED;
    if (session->is_client && !session->begun) {
        session->begun = true;
        say(session, HELLO, HELLO_BYTES);
    }
    while (collect(session, cursor, end)) {
        uint8_t type = session->record[0];
        if (!open_record(session)) {
            (void)fail(session);
            return TLS_FAILED;
        }
        session->have = 0;
        if (session->is_client && type == ANSWER) {
            say(session, FINISHED, 40);
            return finish(session);
        }
        if (!session->is_client && type == HELLO && session->received == 1) {
            say(session, ANSWER, ANSWER_BYTES);
        } else if (!session->is_client && type == FINISHED && session->received == 2) {
            say(session, TICKET, 50);
            return finish(session);
        } else {
            (void)fail(session);
            return TLS_FAILED;
        }
    }
    return session->failed ? TLS_FAILED : TLS_WANT_INPUT;
}

static enum tls_result read_data(struct tls_session *session, uint8_t *plain, size_t plain_max,
                                 size_t *plain_len)
{
    uint32_t left = body_bytes(session) - session->opened;
    *plain_len = left < plain_max ? left : plain_max;
    memcpy(plain, session->record + HEADER_BYTES + session->opened, *plain_len);
    session->opened += (uint32_t)*plain_len;
    if (session->opened == body_bytes(session))
        session->have = session->opened = 0;
    return TLS_DATA;
}

enum tls_result tls_read(struct tls_session *session, const uint8_t **cursor, const uint8_t *end,
                         uint8_t *plain, size_t plain_max, size_t *plain_len)
{
    CHECK(session->done || session->failed);
    *plain_len = 0;
    while (!session->failed && (session->opened || collect(session, cursor, end))) {
        if (session->opened)
            return read_data(session, plain, plain_max, plain_len);
        if (!open_record(session)) {
            (void)fail(session);
            break;
        }
        switch (session->record[0]) {
        case DATA:
            if (body_bytes(session) == 0)
                break;
            return read_data(session, plain, plain_max, plain_len);
        case TICKET:
            break;
        case UPDATE:
            session->answers++;
            break;
        case UPDATE_REQUEST:
            say(session, UPDATE, 1);
            break;
        case CLOSE:
            session->have = 0;
            return TLS_CLOSED;
        default:
            (void)fail(session);
            break;
        }
        session->have = 0;
    }
    return session->failed ? TLS_FAILED : TLS_WANT_INPUT;
}

size_t tls_write_max(const struct tls_session *session, size_t len)
{
    return session->pending_len + len + (len / TLS_RECORD_MAX_BYTES + 2) * EXTRA_BYTES;
}

size_t tls_write(struct tls_session *session, const uint8_t *bytes, size_t len, uint8_t *out)
{
    size_t used = session->pending_len;
    if (used)
        memcpy(out, session->pending, used);
    free(session->pending);
    session->pending = NULL;
    session->pending_len = 0;
    if (len == 0)
        return used;
    if (!session->done || session->failed || session->closing)
        return 0;
    while (len) {
        size_t take = len < TLS_RECORD_MAX_BYTES ? len : TLS_RECORD_MAX_BYTES;
        used += put_record(session, DATA, bytes, take, out + used);
        bytes += take;
        len -= take;
    }
    return used;
}

size_t tls_pending_bytes(const struct tls_session *session)
{
    return session->pending_len;
}

void tls_close(struct tls_session *session)
{
    if (!session->done || session->failed || session->closing)
        return;
    say(session, CLOSE, 2);
    session->closing = true;
}

void fake_tls_request_update(struct tls_session *session)
{
    if (!session->done || session->failed || session->closing)
        return;
    say(session, UPDATE_REQUEST, 1);
    session->requests++;
}

uint32_t fake_tls_unanswered(const struct tls_session *session)
{
    return session->requests - session->answers;
}

const char *tls_session_subject(const struct tls_session *session)
{
    (void)session;
    return NULL;
}

uint64_t tls_session_subject_expires_s(const struct tls_session *session)
{
    (void)session;
    return 0;
}

const char *tls_session_error(const struct tls_session *session)
{
    return session->failed ? "failed" : "none";
}

const char *tls_session_version(const struct tls_session *session)
{
    (void)session;
    return "fake";
}

const char *tls_session_cipher(const struct tls_session *session)
{
    (void)session;
    return "fake";
}

bool tls_session_resumed(const struct tls_session *session)
{
    (void)session;
    return false;
}
