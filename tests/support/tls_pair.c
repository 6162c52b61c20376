// SPDX-License-Identifier: MIT
#include "support/tls_pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *tls_pair_file(const char *name, size_t *bytes)
{
    char path[512];
    const char *folder = getenv("RINGCAST_CERTIFICATES");
    CHECK(folder);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    CHECK(file);
    char *text = malloc(65536);
    CHECK(text);
    *bytes = fread(text, 1, 65536, file);
    CHECK(*bytes > 0 && *bytes < 65536 && fclose(file) == 0);
    return text;
}

struct tls_certificate tls_pair_certificate(const char *name)
{
    char file[64];
    struct tls_certificate certificate = {.name = name};
    snprintf(file, sizeof file, "%s.pem", name);
    certificate.chain = tls_pair_file(file, &certificate.chain_bytes);
    snprintf(file, sizeof file, "%s.key", name);
    certificate.key = tls_pair_file(file, &certificate.key_bytes);
    return certificate;
}

void tls_pair_certificate_free(struct tls_certificate *certificate)
{
    free((void *)(uintptr_t)certificate->chain);
    free((void *)(uintptr_t)certificate->key);
}

struct tls_context *tls_pair_server_context(const char *const *names, unsigned count,
                                            const char *client_ca, char error[256])
{
    struct tls_certificate certificates[TLS_CERTIFICATES_MAX];
    struct tls_options options = {.certificates = certificates,
                                  .certificate_count = count,
                                  .ticket_lifetime_s = 3600,
                                  .client_required = client_ca};
    CHECK(tls_global_init() == 0);
    for (unsigned i = 0; i < count; i++)
        certificates[i] = tls_pair_certificate(names[i]);
    char *ca = client_ca ? tls_pair_file(client_ca, &options.client_ca_bytes) : NULL;
    options.client_ca = ca;
    struct tls_context *context = NULL;
    int result = tls_context_create(&context, &options, 0, error, 256);
    for (unsigned i = 0; i < count; i++)
        tls_pair_certificate_free(&certificates[i]);
    free(ca);
    return result ? NULL : context;
}

struct tls_context *tls_pair_client_context(const struct tls_client_options *options)
{
    char error[256];
    struct tls_context *context;
    CHECK(tls_global_init() == 0);
    CHECK(tls_client_context_create(&context, options, error, sizeof error) == 0);
    return context;
}

void tls_pair_init(struct tls_pair *pair, struct tls_context *server, struct tls_context *client,
                   const char *host, size_t cut_bytes)
{
    *pair = (struct tls_pair){.server = tls_session_create(server, NULL),
                              .client = tls_session_create(client, host),
                              .cut_bytes = cut_bytes,
                              .last = malloc(1 << 20)};
    CHECK(pair->server && pair->client && pair->last);
}

void tls_pair_fini(struct tls_pair *pair)
{
    tls_session_destroy(pair->server);
    tls_session_destroy(pair->client);
    free(pair->last);
}

// Feeds bytes in pieces, each in memory of its own so that a sanitizer sees reads beyond it.
static enum tls_result feed(struct tls_pair *pair, struct tls_session *to, bool *handshaking,
                            const uint8_t *bytes, size_t len)
{
    enum tls_result result = TLS_WANT_INPUT;
    while (len) {
        size_t take = len < pair->cut_bytes ? len : pair->cut_bytes;
        uint8_t *piece = malloc(take);
        CHECK(piece);
        memcpy(piece, bytes, take);
        const uint8_t *cursor = piece, *end = piece + take;
        if (*handshaking) {
            result = tls_handshake(to, &cursor, end);
            *handshaking = result == TLS_WANT_INPUT;
        }
        while (!*handshaking && result != TLS_FAILED && result != TLS_CLOSED) {
            size_t got;
            result = tls_read(to, &cursor, end, pair->last + pair->last_bytes, TLS_RECORD_MAX_BYTES,
                              &got);
            pair->last_bytes += got;
            if (result == TLS_WANT_INPUT)
                break;
        }
        CHECK(cursor == end || result == TLS_FAILED || result == TLS_CLOSED);
        free(piece);
        if (result == TLS_FAILED || result == TLS_CLOSED)
            return result;
        bytes += take;
        len -= take;
    }
    return result;
}

static enum tls_result pass(struct tls_pair *pair, struct tls_session *from, struct tls_session *to,
                            bool *handshaking)
{
    size_t room = tls_write_max(from, 0);
    uint8_t *out = malloc(room);
    CHECK(out);
    size_t len = tls_write(from, NULL, 0, out);
    CHECK(len <= room);
    enum tls_result result = feed(pair, to, handshaking, out, len);
    free(out);
    return result;
}

enum tls_result tls_pair_handshake(struct tls_pair *pair)
{
    bool server = true, client = true;
    const uint8_t *none = NULL;
    enum tls_result result = tls_handshake(pair->client, &none, NULL);
    for (int round = 0; round < 10 && result != TLS_FAILED; round++) {
        result = pass(pair, pair->client, pair->server, &server);
        if (result != TLS_FAILED)
            result = pass(pair, pair->server, pair->client, &client);
        else
            (void)pass(pair, pair->server, pair->client, &client); // the alert
    }
    return result == TLS_FAILED ? TLS_FAILED : server || client ? TLS_WANT_INPUT : TLS_DONE;
}

enum tls_result tls_pair_receive(struct tls_pair *pair, struct tls_session *from,
                                 struct tls_session *to)
{
    bool handshaking = false;
    return pass(pair, from, to, &handshaking);
}

static bool send_across(struct tls_pair *pair, struct tls_session *from, struct tls_session *to,
                        const uint8_t *bytes, size_t len)
{
    bool handshaking = false;
    size_t room = tls_write_max(from, len);
    uint8_t *out = malloc(room);
    CHECK(out);
    size_t sealed = tls_write(from, bytes, len, out);
    CHECK(sealed <= room);
    pair->last_bytes = 0;
    enum tls_result result = feed(pair, to, &handshaking, out, sealed);
    free(out);
    return result == TLS_WANT_INPUT && pair->last_bytes == len &&
           memcmp(pair->last, bytes, len) == 0;
}

bool tls_pair_echo(struct tls_pair *pair, size_t len)
{
    uint8_t *bytes = malloc(len);
    CHECK(bytes);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(i * 7 + len);
    bool same = send_across(pair, pair->client, pair->server, bytes, len) &&
                send_across(pair, pair->server, pair->client, bytes, len);
    free(bytes);
    return same;
}
