// SPDX-License-Identifier: MIT
//
// Intrusive doubly linked list. A zeroed node is unlinked; inserting a linked node is a bug.
#pragma once

#include "base/check.h"

struct list_node {
    struct list_node *next, *prev;
};

struct list {
    struct list_node head;
};

static inline void list_init(struct list *list)
{
    list->head.next = list->head.prev = &list->head;
}

static inline bool list_empty(const struct list *list)
{
    return list->head.next == &list->head;
}

static inline bool list_linked(const struct list_node *node)
{
    return node->next != NULL;
}

static inline void list_push_back(struct list *list, struct list_node *node)
{
    CHECK(!list_linked(node));
    node->prev = list->head.prev;
    node->next = &list->head;
    node->prev->next = node;
    list->head.prev = node;
}

static inline void list_remove(struct list_node *node)
{
    CHECK(list_linked(node));
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->next = node->prev = NULL;
}

// Appends all nodes of another list, in their order, which leaves it empty.
static inline void list_append_all(struct list *list, struct list *from)
{
    if (list_empty(from))
        return;
    from->head.next->prev = list->head.prev;
    list->head.prev->next = from->head.next;
    from->head.prev->next = &list->head;
    list->head.prev = from->head.prev;
    list_init(from);
}

// The first node, or NULL.
static inline struct list_node *list_first(const struct list *list)
{
    return list_empty(list) ? NULL : list->head.next;
}
