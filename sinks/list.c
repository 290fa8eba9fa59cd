// The kinds of action and their forms, from kinds.h, and the form of each for a mode.
#include "sinks/lib/blackhole.h"
#include "sinks/sink.h"

#include "sql/base/banned.h"

#define BOTH(local, aws) extern const struct wr_sink_impl local, aws;
#define SAME(impl)       extern const struct wr_sink_impl impl;
#define AWS(impl)        extern const struct wr_sink_impl impl;
#define LOCAL(impl)      extern const struct wr_sink_impl impl;
#include "sinks/kinds.h"
#undef BOTH
#undef SAME
#undef AWS
#undef LOCAL

#define BOTH(local, aws) {&local, &aws},
#define SAME(impl)       {&impl, &impl},
#define AWS(impl)        {NULL, &impl},
#define LOCAL(impl)      {&impl, NULL},
const struct wr_sink_kind wr_sink_kinds[] = {
#include "sinks/kinds.h"
    {0},
};
#undef BOTH
#undef SAME
#undef AWS
#undef LOCAL

#define BOTH(local, aws) &local,
#define SAME(impl)       &impl,
#define AWS(impl)        &impl,
#define LOCAL(impl)      &impl,
const struct wr_sink_impl *const wr_sink_list[] = {
#include "sinks/kinds.h"
    NULL,
};

const struct wr_sink_impl *wr_sink_find(wr_str name)
{
    for (size_t i = 0; wr_sink_list[i]; i++) {
        if (wr_str_eq(wr_str_of(wr_sink_list[i]->name), name)) {
            return wr_sink_list[i];
        }
    }
    return NULL;
}

const struct wr_sink_kind *wr_sink_kind_find(wr_str name)
{
    for (size_t i = 0; wr_sink_list[i]; i++) {
        if (wr_str_eq(wr_str_of(wr_sink_list[i]->name), name)) {
            return &wr_sink_kinds[i];
        }
    }
    return NULL;
}

const struct wr_sink_impl *wr_sink_form(const struct wr_sink_kind *kind, enum wr_mode mode,
                                        struct wr_sink_impl *room)
{
    switch (mode) {
    case WR_MODE_LOCAL:
        return kind->local;
    case WR_MODE_AWS:
    case WR_MODE_RECORD:
        return kind->aws;
    case WR_MODE_BLACKHOLE:
        *room = kind->local ? *kind->local : *kind->aws;
        room->form = wr_mode_help(mode);
        room->open = wr_blackhole_open;
        room->submit = wr_blackhole_submit;
        room->close = wr_blackhole_close;
        room->drain = NULL;
        return room;
    case WR_MODE_COUNT:
        break;
    }
    return NULL;
}

static const char *const names[] = {
#define MODE(name, text, help) text,
    WR_MODE_MAP(MODE)
#undef MODE
};

static const char *const helps[] = {
#define MODE(name, text, help) help,
    WR_MODE_MAP(MODE)
#undef MODE
};

const char *wr_mode_name(enum wr_mode mode)
{
    return names[mode];
}

const char *wr_mode_help(enum wr_mode mode)
{
    return helps[mode];
}
