// Items in AttributeValue JSON: writing them, and counting their size as DynamoDB does.
#include "sinks/dynamodb/item.h"

#include "sinks/dynamodb/number.h"
#include "sql/base/json.h"
#include "sql/base/num.h"

#include "sql/base/banned.h"

static const char not_a_number[] = "The parameter cannot be converted to a numeric value";

static void trouble(struct wr_dynamodb_builder *b, const char *text)
{
    b->trouble_ = b->trouble_ ? b->trouble_ : text;
}

static void write_number(struct wr_dynamodb_builder *b, const struct wr_dynamodb_number *n)
{
    wr_buf_add(&b->json_, WR_STR("{\"N\":\""));
    wr_dynamodb_number_write(&b->json_, n);
    wr_buf_add(&b->json_, WR_STR("\"}"));
    b->size_ += wr_dynamodb_number_size(n);
}

// A number of the language has 34 digits, its source may have more; DynamoDB keeps 38 of them.
static void write_num_value(struct wr_dynamodb_builder *b, const wr_value *value)
{
    struct wr_dynamodb_number n;
    if (wr_value_is_lazy(value) && !wr_dynamodb_number_parse(wr_value_text(value), &n)) {
        write_number(b, &n);
        return;
    }
    wr_value forced = *value;
    wr_value_force(&forced, b->arena, b->dialect);
    struct wr_buf text;
    wr_buf_init_arena(&text, b->arena);
    if (forced.type == WR_NUMBER) {
        wr_num_write(&text, &forced, b->dialect);
    }
    const char *wrong = text.over ? not_a_number : wr_dynamodb_number_parse(wr_buf_str(&text), &n);
    if (wrong) {
        trouble(b, wrong);
        return;
    }
    write_number(b, &n);
}

static void write_string(struct wr_dynamodb_builder *b, wr_str text)
{
    wr_buf_add(&b->json_, WR_STR("{\"S\":"));
    wr_json_write_string(&b->json_, text);
    wr_buf_add_char(&b->json_, '}');
    b->size_ += text.len;
}

// `value` is not Undefined. Maps and lists recurse, at most WR_DYNAMODB_DEPTH_MAX deep.
static void write_value(struct wr_dynamodb_builder *b, wr_value value, unsigned depth);

static void write_list(struct wr_dynamodb_builder *b, const wr_value *list, unsigned depth)
{
    bool first = true;
    wr_buf_add(&b->json_, WR_STR("{\"L\":["));
    b->size_ += 3;
    for (uint32_t i = 0; i < list->len; i++) {
        if (list->as.items[i].type != WR_UNDEFINED) {
            wr_buf_add(&b->json_, first ? WR_STR("") : WR_STR(","));
            write_value(b, list->as.items[i], depth + 1);
            b->size_ += 1;
            first = false;
        }
    }
    wr_buf_add(&b->json_, WR_STR("]}"));
}

static void write_map(struct wr_dynamodb_builder *b, const wr_value *map, unsigned depth)
{
    bool first = true;
    wr_buf_add(&b->json_, WR_STR("{\"M\":{"));
    b->size_ += 3;
    for (uint32_t i = 0; i < map->len; i++) {
        const struct wr_member *member = &map->as.members[i];
        if (member->value.type != WR_UNDEFINED) {
            wr_buf_add(&b->json_, first ? WR_STR("") : WR_STR(","));
            wr_json_write_string(&b->json_, member->key);
            wr_buf_add_char(&b->json_, ':');
            write_value(b, member->value, depth + 1);
            b->size_ += member->key.len + 1;
            first = false;
        }
    }
    wr_buf_add(&b->json_, WR_STR("}}"));
}

static void write_value(struct wr_dynamodb_builder *b, wr_value value, unsigned depth)
{
    if (depth > WR_DYNAMODB_DEPTH_MAX) {
        trouble(b, "Nesting Levels have exceeded supported limits");
        return;
    }
    if (value.type == WR_NUMBER) {
        write_num_value(b, &value);
        return;
    }
    wr_value_force(&value, b->arena, b->dialect);
    switch ((enum wr_type)value.type) {
    case WR_STRING:
        write_string(b, wr_value_text(&value));
        break;
    case WR_RAW: { // inside a document raw bytes are their base64 text (sql.md 9)
        struct wr_buf text;
        wr_buf_init_arena(&text, b->arena);
        wr_buf_add_base64(&text, wr_value_text(&value));
        b->json_.over |= text.over;
        write_string(b, wr_buf_str(&text));
        break;
    }
    case WR_BOOLEAN:
        wr_buf_add(&b->json_,
                   value.as.truth ? WR_STR("{\"BOOL\":true}") : WR_STR("{\"BOOL\":false}"));
        b->size_ += 1;
        break;
    case WR_NULL:
        wr_buf_add(&b->json_, WR_STR("{\"NULL\":true}"));
        b->size_ += 1;
        break;
    case WR_ARRAY:
        write_list(b, &value, depth);
        break;
    case WR_OBJECT:
        write_map(b, &value, depth);
        break;
    case WR_NUMBER:    // above
    case WR_UNDEFINED: // only when forcing met the arena's limit
        b->json_.over = true;
        break;
    }
}

// ---- attributes

void wr_dynamodb_builder_init(struct wr_dynamodb_builder *b, struct wr_arena *arena,
                              enum wr_dialect dialect, size_t count)
{
    *b = (struct wr_dynamodb_builder){.arena = arena, .dialect = dialect, .cap_ = count};
    wr_buf_init_arena(&b->json_, arena);
    b->attrs_ = wr_arena_alloc(arena, count * sizeof *b->attrs_);
    b->json_.over = !b->attrs_;
    wr_buf_add_char(&b->json_, '{');
}

// Until the item is done an attribute's json has no address, since the buffer moves.
static struct wr_dynamodb_attr *attr_begin(struct wr_dynamodb_builder *b, wr_str name,
                                           const char *type)
{
    if (!b->attrs_) {
        return NULL;
    }
    wr_assert(b->count_ < b->cap_);
    if (name.len == 0) {
        trouble(b, "One or more parameter values were invalid: An attribute name is empty");
    }
    for (size_t i = 0; b->cap_ <= 3 && i < b->count_; i++) { // a result's own keys are unique
        if (wr_str_eq(b->attrs_[i].name, name)) {
            trouble(b, "One or more parameter values were invalid: Two attributes have one name");
        }
    }
    struct wr_dynamodb_attr *attr = &b->attrs_[b->count_];
    if (b->count_++ > 0) {
        wr_buf_add_char(&b->json_, ',');
    }
    wr_json_write_string(&b->json_, name);
    wr_buf_add_char(&b->json_, ':');
    *attr = (struct wr_dynamodb_attr){.name = name, .type = type, .start_ = b->json_.len};
    b->size_ += name.len;
    return attr;
}

static void attr_end(struct wr_dynamodb_builder *b, struct wr_dynamodb_attr *attr)
{
    attr->json.len = b->json_.len - attr->start_;
}

static const char *type_of(const wr_value *value)
{
    static const char *const types[] = {
        [WR_UNDEFINED] = "", [WR_NULL] = "NULL", [WR_BOOLEAN] = "BOOL", [WR_NUMBER] = "N",
        [WR_STRING] = "S",   [WR_ARRAY] = "L",   [WR_OBJECT] = "M",     [WR_RAW] = "S",
    };
    return types[value->type];
}

void wr_dynamodb_builder_add(struct wr_dynamodb_builder *b, wr_str name, const wr_value *value)
{
    if (value->type == WR_UNDEFINED) {
        return;
    }
    struct wr_dynamodb_attr *attr = attr_begin(b, name, type_of(value));
    if (!attr) {
        return;
    }
    wr_value forced = *value;
    if (forced.type == WR_STRING) {
        wr_value_force(&forced, b->arena, b->dialect);
        attr->scalar = forced.type == WR_STRING ? wr_value_text(&forced) : WR_STR("");
    }
    write_value(b, forced, 1);
    attr_end(b, attr);
}

void wr_dynamodb_builder_add_text(struct wr_dynamodb_builder *b, wr_str name, char type,
                                  wr_str text)
{
    struct wr_dynamodb_number n;
    struct wr_dynamodb_attr *attr = attr_begin(b, name, type == 'N' ? "N" : "S");
    if (!attr) {
        return;
    }
    const char *wrong = type == 'N' ? wr_dynamodb_number_parse(text, &n) : NULL;
    if (wrong) {
        trouble(b, wrong);
    } else if (type == 'N') {
        write_number(b, &n);
    } else {
        attr->scalar = text;
        write_string(b, text);
    }
    attr_end(b, attr);
}

void wr_dynamodb_builder_add_binary(struct wr_dynamodb_builder *b, wr_str name, wr_str bytes)
{
    struct wr_dynamodb_attr *attr = attr_begin(b, name, "B");
    if (attr) {
        wr_buf_add(&b->json_, WR_STR("{\"B\":\""));
        wr_buf_add_base64(&b->json_, bytes);
        wr_buf_add(&b->json_, WR_STR("\"}"));
        b->size_ += bytes.len;
        attr_end(b, attr);
    }
}

const char *wr_dynamodb_builder_done(struct wr_dynamodb_builder *b, struct wr_dynamodb_item *out)
{
    wr_buf_add_char(&b->json_, '}');
    if (b->trouble_) {
        return b->trouble_;
    }
    if (b->size_ > WR_DYNAMODB_ITEM_MAX) {
        return "Item size has exceeded the maximum allowed size";
    }
    if (b->json_.over || b->arena->over) {
        return "The message is over its limit of memory";
    }
    for (size_t i = 0; i < b->count_; i++) {
        struct wr_dynamodb_attr *attr = &b->attrs_[i];
        attr->json.at = b->json_.at + attr->start_;
        if (attr->type[0] == 'N' && !attr->type[1]) { // {"N":"12"}
            attr->scalar = wr_str_cut(attr->json, 6, attr->json.len - 2);
        }
    }
    *out = (struct wr_dynamodb_item){wr_buf_str(&b->json_), b->attrs_, b->count_, b->size_};
    return NULL;
}

// ---- size of what is read back

static size_t av_size(const wr_value *av, struct wr_arena *arena);

static size_t members_size(const wr_value *map, struct wr_arena *arena, size_t each)
{
    size_t size = 0;
    for (uint32_t i = 0; i < map->len; i++) {
        const struct wr_member *member = &map->as.members[i];
        size += member->key.len + each + av_size(&member->value, arena);
    }
    return size;
}

static size_t text_size(char type, wr_str text)
{
    struct wr_dynamodb_number n;
    if (type == 'N') {
        return wr_dynamodb_number_parse(text, &n) ? text.len : wr_dynamodb_number_size(&n);
    }
    if (type == 'B') {
        size_t padding = wr_str_ends(text, WR_STR("==")) + wr_str_ends(text, WR_STR("="));
        return text.len / 4 * 3 - padding;
    }
    return text.len;
}

// One AttributeValue: an object of one member, which names the type.
static size_t av_size(const wr_value *av, struct wr_arena *arena)
{
    wr_value forced = *av;
    wr_value_force(&forced, arena, WR_SQL_2016);
    if (forced.type != WR_OBJECT || forced.len != 1 || forced.as.members[0].key.len == 0) {
        return 0;
    }
    char type = forced.as.members[0].key.at[0];
    wr_value content = forced.as.members[0].value;
    wr_value_force(&content, arena, WR_SQL_2016);
    if (content.type == WR_OBJECT) {
        return 3 + members_size(&content, arena, 1);
    }
    if (content.type == WR_ARRAY) {
        size_t size = 3;
        for (uint32_t i = 0; i < content.len; i++) {
            size += 1 + av_size(&content.as.items[i], arena);
        }
        return size;
    }
    return content.type == WR_STRING ? text_size(type, wr_value_text(&content)) : 1;
}

size_t wr_dynamodb_item_size(const wr_value *item, struct wr_arena *arena)
{
    return item->type == WR_OBJECT ? members_size(item, arena, 0) : 0;
}
