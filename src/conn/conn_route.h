// SPDX-License-Identifier: MIT
//
// Where WebSockets are when the program does not say otherwise: /room/NAME joins a room on connect
// (NAME: percent-encoded UTF-8, 1 to 200 bytes), and what is sent goes to all of its members, the
// sender too unless ?self=0; /echo sends everything back.
#pragma once

#include "conn/conn.h"

// Decides by the path.
void conn_route(const struct http_parser *http, struct conn_decision *decision);

// True when the path is one of these: an ordinary request for it lacks its Upgrade.
bool conn_route_is_websocket(const struct http_parser *http);
