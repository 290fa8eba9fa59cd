// What a running weir takes from its configuration without being started again.
#include "engine/cli/run_parts.h"

#include <string.h>

#include "engine/observe/log.h"

#include "sql/base/banned.h"

static enum wr_log_level log_level(const char *name)
{
    return strcmp(name, "error") == 0   ? WR_LOG_ERROR
           : strcmp(name, "warn") == 0  ? WR_LOG_WARN
           : strcmp(name, "debug") == 0 ? WR_LOG_DEBUG
                                        : WR_LOG_INFO;
}

static enum wr_log_form log_form(const char *name)
{
    return strcmp(name, "json") == 0     ? WR_LOG_JSON
           : strcmp(name, "logfmt") == 0 ? WR_LOG_LOGFMT
                                         : WR_LOG_AUTO;
}

void wr_daemon_setup_log(const struct wr_config *config)
{
    wr_log_setup(log_level(config->log_level), log_form(config->log_format));
    wr_log_show_payloads(config->log_payloads);
}
