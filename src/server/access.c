// SPDX-License-Identifier: MIT
#include "server/access.h"

#include "codec/tls.h"
#include "server/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_FILE_MAX_BYTES (1 << 20)

// What a file holds shows in its first characters; a secret is all of it but a line end, which an
// editor puts there.
static int add_keys(struct jwt_keys *keys, const char *text, size_t len,
                    char error[JWT_KEYS_ERROR_BYTES])
{
    size_t blank = strspn(text, " \t\r\n");
    if (text[blank] == '{')
        return jwt_keys_add_jwks(keys, text, len, error);
    if (strncmp(text + blank, "-----BEGIN", 10) == 0)
        return jwt_keys_add_pem(keys, text, len, error);
    while (len && (text[len - 1] == '\n' || text[len - 1] == '\r'))
        len--;
    return jwt_keys_add_secret(keys, text, len, error);
}

static int read_keys(struct jwt_keys *keys, const char *path, char *error, size_t error_bytes)
{
    char reason[JWT_KEYS_ERROR_BYTES] = "";
    size_t len;
    char *text = file_read(path, KEY_FILE_MAX_BYTES, &len, error, error_bytes);
    if (!text)
        return -EINVAL;
    int result = add_keys(keys, text, len, reason);
    if (result)
        snprintf(error, error_bytes, "%s: %s", path, reason);
    explicit_bzero(text, len);
    free(text);
    return result;
}

static int read_all_keys(const struct config *config, struct gate *gate, char *error,
                         size_t error_bytes)
{
    const char *list = config->auth_keys;
    char path[FILE_PATH_MAX_BYTES];
    gate->keys = jwt_keys_create();
    if (!gate->keys)
        return -ENOMEM;
    unsigned files = 0;
    for (; file_next(&list, path); files++) {
        int result = read_keys(gate->keys, path, error, error_bytes);
        if (result)
            return result;
    }
    if (files)
        return 0;
    snprintf(error, error_bytes,
             "auth needs auth_keys: a JWK set, a public key in PEM, or a file "
             "with a secret of at least 32 bytes");
    return -EINVAL;
}

static char *copy_unless_empty(const char *text, bool *failed)
{
    char *copy = *text ? strdup(text) : NULL;
    *failed |= *text && !copy;
    return copy;
}

static int fill(const struct config *config, struct gate *gate, char *error, size_t error_bytes)
{
    bool failed = false;
    gate->auth = (enum gate_auth)config->auth;
    gate->leeway_s = config->auth_leeway_ms / 1000;
    if (origins_parse(&gate->origins, config->origins, error, error_bytes))
        return -EINVAL;
    gate->audience = copy_unless_empty(config->auth_audience, &failed);
    gate->issuer = copy_unless_empty(config->auth_issuer, &failed);
    if (failed)
        return -ENOMEM;
    return gate->auth == GATE_OFF ? 0 : read_all_keys(config, gate, error, error_bytes);
}

int access_load(const struct config *config, struct gate **gates, unsigned count, char *error,
                size_t error_bytes)
{
    int result = 0;
    memset(gates, 0, count * sizeof(struct gate *));
    if (config->auth && !tls_available()) {
        snprintf(error, error_bytes,
                 "this ringcast was built without TLS and tokens "
                 "(-Dtls=disabled): set auth to off");
        return -EINVAL;
    }
    for (unsigned i = 0; !result && i < count; i++) {
        gates[i] = calloc(1, sizeof *gates[i]);
        result = gates[i] ? fill(config, gates[i], error, error_bytes) : -ENOMEM;
    }
    if (result == -ENOMEM)
        snprintf(error, error_bytes, "no memory for the keys of tokens");
    for (unsigned i = 0; result && i < count; i++) {
        if (gates[i])
            gate_destroy(gates[i]);
        gates[i] = NULL;
    }
    return result;
}
