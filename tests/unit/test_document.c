// Rule documents: forms, limits, members of actions, and the texts of refusals.
#include "engine/rules/document.h"

#include "tests/support/test.h"

#include <stdlib.h>

#include "tests/support/fake_sink.h"

#include "sql/base/banned.h"

// Only the action is of interest.
#define ACTION(action) "{\"sql\": \"SELECT 1\", \"actions\": [" action "]}"

static void accepts_the_three_forms(void **state)
{
    static const struct {
        const char *name, *text, *rule;
    } cases[] = {
        {"bare", "{\"sql\": \"SELECT 1\", \"actions\": []}", "file_1"},
        {"wrapped", "{\"topicRulePayload\": {\"sql\": \"SELECT 1\", \"actions\": []}}", "file_1"},
        {"named",
         "{\"ruleName\": \"My_rule\", \"topicRulePayload\": {\"sql\": \"SELECT 1\", \"actions\": "
         "[]}}",
         "My_rule"},
        {"tags have no effect",
         "{\"ruleName\": \"r\", \"tags\": \"a=b\", \"topicRulePayload\": {\"sql\": \"SELECT 1\", "
         "\"actions\": []}}",
         "r"},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_document *d;
        struct wr_fault fault = {0};
        if (wr_document_parse(Z(cases[i].text), "rules/file_1.json", fake_kinds, &d, &fault)) {
            CASE_FAIL(cases[i].name, "%s", fault.text);
        }
        CHECK_STR(cases[i].name, d->name, Z(cases[i].rule));
        CHECK_STR(cases[i].name, d->sql, S("SELECT 1"));
        CHECK_INT(cases[i].name, d->disabled, false);
        wr_document_free(d);
    }
}

static void reads_members(void **state)
{
    static const char text[] =
        "{\"sql\": \"SELECT 1\", \"description\": \"d\", \"ruleDisabled\": true,"
        "\"awsIotSqlVersion\": \"2016-03-23\", \"actions\": [{\"fake\": {\"name\": \"a${b}\","
        "\"qos\": 1, \"flag\": true, \"color\": \"RED\", \"nested\": {\"inner\": \"x\"},"
        "\"headers\": [{\"key\": \"k\", \"value\": \"${v}\"}], \"labels\": {\"m\": \"n\"}}}],"
        "\"errorAction\": {\"other\": {\"name\": \"e\", \"qos\": \"1\", \"flag\": \"true\"}}}";
    struct wr_document *d;
    struct wr_fault fault = {0};
    if (wr_document_parse(Z(text), "f.json", fake_kinds, &d, &fault)) {
        CASE_FAIL("reads", "%s", fault.text);
    }
    CHECK_INT("disabled", d->disabled, true);
    CHECK_STR("version", d->sql_version, S("2016-03-23"));
    CHECK_INT("actions", d->action_count, 1);
    const struct wr_param *p = d->actions[0].params;
    CHECK_STR("name", p[0].text, S("a${b}"));
    CHECK_INT("name is a template", d->actions[0].constant[0], false);
    CHECK_INT("qos", p[1].number, 1);
    CHECK_STR("qos as text", p[1].text, S("1"));
    CHECK_STR("flag", p[2].text, S("true"));
    CHECK_INT("flag", p[2].number, 1);
    CHECK_STR("color", p[3].text, S("RED"));
    CHECK_STR("nested", p[4].text, S("x"));
    CHECK_INT("headers", p[5].count, 1);
    CHECK_STR("header", p[5].values[0], S("${v}"));
    CHECK_INT("headers hold a template", d->actions[0].constant[5], false);
    CHECK_STR("label", p[6].keys[0], S("m"));
    CHECK_INT("labels are constant", d->actions[0].constant[6], true);
    CHECK_INT("role is not set", p[7].set, false);
    CHECK_INT("error action", d->has_error_action, true);
    CHECK_STR("its path", Z(d->error_action.path), S("errorAction.other"));
    CHECK_INT("its qos", d->error_action.params[1].number, 1);
    CHECK_INT("its flag", d->error_action.params[2].number, 1);
    CHECK_INT("its color", d->error_action.params[3].set, false);
    wr_document_free(d);
}

static void accepts_the_misprint_of_aws(void **state)
{
    static const char text[] = ACTION("{\"s3\": {\"roleArn\": \"r\", \"bucketName\": \"b\", "
                                      "\"key\": \"k\", \"cannedacl\": \"Private\"}}");
    struct wr_document *d;
    struct wr_fault fault = {0};
    if (wr_document_parse(Z(text), "f.json", fake_kinds, &d, &fault)) {
        CASE_FAIL("cannedacl", "%s", fault.text);
    }
    CHECK_STR("cannedacl", d->actions[0].params[2].text, S("Private"));
    wr_document_free(d);
}

static void refuses(void **state)
{
    static const struct {
        const char *name, *text;
        wr_err err;
        uint32_t line, column;
        const char *want; // begins with
    } cases[] = {
        {"not JSON", "{\n  \"sql\": 1,\n  x}", WR_ERR_SYNTAX, 3, 3, NULL},
        {"empty", "", WR_ERR_SYNTAX, 1, 0, NULL},
        {"a list", "[]", WR_ERR_TYPE, 0, 0, "expected an object, found a list"},
        {"a key twice", "{\"sql\": \"a\", \"sql\": \"b\"}", WR_ERR_SYNTAX, 1, 0, NULL},
        {"no sql", "{\"actions\": []}", WR_ERR_MISSING, 0, 0, "sql: missing"},
        {"sql no string", "{\"sql\": 1, \"actions\": []}", WR_ERR_TYPE, 0, 0,
         "sql: expected a string, found a number"},
        {"no actions", "{\"sql\": \"SELECT 1\"}", WR_ERR_MISSING, 0, 0, "actions: missing"},
        {"actions no list", "{\"sql\": \"SELECT 1\", \"actions\": {}}", WR_ERR_TYPE, 0, 0,
         "actions: expected a list, found an object"},
        {"11 actions", ACTION("{},{},{},{},{},{},{},{},{},{},{}"), WR_ERR_LIMIT, 0, 0,
         "actions: at most 10 are allowed, found 11"},
        {"disabled as text", "{\"sql\": \"\", \"actions\": [], \"ruleDisabled\": \"no\"}",
         WR_ERR_TYPE, 0, 0, "ruleDisabled: expected true or false, found a string"},
        {"unknown member", "{\"sql\": \"\", \"actions\": [], \"erroraction\": {}}", WR_ERR_UNKNOWN,
         0, 0, "erroraction: there is no such member; did you mean \"errorAction\"?"},
        {"unknown wrapper member", "{\"rulename\": \"x\", \"topicRulePayload\": {}}",
         WR_ERR_UNKNOWN, 0, 0, "rulename: there is no such member; did you mean \"ruleName\"?"},
        {"name without payload", "{\"ruleName\": \"x\", \"sql\": \"\"}", WR_ERR_MISSING, 0, 0,
         "topicRulePayload: missing"},
        {"hyphen", "{\"ruleName\": \"a-b\", \"topicRulePayload\": {}}", WR_ERR_RANGE, 0, 0,
         "ruleName: \"a-b\": only letters, digits and _ are allowed, no hyphen"},
        {"empty name", "{\"ruleName\": \"\", \"topicRulePayload\": {}}", WR_ERR_LIMIT, 0, 0,
         "ruleName: expected 1 to 128 characters, found 0"},
        {"error action as list", "{\"sql\": \"\", \"actions\": [], \"errorAction\": [{}]}",
         WR_ERR_TYPE, 0, 0, "errorAction: expected one action, an object, found a list"},
        {"no kind", ACTION("{}"), WR_ERR_RANGE, 0, 0,
         "actions[0]: expected exactly one member, the kind of action, found 0"},
        {"two kinds", ACTION("{\"fake\": {}, \"other\": {}}"), WR_ERR_RANGE, 0, 0,
         "actions[0]: expected exactly one member, the kind of action, found 2"},
        {"kind that is not in this list",
         ACTION("{\"fake\": {\"name\": \"a\"}}, {\"salesforce\": {}}"), WR_ERR_UNSUPPORTED, 0, 0,
         "actions[1].salesforce: this kind of action has no form for the mode of this weir"},
        {"kind misspelt", ACTION("{\"OpenSearch\": {}}"), WR_ERR_UNKNOWN, 0, 0,
         "actions[0].OpenSearch: there is no such member; did you mean \"openSearch\"?"},
        {"kind of AWS's page", ACTION("{\"cloudWatchAlarm\": {}}"), WR_ERR_UNKNOWN, 0, 0,
         "actions[0].cloudWatchAlarm: there is no such member; did you mean \"cloudwatchAlarm\"?"},
        {"required", ACTION("{\"fake\": {}}"), WR_ERR_MISSING, 0, 0,
         "actions[0].fake.name: missing"},
        {"required is null", ACTION("{\"fake\": {\"name\": null}}"), WR_ERR_MISSING, 0, 0,
         "actions[0].fake.name: missing"},
        {"required is empty", ACTION("{\"fake\": {\"name\": \"\"}}"), WR_ERR_RANGE, 0, 0,
         "actions[0].fake.name: must not be empty"},
        {"string too long",
         ACTION("{\"fake\": {\"name\": "
                "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}}"),
         WR_ERR_LIMIT, 0, 0, "actions[0].fake.name: expected 1 to 64 bytes, found 65"},
        {"wrong type", ACTION("{\"fake\": {\"name\": 3}}"), WR_ERR_TYPE, 0, 0,
         "actions[0].fake.name: expected a string, found a number"},
        {"out of range", ACTION("{\"fake\": {\"name\": \"a\", \"qos\": 2}}"), WR_ERR_RANGE, 0, 0,
         "actions[0].fake.qos: expected 0 to 1, found 2"},
        {"no number", ACTION("{\"fake\": {\"name\": \"a\", \"qos\": \"x\"}}"), WR_ERR_TYPE, 0, 0,
         "actions[0].fake.qos: expected a whole number, found \"x\""},
        {"no boolean", ACTION("{\"fake\": {\"name\": \"a\", \"flag\": 1}}"), WR_ERR_TYPE, 0, 0,
         "actions[0].fake.flag: expected true or false, found a number"},
        {"no choice", ACTION("{\"fake\": {\"name\": \"a\", \"color\": \"blue\"}}"), WR_ERR_RANGE, 0,
         0, "actions[0].fake.color: expected one of red|green, found \"blue\""},
        {"template not taken", ACTION("{\"fake\": {\"name\": \"a\", \"roleArn\": \"${x}\"}}"),
         WR_ERR_UNSUPPORTED, 0, 0,
         "actions[0].fake.roleArn: substitution templates are not accepted here"},
        {"nested unknown", ACTION("{\"fake\": {\"name\": \"a\", \"nested\": {\"iner\": \"\"}}}"),
         WR_ERR_UNKNOWN, 0, 0,
         "actions[0].fake.nested.iner: there is no such member; did you mean \"nested.inner\"?"},
        {"nested is no object", ACTION("{\"fake\": {\"name\": \"a\", \"nested\": \"x\"}}"),
         WR_ERR_TYPE, 0, 0, "actions[0].fake.nested: expected an object, found a string"},
        {"pairs without value",
         ACTION("{\"fake\": {\"name\": \"a\", \"headers\": [{\"key\": \"k\"}]}}"), WR_ERR_MISSING,
         0, 0, "actions[0].fake.headers[0].value: missing"},
        {"too many pairs", ACTION("{\"fake\": {\"name\": \"a\", \"headers\": [{}, {}, {}, {}]}}"),
         WR_ERR_LIMIT, 0, 0, "actions[0].fake.headers: expected 0 to 3 entries, found 4"},
        {"template in a key",
         ACTION("{\"fake\": {\"name\": \"a\", \"headers\": [{\"key\": \"${k}\", \"value\": "
                "\"\"}]}}"),
         WR_ERR_UNSUPPORTED, 0, 0,
         "actions[0].fake.headers[0].key: substitution templates are not accepted here"},
        {"pair with more", ACTION("{\"fake\": {\"name\": \"a\", \"headers\": [{\"k\": 1}]}}"),
         WR_ERR_UNKNOWN, 0, 0,
         "actions[0].fake.headers[0]: expected \"key\" and \"value\", found k"},
        {"bucket", ACTION("{\"s3\": {\"bucket\": \"b\"}}"), WR_ERR_UNKNOWN, 0, 0,
         "actions[0].s3.bucket: there is no such member; the API calls it \"bucketName\""},
        {"roleARN", ACTION("{\"s3\": {\"roleARN\": \"b\"}}"), WR_ERR_UNKNOWN, 0, 0,
         "actions[0].s3.roleARN: there is no such member; did you mean \"roleArn\"?"},
        {"acl in both spellings",
         ACTION("{\"s3\": {\"cannedacl\": \"private\", \"cannedAcl\": \"private\"}}"),
         WR_ERR_EXISTS, 0, 0, "actions[0].s3.cannedAcl: given twice"},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_document *d = NULL;
        struct wr_fault fault = {0};
        CHECK_INT(cases[i].name,
                  wr_document_parse(Z(cases[i].text), "f.json", fake_kinds, &d, &fault),
                  cases[i].err);
        if (cases[i].line) {
            CHECK_INT(cases[i].name, fault.line, cases[i].line);
        }
        if (cases[i].column) {
            CHECK_INT(cases[i].name, fault.column, cases[i].column);
        }
        if (cases[i].want && !wr_str_starts(Z(fault.text), Z(cases[i].want))) {
            CASE_FAIL(cases[i].name, "'%s' does not begin with '%s'", fault.text, cases[i].want);
        }
    }
}

// Counted as JSON: blanks of the file do not count, escapes do.
static void counts_the_size(void **state)
{
    static const struct {
        const char *name;
        size_t sql_len, blanks;
        wr_err err;
    } cases[] = {
        {"just fits", WR_DOCUMENT_MAX - 23, 0, WR_OK},
        {"one too many", WR_DOCUMENT_MAX - 22, 0, WR_ERR_LIMIT},
        {"blanks are free", WR_DOCUMENT_MAX - 23, 1000, WR_OK},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_buf text = {0};
        wr_buf_add(&text, S("{\"sql\":\""));
        for (size_t k = 0; k < cases[i].sql_len; k++) {
            wr_buf_add_char(&text, 'x');
        }
        wr_buf_add(&text, S("\","));
        for (size_t k = 0; k < cases[i].blanks; k++) {
            wr_buf_add_char(&text, ' ');
        }
        wr_buf_add(&text, S("\"actions\":[]}")); // 8 + 2 + 13 bytes around the statement
        struct wr_document *d = NULL;
        struct wr_fault fault = {0};
        CHECK_INT(cases[i].name,
                  wr_document_parse(wr_buf_str(&text), "f.json", fake_kinds, &d, &fault),
                  cases[i].err);
        wr_document_free(d);
        wr_buf_release(&text);
    }
}

static void names_the_file_when_it_cannot_name_a_rule(void **state)
{
    struct wr_document *d = NULL;
    struct wr_fault fault = {0};
    CHECK_INT("file with a hyphen",
              wr_document_parse(S("{\"sql\": \"\", \"actions\": []}"), "a-b.json", fake_kinds, &d,
                                &fault),
              WR_ERR_RANGE);
    CHECK_STR("file with a hyphen", Z(fault.text),
              S("the document has no ruleName and its file's name does not serve: ruleName: "
                "\"a-b\": only letters, digits and _ are allowed, no hyphen"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(accepts_the_three_forms),
        T(reads_members),
        T(accepts_the_misprint_of_aws),
        T(refuses),
        T(counts_the_size),
        T(names_the_file_when_it_cannot_name_a_rule),
    };
    return TEST_MAIN(tests);
}
