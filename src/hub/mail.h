// SPDX-License-Identifier: MIT
//
// What shards post to each other. One mail is one item of the SPSC queue between them; between two
// shards mails arrive in the order in which they were posted, which the hub's protocol relies on.
#pragma once

#include "base/spsc.h"

struct frame;
struct inbox_command;
struct room_name;

enum mail_kind {
    MAIL_NONE,
    // Hub, member's shard to home:
    MAIL_JOIN,      // name (ownership passes); slot, generation: of the asking shard's room
    MAIL_LEAVE,     // slot, generation: of the home
    MAIL_PUBLISH,   // slot, generation: of the home; frame (one reference passes)
    MAIL_CONGESTED, // slot, generation: of the home. The shard's fan-out of the room lags
    MAIL_RELIEVED,  // the same: it has caught up
    // Hub, home to member's shard:
    MAIL_JOINED,  // slot, generation: of the room; home_slot, id = home's generation
    MAIL_REFUSED, // slot, generation: of the room. The home has no place for it
    MAIL_DELIVER, // slot, generation: of the room; frame (one reference passes)
    MAIL_PAUSE,   // slot, generation: of the room. Publishers are to wait
    MAIL_RESUME,  // the same: they may go on
    // Hub, any shard to home:
    MAIL_PUBLISH_NAME, // frame (one reference passes); id = name (ownership passes)
    // Shard to shard:
    MAIL_BROADCAST, // frame (one reference passes): to every open connection
    MAIL_SEND,      // frame (one reference passes); id: the connection
    MAIL_COMMAND,   // command (ownership passes)
    MAIL_KINDS
};

struct mail {
    uint8_t kind;
    uint8_t unused[3];
    uint32_t slot, generation;
    uint32_t home_slot;
    union {
        struct frame *frame;
        struct room_name *name;
        struct inbox_command *command;
    };
    uint64_t id;
};

_Static_assert(sizeof(struct mail) == sizeof(struct spsc_item), "a mail is one item of a queue");
