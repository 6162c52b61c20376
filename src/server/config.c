// SPDX-License-Identifier: MIT
#include "server/config.h"

#include "base/log.h"
#include "ringcast/ringcast.h"
#include "server/environment.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>

#define ENVIRONMENT_PREFIX "RINGCAST_"
#define NAME_MAX_BYTES     48
#define FLAG_CONFIG        1000 // getopt's values above those of the options

const struct option_row config_rows[] = {
#define OPTION(KIND, field, name, min, max, preset, hint, text)                                    \
    {OPTION_##KIND, name, offsetof(struct config, field), (uint64_t)(min), (uint64_t)(max),        \
     hint,          text},
#include "server/config.def"
#undef OPTION
};
const unsigned config_row_count = sizeof config_rows / sizeof *config_rows;
_Static_assert(sizeof config_rows / sizeof *config_rows <= 64, "rows are bits of a word");

size_t config_field_bytes(unsigned row)
{
    return option_is_text(config_rows[row].kind) ? CONFIG_TEXT_MAX_BYTES : sizeof(uint64_t);
}

void config_default(struct config *config)
{
    *config = (struct config){
#define OPTION(KIND, field, name, min, max, preset, hint, text) .field = preset,
#include "server/config.def"
#undef OPTION
    };
}

// --- Names

static bool same_name(const char *a, const char *b)
{
    for (; *a && *b; a++, b++) {
        int x = *a == '-' ? '_' : tolower((unsigned char)*a);
        if (x != *b)
            return false;
    }
    return *a == *b;
}

static int find_row(const char *name)
{
    for (unsigned i = 0; i < config_row_count; i++)
        if (same_name(name, config_rows[i].name))
            return (int)i;
    return -1;
}

// Levenshtein's distance of two short words.
static unsigned distance(const char *a, const char *b)
{
    unsigned row[NAME_MAX_BYTES + 1];
    size_t len = strlen(b);
    for (unsigned j = 0; j <= len; j++)
        row[j] = j;
    for (unsigned i = 1; a[i - 1]; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        int c = a[i - 1] == '-' ? '_' : tolower((unsigned char)a[i - 1]);
        for (unsigned j = 1; j <= len; j++) {
            unsigned cost = diagonal + (c != b[j - 1]);
            diagonal = row[j];
            unsigned least = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            row[j] = cost < least ? cost : least;
        }
    }
    return row[len];
}

int config_nearest(const char *name)
{
    int best = -1;
    size_t len = strlen(name);
    if (len > NAME_MAX_BYTES)
        return -1;
    unsigned best_distance = len < 6 ? 2 : 4; // anything is near a short word
    for (unsigned i = 0; i < config_row_count; i++) {
        unsigned d = distance(name, config_rows[i].name);
        if (d < best_distance) {
            best = (int)i;
            best_distance = d;
        }
    }
    return best;
}

static int unknown(const char *place, const char *name, char error[CONFIG_ERROR_BYTES])
{
    int near = config_nearest(name);
    if (near >= 0)
        snprintf(error, CONFIG_ERROR_BYTES, "%s: there is no option '%.80s'; did you mean '%s'?",
                 place, name, config_rows[near].name);
    else
        snprintf(error, CONFIG_ERROR_BYTES, "%s: there is no option '%.80s'; --help lists them",
                 place, name);
    return -EINVAL;
}

static int set(struct config *config, const char *place, unsigned row, const char *text,
               char error[CONFIG_ERROR_BYTES])
{
    char reason[OPTION_ERROR_BYTES];
    int result = option_parse(&config_rows[row], text, config_field(config, row), reason);
    if (result)
        snprintf(error, CONFIG_ERROR_BYTES, "%s: %s", place, reason);
    return result;
}

// --- The file

struct file_reader {
    FILE *file;
    const char *path;
    struct config *config;
    char *error;
    unsigned line;
    bool indented; // the line
    int row;       // whose value is being read, or -1
    unsigned row_line;
    char value[CONFIG_TEXT_MAX_BYTES + 1];
    uint64_t seen; // bit i: row i was set
    bool failed;
};

static char *read_line(char *line, int bytes, void *stream)
{
    struct file_reader *reader = stream;
    if (reader->failed || !fgets(line, bytes, reader->file))
        return NULL;
    reader->line++;
    reader->indented = *line == ' ' || *line == '\t';
    if (!strchr(line, '\n') && !feof(reader->file)) {
        snprintf(reader->error, CONFIG_ERROR_BYTES, "%s:%u: the line is longer than %d bytes",
                 reader->path, reader->line, bytes - 2);
        reader->failed = true;
    }
    return line;
}

// Sets the option whose lines have all been read.
static bool set_pending(struct file_reader *reader)
{
    char place[600];
    int row = reader->row;
    if (row < 0)
        return true;
    reader->row = -1;
    snprintf(place, sizeof place, "%s:%u: %s", reader->path, reader->row_line,
             config_rows[row].name);
    return set(reader->config, place, (unsigned)row, reader->value, reader->error) == 0;
}

// A line that begins with a blank goes on with the value of the line before.
static bool append(struct file_reader *reader, const char *value)
{
    size_t len = strlen(reader->value);
    int more = snprintf(reader->value + len, sizeof reader->value - len, " %s", value);
    return (size_t)more < sizeof reader->value - len; // what was cut is too long for any option
}

static bool begin_entry(struct file_reader *reader, const char *section, const char *name,
                        const char *value)
{
    char place[512];
    snprintf(place, sizeof place, "%s:%u", reader->path, reader->line);
    int row = find_row(name);
    if (*section && strcmp(section, "ringcast") != 0) {
        snprintf(reader->error, CONFIG_ERROR_BYTES,
                 "%s: there is no section [%.40s]; options stand in [ringcast] or in none", place,
                 section);
        return false;
    }
    if (row < 0) {
        (void)unknown(place, name, reader->error);
        return false;
    }
    if (reader->seen >> row & 1) {
        snprintf(reader->error, CONFIG_ERROR_BYTES, "%s: %s is set twice; keep one of the lines",
                 place, config_rows[row].name);
        return false;
    }
    reader->seen |= 1ULL << row;
    reader->row = row;
    reader->row_line = reader->line;
    snprintf(reader->value, sizeof reader->value, "%s", value);
    return true;
}

static int read_entry(void *user, const char *section, const char *name, const char *value)
{
    struct file_reader *reader = user;
    if (reader->failed)
        return 0;
    bool continues = reader->indented && reader->row >= 0 && find_row(name) == reader->row;
    reader->failed = continues ? !append(reader, value)
                               : !set_pending(reader) || !begin_entry(reader, section, name, value);
    return !reader->failed;
}

static int load_file(struct config *config, const char *path, char error[CONFIG_ERROR_BYTES])
{
    struct file_reader reader = {
        .file = fopen(path, "re"), .path = path, .config = config, .error = error, .row = -1};
    errno = reader.file ? 0 : errno;
    int line = 0;
    if (reader.file)
        line = ini_parse_stream(read_line, &reader, read_entry, &reader);
    if (!line && !reader.failed)
        reader.failed = !set_pending(&reader);
    bool unread = !reader.file || ferror(reader.file);
    if (unread)
        snprintf(error, CONFIG_ERROR_BYTES, "cannot read the configuration file %.400s: %s", path,
                 strerror(errno));
    else if (line && !reader.failed)
        snprintf(error, CONFIG_ERROR_BYTES, "%.400s:%d: not a line of the form NAME = VALUE", path,
                 line);
    if (reader.file)
        fclose(reader.file);
    return unread || line || reader.failed ? -EINVAL : 0;
}

// --- The environment

static int load_variable(struct config *config, const char *variable,
                         char error[CONFIG_ERROR_BYTES])
{
    char name[NAME_MAX_BYTES * 2] = "", place[NAME_MAX_BYTES * 3];
    const char *key = variable + sizeof ENVIRONMENT_PREFIX - 1;
    const char *equals = strchr(key, '=');
    if (!equals || (size_t)(equals - key) >= sizeof name)
        return 0;
    memcpy(name, key, (size_t)(equals - key));
    snprintf(place, sizeof place, "environment variable " ENVIRONMENT_PREFIX "%s", name);
    int row = find_row(name);
    if (row >= 0)
        return set(config, place, (unsigned)row, equals + 1, error);
    if (strcmp(name, "CONFIG") == 0)
        return 0;
    // Kubernetes sets variables such as RINGCAST_PORT for a service called ringcast: what does not
    // look like a misspelt option must not keep the server from starting.
    if (config_nearest(name) >= 0)
        return unknown(place, name, error);
    log_warn("environment variable %s%s is not an option and is ignored", ENVIRONMENT_PREFIX, name);
    return 0;
}

static int load_environment(struct config *config, char **environment,
                            char error[CONFIG_ERROR_BYTES])
{
    for (char **v = environment; v && *v; v++) {
        if (strncmp(*v, ENVIRONMENT_PREFIX, sizeof ENVIRONMENT_PREFIX - 1) != 0)
            continue;
        int result = load_variable(config, *v, error);
        if (result)
            return result;
    }
    return 0;
}

// --- The flags

static const struct option other_flags[] = {
    {"config", required_argument, NULL, FLAG_CONFIG},
    {"check-config", no_argument, NULL, FLAG_CONFIG + CONFIG_CHECK},
    {"print-config", no_argument, NULL, FLAG_CONFIG + CONFIG_PRINT},
    {"help", no_argument, NULL, FLAG_CONFIG + CONFIG_HELP},
    {"version", no_argument, NULL, FLAG_CONFIG + CONFIG_VERSION},
};
#define OTHER_FLAGS (sizeof other_flags / sizeof *other_flags)

// getopt's table: each option with dashes and with underscores.
struct flags {
    struct option table[2 * 64 + OTHER_FLAGS + 1];
    char dashed[64][NAME_MAX_BYTES];
};

static void make_flags(struct flags *flags)
{
    memset(flags, 0, sizeof *flags);
    struct option *out = flags->table;
    for (unsigned i = 0; i < config_row_count; i++) {
        char *dashed = flags->dashed[i];
        snprintf(dashed, NAME_MAX_BYTES, "%s", config_rows[i].name);
        for (char *c = dashed; *c; c++)
            *c = *c == '_' ? '-' : *c;
        *out++ = (struct option){dashed, required_argument, NULL, (int)i + 1};
        *out++ = (struct option){config_rows[i].name, required_argument, NULL, (int)i + 1};
    }
    memcpy(out, other_flags, sizeof other_flags);
}

static int bad_flag(int what, char **argv, char error[CONFIG_ERROR_BYTES])
{
    const char *word = argv[optind - 1];
    if (what == ':') {
        snprintf(error, CONFIG_ERROR_BYTES, "%.80s needs a value", word);
        return -EINVAL;
    }
    char name[NAME_MAX_BYTES * 2] = "";
    if (strncmp(word, "--", 2) == 0)
        snprintf(name, sizeof name, "%s", word + 2);
    name[strcspn(name, "=")] = 0;
    if (*name && find_row(name) < 0)
        return unknown("command line", name, error);
    snprintf(error, CONFIG_ERROR_BYTES,
             "command line: '%.80s' is not understood; --help lists "
             "the options",
             word);
    return -EINVAL;
}

// Applies the flags to `config`, or only finds the ones that are no options when it is NULL.
static int load_flags(struct config *config, int argc, char **argv, const char **path,
                      enum config_action *action, char error[CONFIG_ERROR_BYTES])
{
    struct flags flags;
    int flag;
    make_flags(&flags);
    optind = 0; // glibc: begin anew
    opterr = 0;
    while ((flag = getopt_long(argc, argv, "+:h", flags.table, NULL)) != -1) {
        char place[NAME_MAX_BYTES + 4];
        if (flag == '?' || flag == ':')
            return bad_flag(flag, argv, error);
        if (flag == 'h')
            flag = FLAG_CONFIG + CONFIG_HELP;
        if (flag == FLAG_CONFIG) {
            *path = optarg;
        } else if (flag > FLAG_CONFIG) {
            *action = (enum config_action)(flag - FLAG_CONFIG);
        } else if (config) {
            snprintf(place, sizeof place, "--%s", flags.dashed[flag - 1]);
            if (set(config, place, (unsigned)flag - 1, optarg, error))
                return -EINVAL;
        }
    }
    if (optind == argc)
        return 0;
    snprintf(error, CONFIG_ERROR_BYTES,
             "command line: '%.80s' is no flag; options are given as "
             "--name VALUE",
             argv[optind]);
    return -EINVAL;
}

// --- All of it

static int check_together(const struct config *config, char error[CONFIG_ERROR_BYTES])
{
    if (config->idle_timeout_ms && config->ping_interval_ms >= config->idle_timeout_ms) {
        snprintf(error, CONFIG_ERROR_BYTES,
                 "idle_timeout has to be longer than ping_interval: else clients that only listen "
                 "count as dead before they are asked");
        return -EINVAL;
    }
    return 0;
}

int config_load(struct config *config, int argc, char **argv, char **environment,
                enum config_action *action, char error[CONFIG_ERROR_BYTES])
{
    const char *path = environment_value(environment, ENVIRONMENT_PREFIX "CONFIG");
    *action = CONFIG_RUN;
    config_default(config);
    int result = load_flags(NULL, argc, argv, &path, action, error);
    if (result || *action == CONFIG_HELP || *action == CONFIG_VERSION)
        return result;
    config->file = path;
    if (path)
        result = load_file(config, path, error);
    if (!result)
        result = load_environment(config, environment, error);
    if (!result)
        result = load_flags(config, argc, argv, &path, action, error);
    return result ? result : check_together(config, error);
}
