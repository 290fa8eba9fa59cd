// The properties, as a table: checked at the load of a rule, translated when a client is made.
#include "sinks/kafka/properties.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "sinks/kafka/keystore.h"
#include "sinks/shapes/shapes.h"

#include "sql/base/banned.h"

#define JAVA_SERIALIZERS "org.apache.kafka.common.serialization."
// Names of Kerberos: kinit is started by a shell.
#define KERBEROS_CHARS "._-/@"

struct wr_kafka_properties {
    struct wr_param p;
    size_t size; // of the allocation
    wr_str at[]; // keys, then values; then their bytes
};

// A client property: what a constant may be ("a|b", NULL: anything), and whether a template may
// stand there (D lists the stores, keystore passwords and keytab; secrets go into the others).
static const struct property {
    const char *name, *choices;
    bool template;
} properties[] = {
    {"acks", "-1|0|1|all", false},
    {"bootstrap.servers", NULL, false},
    {"compression.type", "none|gzip|snappy|lz4|zstd", false},
    // the last two are weir's, for brokers on the same machine
    {"security.protocol", "SSL|SASL_SSL|PLAINTEXT|SASL_PLAINTEXT", false},
    // fixed by AWS: checked, and nothing to librdkafka
    {"key.serializer", "StringSerializer|" JAVA_SERIALIZERS "StringSerializer", false},
    {"value.serializer", "ByteBufferSerializer|" JAVA_SERIALIZERS "ByteBufferSerializer", false},
    {"ssl.truststore", NULL, true},
    {"ssl.truststore.password", NULL, true},
    {"ssl.keystore", NULL, true},
    {"ssl.keystore.password", NULL, true},
    {"ssl.key.password", NULL, true},
    {"sasl.mechanism", "PLAIN|SCRAM-SHA-512|GSSAPI", false},
    {"sasl.plain.username", NULL, true},
    {"sasl.plain.password", NULL, true},
    {"sasl.scram.username", NULL, true},
    {"sasl.scram.password", NULL, true},
    {"sasl.kerberos.keytab", NULL, true},
    {"sasl.kerberos.service.name", NULL, false},
    {"sasl.kerberos.krb5.kdc", NULL, false},
    {"sasl.kerberos.krb5.realm", NULL, false},
    {"sasl.kerberos.principal", NULL, false},
};

// Property `name` of the rule, or text at NULL.
static wr_str given(const struct wr_param *p, const char *name)
{
    for (size_t i = 0; i < p->count; i++) {
        if (wr_str_eq(p->keys[i], wr_str_of(name))) {
            return (wr_str){p->values[i].at ? p->values[i].at : "", p->values[i].len};
        }
    }
    return (wr_str){0};
}

static bool is_one_of(wr_str text, const char *choices)
{
    for (const char *at = choices; at;) {
        const char *bar = strchr(at, '|');
        size_t len = bar ? (size_t)(bar - at) : strlen(at);
        if (wr_str_eq(text, (wr_str){at, len})) {
            return true;
        }
        at = bar ? bar + 1 : NULL;
    }
    return false;
}

static wr_err check_property(wr_str key, wr_str value, struct wr_fault *fault)
{
    for (size_t i = 0; i < WR_COUNT(properties); i++) {
        const struct property *p = &properties[i];
        if (!wr_str_eq(key, wr_str_of(p->name))) {
            continue;
        }
        if (wr_shape_has_template(value)) {
            return p->template ? WR_OK
                               : wr_fault_set(fault, WR_ERR_UNSUPPORTED,
                                              "clientProperties.%s: substitution templates are not "
                                              "accepted here",
                                              p->name);
        }
        if (value.len > WR_KAFKA_PROPERTY_MAX) {
            return wr_fault_set(fault, WR_ERR_LIMIT,
                                "clientProperties.%s: found %zu bytes, at most %d", p->name,
                                value.len, WR_KAFKA_PROPERTY_MAX);
        }
        if (p->choices && !is_one_of(value, p->choices)) {
            return wr_fault_set(fault, WR_ERR_RANGE,
                                "clientProperties.%s: expected one of %s, found \"%.*s\"", p->name,
                                p->choices, WR_STR_ARG(value));
        }
        return WR_OK;
    }
    return wr_fault_set(fault, WR_ERR_UNKNOWN,
                        "clientProperties.%.*s: there is no such property that AWS takes",
                        WR_STR_ARG(key));
}

// Each of `names` (NULL-terminated) must be there, `why`.
static wr_err need(const struct wr_param *p, const char *const *names, const char *why,
                   struct wr_fault *fault)
{
    char missing[256] = "";
    size_t len = 0;
    for (size_t i = 0; names[i]; i++) {
        if (given(p, names[i]).len == 0) {
            size_t more = strlen(names[i]) + (len ? 2 : 0);
            if (len + more < sizeof missing) {
                memcpy(missing + len, len ? ", " : "", len ? 2 : 0);
                memcpy(missing + len + (len ? 2 : 0), names[i], strlen(names[i]) + 1);
                len += more;
            }
        }
    }
    if (len == 0) {
        return WR_OK;
    }
    return wr_fault_set(fault, WR_ERR_MISSING, "clientProperties: missing %s, which %s needs",
                        missing, why);
}

// What Kerberos is told goes through a shell (librdkafka starts kinit) and into a file of lines.
static wr_err check_kerberos(const struct wr_param *p, struct wr_fault *fault)
{
    static const char *const names[] = {"sasl.kerberos.service.name", "sasl.kerberos.principal",
                                        "sasl.kerberos.krb5.realm", "sasl.kerberos.krb5.kdc"};
    for (size_t i = 0; i < WR_COUNT(names); i++) {
        wr_str value = given(p, names[i]);
        if (!wr_shape_only(value, i == 3 ? ".-:" : KERBEROS_CHARS)) {
            return wr_fault_set(fault, WR_ERR_RANGE,
                                "clientProperties.%s: \"%.*s\" has a character that is neither "
                                "letter, digit nor one of %s",
                                names[i], WR_STR_ARG(value), i == 3 ? ".-:" : KERBEROS_CHARS);
        }
    }
    return WR_OK;
}

static wr_err check_sasl(const struct wr_param *p, const char *why, struct wr_fault *fault)
{
    static const char *const sasl[] = {"sasl.mechanism", NULL};
    static const char *const plain[] = {"sasl.plain.username", "sasl.plain.password", NULL};
    static const char *const scram[] = {"sasl.scram.username", "sasl.scram.password", NULL};
    static const char *const kerberos[] = {"sasl.kerberos.keytab",    "sasl.kerberos.service.name",
                                           "sasl.kerberos.krb5.kdc",  "sasl.kerberos.krb5.realm",
                                           "sasl.kerberos.principal", NULL};
    wr_str mechanism = given(p, "sasl.mechanism");
    wr_err err = need(p, sasl, why, fault);
    if (!err && wr_str_eq(mechanism, WR_STR("PLAIN"))) {
        err = need(p, plain, "sasl.mechanism PLAIN", fault);
    } else if (!err && wr_str_eq(mechanism, WR_STR("SCRAM-SHA-512"))) {
        err = need(p, scram, "sasl.mechanism SCRAM-SHA-512", fault);
    } else if (!err && wr_str_eq(mechanism, WR_STR("GSSAPI"))) {
        err = need(p, kerberos, "sasl.mechanism GSSAPI", fault);
        err = err ? err : check_kerberos(p, fault);
    }
    return err;
}

// actions.md 4.6, "required together".
static wr_err check_together(const struct wr_param *p, struct wr_fault *fault)
{
    static const char *const always[] = {"bootstrap.servers", NULL};
    static const char *const ssl[] = {"ssl.keystore", "ssl.keystore.password", NULL};
    wr_str protocol = given(p, "security.protocol");
    wr_err err = need(p, always, "every Kafka action", fault);
    if (!err && (!protocol.at || wr_str_eq(protocol, WR_STR("SSL")))) {
        err = need(p, ssl, "security.protocol SSL", fault);
    } else if (!err && wr_str_eq(protocol, WR_STR("SASL_SSL"))) {
        err = check_sasl(p, "security.protocol SASL_SSL", fault);
    } else if (!err && wr_str_eq(protocol, WR_STR("SASL_PLAINTEXT"))) {
        err = check_sasl(p, "security.protocol SASL_PLAINTEXT", fault);
    }
    return err;
}

wr_err wr_kafka_properties_check(const struct wr_param *p, struct wr_fault *fault)
{
    for (size_t i = 0; i < p->count; i++) {
        wr_err err = check_property(p->keys[i], p->values[i], fault);
        if (err) {
            return err;
        }
    }
    return check_together(p, fault);
}

// ---- a copy

struct wr_kafka_properties *wr_kafka_properties_new(const struct wr_param *p)
{
    struct wr_kafka_properties *s;
    size_t size = sizeof *s + 2 * p->count * sizeof s->at[0];
    for (size_t i = 0; i < p->count; i++) {
        size += p->keys[i].len + p->values[i].len;
    }
    s = wr_zalloc(size);
    s->size = size;
    s->p.set = true;
    s->p.count = p->count;
    s->p.keys = s->at;
    s->p.values = s->at + p->count;
    char *to = (char *)(s->at + 2 * p->count);
    for (size_t i = 0; i < 2 * p->count; i++) {
        wr_str from = i < p->count ? p->keys[i] : p->values[i - p->count];
        if (from.len) {
            memcpy(to, from.at, from.len);
        }
        s->at[i] = (wr_str){to, from.len};
        to += from.len;
    }
    return s;
}

void wr_kafka_properties_free(struct wr_kafka_properties *s)
{
    if (s) {
        OPENSSL_cleanse(s, s->size);
        free(s);
    }
}

bool wr_kafka_properties_same(const struct wr_kafka_properties *s, const struct wr_param *p)
{
    if (s->p.count != p->count) {
        return false;
    }
    for (size_t i = 0; i < p->count; i++) {
        if (wr_str_eq(s->p.keys[i], p->keys[i])) {
            if (!wr_str_eq(s->p.values[i], p->values[i])) {
                return false;
            }
            continue;
        }
        wr_str value = {0};
        for (size_t k = 0; k < p->count; k++) { // another order
            if (wr_str_eq(s->p.keys[i], p->keys[k])) {
                value = (wr_str){p->values[k].at ? p->values[k].at : "", p->values[k].len};
            }
        }
        if (!value.at || !wr_str_eq(s->p.values[i], value)) {
            return false;
        }
    }
    return true;
}

wr_str wr_kafka_properties_get(const struct wr_kafka_properties *s, const char *name)
{
    return given(&s->p, name);
}

// ---- for librdkafka

void wr_kafka_secrets_release(struct wr_kafka_secrets *s)
{
    if (s->chain_fd >= 0) {
        close(s->chain_fd);
    }
    if (s->keytab_fd >= 0) {
        close(s->keytab_fd);
    }
    s->chain_fd = s->keytab_fd = -1;
}

struct apply {
    const struct wr_param *p;
    rd_kafka_conf_t *conf;
    struct wr_kafka_secrets *secrets;
    struct wr_fault *fault;
};

// `name` is librdkafka's, `property` the rule's. Values are not shown: they may be secrets.
static wr_err set(const struct apply *a, const char *name, wr_str value, const char *property)
{
    if (value.len && memchr(value.at, 0, value.len)) {
        return wr_fault_set(a->fault, WR_ERR_RANGE,
                            "clientProperties.%s holds a NUL byte, which no text has", property);
    }
    char *text = wr_strdup(value), why[256];
    bool good = rd_kafka_conf_set(a->conf, name, text, why, sizeof why) == RD_KAFKA_CONF_OK;
    OPENSSL_cleanse(text, value.len);
    free(text);
    return good ? WR_OK
                : wr_fault_set(a->fault, WR_ERR_RANGE,
                               "clientProperties.%s: the value is not possible", property);
}

// The bytes as a file that nobody else can find; its path as other processes see it.
static int memory_file(wr_str bytes, char path[64])
{
    int fd = memfd_create("weir-kafka", MFD_CLOEXEC);
    for (size_t at = 0; fd >= 0 && at < bytes.len;) {
        ssize_t n = write(fd, bytes.at + at, bytes.len - at);
        if (n < 0) {
            close(fd);
            fd = -1;
        }
        at += (size_t)n;
    }
    snprintf(path, 64, "/proc/%ld/fd/%d", (long)getpid(), fd);
    return fd;
}

static void wipe(struct wr_buf *b)
{
    if (b->len) {
        OPENSSL_cleanse(b->at, b->len);
    }
    wr_buf_release(b);
}

static wr_err apply_identity(const struct apply *a)
{
    struct wr_buf chain = {0}, key = {0};
    char path[64];
    wr_str key_password = given(a->p, "ssl.key.password");
    wr_err err =
        wr_keystore_identity(given(a->p, "ssl.keystore"), given(a->p, "ssl.keystore.password"),
                             key_password, &chain, &key, a->fault);
    if (err) {
        wr_fault_prefix(a->fault, "clientProperties.ssl.keystore");
    } else {
        // A file, since ssl.certificate.pem takes the first certificate and drops the chain.
        a->secrets->chain_fd = memory_file(wr_buf_str(&chain), path);
        err = a->secrets->chain_fd < 0
                  ? wr_fault_set(a->fault, WR_ERR_IO, "ssl.keystore: no memory for a file")
                  : set(a, "ssl.certificate.location", wr_str_of(path), "ssl.keystore");
    }
    if (!err) {
        err = set(a, "ssl.key.pem", wr_buf_str(&key), "ssl.keystore");
    }
    wipe(&chain);
    wipe(&key);
    return err;
}

static wr_err apply_trust(const struct apply *a)
{
    wr_str store = given(a->p, "ssl.truststore");
    if (store.len == 0) {
        return WR_OK; // the system's
    }
    struct wr_buf pem = {0};
    wr_err err = wr_keystore_trusted(store, given(a->p, "ssl.truststore.password"), &pem, a->fault);
    if (err) {
        wr_fault_prefix(a->fault, "clientProperties.ssl.truststore");
    } else {
        err = set(a, "ssl.ca.pem", wr_buf_str(&pem), "ssl.truststore");
    }
    wr_buf_release(&pem);
    return err;
}

static wr_err apply_keytab(const struct apply *a)
{
    wr_str keytab = given(a->p, "sasl.kerberos.keytab");
    struct wr_buf bytes = {0};
    char path[64];
    // A keytab begins with 5 and its version; else it is in base64.
    bool raw = keytab.len > 2 && keytab.at[0] == 5;
    if (!raw && !wr_buf_add_unbase64(&bytes, keytab)) {
        wipe(&bytes);
        return wr_fault_set(a->fault, WR_ERR_RANGE,
                            "clientProperties.sasl.kerberos.keytab: neither a keytab nor base64");
    }
    a->secrets->keytab_fd = memory_file(raw ? keytab : wr_buf_str(&bytes), path);
    wipe(&bytes);
    return a->secrets->keytab_fd < 0
               ? wr_fault_set(a->fault, WR_ERR_IO, "sasl.kerberos.keytab: no memory for a file")
               : set(a, "sasl.kerberos.keytab", wr_str_of(path), "sasl.kerberos.keytab");
}

static wr_err apply_sasl(const struct apply *a)
{
    wr_str mechanism = given(a->p, "sasl.mechanism");
    wr_err err = set(a, "sasl.mechanism", mechanism, "sasl.mechanism");
    if (err) {
        return err;
    }
    if (!wr_str_eq(mechanism, WR_STR("GSSAPI"))) {
        bool plain = wr_str_eq(mechanism, WR_STR("PLAIN"));
        const char *user = plain ? "sasl.plain.username" : "sasl.scram.username";
        const char *password = plain ? "sasl.plain.password" : "sasl.scram.password";
        err = set(a, "sasl.username", given(a->p, user), user);
        return err ? err : set(a, "sasl.password", given(a->p, password), password);
    }
    static const char *const same[] = {"sasl.kerberos.service.name", "sasl.kerberos.principal"};
    for (size_t i = 0; !err && i < WR_COUNT(same); i++) {
        err = set(a, same[i], given(a->p, same[i]), same[i]);
    }
    return err ? err : apply_keytab(a);
}

static wr_err apply_security(const struct apply *a)
{
    wr_str protocol = given(a->p, "security.protocol");
    protocol = protocol.at ? protocol : WR_STR("SSL");
    wr_err err = set(a, "security.protocol", protocol, "security.protocol");
    if (!err && wr_str_ends(protocol, WR_STR("SSL"))) {
        err = apply_trust(a);
        if (!err && given(a->p, "ssl.keystore").len) {
            err = apply_identity(a);
        }
    }
    if (!err && wr_str_starts(protocol, WR_STR("SASL_"))) {
        err = apply_sasl(a);
    }
    return err;
}

wr_err wr_kafka_properties_apply(const struct wr_kafka_properties *s, const char *bootstrap,
                                 rd_kafka_conf_t *conf, struct wr_kafka_secrets *secrets,
                                 struct wr_fault *fault)
{
    const struct apply a = {&s->p, conf, secrets, fault};
    *secrets = (struct wr_kafka_secrets){-1, -1};
    wr_str acks = given(&s->p, "acks"), compression = given(&s->p, "compression.type");
    // AWS's default; librdkafka's is all.
    wr_err err = set(&a, "acks", acks.at ? acks : WR_STR("1"), "acks");
    if (!err && compression.at) {
        err = set(&a, "compression.type", compression, "compression.type");
    }
    if (err) {
        return err;
    }
    if (*bootstrap) {
        return set(&a, "bootstrap.servers", wr_str_of(bootstrap), "bootstrap.servers");
    }
    err = set(&a, "bootstrap.servers", given(&s->p, "bootstrap.servers"), "bootstrap.servers");
    return err ? err : apply_security(&a);
}
