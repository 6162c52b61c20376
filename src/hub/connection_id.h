// SPDX-License-Identifier: MIT
//
// Names one connection for its whole life and never another one:
//
//   63      56 55                      24 23          0
//   |  shard  |        generation        |    slot    |
//
// The slot is the connection's index in its shard's table (which the kernel bounds by 2^20), the
// generation counts the slot's uses, from 1. So 0 is no connection, and an id that has outlived its
// connection is recognised as stale until its slot has been used four billion times more.
#pragma once

#include <stdint.h>

#define CONNECTION_ID_SLOT_BITS 24

static inline uint64_t connection_id(uint16_t shard, uint32_t generation, uint32_t slot)
{
    return (uint64_t)(shard & 0xff) << 56 | (uint64_t)generation << CONNECTION_ID_SLOT_BITS | slot;
}

static inline uint16_t connection_id_shard(uint64_t id)
{
    return (uint16_t)(id >> 56);
}

static inline uint32_t connection_id_generation(uint64_t id)
{
    return (uint32_t)(id >> CONNECTION_ID_SLOT_BITS);
}

static inline uint32_t connection_id_slot(uint64_t id)
{
    return (uint32_t)id & ((1U << CONNECTION_ID_SLOT_BITS) - 1);
}
