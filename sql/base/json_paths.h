// The trie of wanted paths, shared by json_paths.c and json.c, not for others.
// Slots are numbered in depth-first order, so that a subtree owns a run of them.
// Thread: any; immutable once built.
#ifndef WR_BASE_JSON_PATHS_H
#define WR_BASE_JSON_PATHS_H

#include "sql/base/json.h"

#define WR_PATHS_NO_SLOT UINT32_MAX

struct wr_path_child {
    const char *key;
    uint32_t len, node;
};

struct wr_path_node {
    uint32_t first, count; // its children
    uint32_t table, mask;  // hash table over them when mask is not 0: indexes counted from 1
    uint32_t slot;
    uint32_t low, high; // slots of the subtree, this node's included: low <= slot < high
};

struct wr_paths {
    size_t count;
    struct wr_path_node *nodes; // nodes[0] is the root
    struct wr_path_child *children;
    uint32_t *tables;
    char *keys;
};

// The child of `n` for `key`, or NULL. json.c
const struct wr_path_node *wr_paths_child(const struct wr_paths *paths,
                                          const struct wr_path_node *n, wr_str key);

#endif
