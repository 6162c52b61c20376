// SPDX-License-Identifier: MIT
#include "codec/tls_tickets.h"

#include <criterion/criterion.h>
#include <string.h>

#define LIFETIME_S 3600

static const uint8_t secret[TLS_TICKET_SECRET_BYTES] = {1, 2, 3, 4};

struct sealed {
    uint8_t name[TLS_TICKET_NAME_BYTES], nonce[TLS_TICKET_NONCE_BYTES], tag[TLS_TICKET_TAG_BYTES];
    uint8_t bytes[100];
};

static struct tls_tickets tickets_at(bool shared, uint64_t now_s)
{
    struct tls_tickets tickets;
    tls_tickets_init(&tickets, secret, shared, LIFETIME_S, now_s);
    return tickets;
}

static struct sealed seal(const struct tls_tickets *tickets)
{
    struct sealed sealed;
    memset(sealed.bytes, 'x', sizeof sealed.bytes);
    tls_ticket_seal(tickets, sealed.name, sealed.nonce, sealed.tag, sealed.bytes,
                    sizeof sealed.bytes);
    return sealed;
}

static enum tls_ticket_result unseal(const struct tls_tickets *tickets, struct sealed sealed)
{
    enum tls_ticket_result result = tls_ticket_open(tickets, sealed.name, sealed.nonce, sealed.tag,
                                                    sealed.bytes, sizeof sealed.bytes);
    for (size_t i = 0; result != TLS_TICKET_BAD && i < sizeof sealed.bytes; i++)
        cr_expect_eq(sealed.bytes[i], 'x');
    return result;
}

Test(tls_tickets, are_good_for_their_epoch_and_the_next)
{
    for (int shared = 0; shared < 2; shared++) {
        struct tls_tickets tickets = tickets_at(shared, 7300);
        struct sealed sealed = seal(&tickets);
        cr_expect_neq(memchr(sealed.bytes, 'x', 1), sealed.bytes, "not sealed at all");
        cr_expect_eq(unseal(&tickets, sealed), TLS_TICKET_GOOD);
        tls_tickets_advance(&tickets, 7200 + LIFETIME_S);
        cr_expect_eq(unseal(&tickets, sealed), TLS_TICKET_OLD);
        tls_tickets_advance(&tickets, 7200 + 2 * LIFETIME_S);
        cr_expect_eq(unseal(&tickets, sealed), TLS_TICKET_BAD);
    }
}

#define BLOCK_S (TLS_TICKET_BLOCK_EPOCHS * (uint64_t)LIFETIME_S)

// Times that two shards were at, one of them at all of these and the other at the last only.
static const struct {
    uint64_t start, visited[3], end;
} paths[] = {
    {7200, {7200 + LIFETIME_S, 20000, 40000}, 50000},
    {0, {BLOCK_S - LIFETIME_S, BLOCK_S - 1, BLOCK_S}, BLOCK_S + LIFETIME_S},
    {5, {BLOCK_S - 1, BLOCK_S, BLOCK_S + 1}, 2 * BLOCK_S},
    {5, {BLOCK_S, 2 * BLOCK_S, 2 * BLOCK_S + 5}, 3 * BLOCK_S + 5},
    {BLOCK_S + 1, {2 * BLOCK_S, 5 * BLOCK_S - 1, 5 * BLOCK_S}, 9 * BLOCK_S},
    {BLOCK_S + 1, {2 * BLOCK_S, 5 * BLOCK_S - 1, 5 * BLOCK_S}, 9 * BLOCK_S - 1},
    {7200, {7200, 1800000000, 1800000000 + LIFETIME_S}, 1800000000 + 3 * LIFETIME_S},
};

Test(tls_tickets, shards_agree_however_they_came_there)
{
    for (size_t i = 0; i < 2 * sizeof paths / sizeof *paths; i++) {
        bool shared = i % 2;
        struct tls_tickets first = tickets_at(shared, paths[i / 2].start), late = first;
        for (unsigned n = 0; n < 3; n++)
            tls_tickets_advance(&first, paths[i / 2].visited[n]);
        tls_tickets_advance(&first, paths[i / 2].end);
        tls_tickets_advance(&late, paths[i / 2].end);
        cr_expect_eq(unseal(&late, seal(&first)), TLS_TICKET_GOOD, "row %zu", i);
        cr_expect_eq(unseal(&first, seal(&late)), TLS_TICKET_GOOD, "row %zu", i);
        struct tls_tickets before = tickets_at(shared, paths[i / 2].start);
        tls_tickets_advance(&before, paths[i / 2].end - LIFETIME_S);
        cr_expect_eq(unseal(&late, seal(&before)), TLS_TICKET_OLD, "row %zu", i);
        cr_expect_eq(unseal(&first, seal(&before)), TLS_TICKET_OLD, "row %zu", i);
    }
}

// A clock that was at 1970: 29 million epochs of a minute, 1.8 thousand million of a second. The
// sanitizers' and the slowest builds are given time; one by one it takes minutes.
Test(tls_tickets, a_clock_that_jumps_costs_little, .timeout = 20)
{
    for (uint32_t lifetime_s = 1; lifetime_s <= 60; lifetime_s += 59)
        for (int shared = 0; shared < 2; shared++) {
            struct tls_tickets tickets;
            tls_tickets_init(&tickets, secret, shared, lifetime_s, 3);
            struct sealed sealed = seal(&tickets);
            tls_tickets_advance(&tickets, 1800000000);
            cr_expect_eq(tickets.epoch, 1800000000 / lifetime_s);
            cr_expect_eq(unseal(&tickets, sealed), TLS_TICKET_BAD);
            cr_expect_eq(unseal(&tickets, seal(&tickets)), TLS_TICKET_GOOD);
        }
}

// What another process made, whenever it started.
Test(tls_tickets, shared_secrets_do_not_depend_on_the_start)
{
    struct tls_tickets ours = tickets_at(true, 7200), theirs = tickets_at(true, 100000);
    tls_tickets_advance(&ours, 100000);
    cr_expect_eq(unseal(&ours, seal(&theirs)), TLS_TICKET_GOOD);
    struct tls_tickets before = tickets_at(true, 100000 - LIFETIME_S);
    cr_expect_eq(unseal(&ours, seal(&before)), TLS_TICKET_OLD);
    cr_expect_eq(unseal(&theirs, seal(&before)), TLS_TICKET_OLD);
}

static bool contains(const struct tls_tickets *tickets, const uint8_t *bytes)
{
    return memmem(tickets, sizeof *tickets, bytes, TLS_TICKET_SECRET_BYTES);
}

// Neither the beginning nor a key of before is anywhere in it.
Test(tls_tickets, own_secrets_are_forgotten)
{
    for (unsigned blocks = 0; blocks < 3; blocks++) {
        struct tls_tickets tickets = tickets_at(false, 7200), before = tickets;
        cr_expect_not(contains(&tickets, secret), "the beginning is forgotten at once");
        tls_tickets_advance(&tickets, 7200 + 2 * LIFETIME_S + blocks * 2 * BLOCK_S);
        cr_expect_not(contains(&tickets, before.secret));
        cr_expect_not(contains(&tickets, before.current.key));
        cr_expect_eq(contains(&tickets, before.next_block), blocks == 0);
    }
    struct tls_tickets shared = tickets_at(true, 7200);
    tls_tickets_advance(&shared, 7200 + 2 * LIFETIME_S);
    cr_expect_eq(memcmp(shared.secret, secret, sizeof secret), 0);
}

Test(tls_tickets, time_does_not_go_back)
{
    struct tls_tickets tickets = tickets_at(false, 50000);
    struct sealed sealed = seal(&tickets);
    tls_tickets_advance(&tickets, 0);
    cr_expect_eq(unseal(&tickets, sealed), TLS_TICKET_GOOD);
}

Test(tls_tickets, refuses_what_was_changed)
{
    struct tls_tickets tickets = tickets_at(false, 7200);
    struct sealed sealed = seal(&tickets), bad;
    for (unsigned bit = 0; bit < 8; bit++) {
        uint8_t *places[] = {&bad.name[3], &bad.nonce[11], &bad.tag[15], &bad.bytes[99]};
        for (unsigned place = 0; place < 4; place++) {
            bad = sealed;
            *places[place] ^= (uint8_t)(1U << bit);
            cr_expect_eq(unseal(&tickets, bad), TLS_TICKET_BAD, "place %u bit %u", place, bit);
        }
    }
}
