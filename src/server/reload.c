// SPDX-License-Identifier: MIT
#include "server/reload.h"

#include "base/log.h"

#include <string.h>
#include <unistd.h>

// Options that take effect at once: what only the main thread uses, or what it hands to the shards.
static const char *const live_options[] = {
    "log_level",     "drain_delay",     "drain_deadline",      "tls_certificate",
    "tls_key",       "tls_min_version", "tls_ticket_key",      "tls_client_auth",
    "tls_client_ca", "origins",         "tls_ticket_lifetime", "auth",
    "auth_keys",     "auth_audience",   "auth_issuer",         "auth_leeway",
};

static bool is_live(const char *name)
{
    for (size_t i = 0; i < sizeof live_options / sizeof *live_options; i++)
        if (strcmp(live_options[i], name) == 0)
            return true;
    return false;
}

// The configuration of before with what may change now.
static void merge(struct config *merged, const struct config *old, struct config *fresh)
{
    *merged = *old;
    for (unsigned i = 0; i < config_row_count; i++)
        if (is_live(config_rows[i].name))
            memcpy(config_field(merged, i), config_field(fresh, i), config_field_bytes(i));
}

static unsigned tell_changes(struct config *old, struct config *fresh)
{
    char before[OPTION_TEXT_BYTES], after[OPTION_TEXT_BYTES];
    unsigned changed = 0;
    for (unsigned i = 0; i < config_row_count; i++) {
        const char *name = config_rows[i].name;
        option_format(&config_rows[i], config_field(old, i), before);
        option_format(&config_rows[i], config_field(fresh, i), after);
        if (strcmp(before, after) == 0)
            continue;
        changed++;
        // log_write, not log_info: each of many lines is an event of its own.
        struct log_site site = {0};
        bool live = is_live(name);
        if (log_level() <= LOG_WARN)
            log_write(&site, live ? LOG_INFO : LOG_WARN, "configuration %s: %s -> %s%s", name,
                      before, after, live ? "" : " takes effect only after a restart");
    }
    return changed;
}

void reload(struct server *server, const struct reload_source *source)
{
    static struct config fresh, merged;
    char error[CONFIG_ERROR_BYTES];
    enum config_action action;
    int result = config_load(&fresh, source->argc, source->argv, environ, &action, error);
    if (!result) {
        merge(&merged, &server->config, &fresh);
        result = server_load_files(server, &merged, error, sizeof error);
    }
    if (result) {
        log_error("configuration not reloaded, the old one stays: %s", error);
        return;
    }
    unsigned changed = tell_changes(&server->config, &fresh);
    server->config = merged;
    log_set_level((enum log_level)merged.log_level);
    ringcast_set_log_level(server->rc, (enum ringcast_level)merged.log_level);
    log_info("configuration reloaded, options changed=%u%s", changed,
             addresses_have_tls(merged.listen) || merged.auth ? ", certificates and keys read again"
                                                              : "");
}
