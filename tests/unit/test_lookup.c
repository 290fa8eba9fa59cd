// Look-ups of `weir run`: folders of documents, secrets, the local tables; time-outs and the pace
// of the source. Functions are in tests/e2e/test_lookups.py, with real processes.
#include "engine/lookup/lookup.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/lookup/docs.h"
#include "sinks/dynamodb/store.h"
#include "sql/base/json.h"

#include "tests/support/test.h"

#include "tests/support/fake_sink.h"
#include "tests/support/flow_bed.h"

#include "sql/base/banned.h"

#define ROLE "'arn:aws:iam::123456789012:role/r'"

static struct {
    struct bed bed;
    struct wr_lookups *lookups;
    char dir[64];
    struct wr_lookups_options options;
    enum wr_pace pace;
    unsigned paces; // how often it was told
    bool freed;
} x;

// ---- a thread pool of one, which can be kept busy

static uv_sem_t gate;

static void wait_at_gate(uv_work_t *work)
{
    uv_sem_wait(&gate);
}

static void after_gate(uv_work_t *work, int status)
{
    free(work);
}

static void block_pool(void)
{
    uv_work_t *work = wr_zalloc(sizeof *work);
    uv_queue_work(&x.bed.loop, work, wait_at_gate, after_gate);
}

// ---- the fixture

static void on_pace(void *user, enum wr_pace pace)
{
    x.pace = pace;
    x.paces++;
}

static void use_lookups(struct wr_flow_options *o)
{
    x.options.loop = o->loop;
    x.options.metrics = o->metrics;
    x.options.sinks = o->sinks;
    x.lookups = wr_lookups_new(&x.options);
    o->host = wr_lookups_host(x.lookups);
}

static void fixture_open(void (*change)(struct wr_lookups_options *o))
{
    memset(&x, 0, sizeof x);
    memcpy(x.dir, "/tmp/weir-test-XXXXXX", sizeof "/tmp/weir-test-XXXXXX");
    assert_non_null(mkdtemp(x.dir));
    x.options = (struct wr_lookups_options){.kinds = fake_kinds,
                                            .state_dir = x.dir,
                                            .shadows_dir = "",
                                            .secrets_dir = "",
                                            .registry_dir = "",
                                            .lambda_timeout_ms = 10000,
                                            .timeout_ms = 10000,
                                            .secret_cache_ms = 60000,
                                            .waiting_max = 4,
                                            .pace = on_pace};
    if (change) {
        change(&x.options);
    }
    bed_open(&x.bed, use_lookups);
}

static void on_freed(void *user)
{
    x.freed = true;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    return remove(path);
}

static void fixture_close(void)
{
    wr_lookups_stop(x.lookups);
    wr_flow_stop(x.bed.flow);
    wr_lookups_free(x.lookups, on_freed, NULL);
    while (!x.freed) {
        uv_run(&x.bed.loop, UV_RUN_ONCE);
    }
    bed_close(&x.bed);
    nftw(x.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

// A file below the state folder, its folders too.
static void put_file(const char *name, const char *text, unsigned mode)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", x.dir, name);
    for (char *slash = path + strlen(x.dir) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    fputs(text, f);
    fchmod(fileno(f), mode);
    fclose(f);
}

// The one rule: SELECT VALUE [expression] of each message on `t`, so that Undefined shows as [].
static void use_rule(const char *expression)
{
    char document[1024];
    snprintf(document, sizeof document,
             "{\"sql\": \"SELECT VALUE [%s] FROM 't/#'\", \"awsIotSqlVersion\": \"2016-03-23\", "
             "\"actions\": [{\"fake\": {\"name\": \"n\"}}]}",
             expression);
    const char *const rules[] = {document};
    bed_rules(&x.bed, rules, 1);
}

// What the sink got for one message, or "" when the rule failed.
static wr_str ask(const char *payload)
{
    size_t settled = x.bed.settled;
    wr_buf_clear(&fake.notes);
    bed_send(&x.bed, "t/0", payload);
    bed_wait(&x.bed, settled + 1);
    CHECK_INT("settled", x.bed.settled, settled + 1);
    wr_str notes = wr_buf_str(&fake.notes); // "fake n BODY 1\n"
    return notes.len > 9 ? wr_str_cut(notes, 7, notes.len - 3) : WR_STR("");
}

// ---- documents

static const struct {
    const char *name, *expression, *want; // "": the rule fails
} document_cases[] = {
    {"the unnamed shadow", "get_thing_shadow('kiln', " ROLE ").state.reported.t", "[4.50]"},
    {"a named one", "get_thing_shadow('kiln', 'door', " ROLE ").v", "[\"named\"]"},
    {"the whole document", "get_thing_shadow('kiln', 'door', " ROLE ")", "[{\"v\":\"named\"}]"},
    {"a colon", "get_thing_shadow('a:b', " ROLE ").v", "[1]"},
    {"no such thing", "get_thing_shadow('other', " ROLE ")", ""},
    {"no such shadow", "get_thing_shadow('kiln', 'other', " ROLE ")", ""},
    {"a failure is caught", "get_or_default(get_thing_shadow('other', " ROLE "), 'none')",
     "[\"none\"]"},
    {"no JSON", "get_thing_shadow('broken', " ROLE ")", ""},
    {"no object", "get_thing_shadow('list', " ROLE ")", ""},
    {"a folder", "get_thing_shadow('folder', " ROLE ")", ""},
    {"a way out", "get_thing_shadow('../shadows/kiln', " ROLE ")", ""},
    {"a way out of the thing", "get_thing_shadow('kiln', '../kiln', " ROLE ")", ""},
    {"an empty name", "get_thing_shadow('', " ROLE ")", ""},
    {"an undefined name", "get_thing_shadow(nosuch, " ROLE ")", "[]"},
    {"DescribeThing", "get_registry_data('DescribeThing', 'kiln', " ROLE ").attributes.w",
     "[\"75\"]"},
    {"ListThingGroupsForThing",
     "get_registry_data('ListThingGroupsForThing', 'kiln', " ROLE ").thingGroups", "[[]]"},
    {"unknown to the registry", "get_registry_data('DescribeThing', 'other', " ROLE ")", ""},
    {"a secret's object", "get_secret('api', 'SecretString', " ROLE ")",
     "[{\"user\":\"u\",\"key\":\"k-1\"}]"},
    {"a member of it", "get_secret('api', 'SecretString', 'key', " ROLE ")", "[\"k-1\"]"},
    {"no such member", "get_secret('api', 'SecretString', 'nosuch', " ROLE ")", "[]"},
    {"a text", "get_secret('plain', 'SecretString', " ROLE ")", "[\"just text\"]"},
    {"a text has no keys", "get_secret('plain', 'SecretString', 'key', " ROLE ")", ""},
    {"binary", "get_secret('bin', 'SecretBinary', " ROLE ")", "[\"AAEC\"]"},
    {"binary has no keys", "get_secret('bin', 'SecretBinary', 'key', " ROLE ")", ""},
    {"not of that type", "get_secret('bin', 'SecretString', " ROLE ")", ""},
    {"no type", "get_secret('bin', 'secretbinary', " ROLE ")", ""},
    {"a path and an ARN", "get_secret('prod/db', 'SecretString', " ROLE ")", "[\"slash\"]"},
    {"an ARN",
     "get_secret('arn:aws:secretsmanager:us-east-1:123456789012:secret:db-AbCdEf', "
     "'SecretString', " ROLE ")",
     "[\"arn\"]"},
    {"a percent sign is one itself", "get_secret('prod%2Fdb', 'SecretString', " ROLE ")", ""},
    {"a dot at the beginning", "get_secret('..', 'SecretString', " ROLE ")", "[\"dots\"]"},
    {"unknown", "get_secret('nosuch', 'SecretString', " ROLE ")", ""},
    {"no functions here", "aws_lambda('f', 1)", ""},
    {"no models here", "machinelearning_predict('m', " ROLE ", {'a': 1})", ""},
};

static void reads_documents(void **state)
{
    fixture_open(NULL);
    put_file("lookups/shadows/kiln.json", "{\"state\": {\"reported\": {\"t\": 4.50}}}\n", 0600);
    put_file("lookups/shadows/kiln/door.json", "{\"v\":\"named\"}", 0600);
    put_file("lookups/shadows/a:b.json", "{\"v\":1}", 0600);
    put_file("lookups/shadows/broken.json", "{\"v\":", 0600);
    put_file("lookups/shadows/list.json", "[1]", 0600);
    put_file("lookups/shadows/folder.json/x", "", 0600);
    put_file("lookups/registry/DescribeThing/kiln.json", "{\"attributes\":{\"w\":\"75\"}}", 0600);
    put_file("lookups/registry/ListThingGroupsForThing/kiln.json", "{\"thingGroups\":[]}", 0600);
    put_file("lookups/secrets/api.json",
             "{\"SecretString\":\"{\\\"user\\\":\\\"u\\\",\\\"key\\\":\\\"k-1\\\"}\"}", 0600);
    put_file("lookups/secrets/plain.json", "{\"SecretString\":\"just text\"}", 0600);
    put_file("lookups/secrets/bin.json", "{\"SecretBinary\":\"AAEC\"}", 0600);
    put_file("lookups/secrets/prod%2Fdb.json", "{\"SecretString\":\"slash\"}", 0600);
    put_file("lookups/secrets/%2E..json", "{\"SecretString\":\"dots\"}", 0600);
    put_file("lookups/secrets/"
             "arn%3Aaws%3Asecretsmanager%3Aus-east-1%3A123456789012%3Asecret%3Adb-AbCdEf.json",
             "{\"SecretString\":\"arn\"}", 0600);
    uint64_t failed = 0, made = 0, want = 0;
    for (size_t i = 0; i < WR_COUNT(document_cases); i++) {
        use_rule(document_cases[i].expression);
        // 4.50 is written as the number it is: 4.5
        const char *text =
            strcmp(document_cases[i].want, "[4.50]") ? document_cases[i].want : "[4.5]";
        CHECK_STR(document_cases[i].name, ask("{}"), wr_str_of(text));
        want += !*text;
    }
    for (int kind = 0; kind < WR_LOOKUP_KINDS; kind++) {
        failed += x.bed.metrics->lookups[kind].failed;
        made += x.bed.metrics->lookups[kind].made;
        CHECK_INT("none waits", x.bed.metrics->lookups[kind].waiting, 0);
    }
    CHECK_INT("made", made, WR_COUNT(document_cases) - 1); // all but the one of an undefined name
    CHECK_INT("failed", failed, want + 1);                 // and the one that was caught
    CHECK_INT("rules failed", x.bed.metrics->rules->failed[WR_WHY_LOOKUP], want);
    fixture_close();
}

static void sees_changed_files(void **state)
{
    fixture_open(NULL);
    use_rule("get_thing_shadow('a', " ROLE ").v");
    CHECK_STR("not there yet", ask("{}"), S(""));
    put_file("lookups/shadows/a.json", "{\"v\":1}", 0600);
    CHECK_STR("there", ask("{}"), S("[1]"));
    CHECK_STR("kept", ask("{}"), S("[1]"));
    put_file("lookups/shadows/a.json", "{\"v\":2}", 0600); // the same size
    CHECK_STR("changed", ask("{}"), S("[2]"));
    put_file("lookups/shadows/b.json", "{\"v\":3}", 0600);
    char from[100], to[100];
    snprintf(from, sizeof from, "%s/lookups/shadows/b.json", x.dir);
    snprintf(to, sizeof to, "%s/lookups/shadows/a.json", x.dir);
    assert_int_equal(rename(from, to), 0);
    CHECK_STR("another file in its place", ask("{}"), S("[3]"));
    unlink(to);
    CHECK_STR("gone", ask("{}"), S(""));
    fixture_close();
}

static void no_secret_cache(struct wr_lookups_options *o)
{
    o->secret_cache_ms = 0;
}

static void short_secret_cache(struct wr_lookups_options *o)
{
    o->secret_cache_ms = 40;
}

static void keeps_secrets_for_a_while(void **state)
{
    static const struct {
        const char *name;
        void (*change)(struct wr_lookups_options *o);
        const char *soon, *later;
    } cases[] = {
        {"15 minutes", NULL, "[\"old\"]", "[\"old\"]"},
        {"a short while", short_secret_cache, NULL, "[\"new\"]"},
        {"never", no_secret_cache, "[\"new\"]", "[\"new\"]"},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        fixture_open(cases[i].change);
        use_rule("get_secret('s', 'SecretString', " ROLE ")");
        put_file("lookups/secrets/s.json", "{\"SecretString\":\"old\"}", 0600);
        CHECK_STR(cases[i].name, ask("{}"), S("[\"old\"]"));
        put_file("lookups/secrets/s.json", "{\"SecretString\":\"new\"}", 0600);
        wr_str soon = ask("{}");
        if (cases[i].soon) {
            CHECK_STR(cases[i].name, soon, wr_str_of(cases[i].soon));
        }
        uv_sleep(60);
        uv_update_time(&x.bed.loop);
        CHECK_STR(cases[i].name, ask("{}"), wr_str_of(cases[i].later));
        fixture_close();
    }
}

// ---- tables

static void put_item(const char *table, const char *key, const char *json)
{
    struct wr_dynamodb_store *store;
    struct wr_fault fault = {0};
    struct wr_arena arena;
    wr_arena_init(&arena, 1 << 20);
    assert_int_equal(wr_dynamodb_store_open(x.dir, 1000, &store, &fault), WR_OK);
    const struct wr_dynamodb_schema schema = {wr_str_of(key), WR_STR(""), 'S', 0};
    assert_int_equal(wr_dynamodb_store_declare(store, wr_str_of(table), &schema, &fault), WR_OK);
    wr_value value;
    assert_int_equal(wr_json_parse(wr_str_of(json), &arena, WR_SQL_2016, &value, NULL), WR_OK);
    struct wr_dynamodb_builder b;
    wr_dynamodb_builder_init(&b, &arena, WR_SQL_2016, value.len);
    for (uint32_t i = 0; i < value.len; i++) {
        wr_dynamodb_builder_add(&b, value.as.members[i].key, &value.as.members[i].value);
    }
    struct wr_dynamodb_job job = {.op = WR_DYNAMODB_PUT, .table = wr_str_of(table)};
    assert_null(wr_dynamodb_builder_done(&b, &job.item));
    wr_dynamodb_store_run(store, &job);
    assert_int_equal(job.verdict, WR_DELIVERED);
    wr_dynamodb_store_close(store);
    wr_arena_release(&arena);
}

static const struct {
    const char *name, *expression, *want;
} item_cases[] = {
    {"a member", "get_dynamodb('places', 'id', 'a', " ROLE ").at.lat", "[52.5]"},
    {"the item", "get_dynamodb('places', 'id', 'a', " ROLE ")",
     "[{\"id\":\"a\",\"n\":12345678901234567890,\"at\":{\"lat\":52.5},\"l\":[1,null]}]"},
    {"no such item", "get_dynamodb('places', 'id', 'b', " ROLE ")", "[]"},
    {"no such table", "get_dynamodb('nowhere', 'id', 'a', " ROLE ")", ""},
    {"another key", "get_dynamodb('places', 'name', 'a', " ROLE ")", ""},
    {"a key of another type", "get_dynamodb('places', 'id', 1, " ROLE ")", ""},
    {"a key that can be none", "get_dynamodb('places', 'id', [1], " ROLE ")", ""},
    {"too large", "get_dynamodb('places', 'id', 'large', " ROLE ")", ""},
    {"twice",
     "get_dynamodb('places', 'id', 'a', " ROLE ").n, get_dynamodb('places', 'id', 'a', " ROLE ").n",
     ""},
};

static void reads_items(void **state)
{
    fixture_open(NULL);
    put_item("places", "id",
             "{\"id\":\"a\",\"n\":12345678901234567890,\"at\":{\"lat\":52.50},\"l\":[1,null]}");
    struct wr_buf large = {0};
    wr_buf_addf(&large, "{\"id\":\"large\",\"text\":\"%08192d\"}", 0);
    put_item("places", "id", wr_buf_terminated(&large));
    wr_buf_release(&large);
    for (size_t i = 0; i < WR_COUNT(item_cases); i++) {
        use_rule(item_cases[i].expression);
        CHECK_STR(item_cases[i].name, ask("{}"), wr_str_of(item_cases[i].want));
    }
    fixture_close();
}

// ---- time

static void short_timeout(struct wr_lookups_options *o)
{
    o->timeout_ms = 500; // what is asked afterwards has to be answered within it
}

static void times_out(void **state)
{
    fixture_open(short_timeout);
    put_file("lookups/shadows/a.json", "{\"v\":1}", 0600);
    use_rule("get_or_default(get_thing_shadow('a', " ROLE
             ").v, 'late'), get_dynamodb('t', 'k', v, " ROLE ")");
    block_pool();
    wr_buf_clear(&fake.notes);
    bed_send(&x.bed, "t/0", "{\"v\":\"1\"}");
    bed_wait(&x.bed, 1);
    CHECK_INT("settled", x.bed.settled, 1);
    const struct wr_lookup_counters *c = x.bed.metrics->lookups;
    CHECK_INT("shadow timed out", c[WR_LOOKUP_SHADOW].timed_out, 1);
    CHECK_INT("item timed out", c[WR_LOOKUP_DYNAMODB].timed_out, 1);
    CHECK_INT("not failed besides", c[WR_LOOKUP_SHADOW].failed + c[WR_LOOKUP_DYNAMODB].failed, 0);
    CHECK_INT("the rule failed", x.bed.metrics->rules->failed[WR_WHY_LOOKUP], 1);
    CHECK_STR("no action", wr_buf_str(&fake.notes), S(""));
    CHECK_INT("none waits", wr_lookups_waiting(x.lookups), 0);
    uv_sem_post(&gate); // the answers come now, and nobody wants them
    use_rule("get_thing_shadow('a', " ROLE ").v");
    CHECK_STR("afterwards", ask("{}"), S("[1]"));
    CHECK_INT("every message once", x.bed.settled, 2);
    fixture_close();
}

static void tells_the_pace(void **state)
{
    fixture_open(NULL); // at most 4
    put_file("lookups/shadows/a.json", "{\"v\":1}", 0600);
    use_rule("get_thing_shadow('a', " ROLE ").v");
    block_pool();
    bed_send(&x.bed, "t/1", "{}");
    CHECK_INT("one waits", x.pace, WR_PACE_ON);
    bed_send(&x.bed, "t/2", "{}");
    bed_send(&x.bed, "t/3", "{}");
    CHECK_INT("three wait", x.pace, WR_PACE_ON);
    bed_send(&x.bed, "t/4", "{}");
    CHECK_INT("four wait", x.pace, WR_PACE_STOP);
    bed_send(&x.bed, "t/5", "{}"); // of the same batch
    CHECK_INT("counted", x.bed.metrics->lookups[WR_LOOKUP_SHADOW].waiting, 5);
    uv_sem_post(&gate);
    bed_wait(&x.bed, 5);
    CHECK_INT("all are answered", x.bed.settled, 5);
    CHECK_INT("none waits", x.pace, WR_PACE_SETTLE);
    CHECK_INT("on, stop, on, settle", x.paces, 4);
    fixture_close();
}

static void ends_with_look_ups_under_way(void **state)
{
    fixture_open(NULL);
    put_file("lookups/shadows/a.json", "{\"v\":1}", 0600);
    use_rule("get_thing_shadow('a', " ROLE ").v, get_dynamodb('t', 'k', v, " ROLE ")");
    block_pool();
    bed_send(&x.bed, "t/1", "{\"v\":\"1\"}");
    bed_send(&x.bed, "t/2", "{\"v\":\"1\"}");
    wr_buf_clear(&fake.notes);
    wr_lookups_stop(x.lookups);
    wr_flow_stop(x.bed.flow);
    CHECK_INT("every message ends once", x.bed.settled, 2);
    CHECK_STR("no action", wr_buf_str(&fake.notes), S(""));
    uv_sem_post(&gate);
    fixture_close();
}

int main(void)
{
    setenv("UV_THREADPOOL_SIZE", "1", 1);
    uv_sem_init(&gate, 0);
    const struct CMUnitTest tests[] = {
        T(reads_documents), T(sees_changed_files), T(keeps_secrets_for_a_while),    T(reads_items),
        T(times_out),       T(tells_the_pace),     T(ends_with_look_ups_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
