// SPDX-License-Identifier: MIT
//
// The main thread: sets the run up, moves its phases, samples, judges.
#include "load/bench.h"

#include "base/clock.h"
#include "base/rand.h"
#include "load/client.h"
#include "load/live.h"
#include "load/results.h"
#include "load/secure.h"
#include "load/series.h"
#include "load/spawn.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define PORTS_PER_SOURCE 4000                // of several: finding one of the last takes long
#define STEP_NS          UINT64_C(250000000) // a signal is seen, and the live line drawn
#define WAKE_NS          UINT64_C(25000000)  // workers see a change of phase within 20 ms

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

// --- Before the workers

static uint32_t descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return 1024;
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
        (void)getrlimit(RLIMIT_NOFILE, &limit);
    }
    return limit.rlim_cur > 1000000 ? 1000000 : (uint32_t)limit.rlim_cur;
}

// Half of the CPUs: on one machine the server needs the others. More when the descriptor limit,
// which bounds each ring's table, asks for it.
static int choose_threads(struct bench *bench, char *error, size_t error_bytes)
{
    const struct options *options = &bench->options;
    uint32_t limit = descriptor_limit(), per_thread = limit > 8 ? limit - 4 : 4;
    uint32_t needed = (options->connections + per_thread - 1) / per_thread;
    cpu_set_t set;
    uint32_t cpus = sched_getaffinity(0, sizeof set, &set) ? 1 : (uint32_t)CPU_COUNT(&set);
    bench->thread_count = options->threads ? options->threads : cpus / 2 > 1 ? cpus / 2 : 1;
    if (!options->threads && bench->thread_count < needed)
        bench->thread_count = needed;
    if (bench->thread_count < needed) {
        snprintf(error, error_bytes,
                 "%u connections need %u --threads: the descriptor limit (ulimit -n %u) bounds "
                 "each thread's ring",
                 options->connections, needed, limit);
        return -EMFILE;
    }
    if (bench->thread_count > options->connections)
        bench->thread_count = options->connections;
    uint32_t members = options->connections / options->rooms;
    if (bench->scenario->reopens && options->publishers >= members) {
        snprintf(error, error_bytes,
                 "%s: publishers stay, so it needs rooms of more members than %u --publishers",
                 bench->scenario->name, options->publishers);
        return -EINVAL;
    }
    if ((options->publishers - 1) * bench->thread_count >= members) {
        snprintf(error, error_bytes,
                 "%u --publishers on %u --threads need rooms of %u members: publishers of a room "
                 "share a thread",
                 options->publishers, bench->thread_count,
                 (options->publishers - 1) * bench->thread_count + 1);
        return -EINVAL;
    }
    return 0;
}

static int refuse_sources(const struct bench *bench, uint32_t ports, char *error,
                          size_t error_bytes)
{
    if (bench->options.sources)
        snprintf(error, error_bytes,
                 "--sources are addresses of 127.0.0.0/8, and from those '%s' cannot be reached: "
                 "leave them out, or run the tool on more hosts",
                 bench->target.host);
    else
        snprintf(error, error_bytes,
                 "%u connections%s need more ports than the %u of net.ipv4.ip_local_port_range: "
                 "widen it, or run the tool on more hosts",
                 bench->options.connections,
                 bench->scenario->reopens ? ", which come back while their old ports rest," : "",
                 ports);
    return -EINVAL;
}

static int choose_sources(struct bench *bench, char *error, size_t error_bytes)
{
    const struct options *options = &bench->options;
    uint32_t ports = target_local_ports(), usable = ports - ports / 8; // others use some
    uint32_t per_source = usable < PORTS_PER_SOURCE ? usable : PORTS_PER_SOURCE;
    double wanted = options->connections;
    if (bench->scenario->reopens)
        wanted += bench->scenario->reopens(options);
    uint32_t needed = wanted > usable ? (uint32_t)(wanted / per_source) + 1 : 0;
    uint32_t count = options->sources ? options->sources : needed;
    if (!count)
        return 0;
    if (!bench->target.loopback)
        return refuse_sources(bench, ports, error, error_bytes);
    bench->sources = calloc(count, sizeof *bench->sources);
    if (!bench->sources)
        return -ENOMEM;
    bench->source_count = count;
    for (uint32_t i = 0; i < count; i++)
        target_source(&bench->sources[i], i);
    return 0;
}

// Tried on this thread, which gets its own CPUs back: nobody but the kernel knows what is allowed.
static int check_pins(const struct options *options, char *error, size_t error_bytes)
{
    cpu_set_t own, one;
    int result = 0;
    if (!options->cpu_count || sched_getaffinity(0, sizeof own, &own))
        return 0;
    for (uint32_t i = 0; i < options->cpu_count && !result; i++) {
        CPU_ZERO(&one);
        CPU_SET(options->cpus[i], &one);
        if (sched_setaffinity(0, sizeof one, &one)) {
            result = -EINVAL;
            snprintf(error, error_bytes, "--pin: there is no CPU %u for this process",
                     options->cpus[i]);
        }
    }
    (void)sched_setaffinity(0, sizeof own, &own);
    return result;
}

static void choose_seed(struct bench *bench)
{
    if (bench->options.seed == OPTIONS_SEED_BY_CLOCK)
        bench->options.seed = clock_realtime_ms();
    struct rand rand;
    // Not of the seed: two tools that repeat the same run on one server must not take each other's
    // messages for their own.
    rand_seed(&rand, clock_monotonic_ns() ^ (uint64_t)getpid() << 40);
    bench->run = (uint32_t)rand_next(&rand);
}

int bench_prepare(struct bench *bench, char *error, size_t error_bytes)
{
    const char *url = bench->options.url ? bench->options.url : "ws://127.0.0.1:8080";
    bench->scenario = scenario_find(bench->options.scenario);
    if (!bench->scenario) {
        snprintf(error, error_bytes, "'%.40s' is no scenario: --help names them",
                 bench->options.scenario);
        return -EINVAL;
    }
    if (!bench->scenario->by_room)
        bench->options.rooms = bench->options.publishers = 1;
    choose_seed(bench);
    int result =
        target_parse(&bench->target, url, bench->scenario->default_path, error, error_bytes);
    if (!result)
        result = secure_prepare(bench, error, error_bytes);
    if (!result)
        result = check_pins(&bench->options, error, error_bytes);
    if (!result)
        result = choose_threads(bench, error, error_bytes);
    if (!result)
        result = choose_sources(bench, error, error_bytes);
    return result;
}

// --- Sampling

struct session {
    struct bench *bench;
    struct results *results;
    pid_t server_pids[PROC_PIDS_MAX];
    uint32_t server_count;
    pid_t spawned;
    struct series *series;
    struct live live;
};

// A server may accept before it has started its workers, and start more when there is load.
static void find_children(struct session *session)
{
    session->server_count = proc_add_children(session->server_pids, session->server_count);
}

static void take_sample(struct session *session, struct results_sample *sample)
{
    pid_t self = getpid();
    (void)proc_read(&sample->server, session->server_pids, session->server_count);
    (void)proc_read(&sample->tool, &self, 1);
    worker_add_counts(session->bench, sample->counts);
    sample->at_ns = clock_monotonic_ns();
}

static void sleep_until(uint64_t at_ns)
{
    struct timespec at = {.tv_sec = (time_t)(at_ns / 1000000000),
                          .tv_nsec = (long)(at_ns % 1000000000)};
    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

static void add_to_series(struct session *session, uint64_t now_ns)
{
    static struct results_sample sample;
    if (now_ns < series_next_ns(session->series))
        return;
    take_sample(session, &sample);
    series_add(session->series, session->bench, &sample);
}

static uint64_t earlier(uint64_t one_ns, uint64_t other_ns)
{
    return one_ns < other_ns ? one_ns : other_ns;
}

static bool reached(uint64_t limit_ns, uint64_t now_ns)
{
    return now_ns >= limit_ns;
}

// A server that ended explains whatever else went wrong.
static bool note_server(struct session *session)
{
    char how[64];
    struct results *results = session->results;
    if (session->spawned <= 0 || results->server_ended ||
        !spawn_ended(session->spawned, how, sizeof how))
        return results->server_ended;
    results->server_ended = true;
    snprintf(results->error, sizeof results->error,
             "the server of --spawn ended with %s during the run", how);
    return true;
}

// Sleeps towards a time in steps that show the live line; false when interrupted before it,
// by a signal or the server's end.
static bool wait_until(struct session *session, uint64_t limit_ns)
{
    for (;;) {
        uint64_t now_ns = clock_monotonic_ns();
        if (reached(limit_ns, now_ns))
            return true;
        if (interrupted || note_server(session))
            return false;
        add_to_series(session, now_ns);
        live_show(&session->live, session->bench);
        sleep_until(earlier(earlier(limit_ns, now_ns + STEP_NS), series_next_ns(session->series)));
    }
}

// --- Phases

static void set_phase(struct bench *bench, enum phase phase)
{
    atomic_store_explicit(&bench->phase, phase, memory_order_release);
}

static bool start_workers(struct bench *bench)
{
    bool all = true;
    for (uint32_t i = 0; i < bench->thread_count; i++) {
        struct worker *worker = &bench->workers[i];
        worker->bench = bench;
        worker->index = i;
        char name[24];
        snprintf(name, sizeof name, "bench/%u", i);
        if (pthread_create(&worker->thread, NULL, worker_main, worker))
            abort(); // no thread, no run: nothing has been started that would have to be undone
        pthread_setname_np(worker->thread, name);
    }
    for (uint32_t i = 0; i < bench->thread_count; i++) {
        while (!atomic_load_explicit(&bench->workers[i].ready, memory_order_acquire))
            usleep(1000);
        all = all && !atomic_load(&bench->workers[i].error_set);
    }
    return all;
}

static void join_workers(struct bench *bench)
{
    set_phase(bench, PHASE_END);
    for (uint32_t i = 0; i < bench->thread_count; i++)
        pthread_join(bench->workers[i].thread, NULL);
}

static void note_error(struct session *session)
{
    for (uint32_t i = 0; i < session->bench->thread_count; i++) {
        struct worker *worker = &session->bench->workers[i];
        if (!session->results->error[0] &&
            atomic_load_explicit(&worker->error_set, memory_order_acquire))
            snprintf(session->results->error, sizeof session->results->error, "%s", worker->error);
    }
}

static void open_all(struct session *session)
{
    struct bench *bench = session->bench;
    struct results *results = session->results;
    uint64_t begun_ns = clock_monotonic_ns(), counts[COUNTS] = {0};
    pid_t self = getpid();
    take_sample(session, &results->before);
    add_to_series(session, begun_ns);
    set_phase(bench, PHASE_OPEN);
    while (counts[COUNT_opened] + counts[COUNT_failed] < bench->options.connections &&
           !interrupted &&
           !reached(begun_ns + bench->options.open_limit_ns, clock_monotonic_ns())) {
        usleep(1000);
        add_to_series(session, clock_monotonic_ns());
        live_show(&session->live, session->bench);
        worker_add_counts(bench, counts);
    }
    results->open_ns = results_opening_ns(bench);
    (void)proc_read(&results->tool_opened, &self, 1);
    set_phase(bench, PHASE_HOLD);
    results->opened_all = counts[COUNT_opened] - counts[COUNT_lost] - counts[COUNT_slow_ended] ==
                          bench->options.connections;
    (void)wait_until(session, clock_monotonic_ns() + bench->options.settle_ns);
    find_children(session);
    take_sample(session, &results->opened);
}

// Everything has been sent and has arrived, and everybody is back.
static bool is_drained(const struct bench *bench)
{
    uint64_t counts[COUNTS];
    for (uint32_t i = 0; i < bench->thread_count; i++) {
        struct worker *worker = &bench->workers[i];
        // Acquire: pairs with the worker's release behind the tick that set the rest.
        if (!atomic_load_explicit(&worker->drains, memory_order_acquire) ||
            counter_read(&worker->owed) || counter_read(&worker->away))
            return false;
    }
    worker_add_counts(bench, counts);
    return counts[COUNT_delivered] + counts[COUNT_excused] >= counts[COUNT_expected];
}

static void drain(struct session *session)
{
    struct bench *bench = session->bench;
    uint64_t limit_ns = clock_monotonic_ns() + bench->options.drain_ns;
    set_phase(bench, PHASE_DRAIN);
    do
        usleep(WAKE_NS / 1000);
    while (!is_drained(bench) && !reached(limit_ns, clock_monotonic_ns()));
}

static void load(struct session *session)
{
    struct bench *bench = session->bench;
    struct results *results = session->results;
    uint64_t load_ns = clock_monotonic_ns() + WAKE_NS; // by then all workers have seen the phase
    uint64_t from_ns = load_ns + bench->options.warmup_ns;
    atomic_store(&bench->load_ns, load_ns);
    atomic_store(&bench->until_ns, from_ns + bench->options.duration_ns);
    atomic_store(&bench->from_ns, from_ns);
    set_phase(bench, PHASE_LOAD);
    bool whole = wait_until(session, from_ns);
    find_children(session);
    take_sample(session, &results->from);
    results->until = results->from; // nothing is measured when the warm-up was cut short
    if (whole) {
        whole = wait_until(session, from_ns + bench->options.duration_ns);
        take_sample(session, &results->until);
    }
    if (!whole) {
        atomic_store(&bench->until_ns, clock_monotonic_ns());
        results->cut_short = true;
    }
    drain(session);
}

// --- The whole run

static int find_server(struct session *session, char *error, size_t error_bytes)
{
    const struct options *options = &session->bench->options;
    for (uint32_t i = 0; i < options->pid_count; i++)
        session->server_pids[session->server_count++] = (pid_t)options->pids[i];
    if (options->spawn) {
        session->spawned =
            spawn_server(options->spawn, &session->bench->target.address, error, error_bytes);
        if (session->spawned < 0)
            return -ECHILD;
        session->server_pids[session->server_count++] = session->spawned;
    }
    find_children(session);
    session->results->has_server = session->server_count > 0;
    struct proc_sample *probe = &session->results->before.server;
    if (session->server_count && !proc_read(probe, session->server_pids, session->server_count)) {
        snprintf(error, error_bytes, "--pid: there is no such process");
        return -ESRCH;
    }
    return 0;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_interrupt};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void run_phases(struct session *session)
{
    struct bench *bench = session->bench;
    struct results *results = session->results;
    if (start_workers(bench)) {
        open_all(session);
        results->from = results->until = results->opened;
        if (results->opened_all && bench->scenario->loads && !interrupted)
            load(session);
        else
            results->cut_short = interrupted;
    }
    take_sample(session, &results->end);
    join_workers(bench);
    (void)note_server(session);
    if (bench->scenario->judge && results->opened_all)
        bench->scenario->judge(bench, &results->verdict);
    worker_add_counts(bench, results->end.counts); // what the last round and the judge have found
    if (results->end.counts[COUNT_due_unsent])
        worker_fail(&bench->workers[0],
                    "%llu messages that were due had not been sent when the --drain ended: the "
                    "server did not take them, or the tool did not keep up",
                    (unsigned long long)results->end.counts[COUNT_due_unsent]);
    note_error(session);
    results_finish(results);
    live_end(&session->live);
}

int bench_run(struct bench *bench, struct results *results, char *error, size_t error_bytes)
{
    struct session session = {.bench = bench, .results = results};
    live_begin(&session.live, bench);
    results->bench = bench;
    results->started_ms = clock_realtime_ms();
    catch_signals();
    int result = ring_probe(&bench->features, error, error_bytes);
    if (!result)
        result = find_server(&session, error, error_bytes);
    if (result)
        return result;
    bench->workers = calloc(bench->thread_count, sizeof *bench->workers);
    results->series = session.series = calloc(1, sizeof *session.series);
    result = bench->workers && session.series ? 0 : -ENOMEM;
    for (uint32_t i = 0; i < bench->thread_count && !result; i++) {
        struct worker *worker = &bench->workers[i];
        worker->expected_on = calloc(bench->thread_count, sizeof *worker->expected_on);
        result = worker->expected_on ? 0 : -ENOMEM;
    }
    if (!result && bench->scenario->prepare)
        result = bench->scenario->prepare(bench);
    if (result)
        snprintf(error, error_bytes, "%s", strerror(-result));
    else
        run_phases(&session);
    if (session.spawned > 0)
        spawn_stop(session.spawned);
    return result;
}
