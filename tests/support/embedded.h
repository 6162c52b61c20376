// SPDX-License-Identifier: MIT
//
// An instance of the library that tests use as a program would: what its callbacks are told is
// kept, and things can be done on a shard's own thread.
#pragma once

#include "ringcast/ringcast.h"
#include "support/ws_client.h"

enum event_kind {
    EVENT_OPEN,
    EVENT_MESSAGE,
    EVENT_JOINED,
    EVENT_CLOSE,
    EVENT_ROOM_END,
    EVENT_LOG,
};

struct event {
    enum event_kind kind;
    bool taken;
    ringcast_id id;
    void *pointer; // connection's or room's
    int shard;     // whose thread it came on
    int value;     // kind of a message, code of a close, accepted of a join, level of a log line
    char text[256];
};

extern struct ringcast *rc;
extern char address[64];                // of the first listener
extern struct ringcast_options options; // to be changed before embedded_start
extern struct ringcast_callbacks callbacks;

// Defaults, callbacks that keep events, one listener on a port that the kernel chooses.
void embedded_init(void);
void embedded_start(void);
void embedded_stop(void); // stops at once and destroys

// Waits for the next event of this kind that was not taken yet; the test fails when none comes.
const struct event *expect_event(enum event_kind kind);
bool has_event(enum event_kind kind); // now, without waiting

// Runs a function on a shard's thread, at the end of a tick, and waits for it.
void on_shard(unsigned shard, void (*function)(void *argument), void *argument);

// An open client at /room/NAME or /echo or /program[?…], and its id.
ringcast_id open_at(struct ws_client *client, const char *path);

// The same on a certain shard.
ringcast_id open_on(struct ws_client *client, const char *path, unsigned shard);
