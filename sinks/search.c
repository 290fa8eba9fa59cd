// openSearch, and elasticsearch, which is the same: a document of an index for a record (actions.md
// 4.17). Documents of one id keep their order.
#include "sinks/service/service.h"

#include "sinks/lib/aws_canonical.h"
#include "sinks/lib/text.h"
#include "sinks/shapes/shapes.h"
#include "sql/base/hash.h"
#include "sql/base/json.h"

#include "sql/base/banned.h"

#define INDEX_MAX 255 // bytes
#define ID_MAX    512 // bytes
#define TYPE_MAX  255 // bytes; nobody says, a path must end somewhere
#define LANES     64  // documents under way to one domain at once

enum { SEARCH_ROLE, SEARCH_ENDPOINT, SEARCH_INDEX, SEARCH_TYPE, SEARCH_ID };

static const struct wr_option search_options[] = {
    [SEARCH_ROLE] = WR_SHAPE_ROLE,
    [SEARCH_ENDPOINT] = {"endpoint", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE,
                         .unit = "URL", .help = "Endpoint of the domain."},
    [SEARCH_INDEX] = {"index", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE,
                      .help = "Index that takes the document."},
    [SEARCH_TYPE] = {"type", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE,
                     .help = "Type of the document; _doc for OpenSearch later than 1.0."},
    [SEARCH_ID] = {"id", WR_OPT_STRING, WR_OPT_REQUIRED | WR_OPT_TEMPLATE,
                   .help = "Id of the document; a document with this id is replaced."},
    {0},
};

static bool index_fits(wr_str index)
{
    static const char bad[] = "\\/*?\"<>| ,#:";
    if (index.len == 0 || index.len > INDEX_MAX || strchr("_-+", index.at[0]) ||
        wr_str_eq(index, WR_STR(".")) || wr_str_eq(index, WR_STR(".."))) {
        return false;
    }
    for (size_t i = 0; i < index.len; i++) {
        unsigned char c = (unsigned char)index.at[i];
        if (c < 0x20 || c == 0x7f || (c >= 'A' && c <= 'Z') || strchr(bad, c)) {
            return false;
        }
    }
    return true;
}

static wr_err search_check(const struct wr_param *params, const bool *constant,
                           struct wr_fault *fault)
{
    wr_str endpoint = params[SEARCH_ENDPOINT].text;
    if (constant[SEARCH_ENDPOINT] && !wr_str_starts(endpoint, WR_STR("https://")) &&
        !wr_str_starts(endpoint, WR_STR("http://"))) {
        return wr_fault_set(fault, WR_ERR_RANGE,
                            "endpoint: \"%.*s\" does not begin with https:// or http://",
                            WR_STR_ARG(endpoint));
    }
    if (constant[SEARCH_INDEX] && !index_fits(params[SEARCH_INDEX].text)) {
        return wr_fault_set(fault, WR_ERR_FAILED,
                            "index: \"%.*s\" can be no index: 1 to 255 bytes in lower case, not "
                            "beginning with _, - or +, without \\ / * ? \" < > | , # : and blanks",
                            WR_STR_ARG(params[SEARCH_INDEX].text));
    }
    return WR_OK;
}

static bool segment_fits(wr_str s, size_t max)
{
    return s.len > 0 && s.len <= max && !wr_text_has_control(s) && !wr_str_eq(s, WR_STR(".")) &&
           !wr_str_eq(s, WR_STR(".."));
}

static bool check_texts(const struct wr_record *rec, struct wr_service_no *no)
{
    const struct wr_param *p = rec->params;
    struct wr_aws_url u;
    wr_str endpoint = p[SEARCH_ENDPOINT].text, index = p[SEARCH_INDEX].text,
           type = p[SEARCH_TYPE].text, id = p[SEARCH_ID].text;
    if (!wr_aws_url_read(endpoint, &u) || wr_text_has_control(endpoint)) {
        return wr_service_refuse(no, "invalid_endpoint",
                                 "endpoint: \"%.*s\" is no URL: expected https:// or http:// and a "
                                 "host",
                                 (int)(endpoint.len < 100 ? endpoint.len : 100), endpoint.at);
    }
    if (!index_fits(index)) {
        return wr_service_refuse(no, "invalid_index_name_exception",
                                 "Invalid index name [%.*s]: must be lowercase, 1 to 255 bytes, "
                                 "not start with '_', '-' or '+', and hold none of \\ / * ? \" < > "
                                 "| , # : and space",
                                 (int)(index.len < 100 ? index.len : 100), index.at);
    }
    if (!segment_fits(type, TYPE_MAX)) {
        return wr_service_refuse(
            no, "invalid_type_name_exception",
            "mapping type name [%.*s] should be 1 to 255 bytes without control "
            "characters",
            (int)(type.len < 100 ? type.len : 100), type.at);
    }
    if (!segment_fits(id, ID_MAX)) {
        return wr_service_refuse(no, "illegal_argument_exception",
                                 "id [%.*s] is of %zu bytes: expected 1 to 512, without control "
                                 "characters",
                                 (int)(id.len < 100 ? id.len : 100), id.at, id.len);
    }
    return true;
}

// The part of the host before `suffix`, from its last dot on: "eu-west-1" of
// "search-d-x.eu-west-1.es.amazonaws.com"; empty: the endpoint tells none.
static wr_str region_before(wr_str host, wr_str suffix)
{
    ptrdiff_t end = host.at ? wr_str_find(host, suffix) : -1;
    if (end <= 0) {
        return (wr_str){0};
    }
    wr_str before = wr_str_cut(host, 0, (size_t)end);
    const char *dot = memrchr(before.at, '.', before.len);
    return dot ? wr_str_cut(before, (size_t)(dot - before.at) + 1, before.len) : (wr_str){0};
}

static bool search_make(struct wr_record *rec, struct wr_service_ask *ask, struct wr_service_no *no)
{
    const struct wr_param *p = rec->params;
    if (!check_texts(rec, no)) {
        return false;
    }
    wr_value result = wr_service_result(rec);
    if (result.type != WR_OBJECT) {
        return wr_service_refuse(no, "mapper_parsing_exception",
                                 "The result is no JSON object, as a document must be: found %s",
                                 wr_value_type_name(&result));
    }
    struct wr_service_entry *e = wr_service_entries(ask, 1);
    struct wr_buf path;
    wr_buf_init_arena(&path, rec->arena);
    for (int i = SEARCH_INDEX; i <= SEARCH_ID; i++) {
        wr_buf_add_char(&path, '/');
        wr_aws_encode(&path, p[i].text, false);
    }
    if (!e) {
        return false;
    }
    ask->path = wr_service_keep(ask, &path);
    ask->endpoint = p[SEARCH_ENDPOINT].text;
    ask->names[0] = p[SEARCH_ENDPOINT].text;
    ask->lane = (uint32_t)(wr_hash_str(ask->path) % LANES);
    e->json = rec->body;
    e->file = p[SEARCH_INDEX].text;
    e->weight = rec->body.len;
    return true;
}

static void search_write(struct wr_service_call *call, struct wr_buf *b)
{
    struct wr_aws_url u;
    call->aws.method = "PUT";
    call->aws.content_type = WR_STR("application/json");
    if (wr_aws_url_read(call->aws.endpoint, &u)) {
        bool serverless = wr_str_find(u.host, WR_STR(".aoss.amazonaws.")) > 0;
        call->aws.region = region_before(u.host, serverless ? WR_STR(".aoss.amazonaws.")
                                                            : WR_STR(".es.amazonaws."));
        call->aws.signing_name = serverless ? WR_STR("aoss") : (wr_str){0};
    }
    wr_buf_add(b, call->entries[0]->json);
}

// Two lines for a document, as _bulk takes them.
static void search_line(const struct wr_service_entry *e, struct wr_buf *b)
{
    const struct wr_param *p = e->ask->rec->params;
    wr_buf_add(b, WR_STR("{\"index\":{\"_index\":"));
    wr_json_write_string(b, p[SEARCH_INDEX].text);
    if (!wr_str_eq(p[SEARCH_TYPE].text, WR_STR("_doc"))) {
        wr_buf_add(b, WR_STR(",\"_type\":"));
        wr_json_write_string(b, p[SEARCH_TYPE].text);
    }
    wr_buf_add(b, WR_STR(",\"_id\":"));
    wr_json_write_string(b, p[SEARCH_ID].text);
    wr_buf_add(b, WR_STR("}}\n"));
    wr_service_add_json(b, e->json);
    wr_buf_add_char(b, '\n');
}

#define SEARCH(folder_)                                                                        \
    {                                                                                          \
        .aws = WR_AWS_OPENSEARCH, .what = "Failed to put the document",                        \
        .role_option = SEARCH_ROLE, .make = search_make, .entries_max = 1, .in_flight_max = 1, \
        .write = search_write, .folder = folder_, .depth = 1, .line = search_line,             \
    }
const struct wr_service wr_service_open_search = SEARCH("opensearch");
const struct wr_service wr_service_elasticsearch = SEARCH("elasticsearch");

// ---- the sinks

#define LOCAL_FORM(folder_)                                                                  \
    .form = "Two lines for each document in local/" folder_ "/INDEX.ndjson, as _bulk takes " \
            "them.",                                                                         \
    .settings = wr_service_lines_settings, WR_SERVICE_LINES
#define AWS_FORM \
    .form = "A signed PUT for each document; those of one id in their order.", WR_SERVICE_AWS
#define OPEN_SEARCH                                                                             \
    .name = "openSearch", .failed_action = "OpenSearchAction",                                  \
    .help = "Puts the result as a document of an OpenSearch index.", .options = search_options, \
    .resource_option = SEARCH_ENDPOINT, .check = search_check
#define ELASTICSEARCH                                                                   \
    .name = "elasticsearch", .failed_action = "ElasticsearchAction",                    \
    .help = "As openSearch; AWS takes no new rule with it.", .options = search_options, \
    .resource_option = SEARCH_ENDPOINT, .check = search_check

const struct wr_sink_impl wr_sink_open_search = {OPEN_SEARCH, LOCAL_FORM("opensearch")};
const struct wr_sink_impl wr_sink_open_search_aws = {OPEN_SEARCH, AWS_FORM};
const struct wr_sink_impl wr_sink_elasticsearch = {ELASTICSEARCH, LOCAL_FORM("elasticsearch")};
const struct wr_sink_impl wr_sink_elasticsearch_aws = {ELASTICSEARCH, AWS_FORM};
