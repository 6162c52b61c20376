// SPDX-License-Identifier: MIT
//
// What the hub has answered to joins, followed once it is out of the way.
#include "base/array.h"
#include "conn/conn_internal.h"

#include <stdlib.h>

// False: no memory.
static bool remember_answer(struct conns *conns, const struct conn_answer *answer)
{
    struct conn_answer *answers = array_reserve(conns->answers, conns->answer_count,
                                                &conns->answer_capacity, 16, sizeof *answers);
    if (!answers)
        return false;
    conns->answers = answers;
    answers[conns->answer_count++] = *answer;
    return true;
}

void conn_answer_join(struct conns *conns, struct conn *conn, const uint8_t *name, size_t name_len,
                      bool accepted)
{
    if (!conns->ops->joined)
        return;
    struct conn_answer answer = {.id = conn_id(conns, conn),
                                 .name = room_name_create(0, name, name_len),
                                 .accepted = accepted};
    if (answer.name && remember_answer(conns, &answer))
        return;
    free(answer.name);
    link_abort(conns->net, &conn->link, CLOSE_REASON_INTERNAL); // or the program waits for ever
}

void conn_answer_all_joins(struct conns *conns, struct conn *conn)
{
    if (!remember_answer(conns, &(struct conn_answer){.id = conn_id(conns, conn)}))
        link_abort(conns->net, &conn->link, CLOSE_REASON_INTERNAL);
}

static void tell(struct conns *conns, const struct conn_answer *answer)
{
    struct conn *conn = (struct conn *)(void *)net_find(conns->net, answer->id);
    if (conn && !answer->name)
        conn_enter_joined(conns, conn);
    else if (conn && conn->state == CONN_OPEN)
        conns->ops->joined(conns->context, conn, answer->name, answer->accepted);
}

void conns_answer_joins(struct conns *conns)
{
    // The program may join more from within: those come behind.
    for (uint32_t i = 0; i < conns->answer_count; i++) {
        struct conn_answer answer = conns->answers[i];
        tell(conns, &answer);
        free(answer.name);
    }
    conns->answer_count = 0;
}
