// SPDX-License-Identifier: MIT
#include "shard/registry.h"

#include "codec/ws_write.h"
#include "support/two_shards.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

Test(registry, sends_to_one_connection_of_any_shard)
{
    start();
    uint64_t near_id, far_id;
    int near = open_client(0, &near_id), far = open_client(1, &far_id);
    cr_assert(registry_connection_count(&group) == 2);
    cr_assert(registry_send(&shards[0], near_id, WS_TEXT, "near", 4) == 0);
    cr_assert(registry_send(&shards[0], far_id, WS_TEXT, "far1", 4) == 0);
    cr_assert(registry_send(&shards[0], far_id, WS_TEXT, "far2", 4) == 0);
    cr_assert(strcmp(received(near), "near|") == 0);
    cr_assert(strcmp(received(far), "far1|far2|") == 0);
    cr_assert(registry_send(&shards[0], near_id, WS_TEXT, "\xff", 1) == -EINVAL);
    close(near);
    close(far);
    stop();
}

Test(registry, a_stale_id_reaches_nobody)
{
    start();
    uint64_t old_id, new_id;
    int old = open_client(0, &old_id);
    close(old);
    tick(6);
    int other = open_client(0, &new_id);
    cr_assert_eq(connection_id_slot(old_id), connection_id_slot(new_id), "to be the same one");
    cr_assert(old_id != new_id);
    cr_assert(registry_send(&shards[1], old_id, WS_TEXT, "lost", 4) == 0,
              "a dead receiver is no error");
    cr_assert(!registry_close(&shards[0], old_id, 1000, ""));
    cr_assert(!registry_touch(&shards[0], old_id));
    cr_assert(registry_join_room(&shards[0], old_id, "r", 1) == -ESTALE);
    cr_assert(registry_leave_room(&shards[0], old_id, "r", 1) == -ESTALE);
    cr_assert(registry_send(&shards[1], 0, WS_TEXT, "nobody", 6) == 0);
    cr_assert(strcmp(received(other), "") == 0);
    close(other);
    stop();
}

// Rooms whose home is either shard, so that both ways are taken.
static const char *const rooms[] = {"a", "b", "c", "d", "e", "f"};

Test(registry, rooms_over_both_shards)
{
    start();
    uint64_t id[CLIENTS];
    int fd[CLIENTS];
    for (uint16_t i = 0; i < CLIENTS; i++)
        fd[i] = open_client(i % SHARDS, &id[i]);
    for (size_t r = 0; r < sizeof rooms / sizeof *rooms; r++) {
        for (int i = 0; i < CLIENTS; i++) {
            struct shard *own = &shards[i % SHARDS];
            cr_assert(registry_join_room(own, id[i], rooms[r], 1) == 0);
            cr_assert(registry_join_room(own, id[i], rooms[r], 1) == 0,
                      "joining twice changes nothing");
        }
        tick(4);
        cr_assert(registry_publish(&shards[0], rooms[r], 1, WS_TEXT, "to all", 6, 0) == 0);
        tick(4);
        cr_assert(registry_publish(&shards[1], rooms[r], 1, WS_TEXT, "not 3", 5, id[3]) == 0);
        for (int i = 0; i < CLIENTS; i++)
            cr_assert(strcmp(received(fd[i]), i == 3 ? "to all|" : "to all|not 3|") == 0,
                      "room %s, client %d", rooms[r], i);
    }
    cr_assert(registry_leave_room(&shards[0], id[0], "a", 1) == 0);
    cr_assert(registry_leave_room(&shards[0], id[0], "a", 1) == -ENOENT);
    tick(4);
    cr_assert(registry_publish(&shards[1], "a", 1, WS_TEXT, "rest", 4, 0) == 0);
    cr_assert(strcmp(received(fd[0]), "") == 0);
    cr_assert(strcmp(received(fd[1]), "rest|") == 0);
    for (int i = 0; i < CLIENTS; i++)
        close(fd[i]);
    stop();
}

Test(registry, unregister_leaves_every_room_whatever_races_it)
{
    start();
    uint64_t gone_id, other_id;
    int gone = open_client(0, &gone_id), other = open_client(1, &other_id);
    for (size_t r = 0; r < sizeof rooms / sizeof *rooms; r++)
        cr_assert(registry_join_room(&shards[0], gone_id, rooms[r], 1) == 0);
    cr_assert(registry_close(&shards[0], gone_id, 1000, ""));
    cr_assert(registry_leave_room(&shards[0], gone_id, "a", 1) == -ESTALE, "it is closing");
    cr_assert(registry_join_room(&shards[0], gone_id, "z", 1) == -ESTALE);
    close(gone);
    tick(8);
    for (int i = 0; i < SHARDS; i++) {
        cr_assert(counter_read(&shards[i].hub.counters.rooms) == 0);
        cr_assert(counter_read(&shards[i].hub.counters.homes) == 0);
    }
    cr_assert(registry_connection_count(&group) == 1);
    close(other);
    stop();
}

Test(registry, broadcasts_reach_every_connection)
{
    start();
    uint64_t id[CLIENTS];
    int fd[CLIENTS];
    for (uint16_t i = 0; i < CLIENTS; i++)
        fd[i] = open_client(i % SHARDS, &id[i]);
    cr_assert(registry_broadcast(&shards[1], WS_TEXT, "one", 3) == 0);
    cr_assert(registry_broadcast(&shards[1], WS_TEXT, "two", 3) == 0);
    for (int i = 0; i < CLIENTS; i++)
        cr_assert(strcmp(received(fd[i]), "one|two|") == 0);
    for (int i = 0; i < CLIENTS; i++)
        close(fd[i]);
    stop();
}

Test(registry, sweeps_the_idle_but_not_the_touched)
{
    start();
    uint64_t idle_id, touched_id, ids[4];
    int idle = open_client(0, &idle_id), touched = open_client(0, &touched_id);
    skew_ms = 59000;
    tick(1);
    cr_assert(registry_touch(&shards[0], touched_id));
    skew_ms = 61000;
    shards[0].net.now_ms = skewed_ms();
    cr_assert(registry_sweep_idle(&shards[0], skewed_ms(), ids, 4) == 1);
    cr_assert(ids[0] == idle_id);
    tick(4);
    cr_assert(registry_touch(&shards[0], touched_id), "the touched one is still there");
    cr_assert(!registry_touch(&shards[0], idle_id));
    close(idle);
    close(touched);
    stop();
}

Test(registry, close_all_says_how_many)
{
    start();
    uint64_t id;
    int first = open_client(0, &id), second = open_client(0, &id);
    cr_assert(registry_close_all(&shards[0], 1001, "") == 2);
    cr_assert(registry_close_all(&shards[0], 1001, "") == 0);
    tick(4);
    uint8_t in[128];
    ssize_t got = recv(first, in, sizeof in, MSG_DONTWAIT);
    cr_assert(got >= 4 && in[0] == 0x88 && in[2] == 1001 >> 8 && in[3] == (1001 & 0xff));
    close(first);
    close(second);
    stop();
}
