// What `weir help` answers about besides commands, each from the table that the code itself uses;
// the pages of docs/ are made from the same answers (`--markdown`). Thread: start.
#ifndef WR_ENGINE_CLI_HELP_H
#define WR_ENGINE_CLI_HELP_H

// argv[0] is the topic's name. Return the exit status.

// [NAME] | --markdown FAMILY | --json: the functions of SQL, sql/func/manual.h.
int wr_help_functions(int argc, char **argv);
// [NAME] | --markdown | --json: the options of weir.yaml, engine/config.h.
int wr_help_options(int argc, char **argv);
// [--markdown]: the metrics of /metrics, engine/observe/metric_table.h.
int wr_help_metrics(int argc, char **argv);
// [--markdown]: the grammar of SQL.
int wr_help_sql(int argc, char **argv);
// bash | zsh: completions for the shell.
int wr_help_completion(int argc, char **argv);
// [weir | weir.yaml]: the man pages weir(1) and weir.yaml(5).
int wr_help_man(int argc, char **argv);

// Every option of weir.yaml, for the help of commands that take them.
void wr_help_list_options(void);

#endif
