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

static struct tls_tickets tickets_at(bool shared, uint64_t made_s, uint64_t now_s)
{
    struct tls_tickets tickets;
    tls_tickets_init(&tickets, secret, shared, LIFETIME_S, made_s, now_s);
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
        struct tls_tickets tickets = tickets_at(shared, 7200, 7300);
        struct sealed sealed = seal(&tickets);
        cr_expect_neq(memchr(sealed.bytes, 'x', 1), sealed.bytes, "not sealed at all");
        cr_expect_eq(unseal(&tickets, sealed), TLS_TICKET_GOOD);
        tls_tickets_advance(&tickets, 7200 + LIFETIME_S);
        cr_expect_eq(unseal(&tickets, sealed), TLS_TICKET_OLD);
        tls_tickets_advance(&tickets, 7200 + 2 * LIFETIME_S);
        cr_expect_eq(unseal(&tickets, sealed), TLS_TICKET_BAD);
    }
}

Test(tls_tickets, shards_agree_whenever_they_begin)
{
    for (int shared = 0; shared < 2; shared++) {
        struct tls_tickets first = tickets_at(shared, 7200, 7200);
        struct tls_tickets late = tickets_at(shared, 7200, 50000);
        tls_tickets_advance(&first, 50000);
        cr_expect_eq(unseal(&late, seal(&first)), TLS_TICKET_GOOD);
        cr_expect_eq(unseal(&first, seal(&late)), TLS_TICKET_GOOD);
    }
}

// What another process made, whenever it started.
Test(tls_tickets, shared_secrets_do_not_depend_on_the_start)
{
    struct tls_tickets ours = tickets_at(true, 7200, 100000);
    struct tls_tickets theirs = tickets_at(true, 99999, 100000);
    cr_expect_eq(unseal(&ours, seal(&theirs)), TLS_TICKET_GOOD);
    struct tls_tickets before = tickets_at(true, 50000, 100000 - LIFETIME_S);
    cr_expect_eq(unseal(&ours, seal(&before)), TLS_TICKET_OLD);
}

Test(tls_tickets, own_secrets_are_forgotten)
{
    struct tls_tickets tickets = tickets_at(false, 7200, 7200);
    tls_tickets_advance(&tickets, 7200 + 2 * LIFETIME_S);
    cr_expect_neq(memcmp(tickets.secret, secret, sizeof secret), 0);
    struct tls_tickets shared = tickets_at(true, 7200, 7200 + 2 * LIFETIME_S);
    cr_expect_eq(memcmp(shared.secret, secret, sizeof secret), 0);
}

Test(tls_tickets, time_does_not_go_back)
{
    struct tls_tickets tickets = tickets_at(false, 7200, 50000);
    struct sealed sealed = seal(&tickets);
    tls_tickets_advance(&tickets, 0);
    cr_expect_eq(unseal(&tickets, sealed), TLS_TICKET_GOOD);
}

Test(tls_tickets, refuses_what_was_changed)
{
    struct tls_tickets tickets = tickets_at(false, 7200, 7200);
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
