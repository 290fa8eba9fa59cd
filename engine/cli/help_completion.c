// `weir help completion bash|zsh`: completions, from the tables of commands and options, so that
// they cannot say something else than weir does.
#include "engine/cli/help.h"

#include <stdio.h>
#include <string.h>

#include "engine/cli/cli.h"
#include "engine/config.h"
#include "sql/base/err.h"

#include "sql/base/banned.h"

// ---- what the tables say

#define LETTERS   "abcdefghijklmnopqrstuvwxyz"
#define WORDS_MAX 128 // options of one command

struct words {
    wr_str at[WORDS_MAX];
    size_t count;
};

// `len` bytes at `word`, once.
static void print_once(struct words *w, const char *word, size_t len)
{
    for (size_t i = 0; i < w->count; i++) {
        if (wr_str_eq(w->at[i], (wr_str){word, len})) {
            return;
        }
    }
    wr_assert(w->count < WORDS_MAX);
    w->at[w->count++] = (wr_str){word, len};
    printf(" %.*s", (int)len, word);
}

// The options that `text` names: words that begin with two dashes, and with one where the second
// column of a line is, as "-c, --config FILE". "--mqtt-NAME" is none.
static void print_options_in(struct words *w, const char *text)
{
    for (const char *p = text; (p = strchr(p, '-')); p += strspn(p, "-" LETTERS)) {
        size_t len = strspn(p, "-" LETTERS);
        bool column =
            p - text >= 2 && p[-1] == ' ' && p[-2] == ' ' && (p - text == 2 || p[-3] == '\n');
        bool begins = p == text || strchr(" \n[(|", p[-1]);
        bool ends = !p[len] || strchr(" ,=;.:)]|\n", p[len]);
        bool is_long = p[1] == '-' && len > 3;
        if (begins && ends && (is_long || (column && len == 2 && p[1] != '-'))) {
            print_once(w, p, len);
        }
    }
}

// "list|show|redrive|purge" at the begin of a usage: the words that may follow the command.
static void print_words(const struct wr_cli_command *c)
{
    size_t len = strspn(c->usage, "abcdefghijklmnopqrstuvwxyz|");
    if (len == 0 || !memchr(c->usage, '|', len) || (c->usage[len] && c->usage[len] != ' ')) {
        return;
    }
    putchar(' ');
    for (size_t i = 0; i < len; i++) {
        putchar(c->usage[i] == '|' ? ' ' : c->usage[i]);
    }
}

static void print_commands(void)
{
    for (const struct wr_cli_command *c = wr_cli_commands; c->name; c++) {
        printf("%s%s", c == wr_cli_commands ? "" : " ", c->name);
    }
}

static void print_config_option(const struct wr_config_option *o)
{
    printf("--");
    for (const char *p = o->name; *p; p++) {
        putchar(*p == '.' || *p == '_' ? '-' : *p);
    }
}

static bool is(const struct wr_config_option *o, const char *type)
{
    return strcmp(o->type, type) == 0;
}

static void print_choices(const struct wr_config_option *o)
{
    if (is(o, "boolean")) {
        printf("true false");
        return;
    }
    for (const char *p = o->range; *p; p++) {
        putchar(*p == '|' ? ' ' : *p);
    }
}

// ---- the two shells, which differ in the words around the lists

struct shell {
    const char *begin, *commands_end;
    const char *choices, *choices_end; // around the values of an option
    const char *middle;
    const char *words, *words_end; // around what may follow a command
    const char *end;
};

static const struct shell bash = {
    .begin = "# bash completion of weir; made by: weir help completion bash\n"
             "_weir() {\n"
             "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=\n"
             "    COMPREPLY=()\n"
             "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
             "        COMPREPLY=($(compgen -W '",
    .commands_end = " --help --version' -- \"$cur\"))\n"
                    "        return\n"
                    "    fi\n"
                    "    case $prev in\n",
    .choices = "COMPREPLY=($(compgen -W '",
    .choices_end = "' -- \"$cur\")); return ;;\n",
    .middle = "    esac\n"
              "    case ${COMP_WORDS[1]} in\n",
    .words = "words='",
    .words_end = "' ;;\n",
    .end = "    esac\n"
           "    # Without a match readline completes names of files (-o default).\n"
           "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
           "}\n"
           "complete -o default -F _weir weir\n",
};

static const struct shell zsh = {
    .begin = "#compdef weir\n"
             "# zsh completion of weir; made by: weir help completion zsh\n"
             "_weir() {\n"
             "    local -a follow\n"
             "    if (( CURRENT == 2 )); then\n"
             "        compadd -- ",
    .commands_end = " --help --version\n"
                    "        return\n"
                    "    fi\n"
                    "    case ${words[CURRENT-1]} in\n",
    .choices = "compadd -- ",
    .choices_end = "; return ;;\n",
    .middle = "    esac\n"
              "    case ${words[2]} in\n",
    .words = "follow=(",
    .words_end = ") ;;\n",
    .end = "    esac\n"
           "    compadd -- $follow\n"
           "    _files\n"
           "}\n"
           "_weir \"$@\"\n",
};

static void print_choice(const struct shell *s, const struct wr_config_option *o)
{
    if (is(o, "choice") || is(o, "boolean")) {
        printf("    ");
        print_config_option(o);
        printf(") %s", s->choices);
        print_choices(o);
        printf("%s", s->choices_end);
    }
}

static void print_command(const struct shell *s, const struct wr_cli_command *c)
{
    printf("    %s) %s", c->name, s->words);
    if (strcmp(c->name, "help") == 0) {
        print_commands();
        printf(" completion functions man options sql");
    }
    print_words(c);
    struct words seen = {.count = 0};
    print_options_in(&seen, c->usage);
    print_options_in(&seen, c->details);
    print_once(&seen, "--help", strlen("--help"));
    for (size_t i = 0; c->takes_config && i < wr_config_option_count(); i++) {
        if (!strchr(wr_config_option_at(i)->name, '*')) { // a name that somebody chooses
            putchar(' ');
            print_config_option(wr_config_option_at(i));
        }
    }
    printf("%s", s->words_end);
}

static void print_completion(const struct shell *s)
{
    printf("%s", s->begin);
    print_commands();
    printf("%s", s->commands_end);
    for (size_t i = 0; i < wr_config_option_count(); i++) {
        print_choice(s, wr_config_option_at(i));
    }
    printf("%s", s->middle);
    for (const struct wr_cli_command *c = wr_cli_commands; c->name; c++) {
        print_command(s, c);
    }
    printf("%s", s->end);
}

int wr_help_completion(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "bash") == 0) {
        print_completion(&bash);
    } else if (argc == 2 && strcmp(argv[1], "zsh") == 0) {
        print_completion(&zsh);
    } else {
        return wr_cli_wrong("help", "completion: expected bash or zsh, found ",
                            argc > 1 ? argv[argc - 1] : "nothing");
    }
    return WR_EXIT_OK;
}
