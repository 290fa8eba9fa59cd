// AWS IoT policies: what each form of statement answers, what is noted about it, and that no bytes
// are taken for a compiled policy that are none.
#include "engine/registry/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/support/test.h"

#include "sql/base/banned.h"

#define ARN "arn:aws:iot:eu-west-1:123456789012:"

// ---- the one who asks: client c1, thing c1 of type pump with attributes, a certificate

static bool attribute(void *user, wr_str name, wr_str *value)
{
    if (wr_str_eq(name, S("site"))) {
        *value = S("hall-3");
        return true;
    }
    if (wr_str_eq(name, S("wild"))) {
        *value = S("a/+/b");
        return true;
    }
    if (wr_str_eq(name, S("star"))) {
        *value = S("*");
        return true;
    }
    if (wr_str_eq(name, S("empty"))) {
        *value = S("");
        return true;
    }
    return false;
}

static bool certificate(void *user, wr_str name, uint32_t index, wr_str *value)
{
    static const wr_str units[] = {WR_STR_INIT("red"), WR_STR_INIT("green"), WR_STR_INIT("blue")};
    if (wr_str_eq(name, S("Subject.OrganizationalUnit")) && index < 3) {
        *value = units[index];
        return true;
    }
    if (wr_str_eq(name, S("Subject.CommonName")) && index == 0) {
        *value = S("pump 7");
        return true;
    }
    return false;
}

static const struct wr_policy_context whole = {
    .client_id = WR_STR_INIT("c1"),
    .source_ip = WR_STR_INIT("10.1.2.3"),
    .thing_name = WR_STR_INIT("c1"),
    .thing_type = WR_STR_INIT("pump"),
    .is_attached = WR_STR_INIT("true"),
    .attribute = attribute,
    .certificate = certificate,
};

static enum wr_policy_verdict ask(const char *name, wr_str document, const char *action,
                                  const char *resource, const struct wr_policy_context *context,
                                  uint32_t *statement)
{
    struct wr_buf bytes = {0};
    struct wr_policy_notes notes;
    struct wr_fault fault = {0};
    CHECK_INT(name, wr_policy_compile(document, &bytes, &notes, &fault), WR_OK);
    // The exact size on the heap: ASan sees a byte that is read behind it.
    char *exact = malloc(bytes.len);
    memcpy(exact, bytes.at, bytes.len);
    struct wr_policy p;
    CHECK_INT(name, wr_policy_open((wr_str){exact, bytes.len}, &p), WR_OK);
    struct wr_policy_request r = {wr_str_of(action), S("eu-west-1"), S("123456789012"),
                                  wr_str_of(resource), context};
    uint64_t steps = WR_POLICY_STEPS;
    enum wr_policy_verdict v = wr_policy_evaluate(&p, &r, statement, &steps);
    free(exact);
    wr_buf_release(&bytes);
    return v;
}

#define NO    WR_POLICY_NOTHING
#define ALLOW WR_POLICY_ALLOW
#define DENY  WR_POLICY_DENY

// ---- resources: one Allow of iot:* on the pattern

static const struct {
    const char *pattern, *resource;
    enum wr_policy_verdict want;
} resources[] = {
    {"*", "topic/a", ALLOW},
    {ARN "topic/a", "topic/a", ALLOW},
    {ARN "topic/a", "topic/ab", NO},
    {ARN "topic/a", "topic/A", NO},
    {ARN "topic/a", "client/a", NO},
    {ARN "*", "client/x", ALLOW},
    {ARN "topic/*", "topic/", ALLOW},
    {ARN "topic/*", "topic/a/b/c", ALLOW},
    {ARN "topic/a/*/c", "topic/a/b/x/c", ALLOW},
    {ARN "topic/a/*/c", "topic/a/c", NO},
    {ARN "topic/a?c", "topic/abc", ALLOW},
    {ARN "topic/a?c", "topic/a/c", ALLOW},
    {ARN "topic/a?c",
     "topic/a\xc3\xa9"
     "c",
     ALLOW},
    {ARN "topic/a??c",
     "topic/a\xc3\xa9"
     "c",
     NO},
    {ARN "topic/*?", "topic/", NO},
    {ARN "topic/*?", "topic/\xc3\xa9", ALLOW},
    {ARN "topic/*??", "topic/\xc3\xa9", NO},
    {ARN "topic/*a*b*c", "topic/xaxbxbxc", ALLOW},
    {ARN "topic/*a*b*c", "topic/xaxcxb", NO},
    {ARN "topic/*ab", "topic/aab", ALLOW},
    {ARN "topic/*ab*ab", "topic/ab", NO},
    {ARN "topic/**", "topic/a", ALLOW},
    // + and # are plain characters of a pattern
    {ARN "topicfilter/a/+", "topicfilter/a/+", ALLOW},
    {ARN "topicfilter/a/+", "topicfilter/a/b", NO},
    {ARN "topicfilter/a/*", "topicfilter/a/#", ALLOW},
    {ARN "topicfilter/a/#", "topicfilter/a/b", NO},
    {ARN "topicfilter/$share/*/a", "topicfilter/$share/g/a", ALLOW},
    // region, account, service, partition
    {"arn:aws:iot:eu-west-2:123456789012:topic/a", "topic/a", NO},
    {"arn:aws:iot:eu-west-1:123456789013:topic/a", "topic/a", NO},
    {"arn:aws:iot:*:123456789012:topic/a", "topic/a", ALLOW},
    {"arn:aws:iot:eu-*:*:topic/a", "topic/a", ALLOW},
    {"arn:aws:iot:eu-west-?:1*:topic/a", "topic/a", ALLOW},
    {"arn:aws:iot:us-*:*:topic/a", "topic/a", NO},
    {"arn:aws-cn:iot:eu-west-1:123456789012:topic/a", "topic/a", ALLOW},
    {"arn:aws:s3:eu-west-1:123456789012:topic/a", "topic/a", NO},
    {"arn:*:*:*:*:topic/a", "topic/a", ALLOW},
    {"arn:aws:iot:*", "topic/a", ALLOW},
    {"arn:aws:iot:eu-west-1:*", "topic/a", ALLOW},
    {"arn:aws:iot:eu-west-2:*", "topic/a", NO},
    {"arn:aws:iot:eu*", "topic/a", NO}, // no whole segment is a star
    {"topic/a", "topic/a", NO},
    {"", "topic/a", NO},
    {ARN "topic/a:b", "topic/a:b", ALLOW},
    {ARN "topic/*", "topic/a:b:c", ALLOW},
    // a wildcard does not go over a colon of the ARN's head
    {"arn:aws:iot:*:topic/a", "topic/a", NO},
    // variables
    {ARN "client/${iot:ClientId}", "client/c1", ALLOW},
    {ARN "client/${iot:ClientId}", "client/c2", NO},
    {ARN "client/${IOT:clientid}", "client/c1", ALLOW},
    {ARN "topic/${iot:Connection.Thing.ThingName}/x", "topic/c1/x", ALLOW},
    {ARN "topic/${iot:Connection.Thing.ThingTypeName}/*", "topic/pump/x", ALLOW},
    {ARN "topic/${iot:Connection.Thing.Attributes[site]}", "topic/hall-3", ALLOW},
    {ARN "topic/${iot:Connection.Thing.Attributes[Site]}", "topic/hall-3", NO},
    {ARN "topic/${iot:Connection.Thing.Attributes[none]}", "topic/", NO},
    {ARN "topic/${iot:Connection.Thing.Attributes[none]}",
     "topic/${iot:Connection.Thing.Attributes[none]}", NO},
    {ARN "topic/x${iot:Connection.Thing.Attributes[empty]}", "topic/x", ALLOW},
    {ARN "topic/${iot:Connection.Thing.IsAttached}", "topic/true", ALLOW},
    {ARN "topic/${aws:SourceIp}", "topic/10.1.2.3", ALLOW},
    {ARN "topic/${iot:DomainName}", "topic/", NO}, // not known to the plugin
    {ARN "topic/*-${iot:ClientId}-*", "topic/x-c1-y", ALLOW},
    {ARN "topic/${iot:ClientId}${iot:ClientId}", "topic/c1c1", ALLOW},
    {ARN "topic/${iot:Nothing}", "topic/${iot:Nothing}", NO},
    {ARN "topic/${iot:ClientId", "topic/${iot:ClientId", NO},
    {ARN "topic/$", "topic/$", ALLOW},
    {ARN "topic/${$}{iot:ClientId}", "topic/${iot:ClientId}", ALLOW},
    {ARN "topic/${*}", "topic/*", ALLOW},
    {ARN "topic/${*}", "topic/x", NO},
    {ARN "topic/${?}", "topic/?", ALLOW},
    {ARN "topic/${?}", "topic/x", NO},
    // a value is plain text
    {ARN "topic/${iot:Connection.Thing.Attributes[star]}", "topic/*", ALLOW},
    {ARN "topic/${iot:Connection.Thing.Attributes[star]}", "topic/x", NO},
    {ARN "topic/${iot:Connection.Thing.Attributes[wild]}", "topic/a/+/b", ALLOW},
    {ARN "topicfilter/${iot:Connection.Thing.Attributes[wild]}", "topicfilter/a/+/b", NO},
    {ARN "topicfilter/${iot:Connection.Thing.Attributes[star]}", "topicfilter/*", ALLOW},
    {ARN "topicfilter/+/${iot:ClientId}", "topicfilter/+/c1", ALLOW},
    // certificates
    {ARN "topic/${iot:Certificate.Subject.CommonName}", "topic/pump 7", ALLOW},
    {ARN "topic/${iot:Certificate.Subject.OrganizationalUnit}", "topic/red", ALLOW},
    {ARN "topic/${iot:Certificate.Subject.OrganizationalUnit}", "topic/green", NO},
    {ARN "topic/${iot:Certificate.Subject.OrganizationalUnit.0}", "topic/red", ALLOW},
    {ARN "topic/${iot:Certificate.Subject.OrganizationalUnit.1}", "topic/green", ALLOW},
    {ARN "topic/${iot:Certificate.Subject.OrganizationalUnit.3}", "topic/", NO},
    {ARN "topic/${iot:Certificate.Subject.OrganizationalUnit.List}", "topic/blue", ALLOW},
    {ARN "topic/${iot:Certificate.Subject.OrganizationalUnit.List}", "topic/black", NO},
    {ARN "topic/${iot:Certificate.Issuer.CommonName}", "topic/", NO},
    {ARN "topic/${iot:Certificate.Subject.Nonsense}", "topic/", NO},
};

static void test_resources(void **state)
{
    for (size_t i = 0; i < WR_COUNT(resources); i++) {
        struct wr_buf d = {0};
        wr_buf_addf(&d,
                    "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":"
                    "\"iot:*\",\"Resource\":\"%s\"}}",
                    resources[i].pattern);
        char name[300];
        snprintf(name, sizeof name, "%s on %s", resources[i].pattern, resources[i].resource);
        uint32_t statement = 7;
        CHECK_INT(
            name,
            ask(name, wr_buf_str(&d), "iot:Publish", resources[i].resource, &whole, &statement),
            resources[i].want);
        CHECK_INT(name, statement, resources[i].want == NO ? UINT32_MAX : 0);
        wr_buf_release(&d);
    }
}

// ---- whole documents: 'single quotes' stand for double ones

#define V      "'Version':'2012-10-17',"
#define ONE(s) "{" V "'Statement':[" s "]}"
#define ALL    "'Action':'*','Resource':'*'"

static const struct {
    const char *name, *document, *action, *resource;
    enum wr_policy_verdict want;
    uint32_t statement; // that decided, from 0
    uint32_t malformed; // notes that AWS would refuse it for
    uint32_t notes;
} documents[] = {
    {"an empty object", "{}", "iot:Connect", "client/a", NO, 0, 2, 2},
    {"no statement", "{" V "'Statement':[]}", "iot:Connect", "client/a", NO, 0, 1, 1},
    {"a statement that is no array", "{" V "'Statement':{'Effect':'Allow'," ALL "}}", "iot:Connect",
     "client/a", ALLOW, 0, 0, 0},
    {"a deny after an allow", ONE("{'Effect':'Allow'," ALL "},{'Effect':'Deny'," ALL "}"),
     "iot:Connect", "client/a", DENY, 1, 0, 0},
    {"a deny before an allow", ONE("{'Effect':'Deny'," ALL "},{'Effect':'Allow'," ALL "}"),
     "iot:Connect", "client/a", DENY, 0, 0, 0},
    {"the first allow decides", ONE("{'Effect':'Allow'," ALL "},{'Effect':'Allow'," ALL "}"),
     "iot:Connect", "client/a", ALLOW, 0, 0, 0},
    {"an array of actions",
     ONE("{'Effect':'Allow','Action':['iot:Connect','iot:Publish'],'Resource':['*']}"),
     "iot:Publish", "topic/a", ALLOW, 0, 0, 0},
    {"another action", ONE("{'Effect':'Allow','Action':['iot:Connect'],'Resource':['*']}"),
     "iot:Publish", "topic/a", NO, 0, 0, 0},
    {"iot:* is all of them", ONE("{'Effect':'Allow','Action':'iot:*','Resource':'*'}"),
     "iot:Receive", "topic/a", ALLOW, 0, 0, 0},
    {"iot:Pub*", ONE("{'Effect':'Allow','Action':'iot:Pub*','Resource':'*'}"), "iot:Publish",
     "topic/a", ALLOW, 0, 0, 0},
    {"iot:Publish is not iot:RetainPublish",
     ONE("{'Effect':'Allow','Action':'iot:Publish','Resource':'*'}"), "iot:RetainPublish",
     "topic/a", NO, 0, 0, 0},
    {"case of an action does not matter",
     ONE("{'Effect':'Allow','Action':'IOT:connect','Resource':'*'}"), "iot:Connect", "client/a",
     ALLOW, 0, 0, 0},
    {"another service's star", ONE("{'Effect':'Allow','Action':'s3:*','Resource':'*'}"),
     "iot:Connect", "client/a", NO, 0, 0, 0},
    {"an action with a blank", ONE("{'Effect':'Allow','Action':'iot: *','Resource':'*'}"),
     "iot:Connect", "client/a", NO, 0, 1, 1},
    {"escapes are decoded",
     ONE("{'Effect':'Allow','Action':'iot:Connec\\u0074','Resource':'\\u002a'}"), "iot:Connect",
     "client/a", ALLOW, 0, 0, 0},
    {"an effect in lower case", ONE("{'Effect':'allow'," ALL "}"), "iot:Connect", "client/a", NO, 0,
     1, 1},
    {"no effect", ONE("{" ALL "}"), "iot:Connect", "client/a", NO, 0, 1, 1},
    {"no action", ONE("{'Effect':'Allow','Resource':'*'}"), "iot:Connect", "client/a", NO, 0, 1, 1},
    {"an action that is a number", ONE("{'Effect':'Allow','Action':1,'Resource':'*'}"),
     "iot:Connect", "client/a", NO, 0, 1, 1},
    {"a statement that is a string", ONE("'x'"), "iot:Connect", "client/a", NO, 0, 1, 1},
    {"NotAction never allows", ONE("{'Effect':'Allow','NotAction':'iot:X','Resource':'*'}"),
     "iot:Connect", "client/a", NO, 0, 0, 1},
    {"a Deny with NotResource denies everything",
     ONE("{'Effect':'Deny','Action':'*','NotResource':'*'}"), "iot:Connect", "client/a", DENY, 0, 0,
     1},
    {"Principal never allows", ONE("{'Effect':'Allow','Principal':'*'," ALL "}"), "iot:Connect",
     "client/a", NO, 0, 0, 1},
    {"an older version has no variables",
     "{'Version':'2008-10-17','Statement':{'Effect':'Allow','Action':'*','Resource':"
     "'" ARN "client/${iot:ClientId}'}}",
     "iot:Connect", "client/c1", NO, 0, 1, 1},
    {"an older version has its text",
     "{'Version':'2008-10-17','Statement':{'Effect':'Allow','Action':'*','Resource':"
     "'" ARN "client/${iot:ClientId}'}}",
     "iot:Connect", "client/${iot:ClientId}", ALLOW, 0, 1, 1},
    // conditions
    {"Bool",
     ONE("{'Effect':'Allow'," ALL
         ",'Condition':{'Bool':{'iot:Connection.Thing.IsAttached':['true']}}}"),
     "iot:Connect", "client/a", ALLOW, 0, 0, 0},
    {"Bool with another value",
     ONE("{'Effect':'Allow'," ALL
         ",'Condition':{'Bool':{'iot:Connection.Thing.IsAttached':false}}}"),
     "iot:Connect", "client/a", NO, 0, 0, 0},
    {"StringEquals takes one of several",
     ONE("{'Effect':'Allow'," ALL ",'Condition':{'StringEquals':{'iot:ClientId':['a','c1']}}}"),
     "iot:Connect", "client/a", ALLOW, 0, 0, 0},
    {"StringEquals has no wildcards",
     ONE("{'Effect':'Allow'," ALL ",'Condition':{'StringEquals':{'iot:ClientId':'c*'}}}"),
     "iot:Connect", "client/a", NO, 0, 0, 0},
    {"StringLike has",
     ONE("{'Effect':'Allow'," ALL ",'Condition':{'StringLike':{'iot:ClientId':'c?'}}}"),
     "iot:Connect", "client/a", ALLOW, 0, 0, 0},
    {"StringLike with a variable",
     ONE("{'Effect':'Allow'," ALL
         ",'Condition':{'StringLike':{'iot:Connection.Thing.ThingName':'*${iot:ClientId}'}}}"),
     "iot:Connect", "client/a", ALLOW, 0, 0, 0},
    {"StringNotEquals wants none of several",
     ONE("{'Effect':'Allow'," ALL ",'Condition':{'StringNotEquals':{'iot:ClientId':['a','c1']}}}"),
     "iot:Connect", "client/a", NO, 0, 0, 0},
    {"StringNotEquals of what is not known",
     ONE("{'Effect':'Allow'," ALL ",'Condition':{'StringNotEquals':{'iot:DomainName':'a'}}}"),
     "iot:Connect", "client/a", ALLOW, 0, 0, 0},
    {"StringEquals of what is not known",
     ONE("{'Effect':'Allow'," ALL ",'Condition':{'StringEquals':{'iot:DomainName':'a'}}}"),
     "iot:Connect", "client/a", NO, 0, 0, 0},
    {"IfExists of what is not known",
     ONE("{'Effect':'Allow'," ALL ",'Condition':{'StringEqualsIfExists':{'iot:DomainName':'a'}}}"),
     "iot:Connect", "client/a", ALLOW, 0, 0, 0},
    {"StringEqualsIgnoreCase",
     ONE("{'Effect':'Allow'," ALL ",'Condition':{'StringEqualsIgnoreCase':{'iot:ClientId':'C1'}}}"),
     "iot:Connect", "client/a", ALLOW, 0, 0, 0},
    {"Null", ONE("{'Effect':'Allow'," ALL ",'Condition':{'Null':{'iot:DomainName':'true'}}}"),
     "iot:Connect", "client/a", ALLOW, 0, 0, 0},
    {"IpAddress",
     ONE("{'Effect':'Allow'," ALL
         ",'Condition':{'IpAddress':{'aws:SourceIp':['192.168.0.0/16','10.0.0.0/8']}}}"),
     "iot:Connect", "client/a", ALLOW, 0, 0, 0},
    {"IpAddress outside by a bit",
     ONE("{'Effect':'Allow'," ALL ",'Condition':{'IpAddress':{'aws:SourceIp':'10.1.2.4/31'}}}"),
     "iot:Connect", "client/a", NO, 0, 0, 0},
    {"IpAddress inside by a bit",
     ONE("{'Effect':'Allow'," ALL ",'Condition':{'IpAddress':{'aws:SourceIp':'10.1.2.2/31'}}}"),
     "iot:Connect", "client/a", ALLOW, 0, 0, 0},
    {"IpAddress that is none",
     ONE("{'Effect':'Allow'," ALL ",'Condition':{'IpAddress':{'aws:SourceIp':'10.0.0.0/33'}}}"),
     "iot:Connect", "client/a", NO, 0, 0, 0},
    {"NotIpAddress",
     ONE("{'Effect':'Deny'," ALL ",'Condition':{'NotIpAddress':{'aws:SourceIp':'10.1.2.3'}}}"),
     "iot:Connect", "client/a", NO, 0, 0, 0},
    {"all conditions must hold",
     ONE("{'Effect':'Allow'," ALL ",'Condition':{'StringEquals':{'iot:ClientId':'c1'},"
         "'Bool':{'iot:Connection.Thing.IsAttached':'false'}}}"),
     "iot:Connect", "client/a", NO, 0, 0, 0},
    {"a condition that is not supported never allows",
     ONE("{'Effect':'Allow'," ALL
         ",'Condition':{'DateGreaterThan':{'aws:CurrentTime':'2020-01-01T00:00:00Z'}}}"),
     "iot:Connect", "client/a", NO, 0, 0, 1},
    {"a Deny with it denies",
     ONE("{'Effect':'Deny'," ALL
         ",'Condition':{'DateGreaterThan':{'aws:CurrentTime':'2020-01-01T00:00:00Z'}}}"),
     "iot:Connect", "client/a", DENY, 0, 0, 1},
    {"a Deny with a condition beside it denies too",
     ONE("{'Effect':'Deny'," ALL ",'Condition':{'StringEquals':{'iot:ClientId':'other',"
         "'aws:UserAgent':'x'}}}"),
     "iot:Connect", "client/a", DENY, 0, 0, 1},
    {"a key that is not supported",
     ONE("{'Effect':'Allow'," ALL ",'Condition':{'StringEquals':{'aws:UserAgent':'x'}}}"),
     "iot:Connect", "client/a", NO, 0, 0, 1},
};

static void test_documents(void **state)
{
    for (size_t i = 0; i < WR_COUNT(documents); i++) {
        const char *name = documents[i].name;
        struct wr_buf d = {0};
        for (const char *c = documents[i].document; *c; c++) {
            wr_buf_add_char(&d, *c == '\'' ? '"' : *c);
        }
        uint32_t statement = 7;
        enum wr_policy_verdict got = ask(name, wr_buf_str(&d), documents[i].action,
                                         documents[i].resource, &whole, &statement);
        CHECK_INT(name, got, documents[i].want);
        CHECK_INT(name, statement, got == NO ? UINT32_MAX : documents[i].statement);
        struct wr_buf bytes = {0};
        struct wr_policy_notes notes;
        CHECK_INT(name, wr_policy_compile(wr_buf_str(&d), &bytes, &notes, NULL), WR_OK);
        CHECK_INT(name, notes.malformed, documents[i].malformed);
        CHECK_INT(name, notes.count, documents[i].notes);
        CHECK(name, notes.count == 0 || notes.list[0].text[0]);
        wr_buf_release(&bytes);
        wr_buf_release(&d);
    }
}

// Notes quote the document, and are one line of ASCII all the same.
static void test_notes(void **state)
{
    wr_str d = S("{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"x "
                 "\\r\\nSet-Cookie: a\",\"Resource\":\"\xc3\xa9\\u0000\\u007f\",\"We\\nird\":1}}");
    struct wr_buf out = {0};
    struct wr_policy_notes notes;
    CHECK_INT("compile", wr_policy_compile(d, &out, &notes, NULL), WR_OK);
    CHECK_INT("notes", notes.count, 3);
    for (uint32_t i = 0; i < notes.count; i++) {
        for (const char *p = notes.list[i].text; *p; p++) {
            CHECK(notes.list[i].text, *p >= ' ' && *p <= '~');
        }
    }
    CHECK_STR("quoted", Z(notes.list[0].text),
              S("'We?ird' is not supported: the statement never allows"));
    wr_buf_release(&out);
}

// ---- what is no policy

static void test_refused(void **state)
{
    static const struct {
        const char *document;
        wr_err want;
        size_t offset;
    } cases[] = {
        {"", WR_ERR_SYNTAX, 0},         {"{", WR_ERR_SYNTAX, 1}, {"not json", WR_ERR_SYNTAX, 1},
        {"{\"a\":}", WR_ERR_SYNTAX, 5}, {"[]", WR_ERR_TYPE, 0},  {"\"x\"", WR_ERR_TYPE, 0},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_buf out = {0};
        struct wr_fault fault = {0};
        CHECK_INT(cases[i].document,
                  wr_policy_compile(wr_str_of(cases[i].document), &out, NULL, &fault),
                  cases[i].want);
        CHECK(cases[i].document, fault.text[0]);
        CHECK(cases[i].document, cases[i].want != WR_ERR_SYNTAX || fault.offset == cases[i].offset);
        CHECK_INT(cases[i].document, out.len, 0);
    }
    struct wr_buf out = {0}, d = {0};
    wr_buf_addf(&d,
                "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\","
                "\"Resource\":\"" ARN "topic/");
    for (int i = 0; i < WR_POLICY_PARTS_MAX; i++) {
        wr_buf_add(&d, WR_STR("*a"));
    }
    wr_buf_add(&d, WR_STR("\"}}"));
    CHECK_INT("too many parts", wr_policy_compile(wr_buf_str(&d), &out, NULL, NULL), WR_ERR_LIMIT);
    CHECK_INT("nothing is left behind", out.len, 0);
    wr_buf_release(&d);
}

// Every byte of a compiled policy changed, and every length: never a read outside (ASan), and an
// answer in bounded time when it still holds together.
static void test_hostile_bytes(void **state)
{
    wr_str document = S(
        "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"iot:Con*\","
        "\"iot:Publish\"],\"Resource\":[\"" ARN
        "topic/a?*-${iot:ClientId}${iot:Certificate.Subject.OrganizationalUnit.List}\"],"
        "\"Condition\":{\"StringLike\":{\"iot:ClientId\":[\"c*\",\"d\"]},\"IpAddress\":{\"aws:"
        "SourceIp"
        "\":\"10.0.0.0/8\"}}},{\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*x*\"}]}");
    struct wr_buf bytes = {0};
    CHECK_INT("compile", wr_policy_compile(document, &bytes, NULL, NULL), WR_OK);
    struct wr_policy_request r = {S("iot:Publish"), S("eu-west-1"), S("123456789012"),
                                  S("topic/abc-c1red"), &whole};
    size_t opened = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        struct wr_policy p;
        char *exact = malloc(i ? i : 1);
        memcpy(exact, bytes.at, i);
        CHECK("cut", wr_policy_open((wr_str){exact, i}, &p) == WR_ERR_CORRUPT);
        free(exact);
        static const unsigned char flips[] = {1, 0x80, 0xff};
        for (size_t f = 0; f < WR_COUNT(flips); f++) {
            exact = malloc(bytes.len);
            memcpy(exact, bytes.at, bytes.len);
            exact[i] = (char)(exact[i] ^ flips[f]);
            if (wr_policy_open((wr_str){exact, bytes.len}, &p) == WR_OK) {
                uint64_t steps = WR_POLICY_STEPS;
                (void)wr_policy_evaluate(&p, &r, NULL, &steps);
                opened++;
            }
            free(exact);
        }
    }
    CHECK("some still hold together", opened > 0);
    wr_buf_release(&bytes);
}

// Patterns made to take long: the answer is no, soon.
static void test_bounded(void **state)
{
    struct wr_buf d = {0};
    wr_buf_add(&d,
               WR_STR("{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":"
                      "\"*\",\"Resource\":["));
    for (int i = 0; i < 60; i++) {
        wr_buf_addf(&d, "%s\"" ARN "topic/", i ? "," : "");
        for (int k = 0; k < 150; k++) {
            wr_buf_add(&d, WR_STR("*aa?"));
        }
        wr_buf_add(&d, WR_STR("b\""));
    }
    wr_buf_add(&d, WR_STR("]}}"));
    char *resource = malloc(WR_POLICY_RESOURCE_MAX + 2);
    memset(resource, 'a', WR_POLICY_RESOURCE_MAX + 1);
    memcpy(resource, "topic/", 6);
    resource[WR_POLICY_RESOURCE_MAX] = 0;
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    enum wr_policy_verdict v = ask("long", wr_buf_str(&d), "iot:Publish", resource, &whole, NULL);
    clock_gettime(CLOCK_MONOTONIC, &to);
    double ms = (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6;
    print_message("# the hostile decision took %.1f ms\n", ms);
    CHECK("not allowed", v != ALLOW);
    CHECK("in bounded time", ms < 1000);
    resource[WR_POLICY_RESOURCE_MAX] = 'a';
    resource[WR_POLICY_RESOURCE_MAX + 1] = 0;
    wr_str all =
        S("{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\","
          "\"Resource\":\"*\"}}");
    CHECK_INT("too long a resource", ask("long", all, "iot:Publish", resource, &whole, NULL), DENY);
    free(resource);
    wr_buf_release(&d);
}

// Equal documents give equal bytes, whatever was in memory before.
static void test_stable(void **state)
{
    wr_str d = S(
        "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":[\"iot:Publish"
        "\",\"iot:*\"],\"Resource\":\"" ARN "topic/${iot:ClientId}/*\"}}");
    struct wr_buf a = {0}, b = {0};
    CHECK_INT("a", wr_policy_compile(d, &a, NULL, NULL), WR_OK);
    wr_buf_add(&b, WR_STR("in front"));
    CHECK_INT("b", wr_policy_compile(d, &b, NULL, NULL), WR_OK);
    CHECK_STR("the same", wr_str_cut(wr_buf_str(&b), 8, b.len), wr_buf_str(&a));
    wr_buf_release(&a);
    wr_buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_resources),     T(test_documents), T(test_notes),  T(test_refused),
        T(test_hostile_bytes), T(test_bounded),   T(test_stable),
    };
    return TEST_MAIN(tests);
}
