// Groups, objects, and the worker that makes an object's bytes.
#include "sinks/s3/aggregate.h"

#include <stdio.h>
#include <stdlib.h>

#include <zlib.h>

#include "sinks/lib/aws_canonical.h"
#include "sinks/lib/local_s3.h"
#include "sinks/s3/s3.h"
#include "sql/base/hash.h"

#include "sql/base/banned.h"

#define BUCKETS     256
#define GRACE_MS    3000 // at close
#define TRY_BASE_MS 1000
#define GZIP_WINDOW (15 + 16) // zlib: largest window, with gzip's header

struct rule { // of one bucket
    char *bucket, *suffix;
    size_t size, count;
    uint64_t age_ms;
    bool gzip;
};

struct group {
    const struct rule *rule;
    struct wr_buf name;      // bucket, key, ACL, role
    uint64_t hash, since_ms; // of uv_now()
    size_t count, bytes;
    struct wr_record *first, **last;
    struct group *next;            // of its hash
    struct group *younger, *older; // by age
};

struct object {
    struct wr_aws_call call; // first
    struct wr_s3_aggregate *all;
    const struct rule *rule;
    struct wr_record *records;
    size_t count, bytes;
    struct wr_buf body, path;
    struct wr_s3_headers headers;
    uv_work_t work;
    bool failed; // the worker has: no memory
    bool sent;
    unsigned tries;
    uint64_t due_ms; // the next try
    struct object *next;
};

struct wr_s3_aggregate {
    struct wr_sink *sink;
    struct wr_aws *aws;
    const struct wr_aws_form_kind *kind;
    struct rule *rules;
    size_t rule_count, held_max, bytes_max;
    struct group *groups[BUCKETS], *oldest, *youngest, *free_groups;
    size_t group_count;
    struct object *waiting, **waiting_last; // for a place among those under way
    struct object *busy, *resting, *free_objects;
    size_t busy_count;  // resting ones too: they have their bytes
    size_t held, bytes; // records that are not settled, and their bodies
    size_t collected;   // of them, in groups
    uint64_t unique, made;
    uv_timer_t timer;
    bool draining, closing, checksum;
    uint64_t grace_end_ms;
    void (*closed)(void *user);
    void *closed_user;
};

static uint64_t now_ms(const struct wr_s3_aggregate *a)
{
    return uv_now(a->sink->host->loop);
}

// ---- keys

static void add_number(struct wr_buf *b, int64_t n, int digits)
{
    wr_buf_addf(b, "%0*lld", digits, (long long)n);
}

// The suffix with its time parts; `unique` is 16 digits.
static void add_suffix(struct wr_buf *b, const struct rule *r, int64_t time_ms, uint64_t unique)
{
    int64_t year, days = time_ms / 86400000, rest = time_ms % 86400000 / 1000;
    unsigned month, day;
    wr_date_from_days(days, &year, &month, &day);
    for (const char *c = r->suffix; *c; c++) {
        if (*c != '%') {
            wr_buf_add_char(b, *c);
            continue;
        }
        switch (*++c) {
        case 'Y':
            add_number(b, year, 4);
            break;
        case 'm':
            add_number(b, month, 2);
            break;
        case 'd':
            add_number(b, day, 2);
            break;
        case 'H':
            add_number(b, rest / 3600, 2);
            break;
        case 'M':
            add_number(b, rest / 60 % 60, 2);
            break;
        case 'S':
            add_number(b, rest % 60, 2);
            break;
        case 'u':
            wr_buf_addf(b, "%016llx", (unsigned long long)unique);
            break;
        default: // %%
            wr_buf_add_char(b, '%');
            break;
        }
    }
    if (r->gzip) {
        wr_buf_add(b, WR_STR(".gz"));
    }
}

static wr_err check_suffix(const struct rule *r, struct wr_fault *fault)
{
    bool unique = false;
    for (const char *c = r->suffix; *c; c++) {
        if (*c == '%') {
            c++;
            unique = unique || *c == 'u';
            if (!*c || !strchr("YmdHMSu%", *c)) {
                return wr_fault_set(fault, WR_ERR_SYNTAX,
                                    "aggregate.%s.suffix: found \"%%%c\", expected one of %%Y %%m "
                                    "%%d %%H %%M %%S %%u %%%%",
                                    r->bucket, *c ? *c : ' ');
            }
        }
    }
    return unique ? WR_OK
                  : wr_fault_set(fault, WR_ERR_MISSING,
                                 "aggregate.%s.suffix: found no %%u, without which objects would "
                                 "replace each other",
                                 r->bucket);
}

// ---- verdicts

static void settle(struct wr_s3_aggregate *a, struct wr_record *rec,
                   const struct wr_aws_answer *answer)
{
    struct wr_buf text;
    struct wr_why why;
    wr_buf_init_arena(&text, rec->arena);
    enum wr_verdict verdict = wr_aws_verdict(answer, WR_AWS_S3, wr_str_of(a->kind->what),
                                             rec->params[WR_S3_BUCKET].text, &text, &why);
    size_t len = rec->body.len;
    wr_record_settle(rec, verdict, verdict == WR_DELIVERED ? NULL : &why);
    a->held--;
    a->bytes -= len;
}

static void end_if_idle(struct wr_s3_aggregate *a);
static void begin_next(struct wr_s3_aggregate *a);

// The object is in no list.
static void finish(struct object *o, const struct wr_aws_answer *answer)
{
    struct wr_s3_aggregate *a = o->all;
    a->busy_count--;
    while (o->records) {
        struct wr_record *rec = o->records;
        o->records = rec->sink_next;
        settle(a, rec, answer);
    }
    o->next = a->free_objects;
    a->free_objects = o;
    begin_next(a);
    end_if_idle(a);
}

// ---- the worker

static bool compress_body(struct object *o, struct wr_buf *out)
{
    z_stream z = {0};
    if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY)) {
        return false;
    }
    size_t most = deflateBound(&z, o->bytes);
    char *to = wr_buf_reserve(out, most);
    int status = to ? Z_OK : Z_MEM_ERROR;
    z.next_out = (Bytef *)to;
    z.avail_out = (uInt)most;
    for (struct wr_record *rec = o->records; status == Z_OK && rec; rec = rec->sink_next) {
        Bytef line_end[] = "\n";
        const wr_str parts[] = {rec->body, {(const char *)line_end, 1}};
        for (size_t i = 0; status == Z_OK && i < WR_COUNT(parts); i++) {
            z.next_in = (z_const Bytef *)(uintptr_t)parts[i].at; // zlib only reads it
            z.avail_in = (uInt)parts[i].len;
            status = deflate(&z, Z_NO_FLUSH);
        }
    }
    z.avail_in = 0;
    status = status == Z_OK ? deflate(&z, Z_FINISH) : status;
    out->len += z.total_out;
    deflateEnd(&z);
    return status == Z_STREAM_END;
}

static void work(uv_work_t *request)
{
    struct object *o = request->data;
    wr_buf_clear(&o->body);
    if (o->rule->gzip) {
        o->failed = !compress_body(o, &o->body);
        return;
    }
    for (struct wr_record *rec = o->records; rec; rec = rec->sink_next) {
        wr_buf_add(&o->body, rec->body);
        wr_buf_add_char(&o->body, '\n');
    }
    o->failed = o->body.over;
}

// ---- storing

static void start_timer(struct wr_s3_aggregate *a);

static void remove_from(struct object **list, struct object *o)
{
    while (*list != o) {
        list = &(*list)->next;
    }
    *list = o->next;
}

static void on_answer(struct wr_aws_call *call, const struct wr_aws_answer *answer)
{
    struct object *o = (struct object *)call;
    struct wr_s3_aggregate *a = o->all;
    bool again = answer->class != WR_AWS_OK && answer->class != WR_AWS_PERMANENT;
    remove_from(&a->busy, o);
    o->sent = false;
    if (again && ++o->tries < WR_S3_AGGREGATE_TRIES && !a->closing) {
        uint64_t wait = (uint64_t)TRY_BASE_MS << (o->tries - 1);
        wait = answer->retry_at_ms > wait ? answer->retry_at_ms : wait;
        o->due_ms = now_ms(a) + wait;
        o->next = a->resting;
        a->resting = o;
        start_timer(a);
        return;
    }
    finish(o, answer);
}

static void put(struct object *o)
{
    struct wr_s3_aggregate *a = o->all;
    o->next = a->busy;
    a->busy = o;
    o->sent = true;
    wr_aws_send(a->aws, &o->call);
}

static void after_work(uv_work_t *request, int status)
{
    struct object *o = request->data;
    struct wr_s3_aggregate *a = o->all;
    if (o->failed || status != 0) {
        remove_from(&a->busy, o);
        finish(o, &(struct wr_aws_answer){.class = WR_AWS_RETRY,
                                          .message = WR_STR("no memory for the object")});
        return;
    }
    remove_from(&a->busy, o);
    o->call.body = wr_buf_str(&o->body);
    o->call.headers = o->headers.at;
    o->call.header_count =
        wr_s3_headers(&o->headers, o->records->params, o->call.body, a->checksum);
    put(o);
}

static void begin(struct object *o)
{
    struct wr_s3_aggregate *a = o->all;
    const struct wr_record *first = o->records;
    const struct wr_param *p = first->params;
    struct wr_buf key = {0};
    wr_buf_add(&key, p[WR_S3_KEY].text);
    add_suffix(&key, o->rule, first->timestamp_ms, a->unique + a->made++);
    wr_buf_clear(&o->path);
    wr_buf_add_char(&o->path, '/');
    wr_aws_encode(&o->path, wr_buf_str(&key), true);
    wr_buf_release(&key);
    wr_aws_form_call(a->sink, a->kind, first, &o->call);
    o->call.method = "PUT";
    o->call.bucket = p[WR_S3_BUCKET].text;
    o->call.path = wr_buf_str(&o->path);
    o->call.content_type =
        o->rule->gzip ? WR_STR("application/gzip") : WR_STR("application/x-ndjson");
    o->call.done = on_answer;
    o->tries = 0;
    o->failed = false;
    a->busy_count++;
    o->next = a->busy;
    a->busy = o;
    wr_assert(uv_queue_work(a->sink->host->loop, &o->work, work, after_work) == 0);
}

static void begin_next(struct wr_s3_aggregate *a)
{
    while (a->waiting && a->busy_count < WR_S3_AGGREGATE_OBJECTS) {
        struct object *o = a->waiting;
        a->waiting = o->next;
        if (!a->waiting) {
            a->waiting_last = &a->waiting;
        }
        if (a->closing && now_ms(a) >= a->grace_end_ms) {
            a->busy_count++; // as if it were begun
            finish(o, &(struct wr_aws_answer){.class = WR_AWS_RETRY,
                                              .message = WR_STR("weir is stopping")});
            return; // it has gone on with the next
        }
        begin(o);
    }
}

// ---- groups

static void flush(struct wr_s3_aggregate *a, struct group *g)
{
    struct object *o = a->free_objects;
    if (o) {
        a->free_objects = o->next;
    } else {
        o = wr_zalloc(sizeof *o);
        o->all = a;
        o->work.data = o;
    }
    o->rule = g->rule;
    o->records = g->first;
    o->count = g->count;
    o->bytes = g->bytes;
    o->next = NULL;
    struct group **at = &a->groups[g->hash % BUCKETS];
    while (*at != g) {
        at = &(*at)->next;
    }
    *at = g->next;
    *(g->older ? &g->older->younger : &a->oldest) = g->younger;
    *(g->younger ? &g->younger->older : &a->youngest) = g->older;
    a->group_count--;
    a->collected -= g->count;
    g->next = a->free_groups;
    a->free_groups = g;
    *a->waiting_last = o;
    a->waiting_last = &o->next;
    begin_next(a);
}

static void on_timer(uv_timer_t *timer)
{
    struct wr_s3_aggregate *a = timer->data;
    uint64_t now = now_ms(a);
    for (struct group *g = a->oldest; g;) { // ages differ by bucket: look at all
        if (a->draining || now - g->since_ms >= g->rule->age_ms) {
            flush(a, g);
            g = a->oldest; // what it led to may have changed the list
        } else {
            g = g->younger;
        }
    }
    for (struct object **at = &a->resting; *at;) {
        struct object *o = *at;
        if (o->due_ms <= now || a->closing) {
            *at = o->next;
            put(o);
        } else {
            at = &o->next;
        }
    }
    if (a->closing && now >= a->grace_end_ms) {
        for (struct object *o = a->busy; o; o = o->next) {
            if (o->sent) {
                wr_aws_cancel(a->aws, &o->call);
            }
        }
    }
    start_timer(a);
}

// For what is due next.
static void start_timer(struct wr_s3_aggregate *a)
{
    uint64_t now = now_ms(a), next = UINT64_MAX;
    for (const struct group *g = a->oldest; g; g = g->younger) {
        uint64_t due = g->since_ms + g->rule->age_ms;
        next = due < next ? due : next;
    }
    for (const struct object *o = a->resting; o; o = o->next) {
        next = o->due_ms < next ? o->due_ms : next;
    }
    if (a->draining && a->oldest) {
        next = now;
    } else if (a->closing && a->held > 0) {
        next = a->grace_end_ms > now ? a->grace_end_ms : now + GRACE_MS;
    }
    if (next == UINT64_MAX) {
        uv_timer_stop(&a->timer);
    } else {
        uv_timer_start(&a->timer, on_timer, next > now ? next - now : 0, 0);
    }
}

static struct group *find_group(struct wr_s3_aggregate *a, const struct wr_buf *name, uint64_t hash)
{
    for (struct group *g = a->groups[hash % BUCKETS]; g; g = g->next) {
        if (g->hash == hash && wr_str_eq(wr_buf_str(&g->name), wr_buf_str(name))) {
            return g;
        }
    }
    return NULL;
}

static struct group *add_group(struct wr_s3_aggregate *a, const struct rule *rule,
                               const struct wr_buf *name, uint64_t hash)
{
    if (a->group_count >= WR_S3_AGGREGATE_GROUPS) {
        flush(a, a->oldest);
    }
    struct group *g = a->free_groups;
    if (g) {
        a->free_groups = g->next;
    } else {
        g = wr_zalloc(sizeof *g);
    }
    struct wr_buf kept = g->name;
    *g = (struct group){.rule = rule, .name = kept, .hash = hash, .since_ms = now_ms(a)};
    wr_buf_clear(&g->name);
    wr_buf_add(&g->name, wr_buf_str(name));
    g->last = &g->first;
    g->next = a->groups[hash % BUCKETS];
    a->groups[hash % BUCKETS] = g;
    g->older = a->youngest;
    *(a->youngest ? &a->youngest->younger : &a->oldest) = g;
    a->youngest = g;
    a->group_count++;
    start_timer(a);
    return g;
}

// {NULL, 0}, or why this record can never be stored.
static wr_str trouble(const struct rule *rule, const struct wr_record *rec)
{
    wr_str key = rec->params[WR_S3_KEY].text;
    const char *wrong = wr_local_s3_key_trouble(key);
    if (!wrong && key.len + strlen(rule->suffix) + 64 > WR_LOCAL_S3_KEY_MAX) {
        wrong = "The key is too long for the suffix of aggregated objects";
    }
    if (!wrong && (!rec->body_json || rec->body.len == 0)) {
        wrong = "The result is no JSON, and the bucket's objects are JSON Lines "
                "(sinks.s3.aggregate)";
    }
    return wrong ? wr_str_of(wrong) : (wr_str){0};
}

bool wr_s3_aggregate_add(struct wr_s3_aggregate *a, struct wr_record *rec)
{
    const struct wr_param *p = rec->params;
    const struct rule *rule = NULL;
    for (size_t i = 0; i < a->rule_count && !rule; i++) {
        rule = wr_str_eq(wr_str_of(a->rules[i].bucket), p[WR_S3_BUCKET].text) ? &a->rules[i] : NULL;
    }
    if (!rule) {
        return false;
    }
    a->held++;
    a->bytes += rec->body.len;
    struct wr_buf name;
    wr_buf_init_arena(&name, rec->arena);
    const wr_str parts[] = {p[WR_S3_BUCKET].text, p[WR_S3_KEY].text, p[WR_S3_ACL].text,
                            p[WR_S3_ROLE].text};
    for (size_t i = 0; i < WR_COUNT(parts); i++) {
        wr_buf_add(&name, parts[i]);
        wr_buf_add_char(&name, '\n');
    }
    wr_str wrong = trouble(rule, rec);
    if (wrong.at || name.over) {
        settle(a, rec,
               &(struct wr_aws_answer){.class = WR_AWS_PERMANENT,
                                       .message = wrong.at
                                                      ? wrong
                                                      : WR_STR("the message is over its limit of "
                                                               "memory")});
        end_if_idle(a);
        return true;
    }
    uint64_t hash = wr_hash_str(wr_buf_str(&name));
    struct group *g = find_group(a, &name, hash);
    if (g && g->bytes + rec->body.len + 1 > rule->size) {
        flush(a, g);
        g = NULL;
    }
    g = g ? g : add_group(a, rule, &name, hash);
    rec->sink_next = NULL;
    *g->last = rec;
    g->last = &rec->sink_next;
    g->count++;
    g->bytes += rec->body.len + 1;
    a->collected++;
    if (g->bytes >= rule->size || g->count >= rule->count) {
        flush(a, g);
    }
    // The engine gives no more once so many are held: what is oldest makes room.
    if (a->held >= a->held_max || a->bytes >= a->bytes_max) {
        bool bytes = a->bytes >= a->bytes_max;
        while (a->oldest && (bytes || a->collected > a->held_max / 2)) {
            flush(a, a->oldest);
        }
    }
    return true;
}

// ---- life

static const char *setting(const struct wr_settings *s, const char *bucket, const char *name,
                           char full[static 600])
{
    snprintf(full, 600, "aggregate.%s.%s", bucket, name);
    return full;
}

static wr_err read_rule(const struct wr_settings *s, const char *bucket, struct rule *r,
                        struct wr_fault *fault)
{
    char full[600];
    const char *wrong = wr_local_s3_bucket_trouble(wr_str_of(bucket));
    *r = (struct rule){
        .bucket = wr_strdup(wr_str_of(bucket)),
        .suffix = wr_strdup(wr_str_of(wr_settings_get(s, setting(s, bucket, "suffix", full)))),
        .size = (size_t)wr_settings_int(s, setting(s, bucket, "size", full)),
        .count = (size_t)wr_settings_int(s, setting(s, bucket, "count", full)),
        .age_ms = (uint64_t)wr_settings_int(s, setting(s, bucket, "age", full)),
        .gzip = wr_settings_bool(s, setting(s, bucket, "gzip", full)),
    };
    return wrong ? wr_fault_set(fault, WR_ERR_RANGE, "aggregate.%s: %s", bucket, wrong)
                 : check_suffix(r, fault);
}

static void release(struct wr_s3_aggregate *a)
{
    for (size_t i = 0; i < a->rule_count; i++) {
        free(a->rules[i].bucket);
        free(a->rules[i].suffix);
    }
    for (struct group *g = a->free_groups, *next; g; g = next) {
        next = g->next;
        wr_buf_release(&g->name);
        free(g);
    }
    for (struct object *o = a->free_objects, *next; o; o = next) {
        next = o->next;
        wr_buf_release(&o->body);
        wr_buf_release(&o->path);
        free(o);
    }
    free(a->rules);
    free(a);
}

wr_err wr_s3_aggregate_open(struct wr_sink *sink, struct wr_aws *aws,
                            const struct wr_aws_form_kind *kind, const struct wr_settings *settings,
                            struct wr_s3_aggregate **out, struct wr_fault *fault)
{
    size_t count = wr_settings_count(settings, "aggregate");
    *out = NULL;
    if (count == 0) {
        return WR_OK;
    }
    struct wr_s3_aggregate *a = wr_zalloc(sizeof *a);
    a->rules = wr_zalloc(count * sizeof *a->rules);
    wr_err err = WR_OK;
    for (size_t i = 0; !err && i < count; i++) {
        a->rule_count++;
        err = read_rule(settings, wr_settings_name(settings, "aggregate", i), &a->rules[i], fault);
    }
    if (!err && uv_random(NULL, NULL, &a->unique, sizeof a->unique, 0, NULL) != 0) {
        err = wr_fault_set(fault, WR_ERR_IO, "no random numbers");
    }
    if (err) {
        release(a);
        return err;
    }
    a->sink = sink;
    a->aws = aws;
    a->kind = kind;
    a->checksum = strcmp(wr_settings_get(settings, "checksum"), "crc32") == 0;
    a->waiting_last = &a->waiting;
    size_t most = sink->host->in_flight;
    a->held_max = most ? most - most / 4 : SIZE_MAX;
    // What the engine counts is the whole entry of the spool, a few times the body.
    a->bytes_max = sink->host->in_flight_bytes ? sink->host->in_flight_bytes / 4 : SIZE_MAX;
    uv_timer_init(sink->host->loop, &a->timer);
    a->timer.data = a;
    *out = a;
    return WR_OK;
}

void wr_s3_aggregate_drain(struct wr_s3_aggregate *a)
{
    a->draining = true;
    uv_timer_start(&a->timer, on_timer, 0, 0);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct wr_s3_aggregate *a = handle->data;
    void (*closed)(void *user) = a->closed;
    void *user = a->closed_user;
    release(a);
    closed(user);
}

static void end_if_idle(struct wr_s3_aggregate *a)
{
    if (a->closing && a->held == 0 && a->busy_count == 0 &&
        !uv_is_closing((uv_handle_t *)&a->timer)) {
        uv_close((uv_handle_t *)&a->timer, on_timer_closed);
    }
}

void wr_s3_aggregate_close(struct wr_s3_aggregate *a, void (*closed)(void *user), void *user)
{
    a->closing = a->draining = true;
    a->closed = closed;
    a->closed_user = user;
    a->grace_end_ms = now_ms(a) + GRACE_MS;
    uv_timer_start(&a->timer, on_timer, 0, 0);
    end_if_idle(a);
}
