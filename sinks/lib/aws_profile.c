// The INI dialect of AWS's own tools: "[section]", "key = value", "  nested = value" below a key
// without value, and "#" or ";" at the start of a line.
#include "sinks/lib/aws_profile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "sinks/lib/aws_service.h"

#include "sql/base/banned.h"

struct entry {
    enum wr_aws_section kind;
    wr_str section, parent, key, value; // key empty: the section itself
};

struct wr_aws_profiles {
    struct wr_buf texts[2]; // config, credentials
    struct entry *entries;
    size_t count, room;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static wr_str trim(wr_str s)
{
    while (s.len > 0 && is_blank(s.at[0])) {
        s = wr_str_cut(s, 1, s.len);
    }
    while (s.len > 0 && is_blank(s.at[s.len - 1])) {
        s.len--;
    }
    return s;
}

static void add(struct wr_aws_profiles *p, struct entry e)
{
    if (p->count == p->room) {
        p->room = p->room ? 2 * p->room : 32;
        p->entries = wr_realloc(p->entries, p->room * sizeof *p->entries);
    }
    p->entries[p->count++] = e;
}

// ---- reading

// "profile NAME", "services NAME", with or without quotes around the name; or the name alone.
static struct entry section_of(wr_str s, bool credentials)
{
    static const struct {
        wr_str word;
        enum wr_aws_section kind;
    } words[] = {{WR_STR_INIT("profile"), WR_AWS_SECTION_PROFILE},
                 {WR_STR_INIT("services"), WR_AWS_SECTION_SERVICES},
                 {WR_STR_INIT("sso-session"), WR_AWS_SECTION_SSO}};
    struct entry e = {.kind = WR_AWS_SECTION_OTHER, .section = s};
    if (credentials) {
        e.kind = WR_AWS_SECTION_KEYS;
        return e;
    }
    for (size_t i = 0; i < WR_COUNT(words); i++) {
        size_t len = words[i].word.len;
        if (wr_str_starts(s, words[i].word) && s.len > len && is_blank(s.at[len])) {
            e.kind = words[i].kind;
            e.section = trim(wr_str_cut(s, len, s.len));
            wr_str n = e.section;
            if (n.len >= 2 && (n.at[0] == '"' || n.at[0] == '\'') && n.at[n.len - 1] == n.at[0]) {
                e.section = wr_str_cut(n, 1, n.len - 1);
            }
            return e;
        }
    }
    if (wr_str_eq(s, WR_STR("default"))) {
        e.kind = WR_AWS_SECTION_PROFILE;
    }
    return e;
}

struct reader {
    struct wr_aws_profiles *p;
    wr_str text;
    bool credentials;
    struct entry at; // section and, while nested lines may follow, parent
    bool in_section, may_nest;
};

static wr_err bad(const struct reader *r, wr_str line, struct wr_fault *fault, const char *what)
{
    return wr_fault_at(fault, WR_ERR_SYNTAX, r->text, (size_t)(line.at - r->text.at), "%s", what);
}

static wr_err read_line(struct reader *r, wr_str line, struct wr_fault *fault)
{
    wr_str s = trim(line);
    bool indented = line.len > 0 && is_blank(line.at[0]);
    if (s.len == 0 || s.at[0] == '#' || s.at[0] == ';') {
        return WR_OK;
    }
    if (s.at[0] == '[' && !indented) {
        const char *end = memchr(s.at, ']', s.len);
        if (!end) {
            return bad(r, line, fault, "a section without its closing bracket");
        }
        r->at = section_of(trim(wr_str_cut(s, 1, (size_t)(end - s.at))), r->credentials);
        r->in_section = true;
        r->may_nest = false;
        add(r->p, r->at);
        return WR_OK;
    }
    if (!r->in_section) {
        return bad(r, line, fault, "expected a section in brackets first");
    }
    const char *sign = memchr(s.at, '=', s.len);
    if (!sign) {
        return indented ? WR_OK : bad(r, line, fault, "expected key = value");
    }
    struct entry e = r->at;
    e.key = trim(wr_str_cut(s, 0, (size_t)(sign - s.at)));
    e.value = trim(wr_str_cut(s, (size_t)(sign - s.at) + 1, s.len));
    if (e.key.len == 0) {
        return bad(r, line, fault, "expected a key before the equals sign");
    }
    if (!indented) {
        e.parent = (wr_str){0};
        r->may_nest = e.value.len == 0;
        r->at.parent = r->may_nest ? e.key : (wr_str){0};
    } else if (!r->may_nest) {
        return WR_OK; // a continuation of a value: nothing that AWS defines has one
    }
    add(r->p, e);
    return WR_OK;
}

static wr_err parse(struct wr_aws_profiles *p, bool credentials, struct wr_fault *fault)
{
    struct reader r = {
        .p = p, .text = wr_buf_str(&p->texts[credentials]), .credentials = credentials};
    wr_str left = r.text;
    if (wr_str_starts(left, WR_STR("\xef\xbb\xbf"))) {
        left = wr_str_cut(left, 3, left.len);
    }
    while (left.len > 0) {
        const char *end = memchr(left.at, '\n', left.len);
        size_t len = end ? (size_t)(end - left.at) : left.len;
        wr_err err = read_line(&r, wr_str_cut(left, 0, len), fault);
        if (err) {
            return err;
        }
        left = wr_str_cut(left, end ? len + 1 : len, left.len);
    }
    return WR_OK;
}

wr_err wr_aws_profiles_parse(wr_str config, wr_str credentials, struct wr_aws_profiles **out,
                             struct wr_fault *fault)
{
    struct wr_aws_profiles *p = wr_zalloc(sizeof *p);
    wr_buf_add(&p->texts[0], config);
    wr_buf_add(&p->texts[1], credentials);
    wr_err err = parse(p, false, fault);
    err = err ? err : parse(p, true, fault);
    if (err) {
        wr_aws_profiles_free(p);
        return err;
    }
    *out = p;
    return WR_OK;
}

void wr_aws_profiles_path(bool credentials, struct wr_buf *path)
{
    wr_str given = wr_aws_env(credentials ? "AWS_SHARED_CREDENTIALS_FILE" : "AWS_CONFIG_FILE");
    wr_str home = wr_aws_env("HOME");
    wr_buf_clear(path);
    if (wr_str_starts(given, WR_STR("~/")) && home.len) {
        wr_buf_add(path, home);
        given = wr_str_cut(given, 1, given.len);
    }
    wr_buf_add(path, given);
    if (given.len == 0 && home.len > 0) {
        wr_buf_add(path, home);
        wr_buf_add(path, credentials ? WR_STR("/.aws/credentials") : WR_STR("/.aws/config"));
    }
}

wr_err wr_aws_file_read(const char *path, size_t max, struct wr_buf *b, struct wr_fault *fault)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return wr_fault_set(fault, errno == ENOENT || errno == ENOTDIR ? WR_ERR_MISSING : WR_ERR_IO,
                            "%s: %s", path, strerror(errno));
    }
    // Room for all at once: a buffer that grows leaves copies of secrets behind.
    struct stat st;
    size_t size = fstat(fd, &st) == 0 && (uint64_t)st.st_size <= max ? (size_t)st.st_size : 0;
    char *to = wr_buf_reserve(b, size + 4096);
    ssize_t got = -1;
    do {
        to = to ? wr_buf_reserve(b, 4096) : NULL;
        got = to ? read(fd, to, 4096) : -1;
        b->len += got > 0 ? (size_t)got : 0;
    } while (got > 0 && b->len <= max);
    int error = errno;
    close(fd);
    if (got < 0) {
        return wr_fault_set(fault, WR_ERR_IO, "%s: %s", path, strerror(error));
    }
    return got == 0 ? WR_OK
                    : wr_fault_set(fault, WR_ERR_LIMIT, "%s has more than %zu bytes", path, max);
}

wr_err wr_aws_profiles_load(struct wr_aws_profiles **out, struct wr_fault *fault)
{
    struct wr_aws_profiles *p = wr_zalloc(sizeof *p);
    struct wr_buf path = {0};
    wr_err err = WR_OK;
    for (int i = 0; i < 2 && !err; i++) {
        wr_aws_profiles_path(i == 1, &path);
        if (path.len == 0) {
            continue;
        }
        struct wr_fault missing = {0};
        err = wr_aws_file_read(wr_buf_terminated(&path), WR_AWS_PROFILE_FILE_MAX, &p->texts[i],
                               &missing);
        if (err == WR_ERR_MISSING) {
            err = WR_OK;
        } else if (err && fault) {
            *fault = missing;
        }
        if (!err && (err = parse(p, i == 1, fault))) {
            wr_fault_prefix(fault, "%s: line %u", wr_buf_terminated(&path),
                            fault ? fault->line : 0);
        }
    }
    wr_buf_release(&path);
    if (err) {
        wr_aws_profiles_free(p);
        return err;
    }
    *out = p;
    return WR_OK;
}

void wr_aws_profiles_free(struct wr_aws_profiles *p)
{
    if (!p) {
        return;
    }
    for (size_t i = 0; i < WR_COUNT(p->texts); i++) {
        if (p->texts[i].at) {
            OPENSSL_cleanse(p->texts[i].at, p->texts[i].cap_);
        }
        wr_buf_release(&p->texts[i]);
    }
    free(p->entries);
    free(p);
}

// ---- looking up

bool wr_aws_profile_exists(const struct wr_aws_profiles *p, wr_str profile)
{
    for (size_t i = 0; i < p->count; i++) {
        const struct entry *e = &p->entries[i];
        if (e->kind <= WR_AWS_SECTION_KEYS && wr_str_eq(e->section, profile)) {
            return true;
        }
    }
    return false;
}

// The last one wins, as when a file is read from top to bottom.
wr_str wr_aws_profile_nested(const struct wr_aws_profiles *p, enum wr_aws_section kind,
                             wr_str section, const char *parent, const char *key)
{
    for (size_t i = p->count; i-- > 0;) {
        const struct entry *e = &p->entries[i];
        if (e->kind == kind && wr_str_eq(e->section, section) &&
            wr_str_eq_nocase(e->parent, wr_str_of(parent)) &&
            wr_str_eq_nocase(e->key, wr_str_of(key))) {
            return e->value;
        }
    }
    return (wr_str){0};
}

wr_str wr_aws_profile_key(const struct wr_aws_profiles *p, enum wr_aws_section kind, wr_str section,
                          const char *key)
{
    return wr_aws_profile_nested(p, kind, section, "", key);
}

wr_str wr_aws_profile_get(const struct wr_aws_profiles *p, wr_str profile, const char *key)
{
    wr_str found = wr_aws_profile_key(p, WR_AWS_SECTION_KEYS, profile, key);
    return found.len ? found : wr_aws_profile_key(p, WR_AWS_SECTION_PROFILE, profile, key);
}
