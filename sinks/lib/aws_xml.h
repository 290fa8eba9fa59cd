// The few XML documents that AWS answers with: error bodies of S3 and SNS, credentials of STS.
// Strict (libexpat); a document type is refused, so that no entity is ever expanded.
// Thread: any.
#ifndef WR_SINKS_LIB_AWS_XML_H
#define WR_SINKS_LIB_AWS_XML_H

#include "sql/base/arena.h"
#include "sql/base/str.h"

#define WR_AWS_XML_MAX       (256u << 10) // bytes of a document
#define WR_AWS_XML_DEPTH_MAX 32

// An element that is wanted: the first of that name at any depth, its namespace prefix aside.
struct wr_aws_xml_field {
    wr_str name;
    wr_str text; // {NULL, 0} until it is found; then in the arena, blanks around it removed
};

// False when `document` is not well-formed XML (fields found until then are set), is too large or
// too deep, or the arena is full.
bool wr_aws_xml_read(wr_str document, struct wr_aws_xml_field *fields, size_t count,
                     struct wr_arena *arena) WR_MUST_CHECK;

// Every element in the document's order: `start`, and `end` with the text that stands directly
// inside, as it is, in the arena. Names without prefix, lent until the callback returns. False as
// above; callbacks have been called until then.
bool wr_aws_xml_walk(wr_str document, void (*start)(void *user, wr_str name),
                     void (*end)(void *user, wr_str name, wr_str text), void *user,
                     struct wr_arena *arena) WR_MUST_CHECK;

#endif
