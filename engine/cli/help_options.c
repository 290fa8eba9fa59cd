// `weir help options`: the options of weir.yaml, from the table that reads them.
#include "engine/cli/help.h"

#include <ctype.h>
#include <stdio.h>

#include "engine/cli/cli.h"
#include "engine/config.h"
#include "engine/rules/document.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

#define NAMES_MAX 256 // options, for the nearest name

// Those of weir as a whole, then those of each broker.
static size_t option_count(void)
{
    return wr_config_option_count() + wr_config_broker_option_count();
}

static const struct wr_config_option *option_at(size_t i)
{
    size_t own = wr_config_option_count();
    return i < own ? wr_config_option_at(i) : wr_config_broker_option_at(i - own);
}

// "--mqtt-client-id" of "mqtt.client_id".
static void print_option_name(const char *name)
{
    printf("--");
    for (; *name; name++) {
        putchar(*name == '.' || *name == '_' ? '-' : *name);
    }
}

// "60..65535 s", but "10ms..1h" has its units.
static const char *unit_of(const struct wr_config_option *o)
{
    bool bare = *o->range && strspn(o->range, "0123456789.") == strlen(o->range);
    return bare ? o->unit : "";
}

static void describe(const struct wr_config_option *o)
{
    printf("  ");
    print_option_name(o->name);
    const char *unit = unit_of(o);
    printf("  %s%s%s%s%s", o->type, *o->range ? " " : "", o->range, *unit ? " " : "", unit);
    if (*o->fallback) {
        printf(", default %s", o->fallback);
    }
    printf("%s\n      %s\n", o->live ? ", live" : "", o->help);
}

void wr_help_list_options(void)
{
    printf(
        "\noptions of weir.yaml (in the file mqtt.url: as option --mqtt-url, in the environment\n"
        "WEIR_MQTT_URL; later wins: default, file, environment, option; live: SIGHUP takes another "
        "value\n"
        "of it, the others after a restart):\n\n");
    for (size_t i = 0; i < option_count(); i++) {
        describe(option_at(i));
    }
    printf("\nsinks.NAME.SETTING: 'weir sinks' lists them.\n");
}

// A cell's text: `|` ends cells.
static void cell(const char *text)
{
    for (; *text; text++) {
        printf(*text == '|' ? "\\|" : "%c", *text);
    }
}

static void markdown(void)
{
    printf("| option | type | default | live | what it is |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < option_count(); i++) {
        const struct wr_config_option *o = option_at(i);
        const char *unit = unit_of(o);
        printf("| `%s` | %s%s", o->name, o->type, *o->range ? " `" : "");
        cell(o->range);
        printf("%s%s%s | ", *o->range ? "`" : "", *unit ? " " : "", unit);
        printf(*o->fallback ? "`%s` | " : "%s | ", o->fallback);
        printf("%s", o->live ? "yes | " : " | ");
        cell(o->help);
        printf(" |\n");
    }
}

static void member(struct wr_buf *b, const char *name, const char *text)
{
    wr_buf_addf(b, "%s\"%s\":", strcmp(name, "name") == 0 ? "" : ",", name);
    wr_json_write_string(b, wr_str_of(text));
}

static void json(void)
{
    struct wr_buf b = {0};
    for (size_t i = 0; i < option_count(); i++) {
        const struct wr_config_option *o = option_at(i);
        wr_buf_add(&b, i ? WR_STR(",{") : WR_STR("[{"));
        member(&b, "name", o->name);
        member(&b, "type", o->type);
        member(&b, "range", o->range);
        member(&b, "unit", o->unit);
        member(&b, "default", o->fallback);
        member(&b, "help", o->help);
        wr_buf_addf(&b, ",\"live\":%s}", o->live ? "true" : "false");
    }
    wr_buf_add_char(&b, ']');
    puts(wr_buf_terminated(&b));
    wr_buf_release(&b);
}

static bool separator(char c)
{
    return c == '.' || c == '_' || c == '-';
}

// mqtt.client_id, --mqtt-client-id and WEIR_MQTT_CLIENT_ID are one option.
static bool same_name(const char *option, const char *given)
{
    given += strncmp(given, "--", 2) == 0 ? 2 : strncmp(given, "WEIR_", 5) == 0 ? 5 : 0;
    for (; *option && *given; option++, given++) {
        if (separator(*option)
                ? !separator(*given)
                : tolower((unsigned char)*option) != tolower((unsigned char)*given)) {
            return false;
        }
    }
    return !*option && !*given;
}

static int show(const char *name)
{
    const char *names[NAMES_MAX];
    size_t count = option_count();
    wr_assert(count < NAMES_MAX);
    for (size_t i = 0; i < count; i++) {
        names[i] = option_at(i)->name;
        if (same_name(names[i], name)) {
            describe(option_at(i));
            return WR_EXIT_OK;
        }
    }
    names[count] = NULL;
    const char *near = wr_name_nearest(wr_str_of(name), names);
    fprintf(stderr, "weir help options: unknown option '%s'", name);
    fprintf(stderr, near ? ", did you mean '%s'?\n" : ", 'weir help options' lists them%s\n",
            near ? near : "");
    return WR_EXIT_USAGE;
}

int wr_help_options(int argc, char **argv)
{
    if (argc > 2) {
        return wr_cli_wrong("help", "unexpected argument ", argv[2]);
    }
    if (argc < 2) {
        wr_help_list_options();
    } else if (strcmp(argv[1], "--markdown") == 0) {
        markdown();
    } else if (strcmp(argv[1], "--json") == 0) {
        json();
    } else {
        return show(argv[1]);
    }
    return WR_EXIT_OK;
}
