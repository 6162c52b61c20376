// SPDX-License-Identifier: MIT
#include "net/net.h"

#include "hub/connection_id.h"
#include "net/backlog.h"
#include "ring/ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ARENA_CHUNK_BYTES (256 * 1024)
#define ARENA_SPARE_MAX   4

#define STASH_SHARED_MAX_BYTES (1ULL << 30)

static int prepare_fronts(struct net *net, bool tls)
{
    void *fronts = mmap(NULL, net->capacity * sizeof(struct front *), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (fronts == MAP_FAILED)
        return -ENOMEM;
    net->fronts = fronts;
    net->plain = tls ? malloc(TLS_RECORD_MAX_BYTES) : NULL;
    return tls && !net->plain ? -ENOMEM : 0;
}

void net_set_tls(struct net *net, struct tls_context *tls)
{
    CHECK(net->fronts && tls);
    if (net->tls) {
        tls_context_inherit(tls, net->tls);
        tls_context_destroy(net->tls);
    }
    net->tls = tls;
}

// What the kernel receives before a pause takes effect has to fit: a burst that has completed, and
// one that was under way. Kernels before 6.8 know no bursts and give a link whatever is free, so
// what one tick can receive (and the next, again) is there for all links to share.
static void bound_stashes(struct net *net, uint32_t recv_buffer_bytes)
{
    uint32_t bursts = 2 * NET_RECV_BURST * recv_buffer_bytes;
    uint64_t ticks = 2 * (uint64_t)net->recv_buffers * recv_buffer_bytes;
    net->stash_max_bytes = bursts > NET_STASH_BYTES ? bursts : NET_STASH_BYTES;
    net->stash_shared_max_bytes = ticks < STASH_SHARED_MAX_BYTES ? ticks : STASH_SHARED_MAX_BYTES;
}

int net_init(struct net *net, const struct net_options *options)
{
    memset(net, 0, sizeof *net);
    net->ring = options->ring;
    net->runs = options->runs;
    net->ops = options->ops;
    net->context = options->context;
    net->limits = options->limits;
    net->link_bytes = options->link_bytes;
    net->capacity = options->capacity;
    net->max_links = options->max_links;
    net->recv_buffers = options->recv_buffers;
    bound_stashes(net, options->recv_buffer_bytes);
    net->dirty_last = &net->dirty_first;
    list_init(&net->ending);
    list_init(&net->dying);
    list_init(&net->kicked);
    list_init(&net->hellos);
    list_init(&net->handshakes);
    for (int i = 0; i < 2; i++)
        arena_init(&net->arenas[i], ARENA_CHUNK_BYTES, ARENA_SPARE_MAX);
    net->arena = &net->arenas[0];
    // Reserved, not touched: a connection's memory appears when its slot is first used.
    void *links = mmap(NULL, net->capacity * net->link_bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (links == MAP_FAILED)
        return -ENOMEM;
    net->links = links;
    int error = options->tls || options->proxy ? prepare_fronts(net, options->tls) : 0;
    if (error)
        net_fini(net);
    return error;
}

void net_fini(struct net *net)
{
    CHECK(net->open_count == 0 && !net->dirty_first);
    net_release(net);
    net_drop_disowned(net);
    free(net->disowned);
    for (int i = 0; i < 2; i++)
        arena_fini(&net->arenas[i]);
    free(net->sent);
    free(net->held);
    if (net->tls)
        tls_context_destroy(net->tls);
    if (net->fronts)
        munmap(net->fronts, net->capacity * sizeof(struct front *));
    free(net->plain);
    munmap(net->links, net->capacity * net->link_bytes);
}

struct link *net_find(const struct net *net, uint64_t id)
{
    uint32_t slot = connection_id_slot(id);
    if (slot >= net->capacity)
        return NULL;
    struct link *link = net_link(net, slot);
    bool live = link->state == LINK_UP && link->generation == connection_id_generation(id);
    return live ? link : NULL;
}

void net_begin_tick(struct net *net, uint64_t now_ms, uint64_t unix_ms)
{
    net->tick++;
    net->now_ms = now_ms;
    net->unix_ms = unix_ms;
    net->handshake_budget = NET_HANDSHAKES_PER_TICK;
    if (net->tls)
        tls_context_set_time(net->tls, unix_ms / 1000); // which ticket keys are good
}

bool net_busy(const struct net *net)
{
    // Whose send is in flight is in no list: its completion wakes the ring.
    return net->dirty_first || !list_empty(&net->dying) || !list_empty(&net->kicked) ||
           !list_empty(&net->hellos) || !list_empty(&net->handshakes) || net->turn_count ||
           !list_empty(&net->ending);
}
