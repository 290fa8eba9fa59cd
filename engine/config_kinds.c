// Which form of each kind of action runs: `mode`, and `sinks.<kind>.mode`.
#include "engine/config_parts.h"

#include "sinks/lib/aws_service.h"

#include "sql/base/banned.h"

struct wr_config_kinds {
    size_t count;
    const struct wr_sink_impl **list; // NULL-terminated
    struct wr_sink_impl *rooms;       // of the black holes
    bool used[WR_MODE_COUNT];
};

static enum wr_mode mode_of(const char *name)
{
    for (int i = 0; i < WR_MODE_COUNT; i++) {
        if (strcmp(wr_mode_name((enum wr_mode)i), name) == 0) {
            return (enum wr_mode)i;
        }
    }
    return WR_MODE_LOCAL;
}

static const char *own_mode(const struct wr_config *c, const struct wr_sink_impl *impl)
{
    return wr_settings_get(wr_config_sink(c, impl), "mode");
}

enum wr_mode wr_config_mode(const struct wr_config *c, const struct wr_sink_impl *impl)
{
    const char *own = own_mode(c, impl);
    return mode_of(*own ? own : c->mode);
}

static wr_err check_endpoint(const struct wr_config *c, const struct wr_sink_impl *impl,
                             struct wr_fault *fault)
{
    struct wr_aws_url url;
    const char *endpoint = wr_settings_get(wr_config_sink(c, impl), "endpoint");
    if (!*endpoint || wr_aws_url_read(wr_str_of(endpoint), &url)) {
        return WR_OK;
    }
    return wr_fault_set(fault, WR_ERR_SYNTAX,
                        "sinks.%s.endpoint: expected http://host[:port] or https://host[:port], "
                        "found \"%s\"",
                        impl->name, strchr(endpoint, '@') ? "one with a user" : endpoint);
}

wr_err wr_config_kinds_choose(struct wr_config *c, struct wr_fault *fault)
{
    size_t count = 0;
    while (wr_sink_list[count]) {
        count++;
    }
    struct wr_config_kinds *k = wr_arena_alloc(c->arena_, sizeof *k);
    const struct wr_sink_impl **list = wr_arena_alloc(c->arena_, (count + 1) * sizeof *list);
    struct wr_sink_impl *rooms = wr_arena_alloc(c->arena_, (count + 1) * sizeof *rooms);
    if (!k || !list || !rooms) {
        return wr_fault_set(fault, WR_ERR_LIMIT, "the configuration is too large");
    }
    *k = (struct wr_config_kinds){.list = list, .rooms = rooms};
    for (size_t i = 0; i < count; i++) {
        const struct wr_sink_impl *any = wr_sink_list[i];
        wr_err err = check_endpoint(c, any, fault);
        if (err) {
            return err;
        }
        enum wr_mode mode = wr_config_mode(c, any);
        const struct wr_sink_impl *form = wr_sink_form(&wr_sink_kinds[i], mode, &rooms[k->count]);
        if (form) {
            list[k->count++] = form;
            k->used[mode] = true;
        } else if (*own_mode(c, any)) {
            return wr_fault_set(fault, WR_ERR_UNSUPPORTED,
                                "sinks.%s.mode: %s has no form \"%s\" yet, see 'weir sinks %s'",
                                any->name, any->name, wr_mode_name(mode), any->name);
        }
    }
    list[k->count] = NULL;
    c->kinds_ = k;
    return WR_OK;
}

const struct wr_sink_impl *const *wr_config_kinds(const struct wr_config *c)
{
    return c->kinds_->list;
}

bool wr_config_has_mode(const struct wr_config *c, enum wr_mode mode)
{
    return c->kinds_->used[mode];
}
