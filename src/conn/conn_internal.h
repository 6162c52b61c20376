// SPDX-License-Identifier: MIT
//
// Private to src/conn: how its files call each other.
//
//   conn.c          life: opened, ended, and what the link tells
//   conn_http.c     requests and their answers
//   conn_upgrade.c  from a good request to an open WebSocket
//   conn_ws.c       messages
//   conn_timer.c    what time does
//   conn_answers.c  joins that the hub has answered
//   conn_waiting.c  publishers that wait
//   conn_memory.c   who holds how much
#pragma once

#include "conn/conn.h"

// Both return how many bytes were consumed.
size_t conn_http_bytes(struct conns *conns, struct conn *conn, uint8_t *bytes, size_t len);
size_t conn_ws_bytes(struct conns *conns, struct conn *conn, uint8_t *bytes, size_t len);

// Answers with an error page of this sentence and closes.
void conn_http_refuse(struct conns *conns, struct conn *conn, int status, const char *sentence);
void conn_http_refuse_with(struct conns *conns, struct conn *conn, int status, const char *headers,
                           const char *sentence);

// Counts the connection under its address, and sets its verdict; it may be aborted.
void conn_enter_address(struct conns *conns, struct conn *conn);

#define CONN_GOING_AWAY "this server is going away" // the sentence of a 503 while draining

// What a status needs beside itself, or NULL.
const char *conn_http_headers(int status);

// A good request for a WebSocket: is it let in, and what for?
void conn_upgrade(struct conns *conns, struct conn *conn);

// VERIFYING becomes HTTP again, and waits no longer.
void conn_stop_verifying(struct conn *conn);

// The connection gets its claims, and ends when they do. Owner: takes them. False: out of memory.
bool conn_take_claims(struct conns *conns, struct conn *conn, struct claims *claims);

// All rooms of its decision have answered: at the next conns_answer_joins it goes on.
void conn_answer_all_joins(struct conns *conns, struct conn *conn);
void conn_enter_joined(struct conns *conns, struct conn *conn);

// What only some connections have; NULL when memory has run out.
struct conn_edge *conn_need_edge(struct conn *conn);

// The handshake is done: sends the 101.
void conn_http_switch(struct conns *conns, struct conn *conn);

// Gives the program the message that it did not take before; false when it still does not.
bool conn_ws_retry(struct conns *conns, struct conn *conn);

void conn_ws_send_ping(struct conns *conns, struct conn *conn);
void conn_ws_send_close(struct conns *conns, struct conn *conn, uint16_t code, const char *text);

// Nothing more is heard from this connection; what is queued is sent.
void conn_end(struct conns *conns, struct conn *conn, enum close_reason reason, bool linger);

// Sends a Close frame and ends: the peer broke the rules or is too slow.
void conn_fail(struct conns *conns, struct conn *conn, enum close_reason reason);

// Looks at it in so many milliseconds, instead of when it was to be looked at.
void conn_arm(struct conns *conns, struct conn *conn, uint64_t in_ms);

// OPEN: looks at it now, and when it is due next. False: it has been silent for too long.
bool conn_arm_open(struct conns *conns, struct conn *conn);

// OPEN from here on.
void conn_set_open(struct conns *conns, struct conn *conn);

// A message has begun that has not wholly arrived: it has message_timeout_ms from now on.
void conn_watch_message(struct conns *conns, struct conn *conn);

// Drops a message that has not wholly arrived, or that the program has not taken.
void conn_drop_message(struct conns *conns, struct conn *conn);

// Puts the connection among the publishers that wait.
void conn_hold(struct conns *conns, struct conn *conn);
