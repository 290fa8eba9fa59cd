// One outcome as a JSON line.
#include "engine/cli/replay_results.h"

#include "engine/cli/suite_diff.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

static void add_params(struct wr_buf *out, const struct wr_outcome_action *a)
{
    bool wanted[WR_OPTIONS_MAX];
    for (size_t i = 0; i < a->action->param_count; i++) {
        wanted[i] = a->params[i].set;
    }
    wr_buf_add_char(out, '{');
    wr_diff_write_params(out, a->action->impl, a->params, wanted);
    wr_buf_add_char(out, '}');
}

static void add_actions(struct wr_buf *out, const struct wr_outcome *o)
{
    wr_buf_add(out, WR_STR(",\"actions\":["));
    for (size_t i = 0; i < o->action_count; i++) {
        const struct wr_outcome_action *a = &o->actions[i];
        wr_buf_addf(out, "%s{\"%s\":", i ? "," : "", a->action->impl->name);
        if (a->params) {
            add_params(out, a);
        } else {
            wr_buf_add(out, WR_STR("{\"error\":"));
            wr_json_write_string(out, a->why);
            wr_buf_add_char(out, '}');
        }
        wr_buf_add_char(out, '}');
    }
    wr_buf_add_char(out, ']');
}

void wr_results_write(struct wr_buf *out, const struct wr_replay_input *in,
                      const struct wr_file_message *m, const struct wr_outcome *o)
{
    wr_buf_add(out, WR_STR("{\"file\":"));
    wr_json_write_string(out, wr_str_of(wr_message_file_name(in->file)));
    wr_buf_addf(out, ",\"line\":%zu,\"topic\":", wr_message_file_line(in->file));
    wr_json_write_string(out, m->sql.topic);
    wr_buf_add(out, WR_STR(",\"rule\":"));
    wr_json_write_string(out, o->rule->name);
    if (o->state == WR_OUTCOME_FAILED) {
        wr_buf_add(out, WR_STR(",\"error\":"));
        wr_json_write_string(out, o->why);
    } else {
        wr_buf_add_char(out, ',');
        wr_message_text_payload(o->result, false, out);
        add_actions(out, o);
    }
    wr_buf_add(out, WR_STR("}\n"));
}
