// SPDX-License-Identifier: MIT
#include "base/wheel.h"

#include <string.h>

// Time is cut into ticks of WHEEL_SLOT_MS. A tick is read as digits of WHEEL_SLOT_BITS bits: a node
// lies on the level of the highest digit in which its tick differs from the present one, in the
// slot that this digit names:
//
//   present tick    0 . 0 . 5 . 17 . 9
//   node's tick     0 . 0 . 5 . 21 . 3     level 1, slot 21
//
// When the present reaches slot 21 of level 1, the node is placed anew and falls to level 0,
// slot 3. So every node moves at most once per level, and all nodes of a level are due before those
// of the next one. Only the top level wraps around: there the slots before the present one are the
// future.

#define SLOT_MASK (WHEEL_SLOT_COUNT - 1)
#define TOP       (WHEEL_LEVELS - 1)

// How many ticks ahead a slot of the top level can name without taking the present one's place.
#define REACH ((uint64_t)SLOT_MASK << (TOP * WHEEL_SLOT_BITS))

void wheel_init(struct wheel *wheel, uint64_t now_ms)
{
    memset(wheel, 0, sizeof(*wheel));
    wheel->now_ms = now_ms;
    wheel->due_end = &wheel->due;
}

static uint64_t present_tick(const struct wheel *wheel)
{
    return wheel->now_ms / WHEEL_SLOT_MS;
}

// The first tick at which the time has come. Rounded up: late is allowed, early is not.
static uint64_t tick_of(uint64_t due_ms)
{
    return due_ms / WHEEL_SLOT_MS + (due_ms % WHEEL_SLOT_MS != 0);
}

static uint64_t digits_from(uint64_t tick, unsigned level)
{
    return tick >> (level * WHEEL_SLOT_BITS);
}

static void link_at(struct wheel_node **link, struct wheel_node *node)
{
    node->link = link;
    node->next = *link;
    if (node->next != NULL)
        node->next->link = &node->next;
    *link = node;
}

static void place(struct wheel *wheel, struct wheel_node *node)
{
    if (node->due_ms <= wheel->now_ms) {
        // At the end: a node that is armed for the past again and again must not keep others
        // waiting.
        link_at(wheel->due_end, node);
        wheel->due_end = &node->next;
        return;
    }
    uint64_t present = present_tick(wheel);
    uint64_t tick = tick_of(node->due_ms);
    // Out of reach: waits in the farthest slot and is placed anew from there, so it is not early.
    if (tick - present > REACH)
        tick = present + REACH;
    unsigned level = (63 - (unsigned)__builtin_clzll(tick ^ present)) / WHEEL_SLOT_BITS;
    if (level > TOP)
        level = TOP;
    unsigned slot = digits_from(tick, level) & SLOT_MASK;
    link_at(&wheel->slots[level][slot], node);
    wheel->occupied[level] |= UINT64_C(1) << slot;
}

void wheel_arm(struct wheel *wheel, struct wheel_node *node, uint64_t due_ms)
{
    wheel_disarm(wheel, node);
    node->due_ms = due_ms;
    place(wheel, node);
}

// The list that `link` belongs to has lost its last node and ends at `link` now.
static void list_ends(struct wheel *wheel, const struct wheel_node *node)
{
    if (wheel->due_end == &node->next) {
        wheel->due_end = node->link;
        return;
    }
    // When `link` is the head of a slot, the slot is empty; else it lies within a node, somewhere
    // else.
    uintptr_t offset = (uintptr_t)node->link - (uintptr_t)wheel->slots;
    if (offset < sizeof(wheel->slots)) {
        size_t index = offset / sizeof(wheel->slots[0][0]);
        wheel->occupied[index / WHEEL_SLOT_COUNT] &= ~(UINT64_C(1) << index % WHEEL_SLOT_COUNT);
    }
}

void wheel_disarm(struct wheel *wheel, struct wheel_node *node)
{
    if (!wheel_armed(node))
        return;
    *node->link = node->next;
    if (node->next != NULL)
        node->next->link = node->link;
    else
        list_ends(wheel, node);
    node->next = NULL;
    node->link = NULL;
}

static void replace_slot(struct wheel *wheel, unsigned level, unsigned slot)
{
    // Detached first: a node out of reach may fall into the same slot again.
    struct wheel_node *node = wheel->slots[level][slot];
    wheel->slots[level][slot] = NULL;
    wheel->occupied[level] &= ~(UINT64_C(1) << slot);
    while (node != NULL) {
        struct wheel_node *next = node->next;
        place(wheel, node);
        node = next;
    }
}

// The occupied slots of a level as distances from the present slot: bit 0 is the one right after
// it.
static uint64_t occupied_ahead(const struct wheel *wheel, unsigned level, uint64_t present)
{
    unsigned first = (unsigned)(present + 1) & SLOT_MASK;
    uint64_t bits = wheel->occupied[level];
    return bits >> first | bits << (-first & SLOT_MASK);
}

// Places anew what lies in the slots after `source` up to and with `target`.
static void pass_slots(struct wheel *wheel, unsigned level, uint64_t source, uint64_t target)
{
    uint64_t distance = target - source;
    uint64_t passed = distance < WHEEL_SLOT_COUNT ? (UINT64_C(1) << distance) - 1 : UINT64_MAX;
    uint64_t ahead = occupied_ahead(wheel, level, source) & passed;
    for (; ahead != 0; ahead &= ahead - 1) {
        uint64_t slot = source + 1 + (unsigned)__builtin_ctzll(ahead);
        replace_slot(wheel, level, (unsigned)slot & SLOT_MASK);
    }
}

// O(levels) plus one step for each node that falls, no matter how far time has jumped.
static void advance(struct wheel *wheel, uint64_t now_ms)
{
    uint64_t source = present_tick(wheel);
    // The new time first: nodes are placed relative to it and never twice for the slots in between.
    wheel->now_ms = now_ms;
    uint64_t target = present_tick(wheel);
    for (unsigned level = 0; level < WHEEL_LEVELS && source != target; level++) {
        pass_slots(wheel, level, source, target);
        source >>= WHEEL_SLOT_BITS;
        target >>= WHEEL_SLOT_BITS;
    }
}

struct wheel_node *wheel_pop_due(struct wheel *wheel, uint64_t now_ms)
{
    if (now_ms > wheel->now_ms)
        advance(wheel, now_ms);
    struct wheel_node *node = wheel->due;
    if (node != NULL)
        wheel_disarm(wheel, node);
    return node;
}

uint64_t wheel_next_ms(const struct wheel *wheel)
{
    if (wheel->due != NULL)
        return wheel->now_ms;
    uint64_t present = present_tick(wheel);
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        uint64_t ahead = occupied_ahead(wheel, level, digits_from(present, level));
        if (ahead == 0)
            continue;
        // The start of the nearest slot. It is in the future, and when it comes the nodes of the
        // slot are due or fall to a lower level, so a caller that sleeps until then gets on.
        uint64_t steps = (unsigned)__builtin_ctzll(ahead) + 1;
        uint64_t slot = digits_from(present, level) + steps;
        return (slot << (level * WHEEL_SLOT_BITS)) * WHEEL_SLOT_MS;
    }
    return UINT64_MAX;
}

static void validate_slot(const struct wheel *wheel, unsigned level, unsigned slot)
{
    uint64_t present = digits_from(present_tick(wheel), level);
    uint64_t start = present + ((slot - (unsigned)present) & SLOT_MASK);
    struct wheel_node *const *link = &wheel->slots[level][slot];
    CHECK((*link != NULL) == (wheel->occupied[level] >> slot & 1));
    for (; *link != NULL; link = &(*link)->next) {
        const struct wheel_node *node = *link;
        uint64_t tick = tick_of(node->due_ms);
        CHECK(node->link == link);
        CHECK(start > present);
        // Only a node out of reach may be due later than its slot, and only on the top level.
        CHECK(digits_from(tick, level) == start ||
              (level == TOP && digits_from(tick, level) > start));
        CHECK(level == TOP ||
              digits_from(tick, level + 1) == digits_from(present_tick(wheel), level + 1));
    }
}

void wheel_validate(const struct wheel *wheel)
{
    struct wheel_node *const *link = &wheel->due;
    for (; *link != NULL; link = &(*link)->next) {
        CHECK((*link)->link == link);
        CHECK((*link)->due_ms <= wheel->now_ms);
    }
    CHECK(wheel->due_end == link);
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        for (unsigned slot = 0; slot < WHEEL_SLOT_COUNT; slot++)
            validate_slot(wheel, level, slot);
    }
}
