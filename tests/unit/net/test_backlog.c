// SPDX-License-Identifier: MIT
#include "net/backlog.h"

#include "base/rand.h"

#include <criterion/criterion.h>
#include <string.h>

static struct frame_pool frames;
static struct run_pool runs;
static struct backlog *backlog;

static void set_up(void)
{
    frame_pool_init(&frames, NULL, 0);
    run_pool_init(&runs, &frames);
    backlog = backlog_create();
    cr_assert(backlog != NULL);
}

static void tear_down(void)
{
    backlog_destroy(backlog, &runs);
    run_pool_fini(&runs);
    frame_pool_fini(&frames);
}

static void push(const char *text, uint32_t sent_bytes)
{
    struct run *run = run_copy(&runs, text, strlen(text), 1);
    cr_assert(backlog_push(backlog, run, sent_bytes, 0) == 0);
}

// What is in flight, as the kernel would see it.
static size_t in_flight(char *out)
{
    size_t len = 0;
    for (size_t i = 0; i < backlog->message.msg_iovlen; i++) {
        memcpy(out + len, backlog->pieces[i].iov_base, backlog->pieces[i].iov_len);
        len += backlog->pieces[i].iov_len;
    }
    out[len] = 0;
    return len;
}

Test(backlog, gathers_within_its_bounds, .init = set_up, .fini = tear_down)
{
    char out[64];
    push("one", 1);
    push("two", 0);
    push("three", 0);
    cr_assert(backlog->bytes == 10 && backlog->messages == 3);
    backlog_gather(backlog, 5);
    cr_assert(in_flight(out) == 5 && strcmp(out, "netwo") == 0);
    backlog_advance(backlog, 3, &runs);
    cr_assert(backlog->bytes == 7 && backlog->messages == 2);
    backlog_gather(backlog, 1);
    cr_assert(in_flight(out) == 2 && strcmp(out, "wo") == 0, "one run always goes");
    backlog_advance(backlog, 2, &runs);
    backlog_gather(backlog, 100);
    cr_assert(in_flight(out) == 5 && strcmp(out, "three") == 0);
    backlog_advance(backlog, 5, &runs);
    cr_assert(backlog->count == 0 && backlog->bytes == 0 && backlog->messages == 0);
}

Test(backlog, what_fell_short_goes_to_the_front, .init = set_up, .fini = tear_down)
{
    char out[64];
    push("later", 0);
    struct run *rest = run_copy(&runs, "first", 5, 1);
    cr_assert(backlog_push_front(backlog, rest, 2, 0) == 0);
    backlog_gather(backlog, 100);
    cr_assert(in_flight(out) == 8 && strcmp(out, "rstlater") == 0);
    backlog_advance(backlog, 8, &runs);
}

Test(backlog, truncation_never_tears_a_frame, .init = set_up, .fini = tear_down)
{
    char out[64];
    push("abcdef", 2);
    push("dropped", 0);
    cr_assert(backlog_truncate(backlog, &runs));
    cr_assert(backlog->count == 1 && backlog->bytes == 4, "the rest of a half-sent run stays");
    push("last", 0);
    backlog_gather(backlog, 4);
    push("dropped", 0);
    cr_assert(backlog_truncate(backlog, &runs));
    cr_assert(in_flight(out) == 4 && strcmp(out, "cdef") == 0);
    cr_assert(backlog->count == 1, "what is in flight stays");
    backlog_advance(backlog, 4, &runs);
    push("answer", 0);
    cr_assert(!backlog_truncate(backlog, &runs), "the oldest one stays: it may be the handshake's");
    cr_assert(backlog->count == 1 && backlog->bytes == 6);
}

// Any pushes and any partial sends: the bytes that leave are the bytes that came, in order.
Test(backlog, keeps_the_stream, .init = set_up, .fini = tear_down)
{
    struct rand rand;
    uint8_t next_in = 0, next_out = 0;
    rand_seed(&rand, 7);
    for (int step = 0; step < 20000; step++) {
        uint8_t bytes[64];
        uint32_t len = 1 + rand_below(&rand, sizeof bytes);
        for (uint32_t i = 0; i < len; i++)
            bytes[i] = next_in++;
        cr_assert(backlog_push(backlog, run_copy(&runs, bytes, len, 1), 0, 0) == 0);
        if (rand_below(&rand, 2))
            continue;
        backlog_gather(backlog, 1 + rand_below(&rand, 500));
        char out[BACKLOG_GATHER * 64 + 1];
        uint32_t sent = rand_below(&rand, (uint32_t)in_flight(out) + 1);
        for (uint32_t i = 0; i < sent; i++)
            cr_assert((uint8_t)out[i] == next_out++);
        backlog_advance(backlog, sent, &runs);
    }
    cr_assert((uint8_t)(next_out + backlog->bytes) == next_in);
}

Test(backlog, what_is_shared_is_shared_out, .init = set_up, .fini = tear_down)
{
    char text[1001];
    memset(text, 'x', 1000);
    text[1000] = 0;
    cr_assert_eq(backlog_held_bytes(backlog), backlog_own_bytes(backlog));
    struct run *run = run_copy(&runs, text, 1000, 1);
    cr_assert(backlog_push(backlog, run_ref(run), 0, 0) == 0);
    uint64_t half = backlog_held_bytes(backlog) - backlog_own_bytes(backlog);
    cr_assert(half > 490 && half <= 500, "%llu", (unsigned long long)half);
    run_unref(&runs, run);
    for (int i = 0; i < 99; i++)
        push(text, 0);
    uint64_t all = backlog_held_bytes(backlog) - backlog_own_bytes(backlog);
    cr_assert(all > 99000 && all <= 100000, "%llu", (unsigned long long)all);
}
