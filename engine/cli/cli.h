// The command line: `weir COMMAND ARGS…`. A command is one row of the table in cli.c and one
// function in engine/cli/<name>.c. Thread: start.
//
// What every command keeps to: 0 is success, 1 what was asked did not hold, 2 wrong usage or bad
// input. Results on stdout, diagnostics on stderr; --json where a program may read the results;
// colour only on a terminal and never with NO_COLOR.
#ifndef WR_ENGINE_CLI_CLI_H
#define WR_ENGINE_CLI_CLI_H

#include <stdbool.h>
#include <string.h>

enum { WR_EXIT_OK = 0, WR_EXIT_NO = 1, WR_EXIT_USAGE = 2 };

struct wr_cli_command {
    const char *name;
    const char *usage;   // the words after the name
    const char *summary; // one line for `weir help`
    const char *details; // options and examples for `weir help COMMAND`
    bool takes_config;   // every option of weir.yaml too: the help lists them
    // argv[0] is the command's name. --help is answered before. Returns the exit status.
    int (*run)(int argc, char **argv);
};

// The table, ending with a zeroed entry.
extern const struct wr_cli_command wr_cli_commands[];

// The whole of main() but for what is set up once per process. Flushes stdout: a result that could
// not be written is no success.
int wr_cli_main(int argc, char **argv);

// Set by a command that ends with threads at work: what they use is not freed, and exit handlers
// are not run.
extern bool wr_cli_at_once;

// Colour may be used on this stream.
bool wr_cli_colour(int fd);

// "weir NAME: text; see 'weir help NAME'" on stderr. Returns WR_EXIT_USAGE.
int wr_cli_wrong(const char *name, const char *text, const char *value);

int wr_cli_run(int argc, char **argv);
int wr_cli_demo(int argc, char **argv);
int wr_cli_eval(int argc, char **argv);
int wr_cli_explain(int argc, char **argv);
int wr_cli_test(int argc, char **argv);
int wr_cli_check(int argc, char **argv);
int wr_cli_record(int argc, char **argv);
int wr_cli_bench(int argc, char **argv);
int wr_cli_replay(int argc, char **argv);
int wr_cli_sinks(int argc, char **argv);
int wr_cli_local(int argc, char **argv);
int wr_cli_admin(int argc, char **argv);
int wr_cli_console(int argc, char **argv);
int wr_cli_dead(int argc, char **argv);
int wr_cli_top(int argc, char **argv);
int wr_cli_trace(int argc, char **argv);
int wr_cli_audit(int argc, char **argv);
int wr_cli_cert(int argc, char **argv);
int wr_cli_policy(int argc, char **argv);
int wr_cli_tenant(int argc, char **argv);
int wr_cli_thing(int argc, char **argv);
int wr_cli_rule(int argc, char **argv);
int wr_cli_destinations(int argc, char **argv);
int wr_cli_help(int argc, char **argv);
int wr_cli_version(int argc, char **argv);

#endif
