// SPDX-License-Identifier: MIT
//
// A frame is what travels between shards: an immutable, wire-ready piece of bytes (header +
// payload) with one atomic reference per shard that holds it. Inside a shard a frame is held by a
// run (run.h), whose count is plain. Its memory comes from the pool of the shard that created it
// and goes back there.
//
//   frame: | bookkeeping | headroom | header + payload ........ | free |
//          ^             ^ data     ^ data + offset             ^ + len
//
// A message that is still being received is a frame too, private to its connection, which grows
// with what has arrived; the headroom lets the header be written in front of the payload once its
// length is known.
#pragma once

#include "base/counter.h"
#include "base/mpsc.h"

#define FRAME_CLASSES    10 // 128 B << class of memory, bookkeeping included; 64 KiB the largest
#define FRAME_CLASS_HEAP 0xFF
#define FRAME_HEADROOM   10 // the longest header of a server's frame
#define FRAME_MAX_BYTES  (UINT32_MAX / 2)

struct frame_pool;

struct frame {
    _Atomic uint32_t shard_refs;
    uint32_t len;            // wire bytes
    uint32_t offset;         // of the first wire byte in data
    uint32_t capacity;       // of data
    uint64_t exclude_id;     // connection that must not get it (its sender, with ?self=0), or 0
    struct frame_pool *pool; // NULL: of none
    struct mpsc_node link;   // free list, or the way back to its pool
    uint8_t size_class;      // FRAME_CLASS_HEAP: not in registered memory
    uint8_t opcode;          // of the message, for who has to re-frame it
    uint8_t data[];
};

// Thread: a pool belongs to one shard; only `returns` is touched by others.
struct frame_pool {
    uint8_t *region; // registered memory, shared out in frames of the size classes; may be NULL
    size_t region_bytes, region_used;
    struct mpsc_node *free[FRAME_CLASSES];
    struct mpsc returns; // frames that other shards let go of last
    counter live_count;  // frames in use
    counter heap_bytes;  // of those, what did not come from the region
};

// The region's memory stays the caller's and must outlive every frame.
void frame_pool_init(struct frame_pool *pool, void *region, size_t region_bytes);

// Frees the heap frames that came back; all frames must have.
void frame_pool_fini(struct frame_pool *pool);

// Takes back what other shards returned. Cheap when there is nothing.
void frame_pool_collect(struct frame_pool *pool);

// A private frame (one reference) with room for `capacity` bytes of data; NULL when memory has run
// out.
MUST_USE struct frame *frame_create(struct frame_pool *pool, uint32_t capacity);

// Thread: any. A frame of no pool, for threads that have none: its memory is malloc'd, and freed by
// whoever drops the last reference. NULL when memory has run out, or capacity is above
// FRAME_MAX_BYTES.
MUST_USE struct frame *frame_create_foreign(size_t capacity);

// Makes room for at least `capacity` bytes of data. The frame must be private; it may move. On NULL
// the old frame is unchanged and still the caller's.
MUST_USE struct frame *frame_grow(struct frame_pool *pool, struct frame *frame, uint32_t capacity);

static inline const uint8_t *frame_bytes(const struct frame *frame)
{
    return frame->data + frame->offset;
}

// In the region, so it may be sent by zero-copy.
static inline bool frame_registered(const struct frame *frame)
{
    return frame->size_class != FRAME_CLASS_HEAP;
}

// Thread: a shard that holds a reference.
void frame_ref(struct frame *frame, uint32_t count);

// Gives one shard's reference back. `pool`: the calling shard's; NULL for a thread that has none,
// and then only for a frame of no pool.
void frame_unref(struct frame_pool *pool, struct frame *frame);
