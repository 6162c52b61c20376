// SPDX-License-Identifier: MIT
//
// A stress test of the library: foreign threads and shards post to connections and rooms at the
// same time while connections come and go, and clients check every message that they get.
//
//   stress.c          the instance, its callbacks, the verdict
//   stress_post.c     who posts: FOREIGN threads, and the shards' own
//   stress_client.c   who receives: the other ends of the sockets
//
// What is checked, by numbers in the messages:
//  - a STABLE client is in all rooms all the time: it gets everything that was posted to every room
//    and to everybody, once, in the order of each poster; and all STABLE clients see one order per
//    room
//  - others get what one poster sends to them without a gap, what it posts to a room in order
//  - no message reaches a connection other than the one that it names, and each is of its kind;
//    nothing follows a Close frame
//  - after the acknowledgement of a join a publish is seen, whoever publishes
//  - what was lent is released once; every connection that was taken in ends once; room pointers
//  are
//    handed back once; nothing is left
// Callbacks do all that as well, to their own connection and to others. Then a second instance is
// stopped while everybody goes on posting: what was lent and handed over still comes back.
#pragma once

#include "ringcast/ringcast.h"

#include "base/rand.h"

#include <pthread.h>
#include <stdatomic.h>

#define SHARDS       4
#define FOREIGN      8
#define POSTERS      (FOREIGN + SHARDS)
#define ROOMS        5
#define STABLE       8  // clients that stay
#define SLOTS        64 // clients at a time, the stable ones first
#define OUTSTANDING  2000
#define MESSAGE_MAX  64
#define CLIENT_BYTES 65536

struct client {
    int fd; // the other end of the connection's socket; -1: nobody
    unsigned slot;
    uint64_t id;     // as the connection's first message has told
    bool close_seen; // a Close frame has come
    uint64_t direct[POSTERS], broadcast[POSTERS], room[ROOMS][POSTERS]; // last number seen
    uint64_t order[ROOMS];    // a hash over all messages of the room so far
    uint64_t messages[ROOMS]; // how many of them
    size_t have;
    uint8_t bytes[CLIENT_BYTES];
};

// What a poster has done; written by its thread, read when it has ended.
struct poster {
    unsigned index;
    pthread_t thread;
    struct rand rand;
    uint64_t broadcasts, rooms[ROOMS]; // messages accepted
    uint64_t lent;                     // of them, in borrowed memory
    struct {
        uint64_t id, sent;
    } direct[SLOTS];
    uint64_t refused, closed, registered; // -EAGAIN; commands accepted; sockets accepted
    uint64_t joins_checked;
};

extern struct ringcast *rc;
extern _Atomic bool stopping;       // posters end; true before they begin
extern _Atomic bool checking_joins; // not while the instance ends
extern _Atomic uint64_t ids[SLOTS]; // of the latest connection in each slot, alive or not
extern _Atomic uint64_t opened, ended, not_taken, released, posted, arrived;

// The join that is being checked: its number, as far as it has got; and what a shard is to publish
// for it (0: nothing).
extern _Atomic uint64_t probe_joined, probe_seen, probe_wanted;
extern _Atomic uint64_t ticks[SHARDS];
extern struct poster posters[POSTERS];
extern struct client clients[SLOTS];

_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

// Who posts.
void *post_until_stopped(void *poster);    // FOREIGN
void post_a_little(struct poster *poster); // a shard, in its tick
void post_one(struct poster *poster);      // a shard, in its other callbacks
void check_a_join(struct poster *poster);  // one of the FOREIGN
void publish_what_is_wanted(void);         // a shard, for the above

// Who receives. All clients belong to one thread.
void *receive_until_ended(void *nothing);
bool clients_connect(unsigned slot); // a new client; false: not now. Any thread
void clients_forget(void);           // sockets that nobody has looked at yet
extern _Atomic bool receiving;       // the thread goes on
extern _Atomic bool staying;         // no stable client may end
