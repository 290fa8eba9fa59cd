// `weir destinations`: where rules may send to over HTTP, and what has confirmed it.
#include "engine/cli/control_client.h"
#include "engine/cli/control_verbs.h"

#include "sql/base/banned.h"

static int verb_list(struct wr_control *c, void *user)
{
    static const struct wr_control_column columns[] = {{"ARN", "arn"},
                                                       {"STATUS", "status"},
                                                       {"URL", "httpUrlSummary.confirmationUrl"},
                                                       {"CREATED", "createdAt", WR_CONTROL_TIME},
                                                       {NULL}};
    int code = wr_control_pages(c, "destinationSummaries", "/destinations");
    return code ? code : wr_control_table(c, "destinationSummaries", columns, "destination");
}

static const struct wr_control_column shown[] = {
    {"ARN", "arn"},
    {"status", "status"},
    {"reason", "statusReason"},
    {"confirmation URL", "httpUrlProperties.confirmationUrl"},
    {"VPC", "vpcProperties.vpcId"},
    {"InfluxDB", "influxDBProperties.endpoint"},
    {"created", "createdAt", WR_CONTROL_TIME},
    {"changed", "lastUpdatedAt", WR_CONTROL_TIME},
    {NULL}};

static int verb_show(struct wr_control *c, void *user)
{
    int code = wr_control_call(c, "GET", NULL, "/destinations/%s", c->words[0]);
    return code ? code
                : wr_control_show(c, json_object_get(c->answer, "topicRuleDestination"), shown);
}

static int verb_create(struct wr_control *c, void *user)
{
    json_t *body = json_pack("{s:{s:{s:s}}}", "destinationConfiguration", "httpUrlConfiguration",
                             "confirmationUrl", c->words[0]);
    if (!body) {
        return wr_control_complain(c, WR_EXIT_USAGE, "the URL is not UTF-8");
    }
    int code = wr_control_call(c, "POST", body, "/destinations");
    return code ? code
                : wr_control_show(c, json_object_get(c->answer, "topicRuleDestination"), shown);
}

static int verb_confirm(struct wr_control *c, void *user)
{
    int code = wr_control_call(c, "GET", NULL, "/confirmdestination/%s", c->words[0]);
    return code ? code
                : wr_control_say(c, "confirmed; enable it with: weir destinations enable ARN");
}

static int set_status(struct wr_control *c, const char *status)
{
    json_t *body = json_pack("{s:s, s:s}", "arn", c->words[0], "status", status);
    if (!body) {
        return wr_control_complain(c, WR_EXIT_USAGE, "the ARN is not UTF-8");
    }
    int code = wr_control_call(c, "PATCH", body, "/destinations");
    return code ? code : wr_control_say(c, "%s is %s", c->words[0], status);
}

static int verb_enable(struct wr_control *c, void *user)
{
    return set_status(c, "ENABLED");
}

static int verb_disable(struct wr_control *c, void *user)
{
    return set_status(c, "DISABLED");
}

static int verb_ask(struct wr_control *c, void *user)
{
    return set_status(c, "IN_PROGRESS");
}

static int verb_delete(struct wr_control *c, void *user)
{
    int code = wr_control_agree(c, "delete the destination %s?", c->words[0]);
    if (!code) {
        code = wr_control_call(c, "DELETE", NULL, "/destinations/%s", c->words[0]);
    }
    return code ? code : wr_control_say(c, "deleted %s", c->words[0]);
}

int wr_cli_destinations(int argc, char **argv)
{
    static const struct wr_control_verb verbs[] = {WR_DESTINATIONS_VERBS(WR_CONTROL_VERB){0}};
    return wr_control_main("destinations", verbs, NULL, NULL, argc, argv);
}
