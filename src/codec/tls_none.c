// SPDX-License-Identifier: MIT
//
// A build without TLS (-Dtls=disabled): says so where somebody asks for it.
#include "codec/tls.h"

#include <errno.h>
#include <stdio.h>

static const char sentence[] = "this ringcast was built without TLS (-Dtls=disabled)";

bool tls_available(void)
{
    return false;
}

bool tls_accelerated(void)
{
    return false;
}

int tls_global_init(void)
{
    return 0;
}

int tls_context_create(struct tls_context **context, const struct tls_options *options,
                       uint64_t now_s, char *error, size_t error_bytes)
{
    (void)context, (void)options, (void)now_s;
    snprintf(error, error_bytes, "%s", sentence);
    return -EINVAL;
}

int tls_client_context_create(struct tls_context **context,
                              const struct tls_client_options *options, char *error,
                              size_t error_bytes)
{
    (void)context, (void)options;
    snprintf(error, error_bytes, "%s", sentence);
    return -EINVAL;
}

// There is no context, so nothing below is ever called.

void tls_context_destroy(struct tls_context *context)
{
    CHECK(!context);
}

void tls_ticket_secret(const void *bytes, size_t len, uint8_t secret[32])
{
    (void)bytes, (void)len, (void)secret;
    UNREACHABLE();
}

void tls_context_set_time(struct tls_context *context, uint64_t now_s)
{
    (void)now_s;
    CHECK(!context);
}

void tls_context_inherit(struct tls_context *context, const struct tls_context *before)
{
    CHECK(!context && !before);
}

uint64_t tls_context_expires_s(const struct tls_context *context)
{
    CHECK(!context);
    return 0;
}

struct tls_session *tls_session_create(struct tls_context *context, const char *host)
{
    (void)host;
    CHECK(!context);
    return NULL;
}

void tls_session_destroy(struct tls_session *session)
{
    CHECK(!session);
}

enum tls_result tls_handshake(struct tls_session *session, const uint8_t **cursor,
                              const uint8_t *end)
{
    (void)session, (void)cursor, (void)end;
    UNREACHABLE();
}

enum tls_result tls_read(struct tls_session *session, const uint8_t **cursor, const uint8_t *end,
                         uint8_t *plain, size_t plain_max, size_t *plain_len)
{
    (void)session, (void)cursor, (void)end, (void)plain, (void)plain_max, (void)plain_len;
    UNREACHABLE();
}

size_t tls_write_max(const struct tls_session *session, size_t len)
{
    (void)session, (void)len;
    UNREACHABLE();
}

size_t tls_write(struct tls_session *session, const uint8_t *bytes, size_t len, uint8_t *out)
{
    (void)session, (void)bytes, (void)len, (void)out;
    UNREACHABLE();
}

size_t tls_pending_bytes(const struct tls_session *session)
{
    (void)session;
    UNREACHABLE();
}

void tls_close(struct tls_session *session)
{
    (void)session;
    UNREACHABLE();
}

const char *tls_session_subject(const struct tls_session *session)
{
    (void)session;
    UNREACHABLE();
}

uint64_t tls_session_subject_expires_s(const struct tls_session *session)
{
    CHECK(!session);
    return 0;
}

const char *tls_session_error(const struct tls_session *session)
{
    (void)session;
    UNREACHABLE();
}

const char *tls_session_version(const struct tls_session *session)
{
    (void)session;
    UNREACHABLE();
}

const char *tls_session_cipher(const struct tls_session *session)
{
    (void)session;
    UNREACHABLE();
}

bool tls_session_resumed(const struct tls_session *session)
{
    (void)session;
    UNREACHABLE();
}
