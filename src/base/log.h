// SPDX-License-Identifier: MIT
//
// Logs: one line an event, on stderr, written by one write(2). Never per message. Each place in the
// code that logs is one kind of event and is limited to LOG_BURST lines a second per thread; when a
// kind was held back, its next line says how many were.
//
//   2026-11-20T20:08:00.123Z info shard=1 connection closed reason=slow_bytes …
#pragma once

#include "base/check.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF };

#define LOG_BURST 10

struct log_site {
    uint64_t window_s; // the second that `written` counts
    uint32_t written;
    uint32_t held_back;
};

// Threads: call before any other thread runs, or later: the level is atomic.
void log_set_level(enum log_level level);
enum log_level log_level(void);
// "debug", "info", "warn", "error", "off"; returns -1 when it is none of them.
int log_level_parse(const char *name);
const char *log_level_name(enum log_level level);

// What this thread's lines say about who is speaking, e.g. "shard=1"; copied, at most 15 bytes.
void log_set_thread_name(const char *name);

// Where lines go; stderr's descriptor by default. For tests.
void log_set_fd(int fd);

void log_write(struct log_site *site, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define LOG(level, ...)                                                                            \
    do {                                                                                           \
        static _Thread_local struct log_site log_site_;                                            \
        if ((level) >= log_level())                                                                \
            log_write(&log_site_, level, __VA_ARGS__);                                             \
    } while (0)

#define log_debug(...) LOG(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)  LOG(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  LOG(LOG_WARN, __VA_ARGS__)
#define log_error(...) LOG(LOG_ERROR, __VA_ARGS__)
