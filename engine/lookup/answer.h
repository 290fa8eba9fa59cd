// What a look-up asks for, and what its function makes of what was found: sql.md 11.6 and 11.7 in
// one place, for `weir run` and for cases with a context alike.
// Thread: the owner of the look-up's message.
#ifndef WR_ENGINE_LOOKUP_ANSWER_H
#define WR_ENGINE_LOOKUP_ANSWER_H

#include "sql/base/buf.h"
#include "sql/sql.h"

#define WR_LOOKUP_ITEM_MAX (8 * 1024) // bytes of an item: AWS says that larger ones may fail

// ---- what is asked

// Argument `i` as text; "" when it is none.
wr_str wr_lookup_text(const struct wr_lookup *l, size_t i);
// get_thing_shadow(): at NULL for the unnamed one.
wr_str wr_lookup_shadow_name(const struct wr_lookup *l);
// get_dynamodb(): whether a sort key is given; it is at arguments 3 and 4.
bool wr_lookup_has_sort_key(const struct wr_lookup *l);
// aws_lambda(): the event, as JSON.
void wr_lookup_event(const struct wr_lookup *l, struct wr_buf *out);
// machinelearning_predict(): the record as JSON of one level, nested values as JSON text.
void wr_lookup_record(const struct wr_lookup *l, struct wr_buf *out);

// ---- what it comes to; each sets the result or the failure, and not `answered`

// The rule fails; the text begins with the function's name.
void wr_lookup_fail(struct wr_lookup *l, const char *format, ...) WR_PRINTF(2, 3);
// The result is the JSON `text` (copied), or the failure that it is none.
void wr_lookup_json(struct wr_lookup *l, wr_str text);
// get_dynamodb(): the item (plain JSON), Undefined when there is none. `item` is a value of the
// message's arena.
void wr_lookup_item(struct wr_lookup *l, const wr_value *item);
// Whether an item has the key that is asked for.
bool wr_lookup_item_fits(const struct wr_lookup *l, const wr_value *item);
// get_secret(): `secret` is {"SecretString": text} or {"SecretBinary": base64}; Undefined: there is
// none.
void wr_lookup_secret(struct wr_lookup *l, const wr_value *secret);

// A member of an object, forced; Undefined without. `object` may be anything.
wr_value wr_lookup_member(const struct wr_lookup *l, const wr_value *object, wr_str name);

#endif
