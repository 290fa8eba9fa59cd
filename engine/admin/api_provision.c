// RegisterThing: a thing, its certificate and policies from a provisioning template, all of it or
// nothing (AWS IoT's guide, "Provisioning templates"). The steps are the operations that do each of
// these alone, inside of this call (wr_api_nested).
#include <openssl/evp.h>
#include <stdlib.h>

#include "engine/admin/families.h"

#include "sql/base/banned.h"

#define TEMPLATE_MAX 10240 // characters (API model)

struct provisioning {
    struct wr_api_call *c;
    struct wr_db *db;
    json_t *body;
    const json_t *thing, *certificate; // resources; NULL: none
    char *thing_name;
    json_t *thing_properties;
    char *certificate_arn;
    json_t *arns; // by logical name
};

static void fail(struct provisioning *t, const char *where, const char *what)
{
    wr_api_fail(t->c, WR_API_INVALID_REQUEST, "templateBody: %.100s: %s", where, what);
}

// ---- values

// What a {"Ref": …} stands for; NULL: the call has failed.
static const char *parameter(struct provisioning *t, const char *name)
{
    const json_t *declared = json_object_get(json_object_get(t->body, "Parameters"), name);
    const json_t *given = json_object_get(wr_api_json(t->c, "parameters"), name);
    const json_t *value = given ? given : json_object_get(declared, "Default");
    if (!declared) {
        fail(t, name, "is not declared in Parameters");
    } else if (!json_is_string(value)) {
        fail(t, name, "parameters have no value for it, and it has no Default");
    }
    return t->c->error ? NULL : json_string_value(value);
}

// A value with all its references; give. NULL: the call has failed.
static json_t *expand(struct provisioning *t, const char *where, const json_t *value)
{
    if (json_is_string(value)) {
        return json_string(json_string_value(value));
    }
    if (json_is_array(value)) {
        json_t *list = json_array();
        size_t i;
        const json_t *one;
        json_array_foreach(value, i, one)
        {
            json_t *text = expand(t, where, one);
            if (text) {
                json_array_append_new(list, text);
            }
        }
        return list;
    }
    const char *name = json_string_value(json_object_get(value, "Ref"));
    if (!json_is_object(value) || json_object_size(value) != 1 || !name) {
        fail(t, where, "expected a string, or {\"Ref\": a parameter}");
        return NULL;
    }
    const char *text = parameter(t, name);
    return text ? json_string(text) : NULL;
}

// The properties of a resource, expanded; give. NULL: the call has failed.
static json_t *properties(struct provisioning *t, const char *name, const json_t *resource)
{
    const json_t *of = json_object_get(resource, "Properties");
    json_t *out = json_object();
    const char *key;
    json_t *value;
    if (!json_is_object(of)) {
        fail(t, name, "expected an object Properties");
    }
    json_object_foreach((json_t *)(uintptr_t)of, key, value)
    {
        bool map = !strcmp(key, "AttributePayload") && !json_object_get(value, "Ref");
        json_t *made = map ? json_object() : expand(t, key, value);
        const char *attribute;
        json_t *text;
        if (map) {
            json_object_foreach(value, attribute, text)
            {
                json_t *one = expand(t, attribute, text);
                if (one) {
                    json_object_set_new(made, attribute, one);
                }
            }
        }
        if (made) {
            json_object_set_new(out, key, made);
        }
    }
    if (t->c->error) {
        json_decref(out);
        return NULL;
    }
    return out;
}

static const char *text_of(const json_t *properties, const char *name)
{
    return json_string_value(json_object_get(properties, name));
}

// "DO_NOTHING", "REPLACE", "MERGE", "FAIL"; NULL: nothing is said.
static const char *setting_of(const json_t *resource, const char *name)
{
    return text_of(json_object_get(resource, "OverrideSettings"), name);
}

static bool is(const char *setting, const char *value)
{
    return setting && !strcmp(setting, value);
}

// ---- the operations. NULL: the call has failed

static json_t *call(struct provisioning *t, const char *operation, json_t *in)
{
    json_t *out = wr_api_nested(t->c, t->db, operation, in);
    // As RegisterThing's own errors have it.
    if (!out && t->c->error == WR_API_EXISTS) {
        t->c->error = WR_API_CONFLICTING_UPDATE;
    } else if (!out && t->c->error != WR_API_INVALID_REQUEST &&
               t->c->error != WR_API_LIMIT_EXCEEDED) {
        t->c->error = WR_API_RESOURCE_REGISTRATION;
    }
    return out;
}

static void done(struct provisioning *t, const char *operation, json_t *in)
{
    json_decref(call(t, operation, in));
}

// ---- the thing

static bool thing_exists(const struct provisioning *t)
{
    return wr_db_one(t->db, 0, "SELECT 1 FROM things WHERE realm=? AND name=?", "iz", t->c->realm,
                     t->thing_name) == 1;
}

static void update_thing(struct provisioning *t)
{
    const char *attributes = setting_of(t->thing, "AttributePayload");
    const char *type = setting_of(t->thing, "ThingTypeName");
    json_t *payload = json_object_get(t->thing_properties, "AttributePayload");
    json_t *in = json_pack("{s:s}", "thingName", t->thing_name);
    if (payload && (is(attributes, "MERGE") || is(attributes, "REPLACE"))) {
        json_object_set_new(
            in, "attributePayload",
            json_pack("{s:O, s:b}", "attributes", payload, "merge", is(attributes, "MERGE")));
    }
    if (is(type, "REPLACE") && json_object_get(t->thing_properties, "ThingTypeName")) {
        json_object_set(in, "thingTypeName", json_object_get(t->thing_properties, "ThingTypeName"));
    }
    if (json_object_size(in) > 1) {
        done(t, "UpdateThing", in);
    } else {
        json_decref(in);
    }
}

static void create_thing(struct provisioning *t)
{
    json_t *payload = json_object_get(t->thing_properties, "AttributePayload");
    json_t *in = json_pack("{s:s}", "thingName", t->thing_name);
    static const char *const names[][2] = {{"ThingTypeName", "thingTypeName"},
                                           {"BillingGroup", "billingGroupName"}};
    for (size_t i = 0; i < WR_COUNT(names); i++) {
        json_t *value = json_object_get(t->thing_properties, names[i][0]);
        if (value) {
            json_object_set(in, names[i][1], value);
        }
    }
    if (payload) {
        json_object_set_new(in, "attributePayload", json_pack("{s:O}", "attributes", payload));
    }
    done(t, "CreateThing", in);
}

static void add_groups(struct provisioning *t)
{
    const json_t *groups = json_object_get(t->thing_properties, "ThingGroups");
    size_t i;
    json_t *group;
    if (groups && !json_is_array(groups)) {
        fail(t, "ThingGroups", "expected a list");
    }
    json_array_foreach(groups, i, group)
    {
        if (!t->c->error) {
            done(t, "AddThingToThingGroup",
                 json_pack("{s:s, s:O}", "thingName", t->thing_name, "thingGroupName", group));
        }
    }
}

static void make_thing(struct provisioning *t, const char *logical)
{
    char arn[512];
    t->thing_properties = properties(t, logical, t->thing);
    const char *name = text_of(t->thing_properties, "ThingName");
    if (t->thing_properties && !name) {
        fail(t, logical, "expected a ThingName");
    }
    if (t->c->error) {
        return;
    }
    t->thing_name = wr_strdup(wr_str_of(name));
    bool was_there = thing_exists(t);
    // Without OverrideSettings one that is there must be the same.
    if (was_there && json_object_get(t->thing, "OverrideSettings")) {
        update_thing(t);
    } else {
        create_thing(t);
    }
    if (!t->c->error && !(was_there && is(setting_of(t->thing, "ThingGroups"), "DO_NOTHING"))) {
        add_groups(t);
    }
    json_object_set_new(t->arns, logical,
                        json_string(wr_api_arn(t->c, arn, "thing/%s", t->thing_name)));
}

// ---- the certificate

static json_t *by_id(struct provisioning *t, const json_t *of, const char *status)
{
    json_t *id = json_object_get(of, "CertificateId");
    if (!is(setting_of(t->certificate, "Status"), "DO_NOTHING")) {
        done(t, "UpdateCertificate",
             json_pack("{s:O, s:s}", "certificateId", id, "newStatus", status));
    }
    json_t *out = t->c->error
                      ? NULL
                      : call(t, "DescribeCertificate", json_pack("{s:O}", "certificateId", id));
    json_t *description = json_incref(json_object_get(out, "certificateDescription"));
    json_decref(out);
    return description;
}

static void make_certificate(struct provisioning *t, const char *logical)
{
    json_t *of = properties(t, logical, t->certificate);
    const char *status = text_of(of, "Status"), *kind = text_of(of, "ThingPrincipalType");
    json_t *csr = json_object_get(of, "CertificateSigningRequest"),
           *pem = json_object_get(of, "CertificatePem"), *out = NULL;
    status = status ? status : "ACTIVE";
    if (!of) {
        return;
    }
    if (!!csr + !!pem + !!json_object_get(of, "CertificateId") != 1) {
        fail(t, logical,
             "expected one of CertificateSigningRequest, CertificateId and CertificatePem");
    } else if (csr) {
        out = call(t, "CreateCertificateFromCsr",
                   json_pack("{s:O, s:b}", "certificateSigningRequest", csr, "setAsActive",
                             !strcmp(status, "ACTIVE")));
    } else if (pem) {
        out = call(t, "RegisterCertificate",
                   json_pack("{s:O, s:O*, s:s}", "certificatePem", pem, "caCertificatePem",
                             json_object_get(of, "CACertificatePem"), "status", status));
    } else {
        out = by_id(t, of, status);
    }
    const char *arn = text_of(out, "certificateArn");
    if (arn && !t->c->error) {
        json_t *made = json_object_get(out, "certificatePem");
        t->certificate_arn = wr_strdup(wr_str_of(arn));
        json_object_set(t->c->out, "certificatePem", made ? made : pem);
        json_object_set_new(t->arns, logical, json_string(arn));
        if (t->thing_name) {
            done(t, "AttachThingPrincipal",
                 json_pack("{s:s, s:s, s:s*}", "thingName", t->thing_name, "principal", arn,
                           "thingPrincipalType", kind));
        }
    }
    json_decref(out);
    json_decref(of);
}

// ---- policies

static void make_policy(struct provisioning *t, const char *logical, const json_t *resource)
{
    json_t *of = properties(t, logical, resource);
    const char *name = text_of(of, "PolicyName"), *document = text_of(of, "PolicyDocument");
    struct wr_buf made = {0};
    char arn[512];
    if (of && !name == !document) {
        fail(t, logical, "expected either PolicyName or PolicyDocument");
    }
    if (!t->c->error && document) {
        unsigned char digest[EVP_MAX_MD_SIZE]; // which is its name, without another
        unsigned int len = 0;
        wr_assert(EVP_Digest(document, strlen(document), digest, &len, EVP_sha256(), NULL) == 1);
        wr_buf_add_hex(&made, digest, len);
        name = wr_buf_terminated(&made);
        if (wr_db_one(t->db, 0, "SELECT 1 FROM policies WHERE realm=? AND name=?", "iz",
                      t->c->realm, name) != 1) {
            done(t, "CreatePolicy",
                 json_pack("{s:s, s:s}", "policyName", name, "policyDocument", document));
        }
    }
    if (!t->c->error && t->certificate_arn) {
        done(t, "AttachPolicy",
             json_pack("{s:s, s:s}", "policyName", name, "target", t->certificate_arn));
    }
    if (!t->c->error) {
        json_object_set_new(t->arns, logical,
                            json_string(wr_api_arn(t->c, arn, "policy/%s", name)));
    }
    wr_buf_release(&made);
    json_decref(of);
}

// ---- the template

// The resources of one type, in the order that they need each other: `make` gets each.
static void make_all(struct provisioning *t, const char *type)
{
    const char *logical;
    json_t *one;
    unsigned count = 0;
    json_object_foreach(json_object_get(t->body, "Resources"), logical, one)
    {
        const char *of = text_of(one, "Type");
        if (t->c->error || !is(of, type)) {
            continue;
        }
        bool policy = !strcmp(type, "AWS::IoT::Policy");
        if (count++ && !policy) {
            fail(t, logical, "is the second of its type");
        } else if (policy) {
            make_policy(t, logical, one);
        } else if (!strcmp(type, "AWS::IoT::Thing")) {
            t->thing = one;
            make_thing(t, logical);
        } else {
            t->certificate = one;
            make_certificate(t, logical);
        }
    }
}

static bool check_template(struct provisioning *t)
{
    const json_t *resources = json_object_get(t->body, "Resources");
    const char *name;
    json_t *one;
    if (!json_is_object(resources) || !json_object_size(resources)) {
        fail(t, "Resources", "expected an object with a thing, a certificate, policies");
    }
    json_object_foreach((json_t *)(uintptr_t)resources, name, one)
    {
        const char *type = text_of(one, "Type");
        if (!is(type, "AWS::IoT::Thing") && !is(type, "AWS::IoT::Certificate") &&
            !is(type, "AWS::IoT::Policy")) {
            fail(t, name,
                 "expected a Type of AWS::IoT::Thing, AWS::IoT::Certificate or AWS::IoT::Policy");
        }
    }
    return !t->c->error;
}

static void register_thing(struct wr_api_call *c, struct wr_db *db)
{
    json_error_t error;
    struct provisioning t = {.c = c, .db = db, .arns = json_object()};
    t.body = json_loads(wr_api_text(c, "templateBody"), JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(t.body)) {
        wr_api_fail(c, WR_API_INVALID_REQUEST,
                    "templateBody is not a JSON object: line %d, column %d: %s", error.line,
                    error.column, error.text);
    } else if (check_template(&t)) {
        make_all(&t, "AWS::IoT::Thing");
        make_all(&t, "AWS::IoT::Certificate");
        make_all(&t, "AWS::IoT::Policy");
        json_object_set(c->out, "resourceArns", t.arns);
    }
    free(t.thing_name);
    free(t.certificate_arn);
    json_decref(t.thing_properties);
    json_decref(t.arns);
    json_decref(t.body);
}

static const struct wr_api_member register_in[] = {
    WR_API_BODY("templateBody", STRING, .required = true, .max = TEMPLATE_MAX),
    WR_API_BODY("parameters", OBJECT),
    {0}};

static const struct wr_api_operation operations[] = {
    {.name = "RegisterThing",
     .method = "POST",
     .path = "/things",
     .in = register_in,
     .write = true,
     .run = register_thing},
};

void wr_api_add_provision(struct wr_api *api)
{
    wr_api_add(api, operations, WR_COUNT(operations), NULL);
}
