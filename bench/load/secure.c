// SPDX-License-Identifier: MIT
#include "load/secure.h"

#include "codec/tls.h"
#include "load/text_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct secure {
    struct tls_client_options options;
    struct tls_certificate certificate;
    char *ca, *chain, *key; // of the files, or NULL
    const char *name;       // to ask for and to expect, or NULL
};

// --- Before the workers

static char *read_pem(const char *option, const char *path, size_t *len, char *error,
                      size_t error_bytes)
{
    char *text = text_file_read(path);
    if (text)
        *len = strlen(text);
    else
        snprintf(error, error_bytes, "--%s: cannot read '%.100s': %s", option, path,
                 strerror(errno));
    return text;
}

static int read_files(struct secure *secure, const struct options *from, char *error,
                      size_t error_bytes)
{
    struct tls_certificate *certificate = &secure->certificate;
    if (from->tls_ca) {
        secure->ca =
            read_pem("tls-ca", from->tls_ca, &secure->options.ca_bytes, error, error_bytes);
        if (!secure->ca)
            return -EINVAL;
        secure->options.ca = secure->ca;
    }
    if (!from->tls_cert)
        return 0;
    secure->chain =
        read_pem("tls-cert", from->tls_cert, &certificate->chain_bytes, error, error_bytes);
    if (secure->chain)
        secure->key = read_pem("tls-key", from->tls_key ? from->tls_key : from->tls_cert,
                               &certificate->key_bytes, error, error_bytes);
    if (!secure->key)
        return -EINVAL;
    certificate->name = from->tls_cert;
    certificate->chain = secure->chain;
    certificate->key = secure->key;
    secure->options.certificate = certificate;
    return 0;
}

static int try_context(const struct secure *secure, char *error, size_t error_bytes)
{
    struct tls_context *context;
    int result = tls_client_context_create(&context, &secure->options, error, error_bytes);
    if (!result)
        tls_context_destroy(context);
    else if (result == -ENOMEM)
        snprintf(error, error_bytes, "no memory for TLS");
    return result;
}

int secure_prepare(struct bench *bench, char *error, size_t error_bytes)
{
    const struct options *options = &bench->options;
    if (!bench->target.secure) {
        bool asked =
            options->tls_ca || options->tls_name || options->tls_cert || options->tls_version;
        snprintf(error, error_bytes, "the --tls options need a wss:// URL");
        return asked ? -EINVAL : 0;
    }
    if (tls_global_init() || !(bench->secure = calloc(1, sizeof *bench->secure))) {
        snprintf(error, error_bytes, "no memory for TLS");
        return -ENOMEM;
    }
    struct secure *secure = bench->secure;
    secure->options.tls12_only = options->tls_version == OPTIONS_TLS_12;
    secure->options.tls13_only = options->tls_version == OPTIONS_TLS_13;
    secure->name = options->tls_name     ? options->tls_name
                   : *bench->target.name ? bench->target.name
                                         : NULL;
    int result = read_files(secure, options, error, error_bytes);
    return result ? result : try_context(secure, error, error_bytes);
}

void secure_fini(struct secure *secure)
{
    if (!secure)
        return;
    free(secure->ca);
    free(secure->chain);
    free(secure->key);
    free(secure);
}

const char *secure_check_text(const struct bench *bench)
{
    if (!bench->secure->ca)
        return "not checked";
    return bench->secure->name ? "checked" : "checked but for the name: the URL has none";
}

int secure_start(struct worker *worker)
{
    char error[256];
    const struct secure *secure = worker->bench->secure;
    if (!secure)
        return 0;
    worker->plain = malloc(TLS_RECORD_MAX_BYTES);
    if (!worker->plain)
        return -ENOMEM;
    int result = tls_client_context_create(&worker->tls, &secure->options, error, sizeof error);
    if (result && result != -ENOMEM)
        worker_fail(worker, "TLS: %s", error);
    return result;
}

// --- A connection

static void fail(struct worker *worker, struct client *client)
{
    char why[160];
    snprintf(why, sizeof why, "TLS: %s", tls_session_error(client->tls));
    client_end(worker, client, why);
}

void secure_begin(struct worker *worker, struct client *client)
{
    const uint8_t *none = NULL;
    client->state = CLIENT_SECURING;
    client->tls = tls_session_create(worker->tls, worker->bench->secure->name);
    if (!client->tls) {
        client_end(worker, client, "out of memory");
        return;
    }
    if (tls_handshake(client->tls, &none, NULL) == TLS_FAILED)
        fail(worker, client);
    else
        client_touch(worker, client);
}

// False: it is not over yet, or it has failed.
static bool shake_hands(struct worker *worker, struct client *client, const uint8_t **cursor,
                        const uint8_t *end)
{
    enum tls_result result = tls_handshake(client->tls, cursor, end);
    if (result == TLS_FAILED) {
        fail(worker, client);
        return false;
    }
    if (tls_pending_bytes(client->tls))
        client_touch(worker, client);
    if (result != TLS_DONE)
        return false;
    hdr_add(&worker->secured, worker->now_ns - client->begun_ns);
    worker->tls_version = tls_session_version(client->tls);
    worker->tls_cipher = tls_session_cipher(client->tls);
    client_ask(worker, client);
    return true;
}

static void read_records(struct worker *worker, struct client *client, const uint8_t *cursor,
                         const uint8_t *end)
{
    // A message may be what ends the client, and its session with it.
    while (client->state < CLIENT_CLOSING) {
        size_t len;
        switch (tls_read(client->tls, &cursor, end, worker->plain, TLS_RECORD_MAX_BYTES, &len)) {
        case TLS_DATA:
            client_take(worker, client, worker->plain, len);
            continue;
        case TLS_CLOSED:
            client_end(worker, client, "the server hung up");
            return;
        case TLS_FAILED:
            fail(worker, client);
            return;
        case TLS_WANT_INPUT:
        case TLS_DONE:
            break;
        }
        if (tls_pending_bytes(client->tls)) // the answer to a key update
            client_touch(worker, client);
        return;
    }
}

void secure_receive(struct worker *worker, struct client *client, const uint8_t *bytes, size_t len)
{
    const uint8_t *cursor = bytes, *end = bytes + len;
    if (client->state >= CLIENT_CLOSING)
        return;
    if (client->state != CLIENT_SECURING || shake_hands(worker, client, &cursor, end))
        read_records(worker, client, cursor, end);
}

const uint8_t *secure_seal(struct worker *worker, struct client *client, uint32_t *len)
{
    // What is queued before the handshake is over, a PROXY header, goes in front of it as it is.
    uint32_t raw = client->state == CLIENT_SECURING ? client->out_bytes : 0;
    uint32_t plain = client->out_bytes - raw;
    struct arena *arena = &worker->arenas[worker->arena_now];
    uint8_t *out = arena_alloc(arena, raw + tls_write_max(client->tls, plain), 1);
    if (!out) {
        client_end(worker, client, "out of memory");
        return NULL;
    }
    if (raw)
        memcpy(out, client->out, raw);
    size_t sealed = tls_write(client->tls, client->out, plain, out + raw);
    if (plain && !sealed) {
        fail(worker, client);
        return NULL;
    }
    *len = raw + (uint32_t)sealed;
    return *len ? out : NULL;
}

void secure_drop(struct client *client)
{
    if (client->tls)
        tls_session_destroy(client->tls);
    client->tls = NULL;
}
