// SPDX-License-Identifier: MIT
#include "server/certificates.h"

#include "server/addresses.h"
#include "server/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX_BYTES     (1 << 20)
#define TICKET_KEY_MAX     4096
#define CLIENT_AUTH_OFF    0 // the words of tls_client_auth
#define CLIENT_AUTH_NEEDED 2

// Everything that was read, until the contexts are made.
struct material {
    struct ringcast_certificate certificates[RINGCAST_CERTIFICATES_MAX];
    char *chains[RINGCAST_CERTIFICATES_MAX], *keys[RINGCAST_CERTIFICATES_MAX];
    char names[RINGCAST_CERTIFICATES_MAX][FILE_PATH_MAX_BYTES];
    unsigned count;
    char *client_ca, *ticket_key;
};

static int read_pair(struct material *m, const char *chain, const char *key, char *error,
                     size_t error_bytes)
{
    struct ringcast_certificate *certificate = &m->certificates[m->count];
    if (m->count == RINGCAST_CERTIFICATES_MAX) {
        snprintf(error, error_bytes, "tls_certificate names more than %d files",
                 RINGCAST_CERTIFICATES_MAX);
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

static int read_client_ca(struct material *m, const struct config *config, struct ringcast_tls *tls,
                          char *error, size_t error_bytes)
{
    if (config->tls_client_auth == CLIENT_AUTH_OFF)
        return 0;
    if (!*config->tls_client_ca) {
        snprintf(error, error_bytes,
                 "tls_client_auth needs tls_client_ca: a file with the "
                 "authorities that sign the clients' certificates");
        return -EINVAL;
    }
    m->client_ca =
        file_read(config->tls_client_ca, FILE_MAX_BYTES, &tls->client_ca_bytes, error, error_bytes);
    tls->client_ca = m->client_ca;
    tls->client_required = config->tls_client_auth == CLIENT_AUTH_NEEDED;
    return m->client_ca ? 0 : -EINVAL;
}

// The file may hold any bytes: the key is mixed from all.
static int read_ticket_key(struct material *m, const struct config *config,
                           struct ringcast_tls *tls, char *error, size_t error_bytes)
{
    if (!*config->tls_ticket_key)
        return 0;
    m->ticket_key = file_read(config->tls_ticket_key, TICKET_KEY_MAX, &tls->ticket_key_bytes, error,
                              error_bytes);
    tls->ticket_key = m->ticket_key;
    return m->ticket_key ? 0 : -EINVAL;
}

static void drop(struct material *m, const struct ringcast_tls *tls)
{
    for (unsigned i = 0; i < m->count; i++) {
        free(m->chains[i]);
        if (m->keys[i])
            explicit_bzero(m->keys[i], m->certificates[i].key_bytes);
        free(m->keys[i]);
    }
    free(m->client_ca);
    if (m->ticket_key)
        explicit_bzero(m->ticket_key, tls->ticket_key_bytes);
    free(m->ticket_key);
}

static int read_material(struct material *m, const struct config *config, struct ringcast_tls *tls,
                         char *error, size_t error_bytes)
{
    int result = read_pairs(m, config, error, error_bytes);
    if (!result)
        result = read_client_ca(m, config, tls, error, error_bytes);
    if (!result)
        result = read_ticket_key(m, config, tls, error, error_bytes);
    tls->certificates = m->certificates;
    tls->certificate_count = m->count;
    return result;
}

int certificates_load(const struct config *config, struct ringcast *rc, char *error,
                      size_t error_bytes)
{
    struct material m = {.count = 0};
    struct ringcast_tls tls = {.tls13_only = config->tls_min_version == 1,
                               .ticket_lifetime_s =
                                   (uint32_t)((config->tls_ticket_lifetime_ms + 999) / 1000)};
    if (!addresses_have_tls(config->listen))
        return 0;
    if (!ringcast_tls_available()) {
        snprintf(error, error_bytes,
                 "this ringcast was built without TLS (-Dtls=disabled): take tls out of listen");
        return -EINVAL;
    }
    int result = read_material(&m, config, &tls, error, error_bytes);
    if (!result)
        result = ringcast_set_tls(rc, &tls, error, error_bytes);
    drop(&m, &tls);
    return result;
}
