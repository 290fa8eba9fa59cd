// What a statement and a template are made of, as far as it matters to who looks at rules without
// running them: names of items, what kind of value comes out, what a template depends on.
// Thread: any.
#ifndef WR_SQL_OUTLINE_H
#define WR_SQL_OUTLINE_H

#include "sql/sql.h"

enum wr_outline_shape {
    WR_OUTLINE_ANY,    // depends on the message
    WR_OUTLINE_OBJECT, // always an Object
    WR_OUTLINE_ARRAY,  // an Array, or Undefined
    WR_OUTLINE_SCALAR, // neither Object nor Array
};

struct wr_outline {
    enum wr_outline_shape shape;
    bool value;       // SELECT VALUE
    bool passthrough; // `*` alone: the payload goes on as it is
    bool star;        // an item merges members that are not known: `*` or `path.*`
    bool nested;      // reads a member of a member, an entry of an array, or has a nested query
    size_t item_count;
    wr_str filter; // FROM, at NULL without
    uint32_t filter_at;
};

struct wr_outline_item {
    wr_str name;   // what the member is called at top level; at NULL for what is merged
    bool renamed;  // an alias, or a name that is not a top-level member's own
    bool computed; // may be a number that is not written out: not a text, Boolean, Object literal
    uint32_t begin;
};

void wr_outline_statement(const struct wr_program *p, struct wr_outline *out);
// index < item_count.
void wr_outline_item(const struct wr_program *p, size_t index, struct wr_outline_item *out);

// What a value depends on.
#define WR_READS_PAYLOAD 1u  // the payload: an attribute, or all of it
#define WR_READS_MESSAGE 2u  // topic, client, user properties: the same for many messages
#define WR_READS_TIME    4u  // timestamp(), but for dates without a fraction of a second
#define WR_READS_UNIQUE  8u  // newuuid(), traceid(), rand(): new for every message
#define WR_READS_LOOKUP  16u // answers of services

// The same for all messages: 0. Variables of SET are followed. The text must be a template that the
// program takes. `name`, unless NULL, is called for each attribute of the payload that is read
// (first part of the path), with its byte in `text`.
unsigned wr_outline_template(const struct wr_program *p, wr_str text,
                             void (*name)(void *user, wr_str root, size_t at), void *user);

#endif
