// SPDX-License-Identifier: MIT
#include "sim/sim.h"

#include "base/log.h"
#include "conn/conn_route.h"
#include "shard/registry.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_MAX  2000000 // a world that still moves after so many steps will move for ever
#define POOL_BYTES (64 * 1024)

static struct sim *current; // the shard's clock and the ring's yield have no context

void sim_fail(const struct sim *sim, const char *format, ...)
{
    va_list arguments;
    fprintf(stderr, "seed %llu, step %llu: ", (unsigned long long)sim->seed,
            (unsigned long long)sim->steps);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\n");
    abort();
}

// --- Shards

static uint64_t clock_ms(void)
{
    return current->now_ms;
}

static void on_enter(struct ring *ring, int wait_ms)
{
    for (uint16_t i = 0; i < current->group.count; i++) {
        struct sim_shard *shard = current->shards[i];
        if (shard->shard.ring != ring)
            continue;
        shard->sleeping = wait_ms != 0;
        shard->wake_ms = wait_ms < 0 ? UINT64_MAX : current->now_ms + (uint64_t)wait_ms;
        fiber_yield(&shard->fiber);
        return;
    }
    UNREACHABLE();
}

// What a program around the shards does between two ticks: on the shard's own thread, or from
// outside by its inbox. Ids are guessed: many are stale.
struct wish {
    uint16_t to;
    uint64_t anyone, mine; // ids: on any shard, on this one
    char name[16];
    size_t name_len;
};

// What a shard wants of a connection that may be another's.
static void command_elsewhere(struct sim *sim, struct shard *shard, const struct wish *wish)
{
    bool extra = *wish->name == 'e';
    enum inbox_kind kind = (enum inbox_kind)(INBOX_JOIN + rand_below(&sim->rand, 3));
    if ((kind == INBOX_JOIN && !extra) || (kind == INBOX_LEAVE && !extra && !sim->takes_out))
        return;
    struct inbox_command *command =
        inbox_command_create(kind, 0, NULL, 0, wish->name, wish->name_len);
    CHECK(command);
    command->name_len = (uint8_t)wish->name_len;
    command->id = wish->anyone;
    if (registry_command(shard, command))
        inbox_command_destroy(command);
}

static void use_registry(struct sim *sim, struct shard *shard, const struct wish *wish)
{
    const char *name = wish->name;
    int result;
    switch (rand_below(&sim->rand, 9)) {
    case 0:
        result = registry_broadcast(shard, WS_TEXT, "!all", 4);
        CHECK(result == 0 || result == -EAGAIN);
        break;
    case 1:
        result = registry_send(shard, wish->anyone, WS_BINARY, "!one", 4);
        CHECK(result == 0 || result == -EAGAIN);
        break;
    case 2:
        result = registry_publish(shard, name, wish->name_len, WS_TEXT, "!room", 5, wish->anyone);
        CHECK(result == 0 || result == -EAGAIN);
        break;
    case 3:
    case 4:
        // Not the clients' own rooms: whose join is not a handshake has no place in the oracle.
        if (*name == 'e' && registry_join_room(shard, wish->mine, name, wish->name_len) == 0)
            CHECK(registry_join_room(shard, wish->mine, name, wish->name_len) == 0);
        break;
    case 5:
        if (*name == 'e' || sim->takes_out)
            (void)registry_leave_room(shard, wish->mine, name, wish->name_len);
        break;
    case 6:
        (void)registry_touch(shard, wish->mine);
        break;
    case 7:
        if (sim_chance(sim, 10))
            (void)registry_close(shard, wish->mine, 1000, "as the program wishes");
        break;
    case 8:
        command_elsewhere(sim, shard, wish);
        break;
    }
}

static void released(void *context)
{
    ++*(uint32_t *)context;
}

static void post(struct sim *sim, struct shard *shard, struct inbox_command *command)
{
    CHECK(command);
    bool lends = command->lent.release;
    if (inbox_post(shard, command))
        inbox_command_destroy(command);
    else
        sim->lent += lends;
}

static void use_inbox(struct sim *sim, struct shard *shard, const struct wish *wish)
{
    struct inbox_command *command;
    enum inbox_kind kind = (enum inbox_kind)rand_below(&sim->rand, INBOX_CLOSE);
    bool extra = *wish->name == 'e';
    if ((kind == INBOX_JOIN && !extra) || (kind == INBOX_LEAVE && !extra && !sim->takes_out))
        return;
    uint8_t opcode = kind <= INBOX_SEND ? WS_TEXT : 0;
    bool lend = opcode && sim_chance(sim, 50);
    command =
        inbox_command_create(kind, lend ? 0 : opcode, "!outside", 8, wish->name, wish->name_len);
    command->name_len = (uint8_t)wish->name_len;
    command->id = kind == INBOX_PUBLISH ? wish->anyone : wish->mine;
    command->opcode = opcode;
    if (lend)
        command->lent = (struct inbox_lent){"!outside", 8, released, &sim->released};
    post(sim, shard, command);
}

static void act_as_program(struct sim *sim, struct shard *shard)
{
    struct wish wish = {.to = (uint16_t)rand_below(&sim->rand, sim->group.count)};
    wish.anyone = connection_id(wish.to, 1 + rand_below(&sim->rand, 2), rand_below(&sim->rand, 16));
    wish.mine = connection_id(shard->options.index, connection_id_generation(wish.anyone),
                              connection_id_slot(wish.anyone));
    wish.name_len =
        (size_t)snprintf(wish.name, sizeof wish.name, sim_chance(sim, 70) ? "extra%u" : "r%u",
                         rand_below(&sim->rand, sim->room_count));
    if (sim_chance(sim, 50))
        use_registry(sim, shard, &wish);
    else
        use_inbox(sim, shard, &wish);
}

void sim_adopt(struct sim *sim, struct client *client, int fd, uint32_t ticket)
{
    struct inbox_adopt *adopt = calloc(1, sizeof *adopt);
    CHECK(adopt);
    adopt->fd = fd;
    adopt->decision.mode = client->kind == CLIENT_ECHO ? CONN_ECHO : CONN_ROOM;
    adopt->decision.exclude_self = client->without_self;
    adopt->decision.user = (void *)(uintptr_t)ticket;
    if (adopt->decision.mode == CONN_ROOM) {
        struct conn_room_name *room = &adopt->decision.rooms[adopt->decision.room_count++];
        room->len = (uint8_t)snprintf((char *)room->bytes, sizeof room->bytes, "r%u", client->room);
    }
    // What the other server has read too much.
    adopt->early_bytes =
        rand_below(&sim->rand, (uint32_t)(client->out.end - client->out.begin) + 1);
    struct inbox_command *command = inbox_command_create(
        INBOX_ADOPT, 0, NULL, 0, client->out.at + client->out.begin, adopt->early_bytes);
    CHECK(command);
    client->out.begin += adopt->early_bytes;
    command->adopt = adopt;
    if (inbox_post(&sim->shards[client->shard]->shard, command)) {
        inbox_command_destroy(command);
        fake_refuse_elsewhere(ticket);
    }
}

// As after a change of certificates: sessions go on with what they have.
static void renew_tls(struct sim_shard *shard)
{
    struct tls_context *context;
    CHECK(tls_context_create(&context, NULL, 0, NULL, 0) == 0);
    shard_set_tls(&shard->shard, context);
}

// A token lets everybody in; who has none is let in at once. Without TLS there are no tokens: then
// they are not looked at.
static void set_gate(struct sim_shard *shard)
{
    char error[JWT_KEYS_ERROR_BYTES];
    struct gate *gate = calloc(1, sizeof *gate);
    CHECK(gate && origins_parse(&gate->origins, "", error, sizeof error) == 0);
    gate->keys = jwt_keys_create();
    CHECK(gate->keys);
    if (jwt_keys_add_jwks(gate->keys, SIM_KEYS, strlen(SIM_KEYS), error) == 0)
        gate->auth = GATE_OPTIONAL;
    shard_set_gate(&shard->shard, gate);
}

// Whoever waits for a step of its handshake, of each kind the one that came first.
struct waiting {
    struct list_node *node;
    uint32_t slot, generation;
};

static struct waiting first_of(const struct list *list)
{
    struct waiting first = {.node = list_first(list)};
    if (!first.node)
        return first;
    const struct link *link = CONTAINER_OF(first.node, struct front, node)->link;
    first.slot = link->slot;
    first.generation = link->generation;
    return first;
}

static void check_served(const struct sim *sim, const struct net *net, const struct waiting *first)
{
    if (!first->node || net_link(net, first->slot)->generation != first->generation)
        return;
    struct front *front = net->fronts[first->slot];
    if (front && &front->node == first->node && list_linked(&front->node))
        sim_fail(sim, "a handshake has waited for its turn in vain");
}

// However much arrives, who has waited longest has its turn in the next tick.
static bool tick(struct sim_shard *shard)
{
    const struct net *net = &shard->shard.net;
    struct waiting hello = first_of(&net->hellos), begun = first_of(&net->handshakes);
    bool goes_on = shard_tick(&shard->shard);
    check_served(shard->sim, net, &hello);
    check_served(shard->sim, net, &begun);
    return goes_on;
}

// What is held is bounded, but for what one tick of each shard brings.
static void check_memory(const struct sim *sim)
{
    const struct ring_options *ring = &sim->shards[0]->shard.options.ring;
    uint64_t bound = sim->group.held_max_bytes, held = atomic_load(&sim->group.held_bytes);
    uint64_t tick = 2ULL * ring->recv_buffers * ring->recv_buffer_bytes + SIM_TICK_BYTES +
                    2ULL * SENDS_PER_TICK * sim->max_message;
    tick += sim->client_count * 1000ULL; // a stash or a backlog each, however little is in it
    if (bound && held > bound + tick * sim->group.count)
        sim_fail(sim, "%llu bytes are held for clients, %llu may be", (unsigned long long)held,
                 (unsigned long long)bound);
}

static void run_shard(void *context)
{
    struct sim_shard *shard = context;
    CHECK(shard_start(&shard->shard) == 0);
    while (tick(shard)) {
        check_memory(current);
        if (current->tls && sim_chance(current, 2))
            renew_tls(shard);
        if (current->tokens && sim_chance(current, 2))
            set_gate(shard);
    }
}

static void on_tick(void *context, struct shard *shard)
{
    const struct sim_shard *of = context;
    if (of->sim->embedded && of->sim->stage == SIM_ACTIVE && sim_chance(of->sim, 5))
        act_as_program(of->sim, shard);
}

static void no_page(void *context, struct conn *conn, struct conn_page *page)
{
    (void)context;
    page->status = conn->http->request.path.len == 1 ? 200 : 404;
    page->body = "hello\n";
    page->body_bytes = 6;
}

static void upgrade(void *context, struct conn *conn, struct conn_decision *decision)
{
    const struct sim_shard *shard = context;
    conn_route(conn->http, decision);
    // A program can echo too, in its own time.
    if (shard->sim->embedded && decision->mode == CONN_ECHO && sim_chance(shard->sim, 50))
        decision->mode = CONN_PROGRAM;
}

static void not_adopted(void *context, void *user)
{
    (void)context;
    fake_refuse_elsewhere((uint32_t)(uintptr_t)user);
}

// A program may do what it likes to a connection as soon as it knows it, from within its callbacks.
static void meddle(void *context, struct conn *conn)
{
    struct sim_shard *shard = context;
    struct sim *sim = shard->sim;
    if (!sim->embedded || sim->stage != SIM_ACTIVE || !sim_chance(sim, 20))
        return;
    char name[16];
    size_t len = (size_t)snprintf(name, sizeof name, "extra%u", rand_below(&sim->rand, 3));
    uint64_t id = conn_id(&shard->shard.conns, conn);
    if (sim_chance(sim, 50))
        (void)registry_join_room(&shard->shard, id, name, len);
    if (sim_chance(sim, 30))
        (void)registry_leave_room(&shard->shard, id, name, len);
    if (sim->takes_out && conn->mode == CONN_ROOM && conn->room != SLAB_NONE &&
        sim_chance(sim, 30)) {
        const struct room *room = slab_at(&shard->shard.hub.rooms, conn->room);
        len = (size_t)snprintf(name, sizeof name, "%.*s", room->name->len,
                               (const char *)room->name->bytes);
        CHECK(registry_leave_room(&shard->shard, id, name, len) == 0);
    }
    if (sim_chance(sim, 20))
        CHECK(registry_close(&shard->shard, id, 1000, "as the program wishes"));
    else if (sim_chance(sim, 2))
        (void)registry_close_all(&shard->shard, 1000, "as the program wishes");
}

static void joined(void *context, struct conn *conn, const struct room_name *name, bool accepted)
{
    (void)name, (void)accepted;
    meddle(context, conn);
}

static int message(void *context, struct conn *conn, enum ws_opcode opcode, const uint8_t *bytes,
                   size_t len)
{
    struct sim_shard *shard = context;
    if (sim_chance(shard->sim, 5))
        meddle(context, conn);
    if (sim_chance(shard->sim, 30))
        return -EAGAIN;
    return registry_send(&shard->shard, conn_id(&shard->shard.conns, conn), opcode, bytes, len);
}

static const struct conn_ops conn_ops = {.page = no_page,
                                         .upgrade = upgrade,
                                         .opened = meddle,
                                         .message = message,
                                         .joined = joined,
                                         .not_adopted = not_adopted};

static uint32_t pick(struct sim *sim, uint32_t from, uint32_t to)
{
    return from + rand_below(&sim->rand, to - from + 1);
}

static struct shard_options choose_options(struct sim *sim)
{
    struct shard_options options = {
        .group = &sim->group,
        .ring = {.sq_entries = 1U << pick(sim, 2, 8),
                 .cq_entries = 256,
                 .recv_buffers = 1U << pick(sim, 1, 5),
                 .recv_buffer_bytes = pick(sim, 16, 4096),
                 .features = {.inline_silent = sim_chance(sim, 85),
                              .send_zc = true,
                              .msg_ring = sim_chance(sim, 85)}},
        .limits = {.outbound_frames = sim->tight ? pick(sim, 4, 64) : 1U << 30,
                   .outbound_bytes = sim->tight ? pick(sim, 1000, 20000) : 1ULL << 40,
                   .zerocopy_threshold_bytes = sim_chance(sim, 40) ? pick(sim, 20, 500) : 0},
        .conn = {.max_message_bytes = sim->max_message,
                 .ping_interval_ms = sim_chance(sim, 50) ? pick(sim, 500, 20000) : 0,
                 .idle_timeout_ms = 100000000,
                 .handshake_timeout_ms = 30000,
                 .close_timeout_ms = SIM_CLOSE_TIMEOUT_MS,
                 .outbound_age_ms = sim->tight && sim_chance(sim, 30) ? pick(sim, 200, 5000) : 0},
        .conn_ops = &conn_ops,
        .on_tick = on_tick,
        .max_connections = sim->few_places ? pick(sim, 4, 12) : SIM_CLIENTS_MAX,
        .max_rooms = 16,
        .inbox = {.commands = pick(sim, 1, 64), .bytes = pick(sim, 100, 100000)},
        .listener_count = sim->tls ? 4 : 2,
    };
    options.conn.proxies = &sim->proxies;
    options.conn.addresses = sim->addresses;
    sim->always_behind = options.limits.zerocopy_threshold_bytes || sim->max_message > 4000 ||
                         sim->embedded || sim->tls;
    return options;
}

static struct shard_listener choose_listener(unsigned n, uint16_t shard)
{
    bool proxy = n & 1, tls = n & 2;
    int fd = (tls ? SIM_LISTEN_TLS_FD : SIM_LISTEN_FD) + (proxy ? SIM_LISTEN_PROXY_FD : 0);
    return (struct shard_listener){.fd = fd + shard, .tls = tls, .proxy = proxy};
}

static void choose_limits(struct sim *sim)
{
    char error[128];
    struct address_limits_options options = {.connections = pick(sim, 1, 5), .capacity = 256};
    CHECK(ip_nets_parse("10.0.0.0/8", &sim->proxies, error, sizeof error) == 0);
    if (sim->few_places && sim_chance(sim, 50))
        CHECK(address_limits_create(&sim->addresses, &options) == 0);
}

static void create_shards(struct sim *sim)
{
    struct shard_group *group = &sim->group;
    group->count = (uint16_t)pick(sim, 1, SIM_SHARDS_MAX);
    group->drain_end_ms = UINT64_MAX;
    for (int i = 0; i < 16; i++)
        ((uint8_t *)&group->hash_key)[i] = (uint8_t)rand_next(&sim->rand);
    if (sim->little_memory)
        group->held_max_bytes = pick(sim, 5000, 100000);
    size_t queues = (size_t)group->count * group->count;
    group->queues = aligned_alloc(CACHE_LINE_BYTES, queues * sizeof *group->queues);
    CHECK(group->queues);
    memset(group->queues, 0, queues * sizeof *group->queues);
    for (size_t i = 0; i < queues; i++)
        CHECK(spsc_init(&group->queues[i], 1U << pick(sim, 1, 6)) == 0);
    struct shard_options options = choose_options(sim);
    for (uint16_t i = 0; i < group->count; i++) {
        struct sim_shard *shard = aligned_alloc(CACHE_LINE_BYTES, sizeof *shard);
        CHECK(shard);
        memset(shard, 0, sizeof *shard);
        sim->shards[i] = shard;
        shard->sim = sim;
        options.index = i;
        options.conn_context = shard;
        for (unsigned n = 0; n < options.listener_count; n++)
            options.listeners[n] = choose_listener(n, i);
        options.send_memory = options.registered = NULL;
        if (sim_chance(sim, 80)) {
            options.send_memory = shard->memory = aligned_alloc(CACHE_LINE_BYTES, POOL_BYTES);
            options.send_memory_bytes = POOL_BYTES;
            options.registered = shard->memory;
            options.registered_bytes = POOL_BYTES;
        }
        CHECK(shard_init(&shard->shard, &options) == 0);
        shard->shard.clock_ms = shard->shard.clock_unix_ms = clock_ms;
        if (sim->tls)
            renew_tls(shard);
        if (sim->tokens)
            set_gate(shard);
        group->shards[i] = &shard->shard;
        fiber_init(&shard->fiber, run_shard, shard);
    }
}

static bool wakes(struct sim *sim, struct sim_shard *shard)
{
    if (shard->fiber.done)
        return false;
    if (!shard->shard.ring || !shard->sleeping || shard->wake_ms <= sim->now_ms)
        return true;
    // Asleep: the kernel goes on with what it has, and wakes the shard with the first completion.
    if (!fake_ring_has_completions(shard->shard.ring))
        (void)fake_ring_progress(shard->shard.ring);
    return fake_ring_has_completions(shard->shard.ring);
}

static bool could_wake(struct sim *sim, struct sim_shard *shard)
{
    if (shard->fiber.done)
        return false;
    return !shard->sleeping || shard->wake_ms <= sim->now_ms ||
           fake_ring_has_completions(shard->shard.ring) ||
           fake_ring_could_progress(shard->shard.ring);
}

// --- Clients

static void choose_client(struct sim *sim, uint32_t index)
{
    struct client *client = &sim->clients[index];
    *client = (struct client){.index = index,
                              .kind = CLIENT_MEMBER,
                              .room = rand_below(&sim->rand, sim->room_count),
                              .shard = rand_below(&sim->rand, sim->group.count)};
    if (index < sim->room_count) {
        client->kind = CLIENT_OBSERVER;
        client->room = index;
        client->wide = true;
        client->has_tls = sim->tls && sim_chance(sim, 50);
        return;
    }
    uint32_t dice = rand_below(&sim->rand, 100);
    client->has_tls = sim->tls && sim_chance(sim, 60);
    client->has_proxy = sim_chance(sim, 30);
    client->has_token = sim->tokens && sim_chance(sim, 70);
    client->elsewhere = sim->embedded && sim_chance(sim, 20);
    client->kind = dice < 70 ? CLIENT_MEMBER : dice < 88 ? CLIENT_ECHO : CLIENT_NOISE;
    client->without_self = sim_chance(sim, 30);
    client->wide = sim_chance(sim, 30);
    client->reckless = sim_chance(sim, 25);
    client->eager = sim_chance(sim, 20);
    client->never_reads = client->kind != CLIENT_NOISE && sim_chance(sim, 8);
    client->stubborn = sim_chance(sim, 50);
    client->stops = sim_chance(sim, 20) ? 3 : 0;
    client->actions_left = pick(sim, 0, 40);
    client->end = sim_chance(sim, 40)
                      ? END_STAY
                      : (enum client_end)rand_below(&sim->rand, (uint32_t)END_COUNT);
}

static bool observers_joined(const struct sim *sim)
{
    for (uint32_t i = 0; i < sim->room_count; i++)
        if (sim->clients[i].state < CLIENT_OPEN)
            return false;
    return true;
}

static bool connect_somebody(struct sim *sim)
{
    bool joined = observers_joined(sim);
    for (uint32_t i = 0; i < sim->client_count; i++) {
        struct client *client = &sim->clients[i];
        if (client->state != CLIENT_WAITING || (!joined && client->kind != CLIENT_OBSERVER))
            continue;
        client_connect(sim, client);
        return true;
    }
    return false;
}

// --- Time

static bool anything_could_move(struct sim *sim)
{
    for (uint16_t i = 0; i < sim->group.count; i++)
        if (could_wake(sim, sim->shards[i]))
            return true;
    for (uint32_t i = 0; i < sim->client_count; i++)
        if (client_could_step(sim, &sim->clients[i]))
            return true;
    return false;
}

static uint64_t next_deadline(const struct sim *sim)
{
    uint64_t next = UINT64_MAX;
    for (uint16_t i = 0; i < sim->group.count; i++)
        if (!sim->shards[i]->fiber.done && sim->shards[i]->wake_ms < next)
            next = sim->shards[i]->wake_ms;
    return next;
}

static void step(struct sim *sim)
{
    if (++sim->steps > STEPS_MAX)
        sim_fail(sim, "it never comes to rest");
    if (sim_chance(sim, 10))
        sim->now_ms += rand_below(&sim->rand, 3);
    uint32_t shard = rand_below(&sim->rand, sim->group.count);
    if (wakes(sim, sim->shards[shard]))
        fiber_resume(&sim->shards[shard]->fiber);
    for (uint32_t n = 1 + rand_below(&sim->rand, 4); n; n--)
        (void)client_step(sim, &sim->clients[rand_below(&sim->rand, sim->client_count)]);
}

// --- A run

static void set_phase(struct sim *sim, enum shard_phase phase)
{
    sim->drain_until_ms = phase == SHARD_DRAINING ? sim->group.drain_end_ms : 0;
    atomic_store(&sim->group.phase, (int)phase);
    for (uint16_t i = 0; i < sim->group.count; i++)
        shard_interrupt(&sim->shards[i]->shard);
}

static bool active(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->client_count; i++)
        if (sim->clients[i].state == CLIENT_WAITING || client_could_step(sim, &sim->clients[i]))
            return true;
    return false;
}

static void run_active(struct sim *sim)
{
    uint64_t until = sim_chance(sim, 20) ? pick(sim, 50, 5000) : UINT64_MAX;
    while (sim->steps < until) {
        if (rand_below(&sim->rand, 20) == 0)
            (void)connect_somebody(sim);
        step(sim);
        if (sim->steps % 64 == 0 && !active(sim) && !anything_could_move(sim))
            return;
    }
    sim->interrupted = true;
}

// A queue to a peer that is full is tried again after a millisecond: that much time may pass.
static void run_to_rest(struct sim *sim)
{
    sim->stage = SIM_SETTLING;
    while (true) {
        while (anything_could_move(sim))
            step(sim);
        uint64_t next = next_deadline(sim);
        if (next > sim->now_ms + 2)
            break;
        sim->now_ms = next;
    }
    oracle_settled(sim);
}

static bool all_done(const struct sim *sim)
{
    for (uint16_t i = 0; i < sim->group.count; i++)
        if (!sim->shards[i]->fiber.done)
            return false;
    return true;
}

static void run_until_rest_or_deadlines(struct sim *sim, uint64_t limit_ms)
{
    while (!all_done(sim)) {
        if (anything_could_move(sim)) {
            step(sim);
            continue;
        }
        uint64_t next = next_deadline(sim);
        if (next == UINT64_MAX || next > limit_ms)
            return;
        if (next > sim->now_ms)
            sim->now_ms = next;
    }
}

static void run_leaving(struct sim *sim)
{
    sim->stage = SIM_LEAVING;
    uint32_t how = rand_below(&sim->rand, 3);
    if (how == 0 && !sim->interrupted)
        run_until_rest_or_deadlines(sim, sim->now_ms + 100000);
    sim->interrupted = true;
    if (how <= 1) {
        sim->group.drain_end_ms = sim->now_ms + pick(sim, 5, 3000);
        set_phase(sim, SHARD_DRAINING);
        run_until_rest_or_deadlines(sim, sim->now_ms + (sim_chance(sim, 50) ? 1000 : 1000000));
    }
    set_phase(sim, SHARD_STOPPING);
    run_until_rest_or_deadlines(sim, sim->now_ms + 10000000);
    if (!all_done(sim))
        sim_fail(sim, "a shard sleeps for ever instead of stopping");
}

static void destroy(struct sim *sim)
{
    for (uint16_t i = 0; i < sim->group.count; i++)
        if (sim->shards[i]->shard.net.held_bytes || sim->shards[i]->shard.conns.head_count)
            sim_fail(sim, "something is held for clients that are gone");
    bool moved = true;
    while (moved) {
        moved = false;
        for (uint16_t i = 0; i < sim->group.count; i++)
            moved |= shard_settle_mail(&sim->shards[i]->shard);
    }
    for (uint16_t i = 0; i < sim->group.count; i++) {
        CHECK(sim->shards[i]->shard.hub.rooms.used == 0);
        CHECK(sim->shards[i]->shard.hub.homes.used == 0);
        CHECK(counter_read(&sim->shards[i]->shard.net.counters.backlogs) == 0);
        CHECK(counter_read(&sim->shards[i]->shard.net.counters.tls_connections) == 0);
        CHECK(counter_read(&sim->shards[i]->shard.net.counters.stashed_bytes) == 0);
        CHECK(counter_read(&sim->shards[i]->shard.hub.counters.memberships) == 0);
    }
    for (uint16_t i = 0; i < sim->group.count; i++)
        net_release(&sim->shards[i]->shard.net); // frames of other shards go home first
    for (uint16_t i = 0; i < sim->group.count; i++) {
        shard_fini(&sim->shards[i]->shard);
        fiber_fini(&sim->shards[i]->fiber);
    }
    for (uint16_t i = 0; i < sim->group.count; i++) {
        free(sim->shards[i]->memory);
        free(sim->shards[i]);
    }
    for (size_t i = 0; i < (size_t)sim->group.count * sim->group.count; i++)
        spsc_fini(&sim->group.queues[i]);
    free(sim->group.queues);
    for (uint32_t i = 0; i < sim->client_count; i++) {
        if (sim->clients[i].socket)
            fake_client_close(sim->clients[i].socket);
        client_free(&sim->clients[i]);
    }
    free(sim->messages);
    CHECK(sim->lent == sim->released);
    if (sim->client_tls)
        tls_context_destroy(sim->client_tls);
    if (sim->addresses)
        address_limits_destroy(sim->addresses);
}

void sim_run(uint64_t seed)
{
    struct sim *sim = calloc(1, sizeof *sim);
    CHECK(sim);
    current = sim;
    sim->seed = seed;
    sim->now_ms = SIM_START_MS;
    rand_seed(&sim->rand, seed);
    struct fake_knobs knobs = {
        .attempt = sim_chance(sim, 50) ? 100 : pick(sim, 10, 90),
        .short_send = sim_chance(sim, 50) ? pick(sim, 1, 60) : 0,
        .tiny_recv = sim_chance(sim, 50) ? pick(sim, 1, 90) : 0,
        .drop_more = sim_chance(sim, 50) ? pick(sim, 1, 40) : 0,
        .eager_recv = sim_chance(sim, 70) ? pick(sim, 1, 100) : 0,
        .late_submit = sim_chance(sim, 30) ? pick(sim, 1, 30) : 0,
        .busy_reap = sim_chance(sim, 50) ? pick(sim, 1, 90) : 0,
        .late_notif = sim_chance(sim, 70) ? pick(sim, 1, 100) : 0,
        .no_reset = sim_chance(sim, 20) ? pick(sim, 1, 100) : 0,
        .cancel_late = sim_chance(sim, 50) ? 50 : 0,
        .lost_wake = sim_chance(sim, 30) ? pick(sim, 1, 100) : 0,
        .random_file = sim_chance(sim, 50) ? 50 : 0,
        .max_files = UINT32_MAX,
    };
    sim->tight = sim_chance(sim, 40);
    sim->few_places = sim_chance(sim, 15);
    sim->little_memory = sim_chance(sim, 20);
    sim->embedded = sim_chance(sim, 25);
    sim->takes_out = sim->embedded && sim_chance(sim, 30);
    sim->tls = sim_chance(sim, 50);
    sim->tokens = sim_chance(sim, 40);
    if (sim->tls)
        CHECK(tls_client_context_create(&sim->client_tls, NULL, NULL, 0) == 0);
    sim->max_message = sim_chance(sim, 10) ? 70000 : sim_chance(sim, 50) ? 4000 : 200;
    if (sim->few_places && sim_chance(sim, 50))
        knobs.max_files = pick(sim, 8, 16);
    fake_world_begin(&sim->rand, &knobs, on_enter);
    choose_limits(sim);
    create_shards(sim);
    sim->room_count = pick(sim, 1, sim->few_places ? 2 : SIM_ROOMS_MAX);
    sim->client_count = pick(sim, sim->room_count, sim_chance(sim, 30) ? SIM_CLIENTS_MAX : 16);
    for (uint32_t i = 0; i < sim->client_count; i++)
        choose_client(sim, i);
    run_active(sim);
    if (!sim->interrupted)
        run_to_rest(sim);
    run_leaving(sim);
    oracle_end(sim);
    destroy(sim);
    fake_world_end();
    free(sim);
    current = NULL;
}
