// SPDX-License-Identifier: MIT
//
// What TLS costs: sealing and opening a record, a server's handshake, and the memory of an idle
// session. RINGCAST_CERTIFICATES names a folder that tests/support/certificates has filled.
#include "base/clock.h"
#include "support/tls_pair.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#define RECORDS    200000
#define HANDSHAKES 200
#define SESSIONS   1000

static struct tls_context *server, *client;

static void report(const char *name, uint64_t spent_ns, uint64_t count)
{
    printf("%-32s %10.1f ns/op\n", name, (double)spent_ns / (double)count);
}

static void bench_records(size_t len)
{
    struct tls_pair pair;
    uint64_t sealed_ns = 0, opened_ns = 0;
    char name[64];
    tls_pair_init(&pair, server, client, NULL, SIZE_MAX);
    CHECK(tls_pair_handshake(&pair) == TLS_DONE && tls_pair_echo(&pair, 100));
    uint8_t *bytes = calloc(1, len), *plain = malloc(TLS_RECORD_MAX_BYTES);
    size_t room = 64 * tls_write_max(pair.server, len);
    uint8_t *out = malloc(room);
    CHECK(bytes && plain && out);
    // Many records at a time, so that reading the clock does not count.
    for (uint32_t done = 0; done < RECORDS; done += 64) {
        size_t used = 0, got = 0;
        uint64_t begin_ns = clock_thread_cpu_ns();
        for (unsigned i = 0; i < 64; i++)
            used += tls_write(pair.server, bytes, len, out + used);
        uint64_t middle_ns = clock_thread_cpu_ns();
        const uint8_t *cursor = out;
        while (tls_read(pair.client, &cursor, out + used, plain, TLS_RECORD_MAX_BYTES, &got) ==
               TLS_DATA)
            CHECK(got == len);
        sealed_ns += middle_ns - begin_ns;
        opened_ns += clock_thread_cpu_ns() - middle_ns;
    }
    snprintf(name, sizeof name, "seal a record of %zu bytes", len);
    report(name, sealed_ns, RECORDS);
    snprintf(name, sizeof name, "open a record of %zu bytes", len);
    report(name, opened_ns, RECORDS);
    free(bytes);
    free(plain);
    free(out);
    tls_pair_fini(&pair);
}

// Both sides, since they take turns; the server's share is about a half.
static void bench_handshakes(const char *kind, const struct tls_client_options *options)
{
    char name[64];
    struct tls_context *from = tls_pair_client_context(options);
    uint64_t begin_ns = clock_thread_cpu_ns();
    for (unsigned i = 0; i < HANDSHAKES; i++) {
        struct tls_pair pair;
        tls_pair_init(&pair, server, from, NULL, SIZE_MAX);
        CHECK(tls_pair_handshake(&pair) == TLS_DONE);
        tls_pair_fini(&pair);
    }
    snprintf(name, sizeof name, "handshake %s, both sides", kind);
    report(name, clock_thread_cpu_ns() - begin_ns, HANDSHAKES);
    tls_context_destroy(from);
}

static size_t heap_bytes(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

// The client's half is subtracted by ending it.
static void report_memory(void)
{
    static struct tls_pair pairs[SESSIONS];
    size_t before = heap_bytes();
    for (unsigned i = 0; i < SESSIONS; i++) {
        tls_pair_init(&pairs[i], server, client, NULL, SIZE_MAX);
        CHECK(tls_pair_handshake(&pairs[i]) == TLS_DONE && tls_pair_echo(&pairs[i], 100));
        tls_session_destroy(pairs[i].client);
        free(pairs[i].last);
    }
    printf("%-32s %10zu bytes\n", "an idle session", (heap_bytes() - before) / SESSIONS);
    for (unsigned i = 0; i < SESSIONS; i++)
        tls_session_destroy(pairs[i].server);
}

int main(void)
{
    char error[256];
    const char *const name = "server-ec";
    server = tls_pair_server_context(&name, 1, NULL, error);
    client = tls_pair_client_context(&(struct tls_client_options){.ca = NULL});
    CHECK(server);
    bench_records(64);
    bench_records(100);
    bench_records(16384);
    bench_handshakes("1.3 X25519", &(struct tls_client_options){.ca = NULL});
    bench_handshakes("1.3 P-256", &(struct tls_client_options){.groups = "P-256"});
    bench_handshakes("1.2 X25519", &(struct tls_client_options){.tls12_only = true});
    report_memory();
    tls_context_destroy(server);
    tls_context_destroy(client);
    return 0;
}
