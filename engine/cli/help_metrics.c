// `weir help metrics`: what /metrics of a running weir shows, from the table that makes it.
#include "engine/cli/help.h"

#include <stdio.h>

#include "engine/cli/cli.h"
#include "engine/observe/metric_table.h"

#include "sql/base/banned.h"

static void markdown(void)
{
    printf("| metric | type | labels | what it is |\n|---|---|---|---|\n");
    for (int i = 0; i < WR_METRIC_COUNT; i++) {
        const struct wr_metric_row *row = wr_metric_at((enum wr_metric)i);
        printf("| `%s` | %s | %s | %s |\n", row->name, row->type, row->labels, row->help);
    }
}

static void list(void)
{
    for (int i = 0; i < WR_METRIC_COUNT; i++) {
        const struct wr_metric_row *row = wr_metric_at((enum wr_metric)i);
        printf("%s%s%s%s  %s\n    %s\n", row->name, *row->labels ? "{" : "", row->labels,
               *row->labels ? "}" : "", row->type, row->help);
    }
}

int wr_help_metrics(int argc, char **argv)
{
    bool pages = argc > 1 && strcmp(argv[1], "--markdown") == 0;
    if (argc > 1 + pages) {
        return wr_cli_wrong("help", "unexpected argument ", argv[1 + pages]);
    }
    if (pages) {
        markdown();
    } else {
        list();
    }
    return WR_EXIT_OK;
}
