// `weir cert`: the certificates of a tenant.
#include "engine/cli/control_cert.h"
#include "engine/cli/control_verbs.h"

#include <stdio.h>

#include "sql/base/banned.h"

#define CSR_MAX 4096 // control-plane.md 3

struct own {
    const char *csr, *key_type, *out;
    bool active, force, escrow;
};

static int verb_list(struct wr_control *c, void *user)
{
    static const struct wr_control_column columns[] = {{"ID", "certificateId"},
                                                       {"STATUS", "status"},
                                                       {"CREATED", "creationDate", WR_CONTROL_TIME},
                                                       {NULL}};
    int code = wr_control_pages(c, "certificates", "/certificates?pageSize=250");
    return code ? code : wr_control_table(c, "certificates", columns, "certificate");
}

// What the certificate has, into `to` as `name`.
static int add(struct wr_control *c, const char *arn, json_t *to, const char *name, bool policies)
{
    struct wr_buf header = {0};
    int code;
    if (policies) {
        code = wr_control_call(c, "POST", NULL, "/attached-policies/%s", arn);
    } else {
        wr_buf_addf(&header, "x-amzn-principal: %s", arn);
        c->header = wr_buf_terminated(&header);
        code = wr_control_pages(c, "things", "/principals/things");
    }
    wr_buf_release(&header);
    if (!code) {
        json_object_set(to, name, json_object_get(c->answer, name));
    }
    return code;
}

static int verb_show(struct wr_control *c, void *user)
{
    static const struct wr_control_column columns[] = {
        {"id", "certificateDescription.certificateId"},
        {"ARN", "certificateDescription.certificateArn"},
        {"status", "certificateDescription.status"},
        {"mode", "certificateDescription.certificateMode"},
        {"created", "certificateDescription.creationDate", WR_CONTROL_TIME},
        {"changed", "certificateDescription.lastModifiedDate", WR_CONTROL_TIME},
        {"valid from", "certificateDescription.validity.notBefore", WR_CONTROL_TIME},
        {"valid to", "certificateDescription.validity.notAfter", WR_CONTROL_TIME},
        {"CA", "certificateDescription.caCertificateId"},
        {"things", "things"},
        {"policies", "policies"},
        {NULL}};
    struct wr_buf arn = {0};
    int code = wr_control_cert_arn(c, c->words[0], &arn);
    if (code) {
        wr_buf_release(&arn);
        return code;
    }
    json_t *all = json_incref(c->answer);
    code = add(c, wr_buf_terminated(&arn), all, "things", false);
    if (!code) {
        code = add(c, wr_buf_terminated(&arn), all, "policies", true);
    }
    json_decref(c->answer);
    c->answer = all;
    wr_buf_release(&arn);
    return code ? code : wr_control_show(c, all, columns);
}

// ---- create

static int write_one(struct wr_control *c, const char *folder, const char *ending,
                     const char *member)
{
    const char *text = wr_control_text(c->answer, member);
    if (!*text) {
        return WR_EXIT_OK;
    }
    struct wr_buf path = {0};
    wr_buf_addf(&path, "%s/%s%s", folder, wr_control_text(c->answer, "certificateId"), ending);
    int code = wr_control_write_file(c, wr_buf_terminated(&path), wr_str_of(text));
    if (!code) {
        fprintf(stderr, "%s\n", wr_buf_terminated(&path));
    }
    wr_buf_release(&path);
    return code;
}

static int write_all(struct wr_control *c, const char *folder)
{
    // The key first: without it the rest is of no use.
    int code = write_one(c, folder, ".private.key", "keyPair.PrivateKey");
    if (!code) {
        code = write_one(c, folder, ".public.key", "keyPair.PublicKey");
    }
    if (!code) {
        code = write_one(c, folder, ".cert.pem", "certificatePem");
    }
    if (code) {
        wr_control_complain(c, code, "the certificate %s is made all the same, and its key is lost",
                            wr_control_text(c->answer, "certificateId"));
    }
    return code;
}

static int verb_create(struct wr_control *c, void *user)
{
    const struct own *own = user;
    struct wr_buf csr = {0}, path = {0};
    json_t *body = NULL;
    int code = WR_EXIT_OK;
    if (own->csr && (own->key_type || own->escrow)) {
        return wr_cli_wrong(
            "cert", "--key-type and --escrow are for a key that weir makes, not with --csr", NULL);
    }
    if (own->csr) {
        code = wr_control_read_file(c, own->csr, CSR_MAX, &csr);
        body = code ? NULL
                    : json_pack("{s:s%}", "certificateSigningRequest",
                                csr.at ? wr_buf_terminated(&csr) : "", csr.len);
        if (!code && !body) {
            code = wr_control_complain(c, WR_EXIT_USAGE, "%s is not text", own->csr);
        }
    }
    wr_control_query(&path, "setAsActive", own->active ? "true" : "false");
    wr_control_query(&path, "keyType", own->key_type);
    wr_control_query(&path, "keyEscrow", own->escrow ? "true" : NULL);
    if (!code) {
        code = wr_control_call_of(c, "POST", body,
                                  own->csr ? "/certificates" : "/keys-and-certificate", &path);
    } else {
        json_decref(body);
    }
    if (!code && !c->json) {
        code = write_all(c, own->out ? own->out : ".");
    }
    wr_buf_release(&csr);
    wr_buf_release(&path);
    return code ? code : wr_control_say(c, "%s", wr_control_text(c->answer, "certificateId"));
}

// ---- status

static int set_status(struct wr_control *c, const char *status)
{
    struct wr_buf id = {0};
    int code = wr_control_cert_id(c, c->words[0], &id);
    if (!code) {
        code = wr_control_call(c, "PUT", NULL, "/certificates/%s?newStatus=%s",
                               wr_buf_terminated(&id), status);
    }
    if (!code) {
        code = wr_control_say(c, "%s is %s", wr_buf_terminated(&id), status);
    }
    wr_buf_release(&id);
    return code;
}

static int verb_activate(struct wr_control *c, void *user)
{
    return set_status(c, "ACTIVE");
}

static int verb_deactivate(struct wr_control *c, void *user)
{
    return set_status(c, "INACTIVE");
}

static int verb_revoke(struct wr_control *c, void *user)
{
    int code = wr_control_agree(c, "revoke %s for good", c->words[0]);
    return code ? code : set_status(c, "REVOKED");
}

static int verb_renew(struct wr_control *c, void *user)
{
    struct wr_buf id = {0};
    int code = wr_control_cert_id(c, c->words[0], &id);
    if (!code) {
        code = wr_control_call(c, "POST", NULL, "/weir/v1/certificates/%s/renew",
                               wr_buf_terminated(&id));
    }
    wr_buf_release(&id);
    return code ? code : wr_control_say(c, "%s", wr_control_text(c->answer, "certificateId"));
}

static int verb_delete(struct wr_control *c, void *user)
{
    const struct own *own = user;
    struct wr_buf id = {0};
    int code = wr_control_cert_id(c, c->words[0], &id);
    if (!code) {
        code =
            wr_control_call(c, "DELETE", NULL,
                            own->force ? "/certificates/%s?forceDelete=true" : "/certificates/%s",
                            wr_buf_terminated(&id));
    }
    if (!code) {
        code = wr_control_say(c, "%s is deleted", wr_buf_terminated(&id));
    }
    wr_buf_release(&id);
    return code;
}

int wr_cli_cert(int argc, char **argv)
{
    static const struct wr_control_verb verbs[] = {WR_CERT_VERBS(WR_CONTROL_VERB){0}};
    struct own own = {0};
    const struct wr_argument options[] = {{.name = "--csr", .value = &own.csr},
                                          {.name = "--key-type", .value = &own.key_type},
                                          {.name = "--out", .value = &own.out},
                                          {.name = "--active", .flag = &own.active},
                                          {.name = "--escrow", .flag = &own.escrow},
                                          {.name = "--force", .flag = &own.force},
                                          {0}};
    return wr_control_main("cert", verbs, options, &own, argc, argv);
}
