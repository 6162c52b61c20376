// SPDX-License-Identifier: MIT
//
// What threads that own no shard want of one: commands, posted without waiting and carried out by
// the shard's next tick, in the order of each poster. Bounded in commands and bytes: a full inbox
// takes nothing, and its poster is told.
//
// While a room that a command publishes to is crowded (hub/hub.h), or too many messages to
// everybody wait, the inbox stops there, fills up, and so holds its posters: that is their
// back-pressure.
//
// Memory: a command, and the message that it brings, is one piece, allocated by the poster; but a
// message that several commands bring is a piece of its own.
#pragma once

#include "base/mpsc.h"
#include "conn/conn.h"

enum inbox_kind {
    INBOX_PUBLISH,   // frame, name, exclude_id
    INBOX_BROADCAST, // frame
    INBOX_SEND,      // frame, id
    INBOX_JOIN,      // id, name
    INBOX_LEAVE,     // id, name
    INBOX_TOUCH,     // id
    INBOX_CLOSE,     // id, code, text
    INBOX_CLOSE_ALL, // code, text
    INBOX_ADOPT      // adopt
};

// A payload that stays the poster's until `release` is called, once, by the shard's thread; or by
// the thread that ends the shard.
struct inbox_lent {
    const void *bytes;
    size_t len;
    void (*release)(void *context);
    void *context;
};

// A socket that another server has upgraded.
struct inbox_adopt {
    int fd; // ours to close
    struct ip address;
    uint16_t port;
    struct claims *claims; // owned, or NULL
    struct conn_decision decision;
    size_t early_bytes; // what had come behind the handshake, in the command's text
};

struct inbox_command {
    struct mpsc_node node;
    struct frame *frame;       // one reference, or NULL
    struct inbox_lent lent;    // in place of a frame when release is set
    struct inbox_adopt *adopt; // owned
    uint64_t id;               // of the connection, or the one to leave out
    uint32_t cost_bytes;       // of the inbox's bound
    uint16_t code;
    uint8_t kind;     // enum inbox_kind
    uint8_t opcode;   // of a lent payload
    uint8_t name_len; // room's
    bool in_frame;    // the command lies behind its frame's bytes
    uint32_t text_bytes;
    char text[]; // the room's name, the close reason, or early bytes
};

struct inbox_limits {
    uint32_t commands;
    uint64_t bytes;
};

struct inbox {
    struct mpsc queue;
    _Alignas(CACHE_LINE_BYTES) _Atomic uint32_t commands; // posted and not yet carried out
    _Atomic uint64_t bytes;
    _Alignas(CACHE_LINE_BYTES) struct inbox_limits limits; // constant
    struct mpsc_node *taken; // the shard's: taken from the queue, not yet carried out
};

struct shard;
struct shard_group;

// Thread: any. A command with a frame of `opcode` and these bytes (copied), or without one when
// opcode is 0. NULL when memory has run out.
MUST_USE struct inbox_command *inbox_command_create(enum inbox_kind kind, uint8_t opcode,
                                                    const void *bytes, size_t len, const void *text,
                                                    size_t text_bytes);

// Thread: any. `count` commands of this kind that bring one frame, which is what they cost
// (together with themselves) in each inbox. False when memory has run out.
MUST_USE bool inbox_commands_create(struct inbox_command **commands, unsigned count,
                                    enum inbox_kind kind, uint8_t opcode, const void *bytes,
                                    size_t len);

// Thread: any. Drops a command that was not posted, without releasing what is lent.
void inbox_command_destroy(struct inbox_command *command);

// Thread: any. A look whether such a command would be taken, before the work of making it.
bool inbox_has_place(const struct shard *shard, size_t cost_bytes);

// Thread: any. Owner: takes the command when it returns 0; -EAGAIN: full, it is still the caller's.
MUST_USE int inbox_post(struct shard *shard, struct inbox_command *command);

// Thread: any. The same for one command for each shard of the group: all are posted, or none.
MUST_USE int inbox_post_all(struct shard_group *group, struct inbox_command **commands);

// Thread: the shard's. Carries out up to `budget` commands.
void shard_drain_inbox(struct shard *shard, uint32_t budget);

// Thread: the shard's. Something has been posted.
bool shard_inbox_visible(const struct shard *shard);

// After the shard has ended: drops what is left, and releases what is lent.
void shard_drop_inbox(struct shard *shard);
