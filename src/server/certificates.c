// SPDX-License-Identifier: MIT
#include "server/certificates.h"

#include "base/rand.h"
#include "server/file.h"
#include "server/listen_spec.h"
#include "shard/shard.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX_BYTES     (1 << 20)
#define TICKET_KEY_MIN     32
#define TICKET_KEY_MAX     4096
#define CLIENT_AUTH_OFF    0 // the words of tls_client_auth
#define CLIENT_AUTH_NEEDED 2

// Everything that was read, until the contexts are made.
struct material {
    struct tls_certificate certificates[TLS_CERTIFICATES_MAX];
    char *chains[TLS_CERTIFICATES_MAX], *keys[TLS_CERTIFICATES_MAX];
    char names[TLS_CERTIFICATES_MAX][FILE_PATH_MAX_BYTES];
    unsigned count;
    char *client_ca;
};

void certificates_init(struct certificates *certificates, uint64_t now_s)
{
    rand_entropy(certificates->ticket_secret, sizeof certificates->ticket_secret);
    certificates->ticket_secret_made_s = now_s;
}

bool certificates_needed(const struct config *config)
{
    struct listen_spec specs[SHARD_LISTENERS];
    char error[OPTION_ERROR_BYTES];
    int count = listen_specs_parse(config->listen, specs, SHARD_LISTENERS, error, sizeof error);
    for (int i = 0; i < count; i++)
        if (specs[i].tls)
            return true;
    return false;
}

static int read_pair(struct material *m, const char *chain, const char *key, char *error,
                     size_t error_bytes)
{
    struct tls_certificate *certificate = &m->certificates[m->count];
    if (m->count == TLS_CERTIFICATES_MAX) {
        snprintf(error, error_bytes, "tls_certificate names more than %d files",
                 TLS_CERTIFICATES_MAX);
        return -EINVAL;
    }
    unsigned i = m->count++;
    snprintf(m->names[i], sizeof m->names[i], "%s", chain);
    certificate->name = m->names[i];
    m->chains[i] = file_read(chain, FILE_MAX_BYTES, &certificate->chain_bytes, error, error_bytes);
    m->keys[i] = m->chains[i]
                     ? file_read(key, FILE_MAX_BYTES, &certificate->key_bytes, error, error_bytes)
                     : NULL;
    certificate->chain = m->chains[i];
    certificate->key = m->keys[i];
    return m->keys[i] ? 0 : -EINVAL;
}

static int read_pairs(struct material *m, const struct config *config, char *error,
                      size_t error_bytes)
{
    const char *chains = config->tls_certificate, *keys = config->tls_key;
    bool own_keys = *keys;
    char chain[FILE_PATH_MAX_BYTES], key[FILE_PATH_MAX_BYTES];
    while (file_next(&chains, chain)) {
        if (own_keys && !file_next(&keys, key)) {
            snprintf(error, error_bytes,
                     "tls_key names fewer files than tls_certificate: give one "
                     "key for each, in the same order");
            return -EINVAL;
        }
        if (read_pair(m, chain, own_keys ? key : chain, error, error_bytes))
            return -EINVAL;
    }
    if (own_keys && file_next(&keys, key)) {
        snprintf(error, error_bytes, "tls_key names more files than tls_certificate");
        return -EINVAL;
    }
    if (m->count)
        return 0;
    snprintf(error, error_bytes,
             "listen has an address with tls, but tls_certificate is empty: "
             "name a certificate chain in PEM");
    return -EINVAL;
}

static int read_client_ca(struct material *m, const struct config *config,
                          struct tls_options *options, char *error, size_t error_bytes)
{
    if (config->tls_client_auth == CLIENT_AUTH_OFF)
        return 0;
    if (!*config->tls_client_ca) {
        snprintf(error, error_bytes,
                 "tls_client_auth needs tls_client_ca: a file with the "
                 "authorities that sign the clients' certificates");
        return -EINVAL;
    }
    m->client_ca = file_read(config->tls_client_ca, FILE_MAX_BYTES, &options->client_ca_bytes,
                             error, error_bytes);
    options->client_ca = m->client_ca;
    options->client_required = config->tls_client_auth == CLIENT_AUTH_NEEDED;
    return m->client_ca ? 0 : -EINVAL;
}

// The file may hold any bytes: 32 of them, mixed from all, are the secret.
static int read_ticket_key(const struct config *config, struct tls_options *options, char *error,
                           size_t error_bytes)
{
    size_t len;
    if (!*config->tls_ticket_key)
        return 0;
    char *bytes = file_read(config->tls_ticket_key, TICKET_KEY_MAX, &len, error, error_bytes);
    if (!bytes)
        return -EINVAL;
    if (len < TICKET_KEY_MIN)
        snprintf(error, error_bytes,
                 "%s: %zu bytes are too few for tls_ticket_key: at least %d "
                 "random ones, as of: openssl rand -out FILE 48",
                 config->tls_ticket_key, len, TICKET_KEY_MIN);
    else
        tls_ticket_secret(bytes, len, options->ticket_secret);
    options->ticket_secret_is_shared = true;
    free(bytes);
    return len < TICKET_KEY_MIN ? -EINVAL : 0;
}

static int make_contexts(const struct tls_options *options, struct tls_context **contexts,
                         unsigned count, uint64_t now_s, char *error, size_t error_bytes)
{
    for (unsigned i = 0; i < count; i++) {
        int result = tls_context_create(&contexts[i], options, now_s, error, error_bytes);
        if (!result)
            continue;
        if (result == -ENOMEM)
            snprintf(error, error_bytes, "no memory for certificates");
        while (i--) {
            tls_context_destroy(contexts[i]);
            contexts[i] = NULL;
        }
        return result;
    }
    return 0;
}

static void drop(struct material *m)
{
    for (unsigned i = 0; i < m->count; i++) {
        free(m->chains[i]);
        if (m->keys[i])
            explicit_bzero(m->keys[i], m->certificates[i].key_bytes);
        free(m->keys[i]);
    }
    free(m->client_ca);
}

int certificates_load(const struct certificates *certificates, const struct config *config,
                      struct tls_context **contexts, unsigned count, uint64_t now_s, char *error,
                      size_t error_bytes)
{
    struct material m = {.count = 0};
    struct tls_options options = {.certificates = m.certificates,
                                  .tls13_only = config->tls_min_version == 1,
                                  .ticket_lifetime_s =
                                      (uint32_t)((config->tls_ticket_lifetime_ms + 999) / 1000),
                                  .ticket_secret_made_s = certificates->ticket_secret_made_s};
    memcpy(options.ticket_secret, certificates->ticket_secret, sizeof options.ticket_secret);
    for (unsigned i = 0; i < count; i++)
        contexts[i] = NULL;
    if (!certificates_needed(config))
        return 0;
    if (!tls_available()) {
        snprintf(error, error_bytes,
                 "this ringcast was built without TLS (-Dtls=disabled): take "
                 "tls out of listen");
        return -EINVAL;
    }
    int result = read_pairs(&m, config, error, error_bytes);
    if (!result)
        result = read_client_ca(&m, config, &options, error, error_bytes);
    if (!result)
        result = read_ticket_key(config, &options, error, error_bytes);
    options.certificate_count = m.count;
    if (!result)
        result = make_contexts(&options, contexts, count, now_s, error, error_bytes);
    drop(&m);
    explicit_bzero(&options, sizeof options);
    return result;
}
