// SPDX-License-Identifier: MIT
//
// Certificates, keys, who gets in: made on the control thread, one for each shard, and handed over.
#include "embed/embed.h"

#include "base/clock.h"
#include "base/rand.h"
#include "codec/tls.h"
#include "conn/gate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICKET_KEY_MIN_BYTES 32

bool ringcast_tls_available(void)
{
    return tls_available();
}

bool ringcast_tls_accelerated(void)
{
    return tls_accelerated();
}

uint64_t ringcast_tls_expires_s(const struct ringcast *rc)
{
    // Relaxed: a figure.
    return atomic_load_explicit(&rc->tls_expires_s, memory_order_relaxed);
}

// Without an instance things are made once, to see whether that works.
static unsigned shard_count(const struct ringcast *rc)
{
    return rc ? rc->group.count : 1;
}

static int complain(char *error, size_t error_bytes, const char *sentence)
{
    snprintf(error, error_bytes, "%s", sentence);
    return -EINVAL;
}

// --- TLS

static int take_ticket_key(const struct ringcast_tls *tls, struct tls_options *options, char *error,
                           size_t error_bytes)
{
    // Of our own; shards that have one already keep it (tls_context_inherit).
    rand_entropy(options->ticket_secret, sizeof options->ticket_secret);
    if (!tls->ticket_key)
        return 0;
    if (tls->ticket_key_bytes < TICKET_KEY_MIN_BYTES) {
        snprintf(error, error_bytes,
                 "%zu bytes are too few for the key of tickets: at least %d random ones, as of: "
                 "openssl rand -out FILE 48",
                 tls->ticket_key_bytes, TICKET_KEY_MIN_BYTES);
        return -EINVAL;
    }
    tls_ticket_secret(tls->ticket_key, tls->ticket_key_bytes, options->ticket_secret);
    options->ticket_secret_is_shared = true;
    return 0;
}

static int take_certificates(const struct ringcast_tls *tls, struct tls_options *options,
                             struct tls_certificate certificates[TLS_CERTIFICATES_MAX], char *error,
                             size_t error_bytes)
{
    if (tls->certificate_count == 0 || tls->certificate_count > TLS_CERTIFICATES_MAX)
        return complain(error, error_bytes, "there have to be 1 to 16 certificates");
    for (size_t i = 0; i < tls->certificate_count; i++) {
        const struct ringcast_certificate *from = &tls->certificates[i];
        certificates[i] = (struct tls_certificate){.name = from->name ? from->name : "certificate",
                                                   .chain = from->chain,
                                                   .chain_bytes = from->chain_bytes,
                                                   .key = from->key,
                                                   .key_bytes = from->key_bytes};
    }
    options->certificates = certificates;
    options->certificate_count = (unsigned)tls->certificate_count;
    options->client_ca = tls->client_ca;
    options->client_ca_bytes = tls->client_ca_bytes;
    options->client_required = tls->client_required;
    options->tls13_only = tls->tls13_only;
    options->ticket_lifetime_s = tls->ticket_lifetime_s;
    return 0;
}

static int make_contexts(const struct ringcast *rc, const struct tls_options *options,
                         struct tls_context **contexts, char *error, size_t error_bytes)
{
    uint64_t now_s = (rc ? rc->options.clock_unix_ms() : clock_realtime_ms()) / 1000;
    for (unsigned i = 0; i < shard_count(rc); i++) {
        int result = tls_context_create(&contexts[i], options, now_s, error, error_bytes);
        if (!result)
            continue;
        if (result == -ENOMEM)
            snprintf(error, error_bytes, "no memory for certificates");
        while (i--)
            tls_context_destroy(contexts[i]);
        return result;
    }
    return 0;
}

static bool listens_with_tls(const struct ringcast *rc)
{
    for (unsigned i = 0; i < rc->listeners.count; i++)
        if (rc->listeners.tls[i])
            return true;
    return false;
}

static void hand_over_tls(struct ringcast *rc, struct tls_context **contexts)
{
    // Relaxed: a figure.
    atomic_store_explicit(&rc->tls_expires_s, tls_context_expires_s(contexts[0]),
                          memory_order_relaxed);
    for (unsigned i = 0; i < rc->group.count; i++) {
        shard_set_tls(rc->group.shards[i], contexts[i]);
        shard_interrupt(rc->group.shards[i]);
    }
    rc->has_tls = true;
}

static int prepare_tls(const struct ringcast *rc, char *error, size_t error_bytes)
{
    if (!tls_available())
        return complain(error, error_bytes, "this library was built without TLS (-Dtls=disabled)");
    if (rc && !listens_with_tls(rc))
        return complain(error, error_bytes, "no listener has TLS: set its field tls");
    return tls_global_init() ? complain(error, error_bytes, "no memory for TLS") : 0;
}

int ringcast_set_tls(struct ringcast *rc, const struct ringcast_tls *tls, char *error,
                     size_t error_bytes)
{
    struct tls_context *contexts[SHARD_MAX];
    struct tls_certificate certificates[TLS_CERTIFICATES_MAX];
    struct tls_options options = {.certificate_count = 0};
    int result = prepare_tls(rc, error, error_bytes);
    if (!result)
        result = take_certificates(tls, &options, certificates, error, error_bytes);
    if (!result)
        result = take_ticket_key(tls, &options, error, error_bytes);
    if (!result)
        result = make_contexts(rc, &options, contexts, error, error_bytes);
    explicit_bzero(&options, sizeof options);
    if (!result && rc)
        hand_over_tls(rc, contexts);
    else if (!result)
        tls_context_destroy(contexts[0]);
    return result;
}

// --- Access

// A secret is all of the text but a line end, which an editor puts there.
static int add_key(struct jwt_keys *keys, const struct ringcast_key *key,
                   char reason[JWT_KEYS_ERROR_BYTES])
{
    size_t len = key->text_bytes;
    switch (key->kind) {
    case RINGCAST_KEY_PUBLIC:
        return jwt_keys_add_public(keys, key->text, len, reason);
    case RINGCAST_KEY_SECRET:
        while (len && (key->text[len - 1] == '\n' || key->text[len - 1] == '\r'))
            len--;
        return jwt_keys_add_secret(keys, key->text, len, reason);
    }
    snprintf(reason, JWT_KEYS_ERROR_BYTES, "kind must be one of enum ringcast_key_kind");
    return -EINVAL;
}

static int add_keys(struct gate *gate, const struct ringcast_access *access, char *error,
                    size_t error_bytes)
{
    char reason[JWT_KEYS_ERROR_BYTES] = "";
    if (access->key_count == 0)
        return complain(error, error_bytes,
                        "tokens need keys: a JWK set, a public key in PEM, or a secret of at least "
                        "32 bytes that is marked as one");
    gate->keys = jwt_keys_create();
    if (!gate->keys)
        return -ENOMEM;
    for (size_t i = 0; i < access->key_count; i++) {
        const struct ringcast_key *key = &access->keys[i];
        int result = add_key(gate->keys, key, reason);
        if (!result)
            continue;
        snprintf(error, error_bytes, "%s: %s", key->name ? key->name : "key", reason);
        return result;
    }
    return 0;
}

static char *copy_unless_empty(const char *text, bool *failed)
{
    char *copy = text && *text ? strdup(text) : NULL;
    *failed |= text && *text && !copy;
    return copy;
}

static int fill_gate(struct gate *gate, const struct ringcast_access *access, char *error,
                     size_t error_bytes)
{
    static const enum gate_auth auths[] = {GATE_OFF, GATE_OPTIONAL, GATE_REQUIRED};
    bool failed = false;
    if (access->auth > RINGCAST_AUTH_REQUIRED)
        return complain(error, error_bytes, "auth must be one of enum ringcast_auth");
    gate->auth = auths[access->auth];
    gate->leeway_s = access->leeway_s;
    if (origins_parse(&gate->origins, access->origins ? access->origins : "", error, error_bytes))
        return -EINVAL;
    gate->audience = copy_unless_empty(access->audience, &failed);
    gate->issuer = copy_unless_empty(access->issuer, &failed);
    if (failed)
        return -ENOMEM;
    return gate->auth == GATE_OFF ? 0 : add_keys(gate, access, error, error_bytes);
}

static int make_gates(const struct ringcast *rc, const struct ringcast_access *access,
                      struct gate **gates, char *error, size_t error_bytes)
{
    int result = 0;
    memset(gates, 0, shard_count(rc) * sizeof(struct gate *));
    for (unsigned i = 0; !result && i < shard_count(rc); i++) {
        gates[i] = calloc(1, sizeof *gates[i]);
        result = gates[i] ? fill_gate(gates[i], access, error, error_bytes) : -ENOMEM;
    }
    if (result == -ENOMEM)
        snprintf(error, error_bytes, "no memory for the keys of tokens");
    for (unsigned i = 0; result && i < shard_count(rc); i++)
        if (gates[i])
            gate_destroy(gates[i]);
    return result;
}

int ringcast_set_access(struct ringcast *rc, const struct ringcast_access *access, char *error,
                        size_t error_bytes)
{
    struct gate *gates[SHARD_MAX];
    if (access->auth && !tls_available())
        return complain(error, error_bytes,
                        "this library was built without TLS and tokens (-Dtls=disabled): set auth "
                        "to off");
    if (tls_global_init())
        return complain(error, error_bytes, "no memory for TLS");
    int result = make_gates(rc, access, gates, error, error_bytes);
    if (!result && !rc)
        gate_destroy(gates[0]);
    for (unsigned i = 0; !result && rc && i < rc->group.count; i++) {
        shard_set_gate(rc->group.shards[i], gates[i]);
        shard_interrupt(rc->group.shards[i]);
    }
    return result;
}
