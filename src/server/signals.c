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

static sigset_t signals_of_main(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGPIPE); // ignored: a log pipe may close
    sigaddset(&set, SERVER_SIGNAL_ENDED);
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

struct progress {
    int phase; // enum shard_phase
    uint64_t until_ms;
};

static void go_down(struct server *server, struct progress *progress)
{
    uint64_t now_ms = clock_monotonic_ms();
    const struct config *config = &server->config;
    switch (progress->phase) {
    case SHARD_RUNNING:
        notify_send("STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=%llu",
                    (unsigned long long)(config->drain_delay_ms + config->drain_deadline_ms +
                                         config->close_timeout_ms + STUCK_MS) *
                        1000);
        progress->phase = SHARD_NOT_READY;
        progress->until_ms = now_ms + config->drain_delay_ms;
        break;
    case SHARD_NOT_READY:
        progress->phase = SHARD_DRAINING;
        progress->until_ms =
            now_ms + config->drain_deadline_ms + config->close_timeout_ms + STUCK_MS;
        server->group.drain_deadline_ms = (uint32_t)config->drain_deadline_ms;
        break;
    default:
        log_error("the shards did not end in time: ending without them");
        _exit(1);
    }
    server_set_phase(server, (enum shard_phase)progress->phase);
}

void signals_serve(struct server *server, const struct reload_source *source)
{
    struct progress progress = {.phase = SHARD_RUNNING, .until_ms = UINT64_MAX};
    notify_send("READY=1\nSTATUS=serving with %u threads", server->group.count);
    while (atomic_load(&server->running)) {
        uint64_t watch_ms = notify_watchdog(server, clock_monotonic_ms());
        bool watching = watch_ms < progress.until_ms;
        int signal = next_signal(watching ? watch_ms : progress.until_ms);
        if (signal == 0 && !watching) {
            go_down(server, &progress);
        } else if (signal == SIGHUP) {
            notify_send("RELOADING=1\nMONOTONIC_USEC=%llu",
                        (unsigned long long)clock_monotonic_ns() / 1000);
            reload(server, source);
            notify_send("READY=1");
        } else if (signal == SIGTERM || signal == SIGINT) {
            if (progress.phase != SHARD_RUNNING) {
                log_warn("second signal: ending at once");
                _exit(1);
            }
            log_info("%s: draining over at most %llu ms", signal == SIGTERM ? "SIGTERM" : "SIGINT",
                     (unsigned long long)(server->config.drain_delay_ms +
                                          server->config.drain_deadline_ms));
            go_down(server, &progress);
        }
    }
}
