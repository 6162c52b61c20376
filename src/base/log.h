// SPDX-License-Identifier: MIT
//
// Logs: one line an event, on stderr, written by one write(2). Never per message. Each place in the
// code that logs is one kind of event and is limited to LOG_BURST lines a second per thread; when a
// kind was held back, its next line says how many were.
//
//   2026-11-20T20:08:00.123Z info shard=1 connection closed reason=slow_bytes …
#pragma once

#include "base/check.h"

#include <stdatomic.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF };

#define LOG_BURST 10

struct log_site {
    uint64_t window_s; // the second that `written` counts
    uint32_t written;
    uint32_t held_back;
};

// Of lines that go to the descriptor. Threads: call before any other thread runs, or later: the
// level is atomic.
void log_set_level(enum log_level level);

// Of this thread's lines.
enum log_level log_level(void);
// "debug", "info", "warn", "error", "off"; returns -1 when it is none of them.
int log_level_parse(const char *name);
const char *log_level_name(enum log_level level);

// What this thread's lines say about who is speaking, e.g. "shard=1"; copied, at most 15 bytes.
void log_set_thread_name(const char *name);

// Where lines go; stderr's descriptor by default. For tests.
void log_set_fd(int fd);

// Another place for one thread's lines: a program that embeds us decides what it does with them.
// `text` is escaped, without time, level and line end, and good during the call.
struct log_sink {
    void (*write)(void *context, enum log_level level, const char *text);
    void *context;
    _Atomic int level; // enum log_level: what is below it is not even formatted
};

// From here on this thread's lines go there (NULL: to the descriptor); returns where they went
// before. The sink must outlive that.
const struct log_sink *log_set_sink(const struct log_sink *sink);

// One line to the descriptor, as log_write writes it, but of text that is escaped already and with
// this name for the thread.
void log_print(enum log_level level, const char *thread, const char *text);

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
