// SPDX-License-Identifier: MIT
#include "base/mpsc.h"

bool mpsc_push(struct mpsc *inbox, struct mpsc_node *node)
{
    // Relaxed: only a first guess at what the compare-and-swap will find; never dereferenced here.
    struct mpsc_node *top = atomic_load_explicit(&inbox->top, memory_order_relaxed);
    // Release side pairs with the exchange in mpsc_take_all: the consumer sees the node's contents
    // and its `next`. Sequentially consistent beyond that, so that it pairs with the load in
    // mpsc_empty as well: either a consumer about to sleep sees this node, or the pusher sees that
    // it sleeps. Relaxed on failure: another guess.
    do {
        node->next = top;
    } while (!atomic_compare_exchange_weak_explicit(&inbox->top, &top, node, memory_order_seq_cst,
                                                    memory_order_relaxed));
    return top == NULL;
}

struct mpsc_node *mpsc_take_all(struct mpsc *inbox)
{
    // Relaxed: an empty inbox, the common case, costs no locked instruction. What is missed here
    // comes with the next call; before sleeping the consumer asks mpsc_empty.
    if (atomic_load_explicit(&inbox->top, memory_order_relaxed) == NULL)
        return NULL;
    // Acquire: pairs with the release of every push in the chain. One load of the newest node's
    // release is enough for all of them, as each push continues the release sequence of the others.
    struct mpsc_node *newest = atomic_exchange_explicit(&inbox->top, NULL, memory_order_acquire);
    struct mpsc_node *oldest = NULL;
    while (newest != NULL) {
        struct mpsc_node *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

bool mpsc_empty(const struct mpsc *inbox)
{
    // Sequentially consistent: pairs with the compare-and-swap in mpsc_push, see there.
    return atomic_load_explicit(&inbox->top, memory_order_seq_cst) == NULL;
}
