// Shapes: payloads of one kind of device differ in their values, seldom in their keys. A shape is
// the constant text of such a payload and the holes between; a payload that fits one is read by
// comparing text and filling holes, several times faster than by the reader that knows nothing.
// The answers are wr_json_read()'s, for every input (performance-design 3): what does not fit is
// read by it, and may teach a new shape.
//
//   {"id":"a1","t":21.5,"tags":["x","y"]}     literal  {"id":        hole: scalar
//                                             literal  ,"t":         hole: scalar -> slot 0
//                                             literal  ,"tags":      hole: array
//                                             literal  }             end
//
// Thread: one loop at a time.
#ifndef WR_BASE_JSON_SHAPE_H
#define WR_BASE_JSON_SHAPE_H

#include "sql/base/json.h"

struct wr_shapes;

// Shapes kept for one set of paths. `paths` is lent. Give: wr_shapes_free().
struct wr_shapes *wr_shapes_new(const struct wr_paths *paths);
void wr_shapes_free(struct wr_shapes *s); // NULL is accepted

// The Array at `slot` is wanted as a tree too, when that is a by-product.
void wr_shapes_want_tree(struct wr_shapes *s, uint32_t slot);
bool wr_shapes_wants_trees(const struct wr_shapes *s); // any

// What was made on the way: `at` has a value for each slot, Undefined, or what wr_value_force()
// would make of the lazy Array in that slot. In `arena`; never sets its `over`.
struct wr_shapes_trees {
    struct wr_arena *arena;
    wr_value *at;
};

// As wr_json_read(s->paths, …). Allocates only when a shape is learned, which becomes rare where
// shapes do not help, and in the arena of `trees`, which may be NULL. Values that were read by a
// shape may carry WR_V_CANON. Behind the last of `values` there is room for one more.
// `padding` bytes behind the text may be read, whatever they are: with 16 and more its end is read
// as fast as its beginning.
enum wr_json_kind wr_shapes_read(struct wr_shapes *s, wr_str text, size_t padding, wr_value *values,
                                 const struct wr_shapes_trees *trees, size_t *error_at) WR_HOT;

// Payloads that fitted a shape, and that did not.
struct wr_shapes_stats {
    uint64_t hits, misses, learned;
};
struct wr_shapes_stats wr_shapes_stats(const struct wr_shapes *s);

#endif
