// `weir help man [weir.yaml]`: the man pages weir(1) and weir.yaml(5), from the tables of commands
// and options, so that they say what weir does.
#include "engine/cli/help.h"

#include <stdio.h>
#include <string.h>

#include "engine/cli/cli.h"
#include "engine/config.h"
#include "sql/base/utf8.h"

#include "sql/base/banned.h"

// ---- roff

// `text` as it is: a line that begins with a dot or a quote is text, a minus is one that can be
// copied, and letters outside of ASCII do not depend on who reads the page.
static void roff(const char *text)
{
    wr_str s = wr_str_of(text);
    bool begins = true;
    for (size_t i = 0; i < s.len;) {
        uint32_t c = wr_utf8_next(s, &i);
        if (begins && (c == '.' || c == '\'')) {
            printf("\\&");
        }
        begins = c == '\n';
        if (c == '\\') {
            printf("\\e");
        } else if (c == '-') {
            printf("\\-");
        } else if (c >= 0x80) {
            printf("\\[u%04X]", (unsigned)c);
        } else {
            putchar((int)c);
        }
    }
}

static void as_it_is(const char *text)
{
    printf(".PP\n.nf\n");
    roff(text);
    if (*text && text[strlen(text) - 1] != '\n') {
        putchar('\n');
    }
    printf(".fi\n");
}

static void title(const char *name, const char *section)
{
    printf(".\\\" made by: weir help man\n"
           ".TH %s %s \"\" \"weir %s\" \"weir\"\n",
           name, section, WR_VERSION);
}

// ---- weir(1)

static void command(const struct wr_cli_command *c)
{
    printf(".SS weir %s\n", c->name);
    printf(".PP\n");
    roff(c->summary);
    printf(".\n.PP\n\\fBweir %s\\fR ", c->name);
    roff(c->usage);
    putchar('\n');
    if (*c->details) {
        as_it_is(c->details);
    }
}

static void page_weir(void)
{
    title("WEIR", "1");
    printf(
        ".SH NAME\nweir \\- AWS IoT topic rules outside AWS\n"
        ".SH SYNOPSIS\n\\fBweir\\fR \\fICOMMAND\\fR [\\fIARGUMENT\\fR]...\n"
        ".SH DESCRIPTION\n"
        "weir subscribes to an MQTT broker, evaluates AWS IoT SQL on every message, and hands the\n"
        "results to the rules' actions, with the error action when one fails.\n"
        "It also tests, checks and explains rules before they are deployed.\n"
        ".SH COMMANDS\n");
    for (const struct wr_cli_command *c = wr_cli_commands; c->name; c++) {
        command(c);
    }
    printf(".SH EXIT STATUS\n"
           ".TP\n0\nDone.\n"
           ".TP\n1\nWhat was asked did not hold: no match, a case that failed, a rule refused.\n"
           ".TP\n2\nWrong usage or bad input.\n"
           ".SH ENVIRONMENT\n"
           ".TP\nWEIR_\\fIOPTION\\fR\nEvery option of weir.yaml: WEIR_MQTT_URL is mqtt.url.\n"
           ".TP\nNO_COLOR\nNo colour, on a terminal either.\n"
           ".TP\nNOTIFY_SOCKET, WATCHDOG_USEC, JOURNAL_STREAM\nSet by systemd: see sd_notify(3).\n"
           ".SH SIGNALS\nOf \\fBweir run\\fR:\n"
           ".TP\nSIGHUP\nReads configuration and rules again.\n"
           ".TP\nSIGUSR1\nLogs the counters.\n"
           ".TP\nSIGTERM, SIGINT\nTakes nothing more, finishes what is under way within drain, "
           "leaves the rest in the spool. A second one ends at once.\n"
           ".SH FILES\n"
           ".TP\nweir.yaml\nConfiguration without \\-c; see \\fBweir.yaml\\fR(5).\n"
           ".TP\n/var/lib/weir\nState, if it can be written; else weir\\-data.\n"
           ".SH SEE ALSO\n\\fBweir.yaml\\fR(5), \\fBmosquitto\\fR(8)\n");
}

// ---- weir.yaml(5)

static void option(const struct wr_config_option *o)
{
    printf(".TP\n\\fB");
    roff(o->name);
    printf("\\fR (%s", o->type);
    if (*o->range) {
        putchar(' ');
        roff(o->range);
        printf("%s%s", *o->unit ? " " : "", o->unit);
    }
    if (*o->fallback) {
        printf(", default ");
        roff(o->fallback);
    }
    printf("%s)\n", o->live ? ", live" : "");
    roff(o->help);
    putchar('\n');
}

static void page_yaml(void)
{
    title("WEIR.YAML", "5");
    printf(".SH NAME\nweir.yaml \\- configuration of \\fBweir run\\fR\n"
           ".SH DESCRIPTION\n"
           "A YAML file of nested keys: mqtt.url is the key url below mqtt.\n"
           "Every option is also an option of the command line (\\-\\-mqtt\\-url) and a variable "
           "of the\n"
           "environment (WEIR_MQTT_URL); later wins: default, file, environment, command line.\n"
           "An unknown key is an error with its line. Paths are relative to the file's folder.\n"
           "Durations take ms, s, m, h, d; sizes k, M, G (powers of 1024).\n"
           ".PP\n"
           "SIGHUP takes another value of an option that is called live; of the others a restart.\n"
           ".SH OPTIONS\n");
    for (size_t i = 0; i < wr_config_option_count(); i++) {
        option(wr_config_option_at(i));
    }
    for (size_t i = 0; i < wr_config_broker_option_count(); i++) {
        option(wr_config_broker_option_at(i));
    }
    printf(".PP\nSettings of sinks: \\fBweir sinks\\fR lists them.\n"
           ".SH EXAMPLE\n.nf\n"
           "mqtt:\n  url: mqtts://broker.example\nrules:\n  dir: rules\n"
           "state_dir: /var/lib/weir\n.fi\n"
           ".SH SEE ALSO\n\\fBweir\\fR(1)\n");
}

int wr_help_man(int argc, char **argv)
{
    if (argc == 1 || (argc == 2 && strcmp(argv[1], "weir") == 0)) {
        page_weir();
    } else if (argc == 2 && strcmp(argv[1], "weir.yaml") == 0) {
        page_yaml();
    } else {
        return wr_cli_wrong("help", "man: expected weir or weir.yaml, found ", argv[argc - 1]);
    }
    return WR_EXIT_OK;
}
