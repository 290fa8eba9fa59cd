// From the JSON of a status to numbers.
#include "engine/cli/top.h"

#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "sql/base/err.h"

#include "sql/base/banned.h"

static uint64_t number(const json_t *o, const char *name)
{
    json_int_t n = json_integer_value(json_object_get(o, name));
    return n > 0 ? (uint64_t)n : 0;
}

static uint64_t sum_of(json_t *o)
{
    const char *name;
    const json_t *value;
    uint64_t sum = 0;
    json_object_foreach(o, name, value)
    {
        sum += number(o, name);
    }
    return sum;
}

static struct wr_top_kind *kind_of(struct wr_top_sample *s, const char *name)
{
    for (size_t i = 0; i < s->kind_count; i++) {
        if (strcmp(s->kinds[i].name, name) == 0) {
            return &s->kinds[i];
        }
    }
    if (s->kind_count == WR_TOP_KINDS_MAX) {
        return NULL;
    }
    struct wr_top_kind *k = &s->kinds[s->kind_count++];
    snprintf(k->name, sizeof k->name, "%s", name);
    return k;
}

static void read_actions(struct wr_top_sample *s, struct wr_top_rule *r, json_t *actions)
{
    const char *name;
    json_t *a;
    json_object_foreach(actions, name, a)
    {
        uint64_t failures = number(a, "failure") + number(a, "errorActionFailure");
        struct wr_top_kind *k = kind_of(s, name);
        r->failures += failures;
        r->retries += number(a, "retries");
        if (k) {
            k->delivered += number(a, "success") + number(a, "errorActionSuccess");
            k->failures += failures;
            k->retries += number(a, "retries");
            k->in_flight += number(a, "inFlight") + number(a, "errorInFlight");
        }
    }
}

static void read_rule(struct wr_top_sample *s, const char *name, const json_t *o)
{
    struct wr_top_rule *r = &s->rules[s->rule_count++];
    *r = (struct wr_top_rule){
        .name = wr_strdup(wr_str_of(name)),
        .tried = number(o, "topicMatch"),
        .matched = number(o, "matched"),
        .delivered = number(o, "delivered") + number(o, "handled"),
        .errors = sum_of(json_object_get(o, "failed")),
        .dead = number(o, "dead"),
        .waiting = number(o, "waiting") + number(o, "fetching"),
        .in_flight = sum_of(json_object_get(o, "inFlight")) + number(o, "evaluating"),
        .samples = number(o, "samples"),
        .sampled_ns = number(o, "sampledNs"),
    };
    read_actions(s, r, json_object_get(o, "actions"));
}

bool wr_top_read(const struct wr_buf *status, struct wr_top_sample *out)
{
    json_t *o = json_loadb(status->at ? status->at : "", status->len, 0, NULL);
    json_t *rules = json_object_get(o, "rules");
    *out = (struct wr_top_sample){0};
    if (!json_is_object(rules) || !json_is_integer(json_object_get(o, "monotonicUs"))) {
        json_decref(o);
        return false;
    }
    const json_t *spool = json_object_get(o, "spool"), *lag = json_object_get(o, "loopLag");
    const char *version = json_string_value(json_object_get(o, "version"));
    *out = (struct wr_top_sample){
        .monotonic_us = json_integer_value(json_object_get(o, "monotonicUs")),
        .uptime_ms = json_integer_value(json_object_get(o, "uptimeMs")),
        .pid = json_integer_value(json_object_get(o, "pid")),
        .connected = json_is_true(json_object_get(json_object_get(o, "mqtt"), "connected")),
        .messages = number(o, "messages"),
        .cpu_us = number(o, "cpuUs"),
        .lag_us = number(lag, "sumUs"),
        .lags = number(lag, "count"),
        .resident = number(o, "residentBytes"),
        .samples = number(o, "samples"),
        .sampled_ns = number(o, "sampledNs"),
        .spool_entries = number(spool, "entries"),
        .spool_bytes = number(spool, "bytes"),
        .dead = number(json_object_get(o, "deadLetters"), "entries"),
        .live = number(o, "live"),
        .circuits = number(o, "circuitsOpen"),
        .rules = wr_alloc((json_object_size(rules) + 1) * sizeof *out->rules),
    };
    snprintf(out->version, sizeof out->version, "%s", version ? version : "?");
    const char *name;
    const json_t *rule;
    json_object_foreach(rules, name, rule)
    {
        read_rule(out, name, rule);
    }
    json_decref(o);
    return true;
}

void wr_top_release(struct wr_top_sample *s)
{
    for (size_t i = 0; i < s->rule_count; i++) {
        free(s->rules[i].name);
    }
    free(s->rules);
    *s = (struct wr_top_sample){0};
}
