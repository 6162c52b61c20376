// SPDX-License-Identifier: MIT
#include "load/options.h"

#include "load/stamp.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Which scenarios use an option: a bit each, in the order of the words in `scenario_words`.
enum {
    CONNECT = 1,
    IDLE = 2,
    ECHO = 4,
    FANOUT = 8,
    SLOW = 16,
    STORM = 32,
    CHURN = 64,
    ROOMS = FANOUT | SLOW | STORM | CHURN,
    SENDS = ROOMS | ECHO,
    LOADS = SENDS | IDLE,
    TIMED = LOADS & ~STORM, // storm takes as long as its drops do
    ALL = LOADS | CONNECT,
};

static const char scenario_words[] = "connect|idle|echo|fanout|slow|storm|churn";

enum kind {
    KIND_COUNT,
    KIND_RATE,
    KIND_TIME,
    KIND_TEXT,
    KIND_FLAG,
    KIND_LIST,
    KIND_SEED,
    KIND_WORD,
    KIND_HEADER,
    KIND_JOIN,
    KIND_ANSWER
};

struct row {
    const char *name;
    char letter; // 0 = none
    unsigned scenarios;
    enum kind kind;
    size_t offset;
    uint64_t min, max;
    const char *argument, *help;
};

#define MINUTES (UINT64_C(60000000000))

static const struct row rows[] = {
#define OPTION(name, letter, scenarios, kind, field, min, max, argument, help)                     \
    {name, letter, scenarios, kind, offsetof(struct options, field), min, max, argument, help},
#include "load/options.def"
#undef OPTION
};

#define ROWS (sizeof rows / sizeof *rows)

static const char help_head[] =
    "ringcast-bench SCENARIO [URL] [options]: load on WebSocket servers, measured\n"
    "\n"
    "Scenarios\n"
    "  fanout    members of rooms; every message goes to all members of its room\n"
    "  echo      every message comes back to who sent it\n"
    "  idle      open connections and hold them\n"
    "  connect   open connections, nothing else\n"
    "  slow      fanout, but some members read slowly or never\n"
    "  storm     fanout, but everybody drops and comes back, at once or in waves\n"
    "  churn     fanout, but members leave and come back all the time\n"
    "  compare   no load: reports of --json side by side, --html FILE draws them\n"
    "\n"
    "URL is ws://HOST:PORT/PATH, or wss:// for TLS. {room} and {id} in PATH stand for the room's\n"
    "and the connection's number. By default ws://127.0.0.1:8080 with\n"
    "/echo for echo, /room/idle for idle and connect, /room/{room} for all others.\n"
    "\n"
    "Options\n";

static const char help_tail[] =
    "\n"
    "TIME is 250ms, 2s, 1.5 (seconds) or 2m. N and BYTES may end in k or M, or in Ki or Mi.\n"
    "\n"
    "Examples\n"
    "  ringcast-bench fanout -n 1000 --spawn 'ringcast --threads 1'\n"
    "  ringcast-bench fanout -n 1000 -r 10 --rate 2000 -d 10s --pid 4711 --json run.json\n"
    "  ringcast-bench echo ws://127.0.0.1:9001/ -n 100 -w 16 -s 64\n"
    "  ringcast-bench slow -n 1000 --rate 500 --slow 10 -d 10s --spawn 'ringcast'\n"
    "  ringcast-bench storm -n 5000 -r 50 --rate 100 --repeats 3 --wave 50\n"
    "  ringcast-bench churn -n 1000 -r 20 --rate 500 --churn-rate 500\n"
    "  ringcast-bench compare --html both.html before.json after.json\n"
    "  ringcast-bench fanout ws://127.0.0.1:6001/app/key -n 100 --no-self \\\n"
    "      --join-after connection_established --joined subscription_succeeded \\\n"
    "      --join '{\"event\":\"pusher:subscribe\",\"data\":{\"channel\":\"private-{room}\"}}' \\\n"
    "      --publish "
    "'{\"event\":\"client-x\",\"channel\":\"private-{room}\",\"data\":\"{payload}\"}' \\\n"
    "      --answer '{\"event\":\"pusher:ping\"={\"event\":\"pusher:pong\"}'\n"
    "  ringcast-bench fanout 'ws://127.0.0.1:3000/socket.io/?EIO=4&transport=websocket' -n 100 \\\n"
    "      --join-after 0{ --join 40 --join-after 40{ --join '42[\"join\",\"{room}\"]' --answer "
    "2=3 "
    "\\\n"
    "      --publish '42[\"say\",\"{room}\",\"{payload}\"]'\n"
    "  ringcast-bench connect wss://127.0.0.1:8443 -n 1000 --tls-version 1.3 --pid 4711\n"
    "  ringcast-bench idle -n 10k -d 30s --pid $(pidof ringcast)\n"
    "\n"
    "Exit code: 0 all is well; 1 the run failed, or lost, doubled or reordered messages; 2 "
    "usage.\n";

void options_help(void)
{
    fputs(help_head, stdout);
    for (size_t i = 0; i < ROWS; i++) {
        char name[40], letter[5] = "    ";
        if (rows[i].letter)
            snprintf(letter, sizeof letter, "-%c, ", rows[i].letter);
        snprintf(name, sizeof name, "--%s%s%s", rows[i].name, rows[i].argument ? " " : "",
                 rows[i].argument ? rows[i].argument : "");
        printf("  %s%-22s %s\n", letter, name, rows[i].help);
    }
    fputs(help_tail, stdout);
}

// A number and its unit; false when there is anything else.
static bool parse_scaled(const char *text, double *out)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text)
        return false;
    double unit = *end == 'k' || *end == 'K' ? 1e3 : *end == 'M' ? 1e6 : *end == 'G' ? 1e9 : 1;
    if (unit > 1 && *++end == 'i') {
        unit = unit < 1e4 ? 1024 : unit < 1e7 ? 1048576 : 1073741824;
        end++;
    }
    *out = value * unit;
    return !*end && value >= 0 && *out <= 1e15;
}

int options_parse_count(const char *text, uint64_t *out)
{
    double value;
    if (!parse_scaled(text, &value))
        return -1;
    *out = (uint64_t)value;
    return 0;
}

int options_parse_duration(const char *text, uint64_t *out_ns)
{
    static const struct {
        const char *suffix;
        double ns;
    } units[] = {{"", 1e9}, {"s", 1e9}, {"ms", 1e6}, {"us", 1e3}, {"m", 6e10}, {"h", 3.6e12}};
    char *end;
    double value = strtod(text, &end);
    if (end == text || !(value >= 0) || value > 1e9)
        return -1;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(end, units[i].suffix) == 0) {
            *out_ns = (uint64_t)(value * units[i].ns);
            return 0;
        }
    }
    return -1;
}

struct parse {
    struct options *options;
    bool given[ROWS];
    char *error;
    size_t error_bytes;
};

static int bad_value(struct parse *parse, const struct row *row, const char *text)
{
    static const char *const expected[] = {
        [KIND_COUNT] = "a number",
        [KIND_RATE] = "a number per second",
        [KIND_TIME] = "a time like 250ms, 2s or 1m",
        [KIND_LIST] = "numbers with commas between",
        [KIND_SEED] = "a number",
        [KIND_WORD] = "one of",
        [KIND_JOIN] = "taken: there are too many of them",
        [KIND_ANSWER] = "PREFIX=TEXT, or there are too many of them",
        [KIND_HEADER] = "a header line NAME: VALUE, or there are too many of them",
    };
    int len = snprintf(parse->error, parse->error_bytes, "--%s: '%.60s' is not %s", row->name, text,
                       expected[row->kind]);
    if (row->kind == KIND_WORD && len > 0 && (size_t)len < parse->error_bytes)
        snprintf(parse->error + len, parse->error_bytes - (size_t)len, " %s", row->argument);
    if (row->kind == KIND_COUNT && len > 0 && (size_t)len < parse->error_bytes)
        snprintf(parse->error + len, parse->error_bytes - (size_t)len, " from %llu to %llu",
                 (unsigned long long)row->min, (unsigned long long)row->max);
    return -1;
}

// Adds a line to what there is. Whoever could end it early could write the rest of the request.
static int add_header(const struct row *row, const char *line, char *headers)
{
    size_t have = strlen(headers), name_len = strcspn(line, ":");
    if (name_len == 0 || !line[name_len] || strpbrk(line, "\r\n") ||
        have + strlen(line) + 3 > row->max)
        return -1;
    snprintf(headers + have, row->max - have, "%s\r\n", line);
    return 0;
}

// The word's place in "one|other", counted from 1; 0 when it is not there.
static uint32_t find_word(const char *words, const char *word)
{
    size_t len = strlen(word);
    for (uint32_t place = 1;; place++) {
        size_t next = strcspn(words, "|");
        if (next == len && memcmp(words, word, len) == 0)
            return place;
        if (!words[next])
            return 0;
        words += next + 1;
    }
}

static int parse_list(const struct row *row, const char *text, uint32_t *list, uint32_t *count)
{
    for (*count = 0;;) {
        char *end;
        if (*text < '0' || *text > '9' || *count == row->max)
            return -1;
        unsigned long value = strtoul(text, &end, 10);
        if (value < row->min || value > INT32_MAX)
            return -1;
        list[(*count)++] = (uint32_t)value;
        if (!*end)
            return 0;
        if (*end != ',')
            return -1;
        text = end + 1;
    }
}

static int set_number(struct parse *parse, const struct row *row, void *field, const char *text)
{
    uint64_t value;
    int error = row->kind == KIND_TIME ? options_parse_duration(text, &value)
                                       : options_parse_count(text, &value);
    if (error || (row->kind != KIND_SEED && (value < row->min || value > row->max)))
        return bad_value(parse, row, text);
    if (row->kind == KIND_COUNT)
        *(uint32_t *)field = (uint32_t)value;
    else
        *(uint64_t *)field = value;
    return 0;
}

static int set_rate(struct parse *parse, const struct row *row, void *field, const char *text)
{
    double value;
    if (!parse_scaled(text, &value) || (value <= 0 && row->min) || value > (double)row->max)
        return bad_value(parse, row, text);
    *(double *)field = value;
    return 0;
}

static int add_join(struct options *options, const char *text)
{
    if (options->join_count == OPTIONS_JOINS_MAX)
        return -1;
    options->joins[options->join_count++] = (struct options_join){text, options->join_after};
    options->join_after = NULL;
    return 0;
}

static int add_answer(struct options *options, const char *text)
{
    size_t prefix_len = strcspn(text, "=");
    if (!prefix_len || !text[prefix_len] || options->answer_count == OPTIONS_ANSWERS_MAX)
        return -1;
    options->answers[options->answer_count++] =
        (struct options_answer){text, prefix_len, text + prefix_len + 1};
    return 0;
}

static int set_field(struct parse *parse, const struct row *row, const char *text)
{
    struct options *options = parse->options;
    void *field = (uint8_t *)options + row->offset;
    switch (row->kind) {
    case KIND_FLAG:
        *(bool *)field = true;
        return 0;
    case KIND_TEXT:
        *(const char **)field = text;
        return 0;
    case KIND_LIST:
        if (parse_list(row, text, field,
                       field == options->cpus ? &options->cpu_count : &options->pid_count))
            return bad_value(parse, row, text);
        return 0;
    case KIND_HEADER:
        return add_header(row, text, field) ? bad_value(parse, row, text) : 0;
    case KIND_JOIN:
        return add_join(options, text) ? bad_value(parse, row, text) : 0;
    case KIND_ANSWER:
        return add_answer(options, text) ? bad_value(parse, row, text) : 0;
    case KIND_WORD:
        *(uint32_t *)field = find_word(row->argument, text);
        return *(uint32_t *)field ? 0 : bad_value(parse, row, text);
    case KIND_RATE:
        return set_rate(parse, row, field, text);
    default:
        return set_number(parse, row, field, text);
    }
}

static void set_defaults(struct options *options)
{
    *options = (struct options){
        .connections = 100,
        .rooms = 1,
        .publishers = 1,
        .size_bytes = 100,
        .duration_ns = 5000000000,
        .warmup_ns = 500000000,
        .settle_ns = 100000000,
        .drain_ns = 2000000000,
        .lost_after_ns = 5000000000,
        .open_limit_ns = MINUTES,
        .concurrency = 128,
        .slow_percent = 10,
        .repeats = 3,
        .wave_percent = 100,
        .every_ns = 2000000000,
        .churn_rate = 100,
        .interval_ns = 100000000,
        .seed = OPTIONS_SEED_BY_CLOCK,
    };
}

static int complain(struct parse *parse, const char *sentence)
{
    snprintf(parse->error, parse->error_bytes, "%s", sentence);
    return -1;
}

// What no single option can tell.
static int check_together(struct parse *parse)
{
    struct options *options = parse->options;
    size_t least = stamp_bytes(options->binary);
    if (options->rate > 0 && options->window)
        return complain(parse, "--rate (open loop) and --window (closed loop) exclude each other");
    if (!options->window)
        options->window = 1;
    if (options->rooms > options->connections)
        return complain(parse, "--rooms: there must not be more rooms than --connections");
    if (options->publishers > options->connections / options->rooms)
        return complain(parse, "--publishers: there are not that many members in a room");
    if (options->publish && !strstr(options->publish, "{payload}"))
        return complain(parse, "--publish: the template has no {payload}");
    if (options->publish && options->binary)
        return complain(parse, "--publish and --binary exclude each other: templates are text");
    if (options->join_after)
        return complain(parse, "--join-after: there is no --join behind it");
    if (options->joined && !options->join_count)
        return complain(parse, "--joined answers a --join, and there is none");
    if (options->proxy_clients && !options->proxy_header)
        return complain(parse, "--proxy-clients belongs to a --proxy-header, and there is none");
    if (options->tls_key && !options->tls_cert)
        return complain(parse, "--tls-key belongs to a --tls-cert, and there is none");
    if (options->pid_count && options->spawn)
        return complain(parse, "--pid and --spawn exclude each other");
    if (options->size_bytes < least) {
        snprintf(parse->error, parse->error_bytes,
                 "--size: %zu bytes are the least, for the number and time that a %s message "
                 "carries%s",
                 least, options->binary ? "binary" : "text",
                 options->binary ? "" : " (24 with --binary)");
        return -1;
    }
    return 0;
}

// An option that the scenario would ignore is a misunderstanding.
static int check_scenario(struct parse *parse)
{
    const char *scenario = parse->options->scenario;
    uint32_t place = find_word(scenario_words, scenario);
    unsigned bit = place ? 1u << (place - 1) : ALL; // no such scenario: said elsewhere
    for (size_t i = 0; i < ROWS; i++) {
        if (parse->given[i] && !(rows[i].scenarios & bit)) {
            snprintf(parse->error, parse->error_bytes, "--%s means nothing to scenario %s",
                     rows[i].name, scenario);
            return -1;
        }
    }
    return 0;
}

static int parse_words(struct parse *parse, int argc, char **argv)
{
    if (optind < argc)
        parse->options->scenario = argv[optind++];
    if (optind < argc)
        parse->options->url = argv[optind++];
    if (optind < argc) {
        snprintf(parse->error, parse->error_bytes, "'%.60s': one scenario and one URL are enough",
                 argv[optind]);
        return -1;
    }
    if (!parse->options->scenario)
        return complain(parse, "which scenario? --help names them");
    return 0;
}

#define LETTERS_MAX   (2 * ROWS + 4)
#define HELP_VALUE    1000
#define VERSION_VALUE 1001

static void make_tables(struct option *table, char *letters)
{
    *letters++ = ':'; // a missing argument is told apart from an unknown option
    for (size_t i = 0; i < ROWS; i++) {
        int takes = rows[i].kind == KIND_FLAG ? no_argument : required_argument;
        table[i] = (struct option){rows[i].name, takes, NULL, (int)i};
        if (rows[i].letter) {
            *letters++ = rows[i].letter;
            if (takes == required_argument)
                *letters++ = ':';
        }
    }
    *letters++ = 'h';
    *letters = 0;
    table[ROWS] = (struct option){"help", no_argument, NULL, HELP_VALUE};
    table[ROWS + 1] = (struct option){"version", no_argument, NULL, VERSION_VALUE};
}

static const struct row *row_of(int found)
{
    if (found >= 0 && found < (int)ROWS)
        return &rows[found];
    for (size_t i = 0; i < ROWS; i++)
        if (rows[i].letter && rows[i].letter == found)
            return &rows[i];
    return NULL;
}

enum options_result options_parse(struct options *options, int argc, char **argv, char *error,
                                  size_t error_bytes)
{
    _Static_assert(ROWS < '0', "row numbers must not be option letters");
    struct option table[ROWS + 3] = {0};
    char letters[LETTERS_MAX];
    struct parse parse = {.options = options, .error = error, .error_bytes = error_bytes};
    make_tables(table, letters);
    set_defaults(options);
    optind = 0; // start afresh: tests parse more than once
    for (int found; (found = getopt_long(argc, argv, letters, table, NULL)) != -1;) {
        if (found == HELP_VALUE || found == 'h')
            return OPTIONS_HELP;
        if (found == VERSION_VALUE)
            return OPTIONS_VERSION;
        const struct row *row = found == '?' || found == ':' ? NULL : row_of(found);
        if (!row) {
            snprintf(error, error_bytes,
                     found == ':' ? "%.60s: needs a value" : "%.60s: no such option; see --help",
                     argv[optind - 1]);
            return OPTIONS_BAD;
        }
        if (set_field(&parse, row, optarg))
            return OPTIONS_BAD;
        parse.given[row - rows] = true;
    }
    return parse_words(&parse, argc, argv) || check_scenario(&parse) || check_together(&parse)
               ? OPTIONS_BAD
               : OPTIONS_RUN;
}
