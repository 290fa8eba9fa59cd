// `weir top`: a running weir's counters as rates, live. Its screen is the terminal's alternate one,
// drawn over in one write, so that nothing flickers and nothing stays.
#include "engine/cli/top.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "engine/cli/admin_client.h"
#include "engine/cli/arguments.h"
#include "engine/cli/cli.h"
#include "engine/observe/log.h"
#include "sql/base/clock.h"

#include "sql/base/banned.h"

#define ASK_MS       3000
#define INTERVAL_MAX 3600.0
#define FIRST_MS     200 // between the first two samples of the screen: not to show nothing for long
#define WIDTH        80  // of a terminal that does not say
#define HEIGHT       24

#define ENTER "\033[?1049h\033[?25l" // the alternate screen, without a cursor
#define LEAVE "\033[?25h\033[?1049l"
#define KEYS  "q ends; sort by m messages, c cost, f failures"

struct asked {
    const char *config_file, *socket, *interval_text, *sort_text;
    bool once, json;
    int64_t interval_ms;
    enum wr_top_sort sort;
};

struct top {
    const struct asked *asked;
    const char *path;
    struct wr_admin_client *client; // NULL: there is no weir
    struct wr_top_sample before, now;
    struct wr_fault fault; // code WR_OK: the last answer was fine
    struct wr_buf screen;
    struct termios was;
    enum wr_top_sort sort;
};

static volatile sig_atomic_t ended;

// A new size of the window needs no more than to end a poll().
static void on_signal(int number)
{
    ended = ended || number != SIGWINCH;
}

// ---- samples

static wr_err ask(struct top *t, struct wr_buf *answer)
{
    int status = 0;
    const struct wr_admin_ask question = {.method = "GET",
                                          .target = WR_STR("/weir/v1/status"),
                                          .timeout_ms = ASK_MS,
                                          .answer = answer};
    wr_err err = WR_OK;
    if (!t->client) {
        err = wr_admin_client_open(t->path, &t->client, &t->fault);
    }
    if (!err) {
        err = wr_admin_client_ask(t->client, &question, &status, &t->fault);
    }
    if (!err && status != 200) {
        struct wr_buf why = {0};
        wr_admin_client_complaint(answer, status, &why);
        err = wr_fault_set(&t->fault, WR_ERR_DENIED, "%s", wr_buf_terminated(&why));
        wr_buf_release(&why);
    }
    return err;
}

// On failure the numbers stay as they are, and the fault says why.
static wr_err take_sample(struct top *t)
{
    struct wr_buf answer = {0};
    struct wr_top_sample s;
    t->fault = (struct wr_fault){0};
    wr_err err = ask(t, &answer);
    if (!err && !wr_top_read(&answer, &s)) {
        err = wr_fault_set(&t->fault, WR_ERR_CORRUPT, "%s: what answers is no status of a weir",
                           t->path);
    }
    wr_buf_release(&answer);
    if (err) {
        wr_admin_client_close(t->client);
        t->client = NULL;
        return err;
    }
    wr_top_release(&t->before);
    t->before = t->now;
    t->now = s;
    return WR_OK;
}

static bool comparable(const struct top *t)
{
    return t->before.pid && wr_top_same(&t->before, &t->now);
}

static struct wr_top_view view_of(const struct top *t)
{
    return (struct wr_top_view){.before = &t->before,
                                .now = &t->now,
                                .sort = t->sort,
                                .trouble = t->fault.code ? t->fault.text : NULL};
}

// ---- without a screen

static void rest(int64_t ms)
{
    poll(NULL, 0, (int)ms); // a signal ends it
}

static bool print(struct top *t)
{
    struct wr_top_view view = view_of(t);
    view.colour = !t->asked->json && wr_cli_colour(STDOUT_FILENO);
    wr_buf_clear(&t->screen);
    if (t->asked->json) {
        wr_top_json(&view, &t->screen);
    } else {
        wr_top_table(&view, &t->screen);
    }
    return fwrite(t->screen.at, 1, t->screen.len, stdout) == t->screen.len && fflush(stdout) == 0;
}

static int run_plain(struct top *t)
{
    while (!ended) {
        if (take_sample(t)) {
            fprintf(stderr, "weir top: %s\n", t->fault.text);
            return WR_EXIT_NO;
        }
        bool shown = comparable(t);
        if (shown && (!print(t) || t->asked->once)) {
            break;
        }
        rest(t->asked->interval_ms);
    }
    return WR_EXIT_OK;
}

// ---- the screen

static void draw(struct top *t)
{
    struct winsize size = {0};
    struct wr_top_view view = view_of(t);
    struct wr_buf lines = {0}, *out = &t->screen;
    ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    view.width = size.ws_col ? size.ws_col : WIDTH;
    view.height = size.ws_row ? size.ws_row : HEIGHT;
    view.width -= view.width > 1;   // in the last column \033[K would wipe what is there
    view.height -= view.height > 1; // the last line is for the keys
    view.colour = wr_cli_colour(STDOUT_FILENO);
    if (comparable(t)) {
        wr_top_table(&view, &lines);
    } else {
        wr_buf_addf(&lines, "%.*s\n", (int)view.width,
                    t->fault.code ? t->fault.text : "weir top: waiting for the second look");
    }
    wr_buf_clear(out);
    wr_buf_add(out, WR_STR("\033[H"));
    wr_str left = wr_buf_str(&lines);
    unsigned row = 0;
    for (size_t i = 0, start = 0; i < left.len && row < view.height; i++) {
        if (left.at[i] == '\n') { // each line wipes what the one before left behind it
            wr_buf_add(out, wr_str_cut(left, start, i));
            wr_buf_add(out, WR_STR("\033[K\r\n"));
            start = i + 1;
            row++;
        }
    }
    wr_buf_addf(out, "\033[J\033[%u;1H%.*s\033[K", view.height + 1, (int)view.width, KEYS);
    wr_buf_release(&lines);
    for (size_t at = 0; at < out->len;) {
        ssize_t n = write(STDOUT_FILENO, out->at + at, out->len - at);
        if (n < 0 && errno != EINTR) {
            ended = 1;
            return;
        }
        at += n > 0 ? (size_t)n : 0;
    }
}

static void take_keys(struct top *t)
{
    char keys[64];
    ssize_t n = read(STDIN_FILENO, keys, sizeof keys);
    if (n <= 0) {
        ended = n == 0 || errno != EINTR;
        return;
    }
    for (ssize_t i = 0; i < n; i++) {
        switch (keys[i]) {
        case 'q':
        case 'Q':
        case 3: // Ctrl-C
            ended = 1;
            break;
        case 'm':
            t->sort = WR_TOP_MESSAGES;
            break;
        case 'c':
            t->sort = WR_TOP_COST;
            break;
        case 'f':
            t->sort = WR_TOP_FAILURES;
            break;
        }
    }
}

// Keys and a new size of the window are answered at once, until it is time for the next look.
static void wait_until(struct top *t, int64_t due_us)
{
    for (;;) {
        int64_t left_ms = (due_us - wr_mono_now().us + 999) / 1000;
        struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
        if (ended || left_ms <= 0) {
            return;
        }
        int n = poll(&in, 1, (int)left_ms);
        if (n > 0) {
            take_keys(t);
        }
        if (n != 0 && !ended) {
            draw(t);
        }
    }
}

static int run_screen(struct top *t)
{
    struct termios raw;
    if (take_sample(t)) { // before the screen is taken: what is wrong now is said and ends it
        fprintf(stderr, "weir top: %s\n", t->fault.text);
        return WR_EXIT_NO;
    }
    if (tcgetattr(STDIN_FILENO, &t->was) != 0) {
        fputs("weir top: standard input is no terminal; see --once and --json\n", stderr);
        return WR_EXIT_USAGE;
    }
    raw = t->was;
    raw.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw);
    fputs(ENTER, stdout);
    fflush(stdout);
    for (int64_t wait_ms = FIRST_MS; !ended; wait_ms = t->asked->interval_ms) {
        draw(t);
        wait_until(t, wr_mono_now().us + wait_ms * 1000);
        if (!ended) {
            (void)!take_sample(t); // what is wrong is on the screen until it is over
        }
    }
    fputs(LEAVE, stdout);
    fflush(stdout);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &t->was);
    return WR_EXIT_OK;
}

// ---- start

static int run(const struct asked *a, const struct wr_config *config)
{
    struct wr_buf path = {0};
    struct top t = {.asked = a, .sort = a->sort};
    struct sigaction action = {.sa_handler = on_signal};
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH};
    for (size_t i = 0; i < WR_COUNT(numbers); i++) {
        sigaction(numbers[i], &action, NULL);
    }
    wr_admin_client_path(config, a->socket, &path);
    t.path = wr_buf_terminated(&path);
    int code;
    if (a->once || a->json) {
        code = run_plain(&t);
    } else if (!isatty(STDOUT_FILENO)) {
        fputs("weir top: standard output is no terminal; see --once and --json\n", stderr);
        code = WR_EXIT_USAGE;
    } else {
        code = run_screen(&t);
    }
    wr_admin_client_close(t.client);
    wr_top_release(&t.before);
    wr_top_release(&t.now);
    wr_buf_release(&t.screen);
    wr_buf_release(&path);
    return code;
}

static int check(struct asked *a, size_t names, const char *first)
{
    static const char *const sorts[] = {
        [WR_TOP_MESSAGES] = "messages", [WR_TOP_COST] = "cost", [WR_TOP_FAILURES] = "failures"};
    double seconds = 1;
    if (names) {
        return wr_cli_wrong("top", "unexpected argument ", first);
    }
    if (a->interval_text &&
        (!wr_argument_decimal(a->interval_text, INTERVAL_MAX, &seconds) || seconds < 0.1)) {
        return wr_cli_wrong("top", "--interval: expected seconds from 0.1 to 3600, found ",
                            a->interval_text);
    }
    a->interval_ms = (int64_t)(seconds * 1000);
    for (size_t i = 0; a->sort_text && i <= WR_COUNT(sorts); i++) {
        if (i == WR_COUNT(sorts)) {
            return wr_cli_wrong("top", "--sort: expected messages, cost or failures, found ",
                                a->sort_text);
        }
        if (strcmp(a->sort_text, sorts[i]) == 0) {
            a->sort = (enum wr_top_sort)i;
            break;
        }
    }
    return WR_EXIT_OK;
}

int wr_cli_top(int argc, char **argv)
{
    struct asked a = {0};
    struct wr_argument_list names = {0};
    const struct wr_argument table[] = {
        {"-c", .value = &a.config_file},   {"--config", .value = &a.config_file},
        {"--socket", .value = &a.socket},  {"--once", .flag = &a.once},
        {"--json", .flag = &a.json},       {"--interval", .value = &a.interval_text},
        {"--sort", .value = &a.sort_text}, {0},
    };
    int count = argc > 0 ? argc - 1 : 0, status;
    const char *wrong = NULL;
    struct wr_config *config = NULL;
    struct wr_fault fault = {0};
    wr_log_setup(WR_LOG_WARN, WR_LOG_PLAIN);
    if (!wr_arguments_take(table, &count, argv + 1, &names, &wrong)) {
        status = wr_cli_wrong("top", "expected a value after ", wrong);
    } else if (wr_config_load(a.config_file, &count, argv + 1, &config, &fault)) {
        fprintf(stderr, "weir top: %s\n", fault.text);
        status = WR_EXIT_USAGE;
    } else if (!wr_arguments_names(count, argv + 1, &names, &wrong)) {
        status = wr_cli_wrong("top", "unknown option ", wrong);
    } else {
        status = check(&a, names.count, names.count ? names.at[0] : NULL);
    }
    if (status == WR_EXIT_OK) {
        status = run(&a, config);
    }
    wr_config_free(config);
    free(names.at);
    return status;
}
