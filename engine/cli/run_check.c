// `weir run --check`: reads the rules as a start would, and reports.
#include "engine/cli/run_parts.h"

#include <string.h>

#include <stdio.h>

#include "engine/observe/log.h"

#include "sql/base/banned.h"

static void print_report(void *user, enum wr_log_level level, const char *line)
{
    printf("%s: %s\n", level == WR_LOG_ERROR ? "error" : "warning", line);
}

// "mode: local, s3: aws": the mode of weir, and the kinds that have another. Nothing when all is
// local.
static void print_forms(const struct wr_config *config)
{
    bool other = false;
    for (int m = 0; m < WR_MODE_COUNT; m++) {
        other = other || (m != WR_MODE_LOCAL && wr_config_has_mode(config, (enum wr_mode)m));
    }
    if (!other) {
        return;
    }
    printf("mode: %s", config->mode);
    const struct wr_sink_impl *const *kinds = wr_config_kinds(config);
    for (size_t i = 0; kinds[i]; i++) {
        const char *mode = wr_mode_name(wr_config_mode(config, kinds[i]));
        if (strcmp(mode, config->mode) != 0) {
            printf(", %s: %s", kinds[i]->name, mode);
        }
    }
    printf("\n");
}

bool wr_daemon_is_elsewhere(const struct wr_config *config, wr_str rule, bool error_action)
{
    return wr_config_route(config, rule, error_action) != 0;
}

static bool is_elsewhere(void *user, wr_str rule, bool error_action)
{
    const struct wr_config *const *config = user;
    return wr_daemon_is_elsewhere(*config, rule, error_action);
}

static bool wants_aws(const struct wr_config *config)
{
    bool wants = wr_config_has_mode(config, WR_MODE_AWS);
    for (int i = 0; i < WR_LOOKUP_KINDS; i++) {
        wants = wants || wr_daemon_lookup_is_aws(config, (enum wr_lookup_kind)i);
    }
    return wants;
}

int wr_daemon_check(const struct wr_config *config)
{
    struct wr_metrics *metrics = wr_metrics_new();
    const struct wr_folder_options options = {
        .dir = config->rules_dir,
        .rule = {.kinds = wr_config_kinds(config),
                 .metrics = metrics,
                 .fuel = (uint64_t)config->fuel},
        .elsewhere = is_elsewhere,
        .report = print_report,
        .user = &config,
    };
    struct wr_folder *folder = wr_folder_open(&options);
    struct wr_fault fault = {0};
    size_t refused = 0;
    int code = 0;
    if (wr_config_has_kafka(config) && wr_kafka_source_check(config, &fault)) {
        code = wr_daemon_complain(&fault, 2);
    } else if (wants_aws(config) && wr_sinks_check_aws(config, &fault)) {
        code = wr_daemon_complain(&fault, 2);
    } else if (wr_folder_load(folder, true, &refused, &fault)) {
        code = wr_daemon_complain(&fault, 2);
    } else {
        printf("rules accepted: %zu, documents refused: %zu\n",
               wr_rule_set_count(wr_folder_rules(folder)), refused);
        print_forms(config);
        code = refused ? 1 : 0;
    }
    wr_folder_close(folder, NULL, NULL);
    wr_metrics_free(metrics);
    return code;
}
