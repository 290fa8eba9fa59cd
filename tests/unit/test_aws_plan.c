// Which credentials are used: profiles as text, the environment as variables, and what comes of
// them. Nobody is asked here; tests/e2e/test_aws.py does that.
#include "sinks/lib/aws_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sinks/lib/aws_service.h"

#include "tests/support/test.h"

#include "sql/base/banned.h"

extern char **environ;

// No AWS_… of this machine counts.
static void clean(void)
{
    bool found = true;
    while (found) {
        found = false;
        for (char **e = environ; *e && !found; e++) {
            if (strncmp(*e, "AWS_", 4) == 0) {
                char name[256];
                snprintf(name, sizeof name, "%.*s", (int)strcspn(*e, "="), *e);
                unsetenv(name);
                found = true;
            }
        }
    }
    setenv("HOME", "/nonexistent", 1);
}

struct variable {
    const char *name, *value;
};

static void set(const struct variable *variables)
{
    clean();
    for (; variables && variables->name; variables++) {
        setenv(variables->name, variables->value, 1);
    }
}

// ---- the container's address: no test can listen there

static void test_container_urls(void **state)
{
    static const struct {
        const char *relative, *full, *url, *says;
    } cases[] = {
        {"/v2/credentials/1?a=b", NULL, "http://169.254.170.2/v2/credentials/1?a=b", NULL},
        {"v2", "http://127.0.0.1/x", "http://169.254.170.2/v2", NULL},
        {NULL, "http://127.0.0.1:80/x?y=z", "http://127.0.0.1:80/x?y=z", NULL},
        {NULL, "http://127.255.3.4/x", "http://127.255.3.4/x", NULL},
        {NULL, "http://localhost:8080/x", "http://localhost:8080/x", NULL},
        {NULL, "http://[::1]:8080/x", "http://[::1]:8080/x", NULL},
        {NULL, "http://169.254.170.2/x", "http://169.254.170.2/x", NULL},
        {NULL, "http://169.254.170.23/v1/credentials", "http://169.254.170.23/v1/credentials",
         NULL},
        {NULL, "http://[fd00:ec2::23]/v1/credentials", "http://[fd00:ec2::23]/v1/credentials",
         NULL},
        {NULL, "https://example.com/x", "https://example.com/x", NULL},
        {NULL, "http://169.254.170.3/x", NULL, "found 169.254.170.3"},
        {NULL, "http://169.254.169.254/x", NULL, "http is for loopback addresses"},
        {NULL, "http://10.0.0.1/x", NULL, "http is for loopback addresses"},
        {NULL, "http://127.0.0.1.example.com/x", NULL, "http is for loopback addresses"},
        {NULL, "http://localhost@example.com/x", NULL, "expected http:// or https://"},
        {NULL, "http://[fd00:ec2::24]/x", NULL, "http is for loopback addresses"},
        {NULL, "file:///etc/passwd", NULL, "expected http:// or https://"},
        {NULL, NULL, NULL, ""},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_arena arena;
        struct wr_fault fault = {0};
        wr_str url = {0};
        char name[16];
        snprintf(name, sizeof name, "url %zu", i);
        const struct variable variables[] = {
            {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", cases[i].relative ? cases[i].relative : ""},
            {"AWS_CONTAINER_CREDENTIALS_FULL_URI", cases[i].full ? cases[i].full : ""},
            {0}};
        set(variables);
        wr_arena_init(&arena, 65536);
        wr_err err = wr_aws_container_url(&arena, &url, &fault);
        CHECK_STR(name, url, Z(cases[i].url));
        CHECK_INT(name, err == WR_OK, cases[i].url != NULL);
        if (cases[i].says) {
            CHECK(name, wr_str_find(Z(fault.text), Z(cases[i].says)) >= 0);
        }
        wr_arena_release(&arena);
    }
}

// ---- plans

#define CONFIG                                                                                     \
    "[default]\nregion = eu-west-3\n"                                                              \
    "[profile keys]\naws_access_key_id = KEY1\naws_secret_access_key = SECRET1\n"                  \
    "[profile \"with blank\"]\naws_access_key_id=KEY2\naws_secret_access_key=SE=CR;ET#2\n"         \
    "[profile role]\nrole_arn = ROLE\nsource_profile = keys\nduration_seconds=60\n"                \
    "[profile role2]\nrole_arn = ROLE2\nsource_profile = role\nduration_seconds=43200\n"           \
    "[profile proc]\ncredential_process = cmd\naws_access_key_id = K\naws_secret_access_key = S\n" \
    "[profile both]\naws_access_key_id = C\naws_secret_access_key = C\ncredential_process = cmd\n" \
    "[profile web]\nrole_arn = W\nweb_identity_token_file = /t\nrole_session_name = n\n"
#define CREDENTIALS                                                                            \
    "\xef\xbb\xbf[default]\r\n"                                                                \
    "aws_access_key_id = KEYD\r\naws_secret_access_key = SECRETD\r\naws_session_token = T\r\n" \
    "[both]\naws_access_key_id = KEYB\naws_secret_access_key = SECRETB\n"

static const struct {
    const char *name, *profile;
    struct variable variables[6];
    enum wr_aws_provider provider;
    const char *key_id, *secret, *what; // what: command, URL or token's file
    const char *roles, *region;
} plans[] = {
    {"nothing set",
     "",
     {{0}},
     WR_AWS_PROVIDER_CREDENTIALS_FILE,
     "KEYD",
     "SECRETD",
     "",
     "",
     "eu-west-3"},
    {"environment",
     "",
     {{"AWS_ACCESS_KEY_ID", "E"}, {"AWS_SECRET_ACCESS_KEY", "S"}, {"AWS_REGION", "r"}},
     WR_AWS_PROVIDER_ENVIRONMENT,
     "E",
     "S",
     "",
     "",
     "r"},
    {"environment beats AWS_PROFILE",
     "",
     {{"AWS_ACCESS_KEY_ID", "E"}, {"AWS_SECRET_ACCESS_KEY", "S"}, {"AWS_PROFILE", "keys"}},
     WR_AWS_PROVIDER_ENVIRONMENT,
     "E",
     "S",
     "",
     "",
     ""},
    {"a chosen profile beats the environment",
     "keys",
     {{"AWS_ACCESS_KEY_ID", "E"}, {"AWS_SECRET_ACCESS_KEY", "S"}},
     WR_AWS_PROVIDER_CONFIG_FILE,
     "KEY1",
     "SECRET1",
     "",
     "",
     ""},
    {"a profile with a blank in its name",
     "with blank",
     {{0}},
     WR_AWS_PROVIDER_CONFIG_FILE,
     "KEY2",
     "SE=CR;ET#2",
     "",
     "",
     ""},
    {"a role, a duration that is too short is left out",
     "role",
     {{0}},
     WR_AWS_PROVIDER_CONFIG_FILE,
     "KEY1",
     "SECRET1",
     "",
     "ROLE/0 ",
     ""},
    {"two roles, in order",
     "role2",
     {{0}},
     WR_AWS_PROVIDER_CONFIG_FILE,
     "KEY1",
     "SECRET1",
     "",
     "ROLE/0 ROLE2/43200 ",
     ""},
    {"a process beats the config file's keys",
     "proc",
     {{0}},
     WR_AWS_PROVIDER_PROCESS,
     "",
     "",
     "cmd",
     "",
     ""},
    {"the credentials file beats both",
     "both",
     {{0}},
     WR_AWS_PROVIDER_CREDENTIALS_FILE,
     "KEYB",
     "SECRETB",
     "",
     "",
     ""},
    {"web identity of the profile",
     "web",
     {{0}},
     WR_AWS_PROVIDER_WEB_IDENTITY,
     "",
     "",
     "/t",
     "",
     ""},
    {"web identity of the environment beats files",
     "",
     {{"AWS_WEB_IDENTITY_TOKEN_FILE", "/e"}, {"AWS_ROLE_ARN", "R"}},
     WR_AWS_PROVIDER_WEB_IDENTITY,
     "",
     "",
     "/e",
     "",
     "eu-west-3"},
    {"not for a chosen profile",
     "keys",
     {{"AWS_WEB_IDENTITY_TOKEN_FILE", "/e"}, {"AWS_ROLE_ARN", "R"}},
     WR_AWS_PROVIDER_CONFIG_FILE,
     "KEY1",
     "SECRET1",
     "",
     "",
     ""},
};

// Without any file.
static const struct {
    const char *name;
    struct variable variables[4];
    enum wr_aws_provider provider; // NONE: the fault
    const char *what;
} bare[] = {
    {"container",
     {{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/a"}},
     WR_AWS_PROVIDER_CONTAINER,
     "http://169.254.170.2/a"},
    {"metadata", {{0}}, WR_AWS_PROVIDER_IMDS, "http://169.254.169.254"},
    {"metadata over IPv6",
     {{"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv6"}},
     WR_AWS_PROVIDER_IMDS,
     "http://[fd00:ec2::254]"},
    {"an address beats the mode",
     {{"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ipv6"},
      {"AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://h:1//"}},
     WR_AWS_PROVIDER_IMDS,
     "http://h:1"},
    {"disabled",
     {{"AWS_EC2_METADATA_DISABLED", "TRUE"}},
     WR_AWS_PROVIDER_NONE,
     "no credentials: neither in the environment (AWS_ACCESS_KEY_ID) nor in profile default"},
    {"a role and no token file",
     {{"AWS_ROLE_ARN", "R"}},
     WR_AWS_PROVIDER_IMDS,
     "http://169.254.169.254"},
    {"a token file and no role",
     {{"AWS_WEB_IDENTITY_TOKEN_FILE", "/e"}},
     WR_AWS_PROVIDER_NONE,
     "set AWS_ROLE_ARN"},
};

static wr_str what_of(const struct wr_aws_plan *p)
{
    return p->command.len ? p->command : p->token_file.len ? p->token_file : p->url;
}

static void test_plans(void **state)
{
    struct wr_aws_profiles *profiles;
    struct wr_fault fault = {0};
    CHECK_INT("profiles", wr_aws_profiles_parse(S(CONFIG), S(CREDENTIALS), &profiles, &fault),
              WR_OK);
    for (size_t i = 0; i < WR_COUNT(plans); i++) {
        struct wr_arena arena;
        struct wr_aws_plan p;
        struct wr_aws_source source = {.profile = Z(plans[i].profile)};
        struct wr_buf roles = {0};
        set(plans[i].variables);
        wr_arena_init(&arena, 65536);
        fault.text[0] = '\0';
        wr_err err = wr_aws_plan_make(&source, profiles, &arena, &p, &fault);
        CHECK_STR(plans[i].name, Z(fault.text), S(""));
        CHECK_INT(plans[i].name, err, WR_OK);
        CHECK_INT(plans[i].name, p.provider, plans[i].provider);
        CHECK_STR(plans[i].name, p.key_id, Z(plans[i].key_id));
        CHECK_STR(plans[i].name, p.secret, Z(plans[i].secret));
        CHECK_STR(plans[i].name, what_of(&p), Z(plans[i].what));
        CHECK_STR(plans[i].name, p.region, Z(plans[i].region));
        for (size_t j = 0; j < p.role_count; j++) {
            wr_buf_addf(&roles, "%.*s/%u ", WR_STR_ARG(p.roles[j].arn), p.roles[j].duration_s);
        }
        CHECK_STR(plans[i].name, wr_buf_str(&roles), Z(plans[i].roles));
        wr_buf_release(&roles);
        wr_arena_release(&arena);
    }
    wr_aws_profiles_free(profiles);
}

static void test_plans_without_files(void **state)
{
    struct wr_aws_profiles *profiles;
    struct wr_fault fault = {0};
    CHECK_INT("profiles", wr_aws_profiles_parse(S(""), S(""), &profiles, &fault), WR_OK);
    for (size_t i = 0; i < WR_COUNT(bare); i++) {
        struct wr_arena arena;
        struct wr_aws_plan p = {0};
        struct wr_aws_source source = {0};
        set(bare[i].variables);
        wr_arena_init(&arena, 65536);
        fault.text[0] = '\0';
        wr_err err = wr_aws_plan_make(&source, profiles, &arena, &p, &fault);
        CHECK_INT(bare[i].name, p.provider, bare[i].provider);
        CHECK_INT(bare[i].name, err == WR_OK, bare[i].provider != WR_AWS_PROVIDER_NONE);
        if (err) {
            CHECK(bare[i].name, wr_str_find(Z(fault.text), Z(bare[i].what)) >= 0);
        } else {
            CHECK_STR(bare[i].name, what_of(&p), Z(bare[i].what));
        }
        wr_arena_release(&arena);
    }
    wr_aws_profiles_free(profiles);
}

// Nine roles in a row: refused, not overrun.
static void test_too_many_roles(void **state)
{
    struct wr_buf config = {0};
    struct wr_aws_profiles *profiles;
    struct wr_arena arena;
    struct wr_aws_plan p;
    struct wr_fault fault = {0};
    clean();
    wr_buf_addf(&config, "[profile p0]\naws_access_key_id=a\naws_secret_access_key=b\n");
    for (int i = 1; i <= WR_AWS_ROLES_MAX + 1; i++) {
        wr_buf_addf(&config, "[profile p%d]\nrole_arn=r\nsource_profile=p%d\n", i, i - 1);
    }
    CHECK_INT("profiles", wr_aws_profiles_parse(wr_buf_str(&config), S(""), &profiles, &fault),
              WR_OK);
    wr_arena_init(&arena, 65536);
    struct wr_aws_source source = {.profile = S("p8")};
    CHECK_INT("as many as fit", wr_aws_plan_make(&source, profiles, &arena, &p, &fault), WR_OK);
    CHECK_INT("as many as fit", p.role_count, WR_AWS_ROLES_MAX);
    source.profile = S("p9");
    CHECK_INT("one more", wr_aws_plan_make(&source, profiles, &arena, &p, &fault), WR_ERR_LIMIT);
    wr_aws_profiles_free(profiles);
    wr_buf_release(&config);
    wr_arena_release(&arena);
}

// ---- files

static void test_profile_text(void **state)
{
    static const struct {
        const char *name, *text;
        unsigned line; // of the fault; 0: good
    } cases[] = {
        {"empty", "", 0},
        {"comments and blanks", "# a\n; b\n\n   \n[default]\n#c=d\n", 0},
        {"key without section", "a = b\n", 1},
        {"open section", "[default\n", 1},
        {"no equals sign", "[default]\na = 1\nsecret word\n", 3},
        {"no key", "[default]\n= 1\n", 2},
        {"a continuation is passed over", "[default]\na = 1\n  and more\n  x = y\n", 0},
        {"text behind a section", "[default] # comment\na=1\n", 0},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_aws_profiles *p = NULL;
        struct wr_fault fault = {0};
        wr_err err = wr_aws_profiles_parse(Z(cases[i].text), S(""), &p, &fault);
        CHECK_INT(cases[i].name, err != WR_OK, cases[i].line != 0);
        CHECK_INT(cases[i].name, fault.line, cases[i].line);
        CHECK(cases[i].name, wr_str_find(Z(fault.text), S("secret")) < 0);
        wr_aws_profiles_free(p);
    }
}

static void test_nested(void **state)
{
    struct wr_aws_profiles *p;
    struct wr_fault fault = {0};
    wr_str text = S("[services dev]\ns3 =\n  endpoint_url = http://a\n  # no\n\n  other=1\n"
                    "dynamodb =\n\tendpoint_url=http://b\nplain = 1\n  endpoint_url = http://c\n"
                    "[default]\ns3 =\n  endpoint_url = http://d\nregion = r1\nregion = r2\n");
    CHECK_INT("parse", wr_aws_profiles_parse(text, S(""), &p, &fault), WR_OK);
#define NESTED(kind, section, parent) \
    wr_aws_profile_nested(p, WR_AWS_SECTION_##kind, S(section), parent, "endpoint_url")
    CHECK_STR("s3", NESTED(SERVICES, "dev", "s3"), S("http://a"));
    CHECK_STR("dynamodb", NESTED(SERVICES, "dev", "dynamodb"), S("http://b"));
    CHECK_STR("not below a value", NESTED(SERVICES, "dev", "plain"), S(""));
    CHECK_STR("another section", NESTED(PROFILE, "default", "s3"), S("http://d"));
    CHECK_STR("not at the top", wr_aws_profile_get(p, S("default"), "endpoint_url"), S(""));
    CHECK_STR("the last wins", wr_aws_profile_get(p, S("default"), "region"), S("r2"));
    CHECK("exists", wr_aws_profile_exists(p, S("default")));
    CHECK("services are no profile", !wr_aws_profile_exists(p, S("dev")));
    wr_aws_profiles_free(p);
}

// ---- small readers

static void test_times(void **state)
{
    static const struct {
        const char *text;
        int64_t ms; // -1: none
    } cases[] = {
        {"2018-01-18T09:18:06Z", 1516267086000},
        {"2018-01-18T09:18:06.123456Z", 1516267086000},
        {"2018-01-18T09:18:06+00:00", 1516267086000},
        {"2018-01-18T10:18:06+01:00", 1516267086000},
        {"2018-01-18T03:48:06.5-05:30", 1516267086000},
        {"2018-01-18T09:18:06UTC", 1516267086000},
        {"2018-01-18T09:18:06", -1},
        {"2018-13-18T09:18:06Z", -1},
        {"2018-01-18T09:18:06+1:00", -1},
        {"2018-01-18T09:18:06+ab:00", -1},
        {"1516267086", -1},
        {"", -1},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        int64_t ms = -1;
        CHECK_INT(cases[i].text, wr_aws_time_read(Z(cases[i].text), &ms), cases[i].ms >= 0);
        CHECK_INT(cases[i].text, ms, cases[i].ms);
    }
}

static void test_urls(void **state)
{
    static const struct {
        const char *url, *scheme, *host, *path; // scheme NULL: none
    } cases[] = {
        {"http://a", "http", "a", ""},
        {"https://a:1/b/c//", "https", "a:1", "/b/c"},
        {"http://[::1]:9000", "http", "[::1]:9000", ""},
        {"HTTP://a", NULL, NULL, NULL},
        {"http://", NULL, NULL, NULL},
        {"http:///a", NULL, NULL, NULL},
        {"http://:80", NULL, NULL, NULL},
        {"http://a b", NULL, NULL, NULL},
        {"http://a#b", NULL, NULL, NULL},
        {"http://u:p@a", NULL, NULL, NULL},
        {"http://a\\b", NULL, NULL, NULL},
        {"http://\xc3\xbc", NULL, NULL, NULL},
    };
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_aws_url u = {0};
        CHECK_INT(cases[i].url, wr_aws_url_read(Z(cases[i].url), &u), cases[i].scheme != NULL);
        CHECK_STR(cases[i].url, u.scheme, Z(cases[i].scheme));
        CHECK_STR(cases[i].url, u.host, Z(cases[i].host));
        CHECK_STR(cases[i].url, u.path, Z(cases[i].path));
    }
}

static void test_arns(void **state)
{
    struct wr_aws_arn a;
    CHECK("lambda", wr_aws_arn_read(S("arn:aws:lambda:eu-west-1:123456789012:function:f:1"), &a));
    CHECK_STR("partition", a.partition, S("aws"));
    CHECK_STR("service", a.service, S("lambda"));
    CHECK_STR("region", a.region, S("eu-west-1"));
    CHECK_STR("account", a.account, S("123456789012"));
    CHECK_STR("resource", a.resource, S("function:f:1"));
    CHECK("without region", wr_aws_arn_read(S("arn:aws:s3:::bucket"), &a));
    CHECK_STR("without region", a.region, S(""));
    CHECK("too short", !wr_aws_arn_read(S("arn:aws:s3::bucket"), &a));
    CHECK("no resource", !wr_aws_arn_read(S("arn:aws:s3:::"), &a));
    CHECK("no arn", !wr_aws_arn_read(S("arm:aws:s3:::b"), &a));
    CHECK("empty", !wr_aws_arn_read(S(""), &a));
}

static void test_hosts(void **state)
{
    static const struct {
        const char *host;
        bool local;
    } cases[] = {
        {"localhost", true}, {"LOCALHOST:1", true}, {"127.0.0.1:9000", true},   {"10.1.2.3", true},
        {"[::1]:4", true},   {"minio", false},      {"1.2.3.4.example", false}, {"", false}};
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        CHECK_INT(cases[i].host, wr_aws_host_is_local(Z(cases[i].host)), cases[i].local);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_container_urls), T(test_plans),        T(test_plans_without_files),
        T(test_too_many_roles), T(test_profile_text), T(test_nested),
        T(test_times),          T(test_urls),         T(test_arns),
        T(test_hosts),
    };
    return TEST_MAIN(tests);
}
