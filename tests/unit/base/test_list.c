// SPDX-License-Identifier: MIT
#include "base/list.h"

#include <criterion/criterion.h>
#include <signal.h>

static struct list list;
static struct list_node nodes[4];

static void setup(void)
{
    list_init(&list);
}

TestSuite(list, .init = setup);

Test(list, empty)
{
    cr_assert(list_empty(&list));
    cr_assert_null(list_first(&list));
    cr_assert_not(list_linked(&nodes[0]));
}

Test(list, first_in_first_out)
{
    for (int i = 0; i < 4; i++)
        list_push_back(&list, &nodes[i]);
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(list_first(&list), &nodes[i]);
        list_remove(&nodes[i]);
        cr_assert_not(list_linked(&nodes[i]));
    }
    cr_assert(list_empty(&list));
}

// Every order of removal of four nodes leaves the others in their order.
Test(list, remove_in_any_order)
{
    for (unsigned code = 0; code < 4 * 4 * 4 * 4; code++) {
        for (int i = 0; i < 4; i++)
            list_push_back(&list, &nodes[i]);
        for (unsigned left = code, step = 0; step < 4; step++, left /= 4) {
            if (list_linked(&nodes[left % 4]))
                list_remove(&nodes[left % 4]);
        }
        const struct list_node *last = NULL;
        for (struct list_node *node = list_first(&list); node != NULL; node = list_first(&list)) {
            cr_assert(last == NULL || node > last);
            last = node;
            list_remove(node);
        }
    }
}

Test(list, node_may_be_inserted_again)
{
    list_push_back(&list, &nodes[0]);
    list_push_back(&list, &nodes[1]);
    list_remove(&nodes[0]);
    list_push_back(&list, &nodes[0]);
    cr_assert_eq(list_first(&list), &nodes[1]);
}

Test(list, append_all)
{
    for (int n = 0; n <= 2; n++)
        for (int m = 0; m <= 2; m++) {
            struct list other;
            list_init(&other);
            for (int i = 0; i < n + m; i++)
                list_push_back(i < n ? &list : &other, &nodes[i]);
            list_append_all(&list, &other);
            cr_assert(list_empty(&other));
            for (int i = 0; i < n + m; i++) {
                cr_assert_eq(list_first(&list), &nodes[i]);
                list_remove(&nodes[i]);
            }
            cr_assert(list_empty(&list));
        }
}

Test(list, double_insert_aborts, .signal = SIGABRT)
{
    list_push_back(&list, &nodes[0]);
    list_push_back(&list, &nodes[0]);
}

Test(list, removing_an_unlinked_node_aborts, .signal = SIGABRT)
{
    list_remove(&nodes[0]);
}
