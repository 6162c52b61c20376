// SPDX-License-Identifier: MIT
//
// Hierarchical timing wheel: arm, move and disarm in O(1), any number of nodes. Time is an
// argument, in milliseconds of any monotonic clock. A node never comes due early; it comes due late
// by at most one slot of the lowest level (WHEEL_SLOT_MS) plus however late the caller asks. A
// wheel that was initialised must not move: nodes point into it.
#pragma once

#include "base/check.h"

#define WHEEL_SLOT_MS    8
#define WHEEL_LEVELS     5
#define WHEEL_SLOT_BITS  6
#define WHEEL_SLOT_COUNT (1U << WHEEL_SLOT_BITS)

// Intrusive; zeroed = not armed.
struct wheel_node {
    struct wheel_node *next;
    struct wheel_node **link; // what points at this node; NULL when not armed
    uint64_t due_ms;
};

struct wheel {
    uint64_t now_ms;                 // latest time the wheel was told; level 0 stands at its slot
    uint64_t occupied[WHEEL_LEVELS]; // bit s set exactly when slot s of that level is not empty
    struct wheel_node *slots[WHEEL_LEVELS][WHEEL_SLOT_COUNT];
    struct wheel_node *due;      // expired nodes not yet handed out, first in, first out
    struct wheel_node **due_end; // the link that ends that list
};

void wheel_init(struct wheel *wheel, uint64_t now_ms);

// Arms the node, or moves it when it is armed. A time in the past comes due at the next call of
// wheel_pop_due. Any time is fine: what lies beyond the wheel's range (97 days) is looked at again
// when the range ends.
void wheel_arm(struct wheel *wheel, struct wheel_node *node, uint64_t due_ms);

// No-op when not armed.
void wheel_disarm(struct wheel *wheel, struct wheel_node *node);

static inline bool wheel_armed(const struct wheel_node *node)
{
    return node->link != NULL;
}

// Returns one node that is due, disarmed, or NULL when none is left. Called until NULL or until the
// caller's budget is used up. O(1) amortised, also after a jump of hours.
struct wheel_node *wheel_pop_due(struct wheel *wheel, uint64_t now_ms);

// How long the caller may sleep: no node comes due before this time. It is later than the time last
// given to wheel_pop_due unless a node is due already; then it is that time. It may be earlier than
// the first node's, but whoever sleeps and pops gets there in a few rounds (one per level and 97
// days). UINT64_MAX when the wheel is empty. O(levels).
uint64_t wheel_next_ms(const struct wheel *wheel);

// CHECKs the whole structure: O(nodes), for tests.
void wheel_validate(const struct wheel *wheel);
