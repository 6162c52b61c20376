// SPDX-License-Identifier: MIT
#include "conn/address_limits.h"

#include "base/rand.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>

static struct address_limits *make(uint32_t connections, uint32_t per_second, uint64_t capacity)
{
    struct address_limits *limits;
    struct address_limits_options options = {
        .connections = connections, .connections_per_second = per_second, .capacity = capacity};
    cr_assert_eq(address_limits_create(&limits, &options), 0);
    return limits;
}

static struct ip v4(uint32_t number)
{
    return ip_from_v4(
        (const uint8_t[]){10, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number});
}

static struct ip v6(uint16_t net, uint16_t host)
{
    struct ip ip = {{0x20, 0x01, 0x0d, 0xb8, 0, 0, (uint8_t)(net >> 8), (uint8_t)net}};
    ip.bytes[14] = (uint8_t)(host >> 8);
    ip.bytes[15] = (uint8_t)host;
    return ip;
}

Test(address_limits, connections_at_once)
{
    struct address_limits *limits = make(3, 0, 100);
    uint32_t cells[32], cell;
    for (int i = 0; i < 3; i++)
        cr_expect_eq(address_limits_enter(limits, v4(1), 0, &cells[i]), ADDRESS_WELCOME);
    for (int i = 3; i < 11; i++)
        cr_expect_eq(address_limits_enter(limits, v4(1), 0, &cells[i]), ADDRESS_TOO_MANY);
    cr_expect_eq(address_limits_enter(limits, v4(1), 0, &cell), ADDRESS_ABUSIVE);
    cr_expect_eq(cell, ADDRESS_UNCOUNTED);
    cr_expect_eq(address_limits_enter(limits, v4(2), 0, &cell), ADDRESS_WELCOME, "another one");
    for (int i = 0; i < 9; i++)
        address_limits_leave(limits, cells[i]);
    cr_expect_eq(address_limits_enter(limits, v4(1), 0, &cell), ADDRESS_WELCOME);
    cr_expect_eq(address_limits_enter(limits, v4(1), 0, &cell), ADDRESS_TOO_MANY);
    address_limits_destroy(limits);
}

// A client has a whole /64 of IPv6.
Test(address_limits, ipv6_counts_by_network)
{
    struct address_limits *limits = make(1, 0, 100);
    uint32_t cell;
    cr_expect_eq(address_limits_enter(limits, v6(1, 1), 0, &cell), ADDRESS_WELCOME);
    cr_expect_eq(address_limits_enter(limits, v6(1, 2), 0, &cell), ADDRESS_TOO_MANY);
    cr_expect_eq(address_limits_enter(limits, v6(2, 1), 0, &cell), ADDRESS_WELCOME);
    address_limits_destroy(limits);
}

Test(address_limits, new_ones_per_second)
{
    struct address_limits *limits = make(0, 5, 100);
    uint32_t cell;
    unsigned welcome = 0;
    for (int i = 0; i < 50; i++) {
        welcome += address_limits_enter(limits, v4(1), 1000, &cell) == ADDRESS_WELCOME;
        address_limits_leave(limits, cell); // it is not forgotten with its connections
    }
    cr_expect_eq(welcome, 10, "%u", welcome);
    cr_expect_eq(address_limits_enter(limits, v4(1), 1100, &cell), ADDRESS_TOO_FAST);
    cr_expect_eq(address_limits_enter(limits, v4(1), 1200, &cell), ADDRESS_WELCOME);
    cr_expect_eq(address_limits_enter(limits, v4(2), 1200, &cell), ADDRESS_WELCOME);
    address_limits_destroy(limits);
}

// Far more addresses than cells, one after the other: cells are taken over, none leaks.
Test(address_limits, addresses_come_and_go)
{
    struct address_limits *limits = make(2, 100, 16);
    for (uint32_t i = 0; i < 100000; i++) {
        uint32_t one, two;
        cr_assert_eq(address_limits_enter(limits, v4(i), i, &one), ADDRESS_WELCOME);
        cr_assert_neq(one, ADDRESS_UNCOUNTED);
        cr_assert_eq(address_limits_enter(limits, v4(i), i, &two), ADDRESS_WELCOME);
        cr_assert_eq(one, two);
        address_limits_leave(limits, one);
        address_limits_leave(limits, two);
    }
    address_limits_destroy(limits);
}

// More addresses at once than the table has cells: those without a cell are let in, uncounted.
Test(address_limits, a_full_bucket_refuses_nobody)
{
    struct address_limits *limits = make(1, 0, 1);
    uint32_t cells[100];
    unsigned counted = 0;
    for (uint32_t i = 0; i < 100; i++) {
        cr_expect_eq(address_limits_enter(limits, v4(i), 0, &cells[i]), ADDRESS_WELCOME);
        counted += cells[i] != ADDRESS_UNCOUNTED;
    }
    cr_expect_eq(counted, 8);
    for (uint32_t i = 0; i < 100; i++)
        address_limits_leave(limits, cells[i]);
    address_limits_destroy(limits);
}

#define THREADS 4
#define ROUNDS  20000

static struct address_limits *shared;

static void *come_and_go(void *seed)
{
    struct rand rand;
    uint32_t held[8], have = 0;
    rand_seed(&rand, *(uint64_t *)seed);
    for (int i = 0; i < ROUNDS; i++) {
        if (have == 8 || (have && rand_below(&rand, 2)))
            address_limits_leave(shared, held[--have]);
        else if (address_limits_enter(shared, v4(rand_below(&rand, 6)), 0, &held[have]) !=
                 ADDRESS_ABUSIVE)
            have++;
    }
    while (have)
        address_limits_leave(shared, held[--have]);
    return NULL;
}

// Whatever the threads did at the same moment, the counts come back to nothing.
Test(address_limits, threads_share_it)
{
    pthread_t threads[THREADS];
    uint64_t seeds[THREADS];
    shared = make(3, 0, 4);
    for (unsigned i = 0; i < THREADS; i++) {
        seeds[i] = i + 1;
        cr_assert_eq(pthread_create(&threads[i], NULL, come_and_go, &seeds[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (uint32_t address = 0; address < 6; address++) {
        uint32_t cells[3];
        for (int i = 0; i < 3; i++)
            cr_expect_eq(address_limits_enter(shared, v4(address), 0, &cells[i]), ADDRESS_WELCOME);
        for (int i = 0; i < 3; i++)
            address_limits_leave(shared, cells[i]);
    }
    address_limits_destroy(shared);
}
