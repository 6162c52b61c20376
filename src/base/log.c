// SPDX-License-Identifier: MIT
#include "base/log.h"

#include "base/clock.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES    1024
#define MESSAGE_BYTES 768

// Shards share one stderr; a pipe keeps lines of different threads apart only up to this size.
_Static_assert(LINE_BYTES <= PIPE_BUF, "a line must be one atomic write");

// Room at the end of a line for "...", " (4294967295 held back)" and the newline.
#define TRAILER_BYTES 32

static const char *const level_names[] = {
    [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn",
    [LOG_ERROR] = "error", [LOG_OFF] = "off",
};

static _Atomic int current_level = LOG_INFO;
static _Atomic int current_fd = STDERR_FILENO;
static _Thread_local char thread_name[16];
static _Thread_local const struct log_sink *thread_sink;

void log_set_level(enum log_level level)
{
    // Relaxed, here and in log_level: the level orders nothing, a thread may see it a little later.
    atomic_store_explicit(&current_level, (int)level, memory_order_relaxed);
}

enum log_level log_level(void)
{
    // Relaxed: see log_set_level.
    return (enum log_level)atomic_load_explicit(thread_sink ? &thread_sink->level : &current_level,
                                                memory_order_relaxed);
}

const struct log_sink *log_set_sink(const struct log_sink *sink)
{
    const struct log_sink *before = thread_sink;
    thread_sink = sink;
    return before;
}

int log_level_parse(const char *name)
{
    for (int level = LOG_DEBUG; level <= LOG_OFF; level++) {
        if (strcmp(name, level_names[level]) == 0)
            return level;
    }
    return -1;
}

const char *log_level_name(enum log_level level)
{
    CHECK((unsigned)level <= LOG_OFF);
    return level_names[level];
}

void log_set_thread_name(const char *name)
{
    snprintf(thread_name, sizeof(thread_name), "%s", name);
}

void log_set_fd(int fd)
{
    // Relaxed, here and in write_line: a number that orders nothing.
    atomic_store_explicit(&current_fd, fd, memory_order_relaxed);
}

struct line {
    size_t len;
    char text[LINE_BYTES];
};

// For text of our own only; the message goes through append_escaped.
__attribute__((format(printf, 2, 3))) static void append(struct line *line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t room = sizeof(line->text) - line->len;
    int len = vsnprintf(line->text + line->len, room, format, args);
    va_end(args);
    CHECK(len >= 0 && (size_t)len < room);
    line->len += (size_t)len;
}

static void append_head(struct line *line, enum log_level level, const char *thread)
{
    uint64_t now_ms = clock_realtime_ms();
    time_t now_s = (time_t)(now_ms / 1000);
    struct tm utc;
    CHECK(gmtime_r(&now_s, &utc) != NULL);
    append(line, "%04d-%02d-%02dT%02d:%02d:%02d.%03uZ %s ", utc.tm_year + 1900, utc.tm_mon + 1,
           utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, (unsigned)(now_ms % 1000),
           log_level_name(level));
    if (thread[0] != '\0')
        append(line, "%s ", thread);
}

// Control characters, so that nobody who gets a string into a message can start a line of his own
// or drive the terminal of whoever reads the log; among them U+0080 to U+009F (C2 80 to C2 9F),
// which some terminals obey. The backslash as well: then an escape in the log is never the client's
// own.
static bool needs_escape(const uint8_t *at)
{
    return *at < 0x20 || *at == 0x7f || *at == '\\' || (at[0] == 0xc2 && (at[1] & 0xe0) == 0x80);
}

// Returns false when the line has no room for all of it.
static bool append_escaped(struct line *line, const char *message)
{
    const uint8_t *at = (const uint8_t *)message;
    for (; *at != '\0'; at++) {
        if (line->len + sizeof("\\x00") + TRAILER_BYTES > sizeof(line->text))
            return false;
        if (needs_escape(at))
            append(line, "\\x%02x", *at);
        else
            line->text[line->len++] = (char)*at;
    }
    return true;
}

// True when this line may be written; then *held_back lines of its kind were not before it.
static bool admit(struct log_site *site, uint32_t *held_back)
{
    uint64_t now_s = clock_monotonic_ms() / 1000;
    if (site->window_s != now_s) {
        site->window_s = now_s;
        site->written = 0;
    }
    if (site->written >= LOG_BURST) {
        site->held_back++;
        return false;
    }
    site->written++;
    *held_back = site->held_back;
    site->held_back = 0;
    return true;
}

// Lines that nobody could take since the last one that was written.
static _Atomic uint32_t lost;

static bool has_room(int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLOUT};
    return poll(&ready, 1, 0) != 0; // what poll does not know may be written to
}

// False when it would have to wait: a full pipe must not stop a shard. A line that fails for good
// is lost in silence: there is nowhere to report it.
static bool write_now(int fd, const struct line *line)
{
    union {
        const void *in;
        void *out;
    } base = {.in = line->text}; // iovec is not const-correct
    struct iovec piece = {base.out, line->len};
    if (!has_room(fd))
        return false;
    // Another thread may have taken the room since: RWF_NOWAIT does not wait for it then (pipes:
    // Linux 6.4). Files and terminals may not know it, or never have "now"; a filter of system
    // calls may not let it through.
    ssize_t written = pwritev2(fd, &piece, 1, -1, RWF_NOWAIT);
    if (written < 0 && errno != EINTR) {
        if (errno == EAGAIN && !has_room(fd))
            return false;
        written = write(fd, line->text, line->len);
    }
    while (written < 0 && errno == EINTR) // which alone says that nothing is wrong
        written = write(fd, line->text, line->len);
    return written >= 0 || errno != EAGAIN;
}

static void tell_lost(int fd)
{
    // Relaxed, here and below: a count.
    uint32_t count = atomic_exchange_explicit(&lost, 0, memory_order_relaxed);
    struct line note = {.len = 0};
    append_head(&note, LOG_WARN, "");
    append(&note, "log lines lost count=%u: what reads the log is too slow\n", count);
    if (count && !write_now(fd, &note))
        atomic_fetch_add_explicit(&lost, count, memory_order_relaxed);
}

static void write_line(const struct line *line)
{
    // Relaxed: see log_set_fd.
    int fd = atomic_load_explicit(&current_fd, memory_order_relaxed);
    if (atomic_load_explicit(&lost, memory_order_relaxed))
        tell_lost(fd);
    if (!write_now(fd, line))
        atomic_fetch_add_explicit(&lost, 1, memory_order_relaxed);
}

void log_write(struct log_site *site, enum log_level level, const char *format, ...)
{
    uint32_t held_back;
    if (!admit(site, &held_back))
        return;
    // A caller may log between a failure and its look at errno.
    int saved_errno = errno;

    char message[MESSAGE_BYTES];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    if (len < 0)
        message[0] = '\0';

    struct line line;
    line.len = 0;
    if (!thread_sink)
        append_head(&line, level, thread_name);
    if (!append_escaped(&line, message) || len >= (int)sizeof(message))
        append(&line, "...");
    if (held_back > 0)
        append(&line, " (%u held back)", held_back);
    if (thread_sink) {
        append(&line, "%c", '\0');
        thread_sink->write(thread_sink->context, level, line.text);
    } else {
        append(&line, "\n");
        write_line(&line);
    }
    errno = saved_errno;
}

void log_print(enum log_level level, const char *thread, const char *text)
{
    struct line line;
    line.len = 0;
    append_head(&line, level, thread);
    append(&line, "%.*s\n", (int)(sizeof(line.text) - line.len - 2), text);
    write_line(&line);
}
