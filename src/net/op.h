// SPDX-License-Identifier: MIT
//
// What a completion belongs to, packed into its user data:
//
//   63      56 55              32 31               0
//   |   op    |    generation    |       slot      |
//
// Slot and generation (its low bits) are the link's, except where the table says otherwise. The
// generation is only checked, never relied on: a slot is not reused while the kernel holds any
// operation of it.
#pragma once

#include <stdint.h>

#define OP_GENERATION_MASK 0xffffffU

enum op {
    OP_NONE,
    OP_ACCEPT, // slot: index of the listener; generation: which of its accepts
    OP_RECV,
    OP_INLINE, // slot: index of the tick's send record; generation: low bits of the tick
    OP_SEND,
    OP_CANCEL_RECV,
    OP_CANCEL_SEND,
    OP_SHUTDOWN,
    OP_CLOSE,
    OP_WAKE,          // slot: index of the shard that is woken, as another one posted something
    OP_EVENT,         // slot unused: a thread without a shard posted something
    OP_CANCEL_ACCEPT, // as OP_ACCEPT
    OP_ADOPT,         // slot: index of the shard's adoption
    OP_RESET,         // told only by kernels that cannot: the close that follows is an ordinary one
    OP_COUNT
};

static inline uint64_t op_pack(enum op op, uint32_t generation, uint32_t slot)
{
    return (uint64_t)op << 56 | (uint64_t)(generation & OP_GENERATION_MASK) << 32 | slot;
}

static inline enum op op_of(uint64_t user_data)
{
    return (enum op)(user_data >> 56);
}

static inline uint32_t op_generation(uint64_t user_data)
{
    return (uint32_t)(user_data >> 32) & OP_GENERATION_MASK;
}

static inline uint32_t op_slot(uint64_t user_data)
{
    return (uint32_t)user_data;
}
