// SPDX-License-Identifier: MIT
#include "server/access.h"

#include "server/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define KEY_FILE_MAX_BYTES (1 << 20)
#define KEY_FILES_MAX      64

#define SECRET_MARK       "hs256:"
#define SECRET_MARK_BYTES (sizeof SECRET_MARK - 1)

struct key_files {
    struct ringcast_key keys[KEY_FILES_MAX];
    char *texts[KEY_FILES_MAX];
    char paths[KEY_FILES_MAX][FILE_PATH_MAX_BYTES];
    unsigned count;
};

const char *access_key_path(const char *item, enum ringcast_key_kind *kind)
{
    bool is_secret = strncasecmp(item, SECRET_MARK, SECRET_MARK_BYTES) == 0;
    *kind = is_secret ? RINGCAST_KEY_SECRET : RINGCAST_KEY_PUBLIC;
    return is_secret ? item + SECRET_MARK_BYTES : item;
}

static int read_keys(struct key_files *files, const char *list, char *error, size_t error_bytes)
{
    char item[FILE_PATH_MAX_BYTES];
    while (file_next(&list, item)) {
        unsigned i = files->count;
        if (i == KEY_FILES_MAX) {
            snprintf(error, error_bytes, "auth_keys names more than %d files", KEY_FILES_MAX);
            return -EINVAL;
        }
        struct ringcast_key *key = &files->keys[i];
        const char *path = access_key_path(item, &key->kind);
        snprintf(files->paths[i], sizeof files->paths[i], "%s", path);
        files->texts[i] = file_read(path, KEY_FILE_MAX_BYTES, &key->text_bytes, error, error_bytes);
        if (!files->texts[i])
            return -EINVAL;
        files->count++;
        key->name = files->paths[i];
        key->text = files->texts[i];
    }
    if (files->count)
        return 0;
    snprintf(error, error_bytes,
             "auth needs auth_keys: the file of a JWK set or of a public key in PEM, or hs256:FILE "
             "for a secret of at least 32 bytes");
    return -EINVAL;
}

static void drop(struct key_files *files)
{
    for (unsigned i = 0; i < files->count; i++) {
        explicit_bzero(files->texts[i], files->keys[i].text_bytes);
        free(files->texts[i]);
    }
    free(files);
}

int access_load(const struct config *config, struct ringcast *rc, char *error, size_t error_bytes)
{
    struct key_files *files = calloc(1, sizeof *files);
    if (!files) {
        snprintf(error, error_bytes, "no memory for the keys of tokens");
        return -ENOMEM;
    }
    int result = config->auth ? read_keys(files, config->auth_keys, error, error_bytes) : 0;
    struct ringcast_access access = {.origins = config->origins,
                                     .auth = (enum ringcast_auth)config->auth,
                                     .keys = files->keys,
                                     .key_count = files->count,
                                     .audience = config->auth_audience,
                                     .issuer = config->auth_issuer,
                                     .leeway_s = (uint32_t)(config->auth_leeway_ms / 1000)};
    if (!result)
        result = ringcast_set_access(rc, &access, error, error_bytes);
    drop(files);
    return result;
}
