// SPDX-License-Identifier: MIT
//
// A blocking WebSocket client for tests, one at a time on one thread.
#pragma once

#include "codec/ws_parse.h"

#define WS_CLIENT_BUFFER_BYTES 65536

struct ws_client {
    int fd;
    size_t have;
    uint8_t bytes[WS_CLIENT_BUFFER_BYTES]; // received, not yet looked at
};

// A connection to "127.0.0.1:PORT" that has sent nothing yet.
void ws_client_connect(struct ws_client *client, const char *address);

// Sends an upgrade with further header lines (each ended by CR LF). Returns the answer's status;
// its body, or the whole head, can be found in `answer`.
int ws_client_upgrade(struct ws_client *client, const char *path, const char *headers, char *answer,
                      size_t answer_bytes);

// Sends a request of this method and reads the answer until the server closes. Returns the status.
int ws_client_request(struct ws_client *client, const char *method, const char *path, char *answer,
                      size_t answer_bytes);

void ws_client_send(struct ws_client *client, enum ws_opcode opcode, const void *bytes, size_t len);

// The next frame. Returns the length of its payload (which is terminated), -1: nothing came for
// timeout_ms, -2: the end of the stream.
int ws_client_receive(struct ws_client *client, int timeout_ms, enum ws_opcode *opcode, char *text,
                      size_t text_bytes);

// The same of a message that is known to come: its payload, "(nothing)", or "(end)". A Close frame
// is "close CODE REASON".
const char *ws_client_text(struct ws_client *client);

void ws_client_close(struct ws_client *client);
