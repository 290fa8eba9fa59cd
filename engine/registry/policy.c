// Asks a compiled policy; policy_compile.c makes it.
#include "engine/registry/policy.h"

#include <arpa/inet.h>

#include "engine/registry/policy_parts.h"

#include "sql/base/banned.h"

// ---- reading the bytes

static struct policy_head head_of(const struct wr_policy *p)
{
    struct policy_head h;
    memcpy(&h, p->at_, sizeof h);
    return h;
}

static size_t patterns_at(const struct policy_head *h)
{
    return sizeof *h + (size_t)h->statements * sizeof(struct policy_statement);
}

static size_t parts_at(const struct policy_head *h)
{
    return patterns_at(h) + (size_t)h->patterns * sizeof(struct policy_pattern);
}

static size_t conditions_at(const struct policy_head *h)
{
    return parts_at(h) + (size_t)h->parts * sizeof(struct policy_part);
}

static size_t texts_at(const struct policy_head *h)
{
    return conditions_at(h) + (size_t)h->conditions * sizeof(struct policy_condition);
}

static struct policy_statement statement_of(const struct wr_policy *p, uint32_t i)
{
    struct policy_statement s;
    memcpy(&s, p->at_ + sizeof(struct policy_head) + i * sizeof s, sizeof s);
    return s;
}

static struct policy_pattern pattern_of(const struct wr_policy *p, const struct policy_head *h,
                                        uint32_t i)
{
    struct policy_pattern pattern;
    memcpy(&pattern, p->at_ + patterns_at(h) + i * sizeof pattern, sizeof pattern);
    return pattern;
}

static struct policy_part part_of(const struct wr_policy *p, const struct policy_head *h,
                                  uint32_t i)
{
    struct policy_part part;
    memcpy(&part, p->at_ + parts_at(h) + i * sizeof part, sizeof part);
    return part;
}

static struct policy_condition condition_of(const struct wr_policy *p, const struct policy_head *h,
                                            uint32_t i)
{
    struct policy_condition c;
    memcpy(&c, p->at_ + conditions_at(h) + i * sizeof c, sizeof c);
    return c;
}

static bool inside(uint32_t first, uint32_t count, uint32_t of)
{
    return first <= of && count <= of - first;
}

static bool parts_fit(const struct policy_head *h, uint32_t first, uint32_t count)
{
    return inside(first, count, h->parts) && count <= WR_POLICY_PARTS_MAX;
}

static bool statements_fit(const struct wr_policy *p, const struct policy_head *h)
{
    for (uint32_t i = 0; i < h->statements; i++) {
        struct policy_statement s = statement_of(p, i);
        if (s.effect > POLICY_DENIES || !inside(s.action, s.actions, h->patterns) ||
            !inside(s.resource, s.resources, h->patterns) ||
            !inside(s.condition, s.conditions, h->conditions)) {
            return false;
        }
    }
    return true;
}

static bool conditions_fit(const struct wr_policy *p, const struct policy_head *h)
{
    for (uint32_t i = 0; i < h->conditions; i++) {
        struct policy_condition c = condition_of(p, h, i);
        if (c.op >= POLICY_OPERATOR_COUNT || c.variable >= POLICY_VARIABLE_COUNT ||
            !inside(c.at, c.len, h->text_len) || !inside(c.value, c.values, h->patterns)) {
            return false;
        }
    }
    return true;
}

wr_err wr_policy_open(wr_str bytes, struct wr_policy *out)
{
    struct wr_policy p = {bytes.at, bytes.len};
    if (bytes.len < sizeof(struct policy_head)) {
        return WR_ERR_CORRUPT;
    }
    struct policy_head h = head_of(&p);
    const uint32_t most = UINT32_C(1) << 24; // keeps the sums below far from any overflow
    if (h.magic != POLICY_MAGIC || h.statements > most || h.patterns > most || h.parts > most ||
        h.conditions > most || texts_at(&h) + h.text_len != bytes.len || !statements_fit(&p, &h) ||
        !conditions_fit(&p, &h)) {
        return WR_ERR_CORRUPT;
    }
    for (uint32_t i = 0; i < h.patterns; i++) {
        struct policy_pattern pattern = pattern_of(&p, &h, i);
        if (!parts_fit(&h, pattern.part, pattern.parts) ||
            !parts_fit(&h, pattern.region, pattern.regions) ||
            !parts_fit(&h, pattern.account, pattern.accounts)) {
            return WR_ERR_CORRUPT;
        }
    }
    for (uint32_t i = 0; i < h.parts; i++) {
        struct policy_part part = part_of(&p, &h, i);
        if (part.kind >= PART_KINDS ||
            (part.kind == PART_VARIABLE && part.variable >= POLICY_VARIABLE_COUNT) ||
            (part.kind != PART_ANY && !inside(part.at, part.len, h.text_len))) {
            return WR_ERR_CORRUPT;
        }
    }
    *out = p;
    return WR_OK;
}

uint32_t wr_policy_statements(const struct wr_policy *p)
{
    return head_of(p).statements;
}

// ---- values of variables

#define DN_NAMES(NAME)          \
    NAME("Country")             \
    NAME("Organization")        \
    NAME("OrganizationalUnit")  \
    NAME("State")               \
    NAME("CommonName")          \
    NAME("SerialNumber")        \
    NAME("Title")               \
    NAME("Surname")             \
    NAME("GivenName")           \
    NAME("Initials")            \
    NAME("Pseudonym")           \
    NAME("GenerationQualifier") \
    NAME("DistinguishedNameQualifier")
#define ALTERNATIVE_NAMES(NAME)       \
    NAME("RFC822Name")                \
    NAME("DNSName")                   \
    NAME("DirectoryName")             \
    NAME("UniformResourceIdentifier") \
    NAME("IPAddress")

static const wr_str certificate_names[] = {
#define NAME(text) WR_STR_INIT("Subject." text),
    DN_NAMES(NAME)
#undef NAME
#define NAME(text) WR_STR_INIT("Issuer." text),
        DN_NAMES(NAME)
#undef NAME
#define NAME(text) WR_STR_INIT("Subject.AlternativeName." text),
            ALTERNATIVE_NAMES(NAME)
#undef NAME
#define NAME(text) WR_STR_INIT("Issuer.AlternativeName." text),
                ALTERNATIVE_NAMES(NAME)
#undef NAME
                    WR_STR_INIT("SerialNumber"),
    WR_STR_INIT("AvailableKeys"),
};

wr_str wr_policy_certificate_name(size_t at)
{
    return at < WR_COUNT(certificate_names) ? certificate_names[at] : (wr_str){NULL, 0};
}

struct asking {
    const struct wr_policy *policy;
    struct policy_head head;
    const struct wr_policy_request *request;
    uint64_t steps; // left
    bool filter;    // the resource is a topic filter: no + or # may come from a variable
};

static bool spend(struct asking *a, uint64_t steps)
{
    if (steps >= a->steps) {
        a->steps = 0;
        return false;
    }
    a->steps -= steps;
    return true;
}

// Value `index` of a variable; only certificates have more than one.
static bool variable_value(const struct asking *a, uint8_t variable, wr_str name, uint32_t index,
                           wr_str *value)
{
    const struct wr_policy_context *c = a->request->context;
    wr_str none = {NULL, 0}, got = none;
    if (index > 0 && variable != VARIABLE_CERTIFICATE) {
        return false;
    }
    switch ((enum policy_variable)variable) {
    case VARIABLE_CLIENT_ID:
        got = c->client_id;
        break;
    case VARIABLE_SOURCE_IP:
        got = c->source_ip;
        break;
    case VARIABLE_DOMAIN_NAME:
        got = c->domain_name;
        break;
    case VARIABLE_THING_NAME:
        got = c->thing_name;
        break;
    case VARIABLE_THING_TYPE:
        got = c->thing_type;
        break;
    case VARIABLE_IS_ATTACHED:
        got = c->is_attached;
        break;
    case VARIABLE_ATTRIBUTE:
        if (!c->attribute || !c->attribute(c->user, name, &got)) {
            got = none;
        }
        break;
    case VARIABLE_CERTIFICATE:
        if (!c->certificate || !c->certificate(c->user, name, index, &got)) {
            got = none;
        }
        break;
    case POLICY_VARIABLE_COUNT:
        break;
    }
    if (!got.at) {
        return false;
    }
    *value = got;
    return true;
}

// ---- globs

// A part with its variable replaced.
struct piece {
    enum part_kind kind;
    wr_str text;    // TEXT
    uint32_t count; // ANY
};

static bool has_wildcard(wr_str value)
{
    return memchr(value.at, '+', value.len) || memchr(value.at, '#', value.len);
}

// The parts with values in place of variables, those of lists with value number `index`. False when
// a variable has no value, or one that may not stand there. `*lists`: there are lists.
static bool make_pieces(struct asking *a, uint32_t first, uint32_t count, uint32_t index,
                        struct piece *pieces, size_t *text_len, bool *lists)
{
    const char *texts = a->policy->at_ + texts_at(&a->head);
    *text_len = 0;
    *lists = false;
    for (uint32_t i = 0; i < count; i++) {
        struct policy_part part = part_of(a->policy, &a->head, first + i);
        pieces[i] = (struct piece){.kind = (enum part_kind)part.kind, .count = part.len};
        if (part.kind == PART_TEXT) {
            pieces[i].text = (wr_str){texts + part.at, part.len};
        } else if (part.kind == PART_VARIABLE) {
            bool list = part.index == INDEX_LIST;
            wr_str name = {texts + part.at, part.len}, value;
            *lists = *lists || list;
            if (!spend(a, 20) ||
                !variable_value(a, part.variable, name, list ? index : part.index, &value) ||
                (a->filter && value.len && has_wildcard(value))) {
                return false;
            }
            pieces[i].kind = PART_TEXT;
            pieces[i].text = value;
        }
        *text_len += pieces[i].text.len;
    }
    return true;
}

// Over one character of UTF-8; not from inside of one.
static bool step_over(wr_str text, size_t *at)
{
    if (*at >= text.len || ((unsigned char)text.at[*at] & 0xc0) == 0x80) {
        return false;
    }
    do {
        ++*at;
    } while (*at < text.len && ((unsigned char)text.at[*at] & 0xc0) == 0x80);
    return true;
}

// One piece at `*at`, not a star.
static bool fits_at(struct asking *a, const struct piece *piece, wr_str text, size_t *at)
{
    if (piece->kind == PART_TEXT) {
        size_t len = piece->text.len;
        if (!spend(a, 2 + len / 8) || len > text.len - *at ||
            (len && memcmp(text.at + *at, piece->text.at, len) != 0)) {
            return false;
        }
        *at += len;
        return true;
    }
    for (uint32_t i = 0; i < piece->count; i++) {
        if (!spend(a, 1) || !step_over(text, at)) {
            return false;
        }
    }
    return true;
}

// Where the pieces behind a star are tried next, from `from` on; SIZE_MAX: nowhere.
static size_t next_try(struct asking *a, const struct piece *pieces, size_t count, size_t piece,
                       wr_str text, size_t from)
{
    if (from > text.len || !spend(a, 2 + (text.len - from) / 8)) {
        return SIZE_MAX;
    }
    if (piece == count) {
        return text.len; // the last star takes the rest
    }
    const struct piece *p = &pieces[piece];
    if (p->kind != PART_TEXT) {
        return from;
    }
    if (piece + 1 == count) { // the end of the text, or nowhere
        return p->text.len <= text.len - from ? text.len - p->text.len : SIZE_MAX;
    }
    if (p->text.len == 0) {
        return from;
    }
    const char *hit =
        from < text.len ? memmem(text.at + from, text.len - from, p->text.at, p->text.len) : NULL;
    return hit ? (size_t)(hit - text.at) : SIZE_MAX;
}

// Only the latest star is ever moved: what an earlier one could gain, it gains too.
static bool glob(struct asking *a, const struct piece *pieces, size_t count, wr_str text)
{
    size_t piece = 0, at = 0, star = SIZE_MAX, star_at = 0;
    for (;;) {
        if (piece < count && pieces[piece].kind == PART_STAR) {
            star = ++piece;
            star_at = next_try(a, pieces, count, star, text, at);
            if (star_at == SIZE_MAX) {
                return false;
            }
            at = star_at;
        } else if (piece < count ? fits_at(a, &pieces[piece], text, &at) : at == text.len) {
            if (piece == count) {
                return true;
            }
            piece++;
        } else {
            if (star == SIZE_MAX || a->steps == 0) {
                return false;
            }
            star_at = next_try(a, pieces, count, star, text, star_at + 1);
            if (star_at == SIZE_MAX) {
                return false;
            }
            piece = star;
            at = star_at;
        }
    }
}

static bool parts_match(struct asking *a, uint32_t first, uint32_t count, wr_str text)
{
    struct piece pieces[WR_POLICY_PARTS_MAX];
    bool lists = true;
    for (uint32_t index = 0; lists && index < WR_POLICY_INDEX_MAX; index++) {
        size_t len;
        if (!spend(a, 1 + count) || !make_pieces(a, first, count, index, pieces, &len, &lists)) {
            return false;
        }
        if (len <= text.len && glob(a, pieces, count, text)) {
            return true;
        }
    }
    return false;
}

static wr_str lower(wr_str text, char *to, size_t room)
{
    size_t len = text.len < room ? text.len : room;
    for (size_t i = 0; i < len; i++) {
        char c = text.at[i];
        to[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    return (wr_str){to, len};
}

static bool action_matches(struct asking *a, const struct policy_statement *s)
{
    char name[128]; // no action's name is so long
    wr_str action = lower(a->request->action, name, sizeof name);
    bool filter = a->filter;
    a->filter = false;
    bool hit = false;
    for (uint32_t i = 0; !hit && i < s->actions; i++) {
        struct policy_pattern p = pattern_of(a->policy, &a->head, s->action + i);
        hit = !(p.flags & PATTERN_NEVER) && parts_match(a, p.part, p.parts, action);
    }
    a->filter = filter;
    return hit;
}

static bool resource_matches(struct asking *a, const struct policy_statement *s)
{
    const struct wr_policy_request *r = a->request;
    for (uint32_t i = 0; i < s->resources; i++) {
        struct policy_pattern p = pattern_of(a->policy, &a->head, s->resource + i);
        if (!spend(a, 2)) {
            return false;
        }
        if (p.flags & PATTERN_ALL) {
            return true;
        }
        if (!(p.flags & PATTERN_NEVER) && parts_match(a, p.region, p.regions, r->region) &&
            parts_match(a, p.account, p.accounts, r->account) &&
            parts_match(a, p.part, p.parts, r->resource)) {
            return true;
        }
    }
    return false;
}

// ---- conditions

// "8" of "10.0.0.0/8"; `width` without a slash, UINT_MAX if it is no number.
static unsigned prefix_bits(const char *slash, unsigned width)
{
    unsigned bits = 0;
    if (!slash) {
        return width;
    }
    const char *c = slash + 1;
    for (; *c >= '0' && *c <= '9' && bits <= width; c++) {
        bits = bits * 10 + (unsigned)(*c - '0');
    }
    return c > slash + 1 && !*c ? bits : UINT32_MAX;
}

// "10.0.0.0/8", "2001:db8::/32", or one address.
static bool in_network(wr_str network, wr_str address)
{
    char text[INET6_ADDRSTRLEN + 5], host[INET6_ADDRSTRLEN + 1];
    if (network.len >= sizeof text || address.len >= sizeof host) {
        return false;
    }
    memcpy(text, network.at, network.len);
    text[network.len] = 0;
    memcpy(host, address.at, address.len);
    host[address.len] = 0;
    int family = strchr(text, ':') ? AF_INET6 : AF_INET;
    unsigned width = family == AF_INET ? 32 : 128;
    char *slash = strchr(text, '/');
    unsigned bits = prefix_bits(slash, width);
    if (slash) {
        *slash = 0;
    }
    // A socket for both families gives ::ffff:10.0.0.1.
    const char *plain = family == AF_INET && strncmp(host, "::ffff:", 7) == 0 ? host + 7 : host;
    unsigned char net[16], ip[16];
    if (bits > width || inet_pton(family, text, net) != 1 || inet_pton(family, plain, ip) != 1) {
        return false;
    }
    unsigned whole = bits / 8, rest = bits % 8;
    return memcmp(net, ip, whole) == 0 &&
           (rest == 0 || ((net[whole] ^ ip[whole]) >> (8 - rest)) == 0);
}

// Whether one of a pattern's texts is what the operator wants of `value`.
static bool value_fits(struct asking *a, const struct policy_condition *c,
                       const struct policy_pattern *p, wr_str value)
{
    char folded[512], text[512];
    if (c->op == OPERATOR_IP_ADDRESS || c->op == OPERATOR_NOT_IP_ADDRESS) {
        struct policy_part part = {0};
        if (p->parts == 1) {
            part = part_of(a->policy, &a->head, p->part);
        }
        wr_str network = {a->policy->at_ + texts_at(&a->head) + part.at, part.len};
        return spend(a, 100) && p->parts == 1 && part.kind == PART_TEXT &&
               in_network(network, value);
    }
    if (c->op != OPERATOR_STRING_EQUALS_NOCASE && c->op != OPERATOR_STRING_NOT_EQUALS_NOCASE &&
        c->op != OPERATOR_BOOL) {
        return parts_match(a, p->part, p->parts, value);
    }
    // Without case: the whole pattern's text beside the value.
    struct piece pieces[WR_POLICY_PARTS_MAX];
    size_t len, at = 0;
    bool lists;
    if (!make_pieces(a, p->part, p->parts, 0, pieces, &len, &lists) || len != value.len ||
        len > sizeof text || !spend(a, 1 + len)) {
        return false;
    }
    for (uint32_t i = 0; i < p->parts; i++) {
        if (pieces[i].kind != PART_TEXT) {
            return false;
        }
        at += lower(pieces[i].text, text + at, sizeof text - at).len;
    }
    return wr_str_eq((wr_str){text, at}, lower(value, folded, sizeof folded));
}

static bool any_value_fits(struct asking *a, const struct policy_condition *c, wr_str value)
{
    for (uint32_t i = 0; i < c->values; i++) {
        struct policy_pattern p = pattern_of(a->policy, &a->head, c->value + i);
        if (!(p.flags & PATTERN_NEVER) && value_fits(a, c, &p, value)) {
            return true;
        }
    }
    return false;
}

static bool condition_holds(struct asking *a, const struct policy_condition *c)
{
    static const bool negated[] = {
#define OPERATOR(name, text, negated) negated,
        POLICY_OPERATORS(OPERATOR)
#undef OPERATOR
    };
    wr_str name = {a->policy->at_ + texts_at(&a->head) + c->at, c->len}, value;
    bool list = c->index == INDEX_LIST, there = false, fits = false;
    uint32_t first = list ? 0 : c->index, end = list ? WR_POLICY_INDEX_MAX : first + 1u;
    for (uint32_t i = first;
         !fits && i < end && spend(a, 20) && variable_value(a, c->variable, name, i, &value); i++) {
        there = true;
        fits = c->op != OPERATOR_IS_NULL && any_value_fits(a, c, value);
    }
    if (c->op == OPERATOR_IS_NULL) {
        return any_value_fits(a, c, there ? WR_STR("false") : WR_STR("true"));
    }
    if (!there) {
        return c->if_exists || negated[c->op];
    }
    return fits != negated[c->op];
}

static bool conditions_hold(struct asking *a, const struct policy_statement *s)
{
    bool filter = a->filter;
    a->filter = false; // a value beside a value is no topic filter
    bool hold = true;
    for (uint32_t i = 0; hold && i < s->conditions; i++) {
        struct policy_condition c = condition_of(a->policy, &a->head, s->condition + i);
        hold = condition_holds(a, &c);
    }
    a->filter = filter;
    return hold;
}

// ---- the question

static enum wr_policy_verdict decide(struct asking *a, uint32_t *statement)
{
    enum wr_policy_verdict verdict = WR_POLICY_NOTHING;
    for (uint32_t i = 0; i < a->head.statements && spend(a, 5); i++) {
        struct policy_statement s = statement_of(a->policy, i);
        bool denies = s.effect == POLICY_DENIES;
        if (s.effect == 0 || (!denies && verdict == WR_POLICY_ALLOW) || !action_matches(a, &s) ||
            !resource_matches(a, &s) || !conditions_hold(a, &s)) {
            continue;
        }
        *statement = i;
        if (denies) {
            return WR_POLICY_DENY;
        }
        verdict = WR_POLICY_ALLOW;
    }
    return verdict;
}

enum wr_policy_verdict wr_policy_evaluate(const struct wr_policy *p,
                                          const struct wr_policy_request *request,
                                          uint32_t *statement, uint64_t *steps)
{
    struct asking a = {.policy = p, .head = head_of(p), .request = request, .steps = *steps};
    a.filter = wr_str_starts(request->resource, WR_STR("topicfilter/"));
    if (request->resource.len > WR_POLICY_RESOURCE_MAX || request->action.len > 128) {
        a.steps = 0;
    }
    uint32_t decided = UINT32_MAX;
    enum wr_policy_verdict verdict = a.steps ? decide(&a, &decided) : WR_POLICY_DENY;
    if (a.steps == 0) {
        verdict = WR_POLICY_DENY;
        decided = UINT32_MAX;
    }
    *steps = a.steps;
    if (statement) {
        *statement = decided;
    }
    return verdict;
}
