// Destinations of influxDB out of weir.yaml.
#include "sinks/http/influx_destination.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "sql/base/banned.h"

#define TOKEN_MAX 4096 // bytes

bool wr_influx_bearer(const struct wr_influx_destination *d, wr_str text, struct wr_buf *out)
{
    size_t len = 0;
    while (len < text.len && (unsigned char)text.at[len] > ' ' && text.at[len] != 0x7f) {
        len++;
    }
    if (len == 0 || len > TOKEN_MAX) {
        return false;
    }
    wr_buf_clear(out);
    wr_buf_add(out, d->v3 ? WR_STR("Bearer ") : WR_STR("Token "));
    wr_buf_add(out, (wr_str){text.at, len});
    return true;
}

wr_err wr_influx_token_read(struct wr_influx_destination *d, struct wr_fault *fault)
{
    if (!*d->token_file) {
        return WR_OK;
    }
    char text[TOKEN_MAX + 1];
    FILE *f = fopen(d->token_file, "re");
    if (!f) {
        return wr_fault_set(fault, WR_ERR_IO, "destinations.%s.token_file: cannot read '%s': %s",
                            d->name, d->token_file, strerror(errno));
    }
    size_t n = fread(text, 1, sizeof text, f);
    fclose(f);
    bool good = wr_influx_bearer(d, (wr_str){text, n}, &d->bearer);
    explicit_bzero(text, sizeof text);
    return good ? WR_OK
                : wr_fault_set(fault, WR_ERR_RANGE,
                               "destinations.%s.token_file: '%s': expected a token of 1 to %d "
                               "bytes in its first line",
                               d->name, d->token_file, TOKEN_MAX);
}

static const char *member(const struct wr_settings *settings, const char *name, const char *what)
{
    struct wr_buf path = {0};
    wr_buf_addf(&path, "destinations.%s.%s", name, what);
    const char *value = wr_settings_get(settings, wr_buf_terminated(&path));
    wr_buf_release(&path);
    return value;
}

static wr_err check(struct wr_influx_destination *d, const struct wr_poster *poster,
                    struct wr_fault *fault)
{
    const char *trouble = wr_poster_url_trouble(poster, wr_str_of(d->endpoint));
    if (trouble) {
        return wr_fault_set(fault, WR_ERR_RANGE, "destinations.%s.endpoint: found %s", d->name,
                            trouble);
    }
    if (*d->secret && *d->token_file) {
        return wr_fault_set(fault, WR_ERR_RANGE,
                            "destinations.%s: secret and token_file are both given, expected one",
                            d->name);
    }
    if (*d->secret_key && !*d->secret) {
        return wr_fault_set(fault, WR_ERR_RANGE,
                            "destinations.%s.secret_key: there is no secret for it", d->name);
    }
    return wr_influx_token_read(d, fault);
}

wr_err wr_influx_destinations_read(const struct wr_settings *s, const struct wr_poster *poster,
                                   struct wr_influx_destination **out, struct wr_fault *fault)
{
    wr_err err = WR_OK;
    size_t count = wr_settings_count(s, "destinations");
    for (size_t i = 0; !err && i < count; i++) {
        struct wr_influx_destination *d = wr_zalloc(sizeof *d);
        d->name = wr_settings_name(s, "destinations", i);
        d->next = *out;
        *out = d;
        d->endpoint = wr_strdup(wr_str_of(member(s, d->name, "endpoint")));
        for (size_t len = strlen(d->endpoint); len && d->endpoint[len - 1] == '/';) {
            d->endpoint[--len] = '\0';
        }
        d->v3 = strcmp(member(s, d->name, "version"), "3") == 0;
        d->token_file = member(s, d->name, "token_file");
        d->secret = member(s, d->name, "secret");
        d->secret_key = member(s, d->name, "secret_key");
        err = check(d, poster, fault);
    }
    return err;
}

void wr_influx_destinations_free(struct wr_influx_destination *first)
{
    for (struct wr_influx_destination *d = first, *next; d; d = next) {
        next = d->next;
        if (d->bearer.len) {
            explicit_bzero(d->bearer.at, d->bearer.len);
        }
        wr_buf_release(&d->bearer);
        free(d->endpoint);
        free(d->made);
        free(d);
    }
}

static wr_str name_of(wr_str arn)
{
    const char *slash = arn.at ? memrchr(arn.at, '/', arn.len) : NULL;
    return slash ? wr_str_cut(arn, (size_t)(slash + 1 - arn.at), arn.len) : arn;
}

struct wr_influx_destination *wr_influx_destination_add(struct wr_influx_destination **first,
                                                        wr_str arn,
                                                        const struct wr_sink_destination *from)
{
    wr_str name = name_of(arn);
    size_t secret = strlen(from->secret) + 1, key = strlen(from->secret_key) + 1;
    struct wr_influx_destination *d = wr_zalloc(sizeof *d);
    d->made = wr_alloc(name.len + 1 + secret + key);
    memcpy(d->made, name.at, name.len);
    d->made[name.len] = '\0';
    memcpy(d->made + name.len + 1, from->secret, secret);
    memcpy(d->made + name.len + 1 + secret, from->secret_key, key);
    d->name = d->made;
    d->secret = d->made + name.len + 1;
    d->secret_key = d->secret + secret;
    d->token_file = "";
    d->endpoint = wr_strdup(wr_str_of(from->endpoint));
    d->v3 = from->v3;
    while (*first) {
        first = &(*first)->next;
    }
    *first = d;
    return d;
}

struct wr_influx_destination *wr_influx_destination_find(struct wr_influx_destination *first,
                                                         wr_str arn)
{
    wr_str name = name_of(arn);
    struct wr_influx_destination *d = first;
    while (d && !wr_str_eq(wr_str_of(d->name), name)) {
        d = d->next;
    }
    return d;
}
