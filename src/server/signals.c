// SPDX-License-Identifier: MIT
#include "server/signals.h"

#include "base/clock.h"
#include "base/log.h"
#include "server/notify.h"
#include "server/reload.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

// Beyond the drain's deadline and the Close handshakes; then something is wrong.
#define STUCK_MS 5000

// How often it is asked whether the shards have ended, once they are to.
#define END_POLL_MS 20

static sigset_t signals_of_main(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGPIPE); // ignored: a log pipe may close
    return set;
}

void signals_block(void)
{
    sigset_t set = signals_of_main();
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

// --- The loop

// The next signal; 0 when none comes until then (UINT64_MAX: waits for ever).
static int next_signal(uint64_t until_ms)
{
    sigset_t set = signals_of_main();
    for (;;) {
        uint64_t now_ms = clock_monotonic_ms();
        uint64_t wait_ms = until_ms > now_ms ? until_ms - now_ms : 0;
        struct timespec wait = {.tv_sec = (time_t)(wait_ms / 1000),
                                .tv_nsec = (long)(wait_ms % 1000) * 1000000};
        int signal = sigtimedwait(&set, NULL, until_ms == UINT64_MAX ? NULL : &wait);
        if (signal > 0)
            return signal;
        if (errno == EAGAIN)
            return 0;
    }
}

enum stage { STAGE_SERVING, STAGE_NOT_READY, STAGE_DRAINING };

struct progress {
    enum stage stage;
    uint64_t until_ms;
};

static void go_down(struct server *server, struct progress *progress)
{
    uint64_t now_ms = clock_monotonic_ms();
    const struct config *config = &server->config;
    switch (progress->stage) {
    case STAGE_SERVING:
        notify_send("STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=%llu",
                    (unsigned long long)(config->drain_delay_ms + config->drain_deadline_ms +
                                         config->close_timeout_ms + STUCK_MS) *
                        1000);
        progress->stage = STAGE_NOT_READY;
        progress->until_ms = now_ms + config->drain_delay_ms;
        // Relaxed: nothing is read that depends on it.
        atomic_store_explicit(&server->ready, false, memory_order_relaxed);
        return;
    case STAGE_NOT_READY:
        progress->stage = STAGE_DRAINING;
        progress->until_ms =
            now_ms + config->drain_deadline_ms + config->close_timeout_ms + STUCK_MS;
        ringcast_stop(server->rc, (uint32_t)config->drain_deadline_ms);
        return;
    case STAGE_DRAINING:
        log_error("the shards did not end in time: ending without them");
        _exit(1);
    }
}

static void go_down_by_signal(struct server *server, struct progress *progress, int signal)
{
    if (progress->stage != STAGE_SERVING) {
        log_warn("second signal: ending at once");
        _exit(1);
    }
    log_info(
        "%s: draining over at most %llu ms", signal == SIGTERM ? "SIGTERM" : "SIGINT",
        (unsigned long long)(server->config.drain_delay_ms + server->config.drain_deadline_ms));
    go_down(server, progress);
}

// When there is something to do though no signal comes.
static uint64_t next_look_ms(struct server *server, const struct progress *progress)
{
    uint64_t now_ms = clock_monotonic_ms();
    uint64_t look_ms = notify_watchdog(server->rc, now_ms);
    if (progress->until_ms < look_ms)
        look_ms = progress->until_ms;
    if (progress->stage == STAGE_DRAINING && now_ms + END_POLL_MS < look_ms)
        look_ms = now_ms + END_POLL_MS;
    return look_ms;
}

void signals_serve(struct server *server, const struct reload_source *source)
{
    struct progress progress = {.stage = STAGE_SERVING, .until_ms = UINT64_MAX};
    notify_send("READY=1\nSTATUS=serving with %u threads", ringcast_shard_count(server->rc));
    while (!ringcast_ended(server->rc)) {
        int signal = next_signal(next_look_ms(server, &progress));
        if (signal == SIGHUP) {
            notify_send("RELOADING=1\nMONOTONIC_USEC=%llu",
                        (unsigned long long)clock_monotonic_ns() / 1000);
            reload(server, source);
            notify_send("READY=1");
        } else if (signal == SIGTERM || signal == SIGINT) {
            go_down_by_signal(server, &progress, signal);
        } else if (signal == 0 && clock_monotonic_ms() >= progress.until_ms) {
            go_down(server, &progress);
        }
    }
}
