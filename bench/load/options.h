// SPDX-License-Identifier: MIT
//
// What a run is told to do: the command line, checked. Parsed once by the main thread, read by all.
#pragma once

#include "base/check.h"

#define OPTIONS_PIDS_MAX          16
#define OPTIONS_CPUS_MAX          64
#define OPTIONS_HEADERS_MAX_BYTES 2048
#define OPTIONS_JOINS_MAX         8
#define OPTIONS_ANSWERS_MAX       8
#define OPTIONS_SEED_BY_CLOCK     UINT64_MAX // none was given

// What a word of a list is: its place in the list, counted from 1; 0 when it is not given.
enum options_tls { OPTIONS_TLS_ANY, OPTIONS_TLS_12, OPTIONS_TLS_13 };
enum options_proxy { OPTIONS_PROXY_NONE, OPTIONS_PROXY_V1, OPTIONS_PROXY_V2 };

// A message that each connection sends when it begins.
struct options_join {
    const char *message; // a template
    const char *after;   // what the server's message contains that it waits for, or NULL
};

// A message of the server that begins with `prefix` is answered.
struct options_answer {
    const char *prefix; // prefix_len bytes of it
    size_t prefix_len;
    const char *message; // a template
};

struct options {
    const char *scenario;
    const char *url;

    uint32_t connections;
    uint32_t rooms;
    uint32_t publishers; // per room
    uint32_t window;     // closed loop: messages outstanding per room or connection
    uint32_t size_bytes; // of the payload
    double rate;         // open loop: messages a second over all; 0 = closed loop
    bool binary;
    bool no_self; // a publisher does not get its own messages

    uint64_t duration_ns; // given, or of a storm what its drops take
    uint64_t warmup_ns;
    uint64_t settle_ns;     // between the last handshake and the first message
    uint64_t drain_ns;      // how long to wait for what is outstanding at the end
    uint64_t lost_after_ns; // when an undelivered message stops holding the window back
    uint64_t open_limit_ns; // to open all connections

    uint32_t slow_percent; // slow: of the members
    double slow_rate;      // bytes a second that each of them reads; 0 = none
    uint32_t repeats;      // storm: how often everybody drops
    uint32_t wave_percent; // how many of them at once
    uint64_t every_ns;     // from one drop to the next
    double churn_rate;     // churn: members a second, over all
    uint64_t interval_ns;  // between points of the curves

    double connect_rate;  // handshakes a second over all; 0 = as fast as possible
    uint32_t concurrency; // handshakes under way at once, over all
    uint32_t sources;     // loopback source addresses; 0 = as many as it takes
    const char *subprotocol;
    struct options_join joins[OPTIONS_JOINS_MAX]; // sent in this order
    uint32_t join_count;
    const char *join_after; // the next --join waits for it; NULL when all is parsed
    struct options_answer answers[OPTIONS_ANSWERS_MAX];
    uint32_t answer_count;
    const char *joined;  // what the answer to the last of them contains, or NULL
    const char *publish; // a template, or NULL
    char headers[OPTIONS_HEADERS_MAX_BYTES];            // further lines, each ended by \r\n
    uint32_t proxy_header;                              // enum options_proxy
    uint32_t proxy_clients;                             // 0 = one per connection
    const char *tls_ca, *tls_name, *tls_cert, *tls_key; // files and a name, or NULL
    uint32_t tls_version;                               // enum options_tls
    uint32_t threads;                                   // 0 = by itself

    uint32_t cpus[OPTIONS_CPUS_MAX]; // to pin threads to, in turn
    uint32_t cpu_count;
    uint32_t pids[OPTIONS_PIDS_MAX];
    uint32_t pid_count;
    const char *spawn; // the server's command

    const char *json; // file to write, "-" = standard output
    const char *html; // page to write
    bool quiet;
    uint64_t seed;
};

enum options_result { OPTIONS_RUN, OPTIONS_HELP, OPTIONS_VERSION, OPTIONS_BAD };

// On OPTIONS_BAD `error` is one line that says what to change. Text stays where argv has it.
enum options_result options_parse(struct options *options, int argc, char **argv, char *error,
                                  size_t error_bytes);

struct json;

// Members of a JSON object: all options, by the names of their fields. Secrets are masked.
void options_write(struct json *json, const struct options *options);

// The whole --help text.
void options_help(void);

// "250ms", "2s", "1.5", "2m": 0 and the time in nanoseconds, or -1.
int options_parse_duration(const char *text, uint64_t *out_ns);

// "1000", "64k", "1M" (powers of 1000, or of 1024 with a trailing i): 0, or -1.
int options_parse_count(const char *text, uint64_t *out);
