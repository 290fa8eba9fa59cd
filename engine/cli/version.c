// `weir version`: what somebody who reports a bug is asked first. Libraries are asked for the
// version that is there now, not the one they were compiled against.
#include "engine/cli/version.h"

#include <stdio.h>
#include <string.h>

#include <curl/curl.h>
#include <expat.h>
#include <jansson.h>
#include <mosquitto.h>
#include <openssl/crypto.h>
#include <sqlite3.h>
#include <uv.h>
#include <yaml.h>
#include <zlib.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#ifdef WR_WITH_RDKAFKA
#    include <librdkafka/rdkafka.h>
#endif

#include "engine/cli/cli.h"

#include "sql/base/banned.h"

#define LIBRARIES_MAX 16
#define VERSION_LEN   64

struct libraries {
    size_t count;
    struct {
        const char *name;
        char version[VERSION_LEN];
    } at[LIBRARIES_MAX];
};

// `version` up to its first blank: some add a date.
static void add(struct libraries *l, const char *name, const char *version)
{
    l->at[l->count].name = name;
    snprintf(l->at[l->count].version, VERSION_LEN, "%.*s", (int)strcspn(version, " "), version);
    l->count++;
}

static void add_pcre2(struct libraries *l)
{
    char text[VERSION_LEN] = "";
    if (pcre2_config(PCRE2_CONFIG_VERSION, NULL) < VERSION_LEN) {
        pcre2_config(PCRE2_CONFIG_VERSION, text);
    }
    add(l, "PCRE2", text);
}

static void add_mosquitto(struct libraries *l)
{
    int major, minor, revision;
    char text[VERSION_LEN];
    mosquitto_lib_version(&major, &minor, &revision);
    snprintf(text, sizeof text, "%d.%d.%d", major, minor, revision);
    add(l, "libmosquitto", text);
}

static struct libraries libraries(void)
{
    struct libraries l = {.count = 0};
    add(&l, "libuv", uv_version_string());
    add_mosquitto(&l);
    add(&l, "jansson", jansson_version_str());
    add(&l, "libyaml", yaml_get_version_string());
    add_pcre2(&l);
    add(&l, "libcurl", curl_version_info(CURLVERSION_NOW)->version);
    add(&l, "OpenSSL", OpenSSL_version(OPENSSL_VERSION_STRING));
    add(&l, "SQLite", sqlite3_libversion());
    add(&l, "zlib", zlibVersion());
    add(&l, "expat", XML_ExpatVersion() + strlen("expat_"));
#ifdef WR_WITH_RDKAFKA
    add(&l, "librdkafka", rd_kafka_version_str());
#endif
    return l;
}

static void print_json(const struct libraries *l)
{
    printf("{\"version\":\"%s\",\"commit\":\"%s\",\"libraries\":{", WR_VERSION, wr_version_commit);
    for (size_t i = 0; i < l->count; i++) {
        printf("%s\"%s\":\"%s\"", i ? "," : "", l->at[i].name, l->at[i].version);
    }
    printf("}}\n");
}

int wr_cli_version(int argc, char **argv)
{
    bool json = argc == 2 && strcmp(argv[1], "--json") == 0;
    const struct libraries l = libraries();
    if (argc > 1 && !json) {
        return wr_cli_wrong("version", "unexpected argument ", argv[1]);
    }
    if (json) {
        print_json(&l);
        return WR_EXIT_OK;
    }
    printf("weir " WR_VERSION);
    printf(*wr_version_commit ? " (%s)\n" : "\n", wr_version_commit);
    for (size_t i = 0; i < l.count; i++) {
        printf("  %-12s %s\n", l.at[i].name, l.at[i].version);
    }
    return WR_EXIT_OK;
}
