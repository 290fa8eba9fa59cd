// Intrinsic functions. Each returns a node in place of the call; texts that are put together keep
// where their pieces come from.
#include "engine/cli/check/cfn_parts.h"

#include <ctype.h>
#include <stdlib.h>

#include "sql/base/banned.h"

#define NEST_MAX (4 * WR_TREE_DEPTH_MAX) // a value of Mappings may look into Mappings

static const char no_value[] = "AWS::NoValue";
const char wr_cfn_refused[] = "a function that is refused";

// ---- nodes

static struct wr_tree *make(struct wr_cfn *f, enum wr_tree_kind kind, const struct wr_tree *like)
{
    struct wr_tree *t = wr_tree_new(f->s, kind);
    if (!t) {
        f->over = true;
        return NULL;
    }
    t->at = like->at;
    t->end = like->end;
    t->key = like->key;
    t->key_at = like->key_at;
    return t;
}

static struct wr_tree *make_text(struct wr_cfn *f, const struct wr_tree *like, wr_str text)
{
    struct wr_tree *t = make(f, WR_TREE_TEXT, like);
    if (t) {
        t->text = wr_str_dup(&f->s->arena, text);
        f->over = f->over || !t->text.at;
    }
    return t && t->text.at ? t : NULL;
}

// `what` ("Role.Arn") is said in findings; letters and digits of it stand in.
static struct wr_tree *make_unknown(struct wr_cfn *f, const struct wr_tree *like, wr_str what)
{
    char stand_in[33];
    size_t len = 0;
    for (size_t i = 0; i < what.len && len + 1 < sizeof stand_in; i++) {
        if (isalnum((unsigned char)what.at[i])) {
            stand_in[len++] = (char)tolower((unsigned char)what.at[i]);
        }
    }
    struct wr_tree *t = make_text(f, like, (wr_str){stand_in, len});
    if (t) {
        t->unknown = wr_str_dup(&f->s->arena, what).at;
    }
    return t;
}

// As little known as what it is made of.
static struct wr_tree *pass_unknown(struct wr_cfn *f, const struct wr_tree *like,
                                    const char *unknown)
{
    struct wr_tree *t = make_text(f, like, WR_STR("x"));
    if (t) {
        t->unknown = unknown;
    }
    return t;
}

static void refuse(struct wr_cfn *f, int number, const struct wr_tree *at, const char *text,
                   wr_str about)
{
    wr_check_at(f->c, number, f->s, at->at, f->rule, "%s%.*s", text, WR_STR_ARG(about));
}

static struct wr_tree *malformed(struct wr_cfn *f, const struct wr_tree *at, const char *text)
{
    refuse(f, WR_CODE_INTRINSIC, at, text, (wr_str){0});
    struct wr_tree *out = make_text(f, at, WR_STR("x"));
    if (out) {
        out->unknown = wr_cfn_refused;
    }
    return out;
}

// ---- calls

wr_str wr_cfn_call(const struct wr_tree *v, const struct wr_tree **arg)
{
    *arg = v;
    if (v->tag.len) {
        return v->tag; // Sub, Ref, Condition: the names are told apart without Fn::
    }
    if (v->kind != WR_TREE_MAP || v->count != 1) {
        return (wr_str){0};
    }
    *arg = v->first;
    wr_str name = v->first->key;
    if (wr_str_starts(name, WR_STR("Fn::"))) {
        return wr_str_cut(name, strlen("Fn::"), name.len);
    }
    return wr_str_eq(name, WR_STR("Ref")) ? name : (wr_str){0};
}

// ---- Ref

// Values that --param gives, or that are the same everywhere.
static bool pseudo(struct wr_cfn *f, const struct wr_tree *at, wr_str name, struct wr_tree **out)
{
    static const struct {
        const char *name, *stand_in;
        bool known;
    } pseudos[] = {
        {"AWS::Region", "us-east-1", false},     {"AWS::AccountId", "123456789012", false},
        {"AWS::Partition", "aws", false},        {"AWS::URLSuffix", "amazonaws.com", false},
        {"AWS::StackName", "stack", false},      {"AWS::StackId", "stack", false},
        {"AWS::NotificationARNs", "arn", false},
    };
    for (size_t i = 0; i < WR_COUNT(pseudos); i++) {
        if (wr_str_eq(name, wr_str_of(pseudos[i].name))) {
            const char *given = wr_check_param(f->c, pseudos[i].name);
            *out = make_text(f, at, wr_str_of(given ? given : pseudos[i].stand_in));
            if (*out && !given) {
                (*out)->unknown = pseudos[i].name;
            }
            return true;
        }
    }
    return false;
}

// The entries of "a, b" as a list.
static struct wr_tree *split_list(struct wr_cfn *f, const struct wr_tree *at, wr_str text,
                                  wr_str separator, bool trim)
{
    struct wr_tree *list = make(f, WR_TREE_LIST, at);
    for (bool more = list != NULL; more;) {
        ptrdiff_t end = wr_str_find(text, separator);
        more = end >= 0 && separator.len > 0;
        wr_str one = more ? wr_str_cut(text, 0, (size_t)end) : text;
        while (trim && one.len && one.at[0] == ' ') {
            one = wr_str_cut(one, 1, one.len);
        }
        struct wr_tree *item = make_text(f, at, one);
        if (!item) {
            break;
        }
        wr_tree_add(list, item);
        text = more ? wr_str_cut(text, (size_t)end + separator.len, text.len) : text;
    }
    return list;
}

static struct wr_tree *parameter(struct wr_cfn *f, const struct wr_tree *at,
                                 const struct wr_tree *p, wr_str name)
{
    const char *given = wr_check_param(f->c, p->key.at);
    const struct wr_tree *value = wr_tree_get(p, "Default");
    const struct wr_tree *type = wr_tree_get(p, "Type");
    wr_str kind = type && type->kind == WR_TREE_TEXT ? type->text : (wr_str){0};
    bool ssm =
        wr_str_starts(kind, WR_STR("AWS::SSM::Parameter::Value")); // names where the value is
    if (!given && (!wr_cfn_is_scalar(value) || ssm)) {
        return make_unknown(f, at, name);
    }
    wr_str text = given ? wr_str_of(given) : value->text;
    if (wr_str_find(kind, WR_STR("List")) >= 0) {
        return split_list(f, at, text, WR_STR(","), true);
    }
    return make_text(f, at, text);
}

// Resources whose Ref is the name that the template gives them.
static struct wr_tree *named_resource(struct wr_cfn *f, const struct wr_tree *at,
                                      const struct wr_tree *resource)
{
    static const char *const named[][2] = {
        {"AWS::S3::Bucket", "BucketName"},
        {"AWS::DynamoDB::Table", "TableName"},
        {"AWS::Kinesis::Stream", "Name"},
        {"AWS::KinesisFirehose::DeliveryStream", "DeliveryStreamName"},
        {"AWS::Logs::LogGroup", "LogGroupName"},
    };
    for (size_t i = 0; i < WR_COUNT(named); i++) {
        if (wr_tree_is(wr_tree_get(resource, "Type"), named[i][0])) {
            const struct wr_tree *name =
                wr_tree_get(wr_tree_get(resource, "Properties"), named[i][1]);
            return name && name->kind == WR_TREE_TEXT && !name->tag.len
                       ? make_text(f, at, name->text)
                       : NULL;
        }
    }
    return NULL;
}

// NULL: AWS::NoValue.
static struct wr_tree *ref(struct wr_cfn *f, const struct wr_tree *at, wr_str name)
{
    struct wr_tree *out;
    char key[256];
    if (wr_str_eq(name, wr_str_of(no_value))) {
        return NULL;
    }
    if (pseudo(f, at, name, &out)) {
        return out;
    }
    snprintf(key, sizeof key, "%.*s", WR_STR_ARG(name));
    const struct wr_tree *p = wr_tree_get(f->parameters, key);
    if (p) {
        return parameter(f, at, p, name);
    }
    const struct wr_tree *resource = wr_tree_get(f->resources, key);
    const char *given = wr_check_param(f->c, key);
    if (given) {
        return make_text(f, at, wr_str_of(given));
    }
    if (!resource) {
        refuse(f, WR_CODE_UNKNOWN_REFERENCE, at, "no parameter and no resource is called ", name);
        out = make_unknown(f, at, name);
        if (out) {
            out->unknown = wr_cfn_refused;
        }
        return out;
    }
    out = named_resource(f, at, resource);
    return out ? out : make_unknown(f, at, name);
}

// "Resource.Attribute".
static struct wr_tree *attribute(struct wr_cfn *f, const struct wr_tree *at, wr_str name)
{
    char key[256];
    snprintf(key, sizeof key, "%.*s", WR_STR_ARG(name));
    const char *given = wr_check_param(f->c, key);
    if (given) {
        return make_text(f, at, wr_str_of(given));
    }
    key[strcspn(key, ".")] = '\0';
    if (!wr_tree_get(f->resources, key)) {
        refuse(f, WR_CODE_UNKNOWN_REFERENCE, at, "no resource is called ", wr_str_of(key));
    }
    return make_unknown(f, at, name);
}

static struct wr_tree *get_att(struct wr_cfn *f, const struct wr_tree *at,
                               const struct wr_tree *arg)
{
    if (arg->kind == WR_TREE_TEXT) {
        return memchr(arg->text.at, '.', arg->text.len)
                   ? attribute(f, at, arg->text)
                   : malformed(f, at, "Fn::GetAtt: expected Resource.Attribute");
    }
    const struct wr_tree *resource = wr_tree_item(arg, 0), *name = wr_tree_item(arg, 1);
    if (arg->kind != WR_TREE_LIST || arg->count != 2 || resource->kind != WR_TREE_TEXT) {
        return malformed(f, at, "Fn::GetAtt: expected [Resource, Attribute]");
    }
    struct wr_tree *attr = wr_cfn_resolve(f, name);
    struct wr_buf whole = {0};
    wr_buf_addf(&whole, "%.*s.%.*s", WR_STR_ARG(resource->text),
                WR_STR_ARG(attr ? attr->text : (wr_str){0}));
    struct wr_tree *out = attribute(f, at, wr_buf_str(&whole));
    wr_buf_release(&whole);
    return out;
}

// ---- texts that are put together

struct text {
    struct wr_buf bytes;
    struct wr_tree_piece *pieces;
    size_t count, cap;
    const char *unknown;
    bool over;
};

static void put(struct wr_cfn *f, struct text *t, wr_str bytes, const struct wr_tree *from,
                size_t from_at)
{
    if (t->bytes.len + bytes.len > WR_CFN_TEXT_MAX) {
        t->over = true;
        return;
    }
    if (t->count == t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 8;
        t->pieces = wr_arena_grow(&f->s->arena, t->pieces, t->cap * sizeof *t->pieces,
                                  cap * sizeof *t->pieces);
        if (!t->pieces) {
            t->cap = t->count = 0;
            t->over = true;
            return;
        }
        t->cap = cap;
    }
    t->pieces[t->count++] = (struct wr_tree_piece){
        .at = (uint32_t)t->bytes.len, .from_at = (uint32_t)from_at, .from = from};
    wr_buf_add(&t->bytes, bytes);
}

// All of a resolved value. False: it has no text.
static bool put_value(struct wr_cfn *f, struct text *t, const struct wr_tree *v)
{
    if (!wr_cfn_is_scalar(v)) {
        return false;
    }
    t->unknown = t->unknown ? t->unknown : v->unknown;
    if (v->piece_count == 0) {
        put(f, t, v->text, v->style ? v : NULL, 0);
        return true;
    }
    for (size_t i = 0; i < v->piece_count; i++) {
        size_t end = i + 1 < v->piece_count ? v->pieces[i + 1].at : v->text.len;
        put(f, t, wr_str_cut(v->text, v->pieces[i].at, end), v->pieces[i].from,
            v->pieces[i].from_at);
    }
    return true;
}

static struct wr_tree *finish(struct wr_cfn *f, struct text *t, const struct wr_tree *at)
{
    struct wr_tree *out = make_text(f, at, wr_buf_str(&t->bytes));
    if (out && t->count) {
        out->pieces = t->pieces;
        out->piece_count = t->count;
    }
    if (out) {
        out->unknown = t->unknown;
    }
    wr_buf_release(&t->bytes);
    return t->over ? malformed(f, at, "the text that is made here has more than a megabyte") : out;
}

// ---- Fn::Sub

// What CloudFormation takes between ${ and }.
static bool is_sub_name(wr_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        if (!isalnum((unsigned char)c) && c != '_' && c != '.' && c != ':') {
            return false;
        }
    }
    return name.len > 0;
}

static void refuse_at(struct wr_cfn *f, int number, const struct wr_tree *v, size_t at,
                      const char *format, wr_str name)
{
    struct wr_place place;
    (void)wr_tree_place(f->s, v, at, &place);
    struct wr_buf text = {0};
    wr_buf_addf(&text, "${%.*s}: %s", WR_STR_ARG(name), format);
    wr_check_at(f->c, number, f->s, place, f->rule, "%s", wr_buf_terminated(&text));
    wr_buf_release(&text);
}

// In place of what a finding was made about already.
static bool put_refused(struct wr_cfn *f, struct text *t)
{
    put(f, t, WR_STR("x"), NULL, 0);
    t->unknown = t->unknown ? t->unknown : wr_cfn_refused;
    return true;
}

// The variable `name`, at byte `at` of the text `v`.
static bool put_variable(struct wr_cfn *f, struct text *t, const struct wr_tree *v, size_t at,
                         wr_str name, const struct wr_tree *vars)
{
    char key[256];
    while (name.len && name.at[0] == ' ') {
        name = wr_str_cut(name, 1, name.len);
    }
    while (name.len && name.at[name.len - 1] == ' ') {
        name.len--;
    }
    if (!is_sub_name(name)) {
        refuse_at(f, WR_CODE_INTRINSIC, v, at,
                  "CloudFormation takes only names here; for a template of the rule write ${!…}",
                  name);
        return put_refused(f, t);
    }
    snprintf(key, sizeof key, "%.*s", WR_STR_ARG(name));
    const struct wr_tree *var = wr_tree_get(vars, key);
    if (var) {
        return put_value(f, t, var);
    }
    const char *first = strchr(key, '.');
    bool known = first || strchr(key, ':') || wr_tree_get(f->parameters, key) ||
                 wr_tree_get(f->resources, key) || wr_check_param(f->c, key);
    if (!known) {
        refuse_at(
            f, WR_CODE_UNKNOWN_REFERENCE, v, at,
            "no parameter and no resource is called so; for an attribute of the payload write "
            "${!…}",
            name);
        return put_refused(f, t);
    }
    struct wr_tree *value = first ? attribute(f, v, name) : ref(f, v, name);
    return value && put_value(f, t, value);
}

static struct wr_tree *sub(struct wr_cfn *f, const struct wr_tree *at, const struct wr_tree *arg)
{
    const struct wr_tree *v = arg;
    struct wr_tree *vars = NULL;
    if (arg->kind == WR_TREE_LIST) {
        const struct wr_tree *map = wr_tree_item(arg, 1);
        v = wr_tree_item(arg, 0);
        vars = map && map->kind == WR_TREE_MAP ? wr_cfn_resolve(f, map) : NULL;
        if (arg->count != 2 || !vars) {
            return malformed(f, at, "Fn::Sub: expected a string, or [string, variables]");
        }
    }
    if (!v || v->kind != WR_TREE_TEXT) {
        return malformed(f, at, "Fn::Sub: expected a string, or [string, variables]");
    }
    struct text t = {0};
    wr_str text = v->text;
    size_t from = 0;
    bool fits = true;
    for (size_t i = 0; fits && i + 1 < text.len; i++) {
        if (text.at[i] != '$' || text.at[i + 1] != '{') {
            continue;
        }
        wr_str rest = wr_str_cut(text, i + 2, text.len);
        ptrdiff_t end = wr_str_find(rest, WR_STR("}"));
        if (end < 0) {
            continue; // CloudFormation leaves it alone
        }
        put(f, &t, wr_str_cut(text, from, i), v, from);
        if (rest.at[0] == '!') { // ${!x} is ${x}; what follows may hold braces of its own
            put(f, &t, WR_STR("${"), v, i);
            from = i + 3;
            i += 2;
            continue;
        }
        fits = put_variable(f, &t, v, i, wr_str_cut(rest, 0, (size_t)end), vars);
        from = i + 2 + (size_t)end + 1;
        i = from - 1;
    }
    if (!fits) {
        wr_buf_release(&t.bytes);
        return malformed(f, at, "Fn::Sub: a variable is no text");
    }
    put(f, &t, wr_str_cut(text, from, text.len), v, from);
    return finish(f, &t, at);
}

// ---- lists

static struct wr_tree *join(struct wr_cfn *f, const struct wr_tree *at, const struct wr_tree *arg)
{
    const struct wr_tree *separator = wr_tree_item(arg, 0), *list = wr_tree_item(arg, 1);
    struct wr_tree *items = list ? wr_cfn_resolve(f, list) : NULL;
    if (items && items->unknown) {
        return pass_unknown(f, at, items->unknown);
    }
    if (!separator || separator->kind != WR_TREE_TEXT || !items || items->kind != WR_TREE_LIST) {
        return malformed(f, at, "Fn::Join: expected [separator, list]");
    }
    struct text t = {0};
    for (const struct wr_tree *item = items->first; item; item = item->next) {
        if (item != items->first) {
            put(f, &t, separator->text, NULL, 0);
        }
        if (!put_value(f, &t, item)) {
            wr_buf_release(&t.bytes);
            return malformed(f, at, "Fn::Join: an entry is no text");
        }
    }
    return finish(f, &t, at);
}

static struct wr_tree *select_item(struct wr_cfn *f, const struct wr_tree *at,
                                   const struct wr_tree *arg)
{
    const struct wr_tree *number = wr_tree_item(arg, 0), *list = wr_tree_item(arg, 1);
    struct wr_tree *items = list ? wr_cfn_resolve(f, list) : NULL;
    struct wr_tree *index = number ? wr_cfn_resolve(f, number) : NULL;
    const char *unknown = items && items->unknown ? items->unknown : index ? index->unknown : NULL;
    if (unknown) {
        return pass_unknown(f, at, unknown);
    }
    if (!wr_cfn_is_scalar(index) || !items || items->kind != WR_TREE_LIST) {
        return malformed(f, at, "Fn::Select: expected [index, list]");
    }
    char *end;
    unsigned long i = strtoul(index->text.at, &end, 10);
    struct wr_tree *item = *end == '\0' ? wr_tree_item(items, i) : NULL;
    return item ? item : malformed(f, at, "Fn::Select: the list has no such entry");
}

static struct wr_tree *split(struct wr_cfn *f, const struct wr_tree *at, const struct wr_tree *arg)
{
    const struct wr_tree *separator = wr_tree_item(arg, 0), *text = wr_tree_item(arg, 1);
    struct wr_tree *value = text ? wr_cfn_resolve(f, text) : NULL;
    if (!separator || separator->kind != WR_TREE_TEXT || separator->text.len == 0 ||
        !wr_cfn_is_scalar(value)) {
        return malformed(f, at, "Fn::Split: expected [separator, string]");
    }
    return value->unknown ? pass_unknown(f, at, value->unknown)
                          : split_list(f, at, value->text, separator->text, false);
}

static struct wr_tree *find_in_map(struct wr_cfn *f, const struct wr_tree *at,
                                   const struct wr_tree *arg)
{
    const struct wr_tree *here = f->mappings;
    for (size_t i = 0; i < 3; i++) {
        const struct wr_tree *name = wr_tree_item(arg, i);
        struct wr_tree *key = name ? wr_cfn_resolve(f, name) : NULL;
        if (!wr_cfn_is_scalar(key)) {
            return malformed(f, at, "Fn::FindInMap: expected [map, key, key]");
        }
        if (key->unknown) {
            return pass_unknown(f, at, key->unknown);
        }
        here = wr_tree_get(here, key->text.at);
        if (!here) {
            return malformed(f, at, "Fn::FindInMap: Mappings has no such entry");
        }
    }
    return wr_cfn_resolve(f, here);
}

static struct wr_tree *base64(struct wr_cfn *f, const struct wr_tree *at, const struct wr_tree *arg)
{
    struct wr_tree *value = wr_cfn_resolve(f, arg);
    if (!wr_cfn_is_scalar(value)) {
        return malformed(f, at, "Fn::Base64: expected a string");
    }
    if (value->unknown) {
        return pass_unknown(f, at, value->unknown);
    }
    struct wr_buf text = {0};
    wr_buf_add_base64(&text, value->text);
    struct wr_tree *out = make_text(f, at, wr_buf_str(&text));
    wr_buf_release(&text);
    return out;
}

// ---- Fn::If

static struct wr_tree *choose(struct wr_cfn *f, const struct wr_tree *at, const struct wr_tree *arg)
{
    const struct wr_tree *name = wr_tree_item(arg, 0);
    const struct wr_tree *yes = wr_tree_item(arg, 1), *no = wr_tree_item(arg, 2);
    if (!name || name->kind != WR_TREE_TEXT || !yes || !no) {
        return malformed(f, at, "Fn::If: expected [condition, value, value]");
    }
    enum wr_truth truth = wr_cfn_condition(f, name->text);
    if (truth != WR_TRUTH_UNKNOWN) {
        return wr_cfn_resolve(f, truth == WR_TRUTH_YES ? yes : no);
    }
    struct wr_tree *out = wr_cfn_resolve(f, yes);
    out = out ? out : wr_cfn_resolve(f, no);
    if (out && wr_cfn_is_scalar(out)) {
        out->unknown = out->unknown ? out->unknown : wr_str_dup(&f->s->arena, name->text).at;
    } else if (out) {
        refuse(f, WR_CODE_UNKNOWN_VALUE, at, "only one branch of Fn::If is checked; condition ",
               name->text);
    }
    return out;
}

// ---- all of it

static struct wr_tree *copy(struct wr_cfn *f, const struct wr_tree *v)
{
    struct wr_tree *out = make(f, v->kind, v);
    if (!out) {
        return NULL;
    }
    out->style = v->style;
    out->text = v->text;
    for (const struct wr_tree *m = v->first; m && !f->over; m = m->next) {
        struct wr_tree *item = wr_cfn_resolve(f, m);
        if (item) {
            item->key = m->key;
            item->key_at = m->key_at;
            wr_tree_add(out, item);
        }
    }
    return out;
}

static struct wr_tree *call(struct wr_cfn *f, const struct wr_tree *v)
{
    static const struct {
        const char *name;
        struct wr_tree *(*make)(struct wr_cfn *f, const struct wr_tree *at,
                                const struct wr_tree *arg);
    } calls[] = {
        {"Sub", sub},     {"GetAtt", get_att},        {"Join", join},     {"Select", select_item},
        {"Split", split}, {"FindInMap", find_in_map}, {"Base64", base64}, {"If", choose},
    };
    const struct wr_tree *arg;
    wr_str name = wr_cfn_call(v, &arg);
    if (name.len == 0) {
        return copy(f, v);
    }
    if (wr_str_eq(name, WR_STR("Ref"))) {
        return arg->kind == WR_TREE_TEXT ? ref(f, v, arg->text)
                                         : malformed(f, v, "Ref: expected a name");
    }
    for (size_t i = 0; i < WR_COUNT(calls); i++) {
        if (wr_str_eq(name, wr_str_of(calls[i].name))) {
            return calls[i].make(f, v, arg);
        }
    }
    // ImportValue, Transform, GetAZs, Cidr, …: only a deployment knows
    struct wr_buf what = {0};
    wr_buf_addf(&what, "Fn::%.*s", WR_STR_ARG(name));
    if (arg->kind == WR_TREE_TEXT) {
        wr_buf_addf(&what, " %.*s", WR_STR_ARG(arg->text));
    }
    struct wr_tree *out = make_unknown(f, v, wr_buf_str(&what));
    wr_buf_release(&what);
    return out;
}

struct wr_tree *wr_cfn_resolve(struct wr_cfn *f, const struct wr_tree *v)
{
    if (f->over) {
        return NULL;
    }
    if (f->nest >= NEST_MAX) {
        return malformed(f, v, "functions are nested too deep");
    }
    f->nest++;
    struct wr_tree *out = call(f, v);
    f->nest--;
    return out;
}
