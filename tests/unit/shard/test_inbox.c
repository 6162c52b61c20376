// SPDX-License-Identifier: MIT
#include "shard/inbox.h"

#include "codec/ws_write.h"
#include "support/two_shards.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static uint32_t released;

static void release(void *context)
{
    cr_assert_eq(context, &released);
    released++;
}

static struct inbox_command *message(enum inbox_kind kind, const char *text, uint64_t id,
                                     const char *room)
{
    struct inbox_command *command =
        inbox_command_create(kind, WS_TEXT, text, strlen(text), room, strlen(room));
    command->id = id;
    command->name_len = (uint8_t)strlen(room);
    return command;
}

static struct inbox_command *lent(enum inbox_kind kind, const char *text, uint64_t id)
{
    struct inbox_command *command = inbox_command_create(kind, 0, NULL, 0, NULL, 0);
    command->id = id;
    command->opcode = WS_TEXT;
    command->lent = (struct inbox_lent){text, strlen(text), release, &released};
    return command;
}

static struct inbox_command *plain(enum inbox_kind kind, uint64_t id, const char *text)
{
    struct inbox_command *command = inbox_command_create(kind, 0, NULL, 0, text, strlen(text) + 1);
    command->id = id;
    command->name_len = (uint8_t)strlen(text);
    command->code = 4000;
    return command;
}

Test(inbox, commands_are_carried_out_in_order)
{
    start();
    uint64_t id;
    int fd = open_client(0, &id);
    cr_assert_eq(inbox_post(&shards[0], message(INBOX_SEND, "one", id, "")), 0);
    cr_assert_eq(inbox_post(&shards[0], lent(INBOX_SEND, "two", id)), 0);
    cr_assert_eq(inbox_post(&shards[0], message(INBOX_BROADCAST, "three", 0, "")), 0);
    cr_assert_eq(inbox_post(&shards[0], message(INBOX_SEND, "four", id, "")), 0);
    cr_assert_eq(released, 0);
    // A broadcast goes to everybody in slices, behind what is for one.
    cr_assert_str_eq(received(fd), "one|two|four|three|");
    cr_assert_eq(released, 1);
    cr_assert_eq(inbox_post(&shards[0], plain(INBOX_CLOSE, id, "bye")), 0);
    uint8_t in[64];
    tick(6);
    cr_assert_eq(recv(fd, in, sizeof in, MSG_DONTWAIT), 7);
    cr_assert_arr_eq(in,
                     "\x88\x05\x0f\xa0"
                     "bye",
                     7);
    close(fd);
    stop();
}

Test(inbox, rooms)
{
    start();
    uint64_t ids[2];
    int fds[2] = {open_client(0, &ids[0]), open_client(1, &ids[1])};
    for (uint16_t i = 0; i < 2; i++)
        cr_assert_eq(inbox_post(&shards[i], plain(INBOX_JOIN, ids[i], "room")), 0);
    tick(6);
    uint16_t home = hub_home_shard(&group.hash_key, SHARDS, (const uint8_t *)"room", 4);
    cr_assert_eq(inbox_post(&shards[home], message(INBOX_PUBLISH, "all", 0, "room")), 0);
    cr_assert_eq(inbox_post(&shards[home], message(INBOX_PUBLISH, "not 0", ids[0], "room")), 0);
    cr_assert_str_eq(received(fds[0]), "all|");
    cr_assert_str_eq(received(fds[1]), "all|not 0|");
    cr_assert_eq(inbox_post(&shards[0], plain(INBOX_LEAVE, ids[0], "room")), 0);
    tick(6);
    cr_assert_eq(inbox_post(&shards[home], message(INBOX_PUBLISH, "rest", 0, "room")), 0);
    cr_assert_str_eq(received(fds[0]), "");
    cr_assert_str_eq(received(fds[1]), "rest|");
    close(fds[0]);
    close(fds[1]);
    stop();
}

// Nothing that is stale or wrong does any harm.
Test(inbox, stale_ids)
{
    start();
    uint64_t id, stale = connection_id(0, 77, 3);
    int fd = open_client(0, &id);
    cr_assert_eq(inbox_post(&shards[0], message(INBOX_SEND, "lost", stale, "")), 0);
    cr_assert_eq(inbox_post(&shards[0], lent(INBOX_SEND, "lost", stale)), 0);
    cr_assert_eq(inbox_post(&shards[0], plain(INBOX_JOIN, stale, "r")), 0);
    cr_assert_eq(inbox_post(&shards[0], plain(INBOX_LEAVE, stale, "r")), 0);
    cr_assert_eq(inbox_post(&shards[0], plain(INBOX_TOUCH, stale, "")), 0);
    cr_assert_eq(inbox_post(&shards[0], plain(INBOX_CLOSE, stale, "x")), 0);
    cr_assert_str_eq(received(fd), "");
    cr_assert_eq(released, 1);
    close(fd);
    stop();
}

Test(inbox, is_bounded_in_commands_and_bytes)
{
    start();
    uint64_t id;
    static char big[3000];
    memset(big, 'x', sizeof big - 1);
    int fd = open_client(0, &id);
    unsigned taken = 0;
    struct inbox_command *command = NULL;
    while (inbox_post(&shards[0], command = plain(INBOX_TOUCH, id, "")) == 0)
        taken++;
    inbox_command_destroy(command);
    cr_assert_eq(taken, 4096 / (sizeof(struct inbox_command) + 1), "%u", taken);
    tick(2);
    cr_assert_eq(inbox_post(&shards[0], message(INBOX_SEND, big, id, "")), 0);
    command = message(INBOX_SEND, big, id, "");
    cr_assert_eq(inbox_post(&shards[0], command), -EAGAIN);
    tick(2);
    cr_assert_eq(inbox_post(&shards[0], command), 0, "it was still ours");
    tick(2);
    cr_assert_eq(atomic_load(&shards[0].inbox.commands), 0);
    cr_assert_eq(atomic_load(&shards[0].inbox.bytes), 0);
    close(fd);
    stop();
}

// A room that is crowded holds the inbox of its home, and so its posters.
Test(inbox, waits_for_a_crowded_room)
{
    start();
    uint64_t id;
    uint16_t home = hub_home_shard(&group.hash_key, SHARDS, (const uint8_t *)"room", 4);
    int fd = open_client_at(home, "/room/room", &id);
    struct room *room = hub_find_room(&shards[home].hub, (const uint8_t *)"room", 4);
    room->paused = true;
    cr_assert_eq(inbox_post(&shards[home], message(INBOX_PUBLISH, "held", 0, "room")), 0);
    cr_assert_eq(inbox_post(&shards[home], message(INBOX_SEND, "behind", id, "")), 0);
    cr_assert_str_eq(received(fd), "");
    cr_assert_gt(counter_read(&shards[home].counters.inbox_held), 0);
    room->paused = false;
    const char *got = received(fd);
    cr_assert(strcmp(got, "held|behind|") == 0 || strcmp(got, "behind|held|") == 0, "%s", got);
    close(fd);
    stop();
}

Test(inbox, what_is_left_at_the_end_is_dropped_and_released)
{
    start();
    uint64_t id;
    int fd = open_client(0, &id);
    close(fd);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(inbox_post(&shards[1], lent(INBOX_BROADCAST, "x", 0)), 0);
    cr_assert_eq(inbox_post(&shards[1], message(INBOX_BROADCAST, "y", 0, "")), 0);
    shard_drop_inbox(&shards[1]);
    cr_assert_eq(released, 3);
    cr_assert_eq(inbox_post(&shards[0], lent(INBOX_BROADCAST, "x", 0)), 0);
    stop();
    cr_assert_eq(released, 4);
}
