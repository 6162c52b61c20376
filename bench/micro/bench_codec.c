// SPDX-License-Identifier: MIT
//
// What the codecs cost per byte (unmasking, UTF-8) and per frame (parsing, headers). Buffers stay
// in the first- or second-level cache, as received bytes do in the server.
#include "base/clock.h"
#include "codec/utf8.h"
#include "codec/ws_mask.h"
#include "codec/ws_parse.h"
#include "codec/ws_write.h"

#include <stdio.h>
#include <string.h>

#define BUFFER_BYTES  16384
#define TOTAL_BYTES   (UINT64_C(1) << 31)
#define FRAMES        (UINT64_C(1) << 24)
#define PAYLOAD_BYTES 100

static uint8_t buffer[BUFFER_BYTES + 64];

static void report_bytes(const char *name, uint64_t bytes, uint64_t ns)
{
    printf("%-32s %8.2f GB/s\n", name, (double)bytes / (double)ns);
}

static void report_frames(const char *name, uint64_t frames, uint64_t ns)
{
    printf("%-32s %8.2f ns/frame\n", name, (double)ns / (double)frames);
}

// Payloads one behind the other, as in a receive buffer: each at another alignment.
static void bench_mask(const char *name, size_t len)
{
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    size_t count = BUFFER_BYTES / len;
    uint64_t rounds = TOTAL_BYTES / len / count;
    uint8_t phase = 1;
    uint64_t start_ns = clock_thread_cpu_ns();
    for (uint64_t i = 0; i < rounds; i++)
        for (size_t k = 0; k < count; k++)
            phase = ws_mask(buffer + k * len, len, mask, phase);
    report_bytes(name, rounds * count * len, clock_thread_cpu_ns() - start_ns);
}

static void bench_utf8(const char *name, const char *text, size_t len)
{
    size_t text_len = strlen(text);
    for (size_t i = 0; i < len; i++)
        buffer[i] = (uint8_t)text[i % text_len];
    len -= len % text_len;
    uint64_t rounds = TOTAL_BYTES / 4 / len;
    bool valid = true;
    uint64_t start_ns = clock_thread_cpu_ns();
    for (uint64_t i = 0; i < rounds; i++) {
        __asm__ volatile("" ::: "memory"); // or the result of the first round is kept
        valid &= utf8_valid(buffer, len);
    }
    report_bytes(name, rounds * len, clock_thread_cpu_ns() - start_ns);
    CHECK(valid);
}

// As many frames as a receive buffer holds, over and over. A mask of zeroes costs the same as
// another and leaves text valid from round to round.
static void bench_parse(const char *name, enum ws_opcode opcode)
{
    size_t len = 0, count = 0;
    memset(buffer, 'x', sizeof buffer);
    for (; len + WS_HEADER_MAX_BYTES + PAYLOAD_BYTES <= BUFFER_BYTES; count++)
        len += ws_client_header_write(buffer + len, opcode, true, PAYLOAD_BYTES,
                                      (const uint8_t[4]){0}) +
               PAYLOAD_BYTES;
    struct ws_parser parser;
    ws_parser_init(&parser);
    uint64_t rounds = FRAMES / count, seen = 0;
    uint64_t start_ns = clock_thread_cpu_ns();
    for (uint64_t i = 0; i < rounds; i++) {
        uint8_t *cursor = buffer;
        struct ws_chunk chunk;
        while (ws_next(&parser, &cursor, buffer + len, UINT64_MAX, &chunk) == WS_DATA)
            seen += chunk.len;
    }
    report_frames(name, rounds * count, clock_thread_cpu_ns() - start_ns);
    CHECK(seen == rounds * count * PAYLOAD_BYTES);
}

static void bench_header(const char *name, uint64_t payload_bytes)
{
    uint64_t start_ns = clock_thread_cpu_ns();
    for (uint64_t i = 0; i < FRAMES; i++) {
        ws_header_write(buffer, WS_BINARY, payload_bytes);
        __asm__ volatile("" ::: "memory");
    }
    report_frames(name, FRAMES, clock_thread_cpu_ns() - start_ns);
}

int main(void)
{
    bench_mask("unmask 16 KiB", BUFFER_BYTES);
    bench_mask("unmask 1000 B", 1000);
    bench_mask("unmask 100 B", 100);
    bench_mask("unmask 20 B", 20);
    bench_utf8("utf8 ASCII 16 KiB", "The quick brown fox. ", BUFFER_BYTES);
    bench_utf8("utf8 mixed 16 KiB",
               "Stra\xc3\x9f"
               "e, caf\xc3\xa9, 10 \xe2\x82\xac \xf0\x9f\x98\x80 ",
               BUFFER_BYTES);
    bench_utf8("utf8 CJK 16 KiB", "\xe6\xbc\xa2\xe5\xad\x97", BUFFER_BYTES);
    bench_utf8("utf8 ASCII 100 B", "The quick brown fox. ", 105);
    bench_utf8("utf8 CJK 100 B", "\xe6\xbc\xa2\xe5\xad\x97", 102);
    bench_parse("ws_next 100 B binary", WS_BINARY);
    bench_parse("ws_next 100 B text", WS_TEXT);
    bench_header("header of 100 B", 100);
    bench_header("header of 1000 B", 1000);
    bench_header("header of 100000 B", 100000);
    return 0;
}
