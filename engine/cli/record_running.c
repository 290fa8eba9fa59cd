// `weir record --running`: the last messages that a running weir has kept, into a message file.
#include "engine/cli/record.h"

#include <inttypes.h>
#include <stdio.h>

#include "engine/cli/admin_client.h"
#include "engine/cli/cli.h"
#include "engine/cli/message_file.h"
#include "engine/cli/progress.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

struct fetch {
    struct wr_message_writer *writer;
    struct wr_buf rest; // the begin of a line
    uint64_t messages;
    struct wr_fault fault; // of the file
};

static bool add_line(struct fetch *f, wr_str end)
{
    struct wr_buf *lines = wr_message_writer_lines(f->writer);
    wr_buf_add(lines, wr_buf_str(&f->rest));
    wr_buf_add(lines, end);
    wr_buf_clear(&f->rest);
    f->messages++;
    return wr_message_writer_flush(f->writer, false, &f->fault) == WR_OK;
}

// Whole lines to the file.
static bool on_piece(void *user, wr_str bytes)
{
    struct fetch *f = user;
    size_t start = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.at[i] == '\n') {
            if (!add_line(f, wr_str_cut(bytes, start, i + 1))) {
                return false;
            }
            start = i + 1;
        }
    }
    wr_buf_add(&f->rest, wr_str_cut(bytes, start, bytes.len));
    return f->rest.len <= WR_MESSAGE_LINE_MAX;
}

static void add_escaped(struct wr_buf *b, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        wr_buf_addf(b, "%%%02X", *p);
    }
}

static void write_target(const struct wr_record_running *a, struct wr_buf *b)
{
    wr_buf_add(b, WR_STR("/weir/v1/messages?v=1"));
    if (a->last) {
        wr_buf_addf(b, "&last=%s", a->last);
    }
    for (size_t i = 0; i < a->filters->count; i++) {
        wr_buf_add(b, i ? WR_STR("%0A") : WR_STR("&filter="));
        add_escaped(b, a->filters->at[i]);
    }
}

// The whole answer came. False: it is said why not.
static bool ask(const struct wr_record_running *a, struct wr_admin_client *client, struct fetch *f)
{
    struct wr_buf target = {0}, answer = {0}, why = {0};
    struct wr_fault fault = {0};
    int status = 0;
    write_target(a, &target);
    const struct wr_admin_ask question = {.method = "GET",
                                          .target = wr_buf_str(&target),
                                          .piece = on_piece,
                                          .user = f,
                                          .answer = &answer};
    wr_err err = wr_admin_client_ask(client, &question, &status, &fault);
    if (!err && status >= 300) {
        wr_admin_client_complaint(&answer, status, &why);
        err = wr_fault_set(&fault, WR_ERR_FAILED, "%s", wr_buf_terminated(&why));
    } else if (f->fault.code) {
        err = f->fault.code;
        fault = f->fault;
    } else if (!err && f->rest.len) {
        err = wr_fault_set(&fault, WR_ERR_CORRUPT, "the answer ended within a line");
    }
    if (err) {
        fprintf(stderr, "weir record: %s\n", fault.text);
    }
    wr_buf_release(&target);
    wr_buf_release(&answer);
    wr_buf_release(&why);
    wr_buf_release(&f->rest);
    return !err;
}

static void report(const struct wr_record_running *a, const struct fetch *f, uint64_t bytes)
{
    char count[32], size[32];
    if (a->json) {
        struct wr_buf b = {0};
        wr_buf_add(&b, WR_STR("{\"file\":"));
        wr_json_write_string(&b, wr_str_of(a->out));
        wr_buf_addf(&b, ",\"messages\":%" PRIu64 ",\"bytes\":%" PRIu64 "}\n", f->messages, bytes);
        fwrite(b.at, 1, b.len, stdout);
        wr_buf_release(&b);
    } else if (f->messages == 0) {
        fprintf(stderr,
                "weir record: that weir has kept no such message, nothing is written to %s\n",
                a->out);
    } else {
        fprintf(stderr, "weir record: %s messages (%s) in %s\n",
                wr_progress_count(f->messages, count), wr_progress_size(bytes, size), a->out);
    }
}

static int write_file(const struct wr_record_running *a, struct wr_admin_client *client)
{
    struct fetch f = {0};
    struct wr_fault fault;
    if (wr_message_writer_open(a->out, a->append, &f.writer, &fault)) {
        return wr_cli_wrong("record", fault.text, NULL);
    }
    bool ok = ask(a, client, &f);
    if (!f.fault.code && wr_message_writer_flush(f.writer, true, &fault)) {
        fprintf(stderr, "weir record: %s\n", fault.text);
        ok = false;
    }
    uint64_t bytes = wr_message_writer_bytes(f.writer);
    if (wr_message_writer_close(f.writer, &fault)) {
        fprintf(stderr, "weir record: %s\n", fault.text);
        ok = false;
    }
    if (ok || f.messages) {
        report(a, &f, bytes);
    }
    return ok ? WR_EXIT_OK : WR_EXIT_NO;
}

int wr_record_running(const struct wr_record_running *a, const struct wr_config *config)
{
    struct wr_admin_client *client;
    struct wr_buf path = {0};
    struct wr_fault fault;
    wr_admin_client_path(config, a->socket, &path);
    wr_err err = wr_admin_client_open(wr_buf_terminated(&path), &client, &fault);
    wr_buf_release(&path);
    if (err) {
        fprintf(stderr, "weir record: %s\n", fault.text);
        return WR_EXIT_NO;
    }
    int code = write_file(a, client);
    wr_admin_client_close(client);
    return code;
}
