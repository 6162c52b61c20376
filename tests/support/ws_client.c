// SPDX-License-Identifier: MIT
#include "support/ws_client.h"

#include "base/check.h"
#include "codec/ws_write.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_MS 10000

void ws_client_connect(struct ws_client *client, const char *address)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    const char *colon = strrchr(address, ':');
    char host[64];
    snprintf(host, sizeof host, "%.*s", (int)(colon - address), address);
    CHECK(inet_pton(AF_INET, host, &to.sin_addr) == 1);
    to.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    client->have = 0;
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(client->fd >= 0 && connect(client->fd, (const void *)&to, sizeof to) == 0);
}

void ws_client_close(struct ws_client *client)
{
    close(client->fd);
    client->fd = -1;
}

static void send_all(struct ws_client *client, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    while (len) {
        ssize_t sent = send(client->fd, at, len, MSG_NOSIGNAL);
        if (sent < 0)
            return; // the test sees that nothing comes back
        at += sent;
        len -= (size_t)sent;
    }
}

// True when more has come.
static bool fill(struct ws_client *client, int timeout_ms, bool *ended)
{
    struct pollfd poll_fd = {.fd = client->fd, .events = POLLIN};
    if (poll(&poll_fd, 1, timeout_ms) != 1 || client->have == sizeof client->bytes)
        return false;
    ssize_t got =
        recv(client->fd, client->bytes + client->have, sizeof client->bytes - client->have, 0);
    *ended = got <= 0;
    client->have += got > 0 ? (size_t)got : 0;
    return got > 0;
}

// Of the answer in the buffer; -1: there is none.
static int status_of(const struct ws_client *client)
{
    char digits[4] = "";
    if (client->have < 12)
        return -1;
    memcpy(digits, client->bytes + 9, 3);
    return (int)strtol(digits, NULL, 10);
}

static void drop(struct ws_client *client, size_t bytes)
{
    client->have -= bytes;
    memmove(client->bytes, client->bytes + bytes, client->have);
}

static void copy_out(const struct ws_client *client, size_t len, char *out, size_t out_bytes)
{
    snprintf(out, out_bytes, "%.*s", (int)len, (const char *)client->bytes);
}

int ws_client_upgrade(struct ws_client *client, const char *path, const char *headers, char *answer,
                      size_t answer_bytes)
{
    char request[4096];
    bool ended = false;
    int len = snprintf(request, sizeof request,
                       "GET %s HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\n"
                       "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
                       path, headers ? headers : "");
    send_all(client, request, (size_t)len);
    const uint8_t *end;
    while (!(end = memmem(client->bytes, client->have, "\r\n\r\n", 4)))
        if (!fill(client, PATIENCE_MS, &ended))
            return -1;
    int status = status_of(client);
    if (status != 101)
        while (fill(client, PATIENCE_MS, &ended))
            ;
    copy_out(client, client->have, answer, answer_bytes);
    drop(client, (size_t)(end + 4 - client->bytes));
    return status;
}

int ws_client_request(struct ws_client *client, const char *method, const char *path, char *answer,
                      size_t answer_bytes)
{
    char request[1024];
    bool ended = false;
    int len =
        snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: test\r\n\r\n", method, path);
    send_all(client, request, (size_t)len);
    while (fill(client, PATIENCE_MS, &ended))
        ;
    copy_out(client, client->have, answer, answer_bytes);
    return status_of(client);
}

void ws_client_send(struct ws_client *client, enum ws_opcode opcode, const void *bytes, size_t len)
{
    static const uint8_t mask[4] = {1, 2, 3, 4};
    uint8_t *frame = malloc(len + 14);
    CHECK(frame);
    size_t head = ws_client_header_write(frame, opcode, true, len, mask);
    for (size_t i = 0; i < len; i++)
        frame[head + i] = ((const uint8_t *)bytes)[i] ^ mask[i % 4];
    send_all(client, frame, head + len);
    free(frame);
}

// The head of the first frame in the buffer: its length, or 0 while it is not whole.
static size_t frame_head(const struct ws_client *client, size_t *payload_bytes)
{
    const uint8_t *b = client->bytes;
    if (client->have < 2)
        return 0;
    *payload_bytes = b[1] & 127;
    if (*payload_bytes < 126)
        return 2;
    if (*payload_bytes == 126) {
        *payload_bytes = client->have < 4 ? 0 : (size_t)b[2] << 8 | b[3];
        return client->have < 4 ? 0 : 4;
    }
    CHECK(false); // no test needs more than 64 kB
}

int ws_client_receive(struct ws_client *client, int timeout_ms, enum ws_opcode *opcode, char *text,
                      size_t text_bytes)
{
    size_t head, len = 0;
    bool ended = false;
    while (!(head = frame_head(client, &len)) || client->have < head + len)
        if (!fill(client, timeout_ms, &ended))
            return ended ? -2 : -1;
    CHECK(len < text_bytes);
    *opcode = (enum ws_opcode)(client->bytes[0] & 15);
    memcpy(text, client->bytes + head, len);
    text[len] = 0;
    drop(client, head + len);
    return (int)len;
}

const char *ws_client_text(struct ws_client *client)
{
    static char text[WS_CLIENT_BUFFER_BYTES], closing[256];
    enum ws_opcode opcode;
    int len = ws_client_receive(client, PATIENCE_MS, &opcode, text, sizeof text);
    if (len < 0)
        return len == -1 ? "(nothing)" : "(end)";
    if (opcode != WS_CLOSE)
        return text;
    unsigned code = len < 2 ? 1005 : (unsigned)((uint8_t)text[0] << 8 | (uint8_t)text[1]);
    snprintf(closing, sizeof closing, "close %u%s%.200s", code, len > 2 ? " " : "",
             len > 2 ? text + 2 : "");
    return closing;
}
